//! The BIP39 word lists: 2,048 words each, so that a word carries eleven bits.
//!
//! The lists are those of <https://github.com/bitcoin/bips/tree/master/bip-0039>; a test compares
//! each with the checksum that its publishers give. They are in decomposed Unicode (NFKD), and so
//! is [`WordList::word`]; what people read is composed, as they would type it.
//!
//! A word has one index, whatever the list: most words are in one list only, and the 1,275
//! characters that both Chinese lists have stand at the same places in both (the traditional list is
//! the simplified one, character by character). So a phrase never stands for two numbers, and a
//! keyboard that writes some characters in the other script changes nothing. A list that breaks
//! this, as the French one does with the English, cannot be added; a test says so.

use bip39::{Language, Mnemonic};
use unicode_normalization::{UnicodeNormalization, char::compose};

/// How many bits a word carries.
pub const BITS_PER_WORD: u32 = 11;

/// Words in a list.
pub const WORDS_IN_A_LIST: usize = 1 << BITS_PER_WORD;

/// A list of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WordList {
    /// English.
    English,
    /// Korean; decomposed in the list.
    Korean,
    /// Simplified Chinese; a word is one character.
    ChineseSimplified,
    /// Traditional Chinese; a word is one character.
    ChineseTraditional,
    /// Japanese, in hiragana; decomposed in the list.
    Japanese,
}

impl WordList {
    /// Every list that is read.
    pub const ALL: [Self; 5] = [
        Self::English,
        Self::Korean,
        Self::ChineseSimplified,
        Self::ChineseTraditional,
        Self::Japanese,
    ];

    /// The word at `index`, of which the lowest eleven bits count, in decomposed form.
    pub fn word(self, index: u16) -> &'static str {
        self.language().word_list()[usize::from(index) % WORDS_IN_A_LIST]
    }

    /// Where a word, in lower case and decomposed, stands in the list.
    pub fn find(self, word: &str) -> Option<u16> {
        self.language().find_word(word)
    }

    /// Writes the word at `index` in composed form (NFC) to the end of `text`. Allocates nothing if
    /// there is room for the decomposed form.
    pub fn write(self, index: u16, text: &mut String) {
        // what stands before the word is another word, with which nothing can be composed
        let mut last = None;
        for c in self.word(index).chars() {
            let composed = last.and_then(|last| compose(last, c));
            if composed.is_some() {
                text.pop();
            }
            last = composed.or(Some(c));
            text.extend(last);
        }
    }

    fn language(self) -> Language {
        match self {
            Self::English => Language::English,
            Self::Korean => Language::Korean,
            Self::ChineseSimplified => Language::SimplifiedChinese,
            Self::ChineseTraditional => Language::TraditionalChinese,
            Self::Japanese => Language::Japanese,
        }
    }
}

/// The index of a word, in lower case and decomposed, in whatever list it stands.
pub fn find(word: &str) -> Option<u16> {
    WordList::ALL.iter().find_map(|list| list.find(word))
}

/// A fingerprint as the 24 words of its BIP39 mnemonic, composed: 256 bits and eight of checksum.
/// Any tool that knows BIP39 turns them back into the same 32 bytes. Not for secrets: nothing is
/// wiped.
#[expect(clippy::expect_used, reason = "BIP39 knows entropy of 32 bytes")]
pub fn fingerprint_in_words(fingerprint: &[u8; 32], list: WordList) -> Vec<String> {
    let mnemonic = Mnemonic::from_entropy_in(list.language(), fingerprint);
    let mnemonic = mnemonic.expect("32 bytes are entropy of BIP39");
    mnemonic.words().map(|word| word.nfc().collect()).collect()
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};
    use unicode_normalization::is_nfc;

    use super::*;

    fn indices() -> std::ops::Range<u16> {
        0..2_048
    }

    #[test]
    fn the_lists_are_those_that_were_published() {
        // SHA-256 of the files in bip-0039, a word on each line
        let published = [
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda",
            "9e95f86c167de88f450f0aaf89e87f6624a57f973c67b516e338e8e8b8897f60",
            "5c5942792bd8340cb8b27cd592f1015edf56a8c5b26276ee18a482428e7c5726",
            "417b26b3d8500a4ae3d59717d7011952db6fc2fb84b807f3f94ac734e89c1b5f",
            "2eed0aef492291e061633d7ad8117f1a2b03eb80a29d0e4e3117ac2528d05ffd",
        ];
        for (list, sum) in WordList::ALL.into_iter().zip(published) {
            let file: String = indices().map(|index| format!("{}\n", list.word(index))).collect();
            let found = data_encoding::HEXLOWER.encode(digest(&SHA256, file.as_bytes()).as_ref());
            assert_eq!(found, sum, "{list:?}");
        }
    }

    #[test]
    fn each_word_is_found_and_written_composed() {
        for list in WordList::ALL {
            for index in indices() {
                let word = list.word(index);
                assert_eq!(list.find(word), Some(index), "{list:?}");
                let mut text = "before ".to_owned();
                list.write(index, &mut text);
                assert!(is_nfc(&text));
                assert!(text["before ".len()..].nfkd().eq(word.chars()), "{text}");
            }
            assert_eq!(list.find(""), None);
        }
    }

    #[test]
    fn a_word_has_one_index_whatever_the_list() {
        for list in WordList::ALL {
            for other in WordList::ALL {
                let shared = indices().filter(|index| other.find(list.word(*index)).is_some());
                assert!(shared.clone().all(|index| other.word(index) == list.word(index)));
                let chinese = [WordList::ChineseSimplified, WordList::ChineseTraditional];
                let expected =
                    match (list == other, chinese.contains(&list), chinese.contains(&other)) {
                        (true, ..) => 2_048,
                        (false, true, true) => 1_275,
                        _ => 0,
                    };
                assert_eq!(shared.count(), expected, "{list:?} and {other:?}");
            }
            assert!(indices().all(|index| find(list.word(index)) == Some(index)));
        }
    }

    #[test]
    fn a_fingerprint_is_24_words_of_bip39() {
        // from the test vectors of BIP39
        let known = "legal winner thank year wave sausage worth useful legal winner thank year \
                     wave sausage worth useful legal winner thank year wave sausage worth title";
        let words = fingerprint_in_words(&[0x7f; 32], WordList::English);
        assert_eq!(words.join(" "), known);
        for list in WordList::ALL {
            let fingerprint: [u8; 32] = std::array::from_fn(|at| at.to_le_bytes()[0] * 7);
            let words = fingerprint_in_words(&fingerprint, list);
            assert!(words.len() == 24 && words.iter().all(|word| is_nfc(word)));
            let read = Mnemonic::parse_in(list.language(), words.join(" ")).unwrap();
            assert_eq!(read.to_entropy(), fingerprint);
        }
    }
}
