//! Any key share of a TLS client: refused, or answered with a share and a secret of their lengths.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rustls::crypto::SupportedKxGroup;
use sealpost::tls::{CLIENT_SHARE_LEN, HybridServer, SERVER_SHARE_LEN};

fuzz_target!(|share: &[u8]| {
    if let Ok(answered) = HybridServer.start_and_complete(share) {
        assert_eq!(share.len(), CLIENT_SHARE_LEN);
        assert_eq!(answered.pub_key.len(), SERVER_SHARE_LEN);
        assert_eq!(answered.secret.secret_bytes().len(), 64);
    }
});
