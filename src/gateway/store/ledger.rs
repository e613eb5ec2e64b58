//! How much is stored, and how much more may be.

use std::{io, sync::Mutex};

use super::{
    Health, StoreError,
    file_store::{Inner, lock},
};
use crate::clock::Epoch;

/// What a store may use.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes that all envelopes together may have. Default: no limit but the disk's.
    pub quota_bytes: u64,
    /// Bytes of the disk that are left free for everything else. Default: 64 MiB.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { quota_bytes: u64::MAX, reserve_bytes: 64 << 20 }
    }
}

/// What is stored, and what is being stored.
#[derive(Clone, Copy, Default)]
pub(super) struct Ledger {
    pub(super) envelopes: u64,
    pub(super) bytes: u64,
    /// of envelopes that are being written
    pub(super) reserved: u64,
    /// in quarantine; see [`Health::missing`]
    pub(super) missing: u64,
    /// does not go down when envelopes go
    pub(super) highest_epoch: Option<Epoch>,
}

impl Inner {
    pub(super) fn health(&self) -> Result<Health, StoreError> {
        let ledger = *lock(&self.ledger);
        let room = self.room(ledger)?;
        // of all that the store can ever hold: without a quota, the disk decides
        let kept = ledger.bytes.saturating_add(room) / 10;
        let room_for_files = room.saturating_sub(kept);
        let Ledger { envelopes, bytes, missing, highest_epoch, .. } = ledger;
        let missing = missing + lock(&self.unreadable).len();
        Ok(Health { envelopes, bytes, room, room_for_files, missing, highest_epoch })
    }

    /// Bytes that may still be stored. What is being written counts in full, though part of it may
    /// be on the disk already: a refusal too early is repaired by trying again.
    fn room(&self, ledger: Ledger) -> io::Result<u64> {
        let of_quota = self.options.quota_bytes.saturating_sub(ledger.bytes);
        let of_disk = self.folders.free()?.saturating_sub(self.options.reserve_bytes);
        Ok(of_quota.min(of_disk).saturating_sub(ledger.reserved))
    }

    /// Bytes of the disk that nobody has been promised.
    pub(super) fn spare_disk(&self) -> io::Result<u64> {
        let reserved = lock(&self.ledger).reserved;
        let kept = self.options.reserve_bytes.saturating_add(reserved);
        Ok(self.folders.free()?.saturating_sub(kept))
    }

    pub(super) fn reserve(&self, bytes: u64) -> Result<Reservation<'_>, StoreError> {
        let mut ledger = lock(&self.ledger);
        if self.room(*ledger)? < bytes {
            return Err(StoreError::Full);
        }
        ledger.reserved += bytes;
        Ok(Reservation { ledger: &self.ledger, bytes })
    }
}

impl Ledger {
    pub(super) fn add(&mut self, bytes: u64, epoch: Epoch) {
        self.envelopes += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.highest_epoch = self.highest_epoch.max(Some(epoch));
    }

    pub(super) fn forget(&mut self, bytes: u64) {
        self.envelopes = self.envelopes.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Room kept for an envelope that is being written.
pub(super) struct Reservation<'a> {
    ledger: &'a Mutex<Ledger>,
    bytes: u64,
}

impl Reservation<'_> {
    pub(super) fn stored(self, epoch: Epoch) {
        lock(self.ledger).add(self.bytes, epoch);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        lock(self.ledger).reserved -= self.bytes;
    }
}
