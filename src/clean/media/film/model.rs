//! A film as it is kept: tracks, and for each its tables of samples in as little memory as a long film needs.

use super::entry::Entry;

/// A matrix as `mvhd` and `tkhd` have it, 16.16 but for the last column (2.30).
pub(super) type Matrix = [u32; 9];

/// The matrix that changes nothing.
pub(super) const IDENTITY: Matrix = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];

/// Turns by quarters and mirrors, moved so that a picture of the size `shown` begins at 0; anything else changes nothing.
/// Some programs write no matrix at all, which is kept.
pub(super) fn upright(matrix: Matrix, shown: [u32; 2]) -> Matrix {
    const ONE: u32 = 1 << 16;
    const MINUS: u32 = ONE.wrapping_neg();
    let [a, b, _, c, d, ..] = matrix;
    let [width, height] = shown;
    let moved = |factor: u32, side: u32| if factor == MINUS { side } else { 0 };
    match [a, b, c, d] {
        [ONE | MINUS, 0, 0, ONE | MINUS] => {
            [a, 0, 0, 0, d, 0, moved(a, width), moved(d, height), 1 << 30]
        }
        [0, ONE | MINUS, ONE | MINUS, 0] => {
            [0, b, 0, c, 0, 0, moved(c, height), moved(b, width), 1 << 30]
        }
        _ if matrix == [0; 9] => matrix,
        _ => IDENTITY,
    }
}

/// What is kept of `moov`, and of the fragments behind it.
pub(super) struct Movie {
    /// Units per second of durations of tracks and edits.
    pub(super) timescale: u32,
    /// What `mvhd` says; 0 for nothing.
    pub(super) duration: u64,
    pub(super) matrix: Matrix,
    pub(super) tracks: Vec<Track>,
    pub(super) gapless: Option<Gapless>,
}

/// How many samples of sound an encoder added before the first and behind the last (iTunes' `iTunSMPB`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gapless {
    pub(super) before: u16,
    pub(super) behind: u16,
}

impl Gapless {
    /// What players take: fields of hexadecimal digits, the second and third of which are the two numbers.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        /// Players take no more.
        const MOST: u16 = 1 << 14;
        let text = std::str::from_utf8(text).ok()?;
        let mut numbers = text.split_ascii_whitespace().skip(1);
        let mut number = || {
            let number = u32::from_str_radix(numbers.next()?, 16).ok()?;
            u16::try_from(number).ok().filter(|&number| number < MOST)
        };
        Some(Self { before: number()?, behind: number()? })
    }

    /// The same text, for sound of `duration` samples.
    pub(super) fn text(self, duration: u64) -> String {
        let added = u64::from(self.before) + u64::from(self.behind);
        let (before, behind, whole) = (self.before, self.behind, duration.saturating_sub(added));
        format!(" 00000000 {before:08X} {behind:08X} {whole:016X}{}", " 00000000".repeat(8))
    }
}

/// What a track's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Picture,
    Sound,
}

/// A track that is kept.
pub(super) struct Track {
    /// The number that the original gave it: fragments and references name it. It is written anew.
    pub(super) number: u32,
    pub(super) medium: Medium,
    pub(super) enabled: bool,
    pub(super) layer: u16,
    pub(super) alternate_group: u16,
    pub(super) matrix: Matrix,
    /// Width and height as shown, 16.16.
    pub(super) shown: [u32; 2],
    pub(super) edits: Vec<Edit>,
    /// Units per second of the samples' times.
    pub(super) timescale: u32,
    /// What `mdhd` says; 0 for nothing.
    pub(super) duration: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) samples: Samples,
}

/// ISO/IEC 14496-12 §8.6.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// In the movie's timescale; 0 in fragmented files means the rest.
    pub(super) duration: u64,
    /// In the track's timescale; -1 for an empty edit.
    pub(super) media_time: i64,
    /// 16.16.
    pub(super) rate: u32,
}

/// The tables of `stbl`.
#[derive(Default)]
pub(super) struct Samples {
    pub(super) count: u32,
    pub(super) sizes: Sizes,
    /// How long each lasts.
    pub(super) durations: Runs<u32>,
    /// The sum of all durations, as fragments add to it.
    pub(super) lasting: u64,
    /// How much later it is shown than decoded; empty if none is.
    pub(super) offsets: Runs<i32>,
    /// Numbers, from 1, of those that decoding may begin at; None if all.
    pub(super) sync: Option<Vec<u32>>,
    /// QuickTime's partial sync samples.
    pub(super) partial_sync: Vec<u32>,
    pub(super) groups: Vec<Group>,
    pub(super) chunks: Vec<Chunk>,
}

/// Bytes of samples.
pub(super) enum Sizes {
    Each(Vec<u32>),
    Same(u32),
    /// Uncompressed sound and its like: so many bytes for so many samples.
    Packed {
        bytes: u32,
        samples: u32,
    },
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

/// Samples that lie one after another.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    /// In the original; once planned, from the first byte of the new media data.
    pub(super) offset: u64,
    /// Index of its first sample; it ends where the next chunk begins.
    pub(super) first: u32,
    /// Index of its sample entry.
    pub(super) entry: u16,
}

/// `sgpd` and `sbgp` of one grouping type.
pub(super) struct Group {
    pub(super) kind: [u8; 4],
    /// Descriptions, all of the length that `kind` has.
    pub(super) descriptions: Vec<Vec<u8>>,
    /// Numbers of descriptions, from 1; 0 for none.
    pub(super) samples: Runs<u32>,
}

impl Track {
    /// Leaves out edits that show nothing, and what no player takes from the others.
    pub(super) fn tidy_edits(&mut self) {
        let lasting = i64::try_from(self.samples.duration().max(self.duration)).unwrap_or(i64::MAX);
        let last = self.edits.len().saturating_sub(1);
        let mut at = 0;
        self.edits.retain_mut(|edit| {
            let is_last = at == last;
            at += 1;
            edit.media_time = edit.media_time.min(lasting);
            // stills, and whole powers of two of speed
            let is_known = edit.rate == 0 || (0x2000..=0x8_0000).contains(&edit.rate);
            if !is_known || edit.rate.count_ones() > 1 {
                edit.rate = 1 << 16;
            }
            match edit.media_time {
                -1 => {
                    edit.rate = 1 << 16;
                    edit.duration > 0
                }
                0.. => edit.duration > 0 || is_last,
                _ => false,
            }
        });
    }
}

impl Samples {
    /// Index of the first sample behind chunk `index`.
    pub(super) fn chunk_end(&self, index: usize) -> u32 {
        self.chunks.get(index + 1).map_or(self.count, |next| next.first)
    }

    /// Bytes of the samples `first..end` (whole packets of them).
    pub(super) fn bytes(&self, first: u32, end: u32) -> u64 {
        let count = u64::from(end.saturating_sub(first));
        match &self.sizes {
            Sizes::Each(sizes) => {
                let range = first as usize..end as usize;
                sizes.get(range).unwrap_or_default().iter().copied().map(u64::from).sum()
            }
            Sizes::Same(size) => count * u64::from(*size),
            Sizes::Packed { bytes, samples } => {
                count.div_ceil(u64::from(*samples).max(1)) * u64::from(*bytes)
            }
        }
    }

    /// Forgets all samples from the one with index `count` on.
    pub(super) fn truncate(&mut self, count: u32) {
        self.count = self.count.min(count);
        self.chunks.retain(|chunk| chunk.first < count);
        if let Sizes::Each(sizes) = &mut self.sizes {
            sizes.truncate(count as usize);
        }
        self.fit();
    }

    /// Makes all tables as long as there are samples, in the way that players do: the last duration goes on, offsets
    /// and groups are none where they are not told.
    pub(super) fn fit(&mut self) {
        let count = self.count;
        self.durations.truncate(count);
        let last = self.durations.last().unwrap_or(0);
        self.durations.push(count - self.durations.count, last);
        self.offsets.truncate(count);
        if self.offsets.runs.iter().all(|run| run.1 == 0) {
            self.offsets = Runs::default();
        } else {
            self.offsets.push(count - self.offsets.count, 0);
        }
        let inside = |number: &u32| (1..=count).contains(number);
        if let Some(sync) = &mut self.sync {
            sync.retain(inside);
        }
        self.partial_sync.retain(inside);
        for group in &mut self.groups {
            group.samples.truncate(count);
        }
    }

    /// The sum of all durations.
    pub(super) fn duration(&self) -> u64 {
        let each =
            self.durations.runs.iter().map(|&(n, duration)| u64::from(n) * u64::from(duration));
        each.fold(0, u64::saturating_add)
    }
}

/// Values of successive samples, each with how many in a row have it.
#[derive(Clone)]
pub(super) struct Runs<T> {
    pub(super) runs: Vec<(u32, T)>,
    pub(super) count: u32,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { runs: Vec::new(), count: 0 }
    }
}

impl<T: Copy + PartialEq> Runs<T> {
    /// Adds `count` samples, as far as they can be numbered.
    pub(super) fn push(&mut self, count: u32, value: T) {
        let count = count.min(u32::MAX - self.count);
        if count == 0 {
            return;
        }
        self.count += count;
        match self.runs.last_mut() {
            Some((before, last)) if *last == value => *before += count,
            _ => self.runs.push((count, value)),
        }
    }

    pub(super) fn last(&self) -> Option<T> {
        self.runs.last().map(|run| run.1)
    }

    pub(super) fn truncate(&mut self, count: u32) {
        while self.count > count {
            let excess = self.count - count;
            let Some((last, _)) = self.runs.last_mut() else {
                return;
            };
            if *last > excess {
                *last -= excess;
                self.count = count;
            } else {
                self.count -= *last;
                self.runs.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_turn_and_mirror_and_nothing_else() {
        const ONE: u32 = 1 << 16;
        let minus = ONE.wrapping_neg();
        let shown = [64 << 16, 32 << 16];
        let turned = [0, ONE, 0, minus, 0, 0, 32 << 16, 0, 1 << 30];
        assert_eq!(upright(turned, shown), turned);
        let canary = u32::from_be_bytes(*b"CANA");
        assert_eq!(
            upright([0, ONE, canary, minus, 0, canary, canary, canary, canary], shown),
            turned
        );
        let over = [minus, 0, 0, 0, minus, 0, 64 << 16, 32 << 16, 1 << 30];
        assert_eq!(upright([minus, 0, 0, 0, minus, 0, 0, 0, 0], shown), over);
        for other in [[canary; 9], [0, 0, canary, 0, 0, 0, 0, 0, 0], [ONE; 9]] {
            assert_eq!(upright(other, shown), IDENTITY);
        }
        assert_eq!(upright([0; 9], shown), [0; 9]);
    }

    #[test]
    fn edits_that_show_nothing_are_left_out() {
        let edit = |duration, media_time, rate| Edit { duration, media_time, rate };
        let mut samples = Samples { count: 1, ..Samples::default() };
        samples.durations.push(1, 500);
        let edits = vec![
            edit(0, 0x4341_4e41, 7),
            edit(9, -1, 0x4341_4e41),
            edit(0, -1, 0),
            edit(9, -7, 1 << 16),
            edit(9, 0x4341_4e41, 0x8000),
            edit(0, 5, 3 << 16),
        ];
        let mut track = Track {
            number: 1,
            medium: Medium::Picture,
            enabled: true,
            layer: 0,
            alternate_group: 0,
            matrix: IDENTITY,
            shown: [0; 2],
            edits,
            timescale: 1,
            duration: 0,
            entries: Vec::new(),
            samples,
        };
        track.tidy_edits();
        let kept = [edit(9, -1, 1 << 16), edit(9, 500, 0x8000), edit(0, 5, 1 << 16)];
        assert_eq!(track.edits, kept);
        track.tidy_edits();
        assert_eq!(track.edits, kept);
    }
}
