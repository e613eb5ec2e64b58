//! The other pictures of pixels: WebP, GIF, TIFF.

#![no_main]

#[path = "../cleaned_for_good.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;
use sealpost::clean::Kind;

const KINDS: &[Kind] = &[Kind::Webp, Kind::Gif, Kind::Tiff];
const BEGINNINGS: &[&[u8]] = &[
    b"RIFF\xff\xff\0\0WEBPVP8",
    b"GIF89a",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"II+\0\x08\0\0\0",
];

fuzz_target!(|bytes: &[u8]| shared::cleaned_for_good(KINDS, BEGINNINGS, bytes));
