//! What stands before the age file in an envelope's file.
//!
//! ```text
//! offset  length
//!      0       8  "sealenv\n"
//!      8       2  version, 1
//!     10       1  size class, an index of the table of size classes
//!     11       5  zero
//!     16      16  id
//!     32       4  day the envelope came in, days since 1970-01-01
//!     36       4  epoch
//!     40       8  length of the body in bytes
//!     48      32  SHA-256 of the body
//!     80      16  zero
//!     96      32  SHA-256 of bytes 0 to 95
//!    128       …  body: the age file, to the end of the file
//! ```
//!
//! Integers are unsigned and big-endian. There is one way to write a header: a parsed one encodes
//! to the bytes it came from.

use ring::digest::{SHA256, digest};

use super::{Entry, take};
use crate::{
    clock::{Day, Epoch},
    tip::{SizeClass, TipId},
};

/// Bytes of a header.
pub const LEN: usize = 128;
/// [`LEN`], for file offsets.
pub const LEN_U64: u64 = 128;
/// Bytes of a header that its checksum covers; the checksum follows them.
pub const CHECKED: usize = 96;

const MAGIC: &[u8; 8] = b"sealenv\n";
const VERSION: u16 = 1;

/// The header of an envelope's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeHeader {
    /// What the index knows.
    pub entry: Entry,
    /// SHA-256 of the age file.
    pub sha256: [u8; 32],
}

/// Why bytes are no envelope header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Another magic.
    #[error("it is no envelope")]
    Magic,
    /// The checksum differs: the header is damaged.
    #[error("its header's checksum is wrong")]
    Checksum,
    /// A version this program does not know.
    #[error("its header has an unknown version")]
    Version,
    /// Intact, but with a value that has no meaning.
    #[error("its header holds an impossible value")]
    Value,
}

impl EnvelopeHeader {
    /// The bytes of the header.
    pub fn encode(&self) -> [u8; LEN] {
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.push(self.entry.class.index());
        bytes.extend([0; 5]);
        bytes.extend(self.entry.id.0);
        bytes.extend(self.entry.day.0.to_be_bytes());
        bytes.extend(self.entry.epoch.0.to_be_bytes());
        bytes.extend(self.entry.bytes.to_be_bytes());
        bytes.extend(self.sha256);
        bytes.extend([0; 16]);
        bytes.extend(checksum(&bytes));
        let mut out = [0; LEN];
        out.copy_from_slice(&bytes);
        out
    }

    /// Reads a header, strictly.
    pub fn parse(bytes: &[u8; LEN]) -> Result<Self, HeaderError> {
        let (checked, sum) = bytes.split_at(CHECKED);
        if !checked.starts_with(MAGIC) {
            return Err(HeaderError::Magic);
        }
        if checksum(checked) != sum {
            return Err(HeaderError::Checksum);
        }
        Self::fields(checked).ok_or(HeaderError::Value)?
    }

    /// `None` stands for a value without a meaning.
    fn fields(mut rest: &[u8]) -> Option<Result<Self, HeaderError>> {
        let rest = &mut rest;
        take::<8>(rest)?;
        if u16::from_be_bytes(take(rest)?) != VERSION {
            return Some(Err(HeaderError::Version));
        }
        let [class] = take(rest)?;
        let class = SizeClass::from_index(class)?;
        let gap = take::<5>(rest)?;
        let id = TipId(take(rest)?);
        let day = Day(u32::from_be_bytes(take(rest)?));
        let epoch = Epoch(u32::from_be_bytes(take(rest)?));
        let bytes = u64::from_be_bytes(take(rest)?);
        let sha256 = take(rest)?;
        if gap != [0; 5] || take::<16>(rest)? != [0; 16] {
            return None;
        }
        Some(Ok(Self { entry: Entry { id, day, epoch, class, bytes }, sha256 }))
    }
}

/// The header's checksum over its first [`CHECKED`] bytes.
pub fn checksum(checked: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, checked).as_ref());
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> impl Strategy<Value = EnvelopeHeader> {
        let class = 0..u8::try_from(SizeClass::COUNT).unwrap();
        (any::<[u8; 16]>(), any::<u32>(), any::<u32>(), class, any::<u64>(), any::<[u8; 32]>())
            .prop_map(|(id, day, epoch, class, bytes, sha256)| EnvelopeHeader {
                entry: Entry {
                    id: TipId(id),
                    day: Day(day),
                    epoch: Epoch(epoch),
                    class: SizeClass::from_index(class).unwrap(),
                    bytes,
                },
                sha256,
            })
    }

    /// Gives the bytes a checksum that fits, so that the fields behind it are reached.
    fn resealed(mut bytes: [u8; LEN]) -> [u8; LEN] {
        let checksum = checksum(&bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(&checksum);
        bytes
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(header in header()) {
            prop_assert_eq!(EnvelopeHeader::parse(&header.encode()), Ok(header));
        }

        #[test]
        fn any_flipped_bit_is_noticed(header in header(), byte in 0..LEN, bit in 0..8) {
            let mut bytes = header.encode();
            bytes[byte] ^= 1_u8 << bit;
            prop_assert!(EnvelopeHeader::parse(&bytes).is_err());
        }

        #[test]
        fn there_is_one_way_to_write_a_header(header in header(), at in 0..CHECKED, with in any::<u8>()) {
            let mut bytes = header.encode();
            bytes[at] = with;
            let bytes = resealed(bytes);
            if let Ok(parsed) = EnvelopeHeader::parse(&bytes) {
                prop_assert_eq!(parsed.encode(), bytes);
            }
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let valid = EnvelopeHeader {
            entry: Entry {
                id: TipId([7; 16]),
                day: Day(20_779),
                epoch: Epoch(2_968),
                class: SizeClass::from_index(3).unwrap(),
                bytes: 1_000,
            },
            sha256: [9; 32],
        };
        let with = |at: usize, byte: u8| {
            let mut bytes = valid.encode();
            bytes[at] = byte;
            EnvelopeHeader::parse(&resealed(bytes))
        };
        assert_eq!(with(0, b'S'), Err(HeaderError::Magic));
        assert_eq!(with(9, 2), Err(HeaderError::Version));
        assert_eq!(with(10, 200), Err(HeaderError::Value));
        assert_eq!(with(11, 1), Err(HeaderError::Value));
        assert_eq!(with(95, 1), Err(HeaderError::Value));
        assert_eq!(EnvelopeHeader::parse(&[0; LEN]), Err(HeaderError::Magic));
    }
}
