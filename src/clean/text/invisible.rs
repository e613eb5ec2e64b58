//! Characters that cannot be seen: which of them a script or an emoji needs where they stand.
//!
//! Kept are those that change what is seen, and there alone:
//!
//! | character | kept |
//! |---|---|
//! | zero-width non-joiner | between two letters that would join; behind a virama, before a letter |
//! | zero-width joiner | behind a letter that joins, before what does not; at a virama; between two emoji |
//! | U+FE0F | behind what is text without it, and of a digit in a keycap |
//! | U+FE0E | behind what is an emoji without it |
//! | U+200E | behind a right-to-left letter, before what has no direction and is no blank |
//! | U+200F, U+061C | behind a letter of the other one's direction, before a digit (UAX #9, W2) |
//! | Mongolian selectors | behind Mongolian letters |
//! | vowel filler | behind a leading Hangul jamo |
//!
//! Each is kept once. Everything else that Unicode calls default-ignorable is dropped.
//!
//! Not detected: a joiner between two emoji, or behind a virama, that make no other form together.

use super::tables::{BEFORE, BOTH_SIDES, EMOJI, TEXT, VIRAMA, is_in};

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
    /// Kept if what it is for follows.
    Waits(For),
    Dropped,
}

/// What an invisible character is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Emoji,
    Keycap,
    /// What joins a letter.
    Joining,
    /// What does not.
    NotJoining,
    /// A letter behind a virama.
    Letter,
    /// A virama.
    Virama,
    Digit,
    /// What has no direction, and is no blank.
    Neutral,
    Any,
}

impl For {
    /// Whether `character`, which follows, is it.
    pub(super) fn is(self, character: char) -> bool {
        match self {
            Self::Emoji => is_emoji(character) && character != '\u{fe0f}',
            Self::Keycap => character == '\u{20e3}',
            Self::Joining => joins(character),
            Self::NotJoining => !joins(character) && !is_ignorable(character),
            Self::Letter => character.is_alphabetic() && !character.is_ascii(),
            Self::Virama => is_in(VIRAMA, character),
            Self::Digit => matches!(character, '0'..='9' | '\u{6f0}'..='\u{6f9}'),
            // a blank may turn out to end the line, or become one
            Self::Neutral => {
                !character.is_whitespace()
                    && character != '\u{2800}'
                    && !character.is_alphabetic()
                    && !is_right_to_left(character)
                    && !is_ignorable(character)
            }
            Self::Any => !is_ignorable(character),
        }
    }
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
            '\u{200d}' if is_emoji(before) => Fate::Waits(For::Emoji),
            '\u{200d}' if is_in(VIRAMA, before) => Fate::Waits(For::Any),
            '\u{200d}' if is_in(BOTH_SIDES, before) => Fate::Waits(For::NotJoining),
            // the letter RA of Bengali and Kannada
            '\u{200d}' if matches!(before, '\u{9b0}' | '\u{cb0}') => Fate::Waits(For::Virama),
            '\u{200c}' if is_in(VIRAMA, before) => Fate::Waits(For::Letter),
            '\u{200c}' if is_in(BOTH_SIDES, before) => Fate::Waits(For::Joining),
            '\u{200e}' if is_right_to_left(before) => Fate::Waits(For::Neutral),
            '\u{200f}' if is_arabic(before) => Fate::Waits(For::Digit),
            '\u{61c}' if is_right_to_left(before) && !is_arabic(before) => Fate::Waits(For::Digit),
            '\u{fe0f}' if matches!(before, '#' | '*' | '0'..='9') => Fate::Waits(For::Keycap),
            '\u{fe0f}' if is_in(TEXT, before) => Fate::Kept,
            // those above the first plane are not written as text
            '\u{fe0e}' if is_in(EMOJI, before) && before < '\u{10000}' => Fate::Kept,
            '\u{180b}'..='\u{180f}' if is_mongolian(before) => Fate::Kept,
            '\u{1160}' if matches!(before, '\u{1100}'..='\u{115e}' | '\u{a960}'..='\u{a97c}') => {
                Fate::Kept
            }
            _ if is_ignorable(character) => Fate::Dropped,
            _ => Fate::Kept,
        };
        // what is dropped leaves no trace; a joiner that waits is decided by the next character alone
        if !matches!(fate, Fate::Dropped | Fate::Waits(_)) {
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

/// What an emoji is put together from.
fn is_emoji(character: char) -> bool {
    character == '\u{fe0f}' || is_in(TEXT, character) || is_in(EMOJI, character)
}

/// Whether a letter joins with the one before.
fn joins(character: char) -> bool {
    is_in(BOTH_SIDES, character) || is_in(BEFORE, character)
}

/// Letters before which digits are Arabic ones: Arabic, Syriac, Thaana.
const fn is_arabic(character: char) -> bool {
    matches!(
        character,
        '\u{600}'..='\u{7bf}' | '\u{860}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefc}'
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
