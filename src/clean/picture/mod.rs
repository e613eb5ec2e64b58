//! Pictures, one file per kind, and EXIF, which several of them carry.

pub(super) mod exif;
pub(super) mod gif;
pub(super) mod jpeg;
mod lzw;
pub(super) mod png;
pub(super) mod tiff;
pub(super) mod webp;
