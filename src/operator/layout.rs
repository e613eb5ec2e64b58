//! Where everything lies in the operator's folder.
//!
//! ```text
//! newsroom_key        0600, OpenSSH's format, under a passphrase; absent if the key is kept elsewhere
//! newsroom_key.pub    the first key's public half: what everybody pins, also after a change of key
//! newsroom_key_2 …    the keys after it, likewise
//! addresses.json      0600, reviewers' mail addresses; for the gateway only
//! publication/        for everybody: see crate::publication
//! pending/            a next roster that waits for its signature: see super::pending
//! finishing/          the same, signed, while it is put into its place
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{OperatorError, newsroom_secret::COMMENT};
use crate::{
    disk, publication,
    roster::{AddressBook, NewsroomId, NewsroomKey, Publication},
};

const MAX_FILE: u64 = 256 * 1024;
const FIRST_KEY: &str = "newsroom_key";

/// The operator's folder.
#[derive(Clone)]
pub(super) struct Layout {
    pub(super) dir: PathBuf,
}

impl Layout {
    pub(super) fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(super) fn publication(&self) -> PathBuf {
        self.dir.join("publication")
    }

    pub(super) fn addresses(&self) -> PathBuf {
        self.dir.join("addresses.json")
    }

    pub(super) fn pending(&self) -> PathBuf {
        self.dir.join("pending")
    }

    pub(super) fn finishing(&self) -> PathBuf {
        self.dir.join("finishing")
    }

    /// That no newsroom has begun here.
    pub(super) fn none_there(&self) -> Result<(), OperatorError> {
        let private = self.dir.join(FIRST_KEY);
        let files = [private.with_extension("pub"), private, self.addresses(), self.publication()];
        match files.into_iter().find(|path| path.exists()) {
            Some(there) => Err(OperatorError::Exists(there)),
            None => Ok(()),
        }
    }

    /// The newsroom whose folder this is: its first key's fingerprint.
    pub(super) fn newsroom(&self) -> Result<NewsroomId, OperatorError> {
        first_key(&self.dir)
    }

    pub(super) fn read_publication(&self, pin: NewsroomId) -> Result<Publication, OperatorError> {
        let read = publication::read(&self.publication()).map_err(OperatorError::Publication)?;
        Ok(read.verify(pin)?)
    }

    pub(super) fn read_addresses(&self) -> Result<AddressBook, OperatorError> {
        Ok(AddressBook::parse(&read(&self.addresses())?)?)
    }

    /// The private half of `key`, if its file is here.
    pub(super) fn private_key(&self, key: &NewsroomKey) -> Option<PathBuf> {
        let (private, _) = self.keys().into_iter().find(|(_, public)| public == key)?;
        private.exists().then_some(private)
    }

    /// The private halves that are here although their keys are none of `in_use`.
    pub(super) fn outlived_keys(&self, in_use: &[&NewsroomKey]) -> Vec<PathBuf> {
        let keys = self.keys().into_iter();
        let outlived = keys.filter(|(private, key)| !in_use.contains(&key) && private.exists());
        outlived.map(|(private, _)| private).collect()
    }

    /// The keys whose public halves are here, each with the place of its private half.
    fn keys(&self) -> Vec<(PathBuf, NewsroomKey)> {
        // a folder that is not there yet has no keys
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let publics = entries.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(FIRST_KEY) && name.ends_with(".pub")
        });
        let mut keys: Vec<_> = publics
            .filter_map(|public| Some((public.with_extension(""), read_public_key(&public).ok()?)))
            .collect();
        keys.sort_by(|one, other| one.0.cmp(&other.0));
        keys
    }

    /// A name for the file of a key that is not here yet.
    pub(super) fn free_key_name(&self) -> String {
        let taken = |name: &String| {
            let private = self.dir.join(name);
            private.exists() || private.with_extension("pub").exists()
        };
        let first = FIRST_KEY.to_owned();
        let mut names = [first].into_iter().chain((2_u32..).map(|n| format!("{FIRST_KEY}_{n}")));
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    pub(super) fn knows(&self, key: &NewsroomKey) -> bool {
        self.keys().iter().any(|(_, known)| known == key)
    }

    pub(super) fn sync(&self) -> Result<(), OperatorError> {
        at(&self.dir, disk::sync_folder(&self.dir))
    }

    /// Drops a folder as a whole: it is gone under its name before its files are removed.
    pub(super) fn drop_folder(&self, folder: &Path) -> Result<(), OperatorError> {
        let dropped = dropped(folder);
        remove_folder(&dropped)?;
        at(folder, fs::rename(folder, &dropped))?;
        self.sync()?;
        remove_folder(&dropped)
    }

    /// Removes what a crash left of folders that were dropped; true if what was left had been put
    /// into its place before.
    pub(super) fn clear_dropped(&self) -> Result<bool, OperatorError> {
        let finished = dropped(&self.finishing());
        let was_finished = finished.exists();
        remove_folder(&finished)?;
        remove_folder(&dropped(&self.pending()))?;
        Ok(was_finished)
    }
}

fn dropped(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}"))
}

/// The newsroom of the first key's public half in `folder`.
pub(super) fn first_key(folder: &Path) -> Result<NewsroomId, OperatorError> {
    Ok(read_public_key(&folder.join(FIRST_KEY).with_extension("pub"))?.id())
}

/// Reads an OpenSSH public key file.
pub(super) fn read_public_key(path: &Path) -> Result<NewsroomKey, OperatorError> {
    let file = read(path)?;
    let key = NewsroomKey::from_public_key_file(&String::from_utf8_lossy(&file));
    key.map_err(|error| OperatorError::Input { path: path.to_owned(), error })
}

/// The content of a public key file.
pub(super) fn public_key_file(key: &NewsroomKey) -> String {
    format!("{key} {COMMENT}\n")
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, OperatorError> {
    at(path, disk::read_limited(path, MAX_FILE))
}

pub(super) fn remove_folder(folder: &Path) -> Result<(), OperatorError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => at(folder, Err(error)),
        _ => Ok(()),
    }
}

pub(super) fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, OperatorError> {
    result.map_err(|error| OperatorError::File { path: path.to_owned(), error })
}
