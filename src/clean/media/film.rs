//! MP4, QuickTime, 3GP and M4A (ISO/IEC 14496-12 and -14, QuickTime File Format, 3GPP TS 26.244): a new film is written
//! around the samples of the pictures and the sound.
//!
//! | part | what becomes of it |
//! |---|---|
//! | `ftyp` | written anew: one brand for each kind |
//! | `moov` | written anew, before the data, from the values below; every other box in it is dropped |
//! | `mvhd`, `tkhd`, `mdhd` | no times, no language (`und`); timescales, matrices (as far as they turn or mirror the picture), size, layer and whether a track is enabled are kept, durations and numbers computed |
//! | `edts` | kept: it says which part of a track is shown, and when; edits that show nothing are dropped |
//! | `hdlr` | the type only; the name and the vendor are dropped |
//! | `dref` | this file; a track whose samples are elsewhere is dropped |
//! | `stsd` | sample entries of known codecs, written anew ([`entry`]) |
//! | sample tables | written anew ([`tables`]) |
//! | tracks of pictures and sound | kept, but for the pictures of chapters |
//! | tracks of text, timecode, telemetry, hints, everything else | dropped with their bytes in the data |
//! | `mdat` | the samples of kept tracks only, chunk by chunk; within them what [`streams`] says |
//! | `moof` | its samples are put behind those of `moov` ([`fragments`]) |
//! | `udta`, `meta`, `uuid`, `free`, `skip`, `wide`, `sidx`, `mfra`, `tref`, `iods`, all others, what is behind the last box | dropped |
//!
//! Refused are films that are encrypted, films in QuickTime's compressed `moov`, and films whose only pictures or only
//! sound is in a codec that is not known here. What players forgive is forgiven: data that ends early loses the samples
//! that are not whole; tables that disagree are taken as players take them.
//!
//! Dropped, though some players would show it: HDR metadata in SEI and boxes and Dolby Vision's layer (the picture is
//! then shown as the plain HLG or PQ that it is coded in), the second eye of a stereo film, 360° descriptions, captions.
//!
//! Not detected: bytes that hide inside coded pictures and sound behind what a decoder reads, or in bits that it skips:
//! elements of AAC behind the first channel, ancillary data of MP3 (LAME's name), padding of Opus, times in AC-3,
//! time codes of groups of MPEG-4 Visual. Finding them means decoding.

mod data;
mod entry;
mod fields;
mod fragments;
mod model;
mod movie;
mod reader;
mod streams;
mod tables;
mod traces;
mod write;

use std::io::{Read, Seek};

use zeroize::Zeroizing;

use model::{Medium, Movie, Track};
use reader::Film;

use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains, input::Input, replay::Pieces, work::Work,
};

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let mut film = Film::new(input, kind, work.limits());
    let (mut movie, bytes) = film.read_boxes()?;
    let data = film.media_data(&mut movie, bytes)?;
    movie.tracks.iter_mut().for_each(Track::tidy_edits);
    let head = write::head(kind, &movie, data.len());
    let has = |medium| movie.tracks.iter().any(|track| track.medium == medium);
    let remains = [
        has(Medium::Picture).then_some([Remains::SensorNoise, Remains::Picture].as_slice()),
        has(Medium::Sound).then_some([Remains::Sound].as_slice()),
    ];
    let remains: Vec<Remains> = remains.into_iter().flatten().flatten().copied().collect();
    let found = std::mem::take(&mut film.found);
    let mut pieces = Pieces::default();
    pieces.made(Zeroizing::new(head)).map_err(|_| Refusal::TooLarge { kind })?;
    pieces.append(data);
    Ok(Cleaned::new(kind, found, remains, pieces))
}

impl<R: Read + Seek> Film<'_, '_, R> {
    /// Reads the film's own boxes: gives the movie, and how many bytes of media data there are.
    fn read_boxes(&mut self) -> Result<(Movie, u64), CleanError> {
        let len = self.input.len();
        let (mut position, mut bytes) = (0, 0_u64);
        let mut read = None;
        while let Some(header) = self.box_at(position, len)? {
            position = header.end;
            match (&header.name, &mut read) {
                (b"moov", None) => {
                    read = Some((self.movie(&header)?, self.fragment_defaults(&header)?));
                }
                (b"moof", Some((movie, fragments))) => self.fragment(&header, movie, fragments)?,
                (b"mdat", _) => bytes += header.end - header.payload,
                _ => self.tell(&header)?,
            }
        }
        if position < len && !self.is_cut_off(position)? {
            self.found.insert(Found::Trailing);
        }
        let Some((mut movie, fragments)) = read else {
            return Err(self.damaged());
        };
        fragments.finish(&mut movie);
        Ok((movie, bytes))
    }

    /// Whether media data that the file's end cuts off begins at `position`.
    fn is_cut_off(&mut self, position: u64) -> Result<bool, CleanError> {
        self.input.seek(position)?;
        Ok(self.input.window(8)?.get(4..8) == Some(b"mdat".as_slice()))
    }
}

#[cfg(test)]
mod tests;
