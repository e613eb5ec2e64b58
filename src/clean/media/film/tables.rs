//! The sample tables (ISO/IEC 14496-12 §8.6, §8.7, §8.9): read row by row, counted before they are held.
//!
//! Tables that disagree are taken as players take them: `stsz` says how many samples there are, and the last row of
//! another table goes on. Left out are `sdtp`, `subs`, `saiz`, `saio`, `padb`, `stdp` and groups other than those of
//! [`GROUPS`]; `cslg` is computed anew.

use std::io::{Read, Seek};

use super::{
    entry::{Entry, Stream},
    model::{Chunk, Group, Medium, Runs, Samples, Sizes},
    reader::{Film, named},
};
use crate::clean::{CleanError, media::boxes::BoxHeader};

/// Groups that decoding is begun by, with the length of their descriptions: roll distance, pre-roll, random access
/// point, sync sample (ISO/IEC 14496-12 §10, ISO/IEC 14496-15 §8.4.4).
const GROUPS: [([u8; 4], usize); 4] = [(*b"roll", 2), (*b"prol", 2), (*b"rap ", 1), (*b"sync", 1)];
/// The most descriptions of a group.
const MOST_DESCRIPTIONS: u32 = 256;

impl<R: Read + Seek> Film<'_, '_, R> {
    /// The tables of a track whose sample entries are `entries`.
    pub(super) fn samples(
        &mut self,
        tables: &[BoxHeader],
        medium: Medium,
        entries: &[Entry],
    ) -> Result<Samples, CleanError> {
        let mut samples = Samples::default();
        if let Some(stts) = named(tables, b"stts") {
            self.rows::<8>(&stts, |[count, duration]| {
                let added = samples.durations.runs.len();
                samples.durations.push(count, duration);
                samples.durations.runs.len() - added
            })?;
        }
        self.sizes(tables, medium, entries, &mut samples)?;
        if let Some(ctts) = named(tables, b"ctts") {
            self.rows::<8>(&ctts, |[count, offset]| {
                let added = samples.offsets.runs.len();
                samples.offsets.push(count, offset.cast_signed());
                samples.offsets.runs.len() - added
            })?;
        }
        if let Some(stss) = named(tables, b"stss") {
            samples.sync = Some(self.numbers(&stss)?);
        }
        if let Some(stps) = named(tables, b"stps") {
            samples.partial_sync = self.numbers(&stps)?;
        }
        self.chunks(tables, entries.len(), &mut samples)?;
        self.groups(tables, &mut samples)?;
        samples.fit();
        samples.lasting = samples.duration();
        Ok(samples)
    }

    /// Reads a table of rows of `BYTES` bytes, each as two numbers (the second 0 in rows of four bytes); `row` says how
    /// many rows it came to hold.
    fn rows<const BYTES: usize>(
        &mut self,
        table: &BoxHeader,
        mut row: impl FnMut([u32; 2]) -> usize,
    ) -> Result<(), CleanError> {
        self.input.seek(table.payload + 4)?;
        let Some(count) = self.input.take::<4>()?.map(u32::from_be_bytes) else {
            return Ok(());
        };
        for _ in 0..count {
            if self.input.position() + BYTES as u64 > table.end {
                break;
            }
            let Some(bytes) = self.input.take::<BYTES>()? else {
                break;
            };
            let word = |at: usize| {
                let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
                word.map_or(0, |word| u32::from_be_bytes(*word))
            };
            let held = row([word(0), word(4)]);
            self.hold(held as u64)?;
        }
        Ok(())
    }

    /// Sample numbers that rise.
    fn numbers(&mut self, table: &BoxHeader) -> Result<Vec<u32>, CleanError> {
        let mut numbers = Vec::new();
        self.rows::<4>(table, |[number, _]| {
            let rises = numbers.last().is_none_or(|&last| last < number);
            if rises {
                numbers.push(number);
            }
            rises.into()
        })?;
        Ok(numbers)
    }

    /// `stsz` or `stz2` (§8.7.3).
    fn sizes(
        &mut self,
        tables: &[BoxHeader],
        medium: Medium,
        entries: &[Entry],
        samples: &mut Samples,
    ) -> Result<(), CleanError> {
        let Some(table) = named(tables, b"stsz").or_else(|| named(tables, b"stz2")) else {
            return Ok(());
        };
        self.input.seek(table.payload + 4)?;
        let (Some(same), Some(count)) = (self.input.take::<4>()?, self.input.take::<4>()?) else {
            return Ok(());
        };
        let (same, count) = (u32::from_be_bytes(same), u32::from_be_bytes(count));
        let end = table.end;
        let mut sizes = Vec::new();
        if table.name == *b"stz2" {
            let bits = same & 0xff;
            while sizes.len() < count as usize && self.input.position() < end {
                let Some([byte]) = self.input.take::<1>()? else {
                    break;
                };
                self.hold(if bits == 4 { 2 } else { 1 })?;
                match bits {
                    4 => sizes.extend([u32::from(byte >> 4), u32::from(byte & 15)]),
                    8 => sizes.push(byte.into()),
                    _ => {
                        let low = self.input.take::<1>()?.map_or(0, |[low]| low);
                        sizes.push(u16::from_be_bytes([byte, low]).into());
                    }
                }
            }
            sizes.truncate(count as usize);
        } else if same == 0 {
            while sizes.len() < count as usize && self.input.position() + 4 <= end {
                let Some(size) = self.input.take::<4>()? else {
                    break;
                };
                self.hold(1)?;
                sizes.push(u32::from_be_bytes(size));
            }
        } else {
            samples.count = count;
            samples.sizes = self.same_sizes(same, count, medium, entries, samples)?;
            return Ok(());
        }
        samples.count = u32::try_from(sizes.len()).unwrap_or(0);
        samples.sizes = Sizes::Each(sizes);
        Ok(())
    }

    /// All samples of one size. Of sound whose samples last one unit each players believe the format, not the table:
    /// QuickTime wrote 1 for whatever a sample took.
    fn same_sizes(
        &mut self,
        same: u32,
        count: u32,
        medium: Medium,
        entries: &[Entry],
        samples: &Samples,
    ) -> Result<Sizes, CleanError> {
        let each_one = matches!(samples.durations.runs.as_slice(), [(_, 1)]);
        if medium == Medium::Sound && each_one {
            let packed = entries.first().and_then(|entry| entry.packed);
            let (bytes, samples) = packed.unwrap_or((same, 1));
            return Ok(Sizes::Packed { bytes, samples });
        }
        if entries.iter().all(|entry| entry.stream == Stream::Opaque) {
            return Ok(Sizes::Same(same));
        }
        // what is left out of a sample changes its size
        self.hold(count.into())?;
        Ok(Sizes::Each(vec![same; count as usize]))
    }

    /// `stsc` with `stco` or `co64` (§8.7.4, §8.7.5).
    fn chunks(
        &mut self,
        tables: &[BoxHeader],
        entries: usize,
        samples: &mut Samples,
    ) -> Result<(), CleanError> {
        let mut runs: Vec<[u32; 3]> = Vec::new();
        if let Some(stsc) = named(tables, b"stsc") {
            self.input.seek(stsc.payload + 4)?;
            let count = self.input.take::<4>()?.map_or(0, u32::from_be_bytes);
            while runs.len() < count as usize && self.input.position() + 12 <= stsc.end {
                let Some(row) = self.input.take::<12>()? else {
                    break;
                };
                self.hold(1)?;
                let (rows, _) = row.as_chunks::<4>();
                let mut words = rows.iter().map(|word| u32::from_be_bytes(*word));
                runs.push([(); 3].map(|()| words.next().unwrap_or(0)));
            }
        }
        let (table, wide) = match (named(tables, b"stco"), named(tables, b"co64")) {
            (Some(stco), _) => (stco, false),
            (None, Some(co64)) => (co64, true),
            (None, None) => {
                // nobody knows where they are
                samples.truncate(0);
                return Ok(());
            }
        };
        let mut first = 0_u32;
        let mut run = 0;
        let mut chunks: Vec<Chunk> = Vec::new();
        let count = samples.count;
        self.rows_of_offsets(&table, wide, |offset| {
            let number = u32::try_from(chunks.len() + 1).unwrap_or(u32::MAX);
            while runs.get(run + 1).is_some_and(|[next, ..]| *next <= number) {
                run += 1;
            }
            let [_, in_chunk, entry] = runs.get(run).copied().unwrap_or([1, 0, 1]);
            // players take entries that are not there for the last one
            let entry = (entry.max(1) as usize).min(entries) - 1;
            chunks.push(Chunk { offset, first, entry: u16::try_from(entry).unwrap_or(0) });
            first = first.saturating_add(in_chunk).min(count);
            first < count
        })?;
        samples.chunks = chunks;
        samples.truncate(first);
        Ok(())
    }

    /// Offsets, as long as `chunk` wants more.
    fn rows_of_offsets(
        &mut self,
        table: &BoxHeader,
        wide: bool,
        mut chunk: impl FnMut(u64) -> bool,
    ) -> Result<(), CleanError> {
        self.input.seek(table.payload + 4)?;
        let count = self.input.take::<4>()?.map_or(0, u32::from_be_bytes);
        let width = if wide { 8 } else { 4 };
        for _ in 0..count {
            if self.input.position() + width > table.end {
                break;
            }
            let offset = if wide {
                self.input.take::<8>()?.map(u64::from_be_bytes)
            } else {
                self.input.take::<4>()?.map(|offset| u32::from_be_bytes(offset).into())
            };
            let Some(offset) = offset else {
                break;
            };
            self.hold(1)?;
            if !chunk(offset) {
                break;
            }
        }
        Ok(())
    }

    /// `sgpd` and `sbgp` (§8.9) of the types in [`GROUPS`].
    fn groups(&mut self, tables: &[BoxHeader], samples: &mut Samples) -> Result<(), CleanError> {
        let mut seen = Vec::new();
        for table in tables.iter().filter(|table| table.name == *b"sbgp") {
            if seen.len() == GROUPS.len() {
                break;
            }
            self.input.seek(table.payload)?;
            let (Some([version, ..]), Some(kind)) =
                (self.input.take::<4>()?, self.input.take::<4>()?)
            else {
                continue;
            };
            let Some((_, length)) = GROUPS.iter().find(|group| group.0 == kind) else {
                continue;
            };
            // the first of a kind counts; all descriptions are looked through once for each kind
            if seen.contains(&kind) {
                continue;
            }
            seen.push(kind);
            let descriptions = self.descriptions(tables, kind, *length)?;
            if descriptions.is_empty() {
                continue;
            }
            // of version 1 a parameter lies before the rows
            let before = if version == 0 { 4 } else { 8 };
            let rows = BoxHeader { payload: table.payload + before, ..*table };
            let mut runs = Runs::default();
            self.rows::<8>(&rows, |[count, index]| {
                let added = runs.runs.len();
                let inside = usize::try_from(index).is_ok_and(|index| index <= descriptions.len());
                runs.push(count, if inside { index } else { 0 });
                runs.runs.len() - added
            })?;
            samples.groups.push(Group { kind, descriptions, samples: runs });
        }
        samples.groups.sort_by_key(|group| group.kind);
        Ok(())
    }

    /// The descriptions of groups of `kind`, if all have `length` bytes.
    fn descriptions(
        &mut self,
        tables: &[BoxHeader],
        kind: [u8; 4],
        length: usize,
    ) -> Result<Vec<Vec<u8>>, CleanError> {
        for table in tables.iter().filter(|table| table.name == *b"sgpd") {
            let payload = self.load(table, 4096)?;
            let mut fields = super::fields::Fields::new(&payload);
            let read = (|| {
                let [version, ..] = fields.array::<4>()?;
                if fields.array::<4>()? != kind {
                    return None;
                }
                let default =
                    if version == 1 { fields.u32()? } else { u32::try_from(length).ok()? };
                if version > 1 {
                    fields.u32()?;
                }
                let mut descriptions = Vec::new();
                for _ in 0..fields.u32()?.min(MOST_DESCRIPTIONS) {
                    let own = if default == 0 { fields.u32()? } else { default };
                    let description = fields.bytes(usize::try_from(own).ok()?)?;
                    descriptions.push(description.get(..length)?.to_vec());
                }
                Some(descriptions)
            })();
            if let Some(descriptions) = read {
                return Ok(descriptions);
            }
        }
        Ok(Vec::new())
    }
}
