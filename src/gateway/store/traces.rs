//! What a file system tells of the order in which envelopes came: before a turn of the day, and
//! after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::{
    Store, Turned,
    faults::{Folder, files_under},
    folders::file_name,
    suite::{Place, TODAY, put_some, test_envelope},
    turns::TOMORROW,
};
use crate::tip::TipId;

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
        // without an index of its own, a folder gives its names in the order in which they came
        let made = run(Command::new("mkfs.ext4").args(["-q", "-O", "^dir_index"]).arg(&image));
        let mounted = made.and_then(|()| {
            run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(Self::at(&folder)))
        });
        if let Err(reason) = &mounted {
            assert!(std::env::var_os("CI").is_none(), "needed here: an ext4 in a loop: {reason}");
            println!("skipped: what needs an ext4 of its own, in a loop: {reason}");
        }
        Self { folder, is_mounted: mounted.is_ok() }
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

/// Runs a program; why it failed, in its words.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() { Ok(()) } else { Err(format!("{name}: {}", said.trim())) }
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

    let names = sigmas(&before.names);
    assert!(names > 5.0 || !disk.is_own(), "control: before the turn, the names tell it ({names})");

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
    let names = sigmas(&after.names);
    assert!(names.abs() < 5.0, "after the turn, the names tell the order ({names} sigma)");
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
