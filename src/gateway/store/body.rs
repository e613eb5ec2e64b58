//! A stored age file on its way out.

use std::{
    fs::File,
    io::{self, Read},
    sync::{Arc, Weak},
};

use bytes::Bytes;
use ring::digest::{Context, SHA256};
use tokio::task::{JoinHandle, spawn_blocking};

use super::{file_store::Inner, header::EnvelopeHeader};

/// What is handed out at once.
const PIECE: usize = 64 << 10;
/// What is read at once.
const BLOCK: usize = 512 << 10;

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

/// What is done with each block once it is read, and before it is handed out (blocking). An error takes the place of the
/// block.
type Check = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// A piece-by-piece reader of a stored age file, or of a range of it.
///
/// While a block of it is handed out, the next one is summed up and the one after it is read. An
/// envelope that is deleted meanwhile can be read to its end.
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
    Unread(Box<dyn Blocks>, Option<Check>),
    OnItsWay(JoinHandle<io::Result<Checked>>),
    /// After the last block, or after a failure.
    Nothing,
}

/// A block that may be handed out, and what comes after it.
struct Checked {
    block: Bytes,
    check: Option<Check>,
    after: Option<Reading>,
}

type Reading = JoinHandle<io::Result<(Bytes, Box<dyn Blocks>)>>;

impl StoredBody {
    /// A body of these blocks; `sha256` is that of the whole age file. `store` is held until the
    /// body is dropped, which `blocks` should not do: one may be read for nobody any more.
    pub fn new(blocks: impl Blocks, sha256: [u8; 32], store: impl Send + Sync + 'static) -> Self {
        Self::checked(blocks, None, sha256, Box::new(store))
    }

    fn checked(
        blocks: impl Blocks,
        check: Option<Check>,
        sha256: [u8; 32],
        store: Box<dyn Send + Sync>,
    ) -> Self {
        let len = blocks.left();
        let next = if len > 0 { Next::Unread(Box::new(blocks), check) } else { Next::Nothing };
        Self { len, sha256, block: Bytes::new(), next, _store: store }
    }

    /// The next piece, of 1 to 65,536 bytes; `None` after the last.
    ///
    /// # Errors
    /// `InvalidData` before the last block of a whole body that is not what was stored (the
    /// envelope then goes to quarantine): what was read of it must be thrown away. After an error,
    /// or when the future was dropped, nothing more can be read.
    pub async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.block.is_empty() {
            let on_its_way = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Unread(blocks, check) => bring(read(blocks), check),
                Next::OnItsWay(next) => next,
                Next::Nothing => return Ok(None),
            };
            let Checked { block, check, after } = on_its_way.await.map_err(io::Error::other)??;
            self.block = block;
            if let Some(reading) = after {
                self.next = Next::OnItsWay(bring(reading, check));
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

fn read(mut blocks: Box<dyn Blocks>) -> Reading {
    spawn_blocking(move || Ok((blocks.next_block()?, blocks)))
}

/// Checks a block once it is read, the next one being read meanwhile.
fn bring(reading: Reading, check: Option<Check>) -> JoinHandle<io::Result<Checked>> {
    tokio::spawn(async move {
        let (block, blocks) = reading.await.map_err(io::Error::other)??;
        let after = (blocks.left() > 0).then(|| read(blocks));
        let Some(mut check) = check else {
            return Ok(Checked { block, check: None, after });
        };
        let checking = spawn_blocking(move || check(&block).map(|()| (block, check)));
        let (block, check) = checking.await.map_err(io::Error::other)??;
        Ok(Checked { block, check: Some(check), after })
    })
}

/// Reads `len` bytes from where `file` stands; `whole` if that is all of the body.
pub(super) fn of_file(
    store: &Arc<Inner>,
    file: File,
    header: EnvelopeHeader,
    len: u64,
    whole: bool,
) -> StoredBody {
    let sha256 = header.sha256;
    let check = whole.then(|| sum_up(Arc::downgrade(store), header, len));
    let blocks = FileBlocks { file, left: len };
    StoredBody::checked(blocks, check, sha256, Box::new(Arc::clone(store)))
}

struct FileBlocks {
    file: File,
    left: u64,
}

impl Blocks for FileBlocks {
    fn next_block(&mut self) -> io::Result<Bytes> {
        let mut block = vec![0; usize::try_from(self.left).map_or(BLOCK, |left| left.min(BLOCK))];
        self.file.read_exact(&mut block)?;
        self.left -= block.len() as u64;
        Ok(block.into())
    }

    fn left(&self) -> u64 {
        self.left
    }
}

/// Sums a whole body of `left` bytes up, and sends the envelope to quarantine if it is not what was stored.
fn sum_up(store: Weak<Inner>, header: EnvelopeHeader, mut left: u64) -> Check {
    let mut sum = Context::new(&SHA256);
    Box::new(move |block| {
        sum.update(block);
        left = left.saturating_sub(block.len() as u64);
        if left > 0 || sum.clone().finish().as_ref() == header.sha256 {
            return Ok(());
        }
        if let Some(store) = store.upgrade() {
            store.quarantine_envelope(header.entry.id, "its body's checksum is wrong");
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the envelope is damaged; throw away what was read of it",
        ))
    })
}
