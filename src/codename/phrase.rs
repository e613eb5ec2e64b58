//! Words as they are written, and as people type them.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

use super::{
    MAX_TYPED, WORDS,
    number::{Indices, Number},
};
use crate::{
    secret::{Secret, SecretText},
    words::{self, WordList},
};

/// Room for ten words of any list with a space between, decomposed.
const PHRASE_CAPACITY: usize = 512;

/// Why a typed text is no codename. Says places only, never a word: the text may be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// More than [`MAX_TYPED`] bytes.
    #[error("this is far too long for a codename; type its ten words and nothing else")]
    TooLong,
    /// Not ten words.
    #[error("a codename has ten words, and here are {found}; put a space between the words")]
    WordCount {
        /// How many words were found.
        found: usize,
    },
    /// Some words are in no list.
    #[error("not in the list of words: number {}; look at the spelling", listed(places))]
    UnknownWords {
        /// Which of the ten, counted from 1.
        places: Vec<usize>,
    },
    /// The checksum does not fit.
    #[error(
        "the ten words do not belong together: probably one of them is another word, or two have \
         changed places; compare each with what you wrote down"
    )]
    Checksum,
}

fn listed(places: &[usize]) -> String {
    places.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// The phrase of a number, for people: composed words with a space between.
pub(super) fn write(number: &Number, list: WordList) -> SecretText {
    let mut text = SecretText::new(String::with_capacity(PHRASE_CAPACITY));
    for index in number.to_indices().iter() {
        let text = text.expose_mut();
        if !text.is_empty() {
            text.push(' ');
        }
        list.write(*index, text);
    }
    text
}

/// Reads what a person typed, in any list.
pub(super) fn read(typed: &str) -> Result<Number, PhraseError> {
    let words = Words::of(typed)?;
    if words.count != WORDS {
        return Err(PhraseError::WordCount { found: words.count });
    }
    let mut indices = Indices::default();
    let mut places = Vec::new();
    let each = words.text.expose().split_terminator(' ').zip(indices.iter_mut());
    for (place, (word, index)) in (1..).zip(each) {
        match words::find(word) {
            Some(found) => *index = found,
            None => places.push(place),
        }
    }
    if !places.is_empty() {
        return Err(PhraseError::UnknownWords { places });
    }
    Number::from_indices(&indices).ok_or(PhraseError::Checksum)
}

/// The words of a text, lowercase and decomposed, each followed by a space.
struct Words {
    text: SecretText,
    count: usize,
    too_long: bool,
}

impl Words {
    fn of(typed: &str) -> Result<Self, PhraseError> {
        let text = Secret::new(String::with_capacity(MAX_TYPED));
        let mut words = Self { text, count: 0, too_long: typed.len() > MAX_TYPED };
        for c in typed.chars().take(MAX_TYPED).filter(|c| !is_invisible(*c)) {
            // a character at a time, because the iterators for texts keep buffers of their own
            decompose_compatible(c, |c| c.to_lowercase().for_each(|c| words.take(c)));
        }
        words.end();
        if words.too_long { Err(PhraseError::TooLong) } else { Ok(words) }
    }

    fn take(&mut self, c: char) {
        if is_han(c) {
            self.end();
            self.push(c);
            self.end();
        } else if c.is_alphabetic() || (is_combining_mark(c) && self.is_within()) {
            self.push(c);
        } else {
            self.end();
        }
    }

    fn is_within(&self) -> bool {
        !self.text.expose().is_empty() && !self.text.expose().ends_with(' ')
    }

    fn end(&mut self) {
        if self.is_within() {
            self.push(' ');
            self.count += 1;
        }
    }

    /// Keeps to the capacity, so that no copy is left behind.
    fn push(&mut self, c: char) {
        let text = self.text.expose_mut();
        if text.len() + c.len_utf8() <= text.capacity() {
            text.push(c);
        } else {
            self.too_long = true;
        }
    }
}

/// A Chinese character: a word by itself, whether or not a space follows. Source: the blocks of CJK
/// Unified Ideographs in Unicode 17, with planes 2 and 3, which hold nothing else.
fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Characters without a shape, which copying can bring along; they separate nothing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests;
