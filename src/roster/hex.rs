//! Byte strings of fixed length as lowercase hexadecimal, for people and for JSON.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(super) fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Exactly `2 * N` lowercase digits, or nothing.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// For `#[serde(with = "hex")]` on a `[u8; N]`.
pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&encode(bytes))
}

/// The reading half of [`serialize`].
pub(super) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
    from: D,
) -> Result<[u8; N], D::Error> {
    let text = String::deserialize(from)?;
    decode(&text)
        .ok_or_else(|| D::Error::custom(format!("{} lowercase hex digits expected", 2 * N)))
}

/// For `#[serde(with = "hex::or_empty")]` on an `Option<[u8; N]>`: the empty string stands for
/// none, because the canonical form has no null.
pub(super) mod or_empty {
    use super::*;

    pub(in crate::roster) fn serialize<const N: usize, S: Serializer>(
        bytes: &Option<[u8; N]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&bytes.map_or_else(String::new, |bytes| encode(&bytes)))
    }

    pub(in crate::roster) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<[u8; N]>, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() {
            return Ok(None);
        }
        decode(&text)
            .map(Some)
            .ok_or_else(|| D::Error::custom(format!("{} lowercase hex digits expected", 2 * N)))
    }
}
