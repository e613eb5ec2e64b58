//! Backups of a store whose envelopes hold noise: what is shared, kept, told, refused and put back.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use ring::digest::{SHA256, digest};
use tempfile::TempDir;

use super::{Checked, Made, Order, Restored, check_backup, check_store, make, restore};
use crate::{
    clock::{Day, Epoch, Timestamp},
    gateway::{
        config::Config,
        status::Status,
        store::{Entry, FileStore, ItemKind, Options, Store, files, header::EnvelopeHeader},
    },
    publication,
    random::SystemEntropy,
    roster::testing::{Newsroom, TODAY},
    tip::{SizeClass, TipId},
};

/// A mailbox, and a reply in it.
const REPLY: &str = "5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c.5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d";

/// A newsroom whose store has two envelopes, and items.
struct Fixture {
    folder: TempDir,
    config: Config,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let newsroom = Newsroom::new(1);
        let mut signed = newsroom.publication();
        newsroom.extend(&mut signed, |next| next);
        for (version, roster) in (1..).zip(&signed.rosters) {
            publication::add_roster(&folder.path().join("publication"), version, roster).unwrap();
        }
        let config = config(folder.path(), &newsroom);
        let fixture = Self { folder, config };
        let store = fixture.open();
        let hash = signed.verify(newsroom.id()).unwrap().roster_hash(2).unwrap();
        store.put_item(ItemKind::Roster, "00000002", &hash).await.unwrap();
        store.put_item(ItemKind::Epoch, "0000002968", b"").await.unwrap();
        store.put_item(ItemKind::NoticeMark, "2026-11-22", b"").await.unwrap();
        store.put_item(ItemKind::Reply, REPLY, b"sealed").await.unwrap();
        for number in [1, 2] {
            fixture.put(number);
        }
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self) -> FileStore {
        let entropy = Arc::new(SystemEntropy::new());
        FileStore::open(&self.config.store, entropy, Options::default()).unwrap().0
    }

    /// Puts an envelope into the store, as a gateway that serves would.
    fn put(&self, number: u8) {
        fs::write(self.path("store").join(envelope(number)), file(number)).unwrap();
    }

    fn order(&self, day: u32, keep: Option<u32>) -> anyhow::Result<Made> {
        let order = Order {
            config: &self.config,
            to: &self.path("backups"),
            keep: keep.map(|keep| keep.try_into().unwrap()),
            today: TODAY.plus(day),
        };
        make(&order, &SystemEntropy::new(), &mut |_, _| {})
    }

    fn back_up(&self, day: u32) -> Made {
        self.order(day, None).unwrap()
    }

    fn restore(&self, backup: &Made) -> Restored {
        let checked = check(&backup.folder);
        assert_eq!(checked.troubles, [""; 0]);
        self.restore_checked(&checked).unwrap()
    }

    fn restore_checked(&self, backup: &Checked) -> anyhow::Result<Restored> {
        restore(&self.config, backup, Arc::new(SystemEntropy::new()), &mut |_, _| {})
    }

    fn lose_store(&self) {
        fs::remove_dir_all(self.path("store")).unwrap();
    }

    fn has(&self, number: u8) -> bool {
        fs::read(self.path("store").join(envelope(number))).is_ok_and(|found| found == file(number))
    }
}

fn config(folder: &Path, newsroom: &Newsroom) -> Config {
    let text = format!(
        "publication = \"publication\"\nnewsroom_key = \"{}\"\nspool = \".\"\n\
         [store]\npath = \"store\"\n\
         [[listener]]\nkind = \"unix\"\npath = \"tips.sock\"\nserves = \"tips\"\n",
        newsroom.id()
    );
    let file = folder.join("gateway.toml");
    fs::write(&file, text).unwrap();
    Config::load(&file).unwrap()
}

fn envelope(number: u8) -> String {
    let id = TipId([number; 16]);
    format!("envelopes/{number:02x}/{id}")
}

/// An envelope's file with a body of noise.
fn file(number: u8) -> Vec<u8> {
    file_of(TipId([number; 16]), number)
}

fn file_of(id: TipId, number: u8) -> Vec<u8> {
    let body = vec![number; 3_000];
    let sha256 = digest(&SHA256, &body).as_ref().try_into().unwrap();
    let class = SizeClass::from_index(0).unwrap();
    let entry = Entry { id, day: TODAY, epoch: Epoch(2_968), class, bytes: 3_000 };
    [&EnvelopeHeader { entry, sha256 }.encode()[..], &body].concat()
}

fn check(folder: &Path) -> Checked {
    check_backup(folder, &mut |_, _| {}).unwrap()
}

fn inode(path: PathBuf) -> u64 {
    path.metadata().unwrap().ino()
}

fn spoil(path: PathBuf, at: usize) {
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn the_second_backup_shares_what_the_first_has() {
    let fixture = Fixture::new().await;
    let _gateway = fixture.open();
    let first = fixture.back_up(0);
    assert_eq!((first.about.envelopes, first.about.items, first.about.roster_version), (2, 4, 2));
    assert_eq!((first.copied.0, first.copied.1), (7, first.about.bytes));
    assert!(first.notes[0].contains("own disk") && first.troubles.is_empty());
    fixture.put(3);
    let second = fixture.back_up(1);
    assert_eq!(second.copied, (1, 3_128));
    assert_eq!(second.about.bytes, first.about.bytes + 3_128);
    assert!(second.to_string().contains("shared with 2026-11-22"), "{second}");
    for path in [envelope(1), envelope(2), "format".into(), format!("items/replies/5c/{REPLY}")] {
        let of = |made: &Made| inode(made.folder.join(&path));
        assert_eq!(of(&first), of(&second), "{path}");
        assert_ne!(of(&first), inode(fixture.path("store").join(&path)), "{path}");
    }
    for made in [&first, &second] {
        assert_eq!(check(&made.folder).troubles, [""; 0]);
        assert_eq!(made.folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    let copy = second.folder.join(envelope(3)).metadata().unwrap();
    assert_eq!(copy.permissions().mode() & 0o777, 0o600);
    let start = Duration::from_secs(TODAY.start().0.try_into().unwrap());
    assert_eq!(copy.modified().unwrap(), SystemTime::UNIX_EPOCH + start);
    let third = fixture.back_up(1);
    assert!(third.folder.ends_with("2026-11-23.2") && third.copied == (0, 0), "{third}");
}

#[tokio::test]
async fn another_file_under_the_same_name_is_not_shared() {
    let fixture = Fixture::new().await;
    let first = fixture.back_up(0);
    // what the earlier backup has was damaged since: its header no longer is the store's
    spoil(first.folder.join(envelope(1)), 100);
    let second = fixture.back_up(1);
    assert_eq!(second.copied.0, 1);
    assert_eq!(check(&second.folder).troubles, [""; 0]);
    assert_eq!(check(&first.folder).troubles.len(), 1);
    // an earlier backup without its list is no help, and no harm
    fs::remove_file(second.folder.join("manifest")).unwrap();
    spoil(first.folder.join("manifest"), 3);
    let third = fixture.back_up(2);
    assert_eq!((third.copied.0, third.notes.len(), third.earlier), (7, 3, None));
}

#[tokio::test]
async fn where_files_have_one_name_only_they_are_copied() {
    let fixture = Fixture::new().await;
    let first = fixture.back_up(0);
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &Path| path.metadata().unwrap().dev();
    if device(elsewhere.path()) == device(fixture.folder.path()) {
        return;
    }
    let mut copy = std::process::Command::new("cp");
    assert!(copy.arg("-a").arg(&first.folder).arg(elsewhere.path()).status().unwrap().success());
    fs::remove_dir_all(&first.folder).unwrap();
    symlink(elsewhere.path().join("2026-11-22"), &first.folder).unwrap();
    let second = fixture.back_up(1);
    assert_eq!(second.copied.0, 7);
    let said = second.notes.iter().filter(|note| note.contains("two names")).count();
    assert_eq!((said, check(&second.folder).troubles.len()), (1, 0));
}

#[tokio::test]
async fn what_is_damaged_or_lost_is_told_and_kept_from_the_backup_before() {
    let fixture = Fixture::new().await;
    let damaged = |made: &Made| made.troubles.iter().filter(|t| t.contains("is damaged")).count();
    // never backed up: told, not copied
    spoil(fixture.path("store").join(envelope(1)), 2_000);
    spoil(fixture.path("store/items/replies/5c").join(REPLY), 60);
    let first = fixture.back_up(0);
    assert_eq!((first.troubles.len(), damaged(&first)), (2, 2), "{:?}", first.troubles);
    assert_eq!((first.about.envelopes, first.about.items), (1, 3));
    assert_eq!(check(&first.folder).troubles, [""; 0]);
    assert!(!first.folder.join(envelope(1)).exists());
    // damaged since
    fixture.put(1);
    let second = fixture.back_up(1);
    assert_eq!(damaged(&second), 1);
    spoil(fixture.path("store").join(envelope(1)), 100);
    let third = fixture.order(2, Some(1)).unwrap();
    assert!(third.troubles[0].contains("kept from the backup 2026-11-23"), "{:?}", third.troubles);
    assert!(
        third.removed.is_empty() && second.folder.exists(),
        "nothing goes while something is amiss"
    );
    // in quarantine, or gone
    fs::remove_file(fixture.path("store").join(envelope(1))).unwrap();
    let fourth = fixture.back_up(3);
    let told = &fourth.troubles;
    assert!(told.iter().any(|told| told.contains("neither in the store nor deleted")), "{told:?}");
    assert_eq!(fs::read(fourth.folder.join(envelope(1))).unwrap(), file(1));
    let restored = fixture.restore(&fourth);
    assert_eq!((restored.envelopes, restored.there), (1, 2));
    assert!(fixture.has(1));
    // a damaged reply comes to quarantine when it is asked for, and is in no backup
    assert!(fixture.open().items(ItemKind::Reply).await.unwrap().is_empty());
    assert_eq!(fixture.back_up(4).troubles, [""; 0]);
}

#[tokio::test]
async fn what_was_deleted_is_neither_kept_nor_brought_back() {
    let fixture = Fixture::new().await;
    let before = fixture.back_up(0);
    let store = fixture.open();
    store.delete(TipId([1; 16])).await.unwrap();
    // an unlinking that is still to come
    drop(store);
    let tombstone = fixture.path("store/items/tombstones/01").join("01".repeat(16));
    let after = fixture.back_up(1);
    assert_eq!((after.about.envelopes, after.troubles.len()), (1, 0));
    fixture.put(1);
    let during = fixture.back_up(2);
    assert_eq!((during.about.envelopes, during.troubles.len()), (1, 0));
    assert_eq!(check(&during.folder).troubles, [""; 0]);
    assert!(!during.folder.join(envelope(1)).exists());

    let restored = fixture.restore(&before);
    assert_eq!((restored.envelopes, restored.left_out), (0, 1));
    assert!(!fixture.has(1) && tombstone.exists());
    // into an empty place the backup's own tombstone comes first
    fixture.lose_store();
    let restored = fixture.restore(&after);
    assert_eq!((restored.envelopes, restored.left_out), (1, 0));
    assert_eq!(fixture.restore(&before).envelopes, 0);
    // no tombstone of a backup's deletes what is there
    fixture.lose_store();
    assert_eq!(fixture.restore(&before).envelopes, 2);
    assert_eq!(fixture.restore(&after).left_out, 1);
    drop(fixture.open());
    assert!(fixture.has(1));
}

#[tokio::test]
async fn only_the_newest_are_kept() {
    let fixture = Fixture::new().await;
    let folders: Vec<_> = (0..4).map(|day| fixture.back_up(day).folder).collect();
    let newest = fixture.order(4, Some(2)).unwrap();
    assert_eq!(newest.removed, ["2026-11-22", "2026-11-23", "2026-11-24"]);
    let there: Vec<_> = folders.iter().map(|folder| folder.exists()).collect();
    assert_eq!(there, [false, false, false, true]);
    assert_eq!(check(&newest.folder).troubles, [""; 0]);
    // a clock that was set back: the one just made stays, whatever its day
    let early = fixture.order(0, Some(1)).unwrap();
    assert!(early.folder.exists() && newest.folder.exists());
}

#[tokio::test]
async fn rosters_and_marks_of_what_was_done_here_are_not_taken_from_a_backup() {
    let fixture = Fixture::new().await;
    let backup = fixture.back_up(0);
    fixture.lose_store();
    let restored = fixture.restore(&backup);
    assert_eq!((restored.envelopes, restored.items), (2, 2));
    let store = fixture.open();
    assert!(store.items(ItemKind::Roster).await.unwrap().is_empty());
    assert!(store.items(ItemKind::NoticeMark).await.unwrap().is_empty());
    assert_eq!(store.items(ItemKind::Reply).await.unwrap()[0].1, b"sealed");
    assert_eq!(store.list(None, 10).await.unwrap().len(), 2);
    drop(store);
    let again = fixture.restore(&backup);
    assert_eq!((again.envelopes, again.items, again.there), (0, 0, 4));
}

#[tokio::test]
async fn a_deletion_that_may_have_been_taken_back_does_not_come_back() {
    let fixture = Fixture::new().await;
    let id = TipId([1; 16]);
    let (deletion, fetched) = (format!("{id}.x"), format!("{id}.y"));
    let store = fixture.open();
    store.put_item(ItemKind::Deletion, &deletion, b"2026-11-22").await.unwrap();
    store.put_item(ItemKind::Purge, &deletion, b"").await.unwrap();
    store.put_item(ItemKind::Fetched, &fetched, b"").await.unwrap();
    let backup = fixture.back_up(0);
    // the reviewer has changed their mind
    store.remove_item(ItemKind::Deletion, &deletion).await.unwrap();
    drop(store);
    assert_eq!(fixture.restore(&backup).left_out, 0);
    let count = async |kind| fixture.open().items(kind).await.unwrap().len();
    assert_eq!(count(ItemKind::Deletion).await, 0);
    fixture.lose_store();
    assert_eq!(fixture.restore(&backup).left_out, 0);
    assert!(fixture.has(1));
    assert_eq!(count(ItemKind::Deletion).await + count(ItemKind::Purge).await, 0);
    assert_eq!(count(ItemKind::Fetched).await, 1);
}

#[tokio::test]
async fn what_the_disk_does_not_give_out_whole_is_replaced() {
    let fixture = Fixture::new().await;
    let backup = fixture.back_up(0);
    let path = |number| fixture.path("store").join(envelope(number));
    // no link is followed: not even the header can be read
    fs::remove_file(path(1)).unwrap();
    symlink(path(2), path(1)).unwrap();
    // the header is whole, what comes after it is not
    spoil(path(2), 2_000);
    let restored = fixture.restore(&backup);
    assert_eq!((restored.envelopes, restored.troubles.len()), (2, 0), "{:?}", restored.troubles);
    assert!(fixture.has(1) && fixture.has(2));
    let store = fixture.open();
    assert_eq!(store.health().await.unwrap().missing, 0);
    assert_eq!(store.list(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_goes_while_it_is_copied_is_kept_from_the_backup_before() {
    let fixture = Fixture::new().await;
    let _gateway = fixture.open();
    let path = |file: &str| fixture.path("store").join(file);
    // in the folder of the first, and listed with it
    let neighbour = TipId([[1; 15].as_slice(), &[9]].concat().try_into().unwrap());
    let of_neighbour = format!("envelopes/01/{neighbour}");
    fs::write(path(&of_neighbour), file_of(neighbour, 9)).unwrap();
    let bytes = fs::read(path(&of_neighbour)).unwrap();
    fixture.back_up(0);
    let order =
        Order { config: &fixture.config, to: &fixture.path("backups"), keep: None, today: TODAY };
    let mut files = 0;
    let mut meanwhile = |_, _| {
        files += 1;
        // the format, then the first envelope
        if files == 2 {
            let moved = path("quarantine").join(neighbour.to_string());
            fs::rename(path(&of_neighbour), moved).unwrap();
        }
    };
    let made = make(&order, &SystemEntropy::new(), &mut meanwhile).unwrap();
    let told = &made.troubles;
    assert!(matches!(&told[..], [one] if one.contains("kept from the backup")), "{told:?}");
    assert_eq!(fs::read(made.folder.join(&of_neighbour)).unwrap(), bytes);
    assert_eq!(check(&made.folder).troubles, [""; 0]);
    // and the next one, which finds it nowhere, has it from this one
    let next = fixture.back_up(2);
    assert_eq!(fs::read(next.folder.join(&of_neighbour)).unwrap(), bytes);
}

#[tokio::test]
async fn a_damaged_envelope_is_replaced_and_leaves_quarantine() {
    let fixture = Fixture::new().await;
    let backup = fixture.back_up(0);
    fs::write(fixture.path("store").join(envelope(1)), &file(1)[..500]).unwrap();
    let store = fixture.open();
    store.verify(&|_, _| {}).await.unwrap();
    drop(store);
    let quarantine = || fs::read_dir(fixture.path("store/quarantine")).unwrap().count();
    assert!(!fixture.has(1) && quarantine() == 1);
    assert_eq!(fixture.restore(&backup).envelopes, 1);
    assert!(fixture.has(1) && quarantine() == 0);
    let store = fixture.open();
    assert_eq!(store.verify(&|_, _| {}).await.unwrap(), [""; 0]);
    assert_eq!(store.health().await.unwrap().missing, 0);
}

#[tokio::test]
async fn a_damaged_item_is_replaced_and_leaves_quarantine() {
    let fixture = Fixture::new().await;
    let store = fixture.open();
    let key = format!("{}.ridge", TipId([1; 16]));
    for kind in [ItemKind::Fetched, ItemKind::Deletion] {
        store.put_item(kind, &key, b"2026-11-22").await.unwrap();
    }
    let backup = fixture.back_up(0);
    let quarantine = || fs::read_dir(fixture.path("store/quarantine")).unwrap().count();
    let item = |path: &str| fixture.path("store/items").join(path);
    spoil(item(&format!("deletions/01/{key}")), 90);
    spoil(item(&format!("fetched/01/{key}")), 90);
    // cut to nothing, as a disk that loses power may leave it
    fs::write(item(&format!("replies/5c/{REPLY}")), b"").unwrap();
    store.verify(&|_, _| {}).await.unwrap();
    drop(store);
    assert_eq!(quarantine(), 3);
    let restored = fixture.restore(&backup);
    // what reviewers want to be deleted is for them to say again
    assert_eq!((restored.items, restored.left_out, quarantine()), (2, 0, 1));
    let store = fixture.open();
    assert_eq!(store.items(ItemKind::Fetched).await.unwrap().len(), 1);
    assert_eq!(store.items(ItemKind::Reply).await.unwrap()[0].1, b"sealed");
}

#[tokio::test]
async fn restore_asks_for_the_newsroom_the_publication_and_a_store_at_rest() {
    let fixture = Fixture::new().await;
    let backup = check(&fixture.back_up(0).folder);
    let refused = |config: &Config| {
        let entropy = Arc::new(SystemEntropy::new());
        format!("{:#}", restore(config, &backup, entropy, &mut |_, _| {}).unwrap_err())
    };
    let other = config(fixture.folder.path(), &Newsroom::new(2));
    assert!(refused(&other).contains("another newsroom"), "{}", refused(&other));
    let gateway = fixture.open();
    assert!(refused(&fixture.config).contains("stop it first"));
    drop(gateway);
    let aside = |from: &str, to: &str| {
        for ending in ["json", "sig"] {
            let path = |name: &str| fixture.path(&format!("publication/roster/{name}.{ending}"));
            fs::rename(path(from), path(to)).unwrap();
        }
    };
    aside("0002", "aside");
    let text = refused(&fixture.config);
    assert!(text.contains("bring the current publication"), "{text}");
    assert!(fixture.order(1, None).is_ok(), "a backup needs no publication");
    aside("aside", "0002");
    assert!(fixture.restore_checked(&backup).is_ok());
}

#[tokio::test]
async fn a_backup_that_knows_a_newer_roster_is_refused_without_its_roster_items() {
    let fixture = Fixture::new().await;
    let made = fixture.back_up(0);
    let mut backup = check(&made.folder);
    backup.sound.retain(|(path, _)| !path.contains("rosters"));
    assert!(fixture.restore_checked(&backup).is_ok());
    backup.about.roster_version = 3;
    let refused = fixture.restore_checked(&backup).unwrap_err().to_string();
    assert!(refused.contains("had seen version 3"), "{refused}");
}

#[tokio::test]
async fn each_file_that_is_not_as_it_was_is_told_with_its_path() {
    let fixture = Fixture::new().await;
    let made = fixture.back_up(0);
    let (one, two) = (made.folder.join(envelope(1)), made.folder.join(envelope(2)));
    let reply = made.folder.join("items/replies/5c").join(REPLY);
    let told = || check(&made.folder).troubles;
    let undo = [&one, &two, &reply].map(|path| (path.clone(), fs::read(path).unwrap()));
    let foreign = format!("items/replies/5c/{}.other", "5c".repeat(16));
    let changes: [(&dyn Fn(), &str, &str); 6] = [
        (&|| fs::remove_file(&one).unwrap(), "01/0101", "is missing"),
        (&|| spoil(one.clone(), 2_000), "01/0101", "is damaged"),
        (&|| fs::write(&two, &fs::read(&two).unwrap()[..900]).unwrap(), "02/0202", "is damaged"),
        (&|| fs::write(&two, &fs::read(&two).unwrap()[..50]).unwrap(), "02/0202", "cut short"),
        (&|| fs::write(&reply, b"").unwrap(), REPLY, "is damaged"),
        (&|| fs::write(made.folder.join(&foreign), b"x").unwrap(), &foreign, "not in the manifest"),
    ];
    for (change, path, what) in changes {
        change();
        let told = told();
        assert!(matches!(&told[..], [one] if one.contains(path) && one.contains(what)), "{told:?}");
        for (path, bytes) in &undo {
            fs::write(path, bytes).unwrap();
        }
    }
    fs::rename(made.folder.join(&foreign), made.folder.join("note.txt")).unwrap();
    assert!(told()[0].contains("nothing of a backup's"));
    fs::remove_file(made.folder.join("note.txt")).unwrap();
    // whole, but another
    fs::write(&one, file(1)).unwrap();
    assert!(told().is_empty());
    let mut other = file(1);
    let body = &mut other[128..];
    body[0] ^= 1;
    let sha256 = digest(&SHA256, body).as_ref().try_into().unwrap();
    let entry = Entry {
        id: TipId([1; 16]),
        day: TODAY,
        epoch: Epoch(2_968),
        class: SizeClass::from_index(0).unwrap(),
        bytes: 3_000,
    };
    other[..128].copy_from_slice(&EnvelopeHeader { entry, sha256 }.encode());
    fs::write(&one, other).unwrap();
    assert!(told()[0].contains("not the file that was backed up"));
    fs::write(&one, file(1)).unwrap();
    // without a list, the files speak for themselves
    spoil(made.folder.join("manifest"), 0);
    let checked = check(&made.folder);
    assert_eq!((checked.troubles.len(), checked.sound.len()), (1, 7));
    fs::remove_file(made.folder.join("backup.json")).unwrap();
    assert!(check_backup(&made.folder, &mut |_, _| {}).is_err());
}

#[tokio::test]
async fn a_store_in_use_is_looked_through_and_left_alone() {
    let fixture = Fixture::new().await;
    let _gateway = fixture.open();
    let look = || check_store(&fixture.path("store"), &mut |_, _| {}).unwrap();
    assert_eq!(look(), [""; 0]);
    spoil(fixture.path("store").join(envelope(1)), 2_000);
    fs::write(fixture.path("store/envelopes/01/note"), b"").unwrap();
    fs::create_dir(fixture.path("store/items/other")).unwrap();
    let told = look();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("0101") && told[0].contains("will be moved to quarantine"));
    assert!(told[1].contains("envelopes/01/note") && told[2].contains("items/other"));
    assert!(fixture.path("store").join(envelope(1)).exists());
}

#[tokio::test]
async fn a_folder_that_was_taken_away_is_told_by_all_who_look() {
    let fixture = Fixture::new().await;
    fixture.back_up(0);
    let _gateway = fixture.open();
    let path = |file: &str| fixture.path("store").join(file);
    let status = || Status::of(&fixture.config, None, Timestamp(0)).unwrap().warnings;
    let look = || check_store(&fixture.path("store"), &mut |_, _| {}).unwrap();
    let folders = ["envelopes/02", "items/tombstones", "items/replies/5c", "items", "envelopes"];
    for (day, folder) in (1..).zip(folders) {
        let told = format!("{folder} is missing from the store: put it back");
        let tells = |sentences: &[String]| {
            sentences.iter().filter(|one| one.contains(" is missing from the store")).count() == 1
                && sentences.iter().any(|one| one.starts_with(&told))
        };
        assert!(!tells(&look()) && !tells(&status()) && fixture.back_up(day).troubles.is_empty());
        fs::rename(path(folder), fixture.path("aside")).unwrap();
        assert!(tells(&look()), "{:?}", look());
        assert!(tells(&status()), "{:?}", status());
        let made = fixture.back_up(day);
        assert!(tells(&made.troubles), "{:?}", made.troubles);
        fs::rename(fixture.path("aside"), path(folder)).unwrap();
    }
    assert_eq!(look(), [""; 0]);
}

#[test]
fn a_folder_that_is_no_store_yet_lacks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(files::missing_folders(folder.path()).unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_place_for_backups_is_another_than_the_stores() {
    let fixture = Fixture::new().await;
    for inside in ["store/backups", "."] {
        let to = fixture.path(inside);
        let order = Order { config: &fixture.config, to: &to, keep: None, today: Day(1) };
        let refused = make(&order, &SystemEntropy::new(), &mut |_, _| {}).unwrap_err().to_string();
        assert!(refused.contains("mount another disk"), "{refused}");
    }
    assert!(!fixture.path("store/backups").exists());
    // another newsroom's backups are not mixed with ours
    fixture.back_up(0);
    let other = config(fixture.folder.path(), &Newsroom::new(2));
    let to = fixture.path("backups");
    let order = Order { config: &other, to: &to, keep: None, today: TODAY };
    let refused = make(&order, &SystemEntropy::new(), &mut |_, _| {}).unwrap_err().to_string();
    assert!(refused.contains("another newsroom"), "{refused}");
}

#[tokio::test]
async fn names_that_vanish_or_lead_to_a_copy_meanwhile_are_borne() {
    let fixture = Fixture::new().await;
    let gateway = fixture.open();
    let path = |file: &str| fixture.path("store").join(file);
    // in the folder of the first, and listed with it
    let neighbour = TipId([[1; 15].as_slice(), &[9]].concat().try_into().unwrap());
    let of_neighbour = format!("envelopes/01/{neighbour}");
    let body = [9; 10];
    let sha256 = digest(&SHA256, &body).as_ref().try_into().unwrap();
    let class = SizeClass::from_index(0).unwrap();
    let entry = Entry { id: neighbour, day: TODAY, epoch: Epoch(2_968), class, bytes: 10 };
    let bytes = [&EnvelopeHeader { entry, sha256 }.encode()[..], &body].concat();
    fs::write(path(&of_neighbour), bytes).unwrap();

    let order =
        Order { config: &fixture.config, to: &fixture.path("backups"), keep: None, today: TODAY };
    let mut files = 0;
    let mut meanwhile = |_, _| {
        files += 1;
        // the format, then the first envelope
        if files == 2 {
            for id in [TipId([1; 16]), neighbour] {
                delete(&gateway, id);
            }
            fs::copy(path(&envelope(2)), path("tmp/copy")).unwrap();
            fs::rename(path("tmp/copy"), path(&envelope(2))).unwrap();
            // its folder, too: another one with the same name in it
            fs::create_dir(path("tmp/02")).unwrap();
            let name = TipId([2; 16]).to_string();
            fs::hard_link(path(&envelope(2)), path("tmp/02").join(name)).unwrap();
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            let (new, old) = (path("tmp/02"), path("envelopes/02"));
            rustix::fs::renameat_with(rustix::fs::CWD, new, rustix::fs::CWD, old, flags).unwrap();
            fs::remove_dir_all(path("tmp/02")).unwrap();
        }
    };
    let made = make(&order, &SystemEntropy::new(), &mut meanwhile).unwrap();
    assert_eq!((made.about.envelopes, made.troubles.len()), (1, 0), "{:?}", made.troubles);
    assert_eq!(fs::read(made.folder.join(envelope(2))).unwrap(), file(2));
    let checked = check(&made.folder);
    assert_eq!(checked.troubles, [""; 0]);
    let length = |path: &str| made.folder.join(path).metadata().unwrap().len();
    let bytes = checked.sound.iter().map(|(path, _)| length(path));
    assert_eq!(bytes.sum::<u64>(), made.about.bytes);
}

#[tokio::test]
async fn what_goes_and_was_not_deleted_is_told() {
    let fixture = Fixture::new().await;
    let path = |file: &str| fixture.path("store").join(file);
    let neighbour = format!("envelopes/01/01{}", "1".repeat(30));
    fs::copy(path(&envelope(2)), path(&neighbour)).unwrap();
    let order =
        Order { config: &fixture.config, to: &fixture.path("backups"), keep: None, today: TODAY };
    let mut files = 0;
    let mut meanwhile = |_, _| {
        files += 1;
        if files == 2 {
            fs::remove_file(path(&neighbour)).unwrap();
            fs::remove_dir_all(path("envelopes/02")).unwrap();
        }
    };
    let made = make(&order, &SystemEntropy::new(), &mut meanwhile).unwrap();
    assert_eq!((made.about.envelopes, made.troubles.len()), (1, 2), "{:?}", made.troubles);
    assert!(made.troubles[0].starts_with("envelopes/02 is missing"), "{:?}", made.troubles);
    assert!(made.troubles[1].starts_with(&neighbour), "{:?}", made.troubles);
}

/// Deletes an envelope from where nothing can be awaited.
fn delete(store: &FileStore, id: TipId) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(store.delete(id)).unwrap();
        });
    });
}
