use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::clean::{
    Limits,
    sound::crc::{FrameCrc, HeaderCrc},
};

const CANARY: &[u8] = b"CANARY-8d1f";

/// A frame of 96 stereo samples as the reference encoder writes it: a fixed predictor, a linear one, Rice codes.
const ENCODED: [u8; 129] = [
    0xff, 0xf8, 0x69, 0x88, 0x00, 0x5f, 0x8c, 0x18, 0x00, 0x00, 0x01, 0xab, 0x03, 0x4d, 0x04, 0xde,
    0x00, 0xa4, 0x84, 0x56, 0x4a, 0x45, 0x12, 0xc6, 0x9a, 0x37, 0xa9, 0xbf, 0x67, 0x98, 0xe6, 0x15,
    0x9f, 0x75, 0x4a, 0xe4, 0x29, 0x9d, 0x2a, 0x4d, 0x1b, 0x9a, 0x71, 0x2c, 0x68, 0x9d, 0xb3, 0x93,
    0xea, 0xac, 0xfb, 0xd5, 0x47, 0xdd, 0x53, 0xda, 0x9e, 0x44, 0xed, 0x10, 0xbf, 0xda, 0xbf, 0xed,
    0x8b, 0x53, 0xda, 0xe1, 0x80, 0x07, 0x33, 0x35, 0x23, 0x8f, 0xca, 0xce, 0x1c, 0x4a, 0x3b, 0x11,
    0xc3, 0x1f, 0x99, 0x58, 0x30, 0x4d, 0x54, 0xc6, 0x8a, 0x1b, 0x3b, 0x36, 0x40, 0xbb, 0xdb, 0xb9,
    0x38, 0x4c, 0xd4, 0xe0, 0xc3, 0x6b, 0x15, 0x0a, 0x08, 0x35, 0x18, 0x8c, 0x18, 0x4e, 0x64, 0x65,
    0x0a, 0x13, 0x13, 0x32, 0x60, 0xbd, 0x9b, 0xfb, 0x38, 0x5f, 0xc6, 0xc1, 0xc2, 0x62, 0xa8, 0x16,
    0x64,
];

/// A frame of one channel of 16 bits: 192 samples that are all `value`.
fn frame(number: u8, value: u16) -> Vec<u8> {
    let mut frame = vec![0xff, 0xf8, 0x19, 0x08, number];
    frame.push(HeaderCrc::of(&frame).value().to_be_bytes()[0]);
    frame.push(0);
    frame.extend(value.to_be_bytes());
    let checksum = FrameCrc::of(&frame).value().to_be_bytes();
    frame.extend(&checksum[..2]);
    frame
}

fn block(kind: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind], &size[1..], payload].concat()
}

/// STREAMINFO of 44.1 kHz, one channel of 16 bits, with everything else `other`.
fn info(other: u8) -> Vec<u8> {
    let mut payload = [other; 34];
    payload[10..14].copy_from_slice(&[0x0a, 0xc4, 0x40, 0xf0 | other & 15]);
    block(0, &payload)
}

fn flac(blocks: &[Vec<u8>], frames: &[Vec<u8>]) -> Vec<u8> {
    let mut blocks = blocks.to_vec();
    blocks.last_mut().unwrap()[0] |= 0x80;
    [b"fLaC".to_vec(), blocks.concat(), frames.concat()].concat()
}

fn frames() -> Vec<Vec<u8>> {
    (0..3).map(|number| frame(number, 0x1111)).collect()
}

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let (found, len) = (cleaned.report().found.clone(), cleaned.len());
    let mut output = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
    assert_eq!(output.len() as u64, len);
    Ok((output, found))
}

fn is_damaged(bytes: &[u8]) -> bool {
    matches!(cleaned(bytes), Err(CleanError::Refused(Refusal::Damaged { kind: Kind::Flac })))
}

/// What `frames` become, with every number counted.
fn plain() -> Vec<u8> {
    let mut payload =
        vec![0, 192, 0, 192, 0, 0, 11, 0, 0, 11, 0x0a, 0xc4, 0x40, 0xf0, 0, 0, 2, 0x40];
    payload.resize(34, 0);
    flac(&[block(0, &payload)], &frames())
}

fn comments(fields: &[&[u8]]) -> Vec<u8> {
    let text = |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_le_bytes(), text].concat();
    let count = u32::try_from(fields.len()).unwrap().to_le_bytes();
    let fields: Vec<u8> = fields.iter().flat_map(|field| text(field)).collect();
    block(4, &[text(b""), count.to_vec(), fields].concat())
}

fn places(text: &[u8]) -> Vec<(Vec<u8>, Option<Found>)> {
    vec![
        (block(1, text), None),
        (block(2, text), Some(Found::Other)),
        (block(3, text), None),
        (comments(&[&[b"artist=", text].concat()]), Some(Found::Person)),
        (comments(&[b"x=", &[b"Date=", text].concat()]), Some(Found::Time)),
        (block(4, &[&[11, 0, 0, 0], text].concat()), Some(Found::Software)),
        (block(5, text), Some(Found::Identifier)),
        (block(6, text), Some(Found::Preview)),
        (block(9, text), Some(Found::Other)),
    ]
}

#[test]
fn frames_stay_and_every_number_is_counted() {
    for other in [0, 0x55, 0xff] {
        let (output, found) = cleaned(&flac(&[info(other)], &frames())).unwrap();
        assert_eq!((output, found), (plain(), BTreeSet::new()));
    }
    assert_eq!(cleaned(&plain()).unwrap(), (plain(), BTreeSet::new()));
}

#[test]
fn no_block_survives_in_any_place() {
    let wide: Vec<u8> = CANARY.iter().flat_map(|&byte| [byte, 0]).collect();
    for text in [CANARY, &wide] {
        for (planted, found) in places(text) {
            for before in [vec![], vec![block(1, b"")]] {
                let blocks = [vec![info(1)], before, vec![planted.clone()]].concat();
                let (output, told) = cleaned(&flac(&blocks, &frames())).unwrap();
                assert_eq!(output, plain(), "{found:?}");
                assert!(found.is_none_or(|found| told.contains(&found)), "{told:?}");
            }
        }
        for at in 0..4 {
            let mut frames = frames();
            frames.insert(at, [b"\xff\xf8\x19\x08garbage".as_slice(), text].concat());
            let (output, told) = cleaned(&flac(&[info(1)], &frames)).unwrap();
            assert_eq!(output, plain(), "at {at}");
            assert_eq!(told, [if at == 3 { Found::Trailing } else { Found::Other }].into());
        }
        let size = u8::try_from(text.len()).unwrap();
        let id3 = [b"ID3\x03\0\0\0\0\0".as_slice(), &[size], text].concat();
        let mut end = [b"TAG", text].concat();
        end.resize(128, 0);
        let file = [id3, flac(&[info(1)], &frames()), end].concat();
        assert_eq!(cleaned(&file).unwrap().0, plain());
    }
}

#[test]
fn a_frame_is_read_to_its_last_bit() {
    let whole = frame::read(&ENCODED, 16).unwrap();
    assert_eq!((whole.length, whole.samples, whole.number, whole.variable), (129, 96, 0, false));
    let longer = [ENCODED.as_slice(), CANARY].concat();
    assert_eq!(frame::read(&longer, 16).unwrap().length, 129);
    for length in 0..129 {
        assert!(frame::read(&ENCODED[..length], 16).is_err_and(|why| why == NoFrame::Longer));
    }
    for bit in 0..129 * 8 {
        let mut broken = ENCODED;
        broken[bit / 8] ^= 0x80 >> (bit % 8);
        assert!(frame::read(&broken, 16).is_err(), "bit {bit}");
    }
}

#[test]
fn broken_frames_are_left_out() {
    let mut broken = frames();
    broken[1][7] ^= 1;
    let (output, told) = cleaned(&flac(&[info(1)], &broken)).unwrap();
    assert_eq!(output[42..], [frame(0, 0x1111), frame(2, 0x1111)].concat());
    assert_eq!(told, [Found::Other].into());
    // players would go back in time
    let again = [frames(), frames()].concat();
    assert_eq!(cleaned(&flac(&[info(1)], &again)).unwrap().0, plain());
    let many: Vec<Vec<u8>> = (0..70).map(|number| frame(0, number)).collect();
    assert!(is_damaged(&flac(&[info(1)], &many)));
}

#[test]
fn what_has_no_sound_is_refused() {
    assert!(is_damaged(b"fLaC"));
    assert!(is_damaged(&flac(&[info(1)], &[])));
    assert!(is_damaged(&flac(&[block(1, b"")], &frames())));
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        planted in proptest::collection::vec((0..9_usize, "[ -~]{0,40}"), 0..6),
        other in any::<u8>(),
    ) {
        let mut blocks = vec![info(other)];
        blocks.extend(planted.iter().map(|(place, text)| places(text.as_bytes())[*place].0.clone()));
        prop_assert_eq!(cleaned(&flac(&blocks, &frames())).unwrap().0, plain());
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        place in 0..9_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut all = vec![ENCODED.to_vec()];
        all.extend(frames().split_off(1));
        let mut file = flac(&[info(7), places(b"something")[place].0.clone()], &all);
        for (at, byte) in changes {
            let at = at.index(file.len() - 4) + 4;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 4) / 4);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len());
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = cleaned(&[b"fLaC".as_slice(), &bytes].concat());
        let _ = cleaned(&[flac(&[info(1)], &frames()), b"\xff\xf8".to_vec(), bytes.clone()].concat());
        // the checksum made right, so that the rest is read
        let mut frame = [&[0xff, 0xf8, 0x19, 0x18, 3], bytes.as_slice()].concat();
        frame.insert(5, HeaderCrc::of(&frame[..5]).value().to_be_bytes()[0]);
        let _ = frame::read(&frame, 16);
    }
}
