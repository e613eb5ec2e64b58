//! A cleaned file as a plan of pieces, and the reader that carries the plan out.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, ErrorKind, Read, Seek, SeekFrom},
};

use zeroize::Zeroizing;

use super::{Found, Kind, Remains, Report};

/// The most pieces of one plan: its memory stays below 64 MiB however a file is cut up. Of a recording in Ogg each page
/// is two pieces, and there may be fifty of them in a second.
const MAX_PIECES: usize = 1 << 20;

/// The plan of a cleaned file: which ranges of the original stay, and what is written anew. Of a document all that is
/// written anew is kept in memory, and wiped.
pub struct Cleaned {
    report: Report,
    pieces: Pieces,
}

impl Cleaned {
    pub(super) fn new(
        kind: Kind,
        found: BTreeSet<Found>,
        remains: impl IntoIterator<Item = Remains>,
        pieces: Pieces,
    ) -> Self {
        let report = Report { kind, found, remains: remains.into_iter().collect() };
        Self { report, pieces }
    }

    /// What was found and what remains.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The report and the plan apart, for a file that becomes part of another.
    pub(super) fn into_parts(self) -> (Report, Pieces) {
        (self.report, self.pieces)
    }

    /// Exact length of the cleaned file in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.pieces.len
    }

    /// Whether nothing remains; true only of a text that was nothing but a byte-order mark.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cleaned file's bytes, read from the same `input` that was examined, wherever it stands now.
    pub fn replay<R: Read + Seek>(self, input: R) -> Replay<R> {
        Replay { input, pieces: self.pieces.list.into_iter(), current: None }
    }
}

impl fmt::Debug for Cleaned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleaned").field("report", &self.report).finish_non_exhaustive()
    }
}

/// What a cleaned file is put together from, in order.
#[derive(Default)]
pub(super) struct Pieces {
    list: Vec<Piece>,
    len: u64,
}

enum Piece {
    /// Bytes of the input.
    Copy { from: u64, len: u64 },
    /// Bytes that are not in the input, or not there.
    Literal(Zeroizing<Vec<u8>>),
    /// So many zeros.
    Zeros(u64),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Copy { len, .. } | Self::Zeros(len) => *len,
            Self::Literal(bytes) => bytes.len() as u64,
        }
    }
}

/// A file is cut into more pieces than a plan may have.
#[derive(Debug)]
pub(super) struct TooManyPieces;

impl Pieces {
    /// Bytes of the cleaned file so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Keeps the input's bytes `from..to`.
    pub(super) fn copy(&mut self, from: u64, to: u64) -> Result<(), TooManyPieces> {
        let added = to.saturating_sub(from);
        if added == 0 {
            return Ok(());
        }
        match self.list.last_mut() {
            Some(Piece::Copy { from: before, len }) if *before + *len == from => *len += added,
            _ => self.push(Piece::Copy { from, len: added })?,
        }
        self.len += added;
        Ok(())
    }

    /// Writes `bytes`.
    pub(super) fn literal(&mut self, bytes: &[u8]) -> Result<(), TooManyPieces> {
        match self.list.last_mut() {
            Some(Piece::Literal(before)) => before.extend_from_slice(bytes),
            _ => self.push(Piece::Literal(Zeroizing::new(bytes.to_vec())))?,
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Writes `bytes` without another copy of them.
    pub(super) fn made(&mut self, bytes: Zeroizing<Vec<u8>>) -> Result<(), TooManyPieces> {
        let added = bytes.len() as u64;
        if added > 0 {
            self.push(Piece::Literal(bytes))?;
        }
        self.len += added;
        Ok(())
    }

    /// Writes zeros in the place of bytes that nobody reads.
    pub(super) fn zeros(&mut self, count: u64) -> Result<(), TooManyPieces> {
        match self.list.last_mut() {
            _ if count == 0 => {}
            Some(Piece::Zeros(before)) => *before += count,
            _ => self.push(Piece::Zeros(count))?,
        }
        self.len += count;
        Ok(())
    }

    /// Everything of `after`, behind what is here.
    pub(super) fn append(&mut self, after: Self) {
        self.len += after.len;
        self.list.extend(after.list);
    }

    /// The same plan for an input in which the planned file begins at `offset`.
    pub(super) fn within(mut self, offset: u64) -> Self {
        for piece in &mut self.list {
            if let Piece::Copy { from, .. } = piece {
                *from += offset;
            }
        }
        self
    }

    /// Takes back what was added after the plan was `len` bytes long.
    pub(super) fn truncate(&mut self, len: u64) {
        while self.len > len {
            let Some(mut piece) = self.list.pop() else {
                break;
            };
            self.len -= piece.len();
            let kept = len.saturating_sub(self.len);
            match &mut piece {
                Piece::Copy { len, .. } | Piece::Zeros(len) => *len = kept,
                Piece::Literal(bytes) => {
                    bytes.truncate(usize::try_from(kept).unwrap_or(usize::MAX))
                }
            }
            if kept > 0 {
                self.len += kept;
                self.list.push(piece);
            }
        }
    }

    fn push(&mut self, piece: Piece) -> Result<(), TooManyPieces> {
        if self.list.len() >= MAX_PIECES {
            return Err(TooManyPieces);
        }
        self.list.push(piece);
        Ok(())
    }
}

/// Reads exactly [`Cleaned::len`] bytes, then ends; an input that ends early is [`ErrorKind::UnexpectedEof`].
pub struct Replay<R> {
    input: R,
    pieces: std::vec::IntoIter<Piece>,
    /// The piece under way and how much of it has been read.
    current: Option<(Piece, u64)>,
}

impl<R> fmt::Debug for Replay<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}

impl<R: Read + Seek> Read for Replay<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let Some((piece, done)) = &mut self.current else {
                let Some(piece) = self.pieces.next() else {
                    return Ok(0);
                };
                if let Piece::Copy { from, .. } = piece {
                    self.input.seek(SeekFrom::Start(from))?;
                }
                self.current = Some((piece, 0));
                continue;
            };
            let left = usize::try_from(piece.len() - *done).unwrap_or(usize::MAX);
            if left == 0 {
                self.current = None;
                continue;
            }
            let count = left.min(buf.len());
            let target = buf.get_mut(..count).unwrap_or_default();
            let read = match piece {
                Piece::Copy { .. } => match self.input.read(target)? {
                    0 => return Err(ErrorKind::UnexpectedEof.into()),
                    read => read,
                },
                Piece::Zeros(_) => {
                    target.fill(0);
                    count
                }
                Piece::Literal(bytes) => {
                    let rest = usize::try_from(*done).ok().and_then(|done| bytes.get(done..));
                    rest.unwrap_or_default().read(target)?
                }
            };
            *done += read as u64;
            return Ok(read);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn read(pieces: Pieces, input: &[u8]) -> io::Result<Vec<u8>> {
        let cleaned = Cleaned::new(Kind::Text, BTreeSet::new(), [], pieces);
        let len = cleaned.len();
        let mut bytes = Vec::new();
        cleaned.replay(Cursor::new(input)).read_to_end(&mut bytes)?;
        assert_eq!(bytes.len() as u64, len);
        Ok(bytes)
    }

    #[test]
    fn neighbours_become_one_piece() {
        let mut pieces = Pieces::default();
        pieces.copy(0, 2).unwrap();
        pieces.copy(2, 4).unwrap();
        pieces.literal(b"x").unwrap();
        pieces.literal(b"y").unwrap();
        pieces.copy(5, 6).unwrap();
        assert_eq!(pieces.list.len(), 3);
        assert_eq!(read(pieces, b"abcdef").unwrap(), b"abcdxyf");
    }

    #[test]
    fn an_input_that_ends_early_is_an_error() {
        let mut pieces = Pieces::default();
        pieces.copy(0, 9).unwrap();
        assert_eq!(read(pieces, b"abc").unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_plan_has_a_bounded_number_of_pieces() {
        let mut pieces = Pieces::default();
        let cut_up = (0..=MAX_PIECES as u64).try_for_each(|n| pieces.copy(2 * n, 2 * n + 1));
        assert!(cut_up.is_err());
    }

    proptest! {
        #[test]
        fn a_plan_reads_as_its_pieces(
            input in proptest::collection::vec(any::<u8>(), 1..64),
            steps in proptest::collection::vec((0..3_u8, 0..64_usize, 0..64_usize), 0..16),
            kept in 0..200_usize,
        ) {
            let (mut pieces, mut expected) = (Pieces::default(), Vec::new());
            for (step, a, b) in steps {
                let (from, to) = (a.min(b).min(input.len()), a.max(b).min(input.len()));
                let bytes = &input[from..to];
                match step {
                    0 => pieces.copy(from as u64, to as u64).unwrap(),
                    1 => pieces.literal(bytes).unwrap(),
                    _ => pieces.zeros(bytes.len() as u64).unwrap(),
                }
                match step {
                    0 | 1 => expected.extend_from_slice(bytes),
                    _ => expected.resize(expected.len() + bytes.len(), 0),
                }
            }
            pieces.truncate(kept as u64);
            expected.truncate(kept);
            prop_assert_eq!(read(pieces, &input).unwrap(), expected);
        }
    }
}
