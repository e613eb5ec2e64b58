//! The one form of tar header that Sealpost writes and, in a tip's archive, reads: POSIX.1-1988
//! ustar, a regular file.
//!
//! ```text
//! offset  bytes  field     value
//!      0    100  name      see EntryName, padded with zero bytes
//!    100      8  mode      "0000600" NUL; in what is public "0000644" NUL
//!    108      8  uid       "0000000" NUL
//!    116      8  gid       "0000000" NUL
//!    124     12  size      eleven octal digits, NUL
//!    136     12  mtime     "00000000000" NUL
//!    148      8  chksum    six octal digits, NUL, space
//!    156      1  typeflag  "0"
//!    157    100  linkname  zero bytes
//!    257      8  magic     "ustar" NUL "00"
//!    265     64  names of owner and group: zero bytes
//!    329     16  device numbers: "0000000" NUL, twice
//!    345    167  prefix and rest: zero bytes
//! ```
//!
//! Owner, mode and time are the same in each, so they tell nothing. A name and a size have one
//! header: reading one makes it again from what was read and takes it only if it is the same.

use super::entry::EntryName;

/// Bytes of a tar block: a header is one, contents fill a whole number of them.
pub(crate) const BLOCK: usize = 512;

/// What a header says of its size at most: eleven octal digits. Larger files would need pax
/// headers, but an archive ends at 4 GiB + 64 KiB.
const MAX_SIZE: u64 = (1 << 33) - 1;

/// Why a block is not a header of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    Checksum,
    Type,
    Name,
    Form,
}

/// The header for a file of a tip; none if it is larger than 8 GiB − 1.
pub(super) fn header(name: &EntryName, size: u64) -> Option<[u8; BLOCK]> {
    header_of(&name.to_string(), 0o600, size)
}

/// The header for any file; none if it is larger than 8 GiB − 1, or if its name has more than 100
/// bytes.
pub(crate) fn header_of(name: &str, mode: u16, size: u64) -> Option<[u8; BLOCK]> {
    if size > MAX_SIZE || name.len() > 100 {
        return None;
    }
    let mut block = [0; BLOCK];
    put(&mut block, 0, name);
    put(&mut block, 100, &format!("{mode:07o}\0"));
    put(&mut block, 108, "0000000\0");
    put(&mut block, 116, "0000000\0");
    put(&mut block, 124, &format!("{size:011o}"));
    put(&mut block, 136, "00000000000");
    put(&mut block, 156, "0");
    put(&mut block, 257, "ustar\0");
    put(&mut block, 263, "00");
    put(&mut block, 329, "0000000\0");
    put(&mut block, 337, "0000000\0");
    let sum = checksum(&block);
    put(&mut block, 148, &format!("{sum:06o}\0 "));
    Some(block)
}

/// The name and size that a header gives.
pub(super) fn parse(block: &[u8; BLOCK]) -> Result<(EntryName, u64), Foreign> {
    if octal(&block[148..154]) != Some(u64::from(checksum(block))) {
        return Err(Foreign::Checksum);
    }
    if block[156] != b'0' {
        return Err(Foreign::Type);
    }
    let name = block[..100].split(|b| *b == 0).next().unwrap_or_default();
    let name = std::str::from_utf8(name).map_err(|_| Foreign::Name)?;
    let name: EntryName = name.parse().map_err(|_| Foreign::Name)?;
    let size = octal(&block[124..135]).ok_or(Foreign::Form)?;
    if header(&name, size).as_ref() != Some(block) {
        return Err(Foreign::Form);
    }
    Ok((name, size))
}

/// Zero bytes between contents of `size` bytes and the next block.
pub(crate) fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn put(block: &mut [u8; BLOCK], offset: usize, text: &str) {
    block[offset..offset + text.len()].copy_from_slice(text.as_bytes());
}

/// The sum of all bytes, those of the checksum itself taken as spaces.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let all: u32 = block.iter().copied().map(u32::from).sum();
    let own: u32 = block[148..156].iter().copied().map(u32::from).sum();
    all - own + 8 * u32::from(b' ')
}

fn octal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'7' => Some(value << 3 | u64::from(digit - b'0')),
        _ => None,
    })
}

/// For tests that forge a header: makes its checksum right again.
#[cfg(test)]
pub(super) fn set_checksum(block: &mut [u8]) {
    let whole: &mut [u8; BLOCK] = block.try_into().unwrap();
    let sum = checksum(whole);
    put(whole, 148, &format!("{sum:06o}\0 "));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> [u8; BLOCK] {
        header(&"files/01.jpg".parse().unwrap(), 0o1234).unwrap()
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let block = sample();
        assert!(block.starts_with(b"files/01.jpg\0"));
        assert_eq!(&block[100..124], b"0000600\x000000000\x000000000\0");
        assert_eq!(&block[124..148], b"00000001234\x0000000000000\0");
        assert_eq!(&block[154..158], b"\0 0\0");
        assert_eq!(&block[257..266], b"ustar\x0000\0");
        assert_eq!(&block[329..346], b"0000000\x000000000\0\0");
        assert!(block[345..].iter().all(|b| *b == 0));
    }

    proptest! {
        #[test]
        fn a_header_reads_as_it_was_written(size in 0..=MAX_SIZE, n in 1usize..=999) {
            let name: EntryName = format!("originals/{n:02}.bin").parse().unwrap();
            let block = header(&name, size).unwrap();
            prop_assert_eq!(parse(&block), Ok((name, size)));
        }

        #[test]
        fn any_block_can_be_looked_at(mut block in prop::collection::vec(any::<u8>(), BLOCK)) {
            let _ = parse(block.as_slice().try_into().unwrap());
            set_checksum(&mut block);
            prop_assert!(parse(block.as_slice().try_into().unwrap()) != Err(Foreign::Checksum));
        }
    }

    /// Even with a right checksum, nothing can be said in a header but a name and a size.
    #[test]
    fn a_changed_byte_is_refused_or_another_header() {
        let (is_name, is_size) = (0..100, 124..135);
        for (at, to) in (0..BLOCK).flat_map(|at| (0..=255).map(move |to| (at, to))) {
            let mut block = sample();
            block[at] = to;
            if !(148..156).contains(&at) {
                set_checksum(&mut block);
            }
            if let Ok((name, size)) = parse(&block) {
                assert_eq!(header(&name, size), Some(block));
                let is_free = is_name.contains(&at) || is_size.contains(&at);
                assert!(is_free || block == sample(), "{at} {to}");
            }
        }
    }

    #[test]
    fn a_header_cannot_lie_about_its_size() {
        assert!(header(&EntryName::Message, MAX_SIZE).is_some());
        assert!(header(&EntryName::Message, MAX_SIZE + 1).is_none());
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
