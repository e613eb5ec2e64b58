//! Any headers: the desk refuses them, or they are in the one form that it takes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::{
    clock::Timestamp,
    desk::signature::{Gate, Headers, SignatureInput, Target, verify},
    roster::NewsroomId,
};

fuzz_target!(|texts: (&str, &str, &str, &str, &[u8])| {
    let (content_digest, newsroom, signature_input, signature, body) = texts;
    if let Ok(input) = signature_input.parse::<SignatureInput>() {
        assert_eq!(input.to_string(), signature_input);
    }
    let target = Target {
        method: "GET",
        authority: "desk.example",
        path: "/",
        query: None,
    };
    let headers = Headers {
        content_digest,
        newsroom,
        signature_input,
        signature,
    };
    let gate = Gate {
        newsroom: NewsroomId([0; 32]),
        now: Timestamp(0),
        is_own_authority: &|_| true,
        is_reviewer: &|_| true,
    };
    // whatever comes out: no panic; a signature that holds cannot be found by chance, but one by a
    // key of low order can, so nothing is said about success
    let _ = verify(&target, &headers, body, &gate);
});
