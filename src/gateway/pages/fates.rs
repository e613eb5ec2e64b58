//! What a source is told about each file: what was removed, what stays, and what to do about a
//! file that was left out.

use std::{collections::BTreeSet, fmt::Display};

use serde::Serialize;

use super::Speaker;
use crate::{
    clean::{Kind, Refusal, Report},
    tip::FileFate,
};

/// A file on the receipt: never its name, which the gateway does not know.
pub(super) struct FileLines {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
}

/// All files of a tip, in the order in which they were chosen.
pub(super) fn tell(say: &Speaker<'_>, fates: &[FileFate]) -> Vec<FileLines> {
    let numbered = (1..).zip(fates);
    numbered.map(|(number, fate)| tell_one(say, number, fate)).collect()
}

fn tell_one(say: &Speaker<'_>, number: usize, fate: &FileFate) -> FileLines {
    let title = |key, kind: &str| say.with(key, &[("number", &number), ("kind", &kind)]);
    match fate {
        FileFate::Cleaned { name: _, report } => FileLines {
            title: title("file-cleaned", &kind(say, report.kind)),
            lines: vec![removed(say, report), stays(say, report)],
        },
        FileFate::LeftOut { refusal } => FileLines {
            title: title("file-left-out", &kind(say, refusal.kind())),
            lines: vec![why(say, refusal), say.text(advice(refusal))],
        },
        FileFate::Original { name: _, refusal } => FileLines {
            title: title("file-original", &kind(say, refusal.kind())),
            lines: vec![why(say, refusal), say.text("file-original-warning")],
        },
    }
}

fn removed(say: &Speaker<'_>, report: &Report) -> String {
    if report.found.is_empty() {
        return say.text("file-removed-nothing");
    }
    say.with("file-removed", &[("things", &list(say, "found", &report.found))])
}

fn stays(say: &Speaker<'_>, report: &Report) -> String {
    if report.remains.is_empty() {
        return say.text("file-stays-nothing");
    }
    say.with("file-stays", &[("things", &list(say, "remains", &report.remains))])
}

fn list<T: Serialize>(say: &Speaker<'_>, prefix: &str, things: &BTreeSet<T>) -> String {
    let names = things.iter().map(|thing| say.text(&format!("{prefix}-{}", name(thing))));
    names.collect::<Vec<_>>().join(&say.text("list-separator"))
}

fn why(say: &Speaker<'_>, refusal: &Refusal) -> String {
    let key = format!("refusal-{}", refusal.key());
    match refusal {
        Refusal::Inside { inner, .. } => say.with(&key, &[("inner", &kind(say, *inner))]),
        _ => say.text(&key),
    }
}

/// What to do instead.
fn advice(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Empty => return "advice-empty",
        Refusal::Encrypted { .. } => return "advice-encrypted",
        Refusal::Macros { .. } => return "advice-macros",
        _ => {}
    }
    match refusal.kind() {
        Kind::Jpeg
        | Kind::Png
        | Kind::Webp
        | Kind::Gif
        | Kind::Tiff
        | Kind::Heic
        | Kind::Avif
        | Kind::Bmp
        | Kind::RawPhoto
        | Kind::Svg => "advice-picture",
        Kind::Text => "advice-text",
        Kind::Html
        | Kind::Xml
        | Kind::Rtf
        | Kind::Pdf
        | Kind::Docx
        | Kind::Xlsx
        | Kind::Pptx
        | Kind::Odt
        | Kind::Ods
        | Kind::Odp
        | Kind::Epub
        | Kind::Hwpx
        | Kind::LegacyOffice
        | Kind::Hwp => "advice-document",
        Kind::Zip | Kind::Rar | Kind::SevenZip | Kind::Gzip => "advice-archive",
        Kind::Mp4
        | Kind::Mov
        | Kind::ThreeGp
        | Kind::M4a
        | Kind::Matroska
        | Kind::Avi
        | Kind::Mp3
        | Kind::Flac
        | Kind::Ogg
        | Kind::Wav
        | Kind::Aiff
        | Kind::Amr => "advice-recording",
        Kind::Unknown => "advice-other",
    }
}

fn kind(say: &Speaker<'_>, kind: Kind) -> String {
    say.text(&format!("kind-{}", name(&kind)))
}

/// The name a thing has in `tip.json`, which is also the end of its text's key.
fn name<T: Serialize>(thing: &T) -> String {
    match serde_json::to_value(thing) {
        Ok(serde_json::Value::String(name)) => name,
        // none of these types is written as anything but a string
        _ => String::new(),
    }
}

/// A value of a text's variable.
pub(super) type Variable<'a> = (&'static str, &'a dyn Display);

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        clean::{Found, Remains},
        gateway::pages::{language, texts},
        tip::Language,
    };

    /// Every kind; a new one that is not here fails to compile in `advice`.
    const KINDS: [Kind; 42] = [
        Kind::Jpeg,
        Kind::Png,
        Kind::Text,
        Kind::Webp,
        Kind::Gif,
        Kind::Tiff,
        Kind::Heic,
        Kind::Avif,
        Kind::Bmp,
        Kind::RawPhoto,
        Kind::Svg,
        Kind::Html,
        Kind::Xml,
        Kind::Rtf,
        Kind::Pdf,
        Kind::Docx,
        Kind::Xlsx,
        Kind::Pptx,
        Kind::Odt,
        Kind::Ods,
        Kind::Odp,
        Kind::Epub,
        Kind::Hwpx,
        Kind::LegacyOffice,
        Kind::Hwp,
        Kind::Zip,
        Kind::Rar,
        Kind::SevenZip,
        Kind::Gzip,
        Kind::Mp4,
        Kind::Mov,
        Kind::ThreeGp,
        Kind::M4a,
        Kind::Matroska,
        Kind::Avi,
        Kind::Mp3,
        Kind::Flac,
        Kind::Ogg,
        Kind::Wav,
        Kind::Aiff,
        Kind::Amr,
        Kind::Unknown,
    ];
    const FOUND: [Found; 15] = [
        Found::Location,
        Found::Device,
        Found::Time,
        Found::Person,
        Found::Software,
        Found::Comment,
        Found::Preview,
        Found::ColourProfile,
        Found::Trailing,
        Found::Identifier,
        Found::History,
        Found::Telemetry,
        Found::Attachment,
        Found::Active,
        Found::Other,
    ];
    const REMAINS: [Remains; 5] =
        [Remains::SensorNoise, Remains::Picture, Remains::Wording, Remains::Sound, Remains::Layout];

    /// One file of every fate.
    pub(in super::super) fn one_of_each() -> Vec<FileFate> {
        let report = Report {
            kind: Kind::Jpeg,
            found: FOUND.into_iter().collect(),
            remains: REMAINS.into_iter().collect(),
        };
        let nothing = Report { kind: Kind::Text, found: BTreeSet::new(), remains: BTreeSet::new() };
        let cleaned = |report| FileFate::Cleaned { name: "01.jpg".into(), report };
        let left_out = |refusal| FileFate::LeftOut { refusal };
        let refusal = Refusal::Damaged { kind: Kind::Png };
        vec![
            cleaned(report),
            cleaned(nothing),
            left_out(Refusal::Unsupported { kind: Kind::Png }),
            left_out(refusal),
            left_out(Refusal::TooLarge { kind: Kind::Text }),
            left_out(Refusal::Encrypted { kind: Kind::Pdf }),
            left_out(Refusal::Macros { kind: Kind::Xlsx }),
            left_out(Refusal::Inside { kind: Kind::Docx, inner: Kind::Zip }),
            left_out(Refusal::Encoding),
            left_out(Refusal::Ambiguous),
            left_out(Refusal::Empty),
            FileFate::Original { name: "02.png".into(), refusal },
        ]
    }

    #[test]
    fn everything_that_can_be_found_has_a_text() {
        let keys = texts::tests::keys(Language::English);
        for kind in KINDS {
            assert!(keys.contains_key(&format!("kind-{}", name(&kind))), "{kind}");
            assert!(keys.contains_key(advice(&Refusal::Unsupported { kind })), "{kind}");
        }
        for found in FOUND.map(|f| name(&f)) {
            assert!(keys.contains_key(&format!("found-{found}")), "{found}");
        }
        for remains in REMAINS.map(|r| name(&r)) {
            assert!(keys.contains_key(&format!("remains-{remains}")), "{remains}");
        }
    }

    #[test]
    fn each_file_is_told_with_number_kind_and_lines() {
        for language in language::ALL {
            let say = Speaker::plain(language);
            let told = tell(&say, &one_of_each());
            assert_eq!(told.len(), 12);
            for (number, file) in (1..).zip(&told) {
                assert!(file.title.contains(&format!("{number}")), "{}", file.title);
                assert!(file.lines.iter().all(|line| !line.is_empty()));
                assert_eq!(file.lines.len(), 2);
            }
        }
        let say = Speaker::plain(Language::English);
        let told = tell(&say, &one_of_each());
        assert_eq!(told[0].title, "File 1: photo (JPEG), cleaned");
        assert!(told[0].lines[0].contains("place"));
    }
}
