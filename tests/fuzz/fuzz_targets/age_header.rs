//! Any bytes: the strict reader of headers refuses them, or keeps what it read unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::seal::form::HeaderForm;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    if let Ok(form) = HeaderForm::read(&mut rest) {
        assert!(!form.stanzas().is_empty());
        let text = form.into_text();
        assert_eq!(text, bytes[..bytes.len() - rest.len()]);
    }
});
