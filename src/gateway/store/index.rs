//! The sled index: which envelopes there are, in order of id.
//!
//! It holds nothing that the files do not, so nothing here is ever synced, and any failure ends
//! with a new index or with none. sled 0.34 panics on some damage and may hang: one thread owns
//! it, every call is made under `catch_unwind`, and nobody waits for an answer without a limit.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{Entry, take};
use crate::{
    clock::{Day, Epoch},
    tip::{SizeClass, TipId},
};

/// How long sled may take for one answer before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to close; what it has not written then is found missing at opening.
const CLOSING: Duration = Duration::from_secs(10);
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
        wait(&answer).map(|()| Self { jobs })
    }

    pub(super) fn insert(&self, entry: &Entry) -> Result<(), IndexError> {
        let (key, value) = (entry.id.0, encode(entry));
        self.run(move |db| Ok(db.insert(key, value).map(drop)?))
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
        wait(&answer)
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

fn wait<T>(answer: &mpsc::Receiver<Result<T, IndexError>>) -> Result<T, IndexError> {
    match answer.recv_timeout(PATIENCE) {
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
