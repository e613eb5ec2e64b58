//! Who may open tips, and who says so: cards, rosters and their chain, batches of sealing keys.
//!
//! What comes from outside has `Untrusted` in its type's name and exactly one door:
//!
//! | outside | door | inside |
//! |---|---|---|
//! | [`UntrustedPublication`] | [`verify`](UntrustedPublication::verify) with the pinned newsroom | [`Publication`] |
//! | [`UntrustedCard`] | [`verify`](UntrustedCard::verify), then a person compares the fingerprint | [`Card`] |
//! | [`UntrustedBatch`] | [`verify`](UntrustedBatch::verify) with the reviewer's identity key | [`KeyBatch`] |
//! | [`UntrustedSignature`](sshsig::UntrustedSignature) | [`verify`](sshsig::UntrustedSignature::verify) | the key that signed |
//!
//! The other direction (`Unsigned…`) hands the bytes to be signed to a closure, so that no private
//! key is ever known in here. There is no disk, no network and no clock in this module; the
//! publication's folder is read by [`crate::publication`].

mod address;
mod address_book;
mod batch;
mod canonical;
mod card;
mod chain;
mod error;
mod hex;
mod identity;
mod list;
mod name;
mod newsroom_key;
pub mod sshsig;
#[cfg(test)]
pub(crate) mod testing;
mod unsigned;
mod verified;
mod wire;

pub use address::Address;
pub use address_book::{AddressBook, MailAddress};
pub use batch::{KeyBatch, MAX_RECIPIENTS, UnsignedBatch, UntrustedBatch};
pub use canonical::MAX_DOCUMENT;
pub use card::{Card, CardFingerprint, UnsignedCard, UntrustedCard};
pub use chain::UntrustedPublication;
pub use error::RosterError;
pub use identity::IdentityKey;
pub use list::{LAPSES_AFTER_DAYS, MAX_REVIEWERS, MAX_VERSION, Role, Roster, RosterReviewer};
pub use name::ReviewerName;
pub use newsroom_key::{Application, NewsroomId, NewsroomKey};
pub use unsigned::{SignedBy, SignedRoster, UnsignedRoster};
pub use verified::Publication;
