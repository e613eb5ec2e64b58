//! Comments of the form that Vorbis began (the Vorbis I specification §5), also in FLAC, Opus and Speex.

use std::collections::BTreeSet;

use crate::clean::Found;

/// Comments without any: no vendor, no fields.
pub(super) const NONE: [u8; 8] = [0; 8];

/// What a comment header holds (the Vorbis specification §5): the vendor, then fields by name.
pub(super) fn tell(comments: &[u8], found: &mut BTreeSet<Found>) {
    let mut rest = comments;
    if next_text(&mut rest).is_some_and(|vendor| !vendor.is_empty()) {
        found.insert(Found::Software);
    }
    // how many there are is seen when they end
    rest = rest.get(4..).unwrap_or_default();
    while let Some(field) = next_text(&mut rest) {
        found.insert(told(field));
    }
}

/// The text that `rest` begins with, behind its length.
fn next_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    *rest = after.get(length..).unwrap_or_default();
    Some(after.get(..length).unwrap_or(after))
}

/// What a field is told as, by its name.
fn told(field: &[u8]) -> Found {
    let name = field.split(|&byte| byte == b'=').next().unwrap_or_default().to_ascii_uppercase();
    match name.as_slice() {
        b"METADATA_BLOCK_PICTURE" | b"COVERART" => Found::Preview,
        b"ENCODER" | b"ENCODED-BY" | b"ENCODED_BY" | b"ENCODER_OPTIONS" | b"ENCODER_SETTINGS" => {
            Found::Software
        }
        b"DATE" | b"YEAR" | b"CREATION_TIME" | b"TIME" => Found::Time,
        b"LOCATION" | b"GEO_LOCATION" => Found::Location,
        b"ARTIST" | b"ALBUMARTIST" | b"PERFORMER" | b"COMPOSER" | b"COPYRIGHT" | b"CONTACT"
        | b"ORGANIZATION" | b"AUTHOR" => Found::Person,
        b"ISRC" | b"BARCODE" | b"CATALOGNUMBER" => Found::Identifier,
        _ if name.starts_with(b"MUSICBRAINZ") || name.starts_with(b"ACOUSTID") => Found::Identifier,
        _ => Found::Comment,
    }
}
