//! Opening a store after a clean stop, after a crash, and when something is amiss; mending while
//! it serves.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ring::digest::{SHA256, digest};

use super::{
    FileStore, Finding, Opening, Options, Store, StoreError,
    clean::{CHECKED, Clean},
    faults::{Folder, is_served, overwrite},
    file_store::lock,
    folders::file_name,
    index::IndexError,
    new_index::Change,
    suite::{Place, TODAY, put_some, test_envelope},
    unreadable::Known,
};
use crate::tip::TipId;

/// What the disk holds at this moment, as a place of its own.
pub(super) fn as_after_a_crash(place: &Folder) -> Folder {
    let copy = Folder::new();
    let done =
        Command::new("cp").arg("-a").args([place.path("store"), copy.path("store")]).status();
    assert!(done.unwrap().success());
    copy
}

fn break_index(store: &FileStore) {
    store.0.with_index::<()>(|_| Err(IndexError::Damaged));
}

#[tokio::test]
async fn a_clean_stop_spares_the_next_opening_the_names() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 5).await;
    store.delete(ids[0]).await.unwrap();
    overwrite(&place.envelope(ids[1]), |bytes| bytes[90] ^= 1);
    assert!(matches!(store.get(ids[1], None).await, Err(StoreError::Damaged)));
    let (listed, health) = (store.list(None, 10).await.unwrap(), store.health().await.unwrap());
    assert!(!place.path("store/clean").exists());
    drop(store);
    assert!(place.path("store/clean").exists());

    let (store, findings) = place.reopen();
    assert_eq!((store.opening(), findings), (Opening::Clean, vec![]));
    assert!(!place.path("store/clean").exists());
    assert_eq!(store.list(None, 10).await.unwrap(), listed);
    let again = store.health().await.unwrap();
    assert_eq!((again.envelopes, again.bytes, again.missing), (3, health.bytes, 1));
    assert_eq!(again.highest_epoch, health.highest_epoch);
}

#[tokio::test]
async fn after_a_crash_names_are_compared() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 40).await;
    store.delete(ids[0]).await.unwrap();
    let crashed = as_after_a_crash(&place);
    // an intact header would be read if the index did not know the file
    let (again, _) = crashed.reopen();
    assert_eq!(again.opening(), Opening::Names);
    assert_eq!(again.list(None, 100).await.unwrap(), store.list(None, 100).await.unwrap());
    let healths = (again.health().await.unwrap(), store.health().await.unwrap());
    assert_eq!((healths.0.envelopes, healths.0.bytes), (healths.1.envelopes, healths.1.bytes));
}

#[tokio::test]
async fn what_was_touched_after_a_clean_stop_is_seen() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 4).await;
    drop(store);
    let touched = |touch: &dyn Fn()| {
        touch();
        let (store, findings) = place.reopen();
        assert_eq!(store.opening(), Opening::Names);
        findings
    };
    let shard = place.path("store/envelopes/77");
    let come_and_gone = touched(&|| {
        fs::write(shard.join("x"), b"").unwrap();
        fs::remove_file(shard.join("x")).unwrap();
    });
    assert_eq!(come_and_gone, []);
    let removed = touched(&|| fs::remove_file(place.envelope(ids[0])).unwrap());
    assert!(matches!(removed[..], [Finding::Lost { .. }]), "{removed:?}");
    place.open().delete(ids[0]).await.unwrap();
    let replaced = touched(&|| {
        fs::rename(place.path("store/quarantine"), place.path("aside")).unwrap();
        fs::create_dir(place.path("store/quarantine")).unwrap();
    });
    assert_eq!(replaced, []);
    let store = place.open();
    assert_eq!(store.opening(), Opening::Clean);
    assert_eq!(store.list(None, 10).await.unwrap().len(), 3);
    assert_eq!(store.health().await.unwrap().envelopes, 3);
}

/// Envelopes stored, missing, listed.
async fn numbers(store: &FileStore) -> (u64, u64, usize) {
    let health = store.health().await.unwrap();
    (health.envelopes, health.missing, store.list(None, 100).await.unwrap().len())
}

#[tokio::test]
async fn what_the_disk_has_lost_stays_listed_until_it_is_given_up() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 4).await;
    let bytes = store.health().await.unwrap().bytes;
    drop(store);
    let lost: Vec<_> = ids[..3].iter().map(|id| fs::read(place.envelope(*id)).unwrap()).collect();
    ids[..3].iter().for_each(|id| fs::remove_file(place.envelope(*id)).unwrap());
    for _ in 0..2 {
        let (store, findings) = place.reopen();
        assert_eq!(numbers(&store).await, (1, 3, 4));
        assert!(findings.iter().all(|told| matches!(told, Finding::Lost { .. })), "{findings:?}");
        assert_eq!(findings.len(), 3);
    }
    let store = place.open();
    // one comes back while serving, one before `verify`, one never
    fs::write(place.envelope(ids[0]), &lost[0]).unwrap();
    store.mend().await.unwrap();
    assert_eq!(numbers(&store).await, (2, 2, 4));
    fs::write(place.envelope(ids[1]), &lost[1]).unwrap();
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert!(findings[0].contains(&file_name(ids[2])) && findings[0].contains("was lost"));
    assert_eq!((findings.len(), numbers(&store).await), (2, (3, 0, 3)), "{findings:?}");
    assert_eq!(store.health().await.unwrap().bytes, bytes / 4 * 3);
}

#[tokio::test]
async fn what_is_missing_can_be_deleted() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    drop(store);
    fs::remove_file(place.envelope(ids[0])).unwrap();
    overwrite(&place.envelope(ids[1]), |bytes| bytes[90] ^= 1);
    let store = place.open();
    assert!(store.get(ids[1], None).await.is_err());
    assert_eq!(numbers(&store).await, (1, 2, 2));
    for id in &ids[..2] {
        assert!(store.holds(*id).await.unwrap());
        store.delete(*id).await.unwrap();
        store.delete(*id).await.unwrap();
        assert!(!store.holds(*id).await.unwrap());
    }
    assert_eq!((numbers(&store).await, place.count("store/quarantine")), ((1, 0, 1), 0));
    // as after a crash between tombstone and unlinking
    fs::write(place.path("store/quarantine").join(file_name(ids[1])), b"damaged").unwrap();
    store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(store.health().await.unwrap().missing, 0);
    drop(store);
    fs::remove_file(place.path("store/clean")).unwrap();
    let store = place.open();
    assert_eq!((numbers(&store).await, place.count("store/quarantine")), ((1, 0, 1), 0));
}

/// Damages an envelope, and has it that nothing can be moved to quarantine.
fn damage_in_place(place: &Folder, id: TipId) {
    overwrite(&place.envelope(id), |bytes| bytes[90] ^= 1);
    fs::rename(place.path("store/quarantine"), place.path("quarantine")).unwrap();
    fs::write(place.path("store/quarantine"), b"").unwrap();
}

#[tokio::test]
async fn what_cannot_be_moved_to_quarantine_is_missing_and_told_once() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    let bytes = store.health().await.unwrap().bytes;
    damage_in_place(&place, ids[0]);
    for _ in 0..3 {
        assert!(matches!(store.get(ids[0], None).await, Err(StoreError::Damaged)));
        assert_eq!(numbers(&store).await, (3, 1, 3));
    }
    assert_eq!(store.health().await.unwrap().bytes, bytes);
    assert_eq!(store.findings().await.len(), 1);
    fs::remove_file(place.path("store/quarantine")).unwrap();
    fs::rename(place.path("quarantine"), place.path("store/quarantine")).unwrap();
    store.mend().await.unwrap();
    assert_eq!(numbers(&store).await, (2, 1, 2));
    assert_eq!(store.findings().await.len(), 1, "that it has been moved");
}

#[tokio::test]
async fn what_neither_index_nor_quarantine_has_is_missing() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 2).await;
    damage_in_place(&place, ids[0]);
    // as at an opening whose index lacks it
    store.0.change_index(Change::Remove(ids[0]));
    let bytes = store.health().await.unwrap().bytes / 2;
    lock(&store.0.ledger).forget(bytes);
    assert!(store.0.set_aside(ids[0], "a test", Known::No).unwrap().is_new);
    assert_eq!(numbers(&store).await, (1, 1, 1));
    fs::remove_file(place.path("store/quarantine")).unwrap();
    fs::rename(place.path("quarantine"), place.path("store/quarantine")).unwrap();
    store.mend().await.unwrap();
    assert_eq!((numbers(&store).await, place.count("store/quarantine")), ((1, 1, 1), 1));
    assert_eq!(store.health().await.unwrap().bytes, bytes);
}

#[test]
fn no_list_lacks_what_is_not_counted_as_missing() {
    let place = Folder::new();
    let store = place.open();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ids = runtime.block_on(put_some(&store, 12));
    runtime.block_on(store.turn(TODAY.plus(1))).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watched = scope.spawn(|| {
            let mut fewest = u64::MAX;
            while !done.load(Ordering::Relaxed) {
                let missing = || store.0.health().unwrap().missing;
                let before = missing();
                let listed = store.0.list(None, 100).unwrap().len() as u64;
                fewest = fewest.min(listed + before.max(missing()));
            }
            fewest
        });
        for id in &ids {
            store.0.quarantine_envelope(*id, "a test");
            // as if it had not been readable when the store was opened
            let again = place.path("store/quarantine").join(file_name(*id));
            lock(&store.0.unreadable).add(*id, Known::No);
            lock(&store.0.ledger).missing -= 1;
            fs::rename(again, place.envelope(*id)).unwrap();
            store.0.retry_unreadable();
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(watched.join().unwrap(), 12);
    });
}

#[test]
fn two_who_find_the_same_damage_count_it_once() {
    let place = Folder::new();
    let store = place.open();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for id in runtime.block_on(put_some(&store, 8)) {
        let start = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    store.0.quarantine_envelope(id, "a test");
                });
            }
        });
    }
    assert_eq!(runtime.block_on(numbers(&store)), (0, 8, 0));
    assert_eq!((place.count("store/quarantine"), lock(&store.0.findings).len()), (8, 8));
}

#[tokio::test]
async fn a_ghost_in_the_index_goes_when_its_deletion_is_repeated() {
    let place = Folder::new();
    let store = place.open();
    let id = put_some(&store, 1).await[0];
    let ghost = store.list(None, 1).await.unwrap().remove(0);
    store.delete(id).await.unwrap();
    store.0.change_index(Change::Put(ghost));
    store.delete(id).await.unwrap();
    assert_eq!(store.list(None, 1).await.unwrap(), []);
}

#[tokio::test]
async fn after_a_panic_upkeep_goes_on_and_no_stop_is_clean() {
    let place = Folder::new();
    let store = place.open();
    put_some(&store, 2).await;
    let panicked = store.blocking::<()>(|store| {
        let _one = store.upkeep.lock();
        panic!("a test")
    });
    // asked for, and given up
    let mut panicked = Box::pin(panicked);
    let _ = futures_util::poll!(&mut panicked);
    drop(panicked);
    while Arc::strong_count(&store.0) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(store.0.failed.load(Ordering::Relaxed));
    break_index(&store);
    store.mend().await.unwrap();
    assert!(store.0.with_index(|index| index.page(None, 1)).is_some());
    drop(store);
    assert!(!place.path("store/clean").exists());
}

#[test]
fn no_folder_is_made_anew_in_which_something_was() {
    let place = Folder::new();
    drop(place.open());
    for name in
        ["quarantine", "items", "items/rosters", "items/epochs", "items/tombstones/7f", "envelopes"]
    {
        let (folder, aside) = (place.path("store").join(name), place.path("aside"));
        fs::rename(&folder, &aside).unwrap();
        let refused = place.open_with(Options::default());
        assert!(matches!(refused, Err(StoreError::FolderMissing { .. })), "{name}");
        assert!(!folder.exists());
        fs::rename(&aside, &folder).unwrap();
    }
    // of a kind that a later version has added
    fs::remove_dir_all(place.path("store/items/replies")).unwrap();
    drop(place.open());
}

#[tokio::test]
async fn only_the_last_stop_counts() {
    let place = Folder::new();
    let clean = place.path("store/clean");
    let store = place.open();
    put_some(&store, 2).await;
    drop(store);
    let first = fs::read(&clean).unwrap();
    let index = place.path("first-index");
    let copied = Command::new("cp").arg("-a").args([&place.path("store/index"), &index]).status();
    assert!(copied.unwrap().success());
    put_some(&place.open(), 1).await;
    let second = fs::read(&clean).unwrap();

    let opened_with = |bytes: &[u8]| {
        fs::write(&clean, bytes).unwrap();
        let (store, findings) = place.reopen();
        assert!(!clean.exists());
        (store.opening(), findings)
    };
    assert_eq!(opened_with(&first), (Opening::Names, vec![]));
    let damaged = |at: usize| {
        let mut bytes = fs::read(&clean).unwrap();
        bytes[at] ^= 1;
        bytes
    };
    assert_eq!(opened_with(&damaged(17)).0, Opening::Names);
    let mut newer = damaged(9);
    newer.truncate(CHECKED);
    let sum = digest(&SHA256, &newer);
    newer.extend(sum.as_ref());
    assert_eq!(opened_with(&newer).0, Opening::Names);
    assert_eq!(opened_with(b"").0, Opening::Names);
    assert_ne!(second, fs::read(&clean).unwrap());

    // an older index is whole, too
    fs::remove_dir_all(place.path("store/index")).unwrap();
    fs::rename(&index, place.path("store/index")).unwrap();
    let (store, findings) = place.reopen();
    assert_eq!(findings, [Finding::IndexAligned { added: 1, removed: 0 }]);
    assert_eq!(store.list(None, 10).await.unwrap().len(), 3);
    drop(store);
    assert_eq!(place.open().opening(), Opening::Clean, "control");
}

#[tokio::test]
async fn after_a_failure_no_stop_is_clean() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 1).await;
    let (folder, aside) =
        (place.envelope(ids[0]).parent().unwrap().to_owned(), place.path("aside"));
    fs::rename(&folder, &aside).unwrap();
    assert!(matches!(store.delete(ids[0]).await, Err(StoreError::FolderMissing { .. })));
    fs::rename(&aside, &folder).unwrap();
    drop(store);
    assert!(!place.path("store/clean").exists());
    let store = place.open();
    break_index(&store);
    drop(store);
    assert!(!place.path("store/clean").exists());
    drop(place.open());
    assert!(place.path("store/clean").exists());
}

#[test]
fn the_clean_file_tells_no_time() {
    let place = Folder::new();
    drop(place.open());
    let clean = Clean::parse(&fs::read(place.path("store/clean")).unwrap()).unwrap();
    let none = Clean {
        envelopes: 0,
        bytes: 0,
        missing: 0,
        highest_epoch: None,
        folders: clean.folders,
        index: clean.index,
    };
    assert_eq!(clean, none, "all the rest is digests");
}

/// For the store, a file that the system does not give out: no link is followed.
fn make_unreadable(file: &Path, aside: &Path) {
    fs::rename(file, aside).unwrap();
    symlink(aside, file).unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_at_opening_is_missing_until_it_can() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    drop(store);
    fs::remove_dir_all(place.path("store/index")).unwrap();
    let (file, aside) = (place.envelope(ids[0]), place.path("aside"));
    make_unreadable(&file, &aside);

    let (store, findings) = place.reopen();
    assert!(matches!(findings[0], Finding::Unreadable { .. }), "{findings:?}");
    let health = store.health().await.unwrap();
    assert_eq!((health.envelopes, health.missing), (2, 1));
    assert_eq!(store.list(None, 10).await.unwrap().len(), 2);
    store.mend().await.unwrap();
    assert_eq!(store.health().await.unwrap().missing, 1);
    drop(store);
    assert!(!place.path("store/clean").exists(), "the next opening looks again");

    let store = place.open();
    assert_eq!(store.health().await.unwrap().missing, 1);
    fs::rename(&aside, &file).unwrap();
    store.mend().await.unwrap();
    let health = store.health().await.unwrap();
    assert_eq!((health.envelopes, health.missing), (3, 0));
    assert_eq!(store.list(None, 10).await.unwrap().len(), 3);
    assert!(is_served(&store, ids[0], 0).await);
}

#[tokio::test]
async fn what_cannot_be_read_while_serving_is_missing_until_verify_finds_it_gone() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    let (file, aside) = (place.envelope(ids[0]), place.path("aside"));
    make_unreadable(&file, &aside);
    for _ in 0..2 {
        assert!(matches!(store.get(ids[0], None).await, Err(StoreError::Io(_))));
        assert_eq!(store.health().await.unwrap().missing, 1);
    }
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert!(findings.iter().all(|told| told.contains(&file_name(ids[0]))), "{findings:?}");
    assert!(!findings.is_empty());
    fs::remove_file(&file).unwrap();
    store.mend().await.unwrap();
    assert_eq!(store.health().await.unwrap().missing, 1);
    store.verify(&|_, _| {}).await.unwrap();
    let health = store.health().await.unwrap();
    assert_eq!((health.envelopes, health.missing), (2, 0));
    assert_eq!(store.list(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_lies_in_quarantine_is_missing_until_it_is_put_back() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 2).await;
    let good = fs::read(place.envelope(ids[0])).unwrap();
    overwrite(&place.envelope(ids[0]), |bytes| bytes[90] ^= 1);
    assert!(store.get(ids[0], None).await.is_err());
    let crashed = as_after_a_crash(&place);
    let again = crashed.open();
    assert_eq!(again.health().await.unwrap().missing, 1);
    fs::write(crashed.envelope(ids[0]), good).unwrap();
    again.verify(&|_, _| {}).await.unwrap();
    let health = again.health().await.unwrap();
    assert_eq!((health.envelopes, health.missing), (2, 0));
    assert!(is_served(&again, ids[0], 0).await);
}

#[tokio::test]
async fn a_folder_taken_away_is_told_and_never_made_anew() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    let (folder, aside) =
        (place.envelope(ids[0]).parent().unwrap().to_owned(), place.path("aside"));
    fs::rename(&folder, &aside).unwrap();
    assert!(matches!(store.get(ids[0], None).await, Err(StoreError::Io(_))));
    assert_eq!(store.health().await.unwrap().missing, 1);
    assert!(matches!(store.delete(ids[0]).await, Err(StoreError::FolderMissing { .. })));
    assert!(store.verify(&|_, _| {}).await.is_err());
    assert!(store.turn(TODAY.plus(1)).await.is_ok(), "the others are turned");
    assert_eq!(store.health().await.unwrap().missing, 1);
    break_index(&store);
    assert!(store.list(None, 10).await.is_err());
    drop(store);
    let refused = place.open_with(Options::default()).err().unwrap();
    assert!(matches!(refused, StoreError::FolderMissing { .. }));
    assert!(!folder.exists());

    fs::rename(&aside, &folder).unwrap();
    let store = place.open();
    assert_eq!(store.health().await.unwrap().missing, 0);
    for (id, seed) in ids.iter().zip(0..) {
        assert!(is_served(&store, *id, seed).await);
    }
    // without the tombstones nobody knows what is deleted
    fs::rename(place.path("store/items/tombstones"), &aside).unwrap();
    assert!(matches!(store.get(ids[0], None).await, Err(StoreError::FolderMissing { .. })));
    fs::rename(&aside, place.path("store/items/tombstones")).unwrap();
    assert!(is_served(&store, ids[0], 0).await, "service resumes by itself");
}

#[test]
fn a_store_whose_making_was_interrupted_is_made() {
    let place = Folder::new();
    fs::create_dir_all(place.path("store/envelopes/00")).unwrap();
    fs::create_dir_all(place.path("store/tmp")).unwrap();
    fs::set_permissions(place.path("store"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(place.path("store/envelopes/00/x"), b"").unwrap();
    let refused = place.open_with(Options::default());
    assert!(matches!(refused, Err(StoreError::NotAStore { .. })));
    fs::remove_file(place.path("store/envelopes/00/x")).unwrap();
    place.open();
}

#[tokio::test]
async fn an_index_that_fails_while_serving_is_made_anew() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 20).await;
    break_index(&store);
    store.delete(ids[0]).await.unwrap();
    store.put(test_envelope(0, 99), TODAY).await.unwrap();
    let from_files = store.list(None, 100).await.unwrap();
    store.mend().await.unwrap();
    assert_eq!(store.0.with_index(|index| index.page(None, 100)).unwrap(), from_files);
    assert_eq!(from_files.len(), 20);
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[1].contains("has been made anew"));
    store.mend().await.unwrap();
    drop(store);
    assert_eq!(place.open().opening(), Opening::Clean);
    assert_eq!(place.count("store/tmp"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_an_index_is_made_is_not_lost() {
    for from_files in [false, true] {
        let place = Folder::new();
        let store = place.open();
        let ids = put_some(&store, 20).await;
        if from_files {
            break_index(&store);
        }
        let (mut steps, mut late) = (0_usize, Vec::new());
        store
            .0
            .new_index(&mut || {
                steps += 1;
                if steps < 4 {
                    let envelope = test_envelope(0, u8::try_from(100 + steps).unwrap());
                    let put = store.0.put(envelope, TODAY, &AtomicBool::new(false));
                    late.push(put.unwrap());
                    tokio::task::block_in_place(|| {
                        let runtime = tokio::runtime::Handle::current();
                        runtime.block_on(store.delete(ids[steps])).unwrap();
                    });
                }
                Ok(())
            })
            .unwrap();
        let listed = store.list(None, 100).await.unwrap();
        assert!(late.iter().all(|id| listed.iter().any(|entry| entry.id == *id)));
        let steps = steps.min(3);
        assert_eq!((listed.len(), late.len()), (20, steps));
        assert!(!listed.iter().any(|entry| ids[1..=steps].contains(&entry.id)));
        assert_eq!(store.verify(&|_, _| {}).await.unwrap().len(), usize::from(from_files));
    }
}
