//! Tips for tests, made without the cleaner.

use std::{
    collections::BTreeSet,
    io::{Cursor, Read},
};

use proptest::prelude::*;

use super::{
    CleanTip, FileFate, Kept, Language, TipArchive,
    entry::{EntryName, Extension, Ordinal},
};
use crate::{
    clean::{Found, Kind, Refusal, Report},
    random::Entropy,
    secret::SecretText,
};

/// One file that a test sends.
#[derive(Clone, Debug)]
pub(crate) enum Sample {
    /// Cleaned contents and their extension.
    Cleaned(Vec<u8>, String),
    /// Not sent.
    LeftOut,
    /// Contents of an original.
    Original(Vec<u8>),
}

/// Any file of up to a few blocks.
pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    let contents = || prop::collection::vec(any::<u8>(), 0..1600);
    prop_oneof![
        (contents(), "[a-z0-9]{1,5}").prop_map(|(bytes, ext)| Sample::Cleaned(bytes, ext)),
        contents().prop_map(Sample::Original),
        Just(Sample::LeftOut),
    ]
}

/// A clean tip in Korean.
pub(crate) fn clean_tip(message: &str, samples: &[Sample]) -> CleanTip {
    let mut fates = Vec::new();
    let mut kept = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        let ordinal = Ordinal::new(index + 1).unwrap();
        let (name, bytes) = match sample {
            Sample::Cleaned(bytes, extension) => {
                let extension = Extension::new(extension).unwrap();
                let name = EntryName::File { ordinal, extension };
                let report = Report {
                    kind: Kind::Jpeg,
                    found: BTreeSet::from([Found::Location]),
                    remains: BTreeSet::new(),
                };
                fates.push(FileFate::Cleaned { name: name.to_string(), report });
                (name, bytes)
            }
            Sample::LeftOut => {
                fates.push(FileFate::LeftOut { refusal: Refusal::Ambiguous });
                continue;
            }
            Sample::Original(bytes) => {
                let name = EntryName::Original { ordinal };
                let refusal = Refusal::Ambiguous;
                fates.push(FileFate::Original { name: name.to_string(), refusal });
                (name, bytes)
            }
        };
        let size = bytes.len() as u64;
        kept.push(Kept { name, size, body: Box::new(Cursor::new(bytes.clone())) });
    }
    let message = SecretText::new(message.to_owned());
    CleanTip { message, language: Language::Korean, fates, kept }
}

/// All bytes of an archive.
pub(crate) fn read_all(mut archive: TipArchive) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Randomness that counts: no two requests get the same.
pub(crate) struct Counting(std::sync::atomic::AtomicU8);

impl Counting {
    /// From one on.
    pub(crate) fn new() -> Self {
        Self(1.into())
    }
}

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    }
}
