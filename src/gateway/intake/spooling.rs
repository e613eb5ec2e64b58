//! The way of a tip's files into its spool: one spool for all files of a tip, written by a thread
//! of its own.
//!
//! One spool, because a tip may have hundreds of files and a gateway only so many descriptors; a
//! file is then a [`Part`] of it. A thread, because writing blocks; it is handed many bytes at a
//! time, because each handing over costs.

use std::{
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{gateway::spool::SpoolWriter, tip::Content};

/// Handed over at once, in bytes, or this number of pieces: a piece keeps the whole buffer that it
/// was read into, so many small ones must not wait.
const BATCH_BYTES: usize = 128 * 1024;
const BATCH_PIECES: usize = 16;

/// Batches on their way to the thread.
const BATCHES_WAITING: usize = 2;

/// What can be written to the end and then read: a [`SpoolWriter`], or its stand-in in tests.
pub(super) trait Spooler: Send + 'static {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn finish(self: Box<Self>) -> io::Result<Box<dyn Content>>;
}

impl Spooler for SpoolWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        Self::write(self, bytes)
    }

    fn finish(self: Box<Self>) -> io::Result<Box<dyn Content>> {
        Ok(Box::new(Self::finish(*self)?))
    }
}

/// The files of one tip while they come in.
pub(super) struct Spooling {
    to_thread: mpsc::Sender<Vec<Bytes>>,
    thread: JoinHandle<io::Result<Box<dyn Content>>>,
    batch: Vec<Bytes>,
    batch_bytes: usize,
    written: u64,
    file_start: u64,
    files: Vec<Range<u64>>,
}

impl Spooling {
    /// Starts the thread, which calls `create`.
    pub(super) fn start(
        create: impl FnOnce() -> io::Result<Box<dyn Spooler>> + Send + 'static,
    ) -> Self {
        let (to_thread, mut batches) = mpsc::channel::<Vec<Bytes>>(BATCHES_WAITING);
        let thread = tokio::task::spawn_blocking(move || {
            let mut spool = create()?;
            while let Some(batch) = batches.blocking_recv() {
                for piece in batch {
                    spool.write(&piece)?;
                }
            }
            spool.finish()
        });
        let batch = Vec::with_capacity(BATCH_PIECES);
        Self { to_thread, thread, batch, batch_bytes: 0, written: 0, file_start: 0, files: vec![] }
    }

    /// Takes some of the present file's bytes.
    ///
    /// # Errors
    /// What keeps the thread from writing: nothing more need be sent then.
    pub(super) async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.written += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.batch_bytes += piece.len();
        self.batch.push(piece);
        if self.batch_bytes >= BATCH_BYTES || self.batch.len() >= BATCH_PIECES {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// The present file is whole; what follows is the next one's.
    pub(super) fn end_file(&mut self) {
        self.files.push(self.file_start..self.written);
        self.file_start = self.written;
    }

    /// All files, in the order they came.
    pub(super) async fn finish(mut self) -> io::Result<Vec<Box<dyn Content>>> {
        self.hand_over().await?;
        drop(self.to_thread);
        let spool = self.thread.await.map_err(io::Error::other)??;
        let spool = Arc::new(Mutex::new(spool));
        let part = |range: Range<u64>| -> Box<dyn Content> {
            Box::new(Part { spool: spool.clone(), at: range.start, range })
        };
        Ok(self.files.into_iter().map(part).collect())
    }

    async fn hand_over(&mut self) -> io::Result<()> {
        self.batch_bytes = 0;
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_PIECES));
        if self.to_thread.send(batch).await.is_ok() {
            return Ok(());
        }
        // a thread that has stopped has failed, and tells why
        match (&mut self.thread).await {
            Ok(Err(why)) => Err(why),
            Ok(Ok(_)) => Err(io::Error::other("a spool was finished too early")),
            Err(panic) => Err(io::Error::other(panic)),
        }
    }
}

/// One file in the spool of a tip.
struct Part {
    spool: Arc<Mutex<Box<dyn Content>>>,
    range: Range<u64>,
    at: u64,
}

impl Read for Part {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.range.end.saturating_sub(self.at);
        if left == 0 {
            return Ok(0);
        }
        let mut spool = self.spool.lock().map_err(|_| io::Error::other("a reader panicked"))?;
        spool.seek(SeekFrom::Start(self.at))?;
        let read = spool.as_mut().take(left).read(buf)?;
        if read == 0 && !buf.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += u64::try_from(read).map_err(io::Error::other)?;
        Ok(read)
    }
}

impl Seek for Part {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(by) => (self.range.start.checked_add(by), 0),
            SeekFrom::Current(by) => (Some(self.at), by),
            SeekFrom::End(by) => (Some(self.range.end), by),
        };
        let to = from.and_then(|from| from.checked_add_signed(by));
        let to = to.filter(|to| *to >= self.range.start);
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at - self.range.start)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use super::*;

    /// A spool in plain memory.
    pub(in super::super) struct InMemory(pub(in super::super) Vec<u8>);

    impl Spooler for InMemory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }

        fn finish(self: Box<Self>) -> io::Result<Box<dyn Content>> {
            Ok(Box::new(Cursor::new(self.0)))
        }
    }

    #[tokio::test]
    async fn each_file_is_read_as_it_came_and_no_further() {
        let mut spooling = Spooling::start(|| Ok(Box::new(InMemory(vec![]))));
        let files = [vec![1; 300_000], vec![], vec![2; 5], vec![3; 70_000]];
        for file in &files {
            for piece in file.chunks(7_000) {
                spooling.write(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            spooling.end_file();
        }
        let mut parts = spooling.finish().await.unwrap();
        assert_eq!(parts.len(), files.len());
        // in any order: parts do not disturb each other
        for (part, file) in parts.iter_mut().zip(&files).rev() {
            let mut read = Vec::new();
            part.read_to_end(&mut read).unwrap();
            assert_eq!(&read, file);
        }
        let part = &mut parts[2];
        assert_eq!(part.seek(SeekFrom::End(-2)).unwrap(), 3);
        assert_eq!(part.seek(SeekFrom::Current(-1)).unwrap(), 2);
        assert_eq!(part.read(&mut [0; 9]).unwrap(), 3);
        assert_eq!(part.seek(SeekFrom::Start(100)).unwrap(), 100);
        assert_eq!(part.read(&mut [0; 9]).unwrap(), 0);
        assert!(part.seek(SeekFrom::Current(-101)).is_err());
        assert!(part.seek(SeekFrom::End(i64::MIN)).is_err());
    }

    #[tokio::test]
    async fn a_disk_that_fails_is_told_while_bytes_come_and_at_the_end() {
        struct Full;
        impl Spooler for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<()> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn finish(self: Box<Self>) -> io::Result<Box<dyn Content>> {
                unreachable!("a write failed before")
            }
        }
        let mut spooling = Spooling::start(|| Ok(Box::new(Full)));
        let mut told = None;
        for _ in 0..BATCH_PIECES * (BATCHES_WAITING + 2) {
            told = told.or(spooling.write(Bytes::from_static(b"x")).await.err());
            if told.is_some() {
                break;
            }
        }
        assert_eq!(told.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));

        let mut spooling = Spooling::start(|| Ok(Box::new(Full)));
        spooling.write(Bytes::from_static(b"x")).await.unwrap();
        spooling.end_file();
        let error = spooling.finish().await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
