//! The payload of an age file, opened chunk by chunk: C2SP `age.md`, "Payload".
//!
//! ring does this half as fast again as the age crate's own stream. What a chunk's nonce is, see
//! [`crate::seal`]; nothing of the writer is used here, so that one does not repeat the other's
//! mistakes, and the public vectors judge both.

use std::{
    io::{self, BufRead, Read},
    ops::Range,
};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::opener::OpenError;
use crate::{
    seal::{CHUNK_LEN, TAG_LEN},
    secret::SecretKey,
};

/// A chunk as it lies in the file, unless it is the last.
const SEALED_LEN: usize = CHUNK_LEN + TAG_LEN;

/// The plaintext, read once from front to back. No byte is given before its chunk was checked, and
/// once something was wrong nothing more is given.
pub(super) struct Chunks<R> {
    payload: R,
    key: LessSafeKey,
    counter: u64,
    /// One sealed chunk and the first byte of the next, which tells that there is one.
    sealed: Vec<u8>,
    /// The same chunk, opened in its place: ring leaves nothing of one that it refuses.
    opened: Zeroizing<Vec<u8>>,
    /// Where in `opened` the plaintext is that has not been given yet.
    ready: Range<usize>,
    /// The byte that was read too far.
    ahead: Option<u8>,
    next: Next,
}

/// What comes after the plaintext that is ready.
enum Next {
    Chunk,
    End,
    /// Nothing good: told once as it is, then always as damage.
    Failure(Option<OpenError>),
}

impl<R: Read> Chunks<R> {
    #[expect(clippy::expect_used, reason = "the type says that the key has 32 bytes")]
    pub(super) fn new(payload: R, key: &SecretKey<32>) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.expose()).expect("a 32-byte key");
        Self {
            payload,
            key: LessSafeKey::new(key),
            counter: 0,
            sealed: vec![0; SEALED_LEN + 1],
            opened: Zeroizing::new(vec![0; SEALED_LEN]),
            ready: 0..0,
            ahead: None,
            next: Next::Chunk,
        }
    }

    /// Opens the next chunk into `ready`.
    fn open_next(&mut self) -> Result<(), OpenError> {
        // until the chunk is known to be good
        self.next = Next::Failure(None);
        let length = self.read_sealed()?;
        let is_last = length <= SEALED_LEN;
        let length = length.min(SEALED_LEN);
        if length < TAG_LEN {
            return Err(OpenError::Truncated);
        }
        let plaintext = length - TAG_LEN;
        self.next = if self.open(length, is_last) {
            // only an empty file has an empty chunk
            if plaintext == 0 && self.counter > 0 {
                return Err(OpenError::Damaged);
            }
            if is_last { Next::End } else { Next::Chunk }
        } else if length == SEALED_LEN && self.open(length, !is_last) {
            // a good chunk in the wrong place: something is missing after it, or too much
            let why = if is_last { OpenError::Truncated } else { OpenError::Damaged };
            Next::Failure(Some(why))
        } else {
            return Err(OpenError::Damaged);
        };
        self.counter += 1;
        self.ready = 0..plaintext;
        Ok(())
    }

    /// Fills the buffer; how many bytes there were.
    fn read_sealed(&mut self) -> Result<usize, OpenError> {
        let mut length = 0;
        if let (Some(byte), Some(first)) = (self.ahead.take(), self.sealed.first_mut()) {
            *first = byte;
            length = 1;
        }
        while let Some(room) = self.sealed.get_mut(length..).filter(|room| !room.is_empty()) {
            match self.payload.read(room) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if length > SEALED_LEN {
            self.ahead = self.sealed.get(SEALED_LEN).copied();
        }
        Ok(length)
    }

    /// Opens the chunk of `length` bytes, if it is one of this place.
    fn open(&mut self, length: usize, is_last: bool) -> bool {
        let mut nonce = [0; 12];
        if let Some(counter) = nonce.get_mut(3..11) {
            counter.copy_from_slice(&self.counter.to_be_bytes());
        }
        nonce[11] = u8::from(is_last);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let (Some(from), Some(to)) = (self.sealed.get(..length), self.opened.get_mut(..length))
        else {
            return false;
        };
        to.copy_from_slice(from);
        self.key.open_in_place(nonce, Aad::empty(), to).is_ok()
    }
}

impl<R: Read> BufRead for Chunks<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ready.is_empty() {
            let opened = match &mut self.next {
                Next::Chunk => self.open_next(),
                Next::End => Ok(()),
                Next::Failure(why) => Err(why.take().unwrap_or(OpenError::Damaged)),
            };
            opened.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Ok(self.opened.get(self.ready.clone()).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.ready.start = self.ready.end.min(self.ready.start + amount);
    }
}

impl<R: Read> Read for Chunks<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}
