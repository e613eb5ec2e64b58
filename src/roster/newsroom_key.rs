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
const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";

/// The longest application of a hardware key, in bytes. OpenSSH's own default has four.
const MAX_APPLICATION: usize = 128;

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
        Ok(NewsroomKey::from_public_key_file(text)?.id())
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

/// A public key that signs rosters. Each kind that can is a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum NewsroomKey {
    /// `ssh-ed25519` (RFC 8709): the private half is a file.
    Ed25519([u8; 32]),
    /// `sk-ssh-ed25519@openssh.com` (OpenSSH's `PROTOCOL.u2f`): the private half never leaves a
    /// hardware key, which signs when somebody touches it.
    SkEd25519 {
        /// The Ed25519 public key.
        key: [u8; 32],
        /// What the hardware key made it for.
        application: Application,
    },
}

/// What a hardware key made a key for: part of the public key and of everything it signs. OpenSSH
/// makes keys for `ssh:`, or for a name that begins so; keys made for a web site sign no roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application(String);

impl Application {
    /// The application, if it is one of OpenSSH's: `ssh:` and at most 124 visible ASCII characters.
    pub fn new(name: &str) -> Option<Self> {
        let plain = name.len() <= MAX_APPLICATION && name.bytes().all(|b| b.is_ascii_graphic());
        (plain && name.starts_with("ssh:")).then(|| Self(name.to_owned()))
    }

    /// As the hardware key hashes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NewsroomKey {
    /// Reads the content of an OpenSSH public key file: one line.
    ///
    /// # Errors
    /// [`RosterError::NotANewsroomKey`], [`RosterError::PrivateKey`].
    pub fn from_public_key_file(text: &str) -> Result<Self, RosterError> {
        let text = text.trim();
        if text.starts_with("-----BEGIN") {
            return Err(RosterError::PrivateKey);
        }
        // the third word of a public key file is a comment, of any number of words
        let mut words = text.split_ascii_whitespace();
        let line = [words.next(), words.next()].map(Option::unwrap_or_default).join(" ");
        if text.lines().count() > 1 {
            return Err(RosterError::NotANewsroomKey);
        }
        line.parse()
    }

    /// The fingerprint of this key: the newsroom's name, if it is its first key.
    pub fn id(&self) -> NewsroomId {
        let mut id = [0; 32];
        id.copy_from_slice(digest::digest(&digest::SHA256, &self.to_wire()).as_ref());
        NewsroomId(id)
    }

    /// True if only a hardware key can sign with it.
    pub fn is_hardware(&self) -> bool {
        matches!(self, Self::SkEd25519 { .. })
    }

    /// The name of the key's kind, as its wire form and its line begin with it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => ED25519,
            Self::SkEd25519 { .. } => SK_ED25519,
        }
    }

    /// RFC 8709 §4: `string "ssh-ed25519"`, `string key`; `PROTOCOL.u2f`: `string
    /// "sk-ssh-ed25519@openssh.com"`, `string key`, `string application`.
    pub(super) fn to_wire(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        put_string(&mut wire, self.kind().as_bytes());
        match self {
            Self::Ed25519(key) => put_string(&mut wire, key),
            Self::SkEd25519 { key, application } => {
                put_string(&mut wire, key);
                put_string(&mut wire, application.as_str().as_bytes());
            }
        }
        wire
    }

    pub(super) fn from_wire(wire: &[u8]) -> Option<Self> {
        let mut reader = Reader(wire);
        let kind = reader.string()?;
        let key = reader.string()?.try_into().ok()?;
        let read = if kind == ED25519.as_bytes() {
            Self::Ed25519(key)
        } else if kind == SK_ED25519.as_bytes() {
            let application = Application::new(std::str::from_utf8(reader.string()?).ok()?)?;
            Self::SkEd25519 { key, application }
        } else {
            return None;
        };
        reader.is_empty().then_some(read)
    }
}

/// An OpenSSH public key line without a comment.
impl fmt::Display for NewsroomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), BASE64.encode(&self.to_wire()))
    }
}

impl FromStr for NewsroomKey {
    type Err = RosterError;

    fn from_str(line: &str) -> Result<Self, RosterError> {
        let read = || {
            let (kind, base64) = line.split_once(' ')?;
            let key = Self::from_wire(&BASE64.decode(base64.as_bytes()).ok()?)?;
            // the kind is said twice, and means the one inside
            (key.kind() == kind).then_some(key)
        };
        read().ok_or(RosterError::NotANewsroomKey)
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
    use proptest::prelude::*;

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

    // the same by `ssh-keygen -t ed25519-sk`
    const HARDWARE_LINE: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t\
         AAAAIFGHGd0aZGlUDJtT1VoyGCyjXlswbED6npoFmwGftTEIAAAABHNzaDo=";
    const HARDWARE_PRINT: &str = "SHA256:jlnrgqV7gHMCFNou6dlzYsYQhJED2sqtSr7TsG54lPc";

    #[test]
    fn a_hardware_key_is_read_and_printed_as_ssh_keygen_does() {
        let key: NewsroomKey = HARDWARE_LINE.parse().unwrap();
        assert!(key.is_hardware());
        assert_eq!(key.to_string(), HARDWARE_LINE);
        assert_eq!(key.id().to_string(), HARDWARE_PRINT);
        for same in [HARDWARE_PRINT, &format!("{HARDWARE_LINE} mina@desk\n")] {
            assert_eq!(NewsroomId::from_fingerprint_or_public_key(same).unwrap(), key.id());
        }
    }

    #[test]
    fn a_hardware_key_is_one_for_ssh() {
        let line = |kind: &str, application: &[u8], more: &[u8]| {
            let mut wire = Vec::new();
            put_string(&mut wire, SK_ED25519.as_bytes());
            put_string(&mut wire, &[7; 32]);
            put_string(&mut wire, application);
            format!("{kind} {}", BASE64.encode(&[&wire, more].concat()))
        };
        for good in [&b"ssh:"[..], b"ssh:newsroom", &[b"ssh:", &[b'a'; 124][..]].concat()] {
            assert!(line(SK_ED25519, good, b"").parse::<NewsroomKey>().is_ok());
        }
        let long = [b"ssh:", &[b'a'; 125][..]].concat();
        for bad in
            [&b""[..], b"ssh", b"https://example.org", b"ssh:a b", b"ssh:\x1b", b"ssh:\xff", &long]
        {
            assert!(line(SK_ED25519, bad, b"").parse::<NewsroomKey>().is_err());
        }
        assert!(line(SK_ED25519, b"ssh:", b"x").parse::<NewsroomKey>().is_err());
        assert!(line(ED25519, b"ssh:", b"").parse::<NewsroomKey>().is_err());
        let ecdsa = line("sk-ecdsa-sha2-nistp256@openssh.com", b"ssh:", b"");
        assert!(ecdsa.parse::<NewsroomKey>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(key in any::<[u8; 32]>(), name in prop::option::of("[!-~]{0,124}")) {
            let key = match name {
                None => NewsroomKey::Ed25519(key),
                Some(name) => {
                    let application = Application::new(&format!("ssh:{name}")).unwrap();
                    NewsroomKey::SkEd25519 { key, application }
                }
            };
            prop_assert_eq!(key.to_string().parse::<NewsroomKey>().unwrap(), key);
        }

        #[test]
        fn what_is_read_was_written_that_way(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut line = HARDWARE_LINE.as_bytes().to_vec();
            let place = place.index(line.len());
            line[place] = byte;
            if let Some(Ok(key)) = std::str::from_utf8(&line).ok().map(str::parse::<NewsroomKey>) {
                prop_assert_eq!(key.to_string().into_bytes(), line);
            }
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
