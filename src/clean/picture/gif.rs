//! GIF (87a and 89a): frames and their timing stay, everything else is left behind.
//!
//! | block | what becomes of it |
//! |---|---|
//! | header, logical screen | written anew as 89a: size, background colour; no aspect, no colour resolution |
//! | colour tables | written anew; colours that no pixel has are black |
//! | graphic control extension | written anew: delay, disposal, transparent colour; dropped where it says nothing |
//! | application extension NETSCAPE2.0 | written anew in front of the frames of an animation: the loop count |
//! | image descriptor | written anew: place, size, interlacing |
//! | image data | copied up to the end of the LZW stream in it; the last sub-block is written anew |
//! | comment, plain text, every other extension | dropped |
//! | trailer | written anew, also where it is missing |
//! | everything after the trailer, or after what is no block | dropped |
//!
//! The LZW stream ends at its end code, where the frame is full, or at a code that stands for nothing; viewers show what
//! came before, so it stays, and an end code is written behind it. A file that breaks after its first frame ends there.
//!
//! Not detected: what hides in the way the stream is compressed, or in the sizes of its sub-blocks.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use crate::clean::{
    CleanError, Cleaned, Found, Kind, Limits, Refusal, Remains,
    input::Input,
    replay::{Pieces, TooManyPieces},
    traces,
    work::Work,
};
use data::Data;

mod data;

const EXTENSION: u8 = 0x21;
const IMAGE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;
/// Labels of extensions (GIF89a §23 to §26).
const PLAIN_TEXT: u8 = 0x01;
const GRAPHIC_CONTROL: u8 = 0xf9;
const COMMENT: u8 = 0xfe;
const APPLICATION: u8 = 0xff;
/// How much of an extension is looked at to tell what it holds.
const PEEK: usize = 64 << 10;
/// The most bytes of all frames that are written anew, and so kept in memory: twenty thousand colour tables.
const MOST_WRITTEN: u64 = 16 << 20;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    _kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let mut gif = Gif::new(input, work.limits())?;
    while gif.block()? == Flow::On {}
    gif.finish()
}

fn damaged() -> CleanError {
    Refusal::Damaged { kind: Kind::Gif }.into()
}

fn too_large(_: TooManyPieces) -> CleanError {
    Refusal::TooLarge { kind: Kind::Gif }.into()
}

/// Whether there is more to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

/// A colour table, and which of its colours are seen.
struct Colours {
    table: Vec<u8>,
    used: Vec<bool>,
}

impl Colours {
    fn mark(&mut self, used: &[bool]) {
        self.used.iter_mut().zip(used).for_each(|(mark, used)| *mark |= used);
    }

    /// The table without colours that nobody sees.
    fn seen(mut self) -> Vec<u8> {
        for (colour, used) in self.table.chunks_exact_mut(3).zip(self.used) {
            if !used {
                colour.fill(0);
            }
        }
        self.table
    }

    /// The size field of a packed byte: the table has 2^(size + 1) colours.
    fn size(&self) -> u8 {
        u8::try_from(self.used.len().trailing_zeros().saturating_sub(1)).unwrap_or(7)
    }
}

struct Gif<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    limits: &'a Limits,
    parts: u32,
    found: BTreeSet<Found>,
    /// Width and height of the logical screen.
    screen: [u16; 2],
    background: u8,
    colours: Option<Colours>,
    /// How often an animation is shown again; 0 for ever.
    loops: Option<[u8; 2]>,
    /// The graphic control extension that waits for its frame.
    control: Option<[u8; 4]>,
    frames: Pieces,
    /// Bytes of `frames` that are written anew.
    written: u64,
    count: u32,
    /// Whether any pixel could be shown.
    shows: bool,
}

impl<'a, 'b, R: Read + Seek> Gif<'a, 'b, R> {
    /// Reads the logical screen and its colour table.
    fn new(input: &'a mut Input<'b, R>, limits: &'a Limits) -> Result<Self, CleanError> {
        // the kind was told by the first six bytes
        input.consume(6);
        let Some([w0, w1, h0, h1, packed, background, _]) = input.take::<7>()? else {
            return Err(damaged());
        };
        let screen = [u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1])];
        let mut gif = Self {
            input,
            limits,
            parts: 0,
            found: BTreeSet::new(),
            screen,
            background: 0,
            colours: None,
            loops: None,
            control: None,
            frames: Pieces::default(),
            written: 0,
            count: 0,
            shows: false,
        };
        gif.within_limits(screen)?;
        gif.colours = gif.colour_table(packed)?;
        if let Some(seen) =
            gif.colours.as_mut().and_then(|c| c.used.get_mut(usize::from(background)))
        {
            *seen = true;
            gif.background = background;
        }
        Ok(gif)
    }

    fn within_limits(&self, [width, height]: [u16; 2]) -> Result<(), CleanError> {
        if u64::from(width) * u64::from(height) > self.limits.pixels {
            return Err(Refusal::TooLarge { kind: Kind::Gif }.into());
        }
        Ok(())
    }

    /// The colour table that a packed byte announces.
    fn colour_table(&mut self, packed: u8) -> Result<Option<Colours>, CleanError> {
        if packed & 0x80 == 0 {
            return Ok(None);
        }
        let colours = 2_usize << (packed & 7);
        let table =
            self.input.window(3 * colours)?.get(..3 * colours).ok_or_else(damaged)?.to_vec();
        self.input.consume(table.len());
        Ok(Some(Colours { table, used: vec![false; colours] }))
    }

    /// Reads the next block.
    fn block(&mut self) -> Result<Flow, CleanError> {
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(Refusal::TooLarge { kind: Kind::Gif }.into());
        }
        match self.input.take::<1>()? {
            Some([EXTENSION]) => self.extension(),
            Some([IMAGE]) => self.frame(),
            Some([0]) => {
                self.found.insert(Found::Other);
                Ok(Flow::On)
            }
            Some([TRAILER]) | None => Ok(Flow::End),
            Some(_) => {
                self.found.insert(Found::Trailing);
                Ok(Flow::End)
            }
        }
    }

    /// Takes what frames need of an extension, and goes behind it.
    fn extension(&mut self) -> Result<Flow, CleanError> {
        let Some([label]) = self.input.take::<1>()? else {
            return Ok(Flow::End);
        };
        let window = self.input.window(PEEK)?;
        let (first, rest) = sub_block(window).unwrap_or_default();
        match (label, first) {
            (GRAPHIC_CONTROL, &[packed, d0, d1, transparent, ..]) => {
                self.control = Some([packed, d0, d1, transparent]);
            }
            (GRAPHIC_CONTROL, _) => {}
            (APPLICATION, b"NETSCAPE2.0" | b"ANIMEXTS1.0") => {
                if let Some(([1, l0, l1, ..], _)) = sub_block(rest) {
                    self.loops = Some([*l0, *l1]);
                }
            }
            // Adobe's way to put a packet between blocks without cutting it into any
            (APPLICATION, b"XMP DataXMP") => self.found.extend(traces::xmp(rest)),
            (APPLICATION, b"ICCRGBG1012") => {
                self.found.insert(Found::ColourProfile);
            }
            (COMMENT | PLAIN_TEXT, _) => {
                self.found.insert(Found::Comment);
            }
            _ => {
                self.found.insert(Found::Other);
            }
        }
        self.skip_sub_blocks()
    }

    /// Goes behind the next terminator.
    fn skip_sub_blocks(&mut self) -> Result<Flow, CleanError> {
        loop {
            match self.input.take::<1>()? {
                None => return Ok(Flow::End),
                Some([0]) => return Ok(Flow::On),
                Some([len]) => {
                    if !self.input.skip(len.into())? {
                        return Ok(Flow::End);
                    }
                }
            }
        }
    }

    /// An image descriptor, its colours and its data.
    fn frame(&mut self) -> Result<Flow, CleanError> {
        let Some([x0, x1, y0, y1, w0, w1, h0, h1, packed]) = self.input.take::<9>()? else {
            return Ok(Flow::End);
        };
        let size = [u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1])];
        // viewers that take a frame of no size take the screen's
        let size = if size.contains(&0) { self.screen } else { size };
        self.within_limits(size)?;
        let mut colours = self.colour_table(packed)?;
        let Some([depth @ 1..=8]) = self.input.take::<1>()? else {
            return Ok(Flow::End);
        };
        let pixels = u64::from(size[0]) * u64::from(size[1]);
        let mut data = Data::new(depth, pixels);
        let whole = self.data(&mut data)?;
        if let Some(colours) = colours.as_mut().or(self.colours.as_mut()) {
            colours.mark(data.used());
        }
        self.shows |= data.used().contains(&true);
        let (before, copied) = (self.frames.len(), data.copied());
        self.write_control()?;
        let table = colours.as_ref().map_or(0, |colours| 0x80 | colours.size());
        let frames = &mut self.frames;
        let head = [IMAGE, x0, x1, y0, y1, w0, w1, h0, h1, packed & 0x40 | table];
        frames.literal(&head).map_err(too_large)?;
        frames.literal(&colours.map(Colours::seen).unwrap_or_default()).map_err(too_large)?;
        frames.literal(&[depth]).map_err(too_large)?;
        data.write(frames).map_err(too_large)?;
        self.written += self.frames.len() - before - copied;
        if self.written > MOST_WRITTEN {
            return Err(Refusal::TooLarge { kind: Kind::Gif }.into());
        }
        self.count += 1;
        Ok(if whole { Flow::On } else { Flow::End })
    }

    /// Reads a frame's sub-blocks up to their terminator; false if the file ends before.
    fn data(&mut self, data: &mut Data) -> Result<bool, CleanError> {
        loop {
            let position = self.input.position();
            let Some([len]) = self.input.take::<1>()? else {
                return Ok(false);
            };
            if len == 0 {
                return Ok(true);
            }
            let len = usize::from(len);
            let window = self.input.window(len)?;
            let block = window.get(..len).unwrap_or(window);
            let whole = block.len() == len;
            data.block(whole.then_some(position), block);
            if data.trails() {
                self.found.insert(Found::Trailing);
            }
            self.input.consume(len);
            if !whole {
                return Ok(false);
            }
        }
    }

    /// Writes the graphic control extension for the next frame, if it says anything.
    fn write_control(&mut self) -> Result<(), CleanError> {
        let Some([packed, d0, d1, transparent]) = self.control.take() else {
            return Ok(());
        };
        let disposal = match packed >> 2 & 7 {
            disposal @ 0..=3 => disposal,
            // written by old programs for 3, and read as that
            4 => 3,
            _ => 0,
        };
        let transparent = if packed & 1 == 1 { transparent } else { 0 };
        let block = [disposal << 2 | packed & 1, d0, d1, transparent];
        if block == [0; 4] {
            return Ok(());
        }
        self.frames.literal(&[EXTENSION, GRAPHIC_CONTROL, 4]).map_err(too_large)?;
        self.frames.literal(&block).map_err(too_large)?;
        self.frames.literal(&[0]).map_err(too_large)
    }

    fn finish(mut self) -> Result<Cleaned, CleanError> {
        if !self.shows {
            return Err(damaged());
        }
        if self.input.position() < self.input.len() {
            self.found.insert(Found::Trailing);
        }
        let pieces = self.assemble().map_err(too_large)?;
        Ok(Cleaned::new(Kind::Gif, self.found, [Remains::Picture], pieces))
    }

    fn assemble(&mut self) -> Result<Pieces, TooManyPieces> {
        let mut pieces = Pieces::default();
        let [width, height] = self.screen.map(u16::to_le_bytes);
        pieces.literal(b"GIF89a")?;
        pieces.literal(&[width, height].concat())?;
        let table = self.colours.as_ref().map_or(0, |colours| 0x80 | colours.size());
        pieces.literal(&[0x70 | table, self.background, 0])?;
        pieces.literal(&self.colours.take().map(Colours::seen).unwrap_or_default())?;
        if let (Some([l0, l1]), true) = (self.loops, self.count > 1) {
            pieces.literal(b"\x21\xff\x0bNETSCAPE2.0\x03\x01")?;
            pieces.literal(&[l0, l1, 0])?;
        }
        pieces.join(std::mem::take(&mut self.frames))?;
        pieces.literal(&[TRAILER])?;
        Ok(pieces)
    }
}

/// The sub-block at the beginning of `bytes`, and what is behind it.
fn sub_block(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*len))
}

#[cfg(test)]
mod tests;
