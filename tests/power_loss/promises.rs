//! What the recorded program was promised by the store, and whether a store keeps it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256};
use sealpost::{
    gateway::store::{FileStore, Finding, Options, Store as _},
    random::SystemEntropy,
    tip::TipId,
};

use super::workload::{KINDS, SAYS, content_of};

/// What was begun, and what of it was acknowledged.
#[derive(Clone, Default)]
pub(super) struct Promises {
    /// By the age file's SHA-256; the id once it is acknowledged.
    puts: BTreeMap<String, Option<String>>,
    /// By id; true once it is acknowledged.
    deletions: BTreeMap<String, bool>,
    items: BTreeMap<(usize, String), bool>,
    removals: BTreeMap<(usize, String), bool>,
}

impl Promises {
    /// What has been said before a line of the trace, beside what holds already.
    pub(super) fn before(&self, line: usize, said: &[(usize, String)]) -> Self {
        let mut promises = self.clone();
        for (_, text) in said.iter().filter(|(at, _)| *at < line) {
            for words in text.lines().filter_map(|line| Some(line.split_once(SAYS)?.1)) {
                promises.hear(&words.split(' ').collect::<Vec<_>>());
            }
        }
        promises
    }

    fn hear(&mut self, words: &[&str]) {
        let item = |kind: &str, key: &str| (kind.parse().unwrap(), key.to_owned());
        match words {
            ["put", sha256] => drop(self.puts.insert((*sha256).into(), None)),
            ["has", "put", sha256, id] => {
                self.puts.insert((*sha256).into(), Some((*id).into()));
            }
            ["delete", id] => drop(self.deletions.entry((*id).into()).or_default()),
            ["has", "deleted", id] => drop(self.deletions.insert((*id).into(), true)),
            ["add", kind, key] => drop(self.items.entry(item(kind, key)).or_default()),
            ["has", "added", kind, key] => drop(self.items.insert(item(kind, key), true)),
            ["remove", kind, key] => drop(self.removals.entry(item(kind, key)).or_default()),
            ["has", "removed", kind, key] => drop(self.removals.insert(item(kind, key), true)),
            _ => panic!("what does this mean? {words:?}"),
        }
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.puts.values().flatten().count()
    }

    /// Opens the store in `folder` as after a power loss and looks for all that was promised;
    /// `twice`: opens and verifies it once more.
    pub(super) async fn are_kept_in(&self, folder: &Path, twice: bool) -> Result<(), String> {
        let folder = folder.join("store");
        for (id, _) in self.deletions.iter().filter(|(_, acknowledged)| **acknowledged) {
            let file = folder.join("envelopes").join(&id[..2]).join(id);
            ensure(!file.exists(), || format!("the file of the deleted {id} is there"))?;
        }
        let sound = self.open(&folder).await?;
        drop(sound);
        if !twice {
            return Ok(());
        }
        // what was put right stays right, and is not told twice
        let (store, findings) = open(&folder)?;
        ensure(findings.is_empty(), || format!("at the second opening: {findings:?}"))?;
        let told = store.verify(&|_, _| {}).await.map_err(|error| error.to_string())?;
        ensure(told.is_empty(), || format!("verify: {told:?}"))
    }

    async fn open(&self, folder: &Path) -> Result<FileStore, String> {
        let (store, findings) = open(folder)?;
        let wrong = findings.iter().find(|finding| {
            !matches!(
                finding,
                Finding::Leftovers { .. }
                    | Finding::DeletionsFinished { .. }
                    | Finding::IndexAligned { .. }
                    | Finding::IndexRebuilt { .. }
            )
        });
        ensure(wrong.is_none(), || format!("it reports {wrong:?}"))?;
        self.envelopes(&store, folder).await?;
        self.items(&store).await?;
        let health = store.health().await.map_err(|error| error.to_string())?;
        ensure(health.missing == 0, || format!("{health:?}"))?;
        Ok(store)
    }

    async fn envelopes(&self, store: &FileStore, folder: &Path) -> Result<(), String> {
        let mut listed: Vec<TipId> = Vec::new();
        loop {
            let page = store.list(listed.last().copied(), 7).await.map_err(|e| e.to_string())?;
            if page.is_empty() {
                break;
            }
            listed.extend(page.iter().map(|entry| entry.id));
        }
        let mut there = BTreeMap::new();
        for id in listed {
            there.insert(name(id), sha256_at(store, id).await?);
        }
        for (id, sha256) in &there {
            let put = self.puts.get(sha256);
            ensure(put.is_some(), || format!("{id} was never put like this"))?;
        }
        let different: BTreeSet<_> = there.values().collect();
        ensure(different.len() == there.len(), || "one envelope under two ids".into())?;
        for (sha256, id) in &self.puts {
            let Some(id) = id else { continue };
            let kept = there.get(id) == Some(sha256) || self.deletions.contains_key(id);
            ensure(kept, || format!("{id} was acknowledged and is not there"))?;
        }
        for (id, acknowledged) in &self.deletions {
            if !acknowledged {
                continue;
            }
            ensure(!there.contains_key(id), || format!("the deleted {id} is listed"))?;
            let bytes = HEXLOWER.decode(id.as_bytes()).unwrap();
            let got = store.get(TipId(bytes.clone().try_into().unwrap()), None).await;
            ensure(got.is_err(), || format!("the deleted {id} is served"))?;
            // what keeps a late write away is there, too
            let again = store.delete(TipId(bytes.try_into().unwrap())).await;
            ensure(again.is_ok(), || format!("deleting {id} once more: {again:?}"))?;
        }
        let files = crate::newsroom::files_below(&folder.join("envelopes"));
        let on_disk: BTreeSet<_> =
            files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        let listed: BTreeSet<_> = there.keys().map(String::as_str).collect();
        ensure(on_disk == listed, || format!("files {on_disk:?}, listed {listed:?}"))
    }

    async fn items(&self, store: &FileStore) -> Result<(), String> {
        for (number, kind) in KINDS.into_iter().enumerate() {
            let items = store.items(kind).await.map_err(|error| error.to_string())?;
            for (key, content) in &items {
                let added = self.items.contains_key(&(number, key.clone()));
                let right = added && content == content_of(key).as_bytes();
                ensure(right, || format!("{kind:?} {key} was never added like this"))?;
            }
            let keys: BTreeSet<_> = items.into_iter().map(|(key, _)| key).collect();
            for ((_, key), acknowledged) in self.items.iter().filter(|(at, _)| at.0 == number) {
                let removal = self.removals.get(&(number, key.clone()));
                let is_there = keys.contains(key);
                let lost = *acknowledged && removal.is_none() && !is_there;
                ensure(!lost, || format!("{kind:?} {key} was acknowledged and is not there"))?;
                let is_back = removal == Some(&true) && is_there;
                ensure(!is_back, || format!("{kind:?} {key} was removed and is there"))?;
            }
        }
        Ok(())
    }
}

fn open(folder: &Path) -> Result<(FileStore, Vec<Finding>), String> {
    let entropy = Arc::new(SystemEntropy::new());
    FileStore::open(folder, entropy, Options::default())
        .map_err(|error| format!("it does not open: {error}"))
}

async fn sha256_at(store: &FileStore, id: TipId) -> Result<String, String> {
    let wrong = |error: &dyn std::error::Error| format!("{} is listed: {error}", name(id));
    let (_, mut body) = store.get(id, None).await.map_err(|error| wrong(&error))?;
    let mut sum = Context::new(&SHA256);
    while let Some(piece) = body.next_chunk().await.map_err(|error| wrong(&error))? {
        sum.update(&piece);
    }
    Ok(HEXLOWER.encode(sum.finish().as_ref()))
}

fn name(id: TipId) -> String {
    HEXLOWER.encode(&id.0)
}

fn ensure(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}
