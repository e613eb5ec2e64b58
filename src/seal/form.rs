//! The form of an age header, read strictly from outside bytes. Nothing is opened here: this is
//! what a gateway may know of an envelope that arrives sealed, and what an opener asks first.
//!
//! ```text
//! header     = v1-line 1*stanza end
//! v1-line    = "age-encryption.org/v1" LF
//! stanza     = "-> " argument *(SP argument) LF *full-line final-line
//! argument   = 1*VCHAR
//! full-line  = 64base64char LF
//! final-line = *63base64char LF
//! end        = "--- " 43base64char LF
//! ```
//!
//! Source: C2SP `age.md`, "ABNF definition of file header"; all base64 is canonical and unpadded.

use std::io::{self, BufRead, Read};

use data_encoding::BASE64_NOPAD;

use super::{
    header::{MAC_LEN, VERSION_LINE},
    stanza::{BODY_LEN, ENC_LEN, TAG},
};

/// Bytes of the longest header that is read: more than six hundred reviewers have.
pub const HEADER_LIMIT: usize = 1024 * 1024;

const COLUMNS: usize = 64;

/// A header of the right form. Whether its MAC is right, only an opener can tell.
pub struct HeaderForm {
    text: Vec<u8>,
    stanzas: Vec<StanzaForm>,
}

/// A stanza of the right form.
#[derive(Debug, PartialEq, Eq)]
pub struct StanzaForm {
    /// At least one; the first tells the stanza's type.
    pub arguments: Vec<String>,
    /// The decoded body, which may be empty.
    pub body: Vec<u8>,
}

/// Why some bytes do not begin with an age v1 header.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// Not a line of a header, or one that is not allowed here.
    #[error("this is no age file of version 1, or its header is damaged (line {line}, {what})")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong with the line.
        what: &'static str,
    },
    /// The bytes end within the header.
    #[error("the file ends within its header; fetch it again, whole")]
    Truncated,
    /// More than [`HEADER_LIMIT`] bytes.
    #[error("the header is longer than 1 MiB; it was not made by Sealpost")]
    TooLong,
    /// The bytes could not be read.
    #[error("the file could not be read")]
    Io(#[from] io::Error),
}

impl HeaderForm {
    /// Reads one header and not a byte more.
    ///
    /// # Errors
    /// See [`FormError`]. At most [`HEADER_LIMIT`] bytes are taken into memory.
    pub fn read(source: &mut impl BufRead) -> Result<Self, FormError> {
        let mut lines = Lines { source, text: Vec::new(), count: 0 };
        if lines.next()? != VERSION_LINE.trim_end().as_bytes() {
            return Err(lines.malformed("not the line age-encryption.org/v1"));
        }
        let mut stanzas = Vec::new();
        loop {
            let line = lines.next()?;
            if let Some(arguments) = line.strip_prefix(b"-> ") {
                let Some(arguments) = parse_arguments(arguments) else {
                    return Err(lines.malformed("an argument is empty or not printable ASCII"));
                };
                let body = lines.body()?;
                stanzas.push(StanzaForm { arguments, body });
            } else if let Some(mac) = line.strip_prefix(b"--- ") {
                if stanzas.is_empty() {
                    return Err(lines.malformed("there is no stanza"));
                }
                if !BASE64_NOPAD.decode(mac).is_ok_and(|mac| mac.len() == MAC_LEN) {
                    return Err(lines.malformed("the MAC is not 32 bytes of base64"));
                }
                return Ok(Self { text: lines.text, stanzas });
            } else {
                return Err(lines.malformed("neither a stanza nor the MAC"));
            }
        }
    }

    /// The stanzas, in their order; at least one.
    pub fn stanzas(&self) -> &[StanzaForm] {
        &self.stanzas
    }

    /// The number of recipients, if the header has the form of an envelope: every stanza of the
    /// post-quantum type and of the right lengths, and nothing else.
    pub fn envelope_recipients(&self) -> Option<usize> {
        let all = self.stanzas.iter().all(|stanza| stanza.hybrid_enc().is_some());
        all.then_some(self.stanzas.len())
    }

    /// The header's bytes, as they were read.
    pub fn into_text(self) -> Vec<u8> {
        self.text
    }
}

impl StanzaForm {
    /// The encapsulated key of a `mlkem768x25519` stanza that has one argument of 1,120 bytes and
    /// a body of 32.
    fn hybrid_enc(&self) -> Option<[u8; ENC_LEN]> {
        let [tag, enc] = self.arguments.as_slice() else {
            return None;
        };
        if tag != TAG || self.body.len() != BODY_LEN {
            return None;
        }
        hybrid_enc(enc)
    }
}

/// The argument of a `mlkem768x25519` stanza: canonical unpadded base64 of 1,120 bytes.
pub(crate) fn hybrid_enc(argument: &str) -> Option<[u8; ENC_LEN]> {
    BASE64_NOPAD.decode(argument.as_bytes()).ok()?.try_into().ok()
}

fn parse_arguments(line: &[u8]) -> Option<Vec<String>> {
    let printable =
        |argument: &[u8]| !argument.is_empty() && argument.iter().all(u8::is_ascii_graphic);
    line.split(|&byte| byte == b' ')
        .map(|argument| {
            let text = std::str::from_utf8(argument).ok().filter(|_| printable(argument));
            text.map(str::to_owned)
        })
        .collect()
}

/// The lines of a header, kept as they come.
struct Lines<'a, R> {
    source: &'a mut R,
    text: Vec<u8>,
    count: usize,
}

impl<R: BufRead> Lines<'_, R> {
    /// The next line without its LF.
    fn next(&mut self) -> Result<&[u8], FormError> {
        let start = self.text.len();
        let room = (HEADER_LIMIT - start) as u64;
        self.count += 1;
        self.source.by_ref().take(room).read_until(b'\n', &mut self.text)?;
        match self.text.get(start..).and_then(|line| line.strip_suffix(b"\n")) {
            // borrowed again, which ends the borrow of the failing arm
            Some(line) => Ok(line),
            None if self.text.len() >= HEADER_LIMIT => Err(FormError::TooLong),
            None => Err(FormError::Truncated),
        }
    }

    /// The body that follows a stanza's arguments: full lines, then a shorter one.
    fn body(&mut self) -> Result<Vec<u8>, FormError> {
        let mut encoded = Vec::new();
        loop {
            let line = self.next()?;
            if line.len() > COLUMNS {
                return Err(self.malformed("a line of a body is longer than 64 characters"));
            }
            encoded.extend_from_slice(line);
            if line.len() < COLUMNS {
                break;
            }
        }
        BASE64_NOPAD
            .decode(&encoded)
            .map_err(|_| self.malformed("the body is not canonical unpadded base64"))
    }

    fn malformed(&self, what: &'static str) -> FormError {
        FormError::Malformed { line: self.count, what }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        random::SystemEntropy,
        recipient::Recipient,
        seal::{Recipients, seal_stream},
    };

    const MAC: &str = "HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s";

    fn read(mut bytes: &[u8]) -> Result<HeaderForm, FormError> {
        HeaderForm::read(&mut bytes)
    }

    fn with_stanza(stanza: &str) -> String {
        format!("age-encryption.org/v1\n{stanza}--- {MAC}\n")
    }

    #[test]
    fn our_own_envelopes_have_the_form() {
        let entropy = SystemEntropy::new();
        for count in [1, 3] {
            let to = (0..count).map(|_| Recipient::throw_away(&entropy)).collect();
            let to = Recipients::new(to).unwrap();
            let mut sealed = seal_stream(&b"tip"[..], 3, &to, &entropy);
            let head = sealed.next_chunk().unwrap().unwrap().to_vec();
            let mut rest = &head[..];
            let form = HeaderForm::read(&mut rest).unwrap();
            assert_eq!(form.envelope_recipients(), Some(count));
            assert_eq!(rest.len(), 16, "the nonce is left where it was");
            assert_eq!(form.into_text(), head[..head.len() - 16]);
        }
    }

    #[test]
    fn what_the_grammar_allows_is_read() {
        let full = "a".repeat(64);
        for (stanza, arguments, body) in [
            ("-> X25519 abc\n\n".to_owned(), 2, 0),
            (format!("-> a\n{full}\n\n"), 1, 48),
            (format!("-> a ~ !\n{full}\nYWdl\n"), 3, 51),
        ] {
            let form = read(with_stanza(&stanza).as_bytes()).unwrap();
            assert_eq!(form.stanzas()[0].arguments.len(), arguments);
            assert_eq!(form.stanzas()[0].body.len(), body);
            assert_eq!(form.envelope_recipients(), None);
        }
    }

    #[test]
    fn what_the_grammar_forbids_is_refused() {
        let full = "a".repeat(64);
        for stanza in [
            "",
            "->\n\n",
            "-> \n\n",
            "-> a  b\n\n",
            "-> a b \n\n",
            "-> a\tb\n\n",
            "-> é\n\n",
            "-> a\r\n\n",
            "-> a\nYWdl\n\n",
            "-> a\nYWdlIQ==\n",
            "-> a\nYR\n",
            "-> a\nY WdlIQ\n",
            "-> a\n",
            &format!("-> a\n{full}a\n\n"),
            &format!("-> a\n{full}\n"),
            "--> a\n\n",
        ] {
            let refused = read(with_stanza(stanza).as_bytes());
            assert!(matches!(refused, Err(FormError::Malformed { .. })), "{stanza:?}");
        }
        let fine = with_stanza("-> a\n\n");
        for (from, to) in [
            ("v1", "v2"),
            ("age", "AGE"),
            ("--- H", "---H"),
            ("--- H", "---  H"),
            ("75s\n", "75s=\n"),
            ("75s\n", "75t\n"),
            ("75s\n", "75\n"),
            ("75s\n", "75s \n"),
        ] {
            let wrong = fine.replace(from, to);
            assert_ne!(wrong, fine);
            assert!(matches!(read(wrong.as_bytes()), Err(FormError::Malformed { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_header_that_is_cut_off_is_told_apart() {
        let fine = with_stanza("-> a\nYWdl\n");
        assert!(read(fine.as_bytes()).is_ok());
        for cut in 0..fine.len() {
            let refused = read(&fine.as_bytes()[..cut]);
            assert!(matches!(refused, Err(FormError::Truncated)), "{cut}");
        }
    }

    #[test]
    fn an_endless_header_ends() {
        let whole = 3 * HEADER_LIMIT as u64;
        let line = b"age-encryption.org/v1\n-> ".chain(io::repeat(b'a')).take(whole);
        let mut source = io::BufReader::new(line);
        assert!(matches!(HeaderForm::read(&mut source), Err(FormError::TooLong)));
        assert!(source.get_ref().limit() > whole / 2, "no more is read than is needed");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(read(&bytes).is_err());
        }

        #[test]
        fn what_is_read_reads_the_same_when_written_again(
            stanzas in proptest::collection::vec(
                (proptest::collection::vec("[!-~]{1,9}", 1..4), proptest::collection::vec(any::<u8>(), 0..150)),
                1..4,
            ),
        ) {
            let mut text = VERSION_LINE.to_owned();
            for (arguments, body) in &stanzas {
                text.push_str(&format!("-> {}\n", arguments.join(" ")));
                let body = BASE64_NOPAD.encode(body);
                let mut rest = &body[..];
                while rest.len() >= COLUMNS {
                    text.push_str(&format!("{}\n", &rest[..COLUMNS]));
                    rest = &rest[COLUMNS..];
                }
                text.push_str(&format!("{rest}\n"));
            }
            text.push_str(&format!("--- {MAC}\n"));
            let form = read(text.as_bytes()).unwrap();
            let read_back: Vec<_> =
                form.stanzas().iter().map(|s| (s.arguments.clone(), s.body.clone())).collect();
            prop_assert_eq!(read_back, stanzas);
            prop_assert_eq!(form.into_text(), text.into_bytes());
        }
    }
}
