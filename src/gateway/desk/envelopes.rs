//! Envelopes, listed and handed out.

use std::ops::Range;

use axum::{
    Extension,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;

use super::{Desk, admit::Signer, failure, json};
use crate::{
    desk::{EnvelopeListing, ListPage, PAGE, REPR_DIGEST, signature::digest_field},
    gateway::{
        Gateway,
        retention::Who,
        store::{Entry, Store, StoreError, StoredBody},
    },
    tip::TipId,
};

pub(super) async fn list<S: Store>(
    State(desk): State<Desk<S>>,
    Extension(signer): Extension<Signer>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((after, limit)) = read_query(query.as_deref().unwrap_or_default()) else {
        return failure(
            StatusCode::BAD_REQUEST,
            "bad-query",
            "the list takes `after`, an id, and `limit`, a number from 1 to 500",
        );
    };
    match page(&desk.gateway, Who::of(&signer.identity()), after, limit).await {
        Ok(page) => json(StatusCode::OK, &page),
        Err(error) => store_failure(&error),
    }
}

/// A page as `asking` sees it.
async fn page<S: Store>(
    gateway: &Gateway<S>,
    asking: Who,
    after: Option<TipId>,
    limit: usize,
) -> Result<ListPage, StoreError> {
    // before and after the list: what went missing meanwhile is counted, and what has come back
    let missing_before = gateway.store.health().await?.missing;
    // one more than asked for tells whether there is a next page
    let mut entries = gateway.store.list(after, limit + 1).await?;
    let is_more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| is_more).map(|last| last.id);
    let missing = gateway.store.health().await?.missing.max(missing_before);
    let active = Who::active(&gateway.roster.publication());
    entries.retain(|entry| !gateway.retention.hides(entry.id, asking));
    let listing = |entry: Entry| EnvelopeListing {
        id: entry.id,
        day: entry.day,
        epoch: entry.epoch,
        class: entry.class.bytes(),
        bytes: entry.bytes,
        goes: gateway.retention.goes(entry.id, &active),
    };
    Ok(ListPage { envelopes: entries.into_iter().map(listing).collect(), next, missing })
}

/// `after` and `limit`, each at most once, nothing else, nothing escaped.
fn read_query(query: &str) -> Option<(Option<TipId>, usize)> {
    let (mut after, mut limit) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("after", id) if after.is_none() => after = Some(id.parse().ok()?),
            ("limit", n) if limit.is_none() => {
                limit = Some(n.parse().ok().filter(|n| (1..=PAGE).contains(n))?);
            }
            _ => return None,
        }
    }
    Some((after, limit.unwrap_or(PAGE)))
}

pub(super) async fn envelope<S: Store>(
    State(desk): State<Desk<S>>,
    Extension(signer): Extension<Signer>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let is_shown = |id: &TipId| !desk.gateway.retention.hides(*id, Who::of(&signer.identity()));
    let Some(id) = id.parse().ok().filter(is_shown) else {
        return store_failure(&StoreError::NotFound);
    };
    // RFC 9110 §14.2: a range that is not understood is ignored
    let from =
        headers.get(header::RANGE).and_then(|range| range.to_str().ok()).and_then(read_range);
    let range = from.map(|from| Range { start: from, end: u64::MAX });
    match desk.gateway.store.get(id, range).await {
        Ok((entry, _)) if from.is_some_and(|from| from >= entry.bytes) => {
            unsatisfiable(entry.bytes)
        }
        Ok((entry, body)) => send(body, from, entry.bytes),
        Err(error) => store_failure(&error),
    }
}

/// The first byte of `bytes=N-`: the one form that resuming a download needs.
fn read_range(value: &str) -> Option<u64> {
    let digits = value.strip_prefix("bytes=")?.strip_suffix('-')?;
    let is_plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

/// Streams the age file, or its rest from byte `from` on.
fn send(body: StoredBody, from: Option<u64>, whole: u64) -> Response {
    let first = from.unwrap_or(0);
    let digest = digest_field(&body.sha256_of_whole());
    let pieces = stream::unfold(Some(body), |body| async move {
        let mut body = body?;
        match body.next_chunk().await {
            Ok(None) => None,
            Ok(Some(chunk)) => Some((Ok(chunk), Some(body))),
            // breaks the connection off, so that nobody takes a part for the whole
            Err(error) => Some((Err(error), None)),
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole - first));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    insert(headers, header::HeaderName::from_static(REPR_DIGEST), digest);
    if from.is_some() {
        // from < whole, so there is a last byte
        insert(headers, header::CONTENT_RANGE, format!("bytes {first}-{}/{whole}", whole - 1));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn unsatisfiable(whole: u64) -> Response {
    let mut response = failure(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "range",
        "the envelope is shorter than what you have: fetch it anew",
    );
    insert(response.headers_mut(), header::CONTENT_RANGE, format!("bytes */{whole}"));
    response
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

pub(super) fn store_failure(error: &StoreError) -> Response {
    match error {
        StoreError::Full => failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "store-full",
            "the gateway's store is full: tell the operator, and do it again later",
        ),
        StoreError::NotFound => {
            failure(StatusCode::NOT_FOUND, "not-found", "there is no envelope with this id")
        }
        _ => failure(
            StatusCode::INTERNAL_SERVER_ERROR,
            "store",
            "the gateway's store does not answer: try again, then tell the operator",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_query_has_two_parameters() {
        let id = "000102030405060708090a0b0c0d0e0f";
        assert_eq!(read_query(""), Some((None, PAGE)));
        assert_eq!(read_query("limit=7"), Some((None, 7)));
        assert_eq!(read_query(&format!("after={id}&limit=7")), Some((id.parse().ok(), 7)));
        for wrong in
            ["limit=0", "limit=501", "limit=", "limit=1&limit=2", "after=1", "x=1", "after"]
        {
            assert_eq!(read_query(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_is_the_rest_from_a_byte_on() {
        assert_eq!(read_range("bytes=0-"), Some(0));
        assert_eq!(read_range("bytes=65536-"), Some(65536));
        for other in
            ["bytes=-5", "bytes=1-2", "bytes=1-,3-", "bytes=+1-", "items=1-", "bytes=-", ""]
        {
            assert_eq!(read_range(other), None, "{other}");
        }
    }
}
