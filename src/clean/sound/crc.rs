//! Checksums whose highest bit comes first, of up to 32 bits, eight bytes at a time.

/// The checksum so far, with the polynomial `POLY` in the highest bits. It begins with zeros and ends without inversion.
#[derive(Clone, Copy, Default)]
pub(super) struct Crc<const POLY: u32>(u32);

/// Of each frame of FLAC (RFC 9639 §9.3): 16 bits.
pub(super) type FrameCrc = Crc<0x8005_0000>;
/// Of each frame's header of FLAC (RFC 9639 §9.1.8): 8 bits.
pub(super) type HeaderCrc = Crc<0x0700_0000>;
/// Of each page of Ogg (RFC 3533 §6): 32 bits.
pub(super) type PageCrc = Crc<0x04c1_1db7>;

impl<const POLY: u32> Crc<POLY> {
    /// For each byte, what it becomes behind as many others as there are tables before its own.
    const TABLES: [[u32; 256]; 8] = tables(POLY);

    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut crc = Self::default();
        crc.update(bytes);
        crc
    }

    #[expect(clippy::indexing_slicing, reason = "a byte is below 256; the optimizer sees it")]
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let at = |table: usize, byte: u32| Self::TABLES[table][(byte & 0xff) as usize];
        let (eights, rest) = bytes.as_chunks::<8>();
        let mut crc = self.0;
        for eight in eights {
            let word = u64::from_be_bytes(*eight);
            let high = crc ^ high_half(word);
            let low = low_half(word);
            crc = at(7, high >> 24)
                ^ at(6, high >> 16)
                ^ at(5, high >> 8)
                ^ at(4, high)
                ^ at(3, low >> 24)
                ^ at(2, low >> 16)
                ^ at(1, low >> 8)
                ^ at(0, low);
        }
        for &byte in rest {
            crc = crc << 8 ^ at(0, crc >> 24 ^ u32::from(byte));
        }
        self.0 = crc;
    }

    /// The same with the highest `count` bits of `byte`, at most 8.
    pub(super) fn update_bits(&mut self, byte: u8, count: usize) {
        for bit in (0..8).rev().take(count) {
            let carry = self.0 >> 31 ^ u32::from(byte >> bit & 1);
            self.0 = (self.0 << 1) ^ (POLY * carry);
        }
    }

    /// The checksum, in the highest bits.
    pub(super) const fn value(self) -> u32 {
        self.0
    }
}

fn high_half(word: u64) -> u32 {
    u32::try_from(word >> 32).unwrap_or(0)
}

fn low_half(word: u64) -> u32 {
    u32::try_from(word & 0xffff_ffff).unwrap_or(0)
}

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler; a byte is below 256"
)]
const fn tables(poly: u32) -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc >> 31 == 1 { crc << 1 ^ poly } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before << 8 ^ tables[0][(before >> 24) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // the catalogue's check values: CRC-16/UMTS, CRC-8/SMBUS, and CRC-32/MPEG-2 without its beginning
        assert_eq!(FrameCrc::of(b"123456789").value() >> 16, 0xfee8);
        let mut bits = FrameCrc::of(b"12345678");
        bits.update_bits(b'9', 3);
        bits.update_bits(b'9' << 3, 5);
        assert_eq!(bits.value() >> 16, 0xfee8);
        assert_eq!(HeaderCrc::of(b"123456789").value() >> 24, 0xf4);
        assert_eq!(PageCrc::of(b"123456789").value(), 0x89a1_897f);
    }
}
