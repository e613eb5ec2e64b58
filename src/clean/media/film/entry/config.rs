//! The boxes that set decoders up, each written anew from the fields that the decoder reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    ops::Range,
};

use memchr::memmem;

use super::picture::code_points;

use crate::clean::{
    Found,
    media::film::{
        fields::{Bits, BitsOut, Fields, put16, put32, write_box, write_full_box},
        streams::{av1_units, is_hevc_parameter_set, unescaped},
    },
};

/// `avcC` (ISO/IEC 14496-15 §5.3.3): parameter sets only. Gives the bytes of a NAL unit's length.
pub(super) fn avc(out: &mut Vec<u8>, payload: &[u8], found: &mut BTreeSet<Found>) -> Option<u8> {
    let mut fields = Fields::new(payload);
    let [version, profile, compatible, level, length, count] = fields.array()?;
    let length = (length & 3) + 1;
    if version != 1 || length == 3 {
        return None;
    }
    let sps = parameter_sets(&mut fields, count & 0x1f, avc_unit::SPS, found)?;
    let count = fields.u8()?;
    let pps = parameter_sets(&mut fields, count, avc_unit::PPS, found)?;
    // what decoders read is the parameter set
    let told = sps.first().and_then(|sps| sps.get(1..)?.first_chunk::<3>());
    let [profile, compatible, level] = told.copied().unwrap_or([profile, compatible, level]);
    let high = matches!(profile, 100 | 110 | 122 | 144 | 244);
    let extension = fields.array::<4>().filter(|_| high);
    // of the alpha plane that is left out
    if !fields.rest().is_empty() {
        found.insert(Found::Other);
    }
    write_box(out, b"avcC", |out| {
        out.extend_from_slice(&[1, profile, compatible, level, 0xfc | (length - 1)]);
        put_sets(out, 0xe0, &sps);
        put_sets(out, 0, &pps);
        if let Some([chroma, luma_bits, chroma_bits, _]) = extension {
            out.extend_from_slice(&[chroma | 0xfc, luma_bits | 0xf8, chroma_bits | 0xf8]);
            put_sets(out, 0, &[]);
        }
    });
    Some(length)
}

/// Types of NAL units of H.264 (table 7-1).
mod avc_unit {
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
}

/// The most bytes of a parameter set; one with scaling lists has 2000.
const MOST_PARAMETERS: usize = 4096;

/// `count` NAL units, less those that are no parameter sets of the type `unit_type`; of those with one number the last,
/// as decoders take it.
fn parameter_sets<'a>(
    fields: &mut Fields<'a>,
    count: u8,
    unit_type: u8,
    found: &mut BTreeSet<Found>,
) -> Option<Vec<&'a [u8]>> {
    let mut sets: Vec<(u32, &[u8])> = Vec::new();
    for _ in 0..count {
        let length = fields.u16()?;
        let unit = fields.bytes(length.into())?;
        let known = unit.first().is_some_and(|head| head & 0x1f == unit_type);
        let (before, most) = if unit_type == avc_unit::SPS { (4, 31) } else { (1, 255) };
        // where a number cannot be read there is one set only
        let number = Bits::new(unit.get(before..).unwrap_or_default()).exp_golomb().unwrap_or(0);
        if !known || unit.len() > MOST_PARAMETERS || number > most {
            found.insert(Found::Other);
            continue;
        }
        if sets.iter().any(|set| set.0 == number) {
            found.insert(Found::Other);
            sets.retain(|set| set.0 != number);
        }
        sets.push((number, unit));
    }
    Some(sets.into_iter().map(|set| set.1).collect())
}

fn put_sets(out: &mut Vec<u8>, flags: u8, sets: &[&[u8]]) {
    out.push(flags | u8::try_from(sets.len()).unwrap_or(0));
    for set in sets {
        put16(out, &[u16::try_from(set.len()).unwrap_or(0)]);
        out.extend_from_slice(set);
    }
}

/// `hvcC` (ISO/IEC 14496-15 §8.3.3): the parameter sets of the base layer only; SEI is dropped. Gives the bytes of a NAL
/// unit's length.
pub(super) fn hevc(out: &mut Vec<u8>, payload: &[u8], found: &mut BTreeSet<Found>) -> Option<u8> {
    let mut fields = Fields::new(payload);
    let head = fields.array::<22>()?;
    let [_, general @ .., _, _, _, chroma, luma, chroma_bits, _, _, layers] = head;
    let length = (layers & 3) + 1;
    if length == 3 {
        return None;
    }
    // of each type whether all are here, and those that are
    let mut arrays: BTreeMap<u8, (u8, Vec<&[u8]>)> = BTreeMap::new();
    for _ in 0..fields.u8()? {
        let (kind, count) = (fields.u8()?, fields.u16()?);
        for _ in 0..count {
            let length = fields.u16()?;
            let unit = fields.bytes(length.into())?;
            let known = unit.first_chunk().is_some_and(|&head| is_hevc_parameter_set(head));
            let own = unit.first().map_or(0, |head| head >> 1 & 0x3f);
            let (_, units) = arrays.entry(own).or_insert((kind & 0x80, Vec::new()));
            // as many as there are numbers: pictures' have 64, the others' 16
            let most = if own == 34 { 64 } else { 16 };
            let fits = unit.len() <= MOST_PARAMETERS && units.len() < most;
            if known && fits && !units.contains(&unit) {
                units.push(unit);
            } else {
                found.insert(Found::Other);
            }
        }
    }
    arrays.retain(|_, (_, units)| !units.is_empty());
    if !fields.rest().is_empty() {
        found.insert(Found::Other);
    }
    let sps = arrays.get(&33).and_then(|(_, units)| units.first());
    let general = sps.and_then(|sps| hevc_profile(sps)).unwrap_or_else(|| usual_profile(general));
    write_box(out, b"hvcC", |out| {
        out.push(1);
        out.extend_from_slice(&general);
        // how pictures are cut up and how many there are each second: not told
        out.extend_from_slice(&[0xf0, 0, 0xfc]);
        out.extend_from_slice(&[0xfc | chroma, 0xf8 | luma, 0xf8 | chroma_bits, 0, 0]);
        out.push(layers & 0x3f);
        out.push(u8::try_from(arrays.len()).unwrap_or(0));
        for (kind, (complete, units)) in arrays {
            out.push(complete | kind);
            put16(out, &[u16::try_from(units.len()).unwrap_or(0)]);
            for unit in units {
                put16(out, &[u16::try_from(unit.len()).unwrap_or(0)]);
                out.extend_from_slice(unit);
            }
        }
    });
    Some(length)
}

/// profile_tier_level of a sequence parameter set (H.265 7.3.3), up to general_level_idc: what `hvcC` repeats.
fn hevc_profile(sps: &[u8]) -> Option<[u8; 12]> {
    // behind the NAL unit's header, and the numbers of the video parameter set and of sublayers
    unescaped(sps.get(..32).unwrap_or(sps)).get(3..)?.first_chunk().copied()
}

/// The same by the profile's number and the level alone.
fn usual_profile([profile, .., level]: [u8; 12]) -> [u8; 12] {
    let number = profile & 0x1f;
    // Main is a kind of Main 10 (H.265 A.3.2)
    let compatible = 0x8000_0000_u32 >> number | if number == 1 { 0x2000_0000 } else { 0 };
    let [a, b, c, d] = compatible.to_be_bytes();
    [profile & 0x3f, a, b, c, d, 0x90, 0, 0, 0, 0, 0, level]
}

/// `av1C` (AV1 in ISO Base Media §2.3): the sequence header only.
pub(super) fn av1(out: &mut Vec<u8>, payload: &[u8], found: &mut BTreeSet<Found>) -> Option<()> {
    let (head, units) = payload.split_first_chunk::<4>()?;
    let [_, profile, flags, delay] = *head;
    let mut kept = Vec::new();
    for unit in av1_units(units) {
        // 1: sequence header
        if unit.kind == 1 {
            kept.extend_from_slice(units.get(unit.range)?);
        } else if unit.kind != 2 {
            found.insert(Found::Other);
        }
    }
    let delay = if delay & 0x10 == 0 { 0 } else { delay & 0x1f };
    write_box(out, b"av1C", |out| {
        out.extend_from_slice(&[0x81, profile, flags, delay]);
        out.extend_from_slice(&kept);
    });
    Some(())
}

/// `vpcC` (VP Codec ISO Media File Format Binding).
pub(super) fn vp9(out: &mut Vec<u8>, payload: &[u8]) -> Option<()> {
    let [_, _, _, _, profile, level, depth, primaries, transfer, matrix] =
        *payload.first_chunk()?;
    let colours = code_points([primaries, transfer, matrix].map(u16::from));
    let [primaries, transfer, matrix] = colours.map(|n| u8::try_from(n).unwrap_or(2));
    write_full_box(out, b"vpcC", 1, 0, |out| {
        out.extend_from_slice(&[profile, level, depth, primaries, transfer, matrix, 0, 0]);
    });
    Some(())
}

/// `d263` (3GPP TS 26.244 §6.8): level and profile; vendor, version and bit rates are not.
pub(super) fn h263(out: &mut Vec<u8>, payload: &[u8], found: &mut BTreeSet<Found>) -> Option<()> {
    let [vendor @ .., version, level, profile] = *payload.first_chunk::<7>()?;
    tell_vendor(vendor, version, found);
    write_box(out, b"d263", |out| out.extend_from_slice(&[0, 0, 0, 0, 0, level, profile]));
    Some(())
}

/// `damr` (3GPP TS 26.244 §6.7).
pub(super) fn amr(out: &mut Vec<u8>, payload: &[u8], found: &mut BTreeSet<Found>) -> Option<()> {
    let [v0, v1, v2, v3, version, modes_high, modes_low, period, frames] =
        *payload.first_chunk::<9>()?;
    tell_vendor([v0, v1, v2, v3], version, found);
    write_box(out, b"damr", |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, modes_high, modes_low, period, frames]);
    });
    Some(())
}

fn tell_vendor(vendor: [u8; 4], version: u8, found: &mut BTreeSet<Found>) {
    if vendor != [0; 4] || version != 0 {
        found.insert(Found::Software);
    }
}

/// `alac`: Apple's ALACSpecificConfig. The size of the largest frame and the average bit rate are written as not known
/// (0), what nobody reads as the encoder writes it.
pub(super) fn alac(out: &mut Vec<u8>, payload: &[u8]) -> Option<()> {
    let mut fields = Fields::new(payload);
    fields.u32()?;
    let frame = fields.u32()?;
    let [_, bits, history, initial, limit, channels] = fields.array()?;
    fields.bytes(10)?;
    let rate = fields.u32()?;
    write_full_box(out, b"alac", 0, 0, |out| {
        put32(out, &[frame]);
        out.extend_from_slice(&[0, bits, history, initial, limit, channels, 0, 255]);
        put32(out, &[0, 0, rate]);
    });
    Some(())
}

/// `dec3` (ETSI TS 102 366 annex F.6), without what may follow the substreams.
pub(super) fn eac3(out: &mut Vec<u8>, payload: &[u8]) -> Option<()> {
    let mut fields = Fields::new(payload);
    let head = fields.u16()?;
    let mut kept = head.to_be_bytes().to_vec();
    for _ in 0..=head & 7 {
        let stream = fields.array::<3>()?;
        kept.extend_from_slice(&stream);
        if stream.last()? & 0x1e != 0 {
            kept.push(fields.u8()?);
        }
    }
    write_box(out, b"dec3", |out| out.extend_from_slice(&kept));
    Some(())
}

/// `dOps` (Encapsulation of Opus in ISO Base Media §4.3.2).
pub(super) fn opus(out: &mut Vec<u8>, payload: &[u8]) -> Option<()> {
    let mut fields = Fields::new(payload);
    let mut head = fields.array::<11>()?;
    let [version, channels, _, _, rate @ .., _, _, family] = &mut head;
    *version = 0;
    // the rate of what was coded is a hint: 48 kHz is the one that all decoders have
    *rate = 48_000_u32.to_be_bytes();
    let (channels, family) = (*channels, *family);
    let mapping = match family {
        0 => &[],
        _ => fields.bytes(2 + usize::from(channels))?,
    };
    write_box(out, b"dOps", |out| {
        out.extend_from_slice(&head);
        out.extend_from_slice(mapping);
    });
    Some(())
}

/// `dfLa` (Encapsulation of FLAC in ISO Base Media §3.3.2): the block STREAMINFO only.
pub(super) fn flac(out: &mut Vec<u8>, payload: &[u8], found: &mut BTreeSet<Found>) -> Option<()> {
    let mut fields = Fields::new(payload);
    fields.u32()?;
    let (head, info) = (fields.u32()?, fields.array::<34>()?);
    if head & 0x7fff_ffff != 34 {
        return None;
    }
    if !fields.rest().is_empty() {
        found.insert(Found::Comment);
    }
    write_full_box(out, b"dfLa", 0, 0, |out| {
        put32(out, &[0x8000_0022]);
        out.extend_from_slice(&info);
    });
    Some(())
}

/// AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): what the syntax of the object type has, and the comment of
/// a program configuration left empty; None for object types that are rare. Gives whether the samples are raw_data_blocks, whose elements can be told apart.
pub(super) fn aac(specific: &mut Vec<u8>, found: &mut BTreeSet<Found>) -> Option<bool> {
    if specific.is_empty() {
        return Some(true);
    }
    let mut copy = Copy { from: Bits::new(specific), to: BitsOut::default(), comment: false };
    let mut object_type = copy.object_type()?;
    copy.frequency()?;
    let channels = copy.bits(4)?;
    let explicit = matches!(object_type, 5 | 29);
    if explicit {
        copy.frequency()?;
        object_type = copy.object_type()?;
    }
    let has_elements = match object_type {
        // AAC main, LC, SSR and LTP
        1..=4 => {
            copy.general_audio(channels)?;
            if !explicit {
                copy.sync_extension();
            }
            true
        }
        // the same in an error resilient syntax, and AAC-LD
        17 | 19 | 23 => {
            copy.resilient_audio(channels)?;
            false
        }
        ENHANCED_LOW_DELAY => {
            copy.low_delay_audio(channels)?;
            false
        }
        // MPEG layers (14496-3 §9.2): how samples are made of frames
        32..=34 => {
            copy.bits(1)?;
            false
        }
        _ => return None,
    };
    if copy.comment {
        found.insert(Found::Comment);
    }
    if copy.to.bytes.len() < specific.len() {
        found.insert(Found::Other);
    }
    *specific = copy.to.bytes;
    Some(has_elements)
}

/// AAC-ELD (14496-3 table 1.17).
const ENHANCED_LOW_DELAY: u32 = 39;

/// Copies a configuration bit by bit.
struct Copy<'a> {
    from: Bits<'a>,
    to: BitsOut,
    /// Whether a comment was left behind.
    comment: bool,
}

impl Copy<'_> {
    fn bits(&mut self, count: usize) -> Option<u32> {
        let value = self.from.take(count)?;
        self.to.put(value, count);
        Some(value)
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.bits(5)? {
            31 => self.bits(6).map(|more| 32 + more),
            object_type => Some(object_type),
        }
    }

    fn frequency(&mut self) -> Option<()> {
        if self.bits(4)? == 15 {
            self.bits(24)?;
        }
        Some(())
    }

    /// GASpecificConfig (14496-3 §4.4.1).
    fn general_audio(&mut self, channels: u32) -> Option<()> {
        self.bits(1)?;
        if self.bits(1)? == 1 {
            self.bits(14)?;
        }
        // of these object types there is no extension
        let _ = self.from.take(1)?;
        self.to.put(0, 1);
        if channels == 0 { self.program() } else { Some(()) }
    }

    /// GASpecificConfig of error resilient object types, and epConfig (14496-3 §1.6.2.1).
    fn resilient_audio(&mut self, channels: u32) -> Option<()> {
        self.bits(1)?;
        if self.bits(1)? == 1 {
            self.bits(14)?;
        }
        let extended = self.bits(1)? == 1;
        if channels == 0 {
            self.program()?;
        }
        if extended {
            self.bits(3)?;
            // of version 3 nothing is known
            self.from.take(1)?;
            self.to.put(0, 1);
        }
        self.no_protection()
    }

    /// Only without error protection, whose configuration is another.
    fn no_protection(&mut self) -> Option<()> {
        (self.bits(2)? == 0).then_some(())
    }

    /// ELDSpecificConfig (14496-3 §4.6.20.2), without its extensions.
    fn low_delay_audio(&mut self, channels: u32) -> Option<()> {
        self.bits(4)?;
        if self.bits(1)? == 1 {
            self.bits(2)?;
            let headers = match channels {
                1 | 2 => 1,
                3 => 2,
                4..=6 => 3,
                7 => 4,
                _ => return None,
            };
            for _ in 0..headers {
                self.replication_header()?;
            }
        }
        loop {
            let kind = self.from.take(4)?;
            if kind == 0 {
                break;
            }
            let mut length = self.from.take(4)?;
            if length == 15 {
                let more = self.from.take(8)?;
                length += more;
                if more == 255 {
                    length += self.from.take(16)?;
                }
            }
            self.from.at += 8 * usize::try_from(length).ok()?;
        }
        self.to.put(0, 4);
        self.no_protection()
    }

    /// sbr_header (14496-3 §4.4.2.8).
    fn replication_header(&mut self) -> Option<()> {
        self.bits(12)?;
        self.from.take(2)?;
        self.to.put(0, 2);
        let (first, second) = (self.bits(1)?, self.bits(1)?);
        if first == 1 {
            self.bits(5)?;
        }
        if second == 1 {
            self.bits(6)?;
        }
        Some(())
    }

    /// program_config_element (14496-3 §4.4.1.1).
    fn program(&mut self) -> Option<()> {
        self.bits(10)?;
        let front = self.bits(4)?;
        let side = self.bits(4)?;
        let back = self.bits(4)?;
        let low = self.bits(2)?;
        let data = self.bits(3)?;
        let coupling = self.bits(4)?;
        for mixdown in [4, 4, 3] {
            if self.bits(1)? == 1 {
                self.bits(mixdown)?;
            }
        }
        for _ in 0..front + side + back + coupling {
            self.bits(5)?;
        }
        for _ in 0..low + data {
            self.bits(4)?;
        }
        self.from.align();
        self.to.align();
        let comment = usize::try_from(self.from.take(8)?).unwrap_or(0);
        self.to.put(0, 8);
        self.comment = comment > 0;
        self.from.at += 8 * comment;
        Some(())
    }

    /// The two extensions that are told behind the rest (14496-3 §1.6.6): SBR, and parametric stereo.
    fn sync_extension(&mut self) {
        let mut from = self.from.clone();
        if from.take(11) != Some(0x2b7) || from.take(5) != Some(5) {
            return;
        }
        let Some(present) = from.take(1) else {
            return;
        };
        self.from = from;
        self.to.put(0x2b7, 11);
        self.to.put(5, 5);
        self.to.put(present, 1);
        if present == 0 || self.frequency().is_none() {
            return;
        }
        let mut from = self.from.clone();
        if let (Some(0x548), Some(stereo)) = (from.take(11), from.take(1)) {
            self.to.put(0x548, 11);
            self.to.put(stereo, 1);
        }
    }
}

/// A part of MPEG-4 Visual that stays.
pub(in crate::clean::media::film) enum Mpeg4Part<'a> {
    Kept(Range<usize>),
    Written(&'a [u8]),
}

/// MPEG-4 Visual without user data (ISO/IEC 14496-2 §6.2.2.2) and without what is before the first start code.
///
/// What XviD writes there decides which inverse transform decoders choose, so that its name stays; of its number only
/// what the errors of old versions depend on.
pub(in crate::clean::media::film) fn mpeg4_parts<E>(
    bytes: &[u8],
    found: &mut BTreeSet<Found>,
    mut part: impl FnMut(Mpeg4Part<'_>) -> Result<(), E>,
) -> Result<(), E> {
    const XVID: &[u8] = b"\0\0\x01\xb2XviD";
    let starts = memmem::Finder::new(b"\0\0\x01");
    let next = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        starts.find(rest).map_or(bytes.len(), |at| from + at)
    };
    // short_video_start_marker (§6.3.5.2): H.263, which has no start codes
    if matches!(bytes, [0, 0, 0x80..=0x83, ..]) {
        return part(Mpeg4Part::Kept(0..bytes.len()));
    }
    let (mut copied, mut at) = (next(0), next(0));
    // a byte alone stands for a picture that is left out
    if copied > 0 && bytes != [0x7f] {
        found.insert(Found::Other);
    }
    while at < bytes.len() {
        let end = next(at + 3);
        if bytes.get(at + 3) == Some(&0xb2) {
            let unit = bytes.get(at..end).unwrap_or_default();
            let build = unit.strip_prefix(XVID).and_then(|rest| rest.get(..4));
            let build =
                build.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok());
            let canonical = build.map(|build| {
                let build = if build <= 32 { build } else { 50 };
                [XVID, format!("{build:04}").as_bytes()].concat()
            });
            if canonical.as_deref() != Some(unit) {
                found.insert(Found::Software);
                part(Mpeg4Part::Kept(copied..at))?;
                if let Some(canonical) = canonical {
                    part(Mpeg4Part::Written(&canonical))?;
                }
                copied = end;
            }
        }
        at = end;
    }
    part(Mpeg4Part::Kept(copied..bytes.len()))
}

/// The same of what sets the decoder up.
pub(super) fn mpeg4(specific: &[u8], found: &mut BTreeSet<Found>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Ok(()) = mpeg4_parts(specific, found, |part| -> Result<(), Infallible> {
        kept.extend_from_slice(match part {
            Mpeg4Part::Kept(range) => specific.get(range).unwrap_or_default(),
            Mpeg4Part::Written(bytes) => bytes,
        });
        Ok(())
    });
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(bytes: &[u8], part: &[u8]) -> bool {
        memmem::find(bytes, part).is_some()
    }

    #[test]
    fn nothing_stays_behind_what_sound_is_set_up_by() {
        // ER AAC LC and ELD of 44100 Hz in stereo, LC, MP3 in MPEG-4
        for (bits, has_elements) in [
            (&[(17, 5), (4, 4), (2, 4), (0, 3), (0, 2)][..], false),
            (&[(31, 5), (7, 6), (4, 4), (2, 4), (0, 5), (0, 4), (0, 2)], false),
            (&[(2, 5), (4, 4), (2, 4), (0, 3)], true),
            (&[(31, 5), (2, 6), (4, 4), (2, 4), (0, 1)], false),
        ] {
            let mut told = BitsOut::default();
            bits.iter().for_each(|&(value, count)| told.put(value, count));
            let canonical = told.bytes.clone();
            told.bytes.extend(b"CANARY");
            let mut found = BTreeSet::new();
            assert_eq!(aac(&mut told.bytes, &mut found), Some(has_elements));
            assert_eq!((&told.bytes, found.len()), (&canonical, 1));
            assert_eq!(aac(&mut told.bytes, &mut BTreeSet::new()), Some(has_elements));
            assert_eq!(told.bytes, canonical);
        }
        // an extension of ELD is left out
        let mut told = BitsOut::default();
        for (value, count) in [(31, 5), (7, 6), (4, 4), (2, 4), (0, 5), (1, 4), (2, 4)] {
            told.put(value, count);
        }
        told.put(0x4341, 16);
        told.put(0, 6);
        assert_eq!(aac(&mut told.bytes, &mut BTreeSet::new()), Some(false));
        assert_eq!(told.bytes.len(), 4);
        // SLS and USAC
        for number in [37, 42] {
            let mut told = BitsOut::default();
            told.put(31, 5);
            told.put(number - 32, 6);
            told.bytes.extend([0; 8]);
            assert_eq!(aac(&mut told.bytes, &mut BTreeSet::new()), None);
        }
    }

    #[test]
    fn mpeg4_begins_with_a_start_code() {
        let mut found = BTreeSet::new();
        assert_eq!(mpeg4(b"CANARY\0\0\x01\xb0\x05", &mut found), b"\0\0\x01\xb0\x05");
        assert_eq!(found, BTreeSet::from([Found::Other]));
        assert_eq!(mpeg4(b"CANARY", &mut found), b"");
        assert_eq!(mpeg4(b"\0\0\x80\x02abc", &mut found), b"\0\0\x80\x02abc");
        let told = b"\0\0\x01\xb2XviD0064CANARY\0\0\x01\xb6a\0\0\x01\xb2CANARY";
        let kept = b"\0\0\x01\xb2XviD0050\0\0\x01\xb6a";
        assert_eq!(mpeg4(told, &mut found), kept);
        assert_eq!(mpeg4(kept, &mut found), kept);
    }

    #[test]
    fn one_parameter_set_of_a_number() {
        let set = |bytes: &[u8]| {
            let length = u16::try_from(bytes.len()).unwrap();
            [length.to_be_bytes().as_slice(), bytes].concat()
        };
        let sps = set(&[0x67, 66, 0xc0, 30, 0x80]);
        let told = |pps: &[&[u8]]| {
            let count = [u8::try_from(pps.len()).unwrap()];
            let pps: Vec<u8> = pps.iter().flat_map(|pps| set(pps)).collect();
            [&[1, 9, 9, 9, 0xff, 0xe1], sps.as_slice(), &count, &pps].concat()
        };
        let (first, second): (&[u8], &[u8]) = (&[0x68, 0x80, 1], &[0x68, 0x40, 1]);
        let (mut canonical, mut out) = (Vec::new(), Vec::new());
        avc(&mut canonical, &told(&[second, first]), &mut BTreeSet::new()).unwrap();
        // the profile is the set's
        assert!(contains(&canonical, &[1, 66, 0xc0, 30, 0xff]));
        let large = [first, &[7; 5000]].concat();
        let mut found = BTreeSet::new();
        let pps = [b"\x68\x80CANARY".as_slice(), second, &large, first, &[0x6d, 1]];
        avc(&mut out, &told(&pps), &mut found).unwrap();
        assert_eq!((out, found), (canonical, BTreeSet::from([Found::Other])));
    }

    #[test]
    fn a_decoder_of_h265_is_told_what_its_parameter_set_says() {
        let sps = [&[0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 93][..], &[7; 9]]
            .concat();
        let mut arrays = vec![1, 0xe1, 0, 1, 0, u8::try_from(sps.len()).unwrap()];
        arrays.extend(&sps);
        let told = |arrays: &[u8]| {
            let head = b"\x01\x02ANARYCANARYCANARYYC\x0f";
            let mut out = Vec::new();
            hevc(&mut out, &[head, arrays].concat(), &mut BTreeSet::new()).unwrap();
            out
        };
        let out = told(&arrays);
        assert!(contains(&out, &[1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0xf0, 0, 0xfc]));
        assert!(!contains(&told(&[0]), b"ANARY") && !contains(&out, b"ANARY"));
    }

    #[test]
    fn hints_of_sound_are_not_kept() {
        let mut out = Vec::new();
        opus(&mut out, b"\x07\x02\x01\x38CANA\0\0\0").unwrap();
        assert!(contains(&out, &[0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0]));
        let mut out = Vec::new();
        alac(&mut out, b"\0\0\0\0\0\0\x10\0C\x10\x28\x0a\x0e\x02ANARYCANAR\0\0\xac\x44").unwrap();
        assert!(!contains(&out, b"ANAR") && out.ends_with(&[0, 0, 0, 0, 0, 0, 0xac, 0x44]));
    }
}
