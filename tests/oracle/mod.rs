//! What programs that nobody here wrote say about a picture: ImageMagick about its pixels, ExifTool about its metadata.
//!
//! Used by the tests of the cleaner and by those of the whole way of a tip.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

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

/// Everything that ExifTool finds in the files at `paths` and that is not in [`ALLOWED`]: file, tag with its group,
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
            let allowed = ALLOWED.iter().any(|row| row.matches(&tag, &text));
            (!allowed).then(|| (path.clone(), tag, text))
        })
    });
    findings.collect()
}

/// A tag that a clean picture may have, with the values that it may have, and why.
struct Allowed {
    tag: &'static str,
    value: Values,
    #[expect(dead_code, reason = "read by people")]
    why: &'static str,
}

enum Values {
    /// One of these.
    Of(&'static [&'static str]),
    /// A whole number.
    Number,
    /// Whole numbers with `x` between them.
    Size,
    /// Whole numbers with blanks between them.
    Numbers,
    /// Bytes that are not text.
    Binary,
    /// Anything: said of the file on this disk, not of its bytes.
    Any,
}

impl Allowed {
    fn matches(&self, tag: &str, value: &str) -> bool {
        let number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let tag_fits = match self.tag.strip_suffix('*') {
            Some(prefix) => tag.starts_with(prefix),
            None => tag == self.tag,
        };
        tag_fits
            && match self.value {
                Values::Of(values) => values.contains(&value),
                Values::Number => number(value),
                Values::Size => value.split('x').all(number),
                Values::Numbers => value.split(' ').all(number),
                Values::Binary => value.starts_with("(Binary data "),
                Values::Any => true,
            }
    }
}

const fn row(tag: &'static str, value: Values, why: &'static str) -> Allowed {
    Allowed { tag, value, why }
}

/// All that a clean JPEG or PNG may say. No free text, no time, no number of a device.
const ALLOWED: &[Allowed] = &[
    row("ExifTool:ExifToolVersion", Values::Any, "of the oracle itself"),
    row("System:*", Values::Any, "name, size and times of the test's own file, not in its bytes"),
    row("File:FileType", Values::Of(&["JPEG", "PNG"]), "the kind"),
    row("File:FileTypeExtension", Values::Of(&["jpg", "png"]), "the kind"),
    row("File:MIMEType", Values::Of(&["image/jpeg", "image/png"]), "the kind"),
    row("File:ImageWidth", Values::Number, "frame header: decoding needs it"),
    row("File:ImageHeight", Values::Number, "frame header: decoding needs it"),
    row("File:BitsPerSample", Values::Of(&["8", "12"]), "frame header: decoding needs it"),
    row(
        "File:ColorComponents",
        Values::Of(&["1", "2", "3", "4"]),
        "frame header: decoding needs it",
    ),
    row(
        "File:EncodingProcess",
        Values::Of(&[
            "Baseline DCT, Huffman coding",
            "Extended sequential DCT, Huffman coding",
            "Progressive DCT, Huffman coding",
            "Extended sequential DCT, arithmetic coding",
            "Progressive DCT, arithmetic coding",
        ]),
        "frame header: decoding needs it",
    ),
    row(
        "File:YCbCrSubSampling",
        Values::Of(&[
            "YCbCr4:4:4 (1 1)",
            "YCbCr4:4:0 (1 2)",
            "YCbCr4:4:1 (1 4)",
            "YCbCr4:2:2 (2 1)",
            "YCbCr4:2:0 (2 2)",
            "YCbCr4:2:1 (2 4)",
            "YCbCr4:1:1 (4 1)",
            "YCbCr4:1:0 (4 2)",
        ]),
        "frame header: decoding needs it",
    ),
    row(
        "JFIF:JFIFVersion",
        Values::Of(&["1.01"]),
        "that it is JFIF decides the colours; one value",
    ),
    row("JFIF:ResolutionUnit", Values::Of(&["None"]), "a JFIF field; one value"),
    row("JFIF:XResolution", Values::Of(&["1"]), "a JFIF field; one value"),
    row("JFIF:YResolution", Values::Of(&["1"]), "a JFIF field; one value"),
    row("Adobe:DCTEncodeVersion", Values::Of(&["100"]), "a field of Adobe's segment; one value"),
    row("Adobe:APP14Flags0", Values::Of(&["(none)"]), "a field of Adobe's segment; one value"),
    row("Adobe:APP14Flags1", Values::Of(&["(none)"]), "a field of Adobe's segment; one value"),
    row(
        "Adobe:ColorTransform",
        Values::Of(&["Unknown (RGB or CMYK)", "YCbCr", "YCCK"]),
        "decides the colours",
    ),
    row("File:ExifByteOrder", Values::Of(&["Big-endian (Motorola, MM)"]), "one value"),
    row("IFD0:Orientation", Values::Of(TURNED), "the picture is shown turned without it"),
    row("PNG:ImageWidth", Values::Number, "IHDR: decoding needs it"),
    row("PNG:ImageHeight", Values::Number, "IHDR: decoding needs it"),
    row("PNG:BitDepth", Values::Of(&["1", "2", "4", "8", "16"]), "IHDR: decoding needs it"),
    row(
        "PNG:ColorType",
        Values::Of(&["Grayscale", "RGB", "Palette", "Grayscale with Alpha", "RGB with Alpha"]),
        "IHDR: decoding needs it",
    ),
    row("PNG:Compression", Values::Of(&["Deflate/Inflate"]), "IHDR; one value"),
    row("PNG:Filter", Values::Of(&["Adaptive"]), "IHDR; one value"),
    row(
        "PNG:Interlace",
        Values::Of(&["Noninterlaced", "Adam7 Interlace"]),
        "IHDR: decoding needs it",
    ),
    row("PNG:Palette", Values::Binary, "PLTE: the colours of the pixels"),
    row("PNG:Transparency", Values::Numbers, "tRNS: which colours are transparent"),
    row("Composite:ImageSize", Values::Size, "computed from width and height"),
    row("Composite:Megapixels", Values::Any, "computed from width and height"),
];

/// The ways to turn a picture that are not upright.
const TURNED: &[&str] = &[
    "Mirror horizontal",
    "Rotate 180",
    "Mirror vertical",
    "Mirror horizontal and rotate 270 CW",
    "Rotate 90 CW",
    "Mirror horizontal and rotate 90 CW",
    "Rotate 270 CW",
];
