//! What programs that nobody here wrote say about a file: ImageMagick about a picture's pixels, ExifTool about metadata.
//!
//! Used by the tests of the cleaner and by those of the whole way of a tip.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod allowed;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The folder of real files, or None where there is none: a test then says that it is skipped, and fails where the
/// environment says `CI`.
pub(crate) fn corpus() -> Option<PathBuf> {
    let named = env::var_os("SEALPOST_CORPUS").map(PathBuf::from);
    let folder =
        named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"));
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(env::var_os("CI").is_none(), "no corpus at {}", folder.display());
    println!("skipped: no corpus at {}; name one in SEALPOST_CORPUS", folder.display());
    None
}

/// The corpus's files with one of `extensions`, sorted.
pub(crate) fn files(corpus: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = extensions
        .iter()
        .filter_map(|extension| corpus.join(extension).read_dir().ok())
        .flatten()
        .map(|entry| entry.expect("the corpus can be read").path())
        .collect();
    files.sort();
    files
}

/// What a viewer shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// ImageMagick's signature of the pixels as they are stored.
    pub(crate) pixels: String,
    /// How they are turned before they are shown; upright and unsaid are the same.
    pub(crate) orientation: String,
}

/// The picture at `path`; None if ImageMagick cannot open it. Warnings do not count: a viewer shows such a picture.
pub(crate) fn picture(path: &Path) -> Option<Picture> {
    let output = Command::new("identify")
        .args(["-quiet", "-format", "%# %[orientation]\n"])
        .arg(path)
        .output()
        .expect("`identify` of Debian's package imagemagick");
    let text = String::from_utf8(output.stdout).ok()?;
    let (pixels, orientation) = text.lines().next()?.split_once(' ')?;
    let opened = output.status.success() && pixels.len() == 64;
    opened.then(|| Picture {
        pixels: pixels.to_owned(),
        orientation: orientation.replace("TopLeft", "Undefined"),
    })
}

/// Everything that ExifTool finds in the files at `paths` and that is not in a table of [`allowed`]: file, tag with its group,
/// value.
pub(crate) fn exiftool_findings(paths: &[PathBuf]) -> Vec<(PathBuf, String, String)> {
    if paths.is_empty() {
        return Vec::new();
    }
    let output = Command::new("exiftool")
        .args(["-a", "-u", "-U", "-ee", "-G1", "-j"])
        .args(paths)
        .output()
        .expect("`exiftool` of Debian's package libimage-exiftool-perl");
    let files: Vec<serde_json::Map<String, Value>> =
        serde_json::from_slice(&output.stdout).expect("ExifTool writes JSON");
    assert_eq!(files.len(), paths.len(), "ExifTool tells of every file");
    let findings = files.into_iter().flat_map(|tags| {
        let path = PathBuf::from(tags["SourceFile"].as_str().expect("a path"));
        tags.into_iter().filter(|(tag, _)| tag != "SourceFile").filter_map(move |(tag, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let allowed = allowed::tables().any(|row| row.matches(&tag, &text));
            (!allowed).then(|| (path.clone(), tag, text))
        })
    });
    findings.collect()
}
