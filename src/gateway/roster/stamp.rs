//! Whether the publication's files have changed, told without reading them.

use std::{ffi::OsString, fs, io, os::unix::fs::MetadataExt, path::Path};

/// More entries than this are no publication folder of ours.
const MAX_ENTRIES: usize = 20_000;

/// How the publication's files look from outside: name, length, change time and inode of each. A
/// change time cannot be set back without setting the machine's clock.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp(Vec<(OsString, u64, i64, i64, u64)>);

impl Stamp {
    /// # Errors
    /// A folder that cannot be listed.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for part in ["roster", "keys"] {
            let entries = match fs::read_dir(folder.join(part)) {
                Ok(entries) => entries,
                // a newsroom without reviewers has no keys yet
                Err(error) if part == "keys" && error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries.take(MAX_ENTRIES) {
                let entry = entry?;
                let file = entry.metadata()?;
                let changed = (file.ctime(), file.ctime_nsec());
                files.push((entry.file_name(), file.len(), changed.0, changed.1, file.ino()));
            }
        }
        files.sort_unstable();
        Ok(Self(files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Stamp::of(folder.path()).is_err(), "no roster, no stamp");
        fs::create_dir(folder.path().join("roster")).unwrap();
        let file = folder.path().join("roster/0001.json");
        fs::write(&file, "one").unwrap();
        let first = Stamp::of(folder.path()).unwrap();
        assert!(first == Stamp::of(folder.path()).unwrap());
        fs::write(folder.path().join("roster/0001.sig"), "").unwrap();
        let second = Stamp::of(folder.path()).unwrap();
        assert!(first != second);
        // the same length, another file put in its place
        fs::write(folder.path().join("new"), "two").unwrap();
        fs::rename(folder.path().join("new"), file).unwrap();
        assert!(second != Stamp::of(folder.path()).unwrap());
    }
}
