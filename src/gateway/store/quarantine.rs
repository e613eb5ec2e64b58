//! Damaged files are moved out of the way, reported, and never served.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{PoisonError, atomic::Ordering},
};

use super::{
    Finding,
    file_store::{Inner, lock},
    folders,
    item::Kind,
    new_index::Change,
    unreadable::Known,
};
use crate::tip::TipId;

/// What became of a damaged envelope.
pub(super) struct SetAside {
    pub(super) finding: Finding,
    /// False if it stays where it was, which has been told before.
    pub(super) is_new: bool,
}

impl Inner {
    /// Moves an envelope that the ledger counts out of the way of those who ask for it. The caller
    /// does not hold `changing`.
    pub(super) fn quarantine_envelope(&self, id: TipId, reason: &str) {
        let set_aside = self.set_aside(id, reason, Known::Yes);
        if let Some(SetAside { finding, .. }) = set_aside.filter(|set_aside| set_aside.is_new) {
            self.note(finding);
        }
    }

    /// As [`Inner::quarantine_envelope`], the finding given to the caller; `None` of an envelope
    /// that is gone. One that cannot be moved stays in the index and is counted as missing;
    /// `known` says whether the ledger has it.
    pub(super) fn set_aside(&self, id: TipId, reason: &str, known: Known) -> Option<SetAside> {
        let path = self.folders.envelope(id);
        // alone: somebody else may find the same damage, or delete it, just now
        let _alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        let file = fs::symlink_metadata(&path).ok()?;
        // first, so that whoever gets a list without it hears that something is missing
        lock(&self.ledger).missing += 1;
        match self.move_aside(&path) {
            Ok(moved_to) => {
                self.change_index(Change::Remove(id));
                if known == Known::Yes {
                    self.forget(id, file.len());
                } else {
                    lock(&self.unreadable).remove(id);
                }
                let file = self.folders.relative(&path);
                let finding = Finding::Damaged { file, reason: reason.into(), moved_to };
                Some(SetAside { finding, is_new: true })
            }
            Err(error) => {
                let is_new = lock(&self.unreadable).add(id, known);
                let mut ledger = lock(&self.ledger);
                ledger.missing = ledger.missing.saturating_sub(1);
                Some(SetAside { finding: self.not_moved(&path, reason, &error), is_new })
            }
        }
    }

    /// Moves a damaged item to quarantine.
    pub(super) fn quarantine(&self, path: &Path, reason: &str) -> Finding {
        match self.move_aside(path) {
            Ok(moved_to) => {
                let file = self.folders.relative(path);
                Finding::Damaged { file, reason: reason.into(), moved_to }
            }
            Err(error) => self.not_moved(path, reason, &error),
        }
    }

    fn not_moved(&self, path: &Path, reason: &str, error: &io::Error) -> Finding {
        let file = self.folders.relative(path);
        Finding::Unreadable { file, reason: format!("{reason}; moving it: {error}") }
    }

    /// Moves a file to quarantine, under its own name if that is free; gives its new path,
    /// relative to the store.
    fn move_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let moved = || -> io::Result<PathBuf> {
            let folder = self.folders.quarantine();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let mut target = folder.join(&*name);
            for n in 2.. {
                if !target.try_exists()? {
                    break;
                }
                target = folder.join(format!("{name}.{n}"));
            }
            fs::rename(path, &target)?;
            Ok(target)
        };
        let target = moved().inspect_err(|_| self.failed.store(true, Ordering::Relaxed))?;
        let parent = path.parent().map_or(Ok(()), folders::sync);
        if folders::sync(&self.folders.quarantine()).and(parent).is_err() {
            // it is away from its place; after a crash it may be back there, and is found again
            self.failed.store(true, Ordering::Relaxed);
        }
        Ok(self.folders.relative(&target))
    }

    /// The files in quarantine that were this envelope's.
    pub(super) fn in_quarantine(&self, id: TipId) -> io::Result<Vec<PathBuf>> {
        let (folder, name) = (self.folders.quarantine(), folders::file_name(id));
        let is_its = |there: &String| {
            let number = there.strip_prefix(&*name).map(|rest| rest.strip_prefix('.'));
            // (the name of a mark begins with its envelope's, too)
            number.is_some_and(|number| {
                number.map_or(*there == name, |n| n.len() < 10 && n.parse::<u32>().is_ok())
            })
        };
        let names = folders::names(&folder)?.into_iter().filter(is_its);
        Ok(names.map(|name| folder.join(name)).collect())
    }

    /// Removes what a deletion that was interrupted has left in quarantine.
    pub(super) fn finish_quarantined(&self) -> io::Result<()> {
        let folder = self.folders.quarantine();
        let mut gone = false;
        for name in folders::names(&folder)? {
            let Some(id) = folders::id_of(&name) else { continue };
            if self.folders.item(Kind::Tombstone, &name).try_exists()? {
                for file in self.in_quarantine(id)? {
                    fs::remove_file(file)?;
                }
                gone = true;
            }
        }
        if gone { folders::sync(&folder) } else { Ok(()) }
    }

    /// How many envelopes lie in quarantine and are neither deleted nor stored again, from a
    /// backup.
    pub(super) fn count_quarantined(&self) -> io::Result<u64> {
        let mut count = 0;
        for name in folders::names(&self.folders.quarantine())? {
            let Some(id) = folders::id_of(&name) else { continue };
            let is_deleted = self.folders.item(Kind::Tombstone, &name).try_exists()?;
            if !is_deleted && !self.folders.envelope(id).try_exists()? {
                count += 1;
            }
        }
        Ok(count)
    }
}
