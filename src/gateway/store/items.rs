//! The small files beside envelopes, added, removed and read.

use std::{fs, io, path::Path};

use super::{
    StoreError,
    file_store::{Inner, lock},
    folders,
    item::{self, Kind},
    new_file::NewFile,
};
use crate::clock::Day;

impl Inner {
    pub(super) fn put_item(&self, kind: Kind, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let content = item::encode(kind, key, bytes)?;
        let path = self.folders.item(kind, key);
        let _one = lock(&self.items);
        match folders::read_file(&path, item::MAX_FILE) {
            Ok(stored) if stored == content => {
                // it may have been put there by a call that could not make it durable
                return Ok(sync_folder_of(&path)?);
            }
            Ok(_) => {
                // some callers are content with what is there: it must stay there
                sync_folder_of(&path)?;
                return Err(StoreError::Conflict);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        if self.folders.free()? < content.len() as u64 {
            return Err(StoreError::Full);
        }
        Ok(self.write_item(&path, &content)?)
    }

    pub(super) fn remove_item(&self, kind: Kind, key: &str) -> Result<(), StoreError> {
        if !item::is_key(kind, key) {
            return Ok(());
        }
        let path = self.folders.item(kind, key);
        let _one = lock(&self.items);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(sync_folder_of(&path)?),
        }
    }

    pub(super) fn write_item(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut file = NewFile::create(&self.folders, &*self.entropy)?;
        file.write(content)?;
        file.finish(Day(0), None)?.place(path, None)
    }

    /// The items whose key begins with `prefix`, in order of key.
    pub(super) fn items(
        &self,
        kind: Kind,
        prefix: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut items = Vec::new();
        for folder in self.folders.item_folders(kind, prefix) {
            for key in folders::names(&folder)? {
                let path = folder.join(&key);
                let is_asked_for = item::is_key(kind, &key) && key.starts_with(prefix);
                if !is_asked_for || path != self.folders.item(kind, &key) {
                    continue;
                }
                let file = match folders::read_file(&path, item::MAX_FILE) {
                    // removed since the folder was read
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    file => file?,
                };
                match item::decode(kind, &key, &file) {
                    Some(content) => items.push((key, content.to_owned())),
                    None => {
                        let finding = self.quarantine(&path, "its checksum is wrong");
                        self.note(finding);
                    }
                }
            }
        }
        Ok(items)
    }
}

fn sync_folder_of(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), folders::sync)
}
