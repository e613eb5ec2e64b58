//! The program whose system calls are recorded: this test program, run again with one of the
//! ignored tests below. It says on standard output what it begins and what has been acknowledged.

use std::{io::Write as _, path::PathBuf, sync::Arc};

use data_encoding::HEXLOWER;
use futures_util::future::join_all;
use sealpost::{
    gateway::store::{FileStore, ItemKind, Options, Store as _},
    random::SystemEntropy,
    tip::TipId,
};

use crate::envelopes::{TODAY, envelope, sha256_of};

/// Names the folder in which the store is.
pub(super) const FOLDER: &str = "SEALPOST_POWER_LOSS_FOLDER";
/// What each line begins with.
pub(super) const SAYS: &str = "power: ";
/// Every kind of item; they are said by their place in this list.
pub(super) const KINDS: [ItemKind; 9] = [
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

/// A size class of 4 MiB.
const LARGE: u8 = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "what the power-loss tests record"]
async fn a_new_store() {
    let store = open();
    // by themselves: a sync that many share would make all that went before durable, too
    put_at_once(&store, 70, &[0]).await;
    put_item(&store, 0, "alone").await;
    put_at_once(&store, 100, &[0; 32]).await;
    for kind in 0..KINDS.len() {
        put_item(&store, kind, "first").await;
    }
    let ids = put_at_once(&store, 16, &[0, LARGE, 1, 0]).await;
    join_all(ids[2..].iter().map(|id| delete(&store, *id))).await;
    delete(&store, ids[2]).await;
    put_item(&store, 0, "second").await;
    put_item(&store, 0, "second").await;
    remove_item(&store, 2, "first").await;
    drop(store);

    let store = open();
    let ids = put_at_once(&store, 140, &[0; 32]).await;
    // a tip, an item and a deletion at a time
    tokio::join!(
        put_at_once(&store, 36, &[0, 2]),
        put_item(&store, 7, "late"),
        delete(&store, ids[3]),
        delete(&store, ids[5]),
        remove_item(&store, 4, "first"),
    );
    // the past day's files are written anew while a tip of the new day comes in
    let tomorrow = TODAY.plus(1);
    let late = envelope(0, 90);
    say(&format!("put {}", sha256_of(envelope(0, 90))));
    let (turned, put) = tokio::join!(store.turn(tomorrow), store.put(late, tomorrow));
    turned.unwrap();
    let (sha256, id) = (sha256_of(envelope(0, 90)), put.unwrap());
    say(&format!("has put {sha256} {}", HEXLOWER.encode(&id.0)));
    put_item(&store, 5, "last").await;
    put_at_once(&store, 38, &[0]).await;
    // ends without closing the store, as after kill -9
    std::process::exit(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "what the power-loss tests record"]
async fn a_store_after_a_crash() {
    let store = open();
    // so few at once share no sync: what one thing makes durable, is its own
    put_at_once(&store, 71, &[0]).await;
    put_item(&store, 6, "alone").await;
    // what may be there already, and durable or not
    put_item(&store, 0, "second").await;
    put_item(&store, 3, "first").await;
    let there = store.list(None, 100).await.unwrap();
    for one in there.iter().take(2) {
        delete(&store, one.id).await;
    }
    put_at_once(&store, 50, &[0; 4]).await;
    put_item(&store, 1, "after").await;
    remove_item(&store, 1, "after").await;
    drop(store);
    let store = open();
    put_at_once(&store, 58, &[0, 1]).await;
    store.turn(TODAY.plus(2)).await.unwrap();
    put_item(&store, 1, "later").await;
    drop(store);
}

fn open() -> FileStore {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the power-loss tests set it"));
    let entropy = Arc::new(SystemEntropy::new());
    FileStore::open(&folder.join("store"), entropy, Options::default()).unwrap().0
}

/// One call writes the whole line.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{SAYS}{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

async fn put_at_once(store: &FileStore, first: u64, classes: &[u8]) -> Vec<TipId> {
    let puts = (first..).zip(classes).map(|(seed, class)| {
        let sha256 = sha256_of(envelope(*class, seed));
        let sealed = envelope(*class, seed);
        async move {
            say(&format!("put {sha256}"));
            let id = store.put(sealed, TODAY).await.unwrap();
            say(&format!("has put {sha256} {}", HEXLOWER.encode(&id.0)));
            id
        }
    });
    // all are sealed before the first is put
    join_all(puts.collect::<Vec<_>>()).await
}

async fn delete(store: &FileStore, id: TipId) {
    let name = HEXLOWER.encode(&id.0);
    say(&format!("delete {name}"));
    store.delete(id).await.unwrap();
    say(&format!("has deleted {name}"));
}

/// The key of a name: of kinds that can be many, each begins with an id.
fn key_of(name: &str) -> String {
    format!("{}.{name}", "5c".repeat(16))
}

async fn put_item(store: &FileStore, kind: usize, name: &str) {
    let key = &key_of(name);
    say(&format!("add {kind} {key}"));
    store.put_item(KINDS[kind], key, content_of(key).as_bytes()).await.unwrap();
    say(&format!("has added {kind} {key}"));
}

async fn remove_item(store: &FileStore, kind: usize, name: &str) {
    let key = &key_of(name);
    say(&format!("remove {kind} {key}"));
    store.remove_item(KINDS[kind], key).await.unwrap();
    say(&format!("has removed {kind} {key}"));
}

/// What the item of this key holds.
pub(super) fn content_of(key: &str) -> String {
    // more than one piece of a disk
    key.repeat(150)
}
