//! Sealing: a writer of age v1 files on ring, and nothing that opens one.
//!
//! ```text
//! header    22 + 1,557 for each recipient + 48 bytes     header.rs, stanza.rs
//! nonce     16 bytes
//! chunk     65,536 + 16 bytes, as often as needed        stream.rs
//! chunk     1 to 65,536 + 16 bytes, the last
//! ```
//!
//! Source: C2SP `age.md` (<https://c2sp.org/age>). The lengths follow from the size class and the
//! number of recipients alone, so that an envelope's size tells nothing else. Any age from 1.3 on
//! opens these files. [`form`] looks at a header from outside, without a key.

mod armor;
pub mod form;
mod header;
pub mod stanza;
mod stream;

use std::io::{self, Read};

use zeroize::Zeroizing;

pub(crate) use self::header::payload_key;
use self::stream::ChunkSealer;
pub use self::stream::{CHUNK_LEN, NONCE_LEN, TAG_LEN};
use crate::{
    clock::Epoch,
    random::{self, Entropy},
    recipient::Recipient,
    tip::{SizeClass, TipArchive},
};

/// Those whom a tip is sealed to, one stanza for each active reviewer; never empty.
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// `None` if there are none: then the form is closed.
    pub fn new(all: Vec<Recipient>) -> Option<Self> {
        if all.is_empty() { None } else { Some(Self(all)) }
    }

    /// How many stanzas a header will have.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// A tip being sealed: one age v1 file, made piece by piece as it is asked for. Only
/// [`Envelope::seal`] makes one, from an archive; the store takes nothing else.
pub struct Envelope {
    sealed: SealedStream<TipArchive>,
    epoch: Epoch,
    class: SizeClass,
    has_files: bool,
}

impl Envelope {
    /// Begins to seal an archive to the sealing keys of `epoch`.
    pub fn seal(archive: TipArchive, epoch: Epoch, to: &Recipients, entropy: &dyn Entropy) -> Self {
        let (class, has_files) = (archive.class(), archive.has_files());
        Self { sealed: seal_stream(archive, class.bytes(), to, entropy), epoch, class, has_files }
    }

    /// The epoch whose sealing keys open this envelope.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The archive's size class.
    pub fn class(&self) -> SizeClass {
        self.class
    }

    /// True if files were sealed beside the message: a store that is nearly full takes only tips
    /// without. It is known in memory only; neither the age file nor its name tells it.
    pub fn has_files(&self) -> bool {
        self.has_files
    }

    /// Exact length of the age file in bytes; see [`envelope_len`].
    #[expect(clippy::len_without_is_empty, reason = "no age file is empty")]
    pub fn len(&self) -> u64 {
        self.sealed.len()
    }

    /// The next piece of the age file: the header and nonce first, then a chunk of at most
    /// [`CHUNK_LEN`] + [`TAG_LEN`] bytes at a time; `None` after the last.
    ///
    /// # Errors
    /// Those of reading the archive. What was given until then is no age file; throw it away.
    pub fn next_chunk(&mut self) -> io::Result<Option<&[u8]>> {
        self.sealed.next_chunk()
    }
}

/// Length of the age file of an archive of `class` sealed to `recipients` reviewers, in bytes.
pub fn envelope_len(class: SizeClass, recipients: usize) -> u64 {
    sealed_len(class.bytes(), recipients)
}

/// Length of the age file of `plaintext` bytes sealed to `recipients` reviewers, in bytes.
pub const fn sealed_len(plaintext: u64, recipients: usize) -> u64 {
    header::header_len(recipients) as u64 + stream::payload_len(plaintext)
}

/// Begins to seal `len` bytes of any plaintext. What comes of it is no [`Envelope`], so the store
/// does not take it: this is for measuring, and for other tools' files.
pub fn seal_stream<R: Read>(
    plaintext: R,
    len: u64,
    to: &Recipients,
    entropy: &dyn Entropy,
) -> SealedStream<R> {
    let (head, sealer) = begin(&to.0, entropy);
    SealedStream {
        plaintext,
        remaining: len,
        total: sealed_len(len, to.count()),
        head,
        sealer,
        buffer: Zeroizing::new(vec![0; CHUNK_LEN + TAG_LEN]),
        next: Next::Head,
    }
}

/// Seals a short text to one recipient as an ASCII-armored age file.
pub fn seal_armored(text: &[u8], to: &Recipient, entropy: &dyn Entropy) -> String {
    let (mut file, mut sealer) = begin(std::slice::from_ref(to), entropy);
    let mut rest = text;
    loop {
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK_LEN));
        let mut chunk = Zeroizing::new(chunk.to_vec());
        let tag = sealer.seal(&mut chunk, after.is_empty());
        file.extend_from_slice(&chunk);
        file.extend_from_slice(&tag);
        if after.is_empty() {
            return armor::armored(&file);
        }
        rest = after;
    }
}

/// Header and nonce of a new file, and the sealer of its chunks.
fn begin(to: &[Recipient], entropy: &dyn Entropy) -> (Vec<u8>, ChunkSealer) {
    let key = header::file_key(entropy);
    let mut head = header::write(&key, to, entropy).into_bytes();
    let nonce = random::bytes::<NONCE_LEN>(entropy);
    head.extend_from_slice(&nonce);
    (head, ChunkSealer::new(&payload_key(&key, &nonce)))
}

/// A known number of bytes being sealed as one age file. See [`seal_stream`].
pub struct SealedStream<R> {
    plaintext: R,
    remaining: u64,
    total: u64,
    head: Vec<u8>,
    sealer: ChunkSealer,
    /// Room for one chunk, used again and again; sealed in its place.
    buffer: Zeroizing<Vec<u8>>,
    next: Next,
}

#[derive(Clone, Copy)]
enum Next {
    Head,
    Chunk,
    End,
    Failed,
}

impl<R: Read> SealedStream<R> {
    /// Exact length of the age file in bytes.
    #[expect(clippy::len_without_is_empty, reason = "no age file is empty")]
    pub fn len(&self) -> u64 {
        self.total
    }

    /// The next piece of the age file: the header and nonce first, then a chunk of at most
    /// [`CHUNK_LEN`] + [`TAG_LEN`] bytes at a time; `None` after the last.
    ///
    /// # Errors
    /// Those of reading the plaintext, and of a plaintext that is shorter or longer than promised.
    /// A stream that has failed stays failed: it never comes to a last chunk.
    pub fn next_chunk(&mut self) -> io::Result<Option<&[u8]>> {
        match self.next {
            Next::Head => {
                self.next = Next::Chunk;
                Ok(Some(&self.head))
            }
            Next::Chunk => {
                // until the chunk is whole
                self.next = Next::Failed;
                self.seal_chunk().map(Some)
            }
            Next::End => Ok(None),
            Next::Failed => Err(io::Error::other("sealing has failed before: begin again")),
        }
    }

    fn seal_chunk(&mut self) -> io::Result<&[u8]> {
        let len = usize::try_from(self.remaining).map_or(CHUNK_LEN, |left| left.min(CHUNK_LEN));
        let (chunk, rest) = self.buffer.split_at_mut(len);
        self.plaintext.read_exact(chunk)?;
        self.remaining -= len as u64;
        let last = self.remaining == 0;
        if last && self.plaintext.read(&mut [0])? != 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "what is to be sealed is longer than it said",
            ));
        }
        let tag = self.sealer.seal(chunk, last);
        rest[..TAG_LEN].copy_from_slice(&tag);
        self.next = if last { Next::End } else { Next::Chunk };
        Ok(&self.buffer[..len + TAG_LEN])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemEntropy;

    fn to(count: usize) -> Recipients {
        let some = |_| Recipient::throw_away(&SystemEntropy::new());
        Recipients::new((0..count).map(some).collect()).unwrap()
    }

    fn pieces<R: Read>(stream: &mut SealedStream<R>) -> io::Result<Vec<usize>> {
        let mut lengths = Vec::new();
        while let Some(piece) = stream.next_chunk()? {
            lengths.push(piece.len());
        }
        Ok(lengths)
    }

    #[test]
    fn there_is_no_envelope_to_nobody() {
        assert!(Recipients::new(Vec::new()).is_none());
    }

    #[test]
    fn lengths_are_exact_and_follow_from_plaintext_and_recipients() {
        let chunk = CHUNK_LEN as u64;
        for len in [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 1] {
            for count in [1, 3] {
                let mut stream =
                    seal_stream(io::repeat(0).take(len), len, &to(count), &SystemEntropy::new());
                let total = stream.len();
                assert_eq!(total, sealed_len(len, count));
                let lengths = pieces(&mut stream).unwrap();
                assert_eq!(lengths.iter().sum::<usize>() as u64, total, "{len} to {count}");
                assert_eq!(lengths.len() as u64, 1 + stream::chunks(len));
                assert!(lengths[1..].iter().all(|&piece| piece <= CHUNK_LEN + TAG_LEN));
                assert!(stream.next_chunk().unwrap().is_none());
            }
        }
    }

    #[test]
    fn a_plaintext_of_another_length_never_comes_to_an_end() {
        let chunk = CHUNK_LEN as u64;
        for (is, says) in [(0, 1), (1, 0), (chunk, chunk + 1), (chunk + 1, chunk), (5, 4)] {
            let plaintext = io::repeat(0).take(is);
            let mut stream = seal_stream(plaintext, says, &to(1), &SystemEntropy::new());
            assert!(pieces(&mut stream).is_err(), "{is} instead of {says}");
            assert!(stream.next_chunk().is_err(), "once more: {is} instead of {says}");
        }
    }

    #[test]
    fn a_reader_that_gives_little_at_a_time_changes_nothing() {
        struct Drops(u64);
        impl Read for Drops {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let some = out.len().min(1000).min(usize::try_from(self.0).unwrap());
                self.0 -= some as u64;
                Ok(some)
            }
        }
        let mut stream = seal_stream(Drops(200_000), 200_000, &to(1), &SystemEntropy::new());
        let lengths = pieces(&mut stream).unwrap();
        assert_eq!(lengths[1..], [65_552, 65_552, 65_552, 3_408]);
    }

    #[test]
    fn what_is_sealed_shows_nothing_of_the_plaintext() {
        let plaintext = vec![b'A'; 100_000];
        let mut stream = seal_stream(&plaintext[..], 100_000, &to(2), &SystemEntropy::new());
        stream.next_chunk().unwrap();
        while let Some(piece) = stream.next_chunk().unwrap() {
            assert!(!piece.windows(8).any(|bytes| bytes == b"AAAAAAAA"));
        }
    }

    #[test]
    fn an_armored_text_has_one_size_for_one_length() {
        let entropy = SystemEntropy::new();
        let seal = || seal_armored(b"a notice", &Recipient::throw_away(&entropy), &entropy);
        let expected = usize::try_from(sealed_len(8, 1)).unwrap();
        assert_eq!(seal().len(), armor::armored_len(expected));
        assert_ne!(seal(), seal());
    }
}
