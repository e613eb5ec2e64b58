//! What every store must do: one test-suite for any implementation of [`Store`].
//!
//! An implementation writes a [`Place`] and calls `store_suite!`.

use std::{
    io::{self, Cursor},
    sync::atomic::{AtomicU64, Ordering},
};

use ring::digest::{SHA256, digest};

use super::{Entry, Health, ItemKind, Store, StoreError, StoredBody};
use crate::{
    clean::Limits,
    clock::{Day, Epoch},
    random::{Entropy, SystemEntropy},
    recipient::Recipient,
    seal::{Envelope, Recipients},
    secret::SecretText,
    tip::{Content, Language, RawTip, SizeClass, TipId, Uncleanable},
};

/// Somewhere empty to keep a store, which can be opened again and again.
pub(super) trait Place {
    type Store: Store;

    fn new() -> Self;
    fn open(&self) -> Self::Store;

    /// Takes away, of a store that is not open, what it makes anew; leaves what a crash leaves.
    fn lose_what_can_be_made_anew(&self) {}

    /// Remembers an envelope that is stored; what it gives brings it back as it was, to a store that
    /// is not open: a write that comes late, after the deletion.
    fn late_write(&self, _: TipId) -> Box<dyn FnOnce()> {
        Box::new(|| ())
    }

    /// What lies there of envelopes beside `stored`.
    fn leftovers(&self, _stored: &[TipId]) -> Vec<String> {
        Vec::new()
    }
}

pub(super) const TODAY: Day = Day(20_779);

/// An envelope of a size class; the same class and seed always give the same bytes.
pub(super) fn test_envelope(class: u8, seed: u8) -> Envelope {
    test_envelope_for(Epoch(2_968), class, seed)
}

fn test_envelope_for(epoch: Epoch, class: u8, seed: u8) -> Envelope {
    let entropy = Seeded { seed, asked: AtomicU64::new(0) };
    // as large as the class below, and so too large for it
    let below = class.checked_sub(1).and_then(SizeClass::from_index);
    let file = below.map(|class| vec![0u8; usize::try_from(class.bytes()).unwrap()]);
    let file = file.map(|file| Box::new(Cursor::new(file)) as Box<dyn Content>);
    let envelope = sealed(epoch, file.into_iter().collect(), &entropy);
    assert_eq!(envelope.class().index(), class);
    envelope
}

fn sealed(epoch: Epoch, files: Vec<Box<dyn Content>>, entropy: &dyn Entropy) -> Envelope {
    let tip = RawTip {
        message: SecretText::new("a tip".into()),
        language: Language::English,
        uncleanable: Uncleanable::SendOriginal,
        files,
    };
    let archive = tip.clean(&Limits::default()).unwrap().archive(entropy).unwrap();
    let to = Recipients::new(vec![Recipient::throw_away(entropy)]).unwrap();
    Envelope::seal(archive, epoch, &to, entropy)
}

/// Randomness that is the same each time.
struct Seeded {
    seed: u8,
    asked: AtomicU64,
}

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for part in out.chunks_mut(32) {
            let number = self.asked.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let block = digest(&SHA256, &[&[self.seed][..], &number].concat());
            part.copy_from_slice(&block.as_ref()[..part.len()]);
        }
    }
}

/// The bytes of [`test_envelope`]'s age file.
pub(super) fn age_file(class: u8, seed: u8) -> Vec<u8> {
    let mut envelope = test_envelope(class, seed);
    let mut bytes = Vec::new();
    while let Some(chunk) = envelope.next_chunk().unwrap() {
        bytes.extend(chunk);
    }
    bytes
}

pub(super) async fn read(mut body: StoredBody) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next_chunk().await? {
        assert!((1..=65_536).contains(&piece.len()));
        bytes.extend(piece);
    }
    assert_eq!(bytes.len() as u64, body.len());
    Ok(bytes)
}

pub(super) async fn put_some(store: &impl Store, count: u8) -> Vec<TipId> {
    let mut ids = Vec::new();
    for seed in 0..count {
        ids.push(store.put(test_envelope(0, seed), TODAY).await.unwrap());
    }
    ids
}

pub(super) async fn round_trip<P: Place>() {
    let place = P::new();
    let store = place.open();
    let id = store.put(test_envelope(3, 7), TODAY).await.unwrap();
    let expected = age_file(3, 7);
    let (entry, body) = store.get(id, None).await.unwrap();
    let class = SizeClass::from_index(3).unwrap();
    let bytes = expected.len() as u64;
    assert_eq!(entry, Entry { id, day: TODAY, epoch: Epoch(2_968), class, bytes });
    assert!(read(body).await.unwrap() == expected);
    assert_eq!(store.list(None, 10).await.unwrap(), [entry]);
}

pub(super) async fn ranges<P: Place>() {
    let place = P::new();
    let store = place.open();
    let id = store.put(test_envelope(2, 1), TODAY).await.unwrap();
    let whole = age_file(2, 1);
    let len = whole.len() as u64;
    let asked = [
        (0..1, 0..1),
        (65_535..65_537, 65_535..65_537),
        (1..70_000, 1..70_000),
        (len - 1..len, len - 1..len),
        (5..u64::MAX, 5..len),
        (len..len + 1, len..len),
        (u64::MAX..u64::MAX, len..len),
        (0..0, 0..0),
    ];
    for (range, clipped) in asked {
        let (entry, body) = store.get(id, Some(range.clone())).await.unwrap();
        assert_eq!((entry.bytes, body.len()), (len, clipped.end - clipped.start), "{range:?}");
        assert_eq!(body.sha256_of_whole(), digest(&SHA256, &whole).as_ref(), "{range:?}");
        let (start, end) = (clipped.start.try_into().unwrap(), clipped.end.try_into().unwrap());
        assert!(read(body).await.unwrap() == whole[start..end], "{range:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "what a client may ask for")]
    let (_, body) = store.get(id, Some(9..3)).await.unwrap();
    assert!(body.is_empty() && read(body).await.unwrap().is_empty());
}

pub(super) async fn what_is_not_there<P: Place>() {
    let place = P::new();
    let store = place.open();
    let nobody = TipId([3; 16]);
    assert!(matches!(store.get(nobody, None).await, Err(StoreError::NotFound)));
    assert!(matches!(store.delete(nobody).await, Err(StoreError::NotFound)));
    assert_eq!(store.list(None, 10).await.unwrap(), []);
    assert_eq!(store.items(ItemKind::Roster).await.unwrap(), []);
    let health = store.health().await.unwrap();
    assert!(matches!(
        health,
        Health { envelopes: 0, bytes: 0, room: 1.., missing: 0, highest_epoch: None, .. }
    ));
}

pub(super) async fn deleting_twice<P: Place>() {
    let place = P::new();
    let store = place.open();
    let ids = put_some(&store, 2).await;
    let (_, being_read) = store.get(ids[0], None).await.unwrap();
    store.delete(ids[0]).await.unwrap();
    store.delete(ids[0]).await.unwrap();
    assert!(read(being_read).await.unwrap() == age_file(0, 0), "a download goes on to its end");
    let (mut store, mut openings) = (store, 0);
    while openings < 2 {
        assert!(matches!(store.get(ids[0], None).await, Err(StoreError::NotFound)));
        let left = store.list(None, 10).await.unwrap();
        assert_eq!(left.iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[1]]);
        assert_eq!(store.health().await.unwrap().envelopes, 1);
        store.delete(ids[0]).await.unwrap();
        drop(store);
        store = place.open();
        openings += 1;
    }
}

pub(super) async fn paging<P: Place>() {
    let place = P::new();
    let store = place.open();
    let mut ids = put_some(&store, 25).await;
    ids.sort_unstable();
    for page_size in [1, 7, 25, 100] {
        let mut seen = Vec::new();
        loop {
            let page = store.list(seen.last().copied(), page_size).await.unwrap();
            assert!(page.len() <= page_size);
            if page.is_empty() {
                break;
            }
            seen.extend(page.iter().map(|entry| entry.id));
        }
        assert_eq!(seen, ids);
    }
    assert_eq!(store.list(None, 0).await.unwrap(), []);
    assert_eq!(store.list(Some(TipId([0xff; 16])), 9).await.unwrap(), []);
}

pub(super) async fn many_at_once<P: Place>() {
    let place = P::new();
    let store = place.open();
    let puts = (0..16).map(|seed| store.put(test_envelope(0, seed), TODAY));
    let ids = futures_util::future::join_all(puts).await;
    for (seed, id) in (0..16).zip(ids) {
        let (_, body) = store.get(id.unwrap(), None).await.unwrap();
        assert!(read(body).await.unwrap() == age_file(0, seed));
    }
    assert_eq!(store.list(None, 100).await.unwrap().len(), 16);
}

pub(super) async fn items<P: Place>() {
    let place = P::new();
    let store = place.open();
    store.put_item(ItemKind::Roster, "0002", b"two").await.unwrap();
    store.put_item(ItemKind::Roster, "0001", b"").await.unwrap();
    store.put_item(ItemKind::Roster, "0002", b"two").await.unwrap();
    store.put_item(ItemKind::NoticeMark, "0002", b"other").await.unwrap();
    let conflict = store.put_item(ItemKind::Roster, "0002", b"2").await;
    assert!(matches!(conflict, Err(StoreError::Conflict)));
    let bad = store.put_item(ItemKind::Roster, "../1", b"").await;
    assert!(matches!(bad, Err(StoreError::BadItem(_))));
    drop(store);
    let store = place.open();
    let rosters = [("0001".to_owned(), b"".to_vec()), ("0002".to_owned(), b"two".to_vec())];
    assert_eq!(store.items(ItemKind::Roster).await.unwrap(), rosters);
    let some = store.items_under(ItemKind::Roster, "0002").await.unwrap();
    assert_eq!(some, rosters[1..]);
    assert_eq!(store.items_under(ItemKind::Roster, "1").await.unwrap(), []);
    let marks = store.items(ItemKind::NoticeMark).await.unwrap();
    assert_eq!(marks, [("0002".to_owned(), b"other".to_vec())]);
}

/// An id in a key: 32 digits, of which the first two are those of `first`.
fn id_key(first: u8, rest: u8) -> String {
    format!("{first:02x}{}", format!("{rest:02x}").repeat(15))
}

pub(super) async fn many_items<P: Place>() {
    let place = P::new();
    let store = place.open();
    let mut all = Vec::new();
    for shard in [0, 7, 0xab, 0xff] {
        for (envelope, reviewer) in [(1, 1), (1, 2), (2, 1)] {
            let key = format!("{}.{}", id_key(shard, envelope), id_key(9, reviewer));
            store.put_item(ItemKind::Fetched, &key, &[shard, envelope, reviewer]).await.unwrap();
            all.push((key, vec![shard, envelope, reviewer]));
        }
    }
    store.put_item(ItemKind::Deletion, &all[0].0, b"another kind").await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.items(ItemKind::Fetched).await.unwrap(), all);
    for prefix in ["", "a", "ab", "abc", &id_key(0xab, 1), &all[4].0, "0", "00", "fe", "x", "AB"] {
        let expected: Vec<_> =
            all.iter().filter(|(key, _)| key.starts_with(prefix)).cloned().collect();
        let under = store.items_under(ItemKind::Fetched, prefix).await.unwrap();
        assert_eq!(under, expected, "{prefix}");
    }
    store.remove_item(ItemKind::Fetched, &all[0].0).await.unwrap();
    let left = store.items_under(ItemKind::Fetched, "00").await.unwrap();
    assert_eq!(left, all[1..3]);
    for kind in [ItemKind::Fetched, ItemKind::Deletion, ItemKind::Purge, ItemKind::Reply] {
        for wrong in ["1", &id_key(1, 1)[1..], &id_key(0xab, 1).to_uppercase(), "../ab/x"] {
            let bad = store.put_item(kind, wrong, b"").await;
            assert!(matches!(bad, Err(StoreError::BadItem(_))), "{wrong}");
            store.remove_item(kind, wrong).await.unwrap();
        }
    }
}

pub(super) async fn a_mailbox_only_grows<P: Place>() {
    let place = P::new();
    let store = place.open();
    let (mine, other) = (id_key(0xab, 1), id_key(0xab, 2));
    let reply = |mailbox: &str, number| format!("{mailbox}.{}", id_key(number, number));
    for (mailbox, number) in [(&mine, 2), (&other, 3), (&mine, 1)] {
        store.put_item(ItemKind::Reply, &reply(mailbox, number), &[number; 600]).await.unwrap();
    }
    // a reviewer whose connection broke asks again, and two may ask at once
    let (key, same) = (reply(&mine, 4), vec![4; 600]);
    let puts = (0..8).map(|_| store.put_item(ItemKind::Reply, &key, &same));
    for put in futures_util::future::join_all(puts).await {
        put.unwrap();
    }
    let changed = store.put_item(ItemKind::Reply, &key, &[5; 600]).await;
    assert!(matches!(changed, Err(StoreError::Conflict)), "what was written stays");
    drop(store);
    let store = place.open();
    let waiting = store.items_under(ItemKind::Reply, &format!("{mine}.")).await.unwrap();
    let expected = [1, 2, 4].map(|number| (reply(&mine, number), vec![number; 600]));
    assert_eq!(waiting, expected);
}

pub(super) async fn removing_items<P: Place>() {
    let place = P::new();
    let store = place.open();
    for key in ["1", "2"] {
        store.put_item(ItemKind::KeyBatch, key, b"keys").await.unwrap();
    }
    store.put_item(ItemKind::Epoch, "1", b"").await.unwrap();
    for _ in 0..2 {
        store.remove_item(ItemKind::KeyBatch, "1").await.unwrap();
    }
    store.remove_item(ItemKind::KeyBatch, "../epochs/1").await.unwrap();
    drop(store);
    let store = place.open();
    let left = store.items(ItemKind::KeyBatch).await.unwrap();
    assert_eq!(left, [("2".to_owned(), b"keys".to_vec())]);
    assert_eq!(store.items(ItemKind::Epoch).await.unwrap().len(), 1);
    store.put_item(ItemKind::KeyBatch, "1", b"others").await.unwrap();
}

pub(super) async fn the_highest_epoch<P: Place>() {
    let place = P::new();
    let store = place.open();
    let id = store.put(test_envelope(0, 1), TODAY).await.unwrap();
    assert_eq!(store.health().await.unwrap().highest_epoch, Some(Epoch(2_968)));
    store.put(test_envelope_for(Epoch(2_960), 0, 2), TODAY).await.unwrap();
    assert_eq!(store.health().await.unwrap().highest_epoch, Some(Epoch(2_968)));
    drop(store);
    let store = place.open();
    assert_eq!(store.health().await.unwrap().highest_epoch, Some(Epoch(2_968)));
    store.delete(id).await.unwrap();
    assert_eq!(store.health().await.unwrap().highest_epoch, Some(Epoch(2_968)));
}

pub(super) async fn conflicting_items_at_once<P: Place>() {
    let place = P::new();
    let store = place.open();
    let puts: Vec<_> = (0..8).map(|n| [n]).collect();
    let puts = puts.iter().map(|bytes| store.put_item(ItemKind::Roster, "1", bytes));
    let results = futures_util::future::join_all(puts).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

pub(super) async fn reopening<P: Place>() {
    let place = P::new();
    let store = place.open();
    put_some(&store, 5).await;
    let listed = store.list(None, 10).await.unwrap();
    let health = store.health().await.unwrap();
    drop(store);
    let store = place.open();
    assert_eq!(store.list(None, 10).await.unwrap(), listed);
    let again = store.health().await.unwrap();
    assert_eq!((again.envelopes, again.bytes), (health.envelopes, health.bytes));
    assert_eq!(again.envelopes, 5);
}

pub(super) async fn verifying_a_sound_store<P: Place>() {
    let place = P::new();
    let store = place.open();
    put_some(&store, 3).await;
    let told = std::sync::Mutex::new(Vec::new());
    let findings = store.verify(&|done, all| told.lock().unwrap().push((done, all))).await;
    assert_eq!(findings.unwrap(), [""; 0]);
    let (done, all) = *told.lock().unwrap().last().unwrap();
    assert!(done > 0 && done <= all);
}

pub(super) async fn abort_leaves_nothing<P: Place>() {
    let place = P::new();
    let store = place.open();
    // 16 MiB, dropped at many points of its way
    for naps in 0..12_u32 {
        let mut put = Box::pin(store.put(test_envelope(20, 1), TODAY));
        for _ in 0..naps {
            if futures_util::poll!(&mut put).is_ready() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
    nothing_is_left(&place, &store).await;
    // each is absent or, if the drop came too late, whole
    for entry in store.list(None, 100).await.unwrap() {
        let (_, body) = store.get(entry.id, None).await.unwrap();
        assert!(read(body).await.unwrap() == age_file(20, 1));
    }
    assert_eq!(store.verify(&|_, _| {}).await.unwrap(), [""; 0]);
}

/// Gives the threads that write until they have noticed that nobody waits for them, and no longer.
async fn nothing_is_left<P: Place>(place: &P, store: &P::Store) {
    let mut left = Vec::new();
    for _ in 0..2_000 {
        let stored = store.list(None, 100).await.unwrap();
        left = place.leftovers(&stored.iter().map(|entry| entry.id).collect::<Vec<_>>());
        if left.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(left, [""; 0], "still there");
}

pub(super) async fn what_is_deleted_stays_so<P: Place>() {
    let place = P::new();
    let store = place.open();
    let id = store.put(test_envelope(0, 1), TODAY).await.unwrap();
    let write_late = place.late_write(id);
    let (deleted, late) = tokio::join!(store.delete(id), store.put(test_envelope(0, 1), TODAY));
    deleted.unwrap();
    let late = late.unwrap();
    assert_ne!(late, id, "the same tip once more is another envelope");
    drop(store);
    write_late();
    let store = place.open();
    assert!(matches!(store.get(id, None).await, Err(StoreError::NotFound)));
    let left = store.list(None, 10).await.unwrap();
    assert_eq!(left.iter().map(|entry| entry.id).collect::<Vec<_>>(), [late]);
    assert_eq!(place.leftovers(&[late]), [""; 0]);
}

pub(super) async fn two_clones<P: Place>()
where
    P::Store: Clone,
{
    let place = P::new();
    let one = place.open();
    let other = one.clone();
    let (a, b) =
        tokio::join!(one.put(test_envelope(0, 1), TODAY), other.put(test_envelope(0, 2), TODAY));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(one.list(None, 10).await.unwrap(), other.list(None, 10).await.unwrap());
    let (_, body) = other.get(a, None).await.unwrap();
    assert!(read(body).await.unwrap() == age_file(0, 1));
    drop(one);
    other.delete(a).await.unwrap();
    let (_, body) = other.get(b, None).await.unwrap();
    assert!(read(body).await.unwrap() == age_file(0, 2));
    assert_eq!(other.health().await.unwrap().envelopes, 1);
}

pub(super) async fn paging_while_others_write<P: Place>() {
    let place = P::new();
    let store = place.open();
    let mut before = put_some(&store, 30).await;
    before.sort_unstable();
    let write = async {
        for seed in 0..40 {
            let id = store.put(test_envelope(0, seed), TODAY).await.unwrap();
            if seed % 2 == 0 {
                store.delete(id).await.unwrap();
            }
        }
    };
    let page = async {
        for _ in 0..10 {
            let mut seen: Vec<TipId> = Vec::new();
            loop {
                let page = store.list(seen.last().copied(), 7).await.unwrap();
                if page.is_empty() {
                    break;
                }
                seen.extend(page.iter().map(|entry| entry.id));
            }
            assert!(seen.is_sorted_by(|a, b| a < b), "each once, in order");
            assert!(before.iter().all(|id| seen.binary_search(id).is_ok()), "all of the old");
        }
    };
    tokio::join!(write, page);
    assert_eq!(store.list(None, 100).await.unwrap().len(), 50);
}

pub(super) async fn a_roster_is_not_rolled_back<P: Place>() {
    let place = P::new();
    let store = place.open();
    store.put_item(ItemKind::Roster, "0003", b"three").await.unwrap();
    // an earlier one may come later; the highest stays the highest, and as it was
    store.put_item(ItemKind::Roster, "0002", b"two").await.unwrap();
    let forged = store.put_item(ItemKind::Roster, "0003", b"3").await;
    assert!(matches!(forged, Err(StoreError::Conflict)));
    drop(store);
    let rosters = place.open().items(ItemKind::Roster).await.unwrap();
    assert_eq!(rosters.last(), Some(&("0003".to_owned(), b"three".to_vec())));
}

pub(super) async fn double_marks<P: Place>() {
    let place = P::new();
    let store = place.open();
    let mark = || store.put_item(ItemKind::NoticeMark, "2026-11-22T09", b"");
    let all = futures_util::future::join_all((0..8).map(|_| mark())).await;
    assert!(all.iter().all(Result::is_ok));
    drop(store);
    let store = place.open();
    store.put_item(ItemKind::NoticeMark, "2026-11-22T09", b"").await.unwrap();
    assert_eq!(store.items(ItemKind::NoticeMark).await.unwrap().len(), 1);
}

/// In a process of its own, because memory is counted by process.
pub(super) async fn half_a_gigabyte_in_little_memory<P: Place>() {
    const CHILD: &str = "SEALPOST_TEST_IN_A_PROCESS_OF_ITS_OWN";
    if std::env::var_os(CHILD).is_none() {
        let name = std::thread::current().name().unwrap().to_owned();
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let place = P::new();
    let store = place.open();
    let class = SizeClass::for_len(500_000_000).unwrap();
    let id = store.put(test_zeros(class), TODAY).await.unwrap();
    let (entry, mut body) = store.get(id, None).await.unwrap();
    let mut length = 0;
    while let Some(piece) = body.next_chunk().await.unwrap() {
        length += piece.len() as u64;
    }
    assert!(length == entry.bytes && length > 500_000_000);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    // with what the test program itself maps
    assert!(kib < 64_000, "{kib} KiB");
}

/// An envelope of a class, of zeros that are never in memory.
fn test_zeros(class: SizeClass) -> Envelope {
    struct Zeros {
        length: u64,
        at: u64,
    }
    impl io::Read for Zeros {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap();
            let length = buf.len().min(left);
            buf[..length].fill(0);
            self.at += length as u64;
            Ok(length)
        }
    }
    impl io::Seek for Zeros {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            let to = match to {
                io::SeekFrom::Start(to) => Some(to),
                io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
                io::SeekFrom::End(by) => self.length.checked_add_signed(by),
            };
            self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
            Ok(self.at)
        }
    }
    // room for the headers is part of every class
    let length = class.bytes() - (64 << 10);
    sealed(Epoch(2_968), vec![Box::new(Zeros { length, at: 0 })], &SystemEntropy::new())
}

pub(super) async fn turning_the_day<P: Place>() {
    let place = P::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    let tomorrow = store.put(test_envelope(0, 9), TODAY.plus(1)).await.unwrap();
    store.delete(ids[1]).await.unwrap();
    let listed = store.list(None, 10).await.unwrap();
    let (_, being_read) = store.get(ids[0], None).await.unwrap();
    for _ in 0..2 {
        let turned = store.turn(TODAY.plus(1)).await.unwrap();
        assert_eq!(turned.postponed, 0);
    }
    assert!(read(being_read).await.unwrap() == age_file(0, 0));
    let late = store.put(test_envelope(0, 10), TODAY).await.unwrap();
    store.turn(TODAY.plus(1)).await.unwrap();
    store.mend().await.unwrap();
    drop(store);
    let store = place.open();
    let now = store.list(None, 10).await.unwrap();
    assert!(listed.iter().all(|entry| now.contains(entry)));
    for (id, seed) in [(ids[0], 0), (ids[2], 2), (tomorrow, 9), (late, 10)] {
        let (_, body) = store.get(id, None).await.unwrap();
        assert!(read(body).await.unwrap() == age_file(0, seed));
    }
    assert!(matches!(store.get(ids[1], None).await, Err(StoreError::NotFound)));
    assert_eq!(now.len(), 4);
}

macro_rules! store_suite {
    ($place:ty: $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            crate::gateway::store::suite::$name::<$place>().await;
        }
    )*};
    ($place:ty) => {
        store_suite! { $place:
            round_trip ranges what_is_not_there deleting_twice paging many_at_once items
            removing_items the_highest_epoch conflicting_items_at_once reopening verifying_a_sound_store
            abort_leaves_nothing what_is_deleted_stays_so two_clones paging_while_others_write
            a_roster_is_not_rolled_back double_marks half_a_gigabyte_in_little_memory
            turning_the_day many_items a_mailbox_only_grows
        }
    };
}
pub(super) use store_suite;
