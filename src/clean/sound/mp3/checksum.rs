//! The checksum of a frame with protection (ISO/IEC 11172-3 §2.4.1.4, §2.4.3.1): of the header's second half and, in
//! layer III, of the side information; in layer II, of which subbands have bits and how their factors are told.

use super::header::{Header, bits};
use crate::clean::sound::crc::FrameCrc;

/// Where the checksum lies in a frame.
pub(super) const PLACE: std::ops::Range<usize> = 4..6;

/// How many subbands have a number of bits for their allocation of that width: tables B.2a to B.2d of ISO/IEC 11172-3,
/// B.1 of ISO/IEC 13818-3.
type Widths = &'static [(usize, u32)];
const A: Widths = &[(11, 4), (12, 3), (4, 2)];
const B: Widths = &[(11, 4), (12, 3), (7, 2)];
const C: Widths = &[(2, 4), (6, 3)];
const D: Widths = &[(2, 4), (10, 3)];
const LOW: Widths = &[(4, 4), (7, 3), (19, 2)];

/// The checksum that `frame` should have, if it has one.
pub(super) fn of(header: Header, frame: &[u8]) -> Option<[u8; 2]> {
    if !header.is_protected() {
        return None;
    }
    let [_, _, third, fourth] = *frame.first_chunk::<4>()?;
    let protected = frame.get(PLACE.end..)?;
    let count = if header.is_layer3() { header.side() * 8 } else { allocation(header, protected) };
    // beginning with ones is the same as beginning with zeros and the first sixteen bits inverted
    let mut crc = FrameCrc::of(&[!third, !fourth]);
    crc.update(protected.get(..count / 8).unwrap_or(protected));
    if let Some(last) = protected.get(count / 8) {
        crc.update_bits(*last, count % 8);
    }
    let [high, low, ..] = crc.value().to_be_bytes();
    Some([high, low])
}

/// How many bits of layer II tell allocation and which factors are sent (§2.4.1.6).
fn allocation(header: Header, frame: &[u8]) -> usize {
    let channels = if header.is_mono() { 1 } else { 2 };
    // from here on both channels share one
    let bound = header.bound();
    let (mut at, mut told) = (0, 0);
    let widths = widths(header, channels).iter();
    let widths = widths.flat_map(|&(subbands, width)| std::iter::repeat_n(width, subbands));
    for (subband, width) in widths.enumerate() {
        let (own, each) = if subband < bound { (channels, 1) } else { (1, channels) };
        for _ in 0..own {
            if bits(frame, at, width) != 0 {
                told += each;
            }
            at += width as usize;
        }
    }
    at + 2 * told
}

fn widths(header: Header, channels: usize) -> Widths {
    let rate = header.kilobits() / u32::try_from(channels).unwrap_or(1);
    match (header.is_version1(), header.sampling()) {
        (false, _) => LOW,
        (true, 48_000) if rate >= 56 => A,
        (true, _) if (56..=80).contains(&rate) => A,
        (true, _) if rate >= 96 => B,
        (true, 32_000) => D,
        (true, _) => C,
    }
}
