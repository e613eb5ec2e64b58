//! Chunks behind sound that does not say where it ends, as recorders leave it that were cut off (WAV and AIFF).

use std::{
    io::{Read, Seek},
    ops::ControlFlow,
};

use crate::clean::{CleanError, Kind, Refusal, input::Input};

/// How much is looked at at a time.
const LOOK: usize = 32 << 10;
/// How many chunks may follow each other behind the sound.
const CHUNKS: u32 = 64;
/// How many headers of chunks are looked at in one file: sound has the name of one once in hundreds of megabytes, and
/// each may lie anywhere.
const HEADERS: u32 = 4096;

/// How chunks behind sound are told.
pub(super) struct Chunks {
    pub(super) kind: Kind,
    /// The names that the first may have.
    pub(super) names: &'static [&'static [u8; 4]],
    /// How a size is read.
    pub(super) size: fn([u8; 4]) -> u32,
}

impl Chunks {
    /// Where chunks begin between `start` and `end` that reach exactly to `end`.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] if too much looks like chunks: that none are there is not certain then.
    pub(super) fn find<R: Read + Seek>(
        &self,
        input: &mut Input<'_, R>,
        start: u64,
        end: u64,
    ) -> Result<Option<u64>, CleanError> {
        let (mut position, mut headers) = (start, HEADERS);
        while position < end {
            input.seek(position)?;
            let window = input.window(LOOK)?;
            let (length, last) = (window.len(), window.len() < LOOK);
            let mut places: Vec<usize> = self
                .names
                .iter()
                .flat_map(|name| memchr::memmem::find_iter(window, name.as_slice()))
                .collect();
            places.sort_unstable();
            for place in places {
                let place = position + place as u64;
                if self.reach_exactly(input, place, end, &mut headers)? {
                    return Ok(Some(place));
                }
            }
            if last {
                break;
            }
            // a name may lie across
            position += length as u64 - 3;
        }
        Ok(None)
    }

    /// Whether chunks begin at `position` that end at `end`.
    fn reach_exactly<R: Read + Seek>(
        &self,
        input: &mut Input<'_, R>,
        mut position: u64,
        end: u64,
        headers: &mut u32,
    ) -> Result<bool, CleanError> {
        for _ in 0..CHUNKS {
            *headers = headers.checked_sub(1).ok_or(Refusal::TooLarge { kind: self.kind })?;
            input.seek(position)?;
            let Some([a, b, c, d, size @ ..]) = input.take::<8>()? else {
                return Ok(false);
            };
            if !is_name([a, b, c, d]) {
                return Ok(false);
            }
            let size = u64::from((self.size)(size));
            match after(position, size, end) {
                ControlFlow::Continue(next) => position = next,
                ControlFlow::Break(exactly) => return Ok(exactly),
            }
        }
        Ok(false)
    }
}

/// Where the next chunk begins, or whether the last one ends exactly at `end`, with the byte that fills up or without.
fn after(position: u64, size: u64, end: u64) -> ControlFlow<bool, u64> {
    let next = position.saturating_add(8 + size);
    let padded = next.saturating_add(size % 2);
    if next == end || padded == end {
        ControlFlow::Break(true)
    } else if padded > end {
        ControlFlow::Break(false)
    } else {
        ControlFlow::Continue(padded)
    }
}

/// Whether a chunk may be called so.
pub(super) fn is_name(name: [u8; 4]) -> bool {
    name.iter().all(|byte| (b' '..=b'~').contains(byte))
}
