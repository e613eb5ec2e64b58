//! WAV: RIFF/WAVE (Microsoft's "Multimedia Programming Interface", RFC 2361), RF64 and BW64 (EBU Tech 3306, ITU-R
//! BS.2088).
//!
//! | part | what becomes of it |
//! |---|---|
//! | RIFF, RF64, `ds64` | written anew: RF64 only where the sizes need it |
//! | `fmt ` | written anew: how the sound is coded, every number that follows from others computed |
//! | `fact` | written anew where it belongs, with the number of samples |
//! | the first `data` | copied, without a part of a sample at its end |
//! | LIST, `bext`, `iXML`, `id3 `, `cue `, `smpl`, PEAK, `_PMX`, JUNK and all others | dropped |
//! | everything else, before, between and behind | dropped |
//!
//! Taken are integers, floats, A-law and mu-law, Microsoft's and IMA's ADPCM, GSM 6.10, and all but GSM and ADPCM with
//! an EXTENSIBLE header. MPEG audio in a WAV leaves it and becomes an MP3. Other codecs, numbers with the high byte
//! first (RIFX), ambisonics and lists of waves are refused.
//!
//! What players forgive is forgiven in their way: a size of the whole that is wrong; `data` of no size, of the largest,
//! or of more than there is, as recorders leave it that were cut off, reaches to the file's end, but for chunks that
//! fill its end exactly. Where too much in it looks like chunks, it is refused.
//!
//! Not detected: what hides in the lowest bits of samples.

mod format;

use std::{
    collections::BTreeSet,
    io::{self, Read, Seek},
};

use self::format::Format;
use super::{
    behind::{Chunks, is_name},
    mp3, tags,
};
use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains,
    input::Input,
    replay::{Pieces, TooManyPieces},
    traces,
    work::Work,
};

/// Of a chunk whose contents are looked at for what to tell, at most this much.
const LOOK: usize = 32 << 10;
/// Chunks that recorders and editors put behind the sound.
const BEHIND: Chunks = Chunks {
    kind: Kind::Wav,
    names: &[
        b"LIST", b"bext", b"iXML", b"id3 ", b"ID3 ", b"_PMX", b"cue ", b"smpl", b"JUNK", b"PEAK",
        b"fact", b"umid", b"axml", b"DISP",
    ],
    size: u32::from_le_bytes,
};

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    _kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let mut wav = Wav { found: BTreeSet::new(), format: None, fact: None, long: None, data: None };
    let end = input.len();
    tags::skip_leading(input, end, &mut wav.found)?;
    let Some([b'R' | b'B', b'I' | b'F' | b'W', b'F' | b'6', b'F' | b'4', _, _, _, _, _, _, _, _]) =
        input.take::<12>()?
    else {
        // RIFX
        return Err(Refusal::Unsupported { kind: Kind::Wav }.into());
    };
    let mut parts = 0;
    while wav.chunk(input)? {
        parts += 1;
        if parts > work.limits().parts {
            return Err(Refusal::TooLarge { kind: Kind::Wav }.into());
        }
    }
    wav.finish(input)
}

struct Wav {
    found: BTreeSet<Found>,
    format: Option<Format>,
    /// The number of samples that `fact` says.
    fact: Option<u32>,
    /// The size of `data` that `ds64` says.
    long: Option<u64>,
    /// Where the sound begins and ends.
    data: Option<(u64, u64)>,
}

impl Wav {
    /// Reads one chunk; false behind the last.
    fn chunk<R: Read + Seek>(&mut self, input: &mut Input<'_, R>) -> Result<bool, CleanError> {
        let Some([a, b, c, d, size @ ..]) = input.take::<8>()? else {
            if input.position() < input.len() {
                self.found.insert(Found::Trailing);
            }
            return Ok(false);
        };
        let (name, size) = ([a, b, c, d], u32::from_le_bytes(size));
        if !is_name(name) {
            self.found.insert(Found::Trailing);
            return Ok(false);
        }
        let start = input.position();
        let mut end = start.saturating_add(size.into());
        match &name {
            b"fmt " if self.format.is_none() => {
                let length = usize::try_from(size).unwrap_or(usize::MAX).min(LOOK);
                let payload = input.window(length)?;
                let payload = payload.get(..length).unwrap_or(payload);
                let format = Format::read(payload)?;
                if payload.len() > format.write().len().max(18) {
                    self.found.insert(Found::Other);
                }
                self.format = Some(format);
            }
            b"fact" => {
                self.fact = input.window(4)?.first_chunk::<4>().map(|n| u32::from_le_bytes(*n));
            }
            b"ds64" => {
                let size = input.window(16)?.get(8..16).and_then(|size| size.first_chunk::<8>());
                self.long = size.map(|size| u64::from_le_bytes(*size));
            }
            b"data" if self.data.is_none() => {
                end = self.sound(input, start, size)?;
                self.data = Some((start, end));
            }
            _ => self.tell(input, name, size)?,
        }
        input.seek(end)?;
        if end % 2 != start % 2 {
            after_odd(input)?;
        }
        Ok(true)
    }

    /// Where the sound ends that begins at `start`.
    fn sound<R: Read + Seek>(
        &mut self,
        input: &mut Input<'_, R>,
        start: u64,
        size: u32,
    ) -> Result<u64, CleanError> {
        let said = match (size, self.long) {
            (u32::MAX, long) => long.filter(|&long| long != 0 && long != u64::MAX),
            (0, _) => None,
            (size, _) => Some(size.into()),
        };
        let all = input.len();
        if let Some(said) = said
            && said <= all.saturating_sub(start)
        {
            return Ok(start + said);
        }
        let end = tags::before_trailing(input, start, all, &mut self.found)?;
        let behind = BEHIND.find(input, start, end)?;
        Ok(behind.unwrap_or(end))
    }

    /// What a chunk that is left behind is told as.
    fn tell<R: Read + Seek>(
        &mut self,
        input: &mut Input<'_, R>,
        name: [u8; 4],
        size: u32,
    ) -> Result<(), CleanError> {
        let length = usize::try_from(size).unwrap_or(usize::MAX).min(LOOK);
        let payload = input.window(length)?;
        let payload = payload.get(..length).unwrap_or(payload);
        match &name {
            b"LIST" if payload.starts_with(b"INFO") => {
                self.found.extend(info_names(payload).map(info_field));
            }
            b"bext" => {
                self.found.extend([Found::Comment, Found::Device, Found::Identifier, Found::Time]);
            }
            b"iXML" => {
                self.found.extend([Found::Comment, Found::Device, Found::Time]);
            }
            b"cart" => {
                self.found.extend([Found::Comment, Found::Person, Found::Time]);
            }
            b"_PMX" => self.found.extend(traces::xmp(payload)),
            b"PEAK" => {
                self.found.insert(Found::Time);
            }
            b"umid" => {
                self.found.insert(Found::Identifier);
            }
            b"id3 " | b"ID3 " => {
                let end = input.position().saturating_add(size.into());
                tags::skip_leading(input, end, &mut self.found)?;
                self.found.insert(Found::Comment);
            }
            _ => {
                self.found.insert(Found::Other);
            }
        }
        Ok(())
    }

    /// Puts head and sound together.
    fn finish<R: Read + Seek>(mut self, input: &mut Input<'_, R>) -> Result<Cleaned, CleanError> {
        let (Some(format), Some((start, end))) = (self.format.take(), self.data) else {
            return Err(Refusal::Damaged { kind: Kind::Wav }.into());
        };
        if format.is_mpeg() {
            input.seek(start)?;
            return mp3::clean_part(input, end, self.found);
        }
        let length = format.whole(end - start);
        if length < end - start {
            self.found.insert(Found::Other);
        }
        let pieces = assemble(&format, self.fact, start, length);
        let pieces = pieces.map_err(|_| Refusal::TooLarge { kind: Kind::Wav })?;
        Ok(Cleaned::new(Kind::Wav, self.found, [Remains::Sound], pieces))
    }
}

fn assemble(
    format: &Format,
    fact: Option<u32>,
    start: u64,
    length: u64,
) -> Result<Pieces, TooManyPieces> {
    let samples = format.samples(length, fact);
    let mut chunks = chunk(b"fmt ", &format.write());
    if let Some(samples) = samples {
        chunks.extend(chunk(b"fact", &u32::try_from(samples).unwrap_or(u32::MAX).to_le_bytes()));
    }
    let padded = length + length % 2;
    let whole = 4 + chunks.len() as u64 + 8 + padded;
    let mut head = Vec::new();
    if let (Ok(whole), Ok(length)) = (u32::try_from(whole), u32::try_from(length)) {
        head.extend(b"RIFF");
        head.extend(whole.to_le_bytes());
        head.extend(b"WAVE");
        head.extend(chunks);
        head.extend(b"data");
        head.extend(length.to_le_bytes());
    } else {
        // EBU Tech 3306 §3: sizes of the whole, of `data` and of `fact`, and a table of no others
        let frames = samples.unwrap_or(length / u64::from(format.align()));
        let mut long = Vec::new();
        long.extend((whole + 36).to_le_bytes());
        long.extend(length.to_le_bytes());
        long.extend(frames.to_le_bytes());
        long.extend([0; 4]);
        head.extend(b"RF64\xff\xff\xff\xffWAVE");
        head.extend(chunk(b"ds64", &long));
        head.extend(chunks);
        head.extend(b"data\xff\xff\xff\xff");
    }
    let mut pieces = Pieces::default();
    pieces.literal(&head)?;
    pieces.copy(start, start + length)?;
    pieces.zeros(padded - length)?;
    Ok(pieces)
}

/// A chunk of few bytes, an even number.
fn chunk(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap_or(0).to_le_bytes();
    [name.as_slice(), &size, payload].concat()
}

/// Behind a chunk of odd size: a byte that fills up, which some programs forget.
fn after_odd<R: Read + Seek>(input: &mut Input<'_, R>) -> io::Result<()> {
    let next = input.window(5)?;
    let forgotten = matches!(next, [fill, rest @ ..] if *fill != 0
        && next.first_chunk().is_some_and(|name| is_name(*name))
        && !rest.first_chunk().is_some_and(|name| is_name(*name) && name != b"    "));
    if !forgotten {
        input.consume(1);
    }
    Ok(())
}

/// The names of the fields of a LIST of type INFO.
fn info_names(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = payload.get(4..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, after) = rest.split_at_checked(4)?;
        let (size, after) = after.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        rest = after.get(size.saturating_add(size % 2)..).unwrap_or_default();
        Some(name)
    })
}

/// What a field of INFO is told as.
fn info_field(name: &[u8]) -> Found {
    match name {
        b"IART" | b"ICOP" | b"IENG" | b"ITCH" | b"ICMS" | b"IWRI" | b"IPRO" | b"ICNM" => {
            Found::Person
        }
        b"ICRD" | b"IDIT" | b"ISMP" | b"YEAR" => Found::Time,
        b"ISFT" => Found::Software,
        b"ISRC" | b"ISRF" | b"IMED" => Found::Device,
        b"ILOC" | b"ICNT" => Found::Location,
        [b'I', ..] => Found::Comment,
        _ => Found::Other,
    }
}

#[cfg(test)]
mod tests;
