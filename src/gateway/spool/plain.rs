//! What stands in for the spool's cipher with the feature `plain-spool-for-tests`: no
//! encryption at all.
//!
//! It exists so that the test which looks for plaintext on disks can be seen to find it. Such a
//! build says so when it takes its first file, and does not compile with optimisation for release
//! (`debug_assertions` off), so it cannot be shipped by accident.

use std::{io, sync::Once};

use crate::random::Entropy;

#[cfg(not(debug_assertions))]
compile_error!(
    "plain-spool-for-tests turns the spool's encryption off and is for tests: build without it"
);

/// Bytes that are added to a chunk.
pub(super) const TAG: usize = 16;

/// No key.
pub(super) struct ChunkKey;

impl ChunkKey {
    #[expect(clippy::print_stderr, reason = "nobody may run this unknowingly")]
    pub(super) fn random(_: &dyn Entropy) -> Self {
        static WARNING: Once = Once::new();
        WARNING.call_once(|| {
            eprintln!(
                "THIS BUILD WRITES WHAT SOURCES SEND TO THE DISK UNENCRYPTED: for tests only"
            );
        });
        Self
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as the cipher's")]
    pub(super) fn seal(&self, _: u64, _: bool, _: &mut [u8]) -> io::Result<[u8; TAG]> {
        Ok([0; TAG])
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as the cipher's")]
    pub(super) fn open(&self, _: u64, _: bool, _: &mut [u8], _: [u8; TAG]) -> io::Result<()> {
        Ok(())
    }
}
