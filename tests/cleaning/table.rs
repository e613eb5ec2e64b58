//! Writes `src/clean/KINDS.md`: the cleaner, ExifTool and mat2 on the same files, kind by kind. On the corpus: what is
//! refused, what shows the same afterwards, in how many files ExifTool still finds something that decoding does not need. On
//! the files of `canaries`: how many canaries are left. And the time of a process.
//!
//!     cargo build --release --no-default-features --features gateway --bin sealpost-gateway
//!     SEALPOST_WRITE_TABLE=1 cargo test --test cleaning -- --show-output table
//!
//! `SEALPOST_PROGRAM` names another program than `target/release/sealpost-gateway`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    canaries,
    content::{Likeness, contents},
    kinds::{FOLDERS, Family, Folder, empty_folder},
    oracle,
    search::Layers,
};

/// Of a kind of documents that LibreOffice must print, so many are compared.
const PRINTED: usize = 10;
const BETWEEN: [&str; 2] = ["<!-- table -->\n", "<!-- end of the table -->\n"];

/// The programs that are compared.
#[derive(Clone, Copy, PartialEq)]
enum Program {
    Ours,
    Exiftool,
    Mat2,
}

const PROGRAMS: [Program; 3] = [Program::Ours, Program::Exiftool, Program::Mat2];

impl Program {
    fn command(self, input: &Path, folder: &Path) -> Command {
        let mut command = match self {
            Self::Ours => Command::new(ours()),
            Self::Exiftool => Command::new("exiftool"),
            Self::Mat2 => Command::new("mat2"),
        };
        match self {
            Self::Ours => command.arg("clean").arg(input).arg("--out").arg(folder.join("out")),
            Self::Exiftool => command.args(["-q", "-m", "-all=", "-overwrite_original"]).arg(input),
            Self::Mat2 => command.arg("--inplace").arg(input),
        };
        command
    }

    /// Cleans a copy of `file`: where the result lies, and how long it took in milliseconds; None if it is refused.
    fn cleaned(self, file: &Path, folder: &Path) -> Option<(PathBuf, f64)> {
        drop(fs::remove_dir_all(folder));
        fs::create_dir_all(folder).unwrap();
        let copy = folder.join(file.file_name().unwrap());
        fs::copy(file, &copy).unwrap();
        let mut command = self.command(&copy, folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        #[expect(clippy::disallowed_methods, reason = "a program's time is measured")]
        let start = Instant::now();
        let taken = command.status().unwrap().success();
        let time = start.elapsed().as_secs_f64() * 1e3;
        if !taken {
            return None;
        }
        let result = match self {
            Self::Ours => fs::read_dir(folder.join("out")).unwrap().next()?.unwrap().path(),
            Self::Exiftool | Self::Mat2 => copy,
        };
        Some((result, time))
    }
}

fn ours() -> PathBuf {
    let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release/sealpost-gateway");
    std::env::var_os("SEALPOST_PROGRAM").map_or(release, PathBuf::from)
}

/// What one program made of one kind's files.
#[derive(Default)]
struct Row {
    files: usize,
    refused: usize,
    /// Files in which ExifTool finds what no table allows.
    left: usize,
    compared: usize,
    same: usize,
    canaries: usize,
    canaries_left: usize,
    planted_refused: bool,
    times: Vec<f64>,
}

#[test]
fn the_table_of_the_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clean/KINDS.md");
    let Some(corpus) = std::env::var_os("SEALPOST_WRITE_TABLE").and_then(|_| oracle::corpus())
    else {
        return;
    };
    let planted = canaries::all();
    let folder = empty_folder("table");
    let mut table =
        "| kind | program | refused | left behind | canaries left | shows the same | time |\n\
                     |---|---|---|---|---|---|---|\n"
            .to_owned();
    for kind in FOLDERS {
        let files = oracle::files(&corpus, &[kind.name]);
        let planted: Vec<&canaries::Planted> =
            planted.iter().filter(|one| one.kind == kind.name).collect();
        for program in PROGRAMS {
            let row = row(program, kind, &files, &planted, &folder);
            if row.refused < row.files || row.canaries > 0 {
                table.push_str(&line(program, kind, row));
            }
        }
    }
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BETWEEN[0]).unwrap();
    let (_, after) = rest.split_once(BETWEEN[1]).unwrap();
    let [start, end] = BETWEEN;
    fs::write(&path, format!("{before}{start}{table}{end}{after}")).unwrap();
    println!("{table}");
}

fn row(
    program: Program,
    kind: &Folder,
    files: &[PathBuf],
    planted: &[&canaries::Planted],
    folder: &Path,
) -> Row {
    let mut row = Row::default();
    let results = folder.join("results");
    drop(fs::remove_dir_all(&results));
    fs::create_dir_all(&results).unwrap();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for file in opened(kind.family, files) {
        row.files += 1;
        let Some((result, time)) = program.cleaned(&file, &folder.join("work")) else {
            row.refused += 1;
            continue;
        };
        row.times.push(time);
        let ending = result.extension().unwrap_or_default().to_string_lossy();
        let kept = results.join(format!("{}.{ending}", row.files));
        fs::rename(result, &kept).unwrap();
        before.push(file);
        after.push(kept);
    }
    let found: BTreeMap<PathBuf, ()> =
        oracle::exiftool_findings(&after).into_iter().map(|(path, ..)| (path, ())).collect();
    row.left = found.len();
    let most = if kind.family == Family::Office { PRINTED } else { usize::MAX };
    let compared = before.len().min(most);
    let shown = contents(kind.family, &[&before[..compared], &after[..compared]].concat());
    let (before, after) = shown.split_at(compared);
    for (before, after) in before.iter().zip(after) {
        let Some(before) = before else { continue };
        row.compared += 1;
        let alike = after.as_ref().map(|after| after.likeness(before));
        row.same += usize::from(matches!(alike, Some(Likeness::Same | Likeness::Near(_))));
    }
    for one in planted {
        let input = folder.join(format!("planted.{}", kind.name));
        fs::write(&input, &one.bytes).unwrap();
        let Some((result, _)) = program.cleaned(&input, &folder.join("work")) else {
            row.planted_refused = true;
            continue;
        };
        let layers = Layers::of(&fs::read(result).unwrap());
        row.canaries += one.canaries.len();
        let left = one.canaries.iter().filter(|canary| layers.has(canary));
        row.canaries_left += left.count();
    }
    row
}

/// Those of `files` that the family's program opens; office documents are not tried, which would take long.
fn opened(family: Family, files: &[PathBuf]) -> Vec<PathBuf> {
    if family == Family::Office {
        return files.to_vec();
    }
    let shown = contents(family, files);
    let opened = files.iter().zip(shown).filter(|(_, shown)| shown.is_some());
    opened.map(|(file, _)| file.clone()).collect()
}

fn line(program: Program, kind: &Folder, mut row: Row) -> String {
    let name = match program {
        Program::Ours => "Sealpost",
        Program::Exiftool => "ExifTool `-all=`",
        Program::Mat2 => "mat2",
    };
    let cleaned = row.files - row.refused;
    row.times.sort_by(f64::total_cmp);
    let time = row.times.get(row.times.len() / 2);
    let mut line = format!("| {} | {name} | {} of {} ", kind.name, row.refused, row.files);
    write!(line, "| in {} of {cleaned} | {} of {}", row.left, row.canaries_left, row.canaries)
        .unwrap();
    if row.planted_refused {
        line.push_str(", some refused");
    }
    write!(line, " | {} of {} ", row.same, row.compared).unwrap();
    match time {
        Some(time) => writeln!(line, "| {time:.0} ms |").unwrap(),
        None => line.push_str("| – |\n"),
    }
    line
}

/// Every kind that the tests know has its line.
#[test]
fn no_kind_is_left_out_of_the_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/clean/KINDS.md");
    let Ok(page) = fs::read_to_string(path) else { return };
    let missing: Vec<&str> = (FOLDERS.iter())
        .map(|folder| folder.name)
        .filter(|name| !page.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
