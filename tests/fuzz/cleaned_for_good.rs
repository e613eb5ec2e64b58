//! What the targets of single kinds have in common.

use std::{
    borrow::Cow,
    io::{Cursor, Read as _},
};

use sealpost::clean::{Limits, clean};

/// Cleans `bytes` behind a kind's signature, so that every run is spent behind it; a seed that has
/// one already (a file of a corpus) is taken as it is. What is clean stays as it is.
pub fn cleaned_for_good(signature: &[u8], bytes: &[u8]) {
    let file: Cow<'_, [u8]> = match bytes.starts_with(signature) {
        true => bytes.into(),
        false => [signature, bytes].concat().into(),
    };
    let limits = Limits { pixels: 1 << 20, ..Limits::default() };
    let Ok(cleaned) = clean(&mut Cursor::new(&file), &limits) else {
        return;
    };
    let mut once = Vec::new();
    cleaned.replay(Cursor::new(&file)).read_to_end(&mut once).expect("the input is whole");
    let again = clean(&mut Cursor::new(&once), &limits).expect("what is clean is taken");
    assert!(again.report().found.is_empty(), "{:?}", again.report());
    let mut twice = Vec::new();
    again.replay(Cursor::new(&once)).read_to_end(&mut twice).expect("the input is whole");
    assert_eq!(once, twice);
}
