//! A reviewer's identity key: what it signs, and for what.

use std::{fmt, str::FromStr};

use ring::signature;
use serde::{Deserialize, Serialize};

use super::{RosterError, hex};

/// A reviewer's Ed25519 public identity key (64 lowercase hex digits in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IdentityKey(pub [u8; 32]);

/// What a signature is for. The tag is the first line of what is signed, so that a signature made
/// for one purpose never holds for another (nor for a request, whose first line begins with a
/// quotation mark: RFC 9421 §2.5).
#[derive(Clone, Copy)]
pub(super) enum Tag {
    Card,
    Keys,
}

impl Tag {
    /// The tag's line, then `document`.
    pub(super) fn signing_bytes(self, document: &[u8]) -> Vec<u8> {
        let tag = match self {
            Self::Card => "sealpost-card-v1\n",
            Self::Keys => "sealpost-keys-v1\n",
        };
        [tag.as_bytes(), document].concat()
    }
}

impl IdentityKey {
    pub(super) fn verify(
        &self,
        tag: Tag,
        document: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), RosterError> {
        signature::UnparsedPublicKey::new(&signature::ED25519, &self.0)
            .verify(&tag.signing_bytes(document), signature)
            .map_err(|_| RosterError::BadSignature)
    }
}

impl fmt::Display for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl FromStr for IdentityKey {
    type Err = RosterError;

    fn from_str(text: &str) -> Result<Self, RosterError> {
        hex::decode(text).map(Self).ok_or(RosterError::NotAnIdentityKey)
    }
}

impl From<IdentityKey> for String {
    fn from(key: IdentityKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for IdentityKey {
    type Error = RosterError;

    fn try_from(text: String) -> Result<Self, RosterError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::testing::Person;

    #[test]
    fn a_signature_holds_for_its_purpose_only() {
        let mina = Person::new("mina");
        let signature = mina.sign(&Tag::Keys.signing_bytes(b"document"));
        assert!(mina.identity().verify(Tag::Keys, b"document", &signature).is_ok());
        assert!(mina.identity().verify(Tag::Card, b"document", &signature).is_err());
        assert!(mina.identity().verify(Tag::Keys, b"documents", &signature).is_err());
        assert!(
            Person::new("other").identity().verify(Tag::Keys, b"document", &signature).is_err()
        );
    }

    #[test]
    fn it_is_written_in_lowercase_hex() {
        let text = "00ff".repeat(16);
        assert_eq!(text.parse::<IdentityKey>().unwrap().to_string(), text);
        for bad in ["", "00", &text.to_uppercase(), &format!("{text}00"), &format!(" {text}")] {
            assert!(bad.parse::<IdentityKey>().is_err(), "{bad}");
        }
    }
}
