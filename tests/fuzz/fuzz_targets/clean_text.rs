//! Texts in any encoding.

#![no_main]

#[path = "../cleaned_for_good.rs"]
#[expect(dead_code, reason = "a text has no beginning")]
mod shared;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| shared::stays_clean(bytes));
