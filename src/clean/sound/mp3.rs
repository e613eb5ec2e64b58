//! MP3: layer III, and II, of ISO/IEC 11172-3 (MPEG-1), 13818-3 (MPEG-2) and Fraunhofer's version 2.5.
//!
//! | part | what becomes of it |
//! |---|---|
//! | ID3 1 and 2, APE and Lyrics3 tags, before, between and behind the frames | dropped |
//! | a first frame of Xing's, LAME's or Fraunhofer's | written anew: constant rate or not, how many frames and bytes, where to seek, and the samples that a player leaves out at both ends; a name without a version, its checksum |
//! | frames | copied |
//! | a frame's checksum | computed, where it is wrong |
//! | bytes in frames of layer III that are no main data | zeros, where they are not: LAME writes its name there |
//! | everything between frames and behind the last | dropped |
//!
//! A frame follows where the one before ends, and has its version, layer and sampling rate. Where that is not so, three
//! frames in a row are needed to go on, as players want it, or as many as fit before the end. A last frame that is cut
//! off is kept, since players play it. Files of a free format are refused, and so is AAC behind an ID3 tag.
//!
//! How the sound is coded tells encoders apart: rates, modes, the copyright, original and private bits of each header,
//! and which frames borrow from others. All this stays.
//!
//! Not detected: bytes in a frame of layer II that are no sound, up to seven bits behind a frame's main data, and what
//! hides in the code words themselves. The samples that an MP3PRO file hides in such bytes are lost: it plays as any
//! other MP3.

mod checksum;
mod header;
mod info;

use std::{
    collections::{BTreeSet, VecDeque},
    io::{Read, Seek},
};

use self::{
    header::{Header, LONGEST},
    info::{Info, Sound},
};
use super::tags;
use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains,
    input::Input,
    replay::{Pieces, TooManyPieces},
    work::Work,
};

/// How many frames in a row make sure that the first is one.
const IN_A_ROW: usize = 3;
/// Main data are kept in memory until this many are there that cannot be of use any more.
const KEPT: usize = 16 << 10;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    _kind: Kind,
    _work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let end = input.len();
    clean_part(input, end, BTreeSet::new())
}

/// The same for the MP3 from the next byte of `input` to `end`. What was `found` around it is added to its report.
pub(super) fn clean_part<R: Read + Seek>(
    input: &mut Input<'_, R>,
    end: u64,
    mut found: BTreeSet<Found>,
) -> Result<Cleaned, CleanError> {
    let start = input.position();
    let end = tags::before_trailing(input, start, end.min(input.len()), &mut found)?;
    input.seek(start)?;
    let mut mp3 = Mp3::new(input, end, found);
    while mp3.step()? {}
    mp3.finish()
}

struct Mp3<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    end: u64,
    found: BTreeSet<Found>,
    /// The frame that ended where the input stands.
    before: Option<Header>,
    /// Whether bytes were left behind since the last frame that are not nothing.
    garbage: bool,
    info: Option<(Header, Info)>,
    sound: Sound,
    frames: Frames,
}

impl<'a, 'b, R: Read + Seek> Mp3<'a, 'b, R> {
    fn new(input: &'a mut Input<'b, R>, end: u64, found: BTreeSet<Found>) -> Self {
        Self {
            input,
            end,
            found,
            before: None,
            garbage: false,
            info: None,
            sound: Sound::new(),
            frames: Frames::default(),
        }
    }

    /// Takes a frame or leaves something behind; false at the end.
    fn step(&mut self) -> Result<bool, CleanError> {
        let position = self.input.position();
        let left = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        let window = self.input.window(left.min(IN_A_ROW * LONGEST + 4))?;
        let window = window.get(..left).unwrap_or(window);
        if window.is_empty() {
            return Ok(false);
        }
        let Some((header, adjacent)) = frame_begins(window, self.before) else {
            self.leave_behind()?;
            return Ok(true);
        };
        let frame = window.get(..header.length).unwrap_or(window);
        let follower = window.get(header.length..).unwrap_or_default();
        // only what ends with a tag or with garbage can have been cut off and filled up
        if !follower.is_empty() && Header::read(follower).is_none() {
            let cut = memchr::memchr3_iter(b'T', b'A', b'L', frame)
                .chain(memchr::memchr_iter(b'I', frame))
                .filter(|&at| at > 0 && frame.get(at..).is_some_and(tags::begins))
                .min();
            if let Some(cut) = cut {
                self.garbage = true;
                self.before = None;
                self.input.consume(cut);
                return Ok(true);
            }
        }
        if self.sound.frames == 0
            && self.info.is_none()
            && header.is_layer3()
            && let Some(info) = Info::read(header, frame)
        {
            if info.names_encoder {
                self.found.insert(Found::Software);
            }
            self.info = Some((header, info));
        } else {
            self.sound.add(frame.len() as u64);
            self.frames.add(header, position, frame, &mut self.found).map_err(too_many)?;
        }
        if !adjacent && self.garbage {
            self.found.insert(Found::Other);
        }
        self.garbage = false;
        self.before = Some(header);
        let length = frame.len();
        self.input.consume(length);
        Ok(true)
    }

    /// At what is no frame: goes behind a tag, or to the next byte with which a frame may begin.
    fn leave_behind(&mut self) -> Result<(), CleanError> {
        let position = self.input.position();
        tags::skip_leading(self.input, self.end, &mut self.found)?;
        if self.input.position() > position {
            return Ok(());
        }
        self.before = None;
        let left = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        let window = self.input.window(1)?;
        let window = window.get(..left).unwrap_or(window);
        // a tag is looked for where it may begin, and nowhere in what a frame may be
        let rest = window.get(1..).unwrap_or_default();
        let next = memchr::memchr3(0xff, b'I', b'A', rest).map_or(window.len(), |at| at + 1);
        self.garbage |= window.get(..next).is_some_and(|bytes| bytes.iter().any(|&byte| byte != 0));
        self.input.consume(next);
        Ok(())
    }

    fn finish(mut self) -> Result<Cleaned, CleanError> {
        if self.garbage {
            self.found.insert(Found::Trailing);
        }
        if self.sound.frames == 0 {
            return Err(Refusal::Damaged { kind: Kind::Mp3 }.into());
        }
        self.frames.end(&mut self.found).map_err(too_many)?;
        let mut pieces = Pieces::default();
        if let Some((header, info)) = self.info {
            pieces.literal(&info.write(header, &self.sound)).map_err(too_many)?;
        }
        pieces.append(self.frames.pieces);
        Ok(Cleaned::new(Kind::Mp3, self.found, [Remains::Sound], pieces))
    }
}

fn too_many(_: TooManyPieces) -> CleanError {
    Refusal::TooLarge { kind: Kind::Mp3 }.into()
}

/// The header of the frame that `window` begins with, and whether it follows `before` as it should.
fn frame_begins(window: &[u8], before: Option<Header>) -> Option<(Header, bool)> {
    let header = Header::read(window).filter(|header| !header.is_free())?;
    let side = if header.is_layer3() { header.body() } else { checksum::PLACE.end };
    if before.is_some_and(|before| before.like(header)) {
        return (window.len() >= side).then_some((header, true));
    }
    let (mut at, mut frames) = (header.length, 1);
    while frames < IN_A_ROW && at < window.len() {
        let rest = window.get(at..)?;
        if tags::begins(rest) {
            break;
        }
        let next = Header::read(rest).filter(|next| !next.is_free())?;
        if !next.like(header) {
            return None;
        }
        at += next.length;
        frames += 1;
    }
    // one frame alone must be whole
    (frames > 1 || at <= window.len()).then_some((header, false))
}

/// The frames that stay. The main data of one may lie in frames before it, so that what lies between the main data of
/// one frame and those of the next is known only later.
#[derive(Default)]
struct Frames {
    pieces: Pieces,
    /// Frames of which not all is decided.
    waiting: VecDeque<Frame>,
    /// Up to where the input has been decided.
    decided: u64,
    /// The main data of the waiting frames, and how much of main data lie before them.
    recent: Vec<u8>,
    before: u64,
    /// Where the main data end that frames have said to be theirs.
    used: u64,
}

/// Where a frame lies in the file and its main data among all of them.
struct Frame {
    start: u64,
    body: u64,
    end: u64,
    main: u64,
    /// The checksum that takes the place of a wrong one.
    checksum: Option<[u8; 2]>,
}

impl Frame {
    /// Copies it from where all is `decided` to `to`, which does not lie in its header.
    fn copy(&self, pieces: &mut Pieces, decided: u64, to: u64) -> Result<(), TooManyPieces> {
        let mut from = decided.max(self.start);
        if let Some(checksum) = self.checksum
            && from == self.start
        {
            pieces.copy(from, from + checksum::PLACE.start as u64)?;
            pieces.literal(&checksum)?;
            from += checksum::PLACE.end as u64;
        }
        pieces.copy(from, to)
    }
}

impl Frames {
    /// The next frame, which begins at `start`.
    fn add(
        &mut self,
        header: Header,
        start: u64,
        frame: &[u8],
        found: &mut BTreeSet<Found>,
    ) -> Result<(), TooManyPieces> {
        let main = header.is_layer3().then(|| header.main_data(frame)).flatten();
        let end = start + frame.len() as u64;
        let checksum = checksum::of(header, frame)
            .filter(|checksum| frame.get(checksum::PLACE) != Some(checksum.as_slice()));
        if checksum.is_some() {
            found.insert(Found::Other);
        }
        let Some(main) = main else {
            self.end(found)?;
            let frame = Frame { start, body: end, end, main: 0, checksum };
            return frame.copy(&mut self.pieces, start, end);
        };
        let here = self.before + self.recent.len() as u64;
        let from = here.saturating_sub(main.begin);
        self.unused(from, found)?;
        self.retire(from)?;
        let body = frame.get(header.body()..).unwrap_or_default();
        self.recent.extend_from_slice(body);
        let body_at = end - body.len() as u64;
        self.waiting.push_back(Frame { start, body: body_at, end, main: here, checksum });
        // a frame that wants more than there is breaks off
        let all = here + body.len() as u64;
        self.used = self.used.max(from.saturating_add(main.bytes).min(all));
        Ok(())
    }

    /// Behind the last frame.
    fn end(&mut self, found: &mut BTreeSet<Found>) -> Result<(), TooManyPieces> {
        let all = self.before + self.recent.len() as u64;
        self.unused(all, found)?;
        self.retire(all)?;
        self.used = all;
        Ok(())
    }

    /// Writes zeros for the main data that no frame has said to be its own before those from `next` on.
    fn unused(&mut self, next: u64, found: &mut BTreeSet<Found>) -> Result<(), TooManyPieces> {
        let (mut from, mut to) = (self.used, next);
        let index = |at: u64| usize::try_from(at.saturating_sub(self.before)).unwrap_or(usize::MAX);
        let gap = self.recent.get(index(from)..index(to)).unwrap_or_default();
        let first = gap.iter().position(|&byte| byte != 0);
        let last = gap.iter().rposition(|&byte| byte != 0);
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(());
        };
        let named = memchr::memmem::find(gap, b"LAME").is_some();
        found.insert(if named { Found::Software } else { Found::Other });
        to = from + last as u64 + 1;
        from += first as u64;
        for frame in &self.waiting {
            let end = frame.main + (frame.end - frame.body);
            let (from, to) = (from.max(frame.main), to.min(end));
            let zeros = to.saturating_sub(from);
            if zeros > 0 {
                let place = frame.body + (from - frame.main);
                frame.copy(&mut self.pieces, self.decided, place)?;
                self.pieces.zeros(zeros)?;
                self.decided = place + zeros;
            } else if end <= from {
                frame.copy(&mut self.pieces, self.decided, frame.end)?;
                self.decided = self.decided.max(frame.end);
            }
        }
        Ok(())
    }

    /// Copies the frames whose main data all lie before `next`.
    fn retire(&mut self, next: u64) -> Result<(), TooManyPieces> {
        while let Some(frame) = self.waiting.front() {
            if frame.main + (frame.end - frame.body) > next {
                break;
            }
            frame.copy(&mut self.pieces, self.decided, frame.end)?;
            self.decided = self.decided.max(frame.end);
            self.waiting.pop_front();
        }
        if self.recent.len() > KEPT {
            let all = self.before + self.recent.len() as u64;
            let keep = self
                .waiting
                .front()
                .map_or(all, |frame| frame.main)
                .min(self.used.max(self.before));
            let gone = usize::try_from(keep - self.before).unwrap_or(0).min(self.recent.len());
            self.recent.drain(..gone);
            self.before += gone as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
