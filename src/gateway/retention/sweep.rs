//! The daily sweep: what is due goes, by the reviewers' deletions and by the operator's rules.
//!
//! It goes through the store shard by shard, so that little of it is in memory at once. The marks
//! of who has fetched what, the only ones of which there are many, are read if the operator's
//! rules ask for them, and once after a start.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

use super::{MARKS, Who, believed_today, clear, is_stored, marks, rules, settle, unlink, unmark};
use crate::{
    clock::Day,
    gateway::{
        Gateway,
        store::{Entry, Store, StoreError},
    },
    tip::TipId,
};

/// So many entries are asked of the store at once.
const PAGE: usize = 1_000;

/// Unlinks every envelope that is due, and removes the marks of those that are gone, and the
/// deletions and purges of who is not on the roster. How many envelopes went.
///
/// # Errors
/// The first thing that the store says; whatever else could be done is done. Doing it again is
/// safe.
pub async fn sweep<S: Store>(gateway: &Gateway<S>) -> Result<u64, StoreError> {
    // while the list lacks something, what it does not show is not gone
    let is_complete = gateway.store.health().await?.missing == 0;
    // without the day, what needs none is done
    let (today, failed) = match believed_today(gateway).await {
        Ok(today) => (today, None),
        Err(error) => (None, Some(error)),
    };
    let failed = failed.or(forget_who_left(gateway).await.err());
    let sweep = Sweep {
        gateway,
        today,
        active: Who::active(&gateway.roster.publication()),
        tidies: is_complete && gateway.retention.untidy.swap(false, Ordering::Relaxed),
    };
    let (mut gone, mut failed) = (0, failed);
    for shard in 0..=u8::MAX {
        failed = failed.or(sweep.shard(shard, &mut gone).await.err());
    }
    match failed {
        None => Ok(gone),
        Some(error) => {
            gateway.retention.untidy.fetch_or(sweep.tidies, Ordering::Relaxed);
            Err(error)
        }
    }
}

struct Sweep<'a, S> {
    gateway: &'a Gateway<S>,
    /// none if nothing may go by time
    today: Option<Day>,
    active: BTreeSet<Who>,
    /// Whether marks are looked for whose envelopes are gone.
    tidies: bool,
}

impl<S: Store> Sweep<'_, S> {
    async fn shard(&self, shard: u8, gone: &mut u64) -> Result<(), StoreError> {
        let entries = entries(&self.gateway.store, shard).await?;
        let mut failed = None;
        let fetched = self.fetched(shard).await?;
        for entry in &entries {
            match self.envelope(entry, &fetched).await {
                Ok(went) => *gone += u64::from(went),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if self.tidies {
            self.tidy(shard, &entries).await?;
        }
        failed.map_or(Ok(()), Err)
    }

    /// What the operator's rules need to know of a shard.
    async fn fetched(&self, shard: u8) -> Result<BTreeMap<(TipId, Who), Day>, StoreError> {
        if self.gateway.config.keep.days_after_fetched.is_none() {
            return Ok(BTreeMap::new());
        }
        marks::fetched(&self.gateway.store, &format!("{shard:02x}")).await
    }

    /// True if the envelope went.
    async fn envelope(
        &self,
        entry: &Entry,
        fetched: &BTreeMap<(TipId, Who), Day>,
    ) -> Result<bool, StoreError> {
        let Gateway { config, retention, .. } = self.gateway;
        let is_over = self.today.is_some_and(|today| {
            let by = |who: &Who| Some((*who, *fetched.get(&(entry.id, *who))?));
            let fetched = self.active.iter().filter_map(by).collect();
            rules::is_too_old(entry, config.keep, today)
                || rules::is_done_with(entry, config.keep, &self.active, &fetched, today)
        });
        if is_over {
            let _one = retention.changing.lock().await;
            return unlink(self.gateway, entry.id).await.map(|()| true);
        }
        if retention.goes(entry.id, &self.active).is_none() {
            return Ok(false);
        }
        // it may have been taken back since: this looks again
        let _one = retention.changing.lock().await;
        settle(self.gateway, entry.id, self.today).await
    }

    /// Removes the marks of envelopes that are gone.
    async fn tidy(&self, shard: u8, entries: &[Entry]) -> Result<(), StoreError> {
        let is_listed = |id: &TipId| entries.binary_search_by_key(id, |entry| entry.id).is_ok();
        let mut orphans = BTreeSet::new();
        for kind in MARKS {
            let items = self.gateway.store.items_under(kind, &format!("{shard:02x}")).await?;
            let ids = items.iter().filter_map(|(key, _)| key.split_once('.')?.0.parse().ok());
            orphans.extend(ids.filter(|id| !is_listed(id)));
        }
        for id in orphans {
            let _one = self.gateway.retention.changing.lock().await;
            // it may have come in since
            if let Err(StoreError::NotFound) = is_stored(self.gateway, id).await {
                clear(self.gateway, id).await?;
            }
        }
        Ok(())
    }
}

/// Removes the deletions and purges of who is not on the roster.
async fn forget_who_left<S: Store>(gateway: &Gateway<S>) -> Result<(), StoreError> {
    let void = gateway.retention.pending().not_by(&Who::active(&gateway.roster.publication()));
    for (id, who) in void {
        let _one = gateway.retention.changing.lock().await;
        // they may have come back since
        if !Who::active(&gateway.roster.publication()).contains(&who) {
            unmark(gateway, id, who).await?;
        }
    }
    Ok(())
}

/// The entries whose ids begin with the byte `shard`, in order of id.
async fn entries(store: &impl Store, shard: u8) -> Result<Vec<Entry>, StoreError> {
    let mut last_before = [0xff; 16];
    let mut after = shard.checked_sub(1).map(|before| {
        last_before[0] = before;
        TipId(last_before)
    });
    let mut entries = Vec::new();
    loop {
        let page = store.list(after, PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|entry| entry.id);
        entries.extend(page.into_iter().filter(|entry| entry.id.0[0] == shard));
        if is_last || after.is_none_or(|id| id.0[0] > shard) {
            return Ok(entries);
        }
    }
}
