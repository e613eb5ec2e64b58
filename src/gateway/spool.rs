//! Where a file waits between the wire and the envelope: an unlinked temporary file of sealed
//! chunks, under a key that lives only in memory.
//!
//! ```text
//! chunk 0        chunk 1              last chunk
//! 64 KiB + tag   64 KiB + tag   …     0 to 64 KiB + tag
//! ```
//!
//! Plaintext never reaches the disk, and what does reach it cannot be read once the key is gone,
//! which is when the [`Spool`] is dropped or the machine loses power. The file has no name at any
//! time (`O_TMPFILE`, where the file system has it), so the operating system frees it even if the
//! program is killed.
//!
//! Each chunk is AES-256-GCM (NIST SP 800-38D) with its number as nonce, and its number and whether
//! it is the last as associated data. A chunk that was changed, moved, or cut off at the end is an
//! error when it is read. The key seals one file; a chunk is sealed once.
//!
//! In memory there is at most one chunk of plaintext per file, in a buffer that is wiped. The key
//! is wiped too; `spool/cipher.rs` says what that does not reach.

#[cfg(not(feature = "plain-spool-for-tests"))]
mod cipher;
#[cfg(feature = "plain-spool-for-tests")]
#[path = "spool/plain.rs"]
mod cipher;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::Path,
};

use self::cipher::{ChunkKey, TAG};
use crate::{random::Entropy, secret::SecretBytes};

/// Plaintext bytes of every chunk but the last.
pub const CHUNK: usize = 64 << 10;

/// A chunk and its tag, on disk.
const SEALED: u64 = (CHUNK + TAG) as u64;

/// A file being written.
pub struct SpoolWriter {
    file: File,
    key: ChunkKey,
    /// Chunks that are on disk.
    chunks: u64,
    /// Plaintext of the chunk being filled; its capacity never changes, so no copy is left behind.
    buffer: SecretBytes,
    /// Set while a chunk is being sealed: after a failure, nothing may be sealed under its number.
    broken: bool,
}

impl SpoolWriter {
    /// A new unlinked file in `folder`, which should lie on a disk with room for a whole tip.
    pub fn create(folder: &Path, entropy: &dyn Entropy) -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            key: ChunkKey::random(entropy),
            chunks: 0,
            buffer: SecretBytes::new(Vec::with_capacity(CHUNK + TAG)),
            broken: false,
        })
    }

    /// Takes bytes in pieces of any size. Blocks while a chunk is written.
    ///
    /// # Errors
    /// Those of the disk, which may be full. The file is lost then: every later call fails.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.broken {
            return Err(broken());
        }
        while !bytes.is_empty() {
            // a full chunk is sealed when more comes, for only then is it not the last
            if self.buffer.expose().len() == CHUNK {
                self.seal(false)?;
            }
            let room = CHUNK - self.buffer.expose().len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.buffer.expose_mut().extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Writes the last chunk. The file is not synced: it is not meant to outlive the program.
    pub fn finish(mut self) -> io::Result<Spool> {
        if self.broken {
            return Err(broken());
        }
        let len = self.chunks * CHUNK as u64 + self.buffer.expose().len() as u64;
        self.seal(true)?;
        let chunks = Chunks { file: self.file, key: self.key, len };
        Ok(Spool { chunks, position: 0, cache: Cache::empty() })
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        self.broken = true;
        let buffer = self.buffer.expose_mut();
        let tag = self.key.seal(self.chunks, is_last, buffer)?;
        buffer.extend_from_slice(&tag);
        self.file.write_all_at(buffer, self.chunks * SEALED)?;
        buffer.clear();
        self.chunks += 1;
        self.broken = false;
        Ok(())
    }
}

fn broken() -> io::Error {
    io::Error::other("an earlier part of the file could not be written to the spool")
}

/// A file that was written; `Read` and `Seek`, so it is a [`tip::Content`](crate::tip::Content).
///
/// Reading on from where one stopped opens each chunk once; a chunk that is read whole is opened in
/// the reader's buffer. Seeking to the start gives up the spool's own, which matters where many
/// files wait.
pub struct Spool {
    chunks: Chunks,
    position: u64,
    cache: Cache,
}

impl Spool {
    /// Bytes of the file, without what sealing adds.
    pub fn len(&self) -> u64 {
        self.chunks.len
    }

    /// True if the file has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Read for Spool {
    /// # Errors
    /// `InvalidData` if the temporary file is not as it was written.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || self.position >= self.len() {
            return Ok(0);
        }
        let chunk = self.position / CHUNK as u64;
        let at = usize::try_from(self.position % CHUNK as u64).unwrap_or(0);
        let chunk_len = self.chunks.chunk_len(chunk);
        let n = if at == 0 && buf.len() >= chunk_len && self.cache.chunk != Some(chunk) {
            self.chunks.open(chunk, &mut buf[..chunk_len])?;
            chunk_len
        } else {
            self.cache.load(&self.chunks, chunk)?;
            (&self.cache.plain.expose()[at..]).read(buf)?
        };
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        if self.position == 0 {
            self.cache = Cache::empty();
        }
        Ok(self.position)
    }
}

/// The temporary file.
struct Chunks {
    file: File,
    key: ChunkKey,
    /// Plaintext bytes in all chunks.
    len: u64,
}

impl Chunks {
    fn last(&self) -> u64 {
        // an empty file has one chunk, and a full last chunk is not followed by an empty one
        self.len.saturating_sub(1) / CHUNK as u64
    }

    /// Plaintext bytes of one of the chunks.
    fn chunk_len(&self, chunk: u64) -> usize {
        let rest = self.len - chunk * CHUNK as u64;
        usize::try_from(rest).map_or(CHUNK, |rest| rest.min(CHUNK))
    }

    /// Opens a chunk into `out`, which has its length. After an error, `out` holds zeros.
    fn open(&self, chunk: u64, out: &mut [u8]) -> io::Result<()> {
        let mut tag = [0; TAG];
        let at = chunk * SEALED;
        let outcome = self
            .file
            .read_exact_at(out, at)
            .and_then(|()| self.file.read_exact_at(&mut tag, at + out.len() as u64))
            .and_then(|()| self.key.open(chunk, chunk == self.last(), out, tag));
        if outcome.is_err() {
            out.fill(0);
        }
        outcome
    }
}

/// The chunk that was opened last, unless it was opened in a reader's buffer.
struct Cache {
    chunk: Option<u64>,
    plain: SecretBytes,
}

impl Cache {
    fn empty() -> Self {
        Self { chunk: None, plain: SecretBytes::new(Vec::new()) }
    }

    fn load(&mut self, chunks: &Chunks, chunk: u64) -> io::Result<()> {
        if self.chunk == Some(chunk) {
            return Ok(());
        }
        self.chunk = None;
        if self.plain.expose().is_empty() {
            // room for any chunk at once: a buffer that grows leaves copies behind
            self.plain = SecretBytes::new(Vec::with_capacity(chunks.chunk_len(0)));
        }
        let plain = self.plain.expose_mut();
        plain.resize(chunks.chunk_len(chunk), 0);
        chunks.open(chunk, plain)?;
        self.chunk = Some(chunk);
        Ok(())
    }
}

#[cfg(test)]
#[cfg(not(feature = "plain-spool-for-tests"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::SystemEntropy;

    const CHUNK_U64: u64 = CHUNK as u64;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn spooled(plain: &[u8]) -> Spool {
        let mut writer = SpoolWriter::create(folder().path(), &SystemEntropy::new()).unwrap();
        writer.write(plain).unwrap();
        writer.finish().unwrap()
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect()
    }

    fn read_all(spool: &mut Spool) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        spool.read_to_end(&mut plain).map(|_| plain)
    }

    #[test]
    fn each_length_comes_back() {
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 5] {
            let plain = pattern(len);
            let mut spool = spooled(&plain);
            assert_eq!(spool.len(), len as u64);
            assert_eq!(spool.is_empty(), len == 0);
            assert_eq!(read_all(&mut spool).unwrap(), plain);
            let chunks = len.div_ceil(CHUNK).max(1);
            let on_disk = spool.chunks.file.metadata().unwrap().len();
            assert_eq!(on_disk, (len + chunks * TAG) as u64);
        }
    }

    #[test]
    fn the_file_has_no_name_and_no_plaintext() {
        let folder = folder();
        let mut writer = SpoolWriter::create(folder.path(), &SystemEntropy::new()).unwrap();
        let canary = b"canary canary canary canary";
        for _ in 0..10_000 {
            writer.write(canary).unwrap();
        }
        let spool = writer.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut on_disk = vec![0; usize::try_from(spool.len()).unwrap()];
        spool.chunks.file.read_exact_at(&mut on_disk, 0).unwrap();
        assert!(!on_disk.windows(6).any(|part| part == b"canary"));
    }

    #[test]
    fn two_files_have_two_keys() {
        let first = spooled(&[0; 100]);
        let second = spooled(&[0; 100]);
        let (mut a, mut b) = ([0; 100], [0; 100]);
        first.chunks.file.read_exact_at(&mut a, 0).unwrap();
        second.chunks.file.read_exact_at(&mut b, 0).unwrap();
        assert_ne!(a, b);
    }

    #[test]
    fn a_chunk_that_is_cut_off_moved_or_exchanged_is_refused() {
        let plain = pattern(2 * CHUNK + 10);
        let sealed = |spool: &Spool, chunk: u64, len: usize| {
            let mut bytes = vec![0; len + TAG];
            spool.chunks.file.read_exact_at(&mut bytes, chunk * SEALED).unwrap();
            bytes
        };
        // cut off at a chunk's end, with a length to match: only the last flag tells
        let mut spool = spooled(&plain);
        spool.chunks.file.set_len(2 * SEALED).unwrap();
        assert!(read_all(&mut spool).is_err());
        spool.chunks.len = 2 * CHUNK_U64;
        spool.rewind().unwrap();
        assert_eq!(read_all(&mut spool).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // exchanged
        let mut spool = spooled(&plain);
        let (first, second) = (sealed(&spool, 0, CHUNK), sealed(&spool, 1, CHUNK));
        spool.chunks.file.write_all_at(&second, 0).unwrap();
        spool.chunks.file.write_all_at(&first, SEALED).unwrap();
        assert_eq!(read_all(&mut spool).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // from another file
        let foreign = spooled(&plain);
        let mut spool = spooled(&plain);
        spool.chunks.file.write_all_at(&sealed(&foreign, 0, CHUNK), 0).unwrap();
        assert_eq!(read_all(&mut spool).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_chunk_is_opened_once_while_it_is_read() {
        let plain = pattern(2 * CHUNK);
        let mut spool = spooled(&plain);
        let mut buf = [0; 1000];
        spool.read_exact(&mut buf).unwrap();
        // from now on the first chunk can be had from memory only
        spool.chunks.file.write_all_at(&[0; 64], 500).unwrap();
        let mut rest = vec![0; CHUNK - 1000];
        spool.read_exact(&mut rest).unwrap();
        assert_eq!(rest, plain[1000..CHUNK]);
        spool.seek(SeekFrom::Start(7)).unwrap();
        spool.read_exact(&mut buf).unwrap();
        assert_eq!(buf, plain[7..1007]);
        // and at the start it is let go of
        spool.rewind().unwrap();
        assert_eq!(spool.cache.plain.expose().capacity(), 0);
        assert!(spool.read(&mut buf).is_err());
    }

    #[test]
    fn a_failed_reading_shows_nothing() {
        let mut spool = spooled(&pattern(CHUNK));
        spool.chunks.file.write_all_at(&[0; 8], 100).unwrap();
        let mut large = vec![1; CHUNK];
        assert!(spool.read(&mut large).is_err());
        assert!(large.iter().all(|b| *b == 0));
        let mut small = [1; 10];
        assert!(spool.read(&mut small).is_err());
        assert_eq!(small, [1; 10]);
        assert!(spool.cache.plain.expose().iter().all(|b| *b == 0));
    }

    #[test]
    fn after_a_failed_write_nothing_more_is_sealed() {
        let mut writer = SpoolWriter::create(folder().path(), &SystemEntropy::new()).unwrap();
        // a file that cannot be written stands for a full disk
        writer.file = File::open("/dev/null").unwrap();
        writer.write(&[1; CHUNK]).unwrap();
        assert!(writer.write(&[1]).is_err());
        assert!(writer.write(&[1]).is_err());
        assert!(writer.finish().is_err());
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error() {
        let missing = folder().path().join("missing");
        assert!(SpoolWriter::create(&missing, &SystemEntropy::new()).is_err());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Read(usize),
        Seek(SeekFrom),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let near = -3 * i64::try_from(CHUNK).unwrap()..3 * i64::try_from(CHUNK).unwrap();
        prop_oneof![
            (0..3 * CHUNK).prop_map(Step::Read),
            (0..100usize).prop_map(Step::Read),
            (0..4 * CHUNK_U64).prop_map(|n| Step::Seek(SeekFrom::Start(n))),
            (0..4u64).prop_map(|n| Step::Seek(SeekFrom::Start(n * CHUNK_U64))),
            near.clone().prop_map(|n| Step::Seek(SeekFrom::Current(n))),
            near.prop_map(|n| Step::Seek(SeekFrom::End(n))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_written_in_pieces_of_any_size(
            pieces in prop::collection::vec(0..CHUNK + 100, 0..6),
        ) {
            let plain = pattern(pieces.iter().sum());
            let mut writer = SpoolWriter::create(folder().path(), &SystemEntropy::new()).unwrap();
            let mut rest = plain.as_slice();
            for piece in pieces {
                let (now, later) = rest.split_at(piece);
                writer.write(now).unwrap();
                rest = later;
            }
            prop_assert_eq!(read_all(&mut writer.finish().unwrap()).unwrap(), plain);
        }

        #[test]
        fn it_reads_and_seeks_as_a_vector_does(
            len in 0..3 * CHUNK,
            steps in prop::collection::vec(any_step(), 1..40),
        ) {
            let mut model = io::Cursor::new(pattern(len));
            let mut spool = spooled(model.get_ref());
            for step in steps {
                match step {
                    Step::Seek(to) => {
                        let (found, wanted) = (spool.seek(to), model.seek(to));
                        prop_assert_eq!(found.as_ref().ok(), wanted.as_ref().ok());
                    }
                    Step::Read(size) => {
                        let mut found = Vec::new();
                        let mut wanted = Vec::new();
                        spool.by_ref().take(size as u64).read_to_end(&mut found).unwrap();
                        model.by_ref().take(size as u64).read_to_end(&mut wanted).unwrap();
                        prop_assert_eq!(found, wanted);
                    }
                }
            }
        }

        #[test]
        fn a_changed_byte_anywhere_is_an_error(
            len in 0..2 * CHUNK + 20,
            at: prop::sample::Index,
            flip in 1u8..,
        ) {
            let mut spool = spooled(&pattern(len));
            let on_disk = spool.chunks.file.metadata().unwrap().len();
            let at = at.index(usize::try_from(on_disk).unwrap()) as u64;
            let mut byte = [0];
            spool.chunks.file.read_exact_at(&mut byte, at).unwrap();
            byte[0] ^= flip;
            spool.chunks.file.write_all_at(&byte, at).unwrap();
            // an empty file has nothing to read, so nothing that could be wrong
            prop_assert_eq!(read_all(&mut spool).is_err(), len > 0);
        }
    }
}
