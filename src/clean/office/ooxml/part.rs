//! One XML part, written anew.
//!
//! An element or attribute is written only if its name is one of the standard's that `vocabulary.txt` lists. A value is
//! written if it is a number, a measure, a colour or a word of the standard; what else may be a value, by the
//! names, is in `word`, `excel` and `drawing`, as is which elements have text.
//!
//! | element or attribute | what becomes of it |
//! |---|---|
//! | revisions (`w:ins`, `w:del`, …, `*Change`) | inserted text stays, deleted text goes |
//! | hidden runs | dropped |
//! | content controls, smart tags, custom XML, links, bookmarks | what they hold stays as plain text |
//! | fields | their result stays as plain text; page numbers stay fields, and so do EQ and SYMBOL, which have no result |
//! | revision identifiers, authors, dates, names and descriptions of shapes | dropped or empty |
//! | identifiers of styles, slides, shapes | numbered |
//! | names of styles | kept if Word's own |
//! | languages | of those that are written alike in all countries, the country goes |
//! | `mc:AlternateContent` | the first choice that is understood, else the fallback |
//! | extensions (`extLst`) | dropped |
//! | embedded objects | the picture that stands for them |
//! | formulas that call elsewhere | their values |
//! | timings of slides | dropped |

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, HashSet},
};

use crate::clean::{
    Found, Kind, Refusal,
    xml::{Attribute, Element, Fate, Memo, Name, Open, PairMemo, Rules, Space},
};

use super::{
    drawing::{self, DIAGRAM_EXTENSION},
    excel, names,
    plan::{Plan, place},
    relations::{self, Relation},
    roles::{self, Role},
    rule::{AttributeRule, ElementRule, Sort, Text, Treatment},
    values,
    vocabulary::SPACES,
    word,
};

/// The longest name of a font, a sheet, a column.
const MAX_NAME: usize = 255;

/// What is known of the document so far, for all its parts.
pub(super) struct Shared {
    kind: Kind,
    /// Styles' identifiers, models' points and VML shapes, numbered as they come.
    numbers: HashMap<&'static str, HashMap<String, usize>>,
    counts: HashMap<&'static str, usize>,
    /// Which shared strings cells show.
    strings: excel::Strings,
    /// Names that the workbook defines, and those that formulas use, in upper case.
    names: HashSet<String>,
    words: HashSet<String>,
    /// Fonts that are used: the table of fonts lists others too.
    fonts: HashSet<String>,
    /// The parts that refer to others have been written: names and strings that none of them uses can go.
    pub(super) is_last: bool,
    /// For a diagram's data, the relationships of the part that shows it: to the diagram's drawing.
    pub(super) drawings: HashMap<(String, String), usize>,
}

impl Shared {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            numbers: HashMap::new(),
            counts: HashMap::new(),
            strings: excel::Strings::default(),
            names: HashSet::new(),
            words: HashSet::new(),
            fonts: HashSet::new(),
            is_last: false,
            drawings: HashMap::new(),
        }
    }

    /// The number that stands for `value`, counted from 1.
    fn number(&mut self, what: &'static str, value: &str) -> usize {
        if let Some(number) = self.numbers.get(what).and_then(|numbers| numbers.get(value)) {
            return *number;
        }
        let number = self.next(what);
        self.numbers.entry(what).or_default().insert(value.to_owned(), number);
        number
    }

    fn next(&mut self, what: &'static str) -> usize {
        let count = self.counts.entry(what).or_default();
        *count += 1;
        *count
    }
}

/// The rules for one part.
pub(super) struct Part<'a> {
    shared: &'a mut Shared,
    role: &'static Role,
    source: &'a str,
    relations: HashMap<&'a str, &'a Relation>,
    plan: &'a Plan,
    elements: Memo<ElementRule>,
    attributes: PairMemo<AttributeRule>,
    found: BTreeSet<Found>,
    /// Identifiers of relationships in the order they are numbered.
    used: Vec<String>,
    numbers: HashMap<&'a str, usize>,
    /// For each open `mc:AlternateContent`, whether a choice was taken.
    chosen: Vec<bool>,
    /// Whether the cell's value is a shared string.
    is_shared_string: bool,
    /// The shared string that is read, and whether it is shown nowhere.
    string: u64,
    is_unused: bool,
}

impl<'a> Part<'a> {
    pub(super) fn new(
        shared: &'a mut Shared,
        role: &'static Role,
        source: &'a str,
        relations: &'a [Relation],
        plan: &'a Plan,
    ) -> Self {
        Self {
            shared,
            role,
            source,
            relations: relations::by_id(relations),
            plan,
            elements: Memo::new(),
            attributes: PairMemo::new(),
            found: BTreeSet::new(),
            used: Vec::new(),
            numbers: HashMap::new(),
            chosen: Vec::new(),
            is_shared_string: false,
            string: 0,
            is_unused: false,
        }
    }

    /// What was found, and the identifiers of the relationships that are used, in their new order.
    pub(super) fn finish(self) -> (BTreeSet<Found>, Vec<String>) {
        (self.found, self.used)
    }

    fn drop(&mut self, found: Found) -> Fate {
        self.found.insert(found);
        Fate::Drop
    }

    fn unwrap(&mut self, found: Found) -> Fate {
        self.found.insert(found);
        Fate::Unwrap
    }

    /// What becomes of an element, its attributes aside.
    fn fate(&mut self, rule: &ElementRule, element: &mut Element<'_, '_>) -> Fate {
        let place = place(element.name);
        let parent = element.path.last();
        if self.is_unused
            && !matches!(rule.treatment, Treatment::SharedString)
            && element.name.space == "x"
            && self.role.what == "sharedStrings"
            && parent.is_some_and(|p| p.name.is("x", "si"))
        {
            return self.drop(Found::History);
        }
        match rule.treatment {
            Treatment::Listed | Treatment::Cell => {}
            Treatment::Keep => return Fate::Keep,
            Treatment::Drop(found) => return self.drop(found),
            Treatment::Unwrap(found) => return self.unwrap(found),
            Treatment::Alternatives => {
                self.chosen.push(false);
                return self.unwrap(Found::Other);
            }
            Treatment::Alternative => return self.branch(element),
            Treatment::Run if self.plan.hidden.contains(&place) => {
                return self.drop(Found::Comment);
            }
            Treatment::Row if self.plan.deleted.contains(&place) => {
                return self.drop(Found::History);
            }
            Treatment::FieldMark if !self.plan.fields.contains_key(&place) => {
                return self.drop(Found::Active);
            }
            Treatment::FieldSimple if !self.plan.fields.contains_key(&place) => {
                return self.unwrap(Found::Active);
            }
            Treatment::FieldSimple | Treatment::SharedString => {
                if matches!(rule.treatment, Treatment::SharedString) {
                    self.is_unused = !self.shared.strings.contains(self.string);
                    self.string += 1;
                }
                return Fate::Keep;
            }
            Treatment::FileVersion if element.get("", "appName") != Some("xl") => {
                return self.drop(Found::Software);
            }
            Treatment::Object => {
                element.rename("pict");
                return Fate::Keep;
            }
            Treatment::SlideField if element.get("", "type") != Some("slidenum") => {
                element.rename("r");
                element.attributes.clear();
                self.found.insert(Found::Active);
                return Fate::Keep;
            }
            Treatment::Frame => match self.plan.objects.get(&place) {
                None => return Fate::Keep,
                Some(true) => return self.unwrap(Found::Attachment),
                Some(false) => return self.drop(Found::Attachment),
            },
            Treatment::OfFrame if parent.is_some_and(is_unwrapped_frame) => return Fate::Drop,
            Treatment::Graphic
                if parent.is_some_and(|p| p.fate == Fate::Unwrap && p.name.space != "mc") =>
            {
                return Fate::Unwrap;
            }
            Treatment::OleObject => return Fate::Unwrap,
            Treatment::Formula if self.plan.calling.contains(&place) => {
                return self.drop(Found::Active);
            }
            Treatment::DefinedName => {
                let name = element.get("", "name");
                let is_calling = self.plan.calling.contains(&place);
                if is_calling || self.shared.is_last && !self.is_used(name) {
                    return self.drop(if is_calling { Found::Active } else { Found::Other });
                }
                if !self.shared.is_last {
                    self.shared.names.extend(name.map(str::to_uppercase));
                }
            }
            Treatment::DiagramExtensions
                if parent.is_some_and(|p| p.name.is("dgm", "dataModel")) =>
            {
                return Fate::Keep;
            }
            Treatment::DiagramExtension if parent.is_some_and(|p| p.name.is("dgm", "extLst")) => {
                return if element.get("", "uri") == Some(DIAGRAM_EXTENSION) {
                    Fate::Keep
                } else {
                    self.drop(Found::Other)
                };
            }
            _ => {}
        }
        if rule.is_listed { Fate::Keep } else { self.drop(rule.told) }
    }

    /// A choice of shapes or groups, or the fallback after none. Canvases (`wpc`) have one in VML that more programs read.
    fn branch(&mut self, element: &Element<'_, '_>) -> Fate {
        let Some(chosen) = self.chosen.last_mut() else {
            return Fate::Drop;
        };
        let understood = element.name.local == "Fallback"
            || element.get("", "Requires").is_some_and(|prefixes| {
                prefixes
                    .split_whitespace()
                    .all(|prefix| matches!(element.space_of(prefix), "wps" | "wpg"))
            });
        if *chosen || !understood {
            return Fate::Drop;
        }
        *chosen = true;
        Fate::Unwrap
    }

    /// Whether a defined name is used by a formula or by the printing of a sheet.
    fn is_used(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| {
            matches!(name, "_xlnm.Print_Area" | "_xlnm.Print_Titles" | "_xlnm._FilterDatabase")
                || self.shared.words.contains(&name.to_uppercase())
        })
    }

    /// Notes which names a formula uses. The workbook itself, which comes first, defines them.
    fn note_words(&mut self, formula: &str) {
        let is_workbook = self.role.what == "officeDocument";
        if self.shared.names.is_empty() && !is_workbook {
            return;
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '\\' | '?');
        for word in formula.split(|c| !is_name(c)).filter(|word| word.len() > 1) {
            let word = word.to_uppercase();
            if is_workbook || self.shared.names.contains(&word) {
                self.shared.words.insert(word);
            }
        }
    }

    /// What is written for an attribute's value; None if the attribute goes.
    fn value<'v>(
        &mut self,
        rule: &AttributeRule,
        element: Name<'_>,
        parent: Option<Name<'_>>,
        attribute: &'v Attribute<'_>,
    ) -> Option<Cow<'v, str>> {
        let whole: &str = &attribute.value;
        let value = whole.trim();
        let keep = |kept: bool| kept.then_some(Cow::Borrowed(value));
        let listed = || keep(rule.is_listed && values::is_plain(value));
        match rule.sort {
            Sort::Listed => listed(),
            Sort::Plain => keep(values::is_plain(value)),
            Sort::Any => keep(true),
            Sort::Nothing => None,
            Sort::Always(always) => Some(Cow::Borrowed(always)),
            Sort::Only(only) => keep(value == only),
            Sort::Name => (value.len() <= MAX_NAME).then_some(Cow::Borrowed(whole)),
            Sort::Language => values::language(value).map(Cow::Owned),
            Sort::Character => keep(value.chars().count() <= 2),
            Sort::Script => keep(value.len() <= 4 && value.is_ascii()),
            Sort::Font => {
                let font = (value.len() <= MAX_NAME).then_some(whole)?;
                if !self.shared.fonts.contains(font) {
                    self.shared.fonts.insert(font.to_owned());
                }
                Some(Cow::Borrowed(whole))
            }
            Sort::ListedFont => self.shared.fonts.contains(whole).then_some(Cow::Borrowed(whole)),
            Sort::TableStyleId => {
                names::table_style(value, |id| self.shared.number("table style", id))
                    .map(Cow::Owned)
            }
            Sort::Cells => keep(values::is_cells(value)),
            Sort::Guide if names::is_coordinate(value) => keep(true),
            Sort::Guide => {
                names::guide(value, |guide| self.shared.number("guide", guide)).map(Cow::Owned)
            }
            Sort::Number(what) => Some(self.shared.number(what, value).to_string().into()),
            Sort::Count(what) => Some(self.shared.next(what).to_string().into()),
            Sort::Relation => self.relation(element, attribute.name.local, value).map(Cow::Owned),
            Sort::Style => Some(format!("s{}", self.shared.number("style", value)).into()),
            Sort::StyleName if !parent.is_some_and(|p| p.is("w", "style")) => listed(),
            Sort::StyleName | Sort::CellStyle => Some(self.style_name(value).into()),
            Sort::TableStyle => keep(excel::is_builtin_table_style(value)),
            Sort::Compatibility => keep(word::COMPATIBILITY.contains(&value)),
            Sort::Threshold => {
                self.note_words(value);
                keep(!super::plan::calls(value))
            }
            Sort::Slide => Some((255 + self.shared.number("slide", value)).to_string().into()),
            Sort::Data => data(value).map(Cow::Borrowed),
            Sort::Model if value == "0" => keep(true),
            Sort::Model => Some(self.shared.number("model", value).to_string().into()),
            Sort::DiagramName => keep(drawing::is_diagram_name(value)),
            Sort::DiagramWord => keep(drawing::is_diagram_name(value) || values::is_plain(value)),
            Sort::DiagramDrawing => {
                let key = (self.source.to_ascii_lowercase(), value.to_owned());
                self.shared.drawings.get(&key).map(|number| format!("rId{number}").into())
            }
            Sort::VmlStyle => Some(values::style(value).into()),
            Sort::VmlShape => Some(format!("v{}", self.shared.number("vml", value)).into()),
            Sort::VmlType => match value.strip_prefix('#') {
                Some(_) => {
                    let shape = value.trim_start_matches('#');
                    Some(format!("#v{}", self.shared.number("vml", shape)).into())
                }
                None => listed(),
            },
            Sort::VmlPath => keep(values::is_plain(value) || values::is_path(value)),
        }
    }

    /// Writes an attribute's value anew, or tells of it and gives false.
    fn attribute(
        &mut self,
        rule: &AttributeRule,
        element: Name<'_>,
        parent: Option<Name<'_>>,
        attribute: &mut Attribute<'_>,
    ) -> bool {
        let told = match self.value(rule, element, parent, attribute) {
            Some(Cow::Borrowed(value)) if std::ptr::eq(value, &*attribute.value) => return true,
            Some(value) if value == attribute.value => return true,
            Some(value) => {
                let value = value.into_owned();
                let before = std::mem::replace(&mut attribute.value, Cow::Owned(value));
                rule.changed.filter(|_| !before.is_empty())
            }
            None => {
                self.found.extend(rule.dropped.filter(|_| !attribute.value.is_empty()));
                return false;
            }
        };
        self.found.extend(told);
        true
    }

    /// The new identifier of a relationship to a part that is written.
    fn relation(&mut self, element: Name<'_>, attribute: &str, id: &str) -> Option<String> {
        let refers = matches!(
            (element.space, element.local, attribute),
            ("w", "headerReference" | "footerReference", "id")
                | ("c", "chart" | "userShapes", "id")
                | ("x", "sheet" | "drawing" | "tablePart" | "picture", "id")
                | ("p", "sldId" | "sldLayoutId" | "sldMasterId", "id")
                | ("v", "imagedata" | "fill" | "stroke", "id")
                | ("a", "blip", "embed")
                | ("dgm", "relIds", "dm" | "lo" | "qs" | "cs")
        );
        let relation = *self.relations.get(id)?;
        if !refers || relation.target.is_none() || roles::role(&relation.what).is_none() {
            return None;
        }
        let number = *self.numbers.entry(&relation.id).or_insert_with(|| {
            self.used.push(id.to_owned());
            self.used.len()
        });
        Some(format!("rId{number}"))
    }

    /// A style's name if it is one that every copy of the program has, otherwise a number.
    fn style_name(&mut self, name: &str) -> String {
        if word::is_known_style(name) {
            return name.to_owned();
        }
        let is_numbered =
            name.strip_prefix("Style ").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        if !is_numbered {
            self.found.insert(Found::Other);
        }
        format!("Style {}", self.shared.next("style name"))
    }

    /// Where a chart's values come from. In a workbook that is a sheet; elsewhere it was an embedded one, whose name
    /// says nothing any more.
    fn chart_reference<'t>(&mut self, text: Cow<'t, str>) -> Cow<'t, str> {
        let cells =
            text.rsplit_once('!').map(|(_, cells)| cells).filter(|cells| values::is_cells(cells));
        if self.shared.kind == Kind::Xlsx {
            self.note_words(&text);
            if !super::plan::calls(&text) {
                return text;
            }
        }
        let anonymous = format!("Sheet1!{}", cells.unwrap_or("$A$1"));
        if *text != anonymous {
            self.found.insert(Found::Other);
        }
        Cow::Owned(anonymous)
    }
}

fn is_unwrapped_frame(open: &Open<'_>) -> bool {
    open.fate == Fate::Unwrap && open.name.is("p", "graphicFrame")
}

/// The namespace of what a frame shows, as it is written.
fn data(uri: &str) -> Option<&'static str> {
    const TABLE: &str = "http://schemas.openxmlformats.org/drawingml/2006/table";
    let known = SPACES.iter().find(|s| s.uri == uri || s.also.contains(&uri));
    let is_table = matches!(uri, TABLE | "http://purl.oclc.org/ooxml/drawingml/table");
    known.map(|s| s.uri).or_else(|| is_table.then_some(TABLE))
}

impl Rules for Part<'_> {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        let read = element.name;
        let rule = self.elements.of(read, || ElementRule::of(read));
        let fate = self.fate(&rule, element);
        if fate != Fate::Keep {
            return Ok(fate);
        }
        let mut code = None;
        match rule.treatment {
            Treatment::Cell => self.is_shared_string = element.get("", "t") == Some("s"),
            Treatment::FieldSimple => code = self.plan.fields.get(&place(read)),
            _ => {}
        }
        if let Some(code) = code {
            // the code is written anew below
            if element.remove("w", "instr").is_some_and(|instruction| *instruction != **code) {
                self.found.insert(Found::Other);
            }
        }
        let parent = element.parent();
        let mut needed = false;
        let name = element.name;
        // in their names' order: what is numbered as it comes is numbered in the order that is written
        element.attributes.retain_mut(|attribute| {
            let of = || AttributeRule::of(self.shared.kind, name, attribute.name);
            let rule = self.attributes.of(name, attribute.name, of);
            let kept = self.attribute(&rule, name, parent, attribute);
            needed |= !kept && rule.is_needed;
            kept
        });
        if let Some(code) = code {
            element.set("w", "instr", code.clone());
        }
        Ok(if needed { Fate::Drop } else { Fate::Keep })
    }

    fn text<'t>(
        &mut self,
        text: Cow<'t, str>,
        path: &[Open<'_>],
    ) -> Result<Option<Cow<'t, str>>, Refusal> {
        let Some(open) = path.last().filter(|open| open.fate == Fate::Keep) else {
            return Ok(None);
        };
        let trimmed = text.trim();
        match self.elements.of(open.name, || ElementRule::of(open.name)).text {
            Text::Value => {
                if self.is_shared_string
                    && let Ok(number) = trimmed.parse()
                {
                    self.shared.strings.insert(number);
                }
            }
            Text::Content => {}
            Text::Formula => self.note_words(&text),
            Text::Separator if text.len() <= 8 => {}
            Text::ChartReference => return Ok(Some(self.chart_reference(text))),
            Text::Code => {
                let code = self.plan.fields.get(&place(open.name)).cloned().unwrap_or_default();
                return Ok(Some(Cow::Owned(code)));
            }
            Text::TableStyle => {
                let id = names::table_style(trimmed, |id| self.shared.number("table style", id));
                return Ok(id.map(Cow::Owned));
            }
            _ if trimmed.is_empty() => return Ok(None),
            _ if values::is_plain(trimmed) => {
                if trimmed.len() < text.len() {
                    return Ok(Some(Cow::Owned(trimmed.to_owned())));
                }
            }
            _ => {
                self.found.insert(Found::Other);
                return Ok(None);
            }
        }
        Ok(Some(text))
    }

    fn end(&mut self, path: &[Open<'_>]) -> Result<(), Refusal> {
        if path.last().is_some_and(|open| open.name.is("mc", "AlternateContent")) {
            self.chosen.pop();
        }
        Ok(())
    }
}
