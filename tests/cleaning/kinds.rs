//! The kinds as the tests know them: the corpus's folders, the programs that open them, and the files that are refused
//! although such a program opens them.

use std::{
    fs::{self, File},
    io::{self, Cursor, Read as _},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
};

use sealpost::clean::{CleanError, Limits, Refusal, Report, clean};

/// Which program tells what a file shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// ImageMagick.
    Picture,
    /// ffmpeg.
    Stream,
    /// pdftoppm.
    Pdf,
    /// LibreOffice, and pdftoppm of what it prints.
    Office,
    /// rsvg-convert.
    Drawing,
    /// unzip, and the words of the pages in it.
    Book,
    /// The characters themselves.
    Text,
}

/// A folder of the corpus.
pub(crate) struct Folder {
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    /// Files that are refused although the program opens them, by the beginning of their names, with the reason. They
    /// count as refused all the same where a kind has twenty files or more.
    pub(crate) refused: &'static [(&'static str, &'static str)],
    /// Files that look otherwise afterwards, by the beginning of their names, with the reason: changes that were tracked,
    /// for instance, are shown as they were accepted.
    pub(crate) otherwise: &'static [(&'static str, &'static str)],
}

const fn folder(name: &'static str, family: Family) -> Folder {
    Folder { name, family, refused: &[], otherwise: &[] }
}

/// In the order in which sources send them.
pub(crate) const FOLDERS: &[Folder] = &[
    folder("jpg", Family::Picture),
    folder("heic", Family::Picture),
    folder("mp4", Family::Stream),
    folder("mov", Family::Stream),
    folder("3gp", Family::Stream),
    folder("m4a", Family::Stream),
    folder("amr", Family::Stream),
    folder("png", Family::Picture),
    folder("webp", Family::Picture),
    folder("gif", Family::Picture),
    folder("pdf", Family::Pdf),
    folder("docx", Family::Office),
    folder("xlsx", Family::Office),
    folder("pptx", Family::Office),
    folder("mp3", Family::Stream),
    folder("wav", Family::Stream),
    folder("ogg", Family::Stream),
    folder("opus", Family::Stream),
    folder("flac", Family::Stream),
    folder("odt", Family::Office),
    Folder { refused: &[("1bbcc2e1753a", "it holds a macro")], ..folder("ods", Family::Office) },
    Folder {
        otherwise: &[("1fbb574d53fa", "letters lie a fraction of a pixel aside")],
        ..folder("odp", Family::Office)
    },
    Folder {
        otherwise: &[
            ("0a5a02fb888a", "a Photoshop layer, which ImageMagick counts as a page, is gone"),
            (
                "1ab53f3ec60c",
                "old-style JPEG became JPEG of TIFF's supplement: decoders round otherwise",
            ),
        ],
        ..folder("tif", Family::Picture)
    },
    folder("epub", Family::Book),
    folder("zip", Family::Book),
    folder("hwpx", Family::Book),
    folder("svg", Family::Drawing),
    folder("avif", Family::Picture),
    folder("aiff", Family::Stream),
    folder("txt", Family::Text),
];

/// The folder that a kind's files lie in.
pub(crate) fn folder_of(name: &str) -> &'static Folder {
    FOLDERS.iter().find(|folder| folder.name == name).unwrap()
}

/// What becomes of a file in memory.
pub(crate) fn cleaned(file: &[u8]) -> Result<(Vec<u8>, Report), Refusal> {
    let cleaned = match clean(&mut Cursor::new(file), &Limits::default()) {
        Ok(cleaned) => cleaned,
        Err(CleanError::Refused(refusal)) => return Err(refusal),
        Err(CleanError::Io(error)) => panic!("memory cannot be read: {error}"),
    };
    let (len, report) = (cleaned.len(), cleaned.report().clone());
    let mut bytes = Vec::new();
    cleaned.replay(Cursor::new(file)).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, len, "as long as promised");
    Ok((bytes, report))
}

/// What becomes of a file on the disk; the output is written only if it is cleaned.
pub(crate) fn clean_file(input: &Path, output: &Path) -> Result<Report, Refusal> {
    let mut file = File::open(input).unwrap();
    let cleaned = match clean(&mut file, &Limits::default()) {
        Ok(cleaned) => cleaned,
        Err(CleanError::Refused(refusal)) => return Err(refusal),
        Err(CleanError::Io(error)) => panic!("{}: {error}", input.display()),
    };
    let (len, report) = (cleaned.len(), cleaned.report().clone());
    let copied = io::copy(&mut cleaned.replay(file), &mut File::create(output).unwrap()).unwrap();
    assert_eq!(copied, len, "{}: as long as promised", input.display());
    Ok(report)
}

/// Runs `work` for each of `items` on every core, and gives the results in their order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(0..items.len());
    let done = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.lock().unwrap().next();
                    let Some(index) = index else { break };
                    let result = work(&items[index]);
                    done.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A folder for this test's files, empty.
pub(crate) fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cleaning").join(name);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs an oracle; `package` is Debian's that has it.
pub(crate) fn run(command: &mut Command, package: &str) -> Output {
    let output = command.stdin(std::process::Stdio::null()).output();
    output.unwrap_or_else(|error| {
        panic!("{:?} of Debian's package {package}: {error}", command.get_program())
    })
}

/// Whether every file is compared, and not a sample.
pub(crate) fn compare_all() -> bool {
    std::env::var_os("SEALPOST_CLEANING").is_some_and(|value| value == "all")
}
