//! How much there is on a disk, and how much could be taken now.

use std::{io, os::unix::fs::MetadataExt, path::Path};

use super::{Gateway, store::Store, store::StoreError};

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

impl<S: Store> Gateway<S> {
    /// What could be taken now.
    ///
    /// # Errors
    /// A store or spool that cannot be asked.
    pub(super) async fn room(&self) -> Result<Room, StoreError> {
        let health = self.store.health().await?;
        let (store, spool) = (self.config.store.clone(), self.config.spool.clone());
        let decided = self.config.reserve_bytes;
        let spool = tokio::task::spawn_blocking(move || {
            let spool = Space::of(&spool)?;
            let one_disk = Space::of(&store)?.device == spool.device;
            let reserve = decided.filter(|_| one_disk).unwrap_or_else(|| spool.usual_reserve());
            Ok::<_, io::Error>((spool.free.saturating_sub(reserve), one_disk))
        });
        let (spool, one_disk) = spool.await.map_err(io::Error::other)??;
        Ok(Room { words: health.room, files: health.room_for_files, spool, one_disk })
    }
}
