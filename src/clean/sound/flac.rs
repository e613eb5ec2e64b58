//! FLAC (RFC 9639).
//!
//! | part | what becomes of it |
//! |---|---|
//! | `fLaC` and the STREAMINFO block | written anew: rate, channels and bits of a sample from the file, sizes and the number of samples counted; the MD5 of the samples becomes zeros, which means that it is not known |
//! | all other blocks: comments, pictures, cue sheets, seek tables, applications, padding | dropped |
//! | ID3 and other tags before and behind | dropped |
//! | frames | copied once read to the last bit, with both checksums right |
//! | everything else, between frames and behind the last | dropped |
//!
//! The MD5 is of the sound as it was before it was coded. Nothing decodes by it, and nobody can say without decoding
//! whether it is one: sixteen bytes of anything else could stand there.
//!
//! A frame that is broken is left out; players are silent in its place or leave it out too. A file with many of them is
//! refused. How the sound is coded tells encoders apart: sizes of blocks, predictors, orders. A file that was cut out of
//! a stream keeps the numbers of its frames.
//!
//! Not detected: what hides in the samples.

mod frame;

use std::{
    collections::BTreeSet,
    io::{self, Read, Seek},
};

use self::frame::{Frame, NoFrame};
use super::{comments, tags};
use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains, input::Input, replay::Pieces, work::Work,
};

/// How much is read ahead: more than most frames.
const AHEAD: usize = 256 << 10;
/// The longest frame: eight channels of 65,536 samples of 33 bits, and some bytes for each.
const LONGEST: usize = 8 * (65_536 * 33 / 8 + 64);
/// How often the sound may break off before a file is refused.
const BREAKS: u32 = 64;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    _kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let mut found = BTreeSet::new();
    let end = input.len();
    tags::skip_leading(input, end, &mut found)?;
    input.consume(4);
    let info = blocks(input, work, &mut found)?.ok_or_else(damaged)?;
    let start = input.position();
    let end = tags::before_trailing(input, start, end, &mut found)?;
    input.seek(start)?;
    let mut flac = Flac::new(input, end, u32::from(info.bits), found);
    while flac.step()? {}
    flac.finish(&info)
}

fn damaged() -> CleanError {
    Refusal::Damaged { kind: Kind::Flac }.into()
}

/// What is kept of STREAMINFO (§8.2).
pub(super) struct StreamInfo {
    /// Rate in 20 bits, channels less one in 3, bits of a sample less one in 5, and four bits that are not its own.
    format: u32,
    bits: u8,
    /// The least and the most samples of a frame, as it says.
    blocks: (u16, u16),
}

impl StreamInfo {
    /// Reads the payload of the block.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let format =
            payload.get(10..)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))?;
        let bits = u8::try_from((format >> 4 & 31) + 1).ok()?;
        let [least, most] = payload.first_chunk::<4>()?.as_chunks::<2>().0 else { return None };
        let blocks = (u16::from_be_bytes(*least), u16::from_be_bytes(*most));
        (payload.len() == 34 && bits >= 4 && format >> 12 > 0).then_some(Self {
            format,
            bits,
            blocks,
        })
    }

    /// The payload written anew for frames that are not counted.
    pub(super) fn write_uncounted(&self) -> Vec<u8> {
        let blocks = (self.blocks.0.into(), self.blocks.1.into());
        self.write(&Counted { blocks, ..Counted::default() })
    }

    /// The payload written anew.
    fn write(&self, counted: &Counted) -> Vec<u8> {
        // the least that a block may have, even if the only one has less
        let block = |samples: u32| u16::try_from(samples.max(16)).unwrap_or(u16::MAX).to_be_bytes();
        let size = |bytes: u32| bytes.min(0xff_ffff).to_be_bytes();
        let samples = counted.samples & 0xf_ffff_ffff;
        let format = u64::from(self.format >> 4) << 36 | samples;
        let mut payload = Vec::new();
        payload.extend(block(counted.blocks.0));
        payload.extend(block(counted.blocks.1));
        payload.extend(size(counted.frames.0).get(1..).unwrap_or_default());
        payload.extend(size(counted.frames.1).get(1..).unwrap_or_default());
        payload.extend(format.to_be_bytes());
        payload.extend([0; 16]);
        payload
    }
}

/// What is counted over all frames; zeros mean that it is not known.
#[derive(Default)]
struct Counted {
    /// The least and the most samples of a frame; the last one does not count for the least.
    blocks: (u32, u32),
    /// The least and the most bytes of a frame.
    frames: (u32, u32),
    samples: u64,
    last: u32,
}

impl Counted {
    fn add(&mut self, samples: u32, bytes: u32) {
        let (first, last) = (self.samples == 0, self.last);
        let least = match (first, self.blocks.0) {
            (true, _) => samples,
            // until now only the first frame was there
            (false, least) => least.min(last),
        };
        self.blocks = (least, self.blocks.1.max(samples));
        self.frames =
            (if first { bytes } else { self.frames.0.min(bytes) }, self.frames.1.max(bytes));
        self.samples += u64::from(samples);
        self.last = samples;
    }
}

/// Goes through the metadata blocks (§8).
fn blocks<R: Read + Seek>(
    input: &mut Input<'_, R>,
    work: &Work<'_>,
    found: &mut BTreeSet<Found>,
) -> Result<Option<StreamInfo>, CleanError> {
    let mut info = None;
    for _ in 0..work.limits().parts {
        let Some([kind, size @ ..]) = input.take::<4>()? else {
            break;
        };
        let size = size.iter().fold(0, |size, &byte| size << 8 | u64::from(byte));
        match kind & 0x7f {
            0 => {
                let payload = input.window(34)?.get(..34).filter(|_| size == 34);
                info = info.or(payload.and_then(StreamInfo::read));
            }
            // padding
            1 => {}
            2 => {
                found.insert(Found::Other);
            }
            // a seek table says nothing that the frames do not
            3 => {}
            4 => {
                let length = usize::try_from(size).unwrap_or(usize::MAX).min(AHEAD / 4);
                let comments = input.window(length)?;
                comments::tell(comments.get(..length).unwrap_or(comments), found);
            }
            5 => {
                found.insert(Found::Identifier);
            }
            6 => {
                found.insert(Found::Preview);
            }
            _ => {
                found.insert(Found::Other);
            }
        }
        input.skip(size)?;
        if kind & 0x80 != 0 {
            break;
        }
    }
    Ok(info)
}

/// The frames.
struct Flac<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    end: u64,
    /// What has been read and not yet left behind is `buffer[start..]`, which begins at `position` in the file.
    buffer: Vec<u8>,
    start: usize,
    position: u64,
    /// Bits of a sample where a frame does not say.
    bits: u32,
    found: BTreeSet<Found>,
    pieces: Pieces,
    counted: Counted,
    /// The number that the next frame has.
    next: Option<u64>,
    breaks: u32,
    garbage: bool,
}

impl<'a, 'b, R: Read + Seek> Flac<'a, 'b, R> {
    fn new(input: &'a mut Input<'b, R>, end: u64, bits: u32, found: BTreeSet<Found>) -> Self {
        let position = input.position();
        Self {
            input,
            end,
            buffer: Vec::new(),
            start: 0,
            position,
            bits,
            found,
            pieces: Pieces::default(),
            counted: Counted::default(),
            next: None,
            breaks: 0,
            garbage: false,
        }
    }

    /// Takes a frame, or goes to where the next may begin; false at the end.
    fn step(&mut self) -> Result<bool, CleanError> {
        let mut wanted = AHEAD / 2;
        loop {
            let whole = self.fill(wanted)?;
            let data = self.buffer.get(self.start..).unwrap_or_default();
            if data.is_empty() {
                return Ok(false);
            }
            match frame::read(data, self.bits) {
                Ok(frame) => self.take(&frame)?,
                Err(NoFrame::Longer) if whole && wanted < LONGEST => {
                    wanted *= 2;
                    continue;
                }
                Err(NoFrame::Header) => self.leave_behind(),
                Err(NoFrame::Broken | NoFrame::Longer) => {
                    self.broken()?;
                    self.leave_behind();
                }
            }
            return Ok(true);
        }
    }

    /// Keeps a frame.
    fn take(&mut self, frame: &Frame) -> Result<(), CleanError> {
        match self.next {
            Some(next) if frame.number < next => {
                // players would go back in time
                self.broken()?;
                self.leave_behind();
                return Ok(());
            }
            Some(next) if frame.number > next => self.broken()?,
            _ => {}
        }
        let step = if frame.variable { u64::from(frame.samples) } else { 1 };
        self.next = Some(frame.number.saturating_add(step));
        self.counted.add(frame.samples, u32::try_from(frame.length).unwrap_or(u32::MAX));
        if std::mem::take(&mut self.garbage) {
            self.found.insert(Found::Other);
        }
        let end = self.position + frame.length as u64;
        let copied = self.pieces.copy(self.position, end);
        copied.map_err(|_| Refusal::TooLarge { kind: Kind::Flac })?;
        self.consume(frame.length);
        Ok(())
    }

    /// Counts a place where the sound breaks off.
    fn broken(&mut self) -> Result<(), CleanError> {
        self.breaks += 1;
        if self.breaks > BREAKS { Err(damaged()) } else { Ok(()) }
    }

    /// Goes to the next byte with which a frame may begin.
    fn leave_behind(&mut self) {
        let data = self.buffer.get(self.start..).unwrap_or_default();
        let rest = data.get(1..).unwrap_or_default();
        let next = memchr::memchr(0xff, rest).map_or(data.len(), |at| at + 1);
        self.garbage |= data.get(..next).is_some_and(|bytes| bytes.iter().any(|&byte| byte != 0));
        self.consume(next);
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.position += count as u64;
    }

    /// Makes `wanted` bytes ready; false if the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.buffer.len() - self.start >= wanted {
            return Ok(true);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        while self.buffer.len() < wanted.max(AHEAD) {
            let left = self.end.saturating_sub(self.input.position());
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let window = self.input.window(1)?;
            let window = window.get(..left).unwrap_or(window);
            let read = window.len();
            self.buffer.extend_from_slice(window);
            self.input.consume(read);
            if read == 0 {
                break;
            }
        }
        Ok(self.buffer.len() >= wanted)
    }

    fn finish(mut self, info: &StreamInfo) -> Result<Cleaned, CleanError> {
        if self.counted.samples == 0 {
            return Err(damaged());
        }
        if self.garbage {
            self.found.insert(Found::Trailing);
        }
        let mut pieces = Pieces::default();
        // the last block, of type 0 and 34 bytes
        let head = [b"fLaC\x80\0\0\x22".as_slice(), &info.write(&self.counted)].concat();
        pieces.literal(&head).map_err(|_| damaged())?;
        pieces.append(self.pieces);
        Ok(Cleaned::new(Kind::Flac, self.found, [Remains::Sound], pieces))
    }
}

#[cfg(test)]
mod tests;
