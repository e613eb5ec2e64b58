//! The sled index: which envelopes there are, in order of id.
//!
//! It holds nothing that the files do not, so nothing here is ever synced, and any failure ends
//! with a new index or with none. sled 0.34 panics on some damage and may hang: one thread owns
//! it, every call is made under `catch_unwind`, and nobody waits for an answer without a limit.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use super::{Entry, take};
use crate::{
    clock::{Day, Epoch},
    tip::{SizeClass, TipId},
};

/// What is longer than sled takes for one answer on any disk that is of use.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to close; what it has not written then is found missing at opening.
const CLOSING: Duration = Duration::from_secs(10);
/// So many inserts may wait for the index's thread; the next one waits for them.
const UNHEARD: usize = 4_096;
/// Written before every value; another one means an index to be made anew.
const VERSION: u8 = 1;

/// Why the index can no longer be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    #[error("{0}")]
    Sled(#[from] sled::Error),
    #[error("it is damaged")]
    Damaged,
    #[error("it does not answer")]
    Hangs,
    #[error("its thread cannot be started: {0}")]
    Thread(std::io::Error),
}

/// A handle to the thread that owns sled. Dropping it writes the index out, if sled still can.
pub(super) struct Index {
    jobs: mpsc::Sender<Job>,
    /// inserts that nobody has waited for since the last answer
    unheard: AtomicUsize,
    /// how long it may take for one answer before it counts as hanging
    patience: Duration,
}

enum Job {
    Run(Box<dyn FnOnce(&sled::Db) -> Outcome + Send>),
    /// answered with whether all was written out
    Close(mpsc::Sender<bool>),
}

/// Whether sled can be used for more.
enum Outcome {
    Sound,
    Failed,
}

impl Index {
    /// Opens the index in `folder`, which may be empty.
    pub(super) fn open(folder: &Path) -> Result<Self, IndexError> {
        Self::open_with(folder, PATIENCE)
    }

    /// The same, with another patience for this and every later answer.
    fn open_with(folder: &Path, patience: Duration) -> Result<Self, IndexError> {
        // small segments and a small cache: the working set is a page of a list
        let config = sled::Config::new()
            .path(folder)
            .mode(sled::Mode::LowSpace)
            .cache_capacity(1 << 20)
            .segment_size(64 << 10)
            .flush_every_ms(None);
        let folder = folder.to_owned();
        let (jobs, inbox) = mpsc::channel();
        let (opened, answer) = mpsc::channel();
        thread::Builder::new()
            .name("index".into())
            .spawn(move || match guarded(|| Ok(config.open()?)) {
                Ok(db) => {
                    let _ = opened.send(Ok(()));
                    serve(db, &folder, &inbox);
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            })
            .map_err(IndexError::Thread)?;
        wait(&answer, patience).map(|()| Self { jobs, unheard: AtomicUsize::new(0), patience })
    }

    /// Inserts without waiting: whatever is asked afterwards sees it, and whatever is asked after a failure fails.
    pub(super) fn insert(&self, entry: &Entry) -> Result<(), IndexError> {
        let (key, value) = (entry.id.0, encode(entry));
        if self.unheard.fetch_add(1, Ordering::Relaxed) >= UNHEARD {
            return self.run(move |db| Ok(db.insert(key, value).map(drop)?));
        }
        let job = move |db: &sled::Db| match guarded(|| Ok(db.insert(key, value)?)) {
            Ok(_) => Outcome::Sound,
            Err(_) => Outcome::Failed,
        };
        self.jobs.send(Job::Run(Box::new(job))).map_err(|_| IndexError::Damaged)
    }

    /// Fails if anything before has failed.
    pub(super) fn answers(&self) -> Result<(), IndexError> {
        self.run(|_| Ok(()))
    }

    /// Inserts many at once.
    pub(super) fn insert_all(&self, entries: &[Entry]) -> Result<(), IndexError> {
        let mut batch = sled::Batch::default();
        for entry in entries {
            batch.insert(&entry.id.0, encode(entry));
        }
        self.run(move |db| Ok(db.apply_batch(batch)?))
    }

    pub(super) fn remove(&self, id: TipId) -> Result<(), IndexError> {
        self.run(move |db| Ok(db.remove(id.0).map(drop)?))
    }

    /// Up to `limit` entries with ids above `after`, in order of id.
    pub(super) fn page(
        &self,
        after: Option<TipId>,
        limit: usize,
    ) -> Result<Vec<Entry>, IndexError> {
        self.run(move |db| {
            let range = match after {
                None => db.iter(),
                Some(TipId(id)) => {
                    use std::ops::Bound::{Excluded, Unbounded};
                    db.range::<[u8; 16], _>((Excluded(id), Unbounded))
                }
            };
            range.take(limit).map(|pair| decode(pair?)).collect()
        })
    }

    /// All entries whose id begins with `shard`, in order of id.
    pub(super) fn shard(&self, shard: u8) -> Result<Vec<Entry>, IndexError> {
        self.run(move |db| db.scan_prefix([shard]).map(|pair| decode(pair?)).collect())
    }

    /// Has the index's thread do something and waits for the answer.
    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&sled::Db) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let (reply, answer) = mpsc::channel();
        let job = Box::new(move |db: &sled::Db| {
            let result = guarded(|| job(db));
            let outcome = if result.is_ok() { Outcome::Sound } else { Outcome::Failed };
            let _ = reply.send(result);
            outcome
        });
        self.jobs.send(Job::Run(job)).map_err(|_| IndexError::Damaged)?;
        let answer = wait(&answer, self.patience)?;
        self.unheard.store(0, Ordering::Relaxed);
        Ok(answer)
    }

    /// Writes the index out and closes it; true if both could be done in time.
    pub(super) fn close(self) -> bool {
        self.shut()
    }

    fn shut(&self) -> bool {
        let (closed, answer) = mpsc::channel();
        // a thread that has failed or was closed is gone and answers at once by its absence
        self.jobs.send(Job::Close(closed)).is_ok() && answer.recv_timeout(CLOSING).unwrap_or(false)
    }

    /// Lets go of an index that has failed, without waiting for it.
    pub(super) fn abandon(self) {
        std::mem::forget(self);
    }
}

fn wait<T>(
    answer: &mpsc::Receiver<Result<T, IndexError>>,
    patience: Duration,
) -> Result<T, IndexError> {
    match answer.recv_timeout(patience) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(IndexError::Hangs),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(IndexError::Damaged),
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.shut();
    }
}

fn serve(db: sled::Db, folder: &Path, inbox: &mpsc::Receiver<Job>) {
    for job in inbox {
        match job {
            Job::Run(run) => {
                if let Outcome::Failed = run(&db) {
                    // dropping a database that has panicked may panic or hang
                    std::mem::forget(db);
                    return;
                }
            }
            Job::Close(closed) => {
                let written = guarded(|| {
                    db.flush()?;
                    drop(db);
                    Ok(())
                });
                wait_for_release(folder);
                let _ = closed.send(written.is_ok());
                return;
            }
        }
    }
}

/// sled's own threads keep its file open, and locked, for a moment after the database is dropped.
/// Waiting for their lock makes sure that whoever opens the index next finds it closed.
fn wait_for_release(folder: &Path) {
    if let Ok(file) = File::open(folder.join("db")) {
        let _ = file.lock();
    }
}

fn guarded<T>(job: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or(Err(IndexError::Damaged))
}

/// The value of an entry: version, class, day, epoch, length; integers big-endian.
fn encode(entry: &Entry) -> Vec<u8> {
    let mut value = vec![VERSION, entry.class.index()];
    value.extend(entry.day.0.to_be_bytes());
    value.extend(entry.epoch.0.to_be_bytes());
    value.extend(entry.bytes.to_be_bytes());
    value
}

fn decode((key, value): (sled::IVec, sled::IVec)) -> Result<Entry, IndexError> {
    let read = || {
        let rest = &mut &value[..];
        let [version, class] = take(rest)?;
        let entry = Entry {
            id: TipId(key.as_ref().try_into().ok()?),
            class: SizeClass::from_index(class)?,
            day: Day(u32::from_be_bytes(take(rest)?)),
            epoch: Epoch(u32::from_be_bytes(take(rest)?)),
            bytes: u64::from_be_bytes(take(rest)?),
        };
        (version == VERSION && rest.is_empty()).then_some(entry)
    };
    read().ok_or(IndexError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            FileStore, Store,
            faults::Folder,
            file_store::lock,
            new_index::Slot,
            suite::{Place, put_some, test_envelope},
        },
        *,
    };
    use crate::gateway::store::suite::TODAY;

    /// Short enough to be waited for; what hangs in these tests hangs for as long as they run.
    const SHORT: Duration = Duration::from_secs(1);

    /// Something for sled to hang in until the sender is dropped.
    fn endless() -> (mpsc::Sender<()>, impl FnOnce(&sled::Db) -> Result<(), IndexError> + Send) {
        let (keep, forever) = mpsc::channel();
        (keep, move |_: &sled::Db| {
            let _ = forever.recv();
            Ok(())
        })
    }

    fn test_entry(number: u8) -> Entry {
        let class = SizeClass::from_index(0).unwrap();
        Entry { id: TipId([number; 16]), class, day: TODAY, epoch: Epoch(1), bytes: 1 }
    }

    #[expect(clippy::panic, reason = "as sled does")]
    fn panicking(_: &sled::Db) -> Result<(), IndexError> {
        panic!("as sled does on some damage")
    }

    #[test]
    fn a_panic_is_damage_and_nothing_is_asked_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        assert!(matches!(index.run(panicking), Err(IndexError::Damaged)));
        assert!(matches!(index.page(None, 1), Err(IndexError::Damaged)));
        assert!(!index.close(), "what has panicked is not written out");
    }

    #[test]
    fn who_asks_an_index_that_hangs_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open_with(folder.path(), SHORT).unwrap();
        let (keep, hang) = endless();
        assert!(matches!(index.run(hang), Err(IndexError::Hangs)));
        assert!(matches!(index.page(None, 1), Err(IndexError::Hangs)));
        drop(keep);
        assert!(index.close(), "it was only slow");
    }

    #[test]
    fn an_insert_that_failed_is_noticed_by_the_next_question() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        assert!(index.answers().is_ok());
        let failing = Box::new(|_: &sled::Db| Outcome::Failed);
        index.jobs.send(Job::Run(failing)).unwrap();
        assert!(matches!(index.answers(), Err(IndexError::Damaged)));
    }

    #[test]
    fn inserts_wait_when_too_many_are_unheard() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        index.unheard.store(UNHEARD - 1, Ordering::Relaxed);
        let unheard = || index.unheard.load(Ordering::Relaxed);
        index.insert(&test_entry(1)).unwrap();
        assert_eq!(unheard(), UNHEARD);
        index.insert(&test_entry(2)).unwrap();
        assert_eq!(unheard(), 0);
        assert_eq!(index.page(None, 10).unwrap().len(), 2);
    }

    /// An index that fails while the store serves is off, lists are whole all the same, and mending
    /// makes it anew; so does opening.
    async fn a_store_does_without(
        prepare: impl FnOnce(&FileStore),
        fail: impl FnOnce(&Index) -> Result<(), IndexError>,
        reason: &str,
    ) {
        let place = Folder::new();
        let store = place.open();
        put_some(&store, 5).await;
        prepare(&store);
        let listed = store.list(None, 10).await.unwrap();
        assert!(store.0.with_index(fail).is_none());
        assert!(store.0.with_index(|_| Ok(())).is_none(), "it is off");
        assert_eq!(store.list(None, 10).await.unwrap(), listed);
        let told = store.verify(&|_, _| {}).await.unwrap();
        assert!(told.iter().any(|finding| finding.contains(reason)), "{told:?}");
        store.put(test_envelope(0, 9), TODAY).await.unwrap();

        store.mend().await.unwrap();
        let by_index = store.0.with_index(|index| index.page(None, 10)).unwrap();
        assert_eq!(by_index.len(), 6);
        assert_eq!(store.list(None, 10).await.unwrap(), by_index);
        drop(store);
        assert_eq!(place.open().list(None, 10).await.unwrap(), by_index);
    }

    fn be_impatient(store: &FileStore) {
        let mut slot = lock(&store.0.index);
        assert!(slot.take().unwrap().close());
        let index = Index::open_with(&store.0.folders.index(), SHORT).unwrap();
        *slot = Slot::new(Some(index));
    }

    #[tokio::test]
    async fn a_store_does_without_an_index_that_panics() {
        a_store_does_without(|_| {}, |index| index.run(panicking), "it is damaged").await;
    }

    #[tokio::test]
    async fn a_store_does_without_an_index_that_hangs() {
        let (_keep, hang) = endless();
        a_store_does_without(be_impatient, |index| index.run(hang), "it does not answer").await;
    }
}
