//! `backup.json`: what a backup is of.

use std::path::Path;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use super::{
    ABOUT, MANIFEST,
    manifest::{Manifest, sha256},
};
use crate::{clock::Day, disk};

/// The newest form of `backup.json`.
pub(super) const FORMAT: u32 = 1;

const MAX_ABOUT: u64 = 4 << 10;

/// A manifest of ten million files.
const MAX_MANIFEST: u64 = 2 << 30;

/// `backup.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Of this file.
    pub format: u32,
    /// The newsroom key's fingerprint.
    pub newsroom: String,
    /// The UTC day it was made.
    pub day: Day,
    /// Envelopes in it.
    pub envelopes: u64,
    /// Items in it.
    pub items: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// The highest version of the roster that the store had seen; 0 for none.
    pub roster_version: u32,
    /// SHA-256 of the manifest.
    pub manifest_sha256: String,
}

impl About {
    /// Reads `backup.json` in a backup's folder.
    ///
    /// # Errors
    /// One sentence.
    pub fn read(backup: &Path) -> anyhow::Result<Self> {
        let path = backup.join(ABOUT);
        let what = || format!("{}: name a backup, such as DIR/2026-11-22", path.display());
        let bytes = disk::read_limited(&path, MAX_ABOUT).with_context(what)?;
        Self::parse(&bytes).with_context(|| format!("{}", path.display()))
    }

    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_slice(bytes)?;
        if format != FORMAT {
            return Err(anyhow!(
                "this backup has format {format}, and this program knows {FORMAT}: use the \
                 sealpost-gateway that made it"
            ));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The bytes of the file.
    pub(super) fn encode(&self) -> anyhow::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads the manifest beside it, which must be the one that it names.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn manifest(&self, backup: &Path) -> anyhow::Result<Manifest> {
        let path = backup.join(MANIFEST);
        let what = || format!("{}", path.display());
        let bytes = disk::read_limited(&path, MAX_MANIFEST).with_context(what)?;
        if hex(&sha256(&bytes)) != self.manifest_sha256 {
            return Err(anyhow!("{}: it is not the manifest that {ABOUT} names", path.display()));
        }
        Manifest::parse(&bytes).with_context(what)
    }
}

pub(super) fn hex(sha256: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_no_other_format() {
        let about = About {
            format: FORMAT,
            newsroom: "SHA256:x".into(),
            day: Day(20_779),
            envelopes: 1,
            items: 2,
            bytes: 3,
            roster_version: 4,
            manifest_sha256: hex(&[7; 32]),
        };
        let text = about.encode().unwrap();
        assert_eq!(About::parse(&text).unwrap(), about);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\"day\": \"2026-11-22\""), "{text}");
        let later = text.replace("\"format\": 1", "\"format\": 2, \"more\": 0");
        let refused = About::parse(later.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains("format 2"), "{refused}");
        let more = text.replace("\"format\": 1", "\"format\": 1, \"more\": 0");
        assert!(About::parse(more.as_bytes()).is_err());
    }
}
