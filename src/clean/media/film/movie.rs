//! `moov`: tracks of pictures and sound are read, everything else is told and left behind.

use std::io::{Read, Seek};

use super::{
    entry::{self, Dialect, Entry, Told},
    fields::Fields,
    model::{Edit, Medium, Movie, Track},
    reader::{Film, named},
    traces,
};
use crate::clean::{CleanError, Found, Kind, Refusal, media::boxes::BoxHeader};

/// The most tracks and sample entries; nobody's film has as many.
const MOST_TRACKS: usize = 256;
const MOST_ENTRIES: u32 = 64;
/// The most edits of a track.
const MOST_EDITS: u32 = 1 << 12;
/// The most bytes of a sample entry: parameter sets, and profiles that are dropped.
const ENTRY: usize = 4 << 20;
/// The most bytes of all sample entries that are kept.
const ALL_ENTRIES: usize = 4 << 20;
/// The most tracks that may be told to hold chapters.
const MOST_CHAPTERS: usize = 1 << 12;

/// A track that is read, or what is known of one that is not kept.
enum Read1 {
    Kept(Box<Track>, Vec<u32>),
    /// What it shows cannot be decoded here.
    UnknownCodec(Medium),
    Dropped(Vec<u32>),
}

impl<R: Read + Seek> Film<'_, '_, R> {
    /// Reads `moov`.
    pub(super) fn movie(&mut self, moov: &BoxHeader) -> Result<Movie, CleanError> {
        let children = self.inside(moov)?;
        if named(&children, b"cmov").is_some() {
            return Err(Refusal::Unsupported { kind: self.kind }.into());
        }
        let Some(mut movie) = self.movie_header(&children)? else {
            return Err(self.damaged());
        };
        let (mut chapters, mut unknown) = (Vec::new(), Vec::new());
        for child in &children {
            match &child.name {
                b"mvhd" => {}
                b"trak" => match self.track(child)? {
                    Read1::Kept(track, lists) => {
                        if movie.tracks.len() >= MOST_TRACKS {
                            return Err(self.too_large());
                        }
                        movie.tracks.push(*track);
                        chapters.extend(lists);
                    }
                    Read1::UnknownCodec(medium) => unknown.push(medium),
                    Read1::Dropped(lists) => chapters.extend(lists),
                },
                _ => self.tell(child)?,
            }
        }
        if chapters.len() > MOST_CHAPTERS {
            return Err(self.too_large());
        }
        let before = movie.tracks.len();
        movie.tracks.retain(|track| !chapters.contains(&track.number));
        if movie.tracks.len() < before {
            self.found.insert(Found::Preview);
        }
        // what is shown or heard may not vanish: only what is there a second time
        let lost = |medium: &Medium| !movie.tracks.iter().any(|track| track.medium == *medium);
        if unknown.iter().any(lost) {
            return Err(Refusal::Unsupported { kind: self.kind }.into());
        }
        movie.gapless = self.gapless;
        if movie.tracks.is_empty() && named(&children, b"trak").is_some() {
            return Err(self.damaged());
        }
        Ok(movie)
    }

    /// `mvhd` (ISO/IEC 14496-12 §8.2.2).
    fn movie_header(&mut self, children: &[BoxHeader]) -> Result<Option<Movie>, CleanError> {
        let Some(header) = named(children, b"mvhd") else {
            return Ok(None);
        };
        let payload = self.load(&header, 256)?;
        let mut fields = Fields::new(&payload);
        let read = (|| {
            let [version, ..] = fields.array::<4>()?;
            let times = (fields.sized(version)?, fields.sized(version)?);
            let timescale = fields.u32()?;
            let duration = fields.sized(version)?;
            let unknown = if version == 0 { u32::MAX.into() } else { u64::MAX };
            fields.bytes(16)?;
            let duration = if duration == unknown { 0 } else { duration };
            Some((times, timescale, duration, fields.words()?))
        })();
        Ok(read.map(|(times, timescale, duration, matrix)| {
            self.tell_times(times);
            let timescale = timescale.max(1);
            Movie { timescale, duration, matrix, tracks: Vec::new(), gapless: None }
        }))
    }

    fn tell_times(&mut self, (made, changed): (u64, u64)) {
        if made != 0 || changed != 0 {
            self.found.insert(Found::Time);
        }
    }

    fn track(&mut self, trak: &BoxHeader) -> Result<Read1, CleanError> {
        let children = self.inside(trak)?;
        let mut lists = Vec::new();
        for child in &children {
            match &child.name {
                b"tkhd" | b"mdia" | b"edts" => {}
                b"tref" => lists = self.chapter_lists(child)?,
                _ => self.tell(child)?,
            }
        }
        let mdia = match named(&children, b"mdia") {
            Some(mdia) => self.inside(&mdia)?,
            None => Vec::new(),
        };
        let handler = self.handler(&mdia)?;
        let medium = match handler {
            Some(ref handler) if handler == b"vide" => Medium::Picture,
            Some(ref handler) if handler == b"soun" => Medium::Sound,
            handler => {
                self.found.insert(handler.map_or(Found::Other, traces::track));
                return Ok(Read1::Dropped(lists));
            }
        };
        let minf = match named(&mdia, b"minf") {
            Some(minf) => self.inside(&minf)?,
            None => Vec::new(),
        };
        let tables = match named(&minf, b"stbl") {
            Some(stbl) => self.inside(&stbl)?,
            None => Vec::new(),
        };
        let (Some(tkhd), Some(mdhd)) = (named(&children, b"tkhd"), named(&mdia, b"mdhd")) else {
            self.found.insert(Found::Other);
            return Ok(Read1::Dropped(lists));
        };
        let entries = match self.entries(&tables, &minf, medium)? {
            Some(entries) if !entries.is_empty() => entries,
            Some(_) => {
                self.found.insert(Found::Other);
                return Ok(Read1::Dropped(lists));
            }
            None => {
                self.found.insert(Found::Other);
                return Ok(Read1::UnknownCodec(medium));
            }
        };
        let edits = match named(&children, b"edts") {
            Some(edts) => self.edits(&edts)?,
            None => Vec::new(),
        };
        let samples = self.samples(&tables, medium, &entries)?;
        let track = self.track_header(&tkhd, &mdhd, |track| Track {
            medium,
            edits,
            entries,
            samples,
            ..track
        })?;
        Ok(match track {
            Some(track) => Read1::Kept(Box::new(track), lists),
            None => Read1::Dropped(lists),
        })
    }

    /// Numbers of the tracks that hold the names and pictures of this one's chapters.
    fn chapter_lists(&mut self, tref: &BoxHeader) -> Result<Vec<u32>, CleanError> {
        let mut numbers = Vec::new();
        for reference in self.inside(tref)? {
            if reference.name == *b"chap" {
                let payload = self.load(&reference, 4 * MOST_TRACKS)?;
                let (words, _) = payload.as_chunks::<4>();
                numbers.extend(words.iter().map(|word| u32::from_be_bytes(*word)));
            }
        }
        Ok(numbers)
    }

    /// `hdlr` (§8.4.3): the handler's type; its vendor, flags and name are told.
    fn handler(&mut self, mdia: &[BoxHeader]) -> Result<Option<[u8; 4]>, CleanError> {
        let Some(hdlr) = named(mdia, b"hdlr") else {
            return Ok(None);
        };
        let payload = self.load(&hdlr, 1024)?;
        let mut fields = Fields::new(&payload);
        fields.bytes(8);
        let handler = fields.array();
        if fields.rest().iter().any(|&byte| byte != 0) {
            self.found.insert(Found::Software);
        }
        Ok(handler)
    }

    /// `tkhd` and `mdhd` (§8.3.2, §8.4.2).
    fn track_header(
        &mut self,
        tkhd: &BoxHeader,
        mdhd: &BoxHeader,
        fill: impl FnOnce(Track) -> Track,
    ) -> Result<Option<Track>, CleanError> {
        let (tkhd, mdhd) = (self.load(tkhd, 256)?, self.load(mdhd, 256)?);
        let (mut head, mut media) = (Fields::new(&tkhd), Fields::new(&mdhd));
        let read = (|| {
            let [version, .., flags] = head.array::<4>()?;
            let times = (head.sized(version)?, head.sized(version)?);
            let number = head.u32()?;
            head.u32()?;
            head.sized(version)?;
            head.u64()?;
            let (layer, alternate_group) = (head.u16()?, head.u16()?);
            head.u32()?;
            let (matrix, shown) = (head.words()?, head.words()?);
            let [version, ..] = media.array::<4>()?;
            let media_times = (media.sized(version)?, media.sized(version)?);
            let timescale = media.u32()?;
            let unknown = if version == 0 { u32::MAX.into() } else { u64::MAX };
            let duration = media.sized(version)?;
            let language = media.u16().unwrap_or(super::write::UNDETERMINED);
            let track = Track {
                number,
                medium: Medium::Picture,
                enabled: flags & 1 != 0,
                layer,
                alternate_group,
                matrix,
                shown,
                edits: Vec::new(),
                timescale: timescale.max(1),
                duration: if duration == unknown { 0 } else { duration },
                entries: Vec::new(),
                samples: super::model::Samples::default(),
            };
            Some((track, times, media_times, language))
        })();
        Ok(read.map(|(track, times, media_times, language)| {
            self.tell_times(times);
            self.tell_times(media_times);
            // QuickTime's 0 is English to some and nothing to most
            if ![0, super::write::UNDETERMINED].contains(&language) {
                self.found.insert(Found::Other);
            }
            fill(track)
        }))
    }

    /// `elst` (§8.6.6).
    fn edits(&mut self, edts: &BoxHeader) -> Result<Vec<Edit>, CleanError> {
        let children = self.inside(edts)?;
        let Some(elst) = named(&children, b"elst") else {
            return Ok(Vec::new());
        };
        let payload = self.load(&elst, 20 * MOST_EDITS as usize)?;
        let mut fields = Fields::new(&payload);
        let mut edits = Vec::new();
        let version = fields.array::<4>().map_or(0, |[version, ..]| version);
        let count = fields.u32().unwrap_or(0);
        if count > MOST_EDITS {
            return Err(self.too_large());
        }
        self.hold((payload.len() / 12).min(count as usize) as u64)?;
        for _ in 0..count {
            let edit = (|| {
                let duration = fields.sized(version)?;
                let media_time = match version {
                    0 => fields.u32()?.cast_signed().into(),
                    _ => fields.u64()?.cast_signed(),
                };
                Some(Edit { duration, media_time, rate: fields.u32()? })
            })();
            edits.extend(edit);
        }
        Ok(edits)
    }

    /// `stsd` (§8.5.2) written anew; None if a codec is not known here.
    fn entries(
        &mut self,
        tables: &[BoxHeader],
        minf: &[BoxHeader],
        medium: Medium,
    ) -> Result<Option<Vec<Entry>>, CleanError> {
        let Some(stsd) = named(tables, b"stsd") else {
            return Ok(Some(Vec::new()));
        };
        let here = self.data_references(minf)?;
        let head = self.load(&stsd, 8)?;
        let mut fields = Fields::new(&head);
        let version = fields.array::<4>().map_or(0, |[version, ..]| version);
        let count = fields.u32().unwrap_or(0).min(MOST_ENTRIES);
        let dialect = match (self.kind, version) {
            (Kind::Mov, _) => Dialect::QuickTime,
            (_, 0) => Dialect::QuickTimeInIso,
            _ => Dialect::Iso,
        };
        let mut entries = Vec::new();
        for header in self.children(stsd.payload + 8, stsd.end)?.iter().take(count as usize) {
            let payload = self.load(header, ENTRY)?;
            let told = match medium {
                Medium::Picture => entry::picture(header.name, &payload, &mut self.found),
                Medium::Sound => entry::sound(header.name, &payload, dialect, &mut self.found),
            };
            let reference = payload.get(6..).and_then(|rest| rest.first_chunk());
            let reference = reference.map_or(1, |reference| u16::from_be_bytes(*reference));
            match told {
                Told::Entry(entry)
                    if here.get(usize::from(reference.max(1)) - 1) != Some(&false) =>
                {
                    self.entry_bytes = self.entry_bytes.saturating_add(entry.bytes.len());
                    if self.entry_bytes > ALL_ENTRIES {
                        return Err(self.too_large());
                    }
                    entries.push(entry);
                }
                // the samples are in another file
                Told::Entry(_) => return Ok(Some(Vec::new())),
                Told::Unknown => return Ok(None),
                Told::Encrypted => return Err(Refusal::Encrypted { kind: self.kind }.into()),
            }
        }
        Ok(Some(entries))
    }

    /// `dref` (§8.7.2): of each reference whether it means this file.
    fn data_references(&mut self, minf: &[BoxHeader]) -> Result<Vec<bool>, CleanError> {
        let Some(dinf) = named(minf, b"dinf") else {
            return Ok(Vec::new());
        };
        let children = self.inside(&dinf)?;
        let Some(dref) = named(&children, b"dref") else {
            return Ok(Vec::new());
        };
        let mut here = Vec::new();
        for reference in self.children(dref.payload + 8, dref.end)? {
            let flags = self.load(&reference, 4)?;
            let self_contained = flags.get(3).is_none_or(|flags| flags & 1 != 0);
            let has_place = reference.end - reference.payload > 4;
            if has_place {
                self.found.insert(Found::Other);
            }
            here.push(self_contained || !has_place);
        }
        Ok(here)
    }
}
