//! `status`: how the gateway is, for a person or for monitoring. Changes nothing, and is looked at
//! beside a running gateway. It tells no id, no name and no address.

use std::{fmt, io, path::Path};

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::{
    backup,
    check::{self, Level},
    config::Config,
    intake::{Offer, Tight, offer},
    log::StoreLevel,
    roster::{self, Seen, WARNING_DAYS},
    space::Room,
    store::{
        self, ItemKind,
        files::{self, Part},
    },
};
use crate::{
    clock::{Day, Timestamp},
    roster::Publication,
};

/// A backup that is older than so many days is told.
const OLD_BACKUP_DAYS: u32 = 2;

/// How the gateway is.
#[derive(Debug, Serialize)]
pub struct Status {
    /// A process has the store open: the gateway, `verify` or `restore`.
    pub in_use: bool,
    /// What is stored.
    pub store: StoreStatus,
    /// The roster; none if the publication cannot be taken.
    pub roster: Option<RosterStatus>,
    /// The highest epoch that the clock has shown.
    pub newest_epoch: Option<u32>,
    /// The day of the last backup, if a folder of backups was named and has one.
    pub last_backup: Option<Day>,
    /// One sentence for each thing that needs hands.
    pub warnings: Vec<String>,
}

/// What is stored.
#[derive(Debug, Default, Serialize)]
pub struct StoreStatus {
    /// Envelopes.
    pub envelopes: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Bytes they may have.
    pub quota_bytes: Option<u64>,
    /// Bytes that the disk has left.
    pub free_bytes: u64,
    /// Percent of what can be stored, by quota and disk.
    pub used_percent: u64,
    /// As the gateway's log tells it.
    #[serde(skip)]
    pub(super) level: StoreLevel,
    /// What has too little room for tips with files; none while they are taken.
    pub(super) files_refused: Option<Tight>,
    /// Damaged files that were moved away.
    pub in_quarantine: u64,
    /// The folders that are not there.
    pub missing_folders: Vec<String>,
    /// The day up to which the files tell no order of arrival.
    pub order_hidden_up_to: Option<Day>,
}

/// The roster in the publication folder.
#[derive(Debug, Serialize)]
pub struct RosterStatus {
    /// Its version.
    pub version: u32,
    /// Its last day.
    pub last_day: Day,
    /// Days until then; below zero once it has lapsed.
    pub days_left: i64,
    /// Reviewers on it.
    pub reviewers: u64,
    /// Those of them who have no sealing key for now.
    pub without_keys: u64,
}

impl Status {
    /// Looks.
    ///
    /// # Errors
    /// A store that is none, or cannot be read.
    pub fn of(config: &Config, backups: Option<&Path>, now: Timestamp) -> anyhow::Result<Self> {
        let findings = check::before_serving(config, now).into_iter();
        let problems = findings.filter(|finding| finding.level == Level::Problem);
        let mut status = Self {
            in_use: files::is_in_use(&config.store)?,
            store: StoreStatus::of(config)?,
            roster: RosterStatus::of(config, now),
            newest_epoch: store::epochs_seen(&config.store)?.map(|epoch| epoch.0),
            last_backup: backups.map(backup::newest).transpose()?.flatten().map(|last| last.day),
            warnings: problems.map(|problem| problem.text).collect(),
        };
        let clock = check::epochs_seen(config, now).filter(|found| found.level != Level::Ok);
        status.warnings.extend(clock.map(|found| found.text));
        status.warn(backups.is_some(), now.day());
        Ok(status)
    }

    fn warn(&mut self, backups: bool, today: Day) {
        let Self { store, roster, last_backup, .. } = &self;
        let mut warnings = Vec::new();
        let mut warn = |is_so: bool, text: String| warnings.extend(is_so.then_some(text));
        warn(!self.in_use, "the store is not in use: start the gateway".into());
        warnings.extend(store.missing_folders.iter().map(|folder| files::is_missing(folder)));
        let mut warn = |is_so: bool, text: String| warnings.extend(is_so.then_some(text));
        let how_full = match store.level {
            StoreLevel::Full => "full, and takes no tip".into(),
            _ => format!("{} % full", store.used_percent),
        };
        warn(
            store.level != StoreLevel::Below80,
            format!(
                "the store is {how_full}: have reviewers delete old tips, free space on its disk, \
                 or raise the quota"
            ),
        );
        let refused = store.files_refused.filter(|_| store.level != StoreLevel::Full);
        warn(
            refused == Some(Tight::Store),
            "tips with files are refused: what room is left is kept for those without".into(),
        );
        warn(
            refused == Some(Tight::Spool),
            "tips with files are refused: free space on the spool's disk".into(),
        );
        let damaged = store.in_quarantine;
        warn(
            damaged > 0,
            format!(
                "{damaged} damaged files are in quarantine: check the disk, stop the gateway and \
                 run `restore` with a backup"
            ),
        );
        if let Some(RosterStatus { days_left, last_day, without_keys, reviewers, .. }) = roster {
            warn(
                (0..=i64::from(WARNING_DAYS)).contains(days_left),
                format!(
                    "the roster lapses after {last_day}: have the operator sign the next one before"
                ),
            );
            warn(
                *without_keys > 0,
                format!(
                    "{without_keys} of {reviewers} reviewers have no sealing key for now and can \
                     open no new tip: `check` names them; have them visit the desk"
                ),
            );
        }
        let old = last_backup.is_none_or(|day| day.plus(OLD_BACKUP_DAYS) < today);
        warn(
            backups && old,
            match last_backup {
                Some(day) => format!("the last backup is of {day}: run `backup` every day"),
                None => "there is no backup: run `backup`".into(),
            },
        );
        self.warnings.append(&mut warnings);
    }
}

impl StoreStatus {
    fn of(config: &Config) -> anyhow::Result<Self> {
        let root = &config.store;
        // `init` makes the folder, and the first start the store
        files::is_store(root)?;
        let amount = files::amount(root)?;
        let disk = rustix::fs::statvfs(root)?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        let of_store = config.store_options()?.room(amount.bytes, free_bytes);
        // `check` says why a spool cannot be asked
        let room = Room::of(root, &config.spool, config.reserve_bytes, of_store).unwrap_or(Room {
            words: of_store.0,
            files: of_store.1,
            spool: 0,
            one_disk: false,
        });
        Ok(Self {
            envelopes: amount.envelopes,
            bytes: amount.bytes,
            quota_bytes: config.quota_bytes,
            free_bytes,
            used_percent: room.percent(amount.bytes),
            level: room.level(amount.bytes),
            files_refused: match offer(room) {
                Offer::Files => None,
                Offer::Words(tight) => Some(tight),
                Offer::Nothing => Some(Tight::Store),
            },
            in_quarantine: files::below(root, "quarantine")?.len() as u64,
            missing_folders: files::missing_folders(root)?,
            order_hidden_up_to: order_hidden_up_to(root)?,
        })
    }
}

fn order_hidden_up_to(root: &Path) -> io::Result<Option<Day>> {
    let marks = files::below(root, "items/turned")?;
    let days = marks.iter().filter_map(|path| match Part::at(path)? {
        Part::Item(_, day) => day.parse().ok(),
        _ => None,
    });
    Ok(days.max())
}

impl RosterStatus {
    /// `None` if the publication cannot be taken: the check tells why.
    fn of(config: &Config, now: Timestamp) -> Option<Self> {
        let folder = roster::read(&config.publication, config.newsroom, &Seen::default()).ok()?;
        let kept = store::items_in(&config.store, ItemKind::KeyBatch).unwrap_or_default();
        let publication: Publication = roster::with_batches(&folder, kept);
        let keys = publication.sealing_keys(config.epoch.epoch(now));
        let last_day = publication.roster().lapses();
        Some(Self {
            version: publication.roster().version(),
            last_day,
            days_left: i64::from(last_day.0) - i64::from(now.day().0),
            reviewers: keys.len() as u64,
            without_keys: keys.iter().filter(|(_, key)| key.is_none()).count() as u64,
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, how) in self.lines() {
            writeln!(f, "{what:<18}  {how}")?;
        }
        writeln!(f)?;
        for warning in &self.warnings {
            writeln!(f, "!  {warning}")?;
        }
        if self.warnings.is_empty() {
            writeln!(f, "All is well.")?;
        }
        Ok(())
    }
}

impl Status {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let store = &self.store;
        let quota = match store.quota_bytes {
            Some(quota) => format!("{}", HumanBytes(quota)),
            None => "the disk's".into(),
        };
        let day = |day: Option<Day>, none: &str| day.map_or(none.into(), |day| day.to_string());
        let mut lines = vec![
            ("store", if self.in_use { "in use" } else { "not in use" }.into()),
            (
                "stored",
                format!("{} envelopes, {}", HumanCount(store.envelopes), HumanBytes(store.bytes)),
            ),
            (
                "room",
                format!(
                    "{} % used; quota {quota}, disk has {} free",
                    store.used_percent,
                    HumanBytes(store.free_bytes)
                ),
            ),
            (
                "files",
                match store.files_refused {
                    None => "taken",
                    Some(Tight::Store) => "refused (store)",
                    Some(Tight::Spool) => "refused (spool)",
                }
                .into(),
            ),
            (
                "quarantine",
                match store.in_quarantine {
                    0 => "empty".into(),
                    count => format!("{count} files"),
                },
            ),
            ("order hidden up to", day(store.order_hidden_up_to, "no day yet")),
        ];
        match &self.roster {
            None => lines.push(("roster", "not taken".into())),
            Some(roster) => {
                let left = match roster.days_left {
                    left @ 0.. => format!("{left} days left, until {}", roster.last_day),
                    _ => format!("lapsed after {}", roster.last_day),
                };
                lines.push(("roster", format!("version {}, {left}", roster.version)));
                let keys = match roster.without_keys {
                    0 => "all with a sealing key for now".into(),
                    without => format!("{without} of them without a sealing key for now"),
                };
                lines.push(("reviewers", format!("{}, {keys}", roster.reviewers)));
            }
        }
        let epoch = self.newest_epoch.map_or("none yet".into(), |epoch| epoch.to_string());
        lines.push(("newest epoch", epoch));
        lines.extend(self.last_backup.map(|day| ("last backup", day.to_string())));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Status {
        Status {
            in_use: true,
            store: StoreStatus { free_bytes: 1 << 40, ..StoreStatus::default() },
            roster: Some(RosterStatus {
                version: 3,
                last_day: Day(20_850),
                days_left: 71,
                reviewers: 2,
                without_keys: 0,
            }),
            newest_epoch: Some(2_968),
            last_backup: Some(Day(20_778)),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn each_thing_that_needs_hands_is_told() {
        type Change = fn(&mut Status);
        const OVER_80: (StoreLevel, u64) = (StoreLevel::Over80, 80);
        let today = Day(20_779);
        let warnings = |change: Change| {
            let mut status = well();
            change(&mut status);
            status.warn(true, today);
            status.warnings
        };
        assert!(warnings(|_| {}).is_empty());
        let changes: [(Change, &str); 11] = [
            (|status| status.in_use = false, "not in use"),
            (|status| (status.store.level, status.store.used_percent) = OVER_80, "80 % full"),
            (|status| status.store.level = StoreLevel::Full, "takes no tip"),
            (|status| status.store.files_refused = Some(Tight::Store), "is kept for those without"),
            (|status| status.store.files_refused = Some(Tight::Spool), "on the spool's disk"),
            (|status| status.store.missing_folders = vec!["items".into()], "items is missing"),
            (|status| status.store.in_quarantine = 2, "2 damaged files"),
            (|status| status.roster.as_mut().unwrap().days_left = 30, "lapses after"),
            (|status| status.roster.as_mut().unwrap().without_keys = 1, "1 of 2 reviewers"),
            (|status| status.last_backup = Some(Day(20_776)), "the last backup is of"),
            (|status| status.last_backup = None, "no backup"),
        ];
        for (change, told) in changes {
            let warnings = warnings(change);
            assert!(matches!(&warnings[..], [one] if one.contains(told)), "{told}: {warnings:?}");
        }
        assert!(warnings(|status| status.last_backup = Some(Day(20_777))).is_empty());
    }

    /// The folder of a gateway, with a store of 80 MiB under this quota, and its store's status.
    fn store_status(quota: u64) -> StoreStatus {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "publication = \"publication\"\nnewsroom_key = \
             \"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"\nspool = \".\"\n\
             [store]\npath = \"store\"\nquota_bytes = {quota}\nreserve_bytes = 1\n\
             [[listener]]\nkind = \"unix\"\npath = \"tips.sock\"\nserves = \"tips\"\n"
        );
        let config = Config::parse(&text, &folder.path().join("gateway.toml")).unwrap();
        let entropy = std::sync::Arc::new(crate::random::SystemEntropy::new());
        drop(store::FileStore::open(&config.store, entropy, store::Options::default()).unwrap());
        let envelope = config.store.join("envelopes/07/07070707070707070707070707070707");
        std::fs::File::create(envelope).unwrap().set_len(80 << 20).unwrap();
        StoreStatus::of(&config).unwrap()
    }

    #[test]
    fn what_is_told_of_room_is_what_the_gateway_tells() {
        let status = store_status(100 << 20);
        // as the gateway's log from the same number on, and as its form
        assert_eq!((status.used_percent, status.level), (80, StoreLevel::Over80));
        // ten are left for files, and eight would take twelve
        assert_eq!(status.files_refused, Some(Tight::Store));
        assert_eq!(store_status((100 << 20) + 1).level, StoreLevel::Below80);
        assert_eq!(store_status(200 << 20).files_refused, None);
        let status = store_status(80 << 20);
        assert_eq!((status.level, status.files_refused), (StoreLevel::Full, Some(Tight::Store)));
    }

    #[test]
    fn a_person_can_read_it() {
        let text = well().to_string();
        assert!(text.contains("\nroster              version 3, 71 days left"), "{text}");
        assert!(text.ends_with("All is well.\n"), "{text}");
        let json = serde_json::to_value(well()).unwrap();
        assert_eq!(json["last_backup"], "2026-11-21");
        assert_eq!(json["store"]["quota_bytes"], serde_json::Value::Null);
    }
}
