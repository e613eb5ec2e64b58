//! The first bytes of WebP's bitstreams, held to what decoders take.

/// What the header of a `VP8 ` or `VP8L` chunk says.
pub(super) struct Header {
    /// Width and height in pixels.
    pub(super) size: [u32; 2],
    pub(super) lossless: bool,
    /// Whether the bitstream itself holds transparency.
    pub(super) transparent: bool,
    /// The header, written anew.
    pub(super) anew: Vec<u8>,
}

impl Header {
    /// A key frame's tag, start code and size (RFC 6386 §9.1) in `len` bytes of data.
    pub(super) fn lossy(head: &[u8], len: u64) -> Option<Self> {
        let &[t0, t1, t2, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = head else {
            return None;
        };
        let tag = u32::from_le_bytes([t0, t1, t2, 0]);
        let (inter, version, shown, first) = (tag & 1, tag >> 1 & 7, tag >> 4 & 1, tag >> 5);
        // the two upper bits are a hint how to scale, which nobody follows
        let (w1, h1) = (w1 & 0x3f, h1 & 0x3f);
        let size = [u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1])].map(u32::from);
        let sane = inter == 0 && version <= 3 && shown == 1 && !size.contains(&0);
        // the first partition must leave room for another
        let fits = u64::from(first) + 10 < len;
        (sane && fits).then(|| Self {
            size,
            lossless: false,
            transparent: false,
            anew: vec![t0, t1, t2, 0x9d, 0x01, 0x2a, w0, w1, h0, h1],
        })
    }

    /// RFC 9649 §3.4: a signature, two times 14 bits of size less one, the hint that alpha is used, version 0.
    pub(super) fn lossless(head: &[u8]) -> Option<Self> {
        let &[0x2f, b0, b1, b2, b3, ..] = head else {
            return None;
        };
        let bits = u32::from_le_bytes([b0, b1, b2, b3]);
        (bits >> 29 == 0).then(|| Self {
            size: [(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1],
            lossless: true,
            transparent: bits >> 28 & 1 == 1,
            anew: vec![0x2f, b0, b1, b2, b3],
        })
    }
}

/// What the header of an `ALPH` chunk says (RFC 9649 §2.7.1.2).
pub(super) struct Alpha {
    /// The header, written anew without its reserved bits.
    pub(super) header: u8,
}

impl Alpha {
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        let &[header, _, ..] = head else {
            return None;
        };
        let (preprocessing, compression) = (header >> 4 & 3, header & 3);
        (preprocessing <= 1 && compression <= 1).then_some(Self { header: header & 0x3f })
    }

    /// How many of the chunk's `len` bytes belong to a picture of `size`; None if they are too few.
    pub(super) fn len(&self, len: u64, [width, height]: [u32; 2]) -> Option<u64> {
        if self.header & 3 == 1 {
            return Some(len);
        }
        let needed = u64::from(width) * u64::from(height) + 1;
        (needed <= len).then_some(needed)
    }
}
