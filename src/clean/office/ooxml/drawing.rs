//! What becomes of PresentationML (ECMA-376 part 1 §19), DrawingML with its charts and diagrams (§20, §21) and VML
//! (part 4 §19).

use crate::clean::{Found, Kind};

use super::rule::{Sort, Text, Treatment};

/// An extension of a diagram's data that leads to its drawing.
pub(super) const DIAGRAM_EXTENSION: &str =
    "http://schemas.microsoft.com/office/drawing/2008/diagram";

/// What becomes of an element.
pub(super) fn treatment(space: &str, name: &str) -> Treatment {
    match (space, name) {
        ("o", "OLEObject") => Treatment::Drop(Found::Attachment),
        ("a", "hlinkClick" | "hlinkHover" | "hlinkMouseOver") => Treatment::Drop(Found::Active),
        ("a", "fld") => Treatment::SlideField,
        ("p", "graphicFrame") => Treatment::Frame,
        ("p", "nvGraphicFramePr" | "xfrm") => Treatment::OfFrame,
        ("a", "graphic" | "graphicData") => Treatment::Graphic,
        ("p", "oleObj") => Treatment::OleObject,
        ("dgm", "extLst") => Treatment::DiagramExtensions,
        ("a", "ext") => Treatment::DiagramExtension,
        ("dsp", "dataModelExt") => Treatment::Keep,
        _ => Treatment::Listed,
    }
}

/// What an element holds that is not written.
pub(super) fn told(space: &str, name: &str) -> Found {
    match (space, name) {
        ("p", "timing" | "controls") => Found::Active,
        ("c", "externalData") => Found::Attachment,
        _ => Found::Other,
    }
}

/// What text an element has.
pub(super) fn text(space: &str, name: &str) -> Text {
    match (space, name) {
        ("a" | "m", "t") | ("c", "v" | "formatCode") => Text::Content,
        ("c", "separator") => Text::Separator,
        ("c", "f") => Text::ChartReference,
        ("a", "tableStyleId") => Text::TableStyle,
        _ => Text::Plain,
    }
}

/// What the value of an attribute without a namespace is, in a document of `kind`.
pub(super) fn attribute(kind: Kind, space: &str, element: &str, name: &str) -> Sort {
    match (space, element, name) {
        ("wp", "docPr", "id") => Sort::Count("docPr"),
        (_, "cNvPr", "id") if kind == Kind::Docx => Sort::Always("0"),
        ("p" | "xdr" | "cdr" | "dsp" | "a", "cNvPr", "id")
        | ("p", "sldMasterId" | "sldLayoutId", "id") => Sort::Plain,
        (_, "cNvPr" | "docPr", "name") => Sort::Always(""),
        ("p", "sldId", "id") => Sort::Slide,
        ("a", "stCxn" | "endCxn", "id") if kind == Kind::Docx => Sort::Nothing,
        ("a", "stCxn" | "endCxn", "id") => Sort::Plain,
        ("a" | "p", _, "typeface") => Sort::Font,
        ("c", _, "formatCode") => Sort::Name,
        ("a", "buChar", "char") => Sort::Character,
        ("a", _, "lang") | ("c", "lang", "val") => Sort::Language,
        ("a", "font", "script") => Sort::Script,
        ("a", "theme" | "themeOverride" | "clrScheme" | "fontScheme" | "fmtScheme", "name") => {
            Sort::Always("Theme")
        }
        ("a", "tableStyle" | "tblStyle", "styleName") => Sort::Always("Style"),
        ("a", _, "styleId" | "def") => Sort::TableStyleId,
        ("a", "fld", "id") => Sort::Always("{00000000-0000-0000-0000-000000000001}"),
        ("a", "fld", "type") => Sort::Only("slidenum"),
        ("a", "ext", "uri") => Sort::Only(DIAGRAM_EXTENSION),
        ("a", "graphicData", "uri") => Sort::Data,
        ("a", "gd", "name" | "fmla")
        | ("a", "pt" | "pos", "x" | "y")
        | ("a", "rect", "l" | "t" | "r" | "b")
        | ("a", "arcTo", "wR" | "hR" | "stAng" | "swAng")
        | ("a", "ahXY" | "ahPolar", _)
        | ("a", "cxn", "ang") => Sort::Guide,
        ("dgm" | "dsp", ..) => diagram_attribute(space, element, name),
        ("v", ..) => vml_attribute(element, name),
        _ => Sort::Listed,
    }
}

fn diagram_attribute(space: &str, element: &str, name: &str) -> Sort {
    match (space, element, name) {
        (
            _,
            _,
            "modelId" | "parTransId" | "sibTransId" | "cxnId" | "srcId" | "destId" | "presAssocID",
        ) => Sort::Model,
        ("dgm", "cxn", "presId")
        | (
            "dgm",
            _,
            "loTypeId" | "qsTypeId" | "csTypeId" | "uniqueId" | "loCatId" | "qsCatId" | "csCatId"
            | "minVer" | "defStyle",
        )
        | ("dsp", "dataModelExt", "minVer") => Sort::DiagramName,
        (
            "dgm",
            _,
            "name" | "forName" | "refForName" | "styleLbl" | "ref" | "moveWith" | "val" | "arg"
            | "presName" | "presStyleLbl" | "type",
        ) => Sort::DiagramWord,
        ("dsp", "dataModelExt", "relId") => Sort::DiagramDrawing,
        _ => Sort::Listed,
    }
}

/// What the value of an attribute of a VML element is.
pub(super) fn vml_attribute(element: &str, name: &str) -> Sort {
    match (element, name) {
        (_, "style") => Sort::VmlStyle,
        (
            "shapetype" | "shape" | "group" | "rect" | "line" | "oval" | "roundrect" | "polyline"
            | "image" | "arc" | "curve",
            "id",
        ) => Sort::VmlShape,
        (_, "type") => Sort::VmlType,
        ("textpath", "string") => Sort::Name,
        (
            _,
            "path" | "v" | "adj" | "eqn" | "points" | "coordorigin" | "coordsize" | "wrapcoords"
            | "from" | "to" | "inset" | "fillcolor" | "strokecolor" | "color" | "color2" | "colors"
            | "strokeweight" | "weight" | "opacity" | "textboxrect" | "limo" | "position" | "polar"
            | "xrange" | "yrange" | "radiusrange" | "arcsize" | "focus" | "focusposition"
            | "focussize" | "offset" | "origin" | "size" | "matrix" | "dashstyle" | "cropbottom"
            | "croptop" | "cropleft" | "cropright" | "gain" | "blacklevel" | "gamma" | "miterlimit"
            | "control1" | "control2",
        ) => Sort::VmlPath,
        _ => Sort::Listed,
    }
}

/// A name in a diagram's definition: one word, or one of Microsoft's.
pub(super) fn is_diagram_name(value: &str) -> bool {
    let rest = value.strip_prefix("urn:microsoft.com/office/officeart/").unwrap_or(value);
    let rest =
        rest.strip_prefix("http://schemas.openxmlformats.org/drawingml/2006/").unwrap_or(rest);
    rest.len() <= 64 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/#".contains(&b))
}
