//! Everything that can keep a tip from being taken, and what a source is told then.

use hyper::StatusCode;

use crate::{
    gateway::{roster::Closed, store::StoreError},
    tip::{FileFate, TipError},
};

/// Why there is no form, or no receipt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// There is no such page.
    NoSuchPage,
    /// The page is there, but not for this method.
    NoSuchMethod,
    /// The form is closed for everybody.
    Closed(Closed),
    /// The store takes no tip now.
    NoRoom,
    /// The store, or the spool, takes no such files now, but words.
    NoRoomForFiles,
    /// Too many uploads at once.
    Busy,
    /// Not sent by the form.
    NotTheForm,
    /// Sent as the form, and not as a form is made.
    Malformed,
    /// The body ended before its end.
    CutOff,
    /// No byte for too long.
    Stalled,
    /// Too few bytes for too long.
    TooSlow,
    /// More bytes than configured.
    TooLarge,
    /// A message longer than configured.
    MessageTooLong,
    /// More files than configured.
    TooManyFiles,
    /// Neither message nor file was sent.
    Empty,
    /// No message, and every file was left out.
    NothingLeft(Vec<FileFate>),
    /// The gateway's own fault; the tip is not stored.
    Failed,
}

/// All problems, for tests that each has its texts.
#[cfg(test)]
pub(crate) fn all() -> Vec<Problem> {
    let closed = [Closed::Lapsed, Closed::NoKeys, Closed::Clock].map(Problem::Closed);
    let rest = [
        Problem::NoSuchPage,
        Problem::NoSuchMethod,
        Problem::NoRoom,
        Problem::NoRoomForFiles,
        Problem::Busy,
        Problem::NotTheForm,
        Problem::Malformed,
        Problem::CutOff,
        Problem::Stalled,
        Problem::TooSlow,
        Problem::TooLarge,
        Problem::MessageTooLong,
        Problem::TooManyFiles,
        Problem::Empty,
        Problem::NothingLeft(Vec::new()),
        Problem::Failed,
    ];
    closed.into_iter().chain(rest).collect()
}

impl Problem {
    /// The status of the response, and the name of the texts: `problem-<name>-title` and
    /// `problem-<name>-text` in every language.
    pub(crate) fn told_as(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchPage => (StatusCode::NOT_FOUND, "no-such-page"),
            Self::NoSuchMethod => (StatusCode::METHOD_NOT_ALLOWED, "no-such-method"),
            // one page for all reasons: the difference helps only those who watch the newsroom
            Self::Closed(Closed::Lapsed | Closed::NoKeys | Closed::Clock) => {
                (StatusCode::SERVICE_UNAVAILABLE, "closed")
            }
            Self::NoRoom => (StatusCode::INSUFFICIENT_STORAGE, "no-room"),
            Self::NoRoomForFiles => (StatusCode::INSUFFICIENT_STORAGE, "no-room-for-files"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::NotTheForm => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-the-form"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed"),
            Self::CutOff => (StatusCode::BAD_REQUEST, "cut-off"),
            Self::Stalled | Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too-slow"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Self::MessageTooLong => (StatusCode::PAYLOAD_TOO_LARGE, "message-too-long"),
            Self::TooManyFiles => (StatusCode::PAYLOAD_TOO_LARGE, "too-many-files"),
            Self::Empty => (StatusCode::UNPROCESSABLE_ENTITY, "empty"),
            Self::NothingLeft(_) => (StatusCode::UNPROCESSABLE_ENTITY, "nothing-left"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        }
    }
}

impl From<TipError> for Problem {
    fn from(error: TipError) -> Self {
        match error {
            TipError::Nothing { fates } if fates.is_empty() => Self::Empty,
            TipError::Nothing { fates } => Self::NothingLeft(fates),
            TipError::TooLarge => Self::TooLarge,
            TipError::TooManyFiles => Self::TooManyFiles,
            TipError::Io(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::NoRoom,
            StoreError::Io(error) => error.into(),
            // nothing that a source could do anything about
            _ => Self::Failed,
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            // the spool's disk: the store has an error of its own for this
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::NoRoomForFiles
            }
            _ => Self::Failed,
        }
    }
}
