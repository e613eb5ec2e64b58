//! A window over the file that is examined: few large reads, and no byte of it kept longer than needed.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// Larger than any JPEG segment (64 KiB), so that a whole one always fits.
const BUFFER: usize = 128 << 10;
/// How much is read first after a jump, twice as much each time: those who jump often need little at each place.
const FIRST: usize = 4 << 10;

/// The examined file, read forwards.
pub(super) struct Input<'a, R> {
    inner: &'a mut R,
    len: u64,
    /// Where the window begins in the file.
    position: u64,
    buffer: Vec<u8>,
    /// The window is `buffer[start..end]`.
    start: usize,
    end: usize,
    /// The most bytes of the next read.
    step: usize,
}

impl<'a, R: Read + Seek> Input<'a, R> {
    /// Begins at the file's first byte, wherever `inner` stood.
    pub(super) fn new(inner: &'a mut R) -> io::Result<Self> {
        let len = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(0))?;
        let buffer = vec![0; BUFFER];
        Ok(Self { inner, len, position: 0, buffer, start: 0, end: 0, step: FIRST })
    }

    /// Length of the file in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// What has been read but not consumed: at least `wanted` bytes (at most 64 KiB), fewer only at the file's end.
    pub(super) fn window(&mut self, wanted: usize) -> io::Result<&[u8]> {
        debug_assert!(wanted <= BUFFER / 2);
        while self.end - self.start < wanted {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let missing = wanted - (self.end - self.start);
            let end = BUFFER.min(self.end + self.step.max(missing));
            let free = self.buffer.get_mut(self.end..end).unwrap_or_default();
            self.step = BUFFER.min(2 * self.step);
            match self.inner.read(free) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// The next `N` bytes, consumed; none of them if the file ends before.
    pub(super) fn take<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let taken = self.window(N)?.first_chunk::<N>().copied();
        if taken.is_some() {
            self.consume(N);
        }
        Ok(taken)
    }

    /// Drops the next `count` bytes of the window (all of it, if it is shorter).
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.position += count as u64;
    }

    /// Goes on at `position`, or at the file's end if that is before it.
    pub(super) fn seek(&mut self, position: u64) -> io::Result<()> {
        let position = position.min(self.len);
        // what is consumed lies before the window, until the window is moved
        let behind = self.position.checked_sub(self.start as u64);
        let at = behind.and_then(|from| usize::try_from(position.checked_sub(from)?).ok());
        match at {
            Some(at) if at <= self.end => {
                self.start = at;
                self.position = position;
            }
            _ => {
                self.inner.seek(SeekFrom::Start(position))?;
                self.position = position;
                self.start = 0;
                self.end = 0;
                self.step = FIRST;
            }
        }
        Ok(())
    }

    /// Leaves out the next `count` bytes; false if the file ends before.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<bool> {
        let whole = count <= self.len.saturating_sub(self.position);
        self.seek(self.position.saturating_add(count))?;
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn window_and_seek_tell_the_same_bytes() {
        let bytes: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
        let mut file = Cursor::new(&bytes);
        let mut input = Input::new(&mut file).unwrap();
        for position in [0, 5, 131_070, 131_073, 399_999, 7, 400_000] {
            input.seek(position as u64).unwrap();
            let wanted = (bytes.len() - position).min(9);
            assert_eq!(input.window(9).unwrap()[..wanted], bytes[position..position + wanted]);
        }
        assert_eq!(input.take::<1>().unwrap(), None);
        input.seek(399_998).unwrap();
        assert_eq!(input.take::<2>().unwrap(), Some([bytes[399_998], bytes[399_999]]));
        input.seek(399_998).unwrap();
        assert!(!input.skip(3).unwrap());
        assert_eq!(input.position(), 400_000);
    }

    /// Counts what is read.
    struct Counted<'a>(Cursor<&'a [u8]>, usize);

    impl Read for Counted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1 += count;
            Ok(count)
        }
    }

    impl Seek for Counted<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn jumping_to_and_fro_reads_little() {
        let bytes = vec![7; 1 << 20];
        let mut file = Counted(Cursor::new(&bytes), 0);
        let mut input = Input::new(&mut file).unwrap();
        for _ in 0..100 {
            // far apart, then to where the window still is
            for position in [900_000, 900_100, 900_000, 100] {
                input.seek(position).unwrap();
                assert!(input.window(8).unwrap().len() >= 8);
                input.consume(8);
            }
        }
        assert!(file.1 <= 201 * FIRST, "{}", file.1);
        // read through, it is read once
        let mut file = Counted(Cursor::new(&bytes), 0);
        let mut input = Input::new(&mut file).unwrap();
        while !input.window(1).unwrap().is_empty() {
            input.consume(usize::MAX);
        }
        assert_eq!(file.1, 1 << 20);
    }
}
