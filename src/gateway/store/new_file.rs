//! A file on its way into the store: whole in its place, or gone.

use std::{
    fs::{self, File, FileTimes, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use data_encoding::HEXLOWER;

use super::{
    folders::{self, Folders},
    group_sync::Together,
};
use crate::{clock::Day, random::Entropy};

/// A file in `tmp/`, unlinked when it is dropped before [`SyncedFile::place`].
pub(super) struct NewFile {
    file: File,
    path: PathBuf,
}

impl NewFile {
    pub(super) fn create(folders: &Folders, entropy: &dyn Entropy) -> io::Result<Self> {
        let name = HEXLOWER.encode(&crate::random::bytes::<16>(entropy));
        let path = folders.tmp().join(name);
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        Ok(Self { file, path })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Writes over the file's beginning.
    pub(super) fn write_head(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, 0)
    }

    /// The same file, to send what was written so far to the disk: [`NewFile::finish`] then waits
    /// less.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Sets the file's times to the start of `day` and makes its content durable, by a sync of its
    /// own or a shared one.
    pub(super) fn finish(self, day: Day, together: Option<Together<'_>>) -> io::Result<SyncedFile> {
        let seconds = u64::try_from(day.start().0).unwrap_or(0);
        let start_of_day = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let times = FileTimes::new().set_accessed(start_of_day).set_modified(start_of_day);
        self.file.set_times(times)?;
        together.map_or_else(|| self.file.sync_all(), Together::sync)?;
        Ok(SyncedFile(self))
    }
}

/// A file whose content is durable and whose name is not yet.
pub(super) struct SyncedFile(NewFile);

impl SyncedFile {
    /// Puts the file into its place, durably. When that fails, it is gone from there too.
    pub(super) fn place(self, target: &Path, together: Option<Together<'_>>) -> io::Result<()> {
        fs::rename(&self.0.path, target)?;
        let synced = match together {
            Some(together) => together.sync(),
            None => target.parent().map_or(Ok(()), folders::sync),
        };
        if synced.is_err() {
            // nobody was told of it: what may not survive must not be there
            let _ = fs::remove_file(target);
        }
        synced
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // after a rename there is nothing of that name; what cannot be removed now is removed at
        // the next opening
        let _ = fs::remove_file(&self.path);
    }
}
