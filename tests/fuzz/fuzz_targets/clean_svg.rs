//! SVG alone, and with it the reader and writer of XML.

#![no_main]

#[path = "../cleaned_for_good.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;
use sealpost::clean::Kind;

const KINDS: &[Kind] = &[Kind::Svg];
const BEGINNINGS: &[&[u8]] = &[
    b"<svg xmlns=\"http://www.w3.org/2000/svg\">",
    b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"",
];

fuzz_target!(|bytes: &[u8]| shared::cleaned_for_good(KINDS, BEGINNINGS, bytes));
