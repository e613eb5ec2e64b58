//! ZIP archives: read, written anew, and what is in one cleaned.
//!
//! | part | what becomes of it |
//! |---|---|
//! | members | cleaned as files of their own; one that is refused refuses the archive |
//! | names and folders | dropped: they are the sender's own words and often hold names of people; members are numbered in their order, with the extension of what they are |
//! | AppleDouble files (`__MACOSX/`, `._*`), `.DS_Store`, `Thumbs.db`, `desktop.ini`, empty members | dropped |
//! | times, comments, extra fields, bytes of no member | dropped |

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::{
    collections::BTreeSet,
    io::{Read, Seek},
};

use super::{CleanError, Cleaned, Found, Kind, Refusal, input::Input, replay::Pieces, work::Work};

#[expect(unused_imports, reason = "the office kinds hold entries")]
pub(in crate::clean) use read::Entry;
pub(in crate::clean) use read::{Archive, whole};
pub(in crate::clean) use write::{Pack, Writer};

/// Plans the cleaned file.
pub(super) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let bytes = whole(input)?;
    let archive = Archive::open(&bytes, kind, work)?;
    let mut found = archive.found().clone();
    let mut remains = BTreeSet::new();
    let mut writer = Writer::new(kind);
    let members: Vec<_> =
        archive.entries().iter().filter(|entry| !is_clutter(entry.name())).collect();
    if members.len() < archive.entries().len() {
        found.insert(Found::Other);
    }
    let digits = members.len().to_string().len().max(2);
    let mut number = 0_usize;
    for entry in members {
        let member = archive.read(entry, work)?;
        let nested = match member.as_slice() {
            b"" | b"\xef\xbb\xbf" => {
                found.insert(Found::Other);
                continue;
            }
            member => work.nested(kind, member).map_err(|error| inside(error, kind))?,
        };
        number += 1;
        let name = format!("{number:0digits$}.{}", nested.report.kind.extension());
        if name != entry.name() {
            found.insert(Found::Other);
        }
        writer.add(&name, &nested.bytes, Pack::of(nested.report.kind))?;
        found.extend(nested.report.found);
        remains.extend(nested.report.remains);
    }
    if number == 0 {
        return Err(Refusal::Empty.into());
    }
    let mut pieces = Pieces::default();
    pieces.made(writer.finish()?).map_err(|_| Refusal::TooLarge { kind })?;
    Ok(Cleaned::new(kind, found, remains, pieces))
}

/// A refusal of a file within as the refusal of the whole: the limits are the whole's already.
pub(in crate::clean) fn inside(error: CleanError, kind: Kind) -> CleanError {
    match error {
        CleanError::Refused(Refusal::TooLarge { kind: of }) if of == kind => error,
        CleanError::Refused(refusal) => Refusal::Inside { kind, inner: refusal.kind() }.into(),
        CleanError::Io(_) => error,
    }
}

/// Whether a member is what file managers leave in folders.
fn is_clutter(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("__MACOSX/")
        || base.starts_with("._")
        || [".DS_Store", "Thumbs.db", "desktop.ini"]
            .iter()
            .any(|clutter| base.eq_ignore_ascii_case(clutter))
}
