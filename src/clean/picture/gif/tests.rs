use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::clean::picture::lzw::{Form, end_with};

/// A stream of three-bit codes: for two bits of depth, cleared before the codes would grow.
fn codes(codes: &[u16]) -> Vec<u8> {
    codes
        .iter()
        .fold((Vec::new(), 0), |(data, bits), &code| {
            (end_with(Form::Gif, data, bits, (code, 3)), bits + 3)
        })
        .0
}

const CLEAR: u16 = 4;
const END: u16 = 5;
/// Two by two pixels of the colours 0 to 2.
const PIXELS: [u16; 6] = [CLEAR, 0, 1, CLEAR, 2, 0];

/// A stream as sub-blocks of `step` bytes.
fn sub_blocks(data: &[u8], step: usize) -> Vec<u8> {
    let mut blocks: Vec<u8> = data
        .chunks(step)
        .flat_map(|block| [&[u8::try_from(block.len()).unwrap()], block].concat())
        .collect();
    blocks.push(0);
    blocks
}

fn stream() -> Vec<u8> {
    codes(&[PIXELS.as_slice(), &[END]].concat())
}

fn extension(label: u8, blocks: &[&[u8]]) -> Vec<u8> {
    let data = blocks.iter().flat_map(|block| {
        block.chunks(255).flat_map(|b| [&[u8::try_from(b.len()).unwrap()], b].concat())
    });
    [EXTENSION, label].into_iter().chain(data).chain([0]).collect()
}

/// A frame of two by two pixels with a colour table of its own and `data`.
fn frame(data: &[u8]) -> Vec<u8> {
    let colours = [1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0, 0];
    let head = [IMAGE, 0, 0, 0, 0, 2, 0, 2, 0, 0x81];
    [head.as_slice(), &colours, &[2], data].concat()
}

fn control(delay: u8) -> Vec<u8> {
    extension(GRAPHIC_CONTROL, &[&[0x05, delay, 0, 1]])
}

/// Logical screen with four colours of which the third is nobody's, then an animation of two frames.
fn needed() -> Vec<Vec<u8>> {
    let plain = [
        &[IMAGE, 0, 0, 0, 0, 2, 0, 2, 0, 0, 2],
        sub_blocks(&codes(&[CLEAR, 1, 3, CLEAR, 1, 1, END]), 9).as_slice(),
    ]
    .concat();
    vec![
        b"GIF89a\x02\0\x02\0\xf1\0\0\x07\x07\x07\x08\x08\x08\0\0\0\x09\x09\x09".to_vec(),
        extension(APPLICATION, &[b"NETSCAPE2.0", b"\x01\x05\0"]),
        control(7),
        frame(&sub_blocks(&stream(), 9)),
        control(8),
        plain,
        vec![TRAILER],
    ]
}

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let (found, len) = (cleaned.report().found.clone(), cleaned.len());
    assert_eq!(cleaned.report().remains, [Remains::Picture].into());
    let mut output = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
    assert_eq!(output.len() as u64, len);
    Ok((output, found))
}

fn is_damaged(bytes: &[u8]) -> bool {
    matches!(cleaned(bytes), Err(CleanError::Refused(Refusal::Damaged { kind: Kind::Gif })))
}

/// Every block where metadata lies, each with `text` in it, and what is reported of it.
fn places(text: &[u8]) -> Vec<(Vec<u8>, Found)> {
    // a packet lies there without sub-blocks; what follows it leads every reader to a terminator
    let mut packet = [b"\x21\xff\x0bXMP DataXMP<x:xmpmeta dc:creator='".as_slice(), text].concat();
    packet.push(1);
    packet.extend((0..=255).rev());
    packet.push(0);
    vec![
        (extension(COMMENT, &[text]), Found::Comment),
        (extension(PLAIN_TEXT, &[&[0; 12], text]), Found::Comment),
        (extension(APPLICATION, &[b"ICCRGBG1012", text]), Found::ColourProfile),
        (packet, Found::Person),
        (extension(APPLICATION, &[b"MidiCtrlJON", text]), Found::Other),
        (extension(APPLICATION, &[text, text]), Found::Other),
        (extension(0x42, &[text]), Found::Other),
    ]
}

#[test]
fn what_decoding_needs_stays_byte_for_byte() {
    let picture = needed().concat();
    assert_eq!(cleaned(&picture).unwrap(), (picture, BTreeSet::new()));
}

#[test]
fn nothing_planted_in_any_block_survives() {
    let canary = b"CANARY-8d1f";
    let wide: Vec<u8> = canary.iter().flat_map(|&byte| [byte, 0]).collect();
    let clean_one = needed().concat();
    for text in [canary.as_slice(), &wide] {
        for (planted, found) in places(text) {
            for at in 1..needed().len() {
                let mut blocks = needed();
                blocks.insert(at, planted.clone());
                let (output, told) = cleaned(&blocks.concat()).unwrap();
                assert_eq!(output, clean_one, "{planted:?} at {at}");
                assert!(told.contains(&found), "{planted:?} at {at}");
            }
        }
        let trailing = [clean_one.as_slice(), text].concat();
        assert_eq!(cleaned(&trailing).unwrap(), (clean_one.clone(), [Found::Trailing].into()));
    }
}

#[test]
fn what_is_behind_the_stream_is_cut_off() {
    let clean_one = needed().concat();
    let after = [stream().as_slice(), b"a secret"].concat();
    let endless = codes(&[PIXELS.as_slice(), &[CLEAR, 3, 3, CLEAR, 3, 3, END]].concat());
    for (what, data) in [
        ("behind the end code", sub_blocks(&after, 255)),
        ("in further sub-blocks", [&sub_blocks(&stream(), 9)[..4], b"\x06secret\x01!\0"].concat()),
        ("behind the last pixel", sub_blocks(&endless, 9)),
    ] {
        let mut blocks = needed();
        blocks[3] = frame(&data);
        assert_eq!(cleaned(&blocks.concat()).unwrap().0, clean_one, "{what}");
    }
    // bits behind the end code
    let mut bits = stream();
    *bits.last_mut().unwrap() |= 0xe0;
    let mut blocks = needed();
    blocks[3] = frame(&sub_blocks(&bits, 9));
    assert_eq!(cleaned(&blocks.concat()).unwrap().0, clean_one);
}

#[test]
fn values_with_freedom_are_written_one_way() {
    let mut blocks = needed();
    blocks[0] =
        b"GIF87a\x02\0\x02\0\x89\0\x31\x07\x07\x07\x08\x08\x08\x66\x66\x66\x09\x09\x09".to_vec();
    blocks[1] = extension(APPLICATION, &[b"ANIMEXTS1.0", b"\x01\x05\0", b"\x02abcd"]);
    blocks[2] = extension(GRAPHIC_CONTROL, &[&[0xe7, 7, 0, 1]]);
    let mut own = frame(&sub_blocks(&stream(), 9));
    own[9] = 0xb9;
    own[19..22].copy_from_slice(b"abc");
    blocks[3] = own;
    blocks.insert(5, extension(GRAPHIC_CONTROL, &[&[0; 4]]));
    blocks.swap(4, 5);
    assert_eq!(cleaned(&blocks.concat()).unwrap().0, needed().concat());
    // an extension that says nothing, and the loops of a picture that does not move
    let mut screen = needed()[0].clone();
    screen[16..].fill(0);
    let still = [screen, frame(&sub_blocks(&stream(), 9)), vec![TRAILER]].concat();
    let mut blocks = needed();
    blocks[2] = extension(GRAPHIC_CONTROL, &[&[0xe2, 0, 0, 9]]);
    blocks.drain(4..6);
    assert_eq!(cleaned(&blocks.concat()).unwrap().0, still);
}

#[test]
fn what_a_viewer_forgives_is_mended() {
    let whole = needed().concat();
    assert_eq!(cleaned(&whole[..whole.len() - 1]).unwrap().0, whole);
    // an end code in a sub-block of its own is nothing that hides
    let mut blocks = needed();
    let (data, end) = (codes(&PIXELS), stream());
    blocks[3] = frame(
        &[sub_blocks(&data[..2], 9).split_last().unwrap().1, &sub_blocks(&end[2..], 9)].concat(),
    );
    assert_eq!(cleaned(&blocks.concat()).unwrap().1, BTreeSet::new());
    // no end code; in small sub-blocks, which stay
    for step in 1..4 {
        let mut blocks = needed();
        blocks[3] = frame(&sub_blocks(&codes(&PIXELS), step));
        let (output, found) = cleaned(&blocks.concat()).unwrap();
        assert_eq!(found, BTreeSet::new());
        assert_eq!(cleaned(&output).unwrap(), (output, found));
    }
    // the file ends in the second frame's data: its whole codes stay
    let cut = &whole[..whole.len() - 4];
    let (output, _) = cleaned(cut).unwrap();
    assert_eq!(cleaned(&output).unwrap().0, output);
    assert!(output.len() <= whole.len());
    // what is no block ends the file
    let mut blocks = needed();
    blocks.insert(4, b"\x99secret".to_vec());
    let (output, found) = cleaned(&blocks.concat()).unwrap();
    assert!(memchr::memmem::find(&output, b"secret").is_none());
    assert_eq!(found, [Found::Trailing].into());
    // zeros between blocks are passed over
    let mut blocks = needed();
    blocks.insert(4, vec![0, 0]);
    assert_eq!(cleaned(&blocks.concat()).unwrap().0, whole);
    // a code that stands for nothing ends the frame
    let mut blocks = needed();
    blocks[5] = frame(&sub_blocks(&codes(&[CLEAR, 1, 7, 1, 1]), 9));
    let mut expected = needed();
    // of the common colours only the background's is left
    expected[0][16..].fill(0);
    expected[5] = frame(&sub_blocks(&codes(&[CLEAR, 1, END]), 9));
    expected[5][13..19].fill(0);
    expected[5][10..13].fill(0);
    expected[5][13..16].copy_from_slice(&[2, 2, 2]);
    assert_eq!(cleaned(&blocks.concat()).unwrap().0, expected.concat());
}

#[test]
fn a_broken_beginning_is_refused() {
    for (what, file) in [
        ("a header alone", b"GIF89a".to_vec()),
        ("half a colour table", needed()[0][..20].to_vec()),
        ("no frame", [needed()[0].clone(), vec![TRAILER]].concat()),
        ("no pixel", [needed()[0].clone(), frame(&[0]), vec![TRAILER]].concat()),
        ("depth 9", {
            let mut frame = frame(&sub_blocks(&stream(), 9));
            frame[22] = 9;
            [needed()[0].clone(), frame].concat()
        }),
    ] {
        assert!(is_damaged(&file), "{what}");
    }
}

#[test]
fn limits_hold() {
    for limits in
        [Limits { pixels: 3, ..Limits::default() }, Limits { parts: 4, ..Limits::default() }]
    {
        let refused = crate::clean::clean(&mut Cursor::new(needed().concat()), &limits);
        assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { .. }))));
    }
}

#[test]
fn what_is_written_anew_is_bounded() {
    let data = sub_blocks(&stream(), 9);
    let head = [IMAGE, 0, 0, 0, 0, 2, 0, 2, 0, 0x87];
    let frame = [head.as_slice(), &[7; 768], &[2], &data].concat();
    let animation =
        |count| [b"GIF89a\x02\0\x02\0\0\0\0".as_slice(), &frame.repeat(count), &[TRAILER]].concat();
    assert!(cleaned(&animation(1000)).is_ok());
    let refused = cleaned(&animation(22_000));
    assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { kind: Kind::Gif }))));
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        planted in proptest::collection::vec((1..6_usize, 0..7_usize, "[ -~]{1,40}"), 0..8),
        tail in "[ -~]{0,40}",
    ) {
        let mut blocks = needed();
        for (at, place, text) in planted {
            blocks.insert(at, places(text.as_bytes())[place].0.clone());
        }
        let file = [blocks.concat(), tail.into_bytes()].concat();
        prop_assert_eq!(cleaned(&file).unwrap().0, needed().concat());
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        place in 0..7_usize,
        data in proptest::collection::vec(any::<u8>(), 1..600),
        step in 1..256_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut blocks = needed();
        blocks[5] = [&[IMAGE, 0, 0, 0, 0, 50, 0, 40, 0, 0, 7], sub_blocks(&data, step).as_slice()].concat();
        blocks.insert(4, places(b"something")[place].0.clone());
        let mut file = blocks.concat();
        for (at, byte) in changes {
            let at = at.index(file.len() - 6) + 6;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 6) / 8);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len() + 80);
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = cleaned(&[b"GIF89a".as_slice(), &bytes].concat());
    }
}
