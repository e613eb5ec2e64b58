//! The publication as the gateway holds it: pinned, reloaded when its files change, never rolled
//! back. From here a tip's recipients come, or the reason why none can be taken.
//!
//! Batches of sealing keys come from the folder ([`read`]) and through the desk (`taking`); of one
//! reviewer's the highest sequence wins. Tips are sealed to the newest at once, and what the public
//! sees of them changes only when an epoch begins or a new roster is taken (`batches`).

mod batches;
mod seen;
mod stamp;
mod taking;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use self::{
    batches::{KeptBatches, Moment},
    seen::SeenRosters,
    stamp::Stamp,
};

use super::{
    Gateway,
    log::{Event, Log, RosterRefusal},
    store::{ItemKind, Store, StoreError},
};
use crate::{
    clock::{Day, Epoch, EpochLength, Timestamp},
    publication,
    random::Entropy,
    recipient::Recipient,
    roster::{NewsroomId, Publication, RosterError},
    seal::Recipients,
};

/// From so many days before a roster lapses, the operator is warned.
pub const WARNING_DAYS: u32 = 30;

pub use seen::Seen;
pub use taking::BatchRefusal;

/// May a tip be taken now?
pub enum Door {
    /// Yes.
    Open {
        /// To whom it is sealed: one recipient for each active reviewer.
        recipients: Recipients,
        /// Whose sealing keys these are.
        epoch: Epoch,
    },
    /// No, and the form says so.
    Closed(Closed),
}

/// Why no tip can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The roster has lapsed.
    Lapsed,
    /// No reviewer has a sealing key for now.
    NoKeys,
    /// The clock shows a day before the roster was signed, or an epoch before the highest that it,
    /// the roster or a stored envelope has shown, since whenever: a tip would be sealed to keys that
    /// may be destroyed already.
    Clock,
}

/// Why a publication was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RosterProblem {
    /// A file is missing, too large or not readable.
    #[error("it cannot be read ({0}); put the whole publication folder there")]
    Unreadable(#[from] io::Error),
    /// The chain of signatures does not hold.
    #[error("{0}")]
    Forged(#[from] RosterError),
    /// It contradicts what has been seen.
    #[error("{0}")]
    Seen(RosterRefusal),
}

impl RosterProblem {
    fn kind(&self) -> RosterRefusal {
        match self {
            Self::Unreadable(_) => RosterRefusal::Unreadable,
            Self::Forged(_) => RosterRefusal::Forged,
            Self::Seen(refusal) => *refusal,
        }
    }
}

/// The roster in force.
pub struct CurrentRoster {
    folder: PathBuf,
    pin: NewsroomId,
    epoch: EpochLength,
    log: Log,
    /// Held while the folder is read and verified, and taken before `state` by whoever takes both.
    looked: Mutex<Looked>,
    /// Never held while anything is read: the async workers wait for it.
    state: Mutex<State>,
    /// One batch is taken at a time.
    taking: tokio::sync::Mutex<()>,
}

/// The last look into the folder.
struct Looked {
    /// What the folder looked like then.
    at: Option<Stamp>,
    refusal: Option<RosterRefusal>,
}

struct State {
    /// What lies in the folder.
    folder: Publication,
    /// Batches that came through the desk.
    kept: KeptBatches,
    /// Both: what tips are sealed by.
    publication: Arc<Publication>,
    /// What the public sees, since `moment` began.
    public: Arc<Publication>,
    /// The highest epoch and version that have been seen.
    moment: Moment,
    seen: SeenRosters,
    /// The highest version and epoch that the store remembers.
    remembered: (u32, Option<Epoch>),
    last_warning: Option<Day>,
    clock_was_behind: bool,
    refused_batches: Vec<String>,
}

impl CurrentRoster {
    /// Reads and verifies the publication; it must not contradict what has been `seen`.
    ///
    /// # Errors
    /// Why it cannot be taken. A lapsed one can: the form is then closed.
    pub fn open(
        folder: &Path,
        pin: NewsroomId,
        epoch: EpochLength,
        seen: Seen,
        log: Log,
    ) -> Result<Self, RosterProblem> {
        let looked_at = Stamp::of(folder)?;
        let Seen { mut rosters, epoch: seen_epoch, epoch_item, batches: mut kept } = seen;
        let remembered = (rosters.highest().map_or(0, |(version, _)| version), epoch_item);
        let publication = read_after(folder, pin, &rosters, None)?;
        rosters.see(&publication);
        let of_roster = epoch.epoch(publication.roster().issued().start());
        let epochs = [Some(of_roster), seen_epoch, kept.highest_epoch()];
        let moment = Moment {
            epoch: epochs.into_iter().flatten().max().unwrap_or(of_roster),
            version: publication.roster().version(),
        };
        let state = State {
            publication: Arc::new(kept.in_force(&publication)),
            public: Arc::new(kept.public(&publication, moment)),
            folder: publication,
            kept,
            moment,
            seen: rosters,
            remembered,
            last_warning: None,
            clock_was_behind: false,
            refused_batches: Vec::new(),
        };
        let roster = Self {
            folder: folder.into(),
            pin,
            epoch,
            log,
            looked: Mutex::new(Looked { at: Some(looked_at), refusal: None }),
            state: Mutex::new(state),
            taking: tokio::sync::Mutex::default(),
        };
        roster.tell_of_batches(&mut roster.state());
        Ok(roster)
    }

    /// The last good publication. Does not wait for the disk.
    pub fn publication(&self) -> Arc<Publication> {
        self.state().publication.clone()
    }

    /// The same after a look for a change on disk: whoever was removed is gone from it. Reads as much
    /// as [`door`](Self::door).
    pub fn publication_now(&self) -> Arc<Publication> {
        self.look();
        self.publication()
    }

    /// The publication as anybody may see it: the rosters in force, and the batches that were in
    /// force when the epoch began or the roster was taken. Does not wait for the disk.
    pub fn public(&self, now: Timestamp) -> Arc<Publication> {
        let mut state = self.state();
        self.look_at_clock(&mut state, now);
        state.public.clone()
    }

    /// Looks for a change on disk first, so that a removal holds for the very next tip; then one
    /// recipient per active reviewer (throw-away where one has no key). Reads the metadata of the
    /// publication's files, and their content after a change.
    pub fn door(&self, now: Timestamp, entropy: &dyn Entropy) -> Door {
        self.look();
        let mut state = self.state();
        self.look_at_clock(&mut state, now);
        let publication = state.publication.clone();
        if publication.has_lapsed(now.day()) {
            return Door::Closed(Closed::Lapsed);
        }
        if self.is_behind(&state, now) {
            return Door::Closed(Closed::Clock);
        }
        drop(state);
        let epoch = self.epoch.epoch(now);
        let keys = publication.sealing_keys(epoch).into_iter().map(|(_, key)| key.cloned());
        match one_for_each(keys, || Recipient::throw_away(entropy)).and_then(Recipients::new) {
            Some(recipients) => Door::Open { recipients, epoch },
            None => Door::Closed(Closed::NoKeys),
        }
    }

    /// Looks for a change on disk, and says once a day when the roster is about to lapse, and once
    /// when the clock turns out to be behind.
    pub fn refresh(&self, now: Timestamp) {
        self.look();
        let mut state = self.state();
        self.look_at_clock(&mut state, now);
        let (today, last_day) = (now.day(), state.publication.roster().lapses());
        if last_day <= today.plus(WARNING_DAYS) && state.last_warning != Some(today) {
            state.last_warning = Some(today);
            self.log.write(if state.publication.has_lapsed(today) {
                Event::RosterLapsed
            } else {
                Event::RosterLapsesSoon { last_day }
            });
        }
        let is_behind = self.is_behind(&state, now);
        if is_behind && !state.clock_was_behind {
            self.log.write(Event::ClockBehind);
        }
        state.clock_was_behind = is_behind;
    }

    /// Keeps the highest version with its hash, and the highest epoch, in the store, so that a
    /// rollback and a clock behind are noticed after a restart, too.
    ///
    /// # Errors
    /// What the store says; asking again is safe.
    pub async fn remember(&self, store: &impl Store) -> Result<(), StoreError> {
        let (highest, epoch, remembered) = {
            let state = self.state();
            (state.seen.highest(), state.moment.epoch, state.remembered)
        };
        if let Some((version, hash)) = highest.filter(|(version, _)| *version > remembered.0) {
            store.put_item(ItemKind::Roster, &format!("{version:08}"), &hash).await?;
            self.state().remembered.0 = version;
        }
        if Some(epoch) > remembered.1 {
            store.put_item(ItemKind::Epoch, &epoch_key(epoch), b"").await?;
            self.state().remembered.1 = Some(epoch);
            if let Some(lower) = remembered.1 {
                // one that stays says less than the one that is there now
                let _ = store.remove_item(ItemKind::Epoch, &epoch_key(lower)).await;
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the publication if its files have changed and it is good; the last good one stays
    /// otherwise. A refused folder is read again when it changes again. One looks at a time; who
    /// waited for another's look has seen what that one saw, at least.
    fn look(&self) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&self.folder).ok();
        if stamp.is_some() && stamp == looked.at {
            return;
        }
        looked.at = stamp;
        // neither changes but here
        let (seen, known) = {
            let state = self.state();
            (state.seen.clone(), state.folder.clone())
        };
        match read_after(&self.folder, self.pin, &seen, Some(&known)) {
            Ok(publication) => {
                looked.refusal = None;
                let state = &mut *self.state();
                self.take(state, publication);
                self.tell_of_batches(state);
            }
            Err(problem) => {
                let refusal = problem.kind();
                if looked.refusal.replace(refusal) != Some(refusal) {
                    self.log.write(Event::RosterRefused(refusal));
                }
            }
        }
    }

    fn take(&self, state: &mut State, publication: Publication) {
        let version = publication.roster().version();
        state.seen.see(&publication);
        state.publication = Arc::new(state.kept.in_force(&publication));
        state.folder = publication;
        if version != state.moment.version {
            let of_roster = self.epoch.epoch(state.folder.roster().issued().start());
            state.moment = Moment { epoch: state.moment.epoch.max(of_roster), version };
            state.public = state.publication.clone();
            state.last_warning = None;
            self.log.write(Event::RosterTaken { version });
        }
    }

    /// Notices that an epoch has begun: what is in force is public from then on. A clock past the
    /// roster's last day counts for nothing, so that one that runs ahead cannot close the form for
    /// longer than a roster holds.
    fn look_at_clock(&self, state: &mut State, now: Timestamp) {
        let epoch = self.epoch.epoch(now);
        if epoch > state.moment.epoch && !state.publication.has_lapsed(now.day()) {
            state.moment.epoch = epoch;
            state.public = state.publication.clone();
        }
    }

    fn is_behind(&self, state: &State, now: Timestamp) -> bool {
        now.day() < state.publication.roster().issued()
            || self.epoch.epoch(now) < state.moment.epoch
    }

    fn tell_of_batches(&self, state: &mut State) {
        let refused: Vec<String> =
            state.folder.refused().iter().map(|(batch, _)| batch.clone()).collect();
        for batch in refused.iter().filter(|batch| !state.refused_batches.contains(batch)) {
            self.log.write(Event::BatchRefused { batch: batch.clone() });
        }
        state.refused_batches = refused;
    }
}

/// Looks for a newer roster each second and remembers it, for as long as it is polled.
pub async fn keep_current<S: Store>(gateway: Arc<Gateway<S>>) {
    let mut said = false;
    loop {
        let blocking = gateway.clone();
        // a task that was stopped by a panic has been told already; the next look follows
        let _ = tokio::task::spawn_blocking(move || {
            blocking.roster.refresh(blocking.clock.now());
        })
        .await;
        let remembered = gateway.roster.remember(&gateway.store).await.is_ok();
        if !remembered && !said {
            gateway.log.write(Event::RosterNotRemembered);
        }
        said = !remembered;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Reads, verifies and compares with what has been seen.
///
/// # Errors
/// Why the publication cannot be taken.
pub fn read(folder: &Path, pin: NewsroomId, seen: &Seen) -> Result<Publication, RosterProblem> {
    read_after(folder, pin, &seen.rosters, None)
}

/// As [`read`]; what is the same in `known` is not verified again.
fn read_after(
    folder: &Path,
    pin: NewsroomId,
    seen: &SeenRosters,
    known: Option<&Publication>,
) -> Result<Publication, RosterProblem> {
    let publication = publication::read(folder)?.verify_after(pin, known)?;
    let version = publication.roster().version();
    seen.admit(version, |version| publication.roster_hash(version)).map_err(RosterProblem::Seen)?;
    Ok(publication)
}

/// The key of an epoch's item.
fn epoch_key(epoch: Epoch) -> String {
    format!("{:010}", epoch.0)
}

/// The publication with the batches that came through the desk, from the items of kind
/// [`ItemKind::KeyBatch`]: what tips are sealed by.
pub fn with_batches(folder: &Publication, kept: Vec<(String, Vec<u8>)>) -> Publication {
    KeptBatches::from_items(kept).in_force(folder)
}

/// The recipients of a tip; `None` if nobody could open it.
fn one_for_each<R>(
    keys: impl Iterator<Item = Option<R>>,
    mut throw_away: impl FnMut() -> R,
) -> Option<Vec<R>> {
    let mut has_key = false;
    let recipients = keys
        .map(|key| {
            has_key |= key.is_some();
            key.unwrap_or_else(&mut throw_away)
        })
        .collect();
    has_key.then_some(recipients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reviewer_without_a_key_gets_a_throw_away() {
        let recipients = |keys: Vec<Option<u8>>| one_for_each(keys.into_iter(), || 0);
        assert_eq!(recipients(vec![Some(1), None, Some(3)]), Some(vec![1, 0, 3]));
        assert_eq!(recipients(vec![None, None]), None);
        assert_eq!(recipients(vec![]), None);
    }
}
