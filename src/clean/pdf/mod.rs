//! PDF (ISO 32000-2): a new file is written from what its pages show; nothing else of the old one is left.
//!
//! | part | what becomes of it |
//! |---|---|
//! | pages, their boxes, rotation, content, and the resources that the content uses | written anew; see [`content`], [`resource`], [`image`] and [`font`] |
//! | annotations and form fields | what they show is drawn onto the page, the rest is dropped; see [`annotation`] |
//! | layers | content of those that are shown stays, of the others it is dropped; see [`layers`] |
//! | names of resources, object numbers, order, white space, cross references | canonical |
//! | Info, XMP, ID, outlines, labels, structure, private data, scripts, attachments, signatures, threads | dropped |
//! | earlier revisions, objects that no page shows, bytes before and behind | dropped |
//! | colour profiles | replaced by the device's colours; shades may change a little |
//!
//! Refused are encrypted files (also those with an empty password), portfolios, and forms that are only XFA.
//!
//! Not detected: content that lies outside a page's box or under other content, text that is drawn invisibly (of
//! scanned pages it is what makes them searchable), and what the codings of pictures and fonts say they do not detect.

mod annotation;
mod content;
mod document;
mod file;
mod filter;
mod font;
mod image;
mod layers;
mod lexer;
mod object;
mod picture;
mod resource;
mod writer;

use std::io::{Read, Seek};

use self::{
    document::{Document, REMAINS, Walk},
    file::{File, Trouble},
    filter::Bytes,
};
use crate::clean::{CleanError, Cleaned, Found, Kind, Refusal, input::Input, work::Work};

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let len = usize::try_from(input.len()).map_err(|_| Refusal::TooLarge { kind })?;
    let mut bytes = Bytes::new(Vec::with_capacity(len));
    loop {
        let window = input.window(1)?;
        let count = window.len();
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(window);
        input.consume(count);
    }
    // offsets count from the header, wherever that is
    let start = memchr::memmem::find(&bytes, b"%PDF-").unwrap_or(0);
    let data = bytes.get(start..).unwrap_or_default();
    let mut document = run(data, start as u64, work)?;
    if start > 0 {
        document.found.insert(Found::Trailing);
    }
    Ok(Cleaned::new(kind, document.found, REMAINS, document.pieces))
}

/// By the file's table; if that is wrong, by searching the file.
fn run(data: &[u8], offset: u64, work: &mut Work<'_>) -> Result<Document, CleanError> {
    let by_table = File::open(data, work).and_then(|file| Walk::new(file).run(data, offset));
    let result = match by_table {
        Err(Trouble::Table) => {
            File::rebuild(data, work).and_then(|file| Walk::new(file).run(data, offset))
        }
        result => result,
    };
    result.map_err(|trouble| match trouble {
        Trouble::Table => Refusal::Damaged { kind: Kind::Pdf }.into(),
        Trouble::Refused(refusal) => refusal.into(),
    })
}

#[cfg(test)]
mod tests;
