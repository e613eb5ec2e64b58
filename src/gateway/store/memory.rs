//! A store of another kind under the suite: it keeps everything in memory, so nothing in the suite
//! can rely on files.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    ops::Range,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use ring::digest::{Context, SHA256};

use super::{
    Blocks, Entry, Health, ItemKind, Store, StoreError, StoredBody, Turned,
    file_store::{finished, lock},
    item,
    suite::{Place, store_suite},
};
use crate::{
    clock::{Day, Epoch},
    random::{SystemEntropy, bytes},
    seal::Envelope,
    tip::TipId,
};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    envelopes: BTreeMap<TipId, (Entry, Bytes, [u8; 32])>,
    deleted: BTreeSet<TipId>,
    items: BTreeMap<(ItemKind, String), Vec<u8>>,
    highest_epoch: Option<Epoch>,
}

impl Place for Memory {
    type Store = Self;

    fn new() -> Self {
        Self::default()
    }

    fn open(&self) -> Self {
        self.clone()
    }
}

store_suite! { Memory:
    round_trip ranges what_is_not_there deleting_twice paging many_at_once items many_items
    a_mailbox_only_grows removing_items the_highest_epoch conflicting_items_at_once reopening
    verifying_a_sound_store turning_the_day abort_leaves_nothing what_is_deleted_stays_so two_clones
    paging_while_others_write a_roster_is_not_rolled_back double_marks
}

struct Rest(Bytes);

impl Blocks for Rest {
    fn next_block(&mut self) -> io::Result<Bytes> {
        Ok(self.0.split_to(self.0.len().min(100_000)))
    }

    fn left(&self) -> u64 {
        self.0.len() as u64
    }
}

impl Store for Memory {
    async fn put(&self, mut envelope: Envelope, day: Day) -> Result<TipId, StoreError> {
        let (epoch, class) = (envelope.epoch(), envelope.class());
        let sealed = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            while let Some(chunk) = envelope.next_chunk()? {
                all.extend_from_slice(chunk);
            }
            Ok::<_, io::Error>(all)
        });
        let all = Bytes::from(sealed.await.map_err(io::Error::other)??);
        let mut sum = Context::new(&SHA256);
        sum.update(&all);
        let id = TipId(bytes(&SystemEntropy::new()));
        let entry = Entry { id, day, epoch, class, bytes: all.len() as u64 };
        let mut kept = lock(&self.0);
        kept.highest_epoch = kept.highest_epoch.max(Some(epoch));
        kept.envelopes.insert(id, (entry, all, finished(sum)));
        Ok(id)
    }

    async fn get(
        &self,
        id: TipId,
        range: Option<Range<u64>>,
    ) -> Result<(Entry, StoredBody), StoreError> {
        let kept = lock(&self.0);
        let (entry, all, sha256) = kept.envelopes.get(&id).ok_or(StoreError::NotFound)?;
        let clip = |at: u64| usize::try_from(at.min(entry.bytes)).unwrap();
        let (start, end) = range.map_or((0, all.len()), |r| (clip(r.start), clip(r.end)));
        let blocks = Rest(all.slice(start.min(end)..end));
        Ok((entry.clone(), StoredBody::new(blocks, *sha256, ())))
    }

    async fn holds(&self, id: TipId) -> Result<bool, StoreError> {
        Ok(lock(&self.0).envelopes.contains_key(&id))
    }

    async fn list(&self, after: Option<TipId>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let kept = lock(&self.0);
        let entries = kept.envelopes.values().map(|(entry, ..)| entry);
        Ok(entries.filter(|entry| Some(entry.id) > after).take(limit).cloned().collect())
    }

    async fn delete(&self, id: TipId) -> Result<(), StoreError> {
        let mut kept = lock(&self.0);
        if kept.envelopes.remove(&id).is_some() {
            kept.deleted.insert(id);
        }
        if kept.deleted.contains(&id) { Ok(()) } else { Err(StoreError::NotFound) }
    }

    async fn put_item(&self, kind: ItemKind, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        item::encode(kind.into(), key, bytes)?;
        let mut kept = lock(&self.0);
        let stored = kept.items.entry((kind, key.to_owned())).or_insert_with(|| bytes.to_vec());
        if *stored == bytes { Ok(()) } else { Err(StoreError::Conflict) }
    }

    async fn remove_item(&self, kind: ItemKind, key: &str) -> Result<(), StoreError> {
        lock(&self.0).items.remove(&(kind, key.to_owned()));
        Ok(())
    }

    async fn items(&self, kind: ItemKind) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.items_under(kind, "").await
    }

    async fn items_under(
        &self,
        kind: ItemKind,
        prefix: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let kept = lock(&self.0);
        let of_kind =
            kept.items.iter().filter(|((of, key), _)| *of == kind && key.starts_with(prefix));
        Ok(of_kind.map(|((_, key), bytes)| (key.clone(), bytes.clone())).collect())
    }

    async fn verify(
        &self,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Vec<String>, StoreError> {
        progress(1, 1);
        Ok(Vec::new())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let kept = lock(&self.0);
        let bytes = kept.envelopes.values().map(|(entry, ..)| entry.bytes).sum();
        Ok(Health {
            envelopes: kept.envelopes.len() as u64,
            bytes,
            room: u64::MAX,
            room_for_files: u64::MAX,
            missing: 0,
            highest_epoch: kept.highest_epoch,
        })
    }

    async fn turn(&self, _: Day) -> Result<Turned, StoreError> {
        Ok(Turned::default())
    }
}
