//! The archive that is sealed: a tar whose length is that of a size class, and whose headers tell
//! nothing.
//!
//! ```text
//! tip.json        what was done with each file
//! message.txt     what the source wrote; there even if it is empty
//! files/01.jpg    the cleaned files, in the order sent
//! originals/02.bin   files sent as they were
//! two zero blocks, which end a tar
//! zero bytes up to the size class
//! ```
//!
//! Any `tar` unpacks it.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use super::{
    Body, CleanTip, Kept, SizeClass, TipError, TipNonce, TipReport,
    entry::EntryName,
    ustar::{self, BLOCK},
};
use crate::secret::SecretText;

/// Bytes of the two zero blocks that end a tar (POSIX pax, "ustar Interchange Format").
pub(super) const END: u64 = 2 * BLOCK as u64;

/// A padded tar, read once from front to back; exactly `class().bytes()` bytes.
///
/// Contents are read as they are needed and dropped when they have been. One that yields less or
/// more than was planned, or fails, is an error of this and of every later read: an archive is
/// whole or not there.
pub struct TipArchive {
    class: SizeClass,
    has_files: bool,
    /// What is still to be read, never an empty segment.
    segments: VecDeque<Segment>,
}

enum Segment {
    Header { block: Box<[u8; BLOCK]>, at: usize },
    Body { body: Body, left: u64 },
    Zeros { left: u64 },
    Broken,
}

impl TipArchive {
    pub(super) fn lay_out(tip: CleanTip, nonce: TipNonce) -> Result<Self, TipError> {
        let CleanTip { message, language, fates, kept } = tip;
        let has_files = !kept.is_empty();
        let report = TipReport::new(nonce, language, fates);
        let json = report.to_json().map_err(io::Error::from)?;
        let (files, originals): (Vec<Kept>, Vec<Kept>) =
            kept.into_iter().partition(|kept| matches!(kept.name, EntryName::File { .. }));

        let mut layout = Layout { segments: VecDeque::new(), len: 0 };
        layout.add(EntryName::Report, json.len() as u64, Box::new(io::Cursor::new(json)))?;
        let size = message.expose().len() as u64;
        layout.add(EntryName::Message, size, Box::new(Message { text: message, at: 0 }))?;
        for Kept { name, size, body } in files.into_iter().chain(originals) {
            layout.add(name, size, body)?;
        }
        layout.pad(has_files)
    }

    /// The size class, which is all that can be seen of the archive once it is sealed.
    pub fn class(&self) -> SizeClass {
        self.class
    }

    /// True if there is a file in it beside the message. Known in memory until it is sealed, and
    /// told by nothing that is stored.
    pub fn has_files(&self) -> bool {
        self.has_files
    }
}

struct Layout {
    segments: VecDeque<Segment>,
    len: u64,
}

impl Layout {
    fn add(&mut self, name: EntryName, size: u64, body: Body) -> Result<(), TipError> {
        let block = ustar::header(&name, size).ok_or(TipError::TooLarge)?;
        let padding = ustar::padding(size);
        self.segments.push_back(Segment::Header { block: Box::new(block), at: 0 });
        // an empty body too: it must be seen to be empty
        self.segments.push_back(Segment::Body { body, left: size });
        if padding > 0 {
            self.segments.push_back(Segment::Zeros { left: padding });
        }
        // no overflow: 999 files of 8 GiB at most
        self.len += BLOCK as u64 + size + padding;
        Ok(())
    }

    fn pad(mut self, has_files: bool) -> Result<TipArchive, TipError> {
        let class = SizeClass::for_len(self.len + END).ok_or(TipError::TooLarge)?;
        self.segments.push_back(Segment::Zeros { left: class.bytes() - self.len });
        Ok(TipArchive { class, has_files, segments: self.segments })
    }
}

impl Read for TipArchive {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        while let Some(segment) = self.segments.front_mut() {
            match segment.read(buf) {
                Ok(0) => drop(self.segments.pop_front()),
                Ok(n) => return Ok(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => {
                    self.segments.clear();
                    self.segments.push_back(Segment::Broken);
                    return Err(error);
                }
            }
        }
        Ok(0)
    }
}

impl Segment {
    /// Reads some bytes of this segment; `Ok(0)` only once it is complete.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Header { block, at } => {
                let n = (&block[*at..]).read(buf)?;
                *at += n;
                Ok(n)
            }
            Self::Body { body, left: 0 } => match body.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(changed("a file of the tip is longer than it was when it was cleaned")),
            },
            Self::Body { body, left } => match body.read(at_most(buf, *left))? {
                0 => Err(changed("a file of the tip is shorter than it was when it was cleaned")),
                n => {
                    *left -= n as u64;
                    Ok(n)
                }
            },
            Self::Zeros { left } => {
                let zeros = at_most(buf, *left);
                zeros.fill(0);
                *left -= zeros.len() as u64;
                Ok(zeros.len())
            }
            Self::Broken => Err(changed("the tip could not be read to its end")),
        }
    }
}

/// The part of `buf` that `left` bytes can fill.
pub(super) fn at_most(buf: &mut [u8], left: u64) -> &mut [u8] {
    let n = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
    &mut buf[..n]
}

fn changed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The message as a stream; wiped when it is dropped, which is as soon as it has been read.
struct Message {
    text: SecretText,
    at: usize,
}

impl Read for Message {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.text.expose().as_bytes().get(self.at..).unwrap_or_default().read(buf)?;
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use proptest::prelude::*;

    use super::*;
    use crate::tip::testing::{Counting, Sample, any_sample, clean_tip, read_all};

    fn samples() -> Vec<Sample> {
        vec![
            Sample::Original(b"as it was".to_vec()),
            Sample::Cleaned(vec![7; 70_000], "jpg".to_owned()),
            Sample::LeftOut,
            Sample::Cleaned(Vec::new(), "txt".to_owned()),
        ]
    }

    #[test]
    fn gnu_tar_lists_and_unpacks_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tip.tar");
        let archive = clean_tip("소식", &samples()).archive(&Counting::new()).unwrap();
        fs::write(&file, read_all(archive)).unwrap();
        let tar = |flags: &str| {
            let mut tar = Command::new("tar");
            tar.env("TZ", "UTC").env("LC_ALL", "C").current_dir(folder.path());
            let output = tar.args(["--numeric-owner", flags, "tip.tar"]).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };

        let lines: Vec<String> = tar("-tvf").lines().map(str::to_owned).collect();
        let names = ["tip.json", "message.txt", "files/02.jpg", "files/04.txt", "originals/01.bin"];
        assert_eq!(lines.len(), names.len());
        for (line, name) in lines.iter().zip(names) {
            assert!(line.starts_with("-rw------- 0/0 "), "{line}");
            assert!(line.ends_with(&format!(" 1970-01-01 00:00 {name}")), "{line}");
        }

        tar("-xf");
        let content = |name: &str| fs::read(folder.path().join(name)).unwrap();
        assert_eq!(content("message.txt"), "소식".as_bytes());
        assert_eq!(content("files/02.jpg"), vec![7; 70_000]);
        assert_eq!(content("files/04.txt"), b"");
        assert_eq!(content("originals/01.bin"), b"as it was");
        assert!(content("tip.json").starts_with(b"{\"format\":2,\"nonce\":\"01010101"));
    }

    #[test]
    fn its_length_is_that_of_its_class_at_each_edge() {
        for class in SizeClass::all().take(6) {
            for over in [0, 1] {
                let sized = |bytes: u64| {
                    let file = vec![1; usize::try_from(bytes).unwrap()];
                    let files = [Sample::Cleaned(file, "jpg".to_owned())];
                    clean_tip("", &files).archive(&Counting::new()).unwrap()
                };
                // headers of three entries, tip.json in one block, and the end
                let contents = class.bytes() - 4 * 512 - END + over;
                let archive = sized(contents);
                let chosen = archive.class();
                assert_eq!(u64::from(chosen.index()), u64::from(class.index()) + over);
                assert_eq!(read_all(archive).len() as u64, chosen.bytes());
            }
        }
    }

    fn with_body(size: u64, body: Body) -> Result<TipArchive, TipError> {
        let mut tip = clean_tip("", &[Sample::Cleaned(Vec::new(), "jpg".to_owned())]);
        tip.kept[0].size = size;
        tip.kept[0].body = body;
        tip.archive(&Counting::new())
    }

    #[test]
    fn more_than_four_gibibytes_are_refused() {
        let largest = SizeClass::all().last().unwrap();
        let most = largest.bytes() - 4 * 512 - END;
        assert_eq!(with_body(most, Box::new(io::empty())).unwrap().class(), largest);
        for size in [most + 1, 1 << 33, u64::MAX] {
            let refused = with_body(size, Box::new(io::empty()));
            assert!(matches!(refused, Err(TipError::TooLarge)), "{size}");
        }
    }

    #[test]
    fn a_content_that_changed_breaks_the_archive_for_good() {
        let shorter = || Box::new(io::repeat(1).take(999));
        let longer = || Box::new(io::repeat(1).take(1001));
        for body in [shorter() as Body, longer(), Box::new(Failing)] {
            let mut archive = with_body(1000, body).unwrap();
            let mut bytes = Vec::new();
            let error = archive.read_to_end(&mut bytes).unwrap_err();
            assert!(bytes.len() < 4 * 512 + 1001, "{error}");
            for _ in 0..3 {
                assert!(archive.read(&mut [0; 64]).is_err());
            }
        }
    }

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }

    #[test]
    fn an_interruption_breaks_nothing() {
        struct Interrupted(bool);
        impl Read for Interrupted {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.0 = !self.0;
                if self.0 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(buf.len().min(1)) }
            }
        }
        let mut archive = with_body(10, Box::new(Interrupted(false).take(10))).unwrap();
        let mut bytes = Vec::new();
        assert!(archive.read_to_end(&mut bytes).is_ok());
        assert_eq!(bytes.len() as u64, archive.class().bytes());
    }

    #[test]
    fn it_is_sent_between_threads() {
        fn is_send<T: Send>() {}
        is_send::<TipArchive>();
    }

    proptest! {
        #[test]
        fn it_is_the_same_however_it_is_read(
            message in ".{0,400}",
            samples in prop::collection::vec(any_sample(), 0..5),
            pieces in prop::collection::vec(1usize..3000, 1..20),
        ) {
            let archive = || clean_tip(&message, &samples).archive(&Counting::new()).unwrap();
            let whole = read_all(archive());
            prop_assert_eq!(whole.len() as u64, archive().class().bytes());
            let (mut archive, mut at) = (archive(), 0);
            for piece in pieces.iter().cycle() {
                let mut buf = vec![0xff; *piece];
                let n = archive.read(&mut buf).unwrap();
                prop_assert_eq!(&buf[..n], &whole[at..at + n]);
                at += n;
                if n == 0 {
                    break;
                }
            }
            prop_assert_eq!(at, whole.len());
        }
    }
}
