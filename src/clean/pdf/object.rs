//! What a PDF is made of (ISO 32000-2, 7.3).

use std::{collections::BTreeMap, rc::Rc};

/// An object. Copies share what is large.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Object {
    #[default]
    Null,
    Bool(bool),
    Number(Decimal),
    String(Rc<[u8]>),
    Name(Rc<[u8]>),
    Array(Rc<[Self]>),
    Dict(Rc<Dict>),
    Stream(Rc<Stream>),
    /// An indirect reference by object number. No file uses one number twice at one time, so the generation says
    /// nothing.
    Ref(u32),
}

/// A dictionary and where the data behind it lies in the file.
#[derive(Debug, PartialEq)]
pub(super) struct Stream {
    pub(super) dict: Dict,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A dictionary; of keys that come twice the last stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dict(pub(super) BTreeMap<Rc<[u8]>, Object>);

impl Dict {
    /// The value as written, perhaps a reference; `Null` if there is none.
    pub(super) fn get(&self, key: &[u8]) -> &Object {
        self.0.get(key).unwrap_or(&Object::Null)
    }

    pub(super) fn has(&self, key: &[u8]) -> bool {
        !matches!(self.get(key), Object::Null)
    }

    pub(super) fn set(&mut self, key: &[u8], value: Object) {
        if value != Object::Null {
            self.0.insert(key.into(), value);
        }
    }

    pub(super) fn object(self) -> Object {
        Object::Dict(Rc::new(self))
    }
}

impl Object {
    pub(super) fn name(name: &[u8]) -> Self {
        Self::Name(name.into())
    }

    pub(super) fn int(value: usize) -> Self {
        Self::Number(Decimal::from(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    pub(super) fn array(items: Vec<Self>) -> Self {
        Self::Array(items.into())
    }

    pub(super) fn as_name(&self) -> Option<&[u8]> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    pub(super) fn is_name(&self, name: &[u8]) -> bool {
        self.as_name() == Some(name)
    }

    pub(super) fn as_number(&self) -> Option<Decimal> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn as_usize(&self) -> Option<usize> {
        usize::try_from(self.as_number()?.whole()).ok()
    }

    pub(super) fn as_u32(&self) -> Option<u32> {
        u32::try_from(self.as_number()?.whole()).ok()
    }

    /// The items of an array, none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        if let Self::Array(items) = self { items } else { &[] }
    }

    /// A dictionary, or a stream's.
    pub(super) fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            Self::Stream(stream) => Some(&stream.dict),
            _ => None,
        }
    }
}

/// A number with its digits: mantissa · 10^-scale. PDF has no exponents, so nothing is rounded on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decimal {
    mantissa: i64,
    scale: u8,
}

impl From<i64> for Decimal {
    fn from(mantissa: i64) -> Self {
        Self { mantissa, scale: 0 }
    }
}

impl Decimal {
    /// Digits behind the point that are kept; no renderer resolves more.
    pub(super) const MOST_SCALE: u8 = 10;
    const ROUND: f64 = 1e6;

    /// Without needless zeros, so that one number is written in one way.
    pub(super) const fn new(mut mantissa: i64, mut scale: u8) -> Self {
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Self { mantissa, scale }
    }

    /// Rounded to a millionth.
    pub(super) fn of(value: f64) -> Self {
        let scaled = (value * Self::ROUND).round().clamp(-1e15, 1e15);
        #[expect(clippy::cast_possible_truncation, reason = "clamped to what an i64 holds")]
        Self::new(if scaled.is_nan() { 0 } else { scaled as i64 }, 6)
    }

    pub(super) fn value(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "renderers take no more")]
        let mantissa = self.mantissa as f64;
        mantissa / 10_f64.powi(self.scale.into())
    }

    /// The whole part.
    pub(super) fn whole(self) -> i64 {
        self.mantissa / 10_i64.pow(self.scale.into())
    }

    pub(super) fn is_whole(self) -> bool {
        self.scale == 0
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        let mut digits = [b'0'; 24];
        let (mut rest, mut at, mut place) = (self.mantissa.unsigned_abs(), digits.len(), 0_u8);
        while rest > 0 || place <= self.scale {
            if place == self.scale && place > 0 {
                at -= 1;
                if let Some(digit) = digits.get_mut(at) {
                    *digit = b'.';
                }
                if rest == 0 {
                    break;
                }
            }
            at -= 1;
            if let Some(digit) = digits.get_mut(at) {
                *digit = b"0123456789".get((rest % 10) as usize).copied().unwrap_or(b'0');
            }
            rest /= 10;
            place += 1;
        }
        if self.mantissa < 0 {
            out.push(b'-');
        }
        out.extend_from_slice(digits.get(at..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_one_way() {
        let text = |mantissa, scale| {
            let mut out = Vec::new();
            Decimal::new(mantissa, scale).write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0, 3), "0");
        assert_eq!(text(-1500, 3), "-1.5");
        assert_eq!(text(5, 3), ".005");
        assert_eq!(text(100, 0), "100");
        assert_eq!(text(-7, 1), "-.7");
        assert_eq!(text(123_456_789, 8), "1.23456789");
        assert_eq!(Decimal::of(-0.25), Decimal::new(-25, 2));
        assert_eq!(Decimal::new(-25, 2).whole(), 0);
    }
}
