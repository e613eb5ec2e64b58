//! Stream filters (ISO 32000-2, 7.4) that give bytes; those that give pictures are the business of `image`.
//!
//! What breaks in the middle gives what came before it, as in viewers. Everything that is made is counted.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use zeroize::Zeroizing;

use super::{
    lexer::{hex, is_space},
    object::{Dict, Object},
};
use crate::clean::{Kind, Refusal, work::Work};

/// Bytes that are wiped when they are no longer needed.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// A step of undoing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Flate,
    Lzw,
    Ascii85,
    AsciiHex,
    RunLength,
    Dct,
    Jpx,
    Jbig2,
    Fax,
    Crypt,
    Unknown,
}

impl Filter {
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"FlateDecode" | b"Fl" => Self::Flate,
            b"LZWDecode" | b"LZW" => Self::Lzw,
            b"ASCII85Decode" | b"A85" => Self::Ascii85,
            b"ASCIIHexDecode" | b"AHx" => Self::AsciiHex,
            b"RunLengthDecode" | b"RL" => Self::RunLength,
            b"DCTDecode" | b"DCT" => Self::Dct,
            b"JPXDecode" => Self::Jpx,
            b"JBIG2Decode" => Self::Jbig2,
            b"CCITTFaxDecode" | b"CCF" => Self::Fax,
            b"Crypt" => Self::Crypt,
            _ => Self::Unknown,
        }
    }
}

impl Filter {
    /// Whether it gives bytes, and does not itself say how large the picture is.
    pub(super) const fn gives_bytes(self) -> bool {
        matches!(self, Self::Flate | Self::Lzw | Self::Ascii85 | Self::AsciiHex | Self::RunLength)
    }
}

/// One filter with its parameters, all references in them resolved.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) filter: Filter,
    pub(super) parameters: Dict,
}

const KIND: Kind = Kind::Pdf;

/// Undoes one filter that gives bytes.
pub(super) fn undo(step: &Step, data: &[u8], work: &mut Work<'_>) -> Result<Bytes, Refusal> {
    let most = usize::try_from(work.inflatable()).unwrap_or(usize::MAX);
    let bytes = match step.filter {
        Filter::Flate => inflate(data, most).bytes,
        Filter::Lzw => {
            let early = step.parameters.get(b"EarlyChange").as_u32() != Some(0);
            lzw(data, early, most)
        }
        Filter::Ascii85 => ascii85(data),
        Filter::AsciiHex => ascii_hex(data),
        Filter::RunLength => run_length(data, most),
        _ => return Err(Refusal::Damaged { kind: KIND }),
    };
    work.inflated(KIND, bytes.len() as u64)?;
    match step.filter {
        Filter::Flate | Filter::Lzw => predict(bytes, &step.parameters),
        _ => Ok(bytes),
    }
}

/// What came out of an inflater.
pub(super) struct Inflated {
    pub(super) bytes: Bytes,
    /// How much of the input it took, if it came to its end with the right checksum.
    pub(super) ended: Option<usize>,
}

/// Undoes zlib (RFC 1950) up to one byte more than `most`, so that the count of it tells of more.
pub(super) fn inflate(data: &[u8], most: usize) -> Inflated {
    let most = most.saturating_add(1);
    let mut inflater = Decompress::new(true);
    let mut bytes = Zeroizing::new(Vec::with_capacity((data.len() * 4).clamp(1 << 10, 1 << 16)));
    let mut taken = 0;
    loop {
        if bytes.capacity() == bytes.len() {
            let more = bytes.len().clamp(1 << 10, 1 << 26);
            bytes.reserve(more);
        }
        let before = bytes.len();
        let rest = data.get(taken..).unwrap_or_default();
        let result = inflater.decompress_vec(rest, &mut bytes, FlushDecompress::None);
        let now = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        let still = now == taken && bytes.len() == before && bytes.capacity() > bytes.len();
        taken = now;
        match result {
            Ok(Status::StreamEnd) => return Inflated { bytes, ended: Some(taken) },
            Ok(_) if !still && bytes.len() < most => {}
            _ => return Inflated { bytes, ended: None },
        }
    }
}

/// The reverse, quickly.
pub(super) fn deflate(data: &[u8]) -> Bytes {
    let mut deflater = Compress::new(Compression::new(1), true);
    let mut bytes = Zeroizing::new(Vec::with_capacity(data.len() / 2 + 64));
    loop {
        let taken = usize::try_from(deflater.total_in()).unwrap_or(usize::MAX);
        let rest = data.get(taken..).unwrap_or_default();
        match deflater.compress_vec(rest, &mut bytes, FlushCompress::Finish) {
            Ok(Status::StreamEnd) | Err(_) => return bytes,
            Ok(_) => bytes.reserve(data.len() / 2 + 64),
        }
    }
}

fn ascii_hex(data: &[u8]) -> Bytes {
    let mut bytes = Zeroizing::new(Vec::with_capacity(data.len() / 2 + 1));
    let mut high = None;
    for digit in data.iter().take_while(|&&byte| byte != b'>').filter_map(|&byte| hex(byte)) {
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    bytes.extend(high.map(|high| high << 4));
    bytes
}

fn ascii85(data: &[u8]) -> Bytes {
    let data = data.trim_ascii_start();
    let data = data.strip_prefix(b"<~").unwrap_or(data);
    let mut bytes = Zeroizing::new(Vec::with_capacity(data.len() / 5 * 4 + 4));
    let (mut group, mut count) = (0_u32, 0_usize);
    for &byte in data {
        match byte {
            b'z' if count == 0 => bytes.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    bytes.extend_from_slice(&group.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            _ if is_space(byte) => {}
            _ => break,
        }
    }
    if count > 1 {
        for _ in count..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        bytes.extend_from_slice(group.to_be_bytes().get(..count - 1).unwrap_or_default());
    }
    bytes
}

fn run_length(data: &[u8], most: usize) -> Bytes {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut rest = data;
    while let [length, after @ ..] = rest {
        rest = match (*length, after) {
            (0..=127, _) => {
                let len = (usize::from(*length) + 1).min(after.len());
                bytes.extend_from_slice(after.get(..len).unwrap_or_default());
                after.get(len..).unwrap_or_default()
            }
            (129.., [byte, after @ ..]) => {
                let len = bytes.len() + 257 - usize::from(*length);
                bytes.resize(len, *byte);
                after
            }
            _ => break,
        };
        if bytes.len() > most {
            break;
        }
    }
    bytes
}

/// LZW with codes of 9 to 12 bits. A code's string is its predecessor's and one byte more.
fn lzw(data: &[u8], early: bool, most: usize) -> Bytes {
    const CLEAR: usize = 256;
    let mut bytes = Zeroizing::new(Vec::new());
    // where in the output each code's string begins, and how long it is
    let mut table: Vec<(usize, usize)> = Vec::with_capacity(4096);
    let (mut buffer, mut bits, mut width) = (0_u32, 0_u32, 9_u32);
    let mut before: Option<(usize, usize)> = None;
    for &byte in data {
        buffer = buffer << 8 | u32::from(byte);
        bits += 8;
        if bits < width {
            continue;
        }
        bits -= width;
        let code = (buffer >> bits & ((1 << width) - 1)) as usize;
        buffer &= (1 << bits) - 1;
        let at = bytes.len();
        match code {
            CLEAR => {
                table.clear();
                (before, width) = (None, 9);
                continue;
            }
            257 => break,
            0..CLEAR => bytes.push(u8::try_from(code).unwrap_or(0)),
            _ => {
                let known = table.get(code - 258).copied();
                let Some((from, len)) = known.or(before.map(|(from, len)| (from, len + 1))) else {
                    break;
                };
                // the string may run into itself by one byte
                for index in from..from + len {
                    let byte = bytes.get(index).copied().unwrap_or(0);
                    bytes.push(byte);
                }
            }
        }
        if let Some((from, len)) = before
            && table.len() < 4096 - 258
        {
            table.push((from, len + 1));
        }
        before = Some((at, bytes.len() - at));
        width = match table.len() + 258 + usize::from(early) {
            0..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
        if bytes.len() > most {
            break;
        }
    }
    bytes
}

/// Undoes a predictor (7.4.4.4).
fn predict(bytes: Bytes, parameters: &Dict) -> Result<Bytes, Refusal> {
    let predictor = parameters.get(b"Predictor").as_u32().unwrap_or(1);
    if predictor < 2 {
        return Ok(bytes);
    }
    let number = |key: &[u8], default: usize, most: usize| {
        let value = match parameters.get(key) {
            Object::Null => Some(default),
            value => value.as_usize(),
        };
        value.filter(|value| (1..=most).contains(value)).ok_or(Refusal::Damaged { kind: KIND })
    };
    let colours = number(b"Colors", 1, 64)?;
    let depth = number(b"BitsPerComponent", 8, 16)?;
    let columns = number(b"Columns", 1, 1 << 24)?;
    let row = (colours * depth * columns).div_ceil(8);
    let pixel = (colours * depth).div_ceil(8);
    if predictor == 2 {
        return Ok(tiff(bytes, colours, depth, row));
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    for coded in bytes.chunks(row + 1) {
        let Some((kind, coded)) = coded.split_first() else {
            break;
        };
        let start = plain.len();
        plain.extend_from_slice(coded);
        let (above, here) = plain.split_at_mut(start);
        let above = above.get(start.saturating_sub(row)..).unwrap_or_default();
        png_row(*kind, here, above, pixel);
    }
    Ok(plain)
}

/// One row of a PNG predictor (PNG §9.2); `above` is empty in the first row.
fn png_row(kind: u8, here: &mut [u8], above: &[u8], pixel: usize) {
    if kind == 2 {
        for (byte, up) in here.iter_mut().zip(above) {
            *byte = byte.wrapping_add(*up);
        }
        return;
    }
    if !(1..=4).contains(&kind) {
        return;
    }
    for index in 0..here.len() {
        let back = index.checked_sub(pixel);
        let left = back.and_then(|at| here.get(at)).copied().unwrap_or(0);
        let up = above.get(index).copied().unwrap_or(0);
        let corner = back.and_then(|at| above.get(at)).copied().unwrap_or(0);
        let guess = match kind {
            1 => left,
            3 => u8::midpoint(left, up),
            _ => paeth(left, up, corner),
        };
        if let Some(byte) = here.get_mut(index) {
            *byte = byte.wrapping_add(guess);
        }
    }
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let [to_left, to_up, to_corner] =
        [left, up, corner].map(|byte| (guess - i16::from(byte)).abs());
    if to_left <= to_up && to_left <= to_corner {
        left
    } else if to_up <= to_corner {
        up
    } else {
        corner
    }
}

/// TIFF's horizontal differences of 8 and 16 bits, and of whole bits in a bit picture.
fn tiff(mut bytes: Bytes, colours: usize, depth: usize, row: usize) -> Bytes {
    let wide = if depth == 16 { 2 } else { 1 };
    for line in bytes.chunks_mut(row) {
        match depth {
            8 | 16 => {
                for index in (colours * wide..line.len()).step_by(wide) {
                    let back = index - colours * wide;
                    let take = |line: &[u8], at: usize| {
                        let pair = [line.get(at), line.get(at + wide - 1)];
                        let [high, low] = pair.map(|byte| byte.copied().unwrap_or(0));
                        if wide == 2 { u16::from_be_bytes([high, low]) } else { low.into() }
                    };
                    let [high, low] =
                        take(line, index).wrapping_add(take(line, back)).to_be_bytes();
                    if wide == 2
                        && let Some(byte) = line.get_mut(index)
                    {
                        *byte = high;
                    }
                    if let Some(byte) = line.get_mut(index + wide - 1) {
                        *byte = low;
                    }
                }
            }
            1 | 2 | 4 => {
                let mask = (1_u16 << depth) - 1;
                let mut before = vec![0_u16; colours];
                for sample in 0..line.len() * 8 / depth {
                    let shift = 8 - depth - sample * depth % 8;
                    let (Some(byte), Some(last)) =
                        (line.get_mut(sample * depth / 8), before.get_mut(sample % colours))
                    else {
                        break;
                    };
                    *last = (*last + (u16::from(*byte) >> shift & mask)) & mask;
                    let kept = u16::from(*byte) & !(mask << shift);
                    *byte = (kept | *last << shift).to_le_bytes()[0];
                }
            }
            _ => {}
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_that_give_bytes() {
        assert_eq!(ascii_hex(b"61 6 2 7>zz").as_slice(), b"abp");
        assert_eq!(ascii85(b"<~87cURD_*#4DfTZ)~>").as_slice(), b"Hello, World");
        assert_eq!(ascii85(b"z!!~>").as_slice(), &[0; 5]);
        assert_eq!(run_length(&[2, b'a', b'b', b'c', 254, b'x', 128, 9], 99).as_slice(), b"abcxxx");
        // the example of 7.4.4.2
        let coded = [0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01];
        assert_eq!(lzw(&coded, true, 99).as_slice(), [45, 45, 45, 45, 45, 65, 45, 45, 45, 66]);
    }

    #[test]
    fn deflate_is_the_reverse_of_inflate() {
        let data: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(n) / 7 % 251) as u8).collect();
        let coded = deflate(&data);
        let inflated = inflate(&coded, 1 << 20);
        assert_eq!(inflated.bytes.as_slice(), data);
        assert_eq!(inflated.ended, Some(coded.len()));
        assert!(inflate(&coded, 1000).bytes.len() > 1000);
        assert_eq!(inflate(&coded[..coded.len() - 9], 1 << 20).ended, None);
    }
}
