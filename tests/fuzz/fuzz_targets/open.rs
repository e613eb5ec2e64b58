//! Any bytes, and any change to an envelope: the opener refuses them without a panic.
#![no_main]

use std::{io::Read, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use sealpost::{
    random::SystemEntropy,
    reviewer::{opener, sealing_key::SealingSecret},
    seal::{Recipients, seal_stream},
};

const PLAINTEXT: &[u8] = b"a tip";

static KEYS: LazyLock<[SealingSecret; 1]> =
    LazyLock::new(|| [SealingSecret::generate(&SystemEntropy::new())]);

static ENVELOPE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let to = Recipients::new(vec![KEYS[0].recipient()]).expect("one");
    let len = PLAINTEXT.len() as u64;
    let mut sealed = seal_stream(PLAINTEXT, len, &to, &SystemEntropy::new());
    let mut file = Vec::new();
    while let Some(piece) = sealed.next_chunk().expect("memory") {
        file.extend_from_slice(piece);
    }
    file
});

fuzz_target!(|bytes: &[u8]| {
    open(bytes);
    let _ = opener::open_armored(bytes, &*KEYS);
    // the fuzzer's bytes in the place of some of a good envelope's
    if let [high, low, change @ ..] = bytes {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % ENVELOPE.len();
        let mut changed = ENVELOPE.clone();
        changed.splice(
            at..(at + change.len()).min(ENVELOPE.len()),
            change.iter().copied(),
        );
        if open(&changed) {
            assert_eq!(changed, *ENVELOPE);
        }
    }
});

/// Whether it opened to its end.
fn open(file: &[u8]) -> bool {
    let opened = opener::open(file, &*KEYS);
    opened.is_ok_and(|mut opened| opened.read_to_end(&mut Vec::new()).is_ok())
}
