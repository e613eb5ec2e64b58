//! XML (W3C XML 1.0, Namespaces in XML 1.0) rewritten by an allow-list of elements and attributes.
//!
//! | part | what becomes of it |
//! |---|---|
//! | encoding | UTF-8 without mark, whatever it was; see [`source`] |
//! | XML declaration | written anew, always the same |
//! | document type | dropped; short entities that it declares are resolved, see [`entities`] |
//! | comments, processing instructions | dropped |
//! | CDATA sections, references | text |
//! | elements, attributes, text | what [`Rules`] say; attributes are sorted, values are in double quotes |
//! | namespaces | declared on the root, with the one prefix that the rules' table has for each, and only if used |
//! | `<a></a>` | `<a/>` |
//!
//! Names that are not in the table of namespaces are never written, whatever the rules say, nor any that is not ASCII.
//! The work is one pass over a text in memory; the elements, their depth and their attributes are counted.

mod entities;
mod escape;
mod names;
mod source;

use std::{borrow::Cow, collections::BTreeSet};

use quick_xml::{Reader, events::Event};
use zeroize::Zeroizing;

use super::{Found, Kind, Limits, Refusal};

use entities::Entities;
use names::Bindings;
pub(in crate::clean) use names::{Memo, Name, PairMemo, Space};
pub(in crate::clean) use source::{decode, decode_whole};

/// The most attributes of one element: LibreOffice writes up to some seventy.
const MAX_ATTRIBUTES: usize = 512;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// What is kept of a document, asked in the document's order.
pub(in crate::clean) trait Rules {
    /// The namespaces that may be written.
    fn spaces(&self) -> &'static [Space];

    /// What becomes of an element. Its name and attributes may be changed; **all attributes that are left are written**.
    ///
    /// # Errors
    /// A refusal of the whole document.
    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal>;

    /// What is written for a run of text between two tags, all references in it resolved. `path` ends with the nearest
    /// element around it, which may be an unwrapped one.
    ///
    /// # Errors
    /// A refusal of the whole document.
    fn text<'t>(
        &mut self,
        text: Cow<'t, str>,
        path: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal>;

    /// Called at the end of every element that was not dropped; `path` ends with it.
    ///
    /// # Errors
    /// A refusal of the whole document.
    fn end(&mut self, _path: &[Open<'_>]) -> Result<(), Refusal> {
        Ok(())
    }
}

/// What becomes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::clean) enum Fate {
    /// It is written, with those of its attributes that are left.
    Keep,
    /// Its tags are not written; what it holds is asked about as if it stood in its parent.
    Unwrap,
    /// Neither it nor anything in it is written or asked about.
    Drop,
}

/// An element's start tag.
pub(in crate::clean) struct Element<'e, 'i> {
    /// The name that is read and will be written.
    pub(in crate::clean) name: Name<'i>,
    /// The attributes without the declarations of namespaces, none twice, in the order of their names.
    pub(in crate::clean) attributes: &'e mut Vec<Attribute<'i>>,
    /// The elements around it that were not dropped, the root first.
    pub(in crate::clean) path: &'e [Open<'i>],
    bindings: &'e Bindings<'i>,
}

/// An attribute with its value, references resolved.
#[derive(Clone, Debug)]
pub(in crate::clean) struct Attribute<'i> {
    /// The name that is read and will be written; without a prefix its space is "".
    pub(in crate::clean) name: Name<'i>,
    /// The value.
    pub(in crate::clean) value: Cow<'i, str>,
}

/// An element that is open.
#[derive(Clone, Copy, Debug)]
pub(in crate::clean) struct Open<'i> {
    /// Its name as it was read.
    pub(in crate::clean) name: Name<'i>,
    /// [`Fate::Keep`] or [`Fate::Unwrap`].
    pub(in crate::clean) fate: Fate,
    /// The name that was written.
    written: Name<'i>,
}

impl<'i> Element<'_, 'i> {
    /// The value of an attribute.
    pub(in crate::clean) fn get(&self, space: &str, local: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|a| a.name.is(space, local))?;
        Some(&attribute.value)
    }

    /// Sets an attribute that is there or not.
    pub(in crate::clean) fn set(
        &mut self,
        space: &'static str,
        local: &'i str,
        value: impl Into<Cow<'i, str>>,
    ) {
        let value = value.into();
        match self.attributes.iter_mut().find(|a| a.name.is(space, local)) {
            Some(attribute) => attribute.value = value,
            None => self.attributes.push(Attribute { name: Name::given(space, local), value }),
        }
    }

    /// Gives it another name in its namespace.
    pub(in crate::clean) const fn rename(&mut self, local: &'i str) {
        self.name = Name::given(self.name.space, local);
    }

    /// Takes an attribute away.
    pub(in crate::clean) fn remove(&mut self, space: &str, local: &str) -> Option<Cow<'i, str>> {
        let at = self.attributes.iter().position(|a| a.name.is(space, local))?;
        Some(self.attributes.remove(at).value)
    }

    /// The name of the element that this one stands in, unwrapped or not.
    pub(in crate::clean) fn parent(&self) -> Option<Name<'i>> {
        self.path.last().map(|open| open.name)
    }

    /// The namespace that a prefix in a value stands for; "?" if it is in no table, "" if it is not declared.
    pub(in crate::clean) fn space_of(&self, prefix: &str) -> &'static str {
        self.bindings.space(Some(prefix)).unwrap_or("")
    }
}

/// A document that has been rewritten.
#[derive(Debug)]
pub(in crate::clean) struct Rewritten {
    /// The document.
    pub(in crate::clean) bytes: Zeroizing<Vec<u8>>,
    /// Comments and other things that no rule was asked about.
    pub(in crate::clean) found: BTreeSet<Found>,
}

/// Rewrites the document `text` (see [`decode`]), part of a file of `kind`.
///
/// # Errors
/// [`Refusal::Damaged`] if it is not well-formed or its root is not kept, [`Refusal::TooLarge`] above
/// [`Limits::parts`] or [`Limits::nesting`], and what `rules` refuse.
pub(in crate::clean) fn rewrite(
    text: &str,
    kind: Kind,
    rules: &mut impl Rules,
    limits: &Limits,
) -> Result<Rewritten, Refusal> {
    work(text, kind, rules, limits, true)
}

/// As [`rewrite`], only to ask the rules: nothing is written.
///
/// # Errors
/// As [`rewrite`].
pub(in crate::clean) fn read(
    text: &str,
    kind: Kind,
    rules: &mut impl Rules,
    limits: &Limits,
) -> Result<(), Refusal> {
    work(text, kind, rules, limits, false).map(drop)
}

fn work(
    text: &str,
    kind: Kind,
    rules: &mut impl Rules,
    limits: &Limits,
    writes: bool,
) -> Result<Rewritten, Refusal> {
    // most documents become smaller; the declarations come before
    let capacity = if writes { text.len() + text.len() / 16 + 1024 } else { 0 };
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = false;
    Rewriter {
        kind,
        text,
        bindings: Bindings::new(rules.spaces()),
        rules,
        entities: Entities::default(),
        found: BTreeSet::new(),
        parts: limits.parts,
        nesting: limits.nesting as usize,
        path: Vec::new(),
        dropped: 0,
        attributes: Vec::new(),
        run: None,
        root: String::new(),
        out: Zeroizing::new(String::with_capacity(capacity)),
        tag_open: false,
        writes,
    }
    .document(reader)
}

/// A document under way.
struct Rewriter<'i, 'r, R> {
    kind: Kind,
    text: &'i str,
    rules: &'r mut R,
    bindings: Bindings<'i>,
    entities: Entities<'i>,
    found: BTreeSet<Found>,
    /// How many elements may still come.
    parts: u32,
    nesting: usize,
    /// Open elements that are not dropped.
    path: Vec<Open<'i>>,
    /// How many open elements are dropped: one that the rules named, and those in it.
    dropped: usize,
    attributes: Vec<Attribute<'i>>,
    /// Text since the last tag.
    run: Option<Cow<'i, str>>,
    /// The root's start tag, which waits for the namespaces that are used.
    root: String,
    out: Zeroizing<String>,
    /// Whether a start tag waits for its `>` or `/>`.
    tag_open: bool,
    writes: bool,
}

impl<'i, R: Rules> Rewriter<'i, '_, R> {
    fn document(mut self, mut reader: Reader<&'i [u8]>) -> Result<Rewritten, Refusal> {
        loop {
            let from = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let event = reader.read_event().map_err(|_| self.damaged())?;
            let to = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let within = |start: usize, end: usize| {
                self.text.get(from.saturating_add(start)..to.saturating_sub(end))
            };
            match event {
                Event::Start(_) => {
                    let tag = within(1, 1).unwrap_or_default();
                    self.start(tag)?;
                }
                Event::Empty(_) => {
                    let tag = within(1, 2).unwrap_or_default();
                    self.start(tag)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Text(_) => {
                    let text = within(0, 0).unwrap_or_default();
                    self.characters(escape::line_ends(text))?;
                }
                Event::CData(_) => {
                    // "<![CDATA[" and "]]>"
                    let text = within(9, 3).unwrap_or_default();
                    self.characters(escape::line_ends(text))?;
                }
                Event::GeneralRef(name) => {
                    let text = self.entities.resolve(&name).ok_or_else(|| self.damaged())?;
                    self.characters(text)?;
                }
                Event::Comment(_) => {
                    self.found.insert(Found::Comment);
                }
                Event::PI(_) => {
                    self.found.insert(Found::Other);
                }
                Event::Decl(_) => {}
                Event::DocType(_) => {
                    // "<!DOCTYPE" and ">"
                    let declaration = within(9, 1).unwrap_or_default();
                    if !self.root.is_empty() {
                        return Err(self.damaged());
                    }
                    self.entities.declare(declaration).ok_or_else(|| self.damaged())?;
                }
                Event::Eof => break,
            }
        }
        self.finish()
    }

    fn damaged(&self) -> Refusal {
        Refusal::Damaged { kind: self.kind }
    }

    fn too_large(&self) -> Refusal {
        Refusal::TooLarge { kind: self.kind }
    }

    fn start(&mut self, tag: &'i str) -> Result<(), Refusal> {
        self.flush()?;
        self.parts = self.parts.checked_sub(1).ok_or_else(|| self.too_large())?;
        if self.path.len() + self.dropped >= self.nesting {
            return Err(self.too_large());
        }
        if self.dropped > 0 {
            self.dropped += 1;
            return Ok(());
        }
        if self.path.is_empty() && !self.root.is_empty() {
            return Err(self.damaged());
        }
        let read = self.tag(tag)?;
        let mut element = Element {
            name: read,
            attributes: &mut self.attributes,
            path: &self.path,
            bindings: &self.bindings,
        };
        let mut fate = self.rules.start(&mut element)?;
        let written = element.name;
        if fate == Fate::Keep && !self.bindings.is_writable(written, true) {
            fate = Fate::Drop;
        }
        match fate {
            Fate::Drop => {
                self.bindings.close(self.path.len());
                self.dropped = 1;
            }
            Fate::Unwrap => self.path.push(Open { name: read, fate, written }),
            Fate::Keep => {
                let in_root = self.path.iter().any(|open| open.fate == Fate::Keep);
                if !in_root && !self.root.is_empty() {
                    return Err(self.damaged());
                }
                self.write_start(written);
                self.path.push(Open { name: read, fate, written });
            }
        }
        Ok(())
    }

    /// Takes a start tag apart: its name is given, its attributes are then in `self.attributes`.
    fn tag(&mut self, tag: &'i str) -> Result<Name<'i>, Refusal> {
        let name_end = tag.bytes().position(|byte| names::is_space(char::from(byte)));
        let (name, mut rest) = tag.split_at(name_end.unwrap_or(tag.len()));
        self.attributes.clear();
        // the space of an attribute is looked up once all declarations have been seen
        while let Some((name, value)) = names::attribute(&mut rest).map_err(|()| self.damaged())? {
            let value = self.entities.value(value).ok_or_else(|| self.damaged())?;
            let declared = match name.strip_prefix("xmlns") {
                Some("") => Some(""),
                Some(prefix) => prefix.strip_prefix(':'),
                None => None,
            };
            match declared {
                Some(prefix) => {
                    self.bindings
                        .declare(prefix, &value, self.path.len())
                        .ok_or_else(|| self.too_large())?;
                }
                None if self.attributes.len() >= MAX_ATTRIBUTES => return Err(self.too_large()),
                None => {
                    self.attributes.push(Attribute { name: Name::given("", name), value });
                }
            }
        }
        for attribute in &mut self.attributes {
            attribute.name = self.bindings.attribute(attribute.name.local);
        }
        // in one order, so that rules which number names see them in one order
        self.attributes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let twice = self.attributes.windows(2).any(|pair| match pair {
            [first, second] => first.name == second.name && first.name.space != "?",
            _ => false,
        });
        if twice {
            return Err(self.damaged());
        }
        Ok(self.bindings.element(name))
    }

    fn write_start(&mut self, name: Name<'i>) {
        if !self.writes {
            if self.root.is_empty() {
                self.root.push('<');
            }
            return;
        }
        self.close_tag();
        let is_root = self.root.is_empty();
        let out: &mut String = if is_root { &mut self.root } else { &mut self.out };
        out.push('<');
        self.bindings.write(out, name);
        self.attributes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut before = None;
        // into another string for the root, for its namespaces stand before its attributes
        let out: &mut String = &mut self.out;
        for attribute in &self.attributes {
            if !self.bindings.is_writable(attribute.name, false) || before == Some(attribute.name) {
                continue;
            }
            before = Some(attribute.name);
            out.push(' ');
            self.bindings.write(out, attribute.name);
            out.push_str("=\"");
            escape::value(out, &attribute.value);
            out.push('"');
        }
        self.tag_open = true;
    }

    fn close_tag(&mut self) {
        if self.tag_open {
            self.out.push('>');
            self.tag_open = false;
        }
    }

    fn end(&mut self) -> Result<(), Refusal> {
        self.flush()?;
        if self.dropped > 0 {
            self.dropped -= 1;
            return Ok(());
        }
        self.rules.end(&self.path)?;
        let open = self.path.pop().ok_or_else(|| self.damaged())?;
        self.bindings.close(self.path.len());
        if open.fate == Fate::Keep && self.writes {
            if self.tag_open {
                self.out.push_str("/>");
                self.tag_open = false;
            } else {
                self.out.push_str("</");
                self.bindings.write(&mut self.out, open.written);
                self.out.push('>');
            }
        }
        Ok(())
    }

    fn characters(&mut self, text: Cow<'i, str>) -> Result<(), Refusal> {
        if self.dropped > 0 || text.is_empty() {
            return Ok(());
        }
        if self.path.is_empty() {
            return if text.chars().all(names::is_space) { Ok(()) } else { Err(self.damaged()) };
        }
        match &mut self.run {
            Some(run) => run.to_mut().push_str(&text),
            None => self.run = Some(text),
        }
        Ok(())
    }

    /// Asks about the text since the last tag.
    fn flush(&mut self) -> Result<(), Refusal> {
        let Some(text) = self.run.take() else {
            return Ok(());
        };
        if let Some(text) = self.rules.text(text, &self.path)?
            && self.writes
            && !text.is_empty()
            && self.path.iter().any(|open| open.fate == Fate::Keep)
        {
            self.close_tag();
            escape::text(&mut self.out, &text);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Rewritten, Refusal> {
        if self.root.is_empty() || !self.path.is_empty() || self.dropped > 0 {
            return Err(self.damaged());
        }
        let mut head = Zeroizing::new(String::from(DECLARATION));
        head.push_str(&self.root);
        self.bindings.write_declarations(&mut head);
        // into the same memory: it is wiped once
        self.out.push('\n');
        self.out.insert_str(0, &head);
        let bytes = Zeroizing::new(std::mem::take(&mut *self.out).into_bytes());
        zeroize::Zeroize::zeroize(&mut self.root);
        Ok(Rewritten { bytes, found: self.found })
    }
}

#[cfg(test)]
mod tests;
