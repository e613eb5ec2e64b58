//! `backup`: a copy of the store, while the gateway serves.
//!
//! Envelopes come first and items after them: of what is deleted meanwhile the tombstone is found,
//! and the envelope is taken out again. An envelope that the backup before has, and that is neither
//! in the store nor deleted, was lost here: it is kept from there, or it would be gone with the last
//! backup that has it.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use indicatif::{HumanBytes, HumanCount};

use super::{
    ABOUT, About, MANIFEST, Progress, about,
    earlier::Earlier,
    manifest::{Manifest, sha256},
    place::{self, Name, Place},
    writing::Writer,
};
use crate::{
    clock::Day,
    disk,
    gateway::{
        config::Config,
        store::{
            Flaw,
            files::{self, Part, Read256, Trouble},
            item::Kind,
        },
    },
    random::Entropy,
    tip::TipId,
};

/// What is to be done.
pub struct Order<'a> {
    /// Whose store it is.
    pub config: &'a Config,
    /// The folder for backups.
    pub to: &'a Path,
    /// How many backups stay; default: all.
    pub keep: Option<NonZeroU32>,
    /// The UTC day.
    pub today: Day,
}

/// A backup that was made.
#[derive(Debug)]
pub struct Made {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is of.
    pub about: About,
    /// Files that were copied, and their bytes; all others are shared with the backup before.
    pub copied: (u64, u64),
    /// The backup before.
    pub earlier: Option<String>,
    /// Older backups that were removed.
    pub removed: Vec<String>,
    /// What is worth knowing, one sentence each.
    pub notes: Vec<String>,
    /// What is wrong with the store, one sentence each: the backup lacks something, or has
    /// something that the store lacks.
    pub troubles: Vec<String>,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let About { envelopes, items, bytes, .. } = &self.about;
        let (files, copied) = self.copied;
        write!(
            f,
            "Made {}: {} envelopes and {} items, {}; {} files ({}) were copied",
            self.folder.display(),
            HumanCount(*envelopes),
            HumanCount(*items),
            HumanBytes(*bytes),
            HumanCount(files),
            HumanBytes(copied)
        )?;
        match &self.earlier {
            // the format is neither envelope nor item
            Some(earlier) if files <= envelopes + items => {
                write!(f, ", the others are shared with {earlier}.")?;
            }
            _ => write!(f, ".")?,
        }
        if !self.removed.is_empty() {
            write!(f, " Removed {}.", self.removed.join(", "))?;
        }
        Ok(())
    }
}

/// Makes a backup.
///
/// # Errors
/// One sentence; there is no new backup then.
pub fn make(
    order: &Order<'_>,
    entropy: &dyn Entropy,
    progress: Progress<'_>,
) -> anyhow::Result<Made> {
    let store = &order.config.store;
    if !files::is_store(store)? {
        bail!("{}: there is no store yet; the gateway makes it when it starts", store.display());
    }
    place::check_apart(store, order.to)?;
    let place = Place::open(order.to)?;
    let mut notes = Vec::new();
    if place::share_a_disk(store, order.to)? {
        notes.push(format!(
            "{} is on the store's own disk, and ends with it: mount another",
            order.to.display()
        ));
    }
    let earlier = Earlier::newest(&place, order.config.newsroom, &mut notes)?;
    let name = place.next_name(order.today)?;
    let partial = place.partial(entropy);
    let cannot = || format!("{}: the backup cannot be written", order.to.display());
    let writer = Writer::create(partial.clone()).with_context(cannot)?;
    let mut making = Making {
        store,
        writer,
        earlier,
        links: true,
        manifest: Manifest::default(),
        day: order.today,
        bytes: 0,
        copied: (0, 0),
        told: BTreeSet::new(),
        deleted: BTreeSet::new(),
        gone: Vec::new(),
        notes,
        troubles: Vec::new(),
        done: 0,
        all: files::amount(store).map_or(0, |amount| amount.bytes + amount.other_bytes),
        progress,
    };
    let made = making.run(order).with_context(cannot).and_then(|about| {
        let folder = place.path(name);
        fs::rename(&partial, &folder)
            .and_then(|()| disk::sync_folder(&place.folder))
            .with_context(cannot)?;
        Ok((folder, about))
    });
    // what cannot be removed now is removed by the next run
    let (folder, about) = made.inspect_err(|_| drop(fs::remove_dir_all(&partial)))?;
    let mut made = Made {
        folder,
        about,
        copied: making.copied,
        earlier: making.earlier.map(|earlier| earlier.name.to_string()),
        removed: Vec::new(),
        notes: making.notes,
        troubles: making.troubles,
    };
    if let Some(keep) = order.keep {
        remove_older(&place, name, keep, &mut made, entropy);
    }
    Ok(made)
}

/// Removes what is older than the newest `keep`; nothing while something is wrong with the store.
fn remove_older(
    place: &Place,
    new: Name,
    keep: NonZeroU32,
    made: &mut Made,
    entropy: &dyn Entropy,
) {
    if !made.troubles.is_empty() {
        made.notes.push("no older backup was removed: they may have what is amiss here".into());
        return;
    }
    let keep = usize::try_from(keep.get()).unwrap_or(usize::MAX);
    let older = place.backups().map(|mut names| {
        names.truncate(names.len().saturating_sub(keep));
        names.retain(|name| *name != new);
        names
    });
    let removed = older.and_then(|names| {
        names.into_iter().try_for_each(|name| {
            place.remove(name, entropy)?;
            made.removed.push(name.to_string());
            Ok(())
        })
    });
    if let Err(error) = removed {
        made.notes.push(format!("an older backup could not be removed: {error}"));
    }
}

struct Making<'a> {
    store: &'a Path,
    writer: Writer,
    earlier: Option<Earlier>,
    /// The file system can give a file a second name.
    links: bool,
    manifest: Manifest,
    day: Day,
    bytes: u64,
    copied: (u64, u64),
    /// Paths with which something is wrong.
    told: BTreeSet<String>,
    deleted: BTreeSet<TipId>,
    /// Listed, and not there any more.
    gone: Vec<String>,
    notes: Vec<String>,
    troubles: Vec<String>,
    done: u64,
    all: u64,
    progress: Progress<'a>,
}

impl Making<'_> {
    fn run(&mut self, order: &Order<'_>) -> anyhow::Result<About> {
        let mut missing = files::missing_folders(self.store)?;
        self.take("format", &Part::Format)?;
        for folder in files::folders_of_a_store() {
            // as in a store, also where nothing lies
            self.writer.folder_of(&format!("{folder}/x"))?;
            for path in files::below(self.store, &folder).with_context(|| folder.clone())? {
                match Part::at(&path) {
                    Some(part) => self.take(&path, &part)?,
                    None => self.stranger(&path),
                }
            }
        }
        for path in files::strangers(self.store)? {
            self.stranger(&path);
        }
        // also what went or came meanwhile
        missing.extend(files::missing_folders(self.store)?);
        missing.sort_unstable();
        missing.dedup();
        self.troubles.extend(missing.iter().map(|folder| files::is_missing(folder)));
        self.look_again()?;
        self.take_out_deleted()?;
        self.keep_lost()?;
        let manifest = self.manifest.encode();
        let about = self.about(order, &manifest);
        self.write(MANIFEST, &manifest)?;
        self.write(ABOUT, &about.encode()?)?;
        self.writer.sync()?;
        Ok(about)
    }

    fn stranger(&mut self, path: &str) {
        let path = path.escape_debug();
        self.notes.push(format!("{path} is not the store's and was not copied: remove it"));
    }

    /// One file of the store's: shared with the backup before, or copied.
    fn take(&mut self, path: &str, part: &Part) -> anyhow::Result<()> {
        self.writer.folder_of(path)?;
        let there = self.earlier.as_ref().and_then(|earlier| {
            let sha256 = earlier.manifest.get(path)?;
            files::is_same(self.store, &earlier.folder, path, part).then_some(sha256)
        });
        if let Some(sha256) = there
            && self.share(path)?
        {
            return self.took(path, part, sha256);
        }
        match self.copy(self.store.to_owned(), path, part)? {
            Ok(sha256) => self.took(path, part, sha256),
            Err(Flaw::Gone) => {
                self.gone.push(path.to_owned());
                Ok(())
            }
            Err(Flaw::Damaged(reason)) => self.amiss(path, part, &format!("is damaged ({reason})")),
            Err(Flaw::Unreadable(error)) => {
                self.amiss(path, part, &format!("cannot be read ({error})"))
            }
        }
    }

    fn took(&mut self, path: &str, part: &Part, sha256: [u8; 32]) -> anyhow::Result<()> {
        self.manifest.add(path, sha256);
        self.deleted.extend(part.tombstone_of());
        let bytes = self.writer.root().join(path).metadata()?.len();
        self.bytes += bytes;
        self.done += bytes;
        (self.progress)(self.done.min(self.all), self.all);
        Ok(())
    }

    /// Gives the file of the backup before a second name; false if it must be copied.
    fn share(&mut self, path: &str) -> io::Result<bool> {
        let Some(earlier) = self.earlier.as_ref().filter(|_| self.links) else { return Ok(false) };
        match self.writer.link(&earlier.folder.join(path), path) {
            Ok(()) => Ok(true),
            // each file has a limit of its own
            Err(error) if error.kind() == io::ErrorKind::TooManyLinks => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
            Err(error) => {
                self.links = false;
                self.notes.push(format!(
                    "the disk for backups cannot give a file two names ({error}): all files were \
                     copied, and each backup takes the whole store's room"
                ));
                Ok(false)
            }
        }
    }

    /// Copies a file and checks it on the way. What is not sound is not left.
    fn copy(
        &mut self,
        from: PathBuf,
        path: &str,
        part: &Part,
    ) -> anyhow::Result<Result<[u8; 32], Flaw>> {
        let mut file = self.writer.file(path)?;
        let copied = files::read_checked(&from, path, part, &mut |piece| {
            io::Write::write_all(&mut file, piece)
        });
        match copied {
            Ok(Read256 { sha256, bytes, day }) => {
                self.writer.finish(&file, day)?;
                self.copied = (self.copied.0 + 1, self.copied.1 + bytes);
                Ok(Ok(sha256))
            }
            Err(Trouble::Flaw(flaw)) => {
                self.writer.remove(path)?;
                Ok(Err(flaw))
            }
            Err(Trouble::Taker(error)) => Err(error.into()),
        }
    }

    /// Something is wrong with a file of the store's: the backup before may have it whole.
    fn amiss(&mut self, path: &str, part: &Part, what: &str) -> anyhow::Result<()> {
        self.told.insert(path.to_owned());
        // the name of a tombstone is enough
        self.deleted.extend(part.tombstone_of());
        let then = match self.keep(path, part)? {
            Some(name) => format!(
                "it was kept from the backup {name}: check the disk, run `verify`, then `restore`"
            ),
            None => "it was not copied: check the disk and run `verify`".into(),
        };
        self.troubles.push(format!("{path} {what}; {then}"));
        Ok(())
    }

    /// Takes a file from the backup before, if it is whole there.
    fn keep(&mut self, path: &str, part: &Part) -> anyhow::Result<Option<Name>> {
        let Some(earlier) = &self.earlier else { return Ok(None) };
        let (name, from) = (earlier.name, earlier.folder.clone());
        let Some(sha256) = earlier.manifest.get(path).filter(|_| earlier.has_whole(path, part))
        else {
            return Ok(None);
        };
        self.writer.folder_of(path)?;
        if !self.share(path)? && self.copy(from, path, part)?.is_err() {
            return Ok(None);
        }
        self.took(path, part, sha256)?;
        Ok(Some(name))
    }

    /// What had gone must have been deleted. Items may go without a word.
    fn look_again(&mut self) -> anyhow::Result<()> {
        for path in std::mem::take(&mut self.gone) {
            let Some(part @ Part::Envelope(id)) = Part::at(&path) else { continue };
            if !self.deleted.contains(&id) {
                self.take(&path, &part)?;
            }
        }
        for path in std::mem::take(&mut self.gone) {
            let Some(part) = Part::at(&path) else { continue };
            self.told.insert(path.clone());
            // the next backup takes what it has from this one
            let then = match self.keep(&path, &part)? {
                Some(name) => format!("it was kept from the backup {name}: "),
                None => String::new(),
            };
            self.troubles.push(format!(
                "{path} went while it was to be copied, and was not deleted; {then}check the disk, \
                 and make another backup"
            ));
        }
        Ok(())
    }

    fn take_out_deleted(&mut self) -> anyhow::Result<()> {
        for id in std::mem::take(&mut self.deleted) {
            let path = format!("envelopes/{:02x}/{id}", id.0[0]);
            if self.manifest.get(&path).is_some() {
                self.bytes -= self.writer.root().join(&path).metadata()?.len();
                self.writer.remove(&path)?;
                self.manifest.remove(&path);
            }
            self.told.insert(path);
        }
        Ok(())
    }

    /// Keeps what is neither in the store nor deleted.
    fn keep_lost(&mut self) -> anyhow::Result<()> {
        let Some(earlier) = &self.earlier else { return Ok(()) };
        let lines = earlier.manifest.lines().iter().map(|line| &*line.path);
        let lost: Vec<(String, Part)> = lines
            .filter(|path| self.manifest.get(path).is_none() && !self.told.contains(*path))
            .filter_map(|path| Some((path.to_owned(), Part::at(path)?)))
            .filter(|(_, part)| matches!(part, Part::Envelope(_)))
            .collect();
        for (path, part) in lost {
            let then = match self.keep(&path, &part)? {
                Some(name) => {
                    format!("it was kept from the backup {name}: run `restore` to have it back")
                }
                None => "the backup before has it damaged, too: look for it in older ones".into(),
            };
            self.troubles.push(format!("{path} is neither in the store nor deleted; {then}"));
        }
        Ok(())
    }

    fn about(&self, order: &Order<'_>, manifest: &[u8]) -> About {
        let parts = || self.manifest.lines().iter().filter_map(|line| Part::at(&line.path));
        let is_envelope = |part: &Part| matches!(part, Part::Envelope(_));
        let version = |part| match part {
            Part::Item(Kind::Roster, version) => version.parse().ok(),
            _ => None,
        };
        About {
            format: about::FORMAT,
            newsroom: order.config.newsroom.to_string(),
            day: self.day,
            envelopes: parts().filter(is_envelope).count() as u64,
            items: parts().filter(|part| matches!(part, Part::Item(..))).count() as u64,
            bytes: self.bytes,
            roster_version: parts().filter_map(version).max().unwrap_or(0),
            manifest_sha256: about::hex(&sha256(manifest)),
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.writer.file(path)?;
        io::Write::write_all(&mut file, bytes)?;
        self.writer.finish(&file, self.day)
    }
}
