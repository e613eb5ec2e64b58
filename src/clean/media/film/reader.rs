//! The examined film: its boxes, counted, and what was found in them.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use super::model::Gapless;
use crate::clean::{
    CleanError, Found, Kind, Limits, Refusal,
    input::Input,
    media::boxes::{self, BoxHeader, Next},
};

/// The most boxes that one box may hold.
const MOST_CHILDREN: usize = 1 << 16;
/// The most bytes at once.
const STEP: usize = 32 << 10;

pub(super) struct Film<'a, 'i, R> {
    pub(super) input: &'a mut Input<'i, R>,
    pub(super) kind: Kind,
    pub(super) limits: &'a Limits,
    pub(super) found: BTreeSet<Found>,
    pub(super) gapless: Option<Gapless>,
    boxes: u32,
    /// Bytes of sample entries that are held, of all tracks.
    pub(super) entry_bytes: usize,
    /// Rows of tables that are held, of all tracks.
    rows: u32,
}

impl<'a, 'i, R: Read + Seek> Film<'a, 'i, R> {
    pub(super) fn new(input: &'a mut Input<'i, R>, kind: Kind, limits: &'a Limits) -> Self {
        let found = BTreeSet::new();
        Self { input, kind, limits, found, gapless: None, boxes: 0, entry_bytes: 0, rows: 0 }
    }

    pub(super) fn damaged(&self) -> CleanError {
        Refusal::Damaged { kind: self.kind }.into()
    }

    pub(super) fn too_large(&self) -> CleanError {
        Refusal::TooLarge { kind: self.kind }.into()
    }

    /// The box that begins at `position`, inside what ends at `end`; None at the end, or where no box is.
    pub(super) fn box_at(
        &mut self,
        position: u64,
        end: u64,
    ) -> Result<Option<BoxHeader>, CleanError> {
        self.input.seek(position)?;
        let Next::Box(header) = boxes::next(self.input, end)? else {
            return Ok(None);
        };
        self.boxes += 1;
        if self.boxes > self.limits.parts {
            return Err(self.too_large());
        }
        Ok(Some(header))
    }

    /// The boxes in `from..end`, up to the first that is broken.
    pub(super) fn children(
        &mut self,
        mut from: u64,
        end: u64,
    ) -> Result<Vec<BoxHeader>, CleanError> {
        let mut children = Vec::new();
        while let Some(header) = self.box_at(from, end)? {
            if children.len() >= MOST_CHILDREN {
                return Err(self.too_large());
            }
            from = header.end;
            children.push(header);
        }
        Ok(children)
    }

    /// The boxes in `header`'s payload.
    pub(super) fn inside(&mut self, header: &BoxHeader) -> Result<Vec<BoxHeader>, CleanError> {
        self.children(header.payload, header.end)
    }

    /// The first `most` bytes of the payload, or all that there are.
    pub(super) fn load(&mut self, header: &BoxHeader, most: usize) -> Result<Vec<u8>, CleanError> {
        let length = (header.end - header.payload).min(most as u64);
        let mut bytes = Vec::new();
        self.read(header.payload, header.payload + length, &mut bytes)?;
        Ok(bytes)
    }

    /// Puts the film's bytes `from..to` in `bytes`.
    pub(super) fn read(
        &mut self,
        from: u64,
        to: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), CleanError> {
        bytes.clear();
        self.input.seek(from)?;
        let mut left = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        while left > 0 {
            let window = self.input.window(left.min(STEP))?;
            let count = left.min(window.len());
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(window.get(..count).unwrap_or_default());
            self.input.consume(count);
            left -= count;
        }
        Ok(())
    }

    /// Counts rows of tables before they are held.
    pub(super) fn hold(&mut self, rows: u64) -> Result<(), CleanError> {
        let rows = u32::try_from(rows).ok().and_then(|rows| self.rows.checked_add(rows));
        match rows {
            // a row takes half a byte at least, and a sample that is shown one
            Some(rows) if rows <= self.limits.parts && u64::from(rows) <= 2 * self.input.len() => {
                self.rows = rows;
            }
            _ => return Err(self.too_large()),
        }
        Ok(())
    }
}

/// The first of `boxes` that is called `name`.
pub(super) fn named(boxes: &[BoxHeader], name: &[u8; 4]) -> Option<BoxHeader> {
    boxes.iter().find(|header| header.name == *name).copied()
}
