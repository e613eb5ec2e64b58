//! Durable submissions: small envelopes put at the same time, beside bare files of the same length
//! made durable in the two ways there are, each file by itself or all by one `syncfs`.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Barrier},
    time::Instant,
};

use sealpost::{
    clean::Limits,
    clock::{Day, Epoch},
    gateway::store::{FileStore, Options, Store as _},
    random::SystemEntropy,
    recipient::Recipient,
    seal::{Envelope, Recipients},
    secret::SecretText,
    tip::{Content, Language, RawTip, Uncleanable},
};

use super::{Limit, beside, figure, median, seconds};

const TODAY: Day = Day(20_779);
/// Both sides take turns, so that both see the same weather.
const ROUNDS: usize = 7;

pub(crate) fn run() {
    for (at_once, each) in [(1, 60), (16, 16), (64, 16)] {
        let mut ours = Vec::new();
        let mut bare = (Vec::new(), Vec::new());
        let mut waits = Vec::new();
        // kept until the end: for a while after a deletion, a file system is slower at making files
        let mut folders = Vec::new();
        for _ in 0..ROUNDS {
            let mut folder = || {
                folders.push(folder());
                folders[folders.len() - 1].path().to_owned()
            };
            ours.push(puts(&folder(), at_once, each, &mut waits));
            bare.0.push(bare_files(&folder(), at_once, each));
            bare.1.push(bare_groups(&folder(), at_once, each));
        }
        let (ours, own, groups) = (median(ours), median(bare.0), median(bare.1));
        waits.sort_by(f64::total_cmp);
        let p99 = waits[waits.len() * 99 / 100] * 1e3;
        println!("  {at_once} at once");
        beside("bare files, each with its own fsyncs", own, "/s");
        beside("bare files, in groups with syncfs", groups, "/s");
        beside("envelopes put", ours, "/s");
        beside("p99 of a put", p99, "ms");
        let (what, ratio) = ("envelopes / the faster of the bare", ours / own.max(groups));
        if at_once == 64 {
            figure(what, ratio, "×", Limit::AtLeast(0.7));
        } else {
            beside(what, ratio, "×");
        }
    }
}

/// A folder on the disk that the project lies on; a temporary one may lie in memory.
pub(super) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub(super) fn open(folder: &Path) -> FileStore {
    let entropy = Arc::new(SystemEntropy::new());
    FileStore::open(&folder.join("store"), entropy, Options::default()).unwrap().0
}

/// An envelope of a tip, sealed to one reviewer as it is read.
pub(super) fn envelope(files: Vec<Box<dyn Content>>) -> Envelope {
    let entropy = SystemEntropy::new();
    let tip = RawTip {
        message: SecretText::new("a tip".into()),
        language: Language::English,
        uncleanable: Uncleanable::SendOriginal,
        files,
    };
    let archive = tip.clean(&Limits::default()).unwrap().archive(&entropy).unwrap();
    let to = Recipients::new(vec![Recipient::throw_away(&entropy)]).unwrap();
    Envelope::seal(archive, Epoch(2_968), &to, &entropy)
}

/// Envelopes a second; adds what each waited in seconds.
fn puts(folder: &Path, at_once: usize, each: usize, waits: &mut Vec<f64>) -> f64 {
    let store = open(folder);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(at_once + 4)
        .build()
        .unwrap();
    let mut envelopes = (0..at_once * each).map(|_| envelope(Vec::new())).collect::<Vec<_>>();
    let mut tasks = Vec::new();
    settle(folder);
    let start = Instant::now();
    for _ in 0..at_once {
        let own = envelopes.split_off(envelopes.len() - each);
        let store = store.clone();
        tasks.push(runtime.spawn(async move {
            let mut waits = Vec::new();
            for envelope in own {
                let start = Instant::now();
                store.put(envelope, TODAY).await.unwrap();
                waits.push(start.elapsed().as_secs_f64());
            }
            waits
        }));
    }
    for task in tasks {
        waits.extend(runtime.block_on(task).unwrap());
    }
    per_second(at_once * each, start.elapsed().as_secs_f64())
}

/// Bare files a second, each synced, renamed and its folder synced by a thread of its own.
fn bare_files(folder: &Path, at_once: usize, each: usize) -> f64 {
    let folder = Shards::new(folder);
    let bytes = vec![7; usize::try_from(envelope(Vec::new()).len()).unwrap() + 128];
    let barrier = Barrier::new(at_once + 1);
    settle(&folder.0);
    let time = std::thread::scope(|scope| {
        for thread in 0..at_once {
            let (folder, bytes, barrier) = (&folder, &bytes, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in (0..each).map(|n| thread * each + n) {
                    folder.write(number, bytes).sync_all().unwrap();
                    let shard = folder.place(number);
                    File::open(shard).unwrap().sync_all().unwrap();
                }
                barrier.wait();
            });
        }
        barrier.wait();
        seconds(|| {
            barrier.wait();
        })
    });
    per_second(at_once * each, time)
}

/// Bare files a second, as many in a group as there are at once: written, synced together, renamed,
/// synced together.
fn bare_groups(folder: &Path, at_once: usize, each: usize) -> f64 {
    let folder = Shards::new(folder);
    let bytes = vec![7; usize::try_from(envelope(Vec::new()).len()).unwrap() + 128];
    let root = File::open(&folder.0).unwrap();
    settle(&folder.0);
    let time = seconds(|| {
        for group in 0..each {
            let numbers = group * at_once..(group + 1) * at_once;
            numbers.clone().for_each(|number| drop(folder.write(number, &bytes)));
            rustix::fs::syncfs(&root).unwrap();
            numbers.for_each(|number| drop(folder.place(number)));
            rustix::fs::syncfs(&root).unwrap();
        }
    });
    per_second(at_once * each, time)
}

/// Has everything on the disk that was done before: the folders of a new store are thousands.
fn settle(folder: &Path) {
    rustix::fs::syncfs(File::open(folder).unwrap()).unwrap();
}

/// A folder with the shape of a store's.
struct Shards(PathBuf);

impl Shards {
    fn new(folder: &Path) -> Self {
        fs::create_dir(folder.join("tmp")).unwrap();
        (0..256).for_each(|n| fs::create_dir(folder.join(format!("{n:02x}"))).unwrap());
        File::open(folder).unwrap().sync_all().unwrap();
        Self(folder.to_owned())
    }

    fn write(&self, number: usize, bytes: &[u8]) -> File {
        let mut file = File::create(self.0.join(format!("tmp/{number}"))).unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// Renames a file into its shard; gives the shard's folder.
    fn place(&self, number: usize) -> PathBuf {
        // spread as random names are
        let shard = self.0.join(format!("{:02x}", number * 167 % 256));
        fs::rename(self.0.join(format!("tmp/{number}")), shard.join(number.to_string())).unwrap();
        shard
    }
}

fn per_second(count: usize, seconds: f64) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / seconds
}
