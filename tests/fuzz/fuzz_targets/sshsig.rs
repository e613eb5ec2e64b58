//! A signature file and a public key of any bytes: refused or read, no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::roster::{NewsroomId, NewsroomKey, sshsig::UntrustedSignature};

fuzz_target!(|bytes: &[u8]| {
    let mut signatures = UntrustedSignature::parse_file(bytes).unwrap_or_default();
    // and what is inside the armor, where both kinds of keys are told apart
    signatures.extend(UntrustedSignature::from_blob(bytes));
    for signature in signatures {
        let _ = signature.verify(b"message");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = NewsroomId::from_fingerprint_or_public_key(text);
        if let Ok(key) = text.parse::<NewsroomKey>() {
            assert_eq!(key.to_string(), text);
        }
    }
});
