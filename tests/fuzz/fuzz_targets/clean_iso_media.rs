//! ISO media: films and stills (MP4, QuickTime, 3GP, M4A, HEIC, AVIF).

#![no_main]

#[path = "../cleaned_for_good.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;
use sealpost::clean::Kind;

const KINDS: &[Kind] = &[Kind::Mp4, Kind::Mov, Kind::ThreeGp, Kind::M4a, Kind::Heic, Kind::Avif];
const BEGINNINGS: &[&[u8]] = &[
    b"\0\0\0\x10ftypisom\0\0\0\0",
    b"\0\0\0\x10ftypqt  \0\0\0\0",
    b"\0\0\0\x10ftyp3gp4\0\0\0\0",
    b"\0\0\0\x10ftypM4A \0\0\0\0",
    b"\0\0\0\x10ftypheic\0\0\0\0",
    b"\0\0\0\x10ftypavif\0\0\0\0",
];

fuzz_target!(|bytes: &[u8]| shared::cleaned_for_good(KINDS, BEGINNINGS, bytes));
