//! The day's turn loses nothing, whenever it is interrupted and whatever comes meanwhile.

use std::{
    fs,
    sync::{Arc, atomic::AtomicBool},
};

use super::{
    FileStore, Finding, Options, Store, StoreError, Turned,
    faults::{Folder, is_served, overwrite},
    openings::as_after_a_crash,
    suite::{Place, TODAY, put_some, read, test_envelope},
};
use crate::{
    clock::Day,
    random::{Entropy, SystemEntropy},
    tip::TipId,
};

pub(super) const TOMORROW: Day = Day(TODAY.0 + 1);

fn marks(place: &Folder) -> Vec<String> {
    let mut marks: Vec<String> = fs::read_dir(place.path("store/items/turned"))
        .unwrap()
        .map(|name| name.unwrap().file_name().into_string().unwrap())
        .collect();
    marks.sort_unstable();
    marks
}

/// Stops at the step of that number; gives how many there were.
fn stopping_at(stop: u32, steps: &mut u32) -> impl FnMut() -> std::io::Result<()> {
    move || {
        *steps += 1;
        if *steps == stop { Err(std::io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

async fn is_whole(store: &FileStore, ids: &[TipId]) -> bool {
    for (id, seed) in ids.iter().zip(0..) {
        if !is_served(store, *id, seed).await {
            return false;
        }
    }
    store.list(None, 1_000).await.unwrap().len() == ids.len()
}

#[tokio::test]
async fn a_crash_at_any_step_loses_nothing_and_the_turn_is_done_again() {
    const TIPS: u8 = 4;
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, TIPS).await;
    let mut crashed = Vec::new();
    let mut watch = || {
        crashed.push(as_after_a_crash(&place));
        Ok(())
    };
    let turned = store.0.turn(TOMORROW, &mut watch).unwrap();
    assert_eq!(turned.rewritten, u64::from(TIPS));
    // copies, renames, three for each folder, pages, the end
    assert!(crashed.len() >= 5 * usize::from(TIPS) + 2, "{} steps", crashed.len());
    assert_eq!(marks(&place), [TODAY.to_string()]);
    for (step, place) in crashed.iter().enumerate() {
        let (store, findings) = place.reopen();
        assert!(is_whole(&store, &ids).await, "step {step}");
        assert_eq!((place.count("store/tmp"), place.count("store/quarantine")), (0, 0));
        let expected = |f: &Finding| {
            matches!(f, Finding::Leftovers { .. } | Finding::IndexAligned { removed: 0, .. })
        };
        assert!(findings.iter().all(expected), "step {step}: {findings:?}");
        assert!(marks(place).is_empty());
        let turned = store.turn(TOMORROW).await.unwrap();
        assert_eq!(turned.rewritten, u64::from(TIPS), "step {step}");
        assert!(is_whole(&store, &ids).await, "step {step}");
        assert_eq!(store.verify(&|_, _| {}).await.unwrap(), [""; 0]);
        assert_eq!(marks(place), [TODAY.to_string()]);
        assert_eq!(place.count("store/tmp"), 0);
    }
}

#[tokio::test]
async fn a_turn_that_is_stopped_leaves_nothing_behind() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    for stop in 1.. {
        let mut steps = 0;
        let stopped = store.0.turn(TOMORROW, &mut stopping_at(stop, &mut steps)).is_err();
        assert_eq!(place.count("store/tmp"), 0, "stopped at {stop}");
        assert_eq!(fs::read_dir(place.path("store/tmp")).unwrap().count(), 0, "stopped at {stop}");
        assert!(is_whole(&store, &ids).await, "stopped at {stop}");
        assert_eq!(marks(&place).is_empty(), stopped);
        if !stopped {
            break;
        }
    }
    assert_eq!(store.verify(&|_, _| {}).await.unwrap(), [""; 0]);
}

/// Randomness that puts all envelopes into one folder.
struct OneShard(SystemEntropy);

impl Entropy for OneShard {
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out);
        if let [first, rest @ ..] = out
            && rest.len() == 15
        {
            *first = 0x77;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_go_on_during_a_turn() {
    const TIPS: u8 = 40;
    let place = Folder::new();
    let entropy = Arc::new(OneShard(SystemEntropy::new()));
    let (store, _) = FileStore::open(&place.path("store"), entropy, Options::default()).unwrap();
    let ids = put_some(&store, TIPS).await;
    let (_, being_read) = store.get(ids[39], None).await.unwrap();
    let (mut step, mut put) = (0_usize, Vec::new());
    let mut meanwhile = || {
        step += 1;
        let seed = u8::try_from(100 + step).unwrap();
        let id = store.0.put(test_envelope(0, seed), TOMORROW, &AtomicBool::new(false)).unwrap();
        put.push((id, seed));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                if step % 2 == 0 && step / 2 < 38 {
                    store.delete(ids[step / 2]).await.unwrap();
                }
                assert!(is_served(&store, ids[38], 38).await);
                assert!(store.list(None, 1_000).await.unwrap().len() >= 40);
            });
        });
        Ok(())
    };
    store.0.turn(TOMORROW, &mut meanwhile).unwrap();
    assert!(read(being_read).await.is_ok());
    for (id, seed) in &put {
        assert!(is_served(&store, *id, *seed).await);
    }
    let deleted = (step / 2).min(37);
    assert!(deleted > 20, "{step} steps");
    assert_eq!(store.list(None, 1_000).await.unwrap().len(), 40 - deleted + put.len());
    for id in &ids[1..=deleted] {
        assert!(matches!(store.get(*id, None).await, Err(StoreError::NotFound)));
    }
    assert_eq!(store.verify(&|_, _| {}).await.unwrap(), [""; 0]);
    drop(store);
    assert_eq!(place.reopen().1, []);
}

#[tokio::test]
async fn what_comes_late_is_turned_later() {
    let place = Folder::new();
    let store = place.open();
    put_some(&store, 2).await;
    assert_eq!(store.turn(TOMORROW).await.unwrap().rewritten, 2);
    assert_eq!(store.turn(TOMORROW).await.unwrap(), Turned::default());
    store.put(test_envelope(0, 5), TOMORROW).await.unwrap();
    assert_eq!(marks(&place), [TODAY.to_string()]);

    // an upload over midnight
    store.put(test_envelope(0, 6), TODAY).await.unwrap();
    assert_eq!(marks(&place), [Day(TODAY.0 - 1).to_string()]);
    drop(store);
    let store = place.open();
    assert_eq!(store.turn(TOMORROW).await.unwrap().rewritten, 3);
    assert_eq!(marks(&place), [TODAY.to_string()]);

    // a clock that stands on the first day there is
    store.put(test_envelope(0, 7), Day(0)).await.unwrap();
    assert!(marks(&place).is_empty());
    assert_eq!(store.turn(TOMORROW).await.unwrap().rewritten, 4);
    assert_eq!(store.turn(TOMORROW.plus(1)).await.unwrap().rewritten, 1);
    assert_eq!(marks(&place), [TOMORROW.to_string()]);
}

#[tokio::test]
async fn what_comes_during_the_turn_of_its_day_is_turned_by_the_next() {
    let place = Folder::new();
    let store = place.open();
    put_some(&store, 3).await;
    let mut step = 0;
    let mut late = || {
        step += 1;
        if step == 6 {
            store.0.put(test_envelope(0, 9), TODAY, &AtomicBool::new(false)).unwrap();
        }
        Ok(())
    };
    store.0.turn(TOMORROW, &mut late).unwrap();
    assert_eq!(marks(&place), [Day(TODAY.0 - 1).to_string()]);
    assert_eq!(store.turn(TOMORROW).await.unwrap().rewritten, 4);
    assert_eq!(marks(&place), [TODAY.to_string()]);
}

#[tokio::test]
async fn without_room_the_turn_is_put_off() {
    let place = Folder::new();
    let ids = put_some(&place.open(), 2).await;
    let options = Options { reserve_bytes: u64::MAX, ..Options::default() };
    let (store, _) = place.open_with(options).unwrap();
    for _ in 0..2 {
        let turned = store.turn(TOMORROW).await.unwrap();
        assert_eq!(turned, Turned { rewritten: 0, postponed: 2 });
    }
    assert!(is_whole(&store, &ids).await);
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert!(findings.len() == 1 && findings[0].contains("no room"), "{findings:?}");
    assert!(marks(&place).is_empty());
    drop(store);
    assert_eq!(place.open().turn(TOMORROW).await.unwrap().rewritten, 2);
}

#[tokio::test]
async fn what_is_damaged_goes_to_quarantine_and_the_rest_is_turned() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 4).await;
    overwrite(&place.envelope(ids[0]), |bytes| bytes[9_000] ^= 1);
    // no hard link leads to a folder
    fs::create_dir(place.envelope(ids[1]).with_file_name("foreign")).unwrap();
    assert_eq!(store.turn(TOMORROW).await.unwrap().rewritten, 3);
    assert_eq!(store.health().await.unwrap().missing, 1);
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert!(findings.iter().any(|told| told.contains("body's checksum")), "{findings:?}");
    assert!(findings.iter().any(|told| told.contains("put in order")), "{findings:?}");
    assert_eq!(store.list(None, 10).await.unwrap().len(), 3);
    assert!(is_served(&store, ids[3], 3).await);
    assert_eq!(place.count("store/tmp"), 0);
}
