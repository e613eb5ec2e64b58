use std::{collections::BTreeSet, io::Cursor};

use proptest::prelude::*;

use super::*;
use crate::clean::Limits;

const CANARY: &[u8] = b"CANARY-8d1f";
/// A turn by 90 degrees.
const TURNED: [u32; 9] = [0, 1 << 16, 0, 0xffff_0000, 0, 0, 32 << 16, 0, 1 << 30];
const UPRIGHT: [u32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];

fn boxed(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
    [length.as_slice(), name, &body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn nal(unit: &[u8]) -> Vec<u8> {
    [&u32::try_from(unit.len()).unwrap().to_be_bytes(), unit].concat()
}

/// A film as a camera writes it, with `text` wherever there is room for it; empty leaves all of that out.
#[derive(Clone)]
struct Camera {
    text: Vec<u8>,
    time: u32,
    /// Whether there is a telemetry track.
    telemetry: bool,
    /// Bytes before the media data's first sample.
    gap: Vec<u8>,
}

const CLEAN: Camera = Camera { text: Vec::new(), time: 0, telemetry: false, gap: Vec::new() };

fn dirty(text: &[u8]) -> Camera {
    Camera { text: text.to_vec(), time: 0xd951_c6a5, telemetry: true, gap: text.to_vec() }
}

impl Camera {
    fn has_text(&self) -> bool {
        !self.text.is_empty()
    }

    /// Frames of H.264, the second one with slices 0..=255.
    fn frames(&self) -> [Vec<u8>; 2] {
        let slice: Vec<u8> = (0..=255).collect();
        let private = [&[24], self.text.as_slice()].concat();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        if self.has_text() {
            first.extend(nal(&[9, 0xf0]));
            first.extend(nal(
                &[[6, 5, 27].as_slice(), &[9; 16], &self.text[..11], &[0x80]].concat()
            ));
            second.extend(nal(&private));
            second.extend(nal(&[&[12], self.text.as_slice(), &[0x80]].concat()));
        }
        first.extend(nal(&[0x65, 1, 2, 3]));
        second.extend(nal(&[&[0x41], slice.as_slice()].concat()));
        [first, second]
    }

    /// A box of `name` with text in it, or nothing.
    fn planted(&self, name: &[u8; 4], before: &[u8]) -> Vec<u8> {
        if self.has_text() { boxed(name, &[before, &self.text]) } else { Vec::new() }
    }

    fn user_data(&self) -> Vec<u8> {
        if !self.has_text() {
            return Vec::new();
        }
        let keys =
            boxed(b"keys", &[&words(&[0, 1]), &boxed(b"mdta", &[b"com.x.location", &self.text])]);
        let list = boxed(b"ilst", &[&boxed(b"\0\0\0\x01", &[&self.text])]);
        let meta = boxed(b"meta", &[&boxed(b"hdlr", &[&[0; 8], b"mdta", &[0; 13]]), &keys, &list]);
        let place = self.planted(b"\xa9xyz", &[0, 11, 0, 0]);
        [boxed(b"udta", &[&place, &self.planted(b"modl", &[])]), meta].concat()
    }

    fn track_header(
        &self,
        number: u32,
        turned: bool,
        mdia: &[&[u8]],
        handler: &[u8; 4],
    ) -> Vec<u8> {
        let matrix = words(if turned { &TURNED } else { &UPRIGHT });
        let tkhd = boxed(
            b"tkhd",
            &[
                &words(&[7, self.time, self.time, number, 0, 200, 0, 0, 0, 0]),
                &matrix,
                &words(&[64 << 16, 32 << 16]),
            ],
        );
        let edits = boxed(b"edts", &[&boxed(b"elst", &[&words(&[0, 1, 200, 5, 1 << 16])])]);
        let language: [u8; 4] =
            if self.has_text() { [0x15, 0xc7, 0, 0] } else { [0x55, 0xc4, 0, 0] };
        let mdhd = boxed(b"mdhd", &[&words(&[0, self.time, self.time, 1000, 200]), &language]);
        let hdlr = boxed(b"hdlr", &[&[0; 8], handler, &[0; 12], &self.text, &[0]]);
        let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &mdia.concat()]);
        boxed(b"trak", &[&tkhd, &edits, &mdia, &self.planted(b"udta", b"\0\0\0\x10name")])
    }

    fn sample_entry(&self) -> Vec<u8> {
        let sps = [0x67, 66, 0, 10];
        let pps = [0x68, 0xce];
        let sei = if self.has_text() { [&[6], self.text.as_slice()].concat() } else { vec![] };
        let mut sets = vec![[&[0, 4], sps.as_slice()].concat()];
        if self.has_text() {
            sets.push([&[0, u8::try_from(sei.len()).unwrap()], sei.as_slice()].concat());
        }
        let avcc = boxed(
            b"avcC",
            &[
                &[1, 66, 0, 10, 0xff, 0xe0 | u8::try_from(sets.len()).unwrap()],
                &sets.concat(),
                &[1, 0, 2],
                &pps,
                &self.text,
            ],
        );
        let mut name = [0; 32];
        name[..self.text.len()].copy_from_slice(&self.text);
        let vendor = if self.has_text() { *b"appl" } else { [0; 4] };
        let colour = boxed(b"colr", &[b"nclx", &[0, 9, 0, 18, 0, 9, 0x80]]);
        let profile = self.planted(b"colr", b"prof");
        let entry = boxed(
            b"avc1",
            &[
                &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
                &vendor,
                &[0; 8],
                &[0, 64, 0, 32, 0, 72, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 1],
                &name,
                &[0, 24, 255, 255],
                &avcc,
                &profile,
                &colour,
                &self.planted(b"btrt", &[]),
            ],
        );
        boxed(b"stsd", &[&words(&[0, 1]), &entry])
    }

    fn tables(&self, offset: u32) -> Vec<u8> {
        let [first, second] = self.frames();
        let sizes = [first.len(), second.len()].map(|size| u32::try_from(size).unwrap());
        boxed(
            b"stbl",
            &[
                &self.sample_entry(),
                &boxed(b"stts", &[&words(&[0, 1, 2, 100])]),
                &boxed(b"stss", &[&words(&[0, 1, 1])]),
                &boxed(b"stsc", &[&words(&[0, 1, 1, 2, 1])]),
                &boxed(b"stsz", &[&words(&[0, 0, 2, sizes[0], sizes[1]])]),
                &boxed(b"stco", &[&words(&[0, 1, offset])]),
                &self.planted(b"subs", &[]),
            ],
        )
    }

    fn movie(&self, offset: u32, tables: &[u8], more: &[u8]) -> Vec<u8> {
        let vmhd = boxed(b"vmhd", &[&words(&[1, 0, 0])]);
        let url = boxed(b"url ", &[&[0, 0, 0, 1], &self.text]);
        let dinf = boxed(b"dinf", &[&boxed(b"dref", &[&words(&[0, 1]), &url])]);
        let picture =
            self.track_header(9, true, &[&boxed(b"minf", &[&vmhd, &dinf, tables])], b"vide");
        let mut tracks = vec![picture];
        if self.telemetry {
            let size = u32::try_from(self.text.len()).unwrap();
            let stbl = boxed(
                b"stbl",
                &[
                    &boxed(b"stsd", &[&words(&[0, 1]), &boxed(b"gpmd", &[&[0; 8], &self.text])]),
                    &boxed(b"stts", &[&words(&[0, 1, 1, 100])]),
                    &boxed(b"stsc", &[&words(&[0, 1, 1, 1, 1])]),
                    &boxed(b"stsz", &[&words(&[0, size, 1])]),
                    &boxed(b"stco", &[&words(&[0, 1, offset - size])]),
                ],
            );
            tracks.push(self.track_header(3, false, &[&boxed(b"minf", &[&stbl])], b"meta"));
        }
        let mvhd = boxed(
            b"mvhd",
            &[
                &words(&[0, self.time, self.time, 1000, 200, 1 << 16, 1 << 24, 0, 0]),
                &words(&UPRIGHT),
                &[0; 24],
                &words(&[10]),
            ],
        );
        boxed(b"moov", &[&mvhd, &tracks.concat(), more, &self.user_data()])
    }

    fn file(&self) -> Vec<u8> {
        let ftyp = boxed(b"ftyp", &[b"mp42\0\0\0\x01mp42isom", &self.text]);
        let free = [self.planted(b"free", &[]), self.planted(b"uuid", &[7; 16])].concat();
        let before = [ftyp, free].concat();
        let offset = u32::try_from(before.len() + 8 + self.gap.len()).unwrap();
        let mdat = boxed(b"mdat", &[&self.gap, &self.frames().concat(), &self.text]);
        let moov = self.movie(offset, &self.tables(offset), &[]);
        [before, mdat, moov, self.planted(b"skip", &[]), self.text.clone()].concat()
    }

    /// The same film with each frame in a fragment.
    fn fragments(&self) -> Vec<u8> {
        let empty = |name| boxed(name, &[&words(&[0, 0])]);
        let stsz = boxed(b"stsz", &[&words(&[0, 0, 0])]);
        let tables = [self.sample_entry(), empty(b"stts"), empty(b"stsc"), stsz, empty(b"stco")];
        let tables = boxed(b"stbl", &[&tables.concat()]);
        let trex = boxed(b"trex", &[&words(&[0, 9, 1, 100, 0, 0])]);
        let mut file = boxed(b"ftyp", &[b"iso5\0\0\x02\0iso5dash"]);
        file.extend(self.movie(1000, &tables, &boxed(b"mvex", &[&trex])));
        for (frame, number) in self.frames().iter().zip(0..) {
            let size = u32::try_from(frame.len()).unwrap();
            let flags = if number == 0 { 0x0200_0000 } else { 0x0101_0000 };
            let trun = |offset| boxed(b"trun", &[&words(&[0x0000_0205, 1, offset, flags, size])]);
            let traf = |offset| {
                let tfhd = boxed(b"tfhd", &[&words(&[0x0002_0000, 9])]);
                let tfdt = boxed(b"tfdt", &[&words(&[0, 100 * number])]);
                boxed(b"traf", &[&tfhd, &tfdt, &trun(offset)])
            };
            let mfhd = boxed(b"mfhd", &[&words(&[0, number + 1])]);
            let length = u32::try_from(boxed(b"moof", &[&mfhd, &traf(0)]).len()).unwrap();
            file.extend(boxed(b"moof", &[&mfhd, &traf(length + 8)]));
            file.extend(boxed(b"mdat", &[frame]));
        }
        file
    }
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

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

#[test]
fn nothing_planted_in_any_place_survives() {
    let (clean_one, nothing) = cleaned(&CLEAN.file()).unwrap();
    assert_eq!(nothing, BTreeSet::new());
    let file = dirty(CANARY).file();
    assert!(memchr::memmem::find_iter(&file, CANARY).count() > 20);
    let (output, found) = cleaned(&file).unwrap();
    assert!(!contains(&output, CANARY));
    assert_eq!(output, clean_one);
    for kind in [
        Found::Location,
        Found::Device,
        Found::Time,
        Found::Software,
        Found::ColourProfile,
        Found::Telemetry,
        Found::Trailing,
        Found::Other,
    ] {
        assert!(found.contains(&kind), "{kind:?}");
    }
    let again = cleaned(&output).unwrap();
    assert_eq!(again, (output, BTreeSet::new()));
}

#[test]
fn what_is_shown_stays() {
    let (output, _) = cleaned(&dirty(CANARY).file()).unwrap();
    assert!(contains(&output, &words(&TURNED)));
    assert!(contains(&output, &boxed(b"elst", &[&words(&[0, 1, 200, 5, 1 << 16])])));
    assert!(contains(&output, &boxed(b"colr", &[b"nclx", &[0, 9, 0, 18, 0, 9, 0x80]])));
    assert!(output.ends_with(&CLEAN.frames().concat()));
    let at = memchr::memmem::find(&output, b"mdat").unwrap() + 4;
    assert!(contains(&output, &boxed(b"stco", &[&words(&[0, 1, u32::try_from(at).unwrap()])])));
}

#[test]
fn a_film_in_fragments_becomes_the_same_film() {
    // each fragment is a chunk
    let (whole, _) = cleaned(&CLEAN.file()).unwrap();
    let (output, _) = cleaned(&CLEAN.fragments()).unwrap();
    let tables = |bytes: &[u8]| {
        let at = memchr::memmem::find(bytes, b"stsc").unwrap() - 4;
        bytes[28..at].to_vec()
    };
    // from behind the lengths of `moov` on, which differ
    let (whole_tables, output_tables) = (tables(&whole), tables(&output));
    assert!(output.ends_with(&CLEAN.frames().concat()));
    let from = memchr::memmem::find(&whole_tables, b"stsd").unwrap();
    assert_eq!(whole_tables[from..], output_tables[from..]);
    let (planted, _) = cleaned(&dirty(CANARY).fragments()).unwrap();
    assert_eq!(planted, output);
}

#[test]
fn a_recovery_point_stays_and_an_empty_sample_does_not_come_about() {
    let length = 32_u8;
    let (sei, recovery) = ([6, 1, 1, 7, 6, 1, 0xe4, 0x80], [6, 6, 1, 0xe4, 0x80]);
    let mut file = CLEAN.file();
    let (output, _) = cleaned(&file).unwrap();
    let slice = nal(&[&[0x41], (0..=255).collect::<Vec<u8>>().as_slice()].concat());
    let at = memchr::memmem::find(&file, &slice).unwrap();
    // the second frame becomes an SEI and a shorter slice
    let rest = slice.len() - sei.len() - 8;
    let frame = [nal(&sei), nal(&[&[0x41], vec![length; rest - 1].as_slice()].concat())].concat();
    file[at..at + slice.len()].copy_from_slice(&frame);
    let (with, _) = cleaned(&file).unwrap();
    assert!(contains(&with, &nal(&recovery)));
    assert_eq!(with.len(), output.len() - sei.len() + recovery.len());
    // or an SEI alone
    let alone = nal(&[&[6, 5], vec![1; slice.len() - 6].as_slice()].concat());
    file[at..at + slice.len()].copy_from_slice(&alone);
    let (with, _) = cleaned(&file).unwrap();
    assert!(with.ends_with(&nal(&[9, 0xf0])));
    assert_eq!(cleaned(&with).unwrap(), (with, BTreeSet::new()));
}

#[test]
fn refused_films() {
    let file = CLEAN.file();
    let replaced = |name: &[u8; 4], by: &[u8; 4]| {
        let mut file = file.clone();
        let at = memchr::memmem::find(&file, name).unwrap();
        file[at..at + 4].copy_from_slice(by);
        file
    };
    let kind = Kind::Mp4;
    assert_eq!(refusal(&replaced(b"avc1", b"encv")), Refusal::Encrypted { kind });
    assert_eq!(refusal(&replaced(b"avc1", b"dvc1")), Refusal::Unsupported { kind });
    assert_eq!(refusal(&replaced(b"mvhd", b"cmov")), Refusal::Unsupported { kind });
    assert_eq!(refusal(&replaced(b"moov", b"free")), Refusal::Damaged { kind });
    let elsewhere = boxed(b"url ", &[&[0, 0, 0, 0], b"http"]);
    let here = boxed(b"url ", &[&[0, 0, 0, 1], CANARY]);
    let mut file = dirty(CANARY).file();
    let at = memchr::memmem::find(&file, &here).unwrap();
    file[at..at + 12].copy_from_slice(&[&here[..4], &elsewhere[4..12]].concat());
    assert_eq!(refusal(&file), Refusal::Damaged { kind });
}

#[test]
fn a_film_that_ends_early_loses_what_is_not_whole() {
    let file = CLEAN.file();
    let mdat = memchr::memmem::find(&file, b"mdat").unwrap() - 4;
    let moov = memchr::memmem::find(&file, b"moov").unwrap() - 4;
    assert!(matches!(refusal(&file[..moov]), Refusal::Damaged { .. }));
    // the data behind its tables, and cut in the second frame
    let mut early = [&file[..mdat], &file[moov..], &file[mdat..moov - 9]].concat();
    let at = memchr::memmem::find(&early, b"stco").unwrap() + 12;
    let begin = u32::try_from(mdat + file.len() - moov + 8).unwrap();
    early[at..at + 4].copy_from_slice(&begin.to_be_bytes());
    let (output, found) = cleaned(&early).unwrap();
    assert!(output.ends_with(&CLEAN.frames()[0]));
    assert_eq!(found, BTreeSet::new());
    assert_eq!(cleaned(&output).unwrap().0, output);
}

#[test]
fn samples_that_no_chunk_holds_are_none() {
    let mut file = CLEAN.file();
    let at = memchr::memmem::find(&file, b"stco").unwrap();
    file[at] = b'x';
    let (output, _) = cleaned(&file).unwrap();
    assert!(contains(&output, &boxed(b"stsz", &[&words(&[0, 0, 0])])));
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
}

/// A film of `tables` whose media data is behind it from `offset` on.
fn film(tables: &[&[u8]], more: &[u8], behind: &[u8]) -> Vec<u8> {
    let ftyp = boxed(b"ftyp", &[b"isom\0\0\0\0isom"]);
    [ftyp, CLEAN.movie(0, &boxed(b"stbl", tables), more), behind.to_vec()].concat()
}

#[test]
fn many_tables_that_name_each_other_take_little_time() {
    // each asked of each would take minutes
    let sgpd = boxed(b"sgpd", &[&[1, 0, 0, 0], b"othr", &words(&[2, 0])]).repeat(20_000);
    let sbgp = boxed(b"sbgp", &[&[0; 4], b"roll", &words(&[0])]).repeat(20_000);
    let tables = CLEAN.tables(0);
    let output = cleaned(&film(&[&tables[8..], &sgpd, &sbgp], &[], &[]));
    assert!(output.is_ok());
    let trex: Vec<u8> =
        (0..60_000).flat_map(|n| boxed(b"trex", &[&words(&[0, 100 + n, 1, 1, 0, 0])])).collect();
    let traf = boxed(b"traf", &[&boxed(b"tfhd", &[&words(&[0, 9])])]).repeat(60_000);
    let mvex = boxed(b"mvex", &[&trex]);
    let output = cleaned(&film(&[&tables[8..]], &mvex, &boxed(b"moof", &[&traf])));
    assert!(output.is_ok());
}

#[test]
fn sample_entries_are_held_to_a_limit_together() {
    let sets: Vec<u8> = (0..255_u32)
        .flat_map(|number| {
            let mut id = fields::BitsOut::default();
            id.exp_golomb(number);
            let set = [&[0x68], id.bytes.as_slice(), &[7; 4000]].concat();
            [&u16::try_from(set.len()).unwrap().to_be_bytes(), set.as_slice()].concat()
        })
        .collect();
    let avcc = boxed(b"avcC", &[&[1, 66, 0, 10, 0xff, 0xe0, 255], &sets]);
    let entry = boxed(b"avc1", &[&[0; 78], &avcc]);
    let file = |count: usize| {
        let number = u32::try_from(count).unwrap();
        film(&[&boxed(b"stsd", &[&words(&[0, number]), &entry.repeat(count)])], &[], &[])
    };
    assert!(cleaned(&file(3)).is_ok());
    assert_eq!(refusal(&file(5)), Refusal::TooLarge { kind: Kind::Mp4 });
}

#[test]
fn pictures_around_user_data_are_not_held() {
    let mut esds = Vec::new();
    // ES_Descriptor, DecoderConfigDescriptor of Visual 14496-2
    esds.extend([0, 0, 0, 0, 3, 18, 0, 0, 0, 4, 13, 0x20, 0x11]);
    esds.extend([0; 11]);
    let entry = boxed(b"mp4v", &[&[0; 78], &boxed(b"esds", &[&esds])]);
    let picture = [b"\0\0\x01\xb6".as_slice(), &[7; 1 << 20]].concat();
    let sample = [b"CANARY".as_slice(), &picture, b"\0\0\x01\xb2CANARY", &picture].concat();
    let size = u32::try_from(sample.len()).unwrap();
    let file = |offset| {
        let tables = [
            boxed(b"stsd", &[&words(&[0, 1]), &entry]),
            boxed(b"stts", &[&words(&[0, 1, 1, 100])]),
            boxed(b"stsc", &[&words(&[0, 1, 1, 1, 1])]),
            boxed(b"stsz", &[&words(&[0, 0, 1, size])]),
            boxed(b"stco", &[&words(&[0, 1, offset])]),
        ];
        film(&[&tables.concat()], &[], &boxed(b"mdat", &[&sample]))
    };
    let offset = u32::try_from(file(0).len()).unwrap() - size;
    let file = file(offset);
    let planned = crate::clean::clean(&mut Cursor::new(&file), &Limits::default()).unwrap();
    assert!(planned.held() < 4096, "{}", planned.held());
    let (output, _) = cleaned(&file).unwrap();
    assert!(output.ends_with(&[picture.as_slice(), &picture].concat()));
    assert!(!contains(&output, b"CANARY"));
    assert_eq!(cleaned(&output).unwrap(), (output, BTreeSet::new()));
}

proptest! {
    #[test]
    fn films_that_differ_in_metadata_become_the_same(
        text in proptest::collection::vec(any::<u8>(), 11..32),
        time in any::<u32>(),
        telemetry in any::<bool>(),
        gap in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let gap = if telemetry { [gap, text.clone()].concat() } else { gap };
        let camera = Camera { text, time, telemetry, gap };
        let (output, _) = cleaned(&camera.file()).unwrap();
        prop_assert_eq!(&output, &cleaned(&CLEAN.file()).unwrap().0);
    }

    #[test]
    fn no_damage_panics_or_grows(
        is_fragmented in any::<bool>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        end in any::<proptest::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let camera = dirty(CANARY);
        let mut file = if is_fragmented { camera.fragments() } else { camera.file() };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if cut {
            file.truncate(end.index(file.len()) + 1);
        }
        if let Ok((output, _)) = cleaned(&file) {
            prop_assert!(output.len() <= 16 * file.len() + 1024);
            if let Ok((again, found)) = cleaned(&output) {
                prop_assert_eq!(again, output);
                prop_assert_eq!(found, BTreeSet::new());
            } else {
                prop_assert!(output.len() < 64, "a clean film is refused");
            }
        }
    }
}
