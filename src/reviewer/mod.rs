//! The reviewer's program: keys of their own, the way to the desk, and the opening of envelopes.
//!
//! ```text
//! cli ─┬─ arguments                           what can be typed
//!      ├─ card, vault, identity              what is secret, and what is public of it
//!      ├─ join, state                        what is pinned and remembered
//!      ├─ inbox, fetch, shelf                what waits, and what is here
//!      │    └─ client, route, tls            the way to the gateway
//!      └─ open, notice                       a tip or a mail in the clear
//!           └─ opener, protect, sealing_key  age files, opened there and nowhere else
//! ```

mod arguments;
mod card;
pub mod cli;
pub mod client;
pub mod fetch;
pub mod identity;
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
pub mod tls;
pub mod vault;
