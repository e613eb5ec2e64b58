//! What is planted wherever a kind can hold it: by ExifTool, by ffmpeg, by hand. Each canary is found in what goes in,
//! and none in what comes out; and what comes out is the same, byte for byte, as without canaries.

mod documents;
mod films;
mod office;
mod pictures;
mod sounds;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use sealpost::clean::Refusal;

use crate::{
    archive,
    content::{Likeness, contents},
    kinds::{Family, cleaned, empty_folder, folder_of, in_parallel, run},
    oracle,
    search::Layers,
    sweep::findings,
};

/// The beginning of each canary: short enough for the shortest field, long enough never to come about by chance.
const CANARY: &str = "Zq7kWx3v";

/// Hands out canaries, each another, so that one that is found tells where it was planted.
#[derive(Default)]
struct Canaries(Vec<String>);

impl Canaries {
    fn next(&mut self) -> String {
        let canary = format!("{CANARY}{:03}", self.0.len());
        self.0.push(canary.clone());
        canary
    }
}

/// A file with canaries.
pub(crate) struct Planted {
    /// The corpus's name of its kind.
    pub(crate) kind: &'static str,
    /// By whom they were planted.
    by: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Every one of them is in `bytes`.
    pub(crate) canaries: Vec<String>,
    /// The same file without them.
    plain: Vec<u8>,
    /// Whether both are cleaned to the same bytes.
    alike: bool,
    /// Why it may be refused as well.
    or_refused: Option<&'static str>,
}

impl Planted {
    fn new(kind: &'static str, by: &'static str, plain: &[u8], bytes: Vec<u8>) -> Self {
        let plain = plain.to_vec();
        Self { kind, by, bytes, canaries: Vec::new(), plain, alike: true, or_refused: None }
    }

    fn with(mut self, canaries: Canaries) -> Self {
        self.canaries = canaries.0;
        self
    }

    /// Cleaned to other bytes than without canaries, for a reason that stands where this is called.
    fn not_alike(mut self) -> Self {
        self.alike = false;
        self
    }

    fn or_refused(mut self, why: &'static str) -> Self {
        self.or_refused = Some(why);
        self
    }
}

/// Every file with canaries that there is, for the table.
pub(crate) fn all() -> Vec<Planted> {
    let families =
        [pictures::planted, films::planted, sounds::planted, documents::planted, office::planted];
    families.into_iter().flat_map(|planted| planted()).collect()
}

#[test]
fn of_pictures_nothing_is_left() {
    nothing_is_left("pictures", pictures::planted());
}

#[test]
fn of_films_nothing_is_left() {
    nothing_is_left("films", films::planted());
}

#[test]
fn of_recordings_nothing_is_left() {
    nothing_is_left("recordings", sounds::planted());
}

#[test]
fn of_documents_nothing_is_left() {
    nothing_is_left("documents", documents::planted());
}

#[test]
fn of_office_documents_nothing_is_left() {
    nothing_is_left("office", office::planted());
}

fn nothing_is_left(name: &str, planted: Vec<Planted>) {
    let folder = empty_folder(&format!("canaries-{name}"));
    let judged = in_parallel(&planted, |one| judge(one, &folder));
    let (mut wrong, mut outputs) = (Vec::new(), Vec::new());
    let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (one, judgement) in planted.iter().zip(judged) {
        let line = lines.entry(one.kind).or_default();
        match judgement {
            Judgement::Clean(output) => {
                line.push(format!("{} by {}", one.canaries.len(), one.by));
                outputs.push(output);
            }
            Judgement::Refused => line.push(format!("{}: refused", one.by)),
            Judgement::NotYet => line.push(format!("{}: not cleaned yet", one.by)),
            Judgement::Wrong(why) => {
                wrong.extend(why.into_iter().map(|why| format!("{}, {}: {why}", one.kind, one.by)));
            }
        }
    }
    for (kind, line) in lines {
        println!("canaries in {kind}: {}", line.join("; "));
    }
    wrong.extend(findings(&outputs));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

enum Judgement {
    Clean(PathBuf),
    Refused,
    NotYet,
    Wrong(Vec<String>),
}

fn judge(one: &Planted, folder: &Path) -> Judgement {
    let mut wrong = Vec::new();
    let before = Layers::of(&one.bytes);
    for canary in &one.canaries {
        let plainly = memchr::memmem::find(&one.bytes, canary.as_bytes()).is_some();
        if !plainly && before.traces(canary).is_empty() {
            wrong.push(format!("{canary} was not planted"));
        }
    }
    assert!(!one.canaries.is_empty(), "{}, {}: no canary", one.kind, one.by);
    let name = format!("{}-{}", one.kind, one.by.replace([' ', '/'], "-"));
    let input = folder.join(format!("{name}-planted.{}", one.kind));
    fs::write(&input, &one.bytes).unwrap();
    match cleaned(&one.bytes) {
        Err(Refusal::Unsupported { kind })
            if kind.extension() == one.kind || one.kind == "opus" =>
        {
            return if wrong.is_empty() { Judgement::NotYet } else { Judgement::Wrong(wrong) };
        }
        Err(_) if one.or_refused.is_some() => {
            return if wrong.is_empty() { Judgement::Refused } else { Judgement::Wrong(wrong) };
        }
        Err(refusal) => wrong.push(format!("refused: {refusal:?}")),
        Ok((clean, report)) => {
            let output = folder.join(format!("{name}.{}", report.kind.extension()));
            fs::write(&output, &clean).unwrap();
            wrong.extend(Layers::of(&clean).traces(CANARY));
            if report.found.is_empty() {
                wrong.push("nothing is reported".to_owned());
            }
            match cleaned(&clean) {
                Ok((again, _)) if again == clean => {}
                Ok(_) => wrong.push("changed by a second cleaning".to_owned()),
                Err(refusal) => wrong.push(format!("refused the second time: {refusal:?}")),
            }
            if one.alike {
                match cleaned(&one.plain) {
                    Ok((plain, _)) if plain == clean => {}
                    Ok((plain, _)) => wrong.push(format!(
                        "{} bytes, other than the {} without canaries; they part at {:?}",
                        clean.len(),
                        plain.len(),
                        plain.iter().zip(&clean).position(|(a, b)| a != b)
                    )),
                    Err(refusal) => wrong.push(format!("refused without canaries: {refusal:?}")),
                }
            }
            wrong.extend(unlike(one, folder, &output));
            if wrong.is_empty() {
                return Judgement::Clean(output);
            }
        }
    }
    Judgement::Wrong(wrong)
}

/// Whether an ordinary program shows the cleaned file as it shows the one without canaries; LibreOffice, which is slow, is
/// asked about real files only.
fn unlike(one: &Planted, folder: &Path, output: &Path) -> Option<String> {
    let family = folder_of(one.kind).family;
    if family == Family::Office {
        return None;
    }
    let name = output.file_name().unwrap().to_string_lossy();
    let plain = folder.join(format!("plain-of-{name}"));
    fs::write(&plain, &one.plain).unwrap();
    let both = contents(family, &[plain, output.to_owned()]);
    let [before, after] = <[_; 2]>::try_from(both).ok()?;
    match (before, after) {
        (None, _) => Some("the program does not open it without canaries".to_owned()),
        (Some(_), None) => Some("it opens no more".to_owned()),
        (Some(before), Some(after)) => match after.likeness(&before) {
            Likeness::Different(how) => Some(how),
            Likeness::Same | Likeness::Near(_) => None,
        },
    }
}

/// Runs a program that makes a file.
fn make(program: &str, arguments: &[&str], file: &Path) -> Vec<u8> {
    let output = run(Command::new(program).args(arguments).arg(file), "see tests/run.sh");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    fs::read(file).unwrap_or_else(|_| panic!("{program} {arguments:?}: {said}"))
}

/// The smallest file of the corpus in a folder that is an archive and is cleaned, as a base to plant into.
fn smallest(folder: &str) -> Option<Vec<u8>> {
    let mut files = oracle::files(&oracle::corpus()?, &[folder]);
    files.sort_by_key(|file| file.metadata().unwrap().len());
    let files = files.into_iter().map(|file| fs::read(file).unwrap());
    files
        .filter(|file| archive::read(file).is_some())
        .find(|file| matches!(cleaned(file), Ok(_) | Err(Refusal::Unsupported { .. })))
}
