//! From files to a publication: the only door.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    NewsroomId, NewsroomKey, Publication, Roster, RosterError, sshsig::UntrustedSignature,
};

/// The publication folder's files as bytes, unchecked.
#[derive(Clone, Default)]
pub struct UntrustedPublication {
    /// `roster/NNNN.json` and `roster/NNNN.sig`, from version 1 on.
    pub rosters: Vec<(Vec<u8>, Vec<u8>)>,
    /// `keys/<reviewer>.json` by the part of the name before `.json`.
    pub batches: BTreeMap<String, Vec<u8>>,
}

impl UntrustedPublication {
    /// The only door to a [`Publication`]: the chain from the pinned newsroom holds through every
    /// version, from 1 without a gap; each roster is canonical, signed by the key that the one
    /// before named, and names the hash of the one before. Batches of sealing keys are then taken
    /// one by one; a bad one is listed in [`Publication::refused`] and does not stop the others.
    ///
    /// Whether the roster has lapsed, or is older than one seen before, is for the caller to ask:
    /// [`Publication::has_lapsed`], [`Publication::must_continue`].
    pub fn verify(&self, pin: NewsroomId) -> Result<Publication, RosterError> {
        self.clone().verify_after(pin, None)
    }

    /// As [`verify`](Self::verify), without a copy of the files; what is the same to the byte in a publication that was `known`
    /// (a beginning of the chain, a batch of the same reviewer) is taken over without verifying it
    /// again. One of another newsroom helps with nothing.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_after(
        self,
        pin: NewsroomId,
        known: Option<&Publication>,
    ) -> Result<Publication, RosterError> {
        let known = known.filter(|known| known.newsroom() == pin);
        let mut same = known.into_iter().flat_map(Publication::shared_history);
        let mut rosters: Vec<Arc<Roster>> = Vec::with_capacity(self.rosters.len());
        for (version, (bytes, signatures)) in (1..).zip(self.rosters) {
            let is_same =
                |old: &&Arc<Roster>| *old.document() == bytes && *old.signature() == signatures;
            if let Some(old) = same.next().filter(is_same) {
                rosters.push(Arc::clone(old));
                continue;
            }
            // behind a difference nothing counts as known
            same.by_ref().for_each(drop);
            let next = match rosters.last() {
                None => first(bytes, signatures, pin),
                Some(last) => following(bytes, signatures, last),
            };
            rosters.push(Arc::new(next.map_err(|error| in_version(version, error))?));
        }
        let Some(current) = rosters.pop() else {
            return Err(RosterError::NoRoster);
        };
        let mut publication = Publication::new(pin, rosters, current);
        for (name, batch) in self.batches {
            publication.take_or_refuse(&name, batch.into(), known);
        }
        Ok(publication)
    }

    /// The newsroom that the first roster claims to be of. It is only a claim: for showing a
    /// publication to somebody who then compares the fingerprint.
    pub fn claimed_newsroom(&self) -> Result<NewsroomId, RosterError> {
        let (bytes, signatures) = self.rosters.first().ok_or(RosterError::NoRoster)?;
        let signers = signers(bytes, signatures).map_err(|error| in_version(1, error))?;
        Ok(signers.current.id())
    }
}

/// The whole publication is another newsroom's, or one of its rosters is bad.
fn in_version(version: u32, error: RosterError) -> RosterError {
    match error {
        RosterError::ForeignNewsroom { .. } => error,
        error => RosterError::Refused { version, error: Box::new(error) },
    }
}

fn first(bytes: Vec<u8>, signatures: Vec<u8>, pin: NewsroomId) -> Result<Roster, RosterError> {
    let signers = signers(&bytes, &signatures)?;
    let found = signers.current.id();
    if found != pin {
        return Err(RosterError::ForeignNewsroom { found, pinned: pin });
    }
    let roster = signed_roster(bytes, signatures, &signers)?;
    if roster.version() != 1 {
        return Err(RosterError::Gap { found: roster.version() });
    }
    Ok(roster)
}

fn following(bytes: Vec<u8>, signatures: Vec<u8>, last: &Roster) -> Result<Roster, RosterError> {
    let signers = signers(&bytes, &signatures)?;
    let may_sign = [Some(last.newsroom_key()), last.next_newsroom_key()];
    if !may_sign.contains(&Some(&signers.current)) {
        return Err(RosterError::ForeignKey { found: signers.current.id() });
    }
    let roster = signed_roster(bytes, signatures, &signers)?;
    if roster.version() != last.version().saturating_add(1) {
        return Err(RosterError::Gap { found: roster.version() });
    }
    if roster.previous() != Some(last.hash()) {
        return Err(RosterError::BrokenChain);
    }
    Ok(roster)
}

/// Who signed: the newsroom key, and the next one where a change is announced.
struct Signers {
    current: NewsroomKey,
    next: Option<NewsroomKey>,
}

/// Checks the signatures, before anything else of the roster is looked at.
fn signers(bytes: &[u8], signatures: &[u8]) -> Result<Signers, RosterError> {
    let signatures = UntrustedSignature::parse_file(signatures)?;
    let mut keys = signatures.iter().map(|signature| signature.verify(bytes).cloned());
    let current = keys.next().ok_or(RosterError::BadSignature)??;
    Ok(Signers { current, next: keys.next().transpose()? })
}

/// The roster, if it names exactly the keys that signed it.
fn signed_roster(
    bytes: Vec<u8>,
    signatures: Vec<u8>,
    signers: &Signers,
) -> Result<Roster, RosterError> {
    let roster = Roster::parse(bytes.into(), signatures.into())?;
    if *roster.newsroom_key() != signers.current {
        return Err(RosterError::ForeignKey { found: signers.current.id() });
    }
    if roster.next_newsroom_key() != signers.next.as_ref() {
        return Err(RosterError::NotSignedByBoth);
    }
    Ok(roster)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::{
        SignedBy, UnsignedRoster,
        testing::{Newsroom, Person, TODAY},
    };

    /// Three versions: nobody, mina, mina and jun.
    fn chain(newsroom: &Newsroom) -> UntrustedPublication {
        let [mina, jun] = [Person::new("mina"), Person::new("jun")];
        let mut publication = newsroom.publication();
        newsroom.extend(&mut publication, |next| next.with_reviewer(mina.name(), mina.identity()));
        newsroom.extend(&mut publication, |next| next.with_reviewer(jun.name(), jun.identity()));
        publication
    }

    fn refusal(publication: &UntrustedPublication, newsroom: &Newsroom) -> (u32, RosterError) {
        match publication.verify(newsroom.id()).unwrap_err() {
            RosterError::Refused { version, error } => (version, *error),
            error => (0, error),
        }
    }

    #[test]
    fn a_whole_chain_is_taken() {
        let newsroom = Newsroom::new(1);
        let publication = chain(&newsroom);
        assert_eq!(publication.claimed_newsroom().unwrap(), newsroom.id());
        let verified = publication.verify(newsroom.id()).unwrap();
        assert_eq!(verified.roster().version(), 3);
        assert_eq!(verified.roster().reviewers().len(), 2);
    }

    #[test]
    fn what_is_known_spares_work_and_lets_nothing_through() {
        let newsroom = Newsroom::new(1);
        let mut files = chain(&newsroom);
        let mina = Person::new("mina");
        files.batches.insert("mina".into(), mina.batch());
        let known = files.verify(newsroom.id()).unwrap();
        let next =
            |files: &UntrustedPublication| files.clone().verify_after(newsroom.id(), Some(&known));
        newsroom.extend(&mut files, |next| next);
        let later = next(&files).unwrap();
        assert_eq!(later.roster().version(), 4);
        let shares = |place| {
            let [a, b] = [&known, &later].map(|p| p.shared_history().nth(place).unwrap());
            Arc::ptr_eq(a, b)
        };
        assert!(shares(0) && shares(1) && shares(2));
        let [a, b] = [&known, &later].map(|p| p.shared_batch(&mina.name()).unwrap());
        assert!(Arc::ptr_eq(a, b));

        // every byte still counts
        for place in 0..4 {
            let mut forged = chain(&newsroom);
            newsroom.extend(&mut forged, |next| next);
            let digit = forged.rosters[place].0.len() - 2; // of the version
            forged.rosters[place].0[digit] ^= 1;
            assert!(next(&forged).is_err(), "{place}");
            let mut unsigned = chain(&newsroom);
            newsroom.extend(&mut unsigned, |next| next);
            unsigned.rosters[place].1.clear();
            assert!(next(&unsigned).is_err(), "{place}");
        }
        files.batches.get_mut("mina").unwrap().push(b' ');
        assert!(next(&files).unwrap().batch(&mina.name()).is_none());
        // another identity key of the same name
        let mut files = newsroom.publication();
        files.batches.insert("mina".into(), mina.batch());
        let other = Person::new("other").identity();
        newsroom.extend(&mut files, |next| next.with_reviewer(mina.name(), other));
        assert!(next(&files).unwrap().batch(&mina.name()).is_none());
        // another newsroom's
        let stranger = Newsroom::new(2);
        let strange = chain(&stranger);
        assert!(strange.clone().verify_after(newsroom.id(), Some(&known)).is_err());
        assert!(strange.verify_after(stranger.id(), Some(&known)).is_ok());
    }

    #[test]
    fn another_newsroom_is_refused() {
        let [newsroom, other] = [Newsroom::new(1), Newsroom::new(2)];
        let refused = refusal(&chain(&other), &newsroom);
        assert!(matches!(refused, (0, RosterError::ForeignNewsroom { .. })));
        let mut mixed = chain(&newsroom);
        mixed.rosters[2] = chain(&other).rosters.remove(2);
        assert!(matches!(refusal(&mixed, &newsroom), (3, RosterError::ForeignKey { .. })));
        let empty = UntrustedPublication { rosters: vec![], batches: BTreeMap::new() };
        assert!(matches!(refusal(&empty, &newsroom), (0, RosterError::NoRoster)));
    }

    #[test]
    fn a_gap_is_refused() {
        let newsroom = Newsroom::new(1);
        for (missing, version) in [(0, 1), (1, 2)] {
            let mut publication = chain(&newsroom);
            publication.rosters.remove(missing);
            let (found, error) = refusal(&publication, &newsroom);
            assert_eq!(found, version);
            assert!(matches!(error, RosterError::Gap { found } if found == version + 1));
        }
    }

    #[test]
    fn a_fork_is_refused() {
        let newsroom = Newsroom::new(1);
        let mut publication = chain(&newsroom);
        let eve = Person::new("eve");
        let mut fork = newsroom.publication();
        newsroom.extend(&mut fork, |next| next.with_reviewer(eve.name(), eve.identity()));
        publication.rosters[1] = fork.rosters.remove(1);
        assert!(matches!(refusal(&publication, &newsroom), (3, RosterError::BrokenChain)));
    }

    #[test]
    fn an_altered_or_unsigned_roster_is_refused() {
        let newsroom = Newsroom::new(1);
        for place in 0..3 {
            let mut publication = chain(&newsroom);
            let bytes = &mut publication.rosters[place].0;
            let digit = bytes.len() - 2; // of the version
            bytes[digit] ^= 1;
            let (version, error) = refusal(&publication, &newsroom);
            assert_eq!(version as usize, place + 1);
            assert!(matches!(error, RosterError::BadSignature));

            let mut publication = chain(&newsroom);
            publication.rosters[place].1.clear();
            assert!(matches!(
                refusal(&publication, &newsroom).1,
                RosterError::MalformedSignature(_)
            ));
        }
    }

    #[test]
    fn signed_bytes_that_are_not_canonical_are_refused() {
        let newsroom = Newsroom::new(1);
        let mut publication = chain(&newsroom);
        let (bytes, signature) = &mut publication.rosters[2];
        bytes.push(b'\n');
        *signature = newsroom.signature_file(bytes);
        assert!(matches!(refusal(&publication, &newsroom), (3, RosterError::NotCanonical { .. })));
    }

    #[test]
    fn the_newsroom_key_changes_when_both_keys_say_so() {
        let [old, new] = [Newsroom::new(1), Newsroom::new(2)];
        let mut publication = chain(&old);
        let last = publication.verify(old.id()).unwrap();
        let announcing = UnsignedRoster::after(last.roster(), TODAY).announcing(new.key());
        publication.rosters.push(old.sign_with_next(announcing, &new));
        let announced = publication.verify(old.id()).unwrap();
        assert_eq!(announced.roster().next_newsroom_key(), Some(&new.key()));

        new.extend_pinned(&mut publication, old.id(), |next| next);
        let changed = publication.verify(old.id()).unwrap();
        assert_eq!(changed.newsroom(), old.id(), "the newsroom keeps the name its first key gave");
        assert_eq!(changed.roster().newsroom_key(), &new.key());

        // from then on the old key counts for nothing
        let (bytes, signature) = publication.rosters.last_mut().unwrap();
        *signature = old.signature_file(bytes);
        assert!(matches!(refusal(&publication, &old), (5, RosterError::ForeignKey { .. })));
    }

    #[test]
    fn an_announced_key_can_stand_by() {
        let [first, spare] = [Newsroom::new(1), Newsroom::new(2)];
        let mut publication = chain(&first);
        let last = publication.verify(first.id()).unwrap();
        let announcing = UnsignedRoster::after(last.roster(), TODAY).announcing(spare.key());
        publication.rosters.push(first.sign_with_next(announcing, &spare));
        let next = |publication: &UntrustedPublication, by| {
            let last = publication.verify(first.id()).unwrap();
            UnsignedRoster::after_signed_by(last.roster(), TODAY, by)
        };
        // both again and again; then either goes on alone
        let both = next(&publication, SignedBy::Both);
        publication.rosters.push(first.sign_with_next(both, &spare));
        for by in [SignedBy::Present, SignedBy::Next] {
            let mut publication = UntrustedPublication {
                rosters: publication.rosters.clone(),
                batches: BTreeMap::new(),
            };
            let alone = next(&publication, by);
            publication.rosters.push(first.sign_with_next(alone, &spare));
            let taken = publication.verify(first.id()).unwrap();
            assert_eq!(taken.roster().next_newsroom_key(), None);
            let kept = taken.roster().newsroom_key().id() == first.id();
            assert_eq!(kept, by == SignedBy::Present);
        }
    }

    #[test]
    fn a_key_announced_without_its_own_signature_is_refused() {
        let [old, new] = [Newsroom::new(1), Newsroom::new(2)];
        let mut publication = chain(&old);
        let last = publication.verify(old.id()).unwrap();
        let announcing = UnsignedRoster::after(last.roster(), TODAY).announcing(new.key());
        let (bytes, _) = old.sign_with_next(announcing, &new);
        let alone = old.signature_file(&bytes);
        let backwards = [new.signature_file(&bytes), alone.clone()].concat();
        publication.rosters.push((bytes, alone));
        assert!(matches!(refusal(&publication, &old), (4, RosterError::NotSignedByBoth)));
        publication.rosters[3].1 = backwards;
        assert!(matches!(refusal(&publication, &old), (4, RosterError::ForeignKey { .. })));
    }
}
