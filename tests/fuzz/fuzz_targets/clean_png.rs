//! The PNG cleaner alone: the signature is given, so that every run is spent behind it. A seed that has one already
//! (a file of a corpus) is taken as it is.

#![no_main]

use std::{
    borrow::Cow,
    io::{Cursor, Read as _},
};

use libfuzzer_sys::fuzz_target;
use sealpost::clean::{Limits, clean};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

fuzz_target!(|bytes: &[u8]| {
    let file: Cow<'_, [u8]> = match bytes.starts_with(SIGNATURE) {
        true => bytes.into(),
        false => [SIGNATURE, bytes].concat().into(),
    };
    let limits = Limits {
        pixels: 1 << 20,
        ..Limits::default()
    };
    let Ok(cleaned) = clean(&mut Cursor::new(&file), &limits) else {
        return;
    };
    let mut once = Vec::new();
    cleaned
        .replay(Cursor::new(&file))
        .read_to_end(&mut once)
        .expect("the input is whole");
    let again = clean(&mut Cursor::new(&once), &limits).expect("what is clean is taken");
    assert!(again.report().found.is_empty(), "{:?}", again.report());
    let mut twice = Vec::new();
    again
        .replay(Cursor::new(&once))
        .read_to_end(&mut twice)
        .expect("the input is whole");
    assert_eq!(once, twice);
});
