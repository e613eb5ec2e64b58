//! Invariant 5 over real files and over files made for it: what leaves the cleaner shows and sounds the same, and
//! says nothing about its maker.
//!
//! | file | what it shows |
//! |---|---|
//! | `sweep` | every real file: cleaned or refused with a reason; clean for good; nothing of it found by ExifTool |
//! | `content` | the same pixels, frames, sounds, pages |
//! | `canaries` | what is planted wherever a kind can hold it is found in no encoding |
//! | `properties` | metadata makes no difference to what comes out |
//! | `regressions` | what fuzzing has found stays mended |
//! | `table` | `src/clean/KINDS.md`, with `SEALPOST_WRITE_TABLE=1` |
//!
//! `SEALPOST_CLEANING=all` compares every office document and every page; otherwise a sample of them is compared.
//! `SEALPOST_CORPUS` names the folder of real files. What is cleaned lies in `target/tmp/cleaning` afterwards.
#![expect(clippy::unwrap_used, reason = "a test ends where something unforeseen happens")]
#![expect(clippy::print_stdout, reason = "what is compared, refused or skipped is said")]

#[path = "../oracle/mod.rs"]
#[expect(dead_code, reason = "the flows need more of it than these tests do")]
mod oracle;

mod archive;
mod canaries;
mod content;
mod kinds;
mod properties;
mod regressions;
mod search;
mod sweep;
mod table;
