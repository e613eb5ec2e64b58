//! `restore`: what the store lacks comes back from a backup.
//!
//! Nothing is overwritten and nothing is deleted: what is damaged, or cannot be read, goes to
//! quarantine until its copy is there. Rosters are not taken from a backup: the current
//! publication must be there, so that nobody who was removed since can be brought back.

use std::{fmt, os::unix::fs::MetadataExt, sync::Arc};

use anyhow::{Context, anyhow, bail};
use indicatif::HumanCount;

use super::{Progress, checking::Checked};
use crate::{
    gateway::{
        config::Config,
        roster::{self, Seen},
        store::{
            FileStore, Flaw, Options, PutBack, StoreError,
            files::{self, Part, Trouble},
            item::Kind,
        },
    },
    random::Entropy,
};

/// What came back.
#[derive(Debug, Default)]
pub struct Restored {
    /// Envelopes that were missing.
    pub envelopes: u64,
    /// Items that were missing.
    pub items: u64,
    /// Envelopes and items that the store has.
    pub there: u64,
    /// Envelopes, or what belongs to them, that were left out because they were deleted since.
    pub left_out: u64,
    /// What the store found amiss when it was opened.
    pub findings: Vec<String>,
    /// Files that were sound a moment ago and could not be put back.
    pub troubles: Vec<String>,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { envelopes, items, there, left_out, .. } = self;
        let [envelopes, items, there, left_out] =
            [envelopes, items, there, left_out].map(|count| HumanCount(*count));
        writeln!(f, "Came back: {envelopes} envelopes and {items} items.")?;
        writeln!(f, "There already: {there}. Left out, for what was deleted since: {left_out}.")?;
        writeln!(
            f,
            "Tips that reviewers deleted after the backup may be there again: at their next visit \
             their programs repeat the deletions, and bring newer keys."
        )?;
        write!(f, "Now start the gateway.")
    }
}

/// What is never taken from a backup: rosters, because the publication decides; marks of notices, of
/// turned and of seen days, because they would tell of what has not been done here; reviewers'
/// deletions and purges, because they may have been taken back since: the first sweep would do them.
/// Those that hold are repeated by the reviewers' programs.
fn comes_back(kind: Kind) -> bool {
    match kind {
        Kind::Roster | Kind::NoticeMark | Kind::Turned | Kind::Day => false,
        Kind::Deletion | Kind::Purge => false,
        Kind::Tombstone | Kind::KeyBatch | Kind::Epoch | Kind::Fetched | Kind::Reply => true,
    }
}

/// Puts back what is sound in a backup and missing in the store, making the store if there is none.
/// Safe to do again after an interruption.
///
/// # Errors
/// Another newsroom's backup, an older publication, a store that is in use or cannot be written:
/// one sentence.
pub fn restore(
    config: &Config,
    backup: &Checked,
    entropy: Arc<dyn Entropy>,
    progress: Progress<'_>,
) -> anyhow::Result<Restored> {
    check_newsroom(config, backup)?;
    files::is_store(&backup.folder)?;
    check_publication(config, backup)?;
    check_owner(config, "restore")?;
    let mut options = Options::default();
    options.quota_bytes = config.quota_bytes.unwrap_or(options.quota_bytes);
    let (store, findings) = FileStore::open(&config.store, entropy, options)?;
    let mut restored = Restored {
        findings: findings.iter().map(ToString::to_string).collect(),
        ..Restored::default()
    };
    let all = backup.sound.len() as u64;
    let mut done = 0;
    for step in STEPS {
        for (path, part) in backup.sound.iter().filter(|(_, part)| step(part)) {
            let put_back = put_back(&store, backup, path, part);
            restored.count(path, part, put_back)?;
            done += 1;
            progress(done, all);
        }
    }
    Ok(restored)
}

/// Tombstones first, so that nothing deleted comes back; then the other items; then envelopes, in
/// order of id.
const STEPS: [fn(&Part) -> bool; 3] = [
    |part| part.tombstone_of().is_some(),
    |part| match part {
        Part::Item(kind, _) => comes_back(*kind) && *kind != Kind::Tombstone,
        _ => false,
    },
    |part| matches!(part, Part::Envelope(_)),
];

impl Restored {
    fn count(
        &mut self,
        path: &str,
        part: &Part,
        put_back: Result<PutBack, Trouble>,
    ) -> anyhow::Result<()> {
        match put_back {
            Ok(PutBack::Back) if matches!(part, Part::Envelope(_)) => self.envelopes += 1,
            Ok(PutBack::Back) => self.items += 1,
            Ok(PutBack::There) => self.there += 1,
            Ok(PutBack::LeftOut) => self.left_out += 1,
            Err(Trouble::Flaw(flaw)) => {
                let what = match flaw {
                    Flaw::Gone => "it is gone".into(),
                    Flaw::Damaged(reason) => reason,
                    Flaw::Unreadable(error) => error.to_string(),
                };
                self.troubles.push(format!("{path} was not put back: {what}"));
            }
            Err(Trouble::Taker(error)) => {
                let stopped = "stopped; what came back so far is safe, and restore may be repeated";
                return Err(StoreError::from(error)).context(stopped);
            }
        }
        Ok(())
    }
}

fn put_back(
    store: &FileStore,
    backup: &Checked,
    path: &str,
    part: &Part,
) -> Result<PutBack, Trouble> {
    let file = backup.folder.join(path);
    match part {
        Part::Envelope(id) => store.put_back(*id, &file),
        Part::Item(kind, key) => {
            let (content, _) = files::read_item(&file, *kind, key)?;
            store.put_back_item(*kind, key, &content).map_err(|error| {
                Trouble::Taker(match error {
                    StoreError::Io(error) => error,
                    other => std::io::Error::other(other),
                })
            })
        }
        Part::Format => Ok(PutBack::There),
    }
}

/// The backup must be of the newsroom that the configuration names.
///
/// # Errors
/// One sentence.
pub fn check_newsroom(config: &Config, backup: &Checked) -> anyhow::Result<()> {
    if backup.about.newsroom != config.newsroom.to_string() {
        bail!(
            "{}: this is a backup of another newsroom, {:?}, and {} names {}",
            backup.folder.display(),
            backup.about.newsroom,
            config.file.display(),
            config.newsroom
        );
    }
    Ok(())
}

/// What a command writes into the store must be the gateway's own, or it could not use it.
///
/// # Errors
/// One sentence, if who runs `command` is not the store's owner.
pub fn check_owner(config: &Config, command: &str) -> anyhow::Result<()> {
    let store = config.store.metadata().or_else(|_| config.file.metadata());
    let store = store.with_context(|| format!("{}", config.file.display()))?;
    if store.uid() != rustix::process::geteuid().as_raw() {
        bail!(
            "run this as the user that the gateway runs as, such as `runuser -u sealpost -- \
             sealpost-gateway {command} …`: else the gateway could not use what this writes"
        );
    }
    Ok(())
}

/// The publication must hold, and be as new as what the store had seen when the backup was made.
fn check_publication(config: &Config, backup: &Checked) -> anyhow::Result<()> {
    let rosters = backup.sound.iter().filter_map(|(path, part)| match part {
        Part::Item(kind @ Kind::Roster, key) => {
            let read = files::read_item(&backup.folder.join(&**path), *kind, key).ok()?;
            Some((key.clone(), read.0))
        }
        _ => None,
    });
    let seen = Seen::from_items(&rosters.collect::<Vec<_>>());
    let folder = config.publication.display();
    let publication = roster::read(&config.publication, config.newsroom, &seen)
        .map_err(|why| anyhow!("{folder}: {why}; bring the current publication there"))?;
    let (version, seen) = (publication.roster().version(), backup.about.roster_version);
    if version < seen {
        bail!(
            "{folder}: it has version {version} of the roster, and the store had seen version \
             {seen} when the backup was made; bring the current publication there"
        );
    }
    Ok(())
}
