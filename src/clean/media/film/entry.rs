//! Sample entries (ISO/IEC 14496-12 §8.5.2, §12.1.3, §12.2.3): what a decoder must know before the first sample.
//!
//! | part | what becomes of it |
//! |---|---|
//! | width, height, channels, sample rate and size | kept |
//! | vendor, revision, qualities, compressor's name, resolution, colour table | written canonical |
//! | the box that sets the decoder up | written anew by [`config`], field by field |
//! | `colr` (`nclx`, `nclc`), `pasp`, `clap`, `fiel`, `chan` | written anew with their values |
//! | ICC profiles, `btrt`, HDR metadata, Dolby Vision, 360° and stereo descriptions, everything else | dropped |

mod config;
mod esds;
mod picture;
mod sound;

pub(super) use config::{Mpeg4Part, mpeg4_parts};
pub(super) use picture::picture;
pub(super) use sound::{Dialect, sound};

/// A sample entry that is kept.
#[derive(PartialEq, Eq)]
pub(super) struct Entry {
    /// The box, written anew.
    pub(super) bytes: Vec<u8>,
    pub(super) stream: Stream,
    /// Of uncompressed sound and its like: bytes for so many samples.
    pub(super) packed: Option<(u32, u32)>,
}

/// How samples are made of parts, and so what can be left out of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Copied as they are.
    Opaque,
    /// NAL units of H.264, each behind so many bytes of length.
    Avc {
        length: u8,
    },
    /// The same of H.265.
    Hevc {
        length: u8,
    },
    Av1,
    /// MPEG-4 Visual.
    Mpeg4,
    ProRes,
    /// A JPEG file each.
    Jpeg,
    Aac,
}

/// What became of a sample entry.
pub(super) enum Told {
    Entry(Entry),
    /// No codec that is known here.
    Unknown,
    Encrypted,
}
