//! The media data: the samples of kept tracks, chunk by chunk in the order of the original file and nothing between
//! them, less the parts of samples that are left out ([`streams`]).

use std::io::{Cursor, Read, Seek};

use super::{
    entry::{Mpeg4Part, Stream, mpeg4_parts},
    model::{Movie, Samples, Sizes},
    reader::Film,
    streams::{self, AV1_HEADER, Av1Header, Unit},
};
use crate::clean::{
    CleanError, Found, Kind, Refusal,
    input::Input,
    picture::jpeg,
    replay::{Pieces, TooManyPieces},
};

/// The largest sample that is worked on in memory.
const MOST_SAMPLE: u64 = 32 << 20;
/// The most bytes of an SEI that are looked at, and of the beginning of an AAC sample.
const LOOK: usize = 16 << 10;
/// The most bytes that are written anew, of all samples together.
const MOST_WRITTEN: u64 = 32 << 20;
/// ProRes' frame header (SMPTE RDD 36 §5.1): a size, `icpf`, a length, a version, then the encoder.
const PRORES_ENCODER: u64 = 12;

/// A chunk on its way to its new place.
struct Slot {
    offset: u64,
    /// Whether there is something in it: at one offset, empty chunks come first.
    filled: bool,
    track: u16,
    chunk: u32,
}

struct Data<'f, 'a, 'i, R> {
    film: &'f mut Film<'a, 'i, R>,
    pieces: Pieces,
    /// A sample that is worked on.
    buffer: Vec<u8>,
    /// Bytes that are written anew.
    written: u64,
}

impl<R: Read + Seek> Film<'_, '_, R> {
    /// Plans the media data, of which the original has `bytes`; chunks then have their new places and samples their new
    /// sizes.
    pub(super) fn media_data(
        &mut self,
        movie: &mut Movie,
        bytes: u64,
    ) -> Result<Pieces, CleanError> {
        let len = self.input.len();
        for track in &mut movie.tracks {
            let whole = whole_samples(&track.samples, len);
            track.samples.truncate(whole);
        }
        let slots = slots(movie);
        let kept: u64 = slots.iter().map(|slot| slot.bytes(movie)).sum();
        if kept > len {
            // chunks that lie on each other: nothing that is played needs that
            return Err(self.damaged());
        }
        if kept < bytes {
            self.found.insert(Found::Other);
        }
        let mut data =
            Data { film: self, pieces: Pieces::default(), buffer: Vec::new(), written: 0 };
        for slot in slots {
            let place = data.pieces.len();
            let Some(track) = movie.tracks.get_mut(usize::from(slot.track)) else {
                continue;
            };
            let index = slot.chunk as usize;
            let end = track.samples.chunk_end(index);
            let Some(chunk) = track.samples.chunks.get_mut(index) else {
                continue;
            };
            let (first, entry) = (chunk.first, usize::from(chunk.entry));
            chunk.offset = place;
            let stream = track.entries.get(entry).map_or(Stream::Opaque, |entry| entry.stream);
            data.chunk(slot.offset, stream, &mut track.samples, first, end)?;
        }
        Ok(data.pieces)
    }
}

/// How many samples, from the first on, lie in a file of `len` bytes. One that is cut off and those behind it are lost,
/// also to players.
fn whole_samples(samples: &Samples, len: u64) -> u32 {
    for (index, chunk) in samples.chunks.iter().enumerate() {
        let end = samples.chunk_end(index);
        if chunk.offset.saturating_add(samples.bytes(chunk.first, end)) <= len {
            continue;
        }
        let room = len.saturating_sub(chunk.offset);
        let fits = |count: &u32| samples.bytes(chunk.first, chunk.first + count) <= room;
        let count = end.saturating_sub(chunk.first);
        return match &samples.sizes {
            Sizes::Each(_) => {
                let mut left = room;
                let sizes = (chunk.first..end).map(|at| samples.bytes(at, at + 1));
                let whole = sizes.take_while(|&size| {
                    let fits = size <= left;
                    left = left.saturating_sub(size);
                    fits
                });
                chunk.first + u32::try_from(whole.count()).unwrap_or(0)
            }
            Sizes::Same(bytes) => {
                let whole = room / u64::from(*bytes).max(1);
                chunk.first + u32::try_from(whole).unwrap_or(count).min(count)
            }
            Sizes::Packed { bytes, samples: packet } => {
                let whole = room / u64::from(*bytes).max(1) * u64::from(*packet);
                let whole = u32::try_from(whole).unwrap_or(count).min(count);
                chunk.first + Some(whole).filter(fits).unwrap_or(0)
            }
        };
    }
    samples.count
}

/// All chunks in the order of the original.
fn slots(movie: &Movie) -> Vec<Slot> {
    let count = movie.tracks.iter().map(|track| track.samples.chunks.len()).sum();
    let mut slots = Vec::with_capacity(count);
    for (index, track) in movie.tracks.iter().enumerate() {
        for (at, chunk) in track.samples.chunks.iter().enumerate() {
            let bytes = track.samples.bytes(chunk.first, track.samples.chunk_end(at));
            let (Ok(track), Ok(at)) = (u16::try_from(index), u32::try_from(at)) else {
                continue;
            };
            slots.push(Slot { offset: chunk.offset, filled: bytes > 0, track, chunk: at });
        }
    }
    slots.sort_unstable_by_key(|slot| (slot.offset, slot.filled, slot.track, slot.chunk));
    slots
}

impl Slot {
    fn bytes(&self, movie: &Movie) -> u64 {
        let samples = movie.tracks.get(usize::from(self.track)).map(|track| &track.samples);
        samples.map_or(0, |samples| {
            let index = self.chunk as usize;
            let first = samples.chunks.get(index).map_or(0, |chunk| chunk.first);
            samples.bytes(first, samples.chunk_end(index))
        })
    }
}

impl<R: Read + Seek> Data<'_, '_, '_, R> {
    /// The chunk at `offset` with the samples `first..end`.
    fn chunk(
        &mut self,
        offset: u64,
        stream: Stream,
        samples: &mut Samples,
        first: u32,
        end: u32,
    ) -> Result<(), CleanError> {
        if stream == Stream::Opaque {
            return self.copy(offset, offset + samples.bytes(first, end));
        }
        let Sizes::Each(sizes) = &mut samples.sizes else {
            return Err(self.film.damaged());
        };
        let mut from = offset;
        for size in sizes.get_mut(first as usize..end as usize).unwrap_or_default() {
            let to = from + u64::from(*size);
            let place = self.pieces.len();
            if from < to {
                self.sample(stream, from, to)?;
            }
            let new = self.pieces.len() - place;
            *size = u32::try_from(new).map_err(|_| self.film.too_large())?;
            from = to;
        }
        Ok(())
    }

    /// The sample `from..to`, which is not empty and does not become so.
    fn sample(&mut self, stream: Stream, from: u64, to: u64) -> Result<(), CleanError> {
        let place = self.pieces.len();
        match stream {
            Stream::Opaque => self.copy(from, to)?,
            Stream::Avc { length } | Stream::Hevc { length } => {
                self.nal_units(from, to, length, matches!(stream, Stream::Hevc { .. }))?;
            }
            Stream::Av1 => self.av1_units(from, to)?,
            Stream::Aac => self.aac(from, to)?,
            Stream::ProRes => self.prores(from, to)?,
            Stream::Mpeg4 => self.mpeg4(from, to)?,
            Stream::Jpeg => self.jpeg(from, to)?,
        }
        if self.pieces.len() == place {
            // a delimiter: to players an empty sample is the end
            let zeros = |length: u8| vec![0; usize::from(length).saturating_sub(1)];
            let nothing = match stream {
                Stream::Avc { length } => [zeros(length), vec![2, 0x09, 0xf0]].concat(),
                Stream::Hevc { length } => [zeros(length), vec![3, 0x46, 0x01, 0x50]].concat(),
                Stream::Av1 => vec![0x12, 0],
                // to decoders a picture that is left out
                Stream::Mpeg4 => vec![0x7f],
                _ => return Ok(()),
            };
            self.literal(&nothing)?;
        }
        Ok(())
    }

    /// NAL units, each behind `length` bytes of its length. What is behind a broken length is lost, also to decoders.
    fn nal_units(
        &mut self,
        from: u64,
        to: u64,
        length: u8,
        is_hevc: bool,
    ) -> Result<(), CleanError> {
        let prefix = usize::from(length);
        let mut at = from;
        while at < to {
            self.film.input.seek(at)?;
            let window = self.film.input.window(prefix + 2)?;
            let Some((bytes, unit)) = window.split_at_checked(prefix) else {
                break;
            };
            let size = bytes.iter().fold(0, |size, &byte| size << 8 | u64::from(byte));
            let start = at + u64::from(length);
            let end = start + size;
            if end > to {
                self.film.found.insert(Found::Other);
                break;
            }
            let told = match (unit, is_hevc) {
                ([first, second, ..], true) if size >= 2 => {
                    streams::hevc_unit([*first, *second], size)
                }
                ([first, ..], false) if size >= 1 => streams::avc_unit(*first, size),
                _ => Unit::Structure,
            };
            match told {
                Unit::Kept => self.copy(at, end)?,
                Unit::Structure => {}
                Unit::Sei if is_hevc => {
                    self.film.found.insert(Found::Other);
                }
                Unit::Sei => self.avc_sei(start, end, length)?,
                Unit::Other => {
                    self.film.found.insert(Found::Other);
                }
            }
            at = end;
        }
        Ok(())
    }

    fn avc_sei(&mut self, start: u64, end: u64, length: u8) -> Result<(), CleanError> {
        self.film.input.seek(start)?;
        let size = usize::try_from(end - start).unwrap_or(LOOK).min(LOOK);
        let window = self.film.input.window(size)?;
        let sei = streams::sei(window.get(..size).unwrap_or(window));
        if sei.user_data {
            self.film.found.insert(Found::Software);
        } else if sei.more {
            self.film.found.insert(Found::Other);
        }
        if let Some(unit) = sei.recovery_point {
            let size = u8::try_from(unit.len()).unwrap_or(0);
            let mut prefix = vec![0; usize::from(length).saturating_sub(1)];
            prefix.push(size);
            self.literal(&[prefix, unit].concat())?;
        }
        Ok(())
    }

    /// AV1's OBUs. What is behind a broken one is lost, also to decoders.
    fn av1_units(&mut self, from: u64, to: u64) -> Result<(), CleanError> {
        let mut at = from;
        while at < to {
            self.film.input.seek(at)?;
            let window = self.film.input.window(AV1_HEADER)?;
            let Some(header) = Av1Header::read(window) else {
                break;
            };
            let behind = at + header.length as u64;
            let end = header.payload.map_or(to, |payload| behind.saturating_add(payload));
            if end > to || behind > end {
                self.film.found.insert(Found::Other);
                break;
            }
            if header.is_kept() {
                self.copy(at, end)?;
            } else if matches!(header.kind, 5 | 7 | 8) {
                self.film.found.insert(Found::Other);
            }
            at = end;
        }
        Ok(())
    }

    fn aac(&mut self, from: u64, to: u64) -> Result<(), CleanError> {
        self.film.input.seek(from)?;
        let size = usize::try_from(to - from).unwrap_or(LOOK).min(LOOK);
        // most samples begin with a channel element
        let window = self.film.input.window(1)?;
        let begins = window.first().is_some_and(|first| matches!(first >> 5, 4 | 6));
        let mut copied = from;
        if begins {
            let window = self.film.input.window(size)?;
            let emptied = streams::aac_beginning(window.get(..size).unwrap_or(window));
            if let Some(emptied) = emptied {
                self.film.found.insert(Found::Software);
                self.literal(&emptied)?;
                copied += emptied.len() as u64;
            }
        }
        self.copy(copied, to)
    }

    fn prores(&mut self, from: u64, to: u64) -> Result<(), CleanError> {
        self.film.input.seek(from)?;
        let window = self.film.input.window(16)?;
        let (name, encoder) = (window.get(4..8), window.get(12..16));
        if to - from < 16 || name != Some(b"icpf".as_slice()) || encoder == Some(b"apl0".as_slice())
        {
            return self.copy(from, to);
        }
        self.film.found.insert(Found::Software);
        self.copy(from, from + PRORES_ENCODER)?;
        self.literal(b"apl0")?;
        self.copy(from + PRORES_ENCODER + 4, to)
    }

    fn mpeg4(&mut self, from: u64, to: u64) -> Result<(), CleanError> {
        self.load(from, to)?;
        let sample = std::mem::take(&mut self.buffer);
        let mut found = std::mem::take(&mut self.film.found);
        let planned = mpeg4_parts(&sample, &mut found, |part| match part {
            Mpeg4Part::Kept(range) => self.copy(from + range.start as u64, from + range.end as u64),
            Mpeg4Part::Written(bytes) => self.literal(bytes),
        });
        self.film.found.extend(found);
        self.buffer = sample;
        planned
    }

    fn jpeg(&mut self, from: u64, to: u64) -> Result<(), CleanError> {
        self.load(from, to)?;
        let sample = std::mem::take(&mut self.buffer);
        let mut file = Cursor::new(&sample);
        let mut input = Input::new(&mut file)?;
        // a frame that does not begin as a picture is none
        let begins = input.window(2)?.starts_with(b"\xff\xd8");
        let cleaned = if begins {
            jpeg::clean(&mut input, self.film.limits)
        } else {
            Err(self.film.damaged())
        };
        self.buffer = sample;
        let cleaned = cleaned.map_err(|error| match error {
            CleanError::Refused(_) => {
                Refusal::Inside { kind: self.film.kind, inner: Kind::Jpeg }.into()
            }
            io @ CleanError::Io(_) => io,
        })?;
        self.count_written(cleaned.held())?;
        let (report, pieces) = cleaned.into_parts();
        self.film.found.extend(report.found);
        // into the blocks that are there: one of its own for each frame would take more than the frames
        self.pieces.join(pieces.within(from)).map_err(|TooManyPieces| self.film.too_large())
    }

    fn load(&mut self, from: u64, to: u64) -> Result<(), CleanError> {
        if to - from > MOST_SAMPLE {
            return Err(self.film.too_large());
        }
        self.film.read(from, to, &mut self.buffer)
    }

    fn copy(&mut self, from: u64, to: u64) -> Result<(), CleanError> {
        self.pieces.copy(from, to).map_err(|TooManyPieces| self.film.too_large())
    }

    fn literal(&mut self, bytes: &[u8]) -> Result<(), CleanError> {
        self.count_written(bytes.len() as u64)?;
        self.pieces.literal(bytes).map_err(|TooManyPieces| self.film.too_large())
    }

    fn count_written(&mut self, bytes: u64) -> Result<(), CleanError> {
        self.written = self.written.saturating_add(bytes);
        if self.written > MOST_WRITTEN { Err(self.film.too_large()) } else { Ok(()) }
    }
}
