//! Room that uploads under way were promised: who begins later must not take it from them.
//!
//! An upload's length is known when it begins (browsers tell it), its room is asked for then, and
//! asked again while it comes in, because a disk also fills from elsewhere. When there is no longer
//! enough for all, those that began first go on. Known in memory only, while an upload lasts.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{keeper::Keeper, problem::Problem};
use crate::gateway::space::{Room, SMALLEST_TIP, WORTH_OFFERING};

/// Room is asked for again each time so many bytes have come.
const LOOK_AGAIN: u64 = 8 << 20;

/// A form with the longest message and no file has at most so many bytes besides the message.
const FORM_AROUND_MESSAGE: u64 = 8 << 10;

/// What the uploads under way will still need, in order of their beginning.
#[derive(Clone, Default)]
pub(super) struct Promises(Arc<Mutex<Promised>>);

#[derive(Default)]
struct Promised {
    next: u64,
    needs: BTreeMap<u64, Need>,
}

/// What one upload will still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    /// Bytes of the store, header and padding included, at most.
    store: u64,
    /// Bytes of the spool that are still to come.
    spool: u64,
    files: bool,
}

impl Need {
    /// Of a request of `bytes`, of which `received` are here.
    fn of(bytes: u64, received: u64, files: bool) -> Self {
        // a size class is at most half as large again as what it holds
        let store = bytes.saturating_add(bytes / 2).saturating_add(SMALLEST_TIP);
        let to_come = bytes.saturating_sub(received);
        // the spool seals each 64 KiB with a tag of 16 bytes
        let spool = if files { to_come.saturating_add(to_come / 4096) } else { 0 };
        Self { store, spool, files }
    }

    /// Is there room for this, after those that began before?
    fn fits<'a>(
        self,
        room: Room,
        before: impl IntoIterator<Item = &'a Self>,
    ) -> Result<(), Problem> {
        let (mut words, mut files, mut spool) = (0_u64, 0_u64, 0_u64);
        for need in before {
            let kind = if need.files { &mut files } else { &mut words };
            *kind = kind.saturating_add(need.store);
            spool = spool.saturating_add(need.spool);
        }
        // files never take of what is kept for words, whatever they were promised
        let left_for_words = room.words.saturating_sub(files.min(room.files)).saturating_sub(words);
        if !self.files {
            return if self.store <= left_for_words { Ok(()) } else { Err(Problem::NoRoom) };
        }
        let left_for_files = room.files.saturating_sub(files).saturating_sub(words);
        let mut left_of_spool = room.spool.saturating_sub(spool);
        let mut of_spool = self.spool;
        if room.one_disk {
            // the same bytes cannot be given to both, nor those that are kept for words
            let kept = room.words.saturating_sub(room.files);
            left_of_spool = left_of_spool.saturating_sub(files + words).saturating_sub(kept);
            of_spool = of_spool.saturating_add(self.store);
        }
        if self.store <= left_for_files && of_spool <= left_of_spool {
            Ok(())
        } else if left_for_words >= SMALLEST_TIP {
            Err(Problem::NoRoomForFiles)
        } else {
            Err(Problem::NoRoom)
        }
    }
}

/// What somebody can send where nobody else is sending: see [`offer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Offer {
    /// Words and files.
    Files,
    /// Words only, for lack of room in this.
    Words(Tight),
    /// Nothing.
    Nothing,
}

/// What has too little room for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::gateway) enum Tight {
    /// The store: its quota or its disk.
    Store,
    /// The spool's disk.
    Spool,
}

/// What the form offers in this room, uploads under way left aside.
pub(in crate::gateway) fn offer(room: Room) -> Offer {
    let offers = |room| Promises::default().offers_files(room);
    let store_alone = Room { spool: u64::MAX, one_disk: false, ..room };
    match offers(room) {
        Err(_) => Offer::Nothing,
        Ok(true) => Offer::Files,
        Ok(false) if offers(store_alone) == Ok(true) => Offer::Words(Tight::Spool),
        Ok(false) => Offer::Words(Tight::Store),
    }
}

impl Promises {
    /// Whether somebody who begins now could send files, as far as can be told before.
    ///
    /// # Errors
    /// [`Problem::NoRoom`] if there is no room even for words.
    pub(super) fn offers_files(&self, room: Room) -> Result<bool, Problem> {
        let promised = self.lock();
        let before = || promised.needs.values();
        Need::of(0, 0, false).fits(room, before())?;
        Ok(Need::of(WORTH_OFFERING, 0, true).fits(room, before()).is_ok())
    }

    fn promise(&self, room: Room, need: Need) -> Result<u64, Problem> {
        let mut promised = self.lock();
        need.fits(room, promised.needs.values())?;
        let number = promised.next;
        promised.next += 1;
        promised.needs.insert(number, need);
        Ok(number)
    }

    fn lock(&self) -> MutexGuard<'_, Promised> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One upload's room, until this is dropped.
pub(super) struct Promise<K: Keeper> {
    keeper: Arc<K>,
    promises: Promises,
    number: u64,
    /// Bytes of the request, where they are known before.
    length: Option<u64>,
    received: u64,
    /// `received` at the last look.
    looked: u64,
    /// Known from the length, or once a file begins.
    files: bool,
}

impl<K: Keeper> Promise<K> {
    /// Asks for the room of a request of `length` bytes.
    ///
    /// # Errors
    /// [`Problem::NoRoom`], [`Problem::NoRoomForFiles`], or what keeps the room from being known.
    pub(super) async fn new(
        keeper: Arc<K>,
        promises: Promises,
        length: Option<u64>,
    ) -> Result<Self, Problem> {
        let longest = u64::try_from(keeper.limits().max_message_bytes).unwrap_or(u64::MAX);
        let files =
            length.is_some_and(|length| length > longest.saturating_add(FORM_AROUND_MESSAGE));
        let room = keeper.room().await?;
        let number = promises.promise(room, Need::of(length.unwrap_or(0), 0, files))?;
        Ok(Self { keeper, promises, number, length, received: 0, looked: 0, files })
    }

    /// So many bytes more are here, and in the spool if they are a file's.
    ///
    /// # Errors
    /// As [`Promise::new`], if the room has gone meanwhile.
    pub(super) async fn received(&mut self, bytes: usize) -> Result<(), Problem> {
        self.received = self.received.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.received - self.looked >= LOOK_AGAIN { self.look().await } else { Ok(()) }
    }

    /// There is a file in it.
    ///
    /// # Errors
    /// As [`Promise::new`], if there is room for words only.
    pub(super) async fn file_begins(&mut self) -> Result<(), Problem> {
        if std::mem::replace(&mut self.files, true) { Ok(()) } else { self.look().await }
    }

    async fn look(&mut self) -> Result<(), Problem> {
        self.looked = self.received;
        let room = self.keeper.room().await?;
        let bytes = self.length.unwrap_or(0).max(self.received);
        let need = Need::of(bytes, self.received, self.files);
        let mut promised = self.promises.lock();
        promised.needs.insert(self.number, need);
        need.fits(room, promised.needs.range(..self.number).map(|(_, need)| need))
    }
}

impl<K: Keeper> Drop for Promise<K> {
    fn drop(&mut self) {
        self.promises.lock().needs.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A store of 100 MiB, its tenth included, and a spool on a disk of its own.
    fn room() -> Room {
        Room { words: 100 * MIB, files: 90 * MIB, spool: 1 << 40, one_disk: false }
    }

    fn files(mib: u64) -> Need {
        Need::of(mib * MIB, 0, true)
    }

    const WORDS: Need = Need { store: SMALLEST_TIP, spool: 0, files: false };

    #[test]
    fn uploads_under_way_keep_what_they_were_promised() {
        let promises = Promises::default();
        let first = promises.promise(room(), files(40)).unwrap();
        assert_eq!(promises.promise(room(), files(40)), Err(Problem::NoRoomForFiles));
        promises.promise(room(), files(19)).unwrap();
        // words have a tenth that no file was promised
        assert_eq!(promises.offers_files(room()), Ok(false));
        promises.promise(room(), WORDS).unwrap();
        promises.lock().needs.remove(&first);
        assert_eq!(promises.offers_files(room()), Ok(true));
        promises.promise(room(), files(39)).unwrap();
    }

    #[test]
    fn when_room_goes_those_who_began_first_go_on() {
        let (first, second) = (files(30), files(20));
        let less = Room { words: 60 * MIB, files: 50 * MIB, ..room() };
        assert_eq!(second.fits(room(), [&first]), Ok(()));
        assert_eq!(first.fits(less, []), Ok(()));
        assert_eq!(second.fits(less, [&first]), Err(Problem::NoRoomForFiles));
        let none = Room { words: SMALLEST_TIP - 1, files: 0, ..room() };
        assert_eq!(second.fits(none, []), Err(Problem::NoRoom));
        assert_eq!(WORDS.fits(none, []), Err(Problem::NoRoom));
        // what files were promised and is no longer there is not taken from words
        let tenth = Room { words: 10 * MIB, files: 0, ..room() };
        assert_eq!(WORDS.fits(tenth, [&first]), Ok(()));
    }

    #[test]
    fn a_full_spool_keeps_files_out_and_no_words() {
        let full = Room { spool: MIB, ..room() };
        assert_eq!(files(2).fits(full, []), Err(Problem::NoRoomForFiles));
        assert_eq!(WORDS.fits(full, []), Ok(()));
        assert_eq!(Promises::default().offers_files(full), Ok(false));
        // what has come is on the disk already
        assert_eq!(Need::of(2 * MIB, 2 * MIB, true).fits(full, []), Ok(()));
    }

    #[test]
    fn what_is_offered_is_told_with_what_is_tight() {
        assert_eq!(offer(room()), Offer::Files);
        assert_eq!(offer(Room { files: MIB, ..room() }), Offer::Words(Tight::Store));
        // a tip of files takes more of the store than it has bytes
        assert_eq!(offer(Room { files: WORTH_OFFERING, ..room() }), Offer::Words(Tight::Store));
        assert_eq!(offer(Room { spool: MIB, ..room() }), Offer::Words(Tight::Spool));
        let one_disk = Room { spool: 20 * MIB, one_disk: true, ..room() };
        assert_eq!(offer(one_disk), Offer::Words(Tight::Spool));
        assert_eq!(offer(Room { words: 0, files: 0, ..room() }), Offer::Nothing);
    }

    #[test]
    fn one_disk_is_not_given_away_twice() {
        let disk = Room { spool: 100 * MIB, one_disk: true, ..room() };
        // 50 in the store and 33 in the spool, with ten kept for words
        assert_eq!(files(33).fits(disk, []), Ok(()));
        assert_eq!(files(36).fits(disk, []), Err(Problem::NoRoomForFiles));
        assert_eq!(files(36).fits(Room { one_disk: false, ..disk }, []), Ok(()));
        assert_eq!(files(20).fits(disk, [&files(20)]), Err(Problem::NoRoomForFiles));
    }
}
