//! Canaries in ISO media: what ffmpeg can write, boxes at every level, samples of other tracks, bytes of no track.

use std::path::Path;

use super::{Canaries, Planted, make};
use crate::kinds::{empty_folder, in_parallel};

/// What the films are made with; `plain` is written without anything of the program that made it.
const KINDS: &[(&str, &[&str])] = &[
    ("mp4", &["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]),
    ("mov", &["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le"]),
    ("3gp", &["-c:v", "h263", "-s", "176x144", "-c:a", "aac", "-ac", "1"]),
    ("m4a", &["-vn", "-c:a", "aac"]),
];

const SOURCES: &[&str] = &[
    "-v",
    "error",
    "-y",
    "-f",
    "lavfi",
    "-i",
    "testsrc=size=176x144:rate=10:duration=1",
    "-f",
    "lavfi",
    "-i",
    "sine=frequency=440:duration=1",
];

pub(super) fn planted() -> Vec<Planted> {
    let folder = empty_folder("films");
    let planted = in_parallel(KINDS, |(kind, codecs)| {
        let encoded = folder.join(format!("encoded.{kind}"));
        make("ffmpeg", &[SOURCES, codecs].concat(), &encoded);
        let from = ["-v", "error", "-y", "-i", encoded.to_str().unwrap()];
        let copied = |name: &str, arguments: &[&str]| {
            let to = folder.join(format!("{name}.{kind}"));
            make("ffmpeg", &[&from, arguments, &["-c", "copy"]].concat(), &to)
        };
        let plain = copied("plain", &["-map_metadata", "-1"]);
        let mut planted = vec![by_ffmpeg(kind, &plain, &folder, &copied)];
        planted.extend(by_hand(kind, &plain));
        if *kind == "mp4" {
            planted.push(sei(&plain, &folder));
            planted.extend(telemetry(&plain, &folder));
        }
        if *kind != "m4a" {
            let fragments = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"];
            let plain = copied("fragments", &fragments);
            planted.push(between_fragments(kind, &plain));
        }
        planted
    });
    planted.into_iter().flatten().collect()
}

/// Every tag that ffmpeg writes, on the file and on its tracks, chapters, a cover that has tags of its own.
fn by_ffmpeg(
    kind: &'static str,
    plain: &[u8],
    folder: &Path,
    copied: &dyn Fn(&str, &[&str]) -> Vec<u8>,
) -> Planted {
    let mut canaries = Canaries::default();
    let mut text = ";FFMETADATA1\n".to_owned();
    let names = [
        "title",
        "artist",
        "album",
        "comment",
        "copyright",
        "description",
        "genre",
        "composer",
        "album_artist",
        "encoder",
        "synopsis",
        "show",
        "episode_id",
        "network",
        "lyrics",
        "make",
        "model",
        "keywords",
        "grouping",
    ];
    for name in names {
        // 3GP and MOV have fewer; what is not written is no canary
        text.push_str(&format!("{name}={}\n", canaries.next()));
    }
    text.push_str("creation_time=2003-07-19T11:22:33Z\nlocation=+37.5665+126.9780/\n");
    for start in [0, 500] {
        let title = canaries.next();
        text.push_str(&format!(
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={}\ntitle={title}\n",
            start + 500
        ));
    }
    let list = folder.join(format!("{kind}.txt"));
    std::fs::write(&list, text).unwrap();
    let handlers = [canaries.next(), canaries.next()];
    let handlers = handlers.map(|canary| format!("handler_name={canary}"));
    let tags =
        ["-f", "ffmetadata", "-i", list.to_str().unwrap(), "-map_metadata", "1", "-map", "0"];
    let tracks = ["-metadata:s:0", &handlers[0], "-metadata:s:1", &handlers[1]];
    let flags = ["-movflags", "use_metadata_tags"];
    let flags = if kind == "mov" { &flags[..] } else { &[] };
    let bytes = copied("ffmpeg", &[&tags[..], &tracks, flags].concat());
    canaries.0.retain(|canary| memchr::memmem::find(&bytes, canary.as_bytes()).is_some());
    assert!(canaries.0.len() >= 5, "{kind}: ffmpeg wrote {:?} only", canaries.0);
    Planted::new(kind, "ffmpeg", plain, bytes).with(canaries)
}

/// Boxes that anyone may have written, on every level. `mdat` stands before `moov`, so that nothing moves.
fn by_hand(kind: &'static str, plain: &[u8]) -> Vec<Planted> {
    let levels: &[&[&str]] = &[
        &["moov"],
        &["moov", "trak"],
        &["moov", "trak", "mdia"],
        &["moov", "trak", "mdia", "minf"],
        &["moov", "trak", "mdia", "minf", "stbl"],
        &[],
    ];
    let mut canaries = Canaries::default();
    let mut bytes = plain.to_vec();
    for path in levels {
        for name in ["free", "skip", "uuid", "meta", "zqAx"] {
            let mut body = canaries.next().into_bytes();
            if name == "uuid" {
                body =
                    [b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac", &*body]
                        .concat();
            }
            bytes = with_child(&bytes, path, &made_box(name, &body));
        }
    }
    for path in [&["moov"][..], &["moov", "trak"]] {
        for name in ["\u{a9}xyz", "\u{a9}mod", "loci", "CAME", "GPMF"] {
            // the sign is one byte in these names (Mac Roman)
            let name: Vec<u8> = name.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            let body = [b"\0\x0b\x15\xc7", canaries.next().as_bytes()].concat();
            let tag = made_box_of(&name, &body);
            bytes = with_child(&bytes, path, &made_box("udta", &tag));
        }
    }
    let boxes = Planted::new(kind, "boxes", plain, bytes).with(canaries);

    let mut canaries = Canaries::default();
    let bytes = with_child(plain, &["mdat"], canaries.next().as_bytes());
    let unused = Planted::new(kind, "bytes of no track", plain, bytes).with(canaries);

    let mut canaries = Canaries::default();
    let behind = [plain, canaries.next().as_bytes()].concat();
    let behind = Planted::new(kind, "bytes behind", plain, behind).with(canaries);
    vec![boxes, unused, behind.or_refused("a damaged last box may be half a film")]
}

/// Text in the video's own stream, as x264 writes its settings. What is left of the samples may differ in length.
fn sei(plain: &[u8], folder: &Path) -> Planted {
    let mut canaries = Canaries::default();
    let from = folder.join("for-sei.mp4");
    std::fs::write(&from, plain).unwrap();
    let data =
        format!("h264_metadata=sei_user_data=086f3693b7b34f2c965321492feee5b8+{}", canaries.next());
    let arguments =
        ["-v", "error", "-y", "-i", from.to_str().unwrap(), "-c", "copy", "-bsf:v", &data];
    let bytes = make("ffmpeg", &arguments, &folder.join("sei.mp4"));
    Planted::new("mp4", "SEI", plain, bytes).with(canaries).not_alike()
}

/// A track of readings: written as subtitles, which ffmpeg can, and renamed. Its samples lie between those of the film.
fn telemetry(plain: &[u8], folder: &Path) -> Vec<Planted> {
    let from = folder.join("for-telemetry.mp4");
    std::fs::write(&from, plain).unwrap();
    let planted =
        [("gpmd", "telemetry of GoPro"), ("mebx", "telemetry of Apple"), ("camm", "camera motion")]
            .map(|(format, by)| {
                let mut canaries = Canaries::default();
                let lines = [canaries.next(), canaries.next(), canaries.next()];
                let mut text = String::new();
                for (index, line) in lines.iter().enumerate() {
                    text.push_str(&format!(
                        "{}\n00:00:00,{index}00 --> 00:00:00,{index}90\n{line}\n\n",
                        index + 1
                    ));
                }
                let subtitles = folder.join(format!("{format}.srt"));
                std::fs::write(&subtitles, text).unwrap();
                let arguments = [
                    "-v",
                    "error",
                    "-y",
                    "-i",
                    from.to_str().unwrap(),
                    "-i",
                    subtitles.to_str().unwrap(),
                    "-map",
                    "0",
                    "-map",
                    "1",
                    "-c",
                    "copy",
                    "-c:s",
                    "mov_text",
                ];
                let bytes = make("ffmpeg", &arguments, &folder.join(format!("{format}.mp4")));
                let bytes = renamed(&bytes, &[(b"sbtl", b"meta"), (b"tx3g", format.as_bytes())]);
                Planted::new("mp4", by, plain, bytes).with(canaries).not_alike()
            });
    planted.into()
}

fn renamed(bytes: &[u8], names: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (from, to) in names {
        let found: Vec<usize> = memchr::memmem::find_iter(&bytes, *from).collect();
        for at in found {
            bytes[at..at + 4].copy_from_slice(to);
        }
    }
    bytes
}

/// Boxes between the fragments of a film.
fn between_fragments(kind: &'static str, plain: &[u8]) -> Planted {
    let mut canaries = Canaries::default();
    let mut bytes = Vec::new();
    for (name, one) in boxes(plain) {
        bytes.extend_from_slice(one);
        // `mfra` is found by its length at the file's end
        if ["moov", "mdat"].contains(&name.as_str()) {
            for name in ["free", "uuid", "emsg", "prft"] {
                bytes.extend(made_box(
                    name,
                    format!("{}{}", " ".repeat(16), canaries.next()).as_bytes(),
                ));
            }
        }
    }
    let planted = Planted::new(kind, "boxes between fragments", plain, bytes).with(canaries);
    planted.or_refused("a fragment may be found by its place")
}

/// The boxes that follow each other in `bytes`, each with its name.
fn boxes(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut boxes = Vec::new();
    while let Some(length) = bytes.first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
        let (one, rest) = bytes.split_at(length.clamp(8, bytes.len()));
        boxes.push((one[4..8].escape_ascii().to_string(), one));
        bytes = rest;
    }
    boxes
}

/// `file` with `child` at the end of every box that is reached by `path`.
fn with_child(file: &[u8], path: &[&str], child: &[u8]) -> Vec<u8> {
    let Some((first, rest)) = path.split_first() else {
        return [file, child].concat();
    };
    let boxes = boxes(file).into_iter().map(|(name, one)| {
        if name == *first {
            made_box(&name, &with_child(&one[8..], rest, child))
        } else {
            one.to_vec()
        }
    });
    boxes.collect::<Vec<_>>().concat()
}

pub(super) fn made_box(name: &str, body: &[u8]) -> Vec<u8> {
    made_box_of(name.as_bytes(), body)
}

fn made_box_of(name: &[u8], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes(), name, body].concat()
}
