//! The store: sealed tips, and the small items beside them, kept so that nothing acknowledged is
//! lost.
//!
//! [`Store`] is the interface; [`FileStore`] keeps everything as files in one folder. The files are
//! the truth: the sled index beside them can be deleted at any time and is made anew at opening.
//!
//! ```text
//! store/
//!   format               "sealpost store 1\n"; a higher number is refused, untouched
//!   lock                 flock of the one process that uses the store
//!   envelopes/ab/<id>    an envelope header (see `header`), then the age file; 256 shards
//!   items/<kind>/<key>   rosters, key batches, marks, replies, tombstones … (see `item`)
//!   index/               sled: id -> day, epoch, size class, length
//!   tmp/                 files being written; emptied at opening
//!   quarantine/          damaged files, moved here and reported, never served
//! ```
//!
//! Folders have mode 0700 and files 0600. (sled makes its own files under the process's umask;
//! their folder is closed to others.)
//!
//! A file is written to `tmp/`, synced, renamed into its place and its folder synced; only then is
//! it acknowledged. What times remain: modification and access times of envelopes and items are
//! set to the start of their UTC day, or to 1970 where there is no day. Birth and change times,
//! inode numbers and the order within sled's log still tell the order of arrival until the files
//! are written anew.

mod body;
#[cfg(test)]
mod faults;
mod file_store;
mod finding;
mod folders;
mod group_sync;
pub mod header;
mod index;
pub mod item;
mod items;
mod ledger;
#[cfg(test)]
mod model;
mod new_file;
mod putting;
mod recovery;
#[cfg(test)]
mod suite;

use std::{
    future::Future,
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{
    clock::{Day, Epoch},
    disk,
    seal::Envelope,
    tip::{SizeClass, TipId},
};

pub use body::StoredBody;
pub use file_store::FileStore;
pub use finding::Finding;
pub use ledger::Options;

/// What the index and the desk know of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name the store gave it.
    pub id: TipId,
    /// The UTC day it came in.
    pub day: Day,
    /// The epoch whose sealing keys open it.
    pub epoch: Epoch,
    /// The size class of the archive inside.
    pub class: SizeClass,
    /// Length of the age file.
    pub bytes: u64,
}

/// Why the store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No envelope of that id is stored, or it has been deleted.
    #[error("no such envelope")]
    NotFound,
    /// The quota or the disk leaves no room. Nothing that is stored was harmed.
    #[error("the store is full: free some space on its disk, delete old tips or raise the quota")]
    Full,
    /// An item of that key is stored with other bytes.
    #[error("an item of this name is stored already, with other content")]
    Conflict,
    /// The key or the content of an item is outside its limits.
    #[error("this item cannot be stored: {0}")]
    BadItem(&'static str),
    /// The envelope is damaged and is not served; it lies in quarantine.
    #[error(
        "the envelope is damaged and was moved to the store's quarantine folder: restore it from a backup"
    )]
    Damaged,
    /// Another process has the store open.
    #[error("another gateway is using the store in {}: stop it first", folder.display())]
    Locked {
        /// The store's folder.
        folder: PathBuf,
    },
    /// The store was written by a later version of the program.
    #[error("the store in {} has format {found}, and this program knows formats up to {}: use a newer sealpost-gateway", folder.display(), folders::FORMAT)]
    Newer {
        /// The store's folder.
        folder: PathBuf,
        /// The number in its `format` file.
        found: u32,
    },
    /// A folder with something else in it.
    #[error("{} is no store, and is not empty: name another folder", folder.display())]
    NotAStore {
        /// The folder.
        folder: PathBuf,
    },
    /// Others on the machine have access to the folder.
    #[error("the store in {0} is open to other users of this machine: run chmod 700 {0}", folder.display())]
    Exposed {
        /// The store's folder.
        folder: PathBuf,
    },
    /// The operating system refused; a missing space is [`StoreError::Full`].
    #[error("the store's disk cannot be used: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

/// Immutable or grow-only things beside envelopes: the same guarantees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// Roster versions seen, key = version.
    Roster,
    /// Notice periods done.
    NoticeMark,
    /// Reviewers' batches of sealing keys that came through the desk.
    KeyBatch,
    /// Epochs that the clock has shown, key = number.
    Epoch,
    /// Who has fetched what, key = `<id>.<reviewer>`.
    Fetched,
    /// Who has deleted what, key = `<id>.<reviewer>`, content = the day.
    Deletion,
    /// Who wants what gone at once, key = `<id>.<reviewer>`.
    Purge,
    /// Sealed replies to sources, key = `<mailbox>.<reply>`.
    Reply,
}

/// How full the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Envelopes stored.
    pub envelopes: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes that may still be stored (the lower of quota and free space).
    pub room: u64,
    /// The same for tips with files: a tenth of the quota is kept for those without.
    pub room_for_files: u64,
    /// Envelopes that are stored and cannot be handed out: damaged ones in quarantine, and files
    /// that the disk does not give out. While there are any, a list is not all that was ever
    /// acknowledged.
    pub missing: u64,
    /// The highest epoch that an envelope was sealed for, of those stored when the store was
    /// opened and since.
    pub highest_epoch: Option<Epoch>,
}

/// Where envelopes and items are kept.
///
/// No compare-and-swap, no lock: every state is immutable, grow-only or safe to do twice.
pub trait Store: Send + Sync + 'static {
    /// Stores an envelope; durable when it returns. The store makes the id.
    ///
    /// Dropping the future gives the envelope up: it is then absent or, if that came too late,
    /// whole.
    fn put(
        &self,
        envelope: Envelope,
        day: Day,
    ) -> impl Future<Output = Result<TipId, StoreError>> + Send;

    /// The age file (or a range of its bytes, clipped to its length), with the SHA-256 of the whole.
    ///
    /// Served whole, the file is checked as it goes: a damaged one ends in an error, before its last
    /// block.
    fn get(
        &self,
        id: TipId,
        range: Option<Range<u64>>,
    ) -> impl Future<Output = Result<(Entry, StoredBody), StoreError>> + Send;

    /// Up to `limit` entries with ids above `after`, in order of id.
    fn list(
        &self,
        after: Option<TipId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, StoreError>> + Send;

    /// Hides the envelope at once and unlinks it; doing it twice is no error; a tombstone stays.
    /// An id that was never stored is [`StoreError::NotFound`].
    fn delete(&self, id: TipId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds an item; the same key again with the same bytes is no error, with others it is
    /// [`StoreError::Conflict`]. A key is 1 to 128 of `A-Z a-z 0-9 - _ .` and does not begin with
    /// a dot; the content has at most [`item::MAX_CONTENT`] bytes.
    fn put_item(
        &self,
        kind: ItemKind,
        key: &str,
        bytes: &[u8],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes an item that a later one stands for; one that is not there is no error. A call that
    /// adds the same item may come after this one: whoever removes must be able to bear that.
    fn remove_item(
        &self,
        kind: ItemKind,
        key: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All items of a kind in order of key.
    fn items(
        &self,
        kind: ItemKind,
    ) -> impl Future<Output = Result<Vec<(String, Vec<u8>)>, StoreError>> + Send;

    /// The items of a kind whose key begins with `prefix`, in order of key.
    fn items_under(
        &self,
        kind: ItemKind,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<(String, Vec<u8>)>, StoreError>> + Send;

    /// Re-reads everything; findings as sentences for the operator, with those made while serving
    /// since the last time. `progress` is told the bytes read so far and the bytes in all.
    fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// How full the store is.
    fn health(&self) -> impl Future<Output = Result<Health, StoreError>> + Send;
}

/// The highest epoch that the file store in `folder` remembers as an item, without opening the
/// store: it may be in use. None in a folder that is no store yet.
///
/// # Errors
/// A folder that cannot be read.
pub fn epochs_seen(folder: &Path) -> io::Result<Option<Epoch>> {
    match folders::names(&folder.join("items").join(item::Kind::Epoch.folder())) {
        Ok(names) => Ok(names.iter().filter_map(|key| key.parse().ok()).map(Epoch).max()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The items of a kind in a store that is not open, as far as they are whole.
///
/// # Errors
/// A folder that cannot be read.
pub fn items_in(folder: &Path, kind: ItemKind) -> io::Result<Vec<(String, Vec<u8>)>> {
    let kind = item::Kind::from(kind);
    let folder = folder.join("items").join(kind.folder());
    let names = match folders::names(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names?,
    };
    let read = |name: String| {
        let file = disk::read_limited(&folder.join(&name), item::MAX_FILE as u64).ok()?;
        let content = item::decode(kind, &name, &file)?.to_vec();
        Some((name, content))
    };
    Ok(names.into_iter().filter_map(read).collect())
}

/// Takes `N` bytes off the front of `bytes`.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}
