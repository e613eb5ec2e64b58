//! CSS (CSS Syntax level 3), and SVG's attributes that are like it, rewritten by an allow-list.
//!
//! | part | what becomes of it |
//! |---|---|
//! | comments, `<!--`, white space | dropped; tokens are written with one space between them |
//! | at-rules: `@import`, `@font-face`, `@media`, `@page`, … | dropped with what they hold |
//! | selectors of elements, classes, identifiers | kept, names as [`Style`] says; with any other part the rule is dropped |
//! | declarations | kept if [`Style`] takes the property and every token of the value is one that is known |
//! | numbers with units, colours, keywords, functions of a list | kept |
//! | `url()` | what [`Style::url`] says, otherwise the declaration is dropped |
//! | strings and unknown words | kept only in `font-family` |

mod names;
mod words;

pub(in crate::clean) use names::Names;
use words::{FUNCTIONS, KEYWORDS, UNITS};

/// What a style sheet's names become.
pub(in crate::clean) trait Style {
    /// Whether declarations of this property stay.
    fn property(&self, name: &str) -> bool;
    /// The element as it is written, if it stays in selectors.
    fn element<'n>(&self, name: &'n str) -> Option<&'n str>;
    /// A class in a selector.
    fn class(&mut self, name: &str) -> Option<String>;
    /// An identifier in a selector.
    fn id(&mut self, name: &str) -> Option<String>;
    /// The target of a `url()`.
    fn url(&mut self, url: &str) -> Option<String>;
}

/// A whole style sheet.
pub(in crate::clean) fn sheet(text: &str, style: &mut impl Style) -> String {
    let text = without_comments(text);
    let mut rest = text.as_str();
    let mut out = String::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '}');
        for mark in ["<!--", "-->"] {
            rest = rest.strip_prefix(mark).unwrap_or(rest).trim_start();
        }
        let Some((head, opened)) = until(rest, &['{', ';', '}']) else {
            return out;
        };
        let is_at_rule = head.starts_with('@');
        let Some(block) = opened.strip_prefix('{') else {
            // an at-rule without a block; anything else is read up to its block
            rest = opened.get(1..).unwrap_or_default();
            continue;
        };
        let (inner, after) = to_closing(block);
        rest = after;
        if is_at_rule {
            continue;
        }
        let declarations = declarations(inner, style);
        if declarations.is_empty() {
            continue;
        }
        let selectors: Vec<String> =
            head.split(',').filter_map(|selector| self::selector(selector, style)).collect();
        if !selectors.is_empty() {
            out.push_str(&selectors.join(","));
            out.push('{');
            out.push_str(&declarations);
            out.push_str("}\n");
        }
    }
}

/// A list of declarations, as a `style` attribute has it.
pub(in crate::clean) fn declarations(text: &str, style: &mut impl Style) -> String {
    let text = without_comments(text);
    let mut rest = text.as_str();
    let mut out = String::new();
    while !rest.is_empty() {
        let (declaration, after) = until(rest, &[';']).unwrap_or((rest, ""));
        rest = after.strip_prefix(';').unwrap_or_default();
        let Some((property, value)) = declaration.split_once(':') else {
            continue;
        };
        let property = property.trim().to_ascii_lowercase();
        let (value, important) = match value.trim_end().strip_suffix("important") {
            Some(before) => match before.trim_end().strip_suffix('!') {
                Some(value) => (value, true),
                None => continue,
            },
            None => (value, false),
        };
        if !style.property(&property) {
            continue;
        }
        if let Some(value) = self::value(&property, value, style).filter(|value| !value.is_empty())
        {
            if !out.is_empty() {
                out.push(';');
            }
            out.push_str(&property);
            out.push(':');
            out.push_str(&value);
            out.push_str(if important { "!important" } else { "" });
        }
    }
    out
}

/// The value of a property or of an attribute, in one way of writing; None if a token of it is not known.
pub(in crate::clean) fn value(name: &str, text: &str, style: &mut impl Style) -> Option<String> {
    let is_font = name == "font-family" || name == "font";
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim();
    let mut depth = 0_u32;
    while let Some(first) = rest.chars().next() {
        let glued = out.is_empty() || out.ends_with(['(', ',', '/']);
        match first {
            ',' | '/' | ')' => {
                if first == ')' {
                    depth = depth.checked_sub(1)?;
                }
                out.push(first);
                rest = rest.get(1..)?;
            }
            '0'..='9' | '+' | '-' | '.' if number_length(rest) > 0 => {
                let (number, after) = rest.split_at_checked(number_length(rest))?;
                let unit_length = after
                    .find(|c: char| !c.is_ascii_alphabetic() && c != '%')
                    .unwrap_or(after.len());
                let (unit, after) = after.split_at_checked(unit_length)?;
                if !unit.is_empty() && !is_unit(unit) {
                    return None;
                }
                spaced(&mut out, glued);
                out.push_str(number);
                out.push_str(unit);
                rest = after;
            }
            '#' => {
                let after = rest.get(1..)?;
                let length = after.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(after.len());
                if !matches!(length, 3 | 4 | 6 | 8) {
                    return None;
                }
                spaced(&mut out, glued);
                out.push('#');
                out.push_str(&after.get(..length)?.to_ascii_lowercase());
                rest = after.get(length..)?;
            }
            '"' | '\'' if is_font => {
                let (string, after) = rest.get(1..)?.split_once(first)?;
                spaced(&mut out, glued);
                family(&mut out, string);
                rest = after;
            }
            _ => {
                let length = rest
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_')))
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(length)?;
                if let Some(arguments) = after.strip_prefix('(') {
                    let lower = word.to_ascii_lowercase();
                    spaced(&mut out, glued);
                    if lower == "url" {
                        let (url, after) = url(arguments)?;
                        out.push_str("url(");
                        out.push_str(&style.url(url)?);
                        out.push(')');
                        rest = after;
                    } else {
                        out.push_str(FUNCTIONS.iter().find(|f| f.eq_ignore_ascii_case(word))?);
                        out.push('(');
                        depth += 1;
                        rest = arguments;
                    }
                } else if let Some(known) = keyword(word) {
                    spaced(&mut out, glued);
                    out.push_str(known);
                    rest = after;
                } else if is_font && !word.is_empty() {
                    spaced(&mut out, glued);
                    out.push_str(word);
                    rest = after;
                } else {
                    return None;
                }
            }
        }
        rest = rest.trim_start();
    }
    (depth == 0).then_some(out)
}

/// A keyword of CSS or SVG as it is written.
pub(in crate::clean) fn keyword(word: &str) -> Option<&'static str> {
    let lower = |text: &'static str| text.bytes().map(|byte| byte.to_ascii_lowercase());
    let found = KEYWORDS.binary_search_by(|keyword| {
        lower(keyword).cmp(word.bytes().map(|b| b.to_ascii_lowercase()))
    });
    found.ok().and_then(|at| KEYWORDS.get(at)).copied()
}

/// Whether it is a unit of numbers.
pub(in crate::clean) fn is_unit(unit: &str) -> bool {
    UNITS.contains(&unit.to_ascii_lowercase().as_str())
}

fn spaced(out: &mut String, glued: bool) {
    if !glued {
        out.push(' ');
    }
}

/// A font's name as a string without anything that could end it.
fn family(out: &mut String, name: &str) {
    out.push('\'');
    out.extend(name.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.')));
    out.push('\'');
}

/// What stands in `url(`, and what follows its `)`.
fn url(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let (url, after) = text.get(1..)?.split_once(quote)?;
            Some((url, after.trim_start().strip_prefix(')')?))
        }
        _ => {
            let (url, after) = text.split_once(')')?;
            Some((url.trim_end(), after))
        }
    }
}

/// How long the number is that `text` begins with; 0 if none.
pub(in crate::clean) fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let mut end = sign + whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return 0;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

/// One selector without pseudo-classes and attributes; None for any other.
fn selector(text: &str, style: &mut impl Style) -> Option<String> {
    let mut out = String::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while let Some(first) = rest.chars().next() {
        let name = |text: &str| {
            text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_')))
                .unwrap_or(text.len())
        };
        match first {
            '.' | '#' => {
                let after = rest.get(1..)?;
                let (word, after) = after.split_at_checked(name(after))?;
                let written = if first == '.' { style.class(word)? } else { style.id(word)? };
                out.push(first);
                out.push_str(&written);
                rest = after;
            }
            '*' => {
                out.push('*');
                rest = rest.get(1..)?;
            }
            '>' | '+' | '~' => {
                out.truncate(out.trim_end().len());
                out.push(first);
                rest = rest.get(1..)?.trim_start();
            }
            c if c.is_ascii_whitespace() => {
                out.push(' ');
                rest = rest.trim_start();
            }
            _ => {
                let (word, after) = rest.split_at_checked(name(rest))?;
                out.push_str(style.element(word).filter(|word| !word.is_empty())?);
                rest = after;
            }
        }
    }
    Some(out)
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        out.push_str(before);
        out.push(' ');
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// `text` up to one of `ends` that is in no string and no parenthesis, and the rest from there.
fn until<'t>(text: &'t str, ends: &[char]) -> Option<(&'t str, &'t str)> {
    let (mut quote, mut depth) = (None, 0_u32);
    let at = text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, c) if depth == 0 && ends.contains(&c) => return Some(at),
            _ => {}
        }
        None
    });
    text.split_at_checked(at?)
}

/// What is in a block that has been opened, and what is behind it.
fn to_closing(block: &str) -> (&str, &str) {
    let (mut rest, mut depth) = (block, 1_u32);
    while let Some((_, from)) = until(rest, &['{', '}']) {
        rest = from.get(1..).unwrap_or_default();
        depth = if from.starts_with('{') { depth + 1 } else { depth - 1 };
        if depth == 0 {
            let inner = block.len() - rest.len() - 1;
            return (block.get(..inner).unwrap_or_default(), rest);
        }
    }
    (block, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Test;

    impl Style for Test {
        fn property(&self, name: &str) -> bool {
            matches!(name, "fill" | "stroke" | "font-family" | "margin" | "color")
        }
        fn element<'n>(&self, name: &'n str) -> Option<&'n str> {
            matches!(name, "p" | "path").then_some(name)
        }
        fn class(&mut self, name: &str) -> Option<String> {
            (name != "no").then(|| "c".into())
        }
        fn id(&mut self, _name: &str) -> Option<String> {
            Some("i".into())
        }
        fn url(&mut self, url: &str) -> Option<String> {
            url.starts_with('#').then(|| "#i".into())
        }
    }

    #[test]
    fn a_sheet_keeps_what_is_known() {
        let text = "@charset 'x'; @import url(http://x/a;b.css);\n/* by me */ <!-- \
            @media print { p { fill: red } } @font-face{src:url(x)} \
            p, .layer-of-kim > path ,a:hover{fill : #FF0000 ; canary: red; stroke:url( '#Kim' ) ; \
            color: url(http://x/)} .no{fill:red} #x p{margin:1px  -2.5em!important} p{unknown:1} --> \
            path{fill:canary;font-family: Kim Sans, 'It\"s \\x', serif;stroke:rgb(1 , 2,3)} p{fill:red";
        assert_eq!(
            sheet(text, &mut Test),
            "p,.c>path{fill:#ff0000;stroke:url(#i)}\n#i p{margin:1px -2.5em!important}\n\
             path{font-family:Kim Sans,'Its x',serif;stroke:rgb(1,2,3)}\np{fill:red}\n"
        );
    }

    #[test]
    fn every_keyword_is_found() {
        assert!(KEYWORDS.iter().all(|word| keyword(&word.to_uppercase()) == Some(word)));
    }

    #[test]
    fn values_have_one_form() {
        let value = |text| value("fill", text, &mut Test);
        assert_eq!(value("matrix(1 0,0 1 -3-4.5)").as_deref(), Some("matrix(1 0,0 1 -3 -4.5)"));
        assert_eq!(value(" 10PX\n, .5e-3%").as_deref(), Some("10PX,.5e-3%"));
        for refused in
            ["10canary", "canary", "'text'", "#12", "rgb(1", "1)", "url(x)", "\\66", "a(1)"]
        {
            assert_eq!(value(refused), None, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn twice_is_once(text in "([pa-c.#>*, ]{0,4}\\{(fill|margin|font-family):[#a-f0-9 '\",()./*;-]{0,12}\\} ?|[@{};\"'()/*]){0,6}") {
            let once = sheet(&text, &mut Test);
            prop_assert_eq!(&sheet(&once, &mut Test), &once);
        }

        #[test]
        fn any_text_ends(text in "\\PC{0,60}") {
            let once = sheet(&text, &mut Test);
            prop_assert_eq!(&sheet(&once, &mut Test), &once);
            declarations(&text, &mut Test);
        }
    }
}
