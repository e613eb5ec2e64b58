//! A tip before it is sealed.
//!
//! ```text
//! RawTip ──clean()──▶ CleanTip ──archive()──▶ TipArchive ──▶ seal::Envelope
//! ```
//!
//! Each is made only by consuming the one before, so that a file cannot be sealed without having
//! been cleaned. Nothing here touches a disk or a network, and no content is held in memory:
//! archives are streams, written by [`archive`] and read back, on a reviewer's machine, by
//! [`unpack`].

pub mod archive;
pub mod entry;
pub mod report;
pub mod size_class;
pub mod unpack;

mod id;
mod language;
pub(crate) mod ustar;

#[cfg(test)]
pub(crate) mod testing;

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

pub use archive::TipArchive;
pub use id::{NotAnId, TipId, TipNonce};
pub use language::{Language, NotALanguage};
pub use report::TipReport;
pub use size_class::SizeClass;

use crate::{
    clean::{self, CleanError, Limits, Refusal, Report},
    random::Entropy,
    secret::SecretText,
};
use entry::{EntryName, Extension, Ordinal};

/// A file's bytes as they arrived, seekable, encrypted wherever they lie (see `gateway::spool`).
pub trait Content: Read + Seek + Send {}
impl<T: Read + Seek + Send> Content for T {}

/// What becomes of files that cannot be cleaned: the source's choice, made before anything is
/// uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Uncleanable {
    /// They are not sent.
    #[default]
    LeaveOut,
    /// They are sent as they are, kept apart and marked.
    SendOriginal,
}

/// A tip as it came in.
pub struct RawTip {
    /// What the source wrote; may be empty.
    pub message: SecretText,
    /// The form's language.
    pub language: Language,
    /// The source's choice.
    pub uncleanable: Uncleanable,
    /// The files in the order in which they were sent, without their names.
    pub files: Vec<Box<dyn Content>>,
}

/// A tip whose files are cleaned, left out, or marked as originals.
pub struct CleanTip {
    message: SecretText,
    language: Language,
    fates: Vec<FileFate>,
    kept: Vec<Kept>,
}

/// A file that goes into the archive.
struct Kept {
    name: EntryName,
    /// Bytes that `body` must yield, no less and no more.
    size: u64,
    body: Body,
}

type Body = Box<dyn Read + Send>;

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FileFate {
    /// It was cleaned and is sent.
    Cleaned {
        /// Its name in the archive.
        name: String,
        /// What was found in it.
        report: Report,
    },
    /// It could not be cleaned and is not sent.
    LeftOut {
        /// Why.
        refusal: Refusal,
    },
    /// It could not be cleaned and is sent as it was, as the source chose.
    Original {
        /// Its name in the archive.
        name: String,
        /// Why it could not be cleaned.
        refusal: Refusal,
    },
}

/// Why a tip cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TipError {
    /// The message is blank and no file is kept.
    #[error("the tip has neither a message nor a file that could be sent")]
    Nothing {
        /// What became of each file that there was.
        fates: Vec<FileFate>,
    },
    /// The archive would be larger than the largest size class.
    #[error("the tip is larger than 4 GiB")]
    TooLarge,
    /// More files than an archive can name.
    #[error("the tip has more than {} files", Ordinal::MAX)]
    TooManyFiles,
    /// The content of a file could not be read.
    #[error("a file could not be read back")]
    Io(#[from] io::Error),
}

impl FileFate {
    /// The file's name in the archive, unless it was left out.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Cleaned { name, .. } | Self::Original { name, .. } => Some(name),
            Self::LeftOut { .. } => None,
        }
    }
}

/// The most bytes of one tip's cleaned documents, which are kept in memory until they are sealed. A document that would
/// make it more is refused as too large.
const MOST_HELD: u64 = 256 << 20;

impl RawTip {
    /// Whether there is a document among the files, which is cleaned in memory: whoever has many tips cleans such ones
    /// one after the other.
    ///
    /// # Errors
    /// If a content cannot be read.
    pub fn needs_memory(&mut self) -> io::Result<bool> {
        for content in &mut self.files {
            content.rewind()?;
            let kind = clean::kind_of(content)?;
            content.rewind()?;
            if kind.is_cleaned_in_memory() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Cleans every file. Nothing else is done with one: it is cleaned, left out or marked an
    /// original. A file without bytes is always left out.
    ///
    /// # Errors
    /// [`TipError::Nothing`] if nothing is left to send; [`TipError::Io`] if a content fails. A
    /// file that cannot be cleaned is no error but a [`FileFate`].
    pub fn clean(self, limits: &Limits) -> Result<CleanTip, TipError> {
        let mut held = 0;
        self.clean_by(|content| examine(content, limits, &mut held))
    }

    fn clean_by(
        self,
        mut examine: impl FnMut(Box<dyn Content>) -> io::Result<Examined>,
    ) -> Result<CleanTip, TipError> {
        let mut fates = Vec::with_capacity(self.files.len());
        let mut kept = Vec::with_capacity(self.files.len());
        for (index, content) in self.files.into_iter().enumerate() {
            let ordinal = Ordinal::new(index + 1).ok_or(TipError::TooManyFiles)?;
            let (fate, file) = match examine(content)? {
                Examined::Cleaned(cleaned) => send_cleaned(ordinal, cleaned),
                Examined::Refused { refusal, content } => match self.uncleanable {
                    Uncleanable::LeaveOut => (FileFate::LeftOut { refusal }, None),
                    Uncleanable::SendOriginal => send_original(ordinal, refusal, content)?,
                },
            };
            fates.push(fate);
            kept.extend(file);
        }
        if kept.is_empty() && self.message.expose().trim().is_empty() {
            return Err(TipError::Nothing { fates });
        }
        Ok(CleanTip { message: self.message, language: self.language, fates, kept })
    }
}

impl CleanTip {
    /// What became of each file, in the order sent: for the receipt and `tip.json`.
    pub fn fates(&self) -> &[FileFate] {
        &self.fates
    }

    /// Lays the tip out as a padded tar. Nothing is read from the files yet.
    ///
    /// # Errors
    /// [`TipError::TooLarge`] above the largest size class.
    pub fn archive(self, entropy: &dyn Entropy) -> Result<TipArchive, TipError> {
        TipArchive::lay_out(self, TipNonce::random(entropy))
    }
}

/// What the cleaner said about a content.
enum Examined {
    Cleaned(CleanedFile),
    Refused { refusal: Refusal, content: Box<dyn Content> },
}

struct CleanedFile {
    report: Report,
    extension: &'static str,
    size: u64,
    body: Body,
}

/// Cleans one file, after those whose documents take `held` bytes of memory already.
fn examine(mut content: Box<dyn Content>, limits: &Limits, held: &mut u64) -> io::Result<Examined> {
    content.rewind()?;
    let mut outcome = clean::clean(&mut content, limits);
    if let Ok(cleaned) = &outcome {
        let more = held.saturating_add(cleaned.held());
        if more > MOST_HELD {
            let kind = cleaned.report().kind;
            outcome = Err(Refusal::TooLarge { kind }.into());
        } else {
            *held = more;
        }
    }
    // a spool that is rewound frees its buffer: two hundred files wait without one each
    content.rewind()?;
    match outcome {
        Ok(cleaned) => Ok(Examined::Cleaned(CleanedFile {
            report: cleaned.report().clone(),
            extension: cleaned.report().kind.extension(),
            size: cleaned.len(),
            body: Box::new(cleaned.replay(content)),
        })),
        Err(CleanError::Refused(refusal)) => Ok(Examined::Refused { refusal, content }),
        Err(CleanError::Io(error)) => Err(error),
    }
}

fn send_cleaned(ordinal: Ordinal, cleaned: CleanedFile) -> (FileFate, Option<Kept>) {
    let CleanedFile { report, extension, size, body } = cleaned;
    let extension = Extension::new(extension).unwrap_or_default();
    let name = EntryName::File { ordinal, extension };
    let fate = FileFate::Cleaned { name: name.to_string(), report };
    (fate, Some(Kept { name, size, body }))
}

fn send_original(
    ordinal: Ordinal,
    refusal: Refusal,
    mut content: Box<dyn Content>,
) -> io::Result<(FileFate, Option<Kept>)> {
    let size = content.seek(SeekFrom::End(0))?;
    content.rewind()?;
    if size == 0 {
        return Ok((FileFate::LeftOut { refusal }, None));
    }
    let name = EntryName::Original { ordinal };
    let fate = FileFate::Original { name: name.to_string(), refusal };
    Ok((fate, Some(Kept { name, size, body: Box::new(content) })))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, io::Cursor};

    use super::{testing::Counting, *};
    use crate::clean::Kind;

    fn raw(message: &str, uncleanable: Uncleanable, files: &[&[u8]]) -> RawTip {
        let boxed = |bytes: &&[u8]| Box::new(Cursor::new(bytes.to_vec())) as Box<dyn Content>;
        let files = files.iter().map(boxed).collect();
        let message = SecretText::new(message.to_owned());
        RawTip { message, language: Language::Korean, uncleanable, files }
    }

    #[test]
    fn documents_are_kept_in_memory_up_to_a_limit() {
        let drawing: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><rect/></svg>";
        assert!(raw("", Uncleanable::LeaveOut, &[b"a text", drawing]).needs_memory().unwrap());
        assert!(!raw("", Uncleanable::LeaveOut, &[b"a text"]).needs_memory().unwrap());

        let examine = |held: &mut u64| {
            examine(Box::new(Cursor::new(drawing.to_vec())), &Limits::default(), held).unwrap()
        };
        let mut held = 0;
        assert!(matches!(examine(&mut held), Examined::Cleaned(_)));
        assert!(held > 0);
        held = MOST_HELD;
        let refusal = Refusal::TooLarge { kind: Kind::Svg };
        assert!(matches!(examine(&mut held), Examined::Refused { refusal: r, .. } if r == refusal));
        assert_eq!(held, MOST_HELD);
    }

    /// A cleaner that refuses what begins with `x`, and leaves the content's position anywhere.
    fn stand_in(mut content: Box<dyn Content>) -> io::Result<Examined> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        if bytes.is_empty() || bytes.starts_with(b"x") {
            return Ok(Examined::Refused { refusal: Refusal::Ambiguous, content });
        }
        if bytes.starts_with(b"fail") {
            return Err(io::Error::other("the disk is gone"));
        }
        let (found, remains) = (BTreeSet::new(), BTreeSet::new());
        let report = Report { kind: Kind::Jpeg, found, remains };
        let body = Box::new(Cursor::new(bytes.to_ascii_uppercase()));
        let size = bytes.len() as u64;
        Ok(Examined::Cleaned(CleanedFile { report, extension: "jpg", size, body }))
    }

    fn names(fates: &[FileFate]) -> Vec<Option<&str>> {
        fates.iter().map(FileFate::name).collect()
    }

    #[test]
    fn each_file_has_a_fate_and_its_place_in_its_name() {
        let files: &[&[u8]] = &[b"one", b"x two", b"", b"four"];
        let tip = raw("", Uncleanable::LeaveOut, files).clean_by(stand_in).unwrap();
        assert_eq!(names(tip.fates()), [Some("files/01.jpg"), None, None, Some("files/04.jpg")]);
        let tip = raw("", Uncleanable::SendOriginal, files).clean_by(stand_in).unwrap();
        let with_original =
            [Some("files/01.jpg"), Some("originals/02.bin"), None, Some("files/04.jpg")];
        assert_eq!(names(tip.fates()), with_original);

        let mut unpack = unpack::Unpack::open(tip.archive(&Counting::new()).unwrap()).unwrap();
        let mut contents = Vec::new();
        while let Some(mut entry) = unpack.next_entry().unwrap() {
            if *entry.name() != EntryName::Report {
                contents.push(String::new());
                entry.read_to_string(contents.last_mut().unwrap()).unwrap();
            }
        }
        assert_eq!(contents, ["", "ONE", "FOUR", "x two"]);
    }

    #[test]
    fn a_tip_of_which_nothing_is_left_is_told_apart() {
        for (message, uncleanable, file, is_nothing) in [
            ("", Uncleanable::LeaveOut, &b"x"[..], true),
            (" \n\u{3000}\t", Uncleanable::LeaveOut, b"x", true),
            ("", Uncleanable::SendOriginal, b"", true),
            ("", Uncleanable::SendOriginal, b"x", false),
            (" .", Uncleanable::LeaveOut, b"x", false),
            ("", Uncleanable::LeaveOut, b"good", false),
        ] {
            match raw(message, uncleanable, &[file]).clean_by(stand_in) {
                Err(TipError::Nothing { fates }) => {
                    assert!(is_nothing, "{message:?}");
                    assert_eq!(fates, [FileFate::LeftOut { refusal: Refusal::Ambiguous }]);
                }
                Err(error) => panic!("{error}"),
                Ok(_) => assert!(!is_nothing, "{message:?}"),
            }
        }
        assert!(matches!(
            raw("", Uncleanable::LeaveOut, &[]).clean_by(stand_in),
            Err(TipError::Nothing { .. })
        ));
    }

    #[test]
    fn a_content_that_fails_is_an_error_and_not_a_fate() {
        let tip = raw("message", Uncleanable::SendOriginal, &[b"fail"]);
        assert!(matches!(tip.clean_by(stand_in), Err(TipError::Io(_))));
    }

    #[test]
    fn an_archive_names_no_thousandth_file() {
        let with = |count| raw("message", Uncleanable::LeaveOut, &vec![&b"x"[..]; count]);
        assert!(with(999).clean_by(stand_in).is_ok());
        assert!(matches!(with(1000).clean_by(stand_in), Err(TipError::TooManyFiles)));
    }
}
