//! Strict reading and writing of the headers' values: one way to write each.

use std::{fmt, str::FromStr};

use data_encoding::{BASE64, HEXLOWER};

use super::Refused;
use crate::{clock::Timestamp, roster::IdentityKey};

/// The longest `Signature-Input` in bytes: everything in it but the time has a fixed length, and the
/// time has at most 15 digits (RFC 8941 §3.3.1).
pub const SIGNATURE_INPUT_LIMIT: usize = 256;

const LABEL: &str = "sealpost=";
const COMPONENTS: &str = concat!(
    r#"("@method" "@authority" "@path" "@query" "content-digest" "sealpost-newsroom")"#,
    ";created="
);
const KEY_ID: &str = r#";keyid=""#;
const END: &str = r#"";alg="ed25519";tag="sealpost-desk""#;

/// What varies in a `Signature-Input` header; `Display` and `FromStr` are its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureInput {
    /// When the request was signed, by the reviewer's clock.
    pub created: Timestamp,
    /// Whose signature it is said to be.
    pub key: IdentityKey,
}

impl SignatureInput {
    /// The value after the label: the `@signature-params` of the signature base.
    pub(super) fn parameters(&self) -> String {
        let key = HEXLOWER.encode(&self.key.0);
        format!("{COMPONENTS}{}{KEY_ID}{key}{END}", self.created.0)
    }
}

impl fmt::Display for SignatureInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LABEL}{}", self.parameters())
    }
}

impl FromStr for SignatureInput {
    type Err = Refused;

    fn from_str(value: &str) -> Result<Self, Refused> {
        if value.len() > SIGNATURE_INPUT_LIMIT {
            return Err(Refused::Malformed);
        }
        let varying = value
            .strip_prefix(LABEL)
            .and_then(|rest| rest.strip_prefix(COMPONENTS))
            .and_then(|rest| rest.strip_suffix(END))
            .ok_or(Refused::Malformed)?;
        let (created, key) = varying.split_once(KEY_ID).ok_or(Refused::Malformed)?;
        Ok(Self { created: read_seconds(created)?, key: IdentityKey(read_hex(key)?) })
    }
}

/// Digits only, at most 15 (RFC 8941 §3.3.1), no zero in front: a signature covers the text, so a
/// number must have one text.
fn read_seconds(text: &str) -> Result<Timestamp, Refused> {
    let is_plain = (1..=15).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    if !is_plain {
        return Err(Refused::Malformed);
    }
    text.parse().map(Timestamp).map_err(|_| Refused::Malformed)
}

/// 64 lowercase hex digits.
pub(super) fn read_hex(text: &str) -> Result<[u8; 32], Refused> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| Refused::Malformed)?;
    bytes.try_into().map_err(|_| Refused::Malformed)
}

/// The `Signature` header of `signature`.
pub(super) fn write_signature(signature: &[u8; 64]) -> String {
    format!("{LABEL}:{}:", BASE64.encode(signature))
}

/// The bytes of a `Signature` header.
pub(super) fn read_signature(value: &str) -> Result<[u8; 64], Refused> {
    read_byte_sequence(value, LABEL)
}

/// The hash in a `Content-Digest` header.
pub(super) fn read_content_digest(value: &str) -> Result<[u8; 32], Refused> {
    read_byte_sequence(value, "sha-256=")
}

/// `<label>:<canonical base64>:` of exactly `N` bytes (RFC 8941 §3.3.5).
fn read_byte_sequence<const N: usize>(value: &str, label: &str) -> Result<[u8; N], Refused> {
    let base64 = value
        .strip_prefix(label)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|rest| rest.strip_suffix(':'))
        // four characters for every three bytes begun
        .filter(|base64| base64.len() == N.div_ceil(3) * 4)
        .ok_or(Refused::Malformed)?;
    let bytes = BASE64.decode(base64.as_bytes()).map_err(|_| Refused::Malformed)?;
    bytes.try_into().map_err(|_| Refused::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = concat!(
        r#"sealpost=("@method" "@authority" "@path" "@query" "content-digest" "sealpost-newsroom")"#,
        r#";created=1800000000;keyid="#,
        r#""0101010101010101010101010101010101010101010101010101010101010101""#,
        r#";alg="ed25519";tag="sealpost-desk""#
    );

    #[test]
    fn the_one_form_is_read() {
        let input: SignatureInput = GOOD.parse().unwrap();
        assert_eq!(input.created, Timestamp(1_800_000_000));
        assert_eq!(input.key, IdentityKey([1; 32]));
        assert_eq!(input.to_string(), GOOD);
    }

    #[test]
    fn every_other_form_is_refused() {
        for (from, to) in [
            ("sealpost=", "sig1="),
            ("sealpost=", "sealpost= "),
            (r#""@method" "@authority""#, r#""@authority" "@method""#),
            (r#" "content-digest""#, ""),
            (r#""sealpost-newsroom")"#, r#""sealpost-newsroom" "date")"#),
            (r#""@path""#, r#""@path";req"#),
            ("1800000000", "01800000000"),
            ("1800000000", "+1800000000"),
            ("1800000000", "-1800000000"),
            ("1800000000", "1800000000.0"),
            ("1800000000", "1800000000000000"),
            ("1800000000", ""),
            (";created=1800000000", ""),
            ("0101", "01"),
            ("0101", "0A01"),
            ("ed25519", "rsa-v1_5-sha256"),
            (r#";alg="ed25519""#, ""),
            ("sealpost-desk\"", "sealpost-desk\";expires=1800000300"),
            ("sealpost-desk\"", "sealpost-desk\", sealpost=()"),
            ("sealpost-desk", "other"),
        ] {
            let other = GOOD.replacen(from, to, 1);
            assert_ne!(other, GOOD);
            assert_eq!(other.parse::<SignatureInput>(), Err(Refused::Malformed), "{other}");
        }
    }

    #[test]
    fn base64_has_one_form() {
        let good = write_signature(&[0xff; 64]);
        assert_eq!(read_signature(&good), Ok([0xff; 64]));
        for other in [
            good.replace("w==", "x=="), // bits after the last byte
            good.replace("==", ""),
            good.replace(':', ""),
            good.replace("sealpost", "sig"),
            format!("{good}, {good}"),
            format!("{good};q=1"),
            write_signature(&[0; 64]).replace("AAAA", ""),
        ] {
            assert_eq!(read_signature(&other), Err(Refused::Malformed), "{other}");
        }
    }

    proptest! {
        #[test]
        fn inputs_read_as_they_are_written(at in 0i64..=999_999_999_999_999, key: [u8; 32]) {
            let input = SignatureInput { created: Timestamp(at), key: IdentityKey(key) };
            let text = input.to_string();
            prop_assert!(text.len() <= SIGNATURE_INPUT_LIMIT);
            prop_assert_eq!(text.parse(), Ok(input));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in r#"sealpost=.{0,200}"#) {
            if let Ok(input) = text.parse::<SignatureInput>() {
                prop_assert_eq!(input.to_string(), text);
            }
        }

        #[test]
        fn signatures_read_as_they_are_written(bytes in proptest::collection::vec(any::<u8>(), 64)) {
            let bytes: [u8; 64] = bytes.try_into().unwrap();
            prop_assert_eq!(read_signature(&write_signature(&bytes)), Ok(bytes));
        }
    }
}
