//! One sync of the file system for many small files at once.
//!
//! A file alone is made durable by two syncs of its own, of the file and of its folder. When many
//! come at once, each of these makes the disk flush its cache, and they stand in each other's way:
//! then all of them wait for one `syncfs(2)`, which does the same for all at once.

use std::{
    cell::Cell,
    fs::File,
    io,
    path::Path,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{file_store::lock, syncfs::syncfs_tells_the_truth};

/// So many at once are faster together than each alone.
const COMPANY: usize = 8;
/// How long a round waits for those who are about to need one: without them, they would have to
/// wait for its end first.
const GATHERING: Duration = Duration::from_millis(2);

/// `syncfs(2)`, or what a test has in its place.
type SyncFs = Box<dyn Fn(&File) -> rustix::io::Result<()> + Send + Sync>;

/// The sync that many wait for.
pub(super) struct GroupSync {
    /// the same one for as long as the store is open: what went wrong since the last call is told
    /// to each descriptor once
    folder: File,
    sync_fs: SyncFs,
    is_reliable: bool,
    at_work: AtomicUsize,
    /// those of them who will still need a round
    expected: AtomicUsize,
    rounds: Mutex<Rounds>,
    changed: Condvar,
}

#[derive(Default)]
struct Rounds {
    begun: u64,
    ended: u64,
    waiting: usize,
    /// the last one that failed, and why
    failed: Option<(u64, rustix::io::Errno)>,
}

/// Somebody who is storing a small file.
pub(super) struct AtWork<'a> {
    group: &'a GroupSync,
    /// Rounds that had ended before the file was begun. A later one that fails may have met with
    /// the file's pages, though it began too early to be waited for: its error is told only once.
    since: u64,
    is_expected: Cell<bool>,
}

impl GroupSync {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Self::with(folder, Box::new(|folder| rustix::fs::syncfs(folder)))
    }

    fn with(folder: &Path, sync_fs: SyncFs) -> io::Result<Self> {
        Ok(Self {
            folder: File::open(folder)?,
            sync_fs,
            is_reliable: syncfs_tells_the_truth(folder),
            at_work: AtomicUsize::new(0),
            expected: AtomicUsize::new(0),
            rounds: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Whether `syncfs` can be relied on.
    pub(super) fn is_reliable(&self) -> bool {
        self.is_reliable
    }

    /// Tells that a small file is to be stored.
    pub(super) fn begin(&self) -> AtWork<'_> {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        self.expected.fetch_add(1, Ordering::Relaxed);
        AtWork { group: self, since: lock(&self.rounds).ended, is_expected: Cell::new(true) }
    }

    fn run_round<'a>(&'a self, mut rounds: MutexGuard<'a, Rounds>) -> MutexGuard<'a, Rounds> {
        rounds.begun += 1;
        drop(rounds);
        let result = (self.sync_fs)(&self.folder);
        let mut rounds = lock(&self.rounds);
        rounds.ended += 1;
        if let Err(error) = result {
            rounds.failed = Some((rounds.ended, error));
        }
        self.changed.notify_all();
        rounds
    }

    /// Makes everything durable that was done before this call, by a sync that begins after it.
    /// An error if any round after `since` has failed.
    fn sync(&self, since: u64) -> io::Result<()> {
        let mut rounds = lock(&self.rounds);
        rounds.waiting += 1;
        if rounds.waiting >= self.expected.load(Ordering::Relaxed) {
            // all are here: who gathers need not wait longer
            self.changed.notify_all();
        }
        // the round that is under way may have begun too early
        let needed = rounds.begun + 1;
        let mut gathering = true;
        while rounds.ended < needed {
            if rounds.begun > rounds.ended {
                rounds = self.changed.wait(rounds).unwrap_or_else(PoisonError::into_inner);
            } else if gathering && rounds.waiting < self.expected.load(Ordering::Relaxed) {
                let waited = self.changed.wait_timeout(rounds, GATHERING);
                let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                (rounds, gathering) = (again, !timeout.timed_out());
            } else {
                rounds = self.run_round(rounds);
            }
        }
        rounds.waiting -= 1;
        match rounds.failed {
            Some((round, error)) if round > since => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl<'a> AtWork<'a> {
    /// The sync to share with the others, if there are enough of them.
    pub(super) fn company(&self) -> Option<Together<'a>> {
        let Self { group, since, .. } = *self;
        let enough = group.at_work.load(Ordering::Relaxed) >= COMPANY;
        if !(group.is_reliable && enough) {
            self.leave();
            return None;
        }
        Some(Together { group, since })
    }

    /// No round need wait for this one any more.
    fn leave(&self) {
        if self.is_expected.replace(false) {
            self.group.expected.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.leave();
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::AtomicBool,
        mpsc::{self, Receiver, Sender},
    };

    use rustix::io::Errno;

    use super::{
        super::{
            FileStore, Store, StoreError,
            faults::{Folder, is_served},
            suite::{Place, TODAY, test_envelope},
        },
        *,
    };

    /// A sync whose rounds end as and when a test says.
    struct Rehearsed {
        group: GroupSync,
        /// of each round that has begun
        begun: Receiver<()>,
        outcome: Sender<rustix::io::Result<()>>,
    }

    impl Rehearsed {
        fn new(folder: &Path) -> Self {
            let (tell, begun) = mpsc::channel();
            let (outcome, outcomes) = mpsc::channel();
            let outcomes = Mutex::new(outcomes);
            let sync_fs = move |_: &File| {
                tell.send(()).unwrap();
                lock(&outcomes).recv().unwrap()
            };
            Self { group: GroupSync::with(folder, Box::new(sync_fs)).unwrap(), begun, outcome }
        }
    }

    #[test]
    fn a_failed_round_is_told_to_all_whose_file_was_begun_before_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let Rehearsed { group, begun, outcome } = &Rehearsed::new(folder.path());
        let until_waiting = |count| {
            while lock(&group.rounds).waiting < count {
                std::thread::yield_now();
            }
        };
        let errno = |result: io::Result<()>| result.err().map(|error| error.raw_os_error());
        let eio = Some(Some(Errno::IO.raw_os_error()));
        std::thread::scope(|scope| {
            let start = |since| scope.spawn(move || group.sync(since));
            let first = start(0);
            begun.recv().unwrap();
            // the first round has begun without these
            let failing: Vec<_> = (0..3).map(|_| start(0)).collect();
            until_waiting(4);
            outcome.send(Ok(())).unwrap();
            begun.recv().unwrap();
            assert_eq!(errno(first.join().unwrap()), None, "its round succeeded");
            // the second round has begun without these, but may have met with what they wrote
            let overtaken: Vec<_> = (0..3).map(|_| start(1)).collect();
            until_waiting(6);
            outcome.send(Err(Errno::IO)).unwrap();
            begun.recv().unwrap();
            let later = start(lock(&group.rounds).ended);
            for one in failing {
                assert_eq!(errno(one.join().unwrap()), eio, "it waited for the second");
            }
            until_waiting(4);
            outcome.send(Ok(())).unwrap();
            for one in overtaken {
                assert_eq!(errno(one.join().unwrap()), eio, "its error may have been told there");
            }
            begun.recv().unwrap();
            outcome.send(Ok(())).unwrap();
            assert_eq!(errno(later.join().unwrap()), None, "it was begun afterwards");
        });
        assert_eq!(lock(&group.rounds).ended, 4);
    }

    /// A store of which every small file goes together with others; while the switch is on, their
    /// sync fails, but for as many rounds as pass before.
    struct Failing {
        place: Folder,
        store: FileStore,
        passing: Arc<AtomicUsize>,
        is_failing: Arc<AtomicBool>,
    }

    impl Failing {
        fn new() -> Self {
            let place = Folder::new();
            let mut store = place.open();
            let passing = Arc::new(AtomicUsize::new(0));
            let is_failing = Arc::new(AtomicBool::new(false));
            let (left, fails) = (passing.clone(), is_failing.clone());
            let sync_fs = move |_: &File| {
                let one_less = |left: usize| left.checked_sub(1);
                let passes =
                    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok();
                if fails.load(Ordering::SeqCst) && !passes { Err(Errno::IO) } else { Ok(()) }
            };
            let inner = Arc::get_mut(&mut store.0).unwrap();
            inner.group = GroupSync::with(&place.path("store"), Box::new(sync_fs)).unwrap();
            inner.group.is_reliable = true;
            Self { place, store, passing, is_failing }
        }

        async fn has_only(&self, seeds: u8) {
            let listed = self.store.list(None, 100).await.unwrap();
            assert_eq!(listed.len(), usize::from(seeds));
            let files = (self.place.count("store/envelopes"), self.place.count("store/tmp"));
            assert_eq!(files, (usize::from(seeds), 0));
        }
    }

    #[tokio::test]
    async fn a_put_whose_shared_sync_fails_leaves_nothing() {
        let failing = Failing::new();
        let Failing { store, passing, is_failing, .. } = &failing;
        let others: Vec<_> = (0..COMPANY).map(|_| store.0.group.begin()).collect();
        // of the content, then of the name
        for (pass, stored) in [(0, 0), (1, 1)] {
            passing.store(pass, Ordering::SeqCst);
            is_failing.store(true, Ordering::SeqCst);
            let refused = store.put(test_envelope(0, 1), TODAY).await;
            assert!(matches!(refused, Err(StoreError::Io(_))), "{pass}");
            assert_eq!(passing.load(Ordering::SeqCst), 0, "the sync was shared");
            failing.has_only(stored).await;
            is_failing.store(false, Ordering::SeqCst);
            let id = store.put(test_envelope(0, stored), TODAY).await.unwrap();
            assert!(is_served(store, id, stored).await);
            failing.has_only(stored + 1).await;
        }
        drop(others);
        let Failing { place, store, .. } = failing;
        drop(store);
        assert_eq!(place.open().list(None, 10).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn of_many_puts_those_whose_sync_fails_leave_nothing() {
        let failing = Failing::new();
        let Failing { store, passing, is_failing, .. } = &failing;
        let others: Vec<_> = (0..COMPANY).map(|_| store.0.group.begin()).collect();
        let mut stored = 0;
        for pass in 0..6 {
            passing.store(pass, Ordering::SeqCst);
            is_failing.store(true, Ordering::SeqCst);
            let puts = (0..8).map(|seed| store.put(test_envelope(0, seed), TODAY));
            let done = futures_util::future::join_all(puts).await;
            assert!(pass > 0 || done.iter().all(Result::is_err));
            stored += u8::try_from(done.iter().filter(|put| put.is_ok()).count()).unwrap();
            failing.has_only(stored).await;
        }
        drop(others);
    }

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
}
