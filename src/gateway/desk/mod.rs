//! The desk as the gateway serves it: a file for each subject. See [`crate::desk`] for what is asked
//! and answered.
//!
//! Nothing here writes to the log: who asked for what, and when, is nobody's business.

mod admit;
mod envelopes;
mod keys;
mod marks;
mod rosters;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    middleware::from_fn_with_state,
    response::Response,
    routing::{get, put},
};
use bytes::Bytes;
use serde::Serialize;

use super::{Gateway, store::Store};
use crate::desk::{ENVELOPES, Failure, KEYS, ROSTERS};

/// The desk of `gateway`. `bound` are the authorities under which its listeners can be reached
/// beside the roster's addresses, such as `127.0.0.1:8443`.
pub fn router<S: Store>(
    gateway: Arc<Gateway<S>>,
    bound: impl IntoIterator<Item = String>,
) -> Router {
    let bound = bound.into_iter().map(|authority| authority.to_ascii_lowercase()).collect();
    let desk = Desk { gateway, bound: Arc::new(bound) };
    Router::new()
        .route(ENVELOPES, get(envelopes::list))
        .route(&format!("{ENVELOPES}/{{id}}"), get(envelopes::envelope))
        .route(&format!("{ENVELOPES}/{{id}}/fetched"), put(marks::fetched))
        .route(&format!("{ENVELOPES}/{{id}}/deletion"), put(marks::delete).delete(marks::take_back))
        .route(&format!("{ENVELOPES}/{{id}}/purge"), put(marks::purge))
        .route(KEYS, get(keys::own).put(keys::replace))
        .route(ROSTERS, get(rosters::chain))
        .fallback(|| async { failure(StatusCode::NOT_FOUND, "not-found", "no such path") })
        .method_not_allowed_fallback(|| async {
            failure(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "this cannot be done here: see the list of operations",
            )
        })
        .layer(from_fn_with_state(desk.clone(), admit::admit))
        .with_state(desk)
}

struct Desk<S> {
    gateway: Arc<Gateway<S>>,
    bound: Arc<BTreeSet<String>>,
}

// derived, it would ask for `S: Clone`
impl<S> Clone for Desk<S> {
    fn clone(&self) -> Self {
        Self { gateway: Arc::clone(&self.gateway), bound: Arc::clone(&self.bound) }
    }
}

/// Success with nothing to say.
fn done() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer where the handler's own task has panicked; that has been told already.
fn broken() -> Response {
    failure(
        StatusCode::INTERNAL_SERVER_ERROR,
        "failed",
        "something went wrong in the gateway: tell the operator",
    )
}

fn failure(status: StatusCode, error: &str, message: &str) -> Response {
    json(status, &Failure { error: error.to_owned(), message: message.to_owned() })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // our types have string keys only, so this cannot fail
    raw_json(status, serde_json::to_vec(value).unwrap_or_default())
}

fn raw_json(status: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
