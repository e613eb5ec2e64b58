//! The list of a backup's files with their SHA-256, as `sha256sum` writes and checks it.
//!
//! ```text
//! <64 hexadecimal digits><space><space><path>\n
//! ```
//!
//! In order of path. A path is relative, of ASCII letters, digits, `-`, `_` and `.`; no name in it
//! begins with a dot.

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

/// Bytes of the longest path.
const MAX_PATH: usize = 512;

/// Paths and SHA-256 of files, in order of path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Manifest(Vec<Line>);

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Relative to the backup's folder.
    pub path: Box<str>,
    /// Of the whole file.
    pub sha256: [u8; 32],
}

/// Why bytes are no manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is none of a manifest's, or not in its order")]
pub struct NoManifest {
    /// Counted from 1.
    pub line: usize,
}

impl Manifest {
    /// Adds a file.
    pub fn add(&mut self, path: &str, sha256: [u8; 32]) {
        let line = Line { path: path.into(), sha256 };
        match self.find(path) {
            Ok(at) => self.0.splice(at..=at, [line]).for_each(drop),
            Err(at) => self.0.insert(at, line),
        }
    }

    /// Takes a file out.
    pub fn remove(&mut self, path: &str) {
        if let Ok(at) = self.find(path) {
            self.0.remove(at);
        }
    }

    /// The SHA-256 of a file.
    pub fn get(&self, path: &str) -> Option<[u8; 32]> {
        let at = self.find(path).ok()?;
        self.0.get(at).map(|line| line.sha256)
    }

    /// All files, in order of path.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }

    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for Line { path, sha256 } in &self.0 {
            text.extend(HEXLOWER.encode(sha256).bytes());
            text.extend(b"  ");
            text.extend(path.bytes());
            text.push(b'\n');
        }
        text
    }

    /// Reads a manifest, strictly: what it gives encodes to the same bytes.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, NoManifest> {
        let mut lines: Vec<Line> = Vec::new();
        while !bytes.is_empty() {
            let line = lines.len() + 1;
            let (next, rest) = parse_line(bytes).ok_or(NoManifest { line })?;
            if lines.last().is_some_and(|last| last.path >= next.path) {
                return Err(NoManifest { line });
            }
            lines.push(next);
            bytes = rest;
        }
        Ok(Self(lines))
    }

    fn find(&self, path: &str) -> Result<usize, usize> {
        // files are added in order, mostly
        match self.0.last() {
            Some(last) if &*last.path < path => Err(self.0.len()),
            _ => self.0.binary_search_by(|line| (*line.path).cmp(path)),
        }
    }
}

/// The first line, and what follows it.
fn parse_line(bytes: &[u8]) -> Option<(Line, &[u8])> {
    let (hex, rest) = bytes.split_first_chunk::<64>()?;
    let rest = rest.strip_prefix(b"  ")?;
    let end = rest.iter().take(MAX_PATH + 1).position(|byte| *byte == b'\n')?;
    let (path, rest) = rest.split_at_checked(end)?;
    let path = std::str::from_utf8(path).ok().filter(|path| path.split('/').all(is_name))?;
    let sha256 = HEXLOWER.decode(hex).ok()?.try_into().ok()?;
    Some((Line { path: path.into(), sha256 }, rest.strip_prefix(b"\n")?))
}

fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(allowed)
}

/// SHA-256 of some bytes.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest() -> impl Strategy<Value = Manifest> {
        let path = "[a-zA-Z0-9_-][a-z0-9._-]{0,5}(/[a-z0-9_-]{1,3}){0,2}";
        prop::collection::vec((path, any::<[u8; 32]>()), 0..20).prop_map(|files| {
            let mut manifest = Manifest::default();
            for (path, sha256) in files {
                manifest.add(&path, sha256);
            }
            manifest
        })
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(manifest in manifest()) {
            prop_assert_eq!(Manifest::parse(&manifest.encode()), Ok(manifest));
        }

        #[test]
        fn there_is_one_way_to_write_it(manifest in manifest(), at: prop::sample::Index, with: u8) {
            let mut bytes = manifest.encode();
            prop_assume!(!bytes.is_empty());
            let at = at.index(bytes.len());
            bytes[at] = with;
            if let Ok(parsed) = Manifest::parse(&bytes) {
                prop_assert_eq!(parsed.encode(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(bytes.is_empty() || Manifest::parse(&bytes).is_err());
        }
    }

    #[test]
    fn a_file_is_found_and_taken_out() {
        let mut manifest = Manifest::default();
        for path in ["b", "a", "c", "a"] {
            manifest.add(path, sha256(path.as_bytes()));
        }
        assert_eq!(manifest.get("a"), Some(sha256(b"a")));
        manifest.remove("b");
        manifest.remove("x");
        assert_eq!(manifest.get("b"), None);
        let paths: Vec<_> = manifest.lines().iter().map(|line| &*line.path).collect();
        assert_eq!(paths, ["a", "c"]);
    }

    #[test]
    fn no_path_leads_out_of_the_backup() {
        let hex = "0".repeat(64);
        for path in ["/a", "../a", "a/../b", "a//b", "a/", "", ".a", "a b", "a\\b", "é"] {
            let text = format!("{hex}  {path}\n");
            assert_eq!(Manifest::parse(text.as_bytes()), Err(NoManifest { line: 1 }), "{path}");
        }
        let twice = format!("{hex}  a\n{hex}  a\n");
        assert_eq!(Manifest::parse(twice.as_bytes()), Err(NoManifest { line: 2 }));
        let cut = format!("{hex}  a");
        assert_eq!(Manifest::parse(cut.as_bytes()), Err(NoManifest { line: 1 }));
    }
}
