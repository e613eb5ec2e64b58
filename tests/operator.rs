//! The operator's program from outside, and its rosters before OpenSSH's own tools.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealpost::{
    clock::{Day, Epoch},
    operator::{ceremony::Ceremony, newsroom_secret::NewsroomSecret},
    publication,
    random::SystemEntropy,
    roster::{
        AddressBook, Card, IdentityKey, NewsroomId, UnsignedBatch, UnsignedCard, UnsignedRoster,
        UntrustedCard,
    },
    secret::SecretText,
};

const PASSPHRASE: &str = "several words of a test";

/// A newsroom's folder in a temporary one, with a passphrase file beside it.
struct Newsroom {
    temporary: tempfile::TempDir,
}

impl Newsroom {
    /// Made by the program.
    fn new() -> Self {
        let newsroom = Self::empty();
        newsroom.must(&["init", "--dir", "@", "--name", "The Border Post"]);
        newsroom
    }

    /// Made by the library on another day.
    fn made_on(day: Day) -> Self {
        let newsroom = Self::empty();
        let passphrase = SecretText::new(PASSPHRASE.to_owned());
        let entropy = SystemEntropy::new();
        Ceremony::init(&newsroom.dir(), "Old Times", Some(&passphrase), day, &entropy).unwrap();
        newsroom
    }

    fn empty() -> Self {
        let newsroom = Self { temporary: tempfile::tempdir().unwrap() };
        newsroom.file("passphrase", format!("{PASSPHRASE}\n").as_bytes());
        newsroom
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    fn dir(&self) -> PathBuf {
        self.path("newsroom")
    }

    fn publication(&self) -> PathBuf {
        self.dir().join("publication")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Runs the program; `@` is the newsroom's folder.
    fn run(&self, arguments: &[&str]) -> Output {
        let dir = self.dir();
        let arguments =
            arguments.iter().map(|a| if *a == "@" { dir.as_os_str() } else { a.as_ref() });
        Command::new(env!("CARGO_BIN_EXE_sealpost-operator"))
            .args(arguments)
            .env("SEALPOST_PASSPHRASE_FILE", self.path("passphrase"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one sentence with which the program fails.
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.lines().count(), 1, "one sentence: {error}");
        error.strip_prefix("sealpost-operator: ").unwrap().trim_end().to_owned()
    }

    fn verify(&self) -> Result<String, String> {
        let key = self.dir().join("newsroom_key.pub");
        self.verify_with(key.to_str().unwrap())
    }

    fn verify_with(&self, newsroom_key: &str) -> Result<String, String> {
        let publication = self.publication();
        let arguments = ["verify", publication.to_str().unwrap(), "--newsroom-key", newsroom_key];
        if self.run(&arguments).status.success() {
            Ok(self.must(&arguments))
        } else {
            Err(self.refusal(&arguments))
        }
    }

    /// Adds a reviewer with the program.
    fn add(&self, reviewer: &Reviewer) {
        let (path, fingerprint) = self.card(reviewer);
        self.must(&["add", "--dir", "@", &path, "--fingerprint", &fingerprint]);
    }

    /// A card's file and its fingerprint.
    fn card(&self, reviewer: &Reviewer) -> (String, String) {
        let path = self.file(&format!("{}.card", reviewer.name), &reviewer.card());
        (path.to_str().unwrap().to_owned(), reviewer.read_card().fingerprint().to_string())
    }

    fn roster(&self, file: &str) -> PathBuf {
        self.publication().join("roster").join(file)
    }

    fn id(&self) -> NewsroomId {
        let public = self.dir().join("newsroom_key.pub");
        publication::read_pin(public.to_str().unwrap()).unwrap()
    }

    /// Signs a roster's file with stock OpenSSH, as the newsroom.
    fn ssh_sign(&self, namespace: &str, json: &Path) {
        let key = self.dir().join("newsroom_key");
        ssh_keygen(&["-q", "-p", "-P", PASSPHRASE, "-N", "", "-f", text(&key)], b"");
        let _ = fs::remove_file(json.with_extension("json.sig"));
        ssh_keygen(&["-q", "-Y", "sign", "-n", namespace, "-f", text(&key), text(json)], b"");
        fs::rename(json.with_extension("json.sig"), json.with_extension("sig")).unwrap();
    }
}

/// A reviewer whose card has no sealing key yet.
struct Reviewer {
    name: &'static str,
    pair: Ed25519KeyPair,
}

impl Reviewer {
    fn new(name: &'static str) -> Self {
        let mut seed = [0; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        Self { name, pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap() }
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.pair.sign(bytes).as_ref().try_into().unwrap()
    }

    fn card(&self) -> Vec<u8> {
        let name = self.name.parse().unwrap();
        let batch = UnsignedBatch {
            newsroom: None,
            reviewer: self.name.parse().unwrap(),
            first_epoch: Epoch(0),
            sequence: 0,
            recipients: Vec::new(),
        };
        let batch = batch.sign_with(|bytes| self.sign(bytes));
        let identity = IdentityKey(self.pair.public_key().as_ref().try_into().unwrap());
        let mail = format!("{}@canary.example", self.name).parse().ok().unwrap();
        let card = UnsignedCard::new(name, identity, mail, &batch).ok().unwrap();
        card.sign_with(|bytes| self.sign(bytes))
    }

    fn read_card(&self) -> Card {
        UntrustedCard(self.card()).verify().ok().unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn try_ssh_keygen(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("ssh-keygen")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ssh-keygen is installed (Debian: openssh-client)");
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn ssh_keygen(arguments: &[&str], input: &[u8]) -> String {
    let output = try_ssh_keygen(arguments, input);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_newsroom_is_made_shown_and_verified() {
    let newsroom = Newsroom::new();
    let fingerprint = newsroom.id().to_string();
    let shown = newsroom.must(&["show", text(&newsroom.publication())]);
    assert!(shown.starts_with("The Border Post\n") && shown.contains(&fingerprint), "{shown}");
    assert!(shown.contains("version 1") && shown.contains("in 90 days"), "{shown}");

    let verified = newsroom.verify().unwrap();
    assert!(verified.contains("roster 1, 0 reviewers"), "{verified}");
    assert_eq!(newsroom.verify_with(&fingerprint).unwrap(), verified);
    let again = newsroom.refusal(&["init", "--dir", "@", "--name", "Another"]);
    assert!(again.contains("is there already"), "{again}");
}

#[test]
fn reviewers_come_and_go_and_their_mail_stays_private() {
    let newsroom = Newsroom::new();
    let [mina, jun] = [Reviewer::new("mina"), Reviewer::new("jun")];
    newsroom.add(&mina);
    newsroom.add(&jun);
    let host = "https://127.0.0.1:8443";
    let [now, next] = ["ab".repeat(32), "cd".repeat(32)];
    newsroom.must(&["address", "--dir", "@", "--url", host, "--tls", &now, "--next", &next]);
    newsroom.must(&["remove", "--dir", "@", "mina"]);
    newsroom.must(&["renew", "--dir", "@"]);

    let shown = newsroom.must(&["show", text(&newsroom.publication())]);
    for line in [
        "version 6",
        "Reviewers: 1",
        "  jun  no sealing keys",
        "    TLS key now   abab",
        "    TLS key next  cdcd",
        "+mina",
        "addresses",
        "-mina",
        "renewed",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(newsroom.verify().unwrap().contains("roster 6, 1 reviewers"));

    let keys = newsroom.publication().join("keys");
    assert!(keys.join("jun.json").exists() && !keys.join("mina.json").exists());
    let book = AddressBook::parse(&fs::read(newsroom.dir().join("addresses.json")).unwrap());
    let book = book.ok().unwrap();
    assert!(book.get(&"mina".parse().unwrap()).is_none());
    let mail = book.get(&"jun".parse().unwrap()).map(|mail| mail.as_str().to_owned());
    assert_eq!(mail.as_deref(), Some("jun@canary.example"));

    let mut files = 0;
    for folder in ["roster", "keys"] {
        for entry in fs::read_dir(newsroom.publication().join(folder)).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("canary.example"));
            files += 1;
        }
    }
    assert_eq!(files, 13, "six rosters, six signatures, one batch");
}

#[test]
fn private_files_are_private() {
    let newsroom = Newsroom::new();
    let mode = |name| fs::metadata(newsroom.dir().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("newsroom_key"), mode("addresses.json")), (0o600, 0o600));
    let key = newsroom.dir().join("newsroom_key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(newsroom.refusal(&["renew", "--dir", "@"]).contains("chmod 600"));
}

#[test]
fn a_card_is_added_only_when_confirmed() {
    let newsroom = Newsroom::new();
    let [mina, eve] = [Reviewer::new("mina"), Reviewer::new("eve")];
    let (card, fingerprint) = newsroom.card(&mina);
    let (_, other) = newsroom.card(&eve);
    let add = |more: &[&str]| newsroom.refusal(&[&["add", "--dir", "@", &card], more].concat());

    assert!(add(&[]).contains("confirm each card"));
    assert!(add(&["--fingerprint", &other]).contains("no --fingerprint given"));
    let mut forged = mina.card();
    let place = forged.windows(4).position(|w| w == b"mina").unwrap();
    forged[place] = b'n';
    newsroom.file("mina.card", &forged);
    assert!(
        add(&["--fingerprint", &fingerprint]).contains("mina.card: the signature does not match")
    );
    assert!(newsroom.verify().unwrap().contains("roster 1, 0 reviewers"));

    newsroom.add(&mina);
    let twice = add(&["--fingerprint", &fingerprint]);
    assert!(twice.contains("remove mina first"), "{twice}");
    let mut renamed = Reviewer::new("mina");
    renamed.name = "nima";
    let (card, fingerprint) = newsroom.card(&renamed);
    let taken = newsroom.refusal(&["add", "--dir", "@", &card, "--fingerprint", &fingerprint]);
    assert!(taken.contains("as mina's"), "{taken}");
    assert!(
        newsroom.refusal(&["remove", "--dir", "@", "eve"]).contains("eve is not on the roster")
    );
}

#[test]
fn the_passphrase_protects_the_key() {
    let newsroom = Newsroom::new();
    newsroom.file("passphrase", b"another");
    let wrong = newsroom.refusal(&["renew", "--dir", "@"]);
    assert!(wrong.contains("the passphrase is wrong"), "{wrong}");
    newsroom.file("passphrase", b"\n");
    assert!(newsroom.refusal(&["renew", "--dir", "@"]).contains("empty"));

    let bare = Newsroom::empty();
    let made = bare.run(&["init", "--dir", "@", "--name", "n", "--no-passphrase"]);
    assert!(String::from_utf8_lossy(&made.stderr).starts_with("warning: "));
    fs::remove_file(bare.path("passphrase")).unwrap();
    bare.must(&["renew", "--dir", "@"]);
}

#[test]
fn wrong_use_is_exit_code_2() {
    let newsroom = Newsroom::empty();
    for wrong in [
        &["sign"][..],
        &["init", "--dir", "@"],
        &["remove", "--dir", "@", "Mina"],
        &["address", "--dir", "@"],
        &["address", "--dir", "@", "--url", "https://a"],
        &["add", "--dir", "@", "card", "--fingerprint", "abc"],
    ] {
        assert_eq!(newsroom.run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    newsroom.must(&["--help"]);
    newsroom.must(&["add", "--help"]);
}

#[test]
fn openssh_accepts_our_roster_and_our_key() {
    let newsroom = Newsroom::new();
    newsroom.add(&Reviewer::new("mina"));
    let key = newsroom.dir().join("newsroom_key");
    let public = fs::read_to_string(newsroom.dir().join("newsroom_key.pub")).unwrap();
    let read = ssh_keygen(&["-y", "-P", PASSPHRASE, "-f", text(&key)], b"");
    assert_eq!(read.trim(), public.trim());
    assert!(!try_ssh_keygen(&["-y", "-P", "wrong", "-f", text(&key)], b"").status.success());
    let print = ssh_keygen(&["-l", "-f", text(&newsroom.dir().join("newsroom_key.pub"))], b"");
    assert!(print.contains(&newsroom.id().to_string()), "{print}");

    let allowed = newsroom.file("allowed_signers", format!("newsroom {public}").as_bytes());
    let roster = fs::read(newsroom.roster("0002.json")).unwrap();
    let signature = newsroom.roster("0002.sig");
    let about = ["-n", "sealpost-roster", "-s", text(&signature)];
    let who = ["-Y", "verify", "-f", text(&allowed), "-I", "newsroom"];
    ssh_keygen(&[&who[..], &about].concat(), &roster);
    ssh_keygen(&[&["-Y", "check-novalidate"][..], &about].concat(), &roster);
    let altered = [&roster[..], b"\n"].concat();
    assert!(!try_ssh_keygen(&[&who[..], &about].concat(), &altered).status.success());
}

#[test]
fn a_roster_signed_by_openssh_verifies_here() {
    let newsroom = Newsroom::new();
    let json = newsroom.roster("0001.json");
    let ours = fs::read(newsroom.roster("0001.sig")).unwrap();
    newsroom.ssh_sign("sealpost-roster", &json);
    newsroom.verify().unwrap();
    let theirs = fs::read(newsroom.roster("0001.sig")).unwrap();
    assert_eq!(ours, theirs, "Ed25519 and the armor leave no room for a difference");
}

#[test]
fn each_refusal_is_one_sentence() {
    let newsroom = Newsroom::new();
    newsroom.add(&Reviewer::new("mina"));
    newsroom.add(&Reviewer::new("jun"));
    newsroom.verify().unwrap();
    let [first, second, third] =
        ["0001.json", "0002.json", "0003.json"].map(|f| newsroom.roster(f));
    let whole = [&first, &second, &third].map(|file| fs::read(file).unwrap());

    // forged
    let text = String::from_utf8(whole[1].clone()).unwrap();
    fs::write(&second, text.replace("mina", "evil")).unwrap();
    let forged = newsroom.verify().unwrap_err();
    assert!(forged.starts_with("roster 2 is refused: the signature does not match"), "{forged}");
    fs::write(&second, &whole[1]).unwrap();

    // a gap
    fs::rename(&second, newsroom.path("aside")).unwrap();
    let gap = newsroom.verify().unwrap_err();
    assert!(gap.starts_with("roster/0002.json is missing"), "{gap}");
    fs::rename(newsroom.path("aside"), &second).unwrap();
    newsroom.verify().unwrap();

    // not canonical, although signed by the newsroom
    fs::write(&third, [&whole[2][..], b"\n"].concat()).unwrap();
    newsroom.ssh_sign("sealpost-roster", &third);
    let spelled = newsroom.verify().unwrap_err();
    assert!(spelled.starts_with("roster 3 is refused: the roster is not canonical"), "{spelled}");

    // signed by the newsroom for something else
    fs::write(&third, &whole[2]).unwrap();
    newsroom.ssh_sign("git", &third);
    let purpose = newsroom.verify().unwrap_err();
    assert!(purpose.contains("made for another purpose"), "{purpose}");
    newsroom.ssh_sign("sealpost-roster", &third);
    newsroom.verify().unwrap();

    // a fork: another second version, signed by the newsroom
    fs::write(&second, text.replace("mina", "nima")).unwrap();
    newsroom.ssh_sign("sealpost-roster", &second);
    let fork = newsroom.verify().unwrap_err();
    assert!(fork.starts_with("roster 3 is refused: it does not follow"), "{fork}");
}

#[test]
fn a_foreign_key_is_refused() {
    let [newsroom, other] = [Newsroom::new(), Newsroom::new()];
    let foreign = newsroom.verify_with(&other.id().to_string()).unwrap_err();
    assert!(foreign.contains("belongs to another newsroom"), "{foreign}");
    let private = newsroom.verify_with(text(&newsroom.dir().join("newsroom_key"))).unwrap_err();
    assert!(private.contains("this is the private newsroom key"), "{private}");
    let absent = newsroom.verify_with("/nonexistent").unwrap_err();
    assert!(absent.starts_with("/nonexistent: "), "{absent}");

    newsroom.add(&Reviewer::new("mina"));
    other.add(&Reviewer::new("mina"));
    for file in ["0002.json", "0002.sig"] {
        fs::copy(other.roster(file), newsroom.roster(file)).unwrap();
    }
    let mixed = newsroom.verify().unwrap_err();
    assert!(mixed.starts_with("roster 2 is refused: it is signed by SHA256:"), "{mixed}");
}

#[test]
fn foreign_sealing_keys_are_refused() {
    let newsroom = Newsroom::new();
    newsroom.add(&Reviewer::new("mina"));
    newsroom.add(&Reviewer::new("jun"));
    let keys = newsroom.publication().join("keys");
    fs::copy(keys.join("jun.json"), keys.join("mina.json")).unwrap();
    let refused = newsroom.verify().unwrap_err();
    assert!(refused.starts_with("the sealing keys in keys/mina.json are refused"), "{refused}");
    let shown = newsroom.must(&["show", text(&newsroom.publication())]);
    assert!(shown.contains("Not taken: keys/mina.json"), "{shown}");
}

#[test]
fn a_lapsed_roster_is_refused_until_it_is_renewed() {
    let newsroom = Newsroom::made_on("2020-02-01".parse().unwrap());
    let lapsed = newsroom.verify().unwrap_err();
    assert!(lapsed.starts_with("the roster lapsed on 2020-05-01"), "{lapsed}");
    assert!(newsroom.must(&["show", text(&newsroom.publication())]).contains("it lapsed on"));
    newsroom.must(&["renew", "--dir", "@"]);
    newsroom.verify().unwrap();
}

#[test]
fn a_clock_behind_the_last_roster_signs_nothing() {
    let newsroom = Newsroom::made_on("2999-01-01".parse().unwrap());
    let behind = newsroom.refusal(&["renew", "--dir", "@"]);
    assert!(behind.contains("set the clock first"), "{behind}");
}

#[test]
fn another_newsrooms_private_key_signs_nothing() {
    let [newsroom, other] = [Newsroom::new(), Newsroom::new()];
    fs::copy(other.dir().join("newsroom_key"), newsroom.dir().join("newsroom_key")).unwrap();
    let refused = newsroom.refusal(&["renew", "--dir", "@"]);
    assert!(refused.contains("is not the key that signs"), "{refused}");
}

#[test]
fn both_keys_sign_a_change_of_key_and_openssh_sees_the_first() {
    let newsroom = Newsroom::new();
    let passphrase = || Ok(SecretText::new(PASSPHRASE.to_owned()));
    let old = Ceremony::open(&newsroom.dir()).unwrap();
    let key = old.publication().roster().newsroom_key();
    let secret = old.unlock(key, passphrase).ok().unwrap();
    let next = NewsroomSecret::generate(&SystemEntropy::new());
    let today = old.publication().roster().issued();
    let roster = UnsignedRoster::after(old.publication().roster(), today).announcing(next.key());
    let signed = roster.sign_with(|key, bytes| {
        let signer = if *key == secret.key() { &secret } else { &next };
        Ok::<_, sealpost::roster::RosterError>(signer.sign(bytes))
    });
    publication::add_roster(&newsroom.publication(), 2, &signed.unwrap()).unwrap();
    newsroom.verify().unwrap();

    let roster = fs::read(newsroom.roster("0002.json")).unwrap();
    let signature = newsroom.roster("0002.sig");
    let about = ["-n", "sealpost-roster", "-s", text(&signature)];
    let said = ssh_keygen(&[&["-Y", "check-novalidate"][..], &about].concat(), &roster);
    assert!(said.contains(&newsroom.id().to_string()), "{said}");
}
