//! A frame's header and the part of its side information that says where its main data lie (ISO/IEC 11172-3 §2.4.1,
//! ISO/IEC 13818-3; version 2.5 is Fraunhofer's).

/// Kilobits per second by the index in the header; the first means a free format.
const RATES: [[u32; 15]; 3] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// The longest frame: 8 kHz at 160 kbit/s in layer II, with its slot of padding.
pub(super) const LONGEST: usize = 144 * 160_000 / 8000 + 1;

/// The header of a frame of layer III or II.
#[derive(Clone, Copy)]
pub(super) struct Header {
    word: u32,
    /// Kilobits and samples per second.
    rate: u32,
    samples: u32,
    /// The whole frame in bytes; 0 in the free format.
    pub(super) length: usize,
}

impl Header {
    /// The header that `bytes` begin with, also of a free format.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let word = u32::from_be_bytes(*bytes.first_chunk::<4>()?);
        let mut header = Self { word, rate: 0, samples: 0, length: 0 };
        let field = |shift: u32, bits: u32| word >> shift & ((1 << bits) - 1);
        let (version, layer) = (field(19, 2), field(17, 2));
        if field(21, 11) != 0x7ff || version == 1 || !matches!(layer, 1 | 2) {
            return None;
        }
        let table = match (version, layer) {
            (3, 1) => 0,
            (3, _) => 1,
            _ => 2,
        };
        let rate = RATES.get(table)?.get(field(12, 4) as usize)?;
        let samples = [44_100, 48_000, 32_000].get(field(10, 2) as usize)?;
        // half of it in version 2, a quarter in 2.5
        let samples = samples >> [2, 0, 1, 0].get(version as usize)?;
        let slots = if layer == 1 && version != 3 { 72 } else { 144 };
        (header.rate, header.samples) = (*rate, samples);
        if *rate > 0 {
            header.length = (slots * rate * 1000 / samples + field(9, 1)) as usize;
        }
        Some(header)
    }

    /// Whether frames of both may follow each other: the same version, layer and sampling rate.
    pub(super) const fn like(self, other: Self) -> bool {
        (self.word ^ other.word) & 0xfffe_0c00 == 0
    }

    pub(super) const fn is_free(self) -> bool {
        self.length == 0
    }

    pub(super) const fn is_layer3(self) -> bool {
        self.word >> 17 & 3 == 1
    }

    pub(super) const fn is_version1(self) -> bool {
        self.word >> 19 & 3 == 3
    }

    pub(super) const fn is_mono(self) -> bool {
        self.word >> 6 & 3 == 3
    }

    /// The four bytes, as of a frame without a checksum.
    pub(super) const fn unprotected(self) -> [u8; 4] {
        (self.word | 1 << 16).to_be_bytes()
    }

    /// Whether the frame has a checksum.
    pub(super) const fn is_protected(self) -> bool {
        self.word >> 16 & 1 == 0
    }

    /// Kilobits per second.
    pub(super) const fn kilobits(self) -> u32 {
        self.rate
    }

    /// Samples per second.
    pub(super) const fn sampling(self) -> u32 {
        self.samples
    }

    /// In layer II, the first subband of which both channels share their bits.
    pub(super) const fn bound(self) -> usize {
        match (self.word >> 6 & 3, self.word >> 4 & 3) {
            (1, 0) => 4,
            (1, 1) => 8,
            (1, 2) => 12,
            (1, _) => 16,
            _ => 32,
        }
    }

    /// Bytes of header and checksum.
    const fn head(self) -> usize {
        if self.is_protected() { 6 } else { 4 }
    }

    /// Bytes of layer III's side information.
    pub(super) const fn side(self) -> usize {
        match (self.is_version1(), self.is_mono()) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        }
    }

    /// Where a frame's main data begin.
    pub(super) const fn body(self) -> usize {
        self.head() + self.side()
    }

    /// What the side information says of a `frame` of layer III.
    pub(super) fn main_data(self, frame: &[u8]) -> Option<MainData> {
        let side = frame.get(self.head()..self.body())?;
        // main_data_begin, private bits and scfsi; then granules of 59 or 63 bits, the length first in each
        let (begin, skip, granules, size) = match (self.is_version1(), self.is_mono()) {
            (true, false) => (9, 20, 4, 59),
            (true, true) => (9, 18, 2, 59),
            (false, false) => (8, 10, 2, 63),
            (false, true) => (8, 9, 1, 63),
        };
        let lengths = (0..granules).map(|granule| bits(side, skip + granule * size, 12));
        let total: u32 = lengths.sum();
        Some(MainData {
            begin: u64::from(bits(side, 0, begin)),
            bytes: u64::from(total.div_ceil(8)),
        })
    }
}

/// Where a frame's main data lie among the main data of all frames, put together (§2.4.2.7).
pub(super) struct MainData {
    /// How many bytes before the frame's own.
    pub(super) begin: u64,
    /// How many bytes.
    pub(super) bytes: u64,
}

/// At most 16 bits from the bit `at` on.
pub(super) fn bits(bytes: &[u8], at: usize, count: u32) -> u32 {
    let byte = |index: usize| u32::from(bytes.get(at / 8 + index).copied().unwrap_or(0));
    let word = byte(0) << 16 | byte(1) << 8 | byte(2);
    // at % 8 is below 8
    let shifted = word << (8 + at % 8);
    shifted >> (32 - count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_frames() {
        for (bytes, length) in [
            ([0xff, 0xfb, 0x90, 0x00], Some(417)),
            ([0xff, 0xfb, 0x92, 0x00], Some(418)),
            ([0xff, 0xfb, 0x58, 0xc4], Some(288)),
            ([0xff, 0xf3, 0x84, 0xc4], Some(192)),
            ([0xff, 0xe3, 0x18, 0xc4], Some(72)),
            ([0xff, 0xfd, 0x84, 0x00], Some(384)),
            ([0xff, 0xf5, 0xe8, 0x00], Some(1440)),
            ([0xff, 0xfb, 0x00, 0x00], Some(0)),
            ([0xff, 0xfb, 0xf0, 0x00], None),
            ([0xff, 0xfb, 0x9c, 0x00], None),
            ([0xff, 0xeb, 0x90, 0x00], None),
            ([0xff, 0xff, 0x90, 0x00], None),
            ([0xff, 0xf1, 0x90, 0x00], None),
        ] {
            assert_eq!(Header::read(&bytes).map(|header| header.length), length, "{bytes:x?}");
        }
    }

    #[test]
    fn side_information_is_read_by_bits() {
        let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
        // main_data_begin 511, private 0, scfsi 0, part2_3_length 4095, then 47 bits, and so on
        frame.extend([0xff, 0x80, 0x0f, 0xff]);
        frame.extend([0; 28]);
        let main = Header::read(&frame).unwrap().main_data(&frame).unwrap();
        assert_eq!((main.begin, main.bytes), (511, 512));
    }
}
