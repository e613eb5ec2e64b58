//! Fields of boxes in memory: read one after another, written one after another, all big-endian.

/// What of a small box has not been read yet.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
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

    pub(super) fn words<const N: usize>(&mut self) -> Option<[u32; N]> {
        let mut words = [0; N];
        for word in &mut words {
            *word = self.u32()?;
        }
        Some(words)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Four bytes in boxes of version 0, eight in others.
    pub(super) fn sized(&mut self, version: u8) -> Option<u64> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }
}

/// The boxes in `bytes`, up to the first that is broken: names and payloads.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = Fields::new(bytes);
    std::iter::from_fn(move || {
        let length = usize::try_from(rest.u32()?).ok()?;
        let name = rest.array()?;
        // a length of 0 goes on to the end of what holds the box
        let payload = if length == 0 { rest.rest().len() } else { length.checked_sub(8)? };
        Some((name, rest.bytes(payload)?))
    })
}

/// The first box `name` in `bytes`.
pub(super) fn child<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find_map(|(found, payload)| (found == *name).then_some(payload))
}

/// Writes a box around what `write` writes (less than 4 GiB).
pub(super) fn write_box(out: &mut Vec<u8>, name: &[u8; 4], write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(name);
    write(out);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// The same for a box that begins with its version and flags.
pub(super) fn write_full_box(
    out: &mut Vec<u8>,
    name: &[u8; 4],
    version: u8,
    flags: u8,
    write: impl FnOnce(&mut Vec<u8>),
) {
    write_box(out, name, |out| {
        out.extend_from_slice(&[version, 0, 0, flags]);
        write(out);
    });
}

pub(super) fn put16(out: &mut Vec<u8>, values: &[u16]) {
    out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
}

pub(super) fn put32(out: &mut Vec<u8>, values: &[u32]) {
    out.extend(values.iter().flat_map(|value| value.to_be_bytes()));
}

/// Four bytes in boxes of version 0, eight in others.
pub(super) fn put_sized(out: &mut Vec<u8>, version: u8, value: u64) {
    match version {
        0 => put32(out, &[u32::try_from(value).unwrap_or(u32::MAX)]),
        _ => out.extend_from_slice(&value.to_be_bytes()),
    }
}

/// A fraction without what divides both; None if both are 0.
pub(super) fn lowest([n, d]: [u32; 2]) -> Option<[u32; 2]> {
    let (mut a, mut b) = (n, d);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    Some([n.checked_div(a)?, d.checked_div(a)?])
}

/// Bits, the highest of a byte first.
#[derive(Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// How many bits have been read.
    pub(super) at: usize,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits, at most 32.
    pub(super) fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0_u32;
        for at in self.at..self.at + count {
            let byte = self.bytes.get(at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - at % 8) & 1);
        }
        self.at += count;
        Some(value)
    }

    pub(super) fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    /// An unsigned Exp-Golomb code (H.264 9.1) below 2^16.
    pub(super) fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 16 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }
}

/// Writes what [`Bits`] reads.
#[derive(Default)]
pub(super) struct BitsOut {
    pub(super) bytes: Vec<u8>,
    free: usize,
}

impl BitsOut {
    pub(super) fn put(&mut self, value: u32, count: usize) {
        for shift in (0..count).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(value >> shift & 1 == 1) << self.free;
            }
        }
    }

    pub(super) fn align(&mut self) {
        self.free = 0;
    }

    pub(super) const fn is_aligned(&self) -> bool {
        self.free == 0
    }

    pub(super) fn exp_golomb(&mut self, value: u32) {
        let bits = (value + 1).ilog2() as usize;
        self.put(0, bits);
        self.put(value + 1, bits + 1);
    }
}
