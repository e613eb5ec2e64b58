//! Checking a whole store on demand, and listing it without an index.

use std::{
    io::{self, Read},
    path::Path,
    sync::PoisonError,
};

use ring::digest::{Context, SHA256};

use super::{
    Entry, Finding, StoreError,
    file_store::{Flaw, Inner, finished, lock},
    folders, header,
    item::{self, Kind},
    new_index::Change,
    unreadable::Known,
};
use crate::tip::TipId;

const PIECE: usize = 256 << 10;

/// Told of bytes read; false to stop.
type Tell<'a> = dyn FnMut(u64) -> bool + 'a;

impl Inner {
    /// Reads every file whole and compares the index; tells `progress` the bytes read so far and
    /// in all, and stops when that says false.
    pub(super) fn verify(
        &self,
        progress: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        let (mut done, mut all) = (0, lock(&self.ledger).bytes);
        self.check_items(&mut findings)?;
        let (mut added, mut removed) = (0, 0);
        for shard in 0..=u8::MAX {
            let mut tell = |read: u64| {
                done += read;
                all = all.max(done);
                progress(done, all)
            };
            let entries = self.check_shard(shard, &mut tell, &mut findings)?;
            let (more, fewer) = self.align(shard, &entries, &mut findings)?;
            (added, removed) = (added + more, removed + fewer);
        }
        self.forget_gone(&mut findings)?;
        self.count_missing()?;
        if (added, removed) != (0, 0) {
            findings.push(Finding::IndexAligned { added, removed });
        }
        let mut all = std::mem::take(&mut *lock(&self.findings));
        all.append(&mut findings);
        Ok(all)
    }

    fn count_missing(&self) -> io::Result<()> {
        let _alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        lock(&self.ledger).missing = self.count_quarantined()?;
        Ok(())
    }

    /// As [`Store::list`](super::Store::list), without the index. A file that cannot be read just
    /// now is an error: who asks takes the list for complete, and may destroy keys by it. Damaged
    /// ones go to quarantine.
    pub(super) fn page_of_files(
        &self,
        after: Option<TipId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut page = Vec::new();
        for shard in after.map_or(0, folders::shard_of)..=u8::MAX {
            let (ids, _) = self.ids_in(shard)?;
            for id in ids.into_iter().filter(|id| after.is_none_or(|after| *id > after)) {
                if page.len() >= limit {
                    return Ok(page);
                }
                if self.is_deleted(id)? {
                    continue;
                }
                match self.open_envelope(id) {
                    Ok((_, header)) => page.push(header.entry),
                    Err(Flaw::Gone) => {}
                    Err(Flaw::Unreadable(error)) => return Err(error.into()),
                    Err(Flaw::Damaged(reason)) => self.quarantine_envelope(id, &reason),
                }
            }
        }
        Ok(page)
    }

    fn check_items(&self, findings: &mut Vec<Finding>) -> io::Result<()> {
        for kind in Kind::ALL {
            for folder in self.folders.item_folders(kind, "") {
                for key in folders::names(&folder)? {
                    findings.extend(self.check_item(kind, &folder.join(&key), &key));
                }
            }
        }
        Ok(())
    }

    fn check_item(&self, kind: Kind, path: &Path, key: &str) -> Option<Finding> {
        let file = self.folders.relative(path);
        if !item::is_key(kind, key) || path != self.folders.item(kind, key) {
            return Some(Finding::Foreign { file });
        }
        match folders::read_file(path, item::MAX_FILE) {
            Ok(bytes) if item::decode(kind, key, &bytes).is_some() => None,
            Ok(_) if kind == Kind::Tombstone => Some(self.repair_tombstone(path, key)),
            Ok(_) => Some(self.quarantine(path, "its checksum is wrong")),
            // removed since its name was read
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Finding::Unreadable { file, reason: error.to_string() }),
        }
    }

    /// In quarantine it would no longer keep its envelope away.
    fn repair_tombstone(&self, path: &Path, key: &str) -> Finding {
        let file = self.folders.relative(path);
        let written = item::encode(Kind::Tombstone, key, &[])
            .and_then(|content| Ok(self.write_item(path, &content)?));
        match written {
            Ok(()) => Finding::TombstoneRepaired { file },
            Err(error) => Finding::Unreadable { file, reason: error.to_string() },
        }
    }

    /// The sound envelopes of a shard, in order of id. Damaged ones go to quarantine.
    fn check_shard(
        &self,
        shard: u8,
        tell: &mut Tell<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<Entry>, StoreError> {
        let (ids, foreign) = self.ids_in(shard)?;
        let folder = self.folders.relative(&self.folders.shard(shard));
        findings.extend(foreign.iter().map(|name| Finding::Foreign { file: folder.join(name) }));
        let mut entries = Vec::with_capacity(ids.len());
        for id in ids {
            match self.check_envelope(id, tell) {
                Ok(entry) => entries.push(entry),
                Err(Flaw::Gone) => {}
                Err(Flaw::Unreadable(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                Err(Flaw::Unreadable(error)) => {
                    lock(&self.unreadable).add(id, Known::Yes);
                    findings.push(self.unreadable_finding(id, &error));
                }
                Err(Flaw::Damaged(reason)) => {
                    let set_aside = self.set_aside(id, &reason, Known::Yes);
                    findings.extend(set_aside.map(|set_aside| set_aside.finding));
                }
            }
        }
        Ok(entries)
    }

    fn check_envelope(&self, id: TipId, tell: &mut Tell<'_>) -> Result<Entry, Flaw> {
        let (mut file, header) = self.open_envelope(id)?;
        let mut sum = Context::new(&SHA256);
        let mut piece = vec![0; PIECE];
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            sum.update(piece.get(..read).unwrap_or_default());
            if !tell(read as u64) {
                return Err(io::Error::from(io::ErrorKind::Interrupted).into());
            }
        }
        if finished(sum) != header.sha256 {
            return Err(Flaw::Damaged("its body's checksum is wrong".into()));
        }
        Ok(header.entry)
    }

    /// Brings a shard of the index, and with it the ledger, in line with its files; gives the
    /// entries added and removed. `entries` may be a little older than the files.
    fn align(
        &self,
        shard: u8,
        entries: &[Entry],
        findings: &mut Vec<Finding>,
    ) -> Result<(u64, u64), StoreError> {
        let _alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        let Some(indexed) = self.with_index(|index| index.shard(shard)) else {
            return Ok((0, 0));
        };
        let position = |list: &[Entry], id| list.binary_search_by_key(&id, |entry| entry.id);
        let is_there = |entry: &Entry| self.folders.envelope(entry.id).try_exists().unwrap_or(true);
        let (mut added, mut removed) = (0, 0);
        for entry in indexed.iter().filter(|entry| position(entries, entry.id).is_err()) {
            if !is_there(entry) {
                self.folders.find(&self.folders.shard(shard))?;
                if !self.is_accounted_for(entry.id)? {
                    findings.push(self.given_up(entry.id));
                }
                self.change_index(Change::Remove(entry.id));
                self.forget(entry.id, entry.bytes + header::LEN_U64);
                removed += 1;
            }
        }
        for entry in entries {
            let known = position(&indexed, entry.id).ok().and_then(|at| indexed.get(at));
            let noted = lock(&self.unreadable).remove(entry.id);
            let is_counted = match noted {
                Some(noted) => noted == Known::Yes,
                None => known.is_some(),
            };
            if !is_counted && is_there(entry) {
                lock(&self.ledger).add(entry.bytes + header::LEN_U64, entry.epoch);
            }
            if known != Some(entry) && is_there(entry) {
                self.change_index(Change::Put(entry.clone()));
                added += 1;
            }
            if noted.is_some() {
                // a turn may have passed it by
                self.before_placing(entry.day);
            }
        }
        Ok((added, removed))
    }
}
