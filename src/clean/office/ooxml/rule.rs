//! What becomes of an element or an attribute by its name alone: worked out once for each name of a part.

use crate::clean::{Found, Kind, xml::Name};

use super::{
    drawing, excel,
    vocabulary::{is_attribute, is_element},
    word,
};

/// What becomes of an element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Treatment {
    /// Kept if the vocabulary has it.
    Listed,
    Keep,
    Drop(Found),
    Unwrap(Found),
    /// `mc:AlternateContent` and what it has to choose from.
    Alternatives,
    Alternative,
    Run,
    Row,
    /// A field's character or code.
    FieldMark,
    FieldSimple,
    /// An embedded object of a text, and one of a slide.
    Object,
    OleObject,
    FileVersion,
    Cell,
    SharedString,
    Formula,
    DefinedName,
    /// A field in a text of a slide.
    SlideField,
    /// A frame, and what stands in it before its content.
    Frame,
    OfFrame,
    Graphic,
    DiagramExtensions,
    DiagramExtension,
}

/// What text an element has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text {
    Content,
    /// Numbers and words of the standard.
    Plain,
    /// A cell's value, which may be the number of a shared string.
    Value,
    Formula,
    /// A field's code.
    Code,
    Separator,
    ChartReference,
    TableStyle,
}

/// What an attribute's value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sort {
    /// Numbers and words of the standard, if the vocabulary has the attribute.
    Listed,
    /// Numbers and words of the standard.
    Plain,
    Any,
    Nothing,
    /// Whatever it was, this.
    Always(&'static str),
    /// This or nothing.
    Only(&'static str),
    /// A name of a sheet, a column.
    Name,
    /// A name of a font that is used, and one of the table of fonts.
    Font,
    ListedFont,
    Language,
    /// A sign or two.
    Character,
    /// The name of a script.
    Script,
    Cells,
    Guide,
    /// An identifier that is numbered, by its value or as it comes.
    Number(&'static str),
    Count(&'static str),
    Relation,
    Style,
    StyleName,
    CellStyle,
    TableStyle,
    /// The identifier of a table style of a presentation.
    TableStyleId,
    Compatibility,
    /// A number or a formula.
    Threshold,
    Slide,
    /// What a frame shows, by its namespace.
    Data,
    Model,
    DiagramName,
    DiagramWord,
    DiagramDrawing,
    VmlStyle,
    VmlShape,
    VmlType,
    VmlPath,
}

/// The rules for elements of one name.
#[derive(Clone, Copy, Debug)]
pub(super) struct ElementRule {
    pub(super) treatment: Treatment,
    pub(super) is_listed: bool,
    /// What is found if it is not written.
    pub(super) told: Found,
    pub(super) text: Text,
}

impl ElementRule {
    pub(super) fn of(name: Name<'_>) -> Self {
        let (space, local) = (name.space, name.local);
        let treatment = match (space, local) {
            ("mc", "AlternateContent") => Treatment::Alternatives,
            ("mc", "Choice" | "Fallback") => Treatment::Alternative,
            ("w", _) => word::treatment(local),
            ("x", _) => excel::treatment(local),
            _ => drawing::treatment(space, local),
        };
        let (told, text) = match space {
            "w" => (word::told(local), word::text(local)),
            "x" => (excel::told(local), excel::text(local)),
            _ => (drawing::told(space, local), drawing::text(space, local)),
        };
        Self { treatment, is_listed: is_element(name), told, text }
    }
}

/// The rules for attributes of one name in elements of one name.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttributeRule {
    pub(super) sort: Sort,
    pub(super) is_listed: bool,
    /// Whether the element is nothing without it.
    pub(super) is_needed: bool,
    /// What is found if it is not written; nothing if it says nothing, or depends on what is written anyway.
    pub(super) dropped: Option<Found>,
    /// What is found if it is written in another way.
    pub(super) changed: Option<Found>,
}

impl AttributeRule {
    pub(super) fn of(kind: Kind, element: Name<'_>, name: Name<'_>) -> Self {
        let sort = match (name.space, element.space) {
            ("xml", _) if name.local == "space" => Sort::Only("preserve"),
            ("r", _) => Sort::Relation,
            ("w", _) => word::attribute(element.local, name.local),
            ("m", _) => word::formula_attribute(element.local, name.local),
            ("", "x") => excel::attribute(element.local, name.local),
            ("", space) => drawing::attribute(kind, space, element.local, name.local),
            ("o", "v") if matches!(name.local, "connectlocs" | "connectangles") => {
                if element.local == "path" { Sort::VmlPath } else { Sort::Listed }
            }
            _ => Sort::Listed,
        };
        let dropped = told(element, name);
        Self {
            sort,
            is_listed: is_attribute(element.space, name),
            is_needed: is_needed(element, name),
            dropped,
            changed: dropped.filter(|_| !is_numbering(element, name)),
        }
    }
}

/// What an attribute holds that is not written.
fn told(element: Name<'_>, attribute: Name<'_>) -> Option<Found> {
    let name = attribute.local;
    if matches!(name, "Ignorable" | "count" | "uniqueCount") || element.space == "mc" {
        return None;
    }
    Some(match name {
        _ if name.starts_with("rsid") || name.ends_with("Id") || matches!(name, "uid" | "id") => {
            Found::Identifier
        }
        "author" | "initials" | "userName" => Found::Person,
        "date" => Found::Time,
        "descr" | "title" | "alt" | "tooltip" | "prompt" | "promptTitle" | "error"
        | "errorTitle" => Found::Comment,
        _ => Found::Other,
    })
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
