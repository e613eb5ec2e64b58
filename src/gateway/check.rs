//! Everything an operator can get wrong, told before it hurts: one line for each.
//!
//! [`before_serving`] is what `serve` demands, too; [`on_this_machine`] is advice for `check`.

use std::{
    fmt, fs, io,
    net::TcpListener,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};

use super::{
    config::{Config, ListenerKind, Serves},
    notice::{MAX_ADDRESS_BOOK_BYTES, Mailer},
    roster::{self, Seen, WARNING_DAYS},
    store::{self, ItemKind},
    tls_key::{self, Pair, TlsKeyError},
};
use crate::{
    clock::Timestamp,
    disk,
    roster::{AddressBook, Publication},
};

/// Days: a reviewer has sealing keys at the gateway for eight weeks, and is away for no longer.
const LONG_AWAY: u32 = 56;

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// One sentence: what was looked at and, unless all is well, what to do.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    Ok,
    /// Works, but something will hurt.
    Warning,
    /// The gateway does not start with it.
    Problem,
}

impl Finding {
    fn ok(text: impl Into<String>) -> Self {
        Self { level: Level::Ok, text: text.into() }
    }

    fn warning(text: impl Into<String>) -> Self {
        Self { level: Level::Warning, text: text.into() }
    }

    fn problem(text: impl Into<String>) -> Self {
        Self { level: Level::Problem, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Problem => "PROBLEM",
        };
        write!(f, "{level}  {}", self.text)
    }
}

/// What must be in order before anything is served. Changes nothing.
pub fn before_serving(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = permissions(config);
    match roster::read(&config.publication, config.newsroom, &Seen::default()) {
        Ok(publication) => {
            // what came through the desk is kept in the store; one that cannot be read is told below
            let kept = store::items_in(&config.store, ItemKind::KeyBatch).unwrap_or_default();
            let publication = roster::with_batches(&publication, kept);
            findings.extend(of_publication(config, &publication, now));
        }
        Err(problem) => findings.push(Finding::problem(format!(
            "{}: the publication is not taken: {problem}",
            config.publication.display()
        ))),
    }
    findings.push(store_folder(&config.store));
    findings.extend(epochs_seen(config, now));
    findings.extend(config.keep.days.map(keep_days));
    findings.push(spool_folder(&config.spool));
    findings.extend(notice_files(config));
    findings
}

/// Files that hold a secret or a person's address are for their owner alone; what others can write
/// decides nothing.
fn permissions(config: &Config) -> Vec<Finding> {
    let login = config.notice.as_ref().and_then(|notice| notice.smtp.login.as_ref());
    let private = [
        config.tls.as_ref().map(|tls| ("TLS key", &tls.key)),
        config.addresses.as_ref().map(|path| ("address book", path)),
        login.map(|login| ("mail password", &login.password_file)),
    ];
    let mut findings: Vec<_> = private
        .into_iter()
        .flatten()
        .map(|(what, path)| match disk::is_exposed(path) {
            Ok(false) => Finding::ok(format!("the {what} is private")),
            Ok(true) => Finding::problem(format!(
                "{}: others can read the {what}; run `chmod 600` on it",
                path.display()
            )),
            Err(why) => missing(path, what, &why),
        })
        .collect();
    for (what, path) in [("configuration", &config.file), ("publication", &config.publication)] {
        findings.extend(match fs::metadata(path) {
            Ok(file) if file.mode() & 0o022 != 0 => Some(Finding::problem(format!(
                "{}: others can change the {what}; run `chmod go-w` on it",
                path.display()
            ))),
            Ok(_) => None,
            Err(why) => Some(missing(path, what, &why)),
        });
    }
    findings
}

fn missing(path: &Path, what: &str, why: &io::Error) -> Finding {
    let path = path.display();
    Finding::problem(if why.kind() == io::ErrorKind::NotFound {
        format!("{path}: the {what} is missing; put it there or correct the configuration")
    } else {
        format!("{path}: the {what} cannot be read ({why}); check its owner and mode")
    })
}

fn of_publication(config: &Config, publication: &Publication, now: Timestamp) -> Vec<Finding> {
    let roster = publication.roster();
    let (version, today, last_day) = (roster.version(), now.day(), roster.lapses());
    let mut findings = vec![Finding::ok(format!(
        "roster {version} of {:?} is signed from the pinned key on",
        roster.newsroom_name()
    ))];
    findings.push(if publication.has_lapsed(today) {
        Finding::problem(format!(
            "{}: roster {version} lapsed after {last_day}; have the operator sign the next one",
            config.publication.display()
        ))
    } else if last_day <= today.plus(WARNING_DAYS) {
        Finding::warning(format!(
            "roster {version} lapses after {last_day}; have the operator sign the next one before"
        ))
    } else {
        Finding::ok(format!("the roster holds until {last_day}"))
    });
    if today < roster.issued() {
        findings.push(Finding::problem(format!(
            "the clock shows {today}, but roster {version} was signed on {}; set the clock",
            roster.issued()
        )));
    } else {
        findings.push(Finding::ok("the clock is not behind the roster"));
    }
    findings.extend(sealing_keys(config, publication, now));
    findings.extend(tls(config, publication));
    findings
}

fn sealing_keys(config: &Config, publication: &Publication, now: Timestamp) -> Vec<Finding> {
    let keys = publication.sealing_keys(config.epoch.epoch(now));
    let mut findings: Vec<_> = keys
        .iter()
        .filter(|(_, key)| key.is_none())
        .map(|(reviewer, _)| {
            Finding::warning(format!(
                "{reviewer} has no sealing key for now and can open no new tip; have them visit the \
                 desk (`sealpost-reviewer inbox`)"
            ))
        })
        .collect();
    let able = keys.len() - findings.len();
    findings.push(if able == 0 {
        Finding::warning("no reviewer has a sealing key for now: the form stays closed")
    } else {
        Finding::ok(format!("{able} of {} reviewers have a sealing key for now", keys.len()))
    });
    findings.extend(publication.refused().iter().map(|(batch, why)| {
        Finding::warning(format!(
            "keys/{batch:?} was not taken ({why}); if its reviewer has left, remove it, else have \
             them visit the desk"
        ))
    }));
    findings
}

/// The key fits the certificate, and the reviewers' programs will trust it.
fn tls(config: &Config, publication: &Publication) -> Vec<Finding> {
    let Some(tls) = &config.tls else {
        return Vec::new();
    };
    let pin = match Pair::read(tls) {
        Ok(pair) => pair.pin(),
        // told with the permissions
        Err(TlsKeyError::Exposed(_)) => return Vec::new(),
        Err(problem) => return vec![Finding::problem(problem.to_string())],
    };
    let is_pinned = tls_key::urls_of(publication, pin).next().is_some();
    let hex = data_encoding::HEXLOWER.encode(&pin);
    vec![
        Finding::ok("the TLS key belongs to its certificate"),
        if is_pinned {
            Finding::ok("the roster names the TLS key")
        } else {
            Finding::warning(format!(
                "no address in the roster names this TLS key; run `sealpost-operator address \
                 --dir DIR --url https://HOST:PORT --tls {hex}`"
            ))
        },
    ]
}

fn store_folder(folder: &Path) -> Finding {
    match disk::is_exposed(folder) {
        Ok(false) => Finding::ok("the store's folder is private"),
        Ok(true) => Finding::problem(format!(
            "{}: others can look into the store; run `chmod 700` on it",
            folder.display()
        )),
        Err(why) => missing(folder, "store", &why),
    }
}

/// Whether the clock is behind the highest epoch that the store remembers. Stored envelopes may know
/// of a higher one; `serve` asks them too.
pub(super) fn epochs_seen(config: &Config, now: Timestamp) -> Option<Finding> {
    // a folder that cannot be read is told as such
    let seen = store::epochs_seen(&config.store).ok()??;
    Some(if config.epoch.epoch(now) < seen {
        Finding::warning(format!(
            "the clock shows {}, but has shown {} or later before: the form stays closed until \
             then; set the clock",
            now.day(),
            config.epoch.start(seen).day()
        ))
    } else {
        Finding::ok("the clock is not behind what it has shown before")
    })
}

/// Deletion by age takes what nobody has fetched, too.
fn keep_days(days: u32) -> Finding {
    let what = format!(
        "`store.keep_days`: a tip that no reviewer has fetched {days} days after it came in is \
         deleted all the same"
    );
    if days < LONG_AWAY {
        Finding::warning(format!("{what}; name at least {LONG_AWAY}, or remove it"))
    } else {
        Finding::ok(what)
    }
}

/// A spool file never has a name, so its file system must be able to make such.
fn spool_folder(folder: &Path) -> Finding {
    let unnamed = || rustix::fs::open(folder, OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR);
    match disk::is_exposed(folder) {
        Err(why) => missing(folder, "spool folder", &why),
        Ok(true) => Finding::problem(format!(
            "{}: others can look into the spool folder; run `chmod 700` on it",
            folder.display()
        )),
        Ok(false) => match unnamed() {
            Ok(_) => Finding::ok("the spool can make files without a name"),
            Err(why) => Finding::problem(format!(
                "{}: its file system cannot make files without a name ({why}); put the spool on \
                 ext4, xfs, btrfs or tmpfs",
                folder.display()
            )),
        },
    }
}

fn notice_files(config: &Config) -> Vec<Finding> {
    let Some(notice) = &config.notice else {
        return vec![Finding::warning(
            "no `[notice]` is configured; reviewers must look themselves",
        )];
    };
    let mut findings = Vec::new();
    if let Some(path) = &config.addresses {
        let book = disk::read_limited(path, MAX_ADDRESS_BOOK_BYTES)
            .map(|bytes| AddressBook::parse(&bytes));
        // a missing file is told with the permissions
        if let Ok(Err(why)) = book {
            findings.push(Finding::problem(format!("{}: {why}", path.display())));
        }
    }
    if let Some(path) = &notice.smtp.ca_file {
        let unreadable = fs::File::open(path).err();
        findings.extend(unreadable.map(|why| missing(path, "mail server's certificate", &why)));
    }
    findings
}

/// What the machine itself makes of the configuration: can its listeners be bound, does it swap.
pub fn on_this_machine(config: &Config) -> Vec<Finding> {
    let mut findings: Vec<_> =
        config.listeners.iter().map(|listener| bindable(&listener.kind, listener.serves)).collect();
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    findings.push(if swaps.lines().count() > 1 {
        Finding::warning(
            "this machine swaps, and memory may reach its disk; use the systemd unit in deploy/ \
             (MemorySwapMax=0) or `swapoff -a`",
        )
    } else {
        Finding::ok("no swap")
    });
    findings.push(Finding::ok("core dumps are switched off by `serve` itself"));
    findings
}

fn bindable(kind: &ListenerKind, serves: Serves) -> Finding {
    let serves = match serves {
        Serves::Tips => "tips",
        Serves::Desk => "desk",
    };
    match kind {
        ListenerKind::Tls { address } => match TcpListener::bind(address) {
            Ok(_) => Finding::ok(format!("{serves} can listen on {address}")),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => Finding::warning(format!(
                "{address} is taken; that is as it should be only if the gateway is running"
            )),
            Err(why) => Finding::problem(format!(
                "{serves} cannot listen on {address} ({why}); choose another address or port"
            )),
        },
        ListenerKind::Unix { path } => {
            let folder = path.parent().map_or_else(|| PathBuf::from("."), PathBuf::from);
            match rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK) {
                Ok(()) => Finding::ok(format!("{serves} can listen in {}", folder.display())),
                Err(why) => Finding::problem(format!(
                    "{}: no socket can be made there ({why}); make the folder",
                    folder.display()
                )),
            }
        }
    }
}

/// Says hello to the mail server.
pub async fn mail_server(config: &Config) -> Option<Finding> {
    let smtp = &config.notice.as_ref()?.smtp;
    let place = format!("{}:{}", smtp.host, smtp.port);
    Some(match Mailer::Smtp(smtp.clone()).try_connection().await {
        Ok(()) => Finding::ok(format!("the mail server {place} takes mails over TLS")),
        Err(why) => Finding::problem(format!(
            "the mail server {place} cannot be used: {why}; correct `[notice.smtp]`"
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_life_of_tips_is_warned_of() {
        assert_eq!(keep_days(LONG_AWAY - 1).level, Level::Warning);
        assert_eq!(keep_days(LONG_AWAY).level, Level::Ok);
    }
}
