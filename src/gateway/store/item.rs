//! The small files beside envelopes: their kinds, keys and format.
//!
//! ```text
//! offset  length
//!      0       8  "sealitm\n"
//!      8       2  version, 1
//!     10       2  kind: 1 roster, 2 notice mark, 3 tombstone, 4 key batch, 5 epoch, 6 fetched,
//!                 7 deletion, 8 purge, 9 reply, 10 turned, 11 day
//!     12       2  length of the key, k
//!     14       2  zero
//!     16       8  length of the content, n
//!     24      32  SHA-256 of all other bytes of the file, in order
//!     56       k  key, also the file's name
//!   56+k       n  content, to the end of the file
//! ```
//!
//! Integers are unsigned and big-endian. There is one way to write an item.
//!
//! Of some kinds there can be millions ([`Kind::is_many`]): their keys begin with an id of 32
//! lowercase hexadecimal digits, and they lie in 256 folders by its first byte.

use ring::digest::{Context, Digest, SHA256};

use super::{ItemKind, StoreError};

/// Bytes that an item may hold.
pub const MAX_CONTENT: usize = 1 << 20;

const HEAD: usize = 56;
/// Characters of an id in a key.
const ID: usize = 32;
const MAX_KEY: usize = 128;
const MAGIC: &[u8; 8] = b"sealitm\n";
const VERSION: u16 = 1;

/// The longest file that can be an item.
pub(super) const MAX_FILE: usize = HEAD + MAX_KEY + MAX_CONTENT;

/// Every kind that is stored as an item: those of [`ItemKind`] and the store's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A roster version seen.
    Roster,
    /// A notice period done.
    NoticeMark,
    /// A deleted envelope; the key is its id.
    Tombstone,
    /// A reviewer's batch of sealing keys.
    KeyBatch,
    /// An epoch that the clock has shown.
    Epoch,
    /// A reviewer has fetched an envelope.
    Fetched,
    /// A reviewer has deleted an envelope.
    Deletion,
    /// A reviewer wants an envelope gone at once.
    Purge,
    /// A sealed reply to a source.
    Reply,
    /// Days whose envelopes tell no order any more; the key is the last such day.
    Turned,
    /// A day on which the gateway was at work.
    Day,
}

impl From<ItemKind> for Kind {
    fn from(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Roster => Self::Roster,
            ItemKind::NoticeMark => Self::NoticeMark,
            ItemKind::KeyBatch => Self::KeyBatch,
            ItemKind::Epoch => Self::Epoch,
            ItemKind::Fetched => Self::Fetched,
            ItemKind::Deletion => Self::Deletion,
            ItemKind::Purge => Self::Purge,
            ItemKind::Reply => Self::Reply,
            ItemKind::Day => Self::Day,
        }
    }
}

impl Kind {
    pub(super) const ALL: [Self; 11] = [
        Self::Roster,
        Self::NoticeMark,
        Self::Tombstone,
        Self::KeyBatch,
        Self::Epoch,
        Self::Fetched,
        Self::Deletion,
        Self::Purge,
        Self::Reply,
        Self::Turned,
        Self::Day,
    ];

    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Roster => "rosters",
            Self::NoticeMark => "notice-marks",
            Self::Tombstone => "tombstones",
            Self::KeyBatch => "key-batches",
            Self::Epoch => "epochs",
            Self::Fetched => "fetched",
            Self::Deletion => "deletions",
            Self::Purge => "purges",
            Self::Reply => "replies",
            Self::Turned => "turned",
            Self::Day => "days",
        }
    }

    /// True of kinds of which there are as many as envelopes, or more.
    pub fn is_many(self) -> bool {
        match self {
            Self::Fetched | Self::Deletion | Self::Purge | Self::Reply | Self::Tombstone => true,
            Self::Roster
            | Self::NoticeMark
            | Self::KeyBatch
            | Self::Epoch
            | Self::Turned
            | Self::Day => false,
        }
    }

    fn tag(self) -> u16 {
        match self {
            Self::Roster => 1,
            Self::NoticeMark => 2,
            Self::Tombstone => 3,
            Self::KeyBatch => 4,
            Self::Epoch => 5,
            Self::Fetched => 6,
            Self::Deletion => 7,
            Self::Purge => 8,
            Self::Reply => 9,
            Self::Turned => 10,
            Self::Day => 11,
        }
    }
}

/// True of what may be the key of an item of this kind: it is a file's name everywhere and means
/// nothing to a shell.
pub(super) fn is_key(kind: Kind, key: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=MAX_KEY).contains(&key.len())
        && !key.starts_with('.')
        && key.bytes().all(allowed)
        && (!kind.is_many() || begins_with_id(key))
        && (kind != Kind::Tombstone || key.len() == ID)
}

fn begins_with_id(key: &str) -> bool {
    let is_digit = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    key.as_bytes().get(..ID).is_some_and(|id| id.iter().all(is_digit))
}

/// The bytes of an item's file.
pub(super) fn encode(kind: Kind, key: &str, content: &[u8]) -> Result<Vec<u8>, StoreError> {
    if !is_key(kind, key) {
        return Err(StoreError::BadItem(if kind.is_many() {
            "its key does not begin with an id of 32 hexadecimal digits, or is too long"
        } else {
            "its key is not 1 to 128 letters, digits, '-', '_' or '.'"
        }));
    }
    if content.len() > MAX_CONTENT {
        return Err(StoreError::BadItem("it is larger than 1 MiB"));
    }
    let lengths = (u16::try_from(key.len()), u64::try_from(content.len()));
    let (Ok(key_len), Ok(content_len)) = lengths else {
        return Err(StoreError::BadItem("it is too large"));
    };
    let mut bytes = Vec::with_capacity(HEAD + key.len() + content.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend(kind.tag().to_be_bytes());
    bytes.extend(key_len.to_be_bytes());
    bytes.extend([0; 2]);
    bytes.extend(content_len.to_be_bytes());
    let checksum = checksum([&bytes, key.as_bytes(), content]);
    bytes.extend(checksum.as_ref());
    bytes.extend(key.as_bytes());
    bytes.extend(content);
    Ok(bytes)
}

/// The content of the item `key`; `None` if the file is no such item, or is damaged.
pub fn decode<'a>(kind: Kind, key: &str, file: &'a [u8]) -> Option<&'a [u8]> {
    let content = file.get(HEAD.checked_add(key.len())?..)?;
    let whole = encode(kind, key, content).ok()?;
    (whole == file).then_some(content)
}

/// True of a damaged file, found under `name`, that was the item `key` as far as can be told: its
/// head, if it has one, names no other kind, and its key is not the whole of `name`. Without a head,
/// what has an id alone for a key may have been an envelope.
pub(super) fn was(kind: Kind, key: &str, name: &str, file: &[u8]) -> bool {
    if !file.starts_with(MAGIC) {
        return key.len() != ID;
    }
    let is_of_kind = file.get(10..12) == Some(&kind.tag().to_be_bytes());
    let is_of_name = file.get(HEAD..).is_some_and(|rest| rest.starts_with(name.as_bytes()));
    is_of_kind && (name == key || !is_of_name)
}

fn checksum(parts: [&[u8]; 3]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_damaged_file_is_known_as_far_as_can_be() {
        let id = "07".repeat(16);
        let (key, other) = (format!("{id}.ridge"), format!("{id}.ridge.2"));
        let mut file = encode(Kind::Fetched, &key, b"day").unwrap();
        file.pop();
        for name in [&key, &other] {
            assert!(was(Kind::Fetched, &key, name, &file));
            assert!(was(Kind::Fetched, &key, name, b""));
            assert!(!was(Kind::Deletion, &key, name, &file));
        }
        let file = encode(Kind::Fetched, &other, b"").unwrap();
        assert!(!was(Kind::Fetched, &key, &other, &file));
        assert!(was(Kind::Fetched, &other, &other, &file));
        assert!(!was(Kind::Tombstone, &id, &id, b"an envelope"));
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(key in "[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}", content: Vec<u8>) {
            let file = encode(Kind::Roster, &key, &content).unwrap();
            prop_assert_eq!(decode(Kind::Roster, &key, &file), Some(&content[..]));
        }

        #[test]
        fn any_damage_is_noticed(content: Vec<u8>, at: prop::sample::Index, bit in 0..8, cut: bool) {
            let mut file = encode(Kind::NoticeMark, "2026-11-22", &content).unwrap();
            let at = at.index(file.len());
            if cut {
                file.truncate(at);
            } else {
                file[at] ^= 1_u8 << bit;
            }
            prop_assert_eq!(decode(Kind::NoticeMark, "2026-11-22", &file), None);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(file: Vec<u8>) {
            prop_assert_eq!(decode(Kind::Roster, "1", &file), None);
        }
    }

    #[test]
    fn kinds_share_no_tag_and_no_folder() {
        let tags: BTreeSet<_> = Kind::ALL.map(Kind::tag).into_iter().collect();
        let folders: BTreeSet<_> = Kind::ALL.map(Kind::folder).into_iter().collect();
        assert_eq!((tags.len(), folders.len()), (Kind::ALL.len(), Kind::ALL.len()));
    }

    #[test]
    fn an_item_belongs_to_its_kind_and_key() {
        let file = encode(Kind::Roster, "0001", b"roster").unwrap();
        assert_eq!(decode(Kind::NoticeMark, "0001", &file), None);
        assert_eq!(decode(Kind::Roster, "0002", &file), None);
        assert_eq!(decode(Kind::Roster, "0001", &[&file[..], b"x"].concat()), None);
    }

    #[test]
    fn keys_cannot_leave_their_folder() {
        for wrong in ["", ".", "..", ".x", "a/b", "a\0", "a b", "가", &"x".repeat(129)] {
            assert!(encode(Kind::Roster, wrong, b"").is_err(), "{wrong}");
        }
        assert!(encode(Kind::Roster, "1", &vec![0; MAX_CONTENT + 1]).is_err());
    }

    #[test]
    fn the_key_of_what_can_be_many_begins_with_an_id() {
        let id = "000102030405060708090a0b0c0d0e0f";
        let longer = format!("{id}.{id}");
        for kind in Kind::ALL {
            assert!(encode(kind, id, b"").is_ok());
            assert_eq!(encode(kind, &longer, b"").is_ok(), kind != Kind::Tombstone, "{kind:?}");
            for wrong in ["1", &id[1..], &id.to_uppercase(), &format!("x{id}")] {
                assert_eq!(encode(kind, wrong, b"").is_err(), kind.is_many(), "{kind:?} {wrong}");
            }
        }
    }
}
