//! The source's side: shows the form, takes tips.
//!
//! A request is taken apart at once (`arrival`): the body, the language and what transport needs
//! stay, everything else is dropped. Whether there is room is asked before the form is shown, before
//! an upload begins and while it lasts (`promises`). The body is read under limits (`body`), as a strict multipart
//! form ([`multipart`]), text into wiped memory, files into an encrypted spool (`form`,
//! `spooling`). What comes of it goes to the rooms behind (`keeper`). Whatever goes wrong on the way is
//! a `problem`, and each of those has a page in every language.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response};
use tokio::{sync::Mutex, task::spawn_blocking};

use self::{
    arrival::{Arrival, Wish, take_apart},
    body::GuardedBody,
    keeper::Keeper,
    multipart::Boundary,
    problem::Problem,
    promises::{Promise, Promises},
    uploads::Uploads,
};
use super::{Gateway, listener::proxy_line::Circuit, pages, store::Store};
use crate::tip::{FileFate, Language, RawTip};

mod arrival;
mod body;
mod form;
mod keeper;
pub mod multipart;
pub(crate) mod problem;
mod promises;
mod spooling;
mod uploads;

pub(super) use promises::{Offer, Tight, offer};

/// The pages of the source's side, `/`, `/en`, `/ko`, `/zh-Hans`, and `/publication.tar`.
pub fn router<S: Store>(gateway: Arc<Gateway<S>>) -> Router {
    router_before(gateway)
}

fn router_before<K: Keeper>(keeper: Arc<K>) -> Router {
    let uploads = Uploads::new(keeper.limits().max_uploads);
    let intake = Intake { keeper, uploads, promises: Promises::default(), memory: Arc::default() };
    Router::new().fallback(answer::<K>).with_state(Arc::new(intake))
}

struct Intake<K> {
    keeper: Arc<K>,
    uploads: Uploads,
    promises: Promises,
    /// Whose documents are in memory: they are cleaned one tip after the other.
    memory: Arc<Mutex<()>>,
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
            let offer = intake.offers_files().await;
            offer.map(|files| pages::form(language, &newsroom, limits, files))
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
    /// Whether the form that is shown now has a field for files.
    async fn offers_files(&self) -> Result<bool, Problem> {
        self.keeper.door().await?;
        self.promises.offers_files(self.keeper.room().await?)
    }

    async fn submit(
        &self,
        upload: Upload,
        body: &mut GuardedBody,
    ) -> Result<Vec<FileFate>, Problem> {
        let Upload { language, circuit, boundary, length } = upload;
        let boundary = boundary.ok_or(Problem::NotTheForm)?;
        // all that can be known before the body is read: better to refuse now than after an hour
        if length.is_some_and(|length| length > self.keeper.limits().max_tip_bytes) {
            return Err(Problem::TooLarge);
        }
        self.keeper.door().await?;
        let place = self.uploads.enter(circuit).await.ok_or(Problem::Busy)?;
        let (keeper, promises) = (self.keeper.clone(), self.promises.clone());
        let mut promise = Promise::new(keeper, promises, length).await?;
        let tip = form::read(&self.keeper, language, &boundary, length, body, &mut promise).await?;
        let (keeper, memory) = (self.keeper.clone(), self.memory.clone());
        // a task of its own: a tip that came whole is stored even if the connection breaks now
        let kept = tokio::spawn(async move {
            let (tip, needs_memory) =
                spawn_blocking(move || looked_at(tip)).await.map_err(|_| Problem::Failed)??;
            let held = if needs_memory { Some(memory.lock().await) } else { None };
            let fates = keeper.keep(tip).await;
            drop((held, place, promise));
            fates
        });
        kept.await.unwrap_or(Err(Problem::Failed))
    }
}

/// Whether cleaning the tip takes memory (blocking).
fn looked_at(mut tip: RawTip) -> Result<(RawTip, bool), Problem> {
    let needs_memory = tip.needs_memory().map_err(|_| Problem::Failed)?;
    Ok((tip, needs_memory))
}

#[cfg(test)]
pub(super) mod tests;
