//! Values of OpenDocument's attributes, each sort in one form.

use std::collections::HashMap;

use super::table;
use crate::clean::css;

/// What an attribute's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Numbers, colours and known words.
    Value,
    /// One name or more, which are numbered.
    Names,
    /// Content: what a cell holds, or which cells are meant.
    Text,
    /// A formula, a condition or addresses of cells.
    Cells,
    /// A few characters of content, such as a bullet.
    Short,
    /// Data and formulas of shapes.
    Path,
    /// Names of fonts.
    Font,
    /// A name of a shape, of a chart or of a character set, made of known words.
    Word,
}

/// The most characters of a [`Sort::Short`]: numbering in words of some languages is given by its first members.
const SHORT: usize = 40;
const FONT: usize = 128;

/// Names of the whole package, numbered in their order.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<String, usize>,
}

impl Names {
    /// The name that is written; one that programs know is its own.
    pub(super) fn number(&mut self, name: &str) -> String {
        if name.is_empty() || table::KNOWN.binary_search(&name).is_ok() {
            return name.to_owned();
        }
        let next = self.numbers.len() + 1;
        format!("n{}", *self.numbers.entry(name.to_owned()).or_insert(next))
    }
}

/// The value as it is written; None if it is not of its sort.
pub(super) fn clean(sort: Sort, value: &str, names: &mut Names) -> Option<String> {
    match sort {
        Sort::Text => Some(value.to_owned()),
        Sort::Cells => (!is_outside(value)).then(|| value.to_owned()),
        Sort::Names => Some(names.number(value.trim())),
        Sort::Short => (value.chars().count() <= SHORT).then(|| value.to_owned()),
        Sort::Font => {
            let known = |c: char| c.is_alphanumeric() || " -_.,;:'+@&()[]".contains(c);
            (value.len() <= FONT && value.chars().all(known)).then(|| value.to_owned())
        }
        Sort::Word => is_word(value).then(|| value.to_owned()),
        Sort::Value => values(value),
        Sort::Path => path(value),
    }
}

/// Whether a formula or an address reaches out of the document. References to other files are written
/// `'address'#$Sheet.A1` (ODF 1.3 part 4 §5.8), the address being absolute or relative; an apostrophe in it is doubled.
pub(super) fn is_outside(text: &str) -> bool {
    let mut bare = text.to_ascii_lowercase();
    bare.retain(|c| !c.is_whitespace());
    let words = ["file:", "://", "webservice", "dde(", "hyperlink(", "mailto:", "vnd.", "'#$"];
    if words.iter().any(|word| bare.contains(word)) {
        return true;
    }
    let mut rest = bare.as_str();
    let mut after_name = false;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        (rest, after_name) = match first {
            '\'' | '"' => match after.split_once(first) {
                Some((_, after)) => (after, first == '\''),
                // it ends nowhere: programs may read it in any way
                None => return after.contains('#'),
            },
            '#' if after_name => return true,
            '#' => match ERRORS.iter().find_map(|error| after.strip_prefix(error)) {
                Some(after) => (after, false),
                None => return true,
            },
            _ => (after, false),
        };
    }
    false
}

/// Errors as formulas hold them, without their `#` (ODF 1.3 part 4 §5.12).
const ERRORS: &[&str] =
    &["ref!", "n/a", "name?", "num!", "value!", "div/0!", "null!", "err", "getting_data"];

/// Kinds of shapes (`ooxml-roundRect`, `mso-spt202`), of charts (`chart:bar`) and character sets: nothing but words of
/// [`WORD_PARTS`] and a number.
fn is_word(value: &str) -> bool {
    let mut rest = value.strip_prefix("chart:").unwrap_or(value);
    let mut numbers = 0;
    let mut parts = 0;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() {
            numbers += 1;
            rest.bytes().take_while(u8::is_ascii_digit).count()
        } else if first == '-' && parts > 0 {
            1
        } else {
            parts += 1;
            let lower = |text: &str| text.bytes().take_while(u8::is_ascii_lowercase).count();
            let length = 1 + lower(rest.get(1..).unwrap_or_default());
            let word = rest.get(..length).unwrap_or_default().to_ascii_lowercase();
            if WORD_PARTS.binary_search(&word.as_str()).is_err() {
                return false;
            }
            length
        };
        if length > 4 && first.is_ascii_digit() {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    // the longest is flowchart-direct-access-storage
    (1..=WORD_PARTS_OF_ONE).contains(&parts) && numbers <= 2
}

/// The most words in one name.
const WORD_PARTS_OF_ONE: usize = 6;

/// The words that names of shapes, charts and character sets are made of.
#[rustfmt::skip]
const WORD_PARTS: &[&str] = &[
    "accent", "access", "action", "alternate", "and", "angle", "ansi", "arc", "arch", "area", "arrow", "ascii",
    "back", "bang", "bar", "beginning", "bent", "bevel", "big", "blank", "block", "bolt", "border", "bottom", "brace",
    "bracket", "bubble", "button", "callout", "can", "card", "cascade", "chart", "chevron", "chord", "circle",
    "circular", "cloud", "cn", "col", "collate", "concave", "connector", "corner", "cross", "cube", "curve", "curved",
    "cylinder", "data", "decagon", "decision", "deflate", "delay", "diag", "diamond", "direct", "disk", "display",
    "divide", "document", "dodecagon", "donut", "double", "down", "ellipse", "end", "equal", "euc", "extract", "face",
    "fade", "filled", "flow", "flowchart", "flower", "folded", "fontwork", "forbidden", "forward", "frame", "funnel",
    "gantt", "gb", "gear", "half", "heart", "help", "heptagon", "hexagon", "home", "horizontal", "inflate",
    "information", "input", "inside", "internal", "inverted", "irregular", "iso", "isosceles", "jis", "johab", "jp",
    "junction", "koi", "kr", "left", "lightning", "line", "lines", "macintosh", "magnetic", "manual", "math",
    "measure", "merge", "minus", "moon", "movie", "mso", "multidocument", "multiply", "next", "no", "non", "not",
    "notched", "octagon", "off", "offline", "offpage", "ooxml", "open", "operation", "or", "outside", "page", "pair",
    "paper", "parallelogram", "pentagon", "pie", "plain", "plaque", "plate", "plus", "polygon", "pour", "predefined",
    "preparation", "previous", "primitive", "process", "punched", "puzzle", "quad", "quarter", "radar", "rect",
    "rectangle", "rectangular", "return", "ribbon", "right", "ring", "round", "s", "same", "scatter", "scroll",
    "seal", "sequential", "shape", "sharped", "shift", "signet", "sinusoid", "slant", "smiley", "smoking", "snip",
    "sort", "sound", "split", "spt", "square", "standard", "star", "stock", "stop", "storage", "stored", "straight",
    "stripe", "striped", "summing", "sun", "surface", "swoosh", "symbol", "tabs", "tape", "teardrop", "terminator",
    "text", "top", "trapezoid", "triangle", "tw", "up", "us", "utf", "uturn", "vertical", "wave", "wedge", "windows",
    "x",
];
fn values(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    for token in value.split_ascii_whitespace() {
        if !token.split(',').all(is_token) {
            return None;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(token);
    }
    Some(out)
}

fn is_token(token: &str) -> bool {
    if token.is_empty()
        || table::WORDS.binary_search(&token).is_ok()
        || css::keyword(token).is_some()
    {
        return true;
    }
    if let Some(colour) = token.strip_prefix('#') {
        return colour.len() == 6 && colour.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let number = css::number_length(token);
    let unit = token.get(number..).unwrap_or_default();
    (1..=24).contains(&number) && (matches!(unit, "" | "*" | "inch") || css::is_unit(unit))
}

/// The name of an equation, as formulas refer to it: one or two letters and a number.
pub(super) fn is_equation(name: &str) -> bool {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic).count();
    let number = name.get(letters..).unwrap_or_default();
    (1..=2).contains(&letters)
        && number.len() <= 4
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words in a shape's formulas and transformations (ODF 1.3 part 3 §19.171, §19.228); longer ones are names of
/// equations, which are taken if they are numbered.
const PATH_WORDS: &[&str] = &[
    "abs",
    "atan",
    "atan2",
    "bottom",
    "cos",
    "hasfill",
    "hasstroke",
    "height",
    "if",
    "inch",
    "left",
    "logheight",
    "logwidth",
    "matrix",
    "max",
    "min",
    "pi",
    "rect",
    "right",
    "rotate",
    "scale",
    "sin",
    "skewX",
    "skewY",
    "sqrt",
    "tan",
    "top",
    "translate",
    "width",
    "xstretch",
    "ystretch",
];

fn path(value: &str) -> Option<String> {
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_alphabetic() {
            let end = |c: char| !c.is_ascii_alphabetic();
            let length = rest.find(end).unwrap_or(rest.len());
            let word = rest.get(..length)?;
            let known = length <= 2
                || PATH_WORDS.contains(&word)
                || word.bytes().all(|byte| b"MLCZNFSTUABWVXYQHIGK".contains(&byte) && length <= 4);
            if !known {
                return None;
            }
            length
        } else if first.is_ascii_digit() || "?$+-*/(),.% \n".contains(first) {
            1
        } else {
            return None;
        };
        rest = rest.get(length..)?;
    }
    Some(value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}
