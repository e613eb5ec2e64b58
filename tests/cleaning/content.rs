//! What ordinary programs show of a file, before and after it was cleaned.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    archive,
    kinds::{self, Family, compare_all, in_parallel, run},
};

/// What a program shows of a file.
#[derive(Clone, PartialEq)]
pub(crate) enum Content {
    /// Hashes, words or a drawing: compared as they are.
    Exact(Vec<u8>),
    /// A hash of each decoded stream, and one line for each frame with its time.
    Streams { hashes: String, frames: String },
    /// Pages as pixels.
    Pages(Vec<Page>),
}

/// A page as pdftoppm paints it: three bytes for each pixel.
#[derive(Clone, PartialEq)]
pub(crate) struct Page {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// How alike two contents are.
#[derive(Debug, PartialEq)]
pub(crate) enum Likeness {
    Same,
    /// Alike to whoever looks or listens, with what is not the same.
    Near(String),
    Different(String),
}

/// Of a page's pixels, how many in a thousand may look otherwise: colour profiles are left behind, and with them the
/// last digits of a colour.
const PIXELS_PER_THOUSAND: usize = 5;
/// From where on a colour looks otherwise, of 255.
const COLOUR: u8 = 40;
/// Pages that are painted of a sample's document.
const PAGES: &str = "12";
/// Seconds for one program on one file.
const PATIENCE: &str = "120";

/// What the family's program shows of each file; None where it cannot open it.
pub(crate) fn contents(family: Family, files: &[PathBuf]) -> Vec<Option<Content>> {
    match family {
        Family::Office => printed(files),
        _ => in_parallel(files, |file| match family {
            Family::Picture => picture(file),
            Family::Stream => streams(file),
            Family::Pdf => pages(file),
            Family::Drawing => drawing(file),
            Family::Book => words(file),
            Family::Text => Some(Content::Exact(lines(&fs::read(file).unwrap()))),
            Family::Office => unreachable!("above"),
        }),
    }
}

/// Every frame's pixels with its place, its time and how it is turned. ImageMagick's warnings do not count: a viewer shows
/// such a picture.
fn picture(file: &Path) -> Option<Content> {
    if file.extension().is_some_and(|extension| extension == "heic") {
        return heic(file);
    }
    let mut command = Command::new("timeout");
    command.args([PATIENCE, "identify", "-quiet", "-format", "%# %[orientation] %g %T %D\n"]);
    let output = run(command.arg(file), "imagemagick");
    let text = String::from_utf8(output.stdout).ok()?;
    // upright and unsaid are the same
    let text = text.replace("TopLeft", "Undefined");
    let opened = output.status.success() && text.find(' ') == Some(64);
    opened.then(|| Content::Exact(text.into_bytes()))
}

/// A HEIC's pixels as they are decoded and turned. ImageMagick would compute others from them by a colour profile.
fn heic(file: &Path) -> Option<Content> {
    let folder = tempfile::tempdir().unwrap();
    let pixels = folder.path().join("pixels.y4m");
    let mut command = Command::new("timeout");
    let output =
        run(command.args([PATIENCE, "heif-convert"]).arg(file).arg(&pixels), "libheif-examples");
    if !output.status.success() {
        return None;
    }
    Some(Content::Exact(fs::read(pixels).ok()?))
}

fn streams(file: &Path) -> Option<Content> {
    let folder = tempfile::tempdir().unwrap();
    let (hashes, frames) = (folder.path().join("hashes"), folder.path().join("frames"));
    let mut command = Command::new("timeout");
    command.args([PATIENCE, "ffmpeg", "-v", "error", "-i"]).arg(file);
    command.args(["-map", "0:V?", "-map", "0:a?", "-f", "streamhash"]).arg(&hashes);
    command.args(["-map", "0:V?", "-map", "0:a?", "-f", "framehash"]).arg(&frames);
    let output = run(&mut command, "ffmpeg");
    let read = |path| fs::read_to_string(path).ok();
    let (hashes, frames) = (read(hashes)?, read(frames)?);
    let opened = output.status.success() && !hashes.is_empty();
    opened.then_some(Content::Streams { hashes, frames })
}

fn pages(file: &Path) -> Option<Content> {
    let mut command = Command::new("timeout");
    command.args([PATIENCE, "pdftoppm", "-r", "40"]);
    if !compare_all() {
        command.args(["-l", PAGES]);
    }
    let output = run(command.arg(file), "poppler-utils");
    let mut rest = &*output.stdout;
    let mut pages = Vec::new();
    while !rest.is_empty() {
        let (page, after) = page(rest)?;
        pages.push(page);
        rest = after;
    }
    (output.status.success() && !pages.is_empty()).then_some(Content::Pages(pages))
}

/// The first of several pictures in PPM: `P6`, width, height, 255, each with one line end or blank behind it.
fn page(ppm: &[u8]) -> Option<(Page, &[u8])> {
    let mut fields = ppm.splitn(5, |byte| byte.is_ascii_whitespace());
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<usize>().ok();
    let (_, width, height, _) = (number(), number()?, number()?, number()?);
    let (pixels, after) = fields.next()?.split_at_checked(width * height * 3)?;
    Some((Page { width, height, pixels: pixels.to_vec() }, after))
}

fn drawing(file: &Path) -> Option<Content> {
    let mut command = Command::new("timeout");
    command.args([PATIENCE, "rsvg-convert", "--unlimited", "-w", "600", "-a"]).arg(file);
    let output = run(&mut command, "librsvg2-bin");
    output.status.success().then_some(Content::Exact(output.stdout))
}

/// The words of an archive's pages, in any order, without tags; for other members how many there are.
fn words(file: &Path) -> Option<Content> {
    let tested = run(Command::new("unzip").arg("-tqq").arg(file), "unzip");
    if !tested.status.success() {
        return None;
    }
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for member in archive::read(&fs::read(file).unwrap())? {
        let name = member.name.to_ascii_lowercase();
        let text = String::from_utf8_lossy(&member.bytes);
        let is_page = name.ends_with(".xml") && text.contains("<body");
        if is_page || [".xhtml", ".html", ".htm"].iter().any(|ending| name.ends_with(ending)) {
            let body = text.find("<body").map_or(&*text, |at| &text[at..]);
            texts.push(without_tags(body).into_bytes());
        } else if name.contains("section") && name.ends_with(".xml") {
            texts.push(without_tags(&text).into_bytes());
        } else if name.ends_with(".txt") {
            texts.push(lines(&member.bytes));
        }
    }
    texts.sort();
    Some(Content::Exact(texts.join(b"\n".as_slice())))
}

fn without_tags(text: &str) -> String {
    let mut words = String::new();
    let text = text.replace("&nbsp;", " ");
    for part in text.split('<') {
        words.push_str(part.split_once('>').map_or(part, |(_, after)| after));
        words.push(' ');
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text's lines without its mark, the kind of their ends, and blanks that end them.
fn lines(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = String::from_utf8_lossy(text).replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n").into_bytes()
}

/// What LibreOffice prints. It starts slowly and takes many files at once, so each core has one of it with a share of
/// the files; a file that ends it is told apart from the others by a second try alone.
fn printed(files: &[PathBuf]) -> Vec<Option<Content>> {
    let all = kinds::empty_folder("printed");
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    // files of one name in several folders would overwrite each other
    let named: Vec<PathBuf> = (files.iter().enumerate())
        .map(|(index, file)| {
            let link = all.join(format!("{index}-{}", file.file_name().unwrap().to_string_lossy()));
            fs::copy(file, &link).unwrap();
            link
        })
        .collect();
    let shares: Vec<(usize, Vec<PathBuf>)> = (0..workers)
        .map(|worker| (worker, named.iter().skip(worker).step_by(workers).cloned().collect()))
        .collect();
    in_parallel(&shares, |(worker, share)| {
        let profile = all.join(format!("profile-{worker}"));
        print(share, &all, &profile);
        for missing in share.iter().filter(|file| !file.with_extension("pdf").exists()) {
            print(std::slice::from_ref(missing), &all, &profile);
        }
    });
    in_parallel(&named, |file| pages(&file.with_extension("pdf")))
}

fn print(files: &[PathBuf], to: &Path, profile: &Path) {
    if files.is_empty() {
        return;
    }
    let seconds = 60 + 15 * files.len();
    let mut command = Command::new("timeout");
    command.arg(seconds.to_string()).arg("soffice");
    command.arg(format!("-env:UserInstallation=file://{}", profile.display()));
    command.args(["--headless", "--convert-to", "pdf", "--outdir"]).arg(to).args(files);
    run(&mut command, "libreoffice-writer-nogui, -calc-nogui and -impress-nogui");
}

impl Content {
    /// How like `before` this is.
    pub(crate) fn likeness(&self, before: &Self) -> Likeness {
        match (before, self) {
            _ if before == self => Likeness::Same,
            (Self::Streams { hashes: before, .. }, Self::Streams { hashes, .. }) => {
                if before == hashes {
                    Likeness::Near("the same frames, at other times".to_owned())
                } else {
                    Likeness::Different(format!("{before} became {hashes}"))
                }
            }
            (Self::Pages(before), Self::Pages(after)) => alike(before, after),
            (Self::Exact(before), Self::Exact(after)) => Likeness::Different(format!(
                "{} became {}",
                before[..before.len().min(300)].escape_ascii(),
                after[..after.len().min(300)].escape_ascii()
            )),
            _ => unreachable!("one program's contents are of one kind"),
        }
    }
}

fn alike(before: &[Page], after: &[Page]) -> Likeness {
    if before.len() != after.len() {
        return Likeness::Different(format!("{} pages became {}", before.len(), after.len()));
    }
    let mut worst = 0;
    for (number, (before, after)) in before.iter().zip(after).enumerate() {
        if (before.width, before.height) != (after.width, after.height) {
            return Likeness::Different(format!("page {}: of another size", number + 1));
        }
        let triples = before.pixels.chunks_exact(3).zip(after.pixels.chunks_exact(3));
        let otherwise =
            triples.filter(|(a, b)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > COLOUR)).count();
        let share = otherwise * 1000 / (before.width * before.height).max(1);
        if share > PIXELS_PER_THOUSAND {
            return Likeness::Different(format!("page {}: {share} ‰ of its pixels", number + 1));
        }
        worst = worst.max(share);
    }
    Likeness::Near(format!("at most {worst} ‰ of a page's pixels are of another colour"))
}

/// How many of a kind's files are how alike.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) same: usize,
    pub(crate) near: BTreeMap<String, usize>,
    pub(crate) different: Vec<(PathBuf, String)>,
}

impl Tally {
    pub(crate) fn count(&mut self, file: &Path, likeness: Likeness) {
        match likeness {
            Likeness::Same => self.same += 1,
            Likeness::Near(how) => *self.near.entry(how).or_default() += 1,
            Likeness::Different(how) => self.different.push((file.to_owned(), how)),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} the same", self.same)?;
        for (how, count) in &self.near {
            write!(f, ", {count}: {how}")?;
        }
        if !self.different.is_empty() {
            write!(f, ", {} DIFFERENT", self.different.len())?;
        }
        Ok(())
    }
}

#[test]
fn another_picture_another_sound_and_another_page_are_told_apart() {
    let folder = kinds::empty_folder("told-apart");
    let make = |name: &str, program: &str, arguments: &[&str]| {
        let path = folder.join(name);
        let made = run(Command::new(program).args(arguments).arg(&path), program);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        path
    };
    let blue = make("blue.png", "convert", &["-size", "20x20", "xc:blue"]);
    let red = make("red.png", "convert", &["-size", "20x20", "xc:red"]);
    let turned = make("turned.jpg", "convert", &["-size", "20x20", "xc:red"]);
    run(Command::new("exiftool").args(["-n", "-Orientation=6"]).arg(&turned), "exiftool");
    let upright = folder.join("turned.jpg_original");
    let tone = |hertz: &str| {
        let source = format!("sine=frequency={hertz}:duration=0.2");
        make(&format!("{hertz}.wav"), "ffmpeg", &["-v", "error", "-f", "lavfi", "-i", &source])
    };
    let (low, high) = (tone("300"), tone("600"));
    for (family, one, other) in [
        (Family::Picture, blue, red),
        (Family::Picture, upright, turned),
        (Family::Stream, low, high),
    ] {
        let [one, other] = contents(family, &[one, other]).try_into().ok().unwrap();
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.likeness(&one), Likeness::Same);
        assert!(matches!(other.likeness(&one), Likeness::Different(_)));
    }
    let page = |shade: u8, dots: usize| {
        let mut pixels = vec![255 - shade; 3000];
        pixels[..dots * 3].fill(0);
        Content::Pages(vec![Page { width: 10, height: 100, pixels }])
    };
    assert!(matches!(page(9, 3).likeness(&page(0, 0)), Likeness::Near(_)));
    assert!(matches!(page(0, 30).likeness(&page(0, 0)), Likeness::Different(_)));
}
