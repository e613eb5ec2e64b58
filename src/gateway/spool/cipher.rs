//! Seals and opens the chunks of one spooled file.
//!
//! The key's 32 bytes are wiped when it is dropped. ring expands them for each chunk, on the stack,
//! and does not wipe that: it lies there until other calls write over it. A copy of the memory of a
//! running gateway can hold it, as it can hold the plaintext that is being worked on.

use std::io;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};

use crate::{random::Entropy, secret::SecretKey};

/// Bytes that sealing adds to a chunk.
pub(super) const TAG: usize = 16;

/// The key of one file. Boxed, because a value that is moved leaves a copy behind.
pub(super) struct ChunkKey(Box<SecretKey<32>>);

impl ChunkKey {
    pub(super) fn random(entropy: &dyn Entropy) -> Self {
        let mut key = Box::new(SecretKey::new([0; 32]));
        entropy.fill(key.expose_mut());
        Self(key)
    }

    /// Seals `plain` in place. A number must be sealed once only.
    pub(super) fn seal(&self, number: u64, last: bool, plain: &mut [u8]) -> io::Result<[u8; TAG]> {
        let tag = self
            .expand()?
            .seal_in_place_separate_tag(nonce(number), place(number, last), plain)
            .map_err(|_| io::Error::other("a chunk of the spool could not be sealed"))?;
        let mut bytes = [0; TAG];
        bytes.copy_from_slice(tag.as_ref());
        Ok(bytes)
    }

    /// Opens `sealed` in place.
    pub(super) fn open(
        &self,
        number: u64,
        last: bool,
        sealed: &mut [u8],
        tag: [u8; TAG],
    ) -> io::Result<()> {
        self.expand()?
            .open_in_place_separate_tag(
                nonce(number),
                place(number, last),
                Tag::from(tag),
                sealed,
                0..,
            )
            .map(drop)
            .map_err(|_| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a file's spool is not as it was written: look at the disk's health",
                )
            })
    }

    fn expand(&self) -> io::Result<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.0.expose())
            .map(LessSafeKey::new)
            .map_err(|_| io::Error::other("AES-256-GCM takes keys of 32 bytes"))
    }
}

/// The chunk's number, big-endian: no two chunks of a file have the same.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// Where the chunk belongs: its number, and whether it is the last.
fn place(number: u64, last: bool) -> Aad<[u8; 9]> {
    let mut place = [0; 9];
    place[..8].copy_from_slice(&number.to_be_bytes());
    place[8] = u8::from(last);
    Aad::from(place)
}
