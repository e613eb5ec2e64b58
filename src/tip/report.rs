//! `tip.json`: what the sealer says about the tip, inside it.
//!
//! ```json
//! {"format":2,"nonce":"000102030405060708090a0b0c0d0e0f","language":"ko",
//!  "files":[{"fate":"cleaned","name":"files/01.jpg","report":{…}},
//!           {"fate":"left-out","refusal":{…}},
//!           {"fate":"original","name":"originals/03.bin","refusal":{…}}]}
//! ```
//!
//! A change to what may stand here, an additional field too, is a new format version; format 1 is the
//! same with fewer words in reports and refusals. There is no time in it: the day is the store's to
//! know.

use serde::{Deserialize, Serialize};

use super::{
    FileFate, Language, TipNonce,
    entry::{EntryName, Ordinal},
};

/// The format version that is written; it and those before it are read.
pub const FORMAT: u32 = 2;

/// The most bytes of a `tip.json` that are read: four times what 999 files with everything found in
/// each of them take.
pub const MAX_BYTES: u64 = 1 << 20;

/// The contents of `tip.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TipReport {
    format: u32,
    /// The same in every envelope of one tip, and in no other's.
    pub nonce: TipNonce,
    /// The language in which the source read the form.
    pub language: Language,
    files: Vec<FileFate>,
}

/// Why bytes are no `tip.json`.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Another format: a later version of Sealpost sealed this tip.
    #[error("tip.json has format {0}, which this program does not know: use a newer version")]
    Format(u32),
    /// Not the JSON of this format.
    #[error("tip.json is not in the form that Sealpost writes")]
    Malformed(#[from] serde_json::Error),
    /// A file's name is not the one for its place and fate, or there are more than 999.
    #[error("tip.json names its files in a way that Sealpost does not")]
    Names,
}

impl TipReport {
    pub(super) fn new(nonce: TipNonce, language: Language, files: Vec<FileFate>) -> Self {
        Self { format: FORMAT, nonce, language, files }
    }

    /// What became of each file, in the order in which the source sent them.
    pub fn files(&self) -> &[FileFate] {
        &self.files
    }

    /// The bytes of `tip.json`.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// Reads the bytes of a `tip.json` and checks that each file has the name it must have.
    pub fn from_json(json: &[u8]) -> Result<Self, ReportError> {
        // the version first: a later format may have any other field
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_slice(json)?;
        if !(1..=FORMAT).contains(&format) {
            return Err(ReportError::Format(format));
        }
        let report: Self = serde_json::from_slice(json)?;
        for (index, fate) in report.files.iter().enumerate() {
            let ordinal = Ordinal::new(index + 1).ok_or(ReportError::Names)?;
            if !is_named_for(fate, ordinal) {
                return Err(ReportError::Names);
            }
        }
        Ok(report)
    }

    /// Every entry of the archive, in its order: this report, the message, the cleaned files, the
    /// originals.
    pub(super) fn entries(&self) -> Vec<EntryName> {
        let names = |pick: fn(&EntryName) -> bool| {
            let kept = self.files.iter().filter_map(FileFate::name);
            kept.filter_map(|name| name.parse().ok()).filter(pick)
        };
        let mut entries = vec![EntryName::Report, EntryName::Message];
        entries.extend(names(|name| matches!(name, EntryName::File { .. })));
        entries.extend(names(|name| matches!(name, EntryName::Original { .. })));
        entries
    }
}

fn is_named_for(fate: &FileFate, place: Ordinal) -> bool {
    let name = fate.name().map(str::parse);
    match (fate, name) {
        (FileFate::LeftOut { .. }, None) => true,
        (FileFate::Cleaned { .. }, Some(Ok(EntryName::File { ordinal, .. })))
        | (FileFate::Original { .. }, Some(Ok(EntryName::Original { ordinal }))) => {
            ordinal == place
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clean::{Found, Kind, Refusal, Report};

    fn sample() -> TipReport {
        let report = Report {
            kind: Kind::Jpeg,
            found: BTreeSet::from([Found::Location, Found::Device]),
            remains: BTreeSet::new(),
        };
        let files = vec![
            FileFate::Cleaned { name: "files/01.jpg".to_owned(), report },
            FileFate::LeftOut { refusal: Refusal::Ambiguous },
            FileFate::Original {
                name: "originals/03.bin".to_owned(),
                refusal: Refusal::Damaged { kind: Kind::Png },
            },
        ];
        TipReport::new(TipNonce([7; 16]), Language::Korean, files)
    }

    fn text() -> String {
        String::from_utf8(sample().to_json().unwrap()).unwrap()
    }

    #[test]
    fn it_reads_as_it_is_written() {
        assert_eq!(TipReport::from_json(text().as_bytes()).unwrap(), sample());
        let start = r#"{"format":2,"nonce":"07070707070707070707070707070707","language":"ko","#;
        assert!(text().starts_with(start), "{}", text());
        let names: Vec<String> = sample().entries().iter().map(EntryName::to_string).collect();
        assert_eq!(names, ["tip.json", "message.txt", "files/01.jpg", "originals/03.bin"]);
    }

    #[test]
    fn a_later_format_is_told_from_a_broken_one() {
        let later = r#"{"format":3,"codename":"…"}"#;
        assert!(matches!(TipReport::from_json(later.as_bytes()), Err(ReportError::Format(3))));
        let earlier = text().replacen("\"format\":2", "\"format\":1", 1);
        assert_eq!(TipReport::from_json(earlier.as_bytes()).unwrap().files(), sample().files());
        for broken in [
            String::new(),
            "[]".to_owned(),
            text().replace("format", "fromat"),
            text().replace("\"ko\"", "\"xx\""),
            text().replace("\"language\"", "\"day\":1,\"language\""),
            text().replace("\"name\"", "\"day\":1,\"name\""),
            text().replace("0707", "07"),
            format!("{}{{}}", text()),
        ] {
            let outcome = TipReport::from_json(broken.as_bytes());
            assert!(matches!(outcome, Err(ReportError::Malformed(_))), "{broken}: {outcome:?}");
        }
    }

    #[test]
    fn a_file_is_named_by_its_place_and_fate() {
        for (name, wrong) in [
            ("files/01.jpg", "files/02.jpg"),
            ("files/01.jpg", "originals/01.bin"),
            ("files/01.jpg", "message.txt"),
            ("files/01.jpg", "../01.jpg"),
            ("originals/03.bin", "originals/02.bin"),
            ("originals/03.bin", "files/03.bin"),
        ] {
            let forged = text().replace(name, wrong);
            let outcome = TipReport::from_json(forged.as_bytes());
            assert!(matches!(outcome, Err(ReportError::Names)), "{wrong}: {outcome:?}");
        }
    }

    #[test]
    fn a_thousand_files_are_too_many() {
        let with = |count| {
            let files = vec![FileFate::LeftOut { refusal: Refusal::Empty }; count];
            let report = TipReport::new(TipNonce([0; 16]), Language::English, files);
            TipReport::from_json(&report.to_json().unwrap())
        };
        assert!(with(999).is_ok());
        assert!(matches!(with(1000), Err(ReportError::Names)));
    }
}
