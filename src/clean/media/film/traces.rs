//! What the boxes that are dropped tell about: names only, never values.

use std::io::{Read, Seek};

use super::{fields::child, model::Gapless, reader::Film};
use crate::clean::{CleanError, Found, media::boxes::BoxHeader, traces};

/// The most bytes of a box that are looked at.
const LOOK: usize = 64 << 10;
/// XMP's UUID (XMP part 3, §1.1.4).
const XMP: [u8; 16] = *b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";

impl<R: Read + Seek> Film<'_, '_, R> {
    /// A box that is left behind: its name, and where it holds others, theirs.
    pub(super) fn tell(&mut self, header: &BoxHeader) -> Result<(), CleanError> {
        match &header.name {
            b"udta" => {
                for child in self.inside(header)? {
                    self.tell_item(&child)?;
                }
            }
            b"meta" => self.tell_meta(header)?,
            b"uuid" => {
                let bytes = self.load(header, LOOK)?;
                match bytes.split_first_chunk::<16>() {
                    Some((&XMP, packet)) => self.found.extend(traces::xmp(packet)),
                    _ => {
                        self.found.insert(Found::Other);
                    }
                }
            }
            // producer reference time (§8.16.5)
            b"prft" => {
                self.found.insert(Found::Time);
            }
            b"free" | b"skip" | b"wide" if header.end == header.payload => {}
            // structure that says nothing else than what is kept
            b"iods" | b"mvex" | b"styp" | b"sidx" | b"ssix" | b"mfra" | b"ftyp" | b"pssh"
            | b"load" | b"tapt" | b"tref" => {}
            _ => {
                self.found.insert(Found::Other);
            }
        }
        Ok(())
    }

    /// A box of user data or an item of a list.
    fn tell_item(&mut self, item: &BoxHeader) -> Result<(), CleanError> {
        match &item.name {
            b"meta" => self.tell_meta(item)?,
            b"XMP_" => {
                let packet = self.load(item, LOOK)?;
                self.found.extend(traces::xmp(&packet));
            }
            b"----" => {
                let payload = self.load(item, LOOK)?;
                let is_gapless = child(&payload, b"name").and_then(|name| name.get(4..))
                    == Some(b"iTunSMPB".as_slice());
                let text = child(&payload, b"data").and_then(|data| data.get(8..));
                let gapless = text.filter(|_| is_gapless).and_then(Gapless::read);
                self.gapless = self.gapless.or(gapless);
                if gapless.is_none() {
                    self.found.insert(Found::Other);
                }
            }
            name => {
                self.found.insert(user_data(*name));
            }
        }
        Ok(())
    }

    fn tell_meta(&mut self, meta: &BoxHeader) -> Result<(), CleanError> {
        let head = self.load(meta, 8)?;
        // QuickTime's has no version and flags
        let from = meta.payload + if head.get(4..8) == Some(b"hdlr") { 0 } else { 4 };
        for child in self.children(from, meta.end)? {
            match &child.name {
                b"keys" => {
                    let keys = self.load(&child, LOOK)?;
                    self.found.extend(metadata_keys(&keys));
                }
                b"ilst" => {
                    for item in self.inside(&child)? {
                        // items that are numbered have their names in `keys`
                        if item.name.starts_with(&[0]) {
                            continue;
                        }
                        self.tell_item(&item)?;
                    }
                }
                b"hdlr" | b"free" => {}
                _ => {
                    self.found.insert(Found::Other);
                }
            }
        }
        Ok(())
    }
}

/// Boxes of `udta` (QuickTime File Format, 3GPP TS 26.244 §8, those of cameras) and items of iTunes' lists.
fn user_data(name: [u8; 4]) -> Found {
    match &name {
        b"\xa9xyz" | b"loci" | b"GPS " | b"gps " | b"gps0" => Found::Location,
        b"\xa9mak" | b"\xa9mod" | b"@mak" | b"@mod" | b"\xa9mdl" | b"manu" | b"modl" | b"cmnm"
        | b"cmid" | b"LENS" | b"CAME" | b"MUID" | b"GUMI" | b"BCID" | b"SNum" | b"mdln"
        | b"smta" | b"smrd" | b"CNTH" | b"MMA " | b"slno" => Found::Device,
        b"\xa9swr" | b"\xa9too" | b"\xa9enc" | b"\xa9fmt" | b"FIRM" | b"SETT" => Found::Software,
        b"\xa9day" | b"date" | b"yrrc" | b"\xa9dat" | b"\xa9TIM" | b"\xa9TSC" | b"purd" => {
            Found::Time
        }
        b"\xa9ART" | b"auth" | b"perf" | b"\xa9aut" | b"\xa9dir" | b"cprt" | b"\xa9cpy"
        | b"\xa9prd" | b"aART" | b"\xa9wrt" | b"apID" | b"ownr" => Found::Person,
        b"\xa9nam" | b"titl" | b"dscp" | b"\xa9cmt" | b"\xa9inf" | b"\xa9des" | b"desc"
        | b"ldes" | b"gnre" | b"\xa9gen" | b"\xa9alb" | b"albm" | b"clfn" | b"kywd" | b"name"
        | b"chpl" | b"\xa9lyr" | b"\xa9grp" => Found::Comment,
        b"covr" | b"thmb" | b"tnal" => Found::Preview,
        b"AMBA" | b"HMMT" | b"gpmd" => Found::Telemetry,
        b"cnID" | b"atID" | b"plID" | b"xid " => Found::Identifier,
        _ => Found::Other,
    }
}

/// Names in a `keys` box (QuickTime File Format, Metadata Item Keys), searched for and not parsed.
fn metadata_keys(keys: &[u8]) -> Vec<Found> {
    const WORDS: &[(&[u8], Found)] = &[
        (b"location", Found::Location),
        (b"make", Found::Device),
        (b"model", Found::Device),
        (b"manufacturer", Found::Device),
        (b"camera", Found::Device),
        (b"software", Found::Software),
        (b"version", Found::Software),
        (b"date", Found::Time),
        (b"time", Found::Time),
        (b"author", Found::Person),
        (b"artist", Found::Person),
        (b"copyright", Found::Person),
        (b"identifier", Found::Identifier),
        (b"artwork", Found::Preview),
    ];
    let has = |word: &[u8]| memchr::memmem::find(keys, word).is_some();
    let found: Vec<Found> = WORDS.iter().filter(|row| has(row.0)).map(|row| row.1).collect();
    if found.is_empty() { vec![Found::Comment] } else { found }
}

/// A track that is left behind, by its handler (ISO/IEC 14496-12 §8.4.3).
pub(super) const fn track(handler: [u8; 4]) -> Found {
    match &handler {
        b"meta" | b"camm" | b"data" | b"gpmd" | b"fdsc" => Found::Telemetry,
        b"tmcd" => Found::Time,
        b"text" | b"sbtl" | b"subt" | b"clcp" | b"subp" => Found::Comment,
        b"pict" => Found::Preview,
        _ => Found::Other,
    }
}
