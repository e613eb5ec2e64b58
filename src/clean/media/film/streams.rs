//! Inside samples: which parts of a coded stream a decoder needs.
//!
//! | stream | kept | left out |
//! |---|---|---|
//! | H.264 (Rec. ITU-T H.264 table 7-1) | slices, parameter sets, ends of sequence and stream; of SEI the recovery point, written anew | every other SEI, delimiters, filler, data partitions (which no player decodes), auxiliary pictures, layers and views above the base, reserved and private types |
//! | H.265 (Rec. ITU-T H.265 table 7-1) | slices and parameter sets of the base layer, ends | SEI, delimiters, filler, other layers, reserved and private types |
//! | AV1 (§6.2.2) | sequence and frame headers, tile groups, frames | metadata, padding, delimiters, frame headers told again, tile lists, reserved types |
//! | MPEG-4 Visual | everything from the first start code on but user data | user data, but for XviD's name; what is before the first start code |
//! | ProRes | everything but the encoder's name | |
//! | AAC | everything but what leading fill and data elements hold | |
//!
//! The recovery point stays as decoders ask for it where a film begins, or is entered, without an IDR picture.

use std::ops::Range;

use super::fields::{Bits, BitsOut};

/// What becomes of a NAL unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Kept,
    /// Left out; nothing is told by it.
    Structure,
    Sei,
    /// Left out.
    Other,
}

/// A NAL unit of H.264 by its first byte and its length.
pub(super) const fn avc_unit(head: u8, length: u64) -> Unit {
    match head & 0x1f {
        1 | 5 | 7 | 8 => Unit::Kept,
        10 | 11 if length == 1 => Unit::Kept,
        6 => Unit::Sei,
        9..=12 => Unit::Structure,
        _ => Unit::Other,
    }
}

/// A NAL unit of H.265 by its two first bytes and its length.
pub(super) const fn hevc_unit(head: [u8; 2], length: u64) -> Unit {
    let (kind, layer) = hevc_head(head);
    match kind {
        _ if layer != 0 => Unit::Other,
        0..=9 | 16..=21 | 32..=34 => Unit::Kept,
        36 | 37 if length == 2 => Unit::Kept,
        39 | 40 => Unit::Sei,
        35..=38 => Unit::Structure,
        _ => Unit::Other,
    }
}

pub(super) const fn is_hevc_parameter_set(head: [u8; 2]) -> bool {
    matches!(hevc_head(head), (32..=34, 0))
}

const fn hevc_head([first, second]: [u8; 2]) -> (u8, u8) {
    (first >> 1 & 0x3f, (first & 1) << 5 | second >> 3)
}

/// What an SEI of H.264 says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sei {
    /// The recovery point (D.1.8), alone in a NAL unit of its own.
    pub(super) recovery_point: Option<Vec<u8>>,
    /// Whether there is anything else.
    pub(super) more: bool,
    /// Whether some of that is user_data_unregistered: encoders' names and settings, cameras' own data.
    pub(super) user_data: bool,
}

/// Reads the messages of an SEI NAL unit (H.264 7.3.2.3, D.1).
pub(super) fn sei(unit: &[u8]) -> Sei {
    let bytes = unescaped(unit.get(1..).unwrap_or_default());
    let mut rest = bytes.as_slice();
    let mut sei = Sei::default();
    while rest.len() > 1 {
        let (Some(kind), Some(length)) = (sei_number(&mut rest), sei_number(&mut rest)) else {
            break;
        };
        let Some((payload, next)) = rest.split_at_checked(length) else {
            sei.more = true;
            break;
        };
        rest = next;
        match kind {
            6 if sei.recovery_point.is_none() => {
                sei.recovery_point = recovery_point(payload);
            }
            _ => {
                sei.more = true;
                sei.user_data |= kind == 5;
            }
        }
    }
    sei.more |= sei.recovery_point.as_ref().is_some_and(|canonical| canonical != unit);
    sei
}

fn sei_number(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number += usize::from(*byte);
        if *byte != 0xff {
            return Some(number);
        }
    }
}

/// D.1.8, as a NAL unit. No byte of it needs escaping: zeros are followed by the code's own one within 16 bits, and
/// stand behind the length.
fn recovery_point(payload: &[u8]) -> Option<Vec<u8>> {
    let mut from = Bits::new(payload);
    let mut to = BitsOut::default();
    to.exp_golomb(from.exp_golomb()?);
    to.put(from.take(4)?, 4);
    if !to.is_aligned() {
        to.put(1, 1);
    }
    let length = u8::try_from(to.bytes.len()).ok()?;
    Some([&[6, 6, length], to.bytes.as_slice(), &[0x80]].concat())
}

/// Without emulation prevention (H.264 7.4.1).
pub(super) fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut bytes = Vec::with_capacity(unit.len());
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        bytes.push(byte);
    }
    bytes
}

/// The most bytes that an OBU has before its payload.
pub(super) const AV1_HEADER: usize = 10;

/// How an OBU begins (AV1 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Av1Header {
    pub(super) kind: u8,
    pub(super) length: usize,
    /// Bytes behind the header; None if it goes on to the end of the sample.
    pub(super) payload: Option<u64>,
}

impl Av1Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first()?;
        let kind = head >> 3 & 15;
        let length = if head & 4 == 0 { 1 } else { 2 };
        if head & 2 == 0 {
            return Some(Self { kind, length, payload: None });
        }
        let mut payload = 0;
        for index in 0..8 {
            let byte = bytes.get(length + index)?;
            payload |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Some(Self { kind, length: length + index + 1, payload: Some(payload) });
            }
        }
        None
    }

    /// Whether decoding needs an OBU of this kind (AV1 §6.2.2).
    pub(super) const fn is_kept(self) -> bool {
        matches!(self.kind, 1 | 3 | 4 | 6)
    }
}

/// An OBU in memory.
pub(super) struct Av1Unit {
    pub(super) kind: u8,
    pub(super) range: Range<usize>,
}

/// The OBUs in `bytes`, up to the first that is broken.
pub(super) fn av1_units(bytes: &[u8]) -> impl Iterator<Item = Av1Unit> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let header = Av1Header::read(rest)?;
        let payload = match header.payload {
            Some(payload) => usize::try_from(payload).ok()?,
            None => rest.len().checked_sub(header.length)?,
        };
        let length = header.length.checked_add(payload).filter(|&length| length <= rest.len())?;
        let range = at..at + length;
        at += length;
        Some(Av1Unit { kind: header.kind, range })
    })
}

/// What a fill element of FAAC holds, from its extension type on: 17 bits, then its name and version. Decoders leave out
/// the first 1024 samples of such a stream if both are there.
const FAAC: &[u8] = b"libfaac 1.0";
const FAAC_AT: usize = 17;

/// With `sample` the beginning of an AAC raw_data_block: its first bytes with the fill and data elements there emptied;
/// None if nothing is in them.
///
/// Encoders write their names so; of FAAC's, which decoders look for, the name stays without its version. Behind the first channel element it takes all of the decoding to find elements.
/// Decoders skip a fill element of type EXT_FILL and any data element, whatever they hold (ISO/IEC 14496-3 §4.4.2.7).
pub(super) fn aac_beginning(sample: &[u8]) -> Option<Vec<u8>> {
    const DATA: u32 = 4;
    const FILL: u32 = 6;
    // dynamic range, and what belongs to a channel element before it
    const NEEDED: [u32; 4] = [11, 12, 13, 14];
    let mut bits = Bits::new(sample);
    // all of the sample, from the first change on, and how far it is changed
    let mut emptied: Option<Vec<u8>> = None;
    let mut end = 0;
    let finish = |emptied: Option<Vec<u8>>, end: usize| {
        emptied.map(|mut bytes| {
            bytes.truncate(end);
            bytes
        })
    };
    loop {
        let element = bits.take(3);
        let count = match element {
            Some(FILL) => match bits.take(4)? {
                15 => bits.take(8)? + 14,
                count => count,
            },
            Some(DATA) => {
                bits.take(4)?;
                let aligned = bits.take(1)? == 1;
                let count = match bits.take(8)? {
                    255 => bits.take(8)? + 255,
                    count => count,
                };
                if aligned {
                    bits.align();
                }
                count
            }
            _ => return finish(emptied, end),
        };
        let from = bits.at;
        let to = from + 8 * usize::try_from(count).ok()?;
        if to > 8 * sample.len() {
            return finish(emptied, end);
        }
        let extension = bits.take(4).filter(|_| element == Some(FILL) && count > 0);
        bits.at = to;
        if extension.is_some_and(|kind| NEEDED.contains(&kind)) {
            continue;
        }
        let is_faac = element == Some(FILL) && holds_faac(sample, from, to);
        for at in from..to {
            let name = at.checked_sub(from + FAAC_AT).filter(|_| is_faac);
            let bit = name.and_then(|at| Some(FAAC.get(at / 8)? << (at % 8) & 0x80)).unwrap_or(0);
            let (mask, bit) = (0x80 >> (at % 8), bit >> (at % 8));
            if sample.get(at / 8).is_some_and(|byte| byte & mask != bit) {
                let bytes = emptied.get_or_insert_with(|| sample.to_vec());
                if let Some(byte) = bytes.get_mut(at / 8) {
                    *byte ^= mask;
                }
                end = to.div_ceil(8);
            }
        }
    }
}

/// Whether the element `from..to` is one of FAAC's, as decoders see it.
fn holds_faac(sample: &[u8], from: usize, to: usize) -> bool {
    let mut bits = Bits::new(sample);
    bits.at = from + FAAC_AT;
    let name = b"libfaac ";
    let begins = name.iter().all(|&byte| bits.take(8) == Some(byte.into()));
    let digit = bits.take(8).is_some_and(|byte| (0x30..0x3a).contains(&byte));
    // the shortest version has three characters
    begins && digit && bits.at + 16 <= to
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_recovery_point_stays_alone() {
        // user data, then the recovery point after 0 frames, exact, then the end
        let unit = [6, 5, 2, 1, 2, 6, 1, 0xe4, 0x80];
        let canonical = vec![6, 6, 1, 0xe4, 0x80];
        assert_eq!(
            sei(&unit),
            Sei { recovery_point: Some(canonical.clone()), more: true, user_data: true }
        );
        let again = sei(&canonical);
        assert_eq!((again.recovery_point, again.more), (Some(canonical), false));
        assert_eq!(sei(&[6, 6, 1, 0, 0x80]).recovery_point, None);
    }

    #[test]
    fn leading_elements_are_emptied() {
        // FIL with a count of 3, EXT_FILL, then a channel element
        let mut bits = BitsOut::default();
        bits.put(6, 3);
        bits.put(3, 4);
        bits.put(0x0061_6263, 24);
        bits.put(0b001_0101, 7);
        let emptied = aac_beginning(&bits.bytes).unwrap();
        assert_eq!(emptied, [0b1100_0110, 0, 0, bits.bytes[3] & 1]);
        assert_eq!(aac_beginning(&[&emptied, &bits.bytes[4..]].concat()), None);
        // dynamic range control is needed
        let mut bits = BitsOut::default();
        bits.put(6, 3);
        bits.put(1, 4);
        bits.put(0xb1, 8);
        bits.put(7, 3);
        assert_eq!(aac_beginning(&bits.bytes), None);
    }

    #[test]
    fn many_emptied_elements_take_the_time_of_one() {
        // fill elements of one byte with something in it, bit behind bit
        let mut bits = BitsOut::default();
        while bits.bytes.len() < 256 << 10 {
            bits.put(6, 3);
            bits.put(1, 4);
            bits.put(0x0f, 8);
        }
        // a copy for each would take minutes
        let emptied = aac_beginning(&bits.bytes).unwrap();
        assert!(emptied.len() + 2 >= bits.bytes.len());
        let again = [&emptied, &bits.bytes[emptied.len()..]].concat();
        assert_eq!(aac_beginning(&again), None);
    }

    #[test]
    fn what_no_decoder_needs_is_left_out() {
        for kind in [2, 3, 4, 13, 14, 15, 19, 20, 24, 31] {
            assert_eq!(avc_unit(0x60 | kind, 9), Unit::Other, "{kind}");
        }
        for kind in [1, 5, 7, 8] {
            assert_eq!(avc_unit(0x60 | kind, 9), Unit::Kept, "{kind}");
        }
        let kept = (0..16).filter(|kind| Av1Header::read(&[kind << 3]).unwrap().is_kept());
        assert_eq!(kept.collect::<Vec<u8>>(), [1, 3, 4, 6]);
    }

    #[test]
    fn the_layers_above_the_base_are_left_out() {
        assert_eq!(hevc_unit([0x02, 0x01], 9), Unit::Kept);
        assert_eq!(hevc_unit([0x02, 0x09], 9), Unit::Other);
        assert_eq!(hevc_unit([0x4e, 0x01], 9), Unit::Sei);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (sei(&bytes), av1_units(&bytes).count());
            if let Some(emptied) = aac_beginning(&bytes) {
                let again = [&emptied, &bytes[emptied.len()..]].concat();
                prop_assert_eq!(aac_beginning(&again), None);
            }
            if let Some(canonical) = sei(&bytes).recovery_point {
                prop_assert_eq!(sei(&canonical).recovery_point, Some(canonical));
            }
        }
    }
}
