//! Properties of items: which stay, with what values, in which order (ISO/IEC 23008-12 §6.5).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Trouble, av1,
    fields::{Fields, boxed},
    hevc,
    meta::Meta,
};
use crate::clean::Found;

/// The names by which auxiliary pictures are told to be alpha planes (§6.6.2.1.1, ISO/IEC 23000-22 §7.3.5).
const ALPHA: &[&[u8]] = &[
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
    b"urn:mpeg:hevc:2015:auxid:1\0",
    b"urn:mpeg:avc:2015:auxid:1\0",
];

/// What can be left out even if it is called essential: it changes how light or colours are rendered at most.
const DISPENSABLE: &[&[u8; 4]] = &[b"colr", b"clli", b"mdcv", b"cclv", b"amve", b"pasp", b"auxC"];

/// The properties of one item.
#[derive(Default)]
pub(super) struct Properties {
    /// Boxes written anew, and whether they are essential: what describes the item in a fixed order, then what turns and
    /// crops it in the order in which it does.
    pub(super) list: Vec<(Vec<u8>, bool)>,
    pub(super) hevc: Option<hevc::Config>,
    pub(super) av1: bool,
    /// Whether the item is an alpha plane.
    pub(super) alpha: bool,
    /// Width by height, where they are told.
    pub(super) pixels: u64,
}

/// A property that stays.
enum Kept {
    /// Describes the item; its place among the others.
    Described(u8, Vec<u8>, bool),
    /// Turns, mirrors or crops it.
    Transforms(Vec<u8>),
    /// Says nothing that needs saying.
    Nothing,
}

/// Chooses among the properties of item `id`.
pub(super) fn choose(
    meta: &Meta,
    id: u32,
    found: &mut BTreeSet<Found>,
) -> Result<Properties, Trouble> {
    let mut chosen = Properties::default();
    let (mut described, mut transforms) = (BTreeMap::new(), Vec::new());
    for (number, essential) in meta.associations.get(&id).map_or([].as_slice(), Vec::as_slice) {
        let Some(index) = number.checked_sub(1) else {
            continue;
        };
        let (name, payload) = meta.properties.get(index).ok_or(Trouble::Damaged)?;
        match chosen.property(name, payload, found)? {
            // readers take the first of a kind
            Some(Kept::Described(place, bytes, needed)) => {
                described.entry(place).or_insert((bytes, needed));
            }
            Some(Kept::Transforms(bytes)) => transforms.push((bytes, true)),
            Some(Kept::Nothing) => {}
            None if *essential && !DISPENSABLE.contains(&name) => return Err(Trouble::Unsupported),
            None => {
                found.insert(left_out(name, payload));
            }
        }
    }
    chosen.list = described.into_values().chain(transforms).collect();
    Ok(chosen)
}

/// What a property that is left out is reported as.
fn left_out(name: &[u8; 4], payload: &[u8]) -> Found {
    match name {
        b"colr" if !payload.starts_with(b"nclx") => Found::ColourProfile,
        b"udes" | b"altt" => Found::Comment,
        b"crtt" | b"mdft" => Found::Time,
        b"cmin" | b"cmex" => Found::Device,
        _ => Found::Other,
    }
}

impl Properties {
    /// None for what is not on the list.
    fn property(
        &mut self,
        name: &[u8; 4],
        payload: &[u8],
        found: &mut BTreeSet<Found>,
    ) -> Result<Option<Kept>, Trouble> {
        let mut fields = Fields(payload);
        Ok(Some(match name {
            b"hvcC" if self.hevc.is_none() => {
                let config = hevc::config(payload, found).ok_or(Trouble::Damaged)?;
                let bytes = config.bytes.clone();
                self.hevc = Some(config);
                Kept::Described(0, bytes, true)
            }
            b"av1C" if !self.av1 => {
                let bytes = av1::config(payload).ok_or(Trouble::Damaged)?;
                self.av1 = true;
                Kept::Described(0, bytes, true)
            }
            b"ispe" => {
                let bytes = payload.get(4..12).ok_or(Trouble::Damaged)?;
                fields.full();
                let sides = fields.u32().zip(fields.u32()).ok_or(Trouble::Damaged)?;
                self.pixels = u64::from(sides.0) * u64::from(sides.1);
                Kept::Described(1, boxed(b"ispe", &[&[0; 4], bytes]), false)
            }
            b"pixi" => {
                let Some(bits) = payload.get(4).and_then(|n| payload.get(5..5 + usize::from(*n)))
                else {
                    return Ok(None);
                };
                let Some(count @ 1..=4) = u8::try_from(bits.len()).ok() else {
                    return Ok(None);
                };
                if bits.iter().any(|bits| *bits > 16) {
                    return Ok(None);
                }
                Kept::Described(2, boxed(b"pixi", &[&[0; 4], &[count], bits]), false)
            }
            b"pasp" => match ratio(&mut fields) {
                Some([w, h]) if w > 0 && h > 0 && w != h => {
                    let sides = [w.to_be_bytes(), h.to_be_bytes()];
                    Kept::Described(3, boxed(b"pasp", &[sides.as_flattened()]), false)
                }
                _ => Kept::Nothing,
            },
            b"colr" => match nclx(payload) {
                Some(colours) => Kept::Described(4, boxed(b"colr", &[&colours]), false),
                None => return Ok(None),
            },
            b"auxC" => {
                let name = payload.get(4..).unwrap_or_default();
                let alpha = |known: &&&[u8]| name.starts_with(known);
                let Some(known) = ALPHA.iter().find(alpha) else {
                    return Ok(None);
                };
                self.alpha = true;
                Kept::Described(5, boxed(b"auxC", &[&[0; 4], known]), false)
            }
            // AV1 Image File Format §2.3.2.1: which of up to 32 operating points
            b"a1op" => {
                let point = fields.u8().filter(|point| *point < 32).ok_or(Trouble::Damaged)?;
                Kept::Described(6, boxed(b"a1op", &[&[point]]), true)
            }
            // ISO/IEC 23008-12 §6.5.11: which layer, or FFFF for all
            b"lsel" => {
                let layer = fields.u16().filter(|layer| *layer < 64 || *layer == 0xffff);
                let layer = layer.ok_or(Trouble::Damaged)?.to_be_bytes();
                Kept::Described(7, boxed(b"lsel", &[&layer]), true)
            }
            b"irot" => match fields.u8().ok_or(Trouble::Damaged)? & 3 {
                0 => Kept::Nothing,
                turns => Kept::Transforms(boxed(b"irot", &[&[turns]])),
            },
            b"imir" => {
                let axis = fields.u8().ok_or(Trouble::Damaged)? & 1;
                Kept::Transforms(boxed(b"imir", &[&[axis]]))
            }
            b"clap" => Kept::Transforms(aperture(fields).ok_or(Trouble::Damaged)?),
            _ => return Ok(None),
        }))
    }
}

/// Colours by the code points of ITU-T H.273; those it does not know are written as unspecified.
fn nclx(payload: &[u8]) -> Option<[u8; 11]> {
    let mut fields = Fields(payload.strip_prefix(b"nclx")?);
    let known = |value: u16, known: fn(u16) -> bool| if known(value) { value } else { 2 };
    let primaries = known(fields.u16()?, |n| matches!(n, 1 | 4..=12 | 22)).to_be_bytes();
    let transfer = known(fields.u16()?, |n| matches!(n, 1 | 4..=18)).to_be_bytes();
    let matrix = known(fields.u16()?, |n| matches!(n, 0 | 1 | 4..=17)).to_be_bytes();
    let full = fields.u8()? & 0x80;
    let mut bytes = *b"nclx\0\0\0\0\0\0\0";
    let values = [primaries, transfer, matrix];
    for (byte, value) in bytes.iter_mut().skip(4).zip(values.as_flattened().iter().chain([&full])) {
        *byte = *value;
    }
    Some(bytes)
}

/// The clean aperture as four fractions in lowest terms (ISO/IEC 14496-12 §12.1.4): width, height, offsets.
fn aperture(mut fields: Fields<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for signed in [false, false, true, true] {
        let [n, d] = [fields.u32()?, fields.u32()?];
        let negative = signed && n.cast_signed() < 0;
        let magnitude = if negative { n.wrapping_neg() } else { n };
        let [n, d] = lowest([magnitude, d]).filter(|[_, d]| *d > 0)?;
        bytes.extend(if negative { n.wrapping_neg() } else { n }.to_be_bytes());
        bytes.extend(d.to_be_bytes());
    }
    Some(boxed(b"clap", &[&bytes]))
}

fn ratio(fields: &mut Fields<'_>) -> Option<[u32; 2]> {
    lowest([fields.u32()?, fields.u32()?])
}

/// Without what divides both; None if both are 0.
fn lowest([n, d]: [u32; 2]) -> Option<[u32; 2]> {
    let (mut a, mut b) = (n, d);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    Some([n.checked_div(a)?, d.checked_div(a)?])
}
