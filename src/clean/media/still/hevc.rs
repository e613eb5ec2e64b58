//! HEVC pictures (ITU-T H.265): an item's data is NAL units, each behind its length (ISO/IEC 14496-15 §8.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Seek},
};

use super::{
    Coded, Trouble,
    data::Data,
    fields::{Fields, boxed},
};
use crate::clean::{Found, input::Input, replay::Pieces};

mod nal {
    //! Types of NAL units, H.265 table 7-1.
    pub(super) const BLA_W_LP: u8 = 16;
    pub(super) const CRA: u8 = 21;
    pub(super) const VPS: u8 = 32;
    pub(super) const SPS: u8 = 33;
    pub(super) const PPS: u8 = 34;
}

/// The most bytes of a parameter set; a phone's longest has 60, and one with scaling lists 2000.
const MOST_PARAMETERS: usize = 4096;

/// The most parameter sets of a picture; phones write three.
const MOST_SETS: usize = 16;

/// The most bytes of `hvcC`.
const MOST_CONFIG: usize = 32 << 10;

/// What `hvcC` says.
pub(super) struct Config {
    /// The box written anew.
    pub(super) bytes: Vec<u8>,
    sets: Sets,
    /// How many bytes a NAL unit's length has: 1, 2 or 4.
    length_size: u8,
    /// Whether the brand `heic` covers the picture: 8 bits, and chroma of a quarter of the size or none.
    pub(super) plain: bool,
}

/// What a NAL unit's header says: its type, if it is one of the base layer.
fn unit_type(header: &[u8]) -> Option<u8> {
    match header {
        [first, second, ..] if first & 0x81 == 0 && second & 0xf8 == 0 && second & 7 != 0 => {
            Some(first >> 1)
        }
        _ => None,
    }
}

const fn is_parameter_set(unit: u8) -> bool {
    matches!(unit, nal::VPS..=nal::PPS)
}

/// The parameter sets of a picture, by type and number.
#[derive(Clone, Default)]
struct Sets(BTreeMap<(u8, u32), Vec<u8>>);

impl Sets {
    /// Whether the set is new; None for one that is none, or that takes the place of another.
    fn add(&mut self, set: &[u8]) -> Option<bool> {
        let unit = unit_type(set).filter(|unit| is_parameter_set(*unit))?;
        let key = (unit, set_number(unit, set)?);
        match self.0.get(&key) {
            Some(known) => (known == set).then_some(false),
            None if self.0.len() >= MOST_SETS || set.len() > MOST_PARAMETERS => None,
            None => {
                self.0.insert(key, set.to_vec());
                Some(true)
            }
        }
    }
}

/// A parameter set's number (H.265 §7.3.2.1 to §7.3.2.3).
fn set_number(unit: u8, set: &[u8]) -> Option<u32> {
    let bytes = without_emulation_prevention(set.get(2..)?);
    let first = *bytes.first()?;
    match unit {
        nal::VPS => Some(u32::from(first >> 4)),
        nal::SPS => {
            // behind what it says in general, and of each of its layers in time: two flags, then 11 bytes and 1
            let layers = usize::from(first >> 1 & 7);
            let mut at = 13;
            if layers > 0 {
                let flags = bytes
                    .get(13..15)?
                    .iter()
                    .fold(0_u16, |flags, byte| flags << 8 | u16::from(*byte));
                at += 2;
                for layer in 0..layers {
                    let flags = flags >> (14 - 2 * layer) & 3;
                    at += [0, 1, 11, 12].get(usize::from(flags))?;
                }
            }
            golomb(bytes.get(at..)?).filter(|number| *number < 16)
        }
        _ => golomb(&bytes).filter(|number| *number < 64),
    }
}

/// §7.4.2: a byte 3 behind two zeros is none of the payload.
fn without_emulation_prevention(bytes: &[u8]) -> Vec<u8> {
    let (mut payload, mut zeros) = (Vec::new(), 0);
    for &byte in bytes.iter().take(128) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

/// The number at the beginning of `bytes` (§9.2), if it is small.
fn golomb(bytes: &[u8]) -> Option<u32> {
    let [a, b] = [bytes.first().copied()?, bytes.get(1).copied().unwrap_or(0)];
    let word = u16::from_be_bytes([a, b]);
    let zeros = word.leading_zeros();
    let shift = 15_u32.checked_sub(2 * zeros)?;
    u32::from(word >> shift).checked_sub(1)
}

/// General profile, tier and level in one form (H.265 annex A.3): what is compatible with a profile, and what it does
/// not use, follows from it, from the depth over 8 bits and from the chroma. Decoders ask the parameter sets.
fn general(told: [u8; 12], chroma: u8, depth: u8) -> [u8; 12] {
    let [tier_and_profile, .., level] = told;
    let tier = tier_and_profile & 0x20;
    let profile = Some(tier_and_profile & 0x1f).filter(|profile| *profile <= 11).unwrap_or(0);
    let compatible: u32 = match profile {
        0 => 0,
        1 => 0x6000_0000,
        3 => 0x7000_0000,
        other => 0x8000_0000 >> other,
    };
    let mut constraints = [0, 0];
    if profile >= 4 {
        let flags = [
            depth <= 4,
            depth <= 2,
            depth == 0,
            chroma <= 2,
            chroma <= 1,
            chroma == 0,
            // more than 12 bits have pictures of one kind only
            depth > 4,
            false,
            true,
        ];
        let bits = flags.iter().fold(0_u16, |bits, flag| bits << 1 | u16::from(*flag)) << 3;
        constraints = bits.to_be_bytes();
    }
    // table A.8; 255 is without a limit
    let levels = [30, 60, 63, 90, 93, 120, 123, 150, 153, 156, 180, 183, 186];
    let level = levels.into_iter().find(|known| level <= *known).unwrap_or(255);
    let [a, b, c, d] = compatible.to_be_bytes();
    let [e, f] = constraints;
    [tier | profile, a, b, c, d, e, f, 0, 0, 0, 0, level]
}

/// Takes profile, level, sizes of samples and parameter sets (ISO/IEC 14496-15 §8.3.3.1). Frame rates and what helps
/// only those who decode in parallel are written as unknown.
pub(super) fn config(payload: &[u8], found: &mut BTreeSet<Found>) -> Option<Config> {
    let mut fields = Some(Fields(payload)).filter(|_| payload.len() <= MOST_CONFIG)?;
    fields.u8()?;
    let profile = *fields.bytes(12)?.first_chunk::<12>()?;
    fields.bytes(3)?;
    let [chroma, luma_depth, chroma_depth] = *fields.bytes(3)?.first_chunk::<3>()?;
    let (chroma, luma_depth, chroma_depth) = (chroma & 3, luma_depth & 7, chroma_depth & 7);
    fields.u16()?;
    let layers = fields.u8()? & 0x3f;
    let length_size = Some((layers & 3) + 1).filter(|size| *size != 3)?;
    let profile = general(profile, chroma, luma_depth.max(chroma_depth));
    let (arrays, sets) = parameter_sets(fields, found)?;
    // temporal layers and lengths of four bytes, as the data is written
    let tail = [0xf0, 0, 0xfc, 0xfc | chroma, 0xf8 | luma_depth, 0xf8 | chroma_depth, 0, 0];
    let layers = [(layers & 0x3c) | 3];
    Some(Config {
        bytes: boxed(b"hvcC", &[&[1], &profile, &tail, &layers, &arrays]),
        sets,
        length_size,
        plain: chroma < 2 && luma_depth == 0 && chroma_depth == 0,
    })
}

/// The arrays of parameter sets, and how many there are; those of SEI and of what is unknown are left out.
fn parameter_sets(mut fields: Fields<'_>, found: &mut BTreeSet<Found>) -> Option<(Vec<u8>, Sets)> {
    let mut sets = Sets::default();
    let mut arrays = vec![0];
    let mut kept = 0_u8;
    for _ in 0..fields.u8()? {
        let unit = fields.u8()? & 0x3f;
        let count = fields.u16()?;
        let mut units = Vec::new();
        let mut kept_units = 0_u16;
        for _ in 0..count {
            let length = fields.u16()?;
            let bytes = fields.bytes(usize::from(length))?;
            if is_parameter_set(unit) && unit_type(bytes) == Some(unit) {
                if !sets.add(bytes)? {
                    found.insert(Found::Other);
                    continue;
                }
                kept_units += 1;
                units.extend_from_slice(&length.to_be_bytes());
                units.extend_from_slice(bytes);
            } else {
                found.insert(Found::Other);
            }
        }
        if kept_units > 0 {
            kept += 1;
            arrays.push(0x80 | unit);
            arrays.extend_from_slice(&kept_units.to_be_bytes());
            arrays.extend(units);
        }
    }
    if !fields.0.is_empty() {
        found.insert(Found::Other);
    }
    *arrays.first_mut()? = kept;
    Some((arrays, sets))
}

/// Keeps the parameter sets and the slices of one picture; SEI, fillers, other layers and other pictures are left out.
pub(super) fn picture<R: Read + Seek>(
    input: &mut Input<'_, R>,
    data: &Data,
    config: &Config,
    coded: &mut Coded<'_>,
) -> Result<(), Trouble> {
    let length_size = usize::from(config.length_size);
    let mut sets = config.sets.clone();
    let mut at = 0;
    let mut begun = false;
    while at < data.len() {
        coded.unit()?;
        let head = data.read(input, at, length_size + 3)?;
        let mut fields = Fields(&head);
        let Some(length) = fields.bytes(length_size) else {
            return if begun { coded.leave(Found::Other) } else { Err(Trouble::Damaged) };
        };
        let length = length.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        let start = at + length_size as u64;
        at = start + length;
        if at > data.len() {
            return Err(Trouble::Damaged);
        }
        let first_slice = fields.0.get(2).is_some_and(|byte| byte & 0x80 != 0);
        let kept = match unit_type(fields.0) {
            Some(nal::BLA_W_LP..=nal::CRA) if length > 2 => {
                if begun && first_slice {
                    // decoders show the first picture
                    return coded.leave(Found::Other);
                }
                let kept = begun || first_slice;
                begun = kept;
                kept
            }
            Some(unit) if is_parameter_set(unit) => {
                if length > MOST_PARAMETERS as u64 {
                    return Err(Trouble::Damaged);
                }
                let bytes = usize::try_from(length).unwrap_or(0);
                let set = data.read(input, start, bytes)?;
                !begun && sets.add(&set).ok_or(Trouble::Damaged)?
            }
            _ => false,
        };
        if kept {
            append(coded.pieces, data, (start, at), length_size)?;
        } else {
            coded.leave(Found::Other)?;
        }
    }
    if begun { Ok(()) } else { Err(Trouble::Damaged) }
}

/// A NAL unit with its length in four bytes.
fn append(
    pieces: &mut Pieces,
    data: &Data,
    (from, to): (u64, u64),
    length_size: usize,
) -> Result<(), Trouble> {
    if length_size == 4 {
        data.copy(pieces, from - 4, to)?;
    } else {
        let length = u32::try_from(to - from).map_err(|_| Trouble::Damaged)?;
        pieces.literal(&length.to_be_bytes())?;
        data.copy(pieces, from, to)?;
    }
    Ok(())
}
