//! Any text: a recipient is refused, or written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::recipient::{PUBLIC_KEY_LEN, Recipient};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(recipient) = text.parse::<Recipient>()
    {
        assert_eq!(recipient.to_string(), text);
    }
    // past the checksum, which a fuzzer seldom guesses
    if let Some(key) = bytes.first_chunk::<PUBLIC_KEY_LEN>()
        && let Ok(recipient) = Recipient::from_bytes(key)
    {
        assert!(
            recipient
                .to_string()
                .parse::<Recipient>()
                .is_ok_and(|again| again == recipient)
        );
    }
});
