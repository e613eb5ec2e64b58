//! An item's data: extents of the file that are read as one run of bytes (ISO/IEC 14496-12 §8.11.3).

use std::io::{self, Read, Seek};

use crate::clean::{
    input::Input,
    replay::{Pieces, TooManyPieces},
};

/// Ranges of the file, none of them empty, in the order in which they are put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    extents: Vec<Extent>,
    len: u64,
}

#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Where it begins in the item.
    at: u64,
    /// Where it begins in the file.
    from: u64,
    len: u64,
}

impl Data {
    /// Puts the file's bytes `from..from + len` behind what is here.
    pub(super) fn push(&mut self, from: u64, len: u64) {
        if len > 0 {
            self.extents.push(Extent { at: self.len, from, len });
            self.len += len;
        }
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Reads up to `most` bytes from `at` on; fewer only at the end of the data.
    pub(super) fn read<R: Read + Seek>(
        &self,
        input: &mut Input<'_, R>,
        at: u64,
        most: usize,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (from, len) in self.ranges(at, at.saturating_add(most as u64)) {
            input.seek(from)?;
            let mut left = usize::try_from(len).unwrap_or(usize::MAX);
            while left > 0 {
                let window = input.window(1)?;
                let part = window.get(..left.min(window.len())).unwrap_or_default();
                if part.is_empty() {
                    return Ok(bytes);
                }
                bytes.extend_from_slice(part);
                let read = part.len();
                left -= read;
                input.consume(read);
            }
        }
        Ok(bytes)
    }

    /// Keeps the bytes `from..to` of the data.
    pub(super) fn copy(
        &self,
        pieces: &mut Pieces,
        from: u64,
        to: u64,
    ) -> Result<(), TooManyPieces> {
        self.ranges(from, to).try_for_each(|(from, len)| pieces.copy(from, from + len))
    }

    /// Where in the file the bytes `from..to` of the data lie: offset and length.
    fn ranges(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
        let first = self.extents.partition_point(|extent| extent.at + extent.len <= from);
        let extents = self.extents.get(first..).unwrap_or_default();
        extents.iter().take_while(move |extent| extent.at < to).map(move |extent| {
            let start = from.max(extent.at);
            let end = to.min(extent.at + extent.len);
            (extent.from + (start - extent.at), end.saturating_sub(start))
        })
    }
}
