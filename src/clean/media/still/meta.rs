//! What a `meta` box says of the items in the file, before anything is chosen (ISO/IEC 14496-12 §8.11).

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Seek},
};

use super::{data::Data, fields::Fields};
use crate::clean::{
    CleanError, Found, Kind, Limits, Refusal,
    input::Input,
    media::boxes::{self, BoxHeader, Next},
};

/// The most bytes of all boxes that are read into memory; they hold colour profiles, and 16 bytes or so per item.
const MOST_BYTES: u64 = 16 << 20;
/// The most items, properties, and references; a picture of 200 megapixels has a thousand items. Each takes more memory
/// than bytes of the file.
const MOST_ENTRIES: usize = 1 << 16;
/// The most extents of all items together: a file may tell many in no bytes at all.
const MOST_EXTENTS: u32 = 1 << 16;
/// The most associations of all items together.
const MOST_ASSOCIATIONS: usize = 1 << 18;

/// The items, by the numbers that the file gives them.
#[derive(Default)]
pub(super) struct Meta {
    pub(super) primary: Option<u32>,
    pub(super) items: BTreeMap<u32, Item>,
    /// Type and payload of the boxes in `ipco`, in order.
    pub(super) properties: Vec<([u8; 4], Vec<u8>)>,
    /// Which properties an item has: their number, from 1, and whether they are essential.
    pub(super) associations: BTreeMap<u32, Vec<(usize, bool)>>,
    locations: BTreeMap<u32, Location>,
    references: BTreeMap<([u8; 4], u32), Vec<u32>>,
    extents: u32,
    associated: usize,
    /// Offset and end of the payload of `idat`.
    idat: Option<(u64, u64)>,
}

/// What `infe` says of an item.
pub(super) struct Item {
    /// Its type, such as `hvc1`.
    pub(super) name: [u8; 4],
    pub(super) protected: bool,
    /// Whether it is an XMP packet.
    pub(super) xmp: bool,
}

/// What `iloc` says of an item.
struct Location {
    /// 0: offsets count from the file's beginning, 1: from that of `idat`'s payload.
    construction: u16,
    /// In another file, if it is not 0.
    reference: u16,
    /// Offsets and lengths.
    extents: Vec<(u64, u64)>,
}

fn damaged(kind: Kind) -> CleanError {
    Refusal::Damaged { kind }.into()
}

/// Reads the box whose header has just been read.
pub(super) fn read<R: Read + Seek>(
    input: &mut Input<'_, R>,
    meta: BoxHeader,
    kind: Kind,
    limits: &Limits,
    found: &mut BTreeSet<Found>,
) -> Result<Meta, CleanError> {
    let mut read = Meta::default();
    let (mut bytes, mut pictures) = (0_u64, false);
    input.seek(meta.payload.saturating_add(4))?;
    while let Next::Box(part) = boxes::next(input, meta.end)? {
        let len = part.end - part.payload;
        match &part.name {
            b"idat" => read.idat = read.idat.or(Some((part.payload, part.end))),
            b"hdlr" | b"pitm" | b"iinf" | b"iloc" | b"iref" | b"iprp" => {
                bytes = bytes.saturating_add(len);
                if bytes > MOST_BYTES {
                    return Err(Refusal::TooLarge { kind }.into());
                }
                let mut whole = Data::default();
                whole.push(part.payload, len);
                let payload = whole.read(input, 0, usize::try_from(len).unwrap_or(0))?;
                let fields = Fields(&payload);
                match &part.name {
                    b"hdlr" => handler(fields, found).map(|is_picture| pictures |= is_picture),
                    b"pitm" => read.primary_item(fields),
                    b"iinf" => read.item_infos(fields, limits, found),
                    b"iloc" => read.item_locations(fields, limits),
                    b"iref" => read.item_references(fields),
                    _ => read.item_properties(fields, limits),
                }
                .ok_or_else(|| damaged(kind))?;
            }
            b"dinf" => {}
            _ => {
                found.insert(Found::Other);
            }
        }
        input.seek(part.end)?;
    }
    if pictures { Ok(read) } else { Err(damaged(kind)) }
}

/// Whether the items are pictures (ISO/IEC 23008-12 §6.2); some programs leave their name there.
fn handler(mut fields: Fields<'_>, found: &mut BTreeSet<Found>) -> Option<bool> {
    fields.full()?;
    fields.u32()?;
    let pictures = fields.bytes(4)? == b"pict";
    if fields.0.iter().any(|&byte| byte != 0) {
        found.insert(Found::Software);
    }
    Some(pictures)
}

impl Meta {
    fn primary_item(&mut self, mut fields: Fields<'_>) -> Option<()> {
        let (version, _) = fields.full()?;
        self.primary = self.primary.or(Some(fields.number(version > 0)?));
        Some(())
    }

    fn item_infos(
        &mut self,
        mut fields: Fields<'_>,
        limits: &Limits,
        found: &mut BTreeSet<Found>,
    ) -> Option<()> {
        let (version, _) = fields.full()?;
        let count = fields.number(version > 0)?;
        for _ in 0..count.min(limits.parts) {
            let (name, payload) = fields.child()?;
            if &name == b"infe" {
                self.item_info(Fields(payload), found)?;
            }
        }
        Some(())
    }

    /// §8.11.6; versions 0 and 1 are not for pictures.
    fn item_info(&mut self, mut fields: Fields<'_>, found: &mut BTreeSet<Found>) -> Option<()> {
        let (version, _) = fields.full()?;
        if version < 2 {
            return Some(());
        }
        let id = fields.number(version > 2)?;
        let protected = fields.u16()? != 0;
        let name = *fields.bytes(4)?.first_chunk::<4>()?;
        let end = fields.0.iter().position(|&byte| byte == 0).unwrap_or(fields.0.len());
        if end > 0 {
            found.insert(Found::Other);
        }
        let content_type = fields.0.get(end + 1..).unwrap_or_default();
        let xmp = &name == b"mime" && content_type.starts_with(b"application/rdf+xml");
        if self.items.len() >= MOST_ENTRIES {
            return None;
        }
        self.items.entry(id).or_insert(Item { name, protected, xmp });
        Some(())
    }

    /// §8.11.3.
    fn item_locations(&mut self, mut fields: Fields<'_>, limits: &Limits) -> Option<()> {
        let (version, _) = fields.full()?;
        let [sizes, more] = fields.u16()?.to_be_bytes();
        let (offset_size, length_size, base_size) = (sizes >> 4, sizes & 15, more >> 4);
        let index_size = if version > 0 { more & 15 } else { 0 };
        let count = fields.number(version > 1)?;
        for _ in 0..count.min(limits.parts) {
            let id = fields.number(version > 1)?;
            let construction = if version > 0 { fields.u16()? & 15 } else { 0 };
            let reference = fields.u16()?;
            let base = fields.sized(base_size)?;
            let told = fields.u16()?;
            // those that take no bytes of the file are all the same
            let bare = offset_size == 0 && length_size == 0;
            let count = if bare && index_size == 0 { told.min(1) } else { told };
            self.extents = self.extents.saturating_add(count.into());
            if self.extents > MOST_EXTENTS || self.locations.len() >= MOST_ENTRIES {
                return None;
            }
            let mut extents = Vec::new();
            for _ in 0..count {
                fields.sized(index_size)?;
                let offset = base.checked_add(fields.sized(offset_size)?)?;
                let length = fields.sized(length_size)?;
                if length > 0 {
                    extents.push((offset, length));
                }
            }
            self.locations.entry(id).or_insert(Location { construction, reference, extents });
        }
        Some(())
    }

    /// §8.11.12.
    fn item_references(&mut self, mut fields: Fields<'_>) -> Option<()> {
        let (version, _) = fields.full()?;
        while let Some((name, payload)) = fields.child() {
            let mut fields = Fields(payload);
            let from = fields.number(version > 0)?;
            let count = fields.u16()?;
            let to = (0..count).map(|_| fields.number(version > 0)).collect::<Option<Vec<_>>>()?;
            if self.references.len() >= MOST_ENTRIES {
                return None;
            }
            self.references.entry((name, from)).or_insert(to);
        }
        Some(())
    }

    /// ISO/IEC 23008-12 §9.3.
    fn item_properties(&mut self, mut fields: Fields<'_>, limits: &Limits) -> Option<()> {
        while let Some((name, payload)) = fields.child() {
            match &name {
                b"ipco" => {
                    let mut fields = Fields(payload);
                    while let Some((name, payload)) = fields.child() {
                        if self.properties.len() >= MOST_ENTRIES {
                            return None;
                        }
                        self.properties.push((name, payload.to_vec()));
                    }
                    // a broken one would change the numbers of those behind it
                    if !fields.0.is_empty() {
                        return None;
                    }
                }
                b"ipma" => self.property_associations(Fields(payload), limits)?,
                _ => {}
            }
        }
        Some(())
    }

    fn property_associations(&mut self, mut fields: Fields<'_>, limits: &Limits) -> Option<()> {
        let (version, flags) = fields.full()?;
        let count = fields.u32()?;
        for _ in 0..count.min(limits.parts) {
            let id = fields.number(version > 0)?;
            let count = fields.u8()?;
            let properties = (0..count).map(|_| {
                Some(if flags & 1 != 0 {
                    let word = fields.u16()?;
                    (usize::from(word & 0x7fff), word & 0x8000 != 0)
                } else {
                    let byte = fields.u8()?;
                    (usize::from(byte & 0x7f), byte & 0x80 != 0)
                })
            });
            let properties = properties.collect::<Option<Vec<_>>>()?;
            self.associated = self.associated.saturating_add(properties.len());
            if self.associated > MOST_ASSOCIATIONS || self.associations.len() >= MOST_ENTRIES {
                return None;
            }
            self.associations.entry(id).or_insert(properties);
        }
        Some(())
    }

    /// The items that `from` names by a reference of type `name`.
    pub(super) fn references(&self, name: [u8; 4], from: u32) -> &[u32] {
        self.references.get(&(name, from)).map_or(&[], Vec::as_slice)
    }

    /// The references of type `name`: from which item to which ones.
    pub(super) fn all_references(&self, name: [u8; 4]) -> impl Iterator<Item = (u32, &[u32])> {
        self.references
            .range((name, 0)..=(name, u32::MAX))
            .map(|((_, from), to)| (*from, to.as_slice()))
    }

    /// Where the data of item `id` lies in a file of `len` bytes; None if some of it does not.
    pub(super) fn data(&self, id: u32, len: u64) -> Option<Data> {
        let location = self.locations.get(&id).filter(|location| location.reference == 0)?;
        let (start, end) = match location.construction {
            0 => (0, len),
            1 => self.idat?,
            _ => return None,
        };
        let mut data = Data::default();
        for (offset, length) in &location.extents {
            let from = start.checked_add(*offset)?;
            from.checked_add(*length).filter(|to| *to <= end)?;
            data.push(from, *length);
        }
        (data.len() > 0).then_some(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `iloc` with sizes of offsets and lengths, and so many items that have so many extents each.
    fn located(sizes: u8, items: u16, extents: u16, each: &[u8]) -> (Option<()>, Meta) {
        let mut bytes = vec![0, 0, 0, 0, sizes, 0];
        bytes.extend(items.to_be_bytes());
        for id in 0..items {
            bytes.extend([id, 0, extents].map(u16::to_be_bytes).as_flattened());
            bytes.extend(each.repeat(extents.into()));
        }
        let mut meta = Meta::default();
        let read = meta.item_locations(Fields(&bytes), &Limits::default());
        (read, meta)
    }

    fn kept(meta: &Meta) -> usize {
        meta.locations.values().map(|location| location.extents.capacity()).sum()
    }

    #[test]
    fn extents_of_nothing_take_no_memory() {
        let (read, meta) = located(0, 1000, u16::MAX, b"");
        assert_eq!((read, meta.locations.len(), kept(&meta)), (Some(()), 1000, 0));
        let (read, meta) = located(0x44, 2, 1000, b"\0\0\0\x09\0\0\0\0");
        assert_eq!((read, kept(&meta)), (Some(()), 0));
    }

    #[test]
    fn all_extents_together_are_bounded() {
        assert!(located(0x04, 4, 10_000, b"\0\0\0\x01").0.is_some());
        let (read, meta) = located(0x04, 40, 10_000, b"\0\0\0\x01");
        assert!(read.is_none() && kept(&meta) < 1 << 17);
    }

    #[test]
    fn entries_are_bounded() {
        let many = 1 + u32::try_from(MOST_ENTRIES).unwrap();
        let refused =
            |entries: u32, read: fn(&mut Meta, Fields<'_>) -> Option<()>, bytes: &[u8]| {
                let count = entries.to_be_bytes();
                read(&mut Meta::default(), Fields(&[&bytes[..4], &count, &bytes[4..]].concat()))
                    .is_none()
            };
        let numbered = |entries: u32, rest: &[u8]| {
            (0..entries).flat_map(|id| [&id.to_be_bytes(), rest].concat()).collect::<Vec<_>>()
        };
        for (entries, expected) in [(1000, false), (many, true)] {
            // version 1, and an item without associations
            let bytes = [b"\x01\0\0\0".as_slice(), &numbered(entries, b"\0")].concat();
            let limits = |meta: &mut Meta, fields: Fields<'_>| {
                meta.property_associations(fields, &Limits::default())
            };
            assert_eq!(refused(entries, limits, &bytes), expected);
            let free = [b"\0\0\0\x08free".as_slice(); 1].concat().repeat(entries as usize);
            let all = super::super::fields::boxed(b"ipco", &[&free]);
            let read = Meta::default().item_properties(Fields(&all), &Limits::default());
            assert_eq!(read.is_none(), expected);
        }
        let associated =
            [b"\x01\0\0\0".as_slice(), &numbered(2000, &[&[255], [1; 255].as_slice()].concat())];
        let limits = |meta: &mut Meta, fields: Fields<'_>| {
            meta.property_associations(fields, &Limits::default())
        };
        assert!(refused(2000, limits, &associated.concat()));
    }
}
