//! Which parts a document may have, by the relationship that leads to them, and what the others hold.

use crate::clean::Found;

/// A part that is written.
#[derive(Debug)]
pub(super) struct Role {
    /// The last part of its relationship's type.
    pub(super) what: &'static str,
    /// The type's name up to there; [`OFFICE`] for most.
    pub(super) namespace: &'static str,
    /// Its folder and the beginning of its name.
    pub(super) name: &'static str,
    /// Its content type; empty for media, which have theirs by their extension.
    pub(super) content_type: &'static str,
    /// Whether the relationship alone makes it a part, with nothing in the source that refers to it.
    pub(super) implied: bool,
}

/// Types of relationships of ECMA-376.
pub(super) const OFFICE: &str =
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
const MICROSOFT: &str = "http://schemas.microsoft.com/office/2007/relationships/";

macro_rules! role {
    ($what:literal, $name:literal, $type:literal, $implied:literal) => {
        role!(
            $what,
            OFFICE,
            $name,
            concat!("application/vnd.openxmlformats-officedocument.", $type, "+xml"),
            $implied
        )
    };
    ($what:literal, $namespace:expr, $name:literal, $type:expr, $implied:literal) => {
        Role {
            what: $what,
            namespace: $namespace,
            name: $name,
            content_type: $type,
            implied: $implied,
        }
    };
}

pub(super) static DOCUMENT: Role =
    role!("officeDocument", "word/document", "wordprocessingml.document.main", false);
pub(super) static WORKBOOK: Role =
    role!("officeDocument", "xl/workbook", "spreadsheetml.sheet.main", false);
pub(super) static PRESENTATION: Role =
    role!("officeDocument", "ppt/presentation", "presentationml.presentation.main", false);

static ROLES: &[Role] = &[
    role!("styles", "styles", "", true),
    role!("theme", "theme/theme", "theme", true),
    role!("themeOverride", "theme/override", "themeOverride", true),
    role!("numbering", "numbering", "wordprocessingml.numbering", true),
    role!("settings", "settings", "wordprocessingml.settings", true),
    role!("fontTable", "fontTable", "wordprocessingml.fontTable", true),
    role!("footnotes", "footnotes", "wordprocessingml.footnotes", true),
    role!("endnotes", "endnotes", "wordprocessingml.endnotes", true),
    role!("header", "header", "wordprocessingml.header", false),
    role!("footer", "footer", "wordprocessingml.footer", false),
    role!("worksheet", "worksheets/sheet", "spreadsheetml.worksheet", false),
    role!("chartsheet", "chartsheets/sheet", "spreadsheetml.chartsheet", false),
    role!("sharedStrings", "sharedStrings", "spreadsheetml.sharedStrings", true),
    role!("table", "tables/table", "spreadsheetml.table", false),
    role!("drawing", "drawings/drawing", "drawing", false),
    role!("slide", "slides/slide", "presentationml.slide", false),
    role!("slideLayout", "slideLayouts/slideLayout", "presentationml.slideLayout", true),
    role!("slideMaster", "slideMasters/slideMaster", "presentationml.slideMaster", true),
    role!("tableStyles", "tableStyles", "presentationml.tableStyles", true),
    role!("chart", "charts/chart", "drawingml.chart", false),
    role!("chartUserShapes", "drawings/userShapes", "drawingml.chartshapes", false),
    role!("diagramData", "diagrams/data", "drawingml.diagramData", false),
    role!("diagramLayout", "diagrams/layout", "drawingml.diagramLayout", false),
    role!("diagramQuickStyle", "diagrams/quickStyle", "drawingml.diagramStyle", false),
    role!("diagramColors", "diagrams/colors", "drawingml.diagramColors", false),
    role!(
        "diagramDrawing",
        MICROSOFT,
        "diagrams/drawing",
        "application/vnd.ms-office.drawingml.diagramDrawing+xml",
        true
    ),
    role!("image", OFFICE, "media/image", "", false),
];

/// The role of a part that a relationship of this type leads to.
pub(super) fn role(what: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.what == what)
}

impl Role {
    pub(super) fn is_media(&self) -> bool {
        self.what == "image"
    }
}

/// What a part that is left behind holds, by its relationship.
pub(super) fn left_behind(what: &str) -> &'static [Found] {
    match what {
        "core-properties" => &[Found::Person, Found::Time],
        "extended-properties" | "extendedProperties" => &[Found::Software],
        "thumbnail" => &[Found::Preview],
        "comments" | "commentsExtended" | "commentsIds" | "commentsExtensible"
        | "threadedComment" | "commentAuthors" | "authors" | "person" | "people" => {
            &[Found::Comment, Found::Person]
        }
        "notesSlide" => &[Found::Comment],
        "printerSettings" => &[Found::Device],
        "oleObject" | "package" | "aFChunk" | "subDocument" | "audio" | "video" | "media" => {
            &[Found::Attachment]
        }
        "hyperlink" | "attachedTemplate" | "externalLink" | "externalLinkPath" | "connections"
        | "queryTable" | "mailMergeSource" | "control" => &[Found::Active],
        "pivotCacheDefinition" | "pivotCacheRecords" | "revisionHeaders" | "usernames" => {
            &[Found::History]
        }
        _ => &[Found::Other],
    }
}
