//! The codecs in Ogg whose headers are known: Vorbis (the Vorbis I specification §4.2), Opus (RFC 7845 §5), FLAC (RFC
//! 9639 §10.1) and Speex (the Speex manual §7.3).

use std::collections::BTreeSet;

use crate::clean::{
    Found,
    sound::{comments, flac::StreamInfo},
};

/// What a stream's first packet says it is.
pub(super) enum Codec {
    /// Blocks have at most this many samples.
    Vorbis {
        block: u32,
    },
    Opus,
    Flac,
    /// A packet has this many samples.
    Speex {
        packet: u32,
    },
}

/// A stream's first packet, as far as it is known.
pub(super) enum First {
    /// Sound, and the packet written anew.
    Sound(Codec, Vec<u8>),
    /// Skeleton: what other streams are, and where.
    Skeleton,
    /// Anything else.
    Unknown,
    /// Sound of a known codec, broken.
    Broken,
}

impl First {
    pub(super) fn read(packet: &[u8]) -> Self {
        let (known, read) = match packet {
            [1, b'v', b'o', b'r', b'b', b'i', b's', rest @ ..] => (true, vorbis(rest)),
            [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', rest @ ..] => (true, opus(rest)),
            [0x7f, b'F', b'L', b'A', b'C', rest @ ..] => (true, flac(rest)),
            [b'S', b'p', b'e', b'e', b'x', b' ', b' ', b' ', rest @ ..] => (true, speex(rest)),
            [b'f', b'i', b's', b'h', b'e', b'a', b'd', 0, ..] => return Self::Skeleton,
            _ => (false, None),
        };
        match read {
            Some((codec, packet)) => Self::Sound(codec, packet),
            None if known => Self::Broken,
            None => Self::Unknown,
        }
    }
}

impl Codec {
    /// Whether `packet`, the one after `before` headers, is the one that should be there.
    pub(super) fn is_header(&self, packet: &[u8], before: u32) -> bool {
        match self {
            Self::Vorbis { .. } if before == 1 => packet.starts_with(b"\x03vorbis"),
            Self::Vorbis { .. } => packet.starts_with(b"\x05vorbis"),
            Self::Opus => packet.starts_with(b"OpusTags"),
            Self::Flac => packet.first().is_some_and(|kind| kind & 0x7f < 0x7f),
            Self::Speex { .. } => true,
        }
    }

    /// Whether `packet`, the one after `before` headers, is the last header.
    pub(super) fn is_last_header(&self, packet: &[u8], before: u32) -> bool {
        match self {
            Self::Vorbis { .. } => before == 2,
            Self::Opus | Self::Speex { .. } => before == 1,
            Self::Flac => packet.first().is_some_and(|kind| kind & 0x80 != 0),
        }
    }

    /// Says what a header that is left behind holds.
    pub(super) fn tell(&self, packet: &[u8], found: &mut BTreeSet<Found>) {
        match (self, packet) {
            (Self::Vorbis { .. }, [3, _, _, _, _, _, _, text @ ..])
            | (Self::Opus, [b'O', b'p', b'u', b's', b'T', b'a', b'g', b's', text @ ..])
            | (Self::Flac, [4 | 0x84, _, _, _, text @ ..])
            | (Self::Speex { .. }, text) => comments::tell(text, found),
            (Self::Flac, [6 | 0x86, ..]) => {
                found.insert(Found::Preview);
            }
            (Self::Flac, [1 | 3 | 0x81 | 0x83, ..]) => {}
            _ => {
                found.insert(Found::Other);
            }
        }
    }

    /// The second header without any comment.
    pub(super) fn no_comments(&self) -> Vec<u8> {
        match self {
            Self::Vorbis { .. } => [b"\x03vorbis".as_slice(), &comments::NONE, &[1]].concat(),
            Self::Opus => [b"OpusTags".as_slice(), &comments::NONE].concat(),
            Self::Flac => [[0x84, 0, 0, 8].as_slice(), &comments::NONE].concat(),
            Self::Speex { .. } => comments::NONE.to_vec(),
        }
    }

    /// The most samples that `packets` packets give which begin with `heads`; none where frames count their own.
    pub(super) fn samples(&self, heads: &[[u8; 2]]) -> Option<u64> {
        let count = heads.len() as u64;
        match self {
            Self::Vorbis { block } => Some(count * u64::from(block / 2)),
            Self::Opus => Some(heads.iter().copied().map(opus_samples).sum()),
            Self::Flac => None,
            Self::Speex { packet } => Some(count * u64::from(*packet)),
        }
    }
}

/// Rates of bits are hints that no decoder asks for: zeros mean that they are not known.
fn vorbis(rest: &[u8]) -> Option<(Codec, Vec<u8>)> {
    let [
        0,
        0,
        0,
        0,
        channels,
        r0,
        r1,
        r2,
        r3,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        blocks,
        framing,
        ..,
    ] = rest
    else {
        return None;
    };
    let (short, long) = (blocks & 15, blocks >> 4);
    let fits = *channels > 0 && [*r0, *r1, *r2, *r3] != [0; 4] && framing & 1 == 1;
    if !fits || short < 6 || long < short || long > 13 {
        return None;
    }
    let head = [b"\x01vorbis\0\0\0\0".as_slice(), &[*channels, *r0, *r1, *r2, *r3]].concat();
    let packet = [&head, [0; 12].as_slice(), &[*blocks, 1]].concat();
    Some((Codec::Vorbis { block: 1 << long }, packet))
}

/// The rate of what was coded is a hint: 48 kHz is the one that all decoders have.
fn opus(rest: &[u8]) -> Option<(Codec, Vec<u8>)> {
    let [version, channels, s0, s1, _, _, _, _, g0, g1, family, mapping @ ..] = rest else {
        return None;
    };
    let mut packet = b"OpusHead\x01".to_vec();
    packet.extend([*channels, *s0, *s1, 0x80, 0xbb, 0, 0, *g0, *g1, *family]);
    if version & 0xf0 != 0 || *channels == 0 {
        return None;
    }
    match family {
        0 => {
            if *channels > 2 {
                return None;
            }
        }
        1 | 2 | 255 => {
            let (count, places) = mapping.split_first_chunk::<2>()?;
            let places = places.get(..usize::from(*channels))?;
            let [streams, coupled] = count.map(u16::from);
            let fits = |place: &u8| *place == 255 || u16::from(*place) < streams + coupled;
            if streams == 0
                || coupled > streams
                || streams + coupled > 255
                || !places.iter().all(fits)
            {
                return None;
            }
            packet.extend(count);
            packet.extend(places);
        }
        _ => return None,
    }
    Some((Codec::Opus, packet))
}

/// Samples at 48 kHz of a packet (RFC 6716 §3.1) that begins with `head`.
fn opus_samples(head: [u8; 2]) -> u64 {
    let [toc, count] = head;
    let config = toc >> 3;
    let frame = match config {
        0..=11 => [480, 960, 1920, 2880].get(usize::from(config % 4)),
        12..=15 => [480, 960].get(usize::from(config % 2)),
        _ => [120, 240, 480, 960].get(usize::from(config % 4)),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => count & 63,
    };
    frame.copied().unwrap_or(0) * u64::from(frames)
}

fn flac(rest: &[u8]) -> Option<(Codec, Vec<u8>)> {
    let block = rest.strip_prefix(&[1])?.get(3..)?.strip_prefix(b"fLaC")?;
    let info = StreamInfo::read(block.get(4..38)?)?;
    // mapping 1.0, one more header, and the block of type 0 and 34 bytes
    let head = b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22".as_slice();
    Some((Codec::Flac, [head, &info.write_uncounted()].concat()))
}

/// All but the version's name is numbers of 32 bits.
fn speex(rest: &[u8]) -> Option<(Codec, Vec<u8>)> {
    let numbers = rest.get(20..72)?.as_chunks::<4>().0;
    let numbers: Vec<u32> = numbers.iter().map(|number| u32::from_le_bytes(*number)).collect();
    let [_, _, rate, mode, stream, channels, _, frame, variable, frames, extra, ..] =
        numbers.as_slice()
    else {
        return None;
    };
    let fits = (1..=192_000).contains(rate)
        && *mode <= 2
        && *stream <= 4
        && (1..=2).contains(channels)
        && (1..=1280).contains(frame)
        && *frames <= 64
        && *extra == 0;
    if !fits {
        return None;
    }
    let mut packet = b"Speex   ".to_vec();
    packet.extend([0; 20]);
    let any_rate = u32::MAX;
    let variable = (*variable).min(1);
    for number in
        [1, 80, *rate, *mode, *stream, *channels, any_rate, *frame, variable, *frames, 0, 0, 0]
    {
        packet.extend(number.to_le_bytes());
    }
    Some((Codec::Speex { packet: frame * (*frames).max(1) }, packet))
}
