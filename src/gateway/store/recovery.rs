//! Opening a store: what an interrupted run has left is put right, and the index brought in line
//! with the files.
//!
//! After a clean stop nothing is looked at but the folders' times and the index's checksum (see
//! `clean`). Otherwise the names of all envelopes are compared with the index, and headers are
//! read only of files that it lacks. Whether a file is what was stored is checked when it is handed
//! out, and by `verify`; so are items, but for the tombstones' names.

use std::{
    fs, io,
    sync::{PoisonError, mpsc},
    thread,
};

use data_encoding::HEXLOWER;

use super::{
    Entry, Finding, StoreError,
    clean::{self, Clean},
    file_store::{Flaw, Inner, lock},
    folders, header,
    index::{Index, IndexError},
    item::Kind,
    ledger::Ledger,
    new_index::Slot,
    unreadable::Known,
};
use crate::tip::TipId;

/// Threads that read headers: they wait for the disk more than for the processor.
const READERS: usize = 4;
/// Fewer files are read by one thread.
const FEW: usize = 32;

/// What the opening of a store had to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// At the folders' times: it was closed well, and nobody has touched it since.
    Clean,
    /// At the names of all envelopes, and at the headers of those that the index lacked.
    Names,
    /// At all headers: the index was made anew.
    Headers,
}

/// What the envelopes' names tell.
#[derive(Default)]
struct Survey {
    ledger: Ledger,
    added: u64,
    removed: u64,
    deletions: u64,
    findings: Vec<Finding>,
    fault: Option<IndexError>,
}

/// What the folders of a shard have.
struct Names {
    ids: Vec<TipId>,
    /// of files that are no envelopes
    foreign: Vec<String>,
    /// ids that have a tombstone
    deleted: Vec<TipId>,
}

impl Inner {
    /// Puts right what an interrupted run has left, and opens the index.
    pub(super) fn recover(&mut self) -> Result<Vec<Finding>, StoreError> {
        let clean = clean::take_away(&self.folders)?;
        let mut findings = Vec::new();
        self.empty_tmp(&mut findings)?;
        self.load_mark()?;
        let index = match (clean, Index::open(&self.folders.index())) {
            (Some(clean), Ok(index)) => {
                self.opening = Opening::Clean;
                self.ledger = clean.ledger().into();
                Some(index)
            }
            (_, Ok(index)) => self.compare(index, &mut findings)?,
            (_, Err(fault)) => self.rebuild(&fault, Survey::default(), &mut findings)?,
        };
        self.index = Slot::new(index).into();
        findings.append(&mut lock(&self.findings));
        Ok(findings)
    }

    fn compare(
        &mut self,
        index: Index,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Index>, StoreError> {
        let mut survey = self.survey(Some(&index))?;
        if let Some(fault) = survey.fault.take() {
            index.abandon();
            return self.rebuild(&fault, survey, findings);
        }
        self.opening = Opening::Names;
        self.take_in(survey, findings)?;
        Ok(Some(index))
    }

    /// A new index from the headers of all files; none, if that cannot be made either.
    fn rebuild(
        &mut self,
        fault: &IndexError,
        before: Survey,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Index>, StoreError> {
        self.opening = Opening::Headers;
        let renewed = self.folders.renew_index(&*self.entropy).map_err(|error| error.to_string());
        let new = renewed
            .and_then(|()| Index::open(&self.folders.index()).map_err(|error| error.to_string()));
        let mut survey = self.survey(new.as_ref().ok())?;
        let new = match (new, survey.fault.take()) {
            (Ok(failed), Some(fault)) => {
                failed.abandon();
                survey = self.survey(None)?;
                Err(fault.to_string())
            }
            (new, _) => new,
        };
        // all of them are new to it
        (survey.added, survey.removed) = (0, 0);
        survey.deletions += before.deletions;
        // what was found foreign has been found again
        let is_done = |finding: &Finding| !matches!(finding, Finding::Foreign { .. });
        findings.extend(before.findings.into_iter().filter(is_done));
        self.take_in(survey, findings)?;
        findings.push(match &new {
            Ok(_) => Finding::IndexRebuilt { reason: fault.to_string() },
            Err(reason) => Finding::IndexOff { reason: reason.clone() },
        });
        Ok(new.ok())
    }

    fn take_in(&mut self, survey: Survey, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
        let Survey { mut ledger, added, removed, deletions, findings: found, .. } = survey;
        self.finish_quarantined()?;
        ledger.missing = self.count_quarantined()?;
        self.ledger = ledger.into();
        if deletions > 0 {
            findings.push(Finding::DeletionsFinished { count: deletions });
        }
        findings.extend(found);
        if (added, removed) != (0, 0) {
            findings.push(Finding::IndexAligned { added, removed });
        }
        Ok(())
    }

    /// Goes through all names, finishes deletions and brings `index` in line. Ends early when that
    /// fails. The next shard is listed meanwhile: of a million names, that is half of the work.
    fn survey(&self, index: Option<&Index>) -> Result<Survey, StoreError> {
        thread::scope(|scope| {
            let (send, listed) = mpsc::sync_channel(1);
            scope.spawn(move || {
                for shard in 0..=u8::MAX {
                    let names = self.names_in(shard);
                    let is_last = names.is_err();
                    if send.send((shard, names)).is_err() || is_last {
                        break;
                    }
                }
            });
            self.survey_listed(listed, index)
        })
    }

    fn survey_listed(
        &self,
        listed: mpsc::Receiver<(u8, Result<Names, StoreError>)>,
        index: Option<&Index>,
    ) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        for (shard, names) in listed {
            let Names { mut ids, foreign, deleted } = names?;
            let folder = self.folders.relative(&self.folders.shard(shard));
            survey
                .findings
                .extend(foreign.iter().map(|name| Finding::Foreign { file: folder.join(name) }));
            survey.deletions += self.finish_deletions(shard, &mut ids, &deleted)?;
            let known = match index.map_or(Ok(Vec::new()), |index| index.shard(shard)) {
                Ok(known) => known,
                Err(fault) => return Ok(Survey { fault: Some(fault), ..survey }),
            };
            if let Err(fault) = self.survey_shard(&ids, known, index, &mut survey)? {
                return Ok(Survey { fault: Some(fault), ..survey });
            }
        }
        Ok(survey)
    }

    fn names_in(&self, shard: u8) -> Result<Names, StoreError> {
        let (ids, foreign) = self.ids_in(shard)?;
        Ok(Names { ids, foreign, deleted: self.tombstones_in(shard)? })
    }

    /// The ids that have a tombstone, in order: they lie in shards as the envelopes do.
    fn tombstones_in(&self, shard: u8) -> io::Result<Vec<TipId>> {
        let mut ids = Vec::new();
        for folder in self.folders.item_folders(Kind::Tombstone, &HEXLOWER.encode(&[shard])) {
            ids.append(&mut folders::ids(&folder)?.0);
        }
        Ok(ids)
    }

    /// `ids` are those of the files, `known` those of the index; both in order.
    fn survey_shard(
        &self,
        ids: &[TipId],
        mut known: Vec<Entry>,
        index: Option<&Index>,
        survey: &mut Survey,
    ) -> Result<Result<(), IndexError>, StoreError> {
        let is_there = |entry: &Entry| ids.binary_search(&entry.id).is_ok();
        if let Some(index) = index {
            for lost in known.iter().filter(|entry| !is_there(entry)) {
                if !self.is_accounted_for(lost.id)? {
                    self.survey_lost(lost, survey);
                    continue;
                }
                if let Err(fault) = index.remove(lost.id) {
                    return Ok(Err(fault));
                }
                survey.removed += 1;
            }
        }
        known.retain(is_there);
        let is_known = |id: &TipId| known.binary_search_by_key(id, |entry| entry.id).is_ok();
        let unknown: Vec<TipId> = ids.iter().filter(|id| !is_known(id)).copied().collect();
        let new = self.survey_headers(&unknown, survey)?;
        for entry in known.iter().chain(&new) {
            survey.ledger.add(entry.bytes + header::LEN_U64, entry.epoch);
        }
        survey.added += new.len() as u64;
        Ok(index.filter(|_| !new.is_empty()).map_or(Ok(()), |index| index.insert_all(&new)))
    }

    /// An envelope that the index knows, and whose file is gone without a deletion, stays listed: a
    /// backup may have it, so that its keys must stay.
    fn survey_lost(&self, lost: &Entry, survey: &mut Survey) {
        survey.ledger.highest_epoch = survey.ledger.highest_epoch.max(Some(lost.epoch));
        if lock(&self.unreadable).add(lost.id, Known::No) {
            let file = self.folders.relative(&self.folders.envelope(lost.id));
            survey.findings.push(Finding::Lost { file });
        }
    }

    /// The entries of files that the index lacks. One that cannot be read is never left out
    /// silently.
    fn survey_headers(&self, ids: &[TipId], survey: &mut Survey) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::with_capacity(ids.len());
        for (id, read) in self.headers_of(ids)? {
            match read {
                Ok(entry) => entries.push(entry),
                Err(Flaw::Gone) => {}
                Err(Flaw::Unreadable(error)) => {
                    if lock(&self.unreadable).add(id, Known::No) {
                        survey.findings.push(self.unreadable_finding(id, &error));
                    }
                }
                Err(Flaw::Damaged(reason)) => {
                    let set_aside = self.set_aside(id, &reason, Known::No);
                    let told = set_aside.filter(|set_aside| set_aside.is_new);
                    survey.findings.extend(told.map(|set_aside| set_aside.finding));
                }
            }
        }
        Ok(entries)
    }

    /// What the headers of these envelopes say, in the same order.
    pub(super) fn headers_of(
        &self,
        ids: &[TipId],
    ) -> io::Result<Vec<(TipId, Result<Entry, Flaw>)>> {
        let read = |id: &TipId| (*id, self.open_envelope(*id).map(|(_, header)| header.entry));
        if ids.len() < FEW {
            return Ok(ids.iter().map(read).collect());
        }
        thread::scope(|scope| {
            let parts = ids.chunks(ids.len().div_ceil(READERS));
            let readers: Vec<_> = parts
                .map(|part| scope.spawn(move || part.iter().map(read).collect::<Vec<_>>()))
                .collect();
            let mut all = Vec::with_capacity(ids.len());
            for reader in readers {
                all.extend(reader.join().map_err(|_| io::Error::other("a thread has failed"))?);
            }
            Ok(all)
        })
    }

    /// Unlinks envelopes that have a tombstone, and takes them out of `ids`.
    fn finish_deletions(
        &self,
        shard: u8,
        ids: &mut Vec<TipId>,
        deleted: &[TipId],
    ) -> io::Result<u64> {
        let is_deleted = |id: &TipId| deleted.binary_search(id).is_ok();
        let mut count = 0;
        for id in ids.iter().filter(|id| is_deleted(id)) {
            fs::remove_file(self.folders.envelope(*id))?;
            count += 1;
        }
        if count > 0 {
            folders::sync(&self.folders.shard(shard))?;
            ids.retain(|id| !is_deleted(id));
        }
        Ok(count)
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

    /// The ids of a shard's envelopes in order, and the names that are none. The caller does not
    /// hold `changing`: a folder that the turn takes out of its place is not read while it is being
    /// emptied.
    pub(super) fn ids_in(&self, shard: u8) -> io::Result<(Vec<TipId>, Vec<String>)> {
        let changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        let (mut ids, mut foreign) = folders::ids(&self.folders.shard(shard))?;
        drop(changing);
        let misplaced = ids.extract_if(.., |id| folders::shard_of(*id) != shard);
        foreign.extend(misplaced.map(folders::file_name));
        foreign.sort_unstable();
        Ok((ids, foreign))
    }
}

impl Clean {
    fn ledger(&self) -> Ledger {
        Ledger {
            envelopes: self.envelopes,
            bytes: self.bytes,
            missing: self.missing,
            highest_epoch: self.highest_epoch,
            ..Ledger::default()
        }
    }
}
