//! What has been seen before a start, as the store remembers it.

use std::collections::BTreeMap;

use super::batches::KeptBatches;
use crate::{
    clock::Epoch,
    gateway::{
        log::RosterRefusal,
        store::{ItemKind, Store, StoreError},
    },
    roster::Publication,
};

/// What the store remembers: it only grows.
#[derive(Clone, Default)]
pub struct Seen {
    pub(super) rosters: SeenRosters,
    /// The highest epoch that the clock has shown, or that an envelope was sealed for.
    pub(super) epoch: Option<Epoch>,
    /// The highest epoch that an item says was seen.
    pub(super) epoch_item: Option<Epoch>,
    pub(super) batches: KeptBatches,
}

impl Seen {
    /// From the items of kind [`ItemKind::Roster`] alone; what is no such item is left out, because
    /// the store checks its files itself.
    pub fn from_items(rosters: &[(String, Vec<u8>)]) -> Self {
        Self { rosters: SeenRosters::from_items(rosters), ..Self::default() }
    }

    /// All that `store` remembers.
    ///
    /// # Errors
    /// What the store says.
    pub async fn from_store(store: &impl Store) -> Result<Self, StoreError> {
        let rosters = store.items(ItemKind::Roster).await?;
        let epochs = store.items(ItemKind::Epoch).await?;
        let epoch_item = epochs.iter().filter_map(|(key, _)| key.parse().ok()).map(Epoch).max();
        Ok(Self {
            rosters: SeenRosters::from_items(&rosters),
            epoch: epoch_item.max(store.health().await?.highest_epoch),
            epoch_item,
            batches: KeptBatches::from_items(store.items(ItemKind::KeyBatch).await?),
        })
    }
}

/// The rosters that have been seen: version and SHA-256.
#[derive(Clone, Default)]
pub(super) struct SeenRosters(BTreeMap<u32, [u8; 32]>);

impl SeenRosters {
    fn from_items(items: &[(String, Vec<u8>)]) -> Self {
        let parse = |(key, hash): &(String, Vec<u8>)| {
            Some((key.parse().ok()?, hash.as_slice().try_into().ok()?))
        };
        Self(items.iter().filter_map(parse).collect())
    }

    /// The highest version seen, with its hash.
    pub(super) fn highest(&self) -> Option<(u32, [u8; 32])> {
        self.0.last_key_value().map(|(version, hash)| (*version, *hash))
    }

    pub(super) fn admit(
        &self,
        version: u32,
        hash_of: impl Fn(u32) -> Option<[u8; 32]>,
    ) -> Result<(), RosterRefusal> {
        if self.highest().is_some_and(|(highest, _)| version < highest) {
            return Err(RosterRefusal::Rollback);
        }
        let same = |(version, hash): (&u32, &[u8; 32])| hash_of(*version).as_ref() == Some(hash);
        if self.0.iter().all(same) { Ok(()) } else { Err(RosterRefusal::Fork) }
    }

    pub(super) fn see(&mut self, publication: &Publication) {
        let version = publication.roster().version();
        self.0.extend(publication.roster_hash(version).map(|hash| (version, hash)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_stays_seen() {
        let items =
            [("00000001", 1), ("00000002", 2)].map(|(key, byte)| (key.to_owned(), vec![byte; 32]));
        let seen = Seen::from_items(&items).rosters;
        let chain = |hashes: &'static [u8]| {
            move |version: u32| {
                let at = usize::try_from(version).ok()?.checked_sub(1)?;
                hashes.get(at).map(|byte| [*byte; 32])
            }
        };
        assert_eq!(seen.admit(2, chain(&[1, 2])), Ok(()));
        assert_eq!(seen.admit(3, chain(&[1, 2, 3])), Ok(()));
        assert_eq!(seen.admit(1, chain(&[1])), Err(RosterRefusal::Rollback));
        assert_eq!(seen.admit(3, chain(&[1, 9, 3])), Err(RosterRefusal::Fork));
        assert_eq!(seen.admit(2, chain(&[1, 9])), Err(RosterRefusal::Fork));
        assert_eq!(SeenRosters::default().admit(1, chain(&[7])), Ok(()));
    }
}
