//! The store as files in a folder.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use ring::digest::Context;

use super::{
    Entry, Finding, Health, ItemKind, Store, StoreError, StoredBody, Turned, body, clean, files,
    folders::{self, Folders},
    group_sync::GroupSync,
    header::{self, EnvelopeHeader},
    index::Index,
    item::Kind,
    ledger::{Ledger, Options},
    new_index::{Change, Slot},
    putting::{GiveUp, wanted},
    recovery::Opening,
    turned_days::TurnedDays,
    unreadable::Unreadable,
};
use crate::{clock::Day, random::Entropy, seal::Envelope, tip::TipId};

/// So many findings are kept at most until somebody asks for them.
const MAX_FINDINGS: usize = 1_000;

/// A store in a folder of its own. A clone is another handle to the same open store; the folder
/// can be opened again once the last handle and the last [`StoredBody`] are gone.
#[derive(Clone)]
pub struct FileStore(pub(super) Arc<Inner>);

pub(super) struct Inner {
    /// before `folders`, because it must be closed before the lock goes
    pub(super) index: Mutex<Slot>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) options: Options,
    pub(super) ledger: Mutex<Ledger>,
    /// what was found amiss while serving
    pub(super) findings: Mutex<Vec<Finding>>,
    /// one item is written at a time: it is looked for, then added
    pub(super) items: Mutex<()>,
    /// Shared by whoever changes a file and then the index; taken alone by whoever compares them.
    pub(super) changing: RwLock<()>,
    pub(super) group: GroupSync,
    /// one turn of the day, or one new index, is made at a time
    pub(super) upkeep: Mutex<()>,
    pub(super) days: Mutex<TurnedDays>,
    pub(super) unreadable: Mutex<Unreadable>,
    /// Something failed halfway: the next opening must look at the names.
    pub(super) failed: AtomicBool,
    pub(super) opening: Opening,
    pub(super) folders: Folders,
}

/// What there is of an envelope whose file is not in its place.
struct Missing {
    in_quarantine: Vec<PathBuf>,
    /// of the index
    entry: Option<Entry>,
}

/// Why an envelope's file cannot be used.
pub(in crate::gateway) enum Flaw {
    /// It is not there.
    Gone,
    /// It is not what was stored.
    Damaged(String),
    /// The operating system does not give it out.
    Unreadable(io::Error),
}

impl FileStore {
    /// Opens the store in `folder`, making one where there is nothing, and checks it: unfinished
    /// files are removed, begun deletions finished, the index brought in line with the files'
    /// names or made anew from their headers ([`FileStore::opening`] says how). Blocks for as long
    /// as that takes.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process has it open, [`StoreError::Newer`],
    /// [`StoreError::NotAStore`], [`StoreError::Exposed`], [`StoreError::FolderMissing`],
    /// [`StoreError::Io`].
    pub fn open(
        folder: &Path,
        entropy: Arc<dyn Entropy>,
        options: Options,
    ) -> Result<(Self, Vec<Finding>), StoreError> {
        let folders = Folders::open(folder)?;
        let mut inner = Inner {
            index: Mutex::default(),
            entropy,
            options,
            ledger: Mutex::default(),
            findings: Mutex::default(),
            items: Mutex::new(()),
            changing: RwLock::new(()),
            group: GroupSync::new(folder)?,
            folders,
            upkeep: Mutex::new(()),
            days: Mutex::default(),
            unreadable: Mutex::default(),
            failed: AtomicBool::new(false),
            opening: Opening::Headers,
        };
        let findings = inner.recover()?;
        Ok((Self(Arc::new(inner)), findings))
    }

    /// What the opening had to look at.
    pub fn opening(&self) -> Opening {
        self.0.opening
    }

    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Arc<Inner>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.0.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _on_panic = OnPanic(&inner.failed);
            let result = job(&inner);
            if let Err(error) = &result {
                inner.note_failure(error);
            }
            result
        });
        done.await.map_err(|error| {
            self.0.failed.store(true, Ordering::Relaxed);
            StoreError::Io(io::Error::other(error))
        })?
    }
}

/// Notes a panic, also of a job that nobody waits for any more.
struct OnPanic<'a>(&'a AtomicBool);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Inner {
    /// Says, if nothing has failed, that the next opening need not look at every name.
    fn drop(&mut self) {
        let slot = self.index.get_mut().unwrap_or_else(PoisonError::into_inner);
        let is_written = slot.take().is_some_and(Index::close);
        if is_written && !*self.failed.get_mut() && lock(&self.unreadable).is_empty() {
            // without it, the next opening takes longer
            let _ = clean::leave(&self.folders, &lock(&self.ledger));
        }
    }
}

impl Store for FileStore {
    async fn put(&self, envelope: Envelope, day: Day) -> Result<TipId, StoreError> {
        let given_up = Arc::new(AtomicBool::new(false));
        let _on_drop = GiveUp(given_up.clone());
        self.blocking(move |store| store.put(envelope, day, &given_up)).await
    }

    async fn get(
        &self,
        id: TipId,
        range: Option<Range<u64>>,
    ) -> Result<(Entry, StoredBody), StoreError> {
        self.blocking(move |store| store.get(id, range)).await
    }

    async fn list(&self, after: Option<TipId>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.blocking(move |store| store.list(after, limit)).await
    }

    async fn delete(&self, id: TipId) -> Result<(), StoreError> {
        self.blocking(move |store| store.delete(id)).await
    }

    async fn holds(&self, id: TipId) -> Result<bool, StoreError> {
        self.blocking(move |store| store.holds(id)).await
    }

    async fn put_item(&self, kind: ItemKind, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (key, bytes) = (key.to_owned(), bytes.to_owned());
        self.blocking(move |store| store.put_item(kind.into(), &key, &bytes)).await
    }

    async fn remove_item(&self, kind: ItemKind, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.blocking(move |store| store.remove_item(kind.into(), &key)).await
    }

    async fn items(&self, kind: ItemKind) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.blocking(move |store| store.items(kind.into(), "")).await
    }

    async fn items_under(
        &self,
        kind: ItemKind,
        prefix: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let prefix = prefix.to_owned();
        self.blocking(move |store| store.items(kind.into(), &prefix)).await
    }

    async fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Vec<String>, StoreError> {
        let (steps, mut told) = tokio::sync::mpsc::channel::<(u64, u64)>(16);
        let check = self.blocking(move |store| {
            // nobody listens any more when the future was dropped
            store.verify(&mut |done, all| steps.blocking_send((done, all)).is_ok())
        });
        let tell = async {
            while let Some((done, all)) = told.recv().await {
                progress(done, all);
            }
        };
        let (findings, ()) = tokio::join!(check, tell);
        Ok(findings?.iter().map(ToString::to_string).collect())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.blocking(|store| store.probe()).await
    }

    async fn findings(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0.findings)).iter().map(ToString::to_string).collect()
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.blocking(|store| store.health()).await
    }

    async fn turn(&self, today: Day) -> Result<Turned, StoreError> {
        let given_up = Arc::new(AtomicBool::new(false));
        let _on_drop = GiveUp(given_up.clone());
        self.blocking(move |store| store.turn(today, &mut || wanted(&given_up))).await
    }

    async fn mend(&self) -> Result<(), StoreError> {
        let given_up = Arc::new(AtomicBool::new(false));
        let _on_drop = GiveUp(given_up.clone());
        self.blocking(move |store| store.mend(&mut || wanted(&given_up))).await
    }
}

impl Inner {
    fn get(
        self: &Arc<Self>,
        id: TipId,
        range: Option<Range<u64>>,
    ) -> Result<(Entry, StoredBody), StoreError> {
        if self.is_deleted(id)? {
            return Err(StoreError::NotFound);
        }
        let (mut file, header) = match self.open_envelope(id) {
            Ok(opened) => opened,
            Err(Flaw::Gone) => return Err(StoreError::NotFound),
            Err(Flaw::Unreadable(error)) => {
                self.note_unreadable(id, &error);
                return Err(error.into());
            }
            Err(Flaw::Damaged(reason)) => {
                self.quarantine_envelope(id, &reason);
                return Err(StoreError::Damaged);
            }
        };
        let all = 0..header.entry.bytes;
        let range = range.unwrap_or(all.clone());
        let (start, end) = (range.start.min(all.end), range.end.min(all.end));
        file.seek(SeekFrom::Start(header::LEN_U64 + start))?;
        let len = end.saturating_sub(start);
        let entry = header.entry.clone();
        Ok((entry, body::of_file(self, file, header, len, len == all.end)))
    }

    pub(super) fn list(
        &self,
        after: Option<TipId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        match self.with_index(|index| index.page(after, limit)) {
            Some(entries) => Ok(entries),
            None => Ok(self.page_of_files(after, limit)?),
        }
    }

    fn delete(&self, id: TipId) -> Result<(), StoreError> {
        let path = self.folders.envelope(id);
        let changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = match fs::symlink_metadata(&path) {
            Ok(file) => file.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                drop(changing);
                return self.delete_missing(id);
            }
            Err(error) => return Err(error.into()),
        };
        self.put_item(Kind::Tombstone, &folders::file_name(id), &[])?;
        self.change_index(Change::Remove(id));
        let unlinked = match fs::remove_file(&path) {
            Ok(()) => {
                self.forget(id, bytes);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        // whatever it is, a full disk too: the deletion has begun, and the next opening finishes it
        unlinked
            .and_then(|()| folders::sync(&self.folders.shard(folders::shard_of(id))))
            .inspect_err(|_| self.failed.store(true, Ordering::Relaxed))?;
        Ok(())
    }

    /// Deletes an envelope that is not in its place: one in quarantine, or one that the disk has
    /// lost. A deletion that was made before is no error.
    fn delete_missing(&self, id: TipId) -> Result<(), StoreError> {
        let _alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        let Some(lost) = self.find_missing(id)? else {
            if !self.is_deleted(id)? {
                return Err(StoreError::NotFound);
            }
            self.change_index(Change::Remove(id));
            return Ok(());
        };
        self.put_item(Kind::Tombstone, &folders::file_name(id), &[])?;
        self.change_index(Change::Remove(id));
        self.unlink_missing(id, &lost).inspect_err(|_| self.failed.store(true, Ordering::Relaxed))
    }

    fn unlink_missing(&self, id: TipId, lost: &Missing) -> Result<(), StoreError> {
        for file in &lost.in_quarantine {
            fs::remove_file(file)?;
        }
        folders::sync(&self.folders.quarantine())?;
        lock(&self.ledger).missing = self.count_quarantined()?;
        match &lost.entry {
            Some(entry) => self.forget(id, entry.bytes + header::LEN_U64),
            None => drop(lock(&self.unreadable).remove(id)),
        }
        Ok(())
    }

    /// What there is of an envelope whose file is not in its place.
    fn find_missing(&self, id: TipId) -> Result<Option<Missing>, StoreError> {
        self.folders.find(&self.folders.shard(folders::shard_of(id)))?;
        let in_quarantine = self.in_quarantine(id)?;
        let shard = self.with_index(|index| index.shard(folders::shard_of(id)));
        let entry = shard.into_iter().flatten().find(|entry| entry.id == id);
        let is_noted = lock(&self.unreadable).get(id).is_some();
        let is_there = is_noted || entry.is_some() || !in_quarantine.is_empty();
        Ok(is_there.then_some(Missing { in_quarantine, entry }))
    }

    fn holds(&self, id: TipId) -> Result<bool, StoreError> {
        if self.is_deleted(id)? {
            return Ok(false);
        }
        match fs::symlink_metadata(self.folders.envelope(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
                Ok(self.find_missing(id)?.is_some() && !self.is_deleted(id)?)
            }
            found => Ok(found.map(|_| true)?),
        }
    }

    pub(super) fn is_deleted(&self, id: TipId) -> Result<bool, StoreError> {
        let tombstone = self.folders.item(Kind::Tombstone, &folders::file_name(id));
        let is_there = tombstone.try_exists()?;
        if let Some(folder) = tombstone.parent().filter(|_| !is_there) {
            self.folders.find(folder)?;
        }
        Ok(is_there)
    }

    /// Keeps a finding until somebody asks. Of a disk that fails all over, the first are enough.
    pub(super) fn note(&self, finding: Finding) {
        let mut findings = lock(&self.findings);
        if findings.len() < MAX_FINDINGS {
            findings.push(finding);
        }
    }

    /// What keeps the next opening from trusting what this run leaves behind.
    fn note_failure(&self, error: &StoreError) {
        let harmless = |kind| matches!(kind, io::ErrorKind::Interrupted);
        match error {
            StoreError::Io(error) if !harmless(error.kind()) => {
                self.failed.store(true, Ordering::Relaxed);
            }
            StoreError::FolderMissing { .. } => self.failed.store(true, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Opens an envelope's file and checks its header and length; it then stands at the body.
    pub(super) fn open_envelope(&self, id: TipId) -> Result<(File, EnvelopeHeader), Flaw> {
        match files::open_envelope(&self.folders.envelope(id), id) {
            Err(Flaw::Gone) => {
                let folder = self.folders.shard(folders::shard_of(id));
                // with its whole folder away, the envelope is not gone
                Err(self.folders.find(&folder).map_or_else(Flaw::from, |()| Flaw::Gone))
            }
            opened => opened,
        }
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Gone,
            io::ErrorKind::UnexpectedEof => Self::Damaged("it is cut short".into()),
            _ => Self::Unreadable(error),
        }
    }
}

impl From<StoreError> for Flaw {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io(error) => Self::Unreadable(error),
            other => Self::Unreadable(io::Error::other(other)),
        }
    }
}

/// A panic elsewhere leaves nothing half-changed behind these locks.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn finished(sum: Context) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(sum.finish().as_ref());
    out
}
