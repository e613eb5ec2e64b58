//! What a file may cost.

/// Bounds that are counted while working, never believed from a file's own header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest JPEG or PNG in bytes; 256 MiB by default.
    pub picture_bytes: u64,
    /// The most pixels of a picture; 2^28 by default (a phone's largest have 2·10^8). It bounds the work of inflating
    /// a PNG, whose data may be a thousand times smaller than its picture.
    pub pixels: u64,
    /// The most segments or chunks of one file; 262,144 by default.
    pub parts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { picture_bytes: 256 << 20, pixels: 1 << 28, parts: 1 << 18 }
    }
}
