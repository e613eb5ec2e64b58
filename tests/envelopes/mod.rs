//! Envelopes that are the same bytes each time they are made, for tests that write to a store.

use std::{
    io::Cursor,
    sync::atomic::{AtomicU64, Ordering},
};

use ring::digest::{SHA256, digest};
use sealpost::{
    clean::Limits,
    clock::{Day, Epoch},
    random::Entropy,
    recipient::Recipient,
    seal::{Envelope, Recipients},
    secret::SecretText,
    tip::{Language, RawTip, SizeClass, Uncleanable},
};

/// The day on which they come in.
pub(crate) const TODAY: Day = Day(20_779);
const NOW: Epoch = Epoch(2_968);

/// An envelope of a size class; the same class and seed always give the same bytes.
pub(crate) fn envelope(class: u8, seed: u64) -> Envelope {
    let entropy = Seeded { seed, asked: AtomicU64::new(0) };
    // as large as the class below, and so too large for it
    let below = class.checked_sub(1).and_then(SizeClass::from_index);
    let file = below.map(|class| vec![0_u8; usize::try_from(class.bytes()).unwrap()]);
    let tip = RawTip {
        message: SecretText::new(format!("tip {seed}")),
        language: Language::English,
        uncleanable: Uncleanable::SendOriginal,
        files: file.into_iter().map(|file| Box::new(Cursor::new(file)) as _).collect(),
    };
    let archive = tip.clean(&Limits::default()).unwrap().archive(&entropy).unwrap();
    assert_eq!(archive.class().index(), class);
    let to = Recipients::new(vec![Recipient::throw_away(&entropy)]).unwrap();
    Envelope::seal(archive, NOW, &to, &entropy)
}

/// SHA-256 of its age file, in hexadecimal.
pub(crate) fn sha256_of(mut envelope: Envelope) -> String {
    let mut sum = ring::digest::Context::new(&SHA256);
    while let Some(chunk) = envelope.next_chunk().unwrap() {
        sum.update(chunk);
    }
    data_encoding::HEXLOWER.encode(sum.finish().as_ref())
}

/// Randomness that is the same each time.
struct Seeded {
    seed: u64,
    asked: AtomicU64,
}

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) {
        for part in out.chunks_mut(32) {
            let number = self.asked.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let block = digest(&SHA256, &[self.seed.to_be_bytes(), number].concat());
            part.copy_from_slice(&block.as_ref()[..part.len()]);
        }
    }
}

/// Draws for a test, which can be had again by their seed.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number: splitmix64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap();
        usize::try_from(self.next() % limit).unwrap()
    }

    /// True in so many of a hundred draws.
    pub(crate) fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }

    /// One of several.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A number that the environment may set, or what is good for CI.
pub(crate) fn setting(variable: &str, in_ci: u64) -> u64 {
    std::env::var(variable).map_or(in_ci, |value| value.parse().unwrap())
}

/// A temporary folder in memory, if there is room: for tests whose disk is never lost.
pub(crate) fn folder_in_memory() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
    let folder = if room > 1 << 30 { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.unwrap()
}
