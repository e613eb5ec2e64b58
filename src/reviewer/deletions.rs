//! `deleted.json`: which envelopes the reviewer has deleted, so that a gateway that was restored from
//! a backup and lists them again is asked again.
//!
//! An id says nothing of a tip. It is kept for good: a backup may be old.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use super::{state::StateError, vault::Alone};
use crate::{disk, tip::TipId};

/// The longest file in bytes: more than a million ids.
const LIMIT: u64 = 64 * 1024 * 1024;

/// The ids of deleted envelopes.
pub struct Deletions {
    path: PathBuf,
    ids: BTreeSet<TipId>,
}

impl Deletions {
    /// Those of the reviewer's folder `dir`; none if there is no file.
    ///
    /// # Errors
    /// A file that cannot be read, or was changed by hand.
    pub fn read(dir: &Path) -> Result<Self, StateError> {
        let path = dir.join("deleted.json");
        let ids = match disk::read_limited(&path, LIMIT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(StateError::Io(path, error)),
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| StateError::Damaged(path.clone(), error))?,
        };
        Ok(Self { path, ids })
    }

    /// True if the reviewer has deleted this envelope.
    pub fn contains(&self, id: TipId) -> bool {
        self.ids.contains(&id)
    }

    /// Remembers deletions; whoever does so has read the file since it is [`Alone`].
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn add(&mut self, ids: &[TipId], alone: &Alone) -> Result<(), StateError> {
        self.ids.extend(ids);
        self.write(alone)
    }

    /// Forgets deletions that are taken back.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn remove(&mut self, ids: &[TipId], alone: &Alone) -> Result<(), StateError> {
        self.ids.retain(|id| !ids.contains(id));
        self.write(alone)
    }

    fn write(&self, _: &Alone) -> Result<(), StateError> {
        let damaged = |error| StateError::Damaged(self.path.clone(), error);
        let bytes = serde_json::to_vec(&self.ids).map_err(damaged)?;
        disk::write_private(&self.path, &bytes)
            .map_err(|error| StateError::Io(self.path.clone(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reviewer::vault::Vault;

    #[test]
    fn a_deletion_is_remembered_until_it_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let alone = Vault::at(dir).alone().unwrap();
        let [one, two] = [TipId([1; 16]), TipId([2; 16])];
        assert!(!Deletions::read(dir).unwrap().contains(one));
        Deletions::read(dir).unwrap().add(&[one, two], &alone).unwrap();
        Deletions::read(dir).unwrap().remove(&[one], &alone).unwrap();
        let read = Deletions::read(dir).unwrap();
        assert!(!read.contains(one) && read.contains(two));
        assert!(!disk::is_exposed(&dir.join("deleted.json")).unwrap());
        std::fs::write(dir.join("deleted.json"), "[1]").unwrap();
        assert!(matches!(Deletions::read(dir), Err(StateError::Damaged(..))));
    }
}
