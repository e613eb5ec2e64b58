//! What becomes of WordprocessingML and of formulas' MathML (ECMA-376 part 1 §17, §22.1).

use crate::clean::Found;

use super::rule::{Sort, Text, Treatment};

/// What becomes of an element of `w`.
pub(super) fn treatment(name: &str) -> Treatment {
    match name {
        "r" => Treatment::Run,
        "tr" => Treatment::Row,
        "ins" | "moveTo" => Treatment::Unwrap(Found::History),
        "del" | "moveFrom" | "delText" | "delInstrText" | "cellIns" | "cellDel" | "cellMerge" => {
            Treatment::Drop(Found::History)
        }
        name if name.ends_with("Change") => Treatment::Drop(Found::History),
        "hyperlink" => Treatment::Unwrap(Found::Active),
        "sdt" | "sdtContent" | "smartTag" | "customXml" => Treatment::Unwrap(Found::Other),
        "fldChar" | "instrText" => Treatment::FieldMark,
        "fldSimple" => Treatment::FieldSimple,
        "object" => Treatment::Object,
        _ => Treatment::Listed,
    }
}

/// What an element of `w` holds that is not written.
pub(super) fn told(name: &str) -> Found {
    match name {
        "rsid" | "rsids" | "nsid" | "tmpl" | "docVars" | "bookmarkStart" | "bookmarkEnd" => {
            Found::Identifier
        }
        name if name.starts_with("comment") || name.starts_with("annotation") => Found::Comment,
        name if name.starts_with("move") => Found::History,
        "tblCaption" | "tblDescription" => Found::Comment,
        _ => Found::Other,
    }
}

/// What text an element of `w` has.
pub(super) fn text(name: &str) -> Text {
    match name {
        "t" => Text::Content,
        "instrText" => Text::Code,
        _ => Text::Plain,
    }
}

/// What the value of an attribute in `w` is.
pub(super) fn attribute(element: &str, name: &str) -> Sort {
    match (element, name) {
        (
            "pStyle" | "rStyle" | "tblStyle" | "basedOn" | "next" | "styleLink" | "numStyleLink",
            "val",
        )
        | ("style", "styleId") => Sort::Style,
        ("name", "val") => Sort::StyleName,
        ("rFonts", "ascii" | "hAnsi" | "eastAsia" | "cs") | ("sym", "font") => Sort::Font,
        ("font", "name") => Sort::ListedFont,
        ("lvlText" | "listEntry", "val") => Sort::Name,
        ("lang" | "themeFontLang", _) => Sort::Language,
        ("fldSimple", "instr") => Sort::Nothing,
        ("compatSetting", "uri") => Sort::Always("http://schemas.microsoft.com/office/word"),
        ("compatSetting", "name") => Sort::Compatibility,
        ("footnote" | "endnote" | "footnoteReference" | "endnoteReference", "id")
        | (_, "color" | "fill" | "themeShade" | "themeTint" | "themeFillShade" | "themeFillTint") => {
            Sort::Plain
        }
        _ => Sort::Listed,
    }
}

/// What the value of an attribute in `m` is.
pub(super) fn formula_attribute(element: &str, name: &str) -> Sort {
    match (element, name) {
        ("mathFont", "val") => Sort::Font,
        ("chr" | "begChr" | "endChr" | "sepChr", "val") => Sort::Character,
        _ => Sort::Listed,
    }
}

/// Settings of compatibility, which say how a text is laid out.
pub(super) const COMPATIBILITY: &[&str] = &[
    "compatibilityMode",
    "overrideTableStyleFontSizeAndJustification",
    "enableOpenTypeFeatures",
    "doNotFlipMirrorIndents",
    "differentiateMultirowTableHeaders",
    "useWord2013TrackBottomHyphenation",
    "allowHyphenationAtTrackBottom",
    "allowTextAfterFloatingTableBreak",
];

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

/// Whether every copy of the program has a style of this name.
pub(super) fn is_known_style(name: &str) -> bool {
    name.split([' ', '/']).all(|word| {
        let word = word.to_lowercase();
        STYLE_WORDS.contains(&word.as_str())
            || word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit())
    })
}
