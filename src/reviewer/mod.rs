//! The reviewer's program: keys of their own, the way to the desk, and the opening of envelopes.
//!
//! ```text
//! cli ─┬─                                     what can be typed, and what is printed
//!      ├─ card, vault, identity(_file)       what is secret, and what is public of it
//!      ├─ join, changes, state               what is pinned, what changed, what is remembered
//!      ├─ visit                              each way to the desk and back
//!      │    ├─ top_up                        sealing keys are made in time
//!      │    ├─ upkeep, archive               and destroyed in time
//!      │    └─ client, route, tls            the way to the gateway
//!      ├─ inbox, fetch, shelf, deletions     what waits, what is here, and what was deleted
//!      └─ open, notice                       a tip or a mail in the clear
//!           └─ opener, chunks, protect, sealing_key   age files, opened there and nowhere else
//! ```

pub mod archive;
mod card;
pub mod changes;
mod chunks;
pub mod cli;
pub mod client;
pub mod deletions;
pub mod fetch;
pub mod identity;
mod identity_file;
pub mod inbox;
pub mod join;
pub mod notice;
pub mod open;
pub mod opener;
pub mod protect;
pub mod route;
pub mod sealing_key;
pub mod shelf;
pub mod state;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod top_up;
pub mod upkeep;
pub mod vault;
pub mod visit;
