//! The header of an age file, and the keys that follow from the file key.
//!
//! ```text
//! age-encryption.org/v1
//! <one stanza for each recipient>
//! --- <HMAC-SHA-256 over all before this space, in base64>
//! ```
//!
//! Source: C2SP `age.md`, "Header" and "Payload".

use data_encoding::BASE64_NOPAD;
use ring::{hkdf, hmac};

use super::stanza::{self, STANZA_LEN, base64_len};
use crate::{
    random::Entropy,
    recipient::Recipient,
    secret::{Secret, SecretKey},
};

/// The key of one file, from which its others follow.
pub(super) type FileKey = SecretKey<16>;

/// The header's first line.
pub(super) const VERSION_LINE: &str = "age-encryption.org/v1\n";
/// Bytes of the header's MAC.
pub(super) const MAC_LEN: usize = 32;

const MAC_MARK: &str = "---";

/// A fresh file key. It serves one file only.
pub(super) fn file_key(entropy: &dyn Entropy) -> FileKey {
    Secret::filled(|key| entropy.fill(key))
}

/// The header's text.
pub(super) fn write(key: &FileKey, recipients: &[Recipient], entropy: &dyn Entropy) -> String {
    let mut text = String::with_capacity(header_len(recipients.len()));
    text.push_str(VERSION_LINE);
    for recipient in recipients {
        stanza::write(key, recipient, entropy, &mut text);
    }
    text.push_str(MAC_MARK);
    let mac = hmac::sign(&mac_key(key), text.as_bytes());
    text.push(' ');
    BASE64_NOPAD.encode_append(mac.as_ref(), &mut text);
    text.push('\n');
    text
}

/// Bytes of a header with this many stanzas.
pub(super) const fn header_len(stanzas: usize) -> usize {
    VERSION_LINE.len() + stanzas * STANZA_LEN + MAC_MARK.len() + 1 + base64_len(MAC_LEN) + 1
}

/// The key of the payload's chunks: HKDF-SHA-256 of the file key, salted with the file's nonce.
pub(crate) fn payload_key(key: &FileKey, nonce: &[u8]) -> SecretKey<32> {
    derive(key, nonce, b"payload")
}

fn mac_key(key: &FileKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, derive(key, b"", b"header").expose())
}

#[expect(clippy::expect_used, reason = "32 bytes are far below HKDF's limit of 8,160")]
fn derive(key: &FileKey, salt: &[u8], info: &[u8]) -> SecretKey<32> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key.expose());
    let info = [info];
    let expanded = extracted.expand(&info, hkdf::HKDF_SHA256).expect("a length of 32");
    Secret::filled(|out| expanded.fill(out).expect("a length of 32"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemEntropy;

    #[test]
    fn a_header_is_as_long_as_it_says() {
        let entropy = SystemEntropy::new();
        for count in [1, 2, 5] {
            let all: Vec<_> = (0..count).map(|_| Recipient::throw_away(&entropy)).collect();
            let text = write(&file_key(&entropy), &all, &entropy);
            assert_eq!(text.len(), header_len(count));
            assert_eq!(text.lines().count(), 2 + 2 * count);
        }
    }

    #[test]
    fn the_keys_and_the_mac_are_as_computed_elsewhere() {
        // computed with Python's hmac module after RFC 5869 and RFC 2104
        let key = Secret::new(*b"YELLOW SUBMARINE");
        assert_eq!(
            data_encoding::HEXLOWER.encode(derive(&key, b"", b"header").expose()),
            "a4bf3b9f4e908993e678eb71e558faedac5829d1d632c50225217c066fec77d2"
        );
        assert_eq!(
            write(&key, &[], &SystemEntropy::new()).lines().last().unwrap(),
            "--- u/LRnSo3V8xM5dGMyy1IhPiaN0QaOWlkm5TqbhNCRew"
        );
        assert_eq!(
            data_encoding::HEXLOWER.encode(payload_key(&key, &[9; 16]).expose()),
            "1b123dbdea933d972e12736fabb90d39d3147209810e836fbedaf4ef7274042e"
        );
    }
}
