use std::io::{Cursor, Read as _, Write as _};

use proptest::prelude::*;

use super::{write::Order, *};
use crate::clean::Limits;

const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const BYTES: u16 = 7;

/// A field as a test writes it: tag, type, the values' bytes.
type Raw = (u16, u16, Vec<u8>);

fn short(tag: u16, values: &[u16]) -> Raw {
    (tag, SHORT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn long(tag: u16, values: &[u32]) -> Raw {
    (tag, LONG, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn text(tag: u16, text: &[u8]) -> Raw {
    (tag, 2, text.to_vec())
}

/// A little-endian file of pages with the strips' bytes in front of each directory, and `between` everywhere.
fn file(pages: &[(Vec<Raw>, Vec<Vec<u8>>)], between: &[u8]) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for (fields, strips) in pages {
        let (mut offsets, mut counts) = (Vec::new(), Vec::new());
        for strip in strips {
            file.extend(between);
            offsets.push(u32::try_from(file.len()).unwrap());
            counts.push(u32::try_from(strip.len()).unwrap());
            file.extend(strip);
        }
        let mut fields = fields.clone();
        let tiled = fields.iter().any(|field| field.0 == tag::TILE_WIDTH);
        fields.push(long(if tiled { tag::TILE_OFFSETS } else { tag::STRIP_OFFSETS }, &offsets));
        fields.push(long(if tiled { tag::TILE_COUNTS } else { tag::STRIP_COUNTS }, &counts));
        fields.sort_by_key(|field| field.0);
        let mut directory = u16::try_from(fields.len()).unwrap().to_le_bytes().to_vec();
        for (tag, kind, values) in fields {
            let size = match kind {
                SHORT => 2,
                LONG => 4,
                RATIONAL => 8,
                _ => 1,
            };
            directory.extend(tag.to_le_bytes());
            directory.extend(kind.to_le_bytes());
            directory.extend(u32::try_from(values.len() / size).unwrap().to_le_bytes());
            if values.len() <= 4 {
                directory.extend(values.iter().copied().chain([0; 4]).take(4));
            } else {
                file.extend(between);
                directory.extend(u32::try_from(file.len()).unwrap().to_le_bytes());
                file.extend(values);
            }
        }
        let at = u32::try_from(file.len()).unwrap();
        file[link..link + 4].copy_from_slice(&at.to_le_bytes());
        file.extend(directory);
        link = file.len();
        file.extend([0; 4]);
    }
    file.extend(between);
    file
}

/// Fields of a grey page of 4 by 3 in two strips.
fn grey() -> Vec<Raw> {
    vec![
        short(tag::WIDTH, &[4]),
        short(tag::LENGTH, &[3]),
        short(tag::BITS, &[8]),
        short(tag::COMPRESSION, &[1]),
        short(tag::PHOTOMETRIC, &[1]),
        short(tag::ROWS, &[2]),
    ]
}

fn strips() -> Vec<Vec<u8>> {
    vec![b"abcdefgh".to_vec(), b"ijkl".to_vec()]
}

fn with(fields: &[Raw], changed: &[Raw]) -> Vec<Raw> {
    let mut fields = fields.to_vec();
    fields.retain(|field| changed.iter().all(|other| other.0 != field.0));
    fields.extend(changed.iter().cloned());
    fields
}

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let (found, len) = (cleaned.report().found.clone(), cleaned.len());
    let mut output = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
    assert_eq!(output.len() as u64, len);
    Ok((output, found))
}

fn refusal(bytes: &[u8]) -> Option<Refusal> {
    match cleaned(bytes) {
        Err(CleanError::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

/// What the cleaned file of a page with `fields` and `strips` says is in its strips.
fn kept(fields: &[Raw], strips: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let output = cleaned(&file(&[(fields.to_vec(), strips.to_vec())], b"")).unwrap().0;
    assert_eq!(cleaned(&output).unwrap(), (output.clone(), BTreeSet::new()));
    strips_of(&output)
}

fn strips_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut cursor = Cursor::new(bytes);
    let mut input = Input::new(&mut cursor).unwrap();
    let (mut file, first) = File::new(&mut input).unwrap().unwrap();
    let directory = file.directory(first).unwrap().unwrap();
    let tiled = directory.has(tag::TILE_OFFSETS);
    let mut read = |strips, tiles| {
        let tag = if tiled { tiles } else { strips };
        file.numbers(&directory, tag, 99).unwrap().unwrap()
    };
    let offsets = read(tag::STRIP_OFFSETS, tag::TILE_OFFSETS);
    let counts = read(tag::STRIP_COUNTS, tag::TILE_COUNTS);
    let ranges = offsets.into_iter().zip(counts);
    ranges
        .map(|(at, len)| {
            let at = usize::try_from(at).unwrap();
            bytes[at..at + usize::try_from(len).unwrap()].to_vec()
        })
        .collect()
}

/// Fields where metadata lies, each with `words` in it, and what is reported of it.
fn places(words: &[u8]) -> Vec<(Raw, Option<Found>)> {
    vec![
        (text(269, words), Some(Found::Comment)),
        (text(270, words), Some(Found::Comment)),
        (text(271, words), Some(Found::Device)),
        (text(272, words), Some(Found::Device)),
        (text(285, words), Some(Found::Comment)),
        (text(305, words), Some(Found::Software)),
        (text(306, words), Some(Found::Time)),
        (text(315, words), Some(Found::Person)),
        (text(316, words), Some(Found::Device)),
        (text(333, words), Some(Found::Other)),
        (text(337, words), Some(Found::Other)),
        ((700, 1, [b"<x dc:creator='".as_slice(), words].concat()), Some(Found::Person)),
        (text(33432, words), Some(Found::Person)),
        ((33723, BYTES, words.to_vec()), Some(Found::Other)),
        ((34377, 1, words.to_vec()), Some(Found::Other)),
        ((34675, BYTES, words.to_vec()), Some(Found::ColourProfile)),
        (text(34737, words), Some(Found::Location)),
        ((37724, BYTES, words.to_vec()), Some(Found::Other)),
        ((0x9999, BYTES, words.to_vec()), Some(Found::Other)),
        ((tag::JPEG_TABLES, BYTES, words.to_vec()), None),
        ((tag::COLOR_MAP, BYTES, words.to_vec()), None),
    ]
}

#[test]
fn a_page_is_written_in_one_form() {
    let (output, found) = cleaned(&file(&[(grey(), strips())], b"")).unwrap();
    assert_eq!(found, BTreeSet::new());
    assert_eq!(strips_of(&output), strips());
    assert_eq!(&output[..8], b"II*\0\x08\0\0\0");
    assert!(output.ends_with(b"abcdefghijkl"));
    assert_eq!(cleaned(&output).unwrap(), (output, found));
}

#[test]
fn nothing_planted_in_any_field_or_between_survives() {
    let canary = b"CANARY-8d1f";
    let wide: Vec<u8> = canary.iter().flat_map(|&byte| [byte, 0]).collect();
    let clean_one = cleaned(&file(&[(grey(), strips())], b"")).unwrap().0;
    for words in [canary.as_slice(), &wide] {
        for (planted, found) in places(words) {
            let fields = with(&grey(), std::slice::from_ref(&planted));
            let (output, told) = cleaned(&file(&[(fields, strips())], words)).unwrap();
            assert_eq!(output, clean_one, "{planted:?}");
            assert!(found.is_none_or(|found| told.contains(&found)), "{planted:?} {told:?}");
        }
    }
}

#[test]
fn exif_and_gps_directories_are_told_and_left_behind() {
    let clean_one = cleaned(&file(&[(grey(), strips())], b"")).unwrap().0;
    // a directory of one field within the file's gaps, at 8
    for (pointer, inner, found) in
        [(tag::EXIF, 0x9003_u16, Found::Time), (tag::GPS, 2, Found::Location)]
    {
        let [t0, t1] = inner.to_le_bytes();
        let gap = [1, 0, t0, t1, 2, 0, 4, 0, 0, 0, b's', b'e', b'c', 0, 0, 0, 0, 0];
        let fields = with(&grey(), &[long(pointer, &[8])]);
        let expected = (clean_one.clone(), [found].into());
        assert_eq!(cleaned(&file(&[(fields, strips())], &gap)).unwrap(), expected);
    }
}

#[test]
fn strips_are_cut_to_what_decoding_needs() {
    let long_strips: Vec<_> = strips().iter().map(|s| [s, b"secret".as_slice()].concat()).collect();
    assert_eq!(kept(&grey(), &long_strips), strips());
    let compressed = |compression, strips: &[&[u8]]| {
        let strips: Vec<_> = strips.iter().map(|strip| strip.to_vec()).collect();
        kept(&with(&grey(), &[short(tag::COMPRESSION, &[compression])]), &strips)
    };
    assert_eq!(
        compressed(32773, &[b"\xf9a-secret", b"\x80\x03ijkl\x05secret"]),
        [b"\xf9a".to_vec(), b"\x80\x03ijkl".to_vec()]
    );
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(b"abcdefgh").unwrap();
    let zlib = zlib.finish().unwrap();
    let long_zlib = [zlib.as_slice(), b"secret"].concat();
    for compression in [8, 32946] {
        assert_eq!(compressed(compression, &[&long_zlib, &zlib]), [zlib.clone(), zlib.clone()]);
    }
    // 256, a, 258, 257 of nine bits: three pixels of eight, then the end code
    let lzw = b"\x80\x0c\x2f\x02\x02\x02".to_vec();
    let long_lzw = [lzw.as_slice(), b"secret"].concat();
    let once = compressed(5, &[&long_lzw, &lzw]);
    assert!(once.iter().all(|strip| !strip.ends_with(b"secret")), "{once:?}");
    // more strips than rows
    assert_eq!(kept(&grey(), &[strips(), vec![b"secret".to_vec()]].concat()), strips());
    assert_eq!(
        refusal(&file(&[(with(&grey(), &[short(tag::COMPRESSION, &[8])]), strips())], b"")),
        Some(Refusal::Damaged { kind: Kind::Tiff })
    );
}

#[test]
fn strips_of_reversed_bits_are_cut_too() {
    let turned = |bytes: &[u8]| bytes.iter().map(|byte| byte.reverse_bits()).collect::<Vec<u8>>();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(b"abcdefgh").unwrap();
    let zlib = zlib.finish().unwrap();
    for (compression, strip) in
        [(8, zlib.as_slice()), (32946, &zlib), (5, b"\x80\x0c\x2f\x02\x02"), (32773, b"\xf9a")]
    {
        let reversed =
            with(&grey(), &[short(tag::COMPRESSION, &[compression]), short(tag::FILL_ORDER, &[2])]);
        let strip = turned(strip);
        let long_strip = [strip.as_slice(), &turned(b"secret"), b"secret"].concat();
        let short_strip = kept(&reversed, &[strip.clone(), strip.clone()]);
        assert!(short_strip[0].starts_with(&strip[..strip.len() - 1]), "{compression}");
        let once = kept(&reversed, &[long_strip.clone(), long_strip]);
        // the end code of LZW is where it is
        assert!(once.iter().all(|once| once.len() <= strip.len()), "{compression} {once:?}");
        assert!(once.iter().all(|once| strip.starts_with(once)), "{compression} {once:?}");
    }
}

#[test]
fn old_lzw_is_cut_too() {
    let codes = [256, 97, 258, 98, 257].into_iter().zip((0..).step_by(9));
    let strip = codes.fold(Vec::new(), |data, (code, bits)| {
        crate::clean::picture::lzw::end_with(
            crate::clean::picture::lzw::Form::Gif,
            data,
            bits,
            (code, 9),
        )
    });
    assert!(strip.starts_with(&[0, 0xc3]));
    let long_strip = [strip.as_slice(), b"secret"].concat();
    let fields = with(&grey(), &[short(tag::COMPRESSION, &[5])]);
    assert_eq!(kept(&fields, &[long_strip, strip.clone()]), [strip.clone(), strip]);
}

/// Pages as they are kept in memory, if `left` bytes of the file suffice.
fn pages(bytes: &[u8], left: u64) -> Result<Vec<Page>, CleanError> {
    let (mut cursor, limits) = (Cursor::new(bytes), Limits::default());
    let mut work = Work::new(&limits);
    let mut input = Input::new(&mut cursor).unwrap();
    let (file, first) = File::new(&mut input).unwrap().unwrap();
    Tiff { file, work: &mut work, found: BTreeSet::new(), left }.pages(first)
}

#[test]
fn tables_are_counted_while_pages_are_read() {
    let map = short(tag::COLOR_MAP, &[7; 3 << 12]);
    let palette = [short(tag::PHOTOMETRIC, &[3]), short(tag::BITS, &[12]), map];
    let page = |kind: u32| {
        let changed = [palette.as_slice(), &[long(tag::NEW_SUBFILE_TYPE, &[kind])]].concat();
        (with(&grey(), &changed), strips())
    };
    let four = file(&vec![page(0); 4], b"");
    let one = pages(&four, u64::MAX).unwrap()[0].held();
    assert_eq!(one, 6 << 12);
    assert_eq!(pages(&four, 4 * one).unwrap().len(), 4);
    assert!(pages(&four, 4 * one - 1).is_err());
    // of previews none but the first is kept
    assert_eq!(pages(&file(&vec![page(1); 4], b""), 2 * one).unwrap().len(), 1);
}

#[test]
fn counts_without_strips_are_not_read() {
    let many = long(tag::STRIP_COUNTS, &[4; 9000]);
    let mut bytes = file(&[(grey(), strips())], b"");
    // two strips, and nine thousand counts behind the file
    let entry = memchr::memmem::find(&bytes, &[23, 1, 4, 0, 2, 0, 0, 0]).unwrap();
    let at = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    bytes[entry + 4..entry + 8].copy_from_slice(&9000_u32.to_le_bytes());
    bytes[entry + 8..entry + 12].copy_from_slice(&at);
    bytes.extend(many.2);
    let pages = pages(&bytes, u64::MAX).unwrap();
    assert_eq!(pages[0].counts.as_ref().map(Vec::len), Some(2));
}

#[test]
fn a_size_of_everything_is_no_overflow() {
    let tiled = with(
        &grey(),
        &[
            long(tag::TILE_WIDTH, &[u32::MAX]),
            long(tag::TILE_LENGTH, &[u32::MAX]),
            short(tag::PHOTOMETRIC, &[6]),
            short(tag::SAMPLES, &[3]),
            short(tag::BITS, &[8, 8, 8]),
            short(tag::SUBSAMPLING, &[1, 1]),
        ],
    );
    assert_eq!(kept(&tiled, &[vec![7; 99]]), [vec![7; 99]]);
}

#[test]
fn tiles_and_sampled_colours_have_their_size() {
    let tiled =
        [&grey()[..5], &[short(tag::TILE_WIDTH, &[16]), short(tag::TILE_LENGTH, &[16])]].concat();
    assert_eq!(kept(&tiled, &[vec![7; 300]]), [vec![7; 256]]);
    let sampled = with(
        &grey(),
        &[
            short(tag::PHOTOMETRIC, &[6]),
            short(tag::SAMPLES, &[3]),
            short(tag::BITS, &[8, 8, 8]),
            short(tag::SUBSAMPLING, &[2, 1]),
        ],
    );
    // two blocks of two by one in a row, each of four samples
    assert_eq!(kept(&sampled, &[vec![7; 99], vec![7; 99]]), [vec![7; 16], vec![7; 8]]);
}

/// The smallest JPEG of 4 by 3 in grey, with `planted` in front of its tables.
fn jpeg(planted: &[u8]) -> Vec<u8> {
    let frame = b"\xff\xc0\0\x0b\x08\0\x03\0\x04\x01\x01\x11\0";
    let scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\x12\x34\xff\xd9";
    [b"\xff\xd8", planted, frame, scan].concat()
}

#[test]
fn jpeg_within_is_cleaned_too() {
    let planted = b"\xff\xfe\0\x08secret\xff\xed\0\x08secret";
    let tables = [b"\xff\xd8".as_slice(), planted, b"\xff\xdb\0\x43\0", &[1; 64], b"\xff\xd9"];
    let fields = with(
        &grey(),
        &[
            short(tag::COMPRESSION, &[7]),
            short(tag::ROWS, &[3]),
            (tag::JPEG_TABLES, BYTES, tables.concat()),
        ],
    );
    let dirty = [jpeg(planted).as_slice(), b"secret"].concat();
    assert_eq!(kept(&fields, std::slice::from_ref(&dirty)), [jpeg(b"")]);
    let output = cleaned(&file(&[(fields, vec![dirty])], b"")).unwrap().0;
    assert!(memchr::memmem::find(&output, b"secret").is_none());
    assert!(memchr::memmem::find(&output, &[1; 64]).is_some());
}

#[test]
fn old_jpeg_becomes_new_where_it_is_whole() {
    let old = with(&grey(), &[short(tag::COMPRESSION, &[6]), short(tag::ROWS, &[3])]);
    let new = with(
        &grey(),
        &[short(tag::COMPRESSION, &[7]), short(tag::ROWS, &[3]), short(tag::SAMPLES, &[1])],
    );
    let strip = vec![jpeg(b"\xff\xfe\0\x08secret")];
    let expected = cleaned(&file(&[(new, vec![jpeg(b"")])], b"")).unwrap().0;
    assert_eq!(cleaned(&file(&[(old.clone(), strip)], b"")).unwrap().0, expected);
    let tables_only = [b"\xff\xd8\xff\xdb\0\x43\0".as_slice(), &[1; 64], b"\xff\xd9"].concat();
    let refused = Some(Refusal::Unsupported { kind: Kind::Tiff });
    assert_eq!(refusal(&file(&[(old.clone(), vec![tables_only])], b"")), refused);
    let other_size = with(&old, &[short(tag::WIDTH, &[5])]);
    assert_eq!(refusal(&file(&[(other_size, vec![jpeg(b"")])], b"")), refused);
}

#[test]
fn what_shows_the_picture_right_stays() {
    let output =
        |changed: &[Raw]| cleaned(&file(&[(with(&grey(), changed), strips())], b"")).unwrap().0;
    let plain = output(&[]);
    let turned = output(&[short(tag::ORIENTATION, &[6])]);
    assert_eq!(turned.len(), plain.len() + 12);
    assert_eq!(output(&[short(tag::ORIENTATION, &[1])]), plain);
    let resolution = |x: u32, y: u32| {
        let fraction = |value: u32| [value.to_le_bytes(), 1_u32.to_le_bytes()].concat();
        output(&[
            (tag::X_RESOLUTION, RATIONAL, fraction(x)),
            (tag::Y_RESOLUTION, RATIONAL, fraction(y)),
            short(tag::RESOLUTION_UNIT, &[2]),
        ])
    };
    assert_eq!(resolution(300, 300), plain);
    assert_eq!(resolution(204, 196), plain);
    // a coarse fax, from two machines
    assert_eq!(resolution(204, 98), resolution(200, 100));
    assert_ne!(resolution(204, 98), plain);
    let palette = with(
        &grey(),
        &[
            short(tag::PHOTOMETRIC, &[3]),
            short(tag::BITS, &[1]),
            short(tag::COLOR_MAP, &[1, 2, 3, 4, 5, 6]),
        ],
    );
    let short_map = with(&palette, &[short(tag::COLOR_MAP, &[1, 2, 3, 4, 5])]);
    assert!(cleaned(&file(&[(palette, strips())], b"")).is_ok());
    assert!(cleaned(&file(&[(short_map, strips())], b"")).is_err());
}

#[test]
fn pages_stay_and_previews_go() {
    let other = vec![b"ABCDEFGH".to_vec(), b"IJKL".to_vec()];
    let page = |kind: u32, strips| (with(&grey(), &[long(tag::NEW_SUBFILE_TYPE, &[kind])]), strips);
    let two = cleaned(&file(&[(grey(), strips()), (grey(), other.clone())], b"")).unwrap();
    assert!(two.0.ends_with(b"abcdefghijklABCDEFGHIJKL"));
    assert_eq!(cleaned(&two.0).unwrap(), two);
    let numbered = [page(2, strips()), page(1, other.clone()), page(2, other.clone())];
    assert_eq!(cleaned(&file(&numbered, b"gap")).unwrap(), (two.0, [Found::Preview].into()));
    // of a file that was cut off the pages that are there
    let nowhere = with(&grey(), &[long(tag::STRIP_OFFSETS, &[9_999_999, 9_999_999])]);
    let one = cleaned(&file(&[(grey(), strips())], b"")).unwrap().0;
    assert_eq!(cleaned(&file(&[(grey(), strips()), (nowhere, strips())], b"")).unwrap().0, one);
    // with nothing but previews the first of them is the picture
    assert_eq!(cleaned(&file(&[page(1, strips()), page(1, other)], b"")).unwrap().0, one);
}

#[test]
fn raw_photos_are_refused_as_such() {
    for changed in [
        vec![(tag::DNG_VERSION, 1, vec![1, 4, 0, 0])],
        vec![short(tag::PHOTOMETRIC, &[32803])],
        vec![short(tag::PHOTOMETRIC, &[34892])],
        vec![short(tag::COMPRESSION, &[34713])],
        vec![short(tag::COMPRESSION, &[65535])],
        vec![
            long(tag::NEW_SUBFILE_TYPE, &[1]),
            text(tag::MAKE, b"Maker"),
            long(tag::SUB_IFDS, &[9999]),
        ],
    ] {
        let file = file(&[(with(&grey(), &changed), strips())], b"");
        let expected = Some(Refusal::Unsupported { kind: Kind::RawPhoto });
        assert_eq!(refusal(&file), expected, "{changed:?}");
    }
    let unknown = file(&[(with(&grey(), &[short(tag::PHOTOMETRIC, &[77])]), strips())], b"");
    assert_eq!(refusal(&unknown), Some(Refusal::Unsupported { kind: Kind::Tiff }));
    // jpeg 2000
    let other = file(&[(with(&grey(), &[short(tag::COMPRESSION, &[34712])]), strips())], b"");
    assert_eq!(refusal(&other), Some(Refusal::Unsupported { kind: Kind::Tiff }));
}

#[test]
fn broken_files_are_refused_and_none_grows() {
    let whole = file(&[(grey(), strips())], b"");
    for len in [4, 8, 20, 30] {
        assert_eq!(refusal(&whole[..len]), Some(Refusal::Damaged { kind: Kind::Tiff }));
    }
    for changed in [
        short(tag::WIDTH, &[0]),
        short(tag::PLANAR, &[3]),
        short(tag::ROWS, &[0]),
        short(tag::BITS, &[0]),
    ] {
        let file = file(&[(with(&grey(), std::slice::from_ref(&changed)), strips())], b"");
        assert_eq!(refusal(&file), Some(Refusal::Damaged { kind: Kind::Tiff }), "{changed:?}");
    }
    // a thousand strips that are all the same range
    let mut fields = with(
        &grey(),
        &[short(tag::LENGTH, &[1000]), short(tag::ROWS, &[1]), short(tag::WIDTH, &[30_000])],
    );
    fields.push(long(tag::STRIP_OFFSETS, &[8; 1000]));
    fields.push(long(tag::STRIP_COUNTS, &[30_000; 1000]));
    // of two fields with one tag the first counts, which is not the writer's own
    let shared = file(&[(fields, vec![vec![7; 30_000]])], b"");
    assert_eq!(refusal(&shared), Some(Refusal::Damaged { kind: Kind::Tiff }));
}

#[test]
fn large_files_of_both_orders_are_read() {
    let mut big = b"MM\0\x2b\0\x08\0\0\0\0\0\0\0\0\0\x10".to_vec();
    let fields: [(u16, u16, u64); 8] = [
        (256, 3, 4 << 48),
        (257, 3, 3 << 48),
        (258, 3, 8 << 48),
        (259, 3, 1 << 48),
        (262, 3, 1 << 48),
        (273, 16, 192),
        (278, 3, 3 << 48),
        (279, 16, 12),
    ];
    big.extend(8_u64.to_be_bytes());
    for (tag, kind, value) in fields {
        big.extend(tag.to_be_bytes());
        big.extend(kind.to_be_bytes());
        big.extend(1_u64.to_be_bytes());
        big.extend(value.to_be_bytes());
    }
    big.extend(0_u64.to_be_bytes());
    assert_eq!(big.len(), 192);
    big.extend(b"abcdefghijklsecret");
    let (output, _) = cleaned(&big).unwrap();
    assert_eq!(&output[..8], b"MM\0*\0\0\0\x08");
    assert!(output.ends_with(b"abcdefghijkl"));
    assert_eq!(Order::Big.u16([0, 1]), 1);
    assert_eq!(cleaned(&output).unwrap().0, output);
}

#[test]
fn limits_hold() {
    let file = file(&[(grey(), strips())], b"");
    for limits in
        [Limits { pixels: 11, ..Limits::default() }, Limits { members: 2, ..Limits::default() }]
    {
        let refused = crate::clean::clean(&mut Cursor::new(&file), &limits);
        assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { .. }))));
    }
}

proptest! {
    #[test]
    fn metadata_makes_no_difference(
        planted in proptest::collection::vec((0..21_usize, "[ -~]{5,40}"), 0..8),
        between in "[ -~]{0,40}",
    ) {
        let expected = cleaned(&file(&[(grey(), strips()), (grey(), strips())], b"")).unwrap().0;
        let mut fields = grey();
        for (place, words) in planted {
            fields = with(&fields, &[places(words.as_bytes())[place].0.clone()]);
        }
        let file = file(&[(fields, strips()), (grey(), strips())], between.as_bytes());
        prop_assert_eq!(cleaned(&file).unwrap().0, expected);
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        compression in prop_oneof![Just(1_u16), Just(5), Just(32773), Just(4), Just(7), Just(6)],
        strip in proptest::collection::vec(any::<u8>(), 1..60),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let fields = with(&grey(), &[short(tag::COMPRESSION, &[compression]), text(271, b"somebody")]);
        let strips = if !(6..=7).contains(&compression) {
            vec![strip.clone(), strip]
        } else {
            vec![jpeg(b"")]
        };
        let mut file = file(&[(fields.clone(), strips.clone()), (fields, strips)], b"gap");
        for (at, byte) in changes {
            let at = at.index(file.len() - 4) + 4;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len() - 4) / 8);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len() + 1024);
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), big: bool) {
        let head: &[u8] = if big { b"MM\0\x2b\0\x08\0\0\0\0\0\0\0\0\0\x10" } else { b"II*\0\x08\0\0\0" };
        let _ = cleaned(&[head, &bytes].concat());
    }
}
