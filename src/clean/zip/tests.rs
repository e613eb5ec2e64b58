use std::io::{Cursor, Read as _};

use proptest::prelude::*;

use super::*;
use crate::clean::{Limits, Report, clean};

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, Report), Refusal> {
    match clean(&mut Cursor::new(bytes), &Limits::default()) {
        Ok(cleaned) => {
            let report = cleaned.report().clone();
            let mut out = Vec::new();
            cleaned.replay(Cursor::new(bytes)).read_to_end(&mut out).unwrap();
            Ok((out, report))
        }
        Err(CleanError::Refused(refusal)) => Err(refusal),
        Err(CleanError::Io(error)) => panic!("{error}"),
    }
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Kind::Zip);
    for (name, bytes) in members {
        writer.add(name, bytes, Pack::Deflate).unwrap();
    }
    writer.finish().unwrap().to_vec()
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    while let Some(next) = memchr::memmem::find(&out[at..], from) {
        out.splice(at + next..at + next + from.len(), to.iter().copied());
        at += next + to.len();
    }
    out
}

const LONG: &[u8] = b"They meet on Tuesdays, on Tuesdays, on Tuesdays.\n";

#[test]
fn members_are_numbered_and_clean() {
    let bytes = archive(&[
        ("home/jane/Minutes.txt", b"\xef\xbb\xbfone\n"),
        ("__MACOSX/home/._Minutes.txt", b"\0\x05\x16\x07"),
        ("home/jane/", b""),
        ("nothing", b""),
        ("b", LONG),
    ]);
    let (out, report) = cleaned(&bytes).unwrap();
    assert_eq!(out, archive(&[("01.txt", b"one\n"), ("02.txt", LONG)]));
    assert_eq!(report.found, [Found::Other, Found::Software].into(), "names, and a mark");
    let (again, report) = cleaned(&out).unwrap();
    assert_eq!(again, out);
    assert!(report.found.is_empty());
}

#[test]
fn what_archives_say_beside_their_members_is_told_and_gone() {
    let plain = archive(&[("01.txt", LONG)]);
    let timed = replace(&plain, b"\0\0\x21\0", b"\x11\x11\x66\x55");
    assert_ne!(timed, plain);
    let commented = [&plain[..plain.len() - 2], b"\x06\0canary"].concat();
    let followed = [&plain[..], b"canary"].concat();
    for (bytes, found) in
        [(timed, Found::Time), (commented, Found::Comment), (followed, Found::Trailing)]
    {
        let (out, report) = cleaned(&bytes).unwrap();
        assert_eq!(report.found, [found].into());
        assert_eq!(out, plain);
    }
}

#[test]
fn archives_that_cannot_be_trusted_are_refused() {
    let plain = archive(&[("a.txt", LONG), ("b.txt", LONG)]);
    let damaged = Refusal::Damaged { kind: Kind::Zip };
    assert_eq!(cleaned(&replace(&plain, b"b.txt", b"a.txt")), Err(damaged), "a name twice");
    assert_eq!(cleaned(&replace(&plain, b"b.txt", b"../.t")), Err(damaged), "a way out");
    let central = memchr::memmem::rfind(&plain, b"PK\x01\x02").unwrap();
    let mut other = plain.clone();
    other[central + 46] = b'c';
    assert_eq!(cleaned(&other), Err(damaged), "a local header of another name");
    let mut overlapping = plain.clone();
    overlapping[central + 42..central + 46].fill(0);
    assert_eq!(cleaned(&overlapping), Err(damaged), "a member twice");
    let mut wrong = plain.clone();
    wrong[central + 16] ^= 1;
    assert_eq!(cleaned(&wrong), Err(damaged), "a checksum that is not the member's");
    let mut long = plain.clone();
    long[central + 24] ^= 1;
    assert_eq!(cleaned(&long), Err(damaged), "a length that is not the member's");
    let mut locked = plain.clone();
    locked[central + 8] |= 1;
    assert_eq!(cleaned(&locked), Err(Refusal::Encrypted { kind: Kind::Zip }));
    let mut other = plain.clone();
    other[central + 10] = 9;
    assert_eq!(cleaned(&other), Err(Refusal::Unsupported { kind: Kind::Zip }));
    let inner = archive(&[("a", b"MZ\0\0\0")]);
    let refusal = Refusal::Inside { kind: Kind::Zip, inner: Kind::Unknown };
    assert_eq!(cleaned(&inner), Err(refusal));
    assert_eq!(cleaned(&archive(&[("a/", b"")])), Err(Refusal::Empty));
}

#[test]
fn an_archive_that_inflates_beyond_the_limit_is_refused() {
    let bytes = archive(&[("a", &[b'a'; 5000])]);
    let limits = Limits { inflated: 4999, ..Limits::default() };
    let result = clean(&mut Cursor::new(&bytes), &limits);
    let Err(CleanError::Refused(refusal)) = result else { panic!("not refused") };
    assert_eq!(refusal, Refusal::TooLarge { kind: Kind::Zip });
}

#[test]
fn zip64_is_read() {
    let plain = archive(&[("01.txt", LONG)]);
    let central = memchr::memmem::rfind(&plain, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::rfind(&plain, b"PK\x05\x06").unwrap();
    // the local header's offset in a ZIP64 field
    let mut header = plain[central..end].to_vec();
    header[30..32].copy_from_slice(&12_u16.to_le_bytes());
    header[42..46].fill(0xff);
    header.extend_from_slice(&[1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut record = b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0".to_vec();
    for number in [1, 1, header.len() as u64, central as u64] {
        record.extend_from_slice(&number.to_le_bytes());
    }
    let mut bytes = plain[..central].to_vec();
    bytes.extend_from_slice(&header);
    let at = bytes.len() as u64;
    bytes.extend_from_slice(&record);
    bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    bytes.extend_from_slice(&at.to_le_bytes());
    bytes.extend_from_slice(b"\x01\0\0\0PK\x05\x06\0\0\0\0\xff\xff\xff\xff");
    bytes.extend_from_slice(&[0xff; 8]);
    bytes.extend_from_slice(&[0, 0]);
    assert_eq!(cleaned(&bytes).unwrap().0, plain);
}

proptest! {
    #[test]
    fn no_archive_panics_and_what_is_clean_stays(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = archive(&[("home/a.txt", LONG), ("b", b"two")]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok((out, _)) = cleaned(&bytes) {
            prop_assert!(out.len() <= bytes.len() + 64);
            let (again, report) = cleaned(&out).unwrap();
            prop_assert_eq!(again, out);
            prop_assert!(report.found.is_empty());
        }
    }

    #[test]
    fn what_is_written_is_read(members in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..6)) {
        let mut writer = Writer::new(Kind::Zip);
        for (n, bytes) in members.iter().enumerate() {
            let pack = if n % 2 == 0 { Pack::Deflate } else { Pack::Store };
            writer.add(&format!("é{n}"), bytes, pack).unwrap();
        }
        let bytes = writer.finish().unwrap();
        let limits = Limits::default();
        let work = &mut Work::new(&limits);
        let archive = Archive::open(&bytes, Kind::Zip, work).unwrap();
        prop_assert!(archive.found().is_empty());
        for (n, member) in members.iter().enumerate() {
            let entry = archive.entry(&format!("é{n}")).unwrap();
            prop_assert_eq!(&*archive.read(entry, work).unwrap(), member);
        }
    }
}
