//! One version of the roster: the document that the newsroom key signs.
//!
//! ```text
//! {"addresses":[{"onion":"….onion"},{"tls":[HEX,…],"url":"https://…"}],
//!  "format":"sealpost-roster-v1","issued":"2026-11-22","lapses":"2027-02-20",
//!  "newsroom":{"key":"ssh-ed25519 AAAA…","name":"The Border Post"},
//!  "next_newsroom_key":"ssh-ed25519 AAAA…",      only while a change of key is announced
//!  "previous":HEX of the roster before, "" in version 1,
//!  "reviewers":[{"identity":HEX,"name":"mina","role":"reviewer"}],"version":2}
//! ```

use std::collections::HashSet;

use bytes::Bytes;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::{Address, IdentityKey, NewsroomKey, ReviewerName, RosterError, canonical, hex};
use crate::clock::Day;

/// How long a roster is good for, in days.
pub const LAPSES_AFTER_DAYS: u32 = 90;

/// The most reviewers on one roster.
pub const MAX_REVIEWERS: usize = 256;

/// The last version there can be: files are numbered with four digits.
pub const MAX_VERSION: u32 = 9_999;

const MAX_ADDRESSES: usize = 16;
/// In characters, as a page's heading has room for.
const MAX_NEWSROOM_NAME: usize = 80;

/// A roster whose signature was checked: only [`UntrustedPublication::verify`] makes one.
///
/// [`UntrustedPublication::verify`]: super::UntrustedPublication::verify
#[derive(Clone, Debug)]
pub struct Roster {
    pub(super) content: Content,
    hash: [u8; 32],
    document: Bytes,
    signature: Bytes,
}

/// One who may open tips.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterReviewer {
    /// The key that signs this reviewer's requests and sealing keys.
    pub identity: IdentityKey,
    /// The name, unique on its roster.
    pub name: ReviewerName,
    /// What they are there for.
    pub role: Role,
}

/// What somebody on the roster is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Opens tips.
    Reviewer,
}

impl Roster {
    /// What the newsroom calls itself.
    pub fn newsroom_name(&self) -> &str {
        &self.content.newsroom.name
    }

    /// The key that signed this version.
    pub fn newsroom_key(&self) -> &NewsroomKey {
        &self.content.newsroom.key
    }

    /// The key that may sign the next version in place of the present one.
    pub fn next_newsroom_key(&self) -> Option<&NewsroomKey> {
        self.content.next_newsroom_key.as_ref()
    }

    /// 1 for the first, and one more with every change.
    pub fn version(&self) -> u32 {
        self.content.version
    }

    /// The day it was signed.
    pub fn issued(&self) -> Day {
        self.content.issued
    }

    /// The last day on which it is good.
    pub fn lapses(&self) -> Day {
        self.content.lapses
    }

    /// Those who may open tips, in the order signed.
    pub fn reviewers(&self) -> &[RosterReviewer] {
        &self.content.reviewers
    }

    /// Where the gateway can be reached.
    pub fn addresses(&self) -> &[Address] {
        &self.content.addresses
    }

    /// SHA-256 of the signed bytes.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The signed bytes: `roster/NNNN.json`, which is UTF-8.
    pub fn document(&self) -> &Bytes {
        &self.document
    }

    /// The signature's file: `roster/NNNN.sig`, which is ASCII.
    pub fn signature(&self) -> &Bytes {
        &self.signature
    }

    pub(super) fn previous(&self) -> Option<[u8; 32]> {
        self.content.previous
    }

    /// Reads a roster's bytes, whose signature (a file's content) the caller has checked.
    pub(super) fn parse(document: Bytes, signature: Bytes) -> Result<Self, RosterError> {
        let content: Content = canonical::parse(&document, "the roster")?;
        content.check()?;
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, &document).as_ref());
        Ok(Self { content, hash, document, signature })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    pub(super) addresses: Vec<Address>,
    pub(super) format: Format,
    pub(super) issued: Day,
    pub(super) lapses: Day,
    pub(super) newsroom: Newsroom,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next_newsroom_key: Option<NewsroomKey>,
    #[serde(with = "hex::or_empty")]
    pub(super) previous: Option<[u8; 32]>,
    pub(super) reviewers: Vec<RosterReviewer>,
    pub(super) version: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Newsroom {
    pub(super) key: NewsroomKey,
    pub(super) name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Format {
    #[serde(rename = "sealpost-roster-v1")]
    V1,
}

impl Content {
    pub(super) fn check(&self) -> Result<(), RosterError> {
        let malformed = |reason: &str| {
            Err(RosterError::Malformed { what: "the roster", reason: reason.to_owned() })
        };
        if !is_newsroom_name(&self.newsroom.name) {
            return malformed(
                "the newsroom's name is 1 to 80 visible characters, without a space at either end",
            );
        }
        if !(1..=MAX_VERSION).contains(&self.version) {
            return malformed("versions go from 1 to 9999");
        }
        if self.previous.is_some() != (self.version > 1) {
            return malformed("every version but the first names the one before");
        }
        if self.lapses < self.issued {
            return malformed("it lapses before it is issued");
        }
        if self.reviewers.len() > MAX_REVIEWERS {
            return malformed("it has more than 256 reviewers");
        }
        let mut names = HashSet::new();
        let mut identities = HashSet::new();
        for RosterReviewer { name, identity, .. } in &self.reviewers {
            if !names.insert(name) || !identities.insert(identity) {
                return malformed("two reviewers share a name or an identity key");
            }
        }
        if self.addresses.len() > MAX_ADDRESSES {
            return malformed("it has more than 16 addresses");
        }
        if self.next_newsroom_key.as_ref() == Some(&self.newsroom.key) {
            return malformed("the next newsroom key is the present one");
        }
        Ok(())
    }
}

/// A name that shows as what it is: no control characters, and none that turn the direction of
/// writing or show as nothing.
fn is_newsroom_name(name: &str) -> bool {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
            || ('\u{2028}'..='\u{202e}').contains(&c)
            || ('\u{2060}'..='\u{206f}').contains(&c)
    };
    let length = name.chars().count();
    (1..=MAX_NEWSROOM_NAME).contains(&length) && name.trim() == name && !name.contains(hides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::{
        UnsignedRoster,
        testing::{Newsroom as Keys, Person, TODAY},
    };

    fn first() -> UnsignedRoster {
        UnsignedRoster::first("The Border Post", Keys::new(1).key(), TODAY)
    }

    fn bytes(roster: UnsignedRoster) -> Result<Vec<u8>, RosterError> {
        roster.to_bytes()
    }

    fn read(bytes: &[u8]) -> Result<Roster, RosterError> {
        Roster::parse(Bytes::copy_from_slice(bytes), Bytes::new())
    }

    #[test]
    fn the_document_is_written_as_documented() {
        let mina = Person::new("mina");
        let roster = first()
            .with_reviewer(mina.name(), mina.identity())
            .with_address(Address::url("https://127.0.0.1:8443", vec![[1; 32]]).unwrap());
        let text = String::from_utf8(bytes(roster).unwrap()).unwrap();
        let expected = format!(
            "{{\"addresses\":[{{\"tls\":[\"{}\"],\"url\":\"https://127.0.0.1:8443\"}}],\
             \"format\":\"sealpost-roster-v1\",\"issued\":\"2026-11-22\",\"lapses\":\"2027-02-20\",\
             \"newsroom\":{{\"key\":\"{}\",\"name\":\"The Border Post\"}},\"previous\":\"\",\
             \"reviewers\":[{{\"identity\":\"{}\",\"name\":\"mina\",\"role\":\"reviewer\"}}],\
             \"version\":1}}",
            "01".repeat(32),
            Keys::new(1).key(),
            mina.identity(),
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn names_that_hide_something_are_refused() {
        for good in ["a", "국경 소식", "边境邮报", "L’Écho d’à côté", &"국".repeat(80)]
        {
            assert!(is_newsroom_name(good), "{good}");
        }
        for bad in
            ["", " a", "a ", "a\nb", "a\u{1b}[2Jb", "a\u{202e}b", "a\u{200b}b", &"a".repeat(81)]
        {
            assert!(!is_newsroom_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_not_signed_and_not_read() {
        let [mina, eve] = [Person::new("mina"), Person::new("eve")];
        let same_name = first()
            .with_reviewer(mina.name(), mina.identity())
            .with_reviewer(mina.name(), eve.identity());
        let same_key = first()
            .with_reviewer(mina.name(), mina.identity())
            .with_reviewer(eve.name(), mina.identity());
        let same_next = first().announcing(Keys::new(1).key());
        let mut backwards = first();
        backwards.0.lapses = Day(0);
        let mut rootless = first();
        rootless.0.version = 2;
        let mut zero = first();
        zero.0.version = 0;
        for bad in [same_name, same_key, same_next, backwards, rootless, zero] {
            let written = canonical::to_bytes(&bad.0);
            assert!(matches!(read(&written), Err(RosterError::Malformed { .. })));
            assert!(bytes(bad).is_err());
        }
    }

    #[test]
    fn unknown_formats_roles_and_members_are_refused() {
        let mina = Person::new("mina");
        let roster = bytes(first().with_reviewer(mina.name(), mina.identity())).unwrap();
        let text = String::from_utf8(roster).unwrap();
        assert!(read(text.as_bytes()).is_ok());
        for (from, to) in [
            ("roster-v1", "roster-v2"),
            ("\"role\":\"reviewer\"", "\"role\":\"auditor\""),
            ("\"version\":1}", "\"version\":1,\"warrant\":\"x\"}"),
            ("\"version\":1", "\"version\":\"1\""),
            ("\"previous\":\"\"", "\"previous\":\"00\""),
            ("2026-11-22", "2026-11-31"),
        ] {
            assert!(text.contains(from), "{from}");
            let altered = read(text.replacen(from, to, 1).as_bytes());
            assert!(matches!(altered, Err(RosterError::Malformed { .. })), "{from}");
        }
    }
}
