//! A frame's image data: the sub-blocks that stay, and the last of them, which is written anew.

use std::collections::VecDeque;

use crate::clean::{
    picture::lzw::{Form, Lzw, end_with},
    replay::{Pieces, TooManyPieces},
};

/// What is read of a frame's data.
pub(super) struct Data {
    lzw: Lzw,
    ended: bool,
    /// Bytes of all sub-blocks so far, and with those behind the end.
    len: u64,
    seen: u64,
    /// The sub-blocks that stay whole.
    kept: Pieces,
    /// Those in which the stream may still turn out to have ended.
    pending: VecDeque<Block>,
    overrun: bool,
}

struct Block {
    /// Where it lies in the file, its length first; None if the file ends in it.
    position: Option<u64>,
    /// Where it begins in the stream, in bytes.
    start: u64,
    bytes: Vec<u8>,
}

impl Block {
    fn end_bit(&self) -> u64 {
        8 * (self.start + self.bytes.len() as u64)
    }
}

impl Data {
    pub(super) fn new(depth: u8, pixels: u64) -> Self {
        Self {
            lzw: Lzw::new(Form::Gif, depth, pixels),
            ended: false,
            len: 0,
            seen: 0,
            kept: Pieces::default(),
            pending: VecDeque::new(),
            overrun: false,
        }
    }

    /// Whether sub-blocks go on behind the stream and its end code.
    pub(super) fn trails(&self) -> bool {
        let end = self.lzw.consumed() + u64::from(self.lzw.end_code().1);
        self.ended && self.seen > end.div_ceil(8)
    }

    pub(super) fn used(&self) -> &[bool] {
        self.lzw.used()
    }

    /// Bytes that will be copied.
    pub(super) fn copied(&self) -> u64 {
        self.kept.len()
    }

    /// Takes the sub-block whose length stands at `position`, or none that is right.
    pub(super) fn block(&mut self, position: Option<u64>, bytes: &[u8]) {
        self.seen += bytes.len() as u64;
        if self.ended {
            return;
        }
        self.ended = self.lzw.feed(bytes).is_some();
        self.pending.push_back(Block { position, start: self.len, bytes: bytes.to_vec() });
        self.len += bytes.len() as u64;
        while let Some(block) = self.pending.front() {
            let Some(start) = block.position.filter(|_| block.end_bit() <= self.lzw.consumed())
            else {
                break;
            };
            self.overrun |= self.kept.copy(start, start + 1 + block.bytes.len() as u64).is_err();
            self.pending.pop_front();
        }
    }

    /// Writes the data with its end and its terminator.
    pub(super) fn write(self, pieces: &mut Pieces) -> Result<(), TooManyPieces> {
        if self.overrun {
            return Err(TooManyPieces);
        }
        pieces.join(self.kept)?;
        let start = self.pending.front().map_or(self.len, |block| block.start);
        let bits = usize::try_from(self.lzw.consumed() - 8 * start).map_err(|_| TooManyPieces)?;
        let rest: Vec<u8> = self.pending.into_iter().flat_map(|block| block.bytes).collect();
        let rest = end_with(Form::Gif, rest, bits, self.lzw.end_code());
        for block in rest.chunks(255) {
            pieces.literal(&[u8::try_from(block.len()).unwrap_or(255)])?;
            pieces.literal(block)?;
        }
        pieces.literal(&[0])
    }
}
