//! A reviewer's identity key: the long-lived Ed25519 key that signs sealing keys and requests.

use data_encoding::HEXLOWER;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::{
    random::Entropy,
    roster::IdentityKey,
    secret::{SecretKey, SecretText},
};

/// The private half: an Ed25519 seed (RFC 8032 §5.1.5), wiped when dropped.
pub struct IdentitySecret {
    seed: SecretKey<32>,
    public: IdentityKey,
}

impl IdentitySecret {
    /// A fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_seed(SecretKey::filled(|seed| entropy.fill(seed)))
    }

    fn from_seed(seed: SecretKey<32>) -> Self {
        let public = pair(&seed).public_key().as_ref().try_into();
        #[expect(clippy::expect_used, reason = "RFC 8032 §5.1.5: a public key has 32 bytes")]
        let public = IdentityKey(public.expect("an Ed25519 public key has 32 bytes"));
        Self { seed, public }
    }

    /// The public half, as it stands on the roster.
    pub fn public(&self) -> IdentityKey {
        self.public
    }

    /// Signs `bytes`, which begin with a purpose or are a signature base: see where this is called.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        #[expect(clippy::expect_used, reason = "RFC 8032 §5.1.6: a signature has 64 bytes")]
        pair(&self.seed).sign(bytes).as_ref().try_into().expect("a signature has 64 bytes")
    }

    /// The seed as 64 lowercase hex digits.
    pub(super) fn to_hex(&self) -> SecretText {
        let mut text = String::with_capacity(64);
        HEXLOWER.encode_append(self.seed.expose(), &mut text);
        SecretText::new(text)
    }

    /// Reads 64 lowercase hex digits; `None` for anything else.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let mut seed = SecretKey::new([0; 32]);
        if HEXLOWER.decode_len(text.len()) != Ok(32) {
            return None;
        }
        HEXLOWER.decode_mut(text.as_bytes(), seed.expose_mut()).ok()?;
        Some(Self::from_seed(seed))
    }
}

/// ring's form of the key, made for each use: it does not wipe itself, so it does not stay.
fn pair(seed: &SecretKey<32>) -> Ed25519KeyPair {
    #[expect(clippy::expect_used, reason = "every 32 bytes are an Ed25519 seed")]
    Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("32 bytes are a seed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemEntropy;

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn the_rfcs_own_key() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let identity = IdentitySecret::from_hex(seed).unwrap();
        assert_eq!(HEXLOWER.encode(&identity.public().0), public);
        assert!(HEXLOWER.encode(&identity.sign(&[0x72])).starts_with("92a009a9f0d4cab8720e820b"));
    }

    #[test]
    fn a_key_reads_as_it_is_written() {
        let identity = IdentitySecret::generate(&SystemEntropy::new());
        let read = IdentitySecret::from_hex(identity.to_hex().expose()).unwrap();
        assert_eq!(read.public(), identity.public());
    }

    proptest! {
        #[test]
        fn other_texts_are_no_key(text in "[0-9a-fA-F]{0,63}|[0-9a-f]{65,130}|[0-9A-F]{63}G") {
            prop_assert!(IdentitySecret::from_hex(&text).is_none());
        }
    }
}
