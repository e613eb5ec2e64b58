//! A reviewer's laptop is taken, with everything on it and the passphrase: the drill of
//! `keys/README.md`, by the real programs under a clock that is moved.

use std::{collections::BTreeSet, io::Read as _, path::Path};

use sealpost::{
    clock::Day,
    gateway::store::header,
    reviewer::{opener, sealing_key::SealingSecret, vault::Vault},
    secret::SecretText,
    tip::unpack::Unpack,
};

use crate::{
    moving_clock::MovingClock,
    newsroom::{Form, Gateway, Newsroom, files_below},
};

/// A Wednesday.
const BEGIN: Day = Day(20_782);
const PASSPHRASE: &str = "five words that nobody guesses";

/// A newsroom with jun, and with mina whose folder is under a passphrase.
fn newsroom(clock: &MovingClock) -> (Newsroom, Gateway) {
    clock.noon_of(BEGIN);
    let newsroom = Newsroom::with_environment(&["jun"], "", clock.environment());
    let passphrase = newsroom.path("passphrase");
    sealpost::disk::write_private(&passphrase, PASSPHRASE.as_bytes()).unwrap();
    mina(&newsroom, "init --dir mina --name mina --mail mina@localhost");
    newsroom.add("mina");
    let gateway = newsroom.serve();
    newsroom.join(&gateway, "mina");
    newsroom.join(&gateway, "jun");
    (newsroom, gateway)
}

fn mina(newsroom: &Newsroom, line: &str) -> String {
    newsroom.ok("reviewer", &format!("{line} --passphrase-file passphrase"))
}

fn send(gateway: &Gateway, message: &str) {
    let answer = gateway.post("/en", &Form::new().field("message", message));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn a_taken_laptop_opens_nothing_older_than_the_grace_but_what_its_archive_lists() {
    let Some(clock) = MovingClock::find() else { return };
    let (newsroom, gateway) = newsroom(&clock);
    newsroom.ok("reviewer", "archive --dir mina --days 35");
    for week in 0..10 {
        clock.noon_of(BEGIN.plus(7 * week));
        send(&gateway, &format!("tip {week}"));
        mina(&newsroom, "fetch --dir mina");
        mina(&newsroom, "open --dir mina --all --out opened-by-mina");
        newsroom.ok("reviewer", "fetch --dir jun");
        newsroom.ok("reviewer", "open --dir jun --all --out opened-by-jun");
        if week == 2 {
            // control: before any key is destroyed, the same envelopes open
            take(&newsroom, "taken-early");
            assert_eq!(Thief::with(&newsroom, "taken-early").opens(&newsroom), weeks(0..3));
        }
    }
    let early_key =
        std::fs::read(files_below(&newsroom.path("taken-early/keys")).into_iter().min().unwrap())
            .unwrap();

    // the laptop is gone; the operator removes its owner
    take(&newsroom, "taken");
    newsroom.ok("operator", "remove --dir operator mina");
    send(&gateway, "tip 10");
    newsroom.ok("reviewer", "fetch --dir jun");
    newsroom.ok("reviewer", "open --dir jun --all --out opened-by-jun");
    assert_eq!(messages(&newsroom.path("opened-by-jun")), weeks(0..11));

    let thief = Thief::with(&newsroom, "taken");
    assert_eq!(thief.opens(&newsroom), weeks(7..10), "three epochs, and not the tip after it");
    assert_eq!(thief.opens_archive(), weeks(4..7));
    let listed = newsroom.ok("reviewer", "archive --dir taken");
    let archived = ids(&newsroom.path("taken/archive"));
    assert_eq!(archived.len(), 3);
    assert!(archived.iter().all(|id| listed.contains(id)), "{listed}");
    assert_eq!(listed.lines().filter(|line| line.contains("removed after")).count(), 3);
    // the desk gives the thief nothing
    let refused = newsroom.run("reviewer", "fetch --dir taken --passphrase-file passphrase");
    assert!(!refused.status.success());
    // and no file of the folder holds what a destroyed key's file held
    for file in files_below(&newsroom.path("taken")) {
        let bytes = std::fs::read(&file).unwrap();
        let holds = bytes.windows(200).any(|piece| early_key.get(300..500) == Some(piece));
        assert!(!holds, "{}", file.display());
    }
}

#[test]
fn after_a_rotation_a_copy_of_the_folder_opens_no_later_tip() {
    let Some(clock) = MovingClock::find() else { return };
    let (newsroom, gateway) = newsroom(&clock);
    send(&gateway, "tip 0");
    take(&newsroom, "copied");
    mina(&newsroom, "rotate --dir mina");
    send(&gateway, "tip 1");
    assert_eq!(Thief::with(&newsroom, "copied").opens(&newsroom), weeks(0..1));
    mina(&newsroom, "fetch --dir mina");
    mina(&newsroom, "open --dir mina --all --out opened-by-mina");
    assert_eq!(messages(&newsroom.path("opened-by-mina")), weeks(0..2));
}

/// A copy of mina's laptop as it is now.
fn take(newsroom: &Newsroom, to: &str) {
    let copied = std::process::Command::new("cp")
        .args(["-a", "mina", to])
        .current_dir(newsroom.path(""))
        .status();
    assert!(copied.unwrap().success());
}

/// One who has all of a reviewer's files and the passphrase.
struct Thief {
    folder: std::path::PathBuf,
    /// Every key that can be made of the files.
    keys: Vec<SealingSecret>,
}

impl Thief {
    fn with(newsroom: &Newsroom, folder: &str) -> Self {
        let folder = newsroom.path(folder);
        let passphrase = SecretText::new(PASSPHRASE.to_owned());
        let unlocked = Vault::at(&folder).unlock(Some(&passphrase)).unwrap();
        let mut keys = unlocked.sealing_secrets().unwrap().secrets;
        keys.push(SealingSecret::parse(unlocked.wrapping().to_text().expose()).unwrap());
        Self { folder, keys }
    }

    /// The tips that these keys open, of every envelope that the gateway ever stored.
    fn opens(&self, newsroom: &Newsroom) -> BTreeSet<String> {
        let stored = newsroom.stored().into_iter();
        stored.filter_map(|path| self.open(&std::fs::read(path).unwrap()[header::LEN..])).collect()
    }

    fn opens_archive(&self) -> BTreeSet<String> {
        let archive = files_below(&self.folder.join("archive")).into_iter();
        archive.filter_map(|path| self.open(&std::fs::read(path).unwrap())).collect()
    }

    fn open(&self, envelope: &[u8]) -> Option<String> {
        let mut tip = Unpack::open(opener::open(envelope, &self.keys).ok()?).unwrap();
        while let Some(mut entry) = tip.next_entry().unwrap() {
            if entry.name().to_string() == "message.txt" {
                let mut message = String::new();
                entry.read_to_string(&mut message).unwrap();
                return Some(message);
            }
        }
        None
    }
}

fn weeks(range: std::ops::Range<u32>) -> BTreeSet<String> {
    range.map(|week| format!("tip {week}")).collect()
}

/// The messages in a folder of opened tips.
fn messages(folder: &Path) -> BTreeSet<String> {
    let tips = std::fs::read_dir(folder).unwrap();
    tips.map(|tip| std::fs::read_to_string(tip.unwrap().path().join("message.txt")).unwrap())
        .collect()
}

/// The ids of the envelopes in a folder.
fn ids(folder: &Path) -> Vec<String> {
    let files = files_below(folder).into_iter();
    files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}
