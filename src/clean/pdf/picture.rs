//! Codings of pictures that lie in PDFs only: JPX (ISO/IEC 15444-1) and JBIG2 (ISO/IEC 14492).

use super::filter::Bytes;
use crate::clean::Found;

/// A picture by its allow-list.
pub(super) struct Picture {
    pub(super) bytes: Bytes,
    pub(super) found: Vec<Found>,
}

/// A JP2 file, or the codestream alone. None if it is neither.
pub(super) fn jpx(data: &[u8]) -> Option<Picture> {
    let mut found = Vec::new();
    let bytes = if data.starts_with(&[0xff, 0x4f]) {
        codestream(data, &mut found)?
    } else {
        let mut out = Bytes::default();
        boxes(data, 0, &mut out, &mut found)?;
        out
    };
    Some(Picture { bytes, found })
}

/// Boxes (annex I): of the file's own the signature, the type, the header and the codestream; of the header's those that
/// tell how samples become colours, without profiles.
fn boxes(data: &[u8], depth: u32, out: &mut Bytes, found: &mut Vec<Found>) -> Option<()> {
    let mut rest = data;
    let mut seen = Vec::new();
    while let Some((head, body)) = rest.split_at_checked(8) {
        let (length, name) = head.split_at(4);
        let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        let (body, after) = match length {
            0 => (body, &[][..]),
            1 => {
                let (long, body) = body.split_at_checked(8)?;
                let long = u64::from_be_bytes(*long.first_chunk()?);
                let len = usize::try_from(long).ok()?.checked_sub(16)?;
                body.split_at_checked(len).unwrap_or((body, &[]))
            }
            _ => body.split_at_checked(length.checked_sub(8)?).unwrap_or((body, &[])),
        };
        rest = after;
        if depth > 0 && seen.contains(&name) {
            found.push(Found::Other);
            continue;
        }
        match (depth, name) {
            (0, b"jP  ") => put(out, name, b"\r\n\x87\n"),
            (0, b"ftyp") => put(out, name, b"jp2 \0\0\0\0jp2 "),
            (0, b"jp2h") => {
                let mut inner = Bytes::default();
                boxes(body, 1, &mut inner, found)?;
                put(out, name, &inner);
            }
            (0, b"jp2c") => {
                put(out, name, &codestream(body, found)?);
                // what follows the picture is another's
                return Some(());
            }
            (1, b"ihdr" | b"bpcc" | b"pclr" | b"cmap" | b"cdef") => {
                seen.push(name);
                put(out, name, header_box(name, body)?);
            }
            (1, b"colr") => match body {
                [1, _, _, space @ ..] if space.len() >= 4 => {
                    seen.push(name);
                    put(out, name, &[&[1, 0, 0], space.get(..4)?].concat());
                }
                _ => found.push(Found::ColourProfile),
            },
            _ => found.push(Found::Other),
        }
    }
    Some(())
}

/// As much of a header's box as it says that it has.
fn header_box<'a>(name: &[u8], body: &'a [u8]) -> Option<&'a [u8]> {
    let short = |at: usize| -> Option<usize> {
        Some(usize::from(u16::from_be_bytes(*body.get(at..)?.first_chunk()?)))
    };
    let len = match name {
        b"ihdr" => 14,
        b"pclr" => {
            let columns = usize::from(*body.get(2)?);
            let depths = body.get(3..3 + columns)?;
            let entry: usize =
                depths.iter().map(|depth| (usize::from(depth & 0x7f) + 1).div_ceil(8)).sum();
            3 + columns + short(0)?.checked_mul(entry)?
        }
        b"cdef" => 2 + short(0)? * 6,
        // one for each channel, of which pictures have four
        b"cmap" => body.len().min(4 * 8) & !3,
        _ => body.len().min(8),
    };
    body.get(..len)
}

fn put(out: &mut Bytes, name: &[u8], body: &[u8]) {
    let length = u32::try_from(body.len() + 8).unwrap_or(0);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(name);
    out.extend_from_slice(body);
}

/// The codestream (annex A) without comments; its first tile-part begins at SOT and everything to EOC is kept.
fn codestream(data: &[u8], found: &mut Vec<Found>) -> Option<Bytes> {
    let mut rest = data.strip_prefix(&[0xff, 0x4f])?;
    let mut out = Bytes::new(vec![0xff, 0x4f]);
    out.reserve(data.len());
    while let [0xff, code, high, low, ..] = *rest {
        if code == 0x90 {
            return tiles(rest, out, found);
        }
        let segment = 2 + usize::from(u16::from_be_bytes([high, low]));
        let (segment, after) = rest.split_at_checked(segment)?;
        match code {
            // lengths of tile-parts, which may change
            0x55 => {}
            // SIZ, COD, COC, QCD, QCC, RGN, POC, PLM, PPM, CRG, CAP and CPF
            0x50..=0x53 | 0x57 | 0x59 | 0x5c..=0x60 | 0x63 => out.extend_from_slice(segment),
            0x64 => found.push(Found::Comment),
            _ => found.push(Found::Other),
        }
        rest = after;
    }
    None
}

/// Tile-parts, each with a header of its own up to SOD. Their lengths (Psot) change where a comment is taken out, so TLM
/// is left out. Coded data has no marker above FF8F but SOP and EPH (B.10.1): at EOC everything ends, whatever Psot says.
fn tiles(mut rest: &[u8], mut out: Bytes, found: &mut Vec<Found>) -> Option<Bytes> {
    while let [0xff, 0x90, 0, 10, _, _, a, b, c, d, ..] = *rest {
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let length = if length == 0 { rest.len() } else { length.min(rest.len()) };
        let (part, after) = rest.split_at_checked(length)?;
        let (start, mut header) = part.split_at_checked(12)?;
        let begin = out.len();
        out.extend_from_slice(start);
        while let [0xff, code, high, low, ..] = *header {
            if code == 0x93 {
                break;
            }
            let segment = 2 + usize::from(u16::from_be_bytes([high, low]));
            let (segment, later) = header.split_at_checked(segment)?;
            match code {
                // COD, COC, PLT, QCD, QCC, RGN, POC and PPT
                0x52 | 0x53 | 0x58 | 0x5c..=0x5f | 0x61 => out.extend_from_slice(segment),
                0x64 => found.push(Found::Comment),
                _ => found.push(Found::Other),
            }
            header = later;
        }
        if !header.starts_with(&[0xff, 0x93]) {
            return None;
        }
        let end = memchr::memmem::find(header, &[0xff, 0xd9]);
        out.extend_from_slice(header.get(..end.unwrap_or(header.len()))?);
        let length = u32::try_from(out.len() - begin).ok()?.to_be_bytes();
        for (index, byte) in length.into_iter().enumerate() {
            *out.get_mut(begin + 6 + index)? = byte;
        }
        if end.is_some() {
            out.extend_from_slice(&[0xff, 0xd9]);
            return Some(out);
        }
        rest = after;
    }
    if rest.starts_with(&[0xff, 0xd9]) {
        out.extend_from_slice(&[0xff, 0xd9]);
    }
    Some(out)
}

/// Embedded JBIG2 (7.2): segments of pictures and dictionaries; extensions, which are comments, are left out.
pub(super) fn jbig2(data: &[u8]) -> Option<Bytes> {
    let mut out = Bytes::new(Vec::with_capacity(data.len()));
    let mut rest = data;
    while rest.len() >= 11 {
        let (number, flags, refers) = (rest.first_chunk::<4>()?, *rest.get(4)?, *rest.get(5)?);
        let number = u32::from_be_bytes(*number);
        let (count, mut head) = match refers >> 5 {
            7 => {
                let count = u32::from_be_bytes(*rest.get(5..)?.first_chunk()?) & 0x1fff_ffff;
                let count = usize::try_from(count).ok()?;
                (count, 9 + (count + 1).div_ceil(8))
            }
            count => (usize::from(count), 6),
        };
        let size = if number <= 256 {
            1
        } else if number <= 65536 {
            2
        } else {
            4
        };
        head = head.checked_add(count.checked_mul(size)?)?;
        head = head.checked_add(if flags & 0x40 != 0 { 4 } else { 1 })?;
        let length = u32::from_be_bytes(*rest.get(head..)?.first_chunk()?);
        let end = match length {
            // a generic region of unknown length is the last of its picture
            u32::MAX => {
                // it ends with two bytes by its coding, and its count of rows (7.2.7)
                let from = head.checked_add(4 + 17)?;
                let mark: &[u8] = if *rest.get(from)? & 1 == 1 { &[0, 0] } else { &[0xff, 0xac] };
                let coded = rest.get(from + 1..)?;
                from + 1 + memchr::memmem::find(coded, mark)? + 2 + 4
            }
            .min(rest.len()),
            length => (head + 4).checked_add(usize::try_from(length).ok()?)?.min(rest.len()),
        };
        let (segment, after) = rest.split_at_checked(end)?;
        match flags & 0x3f {
            0 | 4 | 6 | 7 | 16 | 20 | 22 | 23 | 36 | 38 | 39 | 40 | 42 | 43 | 48 | 50 | 53 => {
                out.extend_from_slice(segment);
            }
            // ends of page and file, profiles, extensions
            49 | 51 | 52 | 62 => {}
            _ => return None,
        }
        rest = after;
    }
    Some(out)
}
