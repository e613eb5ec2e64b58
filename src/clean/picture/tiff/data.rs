//! A page's strips or tiles: how much of each decoding needs, and where it lies in the cleaned file.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::{Decompress, FlushDecompress, Status};

use super::{
    Tiff, damaged,
    page::{Page, compression, tag},
    too_large,
    write::{Field, Order},
};
use crate::clean::{
    CleanError, Found, Kind, Refusal,
    input::Input,
    picture::{
        jpeg,
        lzw::{Form, Lzw},
    },
    replay::Pieces,
};

/// What of a page's data stays.
#[derive(Default)]
pub(super) struct Data {
    pub(super) pieces: Pieces,
    tiled: bool,
    /// Where each strip begins in `pieces`, and its length.
    segments: Vec<(u64, u64)>,
}

impl Data {
    pub(super) fn new(page: &Page) -> Self {
        Self { tiled: page.tile.is_some() && !page.is_old_jpeg(), ..Self::default() }
    }

    /// The fields that say where the data lies, if it begins at `start`; None if a number is too large for them.
    pub(super) fn fields(&self, order: Order, start: u64) -> Option<[Field; 2]> {
        let (mut offsets, mut counts) = (Vec::new(), Vec::new());
        for &(at, len) in &self.segments {
            // a strip without data is nowhere
            let at = if len == 0 { 0 } else { start + at };
            offsets.push(u32::try_from(at).ok()?);
            counts.push(u32::try_from(len).ok()?);
        }
        let [offsets_tag, counts_tag] = if self.tiled {
            [tag::TILE_OFFSETS, tag::TILE_COUNTS]
        } else {
            [tag::STRIP_OFFSETS, tag::STRIP_COUNTS]
        };
        Some([Field::longs(order, offsets_tag, &offsets), Field::longs(order, counts_tag, &counts)])
    }

    fn keep(&mut self, pieces: Pieces) -> Result<(), CleanError> {
        self.segments.push((self.pieces.len(), pieces.len()));
        self.pieces.join(pieces).map_err(too_large)
    }
}

/// Bytes of the file, and whether bits are taken from the lowest on, as FillOrder 2 has them (TIFF 6.0 §8).
#[derive(Clone, Copy)]
struct Strip {
    from: u64,
    len: u64,
    reversed: bool,
}

impl<R: Read + Seek> Tiff<'_, '_, '_, '_, R> {
    /// Keeps what a strip or tile needs.
    pub(super) fn segment(
        &mut self,
        page: &Page,
        index: usize,
        data: &mut Data,
    ) -> Result<(), CleanError> {
        let len = self.file.len();
        let Some((from, count)) = page.segment(index).filter(|&(from, _)| (8..len).contains(&from))
        else {
            return data.keep(Pieces::default());
        };
        let rest = len - from;
        let decoded = page.decoded_bytes(index);
        // a count of nothing where rows are not compressed is a known mistake
        let told = count.filter(|&count| count > 0 || page.compression != compression::NONE);
        let told = told.unwrap_or(rest).min(rest);
        let strip = Strip { from, len: told, reversed: page.fill_order == 2 };
        let kept = match page.compression {
            compression::NONE => decoded.min(told),
            _ if told == 0 => 0,
            compression::JPEG => return self.jpeg(from, told, data),
            compression::LZW => self.lzw_bytes(strip, decoded)?,
            compression::PACK_BITS => self.pack_bits_bytes(strip, decoded)?,
            compression::DEFLATE | compression::OLD_DEFLATE => self.deflate_bytes(strip)?,
            _ if count.is_none() => return Err(damaged()),
            _ => told,
        };
        if kept < told && count.is_some() {
            self.found.insert(Found::Trailing);
        }
        self.spend(kept)?;
        let mut pieces = Pieces::default();
        pieces.copy(from, from + kept).map_err(too_large)?;
        data.keep(pieces)
    }

    /// Counts what is copied: strips that lie over each other would make a file larger than it was.
    pub(super) fn spend(&mut self, bytes: u64) -> Result<(), CleanError> {
        self.left = self.left.checked_sub(bytes).ok_or_else(damaged)?;
        Ok(())
    }

    /// A strip or tile that is a JPEG stream.
    fn jpeg(&mut self, from: u64, len: u64, data: &mut Data) -> Result<(), CleanError> {
        self.spend(len)?;
        let limits = self.work.limits();
        let mut section = Section { input: self.file.input, from, len, at: 0 };
        let mut input = Input::new(&mut section)?;
        if !input.window(2)?.starts_with(&[0xff, 0xd8]) {
            return Err(damaged());
        }
        let cleaned = jpeg::clean(&mut input, limits).map_err(in_tiff)?;
        let (report, pieces) = cleaned.into_parts();
        self.found.extend(report.found);
        data.keep(pieces.within(from))
    }

    /// The one stream of a page in old JPEG, which must be whole and of the page's size, and the page's fields.
    pub(super) fn old_jpeg(
        &mut self,
        page: &Page,
        data: &mut Data,
    ) -> Result<Vec<Field>, CleanError> {
        let (from, len) = page.stream.ok_or_else(super::unsupported)?;
        let len = len.min(self.file.len().saturating_sub(from));
        self.file.input.seek(from)?;
        let order = self.file.order();
        let fields = jpeg::frame_size(self.file.input.window(64 << 10)?)
            .and_then(|(size, sampling)| page.old_jpeg_fields(order, size, &sampling));
        let fields = fields.ok_or_else(super::unsupported)?;
        self.jpeg(from, len, data)?;
        Ok(fields)
    }

    /// Bytes of an LZW stream until its rows are full or it ends.
    fn lzw_bytes(&mut self, strip: Strip, decoded: u64) -> Result<u64, CleanError> {
        let len = strip.len;
        // LZW of before TIFF 6.0 takes bits in the other order; how to tell is libtiff's knowledge
        let mut head = Vec::new();
        self.walk(Strip { len: len.min(2), ..strip }, |bytes| {
            head.extend_from_slice(bytes);
            false
        })?;
        let is_old = matches!(*head, [0, second] if second & 1 == 1);
        let mut lzw = Lzw::new(if is_old { Form::Gif } else { Form::Tiff }, 8, decoded);
        let end = self.walk(strip, |bytes| lzw.feed(bytes).is_some())?;
        Ok(match end {
            true => (lzw.consumed() + u64::from(lzw.end_code().1)).div_ceil(8).min(len),
            false => len,
        })
    }

    /// Bytes of a PackBits stream until its rows are full (TIFF 6.0 §9).
    fn pack_bits_bytes(&mut self, strip: Strip, decoded: u64) -> Result<u64, CleanError> {
        let (mut used, mut left, mut literal) = (0, decoded, 0_u64);
        let mut repeat = None;
        let full = self.walk(strip, |bytes| {
            for &byte in bytes {
                used += 1;
                if let Some(count) = repeat.take() {
                    left = left.saturating_sub(count);
                } else if literal > 0 {
                    literal -= 1;
                    left = left.saturating_sub(1);
                } else {
                    match byte {
                        0..=127 => literal = u64::from(byte) + 1,
                        128 => {}
                        _ => repeat = Some(257 - u64::from(byte)),
                    }
                }
                if left == 0 {
                    return true;
                }
            }
            false
        })?;
        Ok(if full { used } else { strip.len })
    }

    /// Bytes of a zlib stream.
    fn deflate_bytes(&mut self, strip: Strip) -> Result<u64, CleanError> {
        let mut inflater = Decompress::new(true);
        let mut out = vec![0; 64 << 10];
        let mut made = 0;
        let mut broken = false;
        let most = self.work.inflatable();
        let ended = self.walk(strip, |mut bytes| {
            loop {
                let before = (inflater.total_in(), inflater.total_out());
                let status = inflater.decompress(bytes, &mut out, FlushDecompress::None);
                let read = inflater.total_in() - before.0;
                bytes =
                    bytes.get(usize::try_from(read).unwrap_or(usize::MAX)..).unwrap_or_default();
                let wrote = inflater.total_out() - before.1;
                made += wrote;
                match status {
                    Ok(Status::StreamEnd) => return true,
                    Ok(_) if made <= most && (wrote == out.len() as u64 || !bytes.is_empty()) => {
                        if read == 0 && wrote == 0 {
                            return false;
                        }
                    }
                    Ok(_) => return made > most,
                    Err(_) => {
                        broken = true;
                        return true;
                    }
                }
            }
        })?;
        self.work.inflated(Kind::Tiff, made)?;
        if broken {
            return Err(damaged());
        }
        Ok(if ended { inflater.total_in() } else { strip.len })
    }

    /// Hands a strip's bytes to `take`, as decoders see them, until it says that it has enough; whether it did.
    fn walk(
        &mut self,
        Strip { from, len, reversed }: Strip,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<bool> {
        let mut turned = Vec::new();
        let input = &mut self.file.input;
        input.seek(from)?;
        let mut left = len;
        while left > 0 {
            let window = input.window(1)?;
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let window = window.get(..most).unwrap_or(window);
            let read = window.len();
            if read == 0 {
                break;
            }
            turned.clear();
            if reversed {
                turned.extend(window.iter().map(|byte| byte.reverse_bits()));
            }
            if take(if reversed { &turned } else { window }) {
                return Ok(true);
            }
            input.consume(read);
            left -= read as u64;
        }
        Ok(false)
    }
}

/// A refusal of what lies in a TIFF, as one of the TIFF.
fn in_tiff(error: CleanError) -> CleanError {
    match error {
        CleanError::Refused(Refusal::TooLarge { .. }) => {
            Refusal::TooLarge { kind: Kind::Tiff }.into()
        }
        CleanError::Refused(Refusal::Unsupported { .. }) => super::unsupported(),
        CleanError::Refused(_) => damaged(),
        error @ CleanError::Io(_) => error,
    }
}

/// A part of the file as a file of its own.
struct Section<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    from: u64,
    len: u64,
    at: u64,
}

impl<R: Read + Seek> Read for Section<'_, '_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        self.input.seek(self.from + self.at)?;
        let window = self.input.window(usize::from(left > 0))?;
        let count = window.len().min(left).min(buf.len());
        for (to, from) in
            buf.get_mut(..count).unwrap_or_default().chunks_mut(count.max(1)).zip([window])
        {
            to.copy_from_slice(from.get(..count).unwrap_or_default());
        }
        self.input.consume(count);
        self.at += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Section<'_, '_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
