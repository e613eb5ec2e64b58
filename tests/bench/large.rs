//! A large envelope into the store and out of it, beside a plain file of the same length, written
//! with the same syncs and read in the same pieces; neither is in the page cache when it is read.

use std::{
    fs::{self, File},
    hint::black_box,
    io::{self, Read, Seek, SeekFrom, Write as _},
    path::Path,
};

use rustix::fs::{Advice, fadvise};
use sealpost::{clock::Day, gateway::store::Store as _};

use super::{
    Limit, beside,
    durable::{envelope, folder, open},
    figure, median, process, seconds,
};

const LENGTH: u64 = 2 << 30;
const PIECE: usize = 1 << 20;
const WRITE_BACK: u64 = 16 << 20;
const ROUNDS: usize = 3;

pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let mut ours = (Vec::new(), Vec::new());
    let mut plain = (Vec::new(), Vec::new());
    // what earlier groups have used does not count
    fs::write("/proc/self/clear_refs", "5").unwrap();
    for _ in 0..ROUNDS {
        let folder = folder();
        let store = open(folder.path());
        let large = envelope(vec![Box::new(Zeros { at: 0 })]);
        let length = large.len();
        let mut id = None;
        ours.0
            .push(seconds(|| id = Some(runtime.block_on(store.put(large, Day(20_779))).unwrap())));
        let path = folder.path().join("plain");
        plain.0.push(seconds(|| write(&path, length)));

        forget(&folder.path().join("store"));
        forget(folder.path());
        ours.1.push(seconds(|| {
            runtime.block_on(async {
                let (_, mut body) = store.get(id.unwrap(), None).await.unwrap();
                while let Some(piece) = body.next_chunk().await.unwrap() {
                    black_box(piece);
                }
            });
        }));
        plain.1.push(seconds(|| read(&path)));
    }
    let rate = |seconds| 2_f64.powi(31) / 1e9 / median(seconds);
    let (put, written) = (rate(ours.0), rate(plain.0));
    beside("2 GiB file, written and synced", written, "GB/s");
    beside("2 GiB envelope, sealed and put", put, "GB/s");
    figure("put / plain", put / written, "×", Limit::AtLeast(0.8));
    let (got, read) = (rate(ours.1), rate(plain.1));
    beside("2 GiB file, read", read, "GB/s");
    beside("2 GiB envelope, got and summed up", got, "GB/s");
    figure("got / plain", got / read, "×", Limit::AtLeast(0.8));
    let peak = process::peak_mb(std::process::id());
    figure("peak resident memory", peak, "MB", Limit::AtMost(40.0));
}

fn write(path: &Path, length: u64) {
    let mut file = File::create(path).unwrap();
    let piece = vec![7; PIECE];
    let (mut left, mut waiting) = (length, 0);
    while left > 0 {
        let now = left.min(PIECE as u64);
        file.write_all(&piece[..usize::try_from(now).unwrap()]).unwrap();
        (left, waiting) = (left - now, waiting + now);
        if waiting >= WRITE_BACK {
            waiting = 0;
            file.sync_data().unwrap();
        }
    }
    file.sync_all().unwrap();
    File::open(path.parent().unwrap()).unwrap().sync_all().unwrap();
}

fn read(path: &Path) {
    let mut file = File::open(path).unwrap();
    let mut piece = vec![0; PIECE];
    while file.read(black_box(&mut piece)).unwrap() > 0 {}
}

/// Takes every file in a folder out of the page cache.
fn forget(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            forget(&entry);
        } else if let Ok(file) = File::open(&entry) {
            fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        }
    }
}

/// As many zeros as make a tip of the measured length.
struct Zeros {
    at: u64,
}

impl Read for Zeros {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(LENGTH.saturating_sub(self.at)).map_err(io::Error::other)?;
        let length = buf.len().min(left);
        buf[..length].fill(0);
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Zeros {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => LENGTH.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
