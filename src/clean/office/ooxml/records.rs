//! Records of metafiles whose fields leave room: written so that nothing stands behind what is drawn.

use super::metafile::u32_at;

/// Where the face name of a LOGFONTW begins, and where it ends, in EMR_EXTCREATEFONTINDIRECTW ([MS-EMF] 2.3.7.8).
const FACE: usize = 40;
const FACE_END: usize = 104;
/// The same with the full name, style and PANOSE behind it.
const PANOSE_END: usize = 332;

/// Writes a record of an EMF; None if it is too short for its own fields.
pub(super) fn write(record: u32, body: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    match record {
        82 => {
            let length = if body.len() >= PANOSE_END { PANOSE_END } else { FACE_END };
            out.extend_from_slice(body.get(..FACE_END)?);
            out.resize(start + length, 0);
            clear_behind_nul(out.get_mut(start + FACE..start + FACE_END)?, 2);
            set_length(out, start)
        }
        83 | 84 => {
            out.extend_from_slice(body);
            clear_around_text(record, body, out.get_mut(start..)?)
        }
        _ => {
            let length = length(record, body).filter(|length| *length <= body.len());
            out.extend_from_slice(body.get(..length.unwrap_or(body.len()))?);
            set_length(out, start)
        }
    }
}

fn set_length(out: &mut [u8], start: usize) -> Option<()> {
    let length = u32::try_from(out.len() - start).ok()?;
    out.get_mut(start + 4..start + 8)?.copy_from_slice(&length.to_le_bytes());
    Some(())
}

/// How long a record is by its fields ([MS-EMF] 2.3); None where that is not told here.
fn length(record: u32, body: &[u8]) -> Option<usize> {
    let number = |at| u32_at(body, at).and_then(|n| usize::try_from(n).ok());
    let points = |at: usize, size: usize| number(24)?.checked_mul(size)?.checked_add(at);
    match record {
        28 | 33 | 59..=61 | 65 | 66 | 68 => Some(8),
        16..=22 | 24 | 25 | 34 | 37 | 40 | 48 | 57 | 58 | 67 => Some(12),
        9..=13 | 26 | 27 | 54 => Some(16),
        53 => Some(20),
        29..=32 | 39 | 42 | 43 | 62..=64 => Some(24),
        38 | 41 => Some(28),
        23 | 35 | 44 => Some(32),
        36 => Some(36),
        45..=47 | 55 => Some(40),
        2..=6 => points(28, 8),
        85..=89 => points(28, 4),
        7 | 8 | 90 | 91 => {
            let size = if record < 9 { 8 } else { 4 };
            let all = number(28)?.checked_mul(size)?;
            number(24)?.checked_mul(4)?.checked_add(all)?.checked_add(32)
        }
        _ => None,
    }
    .and_then(|length| length.checked_next_multiple_of(4))
}

/// Zeroes what is neither a text nor its distances in EMR_EXTTEXTOUTA and EMR_EXTTEXTOUTW ([MS-EMF] 2.2.5).
fn clear_around_text(record: u32, body: &[u8], out: &mut [u8]) -> Option<()> {
    let number = |at| u32_at(body, at).and_then(|n| usize::try_from(n).ok());
    let (count, text, options, distances) = (number(44)?, number(48)?, number(52)?, number(72));
    // without a rectangle the distances are told where it would be (ETO_NO_RECT)
    let (fixed, distances) =
        if options & 0x100 == 0 { (76, distances?) } else { (60, number(56)?) };
    let wide = if record == 84 && options & 0x200 == 0 { 2 } else { 1 };
    // both ways (ETO_PDY)
    let each = if options & 0x2000 == 0 { 4 } else { 8 };
    let text = text..text.saturating_add(count.saturating_mul(wide));
    let distances = distances..distances.saturating_add(count.saturating_mul(each));
    // some programs write the rectangle whatever the options say
    let fixed = if text.start.min(distances.start) >= 76 { 76 } else { fixed };
    for (at, byte) in out.iter_mut().enumerate().skip(fixed) {
        if !(text.contains(&at) || distances.start >= fixed && distances.contains(&at)) {
            *byte = 0;
        }
    }
    Some(())
}

/// Zeroes what stands behind the first NUL, of `size` bytes.
fn clear_behind_nul(name: &mut [u8], size: usize) {
    let end = name.chunks(size).position(|unit| unit.iter().all(|b| *b == 0));
    if let Some(end) = end {
        name.iter_mut().skip(end * size).for_each(|b| *b = 0);
    }
}

/// Writes META_CREATEFONTINDIRECT ([MS-WMF] 2.3.4.5), whose face name has up to 32 bytes; its length in words.
pub(super) fn write_font(body: &[u8], out: &mut Vec<u8>) -> Option<u32> {
    const FACE: usize = 24;
    let start = out.len();
    let body = body.get(..body.len().min(FACE + 32))?;
    out.extend_from_slice(body);
    clear_behind_nul(out.get_mut(start + FACE..)?, 1);
    let words = u32::try_from(body.len() / 2).ok()?;
    out.get_mut(start..start + 4)?.copy_from_slice(&words.to_le_bytes());
    Some(words)
}

/// Writes the handle and the reserved bytes of a placeable header as zero, and its checksum ([MS-WMF] 2.3.2.3).
pub(super) fn place(header: &mut [u8]) -> Option<()> {
    header.get_mut(4..6)?.fill(0);
    header.get_mut(16..20)?.fill(0);
    let (words, _) = header.get(..20)?.as_chunks::<2>();
    let sum = words.iter().fold(0, |sum, word| sum ^ u16::from_le_bytes(*word));
    header.get_mut(20..22)?.copy_from_slice(&sum.to_le_bytes());
    Some(())
}
