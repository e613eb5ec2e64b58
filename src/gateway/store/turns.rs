//! The day's turn: what it hides, and that it loses nothing, whenever it is interrupted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, atomic::AtomicBool},
};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::{
    FileStore, Finding, Options, Store, StoreError, Turned,
    faults::{Folder, files_under, is_served, overwrite},
    folders::file_name,
    openings::as_after_a_crash,
    suite::{Place, TODAY, put_some, read, test_envelope},
};
use crate::{
    clock::Day,
    random::{Entropy, SystemEntropy},
    tip::TipId,
};

const TOMORROW: Day = Day(TODAY.0 + 1);

fn marks(place: &Folder) -> Vec<String> {
    let mut marks: Vec<String> = fs::read_dir(place.path("store/items/turned"))
        .unwrap()
        .map(|name| name.unwrap().file_name().into_string().unwrap())
        .collect();
    marks.sort_unstable();
    marks
}

/// What a file system tells of the envelopes, each in the order in which they came.
struct Traces {
    birth: Vec<i128>,
    change: Vec<i128>,
    inode: Vec<i128>,
    first_in_log: Vec<i128>,
    last_in_log: Vec<i128>,
    /// of the names of one folder, for each folder: the arrivals, in the order of reading
    names: Vec<Vec<usize>>,
}

impl Traces {
    fn of(place: &Folder, ids: &[TipId]) -> Self {
        let stat = |id: &TipId| {
            let mask = StatxFlags::BTIME | StatxFlags::CTIME | StatxFlags::INO;
            statx(CWD, place.envelope(*id), AtFlags::empty(), mask).unwrap()
        };
        let nanoseconds = |time: rustix::fs::StatxTimestamp| {
            i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
        };
        let log: Vec<u8> = files_under(&place.path("store/index"))
            .iter()
            .filter(|file| file.ends_with("db"))
            .flat_map(|file| fs::read(file).unwrap())
            .collect();
        let places = places_in(&log, ids);
        let by_name: BTreeMap<String, usize> =
            ids.iter().map(|id| file_name(*id)).zip(0..).collect();
        let read_order = |shard: u8| {
            let folder = place.path("store/envelopes").join(format!("{shard:02x}"));
            fs::read_dir(folder)
                .unwrap()
                .map(|name| by_name[name.unwrap().file_name().to_str().unwrap()])
                .collect()
        };
        Self {
            birth: ids.iter().map(|id| nanoseconds(stat(id).stx_btime)).collect(),
            change: ids.iter().map(|id| nanoseconds(stat(id).stx_ctime)).collect(),
            inode: ids.iter().map(|id| stat(id).stx_ino.into()).collect(),
            first_in_log: places.iter().map(|(first, _)| *first).collect(),
            last_in_log: places.iter().map(|(_, last)| *last).collect(),
            names: (0..=u8::MAX).map(read_order).collect(),
        }
    }
}

/// The first and the last place of each id in the log. sled leaves out what the keys of a page
/// begin with, so their ends are looked for.
fn places_in(log: &[u8], ids: &[TipId]) -> Vec<(i128, i128)> {
    const END: usize = 12;
    let mut found: BTreeMap<&[u8], (i128, i128)> = BTreeMap::new();
    let wanted: BTreeSet<&[u8]> = ids.iter().map(|id| &id.0[16 - END..]).collect();
    for (window, at) in log.windows(END).zip(0..) {
        if wanted.contains(window) {
            found.entry(window).or_insert((at, at)).1 = at;
        }
    }
    ids.iter().map(|id| found[&id.0[16 - END..]]).collect()
}

/// Spearman's rank correlation of values with the order they stand in. Equal values, as a clock
/// with coarse ticks gives them, share the middle of their ranks.
#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn rho(values: &[i128]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = |value: &i128| {
        let below = sorted.partition_point(|other| other < value);
        let up_to = sorted.partition_point(|other| other <= value);
        (below + up_to - 1) as f64 / 2.0
    };
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let (mut both, mut of_ranks, mut of_order) = (0.0, 0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let (rank, order) = (rank(value) - middle, at as f64 - middle);
        both += rank * order;
        of_ranks += rank * rank;
        of_order += order * order;
    }
    if of_ranks == 0.0 { 0.0 } else { both / (of_ranks * of_order).sqrt() }
}

/// How much oftener a value is above the one before it than below, in standard deviations of what
/// chance gives.
#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn rises(values: &[i128]) -> f64 {
    let rises = values.windows(2).filter(|pair| pair[1] > pair[0]).count() as f64;
    let falls = values.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64;
    (rises - falls) / 2.0 / ((values.len() as f64 + 1.0) / 12.0).sqrt()
}

/// Kendall's S over the pairs within each list, in standard deviations of what chance gives.
#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn sigmas(lists: &[Vec<usize>]) -> f64 {
    let (mut sum, mut variance) = (0.0, 0.0);
    for list in lists {
        for (at, earlier) in list.iter().enumerate() {
            sum += list[at..].iter().map(|later| (later > earlier) as i32 as f64).sum::<f64>();
            sum -= list[at..].iter().map(|later| (later < earlier) as i32 as f64).sum::<f64>();
        }
        let n = list.len() as f64;
        variance += n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
    }
    sum / variance.sqrt()
}

/// An ext4 of its own, where inodes are numbered for this test alone; where that cannot be mounted,
/// a folder of the disk with the project on it. (A file system in memory tells other things.)
struct Disk {
    folder: tempfile::TempDir,
    is_mounted: bool,
}

impl Disk {
    fn new() -> Self {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        let folder = tempfile::tempdir_in(target).unwrap();
        let image = folder.path().join("image");
        fs::File::create(&image).unwrap().set_len(1 << 29).unwrap();
        fs::create_dir(folder.path().join("disk")).unwrap();
        let run = |command: &mut Command| command.output().is_ok_and(|out| out.status.success());
        let is_mounted = run(Command::new("mkfs.ext4").arg("-q").arg(&image))
            && run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(Self::at(&folder)));
        Self { folder, is_mounted }
    }

    fn at(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("disk")
    }

    fn path(&self) -> PathBuf {
        Self::at(&self.folder)
    }

    fn is_own(&self) -> bool {
        self.is_mounted
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = Command::new("umount").arg(self.path()).status();
        }
    }
}

#[tokio::test]
async fn after_the_turn_nothing_tells_the_order_of_arrival() {
    const TIPS: usize = 1_000;
    let disk = Disk::new();
    let place = Folder(tempfile::tempdir_in(disk.path()).unwrap());
    let store = place.open();
    let mut ids = Vec::new();
    for n in 0..TIPS {
        let seed = u8::try_from(n % 251).unwrap();
        ids.push(store.put(test_envelope(0, seed), TODAY).await.unwrap());
    }
    drop(store);
    let before = Traces::of(&place, &ids);
    let traces = |traces: &Traces| {
        [
            ("birth time", rho(&traces.birth), rises(&traces.birth)),
            ("change time", rho(&traces.change), rises(&traces.change)),
            ("first place in the index", rho(&traces.first_in_log), rises(&traces.first_in_log)),
            ("inode", rho(&traces.inode), rises(&traces.inode)),
            ("last place in the index", rho(&traces.last_in_log), rises(&traces.last_in_log)),
        ]
    };
    println!("before: {:?}, names {:.1} sigma", traces(&before), sigmas(&before.names));
    for (what, rho, rises) in &traces(&before)[..4] {
        let tells = *rho > 0.9 || (*what == "inode" && !disk.is_own());
        assert!(tells, "control: before the turn, the {what} tells it ({rho}, {rises} sigma)");
    }

    let store = place.open();
    let turned = store.turn(TOMORROW).await.unwrap();
    assert_eq!(turned, Turned { rewritten: TIPS as u64, postponed: 0 });
    assert_eq!(store.verify(&|_, _| {}).await.unwrap(), [""; 0]);
    drop(store);
    let after = Traces::of(&place, &ids);
    println!("after: {:?}, names {:.1} sigma", traces(&after), sigmas(&after.names));
    // of random order, rho has a deviation of 1/sqrt(n - 1)
    let bound = 5.0 / (TIPS as f64 - 1.0).sqrt();
    for (what, rho, rises) in traces(&after) {
        let tells = rho.abs() > bound || rises.abs() > 5.0;
        assert!(!tells, "after the turn, the {what} tells the order ({rho}, {rises} sigma)");
    }
    assert!(sigmas(&after.names).abs() < 5.0);
    for seen in [rejoined(&before, &after, &after.birth), rejoined(&before, &after, &after.change)]
    {
        assert!(seen.abs() < bound, "inodes that were used again tell the order ({seen})");
    }
    let times = |id: &TipId| {
        let file = fs::metadata(place.envelope(*id)).unwrap();
        (file.mtime(), file.mtime_nsec(), file.atime())
    };
    let day = TODAY.start().0;
    assert!(ids.iter().all(|id| times(id) == (day, 0, day)));
}

/// What somebody sees who knows each inode's old rank and believes that each file, in the order of
/// `times`, took the inode that the one before it had left: the strongest correlation of that with
/// the truth, over some steps.
fn rejoined(before: &Traces, after: &Traces, times: &[i128]) -> f64 {
    let old_rank: BTreeMap<i128, i128> = before.inode.iter().copied().zip(0..).collect();
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|at| times[*at]);
    let mut strongest = 0.0_f64;
    for step in 1..4 {
        let mut guesses: Vec<(usize, i128)> = order
            .windows(step + 1)
            .filter_map(|w| Some((w[0], *old_rank.get(&after.inode[w[step]])?)))
            .collect();
        guesses.sort_unstable();
        let guessed: Vec<i128> = guesses.into_iter().map(|(_, rank)| rank).collect();
        // a few give nothing away and chance gives them any correlation
        if guessed.len() > 50 && rho(&guessed).abs() > strongest.abs() {
            strongest = rho(&guessed);
        }
    }
    strongest
}

#[tokio::test]
async fn no_copy_takes_the_inode_of_an_original() {
    let disk = Disk::new();
    let place = Folder(tempfile::tempdir_in(disk.path()).unwrap());
    let store = place.open();
    let ids = put_some(&store, 60).await;
    let inodes = || -> BTreeSet<u64> {
        ids.iter().map(|id| fs::metadata(place.envelope(*id)).unwrap().ino()).collect()
    };
    let before = inodes();
    store.turn(TOMORROW).await.unwrap();
    assert!(before.is_disjoint(&inodes()));
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
