//! Anybody can see who is able to open tips, with stock tools and the newsroom's fingerprint; what
//! they see does not tell when a reviewer was at the desk.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use sealpost::{
    desk::KEYS,
    roster::{KeyBatch, Publication},
};

use crate::{
    newsroom::{self, Gateway, Newsroom},
    place::{NOW, Place, Reviewer, keys, weeks_later},
};

#[test]
fn whoever_has_the_fingerprint_can_check_who_opens_tips() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let gateway = newsroom.serve();
    let fetched = fetch(&newsroom, &gateway, "before");
    assert_eq!(files(&fetched), files(&newsroom.path("operator/publication")));
    let fingerprint = fingerprint(&newsroom);
    let verify = |folder: &str| {
        let line = format!("verify {folder}/publication --newsroom-key {fingerprint}");
        newsroom.ok("operator", &line)
    };
    let told = verify("before");
    assert!(told.contains("roster 3, 2 reviewers"), "{told}");

    newsroom.ok("operator", "remove --dir operator harbour");
    // the gateway looks each second, and before each form
    assert_eq!(
        gateway.request(b"GET /en HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status,
        200
    );
    let fetched = fetch(&newsroom, &gateway, "after");
    assert_eq!(files(&fetched), files(&newsroom.path("operator/publication")));
    let told = verify("after");
    assert!(told.contains("roster 4, 1 reviewer"), "{told}");
    assert!(!fetched.join("keys/harbour.json").exists());
    gateway.stop();
    let log = std::fs::read_to_string(newsroom.path("gateway.log")).unwrap();
    assert_eq!(log.lines().count(), 1, "the new roster and nothing else: {log}");
}

/// Has curl fetch the publication and tar unpack it.
fn fetch(newsroom: &Newsroom, gateway: &Gateway, name: &str) -> PathBuf {
    let folder = newsroom.path(name);
    std::fs::create_dir(&folder).unwrap();
    let curl = Command::new("curl")
        .args(["--fail", "--silent", "--show-error", "--output", "publication.tar"])
        .args(["--dump-header", "headers", "--cacert"])
        .arg(newsroom.path("gateway/tls-certificate.pem"))
        .arg(format!("https://{}/publication.tar", gateway.tips))
        .current_dir(&folder)
        .status();
    assert!(curl.unwrap().success());
    let headers = std::fs::read_to_string(folder.join("headers")).unwrap().to_lowercase();
    for never in ["date:", "server:", "etag:", "last-modified:", "set-cookie:"] {
        assert!(!headers.contains(never), "{headers}");
    }
    let mut tar = Command::new("tar");
    let tar = tar.args(["--extract", "--file", "publication.tar"]).current_dir(&folder);
    assert!(tar.status().unwrap().success());
    folder.join("publication")
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path.strip_prefix(folder).unwrap().to_owned(), bytes)
    };
    let files: BTreeMap<_, _> = newsroom::files_below(folder).into_iter().map(read).collect();
    assert!(files.len() > 2);
    files
}

fn fingerprint(newsroom: &Newsroom) -> String {
    let key = newsroom.path("operator/newsroom_key.pub");
    let shown = Command::new("ssh-keygen").arg("-lf").arg(key).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    shown.split(' ').nth(1).unwrap().to_owned()
}

impl Place {
    /// The sequence of a reviewer's batch, in force and as the public sees it.
    async fn sequences(&self, of: &Reviewer) -> (Option<u32>, Option<u32>) {
        let (status, tar) = self.get("/publication.tar").await;
        assert_eq!(status, 200);
        let sequence =
            |publication: &Publication| publication.batch(&of.name).map(KeyBatch::sequence);
        let public = self.gateway.roster.public(sealpost::clock::Clock::now(&*self.clock));
        let shows = |batch: &KeyBatch| memchr::memmem::find(&tar, batch.signed()).is_some();
        assert!(public.batch(&of.name).is_none_or(shows));
        let in_force = self.gateway.roster.publication();
        let hides = sequence(&public) != sequence(&in_force);
        assert!(!hides || !in_force.batch(&of.name).is_some_and(shows));
        (sequence(&in_force), sequence(&public))
    }
}

#[tokio::test]
async fn a_batch_is_public_from_the_next_epoch_or_roster_on_and_no_sooner() {
    let (mina, jun) = (Reviewer::new("mina"), Reviewer::new("jun"));
    let mut place = Place::new(&[&mina]).await;
    place.put_into_folder(&mina, &mina.batch(place.newsroom, 0, NOW, keys(2)));
    // it came without a new roster: at the next start, or epoch
    assert_eq!(place.sequences(&mina).await, (Some(0), None));
    place = place.restarted().await;
    assert_eq!(place.sequences(&mina).await, (Some(0), Some(0)));
    for sequence in [1, 2] {
        let batch = mina.batch(place.newsroom, sequence, NOW, keys(2));
        assert_eq!(place.ask(&mina, "PUT", KEYS, &batch).await.0, 204);
        assert_eq!(place.sequences(&mina).await, (Some(sequence), Some(0)));
        place = place.restarted().await;
        assert_eq!(place.sequences(&mina).await, (Some(sequence), Some(0)), "after a restart");
    }
    // an epoch begins, first seen by whoever asks
    place.clock.set(weeks_later(1));
    let batch = mina.batch(place.newsroom, 3, NOW.plus(1), keys(2));
    assert_eq!(place.ask(&mina, "PUT", KEYS, &batch).await.0, 204);
    assert_eq!(place.sequences(&mina).await, (Some(3), Some(2)));
    place = place.restarted().await;
    assert_eq!(place.sequences(&mina).await, (Some(3), Some(2)));
    place.sign_next(|next| next.with_reviewer(jun.name.clone(), jun.identity.public()));
    assert_eq!(place.sequences(&mina).await, (Some(3), Some(3)));
    let batch = jun.batch(place.newsroom, 1, NOW.plus(1), keys(2));
    assert_eq!(place.ask(&jun, "PUT", KEYS, &batch).await.0, 204);
    assert_eq!(place.sequences(&jun).await, (Some(1), None));
    // a clock that goes back and forth begins no epoch
    for weeks in [0, 1] {
        place.clock.set(weeks_later(weeks));
        place.refresh();
        assert_eq!(place.sequences(&jun).await, (Some(1), None));
    }
    place.clock.set(weeks_later(2));
    assert_eq!(place.sequences(&jun).await, (Some(1), Some(1)));
}
