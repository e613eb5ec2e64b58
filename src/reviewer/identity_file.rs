//! The file of a reviewer's two long-lived keys, as it is before the passphrase goes on.
//!
//! ```text
//! # A Sealpost reviewer's keys. …
//! # sealpost-identity: 64 hex digits      the identity key's seed; a comment to stock age
//! AGE-SECRET-KEY-PQ-1…                    the wrapping key
//! ```

use super::{identity::IdentitySecret, sealing_key::SealingSecret};
use crate::secret::SecretBytes;

const IDENTITY_LINE: &str = "# sealpost-identity: ";
const AGE_KEY: &str = "AGE-SECRET-KEY-PQ-1";

/// An age identity file: stock age skips the lines that begin with `#`.
pub(super) fn write(identity: &IdentitySecret, wrapping: &SealingSecret) -> SecretBytes {
    const HEAD: &str = "# A Sealpost reviewer's keys. Whoever has them reads what you can read.\n";
    let (hex, age) = (identity.to_hex(), wrapping.to_text());
    let lines = [HEAD, IDENTITY_LINE, hex.expose(), "\n", age.expose(), "\n"];
    let mut text = Vec::with_capacity(lines.iter().map(|line| line.len()).sum());
    lines.iter().for_each(|line| text.extend_from_slice(line.as_bytes()));
    SecretBytes::new(text)
}

pub(super) fn parse(bytes: &[u8]) -> Option<(IdentitySecret, SealingSecret)> {
    let (mut identity, mut wrapping) = (None, None);
    for line in std::str::from_utf8(bytes).ok()?.lines() {
        if let Some(hex) = line.strip_prefix(IDENTITY_LINE) {
            if identity.replace(IdentitySecret::from_hex(hex)?).is_some() {
                return None;
            }
        } else if line.starts_with(AGE_KEY) {
            if wrapping.replace(SealingSecret::parse(line).ok()?).is_some() {
                return None;
            }
        } else if !line.is_empty() && !line.starts_with('#') {
            return None;
        }
    }
    Some((identity?, wrapping?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemEntropy;

    #[test]
    fn an_identity_file_has_one_key_of_each_kind() {
        let entropy = SystemEntropy::new();
        let text = write(&IdentitySecret::generate(&entropy), &SealingSecret::generate(&entropy));
        let text = str::from_utf8(text.expose()).unwrap();
        assert!(parse(text.as_bytes()).is_some());
        let lines: Vec<&str> = text.lines().collect();
        for other in [
            lines[..2].join("\n"),
            lines[2..].join("\n"),
            format!("{text}{text}"),
            format!("{text}more\n"),
            text.to_lowercase(),
        ] {
            assert!(parse(other.as_bytes()).is_none());
        }
    }
}
