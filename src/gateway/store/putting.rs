//! A new envelope's way into the store.

use std::{
    io,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ring::digest::{Context, SHA256};

use super::{
    Entry, StoreError,
    file_store::{Inner, finished},
    header::{self, EnvelopeHeader},
    ledger::Reservation,
    new_file::NewFile,
};
use crate::{clock::Day, seal::Envelope, tip::TipId};

/// A large envelope is sent to the disk in parts of this many bytes while it is being written.
const WRITE_BACK: u64 = 64 << 20;

impl Inner {
    pub(super) fn put(
        &self,
        mut envelope: Envelope,
        day: Day,
        given_up: &AtomicBool,
    ) -> Result<TipId, StoreError> {
        let bytes = envelope.len();
        let mut reserved =
            self.reserve(bytes.saturating_add(header::LEN_U64), envelope.has_files())?;
        let id = TipId(crate::random::bytes(&*self.entropy));
        let place = self.folders.envelope(id);
        if place.try_exists()? {
            return Err(io::Error::other("a new random id is in use already").into());
        }
        let mut file = NewFile::create(&self.folders, &*self.entropy)?;
        let sha256 = self.write_body(&mut file, &mut envelope, &mut reserved, given_up)?;
        let entry = Entry { id, day, epoch: envelope.epoch(), class: envelope.class(), bytes };
        let header = EnvelopeHeader { entry, sha256 };
        file.write_head(&header.encode())?;
        let file = file.finish(day)?;
        wanted(given_up)?;

        let _changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        file.place(&place)?;
        reserved.stored(header.entry.epoch);
        self.with_index(|index| index.insert(&header.entry));
        Ok(id)
    }

    /// Writes room for the header, then the age file; gives its SHA-256.
    fn write_body(
        &self,
        file: &mut NewFile,
        envelope: &mut Envelope,
        reserved: &mut Reservation<'_>,
        given_up: &AtomicBool,
    ) -> Result<[u8; 32], StoreError> {
        let promised = envelope.len();
        let mut sum = Context::new(&SHA256);
        let (mut written, mut waiting) = (0, 0);
        file.write(&[0; header::LEN])?;
        while let Some(chunk) = envelope.next_chunk()? {
            wanted(given_up)?;
            sum.update(chunk);
            file.write(chunk)?;
            reserved.wrote(chunk.len() as u64);
            written += chunk.len() as u64;
            waiting += chunk.len() as u64;
            if waiting >= WRITE_BACK {
                waiting = 0;
                file.write_back()?;
                if self.folders.free()? < self.options.reserve_bytes {
                    return Err(StoreError::Full);
                }
            }
        }
        if written != promised {
            return Err(io::Error::other("an envelope is not as long as it said").into());
        }
        Ok(finished(sum))
    }
}

/// Tells the thread that writes an envelope when nobody waits for it any more.
pub(super) struct GiveUp(pub(super) Arc<AtomicBool>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn wanted(given_up: &AtomicBool) -> io::Result<()> {
    if given_up.load(Ordering::Relaxed) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(())
}
