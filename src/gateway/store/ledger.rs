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
    /// Bytes of the disk that no envelope takes: for what else is written there, for marks and
    /// tombstones, without which nothing could be deleted from a full store, and for the copies of
    /// the day's turn. Default: 64 MiB; `serve` chooses by the size of the disk.
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { quota_bytes: u64::MAX, reserve_bytes: 64 << 20 }
    }
}

impl Options {
    /// Bytes that may still be stored, and the same for tips with files, of a store that has taken
    /// `taken` bytes on a disk that has `free`.
    pub(in crate::gateway) fn room(&self, taken: u64, free: u64) -> (u64, u64) {
        let of_quota = self.quota_bytes.saturating_sub(taken);
        let room = of_quota.min(free.saturating_sub(self.reserve_bytes));
        let kept = taken.saturating_add(room) / PART_FOR_WORDS;
        (room, room.saturating_sub(kept))
    }
}

/// Of all that a store can hold, this part is kept for tips without files.
const PART_FOR_WORDS: u64 = 10;
/// The day's turn leaves this part of the reserve free.
const PART_BESIDE_COPIES: u64 = 4;

/// What is stored, and what is being stored.
#[derive(Clone, Copy, Default)]
pub(super) struct Ledger {
    pub(super) envelopes: u64,
    pub(super) bytes: u64,
    /// of envelopes that are being written
    pub(super) reserved: u64,
    /// the part of `reserved` that the disk has not got yet
    pub(super) unwritten: u64,
    /// in quarantine; see [`Health::missing`]
    pub(super) missing: u64,
    /// does not go down when envelopes go
    pub(super) highest_epoch: Option<Epoch>,
}

impl Inner {
    pub(super) fn health(&self) -> Result<Health, StoreError> {
        let ledger = *lock(&self.ledger);
        let (room, room_for_files) = self.room(ledger)?;
        let Ledger { envelopes, bytes, missing, highest_epoch, .. } = ledger;
        let missing = missing + lock(&self.unreadable).len();
        Ok(Health { envelopes, bytes, room, room_for_files, missing, highest_epoch })
    }

    /// Bytes that may still be stored, and the same for tips with files.
    fn room(&self, ledger: Ledger) -> io::Result<(u64, u64)> {
        Ok(ledger.room(&self.options, self.folders.free()?))
    }

    /// Bytes of the disk that the day's turn may have for its copies: nobody has been promised them.
    /// The reserve is there for this, too; a part of it stays.
    pub(super) fn spare_disk(&self) -> io::Result<u64> {
        let unwritten = lock(&self.ledger).unwritten;
        let kept = (self.options.reserve_bytes / PART_BESIDE_COPIES).saturating_add(unwritten);
        Ok(self.folders.free()?.saturating_sub(kept))
    }

    /// Keeps room for an envelope of `bytes`, header and all.
    ///
    /// # Errors
    /// [`StoreError::Full`] if there is none, or if it has files and would take of the tenth that
    /// is kept for those without.
    pub(super) fn reserve(
        &self,
        bytes: u64,
        has_files: bool,
    ) -> Result<Reservation<'_>, StoreError> {
        let mut ledger = lock(&self.ledger);
        let (room, room_for_files) = self.room(*ledger)?;
        if bytes > if has_files { room_for_files } else { room } {
            return Err(StoreError::Full);
        }
        ledger.reserved += bytes;
        ledger.unwritten += bytes;
        Ok(Reservation { ledger: &self.ledger, bytes, unwritten: bytes })
    }
}

impl Ledger {
    /// `free` is what the disk has left; what is being written is on it in part.
    fn room(&self, options: &Options, free: u64) -> (u64, u64) {
        let taken = self.bytes.saturating_add(self.reserved);
        options.room(taken, free.saturating_sub(self.unwritten))
    }

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
    unwritten: u64,
}

impl Reservation<'_> {
    /// So many bytes more have been handed to the disk, whose free space is less by them now.
    pub(super) fn wrote(&mut self, bytes: u64) {
        let bytes = bytes.min(self.unwritten);
        self.unwritten -= bytes;
        lock(self.ledger).unwritten -= bytes;
    }

    pub(super) fn stored(self, epoch: Epoch) {
        lock(self.ledger).add(self.bytes, epoch);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut ledger = lock(self.ledger);
        ledger.reserved -= self.bytes;
        ledger.unwritten -= self.unwritten;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ledger(bytes: u64, reserved: u64, unwritten: u64) -> Ledger {
        Ledger { bytes, reserved, unwritten, ..Ledger::default() }
    }

    fn quota(quota_bytes: u64) -> Options {
        Options { quota_bytes, reserve_bytes: 0 }
    }

    #[test]
    fn a_tenth_is_kept_of_all_that_the_store_can_hold() {
        assert_eq!(ledger(0, 0, 0).room(&quota(1_000), u64::MAX), (1_000, 900));
        assert_eq!(ledger(900, 0, 0).room(&quota(1_000), u64::MAX), (100, 0));
        assert_eq!(ledger(850, 0, 0).room(&quota(1_000), u64::MAX), (150, 50));
        // the disk is the tighter limit: it holds 400 and has 100
        assert_eq!(ledger(400, 0, 0).room(&quota(1_000), 100), (100, 50));
        // a quota that was lowered
        assert_eq!(ledger(2_000, 0, 0).room(&quota(1_000), 100), (0, 0));
        assert_eq!(ledger(0, 0, 0).room(&quota(u64::MAX), 0), (0, 0));
        // what is left free for others is not there
        let options = Options { quota_bytes: u64::MAX, reserve_bytes: 300 };
        assert_eq!(ledger(400, 0, 0).room(&options, 400), (100, 50));
    }

    #[test]
    fn what_is_being_written_counts_once() {
        // nothing of it is on the disk, half of it, all of it
        for unwritten in [200, 100, 0] {
            let free = 500 - (200 - unwritten);
            assert_eq!(ledger(100, 200, unwritten).room(&quota(u64::MAX), free), (300, 240));
        }
        assert_eq!(ledger(100, 200, 200).room(&quota(1_000), u64::MAX), (700, 600));
    }

    proptest! {
        #[test]
        fn no_numbers_overflow(bytes: u64, reserved: u64, unwritten: u64, quota: u64, free: u64) {
            let options = self::quota(quota);
            let (room, for_files) = ledger(bytes, reserved, unwritten).room(&options, free);
            prop_assert!(for_files <= room && room <= quota.min(free));
        }
    }
}
