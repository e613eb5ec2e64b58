//! ZIP archives (APPNOTE 6.3.10), as little as the tests need: to look into what the cleaner writes without its own code,
//! and to write archives that it must cope with.

use std::io::{Read as _, Write as _};

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// What an archive tells besides its members.
#[derive(Clone, Default)]
pub(crate) struct Around {
    /// MS-DOS time and date of every member.
    pub(crate) time: [u16; 2],
    /// An extra field of every member, with its header.
    pub(crate) extra: Vec<u8>,
    /// A comment of every member and of the archive.
    pub(crate) comment: Vec<u8>,
    /// Not compressed.
    pub(crate) stored: bool,
}

/// The members of `archive` by its central directory; None if it is none, or one that these tests do not write or keep.
pub(crate) fn read(archive: &[u8]) -> Option<Vec<Member>> {
    let end = memchr::memmem::rfind(archive, b"PK\x05\x06")?;
    let count = u16_at(archive, end + 10)?;
    let mut at = u32_at(archive, end + 16)?;
    let mut members = Vec::new();
    for _ in 0..count {
        if archive.get(at..at + 4)? != b"PK\x01\x02" {
            return None;
        }
        let [name, extra, comment] = [28, 30, 32].map(|field| u16_at(archive, at + field));
        let (name, extra, comment) = (name?, extra?, comment?);
        let local = u32_at(archive, at + 42)?;
        let data = local + 30 + u16_at(archive, local + 26)? + u16_at(archive, local + 28)?;
        let packed = archive.get(data..data + u32_at(archive, at + 20)?)?;
        let bytes = match u16_at(archive, at + 10)? {
            0 => packed.to_vec(),
            8 => {
                let mut bytes = Vec::new();
                flate2::read::DeflateDecoder::new(packed).read_to_end(&mut bytes).ok()?;
                bytes
            }
            _ => return None,
        };
        let name = String::from_utf8_lossy(archive.get(at + 46..at + 46 + name)?).into_owned();
        at += 46 + name.len() + extra + comment;
        members.push(Member { name, bytes });
    }
    Some(members)
}

/// An archive of `members`; a `mimetype` is stored, as OpenDocument and EPUB want it.
pub(crate) fn write(members: &[Member], around: &Around) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let stored = around.stored || member.name == "mimetype";
        let extra: &[u8] = if member.name == "mimetype" { &[] } else { &around.extra };
        let packed = if stored { member.bytes.clone() } else { deflated(&member.bytes) };
        let mut common = Vec::new();
        for field in [20_u16, 0, if stored { 0 } else { 8 }, around.time[0], around.time[1]] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        for field in [crc32fast::hash(&member.bytes), length(&packed), length(&member.bytes)] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        common.extend_from_slice(&short(member.name.as_bytes()));
        common.extend_from_slice(&short(extra));
        directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&short(&around.comment));
        directory.extend_from_slice(&[0; 8]);
        directory.extend_from_slice(&length(&archive).to_le_bytes());
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&common);
        for target in [&mut directory, &mut archive] {
            target.extend_from_slice(member.name.as_bytes());
            target.extend_from_slice(extra);
        }
        directory.extend_from_slice(&around.comment);
        archive.extend_from_slice(&packed);
    }
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let start = length(&archive).to_le_bytes();
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    archive.extend_from_slice(&[count, count].concat());
    archive.extend_from_slice(&length(&directory).to_le_bytes());
    archive.extend_from_slice(&start);
    archive.extend_from_slice(&short(&around.comment));
    archive.extend_from_slice(&around.comment);
    archive
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

fn short(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap().to_le_bytes()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?).into())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

#[test]
fn what_is_written_is_read_and_tested_by_unzip() {
    let members = ["mimetype", "a/b.xml"]
        .map(|name| Member { name: name.to_owned(), bytes: name.repeat(50).into_bytes() });
    let around = Around {
        time: [1, 0x21],
        extra: b"zq\x04\0more".to_vec(),
        comment: b"said".to_vec(),
        stored: false,
    };
    let archive = write(&members, &around);
    assert_eq!(read(&archive).unwrap(), members);
    let path = crate::kinds::empty_folder("archive").join("a.zip");
    std::fs::write(&path, &archive).unwrap();
    let tested =
        crate::kinds::run(std::process::Command::new("unzip").arg("-tqq").arg(&path), "unzip");
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
}
