//! The day's turn: what would tell in which order the envelopes of past days came is written anew.
//!
//! A file's birth and change times, its inode number, the place of its name in a folder and its
//! entry's place in sled's log all follow the order of arrival. So, in this order:
//!
//! 1. every envelope of the past days is copied to `tmp/`, in random order. Only when all copies
//!    are there are they renamed over the originals, in another random order: were each renamed at
//!    once, the next copy would get the inode and the blocks that it frees, and the change times
//!    would then give the old order away. Where the disk has no room for all copies, it is done in
//!    random batches as large as the room;
//! 2. the folders they lie in are made anew in order of id (see `reorder`);
//! 3. the index is made anew in order of id (see `new_index`);
//! 4. the mark is written (see `turned_days`).
//!
//! Each name always points to a whole file, so a crash at any moment loses nothing; without the
//! mark, the turn is done again. Others go on meanwhile: whoever has an original open reads it to
//! its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, FileTimes, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::PoisonError,
    time::{Duration, SystemTime},
};

use ring::digest::{Context, SHA256};

use super::{
    Entry, Finding, StoreError, Turned,
    file_store::{Flaw, Inner, finished, lock},
    folders,
    header::{self, EnvelopeHeader},
    ledger::CopyRoom,
    new_index::GoOn,
};
use crate::{clock::Day, random, tip::TipId};

/// Entries that are looked at at once.
const PAGE: usize = 1_000;
const PIECE: usize = 256 << 10;
/// A copy is sent to the disk in parts of this many bytes while it is being written.
const WRITE_BACK: u64 = 64 << 20;
/// More than a file takes beside its content.
const OVERHEAD: u64 = 4_096;

/// An envelope to be written anew.
#[derive(Clone, Copy)]
struct Candidate {
    id: TipId,
    /// of disk that its copy takes
    room: u64,
}

impl Inner {
    pub(super) fn turn(&self, today: Day, go_on: &mut GoOn<'_>) -> Result<Turned, StoreError> {
        let Some(last) = today.0.checked_sub(1).map(Day) else { return Ok(Turned::default()) };
        let _one = lock(&self.upkeep);
        if let Some(postponed) = self.still_waiting(last)? {
            return Ok(Turned { rewritten: 0, postponed });
        }
        let Some(after) = self.begin_turn(last) else { return Ok(Turned::default()) };
        let turned = self.turn_days(|day| after.is_before(day) && day <= last, go_on);
        let is_done = matches!(turned, Ok(Turned { postponed: 0, .. }));
        self.end_turn(after, is_done)?;
        turned
    }

    fn turn_days(
        &self,
        is_meant: impl Fn(Day) -> bool,
        go_on: &mut GoOn<'_>,
    ) -> Result<Turned, StoreError> {
        let mut left = self.candidates(is_meant, go_on)?;
        if left.is_empty() {
            return Ok(Turned::default());
        }
        random::shuffle(&*self.entropy, &mut left);
        let mut turned = Turned::default();
        let mut shards = BTreeSet::new();
        while !left.is_empty() {
            let batch = take_batch(&mut left, self.spare_disk()?);
            if batch.is_empty() {
                turned.postponed = left.len() as u64;
                let smallest = left.iter().map(|candidate| candidate.room).min();
                self.wait_for_room(smallest.unwrap_or(0), turned.postponed);
                let reason = format!("no room on the disk for copies of {} files", left.len());
                self.note(Finding::TurnPostponed { reason });
                break;
            }
            turned.rewritten += self.turn_batch(&batch, &mut shards, go_on)?;
        }
        self.reorder_all(&shards, go_on)?;
        self.new_index(go_on)?;
        go_on()?;
        Ok(turned)
    }

    fn candidates(
        &self,
        is_meant: impl Fn(Day) -> bool,
        go_on: &mut GoOn<'_>,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut candidates = Vec::new();
        let mut after = None;
        loop {
            go_on()?;
            let page = self.list(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(candidates) };
            after = Some(last.id);
            let meant = page.iter().filter(|entry| is_meant(entry.day));
            candidates.extend(meant.map(Candidate::from));
        }
    }

    /// Copies all of a batch, then puts the copies into their places; gives how many.
    fn turn_batch(
        &self,
        batch: &[Candidate],
        shards: &mut BTreeSet<u8>,
        go_on: &mut GoOn<'_>,
    ) -> Result<u64, StoreError> {
        // opened first, so that it hears of every failure to write
        let tmp = File::open(self.folders.tmp())?;
        let mut copies = Copies(Vec::with_capacity(batch.len()));
        let mut rooms = BTreeMap::new();
        for candidate in batch {
            go_on()?;
            if let Some((path, room)) = self.copy(candidate.id)? {
                copies.0.push((candidate.id, path));
                rooms.insert(candidate.id, room);
            }
        }
        if self.group.is_reliable() {
            rustix::fs::syncfs(&tmp).map_err(io::Error::from)?;
        } else {
            copies.0.iter().try_for_each(|(_, path)| File::open(path)?.sync_all())?;
        }
        random::shuffle(&*self.entropy, &mut copies.0);
        let mut touched = BTreeSet::new();
        let mut rewritten = 0;
        while let Some((id, path)) = copies.0.last() {
            go_on()?;
            if self.put_copy(*id, path)? {
                touched.insert(folders::shard_of(*id));
                rewritten += 1;
            }
            // the original's room is free now
            rooms.remove(id);
            copies.0.pop();
        }
        for shard in &touched {
            folders::sync(&self.folders.shard(*shard))?;
        }
        shards.append(&mut touched);
        Ok(rewritten)
    }

    /// A copy in `tmp/`, not yet durable; `None` of an envelope that is gone, damaged (it goes to
    /// quarantine) or cannot be read (it is turned when it can be).
    fn copy(&self, id: TipId) -> Result<Option<(PathBuf, CopyRoom<'_>)>, StoreError> {
        let flaw = match self.open_envelope(id) {
            Ok((original, header)) => match self.copy_to_tmp(original, &header)? {
                Ok(copied) => return Ok(Some(copied)),
                Err(flaw) => flaw,
            },
            Err(flaw) => flaw,
        };
        match flaw {
            Flaw::Gone => {}
            Flaw::Unreadable(error) => self.note_unreadable(id, &error),
            Flaw::Damaged(reason) => self.quarantine_envelope(id, &reason),
        }
        Ok(None)
    }

    /// `original` stands at the body.
    fn copy_to_tmp(
        &self,
        mut original: File,
        header: &EnvelopeHeader,
    ) -> Result<Result<(PathBuf, CopyRoom<'_>), Flaw>, StoreError> {
        let path = self.folders.new_tmp(&*self.entropy);
        let unfinished = Copies(vec![(header.entry.id, path.clone())]);
        let mut room = self.copying();
        let mut copy = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        copy.write_all(&header.encode())?;
        let mut sum = Context::new(&SHA256);
        let mut piece = vec![0; PIECE];
        let mut waiting = 0;
        loop {
            let read = match original.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => piece.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Err(Flaw::Unreadable(error))),
            };
            sum.update(read);
            copy.write_all(read)?;
            room.wrote(read.len() as u64);
            waiting += read.len() as u64;
            if waiting >= WRITE_BACK {
                waiting = 0;
                copy.sync_data()?;
            }
        }
        if finished(sum) != header.sha256 {
            return Ok(Err(Flaw::Damaged("its body's checksum is wrong".into())));
        }
        let seconds = u64::try_from(header.entry.day.start().0).unwrap_or(0);
        let start_of_day = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        copy.set_times(FileTimes::new().set_accessed(start_of_day).set_modified(start_of_day))?;
        unfinished.keep();
        Ok(Ok((path, room)))
    }

    /// Renames a copy over its original; false if that is there no more.
    fn put_copy(&self, id: TipId, copy: &Path) -> Result<bool, StoreError> {
        let place = self.folders.envelope(id);
        let _alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::remove_file(copy)?;
                return Ok(false);
            }
            found => found?,
        };
        // a deletion that could not be finished must not get a new file
        if self.is_deleted(id)? {
            fs::remove_file(copy)?;
            return Ok(false);
        }
        fs::rename(copy, &place)?;
        Ok(true)
    }
}

impl From<&Entry> for Candidate {
    fn from(entry: &Entry) -> Self {
        let room = entry.bytes.saturating_add(header::LEN_U64 + OVERHEAD);
        Self { id: entry.id, room }
    }
}

/// Takes as many of `left`, from its beginning, as there is room for; what is too large stays.
fn take_batch(left: &mut Vec<Candidate>, mut room: u64) -> Vec<Candidate> {
    left.extract_if(.., |candidate| {
        let fits = candidate.room <= room;
        if fits {
            room -= candidate.room;
        }
        fits
    })
    .collect()
}

/// Copies in `tmp/` that are removed when they are not needed.
struct Copies(Vec<(TipId, PathBuf)>);

impl Copies {
    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        for (_, path) in &self.0 {
            // what cannot be removed now is removed at the next opening
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_as_large_as_the_room() {
        let candidate = |room| Candidate { id: TipId([0; 16]), room };
        let rooms = |list: &[Candidate]| list.iter().map(|c| c.room).collect::<Vec<_>>();
        let mut left = [5, 90, 3, 8, 1].map(candidate).to_vec();
        assert_eq!(rooms(&take_batch(&mut left, 10)), [5, 3, 1]);
        assert_eq!(rooms(&left), [90, 8]);
        assert_eq!(rooms(&take_batch(&mut left, 8)), [8]);
        assert_eq!(rooms(&take_batch(&mut left, 89)), [0; 0]);
        assert_eq!(rooms(&take_batch(&mut left, 90)), [90]);
    }
}
