//! Looks for a canary in a file, in every encoding in which one might survive: as it is, in UTF-16, each of them also in
//! hex and base64 (at its three alignments), with and without blanks and line ends between, and all of that in whatever
//! can be inflated: members of archives, deflate streams with a zlib header anywhere, and what `qpdf --qdf` unfolds.

use std::{fs, io::Read as _, process::Command};

use memchr::memmem::{Finder, find};

use crate::{archive, kinds};

/// How deep archives in archives are opened.
const DEPTH: u32 = 4;
/// The most that one stream is inflated to.
const INFLATED: u64 = 64 << 20;

/// A file and everything that can be unfolded out of it.
pub(crate) struct Layers(Vec<Vec<u8>>);

impl Layers {
    pub(crate) fn of(file: &[u8]) -> Self {
        let mut layers = Vec::new();
        unfold(file, DEPTH, &mut layers);
        Self(layers)
    }

    /// Whether `canary` is there; as it is or, if that is not found, in any encoding.
    pub(crate) fn has(&self, canary: &str) -> bool {
        let plainly = self.0.iter().any(|layer| find(layer, canary.as_bytes()).is_some());
        plainly || !self.traces(canary).is_empty()
    }

    /// The encodings in which `canary` is there, each with a little of what is around it.
    pub(crate) fn traces(&self, canary: &str) -> Vec<String> {
        let needles = needles(canary);
        let traces = self.0.iter().enumerate().flat_map(|(depth, layer)| {
            needles.iter().filter_map(move |(encoding, needle)| {
                let at = Finder::new(needle).find(layer)?;
                let around = &layer[at.saturating_sub(40)..layer.len().min(at + 60)];
                Some(format!("{encoding}, layer {depth}: {}", around.escape_ascii()))
            })
        });
        traces.collect()
    }
}

fn unfold(file: &[u8], depth: u32, layers: &mut Vec<Vec<u8>>) {
    if let Some(members) = (depth > 0).then(|| archive::read(file)).flatten() {
        for member in members {
            layers.push(member.name.into_bytes());
            unfold(&member.bytes, depth - 1, layers);
        }
    }
    if depth > 0 && find(&file[..file.len().min(1024)], b"%PDF-").is_some() {
        layers.extend(unfolded_pdf(file));
    }
    for at in memchr::memchr_iter(0x78, file) {
        // RFC 1950 2.2: the first two bytes are a multiple of 31
        let header = file.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        if header.is_some_and(|header| header % 31 == 0) {
            let mut inflated = Vec::new();
            let stream = flate2::read::DeflateDecoder::new(&file[at + 2..]);
            // what comes out before it breaks counts, too
            drop(stream.take(INFLATED).read_to_end(&mut inflated));
            if inflated.len() >= 8 && depth > 0 {
                unfold(&inflated, depth - 1, layers);
            }
        }
    }
    let unbroken: Vec<u8> =
        file.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    layers.push(unbroken);
    layers.push(file.to_vec());
}

fn unfolded_pdf(file: &[u8]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.pdf"), folder.path().join("to.pdf"));
    fs::write(&from, file).unwrap();
    let mut command = Command::new("qpdf");
    command.args(["--qdf", "--object-streams=disable"]).arg(&from).arg(&to);
    kinds::run(&mut command, "qpdf");
    fs::read(to).ok()
}

/// Every form of `canary` with its name.
fn needles(canary: &str) -> Vec<(String, Vec<u8>)> {
    let utf16 = |bytes: fn(u16) -> [u8; 2]| canary.encode_utf16().flat_map(bytes).collect();
    let plain: [(&str, Vec<u8>); 3] = [
        ("as it is", canary.as_bytes().to_vec()),
        ("UTF-16LE", utf16(u16::to_le_bytes)),
        ("UTF-16BE", utf16(u16::to_be_bytes)),
    ];
    let mut needles = Vec::new();
    for (name, bytes) in plain {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        needles.push((format!("{name}, HEX"), hex.to_uppercase().into_bytes()));
        needles.push((format!("{name}, hex"), hex.into_bytes()));
        for skipped in 0..3 {
            needles.push((format!("{name}, base64 at {skipped}"), base64_within(&bytes, skipped)));
        }
        needles.push((name.to_owned(), bytes));
    }
    needles
}

/// Those characters of `bytes` in base64 that do not depend on what stands around them, when they stand `skipped` bytes
/// after a multiple of three.
fn base64_within(bytes: &[u8], skipped: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let shifted = [&[0; 2][..skipped], bytes].concat();
    let bits = |at: usize| shifted[at / 8] >> (7 - at % 8) & 1;
    let first = (skipped * 8).div_ceil(6);
    (first..shifted.len() * 8 / 6)
        .map(|sextet| {
            let value = (0..6).fold(0, |value, bit| value << 1 | bits(sextet * 6 + bit));
            ALPHABET[usize::from(value)]
        })
        .collect()
}

#[test]
fn every_encoding_is_found_and_nothing_where_nothing_is() {
    use std::io::Write as _;
    let canary = "Zq7kWx3v";
    assert!(base64_within(b"Zq7kWx3v", 0).starts_with(b"WnE3a1d4M3"));
    let mut forms: Vec<Vec<u8>> = needles(canary).into_iter().map(|(_, needle)| needle).collect();
    forms.push(b"5a71376b\n57783376".to_vec());
    for form in forms {
        let plain = [b"before".as_slice(), &form, b"after"].concat();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(&plain).unwrap();
        let zlib = [b"x", &*zlib.finish().unwrap(), b"y"].concat();
        let member = archive::Member { name: "a".to_owned(), bytes: zlib.clone() };
        let zip = archive::write(&[member], &archive::Around::default());
        for file in [plain, zlib, zip] {
            assert!(!Layers::of(&file).traces(canary).is_empty(), "{}", file.escape_ascii());
        }
    }
    assert!(Layers::of(&[b'x'; 3000]).traces(canary).is_empty());
}
