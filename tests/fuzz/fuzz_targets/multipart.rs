//! However a body is cut into reads, the same parts come out of it, and little is held back.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sealpost::gateway::intake::multipart::{Boundary, Field, MAX_PART_HEADER, Multipart, Piece};

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (step, body) = input;
    let whole = read(&body, body.len().max(1));
    let cut = read(&body, usize::from(step).max(1));
    assert_eq!(whole, cut);
});

type Parts = Vec<(Field, bool, Vec<u8>)>;

fn read(body: &[u8], step: usize) -> Option<(Parts, bool)> {
    let boundary = Boundary::from_content_type(b"multipart/form-data; boundary=b").unwrap();
    let mut reader = Multipart::new(&boundary);
    let mut parts = Parts::new();
    for piece in body.chunks(step) {
        reader.push(Bytes::copy_from_slice(piece));
        while let Some(piece) = reader.next_piece().ok()? {
            match piece {
                Piece::Begin { field, named } => parts.push((field, named, Vec::new())),
                Piece::Data(data) => parts.last_mut().unwrap().2.extend_from_slice(&data),
                Piece::End => {}
            }
        }
        assert!(reader.held() < MAX_PART_HEADER);
    }
    Some((parts, reader.is_over()))
}
