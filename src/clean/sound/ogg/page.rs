//! A page of Ogg (RFC 3533 §6).

use crate::clean::sound::crc::PageCrc;

/// The longest page: its header, 255 segments, and as many times 255 bytes.
pub(super) const LONGEST: usize = HEAD + 255 + 255 * 255;
/// Bytes of the header before the table of segments.
const HEAD: usize = 27;
/// The most segments of a page.
const SEGMENTS: usize = 255;

pub(super) const CONTINUED: u8 = 1;
pub(super) const BEGINS: u8 = 2;
pub(super) const ENDS: u8 = 4;
/// The position of a page on which no packet ends.
pub(super) const NOWHERE: u64 = u64::MAX;

/// A whole page whose checksum is right.
pub(super) struct Page<'a> {
    pub(super) flags: u8,
    pub(super) position: u64,
    pub(super) serial: u32,
    /// How many bytes each segment has.
    pub(super) segments: &'a [u8],
    pub(super) body: &'a [u8],
}

impl<'a> Page<'a> {
    /// The page that `data` begins with.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let (head, rest) = data.split_first_chunk::<HEAD>()?;
        let [
            b'O',
            b'g',
            b'g',
            b'S',
            0,
            flags,
            p0,
            p1,
            p2,
            p3,
            p4,
            p5,
            p6,
            p7,
            s0,
            s1,
            s2,
            s3,
            _,
            _,
            _,
            _,
            checksum @ ..,
            count,
        ] = head
        else {
            return None;
        };
        let (segments, rest) = rest.split_at_checked(usize::from(*count))?;
        let length = segments.iter().copied().map(usize::from).sum();
        let body = rest.get(..length)?;
        let mut crc = PageCrc::default();
        crc.update(head.get(..22)?);
        crc.update(&[0, 0, 0, 0, *count]);
        crc.update(segments);
        crc.update(body);
        (crc.value().to_le_bytes() == *checksum).then_some(Self {
            flags: *flags,
            position: u64::from_le_bytes([*p0, *p1, *p2, *p3, *p4, *p5, *p6, *p7]),
            serial: u32::from_le_bytes([*s0, *s1, *s2, *s3]),
            segments,
            body,
        })
    }

    /// Bytes of header and table.
    pub(super) const fn head(&self) -> usize {
        HEAD + self.segments.len()
    }

    /// Bytes of the whole page.
    pub(super) const fn length(&self) -> usize {
        self.head() + self.body.len()
    }

    pub(super) const fn begins(&self) -> bool {
        self.flags & BEGINS != 0
    }

    pub(super) const fn ends(&self) -> bool {
        self.flags & ENDS != 0
    }

    /// The packets, or parts of them, that lie on the page, and whether each ends there.
    pub(super) fn packets(&self) -> impl Iterator<Item = (&'a [u8], bool)> {
        let (mut segments, mut body) = (self.segments, self.body);
        std::iter::from_fn(move || {
            let full = segments.iter().take_while(|&&length| length == 255).count();
            let ends = full < segments.len();
            let (packet, rest) = segments.split_at_checked(full + usize::from(ends))?;
            if packet.is_empty() {
                return None;
            }
            let length = packet.iter().copied().map(usize::from).sum();
            let (data, after) = body.split_at_checked(length)?;
            (segments, body) = (rest, after);
            Some((data, ends))
        })
    }

    /// Header and table written anew, for the stream and place that `writer` gives it.
    pub(super) fn write(&self, writer: &mut Writer) -> Vec<u8> {
        let mut head = b"OggS\0".to_vec();
        head.push(self.flags & (CONTINUED | BEGINS | ENDS));
        head.extend(self.position.to_le_bytes());
        head.extend(writer.serial.to_le_bytes());
        head.extend(writer.sequence.to_le_bytes());
        head.extend([0; 4]);
        head.extend(u8::try_from(self.segments.len()));
        head.extend(self.segments);
        let mut crc = PageCrc::of(&head);
        crc.update(self.body);
        if let Some(checksum) = head.get_mut(22..26) {
            checksum.copy_from_slice(&crc.value().to_le_bytes());
        }
        writer.sequence = writer.sequence.wrapping_add(1);
        head
    }
}

/// Which pages are written next.
pub(super) struct Writer {
    /// The stream's number.
    pub(super) serial: u32,
    /// The next page's number.
    pub(super) sequence: u32,
}

impl Writer {
    /// The pages of whole `packets` of a stream's headers.
    pub(super) fn headers(&mut self, packets: &[&[u8]], begins: bool) -> Vec<u8> {
        let body = packets.concat();
        let lengths = packets.iter().flat_map(|packet| {
            let last = u8::try_from(packet.len() % 255).unwrap_or(0);
            std::iter::repeat_n(255, packet.len() / 255).chain([last])
        });
        let segments: Vec<u8> = lengths.collect();
        let (mut pages, mut rest) = (Vec::new(), body.as_slice());
        let mut flags = if begins { BEGINS } else { 0 };
        for segments in segments.chunks(SEGMENTS) {
            let length = segments.iter().copied().map(usize::from).sum();
            let (body, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            let ends = segments.iter().any(|&length| length < 255);
            let position = if ends { 0 } else { NOWHERE };
            let page = Page { flags, position, serial: self.serial, segments, body };
            pages.extend(page.write(self));
            pages.extend(body);
            flags = if segments.last() == Some(&255) { CONTINUED } else { 0 };
        }
        pages
    }
}
