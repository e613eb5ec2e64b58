//! An item's file: any bytes are read without a panic, and what is read lies within the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::gateway::store::item::{Kind, decode};

fuzz_target!(|bytes: &[u8]| {
    for kind in [Kind::Roster, Kind::NoticeMark, Kind::Tombstone] {
        if let Some(content) = decode(kind, "0001", bytes) {
            assert!(bytes.ends_with(content));
        }
    }
});
