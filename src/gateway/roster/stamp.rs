//! Whether the publication's files have changed, told without reading them.

use std::{ffi::OsString, fs, io, path::Path};

use crate::disk;

/// More entries than this are no publication folder of ours.
const MAX_ENTRIES: usize = 20_000;

/// How the publication's files look from outside, by name.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp(Vec<(OsString, disk::Stamp)>);

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
                files.push((entry.file_name(), disk::Stamp::from(&entry.metadata()?)));
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
        fs::write(folder.path().join("roster/0001.json"), "one").unwrap();
        let first = Stamp::of(folder.path()).unwrap();
        assert!(first == Stamp::of(folder.path()).unwrap());
        fs::write(folder.path().join("roster/0001.sig"), "").unwrap();
        assert!(first != Stamp::of(folder.path()).unwrap());
    }
}
