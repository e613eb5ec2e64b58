//! The tags that programs put before and behind recordings of any kind, whatever the recording's own format has for
//! them: ID3 (id3.org: 1.1, 2.2, 2.3, 2.4), APE (versions 1 and 2) and Lyrics3 (versions 1 and 2). All are left behind.

use std::{
    collections::BTreeSet,
    io::{self, Read, Seek},
};

use crate::clean::{Found, input::Input};

/// Of one ID3v2 tag, the most frames whose names are looked at.
const FRAMES: u32 = 1 << 12;
/// A Lyrics3 v1 block is never longer (5,100 bytes of text between its marks).
const LYRICS3_V1: usize = 5100 + 11 + 9;

/// Goes behind all tags that begin at the next byte and end before `end`.
pub(in crate::clean) fn skip_leading<R: Read + Seek>(
    input: &mut Input<'_, R>,
    end: u64,
    found: &mut BTreeSet<Found>,
) -> io::Result<()> {
    while let Some(tag) = Tag::begins(input.window(32)?) {
        let start = input.position();
        if tag.length > end.saturating_sub(start) {
            // players go on behind the header and look for sound
            input.skip(10)?;
            found.insert(Found::Other);
            return Ok(());
        }
        if tag.id3v2 {
            id3v2_frames(input, tag.length, found)?;
        } else {
            found.insert(Found::Comment);
        }
        input.seek(start.saturating_add(tag.length))?;
    }
    Ok(())
}

/// Whether a tag begins with `bytes`.
pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(b"TAG") || bytes.starts_with(b"LYRICSBEGIN") || Tag::begins(bytes).is_some()
}

/// Where the tags begin that end at `end`; `end` if there are none. None begins before `start`.
pub(super) fn before_trailing<R: Read + Seek>(
    input: &mut Input<'_, R>,
    start: u64,
    mut end: u64,
    found: &mut BTreeSet<Found>,
) -> io::Result<u64> {
    while let Some(length) = trailing(input, start, end, found)? {
        end = end.saturating_sub(length).max(start);
    }
    Ok(end)
}

/// A tag that says at its beginning how long it is.
struct Tag {
    length: u64,
    id3v2: bool,
}

impl Tag {
    fn begins(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'I', b'D', b'3', 2..=4, 0..=0xfe, flags, size @ ..] => {
                let footer = if flags & 0x10 != 0 { 10 } else { 0 };
                let length = 10 + synchsafe(size)? + footer;
                Some(Self { length, id3v2: true })
            }
            // bit 29: this is the header and not the footer
            [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', _, _, _, _, size @ ..]
                if bytes.get(23).is_some_and(|flags| flags & 0x20 != 0) =>
            {
                let length = 32 + u64::from(u32::from_le_bytes(*size.first_chunk()?));
                Some(Self { length, id3v2: false })
            }
            _ => None,
        }
    }
}

/// ID3v2.4 §6.2: four bytes of seven bits.
fn synchsafe(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.first_chunk::<4>()?;
    let whole = bytes.iter().fold(0, |value, &byte| value << 7 | u64::from(byte));
    bytes.iter().all(|&byte| byte < 0x80).then_some(whole)
}

/// Looks at the names of an ID3v2 tag's frames, never at what they hold.
fn id3v2_frames<R: Read + Seek>(
    input: &mut Input<'_, R>,
    length: u64,
    found: &mut BTreeSet<Found>,
) -> io::Result<()> {
    let end = input.position().saturating_add(length);
    let Some([_, _, _, version, ..]) = input.take::<10>()? else {
        return Ok(());
    };
    let mut nothing = true;
    for _ in 0..FRAMES {
        let head = input.window(10)?;
        let (name, size) = match version {
            2 => (head.get(..3), head.get(3..6)),
            _ => (head.get(..4), head.get(4..8)),
        };
        let (Some(name), Some(size)) = (name, size) else { break };
        let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if !name.iter().all(is_name) {
            break;
        }
        found.insert(id3v2_frame(name));
        nothing = false;
        let size = match version {
            4 => synchsafe(size),
            _ => Some(size.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))),
        };
        let header = if version == 2 { 6 } else { 10 };
        let next = input.position().saturating_add(header + size.unwrap_or(0));
        if next >= end || size.is_none() {
            break;
        }
        input.seek(next)?;
    }
    if nothing {
        found.insert(Found::Other);
    }
    Ok(())
}

/// What a frame of ID3v2 is told as; its names by version 2.2 have three letters.
fn id3v2_frame(name: &[u8]) -> Found {
    match name {
        b"APIC" | b"PIC" => Found::Preview,
        b"GEOB" | b"GEO" => Found::Attachment,
        b"TENC" | b"TSSE" | b"TEN" | b"TSS" => Found::Software,
        b"UFID" | b"UFI" | b"PRIV" | b"MCDI" | b"MCI" | b"TSRC" | b"TRC" | b"OWNE" | b"COMR"
        | b"ENCR" | b"GRID" | b"TKWD" | b"TGID" => Found::Identifier,
        [b'T', b'D', ..]
        | b"TYER"
        | b"TIME"
        | b"TORY"
        | b"TRDA"
        | b"TYE"
        | b"TIM"
        | b"TOR"
        | b"TRD" => Found::Time,
        [b'T', b'P' | b'C' | b'O', ..]
        | b"TEXT"
        | b"TXT"
        | b"TIPL"
        | b"TMCL"
        | b"IPLS"
        | b"IPL"
        | b"WCOP"
        | b"WOAR" => Found::Person,
        [b'T' | b'W', ..] | b"COMM" | b"COM" | b"USLT" | b"ULT" | b"SYLT" | b"SLT" => {
            Found::Comment
        }
        _ => Found::Other,
    }
}

/// The length of one tag that ends at `end`.
fn trailing<R: Read + Seek>(
    input: &mut Input<'_, R>,
    start: u64,
    end: u64,
    found: &mut BTreeSet<Found>,
) -> io::Result<Option<u64>> {
    let wanted = LYRICS3_V1.min(usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX));
    input.seek(end.saturating_sub(wanted as u64))?;
    let Some(tail) = input.window(wanted)?.get(..wanted) else {
        return Ok(None);
    };
    let back = |count: usize| tail.len().checked_sub(count).and_then(|at| tail.get(at..));
    let from_digits = |digits: &[u8]| str::from_utf8(digits).ok()?.trim().parse::<u64>().ok();
    if let Some([b'T', b'A', b'G', fields @ ..]) = back(128) {
        found.extend(id3v1_fields(fields));
        // the "enhanced" tag that some programs put before it
        let enhanced = back(128 + 227).is_some_and(|tag| tag.starts_with(b"TAG+"));
        return Ok(Some(if enhanced { 128 + 227 } else { 128 }));
    }
    let length = match () {
        () if back(32).is_some_and(|footer| footer.starts_with(b"APETAGEX")) => {
            let footer = back(32).unwrap_or_default();
            let size = footer.get(12..).and_then(|size| size.first_chunk::<4>());
            let size = u64::from(size.map_or(0, |size| u32::from_le_bytes(*size)));
            let has_header = footer.get(23).is_some_and(|flags| flags & 0x80 != 0);
            Some(size.max(32) + if has_header { 32 } else { 0 })
        }
        () if tail.ends_with(b"LYRICS200") => {
            back(15).and_then(|end| from_digits(end.get(..6)?)).map(|digits| digits + 15)
        }
        () if tail.ends_with(b"LYRICSEND") => memchr::memmem::rfind(tail, b"LYRICSBEGIN")
            .map(|at| tail.len().saturating_sub(at) as u64),
        () => back(10)
            .filter(|footer| footer.starts_with(b"3DI"))
            .and_then(|footer| synchsafe(footer.get(6..)?))
            .map(|size| size + 20),
    };
    // a length that leads out of the file is none
    let length = length.filter(|&length| length <= end.saturating_sub(start));
    if length.is_some() {
        found.insert(Found::Comment);
    }
    Ok(length)
}

/// ID3v1.1: title 30, artist 30, album 30, year 4, comment 30, genre 1.
fn id3v1_fields(fields: &[u8]) -> impl Iterator<Item = Found> {
    let filled = |from: usize, to: usize| {
        let field = fields.get(from..to).unwrap_or_default();
        field.iter().any(|&byte| !matches!(byte, 0 | b' '))
    };
    [
        (filled(0, 30) || filled(60, 90) || filled(94, 124), Found::Comment),
        (filled(30, 60), Found::Person),
        (filled(90, 94), Found::Time),
        (true, Found::Other),
    ]
    .into_iter()
    .filter_map(|(filled, found)| filled.then_some(found))
}
