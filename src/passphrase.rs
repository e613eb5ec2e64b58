//! Passphrases: typed at a prompt, or read from a file that an option or the environment names.
//! Never an argument: arguments can be read by everybody on the machine.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroize;

use crate::secret::SecretText;

/// Names a passphrase file where no option does.
pub const FILE_VARIABLE: &str = "SEALPOST_PASSPHRASE_FILE";

/// The longest passphrase, in bytes.
const MAX_PASSPHRASE: usize = 1_024;

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// The prompt failed: most likely there is no terminal.
    #[error(
        "the passphrase cannot be asked for ({0}); run this in a terminal, or name a file with \
         --passphrase-file"
    )]
    NoPrompt(io::Error),
    /// The file cannot be read.
    #[error("the passphrase file {path} cannot be read: {error}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others may read the file.
    #[error("the passphrase file {path} can be read by others; chmod 600 it", path = .0.display())]
    Exposed(PathBuf),
    /// Not one line of text.
    #[error("the passphrase file {path} must hold one line of at most 1024 bytes of UTF-8 text", path = .0.display())]
    NotALine(PathBuf),
    /// Nothing was typed, or the file is empty.
    #[error("the passphrase is empty; choose one of several words")]
    Empty,
    /// The second typing differs.
    #[error("the two passphrases differ; nothing was changed, so start again")]
    Differ,
}

/// The passphrase that protects `what` (such as "the newsroom key").
pub fn existing(file: Option<&Path>, what: &str) -> Result<SecretText, PassphraseError> {
    match named_file(file) {
        Some(path) => from_file(&path),
        None => prompt(&format!("Passphrase of {what}: ")),
    }
}

/// A new passphrase for `what`, typed twice where it is typed.
pub fn new(file: Option<&Path>, what: &str) -> Result<SecretText, PassphraseError> {
    if let Some(path) = named_file(file) {
        return from_file(&path);
    }
    let first = prompt(&format!("New passphrase for {what}: "))?;
    let second = prompt("The same again: ")?;
    if first.expose() == second.expose() { Ok(first) } else { Err(PassphraseError::Differ) }
}

fn named_file(file: Option<&Path>) -> Option<PathBuf> {
    file.map(Path::to_owned).or_else(|| std::env::var_os(FILE_VARIABLE).map(PathBuf::from))
}

fn prompt(text: &str) -> Result<SecretText, PassphraseError> {
    let typed = rpassword::prompt_password(text).map_err(PassphraseError::NoPrompt)?;
    not_empty(SecretText::new(typed))
}

fn from_file(path: &Path) -> Result<SecretText, PassphraseError> {
    let unreadable = |error| PassphraseError::Unreadable { path: path.to_owned(), error };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.mode() & 0o077 != 0 {
        return Err(PassphraseError::Exposed(path.to_owned()));
    }
    let not_a_line = || PassphraseError::NotALine(path.to_owned());

    // one buffer of final size from the start, so that no copy stays behind
    let mut bytes = Vec::with_capacity(MAX_PASSPHRASE + 64);
    let read = file.take(MAX_PASSPHRASE as u64 + 3).read_to_end(&mut bytes);
    for ending in [b'\n', b'\r'] {
        if bytes.last() == Some(&ending) {
            bytes.pop();
        }
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => SecretText::new(text),
        Err(error) => {
            error.into_bytes().zeroize();
            return Err(not_a_line());
        }
    };
    read.map_err(unreadable)?;
    if text.expose().len() > MAX_PASSPHRASE || text.expose().contains(['\n', '\r', '\0']) {
        return Err(not_a_line());
    }
    not_empty(text)
}

fn not_empty(text: SecretText) -> Result<SecretText, PassphraseError> {
    if text.expose().is_empty() { Err(PassphraseError::Empty) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn read(content: &[u8], mode: u32) -> Result<String, PassphraseError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        new(Some(&path), "the test").map(|text| text.expose().clone())
    }

    #[test]
    fn a_file_holds_one_line() {
        for content in ["여섯 words", "여섯 words\n", "여섯 words\r\n"] {
            assert_eq!(read(content.as_bytes(), 0o600).unwrap(), "여섯 words");
        }
        assert_eq!(read(&[b'a'; 1_024], 0o400).unwrap().len(), 1_024);
        for empty in ["", "\n", "\r\n"] {
            assert!(matches!(read(empty.as_bytes(), 0o600), Err(PassphraseError::Empty)));
        }
        for bad in [&b"two\nlines"[..], b"two\n\n", &[0xff], &[b'a'; 1_025], &[b'a'; 5_000]] {
            assert!(matches!(read(bad, 0o600), Err(PassphraseError::NotALine(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        for mode in [0o640, 0o604, 0o620] {
            assert!(matches!(read(b"words", mode), Err(PassphraseError::Exposed(_))));
        }
        let gone = existing(Some(Path::new("/nonexistent")), "the test");
        assert!(matches!(gone, Err(PassphraseError::Unreadable { .. })));
    }
}
