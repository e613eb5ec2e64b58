//! Writes a ZIP archive that says nothing but names and bytes: every other field has one value (APPNOTE 4.3.7, 4.3.12,
//! 4.3.16). No ZIP64 is needed below the limits.

use flate2::{Compress, Compression, FlushCompress, Status};
use zeroize::Zeroizing;

use crate::clean::{Kind, Refusal};

/// 1980-01-01, the first day that can be written; the time of day is 0.
const DATE: u16 = 0x21;
/// Names are UTF-8 (bit 11); set only where that makes a difference, since EPUB and ODF want a plain `mimetype` first.
const UTF_8: u16 = 1 << 11;

/// How a member is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::clean) enum Pack {
    /// As it is: pictures, films and recordings, which are compressed already, and `mimetype`.
    Store,
    /// With deflate, at its fastest.
    Deflate,
}

impl Pack {
    /// What suits a file of `kind`.
    pub(in crate::clean) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text | Kind::Svg | Kind::Pdf | Kind::Wav | Kind::Aiff | Kind::Tiff => {
                Self::Deflate
            }
            _ => Self::Store,
        }
    }
}

/// An archive in the making.
pub(in crate::clean) struct Writer {
    kind: Kind,
    bytes: Zeroizing<Vec<u8>>,
    directory: Zeroizing<Vec<u8>>,
    entries: u16,
    deflater: Compress,
    /// What is compressed, one member after another: wiped once.
    packed: Zeroizing<Vec<u8>>,
}

impl Writer {
    /// An archive that is refused as a file of `kind` where it grows too large.
    pub(in crate::clean) fn new(kind: Kind) -> Self {
        Self {
            kind,
            bytes: Zeroizing::default(),
            directory: Zeroizing::default(),
            entries: 0,
            deflater: Compress::new(Compression::fast(), false),
            packed: Zeroizing::default(),
        }
    }

    /// Adds a member behind the others.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] above 65,534 members or 4 GiB.
    pub(in crate::clean) fn add(
        &mut self,
        name: &str,
        bytes: &[u8],
        pack: Pack,
    ) -> Result<(), Refusal> {
        let too_large = Refusal::TooLarge { kind: self.kind };
        let offset = u32::try_from(self.bytes.len()).map_err(|_| too_large)?;
        let name_length = u16::try_from(name.len()).map_err(|_| too_large)?;
        let size = u32::try_from(bytes.len()).map_err(|_| too_large)?;
        let packed = match pack {
            Pack::Store => None,
            Pack::Deflate => self.deflate(bytes),
        };
        let data = packed.and_then(|length| self.packed.get(..length)).unwrap_or(bytes);
        let compressed = u32::try_from(data.len()).map_err(|_| too_large)?;
        let (version, method): (u16, u16) = if packed.is_some() { (20, 8) } else { (10, 0) };
        let flags = if name.is_ascii() { 0 } else { UTF_8 };

        let mut common = [0; 26];
        let fields = [version, flags, method, 0, DATE].map(u16::to_le_bytes);
        let sizes = [crc32fast::hash(bytes), compressed, size].map(u32::to_le_bytes);
        let lengths = [name_length, 0].map(u16::to_le_bytes);
        let all =
            fields.iter().flatten().chain(sizes.iter().flatten()).chain(lengths.iter().flatten());
        common.iter_mut().zip(all).for_each(|(to, from)| *to = *from);

        for part in [b"PK\x03\x04".as_slice(), &common, name.as_bytes(), data] {
            self.bytes.extend_from_slice(part);
        }
        // made by FAT and version 2.0; no comment, first disk, no attributes
        let offset = offset.to_le_bytes();
        for part in [b"PK\x01\x02\x14\0".as_slice(), &common, &[0; 10], &offset, name.as_bytes()] {
            self.directory.extend_from_slice(part);
        }
        self.entries = self.entries.checked_add(1).filter(|&n| n < u16::MAX).ok_or(too_large)?;
        Ok(())
    }

    /// The whole archive.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] above 4 GiB.
    pub(in crate::clean) fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let too_large = Refusal::TooLarge { kind: self.kind };
        let offset = u32::try_from(self.bytes.len()).map_err(|_| too_large)?.to_le_bytes();
        let size = u32::try_from(self.directory.len()).map_err(|_| too_large)?.to_le_bytes();
        let entries = self.entries.to_le_bytes();
        let end = [b"PK\x05\x06\0\0\0\0".as_slice(), &entries, &entries, &size, &offset, &[0; 2]];
        self.bytes.extend_from_slice(&self.directory);
        self.bytes.extend_from_slice(&end.concat());
        Ok(self.bytes)
    }

    /// Compresses into `self.packed` and gives the length; None where it would not become smaller.
    fn deflate(&mut self, bytes: &[u8]) -> Option<usize> {
        self.deflater.reset();
        if self.packed.len() < bytes.len() {
            // anew, for what grows is left behind unwiped where it was
            self.packed = Zeroizing::new(vec![0; bytes.len()]);
        }
        let packed = self.packed.get_mut(..bytes.len())?;
        let status = self.deflater.compress(bytes, packed, FlushCompress::Finish);
        let whole = matches!(status, Ok(Status::StreamEnd));
        whole.then(|| usize::try_from(self.deflater.total_out()).ok()).flatten()
    }
}
