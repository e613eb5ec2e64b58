//! A publication that was verified: what every role works from.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bytes::Bytes;

use super::{
    IdentityKey, KeyBatch, NewsroomId, ReviewerName, Roster, RosterError, RosterReviewer,
    UntrustedBatch,
};
use crate::{
    clock::{Day, Epoch},
    recipient::Recipient,
};

/// A verified publication. A copy shares its rosters and batches with the one it was made from.
#[derive(Clone)]
pub struct Publication {
    newsroom: NewsroomId,
    earlier: Vec<Arc<Roster>>,
    current: Arc<Roster>,
    batches: BTreeMap<ReviewerName, Arc<KeyBatch>>,
    refused: Vec<(String, RosterError)>,
}

impl Publication {
    pub(super) fn new(
        newsroom: NewsroomId,
        earlier: Vec<Arc<Roster>>,
        current: Arc<Roster>,
    ) -> Self {
        Self { newsroom, earlier, current, batches: BTreeMap::new(), refused: Vec::new() }
    }

    /// The pinned newsroom.
    pub fn newsroom(&self) -> NewsroomId {
        self.newsroom
    }

    /// The roster that counts: the one of the highest version.
    pub fn roster(&self) -> &Roster {
        &self.current
    }

    /// Every version, from the first to the one that counts.
    pub fn history(&self) -> impl Iterator<Item = &Roster> {
        self.shared_history().map(Arc::as_ref)
    }

    /// As [`history`](Self::history), for whoever keeps a roster.
    pub fn shared_history(&self) -> impl Iterator<Item = &Arc<Roster>> {
        self.earlier.iter().chain([&self.current])
    }

    /// SHA-256 of roster `version`'s bytes, to tell a fork from a newer version.
    pub fn roster_hash(&self, version: u32) -> Option<[u8; 32]> {
        self.history().find(|roster| roster.version() == version).map(Roster::hash)
    }

    /// That this publication is the one taken before (whose highest roster was version `seen` of
    /// hash `hash`), or a later state of it.
    ///
    /// # Errors
    /// [`RosterError::RolledBack`], [`RosterError::Forked`].
    pub fn must_continue(&self, seen: u32, hash: [u8; 32]) -> Result<(), RosterError> {
        let found = self.current.version();
        match self.roster_hash(seen) {
            None => Err(RosterError::RolledBack { seen, found }),
            Some(same) if same == hash => Ok(()),
            Some(_) => Err(RosterError::Forked { version: seen }),
        }
    }

    /// True from the day after `lapses` on.
    pub fn has_lapsed(&self, today: Day) -> bool {
        today > self.current.lapses()
    }

    /// The reviewer who has this identity key.
    pub fn reviewer(&self, identity: &IdentityKey) -> Option<&ReviewerName> {
        let mut reviewers = self.current.reviewers().iter();
        reviewers.find(|reviewer| reviewer.identity == *identity).map(|reviewer| &reviewer.name)
    }

    /// Each active reviewer, in the roster's order, with the sealing key of `epoch` where there is
    /// a valid one.
    pub fn sealing_keys(&self, epoch: Epoch) -> Vec<(&ReviewerName, Option<&Recipient>)> {
        let key_of = |name| self.batch(name).and_then(|batch| batch.recipient(epoch));
        self.current.reviewers().iter().map(|one| (&one.name, key_of(&one.name))).collect()
    }

    /// The batch of sealing keys that counts for an active reviewer.
    pub fn batch(&self, reviewer: &ReviewerName) -> Option<&KeyBatch> {
        self.batches.get(reviewer).map(Arc::as_ref)
    }

    /// As [`batch`](Self::batch), for whoever keeps it.
    pub fn shared_batch(&self, reviewer: &ReviewerName) -> Option<&Arc<KeyBatch>> {
        self.batches.get(reviewer)
    }

    /// The batches that count, in order of their reviewers' names.
    pub fn shared_batches(&self) -> impl Iterator<Item = &Arc<KeyBatch>> {
        self.batches.values()
    }

    /// Batches that were not taken, and why.
    pub fn refused(&self) -> &[(String, RosterError)] {
        &self.refused
    }

    /// Takes a later batch of a reviewer; the highest sequence wins, and a batch that is not above
    /// the one already here changes nothing.
    ///
    /// # Errors
    /// [`RosterError::UnknownReviewer`], [`RosterError::OutOfSequence`], and whatever
    /// [`UntrustedBatch::verify`] refuses.
    pub fn take_batch(&mut self, reviewer: &str, batch: &[u8]) -> Result<(), RosterError> {
        self.take(reviewer, Bytes::copy_from_slice(batch), None)
    }

    /// Checks a batch of the reviewer who has this identity key, without taking it.
    ///
    /// # Errors
    /// [`RosterError::UnknownReviewer`], and whatever [`UntrustedBatch::verify`] refuses.
    pub fn verify_batch(
        &self,
        identity: &IdentityKey,
        batch: &[u8],
    ) -> Result<KeyBatch, RosterError> {
        let name = self
            .reviewer(identity)
            .ok_or_else(|| RosterError::UnknownReviewer(identity.to_string()))?;
        UntrustedBatch(batch).verify(Some(self.newsroom), name, identity)
    }

    /// Takes a batch that was verified before, perhaps with another roster: if its reviewer is on
    /// this one with the same identity key, and its sequence is above that of the batch already
    /// here. True if it was taken.
    pub fn take_verified(&mut self, batch: &Arc<KeyBatch>) -> bool {
        let here = self.newsroom;
        let is_ours = self.reviewer(&batch.identity()) == Some(batch.reviewer())
            && batch.newsroom().is_none_or(|newsroom| newsroom == here);
        let is_later =
            self.batch(batch.reviewer()).is_none_or(|there| there.sequence() < batch.sequence());
        if is_ours && is_later {
            self.batches.insert(batch.reviewer().clone(), Arc::clone(batch));
        }
        is_ours && is_later
    }

    /// Takes a batch as [`take_batch`](Self::take_batch) does, or lists it with those refused. One
    /// that is the same in `known`, a publication of this newsroom, is not verified again.
    pub(super) fn take_or_refuse(&mut self, reviewer: &str, batch: Bytes, known: Option<&Self>) {
        if let Err(error) = self.take(reviewer, batch, known) {
            self.refused.push((shown(reviewer), error));
        }
    }

    fn take(
        &mut self,
        reviewer: &str,
        bytes: Bytes,
        known: Option<&Self>,
    ) -> Result<(), RosterError> {
        let on_roster = self.current.reviewers().iter().find(|one| one.name.as_str() == reviewer);
        let RosterReviewer { name, identity, .. } =
            on_roster.ok_or_else(|| RosterError::UnknownReviewer(shown(reviewer)))?;
        let is_same = |old: &&Arc<KeyBatch>| old.identity() == *identity && *old.signed() == bytes;
        let batch = match known.and_then(|known| known.shared_batch(name)).filter(is_same) {
            Some(old) => Arc::clone(old),
            None => Arc::new(KeyBatch::verify(bytes, Some(self.newsroom), name, identity)?),
        };
        if self.batch(name).is_some_and(|there| there.sequence() >= batch.sequence()) {
            return Err(RosterError::OutOfSequence { found: batch.sequence() });
        }
        self.batches.insert(name.clone(), batch);
        Ok(())
    }
}

/// A file's name, which may be anything, as a log or terminal may show it.
fn shown(name: &str) -> String {
    name.escape_default().take(80).collect()
}

/// Newsroom and version: enough for a log.
impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publication({}, version {})", self.newsroom, self.current.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        random::SystemEntropy,
        roster::{
            UnsignedBatch,
            testing::{Newsroom, Person, TODAY},
        },
    };

    fn publication(newsroom: &Newsroom, people: &[&Person]) -> Publication {
        let mut files = newsroom.publication();
        for person in people {
            newsroom
                .extend(&mut files, |next| next.with_reviewer(person.name(), person.identity()));
            files.batches.insert(person.name().to_string(), person.batch());
        }
        files.verify(newsroom.id()).unwrap()
    }

    #[test]
    fn it_lapses_after_its_last_day() {
        let publication = publication(&Newsroom::new(1), &[]);
        assert_eq!(publication.roster().lapses(), TODAY.plus(90));
        assert!(!publication.has_lapsed(TODAY.plus(90)));
        assert!(publication.has_lapsed(TODAY.plus(91)));
    }

    #[test]
    fn what_was_seen_must_be_in_it() {
        let newsroom = Newsroom::new(1);
        let [mina, jun] = [Person::new("mina"), Person::new("jun")];
        let old = publication(&newsroom, &[&mina]);
        let new = publication(&newsroom, &[&mina, &jun]);
        let fork = publication(&newsroom, &[&jun]);
        let continues = |later: &Publication, seen: &Publication| {
            later.must_continue(seen.roster().version(), seen.roster().hash())
        };
        assert!(continues(&new, &old).is_ok());
        assert!(continues(&old, &old).is_ok());
        let back = continues(&old, &new);
        assert!(matches!(back, Err(RosterError::RolledBack { seen: 3, found: 2 })));
        assert!(matches!(continues(&fork, &old), Err(RosterError::Forked { version: 2 })));
    }

    #[test]
    fn whoever_has_no_key_for_an_epoch_is_named_without_one() {
        let newsroom = Newsroom::new(1);
        let [mina, jun] = [Person::new("mina"), Person::new("jun")];
        let mut publication = publication(&newsroom, &[&mina, &jun]);
        let key = Recipient::throw_away(&SystemEntropy::new());
        let batch = UnsignedBatch {
            newsroom: Some(newsroom.id()),
            reviewer: jun.name(),
            first_epoch: Epoch(5),
            sequence: 1,
            recipients: vec![key.clone()],
        };
        publication.take_batch("jun", &batch.sign_with(|bytes| jun.sign(bytes))).unwrap();
        let [mina, jun] = [mina.name(), jun.name()];
        assert!(publication.sealing_keys(Epoch(5)) == [(&mina, None), (&jun, Some(&key))]);
        assert!(publication.sealing_keys(Epoch(6)) == [(&mina, None), (&jun, None)]);
    }

    #[test]
    fn a_verified_batch_is_taken_over_for_its_own_reviewer_only() {
        let newsroom = Newsroom::new(1);
        let [mina, jun] = [Person::new("mina"), Person::new("jun")];
        let here = publication(&newsroom, &[&mina]);
        let batch = |newsroom: &Newsroom, sequence| {
            let batch = UnsignedBatch {
                newsroom: Some(newsroom.id()),
                reviewer: mina.name(),
                first_epoch: Epoch(1),
                sequence,
                recipients: Vec::new(),
            };
            batch.sign_with(|bytes| mina.sign(bytes))
        };
        let verified = |sequence| {
            Arc::new(here.verify_batch(&mina.identity(), &batch(&newsroom, sequence)).unwrap())
        };
        let mut later = here.clone();
        assert!(later.take_verified(&verified(2)));
        assert!(!later.take_verified(&verified(1)) && !later.take_verified(&verified(2)));
        assert_eq!(later.batch(&mina.name()).map(KeyBatch::sequence), Some(2));
        assert_eq!(here.batch(&mina.name()).map(KeyBatch::sequence), Some(0), "a copy is apart");
        assert!(!publication(&newsroom, &[&jun]).take_verified(&verified(3)));
        let foreign = Newsroom::new(2);
        assert!(!publication(&foreign, &[&mina]).take_verified(&verified(3)));
        // the same name, another key
        let mut files = newsroom.publication();
        newsroom.extend(&mut files, |next| next.with_reviewer(mina.name(), jun.identity()));
        assert!(!files.verify(newsroom.id()).unwrap().take_verified(&verified(3)));

        let refused = here.verify_batch(&jun.identity(), &batch(&newsroom, 2));
        assert!(matches!(refused.err(), Some(RosterError::UnknownReviewer(_))));
        let refused = here.verify_batch(&mina.identity(), &batch(&foreign, 2));
        assert!(matches!(refused.err(), Some(RosterError::BatchOfAnotherNewsroom)));
    }

    #[test]
    fn the_highest_batch_wins_and_a_bad_one_stops_no_other() {
        let newsroom = Newsroom::new(1);
        let [mina, jun, eve] = [Person::new("mina"), Person::new("jun"), Person::new("eve")];
        let mut files = newsroom.publication();
        for person in [&mina, &jun] {
            newsroom
                .extend(&mut files, |next| next.with_reviewer(person.name(), person.identity()));
        }
        files.batches.insert("mina".into(), mina.batch());
        files.batches.insert("jun".into(), eve.batch());
        files.batches.insert("eve\n".into(), eve.batch());
        let mut publication = files.verify(newsroom.id()).unwrap();

        let refused: Vec<_> = publication.refused().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(refused, ["eve\\n", "jun"]);
        assert!(
            publication.batch(&mina.name()).is_some() && publication.batch(&jun.name()).is_none()
        );
        let names: Vec<_> =
            publication.sealing_keys(Epoch(0)).iter().map(|k| k.0.clone()).collect();
        assert_eq!(names, [mina.name(), jun.name()]);
        assert_eq!(publication.reviewer(&jun.identity()), Some(&jun.name()));
        assert_eq!(publication.reviewer(&eve.identity()), None);

        let mut offer = |sequence| {
            let batch = UnsignedBatch {
                newsroom: Some(newsroom.id()),
                reviewer: mina.name(),
                first_epoch: Epoch(1),
                sequence,
                recipients: Vec::new(),
            };
            publication.take_batch("mina", &batch.sign_with(|bytes| mina.sign(bytes)))
        };
        assert!(offer(2).is_ok());
        for late in [1, 2] {
            assert!(
                matches!(offer(late), Err(RosterError::OutOfSequence { found }) if found == late)
            );
        }
        assert!(offer(3).is_ok());
        assert_eq!(publication.batch(&mina.name()).map(KeyBatch::sequence), Some(3));
    }
}
