//! The test vectors of `FORMAT.md`, computed.

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::*;
use crate::{random::Entropy, secret::SecretText};

const LISTS: [(&str, WordList); 5] = [
    ("english", WordList::English),
    ("korean", WordList::Korean),
    ("chinese-simplified", WordList::ChineseSimplified),
    ("chinese-traditional", WordList::ChineseTraditional),
    ("japanese", WordList::Japanese),
];

/// Gives these bytes, whatever is asked.
struct Given(Vec<u8>);

impl Entropy for Given {
    fn fill(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

fn bytes<const N: usize>(hex: &Value) -> [u8; N] {
    HEXLOWER.decode(text(hex).as_bytes()).unwrap().try_into().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The one block of JSON in the documentation.
fn documented() -> Value {
    let (_, block) = include_str!("FORMAT.md").split_once("```json\n").unwrap();
    serde_json::from_str(block.split_once("```").unwrap().0).unwrap()
}

/// A codename from its number and newsroom alone.
fn codename(from: &Value) -> (Value, Mailbox) {
    let number: [u8; NUMBER_LEN] = bytes(&from["number"]);
    let codename = Codename::random(&Given(number.to_vec()));
    let (newsroom, indices) = (bytes(&from["newsroom"]), codename.0.to_indices());
    let root = codename.root(&newsroom);
    let mailbox = root.mailbox();
    let mut found = json!({
        "number": HEXLOWER.encode(codename.0.to_bytes().expose()),
        "checksum": indices[WORDS - 1] % (1 << CHECKSUM_BITS),
        "newsroom": HEXLOWER.encode(&newsroom),
        "root": HEXLOWER.encode(root.expose()),
        "mailbox_id": mailbox.id().to_string(),
        "reply_key": HEXLOWER.encode(mailbox.reply_key().expose()),
    });
    for (name, list) in LISTS {
        found[name] = codename.words(list).expose().clone().into();
    }
    (found, mailbox)
}

/// A reply from its text, id, nonce and mailbox.
fn reply(from: &Value, mailboxes: &[Mailbox]) -> Value {
    let nonce: [u8; NONCE_LEN] = bytes(&from["nonce"]);
    let reply = ReplyId(bytes(&from["reply_id"]));
    let mailbox = &mailboxes[usize::try_from(from["codename"].as_u64().unwrap()).unwrap()];
    let said = ReplyText::new(SecretText::new(text(&from["text"]).to_owned())).ok().unwrap();
    let sealed = mailbox.seal(&said, reply, &Given(nonce.to_vec()));
    let opened = mailbox.open(&sealed, reply).ok().unwrap();
    json!({
        "codename": from["codename"],
        "reply_id": reply.to_string(),
        "nonce": HEXLOWER.encode(&nonce),
        "text": opened.expose(),
        "box_begins": HEXLOWER.encode(&sealed.as_bytes()[..48]),
        "box_sha256": HEXLOWER.encode(digest(&SHA256, sealed.as_bytes()).as_ref()),
    })
}

#[test]
fn the_documented_vectors_are_ours() {
    let documented = documented();
    let each = |key: &str| documented[key].as_array().unwrap().clone();
    let (codenames, mailboxes): (Vec<_>, Vec<_>) = each("codenames").iter().map(codename).unzip();
    let replies: Vec<_> = each("replies").iter().map(|from| reply(from, &mailboxes)).collect();
    let mut found = documented.clone();
    found["codenames"] = codenames.into();
    found["replies"] = replies.into();
    assert!(found == documented, "computed:\n{found:#}");
}

#[test]
fn the_documented_phrases_are_read_or_refused_as_it_says() {
    let documented = documented();
    let number_of = |index: &Value| {
        let from = &documented["codenames"][usize::try_from(index.as_u64().unwrap()).unwrap()];
        bytes::<NUMBER_LEN>(&from["number"])
    };
    for (index, from) in documented["codenames"].as_array().unwrap().iter().enumerate() {
        for (name, _) in LISTS {
            let read = Codename::read(text(&from[name])).unwrap_or_else(|error| panic!("{error}"));
            assert!(read.0.to_bytes().expose() == &number_of(&index.into()), "{name}");
        }
    }
    for typed in documented["typed"].as_array().unwrap() {
        let read = Codename::read(text(&typed["text"])).unwrap_or_else(|error| panic!("{error}"));
        assert!(read.0.to_bytes().expose() == &number_of(&typed["codename"]), "{typed}");
    }
    for refused in documented["refused"].as_array().unwrap() {
        let found = match Codename::read(text(&refused["text"])).err().unwrap() {
            PhraseError::TooLong => "too long".to_owned(),
            PhraseError::WordCount { found } => format!("{found} words"),
            PhraseError::UnknownWords { places } => format!("unknown {places:?}"),
            PhraseError::Checksum => "checksum".to_owned(),
        };
        assert_eq!(text(&refused["why"]), found);
    }
}
