//! One page: the fields that decoding needs, read into numbers and written anew.
//!
//! | field | what becomes of it |
//! |---|---|
//! | ImageWidth, ImageLength, BitsPerSample, Compression, PhotometricInterpretation, SamplesPerPixel, PlanarConfiguration | checked |
//! | RowsPerStrip, TileWidth, TileLength, StripOffsets, StripByteCounts and the tiles' | checked; missing byte counts are told by the data |
//! | FillOrder, Orientation, Predictor, T4Options, T6Options, InkSet, ExtraSamples, SampleFormat, SMin/SMax | kept if not the default; the last two dropped |
//! | ColorMap, JPEGTables | kept, cut to their size; tables cleaned |
//! | YCbCrCoefficients, YCbCrSubSampling, YCbCrPositioning, ReferenceBlackWhite | kept, rounded |
//! | XResolution, YResolution, ResolutionUnit | dropped; where pixels are not square, as a fax's, the nearest simple ratio |
//! | NewSubfileType | only that a page is a mask |

use std::io::{Read, Seek};

use super::{
    damaged,
    directory::{Directory, File},
    unsupported,
    write::{Field, Order},
};
use crate::clean::{
    CleanError,
    picture::{exif::Orientation, jpeg},
};

/// The most strips or tiles of a page.
const MAX_SEGMENTS: u64 = 1 << 18;

pub(super) mod tag {
    //! TIFF 6.0 part 4, its technical notes, and the registered private tags that are met in pictures.
    pub(in super::super) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in super::super) const SUBFILE_TYPE: u16 = 255;
    pub(in super::super) const WIDTH: u16 = 256;
    pub(in super::super) const LENGTH: u16 = 257;
    pub(in super::super) const BITS: u16 = 258;
    pub(in super::super) const COMPRESSION: u16 = 259;
    pub(in super::super) const PHOTOMETRIC: u16 = 262;
    pub(in super::super) const FILL_ORDER: u16 = 266;
    pub(in super::super) const DOCUMENT_NAME: u16 = 269;
    pub(in super::super) const MAKE: u16 = 271;
    pub(in super::super) const STRIP_OFFSETS: u16 = 273;
    pub(in super::super) const ORIENTATION: u16 = 274;
    pub(in super::super) const SAMPLES: u16 = 277;
    pub(in super::super) const ROWS: u16 = 278;
    pub(in super::super) const STRIP_COUNTS: u16 = 279;
    pub(in super::super) const X_RESOLUTION: u16 = 282;
    pub(in super::super) const Y_RESOLUTION: u16 = 283;
    pub(in super::super) const PLANAR: u16 = 284;
    pub(in super::super) const PAGE_NAME: u16 = 285;
    pub(in super::super) const T4_OPTIONS: u16 = 292;
    pub(in super::super) const T6_OPTIONS: u16 = 293;
    pub(in super::super) const RESOLUTION_UNIT: u16 = 296;
    pub(in super::super) const TRANSFER_FUNCTION: u16 = 301;
    pub(in super::super) const PREDICTOR: u16 = 317;
    pub(in super::super) const WHITE_POINT: u16 = 318;
    pub(in super::super) const CHROMATICITIES: u16 = 319;
    pub(in super::super) const COLOR_MAP: u16 = 320;
    pub(in super::super) const TILE_WIDTH: u16 = 322;
    pub(in super::super) const TILE_LENGTH: u16 = 323;
    pub(in super::super) const TILE_OFFSETS: u16 = 324;
    pub(in super::super) const TILE_COUNTS: u16 = 325;
    pub(in super::super) const SUB_IFDS: u16 = 330;
    pub(in super::super) const INK_SET: u16 = 332;
    pub(in super::super) const EXTRA_SAMPLES: u16 = 338;
    pub(in super::super) const SAMPLE_FORMAT: u16 = 339;
    pub(in super::super) const JPEG_TABLES: u16 = 347;
    pub(in super::super) const JPEG_OFFSET: u16 = 513;
    pub(in super::super) const JPEG_LENGTH: u16 = 514;
    pub(in super::super) const COEFFICIENTS: u16 = 529;
    pub(in super::super) const SUBSAMPLING: u16 = 530;
    pub(in super::super) const POSITIONING: u16 = 531;
    pub(in super::super) const BLACK_WHITE: u16 = 532;
    pub(in super::super) const XMP: u16 = 700;
    pub(in super::super) const CFA_PATTERN: u16 = 33422;
    pub(in super::super) const EXIF: u16 = 34665;
    pub(in super::super) const GPS: u16 = 34853;
    pub(in super::super) const DNG_VERSION: u16 = 50706;
}

pub(super) mod compression {
    //! Those that common decoders have.
    pub(in super::super) const NONE: u16 = 1;
    pub(in super::super) const LZW: u16 = 5;
    pub(in super::super) const OLD_JPEG: u16 = 6;
    pub(in super::super) const JPEG: u16 = 7;
    pub(in super::super) const DEFLATE: u16 = 8;
    pub(in super::super) const OLD_DEFLATE: u16 = 32946;
    pub(in super::super) const PACK_BITS: u16 = 32773;
    /// Modified Huffman, group 3 and group 4, word-aligned Huffman; LZMA; Zstandard.
    pub(in super::super) const OTHERS: [u16; 6] = [2, 3, 4, 32771, 34925, 50000];
}

/// Fields that say how a picture is laid out, or how it is to be printed, and nothing of whose it is.
pub(super) const fn is_layout(tag: u16) -> bool {
    matches!(tag, 254..=259 | 262..=266 | 273 | 274 | 277..=284 | 286..=293 | 296 | 297 | 317 | 320..=328)
        || matches!(tag, 332 | 334 | 336 | 338..=347 | 512..=521 | 529..=532 | 32995..=32998)
}

/// What is needed of a page.
#[derive(Clone)]
pub(super) struct Page {
    width: u32,
    height: u32,
    bits: Vec<u16>,
    pub(super) compression: u16,
    photometric: Option<u16>,
    samples: u16,
    planar: u16,
    pub(super) fill_order: u16,
    rows: u32,
    pub(super) tile: Option<[u32; 2]>,
    subsampling: [u16; 2],
    offsets: Vec<u64>,
    pub(super) counts: Option<Vec<u64>>,
    /// Where an old JPEG's one stream begins, and its length.
    pub(super) stream: Option<(u64, u64)>,
    /// Fields that are already as they will be written.
    others: Vec<Field>,
}

impl Page {
    /// None if the page is none that decoders take.
    ///
    /// # Errors
    /// A refusal for a compression that nobody here can look into.
    pub(super) fn read<R: Read + Seek>(
        file: &mut File<'_, '_, R>,
        directory: &Directory,
    ) -> Result<Option<Self>, CleanError> {
        let mut number = |tag| file.number(directory, tag);
        let [width, height] = [number(tag::WIDTH)?, number(tag::LENGTH)?].map(positive);
        let (Some(width), Some(height)) = (width, height) else {
            return Ok(None);
        };
        let compression = short(number(tag::COMPRESSION)?, 1);
        let photometric = number(tag::PHOTOMETRIC)?.map(|value| short(Some(value), u16::MAX));
        let samples = short(number(tag::SAMPLES)?, 1);
        let planar = short(number(tag::PLANAR)?, 1);
        let fill_order = short(number(tag::FILL_ORDER)?, 1);
        let rows = number(tag::ROWS)?.unwrap_or(height.into()).min(height.into());
        let tile = [number(tag::TILE_WIDTH)?, number(tag::TILE_LENGTH)?].map(positive);
        let stream = (number(tag::JPEG_OFFSET)?, number(tag::JPEG_LENGTH)?);
        let tile = match tile {
            [Some(width), Some(height)] => Some([width, height]),
            _ => None,
        };
        let known = photometric
            .is_none_or(|photometric| matches!(photometric, 0..=6 | 8..=10 | 32844 | 32845));
        let Some(rows) = positive(Some(rows)) else {
            return Ok(None);
        };
        if !known {
            return Err(unsupported());
        }
        if !(1..=64).contains(&samples) || !(1..=2).contains(&planar) {
            return Ok(None);
        }
        let own = [compression::NONE, compression::LZW, compression::OLD_JPEG, compression::JPEG];
        let packed = [compression::DEFLATE, compression::OLD_DEFLATE, compression::PACK_BITS];
        if !own.iter().chain(&packed).chain(&compression::OTHERS).any(|&c| c == compression) {
            return Err(unsupported());
        }
        let places = if tile.is_some() && directory.has(tag::TILE_OFFSETS) {
            [tag::TILE_OFFSETS, tag::TILE_COUNTS]
        } else {
            [tag::STRIP_OFFSETS, tag::STRIP_COUNTS]
        };
        let bits = file.numbers(directory, tag::BITS, samples.into())?.unwrap_or_default();
        let mut page = Self {
            width,
            height,
            bits: bits.into_iter().map(|bits| short(Some(bits), 0)).collect(),
            compression,
            photometric,
            samples,
            planar,
            fill_order,
            rows,
            tile,
            subsampling: [2, 2],
            offsets: Vec::new(),
            counts: None,
            stream: None,
            others: Vec::new(),
        };
        // of an old JPEG's strips it matters only whether there is one
        let most = if page.is_old_jpeg() { 2 } else { page.expected_segments().min(MAX_SEGMENTS) };
        page.offsets = file.numbers(directory, places[0], most)?.unwrap_or_default();
        page.counts = file.numbers(directory, places[1], page.offsets.len() as u64)?;
        // some writers give the stream no length, but it is the one strip
        page.stream = match (stream, page.offsets.as_slice(), page.counts.as_deref()) {
            ((Some(at), Some(len)), _, _) if len > 0 => Some((at, len)),
            ((at, _), &[strip], Some(&[len])) if at.is_none_or(|at| at == strip) => {
                Some((strip, len))
            }
            _ => None,
        };
        if page.bits.iter().any(|bits| !(1..=64).contains(bits)) {
            return Ok(None);
        }
        if !page.is_old_jpeg() && page.offsets.is_empty() {
            return Ok(None);
        }
        Ok(page.others(file, directory)?.map(|others| Self { others, ..page }))
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes of tables that were read and are kept until the page is written.
    pub(super) fn held(&self) -> u64 {
        self.others.iter().map(|field| field.outside() as u64).sum()
    }

    pub(super) fn is_old_jpeg(&self) -> bool {
        self.compression == compression::OLD_JPEG
    }

    /// The page of old JPEG, once its stream says how it is sampled; None if that is of another size, or such that it
    /// cannot be said in a TIFF.
    pub(super) fn old_jpeg_fields(
        &self,
        order: Order,
        size: [u32; 2],
        sampling: &[[u16; 2]],
    ) -> Option<Vec<Field>> {
        let mut page = Self { bits: vec![8; sampling.len()], others: Vec::new(), ..self.clone() };
        page.samples = u16::try_from(sampling.len()).ok()?;
        match sampling {
            [_] => page.photometric = Some(1),
            [[x @ (1 | 2 | 4), y @ (1 | 2 | 4)], [1, 1], [1, 1]] => {
                page.photometric = Some(6);
                page.others.push(Field::shorts(order, tag::SUBSAMPLING, &[*x, *y]));
            }
            _ => return None,
        }
        let others = self.others.iter().filter(|field| field.is_of_any_page()).cloned();
        page.others.extend(others);
        (size == [self.width, self.height]).then(|| page.fields(order))
    }

    /// How many strips or tiles there are.
    pub(super) fn segments(&self) -> usize {
        self.offsets.len()
    }

    /// How many strips or tiles the page's size asks for.
    fn expected_segments(&self) -> u64 {
        let planes = if self.planar == 2 { u64::from(self.samples) } else { 1 };
        planes.saturating_mul(self.segments_of_plane())
    }

    fn segments_of_plane(&self) -> u64 {
        match self.tile {
            Some([width, height]) => {
                u64::from(self.width.div_ceil(width)) * u64::from(self.height.div_ceil(height))
            }
            None => self.height.div_ceil(self.rows).into(),
        }
    }

    /// Where a strip or tile begins, and how long it says to be.
    pub(super) fn segment(&self, index: usize) -> Option<(u64, Option<u64>)> {
        let count = self.counts.as_ref().map(|counts| counts.get(index).copied().unwrap_or(0));
        Some((*self.offsets.get(index)?, count))
    }

    /// Bytes of a strip's or tile's rows once decoded; those of strips of the last rows are fewer.
    pub(super) fn decoded_bytes(&self, index: usize) -> u64 {
        let plane = self.segments_of_plane().max(1);
        let index = index as u64 % plane;
        let (width, rows) = match self.tile {
            Some([width, height]) => (u64::from(width), u64::from(height)),
            None => {
                let before = index * u64::from(self.rows);
                let rows = u64::from(self.height).saturating_sub(before).min(self.rows.into());
                (u64::from(self.width), rows)
            }
        };
        let bits = match self.bits.as_slice() {
            [] => u64::from(self.samples),
            [one] => u64::from(*one) * u64::from(self.samples),
            several => several.iter().copied().map(u64::from).sum(),
        };
        let first = self.bits.first().copied().unwrap_or(1).into();
        let [x, y] = self.subsampling.map(u64::from);
        if self.planar == 2 {
            // of planes of different depths the deepest
            let deepest = self.bits.iter().copied().max().map_or(first, u64::from);
            (width * deepest).div_ceil(8).saturating_mul(rows)
        } else if self.photometric == Some(6) && self.samples == 3 {
            let blocks = width.div_ceil(x).saturating_mul(rows.div_ceil(y));
            blocks.saturating_mul(x * y + 2).saturating_mul(first).div_ceil(8)
        } else {
            width.saturating_mul(bits).div_ceil(8).saturating_mul(rows)
        }
    }

    /// Every field but those that say where the data lies.
    pub(super) fn fields(&self, order: Order) -> Vec<Field> {
        let mut fields = self.others.clone();
        fields.push(Field::longs(order, tag::WIDTH, &[self.width]));
        fields.push(Field::longs(order, tag::LENGTH, &[self.height]));
        if !self.bits.is_empty() {
            let mut bits = self.bits.clone();
            if let [one] = *bits {
                bits.resize(self.samples.into(), one);
            }
            fields.push(Field::shorts(order, tag::BITS, &bits));
        }
        let compression = if self.is_old_jpeg() { compression::JPEG } else { self.compression };
        fields.push(Field::shorts(order, tag::COMPRESSION, &[compression]));
        if let Some(photometric) = self.photometric {
            fields.push(Field::shorts(order, tag::PHOTOMETRIC, &[photometric]));
        }
        fields.push(Field::shorts(order, tag::SAMPLES, &[self.samples]));
        if self.planar == 2 {
            fields.push(Field::shorts(order, tag::PLANAR, &[2]));
        }
        match self.tile {
            Some([width, height]) => {
                fields.push(Field::longs(order, tag::TILE_WIDTH, &[width]));
                fields.push(Field::longs(order, tag::TILE_LENGTH, &[height]));
            }
            None if self.is_old_jpeg() => {
                fields.push(Field::longs(order, tag::ROWS, &[self.height]));
            }
            None => fields.push(Field::longs(order, tag::ROWS, &[self.rows])),
        }
        fields
    }

    /// Fields that only some pages have; None if one of them is such that no decoder takes the page.
    fn others<R: Read + Seek>(
        &mut self,
        file: &mut File<'_, '_, R>,
        directory: &Directory,
    ) -> Result<Option<Vec<Field>>, CleanError> {
        let order = file.order();
        let mut fields = Vec::new();
        let mut number = |tag| file.number(directory, tag);
        let mut keep = |tag, value: Option<u16>| {
            fields.extend(value.map(|value| Field::shorts(order, tag, &[value])));
        };
        let mask = number(tag::NEW_SUBFILE_TYPE)?.filter(|kind| kind & 4 != 0);
        keep(tag::NEW_SUBFILE_TYPE, mask.map(|_| 4));
        keep(tag::FILL_ORDER, (self.fill_order == 2).then_some(2));
        let turned = number(tag::ORIENTATION)?.and_then(|value| u32::try_from(value).ok());
        keep(tag::ORIENTATION, turned.and_then(Orientation::new).map(|o| o.value().into()));
        let options = |value: Option<u64>, all: u64| {
            value.map(|value| short(Some(value & all), 0)).filter(|&value| value != 0)
        };
        match self.compression {
            3 => keep(tag::T4_OPTIONS, options(number(tag::T4_OPTIONS)?, 7)),
            4 => keep(tag::T6_OPTIONS, options(number(tag::T6_OPTIONS)?, 2)),
            compression::LZW | compression::DEFLATE | compression::OLD_DEFLATE | 34925 | 50000 => {
                match number(tag::PREDICTOR)? {
                    None | Some(1) => {}
                    Some(2) => keep(tag::PREDICTOR, Some(2)),
                    Some(3) => keep(tag::PREDICTOR, Some(3)),
                    Some(_) => return Ok(None),
                }
            }
            _ => {}
        }
        if self.photometric == Some(5) {
            keep(tag::INK_SET, number(tag::INK_SET)?.filter(|&set| set == 2).map(|_| 2));
        }
        if self.photometric == Some(6) {
            keep(tag::POSITIONING, number(tag::POSITIONING)?.filter(|&at| at == 2).map(|_| 2));
        }
        fields.extend(self.lists(file, directory)?);
        match self.photometric {
            Some(3) => match self.color_map(file, directory)? {
                Some(map) => fields.push(map),
                None => return Ok(None),
            },
            Some(6) => fields.extend(self.ycbcr(file, directory)?),
            _ => {}
        }
        fields.extend(ratio(file, directory)?);
        if self.compression == compression::JPEG
            && let Some(tables) = file.bytes(directory, tag::JPEG_TABLES, 64 << 10)?
        {
            let tables = jpeg::tables(&tables).ok_or_else(damaged)?;
            fields.push(Field::bytes(tag::JPEG_TABLES, tables));
        }
        Ok(Some(fields))
    }

    /// ExtraSamples and SampleFormat.
    fn lists<R: Read + Seek>(
        &self,
        file: &mut File<'_, '_, R>,
        directory: &Directory,
    ) -> Result<Vec<Field>, CleanError> {
        let order = file.order();
        let mut fields = Vec::new();
        let mut list = |tag, range: std::ops::RangeInclusive<u16>, default| {
            let values = file.numbers(directory, tag, self.samples.into())?.unwrap_or_default();
            let values = values.into_iter().map(|value| short(Some(value), default));
            let known = |value| if range.contains(&value) { value } else { default };
            Ok::<Vec<u16>, CleanError>(values.map(known).collect())
        };
        let extra = list(tag::EXTRA_SAMPLES, 0..=2, 0)?;
        if !extra.is_empty() {
            fields.push(Field::shorts(order, tag::EXTRA_SAMPLES, &extra));
        }
        let mut format = list(tag::SAMPLE_FORMAT, 1..=6, 1)?;
        if let [one] = *format {
            format.resize(self.samples.into(), one);
        }
        if format.iter().any(|&format| format != 1) {
            fields.push(Field::shorts(order, tag::SAMPLE_FORMAT, &format));
        }
        Ok(fields)
    }

    /// A palette has three values for each value that a pixel can have.
    fn color_map<R: Read + Seek>(
        &self,
        file: &mut File<'_, '_, R>,
        directory: &Directory,
    ) -> Result<Option<Field>, CleanError> {
        let Some(bits @ 1..=16) = self.bits.first().copied().or(Some(1)) else {
            return Ok(None);
        };
        let wanted = 3_u64 << bits;
        let map = file.numbers(directory, tag::COLOR_MAP, wanted)?.unwrap_or_default();
        let map: Vec<u16> = map.into_iter().map(|value| short(Some(value), 0)).collect();
        let whole = map.len() as u64 == wanted;
        Ok(whole.then(|| Field::shorts(file.order(), tag::COLOR_MAP, &map)))
    }

    /// How colours are made of luminance: sampling, coefficients, black and white.
    fn ycbcr<R: Read + Seek>(
        &mut self,
        file: &mut File<'_, '_, R>,
        directory: &Directory,
    ) -> Result<Vec<Field>, CleanError> {
        let order = file.order();
        let mut fields = Vec::new();
        if let Some([x @ (1 | 2 | 4), y @ (1 | 2 | 4)]) =
            file.numbers(directory, tag::SUBSAMPLING, 2)?.as_deref()
        {
            self.subsampling = [short(Some(*x), 2), short(Some(*y), 2)];
            fields.push(Field::shorts(order, tag::SUBSAMPLING, &self.subsampling));
        }
        let coefficients = file.fractions(directory, tag::COEFFICIENTS, 3)?.unwrap_or_default();
        let coefficients: Vec<u32> =
            coefficients.into_iter().map(|value| rounded(value * 10_000.0, 10_000)).collect();
        // the default is ITU-R BT.601's
        if coefficients.len() == 3 && coefficients != [2990, 5870, 1140] {
            fields.push(Field::fractions(order, tag::COEFFICIENTS, &coefficients, 10_000));
        }
        let levels = file.fractions(directory, tag::BLACK_WHITE, 6)?.unwrap_or_default();
        let levels: Vec<u32> = levels.into_iter().map(|value| rounded(value, 65_535)).collect();
        if levels.len() == 6 {
            fields.push(Field::fractions(order, tag::BLACK_WHITE, &levels, 1));
        }
        Ok(fields)
    }
}

/// The shape of pixels that are clearly not square: a fax has up to twice as many in a row as in a column.
fn ratio<R: Read + Seek>(
    file: &mut File<'_, '_, R>,
    directory: &Directory,
) -> Result<Vec<Field>, CleanError> {
    let x = file.fractions(directory, tag::X_RESOLUTION, 1)?;
    let y = file.fractions(directory, tag::Y_RESOLUTION, 1)?;
    let (Some([x]), Some([y])) = (x.as_deref(), y.as_deref()) else {
        return Ok(Vec::new());
    };
    let simple = [(4, 1), (2, 1), (1, 2), (1, 4)].into_iter().find(|&(over, under)| {
        let off = x / y / (f64::from(over) / f64::from(under));
        (0.9..1.1).contains(&off)
    });
    let order = file.order();
    Ok(simple.map_or_else(Vec::new, |(over, under)| {
        vec![
            Field::fractions(order, tag::X_RESOLUTION, &[over], 1),
            Field::fractions(order, tag::Y_RESOLUTION, &[under], 1),
            // no unit but the ratio
            Field::shorts(order, tag::RESOLUTION_UNIT, &[1]),
        ]
    }))
}

fn positive(value: Option<u64>) -> Option<u32> {
    value.and_then(|value| u32::try_from(value).ok()).filter(|&value| value > 0)
}

/// A value of sixteen bits, or `default` if it is missing or larger.
fn short(value: Option<u64>, default: u16) -> u16 {
    value.and_then(|value| u16::try_from(value).ok()).unwrap_or(default)
}

/// The nearest whole number up to `most`.
fn rounded(value: f64, most: u32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits, and fractions are never negative"
    )]
    let whole = value.clamp(0.0, f64::from(most)).round() as u32;
    whole
}
