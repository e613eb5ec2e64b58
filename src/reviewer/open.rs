//! From an envelope to files in the folder that the reviewer names. Nothing is written elsewhere.

use std::{
    fmt, fs,
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{opener, sealing_key::SealingSecret};
use crate::{
    clean::Refusal,
    tip::{
        FileFate, TipReport,
        entry::EntryName,
        unpack::{Unpack, UnpackError},
    },
};

/// Why an envelope gives no tip. Nothing of it stays on the disk then.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not sealed to one of these keys, or damaged.
    #[error(transparent)]
    Envelope(#[from] opener::OpenError),
    /// Opened, but its content is not a tip's.
    #[error("the envelope does not hold a tip: whoever sealed it did not use Sealpost as it is")]
    Tip(#[from] UnpackError),
    /// There is such a folder.
    #[error("{} is there already: remove it, or choose another folder with --out", .0.display())]
    Exists(PathBuf),
    /// The files cannot be written.
    #[error("the tip cannot be written to {}: is the disk full?", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// The envelope cannot be read, or is damaged further on.
    #[error("the envelope cannot be read to its end: it is damaged, fetch it anew")]
    Read(#[source] io::Error),
}

/// Where to, and whether with the originals.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The folder in which the tip's own folder is made.
    pub out: &'a Path,
    /// That folder's name.
    pub name: &'a str,
    /// Write files that could not be cleaned, too.
    pub originals: bool,
}

/// An opened tip; `Display` says what there is, not what is in it.
pub struct Opened {
    /// Where its files are.
    pub folder: PathBuf,
    /// The sealer's report.
    pub report: TipReport,
    originals: bool,
}

/// Opens an envelope and writes its files, of mode 0600, into a new folder of mode 0700.
pub fn open(
    envelope: impl Read,
    secrets: &[SealingSecret],
    to: Target<'_>,
) -> Result<Opened, OpenError> {
    let folder = to.out.join(to.name);
    if folder.exists() {
        return Err(OpenError::Exists(folder));
    }
    let archive = opener::open(envelope, secrets)?;
    let mut unpack = Unpack::open(archive)?;
    let partial = Partial::create(to)?;
    while let Some(mut entry) = unpack.next_entry()? {
        let name = entry.name().clone();
        if to.originals || !matches!(name, EntryName::Original { .. }) {
            partial.write(&name, &mut entry)?;
        }
    }
    // only now is the envelope known to be whole
    partial.complete(&folder)?;
    Ok(Opened { folder, report: unpack.report().clone(), originals: to.originals })
}

/// The folder while it is being filled; removed unless completed.
struct Partial {
    path: PathBuf,
    is_complete: bool,
}

impl Partial {
    fn create(to: Target<'_>) -> Result<Self, OpenError> {
        let path = to.out.join(format!(".{}.partial", to.name));
        let make = || -> io::Result<()> {
            folder(to.out)?;
            // left there by a run that was killed
            if path.exists() {
                fs::remove_dir_all(&path)?;
            }
            folder(&path)
        };
        make().map_err(|error| OpenError::Write(path.clone(), error))?;
        Ok(Self { path, is_complete: false })
    }

    /// An entry's name cannot lead out of the folder, see [`EntryName`].
    fn write(&self, name: &EntryName, content: &mut impl Read) -> Result<(), OpenError> {
        let path = self.path.join(name.to_string());
        let disk = |error| OpenError::Write(path.clone(), error);
        path.parent().map_or(Ok(()), folder).map_err(disk)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(disk)?;
        // reading and writing fail for different reasons: tell them apart
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    let piece = buffer.get(..n).unwrap_or_default();
                    io::Write::write_all(&mut file, piece).map_err(disk)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(OpenError::Read(error)),
            }
        }
    }

    fn complete(mut self, folder: &Path) -> Result<(), OpenError> {
        fs::rename(&self.path, folder)
            .map_err(|error| OpenError::Write(folder.to_owned(), error))?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_complete {
            // nothing better can be done if this fails, too
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A folder of mode 0700 from its creation, if there is none.
fn folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Opened: {}", self.folder.display())?;
        writeln!(f, "  {:18} what the source wrote", "message.txt")?;
        for (place, fate) in (1..).zip(self.report.files()) {
            let place: u32 = place;
            match fate {
                FileFate::Cleaned { name, report } => {
                    let found = words(&report.found, "nothing");
                    write!(
                        f,
                        "  {name:18} {}, cleaned; found and removed: {found}",
                        word(&report.kind)
                    )?;
                    writeln!(f, "; remains: {}", words(&report.remains, "nothing"))?;
                }
                FileFate::LeftOut { refusal } => {
                    let what = format!("(file {place})");
                    writeln!(f, "  {what:18} not sent: {}", reason(refusal))?;
                }
                FileFate::Original { name, refusal } if self.originals => {
                    writeln!(f, "  {name:18} AN ORIGINAL, not cleaned: {}", reason(refusal))?;
                    writeln!(f, "  {:18} do not publish it: it may tell who the source is", "")?;
                }
                FileFate::Original { name, refusal } => {
                    writeln!(f, "  {name:18} an original, not written: {}", reason(refusal))?;
                    writeln!(f, "  {:18} to have it, open again with --originals", "")?;
                }
            }
        }
        Ok(())
    }
}

fn words<'a, T: Serialize + 'a>(all: impl IntoIterator<Item = &'a T>, none: &str) -> String {
    let words: Vec<String> = all.into_iter().map(word).collect();
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}

/// Why a file was not cleaned, in the words of `tip.json`: the refusal's own sentence is advice to
/// a source.
fn reason(refusal: &Refusal) -> String {
    let json = serde_json::to_value(refusal).unwrap_or_default();
    let part = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
    let why = part("why").unwrap_or("other");
    part("kind").map_or_else(|| why.to_owned(), |kind| format!("{why} ({kind})"))
}

/// The word that stands for a value in `tip.json`.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "other".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{
        clock::Epoch,
        random::SystemEntropy,
        seal::{Envelope, Recipients},
        tip::testing::{Sample, clean_tip},
    };

    fn sealed(to: &SealingSecret, samples: &[Sample]) -> Vec<u8> {
        let entropy = SystemEntropy::new();
        let archive = clean_tip("what happened", samples).archive(&entropy).unwrap();
        let to = Recipients::new(vec![to.recipient()]).unwrap();
        let mut envelope = Envelope::seal(archive, Epoch(1), &to, &entropy);
        let mut bytes = Vec::new();
        while let Some(piece) = envelope.next_chunk().unwrap() {
            bytes.extend_from_slice(piece);
        }
        bytes
    }

    fn samples() -> [Sample; 3] {
        [
            Sample::Cleaned(b"picture".to_vec(), "jpg".to_owned()),
            Sample::LeftOut,
            Sample::Original(b"with metadata".to_vec()),
        ]
    }

    fn into<'a>(out: &'a Path, originals: bool) -> Target<'a> {
        Target { out, name: "tip", originals }
    }

    /// All files below, and that nobody else can read any of them.
    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.extend(files(&path).iter().map(|file| format!("{name}/{file}")));
            } else {
                found.push(name);
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_tip_is_laid_out_and_originals_only_on_demand() {
        let out = tempfile::tempdir().unwrap();
        let key = SealingSecret::generate(&SystemEntropy::new());
        let envelope = sealed(&key, &samples());
        let keys = [key];

        let opened = open(&envelope[..], &keys, into(out.path(), false)).unwrap();
        assert_eq!(files(out.path()), ["tip/files/01.jpg", "tip/message.txt", "tip/tip.json"]);
        assert_eq!(fs::read(opened.folder.join("message.txt")).unwrap(), b"what happened");
        let shown = opened.to_string();
        assert!(shown.contains("found and removed: location"), "{shown}");
        assert!(shown.contains("an original, not written: ambiguous"), "{shown}");
        assert!(shown.contains("open again with --originals"), "{shown}");
        assert!(!shown.contains("what happened"), "{shown}");

        // a folder that is there is left alone
        let again = open(&envelope[..], &keys, into(out.path(), true));
        assert!(matches!(again.err(), Some(OpenError::Exists(_))));

        fs::remove_dir_all(out.path().join("tip")).unwrap();
        let opened = open(&envelope[..], &keys, into(out.path(), true)).unwrap();
        let original = opened.folder.join("originals/03.bin");
        assert_eq!(fs::read(original).unwrap(), b"with metadata");
        assert!(opened.to_string().contains("AN ORIGINAL"));
    }

    #[test]
    fn nothing_stays_of_an_envelope_that_fails() {
        let out = tempfile::tempdir().unwrap();
        let key = SealingSecret::generate(&SystemEntropy::new());
        let stranger = SealingSecret::generate(&SystemEntropy::new());
        let large = [Sample::Cleaned(vec![7; 300_000], "jpg".to_owned())];
        let envelope = sealed(&key, &large);
        assert!(open(&envelope[..], &[stranger], into(out.path(), false)).is_err());

        let keys = [key];
        // the first chunks are good and are written before the damage shows
        let mut damaged = envelope.clone();
        let place = damaged.len() - 40;
        damaged[place] ^= 1;
        for bad in [&damaged[..], &envelope[..200_000], &envelope[..3000], b"no envelope"] {
            assert!(open(bad, &keys, into(out.path(), false)).is_err());
            assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn what_a_killed_run_left_behind_is_cleared_away() {
        let out = tempfile::tempdir().unwrap();
        let key = SealingSecret::generate(&SystemEntropy::new());
        let partial = out.path().join(".tip.partial");
        folder(&partial).unwrap();
        fs::write(partial.join("message.txt"), "from before").unwrap();
        let envelope = sealed(&key, &[]);
        open(&envelope[..], &[key], into(out.path(), false)).unwrap();
        assert_eq!(files(out.path()), ["tip/message.txt", "tip/tip.json"]);
    }
}
