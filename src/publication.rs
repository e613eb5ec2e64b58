//! The publication folder on disk: what the operator hands out and everybody else reads.
//!
//! ```text
//! roster/0001.json  roster/0001.sig  roster/0002.json …   the whole chain
//! keys/mina.json …                                        a batch of sealing keys per reviewer
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    disk,
    roster::{
        MAX_DOCUMENT, MAX_VERSION, NewsroomId, ReviewerName, RosterError, SignedRoster,
        UntrustedPublication, sshsig::MAX_SIGNATURE_FILE,
    },
};

/// The most files of sealing keys that are read. Reviewers can be 256; the rest is for those who
/// left and whose files nobody removed.
const MAX_BATCHES: usize = 1_024;

/// A public key file holds one line.
const MAX_PUBLIC_KEY: u64 = 16 * 1024;

/// Reads `roster/NNNN.json`, `roster/NNNN.sig` and `keys/<reviewer>.json`, with limits of size and
/// number. Other files are left alone. Nothing is checked yet: see [`UntrustedPublication::verify`].
///
/// # Errors
/// A missing, unreadable or oversized file, named in the error's text.
pub fn read(folder: &Path) -> io::Result<UntrustedPublication> {
    let rosters = read_rosters(&folder.join("roster"))?;
    let batches = read_batches(folder)?;
    Ok(UntrustedPublication { rosters, batches })
}

/// Why a newsroom's key could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The file is not there or not readable.
    #[error("{0}; give the newsroom key's fingerprint (SHA256:…) or its public key file")]
    Unreadable(#[from] io::Error),
    /// The file, or the text, is no key.
    #[error(transparent)]
    NotAKey(#[from] RosterError),
}

/// The newsroom that an option `--newsroom-key FILE|FINGERPRINT` names.
///
/// # Errors
/// If it is neither a fingerprint nor a file with a public key.
pub fn read_pin(file_or_fingerprint: &str) -> Result<NewsroomId, PinError> {
    if file_or_fingerprint.starts_with("SHA256:") {
        return Ok(file_or_fingerprint.parse()?);
    }
    let file = read_named(Path::new(file_or_fingerprint), MAX_PUBLIC_KEY)?;
    let text = String::from_utf8(file).map_err(|_| RosterError::NotANewsroomKey)?;
    Ok(NewsroomId::from_fingerprint_or_public_key(&text)?)
}

/// Adds version `version` of the roster. The signature comes first, so that a reader who looks in
/// between sees the version before.
///
/// # Errors
/// Failed writes, and a version that is there already: rosters are never replaced.
pub fn add_roster(folder: &Path, version: u32, signed: &SignedRoster) -> io::Result<()> {
    let (json, signature) = roster_files(&folder.join("roster"), version);
    if json.exists() {
        return Err(named(&json, io::ErrorKind::AlreadyExists.into()));
    }
    make_folder(&folder.join("roster"))?;
    write(&signature, &signed.1)?;
    write(&json, &signed.0)
}

/// As [`add_roster`], for a step that a crash may have interrupted: the very same version may be
/// there already.
///
/// # Errors
/// Failed writes, and another roster of this version.
pub fn add_roster_again(folder: &Path, version: u32, signed: &SignedRoster) -> io::Result<()> {
    let (json, signature) = roster_files(&folder.join("roster"), version);
    if json.exists()
        && read_named(&json, MAX_DOCUMENT as u64)? == signed.0
        && read_named(&signature, MAX_SIGNATURE_FILE as u64)? == signed.1
    {
        return Ok(());
    }
    add_roster(folder, version, signed)
}

/// Writes a reviewer's batch of sealing keys.
pub fn put_batch(folder: &Path, reviewer: &ReviewerName, batch: &[u8]) -> io::Result<()> {
    make_folder(&folder.join("keys"))?;
    write(&batch_file(folder, reviewer), batch)
}

/// Removes the sealing keys of a reviewer who left; nothing happens if there are none.
pub fn remove_batch(folder: &Path, reviewer: &ReviewerName) -> io::Result<()> {
    let path = batch_file(folder, reviewer);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(&path, error)),
        _ => Ok(()),
    }
}

fn read_rosters(folder: &Path) -> io::Result<Vec<SignedRoster>> {
    let mut rosters = Vec::new();
    for version in 1..=MAX_VERSION {
        let (json, signature) = roster_files(folder, version);
        if !json.try_exists().map_err(|error| named(&json, error))? {
            break;
        }
        let json = read_named(&json, MAX_DOCUMENT as u64)?;
        rosters.push((json, read_named(&signature, MAX_SIGNATURE_FILE as u64)?));
    }
    // a version after a gap must not go unseen: it would look like an older publication
    let stray = versions(folder)?.into_iter().find(|version| *version as usize > rosters.len());
    if let Some(stray) = stray {
        let missing = rosters.len() + 1;
        let text = format!(
            "roster/{missing:04}.json is missing although roster/{stray:04}.json is there; ask for \
             the whole publication"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(rosters)
}

/// The versions of which there is a `NNNN.json`.
fn versions(folder: &Path) -> io::Result<Vec<u32>> {
    let mut versions = Vec::new();
    for name in json_files(folder)? {
        let digits = name.len() == 4 && name.bytes().all(|b| b.is_ascii_digit());
        versions.extend(name.parse::<u32>().ok().filter(|version| digits && *version > 0));
    }
    versions.sort_unstable();
    Ok(versions)
}

/// Reads `keys/<reviewer>.json` alone, as [`read`] does.
pub fn read_batches(folder: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let folder = &folder.join("keys");
    let names = if folder.try_exists()? { json_files(folder)? } else { Vec::new() };
    if names.len() > MAX_BATCHES {
        let text = "keys/ holds more than 1024 files; this is no publication";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut batches = BTreeMap::new();
    for name in names {
        let batch = read_named(&folder.join(format!("{name}.json")), MAX_DOCUMENT as u64)?;
        batches.insert(name, batch);
    }
    Ok(batches)
}

/// The names of a folder's visible `.json` files, without that ending.
fn json_files(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| named(folder, error))? {
        let name = entry?.file_name();
        // a name that is not Unicode is not one that we gave
        let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
        names.extend(name.filter(|name| !name.starts_with('.')).map(str::to_owned));
    }
    Ok(names)
}

fn roster_files(folder: &Path, version: u32) -> (PathBuf, PathBuf) {
    let file = |ending| folder.join(format!("{version:04}.{ending}"));
    (file("json"), file("sig"))
}

fn batch_file(folder: &Path, reviewer: &ReviewerName) -> PathBuf {
    folder.join("keys").join(format!("{reviewer}.json"))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(|error| named(folder, error))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    disk::write_public(path, bytes).map_err(|error| named(path, error))
}

fn read_named(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    disk::read_limited(path, limit).map_err(|error| named(path, error))
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::testing::{Newsroom, Person};

    /// A folder with three versions of a roster and the keys of mina, who is on it.
    fn folder() -> (tempfile::TempDir, Newsroom) {
        let folder = tempfile::tempdir().unwrap();
        let newsroom = Newsroom::new(1);
        let mina = Person::new("mina");
        let mut publication = newsroom.publication();
        newsroom.extend(&mut publication, |next| next.with_reviewer(mina.name(), mina.identity()));
        newsroom.extend(&mut publication, |next| next);
        for (version, signed) in (1..).zip(&publication.rosters) {
            add_roster(folder.path(), version, signed).unwrap();
        }
        put_batch(folder.path(), &mina.name(), &mina.batch()).unwrap();
        (folder, newsroom)
    }

    #[test]
    fn a_folder_reads_as_it_was_written() {
        let (folder, newsroom) = folder();
        fs::write(folder.path().join("roster/README"), "not ours").unwrap();
        fs::write(folder.path().join("keys/.hidden.json"), "not ours").unwrap();
        let publication = read(folder.path()).unwrap().verify(newsroom.id()).unwrap();
        assert_eq!(publication.roster().version(), 3);
        assert!(publication.refused().is_empty());
        let mina = Person::new("mina").name();
        assert!(publication.batch(&mina).is_some());

        remove_batch(folder.path(), &mina).unwrap();
        remove_batch(folder.path(), &mina).unwrap();
        assert!(read(folder.path()).unwrap().batches.is_empty());
    }

    #[test]
    fn a_roster_is_never_replaced() {
        let (folder, _) = folder();
        let again = add_roster(folder.path(), 2, &(b"{}".to_vec(), Vec::new()));
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);

        let read = read(folder.path()).unwrap();
        add_roster_again(folder.path(), 2, &read.rosters[1]).unwrap();
        let other = (read.rosters[1].0.clone(), read.rosters[2].1.clone());
        for other in [&other, &read.rosters[2]] {
            let refused = add_roster_again(folder.path(), 2, other).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        }
    }

    #[test]
    fn what_is_missing_or_too_large_is_named() {
        let refusal = |change: &dyn Fn(&Path)| {
            let (folder, _) = folder();
            change(folder.path());
            read(folder.path()).err().unwrap().to_string()
        };
        let gap = refusal(&|folder| fs::remove_file(folder.join("roster/0002.json")).unwrap());
        assert!(gap.starts_with("roster/0002.json is missing"), "{gap}");
        let unsigned = refusal(&|folder| fs::remove_file(folder.join("roster/0003.sig")).unwrap());
        assert!(unsigned.contains("roster/0003.sig"), "{unsigned}");
        let none = refusal(&|folder| fs::remove_dir_all(folder.join("roster")).unwrap());
        assert!(none.contains("roster"), "{none}");
        let large = vec![b' '; MAX_DOCUMENT + 1];
        for name in ["roster/0001.json", "keys/mina.json", "roster/0001.sig"] {
            let refused = refusal(&|folder| fs::write(folder.join(name), &large).unwrap());
            assert!(refused.contains(name), "{refused}");
        }
    }

    #[test]
    fn a_pin_is_a_fingerprint_or_a_public_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let newsroom = Newsroom::new(1);
        let file = folder.path().join("newsroom_key.pub");
        fs::write(&file, format!("{} comment\n", newsroom.key())).unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(read_pin(file).unwrap(), newsroom.id());
        assert_eq!(read_pin(&newsroom.id().to_string()).unwrap(), newsroom.id());
        assert!(matches!(read_pin("SHA256:abc"), Err(PinError::NotAKey(_))));
        assert!(matches!(read_pin("/nonexistent"), Err(PinError::Unreadable(_))));
    }
}
