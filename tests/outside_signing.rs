//! Rosters signed outside the operator's program, by stock OpenSSH: each act waits whole, is put into
//! its place whole or not at all, and nothing but the right signature moves it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    newsroom::{Newsroom, files_below, program},
    ssh::{self, Key, sign_and_finish, text},
};

/// A newsroom whose key `outside` never comes into its folder, with one reviewer.
fn newsroom() -> (Newsroom, Key) {
    let newsroom = Newsroom::empty();
    let key = Key::in_file(&newsroom, "outside");
    let told =
        newsroom.ok("operator", "init --dir operator --name Ridge-Desk --newsroom-key outside.pub");
    sign_and_finish(&newsroom, &told, &[&key]);
    newsroom.come("ridge");
    sign_and_finish(&newsroom, &newsroom.add("ridge"), &[&key]);
    (newsroom, key)
}

/// Everything in the operator's folder but what waits there, and what a crash left of a file that was
/// not written to its end.
fn in_place(newsroom: &Newsroom) -> BTreeMap<PathBuf, Vec<u8>> {
    let dir = newsroom.path("operator");
    let mut files = files_below(&dir);
    files.retain(|file| !file.starts_with(dir.join("pending")) && !text(file).ends_with(".new"));
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

fn verified(newsroom: &Newsroom) -> String {
    newsroom.ok("operator", "verify operator/publication --newsroom-key outside.pub")
}

#[test]
fn every_act_waits_for_its_signature_and_is_then_put_into_its_place() {
    let newsroom = Newsroom::empty();
    let key = Key::in_file(&newsroom, "outside");
    let begin = "init --dir operator --name Ridge-Desk --newsroom-key outside.pub";
    let told = newsroom.ok("operator", begin);
    assert!(in_place(&newsroom).is_empty(), "nothing is there before it is signed");
    let begun = sign_and_finish(&newsroom, &told, &[&key]);
    assert!(begun.contains("begins") && begun.contains(&key.id.to_string()), "{begun}");

    for name in ["ridge", "harbour"] {
        newsroom.come(name);
    }
    let tls = "ab".repeat(32);
    let acts: [&dyn Fn() -> String; 6] = [
        &|| newsroom.add("ridge"),
        &|| newsroom.add("harbour"),
        &|| newsroom.ok("operator", "remove --dir operator harbour"),
        &|| {
            let address = format!("--url https://127.0.0.1:8443 --tls {tls}");
            newsroom.ok("operator", &format!("address --dir operator {address}"))
        },
        &|| newsroom.ok("operator", "renew --dir operator"),
        &|| newsroom.ok("operator", "renew --dir operator --sign-outside"),
    ];
    for act in acts {
        let before = in_place(&newsroom);
        let told = act();
        assert!(in_place(&newsroom) == before, "nothing changes before it is signed");
        for other in [
            "renew --dir operator",
            "remove --dir operator ridge",
            "change-key --dir operator --new-key outside.pub",
            "init --dir operator --name Another --newsroom-key outside.pub",
        ] {
            let refused = newsroom.refused("operator", other);
            assert!(refused.contains("waits") && refused.contains("discard"), "{refused}");
        }
        let signed = sign_and_finish(&newsroom, &told, &[&key]);
        assert!(signed.contains("Signed roster"), "{signed}");
        assert!(!newsroom.path("operator/pending").exists());
    }
    let good = verified(&newsroom);
    assert!(good.contains("roster 7, 1 reviewers"), "{good}");
    for version in 1..=7 {
        let file =
            |kind| newsroom.path(&format!("operator/publication/roster/{version:04}.{kind}"));
        assert!(key.openssh_accepts(&file("json"), &file("sig")), "{version}");
    }
    let keys = newsroom.path("operator/publication/keys");
    assert!(keys.join("ridge.json").exists() && !keys.join("harbour.json").exists());
    let addresses = fs::read_to_string(newsroom.path("operator/addresses.json")).unwrap();
    assert!(addresses.contains("ridge@localhost") && !addresses.contains("harbour"));
}

#[test]
fn a_key_in_the_folder_can_sign_outside_too() {
    let newsroom = Newsroom::empty();
    newsroom.ok("operator", "init --dir operator --name Ridge-Desk --no-passphrase");
    let key = Key::at(newsroom.path("operator/newsroom_key"));
    let told = newsroom.ok("operator", "renew --dir operator --sign-outside");
    assert!(told.contains("ssh-keygen -Y sign -f operator/newsroom_key -n"), "{told}");
    sign_and_finish(&newsroom, &told, &[&key]);
    newsroom.ok("operator", "verify operator/publication --newsroom-key operator/newsroom_key.pub");
}

#[test]
fn what_waits_can_be_dropped() {
    let (newsroom, key) = newsroom();
    let before = in_place(&newsroom);
    newsroom.ok("operator", "remove --dir operator ridge");
    newsroom.ok("operator", "discard --dir operator");
    assert!(in_place(&newsroom) == before);
    for nothing in ["discard", "finish"] {
        let refused = newsroom.refused("operator", &format!("{nothing} --dir operator"));
        assert!(refused.contains("nothing waits"), "{refused}");
    }
    // a newsroom that never began can begin again
    let begin = "init --dir second --name Second --newsroom-key outside.pub";
    newsroom.ok("operator", begin);
    newsroom.ok("operator", "discard --dir second");
    let told = newsroom.ok("operator", begin);
    ssh::sign_as_told(&newsroom, &told, &[&key]);
    newsroom.ok("operator", "finish --dir second");
}

#[test]
fn nothing_but_the_right_signature_is_taken() {
    let (newsroom, key) = newsroom();
    let stranger = Key::in_file(&newsroom, "stranger");
    newsroom.ok("operator", "renew --dir operator");
    let before = in_place(&newsroom);
    let json = newsroom.path("operator/pending/0003.json");
    let roster = fs::read(&json).unwrap();
    let refusal = |expected: &str| {
        let refused = newsroom.refused("operator", "finish --dir operator");
        assert!(refused.contains(expected), "{expected}: {refused}");
        assert!(in_place(&newsroom) == before, "{expected}: nothing was changed");
    };

    refusal("0003.json.sig is missing; sign first: ssh-keygen -Y sign -f KEY -n sealpost-roster");
    key.sign("git", &json);
    refusal("made for another purpose");
    stranger.sign("sealpost-roster", &json);
    refusal(&format!("is a signature by {}, but {} has to sign", stranger.id, key.id));
    fs::write(ssh::signature(&json), "signed, truly\n").unwrap();
    refusal("0003.json.sig: the signature file is malformed");

    key.sign("sealpost-roster", &json);
    let signature = fs::read(ssh::signature(&json)).unwrap();
    fs::write(ssh::signature(&json), signature.repeat(2)).unwrap();
    refusal("holds two signatures");
    fs::write(ssh::signature(&json), &signature).unwrap();

    // altered after it was signed, and altered so that no reader would take it
    let altered = String::from_utf8(roster.clone()).unwrap().replace("\"ridge\"", "\"fudge\"");
    fs::write(&json, &altered).unwrap();
    refusal("0003.json.sig: the signature does not match");
    fs::write(&json, [&roster[..], b"\n"].concat()).unwrap();
    refusal("0003.json: the roster is not canonical");
    // signed by another key, which the roster itself was made to name
    let foreign = |key: &Key| {
        let line = fs::read_to_string(&key.public).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    };
    let renamed = String::from_utf8(roster.clone()).unwrap();
    fs::write(&json, renamed.replace(&foreign(&key), &foreign(&stranger))).unwrap();
    stranger.sign("sealpost-roster", &json);
    refusal("which is not this newsroom's key");

    fs::rename(&json, json.with_file_name("0004.json")).unwrap();
    refusal("0004.json is not the next roster");
    fs::remove_file(json.with_file_name("0004.json")).unwrap();
    refusal("is not the next roster of this newsroom; discard it");

    fs::write(&json, &roster).unwrap();
    key.sign("sealpost-roster", &json);
    newsroom.ok("operator", "finish --dir operator");
    assert!(verified(&newsroom).contains("roster 3"));
}

/// Kills `finish` at one system call after another, and finishes again.
#[test]
fn a_crash_in_the_middle_is_mended_by_finishing_again() {
    let (newsroom, key) = newsroom();
    newsroom.come("harbour");
    let next = Key::in_file(&newsroom, "next");
    let acts: [(&dyn Fn() -> String, &[&Key]); 3] = [
        (&|| newsroom.add("harbour"), &[&key]),
        (&|| newsroom.ok("operator", "remove --dir operator harbour"), &[&key]),
        (
            &|| newsroom.ok("operator", "change-key --dir operator --new-key next.pub"),
            &[&key, &next],
        ),
    ];
    for (act, keys) in acts {
        ssh::sign_as_told(&newsroom, &act(), keys);
        crash_everywhere(&newsroom);
    }
}

fn crash_everywhere(newsroom: &Newsroom) {
    let [operator, start] = ["operator", "start"].map(|name| newsroom.path(name));
    copy(&operator, &start);
    newsroom.ok("operator", "finish --dir operator");
    let end = in_place(newsroom);
    let mut crashes = 0;
    for call in ["rename", "fsync", "unlinkat"] {
        for time in 1.. {
            fs::remove_dir_all(&operator).unwrap();
            copy(&start, &operator);
            if !crash(newsroom, call, time) {
                break;
            }
            crashes += 1;
            let again = newsroom.run("operator", "finish --dir operator");
            assert!(again.status.success(), "{call} {time}: {again:?}");
            assert!(in_place(newsroom) == end, "{call} {time}: not all is in its place");
            verified(newsroom);
        }
    }
    fs::remove_dir_all(&start).unwrap();
    assert!(crashes > 12, "{crashes}");
}

/// Half-way, everything but `finish` is refused.
#[test]
fn what_is_half_in_its_place_is_neither_dropped_nor_passed_over() {
    let (newsroom, key) = newsroom();
    let told = newsroom.ok("operator", "renew --dir operator");
    ssh::sign_as_told(&newsroom, &told, &[&key]);
    // the first call renames pending/, the second a file that is put into its place
    assert!(crash(&newsroom, "rename", 2));
    for other in ["renew", "discard"] {
        let refused = newsroom.refused("operator", &format!("{other} --dir operator"));
        assert!(refused.contains("partly in its place"), "{refused}");
    }
    newsroom.ok("operator", "finish --dir operator");
    assert!(verified(&newsroom).contains("roster 3"));
}

/// Lets `finish` be killed when it makes a system call for the n-th time; false if it was over before.
fn crash(newsroom: &Newsroom, call: &str, time: u32) -> bool {
    let done = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:error=EIO:signal=KILL:when={time}")])
        .arg(program("operator"))
        .args(["finish", "--dir", "operator"])
        .current_dir(newsroom.path(""))
        .output()
        .expect("strace is installed");
    let killed = done.status.signal() == Some(9);
    assert!(killed || done.status.success(), "{done:?}");
    killed
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").args(["-a", text(from), text(to)]).status().unwrap();
    assert!(done.success());
}
