//! What must be known of a part before it is rewritten, because it is decided by something that stands behind it: runs
//! and rows that their own properties hide or delete, fields by their code, formulas by their text, frames by what is
//! in them. Places are told by where they stand in the text.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use crate::clean::{
    Kind, Limits, Refusal,
    xml::{self, Element, Fate, Memo, Name, Open, Rules, Space},
};

use super::{excel::is_formula, vocabulary::SPACES};

/// Where a name stands in the text.
pub(super) fn place(name: Name<'_>) -> usize {
    name.local.as_ptr().addr()
}

/// The plan of one part.
#[derive(Default)]
pub(super) struct Plan {
    /// Runs with hidden text.
    pub(super) hidden: HashSet<usize>,
    /// Table rows that are deleted.
    pub(super) deleted: HashSet<usize>,
    /// Fields' characters and codes that stay; for a code, what is written for it.
    pub(super) fields: HashMap<usize, String>,
    /// Formulas and defined names that call somewhere else.
    pub(super) calling: HashSet<usize>,
    /// Frames of embedded objects: whether a picture stands for the object.
    pub(super) objects: HashMap<usize, bool>,
}

/// Without one of these in the text there is nothing to plan.
const SIGNS: &[&str] = &[
    "vanish",
    "fldChar",
    "fldSimple",
    "trPr",
    "oleObj",
    "[",
    "WEBSERVICE",
    "RTD(",
    "HYPERLINK(",
    "CALL(",
    "REGISTER",
    "DDE",
    "|",
];

impl Plan {
    pub(super) fn of(text: &str, kind: Kind, limits: &Limits) -> Result<Self, Refusal> {
        let has = |sign: &&str| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some();
        if !SIGNS.iter().any(has) {
            return Ok(Self::default());
        }
        let mut scan = Scan { signs: Memo::new(), plan: Self::default(), fields: Vec::new() };
        xml::read(text, kind, &mut scan, limits)?;
        Ok(scan.plan)
    }
}

/// A field whose end has not come.
#[derive(Default)]
struct Field {
    characters: Vec<usize>,
    codes: Vec<usize>,
    code: String,
}

/// What an element may be a sign of.
#[derive(Clone, Copy)]
enum Sign {
    None,
    Hidden,
    Deleted,
    FieldCharacter,
    FieldCode,
    FieldSimple,
    Formula,
    Object,
    Picture,
}

impl Sign {
    fn of(name: Name<'_>) -> Self {
        match (name.space, name.local) {
            ("w", "vanish") => Self::Hidden,
            ("w", "del" | "moveFrom") => Self::Deleted,
            ("w", "fldChar") => Self::FieldCharacter,
            ("w", "instrText") => Self::FieldCode,
            ("w", "fldSimple") => Self::FieldSimple,
            ("x", name) if is_formula(name) => Self::Formula,
            ("p", "oleObj") => Self::Object,
            ("p", "pic") => Self::Picture,
            _ => Self::None,
        }
    }
}

struct Scan {
    signs: Memo<Sign>,
    plan: Plan,
    fields: Vec<Field>,
}

impl Rules for Scan {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        let path = element.path;
        let above = |levels: usize| {
            path.len().checked_sub(levels).and_then(|at| path.get(at)).map(|open| open.name)
        };
        match self.signs.of(element.name, || Sign::of(element.name)) {
            Sign::Hidden => {
                let off = matches!(element.get("w", "val"), Some("0" | "false" | "off"));
                if let (Some(run), false) = (above(2).filter(|run| run.is("w", "r")), off) {
                    self.plan.hidden.insert(place(run));
                }
            }
            Sign::Deleted => {
                if let Some(row) = above(2).filter(|row| row.is("w", "tr")) {
                    self.plan.deleted.insert(place(row));
                }
                return Ok(Fate::Drop);
            }
            Sign::FieldCharacter => {
                let place = place(element.name);
                match element.get("w", "fldCharType") {
                    Some("begin") => {
                        self.fields.push(Field { characters: vec![place], ..Field::default() })
                    }
                    Some("end") => {
                        if let Some(mut field) = self.fields.pop() {
                            field.characters.push(place);
                            self.decide(field);
                        }
                    }
                    _ => self
                        .fields
                        .last_mut()
                        .into_iter()
                        .for_each(|field| field.characters.push(place)),
                }
            }
            Sign::FieldCode => {
                let place = place(element.name);
                self.fields.last_mut().into_iter().for_each(|field| field.codes.push(place));
            }
            Sign::FieldSimple => {
                if let Some(code) = element.get("w", "instr").and_then(code) {
                    self.plan.fields.insert(place(element.name), code);
                }
            }
            Sign::Object => {
                if let Some(frame) =
                    path.iter().rev().find(|open| open.name.is("p", "graphicFrame"))
                {
                    self.plan.objects.entry(place(frame.name)).or_default();
                }
            }
            Sign::Picture if path.iter().any(|open| open.name.is("p", "oleObj")) => {
                if let Some(frame) =
                    path.iter().rev().find(|open| open.name.is("p", "graphicFrame"))
                {
                    self.plan.objects.insert(place(frame.name), true);
                }
            }
            _ => {}
        }
        element.attributes.clear();
        Ok(Fate::Keep)
    }

    fn text<'t>(
        &mut self,
        text: Cow<'t, str>,
        path: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal> {
        if let Some(open) = path.last() {
            match self.signs.of(open.name, || Sign::of(open.name)) {
                Sign::FieldCode => {
                    self.fields.last_mut().into_iter().for_each(|field| field.code.push_str(&text))
                }
                Sign::Formula if calls(&text) => {
                    self.plan.calling.insert(place(open.name));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Scan {
    fn decide(&mut self, field: Field) {
        let Some(code) = code(&field.code) else {
            return;
        };
        for place in field.characters {
            self.plan.fields.insert(place, String::new());
        }
        if let Some(first) = field.codes.first() {
            self.plan.fields.insert(*first, code);
        }
    }
}

/// What is written for a field's code. Only fields that are nothing without their code stay: of others the result is
/// the text that is seen, and the code may name files, people and places.
fn code(code: &str) -> Option<String> {
    let mut words = code.split_whitespace();
    let command = words.next()?.to_ascii_uppercase();
    match command.as_str() {
        "PAGE" | "NUMPAGES" | "SECTIONPAGES" | "SECTION" => {
            let mut written = format!(" {command} ");
            for word in words {
                let known = [
                    "Arabic",
                    "ArabicDash",
                    "roman",
                    "ROMAN",
                    "Roman",
                    "alphabetic",
                    "ALPHABETIC",
                    "CHINESENUM1",
                    "CHINESENUM2",
                    "CHINESENUM3",
                    "GANADA",
                    "CHOSUNG",
                ];
                if known.contains(&word) {
                    written.push_str(&format!("\\* {word} "));
                }
            }
            Some(written)
        }
        // their state is in the field's data, which is kept of no other field
        "FORMCHECKBOX" | "FORMDROPDOWN" => Some(format!(" {command} ")),
        // characters that are put together or above each other: the code is the content
        "EQ" | "SYMBOL" => Some(code.to_owned()),
        _ => None,
    }
}

/// Whether a formula refers to another file or calls something outside.
pub(super) fn calls(formula: &str) -> bool {
    let external = formula.split('[').skip(1).any(|rest| {
        let inside = rest.split(']').next().unwrap_or_default();
        !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_digit())
            || inside.contains('.') && rest.contains('!')
    });
    let is_call = |before: &[u8]| {
        ["WEBSERVICE", "RTD", "HYPERLINK", "CALL", "IMAGE", "FILTERXML"].iter().any(|name| {
            let at = before.len().checked_sub(name.len());
            at.and_then(|at| before.get(at..))
                .is_some_and(|b| b.eq_ignore_ascii_case(name.as_bytes()))
        })
    };
    let bytes = formula.as_bytes();
    external
        || memchr::memchr(b'|', bytes).is_some()
        || memchr::memchr_iter(b'(', bytes).any(|at| bytes.get(..at).is_some_and(is_call))
        || memchr::memchr2_iter(b'R', b'r', bytes).any(|at| {
            bytes.get(at..at + 8).is_some_and(|name| name.eq_ignore_ascii_case(b"REGISTER"))
        })
}
