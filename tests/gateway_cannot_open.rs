//! Invariant: the gateway cannot open an envelope. No code for it is linked, by three checks with
//! a control: the dependency tree, the sources, and the symbols of the program as shipped.
//!
//! The programs are built by `tests/run.sh` into `target/under-test/`; without them the check of
//! symbols is skipped in words, and fails when `CI` is set.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Words in the symbols of code that opens: the age crate, and decapsulation by any crate.
const OPENING: [&str; 4] = ["decap", "3age", "unwrap_stanza", "AGE-SECRET-KEY"];

/// Words in sources that only opening needs.
const OPENING_SOURCE: [&str; 6] =
    ["age::", "setup_receiver", "single_shot_open", "decapsulate", "decap(", "AGE-SECRET-KEY"];

#[test]
fn the_gateway_does_not_depend_on_age() {
    assert!(!depends_on_age("gateway"));
    assert!(!depends_on_age("operator"));
    // control: the same question finds it where it is
    assert!(depends_on_age("reviewer"));
}

#[test]
fn opening_code_lies_only_with_the_reviewer() {
    let mut found = Vec::new();
    for file in rust_files(&manifest().join("src")) {
        let text = code_of(&std::fs::read_to_string(&file).unwrap());
        if OPENING_SOURCE.iter().any(|word| has_word(&text, word)) {
            found.push(file.strip_prefix(manifest().join("src")).unwrap().to_owned());
        }
    }
    assert!(!found.is_empty(), "the control: the reviewer's opener must be found");
    for file in found {
        assert!(file.starts_with("reviewer"), "{} opens envelopes", file.display());
    }
}

#[test]
fn the_shipped_gateway_holds_no_opening_symbol() {
    let folder = manifest().join("target/under-test");
    let (gateway, reviewer) = (folder.join("shipped-gateway"), folder.join("shipped-reviewer"));
    if !gateway.exists() || !reviewer.exists() {
        assert!(std::env::var_os("CI").is_none(), "tests/run.sh builds the shipped programs first");
        eprintln!("skipped: no shipped programs in target/under-test; tests/run.sh builds them");
        return;
    }
    assert_eq!(opening_symbols(&gateway), Vec::<String>::new());
    // control: the same search finds them where they are
    assert!(!opening_symbols(&reviewer).is_empty());
}

/// True if `word` stands in the text other than as the end of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let ends_a_name = |at: usize| {
        let before = text[..at].chars().next_back();
        before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    text.match_indices(word).any(|(at, _)| !ends_a_name(at))
}

fn manifest() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn depends_on_age(role: &str) -> bool {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "-e", "normal", "--prefix", "none", "--no-default-features"])
        .args(["--features", role])
        .current_dir(manifest())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap().lines().any(|line| line.starts_with("age "))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The code that is shipped: without comments, and without the unit tests at a file's end.
pub(crate) fn code_of(source: &str) -> String {
    let shipped = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = shipped.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn opening_symbols(program: &Path) -> Vec<String> {
    let nm = Command::new("nm").arg(program).output().unwrap();
    assert!(nm.status.success(), "{}", String::from_utf8_lossy(&nm.stderr));
    let symbols = String::from_utf8_lossy(&nm.stdout).into_owned();
    assert!(symbols.lines().count() > 1000, "{} has been stripped", program.display());
    let opens = |line: &&str| OPENING.iter().any(|word| line.contains(word));
    symbols.lines().filter(opens).map(str::to_owned).collect()
}
