//! Two real files that differ only in metadata are cleaned to the same bytes: as they came, and with tags that ExifTool
//! wrote into them, or packed anew with other times, comments and extra fields.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    archive::{self, Around},
    kinds::{cleaned, empty_folder, in_parallel, run},
    sweep::{Swept, sweep},
};

/// Of each kind, so many of the smallest files.
const FILES: usize = 4;
/// Kinds that ExifTool writes into. It moves the pictures of HEIC and AVIF about, and a kind whose data may lie in
/// several orders keeps the order it came in.
const TAGGED: &[&str] = &["jpg", "png", "webp", "gif", "tif", "mp4", "mov", "m4a", "pdf"];
const PACKED: &[&str] = &["docx", "xlsx", "pptx", "odt", "ods", "odp", "epub"];

#[test]
fn metadata_makes_no_difference() {
    let Some(sweep) = sweep() else { return };
    let folder = empty_folder("changed");
    let mut changed = Vec::new();
    for kind in TAGGED {
        changed.extend(smallest(sweep, kind).into_iter().map(|file| (file, copied(file, &folder))));
    }
    tag(&changed.iter().map(|(_, path)| path.clone()).collect::<Vec<_>>());
    for kind in PACKED {
        for file in smallest(sweep, kind) {
            if let Some(packed) = packed_anew(&fs::read(&file.input).unwrap()) {
                let path = folder.join(file.input.file_name().unwrap());
                fs::write(&path, packed).unwrap();
                changed.push((file, path));
            }
        }
    }
    let differ = in_parallel(&changed, |(file, path)| {
        let (before, after) = (fs::read(&file.input).unwrap(), fs::read(path).unwrap());
        let was_changed = before != after;
        let once = &file.fate.as_ref().ok()?.output;
        let fault = match cleaned(&after) {
            Ok((bytes, _)) if bytes == fs::read(once).unwrap() => None,
            Ok((bytes, _)) => Some(format!("{} bytes, other than before", bytes.len())),
            Err(refusal) => Some(format!("refused: {refusal}")),
        };
        Some((was_changed, fault.map(|fault| format!("{}: {fault}", file.input.display()))))
    });
    let differ: Vec<(bool, Option<String>)> = differ.into_iter().flatten().collect();
    let were_changed = differ.iter().filter(|(changed, _)| *changed).count();
    println!("metadata was changed in {were_changed} files of {}", differ.len());
    let differ: Vec<&String> = differ.iter().filter_map(|(_, fault)| fault.as_ref()).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert!(were_changed * 2 > changed.len(), "hardly a file was changed");
}

fn smallest<'a>(sweep: &'a [Swept], kind: &str) -> Vec<&'a Swept> {
    let cleaned = |file: &&Swept| file.folder.name == kind && file.fate.is_ok();
    let mut files: Vec<&Swept> = sweep.iter().filter(cleaned).collect();
    files.sort_by_key(|file| file.input.metadata().unwrap().len());
    files.truncate(FILES);
    files
}

fn copied(file: &Swept, folder: &Path) -> PathBuf {
    let path = folder.join(file.input.file_name().unwrap());
    fs::copy(&file.input, &path).unwrap();
    path
}

/// Other words, times and places, where the kind has room for them; what ExifTool cannot change stays as it is.
fn tag(files: &[PathBuf]) {
    let mut command = Command::new("exiftool");
    command.args(["-q", "-q", "-m", "-overwrite_original"]);
    for (tag, value) in [
        ("EXIF:Artist", "Hana"),
        ("XMP:Title", "The meeting"),
        ("XMP:Rights", "Hana"),
        ("IPTC:Keywords", "river"),
        ("QuickTime:Title", "The meeting"),
        ("Keys:Author", "Hana"),
        ("PNG:Comment", "by the river"),
        ("PDF:Author", "Hana"),
        ("Comment", "by the river"),
        ("AllDates", "2003:07:19 11:22:33"),
        ("GPSLatitude", "37.5665"),
        ("GPSLatitudeRef", "N"),
    ] {
        command.arg(format!("-{tag}={value}"));
    }
    run(command.args(files), "libimage-exiftool-perl");
}

fn packed_anew(file: &[u8]) -> Option<Vec<u8>> {
    let around = Around {
        time: [0x5af1, 0x2ef3],
        extra: b"zq\x04\0Hana".to_vec(),
        comment: b"by Hana".to_vec(),
        stored: true,
    };
    Some(archive::write(&archive::read(file)?, &around))
}
