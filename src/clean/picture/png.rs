//! PNG (W3C PNG, third edition): the picture's chunks stay, everything else is left behind.
//!
//! | chunk | what becomes of it |
//! |---|---|
//! | IHDR, PLTE, tRNS | written anew from checked values; a palette that no pixel can use is dropped |
//! | IDAT | copied up to the end of the zlib stream in it; the stream is inflated to find that end |
//! | IEND | written anew, also where it is missing |
//! | eXIf | written anew with its orientation only, and only if that is not upright |
//! | orNT | the same in ImageMagick's and GraphicsMagick's private chunk, for their sake |
//! | iCCP, sRGB, gAMA, cHRM, cICP, … | dropped: they say which screen or program made the picture; its values stay |
//! | pHYs, bKGD, sBIT, hIST, sPLT, tIME, text, every other | dropped |
//! | acTL, fcTL, fdAT | dropped: of an animation its still picture stays |
//! | everything after IEND | dropped |
//!
//! Checked are the CRC of every chunk that is kept and the stream's Adler-32, and that it holds exactly the bytes of the
//! scanlines that IHDR promises. A chunk that is not needed may be broken, as decoders allow.
//!
//! Not detected: what hides in the way the stream is compressed (empty blocks, unusual codes), in the sizes of the IDAT
//! chunks, or in palette entries that no pixel uses.

mod image;

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
};
use image::{Header, ImageData, Progress};

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// How much of a chunk is looked at to tell what it holds.
const PEEK: usize = 32 << 10;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    limits: &Limits,
) -> Result<Cleaned, CleanError> {
    // the kind was told by the signature
    input.consume(SIGNATURE.len());
    let mut png = Png::new(input, limits)?;
    while png.chunk()? == Flow::On {}
    png.finish()
}

fn damaged() -> CleanError {
    Refusal::Damaged { kind: Kind::Png }.into()
}

/// Whether there is more to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

/// What is in front of a chunk's data.
#[derive(Clone, Copy)]
struct Chunk {
    len: u32,
    name: [u8; 4],
}

struct Png<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    limits: &'a Limits,
    parts: u32,
    found: BTreeSet<Found>,
    header: Header,
    palette: Option<Vec<u8>>,
    transparency: Option<Vec<u8>>,
    orientation: Option<Orientation>,
    private_orientation: Option<Orientation>,
    image: ImageData,
    /// The IDAT chunks.
    body: Pieces,
}

impl<'a, 'b, R: Read + Seek> Png<'a, 'b, R> {
    /// Reads IHDR, which must be first.
    fn new(input: &'a mut Input<'b, R>, limits: &'a Limits) -> Result<Self, CleanError> {
        let Some(Chunk { len: 13, name }) = chunk_header(input)? else {
            return Err(damaged());
        };
        let data = payload(input, Chunk { len: 13, name })?.unwrap_or_default();
        let header = Header::new(&data).filter(|_| &name == b"IHDR").ok_or_else(damaged)?;
        if header.pixels() > limits.pixels {
            return Err(Refusal::TooLarge { kind: Kind::Png }.into());
        }
        Ok(Self {
            input,
            limits,
            parts: 0,
            found: BTreeSet::new(),
            palette: None,
            transparency: None,
            orientation: None,
            private_orientation: None,
            image: ImageData::new(header.scanline_bytes()),
            header,
            body: Pieces::default(),
        })
    }

    /// Reads the next chunk.
    fn chunk(&mut self) -> Result<Flow, CleanError> {
        let Some(chunk) = chunk_header(self.input)? else {
            return self.broken();
        };
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(Refusal::TooLarge { kind: Kind::Png }.into());
        }
        // the data of one picture is in one run of chunks
        if self.image.progress() == Progress::Begun && &chunk.name != b"IDAT" {
            return Err(damaged());
        }
        match &chunk.name {
            b"IDAT" => self.image_data(chunk),
            b"IEND" => self.end(chunk),
            // as a suggestion beside direct colours it is not needed (§11.2.2)
            b"PLTE" if !self.header.is_indexed() => self.dropped(chunk),
            b"PLTE" | b"tRNS" if self.image.progress() == Progress::Waiting => self.colours(chunk),
            b"eXIf" => {
                let exif = payload(self.input, chunk)?.map(|block| exif::read(&block));
                let exif = exif.unwrap_or_default();
                self.orientation = self.orientation.or(exif.orientation);
                self.found.extend(exif.found);
                Ok(Flow::On)
            }
            b"orNT" => {
                if let Some([value]) = payload(self.input, chunk)?.as_deref() {
                    self.private_orientation = Orientation::new((*value).into());
                }
                Ok(Flow::On)
            }
            // a critical chunk that nobody knows (§5.4): decoders give up
            [first, ..] if first.is_ascii_uppercase() && &chunk.name != b"PLTE" => self.broken(),
            _ => self.dropped(chunk),
        }
    }

    /// Ends the picture here, if it is whole.
    fn broken(&self) -> Result<Flow, CleanError> {
        if self.image.progress() == Progress::Complete { Ok(Flow::End) } else { Err(damaged()) }
    }

    /// PLTE or tRNS, held to what decoders take.
    fn colours(&mut self, chunk: Chunk) -> Result<Flow, CleanError> {
        let critical = &chunk.name == b"PLTE";
        let Some(data) = payload(self.input, chunk)? else {
            return if critical { Err(damaged()) } else { Ok(Flow::On) };
        };
        if critical {
            if self.palette.is_some() || data.is_empty() || data.len() % 3 != 0 || data.len() > 768
            {
                return Err(damaged());
            }
            self.palette = Some(self.header.palette(data));
        } else if self.transparency.is_none() {
            let entries = self.palette.as_ref().map_or(0, |palette| palette.len() / 3);
            self.transparency = self.header.transparency(data, entries);
        }
        Ok(Flow::On)
    }

    /// One IDAT: kept whole, cut where the stream ends, or dropped if that was before.
    fn image_data(&mut self, chunk: Chunk) -> Result<Flow, CleanError> {
        if self.header.is_indexed() && self.palette.is_none() {
            return Err(damaged());
        }
        if self.image.progress() == Progress::Complete {
            self.found.insert(Found::Trailing);
            return if self.skip(chunk)? { Ok(Flow::On) } else { self.broken() };
        }
        let data_at = self.input.position();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&chunk.name);
        // length and CRC of what belongs to the stream, once that has ended
        let mut cut: Option<(u32, u32)> = None;
        let mut left = chunk.len;
        while left > 0 {
            let window = self.input.window(1)?;
            let window = window.get(..left as usize).unwrap_or(window);
            let read = u32::try_from(window.len()).unwrap_or(u32::MAX);
            if read == 0 {
                return Err(damaged());
            }
            if cut.is_none() {
                let used = self.image.inflate(window).ok_or_else(damaged)?;
                if self.image.progress() == Progress::Complete {
                    let mut kept = crc.clone();
                    kept.update(window.get(..used).unwrap_or_default());
                    let before = chunk.len - left;
                    cut = Some((before + u32::try_from(used).unwrap_or(read), kept.finalize()));
                }
            }
            crc.update(window);
            self.input.consume(read as usize);
            left -= read;
        }
        if self.input.take::<4>()? != Some(crc.finalize().to_be_bytes()) {
            return Err(damaged());
        }
        let kept = match cut {
            Some((len, crc)) if len < chunk.len => {
                self.found.insert(Found::Trailing);
                self.cut_chunk(data_at, len, crc)
            }
            _ => self.body.copy(data_at - 8, self.input.position()),
        };
        match kept {
            Ok(()) => Ok(Flow::On),
            Err(TooManyPieces) => Err(Refusal::TooLarge { kind: Kind::Png }.into()),
        }
    }

    /// An IDAT of the `len` bytes at `data_at`.
    fn cut_chunk(&mut self, data_at: u64, len: u32, crc: u32) -> Result<(), TooManyPieces> {
        self.body.literal(&len.to_be_bytes())?;
        self.body.literal(b"IDAT")?;
        self.body.copy(data_at, data_at + u64::from(len))?;
        self.body.literal(&crc.to_be_bytes())
    }

    /// A chunk that is left behind, once it has said what it was.
    fn dropped(&mut self, chunk: Chunk) -> Result<Flow, CleanError> {
        let peek = PEEK.min(chunk.len as usize);
        let window = self.input.window(peek)?;
        let data = window.get(..peek).unwrap_or(window);
        match &chunk.name {
            b"iTXt" if data.starts_with(b"XML:com.adobe.xmp\0") => {
                self.found.extend(traces::xmp(data))
            }
            b"tEXt" | b"zTXt" | b"iTXt" => {
                let keyword = data.split(|&byte| byte == 0).next().unwrap_or_default();
                self.found.insert(traces::png_keyword(keyword));
            }
            b"tIME" => {
                self.found.insert(Found::Time);
            }
            b"iCCP" | b"gAMA" | b"cHRM" | b"cICP" | b"mDCV" | b"cLLI" => {
                self.found.insert(Found::ColourProfile);
            }
            // how to show the picture, in values that everybody's files have
            b"sRGB" | b"pHYs" | b"bKGD" | b"sBIT" | b"hIST" | b"PLTE" | b"tRNS" => {}
            _ => {
                self.found.insert(Found::Other);
            }
        }
        if self.skip(chunk)? { Ok(Flow::On) } else { self.broken() }
    }

    fn end(&mut self, chunk: Chunk) -> Result<Flow, CleanError> {
        if chunk.len > 0 {
            self.found.insert(Found::Trailing);
        }
        self.skip(chunk)?;
        self.broken()
    }

    /// Goes behind a chunk's data and CRC; false if the file ends before.
    fn skip(&mut self, chunk: Chunk) -> Result<bool, CleanError> {
        Ok(self.input.skip(u64::from(chunk.len) + 4)?)
    }

    /// Puts everything together in the standard's order.
    fn finish(mut self) -> Result<Cleaned, CleanError> {
        if self.input.position() < self.input.len() {
            self.found.insert(Found::Trailing);
        }
        let pieces = self.assemble().map_err(|TooManyPieces| damaged())?;
        Ok(Cleaned::new(Kind::Png, self.found, [Remains::SensorNoise, Remains::Picture], pieces))
    }

    fn assemble(&mut self) -> Result<Pieces, TooManyPieces> {
        let mut pieces = Pieces::default();
        pieces.literal(SIGNATURE)?;
        write_chunk(&mut pieces, *b"IHDR", &self.header.bytes())?;
        if let Some(palette) = &self.palette {
            write_chunk(&mut pieces, *b"PLTE", palette)?;
        }
        if let Some(transparency) = &self.transparency {
            write_chunk(&mut pieces, *b"tRNS", transparency)?;
        }
        if let Some(orientation) = self.private_orientation {
            write_chunk(&mut pieces, *b"orNT", &[orientation.value()])?;
        }
        if let Some(orientation) = self.orientation {
            write_chunk(&mut pieces, *b"eXIf", &orientation.block())?;
        }
        pieces.append(std::mem::take(&mut self.body));
        write_chunk(&mut pieces, *b"IEND", &[])?;
        Ok(pieces)
    }
}

/// A chunk's length and name; None if the file ends or what is there is no chunk (§5.3).
fn chunk_header<R: Read + Seek>(input: &mut Input<'_, R>) -> Result<Option<Chunk>, CleanError> {
    let Some([l3, l2, l1, l0, name @ ..]) = input.take::<8>()? else {
        return Ok(None);
    };
    let len = u32::from_be_bytes([l3, l2, l1, l0]);
    let valid = len <= 0x7fff_ffff && name.iter().all(u8::is_ascii_alphabetic);
    Ok(valid.then_some(Chunk { len, name }))
}

/// Reads a small chunk whole (of a large one, its beginning) and goes behind it; None if its CRC is wrong.
fn payload<R: Read + Seek>(
    input: &mut Input<'_, R>,
    chunk: Chunk,
) -> Result<Option<Vec<u8>>, CleanError> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&chunk.name);
    let mut data = Vec::new();
    let mut left = chunk.len as usize;
    while left > 0 {
        let window = input.window(1)?;
        let window = window.get(..left).unwrap_or(window);
        if window.is_empty() {
            return Ok(None);
        }
        crc.update(window);
        data.extend(window.iter().take(PEEK - data.len().min(PEEK)));
        let read = window.len();
        input.consume(read);
        left -= read;
    }
    let whole = input.take::<4>()? == Some(crc.finalize().to_be_bytes());
    Ok(whole.then_some(data))
}

fn write_chunk(pieces: &mut Pieces, name: [u8; 4], data: &[u8]) -> Result<(), TooManyPieces> {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&name);
    crc.update(data);
    // what is written anew is at most a palette
    pieces.literal(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes())?;
    pieces.literal(&name)?;
    pieces.literal(data)?;
    pieces.literal(&crc.finalize().to_be_bytes())
}

#[cfg(test)]
mod tests;
