//! Encodings older than UTF-8: decoding without replacement, and which one a text is in.
//!
//! Nearly every Korean text in EUC-KR is also right in GB 18030, as nonsense, and the other way round: that a text can be
//! decoded says little. What is written most often says it: in a Korean text every third syllable is one of the forty in
//! [`KOREAN`], in a Chinese one every fourth character one of those in [`SIMPLIFIED`] or [`TRADITIONAL`], and of nonsense
//! perhaps every fiftieth. It is certain which encoding a text is in if decoding it never fails, at least
//! [`FEWEST`] characters are not ASCII, at least [`SHARE`] of 100 of these are such frequent ones, almost all others are
//! of the script or its punctuation, and if no other encoding has even half as many. Short lists of names may not pass;
//! they are refused.

use std::io::{self, Read, Seek};

use encoding_rs::{BIG5, DecoderResult, EUC_KR, Encoding, GB18030};

use super::WINDOW;
use crate::clean::{CleanError, Refusal, input::Input};

/// An encoding.
pub(super) type Guess = &'static Encoding;

/// The fewest characters beyond ASCII by which an encoding is told.
const FEWEST: u32 = 10;
/// How many of 100 must be frequent ones.
const SHARE: u32 = 12;

const KOREAN: &str =
    "이다는에의을를가고은한하지로기사서도나아있인어시그해들자정대보일수리것만요니으";
const SIMPLIFIED: &str = "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后发好工公日月事电请";
const TRADITIONAL: &str = "的一是不了在人有我他這中大來上國個到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可裡後發好工公日月事電請";

/// Hands all of `input` in pieces to `take`; false as soon as something is not right in `encoding`.
pub(super) fn decode<R: Read + Seek>(
    input: &mut Input<'_, R>,
    encoding: &'static Encoding,
    mut take: impl FnMut(&str) -> Result<(), Refusal>,
) -> Result<bool, CleanError> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(2 * WINDOW);
    loop {
        let window = input.window(WINDOW)?;
        let window = window.get(..WINDOW).unwrap_or(window);
        let last = window.len() < WINDOW;
        text.clear();
        let (result, read) = decoder.decode_to_string_without_replacement(window, &mut text, last);
        input.consume(read);
        take(&text)?;
        match result {
            DecoderResult::InputEmpty if last => return Ok(true),
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => return Ok(false),
        }
    }
}

/// What of a text was seen in one encoding.
#[derive(Default)]
struct Seen {
    /// Characters beyond ASCII.
    all: u32,
    frequent: u32,
    /// Those of other scripts.
    foreign: u32,
}

impl Seen {
    fn count(&mut self, text: &str, frequent: &str, own: fn(char) -> bool) {
        for character in text.chars().filter(|character| !character.is_ascii()) {
            self.all = self.all.saturating_add(1);
            if frequent.contains(character) {
                self.frequent += 1;
            } else if !own(character) {
                self.foreign += 1;
            }
        }
    }
}

/// An encoding, what is written often in it, and which characters are of its script.
type Candidate = (Guess, &'static str, fn(char) -> bool);

/// The encoding of the text that begins at `start`, if it is certain.
pub(super) fn guess<R: Read + Seek>(
    input: &mut Input<'_, R>,
    start: u64,
) -> io::Result<Option<Guess>> {
    let candidates: [Candidate; 3] = [
        (EUC_KR, KOREAN, is_korean),
        (GB18030, SIMPLIFIED, is_chinese),
        (BIG5, TRADITIONAL, is_chinese),
    ];
    let mut best: Option<(Guess, u32, u32)> = None;
    let mut second = 0;
    for (encoding, frequent, own) in candidates {
        input.seek(start)?;
        let mut seen = Seen::default();
        let whole = decode(input, encoding, |text| {
            // what one knows of a megabyte is enough, and all of it must be right
            if seen.all < 1 << 20 {
                seen.count(text, frequent, own);
            }
            Ok(())
        });
        match whole {
            Ok(true) => {}
            Ok(false) | Err(CleanError::Refused(_)) => continue,
            Err(CleanError::Io(error)) => return Err(error),
        }
        let share = 100 * seen.frequent / seen.all.max(1);
        let passes = seen.all >= FEWEST && share >= SHARE && 20 * seen.foreign <= seen.all;
        let share = if passes { share } else { share.min(SHARE - 1) };
        match best {
            Some((_, most, _)) if share <= most => second = second.max(share),
            _ => {
                second = second.max(best.map_or(0, |(_, most, _)| most));
                best = Some((encoding, share, seen.all));
            }
        }
    }
    Ok(best.filter(|(_, most, _)| *most >= SHARE && 2 * second <= *most).map(|(guess, ..)| guess))
}

/// Hangul, and what stands between words of a Korean text. Hanja are few.
const fn is_korean(character: char) -> bool {
    matches!(character, '\u{ac00}'..='\u{d7a3}' | '\u{3131}'..='\u{318e}') || is_sign(character)
}

const fn is_chinese(character: char) -> bool {
    matches!(character, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}') || is_sign(character)
}

/// Punctuation, wide forms, arrows, shapes.
const fn is_sign(character: char) -> bool {
    matches!(
        character,
        '\u{a0}'..='\u{f7}' | '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{303f}'
            | '\u{3200}'..='\u{33ff}' | '\u{ff01}'..='\u{ffee}'
    )
}
