//! What is told about a file: kinds of metadata, never their values, so that a report itself identifies nobody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Kind;

/// What was found and done with one file. All that was found has been removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The file's kind, told from its bytes.
    pub kind: Kind,
    /// Kinds of metadata that were found, and removed.
    pub found: BTreeSet<Found>,
    /// What stays because it is the content itself.
    pub remains: BTreeSet<Remains>,
}

/// A kind of metadata that was found (never its value).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Where a picture was taken.
    Location,
    /// Make, model, serial numbers, a maker's own notes.
    Device,
    /// When something was made or changed.
    Time,
    /// Names of people: author, owner, copyright.
    Person,
    /// Programs that made or changed the file.
    Software,
    /// Titles, descriptions, comments.
    Comment,
    /// A smaller copy of the picture, perhaps from before it was cropped.
    Preview,
    /// Colour profiles and colour spaces, which tell devices apart.
    ColourProfile,
    /// Bytes after the file's end, such as a second picture or a motion photo's video.
    Trailing,
    /// Numbers that are given to one document, one editing session or one copy of a program.
    Identifier,
    /// What was there before: tracked changes, deleted text, earlier revisions, undo states.
    History,
    /// Sensor readings beside a film: speed, movement, position over time.
    Telemetry,
    /// Files inside the file that were left behind.
    Attachment,
    /// Scripts, forms, and links that call somewhere when the file is opened.
    Active,
    /// Anything else that the content does not need: private parts, unknown parts, unused space.
    Other,
}

/// What remains in a cleaned file of its kind and cannot be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remains {
    /// A sensor's noise and a camera's way of compressing, which can tie pictures of one camera together.
    SensorNoise,
    /// What the picture shows: faces, places, reflections, watermarks, printer dots.
    Picture,
    /// What the text says and how it is worded; also invisible characters.
    Wording,
    /// What is heard: voices, places in the background, the hum of the mains, a microphone's own sound.
    Sound,
    /// How a document is laid out: its fonts and styles, and marks that a printer or scanner left on its pages.
    Layout,
}

/// Why a file is refused. The texts are for logs and terminals; pages translate by [`Refusal::key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "why", deny_unknown_fields)]
#[non_exhaustive]
pub enum Refusal {
    /// The kind is known, or not even that, and nobody here can clean it.
    #[error("{kind} cannot be cleaned; take a screenshot of what it shows and send that")]
    Unsupported {
        /// What the file is.
        kind: Kind,
    },
    /// The file is broken before its content begins, or its content is not whole.
    #[error(
        "this {kind} is damaged; open it, save it again as a new file, or send a screenshot of it"
    )]
    Damaged {
        /// What the file is.
        kind: Kind,
    },
    /// The file is above a limit of [`Limits`](super::Limits).
    #[error("this {kind} is too large to be cleaned; make it smaller and send that")]
    TooLarge {
        /// What the file is.
        kind: Kind,
    },
    /// The file opens only with a password, or is locked to a buyer.
    #[error(
        "this {kind} is locked with a password; save it without one, or send screenshots of it"
    )]
    Encrypted {
        /// What the file is.
        kind: Kind,
    },
    /// The file holds programs that run when it is opened.
    #[error("this {kind} holds macros; save it in the format without macros, or as a PDF")]
    Macros {
        /// What the file is.
        kind: Kind,
    },
    /// A file within the file cannot be cleaned.
    #[error("this {kind} holds a {inner} that cannot be cleaned; take it out, or send screenshots")]
    Inside {
        /// What the whole file is.
        kind: Kind,
        /// What in it cannot be cleaned.
        inner: Kind,
    },
    /// Text in an encoding that is not known for certain.
    #[error("this text is not in UTF-8; save it as UTF-8, or paste it into the message")]
    Encoding,
    /// The file begins as one kind and goes on as another.
    #[error("this file is of two kinds at once; take a screenshot of what it shows and send that")]
    Ambiguous,
    /// There is not one byte.
    #[error("this file is empty; choose it again")]
    Empty,
}

impl Refusal {
    /// A name that never changes, for translations: `unsupported`, `damaged`, `too-large`, `encrypted`, `macros`,
    /// `inside`, `encoding`, `ambiguous`, `empty`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "unsupported",
            Self::Damaged { .. } => "damaged",
            Self::TooLarge { .. } => "too-large",
            Self::Encrypted { .. } => "encrypted",
            Self::Macros { .. } => "macros",
            Self::Inside { .. } => "inside",
            Self::Encoding => "encoding",
            Self::Ambiguous => "ambiguous",
            Self::Empty => "empty",
        }
    }

    /// The refused file's kind; [`Kind::Unknown`] where none can be said.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Unsupported { kind }
            | Self::Damaged { kind }
            | Self::TooLarge { kind }
            | Self::Encrypted { kind }
            | Self::Macros { kind }
            | Self::Inside { kind, .. } => *kind,
            Self::Encoding => Kind::Text,
            Self::Ambiguous | Self::Empty => Kind::Unknown,
        }
    }
}

/// Why [`clean`](super::clean) gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The file cannot be cleaned with certainty.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_stable() {
        let report = Report {
            kind: Kind::Jpeg,
            found: [Found::ColourProfile, Found::Location].into(),
            remains: [Remains::SensorNoise].into(),
        };
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            r#"{"kind":"jpeg","found":["location","colour-profile"],"remains":["sensor-noise"]}"#
        );
        for refusal in [
            Refusal::Unsupported { kind: Kind::Heic },
            Refusal::Damaged { kind: Kind::Png },
            Refusal::TooLarge { kind: Kind::Png },
            Refusal::Encrypted { kind: Kind::Pdf },
            Refusal::Macros { kind: Kind::Docx },
            Refusal::Inside { kind: Kind::Zip, inner: Kind::Rar },
            Refusal::Encoding,
            Refusal::Ambiguous,
            Refusal::Empty,
        ] {
            let json = serde_json::to_value(refusal).unwrap();
            assert_eq!(json["why"], refusal.key());
            assert_eq!(serde_json::from_value::<Refusal>(json).unwrap(), refusal);
        }
    }
}
