//! What is lost in the store comes back from a backup: with the real programs, while tips come in,
//! while names are exchanged and vanish, and after an interruption.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use ring::digest::{SHA256, digest};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sealpost::{
    clock::{Day, Epoch},
    gateway::store::{Entry, FileStore, Options, Store as _, header::EnvelopeHeader},
    random::SystemEntropy,
    tip::{SizeClass, TipId},
};

use crate::newsroom::{Form, Gateway, Newsroom, files_below, program};

const BACKUP: &str = "backup --config gateway/gateway.toml --to backups";

/// Sends a tip and is told that it arrived.
fn send(gateway: &Gateway, message: &str) {
    let answer = gateway.post("/en", &Form::new().field("message", message));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The folder of the newest backup.
fn newest(newsroom: &Newsroom) -> PathBuf {
    let entries = fs::read_dir(newsroom.path("backups")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let visible = |path: &PathBuf| !path.file_name().unwrap().to_str().unwrap().starts_with('.');
    // of one day there are fewer than ten
    paths.filter(visible).max().unwrap()
}

fn relative(files: Vec<PathBuf>, to: &Path) -> BTreeSet<String> {
    let name = |path: &PathBuf| path.strip_prefix(to).unwrap().to_str().unwrap().to_owned();
    files.iter().map(name).collect()
}

/// A tool that is none of ours finds every file as it was.
fn sha256sum_passes(backup: &Path) -> bool {
    let mut sum = Command::new("sha256sum");
    sum.args(["--check", "--strict", "--quiet", "manifest"]).current_dir(backup);
    sum.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
fn every_acknowledged_tip_is_in_the_backup_and_comes_back() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let gateway = newsroom.serve();
    (0..4).for_each(|n| send(&gateway, &format!("plain words of tip {n:02}")));
    let store = newsroom.path("gateway/store");
    let before = relative(newsroom.stored(), &store);
    thread::scope(|scope| {
        for sender in 1..4 {
            let gateway = &gateway;
            scope.spawn(move || {
                (0..4).for_each(|n| send(gateway, &format!("plain words of tip {sender}{n}")));
            });
        }
        let said = newsroom.ok("gateway", BACKUP);
        assert!(said.starts_with("Made backups/"), "{said}");
    });
    let first = newest(&newsroom);
    let in_first = relative(files_below(&first.join("envelopes")), &first);
    assert!(in_first.is_superset(&before), "{before:?} {in_first:?}");
    whole(&newsroom, &first);

    // the second one copies nothing that the first has
    let said = newsroom.ok("gateway", BACKUP);
    let second = newest(&newsroom);
    assert_ne!(first, second);
    let new = 16 - in_first.len();
    assert!(said.contains("16 envelopes"), "{said}");
    let inode = |folder: &Path, path: &String| folder.join(path).metadata().unwrap().ino();
    for path in &in_first {
        assert_eq!(inode(&first, path), inode(&second, path), "{path}");
        assert_ne!(inode(&first, path), inode(&store, path), "{path}");
    }
    assert!(said.contains(&format!("; {new} files (")), "{said}");
    whole(&newsroom, &second);
    nothing_else_is_in(&newsroom, &second);

    // beside the gateway that still runs
    let verify = "verify --config gateway/gateway.toml";
    assert!(newsroom.ok("gateway", verify).contains("The store is whole."));
    well_and_silent(&newsroom);
    let restore = format!("restore --config gateway/gateway.toml --from {}", second.display());
    assert!(newsroom.refused("gateway", &restore).contains("stop it first"));

    gateway.stop();
    fs::rename(&store, newsroom.path("lost")).unwrap();
    let said = newsroom.ok("gateway", &restore);
    assert!(said.contains("Came back: 16 envelopes"), "{said}");
    assert_eq!(
        relative(newsroom.stored(), &store),
        relative(files_below(&second.join("envelopes")), &second)
    );
    let gateway = newsroom.serve();
    let opened = newsroom.open_all(&gateway, "ridge");
    let words = |tip: &PathBuf| fs::read_to_string(tip.join("message.txt")).unwrap();
    let words: BTreeSet<String> = opened.iter().map(words).collect();
    let sent = (0..4).flat_map(|a| (0..4).map(move |b| format!("plain words of tip {a}{b}")));
    assert_eq!(words, sent.collect());
}

/// Every file of a backup is as it was, for us and for others.
fn whole(newsroom: &Newsroom, backup: &Path) {
    let verify = format!("verify --backup {}", backup.display());
    assert_eq!(newsroom.ok("gateway", &verify), "The backup is whole.\n");
    assert!(sha256sum_passes(backup));
    for path in files_below(backup) {
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600, "{}", path.display());
        let folder = path.parent().unwrap().metadata().unwrap();
        assert_eq!(folder.mode() & 0o777, 0o700, "{}", path.display());
    }
}

/// A backup has what the list names, and no secret of the newsroom's.
fn nothing_else_is_in(newsroom: &Newsroom, backup: &Path) {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    for path in relative(files_below(backup), backup) {
        let names: Vec<&str> = path.split('/').collect();
        let allowed = match names[..] {
            ["backup.json" | "manifest" | "format"] => true,
            ["envelopes", shard, id] => hex(id) && id.len() == 32 && id.starts_with(shard),
            ["items", kind, ..] => [
                "rosters",
                "notice-marks",
                "tombstones",
                "key-batches",
                "epochs",
                "fetched",
                "deletions",
                "purges",
                "replies",
                "turned",
                "days",
            ]
            .contains(&kind),
            _ => false,
        };
        assert!(allowed, "{path}");
    }
    let read = |path: &str| fs::read_to_string(newsroom.path(path)).unwrap();
    let lines = |path: &str| read(path).lines().map(str::to_owned).collect::<Vec<_>>();
    let secret =
        |path: &str| lines(path).into_iter().find(|l| l.len() > 40 && !l.contains(' ')).unwrap();
    let tls_key = secret("gateway/tls-key.pem");
    let der = data_encoding::BASE64.decode(tls_key.as_bytes()).unwrap();
    let secrets: Vec<Vec<u8>> = vec![
        tls_key.into_bytes(),
        der,
        secret("gateway/tls-certificate.pem").into_bytes(),
        secret("operator/newsroom_key").into_bytes(),
        secret("ridge/identity.txt").into_bytes(),
        b"ridge@localhost".to_vec(),
        b"harbour@".to_vec(),
        b"[[listener]]".to_vec(),
        newsroom.path("").to_str().unwrap().as_bytes().to_vec(),
        b"plain words".to_vec(),
    ];
    let finds = |folder: &Path, secret: &[u8]| {
        files_below(folder).iter().any(|path| {
            let bytes = fs::read(path).unwrap();
            bytes.windows(secret.len()).any(|window| window == secret)
        })
    };
    for secret in &secrets {
        assert!(!finds(backup, secret), "{}", String::from_utf8_lossy(secret));
    }
    // control: the search finds what is there
    assert!(finds(&newsroom.path("gateway"), &secrets[0]));
    assert!(finds(&newsroom.path("operator"), b"ridge@localhost"));
    assert!(finds(backup, b"SHA256:"));
}

/// `status` beside a running gateway, for a person and for monitoring.
fn well_and_silent(newsroom: &Newsroom) {
    let before = files_below(&newsroom.path("gateway")).len();
    let line = "status --config gateway/gateway.toml --backups backups";
    let text = newsroom.ok("gateway", line);
    assert!(text.contains("store               in use"), "{text}");
    assert!(
        text.contains("files               taken")
            && text.contains("16 envelopes")
            && text.ends_with("All is well.\n"),
        "{text}"
    );
    let json = newsroom.ok("gateway", &format!("{line} --json"));
    let status: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status["store"]["envelopes"], 16, "{json}");
    assert_eq!((&status["in_use"], &status["roster"]["reviewers"]), (&true.into(), &2.into()));
    for path in newsroom.stored() {
        let id = path.file_name().unwrap().to_str().unwrap();
        assert!(!text.contains(id) && !json.contains(id));
    }
    for address in ["ridge", "harbour", "127.0.0.1", "localhost"] {
        assert!(!text.contains(address) && !json.contains(address), "{address}");
    }
    assert_eq!(files_below(&newsroom.path("gateway")).len(), before);
}

/// A newsroom whose store holds envelopes of noise, one for each length.
fn with_noise(lengths: &[usize]) -> Newsroom {
    let newsroom = Newsroom::new(&["ridge"], "");
    let store = newsroom.path("gateway/store");
    drop(FileStore::open(&store, Arc::new(SystemEntropy::new()), Options::default()).unwrap());
    for (number, length) in (0_u16..).zip(lengths) {
        // spread over the shards, in order
        let [high, low] = (number * 16).to_be_bytes();
        let mut id = [7; 16];
        [id[0], id[1]] = [high << 4 | low >> 4, low << 4];
        let body = vec![low; *length];
        let entry = Entry {
            id: TipId(id),
            day: Day(20_779),
            epoch: Epoch(2_968),
            class: SizeClass::from_index(0).unwrap(),
            bytes: body.len() as u64,
        };
        let sha256 = digest(&SHA256, &body).as_ref().try_into().unwrap();
        let header = EnvelopeHeader { entry, sha256 }.encode();
        let path = store.join(format!("envelopes/{:02x}/{}", id[0], TipId(id)));
        sealpost::disk::write_private(&path, &[&header[..], &body].concat()).unwrap();
    }
    newsroom
}

/// Files with which a store says that these envelopes were deleted, made by one that had them.
fn tombstones(newsroom: &Newsroom, of: &[PathBuf]) -> Vec<PathBuf> {
    let (store, other) = (newsroom.path("gateway/store"), newsroom.path("other"));
    let open =
        || FileStore::open(&other, Arc::new(SystemEntropy::new()), Options::default()).unwrap().0;
    drop(open());
    for path in of {
        fs::copy(path, other.join(path.strip_prefix(&store).unwrap())).unwrap();
    }
    let other = open();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for path in of {
        let id = path.file_name().unwrap().to_str().unwrap().parse::<TipId>().unwrap();
        runtime.block_on(other.delete(id)).unwrap();
    }
    let tombstones = newsroom.path("other/items/tombstones");
    let name = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        tombstones.join(&name[..2]).join(name)
    };
    of.iter().map(name).collect()
}

#[test]
fn names_are_exchanged_and_vanish_meanwhile() {
    const ENVELOPES: usize = 200;
    let newsroom = with_noise(&[5_000; ENVELOPES]);
    let store = newsroom.path("gateway/store");
    let stored = newsroom.stored();
    assert_eq!(stored.len(), ENVELOPES);
    let (gone, stay) = stored.split_at(20);
    let done = AtomicBool::new(false);
    let tombstones = tombstones(&newsroom, gone);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut deletions = gone.iter().zip(&tombstones);
            for _round in 0..500 {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // as at the day's turn: copies of all, which then take the names
                let copy = |number| store.join(format!("tmp/{number}"));
                for (number, path) in stay.iter().enumerate() {
                    fs::write(copy(number), fs::read(path).unwrap()).unwrap();
                }
                for (number, path) in stay.iter().enumerate() {
                    fs::rename(copy(number), path).unwrap();
                }
                // and folders made anew take the old ones' names
                for shard in stay.iter().map(|path| path.parent().unwrap()).step_by(7) {
                    let (new, flags) = (store.join("tmp/folder"), RenameFlags::EXCHANGE);
                    fs::create_dir(&new).unwrap();
                    for path in files_below(shard) {
                        fs::hard_link(&path, new.join(path.file_name().unwrap())).unwrap();
                    }
                    renameat_with(CWD, &new, CWD, shard, flags).unwrap();
                    fs::remove_dir_all(&new).unwrap();
                }
                // as a deletion does: the tombstone, then the name
                if let Some((path, tombstone)) = deletions.next() {
                    let name = tombstone.file_name().unwrap();
                    let shard = &name.to_str().unwrap()[..2];
                    let folder = store.join("items/tombstones").join(shard);
                    fs::rename(tombstone, folder.join(name)).unwrap();
                    fs::remove_file(path).unwrap();
                }
            }
        });
        for _ in 0..4 {
            newsroom.ok("gateway", BACKUP);
        }
        done.store(true, Ordering::Relaxed);
    });
    let last = newest(&newsroom);
    whole(&newsroom, &last);
    assert!(
        relative(files_below(&last.join("envelopes")), &last)
            .is_superset(&relative(stay.to_vec(), &store))
    );
}

#[test]
fn a_folder_that_was_taken_away_is_told_at_rest_and_not_made_anew() {
    let newsroom = with_noise(&[]);
    let folder = newsroom.path("gateway/store/items/tombstones");
    let verify = "verify --config gateway/gateway.toml";
    assert!(newsroom.ok("gateway", verify).contains("The store is whole."));
    fs::rename(&folder, newsroom.path("aside")).unwrap();
    let told = "items/tombstones is missing from the store: put it back";
    for command in [verify, BACKUP, "status --config gateway/gateway.toml"] {
        let mut run = Command::new(program("gateway"));
        run.args(command.split_whitespace()).current_dir(newsroom.path(""));
        let done = run.output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert_eq!(done.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains(told), "{command}: {said}");
        assert!(!folder.exists(), "{command}");
    }
    fs::rename(newsroom.path("aside"), &folder).unwrap();
    assert!(newsroom.ok("gateway", verify).contains("The store is whole."));
}

#[test]
fn who_does_not_own_the_store_verifies_nothing() {
    if !rustix::process::geteuid().is_root() {
        // only root can make files another's
        return;
    }
    let newsroom = with_noise(&[5_000]);
    let store = newsroom.path("gateway/store");
    let before = files_below(&store);
    std::os::unix::fs::chown(&store, Some(65_534), None).unwrap();
    let refused = newsroom.refused("gateway", "verify --config gateway/gateway.toml");
    assert!(refused.contains("sealpost-gateway verify …"), "{refused}");
    assert_eq!(files_below(&store), before);
}

#[test]
fn an_interrupted_restore_is_repeated() {
    // the fifth of ten is larger than what the first run may write
    let mut lengths = [5_000; 10];
    lengths[4] = 6 << 20;
    let newsroom = with_noise(&lengths);
    let store = newsroom.path("gateway/store");
    let stored = relative(newsroom.stored(), &store);
    newsroom.ok("gateway", BACKUP);
    let backup = newest(&newsroom);
    fs::rename(&store, newsroom.path("lost")).unwrap();
    let restore = format!("restore --config gateway/gateway.toml --from {}", backup.display());
    // in blocks of 512 bytes; who writes on is killed
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 8192; exec \"$@\"", "sh", program("gateway")]);
    limited.args(restore.split_whitespace()).current_dir(newsroom.path(""));
    let killed = limited.output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
    assert_eq!(newsroom.stored().len(), 4);
    assert_eq!(files_below(&store.join("tmp")).len(), 1);

    let said = newsroom.ok("gateway", &restore);
    assert!(said.contains("Came back: 6 envelopes") && said.contains("unfinished"), "{said}");
    assert_eq!(relative(newsroom.stored(), &store), stored);
    assert_eq!(
        newsroom.ok("gateway", "verify --config gateway/gateway.toml"),
        "The store is whole.\n"
    );
    for path in stored {
        assert_eq!(fs::read(store.join(&path)).unwrap(), fs::read(backup.join(&path)).unwrap());
    }
}

#[test]
fn a_backup_that_is_not_whole_is_told_and_refused() {
    let newsroom = with_noise(&[5_000; 4]);
    newsroom.ok("gateway", BACKUP);
    let backup = newest(&newsroom);
    let store = newsroom.path("gateway/store");
    let envelopes: Vec<String> =
        relative(files_below(&backup.join("envelopes")), &backup).into_iter().collect();
    fs::remove_file(backup.join(&envelopes[0])).unwrap();
    let file = backup.join(&envelopes[1]);
    let mut altered = fs::read(&file).unwrap();
    altered[3_000] ^= 1;
    fs::write(file, altered).unwrap();
    let file = backup.join(&envelopes[2]);
    fs::write(&file, &fs::read(&file).unwrap()[..3_000]).unwrap();
    fs::write(backup.join("items/replies/foreign"), "x").unwrap();
    assert!(!sha256sum_passes(&backup));

    let check = |line: &str| {
        let done = newsroom.run("gateway", line);
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        let said = String::from_utf8(done.stdout).unwrap();
        for path in envelopes[..3].iter().map(|path| &**path).chain(["items/replies/foreign"]) {
            assert_eq!(said.lines().filter(|line| line.starts_with(path)).count(), 1, "{said}");
        }
        assert!(!said.contains(&envelopes[3]), "{said}");
        String::from_utf8(done.stderr).unwrap()
    };
    check(&format!("verify --backup {}", backup.display()));
    let restore = format!("restore --config gateway/gateway.toml --from {}", backup.display());
    fs::remove_dir_all(&store).unwrap();
    let refused = check(&restore);
    assert!(refused.contains("nothing was restored"), "{refused}");
    assert!(!store.exists());
    check(&format!("{restore} --what-is-whole"));
    assert_eq!(relative(newsroom.stored(), &store), BTreeSet::from([envelopes[3].clone()]));
}

#[test]
fn a_half_backup_is_never_taken_for_one() {
    let newsroom = with_noise(&[5_000, 5_000, 6 << 20]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 8192; exec \"$@\"", "sh", program("gateway")]);
    limited.args(BACKUP.split_whitespace()).current_dir(newsroom.path(""));
    let killed = limited.output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
    let there = || {
        let entries = fs::read_dir(newsroom.path("backups")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    assert!(
        there().iter().all(|name| name.starts_with('.')) && there().len() == 2,
        "{:?}",
        there()
    );
    newsroom.ok("gateway", BACKUP);
    assert!(!there().iter().any(|name| name.starts_with(".partial")), "{:?}", there());
    whole(&newsroom, &newest(&newsroom));
}
