//! A post-quantum age recipient: what a tip is sealed to.
//!
//! ```text
//! age1pq1 …                 Bech32 (BIP 173, not Bech32m), lower case, 1,959 characters
//! └ 1,216 bytes             X-Wing public key
//!   ├ 1,152 bytes           ML-KEM-768: 768 coefficients of 12 bits, each below 3,329
//!   ├    32 bytes           ML-KEM-768: seed of the matrix
//!   └    32 bytes           X25519: a u-coordinate, little endian
//! ```
//!
//! Source: C2SP `age.md`, "The MLKEM768-X25519 (i.e. X-Wing) hybrid post-quantum recipient type".

use std::{fmt, str::FromStr};

use bech32::{Bech32, ByteIterExt, Checksum, Fe32IterExt, Hrp};
use hpke::{
    Deserializable, Kem, Serializable,
    kem::{X25519HkdfSha256, XWing},
};

use crate::{
    random::{self, Entropy},
    secret::SecretKey,
};

mod text;

/// Bytes of an X-Wing public key.
pub const PUBLIC_KEY_LEN: usize = 1216;
/// Characters of a recipient's text: prefix, separator, data, checksum.
pub const RECIPIENT_TEXT_LEN: usize =
    PREFIX.len() + 1 + (PUBLIC_KEY_LEN * 8).div_ceil(5) + Bech32::CHECKSUM_LENGTH;

const PREFIX: &str = "age1pq";
/// The prime modulus of ML-KEM (FIPS 203 §2.4).
const ML_KEM_Q: u64 = 3329;
const ML_KEM_COEFFICIENTS: usize = 768;

/// An `age1pq1…` recipient: an X-Wing public key (ML-KEM-768 and X25519, 1,216 bytes), fully
/// checked (FIPS 203 §7.2 encapsulation key check; the X25519 half is canonical and not of low
/// order). It is public, and says whom it belongs to only to those who know.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(Box<<XWing as Kem>::PublicKey>);

/// Why a text is no recipient.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecipientError {
    /// Something else: another kind of recipient, a cut text, a wrong checksum, capitals.
    #[error(
        "this is no age1pq1… recipient; copy it again, whole and unchanged, from the card or batch \
         it came in"
    )]
    NotARecipient,
    /// A coefficient of the ML-KEM half is not below the modulus (FIPS 203 §7.2).
    #[error("the ML-KEM half of this recipient is not valid; ask for a newly made key")]
    MlKem,
    /// The X25519 half is of low order or not canonical, so that its secret is no secret.
    #[error("the X25519 half of this recipient is not valid; ask for a newly made key")]
    X25519,
}

impl Recipient {
    /// A recipient from the bytes of an X-Wing public key, fully checked.
    ///
    /// # Errors
    /// [`RecipientError::MlKem`] or [`RecipientError::X25519`], by the half that is wrong.
    pub fn from_bytes(bytes: &[u8; PUBLIC_KEY_LEN]) -> Result<Self, RecipientError> {
        let (_, x25519) = bytes.split_last_chunk::<32>().ok_or(RecipientError::X25519)?;
        if !is_canonical(x25519) || is_low_order(x25519) {
            return Err(RecipientError::X25519);
        }
        // this is where the modulus check is made
        let key = <XWing as Kem>::PublicKey::from_bytes(bytes);
        key.map(|key| Self(Box::new(key))).map_err(|_| RecipientError::MlKem)
    }

    /// For a reviewer without a valid key: a recipient that nobody can open for.
    ///
    /// The ML-KEM half never had a private half. It is drawn evenly from all valid keys, which
    /// nobody can tell from a generated one (that is the assumption that ML-KEM rests on), and it
    /// keeps every code that handles private halves of ML-KEM out of the gateway. The X25519 half
    /// is that of a scalar that is forgotten here.
    pub fn throw_away(entropy: &dyn Entropy) -> Self {
        let mut key = Vec::with_capacity(PUBLIC_KEY_LEN);
        // 64 bits for each coefficient: the bias of the remainder is below 2^-52
        let wide = random::bytes::<{ ML_KEM_COEFFICIENTS * 8 }>(entropy);
        let mut coefficients = wide.as_chunks::<8>().0.iter().map(|&wide| below_q(wide));
        while let (Some(low), Some(high)) = (coefficients.next(), coefficients.next()) {
            // ByteEncode₁₂ (FIPS 203 §4.2.1): two coefficients in three bytes, low bits first
            let [a, b, c, ..] = (low | high << 12).to_le_bytes();
            key.extend_from_slice(&[a, b, c]);
        }
        key.extend_from_slice(&random::bytes::<32>(entropy));
        let scalar = SecretKey::<32>::filled(|seed| entropy.fill(seed));
        let (_forgotten, public) = X25519HkdfSha256::derive_keypair(scalar.expose());
        key.extend_from_slice(&public.to_bytes());
        Self::checked(&key)
    }

    /// A recipient from a key that was made here.
    #[expect(clippy::expect_used, reason = "every key that is made is a valid one")]
    pub(crate) fn checked(key: &[u8]) -> Self {
        let key = key.try_into().expect("a made key is 1,216 bytes long");
        Self::from_bytes(key).expect("a made key passes its check")
    }

    /// The key, as HPKE takes it.
    pub(crate) fn public_key(&self) -> &<XWing as Kem>::PublicKey {
        &self.0
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    /// Takes exactly what [`Display`](fmt::Display) writes: there is one text for each recipient.
    fn from_str(text: &str) -> Result<Self, RecipientError> {
        Self::from_bytes(&text::decode(text).ok_or(RecipientError::NotARecipient)?)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text_of(&self.0.to_bytes()))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({:.16}…)", text_of(&self.0.to_bytes()))
    }
}

fn text_of(key: &[u8]) -> String {
    let mut text = String::with_capacity(RECIPIENT_TEXT_LEN);
    write_bech32(PREFIX, key, &mut text);
    text
}

/// Whether X25519 with this u-coordinate gives zero whatever the other side's scalar is, so that
/// no secret comes of it (RFC 7748 §6.1). The top bit does not count (RFC 7748 §5).
pub(crate) fn is_low_order(u: &[u8; 32]) -> bool {
    let mut u = *u;
    u[31] &= 0x7f;
    LOW_ORDER.contains(&u)
}

/// Whether these bytes are the one way to write their u-coordinate: below 2^255 − 19.
fn is_canonical(u: &[u8; 32]) -> bool {
    u.iter().rev().lt(P_MINUS_ONE.iter().rev()) || *u == P_MINUS_ONE
}

fn below_q(wide: [u8; 8]) -> u64 {
    u64::from_le_bytes(wide) % ML_KEM_Q
}

/// Appends a Bech32 text, lower case. It leaves no copy of what it writes, if `out` has room.
pub(crate) fn write_bech32(prefix: &str, bytes: &[u8], out: &mut String) {
    let prefix = Hrp::parse_unchecked(prefix);
    let characters = bytes.iter().copied().bytes_to_fes().with_checksum::<LongBech32>(&prefix);
    out.extend(characters.chars());
}

/// Bech32 with its length limit lifted, as age wants it, to the longest text that age knows.
pub(crate) enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    type CorrectionField = <Bech32 as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = Bech32::ROOT_GENERATOR;
    const ROOT_EXPONENTS: std::ops::RangeInclusive<usize> = Bech32::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = RECIPIENT_TEXT_LEN;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

/// 2^255 − 20, the largest canonical u-coordinate.
const P_MINUS_ONE: [u8; 32] = little_endian(0xec, 0xff, 0x7f);

/// Every way to write a u-coordinate of order 1, 2, 4 or 8 on Curve25519 or its twist, top bit
/// clear: 0, 1, the two of order 8, and p − 1, p, p + 1. Values from p + 2 on are other points.
const LOW_ORDER: [[u8; 32]; 7] = [
    little_endian(0, 0, 0),
    little_endian(1, 0, 0),
    P_MINUS_ONE,
    little_endian(0xed, 0xff, 0x7f),
    little_endian(0xee, 0xff, 0x7f),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemEntropy;

    fn some() -> Recipient {
        Recipient::throw_away(&SystemEntropy::new())
    }

    fn bytes_of(recipient: &Recipient) -> [u8; PUBLIC_KEY_LEN] {
        recipient.0.to_bytes().into()
    }

    fn with_x25519(u: &[u8; 32]) -> [u8; PUBLIC_KEY_LEN] {
        let mut key = bytes_of(&some());
        key[PUBLIC_KEY_LEN - 32..].copy_from_slice(u);
        key
    }

    #[test]
    fn a_text_is_read_as_it_is_written() {
        let recipient = some();
        let text = recipient.to_string();
        assert_eq!(text.len(), RECIPIENT_TEXT_LEN);
        assert!(text.starts_with("age1pq1"));
        assert_eq!(text.parse::<Recipient>().unwrap(), recipient);
        assert!(!format!("{recipient:?}").contains(&text));
    }

    #[test]
    fn there_is_one_text_for_a_recipient() {
        let text = some().to_string();
        let cut = &text[..text.len() - 1];
        // a key that is one byte short, with a right checksum
        let short = {
            let mut bytes = bytes_of(&some()).to_vec();
            bytes.pop();
            text_of(&bytes)
        };
        let mut other_prefix = String::new();
        write_bech32("age1pr", &bytes_of(&some()), &mut other_prefix);
        for wrong in [
            "",
            "age1pq1",
            cut,
            &format!("{text}q"),
            &format!("{text}\n"),
            &format!(" {text}"),
            &text.to_uppercase(),
            &short,
            &other_prefix,
            // a classical recipient, of the example in age.md
            "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
        ] {
            assert_eq!(wrong.parse::<Recipient>(), Err(RecipientError::NotARecipient), "{wrong}");
        }
    }

    #[test]
    fn padding_bits_must_be_zero() {
        // 1,216 bytes leave two bits over in the last character of the data
        let bytes = bytes_of(&some());
        let mut fes: Vec<bech32::Fe32> = bytes.iter().copied().bytes_to_fes().collect();
        let last = fes.len() - 1;
        fes[last] = bech32::Fe32::try_from(fes[last].to_u8() | 1).unwrap();
        let prefix = Hrp::parse_unchecked(PREFIX);
        let text: String = fes.into_iter().with_checksum::<LongBech32>(&prefix).chars().collect();
        assert_eq!(text.parse::<Recipient>(), Err(RecipientError::NotARecipient));
    }

    #[test]
    fn bech32m_is_refused() {
        struct LongBech32m;
        impl Checksum for LongBech32m {
            type MidstateRepr = u32;
            type CorrectionField = <Bech32 as Checksum>::CorrectionField;
            const ROOT_GENERATOR: Self::CorrectionField = Bech32::ROOT_GENERATOR;
            const ROOT_EXPONENTS: std::ops::RangeInclusive<usize> = Bech32::ROOT_EXPONENTS;
            const CODE_LENGTH: usize = RECIPIENT_TEXT_LEN;
            const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
            const GENERATOR_SH: [u32; 5] = Bech32::GENERATOR_SH;
            const TARGET_RESIDUE: u32 = bech32::Bech32m::TARGET_RESIDUE;
        }
        let prefix = Hrp::parse_unchecked(PREFIX);
        let bytes = bytes_of(&some());
        let fes = bytes.iter().copied().bytes_to_fes();
        let text: String = fes.with_checksum::<LongBech32m>(&prefix).chars().collect();
        assert_eq!(text.parse::<Recipient>(), Err(RecipientError::NotARecipient));
    }

    #[test]
    fn a_coefficient_of_3329_is_refused() {
        let mut key = bytes_of(&some());
        key[..3].copy_from_slice(&[0x00, 0x0d, 0xd0]); // 3328, 3328
        assert!(Recipient::from_bytes(&key).is_ok());
        key[..3].copy_from_slice(&[0x01, 0x0d, 0xd0]); // 3329, 3328
        assert_eq!(Recipient::from_bytes(&key), Err(RecipientError::MlKem));
        key[..3].copy_from_slice(&[0x00, 0x1d, 0xd0]); // 3328, 3329
        assert_eq!(Recipient::from_bytes(&key), Err(RecipientError::MlKem));
    }

    #[test]
    fn an_x25519_half_of_low_order_is_refused() {
        for low in &LOW_ORDER {
            for top_bit in [0, 0x80] {
                let mut u = *low;
                u[31] |= top_bit;
                assert!(is_low_order(&u));
                assert_eq!(Recipient::from_bytes(&with_x25519(&u)), Err(RecipientError::X25519));
                // the table is right: the exchange itself gives zero, which HPKE refuses
                let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&u).unwrap();
                let sealed = hpke::single_shot_seal::<
                    hpke::aead::ChaCha20Poly1305,
                    hpke::kdf::HkdfSha256,
                    X25519HkdfSha256,
                >(&hpke::OpModeS::Base, &key, b"", b"", b"");
                assert!(sealed.is_err(), "{u:02x?}");
            }
        }
    }

    #[test]
    fn an_x25519_half_has_one_form() {
        let base = little_endian(9, 0, 0);
        assert!(Recipient::from_bytes(&with_x25519(&base)).is_ok());
        for other in [little_endian(9, 0, 0x80), little_endian(0xf6, 0xff, 0x7f), [0xff; 32]] {
            let refused = Recipient::from_bytes(&with_x25519(&other));
            assert_eq!(refused, Err(RecipientError::X25519), "{other:02x?}");
        }
    }

    #[test]
    fn no_two_throw_away_keys_are_the_same() {
        assert!(some() != some());
        assert!(some().0.to_bytes()[..32] != some().0.to_bytes()[..32]);
    }

    #[test]
    fn even_a_broken_generator_makes_a_valid_key() {
        struct Stuck;
        impl Entropy for Stuck {
            fn fill(&self, out: &mut [u8]) {
                out.fill(0xff);
            }
        }
        Recipient::throw_away(&Stuck);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}|age1pq1[a-z0-9]{0,2000}") {
            prop_assert!(text.parse::<Recipient>().is_err());
        }

        #[test]
        fn any_changed_character_is_noticed(at in 0..RECIPIENT_TEXT_LEN, by in 33u8..127) {
            let text = some().to_string();
            let mut changed = text.clone().into_bytes();
            changed[at] = by;
            let changed = String::from_utf8(changed).unwrap();
            prop_assert!(changed == text || changed.parse::<Recipient>().is_err());
        }
    }
}
