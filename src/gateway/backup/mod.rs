//! Copies of the store on another disk: made while the gateway serves, checked with stock tools, put
//! back where something was lost.
//!
//! ```text
//! DIR/
//!   .lock                  flock of the one run that makes a backup in DIR
//!   .partial-<random>/     a backup that is not finished, or one that is being removed
//!   2026-11-22/            a backup: the UTC day, then .2, .3 … if there are several of a day
//!     backup.json          what it is of, and the SHA-256 of the manifest (see `about`)
//!     manifest             SHA-256 of every other file, as `sha256sum` writes it (see `manifest`)
//!     format  envelopes/ab/<id>  items/<kind>/…      as in the store
//! ```
//!
//! Not in a backup: the index, which is made anew; what is not finished; what is damaged; and
//! everything outside the store: configuration, TLS key, address book, publication.
//!
//! A file that the newest earlier backup has, too, is one file with two names (a hard link) where
//! the file system can do that.

mod about;
mod checking;
mod earlier;
mod making;
pub mod manifest;
mod place;
mod restoring;
#[cfg(test)]
mod tests;
mod writing;

pub use about::About;
pub use checking::{Checked, check_backup, check_store};
pub use making::{Made, Order, make};
pub use place::newest;
pub use restoring::{Restored, check_newsroom, check_owner, restore};

/// Told how many bytes have been done, and how many there are.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// The files that a backup holds beside those of the store.
const ABOUT: &str = "backup.json";
const MANIFEST: &str = "manifest";
