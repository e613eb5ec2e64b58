//! The first frame that holds no sound but says how much of it follows: Xing's, LAME's ("Info") and Fraunhofer's
//! ("VBRI"). Players need from it how many frames and bytes there are, where to seek, and how many samples at both ends
//! the encoder has put there; the rest tells encoders and their settings apart.

use super::header::Header;

/// Before the tag in the frame, if it is Fraunhofer's.
const VBRI: usize = 36;
/// Bytes of `Xing`, flags, frames, bytes, 100 bytes of table and quality.
const XING: usize = 4 + 4 + 4 + 4 + 100 + 4;
/// Bytes of LAME's extension.
const LAME: usize = 36;

/// What is kept of such a frame.
#[derive(Clone, Copy, Default)]
pub(super) struct Info {
    /// Whether the rate of bits is constant.
    constant: bool,
    /// How many frames follow, if it says.
    frames: Option<u32>,
    /// Samples before the sound and behind it: twelve bits each.
    gaps: Option<(u16, u16)>,
    /// Whether it names the program that made it.
    pub(super) names_encoder: bool,
}

impl Info {
    /// What `frame` says, if it is such a frame.
    pub(super) fn read(header: Header, frame: &[u8]) -> Option<Self> {
        if frame.get(VBRI..)?.starts_with(b"VBRI") {
            return Some(Self { names_encoder: true, ..Self::default() });
        }
        // players look here whether or not the frame has a checksum
        let tag = frame.get(4 + header.side()..)?;
        let constant = tag.starts_with(b"Info");
        if !constant && !tag.starts_with(b"Xing") {
            return None;
        }
        let flags = number(tag, 4)?;
        let frames = if flags & 1 != 0 { number(tag, 8) } else { None };
        let bytes =
            if flags & 2 != 0 { number(tag, if flags & 1 != 0 { 12 } else { 8 }) } else { None };
        if frames.unwrap_or(0) == 0 && bytes.unwrap_or(0) == 0 {
            // players take it for sound, of which it has none
            return None;
        }
        let sizes = [(1, 4), (2, 4), (4, 100), (8, 4)];
        let extension: usize =
            sizes.iter().filter(|(bit, _)| flags & bit != 0).map(|row| row.1).sum();
        let lame = tag.get(8 + extension..).unwrap_or_default();
        let names_encoder = lame.get(..9).is_some_and(|name| name != NAME && name != [0; 9]);
        // players believe these three only
        let known = [b"LAME", b"Lavf", b"Lavc"].iter().any(|name| lame.starts_with(*name));
        let gaps = lame.get(21..24).filter(|_| known).map(|gaps| {
            let value = gaps.iter().fold(0_u32, |value, &byte| value << 8 | u32::from(byte));
            (twelve_bits(value >> 12), twelve_bits(value))
        });
        Some(Self { constant, frames, gaps, names_encoder })
    }

    /// The frame written anew, of the same length; none if it is too short to hold anything.
    pub(super) fn write(self, header: Header, sound: &Sound) -> Vec<u8> {
        let room = header.length.saturating_sub(4 + header.side());
        let mut frame = header.unprotected().to_vec();
        frame.resize(4 + header.side(), 0);
        let whole = room >= XING;
        if room < 16 {
            return Vec::new();
        }
        frame.extend(if self.constant { b"Info" } else { b"Xing" });
        frame.extend(if whole { [0, 0, 0, 15] } else { [0, 0, 0, 3] });
        let bytes = sound.bytes.saturating_add(header.length as u64);
        frame.extend(count(sound.frames).to_be_bytes());
        frame.extend(count(bytes).to_be_bytes());
        if whole {
            frame.extend(sound.table(header.length as u64));
            frame.extend([0; 4]);
        }
        if let (Some((before, after)), true) = (self.gaps, room >= XING + LAME) {
            // the samples behind the sound are counted from its last frame: of another number of frames they are others
            let same = self.frames.map(u64::from) == Some(sound.frames);
            let gaps = u32::from(before) << 12 | u32::from(if same { after } else { 0 });
            frame.extend(NAME);
            frame.extend([0; 12]);
            frame.extend(gaps.to_be_bytes().get(1..).unwrap_or_default());
            frame.extend([0; 4]);
            frame.extend(count(bytes).to_be_bytes());
            frame.extend([0; 2]);
            frame.extend(checksum(&frame).to_be_bytes());
        }
        frame.resize(header.length, 0);
        frame
    }
}

/// What players look for before they believe in the two gaps; no version.
const NAME: &[u8; 9] = b"LAME\0\0\0\0\0";

/// Where frames begin in the sound, of so few of them that it needs no more memory for a longer one.
pub(super) struct Sound {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// Where each `step`-th frame begins.
    starts: Vec<u64>,
    step: u64,
}

impl Sound {
    /// How many starts of frames are kept at most.
    const STARTS: usize = 1 << 12;

    pub(super) const fn new() -> Self {
        Self { frames: 0, bytes: 0, starts: Vec::new(), step: 1 }
    }

    /// One more frame.
    pub(super) fn add(&mut self, length: u64) {
        if self.frames.is_multiple_of(self.step) {
            if self.starts.len() == Self::STARTS {
                let mut index = 0_u32;
                self.starts.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.step *= 2;
            }
            if self.frames.is_multiple_of(self.step) {
                self.starts.push(self.bytes);
            }
        }
        self.frames += 1;
        self.bytes += length;
    }

    /// For each hundredth of the time, its place in 256ths of the bytes, `before` of which lie before the first frame.
    fn table(&self, before: u64) -> Vec<u8> {
        let total = (self.bytes + before).max(1);
        let place = |hundredth: u64| {
            let frame = hundredth * self.frames / 100 / self.step;
            let start = usize::try_from(frame).ok().and_then(|frame| self.starts.get(frame));
            let start = start.map_or(self.bytes, |start| *start) + before;
            u8::try_from(start * 256 / total).unwrap_or(u8::MAX)
        };
        (0..100).map(place).collect()
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// A number that is too large for its field is not said.
fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn twelve_bits(value: u32) -> u16 {
    u16::try_from(value & 0xfff).unwrap_or(0)
}

/// CRC-16 with the reflected polynomial A001, as LAME's tag ends with one.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(
            crc ^ u16::from(byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 }
            },
        )
    })
}
