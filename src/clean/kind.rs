//! What a file is, told from its bytes alone: names and declared types are the sender's, and are never asked.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Read, Seek},
};

use serde::{Deserialize, Serialize};

use super::{input::Input, sound::tags, text};

/// How much of a file's beginning is looked at.
const HEAD: usize = 4096;
/// How much of a ZIP archive's end is looked at for its directory (its comment may be 64 KiB; few have one).
const ZIP_TAIL: u64 = 1024;
/// Behind how many boxes that say nothing a film may begin.
const SPACES: u32 = 16;

/// A kind of file. Some are known only so that a refusal can name them; `clean_within` says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is named by `Kind::name`")]
pub enum Kind {
    Jpeg,
    Png,
    Text,
    Webp,
    Gif,
    Tiff,
    Heic,
    Avif,
    Bmp,
    RawPhoto,
    Svg,
    Html,
    Xml,
    Rtf,
    Pdf,
    Docx,
    Xlsx,
    Pptx,
    Odt,
    Ods,
    Odp,
    Epub,
    Hwpx,
    LegacyOffice,
    Hwp,
    Zip,
    Rar,
    SevenZip,
    Gzip,
    Mp4,
    Mov,
    ThreeGp,
    M4a,
    Matroska,
    Avi,
    Mp3,
    Flac,
    Ogg,
    Wav,
    Aiff,
    Amr,
    Unknown,
}

impl Kind {
    /// The kind of the file that begins with `head`. All but the kinds of ZIP archives and of old office documents are
    /// told apart by the first 4 KiB.
    #[must_use]
    pub fn of_head(head: &[u8]) -> Self {
        signature(head).or_else(|| markup(head)).unwrap_or_else(|| text_or_unknown(head))
    }

    /// The file-name extension for a file of this kind, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        self.row().0
    }

    /// What the kind is called in English, with its article.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// Whether such a file is put together in memory when it is cleaned. Of the others only ranges of the original are
    /// noted.
    #[must_use]
    pub const fn is_cleaned_in_memory(self) -> bool {
        matches!(
            self,
            Self::Svg
                | Self::Pdf
                | Self::Docx
                | Self::Xlsx
                | Self::Pptx
                | Self::Odt
                | Self::Ods
                | Self::Odp
                | Self::Epub
                | Self::Hwpx
                | Self::Zip
        )
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Jpeg => ("jpg", "JPEG picture"),
            Self::Png => ("png", "PNG picture"),
            Self::Text => ("txt", "text"),
            Self::Webp => ("webp", "WebP picture"),
            Self::Gif => ("gif", "GIF picture"),
            Self::Tiff => ("tif", "TIFF picture"),
            Self::Heic => ("heic", "HEIC picture"),
            Self::Avif => ("avif", "AVIF picture"),
            Self::Bmp => ("bmp", "BMP picture"),
            Self::RawPhoto => ("raw", "camera raw file"),
            Self::Svg => ("svg", "SVG drawing"),
            Self::Html => ("html", "web page"),
            Self::Xml => ("xml", "XML document"),
            Self::Rtf => ("rtf", "RTF document"),
            Self::Pdf => ("pdf", "PDF document"),
            Self::Docx => ("docx", "Word document"),
            Self::Xlsx => ("xlsx", "Excel workbook"),
            Self::Pptx => ("pptx", "PowerPoint presentation"),
            Self::Odt => ("odt", "OpenDocument text"),
            Self::Ods => ("ods", "OpenDocument spreadsheet"),
            Self::Odp => ("odp", "OpenDocument presentation"),
            Self::Epub => ("epub", "EPUB book"),
            Self::Hwpx => ("hwpx", "HWPX document"),
            Self::LegacyOffice => ("doc", "document of an old Office"),
            Self::Hwp => ("hwp", "HWP document"),
            Self::Zip => ("zip", "ZIP archive"),
            Self::Rar => ("rar", "RAR archive"),
            Self::SevenZip => ("7z", "7z archive"),
            Self::Gzip => ("gz", "gzip file"),
            Self::Mp4 => ("mp4", "MP4 video"),
            Self::Mov => ("mov", "QuickTime video"),
            Self::ThreeGp => ("3gp", "3GP video"),
            Self::M4a => ("m4a", "M4A recording"),
            Self::Matroska => ("mkv", "Matroska or WebM video"),
            Self::Avi => ("avi", "AVI video"),
            Self::Mp3 => ("mp3", "MP3 recording"),
            Self::Flac => ("flac", "FLAC recording"),
            Self::Ogg => ("ogg", "Ogg recording"),
            Self::Wav => ("wav", "WAV recording"),
            Self::Aiff => ("aiff", "AIFF recording"),
            Self::Amr => ("amr", "AMR recording"),
            Self::Unknown => ("bin", "file of an unknown kind"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The file's kind. Leaves `input` at the file's beginning.
pub(super) fn detect<R: Read + Seek>(input: &mut Input<'_, R>) -> io::Result<Kind> {
    let head = input.window(HEAD)?;
    let head = head.get(..HEAD).unwrap_or(head);
    let kind = match Kind::of_head(head) {
        Kind::Zip => zip_kind(input)?,
        Kind::LegacyOffice => ole_kind(input)?,
        Kind::Mp3 if !head.starts_with(b"\xff") => behind_tags(input)?,
        Kind::Unknown if head.get(4..).is_some_and(is_space) => behind_space(input)?,
        kind => kind,
    };
    input.seek(0)?;
    Ok(kind)
}

/// Kinds with a signature of their own.
fn signature(head: &[u8]) -> Option<Kind> {
    Some(match head {
        // the two bytes that every viewer asks for; what follows is the parser's business
        [0xff, 0xd8, ..] => Kind::Jpeg,
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Kind::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Kind::Gif,
        [b'I', b'I', b'*', 0, _, _, _, _, b'C', b'R', ..]
        | [b'I', b'I', b'U', 0, ..]
        | [b'I', b'I', b'R', b'O' | b'S', ..]
        | [b'F', b'U', b'J', b'I', b'F', b'I', b'L', b'M', ..] => Kind::RawPhoto,
        [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => Kind::Tiff,
        [b'R', b'I', b'F', b'F', _, _, _, _, form @ ..] if form.starts_with(b"WEBP") => Kind::Webp,
        [b'R', b'I', b'F', b'F', _, _, _, _, form @ ..] if form.starts_with(b"WAVE") => Kind::Wav,
        [b'R', b'I', b'F', b'F', _, _, _, _, form @ ..] if form.starts_with(b"AVI ") => Kind::Avi,
        [b'R', b'F', b'6', b'4', _, _, _, _, form @ ..]
        | [b'B', b'W', b'6', b'4', _, _, _, _, form @ ..]
        | [b'R', b'I', b'F', b'X', _, _, _, _, form @ ..]
            if form.starts_with(b"WAVE") =>
        {
            Kind::Wav
        }
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => Kind::Aiff,
        [b'P', b'K', 3 | 5, 4 | 6, ..] => mimetype_kind(head),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => Kind::LegacyOffice,
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Kind::Matroska,
        [0x1f, 0x8b, 8, ..] => Kind::Gzip,
        [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => Kind::Rar,
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Kind::SevenZip,
        [b'f', b'L', b'a', b'C', ..] => Kind::Flac,
        [b'O', b'g', b'g', b'S', ..] => Kind::Ogg,
        [b'#', b'!', b'A', b'M', b'R', ..] => Kind::Amr,
        // a box's length is never four printable characters, so `the wide river` is no film
        [a, b, c, d, ..] if [*a, *b, *c, *d].into_iter().any(text::is_control) => {
            return media_kind(head).or_else(|| late_signature(head));
        }
        _ => return late_signature(head),
    })
}

/// What an ISO media file's first boxes say; QuickTime's old films have no `ftyp`.
fn media_kind(mut boxes: &[u8]) -> Option<Kind> {
    for _ in 0..SPACES {
        let (size, rest) = boxes.split_first_chunk::<4>()?;
        let (name, brands) = rest.split_at_checked(4)?;
        match name {
            b"ftyp" => return Some(ftyp_kind(brands)),
            b"moov" | b"mdat" | b"wide" | b"pnot" => return Some(Kind::Mov),
            name if is_space(name) => {
                let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
                boxes = boxes.get(size..).filter(|_| size >= 8)?;
            }
            _ => return None,
        }
    }
    None
}

/// Whether a box is called so that programs leave out before `ftyp` (ISO/IEC 14496-12 §8.1.2, §11.1).
fn is_space(name: &[u8]) -> bool {
    matches!(
        name,
        [b'f', b'r', b'e', b'e', ..] | [b's', b'k', b'i', b'p', ..] | [b'u', b'u', b'i', b'd', ..]
    )
}

/// The same where what is left out is longer than the beginning that is looked at.
fn behind_space<R: Read + Seek>(input: &mut Input<'_, R>) -> io::Result<Kind> {
    for _ in 0..SPACES {
        let [a, b, c, d, name @ ..] = match input.window(8)?.first_chunk::<8>() {
            Some(head) => *head,
            None => break,
        };
        let size = u32::from_be_bytes([a, b, c, d]);
        if !is_space(&name) || size < 8 {
            break;
        }
        input.skip(size.into())?;
    }
    let head = input.window(HEAD)?;
    Ok(media_kind(head.get(..HEAD).unwrap_or(head)).unwrap_or(Kind::Unknown))
}

/// Signatures that say less than those before them.
fn late_signature(head: &[u8]) -> Option<Kind> {
    Some(match head {
        [b'I', b'D', b'3', 2..=4, ..] => Kind::Mp3,
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', ..] => Kind::Mp3,
        // an MPEG audio frame of layer III or II: 11 sync bits, then neither version nor bit rate may be the reserved
        // value; the two bytes of a UTF-16 mark are none
        [0xff, second, third, ..]
            if matches!(second & 0xe6, 0xe2 | 0xe4)
                && second & 0x18 != 0x08
                && third & 0xf0 != 0xf0 =>
        {
            Kind::Mp3
        }
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Kind::Bmp,
        _ if head.starts_with(b"HWP Document File") => Kind::Hwp,
        // readers take a header anywhere in the first kibibyte
        _ if memchr::memmem::find(head.get(..1024).unwrap_or(head), b"%PDF-").is_some() => {
            Kind::Pdf
        }
        _ => return None,
    })
}

/// The ISO media kinds (ISO/IEC 14496-12 §4.3): the major brand decides, then the compatible ones.
fn ftyp_kind(brands: &[u8]) -> Kind {
    let (major, compatible) = brands.split_at(brands.len().min(4));
    let compatible = compatible.get(4..).unwrap_or_default();
    let has = |brand: &[u8]| compatible.chunks_exact(4).take(32).any(|other| other == brand);
    match major {
        b"avif" | b"avis" => Kind::Avif,
        b"mif1" | b"msf1" if has(b"avif") || has(b"avis") => Kind::Avif,
        b"mif1" | b"msf1" | b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Kind::Heic,
        b"qt  " => Kind::Mov,
        b"M4A " | b"M4B " | b"M4P " => Kind::M4a,
        b"crx " => Kind::RawPhoto,
        [b'3', b'g', ..] => Kind::ThreeGp,
        _ => Kind::Mp4,
    }
}

/// A ZIP archive whose first entry is a stored `mimetype` (OpenDocument part 2 §3.3, EPUB OCF §4.3).
fn mimetype_kind(head: &[u8]) -> Kind {
    match head.get(30..38) {
        Some(b"mimetype") => media_type_kind(head.get(38..).unwrap_or_default()),
        _ => Kind::Zip,
    }
}

/// The same, wherever the entry lies that begins with `entry`, also if it is deflated: readers forgive both (APPNOTE
/// 4.3.7).
fn packed_mimetype_kind(entry: &[u8]) -> Kind {
    let number = |at: usize| {
        let bytes = entry.get(at..)?.first_chunk::<2>()?;
        Some(usize::from(u16::from_le_bytes(*bytes)))
    };
    let data = || entry.get(30 + number(26)? + number(28)?..);
    match (number(8), data()) {
        (Some(0), Some(stored)) => media_type_kind(stored),
        (Some(8), Some(deflated)) => {
            // longer than any of them
            let mut text = Vec::with_capacity(96);
            // what follows the entry is no part of the stream: an error after the text does not matter
            let _ = flate2::Decompress::new(false).decompress_vec(
                deflated,
                &mut text,
                flate2::FlushDecompress::Sync,
            );
            media_type_kind(&text)
        }
        _ => Kind::Zip,
    }
}

fn media_type_kind(text: &[u8]) -> Kind {
    for (name, kind) in [
        (b"application/vnd.oasis.opendocument.text".as_slice(), Kind::Odt),
        (b"application/vnd.oasis.opendocument.spreadsheet", Kind::Ods),
        (b"application/vnd.oasis.opendocument.presentation", Kind::Odp),
        (b"application/epub+zip", Kind::Epub),
        (b"application/hwp+zip", Kind::Hwpx),
    ] {
        if text.starts_with(name) {
            return kind;
        }
    }
    Kind::Zip
}

/// Markup that is text to a computer but not what a person would call a text.
fn markup(head: &[u8]) -> Option<Kind> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let head = head.get(..1024).unwrap_or(head).to_ascii_lowercase();
    let has = |tag: &[u8]| memchr::memmem::find(&head, tag).is_some();
    if !head.starts_with(b"<") {
        return head.starts_with(b"{\\rtf").then_some(Kind::Rtf);
    }
    let opens = ["<?xml", "<!", "<svg", "<html", "<head", "<body", "<script"];
    if !opens.iter().any(|tag| head.starts_with(tag.as_bytes())) {
        return None;
    }
    Some(if has(b"<svg") {
        Kind::Svg
    } else if has(b"<html") || has(b"<!doctype html") || has(b"<head") || has(b"<body") {
        Kind::Html
    } else {
        Kind::Xml
    })
}

/// Text in any encoding, as far as its beginning tells; see [`text`] for what passes.
fn text_or_unknown(head: &[u8]) -> Kind {
    let utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let printable = !head.is_empty() && !head.iter().any(|&byte| text::is_control(byte));
    if utf16 || printable { Kind::Text } else { Kind::Unknown }
}

/// Documents are told from other ZIP archives by the names in the archive's directory (APPNOTE 4.3.12, 4.3.16).
fn zip_kind<R: Read + Seek>(input: &mut Input<'_, R>) -> io::Result<Kind> {
    let tail_at = input.len().saturating_sub(ZIP_TAIL);
    input.seek(tail_at)?;
    let tail = input.window(HEAD)?;
    let Some(end) = memchr::memmem::rfind(tail, b"PK\x05\x06") else {
        return Ok(Kind::Zip);
    };
    let offset = tail.get(end + 16..).and_then(|rest| rest.first_chunk::<4>());
    let offset = offset.map_or(0, |bytes| u32::from_le_bytes(*bytes));
    input.seek(offset.into())?;
    let directory = input.window(64 << 10)?;
    let has = |name: &[u8]| memchr::memmem::find(directory, name).is_some();
    // some programs do not put `mimetype` first, and readers forgive it
    if has(b"META-INF/manifest.xml") && has(b"content.xml") {
        let mimetype = memchr::memmem::find(directory, b"mimetype").and_then(|at| {
            let header = directory.get(at.checked_sub(46)?..)?;
            let offset = header.strip_prefix(b"PK\x01\x02")?.get(38..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*offset))
        });
        let Some(offset) = mimetype else {
            return Ok(Kind::Zip);
        };
        input.seek(offset.into())?;
        return Ok(packed_mimetype_kind(input.window(HEAD)?));
    }
    Ok(match () {
        () if has(b"Contents/content.hpf") => Kind::Hwpx,
        () if has(b"META-INF/container.xml") && has(b"mimetype") => Kind::Epub,
        () if !has(b"[Content_Types].xml") => Kind::Zip,
        () if has(b"word/document") => Kind::Docx,
        () if has(b"xl/workbook") => Kind::Xlsx,
        () if has(b"ppt/presentation") => Kind::Pptx,
        () => Kind::Zip,
    })
}

/// What begins behind ID3 and APE tags: they were made for MP3, and programs put them before recordings of other kinds too.
fn behind_tags<R: Read + Seek>(input: &mut Input<'_, R>) -> io::Result<Kind> {
    let end = input.len();
    tags::skip_leading(input, end, &mut BTreeSet::new())?;
    let head = input.window(12)?;
    Ok(match signature(head) {
        Some(kind @ (Kind::Flac | Kind::Ogg | Kind::Wav)) => kind,
        // AAC with ADTS headers: 12 sync bits, layer 0
        _ if matches!(head, [0xff, second, ..] if second & 0xf6 == 0xf0) => Kind::Unknown,
        _ => Kind::Mp3,
    })
}

/// HWP 5 lies in the same container as old office documents; its first directory sector names its streams.
fn ole_kind<R: Read + Seek>(input: &mut Input<'_, R>) -> io::Result<Kind> {
    Ok(if has_stream(input, "BodyText")? { Kind::Hwp } else { Kind::LegacyOffice })
}

/// Whether a document of [`Kind::LegacyOffice`] is a new one that a password locks ([MS-OFFCRYPTO] 2.3.4.4). Leaves
/// `input` anywhere.
pub(super) fn is_locked<R: Read + Seek>(input: &mut Input<'_, R>) -> io::Result<bool> {
    input.seek(0)?;
    has_stream(input, "EncryptedPackage")
}

/// Whether the first directory sectors of a compound file name a stream ([MS-CFB] 2.2 and 2.6).
fn has_stream<R: Read + Seek>(input: &mut Input<'_, R>, name: &str) -> io::Result<bool> {
    let header = input.window(HEAD)?;
    let shift = header.get(30..).and_then(|bytes| bytes.first_chunk::<2>());
    let shift = shift.map_or(9, |bytes| u16::from_le_bytes(*bytes)).clamp(9, 12);
    let sector = header.get(48..).and_then(|bytes| bytes.first_chunk::<4>());
    let sector = u64::from(sector.map_or(0, |bytes| u32::from_le_bytes(*bytes)));
    input.seek((sector + 1) << shift)?;
    let directory = input.window(HEAD)?;
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Ok(memchr::memmem::find(directory, &name).is_some())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn kind(bytes: &[u8]) -> Kind {
        detect(&mut Input::new(&mut Cursor::new(bytes)).unwrap()).unwrap()
    }

    #[test]
    fn signatures() {
        for (head, expected) in [
            (b"\xff\xd8\xff\xe0".as_slice(), Kind::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Kind::Png),
            (b"GIF89a", Kind::Gif),
            (b"II*\0\x08\0\0\0", Kind::Tiff),
            (b"II*\0\x10\0\0\0CR\x02\0", Kind::RawPhoto),
            (b"RIFF\0\0\0\0WEBPVP8 ", Kind::Webp),
            (b"RIFF\0\0\0\0WAVEfmt ", Kind::Wav),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Kind::Heic),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Kind::Avif),
            (b"\0\0\0\x18ftypisom", Kind::Mp4),
            (b"\0\0\0\x18ftypqt  ", Kind::Mov),
            (b"\0\0\0\x18ftypM4A ", Kind::M4a),
            (b"\0\0\0\x18ftyp3gp4", Kind::ThreeGp),
            (b"ID3\x04", Kind::Mp3),
            (b"\xff\xfb\x90\x00", Kind::Mp3),
            (b"\xff\xfd\x84\x00", Kind::Mp3),
            (b"ID3\x04\0\0\0\0\0\x02\0\0fLaC", Kind::Flac),
            (b"ID3\x04\0\0\0\0\0\x02\0\0\xff\xf1\x50\x80", Kind::Unknown),
            (b"RF64\xff\xff\xff\xffWAVE", Kind::Wav),
            (b"BW64\xff\xff\xff\xffWAVE", Kind::Wav),
            (b"fLaC", Kind::Flac),
            (b"OggS", Kind::Ogg),
            (b"PK\x03\x04", Kind::Zip),
            (b"garbage\n%PDF-1.4", Kind::Pdf),
            (b"<?xml version='1.0'?><!-- x --><SVG xmlns='y'>", Kind::Svg),
            (b"\xef\xbb\xbf\n<svg>", Kind::Svg),
            (b"<!DOCTYPE html>", Kind::Html),
            (b"<?xml version='1.0'?><a/>", Kind::Xml),
            (b"{\\rtf1", Kind::Rtf),
            (b"the wide river", Kind::Text),
            (b"< 5 people", Kind::Text),
            (b"\xff\xfea\0", Kind::Text),
            (b"\xb0\xa1\xb3\xaa", Kind::Text),
            (b"MZ\x90\0", Kind::Unknown),
        ] {
            assert_eq!(kind(head), expected, "{head:?}");
        }
    }

    #[test]
    fn films_begin_behind_free_space() {
        let boxed = |name: &[u8; 4], size: u32| {
            let mut bytes = [size.to_be_bytes(), *name].concat();
            bytes.resize(size as usize, 0);
            bytes
        };
        for (film, expected) in [
            (b"\0\0\0\x18ftypisom".as_slice(), Kind::Mp4),
            (b"\0\0\0\x18ftypheic", Kind::Heic),
            (b"\0\0\0\x08wide", Kind::Mov),
            (b"any thing else", Kind::Unknown),
        ] {
            for size in [8, 60, 5000, 100_000] {
                let first = boxed(b"free", size);
                assert_eq!(kind(&[&first, film].concat()), expected, "{size}");
                let more = [first, boxed(b"uuid", 24), boxed(b"skip", size)].concat();
                assert_eq!(kind(&[&more, film].concat()), expected, "{size}");
            }
        }
        assert_eq!(kind(b"\0\0\0\x07free\0\0\0\x18ftypisom"), Kind::Unknown);
        assert_eq!(kind(&boxed(b"free", 8).repeat(100_000)), Kind::Unknown);
    }

    #[test]
    fn a_mimetype_may_be_packed() {
        let entry = |method: u8, data: &[u8]| {
            let mut entry = b"PK\x03\x04\x14\0\0\0".to_vec();
            entry.extend([method, 0]);
            entry.extend([0; 16]);
            entry.extend([8, 0, 2, 0]);
            entry.extend(b"mimetype\0\0");
            entry.extend(data);
            entry.extend(b"PK\x03\x04");
            entry
        };
        let text = b"application/vnd.oasis.opendocument.spreadsheet";
        let mut packed = Vec::with_capacity(200);
        flate2::Compress::new(flate2::Compression::fast(), false)
            .compress_vec(text, &mut packed, flate2::FlushCompress::Finish)
            .unwrap();
        assert_eq!(packed_mimetype_kind(&entry(0, text)), Kind::Ods);
        assert_eq!(packed_mimetype_kind(&entry(8, &packed)), Kind::Ods);
        assert_eq!(packed_mimetype_kind(&entry(8, b"\xff")), Kind::Zip);
        assert_eq!(packed_mimetype_kind(&entry(9, text)), Kind::Zip);
    }

    #[test]
    fn written_names_are_kebab_case() {
        assert_eq!(serde_json::to_string(&Kind::LegacyOffice).unwrap(), r#""legacy-office""#);
        assert_eq!(serde_json::to_string(&Kind::Jpeg).unwrap(), r#""jpeg""#);
        assert_eq!(Kind::Unknown.extension(), "bin");
    }

    proptest! {
        #[test]
        fn no_beginning_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            kind(&bytes);
        }

        #[test]
        fn no_archive_panics(
            start in prop_oneof![Just(b"PK\x03\x04".as_slice()), Just(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice())],
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            end in proptest::collection::vec(any::<u8>(), 0..24),
        ) {
            kind(&[start, &bytes, b"PK\x05\x06", &end].concat());
        }
    }
}
