//! Whether a tip could be stored now, found out by doing it.

use std::{fs, io::Write};

use super::{StoreError, file_store::Inner, folders};

impl Inner {
    /// Looks for every folder that an envelope may go to; makes and syncs a small file that never
    /// has a name, so that nothing of it is left whatever happens.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        for shard in 0..=u8::MAX {
            fs::symlink_metadata(self.folders.shard(shard))?;
        }
        let mut file = tempfile::tempfile_in(self.folders.tmp())?;
        file.write_all(b"probe\n")?;
        file.sync_all()?;
        Ok(folders::sync(&self.folders.tmp())?)
    }
}
