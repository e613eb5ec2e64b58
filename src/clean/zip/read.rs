//! Reads a ZIP archive that lies in memory (PKWARE APPNOTE 6.3.10, ISO/IEC 21320-1).
//!
//! The central directory alone says what is in the archive, as programs that open one take it. What lies between
//! members, before them or behind the directory is never read, so it stays behind when the archive is written anew.
//!
//! | part | what becomes of it |
//! |---|---|
//! | central directory | read; an entry without a local header of the same name and method: damaged |
//! | encrypted entries or directory | refused |
//! | methods other than stored and deflate, several disks | refused |
//! | entries that overlap, names twice, `..` in a name | damaged |
//! | sizes | those of the directory, checked against what is inflated; a data descriptor is not read |
//! | CRC-32 | checked |
//! | ZIP64 | read |
//! | comments, extra fields, times, attributes, bytes of no entry | not read, but told as found |

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, Read, Seek},
    ops::Range,
};

use flate2::{Decompress, FlushDecompress, Status};
use zeroize::Zeroizing;

use crate::clean::{Found, Kind, Refusal, input::Input, work::Work};

/// Length of the end of central directory record without its comment (APPNOTE 4.3.16).
const END: usize = 22;
/// Deflate makes at most 1032 bytes of one; a few more for the smallest streams.
const MAX_RATIO: u64 = 1032;
/// A data descriptor with its signature and ZIP64 sizes (APPNOTE 4.3.9): the most that lies between two members.
const DESCRIPTOR: usize = 24;

/// The whole of `input`, for kinds that are worked on in memory; its length has been checked against the limits.
///
/// # Errors
/// If it cannot be read.
pub(in crate::clean) fn whole<R: Read + Seek>(
    input: &mut Input<'_, R>,
) -> io::Result<Zeroizing<Vec<u8>>> {
    input.seek(0)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(input.len()).unwrap_or(0)));
    loop {
        let window = input.window(1)?;
        let read = window.len();
        if read == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(window);
        input.consume(read);
    }
}

/// An archive whose directory has been read.
pub(in crate::clean) struct Archive<'a> {
    kind: Kind,
    bytes: &'a [u8],
    entries: Vec<Entry>,
    names: HashMap<String, usize>,
    found: BTreeSet<Found>,
}

/// A member of an archive; folders have none.
pub(in crate::clean) struct Entry {
    name: String,
    method: Method,
    crc: u32,
    /// Length before compression, as the directory has it.
    size: u64,
    data: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Stored,
    Deflate,
}

impl Entry {
    /// The name, with `/` between its parts and none at its beginning.
    pub(in crate::clean) fn name(&self) -> &str {
        &self.name
    }
}

impl<'a> Archive<'a> {
    /// Reads the directory of the archive `bytes`, which is refused as a file of `kind`.
    ///
    /// # Errors
    /// [`Refusal::Damaged`], [`Refusal::Encrypted`], [`Refusal::Unsupported`] for a compression method, and
    /// [`Refusal::TooLarge`] for more members than there may be.
    pub(in crate::clean) fn open(
        bytes: &'a [u8],
        kind: Kind,
        work: &mut Work<'_>,
    ) -> Result<Self, Refusal> {
        let damaged = Refusal::Damaged { kind };
        let end = End::find(bytes).ok_or(damaged)?;
        let mut archive = Self {
            kind,
            bytes,
            entries: Vec::new(),
            names: HashMap::new(),
            found: BTreeSet::new(),
        };
        if end.has_comment {
            archive.found.insert(Found::Comment);
        }
        if end.after > 0 {
            archive.found.insert(Found::Trailing);
        }
        let mut rest = bytes.get(end.directory.clone()).ok_or(damaged)?;
        let mut extents = Vec::new();
        for _ in 0..end.entries {
            let header = CentralHeader::take(&mut rest).ok_or(damaged)?;
            work.member(kind)?;
            extents.extend(archive.enter(&header, end.directory.start)?);
        }
        archive.check_extents(extents, end.directory.start)?;
        Ok(archive)
    }

    /// The members in the directory's order.
    pub(in crate::clean) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The member of exactly this name.
    pub(in crate::clean) fn entry(&self, name: &str) -> Option<&Entry> {
        self.names.get(name).and_then(|&at| self.entries.get(at))
    }

    /// What the archive itself held besides its members.
    pub(in crate::clean) fn found(&self) -> &BTreeSet<Found> {
        &self.found
    }

    /// The bytes of a member.
    ///
    /// # Errors
    /// [`Refusal::Damaged`], or [`Refusal::TooLarge`] when it is more than may be inflated.
    pub(in crate::clean) fn read(
        &self,
        entry: &Entry,
        work: &mut Work<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let damaged = Refusal::Damaged { kind: self.kind };
        let data = self.bytes.get(entry.data.clone()).ok_or(damaged)?;
        let most = match entry.method {
            Method::Stored => data.len() as u64,
            Method::Deflate => (data.len() as u64).saturating_mul(MAX_RATIO),
        };
        if entry.size > most {
            return Err(damaged);
        }
        work.inflated(self.kind, entry.size)?;
        let size = usize::try_from(entry.size).map_err(|_| damaged)?;
        let bytes = match entry.method {
            Method::Stored => Zeroizing::new(data.to_vec()),
            Method::Deflate => inflate(data, size).ok_or(damaged)?,
        };
        if bytes.len() != size || crc32fast::hash(&bytes) != entry.crc {
            return Err(damaged);
        }
        Ok(bytes)
    }

    /// Takes one entry of the directory; gives where in the file it lies.
    fn enter(
        &mut self,
        header: &CentralHeader<'_>,
        directory: usize,
    ) -> Result<Option<Range<usize>>, Refusal> {
        let damaged = Refusal::Damaged { kind: self.kind };
        // bit 0 encrypted, bit 6 strongly, bit 13 with a masked directory (APPNOTE 4.4.4); 99 is WinZip's AES
        if header.flags & 0x2041 != 0 || header.method == 99 {
            return Err(Refusal::Encrypted { kind: self.kind });
        }
        let method = match header.method {
            0 => Method::Stored,
            8 => Method::Deflate,
            _ => return Err(Refusal::Unsupported { kind: self.kind }),
        };
        if !header.comment.is_empty() {
            self.found.insert(Found::Comment);
        }
        let sizes = header.sizes().ok_or(damaged)?;
        let start = usize::try_from(sizes.offset).map_err(|_| damaged)?;
        let local = LocalHeader::at(self.bytes, start).ok_or(damaged)?;
        let length = usize::try_from(sizes.compressed).map_err(|_| damaged)?;
        let data_end = local.data.checked_add(length).filter(|&end| end <= directory);
        let data = local.data..data_end.ok_or(damaged)?;
        let name = name(header.name).ok_or(damaged)?;
        if local.method != header.method || self::name(local.name).as_deref() != Some(&name) {
            return Err(damaged);
        }
        self.tell(header, local.extra);
        let extent = start..data.end;
        if name.is_empty() || name.ends_with('/') {
            // a folder; one that holds bytes is something else
            return if sizes.size == 0 { Ok(Some(extent)) } else { Err(damaged) };
        }
        if self.names.insert(name.clone(), self.entries.len()).is_some() {
            return Err(damaged);
        }
        self.entries.push(Entry { name, method, crc: header.crc, size: sizes.size, data });
        Ok(Some(extent))
    }

    /// Notes what an entry says besides its bytes.
    fn tell(&mut self, header: &CentralHeader<'_>, local_extra: &[u8]) {
        // what writers put who have no time to tell: nothing, or the first day of 1980
        if header.time != 0 || !matches!(header.date, 0 | 0x21) {
            self.found.insert(Found::Time);
        }
        for extra in [header.extra, local_extra] {
            for (id, _) in fields(extra) {
                match id {
                    // ZIP64, and the padding of aligned members
                    1 | 0xa220 | 0xd935 | 0xcafe => {}
                    // NTFS and extended times; user and group numbers
                    0x000a | 0x5455 => drop(self.found.insert(Found::Time)),
                    0x5855 | 0x7855 | 0x7875 => drop(self.found.insert(Found::Person)),
                    _ => drop(self.found.insert(Found::Other)),
                }
            }
        }
    }

    /// Members must not share bytes; bytes of no member are told.
    fn check_extents(
        &mut self,
        mut extents: Vec<Range<usize>>,
        directory: usize,
    ) -> Result<(), Refusal> {
        extents.sort_unstable_by_key(|extent| extent.start);
        let mut at = 0;
        for extent in extents.iter().chain([&(directory..directory)]) {
            let Some(gap) = extent.start.checked_sub(at) else {
                return Err(Refusal::Damaged { kind: self.kind });
            };
            if gap > DESCRIPTOR {
                self.found.insert(Found::Other);
            }
            at = extent.end;
        }
        Ok(())
    }
}

/// The name of a member, or none if it leads out of the archive. Old names are in an unknown code page: they are taken
/// as Latin-1, since no name is ever written again.
fn name(bytes: &[u8]) -> Option<String> {
    let name = match std::str::from_utf8(bytes) {
        Ok(name) => name.replace('\\', "/"),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    if name.contains('\0') || name.split('/').any(|part| part == "..") {
        return None;
    }
    let name = name.trim_start_matches('/');
    Some(name.strip_prefix("./").unwrap_or(name).to_owned())
}

/// Inflates exactly `size` bytes.
fn inflate(data: &[u8], size: usize) -> Option<Zeroizing<Vec<u8>>> {
    // one byte more, so that a stream that goes on is seen
    let mut bytes = Zeroizing::new(vec![0; size + 1]);
    let mut inflater = Decompress::new(false);
    let status = inflater.decompress(data, &mut bytes, FlushDecompress::Finish).ok()?;
    let whole = status == Status::StreamEnd && inflater.total_out() == size as u64;
    bytes.truncate(size);
    whole.then_some(bytes)
}

/// Where the directory is (APPNOTE 4.3.14 to 4.3.16).
struct End {
    directory: Range<usize>,
    entries: u64,
    has_comment: bool,
    /// Bytes behind the archive.
    after: usize,
}

impl End {
    /// The last record that fits.
    fn find(bytes: &[u8]) -> Option<Self> {
        let first = bytes.len().saturating_sub(END + usize::from(u16::MAX));
        let tail = bytes.get(first..)?;
        memchr::memmem::rfind_iter(tail, b"PK\x05\x06")
            .take(64)
            .find_map(|at| Self::at(bytes, first + at))
    }

    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let mut record = Fields(bytes.get(at + 4..at + END)?);
        let disks = (record.u16()?, record.u16()?);
        let (here, entries) = (record.u16()?, record.u16()?);
        let (size, offset, comment) = (record.u32()?, record.u32()?, record.u16()?);
        let end = at.checked_add(END + usize::from(comment)).filter(|&end| end <= bytes.len())?;
        let plain = (u64::from(entries), u64::from(size), u64::from(offset));
        let (entries, size, offset) =
            if entries == u16::MAX || size == u32::MAX || offset == u32::MAX {
                Self::zip64(bytes, at).unwrap_or(plain)
            } else if disks == (0, 0) && here == entries {
                plain
            } else {
                return None;
            };
        let start = usize::try_from(offset).ok()?;
        let directory = start..start.checked_add(usize::try_from(size).ok()?)?;
        let begins = entries == 0 || bytes.get(start..)?.starts_with(b"PK\x01\x02");
        (begins && directory.end <= at).then_some(Self {
            directory,
            entries,
            has_comment: comment > 0,
            after: bytes.len() - end,
        })
    }

    /// Number of entries, size and offset of the directory in the ZIP64 record that the locator before `at` leads to.
    fn zip64(bytes: &[u8], at: usize) -> Option<(u64, u64, u64)> {
        let mut locator = Fields(bytes.get(at.checked_sub(20)?..at)?);
        if locator.u32()? != 0x0706_4b50 || locator.u32()? != 0 {
            return None;
        }
        let at = usize::try_from(locator.u64()?).ok()?;
        let mut record = Fields(bytes.get(at..at.checked_add(56)?)?);
        if record.u32()? != 0x0606_4b50 {
            return None;
        }
        record.skip(20)?;
        let (here, entries) = (record.u64()?, record.u64()?);
        (here == entries).then_some((entries, record.u64()?, record.u64()?))
    }
}

/// An entry of the directory (APPNOTE 4.3.12).
struct CentralHeader<'a> {
    flags: u16,
    method: u16,
    time: u16,
    date: u16,
    crc: u32,
    compressed: u32,
    size: u32,
    offset: u32,
    name: &'a [u8],
    extra: &'a [u8],
    comment: &'a [u8],
}

/// The lengths and the place of a member, after ZIP64.
struct Sizes {
    size: u64,
    compressed: u64,
    offset: u64,
}

impl<'a> CentralHeader<'a> {
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let mut fields = Fields(rest);
        if fields.u32()? != 0x0201_4b50 {
            return None;
        }
        fields.skip(4)?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        let (time, date) = (fields.u16()?, fields.u16()?);
        let (crc, compressed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let lengths = (fields.u16()?, fields.u16()?, fields.u16()?);
        fields.skip(8)?;
        let offset = fields.u32()?;
        let name = fields.skip(lengths.0.into())?;
        let extra = fields.skip(lengths.1.into())?;
        let comment = fields.skip(lengths.2.into())?;
        *rest = fields.0;
        Some(Self {
            flags,
            method,
            time,
            date,
            crc,
            compressed,
            size,
            offset,
            name,
            extra,
            comment,
        })
    }

    /// APPNOTE 4.5.3: the ZIP64 field holds those of the three, in this order, that are all ones in the header.
    fn sizes(&self) -> Option<Sizes> {
        let mut zip64 = Fields(fields(self.extra).find(|(id, _)| *id == 1).map_or(&[], |f| f.1));
        let mut wide = |narrow: u32| match narrow {
            // without the field it is the length itself
            u32::MAX => zip64.u64().or(Some(u64::from(u32::MAX))),
            narrow => Some(narrow.into()),
        };
        let (size, compressed) = (wide(self.size)?, wide(self.compressed)?);
        Some(Sizes { size, compressed, offset: wide(self.offset)? })
    }
}

/// The header before a member's bytes (APPNOTE 4.3.7). Its sizes may be empty when a data descriptor follows.
struct LocalHeader<'a> {
    method: u16,
    name: &'a [u8],
    extra: &'a [u8],
    /// Where the member's bytes begin.
    data: usize,
}

impl<'a> LocalHeader<'a> {
    fn at(bytes: &'a [u8], at: usize) -> Option<Self> {
        let mut fields = Fields(bytes.get(at..)?);
        if fields.u32()? != 0x0403_4b50 {
            return None;
        }
        fields.skip(4)?;
        let method = fields.u16()?;
        fields.skip(16)?;
        let lengths = (fields.u16()?, fields.u16()?);
        let (name, extra) = (fields.skip(lengths.0.into())?, fields.skip(lengths.1.into())?);
        Some(Self { method, name, extra, data: bytes.len() - fields.0.len() })
    }
}

/// The extra fields of a header (APPNOTE 4.5.1), up to the first that is not whole.
fn fields(extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = Fields(extra);
    std::iter::from_fn(move || {
        let (id, length) = (rest.u16()?, rest.u16()?);
        Some((id, rest.skip(length.into())?))
    })
}

/// Little-endian numbers, one after another.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn skip(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.skip(N)?.first_chunk().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
