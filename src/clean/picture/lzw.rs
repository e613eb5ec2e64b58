//! LZW as GIF and TIFF have it: codes are followed to find where the data of a picture ends, and nothing is decoded.
//!
//! How wide the next code is depends on how many codes came since the last clear code, not on what they mean, and how
//! many pixels a code stands for is one more than the code before it: a table of lengths is all that is needed.

/// In which order bits are taken from bytes, and when codes grow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// GIF89a appendix F: from the lowest bit.
    Gif,
    /// TIFF 6.0 §13: from the highest bit, and codes grow one code early.
    Tiff,
}

const MAX_WIDTH: u32 = 12;
const CODES: usize = 1 << MAX_WIDTH;

/// A stream that is followed byte by byte.
pub(super) struct Lzw {
    form: Form,
    clear: u16,
    /// The bits that are read and belong to no code yet, and how many.
    bits: u32,
    count: u32,
    width: u32,
    next: u16,
    before: Option<u16>,
    /// How many pixels each code stands for.
    lengths: Vec<u32>,
    /// Pixels that are still missing.
    left: u64,
    /// Bits of all codes so far.
    consumed: u64,
    /// Which pixels' values occur.
    used: Vec<bool>,
    end: Option<End>,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By its code for it.
    Told,
    /// All pixels are there.
    Full,
    /// By a code that stands for nothing.
    Broken,
}

impl Lzw {
    /// Codes for pixels of `depth` bits (1 to 8), until there are `pixels`.
    pub(super) fn new(form: Form, depth: u8, pixels: u64) -> Self {
        let clear = 1_u16 << depth.clamp(1, 8);
        let mut lengths = vec![0; CODES];
        lengths.iter_mut().take(clear.into()).for_each(|length| *length = 1);
        Self {
            form,
            clear,
            bits: 0,
            count: 0,
            width: u32::from(depth.clamp(1, 8)) + 1,
            next: clear + 2,
            before: None,
            lengths,
            left: pixels,
            consumed: 0,
            used: vec![false; clear.into()],
            end: (pixels == 0).then_some(End::Full),
        }
    }

    /// Follows `data`; says why the stream ends, once it does.
    pub(super) fn feed(&mut self, data: &[u8]) -> Option<End> {
        for &byte in data {
            if self.end.is_some() {
                break;
            }
            match self.form {
                Form::Gif => self.bits |= u32::from(byte) << self.count,
                Form::Tiff => self.bits = self.bits << 8 | u32::from(byte),
            }
            self.count += 8;
            while self.count >= self.width && self.end.is_none() {
                self.end = self.step();
            }
        }
        self.end
    }

    /// Bits of the codes that belong to the picture; an end code comes behind them.
    pub(super) const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The end code and its width in bits, as it is due behind [`Self::consumed`].
    pub(super) const fn end_code(&self) -> (u16, u32) {
        (self.clear + 1, self.width)
    }

    /// Which values of pixels occur.
    pub(super) fn used(&self) -> &[bool] {
        &self.used
    }

    /// Takes the next code.
    fn step(&mut self) -> Option<End> {
        let mask = (1_u32 << self.width) - 1;
        let code = match self.form {
            Form::Gif => self.bits & mask,
            Form::Tiff => self.bits >> (self.count - self.width) & mask,
        };
        let code = u16::try_from(code).unwrap_or(u16::MAX);
        let width = self.width;
        if code == self.clear {
            self.width = self.clear.trailing_zeros() + 1;
            self.next = self.clear + 2;
            self.before = None;
        } else if code == self.clear + 1 {
            return Some(End::Told);
        } else if let Some(end) = self.pixels(code) {
            if end == End::Full {
                self.take(width);
            }
            return Some(end);
        }
        self.take(width);
        None
    }

    fn take(&mut self, width: u32) {
        self.count -= width;
        self.consumed += u64::from(width);
        match self.form {
            Form::Gif => self.bits >>= width,
            Form::Tiff => self.bits &= (1 << self.count) - 1,
        }
    }

    /// A code that stands for pixels: counts them and grows the table.
    fn pixels(&mut self, code: u16) -> Option<End> {
        let full = usize::from(self.next) >= CODES;
        let grown = self.before.and_then(|before| self.lengths.get(usize::from(before)));
        let grown = grown.map(|length| length + 1);
        let length = if code < self.clear {
            if let Some(used) = self.used.get_mut(usize::from(code)) {
                *used = true;
            }
            Some(1)
        } else if code < self.next {
            self.lengths.get(usize::from(code)).copied()
        } else if code == self.next && !full {
            grown
        } else {
            None
        };
        let Some(length) = length.filter(|_| self.before.is_some() || code < self.clear) else {
            return Some(End::Broken);
        };
        if let (Some(grown), false) = (grown, full) {
            if let Some(entry) = self.lengths.get_mut(usize::from(self.next)) {
                *entry = grown;
            }
            self.next += 1;
            let early = u16::from(self.form == Form::Tiff);
            if self.next + early >= 1 << self.width && self.width < MAX_WIDTH {
                self.width += 1;
            }
        }
        self.before = Some(code);
        self.left = self.left.saturating_sub(length.into());
        (self.left == 0).then_some(End::Full)
    }
}

/// The first `bits` of `data`, then the end code, then zeros up to a whole byte.
pub(super) fn end_with(
    form: Form,
    mut data: Vec<u8>,
    bits: usize,
    (code, width): (u16, u32),
) -> Vec<u8> {
    data.truncate(bits.div_ceil(8));
    let over = bits % 8;
    if let (Some(last), true) = (data.last_mut(), over > 0) {
        *last &= match form {
            Form::Gif => (1 << over) - 1,
            Form::Tiff => !(0xff >> over),
        };
    }
    for bit in 0..width {
        let place = (bits + bit as usize) % 8;
        if place == 0 {
            data.push(0);
        }
        let set = match form {
            Form::Gif => u8::from(code >> bit & 1 == 1) << place,
            Form::Tiff => u8::from(code >> (width - 1 - bit) & 1 == 1) << (7 - place),
        };
        if let Some(last) = data.last_mut() {
            *last |= set;
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_tiff_ends_where_it_ends() {
        // TIFF 6.0 §13: 7 7 7 8 8 7 7 6 6 as 256 7 258 8 8 258 6 6 257, each of nine bits
        let mut data = Vec::new();
        let mut bits = 0;
        for code in [256, 7, 258, 8, 8, 258, 6, 6] {
            data = end_with(Form::Tiff, data, bits, (code, 9));
            bits += 9;
        }
        let whole = end_with(Form::Tiff, data.clone(), bits, (257, 9));
        let mut lzw = Lzw::new(Form::Tiff, 8, 100);
        assert_eq!(lzw.feed(&[whole.as_slice(), b"secret"].concat()), Some(End::Told));
        assert_eq!((lzw.consumed(), lzw.end_code()), (72, (257, 9)));
        let mut lzw = Lzw::new(Form::Tiff, 8, 9);
        assert_eq!(lzw.feed(&whole), Some(End::Full));
        assert_eq!(lzw.consumed(), 72);
        assert!(lzw.used()[6] && lzw.used()[7] && lzw.used()[8] && !lzw.used()[9]);
        let mut lzw = Lzw::new(Form::Tiff, 8, 100);
        assert_eq!(lzw.feed(&data), None);
        // no code 300 yet
        let broken = end_with(Form::Tiff, data, bits, (300, 9));
        assert_eq!(Lzw::new(Form::Tiff, 8, 100).feed(&broken), Some(End::Broken));
    }

    #[test]
    fn the_example_of_gif_is_followed() {
        // ten by ten pixels of four colours, much used to explain the format
        let data = [
            0x8c, 0x2d, 0x99, 0x87, 0x2a, 0x1c, 0xdc, 0x33, 0xa0, 0x02, 0x75, 0xec, 0x95, 0xfa,
            0xa8, 0xde, 0x60, 0x8c, 0x04, 0x91, 0x4c, 0x01,
        ];
        let mut lzw = Lzw::new(Form::Gif, 2, 101);
        assert_eq!(lzw.feed(&data), Some(End::Told));
        assert_eq!(lzw.left, 1);
        let bits = usize::try_from(lzw.consumed()).unwrap();
        assert_eq!(end_with(Form::Gif, data.to_vec(), bits, lzw.end_code()), data);
    }
}
