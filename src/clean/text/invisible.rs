//! Characters that cannot be seen: which of them a script or an emoji needs where they stand.
//!
//! Kept are the zero-width joiner and non-joiner behind a letter of a script that joins (Arabic, Indic and others), the
//! joiner between two emoji, an emoji or text selector (U+FE0E, U+FE0F) behind what has an emoji form, of a digit only in
//! a keycap, direction marks (U+200E, U+200F, U+061C) behind right-to-left letters, Mongolian selectors behind Mongolian letters, the vowel filler
//! behind a leading Hangul jamo. Each is kept once. Everything else that Unicode calls default-ignorable is dropped.

/// What becomes of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// Kept, unless the line ends with it.
    Blank,
    /// Becomes a space.
    Space,
    /// LF, or what becomes one.
    LineEnd,
    /// Kept if what it is for follows: [`is_awaited`].
    Waits,
    Dropped,
}

/// The characters before, as far as they decide.
#[derive(Default)]
pub(super) struct Invisible {
    before: Option<char>,
}

impl Invisible {
    /// A character that is kept.
    pub(super) fn see(&mut self, character: char) {
        self.before = Some(character);
    }

    pub(super) fn fate(&mut self, character: char) -> Fate {
        let before = self.before.unwrap_or('\n');
        let fate = match character {
            ' ' | '\t' | '\u{3000}' => Fate::Blank,
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => Fate::LineEnd,
            '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => {
                Fate::Space
            }
            // fillers that look like a space
            '\u{3164}' | '\u{ffa0}' => Fate::Space,
            '\u{2800}' if !is_braille(before) => Fate::Space,
            '\u{200d}' if is_emoji(before) => Fate::Waits,
            '\u{200c}' | '\u{200d}' if is_joining(before) => Fate::Kept,
            '\u{200e}' | '\u{200f}' | '\u{61c}' if is_right_to_left(before) => Fate::Kept,
            '\u{fe0f}' if matches!(before, '#' | '*' | '0'..='9') => Fate::Waits,
            '\u{fe0e}' | '\u{fe0f}' if has_emoji_form(before) => Fate::Kept,
            '\u{180b}'..='\u{180f}' if is_mongolian(before) => Fate::Kept,
            '\u{1160}' if matches!(before, '\u{1100}'..='\u{115e}' | '\u{a960}'..='\u{a97c}') => {
                Fate::Kept
            }
            _ if is_ignorable(character) => Fate::Dropped,
            _ => Fate::Kept,
        };
        // what is dropped leaves no trace; a joiner that waits is decided by the next character alone
        if !matches!(fate, Fate::Dropped | Fate::Waits) {
            self.before = Some(character);
        }
        fate
    }
}

/// Default_Ignorable_Code_Point of Unicode 16, interlinear annotation marks and non-characters.
const fn is_ignorable(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    ) || character as u32 & 0xfffe == 0xfffe
}

/// Whether `waiting` stays before `character`: a joiner before an emoji, a selector before a keycap.
pub(super) const fn is_awaited(waiting: char, character: char) -> bool {
    match waiting {
        '\u{200d}' => is_emoji(character) && character != '\u{fe0f}',
        _ => character == '\u{20e3}',
    }
}

/// What an emoji is put together from.
const fn is_emoji(character: char) -> bool {
    matches!(
        character,
        '\u{fe0f}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}'
            | '\u{2300}'..='\u{23ff}' | '\u{2460}'..='\u{27bf}' | '\u{2900}'..='\u{297f}'
            | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}'
    )
}

const fn has_emoji_form(character: char) -> bool {
    is_emoji(character) && character != '\u{fe0f}'
        || matches!(
            character,
            '\u{a9}' | '\u{ae}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        )
}

/// Letters and vowel signs of scripts in which joiners change how letters look, from Arabic to Mongolian.
const fn is_joining(character: char) -> bool {
    matches!(
        character,
        '\u{620}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1700}'..='\u{17b3}'
            | '\u{17b6}'..='\u{17ff}' | '\u{1820}'..='\u{18aa}' | '\u{1900}'..='\u{1cff}'
            | '\u{a800}'..='\u{abff}' | '\u{fb50}'..='\u{fdcf}' | '\u{fe70}'..='\u{fefc}'
            | '\u{10a00}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}'
    )
}

const fn is_right_to_left(character: char) -> bool {
    matches!(
        character,
        '\u{590}'..='\u{61b}' | '\u{61d}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdcf}'
            | '\u{fdf0}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

const fn is_mongolian(character: char) -> bool {
    matches!(character, '\u{1820}'..='\u{18aa}')
}

const fn is_braille(character: char) -> bool {
    matches!(character, '\u{2800}'..='\u{28ff}')
}
