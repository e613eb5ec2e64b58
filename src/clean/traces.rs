//! Which kind of metadata a name stands for: tables only, so that what is told to a source can be read in one place.

use super::Found;

/// EXIF tags of the main, preview and EXIF directories (CIPA DC-008, TIFF 6.0). Tags that describe the picture's
/// layout are nothing that needs telling, and neither is the orientation.
pub(super) const fn exif_tag(tag: u16) -> Option<Found> {
    Some(match tag {
        // orientation; layout of the picture and its strips; pointers to directories, followed by the reader
        0x0100..=0x0103 | 0x0106 | 0x0111..=0x0112 | 0x0115..=0x0117 | 0x011a..=0x011c => {
            return None;
        }
        0x0128 | 0x0213 | 0x8769 | 0x8825 | 0xa000..=0xa003 | 0xa005 => return None,
        0x010f | 0x0110 | 0x013c | 0x927c | 0xa420 | 0xa431..=0xa435 | 0xc614 | 0xc62f => {
            Found::Device
        }
        0x0132 | 0x9003 | 0x9004 | 0x9010..=0x9012 | 0x9290..=0x9292 => Found::Time,
        0x013b | 0x8298 | 0x9c9d | 0xa430 => Found::Person,
        0x0131 | 0x000b => Found::Software,
        0x010e | 0x9286 | 0x9c9b | 0x9c9c | 0x9c9e | 0x9c9f => Found::Comment,
        0x0201 | 0x0202 => Found::Preview,
        0x8773 => Found::ColourProfile,
        _ => Found::Other,
    })
}

/// Tags of EXIF's GPS directory. Many phones write its version and nothing else when location is off.
pub(super) const fn gps_tag(tag: u16) -> Option<Found> {
    match tag {
        0x00 => None,
        0x07 | 0x1d => Some(Found::Time),
        _ => Some(Found::Location),
    }
}

/// Properties of an XMP packet by their usual prefixes; a packet is searched for them, not parsed.
const XMP: &[(&str, Found)] = &[
    ("exif:GPS", Found::Location),
    ("photoshop:City", Found::Location),
    ("Iptc4xmpCore:Location", Found::Location),
    ("tiff:Make", Found::Device),
    ("tiff:Model", Found::Device),
    ("aux:", Found::Device),
    ("xmp:CreateDate", Found::Time),
    ("xmp:ModifyDate", Found::Time),
    ("photoshop:DateCreated", Found::Time),
    ("dc:creator", Found::Person),
    ("dc:rights", Found::Person),
    ("photoshop:AuthorsPosition", Found::Person),
    ("xmp:CreatorTool", Found::Software),
    ("dc:description", Found::Comment),
    ("dc:title", Found::Comment),
    ("xmp:Thumbnails", Found::Preview),
];

/// What an XMP packet holds; `Other` if nothing of it is known.
pub(super) fn xmp(packet: &[u8]) -> impl Iterator<Item = Found> {
    let known = |name: &str| memchr::memmem::find(packet, name.as_bytes()).is_some();
    let found: Vec<Found> = XMP.iter().filter(|(name, _)| known(name)).map(|row| row.1).collect();
    let nothing = found.is_empty().then_some(Found::Other);
    found.into_iter().chain(nothing)
}

/// Keywords of PNG's text chunks (PNG §11.3.3.1).
pub(super) fn png_keyword(keyword: &[u8]) -> Found {
    match keyword {
        b"Author" | b"Copyright" => Found::Person,
        b"Software" => Found::Software,
        b"Source" => Found::Device,
        b"Creation Time" => Found::Time,
        b"Title" | b"Description" | b"Comment" | b"Disclaimer" | b"Warning" => Found::Comment,
        _ if keyword.starts_with(b"date:") => Found::Time,
        _ => Found::Other,
    }
}
