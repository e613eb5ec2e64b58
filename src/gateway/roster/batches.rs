//! Batches of sealing keys that reviewers sent through the desk: which are kept, which are in
//! force, and which of them the public sees.
//!
//! What the public sees changes only when an epoch begins or a new roster is taken, so that nobody
//! learns from it when a reviewer was at the desk. So each batch is kept with the [`Moment`] it was
//! taken in, and the one before it is kept until the public has seen the later one, after a
//! restart, too. An item's key says all that is known beside the batch:
//!
//! ```text
//! <identity key, 64 hex digits>.<sequence, 10>.<epoch, 10>.<version of the roster, 8 digits>
//! ```

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use crate::{
    clock::Epoch,
    roster::{IdentityKey, KeyBatch, Publication},
};

/// As finely as anybody may know when something was taken: the highest epoch, and the highest
/// version of the roster, that had been seen by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) epoch: Epoch,
    pub(super) version: u32,
}

impl Moment {
    /// True if an epoch began or a roster was taken between the two, so that what was taken in this
    /// one is public in the other.
    fn is_before(self, other: Self) -> bool {
        self.epoch < other.epoch || self.version < other.version
    }
}

/// All batches that are kept, by identity key and sequence.
#[derive(Clone, Default)]
pub(super) struct KeptBatches(BTreeMap<([u8; 32], u32), Kept>);

#[derive(Clone)]
struct Kept {
    taken: Moment,
    signed: Bytes,
    /// Once it has been verified: not while its reviewer is not on the roster.
    batch: Option<Arc<KeyBatch>>,
}

impl KeptBatches {
    /// From the items of a store, which are verified when they are used. What has no key of ours is
    /// left out.
    pub(super) fn from_items(items: Vec<(String, Vec<u8>)>) -> Self {
        let parse = |(key, signed): (String, Vec<u8>)| {
            let (identity, sequence, taken) = parse_key(&key)?;
            Some(((identity.0, sequence), Kept { taken, signed: signed.into(), batch: None }))
        };
        Self(items.into_iter().filter_map(parse).collect())
    }

    /// The highest epoch in which one was taken.
    pub(super) fn highest_epoch(&self) -> Option<Epoch> {
        self.0.values().map(|kept| kept.taken.epoch).max()
    }

    /// Keeps `batch`; gives the keys of those that neither count any more nor are public.
    pub(super) fn keep(&mut self, batch: Arc<KeyBatch>, taken: Moment) -> Vec<String> {
        let (identity, sequence) = (batch.identity(), batch.sequence());
        let earlier = (identity.0, 0)..(identity.0, sequence);
        let public = self
            .0
            .range(earlier.clone())
            .rev()
            .find(|(_, kept)| kept.taken.is_before(taken))
            .map(|(key, _)| *key);
        let gone: Vec<_> =
            self.0.range(earlier).map(|(key, _)| *key).filter(|key| Some(*key) != public).collect();
        let gone = gone.into_iter().filter_map(|key| Some((key, self.0.remove(&key)?)));
        let keys = gone.map(|((_, sequence), kept)| key(&identity, sequence, kept.taken)).collect();
        let signed = batch.signed().clone();
        self.0.insert((identity.0, sequence), Kept { taken, signed, batch: Some(batch) });
        keys
    }

    /// The publication by which tips are sealed: the highest sequence wins between the folder and
    /// what is kept.
    pub(super) fn in_force(&mut self, folder: &Publication) -> Publication {
        self.with(folder, |_| true)
    }

    /// The publication as the public sees it from `now` on.
    pub(super) fn public(&mut self, folder: &Publication, now: Moment) -> Publication {
        self.with(folder, |taken| taken.is_before(now))
    }

    fn with(&mut self, folder: &Publication, wanted: impl Fn(Moment) -> bool) -> Publication {
        let mut publication = folder.clone();
        for ((identity, _), kept) in &mut self.0 {
            if kept.batch.is_none() {
                let verified = folder.verify_batch(&IdentityKey(*identity), &kept.signed);
                kept.batch = verified.ok().map(Arc::new);
            }
            if let Some(batch) = kept.batch.as_ref().filter(|_| wanted(kept.taken)) {
                publication.take_verified(batch);
            }
        }
        publication
    }
}

/// The key of a batch's item.
pub(super) fn key(identity: &IdentityKey, sequence: u32, taken: Moment) -> String {
    format!("{identity}.{sequence:010}.{:010}.{:08}", taken.epoch.0, taken.version)
}

fn parse_key(text: &str) -> Option<(IdentityKey, u32, Moment)> {
    let mut parts = text.splitn(4, '.');
    let identity = parts.next()?.parse().ok()?;
    let mut number = || parts.next()?.parse().ok();
    let (sequence, epoch, version) = (number()?, number()?, number()?);
    let taken = Moment { epoch: Epoch(epoch), version };
    // one way to write a key
    (key(&identity, sequence, taken) == text).then_some((identity, sequence, taken))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::roster::{
        UnsignedBatch,
        testing::{Newsroom, Person},
    };

    fn folder(newsroom: &Newsroom, people: &[&Person]) -> Publication {
        let mut files = newsroom.publication();
        for person in people {
            newsroom
                .extend(&mut files, |next| next.with_reviewer(person.name(), person.identity()));
        }
        files.verify(newsroom.id()).unwrap()
    }

    fn signed(newsroom: &Newsroom, of: &Person, sequence: u32) -> Vec<u8> {
        let batch = UnsignedBatch {
            newsroom: Some(newsroom.id()),
            reviewer: of.name(),
            first_epoch: Epoch(7),
            sequence,
            recipients: Vec::new(),
        };
        batch.sign_with(|bytes| of.sign(bytes))
    }

    fn at(epoch: u32, version: u32) -> Moment {
        Moment { epoch: Epoch(epoch), version }
    }

    fn sequence(publication: &Publication, of: &Person) -> Option<u32> {
        publication.batch(&of.name()).map(KeyBatch::sequence)
    }

    #[test]
    fn the_public_sees_a_batch_from_the_next_epoch_or_roster_on() {
        let (newsroom, mina) = (Newsroom::new(1), Person::new("mina"));
        let folder = folder(&newsroom, &[&mina]);
        let mut kept = KeptBatches::default();
        let mut items = BTreeMap::new();
        let mut take = |kept: &mut KeptBatches, sequence, taken| {
            let bytes = signed(&newsroom, &mina, sequence);
            let batch = Arc::new(folder.verify_batch(&mina.identity(), &bytes).unwrap());
            items.insert(key(&mina.identity(), sequence, taken), bytes);
            for gone in kept.keep(batch, taken) {
                assert!(items.remove(&gone).is_some(), "{gone}");
            }
            items.clone().into_iter().collect::<Vec<_>>()
        };
        let states =
            [(1, at(9, 2)), (2, at(10, 2)), (3, at(10, 2)), (4, at(10, 3)), (9, at(12, 3))];
        let public_then = [None, Some(1), Some(1), Some(3), Some(4)];
        for ((number, taken), public) in states.into_iter().zip(public_then) {
            let items = take(&mut kept, number, taken);
            assert!(items.len() <= 2, "one that is public, one in force");
            // the same after a restart
            for kept in [&mut kept, &mut KeptBatches::from_items(items)] {
                assert_eq!(sequence(&kept.in_force(&folder), &mina), Some(number));
                assert_eq!(sequence(&kept.public(&folder, taken), &mina), public);
                let (epoch, version) = (taken.epoch.0, taken.version);
                for later in [at(epoch + 1, version), at(epoch, version + 1)] {
                    assert_eq!(sequence(&kept.public(&folder, later), &mina), Some(number));
                }
            }
        }
        assert_eq!(kept.highest_epoch(), Some(Epoch(12)));
    }

    #[test]
    fn whoever_is_not_on_the_roster_has_no_batch_until_they_are() {
        let newsroom = Newsroom::new(1);
        let [mina, jun] = [Person::new("mina"), Person::new("jun")];
        let item =
            |of: &Person, by: &Newsroom| (key(&of.identity(), 5, at(9, 2)), signed(by, of, 5));
        let foreign = item(&jun, &Newsroom::new(2));
        let mut forged = item(&jun, &newsroom);
        forged.0 = forged.0.replace(&jun.identity().to_string(), &mina.identity().to_string());
        for bad in [foreign, forged, ("README".to_owned(), Vec::new())] {
            let mut kept = KeptBatches::from_items(vec![bad]);
            let both = kept.in_force(&folder(&newsroom, &[&mina, &jun]));
            assert_eq!((sequence(&both, &mina), sequence(&both, &jun)), (None, None));
        }
        let mut kept = KeptBatches::from_items(vec![item(&mina, &newsroom)]);
        let there = |kept: &mut KeptBatches, people: &[&Person]| {
            sequence(&kept.in_force(&folder(&newsroom, people)), &mina)
        };
        assert_eq!(there(&mut kept, &[&jun]), None);
        assert_eq!(there(&mut kept, &[&jun, &mina]), Some(5));
        assert_eq!(there(&mut kept, &[&jun]), None);
        assert_eq!(there(&mut kept, &[&mina]), Some(5));
    }

    proptest! {
        #[test]
        fn a_key_is_read_as_it_is_written(
            identity: [u8; 32], sequence: u32, epoch: u32, version in 0..100_000_000_u32,
        ) {
            let identity = IdentityKey(identity);
            let text = key(&identity, sequence, at(epoch, version));
            prop_assert!(text.len() <= 128);
            prop_assert_eq!(parse_key(&text), Some((identity, sequence, at(epoch, version))));
        }

        #[test]
        fn no_other_text_is_a_key(text in "[0-9a-f]{0,64}[.0-9+]{0,40}|.{0,40}") {
            if let Some((identity, sequence, taken)) = parse_key(&text) {
                prop_assert_eq!(key(&identity, sequence, taken), text);
            }
        }
    }
}
