//! What opening costs beside ring's bare cipher, both from a sealed GiB in memory.

use std::{hint::black_box, io::BufRead as _};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sealpost::{
    random::SystemEntropy,
    reviewer::{opener, sealing_key::SealingSecret},
    seal::{CHUNK_LEN, Recipients, TAG_LEN, seal_stream},
};

use super::{Limit, beside, figure, median, seconds};

const GIB: usize = 1 << 30;
const SEALED_CHUNK: usize = CHUNK_LEN + TAG_LEN;
/// Both sides go through their GiB in slices that take turns, so that both see the same weather.
const SLICES: usize = 64;
const SLICE_CHUNKS: usize = GIB / SLICES / CHUNK_LEN;

/// Prints the figure beside its limit.
pub(crate) fn run() {
    let plaintext: Vec<u8> = (0..=255).cycle().take(GIB).collect();
    let keys = [SealingSecret::generate(&SystemEntropy::new())];
    let envelope = sealed(&plaintext, &keys[0]);
    let mut bare = Bare::new(&plaintext);
    drop(plaintext);

    let Ok(mut opened) = opener::open(&envelope[..], &keys) else { unreachable!("it is ours") };
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..SLICES {
        times.0.push(seconds(|| (0..SLICE_CHUNKS).for_each(|_| bare.open_next())));
        times.1.push(seconds(|| {
            for _ in 0..SLICE_CHUNKS {
                let chunk = opened.fill_buf().map_or(0, |chunk| black_box(chunk).len());
                assert_eq!(chunk, CHUNK_LEN);
                opened.consume(chunk);
            }
        }));
    }
    let (raw, ours) = (gigabytes_per_second(times.0), gigabytes_per_second(times.1));
    beside(&format!("1 GiB opened by ring alone (median of {SLICES} slices)"), raw, "GB/s");
    beside("1 GiB envelope, opened", ours, "GB/s");
    figure("opened / ring alone", ours / raw, "×", Limit::AtLeast(0.85));
}

fn sealed(plaintext: &[u8], key: &SealingSecret) -> Vec<u8> {
    let Some(to) = Recipients::new(vec![key.recipient()]) else { unreachable!("there is one") };
    let mut sealed = seal_stream(plaintext, GIB as u64, &to, &SystemEntropy::new());
    let mut envelope = Vec::with_capacity(GIB + GIB / 1024);
    while let Ok(Some(piece)) = sealed.next_chunk() {
        envelope.extend_from_slice(piece);
    }
    envelope
}

/// ring's ChaCha20-Poly1305 over chunk after chunk, read into one buffer.
struct Bare {
    key: LessSafeKey,
    sealed: Vec<u8>,
    next: u64,
    chunk: Vec<u8>,
}

impl Bare {
    fn new(plaintext: &[u8]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).map(LessSafeKey::new);
        let Ok(key) = key else { unreachable!("a key of 32 bytes") };
        let mut sealed = Vec::with_capacity(GIB + GIB / 1024);
        for (counter, piece) in (0..).zip(plaintext.chunks(CHUNK_LEN)) {
            let mut chunk = piece.to_vec();
            let added = key.seal_in_place_append_tag(nonce(counter), Aad::empty(), &mut chunk);
            assert!(added.is_ok());
            sealed.extend_from_slice(&chunk);
        }
        Self { key, sealed, next: 0, chunk: vec![0; SEALED_CHUNK] }
    }

    fn open_next(&mut self) {
        let at = usize::try_from(self.next).unwrap_or_default() * SEALED_CHUNK;
        self.chunk.copy_from_slice(&self.sealed[at..at + SEALED_CHUNK]);
        let opened = self.key.open_in_place(nonce(self.next), Aad::empty(), &mut self.chunk);
        assert!(black_box(opened).is_ok());
        self.next += 1;
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
fn gigabytes_per_second(times: Vec<f64>) -> f64 {
    (GIB / SLICES) as f64 / 1e9 / median(times)
}
