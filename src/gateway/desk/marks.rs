//! What a reviewer says of an envelope: fetched, deleted, not deleted after all, to be gone at once.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use tokio::task::JoinHandle;

use super::{Desk, admit::Signer, broken, done, envelopes::store_failure, json};
use crate::{
    desk::Purge,
    gateway::{
        Gateway, retention,
        store::{Store, StoreError},
    },
    roster::IdentityKey,
    tip::TipId,
};

/// The reviewer's program has the whole envelope.
pub(super) async fn fetched<S: Store>(
    State(desk): State<Desk<S>>,
    Extension(signer): Extension<Signer>,
    Path(id): Path<String>,
) -> Response {
    let Some((gateway, id, by)) = asked(desk, signer, &id) else { return unknown() };
    let work = tokio::spawn(async move { retention::fetched(&gateway, id, &by).await });
    answer(work, |()| done()).await
}

/// The reviewer deletes it.
pub(super) async fn delete<S: Store>(
    State(desk): State<Desk<S>>,
    Extension(signer): Extension<Signer>,
    Path(id): Path<String>,
) -> Response {
    let Some((gateway, id, by)) = asked(desk, signer, &id) else { return unknown() };
    let work = tokio::spawn(async move { retention::delete(&gateway, id, &by).await });
    answer(work, |()| done()).await
}

/// The reviewer takes that back.
pub(super) async fn take_back<S: Store>(
    State(desk): State<Desk<S>>,
    Extension(signer): Extension<Signer>,
    Path(id): Path<String>,
) -> Response {
    let Some((gateway, id, by)) = asked(desk, signer, &id) else { return unknown() };
    let work = tokio::spawn(async move { retention::take_back(&gateway, id, &by).await });
    answer(work, |()| done()).await
}

/// The reviewer wants it gone at once.
pub(super) async fn purge<S: Store>(
    State(desk): State<Desk<S>>,
    Extension(signer): Extension<Signer>,
    Path(id): Path<String>,
) -> Response {
    let Some((gateway, id, by)) = asked(desk, signer, &id) else { return unknown() };
    let work = tokio::spawn(async move { retention::purge(&gateway, id, &by).await });
    answer(work, |gone| json(StatusCode::OK, &Purge { gone })).await
}

/// Each is done in a task of its own: what was begun is ended, even if the connection breaks now.
fn asked<S>(
    desk: Desk<S>,
    signer: Signer,
    id: &str,
) -> Option<(Arc<Gateway<S>>, TipId, IdentityKey)> {
    Some((desk.gateway, id.parse().ok()?, signer.identity()))
}

async fn answer<T>(
    work: JoinHandle<Result<T, StoreError>>,
    told: impl FnOnce(T) -> Response,
) -> Response {
    match work.await {
        Ok(Ok(outcome)) => told(outcome),
        Ok(Err(error)) => store_failure(&error),
        Err(_) => broken(),
    }
}

fn unknown() -> Response {
    store_failure(&StoreError::NotFound)
}
