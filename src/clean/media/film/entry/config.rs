//! The boxes that set decoders up, each written anew from the fields that the decoder reads.

use std::{borrow::Cow, collections::BTreeSet};

use memchr::memmem;

use crate::clean::{
    Found,
    media::film::{
        fields::{Bits, BitsOut, Fields, put16, put32, write_box, write_full_box},
        streams::{av1_units, is_avc_parameter_set, is_hevc_parameter_set},
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
    let sps = parameter_sets(&mut fields, count & 0x1f, found)?;
    let count = fields.u8()?;
    let pps = parameter_sets(&mut fields, count, found)?;
    let high = matches!(profile, 100 | 110 | 122 | 144 | 244);
    let extension = fields.array::<4>().filter(|_| high);
    let more = match extension {
        Some([.., count]) => parameter_sets(&mut fields, count, found)?,
        None => Vec::new(),
    };
    write_box(out, b"avcC", |out| {
        out.extend_from_slice(&[1, profile, compatible, level, 0xfc | (length - 1)]);
        put_sets(out, 0xe0, &sps);
        put_sets(out, 0, &pps);
        if let Some([chroma, luma_bits, chroma_bits, _]) = extension {
            out.extend_from_slice(&[chroma | 0xfc, luma_bits | 0xf8, chroma_bits | 0xf8]);
            put_sets(out, 0, &more);
        }
    });
    Some(length)
}

/// `count` NAL units, less those that are no parameter sets.
fn parameter_sets<'a>(
    fields: &mut Fields<'a>,
    count: u8,
    found: &mut BTreeSet<Found>,
) -> Option<Vec<&'a [u8]>> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let length = fields.u16()?;
        let unit = fields.bytes(length.into())?;
        if unit.first().is_some_and(|&head| is_avc_parameter_set(head)) {
            sets.push(unit);
        } else {
            found.insert(Found::Other);
        }
    }
    Some(sets)
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
    let [_, general @ .., frame_rate_high, frame_rate_low, layers] = head;
    let length = (layers & 3) + 1;
    if length == 3 {
        return None;
    }
    let mut arrays = Vec::new();
    for _ in 0..fields.u8()? {
        let (kind, count) = (fields.u8()?, fields.u16()?);
        let mut units = Vec::new();
        for _ in 0..count {
            let length = fields.u16()?;
            let unit = fields.bytes(length.into())?;
            if unit.first_chunk().is_some_and(|&head| is_hevc_parameter_set(head)) {
                units.push(unit);
            } else {
                found.insert(Found::Other);
            }
        }
        if !units.is_empty() {
            arrays.push((kind & 0xbf, units));
        }
    }
    write_box(out, b"hvcC", |out| {
        out.push(1);
        out.extend_from_slice(&general);
        out.extend_from_slice(&[frame_rate_high, frame_rate_low, layers]);
        out.push(u8::try_from(arrays.len()).unwrap_or(0));
        for (kind, units) in arrays {
            out.push(kind);
            put16(out, &[u16::try_from(units.len()).unwrap_or(0)]);
            for unit in units {
                put16(out, &[u16::try_from(unit.len()).unwrap_or(0)]);
                out.extend_from_slice(unit);
            }
        }
    });
    Some(length)
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

/// `alac`: Apple's ALACSpecificConfig, whose averages are kept at 0.
pub(super) fn alac(out: &mut Vec<u8>, payload: &[u8]) -> Option<()> {
    let config = payload.get(4..28)?;
    write_full_box(out, b"alac", 0, 0, |out| out.extend_from_slice(config));
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
    let head = fields.array::<11>()?;
    let [_, channels, .., family] = head;
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

/// AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): of the usual object types, what their syntax has, and the comment of
/// a program configuration left empty. Gives whether the samples are raw_data_blocks, whose elements can be told apart.
pub(super) fn aac(specific: &mut Vec<u8>, found: &mut BTreeSet<Found>) -> Option<bool> {
    /// More than any encoder writes.
    const MOST: usize = 128;
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
    // AAC main, LC, SSR and LTP: the others are rare, and their syntax is another
    if !matches!(object_type, 1..=4) {
        return (specific.len() <= MOST).then_some(false);
    }
    copy.general_audio(channels)?;
    if !explicit {
        copy.sync_extension();
    }
    if copy.comment {
        found.insert(Found::Comment);
    }
    *specific = copy.to.bytes;
    Some(true)
}

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

/// MPEG-4 Visual without user data (ISO/IEC 14496-2 §6.2.2.2). Borrowed if there is none.
///
/// What XviD writes there decides which inverse transform decoders choose, so that its name stays; of its number only
/// what the errors of old versions depend on.
pub(in crate::clean::media::film) fn mpeg4_user_data<'a>(
    bytes: &'a [u8],
    found: &mut BTreeSet<Found>,
) -> Cow<'a, [u8]> {
    const XVID: &[u8] = b"\0\0\x01\xb2XviD";
    let starts = memmem::Finder::new(b"\0\0\x01");
    let next = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        starts.find(rest).map_or(bytes.len(), |at| from + at)
    };
    let mut kept = Vec::new();
    let (mut copied, mut at) = (0, next(0));
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
                kept.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
                kept.extend(canonical.unwrap_or_default());
                copied = end;
            }
        }
        at = end;
    }
    if copied == 0 {
        return Cow::Borrowed(bytes);
    }
    kept.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    Cow::Owned(kept)
}
