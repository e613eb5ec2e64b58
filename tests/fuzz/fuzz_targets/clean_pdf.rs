//! PDF alone.

#![no_main]

#[path = "../cleaned_for_good.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;
use sealpost::clean::Kind;

const KINDS: &[Kind] = &[Kind::Pdf];
const BEGINNINGS: &[&[u8]] = &[b"%PDF-1.7\n1 0 obj\n", b"%PDF-1.5\n"];

fuzz_target!(|bytes: &[u8]| shared::cleaned_for_good(KINDS, BEGINNINGS, bytes));
