//! Any bytes: no box, or one that does not open for whoever did not seal it; and a box that was
//! sealed opens as long as nothing is changed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::{
    codename::{BOX_LEN, ReplyBox, ReplyId, ReplyText, Root},
    random::Entropy,
    secret::{SecretKey, SecretText},
};

struct Same;

impl Entropy for Same {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

const ID: ReplyId = ReplyId([1; 16]);

fuzz_target!(|bytes: &[u8]| {
    let mailbox = Root::from_bytes(SecretKey::new([3; 32])).mailbox();
    if let Some(sealed) = ReplyBox::from_bytes(bytes) {
        assert!(mailbox.open(&sealed, ID).is_err(), "nobody guesses a tag");
    }

    let text = String::from_utf8_lossy(bytes).into_owned();
    let Ok(text) = ReplyText::new(SecretText::new(text)) else { return };
    let sealed = mailbox.seal(&text, ID, &Same);
    let opened = mailbox.open(&sealed, ID);
    assert!(opened.is_ok_and(|opened| opened.expose() == text.expose()));

    // the input's bytes, laid over a box
    let mut changed = sealed.as_bytes().to_vec();
    for (at, byte) in bytes.iter().take(BOX_LEN).enumerate() {
        changed[at] ^= byte;
    }
    if changed != sealed.as_bytes() {
        let changed = ReplyBox::from_bytes(&changed);
        assert!(changed.is_none_or(|changed| mailbox.open(&changed, ID).is_err()));
    }
});
