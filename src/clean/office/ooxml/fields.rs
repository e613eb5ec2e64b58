//! Codes of fields that are nothing without their code: EQ, SYMBOL.

/// What is written for the words of a SYMBOL field: a character, its font and size (ECMA-376 part 1 §17.16.5.60).
pub(super) fn symbol<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<String> {
    let character = words.next()?.trim_matches('"');
    let is_number = character.len() <= 8
        && character.strip_prefix("0x").unwrap_or(character).bytes().all(|b| b.is_ascii_hexdigit());
    if !is_number && character.chars().count() != 1 {
        return None;
    }
    let mut written = format!(" SYMBOL {character} ");
    while let Some(word) = words.next() {
        match word {
            "\\a" | "\\j" | "\\u" | "\\h" => written.push_str(&format!("{word} ")),
            "\\s" => {
                if let Some(size) =
                    words.next().filter(|s| s.len() <= 4 && s.parse::<f32>().is_ok())
                {
                    written.push_str(&format!("\\s {size} "));
                }
            }
            "\\f" => {
                let mut font = words.next()?.to_owned();
                while font.starts_with('"') && (font.len() == 1 || !font.ends_with('"')) {
                    font.push_str(&format!(" {}", words.next()?));
                }
                if font.len() <= 64 {
                    written.push_str(&format!("\\f {font} "));
                }
            }
            _ => {}
        }
    }
    Some(written)
}

/// Switches of EQ and their options (Word's reference of field codes), and the marks of East Asian layouts.
const SWITCHES: &[&str] = &[
    "a", "ac", "ad", "ai", "al", "ar", "b", "ba", "bc", "bo", "co", "d", "di", "do", "f", "fc",
    "fo", "hs", "i", "in", "l", "lc", "le", "li", "o", "pr", "r", "ra", "rc", "ri", "s", "su",
    "to", "up", "vc", "vs", "x",
];

/// What is written for an EQ field's code (without `EQ`): outside of its parentheses only switches and numbers are; what is
/// in them is shown.
pub(super) fn equation(code: &str) -> Option<String> {
    let mut written = String::from(" EQ ");
    let mut rest = code.trim();
    let mut depth = 0_usize;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        match first {
            // how the field's text is set: of these only alignment and height
            '\\' if rest.starts_with("\\*") => {
                let after = rest.get(2..)?.trim_start();
                let word = match after.strip_prefix('"') {
                    Some(quoted) => after.get(..quoted.find('"')? + 2)?,
                    None => after.split([' ', '\\']).next()?,
                };
                let number = word.strip_prefix("jc").or_else(|| word.strip_prefix("hps"));
                if number.is_some_and(|n| n.len() <= 5 && n.bytes().all(|b| b.is_ascii_digit())) {
                    written.push_str(&format!("\\* {word} "));
                }
                rest = after.get(word.len()..)?.trim_start();
                continue;
            }
            '\\' => {
                let after = rest.get(1..)?;
                let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
                if letters == 0 {
                    // a character that stands for itself, as one behind \lc
                    length += after.chars().next()?.len_utf8();
                } else {
                    let switch = after.get(..letters)?.to_ascii_lowercase();
                    if !SWITCHES.contains(&switch.as_str()) {
                        return None;
                    }
                    length += letters;
                }
            }
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ if depth > 0 => {}
            ' ' | ',' | ';' | '-' | '0'..='9' => {}
            _ => return None,
        }
        written.push_str(rest.get(..length)?);
        rest = rest.get(length..)?;
    }
    (depth == 0).then(|| format!("{} ", written.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_hold_what_is_shown_alone() {
        let symbol = |code: &str| symbol(code.split_whitespace());
        let written = r#" SYMBOL 61472 \f "Wing dings" \s 10 "#;
        let code = r#"61472 \f "Wing dings" \s 10 \* JANE \q jane"#;
        assert_eq!(symbol(code).as_deref(), Some(written));
        assert_eq!(symbol(written.split_once("SYMBOL").unwrap().1).as_deref(), Some(written));
        assert_eq!(symbol("jane"), None);
        for kept in [
            r" EQ \o\ac(○,1) ",
            r" EQ \f(1,2) ",
            r" EQ \* jc2 \* hps10 \o\ad(\s\up 9(ふり),漢) ",
            r" EQ \b \bc\{ (x) ",
        ] {
            assert_eq!(equation(kept.trim().strip_prefix("EQ").unwrap()).as_deref(), Some(kept));
        }
        assert_eq!(
            equation(r#"\* "Font:Jane" \* MERGEFORMAT \f(1,2)"#).as_deref(),
            Some(r" EQ \f(1,2) ")
        );
        for refused in ["jane", r"\f(1,2) jane", r"\jane(1)", r"\f(1"] {
            assert_eq!(equation(refused), None, "{refused}");
        }
    }
}
