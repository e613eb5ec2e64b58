//! A backup while it is being written: folders of mode 0700, files of mode 0600, all of it durable
//! before it gets its name.

use std::{
    fs::{self, DirBuilder, File, FileTimes, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{clock::Day, disk, gateway::store::syncfs_tells_the_truth};

/// A new folder and what is put into it.
pub(super) struct Writer {
    root: PathBuf,
    /// To sync all at once, opened before the first file is written: what cannot be written is told
    /// to each descriptor that is open by then, whoever else syncs in between. `None` where such a
    /// sync cannot be trusted: file by file, then.
    at_once: Option<File>,
}

impl Writer {
    /// Makes the folder.
    pub(super) fn create(root: PathBuf) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).create(&root)?;
        let at_once = syncfs_tells_the_truth(&root).then(|| File::open(&root)).transpose()?;
        Ok(Self { root, at_once })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folder that `path` lies in.
    pub(super) fn folder_of(&self, path: &str) -> io::Result<()> {
        let Some(folder) = Path::new(path).parent() else { return Ok(()) };
        DirBuilder::new().mode(0o700).recursive(true).create(self.root.join(folder))
    }

    /// A new file; [`finish`](Self::finish) it.
    pub(super) fn file(&self, path: &str) -> io::Result<File> {
        OpenOptions::new().create_new(true).write(true).mode(0o600).open(self.root.join(path))
    }

    /// Sets the file's times to the start of `day`.
    pub(super) fn finish(&self, file: &File, day: Day) -> io::Result<()> {
        let seconds = u64::try_from(day.start().0).unwrap_or(0);
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_times(FileTimes::new().set_accessed(start).set_modified(start))?;
        if self.at_once.is_none() { file.sync_all() } else { Ok(()) }
    }

    /// Gives the file `from` a second name here.
    pub(super) fn link(&self, from: &Path, path: &str) -> io::Result<()> {
        fs::hard_link(from, self.root.join(path))
    }

    /// Removes a file that is not wanted after all.
    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.root.join(path))
    }

    /// Makes everything durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        match &self.at_once {
            Some(disk) => Ok(rustix::fs::syncfs(disk)?),
            None => sync_folders(&self.root),
        }
    }
}

fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    disk::sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_all_is_synced_by_is_open_from_the_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::create(folder.path().join("new")).unwrap();
        assert_eq!(writer.at_once.is_some(), syncfs_tells_the_truth(writer.root()));
    }

    #[test]
    fn either_way_of_syncing_gives_the_same() {
        for each in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let mut writer = Writer::create(folder.path().join("new")).unwrap();
            writer.at_once = (!each).then(|| File::open(writer.root()).unwrap());
            writer.folder_of("a/b/file").unwrap();
            let mut file = writer.file("a/b/file").unwrap();
            file.write_all(b"x").unwrap();
            writer.finish(&file, Day(20_779)).unwrap();
            assert!(writer.file("a/b/file").is_err(), "nothing is overwritten");
            writer.link(&writer.root().join("a/b/file"), "a/link").unwrap();
            writer.remove("a/b/file").unwrap();
            writer.sync().unwrap();
            assert_eq!(fs::read(writer.root().join("a/link")).unwrap(), b"x");
        }
    }
}
