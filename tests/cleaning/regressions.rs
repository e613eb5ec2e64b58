//! What fuzzing has found: each file in `tests/fuzz/regressions/` once broke the cleaner, and must not again.

use std::{fs, path::Path};

use crate::{kinds::cleaned, sweep::ADDED};

#[test]
fn what_fuzzing_found_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/regressions");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "md"))
        .collect();
    files.sort();
    println!("regressions: {} files", files.len());
    for path in files {
        let file = fs::read(&path).unwrap();
        let Ok((once, _)) = cleaned(&file) else { continue };
        assert!(once.len() as u64 <= 2 * file.len() as u64 + ADDED, "{}: grows", path.display());
        if once.is_empty() {
            continue;
        }
        let (twice, report) =
            cleaned(&once).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
        assert!(once == twice, "{}: changed by a second cleaning", path.display());
        assert!(report.found.is_empty(), "{}: {:?}", path.display(), report.found);
    }
}
