//! Looking through a backup, or through a store that a gateway is using. Changes nothing.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{ABOUT, About, MANIFEST, Progress, manifest::Manifest};
use crate::gateway::store::{
    Flaw, StoreError,
    files::{self, Part, Read256, Trouble},
};

/// A backup that has been looked through.
#[derive(Debug)]
pub struct Checked {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is of.
    pub about: About,
    /// One sentence for each file that is missing, foreign or damaged.
    pub troubles: Vec<String>,
    /// The files that are sound.
    pub(super) sound: Vec<(Box<str>, Part)>,
}

/// Looks through a whole backup: each file against the manifest and by its own checksum.
///
/// # Errors
/// If it is no backup, or its `backup.json` cannot be read: one sentence.
pub fn check_backup(folder: &Path, progress: Progress<'_>) -> anyhow::Result<Checked> {
    let about = About::read(folder)?;
    let mut checked =
        Checked { folder: folder.to_owned(), about, troubles: Vec::new(), sound: Vec::new() };
    let manifest = match checked.about.manifest(folder) {
        Ok(manifest) => Some(manifest),
        Err(why) => {
            checked.troubles.push(format!("{why:#}: what is missing is not known"));
            None
        }
    };
    let there = files::below(folder, "")?;
    let all = checked.about.bytes;
    let mut done = 0;
    for path in there.iter().filter(|path| ![ABOUT, MANIFEST].contains(&&***path)) {
        let listed = manifest.as_ref().map(|manifest| manifest.get(path));
        match look(folder, path, listed) {
            Ok((part, bytes)) => {
                done += bytes;
                checked.sound.push((path.as_str().into(), part));
                progress(done.min(all), all);
            }
            Err(what) => checked.troubles.push(format!("{} {what}", path.escape_debug())),
        }
    }
    let listed = manifest.as_ref().map_or(&[][..], Manifest::lines);
    let is_there = |path: &str| there.binary_search_by(|one| (**one).cmp(path)).is_ok();
    for line in listed.iter().filter(|line| !is_there(&line.path)) {
        checked.troubles.push(format!("{} is missing", line.path));
    }
    Ok(checked)
}

/// One file of a backup; `listed` is what the manifest, if there is one, says of it.
fn look(
    folder: &Path,
    path: &str,
    listed: Option<Option<[u8; 32]>>,
) -> Result<(Part, u64), String> {
    let Some(part) = Part::at(path) else { return Err("is nothing of a backup's".into()) };
    if listed == Some(None) {
        return Err("is not in the manifest".into());
    }
    let mut nobody = |_: &[u8]| Ok::<_, io::Error>(());
    match files::read_checked(folder, path, &part, &mut nobody) {
        Ok(Read256 { sha256, bytes, .. }) => match listed.flatten() {
            Some(listed) if listed != sha256 => Err("is not the file that was backed up".into()),
            _ => Ok((part, bytes)),
        },
        Err(Trouble::Flaw(flaw)) => Err(told(&flaw)),
        Err(Trouble::Taker(error)) => Err(error.to_string()),
    }
}

fn told(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Gone => "is missing".into(),
        Flaw::Damaged(reason) => format!("is damaged ({reason})"),
        Flaw::Unreadable(error) => format!("cannot be read ({error})"),
    }
}

/// Looks through a store that may be in use: what is amiss, one sentence each. Nothing is moved.
///
/// # Errors
/// A folder that is no store, or cannot be read.
pub fn check_store(store: &Path, progress: Progress<'_>) -> Result<Vec<String>, StoreError> {
    files::is_store(store)?;
    let amount = files::amount(store)?;
    let (mut done, all) = (0, amount.bytes + amount.other_bytes);
    let missing = files::missing_folders(store)?;
    let mut findings: Vec<String> = missing.iter().map(|path| files::is_missing(path)).collect();
    let foreign = |path: &str| {
        format!("{} is not the store's and was left alone: remove it", path.escape_debug())
    };
    for folder in files::folders_of_a_store() {
        for path in files::below(store, &folder)? {
            let Some(part) = Part::at(&path) else {
                findings.push(foreign(&path));
                continue;
            };
            let mut count = |piece: &[u8]| {
                done += piece.len() as u64;
                progress(done.min(all), all);
                Ok::<_, io::Error>(())
            };
            match files::read_checked(store, &path, &part, &mut count) {
                Err(Trouble::Flaw(flaw @ Flaw::Damaged(_))) => findings.push(format!(
                    "{path} {}; it will be moved to quarantine when it is asked for, or by \
                     `verify` while the gateway is stopped: check the disk, and restore the file \
                     from a backup",
                    told(&flaw)
                )),
                Err(Trouble::Flaw(flaw @ Flaw::Unreadable(_))) => findings
                    .push(format!("{path} {}: check the disk and the file's owner", told(&flaw))),
                // deleted meanwhile
                Err(Trouble::Flaw(Flaw::Gone)) | Ok(_) => {}
                Err(Trouble::Taker(error)) => return Err(error.into()),
            }
        }
    }
    findings.extend(files::strangers(store)?.iter().map(|path| foreign(path)));
    Ok(findings)
}
