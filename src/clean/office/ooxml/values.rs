//! What a value may be: a number, a measure, a colour, a word of the standard. Such a value names nobody.

use super::vocabulary::is_word;

/// The longest number with its unit.
const MAX_NUMBER: usize = 32;
/// The longest list of numbers and words (a VML path is a value of another kind).
const MAX_LIST: usize = 256;

/// Whether `value` is nothing but numbers, measures, colours and words of the standard.
pub(super) fn is_plain(value: &str) -> bool {
    is_number(value)
        || is_colour(value)
        || is_word(value)
        || value.len() <= MAX_LIST
            && value.contains([' ', ','])
            && value.split([' ', ',']).all(|v| v.is_empty() || is_number(v) || is_word(v))
}

/// An integer or decimal number with a unit of measure or a per cent sign; empty is one too.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    let unit_at = digits.find(|c: char| !matches!(c, '0'..='9' | '.')).unwrap_or(digits.len());
    let (number, unit) = digits.split_at(unit_at);
    let exponent = unit.strip_prefix(['e', 'E']).map(|e| e.strip_prefix(['-', '+']).unwrap_or(e));
    let is_exponent =
        exponent.is_some_and(|e| matches!(e.len(), 1..=3) && e.bytes().all(|b| b.is_ascii_digit()));
    value.len() <= MAX_NUMBER
        && (!number.is_empty() || value.is_empty())
        && (is_exponent
            || matches!(
                unit,
                "" | "%"
                    | "pt"
                    | "in"
                    | "cm"
                    | "mm"
                    | "pc"
                    | "pi"
                    | "px"
                    | "em"
                    | "f"
                    | "fd"
                    | "x"
                    | "emu"
            ))
}

/// Two, four, six or eight hexadecimal digits, with `#` before them or not.
fn is_colour(value: &str) -> bool {
    let hex = value.strip_prefix('#').unwrap_or(value);
    matches!(hex.len(), 2 | 3 | 4 | 6 | 8)
        && (hex.len() != 3 || value.len() == 4)
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

/// References to cells and ranges of one sheet: `A1`, `$B$2:C7 D1`, `3:4`.
pub(super) fn is_cells(value: &str) -> bool {
    value.split([' ', ':']).all(|cell| {
        let cell = cell.strip_prefix('$').unwrap_or(cell);
        let row = cell.trim_start_matches(|c: char| c.is_ascii_uppercase());
        let row_digits = row.strip_prefix('$').unwrap_or(row);
        cell.len() - row.len() <= 3
            && row_digits.len() <= 7
            && row_digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A VML path, formula, matrix or list of points: commands, names of formulas and guides, numbers, `@` of formulas.
pub(super) fn is_path(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_alphanumeric() || b" ,.-@#;%[]()/+\n\r\t".contains(&b))
        && value
            .split([' ', ',', ';'])
            // colours are told by their `#`
            .filter(|word| !(word.starts_with('#') && is_colour(word)))
            .flat_map(|word| word.split(|c: char| !c.is_ascii_alphanumeric()))
            .all(|word| {
                is_number(word)
                    || is_word(word)
                    || word
                        .split(|c: char| c.is_ascii_digit())
                        .all(|run| PATH_WORDS.contains(&run) || is_commands(run))
            })
}

/// Whether letters are commands of a VML path (VML §3.1.2), of which a few follow each other without numbers: `nfe`, `xem`.
fn is_commands(run: &str) -> bool {
    let mut rest = run;
    while let Some(first) = rest.get(..1) {
        let two = rest.get(..2).is_some_and(|two| TWO.contains(&two));
        if !two && !"mlcxetrvi".contains(first) {
            return false;
        }
        rest = rest.get(if two { 2 } else { 1 }..).unwrap_or_default();
    }
    run.len() <= 5
}

/// Commands of two letters.
const TWO: &[&str] = &[
    "nf", "ns", "ae", "al", "at", "ar", "wa", "wr", "qx", "qy", "qb", "ha", "hb", "hc", "hd", "he",
    "hf", "hg", "hh", "hi",
];

/// Operators and guides of formulas, units, and words of colours, in VML.
const PATH_WORDS: &[&str] = &[
    "val",
    "sum",
    "prod",
    "product",
    "mid",
    "abs",
    "min",
    "max",
    "if",
    "mod",
    "atan2",
    "atan",
    "sin",
    "cos",
    "cosatan2",
    "cosatan",
    "sinatan2",
    "sinatan",
    "sqrt",
    "sumangle",
    "ellipse",
    "tan",
    "width",
    "height",
    "xcenter",
    "ycenter",
    "xlimo",
    "ylimo",
    "hasstroke",
    "hasfill",
    "pixelLineWidth",
    "pixellinewidth",
    "lineDrawn",
    "linedrawn",
    "pixelWidth",
    "pixelwidth",
    "pixelHeight",
    "pixelheight",
    "emuWidth",
    "emuwidth",
    "emuHeight",
    "emuheight",
    "emuWidth2",
    "emuHeight2",
    "pt",
    "in",
    "mm",
    "cm",
    "px",
    "pc",
    "pi",
    "emu",
    "em",
    "f",
    "fd",
    "fill",
    "line",
    "lineOrFill",
    "shadow",
    "this",
    "darken",
    "lighten",
    "add",
    "subtract",
    "reverse",
    "gray",
    "blackwhite",
    "invert",
    "invertGray",
    "invertRGB",
    "none",
    "center",
    "topLeft",
    "bottomRight",
    "topRight",
    "bottomLeft",
    "auto",
];

/// A GUID in braces.
pub(super) fn is_guid(value: &str) -> bool {
    value.len() == 38
        && value.starts_with('{')
        && value.ends_with('}')
        && value.bytes().all(|b| b.is_ascii_hexdigit() || b"{}-".contains(&b))
}

/// Countries that languages are given: where a text was written is nothing that its layout needs. Chinese stays as it is,
/// since characters are drawn differently.
const COUNTRIES: &[(&str, &str)] = &[
    ("ar", "ar-SA"),
    ("de", "de-DE"),
    ("en", "en-US"),
    ("es", "es-ES"),
    ("fr", "fr-FR"),
    ("it", "it-IT"),
    ("nl", "nl-NL"),
    ("pt", "pt-PT"),
    ("ru", "ru-RU"),
    ("sv", "sv-SE"),
];

/// A language tag as it is written; None if it is none.
pub(super) fn language(value: &str) -> Option<String> {
    let primary = value.split(['-', '_']).next().unwrap_or_default();
    let is_tag = value.len() <= 16
        && (2..=3).contains(&primary.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let primary = primary.to_ascii_lowercase();
    let country = COUNTRIES.iter().find(|row| row.0 == primary).map(|row| row.1);
    is_tag.then(|| country.unwrap_or(value).to_owned())
}

/// A VML style (VML §2.2.10): only properties of position, size and text flow, with plain values.
pub(super) fn style(value: &str) -> String {
    let kept = value.split(';').filter_map(|declaration| {
        let (name, value) = declaration.split_once(':')?;
        let (name, value) = (name.trim(), value.trim());
        let known = PROPERTIES.contains(&name)
            || name.starts_with("mso-position-")
            || name.starts_with("mso-wrap-")
            || name.starts_with("mso-width-")
            || name.starts_with("mso-height-");
        let plain = is_number(value) || STYLE_WORDS.contains(&value);
        let font = name == "font-family" && value.len() <= 64 && !value.contains(['<', '(', '\\']);
        let name_plain =
            name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        (known && plain && name_plain || font).then(|| format!("{name}:{value}"))
    });
    kept.collect::<Vec<_>>().join(";")
}

const PROPERTIES: &[&str] = &[
    "position",
    "left",
    "top",
    "width",
    "height",
    "margin-left",
    "margin-top",
    "margin-right",
    "margin-bottom",
    "z-index",
    "rotation",
    "flip",
    "visibility",
    "layout-flow",
    "direction",
    "text-align",
    "v-text-anchor",
    "v-text-kern",
    "v-text-spacing",
    "v-rotate-letters",
    "v-same-letter-heights",
    "v-text-align",
    "v-text-reverse",
    "font-size",
    "font-weight",
    "font-style",
    "mso-layout-flow-alt",
    "mso-fit-shape-to-text",
    "mso-fit-text-to-shape",
    "mso-next-textbox-none",
    "mso-left-percent",
    "mso-top-percent",
    "mso-direction-alt",
    "mso-rotate",
    "mso-text-scale",
];

const STYLE_WORDS: &[&str] = &[
    "absolute",
    "relative",
    "static",
    "left",
    "right",
    "center",
    "top",
    "bottom",
    "middle",
    "inside",
    "outside",
    "margin",
    "page",
    "text",
    "char",
    "line",
    "column",
    "square",
    "tight",
    "through",
    "none",
    "around",
    "visible",
    "hidden",
    "inherit",
    "x",
    "y",
    "xy",
    "yx",
    "auto",
    "t",
    "f",
    "true",
    "false",
    "normal",
    "bold",
    "italic",
    "vertical",
    "horizontal",
    "vertical-ideographic",
    "horizontal-ideographic",
    "bottom-to-top",
    "top-to-bottom",
    "justify",
    "letter-justify",
    "stretch-justify",
    "ltr",
    "rtl",
    "top-center",
    "middle-center",
    "bottom-center",
    "top-baseline",
    "bottom-baseline",
    "both",
    "inner-margin-area",
    "outer-margin-area",
    "left-margin-area",
    "right-margin-area",
    "top-margin-area",
    "bottom-margin-area",
    "context",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_no_text() {
        for path in [
            "m,l,21600r21600,l21600,xe",
            "m@4@5l@4@11@9@11@9@5xe",
            "al10800,10800,10800,10800@2@14nfe",
            "sum @0 0 21600",
            "prod @2 1 2",
            "if lineDrawn pixelLineWidth 0",
            "white [3212]",
            "fill darken(118)",
            "#4f81bd [3204]",
            ".75pt",
            "3pt,0,3pt,0",
            "cosatan2 10800 @0 @1",
            "#0 width 21600",
        ] {
            assert!(is_path(path), "{path}");
        }
        for text in ["jane", "m jane l", "met.jane", "m1l2jane", "Jane Doe"] {
            assert!(!is_path(text), "{text}");
        }
    }

    #[test]
    fn plain_values_are_told_from_names() {
        for value in [
            "",
            "12",
            "-3.5pt",
            "50%",
            "1e-5",
            "FF0000",
            "#ccc",
            "center",
            "true",
            "0,0,21600,21600",
            "t",
            "04A0",
        ] {
            assert!(is_plain(value), "{value}");
        }
        for value in [
            "jane",
            "Jane Doe",
            "12 jane",
            "x:y",
            "1234567890123456789012345678901234",
            "12kg",
            "e5e5e5e5e5",
            // a text in hexadecimal digits
            "63616e617279",
        ] {
            assert!(!is_plain(value), "{value}");
        }
        assert!(
            is_cells("$A$1:XFD1048576 B2")
                && is_cells("3:4")
                && !is_cells("Jane!A1")
                && !is_cells("jane")
        );
        assert_eq!(
            style("width:1pt; jane:1;height:jane;font-family:\"Arial\""),
            "width:1pt;font-family:\"Arial\""
        );
        assert_eq!(language("en-GB").as_deref(), Some("en-US"));
        assert_eq!(language("zh-TW").as_deref(), Some("zh-TW"));
        assert_eq!(language("janedoe"), None);
    }
}
