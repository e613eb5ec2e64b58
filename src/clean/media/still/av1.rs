//! AV1 pictures: an item's data is open bitstream units, OBUs (AV1 bitstream specification §5.3, AV1 Image File Format
//! §2.1).

use std::io::{Read, Seek};

use super::{
    Coded, Trouble,
    data::Data,
    fields::{Fields, boxed},
};
use crate::clean::{Found, input::Input};

mod obu {
    //! Types of OBUs, §6.2.2.
    pub(super) const SEQUENCE_HEADER: u8 = 1;
    pub(super) const TEMPORAL_DELIMITER: u8 = 2;
    pub(super) const FRAME_HEADER: u8 = 3;
    pub(super) const TILE_GROUP: u8 = 4;
    pub(super) const FRAME: u8 = 6;
}

/// The most bytes of a sequence header; libaom's longest has 40.
const MOST_HEADER: u64 = 256;

/// `av1C` written anew without the OBUs that may stand in it: the sequence header is in the item's data too
/// (AV1 in ISO base media files §2.3.3).
pub(super) fn config(payload: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(payload);
    let [version, profile, depths, _] = *fields.bytes(4)?.first_chunk::<4>()?;
    (version == 0x81).then(|| boxed(b"av1C", &[&[0x81, profile, depths, 0]]))
}

/// An OBU's header.
struct Unit {
    kind: u8,
    /// The second byte, which tells layers: temporal and spatial.
    layers: Option<u8>,
    /// Bytes of the header with the size.
    header: u64,
    /// Bytes of the payload; None: up to the end of the data.
    size: Option<u64>,
}

fn unit(bytes: &[u8]) -> Option<Unit> {
    let mut fields = Fields(bytes);
    let first = fields.u8()?;
    if first & 0x80 != 0 {
        return None;
    }
    let layers = if first & 4 != 0 { Some(fields.u8()? & 0xf8) } else { None };
    let size = if first & 2 != 0 { Some(leb128(&mut fields)?) } else { None };
    let header = (bytes.len() - fields.0.len()) as u64;
    Some(Unit { kind: first >> 3 & 15, layers, header, size })
}

/// §4.10.5.
fn leb128(fields: &mut Fields<'_>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..56).step_by(7) {
        let byte = fields.u8()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (value <= u64::from(u32::MAX)).then_some(value);
        }
    }
    None
}

fn to_leb128(mut value: u64, bytes: &mut Vec<u8>) {
    loop {
        let low = value.to_le_bytes().first().map_or(0, |byte| byte & 0x7f);
        value >>= 7;
        bytes.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return;
        }
    }
}

/// A frame that is kept.
struct Frame {
    /// Its layer in time.
    temporal: u8,
    /// Its layer in space: the larger ones refine the smaller.
    spatial: u8,
    /// Whether tile groups belong to it, as to one that began with a header of its own.
    has_tile_groups: bool,
}

impl Frame {
    fn new(unit: &Unit) -> Self {
        let layers = unit.layers.unwrap_or(0);
        let has_tile_groups = unit.kind == obu::FRAME_HEADER;
        Self { temporal: layers >> 5, spatial: layers >> 3 & 3, has_tile_groups }
    }

    /// Whether it refines the one `before`: one layer has one frame, which decoders show.
    const fn refines(&self, before: &Self) -> bool {
        self.temporal == before.temporal && self.spatial > before.spatial
    }
}

/// Keeps sequence headers and the frame, or the frames of a layered picture; metadata, padding, delimiters and further
/// frames are left out.
pub(super) fn picture<R: Read + Seek>(
    input: &mut Input<'_, R>,
    data: &Data,
    coded: &mut Coded<'_>,
) -> Result<(), Trouble> {
    let mut at = 0;
    let (mut sequence, mut frame) = (false, None::<Frame>);
    while at < data.len() {
        coded.unit()?;
        let head = data.read(input, at, 10)?;
        let Some(unit) = unit(&head) else {
            return if frame.is_some() { coded.leave(Found::Other) } else { Err(Trouble::Damaged) };
        };
        let start = at + unit.header;
        at = unit.size.map_or(data.len(), |size| start.saturating_add(size));
        if at > data.len() {
            return Err(Trouble::Damaged);
        }
        let begins_frame = matches!(unit.kind, obu::FRAME_HEADER | obu::FRAME);
        let begun = begins_frame.then(|| Frame::new(&unit));
        if let (Some(before), Some(next)) = (&frame, &begun)
            && !next.refines(before)
        {
            return coded.leave(Found::Other);
        }
        let kept = match unit.kind {
            obu::SEQUENCE_HEADER if at - start > MOST_HEADER => return Err(Trouble::Damaged),
            obu::SEQUENCE_HEADER => !sequence,
            obu::FRAME_HEADER | obu::FRAME => sequence,
            obu::TILE_GROUP => match &frame {
                // only decoding would tell whether tiles are missing in the frame
                Some(frame) if !frame.has_tile_groups => return Err(Trouble::Unsupported),
                frame => frame.is_some(),
            },
            _ => false,
        };
        sequence |= kept && unit.kind == obu::SEQUENCE_HEADER;
        if kept {
            frame = begun.or(frame);
        }
        if kept {
            let mut header = vec![unit.kind << 3 | 2];
            if let Some(layers) = unit.layers {
                header = vec![unit.kind << 3 | 6, layers];
            }
            to_leb128(at - start, &mut header);
            coded.pieces.literal(&header)?;
            data.copy(coded.pieces, start, at)?;
        } else if unit.kind != obu::TEMPORAL_DELIMITER {
            coded.leave(Found::Other)?;
        }
    }
    if frame.is_some() { Ok(()) } else { Err(Trouble::Damaged) }
}
