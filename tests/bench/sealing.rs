//! What sealing costs beside what it cannot do without: ring's cipher, and the key exchange.

use std::{
    hint::black_box,
    io::{self, Read},
};

use hpke::{Kem, Serializable, kem::XWing};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sealpost::{
    random::SystemEntropy,
    recipient::Recipient,
    seal::{CHUNK_LEN, Recipients, seal_stream},
};

use super::{Limit, beside, figure, median, seconds};

const GIB: u64 = 1 << 30;
/// Both sides go through their GiB in slices that take turns, so that both see the same weather.
const SLICES: u64 = 64;
const SLICE_CHUNKS: u64 = GIB / SLICES / CHUNK_LEN as u64;
const KEM_ROUNDS: usize = 40;

/// Prints each figure beside its limit.
pub(crate) fn run() {
    stream("in place", || Untouched, |_| {});
    let source = vec![0x5a; CHUNK_LEN];
    stream(
        "with one copy of the source",
        || Copied(&source),
        |chunk| chunk.copy_from_slice(&source),
    );
    for count in [1, 5, 20] {
        recipients(count);
    }
}

/// Our stream beside ring's bare cipher, both fed by the same source.
fn stream<R: Read>(name: &str, source: impl Fn() -> R, fill: impl Fn(&mut [u8])) {
    let to = Recipients::new(vec![Recipient::throw_away(&SystemEntropy::new())]);
    let to = to.unwrap_or_else(|| unreachable!("there is one"));
    let mut sealed = seal_stream(source(), GIB, &to, &SystemEntropy::new());
    black_box(sealed.next_chunk().is_ok());
    let mut bare = Bare::new();
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..SLICES {
        times.0.push(seconds(|| (0..SLICE_CHUNKS).for_each(|_| bare.seal(&fill))));
        times.1.push(seconds(|| {
            for _ in 0..SLICE_CHUNKS {
                black_box(sealed.next_chunk().is_ok());
            }
        }));
    }
    let (raw, ours) = (gigabytes_per_second(times.0), gigabytes_per_second(times.1));
    beside(&format!("1 GiB {name}, ring alone (median of {SLICES} slices)"), raw, "GB/s");
    beside(&format!("1 GiB {name}, sealed"), ours, "GB/s");
    figure("sealed / ring alone", ours / raw, "×", Limit::AtLeast(0.9));
}

/// ring's ChaCha20-Poly1305 over chunk after chunk, in one buffer.
struct Bare {
    key: LessSafeKey,
    counter: u64,
    chunk: Vec<u8>,
}

impl Bare {
    fn new() -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).map(LessSafeKey::new);
        let Ok(key) = key else { unreachable!("a key of 32 bytes") };
        Self { key, counter: 0, chunk: vec![0; CHUNK_LEN] }
    }

    fn seal(&mut self, fill: impl Fn(&mut [u8])) {
        fill(&mut self.chunk);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.counter.to_be_bytes());
        self.counter += 1;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut self.chunk);
        black_box(tag.is_ok());
    }
}

/// A whole small envelope beside the bare key exchanges it needs.
fn recipients(count: usize) {
    let keys: Vec<_> = (0..count).map(|_| XWing::gen_keypair().1).collect();
    let all = keys.iter().map(|key| Recipient::from_bytes(&key.to_bytes().into()));
    let to = all.collect::<Result<Vec<_>, _>>().ok().and_then(Recipients::new);
    let Some(to) = to else { unreachable!("generated keys are valid") };
    let plaintext = [0x5a; 1024];
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..KEM_ROUNDS {
        times.0.push(seconds(|| {
            for key in &keys {
                black_box(XWing::encap(key, None).is_ok());
            }
        }));
        times.1.push(seconds(|| {
            let mut sealed = seal_stream(&plaintext[..], 1024, &to, &SystemEntropy::new());
            while let Ok(Some(piece)) = sealed.next_chunk() {
                black_box(piece);
            }
        }));
    }
    let (bare, ours) = (median(times.0), median(times.1));
    beside(
        &format!("1 KiB to {count}, bare key exchange (median of {KEM_ROUNDS})"),
        bare * 1e3,
        "ms",
    );
    beside(&format!("1 KiB to {count}, sealed"), ours * 1e3, "ms");
    figure("sealed / bare key exchange", ours / bare, "×", Limit::AtMost(1.2));
}

#[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
fn gigabytes_per_second(times: Vec<f64>) -> f64 {
    (GIB / SLICES) as f64 / 1e9 / median(times)
}

/// A source that costs nothing: what is in the buffer is what was read.
struct Untouched;

impl Read for Untouched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Ok(out.len())
    }
}

/// A source in memory.
struct Copied<'a>(&'a [u8]);

impl Read for Copied<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(self.0.len());
        out[..len].copy_from_slice(&self.0[..len]);
        Ok(len)
    }
}
