//! Checking a store: at opening, and whole on demand.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::Path,
    sync::PoisonError,
};

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256};

use super::{
    Entry, Finding, StoreError,
    file_store::{Flaw, Inner, finished, lock},
    folders, header,
    index::{Index, IndexError},
    item::{self, Kind},
    ledger::Ledger,
};
use crate::tip::TipId;

const PIECE: usize = 256 << 10;

/// Told of bytes read; false to stop.
type Tell<'a> = dyn FnMut(u64) -> bool + 'a;

impl Inner {
    /// Puts right what an interrupted run or the disk has left, and opens the index.
    pub(super) fn recover(&self) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        self.empty_tmp(&mut findings)?;
        self.finish_deletions(&mut findings)?;
        self.check_items(&mut findings)?;

        let mut index = Index::open(&self.folders.index());
        let mut ledger = Ledger::default();
        let (mut added, mut removed) = (0, 0);
        for shard in 0..=u8::MAX {
            let entries = self.check_shard(shard, None, &mut findings)?;
            for entry in &entries {
                ledger.add(entry.bytes + header::LEN_U64, entry.epoch);
            }
            let Ok(open) = &index else { continue };
            match self.align(open, shard, &entries) {
                Ok((more, fewer)) => (added, removed) = (added + more, removed + fewer),
                Err(error) => std::mem::replace(&mut index, Err(error)).map_or((), Index::abandon),
            }
        }
        if index.is_ok() && (added, removed) != (0, 0) {
            findings.push(Finding::IndexAligned { added, removed });
        }
        let index = index.or_else(|fault| {
            let rebuilt = self.rebuild_index();
            let (new, finding) = match rebuilt {
                Ok(new) => (Ok(new), Finding::IndexRebuilt { reason: fault.to_string() }),
                Err(error) => (Err(()), Finding::IndexOff { reason: error.to_string() }),
            };
            findings.push(finding);
            new
        });
        *lock(&self.index) = index.ok();
        *lock(&self.ledger) = ledger;
        Ok(findings)
    }

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
            let entries = self.check_shard(shard, Some(&mut tell), &mut findings)?;
            let _alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
            if let Some((more, fewer)) = self.with_index(|index| self.align(index, shard, &entries))
            {
                (added, removed) = (added + more, removed + fewer);
            }
        }
        if (added, removed) != (0, 0) {
            findings.push(Finding::IndexAligned { added, removed });
        }
        let mut all = std::mem::take(&mut *lock(&self.findings));
        all.append(&mut findings);
        Ok(all)
    }

    /// As [`Store::list`](super::Store::list), without the index. A file that cannot be read just
    /// now is an error: who asks takes the list for complete, and may destroy keys by it. Damaged
    /// ones go to quarantine.
    pub(super) fn page_of_files(
        &self,
        after: Option<TipId>,
        limit: usize,
    ) -> io::Result<Vec<Entry>> {
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
                    Err(Flaw::Unreadable(error)) => return Err(error),
                    Err(Flaw::Damaged(reason)) => self.quarantine_envelope(id, &reason),
                }
            }
        }
        Ok(page)
    }

    /// Moves an envelope out of the way of those who ask for it.
    pub(super) fn quarantine_envelope(&self, id: TipId, reason: &str) {
        let path = self.folders.envelope(id);
        let _changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        // somebody else may have moved or deleted it just now
        let Ok(file) = fs::symlink_metadata(&path) else {
            return;
        };
        self.with_index(|index| index.remove(id));
        let finding = self.quarantine(&path, reason);
        let mut ledger = lock(&self.ledger);
        ledger.forget(file.len());
        ledger.missing += 1;
        drop(ledger);
        lock(&self.findings).push(finding);
    }

    /// Moves a damaged file to quarantine, under its own name if that is free.
    pub(super) fn quarantine(&self, path: &Path, reason: &str) -> Finding {
        let file = self.folders.relative(path);
        let moved = || {
            let folder = self.folders.quarantine();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let mut target = folder.join(&*name);
            for n in 2.. {
                if !target.try_exists()? {
                    break;
                }
                target = folder.join(format!("{name}.{n}"));
            }
            fs::rename(path, &target)?;
            folders::sync(&folder)?;
            path.parent().map_or(Ok(()), folders::sync)?;
            Ok(target)
        };
        match moved() {
            Ok(target) => Finding::Damaged {
                file,
                reason: reason.into(),
                moved_to: self.folders.relative(&target),
            },
            Err(error) => {
                let error: io::Error = error;
                Finding::Unreadable { file, reason: format!("{reason}; moving it: {error}") }
            }
        }
    }

    fn empty_tmp(&self, findings: &mut Vec<Finding>) -> io::Result<()> {
        let tmp = self.folders.tmp();
        let mut count = 0;
        for file in fs::read_dir(&tmp)? {
            folders::remove(&file?.path())?;
            count += 1;
        }
        if count > 0 {
            folders::sync(&tmp)?;
            findings.push(Finding::Leftovers { count });
        }
        Ok(())
    }

    /// Unlinks envelopes that have a tombstone. Its name is enough, whatever its content.
    fn finish_deletions(&self, findings: &mut Vec<Finding>) -> io::Result<()> {
        let mut count = 0;
        let mut shards = BTreeSet::new();
        for name in folders::names(&self.folders.items(Kind::Tombstone))? {
            let Some(id) = folders::id_of(&name) else {
                continue;
            };
            match fs::remove_file(self.folders.envelope(id)) {
                Ok(()) => {
                    count += 1;
                    shards.insert(folders::shard_of(id));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        for shard in shards {
            folders::sync(&self.folders.shard(shard))?;
        }
        if count > 0 {
            findings.push(Finding::DeletionsFinished { count });
        }
        Ok(())
    }

    fn check_items(&self, findings: &mut Vec<Finding>) -> io::Result<()> {
        for kind in Kind::ALL {
            for key in folders::names(&self.folders.items(kind))? {
                let path = self.folders.item(kind, &key);
                let file = self.folders.relative(&path);
                let ours = if kind == Kind::Tombstone {
                    folders::id_of(&key).is_some()
                } else {
                    item::is_key(&key)
                };
                if !ours {
                    findings.push(Finding::Foreign { file });
                    continue;
                }
                match folders::read_file(&path, item::MAX_FILE) {
                    Ok(bytes) if item::decode(kind, &key, &bytes).is_some() => {}
                    Ok(_) if kind == Kind::Tombstone => {
                        findings.push(self.repair_tombstone(&path, &key));
                    }
                    Ok(_) => findings.push(self.quarantine(&path, "its checksum is wrong")),
                    Err(error) => {
                        findings.push(Finding::Unreadable { file, reason: error.to_string() });
                    }
                }
            }
        }
        Ok(())
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

    /// The sound envelopes of a shard, in order of id; their bodies are read if `tell` is given.
    /// Damaged ones go to quarantine.
    fn check_shard(
        &self,
        shard: u8,
        mut tell: Option<&mut Tell<'_>>,
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<Entry>, StoreError> {
        let (ids, foreign) = self.ids_in(shard)?;
        let folder = self.folders.relative(&self.folders.shard(shard));
        findings.extend(foreign.iter().map(|name| Finding::Foreign { file: folder.join(name) }));
        let mut entries = Vec::with_capacity(ids.len());
        for id in ids {
            match self.check_envelope(id, tell.as_deref_mut()) {
                Ok(entry) => entries.push(entry),
                Err(Flaw::Gone) => {}
                Err(Flaw::Unreadable(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                Err(Flaw::Unreadable(error)) => findings.push(Finding::Unreadable {
                    file: folder.join(folders::file_name(id)),
                    reason: error.to_string(),
                }),
                Err(Flaw::Damaged(reason)) => {
                    self.quarantine_envelope(id, &reason);
                    findings.append(&mut lock(&self.findings));
                }
            }
        }
        Ok(entries)
    }

    fn check_envelope(&self, id: TipId, tell: Option<&mut Tell<'_>>) -> Result<Entry, Flaw> {
        let (mut file, header) = self.open_envelope(id)?;
        let Some(tell) = tell else {
            return Ok(header.entry);
        };
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

    /// The ids of a shard's envelopes in order, and the names that are none.
    fn ids_in(&self, shard: u8) -> io::Result<(Vec<TipId>, Vec<String>)> {
        let (mut ids, mut foreign) = (Vec::new(), Vec::new());
        for name in folders::names(&self.folders.shard(shard))? {
            match folders::id_of(&name).filter(|id| folders::shard_of(*id) == shard) {
                Some(id) => ids.push(id),
                None => foreign.push(name),
            }
        }
        Ok((ids, foreign))
    }

    /// Brings a shard of the index in line with its files; gives the entries added and removed.
    /// The caller keeps others from changing either meanwhile; `entries` may be a little older.
    fn align(&self, index: &Index, shard: u8, entries: &[Entry]) -> Result<(u64, u64), IndexError> {
        let indexed = index.shard(shard)?;
        let position = |list: &[Entry], id| list.binary_search_by_key(&id, |entry| entry.id);
        let is_there = |entry: &Entry| self.folders.envelope(entry.id).try_exists().unwrap_or(true);
        let (mut added, mut removed) = (0, 0);
        for entry in indexed.iter().filter(|entry| position(entries, entry.id).is_err()) {
            if !is_there(entry) {
                index.remove(entry.id)?;
                removed += 1;
            }
        }
        for entry in entries {
            let known = position(&indexed, entry.id).ok().and_then(|at| indexed.get(at));
            if known != Some(entry) && is_there(entry) {
                index.insert(entry)?;
                added += 1;
            }
        }
        Ok((added, removed))
    }

    /// A new index of all files, in order of id.
    fn rebuild_index(&self) -> Result<Index, StoreError> {
        let aside = HEXLOWER.encode(&crate::random::bytes::<16>(&*self.entropy));
        self.folders.renew_index(&aside)?;
        let index = Index::open(&self.folders.index()).map_err(io::Error::other)?;
        for shard in 0..=u8::MAX {
            // what is amiss with the files has been told already
            for entry in self.check_shard(shard, None, &mut Vec::new())? {
                index.insert(&entry).map_err(io::Error::other)?;
            }
        }
        Ok(index)
    }
}
