//! The store's folders: names, making, the lock and the format's number.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;

use super::{StoreError, item::Kind};
use crate::tip::TipId;

/// The newest format this program knows.
pub(super) const FORMAT: u32 = 1;

/// An opened store's folders. While it lives, no other process can open the store.
pub(super) struct Folders {
    root: PathBuf,
    _lock: File,
}

impl Folders {
    /// Opens the store at `root`, or makes a new one where there is nothing.
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        make_root(root)?;
        let format = read_format(root)?;
        let lock = lock(root)?;
        if format.is_none() {
            // even if the folder was there: a run that was killed may have made it
            sync(parent(root))?;
            write_format(root)?;
        }
        let folders = Self { root: root.to_owned(), _lock: lock };
        folders.make_all()?;
        Ok(folders)
    }

    pub(super) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(super) fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    pub(super) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    pub(super) fn shard(&self, shard: u8) -> PathBuf {
        self.root.join("envelopes").join(HEXLOWER.encode(&[shard]))
    }

    pub(super) fn envelope(&self, id: TipId) -> PathBuf {
        self.shard(shard_of(id)).join(file_name(id))
    }

    pub(super) fn items(&self, kind: Kind) -> PathBuf {
        self.root.join("items").join(kind.folder())
    }

    pub(super) fn item(&self, kind: Kind, key: &str) -> PathBuf {
        self.items(kind).join(key)
    }

    /// `path` as a finding names it.
    pub(super) fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    /// Bytes that the disk has left for us.
    pub(super) fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.root)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Puts an empty folder in the index's place. What was there goes to `tmp/` and is removed now
    /// or, if that cannot be, at the next opening.
    pub(super) fn renew_index(&self, name: &str) -> io::Result<()> {
        let aside = self.tmp().join(name);
        fs::rename(self.index(), &aside)?;
        make_in(&self.root, std::iter::once(self.index()))?;
        let _ = remove(&aside);
        Ok(())
    }

    /// Makes what is missing.
    fn make_all(&self) -> io::Result<()> {
        let top = ["envelopes", "items", "index", "tmp", "quarantine"];
        make_in(&self.root, top.iter().map(|name| self.root.join(name)))?;
        make_in(&self.root.join("envelopes"), (0..=u8::MAX).map(|shard| self.shard(shard)))?;
        make_in(&self.root.join("items"), Kind::ALL.iter().map(|kind| self.items(*kind)))
    }
}

/// Removes a file, or a folder with all in it.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

/// The name of an envelope's file: 32 lowercase hexadecimal digits.
pub(super) fn file_name(id: TipId) -> String {
    HEXLOWER.encode(&id.0)
}

/// The id that [`file_name`] gives this name to.
pub(super) fn id_of(name: &str) -> Option<TipId> {
    let bytes = HEXLOWER.decode(name.as_bytes()).ok()?;
    Some(TipId(bytes.try_into().ok()?))
}

pub(super) fn shard_of(id: TipId) -> u8 {
    let [first, ..] = id.0;
    first
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The names in a folder, in order; a name that is not UTF-8 is given as it can be shown.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|file| Ok(file?.file_name().to_string_lossy().into()));
    let mut names = names.collect::<io::Result<Vec<String>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// Opens a file of the store's for reading: no symbolic link is followed, and the time of access
/// stays as it is where the system allows that.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    let open = |flags: OFlags| {
        OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
    };
    match open(OFlags::NOFOLLOW | OFlags::NOATIME) {
        // only a file's owner may leave its time of access alone
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open(OFlags::NOFOLLOW),
        opened => opened,
    }
}

/// Reads a whole file of at most `limit` bytes; a longer one is cut there, one byte over.
pub(super) fn read_file(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    open_file(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn make_root(root: &Path) -> Result<(), StoreError> {
    match fs::metadata(root) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            Err(StoreError::Exposed { folder: root.to_owned() })
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(DirBuilder::new().recursive(true).mode(0o700).create(root)?)
        }
        Err(error) => Err(error.into()),
    }
}

/// The folder that a path lies in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// The format's number, or `None` in a folder that is empty or was left while it was being made
/// into a store. Changes nothing.
fn read_format(root: &Path) -> Result<Option<u32>, StoreError> {
    let no_store = || StoreError::NotAStore { folder: root.to_owned() };
    let text = match read_file(&root.join("format"), 64) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let ours = |name: &String| matches!(name.as_str(), "lock" | "format.new");
            return if names(root)?.iter().all(ours) { Ok(None) } else { Err(no_store()) };
        }
        Err(error) => return Err(error.into()),
    };
    let number = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.strip_prefix("sealpost store "))
        .and_then(|text| text.strip_suffix('\n'))
        .and_then(|text| text.parse::<u32>().ok())
        .ok_or_else(no_store)?;
    match number {
        0 => Err(no_store()),
        1..=FORMAT => Ok(Some(number)),
        found => Err(StoreError::Newer { folder: root.to_owned(), found }),
    }
}

/// The first thing that a new store gets, so that a store without it is never taken for one.
fn write_format(root: &Path) -> io::Result<()> {
    let new = root.join("format.new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    writeln!(file, "sealpost store {FORMAT}")?;
    file.sync_all()?;
    fs::rename(&new, root.join("format"))?;
    sync(root)
}

fn lock(root: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    let file =
        options.create(true).truncate(false).write(true).mode(0o600).open(root.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { folder: root.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes the folders that are missing in `parent`. It is synced even if none is: a run that was
/// killed may have made them without coming that far.
fn make_in(parent: &Path, folders: impl Iterator<Item = PathBuf>) -> io::Result<()> {
    for folder in folders {
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    sync(parent)
}
