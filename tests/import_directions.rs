//! Imports point one way: a room uses the rooms that the table of `src/ARCHITECTURE.md` puts above
//! it, and no other.

use std::{collections::BTreeSet, path::Path};

/// Every room below the programs, with the rooms that it may use.
const ROOMS: [(&str, &[&str]); 16] = [
    ("secret", &[]),
    ("random", &[]),
    ("clock", &[]),
    ("disk", &["random"]),
    ("words", &[]),
    ("recipient", &["random", "secret"]),
    ("clean", &[]),
    ("codename", &["random", "secret", "words"]),
    ("tip", &["clean", "clock", "random", "secret"]),
    ("seal", &["clock", "random", "recipient", "secret", "tip"]),
    ("roster", &["clock", "recipient", "secret"]),
    ("publication", &["disk", "roster"]),
    ("desk", &["clock", "roster", "tip"]),
    ("passphrase", &["secret"]),
    ("clean_command", &["clean", "disk"]),
    ("tls", &["random", "secret"]),
];

/// The programs' rooms, which use all of those, but not each other; the demo uses them too.
const PROGRAMS: [&str; 3] = ["gateway", "reviewer", "operator"];

/// What the operator's program uses: nothing of tips, of sealing or of a network.
const OF_OPERATOR: [&str; 9] = [
    "operator",
    "secret",
    "random",
    "clock",
    "disk",
    "words",
    "roster",
    "publication",
    "passphrase",
];

#[test]
fn each_room_uses_only_those_above_it() {
    let mut wrong = Vec::new();
    for (room, allowed) in ROOMS {
        for used in used_by(room) {
            if used != room && !allowed.contains(&&*used) {
                wrong.push(format!("{room} must not use {used}"));
            }
        }
    }
    for program in PROGRAMS {
        for used in used_by(program) {
            if used != program && (PROGRAMS.contains(&&*used) || used == "demo") {
                wrong.push(format!("{program} must not use {used}"));
            }
        }
    }
    for used in used_by("operator").iter().filter(|used| !OF_OPERATOR.contains(&&***used)) {
        wrong.push(format!("operator must not use {used}"));
    }
    for room in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let name = room.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        let is_known = ROOMS.iter().any(|(room, _)| *room == name)
            || PROGRAMS.contains(&name)
            || ["bin", "lib", "demo", "ARCHITECTURE.md"].contains(&name);
        if !is_known {
            wrong.push(format!("{name} has no line in the table"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // control: the search finds what is there
    assert!(used_by("demo").contains("reviewer"));
}

/// The rooms named after `crate::` in the shipped code of a room.
fn used_by(room: &str) -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = crate::newsroom::files_below(&src.join(room));
    files.push(src.join(format!("{room}.rs")));
    let known: Vec<&str> =
        ROOMS.iter().map(|(name, _)| *name).chain(PROGRAMS).chain(["demo"]).collect();
    let mut used = BTreeSet::new();
    for file in files {
        let for_tests = [
            "tests.rs",
            "testing.rs",
            "suite.rs",
            "faults.rs",
            "openings.rs",
            "traces.rs",
            "turns.rs",
        ];
        if for_tests.iter().any(|name| file.ends_with(name)) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let code = crate::gateway_cannot_open::code_of(&text);
        for (at, path) in code.match_indices("crate::") {
            let rest = &code[at + path.len()..];
            // `crate::{a::…, b::{…}, c}`: only the names at the first level
            let mut depth = 0;
            let mut names = vec![String::new()];
            for c in rest.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => names.push(String::new()),
                    c if depth <= 1 => names.iter_mut().last().unwrap().push(c),
                    _ => {}
                }
                if depth <= 0 && !(c.is_alphanumeric() || "_:}{".contains(c)) {
                    break;
                }
                if depth == 0 && c == '}' {
                    break;
                }
            }
            for name in names {
                let first = name.trim().split([':', ';', ' ', '(', '<']).next().unwrap().to_owned();
                if known.contains(&&*first) {
                    used.insert(first);
                }
            }
        }
    }
    used
}
