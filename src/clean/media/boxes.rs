//! Boxes: a length, a four-character type, a payload (ISO/IEC 14496-12 §4.2).

use std::io::{self, Read, Seek};

use crate::clean::input::Input;

/// A box as its header tells it; nothing of its payload has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BoxHeader {
    /// The type, such as `moov`.
    pub(super) name: [u8; 4],
    /// Offset of the header in the file.
    pub(super) start: u64,
    /// Offset of the payload; of a `uuid` box, of its 16 bytes.
    pub(super) payload: u64,
    /// Offset of the first byte behind the box.
    pub(super) end: u64,
    /// Whether the length was 0: the box goes on to the end of what holds it.
    pub(super) open_ended: bool,
}

/// What stands where a box is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Box(BoxHeader),
    /// `end` has been reached.
    End,
    /// Too few bytes for a header, or a length that does not count its own header or goes behind `end`.
    Broken,
}

/// The box that begins where `input` stands, inside what ends at `end`. Leaves `input` at its payload.
pub(super) fn next<R: Read + Seek>(input: &mut Input<'_, R>, end: u64) -> io::Result<Next> {
    let start = input.position();
    let room = end.saturating_sub(start);
    if room == 0 {
        return Ok(Next::End);
    }
    let (Some(length), Some(name)) = (input.take::<4>()?, input.take::<4>()?) else {
        return Ok(Next::Broken);
    };
    let (header, length, open_ended) = match u32::from_be_bytes(length) {
        0 => (8, room, true),
        1 => match input.take::<8>()? {
            Some(large) => (16, u64::from_be_bytes(large), false),
            None => return Ok(Next::Broken),
        },
        length => (8, u64::from(length), false),
    };
    if length < header || length > room {
        return Ok(Next::Broken);
    }
    Ok(Next::Box(BoxHeader {
        name,
        start,
        payload: start + header,
        end: start + length,
        open_ended,
    }))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn first(bytes: &[u8]) -> Next {
        let mut file = Cursor::new(bytes);
        let mut input = Input::new(&mut file).unwrap();
        next(&mut input, bytes.len() as u64).unwrap()
    }

    #[test]
    fn the_three_ways_to_write_a_length() {
        let found = |payload, end, open_ended| {
            Next::Box(BoxHeader { name: *b"free", start: 0, payload, end, open_ended })
        };
        assert_eq!(first(b"\0\0\0\x0afreeab."), found(8, 10, false));
        assert_eq!(first(b"\0\0\0\x01free\0\0\0\0\0\0\0\x11a."), found(16, 17, false));
        assert_eq!(first(b"\0\0\0\0freeabc"), found(8, 11, true));
    }

    #[test]
    fn broken_lengths() {
        assert_eq!(first(b""), Next::End);
        for broken in [
            b"\0\0\0\x08fre".as_slice(),
            b"\0\0\0\x07free",
            b"\0\0\0\x0bfreeab",
            b"\0\0\0\x01free\0\0\0\0\0\0\0\x0f",
            b"\0\0\0\x01free\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(first(broken), Next::Broken, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn a_box_lies_inside_its_file(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Next::Box(found) = first(&bytes) {
                prop_assert!(found.payload <= found.end && found.end <= bytes.len() as u64);
            }
        }
    }
}
