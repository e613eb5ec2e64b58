//! Envelopes on the reviewer's own disk: still sealed, as the gateway served them.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::tip::TipId;

/// The folder of fetched envelopes.
pub struct Shelf {
    folder: PathBuf,
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
}

impl Shelf {
    /// The folder at `folder`, which exists.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where a fetched envelope lies.
    pub fn path(&self, id: TipId) -> PathBuf {
        self.folder.join(format!("{id}.age"))
    }

    /// How much of an envelope is here.
    pub fn fetched(&self, id: TipId) -> Fetched {
        if self.path(id).exists() {
            return Fetched::Whole;
        }
        fs::metadata(self.part(id)).map_or(Fetched::No, |part| Fetched::Partly(part.len()))
    }

    /// The ids of the envelopes that are here as a whole, in order.
    pub fn all(&self) -> io::Result<Vec<TipId>> {
        let mut ids = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let name = file?.file_name();
            ids.extend(name.to_str().and_then(|n| n.strip_suffix(".age")?.parse::<TipId>().ok()));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// True once the envelope has been opened.
    pub fn is_opened(&self, id: TipId) -> bool {
        self.mark(id).exists()
    }

    /// Remembers that the envelope has been opened.
    pub fn mark_opened(&self, id: TipId) -> io::Result<()> {
        private(&self.mark(id)).map(drop)
    }

    /// The file that a download goes on with, and how long it is already: never more than `whole`.
    pub(super) fn resume(&self, id: TipId, whole: u64) -> io::Result<(File, u64)> {
        let file = private(&self.part(id))?;
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

    #[test]
    fn an_envelope_is_here_when_all_of_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path().to_owned());
        assert_eq!(shelf.fetched(ID), Fetched::No);
        let (mut file, here) = shelf.resume(ID, 5).unwrap();
        assert_eq!(here, 0);
        file.write_all(b"abc").unwrap();
        assert_eq!(shelf.fetched(ID), Fetched::Partly(3));
        assert!(shelf.all().unwrap().is_empty());

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
        let shelf = Shelf::at(folder.path().to_owned());
        shelf.resume(ID, 9).unwrap().0.write_all(b"abcdef").unwrap();
        assert_eq!(shelf.resume(ID, 5).unwrap().1, 0);
        assert_eq!(shelf.fetched(ID), Fetched::Partly(0));
    }

    #[test]
    fn opening_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path().to_owned());
        assert!(!shelf.is_opened(ID));
        shelf.mark_opened(ID).unwrap();
        shelf.mark_opened(ID).unwrap();
        assert!(shelf.is_opened(ID));
    }
}
