//! JPEG (ITU-T T.81): what decoding needs stays byte for byte, everything else is left behind.
//!
//! | part | what becomes of it |
//! |---|---|
//! | SOI, EOI | written anew; a missing EOI is added |
//! | JFIF's APP0 | written anew without thumbnail and density: that it is there decides how colours are decoded |
//! | Adobe's APP14 | written anew with its colour transform only, for the same reason |
//! | EXIF's APP1 | written anew with its orientation only, and only if that is not upright |
//! | DQT, DHT, DAC, DRI, SOF, SOS | copied once checked to the last byte; those behind the last scan are dropped |
//! | entropy-coded data | copied; nothing in it but data, stuffed zeros and, where a restart interval is set, RSTn |
//! | every other APPn, COM, DNL, fill bytes, garbage between segments | dropped |
//! | everything after EOI, or after the one scan of a sequential picture | dropped |
//!
//! Taken are the processes that decoders have: baseline, extended and progressive Huffman coding and the two arithmetic
//! ones. Lossless and hierarchical files are refused. What decoders forgive is forgiven in the way that libjpeg does,
//! so that the picture is the same: garbage before a marker, a scan that ends early, a file that ends early or breaks
//! once a scan has begun. What is broken before the first scan is refused.
//!
//! Not detected: bytes that hide inside the entropy-coded data itself, as more code words than the scan has blocks.
//! Finding them means decoding every code word, at a third of the speed; no camera writes any.

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use super::exif::{self, Orientation};
use crate::clean::{
    CleanError, Cleaned, Found, Kind, Limits, Refusal, Remains,
    input::Input,
    replay::{Pieces, TooManyPieces},
    traces,
};

mod marker {
    //! The second bytes of markers, T.81 table B.1.
    pub(super) const TEM: u8 = 0x01;
    pub(super) const SOF0: u8 = 0xc0;
    pub(super) const SOF2: u8 = 0xc2;
    pub(super) const SOF15: u8 = 0xcf;
    pub(super) const SOF9: u8 = 0xc9;
    pub(super) const SOF10: u8 = 0xca;
    pub(super) const DHT: u8 = 0xc4;
    pub(super) const JPG: u8 = 0xc8;
    pub(super) const DAC: u8 = 0xcc;
    pub(super) const RST0: u8 = 0xd0;
    pub(super) const RST7: u8 = 0xd7;
    pub(super) const SOI: u8 = 0xd8;
    pub(super) const EOI: u8 = 0xd9;
    pub(super) const SOS: u8 = 0xda;
    pub(super) const DQT: u8 = 0xdb;
    pub(super) const DNL: u8 = 0xdc;
    pub(super) const DRI: u8 = 0xdd;
    pub(super) const APP0: u8 = 0xe0;
    pub(super) const APP1: u8 = 0xe1;
    pub(super) const APP2: u8 = 0xe2;
    pub(super) const APP12: u8 = 0xec;
    pub(super) const APP14: u8 = 0xee;
    pub(super) const APP15: u8 = 0xef;
    pub(super) const COM: u8 = 0xfe;
}

/// JFIF 1.01 without density: square pixels of no size, no thumbnail (JFIF 1.02, page 5).
const JFIF: &[u8; 18] = b"\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    limits: &Limits,
) -> Result<Cleaned, CleanError> {
    let mut jpeg = Jpeg::new(input, limits);
    // the kind was told by SOI
    jpeg.input.consume(2);
    while jpeg.part()? == Flow::On {}
    jpeg.finish()
}

/// The tables of an abbreviated stream (T.81 B.5), which a TIFF keeps apart from its pictures: those that decoding needs,
/// in one form. None if they are broken.
pub(super) fn tables(stream: &[u8]) -> Option<Vec<u8>> {
    let mut rest = stream.strip_prefix(&[0xff, marker::SOI])?;
    let mut tables = vec![0xff, marker::SOI];
    while let Some((head @ [0xff, code, high, low], after)) = rest.split_first_chunk::<4>() {
        let (code, high, low) = (*code, *high, *low);
        let length = usize::from(u16::from_be_bytes([high, low])).checked_sub(2)?;
        let Some((payload, after)) = after.split_at_checked(length) else {
            break;
        };
        match code {
            marker::EOI => break,
            marker::DQT => quantization_tables(payload)?,
            marker::DHT => huffman_tables(payload)?,
            _ => {
                rest = after;
                continue;
            }
        }
        tables.extend(head);
        tables.extend(payload);
        rest = after;
    }
    tables.extend([0xff, marker::EOI]);
    Some(tables)
}

/// What a frame header says to a TIFF around it: width and height, and each component's sampling, horizontally and
/// vertically. None unless it stands within `head`, the stream's beginning.
pub(super) fn frame_size(head: &[u8]) -> Option<([u32; 2], Vec<[u16; 2]>)> {
    let mut rest = head.strip_prefix(&[0xff, marker::SOI])?;
    loop {
        let ([0xff, code, high, low], after) = rest.split_first_chunk::<4>()? else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low])).checked_sub(2)?;
        let (payload, after) = after.split_at_checked(length)?;
        rest = after;
        match *code {
            marker::DHT | marker::DAC | marker::JPG => {}
            marker::SOF0..=marker::SOF15 => {
                let ([_, h1, h0, w1, w0, _], components) = payload.split_first_chunk::<6>()?;
                let size = [u16::from_be_bytes([*w1, *w0]), u16::from_be_bytes([*h1, *h0])];
                let components =
                    components.chunks_exact(3).filter_map(|component| component.get(1));
                let sampling = |byte: &u8| [u16::from(byte >> 4), u16::from(byte & 15)];
                return Some((size.map(u32::from), components.map(sampling).collect()));
            }
            _ => {}
        }
    }
}

/// The file cannot be taken.
fn damaged() -> CleanError {
    Refusal::Damaged { kind: Kind::Jpeg }.into()
}

/// Whether there is more to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

/// What the frame header says.
struct Frame {
    /// Component identifiers in order.
    components: Vec<u8>,
    progressive: bool,
    /// Whether a scan has begun. Decoders see from the first one whether to wait for more.
    scanned: bool,
}

struct Jpeg<'a, 'b, R> {
    input: &'a mut Input<'b, R>,
    limits: &'a Limits,
    parts: u32,
    found: BTreeSet<Found>,
    jfif: bool,
    adobe: Option<u8>,
    orientation: Option<Orientation>,
    frame: Option<Frame>,
    restarts: bool,
    /// Everything between the head, which is written anew, and EOI.
    body: Pieces,
    /// Length of `body` up to the end of its last scan.
    scans_end: u64,
}

impl<'a, 'b, R: Read + Seek> Jpeg<'a, 'b, R> {
    fn new(input: &'a mut Input<'b, R>, limits: &'a Limits) -> Self {
        Self {
            input,
            limits,
            parts: 0,
            found: BTreeSet::new(),
            jfif: false,
            adobe: None,
            orientation: None,
            frame: None,
            restarts: false,
            body: Pieces::default(),
            scans_end: 0,
        }
    }

    /// Reads the next marker and what belongs to it.
    fn part(&mut self) -> Result<Flow, CleanError> {
        let Some(code) = self.next_marker()? else {
            return self.broken();
        };
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(Refusal::TooLarge { kind: Kind::Jpeg }.into());
        }
        match code {
            marker::TEM | marker::RST0..=marker::RST7 => Ok(Flow::On),
            marker::EOI => self.broken(),
            marker::APP0..=marker::APP15 | marker::COM | marker::DNL => self.dropped(code),
            marker::SOS => self.scan(),
            marker::DQT
            | marker::DRI
            | marker::SOF0..=marker::JPG
            | marker::SOF9..=marker::SOF15 => self.kept(code),
            // SOI once more, and what no decoder takes
            _ => self.broken(),
        }
    }

    /// Ends the picture here: with a scan in hand it is whole enough for every viewer, without one it is none.
    fn broken(&self) -> Result<Flow, CleanError> {
        if self.scans_end > 0 { Ok(Flow::End) } else { Err(damaged()) }
    }

    /// Goes behind the next marker; garbage before it is left behind. None at the file's end.
    fn next_marker(&mut self) -> Result<Option<u8>, CleanError> {
        loop {
            let window = self.input.window(1)?;
            if window.is_empty() {
                return Ok(None);
            }
            let garbage = memchr::memchr(0xff, window).unwrap_or(window.len());
            self.input.consume(garbage);
            if garbage > 0 {
                self.found.insert(Found::Other);
                continue;
            }
            match self.after_fill()? {
                Some(0) => {
                    self.found.insert(Found::Other);
                }
                code => return Ok(code),
            }
        }
    }

    /// With the next byte an FF: goes behind it, any FF that fill up before a code (T.81 B.1.1.2), and the code.
    fn after_fill(&mut self) -> Result<Option<u8>, CleanError> {
        loop {
            match self.input.take::<1>()? {
                Some([0xff]) => {}
                code => return Ok(code.map(|[code]| code)),
            }
        }
    }

    /// A segment that is left behind, once it has said what it was.
    fn dropped(&mut self, code: u8) -> Result<Flow, CleanError> {
        let Some(length) = self.input.take::<2>()? else {
            return self.broken();
        };
        // decoders take a length that does not even count itself for an empty segment
        let length = usize::from(u16::from_be_bytes(length).saturating_sub(2));
        let window = self.input.window(length)?;
        let Some(payload) = window.get(..length) else {
            return self.broken();
        };
        let header = self.scans_end == 0;
        match code {
            // T.871 10.1: five bytes of name, version, density, and the size of a thumbnail
            marker::APP0 if payload.starts_with(b"JFIF\0") && length >= 14 => {
                self.jfif |= header;
                if payload.get(12..14) != Some([0, 0].as_slice()) || length > 14 {
                    self.found.insert(Found::Preview);
                }
            }
            marker::APP0 if payload.starts_with(b"JFXX\0") => {
                self.found.insert(Found::Preview);
            }
            marker::APP1 if payload.starts_with(b"Exif\0") => {
                let exif = exif::read(payload.get(6..).unwrap_or_default());
                if header {
                    self.orientation = self.orientation.or(exif.orientation);
                }
                self.found.extend(exif.found);
            }
            marker::APP1 if payload.starts_with(b"http://ns.adobe.com/") => {
                self.found.extend(traces::xmp(payload));
            }
            marker::APP2 if payload.starts_with(b"ICC_PROFILE\0") => {
                self.found.insert(Found::ColourProfile);
            }
            marker::APP2 if payload.starts_with(b"MPF\0") => {
                self.found.insert(Found::Preview);
            }
            marker::APP12 if payload.starts_with(b"Ducky") => {
                self.found.insert(Found::Software);
            }
            marker::APP14 if payload.starts_with(b"Adobe") && length >= 12 => {
                if header {
                    self.adobe = payload.get(11).copied();
                }
            }
            marker::COM => {
                self.found.insert(Found::Comment);
            }
            marker::DNL => {}
            _ => {
                self.found.insert(Found::Other);
            }
        }
        self.input.consume(length);
        Ok(Flow::On)
    }

    /// A segment that decoding needs. A broken one ends the picture.
    fn kept(&mut self, code: u8) -> Result<Flow, CleanError> {
        if !matches!(
            code,
            marker::DQT | marker::DHT | marker::DAC | marker::DRI | marker::JPG
                | marker::SOF0..=marker::SOF2 | marker::SOF9..=marker::SOF10
        ) && self.frame.is_none()
        {
            return Err(Refusal::Unsupported { kind: Kind::Jpeg }.into());
        }
        let start = self.input.position().saturating_sub(2);
        let Some(length) = self.segment()? else {
            return self.broken();
        };
        let payload = self.input.window(length)?.get(..length).unwrap_or_default();
        let checked = match code {
            marker::DQT => quantization_tables(payload),
            marker::DHT => huffman_tables(payload),
            marker::DAC => (payload.len() % 2 == 0).then_some(()),
            marker::DRI => payload.first_chunk::<2>().filter(|_| length == 2).map(|interval| {
                self.restarts = *interval != [0, 0];
            }),
            _ if self.frame.is_some() => None,
            marker::SOF0..=marker::SOF2 | marker::SOF9..=marker::SOF10 => {
                let frame = frame(code, payload, self.limits)?;
                frame.map(|frame| self.frame = Some(frame))
            }
            _ => None,
        };
        self.input.consume(length);
        match checked {
            Some(()) if self.body.copy(start, self.input.position()).is_ok() => Ok(Flow::On),
            _ => self.broken(),
        }
    }

    /// A scan: its header and the data up to the marker behind it.
    fn scan(&mut self) -> Result<Flow, CleanError> {
        let start = self.input.position().saturating_sub(2);
        let Some(length) = self.segment()? else {
            return self.broken();
        };
        let header = self.input.window(length)?.get(..length).unwrap_or_default();
        let Some(complete) = self.frame.as_mut().and_then(|frame| frame.scan(header)) else {
            return self.broken();
        };
        self.input.consume(length);
        self.entropy_coded(start)?;
        self.scans_end = self.body.len();
        if complete && self.next_marker()?.is_some_and(|code| code != marker::EOI) {
            self.found.insert(Found::Trailing);
        }
        Ok(if complete { Flow::End } else { Flow::On })
    }

    /// Copies from `kept`, where the scan's header begins, to the end of the scan's data, and stops before a marker.
    ///
    /// Speed is decided here. Decoders read on after a marker only for RSTn in its place: behind any other the rest of
    /// the scan is grey, and what follows up to the next marker is garbage.
    fn entropy_coded(&mut self, mut kept: u64) -> Result<(), CleanError> {
        loop {
            let restarts = self.restarts;
            let window = self.input.window(2)?;
            let (data, read) = (plain_data(window, restarts), window.len());
            self.input.consume(data);
            if read >= 2 && read - data < 2 {
                // all of it is data, but for an FF which the window cuts from its code
                continue;
            }
            let end = self.input.position();
            let next = self.unusual()?;
            if self.body.copy(kept, end).is_err() {
                return Err(Refusal::TooLarge { kind: Kind::Jpeg }.into());
            }
            match next {
                Some(position) => kept = position,
                None => return Ok(()),
            }
        }
    }

    /// Before an FF that is not plain data, or at the file's end: where data goes on, or None if the scan has ended,
    /// which leaves the marker unread.
    fn unusual(&mut self) -> Result<Option<u64>, CleanError> {
        let Some(mut code) = self.after_fill()? else {
            return Ok(None);
        };
        // the last of the FFs
        let mut start = self.input.position().saturating_sub(2);
        // T.81 table B.1's reserved codes: decoders that wait for a restart look for the next marker
        while self.restarts && (marker::TEM..marker::SOF0).contains(&code) {
            self.found.insert(Found::Other);
            match self.next_marker()? {
                Some(next) => code = next,
                None => return Ok(None),
            }
            start = self.input.position().saturating_sub(2);
        }
        let goes_on = code == 0 || (self.restarts && (marker::RST0..=marker::RST7).contains(&code));
        if !goes_on {
            self.input.seek(start)?;
        }
        Ok(goes_on.then_some(start))
    }

    /// Goes behind a kept segment's length, and gives what it counts without itself; None if the segment is not whole.
    fn segment(&mut self) -> Result<Option<usize>, CleanError> {
        let Some(length) = self.input.take::<2>()? else {
            return Ok(None);
        };
        let Some(length) = u16::from_be_bytes(length).checked_sub(2) else {
            return Ok(None);
        };
        let length = usize::from(length);
        Ok((self.input.window(length)?.len() >= length).then_some(length))
    }

    /// Puts head, body and end together.
    fn finish(mut self) -> Result<Cleaned, CleanError> {
        if self.input.position() < self.input.len() {
            self.found.insert(Found::Trailing);
        }
        let components = self.frame.as_ref().map_or(0, |frame| frame.components.len());
        self.body.truncate(self.scans_end);
        let pieces = self.assemble(components).map_err(|_| damaged())?;
        Ok(Cleaned::new(Kind::Jpeg, self.found, [Remains::SensorNoise, Remains::Picture], pieces))
    }

    fn assemble(&mut self, components: usize) -> Result<Pieces, TooManyPieces> {
        let mut pieces = Pieces::default();
        pieces.literal(&[0xff, marker::SOI])?;
        if self.jfif {
            pieces.literal(JFIF)?;
        }
        // only pictures of three and four components have colours to transform
        if let (Some(transform), 3 | 4) = (self.adobe, components) {
            // T.872 6.5.3; decoders take what is not defined for the one that has YCC in it
            let transform = match (transform, components) {
                (0..=2, _) => transform,
                (_, 4) => 2,
                _ => 1,
            };
            pieces.literal(b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0")?;
            pieces.literal(&[transform])?;
        }
        if let Some(orientation) = self.orientation {
            pieces.literal(b"\xff\xe1\0\x22Exif\0\0")?;
            pieces.literal(&orientation.block())?;
        }
        pieces.append(std::mem::take(&mut self.body));
        pieces.literal(&[0xff, marker::EOI])?;
        Ok(pieces)
    }
}

/// How many bytes of `window` are entropy-coded data; the next is an FF with another code behind it or none.
fn plain_data(window: &[u8], restarts: bool) -> usize {
    let mut at = 0;
    loop {
        let rest = window.get(at..).unwrap_or_default();
        let Some(found) = memchr::memchr(0xff, rest) else {
            return window.len();
        };
        match rest.get(found + 1) {
            Some(0) => at += found + 2,
            Some(marker::RST0..=marker::RST7) if restarts => at += found + 2,
            _ => return at + found,
        }
    }
}

/// T.81 B.2.4.1: tables of 64 values, of one byte or two, until the segment is full.
fn quantization_tables(mut payload: &[u8]) -> Option<()> {
    while let [head, rest @ ..] = payload {
        let size = match head >> 4 {
            0 => 64,
            1 => 128,
            _ => return None,
        };
        payload = rest.get(size..).filter(|_| head & 0x0f < 4)?;
    }
    Some(())
}

/// T.81 B.2.4.2: sixteen counts, then as many values, until the segment is full.
fn huffman_tables(mut payload: &[u8]) -> Option<()> {
    while let [head, rest @ ..] = payload {
        let (counts, values) = rest.split_at_checked(16)?;
        let count: usize = counts.iter().copied().map(usize::from).sum();
        payload = values.get(count..).filter(|_| count <= 256 && head & !0x10 < 4)?;
    }
    Some(())
}

/// T.81 B.2.2. A height of 0, to be told by DNL after the first scan, is taken by no common decoder.
fn frame(code: u8, payload: &[u8], limits: &Limits) -> Result<Option<Frame>, Refusal> {
    let [precision, h1, h0, w1, w0, count, rest @ ..] = payload else {
        return Ok(None);
    };
    let height = u16::from_be_bytes([*h1, *h0]);
    let width = u16::from_be_bytes([*w1, *w0]);
    let components: Vec<u8> = rest.chunks_exact(3).filter_map(|c| c.first()).copied().collect();
    let sampled = rest.chunks_exact(3).all(|component| {
        matches!(component, [_, sampling, table]
            if (1..=4).contains(&(sampling >> 4)) && (1..=4).contains(&(sampling & 15)) && *table < 4)
    });
    let precise = *precision == 8 || (*precision == 12 && code != marker::SOF0);
    let counted = (1..=4).contains(count) && rest.len() == 3 * usize::from(*count);
    if !(precise && counted && sampled && height > 0 && width > 0) {
        return Ok(None);
    }
    if u64::from(height) * u64::from(width) > limits.pixels {
        return Err(Refusal::TooLarge { kind: Kind::Jpeg });
    }
    let progressive = matches!(code, marker::SOF2 | marker::SOF10);
    Ok(Some(Frame { components, progressive, scanned: false }))
}

impl Frame {
    /// Checks a scan's header (T.81 B.2.3) and says whether the picture is complete after it; None if it is broken.
    fn scan(&mut self, header: &[u8]) -> Option<bool> {
        let (count, rest) = header.split_first()?;
        let selectors = rest.get(..2 * usize::from(*count))?;
        if !(1..=4).contains(count) || rest.len() != selectors.len() + 3 {
            return None;
        }
        let mut chosen = 0_u8;
        for selector in selectors.chunks_exact(2).filter_map(|selector| selector.first()) {
            // identifiers may occur twice, against the standard: each use then means the next one
            let bit = self.components.iter().enumerate().find_map(|(index, identifier)| {
                let bit = 1_u8 << index;
                (identifier == selector && chosen & bit == 0).then_some(bit)
            })?;
            chosen |= bit;
        }
        let all = usize::from(*count) == self.components.len();
        let complete = !self.progressive && !self.scanned && all;
        self.scanned = true;
        Some(complete)
    }
}

#[cfg(test)]
mod tests;
