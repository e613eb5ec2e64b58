//! EXIF: what kinds of metadata a block holds, and the one thing that must survive, the orientation.
//!
//! A block is a small TIFF file: a header, then directories of 12-byte entries which point at each other. Nothing of it
//! is ever copied; the orientation is written anew as a block of its own:
//!
//! ```text
//! 4D 4D 00 2A  00 00 00 08   big-endian TIFF, first directory at 8
//! 00 01                      one entry:
//! 01 12  00 03  00 00 00 01  Orientation, SHORT, one value
//! 00 0N  00 00               the value, 2 to 8
//! 00 00 00 00                no further directory
//! ```

use std::collections::BTreeSet;

use crate::clean::{Found, traces};

/// The most directories of one block; phones write five.
const MAX_DIRECTORIES: usize = 16;
/// The most entries of one directory; phones write sixty.
const MAX_ENTRIES: usize = 1024;

const ORIENTATION: u16 = 0x0112;
const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
const INTEROP_DIRECTORY: u16 = 0xa005;

/// How a picture is to be turned or mirrored before it is shown (EXIF 4.6.4.A): 2 to 8. The upright 1 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::clean) struct Orientation(u8);

impl Orientation {
    /// None for 1 and for what is no orientation.
    pub(in crate::clean) fn new(value: u32) -> Option<Self> {
        u8::try_from(value).ok().filter(|value| (2..=8).contains(value)).map(Self)
    }

    pub(in crate::clean) const fn value(self) -> u8 {
        self.0
    }

    /// The block that says this and nothing else.
    pub(in crate::clean) const fn block(self) -> [u8; 26] {
        let mut block = *b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
        let [.., value, _, _, _, _, _, _] = &mut block;
        *value = self.0;
        block
    }
}

/// What a block says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::clean) struct Exif {
    pub(in crate::clean) orientation: Option<Orientation>,
    pub(in crate::clean) found: BTreeSet<Found>,
}

/// Reads a block as far as it can be read: what is broken, loops or does not end is `Other`, and goes the way of all.
pub(in crate::clean) fn read(block: &[u8]) -> Exif {
    let mut exif = Exif::default();
    if exif.read(block).is_none() {
        exif.found.insert(Found::Other);
    }
    exif
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directory {
    /// The picture's own, the first.
    Main,
    /// Those chained after it: previews.
    Chained,
    /// EXIF's and the interoperability directory.
    Inner,
    Gps,
}

impl Exif {
    /// None as soon as something is not as it must be.
    fn read(&mut self, block: &[u8]) -> Option<()> {
        let tiff = Tiff::new(block)?;
        let mut pending = vec![(Directory::Main, tiff.u32(4)?)];
        let mut seen = BTreeSet::new();
        while let Some((directory, offset)) = pending.pop() {
            if !seen.insert(offset) || seen.len() > MAX_DIRECTORIES {
                return None;
            }
            let at = usize::try_from(offset).ok()?;
            let count = usize::from(tiff.u16(at)?);
            if count > MAX_ENTRIES {
                return None;
            }
            for entry in (0..count).map(|index| at + 2 + 12 * index) {
                let tag = tiff.u16(entry)?;
                match tag {
                    EXIF_DIRECTORY | INTEROP_DIRECTORY => {
                        pending.push((Directory::Inner, tiff.u32(entry + 8)?));
                    }
                    GPS_DIRECTORY => pending.push((Directory::Gps, tiff.u32(entry + 8)?)),
                    ORIENTATION if directory == Directory::Main && self.orientation.is_none() => {
                        self.orientation = tiff.small_value(entry).and_then(Orientation::new);
                    }
                    _ => {}
                }
                self.found.extend(match directory {
                    Directory::Gps => traces::gps_tag(tag),
                    Directory::Main | Directory::Chained | Directory::Inner => {
                        traces::exif_tag(tag)
                    }
                });
            }
            // a missing link at the very end is common and harmless
            let next = tiff.u32(at + 2 + 12 * count).unwrap_or(0);
            if next != 0 && matches!(directory, Directory::Main | Directory::Chained) {
                pending.push((Directory::Chained, next));
            }
        }
        Some(())
    }
}

/// The numbers of a TIFF file in its own byte order (TIFF 6.0 §2).
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes {
            [b'I', b'I', b'*', 0, ..] => Some(Self { bytes, little: true }),
            [b'M', b'M', 0, b'*', ..] => Some(Self { bytes, little: false }),
            _ => None,
        }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// An entry's single value of one of the integer types, which lies in the entry itself.
    fn small_value(&self, entry: usize) -> Option<u32> {
        match (self.u16(entry + 2)?, self.u32(entry + 4)?) {
            (1, 1) => self.bytes.get(entry + 8).map(|&byte| byte.into()),
            (3, 1) => self.u16(entry + 8).map(u32::from),
            (4, 1) => self.u32(entry + 8),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_holds_nothing_else() {
        for value in 2..=8 {
            let orientation = Orientation::new(value).unwrap();
            let expected = Exif { orientation: Some(orientation), found: BTreeSet::new() };
            assert_eq!(read(&orientation.block()), expected);
        }
        assert_eq!(Orientation::new(1), None);
        assert_eq!(Orientation::new(9), None);
    }

    /// `II`, a main directory with `entries` (tag, value), then whatever is in `rest`.
    fn block(entries: &[(u16, u32)], next: u32, rest: &[u8]) -> Vec<u8> {
        let mut block = b"II*\0\x08\0\0\0".to_vec();
        block.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
        for (tag, value) in entries {
            block.extend(tag.to_le_bytes());
            block.extend([4, 0, 1, 0, 0, 0]);
            block.extend(value.to_le_bytes());
        }
        block.extend(next.to_le_bytes());
        block.extend(rest);
        block
    }

    #[test]
    fn kinds_are_told_apart() {
        let gps = |tag: u8| {
            block(&[(GPS_DIRECTORY, 26)], 0, &[1, 0, tag, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        };
        assert_eq!(read(&gps(2)).found, [Found::Location].into());
        assert_eq!(read(&gps(0)).found, BTreeSet::new());
        let exif = read(&block(&[(0x010f, 0), (0x0132, 0), (0x013b, 0), (ORIENTATION, 6)], 0, &[]));
        assert_eq!(exif.found, [Found::Device, Found::Time, Found::Person].into());
        assert_eq!(exif.orientation, Orientation::new(6));
    }

    #[test]
    fn loops_and_broken_blocks_end() {
        assert_eq!(read(&block(&[(EXIF_DIRECTORY, 8)], 8, &[])).found, [Found::Other].into());
        assert_eq!(
            read(&block(&[(EXIF_DIRECTORY, u32::MAX)], 0, &[])).found,
            [Found::Other].into()
        );
        assert_eq!(read(b"").found, [Found::Other].into());
        // the orientation is known before the rest turns out to be broken
        let broken = block(&[(ORIENTATION, 8), (EXIF_DIRECTORY, 9999)], 0, &[]);
        assert_eq!(read(&broken).orientation, Orientation::new(8));
    }

    proptest! {
        #[test]
        fn no_block_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), little: bool) {
            read(&bytes);
            let header: &[u8] = if little { b"II*\0\x08\0\0\0" } else { b"MM\0*\0\0\0\x08" };
            read(&[header, &bytes].concat());
        }
    }
}
