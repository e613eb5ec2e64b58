//! Sixteen random bytes, as a tip's id in the store and as its nonce inside the envelope.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::random::{self, Entropy};

/// A text that is not 32 lowercase hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hex digits in lower case")]
pub struct NotAnId;

/// What the store calls an envelope: 128 random bits, made when it is stored, which say nothing of
/// the tip. Written as 32 lowercase hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TipId(pub [u8; 16]);

/// 128 random bits inside `tip.json`: two envelopes with the same nonce hold the same tip, which a
/// reviewer is then shown once. Written as 32 lowercase hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TipNonce(pub [u8; 16]);

impl TipId {
    /// A fresh id.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(random::bytes(entropy))
    }
}

impl TipNonce {
    /// A fresh nonce.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(random::bytes(entropy))
    }
}

fn parse(text: &str) -> Result<[u8; 16], NotAnId> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAnId)?;
    bytes.try_into().map_err(|_| NotAnId)
}

impl fmt::Display for TipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for TipId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        parse(text).map(Self)
    }
}

impl From<TipId> for String {
    fn from(id: TipId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for TipId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<TipNonce> for String {
    fn from(nonce: TipNonce) -> Self {
        HEXLOWER.encode(&nonce.0)
    }
}

impl TryFrom<String> for TipNonce {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        parse(&text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_reads_as_it_is_written(bytes: [u8; 16]) {
            let text = TipId(bytes).to_string();
            prop_assert_eq!(text.len(), 32);
            prop_assert_eq!(text.parse(), Ok(TipId(bytes)));
            let json = serde_json::to_string(&TipNonce(bytes)).unwrap();
            prop_assert_eq!(&json, &format!("\"{text}\""));
            prop_assert_eq!(serde_json::from_str::<TipNonce>(&json).unwrap(), TipNonce(bytes));
        }

        #[test]
        fn whatever_parses_is_written_so(text: String) {
            if let Ok(id) = text.parse::<TipId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn there_is_one_way_to_write_an_id() {
        let good = "00112233445566778899aabbccddeeff";
        assert!(good.parse::<TipId>().is_ok());
        for wrong in [
            String::new(),
            good.to_uppercase(),
            format!(" {good}"),
            format!("{good}00"),
            good[2..].to_owned(),
            good.replace("00", "0g"),
            "../../../../../../../etc/passwd/".to_owned(),
        ] {
            assert_eq!(wrong.parse::<TipId>(), Err(NotAnId), "{wrong}");
        }
    }
}
