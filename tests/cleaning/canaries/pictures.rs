//! Canaries in pictures: every tag that ExifTool can write, and segments, chunks, blocks and boxes by hand.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use super::{CANARY, Canaries, Planted, make};
use crate::kinds::{empty_folder, in_parallel, run};

/// Of the tags that ExifTool writes, at least so many hold a canary in each kind: those whose values are free text.
const AT_LEAST: usize = 60;

pub(super) fn planted() -> Vec<Planted> {
    let folder = empty_folder("pictures");
    let bases = ["jpg", "png", "webp", "gif", "tif", "heic", "avif"].map(|kind| {
        let path = folder.join(format!("plain.{kind}"));
        let arguments = ["-size", "64x48", "-seed", "7", "plasma:red-blue", "-strip"];
        (kind, make("convert", &arguments, &path))
    });
    let mut planted = by_exiftool(&folder, &bases);
    for (kind, plain) in &bases {
        planted.extend(match *kind {
            "jpg" => jpeg(plain),
            "png" => png(plain),
            "webp" => webp(plain),
            "gif" => gif(plain),
            "tif" => tiff(plain),
            _ => boxes(kind, plain),
        });
    }
    planted
}

/// Tags by which a TIFF is decoded.
const DECODING: &[&str] = &["Compression", "PhotometricInterpretation"];

/// Everything that ExifTool calls writable, in one file of each kind. Tags of numbers and times refuse a canary; they get a
/// time and a place, which the tables of allowed tags and values would not let pass.
fn by_exiftool(folder: &Path, bases: &[(&'static str, Vec<u8>)]) -> Vec<Planted> {
    let groups = ["EXIF:All", "IPTC:All", "QuickTime:All", "PNG:All", "Photoshop:All", "XMP:All"];
    let tags = in_parallel(&groups, writable);
    let mut next = 0;
    let mut arguments = |groups: &[&str]| {
        let mut lines = vec!["-m".to_owned(), "-q".to_owned(), "-overwrite_original".to_owned()];
        for (tags, group) in
            tags.iter().zip(["EXIF", "IPTC", "QuickTime", "PNG", "Photoshop", "XMP"])
        {
            let harmless = |tag: &&String| !DECODING.contains(&tag.as_str());
            for tag in tags.iter().filter(harmless).filter(|_| groups.contains(&group)) {
                lines.push(format!("-{group}:{tag}={CANARY}{next:04}"));
                next += 1;
            }
        }
        lines
    };
    // one packet for all, because XMP alone has thousands of properties
    let xmp = folder.join("canaries.xmp");
    let list = folder.join("xmp.args");
    fs::write(&list, arguments(&["XMP"]).join("\n")).unwrap();
    run(
        Command::new("exiftool").arg("-@").arg(&list).arg("-o").arg(&xmp),
        "libimage-exiftool-perl",
    );
    let mut lines = arguments(&["EXIF", "IPTC", "QuickTime", "PNG", "Photoshop"]);
    lines.push(format!("-Comment={CANARY}9999"));
    lines.push(format!("-XMP<={}", xmp.display()));
    for line in [
        "-AllDates=2003:07:19 11:22:33",
        "-GPSLatitude=37.5665",
        "-GPSLatitudeRef=N",
        "-GPSLongitude=126.978",
        "-GPSLongitudeRef=E",
        // what decoding needs stays as it was
        "-EXIF:Orientation#=1",
    ] {
        lines.push(line.to_owned());
    }
    let list = folder.join("all.args");
    fs::write(&list, lines.join("\n")).unwrap();
    in_parallel(bases, |(kind, plain)| {
        let path = folder.join(format!("exiftool.{kind}"));
        fs::write(&path, plain).unwrap();
        run(Command::new("exiftool").arg("-@").arg(&list).arg(&path), "libimage-exiftool-perl");
        let bytes = fs::read(&path).unwrap();
        let found: BTreeSet<Vec<u8>> = memchr::memmem::find_iter(&bytes, CANARY)
            .filter_map(|at| Some(bytes.get(at..at + CANARY.len() + 4)?.to_vec()))
            .collect();
        let least = if *kind == "gif" { 2 } else { AT_LEAST };
        assert!(found.len() >= least, "{kind}: ExifTool wrote {} canaries only", found.len());
        let canaries =
            found.into_iter().map(|canary| String::from_utf8_lossy(&canary).into()).collect();
        let planted = Planted::new(kind, "ExifTool", plain, bytes).with(Canaries(canaries));
        match *kind {
            // ExifTool moves the items' data about, and the cleaner keeps its order
            "heic" | "avif" => planted.not_alike(),
            _ => planted,
        }
    })
}

/// The names of the tags of a group that ExifTool can write.
fn writable(group: &&str) -> Vec<String> {
    let output = run(Command::new("exiftool").args(["-listw", &format!("-{group}")]), "exiftool");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("  "));
    lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

fn jpeg(plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let mut bytes = plain[..2].to_vec();
    let segment = |marker: u8, body: &[u8]| {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], &length[..], body].concat()
    };
    let mut segments = vec![0xfe];
    segments.extend(0xe0..=0xef);
    for marker in segments {
        for start in ["", "JFXX\0", "Exif\0\0", "MPF\0", "ICC_PROFILE\0\x01\x01", "Ducky", "Adobe"]
        {
            // `Adobe` decides colours, and the first segment of JFIF is the file's own
            if (marker, start) == (0xee, "Adobe") {
                continue;
            }
            bytes.extend(segment(marker, format!("{start}{}", canaries.next()).as_bytes()));
        }
    }
    bytes.extend_from_slice(&plain[2..]);
    let marked = Planted::new("jpg", "segments", plain, bytes).with(canaries);

    let mut canaries = Canaries::default();
    let second = [&plain[..2], &segment(0xfe, canaries.next().as_bytes()), &plain[2..]].concat();
    let film = [b"\0\0\0\x10ftypmp42\0\0\0\0", canaries.next().as_bytes()].concat();
    let bytes = [plain, &second, &film, canaries.next().as_bytes()].concat();
    vec![
        marked,
        Planted::new("jpg", "a second picture and a film behind", plain, bytes).with(canaries),
    ]
}

fn png(plain: &[u8]) -> Vec<Planted> {
    use std::io::Write as _;
    let chunk = |name: &[u8], body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let named = [name, body].concat();
        [&length[..], &named, &crc32fast::hash(&named).to_be_bytes()].concat()
    };
    let zlib = |bytes: &[u8]| {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let mut canaries = Canaries::default();
    let mut next = || canaries.next().into_bytes();
    let profile = [&[0; 128][..], &next()].concat();
    let before = [
        chunk(b"iCCP", &[&next(), b"\0\0".as_slice(), &zlib(&profile)].concat()),
        chunk(b"tEXt", &[&next(), b"\0".as_slice(), &next()].concat()),
        chunk(b"zTXt", &[b"Comment\0\0".as_slice(), &zlib(&next())].concat()),
        chunk(b"iTXt", &[b"Title\0\x01\0ko\0\0".as_slice(), &zlib(&next())].concat()),
        chunk(b"zqAx", &next()),
        chunk(b"sPLT", &[&next(), b"\0\x08".as_slice()].concat()),
        chunk(b"vpAg", &next()),
    ];
    let iend = plain.len() - 12;
    let behind = [chunk(b"tEXt", &[b"Author\0".as_slice(), &next()].concat()), next()];
    // IHDR ends at 33
    let bytes =
        [&plain[..33], &before.concat(), &plain[33..iend], &behind[0], &plain[iend..], &behind[1]]
            .concat();
    let chunks = Planted::new("png", "chunks", plain, bytes).with(canaries);

    let mut canaries = Canaries::default();
    let tail = chunk(b"IDAT", canaries.next().as_bytes());
    let bytes = [&plain[..iend], &tail, &plain[iend..]].concat();
    vec![
        chunks,
        Planted::new("png", "bytes behind the picture's data", plain, bytes).with(canaries),
    ]
}

fn webp(plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let chunk = |name: &[u8], body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        let padding: &[u8] = if body.len() % 2 == 1 { b"\0" } else { b"" };
        [name, &length, body, padding].concat()
    };
    let mut bytes = plain.to_vec();
    for name in [b"EXIF", b"XMP ", b"zqAx", b"ICCP"] {
        bytes.extend(chunk(name, canaries.next().as_bytes()));
    }
    let length = u32::try_from(bytes.len() - 8).unwrap().to_le_bytes();
    bytes[4..8].copy_from_slice(&length);
    bytes.extend_from_slice(canaries.next().as_bytes());
    vec![Planted::new("webp", "chunks", plain, bytes).with(canaries)]
}

fn gif(plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let trailer = plain.len() - 1;
    assert_eq!(plain[trailer], 0x3b);
    let block = |body: &str| [&[u8::try_from(body.len()).unwrap()], body.as_bytes()].concat();
    let mut extensions = Vec::new();
    for start in [b"!\xfe".as_slice(), b"!\xff\x0bXMP DataXMP", b"!\xff\x0bICCRGBG1012"] {
        extensions.extend([start, &block(&canaries.next()), b"\0"].concat());
    }
    extensions.extend([b"!\xff", &*block(&canaries.next()), b"\0"].concat());
    let behind = canaries.next();
    let bytes = [&plain[..trailer], &extensions, b";", behind.as_bytes()].concat();
    vec![Planted::new("gif", "extensions", plain, bytes).with(canaries)]
}

/// Bytes that nothing points at, and a private tag whose value they are.
fn tiff(plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let behind = [canaries.next(), canaries.next()].concat();
    let bytes = [plain, behind.as_bytes()].concat();
    vec![Planted::new("tif", "bytes behind", plain, bytes).with(canaries)]
}

fn boxes(kind: &'static str, plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let mut bytes = plain.to_vec();
    for name in ["free", "skip", "uuid", "udta", "zqAx"] {
        bytes.extend(super::films::made_box(name, canaries.next().as_bytes()));
    }
    bytes.extend_from_slice(canaries.next().as_bytes());
    vec![Planted::new(kind, "boxes", plain, bytes).with(canaries)]
}
