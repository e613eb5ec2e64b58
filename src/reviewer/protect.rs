//! Files under a passphrase: how a reviewer's private keys lie on the disk.
//!
//! They are age files with one scrypt stanza (C2SP `age.md`, "The scrypt recipient type"), as
//! `age -p` writes them, so that any age opens them.

use std::io::Write;

use age::secrecy::SecretString;

use super::opener::{OpenError, open_with};
use crate::secret::{SecretBytes, SecretText};

/// Base-two logarithm of scrypt's work: 0.9 s and 256 MiB on a small machine.
const WORK: u8 = 18;
/// The most that is done for a file that asks for more: four times as much.
const MOST_WORK: u8 = 20;

/// Seals `plaintext` under a passphrase, as a binary age file. It takes about a second and
/// 256 MiB. The age crate draws salt and keys from the operating system by itself.
pub fn protect(plaintext: &SecretBytes, passphrase: &SecretText) -> Vec<u8> {
    protect_with_work(plaintext, passphrase, WORK)
}

/// Opens what [`protect`] or `age -p` wrote.
///
/// # Errors
/// [`OpenError::WrongPassphrase`], [`OpenError::TooMuchWork`], or what else [`OpenError`] says of
/// a damaged file.
pub fn unprotect(file: &[u8], passphrase: &SecretText) -> Result<SecretBytes, OpenError> {
    let mut identity = age::scrypt::Identity::new(secret_string(passphrase));
    identity.set_max_work_factor(MOST_WORK);
    let identity: &dyn age::Identity = &identity;
    let opened = open_with(file, std::iter::once(identity)).map_err(|error| match error {
        OpenError::NotForYou => OpenError::WrongPassphrase,
        other => other,
    })?;
    opened.read_whole(file.len())
}

#[expect(clippy::expect_used, reason = "one recipient, and memory as the place to write to")]
fn protect_with_work(plaintext: &SecretBytes, passphrase: &SecretText, work: u8) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(secret_string(passphrase));
    recipient.set_work_factor(work);
    let recipient: &dyn age::Recipient = &recipient;
    let sealed =
        age::Encryptor::with_recipients(std::iter::once(recipient)).expect("one recipient");
    let mut writer = sealed.wrap_output(Vec::new()).expect("memory takes it");
    writer.write_all(plaintext.expose()).expect("memory takes it");
    writer.finish().expect("memory takes it")
}

fn secret_string(passphrase: &SecretText) -> SecretString {
    SecretString::from(passphrase.expose().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// Work that takes a test no time.
    const LITTLE: u8 = 4;

    fn passphrase(text: &str) -> SecretText {
        Secret::new(text.to_owned())
    }

    fn plaintext() -> SecretBytes {
        Secret::new(b"AGE-SECRET-KEY-PQ-1".repeat(10_000))
    }

    #[test]
    fn what_is_protected_opens_with_its_passphrase_only() {
        let file = protect_with_work(&plaintext(), &passphrase("right"), LITTLE);
        assert!(!file.windows(15).any(|bytes| bytes == b"AGE-SECRET-KEY-"));
        let opened = unprotect(&file, &passphrase("right")).unwrap();
        assert!(opened.expose() == plaintext().expose());
        for wrong in ["", "Right", "right "] {
            let refused = unprotect(&file, &passphrase(wrong));
            assert!(matches!(refused, Err(OpenError::WrongPassphrase)), "{wrong}");
        }
    }

    #[test]
    fn the_work_is_what_age_itself_asks_for() {
        let file = protect(&plaintext(), &passphrase("right"));
        let header = String::from_utf8_lossy(&file);
        let stanza = header.lines().nth(1).unwrap();
        assert!(stanza.starts_with("-> scrypt ") && stanza.ends_with(" 18"), "{stanza}");
        assert!(unprotect(&file, &passphrase("right")).is_ok());
    }

    #[test]
    fn a_file_that_asks_for_too_much_work_is_refused_at_once() {
        let file = protect_with_work(&plaintext(), &passphrase("right"), LITTLE);
        let at = file.windows(3).position(|bytes| bytes == b" 4\n").unwrap();
        let mut costly = file[..at].to_vec();
        costly.extend_from_slice(b" 21\n");
        costly.extend_from_slice(&file[at + 3..]);
        let refused = unprotect(&costly, &passphrase("right"));
        assert!(matches!(refused, Err(OpenError::TooMuchWork(21))));
    }

    #[test]
    fn a_damaged_file_is_told_from_a_wrong_passphrase() {
        let mut file = protect_with_work(&plaintext(), &passphrase("right"), LITTLE);
        let end = file.len() - 1;
        file[end] ^= 1;
        assert!(matches!(unprotect(&file, &passphrase("right")), Err(OpenError::Damaged)));
        assert!(matches!(unprotect(&file[..40], &passphrase("right")), Err(OpenError::Truncated)));
    }
}
