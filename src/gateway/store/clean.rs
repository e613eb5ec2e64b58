//! What a store leaves behind when it is closed well, so that the next opening need not look at
//! every name.
//!
//! ```text
//! offset  length
//!      0       8  "sealcln\n"
//!      8       2  version, 1
//!     10       6  zero
//!     16       8  envelopes stored
//!     24       8  bytes of their files
//!     32       8  envelopes missing
//!     40       4  1 if there is a highest epoch, else 0
//!     44       4  the highest epoch, or zero
//!     48      32  SHA-256 of the folders' inode numbers and times
//!     80      32  SHA-256 of the index's files
//!    112      32  SHA-256 of bytes 0 to 111
//! ```
//!
//! Integers are unsigned and big-endian. The folders' times are kept as a digest only, so that the
//! file tells none. It is removed, durably, before anything is changed: whoever finds it whole and
//! in agreement with the folders and the index knows that nobody has touched either since.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use ring::digest::{Context, SHA256, digest};

use super::{
    file_store::finished,
    folders::{self, Folders},
    ledger::Ledger,
    take,
};
use crate::clock::Epoch;

/// Bytes of the file.
pub const LEN: usize = 144;
/// Bytes that its checksum covers; the checksum follows them.
pub const CHECKED: usize = 112;

const MAGIC: &[u8; 8] = b"sealcln\n";
const VERSION: u16 = 1;
const PIECE: usize = 256 << 10;

/// The numbers of a store that was closed well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clean {
    /// Envelopes stored.
    pub envelopes: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Envelopes that lay in quarantine.
    pub missing: u64,
    /// The highest epoch of those stored.
    pub highest_epoch: Option<Epoch>,
    /// What the folders' inode numbers and times hashed to.
    pub folders: [u8; 32],
    /// What the index's files hashed to.
    pub index: [u8; 32],
}

impl Clean {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_be_bytes());
        bytes.extend([0; 6]);
        for number in [self.envelopes, self.bytes, self.missing] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(u32::from(self.highest_epoch.is_some()).to_be_bytes());
        bytes.extend(self.highest_epoch.map_or(0, |epoch| epoch.0).to_be_bytes());
        bytes.extend(self.folders);
        bytes.extend(self.index);
        let sum = digest(&SHA256, &bytes);
        bytes.extend(sum.as_ref());
        bytes
    }

    /// Reads the file, strictly; `None` of anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = &mut &bytes[..];
        if take(rest)? != *MAGIC || u16::from_be_bytes(take(rest)?) != VERSION {
            return None;
        }
        take::<6>(rest)?;
        let mut number = || Some(u64::from_be_bytes(take(rest)?));
        let (envelopes, bytes_of_files, missing) = (number()?, number()?, number()?);
        let has_epoch = u32::from_be_bytes(take(rest)?) == 1;
        let epoch = Epoch(u32::from_be_bytes(take(rest)?));
        let highest_epoch = has_epoch.then_some(epoch);
        let (folders, index) = (take(rest)?, take(rest)?);
        let clean =
            Self { envelopes, bytes: bytes_of_files, missing, highest_epoch, folders, index };
        // one way to write it: covers the checksum, the zeros and the length
        (clean.encode() == bytes).then_some(clean)
    }
}

/// Takes the file away, durably, and gives what it said if the folders and the index are still as
/// it says. Nothing else may have been changed before.
///
/// # Errors
/// A file that cannot be removed.
pub(super) fn take_away(folders: &Folders) -> io::Result<Option<Clean>> {
    let path = folders.clean();
    let read = folders::read_file(&path, LEN);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        removed => removed?,
    }
    folders::sync(folders.root())?;
    let clean = read.ok().and_then(|bytes| Clean::parse(&bytes));
    Ok(clean.filter(|clean| {
        stamp(folders).is_ok_and(|stamp| stamp == clean.folders)
            && hash_of(&folders.index()).is_ok_and(|index| index == clean.index)
    }))
}

/// Leaves the file behind. The index must be closed, and nobody may change anything any more.
pub(super) fn leave(folders: &Folders, ledger: &Ledger) -> io::Result<()> {
    let clean = Clean {
        envelopes: ledger.envelopes,
        bytes: ledger.bytes,
        missing: ledger.missing,
        highest_epoch: ledger.highest_epoch,
        folders: stamp(folders)?,
        index: hash_of(&folders.index())?,
    };
    let path = folders.clean();
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&clean.encode())?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    folders::sync(folders.root())
}

/// Changes whenever a name in one of the folders does.
fn stamp(folders: &Folders) -> io::Result<[u8; 32]> {
    let mut sum = Context::new(&SHA256);
    for folder in folders.watched() {
        let found = fs::symlink_metadata(folder)?;
        sum.update(&found.ino().to_be_bytes());
        for time in [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()] {
            sum.update(&time.to_be_bytes());
        }
    }
    Ok(finished(sum))
}

/// SHA-256 of all files in a folder: sled opens some damaged files without a word, and a part of
/// what was in them.
fn hash_of(folder: &Path) -> io::Result<[u8; 32]> {
    let mut sum = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    for path in files_in(folder)? {
        let name = path.strip_prefix(folder).unwrap_or(&path).as_os_str().as_encoded_bytes();
        let mut file = folders::open_file(&path)?;
        sum.update(&(name.len() as u64).to_be_bytes());
        sum.update(name);
        sum.update(&file.metadata()?.len().to_be_bytes());
        add(&mut sum, &mut file, &mut piece)?;
    }
    Ok(finished(sum))
}

fn add(sum: &mut Context, file: &mut File, piece: &mut [u8]) -> io::Result<()> {
    loop {
        match file.read(piece) {
            Ok(0) => return Ok(()),
            Ok(read) => sum.update(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for name in folders::names(folder)? {
        let path = folder.join(name);
        if fs::symlink_metadata(&path)?.is_dir() {
            files.extend(files_in(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean() -> impl Strategy<Value = Clean> {
        (any::<[u64; 3]>(), any::<Option<u32>>(), any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(
            |([envelopes, bytes, missing], epoch, folders, index)| Clean {
                envelopes,
                bytes,
                missing,
                highest_epoch: epoch.map(Epoch),
                folders,
                index,
            },
        )
    }

    /// Gives the bytes a checksum that fits, so that the fields before it are reached.
    fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(CHECKED);
        let sum = digest(&SHA256, &bytes);
        bytes.extend(sum.as_ref());
        bytes
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(clean in clean()) {
            let bytes = clean.encode();
            prop_assert_eq!(bytes.len(), LEN);
            prop_assert_eq!(Clean::parse(&bytes), Some(clean));
        }

        #[test]
        fn any_damage_is_noticed(clean in clean(), at in 0..LEN, bit in 0..8, cut: bool) {
            let mut bytes = clean.encode();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1_u8 << bit;
            }
            prop_assert_eq!(Clean::parse(&bytes), None);
        }

        #[test]
        fn there_is_one_way_to_write_it(clean in clean(), at in 0..CHECKED, with: u8) {
            let mut bytes = clean.encode();
            bytes[at] = with;
            let bytes = resealed(bytes);
            if let Some(read) = Clean::parse(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            prop_assert_eq!(Clean::parse(&bytes), None);
        }
    }
}
