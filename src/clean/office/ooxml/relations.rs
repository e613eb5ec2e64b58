//! Relationships and content types of a package (ECMA-376 part 2 §6.5, §7.2), read and written anew.

use std::{borrow::Cow, collections::HashMap};

use crate::clean::{
    Kind, Limits, Refusal,
    xml::{self, Element, Fate, Open, Rules, Space},
};

use super::vocabulary::SPACES;

/// A relationship as it was read.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) id: String,
    /// The last part of its type's name: `styles`, `image`.
    pub(super) what: String,
    /// The part's name, without `/` before it; of an external target nothing is kept.
    pub(super) target: Option<String>,
}

/// Reads the relationships of the part `source` (empty for the package).
pub(super) fn read(
    text: &str,
    source: &str,
    kind: Kind,
    limits: &Limits,
) -> Result<Vec<Relation>, Refusal> {
    let mut list = List { wanted: &["Relationship"], rows: Vec::new() };
    xml::read(text, kind, &mut list, limits)?;
    let relation = |row: Row| {
        let get = |name| row.iter().rfind(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let what = get("Type")?.rsplit('/').next()?.to_owned();
        let external = get("TargetMode") == Some("External");
        let target = get("Target").filter(|_| !external).map(|target| resolve(source, target));
        Some(Relation { what, target, id: take(row, "Id")? })
    };
    Ok(list.rows.into_iter().filter_map(relation).collect())
}

/// Relationships by their identifiers; of two that have the same, the first.
pub(super) fn by_id(relations: &[Relation]) -> HashMap<&str, &Relation> {
    relations.iter().rev().map(|relation| (relation.id.as_str(), relation)).collect()
}

/// The content types of `[Content_Types].xml`, in lower case.
pub(super) fn content_types(
    text: &str,
    kind: Kind,
    limits: &Limits,
) -> Result<Vec<String>, Refusal> {
    let mut list = List { wanted: &["Override", "Default"], rows: Vec::new() };
    xml::read(text, kind, &mut list, limits)?;
    let type_of = |row: Row| Some(take(row, "ContentType")?.to_ascii_lowercase());
    Ok(list.rows.into_iter().filter_map(type_of).collect())
}

/// The name of the relationships part of `source`.
pub(super) fn part_of(source: &str) -> String {
    let (folder, name) =
        source.rsplit_once('/').map_or(("", source), |(folder, name)| (folder, name));
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}_rels/{name}.rels")
}

/// A target, relative to the folder of `source`, as a part's name.
fn resolve(source: &str, target: &str) -> String {
    let target = percent_decoded(target.split('#').next().unwrap_or_default()).replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        parts.extend(source.split('/'));
        parts.pop();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded =
            hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The attributes of all elements of one name.
struct List {
    wanted: &'static [&'static str],
    rows: Vec<Row>,
}

/// Names and values.
type Row = Vec<(String, String)>;

fn take(row: Row, name: &str) -> Option<String> {
    row.into_iter().rfind(|(n, _)| n == name).map(|(_, value)| value)
}

impl Rules for List {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        if self.wanted.contains(&element.name.local) {
            let pair =
                |a: &xml::Attribute<'_>| (a.name.local.to_owned(), a.value.clone().into_owned());
            self.rows.push(element.attributes.iter().map(pair).collect());
        }
        element.attributes.clear();
        Ok(Fate::Keep)
    }

    fn text<'t>(
        &mut self,
        _: Cow<'t, str>,
        _: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_parts() {
        for (source, target, part) in [
            ("word/document.xml", "media/a%20b.png", "word/media/a b.png"),
            ("word/document.xml", "/word/styles.xml", "word/styles.xml"),
            ("ppt/slides/slide1.xml", "../media/../x.png#y", "ppt/x.png"),
            ("", "word/document.xml", "word/document.xml"),
            ("", "../../../a", "a"),
        ] {
            assert_eq!(resolve(source, target), part);
        }
        assert_eq!(part_of("word/document.xml"), "word/_rels/document.xml.rels");
        assert_eq!(part_of(""), "_rels/.rels");
    }
}
