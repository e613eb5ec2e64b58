use std::io::Cursor;

use proptest::prelude::*;

use super::*;

const QUANTIZATION: u8 = marker::DQT;

fn segment(code: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&[0xff, code], length.as_slice(), payload].concat()
}

fn huffman(class: u8) -> Vec<u8> {
    let counts = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
    segment(
        marker::DHT,
        &[&[class], counts.as_slice(), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]].concat(),
    )
}

/// What decoding an 8 by 8 grey picture needs, in order: tables, frame, scan with its data.
fn needed() -> Vec<Vec<u8>> {
    vec![
        segment(QUANTIZATION, &[&[0], [1; 64].as_slice()].concat()),
        segment(marker::SOF0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]),
        huffman(0),
        huffman(0x10),
        [segment(marker::SOS, &[1, 1, 0, 0, 63, 0]), vec![0x12, 0xff, 0, 0x34]].concat(),
    ]
}

fn picture(needed: &[Vec<u8>]) -> Vec<u8> {
    [b"\xff\xd8".as_slice(), &needed.concat(), b"\xff\xd9"].concat()
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
    matches!(cleaned(bytes), Err(CleanError::Refused(Refusal::Damaged { kind: Kind::Jpeg })))
}

fn exif(orientation: u8, text: &[u8]) -> Vec<u8> {
    let head = [
        b"Exif\0\0II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0".as_slice(),
        &u32::try_from(text.len()).unwrap().to_le_bytes(),
        b"\x26\0\0\0\x12\x01\x03\0\x01\0\0\0",
        &[orientation, 0, 0, 0, 0, 0, 0, 0],
        text,
    ];
    segment(marker::APP1, &head.concat())
}

/// Every place where metadata lies, each with `text` in it, and what is reported of it.
fn places(text: &[u8]) -> Vec<(Vec<u8>, Option<Found>)> {
    let app = |number: u8, name: &[u8]| segment(marker::APP0 + number, &[name, text].concat());
    vec![
        (app(0, b"JFXX\0\x10"), Some(Found::Preview)),
        (app(0, b"AVI1"), Some(Found::Other)),
        (exif(1, text), Some(Found::Device)),
        (
            app(1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta exif:GPSLatitude='"),
            Some(Found::Location),
        ),
        (app(1, b"http://ns.adobe.com/xmp/extension/\0"), Some(Found::Other)),
        (app(2, b"ICC_PROFILE\0\x01\x01"), Some(Found::ColourProfile)),
        (app(2, b"MPF\0MM\0*"), Some(Found::Preview)),
        (app(2, b"FPXR\0"), Some(Found::Other)),
        (app(4, b"Qualcomm"), Some(Found::Other)),
        (app(11, b"JP\0\x01"), Some(Found::Other)),
        (app(12, b"Ducky"), Some(Found::Software)),
        (app(13, b"Photoshop 3.0\08BIM\x04\x04"), Some(Found::Other)),
        (app(15, b""), Some(Found::Other)),
        (segment(marker::COM, text), Some(Found::Comment)),
        (segment(marker::DNL, text), None),
        ([b"garbage", text].concat(), Some(Found::Other)),
        (vec![0xff; 9], None),
    ]
}

#[test]
fn what_decoding_needs_stays_byte_for_byte() {
    let picture = picture(&needed());
    assert_eq!(cleaned(&picture).unwrap(), (picture, BTreeSet::new()));
}

#[test]
fn nothing_planted_in_any_place_survives() {
    let canary = b"CANARY-8d1f";
    let wide: Vec<u8> = canary.iter().flat_map(|&byte| [byte, 0]).collect();
    let clean_one = picture(&needed());
    for text in [canary.as_slice(), &wide] {
        for (planted, found) in places(text) {
            for at in 0..=needed().len() {
                let mut parts = needed();
                parts.insert(at, planted.clone());
                // inside the file before its end, or after it
                let dirty = match at {
                    4 if planted.starts_with(b"garbage") => continue,
                    _ => picture(&parts),
                };
                let (output, told) = cleaned(&dirty).unwrap();
                if at == needed().len() && planted.starts_with(b"garbage") {
                    // code words that decode to nothing cannot be told from data without decoding
                    continue;
                }
                assert_eq!(output, clean_one, "{planted:?} at {at}");
                let told_late = at == needed().len() && told.contains(&Found::Trailing);
                assert!(
                    found.is_none_or(|found| told.contains(&found)) || told_late,
                    "{planted:?}"
                );
            }
        }
        let trailing = [clean_one.as_slice(), text].concat();
        assert_eq!(cleaned(&trailing).unwrap(), (clean_one.clone(), [Found::Trailing].into()));
    }
}

#[test]
fn orientation_survives_alone() {
    let mut parts = needed();
    parts.insert(0, exif(6, b"Maker of the camera"));
    let (output, found) = cleaned(&picture(&parts)).unwrap();
    parts[0] = segment(
        marker::APP1,
        &[b"Exif\0\0", Orientation::new(6).unwrap().block().as_slice()].concat(),
    );
    assert_eq!(output, picture(&parts));
    assert_eq!(found, [Found::Device].into());
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
}

#[test]
fn colours_are_told_as_before_and_nothing_else() {
    let mut parts = needed();
    parts[1] = segment(marker::SOF0, &[8, 0, 8, 0, 8, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
    parts[4] = [segment(marker::SOS, &[3, 1, 0, 2, 0, 3, 0, 0, 63, 0]), vec![0x12]].concat();
    let clean_one = parts.clone();
    parts.insert(0, segment(marker::APP14, b"Adobe\0\x65\x80\0\0\0\x01and a secret"));
    parts.insert(0, segment(marker::APP0, b"JFIF\0\x01\x02\x01\x01\x2c\x01\x2c\x01\x01RGB"));
    let (output, found) = cleaned(&picture(&parts)).unwrap();
    let adobe = segment(marker::APP14, b"Adobe\0\x64\0\0\0\0\x01");
    assert_eq!(output, picture(&[vec![JFIF.to_vec(), adobe], clean_one].concat()));
    assert_eq!(found, [Found::Preview].into());
}

#[test]
fn what_a_viewer_forgives_is_mended() {
    let whole = picture(&needed());
    let no_end = &whole[..whole.len() - 2];
    assert_eq!(cleaned(no_end).unwrap().0, whole);
    assert_eq!(cleaned(&[no_end, b"\xff"].concat()).unwrap().0, whole);
    // fill bytes inside the data and before EOI
    let filled = [&no_end[..no_end.len() - 3], b"\xff\xff\xff\0\x34\xff\xff\xff\xd9"].concat();
    assert_eq!(cleaned(&filled).unwrap().0, whole);
    // a restart where none is due ends the scan, and what is behind it is garbage
    let restart = [no_end, b"\xff\xd0secret\xff\xd9"].concat();
    assert_eq!(cleaned(&restart).unwrap().0, whole);
}

#[test]
fn restarts_stay_where_an_interval_is_set() {
    let mut parts = needed();
    parts.insert(0, segment(marker::DRI, &[0, 1]));
    parts[5].extend(b"\xff\xd0\x11\xff\xd1\x22");
    let whole = picture(&parts);
    assert_eq!(cleaned(&whole).unwrap(), (whole, BTreeSet::new()));
    parts[5].extend(b"\xff\x05secret\xff\xd2\x33");
    let (output, _) = cleaned(&picture(&parts)).unwrap();
    assert!(memchr::memmem::find(&output, b"secret").is_none());
    assert!(output.ends_with(b"\x22\xff\xd2\x33\xff\xd9"));
}

#[test]
fn a_broken_beginning_is_refused() {
    assert!(is_damaged(b"\xff\xd8"));
    assert!(is_damaged(b"\xff\xd8\xff\xd9"));
    for missing in [1, 4] {
        let mut parts = needed();
        parts.remove(missing);
        assert!(is_damaged(&picture(&parts)), "without part {missing}");
    }
    for (at, broken) in [
        (0, segment(QUANTIZATION, &[0; 64])),
        (0, segment(QUANTIZATION, &[4; 65])),
        (1, segment(marker::SOF0, &[8, 0, 0, 0, 8, 1, 1, 0x11, 0])),
        (1, segment(marker::SOF0, &[8, 0, 8, 0, 8, 1, 1, 0x51, 0])),
        (1, segment(marker::SOF0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0, 0])),
        (2, segment(marker::DHT, &[0x02, 1])),
        (2, segment(marker::DRI, &[0, 1, 2])),
        (4, segment(marker::SOS, &[1, 7, 0, 0, 63, 0])),
    ] {
        let mut parts = needed();
        parts[at] = broken;
        assert!(is_damaged(&picture(&parts)), "part {at}");
    }
    let mut parts = needed();
    parts[1] = segment(0xc3, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    let lossless = cleaned(&picture(&parts));
    assert!(matches!(lossless, Err(CleanError::Refused(Refusal::Unsupported { .. }))));
}

#[test]
fn limits_hold() {
    let limits = Limits { pixels: 63, ..Limits::default() };
    let refused = crate::clean::clean(&mut Cursor::new(picture(&needed())), &limits);
    assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { .. }))));
    let limits = Limits { parts: 5, ..Limits::default() };
    let refused = crate::clean::clean(&mut Cursor::new(picture(&needed())), &limits);
    assert!(refused.is_ok());
    let limits = Limits { parts: 4, ..Limits::default() };
    let refused = crate::clean::clean(&mut Cursor::new(picture(&needed())), &limits);
    assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { .. }))));
}

#[test]
fn a_cut_up_scan_is_refused_before_it_fills_memory() {
    let mut parts = needed();
    parts[4].extend(b"\xff\xff\0".repeat(1_100_000));
    let refused = cleaned(&picture(&parts));
    assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { .. }))));
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        planted in proptest::collection::vec((0..5_usize, 0..15_usize, "[ -~]{0,40}"), 0..8),
        entropy in proptest::collection::vec(0..=0xfe_u8, 0..400),
    ) {
        let mut parts = needed();
        parts[4].extend(entropy);
        let expected = picture(&parts);
        for (at, place, text) in planted {
            parts.insert(at, places(text.as_bytes())[place].0.clone());
        }
        prop_assert_eq!(cleaned(&picture(&parts)).unwrap().0, expected);
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        place in 0..15_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut parts = needed();
        parts.insert(1, places(b"something")[place].0.clone());
        let mut file = picture(&parts);
        for (at, byte) in changes {
            let at = at.index(file.len() - 2) + 2;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 2) / 8);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len() + 80);
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = cleaned(&[b"\xff\xd8".as_slice(), &bytes].concat());
    }
}
