//! Movie fragments (ISO/IEC 14496-12 §8.8): their samples are put behind those of `moov`, as if the film had been written
//! in one go.

use std::{
    collections::BTreeMap,
    io::{Read, Seek},
};

use super::{
    fields::Fields,
    model::{Chunk, Edit, Medium, Movie, Sizes, Track},
    reader::{Film, named},
};
use crate::clean::{CleanError, media::boxes::BoxHeader};

/// Flags of samples that are no sync samples (§8.8.3.1): so called, or such as depend on others.
const NOT_SYNC: u32 = 0x0101_0000;

/// What holds where a fragment says nothing else (`trex`, then `tfhd`).
#[derive(Clone, Copy, Default)]
struct Defaults {
    track: u32,
    entry: u32,
    duration: u32,
    size: u32,
    flags: u32,
}

/// Fragments of a film so far.
#[derive(Default)]
pub(super) struct Fragments {
    defaults: BTreeMap<u32, Defaults>,
    /// When each track's first fragment begins, where it is not its first sample: its index and its time.
    starts: Vec<(usize, u64)>,
    any: bool,
}

/// Where the data of the next run begins.
struct Place {
    base: u64,
    next: u64,
}

impl<R: Read + Seek> Film<'_, '_, R> {
    /// Reads `mvex` in `moov`.
    pub(super) fn fragment_defaults(&mut self, moov: &BoxHeader) -> Result<Fragments, CleanError> {
        let mut fragments = Fragments::default();
        let children = self.inside(moov)?;
        let Some(mvex) = named(&children, b"mvex") else {
            return Ok(fragments);
        };
        for trex in self.inside(&mvex)? {
            let payload = self.load(&trex, 24)?;
            let mut fields = Fields::new(&payload);
            fields.u32();
            let mut next = || fields.u32();
            if let (true, Some(track), Some(entry), Some(duration), Some(size), Some(flags)) =
                (trex.name == *b"trex", next(), next(), next(), next(), next())
            {
                let defaults = Defaults { track, entry, duration, size, flags };
                fragments.defaults.entry(track).or_insert(defaults);
            }
        }
        Ok(fragments)
    }

    /// Reads one `moof`.
    pub(super) fn fragment(
        &mut self,
        moof: &BoxHeader,
        movie: &mut Movie,
        fragments: &mut Fragments,
    ) -> Result<(), CleanError> {
        fragments.any = true;
        let mut data_end = moof.start;
        for traf in self.inside(moof)? {
            if traf.name != *b"traf" {
                if traf.name != *b"mfhd" {
                    self.tell(&traf)?;
                }
                continue;
            }
            let children = self.inside(&traf)?;
            if let Some(end) = self.track_fragment(moof, data_end, &children, movie, fragments)? {
                data_end = end;
            }
        }
        Ok(())
    }

    /// One `traf`; gives where its data ends.
    fn track_fragment(
        &mut self,
        moof: &BoxHeader,
        data_end: u64,
        children: &[BoxHeader],
        movie: &mut Movie,
        fragments: &mut Fragments,
    ) -> Result<Option<u64>, CleanError> {
        let Some(tfhd) = named(children, b"tfhd") else {
            return Ok(None);
        };
        let payload = self.load(&tfhd, 64)?;
        let Some((defaults, base)) = fragment_header(&payload, fragments, moof.start, data_end)
        else {
            return Ok(None);
        };
        let index = movie.tracks.iter().position(|track| track.number == defaults.track);
        let mut place = Place { base, next: base };
        if let (Some(index), Some(tfdt)) = (index, named(children, b"tfdt")) {
            let payload = self.load(&tfdt, 12)?;
            let mut fields = Fields::new(&payload);
            let version = fields.array::<4>().map_or(0, |[version, ..]| version);
            if let (Some(time), Some(track)) = (fields.sized(version), movie.tracks.get_mut(index))
            {
                begin_at(track, index, time, fragments);
            }
        }
        if let Some(track) = index.and_then(|index| movie.tracks.get_mut(index)) {
            self.separate_sizes(track)?;
        }
        for run in children.iter().filter(|child| child.name == *b"trun") {
            let track = index.and_then(|index| movie.tracks.get_mut(index));
            self.run(run, &defaults, &mut place, track)?;
        }
        Ok(Some(place.next))
    }

    /// Gives each sample before the fragments a size of its own: theirs may be others.
    fn separate_sizes(&mut self, track: &mut Track) -> Result<(), CleanError> {
        let samples = &mut track.samples;
        let size = match samples.sizes {
            Sizes::Each(_) => return Ok(()),
            Sizes::Same(size) | Sizes::Packed { bytes: size, samples: 1 } => size,
            Sizes::Packed { .. } if samples.count == 0 => 0,
            Sizes::Packed { .. } => return Err(self.damaged()),
        };
        self.hold(samples.count.into())?;
        samples.sizes = Sizes::Each(vec![size; samples.count as usize]);
        Ok(())
    }

    /// One `trun` (§8.8.8): a chunk. Of a track that is dropped only where its data ends is of interest.
    fn run(
        &mut self,
        trun: &BoxHeader,
        defaults: &Defaults,
        place: &mut Place,
        track: Option<&mut Track>,
    ) -> Result<(), CleanError> {
        self.input.seek(trun.payload)?;
        let (Some(head), Some(count)) = (self.word(trun)?, self.word(trun)?) else {
            return Ok(());
        };
        if head & 1 != 0 {
            let offset = self.word(trun)?.unwrap_or(0).cast_signed();
            place.next = place.base.saturating_add_signed(offset.into());
        }
        let first_flags = if head & 4 != 0 { self.word(trun)? } else { None };
        if track.is_none() && head & 0xf00 == 0 {
            // samples of one size
            let bytes = u64::from(count) * u64::from(defaults.size);
            place.next = place.next.saturating_add(bytes);
            return Ok(());
        }
        let offset = place.next;
        let mut added = Added::new(track, defaults, offset);
        for at in 0..count {
            let mut field = |flag: u32, default: u32| -> Result<Option<u32>, CleanError> {
                if head & flag == 0 { Ok(Some(default)) } else { self.word(trun) }
            };
            let duration = field(0x100, defaults.duration)?;
            let size = field(0x200, defaults.size)?;
            let own = field(0x400, defaults.flags)?;
            let shift = field(0x800, 0)?;
            let (Some(duration), Some(size), Some(own), Some(shift)) = (duration, size, own, shift)
            else {
                break;
            };
            let flags = first_flags.filter(|_| at == 0 && head & 0x400 == 0).unwrap_or(own);
            self.hold(added.rows())?;
            added.sample(duration, size, flags, shift);
            place.next = place.next.saturating_add(size.into());
        }
        Ok(())
    }

    fn word(&mut self, within: &BoxHeader) -> Result<Option<u32>, CleanError> {
        if self.input.position() + 4 > within.end {
            return Ok(None);
        }
        Ok(self.input.take::<4>()?.map(u32::from_be_bytes))
    }
}

/// `tfhd` (§8.8.7): what holds in this fragment, and from where its data is counted.
fn fragment_header(
    payload: &[u8],
    fragments: &Fragments,
    moof: u64,
    data_end: u64,
) -> Option<(Defaults, u64)> {
    let mut fields = Fields::new(payload);
    let (flags, track) = (fields.u32()?, fields.u32()?);
    let known = fragments.defaults.get(&track);
    let mut defaults =
        known.copied().unwrap_or(Defaults { track, entry: 1, ..Defaults::default() });
    let base = if flags & 1 != 0 { Some(fields.u64()?) } else { None };
    for (flag, value) in [
        (2, &mut defaults.entry),
        (8, &mut defaults.duration),
        (0x10, &mut defaults.size),
        (0x20, &mut defaults.flags),
    ] {
        if flags & flag != 0 {
            *value = fields.u32()?;
        }
    }
    let implied = if flags & 0x02_0000 != 0 { moof } else { data_end };
    Some((defaults, base.unwrap_or(implied)))
}

/// A fragment says when it begins (§8.8.12). A gap lengthens the sample before; the first one's time is kept for edits.
fn begin_at(track: &mut Track, index: usize, time: u64, fragments: &mut Fragments) {
    let samples = &mut track.samples;
    let start = fragments.starts.iter().find(|start| start.0 == index).map_or(0, |start| start.1);
    let reached = samples.lasting.saturating_add(start);
    if samples.count == 0 {
        if time > 0 && start == 0 {
            fragments.starts.push((index, time));
        }
    } else if time != reached {
        let last = u64::from(samples.durations.last().unwrap_or(0));
        let longer = last.saturating_add(time).saturating_sub(reached);
        if let Ok(longer) = u32::try_from(longer) {
            samples.durations.truncate(samples.count - 1);
            samples.durations.push(1, longer);
            samples.lasting = samples.lasting.saturating_sub(last).saturating_add(longer.into());
        }
    }
}

/// The samples of one run, as they are added to a track.
struct Added<'a> {
    track: Option<&'a mut Track>,
    chunk: Option<Chunk>,
}

impl<'a> Added<'a> {
    fn new(track: Option<&'a mut Track>, defaults: &Defaults, offset: u64) -> Self {
        let chunk = track.as_ref().map(|track| {
            let entry = (defaults.entry.max(1) as usize).min(track.entries.len()).saturating_sub(1);
            let entry = u16::try_from(entry).unwrap_or(0);
            Chunk { offset, first: track.samples.count, entry }
        });
        Self { track, chunk }
    }

    /// How many rows of tables a sample may add.
    const fn rows(&self) -> u64 {
        if self.track.is_some() { 2 } else { 0 }
    }

    fn sample(&mut self, duration: u32, size: u32, flags: u32, shift: u32) {
        let Some(track) = &mut self.track else {
            return;
        };
        let samples = &mut track.samples;
        if samples.count == u32::MAX {
            return;
        }
        samples.chunks.extend(self.chunk.take());
        let is_sync = track.medium == Medium::Sound || flags & NOT_SYNC == 0;
        let count = samples.count;
        if !is_sync && samples.sync.is_none() {
            samples.sync = Some((1..=count).collect());
        }
        if let (true, Some(sync)) = (is_sync, &mut samples.sync) {
            sync.push(count + 1);
        }
        if let Sizes::Each(sizes) = &mut samples.sizes {
            sizes.push(size);
        }
        samples.offsets.push(count - samples.offsets.count, 0);
        samples.count += 1;
        samples.durations.push(1, duration);
        samples.lasting = samples.lasting.saturating_add(duration.into());
        samples.offsets.push(1, shift.cast_signed());
    }
}

impl Fragments {
    /// Makes edits say what the fragments said: when tracks begin beside each other, and how long they are.
    pub(super) fn finish(self, movie: &mut Movie) {
        if !self.any {
            return;
        }
        // what `mvhd` and `mdhd` say was said before there were fragments
        movie.duration = 0;
        let timescale = movie.timescale;
        let scaled = |time: u64, from: u32, to: u32| {
            let scaled = u128::from(time) * u128::from(to) / u128::from(from.max(1));
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        let starts: Vec<i64> = movie
            .tracks
            .iter_mut()
            .enumerate()
            .map(|(index, track)| {
                let first = self.starts.iter().find(|start| start.0 == index);
                let first = first.map_or(0, |start| scaled(start.1, track.timescale, timescale));
                // in fragments players hear what edits would cut off before the beginning: it begins earlier
                let before = match track.edits.as_slice() {
                    [edit] if track.medium == Medium::Sound => {
                        u64::try_from(edit.media_time).unwrap_or(0)
                    }
                    _ => 0,
                };
                if before > 0 {
                    track.edits.clear();
                }
                let before = scaled(before, track.timescale, timescale);
                let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
                signed(first).saturating_sub(signed(before))
            })
            .collect();
        let earliest = starts.iter().copied().min().unwrap_or(0);
        for (track, start) in movie.tracks.iter_mut().zip(starts) {
            track.samples.fit();
            track.duration = 0;
            let whole = scaled(track.samples.duration(), track.timescale, timescale);
            if let Some(last) = track.edits.last_mut().filter(|last| last.duration == 0) {
                last.duration = whole;
            }
            let wait = start.abs_diff(earliest);
            if wait > 0 {
                if track.edits.is_empty() {
                    track.edits.push(Edit { duration: whole, media_time: 0, rate: 1 << 16 });
                }
                track.edits.insert(0, Edit { duration: wait, media_time: -1, rate: 1 << 16 });
            }
        }
    }
}
