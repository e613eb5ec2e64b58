//! One XML part, written anew.
//!
//! An element or attribute is written only if its name is one of the standard's that `vocabulary.txt` lists. A value is
//! written if it is a number, a measure, a colour or a word of the standard; what else may be a value, by the
//! attribute's name, is in [`Part::attribute`]; text is written only in the elements of [`Part::text`].
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
    xml::{Attribute, Element, Fate, Name, Open, Rules, Space},
};

use super::{
    names,
    plan::{Plan, place},
    relations::{self, Relation},
    roles::{self, Role},
    values,
    vocabulary::{SPACES, is_attribute, is_element},
};

/// The longest name of a font, a sheet, a column.
const MAX_NAME: usize = 255;
/// Words that the names of Word's and Excel's own styles are made of.
const STYLE_WORDS: &[&str] = &[
    "normal",
    "heading",
    "title",
    "subtitle",
    "toc",
    "index",
    "header",
    "footer",
    "caption",
    "list",
    "bullet",
    "number",
    "continue",
    "body",
    "text",
    "first",
    "indent",
    "table",
    "grid",
    "light",
    "shading",
    "accent",
    "medium",
    "dark",
    "colorful",
    "no",
    "spacing",
    "quote",
    "intense",
    "emphasis",
    "strong",
    "subtle",
    "reference",
    "book",
    "hyperlink",
    "followedhyperlink",
    "footnote",
    "endnote",
    "annotation",
    "page",
    "line",
    "default",
    "paragraph",
    "font",
    "simple",
    "classic",
    "columns",
    "contemporary",
    "elegant",
    "professional",
    "web",
    "theme",
    "plain",
    "html",
    "preformatted",
    "balloon",
    "date",
    "salutation",
    "signature",
    "closing",
    "message",
    "block",
    "envelope",
    "address",
    "return",
    "document",
    "map",
    "macro",
    "toa",
    "note",
    "figures",
    "authorities",
    "bibliography",
    "placeholder",
    "good",
    "bad",
    "neutral",
    "calculation",
    "check",
    "cell",
    "input",
    "output",
    "linked",
    "warning",
    "explanatory",
    "comma",
    "currency",
    "percent",
    "followed",
    "total",
    "3d",
    "effects",
    "of",
    "(web)",
    "[0]",
    "20%",
    "40%",
    "60%",
    "-",
    "abstract",
    "outline",
    "e-mail",
    "subject",
    "tablegrid",
    "char",
];

/// What is known of the document so far, for all its parts.
pub(super) struct Shared {
    kind: Kind,
    /// Styles' identifiers, models' points and VML shapes, numbered as they come.
    numbers: HashMap<(&'static str, String), usize>,
    counts: HashMap<&'static str, usize>,
    /// Which shared strings cells show.
    strings: HashSet<u64>,
    /// Names in formulas, in upper case.
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
            strings: HashSet::new(),
            words: HashSet::new(),
            fonts: HashSet::new(),
            is_last: false,
            drawings: HashMap::new(),
        }
    }

    /// The number that stands for `value`, counted from 1.
    fn number(&mut self, what: &'static str, value: &str) -> usize {
        if let Some(number) = self.numbers.get(&(what, value.to_owned())) {
            return *number;
        }
        let number = self.next(what);
        self.numbers.insert((what, value.to_owned()), number);
        number
    }

    fn next(&mut self, what: &'static str) -> usize {
        let count = self.counts.entry(what).or_default();
        *count += 1;
        *count
    }

    fn note_words(&mut self, formula: &str) {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '\\' | '?');
        for word in formula.split(|c| !is_name(c)).filter(|word| word.len() > 1) {
            self.words.insert(word.to_uppercase());
        }
    }
}

/// The rules for one part.
pub(super) struct Part<'a> {
    shared: &'a mut Shared,
    role: &'static Role,
    source: &'a str,
    relations: HashMap<&'a str, &'a Relation>,
    plan: &'a Plan,
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
    fn fate(&mut self, element: &mut Element<'_, '_>) -> Fate {
        let place = place(element.name);
        let parent = element.path.last();
        match (element.name.space, element.name.local) {
            ("mc", "AlternateContent") => {
                self.chosen.push(false);
                self.unwrap(Found::Other)
            }
            ("mc", "Choice" | "Fallback") => self.branch(element),
            ("w", "r") if self.plan.hidden.contains(&place) => self.drop(Found::Comment),
            ("w", "tr") if self.plan.deleted.contains(&place) => self.drop(Found::History),
            ("w", "ins" | "moveTo") => self.unwrap(Found::History),
            (
                "w",
                "del" | "moveFrom" | "delText" | "delInstrText" | "cellIns" | "cellDel"
                | "cellMerge",
            ) => self.drop(Found::History),
            ("w", name) if name.ends_with("Change") => self.drop(Found::History),
            ("w", "hyperlink") => self.unwrap(Found::Active),
            ("w", "sdt" | "sdtContent" | "smartTag" | "customXml") => self.unwrap(Found::Other),
            ("w", "fldChar" | "instrText") if !self.plan.fields.contains_key(&place) => {
                self.drop(Found::Active)
            }
            ("w", "fldSimple") if !self.plan.fields.contains_key(&place) => {
                self.unwrap(Found::Active)
            }
            ("w", "fldSimple") => Fate::Keep,
            ("x", "fileVersion") if element.get("", "appName") != Some("xl") => {
                self.drop(Found::Software)
            }
            ("w", "object") => {
                element.name.local = "pict";
                Fate::Keep
            }
            ("o", "OLEObject") => self.drop(Found::Attachment),
            ("a", "hlinkClick" | "hlinkHover" | "hlinkMouseOver") | ("x", "hyperlinks") => {
                self.drop(Found::Active)
            }
            ("a", "fld") if element.get("", "type") != Some("slidenum") => {
                element.name.local = "r";
                element.attributes.clear();
                self.found.insert(Found::Active);
                Fate::Keep
            }
            ("p", "graphicFrame") => match self.plan.objects.get(&place) {
                None => Fate::Keep,
                Some(true) => self.unwrap(Found::Attachment),
                Some(false) => self.drop(Found::Attachment),
            },
            ("p", "nvGraphicFramePr" | "xfrm") if parent.is_some_and(is_unwrapped_frame) => {
                Fate::Drop
            }
            ("a", "graphic" | "graphicData")
                if parent.is_some_and(|p| p.fate == Fate::Unwrap && p.name.space != "mc") =>
            {
                Fate::Unwrap
            }
            ("p", "oleObj") => Fate::Unwrap,
            ("x", "si") => {
                self.is_unused = !self.shared.strings.contains(&self.string);
                self.string += 1;
                Fate::Keep
            }
            ("x", _)
                if self.is_unused
                    && self.role.what == "sharedStrings"
                    && parent.is_some_and(|p| p.name.is("x", "si")) =>
            {
                self.drop(Found::History)
            }
            (
                "x",
                "f"
                | "definedName"
                | "formula"
                | "formula1"
                | "formula2"
                | "calculatedColumnFormula"
                | "totalsRowFormula",
            ) if self.plan.calling.contains(&place) => self.drop(Found::Active),
            ("x", "definedName")
                if self.shared.is_last && !self.is_used(element.get("", "name")) =>
            {
                self.drop(Found::Other)
            }
            ("dgm", "extLst") if parent.is_some_and(|p| p.name.is("dgm", "dataModel")) => {
                Fate::Keep
            }
            ("a", "ext") if parent.is_some_and(|p| p.name.is("dgm", "extLst")) => {
                if element.get("", "uri") == Some(DIAGRAM_EXTENSION) {
                    Fate::Keep
                } else {
                    self.drop(Found::Other)
                }
            }
            ("dsp", "dataModelExt") => Fate::Keep,
            _ if is_element(element.name) => Fate::Keep,
            (space, name) => self.drop(told(space, name)),
        }
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

    /// What is written for an attribute's value; None if the attribute goes.
    fn attribute(
        &mut self,
        element: Name<'_>,
        parent: Option<Name<'_>>,
        attribute: &Attribute<'_>,
    ) -> Option<String> {
        let value = attribute.value.trim();
        let keep = |kept: bool| kept.then(|| value.to_owned());
        let name = || (value.len() <= MAX_NAME).then(|| attribute.value.clone().into_owned());
        let number =
            |what: &'static str, shared: &mut Shared| Some(shared.number(what, value).to_string());
        match (attribute.name.space, element.space, element.local, attribute.name.local) {
            ("xml", _, _, "space") => keep(value == "preserve"),
            ("r", ..) => self.relation(element, attribute.name.local, value),
            (
                "w",
                _,
                "pStyle" | "rStyle" | "tblStyle" | "basedOn" | "next" | "styleLink"
                | "numStyleLink",
                "val",
            )
            | ("w", _, "style", "styleId") => {
                Some(format!("s{}", self.shared.number("style", value)))
            }
            ("w", _, "name", "val") if parent.is_some_and(|p| p.is("w", "style")) => {
                Some(self.style_name(value))
            }
            ("w", _, "rFonts", "ascii" | "hAnsi" | "eastAsia" | "cs")
            | ("w", _, "sym", "font")
            | ("m", _, "mathFont", "val")
            | ("", "a" | "p", _, "typeface") => {
                let font = name();
                self.shared.fonts.extend(font.clone());
                font
            }
            ("w", _, "font", "name") => name().filter(|font| self.shared.fonts.contains(font)),
            ("w", _, "lvlText", "val") => name(),
            ("w", _, "lang" | "themeFontLang", _) => values::language(value),
            ("w", _, "fldSimple", "instr") => None,
            ("w", _, "listEntry", "val") => name(),
            ("w", _, "compatSetting", "uri") => {
                Some("http://schemas.microsoft.com/office/word".to_owned())
            }
            ("w", _, "compatSetting", "name") => keep(COMPATIBILITY.contains(&value)),
            ("w", _, "footnote" | "endnote" | "footnoteReference" | "endnoteReference", "id") => {
                keep(values::is_plain(value))
            }
            (
                "w",
                _,
                _,
                "color" | "fill" | "themeShade" | "themeTint" | "themeFillShade" | "themeFillTint",
            ) => keep(values::is_plain(value)),
            ("m", _, "chr" | "begChr" | "endChr" | "sepChr", "val") => {
                keep(value.chars().count() <= 2)
            }
            ("", "wp", "docPr", "id") => Some(self.shared.next("docPr").to_string()),
            ("", _, "cNvPr", "id") if self.shared.kind == Kind::Docx => Some("0".to_owned()),
            ("", "p" | "xdr" | "cdr" | "dsp" | "a", "cNvPr", "id") => keep(values::is_plain(value)),
            ("", _, "cNvPr" | "docPr", "name") => Some(String::new()),
            ("", "p", "sldId", "id") => {
                Some((255 + self.shared.number("slide", value)).to_string())
            }
            ("", "p", "sldMasterId" | "sldLayoutId", "id") => keep(values::is_plain(value)),
            ("", "a", "stCxn" | "endCxn", "id") => {
                keep(self.shared.kind != Kind::Docx && values::is_plain(value))
            }
            ("", "a", "buChar", "char") => keep(value.chars().count() <= 2),
            ("", "a", _, "lang") => values::language(value),
            ("", "a", "font", "script") => keep(value.len() <= 4 && value.is_ascii()),
            (
                "",
                "a",
                "theme" | "themeOverride" | "clrScheme" | "fontScheme" | "fmtScheme",
                "name",
            ) => Some("Theme".to_owned()),
            ("", "a", "tableStyle" | "tblStyle", "styleName") => Some("Style".to_owned()),
            ("", "a", _, "styleId" | "def") => {
                names::table_style(value, |id| self.shared.number("table style", id))
            }
            ("", "a", "fld", "id") => Some("{00000000-0000-0000-0000-000000000001}".to_owned()),
            ("", "a", "fld", "type") => keep(value == "slidenum"),
            ("", "a", "ext", "uri") => keep(value == DIAGRAM_EXTENSION),
            ("", "a", "graphicData", "uri") => SPACES
                .iter()
                .find(|s| s.uri == value || s.also.contains(&value))
                .map(|s| s.uri.to_owned())
                .or_else(|| keep(value == "http://schemas.openxmlformats.org/drawingml/2006/table"))
                .or_else(|| {
                    (value == "http://purl.oclc.org/ooxml/drawingml/table").then(|| {
                        "http://schemas.openxmlformats.org/drawingml/2006/table".to_owned()
                    })
                }),
            ("", "a", "gd", "name" | "fmla")
            | ("", "a", "pt" | "pos", "x" | "y")
            | ("", "a", "rect", "l" | "t" | "r" | "b")
            | ("", "a", "arcTo", "wR" | "hR" | "stAng" | "swAng")
            | ("", "a", "ahXY" | "ahPolar", _)
            | ("", "a", "cxn", "ang") => {
                names::guide(value, |guide| self.shared.number("guide", guide))
            }
            ("", "c", _, "formatCode") | ("", "x", "numFmt", "formatCode") => name(),
            ("", "c", "lang", "val") => values::language(value),
            (
                "",
                "x",
                _,
                "r" | "ref" | "sqref" | "spans" | "topLeftCell" | "activeCell" | "r1" | "r2",
            ) => keep(values::is_cells(value)),
            // that Excel made it, which is common to all: without it LibreOffice computes every cell anew
            ("", "x", "fileVersion", name) => keep(name == "appName"),
            ("", "x", "sheet", "name")
            | ("", "x", "definedName", "name")
            | ("", "x", "table", "name" | "displayName") => name(),
            ("", "x", "tableColumn", "name" | "totalsRowLabel") => name(),
            ("", "x", "sheet", "sheetId") => number("sheet", self.shared),
            ("", "x", "table" | "tableColumn", "id") => keep(values::is_plain(value)),
            ("", "x", "tableStyleInfo", "name") => keep(is_builtin_table_style(value)),
            ("", "x", "cellStyle", "name") => Some(self.style_name(value)),
            ("", "x", "name" | "rFont", "val") => name(),
            ("", "x", "cfvo", "val") => {
                self.shared.note_words(value);
                keep(!super::plan::calls(value))
            }
            ("", "x", "cfRule", "text") => name(),
            (
                "",
                "dgm" | "dsp",
                _,
                "modelId" | "parTransId" | "sibTransId" | "cxnId" | "srcId" | "destId"
                | "presAssocID",
            ) => {
                if value == "0" {
                    keep(true)
                } else {
                    number("model", self.shared)
                }
            }
            ("", "dgm", "cxn", "presId")
            | (
                "",
                "dgm",
                _,
                "loTypeId" | "qsTypeId" | "csTypeId" | "uniqueId" | "loCatId" | "qsCatId"
                | "csCatId" | "minVer" | "defStyle",
            ) => keep(is_diagram_name(value)),
            (
                "",
                "dgm",
                _,
                "name" | "forName" | "refForName" | "styleLbl" | "ref" | "moveWith" | "val" | "arg"
                | "presName" | "presStyleLbl" | "type",
            ) => keep(is_diagram_name(value) || values::is_plain(value)),
            ("", "dsp", "dataModelExt", "relId") => {
                let key = (self.source.to_ascii_lowercase(), value.to_owned());
                self.shared.drawings.get(&key).map(|number| format!("rId{number}"))
            }
            ("", "dsp", "dataModelExt", "minVer") => keep(is_diagram_name(value)),
            ("", "v", _, "style") => Some(values::style(value)),
            (
                "",
                "v",
                "shapetype" | "shape" | "group" | "rect" | "line" | "oval" | "roundrect"
                | "polyline" | "image" | "arc" | "curve",
                "id",
            ) => Some(format!("v{}", self.shared.number("vml", value))),
            ("", "v", _, "type") if value.starts_with('#') => {
                Some(format!("#v{}", self.shared.number("vml", value.trim_start_matches('#'))))
            }
            ("", "v", "textpath", "string") => name(),
            (
                "",
                "v",
                _,
                "path" | "v" | "adj" | "eqn" | "points" | "coordorigin" | "coordsize"
                | "wrapcoords" | "from" | "to" | "inset" | "fillcolor" | "strokecolor" | "color"
                | "color2" | "colors" | "strokeweight" | "weight" | "opacity" | "textboxrect"
                | "limo" | "position" | "polar" | "xrange" | "yrange" | "radiusrange" | "arcsize"
                | "focus" | "focusposition" | "focussize" | "offset" | "origin" | "size" | "matrix"
                | "dashstyle" | "cropbottom" | "croptop" | "cropleft" | "cropright" | "gain"
                | "blacklevel" | "gamma" | "miterlimit" | "control1" | "control2",
            )
            | ("o", "v", "path", "connectlocs" | "connectangles") => {
                keep(values::is_plain(value) || values::is_path(value))
            }
            _ => keep(is_attribute(element.space, attribute.name) && values::is_plain(value)),
        }
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
        let known = |word: &str| {
            let word = word.to_lowercase();
            STYLE_WORDS.contains(&word.as_str())
                || word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit())
        };
        let is_own = name.split([' ', '/']).all(known);
        let is_numbered =
            name.strip_prefix("Style ").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        if is_own {
            return name.to_owned();
        }
        if !is_numbered {
            self.found.insert(Found::Other);
        }
        format!("Style {}", self.shared.next("style name"))
    }

    fn tell_attribute(&mut self, element: Name<'_>, attribute: &Attribute<'_>) {
        let name = attribute.name.local;
        // what says nothing, or depends on what is written anyway
        if attribute.value.is_empty()
            || matches!(name, "Ignorable" | "count" | "uniqueCount")
            || element.space == "mc"
        {
            return;
        }
        let found = match name {
            _ if name.starts_with("rsid")
                || name.ends_with("Id")
                || name == "uid"
                || name == "id" =>
            {
                Found::Identifier
            }
            "author" | "initials" | "userName" => Found::Person,
            "date" => Found::Time,
            "descr" | "title" | "alt" | "tooltip" | "prompt" | "promptTitle" | "error"
            | "errorTitle" => Found::Comment,
            _ => Found::Other,
        };
        self.found.insert(found);
    }
}

/// An extension of a diagram's data that leads to its drawing.
const DIAGRAM_EXTENSION: &str = "http://schemas.microsoft.com/office/drawing/2008/diagram";

const COMPATIBILITY: &[&str] = &[
    "compatibilityMode",
    "overrideTableStyleFontSizeAndJustification",
    "enableOpenTypeFeatures",
    "doNotFlipMirrorIndents",
    "differentiateMultirowTableHeaders",
    "useWord2013TrackBottomHyphenation",
    "allowHyphenationAtTrackBottom",
    "allowTextAfterFloatingTableBreak",
];

fn is_unwrapped_frame(open: &Open<'_>) -> bool {
    open.fate == Fate::Unwrap && open.name.is("p", "graphicFrame")
}

fn is_builtin_table_style(name: &str) -> bool {
    ["TableStyleLight", "TableStyleMedium", "TableStyleDark"].iter().any(|start| {
        name.strip_prefix(start)
            .is_some_and(|n| n.len() <= 2 && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// A name in a diagram's definition: one word, or one of Microsoft's.
fn is_diagram_name(value: &str) -> bool {
    let rest = value.strip_prefix("urn:microsoft.com/office/officeart/").unwrap_or(value);
    let rest =
        rest.strip_prefix("http://schemas.openxmlformats.org/drawingml/2006/").unwrap_or(rest);
    rest.len() <= 64 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/#".contains(&b))
}

/// What an element holds that is not written.
fn told(space: &str, name: &str) -> Found {
    match (space, name) {
        ("w", "rsid" | "rsids" | "nsid" | "tmpl" | "docVars" | "bookmarkStart" | "bookmarkEnd") => {
            Found::Identifier
        }
        ("w", name) if name.starts_with("comment") || name.starts_with("annotation") => {
            Found::Comment
        }
        ("w", name) if name.starts_with("move") => Found::History,
        ("w", "tblCaption" | "tblDescription") => Found::Comment,
        ("p", "timing" | "controls") | ("x", "controls" | "externalReferences" | "hyperlinks") => {
            Found::Active
        }
        ("x", "legacyDrawing") => Found::Comment,
        ("c", "externalData") | ("x", "oleObjects") => Found::Attachment,
        ("x", "fileVersion") => Found::Software,
        ("x", "selection" | "customWorkbookViews" | "mruColors") => Found::History,
        _ => Found::Other,
    }
}

impl Rules for Part<'_> {
    fn spaces(&self) -> &'static [Space] {
        SPACES
    }

    fn start(&mut self, element: &mut Element<'_, '_>) -> Result<Fate, Refusal> {
        let read = element.name;
        let fate = self.fate(element);
        if fate != Fate::Keep {
            return Ok(fate);
        }
        if read.is("x", "c") {
            self.is_shared_string = element.get("", "t") == Some("s");
        }
        let code = self.plan.fields.get(&place(read)).filter(|_| read.is("w", "fldSimple"));
        if let Some(code) = code {
            // the code is written anew below
            if element.remove("w", "instr").is_some_and(|instruction| *instruction != **code) {
                self.found.insert(Found::Other);
            }
        }
        let parent = element.parent();
        let mut needed = false;
        let name = element.name;
        let mut attributes = std::mem::take(element.attributes);
        // what is numbered as it comes is numbered in the order that is written
        attributes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        attributes.retain_mut(|attribute| match self.attribute(name, parent, attribute) {
            Some(value) => {
                if *attribute.value != *value {
                    if !is_numbering(name, attribute.name) {
                        self.tell_attribute(name, attribute);
                    }
                    attribute.value = Cow::Owned(value);
                }
                true
            }
            None => {
                self.tell_attribute(name, attribute);
                needed |= is_needed(name, attribute.name);
                false
            }
        });
        *element.attributes = attributes;
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
        match (open.name.space, open.name.local) {
            ("x", "v") => {
                if self.is_shared_string {
                    self.shared.strings.extend(trimmed.parse::<u64>());
                }
            }
            ("w" | "a" | "m" | "x", "t")
            | ("c", "v" | "formatCode")
            | (
                "x",
                "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader"
                | "firstFooter",
            ) => {}
            (
                "x",
                "f"
                | "formula"
                | "formula1"
                | "formula2"
                | "calculatedColumnFormula"
                | "totalsRowFormula"
                | "definedName",
            ) => {
                self.shared.note_words(&text);
            }
            ("c", "separator") if text.len() <= 8 => {}
            ("c", "f") => return Ok(Some(self.chart_reference(text))),
            ("w", "instrText") => {
                let code = self.plan.fields.get(&place(open.name)).cloned().unwrap_or_default();
                return Ok(Some(Cow::Owned(code)));
            }
            ("a", "tableStyleId") => {
                let id = names::table_style(trimmed, |id| self.shared.number("table style", id));
                return Ok(id.map(Cow::Owned));
            }
            _ if trimmed.is_empty() => return Ok(None),
            _ if values::is_plain(trimmed) => return Ok(Some(Cow::Owned(trimmed.to_owned()))),
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

impl Part<'_> {
    /// Where a chart's values come from. In a workbook that is a sheet; elsewhere it was an embedded one, whose name
    /// says nothing any more.
    fn chart_reference<'t>(&mut self, text: Cow<'t, str>) -> Cow<'t, str> {
        let cells =
            text.rsplit_once('!').map(|(_, cells)| cells).filter(|cells| values::is_cells(cells));
        if self.shared.kind == Kind::Xlsx {
            self.shared.note_words(&text);
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

/// Attributes without which their element is nothing.
fn is_needed(element: Name<'_>, attribute: Name<'_>) -> bool {
    match (attribute.space, attribute.local) {
        ("r", "id") => element.space != "x" || element.local != "pageSetup",
        ("w" | "m", "val") | ("w", "type") => true,
        ("", "val") => matches!(element.space, "a" | "c" | "x"),
        ("", "uri" | "sqref" | "relId") => true,
        ("", "id") => matches!(element.local, "stCxn" | "endCxn"),
        ("", "name") => element.local == "compatSetting",
        ("w", "name") => matches!(element.local, "compatSetting" | "font"),
        _ => false,
    }
}

/// Whether an attribute is a number that is given anew, which tells of nothing found.
fn is_numbering(element: Name<'_>, attribute: Name<'_>) -> bool {
    attribute.space == "r"
        || matches!(
            (element.space, attribute.local),
            ("w", "val" | "styleId" | "uri")
                | ("v", "id" | "type" | "style")
                | ("dgm" | "dsp", _)
                | ("wp", "id")
                | ("p" | "x", "id" | "sheetId")
                | ("a", "uri" | "styleId" | "def")
        )
        || element.space == "a"
            && matches!(
                element.local,
                "gd" | "pt" | "pos" | "rect" | "arcTo" | "ahXY" | "ahPolar" | "cxn"
            )
}
