//! `esds` (ISO/IEC 14496-14 §5.6, descriptors of ISO/IEC 14496-1 §7.2.6): the object type and what the decoder needs are
//! kept; identifiers, buffer sizes, bit rates, URLs and every other descriptor are not.

use crate::clean::media::film::fields::{Fields, write_full_box};

/// A decoder's setting up.
pub(super) struct Decoder {
    /// objectTypeIndication (14496-1 table 5).
    pub(super) object_type: u8,
    /// DecoderSpecificInfo.
    pub(super) specific: Vec<u8>,
}

pub(super) fn read(payload: &[u8]) -> Option<Decoder> {
    let mut fields = Fields::new(payload);
    fields.u32()?;
    let (tag, stream) = descriptor(&mut fields)?;
    let mut fields = Fields::new(stream);
    if tag == 3 {
        fields.u16()?;
        let flags = fields.u8()?;
        if flags & 0x80 != 0 {
            fields.u16()?;
        }
        if flags & 0x40 != 0 {
            let length = fields.u8()?;
            fields.bytes(length.into())?;
        }
        if flags & 0x20 != 0 {
            fields.u16()?;
        }
    } else {
        fields.u16()?;
    }
    let (4, config) = descriptor(&mut fields)? else {
        return None;
    };
    let mut fields = Fields::new(config);
    let object_type = fields.u8()?;
    fields.bytes(12)?;
    let specific = match descriptor(&mut fields) {
        Some((5, specific)) => specific.to_vec(),
        _ => Vec::new(),
    };
    Some(Decoder { object_type, specific })
}

/// A tag and what its length, seven bits a byte, holds; less where the file has less, as players forgive.
fn descriptor<'a>(fields: &mut Fields<'a>) -> Option<(u8, &'a [u8])> {
    let tag = fields.u8()?;
    let mut length = 0;
    for _ in 0..4 {
        let byte = fields.u8()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let body = fields.bytes(length.min(fields.rest().len()))?;
    Some((tag, body))
}

pub(super) fn write(out: &mut Vec<u8>, decoder: &Decoder) {
    // 14496-1 table 6: visual objects have the types 20 to 2f, 60 to 6a, 6c and above to 6f
    let visual = matches!(decoder.object_type, 0x20 | 0x21);
    let stream_type = if visual { 0x11 } else { 0x15 };
    let mut config = vec![decoder.object_type, stream_type];
    config.extend_from_slice(&[0; 11]);
    if !decoder.specific.is_empty() {
        put(&mut config, 5, &decoder.specific);
    }
    let mut stream = vec![0, 0, 0];
    put(&mut stream, 4, &config);
    put(&mut stream, 6, &[2]);
    write_full_box(out, b"esds", 0, 0, |out| put(out, 3, &stream));
}

fn put(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    let length = body.len();
    for shift in [21, 14, 7] {
        if length >> shift != 0 {
            out.push(0x80 | u8::try_from(length >> shift & 0x7f).unwrap_or(0));
        }
    }
    out.push(u8::try_from(length & 0x7f).unwrap_or(0));
    out.extend_from_slice(body);
}
