//! What Sealpost seals, age's JavaScript implementation opens, and the other way round: one that
//! nobody here wrote agrees with us about every byte.

use std::{collections::BTreeSet, fs, io::Read, path::Path};

use crate::js::Node;
use sealpost::{
    random::SystemEntropy,
    reviewer::{opener, sealing_key::SealingSecret},
    seal::{Recipients, seal_armored, seal_stream, sealed_len},
};
use serde_json::{Value, json};

/// Around each edge of a chunk, sealed or not, and around the archives of the size classes up to
/// 320 KiB: larger ones are made of the same chunks.
fn lengths() -> Vec<usize> {
    let classes = (4..=8).flat_map(|k| [(1 << k) * 1024, (3 << (k - 1)) * 1024]);
    let edges = classes.map(|class: usize| class + 64 * 1024).chain([16, 65_520, 65_536, 131_072]);
    let around = edges.flat_map(|edge| [edge - 1, edge, edge + 1]).chain([0, 1]);
    let all: BTreeSet<usize> = around.collect();
    all.into_iter().collect()
}

fn secret() -> SealingSecret {
    SealingSecret::generate(&SystemEntropy::new())
}

fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * at % 253).unwrap()).collect()
}

fn seal(plaintext: &[u8], keys: &[&SealingSecret]) -> Vec<u8> {
    let to = Recipients::new(keys.iter().map(|key| key.recipient()).collect()).unwrap();
    let len = plaintext.len() as u64;
    let mut sealed = seal_stream(plaintext, len, &to, &SystemEntropy::new());
    let mut file = Vec::new();
    while let Some(piece) = sealed.next_chunk().unwrap() {
        file.extend_from_slice(piece);
    }
    assert_eq!(file.len() as u64, sealed_len(len, keys.len()));
    file
}

fn run(node: &Node, folder: &Path, jobs: &[Value]) {
    let list = folder.join("jobs.json");
    fs::write(&list, serde_json::to_vec(jobs).unwrap()).unwrap();
    node.run("jobs", &list);
}

#[test]
fn age_opens_what_is_sealed_here() {
    let Some(node) = Node::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (first, second) = (secret(), secret());
    let mut jobs = Vec::new();
    for len in lengths() {
        fs::write(file(&format!("{len}.age")), seal(&plaintext(len), &[&first, &second])).unwrap();
        // the last of two reviewers, so that the first stanza is passed over
        jobs.push(json!({
            "do": "open",
            "identity": second.to_text().expose(),
            "from": file(&format!("{len}.age")),
            "to": file(&format!("{len}.txt")),
        }));
    }
    let notice = seal_armored(b"a notice", &first.recipient(), &SystemEntropy::new());
    fs::write(file("notice.asc"), notice).unwrap();
    jobs.push(json!({
        "do": "open",
        "identity": first.to_text().expose(),
        "from": file("notice.asc"),
        "to": file("notice.txt"),
        "armored": true,
    }));
    run(node, folder.path(), &jobs);
    for len in lengths() {
        assert!(fs::read(file(&format!("{len}.txt"))).unwrap() == plaintext(len), "{len} bytes");
    }
    assert_eq!(fs::read(file("notice.txt")).unwrap(), b"a notice");
    println!("opened by npm age-encryption: {} files of ours", lengths().len() + 1);
}

#[test]
fn what_age_seals_opens_here() {
    let Some(node) = Node::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let keys = [secret(), secret()];
    let recipients = keys.each_ref().map(|key| key.recipient().to_string());
    let mut jobs = Vec::new();
    for len in lengths() {
        fs::write(file(&format!("{len}.txt")), plaintext(len)).unwrap();
        jobs.push(json!({
            "do": "seal",
            "recipients": recipients,
            "from": file(&format!("{len}.txt")),
            "to": file(&format!("{len}.age")),
        }));
    }
    run(node, folder.path(), &jobs);
    for len in lengths() {
        let sealed = fs::read(file(&format!("{len}.age"))).unwrap();
        // no more and no less than ours, so that nobody can tell who sealed it
        assert_eq!(sealed.len() as u64, sealed_len(len as u64, 2), "{len} bytes");
        let mut opened = Vec::new();
        let mut opening = opener::open(&sealed[..], &keys[1..]).unwrap();
        opening.read_to_end(&mut opened).unwrap();
        assert!(opened == plaintext(len), "{len} bytes");
    }
    println!("sealed by npm age-encryption: {} files opened here", lengths().len());
}

#[test]
fn both_find_the_same_recipient_for_a_key() {
    let Some(node) = Node::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<SealingSecret> = (0..5).map(|_| secret()).collect();
    let file = |number: usize| folder.path().join(number.to_string());
    let ask = |(number, key): (usize, &SealingSecret)| json!({ "do": "recipient", "identity": key.to_text().expose(), "to": file(number) });
    let jobs: Vec<Value> = keys.iter().enumerate().map(ask).collect();
    run(node, folder.path(), &jobs);
    for (number, key) in keys.iter().enumerate() {
        let theirs = fs::read_to_string(file(number)).unwrap();
        assert_eq!(theirs, key.recipient().to_string());
    }
}
