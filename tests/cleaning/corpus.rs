//! Invariant 5 over real files: what leaves the cleaner shows the same picture and says nothing about its maker.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sealpost::clean::{CleanError, Limits, Refusal, clean};

use crate::oracle::{self, Picture};

#[test]
fn every_jpeg_and_png_that_opens_is_cleaned_and_shows_the_same() {
    let Some(corpus) = oracle::corpus() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut outputs = Vec::new();
    for (kind, at_least) in [("jpg", 50), ("png", 25)] {
        let opened: Vec<(PathBuf, Picture)> = oracle::files(&corpus, &[kind])
            .into_iter()
            .filter_map(|path| oracle::picture(&path).map(|picture| (path, picture)))
            .collect();
        assert!(opened.len() >= at_least, "only {} files of {kind} open", opened.len());
        let mut refused = 0;
        for (input, picture) in &opened {
            let output = folder.path().join(input.file_name().unwrap());
            if let Err(error) = write_cleaned(input, &output) {
                println!("refused: {}: {error}", input.display());
                refused += 1;
                continue;
            }
            assert_eq!(oracle::picture(&output).as_ref(), Some(picture), "{}", input.display());
            outputs.push(output);
        }
        println!("{kind}: {} open, {refused} of them are refused", opened.len());
        assert!(refused * 100 < opened.len() * 5, "{refused} of {} are refused", opened.len());
    }
    let findings = oracle::exiftool_findings(&outputs);
    assert!(findings.is_empty(), "{findings:#?}");
}

/// What cannot be cleaned is named by its bytes, never by its name.
#[test]
fn every_other_kind_is_told_from_its_bytes_and_refused() {
    let Some(corpus) = oracle::corpus() else {
        return;
    };
    let kinds = [
        "avif", "docx", "epub", "flac", "gif", "heic", "m4a", "mov", "mp3", "mp4", "odp", "ods",
        "odt", "opus", "pdf", "pptx", "svg", "tif", "wav", "webp", "xlsx",
    ];
    let mut named = 0;
    let mut odd = Vec::new();
    for kind in kinds {
        for path in oracle::files(&corpus, &[kind]) {
            let refusal = match clean(&mut File::open(&path).unwrap(), &Limits::default()) {
                Err(CleanError::Refused(refusal)) => refusal,
                other => panic!("{} is not refused: {other:?}", path.display()),
            };
            let expected = if kind == "opus" { "ogg" } else { kind };
            match refusal {
                Refusal::Unsupported { kind } if kind.extension() == expected => named += 1,
                other => odd.push((path, other)),
            }
        }
    }
    // a few were damaged on purpose, or lie about what they are
    println!("{named} named; otherwise: {odd:#?}");
    assert!(odd.len() * 100 < named * 10, "{odd:#?}");
}

/// Shows that the oracle can tell: of what goes in, it finds much.
#[test]
fn the_oracle_finds_metadata_in_what_was_not_cleaned() {
    let Some(corpus) = oracle::corpus() else {
        return;
    };
    let findings = oracle::exiftool_findings(&oracle::files(&corpus, &["jpg", "png"]));
    for tag in
        ["GPS:GPSLatitude", "IFD0:Model", "ExifIFD:DateTimeOriginal", "File:Comment", "PNG:Comment"]
    {
        assert!(findings.iter().any(|(_, found, _)| found == tag), "{tag}");
    }
}

fn write_cleaned(input: &Path, output: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut file = File::open(input)?;
    let cleaned = clean(&mut file, &Limits::default())?;
    let len = cleaned.len();
    assert_eq!(io::copy(&mut cleaned.replay(file), &mut File::create(output)?)?, len);
    let mut again = File::open(output)?;
    let twice = clean(&mut again, &Limits::default())?;
    assert!(twice.report().found.is_empty(), "{:?} in {}", twice.report(), output.display());
    let mut bytes = Vec::new();
    io::copy(&mut twice.replay(again), &mut bytes)?;
    assert!(bytes == fs::read(output)?, "{} is changed by a second cleaning", output.display());
    Ok(())
}
