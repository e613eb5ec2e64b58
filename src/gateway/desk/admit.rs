//! Who may ask: a request goes on to the operations only if a reviewer signed it.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::Response,
};

use super::{Desk, failure};
use crate::{
    desk::{
        REQUEST_LIMIT, authority_of,
        signature::{Gate, Headers, Refused, Target, header as signed, verify},
    },
    gateway::store::Store,
    roster::{Address, IdentityKey, Publication},
};

/// The reviewer who signed a request, by identity key. Each request that is let through carries
/// one as an extension, and nothing else makes one.
#[derive(Clone, Copy)]
pub(super) struct Signer(IdentityKey);

impl Signer {
    pub(super) fn identity(self) -> IdentityKey {
        self.0
    }
}

/// Lets a request through to the operations if a reviewer signed it.
pub(super) async fn admit<S: Store>(
    State(desk): State<Desk<S>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_LIMIT).await else {
        return failure(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "the request's body is larger than the desk takes, or it broke off",
        );
    };
    let target = Target {
        method: parts.method.as_str(),
        authority: parts
            .uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| only_one(&parts.headers, header::HOST.as_str()).ok())
            .unwrap_or_default(),
        path: parts.uri.path(),
        query: parts.uri.query(),
    };
    let gateway = desk.gateway.clone();
    // whoever was removed gets nothing from the very next request on
    let look = tokio::task::spawn_blocking(move || gateway.roster.publication_now()).await;
    // a look that panicked has been told; the last good roster counts
    let publication = look.unwrap_or_else(|_| desk.gateway.roster.publication());
    let signer = signature_headers(&parts.headers).and_then(|headers| {
        let gate = Gate {
            newsroom: publication.newsroom(),
            now: desk.gateway.clock.now(),
            is_own_authority: &|authority| desk.answers_to(authority, &publication),
            is_reviewer: &|key: &IdentityKey| publication.reviewer(key).is_some(),
        };
        verify(&target, &headers, &body, &gate)
    });
    match signer {
        Ok(reviewer) => {
            parts.extensions.insert(Signer(reviewer));
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Err(refused) => failure(StatusCode::UNAUTHORIZED, refused.key(), &refused.to_string()),
    }
}

impl<S> Desk<S> {
    /// True for the addresses that the roster names and those that are bound.
    fn answers_to(&self, authority: &str, publication: &Publication) -> bool {
        self.bound.contains(authority)
            || publication.roster().addresses().iter().any(|address| match address {
                Address::Onion(host) => host == authority,
                Address::Url { url, .. } => authority_of(url).as_deref() == Some(authority),
            })
    }
}

fn signature_headers(headers: &HeaderMap) -> Result<Headers<'_>, Refused> {
    Ok(Headers {
        content_digest: only_one(headers, signed::CONTENT_DIGEST)?,
        newsroom: only_one(headers, signed::NEWSROOM)?,
        signature_input: only_one(headers, signed::SIGNATURE_INPUT)?,
        signature: only_one(headers, signed::SIGNATURE)?,
    })
}

fn only_one<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Refused> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refused::Unsigned)?;
    if values.next().is_some() {
        return Err(Refused::Malformed);
    }
    value.to_str().map_err(|_| Refused::Malformed)
}
