//! Audio sample entries: ISO's, and the three versions that QuickTime has.

use std::collections::BTreeSet;

use super::{Entry, Stream, Told, config, esds};
use crate::clean::{
    Found,
    media::film::fields::{Fields, boxes, child, put16, put32, write_box, write_full_box},
};

/// Which fields an entry of version 1 or 2 has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::clean::media::film) enum Dialect {
    QuickTime,
    /// Also versions above 0 in an `stsd` of version 0: written by those who take one for the other.
    QuickTimeInIso,
    Iso,
}

/// What is behind the fields of version 0.
enum Extension {
    None,
    /// Samples per packet, bytes per packet, per frame, per sample.
    One([u32; 4]),
    Two(Two),
}

struct Two {
    rate: [u8; 8],
    channels: u32,
    /// Bits per channel, flags of the format, bytes per packet, frames per packet.
    numbers: [u32; 4],
}

struct Header {
    channels: u16,
    bits: u16,
    compression: u16,
    rate: u32,
    extension: Extension,
}

/// The audio sample entry `format` with `payload` behind its header, written anew.
pub(in crate::clean::media::film) fn sound(
    format: [u8; 4],
    payload: &[u8],
    dialect: Dialect,
    found: &mut BTreeSet<Found>,
) -> Told {
    if matches!(&format, b"enca" | b"drms") {
        return Told::Encrypted;
    }
    let mut fields = Fields::new(payload);
    let Some(header) = header(&mut fields, dialect, found) else {
        return Told::Unknown;
    };
    let direct = fields.rest();
    let wave = child(direct, b"wave").filter(|_| dialect != Dialect::Iso);
    let inner = wave.unwrap_or_default();
    if [direct, inner].into_iter().flat_map(boxes).any(|(name, _)| name == *b"sinf") {
        return Told::Encrypted;
    }
    let Some((config, stream)) = decoder(format, direct, inner, found) else {
        return Told::Unknown;
    };
    let packed = packed(format, &header, direct);
    let header = header.canonical(packed, format);
    let mut bytes = Vec::new();
    write_box(&mut bytes, &format, |out| {
        header.write(out);
        if wave.is_some() {
            write_box(out, b"wave", |out| {
                write_box(out, b"frma", |out| out.extend_from_slice(&format));
                if format == *b"mp4a" {
                    write_box(out, b"mp4a", |out| put32(out, &[0]));
                }
                out.extend_from_slice(&config);
                // a box without a name ends the list
                put32(out, &[8, 0]);
            });
        } else {
            out.extend_from_slice(&config);
        }
        if let Some(layout) = child(direct, b"chan") {
            channel_layout(out, layout);
        }
    });
    Told::Entry(Entry { bytes, stream, packed })
}

fn header(
    fields: &mut Fields<'_>,
    dialect: Dialect,
    found: &mut BTreeSet<Found>,
) -> Option<Header> {
    fields.bytes(8)?;
    let version = fields.u16()?;
    fields.u16()?;
    if fields.u32()? != 0 {
        found.insert(Found::Software);
    }
    let (channels, bits, compression) = (fields.u16()?, fields.u16()?, fields.u16()?);
    fields.u16()?;
    let rate = fields.u32()?;
    let extension = match (version, dialect) {
        (1, Dialect::QuickTime | Dialect::QuickTimeInIso) => {
            Extension::One([fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?])
        }
        (2, Dialect::QuickTime | Dialect::QuickTimeInIso) => {
            fields.u32()?;
            let (rate, channels) = (fields.array()?, fields.u32()?);
            fields.u32()?;
            let numbers = fields.words::<4>()?;
            // no more bits of a sample than a double has, nor more channels than anybody records
            let [bits, ..] = numbers;
            if bits > 64 || channels > 256 {
                return None;
            }
            Extension::Two(Two { rate, channels, numbers })
        }
        _ => Extension::None,
    };
    Some(Header { channels, bits, compression, rate, extension })
}

impl Header {
    /// Numbers of versions 1 and 2 as they follow from the others.
    fn canonical(mut self, packed: Option<(u32, u32)>, format: [u8; 4]) -> Self {
        let usual = |samples: u32| {
            let usual = [1, 576, 1024, 1152, 1536, 2048, 4096].contains(&samples);
            if usual { samples } else { 0 }
        };
        match (&mut self.extension, packed) {
            (Extension::None, _) => {}
            (Extension::One(numbers), Some((bytes, samples))) => {
                let one = bytes / u32::from(self.channels).max(1);
                // compressed sound becomes samples of 16 bits
                let is_coded = samples > 1 || matches!(&format, b"ulaw" | b"alaw");
                *numbers = [samples, one, bytes, if is_coded { 2 } else { one }];
            }
            (Extension::One(numbers), None) => {
                let [samples, ..] = *numbers;
                *numbers = [if samples == 1 { 0 } else { usual(samples) }, 0, 0, 2];
            }
            (Extension::Two(two), packed) => {
                let [bits, flags, _, frames] = two.numbers;
                // seven flags are known (CoreAudioTypes, AudioFormatFlags)
                let flags = flags & 0x7f;
                two.numbers = match packed {
                    Some((bytes, samples)) => [bits, flags, bytes, samples],
                    None => [bits, flags, 0, usual(frames)],
                };
                let rate = f64::from_be_bytes(two.rate).round().clamp(0.0, 4_000_000.0);
                two.rate = if rate.is_nan() { [0; 8] } else { rate.to_be_bytes() };
            }
        }
        self
    }

    fn write(&self, out: &mut Vec<u8>) {
        let version = match self.extension {
            Extension::None => 0,
            Extension::One(_) => 1,
            Extension::Two(_) => 2,
        };
        // -2 says that samples have sizes of their own (QuickTime File Format, Sound Sample Descriptions)
        let compression = if self.compression == 0xfffe { 0xfffe } else { 0 };
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        put16(out, &[version, 0, 0, 0, self.channels, self.bits, compression, 0]);
        put32(out, &[self.rate]);
        match &self.extension {
            Extension::None => {}
            Extension::One(numbers) => put32(out, numbers),
            Extension::Two(two) => {
                put32(out, &[72]);
                out.extend_from_slice(&two.rate);
                put32(out, &[two.channels, 0x7f00_0000]);
                put32(out, &two.numbers);
            }
        }
    }
}

/// The box that sets the decoder up, and what its samples are.
fn decoder(
    format: [u8; 4],
    direct: &[u8],
    wave: &[u8],
    found: &mut BTreeSet<Found>,
) -> Option<(Vec<u8>, Stream)> {
    let own = |name: &[u8; 4]| child(direct, name).or_else(|| child(wave, name));
    let mut out = Vec::new();
    let mut stream = Stream::Opaque;
    match &format {
        b"mp4a" => {
            let mut decoder = esds::read(own(b"esds")?)?;
            match decoder.object_type {
                // AAC of MPEG-4 and of MPEG-2
                0x40 | 0x66..=0x68 => {
                    let has_elements = config::aac(&mut decoder.specific, found)?;
                    if has_elements {
                        stream = Stream::Aac;
                    }
                }
                // MP3, AC-3, E-AC-3, DTS
                0x69 | 0x6b | 0xa5 | 0xa6 | 0xa9..=0xac => decoder.specific.clear(),
                _ => return None,
            }
            esds::write(&mut out, &decoder);
        }
        b"alac" => config::alac(&mut out, own(b"alac")?)?,
        b"samr" | b"sawb" => {
            if let Some(damr) = own(b"damr") {
                config::amr(&mut out, damr, found)?;
            }
        }
        b"ac-3" => {
            let dac3 = own(b"dac3")?.get(..3)?;
            write_box(&mut out, b"dac3", |out| out.extend_from_slice(dac3));
        }
        b"ec-3" => config::eac3(&mut out, own(b"dec3")?)?,
        b"Opus" => config::opus(&mut out, own(b"dOps")?)?,
        b"fLaC" => config::flac(&mut out, own(b"dfLa")?, found)?,
        b"ipcm" | b"fpcm" => {
            let [.., format, bits] = own(b"pcmC")?.first_chunk::<6>()?;
            write_full_box(&mut out, b"pcmC", 0, 0, |out| {
                out.extend_from_slice(&[format & 1, *bits])
            });
        }
        b"twos" | b"sowt" | b"raw " | b"NONE" | b"lpcm" | b"in24" | b"in32" | b"fl32" | b"fl64"
        | b"ulaw" | b"alaw" | b"ima4" | b"MAC3" | b"MAC6" | b".mp3" | b"mp3 " => {
            if let Some([_, little]) = own(b"enda").and_then(|enda| enda.first_chunk::<2>()) {
                write_box(&mut out, b"enda", |out| put16(out, &[u16::from(*little & 1)]));
            }
        }
        _ => return None,
    }
    Some((out, stream))
}

/// For formats without sizes of their own samples: how many bytes so many samples take.
fn packed(format: [u8; 4], header: &Header, direct: &[u8]) -> Option<(u32, u32)> {
    let (mut channels, mut bits) = (u32::from(header.channels), u32::from(header.bits));
    if let Extension::Two(two) = &header.extension {
        (channels, bits) = (two.channels, *two.numbers.first()?);
    }
    let bits = match &format {
        b"raw " | b"NONE" | b"twos" | b"sowt" | b"lpcm" => bits,
        b"in24" => 24,
        b"in32" | b"fl32" => 32,
        b"fl64" => 64,
        b"ulaw" | b"alaw" => 8,
        b"ipcm" | b"fpcm" => child(direct, b"pcmC").and_then(<[u8]>::last).copied()?.into(),
        b"ima4" => return channels.checked_mul(34).map(|bytes| (bytes, 64)),
        b"MAC3" => return channels.checked_mul(2).map(|bytes| (bytes, 6)),
        b"MAC6" => return Some((channels, 6)),
        _ => return None,
    };
    let bytes = channels.checked_mul(bits / 8).filter(|&bytes| bytes > 0)?;
    Some((bytes, 1))
}

/// QuickTime's `chan`: which channel is which; where speakers stand in the room is dropped.
fn channel_layout(out: &mut Vec<u8>, payload: &[u8]) {
    let mut fields = Fields::new(payload);
    let Some([_, tag, bitmap, count]) = fields.array::<16>().map(words) else {
        return;
    };
    // at most as many as there are channels anywhere
    let labels: Option<Vec<u32>> = (0..count.min(64))
        .map(|_| fields.array::<20>().map(words::<5, 20>))
        .map(|description| description.and_then(|words| words.first().copied()))
        .collect();
    // of CoreAudio's layouts and labels none are greater; -1 is an unknown label
    let known = |&label: &u32| label < 3 << 16 || label == u32::MAX;
    let Some(labels) = labels.filter(|labels| tag < 256 << 16 && labels.iter().all(known)) else {
        return;
    };
    // 1 << 16: the bits tell which channels there are, one of 28
    let bitmap = if tag == 1 << 16 { bitmap & 0x0fff_ffff } else { 0 };
    write_full_box(out, b"chan", 0, 0, |out| {
        let count = u32::try_from(labels.len()).unwrap_or(0);
        put32(out, &[tag, bitmap, count]);
        for label in labels {
            put32(out, &[label, 0, 0, 0, 0]);
        }
    });
}

fn words<const N: usize, const BYTES: usize>(bytes: [u8; BYTES]) -> [u32; N] {
    let mut fields = Fields::new(&bytes);
    [(); N].map(|()| fields.u32().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_quicktime_follow_from_the_others() {
        let entry = |version: u16, more: &[u8]| {
            let fields = [0, 0, 0, 1, version, 0, 0, 0, 2, 16, 0, 0, 0xac44, 0];
            let fields: Vec<u8> = fields.iter().flat_map(|f: &u16| f.to_be_bytes()).collect();
            let told = [fields.as_slice(), more].concat();
            match sound(*b"sowt", &told, Dialect::QuickTime, &mut BTreeSet::new()) {
                Told::Entry(entry) => entry.bytes,
                _ => Vec::new(),
            }
        };
        let one =
            |numbers: [u32; 4]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
        assert_eq!(entry(1, b"CANARYcanaryCANA"), entry(1, &one([1, 2, 4, 2])));
        assert!(entry(1, b"CANARYcanaryCANA").ends_with(&one([1, 2, 4, 2])));
        let two = |rate: f64, numbers| {
            [&[0, 0, 0, 72], rate.to_be_bytes().as_slice(), &[0, 0, 0, 2], &[0; 4], &one(numbers)]
                .concat()
        };
        let canonical = entry(2, &two(44100.0, [16, 12, 4, 1]));
        assert!(!canonical.is_empty());
        assert_eq!(entry(2, &two(44100.125, [16, 12 | 1 << 20, 0x4341, 0x4e41])), canonical);
    }
}
