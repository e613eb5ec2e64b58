//! One visit to the desk. Whatever it was made for, it brings the roster up to date, gives the
//! gateway the sealing keys that it lacks, and at its end destroys the keys whose time is over.

use std::{collections::BTreeSet, io};

use super::{
    client::{ClientError, Desk, Listed},
    deletions::Deletions,
    join::{self, JoinError},
    route::{NoRoute, Route},
    shelf::Shelf,
    state::{State, StateError},
    top_up,
    upkeep::{self, Done, Terms, UpkeepError},
    vault::{Unlocked, Vault, VaultError},
};
use crate::{
    clock::Clock,
    desk::EnvelopeListing,
    random::Entropy,
    roster::{Publication, RosterError, UntrustedBatch},
    tip::TipId,
};

/// Why a visit ended early.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// No newsroom, or a roster that does not hold.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// No way to the gateway.
    #[error(transparent)]
    Route(#[from] NoRoute),
    /// The desk did not answer as asked.
    #[error(transparent)]
    Desk(#[from] ClientError),
    /// The keys cannot be read or kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The marks on the shelf cannot be read or written.
    #[error("the folder of envelopes cannot be read or written")]
    Shelf(#[from] io::Error),
    /// The gateway gave a batch that this identity key did not sign.
    #[error(
        "the gateway shows sealing keys in your name that you did not sign: do not go on, and ask \
         the operator by another channel"
    )]
    ForgedKeys(#[source] RosterError),
}

/// What somebody who visits is to be told.
#[derive(Default)]
pub struct News {
    /// The roster rose to this version.
    pub roster: Option<u32>,
    /// A batch of sealing keys was given to the gateway.
    pub keys_sent: bool,
    /// The gateway did not take it.
    pub keys_refused: Option<ClientError>,
    /// See [`TopUp::strangers`](top_up::TopUp::strangers).
    pub strangers: bool,
    /// So many envelopes were listed again that had been deleted.
    pub deleted_again: usize,
}

/// A visit under way.
pub struct Visit<'a> {
    /// The desk.
    pub desk: Desk<'a>,
    /// What happened so far.
    pub news: News,
    unlocked: &'a Unlocked,
    terms: Terms,
}

impl<'a> Visit<'a> {
    /// Goes there: roster and sealing keys.
    pub async fn begin(
        unlocked: &'a Unlocked,
        state: &mut State,
        clock: &'a dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, VisitError> {
        let vault = unlocked.vault();
        // two runs at once must not make two keys of one name, of which one would be lost
        let alone = vault.alone()?;
        *state = State::read(vault.dir())?;
        let publication = join::current(vault, state)?.0;
        join::catch_up(vault, state, &publication)?;
        let joined = state.newsroom.as_ref().ok_or(JoinError::NotJoined)?;
        let route = Route::choose(publication.roster(), joined)?;
        let newsroom = publication.newsroom();
        let desk = Desk::new(route, newsroom, unlocked.identity(), clock)?;
        let mut news = News::default();

        let rosters = desk.rosters(publication.roster().version()).await?;
        if !rosters.is_empty() {
            let taken = join::follow(vault, state, rosters)?;
            news.roster = Some(taken.roster().version());
        }
        send_keys(unlocked, state, &desk, &publication, clock, entropy, &mut news).await?;
        drop(alone);
        Ok(Self { desk, news, unlocked, terms: terms(state, clock) })
    }

    /// The gateway's list, less what the reviewer has deleted: a gateway that was restored from a
    /// backup lists such envelopes again, and is asked again to delete them.
    ///
    /// # Errors
    /// If the gateway does not answer, or the memory of deletions cannot be read.
    pub async fn list(&mut self) -> Result<Listed, VisitError> {
        let mut list = self.desk.list().await?;
        let deleted = Deletions::read(self.unlocked.vault().dir())?;
        let again: Vec<_> =
            list.envelopes.extract_if(.., |listing| deleted.contains(listing.id)).collect();
        for listing in &again {
            match self.desk.delete(listing.id).await {
                // asked again at the next visit
                Ok(_) | Err(ClientError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.news.deleted_again = again.len();
        Ok(list)
    }

    /// Tells the gateway which envelopes of `list` are here and which it does not know of yet.
    ///
    /// # Errors
    /// If the gateway does not answer; asking again, at the next visit, is safe.
    pub async fn acknowledge(&self, list: &Listed) -> Result<(), VisitError> {
        let shelf = shelf(self.unlocked.vault());
        let told: BTreeSet<_> = shelf.told()?.into_iter().collect();
        for EnvelopeListing { id, .. } in &list.envelopes {
            if !told.contains(id) && shelf.is_done(*id) && self.desk.fetched(*id).await? {
                shelf.mark_told(*id)?;
            }
        }
        if list.missing == 0 {
            let is_listed =
                |id: &TipId| list.envelopes.binary_search_by_key(id, |listing| listing.id).is_ok();
            for id in told.iter().filter(|id| !is_listed(id)) {
                shelf.forget_told(*id)?;
            }
        }
        Ok(())
    }

    /// Leaves: destroys the keys whose time is over, if all that they open of `list` is here. Does
    /// nothing while another run is at work: it will.
    ///
    /// # Errors
    /// See [`UpkeepError`].
    pub fn end(self, list: &Listed, entropy: &dyn Entropy) -> Result<Done, UpkeepError> {
        let vault = self.unlocked.vault();
        match vault.alone() {
            Ok(_alone) => upkeep::keep_up(self.unlocked, &shelf(vault), list, self.terms, entropy),
            Err(VaultError::Busy(_)) => Ok(Done::default()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The folders of envelopes.
pub fn shelf(vault: &Vault) -> Shelf {
    Shelf::at(vault.envelopes(), vault.archive())
}

/// The time, and what the reviewer wants kept.
pub fn terms(state: &State, clock: &dyn Clock) -> Terms {
    let now = clock.now();
    Terms {
        epoch: state.epoch_length().epoch(now),
        today: now.day(),
        archive_days: state.archive_days(),
    }
}

/// Gives the gateway the keys that it lacks. A refusal is told and stops nothing: tips can be read
/// all the same.
async fn send_keys(
    unlocked: &Unlocked,
    state: &mut State,
    desk: &Desk<'_>,
    publication: &Publication,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    news: &mut News,
) -> Result<(), VisitError> {
    let newsroom = publication.newsroom();
    let there = desk.keys().await?;
    let there = there
        .map(|bytes| UntrustedBatch(&bytes).verify(Some(newsroom), &state.name, &state.identity))
        .transpose()
        .map_err(VisitError::ForgedKeys)?;
    let now = state.epoch_length().epoch(clock.now());
    let top_up = top_up::top_up(unlocked, state, newsroom, there.as_ref(), now, entropy)?;
    news.strangers = top_up.strangers;
    let Some(batch) = top_up.batch else { return Ok(()) };
    state.write(unlocked.vault().dir())?;
    match desk.put_keys(&batch).await {
        Ok(()) => news.keys_sent = true,
        Err(refused @ ClientError::Refused { .. }) => news.keys_refused = Some(refused),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
