//! One sync of the file system for many small files at once.
//!
//! A file alone is made durable by two syncs of its own, of the file and of its folder. When many
//! come at once, each of these makes the disk flush its cache, and they stand in each other's way:
//! then all of them wait for one `syncfs(2)`, which does the same for all at once.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::file_store::lock;

/// So many at once are faster together than each alone.
const COMPANY: usize = 8;
/// How long a round waits for those who are about to need one: without them, they would have to
/// wait for its end first.
const GATHERING: Duration = Duration::from_millis(5);

/// The sync that many wait for.
pub(super) struct GroupSync {
    /// the same one for as long as the store is open: what went wrong since the last call is told
    /// to each descriptor once
    folder: File,
    is_reliable: bool,
    at_work: AtomicUsize,
    rounds: Mutex<Rounds>,
    changed: Condvar,
}

#[derive(Default)]
struct Rounds {
    begun: u64,
    ended: u64,
    waiting: usize,
    /// the last one that failed, and why
    failed: Option<(u64, io::ErrorKind)>,
}

/// Somebody who is storing a small file.
pub(super) struct AtWork<'a> {
    group: &'a GroupSync,
    /// Rounds that had ended before the file was begun. A later one that fails may have met with
    /// the file's pages, though it began too early to be waited for: its error is told only once.
    since: u64,
}

impl GroupSync {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            folder: File::open(folder)?,
            is_reliable: tells_errors(rustix::system::uname().release().to_bytes()),
            at_work: AtomicUsize::new(0),
            rounds: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Whether `syncfs` tells of what could not be written.
    pub(super) fn is_reliable(&self) -> bool {
        self.is_reliable
    }

    /// Tells that a small file is to be stored.
    pub(super) fn begin(&self) -> AtWork<'_> {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork { group: self, since: lock(&self.rounds).ended }
    }

    fn run_round<'a>(&'a self, mut rounds: MutexGuard<'a, Rounds>) -> MutexGuard<'a, Rounds> {
        rounds.begun += 1;
        drop(rounds);
        let result = rustix::fs::syncfs(&self.folder);
        let mut rounds = lock(&self.rounds);
        rounds.ended += 1;
        if let Err(error) = result {
            rounds.failed = Some((rounds.ended, io::Error::from(error).kind()));
        }
        self.changed.notify_all();
        rounds
    }

    /// Makes everything durable that was done before this call, by a sync that begins after it.
    /// An error if any round after `since` has failed.
    fn sync(&self, since: u64) -> io::Result<()> {
        let mut rounds = lock(&self.rounds);
        rounds.waiting += 1;
        if rounds.waiting >= self.at_work.load(Ordering::Relaxed) {
            // all are here: who gathers need not wait longer
            self.changed.notify_all();
        }
        // the round that is under way may have begun too early
        let needed = rounds.begun + 1;
        let mut gathering = true;
        while rounds.ended < needed {
            if rounds.begun > rounds.ended {
                rounds = self.changed.wait(rounds).unwrap_or_else(PoisonError::into_inner);
            } else if gathering && rounds.waiting < self.at_work.load(Ordering::Relaxed) {
                let waited = self.changed.wait_timeout(rounds, GATHERING);
                let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                (rounds, gathering) = (again, !timeout.timed_out());
            } else {
                rounds = self.run_round(rounds);
            }
        }
        rounds.waiting -= 1;
        match rounds.failed {
            Some((round, kind)) if round > since => Err(kind.into()),
            _ => Ok(()),
        }
    }
}

impl<'a> AtWork<'a> {
    /// The sync to share with the others, if there are enough of them.
    pub(super) fn company(&self) -> Option<Together<'a>> {
        let Self { group, since } = *self;
        let enough = group.at_work.load(Ordering::Relaxed) >= COMPANY;
        (group.is_reliable && enough).then_some(Together { group, since })
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.group.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A sync that is shared.
#[derive(Clone, Copy)]
pub(super) struct Together<'a> {
    group: &'a GroupSync,
    since: u64,
}

impl Together<'_> {
    pub(super) fn sync(self) -> io::Result<()> {
        self.group.sync(self.since)
    }
}

/// Before Linux 5.8, `syncfs` kept silent about what could not be written.
fn tells_errors(release: &[u8]) -> bool {
    let mut numbers = release
        .split(|byte| !byte.is_ascii_digit())
        .map(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
        return false;
    };
    (major, minor) >= (5, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_begins_after_who_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let group = GroupSync::new(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let before = lock(&group.rounds).begun;
                        group.sync(before).unwrap();
                        assert!(lock(&group.rounds).ended > before);
                    }
                });
            }
        });
        let rounds = lock(&group.rounds);
        assert_eq!(rounds.begun, rounds.ended);
        assert!(rounds.ended <= 320, "{} for 320 calls", rounds.ended);
    }

    #[test]
    fn few_go_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut group = GroupSync::new(folder.path()).unwrap();
        let all: Vec<_> = (0..COMPANY - 1).map(|_| group.begin()).collect();
        assert!(all[0].company().is_none());
        let last = group.begin();
        assert!(last.company().is_some());
        drop((all, last));
        assert!(group.begin().company().is_none());
        group.is_reliable = false;
        let all: Vec<_> = (0..2 * COMPANY).map(|_| group.begin()).collect();
        assert!(all[0].company().is_none());
    }

    #[test]
    fn old_kernels_are_known_by_their_release() {
        for release in ["5.8", "5.10.0-28-amd64", "6.1.0", "10.0-rc1"] {
            assert!(tells_errors(release.as_bytes()), "{release}");
        }
        for release in ["5.7.19", "4.19.0-6-amd64", "", "six", "5", "5.", ".8"] {
            assert!(!tells_errors(release.as_bytes()), "{release}");
        }
    }
}
