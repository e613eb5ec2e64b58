//! Recordings, one file per kind.

pub(super) mod aiff;
pub(super) mod amr;
mod behind;
mod comments;
mod crc;
pub(super) mod flac;
pub(super) mod mp3;
pub(super) mod ogg;
pub(super) mod tags;
pub(super) mod wav;
