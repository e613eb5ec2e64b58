//! A newsroom whose key is a hardware key: a software one that OpenSSH drives as it drives a real one.

use std::fs;

use crate::{
    newsroom::Newsroom,
    roster_reload::stanzas,
    ssh::{self, Key, sign_and_finish},
};

/// A newsroom that began with a hardware key.
fn newsroom() -> (Newsroom, Key) {
    let newsroom = Newsroom::empty();
    let key = Key::in_hardware(&newsroom, "token");
    let told =
        newsroom.ok("operator", "init --dir operator --name Ridge-Desk --newsroom-key token.pub");
    assert!(told.contains("a hardware key: touch it"), "{told}");
    sign_and_finish(&newsroom, &told, &[&key]);
    (newsroom, key)
}

#[test]
fn a_hardware_key_begins_a_newsroom_that_gateway_and_reviewer_take() {
    let (mut newsroom, key) = newsroom();
    for name in ["ridge", "harbour"] {
        newsroom.come(name);
        sign_and_finish(&newsroom, &newsroom.add(name), &[&key]);
    }
    newsroom.ok("operator", "verify operator/publication --newsroom-key token.pub");
    let id = format!("verify operator/publication --newsroom-key {}", key.id);
    newsroom.ok("operator", &id);
    for version in 1..=3 {
        let file =
            |kind| newsroom.path(&format!("operator/publication/roster/{version:04}.{kind}"));
        assert!(key.openssh_accepts(&file("json"), &file("sig")));
    }

    newsroom.set_up_gateway("token.pub", "");
    let gateway = newsroom.serve();
    assert_eq!(stanzas(&newsroom, &gateway), 2);
    let told = newsroom.ok("operator", "remove --dir operator harbour");
    assert_eq!(stanzas(&newsroom, &gateway), 2, "not before it is signed");
    sign_and_finish(&newsroom, &told, &[&key]);
    assert_eq!(stanzas(&newsroom, &gateway), 1);
    newsroom.ok("reviewer", "join --dir ridge --newsroom-key token.pub operator/publication");
}

#[test]
fn a_roster_counts_only_if_somebody_touched_the_key() {
    let (newsroom, key) = newsroom();
    newsroom.ok("operator", "renew --dir operator");
    let json = newsroom.path("operator/pending/0002.json");
    for (flags, expected) in [
        ("00", "without being touched (no user presence)"),
        ("04", "without being touched (no user presence)"),
        ("09", "sets flags other than"),
        ("81", "sets flags other than"),
    ] {
        key.sign_with_flags(flags, "sealpost-roster", &json);
        // OpenSSH itself looks at the signature alone
        assert!(key.openssh_accepts(&json, &ssh::signature(&json)), "{flags}");
        let refused = newsroom.refused("operator", "finish --dir operator");
        assert!(refused.contains(expected), "{flags}: {refused}");
    }
    // touched, with a PIN
    key.sign_with_flags("05", "sealpost-roster", &json);
    newsroom.ok("operator", "finish --dir operator");
    newsroom.ok("operator", "verify operator/publication --newsroom-key token.pub");

    // nor does a gateway or reviewer take one that was put there in another way
    let [placed, signature] = ["json", "sig"]
        .map(|kind| newsroom.path(&format!("operator/publication/roster/0002.{kind}")));
    key.sign_with_flags("00", "sealpost-roster", &placed);
    fs::rename(ssh::signature(&placed), &signature).unwrap();
    let verify = "verify operator/publication --newsroom-key token.pub";
    let refused = newsroom.refused("operator", verify);
    assert!(refused.contains("roster 2 is refused") && refused.contains("touched"), "{refused}");
}

#[test]
fn another_hardware_key_does_not_count() {
    let (newsroom, _key) = newsroom();
    let other = Key::in_hardware(&newsroom, "other");
    newsroom.ok("operator", "renew --dir operator");
    other.sign("sealpost-roster", &newsroom.path("operator/pending/0002.json"));
    let refused = newsroom.refused("operator", "finish --dir operator");
    assert!(refused.contains("has to sign"), "{refused}");
}

/// The handle's file is worth nothing to this program, wherever it lies.
#[test]
fn a_handle_in_the_folder_still_signs_outside() {
    let (newsroom, key) = newsroom();
    fs::copy(&key.private, newsroom.path("operator/newsroom_key")).unwrap();
    let told = newsroom.ok("operator", "renew --dir operator");
    assert!(told.contains("-f operator/newsroom_key "), "{told}");
    sign_and_finish(&newsroom, &told, &[&key]);
}

#[test]
fn of_two_hardware_keys_either_can_go_on_alone() {
    let (newsroom, first) = newsroom();
    let spare = Key::in_hardware(&newsroom, "spare");
    let told = newsroom.ok("operator", "change-key --dir operator --new-key spare.pub");
    sign_and_finish(&newsroom, &told, &[&first, &spare]);
    let told = newsroom.ok("operator", "renew --dir operator --signed-by both");
    sign_and_finish(&newsroom, &told, &[&first, &spare]);

    // the spare is lost
    let told = newsroom.ok("operator", "renew --dir operator --signed-by present");
    sign_and_finish(&newsroom, &told, &[&first]);
    let alone = newsroom.refused("operator", "renew --dir operator --signed-by both");
    assert!(alone.contains("no next newsroom key is announced"), "{alone}");

    // there is another; then the first one is lost
    let other = Key::in_hardware(&newsroom, "other");
    let told = newsroom.ok("operator", "change-key --dir operator --new-key other.pub");
    sign_and_finish(&newsroom, &told, &[&first, &other]);
    let told = newsroom.ok("operator", "renew --dir operator");
    let changed = sign_and_finish(&newsroom, &told, &[&other]);
    assert!(changed.contains(&format!("from here on {} signs", other.id)), "{changed}");
    newsroom.ok("operator", "verify operator/publication --newsroom-key token.pub");
}
