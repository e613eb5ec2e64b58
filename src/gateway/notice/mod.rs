//! Notices: on a fixed schedule, each reviewer on the roster gets a mail of constant subject and
//! size, whether or not anything came and whether or not the reviewer has a sealing key. Only who
//! can open it learns whether something arrived.
//!
//! A round that fails is told in the log and not repeated before the next one; no tip ever waits
//! for it. Which round was held last is remembered in the store (`held`): after a start, one that
//! was missed meanwhile is held at once, and none is held twice, unless a crash came between its
//! mails and its mark. What has arrived "since the last notice" may be lost with the process: it is
//! known from the ids seen in the last round, in memory, and in the first round after a start
//! anything that is stored counts as new.

mod held;
mod mailer;
mod message;
mod schedule;

use std::{sync::Arc, time::Duration};

pub use mailer::{Mail, Mailer};
pub use message::{SUBJECT, TEXT_BYTES, compose, text};
pub use schedule::{NotAPeriod, Period, next_after};

use super::{
    Gateway,
    config::Notice,
    log::Event,
    store::{Store, StoreError},
};
use crate::{clock::Timestamp, disk, recipient::Recipient, roster::AddressBook, tip::TipId};

/// So many ids are asked of the store at once.
const PAGE: usize = 1_000;

/// A longer address book is none.
pub(super) const MAX_ADDRESS_BOOK_BYTES: u64 = 256 << 10;

/// The longest sleep: a clock that is set while waiting is noticed after it.
const NAP: Duration = Duration::from_secs(30);

/// Sends notices for as long as it is polled. Does nothing if none are configured.
pub async fn run<S: Store>(gateway: Arc<Gateway<S>>) {
    let Some(notice) = gateway.config.notice.clone() else {
        return;
    };
    let mailer = Mailer::Smtp(notice.smtp.clone());
    let mut rounds = Rounds::after_start(&gateway).await;
    loop {
        let scheduled = rounds.due(&gateway, &notice);
        wait_until(&gateway, scheduled).await;
        rounds.hold(&gateway, &notice, &mailer, scheduled).await;
    }
}

/// What is known of the rounds that were held.
pub struct Rounds {
    last: Option<Timestamp>,
    arrivals: Arrivals,
}

impl Rounds {
    /// As the store remembers it. If it cannot say so, nothing was missed.
    pub async fn after_start<S: Store>(gateway: &Gateway<S>) -> Self {
        let last = held::last(&gateway.store).await.unwrap_or_else(|_| {
            gateway.log.write(Event::NoticeRoundUnknown);
            None
        });
        Self { last, arrivals: Arrivals::default() }
    }

    /// When the next round is to be held; a moment in the past, if it was missed.
    pub fn due<S>(&self, gateway: &Gateway<S>, notice: &Notice) -> Timestamp {
        schedule::due(gateway.clock.now(), notice.period, self.last)
    }

    /// Holds the round that is due since `scheduled`, and remembers it.
    pub async fn hold<S: Store>(
        &mut self,
        gateway: &Gateway<S>,
        notice: &Notice,
        mailer: &Mailer,
        scheduled: Timestamp,
    ) {
        // if the clock was set while this waited: of several the last
        let scheduled = scheduled.max(schedule::last_until(gateway.clock.now(), notice.period));
        round(gateway, notice, mailer, &mut self.arrivals, scheduled).await;
        self.last = Some(scheduled);
        if held::remember(&gateway.store, scheduled).await.is_err() {
            gateway.log.write(Event::NoticeRoundUnknown);
        }
    }
}

async fn wait_until<S: Store>(gateway: &Gateway<S>, moment: Timestamp) {
    loop {
        let left = moment.0.saturating_sub(gateway.clock.now().0);
        let Ok(left @ 1..) = u64::try_from(left) else {
            return;
        };
        tokio::time::sleep(NAP.min(Duration::from_secs(left))).await;
    }
}

/// One round: one mail to each reviewer on the roster of whom an address is known.
pub async fn round<S: Store>(
    gateway: &Gateway<S>,
    notice: &Notice,
    mailer: &Mailer,
    arrivals: &mut Arrivals,
    scheduled: Timestamp,
) {
    let arrived = arrivals.since_last(&gateway.store).await.unwrap_or_else(|_| {
        gateway.log.write(Event::StoreFailed);
        // better one look too many
        true
    });
    let Some(mails) = mails(gateway, notice, arrived, scheduled) else {
        return;
    };
    let of = mails.len();
    let failures = mailer.send_all(&notice.from, mails).await;
    if let Some(why) = failures.first() {
        gateway.log.write(Event::NoticesFailed { why: *why, failed: failures.len(), of });
    }
}

fn mails<S: Store>(
    gateway: &Gateway<S>,
    notice: &Notice,
    arrived: bool,
    scheduled: Timestamp,
) -> Option<Vec<Mail>> {
    let Some(book) = address_book(gateway) else {
        gateway.log.write(Event::AddressBookUnreadable);
        return None;
    };
    let publication = gateway.roster.publication();
    let epoch = gateway.config.epoch.epoch(scheduled);
    let entropy = &*gateway.entropy;
    let mut missing = 0;
    let mut mails = Vec::new();
    for (reviewer, key) in publication.sealing_keys(epoch) {
        let Some(to) = book.get(reviewer).and_then(|mail| mail.as_str().parse().ok()) else {
            missing += 1;
            continue;
        };
        let key = key.cloned().unwrap_or_else(|| Recipient::throw_away(entropy));
        let content = compose(arrived, &key, &notice.from, scheduled, entropy);
        mails.push(Mail { to, content });
    }
    if missing > 0 {
        gateway.log.write(Event::NoticeAddressMissing { reviewers: missing });
    }
    Some(mails)
}

/// Read anew for each round: nobody's address lies in memory in between.
fn address_book<S: Store>(gateway: &Gateway<S>) -> Option<AddressBook> {
    let path = gateway.config.addresses.as_deref()?;
    AddressBook::parse(&disk::read_limited(path, MAX_ADDRESS_BOOK_BYTES).ok()?).ok()
}

/// Which envelopes the last round has seen: 16 bytes of memory each.
#[derive(Default)]
pub struct Arrivals {
    /// In order; none before the first round.
    seen: Option<Vec<TipId>>,
}

impl Arrivals {
    /// True if an envelope is stored that was not at the last call (at the first call: if any is).
    /// A deletion in between hides no arrival.
    ///
    /// # Errors
    /// What the store says; the next call then compares with the call before.
    pub async fn since_last(&mut self, store: &impl Store) -> Result<bool, StoreError> {
        let mut stored: Vec<TipId> = Vec::new();
        loop {
            let page = store.list(stored.last().copied(), PAGE).await?;
            let is_last = page.len() < PAGE;
            stored.extend(page.into_iter().map(|entry| entry.id));
            if is_last {
                break;
            }
        }
        let seen = self.seen.as_deref().unwrap_or_default();
        let arrived = stored.iter().any(|id| seen.binary_search(id).is_err());
        self.seen = Some(stored);
        Ok(arrived)
    }
}

#[cfg(test)]
mod tests {
    use std::{ops::Range, sync::Mutex};

    use super::*;
    use crate::{
        clock::{Day, Epoch},
        gateway::store::{Entry, Health, ItemKind, StoredBody, Turned},
        seal::Envelope,
        tip::SizeClass,
    };

    /// A store that can be listed and nothing else.
    struct Listed(Mutex<Vec<TipId>>);

    impl Store for Listed {
        async fn list(&self, after: Option<TipId>, limit: usize) -> Result<Vec<Entry>, StoreError> {
            let entry = |id| Entry {
                id,
                day: Day(0),
                epoch: Epoch(0),
                class: SizeClass::from_index(0).unwrap(),
                bytes: 0,
            };
            let mut ids = self.0.lock().unwrap().clone();
            ids.sort_unstable();
            let above = ids.into_iter().filter(|id| Some(*id) > after);
            Ok(above.take(limit).map(entry).collect())
        }

        async fn put(&self, _: Envelope, _: Day) -> Result<TipId, StoreError> {
            unreachable!()
        }

        async fn get(
            &self,
            _: TipId,
            _: Option<Range<u64>>,
        ) -> Result<(Entry, StoredBody), StoreError> {
            unreachable!()
        }

        async fn holds(&self, _: TipId) -> Result<bool, StoreError> {
            unreachable!()
        }

        async fn delete(&self, _: TipId) -> Result<(), StoreError> {
            unreachable!()
        }

        async fn put_item(&self, _: ItemKind, _: &str, _: &[u8]) -> Result<(), StoreError> {
            unreachable!()
        }

        async fn probe(&self) -> Result<(), StoreError> {
            unreachable!()
        }

        async fn remove_item(&self, _: ItemKind, _: &str) -> Result<(), StoreError> {
            unreachable!()
        }

        async fn items(&self, _: ItemKind) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
            unreachable!()
        }

        async fn items_under(
            &self,
            _: ItemKind,
            _: &str,
        ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
            unreachable!()
        }

        async fn verify(&self, _: &(dyn Fn(u64, u64) + Sync)) -> Result<Vec<String>, StoreError> {
            unreachable!()
        }

        async fn health(&self) -> Result<Health, StoreError> {
            unreachable!()
        }

        async fn turn(&self, _: Day) -> Result<Turned, StoreError> {
            unreachable!()
        }
    }

    #[tokio::test]
    async fn an_arrival_is_told_once_and_hidden_by_no_deletion() {
        let id = |n: u32| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            TipId(id)
        };
        let store = Listed(Mutex::default());
        let set = |ids: Vec<TipId>| *store.0.lock().unwrap() = ids;
        let mut arrivals = Arrivals::default();
        assert!(!arrivals.since_last(&store).await.unwrap(), "nothing is stored");
        // more than one page
        set((0..2_500).map(id).collect());
        assert!(arrivals.since_last(&store).await.unwrap());
        assert!(!arrivals.since_last(&store).await.unwrap(), "told already");
        set((1..2_501).map(id).collect());
        assert!(arrivals.since_last(&store).await.unwrap(), "one came, one went");
        set((1..2_000).map(id).collect());
        assert!(!arrivals.since_last(&store).await.unwrap(), "deletions are no arrivals");
        assert!(Arrivals::default().since_last(&store).await.unwrap(), "after a start");
    }
}
