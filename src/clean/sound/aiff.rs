//! AIFF and AIFF-C (Audio Interchange File Format 1.3, AIFF-C draft of 1991): samples and how to read them.
//!
//! | part | what becomes of it |
//! |---|---|
//! | `FORM` | written anew |
//! | `FVER` | written anew in AIFF-C: there is one version |
//! | `COMM` | written anew: channels, frames, sample size, whole sample rate; the compression's name is empty |
//! | `SSND` | its samples are kept, as many as `COMM` counts; offset and block size are 0 |
//! | `NAME`, `AUTH`, `(c) `, `ANNO`, `COMT`, `ID3 `, `APPL`, `MARK`, `INST`, `MIDI`, every other chunk | dropped |
//! | everything after the form | dropped |
//!
//! Compressed sound is taken as A-law, µ-law and IMA 4:1. A form or sound whose length is not told, as by a program that
//! was stopped, goes on to the end of the file, but for chunks that fill its end exactly.
//!
//! Not detected: bits below those that a sample has, when its size is not a whole number of bytes.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use super::{behind::Chunks, tags};
use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains,
    input::Input,
    replay::{Pieces, TooManyPieces},
    work::Work,
};

/// The one version of AIFF-C, as a time in 1990.
const VERSION: [u8; 4] = 0xa280_5140_u32.to_be_bytes();
/// Chunks that programs put behind the sound.
const BEHIND: Chunks = Chunks {
    kind: Kind::Aiff,
    names: &[
        b"COMM", b"FVER", b"NAME", b"AUTH", b"(c) ", b"ANNO", b"COMT", b"ID3 ", b"APPL", b"MARK",
        b"INST", b"MIDI", b"AESD", b"SAXL", b"CHAN", b"FLLR",
    ],
    size: u32::from_be_bytes,
};
/// The largest sample rate.
const MOST_RATE: u64 = 1 << 22;

/// What `COMM` says.
struct Common {
    channels: u16,
    frames: u32,
    bits: u16,
    /// Frames per second.
    rate: u32,
    /// The compression of AIFF-C.
    compression: Option<[u8; 4]>,
}

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let damaged = || Refusal::Damaged { kind };
    let mut found = BTreeSet::new();
    let (mut common, mut sound) = (None, None);
    input.consume(4);
    let size = input.take::<4>()?.map_or(0, u32::from_be_bytes);
    let compressed = input.take::<4>()? == Some(*b"AIFC");
    let end = match size {
        0..=4 | u32::MAX => input.len(),
        size => input.len().min(8 + u64::from(size)),
    };
    let mut parts = 0;
    while input.position() < end {
        parts += 1;
        if parts > work.limits().parts {
            return Err(Refusal::TooLarge { kind }.into());
        }
        let (Some(name), Some(size)) = (input.take::<4>()?, input.take::<4>()?) else {
            found.insert(Found::Trailing);
            break;
        };
        let mut size = u64::from(u32::from_be_bytes(size));
        let start = input.position();
        match &name {
            b"COMM" if common.is_none() => {
                let window = input.window(64)?;
                let payload = window.get(..window.len().min(usize::try_from(size).unwrap_or(64)));
                let payload = payload.unwrap_or_default();
                let read = self::common(payload, compressed).ok_or_else(damaged)?;
                // a Pascal string that is not empty, or more than belongs there
                if payload.get(18..).is_some_and(|rest| rest.iter().skip(4).any(|&byte| byte != 0))
                {
                    found.insert(Found::Other);
                }
                common = Some(read);
            }
            b"SSND" if sound.is_none() => {
                let offset = input.take::<4>()?.ok_or_else(damaged)?;
                let from = start + 8 + u64::from(u32::from_be_bytes(offset));
                let to = sound_end(input, start, size, &mut found)?;
                sound = Some((from, to.max(from)));
                size = to.saturating_sub(start);
            }
            b"FVER" => {}
            _ => {
                found.insert(left_out(&name));
            }
        }
        input.seek(start.saturating_add(size + (size & 1)))?;
    }
    if end < input.len() {
        found.insert(Found::Trailing);
    }
    let (Some(mut common), Some(sound)) = (common, sound) else {
        return Err(damaged().into());
    };
    let block = block(&common).ok_or(Refusal::Unsupported { kind })?;
    let whole = u32::try_from((sound.1 - sound.0) / block).unwrap_or(u32::MAX);
    if whole == 0 {
        return Err(damaged().into());
    }
    // a count of 0, or of more than there is, is that of a recording which was not finished
    if common.frames == 0 || common.frames > whole {
        common.frames = whole;
    }
    let pieces = written(&common, sound.0, u64::from(common.frames) * block);
    let pieces = pieces.map_err(|_| Refusal::TooLarge { kind })?;
    Ok(Cleaned::new(kind, found, [Remains::Sound], pieces))
}

/// Where the sound ends whose chunk's payload begins at `start`: what it says, if that is something and within the file.
fn sound_end<R: Read + Seek>(
    input: &mut Input<'_, R>,
    start: u64,
    size: u64,
    found: &mut BTreeSet<Found>,
) -> Result<u64, CleanError> {
    let (said, all) = (start + size, input.len());
    if size != 0 && said <= all {
        return Ok(said);
    }
    let end = tags::before_trailing(input, start, all, found)?;
    Ok(BEHIND.find(input, start, end)?.unwrap_or(end))
}

/// What a chunk that is left out is reported as.
const fn left_out(name: &[u8; 4]) -> Found {
    match name {
        b"NAME" | b"ANNO" | b"COMT" | b"ID3 " => Found::Comment,
        b"AUTH" | b"(c) " => Found::Person,
        b"APPL" => Found::Software,
        _ => Found::Other,
    }
}

fn common(payload: &[u8], compressed: bool) -> Option<Common> {
    let (fixed, rest) = payload.split_first_chunk::<18>()?;
    let [c1, c0, f3, f2, f1, f0, b1, b0, rate @ ..] = *fixed;
    let compression = if compressed { Some(*rest.first_chunk::<4>()?) } else { None };
    Some(Common {
        channels: u16::from_be_bytes([c1, c0]),
        frames: u32::from_be_bytes([f3, f2, f1, f0]),
        bits: u16::from_be_bytes([b1, b0]),
        rate: whole_rate(rate)?,
        compression,
    })
}

/// An 80-bit number (IEEE 754 extended) to the next whole one, as decoders read it.
fn whole_rate([s1, s0, mantissa @ ..]: [u8; 10]) -> Option<u32> {
    let exponent = u32::from(u16::from_be_bytes([s1, s0]));
    let mantissa = u64::from_be_bytes(mantissa);
    let shift = (0x3fff_u32 + 63).checked_sub(exponent).filter(|shift| (1..64).contains(shift))?;
    let rate = (mantissa >> shift) + (mantissa >> (shift - 1) & 1);
    u32::try_from(rate).ok().filter(|rate| (1..=MOST_RATE).contains(&u64::from(*rate)))
}

fn extended(rate: u32) -> [u8; 10] {
    let zeros = rate.leading_zeros();
    let exponent = u16::try_from(0x3fff + 31 - zeros).unwrap_or(0).to_be_bytes();
    let mantissa = (u64::from(rate) << 32 << zeros).to_be_bytes();
    let mut bytes = [0; 10];
    for (byte, value) in bytes.iter_mut().zip(exponent.into_iter().chain(mantissa)) {
        *byte = value;
    }
    bytes
}

/// Bytes of a frame of all channels, or of a packet of IMA 4:1; None if the compression is not known.
fn block(common: &Common) -> Option<u64> {
    let bytes = match common.compression.as_ref() {
        None | Some(b"NONE" | b"twos" | b"sowt" | b"raw ") if (1..=64).contains(&common.bits) => {
            u64::from(common.bits.div_ceil(8))
        }
        Some(b"in24" | b"42ni") => 3,
        Some(b"in32" | b"23ni" | b"fl32" | b"FL32") => 4,
        Some(b"fl64" | b"FL64") => 8,
        Some(b"alaw" | b"ALAW" | b"ulaw" | b"ULAW") => 1,
        Some(b"ima4") => 34,
        _ => return None,
    };
    (1..=256).contains(&common.channels).then(|| bytes * u64::from(common.channels))
}

fn written(common: &Common, from: u64, len: u64) -> Result<Pieces, TooManyPieces> {
    let mut head = Vec::new();
    if common.compression.is_some() {
        head.extend_from_slice(b"AIFCFVER\0\0\0\x04");
        head.extend(VERSION);
    } else {
        head.extend_from_slice(b"AIFF");
    }
    head.extend_from_slice(b"COMM\0\0\0");
    head.push(if common.compression.is_some() { 24 } else { 18 });
    head.extend(common.channels.to_be_bytes());
    head.extend(common.frames.to_be_bytes());
    head.extend(common.bits.to_be_bytes());
    head.extend(extended(common.rate));
    if let Some(compression) = common.compression {
        head.extend(compression);
        // an empty Pascal string, padded
        head.extend([0, 0]);
    }
    head.extend_from_slice(b"SSND");
    head.extend(u32::try_from(len + 8).map_err(|_| TooManyPieces)?.to_be_bytes());
    head.extend([0; 8]);
    let size = u32::try_from(head.len() as u64 + len + (len & 1)).map_err(|_| TooManyPieces)?;
    let mut pieces = Pieces::default();
    pieces.literal(b"FORM")?;
    pieces.literal(&size.to_be_bytes())?;
    pieces.literal(&head)?;
    pieces.copy(from, from + len)?;
    if len & 1 == 1 {
        pieces.literal(&[0])?;
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::clean::Limits;

    fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
        let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
        let found = cleaned.report().found.clone();
        let mut output = Vec::new();
        cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
        Ok((output, found))
    }

    fn chunk(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let pad: &[u8] = if payload.len() % 2 == 1 { &[0] } else { &[] };
        [name, length.as_slice(), payload, pad].concat()
    }

    fn form(name: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(b"FORM", &[name, chunks.concat().as_slice()].concat())
    }

    fn comm(after: &[u8]) -> Vec<u8> {
        let fixed = b"\0\x01\0\0\0\x03\0\x10\x40\x0e\xac\x44\0\0\0\0\0\0";
        chunk(b"COMM", &[fixed.as_slice(), after].concat())
    }

    fn bare() -> Vec<u8> {
        form(b"AIFF", &[comm(b""), chunk(b"SSND", b"\0\0\0\0\0\0\0\0ABCDEF")])
    }

    #[test]
    fn samples_pass_alone() {
        assert_eq!(cleaned(&bare()).unwrap(), (bare(), BTreeSet::new()));
        let text = b"CANARY-8d1f";
        for name in
            [b"NAME", b"AUTH", b"(c) ", b"ANNO", b"COMT", b"ID3 ", b"APPL", b"MARK", b"xxxx"]
        {
            let sound = chunk(
                b"SSND",
                &[b"\0\0\0\x0b\0\0\0\x07", text.as_slice(), b"ABCDEF", text].concat(),
            );
            let chunks = [chunk(name, text), sound, chunk(name, text), comm(b"")];
            let dirty = [form(b"AIFF", &chunks), text.to_vec()].concat();
            let (output, found) = cleaned(&dirty).unwrap();
            assert_eq!(output, bare());
            assert!(found.contains(&left_out(name)) && found.contains(&Found::Trailing));
        }
    }

    #[test]
    fn a_compression_keeps_its_type_and_loses_its_name() {
        let file = |name: &[u8], more: &[Vec<u8>]| {
            let version = chunk(b"FVER", &VERSION);
            let sound = chunk(b"SSND", b"\0\0\0\0\0\0\0\0ABC");
            let chunks = [&[version, comm(&[b"ulaw", name].concat()), sound], more].concat();
            form(b"AIFC", &chunks)
        };
        let expected = file(b"\0\0", &[]);
        assert_eq!(cleaned(&expected).unwrap(), (expected.clone(), BTreeSet::new()));
        let (output, found) = cleaned(&file(b"\x05hello", &[])).unwrap();
        assert_eq!((output, found), (expected, [Found::Other].into()));
        let unknown = form(b"AIFC", &[comm(b"QDM2\0\0"), chunk(b"SSND", &[0; 12])]);
        let refused = cleaned(&unknown);
        assert!(matches!(refused, Err(CleanError::Refused(Refusal::Unsupported { .. }))));
    }

    #[test]
    fn a_recording_that_was_not_finished_is_finished() {
        let mut file = bare();
        // no length of the form and of the sound, no count of frames
        file[4..8].fill(0xff);
        file[22..26].fill(0);
        let at = file.len() - 18;
        file[at..at + 4].fill(0xff);
        assert_eq!(cleaned(&file).unwrap().0, bare());
        file[at..at + 4].fill(0);
        assert_eq!(cleaned(&file).unwrap().0, bare());
        // chunks behind the sound, and a tag, are no samples
        for name in [b"ID3 ", b"ANNO", b"APPL"] {
            let behind = [chunk(name, b"CANARY-8d1f"), chunk(b"NAME", b"CANARY-8d1f")].concat();
            let mut tag = b"TAGCANARY-8d1f".to_vec();
            tag.resize(128, 0);
            let file = [&file, &behind, &tag].map(Vec::as_slice).concat();
            assert_eq!(cleaned(&file).unwrap().0, bare());
        }
    }

    #[test]
    fn rates_are_whole_numbers() {
        for rate in [1, 8000, 22_254, 44_100, 192_000] {
            assert_eq!(whole_rate(extended(rate)), Some(rate));
        }
        assert_eq!(whole_rate(*b"\x40\x0d\xad\xdd\x17\x45\xd1\x74\x5d\x17"), Some(22_255));
        assert_eq!(whole_rate([0xff; 10]), None);
        assert_eq!(whole_rate([0; 10]), None);
    }

    proptest! {
        #[test]
        fn any_mutation_is_refused_or_cleaned_for_good(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut file = form(b"AIFF", &[
                chunk(b"NAME", b"name"),
                comm(b""),
                chunk(b"SSND", b"\0\0\0\0\0\0\0\0ABCDEF"),
                chunk(b"ANNO", b"note"),
            ]);
            for (at, byte) in changes {
                let at = at.index(file.len());
                file[at] = byte;
            }
            file.truncate(file.len() - cut.index(file.len()) / 4);
            if let Ok((once, _)) = cleaned(&file)
                && once.starts_with(b"FORM")
            {
                prop_assert!(once.len() <= file.len() + 24);
                prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
            }
        }
    }
}
