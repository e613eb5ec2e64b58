//! The folder that backups are made in: their names, its lock, what is left of interrupted runs.

use std::{
    ffi::OsStr,
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, bail};

use super::About;
use crate::{clock::Day, disk, random::Entropy};

const PARTIAL: &str = ".partial-";

/// A folder for backups, locked against other runs.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    _lock: File,
}

/// The name of a backup: its day, and which of that day it is, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) day: Day,
    pub(super) number: u32,
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let name = match text.split_once('.') {
            None => Self { day: text.parse().ok()?, number: 1 },
            Some((day, number)) => {
                let number = number.parse().ok().filter(|number| *number > 1)?;
                Self { day: day.parse().ok()?, number }
            }
        };
        // one way to write it
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            1 => write!(f, "{}", self.day),
            number => write!(f, "{}.{number}", self.day),
        }
    }
}

impl Place {
    /// Takes the folder, making it if it is missing, and removes what interrupted runs have left.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("{}: backups cannot be made there", folder.display());
        disk::private_folder(folder).with_context(cannot)?;
        let path = folder.join(".lock");
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).mode(0o600).open(path);
        let lock = lock.with_context(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("{}: another backup is being made there; wait for it", folder.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
        }
        let place = Self { folder: folder.to_owned(), _lock: lock };
        place.remove_leftovers().with_context(cannot)?;
        Ok(place)
    }

    /// All backups, oldest first.
    pub(super) fn backups(&self) -> io::Result<Vec<Name>> {
        backups(&self.folder)
    }

    pub(super) fn path(&self, name: Name) -> PathBuf {
        self.folder.join(name.to_string())
    }

    /// The name of the next backup of a day.
    pub(super) fn next_name(&self, day: Day) -> io::Result<Name> {
        let of_day = self.backups()?.into_iter().filter(|name| name.day == day);
        let last = of_day.map(|name| name.number).max();
        Ok(Name { day, number: last.unwrap_or(0) + 1 })
    }

    /// A path for a backup that is not finished.
    pub(super) fn partial(&self, entropy: &dyn Entropy) -> PathBuf {
        let random = crate::random::bytes::<8>(entropy);
        self.folder.join(format!("{PARTIAL}{}", data_encoding::HEXLOWER.encode(&random)))
    }

    /// Removes a backup; one that is removed in part has no backup's name any more.
    pub(super) fn remove(&self, name: Name, entropy: &dyn Entropy) -> io::Result<()> {
        let aside = self.partial(entropy);
        fs::rename(self.path(name), &aside)?;
        disk::sync_folder(&self.folder)?;
        fs::remove_dir_all(aside)
    }

    fn remove_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let is_partial = entry.file_name().to_string_lossy().starts_with(PARTIAL);
            if is_partial && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

fn backups(folder: &Path) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().to_str().and_then(Name::parse));
    }
    names.sort_unstable();
    Ok(names)
}

/// The newest backup in a folder that tells what it is of.
///
/// # Errors
/// A folder that cannot be read.
pub fn newest(folder: &Path) -> io::Result<Option<About>> {
    let names = backups(folder)?.into_iter().rev();
    Ok(names.filter_map(|name| About::read(&folder.join(name.to_string())).ok()).next())
}

/// Backups and store must not lie in each other.
///
/// # Errors
/// One sentence.
pub(super) fn check_apart(store: &Path, backups: &Path) -> anyhow::Result<()> {
    let real = |path: &Path| real_path(path).with_context(|| format!("{}", path.display()));
    let (store, backups) = (real(store)?, real(backups)?);
    if backups.starts_with(&store) {
        bail!(
            "{} lies in the store, and would end with it: mount another disk, and name a folder \
             there",
            backups.display()
        );
    }
    if store.starts_with(&backups) {
        bail!(
            "the store lies in {}: mount another disk, and name a folder there",
            backups.display()
        );
    }
    Ok(())
}

/// True if both lie on one file system.
pub(super) fn share_a_disk(one: &Path, other: &Path) -> io::Result<bool> {
    Ok(one.metadata()?.dev() == other.metadata()?.dev())
}

/// The path without symbolic links, also of what is not there yet.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut missing: Vec<&OsStr> = Vec::new();
    let mut there = path.as_path();
    loop {
        match fs::canonicalize(there) {
            Ok(real) => return Ok(missing.iter().rev().fold(real, |path, name| path.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        match (there.components().next_back(), there.parent()) {
            (Some(Component::Normal(name)), Some(parent)) => {
                missing.push(name);
                there = parent;
            }
            // `missing/..`: what it would lead to is not known
            _ => return Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemEntropy;

    #[test]
    fn names_are_days_with_a_number() {
        for text in ["2026-11-22", "2026-11-22.2", "2026-11-22.10"] {
            assert_eq!(Name::parse(text).unwrap().to_string(), text);
        }
        for other in ["2026-11-22.1", "2026-11-22.02", "2026-11-22.", "2026-11-22.x", ".lock"] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
        let order = ["2026-11-21.9", "2026-11-22", "2026-11-22.2", "2026-11-22.10"];
        assert!(order.map(|text| Name::parse(text).unwrap()).is_sorted());
    }

    #[test]
    fn one_run_at_a_time_removes_what_others_left() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("a/b");
        let partial = dir.join(".partial-0011");
        let place = Place::open(&dir).unwrap();
        fs::create_dir_all(partial.join("envelopes")).unwrap();
        let refused = Place::open(&dir).err().unwrap().to_string();
        assert!(refused.contains("another backup"), "{refused}");
        assert!(partial.exists());
        drop(place);
        let place = Place::open(&dir).unwrap();
        assert!(!partial.exists());

        let day = Day(20_779);
        let first = place.next_name(day).unwrap();
        fs::create_dir_all(place.path(first).join("items")).unwrap();
        let second = place.next_name(day).unwrap();
        assert_eq!(second.to_string(), "2026-11-22.2");
        fs::create_dir(place.path(second)).unwrap();
        place.remove(first, &SystemEntropy::new()).unwrap();
        assert_eq!(place.backups().unwrap(), [second]);
        assert_eq!(place.next_name(day).unwrap().number, 3);
    }

    #[test]
    fn store_and_backups_lie_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("gateway/store")).unwrap();
        std::os::unix::fs::symlink(path("gateway/store"), path("link")).unwrap();
        let check = |backups: &str| check_apart(&path("gateway/store"), &path(backups));
        for inside in ["gateway/store", "gateway/store/backups/new", "link/new", "gateway", "."] {
            assert!(check(inside).unwrap_err().to_string().contains("another disk"), "{inside}");
        }
        check("gateway/store-backups").unwrap();
        check("new/folder").unwrap();
    }
}
