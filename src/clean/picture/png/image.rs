//! The picture of a PNG: what its header promises, and the stream that must keep the promise.

use fdeflate::Decompressor;

/// What is inflated goes here again and again, and is never looked at. Small enough for the processor's own memory.
const SCRATCH: usize = 160 << 10;
/// How far back deflate refers (RFC 1951 §2).
const HISTORY: usize = 32 << 10;
/// The inflater reads up to eight bytes ahead, and these inflate to less than this. So near its end it is given one byte
/// after the other: it then cannot have taken any behind the stream.
const NEAR: u64 = 16 << 10;

/// IHDR's values (PNG §11.2.1).
#[derive(Clone, Copy)]
pub(super) struct Header {
    width: u32,
    height: u32,
    depth: u8,
    colour: u8,
    interlaced: bool,
}

impl Header {
    /// None unless every value is one of those that the standard allows.
    pub(super) fn new(data: &[u8]) -> Option<Self> {
        let &[w3, w2, w1, w0, h3, h2, h1, h0, depth, colour, 0, 0, interlace @ (0 | 1)] = data
        else {
            return None;
        };
        let width = u32::from_be_bytes([w3, w2, w1, w0]);
        let height = u32::from_be_bytes([h3, h2, h1, h0]);
        let range = 1..=0x7fff_ffff;
        let allowed = matches!(
            (colour, depth),
            (0 | 3, 1 | 2 | 4 | 8) | (2 | 4 | 6, 8) | (0 | 2 | 4 | 6, 16)
        );
        (allowed && range.contains(&width) && range.contains(&height)).then_some(Self {
            width,
            height,
            depth,
            colour,
            interlaced: interlace == 1,
        })
    }

    pub(super) fn bytes(&self) -> [u8; 13] {
        let mut bytes = [0; 13];
        let values = [self.depth, self.colour, 0, 0, u8::from(self.interlaced)];
        let all =
            self.width.to_be_bytes().into_iter().chain(self.height.to_be_bytes()).chain(values);
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        bytes
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(super) const fn is_indexed(&self) -> bool {
        self.colour == 3
    }

    /// The palette as far as pixels can use it.
    pub(super) fn palette(&self, mut data: Vec<u8>) -> Vec<u8> {
        data.truncate(3 << self.depth.min(8));
        data
    }

    /// The transparency, if decoders would take it (§11.3.1.1), for a palette of `entries` colours.
    pub(super) fn transparency(&self, data: Vec<u8>, entries: usize) -> Option<Vec<u8>> {
        let fits = match self.colour {
            0 => data.len() == 2,
            2 => data.len() == 6,
            3 => (1..=entries).contains(&data.len()),
            _ => false,
        };
        fits.then_some(data)
    }

    /// Bytes of all scanlines, each with its filter's number before it (§7.2, §8.2 for interlaced pictures).
    pub(super) fn scanline_bytes(&self) -> u64 {
        let channels = match self.colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        let bits = u64::from(self.depth) * channels;
        let pass = |x: u64, y: u64, dx: u64, dy: u64| {
            let width = (u64::from(self.width) + dx - 1).saturating_sub(x) / dx;
            let height = (u64::from(self.height) + dy - 1).saturating_sub(y) / dy;
            if width == 0 {
                return 0;
            }
            // 2^31 pixels of 64 bits in each of 2^31 lines are too many for this type; limits are far below
            width.saturating_mul(bits).div_ceil(8).saturating_add(1).saturating_mul(height)
        };
        if !self.interlaced {
            return pass(0, 0, 1, 1);
        }
        [
            pass(0, 0, 8, 8),
            pass(4, 0, 8, 8),
            pass(0, 4, 4, 8),
            pass(2, 0, 4, 4),
            pass(0, 2, 2, 4),
            pass(1, 0, 2, 2),
            pass(0, 1, 1, 2),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// How far the stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    Begun,
    Complete,
}

/// The zlib stream of the IDAT chunks, inflated to find its end.
pub(super) struct ImageData {
    inflater: Box<Decompressor>,
    scratch: Vec<u8>,
    /// How much of the scratch is full.
    at: usize,
    /// Bytes that must still come out of it.
    left: u64,
    progress: Progress,
}

impl ImageData {
    /// A stream that must inflate to `expected` bytes.
    pub(super) fn new(expected: u64) -> Self {
        Self {
            inflater: Box::new(Decompressor::new()),
            scratch: vec![0; SCRATCH],
            at: 0,
            left: expected,
            progress: Progress::Waiting,
        }
    }

    pub(super) const fn progress(&self) -> Progress {
        self.progress
    }

    /// Takes more of the stream and says how many bytes of `data` belong to it: all until it is complete. None if it is
    /// damaged, or longer or shorter than it must be.
    pub(super) fn inflate(&mut self, data: &[u8]) -> Option<usize> {
        self.progress = Progress::Begun;
        let mut used = 0;
        loop {
            let rest = data.get(used..).unwrap_or_default();
            let (read, written) = self.step(rest)?;
            used += read;
            if self.inflater.is_done() {
                self.progress = Progress::Complete;
                return (self.left == 0).then_some(used);
            }
            if written == 0 && read == 0 {
                // with nothing to take and nothing to give it waits for more
                return rest.is_empty().then_some(used);
            }
        }
    }

    /// One call of the inflater: how much it took of `rest` and how much it gave.
    fn step(&mut self, rest: &[u8]) -> Option<(usize, usize)> {
        if self.at > SCRATCH - HISTORY {
            self.scratch.copy_within(self.at - HISTORY..self.at, 0);
            self.at = HISTORY;
        }
        let far = self.left.checked_sub(NEAR).filter(|&far| far > 0);
        let (input, room) = match far {
            Some(far) => (rest, usize::try_from(far).unwrap_or(SCRATCH)),
            None => (rest.get(..1).unwrap_or_default(), SCRATCH),
        };
        let end = SCRATCH.min(self.at.saturating_add(room));
        let output = self.scratch.get_mut(..end)?;
        let (read, written) = self.inflater.read(input, output, self.at, false).ok()?;
        self.at += written;
        self.left = self.left.checked_sub(written as u64)?;
        Some((read, written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(width: u32, height: u32, depth: u8, colour: u8, interlace: u8) -> Option<Header> {
        let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
        Header::new(&[size.as_slice(), &[depth, colour, 0, 0, interlace]].concat())
    }

    #[test]
    fn scanlines_are_counted_as_the_standard_does() {
        let bytes = |w, h, d, c, i| header(w, h, d, c, i).unwrap().scanline_bytes();
        assert_eq!(bytes(1, 1, 1, 0, 0), 2);
        assert_eq!(bytes(9, 2, 1, 3, 0), 6);
        assert_eq!(bytes(3, 2, 16, 6, 0), 50);
        // one pixel is in the first pass alone; eight by eight fill all seven
        assert_eq!(bytes(1, 1, 8, 0, 1), 2);
        assert_eq!(bytes(8, 8, 8, 0, 1), 64 + 1 + 1 + 1 + 2 + 2 + 4 + 4);
    }

    #[test]
    fn headers_out_of_the_standard_are_none() {
        assert!(header(0, 1, 8, 2, 0).is_none());
        assert!(header(1, 1 << 31, 8, 2, 0).is_none());
        assert!(header(1, 1, 4, 2, 0).is_none());
        assert!(header(1, 1, 16, 3, 0).is_none());
        assert!(header(1, 1, 8, 5, 0).is_none());
        assert!(header(1, 1, 8, 2, 2).is_none());
        assert!(header(7, 9, 8, 2, 1).is_some_and(|header| header.bytes()[12] == 1));
    }

    #[test]
    fn a_stream_ends_where_it_ends_and_has_its_length() {
        // stored blocks need no compressor: 5 bytes, then two that are not the stream's
        let stream = b"\x78\x01\x01\x05\0\xfa\xffhello\x06\x2c\x02\x15!!";
        for step in 1..=stream.len() {
            let mut image = ImageData::new(5);
            let mut used = 0;
            for part in stream.chunks(step) {
                used += image.inflate(part).unwrap();
                if image.progress() == Progress::Complete {
                    break;
                }
            }
            assert_eq!(used, stream.len() - 2, "in steps of {step}");
        }
        assert_eq!(ImageData::new(4).inflate(stream), None);
        assert_eq!(ImageData::new(6).inflate(stream), None);
        // what inflates a thousandfold ends in few bytes
        for len in [1, 8_000, 20_000, 400_000] {
            let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut zlib, &vec![0; len]).unwrap();
            let stream = zlib.finish().unwrap();
            let mut image = ImageData::new(len as u64);
            assert_eq!(image.inflate(&[stream.as_slice(), &[0; 99]].concat()), Some(stream.len()));
            assert_eq!(image.progress(), Progress::Complete);
        }
        let mut wrong = *stream;
        wrong[15] ^= 1;
        assert_eq!(ImageData::new(5).inflate(&wrong), None);
    }
}
