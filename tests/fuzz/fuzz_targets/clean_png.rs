//! PNG alone.

#![no_main]

#[path = "../cleaned_for_good.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;
use sealpost::clean::Kind;

const KINDS: &[Kind] = &[Kind::Png];
const BEGINNINGS: &[&[u8]] = &[b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"];

fuzz_target!(|bytes: &[u8]| shared::cleaned_for_good(KINDS, BEGINNINGS, bytes));
