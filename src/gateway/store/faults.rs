//! The file store under the suite, and what is its own: interrupted runs, damage, limits.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::{
    FileStore, Finding, ItemKind, Options, Store, StoreError,
    folders::file_name,
    suite::{Place, TODAY, age_file, put_some, read, store_suite, test_envelope},
};
use crate::{random::SystemEntropy, tip::TipId};

pub(super) struct Folder(pub(super) TempDir);

impl Place for Folder {
    type Store = FileStore;

    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> FileStore {
        self.reopen().0
    }

    fn late_write(&self, id: TipId) -> Box<dyn FnOnce()> {
        let file = self.envelope(id);
        let bytes = fs::read(&file).unwrap();
        Box::new(move || fs::write(file, bytes).unwrap())
    }

    fn leftovers(&self, stored: &[TipId]) -> Vec<String> {
        let mut files = files_under(&self.path("store/envelopes"));
        files.retain(|file| !stored.iter().any(|id| self.envelope(*id) == *file));
        files.extend(files_under(&self.path("store/tmp")));
        files.iter().map(|file| file.display().to_string()).collect()
    }
}

store_suite!(Folder);

/// In memory, where there is room: a sync costs nothing there.
struct InMemory(Folder);

impl Place for InMemory {
    type Store = FileStore;

    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let room = rustix::fs::statvfs(memory).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
        let folder =
            if room > 1 << 30 { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self(Folder(folder.unwrap()))
    }

    fn open(&self) -> FileStore {
        self.0.open()
    }

    fn lose_what_can_be_made_anew(&self) {
        fs::remove_dir_all(self.0.path("store/index")).unwrap();
        // a store that remembers how it was closed must not rely on that
        let _ = fs::remove_file(self.0.path("store/clean"));
        fs::write(self.0.path("store/tmp/half"), b"half an envelope").unwrap();
    }
}

#[test]
fn random_steps_end_as_in_the_model() {
    super::model::random_steps::<InMemory>();
}

impl Folder {
    pub(super) fn open_with(
        &self,
        options: Options,
    ) -> Result<(FileStore, Vec<Finding>), StoreError> {
        FileStore::open(&self.path("store"), Arc::new(SystemEntropy::new()), options)
    }

    pub(super) fn reopen(&self) -> (FileStore, Vec<Finding>) {
        self.open_with(Options::default()).unwrap()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn envelope(&self, id: TipId) -> PathBuf {
        let name = file_name(id);
        self.path("store/envelopes").join(&name[..2]).join(&name)
    }

    fn tombstone(&self, id: TipId) -> PathBuf {
        let name = file_name(id);
        self.path("store/items/tombstones").join(&name[..2]).join(&name)
    }

    pub(super) fn count(&self, name: &str) -> usize {
        files_under(&self.path(name)).len()
    }
}

pub(super) fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files.extend(files_under(&entry)) } else { files.push(entry) }
    }
    files
}

pub(super) fn overwrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

pub(super) async fn is_served(store: &FileStore, id: TipId, seed: u8) -> bool {
    let Ok((_, body)) = store.get(id, None).await else {
        return false;
    };
    read(body).await.is_ok_and(|bytes| bytes == age_file(0, seed))
}

#[test]
fn a_put_that_is_given_up_leaves_nothing() {
    let place = Folder::new();
    let store = place.open();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut put = Box::pin(store.put(test_envelope(24, 1), TODAY));
        assert!(futures_util::poll!(&mut put).is_pending());
    });
    // waits for the thread that writes
    drop(runtime);
    assert_eq!((place.count("store/tmp"), place.count("store/envelopes")), (0, 0));
}

#[tokio::test]
async fn a_deleted_index_is_made_anew() {
    let place = Folder::new();
    let store = place.open();
    put_some(&store, 6).await;
    let listed = store.list(None, 10).await.unwrap();
    drop(store);
    fs::remove_dir_all(place.path("store/index")).unwrap();
    let (store, findings) = place.reopen();
    assert_eq!(findings, [Finding::IndexAligned { added: 6, removed: 0 }]);
    assert_eq!(store.list(None, 10).await.unwrap(), listed);
    drop(store);
    assert_eq!(place.reopen().1, []);
}

#[tokio::test]
async fn a_damaged_index_is_made_anew() {
    let place = Folder::new();
    let store = place.open();
    put_some(&store, 40).await;
    let listed = store.list(None, 100).await.unwrap();
    drop(store);
    let mut rebuilt = 0;
    for round in 0..40_u8 {
        for file in files_under(&place.path("store/index")) {
            overwrite(&file, |bytes| {
                let noise = ring::digest::digest(&ring::digest::SHA256, &[round]);
                let places =
                    noise.as_ref().chunks(4).map(|c| u32::from_le_bytes(c.try_into().unwrap()));
                for place in places.take(if round < 20 { 1 } else { 8 }) {
                    let len = bytes.len().max(1);
                    if let Some(byte) = bytes.get_mut(place as usize % len) {
                        *byte ^= 0x5a;
                    }
                }
                if round % 5 == 4 {
                    bytes.truncate(bytes.len() / 2);
                }
            });
        }
        let (store, findings) = place.reopen();
        assert_eq!(store.list(None, 100).await.unwrap(), listed, "round {round}");
        rebuilt += usize::from(!findings.is_empty());
        assert!(!findings.iter().any(|f| matches!(f, Finding::IndexOff { .. })));
    }
    assert!(rebuilt > 20, "the damage was noticed {rebuilt} times");
}

#[tokio::test]
async fn an_index_of_rubbish_or_of_another_version_is_made_anew() {
    let place = Folder::new();
    let store = place.open();
    put_some(&store, 3).await;
    drop(store);
    let index = place.path("store/index");
    for file in files_under(&index) {
        overwrite(&file, |bytes| bytes.fill(0xee));
    }
    let (store, findings) = place.reopen();
    assert!(matches!(findings[..], [Finding::IndexRebuilt { .. }]), "{findings:?}");
    drop(store);
    fs::remove_dir_all(&index).unwrap();
    let foreign = sled::Config::new().path(&index).segment_size(64 << 10).open().unwrap();
    foreign.insert([0; 16], &[9; 18]).unwrap();
    drop(foreign);
    let (store, findings) = place.reopen();
    assert!(matches!(findings[..], [Finding::IndexRebuilt { .. }]), "{findings:?}");
    assert_eq!(store.list(None, 10).await.unwrap().len(), 3);
    assert_eq!(place.count("store/tmp"), 0);
}

#[tokio::test]
async fn without_an_index_lists_come_from_the_files() {
    let place = Folder::new();
    let store = place.open();
    put_some(&store, 12).await;
    let listed = store.list(None, 100).await.unwrap();
    store.0.with_index::<()>(|_| Err(super::index::IndexError::Damaged));
    assert_eq!(store.list(None, 100).await.unwrap(), listed);
    assert_eq!(store.list(Some(listed[4].id), 3).await.unwrap(), listed[5..8]);
    store.delete(listed[0].id).await.unwrap();
    assert_eq!(store.list(None, 100).await.unwrap(), listed[1..]);
    store.put(test_envelope(0, 99), TODAY).await.unwrap();
    assert_eq!(store.list(None, 100).await.unwrap().len(), 12);
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert!(findings[0].contains("until it can be made anew"), "{findings:?}");
}

#[tokio::test]
async fn a_list_without_an_index_is_complete_or_an_error() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 4).await;
    let listed = store.list(None, 10).await.unwrap();
    store.0.with_index::<()>(|_| Err(super::index::IndexError::Damaged));
    // no link is followed: for the store, a file that the system does not give out
    let (file, aside) = (place.envelope(ids[0]), place.path("aside"));
    fs::rename(&file, &aside).unwrap();
    symlink(&aside, &file).unwrap();
    assert!(matches!(store.list(None, 10).await, Err(StoreError::Io(_))));
    fs::rename(&aside, &file).unwrap();
    assert_eq!(store.list(None, 10).await.unwrap(), listed);

    overwrite(&file, |bytes| bytes[40] ^= 1);
    assert_eq!(store.list(None, 10).await.unwrap().len(), 3);
    assert_eq!(place.count("store/quarantine"), 1);
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert!(findings.iter().any(|told| told.contains(&file_name(ids[0]))), "{findings:?}");
}

#[tokio::test]
async fn damage_is_found_by_verify_and_the_rest_is_served() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 6).await;
    drop(store);
    // a header, a length twice, a name, a body
    overwrite(&place.envelope(ids[0]), |bytes| bytes[40] ^= 1);
    overwrite(&place.envelope(ids[1]), |bytes| bytes.truncate(5_000));
    overwrite(&place.envelope(ids[2]), |bytes| bytes.truncate(20));
    fs::copy(place.envelope(ids[5]), place.envelope(ids[3])).unwrap();
    overwrite(&place.envelope(ids[4]), |bytes| bytes[9_000] ^= 1);

    let (store, findings) = place.reopen();
    assert_eq!(findings, [], "no file is read at opening");
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(findings.len(), 5, "{findings:?}");
    for id in &ids[..5] {
        let moved_to = format!("quarantine/{}", file_name(*id));
        assert!(findings.iter().any(|told| told.contains(&moved_to)), "{findings:?}");
    }
    assert_eq!(store.list(None, 10).await.unwrap().len(), 1);
    let health = store.health().await.unwrap();
    assert_eq!((health.envelopes, health.missing), (1, 5));
    assert!(is_served(&store, ids[5], 5).await);
    assert_eq!(place.count("store/quarantine"), 5);
    assert_eq!(store.verify(&|_, _| {}).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn damage_is_found_when_headers_are_read_at_opening() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    drop(store);
    overwrite(&place.envelope(ids[0]), |bytes| bytes[40] ^= 1);
    fs::remove_dir_all(place.path("store/index")).unwrap();
    let (store, findings) = place.reopen();
    assert!(
        matches!(&findings[..], [Finding::Damaged { .. }, Finding::IndexAligned { added: 2, .. }]),
        "{findings:?}"
    );
    assert_eq!(store.list(None, 10).await.unwrap().len(), 2);
    let health = store.health().await.unwrap();
    assert_eq!((health.envelopes, health.missing), (2, 1));
}

#[tokio::test]
async fn damage_is_found_while_serving() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 3).await;
    overwrite(&place.envelope(ids[0]), |bytes| bytes[90] ^= 1);
    assert!(matches!(store.get(ids[0], None).await, Err(StoreError::Damaged)));
    assert!(matches!(store.get(ids[0], None).await, Err(StoreError::NotFound)));
    overwrite(&place.envelope(ids[1]), |bytes| bytes[200] ^= 1);
    let (_, body) = store.get(ids[1], None).await.unwrap();
    assert_eq!(read(body).await.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert!(matches!(store.get(ids[1], None).await, Err(StoreError::NotFound)));
    assert!(is_served(&store, ids[2], 2).await);
    assert_eq!(store.verify(&|_, _| {}).await.unwrap().len(), 2);
}

#[tokio::test]
async fn damaged_items_are_not_served() {
    let place = Folder::new();
    let store = place.open();
    for key in ["1", "2", "3"] {
        store.put_item(ItemKind::Roster, key, b"roster").await.unwrap();
    }
    let file = |key: &str| place.path("store/items/rosters").join(key);
    overwrite(&file("1"), |bytes| *bytes.last_mut().unwrap() ^= 1);
    assert_eq!(store.items(ItemKind::Roster).await.unwrap().len(), 2);
    drop(store);
    overwrite(&file("2"), |bytes| bytes.truncate(10));
    let store = place.open();
    assert_eq!(store.items(ItemKind::Roster).await.unwrap().len(), 1);
    overwrite(&file("3"), |bytes| bytes[0] ^= 1);
    // one was found by listing, one is found now
    assert_eq!(store.verify(&|_, _| {}).await.unwrap().len(), 2);
    assert_eq!(place.count("store/quarantine"), 3);
}

#[tokio::test]
async fn an_interrupted_run_is_put_right() {
    let place = Folder::new();
    let store = place.open();
    let ids = put_some(&store, 2).await;
    let kept = fs::read(place.envelope(ids[0])).unwrap();
    store.delete(ids[0]).await.unwrap();
    drop(store);
    // as after a crash between tombstone and unlinking, the tombstone damaged besides
    fs::write(place.envelope(ids[0]), kept).unwrap();
    let tombstone = place.tombstone(ids[0]);
    overwrite(&tombstone, |bytes| bytes[30] ^= 1);
    fs::write(place.path("store/tmp/half"), b"half an envelope").unwrap();
    fs::create_dir(place.path("store/tmp/old-index")).unwrap();
    fs::write(place.path("store/envelopes/00/notes.txt"), b"").unwrap();

    let (store, findings) = place.reopen();
    assert_eq!(
        findings,
        [
            Finding::Leftovers { count: 2 },
            Finding::DeletionsFinished { count: 1 },
            Finding::Foreign { file: "envelopes/00/notes.txt".into() },
        ]
    );
    assert!(matches!(store.get(ids[0], None).await, Err(StoreError::NotFound)));
    assert!(is_served(&store, ids[1], 1).await);
    assert_eq!((place.count("store/tmp"), place.count("store/envelopes")), (0, 2));
    let findings = store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("tombstones") && findings[0].contains("written again"));
    assert!(findings[1].contains("notes.txt"), "what is foreign is told again");
    drop(store);
    assert_eq!(place.reopen().1, []);
}

#[test]
fn a_second_opening_is_refused() {
    let place = Folder::new();
    let store = place.open();
    let clone = store.clone();
    let refused = |result: Result<_, StoreError>| matches!(result, Err(StoreError::Locked { .. }));
    assert!(refused(place.open_with(Options::default())));
    drop(store);
    assert!(refused(place.open_with(Options::default())));
    drop(clone);
    assert!(!refused(place.open_with(Options::default())));
}

#[test]
fn what_is_no_store_of_ours_is_left_untouched() {
    let place = Folder::new();
    let refusal = |format: &str| {
        fs::write(place.path("store/format"), format).unwrap();
        let error = place.open_with(Options::default()).err().unwrap();
        assert_eq!(files_under(&place.path("store")), [place.path("store/format")]);
        error
    };
    fs::create_dir(place.path("store")).unwrap();
    fs::set_permissions(place.path("store"), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(refusal("sealpost store 2\n"), StoreError::Newer { found: 2, .. }));
    for format in ["", "sealpost store 0\n", "sealpost store 1", "sealpost store x\n"] {
        assert!(matches!(refusal(format), StoreError::NotAStore { .. }), "{format}");
    }
    fs::rename(place.path("store/format"), place.path("store/diary")).unwrap();
    assert!(matches!(place.open_with(Options::default()), Err(StoreError::NotAStore { .. })));
    fs::remove_file(place.path("store/diary")).unwrap();
    fs::set_permissions(place.path("store"), fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(place.open_with(Options::default()), Err(StoreError::Exposed { .. })));
    assert!(files_under(&place.path("store")).is_empty());
}

#[tokio::test]
async fn a_full_store_refuses_and_keeps_what_it_has() {
    let place = Folder::new();
    let one = age_file(0, 0).len() as u64 + 128;
    let options = Options { quota_bytes: 2 * one + 10, reserve_bytes: 0 };
    let (store, _) = place.open_with(options).unwrap();
    let ids = put_some(&store, 2).await;
    assert!(matches!(store.put(test_envelope(0, 9), TODAY).await, Err(StoreError::Full)));
    assert_eq!(store.health().await.unwrap().room, 10);
    assert_eq!((place.count("store/tmp"), place.count("store/envelopes")), (0, 2));
    assert!(is_served(&store, ids[1], 1).await);
    store.delete(ids[0]).await.unwrap();
    store.put(test_envelope(0, 9), TODAY).await.unwrap();
    drop(store);
    let options = Options { quota_bytes: u64::MAX, reserve_bytes: u64::MAX };
    let (store, _) = place.open_with(options).unwrap();
    assert!(matches!(store.put(test_envelope(0, 9), TODAY).await, Err(StoreError::Full)));
    assert_eq!(store.health().await.unwrap().room, 0);
    assert!(is_served(&store, ids[1], 1).await);
}

#[tokio::test]
async fn the_last_tenth_is_for_tips_without_files() {
    let place = Folder::new();
    let one = |class| age_file(class, 0).len() as u64 + 128;
    // what is left after one with files is a tenth and a little more, and would hold another
    let options = Options { quota_bytes: 10 * one(1), reserve_bytes: 0 };
    let (store, _) = place.open_with(options).unwrap();
    while store.put(test_envelope(1, 1), TODAY).await.is_ok() {}
    let health = store.health().await.unwrap();
    assert_eq!((health.envelopes, health.room, health.room_for_files), (9, one(1), 0));
    store.put(test_envelope(0, 1), TODAY).await.unwrap();
    assert!(matches!(store.put(test_envelope(1, 1), TODAY).await, Err(StoreError::Full)));
    let health = store.health().await.unwrap();
    assert_eq!(health.room, one(1) - one(0));
}

#[tokio::test]
async fn a_probe_finds_what_a_tip_would() {
    let place = Folder::new();
    let store = place.open();
    store.probe().await.unwrap();
    assert_eq!(place.count("store/tmp"), 0);
    for folder in ["store/tmp", "store/envelopes/7f", "store"] {
        fs::rename(place.path(folder), place.path("away")).unwrap();
        assert!(matches!(store.probe().await, Err(StoreError::Io(_))), "{folder}");
        fs::rename(place.path("away"), place.path(folder)).unwrap();
        store.probe().await.unwrap();
    }
}

#[tokio::test]
async fn files_are_private_and_carry_no_time_of_the_day() {
    let place = Folder::new();
    let store = place.open();
    let id = put_some(&store, 1).await[0];
    store.put_item(ItemKind::NoticeMark, "2026-11-22", b"").await.unwrap();
    assert!(is_served(&store, id, 0).await);
    let file = fs::metadata(place.envelope(id)).unwrap();
    let day = i64::from(TODAY.0) * 86_400;
    assert_eq!((file.mtime(), file.mtime_nsec()), (day, 0));
    assert_eq!((file.atime(), file.atime_nsec()), (day, 0));
    let mark = fs::metadata(place.path("store/items/notice-marks/2026-11-22")).unwrap();
    assert_eq!((mark.mtime(), mark.atime()), (0, 0));
    for (path, mode) in [
        (place.envelope(id), 0o600),
        (place.path("store/items/notice-marks/2026-11-22"), 0o600),
        (place.path("store/format"), 0o600),
        (place.path("store/lock"), 0o600),
        (place.path("store"), 0o700),
        (place.path("store/index"), 0o700),
        (place.path("store/envelopes/00"), 0o700),
        (place.path("store/items/tombstones"), 0o700),
    ] {
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, mode, "{}", path.display());
    }
}

#[tokio::test]
async fn what_is_asked_of_one_shard_reads_no_other() {
    let place = Folder::new();
    let store = place.open();
    let key = format!("ab{}", "0".repeat(30));
    store.put_item(ItemKind::Fetched, &key, b"").await.unwrap();
    fs::remove_dir(place.path("store/items/fetched/07")).unwrap();
    for prefix in ["ab", &key] {
        assert_eq!(store.items_under(ItemKind::Fetched, prefix).await.unwrap().len(), 1);
    }
    assert!(store.items_under(ItemKind::Fetched, "0").await.is_err(), "control");
}
