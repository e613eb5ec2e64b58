use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap().to_le_bytes();
    let pad: &[u8] = if data.len() % 2 == 1 { b"\0" } else { b"" };
    [name.as_slice(), &len, data, pad].concat()
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WEBP".as_slice(), &chunks.concat()].concat();
    [b"RIFF".as_slice(), &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
}

/// A key frame of 4 by 3 with a first partition of three bytes; never decoded here.
fn lossy() -> Vec<u8> {
    chunk(b"VP8 ", b"\x70\0\0\x9d\x01\x2a\x04\0\x03\0abcdefg")
}

/// The same size without loss, with transparency.
fn lossless() -> Vec<u8> {
    chunk(b"VP8L", b"\x2f\x03\x80\0\x10abcdef")
}

fn extended(flags: u8) -> Vec<u8> {
    chunk(b"VP8X", &[flags, 0, 0, 0, 3, 0, 0, 2, 0, 0])
}

/// Filtered, compressed alpha.
fn alpha() -> Vec<u8> {
    chunk(b"ALPH", b"\x05alpha")
}

fn frame(flags: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
    let head = [0, 0, 0, 0, 0, 0, 3, 0, 0, 2, 0, 0, 100, 0, 0, flags];
    chunk(b"ANMF", &[head.as_slice(), &chunks.concat()].concat())
}

fn animation() -> Vec<Vec<u8>> {
    vec![
        extended(ANIMATION | ALPHA),
        chunk(b"ANIM", &[1, 2, 3, 4, 5, 0]),
        frame(0, &[alpha(), lossy()]),
        frame(3, &[lossless()]),
    ]
}

/// One of each kind of file that is already clean.
fn pictures() -> Vec<Vec<Vec<u8>>> {
    vec![vec![lossy()], vec![lossless()], vec![extended(ALPHA), alpha(), lossy()], animation()]
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
    matches!(cleaned(bytes), Err(CleanError::Refused(Refusal::Damaged { kind: Kind::Webp })))
}

/// Every chunk where metadata lies, each with `text` in it, and what is reported of it.
fn places(text: &[u8]) -> Vec<(Vec<u8>, Found)> {
    let plant = |name: &[u8; 4], head: &[u8]| chunk(name, &[head, text].concat());
    vec![
        (plant(b"ICCP", b""), Found::ColourProfile),
        (plant(b"XMP ", b"<x:xmpmeta exif:GPSLatitude='"), Found::Location),
        (plant(b"EXIF", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x09\0\0\0"), Found::Device),
        (plant(b"EXIF", b""), Found::Other),
        (plant(b"C2PA", b""), Found::Other),
        (plant(b"prVt", b""), Found::Other),
        (plant(b"ALPH", b"\0"), Found::Other),
        (plant(b"VP8 ", b"\x70\0\0\x9d\x01\x2a\x04\0\x03\0"), Found::Other),
    ]
}

#[test]
fn what_decoding_needs_stays_byte_for_byte() {
    for picture in pictures() {
        let picture = file(&picture);
        assert_eq!(cleaned(&picture).unwrap(), (picture, BTreeSet::new()));
    }
}

#[test]
fn nothing_planted_in_any_chunk_survives() {
    let canary = b"CANARY-8d1f";
    let wide: Vec<u8> = canary.iter().flat_map(|&byte| [byte, 0]).collect();
    for text in [canary.as_slice(), &wide] {
        for picture in pictures() {
            let clean_one = file(&picture);
            for (planted, found) in places(text) {
                // behind the picture everything is metadata
                let mut chunks = picture.clone();
                chunks.push(planted.clone());
                let (output, told) = cleaned(&file(&chunks)).unwrap();
                assert_eq!(output, clean_one, "{planted:?}");
                assert!(told.contains(&found), "{planted:?}");
                // in front of it what makes part of a picture would be its own
                if found != Found::Other {
                    let at = usize::from(picture.len() > 1);
                    chunks = picture.clone();
                    chunks.insert(at, planted.clone());
                    assert_eq!(cleaned(&file(&chunks)).unwrap(), (output, told));
                }
            }
            let trailing = [clean_one.as_slice(), text].concat();
            assert_eq!(cleaned(&trailing).unwrap(), (clean_one, [Found::Trailing].into()));
        }
    }
}

#[test]
fn nothing_planted_in_a_frame_survives() {
    for (planted, found) in places(b"CANARY-8d1f") {
        let mut chunks = animation();
        chunks[3] = frame(3, &[lossless(), planted.clone()]);
        let (output, told) = cleaned(&file(&chunks)).unwrap();
        assert_eq!(output, file(&animation()), "{planted:?}");
        assert!(told.contains(&found), "{planted:?}");
    }
    let mut chunks = animation();
    chunks[3] = frame(3, &[lossless(), b"canary".to_vec()]);
    assert_eq!(cleaned(&file(&chunks)).unwrap().0, file(&animation()));
}

#[test]
fn values_with_freedom_are_written_one_way() {
    // scaling hints, reserved bits, flags that say nothing, an extended header that is not needed, padding
    let scaled = chunk(b"VP8 ", b"\x70\0\0\x9d\x01\x2a\x04\x40\x03\xc0abcdefg");
    assert_eq!(cleaned(&file(&[scaled])).unwrap().0, file(&[lossy()]));
    let all = chunk(b"VP8X", &[0x3d, 7, 7, 7, 3, 0, 0, 2, 0, 0]);
    assert_eq!(cleaned(&file(&[all, lossless()])).unwrap().0, file(&[lossless()]));
    let mut chunks = animation();
    chunks[0] = chunk(b"VP8X", &[0xff, 7, 7, 7, 3, 0, 0, 2, 0, 0, 7, 7]);
    chunks[1] = chunk(b"ANIM", &[1, 2, 3, 4, 5, 0, 7, 7]);
    chunks[2] = frame(0xfc, &[chunk(b"ALPH", b"\xc5alpha"), lossy()]);
    *chunks[2].last_mut().unwrap() = 7;
    assert_eq!(cleaned(&file(&chunks)).unwrap().0, file(&animation()));
}

#[test]
fn alpha_that_is_not_compressed_is_cut_to_its_size() {
    let pixels = chunk(b"ALPH", b"\0twelve bytes");
    let long = chunk(b"ALPH", b"\0twelve bytes and a secret");
    let expected = file(&[extended(ALPHA), pixels, lossy()]);
    let (output, found) = cleaned(&file(&[extended(ALPHA), long, lossy()])).unwrap();
    assert_eq!((output, found), (expected, [Found::Trailing].into()));
    let short = chunk(b"ALPH", b"\0eleven byte");
    assert!(is_damaged(&file(&[extended(ALPHA), short, lossy()])));
}

#[test]
fn orientation_survives_alone() {
    let exif = chunk(
        b"EXIF",
        b"II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x09\0\0\0\x26\0\0\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0a secret",
    );
    let ours = chunk(b"EXIF", &Orientation::new(6).unwrap().block());
    for (picture, flags) in [(lossy(), 0), (lossless(), ALPHA)] {
        let (output, found) =
            cleaned(&file(&[extended(0), picture.clone(), exif.clone()])).unwrap();
        assert_eq!(output, file(&[extended(EXIF | flags), picture, ours.clone()]));
        assert_eq!(found, [Found::Device].into());
        assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
    }
    let mut prefixed = exif[8..].to_vec();
    prefixed.splice(0..0, JPEG_PREFIX.iter().copied());
    let (output, _) = cleaned(&file(&[extended(0), lossy(), chunk(b"EXIF", &prefixed)])).unwrap();
    assert!(output.ends_with(&[JPEG_PREFIX, ours[8..].as_ref()].concat()));
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
    let mut chunks = animation();
    chunks.push(exif);
    let mut expected = animation();
    expected[0] = extended(ANIMATION | ALPHA | EXIF);
    expected.push(ours);
    assert_eq!(cleaned(&file(&chunks)).unwrap().0, file(&expected));
}

#[test]
fn what_a_viewer_forgives_is_mended() {
    let whole = file(&[extended(ALPHA), alpha(), lossy()]);
    for size in [0, 20, 1 << 20, u32::MAX] {
        let mut wrong = whole.clone();
        wrong[4..8].copy_from_slice(&size.to_le_bytes());
        let result = cleaned(&wrong);
        // a size that ends before the picture leaves none
        if size == 20 {
            assert!(matches!(result, Err(CleanError::Refused(_))));
        } else {
            assert_eq!(result.unwrap().0, whole, "size {size}");
        }
    }
    // the padding of the last chunk is missing
    assert_eq!(cleaned(&whole[..whole.len() - 1]).unwrap().0, whole);
    // an animation that ends in its second frame
    let cut = file(&animation());
    let expected = file(&animation()[..3]);
    assert_eq!(cleaned(&cut[..cut.len() - 5]).unwrap().0, expected);
}

#[test]
fn broken_files_are_refused() {
    for (what, chunks) in [
        ("nothing", vec![]),
        ("no picture", vec![extended(0)]),
        ("an inter frame", vec![chunk(b"VP8 ", b"\x71\0\0\x9d\x01\x2a\x04\0\x03\0abcdefg")]),
        ("no start code", vec![chunk(b"VP8 ", b"\x70\0\0\x9d\x01\x2b\x04\0\x03\0abcdefg")]),
        ("no width", vec![chunk(b"VP8 ", b"\x70\0\0\x9d\x01\x2a\0\0\x03\0abcdefg")]),
        ("a partition too long", vec![chunk(b"VP8 ", b"\xf0\0\0\x9d\x01\x2a\x04\0\x03\0abcdefg")]),
        ("version 1", vec![chunk(b"VP8L", b"\x2f\x03\x80\0\x30abcdef")]),
        ("a frame off the canvas", {
            let mut chunks = animation();
            chunks[0] = chunk(b"VP8X", &[ANIMATION, 0, 0, 0, 2, 0, 0, 2, 0, 0]);
            chunks
        }),
        ("frames without a head", animation()[2..].to_vec()),
        ("frames of another size", {
            let other = chunk(b"VP8L", b"\x2f\x02\x80\0\x10abcdef");
            [animation()[..2].to_vec(), vec![frame(0, &[other])]].concat()
        }),
    ] {
        assert!(is_damaged(&file(&chunks)), "{what}");
    }
    let whole = file(&[lossy()]);
    assert!(is_damaged(&whole[..whole.len() - 3]));
}

#[test]
fn limits_hold() {
    for limits in
        [Limits { pixels: 11, ..Limits::default() }, Limits { parts: 5, ..Limits::default() }]
    {
        let refused = crate::clean::clean(&mut Cursor::new(file(&animation())), &limits);
        assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { .. }))));
    }
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        picture in 0..4_usize,
        planted in proptest::collection::vec((0..8_usize, "[ -~]{0,40}"), 0..8),
        tail in "[ -~]{0,40}",
    ) {
        let mut chunks = pictures()[picture].clone();
        let expected = file(&chunks);
        for (place, text) in planted {
            chunks.push(places(text.as_bytes())[place].0.clone());
        }
        let file = [file(&chunks), tail.into_bytes()].concat();
        prop_assert_eq!(cleaned(&file).unwrap().0, expected);
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        picture in 0..4_usize,
        place in 0..8_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut chunks = pictures()[picture].clone();
        chunks.push(places(b"something")[place].0.clone());
        let mut file = file(&chunks);
        for (at, byte) in changes {
            let at = at.index(file.len() - 12) + 12;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 12) / 8);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len() + 80);
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = cleaned(&[b"RIFF\xff\xff\0\0WEBP".as_slice(), &bytes].concat());
    }
}
