//! Ogg (RFC 3533) with one stream of sound at a time: Vorbis, Opus (RFC 7845), FLAC (RFC 9639 §10.1) or Speex. Streams
//! may follow each other, as radio and messengers chain them.
//!
//! | part | what becomes of it |
//! |---|---|
//! | each page's header | written anew: the stream's number is its place among the streams, pages are counted from 0, the checksum is computed |
//! | positions of pages | kept, less the time at which a stream was cut out of a longer one (not of FLAC, whose frames have numbers of their own) |
//! | the identification header | written anew: channels, rate, delay, gain and places of loudspeakers; rates of bits, the rate of what was coded, Speex' version and FLAC's MD5 are not kept |
//! | the comment header | written anew without vendor and comments |
//! | Vorbis' setup header | copied: nothing is decoded without it. It is the same for all files of one encoder at one quality |
//! | FLAC's other blocks, Skeleton streams | dropped |
//! | packets, and how they lie on pages | copied |
//! | pages whose checksum is wrong, of other streams, behind a stream's end; everything else | dropped |
//!
//! Video (Theora and others), texts, two sounds at once and unknown streams are refused.
//!
//! Not detected: what hides in the packets (Opus has padding in them), behind the codes of Vorbis' setup header, and in
//! positions that are not what the packets before them add up to.

mod codec;
mod page;

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use self::{
    codec::{Codec, First},
    page::{NOWHERE, Page, Writer},
};
use super::tags;
use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains,
    input::Input,
    replay::{Pieces, TooManyPieces},
    work::Work,
};

/// Of a comment header, at most this much is looked at.
const LOOK: usize = 64 << 10;
/// The longest setup header that is taken; encoders write 3 to 10 KiB.
const SETUP: usize = 256 << 10;
/// How many pages may have a wrong checksum.
const BROKEN: u32 = 256;

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    _kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let mut ogg = Ogg::default();
    let end = input.len();
    tags::skip_leading(input, end, &mut ogg.found)?;
    let (mut pages, mut broken, mut garbage) = (0_u32, 0_u32, false);
    loop {
        let at = input.position();
        let window = input.window(page::LONGEST)?;
        if window.is_empty() {
            break;
        }
        let length = if let Some(page) = Page::read(window) {
            if std::mem::take(&mut garbage) {
                ogg.found.insert(Found::Other);
            }
            pages += 1;
            if pages > work.limits().parts {
                return Err(Refusal::TooLarge { kind: Kind::Ogg }.into());
            }
            ogg.page(&page, at)?;
            page.length()
        } else {
            broken += u32::from(window.starts_with(b"OggS"));
            if broken > BROKEN {
                return Err(damaged());
            }
            let rest = window.get(1..).unwrap_or_default();
            let next = memchr::memmem::find(rest, b"OggS");
            let length = next.unwrap_or(window.len().saturating_sub(4)) + 1;
            garbage |= window.iter().take(length).any(|&byte| byte != 0);
            length
        };
        input.consume(length);
    }
    if garbage {
        ogg.found.insert(Found::Trailing);
    }
    if ogg.pieces.len() == 0 {
        return Err(damaged());
    }
    Ok(Cleaned::new(Kind::Ogg, ogg.found, [Remains::Sound], ogg.pieces))
}

fn damaged() -> CleanError {
    Refusal::Damaged { kind: Kind::Ogg }.into()
}

fn unsupported() -> CleanError {
    Refusal::Unsupported { kind: Kind::Ogg }.into()
}

fn too_many(_: TooManyPieces) -> CleanError {
    Refusal::TooLarge { kind: Kind::Ogg }.into()
}

#[derive(Default)]
struct Ogg {
    found: BTreeSet<Found>,
    pieces: Pieces,
    /// How many streams have been written.
    written: u32,
    stream: Option<Stream>,
}

/// The stream of sound under way.
struct Stream {
    /// The number by which its pages are known in the input.
    serial: u32,
    codec: Codec,
    state: State,
}

enum State {
    Headers(Headers),
    Sound(Sound),
    Ended,
}

/// The headers so far.
struct Headers {
    /// The identification header written anew.
    first: Vec<u8>,
    /// How many headers there have been.
    before: u32,
    /// The header under way, and Vorbis' setup header once it is there.
    packet: Vec<u8>,
    complete: bool,
}

/// Where the sound is.
struct Sound {
    writer: Writer,
    /// What positions are less by, once that is known.
    cut: Option<u64>,
    /// How the packet begins that goes on on the next page.
    open: Option<[u8; 2]>,
}

impl Ogg {
    /// Takes the page that begins `at` there, or leaves it behind.
    fn page(&mut self, page: &Page<'_>, at: u64) -> Result<(), CleanError> {
        if page.begins() {
            return self.begin(page);
        }
        let stream = self.stream.as_mut().filter(|stream| stream.serial == page.serial);
        let Some(Stream { codec, state, .. }) = stream else {
            self.found.insert(Found::Other);
            return Ok(());
        };
        if let State::Headers(headers) = state {
            if !headers.complete && !headers.are_over(codec, page) {
                return headers.page(codec, page, &mut self.found);
            }
            self.written += 1;
            let mut writer = Writer { serial: self.written, sequence: 0 };
            let pages = headers.write(codec, &mut writer);
            self.pieces.literal(&pages).map_err(too_many)?;
            *state = State::Sound(Sound { writer, cut: None, open: None });
        }
        let State::Sound(sound) = state else {
            self.found.insert(Found::Trailing);
            return Ok(());
        };
        let page = Page { position: sound.position(codec, page), ..*page };
        let head = page.write(&mut sound.writer);
        let body = at + page.head() as u64;
        self.pieces.literal(&head).map_err(too_many)?;
        self.pieces.copy(body, body + page.body.len() as u64).map_err(too_many)?;
        if page.ends() {
            *state = State::Ended;
        }
        Ok(())
    }

    /// A stream's first page.
    fn begin(&mut self, page: &Page<'_>) -> Result<(), CleanError> {
        let mut packets = page.packets();
        let Some((packet, true)) = packets.next() else {
            return Err(damaged());
        };
        match First::read(packet) {
            First::Sound(codec, first) => {
                let busy = |stream: &Stream| matches!(stream.state, State::Headers(_));
                if self.stream.as_ref().is_some_and(busy) {
                    // two at once
                    return Err(unsupported());
                }
                if packets.next().is_some() {
                    return Err(damaged());
                }
                let headers = Headers { first, before: 1, packet: Vec::new(), complete: false };
                let state = State::Headers(headers);
                self.stream = Some(Stream { serial: page.serial, codec, state });
            }
            First::Skeleton => {
                self.found.insert(Found::Other);
            }
            First::Unknown => return Err(unsupported()),
            First::Broken => return Err(damaged()),
        }
        Ok(())
    }
}

impl Headers {
    /// Whether `page` is one of sound: FLAC does not always say which header is the last.
    fn are_over(&self, codec: &Codec, page: &Page<'_>) -> bool {
        let sync = || page.packets().next().is_some_and(|(packet, _)| packet.starts_with(b"\xff"));
        matches!(codec, Codec::Flac) && self.packet.is_empty() && sync()
    }

    /// A page of headers; sound begins on a page of its own.
    fn page(
        &mut self,
        codec: &Codec,
        page: &Page<'_>,
        found: &mut BTreeSet<Found>,
    ) -> Result<(), CleanError> {
        for (data, ends) in page.packets() {
            if self.complete {
                return Err(damaged());
            }
            let setup = matches!(codec, Codec::Vorbis { .. }) && self.before == 2;
            let room = if setup { SETUP } else { LOOK }.saturating_sub(self.packet.len());
            if setup && data.len() > room {
                return Err(damaged());
            }
            self.packet.extend(data.iter().take(room));
            if !ends {
                continue;
            }
            if !codec.is_header(&self.packet, self.before) {
                return Err(damaged());
            }
            self.complete = codec.is_last_header(&self.packet, self.before);
            self.before += 1;
            if !setup {
                codec.tell(&self.packet, found);
                self.packet.clear();
            }
        }
        Ok(())
    }

    /// All headers, on pages of their own.
    fn write(&self, codec: &Codec, writer: &mut Writer) -> Vec<u8> {
        let mut pages = writer.headers(&[&self.first], true);
        let comments = codec.no_comments();
        let rest = [comments.as_slice(), &self.packet];
        // only Vorbis has a third
        let count = if self.packet.is_empty() { 1 } else { 2 };
        pages.extend(writer.headers(rest.get(..count).unwrap_or_default(), false));
        pages
    }
}

impl Sound {
    /// The position of a page, less what was cut off before the first one.
    fn position(&mut self, codec: &Codec, page: &Page<'_>) -> u64 {
        let mut heads = Vec::new();
        for (packet, ends) in page.packets() {
            let head = [0, 1].map(|at| packet.get(at).copied().unwrap_or(0));
            let head = self.open.take().unwrap_or(head);
            if ends {
                heads.push(head);
            } else {
                self.open = Some(head);
            }
        }
        // a negative one is none
        if page.position > NOWHERE / 2 {
            return NOWHERE;
        }
        let cut = *self.cut.get_or_insert_with(|| {
            codec.samples(&heads).map_or(0, |samples| page.position.saturating_sub(samples))
        });
        page.position.saturating_sub(cut)
    }
}

#[cfg(test)]
mod tests;
