//! Compact font programs (Adobe technical note 5176): taken apart and put together again from what rendering needs.
//!
//! | part | what becomes of it |
//! |---|---|
//! | charstrings, subroutines, charset, encoding, FDSelect | kept, without gaps between them |
//! | top, font and private dictionaries | operators by an allow-list; notices, names, weights, unique numbers dropped |
//! | strings | those that name glyphs, if they look like it; the others are empty, as their numbers count |
//! | the font's name, registry and ordering | one for all |

use std::collections::{BTreeMap, BTreeSet};

use super::name;
use crate::clean::pdf::filter::Bytes;

/// Strings that every program knows (annex A).
const STANDARD: usize = 391;

/// Operators; two-byte ones are 12 and the second byte.
mod operator {
    pub(super) const CHARSET: u16 = 15;
    pub(super) const ENCODING: u16 = 16;
    pub(super) const CHAR_STRINGS: u16 = 17;
    pub(super) const PRIVATE: u16 = 18;
    pub(super) const SUBRS: u16 = 19;
    pub(super) const ROS: u16 = 0x0c1e;
    pub(super) const FD_ARRAY: u16 = 0x0c24;
    pub(super) const FD_SELECT: u16 = 0x0c25;
    /// FontBBox, PaintType, CharstringType, FontMatrix, StrokeWidth, CIDCount.
    pub(super) const TOP: &[u16] = &[5, 0x0c05, 0x0c06, 0x0c07, 0x0c08, 0x0c22];
    /// FontMatrix.
    pub(super) const FONT: &[u16] = &[0x0c07];
    /// Blue zones, stems, default and nominal width, ForceBold, LanguageGroup, ExpansionFactor.
    pub(super) const IN_PRIVATE: &[u16] = &[
        6, 7, 8, 9, 10, 11, 20, 21, 0x0c09, 0x0c0a, 0x0c0b, 0x0c0c, 0x0c0d, 0x0c0e, 0x0c11, 0x0c12,
    ];
}

/// A font program, and whether its glyphs are found by number.
pub(super) struct Font {
    pub(super) program: Bytes,
    pub(super) by_cid: bool,
}

/// One operator of a dictionary, with its operands as they are coded and as whole numbers.
struct Entry<'a> {
    operator: u16,
    coded: &'a [u8],
    numbers: Vec<i32>,
}

/// The program written anew. None if it cannot be read.
pub(super) fn clean(data: &[u8]) -> Option<Font> {
    let (_, rest) = index(data, usize::from(*data.get(2)?))?;
    let (tops, rest) = index(data, rest)?;
    let (strings, rest) = index(data, rest)?;
    let (global, _) = index(data, rest)?;
    let top = dictionary(tops.first()?)?;
    let offset = |operator| number(&top, operator, 0);
    let (glyphs, _) = index(data, offset(operator::CHAR_STRINGS)?)?;
    let by_cid = top.iter().any(|entry| entry.operator == operator::ROS);

    let mut used = BTreeSet::new();
    let charset = match offset(operator::CHARSET) {
        None | Some(0) => None,
        Some(_) if glyphs.is_empty() => None,
        Some(known @ 1..=2) if !by_cid => Some(Err(known)),
        Some(at) => Some(Ok(charset(data.get(at..)?, glyphs.len(), &mut used)?)),
    };
    let encoding = match offset(operator::ENCODING) {
        _ if by_cid => None,
        None | Some(0) => None,
        Some(1) => Some(Err(1)),
        Some(at) => Some(Ok(encoding(data.get(at..)?, &mut used)?)),
    };
    let select = match offset(operator::FD_SELECT) {
        Some(at) if by_cid => Some(Ok(fd_select(data.get(at..)?, glyphs.len())?)),
        _ => None,
    };
    let strings = if by_cid { vec![&b"Adobe"[..], b"Identity"] } else { kept(&strings, &used) };

    let mut out = Bytes::new(vec![1, 0, 4, 4]);
    write_index(&[b"F"], &mut out);
    let mut dict = Vec::new();
    if by_cid {
        for number in [STANDARD, STANDARD + 1, 0] {
            write_number(number, &mut dict);
        }
        write_operator(operator::ROS, &mut dict);
    }
    keep(&top, operator::TOP, &mut dict);
    let mut behind = Bytes::default();
    write_index(&strings, &mut behind);
    write_index(&global, &mut behind);
    // the dictionary's length does not depend on the offsets in it
    let parts = [
        (operator::CHARSET, charset),
        (operator::ENCODING, encoding),
        (operator::FD_SELECT, select),
        (operator::CHAR_STRINGS, Some(Ok(&[][..]))),
    ];
    let count = parts.iter().filter(|(_, part)| part.is_some()).count();
    let last = if by_cid { 5 + 2 } else { 5 + 5 + 1 };
    let two_byte = usize::from(parts.iter().any(|(op, part)| *op > 255 && part.is_some()));
    let top_len = dict.len() + count * 6 + two_byte + last;
    let base = out.len() + index_head(1, top_len) + top_len;
    for (operator, part) in parts {
        match part {
            Some(Err(known)) => write_number(known, &mut dict),
            Some(Ok(part)) => {
                write_number(base + behind.len(), &mut dict);
                if operator == operator::CHAR_STRINGS {
                    write_index(&glyphs, &mut behind);
                } else {
                    behind.extend_from_slice(part);
                }
            }
            None => continue,
        }
        write_operator(operator, &mut dict);
    }
    if by_cid {
        let fonts = font_dicts(data, &top, base, &mut behind)?;
        write_number(base + behind.len(), &mut dict);
        write_operator(operator::FD_ARRAY, &mut dict);
        let fonts: Vec<&[u8]> = fonts.iter().map(Vec::as_slice).collect();
        write_index(&fonts, &mut behind);
    } else {
        let (len, private) = private(data, &top)?;
        point_to_private(len, base + behind.len(), &mut dict);
        behind.extend_from_slice(&private);
    }
    if base + behind.len() > most(data) {
        return None;
    }
    debug_assert_eq!(dict.len(), top_len);
    write_index(&[&dict], &mut out);
    out.extend_from_slice(&behind);
    Some(Font { program: out, by_cid })
}

/// The font dictionaries of a program whose glyphs are found by number; what they point to goes `behind`.
fn font_dicts(
    data: &[u8],
    top: &[Entry<'_>],
    base: usize,
    behind: &mut Bytes,
) -> Option<Vec<Vec<u8>>> {
    let (fonts, _) = index(data, number(top, operator::FD_ARRAY, 0)?)?;
    let mut dicts = Vec::new();
    // where those that several fonts share were written
    let mut written = BTreeMap::new();
    for font in fonts.iter().take(256) {
        let entries = dictionary(font)?;
        let mut dict = Vec::new();
        keep(&entries, operator::FONT, &mut dict);
        let source = [0, 1].map(|at| number(&entries, operator::PRIVATE, at));
        let (len, at) = match written.get(&source) {
            Some(known) => *known,
            None => {
                let (len, private) = private(data, &entries)?;
                let at = base + behind.len();
                behind.extend_from_slice(&private);
                written.insert(source, (len, at));
                (len, at)
            }
        };
        if base + behind.len() > most(data) {
            return None;
        }
        point_to_private(len, at, &mut dict);
        dicts.push(dict);
    }
    Some(dicts)
}

/// The private dictionary that `dict` points to, and its subroutines behind it: its own length and both.
fn private(data: &[u8], dict: &[Entry<'_>]) -> Option<(usize, Bytes)> {
    let mut out = Bytes::default();
    let (Some(size), Some(at)) =
        (number(dict, operator::PRIVATE, 0), number(dict, operator::PRIVATE, 1))
    else {
        return Some((0, out));
    };
    let entries = dictionary(data.get(at..)?.get(..size)?)?;
    keep(&entries, operator::IN_PRIVATE, &mut out);
    let Some(subroutines) = number(&entries, operator::SUBRS, 0) else {
        return Some((out.len(), out));
    };
    let (subroutines, _) = index(data, at.checked_add(subroutines)?)?;
    let len = out.len() + 6;
    write_number(len, &mut out);
    write_operator(operator::SUBRS, &mut out);
    write_index(&subroutines, &mut out);
    Some((len, out))
}

fn point_to_private(len: usize, at: usize, dict: &mut Vec<u8>) {
    write_number(len, dict);
    write_number(at, dict);
    write_operator(operator::PRIVATE, dict);
}

/// How large a program may become: numbers are written longer, but parts that lie in each other are not multiplied.
const fn most(data: &[u8]) -> usize {
    data.len() + (1 << 16)
}

/// The strings that are used, at their places.
fn kept<'a>(strings: &[&'a [u8]], used: &BTreeSet<usize>) -> Vec<&'a [u8]> {
    let count = used.last().map_or(0, |last| (last + 1).saturating_sub(STANDARD));
    let keep = |(at, string): (usize, &&'a [u8])| {
        let glyph = used.contains(&(at + STANDARD)) && name::is_glyph(string);
        if glyph { *string } else { &[] }
    };
    strings.iter().enumerate().take(count).map(keep).collect()
}

fn short(data: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(*data.get(at..)?.first_chunk()?)))
}

/// Names of glyphs, or their numbers; one less than there are glyphs.
fn charset<'a>(data: &'a [u8], glyphs: usize, used: &mut BTreeSet<usize>) -> Option<&'a [u8]> {
    let format = *data.first()?;
    let mut left = glyphs.checked_sub(1)?;
    let mut at = 1;
    while left > 0 {
        let first = short(data, at)?;
        let more = match format {
            0 => 0,
            1 => usize::from(*data.get(at + 2)?),
            2 => short(data, at + 2)?,
            _ => return None,
        };
        at += 2 + usize::from(format);
        let count = (more + 1).min(left);
        used.extend(first..first + count);
        left -= count;
    }
    data.get(..at)
}

/// Codes of glyphs, and glyphs with more than one.
fn encoding<'a>(data: &'a [u8], used: &mut BTreeSet<usize>) -> Option<&'a [u8]> {
    let (format, count) = (*data.first()?, usize::from(*data.get(1)?));
    let mut at = 2 + match format & 0x7f {
        0 => count,
        1 => count * 2,
        _ => return None,
    };
    if format & 0x80 != 0 {
        let count = usize::from(*data.get(at)?);
        for supplement in data.get(at + 1..)?.get(..count * 3)?.chunks_exact(3) {
            used.insert(short(supplement, 1)?);
        }
        at += 1 + count * 3;
    }
    data.get(..at)
}

fn fd_select(data: &[u8], glyphs: usize) -> Option<&[u8]> {
    match *data.first()? {
        0 => data.get(..glyphs + 1),
        3 => data.get(..5 + short(data, 1)? * 3),
        _ => None,
    }
}

/// An INDEX (section 5) at `at`: its items, and where it ends.
fn index(data: &[u8], at: usize) -> Option<(Vec<&[u8]>, usize)> {
    let count = short(data, at)?;
    if count == 0 {
        return Some((Vec::new(), at + 2));
    }
    let size = usize::from(*data.get(at + 2)?);
    if !(1..=4).contains(&size) {
        return None;
    }
    let offsets = data.get(at + 3..)?.get(..(count + 1) * size)?;
    // offsets count from the byte before the data
    let base = at + 2 + offsets.len();
    let mut offsets = offsets
        .chunks_exact(size)
        .map(|offset| offset.iter().fold(0_usize, |value, byte| value << 8 | usize::from(*byte)));
    let mut from = base.checked_add(offsets.next()?)?;
    let mut items = Vec::with_capacity(count);
    for offset in offsets {
        let to = base.checked_add(offset)?;
        items.push(data.get(from..to)?);
        from = to;
    }
    Some((items, from))
}

fn offset_size(len: usize) -> usize {
    match len {
        0..=0xfe => 1,
        0xff..=0xfffe => 2,
        0xffff..=0xff_fffe => 3,
        _ => 4,
    }
}

/// Bytes of an INDEX before its data.
fn index_head(count: usize, len: usize) -> usize {
    if count == 0 { 2 } else { 3 + (count + 1) * offset_size(len) }
}

fn write_index(items: &[&[u8]], out: &mut Vec<u8>) {
    // what was read had no more than 65535 items
    let count = u16::try_from(items.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    if count == 0 {
        return;
    }
    let len = items.iter().map(|item| item.len()).sum();
    let size = offset_size(len);
    out.push(u8::try_from(size).unwrap_or(4));
    let mut offset = 1_usize;
    for len in std::iter::once(0).chain(items.iter().map(|item| item.len())) {
        offset += len;
        out.extend_from_slice(offset.to_be_bytes().get(8 - size..).unwrap_or_default());
    }
    for item in items {
        out.extend_from_slice(item);
    }
}

/// A dictionary's operators (section 4). None if it is broken.
fn dictionary(data: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut entries = Vec::new();
    let (mut from, mut at, mut numbers) = (0, 0, Vec::new());
    while let Some(&byte) = data.get(at) {
        let rest = data.get(at + 1..)?;
        at += match byte {
            0..=21 => {
                let coded = data.get(from..at)?;
                let (operator, len) = match byte {
                    12 => (0x0c00 | u16::from(*rest.first()?), 2),
                    _ => (byte.into(), 1),
                };
                let numbers = std::mem::take(&mut numbers);
                entries.push(Entry { operator, coded, numbers });
                from = at + len;
                len
            }
            28 => {
                numbers.push(i16::from_be_bytes(*rest.first_chunk()?).into());
                3
            }
            29 => {
                numbers.push(i32::from_be_bytes(*rest.first_chunk()?));
                5
            }
            30 => {
                numbers.push(0);
                2 + rest.iter().position(|byte| byte & 15 == 15 || byte >> 4 == 15)?
            }
            32..=246 => {
                numbers.push(i32::from(byte) - 139);
                1
            }
            247..=250 => {
                numbers.push((i32::from(byte) - 247) * 256 + i32::from(*rest.first()?) + 108);
                2
            }
            251..=254 => {
                numbers.push(-(i32::from(byte) - 251) * 256 - i32::from(*rest.first()?) - 108);
                2
            }
            _ => return None,
        };
    }
    Some(entries)
}

fn number(entries: &[Entry<'_>], operator: u16, at: usize) -> Option<usize> {
    let entry = entries.iter().find(|entry| entry.operator == operator)?;
    usize::try_from(*entry.numbers.get(at)?).ok()
}

fn keep(entries: &[Entry<'_>], operators: &[u16], out: &mut Vec<u8>) {
    for entry in entries.iter().filter(|entry| operators.contains(&entry.operator)) {
        out.extend_from_slice(entry.coded);
        write_operator(entry.operator, out);
    }
}

/// A number in five bytes, whatever it is.
fn write_number(number: usize, out: &mut Vec<u8>) {
    out.push(29);
    out.extend_from_slice(&i32::try_from(number).unwrap_or(0).to_be_bytes());
}

fn write_operator(operator: u16, out: &mut Vec<u8>) {
    let [high, low] = operator.to_be_bytes();
    if high != 0 {
        out.push(high);
    }
    out.push(low);
}
