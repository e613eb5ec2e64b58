//! SVG (W3C SVG 1.1 and 2), as a static subset.
//!
//! | part | what becomes of it |
//! |---|---|
//! | shapes, text, groups, gradients, patterns, clips, masks, markers, symbols, filters | kept |
//! | attributes | kept if known, each number, keyword and colour in one form; see [`table`] |
//! | `style`, `<style>` | rewritten, see [`css`]; style sheets of other types are dropped |
//! | identifiers, classes, filters' results | numbered if something refers to them, otherwise dropped: they are often names of layers |
//! | `href`, `url()` | kept if they refer to the drawing itself |
//! | `<image>` | kept if it holds its picture, which is cleaned; one that is elsewhere is dropped |
//! | `<a>` | a group; where it leads is dropped |
//! | `<switch>` | a group of the first child that asks for nothing that viewers differ in |
//! | `<title>`, `<desc>`, `<metadata>`, names of editors (Inkscape, Illustrator, …), `data-*`, languages | dropped |
//! | scripts, `on…` attributes, animation, `<foreignObject>`, sounds and films | dropped |
//!
//! The document is gone through twice: what is referred to must be known before the first identifier is written.
//! Not detected: what lies outside the view or under other shapes, and drawing at no size.

mod table;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::BTreeSet,
    io::{Read, Seek},
};

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{
    CleanError, Cleaned, Found, Kind, Refusal, Remains,
    css::{self, Names, Style},
    input::Input,
    replay::Pieces,
    work::Work,
    xml::{self, Element, Fate, Open, Rules, Space},
    zip::whole,
};

const SPACES: &[Space] = &[
    Space { id: "svg", prefix: "", uri: "http://www.w3.org/2000/svg", also: &[], always: false },
    Space {
        id: "xlink",
        prefix: "xlink",
        uri: "http://www.w3.org/1999/xlink",
        also: &[],
        always: false,
    },
    // read only to tell what was found
    Space {
        id: "dc",
        prefix: "dc",
        uri: "http://purl.org/dc/elements/1.1/",
        also: &["http://purl.org/dc/terms/"],
        always: false,
    },
];

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    input: &mut Input<'_, R>,
    kind: Kind,
    work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    let bytes = whole(input)?;
    let text = xml::decode(&bytes, kind)?;
    let limits = work.limits();
    let mut first = Drawing::new(kind, work);
    xml::rewrite(&text, kind, &mut first, limits)?;
    let referred = first.names.0.referred;
    let mut second = Drawing::new(kind, work);
    second.names.0 = Names::knowing(referred);
    let drawing = xml::rewrite(&text, kind, &mut second, limits)?;
    let mut found = second.found;
    found.extend(drawing.found);
    let mut remains = second.remains;
    remains.insert(Remains::Picture);
    let mut pieces = Pieces::default();
    pieces.made(drawing.bytes).map_err(|_| Refusal::TooLarge { kind })?;
    Ok(Cleaned::new(kind, found, remains, pieces))
}

/// One passage through a drawing.
struct Drawing<'w, 'l> {
    kind: Kind,
    work: &'w mut Work<'l>,
    names: DrawingNames,
    found: BTreeSet<Found>,
    remains: BTreeSet<Remains>,
    /// For each `<switch>` around, how deep it lies and whether it has a child already.
    switches: Vec<(usize, bool)>,
}

/// The drawing's names as style sheets use them.
#[derive(Default)]
struct DrawingNames(Names);

impl Style for DrawingNames {
    fn property(&self, name: &str) -> bool {
        table::PROPERTIES.binary_search(&name).is_ok()
    }

    fn element<'n>(&self, name: &'n str) -> Option<&'n str> {
        table::ELEMENTS.binary_search(&name).is_ok().then_some(name)
    }

    fn class(&mut self, name: &str) -> Option<String> {
        Some(self.0.refer('c', name))
    }

    fn id(&mut self, name: &str) -> Option<String> {
        Some(self.0.refer('i', name))
    }

    fn url(&mut self, url: &str) -> Option<String> {
        let id = url.trim().strip_prefix('#').filter(|id| !id.is_empty())?;
        Some(format!("#{}", self.0.refer('i', id)))
    }
}

impl<'w, 'l> Drawing<'w, 'l> {
    fn new(kind: Kind, work: &'w mut Work<'l>) -> Self {
        Self {
            kind,
            work,
            names: DrawingNames::default(),
            found: BTreeSet::new(),
            remains: BTreeSet::new(),
            switches: Vec::new(),
        }
    }

    /// An element of SVG's that is not kept.
    fn dropped(&mut self, name: &str) -> Fate {
        match name {
            "title" | "desc" => {
                self.found.insert(Found::Comment);
            }
            "script" | "foreignObject" | "handler" | "listener" => {
                self.found.insert(Found::Active);
            }
            "metadata" => {
                self.found.insert(Found::Other);
                return Fate::Unwrap;
            }
            _ => {
                self.found.insert(Found::Other);
            }
        }
        Fate::Drop
    }

    /// Metadata is not written, but gone through.
    fn metadata(&mut self, element: &Element<'_, '_>) -> Fate {
        self.found.extend(match element.name.local {
            "creator" | "contributor" | "publisher" | "rights" | "Agent" => Some(Found::Person),
            "date" | "created" | "modified" => Some(Found::Time),
            "title" | "description" | "subject" => Some(Found::Comment),
            "identifier" | "source" => Some(Found::Identifier),
            "coverage" => Some(Found::Location),
            _ => None,
        });
        Fate::Unwrap
    }

    /// Whether a child of a `<switch>` is the one that stays.
    fn is_chosen(&mut self, element: &Element<'_, '_>) -> bool {
        let Some((depth, taken)) = self.switches.last_mut() else {
            return true;
        };
        if *depth != element.path.len() {
            return true;
        }
        let asks = |name| element.get("", name).is_some_and(|value| !value.trim().is_empty());
        let chosen = !*taken && !asks("requiredExtensions") && !asks("systemLanguage");
        *taken |= chosen;
        chosen
    }

    /// What an `<image>` shows, cleaned; None if it is not in the drawing or cannot be cleaned.
    fn picture(&mut self, href: &str) -> Result<Option<String>, Refusal> {
        let Some((declared, data)) =
            href.trim().strip_prefix("data:").and_then(|data| data.split_once(','))
        else {
            self.found.insert(Found::Active);
            return Ok(None);
        };
        if self.names.0.known.is_none() {
            // it is cleaned in the second passage
            return Ok(Some(String::new()));
        }
        let mut bytes = Zeroizing::new(percent_decoded(data));
        if declared.trim_end().to_ascii_lowercase().ends_with(";base64") {
            bytes.retain(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
            while !bytes.len().is_multiple_of(4) {
                bytes.push(b'=');
            }
            match BASE64.decode(&bytes) {
                Ok(decoded) => bytes = Zeroizing::new(decoded),
                Err(_) => return Ok(self.attachment()),
            }
        }
        let nested = match self.work.nested(self.kind, &bytes) {
            Ok(nested) => nested,
            Err(CleanError::Refused(refusal @ Refusal::TooLarge { .. })) => return Err(refusal),
            Err(_) => return Ok(self.attachment()),
        };
        let media = match nested.report.kind {
            Kind::Jpeg => "image/jpeg",
            Kind::Png => "image/png",
            Kind::Gif => "image/gif",
            Kind::Webp => "image/webp",
            Kind::Svg => "image/svg+xml",
            _ => return Ok(self.attachment()),
        };
        self.found.extend(nested.report.found);
        self.remains.extend(nested.report.remains);
        Ok(Some(format!("data:{media};base64,{}", BASE64.encode(&nested.bytes))))
    }

    fn attachment(&mut self) -> Option<String> {
        self.found.insert(Found::Attachment);
        None
    }

    /// Rewrites a reference; false if the element has no sense without it.
    fn reference(&mut self, element: &mut Element<'_, '_>) -> Result<bool, Refusal> {
        let xlink = element.remove("xlink", "href");
        let Some(href) = element.remove("", "href").or(xlink) else {
            return Ok(!matches!(element.name.local, "image" | "use"));
        };
        let written = match element.name.local {
            "image" | "feImage" if !href.trim_start().starts_with('#') => self.picture(&href)?,
            "a" => {
                self.found.insert(Found::Active);
                return Ok(true);
            }
            _ => self.names.url(&href),
        };
        match written {
            Some(written) => element.set("xlink", "href", written),
            None if matches!(element.name.local, "image" | "feImage" | "use") => {
                self.found.insert(Found::Active);
                return Ok(false);
            }
            None => {
                self.found.insert(Found::Active);
            }
        }
        Ok(true)
    }

    /// Rewrites all other attributes.
    fn attributes(&mut self, element: &mut Element<'_, '_>) {
        let Self { names, found, .. } = self;
        element.attributes.retain_mut(|attribute| {
            let (space, local) = (attribute.name.space, attribute.name.local);
            let value = match (space, local) {
                ("xlink", "href") => return true,
                ("xml", "space") => (*attribute.value == *"preserve").then(|| "preserve".into()),
                ("", "id") => names.0.define('i', &attribute.value),
                ("", "result") => names.0.define('r', &attribute.value),
                ("", "class") => {
                    let classes = attribute.value.split_ascii_whitespace();
                    let classes: Vec<_> = classes.filter_map(|c| names.0.define('c', c)).collect();
                    (!classes.is_empty()).then(|| classes.join(" "))
                }
                ("", "style") => {
                    let style = css::declarations(&attribute.value, names);
                    (!style.is_empty()).then_some(style)
                }
                ("", "d" | "points" | "path") => path(&attribute.value),
                ("", "in" | "in2") => match attribute.value.trim() {
                    "SourceGraphic" | "SourceAlpha" | "BackgroundImage" | "BackgroundAlpha"
                    | "FillPaint" | "StrokePaint" => Some(attribute.value.trim().to_owned()),
                    result => Some(names.0.refer('r', result)),
                },
                ("", name) if is_attribute(name) => css::value(local, &attribute.value, names),
                _ => {
                    found.extend(attribute_found(space, local));
                    return false;
                }
            };
            match value {
                Some(value) => attribute.value = Cow::Owned(value),
                None => return false,
            }
            true
        });
    }
}

impl Rules for Drawing<'_, '_> {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        while self.switches.last().is_some_and(|(depth, _)| *depth > element.path.len()) {
            self.switches.pop();
        }
        if element.path.iter().any(|open| open.name.is("svg", "metadata")) {
            return Ok(self.metadata(element));
        }
        if element.name.space != "svg" {
            self.found.insert(Found::Other);
            return Ok(Fate::Drop);
        }
        let local = element.name.local;
        if table::ELEMENTS.binary_search(&local).is_err() {
            return Ok(self.dropped(local));
        }
        if !self.is_chosen(element) {
            self.found.insert(Found::Other);
            return Ok(Fate::Drop);
        }
        if local == "style" {
            let is = |name, values: &[&str]| {
                element.get("", name).is_none_or(|value| values.contains(&value.trim()))
            };
            if !is("type", &["text/css", ""]) || !is("media", &["all", "screen", ""]) {
                self.found.insert(Found::Other);
                return Ok(Fate::Drop);
            }
            element.attributes.clear();
            return Ok(Fate::Keep);
        }
        if !self.reference(element)? {
            return Ok(Fate::Drop);
        }
        self.attributes(element);
        let in_text = element.parent().is_some_and(|parent| is_text(parent.local));
        match local {
            "text" => {
                self.remains.insert(Remains::Wording);
            }
            "a" => element.name.local = if in_text { "tspan" } else { "g" },
            "switch" => {
                self.switches.push((element.path.len() + 1, false));
                element.name.local = "g";
            }
            _ => {}
        }
        Ok(Fate::Keep)
    }

    fn text<'t>(
        &mut self,
        text: Cow<'t, str>,
        path: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal> {
        let in_metadata = path.iter().any(|open| open.name.is("svg", "metadata"));
        Ok(match path.last().map(|open| open.name.local) {
            _ if in_metadata => None,
            Some("style") => {
                let sheet = css::sheet(&text, &mut self.names);
                (!sheet.is_empty()).then_some(Cow::Owned(sheet))
            }
            Some(_) if path.iter().any(|open| is_text(open.name.local)) => Some(text),
            _ => None,
        })
    }
}

fn is_text(local: &str) -> bool {
    matches!(local, "text" | "tspan" | "textPath")
}

fn is_attribute(name: &str) -> bool {
    table::ATTRIBUTES.binary_search(&name).is_ok() || table::PROPERTIES.binary_search(&name).is_ok()
}

/// What an attribute that is dropped is told as; none for those that all editors write and that say nothing.
fn attribute_found(space: &str, local: &str) -> Option<Found> {
    match (space, local) {
        ("", "version" | "baseProfile" | "type" | "enable-background")
        | ("xlink", "type" | "show" | "actuate")
        | ("xml", _) => None,
        ("", name) if name.starts_with("on") => Some(Found::Active),
        ("xlink", "title") => Some(Found::Comment),
        _ => Some(Found::Other),
    }
}

/// The data of a path or the points of a polygon (SVG 2 §9.3): letters of commands and numbers.
fn path(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_number = false;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        let Some(first) = rest.bytes().next() else {
            return Some(out);
        };
        if b"MmZzLlHhVvCcSsQqTtAa".contains(&first) {
            rest = rest.get(1..)?;
            let data = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
            if !matches!(first, b'Z' | b'z') && css::number_length(data) == 0 {
                return Some(out);
            }
            out.push(char::from(first));
            after_number = false;
            continue;
        }
        let length = css::number_length(rest);
        // viewers draw a path up to its first error
        let Some((number, after)) = rest.split_at_checked(length).filter(|_| length > 0) else {
            return Some(out);
        };
        if after_number {
            out.push(' ');
        }
        out.push_str(number);
        after_number = true;
        rest = after;
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
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
    out
}
