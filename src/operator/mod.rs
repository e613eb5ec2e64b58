//! The operator's side: the newsroom key, the roster it signs, and the publication folder.
//!
//! Works offline: nothing in here opens a connection.

pub mod ceremony;
pub mod cli;
mod error;
pub mod newsroom_secret;
mod poster;
mod show;

pub use error::OperatorError;
