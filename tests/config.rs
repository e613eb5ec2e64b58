//! Each sample in `config/` is parsed, and each mistake in a configuration gives one clear sentence
//! and exit 1 before anything is served.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use sealpost::{
    clock::{Clock, Day, EpochLength, SystemClock},
    gateway::{
        config::{Config, Keep, ListenerKind, Serves, SmtpTls},
        notice::Period,
        tls_key::NewTlsKey,
    },
    operator::ceremony::Ceremony,
    random::SystemEntropy,
};

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    fs::read_to_string(path).unwrap()
}

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("/etc/sealpost/gateway.toml")).map_err(|e| e.to_string())
}

#[test]
fn every_sample_is_parsed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut samples = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        Config::load(&path).unwrap_or_else(|e| panic!("{e}"));
        samples += 1;
    }
    assert_eq!(samples, 2, "a new sample wants a test of its own here");
}

#[test]
fn the_tls_sample_is_what_it_says() {
    let config = parse(&sample("gateway.toml")).unwrap();
    assert_eq!(config.publication, Path::new("/etc/sealpost/publication"), "relative to the file");
    assert_eq!(config.epoch, EpochLength::Week);
    assert!(config.tls.is_some() && config.notice.is_none() && config.quota_bytes.is_none());
    let served: Vec<_> = config.listeners.iter().map(|l| (l.serves, l.kind.is_local())).collect();
    assert_eq!(served, [(Serves::Tips, true), (Serves::Desk, true)]);
}

/// What stands behind `#` in the sample is a default, or parses when the `#` goes.
#[test]
fn the_tls_samples_comments_are_true() {
    let text = sample("gateway.toml");
    let default = parse(&text).unwrap();
    let written: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => {
                // the words beside a value begin after three spaces
                rest.split("   ")
                    .next()
                    .unwrap_or_default()
                    .split("  one")
                    .next()
                    .unwrap_or_default()
            }
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let full = parse(&written).unwrap_or_else(|e| panic!("{e}\n{written}"));
    assert_eq!(format!("{:?}", full.limits), format!("{:?}", default.limits));
    assert_eq!(full.quota_bytes, Some(50_000_000_000));
    assert_eq!(default.keep, Keep::default(), "nothing is deleted unless the operator says so");
    assert_eq!(full.keep, Keep { days: Some(180), days_after_fetched: Some(30) });
    assert_eq!(full.reserve_bytes, Some(8_000_000_000));
    let notice = full.notice.unwrap();
    assert_eq!(notice.period, Period::Daily { second_of_day: 7 * 3_600 });
    assert_eq!((notice.smtp.tls, notice.smtp.port), (SmtpTls::Implicit, 465));
    assert!(notice.smtp.login.is_some() && notice.smtp.ca_file.is_some());
}

#[test]
fn the_onion_sample_is_what_it_says() {
    let config = parse(&sample("onion.toml")).unwrap();
    assert!(config.tls.is_none());
    assert!(config.listeners.iter().all(|l| matches!(l.kind, ListenerKind::Unix { .. })));
    assert_eq!(config.notice.unwrap().smtp.tls, SmtpTls::StartTls);
}

/// A change to a sample, and what the sentence must name.
#[test]
fn a_mistake_is_one_sentence_with_file_and_key() {
    let tls = sample("gateway.toml");
    let onion = sample("onion.toml");
    let public = tls.replace("127.0.0.1:8443", "192.0.2.1:443");
    let top = |key: &str, text: &str| format!("{key}\n{text}");
    let listener = |lines: &str, text: &str| format!("{text}\n[[listener]]\n{lines}\n");
    for (text, needles) in [
        (top("colour = 1", &tls), &["line 1", "colour", "expected"] as &[&str]),
        (onion.replace("max_uploads", "max_upload"), &["max_upload", "expected"]),
        (tls.replace("kind = \"tls\"", "kind = \"tcp\""), &["tcp", "`tls` or `unix`"]),
        (tls.replace("publication = \"publication\"", ""), &["missing field `publication`"]),
        (tls.replace("SHA256:47", "SHA256:4"), &["newsroom_key"]),
        (
            tls.replace("# keep_days = 180", "keep_days = 0"),
            &["store.keep_days", "between 1 and 36500"],
        ),
        (
            tls.replace("# keep_days_after_fetched = 30", "keep_days_after_fetched = 40_000"),
            &["store.keep_days_after_fetched", "between 1 and 36500"],
        ),
        (
            listener("kind = \"tls\"\naddress = \"localhost:1\"\nserves = \"desk\"", &tls),
            &["localhost:1", "127.0.0.1:8443"],
        ),
        (listener("kind = \"tls\"\npath = \"x\"\nserves = \"desk\"", &tls), &["needs an address"]),
        (
            listener("kind = \"unix\"\naddress = \"127.0.0.1:1\"\nserves = \"desk\"", &tls),
            &["needs a path"],
        ),
        (
            listener("kind = \"unix\"\npath = \"x\"\nserves = \"explain\"", &tls),
            &["explain", "remove"],
        ),
        (tls.replace("8444", "8443"), &["127.0.0.1:8443 twice", "of their own"]),
        (tls.replace("serves = \"tips\"", "serves = \"desk\""), &["serves = \"tips\"", "add one"]),
        (
            tls.replace("[tls]", "[limits]")
                .replace("[limits]\n#", "#")
                .replace("[limits]\ncert", "[tls]\ncert")
                .replace("[tls]\ncertificate = \"tls-certificate.pem\"\nkey = \"tls-key.pem\"", ""),
            &["[tls]", "certificate and key"],
        ),
        (top("epoch_seconds = 60", &public), &["epoch_seconds", "loopback", "remove it"]),
        (top("epoch_seconds = 0", &tls), &["epoch_seconds", "at least 1"]),
        (
            onion.replace("max_uploads = 8", "max_uploads = 0"),
            &["limits.max_uploads", "between 1 and"],
        ),
        (
            onion.replace("max_uploads = 8", "max_tip_bytes = 4_294_967_296"),
            &["limits.max_tip_bytes", "4293918720"],
        ),
        (onion.replace("addresses = \"addresses.json\"", ""), &["addresses", "address book"]),
        (onion.replace("daily 07:00", "hourly"), &["notice.period", "daily 07:00"]),
        (onion.replace("period = \"daily 07:00\"", ""), &["notice.period", "missing"]),
        (
            onion.replace(
                "period = \"daily 07:00\"",
                "period = \"daily 07:00\"\nperiod_seconds = 1",
            ),
            &["remove one"],
        ),
        (
            onion.replace("tls = \"starttls\"", "tls = \"none\""),
            &["none", "`implicit` or `starttls`"],
        ),
        (onion.replace("tls = \"starttls\"", ""), &["missing field `tls`"]),
        (
            onion.replace("password_file = \"smtp-password\"", ""),
            &["notice.smtp.username", "both or none"],
        ),
        (onion.replace("sealpost@example.org", "nobody"), &["notice.from", "mail address"]),
    ] {
        let Err(sentence) = parse(&text) else { panic!("taken, but should name {needles:?}") };
        assert!(sentence.starts_with("/etc/sealpost/gateway.toml"), "{sentence}");
        assert!(!sentence.contains('\n'), "{sentence}");
        for needle in needles {
            assert!(sentence.contains(needle), "{needle} is missing in: {sentence}");
        }
    }
}

#[test]
fn seconds_are_for_loopback() {
    let seconds = |text: &str| format!("epoch_seconds = 60\n{text}");
    let config = parse(&seconds(
        &sample("onion.toml").replace("period = \"daily 07:00\"", "period_seconds = 5"),
    ));
    let config = config.unwrap();
    assert!(matches!(config.epoch, EpochLength::Seconds(n) if n.get() == 60));
    assert!(matches!(config.notice.unwrap().period, Period::Seconds(n) if n.get() == 5));
    assert!(parse(&seconds(&sample("gateway.toml"))).is_ok());
}

/// A gateway's folder, complete but for a publication.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let text = sample("gateway.toml")
            .replace("127.0.0.1:844", "127.0.0.1:0 #")
            .replace("0 #3\"", "0\"")
            .replace("0 #4\"", "0\"");
        folder.write("gateway.toml", &text, 0o600);
        folder.write(
            "addresses.json",
            r#"{"format":"sealpost-addresses-v1","addresses":{}}"#,
            0o600,
        );
        let tls = NewTlsKey::generate(vec!["localhost".into()]).unwrap();
        folder.write("tls-key.pem", &tls.key, 0o600);
        folder.write("tls-certificate.pem", &tls.certificate, 0o600);
        for (name, mode) in [("store", 0o700), ("spool", 0o700), ("publication", 0o755)] {
            fs::create_dir(folder.path(name)).unwrap();
            folder.chmod(name, mode);
        }
        folder
    }

    /// With a newsroom of its own, whose roster was signed on that day.
    fn of_newsroom(issued: Day) -> Self {
        let folder = Self::new();
        let dir = folder.path("newsroom");
        let newsroom =
            Ceremony::init(&dir, "The Lantern", None, issued, &SystemEntropy::new()).unwrap();
        let text = fs::read_to_string(folder.path("gateway.toml")).unwrap();
        let key = newsroom.publication().newsroom().to_string();
        let text = text
            .replace("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", &key)
            .replace("\"publication\"", "\"newsroom/publication\"");
        folder.write("gateway.toml", &text, 0o600);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        self.chmod(name, mode);
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn gateway(&self, command: &str) -> Command {
        let mut gateway = Command::new(env!("CARGO_BIN_EXE_sealpost-gateway"));
        gateway.args([command, "--config"]).arg(self.path("gateway.toml"));
        gateway
    }

    fn serve(&self) -> Output {
        // one that serves after all must not keep the test waiting for ever
        output_within(self.gateway("serve"), Duration::from_secs(30))
    }
}

fn output_within(mut command: Command, limit: Duration) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let (done, waiting) = std::sync::mpsc::channel();
    let watch = std::thread::spawn(move || {
        if waiting.recv_timeout(limit).is_err() {
            drop(Command::new("kill").arg(pid.to_string()).status());
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    watch.join().unwrap();
    output
}

#[test]
fn serve_says_what_is_wrong_and_serves_nothing() {
    type Break = fn(&Folder);
    let today = SystemClock.now().day();
    let cases: [(Folder, Break, &[&str]); 10] = [
        (
            Folder::new(),
            |f| fs::remove_file(f.path("gateway.toml")).unwrap(),
            &["gateway.toml", "init"],
        ),
        (
            Folder::new(),
            |f| f.write("gateway.toml", "colour = 1", 0o600),
            &["gateway.toml", "colour"],
        ),
        (Folder::new(), |f| f.chmod("gateway.toml", 0o666), &["gateway.toml", "chmod go-w"]),
        (Folder::new(), |f| f.chmod("tls-key.pem", 0o644), &["tls-key.pem", "chmod 600"]),
        (Folder::new(), |f| f.chmod("addresses.json", 0o640), &["addresses.json", "chmod 600"]),
        (
            Folder::new(),
            |f| fs::remove_file(f.path("tls-key.pem")).unwrap(),
            &["tls-key.pem", "missing"],
        ),
        (
            Folder::new(),
            |f| fs::remove_dir(f.path("publication")).unwrap(),
            &["publication", "missing"],
        ),
        (Folder::new(), |_| (), &["publication", "not taken"]),
        (
            Folder::of_newsroom(Day(today.0 - 200)),
            |_| (),
            &["publication", "roster 1 lapsed", "sign the next"],
        ),
        (Folder::of_newsroom(today.plus(2)), |_| (), &["clock", "set the clock"]),
    ];
    for (folder, break_it, needles) in cases {
        break_it(&folder);
        let output = folder.serve();
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{sentence}");
        assert!(output.stdout.is_empty(), "nothing was served");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
        for needle in needles {
            assert!(sentence.contains(needle), "{needle} is missing in: {sentence}");
        }
    }
}

/// The control: the same folder with nothing wrong is served, and ends when it is told to.
#[test]
fn serve_says_where_it_listens_and_stops_on_sigterm() {
    let folder = Folder::of_newsroom(SystemClock.now().day());
    let mut gateway = folder.gateway("serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(gateway.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ready = [lines.next().unwrap(), lines.next().unwrap()];
    for (line, serves) in ready.iter().zip(["tips", "desk"]) {
        let address = line.strip_prefix(&format!("ready {serves} https://")).unwrap();
        assert!(TcpStream::connect(address).is_ok(), "{line}");
    }
    assert!(Command::new("kill").arg(gateway.id().to_string()).status().unwrap().success());
    assert_eq!(gateway.wait().unwrap().code(), Some(0));
    assert_eq!(lines.count(), 0);
}

#[test]
fn init_makes_what_check_and_serve_take() {
    let folder = Folder::of_newsroom(SystemClock.now().day());
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_sealpost-gateway"))
            .args(args)
            .current_dir(folder.0.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let key = folder.path("newsroom/newsroom_key.pub");
    let init = [
        "init",
        "--dir",
        "made",
        "--publication",
        "newsroom/publication",
        "--newsroom-key",
        key.to_str().unwrap(),
        "--addresses",
        "addresses.json",
        "--tips",
        "127.0.0.1:0",
        "--desk",
        "127.0.0.1:0",
    ];
    let (code, said, complaint) = run(&init);
    assert_eq!(code, 0, "{complaint}");
    let pin = said.split("--tls ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(pin.len(), 64, "{said}");

    let (code, list, complaint) = run(&["check", "--config", "made/gateway.toml"]);
    assert_eq!(code, 0, "{list}{complaint}");
    assert!(list.lines().any(|line| line.starts_with("warning") && line.contains(pin)), "{list}");
    assert!(
        list.lines().any(|line| line.starts_with("warning") && line.contains("form stays closed"))
    );

    let (code, said, complaint) = run(&init);
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(complaint.contains("not empty"), "{complaint}");
    let (code, _, _) = run(&["verify", "--config", "made/gateway.toml"]);
    assert_eq!(code, 0);
}

#[test]
fn wrong_usage_exits_2_and_help_0() {
    for (args, code) in
        [(&["serve"] as &[&str], 2), (&["dance"], 2), (&["--help"], 0), (&["init", "--help"], 0)]
    {
        let output =
            Command::new(env!("CARGO_BIN_EXE_sealpost-gateway")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
    }
}
