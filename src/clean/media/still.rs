//! HEIC and AVIF (ISO/IEC 23008-12, ISO/IEC 23000-22, AV1 Image File Format): the picture that is shown is put into a new
//! file, and everything else stays behind.
//!
//! | part | what becomes of it |
//! |---|---|
//! | `ftyp` | written anew: `heic`, `heix` or `avif` by what the picture is coded in |
//! | `meta`, `hdlr`, `pitm`, `iinf`, `iloc`, `iref` | written anew for the kept items, numbered from 1, without names |
//! | the primary item, and what `grid`, `iovl` or `iden` make it from | kept |
//! | the alpha plane of a kept item, and that colours are multiplied with it | kept |
//! | Exif, XMP, URI items; thumbnails, depth and gain maps, other auxiliary pictures; every other item | dropped |
//! | `hvcC`, `av1C` | written anew with profile, sizes of samples and parameter sets only |
//! | `ispe`, `pixi`, `pasp`, `auxC` of alpha, `irot`, `imir`, `clap`, `a1op`, `lsel` | written anew, values checked |
//! | `colr` | kept as code points (`nclx`); a profile is dropped |
//! | any other property | dropped; the file is refused if it is essential to a kept item |
//! | data of coded items | VPS, SPS, PPS and the slices of one HEVC picture; sequence header and frame of AV1 |
//! | SEI, fillers, delimiters, metadata and padding OBUs, unreferenced bytes of `mdat` | dropped |
//! | image sequences (`moov`), motion photos (`mpvd`), any other box, everything after the last box | dropped |
//!
//! How the picture is turned is told by `irot` and `imir` alone; readers do not ask Exif (§6.5.10). A profile that says
//! Display P3 is dropped like every other: writing it as code points would need the matrix and range of the bitstream,
//! which only its parameter sets tell, and a wrong guess changes every colour. What libheif refuses is refused.
//!
//! Not detected: bytes that hide behind the end of a slice, a parameter set or a frame inside its NAL unit or OBU.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Seek},
};

use self::{
    meta::Meta,
    properties::Properties,
    write::{Body, Item},
};
use super::boxes::{self, Next};
use crate::clean::{
    CleanError, Cleaned, Found, Kind, Limits, Refusal, Remains,
    input::Input,
    picture::exif,
    replay::{Pieces, TooManyPieces},
    traces,
    work::Work,
};

mod av1;
mod data;
mod derived;
mod fields;
mod hevc;
mod meta;
mod properties;
mod write;

/// How often a picture may be derived from a derived one; cameras do it once.
const MOST_DERIVED: u32 = 8;
/// The most NAL units and OBUs; a phone's picture of 200 megapixels has some thousand.
const MOST_UNITS: u32 = 1 << 16;
/// The most bytes of all that is written anew; a picture of a thousand tiles has a tenth of it.
const MOST_WRITTEN: usize = 4 << 20;
/// How much of an Exif or XMP item is looked at to tell what it was, and of how many.
const LOOKED_AT: usize = 64 << 10;
const MOST_LOOKED_AT: usize = 16;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let mut found = BTreeSet::new();
    let meta = top(input, kind, work.limits(), &mut found)?;
    let mut still = Still {
        input,
        meta,
        limits: work.limits(),
        units: 0,
        written: 0,
        numbers: BTreeMap::new(),
        chosen: Chosen::default(),
        coding: None,
        media: Pieces::default(),
        found,
    };
    still.choose().map_err(|trouble| trouble.of(kind))?;
    still.report()?;
    still.finish(kind)
}

/// Why a picture cannot be taken.
enum Trouble {
    Damaged,
    Unsupported,
    Encrypted,
    TooLarge,
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TooManyPieces> for Trouble {
    fn from(_: TooManyPieces) -> Self {
        Self::TooLarge
    }
}

impl Trouble {
    fn of(self, kind: Kind) -> CleanError {
        match self {
            Self::Damaged => Refusal::Damaged { kind }.into(),
            Self::Unsupported => Refusal::Unsupported { kind }.into(),
            Self::Encrypted => Refusal::Encrypted { kind }.into(),
            Self::TooLarge => Refusal::TooLarge { kind }.into(),
            Self::Io(error) => error.into(),
        }
    }
}

/// The boxes of the file: `meta` is read, the others say what they were.
fn top<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    limits: &Limits,
    found: &mut BTreeSet<Found>,
) -> Result<Meta, CleanError> {
    let mut meta = None;
    let (len, mut parts, mut sequence) = (input.len(), 0, false);
    loop {
        let part = match boxes::next(input, len)? {
            Next::Box(part) => part,
            Next::Broken => {
                found.insert(Found::Trailing);
                break;
            }
            Next::End => break,
        };
        parts += 1;
        if parts > limits.parts {
            return Err(Refusal::TooLarge { kind }.into());
        }
        match &part.name {
            b"ftyp" | b"mdat" => {}
            b"meta" if meta.is_none() => meta = Some(meta::read(input, part, kind, limits, found)?),
            b"mpvd" => {
                found.insert(Found::Trailing);
            }
            name => {
                sequence |= name == b"moov";
                found.insert(Found::Other);
            }
        }
        input.seek(part.end)?;
    }
    match meta {
        Some(meta) => Ok(meta),
        // nothing but a sequence of pictures: a film
        None if sequence => Err(Refusal::Unsupported { kind }.into()),
        None => Err(Refusal::Damaged { kind }.into()),
    }
}

/// What the picture is coded in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// HEVC, and whether the brand `heic` covers all of it.
    Hevc {
        plain: bool,
    },
    Av1,
}

/// What goes into the new file.
#[derive(Default)]
struct Chosen {
    items: Vec<Item>,
    primary: u16,
}

/// Where a coded item's data goes, and what is counted meanwhile.
struct Coded<'a> {
    pieces: &'a mut Pieces,
    found: &'a mut BTreeSet<Found>,
    units: &'a mut u32,
}

impl Coded<'_> {
    /// Counts a NAL unit or an OBU.
    fn unit(&mut self) -> Result<(), Trouble> {
        *self.units += 1;
        if *self.units > MOST_UNITS { Err(Trouble::TooLarge) } else { Ok(()) }
    }

    /// Says what was left out.
    fn leave(&mut self, found: Found) -> Result<(), Trouble> {
        self.found.insert(found);
        Ok(())
    }
}

struct Still<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    meta: Meta,
    limits: &'a Limits,
    units: u32,
    /// Bytes of properties and of derived items.
    written: usize,
    /// The new numbers of the kept items.
    numbers: BTreeMap<u32, u16>,
    chosen: Chosen,
    coding: Option<Coding>,
    media: Pieces,
    found: BTreeSet<Found>,
}

impl<R: Read + Seek> Still<'_, '_, R> {
    /// The primary item and what it is made of, then the alpha planes of all of these.
    fn choose(&mut self) -> Result<(), Trouble> {
        let primary = self.meta.primary.ok_or(Trouble::Damaged)?;
        self.chosen.primary = self.keep(primary, 0)?;
        let mut alphas = Vec::new();
        for (from, to) in self.meta.all_references(*b"auxl") {
            let Some(of) = to.iter().find(|of| self.numbers.contains_key(of)) else {
                continue;
            };
            let properties = properties::choose(&self.meta, from, &mut BTreeSet::new());
            if properties.is_ok_and(|properties| properties.alpha) {
                alphas.push((self.numbers.get(of).copied().unwrap_or_default(), *of, from));
            }
        }
        alphas.sort_unstable();
        alphas.dedup_by_key(|(number, ..)| *number);
        for (number, of, alpha) in alphas {
            if self.numbers.contains_key(&alpha) || !self.meta.items.contains_key(&alpha) {
                continue;
            }
            let kept = self.keep(alpha, 0)?;
            let premultiplied = self.meta.references(*b"prem", of).contains(&alpha);
            if let Some(item) = self.chosen.items.get_mut(usize::from(kept).saturating_sub(1)) {
                item.alpha_of = Some((number, premultiplied));
            }
        }
        Ok(())
    }

    /// Keeps item `id` behind the items that it is made of, and says its new number.
    fn keep(&mut self, id: u32, depth: u32) -> Result<u16, Trouble> {
        if let Some(number) = self.numbers.get(&id) {
            return Ok(*number);
        }
        let item = self.meta.items.get(&id).ok_or(Trouble::Damaged)?;
        let name = item.name;
        if item.protected {
            return Err(Trouble::Encrypted);
        }
        if depth > MOST_DERIVED {
            return Err(Trouble::Damaged);
        }
        let properties = properties::choose(&self.meta, id, &mut self.found)?;
        if properties.pixels > self.limits.pixels {
            return Err(Trouble::TooLarge);
        }
        let mut inputs = Vec::new();
        if matches!(&name, b"grid" | b"iovl" | b"iden") {
            let needed = self.meta.references(*b"dimg", id).to_vec();
            for input in needed {
                inputs.push(self.keep(input, depth + 1)?);
            }
        }
        let body = self.body(id, name, &properties, inputs.len())?;
        self.written += properties.list.iter().map(|(bytes, _)| bytes.len()).sum::<usize>();
        self.written += if let Body::Inner(bytes) = &body { bytes.len() } else { 0 };
        // items may share their data in the file before, and none do in the new one
        if self.written > MOST_WRITTEN || self.media.len() > self.input.len() + 4096 {
            return Err(Trouble::TooLarge);
        }
        let number = u16::try_from(self.chosen.items.len() + 1).map_err(|_| Trouble::TooLarge)?;
        let properties = properties.list;
        self.chosen.items.push(Item { name, inputs, alpha_of: None, properties, body });
        self.numbers.insert(id, number);
        Ok(number)
    }

    /// An item's data, cleaned.
    fn body(
        &mut self,
        id: u32,
        name: [u8; 4],
        properties: &Properties,
        inputs: usize,
    ) -> Result<Body, Trouble> {
        if &name == b"iden" {
            return if inputs == 1 { Ok(Body::Inner(Vec::new())) } else { Err(Trouble::Damaged) };
        }
        let data = self.meta.data(id, self.input.len());
        if matches!(&name, b"grid" | b"iovl") {
            let payload = data.ok_or(Trouble::Damaged)?.read(self.input, 0, derived::MOST_BYTES)?;
            let (bytes, pixels) =
                derived::rewrite(name, &payload, inputs).ok_or(Trouble::Damaged)?;
            if pixels > self.limits.pixels {
                return Err(Trouble::TooLarge);
            }
            return Ok(Body::Inner(bytes));
        }
        let before = self.media.len();
        let mut coded =
            Coded { pieces: &mut self.media, found: &mut self.found, units: &mut self.units };
        let coding = match (&name, &properties.hevc) {
            (b"hvc1", Some(config)) => {
                hevc::picture(self.input, &data.ok_or(Trouble::Damaged)?, config, &mut coded)?;
                Coding::Hevc { plain: config.plain }
            }
            (b"av01", _) if properties.av1 => {
                av1::picture(self.input, &data.ok_or(Trouble::Damaged)?, &mut coded)?;
                Coding::Av1
            }
            (b"hvc1" | b"av01", _) => return Err(Trouble::Damaged),
            _ => return Err(Trouble::Unsupported),
        };
        self.coding = Some(match (self.coding, coding) {
            (Some(Coding::Hevc { plain: a }), Coding::Hevc { plain: b }) => {
                Coding::Hevc { plain: a && b }
            }
            (Some(Coding::Av1), Coding::Av1) | (None, _) => coding,
            _ => return Err(Trouble::Unsupported),
        });
        let length = self.media.len() - before;
        Ok(Body::Media(u32::try_from(length).map_err(|_| Trouble::TooLarge)?))
    }

    /// Says what the items were that are left behind.
    fn report(&mut self) -> Result<(), CleanError> {
        let left = self.meta.items.iter().filter(|(id, _)| !self.numbers.contains_key(id));
        let mut looked_at = 0;
        for (id, item) in left {
            let thumbnail = !self.meta.references(*b"thmb", *id).is_empty();
            let mut read = || match self.meta.data(*id, self.input.len()) {
                Some(data) if looked_at < MOST_LOOKED_AT => {
                    looked_at += 1;
                    data.read(self.input, 0, LOOKED_AT)
                }
                _ => Ok(Vec::new()),
            };
            match &item.name {
                b"Exif" => {
                    // ISO/IEC 23008-12 A.2.1: how far it is to the TIFF header, most often over `Exif\0\0`
                    let bytes = read()?;
                    let skipped = bytes.first_chunk::<4>().map_or(0, |n| u32::from_be_bytes(*n));
                    let start = usize::try_from(skipped).unwrap_or(usize::MAX).saturating_add(4);
                    let block = bytes.get(start..).unwrap_or_default();
                    self.found.extend(exif::read(block).found);
                }
                b"mime" if item.xmp => {
                    let bytes = read()?;
                    self.found.extend(traces::xmp(&bytes));
                }
                _ if thumbnail => {
                    self.found.insert(Found::Preview);
                }
                _ => {
                    self.found.insert(Found::Other);
                }
            }
        }
        Ok(())
    }

    fn finish(self, kind: Kind) -> Result<Cleaned, CleanError> {
        let (kind, brands): (_, &[u8]) = match self.coding {
            Some(Coding::Hevc { plain: true }) => (Kind::Heic, b"heicmif1"),
            Some(Coding::Hevc { plain: false }) => (Kind::Heic, b"heixmif1"),
            Some(Coding::Av1) => (Kind::Avif, b"avifmif1miaf"),
            None => return Err(Refusal::Damaged { kind }.into()),
        };
        let pieces = write::file(brands, &self.chosen, self.media)
            .map_err(|_| Refusal::TooLarge { kind })?;
        Ok(Cleaned::new(kind, self.found, [Remains::SensorNoise, Remains::Picture], pieces))
    }
}

#[cfg(test)]
mod tests;
