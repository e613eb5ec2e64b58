//! Plain text, CSV and Markdown: every character that a script needs, in UTF-8, and nothing that cannot be seen.
//!
//! | part | what becomes of it |
//! |---|---|
//! | byte-order mark | dropped; UTF-16 with one is written in UTF-8 |
//! | EUC-KR (CP949), GB 18030 (GBK) and Big5 | written in UTF-8 where it is certain which it is (see `legacy`), else refused |
//! | CR LF, CR, U+2028, U+2029 | LF |
//! | blanks at the end of a line, blank lines at the end of the text | dropped |
//! | no-break, thin and other typographic spaces, blank fillers | a space; the wide space of Chinese and Korean stays |
//! | zero-width characters, bidirectional embeddings, tags, unusual variation selectors | dropped (see `invisible`) |
//! | joiners, direction marks, emoji selectors | kept where they change what is seen (see `invisible`), else dropped |
//! | control characters but tab, line feed, carriage return and form feed | refused: they drive terminals |
//! | everything else, also blank lines, tabs and several spaces between words | kept |
//!
//! Two blanks at the end of a line are a line break to Markdown. They are dropped all the same: a text cannot be told from
//! Markdown, what is invisible at the ends of lines is an old way to mark one, and the words stay where they were. Whether
//! the last line ends with LF stays as it was.
//!
//! Not detected: marks that can be seen or need judgement, such as look-alike letters, composed against decomposed ones,
//! typographic against plain quotation marks, several spaces, wording ([`Remains::Wording`] says so).
//!
//! A text is read once and kept where it is; what changes is written anew in memory, 64 MiB at most, but
//! for the CR of CR LF, which costs nothing ([`Rewrite`]).

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use self::invisible::{Fate, For, Invisible};
use super::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains, input::Input, replay::TooManyPieces,
    rewrite::Rewrite,
};

mod invisible;
mod legacy;
mod tables;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How much is read at a time.
const WINDOW: usize = 32 << 10;

/// Whether `byte` is an ASCII control character that no text has.
pub(super) fn is_control(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c)) || byte == 0x7f
}

/// Checks the whole of a text of any size.
pub(super) fn clean<R: Read + Seek>(input: &mut Input<'_, R>) -> Result<Cleaned, CleanError> {
    let mut text = Text::default();
    let head = input.window(BYTE_ORDER_MARK.len())?;
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(head) {
        text.found.insert(Found::Software);
        input.consume(mark);
        if encoding != encoding_rs::UTF_8 {
            text.decoded(input, encoding)?;
            return text.finish();
        }
    }
    let start = input.position();
    if !text.utf_8(input)? {
        let encoding = legacy::guess(input, start)?.ok_or(Refusal::Encoding)?;
        text = Text::default();
        text.found.insert(Found::Software);
        input.seek(start)?;
        text.decoded(input, encoding)?;
    }
    text.finish()
}

/// The cleaned text so far.
#[derive(Default)]
struct Text {
    found: BTreeSet<Found>,
    rewrite: Rewrite,
    invisible: Invisible,
    /// What stays only if the next character asks for it.
    waiting: Option<(char, For)>,
    /// Behind CR: LF belongs to it.
    carriage: bool,
    /// Length of the text up to the last character of this line that is not blank.
    line: u64,
    /// The same for the whole text, and whether a line end follows.
    end: u64,
    ended: bool,
}

impl From<TooManyPieces> for Refusal {
    fn from(_: TooManyPieces) -> Self {
        Self::TooLarge { kind: Kind::Text }
    }
}

impl Text {
    /// Takes all of `input`; false if it is no UTF-8.
    fn utf_8<R: Read + Seek>(&mut self, input: &mut Input<'_, R>) -> Result<bool, CleanError> {
        loop {
            let at = input.position();
            let window = input.window(WINDOW)?;
            let window = window.get(..WINDOW).unwrap_or(window);
            if window.is_empty() {
                return Ok(true);
            }
            let valid = match std::str::from_utf8(window) {
                Ok(text) => text,
                Err(error) => {
                    // a character that the window cuts waits for the next
                    let valid = window.get(..error.valid_up_to()).unwrap_or_default();
                    if valid.is_empty() || error.error_len().is_some() {
                        return Ok(false);
                    }
                    std::str::from_utf8(valid).unwrap_or_default()
                }
            };
            self.take(valid, Some(at))?;
            let read = valid.len();
            input.consume(read);
        }
    }

    /// Takes all of `input`, which must be right in `encoding` to the last byte.
    fn decoded<R: Read + Seek>(
        &mut self,
        input: &mut Input<'_, R>,
        encoding: &'static encoding_rs::Encoding,
    ) -> Result<(), CleanError> {
        legacy::decode(input, encoding, |text| self.take(text, None))?
            .then_some(())
            .ok_or_else(|| Refusal::Encoding.into())
    }

    /// Takes a part of the text; `at` is where it stands in the input, if it stands there in UTF-8.
    fn take(&mut self, text: &str, at: Option<u64>) -> Result<(), Refusal> {
        let mut kept = 0;
        // behind the last character of `text[kept..]` that is not blank
        let mut solid = 0;
        let mut next = 0;
        while let Some(rest) = text.get(next..).filter(|rest| !rest.is_empty()) {
            let index = next;
            if self.waiting.is_none() && !self.carriage {
                // speed is decided here: most of a text is plain
                let plain = plain(rest);
                if let Some(last) = plain.chars().next_back() {
                    let before = last_solid(plain);
                    self.invisible.see(last);
                    solid = if before > 0 { index + before } else { solid };
                    next += plain.len();
                    continue;
                }
            }
            let character = rest.chars().next().unwrap_or_default();
            next += character.len_utf8();
            let fate = self.fate(character)?;
            if let Some((waiting, what)) = self.waiting.filter(|_| !matches!(fate, Fate::Waits(_)))
            {
                self.waiting = None;
                if what.is(character) {
                    self.flush(text, at, (kept, index, solid))?;
                    (kept, solid) = (index, index);
                    self.put(waiting.encode_utf8(&mut [0; 4]), true)?;
                } else {
                    self.found.insert(Found::Identifier);
                }
            }
            let follows = next;
            match fate {
                Fate::LineEnd if at.is_some() && rest.starts_with("\r\n") => {
                    self.flush(text, at, (kept, index, solid))?;
                    (kept, solid) = (follows, follows);
                    self.found.insert(Found::Software);
                    self.trim_line();
                    self.rewrite.leave_return(at.unwrap_or(0) + index as u64);
                    // the line ends with LF, as others do
                    continue;
                }
                Fate::Kept => solid = follows,
                Fate::Blank => {}
                Fate::LineEnd if character == '\n' && !self.carriage => {
                    self.flush(text, at, (kept, index, solid))?;
                    (kept, solid) = (index, index);
                    self.end_line();
                }
                other => {
                    self.flush(text, at, (kept, index, solid))?;
                    (kept, solid) = (follows, follows);
                    self.change(other, character)?;
                }
            }
            self.carriage = character == '\r';
        }
        self.flush(text, at, (kept, text.len(), solid))
    }

    /// What becomes of a character.
    fn fate(&mut self, character: char) -> Result<Fate, Refusal> {
        if character.is_control() && !"\t\n\r\x0c".contains(character) {
            return Err(Refusal::Ambiguous);
        }
        Ok(self.invisible.fate(character))
    }

    /// Carries out what is not to leave the text as it is.
    fn change(&mut self, fate: Fate, character: char) -> Result<(), Refusal> {
        match fate {
            Fate::LineEnd => {
                self.found.insert(Found::Software);
                if !(self.carriage && character == '\n') {
                    self.end_line();
                    self.put("\n", false)?;
                }
            }
            Fate::Space => {
                self.found.insert(Found::Other);
                self.put(" ", false)?;
            }
            // the first of several counts
            Fate::Waits(_) if self.waiting.is_some() => {
                self.found.insert(Found::Identifier);
            }
            Fate::Waits(what) => self.waiting = Some((character, what)),
            Fate::Dropped | Fate::Kept | Fate::Blank => {
                self.found.insert(Found::Identifier);
            }
        }
        Ok(())
    }

    /// Adds what is kept: `text[from..to]`, of which what is before `solid` does not end in a blank.
    fn flush(
        &mut self,
        text: &str,
        at: Option<u64>,
        (from, to, solid): (usize, usize, usize),
    ) -> Result<(), Refusal> {
        let bytes = text.as_bytes().get(from..to).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        if solid > from {
            self.line = self.rewrite.len() + (solid - from) as u64;
            self.end = self.line;
            self.ended = false;
        }
        match at {
            Some(at) => self.rewrite.keep(at + from as u64, bytes)?,
            None => self.rewrite.put(bytes)?,
        }
        Ok(())
    }

    fn put(&mut self, text: &str, solid: bool) -> Result<(), Refusal> {
        self.rewrite.put(text.as_bytes())?;
        if solid {
            self.line = self.rewrite.len();
            self.end = self.line;
            self.ended = false;
        }
        Ok(())
    }

    /// Takes back the blanks before a line end.
    fn trim_line(&mut self) {
        if self.rewrite.len() > self.line {
            self.found.insert(Found::Other);
            self.rewrite.truncate(self.line);
        }
    }

    /// The same before a line end that the caller adds.
    fn end_line(&mut self) {
        self.trim_line();
        self.line += 1;
        self.ended = true;
    }

    fn finish(mut self) -> Result<Cleaned, CleanError> {
        if let Some((waiting, what)) = self.waiting.take() {
            // nothing follows, as at a line's end
            if what.is('\n') {
                self.put(waiting.encode_utf8(&mut [0; 4]), true)?;
            } else {
                self.found.insert(Found::Identifier);
            }
        }
        let mut end = self.end;
        if self.ended && end > 0 {
            end += 1;
        }
        if self.rewrite.len() > end {
            self.found.insert(Found::Other);
            self.rewrite.truncate(end);
        }
        let pieces = self.rewrite.finish().map_err(Refusal::from)?;
        Ok(Cleaned::new(Kind::Text, self.found, [Remains::Wording], pieces))
    }
}

/// The beginning of `text` that needs no look: ASCII, Han, Hangul and what stands with them.
fn plain(text: &str) -> &str {
    let bytes = text.as_bytes();
    let mut end = 0;
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        end += rest.iter().position(|byte| !(b' '..=b'~').contains(byte)).unwrap_or(rest.len());
        // U+3001 to U+D7FF but for the Hangul filler
        match bytes.get(end..) {
            Some([0xe3, second, third, ..])
                if (*second, *third) != (0x80, 0x80) && (*second, *third) != (0x85, 0xa4) =>
            {
                end += 3;
            }
            Some([0xe4..=0xec, ..] | [0xed, ..=0x9f, ..]) => end += 3,
            _ => return text.get(..end).unwrap_or_default(),
        }
    }
}

/// Length of `text` without the spaces at its end.
fn last_solid(text: &str) -> usize {
    text.trim_end_matches(' ').len()
}

#[cfg(test)]
mod tests;
