//! Metafiles: EMF ([MS-EMF]) and WMF ([MS-WMF]).
//!
//! | part | what becomes of it |
//! |---|---|
//! | drawing records of the lists below | kept |
//! | comments and escapes, which also hold EMF+, other metafiles and printers' data | dropped |
//! | description, pixel format, palette at the end | dropped; the header is written anew |
//! | the full name, style, script and vendor of a font; what stands behind its face name's NUL | zeroed |
//! | bytes behind the fields of records of fixed size, of polygons and of texts | dropped or zeroed |
//! | handle and reserved bytes of a placeable header, its checksum | written anew |
//! | bytes after the end | dropped |
//!
//! A metafile that is drawn by EMF+ alone is refused.
//!
//! Not detected: the size of the screen or paper for which it was drawn (`szlDevice`, `szlMillimeters`), by which programs
//! compute its size; bytes behind the rows of bitmaps and regions.

use zeroize::Zeroizing;

use super::records;

/// The cleaned file, its extension and whether something was left behind.
pub(super) type Metafile = (Zeroizing<Vec<u8>>, &'static str, bool);

/// The cleaned file, its extension and whether something was left behind; None if it is no metafile.
pub(super) fn clean(bytes: &[u8]) -> Option<Result<Metafile, ()>> {
    match bytes {
        [1, 0, 0, 0, ..] if bytes.get(40..44) == Some(b" EMF") => Some(emf(bytes).ok_or(())),
        [0xd7, 0xcd, 0xc6, 0x9a, ..] => Some(wmf(bytes, 22).ok_or(())),
        [1 | 2, 0, 9, 0, 0, 1 | 3, ..] => Some(wmf(bytes, 0).ok_or(())),
        _ => None,
    }
}

const EMR_HEADER: u32 = 1;
const EMR_EOF: u32 = 14;
const EMR_COMMENT: u32 = 70;

/// Records that draw or set how is drawn ([MS-EMF] 2.1.1): not comments, escapes, pixel formats, colour profiles.
const fn is_drawing(record: u32) -> bool {
    matches!(record, 2..=13 | 15..=68 | 71..=97 | 108 | 114 | 116 | 118)
}

fn emf(bytes: &[u8]) -> Option<Metafile> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let (mut rest, mut records, mut drawn) = (bytes, 1_u32, false);
    let mut is_plus = false;
    let header = bytes.get(..88)?;
    // without description, pixel format and palette: header size 88 ([MS-EMF] 2.3.4.2)
    out.extend_from_slice(header);
    loop {
        let (record, size) = (u32_at(rest, 0)?, u32_at(rest, 4)?);
        let size = usize::try_from(size).ok().filter(|size| *size >= 8 && size % 4 == 0)?;
        let body = rest.get(..size)?;
        match record {
            EMR_HEADER => {}
            EMR_EOF => break,
            EMR_COMMENT => is_plus |= body.get(12..16) == Some(b"EMF+") && !is_dual(body),
            record if is_drawing(record) => {
                // pens, brushes and modes alone show nothing
                drawn |= matches!(record, 2..=8 | 15 | 41..=47 | 53..=56 | 62..=64 | 71..=97 | 108 | 118);
                records::write(record, body, &mut out)?;
                records = records.checked_add(1)?;
            }
            _ => {}
        }
        rest = rest.get(size..)?;
    }
    if is_plus && !drawn {
        return None;
    }
    out.extend_from_slice(&[14, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 20, 0, 0, 0]);
    let length = u32::try_from(out.len()).ok()?;
    let fields: [(usize, u32); 7] = [
        (4, 88),
        (48, length),
        (52, records.checked_add(1)?),
        (60, 0),
        (64, 0),
        (68, 0),
        (44, 0x1_0000),
    ];
    for (at, value) in fields {
        out.get_mut(at..at + 4)?.copy_from_slice(&value.to_le_bytes());
    }
    // reserved, before it the number of handles stays
    out.get_mut(58..60)?.fill(0);
    let changed = out.as_slice() != bytes;
    Some((out, "emf", changed))
}

/// Whether an EMF+ comment that begins with a header says that plain records draw the same.
fn is_dual(comment: &[u8]) -> bool {
    let is_header = comment.get(16..18) == Some(&[1, 0x40]);
    !is_header || comment.get(18).is_some_and(|flags| flags & 1 == 1)
}

/// Functions of [MS-WMF] 2.1.1.1 but escapes.
const fn is_function(function: u16) -> bool {
    matches!(
        function,
        0x001e | 0x0035 | 0x00f7 | 0x00f8 | 0x0102..=0x0108 | 0x0127 | 0x0139 | 0x012a..=0x012e | 0x0142 | 0x0149 | 0x01f0
            | 0x01f9 | 0x0201 | 0x0209 | 0x020a..=0x0214 | 0x0220 | 0x0228 | 0x0231 | 0x0234 | 0x02fa..=0x02fc | 0x0324 | 0x0325
            | 0x0365 | 0x0410 | 0x0412 | 0x0415 | 0x0416 | 0x0418 | 0x0419 | 0x041b | 0x041f | 0x0429 | 0x0436 | 0x0521
            | 0x0538 | 0x0548 | 0x061c | 0x061d | 0x06ff | 0x0817 | 0x081a | 0x0830 | 0x0922 | 0x0940 | 0x0940..=0x0943
            | 0x0a32 | 0x0b23 | 0x0b41 | 0x0d33 | 0x0f43
    )
}

/// META_CREATEFONTINDIRECT.
const CREATE_FONT: u16 = 0x02fb;

fn wmf(bytes: &[u8], at: usize) -> Option<Metafile> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    out.extend_from_slice(bytes.get(..at + 18)?);
    if at > 0 {
        records::place(&mut out)?;
    }
    let mut rest = bytes.get(at + 18..)?;
    let mut largest = 3_u32;
    loop {
        let words = u32_at(rest, 0).unwrap_or(3);
        let function =
            rest.get(4..6).map_or(0, |b| b.first_chunk().map_or(0, |b| u16::from_le_bytes(*b)));
        if function == 0 {
            break;
        }
        let size = usize::try_from(words).ok()?.checked_mul(2).filter(|size| *size >= 6)?;
        let body = rest.get(..size)?;
        if is_function(function) {
            largest = largest.max(if function == CREATE_FONT {
                records::write_font(body, &mut out)?
            } else {
                out.extend_from_slice(body);
                words
            });
        }
        rest = rest.get(size..)?;
    }
    out.extend_from_slice(&[3, 0, 0, 0, 0, 0]);
    let words = u32::try_from((out.len() - at) / 2).ok()?;
    out.get_mut(at + 6..at + 10)?.copy_from_slice(&words.to_le_bytes());
    out.get_mut(at + 12..at + 16)?.copy_from_slice(&largest.to_le_bytes());
    out.get_mut(at + 16..at + 18)?.fill(0);
    let changed = out.as_slice() != bytes;
    Some((out, "wmf", changed))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}
