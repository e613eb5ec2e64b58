//! A cleaned file as a plan of pieces, and the reader that carries the plan out.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, ErrorKind, Read, Seek, SeekFrom},
};

use zeroize::Zeroizing;

use super::{Found, Kind, Remains, Report};

/// The most pieces of one plan: its memory stays below 16 MiB however a file is cut up. A long film with something to
/// leave out in each frame has hundreds of thousands.
const MAX_PIECES: usize = 1 << 20;
/// How much of what is written anew, bit by bit, lies together.
const BLOCK: usize = 4 << 10;

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

    /// How many of these bytes are kept in memory until they are replayed.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.pieces.blocks.iter().map(|block| block.len() as u64).sum()
    }

    /// Whether nothing remains; true only of a text that was nothing but a byte-order mark.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cleaned file's bytes, read from the same `input` that was examined, wherever it stands now.
    pub fn replay<R: Read + Seek>(self, input: R) -> Replay<R> {
        let Pieces { list, blocks, .. } = self.pieces;
        Replay { input, position: None, pieces: list.into_iter(), blocks, current: None }
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
    /// What is written anew. None grows beyond what was set aside for it, so that none leaves a copy behind.
    blocks: Vec<Zeroizing<Vec<u8>>>,
    len: u64,
}

/// Sixteen bytes: there may be many.
#[derive(Clone, Copy)]
enum Piece {
    /// Bytes of the input.
    Copy { from: u64, len: u32 },
    /// `len` bytes of the input, from which every CR is left out.
    Lines { from: u64, len: u32 },
    /// Bytes of a block.
    Literal { block: u32, from: u32, len: u32 },
    /// So many zeros.
    Zeros { len: u32 },
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Copy { len, .. }
            | Self::Lines { len, .. }
            | Self::Literal { len, .. }
            | Self::Zeros { len } => u64::from(*len),
        }
    }

    /// The bytes of a literal.
    fn of(self, blocks: &[Zeroizing<Vec<u8>>]) -> &[u8] {
        let Self::Literal { block, from, len } = self else {
            return &[];
        };
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let block = blocks.get(place(block)).map_or(&[][..], |block| block);
        let from = block.get(place(from)..).unwrap_or_default();
        from.get(..place(len)).unwrap_or_default()
    }

    /// What is left of it after its first `count` bytes.
    fn without(mut self, count: u32) -> Self {
        match &mut self {
            Self::Copy { from, len } => {
                *from += u64::from(count);
                *len = len.saturating_sub(count);
            }
            Self::Literal { from, len, .. } => {
                *from += count;
                *len = len.saturating_sub(count);
            }
            // where it goes on is known to who has read it
            Self::Lines { len, .. } | Self::Zeros { len } => *len = len.saturating_sub(count),
        }
        self
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
    pub(super) fn copy(&mut self, mut from: u64, to: u64) -> Result<(), TooManyPieces> {
        while from < to {
            let mut added = to - from;
            match self.list.last_mut() {
                Some(Piece::Copy { from: before, len })
                    if *before + u64::from(*len) == from && *len < u32::MAX =>
                {
                    added = added.min((u32::MAX - *len).into());
                    *len += small(added);
                }
                _ => {
                    added = added.min(u32::MAX.into());
                    self.push(Piece::Copy { from, len: small(added) })?;
                }
            }
            from += added;
            self.len += added;
        }
        Ok(())
    }

    /// Keeps `len` bytes of the input from `from` on, and leaves out every CR between them.
    pub(super) fn lines(&mut self, from: u64, len: u64) -> Result<(), TooManyPieces> {
        let len = u32::try_from(len).map_err(|_| TooManyPieces)?;
        if len > 0 {
            self.push(Piece::Lines { from, len })?;
        }
        self.len += u64::from(len);
        Ok(())
    }

    /// Writes `bytes`.
    pub(super) fn literal(&mut self, bytes: &[u8]) -> Result<(), TooManyPieces> {
        let fits = |block: &Zeroizing<Vec<u8>>| block.capacity() - block.len() >= bytes.len();
        if !self.blocks.last().is_some_and(fits) {
            self.blocks.push(Zeroizing::new(Vec::with_capacity(BLOCK.max(bytes.len()))));
        }
        let last = small(self.blocks.len() as u64).saturating_sub(1);
        let Some(target) = self.blocks.last_mut() else {
            return Ok(());
        };
        let (from, added) = (small(target.len() as u64), small(bytes.len() as u64));
        target.extend_from_slice(bytes);
        match self.list.last_mut() {
            Some(Piece::Literal { block, from: before, len })
                if *block == last && *before + *len == from =>
            {
                *len += added;
            }
            _ => self.push(Piece::Literal { block: last, from, len: added })?,
        }
        self.len += u64::from(added);
        Ok(())
    }

    /// Writes `bytes` (less than 4 GiB) without another copy of them.
    pub(super) fn made(&mut self, bytes: Zeroizing<Vec<u8>>) -> Result<(), TooManyPieces> {
        let len = u32::try_from(bytes.len()).map_err(|_| TooManyPieces)?;
        if len > 0 {
            self.push(Piece::Literal { block: small(self.blocks.len() as u64), from: 0, len })?;
            self.blocks.push(bytes);
        }
        self.len += u64::from(len);
        Ok(())
    }

    /// Writes zeros in the place of bytes that nobody reads.
    pub(super) fn zeros(&mut self, mut count: u64) -> Result<(), TooManyPieces> {
        while count > 0 {
            let added = count.min(u32::MAX.into());
            self.push(Piece::Zeros { len: small(added) })?;
            self.len += added;
            count -= added;
        }
        Ok(())
    }

    /// Everything of `after`, behind what is here. Together they may be more than one plan may have: see
    /// [`Self::is_full`].
    pub(super) fn append(&mut self, after: Self) {
        let blocks = small(self.blocks.len() as u64);
        self.len += after.len;
        self.blocks.extend(after.blocks);
        self.list.extend(after.list.into_iter().map(|mut piece| {
            if let Piece::Literal { block, .. } = &mut piece {
                *block += blocks;
            }
            piece
        }));
    }

    /// Whether nothing may be added any more.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MAX_PIECES
    }

    /// The same as [`Self::append`], held to the number of pieces; neighbours become one.
    pub(super) fn join(&mut self, after: Self) -> Result<(), TooManyPieces> {
        let Self { list, blocks, .. } = after;
        list.into_iter().try_for_each(|piece| match piece {
            Piece::Copy { from, len } => self.copy(from, from + u64::from(len)),
            Piece::Lines { from, len } => self.lines(from, len.into()),
            Piece::Literal { .. } => self.literal(piece.of(&blocks)),
            Piece::Zeros { len } => self.zeros(len.into()),
        })
    }

    /// The same plan for an input in which the planned file begins at `offset`.
    pub(super) fn within(mut self, offset: u64) -> Self {
        for piece in &mut self.list {
            if let Piece::Copy { from, .. } | Piece::Lines { from, .. } = piece {
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
            let kept = small(len.saturating_sub(self.len));
            match &mut piece {
                Piece::Copy { len, .. }
                | Piece::Lines { len, .. }
                | Piece::Literal { len, .. }
                | Piece::Zeros { len } => *len = kept,
            }
            if kept > 0 {
                self.len += u64::from(kept);
                self.list.push(piece);
            }
        }
    }

    fn push(&mut self, piece: Piece) -> Result<(), TooManyPieces> {
        if self.is_full() {
            return Err(TooManyPieces);
        }
        self.list.push(piece);
        Ok(())
    }
}

/// A number that has been held below 2^32 where it comes from: lengths of pieces, and of blocks, which are in memory.
fn small(number: u64) -> u32 {
    debug_assert!(number <= u32::MAX.into());
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads exactly [`Cleaned::len`] bytes, then ends; an input that ends early is [`ErrorKind::UnexpectedEof`].
pub struct Replay<R> {
    input: R,
    /// Where the input stands, once that is known.
    position: Option<u64>,
    pieces: std::vec::IntoIter<Piece>,
    blocks: Vec<Zeroizing<Vec<u8>>>,
    /// What is left of the piece under way.
    current: Option<Piece>,
}

impl<R> fmt::Debug for Replay<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}

impl<R: Read + Seek> Replay<R> {
    /// Goes to `position`, if possible without giving up what the input has read ahead.
    fn go_to(&mut self, position: u64) -> io::Result<()> {
        let signed = |position: u64| i64::try_from(position).ok();
        let ahead = self.position.and_then(|at| signed(position)?.checked_sub(signed(at)?));
        match ahead {
            Some(0) => {}
            Some(ahead) => self.input.seek_relative(ahead)?,
            None => {
                self.input.seek(SeekFrom::Start(position))?;
            }
        }
        self.position = Some(position);
        Ok(())
    }
}

impl<R: Read + Seek> Read for Replay<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(mut piece) = self.current.take().or_else(|| self.pieces.next()) else {
                return Ok(0);
            };
            let left = usize::try_from(piece.len()).unwrap_or(usize::MAX);
            if left == 0 {
                continue;
            }
            let count = left.min(buf.len());
            let target = buf.get_mut(..count).unwrap_or_default();
            let read = match &mut piece {
                Piece::Copy { from, .. } | Piece::Lines { from, .. } => {
                    let from = *from;
                    self.go_to(from)?;
                    // where an error leaves the input is not known
                    self.position = None;
                    let read = match self.input.read(target) {
                        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                        Ok(read) => read,
                        Err(error) => {
                            self.current = Some(piece);
                            return Err(error);
                        }
                    };
                    self.position = Some(from + read as u64);
                    if let Piece::Lines { from, .. } = &mut piece {
                        *from += read as u64;
                        without_returns(target.get_mut(..read).unwrap_or_default())
                    } else {
                        read
                    }
                }
                Piece::Zeros { .. } => {
                    target.fill(0);
                    count
                }
                Piece::Literal { .. } => match piece.of(&self.blocks).read(target)? {
                    0 => return Err(ErrorKind::UnexpectedEof.into()),
                    read => read,
                },
            };
            self.current = Some(piece.without(small(read as u64)));
            if read > 0 {
                return Ok(read);
            }
        }
    }
}

/// Moves all that is no CR to the beginning of `bytes`; how many bytes that are.
fn without_returns(bytes: &mut [u8]) -> usize {
    let mut kept = 0;
    let mut from = 0;
    while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
        let line = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
        bytes.copy_within(from..from + line, kept);
        kept += line;
        from += line + 1;
    }
    kept
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
        let mut after = Pieces::default();
        after.copy(6, 7).unwrap();
        after.literal(b"z").unwrap();
        pieces.join(after).unwrap();
        assert_eq!(pieces.list.len(), 4);
        assert_eq!(read(pieces, b"abcdefg").unwrap(), b"abcdxyfgz");
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

    #[test]
    fn ranges_above_4_gib_are_cut() {
        let mut pieces = Pieces::default();
        pieces.copy(7, 7 + 3 * u64::from(u32::MAX)).unwrap();
        pieces.copy(7 + 3 * u64::from(u32::MAX), 8 + 3 * u64::from(u32::MAX)).unwrap();
        assert_eq!((pieces.list.len(), pieces.len()), (4, 1 + 3 * u64::from(u32::MAX)));
        pieces.truncate(5);
        assert_eq!(pieces.list.len(), 1);
        assert_eq!(read(pieces, b"0123456abcdefg").unwrap(), b"abcde");
        assert_eq!(size_of::<Piece>(), 16);
    }

    #[test]
    fn lines_lose_their_returns() {
        let mut pieces = Pieces::default();
        pieces.lines(1, 7).unwrap();
        pieces.literal(b"|").unwrap();
        pieces.lines(0, 5).unwrap();
        pieces.truncate(11);
        let cleaned = Cleaned::new(Kind::Text, BTreeSet::new(), [], pieces.within(1));
        // byte by byte, in which a CR alone is nothing
        let mut replay = cleaned.replay(Cursor::new(b".xab\r\ncd\r\r\ne"));
        let (mut all, mut byte) = (Vec::new(), [0]);
        while replay.read(&mut byte).unwrap() > 0 {
            all.extend(byte);
        }
        assert_eq!(all, b"ab\ncd\ne|xab");
    }

    #[test]
    fn plans_are_put_together() {
        let (mut first, mut second) = (Pieces::default(), Pieces::default());
        first.literal(b"one ").unwrap();
        second.made(Zeroizing::new(b"two ".to_vec())).unwrap();
        second.copy(0, 3).unwrap();
        second.literal(b" three").unwrap();
        first.append(second.within(2));
        assert_eq!(read(first, b"..abc").unwrap(), b"one two abc three");
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
