//! A new envelope's way into the store.

use std::{
    io,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use ring::digest::{Context, SHA256};

use super::{
    Entry, StoreError,
    file_store::{Inner, finished},
    header::{self, EnvelopeHeader},
    ledger::Reservation,
    new_file::NewFile,
    new_index::Change,
};
use crate::{clock::Day, seal::Envelope, tip::TipId};

/// Up to this length an envelope is small: it is written at once, and made durable together with
/// others if there are enough of them.
const SMALL: u64 = 1 << 20;

/// A large one is sealed by one thread and written by another, which gets pieces of this length …
const PIECE: usize = 512 << 10;
/// … of which this many may wait …
const PIECES_WAITING: usize = 4;
/// … and is sent to the disk by a third, in parts of this many bytes, while the rest is sealed.
const WRITE_BACK: u64 = 16 << 20;

impl Inner {
    pub(super) fn put(
        &self,
        mut envelope: Envelope,
        day: Day,
        given_up: &AtomicBool,
    ) -> Result<TipId, StoreError> {
        let bytes = envelope.len();
        let length = bytes.saturating_add(header::LEN_U64);
        let mut reserved = self.reserve(length, envelope.has_files())?;
        let id = TipId(crate::random::bytes(&*self.entropy));
        let place = self.folders.envelope(id);
        if place.try_exists()? {
            return Err(io::Error::other("a new random id is in use already").into());
        }
        let small = (bytes <= SMALL).then(|| self.group.begin());
        let mut file = NewFile::create(&self.folders, &*self.entropy)?;
        file.write(&[0; header::LEN])?;
        let sha256 = if small.is_some() {
            write_small(&mut file, &mut envelope, given_up)?
        } else {
            self.write_large(&mut file, &mut envelope, &mut reserved, given_up)?
        };
        let entry = Entry { id, day, epoch: envelope.epoch(), class: envelope.class(), bytes };
        let header = EnvelopeHeader { entry, sha256 };
        file.write_head(&header.encode())?;
        let together = small.as_ref().and_then(|small| small.company());
        let file = file.finish(day, together)?;
        wanted(given_up)?;

        let _changing = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        self.before_placing(day);
        file.place(&place, together).inspect_err(|_| self.failed.store(true, Ordering::Relaxed))?;
        drop(small);
        reserved.stored(header.entry.epoch);
        self.change_index(Change::Put(header.entry));
        Ok(id)
    }

    /// Writes the age file, the disk at work while it is sealed; gives its SHA-256.
    fn write_large(
        &self,
        file: &mut NewFile,
        envelope: &mut Envelope,
        reserved: &mut Reservation<'_>,
        given_up: &AtomicBool,
    ) -> Result<[u8; 32], StoreError> {
        let promised = envelope.len();
        let (pieces, to_write) = mpsc::sync_channel::<Vec<u8>>(PIECES_WAITING);
        // a written piece's memory is used again
        let (used, to_fill) = mpsc::channel();
        thread::scope(|scope| {
            let writer = scope.spawn(|| self.write_pieces(file, reserved, to_write, &used));
            let sealed = seal_pieces(envelope, given_up, pieces, &to_fill);
            let (sha256, written) = join(writer.join())?;
            sealed?;
            if written != promised {
                return Err(io::Error::other("an envelope is not as long as it said").into());
            }
            Ok(sha256)
        })
    }

    /// Writes and sums up the pieces that come; ends when no more do.
    fn write_pieces(
        &self,
        file: &mut NewFile,
        reserved: &mut Reservation<'_>,
        pieces: mpsc::Receiver<Vec<u8>>,
        used: &mpsc::Sender<Vec<u8>>,
    ) -> Result<([u8; 32], u64), StoreError> {
        let on_its_way = file.handle()?;
        thread::scope(|scope| {
            let (parts, to_sync) = mpsc::sync_channel::<()>(1);
            let syncer =
                scope.spawn(move || to_sync.iter().try_for_each(|()| on_its_way.sync_data()));
            let mut sum = Context::new(&SHA256);
            let (mut written, mut waiting) = (0, 0);
            for mut piece in pieces {
                sum.update(&piece);
                file.write(&piece)?;
                let length = piece.len() as u64;
                reserved.wrote(length);
                (written, waiting) = (written + length, waiting + length);
                piece.clear();
                let _ = used.send(piece);
                if waiting >= WRITE_BACK {
                    waiting = 0;
                    // waits while two parts are on their way; one that is gone has failed
                    if parts.send(()).is_err() {
                        break;
                    }
                    if self.is_disk_full()? {
                        return Err(StoreError::Full);
                    }
                }
            }
            drop(parts);
            join(syncer.join().map(|synced| synced.map_err(StoreError::from)))?;
            Ok((finished(sum), written))
        })
    }
}

/// Writes the age file; gives its SHA-256.
fn write_small(
    file: &mut NewFile,
    envelope: &mut Envelope,
    given_up: &AtomicBool,
) -> Result<[u8; 32], StoreError> {
    let promised = envelope.len();
    let mut sum = Context::new(&SHA256);
    let mut written = 0;
    while let Some(chunk) = envelope.next_chunk()? {
        wanted(given_up)?;
        sum.update(chunk);
        file.write(chunk)?;
        written += chunk.len() as u64;
    }
    if written != promised {
        return Err(io::Error::other("an envelope is not as long as it said").into());
    }
    Ok(finished(sum))
}

/// Seals everything, until the writer stops; why it stopped, it tells itself.
fn seal_pieces(
    envelope: &mut Envelope,
    given_up: &AtomicBool,
    pieces: mpsc::SyncSender<Vec<u8>>,
    to_fill: &mpsc::Receiver<Vec<u8>>,
) -> io::Result<()> {
    let fresh = || to_fill.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE + PIECE / 8));
    let mut piece = fresh();
    while let Some(chunk) = envelope.next_chunk()? {
        wanted(given_up)?;
        piece.extend_from_slice(chunk);
        if piece.len() >= PIECE && pieces.send(std::mem::replace(&mut piece, fresh())).is_err() {
            return Ok(());
        }
    }
    let _ = pieces.send(piece);
    Ok(())
}

/// What a thread came to.
fn join<T>(ended: thread::Result<Result<T, StoreError>>) -> Result<T, StoreError> {
    ended.unwrap_or_else(|_| Err(io::Error::other("a thread of the store panicked").into()))
}

/// Tells the thread that writes an envelope when nobody waits for it any more.
pub(super) struct GiveUp(pub(super) Arc<AtomicBool>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An error once nobody waits any more.
pub(super) fn wanted(given_up: &AtomicBool) -> io::Result<()> {
    if given_up.load(Ordering::Relaxed) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(())
}
