//! What makes yesterday's tips unreadable: private halves are destroyed when their time is over,
//! and what the archive keeps goes when its own is.
//!
//! It is done after the gateway has answered a signed request in this very run: the two clocks agree
//! then within five minutes, and the list of what was sealed to an epoch's keys is complete. Where
//! the gateway says that it is not, because its store lacks envelopes, no key is destroyed.

use std::io;

use super::{
    archive::{ArchiveError, Keeping, archive},
    client::Listed,
    opener::OpenError,
    shelf::Shelf,
    vault::{Unlocked, VaultError},
};
use crate::{
    clock::{Day, Epoch},
    random::Entropy,
    tip::TipId,
};

/// Why the upkeep stopped. What was done until then is done.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// Keys cannot be read or destroyed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The folders of envelopes cannot be read or written.
    #[error("the folders of envelopes cannot be read or written")]
    Shelf(#[from] io::Error),
}

/// The time, and what the reviewer wants kept.
#[derive(Clone, Copy)]
pub struct Terms {
    /// The present epoch.
    pub epoch: Epoch,
    /// The present day.
    pub today: Day,
    /// For how many days after it came in an opened tip stays.
    pub archive_days: u32,
}

/// What was done, and what could not be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Epochs whose private halves were destroyed.
    pub destroyed: Vec<Epoch>,
    /// Tips that went into the archive before.
    pub archived: usize,
    /// Tips whose time in the archive was over.
    pub expired: usize,
    /// Epochs whose time is over and whose keys are still there.
    pub overdue: Vec<Overdue>,
    /// So many envelopes the gateway took and cannot hand out: until it can, no key is destroyed.
    pub missing: u64,
}

/// An epoch whose private halves should be destroyed and are not.
#[derive(Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Which one.
    pub epoch: Epoch,
    /// What stands against it.
    pub because: Because,
}

/// Why a key outlives its time.
#[derive(Debug, PartialEq, Eq)]
pub enum Because {
    /// Envelopes that were listed and are not here.
    NotFetched(Vec<TipId>),
    /// A fetched envelope that does not open to its end.
    Damaged(TipId),
    /// A fetched envelope that none of the epoch's keys opens: it is sealed to others, or its key's
    /// file is damaged.
    NotOurs(TipId),
}

/// Destroys what is due. `list` is the gateway's list of this run.
///
/// # Errors
/// See [`UpkeepError`].
pub fn keep_up(
    unlocked: &Unlocked,
    shelf: &Shelf,
    list: &Listed,
    terms: Terms,
    entropy: &dyn Entropy,
) -> Result<Done, UpkeepError> {
    let mut done = Done { missing: list.missing, ..Done::default() };
    shelf.sweep_archive(entropy)?;
    let due = if list.missing == 0 { due(unlocked, terms.epoch)? } else { Vec::new() };
    for epoch in due {
        let missing: Vec<TipId> = list
            .envelopes
            .iter()
            .filter(|listing| listing.epoch == epoch && !shelf.is_done(listing.id))
            .map(|listing| listing.id)
            .collect();
        if !missing.is_empty() {
            done.overdue.push(Overdue { epoch, because: Because::NotFetched(missing) });
            continue;
        }
        let put_away = PutAway { unlocked, shelf, epoch, terms, entropy };
        match put_away.all(|because| Err(Stop::Because(because))) {
            Ok(archived) => {
                done.archived += archived;
                unlocked.vault().destroy(epoch, entropy)?;
                done.destroyed.push(epoch);
            }
            Err(Stop::Because(because)) => done.overdue.push(Overdue { epoch, because }),
            Err(Stop::Failed(error)) => return Err(error),
        }
    }
    done.expired = expire(shelf, terms, entropy)?;
    Ok(done)
}

/// Destroys the private halves of one epoch on a person's word, whatever is missing. What is here
/// and opens is put into the archive first; how many tips that were.
///
/// # Errors
/// See [`UpkeepError`].
pub fn destroy(
    unlocked: &Unlocked,
    shelf: &Shelf,
    epoch: Epoch,
    terms: Terms,
    entropy: &dyn Entropy,
) -> Result<usize, UpkeepError> {
    let put_away = PutAway { unlocked, shelf, epoch, terms, entropy };
    let give_up = |because| match because {
        Because::NotOurs(id) => Ok(shelf.let_go(id)?),
        Because::Damaged(id) => Ok(shelf.clear_sealed(id)?),
        Because::NotFetched(_) => Ok(()),
    };
    let archived = put_away.all(give_up).map_err(|stop| match stop {
        Stop::Failed(error) => error,
        // not reached: each of them is given up
        Stop::Because(_) => UpkeepError::Shelf(io::ErrorKind::InvalidData.into()),
    })?;
    unlocked.vault().destroy(epoch, entropy)?;
    Ok(archived)
}

/// The epochs whose grace is over and of which private halves are still there.
///
/// # Errors
/// If the folder of keys cannot be read.
pub fn due(unlocked: &Unlocked, now: Epoch) -> Result<Vec<Epoch>, VaultError> {
    let mut epochs: Vec<Epoch> = unlocked.vault().keys()?.iter().map(|key| key.epoch).collect();
    epochs.dedup();
    epochs.retain(|epoch| epoch.is_over(now));
    Ok(epochs)
}

enum Stop {
    Because(Because),
    Failed(UpkeepError),
}

impl<E: Into<UpkeepError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes every envelope of `epoch` off the shelf: into the archive, or away if its time there
/// would be over already.
#[derive(Clone, Copy)]
struct PutAway<'a> {
    unlocked: &'a Unlocked,
    shelf: &'a Shelf,
    epoch: Epoch,
    terms: Terms,
    entropy: &'a dyn Entropy,
}

impl PutAway<'_> {
    /// How many went into the archive. `unless` says what is to be done about one that cannot.
    fn all(&self, unless: impl Fn(Because) -> Result<(), Stop>) -> Result<usize, Stop> {
        let secrets = self.unlocked.secrets_of(self.epoch)?.secrets;
        let to = self.unlocked.wrapping().recipient();
        let Terms { today, archive_days, .. } = self.terms;
        let mut archived = 0;
        for id in self.shelf.sealed()? {
            let described = self.shelf.description(id);
            if described.as_ref().is_some_and(|listing| listing.epoch != self.epoch) {
                continue;
            }
            if Keeping::of(self.shelf, id, archive_days, today).is_over(today) {
                self.shelf.clear(id, self.entropy)?;
                continue;
            }
            match archive(self.shelf, id, &secrets, &to, self.entropy) {
                Ok(()) => archived += 1,
                // nothing says that it is of this epoch, and its keys say that it is not
                Err(ArchiveError::Open(_, OpenError::NotForYou)) if described.is_none() => {}
                Err(ArchiveError::Open(_, OpenError::NotForYou)) => unless(Because::NotOurs(id))?,
                Err(
                    ArchiveError::Open(_, OpenError::Io(error)) | ArchiveError::Write(_, error),
                ) => {
                    return Err(error.into());
                }
                Err(ArchiveError::Open(..)) => unless(Because::Damaged(id))?,
            }
        }
        Ok(archived)
    }
}

fn expire(shelf: &Shelf, terms: Terms, entropy: &dyn Entropy) -> io::Result<usize> {
    let mut expired = 0;
    for id in shelf.archived()? {
        if Keeping::of(shelf, id, terms.archive_days, terms.today).is_over(terms.today) {
            shelf.clear(id, entropy)?;
            expired += 1;
        }
    }
    Ok(expired)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;
    use crate::{
        desk::EnvelopeListing,
        random::SystemEntropy,
        reviewer::{
            opener,
            sealing_key::SealingSecret,
            shelf::Fetched,
            vault::{KeyName, Vault},
        },
        seal::{Recipients, seal_stream},
    };

    struct Desk {
        folder: tempfile::TempDir,
        unlocked: Unlocked,
        shelf: Shelf,
        list: Listed,
    }

    /// A reviewer with a key for epochs 10 to 13.
    fn desk() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::at(&folder.path().join("mina"));
        let entropy = SystemEntropy::new();
        let unlocked = vault.create(None, &entropy).unwrap();
        for epoch in 10..14 {
            let name = KeyName { epoch: Epoch(epoch), sequence: 0 };
            unlocked.keep(name, &SealingSecret::generate(&entropy), &entropy).unwrap();
        }
        let shelf = Shelf::at(vault.envelopes(), vault.archive());
        Desk { folder, unlocked, shelf, list: Listed::default() }
    }

    impl Desk {
        /// The gateway has an envelope of this epoch, which came in on the day of its number times 7.
        fn listed(&mut self, epoch: u32) -> TipId {
            let id = TipId([u8::try_from(self.list.envelopes.len() + 1).unwrap(); 16]);
            let epoch = Epoch(epoch);
            let day = Day(epoch.0 * 7);
            self.list.envelopes.push(EnvelopeListing {
                id,
                day,
                epoch,
                class: 1,
                bytes: 1,
                goes: None,
            });
            id
        }

        fn fetch(&self, id: TipId) {
            let listing = self.list.envelopes.iter().find(|listing| listing.id == id).unwrap();
            let secrets = self.unlocked.secrets_of(listing.epoch).unwrap().secrets;
            self.put(listing, &secrets[0]);
        }

        fn put(&self, listing: &EnvelopeListing, key: &SealingSecret) {
            let id = listing.id;
            let to = Recipients::new(vec![key.recipient()]).unwrap();
            let mut sealed = seal_stream(&b"tip"[..], 3, &to, &SystemEntropy::new());
            let mut file = self.shelf.resume(id, 10_000).unwrap().0;
            while let Some(piece) = sealed.next_chunk().unwrap() {
                file.write_all(piece).unwrap();
            }
            self.shelf.complete(id, &file).unwrap();
            self.shelf.describe(listing).unwrap();
        }

        fn terms(&self, epoch: u32) -> Terms {
            Terms { epoch: Epoch(epoch), today: Day(epoch * 7), archive_days: 30 }
        }

        fn keep_up(&self, epoch: u32) -> Done {
            let entropy = SystemEntropy::new();
            keep_up(&self.unlocked, &self.shelf, &self.list, self.terms(epoch), &entropy).unwrap()
        }

        fn epochs(&self) -> Vec<u32> {
            self.unlocked.vault().keys().unwrap().iter().map(|key| key.epoch.0).collect()
        }

        fn opens(&self, id: TipId) -> bool {
            let archived = self.shelf.fetched(id) == Fetched::Archived;
            let path = if archived { self.shelf.archive_path(id) } else { self.shelf.path(id) };
            let Ok(bytes) = fs::read(path) else { return false };
            let secrets = self.unlocked.sealing_secrets().unwrap().secrets;
            let wrapping = std::slice::from_ref(self.unlocked.wrapping());
            opener::open(&bytes[..], if archived { wrapping } else { &secrets }).is_ok()
        }
    }

    #[test]
    fn a_key_lives_through_its_grace_and_no_longer() {
        let desk = desk();
        for epoch in 10..13 {
            assert_eq!(desk.keep_up(epoch), Done::default());
        }
        assert_eq!(desk.keep_up(13).destroyed, [Epoch(10)]);
        assert_eq!(desk.epochs(), [11, 12, 13]);
        assert_eq!(desk.keep_up(15).destroyed, [Epoch(11), Epoch(12)]);
        assert_eq!(desk.epochs(), [13]);
        assert!(desk.folder.path().exists());
    }

    #[test]
    fn nothing_is_destroyed_before_all_is_fetched() {
        let mut desk = desk();
        let [one, two] = [desk.listed(10), desk.listed(10)];
        desk.fetch(one);
        let because = Because::NotFetched(vec![two]);
        let overdue = vec![Overdue { epoch: Epoch(10), because }];
        assert_eq!(desk.keep_up(13), Done { overdue, ..Done::default() });
        assert!(desk.opens(one) && desk.epochs() == [10, 11, 12, 13]);

        desk.fetch(two);
        let done = desk.keep_up(13);
        assert_eq!((done.archived, done.destroyed), (2, vec![Epoch(10)]));
        assert!(desk.opens(one) && desk.opens(two), "unread tips are in the archive");
        // the envelope as the gateway has it opens no more
        desk.shelf.clear(one, &SystemEntropy::new()).unwrap();
        assert!(!desk.opens(one));
    }

    #[test]
    fn no_key_is_destroyed_while_the_gateway_lacks_envelopes() {
        let mut desk = desk();
        let here = desk.listed(10);
        desk.fetch(here);
        desk.list.missing = 2;
        assert_eq!(desk.keep_up(13), Done { missing: 2, ..Done::default() });
        assert!(desk.opens(here) && desk.epochs() == [10, 11, 12, 13]);
        desk.list.missing = 0;
        assert_eq!(desk.keep_up(13).destroyed, [Epoch(10)]);
    }

    #[test]
    fn opened_tips_stay_for_the_days_that_were_set_and_unread_ones_until_they_are_read() {
        let mut desk = desk();
        let [read, unread, old] = [desk.listed(10), desk.listed(10), desk.listed(10)];
        for id in [read, unread, old] {
            desk.fetch(id);
        }
        desk.shelf.mark_opened(read).unwrap();
        desk.shelf.mark_opened(old).unwrap();
        let long_ago = EnvelopeListing { day: Day(30), ..desk.list.envelopes[2].clone() };
        desk.shelf.describe(&long_ago).unwrap();

        assert_eq!(desk.keep_up(13).archived, 2);
        assert!(desk.opens(read) && desk.opens(unread) && !desk.opens(old));
        // day 70 and 30 days: day 100 is the last, day 105 is over
        assert_eq!(desk.keep_up(14).expired, 0);
        assert_eq!(desk.keep_up(15).expired, 1);
        assert!(!desk.opens(read) && desk.opens(unread));
        assert_eq!(desk.keep_up(500).expired, 0);
        desk.shelf.mark_opened(unread).unwrap();
        assert_eq!(desk.keep_up(501).expired, 1);
        assert!(desk.shelf.all().unwrap().is_empty());
    }

    #[test]
    fn a_damaged_envelope_keeps_its_key_until_a_person_says_otherwise() {
        let mut desk = desk();
        let [whole, damaged] = [desk.listed(10), desk.listed(10)];
        desk.fetch(whole);
        desk.fetch(damaged);
        let path = desk.shelf.path(damaged);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let done = desk.keep_up(13);
        assert_eq!(done.overdue[0].because, Because::Damaged(damaged));
        assert!(done.destroyed.is_empty() && desk.opens(whole));

        let entropy = SystemEntropy::new();
        let terms = desk.terms(13);
        destroy(&desk.unlocked, &desk.shelf, Epoch(10), terms, &entropy).unwrap();
        assert_eq!(desk.epochs(), [11, 12, 13]);
        assert!(desk.opens(whole) && !desk.opens(damaged));
    }

    #[test]
    fn an_envelope_for_others_waits_for_a_persons_word() {
        let mut desk = desk();
        let [ours, other] = [desk.listed(10), desk.listed(10)];
        desk.fetch(ours);
        desk.put(&desk.list.envelopes[1], &SealingSecret::generate(&SystemEntropy::new()));
        assert_eq!(desk.keep_up(13).overdue[0].because, Because::NotOurs(other));
        assert_eq!(desk.epochs(), [10, 11, 12, 13]);
        desk.shelf.let_go(other).unwrap();
        assert_eq!(desk.keep_up(13).destroyed, [Epoch(10)]);
        assert!(desk.opens(ours));
    }

    #[test]
    fn a_destruction_that_a_crash_cut_short_is_ended() {
        let desk = desk();
        let key = desk.unlocked.vault().dir().join("keys/10-0.age");
        fs::write(&key, vec![7; 2_000]).unwrap();
        assert_eq!(desk.keep_up(13).destroyed, [Epoch(10)]);
        assert!(!key.exists());
    }

    #[test]
    fn an_envelope_that_nothing_is_known_of_is_kept_if_it_opens() {
        let mut desk = desk();
        let [ours, later] = [desk.listed(10), desk.listed(11)];
        for id in [ours, later] {
            desk.fetch(id);
            fs::remove_file(desk.shelf.path(id).with_extension("json")).unwrap();
        }
        assert_eq!(desk.keep_up(13).archived, 1);
        assert_eq!(desk.shelf.fetched(ours), Fetched::Archived);
        assert_eq!(desk.shelf.fetched(later), Fetched::Whole);
    }
}
