//! Secrets: no type that holds one can be printed or copied by accident, and no file that holds one
//! was ever open to others, not even for a moment.

use std::{
    fmt::{Debug, Display},
    marker::PhantomData,
    process::Command,
};

use sealpost::{
    codename::{Codename, Mailbox, ReplyText, Root},
    operator::newsroom_secret::NewsroomSecret,
    reviewer::{identity::IdentitySecret, sealing_key::SealingSecret, vault::Unlocked},
    secret::{SecretBytes, SecretKey, SecretText},
};

use crate::newsroom::{Newsroom, in_ci};

/// Tells which traits a type has: the method of its own counts before the trait's, and is there only
/// if the bound holds.
struct Probe<T>(PhantomData<T>);

impl<T: Debug> Probe<T> {
    fn has_debug(&self) -> bool {
        true
    }
}

impl<T: Display> Probe<T> {
    fn has_display(&self) -> bool {
        true
    }
}

impl<T: Clone> Probe<T> {
    fn has_clone(&self) -> bool {
        true
    }
}

trait Otherwise {
    fn has_debug(&self) -> bool {
        false
    }
    fn has_display(&self) -> bool {
        false
    }
    fn has_clone(&self) -> bool {
        false
    }
}

impl<T> Otherwise for Probe<T> {}

macro_rules! traits_of {
    ($type:ty) => {{
        let probe = Probe::<$type>(PhantomData);
        (stringify!($type), [probe.has_debug(), probe.has_display(), probe.has_clone()])
    }};
}

#[test]
fn no_secret_can_be_printed_or_copied() {
    for (name, traits) in [
        traits_of!(SecretText),
        traits_of!(SecretBytes),
        traits_of!(SecretKey<32>),
        traits_of!(IdentitySecret),
        traits_of!(SealingSecret),
        traits_of!(Unlocked),
        traits_of!(NewsroomSecret),
        traits_of!(Codename),
        traits_of!(Root),
        traits_of!(Mailbox),
        traits_of!(ReplyText),
    ] {
        assert_eq!(traits, [false; 3], "{name}: Debug, Display, Clone");
    }
    // control
    assert_eq!(traits_of!(String).1, [true; 3]);
}

/// Files of the programs' folders that everybody may read.
const PUBLIC: [&str; 6] =
    [".pub", "publication/", "pending.new/.000", "certificate", "/dev/", "trace.log"];

#[test]
fn a_secrets_file_is_private_from_its_creation() {
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(!in_ci(), "CI needs strace");
        eprintln!("skipped: no strace");
        return;
    }
    let newsroom = Newsroom::new(&["jun"], "");
    let mut created = Vec::new();
    for (role, line) in [
        ("reviewer", "init --dir mina --name mina --mail mina@localhost --no-passphrase"),
        ("operator", "init --dir other --name Other --no-passphrase"),
        (
            "gateway",
            "init --dir gateway-2 --publication operator/publication --newsroom-key \
             operator/newsroom_key.pub --addresses operator/addresses.json --tips 127.0.0.1:0 \
             --desk 127.0.0.1:0",
        ),
        ("operator", "change-key --dir other --no-passphrase"),
        ("gateway", "next-tls-key --config gateway-2/gateway.toml"),
    ] {
        created.extend(traced(&newsroom, role, line));
    }
    let is_public = |path: &str| PUBLIC.iter().any(|public| path.contains(public));
    let (public, private): (Vec<_>, Vec<_>) =
        created.into_iter().partition(|(path, _)| is_public(path));
    for (path, mode) in &private {
        assert_eq!(mode, "0600", "{path}");
    }
    for name in
        ["identity.txt", "mina/keys/.", "newsroom_key", "addresses.json", "gateway.toml", "key.pem"]
    {
        assert!(private.iter().any(|(path, _)| path.contains(name)), "{name}: {private:?}");
    }
    // control: what is public shows that modes are told apart
    assert!(public.iter().any(|(_, mode)| mode == "0644"), "{public:?}");
}

/// Runs a command under strace; path and mode of every file that it created. A change of mode
/// afterwards would be no help, so that there must be none.
fn traced(newsroom: &Newsroom, role: &str, line: &str) -> Vec<(String, String)> {
    let log = newsroom.path("trace.log");
    let done = Command::new("strace")
        .args(["-f", "-qq", "-s", "4096", "-e", "trace=open,openat,creat,chmod,fchmod,fchmodat"])
        .arg("-o")
        .arg(&log)
        .arg(crate::newsroom::program(role))
        .args(line.split_whitespace())
        .current_dir(newsroom.path(""))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let calls = std::fs::read_to_string(log).unwrap();
    assert!(!calls.contains("chmod"), "{calls}");
    let created = calls.lines().filter(|call| call.contains("O_CREAT"));
    created
        .map(|call| {
            let path = call.split('"').nth(1).unwrap().to_owned();
            let mode = call.rsplit(") =").nth(1).unwrap().rsplit(", ").next().unwrap();
            (path, mode.trim().to_owned())
        })
        .collect()
}
