//! A frame of FLAC (RFC 9639 §9): read to its end, since nothing says how long it is.

use crate::clean::sound::crc::{FrameCrc, HeaderCrc};

/// A frame that is whole: its checksums are right, and its bits end where they should.
pub(super) struct Frame {
    /// Bytes of it.
    pub(super) length: usize,
    /// Samples of each channel.
    pub(super) samples: u32,
    /// Its number, or that of its first sample.
    pub(super) number: u64,
    /// Whether it counts samples and not frames.
    pub(super) variable: bool,
}

/// Why there is no frame.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum NoFrame {
    /// None begins here.
    Header,
    /// One begins and is broken.
    Broken,
    /// It is longer than what was given.
    Longer,
}

/// What a frame's header says.
struct Header {
    /// Bytes of it.
    length: usize,
    samples: u32,
    number: u64,
    variable: bool,
    channels: u32,
    /// The channel that has one bit more, as the difference of two.
    side: Option<u32>,
    bits: u32,
}

/// Reads the frame that `data` begins with; `bits` are those of a sample where the frame does not say.
pub(super) fn read(data: &[u8], bits: u32) -> Result<Frame, NoFrame> {
    let header = Header::read(data, bits)?;
    let mut reader = Bits { data, position: header.length * 8 };
    for channel in 0..header.channels {
        let bits = header.bits + u32::from(header.side == Some(channel));
        reader.subframe(header.samples, bits)?;
    }
    let fill = reader.position.next_multiple_of(8) - reader.position;
    if reader.take(fill)? != 0 {
        return Err(NoFrame::Broken);
    }
    let length = reader.position / 8 + 2;
    let frame = data.get(..length).ok_or(NoFrame::Longer)?;
    // with the checksum itself it comes to nothing
    if FrameCrc::of(frame).value() != 0 {
        return Err(NoFrame::Broken);
    }
    let Header { samples, number, variable, .. } = header;
    Ok(Frame { length, samples, number, variable })
}

impl Header {
    /// RFC 9639 §9.1.
    fn read(data: &[u8], bits: u32) -> Result<Self, NoFrame> {
        let mut reader = Bits { data, position: 0 };
        if reader.take(15)? != 0x7ffc {
            return Err(NoFrame::Header);
        }
        let variable = reader.take(1)? == 1;
        let (size, rate) = (reader.take(4)?, reader.take(4)?);
        let (channels, depth) = (reader.take(4)?, reader.take(3)?);
        if size == 0 || rate == 15 || reader.take(1)? != 0 {
            return Err(NoFrame::Header);
        }
        let number = reader.coded_number()?;
        let samples = match size {
            1 => 192,
            2..=5 => 144 << size,
            6 => reader.take(8)? + 1,
            7 => reader.take(16)? + 1,
            _ => 1 << size,
        };
        reader.skip(match rate {
            12 => 8,
            13 | 14 => 16,
            _ => 0,
        })?;
        let checksum = reader.take(8)?;
        let length = reader.position / 8;
        let covered = data.get(..length - 1).unwrap_or_default();
        if HeaderCrc::of(covered).value() >> 24 != checksum {
            return Err(NoFrame::Header);
        }
        let (channels, side) = match channels {
            0..=7 => (channels + 1, None),
            8 | 10 => (2, Some(1)),
            9 => (2, Some(0)),
            _ => return Err(NoFrame::Header),
        };
        let bits = match depth {
            0 => bits,
            1 => 8,
            2 => 12,
            4 => 16,
            5 => 20,
            6 => 24,
            7 => 32,
            _ => return Err(NoFrame::Header),
        };
        Ok(Self { length, samples, number, variable, channels, side, bits })
    }
}

/// Bits from the highest on.
struct Bits<'a> {
    data: &'a [u8],
    /// How many bits have been read.
    position: usize,
}

impl Bits<'_> {
    /// The next bits, the first one highest, and how many they are: at least 57, fewer only at the end.
    fn word(&self) -> Result<(u64, u32), NoFrame> {
        let rest = self.data.get(self.position / 8..).unwrap_or_default();
        let read = u32::try_from(self.position % 8).unwrap_or(0);
        if let Some(word) = rest.first_chunk::<8>() {
            return Ok((u64::from_be_bytes(*word) << read, 64 - read));
        }
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(rest) {
            *to = *from;
        }
        let there = u32::try_from(rest.len() * 8).unwrap_or(0);
        match there.checked_sub(read) {
            None | Some(0) => Err(NoFrame::Longer),
            Some(there) => Ok((u64::from_be_bytes(word) << read, there)),
        }
    }

    /// The next `count` bits, at most 32.
    fn take(&mut self, count: usize) -> Result<u32, NoFrame> {
        if count == 0 {
            return Ok(0);
        }
        let (word, there) = self.word()?;
        if (there as usize) < count {
            return Err(NoFrame::Longer);
        }
        self.position += count;
        Ok(u32::try_from(word >> (64 - count)).unwrap_or(0))
    }

    fn skip(&mut self, count: usize) -> Result<(), NoFrame> {
        self.position += count;
        if self.position > self.data.len() * 8 { Err(NoFrame::Longer) } else { Ok(()) }
    }

    /// Zeros up to a one: how many.
    fn unary(&mut self) -> Result<u32, NoFrame> {
        let mut count = 0_u32;
        loop {
            let (word, there) = self.word()?;
            let zeros = word.leading_zeros();
            if zeros < there {
                self.position += zeros as usize + 1;
                return Ok(count.saturating_add(zeros));
            }
            count = count.saturating_add(there);
            self.position += there as usize;
        }
    }

    /// RFC 9639 §9.1.5: as UTF-8, of up to 36 bits.
    fn coded_number(&mut self) -> Result<u64, NoFrame> {
        let first = self.take(8)?;
        let more = match first {
            0..=0x7f => return Ok(first.into()),
            0xc0..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf7 => 3,
            0xf8..=0xfb => 4,
            0xfc..=0xfd => 5,
            0xfe => 6,
            _ => return Err(NoFrame::Header),
        };
        let mut number = u64::from(first & (0x3f >> more));
        for _ in 0..more {
            let next = self.take(8)?;
            if next >> 6 != 2 {
                return Err(NoFrame::Header);
            }
            number = number << 6 | u64::from(next & 0x3f);
        }
        Ok(number)
    }

    /// RFC 9639 §9.2.
    fn subframe(&mut self, samples: u32, bits: u32) -> Result<(), NoFrame> {
        if self.take(1)? != 0 {
            return Err(NoFrame::Broken);
        }
        let kind = self.take(6)?;
        let wasted = if self.take(1)? == 1 { self.unary()?.saturating_add(1) } else { 0 };
        let bits = bits.checked_sub(wasted).filter(|&bits| bits > 0).ok_or(NoFrame::Broken)?;
        let (bits, count) = (bits as usize, samples as usize);
        match kind {
            0 => self.skip(bits),
            1 => self.skip(bits * count),
            8..=12 => {
                let order = kind - 8;
                self.skip(bits * order as usize)?;
                self.residual(samples, order)
            }
            32..=63 => {
                let order = kind - 31;
                self.skip(bits * order as usize)?;
                let precision = self.take(4)? + 1;
                if precision == 16 {
                    return Err(NoFrame::Broken);
                }
                self.skip(5 + (precision * order) as usize)?;
                self.residual(samples, order)
            }
            _ => Err(NoFrame::Broken),
        }
    }

    /// RFC 9639 §9.2.7.
    fn residual(&mut self, samples: u32, order: u32) -> Result<(), NoFrame> {
        let width = match self.take(2)? {
            0 => 4,
            1 => 5,
            _ => return Err(NoFrame::Broken),
        };
        let partitions = self.take(4)?;
        let each = samples >> partitions;
        if each << partitions != samples || each < order {
            return Err(NoFrame::Broken);
        }
        for partition in 0..1_u32 << partitions {
            let count = if partition == 0 { each - order } else { each };
            let parameter = self.take(width)?;
            if parameter == (1 << width) - 1 {
                let bits = self.take(5)?;
                self.skip((bits * count) as usize)?;
            } else {
                self.rice(count, parameter)?;
            }
        }
        Ok(())
    }

    /// Speed is decided here: `count` numbers, each of zeros, a one and `low` bits.
    fn rice(&mut self, count: u32, low: u32) -> Result<(), NoFrame> {
        let mut left = count;
        while left > 0 {
            let (mut word, there) = self.word()?;
            let mut unread = there;
            while left > 0 {
                let length = word.leading_zeros() + 1 + low;
                if length > unread || length > 63 {
                    break;
                }
                word <<= length;
                unread -= length;
                left -= 1;
            }
            self.position += (there - unread) as usize;
            if there == unread {
                // longer than a word
                self.unary()?;
                self.skip(low as usize)?;
                left -= 1;
            }
        }
        Ok(())
    }
}
