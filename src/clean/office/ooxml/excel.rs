//! What becomes of SpreadsheetML (ECMA-376 part 1 §18).

use std::collections::HashSet;

use crate::clean::Found;

use super::rule::{Sort, Text, Treatment};

/// What becomes of an element of `x`.
pub(super) fn treatment(name: &str) -> Treatment {
    match name {
        "fileVersion" => Treatment::FileVersion,
        "hyperlinks" => Treatment::Drop(Found::Active),
        "si" => Treatment::SharedString,
        "definedName" => Treatment::DefinedName,
        name if is_formula(name) => Treatment::Formula,
        "c" => Treatment::Cell,
        _ => Treatment::Listed,
    }
}

/// Whether an element holds a formula.
pub(super) fn is_formula(name: &str) -> bool {
    matches!(
        name,
        "f" | "definedName"
            | "formula"
            | "formula1"
            | "formula2"
            | "calculatedColumnFormula"
            | "totalsRowFormula"
    )
}

/// What an element of `x` holds that is not written.
pub(super) fn told(name: &str) -> Found {
    match name {
        "controls" | "externalReferences" | "hyperlinks" => Found::Active,
        "legacyDrawing" => Found::Comment,
        "oleObjects" => Found::Attachment,
        "fileVersion" => Found::Software,
        "selection" | "customWorkbookViews" | "mruColors" => Found::History,
        _ => Found::Other,
    }
}

/// What text an element of `x` has.
pub(super) fn text(name: &str) -> Text {
    match name {
        "v" => Text::Value,
        "t" | "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader"
        | "firstFooter" => Text::Content,
        name if is_formula(name) => Text::Formula,
        _ => Text::Plain,
    }
}

/// What the value of an attribute of an element of `x` is.
pub(super) fn attribute(element: &str, name: &str) -> Sort {
    match (element, name) {
        ("numFmt", "formatCode") => Sort::Name,
        (_, "r" | "ref" | "sqref" | "spans" | "topLeftCell" | "activeCell" | "r1" | "r2") => {
            Sort::Cells
        }
        // that Excel made it, which is common to all: without it LibreOffice computes every cell anew
        ("fileVersion", "appName") => Sort::Any,
        ("fileVersion", _) => Sort::Nothing,
        ("sheet" | "definedName", "name")
        | ("table", "name" | "displayName")
        | ("tableColumn", "name" | "totalsRowLabel")
        | ("name" | "rFont", "val")
        | ("cfRule", "text") => Sort::Name,
        ("sheet", "sheetId") => Sort::Number("sheet"),
        ("table" | "tableColumn", "id") => Sort::Plain,
        ("tableStyleInfo", "name") => Sort::TableStyle,
        ("cellStyle", "name") => Sort::CellStyle,
        ("cfvo", "val") => Sort::Threshold,
        _ => Sort::Listed,
    }
}

/// Whether every copy of Excel has a table style of this name.
pub(super) fn is_builtin_table_style(name: &str) -> bool {
    ["TableStyleLight", "TableStyleMedium", "TableStyleDark"].iter().any(|start| {
        name.strip_prefix(start)
            .is_some_and(|n| n.len() <= 2 && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// Numbers of shared strings.
#[derive(Default)]
pub(super) struct Strings {
    /// A bit for each of the first numbers.
    first: Vec<u64>,
    others: HashSet<u64>,
}

impl Strings {
    const FIRST: u64 = 1 << 22;

    pub(super) fn insert(&mut self, number: u64) {
        let Some((word, bit)) = Self::place(number) else {
            self.others.insert(number);
            return;
        };
        if self.first.len() <= word {
            self.first.resize(word + 1, 0);
        }
        self.first.get_mut(word).into_iter().for_each(|word| *word |= bit);
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        match Self::place(number) {
            Some((word, bit)) => self.first.get(word).is_some_and(|word| word & bit != 0),
            None => self.others.contains(&number),
        }
    }

    fn place(number: u64) -> Option<(usize, u64)> {
        let word = usize::try_from(number / 64).ok()?;
        (number < Self::FIRST).then_some((word, 1 << (number % 64)))
    }
}
