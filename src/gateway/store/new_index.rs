//! The index in use, and a new one made beside it: in order of id, while the store serves.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::TryLockError,
};

use super::{
    Entry, Finding, StoreError,
    file_store::{Flaw, Inner, lock},
    folders,
    index::{Index, IndexError},
};
use crate::tip::TipId;

/// Entries that are handed on at once.
const PAGE: usize = 4_096;
/// An attempt that failed is repeated after 1, 2, 4, … calls, at most so many.
const LONGEST_WAIT: u32 = 64;
/// More than an entry takes on the disk, with what sled needs around it.
const BYTES_PER_ENTRY: u64 = 400;
/// What sled takes for nothing.
const BYTES_AT_LEAST: u64 = 1 << 20;

/// Asked between steps; an error from it ends the work there.
pub(super) type GoOn<'a> = dyn FnMut() -> io::Result<()> + 'a;

/// The index in use.
#[derive(Default)]
pub(super) struct Slot {
    /// `None` once it has failed
    open: Option<Index>,
    /// what has changed since the making of a new one began
    changes: Option<Vec<Change>>,
    failures: u32,
    /// calls of [`Inner::mend`] to let pass
    wait: u32,
}

impl Slot {
    pub(super) fn new(open: Option<Index>) -> Self {
        Self { open, ..Self::default() }
    }

    pub(super) fn take(&mut self) -> Option<Index> {
        self.open.take()
    }
}

/// A change of the index. Doing it twice is doing it once.
#[derive(Clone)]
pub(super) enum Change {
    Put(Entry),
    Remove(TipId),
}

impl Change {
    fn make(&self, index: &Index) -> Result<(), IndexError> {
        match self {
            Self::Put(entry) => index.insert(entry),
            Self::Remove(id) => index.remove(*id),
        }
    }
}

impl Inner {
    /// Changes the index, if there is one, and the one that is being made. Whoever changes an
    /// envelope's file must say so here, still holding `changing`. What is put can be read.
    pub(super) fn change_index(&self, change: Change) {
        let mut slot = lock(&self.index);
        if let Some(changes) = &mut slot.changes {
            changes.push(change.clone());
        }
        self.ask(&mut slot, |index| change.make(index));
        drop(slot);
        if let Change::Put(entry) = change {
            lock(&self.unreadable).remove(entry.id);
        }
    }

    /// Asks the index, if there is one; it is out of use once it has failed.
    pub(super) fn with_index<T>(
        &self,
        ask: impl FnOnce(&Index) -> Result<T, IndexError>,
    ) -> Option<T> {
        self.ask(&mut lock(&self.index), ask)
    }

    fn ask<T>(
        &self,
        slot: &mut Slot,
        ask: impl FnOnce(&Index) -> Result<T, IndexError>,
    ) -> Option<T> {
        match ask(slot.open.as_ref()?) {
            Ok(answer) => Some(answer),
            Err(error) => {
                if let Some(failed) = slot.open.take() {
                    failed.abandon();
                }
                self.note(Finding::IndexOff { reason: error.to_string() });
                None
            }
        }
    }

    /// Looks after what has failed while serving: tries again what could not be read, and makes an
    /// index that is out of use anew.
    pub(super) fn mend(&self, go_on: &mut GoOn<'_>) -> Result<(), StoreError> {
        let _one = match self.upkeep.try_lock() {
            Ok(one) => one,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // whoever has it makes a new index, or will be done soon
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        self.retry_unreadable();
        let mut slot = lock(&self.index);
        // an insert that failed is noticed by the next question
        self.ask(&mut slot, Index::answers);
        if slot.open.is_some() {
            return Ok(());
        }
        if slot.wait > 0 {
            slot.wait -= 1;
            return Ok(());
        }
        drop(slot);
        let envelopes = lock(&self.ledger).envelopes;
        if self.folders.free()? < BYTES_AT_LEAST + envelopes.saturating_mul(BYTES_PER_ENTRY) {
            return Ok(());
        }
        let made = self.new_index(go_on);
        let mut slot = lock(&self.index);
        if made.is_err() {
            slot.wait = 1_u32.checked_shl(slot.failures).unwrap_or(u32::MAX).min(LONGEST_WAIT);
            slot.failures = slot.failures.saturating_add(1);
        } else {
            (slot.failures, slot.wait) = (0, 0);
            self.note(Finding::IndexMended);
        }
        made
    }

    /// Makes an index beside the one in use, in order of id, and puts it in its place. The caller
    /// holds `upkeep`.
    pub(super) fn new_index(&self, go_on: &mut GoOn<'_>) -> Result<(), StoreError> {
        lock(&self.index).changes = Some(Vec::new());
        let made = self.build_index(go_on).and_then(|folder| {
            let put = self.put_in_place(&folder);
            // after a failure; otherwise there is nothing of that name
            let _ = folders::remove(&folder);
            put
        });
        lock(&self.index).changes = None;
        made
    }

    /// A new index in `tmp/`, closed.
    fn build_index(&self, go_on: &mut GoOn<'_>) -> Result<PathBuf, StoreError> {
        let folder = self.folders.new_tmp_folder(&*self.entropy)?;
        let built = Index::open(&folder).map_err(failed).and_then(|index| {
            self.fill(&index, go_on)?;
            if index.close() { Ok(()) } else { Err(failed(IndexError::Hangs)) }
        });
        built.inspect_err(|_| drop(folders::remove(&folder)))?;
        Ok(folder)
    }

    /// From the index in use; from the files where there is none.
    fn fill(&self, new: &Index, go_on: &mut GoOn<'_>) -> Result<(), StoreError> {
        if lock(&self.index).open.is_none() {
            return self.fill_from_files(new, go_on);
        }
        let mut after = None;
        loop {
            go_on()?;
            let page = self.with_index(|index| index.page(after, PAGE));
            let page = page.ok_or_else(|| failed(IndexError::Damaged))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            new.insert_all(&page).map_err(failed)?;
        }
    }

    fn fill_from_files(&self, new: &Index, go_on: &mut GoOn<'_>) -> Result<(), StoreError> {
        for shard in 0..=u8::MAX {
            go_on()?;
            let mut entries = Vec::new();
            for (id, read) in self.headers_of(&self.ids_in(shard)?.0)? {
                match read {
                    Ok(entry) => entries.push(entry),
                    Err(Flaw::Gone) => {}
                    Err(Flaw::Unreadable(error)) => self.note_unreadable(id, &error),
                    Err(Flaw::Damaged(reason)) => self.quarantine_envelope(id, &reason),
                }
            }
            // a tombstone whose envelope could not be unlinked hides it all the same
            let mut stored = Vec::with_capacity(entries.len());
            for entry in entries {
                if !self.is_deleted(entry.id)? {
                    stored.push(entry);
                }
            }
            new.insert_all(&stored).map_err(failed)?;
        }
        Ok(())
    }

    /// Nobody asks the index meanwhile: about as long as sled takes to open it.
    fn put_in_place(&self, folder: &Path) -> Result<(), StoreError> {
        let mut slot = lock(&self.index);
        if let Some(old) = slot.open.take() {
            old.close();
        }
        let aside = self.folders.new_tmp(&*self.entropy);
        let changes = slot.changes.take().unwrap_or_default();
        let opened = self.exchange_index(folder, &aside).and_then(|()| {
            let index = Index::open(&self.folders.index()).map_err(failed)?;
            changes.iter().try_for_each(|change| change.make(&index)).map_err(failed)?;
            Ok(index)
        });
        match opened {
            Ok(index) => slot.open = Some(index),
            Err(error) => {
                self.note(Finding::IndexOff { reason: error.to_string() });
                return Err(error);
            }
        }
        drop(slot);
        let _ = folders::remove(&aside);
        folders::sync(&self.folders.tmp())?;
        Ok(folders::sync(self.folders.root())?)
    }

    fn exchange_index(&self, folder: &Path, aside: &Path) -> Result<(), StoreError> {
        match fs::rename(self.folders.index(), aside) {
            // somebody has deleted it
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        Ok(fs::rename(folder, self.folders.index())?)
    }
}

fn failed(error: IndexError) -> StoreError {
    StoreError::Io(io::Error::other(error))
}
