//! Writing a TIFF: the header, then all directories, then the data of all pages in order.

use super::{data::Data, page::tag};
use crate::clean::replay::Pieces;

/// The byte order of a file, in which its samples are too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(super) const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(super) const fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }

    const fn short(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    const fn long(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// A field of a directory as it is written.
#[derive(Clone)]
pub(super) struct Field {
    tag: u16,
    kind: u16,
    count: usize,
    values: Vec<u8>,
}

impl Field {
    pub(super) fn shorts(order: Order, tag: u16, values: &[u16]) -> Self {
        let bytes = values.iter().flat_map(|&value| order.short(value)).collect();
        Self { tag, kind: 3, count: values.len(), values: bytes }
    }

    pub(super) fn longs(order: Order, tag: u16, values: &[u32]) -> Self {
        let bytes = values.iter().flat_map(|&value| order.long(value)).collect();
        Self { tag, kind: 4, count: values.len(), values: bytes }
    }

    /// Fractions with one denominator.
    pub(super) fn fractions(order: Order, tag: u16, values: &[u32], under: u32) -> Self {
        let bytes = values.iter().flat_map(|&value| [order.long(value), order.long(under)]);
        Self { tag, kind: 5, count: values.len(), values: bytes.flatten().collect() }
    }

    pub(super) fn bytes(tag: u16, values: Vec<u8>) -> Self {
        Self { tag, kind: 7, count: values.len(), values }
    }

    /// Whether the field says nothing about samples: how the page is turned, its pixels' shape, that it is a mask.
    pub(super) const fn is_of_any_page(&self) -> bool {
        matches!(
            self.tag,
            tag::NEW_SUBFILE_TYPE | tag::ORIENTATION | tag::X_RESOLUTION | tag::Y_RESOLUTION
        ) || matches!(self.tag, tag::RESOLUTION_UNIT)
    }

    /// Bytes that lie behind the directory, an even number.
    pub(super) fn outside(&self) -> usize {
        if self.values.len() > 4 { self.values.len().next_multiple_of(2) } else { 0 }
    }

    /// The entry of this field, whose values lie at `at` if they do not fit into it.
    fn entry(&self, order: Order, at: u32) -> Option<[u8; 12]> {
        let mut value = order.long(at);
        if self.outside() == 0 {
            value = [0; 4];
            value.iter_mut().zip(&self.values).for_each(|(to, from)| *to = *from);
        }
        let count = order.long(u32::try_from(self.count).ok()?);
        let all = [&order.short(self.tag), &order.short(self.kind), count.as_slice(), &value];
        all.concat().first_chunk().copied()
    }
}

/// The whole file; None if it would be too large for its kind.
pub(super) fn file(order: Order, mut pages: Vec<(Vec<Field>, Data)>) -> Option<Pieces> {
    let size = |fields: &[Field]| {
        2 + 12 * fields.len() + 4 + fields.iter().map(Field::outside).sum::<usize>()
    };
    // with where the data lies still to be told, a directory is already as long as it will be
    for (fields, data) in &mut pages {
        fields.extend(data.fields(order, 0)?);
        fields.sort_by_key(|field| field.tag);
    }
    let mut at = 8;
    let mut data_at = 8 + pages.iter().map(|(fields, _)| size(fields)).sum::<usize>() as u64;
    let (mut head, mut body) = (Vec::new(), Pieces::default());
    head.extend(match order {
        Order::Little => *b"II*\0",
        Order::Big => *b"MM\0*",
    });
    head.extend(order.long(8));
    let count = pages.len();
    for (index, (mut fields, data)) in pages.into_iter().enumerate() {
        for placed in data.fields(order, data_at)? {
            let same = fields.iter_mut().find(|field| field.tag == placed.tag)?;
            *same = placed;
        }
        data_at += data.pieces.len();
        let end = at + size(&fields);
        let next = if index + 1 < count { end } else { 0 };
        directory(order, &mut head, &fields, at, next)?;
        body.join(data.pieces).ok()?;
        at = end;
    }
    let mut pieces = Pieces::default();
    pieces.literal(&head).ok()?;
    pieces.join(body).ok()?;
    Some(pieces)
}

/// One directory, which begins at `at`, and its values.
fn directory(
    order: Order,
    head: &mut Vec<u8>,
    fields: &[Field],
    at: usize,
    next: usize,
) -> Option<()> {
    head.extend(order.short(u16::try_from(fields.len()).ok()?));
    let mut outside = at + 2 + 12 * fields.len() + 4;
    for field in fields {
        head.extend(field.entry(order, u32::try_from(outside).ok()?)?);
        outside += field.outside();
    }
    head.extend(order.long(u32::try_from(next).ok()?));
    for field in fields.iter().filter(|field| field.outside() > 0) {
        head.extend(&field.values);
        head.extend((field.values.len() % 2 == 1).then_some(0));
    }
    Some(())
}
