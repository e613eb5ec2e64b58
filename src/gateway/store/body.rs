//! A stored age file on its way out.

use std::{
    fs::File,
    io::{self, Read},
    sync::Arc,
};

use bytes::Bytes;
use ring::digest::{Context, SHA256};

use super::{file_store::Inner, header::EnvelopeHeader};

const PIECE: usize = 64 << 10;

/// A piece-by-piece reader of a stored age file, or of a range of it.
///
/// An envelope that is deleted meanwhile can be read to its end.
pub struct StoredBody {
    len: u64,
    sha256: [u8; 32],
    /// `None` after the last piece, or after a failure
    reader: Option<Reader>,
}

struct Reader {
    store: Arc<Inner>,
    file: File,
    header: EnvelopeHeader,
    left: u64,
    /// only of a body that is read whole
    sum: Option<Context>,
}

impl StoredBody {
    /// Reads `len` bytes from where `file` stands; `whole` if that is all of the body.
    pub(super) fn new(
        store: Arc<Inner>,
        file: File,
        header: EnvelopeHeader,
        len: u64,
        whole: bool,
    ) -> Self {
        let sum = whole.then(|| Context::new(&SHA256));
        let sha256 = header.sha256;
        let reader = Reader { store, file, header, left: len, sum };
        Self { len, sha256, reader: (len > 0).then_some(reader) }
    }

    /// The next piece, of 1 to 65,536 bytes; `None` after the last.
    ///
    /// # Errors
    /// `InvalidData` in place of the last piece of a whole body that is not what was stored (the
    /// envelope then goes to quarantine): what was read of it must be thrown away. After an error,
    /// or when the future was dropped, nothing more can be read.
    pub async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let Some(mut reader) = self.reader.take() else {
            return Ok(None);
        };
        let read = tokio::task::spawn_blocking(move || {
            let piece = reader.next()?;
            Ok::<_, io::Error>((piece, reader))
        });
        let (piece, reader) = read.await.map_err(io::Error::other)??;
        self.reader = (reader.left > 0).then_some(reader);
        Ok(Some(piece))
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

impl Reader {
    fn next(&mut self) -> io::Result<Bytes> {
        let mut piece = vec![0; usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE))];
        self.file.read_exact(&mut piece)?;
        self.left -= piece.len() as u64;
        if let Some(sum) = &mut self.sum {
            sum.update(&piece);
        }
        if self.left == 0 && self.sum.take().is_some_and(|sum| self.differs(sum)) {
            self.store.quarantine_envelope(self.header.entry.id, "its body's checksum is wrong");
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the envelope is damaged; throw away what was read of it",
            ));
        }
        Ok(piece.into())
    }

    fn differs(&self, sum: Context) -> bool {
        sum.finish().as_ref() != self.header.sha256
    }
}
