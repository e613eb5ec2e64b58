//! AMR (RFC 4867 §5): a magic number, then frames of 20 ms, each with a byte that says its kind.
//!
//! | part | what becomes of it |
//! |---|---|
//! | magic number | written anew: `#!AMR` or `#!AMR-WB`; those for several channels are refused |
//! | a frame's first byte | kept: kind of frame, and whether it arrived undamaged |
//! | a frame's speech bits | kept; the padding bits behind them are zero |
//! | a frame that is not whole, of a reserved kind, or with padding that is not zero in its first byte, and everything after it | dropped |
//!
//! No encoder writes such a frame. Decoders stop at it or play noise: what follows is no recording, but something that
//! was put behind one.
//!
//! Not detected: a message in the speech bits themselves, such as in frames that are marked as damaged.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains, input::Input, rewrite::Rewrite, work::Work,
};

const NARROW: &[u8] = b"#!AMR\n";
const WIDE: &[u8] = b"#!AMR-WB\n";

/// The bits of a frame's first byte that are not padding.
const HEADER: u8 = 0x7c;

/// How many bits follow the first byte, by kind of frame; None is reserved (3GPP TS 26.101 table 1 and 26.201 table 1).
const NARROW_BITS: [Option<u16>; 16] = [
    Some(95),
    Some(103),
    Some(118),
    Some(134),
    Some(148),
    Some(159),
    Some(204),
    Some(244),
    Some(39),
    // 9 to 11 are comfort noise of other systems, which decoders of files do not take
    None,
    None,
    None,
    None,
    None,
    None,
    Some(0),
];
const WIDE_BITS: [Option<u16>; 16] = [
    Some(132),
    Some(177),
    Some(253),
    Some(285),
    Some(317),
    Some(365),
    Some(397),
    Some(461),
    Some(477),
    Some(40),
    None,
    None,
    None,
    None,
    Some(0),
    Some(0),
];

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    _work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let magic = input.window(WIDE.len())?;
    let (magic, bits) = if magic.starts_with(NARROW) {
        (NARROW, NARROW_BITS)
    } else if magic.starts_with(WIDE) {
        (WIDE, WIDE_BITS)
    } else {
        return Err(Refusal::Unsupported { kind }.into());
    };
    input.consume(magic.len());
    let too_large = |_| Refusal::TooLarge { kind };
    let mut found = BTreeSet::new();
    let mut rewrite = Rewrite::default();
    rewrite.put(magic).map_err(too_large)?;
    loop {
        let at = input.position();
        let window = input.window(64)?;
        let Some(first) = window.first() else {
            break;
        };
        let bits = bits.get(usize::from(first >> 3 & 15)).copied().flatten();
        let bits = bits.filter(|_| first & !HEADER == 0);
        let frame = bits.and_then(|bits| window.get(..1 + usize::from(bits.div_ceil(8))));
        let (Some(frame), Some(bits)) = (frame, bits) else {
            found.insert(Found::Trailing);
            break;
        };
        match frame {
            [head @ .., last] if !head.is_empty() && last & !speech(bits) != 0 => {
                found.insert(Found::Other);
                let frame = [head, &[last & speech(bits)]].concat();
                rewrite.put(&frame).map_err(too_large)?;
            }
            _ => rewrite.keep(at, frame).map_err(too_large)?,
        }
        let read = 1 + usize::from(bits.div_ceil(8));
        input.consume(read);
    }
    if rewrite.len() == magic.len() as u64 {
        return Err(Refusal::Damaged { kind }.into());
    }
    let pieces = rewrite.finish().map_err(too_large)?;
    Ok(Cleaned::new(kind, found, [Remains::Sound], pieces))
}

/// Which bits of a frame's last byte are speech.
const fn speech(bits: u16) -> u8 {
    match bits % 8 {
        0 => 0xff,
        rest => !(0xff >> rest),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::clean::Limits;

    fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
        let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
        let found = cleaned.report().found.clone();
        let mut output = Vec::new();
        cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
        Ok((output, found))
    }

    /// A frame of kind 0: 95 bits, one of padding.
    fn frame(padding: u8) -> Vec<u8> {
        [&[0x04], [0x55; 11].as_slice(), &[0xfe | padding]].concat()
    }

    #[test]
    fn frames_pass_and_padding_is_zero() {
        let recording = [NARROW, &frame(0), b"\x7c", &frame(0)].concat();
        assert_eq!(cleaned(&recording).unwrap(), (recording.clone(), BTreeSet::new()));
        let dirty = [NARROW, &frame(1), b"\x7c", &frame(1)].concat();
        assert_eq!(cleaned(&dirty).unwrap(), (recording.clone(), [Found::Other].into()));
        // 177 bits: one in the last byte
        let wide = |last| [WIDE, b"\x0c", [3; 22].as_slice(), &[last], b"\x4c12345"].concat();
        assert_eq!(cleaned(&wide(0x83)).unwrap(), (wide(0x80), [Found::Other].into()));
    }

    #[test]
    fn what_is_no_frame_ends_the_recording() {
        let recording = [NARROW, &frame(0)].concat();
        for after in [b"\x04cut".as_slice(), b"\x64reserved", b"ID3 canary", b"\x7d", b"{json}"] {
            let (output, found) = cleaned(&[&recording, after].concat()).unwrap();
            assert_eq!((output, found), (recording.clone(), [Found::Trailing].into()));
        }
        for refused in [b"#!AMR_MC1.0\n\0\0\0\x01".as_slice(), b"#!AMR-WB_MC1.0\n", b"#!AMRx"] {
            let refused = cleaned(refused);
            assert!(matches!(refused, Err(CleanError::Refused(Refusal::Unsupported { .. }))));
        }
        let nothing = cleaned(NARROW);
        assert!(matches!(nothing, Err(CleanError::Refused(Refusal::Damaged { .. }))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_cleaned_for_good(
            magic in prop_oneof![Just(NARROW), Just(WIDE)],
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        ) {
            if let Ok((once, _)) = cleaned(&[magic, &bytes].concat()) {
                prop_assert!(once.len() <= magic.len() + bytes.len());
                prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
            }
        }
    }
}
