//! A stored age file on its way out.

use std::{
    fs::File,
    io::{self, Read},
    num::NonZeroU64,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use ring::digest::{Context, SHA256};
use rustix::fs::{Advice, fadvise};
use tokio::task::JoinHandle;

use super::{
    file_store::Inner,
    header::{self, EnvelopeHeader},
};

/// What is handed out at once.
const PIECE: usize = 64 << 10;
/// What is read at once.
const BLOCK: usize = 1 << 20;
/// How much further the disk is asked to read while a block is summed up.
const AHEAD: NonZeroU64 = NonZeroU64::new(4 << 20).unwrap();

/// Where a body's bytes come from, block by block.
pub trait Blocks: Send + 'static {
    /// The next block, not empty and no longer than what is left (blocking).
    ///
    /// # Errors
    /// `InvalidData` in place of the last block of a whole body that is not what was stored.
    fn next_block(&mut self) -> io::Result<Bytes>;

    /// Bytes still to come.
    fn left(&self) -> u64;
}

/// A piece-by-piece reader of a stored age file, or of a range of it.
///
/// While a block of it is handed out, the next one is read and summed up. An envelope that is
/// deleted meanwhile can be read to its end.
pub struct StoredBody {
    len: u64,
    sha256: [u8; 32],
    /// read and not handed out yet
    block: Bytes,
    next: Next,
    /// keeps the store open
    _store: Box<dyn Send + Sync>,
}

enum Next {
    /// Nothing was asked for yet.
    Unread(Box<dyn Blocks>),
    /// On its way.
    Reading(JoinHandle<io::Result<(Bytes, Box<dyn Blocks>)>>),
    /// After the last block, or after a failure.
    Nothing,
}

impl StoredBody {
    /// A body of these blocks; `sha256` is that of the whole age file. `store` is held until the
    /// body is dropped, which `blocks` should not do: one may be read for nobody any more.
    pub fn new(blocks: impl Blocks, sha256: [u8; 32], store: impl Send + Sync + 'static) -> Self {
        let len = blocks.left();
        let next = if len > 0 { Next::Unread(Box::new(blocks)) } else { Next::Nothing };
        Self { len, sha256, block: Bytes::new(), next, _store: Box::new(store) }
    }

    /// The next piece, of 1 to 65,536 bytes; `None` after the last.
    ///
    /// # Errors
    /// `InvalidData` before the last block of a whole body that is not what was stored (the
    /// envelope then goes to quarantine): what was read of it must be thrown away. After an error,
    /// or when the future was dropped, nothing more can be read.
    pub async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.block.is_empty() {
            let reading = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Unread(blocks) => read(blocks),
                Next::Reading(reading) => reading,
                Next::Nothing => return Ok(None),
            };
            let (block, blocks) = reading.await.map_err(io::Error::other)??;
            self.block = block;
            if blocks.left() > 0 {
                self.next = Next::Reading(read(blocks));
            }
        }
        let length = self.block.len().min(PIECE);
        Ok(Some(self.block.split_to(length)))
    }

    /// Bytes of all pieces together.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// SHA-256 of the whole age file as it was stored, also where only a range of it is read.
    pub fn sha256_of_whole(&self) -> [u8; 32] {
        self.sha256
    }

    /// True of an empty range.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

fn read(mut blocks: Box<dyn Blocks>) -> JoinHandle<io::Result<(Bytes, Box<dyn Blocks>)>> {
    tokio::task::spawn_blocking(move || Ok((blocks.next_block()?, blocks)))
}

/// Reads `len` bytes from where `file` stands; `whole` if that is all of the body.
pub(super) fn of_file(
    store: &Arc<Inner>,
    file: File,
    header: EnvelopeHeader,
    len: u64,
    whole: bool,
) -> StoredBody {
    let sum = whole.then(|| Context::new(&SHA256));
    let sha256 = header.sha256;
    let blocks = FileBlocks { store: Arc::downgrade(store), file, header, left: len, sum };
    StoredBody::new(blocks, sha256, Arc::clone(store))
}

struct FileBlocks {
    store: Weak<Inner>,
    file: File,
    header: EnvelopeHeader,
    left: u64,
    /// only of a body that is read whole
    sum: Option<Context>,
}

impl Blocks for FileBlocks {
    fn next_block(&mut self) -> io::Result<Bytes> {
        let mut block = vec![0; usize::try_from(self.left).map_or(BLOCK, |left| left.min(BLOCK))];
        let at = self.header.entry.bytes.saturating_sub(self.left) + header::LEN_U64;
        // only advice: to a range that does not go to the end, the wrong one
        let _ = fadvise(&self.file, at + block.len() as u64, Some(AHEAD), Advice::WillNeed);
        self.file.read_exact(&mut block)?;
        self.left -= block.len() as u64;
        if let Some(sum) = &mut self.sum {
            sum.update(&block);
        }
        if self.left == 0 && self.sum.take().is_some_and(|sum| self.differs(sum)) {
            if let Some(store) = self.store.upgrade() {
                store.quarantine_envelope(self.header.entry.id, "its body's checksum is wrong");
            }
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the envelope is damaged; throw away what was read of it",
            ));
        }
        Ok(block.into())
    }

    fn left(&self) -> u64 {
        self.left
    }
}

impl FileBlocks {
    fn differs(&self, sum: Context) -> bool {
        sum.finish().as_ref() != self.header.sha256
    }
}
