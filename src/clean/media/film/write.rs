//! `ftyp` and `moov` written anew: the same boxes with the same fields in the same order for every film of a kind, so
//! that nothing tells which program or device wrote it.

use super::{
    fields::{put_sized, put16, put32, write_box, write_full_box},
    model::{Edit, Group, IDENTITY, Medium, Movie, Runs, Samples, Sizes, Track, upright},
};
use crate::clean::Kind;

/// ISO 639-2 `und`, packed (ISO/IEC 14496-12 §8.4.2.3): a phone's language tells where its owner comes from.
pub(super) const UNDETERMINED: u16 = 0x55c4;

/// What the kinds differ in: brands (minor version 0), and QuickTime's own handler types.
const fn brands(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Mov => b"qt  \0\0\0\0qt  ",
        Kind::ThreeGp => b"3gp6\0\0\0\x003gp6isom",
        Kind::M4a => b"M4A \0\0\0\0M4A isommp42",
        _ => b"isom\0\0\0\0isomiso4mp42",
    }
}

/// Everything before the payload of `mdat`, which has `data` bytes.
pub(super) fn head(kind: Kind, movie: &Movie, data: u64) -> Vec<u8> {
    // offsets have the same length whatever they are, so that a first try tells where the data begins
    let mut is_wide = false;
    let mut begin = write_head(kind, movie, data, (0, is_wide)).len() as u64;
    if begin.saturating_add(data) > u32::MAX.into() {
        is_wide = true;
        begin = write_head(kind, movie, data, (0, is_wide)).len() as u64;
    }
    write_head(kind, movie, data, (begin, is_wide))
}

/// `place`: where the data begins, and whether offsets have eight bytes.
fn write_head(kind: Kind, movie: &Movie, data: u64, place: (u64, bool)) -> Vec<u8> {
    let mut out = Vec::with_capacity(room(movie));
    write_box(&mut out, b"ftyp", |out| out.extend_from_slice(brands(kind)));
    write_box(&mut out, b"moov", |out| {
        movie_header(out, movie);
        for (track, number) in movie.tracks.iter().zip(1..) {
            write_box(out, b"trak", |out| write_track(out, kind, movie, track, number, place));
        }
        if let (Some(gapless), Some(track)) = (movie.gapless, movie.tracks.last()) {
            write_gapless(out, &gapless.text(track.media_duration()));
        }
    });
    match u32::try_from(data.saturating_add(8)) {
        Ok(length) => {
            put32(&mut out, &[length]);
            out.extend_from_slice(b"mdat");
        }
        Err(_) => {
            put32(&mut out, &[1]);
            out.extend_from_slice(b"mdat");
            out.extend_from_slice(&(data + 16).to_be_bytes());
        }
    }
    out
}

/// About as many bytes as the tables take, so that they are not moved while they are written.
fn room(movie: &Movie) -> usize {
    let tables = movie.tracks.iter().map(|track| {
        let samples = &track.samples;
        let sizes = if let Sizes::Each(sizes) = &samples.sizes { sizes.len() } else { 0 };
        let entries: usize = track.entries.iter().map(|entry| entry.bytes.len()).sum();
        let runs = samples.durations.runs.len() + samples.offsets.runs.len();
        let sync = samples.sync.as_ref().map_or(0, Vec::len);
        1024 + entries + 4 * (sizes + sync) + 8 * (runs + samples.chunks.len())
    });
    1024 + tables.sum::<usize>()
}

fn scaled(time: u64, from: u32, to: u32) -> u64 {
    let scaled = u128::from(time) * u128::from(to) / u128::from(from.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

impl Track {
    /// How long the samples last, in the track's timescale: players take the shorter of what `mdhd` and `stts` say.
    fn media_duration(&self) -> u64 {
        let whole = self.samples.duration();
        match (whole, self.duration) {
            (0, told) => told,
            (whole, 0) => whole,
            (whole, told) => whole.min(told),
        }
    }

    /// How long the track is shown, in the movie's timescale.
    fn shown_duration(&self, movie: &Movie) -> u64 {
        if self.edits.is_empty() {
            return scaled(self.media_duration(), self.timescale, movie.timescale);
        }
        self.edits.iter().fold(0, |sum, edit| sum.saturating_add(edit.duration))
    }
}

/// 1 where a number needs eight bytes.
fn version(largest: u64) -> u8 {
    u8::from(largest > u32::MAX.into())
}

impl Movie {
    /// As long as the longest track. What `mvhd` says is believed within a second: programs round, and leave out what
    /// the last frame of sound has too much; beyond that it tells of a track that is gone.
    fn shown_duration(&self) -> u64 {
        let longest = self.tracks.iter().map(|track| track.shown_duration(self)).max().unwrap_or(0);
        let differs = longest.abs_diff(self.duration);
        if self.duration > 0 && differs < self.timescale.into() { self.duration } else { longest }
    }
}

/// `mvhd` (ISO/IEC 14496-12 §8.2.2): no times, the usual rate and volume.
fn movie_header(out: &mut Vec<u8>, movie: &Movie) {
    let duration = movie.shown_duration();
    let version = version(duration);
    write_full_box(out, b"mvhd", version, 0, |out| {
        put_sized(out, version, 0);
        put_sized(out, version, 0);
        put32(out, &[movie.timescale]);
        put_sized(out, version, duration);
        put32(out, &[1 << 16]);
        put16(out, &[1 << 8, 0]);
        out.extend_from_slice(&[0; 8]);
        put32(out, &upright(movie.matrix, [0, 0]));
        out.extend_from_slice(&[0; 24]);
        put32(out, &[u32::try_from(movie.tracks.len() + 1).unwrap_or(u32::MAX)]);
    });
}

fn write_track(
    out: &mut Vec<u8>,
    kind: Kind,
    movie: &Movie,
    track: &Track,
    number: u32,
    place: (u64, bool),
) {
    let shown = track.shown_duration(movie);
    let wide = version(shown);
    // enabled or not; in the movie
    let flags = 2 | u8::from(track.enabled);
    write_full_box(out, b"tkhd", wide, flags, |out| {
        put_sized(out, wide, 0);
        put_sized(out, wide, 0);
        put32(out, &[number, 0]);
        put_sized(out, wide, shown);
        put32(out, &[0, 0]);
        match track.medium {
            Medium::Picture => {
                put16(out, &[track.layer, track.alternate_group, 0, 0]);
                put32(out, &upright(track.matrix, track.shown));
                put32(out, &track.shown);
            }
            Medium::Sound => {
                put16(out, &[0, track.alternate_group, 1 << 8, 0]);
                put32(out, &IDENTITY);
                put32(out, &[0, 0]);
            }
        }
    });
    if !track.edits.is_empty() {
        write_box(out, b"edts", |out| edit_list(out, &track.edits));
    }
    write_box(out, b"mdia", |out| {
        let duration = track.media_duration();
        let wide = version(duration);
        write_full_box(out, b"mdhd", wide, 0, |out| {
            put_sized(out, wide, 0);
            put_sized(out, wide, 0);
            put32(out, &[track.timescale]);
            put_sized(out, wide, duration);
            put16(out, &[UNDETERMINED, 0]);
        });
        let (media, header): (&[u8; 4], _) = match track.medium {
            Medium::Picture => (b"vide", b"vmhd"),
            Medium::Sound => (b"soun", b"smhd"),
        };
        handler(out, if kind == Kind::Mov { b"mhlr" } else { b"\0\0\0\0" }, media);
        write_box(out, b"minf", |out| {
            match track.medium {
                Medium::Picture => write_full_box(out, header, 0, 1, |out| put32(out, &[0, 0])),
                Medium::Sound => write_full_box(out, header, 0, 0, |out| put32(out, &[0])),
            }
            if kind == Kind::Mov {
                handler(out, b"dhlr", b"url ");
            }
            write_box(out, b"dinf", |out| {
                write_full_box(out, b"dref", 0, 0, |out| {
                    put32(out, &[1]);
                    // 1: in this file
                    write_full_box(out, b"url ", 0, 1, |_| {});
                });
            });
            write_box(out, b"stbl", |out| sample_tables(out, kind, track, place));
        });
    });
}

/// `hdlr` with an empty name, which is one zero both as a string and with a length before it.
fn handler(out: &mut Vec<u8>, component: &[u8; 4], media: &[u8; 4]) {
    write_full_box(out, b"hdlr", 0, 0, |out| {
        out.extend_from_slice(component);
        out.extend_from_slice(media);
        out.extend_from_slice(&[0; 13]);
    });
}

/// iTunes' item for sound without gaps, which players look for where there is no edit list.
fn write_gapless(out: &mut Vec<u8>, text: &str) {
    write_box(out, b"udta", |out| {
        write_full_box(out, b"meta", 0, 0, |out| {
            handler(out, b"\0\0\0\0", b"mdir");
            write_box(out, b"ilst", |out| {
                write_box(out, b"----", |out| {
                    write_full_box(out, b"mean", 0, 0, |out| {
                        out.extend_from_slice(b"com.apple.iTunes");
                    });
                    write_full_box(out, b"name", 0, 0, |out| out.extend_from_slice(b"iTunSMPB"));
                    // 1: text in UTF-8, of no language
                    write_full_box(out, b"data", 0, 1, |out| {
                        put32(out, &[0]);
                        out.extend_from_slice(text.as_bytes());
                    });
                });
            });
        });
    });
}

fn edit_list(out: &mut Vec<u8>, edits: &[Edit]) {
    let narrow = |edit: &Edit| {
        u32::try_from(edit.duration).is_ok() && i32::try_from(edit.media_time).is_ok()
    };
    let version = u8::from(!edits.iter().all(narrow));
    write_full_box(out, b"elst", version, 0, |out| {
        put32(out, &[u32::try_from(edits.len()).unwrap_or(0)]);
        for edit in edits {
            put_sized(out, version, edit.duration);
            match i32::try_from(edit.media_time) {
                Ok(time) if version == 0 => put32(out, &[time.cast_unsigned()]),
                _ => out.extend_from_slice(&edit.media_time.to_be_bytes()),
            }
            put32(out, &[edit.rate]);
        }
    });
}

/// `stbl` (§8.5.1).
fn sample_tables(out: &mut Vec<u8>, kind: Kind, track: &Track, place: (u64, bool)) {
    let samples = &track.samples;
    write_full_box(out, b"stsd", 0, 0, |out| {
        put32(out, &[u32::try_from(track.entries.len()).unwrap_or(0)]);
        for entry in &track.entries {
            out.extend_from_slice(&entry.bytes);
        }
    });
    table(out, b"stts", 0, &samples.durations.runs, |out, &(count, duration)| {
        put32(out, &[count, duration]);
    });
    if samples.offsets.count > 0 {
        let negative = samples.offsets.runs.iter().any(|run| run.1 < 0);
        // QuickTime's are signed in version 0
        let version = u8::from(negative && kind != Kind::Mov);
        table(out, b"ctts", version, &samples.offsets.runs, |out, &(count, offset)| {
            put32(out, &[count, offset.cast_unsigned()]);
        });
        if negative {
            composition(out, samples);
        }
    }
    if let Some(sync) = &samples.sync {
        table(out, b"stss", 0, sync, |out, &number| put32(out, &[number]));
    }
    if !samples.partial_sync.is_empty() {
        table(out, b"stps", 0, &samples.partial_sync, |out, &number| put32(out, &[number]));
    }
    for group in &samples.groups {
        sample_group(out, group);
    }
    table(out, b"stsc", 0, &chunk_runs(samples), |out, row| put32(out, row));
    write_full_box(out, b"stsz", 0, 0, |out| match &samples.sizes {
        Sizes::Each(sizes) => {
            put32(out, &[0, samples.count]);
            put32(out, sizes);
        }
        Sizes::Same(size) | Sizes::Packed { bytes: size, samples: 1 } => {
            put32(out, &[*size, samples.count]);
        }
        Sizes::Packed { .. } => put32(out, &[1, samples.count]),
    });
    let (begin, is_wide) = place;
    if is_wide {
        table(out, b"co64", 0, &samples.chunks, |out, chunk| {
            out.extend_from_slice(&(begin + chunk.offset).to_be_bytes());
        });
    } else {
        table(out, b"stco", 0, &samples.chunks, |out, chunk| {
            put32(out, &[u32::try_from(begin + chunk.offset).unwrap_or(u32::MAX)]);
        });
    }
}

/// A table: a count, then its rows.
fn table<T>(
    out: &mut Vec<u8>,
    name: &[u8; 4],
    version: u8,
    rows: &[T],
    row: impl Fn(&mut Vec<u8>, &T),
) {
    write_full_box(out, name, version, 0, |out| {
        put32(out, &[u32::try_from(rows.len()).unwrap_or(u32::MAX)]);
        for value in rows {
            row(out, value);
        }
    });
}

/// `stsc`: from which chunk on there are how many samples, of which entry.
fn chunk_runs(samples: &Samples) -> Vec<[u32; 3]> {
    let mut runs: Vec<[u32; 3]> = Vec::new();
    for ((index, chunk), number) in samples.chunks.iter().enumerate().zip(1..) {
        let count = samples.chunk_end(index) - chunk.first;
        let entry = u32::from(chunk.entry) + 1;
        match runs.last() {
            Some([_, before, same]) if *before == count && *same == entry => {}
            _ => runs.push([number, count, entry]),
        }
    }
    runs
}

/// `cslg` (§8.6.1.4), computed: players that meet negative offsets look for it.
fn composition(out: &mut Vec<u8>, samples: &Samples) {
    let (mut decoded, mut durations) = (0_i64, samples.durations.runs.iter());
    let (mut left, mut duration) = (0, 0_i64);
    let (mut least, mut greatest) = (i32::MAX, i32::MIN);
    let (mut start, mut end) = (i64::MAX, i64::MIN);
    for &(count, offset) in &samples.offsets.runs {
        least = least.min(offset);
        greatest = greatest.max(offset);
        let mut count = count;
        while count > 0 {
            if left == 0 {
                let Some(run) = durations.next() else {
                    break;
                };
                (left, duration) = (run.0, run.1.into());
            }
            let both = left.min(count);
            let last = decoded.saturating_add(i64::from(both - 1).saturating_mul(duration));
            start = start.min(decoded.saturating_add(offset.into()));
            end = end.max(last.saturating_add(offset.into()).saturating_add(duration));
            decoded = last.saturating_add(duration);
            left -= both;
            count -= both;
        }
    }
    let narrow = |time: i64| i32::try_from(time).unwrap_or(0).cast_unsigned();
    write_full_box(out, b"cslg", 0, 0, |out| {
        put32(out, &[narrow(-i64::from(least)), narrow(least.into()), narrow(greatest.into())]);
        put32(out, &[narrow(start), narrow(end)]);
    });
}

/// `sgpd` and `sbgp` (§8.9): each description that a sample is of once, in the order of their values; nothing of a group
/// that no sample is in.
fn sample_group(out: &mut Vec<u8>, group: &Group) {
    let description = |index: u32| {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        described(group.kind, group.descriptions.get(index)?)
    };
    let mut used: Vec<Vec<u8>> =
        group.samples.runs.iter().filter_map(|run| description(run.1)).collect();
    used.sort_unstable();
    used.dedup();
    let Some(length) = used.first().map(Vec::len) else {
        return;
    };
    let mut samples = Runs::default();
    for &(count, index) in &group.samples.runs {
        let place = description(index).and_then(|value| used.binary_search(&value).ok());
        let number = place.and_then(|place| u32::try_from(place + 1).ok()).unwrap_or(0);
        samples.push(count, number);
    }
    write_full_box(out, b"sgpd", 1, 0, |out| {
        out.extend_from_slice(&group.kind);
        let count = u32::try_from(used.len()).unwrap_or(0);
        put32(out, &[u32::try_from(length).unwrap_or(0), count]);
        for description in &used {
            out.extend_from_slice(description);
        }
    });
    // those that are told nothing are in no group
    let mut runs = samples.runs.as_slice();
    if let [before @ .., (_, 0)] = runs {
        runs = before;
    }
    write_full_box(out, b"sbgp", 0, 0, |out| {
        out.extend_from_slice(&group.kind);
        put32(out, &[u32::try_from(runs.len()).unwrap_or(0)]);
        for &(count, index) in runs {
            put32(out, &[count, index]);
        }
    });
}

/// A group's description, if it says something that can be: a distance of at most 255 samples (ISO/IEC 14496-12 §10.1),
/// how many pictures lead (§10.4), a type of NAL unit (ISO/IEC 14496-15 §8.4.4).
fn described(kind: [u8; 4], description: &[u8]) -> Option<Vec<u8>> {
    match (&kind, description) {
        (b"roll" | b"prol", [high, low]) => {
            let distance = i16::from_be_bytes([*high, *low]);
            (distance != 0 && distance.unsigned_abs() < 256).then(|| description.to_vec())
        }
        // the count means nothing if it is not known
        (b"rap ", [leading]) => Some(vec![if leading & 0x80 == 0 { 0 } else { *leading }]),
        (b"sync", [unit]) => Some(vec![unit & 0x3f]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: [u8; 4], descriptions: &[&[u8]], runs: &[(u32, u32)]) -> Vec<u8> {
        let mut samples = Runs::default();
        runs.iter().for_each(|&(count, index)| samples.push(count, index));
        let descriptions = descriptions.iter().map(|bytes| bytes.to_vec()).collect();
        let mut out = Vec::new();
        sample_group(&mut out, &Group { kind, descriptions, samples });
        out
    }

    #[test]
    fn only_descriptions_that_a_sample_is_of_stay() {
        let canonical = written(*b"roll", &[&[255, 255], &[0, 4]], &[(1, 2), (2, 0), (3, 1)]);
        assert!(!canonical.is_empty());
        let told = [b"CA".as_slice(), &[0, 4], b"NA", &[255, 255], b"RY", &[0, 4]];
        let runs = [(1, 6), (1, 1), (1, 0), (2, 4), (1, 4), (9, 3)];
        assert_eq!(written(*b"roll", &told, &runs), canonical);
        assert!(written(*b"roll", &told, &[(9, 0), (1, 1)]).is_empty());
        assert!(written(*b"sync", &[&[0xff]], &[(1, 1)]).contains(&0x3f));
        assert!(!written(*b"rap ", &[&[0x55]], &[(1, 1)]).contains(&0x55));
    }
}
