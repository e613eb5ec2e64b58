//! Deleting with the programs as people run them: hidden for one, still there for the others, gone
//! when they have it or after seven days; asked for again of a gateway that was restored.

use std::{path::PathBuf, sync::Arc};

use sealpost::{
    clock::{Day, EpochLength, FixedClock},
    gateway::{
        Gateway,
        config::Config,
        log::Log,
        retention::{Retention, sweep},
        roster::{CurrentRoster, Seen},
        store::{FileStore, Options},
    },
    random::{Entropy, SystemEntropy},
};

use crate::{
    moving_clock::MovingClock,
    newsroom::{self, Form, Newsroom},
};

/// A Wednesday.
const BEGIN: Day = Day(20_782);

/// A newsroom of these reviewers, who have all joined, and its serving gateway.
fn newsroom(
    reviewers: &[&str],
    environment: Vec<(&'static str, std::ffi::OsString)>,
) -> (Newsroom, newsroom::Gateway) {
    let newsroom = Newsroom::with_environment(reviewers, "", environment);
    let gateway = newsroom.serve();
    for reviewer in reviewers {
        newsroom.join(&gateway, reviewer);
    }
    (newsroom, gateway)
}

impl Newsroom {
    /// Sends a tip; the id of its envelope.
    fn sent(&self, gateway: &newsroom::Gateway) -> String {
        let before = self.stored();
        let sent = gateway.post("/en", &Form::new().field("message", "for three"));
        assert_eq!(sent.status, 200);
        let new = self.stored().into_iter().find(|path| !before.contains(path)).unwrap();
        new.file_name().unwrap().to_str().unwrap().to_owned()
    }

    fn has(&self, id: &str) -> bool {
        self.stored().iter().any(|path| path.ends_with(id))
    }

    fn inbox(&self, of: &str) -> String {
        self.ok("reviewer", &format!("inbox --dir {of}"))
    }

    /// What a command says on standard error.
    fn says(&self, line: &str) -> String {
        let done = self.run("reviewer", line);
        assert!(done.status.success(), "{line}");
        String::from_utf8(done.stderr).unwrap()
    }

    /// Starts the gateway again, at another port, of which these reviewers hear.
    fn serve_again(&self, reviewers: &[&str]) -> newsroom::Gateway {
        let gateway = self.serve();
        for reviewer in reviewers {
            self.join(&gateway, reviewer);
            self.ok(
                "reviewer",
                &format!(
                    "join --dir {reviewer} --newsroom-key operator/newsroom_key.pub \
                     --gateway https://{} operator/publication",
                    gateway.desk
                ),
            );
        }
        gateway
    }

    /// What the gateway does each day, on the store of one that does not run; its clock is believed
    /// on the third.
    fn swept_on(&self, day: Day) -> u64 {
        [2, 1, 0].map(|before| self.swept_at_once_on(Day(day.0 - before))).iter().sum()
    }

    fn swept_at_once_on(&self, day: Day) -> u64 {
        let config = Config::load(&self.config()).unwrap();
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
        let clock = Arc::new(FixedClock::new(day.start()));
        let (store, _) =
            FileStore::open(&config.store, entropy.clone(), Options::default()).unwrap();
        let (folder, pin, log) = (&config.publication, config.newsroom, Log::memory());
        let roster =
            CurrentRoster::open(folder, pin, EpochLength::Week, Seen::default(), log.clone());
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let retention = Retention::load(&store).await.unwrap();
            let roster = roster.unwrap();
            let gateway = Gateway { config, store, roster, retention, clock, entropy, log };
            assert_eq!(gateway.clock.now().day(), day);
            sweep(&gateway).await.unwrap()
        })
    }

    fn envelope(&self, id: &str) -> PathBuf {
        self.path("gateway/store/envelopes").join(&id[..2]).join(id)
    }
}

#[test]
fn it_is_hidden_for_one_and_gone_when_the_others_have_it() {
    let (newsroom, gateway) = newsroom(&["mina", "jun", "hana"], Vec::new());
    let (id, other) = (newsroom.sent(&gateway), newsroom.sent(&gateway));

    let refused = newsroom.run("reviewer", &format!("delete --dir mina {id}"));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("--unread"), "{said}");
    let unknown = newsroom.run("reviewer", &format!("delete --dir mina {}", "0".repeat(32)));
    assert!(!unknown.status.success());

    newsroom.ok("reviewer", "fetch --dir mina");
    newsroom.ok("reviewer", "fetch --dir jun");
    let told = newsroom.ok("reviewer", &format!("delete --dir mina {id}"));
    assert!(told.contains(&format!("Deleted: {id}, gone on ")), "{told}");
    assert!(told.contains("jun, hana") || told.contains("hana, jun"), "{told}");
    assert!(!newsroom.inbox("mina").contains(&id) && newsroom.inbox("mina").contains(&other));
    let hana = newsroom.inbox("hana");
    let line = hana.lines().find(|line| line.contains(&id)).unwrap();
    assert!(line.contains("new; deleted by another: fetch it before 20"), "{line}");
    let opened = newsroom.path("mina/envelopes").join(format!("{id}.age"));
    assert!(opened.exists(), "what is here stays");

    assert!(newsroom.has(&id));
    newsroom.ok("reviewer", "fetch --dir hana");
    assert!(!newsroom.has(&id) && newsroom.has(&other));
    assert!(!newsroom.inbox("jun").contains(&id));
    newsroom.ok("reviewer", "open --dir hana --all --out opened");
    assert_eq!(std::fs::read_dir(newsroom.path("opened")).unwrap().count(), 2, "hana has both");

    let gone = newsroom.run("reviewer", &format!("undelete --dir mina {id}"));
    assert!(!gone.status.success());
    drop(gateway);
    let log = std::fs::read_to_string(newsroom.path("gateway.log")).unwrap();
    assert!(!log.contains(&id) && !log.contains("delet"), "{log}");
}

#[test]
fn a_deletion_is_taken_back_and_a_purge_takes_two() {
    let (newsroom, gateway) = newsroom(&["mina", "jun", "hana"], Vec::new());
    let id = newsroom.sent(&gateway);
    newsroom.ok("reviewer", &format!("delete --dir mina --unread {id}"));
    assert!(!newsroom.inbox("mina").contains(&id));
    newsroom.ok("reviewer", &format!("undelete --dir mina {id}"));
    assert!(newsroom.inbox("mina").contains(&id), "and no visit asks for its deletion again");

    let told = newsroom.ok("reviewer", &format!("delete --dir mina --unread --now {id}"));
    assert!(told.contains("at once if another reviewer says --now"), "{told}");
    assert!(newsroom.has(&id));
    let told = newsroom.ok("reviewer", &format!("delete --dir jun --unread --now {id}"));
    assert!(told.contains(&format!("Gone: {id}")), "{told}");
    assert!(!newsroom.has(&id) && !newsroom.inbox("hana").contains(&id));
}

#[test]
fn what_a_failed_connection_kept_back_is_told_at_the_next_visit() {
    let (newsroom, gateway) = newsroom(&["mina", "jun"], Vec::new());
    let id = newsroom.sent(&gateway);
    newsroom.ok("reviewer", "fetch --dir jun");
    let told = newsroom.path("jun/envelopes").join(format!("{id}.told"));
    assert!(told.exists());
    // as if the gateway had not been reached: neither side knows of it
    std::fs::remove_file(&told).unwrap();
    let marks = newsroom::files_below(&newsroom.path("gateway/store/items/fetched"));
    assert_eq!(marks.len(), 1);
    std::fs::remove_file(&marks[0]).unwrap();
    newsroom.ok("reviewer", &format!("delete --dir mina --unread {id}"));
    assert!(newsroom.has(&id));
    newsroom.inbox("jun");
    assert!(!newsroom.has(&id), "jun has it");
    newsroom.inbox("jun");
    assert!(!told.exists(), "nothing is remembered of what is gone");
}

#[test]
fn after_seven_days_it_is_gone_and_a_restored_gateway_is_asked_again() {
    let Some(clock) = MovingClock::find() else { return };
    clock.noon_of(BEGIN);
    let (newsroom, gateway) = newsroom(&["mina", "jun"], clock.environment());
    let id = newsroom.sent(&gateway);
    newsroom.ok("reviewer", "fetch --dir mina");
    newsroom.ok("reviewer", &format!("delete --dir mina {id}"));
    let kept = std::fs::read(newsroom.envelope(&id)).unwrap();

    clock.noon_of(BEGIN.plus(6));
    let line = newsroom.inbox("jun");
    assert!(line.contains(&format!("fetch it before {}", BEGIN.plus(7))), "{line}");
    gateway.stop();
    assert_eq!(newsroom.swept_on(BEGIN.plus(6)), 0);
    clock.noon_of(BEGIN.plus(7));
    assert_eq!(newsroom.swept_on(BEGIN.plus(7)), 1);
    assert!(!newsroom.has(&id));

    // an older copy of the store is put in its place, from before the deletion
    let tombstones = newsroom::files_below(&newsroom.path("gateway/store/items/tombstones"));
    assert_eq!(tombstones.len(), 1);
    std::fs::remove_file(&tombstones[0]).unwrap();
    sealpost::disk::write_private(&newsroom.envelope(&id), &kept).unwrap();
    let _gateway = newsroom.serve_again(&["mina", "jun"]);
    assert!(newsroom.inbox("jun").contains(&id));
    let said = newsroom.says("inbox --dir mina");
    assert_eq!(said.lines().filter(|line| line.contains("that you had deleted")).count(), 1);
    assert!(!newsroom.inbox("mina").contains(&id));
    assert!(!newsroom.says("inbox --dir mina").contains("that you had deleted"));
    let line = newsroom.inbox("jun");
    assert!(line.contains(&format!("fetch it before {}", BEGIN.plus(14))), "{line}");
}

#[test]
fn while_the_gateway_misses_envelopes_no_key_is_destroyed() {
    let Some(clock) = MovingClock::find() else { return };
    clock.noon_of(BEGIN);
    let first = EpochLength::Week.epoch(BEGIN.start()).0;
    let (newsroom, gateway) = newsroom(&["mina"], clock.environment());
    let (damaged, whole) = (newsroom.sent(&gateway), newsroom.sent(&gateway));
    let sound = std::fs::read(newsroom.envelope(&damaged)).unwrap();
    std::fs::write(newsroom.envelope(&damaged), b"damaged").unwrap();
    let fetch = newsroom.run("reviewer", "fetch --dir mina");
    assert!(!fetch.status.success());
    assert!(newsroom.path("mina/envelopes").join(format!("{whole}.age")).exists());

    let key = newsroom.path(&format!("mina/keys/{first}-0.age"));
    clock.noon_of(BEGIN.plus(21));
    let said = newsroom.says("inbox --dir mina");
    assert!(said.contains("misses 1 envelopes") && said.contains("keys --destroy"), "{said}");
    assert!(key.exists());

    // the operator restores it
    gateway.stop();
    std::fs::remove_dir_all(newsroom.path("gateway/store/quarantine")).unwrap();
    sealpost::disk::write_private(&newsroom.envelope(&damaged), &sound).unwrap();
    let _gateway = newsroom.serve_again(&["mina"]);
    let said = newsroom.says("fetch --dir mina");
    assert!(said.contains(&format!("The keys of epoch {first} are destroyed")), "{said}");
    assert!(!key.exists());
}
