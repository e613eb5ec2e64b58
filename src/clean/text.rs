//! Plain text: UTF-8 passes as it is, anything else is refused.
//!
//! A byte-order mark is left behind, for only some editors write one. Control characters other than tab, line feed,
//! carriage return and form feed are refused: they are no text, and some of them drive the terminal of whoever reads
//! it. Invisible characters that scripts and emoji need (zero-width joiners, variation selectors) stay; that a text can
//! be marked with them, and by its wording, is what [`Remains::Wording`] says.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use super::{CleanError, Cleaned, Found, Kind, Refusal, Remains, input::Input, replay::Pieces};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether `byte` is an ASCII control character that no text has.
pub(super) fn is_control(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c)) || byte == 0x7f
}

/// Checks the whole of a text of any size.
pub(super) fn clean<R: Read + Seek>(input: &mut Input<'_, R>) -> Result<Cleaned, CleanError> {
    let mut found = BTreeSet::new();
    if input.window(BYTE_ORDER_MARK.len())?.starts_with(BYTE_ORDER_MARK) {
        input.consume(BYTE_ORDER_MARK.len());
        found.insert(Found::Software);
    }
    let start = input.position();
    loop {
        // a character has at most four bytes, so a shorter window is the end of the file
        let window = input.window(4)?;
        if window.is_empty() {
            break;
        }
        let checked = check(window)?;
        input.consume(checked);
    }
    let mut pieces = Pieces::default();
    pieces.copy(start, input.position()).map_err(|_| Refusal::TooLarge { kind: Kind::Text })?;
    Ok(Cleaned::new(Kind::Text, found, [Remains::Wording], pieces))
}

/// How many bytes of `window` are whole characters of a text; a character that the window cuts waits for the next.
fn check(window: &[u8]) -> Result<usize, Refusal> {
    let valid = match std::str::from_utf8(window) {
        Ok(text) => text,
        Err(error) => {
            let valid = window.get(..error.valid_up_to()).unwrap_or_default();
            if valid.is_empty() || error.error_len().is_some() {
                return Err(Refusal::Encoding);
            }
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    if valid.bytes().any(is_control) || has_c1(valid.as_bytes()) {
        return Err(Refusal::Ambiguous);
    }
    Ok(valid.len())
}

/// Whether there is one of U+0080 to U+009F, terminals' second set of controls: `C2 80` to `C2 9F` in UTF-8.
fn has_c1(valid: &[u8]) -> bool {
    memchr::memchr_iter(0xc2, valid)
        .any(|at| valid.get(at + 1).is_some_and(|byte| (0x80..0xa0).contains(byte)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::clean::Limits;

    fn cleaned(bytes: &[u8]) -> Result<Vec<u8>, CleanError> {
        let mut output = Vec::new();
        let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
        cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
        Ok(output)
    }

    fn refusal(bytes: &[u8]) -> Refusal {
        match cleaned(bytes) {
            Err(CleanError::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn utf_8_passes_without_its_mark() {
        let text = "회의는 화요일 👩‍👩‍👧\r\n\t这是真的\x0c";
        assert_eq!(cleaned(text.as_bytes()).unwrap(), text.as_bytes());
        assert_eq!(cleaned(format!("\u{feff}{text}").as_bytes()).unwrap(), text.as_bytes());
    }

    #[test]
    fn other_encodings_and_controls_are_refused() {
        assert_eq!(refusal(b"\xb0\xa1\xb3\xaa"), Refusal::Encoding);
        assert_eq!(refusal(b"\xff\xfea\0b\0"), Refusal::Encoding);
        assert_eq!(refusal("cut \u{ac00}".as_bytes().split_last().unwrap().1), Refusal::Encoding);
        let late = [" ".repeat(300_000).as_bytes(), b"\x1b[2J"].concat();
        assert_eq!(refusal(&late), Refusal::Ambiguous);
        assert_eq!(refusal("a\u{9b}2J".as_bytes()), Refusal::Ambiguous);
    }

    proptest! {
        #[test]
        fn a_text_of_any_length_is_copied(text in "[가-힣a-z\n😀]{1,50}", times in 1..3000_usize) {
            let text = text.repeat(times);
            prop_assert_eq!(cleaned(text.as_bytes()).unwrap(), text.as_bytes());
        }

        #[test]
        fn whatever_passes_is_utf_8(bytes in proptest::collection::vec(any::<u8>(), 1..64)) {
            let text = [b"text: ".as_slice(), &bytes].concat();
            if let Ok(output) = cleaned(&text) {
                let output = String::from_utf8(output).unwrap();
                prop_assert!(!output.chars().any(|c| c.is_control() && !"\t\n\r\x0c".contains(c)));
            }
        }
    }
}
