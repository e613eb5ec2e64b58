//! What gateway and reviewer say to each other.
//!
//! Every operation is safe to repeat:
//!
//! ```text
//! GET /desk/v1/envelopes?after=<id>&limit=<n>   a ListPage, in order of id; both parameters may be absent
//! GET /desk/v1/envelopes/<id>                   the age file; with `Range: bytes=N-` its rest from byte N on
//! PUT /desk/v1/envelopes/<id>/fetched           the reviewer's program has the whole of it, checked: 204
//! PUT /desk/v1/envelopes/<id>/deletion          the reviewer deletes it: 204, if it is gone already, too
//! DELETE /desk/v1/envelopes/<id>/deletion       the reviewer takes deletion and purge back: 204, and 404
//!                                               once it is gone
//! PUT /desk/v1/envelopes/<id>/purge             the reviewer deletes it and wants it gone at once: a Purge
//! GET /desk/v1/keys                             the batch of the reviewer's own sealing keys that the gateway
//!                                               seals to, as it was signed; 404 `no-keys` if there is none
//! PUT /desk/v1/keys                             a later batch, as its reviewer signed it: 204. The one that is
//!                                               there already: 204, and nothing changes
//! GET /desk/v1/rosters?after=<version>          a RosterPage: the chain from the version after that one on
//! ```
//!
//! Each request is signed by the reviewer's identity key, see [`signature`]. An answer that is no
//! success carries a [`Failure`]. All bodies but the age file are JSON.
//!
//! What a reviewer has deleted is neither listed nor handed out to that reviewer any more. The others
//! see it with the day it `goes`, [`DELETION_DAYS`] after the first deletion; it is gone before if
//! every other reviewer on the roster has fetched or deleted it, or if two reviewers purge it (one,
//! if there is only one). An envelope that was never stored is a 404 `not-found`. Marks are kept by
//! day, and only the first time counts. A replay of the reviewer's own earlier request within its
//! five minutes can repeat a deletion that was taken back meanwhile, or take back one that was
//! repeated; the reviewer's list shows it.
//!
//! An age file, and each part of one, comes with the SHA-256 of the whole file as the gateway stored
//! it, so that the other side can tell that it has all of it and nothing else:
//!
//! ```text
//! Repr-Digest: sha-256=:<base64>:                (RFC 9530 §3)
//! ```
//!
//! A batch that is not taken changes nothing, and is refused with
//!
//! ```text
//! 422 bad-batch         not canonical, not signed by the reviewer who signed the request, a key that
//!                       is none, or no key at all
//! 422 other-newsroom    signed for another newsroom
//! 409 out-of-sequence   its sequence is not above that of the batch in force
//! 409 sequence-too-far  its sequence is more than 1,000 above that, or above 0 if there is none
//! 409 past-epoch        it begins before the gateway's present epoch
//! 409 future-epoch      it begins after it, so that until then nothing could be sealed to the reviewer
//! 503 store-full, store it could not be stored; to be sent again
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    clock::{Day, Epoch},
    tip::TipId,
};

pub mod signature;

/// Where the list of envelopes is asked for; an envelope is at this path, `/` and its id.
pub const ENVELOPES: &str = "/desk/v1/envelopes";

/// The header with the SHA-256 of a whole age file (RFC 9530 §3), see
/// [`signature::digest_field`].
pub const REPR_DIGEST: &str = "repr-digest";

/// Where a reviewer's own batch of sealing keys is asked for and replaced.
pub const KEYS: &str = "/desk/v1/keys";

/// Where the chain of rosters is asked for.
pub const ROSTERS: &str = "/desk/v1/rosters";

/// Entries in a page of the list when `limit` is absent, and the most that it may ask for.
pub const PAGE: usize = 500;

/// So many days after the first deletion an envelope is unlinked, whoever has not fetched it.
pub const DELETION_DAYS: u32 = 7;

/// The largest body of a request in bytes: a batch of 64 sealing keys has 126,000. The digest of a
/// request without a body is that of zero bytes.
pub const REQUEST_LIMIT: usize = 192 * 1024;

/// The bytes of rosters and signatures in a [`RosterPage`], unless a single one is longer.
pub const ROSTERS_PAGE: usize = 256 * 1024;

/// The largest JSON answer in bytes that a reviewer's program reads.
pub const ANSWER_LIMIT: usize = 1024 * 1024;

/// The path of one envelope.
pub fn envelope_path(id: TipId) -> String {
    format!("{ENVELOPES}/{id}")
}

/// The path at which a reviewer's program says that it has an envelope.
pub fn fetched_path(id: TipId) -> String {
    format!("{ENVELOPES}/{id}/fetched")
}

/// The path at which a reviewer deletes an envelope and takes that back.
pub fn deletion_path(id: TipId) -> String {
    format!("{ENVELOPES}/{id}/deletion")
}

/// The path at which a reviewer wants an envelope gone at once.
pub fn purge_path(id: TipId) -> String {
    format!("{ENVELOPES}/{id}/purge")
}

/// One envelope as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeListing {
    /// Its random id.
    pub id: TipId,
    /// The UTC day on which it came in.
    pub day: Day,
    /// The epoch whose sealing keys open it.
    pub epoch: Epoch,
    /// Bytes of the padded archive inside: its size class.
    pub class: u64,
    /// Exact length of the age file in bytes.
    pub bytes: u64,
    /// If another reviewer has deleted it: the day on which it goes at the latest.
    pub goes: Option<Day>,
}

/// A page of the list of envelopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListPage {
    /// In order of id, at most [`PAGE`] of them.
    pub envelopes: Vec<EnvelopeListing>,
    /// If there may be more: the `after` of the next page, at or above the last of this one. What
    /// the reviewer has deleted is left out, so that a page can be short, or empty.
    pub next: Option<TipId>,
    /// Envelopes that the gateway took and cannot hand out. While there are any, the list is not
    /// all that was sealed to the reviewer, and no key may be destroyed because of it.
    pub missing: u64,
}

/// What became of a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purge {
    /// True if the envelope is gone; false while it waits for a second reviewer (or for what a
    /// deletion waits for).
    pub gone: bool,
}

/// A piece of the chain of rosters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterPage {
    /// In order of version, without a gap.
    pub rosters: Vec<RosterText>,
    /// If there are more: the `after` of the next page.
    pub next: Option<u32>,
}

/// One version of the roster, as it lies in the publication: both files are ASCII or UTF-8 text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterText {
    /// `roster/NNNN.json`.
    pub roster: String,
    /// `roster/NNNN.sig`.
    pub signature: String,
}

/// The body of every answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What a program can rely on: words and hyphens that do not change.
    pub error: String,
    /// The same for a person, in English.
    pub message: String,
}

/// The authority (RFC 9421 §2.2.3) of an `http` or `https` URL: host and port in lower case, the
/// scheme's own port left out. `None` for every other text.
pub fn authority_of(url: &str) -> Option<String> {
    let (rest, own_port) = match url.split_once("://")? {
        ("https", rest) => (rest, ":443"),
        ("http", rest) => (rest, ":80"),
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let authority = authority.strip_suffix(own_port).unwrap_or(&authority);
    (!authority.is_empty() && !authority.contains('@')).then(|| authority.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_leaves_the_schemes_own_port_out() {
        for (url, authority) in [
            ("https://Desk.Example:443/x", Some("desk.example")),
            ("https://127.0.0.1:8443", Some("127.0.0.1:8443")),
            ("https://[::1]:443/", Some("[::1]")),
            ("http://abc.onion", Some("abc.onion")),
            ("http://abc.onion:443?q", Some("abc.onion:443")),
            ("https://me@desk.example", None),
            ("https:///x", None),
            ("ftp://desk.example", None),
            ("desk.example", None),
        ] {
            assert_eq!(authority_of(url).as_deref(), authority, "{url}");
        }
    }

    #[test]
    fn a_listing_reads_as_it_is_written_and_nothing_else_is_read() {
        let text = r#"{"envelopes":[{"id":"000102030405060708090a0b0c0d0e0f","day":"2026-11-22","epoch":2968,"class":81920,"bytes":83312,"goes":null}],"next":null,"missing":0}"#;
        let page: ListPage = serde_json::from_str(text).unwrap();
        assert_eq!(page.envelopes[0].epoch, Epoch(2968));
        assert_eq!(serde_json::to_string(&page).unwrap(), text);
        assert!(serde_json::from_str::<ListPage>(&text.replace("next", "more")).is_err());
    }
}
