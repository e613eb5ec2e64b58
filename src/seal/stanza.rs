//! The recipient stanza: the file key, sealed to one reviewer.
//!
//! ```text
//! -> mlkem768x25519 <enc: 1,120 bytes in base64>
//! <the sealed file key: 32 bytes in base64>
//! ```
//!
//! HPKE in base mode (RFC 9180) with X-Wing (KEM 0x647a), HKDF-SHA256 and ChaCha20Poly1305, no
//! associated data. Source: C2SP `age.md`, "mlkem768x25519 recipient stanza".

use std::convert::Infallible;

use data_encoding::BASE64_NOPAD;
use hpke::{
    OpModeS, Serializable,
    aead::ChaCha20Poly1305,
    kdf::HkdfSha256,
    kem::XWing,
    rand_core::{TryCryptoRng, TryRng},
    single_shot_seal_inout_detached_with_rng,
};

use super::header::FileKey;
use crate::{random::Entropy, recipient::Recipient};

/// The stanza's first argument.
pub const TAG: &str = "mlkem768x25519";
/// What HPKE binds the sealed file key to.
pub const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// Bytes of the encapsulated key: the ML-KEM-768 ciphertext, then the X25519 share.
pub const ENC_LEN: usize = 1120;
/// Bytes of a stanza's body: the file key and its tag.
pub const BODY_LEN: usize = 32;

const FILE_KEY_LEN: usize = 16;
/// Bytes of a whole stanza.
pub(super) const STANZA_LEN: usize =
    "-> ".len() + TAG.len() + 1 + base64_len(ENC_LEN) + 1 + base64_len(BODY_LEN) + 1;

/// Appends the stanza that gives `key` to `recipient`.
#[expect(clippy::expect_used, reason = "HPKE's first message to a checked key always seals")]
pub(super) fn write(key: &FileKey, recipient: &Recipient, entropy: &dyn Entropy, out: &mut String) {
    let mut body = [0; BODY_LEN];
    let (sealed_key, seal_tag) = body.split_at_mut(FILE_KEY_LEN);
    sealed_key.copy_from_slice(key.expose());
    let (enc, tag) =
        single_shot_seal_inout_detached_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            recipient.public_key(),
            INFO,
            (&mut *sealed_key).into(),
            b"",
            &mut Random(entropy),
        )
        .expect("the file key is sealed");
    tag.write_exact(seal_tag);

    out.push_str("-> ");
    out.push_str(TAG);
    out.push(' ');
    BASE64_NOPAD.encode_append(&enc.to_bytes(), out);
    out.push('\n');
    BASE64_NOPAD.encode_append(&body, out);
    out.push('\n');
}

/// Characters of unpadded base64 for `bytes` bytes.
pub(super) const fn base64_len(bytes: usize) -> usize {
    (bytes * 8).div_ceil(6)
}

/// Our entropy, in the form in which HPKE asks for it.
struct Random<'a>(&'a dyn Entropy);

impl TryRng for Random<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_ne_bytes(crate::random::bytes(self.0)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_ne_bytes(crate::random::bytes(self.0)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Random<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::SystemEntropy, secret::Secret};

    #[test]
    fn a_stanza_has_its_form_and_length() {
        let entropy = SystemEntropy::new();
        let mut out = String::new();
        write(&Secret::new([7; 16]), &Recipient::throw_away(&entropy), &entropy, &mut out);
        assert_eq!(out.len(), STANZA_LEN);
        let lines: Vec<&str> = out.lines().collect();
        let enc = lines[0].strip_prefix("-> mlkem768x25519 ").unwrap();
        assert_eq!(BASE64_NOPAD.decode(enc.as_bytes()).unwrap().len(), ENC_LEN);
        assert_eq!(BASE64_NOPAD.decode(lines[1].as_bytes()).unwrap().len(), BODY_LEN);
        assert!(out.ends_with('\n') && lines.len() == 2);
    }

    #[test]
    fn two_stanzas_to_one_recipient_have_nothing_in_common() {
        let entropy = SystemEntropy::new();
        let (key, to) = (Secret::new([7; 16]), Recipient::throw_away(&entropy));
        let [one, two] = [(), ()].map(|()| {
            let mut out = String::new();
            write(&key, &to, &entropy, &mut out);
            out
        });
        let same = one.bytes().zip(two.bytes()).skip(18).filter(|(a, b)| a == b).count();
        assert!(same < STANZA_LEN / 10, "{same} characters are the same");
    }
}
