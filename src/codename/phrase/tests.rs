use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::random::Entropy;

const CHINESE: [WordList; 2] = [WordList::ChineseSimplified, WordList::ChineseTraditional];

/// Deals bytes that follow from a seed, so that a failure can be repeated.
struct Dealt(std::sync::atomic::AtomicU64);

impl Dealt {
    fn from(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).into())
    }
}

impl Entropy for Dealt {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let at = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let digest = ring::digest::digest(&ring::digest::SHA256, &at.to_be_bytes());
            *byte = digest.as_ref()[0];
        }
    }
}

fn drawn(list: WordList, seed: u64) -> (Number, String) {
    let number = Number::random(&Dealt::from(seed));
    let words = write(&number, list).expose().clone();
    (number, words)
}

fn same(typed: &str, number: &Number) -> bool {
    read(typed).is_ok_and(|read| read.is(number))
}

fn refusal(typed: &str) -> PhraseError {
    read(typed).err().unwrap()
}

/// The phrase of any ten words, whatever their checksum.
fn phrase(list: WordList, indices: [u16; WORDS]) -> String {
    indices.map(|index| list.word(index)).join(" ")
}

fn any_list() -> impl Strategy<Value = WordList> {
    (0..WordList::ALL.len()).prop_map(|at| WordList::ALL[at])
}

#[test]
fn a_phrase_never_outgrows_its_buffer() {
    for list in WordList::ALL {
        let longest = (0..2_048).map(|index| list.word(index).len()).max().unwrap();
        assert!(WORDS * (longest + 1) <= PHRASE_CAPACITY, "{list:?}: {longest}");
    }
    let words = write(&drawn(WordList::Korean, 1).0, WordList::Korean);
    assert_eq!(words.expose().capacity(), PHRASE_CAPACITY);
}

#[test]
fn each_word_of_each_list_is_one_word() {
    for list in WordList::ALL {
        for index in 0..2_048 {
            let word = list.word(index);
            let words = Words::of(word).ok().unwrap();
            assert_eq!((words.count, words.text.expose().trim_end()), (1, word), "{list:?}");
        }
    }
    for list in CHINESE {
        assert!((0..2_048).all(|index| list.word(index).chars().all(is_han)));
    }
}

#[test]
fn people_type_as_they_like() {
    for list in WordList::ALL {
        let (number, words) = drawn(list, 7);
        let each = || words.split(' ');
        let numbered = |mark: &str| {
            (1..).zip(each()).map(|(at, word)| format!("{at}{mark}{word}\n")).collect::<String>()
        };
        for typed in [
            words.nfd().collect(),
            words.nfkc().collect(),
            words.to_uppercase(),
            words.replace(' ', "\u{3000}"),
            words.replace(' ', "\r\n\t "),
            words.replace(' ', ", "),
            words.replace(' ', "、"),
            words.replace(' ', "-"),
            words.replace(' ', "\u{200b}"),
            format!("\u{feff} “{words}”.\n"),
            numbered(". "),
            numbered(") "),
            numbered("．"),
            each().zip('①'..).map(|(word, circled)| format!("{circled}{word}")).collect(),
        ] {
            assert!(same(&typed, &number), "{list:?}: {typed:?}");
        }
    }
}

#[test]
fn forms_of_width_and_of_shape_do_not_matter() {
    let (number, words) = drawn(WordList::English, 3);
    let wide = |c: char| match c {
        'a'..='z' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
        c => c,
    };
    assert!(same(&words.chars().map(wide).collect::<String>(), &number));
    for list in CHINESE {
        let (number, words) = drawn(list, 3);
        assert!(same(&words.replace(' ', ""), &number));
        assert!(same(&words.replace(' ', "\u{fe00}"), &number));
    }
    // 金 as a radical of its own, as some fonts copy it
    let metal = WordList::ChineseSimplified.find("金").unwrap();
    assert_eq!(Words::of("\u{2fa6}").ok().unwrap().text.expose(), "金 ");
    assert_eq!(WordList::ChineseSimplified.word(metal), "金");
}

#[test]
fn what_cannot_be_seen_separates_nothing() {
    for list in WordList::ALL {
        let (number, words) = drawn(list, 3);
        for invisible in ['\u{ad}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'] {
            let typed = words.chars().flat_map(|c| [c, invisible]).collect::<String>();
            assert!(same(&typed, &number), "{list:?}: {typed:?}");
        }
    }
}

#[test]
fn words_run_together_or_cut_short_are_not_guessed() {
    let (_, words) = drawn(WordList::English, 3);
    assert_eq!(refusal(&words.replace(' ', "")), PhraseError::WordCount { found: 1 });
    let cut = phrase(WordList::English, [0; 10]).replace("abandon", "aban");
    assert_eq!(refusal(&cut), PhraseError::UnknownWords { places: (1..=10).collect() });
}

#[test]
fn mistakes_are_told_by_their_place() {
    let (_, words) = drawn(WordList::Korean, 5);
    let mut changed: Vec<&str> = words.split(' ').collect();
    changed[2] = "겨울나그네";
    changed[9] = "zoos";
    let typed = changed.join(" ");
    let error = refusal(&typed);
    assert_eq!(error, PhraseError::UnknownWords { places: vec![3, 10] });
    assert!(error.to_string().contains("number 3, 10;"), "{error}");
    assert_eq!(refusal(&changed[..7].join(" ")), PhraseError::WordCount { found: 7 });
    assert_eq!(refusal(&format!("{words} 하나")), PhraseError::WordCount { found: 11 });
    for nothing in ["", " ", "1. 2. 3.", "\u{301}", "😀 !?"] {
        assert_eq!(refusal(nothing), PhraseError::WordCount { found: 0 }, "{nothing:?}");
    }
}

#[test]
fn whatever_is_too_long_is_refused() {
    assert_eq!(refusal(&" ".repeat(MAX_TYPED)), PhraseError::WordCount { found: 0 });
    assert_eq!(refusal(&" ".repeat(MAX_TYPED + 1)), PhraseError::TooLong);
    // three bytes that become thirty-three
    assert_eq!(refusal(&"\u{fdfa}".repeat(1_000)), PhraseError::TooLong);
}

#[test]
fn two_words_that_change_places_are_mostly_noticed() {
    let noticed = (0..400).filter(|seed| {
        let (_, words) = drawn(WordList::English, *seed);
        let mut words: Vec<&str> = words.split(' ').collect();
        words.swap(3, 6);
        matches!(read(&words.join(" ")), Err(PhraseError::Checksum))
    });
    assert!((350..=395).contains(&noticed.count()));
}

/// As [`crate::words`] promises: there is no word, and so no phrase, that two lists read differently.
#[test]
fn a_phrase_reads_as_one_number_in_every_list_that_has_it() {
    let mut shared = 0;
    for seed in 0..2_000 {
        let (number, words) = drawn(WordList::ChineseSimplified, seed);
        let other = words.split(' ').map(|word| WordList::ChineseTraditional.find(word));
        if let Some(indices) = other.collect::<Option<Vec<_>>>() {
            shared += 1;
            assert_eq!(indices, *number.to_indices());
        }
    }
    assert!(shared > 5, "{shared} of 2000 phrases stand wholly in both Chinese lists");
}

#[test]
fn a_keyboard_may_change_the_script() {
    let (number, simplified) = drawn(WordList::ChineseSimplified, 1);
    let traditional = write(&number, WordList::ChineseTraditional);
    let traditional = traditional.expose().split(' ');
    let mixed: String = (0..)
        .zip(simplified.split(' ').zip(traditional))
        .map(|(at, (one, other))| if at % 2 == 0 { one } else { other })
        .collect();
    assert!(simplified.replace(' ', "") != mixed);
    assert!(same(&mixed, &number));
}

#[test]
fn of_sixteen_wrong_words_fifteen_are_noticed() {
    for list in WordList::ALL {
        let (number, _) = drawn(list, 11);
        let (mut noticed, mut changes) = (0, 0);
        for place in 0..WORDS {
            for step in (1..2_048).step_by(7) {
                let mut indices = *number.to_indices();
                indices[place] = (indices[place] + step) % 2_048;
                changes += 1;
                match read(&phrase(list, indices)) {
                    Ok(other) => assert!(!other.is(&number)),
                    Err(_) => noticed += 1,
                }
            }
        }
        let share = f64::from(noticed) / f64::from(changes);
        assert!((0.92..0.955).contains(&share), "{list:?}: {share} of {changes}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(list in any_list(), seed: u64) {
        let (number, words) = drawn(list, seed);
        prop_assert!(same(&words, &number));
        for other in WordList::ALL {
            prop_assert!(same(write(&number, other).expose(), &number));
        }
    }

    #[test]
    fn a_changed_word_never_gives_the_same_number(
        list in any_list(), seed: u64, place in 0..WORDS, other in 0_u16..2_048,
    ) {
        let (number, _) = drawn(list, seed);
        let mut indices = *number.to_indices();
        prop_assume!(indices[place] != other);
        indices[place] = other;
        let typed = phrase(list, indices);
        prop_assert!(!same(&typed, &number));
    }

    #[test]
    fn any_text_is_read_or_refused(typed: String) {
        if let Ok(number) = read(&typed) {
            prop_assert!(same(write(&number, WordList::Korean).expose(), &number));
        }
    }

    #[test]
    fn words_in_any_company_are_read_or_refused(
        words in prop::collection::vec((any_list(), 0_u16..2_048, "[ ,1\u{301}\u{3000}가]{0,3}"), 0..14),
    ) {
        let typed: String =
            words.iter().map(|(list, at, more)| format!("{}{more}", list.word(*at))).collect();
        let shown = read(&typed).err().map(|error| error.to_string());
        // no error repeats what was typed
        let foreign = words.iter().filter(|(list, ..)| *list != WordList::English);
        for (list, at, _) in foreign {
            prop_assert!(!shown.iter().any(|text| text.contains(list.word(*at))));
        }
    }
}
