//! Visual sample entries.

use std::collections::BTreeSet;

use super::{Entry, Stream, Told, config, esds};
use crate::clean::{
    Found,
    media::film::fields::{Fields, boxes, child, lowest, put16, put32, write_box},
};

/// 72 per inch, 16.16.
const RESOLUTION: u32 = 0x0048_0000;

/// The visual sample entry `format` with `payload` behind its header, written anew.
pub(in crate::clean::media::film) fn picture(
    format: [u8; 4],
    payload: &[u8],
    found: &mut BTreeSet<Found>,
) -> Told {
    if matches!(&format, b"encv" | b"drmi")
        || child_boxes(payload).any(|(name, _)| name == *b"sinf")
    {
        return Told::Encrypted;
    }
    let mut fields = Fields::new(payload);
    let Some(size) = header(&mut fields, found) else {
        return Told::Unknown;
    };
    let Some((config, stream)) = decoder(format, fields.rest(), found) else {
        return Told::Unknown;
    };
    let mut bytes = Vec::new();
    write_box(&mut bytes, &format, |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend_from_slice(&[0; 16]);
        put16(out, &[size.width, size.height]);
        put32(out, &[RESOLUTION, RESOLUTION, 0]);
        put16(out, &[1]);
        out.extend_from_slice(&[0; 32]);
        put16(out, &[size.depth, u16::MAX]);
        out.extend_from_slice(&config);
        for name in [b"colr", b"pasp", b"clap", b"fiel"] {
            shown(out, name, fields.rest(), &size, found);
        }
    });
    Told::Entry(Entry { bytes, stream, packed: None })
}

fn child_boxes(payload: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    boxes(payload.get(78..).unwrap_or_default())
}

struct Size {
    width: u16,
    height: u16,
    depth: u16,
}

/// §12.1.3.2; the fields that QuickTime has and ISO leaves 0 are dropped.
fn header(fields: &mut Fields<'_>, found: &mut BTreeSet<Found>) -> Option<Size> {
    fields.bytes(12)?;
    let vendor = fields.u32()?;
    fields.bytes(8)?;
    let (width, height) = (fields.u16()?, fields.u16()?);
    fields.bytes(14)?;
    let compressor = fields.bytes(32)?;
    let depth = fields.u16()?;
    fields.bytes(2)?;
    if vendor != 0 || compressor.iter().any(|&byte| byte != 0) {
        found.insert(Found::Software);
    }
    // 32 says that there is an alpha channel
    Some(Size { width, height, depth: if depth == 32 { 32 } else { 24 } })
}

/// The box that sets the decoder up, and what its samples are.
fn decoder(
    format: [u8; 4],
    children: &[u8],
    found: &mut BTreeSet<Found>,
) -> Option<(Vec<u8>, Stream)> {
    let own = |name: &[u8; 4]| child(children, name);
    let mut out = Vec::new();
    let stream = match &format {
        b"avc1" | b"avc3" => Stream::Avc { length: config::avc(&mut out, own(b"avcC")?, found)? },
        b"hvc1" | b"hev1" => Stream::Hevc { length: config::hevc(&mut out, own(b"hvcC")?, found)? },
        b"av01" => config::av1(&mut out, own(b"av1C")?, found).map(|()| Stream::Av1)?,
        b"vp08" | b"vp09" => config::vp9(&mut out, own(b"vpcC")?).map(|()| Stream::Opaque)?,
        b"mp4v" => {
            let mut decoder = esds::read(own(b"esds")?)?;
            // ISO/IEC 14496-1 table 5: Visual 14496-2
            if decoder.object_type != 0x20 {
                return None;
            }
            decoder.specific = config::mpeg4(&decoder.specific, found);
            esds::write(&mut out, &decoder);
            Stream::Mpeg4
        }
        b"s263" => {
            if let Some(d263) = own(b"d263") {
                config::h263(&mut out, d263, found)?;
            }
            Stream::Opaque
        }
        b"h263" | b"H263" => Stream::Opaque,
        b"jpeg" => Stream::Jpeg,
        b"apco" | b"apcs" | b"apcn" | b"apch" | b"ap4h" | b"ap4x" => Stream::ProRes,
        _ => return None,
    };
    Some((out, stream))
}

/// A box that says how decoded pictures are shown, with its values only.
fn shown(
    out: &mut Vec<u8>,
    name: &[u8; 4],
    children: &[u8],
    size: &Size,
    found: &mut BTreeSet<Found>,
) {
    let all = boxes(children).filter(|(found, _)| found == name);
    for (_, payload) in all {
        let kept = match name {
            b"colr" => colour(payload, found),
            b"pasp" => aspect(payload),
            b"clap" => aperture(payload, size),
            // fields per frame, and their order (QuickTime File Format, `fiel`)
            _ => match payload {
                [count @ 1..=2, order @ (0 | 1 | 6 | 9 | 14), ..] => Some(vec![*count, *order]),
                _ => None,
            },
        };
        if let Some(kept) = kept {
            write_box(out, name, |out| out.extend_from_slice(&kept));
            return;
        }
    }
}

/// How much wider than high a pixel is (§12.1.4), in lowest terms; nothing is told of square ones.
fn aspect(payload: &[u8]) -> Option<Vec<u8>> {
    let sides = lowest(Fields::new(payload).words()?)?;
    let is_known = sides != [1, 1] && sides.iter().all(|side| (1..1 << 16).contains(side));
    is_known.then(|| sides.map(u32::to_be_bytes).concat())
}

/// The clean aperture (§12.1.4) as four fractions in lowest terms: width, height, offsets. None where it is no part of
/// the picture.
fn aperture(payload: &[u8], size: &Size) -> Option<Vec<u8>> {
    /// Ratios of pixels have no greater ones.
    const MOST_DENOMINATOR: u32 = 1 << 10;
    let mut fields = Fields::new(payload);
    let mut bytes = Vec::new();
    let sides = [size.width, size.height];
    for (signed, most) in [false, true].into_iter().flat_map(|signed| sides.map(|s| (signed, s))) {
        let [n, d] = fields.words()?;
        let negative = signed && n.cast_signed() < 0;
        let magnitude = if negative { n.wrapping_neg() } else { n };
        let [n, d] = lowest([magnitude, d])?;
        let fits = u64::from(n) <= u64::from(most) * u64::from(d) && (signed || n > 0);
        if !fits || !(1..=MOST_DENOMINATOR).contains(&d) {
            return None;
        }
        put32(&mut bytes, &[if negative { n.wrapping_neg() } else { n }, d]);
    }
    Some(bytes)
}

/// §12.1.5: numbers of ISO/IEC 23091-2 stay, those that it does not know are written as unspecified; profiles do not.
fn colour(payload: &[u8], found: &mut BTreeSet<Found>) -> Option<Vec<u8>> {
    let mut fields = Fields::new(payload);
    let kind = fields.array::<4>()?;
    if !matches!(&kind, b"nclx" | b"nclc") {
        found.insert(Found::ColourProfile);
        return None;
    }
    let mut kept = kind.to_vec();
    put16(&mut kept, &code_points([fields.u16()?, fields.u16()?, fields.u16()?]));
    if kind == *b"nclx" {
        kept.push(fields.u8()? & 0x80);
    }
    Some(kept)
}

/// Primaries, transfer and matrix, each 2 (unspecified) if ISO/IEC 23091-2 does not know it.
pub(super) const fn code_points([primaries, transfer, matrix]: [u16; 3]) -> [u16; 3] {
    [
        if matches!(primaries, 1 | 4..=12 | 22) { primaries } else { 2 },
        if matches!(transfer, 1 | 4..=18) { transfer } else { 2 },
        if matches!(matrix, 0 | 1 | 4..=17) { matrix } else { 2 },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pictures_are_shown_by_has_no_room() {
        let size = Size { width: 1920, height: 1088, depth: 24 };
        let words = |words: &[u32]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
        assert_eq!(aspect(b"PASPPASP"), None);
        assert_eq!(aspect(b"CANARYxx"), None);
        assert_eq!(aspect(&words(&[80, 60])), Some(words(&[4, 3])));
        assert_eq!(aperture(b"CLAP-CANARY-8d1f-CLAP-CANARY-xyz", &size), None);
        let minus = 8_u32.wrapping_neg();
        let told = [3840, 2, 1080, 1, 0, 7, minus, 2];
        let kept = [1920, 1, 1080, 1, 0, 1, 4_u32.wrapping_neg(), 1];
        assert_eq!(aperture(&words(&told), &size), Some(words(&kept)));
        assert_eq!(aperture(&words(&[3840, 1, 1080, 1, 0, 1, 0, 1]), &size), None);
        let mut found = BTreeSet::new();
        let kept = Some(b"nclx\0\x02\0\x02\0\x02\x80".to_vec());
        assert_eq!(colour(b"nclxCANARY\xff", &mut found), kept);
        assert_eq!(
            colour(b"nclc\0\x01\0\x01\0\x01", &mut found),
            Some(b"nclc\0\x01\0\x01\0\x01".to_vec())
        );
    }
}
