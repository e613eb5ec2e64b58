//! When an envelope leaves the store: on the reviewers' word, and by the operator's rules.
//!
//! A reviewer's deletion hides an envelope from that reviewer at once. It is unlinked
//!
//! - when every other active reviewer has fetched or deleted it, or
//! - [`DELETION_DAYS`](crate::desk::DELETION_DAYS) days after the first deletion, or
//! - when two reviewers purge it (one, if there is only one); a purge is a deletion, too;
//!
//! and until then each can take their own deletion back. Only reviewers on the present roster
//! count. By the operator's rules ([`Keep`](super::config::Keep)) it goes after so many days,
//! whoever has fetched it, or so many days after the last active reviewer has.
//!
//! What is done is durable step by step, so that whatever a crash leaves is finished by doing it
//! again: the mark, then the envelope's unlinking (its tombstone comes first), then the removal of
//! its marks. Marks that a crash leaves without an envelope are removed by the first [`sweep`]
//! after a start. All changes of marks and all unlinking are made one at a time.
//!
//! A deletion or a purge of who left the roster is removed for good, so that it does not count again
//! when they come back.
//!
//! What goes by time goes in the daily [`sweep`]. A day before the roster was signed counts as that
//! day; on a day after its last one, and until the clock is believed (see `days`), nothing goes by
//! time: a clock that is wrong must not empty the store.

mod days;
mod marks;
mod rules;
mod sweep;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicBool, atomic::Ordering},
};

pub use marks::Who;
pub use sweep::sweep;

use self::{marks::Pending, rules::Standing};
use super::{
    Gateway,
    store::{ItemKind, Store, StoreError},
};
use crate::{clock::Day, roster::IdentityKey, tip::TipId};

const MARKS: [ItemKind; 3] = [ItemKind::Fetched, ItemKind::Purge, ItemKind::Deletion];

/// The marks of reviewers, as far as each request needs them.
pub struct Retention {
    /// never held while anything is waited for
    pending: Mutex<Pending>,
    /// held by whoever changes marks or unlinks an envelope
    changing: tokio::sync::Mutex<()>,
    /// true while there may be marks of envelopes that are gone
    untidy: AtomicBool,
}

impl Retention {
    /// What the store holds of it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn load(store: &impl Store) -> Result<Self, StoreError> {
        Ok(Self {
            pending: Mutex::new(Pending::load(store).await?),
            changing: tokio::sync::Mutex::default(),
            untidy: AtomicBool::new(true),
        })
    }

    /// True if this reviewer has deleted the envelope: it is neither listed nor handed out to them.
    pub fn hides(&self, id: TipId, from: Who) -> bool {
        self.pending().is_deleted_by(id, from)
    }

    /// The day on which a deletion by one of the `active` reviewers unlinks the envelope at the
    /// latest; none if nobody has deleted it.
    pub fn goes(&self, id: TipId, active: &BTreeSet<Who>) -> Option<Day> {
        self.standing(id, active).goes()
    }

    fn standing<'a>(&self, id: TipId, active: &'a BTreeSet<Who>) -> Standing<'a> {
        let pending = self.pending();
        Standing::new(active, pending.deletions(id), pending.purges(id))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The day that counts.
fn today<S>(gateway: &Gateway<S>) -> Day {
    gateway.clock.now().day().max(gateway.roster.publication().roster().issued())
}

/// The day by which anything may go by time; none while the clock is not believed.
///
/// # Errors
/// What the store says; asking again is safe.
async fn believed_today<S: Store>(gateway: &Gateway<S>) -> Result<Option<Day>, StoreError> {
    if gateway.roster.publication().has_lapsed(gateway.clock.now().day()) {
        return Ok(None);
    }
    let today = today(gateway);
    Ok(days::see(&gateway.store, today).await?.then_some(today))
}

/// A reviewer's program has the envelope, whole and checked.
///
/// # Errors
/// [`StoreError::NotFound`] if no such envelope is stored; what else the store says. Asking again
/// is safe.
pub async fn fetched<S: Store>(
    gateway: &Gateway<S>,
    id: TipId,
    by: &IdentityKey,
) -> Result<(), StoreError> {
    let _one = gateway.retention.changing.lock().await;
    is_stored(gateway, id).await?;
    mark(gateway, ItemKind::Fetched, id, Who::of(by), Some(today(gateway))).await?;
    settle(gateway, id, None).await.map(drop)
}

/// A reviewer deletes an envelope. One that is gone already is no error.
///
/// # Errors
/// [`StoreError::NotFound`] if no such envelope was ever stored; what else the store says. Asking
/// again is safe.
pub async fn delete<S: Store>(
    gateway: &Gateway<S>,
    id: TipId,
    by: &IdentityKey,
) -> Result<(), StoreError> {
    leave(gateway, id, Who::of(by), false).await.map(drop)
}

/// A reviewer wants an envelope gone at once; true if it is.
///
/// # Errors
/// As [`delete`].
pub async fn purge<S: Store>(
    gateway: &Gateway<S>,
    id: TipId,
    by: &IdentityKey,
) -> Result<bool, StoreError> {
    leave(gateway, id, Who::of(by), true).await
}

async fn leave<S: Store>(
    gateway: &Gateway<S>,
    id: TipId,
    who: Who,
    at_once: bool,
) -> Result<bool, StoreError> {
    let retention = &gateway.retention;
    let _one = retention.changing.lock().await;
    match is_stored(gateway, id).await {
        // an error if it never was
        Err(StoreError::NotFound) => return gateway.store.delete(id).await.map(|()| true),
        stored => stored?,
    }
    let today = today(gateway);
    mark(gateway, ItemKind::Deletion, id, who, Some(today)).await?;
    retention.pending().delete(id, who, today);
    if at_once {
        mark(gateway, ItemKind::Purge, id, who, None).await?;
        retention.pending().purge(id, who);
    }
    settle(gateway, id, None).await
}

/// A reviewer takes their deletion back, and their purge with it. Without one, nothing happens.
///
/// # Errors
/// [`StoreError::NotFound`] if the envelope is gone; what else the store says. Asking again is
/// safe.
pub async fn take_back<S: Store>(
    gateway: &Gateway<S>,
    id: TipId,
    by: &IdentityKey,
) -> Result<(), StoreError> {
    let _one = gateway.retention.changing.lock().await;
    is_stored(gateway, id).await?;
    unmark(gateway, id, Who::of(by)).await
}

/// Removes a deletion, and a purge with it. The caller holds `changing`.
async fn unmark<S: Store>(gateway: &Gateway<S>, id: TipId, who: Who) -> Result<(), StoreError> {
    let key = marks::key(id, who);
    gateway.store.remove_item(ItemKind::Purge, &key).await?;
    gateway.store.remove_item(ItemKind::Deletion, &key).await?;
    gateway.retention.pending().take_back(id, who);
    Ok(())
}

async fn is_stored<S: Store>(gateway: &Gateway<S>, id: TipId) -> Result<(), StoreError> {
    gateway.store.get(id, Some(0..0)).await.map(drop)
}

async fn mark<S: Store>(
    gateway: &Gateway<S>,
    kind: ItemKind,
    id: TipId,
    who: Who,
    day: Option<Day>,
) -> Result<(), StoreError> {
    let content = day.map(|day| day.to_string()).unwrap_or_default();
    match gateway.store.put_item(kind, &marks::key(id, who), content.as_bytes()).await {
        // made on another day already
        Err(StoreError::Conflict) => Ok(()),
        made => made,
    }
}

/// Unlinks an envelope if the reviewers' marks say so, by the time that has passed only if the day
/// is given; true if it is gone. The caller holds `changing`.
async fn settle<S: Store>(
    gateway: &Gateway<S>,
    id: TipId,
    today: Option<Day>,
) -> Result<bool, StoreError> {
    let active = Who::active(&gateway.roster.publication());
    let standing = gateway.retention.standing(id, &active);
    let is_due = standing.is_due(today);
    if !is_due && standing.goes().is_none() {
        return Ok(false);
    }
    if !is_due {
        let fetched = marks::fetched(&gateway.store, &id.to_string()).await?;
        let fetched = fetched.into_keys().map(|(_, who)| who).collect();
        if !standing.is_left_by_all(&fetched) {
            return Ok(false);
        }
    }
    unlink(gateway, id).await?;
    Ok(true)
}

/// The caller holds `changing`.
async fn unlink<S: Store>(gateway: &Gateway<S>, id: TipId) -> Result<(), StoreError> {
    gateway.store.delete(id).await?;
    if clear(gateway, id).await.is_err() {
        // what was asked for is done; the next sweep finds what is left
        gateway.retention.untidy.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Removes the marks of an envelope that is gone. The caller holds `changing`.
async fn clear<S: Store>(gateway: &Gateway<S>, id: TipId) -> Result<(), StoreError> {
    gateway.retention.pending().forget(id);
    for kind in MARKS {
        for (key, _) in gateway.store.items_under(kind, &id.to_string()).await? {
            gateway.store.remove_item(kind, &key).await?;
        }
    }
    Ok(())
}
