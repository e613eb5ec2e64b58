//! Invariant: a roster cannot be rolled back, forged or outlived. The running gateway takes a newer
//! roster before the very next tip, and keeps the last good one when what it finds is not good.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    moving_clock::MovingClock,
    newsroom::{Form, Gateway, Newsroom, exchange, files_below, program},
};

#[test]
fn a_removed_reviewer_is_not_sealed_to_from_the_very_next_tip() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let gateway = newsroom.serve();
    assert_eq!(stanzas(&newsroom, &gateway), 2);
    newsroom.ok("operator", "remove --dir operator harbour");
    assert_eq!(stanzas(&newsroom, &gateway), 1);
}

#[test]
fn no_upload_is_lost_to_a_change_of_the_roster() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let gateway = newsroom.serve();
    let form = Form::new().field("message", &"long ".repeat(20_000));
    let request = form.request("/en", &[]);
    let mut upload = gateway.connect();
    let (first, rest) = request.split_at(request.len() / 2);
    upload.write_all(first).unwrap();
    upload.flush().unwrap();
    // two changes come into force while it is under way: other tips show that they have
    newsroom.ok("operator", "remove --dir operator harbour");
    assert_eq!(stanzas(&newsroom, &gateway), 1);
    newsroom.ok("operator", "renew --dir operator");
    assert_eq!(stanzas(&newsroom, &gateway), 1);
    let before = newsroom.stored();
    let answer = exchange(upload, rest);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let stored: Vec<_> = newsroom.stored().into_iter().filter(|p| !before.contains(p)).collect();
    assert_eq!(stored.len(), 1, "and it is sealed by the roster of its end");
    assert_eq!(stanzas_in(&stored[0]), 1);
}

#[test]
fn a_fork_is_refused_while_serving_and_the_last_good_roster_kept() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let copied = Command::new("cp")
        .args(["-a", "operator", "other"])
        .current_dir(newsroom.path(""))
        .status();
    assert!(copied.unwrap().success());
    // the same key signs two rosters of one version
    newsroom.ok("operator", "remove --dir operator harbour");
    newsroom.ok("operator", "remove --dir other ridge");
    let gateway = newsroom.serve();
    assert_eq!(stanzas(&newsroom, &gateway), 1);
    let newest = |folder: &str| {
        let files = files_below(&newsroom.path(&format!("{folder}/publication/roster")));
        files.into_iter().filter(|file| file.extension().unwrap() == "json").max().unwrap()
    };
    let (ours, theirs) = (newest("operator"), newest("other"));
    assert_eq!(ours.file_name(), theirs.file_name());
    for kind in ["sig", "json"] {
        std::fs::copy(theirs.with_extension(kind), ours.with_extension(kind)).unwrap();
    }
    assert_eq!(stanzas(&newsroom, &gateway), 1);
    gateway.stop();
    let log = std::fs::read_to_string(newsroom.path("gateway.log")).unwrap();
    assert!(log.contains("contradicts a roster that has been seen"), "{log}");
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
    let Some(clock) = MovingClock::find() else {
        return;
    };
    let serve_ahead = |by: &str| {
        let mut command = Command::new(program("gateway"));
        command.envs(clock.ahead(by));
        newsroom.serve_as(command)
    };
    let ahead = serve_ahead("+8d");
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
    let ahead = serve_ahead("+9d");
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
    stanzas_in(&now[0])
}

/// To how many a stored envelope is sealed.
fn stanzas_in(stored: &Path) -> usize {
    let envelope = std::fs::read(stored).unwrap();
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
