//! An envelope's header: any bytes are read without a panic, and what is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::gateway::store::header::{CHECKED, EnvelopeHeader, LEN, checksum};

fuzz_target!(|bytes: [u8; LEN]| {
    read(&bytes);
    // no fuzzer guesses a checksum: this one reaches the fields behind it
    let mut fitting = bytes;
    let sum = checksum(&fitting[..CHECKED]);
    fitting[CHECKED..].copy_from_slice(&sum);
    read(&fitting);
});

fn read(bytes: &[u8; LEN]) {
    if let Ok(header) = EnvelopeHeader::parse(bytes) {
        assert_eq!(&header.encode(), bytes);
    }
}
