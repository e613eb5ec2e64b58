//! A reviewer's own batch of sealing keys: shown, and replaced by a later one.

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use bytes::Bytes;

use super::{Desk, admit::Signer, broken, done, failure, raw_json};
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
        Err(_) => broken(),
    }
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
        BatchRefusal::SequenceTooFar { .. } => (StatusCode::CONFLICT, "sequence-too-far"),
        BatchRefusal::Store(StoreError::Full) => (StatusCode::SERVICE_UNAVAILABLE, "store-full"),
        BatchRefusal::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store"),
    };
    let message = match refusal {
        BatchRefusal::Store(_) => format!("{refusal}; send it again later, then tell the operator"),
        _ => refusal.to_string(),
    };
    failure(status, key, &message)
}

#[cfg(test)]
mod tests {
    use std::io;

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::{clock::Epoch, desk::Failure, roster::RosterError};

    #[tokio::test]
    async fn every_refusal_has_its_status_and_key() {
        let (first, current) = (Epoch(7), Epoch(8));
        let cases = [
            (BatchRefusal::Bad(RosterError::BadSignature), 422, "bad-batch"),
            (BatchRefusal::Empty, 422, "bad-batch"),
            (BatchRefusal::OtherNewsroom, 422, "other-newsroom"),
            (BatchRefusal::PastEpoch { first, current }, 409, "past-epoch"),
            (BatchRefusal::FutureEpoch { first: current, current: first }, 409, "future-epoch"),
            (BatchRefusal::OutOfSequence { found: 1, in_force: 1 }, 409, "out-of-sequence"),
            (BatchRefusal::SequenceTooFar { found: 1_002, in_force: 1 }, 409, "sequence-too-far"),
            (BatchRefusal::Store(StoreError::Conflict), 409, "out-of-sequence"),
            (BatchRefusal::Store(StoreError::Full), 503, "store-full"),
            (BatchRefusal::Store(StoreError::Io(io::Error::other("disk"))), 503, "store"),
        ];
        for (refusal, status, key) in cases {
            let response = refused(&refusal);
            assert_eq!(response.status().as_u16(), status, "{refusal}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let told: Failure = serde_json::from_slice(&body).unwrap();
            assert_eq!(told.error, key);
            assert!(told.message.starts_with(&refusal.to_string()), "{}", told.message);
            assert!(!told.message.contains("disk"), "the store's own matters are not told");
        }
    }
}
