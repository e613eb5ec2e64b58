//! What an act of the operator changes, before anything is signed or written.

use super::{OperatorError, newsroom_secret::NewsroomSecret};
use crate::{
    random::Entropy,
    roster::{Address, AddressBook, Card, NewsroomKey, ReviewerName, UnsignedRoster},
    secret::SecretText,
};

/// The next roster with everything that goes with it.
pub struct Draft {
    pub(super) roster: UnsignedRoster,
    /// Sealing keys of the reviewers who come.
    pub(super) batches: Vec<(ReviewerName, Vec<u8>)>,
    pub(super) addresses: AddressBook,
    pub(super) new_key: Option<NewKey>,
}

/// A key that the newsroom did not have before.
pub enum NewKey {
    /// Made here: its file comes into the folder.
    Here {
        /// The key.
        secret: NewsroomSecret,
        /// Its file, under a passphrase or not.
        file: zeroize::Zeroizing<String>,
    },
    /// Made elsewhere, and kept there.
    Elsewhere(NewsroomKey),
}

impl NewKey {
    /// Makes a key whose file is protected by `passphrase`.
    pub fn generate(passphrase: Option<&SecretText>, entropy: &dyn Entropy) -> Self {
        let secret = NewsroomSecret::generate(entropy);
        let file = secret.to_openssh(passphrase, entropy);
        Self::Here { secret, file }
    }

    /// The public half.
    pub fn public(&self) -> NewsroomKey {
        match self {
            Self::Here { secret, .. } => secret.key(),
            Self::Elsewhere(key) => key.clone(),
        }
    }
}

impl Draft {
    pub(super) fn new(roster: UnsignedRoster, addresses: AddressBook) -> Self {
        Self { roster, batches: Vec::new(), addresses, new_key: None }
    }

    /// Adds the reviewers of these cards, whose fingerprints somebody confirms before it is signed.
    ///
    /// # Errors
    /// [`OperatorError::NameTaken`], [`OperatorError::KeyTaken`].
    pub fn add_reviewers(mut self, cards: &[Card]) -> Result<Self, OperatorError> {
        for card in cards {
            for there in self.roster.reviewers() {
                if there.name == *card.name() {
                    return Err(OperatorError::NameTaken(there.name.to_string()));
                }
                if there.identity == card.identity() {
                    let (name, taken) = (card.name().to_string(), there.name.to_string());
                    return Err(OperatorError::KeyTaken { name, taken });
                }
            }
            self.roster = self.roster.with_reviewer(card.name().clone(), card.identity());
            self.addresses.insert(card.name().clone(), card.mail().clone());
            self.batches.push((card.name().clone(), card.batch().to_vec()));
        }
        Ok(self)
    }

    /// Leaves a reviewer out, and forgets their mail address.
    ///
    /// # Errors
    /// If nobody of that name is on the roster.
    pub fn remove(mut self, name: &ReviewerName) -> Result<Self, OperatorError> {
        self.roster = self.roster.without_reviewer(name)?;
        self.addresses.remove(name);
        Ok(self)
    }

    /// Adds an address of the gateway, in place of an older one of the same URL.
    #[must_use]
    pub fn address(mut self, address: Address) -> Self {
        self.roster = self.roster.with_address(address);
        self
    }

    /// Announces a change of the newsroom key: this roster is signed by both, the next by the new one.
    #[must_use]
    pub fn change_key(mut self, next: NewKey) -> Self {
        self.roster = self.roster.announcing(next.public());
        self.new_key = Some(next);
        self
    }

    /// The keys that must sign and that were not made for this draft.
    pub fn known_signers(&self) -> impl Iterator<Item = &NewsroomKey> {
        let new = self.new_key.as_ref().map(NewKey::public);
        self.roster.signers().filter(move |key| Some(*key) != new.as_ref())
    }

    /// The private half of `key`: made for this draft, or among `unlocked`.
    pub(super) fn secret<'a>(
        &'a self,
        key: &NewsroomKey,
        unlocked: &'a [NewsroomSecret],
    ) -> Option<&'a NewsroomSecret> {
        let new = match &self.new_key {
            Some(NewKey::Here { secret, .. }) => Some(secret),
            _ => None,
        };
        unlocked.iter().chain(new).find(|secret| secret.key() == *key)
    }
}
