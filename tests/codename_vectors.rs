//! The vectors of `src/codename/FORMAT.md`, computed by a second implementation (`js/codename.mjs`)
//! that was written from that page: whoever has the page can write a third.

use std::fs;

use sealpost::{
    codename::{Codename, MAX_REPLY, ReplyId, ReplyText},
    random::SystemEntropy,
    secret::SecretText,
    words::WordList,
};
use serde_json::{Map, Value, json};

use crate::js;

const PAGE: &str = include_str!("../src/codename/FORMAT.md");

const LISTS: [(&str, WordList); 5] = [
    ("english", WordList::English),
    ("korean", WordList::Korean),
    ("chinese_simplified", WordList::ChineseSimplified),
    ("chinese_traditional", WordList::ChineseTraditional),
    ("japanese", WordList::Japanese),
];

fn documented() -> Value {
    let (_, block) = PAGE.split_once("```json\n").unwrap();
    serde_json::from_str(block.split_once("```").unwrap().0).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// What the second implementation makes of the vectors' inputs, with these boxes to open.
fn second_opinion(vectors: &Value, boxes: &Value) -> Option<Value> {
    let folder = tempfile::tempdir().unwrap();
    let mut lists = Map::new();
    for (name, list) in LISTS {
        let words: String = (0..2_048).map(|index| format!("{}\n", list.word(index))).collect();
        let file = folder.path().join(name);
        fs::write(&file, words).unwrap();
        // `english` | `2f5e…` in the table of the page
        let (_, row) = PAGE.split_once(&format!("| `{name}` | `")).unwrap();
        let sum = row.split('`').next();
        lists.insert(name.to_owned(), json!({ "file": file, "sha256": sum }));
    }
    let only = |of: &str, keys: &[&str]| -> Vec<Map<String, Value>> {
        let mut picked = Vec::new();
        for one in vectors[of].as_array().unwrap() {
            let members = keys.iter().map(|key| ((*key).to_owned(), one[*key].clone()));
            picked.push(members.collect());
        }
        picked
    };
    let asked = json!({
        "lists": lists,
        "codenames": only("codenames", &["english", "newsroom"]),
        "typed": only("typed", &["text"]),
        "refused": only("refused", &["text"]),
        "replies": only("replies", &["codename", "reply_id", "nonce", "text"]),
        "boxes": boxes,
    });
    let file = folder.path().join("asked.json");
    fs::write(&file, asked.to_string()).unwrap();
    js::run_alone("codename.mjs", &file).map(|answer| serde_json::from_str(&answer).unwrap())
}

#[test]
fn a_second_implementation_computes_the_same() {
    let documented = documented();
    let Some(mut found) = second_opinion(&documented, &json!([])) else { return };
    found.as_object_mut().unwrap().remove("opened");
    assert!(found == documented, "{found:#}");
}

#[test]
fn a_second_implementation_opens_our_boxes() {
    let documented = documented();
    let entropy = SystemEntropy::new();
    let texts = ["가".to_owned(), "a".repeat(MAX_REPLY), "\u{feff}<b>\0".to_owned()];
    let boxes: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, said)| {
            let from = &documented["codenames"][index];
            let newsroom = data_encoding::HEXLOWER.decode(text(&from["newsroom"]).as_bytes());
            let codename = Codename::read(text(&from["korean"])).ok().unwrap();
            let mailbox = codename.root(&newsroom.unwrap().try_into().unwrap()).mailbox();
            let reply = ReplyId::random(&entropy);
            let said = ReplyText::new(SecretText::new(said.clone())).ok().unwrap();
            let sealed = mailbox.seal(&said, reply, &entropy);
            let sealed = data_encoding::HEXLOWER.encode(sealed.as_bytes());
            json!({ "box": sealed, "codename": index, "reply_id": reply.to_string() })
        })
        .collect();
    let Some(found) = second_opinion(&documented, &boxes.into()) else { return };
    assert_eq!(found["opened"], json!(texts));
}
