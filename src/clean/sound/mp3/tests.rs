use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::clean::Limits;

const CANARY: &[u8] = b"CANARY-8d1f";

/// A frame of 128 kbit/s, 44.1 kHz, stereo: `begin` bytes of its main data lie before it, `bytes` there are in all.
fn frame(begin: u32, bytes: u32, fill: u8) -> Vec<u8> {
    let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
    // main_data_begin 9, private 3, scfsi 8, part2_3_length 12 of the first granule
    let side = begin << 23 | (bytes * 8).min(4088);
    frame.extend(side.to_be_bytes());
    frame.resize(36, 0);
    frame.resize(417, fill);
    frame
}

/// Three frames full of main data.
fn sound() -> Vec<u8> {
    [0x11, 0x22, 0x33].map(full).concat()
}

/// A frame with 381 bytes of main data.
fn full(fill: u8) -> Vec<u8> {
    frame(0, 381, fill)
}

fn id3v2(version: u8, name: &[u8], text: &[u8]) -> Vec<u8> {
    let header = if version == 2 { 6 } else { 10 };
    let size = u8::try_from(text.len() + header).unwrap();
    let length = u8::try_from(text.len()).unwrap();
    let frame = match version {
        2 => [name, &[0, 0, length], text].concat(),
        _ => [name, &[0, 0, 0, length, 0, 0], text].concat(),
    };
    [b"ID3".as_slice(), &[version, 0, 0, 0, 0, 0, size], &frame].concat()
}

fn id3v1(text: &[u8]) -> Vec<u8> {
    let mut tag = [b"TAG", text].concat();
    tag.resize(128, 0);
    tag
}

fn ape(text: &[u8]) -> Vec<u8> {
    let item =
        [&u32::try_from(text.len()).unwrap().to_le_bytes(), [0; 4].as_slice(), b"Artist\0", text]
            .concat();
    let part = |flags: u8| {
        let size = u32::try_from(item.len() + 32).unwrap().to_le_bytes();
        [b"APETAGEX\xd0\x07\0\0", size.as_slice(), &[1, 0, 0, 0, 0, 0, 0, flags], &[0; 8]].concat()
    };
    [part(0xa0), item.clone(), part(0x80)].concat()
}

fn lyrics(text: &[u8]) -> Vec<u8> {
    let body = [b"LYRICSBEGININD0000210LYR", text].concat();
    [&body, format!("{:06}LYRICS200", body.len()).as_bytes()].concat()
}

/// A first frame that says how much follows.
fn info(name: &[u8; 4], frames: u32, lame: &[u8]) -> Vec<u8> {
    let head = [0xff, 0xfb, 0x90, 0x00];
    let counts = [
        name.as_slice(),
        &[0, 0, 0, 15],
        &frames.to_be_bytes(),
        &[0, 0, 9, 9],
        &[7; 100],
        &[0, 0, 0, 50],
    ];
    let mut frame = [head.as_slice(), &[0; 32], &counts.concat(), lame].concat();
    frame.resize(417, 0);
    frame
}

fn lame(name: &[u8; 9]) -> Vec<u8> {
    [name.as_slice(), &[1; 12], &[0x24, 0x03, 0x21], &[2; 12]].concat()
}

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let (found, len) = (cleaned.report().found.clone(), cleaned.len());
    let mut output = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
    assert_eq!(output.len() as u64, len);
    Ok((output, found))
}

/// What lies before, between or behind the frames, and what is told of it.
fn places(text: &[u8]) -> Vec<(Vec<u8>, Found)> {
    vec![
        (id3v2(3, b"TPE1", text), Found::Person),
        (id3v2(4, b"APIC", text), Found::Preview),
        (id3v2(2, b"TEN", text), Found::Software),
        (id3v2(3, b"GEOB", text), Found::Attachment),
        (id3v2(3, b"UFID", text), Found::Identifier),
        (id3v2(4, b"TDRC", text), Found::Time),
        (ape(text), Found::Comment),
    ]
}

/// What lies only behind them.
fn ends(text: &[u8]) -> Vec<(Vec<u8>, Found)> {
    vec![
        (id3v1(text), Found::Comment),
        (
            [b"TAG+".to_vec(), text.to_vec(), vec![0; 223 - text.len()], id3v1(b"")].concat(),
            Found::Other,
        ),
        (lyrics(text), Found::Comment),
        ([b"LYRICSBEGIN", text, b"LYRICSEND"].concat(), Found::Comment),
        ([b"any garbage ", text].concat(), Found::Trailing),
    ]
}

#[test]
fn sound_stays_byte_for_byte() {
    assert!(cleaned(&sound()).unwrap() == (sound(), BTreeSet::new()));
}

#[test]
fn no_tag_survives_in_any_place() {
    let wide: Vec<u8> = CANARY.iter().flat_map(|&byte| [byte, 0]).collect();
    for text in [CANARY, &wide] {
        for (tag, found) in places(text) {
            for at in [0, 417, 834, 1251] {
                let file = sound();
                let file = [&file[..at], &tag, &tag, &file[at..]].concat();
                let (output, told) = cleaned(&file).unwrap();
                assert!(output == sound(), "{found:?} at {at}");
                assert!(told.contains(&found) || told.contains(&Found::Comment), "{told:?}");
            }
        }
        for (tag, found) in ends(text) {
            let (output, told) = cleaned(&[sound(), ape(text), tag].concat()).unwrap();
            assert!(output == sound(), "{found:?}");
            assert!(told.contains(&found), "{told:?}");
        }
    }
}

#[test]
fn a_tag_does_not_hide_in_a_frame_that_was_cut() {
    let file =
        [sound(), full(0x44)[..200].to_vec(), id3v2(3, b"TPE1", CANARY), vec![b'x'; 400]].concat();
    assert_eq!(cleaned(&file).unwrap().0, sound());
    let file = [sound(), full(0x44)[..200].to_vec(), id3v1(CANARY)].concat();
    assert_eq!(cleaned(&file).unwrap().0, [sound(), full(0x44)[..200].to_vec()].concat());
}

#[test]
fn what_frames_do_not_use_becomes_zeros() {
    // the second frame's main data begin in the first, the third's in the second
    let dirty = |fill: &[u8]| {
        let mut file = [frame(0, 200, 0x11), frame(100, 50, 0x22), frame(362, 100, 0x33)].concat();
        file[36 + 200..][..fill.len()].copy_from_slice(fill);
        file
    };
    let (output, told) = cleaned(&dirty(CANARY)).unwrap();
    assert_eq!(told, [Found::Other].into());
    let (same, told) = cleaned(&dirty(b"LAME3.100")).unwrap();
    assert!(output == same && told.contains(&Found::Software));
    let used: Vec<(usize, u8)> =
        output.iter().copied().enumerate().filter(|(_, byte)| *byte != 0).collect();
    let in_frame =
        |frame: usize| used.iter().filter(|(at, _)| at / 417 == frame && at % 417 >= 36).count();
    assert_eq!((in_frame(0), in_frame(1), in_frame(2)), (200 + 50, 100, 0));
    assert!(cleaned(&output).unwrap() == (output, BTreeSet::new()));
}

#[test]
fn a_checksum_says_nothing_else() {
    // also where what a frame does not use becomes zeros
    let protected = |checksums: [&[u8; 2]; 3]| {
        let mut file = [frame(0, 200, 0x11), frame(100, 50, 0x22), frame(362, 100, 0x33)].concat();
        for (frame, checksum) in file.chunks_mut(417).zip(checksums) {
            frame[1] = 0xfa;
            frame.copy_within(4..36, 6);
            frame[4..6].copy_from_slice(checksum);
        }
        file
    };
    let (output, told) = cleaned(&protected([b"CA", b"NA", b"RY"])).unwrap();
    assert_eq!(told, [Found::Other].into());
    assert!(output == cleaned(&protected([b"se", b"cr", b"et"])).unwrap().0);
    assert!(cleaned(&output).unwrap() == (output.clone(), BTreeSet::new()));
    assert_eq!(output.len(), 3 * 417);
    for frame in output.chunks(417) {
        // bit by bit, as the standard draws it
        let bits = [&frame[2..4], &frame[6..38]].concat();
        let crc = bits.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
        let crc = crc.fold(0xffff_u16, |crc, bit| {
            let carry = (crc >> 15) as u8 ^ bit;
            crc << 1 ^ if carry == 1 { 0x8005 } else { 0 }
        });
        assert_eq!(frame[4..6], crc.to_be_bytes());
    }
}

#[test]
fn a_checksum_of_layer_2_covers_what_is_allocated() {
    // 44.1 kHz, 64 kbit/s, one channel: table B.2a, one bit of allocation in each subband
    let frame = |checksum: &[u8; 2]| {
        let mut frame = [&[0xff, 0xfc, 0x40, 0xc0], checksum.as_slice()].concat();
        // eleven of 4 bits, twelve of 3, four of 2: 88; then 2 bits for the one that has some
        frame.extend([0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff]);
        frame.resize(208, 0x55);
        frame
    };
    let dirty = [frame(b"CA"), frame(b"NA"), frame(b"RY")].concat();
    let (output, told) = cleaned(&dirty).unwrap();
    assert_eq!(told, [Found::Other].into());
    assert!(output == cleaned(&frame(b"x!").repeat(3)).unwrap().0);
    let crc = [0x40, 0xc0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .chain([0, 1])
        .fold(0xffff_u16, |crc, bit| {
            crc << 1 ^ if (crc >> 15) as u8 ^ bit == 1 { 0x8005 } else { 0 }
        });
    assert_eq!(output[4..6], crc.to_be_bytes());
    assert!(cleaned(&output).unwrap() == (output, BTreeSet::new()));
}

#[test]
fn a_first_frame_keeps_only_what_playing_needs() {
    let file = [info(b"Info", 3, &lame(b"LAME3.100")), sound()].concat();
    let (output, told) = cleaned(&file).unwrap();
    assert_eq!(told, [Found::Software].into());
    let tag = &output[36..417];
    assert_eq!(&tag[..12], b"Info\0\0\0\x0f\0\0\0\x03");
    assert_eq!(tag[12..16], 1668_u32.to_be_bytes());
    assert_eq!(&tag[120..129], b"LAME\0\0\0\0\0");
    assert_eq!(
        (&tag[129..141], &tag[141..144]),
        ([0; 12].as_slice(), [0x24, 0x03, 0x21].as_slice())
    );
    assert_eq!(output[417..], sound());
    assert!(cleaned(&output).unwrap() == (output, BTreeSet::new()));
    // of another number of frames the samples behind the sound are not known
    let file = [info(b"Xing", 9, &lame(b"Lavf58.76")), sound()].concat();
    let (output, _) = cleaned(&file).unwrap();
    assert_eq!((&output[36..40], &output[44..48]), (b"Xing".as_slice(), [0, 0, 0, 3].as_slice()));
    assert_eq!(output[177..180], [0x24, 0, 0]);
    // players do not trust other names with the two gaps
    let file = [info(b"Xing", 3, &lame(b"GOGO3.13 ")), sound()].concat();
    assert_eq!(cleaned(&file).unwrap().0[156..417], [0; 261]);
}

#[test]
fn all_kinds_of_first_frames_become_one() {
    let mut vbri = full(0);
    vbri[36..40].copy_from_slice(b"VBRI");
    vbri[46..58].copy_from_slice(&[9; 12]);
    vbri[100..111].copy_from_slice(CANARY);
    let xing = cleaned(&[info(b"Xing", 3, b""), sound()].concat()).unwrap().0;
    assert_eq!(cleaned(&[vbri, sound()].concat()).unwrap().0, xing);
    // one that says nothing is silence to players
    let mut nothing = info(b"Info", 0, CANARY);
    nothing[40..44].fill(0);
    let (output, _) = cleaned(&[nothing, sound()].concat()).unwrap();
    assert_eq!(output[36..417], [0; 381]);
    assert_eq!(output[417..], sound());
}

#[test]
fn a_stream_may_change_where_three_frames_agree() {
    let mut other = full(0x44);
    other[2] = 0x94;
    // 48 kHz: 384 bytes
    other.truncate(384);
    let file = [sound(), other.clone(), other.clone(), other].concat();
    assert_eq!(cleaned(&file).unwrap().0.len(), file.len());
    let file = [sound(), b"\xff\xfb\x94\x00 garbage".to_vec(), sound()].concat();
    assert_eq!(cleaned(&file).unwrap(), ([sound(), sound()].concat(), [Found::Other].into()));
}

#[test]
fn what_has_no_sound_is_refused() {
    for file in
        [b"ID3\x03\0\0\0\0\0\0".as_slice(), b"\xff\xfb\x90\x00", b"\xff\xfb\x00\x00 free format"]
    {
        assert!(matches!(
            cleaned(file),
            Err(CleanError::Refused(Refusal::Damaged { kind: Kind::Mp3 }))
        ));
    }
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        planted in proptest::collection::vec((0..4_usize, 0..7_usize, "[ -~]{0,40}"), 0..6),
        end in 0..5_usize,
        text in "[ -~]{0,30}",
    ) {
        let mut parts = [vec![], full(0x11), full(0x22), full(0x33)];
        for (at, place, text) in planted {
            parts[at].extend(&places(text.as_bytes())[place].0);
        }
        let file = [parts.concat(), ends(text.as_bytes())[end].0.clone()].concat();
        prop_assert!(cleaned(&file).unwrap().0 == sound());
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        place in 0..7_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let reservoir = [frame(0, 200, 0x11), frame(100, 50, 0x22), frame(362, 100, 0x33)].concat();
        let head = info(b"Info", 7, &lame(b"LAME3.100"));
        let mut file = [head, sound(), places(b"something")[place].0.clone(), reservoir, full(0x55), id3v1(b"x")].concat();
        for (at, byte) in changes {
            let at = at.index(file.len() - 4) + 4;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 4) / 4);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len());
            let twice = cleaned(&once).unwrap();
            prop_assert_eq!(&twice.1, &BTreeSet::new());
            prop_assert!(twice.0 == once);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = cleaned(&[b"ID3".as_slice(), &bytes].concat());
        let _ = cleaned(&[b"\xff\xfb".as_slice(), &bytes].concat());
    }
}
