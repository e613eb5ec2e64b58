//! A roster of any bytes, rightly signed: it is refused or taken, and never panics. The signature
//! is made here because the only way to the roster's parser is past it.
#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use ring::signature::{Ed25519KeyPair, KeyPair};
use sealpost::roster::{NewsroomKey, UntrustedPublication, sshsig};

static PAIR: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed"));

fuzz_target!(|roster: &[u8]| {
    let public = PAIR.public_key().as_ref().try_into().expect("32 bytes");
    let signature = PAIR.sign(&sshsig::signing_bytes(roster));
    let file = sshsig::armored(&public, signature.as_ref().try_into().expect("64 bytes"));
    let publication = UntrustedPublication {
        rosters: vec![(roster.to_vec(), file.into_bytes())],
        batches: BTreeMap::from([("mina".to_owned(), roster.to_vec())]),
    };
    if let Ok(verified) = publication.verify(NewsroomKey::Ed25519(public).id()) {
        assert_eq!(verified.roster().version(), 1);
    }
});
