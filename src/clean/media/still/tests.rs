use std::io::Cursor;

use proptest::prelude::*;

use super::{fields::boxed, *};

const IDR: &[u8] = b"\x28\x01\xaf\x12\x34\x56\x78";
const SPS: &[u8] = b"\x42\x01\x01AAAAAAAAAAAA\x80s";
const HVCC: &[u8] = b"\x01\x01\x60\0\0\0\0\0\0\0\0\0\x99\xf0\0\xfc\xfd\xf8\xf8\0\0\x0b";

/// An item as the files of these tests have it.
#[derive(Clone)]
struct Made {
    id: u16,
    name: &'static [u8; 4],
    label: Vec<u8>,
    /// Numbers of properties, from 1; with 0x80 essential.
    properties: Vec<u8>,
    data: Vec<u8>,
    references: Vec<(&'static [u8; 4], Vec<u16>)>,
}

fn made(id: u16, name: &'static [u8; 4], properties: &[u8], data: &[u8]) -> Made {
    let (properties, data) = (properties.to_vec(), data.to_vec());
    Made { id, name, label: vec![0], properties, data, references: Vec::new() }
}

impl Made {
    fn to(mut self, name: &'static [u8; 4], to: &[u16]) -> Self {
        self.references.push((name, to.to_vec()));
        self
    }

    fn labelled(mut self, label: &[u8]) -> Self {
        self.label = label.to_vec();
        self
    }
}

/// A whole file.
#[derive(Clone)]
struct Picture {
    brands: Vec<u8>,
    primary: u16,
    handler: Vec<u8>,
    properties: Vec<Vec<u8>>,
    items: Vec<Made>,
    before: Vec<u8>,
    between: Vec<u8>,
    after: Vec<u8>,
    /// Cuts each item's data in extents of so many bytes.
    extent: usize,
}

impl Picture {
    fn meta(&self, media: usize) -> Vec<u8> {
        let count = u16::try_from(self.items.len()).unwrap().to_be_bytes();
        let (mut infos, mut locations, mut references) = (Vec::new(), Vec::new(), Vec::new());
        let mut associations = Vec::new();
        let mut at = media;
        for item in &self.items {
            let id = item.id.to_be_bytes();
            infos.extend(boxed(b"infe", &[&[2, 0, 0, 0], &id, &[0; 2], item.name, &item.label]));
            locations.extend([id, [0, 0]].concat());
            let extents = item.data.chunks(self.extent).map(<[u8]>::len);
            locations.extend(u16::try_from(extents.len()).unwrap().to_be_bytes());
            for extent in extents {
                locations.extend(u32::try_from(at).unwrap().to_be_bytes());
                locations.extend(u32::try_from(extent).unwrap().to_be_bytes());
                at += extent + self.between.len();
            }
            for (name, to) in &item.references {
                let count = u16::try_from(to.len()).unwrap().to_be_bytes();
                let to: Vec<u8> = to.iter().flat_map(|to| to.to_be_bytes()).collect();
                references.extend(boxed(name, &[&id, &count, &to]));
            }
            associations.extend(id);
            associations.push(u8::try_from(item.properties.len()).unwrap());
            associations.extend(&item.properties);
        }
        let ipma = boxed(b"ipma", &[&[0; 6], &count, &associations]);
        let parts = [
            boxed(b"hdlr", &[&[0; 8], b"pict", &[0; 12], &self.handler, &[0]]),
            boxed(b"pitm", &[&[0; 4], &self.primary.to_be_bytes()]),
            boxed(b"iloc", &[&[0, 0, 0, 0, 0x44, 0], &count, &locations]),
            boxed(b"iinf", &[&[0; 4], &count, &infos]),
            boxed(b"iref", &[&[0; 4], &references]),
            boxed(b"iprp", &[&boxed(b"ipco", &[&self.properties.concat()]), &ipma]),
            self.before.clone(),
        ];
        boxed(b"meta", &[&[0; 4], &parts.concat()])
    }

    fn file(&self) -> Vec<u8> {
        let head = boxed(b"ftyp", &[&self.brands]);
        let media: Vec<u8> = self
            .items
            .iter()
            .flat_map(|item| item.data.chunks(self.extent))
            .flat_map(|extent| [extent, &self.between].concat())
            .collect();
        let start = head.len() + self.before.len() + self.meta(0).len() + 8;
        let media = boxed(b"mdat", &[&media]);
        [head, self.before.clone(), self.meta(start), media, self.after.clone()].concat()
    }
}

fn unit(payload: &[u8]) -> Vec<u8> {
    [&u32::try_from(payload.len()).unwrap().to_be_bytes(), payload].concat()
}

fn hvcc(arrays: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = [HVCC, &[u8::try_from(arrays.len()).unwrap()]].concat();
    for (unit, payload) in arrays {
        bytes.extend([0x80 | unit, 0, 1]);
        bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(*payload);
    }
    boxed(b"hvcC", &[&bytes])
}

fn ispe(width: u32, height: u32) -> Vec<u8> {
    boxed(b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()])
}

fn alpha_name() -> Vec<u8> {
    boxed(b"auxC", &[&[0; 4], b"urn:mpeg:hevc:2015:auxid:1\0"])
}

/// A grid of two tiles, turned, with an alpha plane.
fn bare() -> Picture {
    let sets: &[(u8, &[u8])] = &[(32, b"\x40\x01v"), (33, SPS), (34, b"\x44\x01p")];
    Picture {
        brands: b"heic\0\0\0\0mif1heic".to_vec(),
        primary: 49,
        handler: Vec::new(),
        properties: vec![
            hvcc(sets),
            ispe(512, 512),
            boxed(b"irot", &[&[3]]),
            ispe(1024, 512),
            alpha_name(),
            boxed(b"colr", &[b"nclx\0\x0c\0\x0d\0\x06\x80"]),
        ],
        items: vec![
            made(1, b"hvc1", &[0x81, 2, 6], &unit(IDR)),
            made(2, b"hvc1", &[0x81, 2, 6], &unit(IDR)),
            made(49, b"grid", &[4, 0x83], &[0, 0, 0, 1, 4, 0, 2, 0]).to(b"dimg", &[1, 2]),
            made(50, b"hvc1", &[0x81, 4, 5], &unit(IDR)).to(b"auxl", &[49]).to(b"prem", &[50]),
        ],
        before: Vec::new(),
        between: Vec::new(),
        after: Vec::new(),
        extent: usize::MAX,
    }
}

/// The same picture with `text` in every place that metadata may have.
fn rich(text: &[u8]) -> Picture {
    let mut picture = bare();
    let sets: &[(u8, &[u8])] =
        &[(32, b"\x40\x01v"), (33, SPS), (34, b"\x44\x01p"), (39, text), (48, text)];
    picture.handler = text.to_vec();
    picture.properties[0] = hvcc(sets);
    picture.properties[4] = boxed(b"auxC", &[&alpha_name()[8..], text]);
    picture.properties[5] = boxed(b"colr", &[b"nclx\0\x0c\0\x0d\0\x06\x80", text]);
    picture.properties.extend([
        boxed(b"colr", &[b"prof", text]),
        boxed(b"udes", &[&[0; 4], text]),
        boxed(b"free", &[text]),
        boxed(b"auxC", &[&[0; 4], b"urn:com:apple:photo:2020:aux:hdrgainmap\0", text]),
    ]);
    for (item, change) in picture.items.iter_mut().zip([true, false, true, true]) {
        item.label = [text, b"\0"].concat();
        if change {
            item.properties.extend([7, 8, 9]);
        }
    }
    let sei = unit(&[b"\x4e\x01", text].concat());
    let other = unit(&[b"\x5e\x01", text].concat());
    let layer = unit(&[b"\x28\x09\xaf", text].concat());
    let slice = unit(IDR);
    picture.items[0].data = [&sei, &other, slice.as_slice(), &layer].concat();
    // a second picture behind the first
    picture.items[1].data = [&slice, &sei, slice.as_slice()].concat();
    picture.items[2].data.extend(text);
    let exif = [
        b"\0\0\0\x06Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x0f\0\x02".as_slice(),
        &u32::try_from(text.len()).unwrap().to_be_bytes(),
        b"\0\0\0\x1a\0\0\0\0",
        text,
    ]
    .concat();
    let xmp = [b"<x exif:GPSLatitude='", text].concat();
    let tile = [slice.as_slice(), text].concat();
    picture.items.extend([
        made(60, b"Exif", &[], &exif).to(b"cdsc", &[49]),
        made(61, b"mime", &[], &xmp).labelled(b"\0application/rdf+xml\0").to(b"cdsc", &[49]),
        made(62, b"hvc1", &[0x81, 2], &tile).to(b"thmb", &[49]),
        made(63, b"hvc1", &[0x81, 2, 10], &tile).to(b"auxl", &[49]),
        made(64, b"hvc1", &[0x81, 2], &tile),
        made(65, b"uri ", &[], text),
    ]);
    picture.before = boxed(b"free", &[text]);
    picture.between = text.to_vec();
    picture.after = [boxed(b"moov", &[text]), boxed(b"mpvd", &[text]), text.to_vec()].concat();
    picture
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

fn avif(properties: &[u8], data: &[u8]) -> Picture {
    Picture {
        brands: b"avif\0\0\0\0avifmif1".to_vec(),
        primary: 7,
        properties: vec![boxed(b"av1C", &[b"\x81\x04\x0c\0"]), ispe(64, 64), alpha_name()],
        items: vec![made(7, b"av01", properties, data)],
        ..bare()
    }
}

const DAMAGED: Refusal = Refusal::Damaged { kind: Kind::Heic };
const UNSUPPORTED: Refusal = Refusal::Unsupported { kind: Kind::Heic };

#[test]
fn a_picture_keeps_what_shows_it() {
    let (output, found) = cleaned(&bare().file()).unwrap();
    assert_eq!(found, BTreeSet::new());
    let holds = |bytes: &[u8]| memchr::memmem::find(&output, bytes).is_some();
    assert!(holds(b"\0\x0eauxl\0\x04\0\x01\0\x03") && !holds(b"prem"));
    assert!(holds(b"\0\x10dimg\0\x03\0\x02\0\x01\0\x02") && holds(b"pitm\0\0\0\0\0\x03"));
    assert!(holds(&hvcc(&[(32, b"\x40\x01v"), (33, SPS), (34, b"\x44\x01p")])[..20]));
    assert!(holds(&boxed(b"irot", &[&[3]])) && holds(b"nclx\0\x0c\0\x0d\0\x06\x80"));
    assert!(output.ends_with(&unit(IDR).repeat(3)));
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
}

#[test]
fn premultiplied_colours_are_told() {
    let mut picture = bare();
    picture.items[2].references.push((b"prem", vec![50]));
    let (output, _) = cleaned(&picture.file()).unwrap();
    assert!(memchr::memmem::find(&output, b"\0\x0eprem\0\x03\0\x01\0\x04").is_some());
    assert_eq!(cleaned(&output).unwrap().0, output);
}

#[test]
fn nothing_planted_in_any_place_survives() {
    let (expected, _) = cleaned(&bare().file()).unwrap();
    for text in [b"CANARY-8d1f".as_slice(), b"C\0A\0N\0A\0R\0Y\0", b"\x01\x02\x03"] {
        for extent in [usize::MAX, 5] {
            let picture = Picture { extent, ..rich(text) };
            let (output, found) = cleaned(&picture.file()).unwrap();
            if extent == 5 {
                // the same data, wherever it lay
                assert!(memchr::memmem::find(&output, text).is_none() || text.len() < 4);
            }
            assert_eq!(output, expected);
            for kind in [
                Found::Device,
                Found::Location,
                Found::Software,
                Found::Preview,
                Found::ColourProfile,
                Found::Comment,
                Found::Trailing,
                Found::Other,
            ] {
                assert!(found.contains(&kind), "{kind:?}");
            }
        }
    }
}

#[test]
fn data_in_idat_is_found_there() {
    // what is written has the grid there, at offset 0 by construction method 1
    let (mut file, _) = cleaned(&bare().file()).unwrap();
    assert_eq!(cleaned(&file).unwrap().0, file);
    let location = b"\0\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x08";
    let at = memchr::memmem::find(&file, location).unwrap();
    // none of it may lie behind idat
    file[at + 11] = 1;
    assert_eq!(refusal(&file), DAMAGED);
    // nor is it in another item or file
    file[at + 11] = 0;
    file[at + 3] = 2;
    assert_eq!(refusal(&file), DAMAGED);
}

#[test]
fn av1_keeps_one_frame_and_its_sequence_header() {
    let clean_one = b"\x0a\x02SQ\x32\x03FRM";
    let (output, found) = cleaned(&avif(&[0x81, 2], clean_one).file()).unwrap();
    assert!(found.is_empty() && output.ends_with(clean_one));
    assert!(output.starts_with(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"));
    for dirty in [
        b"\x12\0\x0a\x02SQ\x32\x03FRM".as_slice(),
        b"\x0a\x02SQ\x2a\x04META\x32\x03FRM\x7a\x03PAD",
        // reserved bit of the header, a size that is longer than it must be, and a frame up to the end
        b"\x0b\x82\0SQ\x30FRM",
        b"\x0a\x02SQ\x32\x03FRM\x32\x03two",
    ] {
        assert_eq!(cleaned(&avif(&[0x81, 2], dirty).file()).unwrap().0, output, "{dirty:?}");
    }
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
    let damaged = Refusal::Damaged { kind: Kind::Avif };
    for broken in [b"\x0a\x02SQ".as_slice(), b"\x32\x03FRM", b"\x0a\x02SQ\x32\x04FRM", b"\x8a\0"] {
        assert_eq!(refusal(&avif(&[0x81, 2], broken).file()), damaged, "{broken:?}");
    }
    assert_eq!(refusal(&avif(&[2], clean_one).file()), damaged);
}

#[test]
fn av1_keeps_one_frame_of_each_layer() {
    let layered = b"\x0a\x02SQ\x36\0\x03FRM\x36\x08\x03TOP";
    let (output, found) = cleaned(&avif(&[0x81, 2], layered).file()).unwrap();
    assert!(found.is_empty() && output.ends_with(layered));
    // of the same layer, of a lower one, of none, of another time
    for more in [b"\x36\x08".as_slice(), b"\x36\0", b"\x32", b"\x36\x30"] {
        let dirty = [layered.as_slice(), more, b"\x03two"].concat();
        let (other, found) = cleaned(&avif(&[0x81, 2], &dirty).file()).unwrap();
        assert_eq!((other, found), (output.clone(), [Found::Other].into()), "{more:?}");
    }
    let apart = b"\x0a\x02SQ\x1a\x02HD\x22\x03TL1\x22\x03TL2";
    let (output, _) = cleaned(&avif(&[0x81, 2], apart).file()).unwrap();
    assert!(output.ends_with(apart));
    let extra = b"\x0a\x02SQ\x32\x03FRM\x22\x03two";
    let unsupported = Refusal::Unsupported { kind: Kind::Avif };
    assert_eq!(refusal(&avif(&[0x81, 2], extra).file()), unsupported);
}

#[test]
fn what_hvcc_says_in_general_is_written_in_one_form() {
    let expected = cleaned(&bare().file()).unwrap().0;
    let sets: &[(u8, &[u8])] = &[(32, b"\x40\x01v"), (33, SPS), (34, b"\x44\x01p")];
    let mut picture = bare();
    picture.properties[0] = hvcc(sets);
    // profile space, compatibility, constraints, level
    picture.properties[0][9..21].copy_from_slice(b"\xc1CANARY-8d1\x98");
    assert_eq!(cleaned(&picture.file()).unwrap().0, expected);
    // four times the chroma of eight bits
    picture.properties[0][9] = 4;
    picture.properties[0][24] = 0xff;
    let output = cleaned(&picture.file()).unwrap().0;
    let holds = |bytes: &[u8]| memchr::memmem::find(&output, bytes).is_some();
    assert!(holds(b"hvcC\x01\x04\x08\0\0\0\x0e\x08\0\0\0\0\x99\xf0"));
    assert_eq!(cleaned(&output).unwrap().0, output);
}

#[test]
fn of_each_parameter_set_there_is_one() {
    let expected = cleaned(&bare().file()).unwrap().0;
    let sets = |more: &[u8]| {
        let mut picture = bare();
        let unit = more[0] >> 1;
        let sets: &[(u8, &[u8])] =
            &[(32, b"\x40\x01v"), (33, SPS), (34, b"\x44\x01p"), (unit, more)];
        picture.properties[0] = hvcc(sets);
        picture
    };
    for same in [b"\x40\x01v".as_slice(), SPS, b"\x44\x01p"] {
        assert_eq!(cleaned(&sets(same).file()).unwrap().0, expected);
        let mut picture = bare();
        picture.items[0].data = [unit(same), unit(IDR)].concat();
        assert_eq!(cleaned(&picture.file()).unwrap().0, expected);
        let other = [same, b"secret"].concat();
        assert_eq!(refusal(&sets(&other).file()), DAMAGED);
        picture.items[0].data = [unit(&other), unit(IDR)].concat();
        assert_eq!(refusal(&picture.file()), DAMAGED);
    }
    // another number: 0, behind layers in time of which one tells a profile and one a level
    let layered = b"\x42\x01\x05AAAAAAAAAAAA\x90\0BBBBBBBBBBBC\x80";
    assert!(cleaned(&sets(b"\x44\x01\x80").file()).is_ok());
    assert_eq!(refusal(&sets(layered).file()), DAMAGED);
    let mut other = layered.to_vec();
    *other.last_mut().unwrap() = 0x40;
    assert!(cleaned(&sets(&other).file()).is_ok());
    // more than any picture has
    let mut picture = bare();
    let many = (0..16_u8).flat_map(|n| unit(&[0x40, 1, n << 4]));
    picture.items[0].data = many.chain(unit(IDR)).collect();
    assert_eq!(refusal(&picture.file()), DAMAGED);
}

#[test]
fn what_turns_a_picture_stays_in_order_and_in_lowest_terms() {
    let mut picture = bare();
    let clap = |numbers: [i32; 8]| {
        boxed(b"clap", &[&numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>()])
    };
    picture.properties.push(clap([800, 2, 600, 2, -3, 6, 0, 9]));
    picture.properties.push(boxed(b"imir", &[&[0xff]]));
    picture.items[2].properties = vec![0x87, 4, 0x83, 0x88];
    let (output, _) = cleaned(&picture.file()).unwrap();
    let expected = [clap([400, 1, 300, 1, -1, 2, 0, 1]), boxed(b"irot", &[&[3]])].concat();
    assert!(memchr::memmem::find(&output, &expected).is_some());
    assert!(memchr::memmem::find(&output, &boxed(b"imir", &[&[1]])).is_some());
    assert_eq!(cleaned(&output).unwrap().0, output);
}

#[test]
fn an_identity_has_no_data() {
    let mut picture = bare();
    picture.primary = 70;
    picture.items.push(made(70, b"iden", &[0x83], b"").to(b"dimg", &[1]));
    let (output, _) = cleaned(&picture.file()).unwrap();
    assert!(output.ends_with(&[b"\0\0\0\x13mdat", unit(IDR).as_slice()].concat()));
    assert!(memchr::memmem::find(&output, b"\0\x02\0\x01\0\0\0\0").is_some());
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let change = |change: fn(&mut Picture)| {
        let mut picture = bare();
        change(&mut picture);
        refusal(&picture.file())
    };
    assert_eq!(change(|picture| picture.primary = 9), DAMAGED);
    assert_eq!(change(|picture| picture.items[0].properties = vec![2]), DAMAGED);
    assert_eq!(change(|picture| picture.items[0].properties.push(99)), DAMAGED);
    assert_eq!(change(|picture| picture.items[0].data.clear()), DAMAGED);
    assert_eq!(change(|picture| picture.items[0].data = unit(b"\x4e\x01sei")), DAMAGED);
    assert_eq!(change(|picture| picture.items[0].data[3] += 1), DAMAGED);
    assert_eq!(change(|picture| picture.items[2].references[0].1.truncate(1)), DAMAGED);
    // made of itself
    assert_eq!(change(|picture| picture.items[2].references[0].1 = vec![49, 49]), DAMAGED);
    assert_eq!(change(|picture| picture.items[0].name = b"jpeg"), UNSUPPORTED);
    assert_eq!(
        change(|picture| {
            picture.properties.push(boxed(b"iscl", &[&[0; 12]]));
            picture.items[2].properties.push(0x87);
        }),
        UNSUPPORTED
    );
    let encrypted = bare().file();
    let at = memchr::memmem::find(&encrypted, b"grid\0").unwrap();
    let encrypted = [&encrypted[..at - 1], &[1], &encrypted[at..]].concat();
    assert_eq!(refusal(&encrypted), Refusal::Encrypted { kind: Kind::Heic });
    assert_eq!(refusal(b"\0\0\0\x10ftypheic\0\0\0\0"), DAMAGED);
}

#[test]
fn items_that_share_their_data_cannot_make_a_large_file() {
    let mut picture = bare();
    let large = unit(&[IDR, [7; 9000].as_slice()].concat());
    picture.items[0].data = large;
    let mut file = picture.file();
    let locate =
        |file: &[u8], id: u8| memchr::memmem::find(file, &[0, id, 0, 0, 0, 1]).unwrap() + 6;
    let (first, second) = (locate(&file, 1), locate(&file, 2));
    file.copy_within(first..first + 8, second);
    assert_eq!(refusal(&file), Refusal::TooLarge { kind: Kind::Heic });
}

#[test]
fn limits_hold() {
    let limits = Limits { pixels: 1024 * 512 - 1, ..Limits::default() };
    let refused = crate::clean::clean(&mut Cursor::new(bare().file()), &limits);
    assert!(matches!(refused, Err(CleanError::Refused(Refusal::TooLarge { .. }))));
    let mut picture = bare();
    picture.items[0].data = [unit(b"\x4e\x01").repeat(70_000), unit(IDR)].concat();
    assert_eq!(refusal(&picture.file()), Refusal::TooLarge { kind: Kind::Heic });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn metadata_makes_no_difference(
        text in proptest::collection::vec(any::<u8>(), 4..60),
        extent in 1..40_usize,
    ) {
        let (expected, _) = cleaned(&bare().file()).unwrap();
        let picture = Picture { extent, ..rich(&text) };
        prop_assert_eq!(cleaned(&picture.file()).unwrap().0, expected);
    }

    #[test]
    fn any_mutation_is_refused_or_cleaned_for_good(
        is_rich in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = if is_rich { rich(b"something").file() } else { bare().file() };
        for (at, byte) in changes {
            let at = at.index(file.len() - 24) + 24;
            file[at] = byte;
        }
        file.truncate(file.len() - cut.index(file.len()) / 8);
        if let Ok((once, _)) = cleaned(&file) {
            prop_assert!(once.len() <= file.len() + 200);
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let head = b"\0\0\0\x14ftypmif1\0\0\0\0heic\0\0\x01\0meta\0\0\0\0";
        let _ = cleaned(&[head.as_slice(), &bytes].concat());
    }
}
