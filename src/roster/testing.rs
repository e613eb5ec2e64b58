//! People and newsrooms for tests: the private keys that this module otherwise never knows.

use std::collections::BTreeMap;

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::{
    IdentityKey, NewsroomId, NewsroomKey, ReviewerName, RosterError, UnsignedBatch, UnsignedCard,
    UnsignedRoster, UntrustedPublication, sshsig,
};
use crate::clock::{Day, Epoch};

/// 2026-11-22.
pub(crate) const TODAY: Day = Day(20_779);

fn pair(seed: [u8; 32]) -> (Ed25519KeyPair, [u8; 32]) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    (pair, public)
}

pub(crate) fn newsroom_id(seed: u8) -> NewsroomId {
    Newsroom::new(seed).id()
}

/// A reviewer, whose identity key comes from the name.
pub(crate) struct Person {
    name: ReviewerName,
    pair: Ed25519KeyPair,
    identity: IdentityKey,
}

impl Person {
    pub(crate) fn new(name: &str) -> Self {
        let mut seed = [0; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        let (pair, public) = pair(seed);
        Self { name: name.parse().unwrap(), pair, identity: IdentityKey(public) }
    }

    pub(crate) fn name(&self) -> ReviewerName {
        self.name.clone()
    }

    pub(crate) fn identity(&self) -> IdentityKey {
        self.identity
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.pair.sign(bytes).as_ref().try_into().unwrap()
    }

    /// A card's batch, without a sealing key in it.
    pub(crate) fn batch(&self) -> Vec<u8> {
        let batch = UnsignedBatch {
            newsroom: None,
            reviewer: self.name(),
            first_epoch: Epoch(2_968),
            sequence: 0,
            recipients: Vec::new(),
        };
        batch.sign_with(|bytes| self.sign(bytes))
    }

    pub(crate) fn card(&self) -> Vec<u8> {
        let mail = format!("{}@example.org", self.name).parse().ok().unwrap();
        let card = UnsignedCard::new(self.name(), self.identity, mail, &self.batch()).ok().unwrap();
        card.sign_with(|bytes| self.sign(bytes))
    }
}

/// A newsroom, whose key comes from a number.
pub(crate) struct Newsroom {
    pair: Ed25519KeyPair,
    key: NewsroomKey,
}

impl Newsroom {
    pub(crate) fn new(seed: u8) -> Self {
        let (pair, public) = pair([seed; 32]);
        Self { pair, key: NewsroomKey::Ed25519(public) }
    }

    pub(crate) fn key(&self) -> NewsroomKey {
        self.key.clone()
    }

    pub(crate) fn id(&self) -> NewsroomId {
        self.key.id()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.pair.sign(bytes).as_ref().try_into().unwrap()
    }

    /// Signs `roster` as it is, whatever it says.
    pub(crate) fn signature_file(&self, roster: &[u8]) -> Vec<u8> {
        let signature = self.sign(&sshsig::signing_bytes(roster));
        let public = self.pair.public_key().as_ref().try_into().unwrap();
        sshsig::armored(public, &signature).into_bytes()
    }

    /// Version 1, with nobody on it.
    pub(crate) fn publication(&self) -> UntrustedPublication {
        self.publication_named("The Border Post")
    }

    pub(crate) fn publication_named(&self, name: &str) -> UntrustedPublication {
        let first = UnsignedRoster::first(name, self.key(), TODAY);
        let signed = first.sign_with(|_, bytes| Ok::<_, RosterError>(self.sign(bytes))).unwrap();
        UntrustedPublication { rosters: vec![signed], batches: BTreeMap::new() }
    }

    /// Adds the next version.
    pub(crate) fn extend(
        &self,
        to: &mut UntrustedPublication,
        change: impl FnOnce(UnsignedRoster) -> UnsignedRoster,
    ) {
        self.extend_pinned(to, self.id(), change);
    }

    /// Adds the next version to a newsroom that began with another key.
    pub(crate) fn extend_pinned(
        &self,
        to: &mut UntrustedPublication,
        pin: NewsroomId,
        change: impl FnOnce(UnsignedRoster) -> UnsignedRoster,
    ) {
        let last = to.verify(pin).unwrap();
        let next = change(UnsignedRoster::after(last.roster(), TODAY));
        let signed = next.sign_with(|_, bytes| Ok::<_, RosterError>(self.sign(bytes)));
        to.rosters.push(signed.unwrap());
    }

    /// Signs a roster that announces `next`.
    pub(crate) fn sign_with_next(&self, roster: UnsignedRoster, next: &Self) -> (Vec<u8>, Vec<u8>) {
        let sign = |key: &NewsroomKey, bytes: &[u8]| {
            let signer = if *key == self.key { self } else { next };
            Ok::<_, RosterError>(signer.sign(bytes))
        };
        roster.sign_with(sign).unwrap()
    }
}
