//! The backup before: what it has is not copied again.

use std::{io, path::PathBuf};

use anyhow::bail;

use super::{
    About,
    manifest::Manifest,
    place::{Name, Place},
};
use crate::{
    gateway::store::files::{self, Part},
    roster::NewsroomId,
};

/// An earlier backup whose list of files is whole.
pub(super) struct Earlier {
    pub(super) name: Name,
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
}

impl Earlier {
    /// The newest backup that can be used; of those that cannot, one sentence each goes to `notes`.
    ///
    /// # Errors
    /// If the newest is another newsroom's.
    pub(super) fn newest(
        place: &Place,
        newsroom: NewsroomId,
        notes: &mut Vec<String>,
    ) -> anyhow::Result<Option<Self>> {
        for name in place.backups()?.into_iter().rev() {
            let folder = place.path(name);
            let about = match About::read(&folder) {
                Ok(about) => about,
                Err(why) => {
                    notes.push(format!("the backup {name} cannot be used: {why:#}"));
                    continue;
                }
            };
            if about.newsroom != newsroom.to_string() {
                bail!(
                    "{}: the backups there are of another newsroom; name another folder",
                    place.folder.display()
                );
            }
            match about.manifest(&folder) {
                Ok(manifest) => return Ok(Some(Self { name, folder, manifest })),
                Err(why) => notes.push(format!("the backup {name} cannot be used: {why:#}")),
            }
        }
        Ok(None)
    }

    /// True if this backup still holds the file as it was when the backup was made.
    pub(super) fn has_whole(&self, path: &str, part: &Part) -> bool {
        let mut nobody = |_: &[u8]| Ok::<_, io::Error>(());
        let read = files::read_checked(&self.folder, path, part, &mut nobody);
        read.is_ok_and(|read| self.manifest.get(path) == Some(read.sha256))
    }
}
