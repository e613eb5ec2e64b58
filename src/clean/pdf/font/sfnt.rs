//! TrueType and OpenType programs: tables by an allow-list, with checksums and order as the format wants them.
//!
//! | table | what becomes of it |
//! |---|---|
//! | glyf, loca, hmtx, vmtx, cvt, fpgm, prep, maxp, hhea, vhea, cmap, VORG | kept |
//! | head | kept, its times and revision zero |
//! | post | its head, with zeros for memory; in fonts whose glyphs are found by name, the names that look like ones |
//! | CFF | see [`super::cff`] |
//! | name, OS/2, DSIG, GSUB, GPOS, kern, and every other | dropped; no viewer asks for them in a PDF |

use super::{cff, name};
use crate::clean::pdf::filter::Bytes;

const MOST_TABLES: usize = 64;

/// The program written anew. None if its tables cannot be read.
pub(super) fn clean(data: &[u8], by_name: bool) -> Option<Bytes> {
    let at = match data {
        // of a collection the first font
        [b't', b't', b'c', b'f', _, _, _, _, _, _, _, _, a, b, c, d, ..] => {
            usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?
        }
        _ => 0,
    };
    let directory = data.get(at..)?;
    let flavour = directory.get(..4)?;
    let count = usize::from(short(directory, 4)?);
    let mut tables: Vec<([u8; 4], Bytes)> = Vec::new();
    let mut len = 0;
    for entry in directory.get(12..)?.chunks_exact(16).take(count.min(MOST_TABLES)) {
        let tag = *entry.first_chunk::<4>()?;
        let (offset, length) = (long(entry, 8)?, long(entry, 12)?);
        // viewers read what is there of a table that is cut off
        let rest = data.get(offset..).unwrap_or_default();
        let table = rest.get(..length).unwrap_or(rest);
        if tables.iter().all(|(other, _)| *other != tag)
            && let Some(table) = clean_table(&tag, table, by_name)?
        {
            // tables that lie in each other are not multiplied
            len += table.len();
            if len > data.len() + (1 << 16) {
                return None;
            }
            tables.push((tag, table));
        }
    }
    tables.sort_unstable_by_key(|(tag, _)| *tag);
    let otto = tables.iter().any(|(tag, _)| tag == b"CFF ");
    let has = |wanted: &[u8; 4]| tables.iter().any(|(tag, _)| tag == wanted);
    if !otto && [b"glyf", b"loca", b"head"].into_iter().any(|table| !has(table)) {
        return None;
    }
    let flavour: &[u8] = if otto {
        b"OTTO"
    } else if flavour == b"true" {
        b"true"
    } else {
        &[0, 1, 0, 0]
    };
    assemble(flavour, tables)
}

/// A table's new bytes; the outer none is a table that must be there and is broken.
fn clean_table(tag: &[u8; 4], table: &[u8], by_name: bool) -> Option<Option<Bytes>> {
    Some(Some(match tag {
        b"glyf" | b"loca" | b"hmtx" | b"vmtx" | b"cvt " | b"fpgm" | b"prep" | b"VORG" | b"maxp"
        | b"hhea" | b"vhea" | b"cmap" => Bytes::new(table.to_vec()),
        b"head" => {
            let mut head = Bytes::new(table.get(..54)?.to_vec());
            // fontRevision, checksum, and two times
            for range in [4..12, 20..36] {
                head.get_mut(range)?.fill(0);
            }
            head
        }
        b"post" => post(table, by_name)?,
        b"CFF " => cff::clean(table)?.program,
        _ => return Some(None),
    }))
}

/// The head, and in fonts that need them the glyphs' names.
fn post(table: &[u8], by_name: bool) -> Option<Bytes> {
    let mut post = Bytes::new(table.get(..16).unwrap_or_default().to_vec());
    post.resize(32, 0);
    let names = if by_name && table.starts_with(&[0, 2, 0, 0]) { glyph_names(table) } else { None };
    match names {
        Some(names) => post.extend_from_slice(&names),
        None => post.get_mut(..4)?.copy_from_slice(&[0, 3, 0, 0]),
    }
    Some(post)
}

fn glyph_names(table: &[u8]) -> Option<Bytes> {
    let count = usize::from(short(table, 32)?);
    let indexes = table.get(34..)?.get(..count * 2)?;
    let highest = indexes.chunks_exact(2).filter_map(|index| short(index, 0)).max()?;
    let mut names = Bytes::new(table.get(32..34)?.to_vec());
    names.extend_from_slice(indexes);
    let mut rest = table.get(34 + count * 2..)?;
    for _ in 258..=highest {
        let Some((length, after)) = rest.split_first() else {
            break;
        };
        let (text, after) = after.split_at_checked(usize::from(*length)).unwrap_or((after, &[]));
        let text = if name::is_glyph(text) { text } else { b".notdef" };
        names.push(u8::try_from(text.len()).ok()?);
        names.extend_from_slice(text);
        rest = after;
    }
    Some(names)
}

fn assemble(flavour: &[u8], mut tables: Vec<([u8; 4], Bytes)>) -> Option<Bytes> {
    let count = u16::try_from(tables.len()).ok()?;
    let selector = u16::try_from(count.checked_ilog2()?).ok()?;
    let range = 16_u16 << selector;
    let mut head = flavour.to_vec();
    for number in [count, range, selector, count * 16 - range] {
        head.extend_from_slice(&number.to_be_bytes());
    }
    let mut at = 12 + tables.len() * 16;
    let mut body = Bytes::default();
    for (tag, table) in &mut tables {
        let len = table.len();
        table.resize(len.next_multiple_of(4), 0);
        head.extend_from_slice(tag);
        head.extend_from_slice(&checksum(table).to_be_bytes());
        head.extend_from_slice(&u32::try_from(at).ok()?.to_be_bytes());
        head.extend_from_slice(&u32::try_from(len).ok()?.to_be_bytes());
        at += table.len();
        body.extend_from_slice(table);
    }
    let mut program = Bytes::new([head.as_slice(), &body].concat());
    let adjustment = 0xb1b0_afba_u32.wrapping_sub(checksum(&program)).to_be_bytes();
    let entry = head.get(12..)?.chunks_exact(16).find(|entry| entry.starts_with(b"head"));
    if let Some(entry) = entry {
        let at = long(entry, 8)?;
        program.get_mut(at + 8..at + 12)?.copy_from_slice(&adjustment);
    }
    Some(program)
}

/// The sum of a table's words; what is summed has whole ones.
fn checksum(data: &[u8]) -> u32 {
    let (words, _) = data.as_chunks::<4>();
    words.iter().fold(0, |sum, word| sum.wrapping_add(u32::from_be_bytes(*word)))
}

fn short(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn long(data: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(*data.get(at..)?.first_chunk()?)).ok()
}
