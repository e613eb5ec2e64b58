//! TIFF (revision 6.0, and BigTIFF): every page's directory is written anew, its strips or tiles follow in order.
//!
//! | part | what becomes of it |
//! |---|---|
//! | header | written anew as classic TIFF in the same byte order, which the samples are in |
//! | directory | written anew with the fields of the table in `page`; every other field is dropped |
//! | strips, tiles | copied as far as decoding needs them; what no directory points at is left behind |
//! | JPEG in strips or tiles, and its tables | cleaned as JPEG is |
//! | pages of reduced resolution, SubIFDs | dropped: previews, and pyramids of the same picture |
//! | EXIF, GPS, XMP, IPTC, Photoshop, ICC, GeoTIFF, private directories | dropped |
//!
//! What is not compressed is cut to the size of its rows, PackBits and LZW where they have filled them, deflate where
//! its stream ends, also where FillOrder says that bits lie the other way round. LZW of before TIFF 6.0 is as GIF's. Raw photos in TIFF's clothes (DNG, NEF, ARW, PEF, …) are refused as such: what their makers' fields
//! mean is known to the makers. Old JPEG (compression 6) is taken where the page is one whole JPEG stream, and becomes
//! the JPEG of today (compression 7).
//!
//! Not detected: bytes behind the end of CCITT, LZMA or Zstandard data within their strip; what a deflate stream holds
//! beyond its rows; unused colours of a colour map.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains, input::Input, replay::TooManyPieces,
    traces, work::Work,
};
use data::Data;
use directory::{Directory, File};
use page::{Page, tag};
use write::Field;

mod data;
mod directory;
mod page;
mod write;

/// The most pages; a scanned book has fewer.
const MAX_PAGES: usize = 4096;

/// How many bytes of tables pages may have in common; more than a palette, which is written once for each.
const SHARED: u64 = 64 << 10;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let (file, first) = File::new(input)?.ok_or_else(damaged)?;
    let mut tiff = Tiff { file, work, found: BTreeSet::new(), left: 0 };
    tiff.left = tiff.file.len() + SHARED;
    let pages = tiff.pages(first)?;
    let mut kept = Vec::new();
    for page in &pages {
        let (fields, data) = tiff.page_data(page)?;
        // a page whose data lies behind the end of a file that was cut off
        if data.pieces.len() == 0 {
            tiff.found.insert(Found::Other);
        } else {
            kept.push((fields, data));
        }
    }
    if kept.is_empty() {
        return Err(damaged());
    }
    let pieces = write::file(tiff.file.order(), kept).ok_or(Refusal::TooLarge { kind })?;
    Ok(Cleaned::new(kind, tiff.found, [Remains::SensorNoise, Remains::Picture], pieces))
}

fn damaged() -> CleanError {
    Refusal::Damaged { kind: Kind::Tiff }.into()
}

fn unsupported() -> CleanError {
    Refusal::Unsupported { kind: Kind::Tiff }.into()
}

fn raw_photo() -> CleanError {
    Refusal::Unsupported { kind: Kind::RawPhoto }.into()
}

fn too_large(_: TooManyPieces) -> CleanError {
    Refusal::TooLarge { kind: Kind::Tiff }.into()
}

struct Tiff<'a, 'b, 'w, 'l, R> {
    file: File<'a, 'b, R>,
    work: &'w mut Work<'l>,
    found: BTreeSet<Found>,
    /// How many bytes of the file strips may still point at: each byte belongs to one of them.
    left: u64,
}

impl<R: Read + Seek> Tiff<'_, '_, '_, '_, R> {
    /// The pages that stay, of the chain that begins at `first`.
    fn pages(&mut self, first: u64) -> Result<Vec<Page>, CleanError> {
        let mut seen = BTreeSet::new();
        let (mut full, mut reduced) = (Vec::new(), None);
        let mut next = first;
        while next != 0 && seen.insert(next) {
            self.work.member(Kind::Tiff)?;
            if seen.len() > MAX_PAGES {
                return Err(Refusal::TooLarge { kind: Kind::Tiff }.into());
            }
            let page = match self.file.directory(next)? {
                Some(directory) => {
                    next = directory.next;
                    self.page(&directory)?
                }
                None => None,
            };
            match page {
                Some((page, false)) => full.push(page),
                Some((page, true)) => {
                    self.found.insert(Found::Preview);
                    if reduced.is_some() {
                        self.left += page.held();
                    } else {
                        reduced = Some(page);
                    }
                }
                // decoders end at a directory that they cannot read
                None => {
                    self.found.insert(Found::Other);
                    break;
                }
            }
        }
        match reduced {
            Some(reduced) if full.is_empty() => full.push(reduced),
            Some(reduced) => self.left += reduced.held(),
            None => {}
        }
        if full.is_empty() { Err(damaged()) } else { Ok(full) }
    }

    /// A page, and whether it is a smaller copy of another.
    fn page(&mut self, directory: &Directory) -> Result<Option<(Page, bool)>, CleanError> {
        self.refuse_raw(directory)?;
        self.tell(directory)?;
        let kind = self.file.number(directory, tag::NEW_SUBFILE_TYPE)?.unwrap_or(0);
        let old_kind = self.file.number(directory, tag::SUBFILE_TYPE)?.unwrap_or(0);
        let reduced = kind & 1 == 1 || old_kind == 2;
        if reduced && directory.has(tag::SUB_IFDS) && directory.has(tag::MAKE) {
            return Err(raw_photo());
        }
        let Some(page) = Page::read(&mut self.file, directory)? else {
            return Ok(None);
        };
        if page.pixels() > self.work.limits().pixels {
            return Err(Refusal::TooLarge { kind: Kind::Tiff }.into());
        }
        for _ in 0..page.segments() {
            self.work.member(Kind::Tiff)?;
        }
        // before the next page is read: a thousand may share one table in the file, and none does in memory
        self.spend(page.held())?;
        Ok(Some((page, reduced)))
    }

    /// Refuses what a camera wrote for its maker's programs, by what only such files have.
    fn refuse_raw(&mut self, directory: &Directory) -> Result<(), CleanError> {
        let mut all = Vec::new();
        for at in self.file.numbers(directory, tag::SUB_IFDS, 16)?.unwrap_or_default() {
            all.extend(self.file.directory(at)?);
        }
        for directory in all.iter().chain([directory]) {
            let compression = self.file.number(directory, tag::COMPRESSION)?.unwrap_or(1);
            let photometric = self.file.number(directory, tag::PHOTOMETRIC)?.unwrap_or(0);
            // colour filter array and linear raw; the compressions of Sony, Samsung, Nikon, DNG, Kodak and Pentax
            let raw = matches!(photometric, 32803 | 34892)
                || matches!(compression, 262 | 32767 | 32769 | 32770 | 32867 | 34713 | 34892)
                || matches!(compression, 65000 | 65535)
                || directory.has(tag::DNG_VERSION)
                || directory.has(tag::CFA_PATTERN);
            if raw {
                return Err(raw_photo());
            }
        }
        Ok(())
    }

    /// Says which metadata a directory holds.
    fn tell(&mut self, directory: &Directory) -> Result<(), CleanError> {
        for entry in directory.entries() {
            let found = match entry.tag {
                tag::EXIF | tag::GPS => {
                    let gps = entry.tag == tag::GPS;
                    let at = self.file.number(directory, entry.tag)?.unwrap_or(0);
                    if let Some(inner) = self.file.directory(at)? {
                        let tell =
                            |tag| if gps { traces::gps_tag(tag) } else { traces::exif_tag(tag) };
                        self.found.extend(inner.entries().filter_map(|entry| tell(entry.tag)));
                    }
                    None
                }
                tag::XMP => {
                    let packet = self.file.bytes(directory, tag::XMP, 64 << 10)?;
                    self.found.extend(traces::xmp(&packet.unwrap_or_default()));
                    None
                }
                tag::SUB_IFDS => Some(Found::Preview),
                tag::DOCUMENT_NAME | tag::PAGE_NAME => Some(Found::Comment),
                // GeoTIFF
                33550 | 33920 | 33922 | 34264 | 34735..=34737 => Some(Found::Location),
                tag::WHITE_POINT | tag::CHROMATICITIES | tag::TRANSFER_FUNCTION => {
                    Some(Found::ColourProfile)
                }
                known if page::is_layout(known) => None,
                other => traces::exif_tag(other),
            };
            self.found.extend(found);
        }
        Ok(())
    }

    /// What becomes of a page: its fields but those that say where the data lies, and the data.
    fn page_data(&mut self, page: &Page) -> Result<(Vec<Field>, Data), CleanError> {
        let mut data = Data::new(page);
        let fields = if page.is_old_jpeg() {
            self.old_jpeg(page, &mut data)?
        } else {
            for index in 0..page.segments() {
                self.segment(page, index, &mut data)?;
            }
            page.fields(self.file.order())
        };
        let outside: u64 = fields.iter().map(|field| field.outside() as u64).sum();
        self.spend(outside.saturating_sub(page.held()))?;
        Ok((fields, data))
    }
}

#[cfg(test)]
mod tests;
