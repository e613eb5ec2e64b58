//! Cleaning: a file leaves without any identifying metadata, or it is refused.
//!
//! A file's kind is told from its bytes alone (`kind`). What may stay is an allow-list: of segments, chunks, boxes,
//! tags, parts, elements, characters, and of their values. Everything else is left behind, and where that might break the
//! file, the file is refused with a reason that can be told to the person who sent it ([`Refusal`]).
//!
//! [`clean`] decides and writes nothing: its result is a plan of pieces, ranges of the input that stay and a few bytes
//! that are written anew, so that a large file needs no memory of its own size. [`Cleaned::replay`] streams the cleaned
//! file out of the same input. This module knows nothing of the web or of the rest of the system.
//!
//! ```
//! use std::io::{Cursor, Read as _};
//! use sealpost::clean::{Kind, Limits, clean};
//!
//! let mut file = Cursor::new("\u{feff}They meet on Tuesdays.\n");
//! let cleaned = clean(&mut file, &Limits::default())?;
//! assert_eq!(cleaned.report().kind, Kind::Text);
//! let mut text = String::new();
//! cleaned.replay(file).read_to_string(&mut text)?;
//! assert_eq!(text, "They meet on Tuesdays.\n");
//! # Ok::<(), sealpost::clean::CleanError>(())
//! ```

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod css;
mod input;
mod kind;
mod limits;
mod media;
mod office;
mod pdf;
mod picture;
mod replay;
mod report;
mod rewrite;
mod sound;
mod svg;
mod text;
mod traces;
mod work;
mod xml;
mod zip;

use std::io::{Read, Seek};

use input::Input;
use media::{film, still};
use office::{epub, hwpx, odf, ooxml};
use picture::{gif, jpeg, png, tiff, webp};
use sound::{aiff, amr, flac, mp3, ogg, wav};
use work::Work;

pub use kind::Kind;
pub use limits::Limits;
pub use replay::{Cleaned, Replay};
pub use report::{CleanError, Found, Refusal, Remains, Report};

/// Decides what of `input`, from its first byte to its end, stays. Nothing is written; see [`Cleaned::replay`].
///
/// # Errors
/// [`CleanError::Refused`] if the file cannot be cleaned with certainty, [`CleanError::Io`] if it cannot be read.
pub fn clean(input: &mut (impl Read + Seek), limits: &Limits) -> Result<Cleaned, CleanError> {
    clean_within(input, &mut Work::new(limits))
}

/// What `input` is, from its first byte on.
///
/// # Errors
/// If it cannot be read.
pub fn kind_of(input: &mut (impl Read + Seek)) -> std::io::Result<Kind> {
    kind::detect(&mut Input::new(input)?)
}

/// The same for a file that may lie in another.
fn clean_within<R: Read + Seek>(input: &mut R, work: &mut Work<'_>) -> Result<Cleaned, CleanError> {
    let input = &mut Input::new(input)?;
    if input.is_empty() {
        return Err(Refusal::Empty.into());
    }
    let kind = kind::detect(input)?;
    if input.len() > most_bytes(kind, work.limits()) {
        return Err(Refusal::TooLarge { kind }.into());
    }
    match kind {
        Kind::Jpeg => jpeg::clean(input, work.limits()),
        Kind::Png => png::clean(input, work.limits()),
        Kind::Webp => webp::clean(input, kind, work),
        Kind::Gif => gif::clean(input, kind, work),
        Kind::Tiff => tiff::clean(input, kind, work),
        Kind::Heic | Kind::Avif => still::clean(input, kind, work),
        Kind::Svg => svg::clean(input, kind, work),
        Kind::Mp4 | Kind::Mov | Kind::ThreeGp | Kind::M4a => film::clean(input, kind, work),
        Kind::Mp3 => mp3::clean(input, kind, work),
        Kind::Flac => flac::clean(input, kind, work),
        Kind::Ogg => ogg::clean(input, kind, work),
        Kind::Wav => wav::clean(input, kind, work),
        Kind::Aiff => aiff::clean(input, kind, work),
        Kind::Amr => amr::clean(input, kind, work),
        Kind::Pdf => pdf::clean(input, kind, work),
        Kind::Docx | Kind::Xlsx | Kind::Pptx => ooxml::clean(input, kind, work),
        Kind::Odt | Kind::Ods | Kind::Odp => odf::clean(input, kind, work),
        Kind::Epub => epub::clean(input, kind, work),
        Kind::Hwpx => hwpx::clean(input, kind, work),
        Kind::Zip => zip::clean(input, kind, work),
        Kind::Text => text::clean(input),
        Kind::LegacyOffice if kind::is_locked(input)? => Err(Refusal::Encrypted { kind }.into()),
        Kind::Bmp
        | Kind::RawPhoto
        | Kind::Html
        | Kind::Xml
        | Kind::Rtf
        | Kind::LegacyOffice
        | Kind::Hwp
        | Kind::Rar
        | Kind::SevenZip
        | Kind::Gzip
        | Kind::Matroska
        | Kind::Avi
        | Kind::Unknown => Err(Refusal::Unsupported { kind }.into()),
    }
}

/// How large a file of `kind` may be. Films, recordings and texts need no memory of their own size.
const fn most_bytes(kind: Kind, limits: &Limits) -> u64 {
    match kind {
        Kind::Jpeg | Kind::Png | Kind::Webp | Kind::Gif | Kind::Tiff | Kind::Heic | Kind::Avif => {
            limits.picture_bytes
        }
        _ if kind.is_cleaned_in_memory() => limits.document_bytes,
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn nothing_and_unknown_things_are_refused() {
        let refusal = |bytes: &[u8]| match clean(&mut Cursor::new(bytes), &Limits::default()) {
            Err(CleanError::Refused(refusal)) => refusal,
            other => panic!("not refused: {:?}", other.map(|cleaned| cleaned.report().clone())),
        };
        assert_eq!(refusal(b""), Refusal::Empty);
        assert_eq!(refusal(b"%PDF-1.7\n"), Refusal::Damaged { kind: Kind::Pdf });
        assert_eq!(refusal(b"\x00\x01\x02"), Refusal::Unsupported { kind: Kind::Unknown });
    }

    #[test]
    fn a_picture_above_the_limit_is_refused_unread() {
        let limits = Limits { picture_bytes: 3, ..Limits::default() };
        let result = clean(&mut Cursor::new(b"\xff\xd8\xff\xd9"), &limits);
        assert!(matches!(result, Err(CleanError::Refused(Refusal::TooLarge { kind: Kind::Jpeg }))));
    }
}
