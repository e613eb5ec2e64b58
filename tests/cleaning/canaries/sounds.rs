//! Canaries in recordings: ffmpeg's tags, and tags, chunks, blocks and pages by hand.

use std::path::Path;

use super::{CANARY, Canaries, Planted, make};
use crate::kinds::empty_folder;

const TONE: &[&str] = &["-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=440:duration=1"];

pub(super) fn planted() -> Vec<Planted> {
    let folder = empty_folder("recordings");
    let mut planted = Vec::new();
    for (kind, codec) in [
        ("mp3", ["-c:a", "libmp3lame", "-q:a", "5"]),
        ("flac", ["-c:a", "flac", "-ar", "44100"]),
        ("ogg", ["-c:a", "libvorbis", "-ac", "1"]),
        ("opus", ["-c:a", "libopus", "-ac", "1"]),
        ("wav", ["-c:a", "pcm_s16le", "-ac", "1"]),
        ("aiff", ["-c:a", "pcm_s16be", "-ac", "1"]),
    ] {
        let bare = ["-map_metadata", "-1", "-bitexact", "-id3v2_version", "0"];
        let bare = if kind == "mp3" { &bare[..] } else { &bare[..3] };
        let path = folder.join(format!("plain.{kind}"));
        let plain = make("ffmpeg", &[TONE, &codec, bare].concat(), &path);
        planted.push(by_ffmpeg(kind, &codec, &plain, &folder));
        planted.extend(match kind {
            "mp3" => mp3(&plain),
            "flac" => flac(&plain),
            "ogg" | "opus" => ogg(kind, &plain),
            "wav" => wav(&plain),
            _ => aiff(&plain),
        });
    }
    planted.push(amr());
    planted
}

fn by_ffmpeg(kind: &'static str, codec: &[&str], plain: &[u8], folder: &Path) -> Planted {
    let mut canaries = Canaries::default();
    let names = [
        "title",
        "artist",
        "album",
        "comment",
        "copyright",
        "genre",
        "composer",
        "encoder",
        "encoded_by",
        "TSSE",
        "publisher",
        "originator",
        "description",
        "coding_history",
        "LYRICS",
        "ISFT",
    ];
    let tags = names.map(|name| format!("{name}={}", canaries.next()));
    let mut arguments = [TONE, codec].concat();
    for tag in &tags {
        arguments.extend(["-metadata", tag]);
    }
    match kind {
        "mp3" => arguments.extend(["-id3v2_version", "3", "-write_id3v1", "1"]),
        "wav" => arguments.extend(["-write_bext", "1"]),
        "aiff" => arguments.extend(["-write_id3v2", "1"]),
        _ => {}
    }
    let bytes = make("ffmpeg", &arguments, &folder.join(format!("ffmpeg.{kind}")));
    canaries.0.retain(|canary| memchr::memmem::find(&bytes, canary.as_bytes()).is_some());
    assert!(canaries.0.len() >= 3, "{kind}: ffmpeg wrote {:?} only", canaries.0);
    let planted = Planted::new(kind, "ffmpeg", plain, bytes).with(canaries);
    match kind {
        // each run of ffmpeg draws a serial number and pages the packets by what comes before them
        "ogg" | "opus" => planted,
        _ => planted,
    }
}

fn mp3(plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let mut id3 = Vec::new();
    for name in [b"TIT2", b"TPE1", b"PRIV", b"GEOB", b"COMM", b"UFID", b"zqA9"] {
        let body = [b"\0".as_slice(), canaries.next().as_bytes()].concat();
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        id3.extend([name, &length[..], b"\0\0", &body].concat());
    }
    // padding is part of the tag
    id3.extend([&[0; 30][..], canaries.next().as_bytes()].concat());
    let length = u32::try_from(id3.len()).unwrap();
    let safe = [21, 14, 7, 0].map(|shift| u8::try_from(length >> shift & 0x7f).unwrap());
    let front = [b"ID3\x03\0\0".as_slice(), &safe, &id3].concat();

    let ape_item = {
        let value = canaries.next();
        let length = u32::try_from(value.len()).unwrap().to_le_bytes();
        [&length[..], b"\0\0\0\0Artist\0", value.as_bytes()].concat()
    };
    let ape_size = u32::try_from(ape_item.len() + 32).unwrap().to_le_bytes();
    let frame = |flags: u32| {
        [b"APETAGEX\xd0\x07\0\0", &ape_size[..], b"\x01\0\0\0", &flags.to_le_bytes(), &[0; 8]]
            .concat()
    };
    let ape = [frame(0xa000_0000), ape_item, frame(0x8000_0000)].concat();
    let lyrics = format!("LYRICSBEGININD0000200LYR00011{}", canaries.next());
    let lyrics = format!("{lyrics}{:06}LYRICS200", lyrics.len());
    let mut id3v1 = format!("TAG{}", canaries.next()).into_bytes();
    id3v1.resize(128, 0);
    let bytes = [&front, plain, lyrics.as_bytes(), &ape, &id3v1].concat();
    let tags = Planted::new("mp3", "ID3, APE and Lyrics3", plain, bytes).with(canaries);
    let mut planted = vec![tags];

    // the encoder's name, nine characters behind the seek table, is shorter than a numbered canary
    let name = ["LAME3", "Lavc5", "Lavf"]
        .iter()
        .find_map(|name| memchr::memmem::find(plain, name.as_bytes()));
    if let Some(at) = name {
        let mut bytes = plain.to_vec();
        bytes[at..at + CANARY.len()].copy_from_slice(CANARY.as_bytes());
        let canaries = Canaries(vec![CANARY.to_owned()]);
        planted.push(Planted::new("mp3", "the encoder's name", plain, bytes).with(canaries));
    }
    planted
}

fn flac(plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let block = |kind: u8, body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind], &length[1..], body].concat()
    };
    let field =
        |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let picture = [
        &[0, 0, 0, 3][..],
        &field("image/png"),
        &field(&canaries.next()),
        &[0; 16],
        &field(&canaries.next()),
    ]
    .concat();
    let blocks = [
        block(1, canaries.next().as_bytes()),
        block(2, format!("zqAx{}", canaries.next()).as_bytes()),
        block(6, &picture),
        block(100, canaries.next().as_bytes()),
    ];
    // `fLaC` and STREAMINFO end at 42; whether it is the last block is its first bit
    let mut start = plain[..42].to_vec();
    start[4] &= 0x7f;
    let bytes = [&start, &*blocks.concat(), &plain[42..]].concat();
    let inside = Planted::new("flac", "blocks", plain, bytes).with(canaries);

    let mut canaries = Canaries::default();
    let id3 = format!("ID3\x03\0\0\0\0\0\x20{:32}", canaries.next());
    let mut behind = format!("TAG{}", canaries.next()).into_bytes();
    behind.resize(128, 0);
    let bytes = [id3.as_bytes(), plain, &behind].concat();
    vec![
        inside,
        Planted::new("flac", "ID3 around", plain, bytes)
            .with(canaries)
            .or_refused("no FLAC begins so"),
    ]
}

/// The vendor's name within the comment header, which has a sum that is made anew, and a page behind the end.
fn ogg(kind: &'static str, plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let behind = [plain, canaries.next().as_bytes()].concat();
    let behind = Planted::new(kind, "bytes behind", plain, behind).with(canaries);

    // a stream of its own between the others: one page, first and last
    let mut canaries = Canaries::default();
    let body = format!("fishead\0{}", canaries.next());
    let mut page = b"OggS\0\x06\0\0\0\0\0\0\0\0Zqzq\0\0\0\0\0\0\0\0\x01".to_vec();
    page.push(u8::try_from(body.len()).unwrap());
    page.extend_from_slice(body.as_bytes());
    let sum = ogg_sum(&page).to_le_bytes();
    page[22..26].copy_from_slice(&sum);
    // behind the first page, which begins the stream that is heard
    let first = 28 + usize::from(plain[27]);
    let bytes = [&plain[..first], &page, &plain[first..]].concat();
    vec![behind, Planted::new(kind, "another stream", plain, bytes).with(canaries)]
}

/// RFC 3533 6: polynomial 0x04c11db7, begun with 0, not reflected.
fn ogg_sum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 }
        })
    })
}

fn chunk(name: &[u8], body: &[u8], length: fn(u32) -> [u8; 4]) -> Vec<u8> {
    let padding: &[u8] = if body.len() % 2 == 1 { b"\0" } else { b"" };
    [name, &length(u32::try_from(body.len()).unwrap()), body, padding].concat()
}

fn wav(plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let mut chunks = Vec::new();
    for name in [b"bext", b"iXML", b"id3 ", b"JUNK", b"PAD ", b"zqAx", b"_PMX", b"cue ", b"Fake"] {
        chunks.extend(chunk(name, canaries.next().as_bytes(), u32::to_le_bytes));
    }
    let info = chunk(b"IART", canaries.next().as_bytes(), u32::to_le_bytes);
    chunks.extend(chunk(b"LIST", &[b"INFO".as_slice(), &info].concat(), u32::to_le_bytes));
    // before the format, too
    let early = chunk(b"JUNK", canaries.next().as_bytes(), u32::to_le_bytes);
    let mut bytes = [&plain[..12], &early, &plain[12..], &chunks].concat();
    let length = u32::try_from(bytes.len() - 8).unwrap().to_le_bytes();
    bytes[4..8].copy_from_slice(&length);
    bytes.extend_from_slice(canaries.next().as_bytes());
    vec![Planted::new("wav", "chunks", plain, bytes).with(canaries)]
}

fn aiff(plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let mut bytes = plain.to_vec();
    for name in [b"NAME", b"AUTH", b"(c) ", b"ANNO", b"COMT", b"ID3 ", b"APPL", b"MIDI", b"zqAx"] {
        bytes.extend(chunk(name, canaries.next().as_bytes(), u32::to_be_bytes));
    }
    let length = u32::try_from(bytes.len() - 8).unwrap().to_be_bytes();
    bytes[4..8].copy_from_slice(&length);
    bytes.extend_from_slice(canaries.next().as_bytes());
    vec![Planted::new("aiff", "chunks", plain, bytes).with(canaries)]
}

/// A phone's recording: frames of 12.2 kbit/s (RFC 4867 5.3), 31 bytes behind each header. Behind them what some
/// recorders write: their settings.
fn amr() -> Planted {
    let mut plain = b"#!AMR\n".to_vec();
    for frame in 0_u8..50 {
        plain.push(0x3c);
        plain.extend((0..31_u8).map(|at| at.wrapping_mul(37) ^ frame.wrapping_mul(11)));
    }
    let mut canaries = Canaries::default();
    let bytes =
        [&plain, [b"\xff\xff".as_slice(), canaries.next().as_bytes()].concat().as_slice()].concat();
    let planted = Planted::new("amr", "bytes behind", &plain, bytes).with(canaries);
    planted.or_refused("what follows may be a frame that is damaged")
}
