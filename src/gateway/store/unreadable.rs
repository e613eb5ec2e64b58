//! Envelopes that the disk does not give out, or has lost: never left out silently.

use std::{collections::BTreeMap, fs, io, sync::PoisonError};

use super::{
    Entry, Finding, StoreError,
    file_store::{Flaw, Inner, lock},
    folders, header,
    new_index::Change,
};
use crate::tip::TipId;

/// Envelopes whose files cannot be read, cannot be moved to quarantine, or are gone without having
/// been deleted: until they can be read again, or are deleted, or `verify` gives them up.
#[derive(Default)]
pub(super) struct Unreadable(BTreeMap<TipId, Known>);

/// Whether the ledger counts such an envelope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}

impl Unreadable {
    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if it was not noted before.
    pub(super) fn add(&mut self, id: TipId, known: Known) -> bool {
        let is_new = !self.0.contains_key(&id);
        self.0.entry(id).or_insert(known);
        is_new
    }

    pub(super) fn remove(&mut self, id: TipId) -> Option<Known> {
        self.0.remove(&id)
    }

    pub(super) fn get(&self, id: TipId) -> Option<Known> {
        self.0.get(&id).copied()
    }

    fn ids(&self) -> Vec<TipId> {
        self.0.keys().copied().collect()
    }
}

impl Inner {
    /// Counts an envelope that is in the index as missing, for as long as it cannot be read.
    pub(super) fn note_unreadable(&self, id: TipId, error: &io::Error) {
        if lock(&self.unreadable).add(id, Known::Yes) {
            let finding = self.unreadable_finding(id, error);
            self.note(finding);
        }
    }

    pub(super) fn unreadable_finding(&self, id: TipId, error: &io::Error) -> Finding {
        let file = self.folders.relative(&self.folders.envelope(id));
        Finding::Unreadable { file, reason: error.to_string() }
    }

    /// Looks whether what could not be read can be now.
    pub(super) fn retry_unreadable(&self) {
        let ids = lock(&self.unreadable).ids();
        for id in ids {
            match self.open_envelope(id) {
                Ok((_, header)) => self.readable_again(&header.entry),
                Err(Flaw::Damaged(reason)) => self.quarantine_envelope(id, &reason),
                // a file that is gone without a deletion is given up by `verify`
                Err(Flaw::Unreadable(_) | Flaw::Gone) => {}
            }
        }
    }

    fn readable_again(&self, entry: &Entry) {
        let _alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        // it may have been deleted just now
        let is_there = self.folders.envelope(entry.id).try_exists().unwrap_or(false);
        if !is_there || self.is_deleted(entry.id).unwrap_or(true) {
            return;
        }
        let Some(known) = lock(&self.unreadable).get(entry.id) else { return };
        if known == Known::No {
            lock(&self.ledger).add(entry.bytes + header::LEN_U64, entry.epoch);
        }
        // a turn, or the making of an index, may have passed it by
        self.before_placing(entry.day);
        // no longer missing once it is listed, and not before
        self.change_index(Change::Put(entry.clone()));
    }

    /// True of an envelope whose file has gone from its place by a deletion, or to quarantine.
    pub(super) fn is_accounted_for(&self, id: TipId) -> Result<bool, StoreError> {
        Ok(self.is_deleted(id)? || !self.in_quarantine(id)?.is_empty())
    }

    /// What an envelope that is gone and was never deleted is told as.
    pub(super) fn given_up(&self, id: TipId) -> Finding {
        Finding::GivenUp { file: self.folders.relative(&self.folders.envelope(id)) }
    }

    /// Takes what is gone for good out of the list; its whole folder being away is no such thing.
    pub(super) fn forget_gone(&self, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let ids = lock(&self.unreadable).ids();
        for id in ids {
            let found = fs::symlink_metadata(self.folders.envelope(id));
            if found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                self.folders.find(&self.folders.shard(folders::shard_of(id)))?;
                if !self.is_accounted_for(id)? {
                    findings.push(self.given_up(id));
                }
                lock(&self.unreadable).remove(id);
            }
        }
        Ok(())
    }

    /// Takes an envelope of so many bytes, header included, out of the ledger.
    pub(super) fn forget(&self, id: TipId, bytes: u64) {
        if lock(&self.unreadable).remove(id) != Some(Known::No) {
            lock(&self.ledger).forget(bytes);
        }
    }
}
