//! A notice: a mail whose body is sealed to the reviewer, and always of one size.

use super::{opener, sealing_key::SealingSecret};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

/// Why a mail gives no notice.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// No sealed block in it.
    #[error("there is no sealed notice in this text: give the whole mail, or its body")]
    NoBlock,
    /// Not for one of these keys.
    #[error(
        "the notice cannot be opened with your keys: it is another reviewer's, it was sent when \
         the gateway had no key of yours, or it is damaged"
    )]
    Closed(#[from] opener::OpenError),
    /// Not text.
    #[error("the notice is not text")]
    NotText,
}

/// Finds the sealed block in a mail's text, opens it, and gives its words; no control characters
/// but line feeds come through.
pub fn open(mail: &str, secrets: &[SealingSecret]) -> Result<String, NoticeError> {
    let block = sealed_block(mail).ok_or(NoticeError::NoBlock)?;
    let text = opener::open_armored(block.as_bytes(), secrets)?;
    let text = std::str::from_utf8(text.expose()).map_err(|_| NoticeError::NotText)?;
    Ok(text.chars().filter(|c| *c == '\n' || !c.is_control()).collect())
}

/// The first age block, its lines ending in LF, without the spaces that a mail program adds.
fn sealed_block(mail: &str) -> Option<String> {
    let mut lines = mail.lines().map(str::trim).skip_while(|line| *line != BEGIN);
    let mut block = String::new();
    loop {
        let line = lines.next()?;
        block.push_str(line);
        block.push('\n');
        if line == END {
            return Some(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{random::SystemEntropy, seal::seal_armored};

    #[test]
    fn the_block_is_found_among_headers_and_signatures() {
        let mail = format!("Subject: x\r\n\r\n  {BEGIN}\r\nYWdl\r\n{END} \r\n-- \r\nSent by me");
        assert_eq!(sealed_block(&mail).unwrap(), format!("{BEGIN}\nYWdl\n{END}\n"));
        for other in [String::new(), mail.replace(END, ""), mail.replace(BEGIN, "")] {
            assert_eq!(sealed_block(&other), None);
        }
    }

    #[test]
    fn a_notice_opens_and_cannot_command_the_terminal() {
        let entropy = SystemEntropy::new();
        let key = SealingSecret::generate(&entropy);
        let sealed = seal_armored(b"Tips: 2\n\x1b[2JBye\r\n", &key.recipient(), &entropy);
        let mail = format!("Subject: x\r\n\r\n{}", sealed.replace('\n', "\r\n"));
        assert_eq!(open(&mail, &[key]).unwrap(), "Tips: 2\n[2JBye\n");
        let stranger = SealingSecret::generate(&entropy);
        assert!(matches!(open(&mail, &[stranger]), Err(NoticeError::Closed(_))));
    }

    proptest! {
        #[test]
        fn no_mail_panics(mail in "(\\PC|\r|\n){0,100}(-----BEGIN AGE ENCRYPTED FILE-----\n)?.*") {
            let _ = sealed_block(&mail);
        }
    }
}
