#![doc = include_str!("FORMAT.md")]

mod derive;
mod number;
mod phrase;
mod reply;
#[cfg(test)]
mod vectors;

pub use derive::{Mailbox, MailboxId, NotAnId, ReplyId, Root};
pub use phrase::PhraseError;
pub use reply::{NotOpened, ReplyBox, ReplyText, ReplyTextError};

use crate::{
    random::Entropy,
    secret::SecretText,
    words::{BITS_PER_WORD, WordList},
};
use number::Number;

/// Words in a codename.
pub const WORDS: usize = 10;
/// Bits that tell typing mistakes.
pub const CHECKSUM_BITS: u32 = 4;
/// Random bits in a codename.
pub const NUMBER_BITS: u32 = 10 * BITS_PER_WORD - CHECKSUM_BITS;
/// Bytes in which the number is hashed.
pub const NUMBER_LEN: usize = NUMBER_BITS.div_ceil(8) as usize;
/// The longest text that is looked at, in bytes.
pub const MAX_TYPED: usize = 4_096;

/// Bytes of a mailbox's and of a reply's id.
pub const ID_LEN: usize = 16;
/// Bytes of a sealed reply.
pub const BOX_LEN: usize = 4_096;
/// The most bytes that a reply's text may have.
pub const MAX_REPLY: usize = BOX_LEN - 1 - NONCE_LEN - size_of::<u16>() - TAG_LEN;

const BOX_VERSION: u8 = 1;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;

const CHECKSUM_LABEL: &[u8] = b"sealpost-codename-v1 checksum";
const ROOT_LABEL: &[u8] = b"sealpost-codename-v1 root";
const MAILBOX_LABEL: &[u8] = b"sealpost-codename-v1 mailbox id";
const REPLY_KEY_LABEL: &[u8] = b"sealpost-codename-v1 reply key";

/// What a source keeps in order to come back: a secret number that is written as ten words.
pub struct Codename(Number);

impl Codename {
    /// A new codename.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(Number::random(entropy))
    }

    /// Reads what a person typed, whatever the list.
    ///
    /// # Errors
    /// What is wrong, by the places of words and never by the words.
    pub fn read(typed: &str) -> Result<Self, PhraseError> {
        phrase::read(typed).map(Self)
    }

    /// The ten words, composed, with a space between.
    pub fn words(&self, list: WordList) -> SecretText {
        phrase::write(&self.0, list)
    }

    /// What the codename is to one newsroom, given by the SHA-256 of its first key
    /// (`NewsroomId` in the room `roster`).
    pub fn root(&self, newsroom: &[u8; 32]) -> Root {
        Root::of(&self.0, newsroom)
    }
}
