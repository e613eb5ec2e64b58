//! Files as Sealpost writes them: private from their creation, whole or absent.
//!
//! A file is written beside its place under another name, synced, renamed into its place, and the
//! folder is synced: whoever looks sees the old file or the new one, after a power loss too. Names
//! that begin with a dot and end in `.new` are what a crash can leave of that; they may be deleted.

use std::{
    ffi::OsString,
    fs::{DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
};

use crate::random::Entropy;

/// Writes `bytes` to a new file of mode 0600 (created with that mode, not changed to it), syncs it
/// and renames it into place, then syncs the folder. What was at `path` before is replaced.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, 0o600, rename)
}

/// As [`write_private`], but what is at `path` already stays there: that is `AlreadyExists`.
pub fn write_new_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, 0o600, |beside, path| {
        std::fs::hard_link(beside, path).and_then(|()| std::fs::remove_file(beside))
    })
}

/// As [`write_private`], with mode 0644 (less the process's umask), for what is public.
pub fn write_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, 0o644, rename)
}

/// Creates a folder (and its parents) of mode 0700 and syncs it into its parent; an existing folder
/// is left as it is.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let create = || DirBuilder::new().mode(0o700).create(path);
    let outcome = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            private_folder(parent(path)).and_then(|()| create())
        }
        outcome => outcome,
    };
    match outcome {
        Ok(()) => sync_folder(parent(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes what was created, renamed or removed in a folder survive a power loss.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Overwrites a file with random bytes, syncs it, removes it and syncs its folder. What an SSD, a
/// journal or a file system's snapshot keeps of it is out of reach.
///
/// # Errors
/// If any of that fails; asking again is safe. A file that is not there is no error.
pub fn destroy(path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let mut left = file.metadata()?.len();
    let mut noise = vec![0; 64 * 1024];
    while left > 0 {
        let length = usize::try_from(left).map_or(noise.len(), |left| left.min(noise.len()));
        let piece = noise.get_mut(..length).unwrap_or_default();
        entropy.fill(piece);
        file.write_all(piece)?;
        left -= length as u64;
    }
    file.sync_all()?;
    std::fs::remove_file(path)?;
    sync_folder(parent(path))
}

/// Reads a file of at most `limit` bytes; a longer one is `InvalidData`. A file of known size is
/// read into a buffer that does not grow, so that a key leaves no copies in memory.
pub fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len().min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(size).map_or(0, |size| size + 1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let why = format!("the file is longer than the {limit} bytes that it may have");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(bytes)
}

/// True if group or others have any access to the file.
pub fn is_exposed(path: &Path) -> io::Result<bool> {
    Ok(path.metadata()?.mode() & 0o077 != 0)
}

/// How a file looks from outside: length, change time and inode. A change time cannot be set back
/// without setting the machine's clock.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    length: u64,
    changed: (i64, i64),
    inode: u64,
}

impl Stamp {
    /// Of the file that `path` leads to.
    pub fn of(path: &Path) -> io::Result<Self> {
        path.metadata().map(|file| Self::from(&file))
    }
}

impl From<&Metadata> for Stamp {
    fn from(file: &Metadata) -> Self {
        let changed = (file.ctime(), file.ctime_nsec());
        Self { length: file.len(), changed, inode: file.ino() }
    }
}

/// `place` gives the finished file its name.
fn write(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    place: fn(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let (beside, mut file) = create_beside(path, mode)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| place(&beside, path));
    if let Err(error) = written {
        // the first error is the one to tell; the file is left if it cannot be removed either
        let _ = std::fs::remove_file(&beside);
        return Err(error);
    }
    sync_folder(parent(path))
}

fn rename(beside: &Path, path: &Path) -> io::Result<()> {
    std::fs::rename(beside, path)
}

/// A new file in the same folder, under a name that nothing else has.
fn create_beside(path: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    for attempt in 0_u32.. {
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(format!(".{}.{attempt}.new", process::id()));
        let beside = path.with_file_name(beside);
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            outcome => return outcome.map(|file| (beside, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The folder that a path lies in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_private_or_public_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (private, public) = (folder.path().join("key"), folder.path().join("roster"));
        write_private(&private, b"secret").unwrap();
        write_public(&public, b"known").unwrap();
        assert_eq!(mode(&private), 0o600);
        assert!(!is_exposed(&private).unwrap());
        assert!(is_exposed(&public).unwrap());
        assert_eq!(names(folder.path()), ["key", "roster"]);
        assert_eq!(fs::read(&private).unwrap(), b"secret");
    }

    #[test]
    fn a_file_that_was_there_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("file"), folder.path().join("target"));
        fs::write(&target, b"of someone else").unwrap();
        symlink(&target, &file).unwrap();
        write_private(&file, b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"of someone else");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        write_private(&file, b"").unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(fs::read(&file).unwrap(), b"");
    }

    #[test]
    fn a_destroyed_file_is_gone_under_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("key"), folder.path().join("other name"));
        let content = b"secret ".repeat(20_000);
        write_private(&file, &content).unwrap();
        fs::hard_link(&file, &other).unwrap();
        let entropy = crate::random::SystemEntropy::new();
        destroy(&file, &entropy).unwrap();
        assert!(!file.exists());
        let left = fs::read(&other).unwrap();
        assert_eq!(left.len(), content.len());
        assert!(!left.windows(7).any(|bytes| bytes == b"secret "));
        destroy(&file, &entropy).unwrap();
    }

    #[test]
    fn a_new_file_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        write_new_private(&file, b"first").unwrap();
        assert_eq!(mode(&file), 0o600);
        let refused = write_new_private(&file, b"second").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["key"]);
    }

    #[test]
    fn a_changed_file_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(Stamp::of(&file).is_err());
        write_private(&file, b"one").unwrap();
        let first = Stamp::of(&file).unwrap();
        assert!(first == Stamp::of(&file).unwrap());
        // the same length, another file put in its place
        fs::write(folder.path().join("new"), b"two").unwrap();
        fs::rename(folder.path().join("new"), &file).unwrap();
        assert!(first != Stamp::of(&file).unwrap());
    }

    #[test]
    fn what_a_crash_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let leftover = format!(".file.{}.0.new", process::id());
        fs::write(folder.path().join(&leftover), b"half").unwrap();
        write_private(&folder.path().join("file"), b"whole").unwrap();
        assert_eq!(names(folder.path()), [OsString::from(leftover), OsString::from("file")]);
    }

    #[test]
    fn a_write_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // a folder cannot be replaced by a file
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        assert!(write_private(&taken, b"bytes").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
        assert!(write_private(&folder.path().join("missing/file"), b"bytes").is_err());
        assert!(write_private(Path::new("/"), b"bytes").is_err());
    }

    #[test]
    fn folders_are_private_with_their_parents() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        private_folder(&deep).unwrap();
        for made in ["a", "a/b", "a/b/c"] {
            assert_eq!(mode(&folder.path().join(made)), 0o700, "{made}");
        }
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&open).unwrap();
        assert_eq!(mode(&open), 0o755);
        sync_folder(&open).unwrap();

        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(private_folder(&folder.path().join("file")).is_err());
        assert!(private_folder(&folder.path().join("file/below")).is_err());
        assert!(sync_folder(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn reading_has_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"12345").unwrap();
        assert_eq!(read_limited(&file, 5).unwrap(), b"12345");
        assert_eq!(read_limited(&file, u64::MAX).unwrap(), b"12345");
        assert_eq!(read_limited(&file, 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // a file that does not say how long it is
        let endless = read_limited(Path::new("/dev/zero"), 1000);
        assert_eq!(endless.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let missing = read_limited(&folder.path().join("missing"), 5);
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_known_size_is_read_without_growing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, [1; 1000]).unwrap();
        assert_eq!(read_limited(&file, 1 << 20).unwrap().capacity(), 1001);
    }
}
