//! Signed requests: HTTP Message Signatures (RFC 9421) with Ed25519, in exactly one form.
//!
//! A request carries four headers:
//!
//! ```text
//! Content-Digest: sha-256=:<base64 of the body's SHA-256>:                     (RFC 9530; no body = no bytes)
//! Sealpost-Newsroom: <64 lowercase hex digits: the newsroom's id>
//! Signature-Input: sealpost=("@method" "@authority" "@path" "@query" "content-digest" "sealpost-newsroom")
//!                  ;created=<seconds since 1970>;keyid="<64 lowercase hex digits: the identity key>"
//!                  ;alg="ed25519";tag="sealpost-desk"                           (one line, no spaces between)
//! Signature: sealpost=:<base64 of the 64 bytes>:
//! ```
//!
//! RFC 9421 allows much more: other labels, orders, components and parameters, several
//! signatures. None of it is accepted here, so that there is nothing to be confused about (§7.2.1,
//! §7.3.6, §7.5.5).

use data_encoding::{BASE64, HEXLOWER};
use ring::{
    digest::{SHA256, digest},
    signature::{ED25519, UnparsedPublicKey},
};

use crate::{
    clock::Timestamp,
    roster::{IdentityKey, NewsroomId},
};

mod base;
mod parse;

pub use base::{Component, Target};
pub use parse::{SIGNATURE_INPUT_LIMIT, SignatureInput};

/// How far, in seconds and either way, `created` may be from the gateway's clock.
pub const LEEWAY: i64 = 300;

/// The header names, as they are sent.
pub mod header {
    /// RFC 9530 §2.
    pub const CONTENT_DIGEST: &str = "content-digest";
    /// The newsroom that the request is meant for.
    pub const NEWSROOM: &str = "sealpost-newsroom";
    /// RFC 9421 §4.1.
    pub const SIGNATURE_INPUT: &str = "signature-input";
    /// RFC 9421 §4.2.
    pub const SIGNATURE: &str = "signature";
}

/// Why a request is not taken for a reviewer's. Each has a [`key`](Refused::key) that a program
/// can rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A header is missing.
    #[error("the request is not signed: one of the four signature headers is missing")]
    Unsigned,
    /// A header is there twice or is not of the one form.
    #[error("the signature headers are not of the form that the desk takes")]
    Malformed,
    /// Signed for another newsroom.
    #[error("the request is signed for another newsroom: look at the publication you joined")]
    OtherNewsroom,
    /// Sent under an address that is not the gateway's.
    #[error("the request names an address that is not this gateway's: use one from the roster")]
    OtherAuthority,
    /// Signed too long ago.
    #[error("the request was signed more than five minutes ago: set your computer's clock")]
    Stale,
    /// Signed in the future.
    #[error("the request was signed more than five minutes ahead: set your computer's clock")]
    Future,
    /// The identity key is nobody's.
    #[error("the roster has no reviewer with this identity key: ask the operator")]
    UnknownReviewer,
    /// The body is not the one that was signed.
    #[error("the body is not the one that was signed")]
    BodyChanged,
    /// The key did not sign this request.
    #[error("the signature is not one of this key for this request")]
    WrongSignature,
}

impl Refused {
    /// The name of this refusal on the wire.
    pub fn key(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed-signature",
            Self::OtherNewsroom => "other-newsroom",
            Self::OtherAuthority => "other-authority",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::UnknownReviewer => "unknown-reviewer",
            Self::BodyChanged => "body-changed",
            Self::WrongSignature => "wrong-signature",
        }
    }
}

/// The values of the four headers.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `Content-Digest`.
    pub content_digest: &'a str,
    /// `Sealpost-Newsroom`.
    pub newsroom: &'a str,
    /// `Signature-Input`.
    pub signature_input: &'a str,
    /// `Signature`.
    pub signature: &'a str,
}

/// What a gateway knows when a request comes in.
pub struct Gate<'a> {
    /// The newsroom it serves.
    pub newsroom: NewsroomId,
    /// Its own clock.
    pub now: Timestamp,
    /// True for the authorities it answers to, in lower case.
    pub is_own_authority: &'a dyn Fn(&str) -> bool,
    /// True for the identity keys of the reviewers on its roster.
    pub is_reviewer: &'a dyn Fn(&IdentityKey) -> bool,
}

/// Signs a request: the headers to send with it, as names and values.
pub fn sign(
    target: &Target<'_>,
    body: &[u8],
    newsroom: NewsroomId,
    created: Timestamp,
    key: IdentityKey,
    sign_with: impl FnOnce(&[u8]) -> [u8; 64],
) -> [(&'static str, String); 4] {
    let input = SignatureInput { created, key };
    let content_digest = content_digest(body);
    let newsroom = HEXLOWER.encode(&newsroom.0);
    let signature = sign_with(our_base(target, &content_digest, &newsroom, &input).as_bytes());
    [
        (header::CONTENT_DIGEST, content_digest),
        (header::NEWSROOM, newsroom),
        (header::SIGNATURE_INPUT, input.to_string()),
        (header::SIGNATURE, parse::write_signature(&signature)),
    ]
}

/// Checks a request: whose it is, or why it is not to be answered.
///
/// The cheap checks come first and the signature last, so a stranger's requests cost little; none
/// of them tells more than the roster, which is public.
pub fn verify(
    target: &Target<'_>,
    headers: &Headers<'_>,
    body: &[u8],
    gate: &Gate<'_>,
) -> Result<IdentityKey, Refused> {
    let input: SignatureInput = headers.signature_input.parse()?;
    let signature = parse::read_signature(headers.signature)?;
    let newsroom = parse::read_hex(headers.newsroom)?;
    let signed_digest = parse::read_content_digest(headers.content_digest)?;

    if newsroom != gate.newsroom.0 {
        return Err(Refused::OtherNewsroom);
    }
    if !(gate.is_own_authority)(&target.authority.to_ascii_lowercase()) {
        return Err(Refused::OtherAuthority);
    }
    let age = gate.now.0.saturating_sub(input.created.0);
    if age > LEEWAY {
        return Err(Refused::Stale);
    }
    if age < -LEEWAY {
        return Err(Refused::Future);
    }
    if !(gate.is_reviewer)(&input.key) {
        return Err(Refused::UnknownReviewer);
    }
    if digest(&SHA256, body).as_ref() != signed_digest {
        return Err(Refused::BodyChanged);
    }
    let base = our_base(target, headers.content_digest, headers.newsroom, &input);
    UnparsedPublicKey::new(&ED25519, &input.key.0)
        .verify(base.as_bytes(), &signature)
        .map_err(|_| Refused::WrongSignature)?;
    Ok(input.key)
}

/// The `Content-Digest` of a body (RFC 9530 §2).
pub fn content_digest(body: &[u8]) -> String {
    digest_field(digest(&SHA256, body).as_ref())
}

/// A digest field's value for a SHA-256 (RFC 9530 §2, §3).
pub fn digest_field(sha256: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(sha256))
}

/// The SHA-256 in a digest field: only as [`digest_field`] writes it.
pub fn read_digest_field(value: &str) -> Option<[u8; 32]> {
    parse::read_content_digest(value).ok()
}

/// The signature base of the one form; must name the components in the order of
/// [`parse::COMPONENTS`].
fn our_base(
    target: &Target<'_>,
    content_digest: &str,
    newsroom: &str,
    input: &SignatureInput,
) -> String {
    let components = [
        Component::Method,
        Component::Authority,
        Component::Path,
        Component::Query,
        Component::Field { name: header::CONTENT_DIGEST, value: content_digest },
        Component::Field { name: header::NEWSROOM, value: newsroom },
    ];
    base::signature_base(target, &components, &input.parameters())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    const NEWSROOM: NewsroomId = NewsroomId([7; 32]);
    const NOW: Timestamp = Timestamp(1_800_000_000);
    const TARGET: Target<'_> = Target {
        method: "GET",
        authority: "desk.example",
        path: "/desk/v1/envelopes",
        query: Some("limit=5"),
    };

    fn pair(seed: u8) -> (Ed25519KeyPair, IdentityKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = IdentityKey(pair.public_key().as_ref().try_into().unwrap());
        (pair, public)
    }

    fn signed(target: &Target<'_>, body: &[u8], at: Timestamp) -> [String; 4] {
        let (pair, key) = pair(1);
        let sign_with = |base: &[u8]| pair.sign(base).as_ref().try_into().unwrap();
        sign(target, body, NEWSROOM, at, key, sign_with).map(|(_, value)| value)
    }

    fn check(
        target: &Target<'_>,
        values: &[String; 4],
        body: &[u8],
    ) -> Result<IdentityKey, Refused> {
        let known = pair(1).1;
        let gate = Gate {
            newsroom: NEWSROOM,
            now: NOW,
            is_own_authority: &|authority| authority == "desk.example",
            is_reviewer: &|key| *key == known,
        };
        let [content_digest, newsroom, signature_input, signature] = values;
        verify(
            target,
            &Headers { content_digest, newsroom, signature_input, signature },
            body,
            &gate,
        )
    }

    #[test]
    fn what_is_signed_verifies() {
        let values = signed(&TARGET, b"", NOW);
        assert_eq!(check(&TARGET, &values, b""), Ok(pair(1).1));
        // the authority's case does not matter (RFC 9421 §2.2.3)
        let loud = Target { authority: "DESK.example", ..TARGET };
        assert_eq!(check(&loud, &values, b""), Ok(pair(1).1));
    }

    #[test]
    fn another_request_is_refused() {
        let values = signed(&TARGET, b"body", NOW);
        let others = [
            Target { method: "DELETE", ..TARGET },
            Target { path: "/desk/v1/envelopes/", ..TARGET },
            Target { query: Some("limit=6"), ..TARGET },
            Target { query: None, ..TARGET },
        ];
        for other in &others {
            assert_eq!(check(other, &values, b"body"), Err(Refused::WrongSignature), "{other:?}");
        }
        assert_eq!(check(&TARGET, &values, b"tampered"), Err(Refused::BodyChanged));
        let elsewhere = Target { authority: "other.example", ..TARGET };
        assert_eq!(check(&elsewhere, &values, b"body"), Err(Refused::OtherAuthority));
        // signed for another address, then passed on to this one by whoever is there
        let relayed = signed(&elsewhere, b"body", NOW);
        assert_eq!(check(&TARGET, &relayed, b"body"), Err(Refused::WrongSignature));
    }

    #[test]
    fn a_body_with_its_digest_replaced_is_refused() {
        let mut values = signed(&TARGET, b"body", NOW);
        values[0] = content_digest(b"other");
        assert_eq!(check(&TARGET, &values, b"other"), Err(Refused::WrongSignature));
    }

    #[test]
    fn another_key_is_refused() {
        let stranger = pair(2).1;
        let mut values = signed(&TARGET, b"", NOW);
        values[2] = SignatureInput { created: NOW, key: stranger }.to_string();
        assert_eq!(check(&TARGET, &values, b""), Err(Refused::UnknownReviewer));

        // a stranger's signature under a reviewer's name
        let mut values = signed(&TARGET, b"", NOW);
        let (content_digest, newsroom) = (values[0].clone(), values[1].clone());
        let input = SignatureInput { created: NOW, key: pair(1).1 };
        let base = our_base(&TARGET, &content_digest, &newsroom, &input);
        let forged = pair(2).0.sign(base.as_bytes());
        values[3] = parse::write_signature(forged.as_ref().try_into().unwrap());
        assert_eq!(check(&TARGET, &values, b""), Err(Refused::WrongSignature));
    }

    #[test]
    fn another_newsroom_is_refused() {
        let mut values = signed(&TARGET, b"", NOW);
        values[1] = HEXLOWER.encode(&[8; 32]);
        assert_eq!(check(&TARGET, &values, b""), Err(Refused::OtherNewsroom));
    }

    #[test]
    fn five_minutes_either_way() {
        for (seconds, expected) in [
            (-301, Err(Refused::Stale)),
            (-300, Ok(pair(1).1)),
            (300, Ok(pair(1).1)),
            (301, Err(Refused::Future)),
        ] {
            let values = signed(&TARGET, b"", Timestamp(NOW.0 + seconds));
            assert_eq!(check(&TARGET, &values, b""), expected, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn any_request_verifies_and_no_flipped_byte_does(
            path in "/[a-z0-9/]{0,40}", query in proptest::option::of("[a-z0-9=&]{0,40}"),
            body in proptest::collection::vec(any::<u8>(), 0..100),
            header in 0usize..4, at in any::<prop::sample::Index>(), mask in 1u8..128,
        ) {
            let target = Target { path: &path, query: query.as_deref(), ..TARGET };
            let mut values = signed(&target, &body, NOW);
            prop_assert!(check(&target, &values, &body).is_ok());
            let mut bytes = values[header].clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
            if let Ok(changed) = String::from_utf8(bytes) {
                values[header] = changed;
                prop_assert!(check(&target, &values, &body).is_err());
            }
        }

        #[test]
        fn no_headers_panic(
            content_digest in ".{0,80}", newsroom in ".{0,80}", signature_input in ".{0,300}",
            signature in ".{0,120}",
        ) {
            let values = [content_digest, newsroom, signature_input, signature];
            prop_assert!(check(&TARGET, &values, b"").is_err());
        }
    }
}
