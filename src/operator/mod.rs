//! The operator's side: the newsroom key, the roster it signs, and the publication folder.
//!
//! Works offline: nothing in here opens a connection.

mod arguments;
pub mod ceremony;
pub mod cli;
pub mod draft;
mod error;
mod layout;
pub mod newsroom_secret;
pub mod pending;
mod poster;
mod show;
mod tell;

pub use error::OperatorError;
