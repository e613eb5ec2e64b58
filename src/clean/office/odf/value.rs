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
    /// A few characters of content, such as a bullet.
    Short,
    /// Data and formulas of shapes.
    Path,
    /// Names of fonts.
    Font,
    /// One word of a standard list that is too long to be kept here.
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

/// Kinds of shapes (`ooxml-roundRect`, `mso-spt202`), of charts (`chart:bar`) and character sets.
fn is_word(value: &str) -> bool {
    let bare = value.strip_prefix("chart:").unwrap_or(value);
    let shape = bare.strip_prefix("ooxml-").or_else(|| bare.strip_prefix("mso-spt"));
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match shape {
        Some(shape) => {
            shape == "non-primitive" || ((1..=32).contains(&shape.len()) && letters(shape))
        }
        None => {
            bare.len() <= 32
                && !bare.is_empty()
                && bare
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit())
                && bare.bytes().filter(u8::is_ascii_digit).count() <= 4
        }
    }
}

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
