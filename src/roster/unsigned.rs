//! The next roster, before it is signed.

use bytes::Bytes;

use super::{
    Address, IdentityKey, NewsroomKey, ReviewerName, Role, Roster, RosterError, RosterReviewer,
    canonical,
    list::{Content, Format, LAPSES_AFTER_DAYS, Newsroom},
    sshsig,
};
use crate::clock::Day;

/// A roster that nobody has signed yet.
pub struct UnsignedRoster(pub(super) Content);

/// A roster's file and its signature's, as they lie in the publication.
pub type SignedRoster = (Vec<u8>, Vec<u8>);

/// Who signs a roster that follows one which announces the next newsroom key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignedBy {
    /// The next key: the change is made, and the present key signs no more.
    #[default]
    Next,
    /// The present key alone: the announcement is withdrawn.
    Present,
    /// Both again: the present key goes on, and the next one stays ready to take over.
    Both,
}

impl UnsignedRoster {
    /// Version 1 of a newsroom: nobody on it, no address.
    pub fn first(newsroom_name: &str, key: NewsroomKey, today: Day) -> Self {
        Self(Content {
            addresses: Vec::new(),
            format: Format::V1,
            issued: today,
            lapses: today.plus(LAPSES_AFTER_DAYS),
            newsroom: Newsroom { key, name: newsroom_name.to_owned() },
            next_newsroom_key: None,
            previous: None,
            reviewers: Vec::new(),
            version: 1,
        })
    }

    /// The version after `last`, with the same content, good from `today` on. An announced change
    /// of the newsroom key is made: what follows is signed by the new key.
    pub fn after(last: &Roster, today: Day) -> Self {
        Self::after_signed_by(last, today, SignedBy::Next)
    }

    /// The same, with a choice of what becomes of an announced key. Without one there is no choice.
    pub fn after_signed_by(last: &Roster, today: Day, by: SignedBy) -> Self {
        let mut content = last.content.clone();
        content.version = content.version.saturating_add(1);
        content.previous = Some(last.hash());
        content.issued = today;
        content.lapses = today.plus(LAPSES_AFTER_DAYS);
        if let Some(next) = content.next_newsroom_key.take() {
            match by {
                SignedBy::Next => content.newsroom.key = next,
                SignedBy::Present => {}
                SignedBy::Both => content.next_newsroom_key = Some(next),
            }
        }
        Self(content)
    }

    /// Reads bytes that [`to_bytes`](Self::to_bytes) gave and that have waited for a signature. What
    /// is in them holds only once they are in a chain that verifies.
    ///
    /// # Errors
    /// [`RosterError::NotCanonical`], [`RosterError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RosterError> {
        Ok(Self(parsed(bytes)?.content))
    }

    /// The roster's file: what has to be signed.
    ///
    /// # Errors
    /// If the content is not fit to be signed (two reviewers of one name, for instance).
    pub fn to_bytes(&self) -> Result<Vec<u8>, RosterError> {
        let bytes = canonical::to_bytes(&self.0);
        // what is signed is what every reader will take
        parsed(&bytes)?;
        Ok(bytes)
    }

    /// The keys that must sign, in the order in which the signatures lie in their file: the newsroom
    /// key, and the next one where it is announced.
    pub fn signers(&self) -> impl Iterator<Item = &NewsroomKey> {
        [Some(&self.0.newsroom.key), self.0.next_newsroom_key.as_ref()].into_iter().flatten()
    }

    /// Its number.
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// Those who would be on it.
    pub fn reviewers(&self) -> &[RosterReviewer] {
        &self.0.reviewers
    }

    /// Adds a reviewer, whose card's fingerprint was confirmed.
    #[must_use]
    pub fn with_reviewer(mut self, name: ReviewerName, identity: IdentityKey) -> Self {
        self.0.reviewers.push(RosterReviewer { identity, name, role: Role::Reviewer });
        self
    }

    /// Leaves a reviewer out from here on.
    ///
    /// # Errors
    /// [`RosterError::UnknownReviewer`].
    pub fn without_reviewer(mut self, name: &ReviewerName) -> Result<Self, RosterError> {
        let before = self.0.reviewers.len();
        self.0.reviewers.retain(|reviewer| reviewer.name != *name);
        if self.0.reviewers.len() == before {
            return Err(RosterError::UnknownReviewer(name.to_string()));
        }
        Ok(self)
    }

    /// Adds an address, or replaces the keys of a URL that is there.
    #[must_use]
    pub fn with_address(mut self, address: Address) -> Self {
        self.0.addresses.retain(|there| match (there, &address) {
            (Address::Url { url: old, .. }, Address::Url { url: new, .. }) => old != new,
            (there, new) => there != new,
        });
        self.0.addresses.push(address);
        self
    }

    /// Announces the key that may sign from the next version on.
    #[must_use]
    pub fn announcing(mut self, next: NewsroomKey) -> Self {
        self.0.next_newsroom_key = Some(next);
        self
    }

    /// Has it signed by everyone of [`signers`](Self::signers): `sign` is called with each key that
    /// is asked for and the bytes that it must sign.
    ///
    /// # Errors
    /// If the content is not fit to be signed, `sign` fails, or one of the keys is a hardware key,
    /// which does not sign here ([`RosterError::SignsOutside`]).
    pub fn sign_with<E: From<RosterError>>(
        self,
        mut sign: impl FnMut(&NewsroomKey, &[u8]) -> Result<[u8; 64], E>,
    ) -> Result<SignedRoster, E> {
        let bytes = self.to_bytes()?;
        let mut signatures = String::new();
        for key in self.signers() {
            let NewsroomKey::Ed25519(public) = key else {
                return Err(RosterError::SignsOutside(key.id()).into());
            };
            let signature = sign(key, &sshsig::signing_bytes(&bytes))?;
            signatures.push_str(&sshsig::armored(public, &signature));
        }
        Ok((bytes, signatures.into_bytes()))
    }
}

/// Reads a roster that has no signature yet.
fn parsed(bytes: &[u8]) -> Result<Roster, RosterError> {
    Roster::parse(Bytes::copy_from_slice(bytes), Bytes::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::testing::{Newsroom as Keys, Person, TODAY};

    fn first() -> UnsignedRoster {
        UnsignedRoster::first("The Border Post", Keys::new(1).key(), TODAY)
    }

    #[test]
    fn an_announced_key_takes_over_waits_or_is_dropped() {
        let [old, new] = [Keys::new(1).key(), Keys::new(2).key()];
        let announced = first().announcing(new.clone());
        let last = parsed(&announced.to_bytes().unwrap()).unwrap();
        let signers = |by| {
            let next = UnsignedRoster::after_signed_by(&last, TODAY, by);
            next.signers().cloned().collect::<Vec<_>>()
        };
        assert_eq!(signers(SignedBy::Next), std::slice::from_ref(&new));
        assert_eq!(signers(SignedBy::Present), std::slice::from_ref(&old));
        assert_eq!(signers(SignedBy::Both), [old, new]);
    }

    #[test]
    fn what_waits_is_read_as_it_was_written() {
        let roster = first().announcing(Keys::new(2).key());
        let bytes = roster.to_bytes().unwrap();
        let read = UnsignedRoster::parse(&bytes).unwrap();
        assert_eq!((read.version(), read.signers().count()), (1, 2));
        assert_eq!(read.to_bytes().unwrap(), bytes);
        assert!(UnsignedRoster::parse(&[&bytes[..], b"\n"].concat()).is_err());
    }

    #[test]
    fn a_hardware_key_does_not_sign_here() {
        let application = crate::roster::Application::new("ssh:").unwrap();
        let key = NewsroomKey::SkEd25519 { key: [7; 32], application };
        let roster = UnsignedRoster::first("The Border Post", key, TODAY);
        let signed = roster.sign_with(|_, _| Ok::<_, RosterError>([0; 64]));
        assert!(matches!(signed, Err(RosterError::SignsOutside(_))));
    }

    #[test]
    fn the_next_version_names_the_one_before() {
        let one = parsed(&first().to_bytes().unwrap()).unwrap();
        let two = parsed(&UnsignedRoster::after(&one, TODAY.plus(3)).to_bytes().unwrap()).unwrap();
        assert_eq!((two.version(), two.previous()), (2, Some(one.hash())));
        assert_eq!((two.issued(), two.lapses()), (TODAY.plus(3), TODAY.plus(93)));
        let gone = UnsignedRoster::after(&two, TODAY).without_reviewer(&Person::new("mina").name());
        assert!(matches!(gone.err(), Some(RosterError::UnknownReviewer(_))));
    }

    #[test]
    fn an_address_replaces_the_one_of_the_same_url() {
        let url = |url, key| Address::url(url, vec![[key; 32]]).unwrap();
        let roster = first()
            .with_address(url("https://a", 1))
            .with_address(url("https://b", 1))
            .with_address(url("https://a", 2));
        assert_eq!(roster.0.addresses, [url("https://b", 1), url("https://a", 2)]);
    }
}
