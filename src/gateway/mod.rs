//! The gateway: takes tips, seals them, keeps them, and hands them to reviewers. It can open
//! nothing that has been sealed.

pub mod backup;
pub mod check;
pub mod cli;
pub mod config;
pub mod desk;
pub(crate) mod handout;
pub mod init;
pub mod intake;
pub mod listener;
pub mod log;
pub mod notice;
pub mod pages;
pub mod retention;
pub mod roster;
pub mod serve;
mod space;
pub mod spool;
pub mod status;
pub mod store;
mod store_commands;
pub mod tls_key;
pub mod upkeep;
pub mod watch;

use std::sync::Arc;

/// What every part of a running gateway shares.
pub struct Gateway<S> {
    /// All that the operator has decided.
    pub config: config::Config,
    /// Envelopes and items.
    pub store: S,
    /// To whom tips are sealed.
    pub roster: roster::CurrentRoster,
    /// Who has deleted which envelope.
    pub retention: retention::Retention,
    /// The machine's clock, or a test's.
    pub clock: Arc<dyn crate::clock::Clock>,
    /// The machine's randomness, or a test's.
    pub entropy: Arc<dyn crate::random::Entropy>,
    /// The only way to say something.
    pub log: log::Log,
}
