//! The configuration as it is written, and its one way into a [`Config`].

use std::{
    collections::HashSet,
    fmt, io,
    net::SocketAddr,
    num::NonZeroU32,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    Config, Keep, Limits, Listener, ListenerKind, Notice, Serves, Smtp, SmtpLogin, SmtpTls, Tls,
};
use crate::{clock::EpochLength, disk, gateway::notice::Period, roster::NewsroomId};

/// A longer file is none of ours.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Why a configuration was not taken: a sentence with the file, the place and what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or cannot be read.
    #[error("{}: {}", .file.display(), unreadable(.why))]
    Unreadable {
        /// The configuration file.
        file: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The text is no TOML, or has a key or type that is not known.
    #[error("{}, line {line}: {what}", .file.display())]
    Form {
        /// The configuration file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What was found and expected.
        what: String,
    },
    /// A key has a value that cannot be.
    #[error("{}: `{key}` {what}", .file.display())]
    Value {
        /// The configuration file.
        file: PathBuf,
        /// The key, with the table it is in.
        key: &'static str,
        /// What to change.
        what: String,
    },
}

fn unreadable(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file; make one with `sealpost-gateway init`".into()
        }
        io::ErrorKind::InvalidData => "is too large or not UTF-8 text".into(),
        _ => format!("cannot be read ({why}); check its owner and mode"),
    }
}

pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let unreadable = |why| ConfigError::Unreadable { file: path.into(), why };
    let bytes = disk::read_limited(path, MAX_FILE_BYTES).map_err(unreadable)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| unreadable(io::Error::from(io::ErrorKind::InvalidData)))?;
    parse(&text, path)
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    let file: ConfigFile = toml::from_str(text).map_err(|e| ConfigError::Form {
        file: path.into(),
        line: e.span().map_or(1, |span| line_of(text, span.start)),
        what: e.message().replace('\n', " "),
    })?;
    let parser = Parser { file: path, folder: path.parent().unwrap_or(Path::new("")) };
    file.parse(&parser)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|b| *b == b'\n').count()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    publication: PathBuf,
    newsroom_key: String,
    addresses: Option<PathBuf>,
    spool: PathBuf,
    epoch_seconds: Option<u32>,
    store: StoreTable,
    tls: Option<TlsTable>,
    #[serde(default)]
    listener: Vec<ListenerTable>,
    #[serde(default)]
    limits: LimitsTable,
    notice: Option<NoticeTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    path: PathBuf,
    quota_bytes: Option<u64>,
    keep_days: Option<u64>,
    keep_days_after_fetched: Option<u64>,
    reserve_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenerTable {
    kind: KindWord,
    address: Option<String>,
    path: Option<PathBuf>,
    serves: ServesWord,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    Tls,
    Unix,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ServesWord {
    Tips,
    Desk,
    Explain,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    max_files: Option<u64>,
    max_tip_bytes: Option<u64>,
    max_message_bytes: Option<u64>,
    min_bytes_per_second: Option<u64>,
    grace_seconds: Option<u64>,
    stall_seconds: Option<u64>,
    max_connections: Option<u64>,
    max_uploads: Option<u64>,
    max_document_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeTable {
    period: Option<String>,
    period_seconds: Option<u32>,
    from: String,
    smtp: SmtpTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SmtpTable {
    host: String,
    port: u16,
    tls: SmtpTlsWord,
    username: Option<String>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SmtpTlsWord {
    Implicit,
    Starttls,
}

/// Knows the file, so that every error can name it.
struct Parser<'a> {
    file: &'a Path,
    folder: &'a Path,
}

impl Parser<'_> {
    fn wrong(&self, key: &'static str, what: impl fmt::Display) -> ConfigError {
        ConfigError::Value { file: self.file.into(), key, what: what.to_string() }
    }

    fn path(&self, written: PathBuf) -> PathBuf {
        self.folder.join(written)
    }

    fn within<T: TryFrom<u64>>(
        &self,
        key: &'static str,
        written: Option<u64>,
        default: T,
        allowed: RangeInclusive<u64>,
    ) -> Result<T, ConfigError> {
        let Some(number) = written else {
            return Ok(default);
        };
        let taken = if allowed.contains(&number) { T::try_from(number).ok() } else { None };
        let range = || format!("must lie between {} and {}", allowed.start(), allowed.end());
        taken.ok_or_else(|| self.wrong(key, range()))
    }
}

impl ConfigFile {
    fn parse(self, parser: &Parser<'_>) -> Result<Config, ConfigError> {
        let listeners = listeners(self.listener, parser)?;
        let local = listeners.iter().all(|listener| listener.kind.is_local());
        let is_tls = |listener: &Listener| matches!(listener.kind, ListenerKind::Tls { .. });
        if self.tls.is_none() && listeners.iter().any(is_tls) {
            let what = "is missing; a listener of kind \"tls\" needs its certificate and key";
            return Err(parser.wrong("[tls]", what));
        }
        if self.notice.is_some() && self.addresses.is_none() {
            let what =
                "is missing; notices need the address book that `sealpost-operator add` keeps";
            return Err(parser.wrong("addresses", what));
        }
        let newsroom = NewsroomId::from_fingerprint_or_public_key(&self.newsroom_key)
            .map_err(|e| parser.wrong("newsroom_key", format!("is no newsroom key: {e}")))?;
        Ok(Config {
            file: parser.file.into(),
            listeners,
            publication: parser.path(self.publication),
            newsroom,
            addresses: self.addresses.map(|path| parser.path(path)),
            keep: self.store.keep(parser)?,
            store: parser.path(self.store.path),
            quota_bytes: self.store.quota_bytes,
            reserve_bytes: self.store.reserve_bytes,
            spool: parser.path(self.spool),
            tls: self.tls.map(|tls| tls.parse(parser)),
            limits: self.limits.parse(parser)?,
            notice: self.notice.map(|notice| notice.parse(parser, local)).transpose()?,
            epoch: match self.epoch_seconds {
                None => EpochLength::Week,
                Some(seconds) => {
                    EpochLength::Seconds(seconds_here(parser, "epoch_seconds", seconds, local)?)
                }
            },
        })
    }
}

/// Seconds instead of weeks and days would tell times; they are for tests and the demo.
fn seconds_here(
    parser: &Parser<'_>,
    key: &'static str,
    seconds: u32,
    local: bool,
) -> Result<NonZeroU32, ConfigError> {
    if !local {
        let what = "is for tests, with every listener on loopback or a unix socket; remove it";
        return Err(parser.wrong(key, what));
    }
    NonZeroU32::new(seconds).ok_or_else(|| parser.wrong(key, "must be at least 1"))
}

fn listeners(
    tables: Vec<ListenerTable>,
    parser: &Parser<'_>,
) -> Result<Vec<Listener>, ConfigError> {
    let listeners =
        tables.into_iter().map(|table| table.parse(parser)).collect::<Result<Vec<_>, _>>()?;
    if !listeners.iter().any(|listener| listener.serves == Serves::Tips) {
        return Err(parser.wrong("[[listener]]", "with serves = \"tips\" is missing; add one"));
    }
    let mut places = HashSet::new();
    for listener in &listeners {
        let place = match &listener.kind {
            // port 0 is another port each time
            ListenerKind::Tls { address } if address.port() == 0 => continue,
            ListenerKind::Tls { address } => address.to_string(),
            ListenerKind::Unix { path } => path.display().to_string(),
        };
        if !places.insert(place.clone()) {
            let what = format!("names {place} twice; tips and desk each need a place of their own");
            return Err(parser.wrong("[[listener]]", what));
        }
    }
    Ok(listeners)
}

impl ListenerTable {
    fn parse(self, parser: &Parser<'_>) -> Result<Listener, ConfigError> {
        let kind = match (self.kind, self.address, self.path) {
            (KindWord::Tls, Some(address), None) => ListenerKind::Tls {
                address: address.parse::<SocketAddr>().map_err(|_| {
                    let what = format!(
                        "{address:?} is not an IP address and a port, such as 127.0.0.1:8443"
                    );
                    parser.wrong("[[listener]] address", what)
                })?,
            },
            (KindWord::Unix, None, Some(path)) => ListenerKind::Unix { path: parser.path(path) },
            (KindWord::Tls, ..) => {
                let what = "of kind \"tls\" needs an address and no path";
                return Err(parser.wrong("[[listener]]", what));
            }
            (KindWord::Unix, ..) => {
                let what = "of kind \"unix\" needs a path and no address";
                return Err(parser.wrong("[[listener]]", what));
            }
        };
        let serves = match self.serves {
            ServesWord::Tips => Serves::Tips,
            ServesWord::Desk => Serves::Desk,
            ServesWord::Explain => {
                let what = "= \"explain\" is not offered by this version; remove that listener";
                return Err(parser.wrong("[[listener]] serves", what));
            }
        };
        Ok(Listener { kind, serves })
    }
}

impl StoreTable {
    fn keep(&self, parser: &Parser<'_>) -> Result<Keep, ConfigError> {
        let days = |key, written: Option<u64>| {
            written.map(|days| parser.within(key, Some(days), 0, 1..=36_500)).transpose()
        };
        Ok(Keep {
            days: days("store.keep_days", self.keep_days)?,
            days_after_fetched: days(
                "store.keep_days_after_fetched",
                self.keep_days_after_fetched,
            )?,
        })
    }
}

impl TlsTable {
    fn parse(self, parser: &Parser<'_>) -> Tls {
        Tls { certificate: parser.path(self.certificate), key: parser.path(self.key) }
    }
}

impl LimitsTable {
    fn parse(self, parser: &Parser<'_>) -> Result<Limits, ConfigError> {
        const MIB: u64 = 1 << 20;
        let default = Limits::default();
        let day = 86_400;
        Ok(Limits {
            max_files: parser.within(
                "limits.max_files",
                self.max_files,
                default.max_files,
                1..=1_000,
            )?,
            max_tip_bytes: parser.within(
                "limits.max_tip_bytes",
                self.max_tip_bytes,
                default.max_tip_bytes,
                64 << 10..=4096 * MIB - MIB,
            )?,
            max_message_bytes: parser.within(
                "limits.max_message_bytes",
                self.max_message_bytes,
                default.max_message_bytes,
                1_024..=4 * MIB,
            )?,
            min_bytes_per_second: parser.within(
                "limits.min_bytes_per_second",
                self.min_bytes_per_second,
                default.min_bytes_per_second,
                0..=MIB,
            )?,
            grace_seconds: parser.within(
                "limits.grace_seconds",
                self.grace_seconds,
                default.grace_seconds,
                1..=day,
            )?,
            stall_seconds: parser.within(
                "limits.stall_seconds",
                self.stall_seconds,
                default.stall_seconds,
                1..=day,
            )?,
            max_connections: parser.within(
                "limits.max_connections",
                self.max_connections,
                default.max_connections,
                1..=65_536,
            )?,
            max_uploads: parser.within(
                "limits.max_uploads",
                self.max_uploads,
                default.max_uploads,
                1..=1_024,
            )?,
            clean: crate::clean::Limits {
                document_bytes: parser.within(
                    "limits.max_document_bytes",
                    self.max_document_bytes,
                    default.clean.document_bytes,
                    1..=1 << 30,
                )?,
                ..default.clean
            },
        })
    }
}

impl NoticeTable {
    fn parse(self, parser: &Parser<'_>, local: bool) -> Result<Notice, ConfigError> {
        let period = match (self.period, self.period_seconds) {
            (Some(text), None) => {
                text.parse().map_err(|e| parser.wrong("notice.period", format!("{e}")))?
            }
            (None, Some(seconds)) => {
                Period::Seconds(seconds_here(parser, "notice.period_seconds", seconds, local)?)
            }
            (None, None) => {
                return Err(parser.wrong("notice.period", "is missing, such as \"daily 07:00\""));
            }
            (Some(_), Some(_)) => {
                let what = "and period_seconds exclude each other; remove one";
                return Err(parser.wrong("notice.period", what));
            }
        };
        let from =
            self.from.parse().map_err(|_| parser.wrong("notice.from", "is no mail address"))?;
        Ok(Notice { period, from, smtp: self.smtp.parse(parser)? })
    }
}

impl SmtpTable {
    fn parse(self, parser: &Parser<'_>) -> Result<Smtp, ConfigError> {
        let login = match (self.username, self.password_file) {
            (None, None) => None,
            (Some(username), Some(file)) => {
                Some(SmtpLogin { username, password_file: parser.path(file) })
            }
            _ => {
                let what = "and password_file go together; give both or none";
                return Err(parser.wrong("notice.smtp.username", what));
            }
        };
        Ok(Smtp {
            host: self.host,
            port: self.port,
            tls: match self.tls {
                SmtpTlsWord::Implicit => SmtpTls::Implicit,
                SmtpTlsWord::Starttls => SmtpTls::StartTls,
            },
            login,
            ca_file: self.ca_file.map(|path| parser.path(path)),
        })
    }
}
