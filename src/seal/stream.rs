//! The payload of an age file: chunks of 64 KiB, each sealed with ChaCha20-Poly1305.
//!
//! The nonce of a chunk is an 11-byte big-endian counter and a byte that is 1 for the last chunk
//! only, so that chunks cannot be dropped, doubled, swapped or cut off. The last chunk may be
//! shorter; it is empty only where the whole payload is. Source: C2SP `age.md`, "Payload".

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::secret::SecretKey;

/// Bytes of plaintext in a chunk.
pub const CHUNK_LEN: usize = 64 * 1024;
/// Bytes that sealing adds to a chunk.
pub const TAG_LEN: usize = 16;
/// Bytes of the nonce before the first chunk.
pub const NONCE_LEN: usize = 16;

/// Bytes of the payload, its nonce included, of a plaintext.
pub(super) const fn payload_len(plaintext: u64) -> u64 {
    NONCE_LEN as u64 + plaintext + chunks(plaintext) * TAG_LEN as u64
}

/// How many chunks a plaintext has: at least one.
pub(super) const fn chunks(plaintext: u64) -> u64 {
    if plaintext == 0 { 1 } else { plaintext.div_ceil(CHUNK_LEN as u64) }
}

/// Seals the chunks of one file, in their order.
pub(super) struct ChunkSealer {
    // ring keeps a key of its own that it does not wipe; it opens this one file only
    key: LessSafeKey,
    counter: u64,
}

impl ChunkSealer {
    /// Starts at chunk 0. The key must be fresh: nonces repeat with every file.
    #[expect(clippy::expect_used, reason = "the type says that the key has 32 bytes")]
    pub(super) fn new(key: &SecretKey<32>) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.expose()).expect("a 32-byte key");
        Self { key: LessSafeKey::new(key), counter: 0 }
    }

    /// Seals the next chunk in its place and gives the tag that follows it.
    #[expect(clippy::expect_used, reason = "only 256 GiB are too much for ChaCha20-Poly1305")]
    pub(super) fn seal(&mut self, chunk: &mut [u8], last: bool) -> [u8; TAG_LEN] {
        debug_assert!(chunk.len() <= CHUNK_LEN);
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.counter.to_be_bytes());
        nonce[11] = u8::from(last);
        self.counter += 1;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), chunk);
        tag.expect("a chunk of 64 KiB").as_ref().try_into().expect("a tag of 16 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn lengths_at_the_edges_of_chunks() {
        let chunk = CHUNK_LEN as u64;
        let cases = [(0, 1), (1, 1), (chunk - 1, 1), (chunk, 1), (chunk + 1, 2), (2 * chunk, 2)];
        for (plaintext, count) in cases {
            assert_eq!(chunks(plaintext), count, "{plaintext}");
            assert_eq!(payload_len(plaintext), 16 + plaintext + 16 * count);
        }
    }

    #[test]
    fn no_two_chunks_share_a_nonce() {
        let mut sealer = ChunkSealer::new(&Secret::new([1; 32]));
        let mut seal = |last| {
            let mut chunk = [0; 32];
            sealer.seal(&mut chunk, last);
            chunk
        };
        let (first, second) = (seal(false), seal(false));
        let mut again = ChunkSealer::new(&Secret::new([1; 32]));
        let mut as_last = [0; 32];
        again.seal(&mut as_last, true);
        assert!(first != second && first != as_last && second != as_last);
    }
}
