//! Numbers and bytes in the order in which a box has them, big-endian.

/// What of a box has not been read yet.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.first_chunk::<N>().copied()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of 16 bits, or of 32 if it is `wide`.
    pub(super) fn number(&mut self, wide: bool) -> Option<u32> {
        if wide { self.u32() } else { self.u16().map(u32::from) }
    }

    /// A number of `size` bytes: 0 (the number is 0), 4 or 8.
    pub(super) fn sized(&mut self, size: u8) -> Option<u64> {
        match size {
            0 => Some(0),
            4 => self.u32().map(u64::from),
            8 => self.array().map(u64::from_be_bytes),
            _ => None,
        }
    }

    /// Version and flags of a full box (ISO/IEC 14496-12 §4.2.2).
    pub(super) fn full(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        let [version, ..] = word.to_be_bytes();
        Some((version, word & 0x00ff_ffff))
    }

    /// The next box, its type and payload; None at the end, and where no whole box is.
    pub(super) fn child(&mut self) -> Option<([u8; 4], &'a [u8])> {
        let mut rest = *self;
        let length = rest.u32()?;
        let name = rest.array()?;
        let (header, length) = match length {
            0 => (8, self.0.len()),
            1 => (16, usize::try_from(rest.sized(8)?).ok()?),
            length => (8, usize::try_from(length).ok()?),
        };
        let payload = self.0.get(header..length)?;
        self.0 = self.0.get(length..)?;
        Some((name, payload))
    }
}

/// A box made of `parts`.
pub(super) fn boxed(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    // the picture as a whole is below 4 GiB, so that every box in it is
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(name);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}
