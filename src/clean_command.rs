//! `clean FILE… --out DIR`: the cleaner alone, for what a newsroom publishes.

#![expect(clippy::print_stdout, reason = "a program's output")]

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    clean::{CleanError, Found, Kind, Limits, Refusal, Remains, Report, clean},
    disk,
};

/// Remove identifying metadata from files, or refuse them.
///
/// Each cleaned file keeps its name, which may itself tell who made it (--rename); its ending follows from what the file
/// really is. Of a folder, every file in it and in its folders is cleaned; links are left out. Exits 1 if any file was
/// refused.
#[derive(Debug, clap::Args)]
pub struct CleanArgs {
    /// The files and folders; they are not changed.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the cleaned files go; made if it is missing. Nothing in it is overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number the cleaned files (1.jpg, 2.pdf, …) instead of keeping the names of files and folders.
    #[arg(long)]
    rename: bool,
    /// Report as JSON, one array.
    #[arg(long)]
    json: bool,
}

/// What became of one file.
#[derive(Serialize)]
struct Line {
    file: PathBuf,
    #[serde(flatten)]
    fate: Fate,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "fate")]
enum Fate {
    Cleaned { out: PathBuf, report: Report },
    Refused { refusal: Refusal },
}

/// Cleans and reports; failure to read or write anything ends it with an error.
///
/// # Errors
/// A file that cannot be read, or written without overwriting another.
pub fn run(args: &CleanArgs) -> anyhow::Result<ExitCode> {
    // before anything is written: the folder may be one of those that are read
    let sources = sources(&args.files)?;
    disk::private_folder(&args.out).with_context(|| args.out.display().to_string())?;
    let mut names = Names { out: &args.out, rename: args.rename, given: HashSet::new() };
    let bar = progress(sources.iter().map(|source| source.size).sum());
    let mut lines = Vec::new();
    let mut done = 0;
    for source in sources {
        bar.set_message(source.path.display().to_string());
        let fate = clean_file(&source, &mut names, &bar)?;
        done += source.size;
        bar.set_position(done);
        let line = Line { file: source.path, fate };
        if !args.json {
            bar.suspend(|| println!("{}", sentence(&line)));
        }
        lines.push(line);
    }
    bar.finish_and_clear();
    let refused = lines.iter().filter(|line| matches!(line.fate, Fate::Refused { .. })).count();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    } else if lines.len() != 1 {
        println!("{} cleaned, {refused} refused", lines.len() - refused);
    }
    Ok(ExitCode::from(u8::from(refused > 0)))
}

/// A file to be cleaned.
struct Source {
    path: PathBuf,
    /// Where it lies below the folder that was named; its bare name if it was named itself.
    below: PathBuf,
    /// Its length in bytes when it was found, for the progress bar.
    size: u64,
}

/// The named files and, in the order of their names, what lies in the named folders.
fn sources(named: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in named {
        let metadata = fs::metadata(path).with_context(|| unreadable(path))?;
        if metadata.is_dir() {
            in_folder(path, Path::new(""), &mut sources)?;
            continue;
        }
        let Some(name) = path.file_name() else { bail!("{}: is no file", path.display()) };
        let (path, below) = (path.clone(), PathBuf::from(name));
        sources.push(Source { path, below, size: metadata.len() });
    }
    Ok(sources)
}

fn in_folder(folder: &Path, below: &Path, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.with_context(|| unreadable(folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, below) = (entry.path(), below.join(entry.file_name()));
        // of the entry itself, so that no link leads out of the folder, or in circles
        let metadata = entry.metadata().with_context(|| unreadable(&path))?;
        if metadata.is_dir() {
            in_folder(&path, &below, sources)?;
        } else if metadata.is_file() {
            sources.push(Source { path, below, size: metadata.len() });
        }
    }
    Ok(())
}

fn unreadable(path: &Path) -> String {
    format!("{}: cannot be read", path.display())
}

/// Gives each cleaned file a name that no other of this run has.
struct Names<'a> {
    out: &'a Path,
    rename: bool,
    given: HashSet<PathBuf>,
}

impl Names<'_> {
    fn next(&mut self, below: &Path, kind: Kind) -> PathBuf {
        let ending = kind.extension();
        let stem = below.file_stem().unwrap_or_default();
        let mut number = if self.rename { self.given.len() + 1 } else { 1 };
        loop {
            let mut name = OsString::new();
            if !self.rename {
                name.push(stem);
            }
            if self.rename {
                name.push(number.to_string());
            } else if number > 1 {
                name.push(format!("-{number}"));
            }
            name.push(".");
            name.push(ending);
            let folder = below.parent().filter(|_| !self.rename);
            let path = folder.map_or_else(|| self.out.to_owned(), |folder| self.out.join(folder));
            let path = path.join(name);
            if self.given.insert(path.clone()) {
                return path;
            }
            number += 1;
        }
    }
}

fn clean_file(source: &Source, names: &mut Names<'_>, bar: &ProgressBar) -> anyhow::Result<Fate> {
    let unreadable = || unreadable(&source.path);
    let mut input = BufReader::new(File::open(&source.path).with_context(unreadable)?);
    let cleaned = match clean(&mut input, &Limits::default()) {
        Ok(cleaned) => cleaned,
        Err(CleanError::Refused(refusal)) => return Ok(Fate::Refused { refusal }),
        Err(CleanError::Io(error)) => return Err(error).with_context(unreadable),
    };
    let report = cleaned.report().clone();
    let out = names.next(&source.below, report.kind);
    if let Some(folder) = out.parent() {
        disk::private_folder(folder).with_context(|| folder.display().to_string())?;
    }
    let mut output = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&out)
        .with_context(|| format!("{}: not written; name another --out", out.display()))?;
    if let Err(error) = copy(bar.wrap_read(cleaned.replay(input)), &mut output) {
        // half a file must not be taken for a cleaned one
        drop(fs::remove_file(&out));
        return Err(error).with_context(|| format!("{}: not written", out.display()));
    }
    Ok(Fate::Cleaned { out, report })
}

fn copy(mut from: impl Read, to: &mut File) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(1 << 16, to);
    io::copy(&mut from, &mut to)?;
    to.flush()?;
    to.get_ref().sync_all()
}

/// Over the bytes of all files. Shown only where standard error is a terminal.
fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg} {bar:30} {bytes}/{total_bytes} {eta}");
    let bar = ProgressBar::new(bytes);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn sentence(Line { file, fate }: &Line) -> String {
    let file = file.display();
    match fate {
        Fate::Refused { refusal } => format!("{file}: refused: {refusal}"),
        Fate::Cleaned { out, report } => {
            let found = list(report.found.iter().copied().map(found));
            let remains = list(report.remains.iter().copied().map(remains));
            format!("{file}: cleaned as {}; removed: {found}; stays: {remains}", out.display())
        }
    }
}

fn list(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.collect();
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}

const fn found(found: Found) -> &'static str {
    match found {
        Found::Location => "place",
        Found::Device => "device",
        Found::Time => "date and time",
        Found::Person => "names of people",
        Found::Software => "programs",
        Found::Comment => "titles and comments",
        Found::Preview => "a smaller picture",
        Found::ColourProfile => "colour profile",
        Found::Trailing => "what lay behind the end",
        Found::Identifier => "identifying numbers",
        Found::History => "earlier versions and changes",
        Found::Telemetry => "readings of sensors",
        Found::Attachment => "files inside",
        Found::Active => "scripts and links",
        Found::Other => "other things the content does not need",
    }
}

const fn remains(remains: Remains) -> &'static str {
    match remains {
        Remains::SensorNoise => "the noise of the camera's sensor",
        Remains::Picture => "what the picture shows",
        Remains::Wording => "what the text says and how",
        Remains::Sound => "what is heard",
        Remains::Layout => "fonts and layout",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// Files by their paths in a new folder, and what cleaning them with `arguments` wrote: each path with its text.
    fn written(
        files: &[(&str, &str)],
        named: &[&str],
        rename: bool,
    ) -> anyhow::Result<(Vec<(String, String)>, ExitCode)> {
        let folder = tempfile::tempdir()?;
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap())?;
            fs::write(path, text)?;
        }
        let args = CleanArgs {
            files: named.iter().map(|name| folder.path().join(name)).collect(),
            out: folder.path().join("out"),
            rename,
            json: false,
        };
        let code = run(&args)?;
        let mut outputs = Vec::new();
        in_folder(&args.out, Path::new(""), &mut outputs)?;
        let outputs = outputs.into_iter().map(|output| {
            let mode = output.path.metadata()?.permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            Ok((output.below.display().to_string(), fs::read_to_string(output.path)?))
        });
        Ok((outputs.collect::<io::Result<_>>()?, code))
    }

    fn names(written: &[(String, String)]) -> Vec<&str> {
        written.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_name_stays_its_ending_is_what_the_file_is() {
        let (written, code) =
            written(&[("notes.docx", "\u{feff}They meet.\n")], &["notes.docx"], false).unwrap();
        assert_eq!(written, [("notes.txt".to_owned(), "They meet.\n".to_owned())]);
        assert_eq!(code, ExitCode::SUCCESS);
    }

    #[test]
    fn a_refused_file_is_told_and_the_others_are_cleaned() {
        let files = [("a.txt", "a\n"), ("b.txt", "\u{1}"), ("c.txt", "c\n")];
        let (written, code) = written(&files, &["a.txt", "b.txt", "c.txt"], false).unwrap();
        assert_eq!(names(&written), ["a.txt", "c.txt"]);
        assert_eq!(code, ExitCode::from(1));
    }

    #[test]
    fn a_folder_is_cleaned_with_its_folders_or_numbered() {
        let files = [("in/hana/b.txt", "b\n"), ("in/a.txt", "a\n"), ("in/a.md", "c\n")];
        let (kept, _) = written(&files, &["in"], false).unwrap();
        // the order is that of the names: a.md comes first
        assert_eq!(names(&kept), ["a-2.txt", "a.txt", "hana/b.txt"]);
        let (numbered, _) = written(&files, &["in"], true).unwrap();
        assert_eq!(names(&numbered), ["1.txt", "2.txt", "3.txt"]);
    }

    #[test]
    fn nothing_is_overwritten_and_no_link_is_followed() {
        let error = written(&[("out/a.txt", "old"), ("a.txt", "new")], &["a.txt"], false);
        assert!(error.unwrap_err().to_string().contains("name another --out"));
        let folder = tempfile::tempdir().unwrap();
        symlink("/etc/hostname", folder.path().join("link")).unwrap();
        assert!(sources(&[folder.path().to_owned()]).unwrap().is_empty());
    }

    #[test]
    fn sentences_are_words() {
        let report = Report {
            kind: Kind::Jpeg,
            found: [Found::Location, Found::Device, Found::Time].into(),
            remains: [Remains::Picture].into(),
        };
        let fate = Fate::Cleaned { out: "out/a.jpg".into(), report };
        assert_eq!(
            sentence(&Line { file: "a.jpg".into(), fate }),
            "a.jpg: cleaned as out/a.jpg; removed: place, device, date and time; \
             stays: what the picture shows"
        );
        let fate = Fate::Refused { refusal: Refusal::Empty };
        let sentence = sentence(&Line { file: "b".into(), fate });
        assert_eq!(sentence, "b: refused: this file is empty; choose it again");
    }
}
