//! The source's side: shows the form, takes tips.
//!
//! A request is taken apart at once (`arrival`): the body, the language and what transport needs
//! stay, everything else is dropped. The body is read under limits (`body`), as a strict multipart
//! form ([`multipart`]), text into wiped memory, files into an encrypted spool (`form`,
//! `spooling`). What comes of it goes to the rooms behind (`keeper`). Whatever goes wrong on the way is
//! a `problem`, and each of those has a page in every language.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response};

use self::{
    arrival::{Arrival, Wish, take_apart},
    body::GuardedBody,
    keeper::Keeper,
    multipart::Boundary,
    problem::Problem,
    uploads::Uploads,
};
use super::{Gateway, listener::proxy_line::Circuit, pages, store::Store};
use crate::tip::{FileFate, Language};

mod arrival;
mod body;
mod form;
mod keeper;
pub mod multipart;
pub(crate) mod problem;
mod spooling;
mod uploads;

/// What the store must be able to take before a form is shown: a tip of text only.
const SMALLEST_TIP: u64 = 128 * 1024;

/// The pages of the source's side, `/`, `/en`, `/ko`, `/zh-Hans`, and `/publication.tar`.
pub fn router<S: Store>(gateway: Arc<Gateway<S>>) -> Router {
    router_before(gateway)
}

fn router_before<K: Keeper>(keeper: Arc<K>) -> Router {
    let uploads = Uploads::new(keeper.limits().max_uploads);
    Router::new().fallback(answer::<K>).with_state(Arc::new(Intake { keeper, uploads }))
}

struct Intake<K> {
    keeper: Arc<K>,
    uploads: Uploads,
}

async fn answer<K: Keeper>(
    State(intake): State<Arc<Intake<K>>>,
    request: axum::extract::Request,
) -> Response {
    let Arrival { language, wish, circuit, body } = take_apart(request);
    let newsroom = intake.keeper.newsroom();
    let limits = intake.keeper.limits();
    let shown = match wish {
        Wish::Form => {
            intake.may_send(None).await.map(|()| pages::form(language, &newsroom, limits))
        }
        Wish::Handout => return pages::handout(intake.keeper.handout()),
        Wish::Nowhere => Err(Problem::NoSuchPage),
        Wish::Nonsense => Err(Problem::NoSuchMethod),
        Wish::Submit { boundary, length } => {
            let mut body = GuardedBody::new(body, limits);
            let upload = Upload { language, circuit, boundary, length };
            return match intake.submit(upload, &mut body).await {
                Ok(fates) => pages::receipt(language, &newsroom, limits, &fates),
                Err(problem) => {
                    body.drain();
                    pages::refused(language, &newsroom, limits, &problem)
                }
            };
        }
    };
    shown.unwrap_or_else(|problem| pages::problem(language, &newsroom, limits, &problem))
}

/// What is known of a submission before its body is read.
struct Upload {
    language: Language,
    circuit: Circuit,
    boundary: Option<Boundary>,
    length: Option<u64>,
}

impl<K: Keeper> Intake<K> {
    /// Everything that can be known before the body is read: better to refuse now than after an
    /// hour's upload.
    async fn may_send(&self, length: Option<u64>) -> Result<(), Problem> {
        if length.is_some_and(|length| length > self.keeper.limits().max_tip_bytes) {
            return Err(Problem::TooLarge);
        }
        self.keeper.door().await?;
        // a size class is at most half as large again as what it holds
        let length = length.unwrap_or(0);
        let needed = length.saturating_add(length / 2).saturating_add(SMALLEST_TIP);
        if self.keeper.room().await? < needed { Err(Problem::NoRoom) } else { Ok(()) }
    }

    async fn submit(
        &self,
        upload: Upload,
        body: &mut GuardedBody,
    ) -> Result<Vec<FileFate>, Problem> {
        let Upload { language, circuit, boundary, length } = upload;
        let boundary = boundary.ok_or(Problem::NotTheForm)?;
        self.may_send(length).await?;
        let place = self.uploads.enter(circuit).await.ok_or(Problem::Busy)?;
        let tip = form::read(&self.keeper, language, &boundary, length, body).await?;
        let keeper = self.keeper.clone();
        // a task of its own: a tip that came whole is stored even if the connection breaks now
        let kept = tokio::spawn(async move {
            let fates = keeper.keep(tip).await;
            drop(place);
            fates
        });
        kept.await.unwrap_or(Err(Problem::Failed))
    }
}

#[cfg(test)]
pub(super) mod tests;
