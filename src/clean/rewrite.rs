//! A plan for a file that is changed in many small places.

use zeroize::Zeroizing;

use super::replay::{Pieces, TooManyPieces};

/// Between two changes that lie closer together than this, bytes are written anew too: a piece costs more.
const NEAR: usize = 2048;
/// How large a piece that is written anew may become. None grows by being moved, so that all of them are wiped.
const CHUNK: usize = 64 << 10;
/// The most bytes that are written anew.
const MOST_WRITTEN: u64 = 64 << 20;
/// How long a run may become from which CRs are left out: a piece of it cannot be cut.
const MOST_LINES: u64 = 1 << 30;

/// Pieces, and a run of kept bytes that is not yet among them.
#[derive(Default)]
pub(super) struct Rewrite {
    pieces: Pieces,
    /// What is written and not yet among the pieces, at most [`CHUNK`].
    fresh: Zeroizing<Vec<u8>>,
    written: u64,
    /// Where the run begins in the input, and its length.
    run: (u64, u64),
    /// Whether CRs were left out of the run.
    lines: bool,
    /// Where in the input bytes would lie that go on from those kept last.
    next: u64,
    /// The run's bytes, while it is shorter than [`NEAR`] and follows a change.
    near: Zeroizing<Vec<u8>>,
    changed: bool,
}

impl Rewrite {
    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.ended() + self.run.1
    }

    /// The same without the run.
    fn ended(&self) -> u64 {
        self.pieces.len() + self.fresh.len() as u64
    }

    /// Keeps `bytes`, which stand at `at` in the input.
    pub(super) fn keep(&mut self, at: u64, bytes: &[u8]) -> Result<(), TooManyPieces> {
        if self.next != at || (self.lines && self.run.1 >= MOST_LINES) {
            // what is left out between two runs is a change too
            self.end_run()?;
            self.changed = true;
        }
        self.next = at + bytes.len() as u64;
        if self.run.1 == 0 {
            self.run.0 = at;
        }
        self.run.1 += bytes.len() as u64;
        if self.changed {
            if self.near.len() + bytes.len() < NEAR {
                let room = NEAR - self.near.len();
                self.near.reserve_exact(room);
                self.near.extend_from_slice(bytes);
            } else {
                self.changed = false;
                self.near.clear();
            }
        }
        Ok(())
    }

    /// Leaves out the CR that stands at `at` in the input, between bytes that are kept and are none.
    pub(super) fn leave_return(&mut self, at: u64) {
        if self.next == at && self.run.1 > 0 {
            self.next += 1;
            self.lines = true;
        }
    }

    /// Writes `bytes`.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), TooManyPieces> {
        self.end_run()?;
        self.changed = true;
        self.write(bytes)
    }

    /// Takes back what was added after the plan was `len` bytes long.
    pub(super) fn truncate(&mut self, len: u64) {
        match len.checked_sub(self.ended()) {
            Some(left) => {
                if left < self.run.1 {
                    // nothing goes on from what was taken back
                    self.next = u64::MAX;
                }
                self.run.1 = self.run.1.min(left);
                self.near.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            }
            None => {
                self.run = (0, 0);
                self.lines = false;
                self.near.clear();
                self.next = u64::MAX;
                let fresh = len.saturating_sub(self.pieces.len());
                self.fresh.truncate(usize::try_from(fresh).unwrap_or(usize::MAX));
                self.pieces.truncate(len);
            }
        }
    }

    pub(super) fn finish(mut self) -> Result<Pieces, TooManyPieces> {
        self.end_run()?;
        self.end_fresh()?;
        Ok(self.pieces)
    }

    fn end_run(&mut self) -> Result<(), TooManyPieces> {
        let (start, len) = std::mem::take(&mut self.run);
        let lines = std::mem::take(&mut self.lines);
        if self.changed {
            let near = std::mem::take(&mut self.near);
            self.write(&near)?;
            self.near = near;
            self.near.clear();
            return Ok(());
        }
        if len > 0 {
            self.end_fresh()?;
        }
        if lines { self.pieces.lines(start, len) } else { self.pieces.copy(start, start + len) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TooManyPieces> {
        self.written += bytes.len() as u64;
        if self.written > MOST_WRITTEN {
            return Err(TooManyPieces);
        }
        for part in bytes.chunks(CHUNK) {
            if self.fresh.len() + part.len() > CHUNK {
                self.end_fresh()?;
            }
            let room = CHUNK - self.fresh.len();
            self.fresh.reserve_exact(room);
            self.fresh.extend_from_slice(part);
        }
        Ok(())
    }

    fn end_fresh(&mut self) -> Result<(), TooManyPieces> {
        let piece = if self.fresh.len() > CHUNK / 2 {
            std::mem::take(&mut self.fresh)
        } else {
            Zeroizing::new(self.fresh.to_vec())
        };
        self.fresh.clear();
        self.pieces.made(piece)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        io::{Cursor, Read as _},
    };

    use proptest::prelude::*;

    use super::*;
    use crate::clean::{Cleaned, Kind};

    proptest! {
        #[test]
        fn a_rewrite_reads_as_its_steps(
            steps in proptest::collection::vec((0..3_u8, 0..5000_usize, 0..5000_usize), 0..12),
        ) {
            let input: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
            let (mut rewrite, mut expected) = (Rewrite::default(), Vec::new());
            for (step, a, b) in steps {
                let (from, to) = (a.min(b), a.max(b));
                match step {
                    0 => {
                        rewrite.keep(from as u64, &input[from..to]).unwrap();
                        expected.extend_from_slice(&input[from..to]);
                    }
                    1 => {
                        let to = (from + to % 7).min(input.len());
                        rewrite.put(&input[from..to]).unwrap();
                        expected.extend_from_slice(&input[from..to]);
                    }
                    _ => {
                        let len = expected.len() - expected.len().min(a % 100);
                        rewrite.truncate(len as u64);
                        expected.truncate(len);
                    }
                }
                prop_assert_eq!(rewrite.len(), expected.len() as u64);
            }
            let pieces = rewrite.finish().unwrap();
            let cleaned = Cleaned::new(Kind::Text, BTreeSet::new(), [], pieces);
            let mut output = Vec::new();
            cleaned.replay(Cursor::new(&input)).read_to_end(&mut output).unwrap();
            prop_assert_eq!(output, expected);
        }
    }

    #[test]
    fn changes_that_lie_close_are_one_piece() {
        let mut rewrite = Rewrite::default();
        for n in 0..200_000 {
            rewrite.keep(3 * n, b"ab").unwrap();
            rewrite.put(b"c").unwrap();
        }
        // and so are gaps
        for n in 0..200_000 {
            rewrite.keep(3 * n, b"ab").unwrap();
        }
        assert_eq!(rewrite.finish().unwrap().len(), 1_000_000);
    }

    #[test]
    fn returns_cost_nothing() {
        let mut rewrite = Rewrite::default();
        for n in 0..8_000_000 {
            rewrite.keep(12 * n, b"0123456789").unwrap();
            rewrite.leave_return(12 * n + 10);
            rewrite.keep(12 * n + 11, b"\n").unwrap();
        }
        let pieces = rewrite.finish().unwrap();
        assert_eq!(pieces.len(), 88_000_000);
        let cleaned = Cleaned::new(Kind::Text, BTreeSet::new(), [], pieces);
        assert!(cleaned.held() < 100 << 10);
    }

    #[test]
    fn what_is_written_anew_is_bounded() {
        let mut rewrite = Rewrite::default();
        let large = vec![b'a'; 16 << 20];
        assert!((0..4).all(|_| rewrite.put(&large).is_ok()));
        assert!(rewrite.put(b"a").is_err());
    }
}
