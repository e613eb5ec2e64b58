//! The archive: tips that stay readable after their sealing key is destroyed, because the reviewer
//! wants them for some days more, or has not opened them yet.
//!
//! An envelope is opened and sealed anew to the wrapping key, piece by piece: its tip is never in
//! the clear on the disk. Stock age opens it: `age -d -i identity.age archive/<id>.age`.

use std::{
    fs::File,
    io::{self, BufReader, Seek as _, Write as _},
};

use super::{
    opener::{self, OpenError},
    sealing_key::SealingSecret,
    shelf::Shelf,
};
use crate::{
    clock::Day,
    random::Entropy,
    recipient::Recipient,
    seal::{CHUNK_LEN, NONCE_LEN, Recipients, TAG_LEN, form::HeaderForm, seal_stream},
    tip::TipId,
};

/// Why an envelope could not be put into the archive. It is still on the shelf then.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It does not open.
    #[error("envelope {0} cannot be archived")]
    Open(TipId, #[source] OpenError),
    /// The archive cannot be written.
    #[error("envelope {0} cannot be archived: is the disk full?")]
    Write(TipId, #[source] io::Error),
}

/// Seals a fetched envelope anew to `to` and takes it off the shelf.
///
/// # Errors
/// See [`ArchiveError`]; asking again is safe.
pub(super) fn archive(
    shelf: &Shelf,
    id: TipId,
    secrets: &[SealingSecret],
    to: &Recipient,
    entropy: &dyn Entropy,
) -> Result<(), ArchiveError> {
    let unread = |error: io::Error| ArchiveError::Open(id, error.into());
    let unwritten = |error| ArchiveError::Write(id, error);
    let mut envelope = File::open(shelf.path(id)).map_err(unread)?;
    let len = plaintext_len(&mut envelope).map_err(|error| ArchiveError::Open(id, error))?;
    let opened = opener::open(envelope, secrets).map_err(|error| ArchiveError::Open(id, error))?;
    #[expect(clippy::expect_used, reason = "one recipient is not none")]
    let to = Recipients::new(vec![to.clone()]).expect("there is one");
    let mut sealed = seal_stream(opened, len, &to, entropy);
    let mut file = shelf.begin_archive(id, entropy).map_err(unwritten)?;
    let mut copy = || -> Result<(), ArchiveError> {
        while let Some(piece) = sealed.next_chunk().map_err(unread)? {
            file.write_all(piece).map_err(unwritten)?;
        }
        shelf.complete_archive(id, &file).map_err(unwritten)
    };
    let copied = copy();
    if copied.is_err() {
        // whoever has the passphrase could open the part
        shelf.drop_archive_part(id, entropy).map_err(unwritten)?;
    }
    copied?;
    shelf.clear_sealed(id).map_err(unwritten)
}

/// How many bytes an age file holds, from its length.
fn plaintext_len(file: &mut File) -> Result<u64, OpenError> {
    let header = HeaderForm::read(&mut BufReader::new(&mut *file))?.into_text();
    let whole = file.metadata()?.len();
    file.rewind()?;
    let payload = whole.checked_sub((header.len() + NONCE_LEN) as u64);
    let payload = payload.ok_or(OpenError::Truncated)?;
    let chunks = payload.div_ceil((CHUNK_LEN + TAG_LEN) as u64);
    payload.checked_sub(chunks * TAG_LEN as u64).ok_or(OpenError::Truncated)
}

/// What the archive does with a tip that came in on `day`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// It stays until this day has passed.
    Until(Day),
    /// It stays until it is opened: nothing is thrown away unread.
    Unread,
}

impl Keeping {
    /// For a tip that came in on `day`, where opened tips are kept for `days`.
    pub fn of(shelf: &Shelf, id: TipId, days: u32, today: Day) -> Self {
        if !shelf.is_opened(id) {
            return Self::Unread;
        }
        // without a description nobody knows when it came in: its time begins today
        Self::Until(shelf.description(id).map_or(today, |listing| listing.day).plus(days))
    }

    /// True if its time is over.
    pub fn is_over(self, today: Day) -> bool {
        matches!(self, Self::Until(day) if day < today)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read as _};

    use super::*;
    use crate::{clock::Epoch, desk::EnvelopeListing, random::SystemEntropy};

    const ID: TipId = TipId([7; 16]);

    fn shelf_with(plaintext: &[u8], to: &SealingSecret) -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path().to_owned(), folder.path().join("archive"));
        let to = Recipients::new(vec![to.recipient()]).unwrap();
        let len = plaintext.len() as u64;
        let mut sealed = seal_stream(plaintext, len, &to, &SystemEntropy::new());
        let (mut file, _) = shelf.resume(ID, sealed.len()).unwrap();
        while let Some(piece) = sealed.next_chunk().unwrap() {
            file.write_all(piece).unwrap();
        }
        shelf.complete(ID, &file).unwrap();
        (folder, shelf)
    }

    #[test]
    fn an_archived_tip_opens_by_the_other_key_alone() {
        let entropy = SystemEntropy::new();
        let [sealing, wrapping] = [(); 2].map(|()| SealingSecret::generate(&entropy));
        let sealing = [sealing];
        for len in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 3 * CHUNK_LEN] {
            let plaintext = b"0123456789abcdef".repeat(len.div_ceil(16));
            let plaintext = &plaintext[..len];
            let (_folder, shelf) = shelf_with(plaintext, &sealing[0]);
            archive(&shelf, ID, &sealing, &wrapping.recipient(), &entropy).unwrap();
            assert!(!shelf.path(ID).exists());
            let archived = fs::read(shelf.archive_path(ID)).unwrap();
            assert!(opener::open(&archived[..], &sealing).is_err());
            let mut read = Vec::new();
            let opened = opener::open(&archived[..], std::slice::from_ref(&wrapping));
            opened.unwrap().read_to_end(&mut read).unwrap();
            assert!(read == plaintext, "{len}");
        }
    }

    #[test]
    fn what_does_not_open_stays_where_it_is() {
        let entropy = SystemEntropy::new();
        let sealing = [SealingSecret::generate(&entropy)];
        let (_folder, shelf) = shelf_with(&[7; 100_000], &sealing[0]);
        let mut bytes = fs::read(shelf.path(ID)).unwrap();
        let whole = bytes.clone();
        *bytes.last_mut().unwrap() ^= 1;
        for broken in [&bytes[..], &whole[..whole.len() - 1], &whole[..50], b""] {
            fs::write(shelf.path(ID), broken).unwrap();
            let to = sealing[0].recipient();
            let refused = archive(&shelf, ID, &sealing, &to, &entropy);
            assert!(matches!(refused, Err(ArchiveError::Open(..))));
            assert!(shelf.path(ID).exists() && shelf.archived().unwrap().is_empty());
            let left = fs::read_dir(shelf.archive_path(ID).parent().unwrap());
            assert_eq!(left.map_or(0, Iterator::count), 0, "nor a part of it");
        }
        fs::write(shelf.path(ID), &whole).unwrap();
        archive(&shelf, ID, &sealing, &sealing[0].recipient(), &entropy).unwrap();
        assert_eq!(shelf.archived().unwrap(), [ID]);
    }

    #[test]
    fn nothing_is_thrown_away_unread() {
        let (_folder, shelf) = shelf_with(b"", &SealingSecret::generate(&SystemEntropy::new()));
        let listing = EnvelopeListing {
            id: ID,
            day: Day(10),
            epoch: Epoch(1),
            class: 1,
            bytes: 1,
            goes: None,
        };
        shelf.describe(&listing).unwrap();
        assert_eq!(Keeping::of(&shelf, ID, 30, Day(500)), Keeping::Unread);
        assert!(!Keeping::Unread.is_over(Day(500)));
        shelf.mark_opened(ID).unwrap();
        let keeping = Keeping::of(&shelf, ID, 30, Day(500));
        assert_eq!(keeping, Keeping::Until(Day(40)));
        assert!(!keeping.is_over(Day(40)) && keeping.is_over(Day(41)));
    }
}
