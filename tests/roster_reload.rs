//! Invariant: a roster cannot be rolled back, forged or outlived. The running gateway takes a newer
//! roster before the very next tip, and keeps the last good one when what it finds is not good.

use std::path::PathBuf;

use crate::newsroom::{Form, Gateway, Newsroom, in_ci};

#[test]
fn a_removed_reviewer_is_not_sealed_to_from_the_very_next_tip() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let gateway = newsroom.serve();
    assert_eq!(stanzas(&newsroom, &gateway), 2);
    newsroom.ok("operator", "remove --dir operator harbour");
    assert_eq!(stanzas(&newsroom, &gateway), 1);
}

#[test]
fn a_forged_roster_is_refused_and_the_last_good_one_kept() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let gateway = newsroom.serve();
    newsroom.ok("operator", "remove --dir operator harbour");
    // the newest roster without the reviewer, with the signature of the one before
    let newest = roster(&newsroom, "json").len();
    let path =
        |n: usize, kind: &str| newsroom.path(&format!("operator/publication/roster/{n:04}.{kind}"));
    std::fs::copy(path(newest - 1, "sig"), path(newest, "sig")).unwrap();
    assert_eq!(stanzas(&newsroom, &gateway), 2);
    gateway.stop();
    let log = std::fs::read_to_string(newsroom.path("gateway.log")).unwrap();
    let refusals = log.lines().filter(|line| line.contains("publication was not taken"));
    assert_eq!(refusals.count(), 1, "{log}");
}

#[test]
fn a_roster_that_is_rolled_back_is_refused() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    newsroom.ok("operator", "remove --dir operator harbour");
    let gateway = newsroom.serve();
    assert_eq!(stanzas(&newsroom, &gateway), 1);
    gateway.stop();

    let newest = roster(&newsroom, "json").pop().unwrap();
    std::fs::remove_file(newest.with_extension("sig")).unwrap();
    std::fs::remove_file(newest).unwrap();
    let config = newsroom.config();
    let refused = newsroom.run("gateway", &format!("serve --config {}", config.display()));
    assert_eq!(refused.status.code(), Some(1));
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert!(complaint.contains("roster") && !complaint.contains("panicked"), "{complaint}");
}

#[test]
fn a_gateway_whose_clock_went_back_takes_no_tip() {
    let newsroom = Newsroom::new(&["ridge"], "");
    let Some(ahead) = newsroom.serve_ahead("+8d") else {
        assert!(!in_ci(), "tests/run.sh installs faketime");
        eprintln!("skipped: no faketime");
        return;
    };
    assert_eq!(stanzas(&newsroom, &ahead), 1);
    ahead.stop();

    let config = newsroom.config();
    let check = newsroom.ok("gateway", &format!("check --config {}", config.display()));
    assert!(check.contains("warning  the clock shows"), "{check}");
    let gateway = newsroom.serve();
    let form = Form::new().field("message", "to keys that may be gone");
    assert_eq!(gateway.post("/en", &form).status, 503);
    assert_eq!(newsroom.stored().len(), 1);
    gateway.stop();
    let log = std::fs::read_to_string(newsroom.path("gateway.log")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains("the clock is behind")).count(), 1, "{log}");
    // set right again, it goes on
    let ahead = newsroom.serve_ahead("+9d").unwrap();
    assert_eq!(stanzas(&newsroom, &ahead), 1);
}

/// Sends a tip, and counts the recipients of the envelope that it became.
pub(crate) fn stanzas(newsroom: &Newsroom, gateway: &Gateway) -> usize {
    let before = newsroom.stored();
    let answer = gateway.post("/en", &Form::new().field("message", "for whoever is on the roster"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut now = newsroom.stored();
    now.retain(|file| !before.contains(file));
    assert_eq!(now.len(), 1);
    let envelope = std::fs::read(now.remove(0)).unwrap();
    memchr::memmem::find_iter(&envelope, "\n-> mlkem768x25519 ").count()
}

/// The signed rosters, or their signatures, oldest first.
fn roster(newsroom: &Newsroom, kind: &str) -> Vec<PathBuf> {
    let folder = newsroom.path("operator/publication/roster");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == kind));
    files.sort();
    files
}
