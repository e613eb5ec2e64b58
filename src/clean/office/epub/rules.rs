//! What of a book's markup stays.
//!
//! | markup | what becomes of it |
//! |---|---|
//! | text, structure, tables, ruby, formulas, pictures | kept by [`table`] |
//! | a page's title, descriptions (`title`, `alt`, `aria-…`, `data-…`), languages | dropped |
//! | links within the book | kept; places that nothing links to lose their names |
//! | links out of the book | the text stays |
//! | `<svg>` | kept as a frame around a picture; any other drawing in a page is dropped |
//! | unknown elements | their text stays |
//! | scripts, forms, frames, objects, sounds, films | dropped |

use std::{borrow::Cow, collections::BTreeSet};

use super::{Book, table};
use crate::clean::{
    Found, Refusal,
    css::{self, Style as _},
    xml::{Element, Fate, Name, Open, Rules, Space},
};

const fn space(id: &'static str, prefix: &'static str, uri: &'static str) -> Space {
    Space { id, prefix, uri, also: &[], always: false }
}

const PAGE: &[Space] = &[
    Space {
        id: "html",
        prefix: "",
        uri: "http://www.w3.org/1999/xhtml",
        also: &["http://openebook.org/namespaces/oeb-document/1.0/"],
        always: false,
    },
    space("epub", "epub", "http://www.idpf.org/2007/ops"),
    space("svg", "svg", "http://www.w3.org/2000/svg"),
    space("xlink", "xlink", "http://www.w3.org/1999/xlink"),
    space("math", "m", "http://www.w3.org/1998/Math/MathML"),
];
const CONTENTS: &[Space] = &[space("ncx", "", "http://www.daisy.org/z3986/2005/ncx/")];
const PACKAGE: &[Space] = &[
    Space {
        id: "opf",
        prefix: "",
        uri: "http://www.idpf.org/2007/opf",
        also: &["http://openebook.org/namespaces/oeb-package/1.0/"],
        always: false,
    },
    Space {
        id: "dc",
        prefix: "dc",
        uri: "http://purl.org/dc/elements/1.1/",
        also: &["http://purl.org/dc/elements/1.0/"],
        always: false,
    },
];
const CONTAINER: &[Space] =
    &[space("container", "", "urn:oasis:names:tc:opendocument:xmlns:container")];

type Kept<'t> = Result<Option<Cow<'t, str>>, Refusal>;

/// A chapter or another page in XHTML.
pub(super) struct Page<'b, 'a, 'w, 'l> {
    pub(super) book: &'b mut Book<'a, 'w, 'l>,
}

impl Page<'_, '_, '_, '_> {
    fn unlisted(&mut self, name: Name<'_>) -> Fate {
        let (found, fate) = match (name.space, name.local) {
            (
                "html",
                "script" | "object" | "embed" | "applet" | "iframe" | "frame" | "frameset"
                | "audio" | "video" | "canvas" | "form" | "input" | "button" | "select"
                | "textarea" | "template" | "base" | "map" | "source" | "track",
            )
            | ("epub", "trigger") => (Found::Active, Fate::Drop),
            ("html", "meta") => (Found::Other, Fate::Drop),
            ("html", _) | ("epub", "switch" | "default") => (Found::Other, Fate::Unwrap),
            ("svg", "title" | "desc") => (Found::Comment, Fate::Drop),
            _ => (Found::Other, Fate::Drop),
        };
        self.book.found.insert(found);
        fate
    }

    /// References; false if the element has no sense without the one that it has.
    fn references(&mut self, element: &mut Element<'_, '_>) -> bool {
        let (space, local) = (element.name.space, element.name.local);
        let picture = match (space, local) {
            ("html", "img") => element.remove("", "src"),
            ("svg", "image") => {
                element.remove("xlink", "href").or_else(|| element.remove("", "href"))
            }
            ("html", "link") => {
                let sheet = element
                    .get("", "rel")
                    .is_some_and(|rel| rel.trim().eq_ignore_ascii_case("stylesheet"));
                let href = element.remove("", "href").filter(|_| sheet);
                element.attributes.clear();
                href
            }
            _ => {
                if let Some(href) = element.remove("", "href") {
                    match self.book.reference(&href) {
                        Some(written) => element.set("", "href", written),
                        None => {
                            self.book.found.insert(Found::Active);
                        }
                    }
                }
                return true;
            }
        };
        let Some(written) = picture.and_then(|href| self.book.url(&href)) else {
            self.book.found.insert(Found::Other);
            return false;
        };
        match (space, local) {
            ("svg", _) => element.set("xlink", "href", written),
            ("html", "link") => {
                element.set("", "href", written);
                element.set("", "rel", "stylesheet");
                element.set("", "type", "text/css");
            }
            _ => {
                element.set("", "src", written);
                element.set("", "alt", "");
            }
        }
        true
    }

    fn attributes(&mut self, element: &mut Element<'_, '_>) {
        if let Some(name) = element.remove("", "name").filter(|_| element.name.local == "a")
            && element.get("", "id").is_none()
        {
            element.set("", "id", name);
        }
        let of_element = element.name;
        let book = &mut *self.book;
        element.attributes.retain_mut(|attribute| {
            let Name { space, local, .. } = attribute.name;
            let value = match (space, local) {
                ("", "href" | "src" | "rel") | ("xlink", "href") => return true,
                ("", "type") if of_element.local == "link" => return true,
                ("", "alt") if attribute.value.is_empty() => return true,
                ("", "id") => book.names.define('i', attribute.value.trim()),
                ("", "class") => {
                    let classes = attribute.value.split_ascii_whitespace();
                    let classes: Vec<_> =
                        classes.filter_map(|class| book.names.define('c', class)).collect();
                    (!classes.is_empty()).then(|| classes.join(" "))
                }
                ("", "style") => Some(css::declarations(&attribute.value, book))
                    .filter(|style| !style.is_empty()),
                ("epub", "type") => words(&attribute.value, table::TYPES),
                ("", "hidden") => Some("hidden".to_owned()),
                ("", "type") if of_element.local == "ol" => {
                    matches!(&*attribute.value, "1" | "a" | "A" | "i" | "I")
                        .then(|| attribute.value.to_string())
                }
                ("", name) if table::ATTRIBUTES.binary_search(&name).is_ok() => {
                    css::value(name, &attribute.value, book)
                }
                _ => {
                    let found = match local {
                        name if name.starts_with("on") => Found::Active,
                        "title" | "alt" | "summary" => Found::Comment,
                        _ => Found::Other,
                    };
                    book.found.insert(found);
                    None
                }
            };
            match value {
                Some(value) => {
                    attribute.value = Cow::Owned(value);
                    true
                }
                None => false,
            }
        });
    }
}

/// Those of the words that are known.
fn words(value: &str, known: &[&str]) -> Option<String> {
    let words: Vec<&str> =
        value.split_ascii_whitespace().filter(|word| known.binary_search(word).is_ok()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

impl Rules for Page<'_, '_, '_, '_> {
    fn spaces(&self) -> &'static [Space] {
        PAGE
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        let Name { space, local, .. } = element.name;
        let listed = match space {
            "html" => table::ELEMENTS.binary_search(&local).is_ok(),
            "svg" => matches!(local, "svg" | "image" | "g"),
            "math" => table::MATH.binary_search(&local).is_ok(),
            _ => false,
        };
        if (space, local) == ("html", "meta")
            && element.get("", "name").is_some_and(|name| name == "viewport")
            && let Some(size) = element.get("", "content").and_then(viewport)
        {
            element.attributes.clear();
            element.set("", "name", "viewport");
            element.set("", "content", size);
            return Ok(Fate::Keep);
        }
        if !listed {
            return Ok(self.unlisted(element.name));
        }
        if element.path.is_empty() != (local == "html" && space == "html") {
            return Err(Refusal::Damaged { kind: self.book.kind });
        }
        if matches!((space, local), ("html", "html" | "head" | "title" | "style")) {
            element.attributes.clear();
            return Ok(Fate::Keep);
        }
        if !self.references(element) {
            return Ok(Fate::Drop);
        }
        self.attributes(element);
        Ok(Fate::Keep)
    }

    fn text<'t>(&mut self, text: Cow<'t, str>, path: &[Open<'_>]) -> Kept<'t> {
        let holder = path.iter().rev().find(|open| open.fate == Fate::Keep).map(|open| open.name);
        let Some(Name { space, local, .. }) = holder else {
            return Ok(None);
        };
        Ok(match (space, local) {
            ("html", "style") => Some(Cow::Owned(css::sheet(&text, self.book))),
            ("html", "title") => {
                if text.trim() != "Book" {
                    self.book.found.insert(Found::Comment);
                }
                Some(Cow::Borrowed("Book"))
            }
            (
                "html",
                "html" | "head" | "link" | "meta" | "table" | "thead" | "tbody" | "tfoot" | "tr"
                | "colgroup" | "col" | "ul" | "ol" | "dl" | "ruby" | "rtc",
            ) if text.trim().is_empty() => None,
            ("html", "html" | "head" | "link" | "meta") | ("svg", _) => None,
            _ => Some(text),
        })
    }
}

/// The size of a page of fixed layout (EPUB 3.3 §8.2.2.6).
fn viewport(content: &str) -> Option<String> {
    let mut out = Vec::new();
    for part in content.split([',', ';']) {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let number =
            !value.is_empty() && value.len() <= 6 && value.bytes().all(|b| b.is_ascii_digit());
        if matches!(name, "width" | "height") && (number || value.starts_with("device-")) {
            out.push(format!("{name}={value}"));
        }
    }
    (!out.is_empty() && out.iter().all(|part| !part.contains("device-"))).then(|| out.join(","))
}

/// A table of contents in NCX (DAISY, used by EPUB 2).
pub(super) struct Contents<'b, 'a, 'w, 'l> {
    pub(super) book: &'b mut Book<'a, 'w, 'l>,
}

impl Rules for Contents<'_, '_, '_, '_> {
    fn spaces(&self) -> &'static [Space] {
        CONTENTS
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        if element.name.space != "ncx" {
            self.book.found.insert(Found::Other);
            return Ok(Fate::Drop);
        }
        let src = element.remove("", "src");
        let order =
            element.remove("", "playOrder").filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let kind = element.remove("", "type");
        let id = element.remove("", "id");
        element.attributes.clear();
        match element.name.local {
            "ncx" => element.set("", "version", "2005-1"),
            "head" | "docTitle" | "navMap" | "pageList" | "navList" | "navLabel" | "text" => {}
            "navPoint" | "navTarget" | "pageTarget" => {
                if let Some(id) = id {
                    element.set("", "id", self.book.names.number('n', &id));
                }
                if let Some(order) = order {
                    element.set("", "playOrder", order);
                }
                if let Some(kind) =
                    kind.filter(|kind| matches!(&**kind, "normal" | "front" | "special"))
                {
                    element.set("", "type", kind);
                }
            }
            "content" => match src.and_then(|src| self.book.reference(&src)) {
                Some(src) => element.set("", "src", src),
                None => return Ok(Fate::Drop),
            },
            "docAuthor" => {
                self.book.found.insert(Found::Person);
                return Ok(Fate::Drop);
            }
            _ => {
                self.book.found.insert(Found::Other);
                return Ok(Fate::Drop);
            }
        }
        Ok(Fate::Keep)
    }

    fn text<'t>(&mut self, text: Cow<'t, str>, path: &[Open<'_>]) -> Kept<'t> {
        if path.last().is_none_or(|open| open.name.local != "text") {
            return Ok(None);
        }
        if path.iter().any(|open| open.name.local == "docTitle") {
            if text.trim() != "Book" {
                self.book.found.insert(Found::Comment);
            }
            return Ok(Some(Cow::Borrowed("Book")));
        }
        Ok(Some(text))
    }
}

/// What a package document says that is kept. It is only read.
#[derive(Default)]
pub(super) struct PackageDocument {
    pub(super) version: String,
    pub(super) language: Option<String>,
    pub(super) items: Vec<OpfItem>,
    /// Identifiers of items in the order of reading, and whether they are part of it.
    pub(super) spine: Vec<(String, bool)>,
    pub(super) direction: Option<&'static str>,
    /// Properties of fixed layout (EPUB 3.3 §8.2).
    pub(super) rendition: Vec<(&'static str, &'static str)>,
    pub(super) cover: Option<String>,
    pub(super) found: BTreeSet<Found>,
    /// The property whose text comes next.
    property: Option<&'static str>,
}

/// A row of the package document's list of files.
#[derive(Default)]
pub(super) struct OpfItem {
    pub(super) id: String,
    pub(super) href: String,
    pub(super) media: String,
    pub(super) properties: String,
}

const RENDITION: &[(&str, &[&str])] = &[
    ("rendition:layout", &["pre-paginated", "reflowable"]),
    ("rendition:orientation", &["auto", "landscape", "portrait"]),
    ("rendition:spread", &["auto", "both", "landscape", "none", "portrait"]),
];

impl Rules for PackageDocument {
    fn spaces(&self) -> &'static [Space] {
        PACKAGE
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        let get = |name: &str| element.get("", name).unwrap_or_default().to_owned();
        self.property = None;
        match (element.name.space, element.name.local) {
            ("opf", "package") => self.version = get("version"),
            ("opf", "item") => self.items.push(OpfItem {
                id: get("id"),
                href: get("href"),
                media: get("media-type"),
                properties: get("properties"),
            }),
            ("opf", "itemref") => self.spine.push((get("idref"), get("linear") != "no")),
            ("opf", "spine") => {
                self.direction = match get("page-progression-direction").as_str() {
                    "rtl" => Some("rtl"),
                    "ltr" => Some("ltr"),
                    _ => None,
                };
            }
            ("opf", "meta") if get("name") == "cover" => self.cover = Some(get("content")),
            ("opf", "meta") => {
                let name = get("property");
                self.property = RENDITION.iter().find(|(p, _)| *p == name).map(|(p, _)| *p);
                if self.property.is_none() && name != "dcterms:modified" {
                    self.found.insert(Found::Other);
                }
                if name == "dcterms:modified" {
                    self.property = Some("dcterms:modified");
                }
            }
            ("opf", "guide" | "tours" | "collection" | "link" | "bindings") => {
                self.found.insert(Found::Other);
            }
            _ => {}
        }
        element.attributes.clear();
        Ok(if element.path.is_empty() { Fate::Keep } else { Fate::Unwrap })
    }

    fn text<'t>(&mut self, text: Cow<'t, str>, path: &[Open<'_>]) -> Kept<'t> {
        let Some(name) = path.last().map(|open| open.name) else {
            return Ok(None);
        };
        let text = text.trim();
        let found = match (name.space, name.local) {
            _ if text.is_empty() => None,
            ("dc", "language") => {
                let tag = text.split('-').next().unwrap_or_default().to_ascii_lowercase();
                let whole = tag == text;
                let plain =
                    matches!(tag.len(), 2 | 3) && tag.bytes().all(|b| b.is_ascii_lowercase());
                self.language = self.language.take().or_else(|| plain.then_some(tag));
                (!whole).then_some(Found::Other)
            }
            ("dc", "title") => (text != "Book").then_some(Found::Comment),
            ("dc", "identifier") => (text != "urn:uuid:00000000-0000-4000-8000-000000000000")
                .then_some(Found::Identifier),
            ("dc", "creator" | "contributor" | "publisher" | "rights") => Some(Found::Person),
            ("dc", "date") => Some(Found::Time),
            ("dc", "description" | "subject") => Some(Found::Comment),
            ("dc", _) => Some(Found::Other),
            ("opf", "meta") => match self.property {
                Some("dcterms:modified") => (text != "2000-01-01T00:00:00Z").then_some(Found::Time),
                Some(property) => {
                    let row = RENDITION.iter().find(|(name, _)| *name == property);
                    let value =
                        row.and_then(|(_, values)| values.iter().copied().find(|v| *v == text));
                    self.rendition.extend(value.map(|value| (property, value)));
                    None
                }
                None => None,
            },
            _ => None,
        };
        self.found.extend(found);
        Ok(None)
    }
}

/// Where the package document is. It is only read.
#[derive(Default)]
pub(super) struct Container {
    pub(super) path: Option<String>,
}

impl Rules for Container {
    fn spaces(&self) -> &'static [Space] {
        CONTAINER
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        if element.name.local == "rootfile" && self.path.is_none() {
            self.path =
                element.get("", "full-path").map(|path| path.trim_start_matches('/').to_owned());
        }
        element.attributes.clear();
        Ok(if element.path.is_empty() { Fate::Keep } else { Fate::Unwrap })
    }

    fn text<'t>(&mut self, _text: Cow<'t, str>, _path: &[Open<'_>]) -> Kept<'t> {
        Ok(None)
    }
}
