//! What the targets of the cleaner have in common.

use std::{
    borrow::Cow,
    io::{Cursor, Read as _},
};

use sealpost::clean::{Kind, Limits, Replay, clean};

/// Limits that keep a run short; far above what an input of a fuzzer's length can honestly need.
fn limits() -> Limits {
    Limits {
        picture_bytes: 1 << 20,
        document_bytes: 1 << 20,
        pixels: 1 << 18,
        parts: 1 << 14,
        inflated: 4 << 20,
        members: 1 << 10,
        depth: 3,
        nesting: 64,
    }
}

/// Cleans `bytes` as one of `kinds`: a seed that is one (a file of a corpus) is taken as it is, others are put behind one
/// of `beginnings`, which their first byte chooses, so that every run is spent behind it.
pub fn cleaned_for_good(kinds: &[Kind], beginnings: &[&[u8]], bytes: &[u8]) {
    let mut file = Cow::from(bytes);
    if !kinds.contains(&Kind::of_head(&bytes[..bytes.len().min(4096)])) {
        let Some((choice, rest)) = bytes.split_first() else { return };
        let beginning = beginnings[usize::from(*choice) % beginnings.len()];
        file = [beginning, rest].concat().into();
    }
    stays_clean(&file);
}

/// Cleans `file`. What comes out is as long as promised and hardly longer than what came, it is clean, and it stays as it
/// is however often it is cleaned.
pub fn stays_clean(file: &[u8]) {
    let Ok(cleaned) = clean(&mut Cursor::new(file), &limits()) else { return };
    let len = cleaned.len();
    let once = all(cleaned.replay(Cursor::new(file)));
    assert_eq!(once.len() as u64, len, "as long as promised");
    assert!(once.len() <= 2 * file.len() + 4096, "{} bytes became {len}", file.len());
    if once.is_empty() {
        return;
    }
    // what is written anew may count for more than what came, but not for much more
    let twice = Limits {
        picture_bytes: 4 << 20,
        document_bytes: 4 << 20,
        parts: 1 << 16,
        inflated: 16 << 20,
        members: 1 << 12,
        depth: 4,
        nesting: 128,
        ..limits()
    };
    let again = clean(&mut Cursor::new(&once), &twice).expect("what is clean is taken");
    assert!(again.report().found.is_empty(), "{:?}", again.report());
    let twice = all(again.replay(Cursor::new(&once)));
    assert!(once == twice, "changed by a second cleaning");
}

fn all(mut replay: Replay<impl std::io::Read + std::io::Seek>) -> Vec<u8> {
    let mut bytes = Vec::new();
    replay.read_to_end(&mut bytes).expect("the input is whole");
    bytes
}
