//! Marks: which reviewer has done what with which envelope, as items of the store.
//!
//! ```text
//! kind      key                content         made by
//! fetched   <id>.<reviewer>    the day         a program that has the envelope, whole
//! deletion  <id>.<reviewer>    the day         a reviewer's deletion; removed when it is taken back
//! purge     <id>.<reviewer>    nothing         a reviewer who wants it gone at once
//! ```
//!
//! A mark stays as it was first made: doing the same again, on another day, changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    str,
};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

use crate::{
    clock::Day,
    gateway::store::{ItemKind, Store, StoreError},
    roster::{IdentityKey, Publication},
    tip::TipId,
};

/// A reviewer, as marks name one: the first 16 bytes of the SHA-256 of the identity key. Names are
/// used again, keys are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who([u8; 16]);

impl Who {
    const FIRST: Self = Self([0; 16]);
    const LAST: Self = Self([0xff; 16]);

    /// Whose identity key this is.
    pub fn of(identity: &IdentityKey) -> Self {
        let sha256 = digest(&SHA256, &identity.0);
        let mut who = [0; 16];
        for (to, from) in who.iter_mut().zip(sha256.as_ref()) {
            *to = *from;
        }
        Self(who)
    }

    /// The reviewers on the roster in force: nobody else counts.
    pub fn active(publication: &Publication) -> BTreeSet<Self> {
        publication.roster().reviewers().iter().map(|one| Self::of(&one.identity)).collect()
    }
}

/// The key of a mark.
pub(super) fn key(id: TipId, who: Who) -> String {
    format!("{id}.{}", HEXLOWER.encode(&who.0))
}

fn read_key(key: &str) -> Option<(TipId, Who)> {
    let (id, who) = key.split_once('.')?;
    Some((id.parse().ok()?, Who(HEXLOWER.decode(who.as_bytes()).ok()?.try_into().ok()?)))
}

fn read_day(content: &[u8]) -> Option<Day> {
    str::from_utf8(content).ok()?.parse().ok()
}

/// Who has fetched the envelopes whose ids begin with `prefix`, and on which day.
pub(super) async fn fetched(
    store: &impl Store,
    prefix: &str,
) -> Result<BTreeMap<(TipId, Who), Day>, StoreError> {
    dated(store, ItemKind::Fetched, prefix).await
}

/// What is no mark of ours is left out: the store checks its files itself.
async fn dated(
    store: &impl Store,
    kind: ItemKind,
    prefix: &str,
) -> Result<BTreeMap<(TipId, Who), Day>, StoreError> {
    let items = store.items_under(kind, prefix).await?;
    let read = |(key, day): (String, Vec<u8>)| Some((read_key(&key)?, read_day(&day)?));
    Ok(items.into_iter().filter_map(read).collect())
}

/// The deletions that wait, in memory: there are few, and each list of the desk asks for them.
/// Some 50 bytes for each.
#[derive(Default)]
pub(super) struct Pending {
    deletions: BTreeMap<(TipId, Who), Day>,
    purges: BTreeSet<(TipId, Who)>,
}

impl Pending {
    /// All that the store holds.
    pub(super) async fn load(store: &impl Store) -> Result<Self, StoreError> {
        let purges = store.items(ItemKind::Purge).await?;
        Ok(Self {
            deletions: dated(store, ItemKind::Deletion, "").await?,
            purges: purges.iter().filter_map(|(key, _)| read_key(key)).collect(),
        })
    }

    pub(super) fn is_deleted_by(&self, id: TipId, who: Who) -> bool {
        self.deletions.contains_key(&(id, who))
    }

    /// The reviewers who deleted an envelope, and the day on which each did.
    pub(super) fn deletions(&self, id: TipId) -> impl Iterator<Item = (Who, Day)> {
        self.deletions.range((id, Who::FIRST)..=(id, Who::LAST)).map(|((_, who), day)| (*who, *day))
    }

    /// The reviewers who want an envelope gone at once.
    pub(super) fn purges(&self, id: TipId) -> impl Iterator<Item = Who> {
        self.purges.range((id, Who::FIRST)..=(id, Who::LAST)).map(|(_, who)| *who)
    }

    pub(super) fn delete(&mut self, id: TipId, who: Who, day: Day) {
        self.deletions.entry((id, who)).or_insert(day);
    }

    pub(super) fn purge(&mut self, id: TipId, who: Who) {
        self.purges.insert((id, who));
    }

    pub(super) fn take_back(&mut self, id: TipId, who: Who) {
        self.deletions.remove(&(id, who));
        self.purges.remove(&(id, who));
    }

    /// The deletions and purges of others than these.
    pub(super) fn not_by(&self, active: &BTreeSet<Who>) -> BTreeSet<(TipId, Who)> {
        let all = self.deletions.keys().chain(&self.purges);
        all.filter(|(_, who)| !active.contains(who)).copied().collect()
    }

    /// The envelope is gone.
    pub(super) fn forget(&mut self, id: TipId) {
        for who in self.deletions(id).map(|(who, _)| who).collect::<Vec<_>>() {
            self.deletions.remove(&(id, who));
        }
        for who in self.purges(id).collect::<Vec<_>>() {
            self.purges.remove(&(id, who));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_reads_as_it_is_written(id: [u8; 16], who: [u8; 16]) {
            let (id, who) = (TipId(id), Who(who));
            prop_assert_eq!(read_key(&key(id, who)), Some((id, who)));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC*", content: Vec<u8>) {
            prop_assert_eq!(read_key(&text), None);
            prop_assert_eq!(read_day(&content), None);
        }
    }

    #[test]
    fn what_is_pending_is_told_by_envelope() {
        let (one, two) = (TipId([1; 16]), TipId([2; 16]));
        let (mina, jun) = (Who::FIRST, Who::LAST);
        let mut pending = Pending::default();
        pending.delete(one, mina, Day(5));
        pending.delete(one, mina, Day(9));
        pending.delete(one, jun, Day(6));
        pending.delete(two, jun, Day(7));
        pending.purge(one, jun);
        assert_eq!(pending.deletions(one).collect::<Vec<_>>(), [(mina, Day(5)), (jun, Day(6))]);
        assert!(pending.is_deleted_by(two, jun) && !pending.is_deleted_by(two, mina));
        pending.take_back(one, jun);
        assert_eq!(pending.deletions(one).count() + pending.purges(one).count(), 1);
        pending.purge(one, mina);
        pending.forget(one);
        assert_eq!(pending.deletions(one).count() + pending.purges(one).count(), 0);
        assert_eq!(pending.deletions(two).count(), 1);
    }
}
