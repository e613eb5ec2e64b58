//! How much there is on a disk, and how much could be taken now.

use std::{io, os::unix::fs::MetadataExt, path::Path};

use super::{
    Gateway,
    log::StoreLevel,
    store::{Health, Store, StoreError},
};

/// A tip of words only, stored, has at most so many bytes (64 KiB for headers and the smallest size
/// class, with room for the stanzas of thirty reviewers).
pub(super) const SMALLEST_TIP: u64 = 128 << 10;

/// Files are offered while a request of so many bytes would be taken: a few photos.
pub(super) const WORTH_OFFERING: u64 = 8 << 20;

/// A disk.
pub(super) struct Space {
    /// Bytes that this process may still write.
    free: u64,
    /// Bytes in all.
    size: u64,
    /// Which disk it is.
    device: u64,
}

impl Space {
    /// Of the disk that `folder` lies on.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(folder)?;
        Ok(Self {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            size: disk.f_blocks.saturating_mul(disk.f_frsize),
            device: folder.metadata()?.dev(),
        })
    }

    /// What is left free for everything else, unless the operator decides otherwise: a twentieth of
    /// the disk, at most 8 GiB. It is for what the system writes (logs, the journal), for marks and
    /// tombstones (so that a full store can be emptied), and for the copies that the day's turn
    /// makes: with 8 GiB it can hold the largest envelope beside others.
    pub(super) fn usual_reserve(&self) -> u64 {
        (self.size / 20).min(8 << 30)
    }
}

/// What could be taken now, in bytes; uploads under way are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Of the store, for tips without files.
    pub(super) words: u64,
    /// Of the store, for tips with files.
    pub(super) files: u64,
    /// Of the spool.
    pub(super) spool: u64,
    /// Store and spool take from the same.
    pub(super) one_disk: bool,
}

impl Room {
    /// Of the store, which has `words` and `files` left, and of the spool; `decided` is the reserve
    /// of the store's disk that the configuration names. Blocks.
    ///
    /// # Errors
    /// A disk that cannot be asked.
    pub(super) fn of(
        store: &Path,
        spool: &Path,
        decided: Option<u64>,
        (words, files): (u64, u64),
    ) -> io::Result<Self> {
        let spool = Space::of(spool)?;
        let one_disk = Space::of(store)?.device == spool.device;
        let decided = decided.filter(|_| one_disk);
        let reserve = decided.unwrap_or_else(|| spool.usual_reserve());
        Ok(Self { words, files, spool: spool.free.saturating_sub(reserve), one_disk })
    }

    /// How full a store is that holds `stored` bytes.
    pub(super) fn level(&self, stored: u64) -> StoreLevel {
        match self.percent(stored) {
            _ if self.words < SMALLEST_TIP => StoreLevel::Full,
            90.. => StoreLevel::Over90,
            80.. => StoreLevel::Over80,
            _ => StoreLevel::Below80,
        }
    }

    /// Whole percent of what can be stored that `stored` bytes are; of nothing at all, all is used.
    pub(super) fn percent(&self, stored: u64) -> u64 {
        let all = u128::from(stored) + u128::from(self.words);
        let percent = (u128::from(stored) * 100).checked_div(all).unwrap_or(100);
        u64::try_from(percent).unwrap_or(100)
    }
}

impl<S: Store> Gateway<S> {
    /// What could be taken now.
    ///
    /// # Errors
    /// A store or spool that cannot be asked.
    pub(super) async fn room(&self) -> Result<Room, StoreError> {
        let Health { room, room_for_files, .. } = self.store.health().await?;
        let (store, spool) = (self.config.store.clone(), self.config.spool.clone());
        let (decided, of_store) = (self.config.reserve_bytes, (room, room_for_files));
        let room = tokio::task::spawn_blocking(move || Room::of(&store, &spool, decided, of_store));
        Ok(room.await.map_err(io::Error::other)??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_of_what_can_be_stored_and_its_steps_are_the_levels() {
        const MIB: u64 = 1 << 20;
        let room = |words| Room { words, files: 0, spool: 0, one_disk: false };
        let cases = [
            (0, 100, 0, StoreLevel::Below80),
            (7_999, 2_001, 79, StoreLevel::Below80),
            (80, 20, 80, StoreLevel::Over80),
            (8_999, 1_001, 89, StoreLevel::Over80),
            (90, 10, 90, StoreLevel::Over90),
            (100, 0, 100, StoreLevel::Full),
            (0, 0, 100, StoreLevel::Full),
        ];
        for (stored, left, percent, level) in cases {
            let (stored, room) = (stored * MIB, room(left * MIB));
            assert_eq!((room.percent(stored), room.level(stored)), (percent, level));
        }
        assert_eq!(room(u64::MAX).percent(u64::MAX), 50);
        assert_eq!(room(SMALLEST_TIP - 1).level(0), StoreLevel::Full);
        assert_eq!(room(SMALLEST_TIP).level(0), StoreLevel::Below80);
    }
}
