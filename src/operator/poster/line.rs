//! Lines: SVG breaks none, so the poster has to.

/// How wide a text will be at most, in its font's size. Fonts differ; this is a little more than
/// most of them take.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(width_of).sum()
}

fn width_of(c: char) -> f64 {
    match c {
        ' ' | 'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.33,
        'f' | 'r' | 't' | 'I' | '(' | ')' | '[' | ']' | '-' | '/' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.97,
        'A'..='Z' => 0.76,
        '\0'..='~' => 0.63,
        // letters with marks, Greek, Cyrillic and the like
        '\u{7f}'..'\u{1100}' => 0.8,
        '\u{ac00}'..='\u{d7a3}' => 0.95,
        _ => 1.0,
    }
}

/// Breaks a text into lines no wider than `room`: at spaces, and between Chinese characters.
pub(super) fn wrap(text: &str, room: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in pieces(text) {
        let mut line = lines.pop().unwrap_or_default();
        if width(&line) + width(piece.trim_end()) > room && !line.is_empty() {
            lines.push(line.trim_end().to_owned());
            line = String::new();
        }
        // a word longer than a line is cut where the line ends
        for c in piece.chars() {
            if c != ' ' && width(&line) + width_of(c) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
        lines.push(line);
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// What is kept together: a word and the spaces after it, a Chinese character and the punctuation
/// at its sides.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        if before.is_some_and(|before| may_break(before, c)) {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    pieces.push(&text[start..]);
    pieces
}

fn may_break(before: char, after: char) -> bool {
    let chinese = |c| matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
    let opens = |c| matches!(c, '（' | '《' | '“' | '‘' | '「');
    let closes = |c| "，。、；：？！）》”’」".contains(c);
    if before == ' ' {
        return after != ' ';
    }
    after != ' ' && (chinese(before) || chinese(after)) && !opens(before) && !closes(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_break_at_words_and_between_chinese_characters() {
        assert_eq!(wrap("one two three", 5.0), ["one two", "three"]);
        assert_eq!(wrap("한글 낱말은 띄어쓰기에서", 5.8), ["한글 낱말은", "띄어쓰기에서"]);
        // the full stop stays with its character
        assert_eq!(wrap("不要发送。请", 4.0), ["不要发", "送。请"]);
        assert_eq!(wrap("用 Tor 打开", 4.0), ["用 Tor", "打开"]);
        assert_eq!(wrap("abcdefgh", 2.0), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 2.0), [""]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_too_wide(text in "[a-zA-Z 가-힣一-龥。（，]{0,80}", room in 2.0..40.0) {
            let lines = wrap(&text, room);
            let without = |text: &str| text.replace(' ', "");
            prop_assert_eq!(without(&lines.concat()), without(&text));
            prop_assert!(lines.iter().all(|line| width(line) <= room));
        }
    }
}
