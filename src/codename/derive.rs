//! From the number to the root, and from the root to the mailbox.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use ring::hkdf;

use super::{ID_LEN, MAILBOX_LABEL, REPLY_KEY_LABEL, ROOT_LABEL, number::Number};
use crate::{
    random::{self, Entropy},
    secret::SecretKey,
};

/// What a codename is to one newsroom: the only thing of it that travels, inside the sealed tip.
/// Whoever has it can read and write the mailbox; the words cannot be found from it.
pub struct Root(SecretKey<32>);

impl Root {
    pub(super) fn of(number: &Number, newsroom: &[u8; 32]) -> Self {
        Self(derive(newsroom, number.to_bytes().expose(), ROOT_LABEL))
    }

    /// A root that came with a tip. Any 32 bytes are one.
    pub fn from_bytes(bytes: SecretKey<32>) -> Self {
        Self(bytes)
    }

    /// The 32 bytes that go into the tip.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// Where replies wait, and what opens them.
    pub fn mailbox(&self) -> Mailbox {
        let id = derive(&[], self.expose(), MAILBOX_LABEL);
        let mut mailbox = MailboxId([0; ID_LEN]);
        mailbox.0.copy_from_slice(&id.expose()[..ID_LEN]);
        Mailbox { id: mailbox, key: derive(&[], self.expose(), REPLY_KEY_LABEL) }
    }
}

/// A mailbox with the key to it. Seals and opens replies: see [`Mailbox::seal`] and
/// [`Mailbox::open`].
pub struct Mailbox {
    pub(super) id: MailboxId,
    pub(super) key: SecretKey<32>,
}

impl Mailbox {
    /// The mailbox's public name.
    pub fn id(&self) -> MailboxId {
        self.id
    }

    /// The key of AES-256-GCM.
    pub fn reply_key(&self) -> &SecretKey<32> {
        &self.key
    }
}

/// HKDF-SHA-256 (RFC 5869), extract and expand, 32 bytes. A shorter key is the beginning of them.
#[expect(clippy::expect_used, reason = "RFC 5869 §2.3: up to 255 times 32 bytes can be had")]
fn derive(salt: &[u8], from: &[u8], label: &[u8]) -> SecretKey<32> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(from);
    let label = [label];
    let expanded = extracted.expand(&label, hkdf::HKDF_SHA256).expect("32 bytes");
    SecretKey::filled(|key| expanded.fill(key).expect("32 bytes"))
}

/// A text that is not 32 lowercase hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a mailbox or a reply is 32 hex digits in lower case")]
pub struct NotAnId;

macro_rules! public_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; ID_LEN]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&HEXLOWER.encode(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAnId)?;
                bytes.try_into().map(Self).map_err(|_| NotAnId)
            }
        }
    };
}

public_id! {
    /// What the gateway calls a mailbox: 128 bits that follow from the codename and tell nothing of
    /// it. Written as 32 lowercase hex digits.
    MailboxId
}

public_id! {
    /// What a reply is called: 128 random bits. Written as 32 lowercase hex digits.
    ReplyId
}

impl ReplyId {
    /// A fresh id.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(random::bytes(entropy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_an_id() {
        let good = "00112233445566778899aabbccddeeff";
        assert_eq!(good.parse::<MailboxId>().unwrap().to_string(), good);
        assert_eq!(good.parse::<ReplyId>().unwrap().to_string(), good);
        for wrong in ["", &good[2..], &good.to_uppercase(), &format!("{good}00"), "../../../../x"] {
            assert_eq!(wrong.parse::<MailboxId>(), Err(NotAnId), "{wrong}");
        }
    }

    #[test]
    fn another_newsroom_is_another_root() {
        let number = Number::random(&random::SystemEntropy::new());
        let [one, other] = [[1; 32], [2; 32]].map(|newsroom| Root::of(&number, &newsroom));
        assert!(one.expose() != other.expose());
        assert_ne!(one.mailbox().id(), other.mailbox().id());
    }
}
