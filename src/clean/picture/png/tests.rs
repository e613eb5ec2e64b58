use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let crc = crc32fast::hash(&[name.as_slice(), data].concat());
    [&u32::try_from(data.len()).unwrap().to_be_bytes(), name.as_slice(), data, &crc.to_be_bytes()]
        .concat()
}

/// A zlib stream of one stored block.
fn zlib(data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    let adler = (b << 16 | a).to_be_bytes();
    [&[0x78, 1, 1], len.to_le_bytes().as_slice(), &(!len).to_le_bytes(), data, &adler].concat()
}

/// A grey picture of 4 by 3, as its chunks.
fn needed() -> Vec<Vec<u8>> {
    let stream = zlib(&[0, 1, 2, 3, 4].repeat(3));
    vec![
        chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 3, 8, 0, 0, 0, 0]),
        chunk(b"tRNS", &[0, 1]),
        chunk(b"IDAT", &stream[..9]),
        chunk(b"IDAT", &stream[9..]),
        chunk(b"IEND", b""),
    ]
}

fn picture(chunks: &[Vec<u8>]) -> Vec<u8> {
    [SIGNATURE.as_slice(), &chunks.concat()].concat()
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
    matches!(cleaned(bytes), Err(CleanError::Refused(Refusal::Damaged { kind: Kind::Png })))
}

/// Every chunk where metadata lies, each with `text` in it, and what is reported of it.
fn places(text: &[u8]) -> Vec<(Vec<u8>, Option<Found>)> {
    let plant = |name: &[u8; 4], head: &[u8]| chunk(name, &[head, text].concat());
    let packed = [b"Software\0\0".as_slice(), &zlib(text)].concat();
    vec![
        (plant(b"tEXt", b"Author\0"), Some(Found::Person)),
        (chunk(b"zTXt", &packed), Some(Found::Software)),
        (plant(b"iTXt", b"Description\0\0\0\0\0"), Some(Found::Comment)),
        (plant(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0xmp:CreateDate='"), Some(Found::Time)),
        (plant(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\0"), None),
        (plant(b"tIME", b""), Some(Found::Time)),
        (plant(b"iCCP", b"Display of somebody\0\0"), Some(Found::ColourProfile)),
        (plant(b"gAMA", b""), Some(Found::ColourProfile)),
        (plant(b"cHRM", b""), Some(Found::ColourProfile)),
        (plant(b"sRGB", b""), None),
        (plant(b"pHYs", b""), None),
        (plant(b"sPLT", b"name\0\x08"), Some(Found::Other)),
        (plant(b"acTL", b""), Some(Found::Other)),
        (plant(b"fdAT", b""), Some(Found::Other)),
        (plant(b"caBX", b""), Some(Found::Other)),
        (plant(b"prVt", b""), Some(Found::Other)),
        (plant(b"orNT", b""), None),
        (plant(b"PLTE", b""), None),
    ]
}

#[test]
fn what_decoding_needs_stays_byte_for_byte() {
    let picture = picture(&needed());
    assert_eq!(cleaned(&picture).unwrap(), (picture, BTreeSet::new()));
}

#[test]
fn nothing_planted_in_any_chunk_survives() {
    let canary = b"CANARY-8d1f-";
    let wide: Vec<u8> = canary.iter().flat_map(|&byte| [byte, 0]).collect();
    let clean_one = picture(&needed());
    for text in [canary.as_slice(), &wide] {
        for (planted, found) in places(text) {
            for at in [1, 2, 4] {
                let mut chunks = needed();
                chunks.insert(at, planted.clone());
                let (output, told) = cleaned(&picture(&chunks)).unwrap();
                assert_eq!(output, clean_one, "{planted:?} at {at}");
                assert!(found.is_none_or(|found| told.contains(&found)), "{planted:?} at {at}");
            }
        }
        let trailing = [clean_one.as_slice(), text].concat();
        assert_eq!(cleaned(&trailing).unwrap(), (clean_one.clone(), [Found::Trailing].into()));
        let mut chunks = needed();
        chunks[4] = chunk(b"IEND", text);
        assert_eq!(
            cleaned(&picture(&chunks)).unwrap(),
            (clean_one.clone(), [Found::Trailing].into())
        );
    }
}

#[test]
fn what_is_behind_the_stream_in_idat_is_cut_off() {
    let clean_one = picture(&needed());
    let stream = zlib(&[0, 1, 2, 3, 4].repeat(3));
    let mut chunks = needed();
    chunks[3] = chunk(b"IDAT", &[&stream[9..], b"secret"].concat());
    chunks.insert(4, chunk(b"IDAT", b"another secret"));
    assert_eq!(cleaned(&picture(&chunks)).unwrap(), (clean_one, [Found::Trailing].into()));
}

#[test]
fn orientation_survives_alone() {
    let block = Orientation::new(8).unwrap().block();
    let mut chunks = needed();
    chunks.insert(4, chunk(b"eXIf", &[block.as_slice(), b"secret"].concat()));
    chunks.insert(1, chunk(b"orNT", &[3]));
    let (output, _) = cleaned(&picture(&chunks)).unwrap();
    let mut expected = needed();
    expected.insert(2, chunk(b"orNT", &[3]));
    expected.insert(3, chunk(b"eXIf", &block));
    assert_eq!(output, picture(&expected));
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
}

#[test]
fn palettes_keep_what_pixels_can_use() {
    let stream = zlib(&[0, 0x1b]);
    let file = |palette: &[u8], transparency: &[u8]| {
        picture(&[
            chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 0, 0, 0]),
            chunk(b"PLTE", palette),
            chunk(b"tRNS", transparency),
            chunk(b"IDAT", &stream),
            chunk(b"IEND", b""),
        ])
    };
    let clean_one = file(&[7; 12], &[0; 4]);
    let long = file(&[[7; 12].as_slice(), b"six secrets bytes1"].concat(), &[0; 4]);
    assert_eq!(cleaned(&long).unwrap().0, clean_one);
    assert!(is_damaged(&file(&[7; 11], &[0; 4])));
    // decoders pass over a transparency for more colours than there are
    let (output, _) = cleaned(&file(&[7; 12], &[0; 5])).unwrap();
    assert!(memchr::memmem::find(&output, b"tRNS").is_none());
}

#[test]
fn a_missing_end_is_added_and_other_damage_refused() {
    let clean_one = picture(&needed());
    assert_eq!(cleaned(&clean_one[..clean_one.len() - 12]).unwrap().0, clean_one);
    assert_eq!(cleaned(&clean_one[..clean_one.len() - 5]).unwrap().0, clean_one);
    let with = |at: usize, other: Vec<u8>| {
        let mut chunks = needed();
        chunks[at] = other;
        picture(&chunks)
    };
    let stream = zlib(&[0, 1, 2, 3, 4].repeat(3));
    let mut wrong_crc = needed()[2].clone();
    *wrong_crc.last_mut().unwrap() ^= 1;
    for (what, file) in [
        ("no header", picture(&needed()[1..])),
        ("no data", picture(&needed()[..2])),
        ("half of the data", picture(&needed()[..3])),
        ("wrong CRC", with(2, wrong_crc)),
        (
            "interrupted data",
            with(2, [chunk(b"IDAT", &stream[..9]), chunk(b"tEXt", b"a\0b")].concat()),
        ),
        (
            "more lines than promised",
            with(0, chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 2, 8, 0, 0, 0, 0])),
        ),
        (
            "fewer lines than promised",
            with(0, chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 4, 8, 0, 0, 0, 0])),
        ),
        (
            "indexed without palette",
            with(0, chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 3, 8, 3, 0, 0, 0])),
        ),
        ("unknown critical chunk", with(1, chunk(b"NEWs", b""))),
        ("no chunk", with(1, b"\0\0\0\0\0\0\0\0\0\0\0\0".to_vec())),
    ] {
        assert!(is_damaged(&file), "{what}");
    }
}

#[test]
fn limits_hold() {
    for limits in
        [Limits { pixels: 11, ..Limits::default() }, Limits { parts: 3, ..Limits::default() }]
    {
        let refused = crate::clean::clean(&mut Cursor::new(picture(&needed())), &limits);
        assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { .. }))));
    }
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        planted in proptest::collection::vec((1..3_usize, 0..18_usize, "[ -~]{5,40}"), 0..8),
        tail in "[ -~]{0,40}",
    ) {
        let mut chunks = needed();
        for (at, place, text) in planted {
            chunks.insert(at, places(text.as_bytes())[place].0.clone());
        }
        let file = [picture(&chunks), tail.into_bytes()].concat();
        prop_assert_eq!(cleaned(&file).unwrap().0, picture(&needed()));
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        place in 0..18_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut chunks = needed();
        chunks.insert(4, places(b"something")[place].0.clone());
        let mut file = picture(&chunks);
        for (at, byte) in changes {
            let at = at.index(file.len() - 8) + 8;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 8) / 8);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len() + 80);
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = cleaned(&[SIGNATURE.as_slice(), &bytes].concat());
    }
}
