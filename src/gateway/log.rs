//! The only way in which a running gateway says something: a closed list of events.
//!
//! No event can carry anything of a request, and none is caused by a single tip: an event's fields
//! are numbers, kinds of failure, and what the publication folder says in public anyway. Lines go to
//! stderr without a time; who keeps them (a journal) adds its own. No subscriber of `log` or
//! `tracing` is ever installed, so that no dependency can speak either.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use crate::clock::Day;

/// Takes events. Cloning it gives another handle to the same log.
#[derive(Clone)]
pub struct Log(Arc<Sink>);

enum Sink {
    Stderr,
    Memory(Mutex<Vec<Event>>),
}

impl Log {
    /// One line per event on standard error.
    pub fn stderr() -> Self {
        Self(Arc::new(Sink::Stderr))
    }

    /// Keeps events for a test; see [`Log::events`].
    pub fn memory() -> Self {
        Self(Arc::new(Sink::Memory(Mutex::default())))
    }

    /// Says it. A log that cannot be written to is no reason to stop.
    pub fn write(&self, event: Event) {
        match &*self.0 {
            Sink::Stderr => drop(writeln!(io::stderr(), "{event}")),
            Sink::Memory(events) => {
                events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            }
        }
    }

    /// What a [`Log::memory`] has kept so far (nothing for the log on standard error).
    pub fn events(&self) -> Vec<Event> {
        match &*self.0 {
            Sink::Stderr => Vec::new(),
            Sink::Memory(events) => events.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// All that a gateway ever says while it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The gateway takes tips by this roster from now on.
    RosterTaken {
        /// The roster's version.
        version: u32,
    },
    /// The publication on disk was not taken; the last good one stays.
    RosterRefused(RosterRefusal),
    /// A reviewer's batch of sealing keys was not taken.
    BatchRefused {
        /// The batch's file name in the publication folder, without its ending.
        batch: String,
    },
    /// The roster lapses within thirty days. Said once a day.
    RosterLapsesSoon {
        /// The last day on which it holds.
        last_day: Day,
    },
    /// The roster has lapsed and the form is closed. Said once.
    RosterLapsed,
    /// The clock is behind what it, the roster or an envelope has shown before, and the form is
    /// closed. Said once.
    ClockBehind,
    /// A roster version, or an epoch, could not be remembered in the store; it is tried again.
    RosterNotRemembered,
    /// New connections are shown another certificate from now on.
    TlsKeyTaken {
        /// Whether an address in the roster names the key.
        in_roster: bool,
    },
    /// The TLS certificate and key on disk were not taken; the last good ones stay.
    TlsKeyRefused(TlsKeyRefusal),
    /// Notices of a round were not sent.
    NoticesFailed {
        /// Why the first that failed did so.
        why: MailFailure,
        /// How many were not sent.
        failed: usize,
        /// How many there were to send.
        of: usize,
    },
    /// Reviewers on the roster of whom the address book knows no mail address.
    NoticeAddressMissing {
        /// How many.
        reviewers: usize,
    },
    /// The address book could not be read; no notice was sent.
    AddressBookUnreadable,
    /// The store could not say whether something arrived.
    StoreFailed,
    /// What the store has found amiss since the day before, in its own words. Said once a day.
    StoreFound(String),
    /// The disk has no room for the day's turn. Said once a day.
    TurnPostponed,
    /// The day's turn failed. Said once a day.
    TurnFailed,
    /// What is due to go could not all be removed. Said once a day.
    SweepFailed,
    /// The store could not say, or take, which round of notices was held last.
    NoticeRoundUnknown,
    /// Nothing can be stored. Said when it begins, and when the reason is another one.
    StoreFault(StoreFault),
    /// Tips can be stored again.
    StoreWorks,
    /// How full the store is, when that is another step than was said last; once a day at most.
    StoreLevel(StoreLevel),
    /// Whether files are taken, when that has changed; once a day at most.
    StoreTakesFiles(bool),
    /// How many stored envelopes cannot be handed out, when that has changed; once a day at most.
    EnvelopesMissing {
        /// How many; 0 once all can be again.
        count: u64,
    },
}

/// Why nothing can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum StoreFault {
    /// A folder of it is missing.
    #[error("a folder of it is not there; mount its disk, or put the folder back")]
    Gone,
    /// Its file system is mounted read-only.
    #[error("its file system is read-only; check the disk, then mount it for writing")]
    ReadOnly,
    /// Not even the reserve is left.
    #[error("its disk has not a single byte left; remove what else lies on that disk")]
    NoByte,
    /// The gateway's user may not write there.
    #[error("it may not be written to; give its folder back to the gateway's user")]
    NotAllowed,
    /// Anything else that the system says.
    #[error("its disk fails; look into the system's log, and have a backup at hand")]
    Disk,
}

/// How full the store is, of all that quota and disk let it hold, in steps coarse enough that many
/// tips lie between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum StoreLevel {
    /// Less than 80 %.
    #[default]
    #[error("less than 80 % full again")]
    Below80,
    /// 80 % or more.
    #[error("80 % full or more; have tips fetched and deleted, free its disk or raise the quota")]
    Over80,
    /// 90 % or more.
    #[error("90 % full or more; have tips fetched and deleted, free its disk or raise the quota")]
    Over90,
    /// Not even a tip of words is taken.
    #[error(
        "full and takes no tip; have tips fetched and deleted, free its disk or raise the quota"
    )]
    Full,
}

/// Why a publication on disk was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum RosterRefusal {
    /// A file is missing, too large or not readable.
    #[error("the publication folder cannot be read; put the whole folder back")]
    Unreadable,
    /// The chain of signatures does not hold.
    #[error(
        "the chain from the pinned newsroom key does not hold; get the folder from the operator again"
    )]
    Forged,
    /// Older than one that has been seen.
    #[error("it is older than a roster that has been seen already; get the current folder")]
    Rollback,
    /// A version that has been seen now has other content.
    #[error(
        "it contradicts a roster that has been seen already; compare newsroom keys with the operator"
    )]
    Fork,
}

/// Why a TLS certificate and key on disk were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum TlsKeyRefusal {
    /// A file is missing, too large or not readable.
    #[error("a file cannot be read; put both there")]
    Unreadable,
    /// Others than the gateway's user can read the private key.
    #[error("others can read the key; run `chmod 600` on it")]
    Exposed,
    /// Not PEM, or not of the kind that belongs there.
    #[error("a file is not the PEM that belongs there; put both there whole")]
    Form,
    /// A kind of key that the gateway does not sign with.
    #[error("the key is of a kind that is not supported; use ECDSA P-256 or Ed25519")]
    Kind,
    /// Certificate and key are not a pair.
    #[error("the certificate is not that of the key; put both there")]
    NoPair,
}

/// Why a mail was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum MailFailure {
    /// Certificate, protocol version or handshake.
    #[error("no trusted TLS connection")]
    Tls,
    /// Nobody answered in time.
    #[error("no answer in time")]
    Timeout,
    /// The server said no, for good (5xx).
    #[error("refused by the mail server")]
    Refused,
    /// The server said: later (4xx).
    #[error("put off by the mail server")]
    PutOff,
    /// The connection could not be made or broke.
    #[error("no connection")]
    Connection,
    /// The password or certificate file could not be used.
    #[error("the password_file or ca_file cannot be used")]
    Files,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RosterTaken { version } => write!(f, "roster {version} is in force"),
            Self::RosterRefused(why) => write!(f, "the publication was not taken: {why}"),
            Self::BatchRefused { batch } => {
                write!(
                    f,
                    "keys/{batch:?} was not taken; have its reviewer visit the desk, or remove it"
                )
            }
            Self::RosterLapsesSoon { last_day } => {
                write!(f, "the roster lapses after {last_day}; sign the next one before")
            }
            Self::RosterLapsed => write!(f, "the roster has lapsed; the form is closed"),
            Self::ClockBehind => {
                write!(
                    f,
                    "the clock is behind what was seen before; the form is closed until it is set"
                )
            }
            Self::RosterNotRemembered => {
                write!(f, "the roster's version or the epoch could not be remembered in the store")
            }
            Self::TlsKeyTaken { in_roster: true } => {
                write!(f, "new connections see the new TLS certificate")
            }
            Self::TlsKeyTaken { in_roster: false } => write!(
                f,
                "new connections see the new TLS certificate, but no address in the roster names \
                 its key and reviewers' programs refuse it; run `sealpost-gateway check`"
            ),
            Self::TlsKeyRefused(why) => {
                write!(f, "the TLS certificate and key on disk were not taken: {why}")
            }
            Self::NoticesFailed { why, failed, of } => {
                write!(f, "{failed} of {of} notices were not sent ({why}); the next round follows")
            }
            Self::NoticeAddressMissing { reviewers } => {
                write!(f, "{reviewers} reviewers have no mail address and get no notice")
            }
            Self::AddressBookUnreadable => {
                write!(f, "the address book cannot be read; no notice was sent")
            }
            Self::StoreFailed => {
                write!(f, "the store cannot be listed; the notices say that something arrived")
            }
            Self::StoreFound(what) => write!(f, "store: {what}"),
            Self::TurnPostponed => write!(
                f,
                "the disk has no room to write the files of past days anew; free some, or they may \
                 tell in which order tips came; it is tried again every hour"
            ),
            Self::TurnFailed => write!(
                f,
                "the files of past days could not be written anew and may tell in which order tips \
                 came; run `sealpost-gateway verify`; it is tried again every hour"
            ),
            Self::SweepFailed => write!(
                f,
                "not all envelopes whose time is over could be removed; run `sealpost-gateway verify`; \
                 it is tried again every hour"
            ),
            Self::NoticeRoundUnknown => write!(
                f,
                "which notices were sent last is not remembered; after a start they may be sent \
                 again, or left out once"
            ),
            Self::StoreFault(why) => write!(f, "no tip can be stored: {why}"),
            Self::StoreWorks => write!(f, "tips can be stored again"),
            Self::StoreLevel(level) => write!(f, "the store is {level}"),
            Self::StoreTakesFiles(true) => write!(f, "files are taken again"),
            Self::StoreTakesFiles(false) => write!(
                f,
                "no files are taken, only words: store or spool have too little room; free their \
                 disk or raise the quota"
            ),
            Self::EnvelopesMissing { count: 0 } => {
                write!(f, "all stored envelopes can be handed out again")
            }
            Self::EnvelopesMissing { count } => write!(
                f,
                "{count} stored envelopes cannot be handed out; run `sealpost-gateway verify`, and \
                 restore them from a backup"
            ),
        }
    }
}

/// Makes a panic say where it happened and nothing else: its payload may hold what a source sent.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        drop(writeln!(io::stderr(), "a task stopped at {place}; please report this"));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let log = Log::memory();
        let events = [
            Event::RosterTaken { version: 3 },
            Event::RosterRefused(RosterRefusal::Fork),
            Event::TlsKeyTaken { in_roster: false },
            Event::TlsKeyRefused(TlsKeyRefusal::NoPair),
            Event::BatchRefused { batch: "mina\nforged line".into() },
            Event::NoticesFailed { why: MailFailure::Tls, failed: 1, of: 2 },
            Event::StoreFault(StoreFault::Gone),
            Event::StoreLevel(StoreLevel::Full),
            Event::StoreTakesFiles(false),
        ];
        for event in &events {
            assert!(!event.to_string().contains('\n'), "{event}");
            log.clone().write(event.clone());
        }
        assert_eq!(log.events(), events);
    }
}
