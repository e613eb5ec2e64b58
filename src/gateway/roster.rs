//! The publication as the gateway holds it: pinned, reloaded when its files change, never rolled
//! back. From here a tip's recipients come, or the reason why none can be taken.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
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

/// More entries than this are no publication folder of ours.
const MAX_ENTRIES: usize = 20_000;

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
    /// The clock shows a day before the roster was signed, or an epoch before one it has shown: a
    /// tip would be sealed to keys that may be destroyed already.
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
    state: Mutex<State>,
}

struct State {
    publication: Arc<Publication>,
    seen: Seen,
    /// What the folder looked like when it was last read.
    looked_at: Option<Stamp>,
    /// The highest version that the store remembers.
    remembered: u32,
    highest_epoch: Epoch,
    last_warning: Option<Day>,
    last_refusal: Option<RosterRefusal>,
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
        mut seen: Seen,
        log: Log,
    ) -> Result<Self, RosterProblem> {
        let looked_at = Stamp::of(folder)?;
        let remembered = seen.highest();
        let publication = Arc::new(read(folder, pin, &seen)?);
        seen.see(&publication);
        let state = State {
            publication,
            seen,
            looked_at: Some(looked_at),
            remembered,
            highest_epoch: Epoch(0),
            last_warning: None,
            last_refusal: None,
            refused_batches: Vec::new(),
        };
        let roster = Self { folder: folder.into(), pin, epoch, log, state: Mutex::new(state) };
        roster.tell_of_batches(&mut roster.state());
        Ok(roster)
    }

    /// The last good publication.
    pub fn publication(&self) -> Arc<Publication> {
        self.state().publication.clone()
    }

    /// Looks for a change on disk first, so that a removal holds for the very next tip; then one
    /// recipient per active reviewer (throw-away where one has no key). Reads the metadata of the
    /// publication's files, and their content after a change.
    pub fn door(&self, now: Timestamp, entropy: &dyn Entropy) -> Door {
        let mut state = self.state();
        self.look(&mut state);
        let publication = state.publication.clone();
        let roster = publication.roster();
        let epoch = self.epoch.epoch(now);
        if publication.has_lapsed(now.day()) {
            return Door::Closed(Closed::Lapsed);
        }
        if now.day() < roster.issued() || epoch < state.highest_epoch {
            return Door::Closed(Closed::Clock);
        }
        state.highest_epoch = epoch;
        drop(state);
        let keys = publication.sealing_keys(epoch).into_iter().map(|(_, key)| key.cloned());
        match one_for_each(keys, || Recipient::throw_away(entropy)).and_then(Recipients::new) {
            Some(recipients) => Door::Open { recipients, epoch },
            None => Door::Closed(Closed::NoKeys),
        }
    }

    /// Looks for a change on disk, and says once a day when the roster is about to lapse.
    pub fn refresh(&self, now: Timestamp) {
        let mut state = self.state();
        self.look(&mut state);
        let (today, last_day) = (now.day(), state.publication.roster().lapses());
        if last_day <= today.plus(WARNING_DAYS) && state.last_warning != Some(today) {
            state.last_warning = Some(today);
            self.log.write(if state.publication.has_lapsed(today) {
                Event::RosterLapsed
            } else {
                Event::RosterLapsesSoon { last_day }
            });
        }
    }

    /// Keeps the highest version and its hash in the store, so that a rollback is noticed after a
    /// restart, too.
    ///
    /// # Errors
    /// What the store says; asking again is safe.
    pub async fn remember(&self, store: &impl Store) -> Result<(), StoreError> {
        let (version, hash) = {
            let state = self.state();
            let version = state.seen.highest();
            match state.seen.0.get(&version) {
                Some(hash) if version > state.remembered => (version, *hash),
                _ => return Ok(()),
            }
        };
        store.put_item(ItemKind::Roster, &format!("{version:08}"), &hash).await?;
        self.state().remembered = version;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the publication if its files have changed and it is good; the last good one stays
    /// otherwise. A refused folder is read again when it changes again.
    fn look(&self, state: &mut State) {
        let stamp = Stamp::of(&self.folder).ok();
        if stamp.is_some() && stamp == state.looked_at {
            return;
        }
        state.looked_at = stamp;
        match read(&self.folder, self.pin, &state.seen) {
            Ok(publication) => {
                state.last_refusal = None;
                let before = state.publication.roster().version();
                let version = publication.roster().version();
                state.seen.see(&publication);
                state.publication = Arc::new(publication);
                if version != before {
                    state.last_warning = None;
                    self.log.write(Event::RosterTaken { version });
                }
                self.tell_of_batches(state);
            }
            Err(problem) => {
                let refusal = problem.kind();
                if state.last_refusal.replace(refusal) != Some(refusal) {
                    self.log.write(Event::RosterRefused(refusal));
                }
            }
        }
    }

    fn tell_of_batches(&self, state: &mut State) {
        let refused: Vec<String> =
            state.publication.refused().iter().map(|(batch, _)| batch.clone()).collect();
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
    let publication = publication::read(folder)?.verify(pin)?;
    let version = publication.roster().version();
    seen.admit(version, |version| publication.roster_hash(version)).map_err(RosterProblem::Seen)?;
    Ok(publication)
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

/// The rosters that have been seen: version and SHA-256. Only grows.
#[derive(Clone, Default)]
pub struct Seen(BTreeMap<u32, [u8; 32]>);

impl Seen {
    /// From the items of kind [`ItemKind::Roster`]; what is no such item is left out, because the
    /// store checks its files itself.
    pub fn from_items(items: &[(String, Vec<u8>)]) -> Self {
        let parse = |(key, hash): &(String, Vec<u8>)| {
            Some((key.parse().ok()?, hash.as_slice().try_into().ok()?))
        };
        Self(items.iter().filter_map(parse).collect())
    }

    /// The highest version seen; 0 before the first.
    pub fn highest(&self) -> u32 {
        self.0.last_key_value().map_or(0, |(version, _)| *version)
    }

    fn admit(
        &self,
        version: u32,
        hash_of: impl Fn(u32) -> Option<[u8; 32]>,
    ) -> Result<(), RosterRefusal> {
        if version < self.highest() {
            return Err(RosterRefusal::Rollback);
        }
        let same = |(version, hash): (&u32, &[u8; 32])| hash_of(*version).as_ref() == Some(hash);
        if self.0.iter().all(same) { Ok(()) } else { Err(RosterRefusal::Fork) }
    }

    fn see(&mut self, publication: &Publication) {
        let version = publication.roster().version();
        self.0.extend(publication.roster_hash(version).map(|hash| (version, hash)));
    }
}

/// How the publication's files look from outside: name, length, change time and inode of each. A
/// change time cannot be set back without setting the machine's clock.
#[derive(PartialEq, Eq)]
struct Stamp(Vec<(OsString, u64, i64, i64, u64)>);

impl Stamp {
    fn of(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for part in ["roster", "keys"] {
            let entries = match fs::read_dir(folder.join(part)) {
                Ok(entries) => entries,
                // a newsroom without reviewers has no keys yet
                Err(error) if part == "keys" && error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries.take(MAX_ENTRIES) {
                let entry = entry?;
                let file = entry.metadata()?;
                let changed = (file.ctime(), file.ctime_nsec());
                files.push((entry.file_name(), file.len(), changed.0, changed.1, file.ino()));
            }
        }
        files.sort_unstable();
        Ok(Self(files))
    }
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

    #[test]
    fn what_was_seen_stays_seen() {
        let items =
            [("00000001", 1), ("00000002", 2)].map(|(key, byte)| (key.to_owned(), vec![byte; 32]));
        let seen = Seen::from_items(&items);
        let chain = |hashes: &'static [u8]| {
            move |version: u32| {
                let at = usize::try_from(version).ok()?.checked_sub(1)?;
                hashes.get(at).map(|byte| [*byte; 32])
            }
        };
        assert_eq!(seen.admit(2, chain(&[1, 2])), Ok(()));
        assert_eq!(seen.admit(3, chain(&[1, 2, 3])), Ok(()));
        assert_eq!(seen.admit(1, chain(&[1])), Err(RosterRefusal::Rollback));
        assert_eq!(seen.admit(3, chain(&[1, 9, 3])), Err(RosterRefusal::Fork));
        assert_eq!(seen.admit(2, chain(&[1, 9])), Err(RosterRefusal::Fork));
        assert_eq!(Seen::default().admit(1, chain(&[7])), Ok(()));
    }

    #[test]
    fn a_changed_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Stamp::of(folder.path()).is_err(), "no roster, no stamp");
        fs::create_dir(folder.path().join("roster")).unwrap();
        let file = folder.path().join("roster/0001.json");
        fs::write(&file, "one").unwrap();
        let first = Stamp::of(folder.path()).unwrap();
        assert!(first == Stamp::of(folder.path()).unwrap());
        fs::write(folder.path().join("roster/0001.sig"), "").unwrap();
        let second = Stamp::of(folder.path()).unwrap();
        assert!(first != second);
        // the same length, another file put in its place
        fs::write(folder.path().join("new"), "two").unwrap();
        fs::rename(folder.path().join("new"), file).unwrap();
        assert!(second != Stamp::of(folder.path()).unwrap());
    }
}
