//! Invariant: damage is never served as if it were right, it is reported, and the rest is served.
//!
//! In each trial one file of a small store has a bit flipped, is cut short, made longer or has a
//! block zeroed; kinds of files take turns. Then the store is opened, everything in it is listed,
//! read and verified.
//!
//! `SEALPOST_DAMAGE_TRIALS` sets the number of trials, `SEALPOST_SEED` what is drawn.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use data_encoding::HEXLOWER;
use sealpost::{
    gateway::store::{FileStore, ItemKind, Options, Store as _, StoreError},
    random::SystemEntropy,
    tip::TipId,
};
use tokio::runtime::Runtime;

use crate::{
    envelopes::{Draw, TODAY, envelope, folder_in_memory, setting, sha256_of},
    newsroom::files_below,
};

const KINDS: [ItemKind; 9] = [
    ItemKind::Roster,
    ItemKind::NoticeMark,
    ItemKind::KeyBatch,
    ItemKind::Epoch,
    ItemKind::Fetched,
    ItemKind::Deletion,
    ItemKind::Purge,
    ItemKind::Reply,
    ItemKind::Day,
];
const KEYS: [&str; 2] =
    ["11111111111111111111111111111111.1", "22222222222222222222222222222222.2"];
/// Bytes before an envelope's age file.
const HEADER: usize = 128;

/// A store, and all that it should serve.
struct Whole {
    folder: tempfile::TempDir,
    envelopes: BTreeMap<TipId, String>,
    deleted: TipId,
}

/// What a damaged store serves and says.
struct Outcome {
    /// None of an envelope that is not handed out.
    envelopes: BTreeMap<TipId, Option<String>>,
    listed: BTreeSet<TipId>,
    items: BTreeMap<(usize, String), Vec<u8>>,
    is_deleted: bool,
    /// All findings and errors, each a line.
    told: Vec<String>,
}

#[test]
fn damage_is_reported_and_the_rest_is_served() {
    let trials = setting("SEALPOST_DAMAGE_TRIALS", 200);
    let seed = setting("SEALPOST_SEED", 1);
    let runtime = Runtime::new().unwrap();
    let whole = runtime.block_on(Whole::make());
    let kinds = whole.kinds();
    let names: Vec<&String> = kinds.keys().collect();
    let mut draw = Draw::new(seed);
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for (trial, kind) in (0..trials).zip(names.iter().cycle()) {
        let file = draw.one_of(&kinds[*kind]);
        let folder = folder_in_memory();
        let store = folder.path().join("store");
        copy(&whole.store(), &store);
        let how = spoil(&store.join(file), kind, &mut draw);
        let checked = whole.check(&runtime, &store, kind, file);
        let what = format!("seed {seed}, trial {trial}: {kind} {}, {how}", file.display());
        assert!(checked.is_ok(), "{what}: {}", checked.unwrap_err());
        *done.entry(kind).or_default() += 1;
    }
    eprintln!("damage: {trials} trials from seed {seed}: {done:?}");
}

impl Whole {
    async fn make() -> Self {
        let folder = folder_in_memory();
        let store = open(&folder.path().join("store")).unwrap().0;
        let mut envelopes = BTreeMap::new();
        for seed in 0..12 {
            let class = u8::from(seed == 5);
            let id = store.put(envelope(class, seed), TODAY).await.unwrap();
            envelopes.insert(id, sha256_of(envelope(class, seed)));
        }
        let deleted = *envelopes.keys().nth(4).unwrap();
        store.delete(deleted).await.unwrap();
        envelopes.remove(&deleted);
        for kind in KINDS {
            for key in KEYS {
                store.put_item(kind, key, content_of(key).as_bytes()).await.unwrap();
            }
        }
        store.turn(TODAY.plus(1)).await.unwrap();
        Self { folder, envelopes, deleted }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The files of the store, by kind; an envelope's header and body count as two.
    fn kinds(&self) -> BTreeMap<String, Vec<PathBuf>> {
        let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for path in files_below(&self.store()) {
            let file = path.strip_prefix(self.store()).unwrap().to_owned();
            let names: Vec<_> = file.iter().map(|name| name.to_str().unwrap()).collect();
            let of_file = match names[..] {
                ["envelopes", ..] => vec!["envelope header".to_owned(), "envelope body".to_owned()],
                ["items", kind, ..] => vec![format!("items/{kind}")],
                [top, ..] => vec![top.to_owned()],
                [] => vec![],
            };
            // nothing can be flipped in an empty file, and what a lock holds means nothing
            if fs::metadata(&path).unwrap().len() > 0 && names != ["lock"] {
                of_file
                    .into_iter()
                    .for_each(|kind| kinds.entry(kind).or_default().push(file.clone()));
            }
        }
        for files in kinds.values_mut() {
            files.sort();
        }
        kinds
    }

    fn check(
        &self,
        runtime: &Runtime,
        store: &Path,
        kind: &str,
        file: &Path,
    ) -> Result<(), String> {
        let before = content_of_all(store);
        let opened = open(store);
        if kind == "format" {
            let refused = opened.err().ok_or("opened")?;
            let right = matches!(refused, StoreError::NotAStore { .. } | StoreError::Newer { .. });
            return ensure(right && content_of_all(store) == before, || refused.to_string());
        }
        let (open_store, found) = opened.map_err(|error| error.to_string())?;
        let told = found.iter().map(ToString::to_string).collect();
        let outcome = runtime.block_on(self.ask(&open_store, told));
        drop(open_store);
        self.judge(outcome, kind, file)?;
        // what was put right stays right
        let open_store = open(store).map_err(|error| format!("opened again: {error}"))?.0;
        let outcome = runtime.block_on(self.ask(&open_store, Vec::new()));
        self.judge(Outcome { told: vec![name_of(file)], ..outcome }, kind, file)
            .map_err(|error| format!("opened again: {error}"))
    }

    /// Asks for everything.
    async fn ask(&self, store: &FileStore, mut told: Vec<String>) -> Outcome {
        let mut listed = BTreeSet::new();
        match store.list(None, 1_000).await {
            Ok(entries) => listed.extend(entries.into_iter().map(|entry| entry.id)),
            Err(error) => told.push(format!("list: {error}")),
        }
        let mut envelopes = BTreeMap::new();
        for id in self.envelopes.keys() {
            let got = read(store, *id).await;
            if let Err(error) = &got {
                told.push(format!("{}: {error}", HEXLOWER.encode(&id.0)));
            }
            envelopes.insert(*id, got.ok());
        }
        let is_deleted = matches!(store.get(self.deleted, None).await, Err(StoreError::NotFound));
        let mut items = BTreeMap::new();
        for (number, kind) in KINDS.into_iter().enumerate() {
            match store.items(kind).await {
                Ok(all) => items.extend(all.into_iter().map(|(key, it)| ((number, key), it))),
                Err(error) => told.push(format!("items: {error}")),
            }
        }
        match store.verify(&|_, _| {}).await {
            Ok(found) => told.extend(found),
            Err(error) => told.push(format!("verify: {error}")),
        }
        Outcome { envelopes, listed, items, is_deleted, told }
    }

    fn judge(&self, outcome: Outcome, kind: &str, file: &Path) -> Result<(), String> {
        let Outcome { envelopes, listed, items, is_deleted, told } = outcome;
        let name = name_of(file);
        let holds_truth = kind.starts_with("envelope") || kind.starts_with("items/");
        let is_told = told.iter().any(|line| line.contains(&name));
        ensure(!holds_truth || is_told, || format!("not reported: {told:?}"))?;
        for (id, sha256) in &self.envelopes {
            let is_damaged = kind.starts_with("envelope") && HEXLOWER.encode(&id.0) == name;
            let served = envelopes[id].as_ref();
            let right = if is_damaged { served.is_none() } else { served == Some(sha256) };
            ensure(right, || {
                format!("{} is served as {served:?}: {told:?}", HEXLOWER.encode(&id.0))
            })?;
            let is_listed = is_damaged || listed.contains(id);
            ensure(is_listed, || format!("{} is not listed: {told:?}", HEXLOWER.encode(&id.0)))?;
        }
        let known = listed.iter().all(|id| self.envelopes.contains_key(id));
        ensure(known, || format!("what is not there is listed: {told:?}"))?;
        ensure(is_deleted, || format!("a deleted envelope is back: {told:?}"))?;
        for (number, of_kind) in KINDS.into_iter().enumerate() {
            for key in KEYS {
                let served = items.get(&(number, key.to_owned()));
                let right = served.is_some_and(|bytes| bytes == content_of(key).as_bytes());
                let is_damaged = kind == folder_of(of_kind) && key == name;
                let absent = served.is_none();
                let as_it_should = if is_damaged { absent } else { right };
                ensure(as_it_should, || format!("{of_kind:?} {key}: {served:?}: {told:?}"))?;
            }
        }
        ensure(items.len() <= KINDS.len() * KEYS.len(), || "an item that was never added".into())
    }
}

/// Changes a file, and says how.
fn spoil(path: &Path, kind: &str, draw: &mut Draw) -> String {
    let before = fs::read(path).unwrap();
    let range = match kind {
        "envelope header" => 0..HEADER,
        "envelope body" => HEADER..before.len(),
        _ => 0..before.len(),
    };
    loop {
        let mut bytes = before.clone();
        let at = range.start + draw.below(range.len());
        let how = match draw.below(8) {
            0 => {
                bytes.truncate(at);
                format!("cut to {at}")
            }
            1 => {
                let more = 1 + draw.below(5_000);
                bytes.extend((0..more).map(|_| draw.next().to_be_bytes()[0]));
                format!("{more} bytes longer")
            }
            2 => {
                let to = range.end.min(at + 1 + draw.below(4_096));
                bytes[at..to].fill(0);
                format!("{at}..{to} zeroed")
            }
            _ => {
                let bit = draw.below(8);
                bytes[at] ^= 1_u8 << bit;
                format!("bit {bit} of {at} flipped")
            }
        };
        if bytes != before {
            fs::write(path, bytes).unwrap();
            return how;
        }
    }
}

fn open(folder: &Path) -> Result<(FileStore, Vec<sealpost::gateway::store::Finding>), StoreError> {
    FileStore::open(folder, Arc::new(SystemEntropy::new()), Options::default())
}

/// SHA-256 of an age file that is read whole.
async fn read(store: &FileStore, id: TipId) -> Result<String, String> {
    let (_, mut body) = store.get(id, None).await.map_err(|error| error.to_string())?;
    let mut sum = ring::digest::Context::new(&ring::digest::SHA256);
    while let Some(piece) = body.next_chunk().await.map_err(|error| error.to_string())? {
        sum.update(&piece);
    }
    Ok(HEXLOWER.encode(sum.finish().as_ref()))
}

fn content_of(key: &str) -> String {
    key.repeat(900)
}

/// The folder of a kind's items, as the store's map has it.
fn folder_of(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Roster => "items/rosters",
        ItemKind::NoticeMark => "items/notice-marks",
        ItemKind::KeyBatch => "items/key-batches",
        ItemKind::Epoch => "items/epochs",
        ItemKind::Fetched => "items/fetched",
        ItemKind::Deletion => "items/deletions",
        ItemKind::Purge => "items/purges",
        ItemKind::Reply => "items/replies",
        ItemKind::Day => "items/days",
    }
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap().to_str().unwrap().to_owned()
}

fn content_of_all(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files_below(folder).into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

fn copy(from: &Path, to: &Path) {
    DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).unwrap();
        }
    }
}

fn ensure(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}
