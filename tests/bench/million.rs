//! A store with a million tips: how long it takes to open, what it keeps in memory, what a tip
//! costs on the disk. `SEALPOST_TIPS` sets another number; with `SEALPOST_COLD` set, the machine's
//! page cache is emptied (as root) to measure starts after a reboot, too.
//!
//! The store is opened by processes of their own, so that memory is theirs alone: this program
//! starts itself again, with the folder in [`FOLDER`] and what to do in [`THEN`].

use std::{
    fs, io::Write as _, os::unix::fs::MetadataExt as _, path::Path, process::Command, sync::Arc,
};

use ring::digest::{SHA256, digest};
use sealpost::{
    clock::{Day, Epoch},
    gateway::store::{
        Entry, FileStore, Opening, Options, Store as _,
        header::{EnvelopeHeader, LEN_U64},
    },
    random::{SystemEntropy, bytes},
    tip::{SizeClass, TipId},
};

use super::{Limit, beside, figure, median, process, seconds};

const FOLDER: &str = "SEALPOST_MILLION_FOLDER";
const THEN: &str = "SEALPOST_MILLION_THEN";
const BODY: usize = 64;
const PAGE: usize = 500;
const PAGES: usize = 300;

pub(super) fn run() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return child(Path::new(&folder));
    }
    let tips: u32 = std::env::var("SEALPOST_TIPS").map_or(1_000_000, |n| n.parse().unwrap());
    // beside the build, on a disk: a temporary folder may lie in memory
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let place = tempfile::tempdir_in(target).unwrap();
    let store = place.path().join("store");
    drop(FileStore::open(&store, Arc::new(SystemEntropy::new()), Options::default()).unwrap());
    let time = seconds(|| make(&store, tips));
    beside(&format!("{tips} envelopes of {BODY} bytes written, not synced"), time, "s");
    fs::remove_file(store.join("clean")).unwrap();

    let rebuilt = open(&store, "die");
    figure("the index made from all headers", rebuilt.seconds, "s", Limit::AtMost(90.0));
    memory("the same", &rebuilt);
    let after = format!("after it, and {PAGES} pages");
    let killed = open(&store, "close");
    assert_eq!(killed.opening, "Names");
    figure("start after kill -9", killed.seconds, "s", Limit::AtMost(10.0));
    memory(&after, &killed);
    let clean = open(&store, "die");
    assert_eq!(clean.opening, "Clean");
    figure("start after a clean stop", clean.seconds, "s", Limit::AtMost(2.0));
    memory(&after, &clean);
    figure(
        &format!(
            "a page of {PAGE} from a random position (worst of {PAGES}, each the middle of 3)"
        ),
        clean.worst_page,
        "ms",
        Limit::AtMost(5.0),
    );
    beside("the same, median", clean.median_page, "ms");
    if std::env::var_os("SEALPOST_COLD").is_some() {
        forget_what_was_read();
        let cold = open(&store, "close");
        beside("start after kill -9, nothing in the page cache", cold.seconds, "s");
        forget_what_was_read();
        let cold = open(&store, "die");
        beside("start after a clean stop, nothing in the page cache", cold.seconds, "s");
    }
    disk(&store, tips);
}

/// Writes envelopes into their places, as a store would have them.
fn make(store: &Path, tips: u32) {
    let entropy = SystemEntropy::new();
    let class = SizeClass::from_index(0).unwrap();
    for _ in 0..tips {
        let body = bytes::<BODY>(&entropy);
        let id = bytes::<16>(&entropy);
        let entry = Entry {
            id: TipId(id),
            day: Day(20_779),
            epoch: Epoch(2_968),
            class,
            bytes: BODY as u64,
        };
        let sha256 = digest(&SHA256, &body).as_ref().try_into().unwrap();
        let header = EnvelopeHeader { entry, sha256 }.encode();
        let name = data_encoding::HEXLOWER.encode(&id);
        let file = store.join("envelopes").join(&name[..2]).join(&name);
        fs::write(file, [&header[..], &body].concat()).unwrap();
    }
}

/// What a child has told.
struct Opened {
    seconds: f64,
    opening: String,
    worst_page: f64,
    median_page: f64,
    resident: f64,
    peak: f64,
}

fn open(store: &Path, then: &str) -> Opened {
    let done = Command::new(std::env::current_exe().unwrap())
        .arg("million")
        .env(FOLDER, store)
        .env(THEN, then)
        .output()
        .unwrap();
    let told = String::from_utf8(done.stdout).unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix("opened "));
    let Some(line) = line else {
        panic!("{told}{}", String::from_utf8_lossy(&done.stderr));
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| words[at].parse().unwrap();
    let opening = words[0].to_owned();
    Opened {
        opening,
        seconds: number(1),
        worst_page: number(2),
        median_page: number(3),
        resident: number(4),
        peak: number(5),
    }
}

fn child(store: &Path) {
    let entropy = Arc::new(SystemEntropy::new());
    let mut opened = None;
    let time = seconds(|| {
        opened = Some(FileStore::open(store, entropy.clone(), Options::default()).unwrap());
    });
    let (store, _) = opened.unwrap();
    let opening: Opening = store.opening();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut pages = Vec::new();
    for _ in 0..PAGES {
        let after = Some(TipId(bytes(&*entropy)));
        let time = || 1e3 * seconds(|| drop(runtime.block_on(store.list(after, PAGE)).unwrap()));
        // a position that is slow is slow each time; a processor that somebody else has is not
        pages.push(median((0..3).map(|_| time()).collect()));
    }
    let me = std::process::id();
    let (resident, peak) = (process::resident_mb(me), process::peak_mb(me));
    let worst = pages.iter().copied().fold(0.0, f64::max);
    println!("opened {opening:?} {time} {worst} {} {resident} {peak}", median(pages));
    std::io::stdout().flush().unwrap();
    if std::env::var(THEN).unwrap() == "die" {
        // as after kill -9: nothing is closed
        std::process::exit(0);
    }
}

fn memory(when: &str, opened: &Opened) {
    figure(&format!("{when}: resident"), opened.resident, "MB", Limit::AtMost(150.0));
    figure(&format!("{when}: at most"), opened.peak, "MB", Limit::AtMost(150.0));
}

fn forget_what_was_read() {
    rustix::fs::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
}

fn disk(store: &Path, tips: u32) {
    let content = f64::from(tips) * f64::from(u8::try_from(BODY).unwrap());
    let envelopes = blocks_under(&store.join("envelopes"));
    let index = blocks_under(&store.join("index"));
    let header = f64::from(u32::try_from(LEN_U64).unwrap());
    beside("on the disk beside its content, per tip", (envelopes - content) / f64::from(tips), "B");
    beside("of it the header", header, "B");
    beside("in the index, per tip", index / f64::from(tips), "B");
}

#[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
fn blocks_under(folder: &Path) -> f64 {
    let mut blocks = fs::symlink_metadata(folder).unwrap().blocks() as f64;
    for inner in fs::read_dir(folder).unwrap() {
        let inner = inner.unwrap();
        let found = inner.metadata().unwrap();
        blocks += if found.is_dir() {
            blocks_under(&inner.path()) / 512.0
        } else {
            found.blocks() as f64
        };
    }
    blocks * 512.0
}
