//! EPUB 2 and 3 (IDPF, W3C): the text, its style sheets and pictures are rewritten, the package is written anew.
//!
//! | part | what becomes of it |
//! |---|---|
//! | `mimetype`, `META-INF/container.xml` | written anew |
//! | `META-INF/encryption.xml` | fonts that are disguised are dropped like all fonts; anything else: refused |
//! | `META-INF/rights.xml` | refused |
//! | package document | written anew: language, order of reading, layout; identifier, title and time are the same for all books |
//! | XHTML, NCX | rewritten, see [`rules`] |
//! | style sheets | rewritten, see [`css`] |
//! | pictures | cleaned; what cannot be cleaned is dropped |
//! | names of files, identifiers, classes | numbered |
//! | fonts, scripts, sounds, films, everything that the package document does not name | dropped |
//!
//! Not detected: text that a style sheet hides.

mod rules;
mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Write as _,
    io::{Read, Seek},
};

use zeroize::Zeroizing;

use crate::clean::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains,
    css::{self, Names, Style},
    input::Input,
    replay::Pieces,
    work::Work,
    xml,
    zip::{Archive, Pack, Writer, whole},
};
use rules::{Container, Contents, OpfItem, PackageDocument, Page};

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let bytes = whole(input)?;
    let archive = Archive::open(&bytes, kind, work)?;
    let mut book = Book {
        kind,
        found: archive.found().clone(),
        archive,
        work,
        remains: [Remains::Wording, Remains::Layout].into(),
        names: Names::default(),
        files: HashMap::new(),
        folder: String::new(),
    };
    book.look_around()?;
    let package = book.package()?;
    let items = book.items(&package)?;
    // the first time only to learn what is referred to
    book.write_all(&items)?;
    book.names = Names::knowing(std::mem::take(&mut book.names.referred));
    let members = book.write_all(&items)?;
    let bytes = book.write(&package, &items, &members)?;
    let mut pieces = Pieces::default();
    pieces.made(bytes).map_err(|_| Refusal::TooLarge { kind })?;
    Ok(Cleaned::new(kind, book.found, book.remains, pieces))
}

/// A book that is being rewritten.
struct Book<'a, 'w, 'l> {
    kind: Kind,
    archive: Archive<'a>,
    work: &'w mut Work<'l>,
    found: BTreeSet<Found>,
    remains: BTreeSet<Remains>,
    names: Names,
    /// What files of the archive are called that are kept.
    files: HashMap<String, String>,
    /// The folder of the file under way, empty or with its `/`.
    folder: String,
}

/// A file that is kept.
struct Item {
    path: String,
    name: String,
    what: What,
    media: &'static str,
    properties: Vec<&'static str>,
    /// Its place in the order of reading, if it has one.
    id: String,
}

enum What {
    Page,
    Contents,
    Sheet,
    Picture(Zeroizing<Vec<u8>>, Kind),
}

impl Book<'_, '_, '_> {
    fn read(&mut self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Refusal> {
        let Some(entry) = self.archive.entry(name) else {
            return Ok(None);
        };
        self.archive.read(entry, self.work).map(Some)
    }

    fn look_around(&mut self) -> Result<(), Refusal> {
        let kind = self.kind;
        if self.archive.entry("META-INF/rights.xml").is_some() {
            return Err(Refusal::Encrypted { kind });
        }
        if let Some(encryption) = self.read("META-INF/encryption.xml")? {
            self.found.insert(Found::Identifier);
            let count = |word: &str| memchr::memmem::find_iter(&encryption, word).count();
            let fonts = count("http://www.idpf.org/2008/embedding")
                + count("http://ns.adobe.com/pdf/enc#RC");
            if fonts < count("EncryptionMethod") {
                return Err(Refusal::Encrypted { kind });
            }
        }
        Ok(())
    }

    /// The package document, read.
    fn package(&mut self) -> Result<PackageDocument, Refusal> {
        let damaged = Refusal::Damaged { kind: self.kind };
        let limits = self.work.limits();
        let container = self.read("META-INF/container.xml")?.ok_or(damaged)?;
        let mut rules = Container::default();
        xml::rewrite(&xml::decode(&container, self.kind)?, self.kind, &mut rules, limits)?;
        let path = rules.path.ok_or(damaged)?;
        self.folder = folder_of(&path);
        let document = self.read(&path)?.ok_or(damaged)?;
        let mut package = PackageDocument::default();
        let read =
            xml::rewrite(&xml::decode(&document, self.kind)?, self.kind, &mut package, limits)?;
        self.found.extend(read.found);
        self.found.extend(package.found.iter().copied());
        Ok(package)
    }

    /// What the package document names, and is kept. Pictures are cleaned here.
    fn items(&mut self, package: &PackageDocument) -> Result<Vec<Item>, Refusal> {
        let mut items: Vec<Item> = Vec::new();
        let spine: HashSet<&str> = package.spine.iter().map(|(id, _)| id.as_str()).collect();
        let mut seen = HashSet::new();
        for item in &package.items {
            self.work.member(self.kind)?;
            let Some((path, _)) = self.target(&item.href) else {
                self.found.insert(Found::Active);
                continue;
            };
            // a file is named once (EPUB 3.3 §5.6)
            if !seen.insert(path.clone()) {
                continue;
            }
            let Some(bytes) = self.read(&path)? else {
                continue;
            };
            let Some(what) = self.what(item, spine.contains(item.id.as_str()), &bytes)? else {
                continue;
            };
            let number = items.len() + 1;
            let (media, name) = match &what {
                What::Page => ("application/xhtml+xml", format!("{number}.xhtml")),
                What::Contents => ("application/x-dtbncx+xml", format!("{number}.ncx")),
                What::Sheet => ("text/css", format!("{number}.css")),
                What::Picture(_, kind) => {
                    (media_of(*kind), format!("{number}.{}", kind.extension()))
                }
            };
            let properties = ["nav", "cover-image", "svg", "mathml"];
            let properties = properties
                .into_iter()
                .filter(|known| item.properties.split_ascii_whitespace().any(|p| p == *known));
            let properties = properties.collect();
            self.files.insert(path.clone(), name.clone());
            items.push(Item { path, name, what, media, properties, id: item.id.clone() });
        }
        let manifest = package.items.iter().filter_map(|item| self.target(&item.href));
        let named: BTreeSet<String> = manifest.map(|(path, _)| path).collect();
        let left = |name: &str| {
            !(named.contains(name)
                || name == "mimetype"
                || name == "META-INF/container.xml"
                || name.to_ascii_lowercase().ends_with(".opf"))
        };
        if self.archive.entries().iter().any(|entry| left(entry.name())) {
            self.found.insert(Found::Other);
        }
        Ok(items)
    }

    /// What a file is; none if it is dropped.
    fn what(
        &mut self,
        item: &OpfItem,
        in_spine: bool,
        bytes: &[u8],
    ) -> Result<Option<What>, Refusal> {
        let media = item.media.trim().to_ascii_lowercase();
        Ok(match media.as_str() {
            "application/xhtml+xml" | "text/x-oeb1-document" | "text/html" => Some(What::Page),
            "application/x-dtbncx+xml" => Some(What::Contents),
            "text/css" | "text/x-oeb1-css" => Some(What::Sheet),
            "application/xml" | "text/xml" if in_spine => Some(What::Page),
            _ if media.starts_with("image/") => self.picture(bytes)?,
            _ => {
                let active = media.contains("script");
                let font = media.contains("font");
                self.found.insert(match () {
                    () if active => Found::Active,
                    () if font => Found::Other,
                    () => Found::Attachment,
                });
                None
            }
        })
    }

    fn picture(&mut self, bytes: &[u8]) -> Result<Option<What>, Refusal> {
        let nested = match self.work.nested(self.kind, bytes) {
            Ok(nested) if !media_of(nested.report.kind).is_empty() => nested,
            Err(CleanError::Refused(refusal @ Refusal::TooLarge { .. })) => return Err(refusal),
            _ => {
                self.found.insert(Found::Attachment);
                return Ok(None);
            }
        };
        self.found.extend(nested.report.found);
        self.remains.extend(nested.report.remains);
        Ok(Some(What::Picture(nested.bytes, nested.report.kind)))
    }

    /// Rewrites all files but the pictures; sheets first, for they say which classes are used.
    fn write_all(
        &mut self,
        items: &[Item],
    ) -> Result<HashMap<String, Zeroizing<Vec<u8>>>, Refusal> {
        let mut written = HashMap::new();
        for sheets in [true, false] {
            for item in items {
                self.folder = folder_of(&item.path);
                let is_sheet = matches!(item.what, What::Sheet);
                if is_sheet != sheets || matches!(item.what, What::Picture(..)) {
                    continue;
                }
                let bytes = self.read(&item.path)?.unwrap_or_default();
                let bytes = match item.what {
                    What::Sheet => {
                        let (text, _, _) = encoding_rs::UTF_8.decode(&bytes);
                        Zeroizing::new(css::sheet(&text, self).into_bytes())
                    }
                    What::Contents => self.markup(&bytes, &mut |book| Contents { book })?,
                    _ => self.markup(&bytes, &mut |book| Page { book })?,
                };
                written.insert(item.name.clone(), bytes);
            }
        }
        Ok(written)
    }

    fn markup<'b, R: xml::Rules>(
        &'b mut self,
        bytes: &[u8],
        rules: &mut dyn FnMut(&'b mut Self) -> R,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let (kind, limits) = (self.kind, self.work.limits());
        let text = xml::decode(bytes, kind)?;
        let rewritten = xml::rewrite(&text, kind, &mut rules(self), limits)?;
        Ok(rewritten.bytes)
    }

    /// A reference as the path of a file in the archive, and a place in it; None if it leads out of the book.
    fn target(&self, href: &str) -> Option<(String, Option<String>)> {
        let href = href.trim();
        let (path, place) = match href.split_once('#') {
            Some((path, place)) => (path, Some(place.to_owned())),
            None => (href, None),
        };
        if path.contains([':', '?']) || path.starts_with('/') {
            return None;
        }
        let mut parts: Vec<&str> = self.folder.split('/').filter(|part| !part.is_empty()).collect();
        let decoded = decoded(path);
        for part in decoded.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some((parts.join("/"), place))
    }

    /// A reference as it is written.
    fn reference(&mut self, href: &str) -> Option<String> {
        let (path, place) = self.target(href)?;
        let file = if href.trim().starts_with('#') {
            String::new()
        } else {
            self.files.get(&path)?.clone()
        };
        Some(match place.filter(|place| !place.is_empty()) {
            Some(place) => format!("{file}#{}", self.names.refer('i', &decoded(&place))),
            None => file,
        })
    }

    fn write(
        &mut self,
        package: &PackageDocument,
        items: &[Item],
        members: &HashMap<String, Zeroizing<Vec<u8>>>,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let mut writer = Writer::new(self.kind);
        writer.add("mimetype", b"application/epub+zip", Pack::Store)?;
        writer.add("META-INF/container.xml", CONTAINER.as_bytes(), Pack::Deflate)?;
        let document = package_document(package, items);
        writer.add("OEBPS/package.opf", document.as_bytes(), Pack::Deflate)?;
        for item in items {
            let name = format!("OEBPS/{}", item.name);
            match (&item.what, members.get(&item.name)) {
                (What::Picture(bytes, kind), _) => writer.add(&name, bytes, Pack::of(*kind))?,
                (_, Some(bytes)) => writer.add(&name, bytes, Pack::Deflate)?,
                (_, None) => {}
            }
        }
        writer.finish()
    }
}

impl Style for Book<'_, '_, '_> {
    fn property(&self, name: &str) -> bool {
        table::PROPERTIES.binary_search(&name).is_ok()
    }

    fn element<'n>(&self, name: &'n str) -> Option<&'n str> {
        table::ELEMENTS.binary_search(&name).is_ok().then_some(name)
    }

    fn class(&mut self, name: &str) -> Option<String> {
        Some(self.names.refer('c', name))
    }

    fn id(&mut self, name: &str) -> Option<String> {
        Some(self.names.refer('i', name))
    }

    fn url(&mut self, url: &str) -> Option<String> {
        let (path, place) = self.target(url)?;
        self.files.get(&path).filter(|_| place.is_none()).cloned()
    }
}

const CONTAINER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<container version=\"1.0\" \
    xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\"><rootfiles><rootfile \
    full-path=\"OEBPS/package.opf\" media-type=\"application/oebps-package+xml\"/></rootfiles></container>\n";

/// The package document (EPUB 3.3 §5, OPF 2.0.1): what is required of metadata is the same in all books.
fn package_document(package: &PackageDocument, items: &[Item]) -> String {
    let three = package.version.starts_with('3');
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        places.entry(&item.id).or_insert(at + 1);
    }
    let place = |id: &str| places.get(id).copied();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<package xmlns=\"http://www.idpf.org/2007/opf\" \
         version=\"{}\" unique-identifier=\"id\"><metadata \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:identifier id=\"id\">\
         urn:uuid:00000000-0000-4000-8000-000000000000</dc:identifier><dc:title>Book</dc:title>\
         <dc:language>{}</dc:language>",
        if three { "3.0" } else { "2.0" },
        package.language.as_deref().unwrap_or("en"),
    );
    if three {
        out.push_str("<meta property=\"dcterms:modified\">2000-01-01T00:00:00Z</meta>");
        for (property, value) in &package.rendition {
            let _ = write!(out, "<meta property=\"{property}\">{value}</meta>");
        }
    }
    if let Some(cover) = package.cover.as_deref().and_then(place) {
        let _ = write!(out, "<meta name=\"cover\" content=\"f{cover}\"/>");
    }
    out.push_str("</metadata><manifest>");
    for (at, item) in items.iter().enumerate() {
        let _ = write!(
            out,
            "<item id=\"f{}\" href=\"{}\" media-type=\"{}\"",
            at + 1,
            item.name,
            item.media
        );
        if three && !item.properties.is_empty() {
            let _ = write!(out, " properties=\"{}\"", item.properties.join(" "));
        }
        out.push_str("/>");
    }
    out.push_str("</manifest><spine");
    let contents = items.iter().position(|item| matches!(item.what, What::Contents));
    if let Some(contents) = contents {
        let _ = write!(out, " toc=\"f{}\"", contents + 1);
    }
    if let Some(direction) = package.direction {
        let _ = write!(out, " page-progression-direction=\"{direction}\"");
    }
    out.push('>');
    for (id, linear) in &package.spine {
        if let Some(place) = place(id) {
            let linear = if *linear { "" } else { " linear=\"no\"" };
            let _ = write!(out, "<itemref idref=\"f{place}\"{linear}/>");
        }
    }
    out.push_str("</spine></package>\n");
    out
}

const fn media_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Jpeg => "image/jpeg",
        Kind::Png => "image/png",
        Kind::Gif => "image/gif",
        Kind::Webp => "image/webp",
        Kind::Svg => "image/svg+xml",
        _ => "",
    }
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"))
}

/// `%41` as `A`.
fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        rest = after;
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.extend(u8::try_from(high * 16 + low));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(*first),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
