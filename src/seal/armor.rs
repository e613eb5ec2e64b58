//! ASCII armor: an age file that goes through a mail.
//!
//! Strict PEM (RFC 7468 §3) with the label `AGE ENCRYPTED FILE`: padded base64 in lines of 64
//! characters, LF at their ends. Source: C2SP `age.md`, "ASCII armor".

use data_encoding::BASE64;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n";
const END: &str = "-----END AGE ENCRYPTED FILE-----\n";
/// Bytes of an age file in a line of 64 characters.
const LINE_BYTES: usize = 48;

/// An age file as text.
pub(super) fn armored(file: &[u8]) -> String {
    let mut text = String::with_capacity(armored_len(file.len()));
    text.push_str(BEGIN);
    for line in file.chunks(LINE_BYTES) {
        BASE64.encode_append(line, &mut text);
        text.push('\n');
    }
    text.push_str(END);
    text
}

/// Characters of the armor of `bytes` bytes.
pub(super) const fn armored_len(bytes: usize) -> usize {
    BEGIN.len() + bytes.div_ceil(3) * 4 + bytes.div_ceil(LINE_BYTES) + END.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_full_but_the_last() {
        assert_eq!(armored(b"age"), format!("{BEGIN}YWdl\n{END}"));
        for bytes in [0, 1, 47, 48, 49, 96, 97] {
            let text = armored(&vec![b'a'; bytes]);
            assert_eq!(text.len(), armored_len(bytes), "{bytes}");
            let lines: Vec<_> = text.lines().collect();
            let body = &lines[1..lines.len() - 1];
            assert!(body.iter().rev().skip(1).all(|line| line.len() == 64), "{bytes}");
            assert!(body.iter().all(|line| !line.is_empty()), "{bytes}");
        }
    }
}
