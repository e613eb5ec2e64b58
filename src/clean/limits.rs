//! What a file may cost.

/// Bounds that are counted while working, never believed from a file's own header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest picture in bytes; 256 MiB by default.
    pub picture_bytes: u64,
    /// The largest document (PDF, office, book, archive) in bytes; 128 MiB by default. These are worked on in memory.
    pub document_bytes: u64,
    /// The most pixels of a picture; 2^28 by default (a phone's largest have 2·10^8). It bounds the work of inflating
    /// a PNG, whose data may be a thousand times smaller than its picture.
    pub pixels: u64,
    /// The most segments, chunks, boxes or XML elements of one file; 2^22 by default.
    pub parts: u32,
    /// The most bytes that all inflating of one file and of the files in it may make; 1 GiB by default.
    pub inflated: u64,
    /// The most members of archives, parts of documents and objects of a PDF; 2^18 by default.
    pub members: u32,
    /// How deep files may lie in files; 4 by default.
    pub depth: u32,
    /// How deep XML elements, boxes, or a PDF's arrays and dictionaries may lie in each other; 128 by default.
    pub nesting: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            picture_bytes: 256 << 20,
            document_bytes: 128 << 20,
            pixels: 1 << 28,
            parts: 1 << 22,
            inflated: 1 << 30,
            members: 1 << 18,
            depth: 4,
            nesting: 128,
        }
    }
}
