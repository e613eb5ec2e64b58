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
//!   clean                left by a clean stop, so that the next opening is quick (see `clean`)
//!   envelopes/ab/<id>    an envelope header (see `header`), then the age file; 256 shards
//!   items/<kind>/<key>   rosters, key batches, epochs, notice marks … (see `item`)
//!   items/<kind>/ab/<key>  of kinds that can be many: tombstones, marks of reviewers, replies
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
//! inode numbers, the order of names in a folder and the order within sled's log tell the order of
//! arrival until the day's turn ([`Store::turn`]), which writes the past days' files anew in random
//! order, and their folders and the index in order of id. It reaches neither the file system's
//! journal and freed blocks nor what an SSD keeps of them, nor files in quarantine. Birth and change
//! times of items stay.

mod body;
pub mod clean;
#[cfg(test)]
mod faults;
mod file_store;
pub(in crate::gateway) mod files;
mod finding;
mod folders;
mod group_sync;
pub mod header;
mod index;
pub mod item;
mod items;
mod ledger;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod model;
mod new_file;
mod new_index;
#[cfg(test)]
mod openings;
mod probe;
mod putting;
mod quarantine;
mod recovery;
mod reorder;
mod returning;
#[cfg(test)]
mod suite;
mod syncfs;
#[cfg(test)]
mod traces;
mod turn;
mod turned_days;
#[cfg(test)]
mod turns;
mod unreadable;
mod verify;

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

pub use body::{Blocks, StoredBody};
pub use file_store::FileStore;
pub use finding::Finding;
pub use ledger::Options;
pub use recovery::Opening;
pub(in crate::gateway) use {file_store::Flaw, returning::PutBack, syncfs::syncfs_tells_the_truth};

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
    #[error(
        "another process (a gateway, `verify` or `restore`) is using the store in {}: stop it first, or wait until it ends",
        folder.display()
    )]
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
    /// A folder of the store's has been taken away. What was in it is not gone, but not here.
    #[error("the folder {} is missing from the store: put it back, from where it was moved to or from a backup", folder.display())]
    FolderMissing {
        /// The folder.
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
    /// Notice rounds that were held, key = the scheduled moment.
    NoticeMark,
    /// Reviewers' batches of sealing keys that came through the desk.
    KeyBatch,
    /// Epochs that the clock has shown, key = number.
    Epoch,
    /// Who has fetched what, key = `<id>.<reviewer>`, content = the day.
    Fetched,
    /// Who has deleted what, key = `<id>.<reviewer>`, content = the day.
    Deletion,
    /// Who wants what gone at once, key = `<id>.<reviewer>`, no content.
    Purge,
    /// Sealed replies to sources, key = `<mailbox>.<reply>`: a mailbox only grows.
    Reply,
    /// Days on which the gateway was at work, key = the day; the last few.
    Day,
}

/// How full the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Envelopes stored.
    pub envelopes: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes that may still be stored: what the quota leaves or, if that is less, what the disk has
    /// beyond its reserve. Envelopes that are being written have been subtracted.
    pub room: u64,
    /// The same for tips with files. A tenth of all that the store can hold, now stored and still
    /// to come, is kept for tips without: `room` less that tenth.
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
    /// a dot; that of a fetched mark, a deletion, a purge or a reply begins with an id of 32
    /// lowercase hexadecimal digits. The content has at most [`item::MAX_CONTENT`] bytes.
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

    /// The items of a kind whose key begins with `prefix`, in order of key. Where keys begin with
    /// an id, two digits of it are enough for this to be cheap among millions.
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

    /// What was found amiss while serving, since this or [`Store::verify`] was asked last; a sentence
    /// each for the operator. They name files.
    fn findings(&self) -> impl Future<Output = Vec<String>> + Send {
        std::future::ready(Vec::new())
    }

    /// Finds out whether an envelope could be stored, by writing something small durably and
    /// removing it.
    ///
    /// # Errors
    /// What [`Store::put`] would fail with, but for an envelope that is too large.
    fn probe(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How full the store is. Cheap: it is asked before each form.
    fn health(&self) -> impl Future<Output = Result<Health, StoreError>> + Send;

    /// The day's turn: hides in which order the envelopes of all days before `today` came, as far
    /// as the store can. Safe to call again at any time, after an interruption too; does nothing
    /// where nothing is to be done. Dropping the future stops it at a safe place.
    fn turn(&self, today: Day) -> impl Future<Output = Result<Turned, StoreError>> + Send;

    /// Tries to put right what has failed while serving. Safe to call again and again; does
    /// nothing where all is well.
    fn mend(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// What a turn of the day has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turned {
    /// Envelopes written anew.
    pub rewritten: u64,
    /// Envelopes for whose copies the disk has no room now; the next turn tries again.
    pub postponed: u64,
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
    let mut items = Vec::new();
    for folder in folders::item_folders(folder, kind, "") {
        let names = match folders::names(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names?,
        };
        items.extend(names.into_iter().filter_map(|name| {
            let file = disk::read_limited(&folder.join(&name), item::MAX_FILE as u64).ok()?;
            let content = item::decode(kind, &name, &file)?.to_vec();
            Some((name, content))
        }));
    }
    Ok(items)
}

/// Takes `N` bytes off the front of `bytes`.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}
