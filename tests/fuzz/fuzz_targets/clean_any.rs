//! The cleaner as a whole: no input panics, hangs or fills memory; what leaves is as long as promised, hardly longer than
//! what came, and clean once and for all.

#![no_main]

use std::io::{Cursor, Read as _};

use libfuzzer_sys::fuzz_target;
use sealpost::clean::{Limits, clean};

/// What the parts written anew may add to a file that lacked them.
const ADDED: usize = 128;

fuzz_target!(|file: &[u8]| {
    let limits = Limits {
        pixels: 1 << 20,
        ..Limits::default()
    };
    let replayed = |bytes: &[u8]| {
        let cleaned = clean(&mut Cursor::new(bytes), &limits).ok()?;
        let (len, mut output) = (cleaned.len(), Vec::new());
        cleaned
            .replay(Cursor::new(bytes))
            .read_to_end(&mut output)
            .expect("the input is whole");
        assert_eq!(output.len() as u64, len);
        Some(output)
    };
    if let Some(once) = replayed(file) {
        assert!(once.len() <= file.len() + ADDED);
        if !once.is_empty() {
            assert_eq!(replayed(&once).as_ref(), Some(&once));
        }
    }
});
