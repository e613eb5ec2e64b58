//! The reply box: one size on disk and on the wire, whatever is in it.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{BOX_LEN, BOX_VERSION, ID_LEN, MAX_REPLY, Mailbox, NONCE_LEN, ReplyId, TAG_LEN};
use crate::{
    random::{self, Entropy},
    secret::{SecretBytes, SecretText},
};

/// Where the sealed part begins.
const HEADER_LEN: usize = 1 + NONCE_LEN;
/// Bytes of the plaintext: a length, the text, and zeros.
const PLAIN_LEN: usize = BOX_LEN - HEADER_LEN - TAG_LEN;
const LENGTH_LEN: usize = PLAIN_LEN - MAX_REPLY;

/// A reviewer's answer: 1 to [`MAX_REPLY`] bytes of UTF-8.
pub struct ReplyText(SecretText);

/// Why a text cannot be a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyTextError {
    /// Nothing to say.
    #[error("the reply is empty; write something first")]
    Empty,
    /// It does not fit.
    #[error(
        "the reply is {over} bytes too long; at most {MAX_REPLY} fit (a Korean or Chinese \
         character takes three): shorten it, or send two"
    )]
    TooLong {
        /// By how many bytes.
        over: usize,
    },
}

impl ReplyText {
    /// A reply that fits.
    pub fn new(text: SecretText) -> Result<Self, ReplyTextError> {
        match text.expose().len() {
            0 => Err(ReplyTextError::Empty),
            len if len > MAX_REPLY => Err(ReplyTextError::TooLong { over: len - MAX_REPLY }),
            _ => Ok(Self(text)),
        }
    }

    /// What it says. Nothing keeps it from holding markup or control characters.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A box that does not open: of another mailbox or reply, damaged, or not made by these rules. There
/// is no telling which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reply does not open; it is damaged, or meant for somebody else")]
pub struct NotOpened;

/// A sealed reply: [`BOX_LEN`] bytes, which tell neither length nor language.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplyBox(Box<[u8; BOX_LEN]>);

impl ReplyBox {
    /// Takes bytes that came in, if their size and version are a box's. Whether it opens shows only
    /// when it is opened.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let sealed: Box<[u8; BOX_LEN]> = Box::<[u8]>::from(bytes).try_into().ok()?;
        (sealed[0] == BOX_VERSION).then_some(Self(sealed))
    }

    /// The bytes that are stored and sent.
    pub fn as_bytes(&self) -> &[u8; BOX_LEN] {
        &self.0
    }
}

impl Mailbox {
    /// Seals a reply under a fresh nonce.
    #[expect(clippy::expect_used, reason = "sizes are constants within AES-GCM's limits")]
    pub fn seal(&self, text: &ReplyText, reply: ReplyId, entropy: &dyn Entropy) -> ReplyBox {
        let mut plain = SecretBytes::new(vec![0; PLAIN_LEN]);
        let text = text.expose().as_bytes();
        let length = u16::try_from(text.len()).expect("a reply's text has at most 4065 bytes");
        plain.expose_mut()[..LENGTH_LEN].copy_from_slice(&length.to_be_bytes());
        plain.expose_mut()[LENGTH_LEN..][..text.len()].copy_from_slice(text);

        let nonce: [u8; NONCE_LEN] = random::bytes(entropy);
        let (unique, context) = (Nonce::assume_unique_for_key(nonce), self.context(reply));
        let tag = self.cipher().seal_in_place_separate_tag(unique, context, plain.expose_mut());
        let tag = tag.expect("4067 bytes");

        let mut sealed = Vec::with_capacity(BOX_LEN);
        sealed.push(BOX_VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain.expose());
        sealed.extend_from_slice(tag.as_ref());
        ReplyBox(sealed.into_boxed_slice().try_into().expect("the parts of a box make a box"))
    }

    /// Opens a reply.
    ///
    /// # Errors
    /// The same, whatever is wrong: see [`NotOpened`].
    pub fn open(&self, sealed: &ReplyBox, reply: ReplyId) -> Result<ReplyText, NotOpened> {
        let (header, body) = sealed.0.split_at(HEADER_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&header[1..]).map_err(|_| NotOpened)?;
        let mut body = SecretBytes::new(body.to_vec());
        let opened = self.cipher().open_in_place(nonce, self.context(reply), body.expose_mut());
        text_of(opened.map_err(|_| NotOpened)?).ok_or(NotOpened)
    }

    // ring expands the key on the stack and does not wipe that
    #[expect(clippy::expect_used, reason = "the type says that the key has 32 bytes")]
    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.key.expose()).expect("a 32-byte key"))
    }

    /// What a box is bound to besides its key.
    fn context(&self, reply: ReplyId) -> Aad<[u8; 1 + 2 * ID_LEN]> {
        let mut context = [BOX_VERSION; 1 + 2 * ID_LEN];
        context[1..][..ID_LEN].copy_from_slice(&self.id.0);
        context[1 + ID_LEN..].copy_from_slice(&reply.0);
        Aad::from(context)
    }
}

/// The text in an opened box, if all is as [`Mailbox::seal`] makes it.
fn text_of(plain: &[u8]) -> Option<ReplyText> {
    let (length, rest) = plain.split_first_chunk::<LENGTH_LEN>()?;
    let (text, zeros) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    if zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    ReplyText::new(SecretText::new(std::str::from_utf8(text).ok()?.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{codename::Root, random::SystemEntropy, secret::SecretKey};

    fn mailbox(seed: u8) -> Mailbox {
        Root::from_bytes(SecretKey::new([seed; 32])).mailbox()
    }

    fn reply(text: &str) -> Result<ReplyText, ReplyTextError> {
        ReplyText::new(SecretText::new(text.to_owned()))
    }

    const ID: ReplyId = ReplyId([7; 16]);

    fn seal(text: &str) -> ReplyBox {
        mailbox(1).seal(&reply(text).ok().unwrap(), ID, &SystemEntropy::new())
    }

    /// A box with this plaintext, of which the sealed part is otherwise as it should be.
    fn forged(plain: &[u8; PLAIN_LEN]) -> ReplyBox {
        let (mailbox, nonce) = (mailbox(1), [9; NONCE_LEN]);
        let mut sealed = plain.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        mailbox
            .cipher()
            .seal_in_place_append_tag(unique, mailbox.context(ID), &mut sealed)
            .unwrap();
        ReplyBox::from_bytes(&[&[BOX_VERSION][..], &nonce, &sealed].concat()).unwrap()
    }

    fn opens(sealed: &ReplyBox) -> bool {
        mailbox(1).open(sealed, ID).is_ok()
    }

    #[test]
    fn limits_are_told_in_bytes() {
        assert_eq!(reply("").err(), Some(ReplyTextError::Empty));
        assert!(reply(&"a".repeat(MAX_REPLY)).is_ok());
        assert!(reply(&"가".repeat(MAX_REPLY / 3)).is_ok());
        let long = "가".repeat(MAX_REPLY / 3 + 1);
        assert_eq!(reply(&long).err(), Some(ReplyTextError::TooLong { over: 3 }));
    }

    #[test]
    fn a_box_opens_for_its_mailbox_and_reply_only() {
        let sealed = seal("hello");
        assert!(opens(&sealed));
        assert!(mailbox(2).open(&sealed, ID).is_err());
        assert!(mailbox(1).open(&sealed, ReplyId([8; 16])).is_err());
        let renamed = Mailbox { id: mailbox(2).id, ..mailbox(1) };
        assert!(renamed.open(&sealed, ID).is_err());
        assert!(seal("hello") != sealed, "each has a nonce of its own");
    }

    #[test]
    fn sizes_and_versions_are_checked() {
        let sealed = seal("hello");
        let bytes = sealed.as_bytes();
        assert!(ReplyBox::from_bytes(bytes).unwrap() == sealed);
        assert!(ReplyBox::from_bytes(&bytes[1..]).is_none());
        assert!(ReplyBox::from_bytes(&[&bytes[..], &[0]].concat()).is_none());
        assert!(ReplyBox::from_bytes(&[0; BOX_LEN]).is_none());
    }

    #[test]
    fn what_is_sealed_against_the_rules_does_not_open() {
        let mut plain = [0; PLAIN_LEN];
        assert!(!opens(&forged(&plain)), "empty");
        plain[1] = 1;
        plain[2] = b'a';
        assert!(opens(&forged(&plain)), "the control");
        plain[PLAIN_LEN - 1] = 1;
        assert!(!opens(&forged(&plain)), "more after the text");
        plain[PLAIN_LEN - 1] = 0;
        plain[2] = 0xff;
        assert!(!opens(&forged(&plain)), "not UTF-8");
        for length in [MAX_REPLY + 1, PLAIN_LEN, 0xffff] {
            let mut plain = [b'a'; PLAIN_LEN];
            plain[..2].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            assert!(!opens(&forged(&plain)), "longer than the box");
        }
    }

    proptest! {
        #[test]
        fn a_reply_opens_as_it_was_sealed(text in ".{1,1000}") {
            let sealed = seal(&text);
            prop_assert_eq!(sealed.as_bytes().len(), 4_096);
            let opened = mailbox(1).open(&sealed, ID).ok().unwrap();
            prop_assert_eq!(opened.expose(), text);
        }

        #[test]
        fn a_flipped_bit_is_refused(bit in 0..BOX_LEN * 8) {
            let mut bytes = seal("hello").as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let opened = ReplyBox::from_bytes(&bytes).map(|sealed| opens(&sealed));
            prop_assert_ne!(opened, Some(true));
        }

        #[test]
        fn any_plaintext_gives_a_reply_or_none(plain: Vec<u8>) {
            if let Some(text) = text_of(&plain) {
                prop_assert_eq!(&plain[2..][..text.expose().len()], text.expose().as_bytes());
            }
        }
    }
}
