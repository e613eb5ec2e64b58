//! The cleaner: how fast each kind is cleaned in memory, how much memory a long film takes, and a file as a process beside
//! ExifTool and mat2. Kinds that are not cleaned yet are left out.

use std::{
    collections::BTreeMap,
    fs,
    hint::black_box,
    io::{self, Cursor},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use sealpost::clean::{Limits, clean};

use super::{Limit, beside, figure, median, seconds};

/// The cleaner as a program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_sealpost-gateway");

/// Megabytes in a second that a kind is to reach on one core; none is said for the others.
const LEAST: &[(&str, f64)] = &[
    ("jpg", 400.0),
    ("mp4", 400.0),
    ("png", 200.0),
    ("webp", 200.0),
    ("pdf", 40.0),
    ("docx", 40.0),
    ("xlsx", 40.0),
    ("pptx", 40.0),
];

/// The corpus's folders that the other programs are compared on, and which of them takes the kind.
const OTHERS: &[(&str, bool, bool)] = &[
    ("jpg", true, true),
    ("png", true, true),
    ("webp", true, true),
    ("gif", true, true),
    ("tif", true, true),
    ("heic", true, true),
    ("avif", true, true),
    ("mp4", true, true),
    ("mov", true, false),
    ("m4a", true, false),
    ("pdf", true, true),
    ("mp3", false, true),
    ("flac", false, true),
    ("wav", false, true),
    ("opus", false, true),
    ("docx", false, true),
    ("xlsx", false, true),
    ("pptx", false, true),
    ("odt", false, true),
    ("ods", false, true),
    ("odp", false, true),
    ("epub", false, true),
    ("svg", false, true),
];

/// How long each kind is cleaned over and over.
const AT_LEAST: f64 = 0.5;
/// Files of a kind that are given to the other programs.
const FILES: usize = 5;
/// Bytes of the long film.
const LONG: u64 = 2 << 30;

pub(super) fn run() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus();
    if corpus.is_none() {
        println!("  skipped in part: no corpus of real files (SEALPOST_CORPUS names one)");
    }
    in_memory(corpus.as_deref(), folder.path());
    if let Some(corpus) = &corpus {
        as_process(corpus, folder.path());
    }
    long_film(folder.path());
}

fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("SEALPOST_CORPUS").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    Some(named.unwrap_or_else(beside)).filter(|folder| folder.is_dir())
}

/// The files of one of the corpus's folders, sorted.
fn files(corpus: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus.join(kind)).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn in_memory(corpus: Option<&Path>, folder: &Path) {
    let mut kinds: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    let read = |path: &PathBuf| fs::read(path).unwrap();
    for kind in OTHERS.iter().map(|(kind, ..)| *kind) {
        let real = corpus.map(|corpus| files(corpus, kind)).unwrap_or_default();
        kinds.insert(kind, real.iter().map(read).collect());
    }
    for (kind, path) in generated(folder) {
        kinds.entry(kind).or_default().push(read(&path));
    }
    for (kind, mut files) in kinds {
        files.retain(|file| cleaned(file).is_some());
        let bytes: usize = files.iter().map(Vec::len).sum();
        if bytes == 0 {
            continue;
        }
        let mut rates = Vec::new();
        let mut spent = 0.0;
        while spent < AT_LEAST || rates.len() < 3 {
            let time = seconds(|| {
                for file in &files {
                    black_box(cleaned(black_box(file)));
                }
            });
            spent += time;
            rates.push(bytes as f64 / 1e6 / time);
        }
        let what = format!("{kind}: {} files, {:.1} MB", files.len(), bytes as f64 / 1e6);
        match LEAST.iter().find(|(other, _)| *other == kind) {
            Some((_, least)) => figure(&what, median(rates), "MB/s", Limit::AtLeast(*least)),
            None => beside(&what, median(rates), "MB/s"),
        }
    }
}

fn cleaned(file: &[u8]) -> Option<Vec<u8>> {
    let cleaned = clean(&mut Cursor::new(file), &Limits::default()).ok()?;
    let mut output = Vec::with_capacity(usize::try_from(cleaned.len()).unwrap());
    io::copy(&mut cleaned.replay(Cursor::new(file)), &mut output).unwrap();
    Some(output)
}

/// Files as phones and office programs make them: larger than most of the corpus.
fn generated(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let noise = [
        "-size",
        "3000x2250",
        "-seed",
        "7",
        "plasma:red-blue",
        "-attenuate",
        "0.3",
        "+noise",
        "Gaussian",
    ];
    let with = |more: &[&str]| [&noise, more].concat().iter().map(|s| (*s).to_owned()).collect();
    let film = [
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=1920x1080:rate=30:duration=3",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=3",
        "-vf",
        "noise=alls=30:allf=t",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-c:a",
        "aac",
    ];
    let recipes: [(&str, &str, Vec<String>); 4] = [
        ("jpg", "convert", with(&["-quality", "92"])),
        ("png", "convert", with(&["-depth", "8"])),
        ("webp", "convert", with(&["-resize", "50%", "-quality", "90"])),
        ("mp4", "ffmpeg", film.iter().map(|s| (*s).to_owned()).collect()),
    ];
    let mut made: Vec<(&str, PathBuf)> = recipes
        .into_iter()
        .filter_map(|(kind, program, arguments)| {
            let to = path(&format!("generated.{kind}"));
            let made = Command::new(program).args(arguments).arg(&to).status();
            made.is_ok_and(|status| status.success()).then(|| (kind, PathBuf::from(to)))
        })
        .collect();
    if let Some((_, picture)) = made.iter().find(|(kind, _)| *kind == "jpg") {
        let scan = folder.join("generated.pdf");
        fs::write(&scan, scanned(&fs::read(picture).unwrap())).unwrap();
        made.push(("pdf", scan));
    }
    made
}

/// A PDF as a scanner's program writes it: one page that is a JPEG (ISO 32000-1, 7.5 and 8.9.5).
fn scanned(picture: &[u8]) -> Vec<u8> {
    let stream = |dictionary: &str, body: &[u8]| {
        let start = format!("<< {dictionary} /Length {} >>\nstream\n", body.len());
        [start.as_bytes(), body, b"\nendstream"].concat()
    };
    let image = "/Type /XObject /Subtype /Image /Width 3000 /Height 2250 /ColorSpace /DeviceRGB \
                 /BitsPerComponent 8 /Filter /DCTDecode";
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R \
          /Resources << /XObject << /I 5 0 R >> >> >>"
            .to_vec(),
        stream("", b"400 0 0 300 0 0 cm /I Do"),
        stream(image, picture),
    ];
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend([format!("{} 0 obj\n", index + 1).as_bytes(), object, b"\nendobj\n"].concat());
    }
    let (start, size) = (file.len(), objects.len() + 1);
    let end = format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    file.extend([table.as_bytes(), end.as_bytes()].concat());
    file
}

/// One file as a process, each program on a copy of its own: the middle over the files that ours and it both take.
fn as_process(corpus: &Path, folder: &Path) {
    for &(kind, exiftool, mat2) in OTHERS {
        let mut taken = files(corpus, kind);
        taken.retain(|path| fs::read(path).is_ok_and(|file| cleaned(&file).is_some()));
        taken.sort_by_key(|path| path.metadata().unwrap().len());
        // those of middling size
        let skipped = taken.len().saturating_sub(FILES) / 2;
        let taken: Vec<PathBuf> = taken.into_iter().skip(skipped).take(FILES).collect();
        for (name, program) in [("exiftool -all=", exiftool), ("mat2", mat2)] {
            let mut ratios = Vec::new();
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for path in taken.iter().filter(|_| program) {
                let copy = folder.join(format!("copy.{kind}"));
                fs::copy(path, &copy).unwrap();
                let out = folder.join("out");
                drop(fs::remove_dir_all(&out));
                let mut command = Command::new(PROGRAM);
                let own = timed(command.arg("clean").arg(&copy).arg("--out").arg(&out));
                let mut command = Command::new(name.split(' ').next().unwrap());
                match name {
                    "mat2" => command.args(["--inplace"]),
                    _ => command.args(["-q", "-m", "-all=", "-overwrite_original"]),
                };
                let (Some(own), Some(other)) = (own, timed(command.arg(&copy))) else { continue };
                ours.push(own * 1e3);
                theirs.push(other * 1e3);
                ratios.push(other / own);
            }
            if ratios.is_empty() {
                continue;
            }
            beside(&format!("{kind}, a process: ours"), median(ours), "ms");
            beside(&format!("{kind}, a process: {name}"), median(theirs), "ms");
            figure(&format!("{kind}: {name} / ours"), median(ratios), "×", Limit::AtLeast(20.0));
        }
    }
}

/// Seconds that a program takes; None if it fails or is not there.
fn timed(command: &mut Command) -> Option<f64> {
    let mut status = None;
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let time = seconds(|| status = command.status().ok());
    status?.success().then_some(time)
}

/// A film of two gibibytes at a phone's rate: a few seconds of noise, over and over.
fn long_film(folder: &Path) {
    let few = folder.join("generated.mp4");
    if !few.exists() || cleaned(&fs::read(&few).unwrap()).is_none() {
        return;
    }
    let long = folder.join("long.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-stream_loop", "-1", "-i"]).arg(&few);
    command.args(["-c", "copy", "-fs", &LONG.to_string()]).arg(&long);
    if timed(&mut command).is_none() {
        return;
    }
    let out = folder.join("long");
    let mut command = Command::new(PROGRAM);
    command.arg("clean").arg(&long).arg("--out").arg(&out).stdout(Stdio::null());
    let mut peak: f64 = 0.0;
    let time = seconds(|| {
        let mut child = command.spawn().unwrap();
        // it only ever rises, so the last look before the end is as good as one at the end
        while child.try_wait().unwrap().is_none() {
            peak = peak_mb(child.id()).map_or(peak, |now| now.max(peak));
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let length = long.metadata().unwrap().len() as f64;
    beside("a film of 2 GiB, as a process, written and synced", length / 1e6 / time, "MB/s");
    figure("its peak resident memory", peak, "MB", Limit::AtMost(64.0));
}

/// The most that was ever resident; None once the process is over.
fn peak_mb(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0 / 1e6)
}
