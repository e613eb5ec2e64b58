//! Any text: no codename, or one whose words are read back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::{codename::Codename, words::WordList};

fuzz_target!(|bytes: &[u8]| {
    check(&String::from_utf8_lossy(bytes));
    // past the word lists: ten words, of which the bytes say the list and the index
    let words = bytes.chunks_exact(3).take(10).map(|chunk| {
        let list = WordList::ALL[usize::from(chunk[0]) % WordList::ALL.len()];
        list.word(u16::from_be_bytes([chunk[1], chunk[2]]))
    });
    check(&words.collect::<Vec<_>>().join(" "));
});

fn check(typed: &str) {
    let Ok(codename) = Codename::read(typed) else { return };
    let root = codename.root(&[0; 32]);
    for list in WordList::ALL {
        let again = Codename::read(codename.words(list).expose());
        let again = again.unwrap_or_else(|_| panic!("words that were written are read"));
        assert!(again.root(&[0; 32]).expose() == root.expose());
    }
}
