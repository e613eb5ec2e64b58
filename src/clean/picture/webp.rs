//! WebP (RFC 9649): the bitstreams stay, the container around them is written anew.
//!
//! | chunk | what becomes of it |
//! |---|---|
//! | RIFF header | written anew with the right size |
//! | `VP8X` | written anew where it is needed: its flags and the size of its canvas say what the file then holds |
//! | `VP8 ` | copied behind its frame header, which is checked and written anew without scaling hints |
//! | `VP8L` | copied once its header is checked |
//! | `ALPH` | copied behind its header, which is checked; dropped beside `VP8L`; uncompressed it is cut to its size |
//! | `ANIM` | written anew: background colour and loop count |
//! | `ANMF` | written anew: place, size, duration, blending and disposal; of its chunks only the picture's |
//! | `EXIF` | written anew with its orientation only, and only if that is not upright |
//! | `ICCP`, `XMP `, every other | dropped |
//! | everything after the RIFF chunk | dropped |
//!
//! A RIFF size beyond the file's end means the end; one that cuts a chunk apart does not cut it. Of an animation that
//! ends early its whole frames stay. A still picture that is not whole is refused, as decoders do.
//!
//! Not detected: bytes behind the end of a bitstream within its own chunk. The last partition of `VP8 `, `VP8L` and a
//! compressed `ALPH` do not tell their length; finding their ends means decoding them. No encoder writes any.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use super::exif::{self, Orientation};
use crate::clean::{
    CleanError, Cleaned, Found, Kind, Limits, Refusal, Remains,
    input::Input,
    replay::{Pieces, TooManyPieces},
    traces,
    work::Work,
};
use bitstream::{Alpha, Header};

mod bitstream;

/// How much of a chunk is looked at to tell what it holds.
const PEEK: usize = 64 << 10;
/// What a JPEG has in front of EXIF, and some writers keep: some viewers turn the picture only with it, others without.
const JPEG_PREFIX: &[u8] = b"Exif\0\0";
/// Flags of `VP8X` (RFC 9649 §2.7.1).
const ALPHA: u8 = 0x10;
const EXIF: u8 = 0x08;
const ANIMATION: u8 = 0x02;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    _kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let limits = work.limits();
    // the kind was told by `RIFF` and `WEBP`
    let Some([_, _, _, _, s0, s1, s2, s3, ..]) = input.take::<12>()? else {
        return Err(damaged());
    };
    let size = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
    // writers that stream leave the size empty
    let end = if size == 0 { input.len() } else { input.len().min(size + 8) };
    let mut webp = Webp::new(input, limits);
    while webp.input.position() < end && webp.chunk()? == Flow::On {}
    webp.finish()
}

fn damaged() -> CleanError {
    Refusal::Damaged { kind: Kind::Webp }.into()
}

fn too_large(_: TooManyPieces) -> CleanError {
    Refusal::TooLarge { kind: Kind::Webp }.into()
}

/// Whether there is more to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

/// A chunk's name, and where its data lies.
#[derive(Clone, Copy)]
struct Chunk {
    name: [u8; 4],
    from: u64,
    to: u64,
}

impl Chunk {
    /// Where the next chunk begins: data of an odd length is padded.
    const fn end(self) -> u64 {
        self.to + (self.to - self.from) % 2
    }
}

/// The chunks of one picture: a still one, or a frame.
#[derive(Default)]
struct Picture {
    alpha: Option<(Alpha, Chunk)>,
    image: Option<(Header, Chunk)>,
}

struct Webp<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    limits: &'a Limits,
    parts: u32,
    found: BTreeSet<Found>,
    /// The flags of `VP8X` and the size of its canvas.
    extended: Option<(u8, [u32; 2])>,
    /// Behind which prefix it stood, and the orientation.
    orientation: Option<(&'static [u8], Orientation)>,
    still: Picture,
    /// Background colour and loop count.
    animation: Option<[u8; 6]>,
    /// The `ANMF` chunks, and whether any of them has transparent pixels.
    frames: Pieces,
    transparent_frames: bool,
}

impl<'a, 'b, R: Read + Seek> Webp<'a, 'b, R> {
    fn new(input: &'a mut Input<'b, R>, limits: &'a Limits) -> Self {
        Self {
            input,
            limits,
            parts: 0,
            found: BTreeSet::new(),
            extended: None,
            orientation: None,
            still: Picture::default(),
            animation: None,
            frames: Pieces::default(),
            transparent_frames: false,
        }
    }

    /// Reads the next chunk of the file.
    fn chunk(&mut self) -> Result<Flow, CleanError> {
        let Some(chunk) = self.chunk_header(self.input.len())? else {
            return self.broken();
        };
        match &chunk.name {
            b"VP8X" if self.extended.is_none() => self.extended(chunk)?,
            b"ALPH" | b"VP8 " | b"VP8L" => {
                let mut still = std::mem::take(&mut self.still);
                let taken = self.part_of(&mut still, chunk)?;
                self.still = still;
                if !taken {
                    return self.broken();
                }
            }
            b"ANIM" if self.animation.is_none() => {
                self.animation = self.input.take::<6>()?.filter(|_| chunk.to - chunk.from >= 6);
            }
            b"ANMF" => {
                if !self.frame(chunk)? {
                    return self.broken();
                }
            }
            _ => self.dropped(chunk)?,
        }
        self.input.seek(chunk.end())?;
        Ok(Flow::On)
    }

    /// Ends the file here: decoders show what came before, if that was a whole picture.
    fn broken(&mut self) -> Result<Flow, CleanError> {
        let shows = self.still.image.is_some() || self.frames.len() > 0;
        if !shows {
            return Err(damaged());
        }
        self.found.insert(Found::Other);
        Ok(Flow::End)
    }

    /// Goes behind a chunk's name and length; None if the data does not end before `end`.
    fn chunk_header(&mut self, end: u64) -> Result<Option<Chunk>, CleanError> {
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(Refusal::TooLarge { kind: Kind::Webp }.into());
        }
        let Some([n0, n1, n2, n3, s0, s1, s2, s3]) = self.input.take::<8>()? else {
            return Ok(None);
        };
        let from = self.input.position();
        let to = from + u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
        Ok((to <= end).then_some(Chunk { name: [n0, n1, n2, n3], from, to }))
    }

    /// `VP8X`: four bytes of flags, then width and height less one.
    fn extended(&mut self, chunk: Chunk) -> Result<(), CleanError> {
        let Some([flags, _, _, _, w0, w1, w2, h0, h1, h2]) = self.input.take::<10>()? else {
            return Err(damaged());
        };
        if chunk.to - chunk.from < 10 {
            return Err(damaged());
        }
        let canvas = [u24([w0, w1, w2]) + 1, u24([h0, h1, h2]) + 1];
        self.within_limits(canvas)?;
        self.extended = Some((flags, canvas));
        Ok(())
    }

    fn within_limits(&self, [width, height]: [u32; 2]) -> Result<(), CleanError> {
        if u64::from(width) * u64::from(height) > self.limits.pixels {
            return Err(Refusal::TooLarge { kind: Kind::Webp }.into());
        }
        Ok(())
    }

    /// Takes a chunk of a picture, unless that is complete; false if its header is none.
    fn part_of(&mut self, picture: &mut Picture, chunk: Chunk) -> Result<bool, CleanError> {
        if picture.image.is_some() {
            self.found.insert(Found::Other);
            return Ok(true);
        }
        let head = self.input.window(10)?;
        let head = head.get(..10.min(len(chunk))).unwrap_or(head);
        if &chunk.name == b"ALPH" {
            // of several the last one counts
            picture.alpha = Alpha::read(head).map(|alpha| (alpha, chunk));
            return Ok(picture.alpha.is_some());
        }
        let header = match &chunk.name {
            b"VP8 " => Header::lossy(head, chunk.to - chunk.from),
            _ => Header::lossless(head),
        };
        let Some(header) = header else {
            return Ok(false);
        };
        self.within_limits(header.size)?;
        if picture.alpha.is_some() && header.lossless {
            // §2.7.1.2: pictures without loss hold their own transparency
            self.found.insert(Found::Other);
            picture.alpha = None;
        }
        picture.image = Some((header, chunk));
        Ok(true)
    }

    /// `ANMF` (§2.7.1.1): sixteen bytes, then the chunks of a picture. False if it is not whole.
    fn frame(&mut self, chunk: Chunk) -> Result<bool, CleanError> {
        let Some(head) = self.input.take::<16>()?.filter(|_| chunk.to - chunk.from > 16) else {
            return Ok(false);
        };
        let mut picture = Picture::default();
        while self.input.position() + 8 <= chunk.to {
            let Some(inner) = self.chunk_header(chunk.to)? else {
                break;
            };
            if matches!(&inner.name, b"ALPH" | b"VP8 " | b"VP8L") {
                if !self.part_of(&mut picture, inner)? {
                    return Ok(false);
                }
            } else {
                self.dropped(inner)?;
            }
            self.input.seek(inner.end())?;
        }
        if self.input.position() < chunk.to {
            self.found.insert(Found::Other);
        }
        let [x0, x1, x2, y0, y1, y2, w0, w1, w2, h0, h1, h2, d0, d1, d2, flags] = head;
        let size = [u24([w0, w1, w2]) + 1, u24([h0, h1, h2]) + 1];
        let place = [2 * u24([x0, x1, x2]), 2 * u24([y0, y1, y2])];
        if !self.on_canvas(place, size)
            || picture.image.as_ref().is_none_or(|(header, _)| header.size != size)
        {
            return Ok(false);
        }
        let (data, transparent) = self.picture(&picture)?;
        self.transparent_frames |= transparent;
        let head = [x0, x1, x2, y0, y1, y2, w0, w1, w2, h0, h1, h2, d0, d1, d2, flags & 0b11];
        let size = u32::try_from(data.len() + 16).map_err(|_| damaged())?;
        self.frames.literal(b"ANMF").map_err(too_large)?;
        self.frames.literal(&size.to_le_bytes()).map_err(too_large)?;
        self.frames.literal(&head).map_err(too_large)?;
        self.frames.join(data).map_err(too_large)?;
        Ok(true)
    }

    /// Whether a frame lies within the canvas, which decoders demand.
    fn on_canvas(&self, [x, y]: [u32; 2], [width, height]: [u32; 2]) -> bool {
        self.extended.is_some_and(|(_, [right, bottom])| x + width <= right && y + height <= bottom)
    }

    /// The chunks of a picture, and whether pixels of it can be transparent.
    fn picture(&mut self, picture: &Picture) -> Result<(Pieces, bool), CleanError> {
        let mut pieces = Pieces::default();
        let Some((header, image)) = &picture.image else {
            return Err(damaged());
        };
        let mut transparent = header.transparent;
        if let Some((alpha, chunk)) = &picture.alpha {
            transparent = true;
            let len = alpha.len(chunk.to - chunk.from, header.size).ok_or_else(damaged)?;
            if len < chunk.to - chunk.from {
                self.found.insert(Found::Trailing);
            }
            let chunk = Chunk { to: chunk.from + len, ..*chunk };
            write(&mut pieces, chunk, &[alpha.header]).map_err(too_large)?;
        }
        write(&mut pieces, *image, &header.anew).map_err(too_large)?;
        Ok((pieces, transparent))
    }

    /// A chunk that is left behind, once it has said what it was.
    fn dropped(&mut self, chunk: Chunk) -> Result<(), CleanError> {
        let peek = PEEK.min(len(chunk));
        let window = self.input.window(peek)?;
        let data = window.get(..peek).unwrap_or(window);
        match &chunk.name {
            b"EXIF" => {
                let (prefix, block) = match data.strip_prefix(JPEG_PREFIX) {
                    Some(block) => (JPEG_PREFIX, block),
                    None => (b"".as_slice(), data),
                };
                let exif = exif::read(block);
                if self.extended.is_some() && self.orientation.is_none() {
                    self.orientation = exif.orientation.map(|orientation| (prefix, orientation));
                }
                self.found.extend(exif.found);
            }
            b"XMP " => self.found.extend(traces::xmp(data)),
            b"ICCP" => {
                self.found.insert(Found::ColourProfile);
            }
            _ => {
                self.found.insert(Found::Other);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Cleaned, CleanError> {
        if self.input.position() < self.input.len() {
            self.found.insert(Found::Trailing);
        }
        let animated = self.frames.len() > 0
            && (self.still.image.is_none()
                || self.extended.is_some_and(|(flags, _)| flags & ANIMATION != 0));
        let body = if animated { self.animation()? } else { self.still()? };
        let mut pieces = Pieces::default();
        let size = u32::try_from(body.len() + 4).map_err(|_| damaged())?;
        let head = [b"RIFF".as_slice(), &size.to_le_bytes(), b"WEBP"].concat();
        pieces.literal(&head).map_err(too_large)?;
        pieces.join(body).map_err(too_large)?;
        Ok(Cleaned::new(Kind::Webp, self.found, [Remains::SensorNoise, Remains::Picture], pieces))
    }

    /// All chunks of a still picture.
    fn still(&mut self) -> Result<Pieces, CleanError> {
        if self.frames.len() > 0 {
            self.found.insert(Found::Other);
        }
        let still = std::mem::take(&mut self.still);
        let Some((header, _)) = &still.image else {
            return Err(damaged());
        };
        let (picture, transparent) = self.picture(&still)?;
        let mut body = Pieces::default();
        if still.alpha.is_some() || self.orientation.is_some() {
            let flags = if transparent { ALPHA } else { 0 };
            self.write_extended(&mut body, flags, header.size).map_err(too_large)?;
        }
        body.join(picture).map_err(too_large)?;
        self.write_orientation(&mut body).map_err(too_large)?;
        Ok(body)
    }

    /// All chunks of an animation.
    fn animation(&mut self) -> Result<Pieces, CleanError> {
        if self.still.image.is_some() || self.still.alpha.is_some() {
            self.found.insert(Found::Other);
        }
        let (Some((_, canvas)), Some(animation)) = (self.extended, self.animation) else {
            return Err(damaged());
        };
        let mut body = Pieces::default();
        let flags = ANIMATION | if self.transparent_frames { ALPHA } else { 0 };
        self.write_extended(&mut body, flags, canvas).map_err(too_large)?;
        body.literal(b"ANIM\x06\0\0\0").map_err(too_large)?;
        body.literal(&animation).map_err(too_large)?;
        body.join(std::mem::take(&mut self.frames)).map_err(too_large)?;
        self.write_orientation(&mut body).map_err(too_large)?;
        Ok(body)
    }

    fn write_extended(
        &self,
        body: &mut Pieces,
        flags: u8,
        [width, height]: [u32; 2],
    ) -> Result<(), TooManyPieces> {
        let flags = flags | if self.orientation.is_some() { EXIF } else { 0 };
        let [w0, w1, w2, _] = (width - 1).to_le_bytes();
        let [h0, h1, h2, _] = (height - 1).to_le_bytes();
        body.literal(b"VP8X\x0a\0\0\0")?;
        body.literal(&[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2])
    }

    fn write_orientation(&self, body: &mut Pieces) -> Result<(), TooManyPieces> {
        if let Some((prefix, orientation)) = self.orientation {
            let data = [prefix, orientation.block().as_slice()].concat();
            body.literal(b"EXIF")?;
            body.literal(&u32::try_from(data.len()).unwrap_or(0).to_le_bytes())?;
            body.literal(&data)?;
        }
        Ok(())
    }
}

/// Length of a chunk's data, as far as a window could hold it.
fn len(chunk: Chunk) -> usize {
    usize::try_from(chunk.to - chunk.from).unwrap_or(usize::MAX)
}

fn u24([b0, b1, b2]: [u8; 3]) -> u32 {
    u32::from_le_bytes([b0, b1, b2, 0])
}

/// Writes a chunk whose data is copied, but for its first bytes.
fn write(pieces: &mut Pieces, chunk: Chunk, anew: &[u8]) -> Result<(), TooManyPieces> {
    let len = chunk.to - chunk.from;
    pieces.literal(&chunk.name)?;
    // the length was read from 32 bits
    pieces.literal(&u32::try_from(len).unwrap_or(0).to_le_bytes())?;
    pieces.literal(anew)?;
    pieces.copy(chunk.from + anew.len() as u64, chunk.to)?;
    if len % 2 == 1 { pieces.literal(&[0]) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
