//! Envelopes on the reviewer's own disk, never in the clear.
//!
//! ```text
//! envelopes/<id>.age      as the gateway served it, sealed to a sealing key
//! envelopes/<id>.part     the same while it comes in
//! envelopes/<id>.json     what the gateway's list said of it
//! envelopes/<id>.opened   a mark: it was opened once
//! envelopes/<id>.foreign  a mark: it is sealed to others, and was not kept
//! envelopes/<id>.told     a mark: the gateway knows that it was fetched; gone when it lists it no more
//! archive/<id>.age        the same tip once its sealing key is destroyed, sealed to the wrapping key
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::FlockOperation;

use crate::{desk::EnvelopeListing, disk, random::Entropy, tip::TipId};

/// The longest description in bytes.
const LIMIT: u64 = 4 * 1024;

/// The folders of fetched and of archived envelopes.
pub struct Shelf {
    folder: PathBuf,
    archive: PathBuf,
}

/// How much of an envelope is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Nothing.
    No,
    /// So many bytes.
    Partly(u64),
    /// All of it.
    Whole,
    /// All of it, in the archive.
    Archived,
}

impl Shelf {
    /// Both folders exist.
    pub fn at(folder: PathBuf, archive: PathBuf) -> Self {
        Self { folder, archive }
    }

    /// Where a fetched envelope lies, until it is archived.
    pub fn path(&self, id: TipId) -> PathBuf {
        self.folder.join(format!("{id}.age"))
    }

    /// Where an archived one lies.
    pub fn archive_path(&self, id: TipId) -> PathBuf {
        self.archive.join(format!("{id}.age"))
    }

    /// How much of an envelope is here.
    pub fn fetched(&self, id: TipId) -> Fetched {
        if self.archive_path(id).exists() {
            return Fetched::Archived;
        }
        if self.path(id).exists() {
            return Fetched::Whole;
        }
        fs::metadata(self.part(id)).map_or(Fetched::No, |part| Fetched::Partly(part.len()))
    }

    /// True if there is nothing more to fetch: it is here, was opened and cleared away, or is
    /// sealed to others.
    pub fn is_done(&self, id: TipId) -> bool {
        self.is_opened(id)
            || self.is_foreign(id)
            || matches!(self.fetched(id), Fetched::Whole | Fetched::Archived)
    }

    /// The ids of the envelopes that are here as a whole, in order.
    pub fn all(&self) -> io::Result<Vec<TipId>> {
        let mut ids = ids_in(&self.folder, ".age")?;
        ids.extend(self.archived()?);
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The ids of the envelopes under a sealing key, in order.
    pub fn sealed(&self) -> io::Result<Vec<TipId>> {
        ids_in(&self.folder, ".age")
    }

    /// The ids of the archived envelopes, in order.
    pub fn archived(&self) -> io::Result<Vec<TipId>> {
        ids_in(&self.archive, ".age")
    }

    /// Remembers what the list says of an envelope.
    pub fn describe(&self, listing: &EnvelopeListing) -> io::Result<()> {
        disk::write_private(&self.description_path(listing.id), &serde_json::to_vec(listing)?)
    }

    /// What the list said; nothing if that was not kept or cannot be read.
    pub fn description(&self, id: TipId) -> Option<EnvelopeListing> {
        let bytes = disk::read_limited(&self.description_path(id), LIMIT).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// True once the envelope has been opened.
    pub fn is_opened(&self, id: TipId) -> bool {
        self.mark(id).exists()
    }

    /// Remembers that the envelope has been opened.
    pub fn mark_opened(&self, id: TipId) -> io::Result<()> {
        private(&self.mark(id)).map(drop)
    }

    /// True if the envelope was here and is sealed to others.
    pub fn is_foreign(&self, id: TipId) -> bool {
        self.foreign(id).exists()
    }

    /// The ids of the envelopes of which the gateway knows that they were fetched, in order.
    pub(super) fn told(&self) -> io::Result<Vec<TipId>> {
        ids_in(&self.folder, ".told")
    }

    /// Remembers that the gateway knows it.
    pub(super) fn mark_told(&self, id: TipId) -> io::Result<()> {
        private(&self.told_mark(id)).map(drop)
    }

    /// Forgets it: the gateway has the envelope no more, or the reviewer deleted it.
    pub(super) fn forget_told(&self, id: TipId) -> io::Result<()> {
        remove(&self.told_mark(id))
    }

    /// Takes an envelope off the shelf that is sealed to others, and remembers that it is. The
    /// gateway still has it.
    pub fn let_go(&self, id: TipId) -> io::Result<()> {
        private(&self.foreign(id))?;
        remove(&self.description_path(id))?;
        self.clear_sealed(id)
    }

    /// Removes an envelope from the disk, wherever it is; that it was opened stays known.
    pub(super) fn clear(&self, id: TipId, entropy: &dyn Entropy) -> io::Result<()> {
        // whoever has the passphrase opens what is left of an archived envelope
        disk::destroy(&self.archive_path(id), entropy)?;
        self.drop_archive_part(id, entropy)?;
        self.clear_sealed(id)?;
        remove(&self.part(id))?;
        remove(&self.description_path(id))?;
        disk::sync_folder(&self.folder)
    }

    /// Removes an envelope whose sealing key is about to be destroyed.
    pub(super) fn clear_sealed(&self, id: TipId) -> io::Result<()> {
        remove(&self.path(id))?;
        disk::sync_folder(&self.folder)
    }

    /// A new file for an envelope on its way into the archive.
    pub(super) fn begin_archive(&self, id: TipId, entropy: &dyn Entropy) -> io::Result<File> {
        disk::private_folder(&self.archive)?;
        self.drop_archive_part(id, entropy)?;
        private(&self.archive_part(id))
    }

    /// Removes what came into the archive of an envelope that did not come whole.
    pub(super) fn drop_archive_part(&self, id: TipId, entropy: &dyn Entropy) -> io::Result<()> {
        disk::destroy(&self.archive_part(id), entropy)
    }

    /// Removes every such part: a crash leaves them.
    pub(super) fn sweep_archive(&self, entropy: &dyn Entropy) -> io::Result<()> {
        for id in ids_in(&self.archive, ".part")? {
            self.drop_archive_part(id, entropy)?;
        }
        Ok(())
    }

    /// Makes a complete file of [`begin_archive`](Self::begin_archive) the archived envelope.
    pub(super) fn complete_archive(&self, id: TipId, file: &File) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(self.archive_part(id), self.archive_path(id))?;
        disk::sync_folder(&self.archive)
    }

    /// The file that a download goes on with, and how long it is already: never more than `whole`.
    ///
    /// # Errors
    /// `WouldBlock` if another run of the program is downloading it.
    pub(super) fn resume(&self, id: TipId, whole: u64) -> io::Result<(File, u64)> {
        let file = private(&self.part(id))?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let here = file.metadata()?.len();
        if here <= whole {
            return Ok((file, here));
        }
        file.set_len(0)?;
        Ok((file, 0))
    }

    /// Makes a complete download an envelope of the shelf.
    pub(super) fn complete(&self, id: TipId, file: &File) -> io::Result<PathBuf> {
        file.sync_all()?;
        fs::rename(self.part(id), self.path(id))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(self.path(id))
    }

    fn part(&self, id: TipId) -> PathBuf {
        self.folder.join(format!("{id}.part"))
    }

    fn mark(&self, id: TipId) -> PathBuf {
        self.folder.join(format!("{id}.opened"))
    }

    fn foreign(&self, id: TipId) -> PathBuf {
        self.folder.join(format!("{id}.foreign"))
    }

    fn told_mark(&self, id: TipId) -> PathBuf {
        self.folder.join(format!("{id}.told"))
    }

    fn description_path(&self, id: TipId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn archive_part(&self, id: TipId) -> PathBuf {
        self.archive.join(format!("{id}.part"))
    }
}

/// The ids of a folder's files of this ending, in order; none, if the folder was never made.
fn ids_in(folder: &Path, ending: &str) -> io::Result<Vec<TipId>> {
    let files = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let mut ids = Vec::new();
    for file in files {
        let name = file?.file_name();
        ids.extend(name.to_str().and_then(|n| n.strip_suffix(ending)?.parse::<TipId>().ok()));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// A file of mode 0600 from its creation, written at its end.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const ID: TipId = TipId([7; 16]);

    fn at(folder: &Path) -> Shelf {
        Shelf::at(folder.to_owned(), folder.join("archive"))
    }

    #[test]
    fn an_envelope_is_here_when_all_of_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = at(folder.path());
        assert_eq!(shelf.fetched(ID), Fetched::No);
        let (mut file, here) = shelf.resume(ID, 5).unwrap();
        assert_eq!(here, 0);
        file.write_all(b"abc").unwrap();
        assert_eq!(shelf.fetched(ID), Fetched::Partly(3));
        assert!(shelf.all().unwrap().is_empty());
        assert_eq!(shelf.resume(ID, 5).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(file);

        let (mut file, here) = shelf.resume(ID, 5).unwrap();
        assert_eq!(here, 3);
        file.write_all(b"de").unwrap();
        let path = shelf.complete(ID, &file).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"abcde");
        assert_eq!(shelf.fetched(ID), Fetched::Whole);
        assert_eq!(shelf.all().unwrap(), [ID]);
    }

    #[test]
    fn a_part_longer_than_the_whole_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = at(folder.path());
        shelf.resume(ID, 9).unwrap().0.write_all(b"abcdef").unwrap();
        assert_eq!(shelf.resume(ID, 5).unwrap().1, 0);
        assert_eq!(shelf.fetched(ID), Fetched::Partly(0));
    }

    #[test]
    fn opening_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = at(folder.path());
        assert!(!shelf.is_opened(ID));
        shelf.mark_opened(ID).unwrap();
        shelf.mark_opened(ID).unwrap();
        assert!(shelf.is_opened(ID));
    }

    #[test]
    fn what_is_cleared_is_gone_and_stays_known() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = at(folder.path());
        let listing = EnvelopeListing {
            id: ID,
            day: crate::clock::Day(1),
            epoch: crate::clock::Epoch(2),
            class: 3,
            bytes: 4,
            goes: None,
        };
        assert!(shelf.description(ID).is_none() && shelf.archived().unwrap().is_empty());
        shelf.describe(&listing).unwrap();
        assert_eq!(shelf.description(ID), Some(listing));
        let file = shelf.resume(ID, 5).unwrap().0;
        shelf.complete(ID, &file).unwrap();
        assert!(shelf.is_done(ID));
        let entropy = crate::random::SystemEntropy::new();
        drop(shelf.begin_archive(ID, &entropy).unwrap());
        shelf.sweep_archive(&entropy).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("archive")).unwrap().count(), 0);
        let mut archived = shelf.begin_archive(ID, &entropy).unwrap();
        archived.write_all(b"abc").unwrap();
        shelf.complete_archive(ID, &archived).unwrap();
        shelf.clear_sealed(ID).unwrap();
        assert_eq!(shelf.fetched(ID), Fetched::Archived);
        assert_eq!((shelf.all().unwrap(), shelf.sealed().unwrap()), (vec![ID], vec![]));

        shelf.mark_opened(ID).unwrap();
        shelf.clear(ID, &crate::random::SystemEntropy::new()).unwrap();
        assert_eq!(shelf.fetched(ID), Fetched::No);
        assert!(shelf.is_done(ID) && shelf.description(ID).is_none());
        shelf.clear(ID, &crate::random::SystemEntropy::new()).unwrap();
    }
}
