//! The cleaner over real files: what other programs find in what it lets through, and what they show of it.
#![expect(clippy::unwrap_used, reason = "a test ends where something unforeseen happens")]
#![expect(clippy::print_stdout, reason = "what is refused or skipped is said")]

#[path = "../oracle/mod.rs"]
mod oracle;

mod corpus;
