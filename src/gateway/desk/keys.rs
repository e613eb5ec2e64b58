//! A reviewer's own batch of sealing keys: shown, and replaced by a later one.

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;

use super::{Desk, admit::Signer, failure, raw_json};
use crate::gateway::{
    roster::BatchRefusal,
    store::{Store, StoreError},
};

/// The batch that the gateway seals to, as it was signed.
pub(super) async fn own<S: Store>(
    State(desk): State<Desk<S>>,
    Extension(signer): Extension<Signer>,
) -> Response {
    let publication = desk.gateway.roster.publication();
    let name = publication.reviewer(&signer.identity());
    match name.and_then(|name| publication.batch(name)) {
        Some(batch) => raw_json(StatusCode::OK, batch.signed().clone()),
        None => failure(
            StatusCode::NOT_FOUND,
            "no-keys",
            "the gateway has no sealing keys of yours: send a batch",
        ),
    }
}

/// A later batch of the signer's.
pub(super) async fn replace<S: Store>(
    State(desk): State<Desk<S>>,
    Extension(signer): Extension<Signer>,
    batch: Bytes,
) -> Response {
    let gateway = desk.gateway;
    // a task of its own: a batch that is stored comes into force even if the connection breaks now
    let taken = tokio::spawn(async move {
        let now = gateway.clock.now();
        gateway.roster.take_batch(&gateway.store, &signer.identity(), &batch, now).await
    });
    match taken.await {
        Ok(Ok(())) => done(),
        Ok(Err(refusal)) => refused(&refusal),
        Err(_) => failure(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            "something went wrong in the gateway: tell the operator",
        ),
    }
}

fn done() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn refused(refusal: &BatchRefusal) -> Response {
    let (status, key) = match refusal {
        BatchRefusal::Bad(_) | BatchRefusal::Empty => {
            (StatusCode::UNPROCESSABLE_ENTITY, "bad-batch")
        }
        BatchRefusal::OtherNewsroom => (StatusCode::UNPROCESSABLE_ENTITY, "other-newsroom"),
        BatchRefusal::PastEpoch { .. } => (StatusCode::CONFLICT, "past-epoch"),
        BatchRefusal::FutureEpoch { .. } => (StatusCode::CONFLICT, "future-epoch"),
        // a batch of this sequence lies in the store and is not in force
        BatchRefusal::OutOfSequence { .. } | BatchRefusal::Store(StoreError::Conflict) => {
            (StatusCode::CONFLICT, "out-of-sequence")
        }
        BatchRefusal::Store(StoreError::Full) => (StatusCode::SERVICE_UNAVAILABLE, "store-full"),
        BatchRefusal::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store"),
    };
    let message = match refusal {
        BatchRefusal::Store(_) => format!("{refusal}; send it again later, then tell the operator"),
        _ => refusal.to_string(),
    };
    failure(status, key, &message)
}
