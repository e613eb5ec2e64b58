//! The cleaner as a whole: no input panics, hangs or fills memory; what leaves is as long as promised, hardly longer than
//! what came, and clean once and for all.

#![no_main]

#[path = "../cleaned_for_good.rs"]
#[expect(dead_code, reason = "any beginning will do")]
mod shared;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| shared::stays_clean(file));
