//! Cleaning: a file leaves without any identifying metadata, or it is refused.
//!
//! A file's kind is told from its bytes alone (`kind`). What may stay is an allow-list: of segments (JPEG), of
//! chunks (PNG), of characters (text). Everything else is left behind, and where that might break the file, the file is
//! refused with a reason that can be told to the person who sent it ([`Refusal`]).
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

mod exif;
mod input;
mod jpeg;
mod kind;
mod limits;
mod png;
mod replay;
mod report;
mod text;
mod traces;

use std::io::{Read, Seek};

use input::Input;

pub use kind::Kind;
pub use limits::Limits;
pub use replay::{Cleaned, Replay};
pub use report::{CleanError, Found, Refusal, Remains, Report};

/// Decides what of `input`, from its first byte to its end, stays. Nothing is written; see [`Cleaned::replay`].
///
/// # Errors
/// [`CleanError::Refused`] if the file cannot be cleaned with certainty, [`CleanError::Io`] if it cannot be read.
pub fn clean(input: &mut (impl Read + Seek), limits: &Limits) -> Result<Cleaned, CleanError> {
    let mut input = Input::new(input)?;
    if input.is_empty() {
        return Err(Refusal::Empty.into());
    }
    let kind = kind::detect(&mut input)?;
    match kind {
        Kind::Jpeg | Kind::Png if input.len() > limits.picture_bytes => {
            Err(Refusal::TooLarge { kind }.into())
        }
        Kind::Jpeg => jpeg::clean(&mut input, limits),
        Kind::Png => png::clean(&mut input, limits),
        Kind::Text => text::clean(&mut input),
        _ => Err(Refusal::Unsupported { kind }.into()),
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
        assert_eq!(refusal(b"%PDF-1.7\n"), Refusal::Unsupported { kind: Kind::Pdf });
        assert_eq!(refusal(b"\x00\x01\x02"), Refusal::Unsupported { kind: Kind::Unknown });
    }

    #[test]
    fn a_picture_above_the_limit_is_refused_unread() {
        let limits = Limits { picture_bytes: 3, ..Limits::default() };
        let result = clean(&mut Cursor::new(b"\xff\xd8\xff\xd9"), &limits);
        assert!(matches!(result, Err(CleanError::Refused(Refusal::TooLarge { kind: Kind::Jpeg }))));
    }
}
