//! What must be known of a part before it is rewritten, because it is decided by something that stands behind it: runs
//! and rows that their own properties hide or delete, fields by their code, formulas by their text, frames by what is
//! in them. Places are told by where they stand in the text.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    str::Chars,
};

use crate::clean::{
    Kind, Limits, Refusal,
    xml::{self, Element, Fate, Memo, Name, Open, Rules, Space},
};

use super::{excel::is_formula, fields, hidden::is_on, vocabulary::SPACES};

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

/// Without one of these names in the text there is nothing to plan. What formulas say is no sign: it may be written by
/// references to characters.
const SIGNS: &[&str] = &["vanish", "fldChar", "fldSimple", "trPr", "oleObj"];
/// The same of workbooks: beginnings of `f`, `formula`, `formula1`, `definedName`, with a prefix or not.
const FORMULAS: &[&str] = &["<f", ":f", "ormula", "definedName"];

impl Plan {
    /// `styles` are those that hide runs.
    pub(super) fn of(
        text: &str,
        kind: Kind,
        styles: &HashSet<String>,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        let has = |sign: &&str| memchr::memmem::find(text.as_bytes(), sign.as_bytes()).is_some();
        let signs = if kind == Kind::Xlsx { FORMULAS } else { SIGNS };
        if styles.is_empty() && !signs.iter().any(has) {
            return Ok(Self::default());
        }
        let mut scan = Scan {
            signs: Memo::new(),
            plan: Self::default(),
            fields: Vec::new(),
            styles,
            paragraphs: HashSet::new(),
        };
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
    /// A run, and the styles of paragraphs and runs.
    Run,
    ParagraphStyle,
    RunStyle,
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
            ("w", "r") => Self::Run,
            ("w", "pStyle") => Self::ParagraphStyle,
            ("w", "rStyle") => Self::RunStyle,
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

struct Scan<'s> {
    signs: Memo<Sign>,
    plan: Plan,
    fields: Vec<Field>,
    /// Styles that hide runs, and paragraphs that have one.
    styles: &'s HashSet<String>,
    paragraphs: HashSet<usize>,
}

impl Rules for Scan<'_> {
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
                if let Some(run) = above(2).filter(|run| run.is("w", "r")) {
                    // what is said of the run itself is stronger than its styles
                    if is_on(element) {
                        self.plan.hidden.insert(place(run));
                    } else {
                        self.plan.hidden.remove(&place(run));
                    }
                }
            }
            Sign::ParagraphStyle if self.has_hiding_style(element) => {
                if let Some(paragraph) = above(2).filter(|above| above.is("w", "p")) {
                    self.paragraphs.insert(place(paragraph));
                }
            }
            Sign::Run if !self.paragraphs.is_empty() => {
                let paragraph = path.iter().rev().find(|open| open.name.is("w", "p"));
                if paragraph.is_some_and(|p| self.paragraphs.contains(&place(p.name))) {
                    self.plan.hidden.insert(place(element.name));
                }
            }
            Sign::RunStyle if self.has_hiding_style(element) => {
                if let Some(run) = above(2).filter(|run| run.is("w", "r")) {
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

impl Scan<'_> {
    fn has_hiding_style(&self, element: &Element<'_, '_>) -> bool {
        element.get("w", "val").is_some_and(|style| self.styles.contains(style))
    }

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
    let code = code.trim_start();
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
        "EQ" => fields::equation(code.get(2..)?),
        "SYMBOL" => fields::symbol(words),
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
    external || memchr::memchr(b'|', formula.as_bytes()).is_some() || {
        let mut rest = formula.chars();
        loop {
            if CALLING.iter().any(|function| begins(rest.clone(), function)) {
                break true;
            }
            if rest.next().is_none() {
                break false;
            }
        }
    }
}

/// Whether a formula's rest begins with a function, whatever its case and its spaces.
fn begins(rest: Chars<'_>, function: &str) -> bool {
    let mut rest = rest.filter(|c| !c.is_whitespace());
    function.chars().all(|c| rest.next().is_some_and(|r| r.to_ascii_uppercase() == c))
}

/// Functions that ask something outside of the workbook, as they begin.
const CALLING: &[&str] = &[
    "CALL(",
    "COPILOT(",
    "CUBE",
    "DDE(",
    "FILTERXML(",
    "HYPERLINK(",
    "IMAGE(",
    "PY(",
    "REGISTER",
    "RTD(",
    "SQL.REQUEST",
    "STOCKHISTORY(",
    "TRANSLATE(",
    "WEBSERVICE(",
];
