//! The names and words of ECMA-376 that may be written, kept in `vocabulary.txt`.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
    sync::LazyLock,
};

use crate::clean::xml::{Name, Space};

macro_rules! space {
    ($id:literal, $uri:literal $(, $also:literal)*) => {
        Space { id: $id, prefix: $id, uri: $uri, also: &[$($also),*], always: false }
    };
}

/// The namespaces; of two names, transitional and strict (ECMA-376 part 4 and part 1), the transitional is written.
pub(super) static SPACES: &[Space] = &[
    space!(
        "w",
        "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "http://purl.oclc.org/ooxml/wordprocessingml/main"
    ),
    space!(
        "x",
        "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "http://purl.oclc.org/ooxml/spreadsheetml/main"
    ),
    space!(
        "p",
        "http://schemas.openxmlformats.org/presentationml/2006/main",
        "http://purl.oclc.org/ooxml/presentationml/main"
    ),
    space!(
        "a",
        "http://schemas.openxmlformats.org/drawingml/2006/main",
        "http://purl.oclc.org/ooxml/drawingml/main"
    ),
    space!(
        "r",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "http://purl.oclc.org/ooxml/officeDocument/relationships"
    ),
    space!(
        "wp",
        "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing"
    ),
    space!(
        "xdr",
        "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing",
        "http://purl.oclc.org/ooxml/drawingml/spreadsheetDrawing"
    ),
    space!(
        "c",
        "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "http://purl.oclc.org/ooxml/drawingml/chart"
    ),
    space!(
        "cdr",
        "http://schemas.openxmlformats.org/drawingml/2006/chartDrawing",
        "http://purl.oclc.org/ooxml/drawingml/chartDrawing"
    ),
    space!(
        "dgm",
        "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "http://purl.oclc.org/ooxml/drawingml/diagram"
    ),
    space!(
        "pic",
        "http://schemas.openxmlformats.org/drawingml/2006/picture",
        "http://purl.oclc.org/ooxml/drawingml/picture"
    ),
    space!(
        "m",
        "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "http://purl.oclc.org/ooxml/officeDocument/math"
    ),
    space!("dsp", "http://schemas.microsoft.com/office/drawing/2008/diagram"),
    space!("v", "urn:schemas-microsoft-com:vml"),
    space!("o", "urn:schemas-microsoft-com:office:office"),
    space!("w10", "urn:schemas-microsoft-com:office:word"),
    space!("wps", "http://schemas.microsoft.com/office/word/2010/wordprocessingShape"),
    space!("wpg", "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup"),
    space!("wpc", "http://schemas.microsoft.com/office/word/2010/wordprocessingCanvas"),
    // read, never written
    space!("mc", "http://schemas.openxmlformats.org/markup-compatibility/2006"),
    space!(
        "rel",
        "http://schemas.openxmlformats.org/package/2006/relationships",
        "http://purl.oclc.org/ooxml/package/relationships"
    ),
    space!("ct", "http://schemas.openxmlformats.org/package/2006/content-types"),
];

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::read);

type Words = HashSet<&'static str, BuildHasherDefault<Fold>>;

struct Vocabulary {
    elements: HashMap<&'static str, Words>,
    attributes: HashMap<&'static str, Words>,
    words: Words,
}

impl Vocabulary {
    fn read() -> Self {
        let (mut elements, mut attributes) =
            (HashMap::<_, Words>::new(), HashMap::<_, Words>::new());
        let mut words = Words::default();
        let mut list = None;
        for line in include_str!("vocabulary.txt").lines().filter(|line| !line.starts_with('#')) {
            let mut names = line;
            if let Some((head, rest)) = line.split_once(": ") {
                list = Some(head);
                names = rest;
            }
            let target = match list.map(|head| head.split_once(' ')) {
                Some(Some((space, "elements"))) => elements.entry(space).or_default(),
                Some(Some((space, _))) => attributes.entry(space).or_default(),
                _ => &mut words,
            };
            target.extend(names.split_whitespace());
        }
        Self { elements, attributes, words }
    }
}

/// A quick hash. What is in the set is fixed, so that no document can make its looking up slow.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        for word in words.iter().map(|word| u64::from_le_bytes(*word)).chain([rest]) {
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        // the table takes a place by the low bits
        self.0 ^ self.0 >> 32
    }
}

/// Whether an element may be written.
pub(super) fn is_element(name: Name<'_>) -> bool {
    VOCABULARY.elements.get(name.space).is_some_and(|names| names.contains(name.local))
}

/// Whether an attribute that is a number, a measure, a colour or a word may be written in an element of `space`.
pub(super) fn is_attribute(space: &str, name: Name<'_>) -> bool {
    let of = if name.space.is_empty() { space } else { name.space };
    VOCABULARY.attributes.get(of).is_some_and(|names| names.contains(name.local))
}

/// Whether `word` is one that the standard lists for some attribute or element.
pub(super) fn is_word(word: &str) -> bool {
    VOCABULARY.words.contains(word)
}
