//! No line before HTTP does harm, and none but tor's is taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::gateway::listener::proxy_line;

fuzz_target!(|line: &[u8]| {
    if proxy_line::parse(line).is_ok() {
        assert!(line.starts_with(b"PROXY TCP6 ") && line.ends_with(b"\r\n"));
    }
});
