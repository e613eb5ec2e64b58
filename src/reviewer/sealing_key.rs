//! The private half of a sealing key: 32 bytes from which an X-Wing key pair follows.
//!
//! Its text is that of age, `AGE-SECRET-KEY-PQ-1…` (C2SP `age.md`), so that a reviewer can open
//! envelopes with any age from 1.3 on.

use age_core::format::{FileKey, Stanza};
use bech32::{Checksum, primitives::decode::CheckedHrpstring};
use hpke::{
    Deserializable, HpkeError, Kem, OpModeR, Serializable,
    aead::{AeadTag, ChaCha20Poly1305},
    kdf::HkdfSha256,
    kem::XWing,
    single_shot_open_inout_detached,
};
use zeroize::Zeroizing;

use crate::{
    random::Entropy,
    recipient::{LongBech32, Recipient, is_low_order, write_bech32},
    seal::{
        form::hybrid_enc,
        stanza::{BODY_LEN, ENC_LEN, INFO, TAG},
    },
    secret::{Secret, SecretKey, SecretText},
};

const PREFIX: &str = "age-secret-key-pq-";
const SEED_LEN: usize = 32;
const FILE_KEY_LEN: usize = 16;
const TEXT_LEN: usize =
    PREFIX.len() + 1 + (SEED_LEN * 8).div_ceil(5) + <LongBech32 as Checksum>::CHECKSUM_LENGTH;

type PrivateKey = <XWing as Kem>::PrivateKey;

/// The private half of a sealing key. It wipes itself and cannot be printed, only written out by
/// name; see [`SealingSecret::to_text`].
pub struct SealingSecret(SecretKey<SEED_LEN>);

/// A text that is no private half of a sealing key. It does not repeat the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "this is no AGE-SECRET-KEY-PQ-1… key; restore the reviewer's folder from its copy, or have new \
     keys made with `sealpost-reviewer rotate`"
)]
pub struct NotASealingSecret;

impl SealingSecret {
    /// A new one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Secret::filled(|seed| entropy.fill(seed)))
    }

    /// The public half, to which the gateway seals.
    pub fn recipient(&self) -> Recipient {
        Recipient::checked(&XWing::sk_to_pk(&self.private_key()).to_bytes())
    }

    /// `AGE-SECRET-KEY-PQ-1…`, for a file that is protected by a passphrase.
    pub fn to_text(&self) -> SecretText {
        let mut text = Secret::new(String::with_capacity(TEXT_LEN));
        write_bech32(PREFIX, self.0.expose(), text.expose_mut());
        text.expose_mut().make_ascii_uppercase();
        text
    }

    /// Takes exactly what [`to_text`](Self::to_text) writes.
    ///
    /// # Errors
    /// For any other text.
    pub fn parse(text: &str) -> Result<Self, NotASealingSecret> {
        let parsed = CheckedHrpstring::new::<LongBech32>(text).map_err(|_| NotASealingSecret)?;
        let bytes = parsed.byte_iter();
        if text.len() != TEXT_LEN || bytes.len() != SEED_LEN {
            return Err(NotASealingSecret);
        }
        let secret = Self(Secret::filled(|seed| {
            seed.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        }));
        // one text for each key: no other case, prefix or padding
        if secret.to_text().expose() == text { Ok(secret) } else { Err(NotASealingSecret) }
    }

    #[expect(clippy::expect_used, reason = "any 32 bytes are an X-Wing private key")]
    fn private_key(&self) -> PrivateKey {
        PrivateKey::from_bytes(self.0.expose()).expect("32 bytes")
    }
}

/// The key by which the age crate opens post-quantum stanzas, which it does not know itself.
impl age::Identity for SealingSecret {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        // one malformed stanza spoils the header, wherever it stands
        let ours = stanzas.iter().filter(|stanza| stanza.tag == TAG);
        let Some(shares) = ours.map(Share::of).collect::<Option<Vec<_>>>() else {
            return Some(Err(age::DecryptError::InvalidHeader));
        };
        let key = self.private_key();
        shares.iter().find_map(|share| share.open(&key).ok()).map(Ok)
    }
}

/// What a well-formed `mlkem768x25519` stanza holds.
struct Share {
    enc: [u8; ENC_LEN],
    body: [u8; BODY_LEN],
}

impl Share {
    /// `None` unless there is one argument of 1,120 bytes in canonical base64 and a body of 32
    /// bytes, and the X25519 share, its last 32 bytes, is not of low order.
    fn of(stanza: &Stanza) -> Option<Self> {
        let [enc] = stanza.args.as_slice() else {
            return None;
        };
        let enc = hybrid_enc(enc)?;
        let body = stanza.body.as_slice().try_into().ok()?;
        let x25519 = enc.last_chunk::<32>()?;
        // HPKE's X-Wing would go on with a shared secret of zeros
        if is_low_order(x25519) { None } else { Some(Self { enc, body }) }
    }

    fn open(&self, key: &PrivateKey) -> Result<FileKey, HpkeError> {
        let (sealed, tag) = self.body.split_at(FILE_KEY_LEN);
        let enc = <XWing as Kem>::EncappedKey::from_bytes(&self.enc)?;
        let tag = AeadTag::<ChaCha20Poly1305>::from_bytes(tag)?;
        let mut file_key = Zeroizing::new([0; FILE_KEY_LEN]);
        file_key.copy_from_slice(sealed);
        single_shot_open_inout_detached::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            key,
            &enc,
            INFO,
            file_key.as_mut_slice().into(),
            b"",
            &tag,
        )?;
        Ok(FileKey::init_with_mut(|out| out.copy_from_slice(&*file_key)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemEntropy;

    /// The identity and recipient that age.md prints.
    const EXAMPLE: &str =
        "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR";
    const EXAMPLE_RECIPIENT_STARTS: &str = "age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87pzf5zrqtzdxz95paef6caq5aapdmwj";
    const EXAMPLE_RECIPIENT_ENDS: &str = "ze9pyyzk3tlhl53k2ykx3qheyty7saeq0d3fzv49zc0k";

    #[test]
    fn the_example_of_the_specification() {
        let secret = SealingSecret::parse(EXAMPLE).unwrap();
        assert_eq!(secret.to_text().expose(), EXAMPLE);
        let recipient = secret.recipient().to_string();
        assert!(recipient.starts_with(EXAMPLE_RECIPIENT_STARTS), "{recipient}");
        assert!(recipient.ends_with(EXAMPLE_RECIPIENT_ENDS), "{recipient}");
        assert_eq!(recipient.parse::<Recipient>().unwrap(), secret.recipient());
    }

    #[test]
    fn a_text_is_read_as_it_is_written() {
        let secret = SealingSecret::generate(&SystemEntropy::new());
        let text = secret.to_text();
        assert_eq!(text.expose().capacity(), TEXT_LEN);
        let again = SealingSecret::parse(text.expose()).unwrap();
        assert!(again.0.expose() == secret.0.expose());
        assert!(again.recipient() == secret.recipient());
    }

    #[test]
    fn there_is_one_text_for_a_key() {
        for wrong in [
            "",
            &EXAMPLE.to_lowercase(),
            &EXAMPLE[..EXAMPLE.len() - 1],
            &format!("{EXAMPLE}\n"),
            &EXAMPLE.replace("XX76", "XX67"),
            // a classical identity, of the example in age.md
            "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
        ] {
            assert!(SealingSecret::parse(wrong).is_err(), "{wrong}");
        }
        assert!(!NotASealingSecret.to_string().contains("XX76"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,100}|AGE-SECRET-KEY-PQ-1[A-Z0-9]{0,100}") {
            prop_assert!(SealingSecret::parse(&text).is_err());
        }
    }
}
