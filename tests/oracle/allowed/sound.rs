//! MP3, FLAC, Ogg, WAV, AIFF and AMR.

use super::Allowed;

pub(super) const ALLOWED: &[Allowed] = &[];
