//! `state.json`: what a reviewer's program remembers and needs no secrecy. Whoever reads it learns
//! which newsroom this is, not what anybody sent to it.

use std::{
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    clock::EpochLength,
    disk,
    roster::{IdentityKey, MailAddress, NewsroomId, ReviewerName},
};

const LIMIT: u64 = 64 * 1024;

/// How long opened tips stay in the archive, in days after they came in. Sealing keys live for three
/// weeks at most, so that this is little more than what can be opened anyway.
pub const ARCHIVE_DAYS: u32 = 30;

/// The state of one reviewer's folder.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// As it is to stand on the roster.
    pub name: ReviewerName,
    /// The public half of the identity key.
    pub identity: IdentityKey,
    /// Where notices go. On the card, never on the roster.
    pub mail: MailAddress,
    /// The length of an epoch where it is not a week (demo and tests).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch_seconds: Option<NonZeroU32>,
    /// The sequence of the last batch of sealing keys that was made; 0 is the card's.
    #[serde(default)]
    pub sequence: u32,
    /// For how many days after it came in an opened tip stays in the archive; the default is
    /// [`ARCHIVE_DAYS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_days: Option<u32>,
    /// The newsroom, once joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newsroom: Option<Joined>,
}

/// What is pinned of a newsroom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    /// The newsroom's id as a fingerprint: `SHA256:…`.
    pub id: String,
    /// The highest version of its roster that was ever seen.
    pub version: u32,
    /// The SHA-256 of that version, in hex.
    pub roster: String,
    /// The version that a person has looked at and accepted.
    pub accepted: u32,
    /// The gateway's URL, where it was given by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// `host:port` of a SOCKS 5 proxy that leads to the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socks: Option<String>,
}

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// No such file.
    #[error("{} is no reviewer's folder: make one with `sealpost-reviewer init`", .0.display())]
    Absent(PathBuf),
    /// Not to be read or written.
    #[error("{} cannot be read or written", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// Changed by hand.
    #[error("{} is damaged; `init` a new folder, or bring it back from a backup", .0.display())]
    Damaged(PathBuf, #[source] serde_json::Error),
}

impl State {
    /// Reads `dir/state.json`.
    pub fn read(dir: &Path) -> Result<Self, StateError> {
        let path = file(dir);
        let bytes = disk::read_limited(&path, LIMIT).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StateError::Absent(dir.to_owned()),
            _ => StateError::Io(path.clone(), error),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| StateError::Damaged(path, error))
    }

    /// Replaces `dir/state.json`.
    pub fn write(&self, dir: &Path) -> Result<(), StateError> {
        let path = file(dir);
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| StateError::Damaged(path.clone(), error))?;
        bytes.push(b'\n');
        disk::write_private(&path, &bytes).map_err(|error| StateError::Io(path, error))
    }

    /// For how many days an opened tip stays in the archive.
    pub fn archive_days(&self) -> u32 {
        self.archive_days.unwrap_or(ARCHIVE_DAYS)
    }

    /// The length of an epoch.
    pub fn epoch_length(&self) -> EpochLength {
        self.epoch_seconds.map_or(EpochLength::Week, EpochLength::Seconds)
    }
}

impl Joined {
    /// True while there is a roster that no person has accepted yet: until then nothing is written
    /// to a source, since somebody may read along.
    pub fn awaits_acceptance(&self) -> bool {
        self.accepted < self.version
    }

    /// The newsroom's id; `None` if the file was changed by hand.
    pub fn newsroom_id(&self) -> Option<NewsroomId> {
        NewsroomId::from_fingerprint_or_public_key(&self.id).ok()
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join("state.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"name":"mina","identity":
        "0101010101010101010101010101010101010101010101010101010101010101","mail":"mina@example.org","epoch_seconds":60,
        "newsroom":{"id":"SHA256:x","version":3,"roster":"00","accepted":2,"gateway":"https://127.0.0.1:1"}}"#;

    #[test]
    fn state_reads_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(State::read(folder.path()), Err(StateError::Absent(_))));
        let state: State = serde_json::from_str(TEXT).unwrap();
        state.write(folder.path()).unwrap();
        let read = State::read(folder.path()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&state).unwrap());
        assert_eq!(state.epoch_length(), EpochLength::Seconds(NonZeroU32::new(60).unwrap()));
    }

    #[test]
    fn what_is_unknown_is_not_read() {
        let other = TEXT.replace("mail", "male");
        assert!(serde_json::from_str::<State>(&other).is_err());
    }
}
