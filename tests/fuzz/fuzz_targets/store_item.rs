//! An item's file: any bytes are read without a panic, and what is read lies within the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::gateway::store::item::{Kind, decode};

fuzz_target!(|bytes: &[u8]| {
    // of kinds that can be many, a key begins with an id
    let key = "000102030405060708090a0b0c0d0e0f";
    for kind in [Kind::Roster, Kind::NoticeMark, Kind::Tombstone, Kind::Reply] {
        if let Some(content) = decode(kind, key, bytes) {
            assert!(bytes.ends_with(content));
        }
    }
});
