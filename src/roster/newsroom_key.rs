//! The newsroom's public key and the fingerprint by which it is pinned.

use std::{fmt, str::FromStr};

use data_encoding::{BASE64, BASE64_NOPAD};
use ring::digest;
use serde::{Deserialize, Serialize};

use super::{
    RosterError, hex,
    wire::{Reader, put_string},
};

const ED25519: &str = "ssh-ed25519";

/// SHA-256 of the newsroom's *first* key in SSH wire form: names a newsroom in every signature and
/// every pin, also after the key was changed. For people it is written as `ssh-keygen -l` prints
/// it, `SHA256:` and unpadded base64; in JSON as hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NewsroomId(pub [u8; 32]);

impl NewsroomId {
    /// Reads a fingerprint, or the content of an OpenSSH public key file.
    pub fn from_fingerprint_or_public_key(text: &str) -> Result<Self, RosterError> {
        let text = text.trim();
        if text.starts_with("SHA256:") {
            return text.parse();
        }
        if text.starts_with("-----BEGIN") {
            return Err(RosterError::PrivateKey);
        }
        // the third word of a public key file is a comment, of any number of words
        let mut words = text.split_ascii_whitespace();
        let line = [words.next(), words.next()].map(Option::unwrap_or_default).join(" ");
        if text.lines().count() > 1 {
            return Err(RosterError::NotANewsroomKey);
        }
        Ok(line.parse::<NewsroomKey>()?.id())
    }

    /// 64 lowercase hexadecimal digits, as JSON has it.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }
}

impl fmt::Display for NewsroomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", BASE64_NOPAD.encode(&self.0))
    }
}

impl FromStr for NewsroomId {
    type Err = RosterError;

    fn from_str(text: &str) -> Result<Self, RosterError> {
        let digest = text.strip_prefix("SHA256:").ok_or(RosterError::NotANewsroomKey)?;
        let bytes = BASE64_NOPAD.decode(digest.as_bytes());
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(RosterError::NotANewsroomKey)
    }
}

/// A public key that signs rosters. Each kind that can is a variant; hardware-backed keys will be
/// another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum NewsroomKey {
    /// `ssh-ed25519` (RFC 8709).
    Ed25519([u8; 32]),
}

impl NewsroomKey {
    /// The fingerprint of this key: the newsroom's name, if it is its first key.
    pub fn id(&self) -> NewsroomId {
        let mut id = [0; 32];
        id.copy_from_slice(digest::digest(&digest::SHA256, &self.to_wire()).as_ref());
        NewsroomId(id)
    }

    /// RFC 8709 §4: `string "ssh-ed25519"`, `string key`.
    pub(super) fn to_wire(&self) -> Vec<u8> {
        let Self::Ed25519(key) = self;
        let mut wire = Vec::with_capacity(4 + ED25519.len() + 4 + key.len());
        put_string(&mut wire, ED25519.as_bytes());
        put_string(&mut wire, key);
        wire
    }

    pub(super) fn from_wire(wire: &[u8]) -> Option<Self> {
        let mut reader = Reader(wire);
        let kind = reader.string()?;
        let key = reader.string()?.try_into().ok()?;
        (kind == ED25519.as_bytes() && reader.is_empty()).then_some(Self::Ed25519(key))
    }
}

/// An OpenSSH public key line without a comment.
impl fmt::Display for NewsroomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ED25519} {}", BASE64.encode(&self.to_wire()))
    }
}

impl FromStr for NewsroomKey {
    type Err = RosterError;

    fn from_str(line: &str) -> Result<Self, RosterError> {
        let base64 = line.strip_prefix(ED25519).and_then(|rest| rest.strip_prefix(' '));
        let wire = base64.and_then(|base64| BASE64.decode(base64.as_bytes()).ok());
        wire.and_then(|wire| Self::from_wire(&wire)).ok_or(RosterError::NotANewsroomKey)
    }
}

impl From<NewsroomKey> for String {
    fn from(key: NewsroomKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for NewsroomKey {
    type Error = RosterError;

    fn try_from(line: String) -> Result<Self, RosterError> {
        line.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // made and printed by `ssh-keygen -t ed25519` and `ssh-keygen -l`
    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKrxS2CcCvdlscJdsBuSSLXh7xAGFJVWECYofA0JFXns";
    const PRINT: &str = "SHA256:MNRsDVv4c2XzWWsfQQKUWBnwyYAAd+dkNOOBlKXsjXQ";

    #[test]
    fn the_fingerprint_is_the_one_that_ssh_keygen_prints() {
        let key: NewsroomKey = LINE.parse().unwrap();
        assert_eq!(key.to_string(), LINE);
        assert_eq!(key.id().to_string(), PRINT);
        assert_eq!(PRINT.parse::<NewsroomId>().unwrap(), key.id());
        for same in [PRINT, LINE, &format!("{LINE} the newsroom's key\n"), &format!(" {PRINT}\n")] {
            assert_eq!(NewsroomId::from_fingerprint_or_public_key(same).unwrap(), key.id());
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let flip = LINE.replace("AAAAC3", "AAAAC4");
        for bad in [
            "",
            "SHA256:",
            "SHA256:AAAA",
            "ssh-ed25519",
            "ssh-rsa AAAA",
            &LINE[..70],
            &flip,
            &format!("{PRINT}="),
            &format!("{LINE}\n{LINE}"),
            &format!("{LINE}="),
        ] {
            let read = NewsroomId::from_fingerprint_or_public_key(bad);
            assert!(matches!(read, Err(RosterError::NotANewsroomKey)), "{bad}");
        }
        let private =
            NewsroomId::from_fingerprint_or_public_key("-----BEGIN OPENSSH PRIVATE KEY-----");
        assert!(matches!(private, Err(RosterError::PrivateKey)));
    }
}
