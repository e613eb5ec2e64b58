//! The file written anew: `ftyp`, `meta`, `mdat`, and nothing that the file before had a choice in.

use std::collections::HashMap;

use super::{Chosen, fields::boxed};
use crate::clean::replay::{Pieces, TooManyPieces};

/// A handler for pictures, without a name (ISO/IEC 23008-12 §6.2).
const HANDLER: &[u8; 25] = b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// An item of the new file. Its number is its place, from 1.
pub(super) struct Item {
    pub(super) name: [u8; 4],
    /// What it is put together from, by number.
    pub(super) inputs: Vec<u16>,
    /// The item whose alpha plane it is, and whether that one's colours are multiplied with it.
    pub(super) alpha_of: Option<(u16, bool)>,
    pub(super) properties: Vec<(Vec<u8>, bool)>,
    pub(super) body: Body,
}

/// An item's data.
pub(super) enum Body {
    /// In `idat`, as short things are.
    Inner(Vec<u8>),
    /// So many bytes in `mdat`.
    Media(u32),
}

/// Puts everything together; `brands` are those of `ftyp`, the major one first, `media` is the payload of `mdat`.
pub(super) fn file(brands: &[u8], chosen: &Chosen, media: Pieces) -> Result<Pieces, TooManyPieces> {
    let (major, _) = brands.split_at_checked(4).unwrap_or_default();
    let head = boxed(b"ftyp", &[major, &[0; 4], brands]);
    // every offset has four bytes, so that the second meta is as long as the first
    let start = head.len() + meta(chosen, 0).ok_or(TooManyPieces)?.len() + 8;
    let start = u32::try_from(start).map_err(|_| TooManyPieces)?;
    let mut pieces = Pieces::default();
    pieces.literal(&head)?;
    pieces.literal(&meta(chosen, start).ok_or(TooManyPieces)?)?;
    let length = u32::try_from(media.len() + 8).map_err(|_| TooManyPieces)?;
    pieces.literal(&length.to_be_bytes())?;
    pieces.literal(b"mdat")?;
    pieces.append(media);
    Ok(pieces)
}

/// None if there are more items or properties than their numbers have room for.
fn meta(chosen: &Chosen, media_start: u32) -> Option<Vec<u8>> {
    let count = u16::try_from(chosen.items.len()).ok()?;
    let (mut infos, mut references, mut inner) = (Vec::new(), Vec::new(), Vec::new());
    let mut locations = vec![1, 0, 0, 0, 0x44, 0];
    locations.extend(count.to_be_bytes());
    let mut offset = media_start;
    for (id, item) in (1_u16..).zip(&chosen.items) {
        let id = id.to_be_bytes();
        let hidden = u8::from(id != chosen.primary.to_be_bytes());
        infos.extend(boxed(b"infe", &[&[2, 0, 0, hidden], &id, &[0; 2], &item.name, &[0]]));
        if !item.inputs.is_empty() {
            let inputs: Vec<u8> = item.inputs.iter().flat_map(|id| id.to_be_bytes()).collect();
            let count = u16::try_from(item.inputs.len()).ok()?.to_be_bytes();
            references.extend(boxed(b"dimg", &[&id, &count, &inputs]));
        }
        if let Some((of, premultiplied)) = item.alpha_of {
            references.extend(boxed(b"auxl", &[&id, &[0, 1], &of.to_be_bytes()]));
            if premultiplied {
                references.extend(boxed(b"prem", &[&of.to_be_bytes(), &[0, 1], &id]));
            }
        }
        locations.extend(id);
        let (construction, at, length) = match &item.body {
            Body::Inner(bytes) => {
                let at = u32::try_from(inner.len()).ok()?;
                inner.extend_from_slice(bytes);
                (1, at, u32::try_from(bytes.len()).ok()?)
            }
            Body::Media(length) => {
                let at = offset;
                offset = offset.checked_add(*length)?;
                (0, at, *length)
            }
        };
        // construction method, data reference, one extent; none where there is no data, as of `iden`
        locations.extend([0, construction, 0, 0, 0, u8::from(length > 0)]);
        if length > 0 {
            locations.extend(at.to_be_bytes());
            locations.extend(length.to_be_bytes());
        }
    }
    let mut parts = vec![
        boxed(b"hdlr", &[HANDLER]),
        boxed(b"pitm", &[&[0; 4], &chosen.primary.to_be_bytes()]),
        boxed(b"iloc", &[&locations]),
        boxed(b"iinf", &[&[0; 4], &count.to_be_bytes(), &infos]),
    ];
    if !references.is_empty() {
        parts.push(boxed(b"iref", &[&[0; 4], &references]));
    }
    parts.push(properties(chosen)?);
    if !inner.is_empty() {
        parts.push(boxed(b"idat", &[&inner]));
    }
    Some(boxed(b"meta", &[&[0; 4], &parts.concat()]))
}

/// `iprp`: each property once, in the order of the items that have it first.
fn properties(chosen: &Chosen) -> Option<Vec<u8>> {
    let (mut all, mut known) = (Vec::new(), HashMap::new());
    let mut associations = Vec::new();
    for item in &chosen.items {
        let mut numbers = Vec::new();
        for (property, essential) in &item.properties {
            let number = *known.entry(property.as_slice()).or_insert_with(|| {
                all.push(property.as_slice());
                all.len()
            });
            numbers.push((u16::try_from(number).ok().filter(|n| *n < 0x8000)?, *essential));
        }
        associations.push(numbers);
    }
    let wide = all.len() > 127;
    let mut bytes = vec![0, 0, 0, u8::from(wide)];
    bytes.extend(u32::try_from(associations.len()).ok()?.to_be_bytes());
    for (id, numbers) in (1_u16..).zip(&associations) {
        bytes.extend(id.to_be_bytes());
        bytes.push(u8::try_from(numbers.len()).ok()?);
        for (number, essential) in numbers {
            let [high, low] = number.to_be_bytes();
            let flag = if *essential { 0x80 } else { 0 };
            bytes.extend(if wide { vec![high | flag, low] } else { vec![low | flag] });
        }
    }
    Some(boxed(b"iprp", &[&boxed(b"ipco", &[&all.concat()]), &boxed(b"ipma", &[&bytes])]))
}
