//! The store's folders: names, making, the lock and the format's number.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use data_encoding::HEXLOWER;

use super::{StoreError, item::Kind};
use crate::{random::Entropy, tip::TipId};

/// The newest format this program knows.
pub(super) const FORMAT: u32 = 1;

/// Bytes of a `format` file.
pub(super) const MAX_FORMAT: usize = 64;

/// Folders in each other below the store's own: `items/<kind>/<shard>`.
const DEPTH: u32 = 3;

/// How often, and how long between, a store that is in use is tried before it is refused: a second.
const LOCK_TRIES: u32 = 20;
const LOCK_NAP: Duration = Duration::from_millis(50);

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
        let folders = Self { root: root.to_owned(), _lock: lock };
        if format.is_none() {
            // even if the folder was there: a run that was killed may have made it
            sync(parent(root))?;
            folders.make_envelopes()?;
            folders.make_others()?;
            // the last thing that a new store gets: with it, every folder is there
            write_format(root)?;
        } else {
            folders.find_all()?;
            folders.make_others()?;
        }
        Ok(folders)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// See `clean`.
    pub(super) fn clean(&self) -> PathBuf {
        self.root.join("clean")
    }

    pub(super) fn envelopes(&self) -> PathBuf {
        self.root.join("envelopes")
    }

    /// A new name in `tmp/`.
    pub(super) fn new_tmp(&self, entropy: &dyn Entropy) -> PathBuf {
        self.tmp().join(HEXLOWER.encode(&crate::random::bytes::<16>(entropy)))
    }

    /// A new empty folder in `tmp/`.
    pub(super) fn new_tmp_folder(&self, entropy: &dyn Entropy) -> io::Result<PathBuf> {
        let path = self.new_tmp(entropy);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    }

    /// The folders whose names must not have changed since a store was closed.
    pub(super) fn watched(&self) -> impl Iterator<Item = PathBuf> {
        let shards = (0..=u8::MAX).map(|shard| self.shard(shard));
        let items = Kind::ALL.iter().flat_map(|kind| self.item_folders(*kind, ""));
        shards.chain(items).chain([self.quarantine()])
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

    /// Where an item lies whose key is one of its kind's.
    pub(super) fn item(&self, kind: Kind, key: &str) -> PathBuf {
        let folder = self.items(kind);
        if kind.is_many() { folder.join(shard_of_key(key)).join(key) } else { folder.join(key) }
    }

    /// The folders in which the items of a kind lie whose keys begin with `prefix`: all that are in
    /// them, or were put there by hand, are to be looked at one by one. Of kinds that can be many
    /// there are 256, and one if the prefix tells which.
    pub(super) fn item_folders(&self, kind: Kind, prefix: &str) -> Vec<PathBuf> {
        item_folders(&self.root, kind, prefix)
    }

    pub(super) fn items(&self, kind: Kind) -> PathBuf {
        self.root.join("items").join(kind.folder())
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
    pub(super) fn renew_index(&self, entropy: &dyn Entropy) -> io::Result<()> {
        let aside = self.new_tmp(entropy);
        fs::rename(self.index(), &aside)?;
        make_in(&self.root, std::iter::once(self.index()))?;
        let _ = remove(&aside);
        Ok(())
    }

    fn make_envelopes(&self) -> io::Result<()> {
        make_in(&self.root, std::iter::once(self.envelopes()))?;
        make_in(&self.envelopes(), (0..=u8::MAX).map(|shard| self.shard(shard)))
    }

    /// Makes what is missing of the folders that a store can be without.
    fn make_others(&self) -> io::Result<()> {
        let top = ["items", "index", "tmp", "quarantine"];
        make_in(&self.root, top.iter().map(|name| self.root.join(name)))?;
        make_in(&self.root.join("items"), Kind::ALL.iter().map(|kind| self.items(*kind)))?;
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_many()) {
            make_in(&self.items(kind), self.item_folders(kind, "").into_iter())?;
        }
        Ok(())
    }

    /// Whoever makes a missing folder anew says that nothing was in it. A kind of item that a later
    /// version has added may be missing.
    fn find_all(&self) -> Result<(), StoreError> {
        let top = [self.envelopes(), self.quarantine(), self.root.join("items")];
        let shards = (0..=u8::MAX).map(|shard| self.shard(shard));
        let items = [Kind::Roster, Kind::Epoch, Kind::Tombstone].map(|kind| self.items(kind));
        let tombstones = self.item_folders(Kind::Tombstone, "");
        let mut all = top.into_iter().chain(shards).chain(items).chain(tombstones);
        all.try_for_each(|folder| self.find(&folder))
    }

    /// That a folder of the store's is there.
    ///
    /// # Errors
    /// [`StoreError::FolderMissing`], and what the system says.
    pub(super) fn find(&self, folder: &Path) -> Result<(), StoreError> {
        match fs::symlink_metadata(folder) {
            Ok(found) if found.is_dir() => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Err(StoreError::FolderMissing { folder: folder.to_owned() }),
        }
    }
}

/// As [`Folders::item_folders`], of a store at `root` that need not be open.
pub(super) fn item_folders(root: &Path, kind: Kind, prefix: &str) -> Vec<PathBuf> {
    let folder = root.join("items").join(kind.folder());
    if !kind.is_many() {
        return vec![folder];
    }
    let begun = shard_of_key(prefix);
    let shards = (0..=u8::MAX).map(|shard| HEXLOWER.encode(&[shard]));
    shards.filter(|shard| shard.starts_with(begun)).map(|shard| folder.join(shard)).collect()
}

/// The folder's name for a key that begins with an id; less, if there is less of the key.
fn shard_of_key(key: &str) -> &str {
    key.get(..2).unwrap_or(key)
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

/// The ids that a folder's names give, in order, and the other names.
pub(super) fn ids(folder: &Path) -> io::Result<(Vec<TipId>, Vec<String>)> {
    let (mut ids, mut others) = (Vec::new(), Vec::new());
    for file in fs::read_dir(folder)? {
        let name = file?.file_name();
        match name.to_str().and_then(id_of) {
            Some(id) => ids.push(id),
            None => others.push(name.to_string_lossy().into_owned()),
        }
    }
    ids.sort_unstable();
    others.sort_unstable();
    Ok((ids, others))
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
pub(super) fn read_format(root: &Path) -> Result<Option<u32>, StoreError> {
    let no_store = || StoreError::NotAStore { folder: root.to_owned() };
    let text = match read_file(&root.join("format"), MAX_FORMAT) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if is_begun(root)? { Ok(None) } else { Err(no_store()) };
        }
        Err(error) => return Err(error.into()),
    };
    match parse_format(&text).ok_or_else(no_store)? {
        number @ 1..=FORMAT => Ok(Some(number)),
        found => Err(StoreError::Newer { folder: root.to_owned(), found }),
    }
}

/// True of an empty folder, and of one that was left while it was being made into a store: there
/// are folders of a store's, and no file in them.
fn is_begun(root: &Path) -> io::Result<bool> {
    for name in names(root)? {
        let is_ours = match &*name {
            "lock" | "format.new" => true,
            "envelopes" | "items" | "index" | "tmp" | "quarantine" => {
                has_no_file(&root.join(&name), DEPTH)?
            }
            _ => false,
        };
        if !is_ours {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Looks as deep as a store has folders.
fn has_no_file(folder: &Path, depth: u32) -> io::Result<bool> {
    for inner in fs::read_dir(folder)? {
        let inner = inner?;
        let is_empty_folder =
            inner.file_type()?.is_dir() && depth > 0 && has_no_file(&inner.path(), depth - 1)?;
        if !is_empty_folder {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The number in a `format` file, known to this program or not; never 0.
pub(super) fn parse_format(file: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(file).ok()?;
    let number = text.strip_prefix("sealpost store ")?.strip_suffix('\n')?;
    number.parse().ok().filter(|number| *number > 0)
}

/// The last thing that a new store gets: with it, every folder is there.
fn write_format(root: &Path) -> io::Result<()> {
    let new = root.join("format.new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    writeln!(file, "sealpost store {FORMAT}")?;
    file.sync_all()?;
    fs::rename(&new, root.join("format"))?;
    sync(root)
}

/// Another process that is ending, or a child that is being started and has a copy of every open
/// file until it begins its own program, holds the lock a moment longer.
fn lock(root: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    let file =
        options.create(true).truncate(false).write(true).mode(0o600).open(root.join("lock"))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_NAP),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    Err(StoreError::Locked { folder: root.to_owned() })
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
