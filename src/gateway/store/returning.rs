//! What a backup holds, put back into the store: only what is missing, never over something else.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, PoisonError},
};

use super::{
    FileStore, StoreError,
    file_store::{Flaw, Inner, lock},
    files::{self, Trouble},
    folders, header,
    item::{self, Kind},
    new_file::NewFile,
    new_index::Change,
};
use crate::tip::TipId;

/// What became of something that was to be put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum PutBack {
    /// It was missing, and is there again.
    Back,
    /// It is there.
    There,
    /// Its envelope has been deleted since, or, for a tombstone, has not: it was left out.
    LeftOut,
}

/// Nothing here is asked for while a gateway serves: who calls has opened the store for that.
impl FileStore {
    /// Puts back the envelope in `file`, durably, unless it is there, whole, or has been deleted. One
    /// that is damaged, or that the disk does not give out, is replaced, and goes from quarantine.
    /// Blocks for as long as reading both takes.
    ///
    /// # Errors
    /// A flaw of `file`, or, as [`Trouble::Taker`], what the store's disk says; nothing has been
    /// put back then, and asking again is safe.
    pub(in crate::gateway) fn put_back(&self, id: TipId, file: &Path) -> Result<PutBack, Trouble> {
        let store: &Arc<Inner> = &self.0;
        if store.is_deleted(id).map_err(|error| Trouble::Taker(as_io(error)))? {
            return Ok(PutBack::LeftOut);
        }
        let path = store.folders.envelope(id);
        // to its end: a bad sector is seen by whoever reads it
        let reason = match files::read_envelope(&path, id, &mut |_| Ok(())) {
            Ok(_) => return Ok(PutBack::There),
            Err(Trouble::Flaw(flaw)) => why_replace(flaw)?,
            Err(error) => return Err(error),
        };
        match reason {
            Some(reason) => {
                store.quarantine_envelope(id, &reason);
                if fs::symlink_metadata(&path).is_ok() {
                    let stays = io::Error::other(format!("{reason}, and it cannot be moved away"));
                    return Err(Trouble::Flaw(Flaw::Unreadable(stays)));
                }
            }
            // with its whole folder away, the envelope is not gone
            None => store
                .folders
                .find(&store.folders.shard(folders::shard_of(id)))
                .map_err(|error| Trouble::Taker(as_io(error)))?,
        }
        store.copy_in(id, file)?;
        store.forget_damaged(id).map_err(Trouble::Taker)?;
        Ok(PutBack::Back)
    }

    /// Puts back an item, durably, unless one of its key is there; a tombstone only where there is
    /// no envelope: nothing is deleted by a backup. A damaged one in quarantine has then been
    /// replaced, and goes. Blocks.
    ///
    /// # Errors
    /// What the store says; asking again is safe.
    pub(in crate::gateway) fn put_back_item(
        &self,
        kind: Kind,
        key: &str,
        content: &[u8],
    ) -> Result<PutBack, StoreError> {
        let store = &self.0;
        // keys of marks begin with the id of their envelope
        let id = key.get(..32).and_then(folders::id_of);
        let of_envelope = match (kind, id) {
            (Kind::Tombstone, Some(id)) => store.folders.envelope(id).try_exists()?,
            (Kind::Fetched, Some(id)) => store.is_deleted(id)?,
            _ => false,
        };
        if of_envelope {
            return Ok(PutBack::LeftOut);
        }
        let there = store.folders.item(kind, key);
        let put_back = if there.try_exists()? {
            PutBack::There
        } else {
            store.put_item(kind, key, content)?;
            PutBack::Back
        };
        // one that is there may have been put back by a run that was interrupted
        if put_back == PutBack::Back || files::read_item(&there, kind, key).is_ok() {
            store.forget_damaged_item(kind, key)?;
        }
        Ok(put_back)
    }
}

impl Inner {
    fn copy_in(&self, id: TipId, from: &Path) -> Result<(), Trouble> {
        let (_, header) = files::open_envelope(from, id)?;
        let length = header.entry.bytes.saturating_add(header::LEN_U64);
        let needed = length.saturating_add(self.options.reserve_bytes);
        if self.folders.free().map_err(Trouble::Taker)? < needed {
            return Err(Trouble::Taker(io::ErrorKind::StorageFull.into()));
        }
        let mut file = NewFile::create(&self.folders, &*self.entropy).map_err(Trouble::Taker)?;
        files::read_envelope(from, id, &mut |piece| file.write(piece))?;
        let file = file.finish(header.entry.day, None).map_err(Trouble::Taker)?;
        let _changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        self.before_placing(header.entry.day);
        file.place(&self.folders.envelope(id), None).map_err(Trouble::Taker)?;
        lock(&self.ledger).add(length, header.entry.epoch);
        self.change_index(Change::Put(header.entry));
        Ok(())
    }

    /// Removes what lies in quarantine of an envelope that is there again.
    fn forget_damaged(&self, id: TipId) -> io::Result<()> {
        let folder = self.folders.quarantine();
        let name = folders::file_name(id);
        let mut gone = false;
        for there in folders::names(&folder)? {
            if there.strip_prefix(&*name).is_some_and(is_no_name) {
                fs::remove_file(folder.join(there))?;
                gone = true;
            }
        }
        if gone {
            folders::sync(&folder)?;
            let mut ledger = lock(&self.ledger);
            ledger.missing = ledger.missing.saturating_sub(1);
        }
        Ok(())
    }

    /// Removes what lies in quarantine of an item that is there again. What may be another kind's of
    /// the same key, or an envelope, stays.
    fn forget_damaged_item(&self, kind: Kind, key: &str) -> io::Result<()> {
        let folder = self.folders.quarantine();
        let mut gone = false;
        for there in folders::names(&folder)? {
            if !there.strip_prefix(key).is_some_and(is_no_name) {
                continue;
            }
            let path = folder.join(&there);
            if item::was(kind, key, &there, &folders::read_file(&path, item::MAX_FILE)?) {
                fs::remove_file(path)?;
                gone = true;
            }
        }
        if gone { folders::sync(&folder) } else { Ok(()) }
    }
}

/// Why an envelope's file is to be replaced; `None` if there is none.
///
/// # Errors
/// What says nothing of the file itself, such as missing rights.
fn why_replace(flaw: Flaw) -> Result<Option<String>, Trouble> {
    match flaw {
        Flaw::Gone => Ok(None),
        Flaw::Damaged(reason) => Ok(Some(reason)),
        Flaw::Unreadable(error) if is_of_the_disk(&error) => Ok(Some(error.to_string())),
        Flaw::Unreadable(error) => Err(Trouble::Taker(error)),
    }
}

/// True of what a disk says of sectors that it cannot read, or that are not as they were written,
/// and of a link or a folder in a file's place.
fn is_of_the_disk(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let of_the_disk = [Errno::IO, Errno::BADMSG, Errno::UCLEAN, Errno::LOOP, Errno::ISDIR];
    Errno::from_io_error(error).is_some_and(|errno| of_the_disk.contains(&errno))
}

fn as_io(error: StoreError) -> io::Error {
    match error {
        StoreError::Io(error) => error,
        other => io::Error::other(other),
    }
}

/// What follows a damaged file's name in quarantine: nothing, or a number. (A mark's name begins
/// with its envelope's, too.)
fn is_no_name(rest: &str) -> bool {
    let number = rest.strip_prefix('.').filter(|number| number.len() < 10);
    rest.is_empty() || number.is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_the_disk_does_not_give_out_is_replaced_and_what_is_forbidden_stops() {
        let unreadable = |errno: Errno| why_replace(Flaw::Unreadable(errno.into()));
        for errno in [Errno::IO, Errno::BADMSG, Errno::UCLEAN] {
            assert!(matches!(unreadable(errno), Ok(Some(_))), "{errno}");
        }
        for errno in [Errno::ACCESS, Errno::MFILE, Errno::NOMEM] {
            assert!(matches!(unreadable(errno), Err(Trouble::Taker(_))), "{errno}");
        }
    }
}
