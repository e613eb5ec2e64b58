//! Reading a TIFF's numbers and directories (TIFF 6.0 §2, BigTIFF).

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek},
};

use super::write::Order;
use crate::clean::input::Input;

/// The most fields of one directory; programs write forty.
const MAX_ENTRIES: u64 = 4096;

/// One field, not yet read.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) tag: u16,
    kind: u16,
    count: u64,
    /// Where the values lie in the file.
    at: u64,
}

impl Entry {
    /// Bytes of one value; None for a type that nobody knows.
    const fn size(&self) -> Option<u64> {
        Some(match self.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => return None,
        })
    }
}

/// The fields of a directory, of several with one tag the first, and where the next directory is.
pub(super) struct Directory {
    entries: BTreeMap<u16, Entry>,
    pub(super) next: u64,
}

impl Directory {
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}

/// The examined file.
pub(super) struct File<'a, 'b, R> {
    pub(super) input: &'a mut Input<'b, R>,
    order: Order,
    big: bool,
}

impl<'a, 'b, R: Read + Seek> File<'a, 'b, R> {
    /// The file and where its first directory is; None if its header is not whole.
    pub(super) fn new(input: &'a mut Input<'b, R>) -> io::Result<Option<(Self, u64)>> {
        let Some([order, _, v0, v1]) = input.take::<4>()? else {
            return Ok(None);
        };
        let order = if order == b'I' { Order::Little } else { Order::Big };
        let big = order.u16([v0, v1]) == 43;
        let mut file = Self { input, order, big };
        if big && file.u16(4)? != Some(8) {
            return Ok(None);
        }
        let first = if big { file.u64(8)? } else { file.u32(4)?.map(u64::from) };
        Ok(first.map(|first| (file, first)))
    }

    pub(super) const fn order(&self) -> Order {
        self.order
    }

    pub(super) fn len(&self) -> u64 {
        self.input.len()
    }

    fn read<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        self.input.seek(at)?;
        self.input.take()
    }

    fn u16(&mut self, at: u64) -> io::Result<Option<u16>> {
        Ok(self.read(at)?.map(|bytes| self.order.u16(bytes)))
    }

    fn u32(&mut self, at: u64) -> io::Result<Option<u32>> {
        Ok(self.read(at)?.map(|bytes| self.order.u32(bytes)))
    }

    fn u64(&mut self, at: u64) -> io::Result<Option<u64>> {
        Ok(self.read(at)?.map(|bytes| self.order.u64(bytes)))
    }

    /// An offset or a count at `at`, in the file's width.
    fn word(&mut self, at: u64) -> io::Result<Option<u64>> {
        if self.big { self.u64(at) } else { Ok(self.u32(at)?.map(u64::from)) }
    }

    /// The directory at `at`; None if it is not whole.
    pub(super) fn directory(&mut self, at: u64) -> io::Result<Option<Directory>> {
        let word = if self.big { 8 } else { 4 };
        let (count, first) = if self.big {
            (self.u64(at)?, at.saturating_add(8))
        } else {
            (self.u16(at)?.map(u64::from), at.saturating_add(2))
        };
        let Some(count) = count.filter(|count| (1..=MAX_ENTRIES).contains(count)) else {
            return Ok(None);
        };
        let mut entries = BTreeMap::new();
        let step = 4 + 2 * word;
        for index in 0..count {
            let at = first + step * index;
            let (tag, kind) = (self.u16(at)?, self.u16(at.saturating_add(2))?);
            let values = self.word(at.saturating_add(4))?;
            let (Some(tag), Some(kind), Some(count)) = (tag, kind, values) else {
                return Ok(None);
            };
            let mut entry = Entry { tag, kind, count, at: at + 4 + word };
            if entry.size().is_none_or(|size| count.saturating_mul(size) > word) {
                entry.at = self.word(at + 4 + word)?.unwrap_or(u64::MAX);
            }
            entries.entry(tag).or_insert(entry);
        }
        // a missing link at the very end is common and harmless
        let next = self.word(first + step * count)?.unwrap_or(0);
        Ok(Some(Directory { entries, next }))
    }

    /// The values of a whole-numbered field, at most `most`; None if it is missing or not of numbers.
    pub(super) fn numbers(
        &mut self,
        directory: &Directory,
        tag: u16,
        most: u64,
    ) -> io::Result<Option<Vec<u64>>> {
        let Some(entry) = directory.entries.get(&tag).copied() else {
            return Ok(None);
        };
        let mut numbers = Vec::new();
        let Some(size) = entry.size() else {
            return Ok(None);
        };
        for index in 0..entry.count.min(most) {
            let at = entry.at.saturating_add(size * index);
            let number = match entry.kind {
                1 => self.read::<1>(at)?.map(|[byte]| byte.into()),
                3 => self.u16(at)?.map(u64::from),
                4 | 13 => self.u32(at)?.map(u64::from),
                16 | 18 => self.u64(at)?,
                _ => return Ok(None),
            };
            let Some(number) = number else {
                return Ok(None);
            };
            numbers.push(number);
        }
        Ok(Some(numbers))
    }

    /// The first value of a whole-numbered field.
    pub(super) fn number(&mut self, directory: &Directory, tag: u16) -> io::Result<Option<u64>> {
        Ok(self.numbers(directory, tag, 1)?.and_then(|numbers| numbers.first().copied()))
    }

    /// The values of a field of fractions, at most `most`; None unless each is one.
    pub(super) fn fractions(
        &mut self,
        directory: &Directory,
        tag: u16,
        most: u64,
    ) -> io::Result<Option<Vec<f64>>> {
        let Some(entry) = directory.entries.get(&tag).copied() else {
            return Ok(None);
        };
        if entry.kind != 5 {
            let numbers = self.numbers(directory, tag, most)?;
            #[expect(clippy::cast_precision_loss, reason = "none of these is large")]
            return Ok(numbers.map(|numbers| numbers.into_iter().map(|n| n as f64).collect()));
        }
        let mut fractions = Vec::new();
        for index in 0..entry.count.min(most) {
            let at = entry.at.saturating_add(8 * index);
            match (self.u32(at)?, self.u32(at.saturating_add(4))?) {
                (Some(over), Some(under @ 1..)) => {
                    fractions.push(f64::from(over) / f64::from(under));
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(fractions))
    }

    /// The bytes of a field, at most `most` (64 KiB).
    pub(super) fn bytes(
        &mut self,
        directory: &Directory,
        tag: u16,
        most: usize,
    ) -> io::Result<Option<Vec<u8>>> {
        let Some(entry) = directory.entries.get(&tag).copied() else {
            return Ok(None);
        };
        let len = usize::try_from(entry.count).unwrap_or(usize::MAX).min(most);
        if entry.size() != Some(1) {
            return Ok(None);
        }
        self.input.seek(entry.at)?;
        let window = self.input.window(len)?;
        Ok(window.get(..len).map(<[u8]>::to_vec))
    }
}
