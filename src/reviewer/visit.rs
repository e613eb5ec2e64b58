//! One visit to the desk. Whatever it was made for, it brings the roster up to date, gives the
//! gateway the sealing keys that it lacks, and at its end destroys the keys whose time is over.

use super::{
    client::{ClientError, Desk},
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

    /// Leaves: destroys the keys whose time is over, if all that they open of `list` is here. Does
    /// nothing while another run is at work: it will.
    ///
    /// # Errors
    /// See [`UpkeepError`].
    pub fn end(self, list: &[EnvelopeListing], entropy: &dyn Entropy) -> Result<Done, UpkeepError> {
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
