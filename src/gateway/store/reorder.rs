//! A folder of envelopes, made anew in order of id.
//!
//! The names of a folder stand, and its entries were written, in the order in which they came. A
//! new folder gets a hard link to each file, in order of id, and is exchanged with the old one in
//! one step. Links and their removal touch a file's change time: both go in order of id, so that it
//! tells nothing either.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{PoisonError, atomic::Ordering},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Finding, StoreError, file_store::Inner, folders, new_index::GoOn};

impl Inner {
    /// Puts these shards in order, as far as the file system lets us.
    pub(super) fn reorder_all(
        &self,
        shards: &BTreeSet<u8>,
        go_on: &mut GoOn<'_>,
    ) -> Result<(), StoreError> {
        for shard in shards {
            let path = self.folders.new_tmp_folder(&*self.entropy)?;
            let mut new = Aside { path, is_needed: false };
            let old = self.folders.shard(*shard);
            match self.reorder(&old, &mut new, go_on) {
                Err(error) if is_unable(&error) => {
                    let reason = error.to_string();
                    self.note(Finding::NamesUnordered { reason });
                    return Ok(());
                }
                done => done?,
            }
        }
        Ok(folders::sync(&self.folders.tmp())?)
    }

    /// Afterwards `new` holds what `old` was.
    fn reorder(&self, old: &Path, new: &mut Aside, go_on: &mut GoOn<'_>) -> io::Result<()> {
        go_on()?;
        for name in folders::names(old)? {
            link(old, &new.path, &name)?;
        }
        folders::sync(&new.path)?;
        go_on()?;
        let alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        catch_up(old, &new.path)?;
        self.exchange(old, new)?;
        drop(alone);
        go_on()
    }

    /// Durable when it returns: what is put into the new folder from now on must not be lost with
    /// it, and nothing is removed from the old one before.
    fn exchange(&self, old: &Path, new: &mut Aside) -> io::Result<()> {
        let path = new.path.clone();
        let exchange = || renameat_with(CWD, &path, CWD, old, RenameFlags::EXCHANGE);
        exchange()?;
        new.is_needed = true;
        let synced = folders::sync(&self.folders.envelopes())
            .and_then(|()| folders::sync(&self.folders.tmp()));
        if synced.is_err() {
            self.failed.store(true, Ordering::Relaxed);
            exchange()?;
        } else {
            new.is_needed = false;
        }
        synced
    }
}

/// What has come and gone since the names were read.
fn catch_up(old: &Path, new: &Path) -> io::Result<()> {
    let now: BTreeSet<String> = folders::names(old)?.into_iter().collect();
    let linked: BTreeSet<String> = folders::names(new)?.into_iter().collect();
    for name in linked.difference(&now) {
        fs::remove_file(new.join(name))?;
    }
    for name in now.difference(&linked) {
        link(old, new, name)?;
    }
    if now != linked { folders::sync(new) } else { Ok(()) }
}

/// A file that is gone meanwhile is no error.
fn link(old: &Path, new: &Path, name: &str) -> io::Result<()> {
    match fs::hard_link(old.join(name), new.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        linked => linked,
    }
}

/// True where the file system knows no exchange or no hard link, or a folder lies among the files.
fn is_unable(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let unable = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM, Errno::MLINK];
    Errno::from_io_error(error).is_some_and(|errno| unable.contains(&errno))
}

/// A folder in `tmp/` that is removed in the end, its names in order.
struct Aside {
    path: PathBuf,
    /// not before it is certain which of two folders is in place
    is_needed: bool,
}

impl Drop for Aside {
    fn drop(&mut self) {
        if self.is_needed {
            return;
        }
        // what cannot be removed now is removed at the next opening
        for name in folders::names(&self.path).unwrap_or_default() {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_made_up_for() {
        let place = tempfile::tempdir().unwrap();
        let (old, new) = (place.path().join("old"), place.path().join("new"));
        for folder in [&old, &new] {
            fs::create_dir(folder).unwrap();
        }
        for name in ["a", "gone", "b"] {
            fs::write(old.join(name), name).unwrap();
            link(&old, &new, name).unwrap();
        }
        fs::remove_file(old.join("gone")).unwrap();
        fs::write(old.join("come"), "come").unwrap();
        link(&old, &new, "never there").unwrap();
        catch_up(&old, &new).unwrap();
        assert_eq!(folders::names(&new).unwrap(), ["a", "b", "come"]);
        assert_eq!(fs::read(new.join("come")).unwrap(), b"come");
    }
}
