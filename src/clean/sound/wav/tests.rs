use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::clean::Limits;

const CANARY: &[u8] = b"CANARY-8d1f";

fn part(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut part = chunk(name, payload);
    part.resize(part.len() + payload.len() % 2, 0);
    part
}

/// `fmt ` of `tag` with `channels`, `bits` and what follows.
fn format(tag: u16, channels: u16, bits: u16, align: u16, rest: &[u8]) -> Vec<u8> {
    let mut payload = [tag, channels].map(u16::to_le_bytes).concat();
    payload.extend(8000_u32.to_le_bytes());
    payload.extend(77_u32.to_le_bytes());
    payload.extend([align, bits].map(u16::to_le_bytes).concat());
    payload.extend(rest);
    part(b"fmt ", &payload)
}

fn wav(parts: &[Vec<u8>]) -> Vec<u8> {
    let parts = parts.concat();
    let size = u32::try_from(parts.len() + 4).unwrap().to_le_bytes();
    [b"RIFF".as_slice(), &size, b"WAVE", &parts].concat()
}

fn mono16() -> Vec<u8> {
    format(1, 1, 16, 2, b"")
}

fn sound() -> Vec<u8> {
    part(b"data", &[1, 2, 3, 4, 5, 6, 7, 8])
}

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let (found, len) = (cleaned.report().found.clone(), cleaned.len());
    let mut output = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
    assert_eq!(output.len() as u64, len);
    Ok((output, found))
}

fn refusal(bytes: &[u8]) -> Refusal {
    match cleaned(bytes) {
        Err(CleanError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// What `mono16` and `sound` become.
fn plain() -> Vec<u8> {
    cleaned(&wav(&[mono16(), sound()])).unwrap().0
}

fn places(text: &[u8]) -> Vec<(Vec<u8>, Found)> {
    let field = |name: &[u8; 4]| part(b"LIST", &[b"INFO", part(name, text).as_slice()].concat());
    vec![
        (field(b"IART"), Found::Person),
        (field(b"ICRD"), Found::Time),
        (field(b"ISFT"), Found::Software),
        (part(b"bext", text), Found::Identifier),
        (part(b"iXML", text), Found::Device),
        (part(b"_PMX", &[b"xmp:CreateDate", text].concat()), Found::Time),
        (part(b"id3 ", &[b"ID3\x03\0\0\0\0\0\x20TPE1", text].concat()), Found::Comment),
        (part(b"JUNK", text), Found::Other),
        (part(b"cue ", text), Found::Other),
        (part(b"data", text), Found::Other),
    ]
}

#[test]
fn the_sound_stays_and_every_number_is_computed() {
    let (output, found) = cleaned(&wav(&[mono16(), sound()])).unwrap();
    let mut expected = wav(&[mono16(), sound()]);
    expected[28..32].copy_from_slice(&16_000_u32.to_le_bytes());
    assert_eq!((&output, found), (&expected, BTreeSet::new()));
    assert_eq!(cleaned(&output).unwrap(), (expected, BTreeSet::new()));
}

#[test]
fn no_chunk_survives_in_any_place() {
    let wide: Vec<u8> = CANARY.iter().flat_map(|&byte| [byte, 0]).collect();
    for text in [CANARY, &wide] {
        for (planted, found) in places(text) {
            for at in 0..3 {
                let mut parts = vec![mono16(), sound()];
                if at < 2 && planted.starts_with(b"data") {
                    continue;
                }
                parts.insert(at, planted.clone());
                let (output, told) = cleaned(&wav(&parts)).unwrap();
                assert_eq!(output, plain(), "{found:?} at {at}");
                assert!(told.contains(&found), "{told:?}");
            }
        }
        let (output, told) =
            cleaned(&[&wav(&[mono16(), sound()]), b"\x01".as_slice(), text].concat()).unwrap();
        assert_eq!((output, told), (plain(), [Found::Trailing].into()));
        let longer = format(1, 1, 16, 2, text);
        assert_eq!(cleaned(&wav(&[longer, sound()])).unwrap().0, plain());
    }
}

#[test]
fn what_recorders_leave_open_is_closed() {
    let open = |size: u32, behind: &[u8]| {
        let mut file = wav(&[mono16(), sound()]);
        let at = file.len() - 12;
        file[at..at + 4].copy_from_slice(&size.to_le_bytes());
        file[4..8].fill(0);
        [&file, behind].concat()
    };
    for size in [0, u32::MAX, 9, 1 << 20] {
        assert_eq!(cleaned(&open(size, b"")).unwrap().0, plain(), "{size}");
    }
    for (planted, found) in places(CANARY) {
        if planted.starts_with(b"data") {
            continue;
        }
        let behind = [planted.clone(), part(b"LIST", b"INFO")].concat();
        assert_eq!(cleaned(&open(0, &behind)).unwrap().0, plain(), "{found:?}");
    }
    // half a sample is none
    assert_eq!(cleaned(&open(0, b"\x09")).unwrap().0, plain());
    // a byte that fills up is forgotten
    let odd = [b"bext\x03\0\0\0abc".as_slice(), &mono16()].concat();
    assert_eq!(cleaned(&wav(&[odd, sound()])).unwrap().0, plain());
}

#[test]
fn what_looks_like_chunks_does_not_take_long() {
    // each would be followed to the next, and from there on
    let mut chains = wav(&[mono16(), b"data\0\0\0\0".to_vec()]);
    for _ in 0..40_000 {
        chains.extend(b"LIST\x10\0\0\0JUNK\x08\0\0\0LIST\0\0\0\0");
    }
    chains.push(1);
    assert_eq!(refusal(&chains), Refusal::TooLarge { kind: Kind::Wav });
    // sound has a name now and then
    let mut sound = vec![7; 3 << 20];
    for place in sound.chunks_mut(8 << 10) {
        place[..4].copy_from_slice(b"LIST");
    }
    let open = wav(&[mono16(), b"data\0\0\0\0".to_vec(), sound.clone()]);
    let (output, _) = cleaned(&[&open, places(CANARY)[0].0.as_slice()].concat()).unwrap();
    assert!(output == cleaned(&wav(&[mono16(), part(b"data", &sound)])).unwrap().0);
}

#[test]
fn long_files_become_short_ones_where_they_can() {
    let mut long = [0xff_u8; 8].to_vec();
    long.extend(8_u64.to_le_bytes());
    long.extend(CANARY);
    let mut file = wav(&[part(b"ds64", &long), mono16(), sound(), places(CANARY)[0].0.clone()]);
    let at = file.len() - places(CANARY)[0].0.len() - 12;
    file[at..at + 4].fill(0xff);
    for name in [b"RF64", b"BW64"] {
        file[..4].copy_from_slice(name);
        assert_eq!(cleaned(&file).unwrap().0, plain());
    }
    let long = assemble(&Format::read(&mono16()[8..]).unwrap(), None, 44, 5 << 30).unwrap();
    assert_eq!(long.len(), 12 + 36 + 24 + 8 + (5 << 30));
}

#[test]
fn each_format_keeps_what_decoding_needs() {
    let guid = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";
    let extended = |used: u8, mask: u8, tag: u8| {
        let rest = [&[22, 0, used, 0, mask, 0, 0, 0, tag, 0], guid.as_slice()].concat();
        format(0xfffe, 2, 32, 8, &rest)
    };
    for (header, tag, length) in [
        (format(3, 2, 32, 8, b"\0\0"), 3, 18),
        (format(6, 1, 8, 1, b""), 6, 18),
        (format(7, 1, 8, 1, b""), 7, 18),
        (format(2, 1, 4, 256, &[&[32, 0, 1, 1, 7, 0], [9; 28].as_slice()].concat()), 2, 50),
        (format(0x11, 1, 4, 256, &[2, 0, 9, 9]), 0x11, 20),
        (format(0x31, 1, 0, 65, &[2, 0, 9, 9]), 0x31, 20),
        (extended(24, 3, 1), 0xfe, 40),
        (extended(32, 3, 3), 0xfe, 40),
    ] {
        let (output, _) = cleaned(&wav(&[header, part(b"data", &[5; 520])])).unwrap();
        assert_eq!((output[16], output[20]), (length, tag));
        assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
    }
    let mask = |mask| cleaned(&wav(&[extended(24, mask, 1), sound()])).unwrap().0[40];
    assert_eq!((mask(3), mask(7)), (3, 0));
}

#[test]
fn what_is_not_known_is_refused() {
    let unsupported = Refusal::Unsupported { kind: Kind::Wav };
    let damaged = Refusal::Damaged { kind: Kind::Wav };
    assert_eq!(refusal(&wav(&[format(0x161, 1, 16, 2, b""), sound()])), unsupported);
    assert_eq!(refusal(b"RIFX\0\0\0\x04WAVE"), unsupported);
    assert_eq!(refusal(&wav(&[mono16()])), damaged);
    assert_eq!(refusal(&wav(&[sound()])), damaged);
    assert_eq!(refusal(&wav(&[format(1, 0, 16, 2, b""), sound()])), damaged);
    assert_eq!(
        refusal(&wav(&[format(0x55, 1, 16, 2, b""), sound()])),
        Refusal::Damaged { kind: Kind::Mp3 }
    );
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        planted in proptest::collection::vec((0..3_usize, 0..9_usize, "[ -~]{0,40}"), 0..6),
    ) {
        let mut parts = [vec![], mono16(), sound()];
        for (at, place, text) in planted {
            parts[at].extend(&places(text.as_bytes())[place].0);
        }
        prop_assert_eq!(cleaned(&wav(&parts)).unwrap().0, plain());
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        place in 0..10_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = wav(&[places(b"something")[place].0.clone(), mono16(), sound(), places(b"odd")[1].0.clone()]);
        for (at, byte) in changes {
            let at = at.index(file.len() - 12) + 12;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 12) / 4);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len() + 90);
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = cleaned(&[b"RIFF\0\0\0\0WAVE".as_slice(), &bytes].concat());
        let _ = cleaned(&[b"RIFF\0\0\0\0WAVEfmt ", bytes.as_slice()].concat());
    }
}
