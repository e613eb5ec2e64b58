//! The poster: one A4 page, as SVG, by which a source finds the form and can tell it from a trap.
//!
//! It is printed, hung up, copied and photographed, so it is black on white and needs nothing else:
//! no picture, no font of its own, no script. What it shows is public.

mod line;
mod page;
mod texts;

use std::path::Path;

use qrcode::{EcLevel, QrCode};

use super::{OperatorError, ceremony::Ceremony};
use crate::{
    publication,
    roster::{Address, Publication},
    words::fingerprint_in_words,
};
use page::{Font, MARGIN, Page, WIDTH};
pub(crate) use texts::PosterLanguage;
use texts::Texts;

/// Characters of a group of an onion address, and groups in a row.
const GROUP: usize = 4;
const GROUPS: usize = 8;
/// Characters of an address in a row.
const ADDRESS_ROW: usize = 62;
/// Sizes of the running text, in millimetres, the first one preferred.
const BODIES: [f64; 7] = [4.6, 4.3, 4.0, 3.7, 3.4, 3.1, 2.8];
/// Side of the code, in millimetres, and the white that a scanner needs around it, in modules.
const CODE: f64 = 48.0;
const QUIET: usize = 4;

/// Reads the publication of a newsroom's folder, or a publication that came without one; the latter
/// says itself whose it is.
pub(super) fn publication_in(folder: &Path) -> Result<Publication, OperatorError> {
    if folder.join("newsroom_key.pub").exists() {
        return Ok(Ceremony::open(folder)?.publication().clone());
    }
    let read = publication::read(folder).map_err(OperatorError::Publication)?;
    Ok(read.verify(read.claimed_newsroom()?)?)
}

/// The form's address: the one given, or the roster's only onion. A roster also names the desk's
/// address, and does not say which is which; so nothing is guessed.
pub(super) fn address_of(
    publication: &Publication,
    given: Option<&str>,
) -> Result<Address, OperatorError> {
    match given {
        Some(url) if url.starts_with("https://") => {
            // a poster shows no TLS key, and an address of the roster cannot be without one
            Ok(Address::url(url, vec![[0; 32]])?)
        }
        Some(host) => Ok(Address::onion(host)?),
        None => {
            let addresses = publication.roster().addresses().iter();
            let mut onions = addresses.filter(|one| matches!(one, Address::Onion(_)));
            let first = onions.next().ok_or(OperatorError::NoOnion)?;
            if onions.next().is_some() {
                return Err(OperatorError::SeveralOnions);
            }
            Ok(first.clone())
        }
    }
}

/// Draws the poster of a newsroom, in the largest letters with which it stays one page.
pub(super) fn draw(
    publication: &Publication,
    address: &Address,
    language: PosterLanguage,
) -> String {
    let drawn = BODIES.map(|body| draw_in(body, publication, address, language.texts()));
    let fitting = drawn.iter().find(|page| page.fits());
    fitting.unwrap_or(&drawn[BODIES.len() - 1]).to_svg()
}

fn draw_in(body: f64, publication: &Publication, address: &Address, texts: &Texts) -> Page {
    let roster = publication.roster();
    let mut page = Page::new(texts.tag, texts.fonts, roster.newsroom_name(), body);
    head(&mut page, roster.newsroom_name(), texts);
    address_and_code(&mut page, address, texts);
    checks(&mut page, texts);
    fingerprint(&mut page, publication, texts);
    let version = texts.roster.replace("{version}", &roster.version().to_string());
    page.foot(&version.replace("{day}", &roster.issued().to_string()));
    page
}

/// The name as large as it fits on two lines, or else on three.
fn head(page: &mut Page, name: &str, texts: &Texts) {
    let fits = |size: &f64| page::lines(name, WIDTH, *size, Font::Bold).len() <= 2;
    let size = [13.0, 10.5, 8.5, 7.0].into_iter().find(fits).unwrap_or(5.6);
    page.paragraph(MARGIN, WIDTH, size, Font::Bold, name);
    page.down(1.5);
    page.paragraph(MARGIN, WIDTH, 5.0, Font::Plain, texts.subtitle);
    page.down(3.5);
}

fn address_and_code(page: &mut Page, address: &Address, texts: &Texts) {
    page.heading(texts.address);
    let (address, how) = match address {
        Address::Onion(host) => (host, texts.how_onion),
        Address::Url { url, .. } => (url, texts.how_url),
    };
    let (size, in_row) =
        if address.len() > 2 * ADDRESS_ROW { (3.9, 75) } else { (4.7, ADDRESS_ROW) };
    page.rows(MARGIN, size, &rows(address, in_row));
    page.down(2.0);

    let (top, room) = (page.y(), WIDTH - CODE - 6.0);
    if let Some(name) = address.strip_suffix(".onion") {
        let mut groups = rows(name, GROUP);
        groups.push(".onion".to_owned());
        page.rows(MARGIN, 5.1, &rows_of(&groups, GROUPS));
        page.down(2.0);
    }
    page.paragraph(MARGIN, room, page.body(), Font::Plain, how);
    page.down(2.0);
    page.paragraph(MARGIN, room, page.body(), Font::Plain, texts.code);
    code(page, address, top);
    page.down_to(top + CODE);
    page.down(3.0);
}

/// The address as a QR code, without `http://`: so that a phone's camera shows it as text, and does
/// not offer to open it in a browser that is not Tor Browser.
#[expect(clippy::expect_used, reason = "a QR code of level M holds 2,331 bytes, an address 267")]
fn code(page: &mut Page, address: &str, top: f64) {
    let code = QrCode::with_error_correction_level(address, EcLevel::M).expect("a short text");
    let dark = code.to_colors().iter().map(|color| *color == qrcode::Color::Dark).collect();
    page.squares(MARGIN + WIDTH - CODE, top, CODE, QUIET, code.width(), dark);
}

fn checks(page: &mut Page, texts: &Texts) {
    page.heading(texts.check);
    for (number, check) in (1..).zip(texts.checks) {
        page.label(MARGIN, page.body(), Font::Bold, &format!("{number}."));
        page.paragraph(MARGIN + 7.5, WIDTH - 7.5, page.body(), Font::Plain, check);
        page.down(1.2);
    }
    page.down(2.0);
}

fn fingerprint(page: &mut Page, publication: &Publication, texts: &Texts) {
    page.heading(texts.fingerprint);
    page.paragraph(MARGIN, WIDTH, page.body(), Font::Plain, texts.how_fingerprint);
    page.down(2.5);

    let newsroom = publication.newsroom();
    page.caption(texts.in_words);
    let words = fingerprint_in_words(&newsroom.0, texts.words);
    let numbered: Vec<_> = (1..).zip(words).collect();
    for row in numbered.chunks(texts.words_in_row) {
        page.cells(MARGIN, WIDTH, texts.words_in_row, 4.6, row);
    }
    page.down(2.0);

    page.caption(texts.in_hex);
    let groups = rows(&newsroom.to_hex(), GROUP);
    page.rows(MARGIN, 4.4, &rows_of(&groups, 8));
    page.down(2.0);

    page.caption(texts.in_openssh);
    page.rows(MARGIN, 4.4, &[newsroom.to_string()]);
}

/// A text without spaces, cut into pieces of the same length.
fn rows(text: &str, length: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(length).map(|row| row.iter().collect()).collect()
}

/// Groups with a space between, so many to a row.
fn rows_of(groups: &[String], in_row: usize) -> Vec<String> {
    groups.chunks(in_row).map(|row| row.join(" ")).collect()
}

#[cfg(test)]
mod tests;
