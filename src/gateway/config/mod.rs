//! The gateway's configuration, parsed: what is in a [`Config`] needs no second look at its form.
//! Whether files exist, and whether they are private, is [`super::check`]'s question.
//!
//! The keys, their units and their defaults are told in `config/gateway.toml`.

mod file;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

pub use file::ConfigError;

use super::{notice::Period, space::Space, store::Options};
use crate::{clock::EpochLength, roster::NewsroomId};

/// All that an operator decides. Paths are absolute or relative to the working folder; in the file
/// they are relative to it.
#[derive(Clone)]
pub struct Config {
    /// The file it was read from, for messages.
    pub file: PathBuf,
    /// At least one, and at least one that serves tips.
    pub listeners: Vec<Listener>,
    /// The publication folder.
    pub publication: PathBuf,
    /// The pinned newsroom.
    pub newsroom: NewsroomId,
    /// The private address book; needed for notices only.
    pub addresses: Option<PathBuf>,
    /// The store's folder.
    pub store: PathBuf,
    /// Bytes the store may take. Default: what the file system has.
    pub quota_bytes: Option<u64>,
    /// How long envelopes are kept.
    pub keep: Keep,
    /// Bytes that are left free on the store's disk. Default: a twentieth of it, at most 8 GiB.
    pub reserve_bytes: Option<u64>,
    /// The folder on whose file system unlinked spool files are made.
    pub spool: PathBuf,
    /// Present if any listener is of kind TLS.
    pub tls: Option<Tls>,
    /// What the form takes.
    pub limits: Limits,
    /// Mails to the reviewers. Default: none are sent.
    pub notice: Option<Notice>,
    /// A week, but in tests and the demo.
    pub epoch: EpochLength,
}

impl Config {
    /// Reads and parses a configuration file.
    ///
    /// # Errors
    /// One sentence that names the file, the key and what to change.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        file::load(path)
    }

    /// What the store may use.
    ///
    /// # Errors
    /// If the disk of its folder cannot be asked how large it is.
    pub fn store_options(&self) -> io::Result<Options> {
        let usual = || Space::of(&self.store).map(|disk| disk.usual_reserve());
        Ok(Options {
            quota_bytes: self.quota_bytes.unwrap_or(u64::MAX),
            reserve_bytes: self.reserve_bytes.map_or_else(usual, Ok)?,
        })
    }

    /// Parses a configuration's text; relative paths are taken from `path`'s folder.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        file::parse(text, path)
    }
}

/// How long envelopes are kept if no reviewer deletes them. Default: until one does.
///
/// Both are counted in whole days; each envelope goes on the day after them or, by its random id,
/// a day later. An envelope that goes by age goes **whether or not anybody has fetched it**: what
/// the reviewers have not fetched by then is lost to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Days after the day it came in, fetched or not. At most 36,500.
    pub days: Option<u32>,
    /// Days after the day on which the last active reviewer's program had fetched it. At most
    /// 36,500.
    pub days_after_fetched: Option<u32>,
}

/// Where the gateway listens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// How one connects.
    pub kind: ListenerKind,
    /// What is found there: tips and desk never share a listener.
    pub serves: Serves,
}

/// How one connects to a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// TLS 1.3 over TCP; port 0 lets the system choose.
    Tls {
        /// Where to bind.
        address: SocketAddr,
    },
    /// A unix socket for a local tor daemon, which sends one PROXY line per stream.
    Unix {
        /// Where the socket is made.
        path: PathBuf,
    },
}

impl ListenerKind {
    /// True if only this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tls { address } => address.ip().is_loopback(),
            Self::Unix { .. } => true,
        }
    }
}

/// What a listener serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Serves {
    /// The form for sources.
    Tips,
    /// The reviewers' programs.
    Desk,
}

/// The gateway's own certificate and key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, followed by those it is signed by.
    pub certificate: PathBuf,
    /// The private key, PKCS #8; readable by the gateway alone.
    pub key: PathBuf,
}

/// What the form takes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Files in one tip. Default 200, at most 1,000.
    pub max_files: usize,
    /// Bytes of a whole request. Default 2 GiB, at most 4 GiB − 1 MiB.
    pub max_tip_bytes: u64,
    /// Bytes of a message. Default 256 KiB, at most 4 MiB.
    pub max_message_bytes: usize,
    /// The slowest upload that is borne, judged after `grace_seconds`. Default 512.
    pub min_bytes_per_second: u64,
    /// How long an upload may be slow at first. Default 30.
    pub grace_seconds: u32,
    /// How long an upload may bring no byte at all. Default 60.
    pub stall_seconds: u32,
    /// Connections at once, over all listeners. Default 256.
    pub max_connections: usize,
    /// Uploads at once. Default 16.
    pub max_uploads: usize,
    /// The cleaner's own limits.
    pub clean: crate::clean::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_files: 200,
            max_tip_bytes: 2 << 30,
            max_message_bytes: 256 << 10,
            min_bytes_per_second: 512,
            grace_seconds: 30,
            stall_seconds: 60,
            max_connections: 256,
            max_uploads: 16,
            clean: crate::clean::Limits::default(),
        }
    }
}

/// Mails that say nothing, on a fixed schedule.
#[derive(Clone, Debug)]
pub struct Notice {
    /// When.
    pub period: Period,
    /// The sender's address.
    pub from: lettre::Address,
    /// The mail server that takes them.
    pub smtp: Smtp,
}

/// A mail server, always over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Name or IP address; its certificate must be for this name.
    pub host: String,
    /// Usually 465 (implicit) or 587 (starttls).
    pub port: u16,
    /// How TLS begins. There is no way without it.
    pub tls: SmtpTls,
    /// Default: no login.
    pub login: Option<SmtpLogin>,
    /// A PEM certificate to trust instead of the system's. Default: the system's.
    pub ca_file: Option<PathBuf>,
}

/// How TLS begins on a connection to a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// With the first byte (RFC 8314).
    Implicit,
    /// After `STARTTLS` (RFC 3207), which is required.
    StartTls,
}

/// A name and where its password lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpLogin {
    /// The name.
    pub username: String,
    /// A file of one line, readable by the gateway alone.
    pub password_file: PathBuf,
}
