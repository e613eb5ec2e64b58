//! `clean FILE… --out DIR`: the cleaner alone, for what a newsroom publishes.

#![expect(clippy::print_stdout, reason = "a program's output")]

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    clean::{CleanError, Limits, Refusal, Report, clean},
    disk,
};

/// Remove identifying metadata from files, or refuse them.
///
/// Each cleaned file keeps its name; its ending follows from what the file really is. Exits 1 if any
/// file was refused.
#[derive(Debug, clap::Args)]
pub struct CleanArgs {
    /// The files; they are not changed.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the cleaned files go; made if it is missing. Nothing in it is overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
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
    disk::private_folder(&args.out).with_context(|| args.out.display().to_string())?;
    let mut lines = Vec::new();
    for file in &args.files {
        let fate = clean_file(file, &args.out)?;
        let line = Line { file: file.clone(), fate };
        if !args.json {
            println!("{}", sentence(&line));
        }
        lines.push(line);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    }
    let refused = lines.iter().any(|line| matches!(line.fate, Fate::Refused { .. }));
    Ok(ExitCode::from(u8::from(refused)))
}

fn clean_file(file: &Path, folder: &Path) -> anyhow::Result<Fate> {
    let shown = file.display();
    let unreadable = || format!("{shown}: cannot be read");
    let mut input = BufReader::new(File::open(file).with_context(unreadable)?);
    let cleaned = match clean(&mut input, &Limits::default()) {
        Ok(cleaned) => cleaned,
        Err(CleanError::Refused(refusal)) => return Ok(Fate::Refused { refusal }),
        Err(CleanError::Io(error)) => return Err(error).with_context(unreadable),
    };
    let report = cleaned.report().clone();
    let Some(stem) = file.file_stem() else { bail!("{shown}: is no file") };
    let mut name = stem.to_owned();
    name.push(".");
    name.push(report.kind.extension());
    let out = folder.join(name);
    let mut output = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&out)
        .with_context(|| format!("{}: not written; name another --out", out.display()))?;
    let bar = progress(cleaned.len(), file);
    let written = copy(cleaned.replay(input), &mut output, &bar);
    bar.finish_and_clear();
    if let Err(error) = written {
        // half a file must not be taken for a cleaned one
        drop(std::fs::remove_file(&out));
        return Err(error).with_context(|| format!("{}: not written", out.display()));
    }
    Ok(Fate::Cleaned { out, report })
}

fn copy(mut from: impl Read, to: &mut File, bar: &ProgressBar) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(1 << 16, to);
    io::copy(&mut bar.wrap_read(&mut from), &mut to)?;
    to.flush()?;
    to.get_ref().sync_all()
}

/// Shown only where standard error is a terminal.
fn progress(bytes: u64, file: &Path) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}");
    let bar = ProgressBar::new(bytes).with_message(file.display().to_string());
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
            let found = words(&report.found);
            let remains = words(&report.remains);
            format!("{file}: cleaned as {}; found: {found}; stays: {remains}", out.display())
        }
    }
}

/// The report's own words, as its JSON spells them.
fn words<T: Serialize>(set: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = set
        .into_iter()
        .filter_map(|word| serde_json::to_value(word).ok()?.as_str().map(str::to_owned))
        .collect();
    if words.is_empty() { "nothing".into() } else { words.join(", ") }
}
