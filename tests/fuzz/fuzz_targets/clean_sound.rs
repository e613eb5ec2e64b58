//! Recordings: MP3, FLAC, Ogg, WAV, AIFF, AMR.

#![no_main]

#[path = "../cleaned_for_good.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;
use sealpost::clean::Kind;

const KINDS: &[Kind] = &[Kind::Mp3, Kind::Flac, Kind::Ogg, Kind::Wav, Kind::Aiff, Kind::Amr];
const BEGINNINGS: &[&[u8]] = &[
    b"\xff\xfb\x90\x00",
    b"ID3\x03\0\0",
    b"fLaC\0\0\0\x22",
    b"OggS\0\x02",
    b"RIFF\xff\xff\0\0WAVEfmt ",
    b"FORM\0\0\xff\xffAIFFCOMM",
    b"#!AMR\n",
    b"#!AMR-WB\n",
];

fuzz_target!(|bytes: &[u8]| shared::cleaned_for_good(KINDS, BEGINNINGS, bytes));
