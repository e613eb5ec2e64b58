//! A roster cannot be rolled back, forged or outlived: the gateway's side, with real files. What a
//! removal means for the next tip is shown where there are reviewers, in the flow of a whole newsroom.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use sealpost::{
    clock::{Day, EpochLength, Timestamp},
    gateway::{
        log::{Event, Log, RosterRefusal},
        roster::{Closed, CurrentRoster, Door, RosterProblem, Seen},
        store::{FileStore, ItemKind, Options, Store as _, epochs_seen},
    },
    operator::ceremony::Ceremony,
    random::{Entropy, SystemEntropy},
    recipient::Recipient,
    roster::Publication,
    seal::{Envelope, Recipients},
    secret::SecretText,
    tip::{Language, RawTip, Uncleanable},
};

const ISSUED: Day = Day(20_779);

/// Until something that never comes is given up.
const PATIENCE: Duration = Duration::from_secs(60);

struct Newsroom {
    folder: tempfile::TempDir,
    ceremony: Ceremony,
    log: Log,
}

impl Newsroom {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("newsroom");
        let ceremony =
            Ceremony::init(&dir, "The Lantern", None, ISSUED, &SystemEntropy::new()).unwrap();
        Self { folder, ceremony, log: Log::memory() }
    }

    fn publication(&self) -> PathBuf {
        self.folder.path().join("newsroom/publication")
    }

    fn open(&self, seen: Seen) -> Result<CurrentRoster, RosterProblem> {
        let pin = self.ceremony.publication().newsroom();
        CurrentRoster::open(&self.publication(), pin, EpochLength::Week, seen, self.log.clone())
    }

    fn sign_next(&mut self) {
        let draft = self.ceremony.next(ISSUED, None).unwrap();
        let key = self.ceremony.publication().roster().newsroom_key();
        let secret = self.ceremony.unlock(key, || panic!("the key has no passphrase")).unwrap();
        self.ceremony.sign(&draft, &[secret]).unwrap();
    }
}

fn closed(roster: &CurrentRoster, at: Timestamp) -> Option<Closed> {
    match roster.door(at, &SystemEntropy::new()) {
        Door::Open { .. } => None,
        Door::Closed(why) => Some(why),
    }
}

fn version(roster: &CurrentRoster) -> u32 {
    roster.publication().roster().version()
}

fn remove(folder: &Path, version: u32) {
    for ending in ["json", "sig"] {
        fs::remove_file(folder.join(format!("roster/{version:04}.{ending}"))).unwrap();
    }
}

#[test]
fn nobody_waits_for_a_disk_that_hangs() {
    let newsroom = Newsroom::new();
    let roster = newsroom.open(Seen::default()).unwrap();
    let now = ISSUED.start();
    // opened for reading, it hangs until it is opened for writing, and then until that is closed
    let hanging = newsroom.publication().join("roster/0002.json");
    mknodat(CWD, &hanging, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    thread::scope(|scope| {
        let (told, answer) = mpsc::channel();
        let roster = &roster;
        scope.spawn(move || roster.refresh(now));
        let reading = fs::OpenOptions::new().write(true).open(&hanging).unwrap();
        scope.spawn(move || {
            let version = |publication: Arc<Publication>| publication.roster().version();
            // not there any more if it came too late
            let _ = told.send((version(roster.publication()), version(roster.public(now))));
        });
        assert_eq!(answer.recv_timeout(PATIENCE), Ok((1, 1)));
        drop(reading);
    });
    let refused = [Event::RosterRefused(RosterRefusal::Unreadable)];
    assert_eq!(newsroom.log.events(), refused, "the look was under way");
}

#[test]
fn a_next_roster_holds_for_the_very_next_tip_and_no_older_one_after_it() {
    let mut newsroom = Newsroom::new();
    let roster = newsroom.open(Seen::default()).unwrap();
    newsroom.sign_next();
    assert_eq!(version(&roster), 1, "nobody has looked yet");
    assert_eq!(closed(&roster, ISSUED.start()), Some(Closed::NoKeys));
    assert_eq!(version(&roster), 2, "the door has");

    remove(&newsroom.publication(), 2);
    for _ in 0..3 {
        roster.refresh(ISSUED.start());
    }
    assert_eq!(version(&roster), 2, "the last good one stays");
    let refused = Event::RosterRefused(RosterRefusal::Rollback);
    assert_eq!(newsroom.log.events(), [Event::RosterTaken { version: 2 }, refused], "told once");
}

#[test]
fn what_the_store_remembers_outlives_a_restart() {
    let mut newsroom = Newsroom::new();
    newsroom.sign_next();
    let hash = newsroom.ceremony.publication().roster_hash(2).unwrap();
    let seen = |version: u32, hash: [u8; 32]| {
        Seen::from_items(&[(format!("{version:08}"), hash.to_vec())])
    };
    assert!(newsroom.open(seen(2, hash)).is_ok());
    let fork = newsroom.open(seen(2, [0; 32])).err().unwrap();
    assert!(matches!(fork, RosterProblem::Seen(RosterRefusal::Fork)), "{fork}");
    let rollback = newsroom.open(seen(3, hash)).err().unwrap();
    assert!(matches!(rollback, RosterProblem::Seen(RosterRefusal::Rollback)), "{rollback}");
}

#[test]
fn a_stranger_s_publication_is_not_taken() {
    let newsroom = Newsroom::new();
    let roster = newsroom.open(Seen::default()).unwrap();
    let stranger = Newsroom::new();
    fs::rename(newsroom.publication(), newsroom.folder.path().join("own")).unwrap();
    fs::rename(stranger.publication(), newsroom.publication()).unwrap();
    roster.refresh(ISSUED.start());
    assert_eq!(newsroom.log.events(), [Event::RosterRefused(RosterRefusal::Forged)]);
    assert_eq!(roster.publication().newsroom(), newsroom.ceremony.publication().newsroom());

    fs::remove_dir_all(newsroom.publication()).unwrap();
    roster.refresh(ISSUED.start());
    assert_eq!(
        newsroom.log.events().last(),
        Some(&Event::RosterRefused(RosterRefusal::Unreadable))
    );
}

#[test]
fn a_lapsed_roster_and_a_clock_behind_close_the_form() {
    let newsroom = Newsroom::new();
    let roster = newsroom.open(Seen::default()).unwrap();
    let last_day = roster.publication().roster().lapses();
    assert_eq!(closed(&roster, Day(ISSUED.0 - 1).start()), Some(Closed::Clock));
    assert_eq!(closed(&roster, last_day.start()), Some(Closed::NoKeys));
    assert_eq!(closed(&roster, last_day.plus(1).start()), Some(Closed::Lapsed));
    // the last day's epoch has been shown: no way back
    for _ in 0..2 {
        assert_eq!(closed(&roster, ISSUED.start()), Some(Closed::Clock));
        roster.refresh(ISSUED.start());
    }
    assert_eq!(newsroom.log.events(), [Event::ClockBehind], "told once");
}

#[test]
fn a_roster_that_is_about_to_lapse_is_told_once_a_day() {
    let newsroom = Newsroom::new();
    let roster = newsroom.open(Seen::default()).unwrap();
    let last_day = roster.publication().roster().lapses();
    for day in [60, 59, 30, 30, 1, 0] {
        roster.refresh(Day(last_day.0 - day).start());
    }
    roster.refresh(last_day.plus(1).start());
    let soon = || Event::RosterLapsesSoon { last_day };
    assert_eq!(newsroom.log.events(), [soon(), soon(), soon(), Event::RosterLapsed]);
}

#[tokio::test]
async fn a_clock_behind_closes_the_form_after_a_restart_too() {
    let newsroom = Newsroom::new();
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let folder = newsroom.folder.path().join("store");
    let open = async || {
        let store = FileStore::open(&folder, entropy.clone(), Options::default()).unwrap().0;
        let roster = newsroom.open(Seen::from_store(&store).await.unwrap()).unwrap();
        (roster, store)
    };
    let week = |weeks: u32| ISSUED.plus(7 * weeks).start();
    let (roster, store) = open().await;
    roster.refresh(week(2));
    roster.remember(&store).await.unwrap();
    // a clock far ahead, past the roster's last day, counts for nothing
    roster.refresh(week(52));
    roster.remember(&store).await.unwrap();
    drop((roster, store));
    let seen = EpochLength::Week.epoch(week(2));
    assert_eq!(epochs_seen(&folder).unwrap(), Some(seen));

    let (roster, store) = open().await;
    assert_eq!(closed(&roster, week(1)), Some(Closed::Clock));
    assert_eq!(closed(&roster, week(2)), Some(Closed::NoKeys));
    // an envelope of a later epoch says the same, and goes on saying it when it has gone
    let message = RawTip {
        message: SecretText::new("a tip".into()),
        language: Language::English,
        uncleanable: Uncleanable::LeaveOut,
        files: Vec::new(),
    };
    let archive = message.clean(&Default::default()).unwrap().archive(&*entropy).unwrap();
    let to = Recipients::new(vec![Recipient::throw_away(&*entropy)]).unwrap();
    let envelope = Envelope::seal(archive, seen.plus(1), &to, &*entropy);
    let id = store.put(envelope, ISSUED).await.unwrap();
    drop((roster, store));
    let (roster, store) = open().await;
    assert_eq!(closed(&roster, week(2)), Some(Closed::Clock));
    roster.remember(&store).await.unwrap();
    store.delete(id).await.unwrap();
    drop((roster, store));
    let (roster, store) = open().await;
    assert_eq!(closed(&roster, week(2)), Some(Closed::Clock));
    assert_eq!(closed(&roster, week(3)), Some(Closed::NoKeys));
    let items = store.items(ItemKind::Epoch).await.unwrap();
    assert_eq!(items.len(), 1, "what a higher one stands for is gone");
}

#[test]
fn the_day_of_a_roster_is_an_epoch_that_was_seen() {
    let newsroom = Newsroom::new();
    let pin = newsroom.ceremony.publication().newsroom();
    let hour = EpochLength::Seconds(3_600.try_into().unwrap());
    for length in [EpochLength::Week, hour] {
        let seen = Seen::default();
        let log = Log::memory();
        let roster = CurrentRoster::open(&newsroom.publication(), pin, length, seen, log).unwrap();
        assert_eq!(closed(&roster, Timestamp(ISSUED.start().0 - 1)), Some(Closed::Clock));
        assert_eq!(closed(&roster, ISSUED.start()), Some(Closed::NoKeys));
    }
}
