//! Damaged files are moved out of the way, reported, and never served.

use std::{fs, io, path::Path, sync::PoisonError};

use super::{
    Finding,
    file_store::{Inner, lock},
    folders,
    new_index::Change,
};
use crate::tip::TipId;

impl Inner {
    /// Moves an envelope out of the way of those who ask for it.
    pub(super) fn quarantine_envelope(&self, id: TipId, reason: &str) {
        let path = self.folders.envelope(id);
        let _changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        // somebody else may have moved or deleted it just now
        let Ok(file) = fs::symlink_metadata(&path) else {
            return;
        };
        self.change_index(Change::Remove(id));
        let finding = self.quarantine(&path, reason);
        self.forget(id, file.len());
        lock(&self.ledger).missing += 1;
        self.note(finding);
    }

    /// Moves a damaged file to quarantine, under its own name if that is free.
    pub(super) fn quarantine(&self, path: &Path, reason: &str) -> Finding {
        let file = self.folders.relative(path);
        let moved = || {
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
            folders::sync(&folder)?;
            path.parent().map_or(Ok(()), folders::sync)?;
            Ok(target)
        };
        match moved() {
            Ok(target) => Finding::Damaged {
                file,
                reason: reason.into(),
                moved_to: self.folders.relative(&target),
            },
            Err(error) => {
                let error: io::Error = error;
                self.failed.store(true, std::sync::atomic::Ordering::Relaxed);
                Finding::Unreadable { file, reason: format!("{reason}; moving it: {error}") }
            }
        }
    }

    /// How many envelopes lie in quarantine and are not stored again, from a backup.
    pub(super) fn count_quarantined(&self) -> io::Result<u64> {
        let mut count = 0;
        for name in folders::names(&self.folders.quarantine())? {
            let Some(id) = folders::id_of(&name) else { continue };
            if !self.folders.envelope(id).try_exists()? {
                count += 1;
            }
        }
        Ok(count)
    }
}
