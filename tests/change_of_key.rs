//! The newsroom key is changed: gateways and reviewers follow the announcement, and pin nothing anew.

use std::fs;

use crate::{
    newsroom::Newsroom,
    roster_reload::stanzas,
    ssh::{self, Key, sign_and_finish, sign_as_told},
};

const VERIFY: &str = "verify operator/publication --newsroom-key operator/newsroom_key.pub";
const JOIN: &str = "join --dir ridge --newsroom-key operator/newsroom_key.pub operator/publication";

#[test]
fn a_running_gateway_and_a_reviewer_follow_a_change_of_key() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    newsroom.ok("reviewer", JOIN);
    let gateway = newsroom.serve();
    assert_eq!(stanzas(&newsroom, &gateway), 2);

    let announced = newsroom.ok("operator", "change-key --dir operator --no-passphrase");
    assert!(announced.contains("announces the next newsroom key"), "{announced}");
    assert!(!announced.contains("Destroy"), "{announced}");
    assert_eq!(stanzas(&newsroom, &gateway), 2);

    // the roster after it makes the change; the gateway takes it for the very next tip
    let changed = newsroom.ok("operator", "remove --dir operator harbour");
    assert!(changed.contains("Destroy operator/newsroom_key "), "{changed}");
    assert_eq!(stanzas(&newsroom, &gateway), 1);

    // the old key is destroyed, and is not missed
    fs::remove_file(newsroom.path("operator/newsroom_key")).unwrap();
    let quiet = newsroom.ok("operator", "renew --dir operator");
    assert!(!quiet.contains("Destroy"), "{quiet}");
    newsroom.ok("operator", VERIFY);
    newsroom.ok("reviewer", JOIN);
    assert_eq!(stanzas(&newsroom, &gateway), 1);
    let new = Key::at(newsroom.path("operator/newsroom_key_2"));
    let shown = newsroom.ok("operator", "show operator/publication");
    assert!(shown.contains(&format!("key now      {}", new.id)), "{shown}");

    gateway.stop();
    let log = fs::read_to_string(newsroom.path("gateway.log")).unwrap();
    assert!(!log.contains("publication was not taken"), "{log}");
}

#[test]
fn a_key_in_a_file_gives_way_to_a_hardware_key() {
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let gateway = newsroom.serve();
    let old = Key::at(newsroom.path("operator/newsroom_key"));
    let token = Key::in_hardware(&newsroom, "token");
    let told = newsroom.ok("operator", "change-key --dir operator --new-key token.pub");
    for command in [
        "ssh-keygen -Y sign -f operator/newsroom_key -n sealpost-roster operator/pending/0004.json\n",
        "ssh-keygen -Y sign -f token -n sealpost-roster operator/pending/0004.next.json\n",
    ] {
        assert!(told.contains(command), "{told}");
    }
    sign_and_finish(&newsroom, &told, &[&old, &token]);
    assert_eq!(stanzas(&newsroom, &gateway), 2);
    let told = newsroom.ok("operator", "remove --dir operator harbour");
    let changed = sign_and_finish(&newsroom, &told, &[&token]);
    assert!(changed.contains("Destroy operator/newsroom_key "), "{changed}");
    assert_eq!(stanzas(&newsroom, &gateway), 1);
    newsroom.ok("operator", VERIFY);
}

#[test]
fn both_keys_must_sign_the_announcement() {
    let newsroom = Newsroom::new(&[], "");
    let old = Key::at(newsroom.path("operator/newsroom_key"));
    let [next, stranger] = ["next", "stranger"].map(|name| Key::in_file(&newsroom, name));
    let told = newsroom.ok("operator", "change-key --dir operator --new-key next.pub");
    let [by_old, by_next] = ["0002.json", "0002.next.json"]
        .map(|name| newsroom.path(&format!("operator/pending/{name}")));
    let refusal = |expected: &str| {
        let refused = newsroom.refused("operator", "finish --dir operator");
        assert!(refused.contains(expected), "{expected}: {refused}");
        newsroom.ok("operator", VERIFY);
    };

    old.sign("sealpost-roster", &by_old);
    refusal("0002.next.json.sig is missing");
    for wrong in [&old, &stranger] {
        wrong.sign("sealpost-roster", &by_next);
        refusal(&format!("is a signature by {}, but {} has to sign", wrong.id, next.id));
    }
    fs::remove_file(ssh::signature(&by_old)).unwrap();
    next.sign("sealpost-roster", &by_next);
    refusal("0002.json.sig is missing");
    next.sign("sealpost-roster", &by_old);
    refusal(&format!("is a signature by {}, but {} has to sign", next.id, old.id));

    for file in [&by_old, &by_next] {
        let _ = fs::remove_file(ssh::signature(file));
    }
    sign_as_told(&newsroom, &told, &[&old, &next]);
    newsroom.ok("operator", "finish --dir operator");

    // nor do readers take it with one of the two
    let signature = newsroom.path("operator/publication/roster/0002.sig");
    let both = fs::read_to_string(&signature).unwrap();
    let one = both.split_inclusive("-----END SSH SIGNATURE-----\n").next().unwrap();
    fs::write(&signature, one).unwrap();
    let refused = newsroom.refused("operator", VERIFY);
    assert!(refused.contains("without being signed by both"), "{refused}");
}

#[test]
fn a_change_that_was_not_announced_is_refused() {
    let newsroom = Newsroom::new(&[], "");
    let old = Key::at(newsroom.path("operator/newsroom_key"));
    let new = Key::in_file(&newsroom, "new");
    newsroom.ok("operator", "renew --dir operator");
    let json = newsroom.path("operator/publication/roster/0002.json");
    let line = |key: &Key| {
        let line = fs::read_to_string(&key.public).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    };
    let roster = fs::read_to_string(&json).unwrap();
    fs::write(&json, roster.replace(&line(&old), &line(&new))).unwrap();
    new.sign("sealpost-roster", &json);
    fs::rename(ssh::signature(&json), json.with_extension("sig")).unwrap();
    let refused = newsroom.refused("operator", VERIFY);
    assert!(refused.contains("roster 2 is refused: it is signed by"), "{refused}");
}

#[test]
fn a_change_that_was_announced_by_mistake_can_be_withdrawn() {
    let newsroom = Newsroom::new(&[], "");
    newsroom.ok("operator", "change-key --dir operator --no-passphrase");
    newsroom.ok("operator", "renew --dir operator --signed-by present");
    let shown = newsroom.ok("operator", "show operator/publication");
    assert!(!shown.contains("key next") && !shown.contains("key now"), "{shown}");
    newsroom.ok("operator", "renew --dir operator");
    newsroom.ok("operator", VERIFY);
    // a later change gets a file of its own
    newsroom.ok("operator", "change-key --dir operator --no-passphrase");
    let made = newsroom.ok("operator", "renew --dir operator");
    for outlived in ["newsroom_key ", "newsroom_key_2 "] {
        assert!(made.contains(&format!("Destroy operator/{outlived}")), "{made}");
    }
    newsroom.ok("operator", VERIFY);
}

#[test]
fn the_new_key_has_a_passphrase_of_its_own() {
    let newsroom = Newsroom::empty();
    for (file, words) in [("one", "first words\n"), ("two", "second words\n")] {
        sealpost::disk::write_private(&newsroom.path(file), words.as_bytes()).unwrap();
    }
    newsroom.ok("operator", "init --dir operator --name Ridge --passphrase-file one");
    newsroom.ok(
        "operator",
        "change-key --dir operator --passphrase-file one --new-passphrase-file two",
    );
    let old = newsroom.refused("operator", "renew --dir operator --passphrase-file one");
    assert!(old.contains("newsroom_key_2 does not open"), "{old}");
    newsroom.ok("operator", "renew --dir operator --passphrase-file two");
    let mode = fs::metadata(newsroom.path("operator/newsroom_key_2")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
}

#[test]
fn a_key_that_signs_outside_is_followed_by_one_that_does() {
    let newsroom = Newsroom::empty();
    let key = Key::in_file(&newsroom, "outside");
    let told =
        newsroom.ok("operator", "init --dir operator --name Ridge --newsroom-key outside.pub");
    sign_and_finish(&newsroom, &told, &[&key]);
    let refused = newsroom.refused("operator", "change-key --dir operator --no-passphrase");
    assert!(refused.contains("--new-key FILE.pub"), "{refused}");
    let same = newsroom.refused("operator", "change-key --dir operator --new-key outside.pub");
    assert!(same.contains("the next newsroom key is the present one"), "{same}");
    let private = newsroom.refused("operator", "change-key --dir operator --new-key outside");
    assert!(private.contains("this is the private newsroom key"), "{private}");
}
