//! Office documents, books and archives. A fuzzer neither deflates nor sums up, so an input is the members of an archive
//! in the clear, each behind a line `=== NAME`, and is packed here; one that is an archive already is taken as it is.

#![no_main]

#[path = "../cleaned_for_good.rs"]
#[expect(dead_code, reason = "the beginning is packed here")]
mod shared;

use libfuzzer_sys::fuzz_target;

const BEFORE_NAME: &[u8] = b"\n=== ";

fuzz_target!(|bytes: &[u8]| match bytes.starts_with(b"PK") {
    true => shared::stays_clean(bytes),
    false => shared::stays_clean(&packed(bytes)),
});

/// A ZIP archive, stored (APPNOTE 6.3.10, 4.3.7, 4.3.12 and 4.3.16).
fn packed(text: &[u8]) -> Vec<u8> {
    let text = [b"\n", text].concat();
    let (mut archive, mut directory, mut count) = (Vec::new(), Vec::new(), 0_u16);
    let mut rest = &text[..];
    while let Some(at) = find(rest, BEFORE_NAME) {
        rest = &rest[at + BEFORE_NAME.len()..];
        let Some(end) = find(rest, b"\n").filter(|end| *end < 256) else { break };
        let (name, after) = (&rest[..end], &rest[end + 1..]);
        let body = &after[..find(after, BEFORE_NAME).unwrap_or(after.len())];
        rest = after;
        let length = (body.len() as u32).to_le_bytes();
        let sum = crc32fast::hash(body).to_le_bytes();
        let name_length = (name.len() as u16).to_le_bytes();
        let common =
            [b"\x14\0\0\0\0\0\0\0\x21\0", &sum[..], &length, &length, &name_length, b"\0\0"]
                .concat();
        let start = (archive.len() as u32).to_le_bytes();
        directory.extend([b"PK\x01\x02\x14\0", &*common, &[0; 10], &start, name].concat());
        archive.extend([b"PK\x03\x04", &*common, name, body].concat());
        count += 1;
    }
    let (count, start) = (count.to_le_bytes(), (archive.len() as u32).to_le_bytes());
    let length = (directory.len() as u32).to_le_bytes();
    archive.extend(directory);
    archive.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &length, &start, b"\0\0"].concat());
    archive
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
