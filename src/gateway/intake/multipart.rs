//! A strict, streaming reader of `multipart/form-data` (RFC 7578) that does no I/O.
//!
//! Bytes are pushed in as they arrive and come out as [`Piece`]s that share the memory of what was
//! pushed. What is held back between two pushes is bounded: the beginning of a delimiter in data,
//! or a part's header of at most [`MAX_PART_HEADER`] bytes. There is no preamble (no browser sends
//! one), and of a part's header only the field's name and *whether* there is a file name are read:
//! the file name itself and the MIME type never leave this file.
//!
//! ```text
//! --boundary CRLF  header CRLF CRLF  data  CRLF--boundary CRLF  …  CRLF--boundary-- ignored
//! ```

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;

/// The longest header of one part, in bytes; file names of 255 characters fit many times.
pub const MAX_PART_HEADER: usize = 8 * 1024;

/// The longest boundary, in bytes (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;

const LINE_END: &[u8] = b"\r\n";
const HEADER_END: &[u8] = b"\r\n\r\n";

/// What separates the parts of one body.
pub struct Boundary(String);

impl Boundary {
    /// Reads the value of a `Content-Type` header; None if it is not `multipart/form-data` with a
    /// usable boundary.
    pub fn from_content_type(value: &[u8]) -> Option<Self> {
        let value = std::str::from_utf8(value).ok()?;
        let (kind, parameters) = value.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let mut parameters = parameters.split(';').filter_map(|p| p.split_once('='));
        let (_, boundary) = parameters.find(|(n, _)| n.trim().eq_ignore_ascii_case("boundary"))?;
        let boundary = boundary.trim();
        let unquoted = boundary.strip_prefix('"').and_then(|b| b.strip_suffix('"'));
        let boundary = unquoted.unwrap_or(boundary);
        // RFC 2046's bchars without the space, which no browser uses
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
        let fits = (1..=MAX_BOUNDARY).contains(&boundary.len()) && boundary.bytes().all(allowed);
        fits.then(|| Self(boundary.to_owned()))
    }
}

/// The next thing in a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// A part begins.
    Begin {
        /// The form field it belongs to.
        field: Field,
        /// True if the client gave a file name that is not empty, as it does for a chosen file.
        named: bool,
    },
    /// Some of the part's bytes, never none.
    Data(Bytes),
    /// The part is whole.
    End,
}

/// The fields of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The text area.
    Message,
    /// The files.
    Files,
    /// What becomes of files that cannot be cleaned.
    Uncleanable,
    /// Not of our form.
    Other,
}

/// The body is no multipart body as browsers make it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is no multipart form")]
pub struct Malformed;

/// The reader's state.
pub struct Multipart {
    /// CR LF `--boundary`
    delimiter: Finder<'static>,
    buffer: Bytes,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// before the first delimiter, which lacks the CR LF
    Start,
    /// after a delimiter: CR LF or `--` follows
    Delimited,
    Header,
    Data,
    Over,
}

impl Multipart {
    /// A reader at the beginning of a body.
    pub fn new(boundary: &Boundary) -> Self {
        let delimiter = format!("\r\n--{}", boundary.0);
        let delimiter = Finder::new(delimiter.as_bytes()).into_owned();
        Self { delimiter, buffer: Bytes::new(), state: State::Start }
    }

    /// Takes the next bytes of the body. Call [`Multipart::next_piece`] until it has nothing more first.
    pub fn push(&mut self, bytes: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = bytes;
        } else {
            // rare in data: only if the last bytes look like the beginning of a delimiter
            let mut joined = BytesMut::with_capacity(self.buffer.len() + bytes.len());
            joined.extend_from_slice(&self.buffer);
            joined.extend_from_slice(&bytes);
            self.buffer = joined.freeze();
        }
    }

    /// Bytes that are held back until more come.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// True once the closing delimiter was read: a body that ends before it is cut off.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// The next piece; None if more bytes are needed, or if the body is over.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, Malformed> {
        loop {
            let progress = match self.state {
                State::Start => self.start()?,
                State::Delimited => self.delimited()?,
                State::Header => match self.header()? {
                    Some(begin) => return Ok(Some(begin)),
                    None => false,
                },
                State::Data => return Ok(self.data()),
                State::Over => {
                    self.buffer.clear();
                    false
                }
            };
            if !progress {
                return Ok(None);
            }
        }
    }

    fn start(&mut self) -> Result<bool, Malformed> {
        let first = self.delimiter.needle().get(LINE_END.len()..).unwrap_or_default();
        let seen = self.buffer.len().min(first.len());
        if self.buffer.get(..seen) != first.get(..seen) {
            return Err(Malformed);
        }
        if seen < first.len() {
            return Ok(false);
        }
        self.buffer.advance(seen);
        self.state = State::Delimited;
        Ok(true)
    }

    fn delimited(&mut self) -> Result<bool, Malformed> {
        let Some(next) = self.buffer.get(..2) else {
            return Ok(false);
        };
        self.state = match next {
            LINE_END => State::Header,
            b"--" => State::Over,
            _ => return Err(Malformed),
        };
        self.buffer.advance(2);
        Ok(true)
    }

    fn header(&mut self) -> Result<Option<Piece>, Malformed> {
        let near = self.buffer.len().min(MAX_PART_HEADER);
        let header = self.buffer.get(..near).unwrap_or_default();
        let Some(end) = memchr::memmem::find(header, HEADER_END) else {
            return if near == MAX_PART_HEADER { Err(Malformed) } else { Ok(None) };
        };
        let header = self.buffer.split_to(end);
        self.buffer.advance(HEADER_END.len());
        self.state = State::Data;
        let (field, named) = disposition(&header)?;
        Ok(Some(Piece::Begin { field, named }))
    }

    fn data(&mut self) -> Option<Piece> {
        let sure = match self.delimiter.find(&self.buffer) {
            Some(0) => {
                self.buffer.advance(self.delimiter.needle().len());
                self.state = State::Delimited;
                return Some(Piece::End);
            }
            // the next call finds it again, at 0
            Some(at) => at,
            None => self.buffer.len() - self.held_back(),
        };
        (sure > 0).then(|| Piece::Data(self.buffer.split_to(sure)))
    }

    /// How many bytes at the buffer's end may be the beginning of a delimiter. Only its first byte
    /// is a CR, so the last CR decides.
    fn held_back(&self) -> usize {
        let needle = self.delimiter.needle();
        let near = self.buffer.len().saturating_sub(needle.len() - 1);
        let tail = self.buffer.get(near..).unwrap_or_default();
        match memchr::memrchr(b'\r', tail).and_then(|at| tail.get(at..)) {
            Some(begun) if needle.starts_with(begun) => begun.len(),
            _ => 0,
        }
    }
}

/// Reads `Content-Disposition: form-data; name="…"; filename="…"` out of a part's header.
fn disposition(header: &[u8]) -> Result<(Field, bool), Malformed> {
    const NAME: &[u8] = b"content-disposition:";
    let mut lines = header.split(|b| *b == b'\n');
    let is_it = |line: &&[u8]| line.get(..NAME.len()).is_some_and(|n| n.eq_ignore_ascii_case(NAME));
    let line = lines.find(is_it).and_then(|line| line.get(NAME.len()..)).ok_or(Malformed)?;
    let rest = line.trim_ascii().strip_prefix(b"form-data").ok_or(Malformed)?;
    let (name, rest) = parameter(rest, b"name").ok_or(Malformed)?;
    let field = match name {
        b"message" => Field::Message,
        b"files" => Field::Files,
        b"uncleanable" => Field::Uncleanable,
        _ => Field::Other,
    };
    // what follows the name in every browser; a value that is odd still is a name
    let named = match parameter(rest, b"filename") {
        Some((file_name, _)) => !file_name.is_empty(),
        None => !rest.is_empty(),
    };
    Ok((field, named))
}

/// The value of `; name="value"` at the beginning of `text`, and what follows it.
fn parameter<'a>(text: &'a [u8], name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let text = text.trim_ascii_start().strip_prefix(b";")?.trim_ascii_start();
    let text = text.strip_prefix(name)?.strip_prefix(b"=\"")?;
    let end = memchr::memchr(b'"', text)?;
    let (value, rest) = text.split_at_checked(end)?;
    Some((value, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn boundary() -> Boundary {
        Boundary::from_content_type(b"multipart/form-data; boundary=XYZ").unwrap()
    }

    /// Field, whether there was a file name, and data.
    type Part = (Field, bool, Vec<u8>);

    /// All parts, and whether the body was over; the body is cut into pieces of `step` bytes.
    fn read(body: &[u8], step: usize) -> Result<(Vec<Part>, bool), Malformed> {
        let mut reader = Multipart::new(&boundary());
        let mut parts = Vec::new();
        for piece in body.chunks(step) {
            reader.push(Bytes::copy_from_slice(piece));
            while let Some(piece) = reader.next_piece()? {
                match piece {
                    Piece::Begin { field, named } => parts.push((field, named, Vec::new())),
                    Piece::Data(data) => {
                        assert!(!data.is_empty());
                        parts.last_mut().unwrap().2.extend_from_slice(&data);
                    }
                    Piece::End => {}
                }
            }
            assert!(reader.held() < MAX_PART_HEADER);
        }
        Ok((parts, reader.is_over()))
    }

    fn part(disposition: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("--XYZ\r\nContent-Disposition: form-data{disposition}\r\n\r\n");
        [header.as_bytes(), data, b"\r\n"].concat()
    }

    fn body(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut all = parts.iter().flat_map(|(d, data)| part(d, data)).collect::<Vec<_>>();
        all.extend_from_slice(b"--XYZ--\r\n");
        all
    }

    #[test]
    fn a_browsers_form_is_read_however_it_is_cut() {
        let body = body(&[
            ("; name=\"message\"", "안녕".as_bytes()),
            ("; name=\"files\"; filename=\"x;y\\.jpg\"\r\nContent-Type: image/jpeg", b"\r\n--XY\r"),
            ("; name=\"files\"; filename=\"\"\r\nContent-Type: application/octet-stream", b""),
            ("; name=\"uncleanable\"", b"leave-out"),
            ("; name=\"other\"", b"?"),
        ]);
        let expected = vec![
            (Field::Message, false, "안녕".as_bytes().to_vec()),
            (Field::Files, true, b"\r\n--XY\r".to_vec()),
            (Field::Files, false, vec![]),
            (Field::Uncleanable, false, b"leave-out".to_vec()),
            (Field::Other, false, b"?".to_vec()),
        ];
        for step in 1..body.len() + 1 {
            assert_eq!(read(&body, step), Ok((expected.clone(), true)), "{step}");
        }
    }

    #[test]
    fn a_body_cut_off_anywhere_is_never_over() {
        let body = body(&[("; name=\"message\"", b"x"), ("; name=\"files\"", b"data")]);
        let closing = body.len() - b"\r\n".len();
        for end in 0..closing {
            let (_, over) = read(&body[..end], 7).unwrap();
            assert!(!over, "{end}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for wrong in [
            &b"preamble\r\n--XYZ--"[..],
            b"--XYZ \r\n",
            b"--XYZ\r\nContent-Type: text/plain\r\n\r\n",
            b"--XYZ\r\nContent-Disposition: attachment; name=\"message\"\r\n\r\n",
            b"--XYZ\r\nContent-Disposition: form-data; name=message\r\n\r\n",
            b"--XYZ\r\nContent-Disposition: form-data\r\n\r\n",
        ] {
            assert_eq!(read(wrong, 5), Err(Malformed), "{}", wrong.escape_ascii());
        }
        let endless = [b"--XYZ\r\n".to_vec(), vec![b'a'; 2 * MAX_PART_HEADER]].concat();
        assert_eq!(read(&endless, 512), Err(Malformed));
    }

    #[test]
    fn a_boundary_is_read_from_the_content_type() {
        let good = |v: &str| Boundary::from_content_type(v.as_bytes()).map(|b| b.0);
        assert_eq!(good("multipart/form-data; boundary=a-b").as_deref(), Some("a-b"));
        assert_eq!(good("Multipart/Form-Data;charset=utf-8; BOUNDARY=\"a:b\"").unwrap(), "a:b");
        for wrong in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"a b\"",
            "multipart/form-data; boundary=a\rb",
            "multipart/mixed; boundary=a",
            "application/x-www-form-urlencoded",
            "text/plain; boundary=a",
        ] {
            assert!(good(wrong).is_none(), "{wrong}");
        }
        assert!(good(&format!("multipart/form-data; boundary={}", "a".repeat(71))).is_none());
    }

    proptest! {
        #[test]
        fn data_comes_out_as_it_went_in(
            data in "(\r|\n|-|X|Y|Z|a){0,80}",
            step in 1_usize..40,
        ) {
            prop_assume!(!data.contains("\r\n--XYZ"));
            let body = body(&[("; name=\"files\"; filename=\"f\"", data.as_bytes())]);
            let expected = vec![(Field::Files, true, data.clone().into_bytes())];
            prop_assert_eq!(read(&body, step), Ok((expected, true)));
        }

        #[test]
        fn no_bytes_do_harm(body in "(\r\n|--XYZ|--|: |;|=|\"|name|[a-z]){0,60}", step in 1_usize..9) {
            let _ = read(body.as_bytes(), step);
        }
    }
}
