//! A batch of sealing keys of any content, rightly signed by its reviewer: refused, or taken as it
//! was signed. The signature is made here because the keys are only looked at behind it.
#![no_main]

use std::{fmt::Write, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair};
use sealpost::{
    recipient::Recipient,
    roster::{IdentityKey, NewsroomId, UntrustedBatch},
};

static PAIR: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed"));

fuzz_target!(|batch: &[u8]| {
    let identity = IdentityKey(PAIR.public_key().as_ref().try_into().expect("32 bytes"));
    let signature = PAIR.sign(&[&b"sealpost-keys-v1\n"[..], batch].concat());
    let mut hex = String::new();
    for byte in signature.as_ref() {
        let _ = write!(hex, "{byte:02x}");
    }
    let document =
        [&b"{\"batch\":"[..], batch, b",\"signature\":\"", hex.as_bytes(), b"\"}"].concat();
    let name = "mina".parse().expect("a name");
    let newsroom = NewsroomId([1; 32]);
    if let Ok(taken) = UntrustedBatch(&document).verify(Some(newsroom), &name, &identity) {
        assert!(taken.signed() == &document);
        assert_eq!(taken.reviewer(), &name);
        let keys = taken.epochs().end.0 - taken.epochs().start.0;
        assert!(keys <= 64, "as many as there are epochs");
        let first = taken.recipient(taken.epochs().start).map(Recipient::to_string);
        assert!(
            first.is_none_or(|text| document.windows(text.len()).any(|w| w == text.as_bytes()))
        );
    }
});
