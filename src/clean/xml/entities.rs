//! References, and the few entities that are resolved.
//!
//! Of a document type's internal subset only entities with a short literal text are taken, as Illustrator declares them
//! for its namespaces; one whose text refers to another, stands in another file or is a parameter entity refuses the
//! document. All that they make together is bounded, so that none of the attacks by growing text works. Without a
//! declaration XHTML's names are known too, for books use them.

use std::borrow::Cow;

use super::escape;

const MAX_ENTITIES: usize = 64;
const MAX_ENTITY: usize = 256;
const MAX_EXPANDED: usize = 1 << 20;

/// What the document declares.
#[derive(Default)]
pub(super) struct Entities<'i> {
    list: Vec<(&'i str, &'i str)>,
    expanded: usize,
}

impl<'i> Entities<'i> {
    /// Takes the entities of a document type, without its `<!DOCTYPE` and `>`; None if it has one that is not taken.
    pub(super) fn declare(&mut self, declaration: &'i str) -> Option<()> {
        let Some((_, subset)) = declaration.split_once('[') else {
            return Some(());
        };
        let mut rest = subset.rsplit_once(']')?.0;
        while let Some((between, declared)) = rest.split_once('<') {
            if between.contains('%') {
                return None;
            }
            if let Some(comment) = declared.strip_prefix("!--") {
                rest = comment.split_once("-->")?.1;
                continue;
            }
            let Some(entity) = declared.strip_prefix("!ENTITY") else {
                // an element's content or attributes; quoted values are skipped whole
                rest = after_declaration(declared)?;
                continue;
            };
            let (name, value) = entity.trim_start().split_once(char::is_whitespace)?;
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (text, after) = value.get(1..)?.split_once(quote)?;
            let plain = !text.contains(['&', '<', '%']) && text.len() <= MAX_ENTITY;
            if !plain || name == "%" || self.list.len() >= MAX_ENTITIES {
                return None;
            }
            self.list.push((name, text));
            rest = after.trim_start().strip_prefix('>')?;
        }
        (!rest.contains('%')).then_some(())
    }

    /// The text of `&name;`; None if there is none.
    pub(super) fn resolve(&mut self, name: &str) -> Option<Cow<'i, str>> {
        if let Some(number) = name.strip_prefix('#') {
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            return char::from_u32(code.ok()?).filter(is_xml).map(|c| c.to_string().into());
        }
        if let Some(text) = quick_xml::escape::resolve_xml_entity(name) {
            return Some(Cow::Borrowed(text));
        }
        if let Some((_, text)) = self.list.iter().find(|(other, _)| *other == name) {
            self.expanded += text.len();
            return (self.expanded <= MAX_EXPANDED).then_some(Cow::Borrowed(*text));
        }
        quick_xml::escape::resolve_html5_entity(name).map(Cow::Borrowed)
    }

    /// An attribute's value (XML 1.0 §3.3.3): references resolved, line ends and tabs become spaces.
    pub(super) fn value(&mut self, raw: &'i str) -> Option<Cow<'i, str>> {
        if !raw.bytes().any(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r')) {
            return Some(Cow::Borrowed(raw));
        }
        let raw = escape::line_ends(raw).replace(['\t', '\n'], " ");
        let mut value = String::with_capacity(raw.len());
        let mut rest = raw.as_str();
        while let Some((before, reference)) = rest.split_once('&') {
            let (name, after) = reference.split_once(';')?;
            value.push_str(before);
            value.push_str(&self.resolve(name)?);
            rest = after;
        }
        value.push_str(rest);
        Some(Cow::Owned(value))
    }
}

/// What is behind a declaration's `>`.
fn after_declaration(mut rest: &str) -> Option<&str> {
    loop {
        let at = rest.find(['>', '"', '\''])?;
        let (found, after) = rest.get(at..)?.split_at_checked(1)?;
        if found == ">" {
            return Some(after);
        }
        rest = after.split_once(found)?.1;
    }
}

/// XML 1.0 §2.2.
fn is_xml(c: &char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}
