//! A real mail server, Debian's exim (package `exim4-daemon-light`): an instance of its own on
//! loopback, with everything it keeps in a temporary folder; its certificates are made with
//! `openssl`. Exim wants to be started by root. Where one of these is missing the tests say
//! "skipped"; with `CI` set they fail instead.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sealpost::gateway::config::{Smtp, SmtpLogin, SmtpTls};

pub(crate) const USER: &str = "gateway";
pub(crate) const PASSWORD: &str = "canary-password";

/// An exim of the test's own; ends with it.
pub(crate) struct MailServer {
    pub(crate) folder: tempfile::TempDir,
    implicit: u16,
    starttls: u16,
    /// offers no TLS
    pub(crate) bare: u16,
    process: Child,
}

impl MailServer {
    /// `None` if something it needs is missing here.
    pub(crate) fn start() -> Option<Self> {
        if let Some(missing) = missing() {
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("notice").tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        certificates(folder.path());
        for name in ["spool", "log", "mail"] {
            fs::create_dir(path(name)).unwrap();
        }
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (implicit, starttls, bare) = (free(), free(), free());
        let config = CONFIG
            .replace("FOLDER", folder.path().to_str().unwrap())
            .replace("IMPLICIT", &implicit.to_string())
            .replace("STARTTLS", &starttls.to_string())
            .replace("BARE", &bare.to_string())
            .replace("USER", USER)
            .replace("PASSWORD", PASSWORD);
        fs::write(path("exim.conf"), config).unwrap();
        run(Command::new("chown").arg("-R").arg("Debian-exim:").args([
            path("spool"),
            path("log"),
            path("mail"),
            path("key.pem"),
        ]));
        let process = Command::new("exim4")
            .arg("-C")
            .arg(path("exim.conf"))
            .args(["-bdf", "-q1h"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { folder, implicit, starttls, bare, process };
        until("exim listens", || {
            [implicit, starttls, bare]
                .iter()
                .all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        });
        Some(server)
    }

    pub(crate) fn smtp(&self, tls: SmtpTls) -> Smtp {
        let password_file = self.folder.path().join("password");
        sealpost::disk::write_private(&password_file, format!("{PASSWORD}\n").as_bytes()).unwrap();
        Smtp {
            host: "localhost".into(),
            port: match tls {
                SmtpTls::Implicit => self.implicit,
                SmtpTls::StartTls => self.starttls,
            },
            tls,
            login: Some(SmtpLogin { username: USER.into(), password_file }),
            ca_file: Some(self.folder.path().join("ca.pem")),
        }
    }

    /// The part of a gateway's configuration that sends its notices here, every `period` seconds.
    pub(crate) fn notices(&self, period: u32) -> String {
        let Smtp { port, login, ca_file, .. } = self.smtp(SmtpTls::Implicit);
        let path = |path: Option<PathBuf>| path.unwrap().display().to_string();
        format!(
            "[notice]\nfrom = \"gateway@sealpost.invalid\"\nperiod_seconds = {period}\n\
             [notice.smtp]\nhost = \"localhost\"\nport = {port}\ntls = \"implicit\"\n\
             username = \"{USER}\"\npassword_file = \"{}\"\nca_file = \"{}\"\n",
            path(login.map(|login| login.password_file)),
            path(ca_file),
        )
    }

    /// The mail delivered to `reader`, as it lies on the server's disk.
    pub(crate) fn delivered(&self, reader: &str) -> String {
        let line = format!("Envelope-to: {reader}@example.org\n");
        let find = || self.all().into_iter().find(|mail| mail.contains(&line));
        until("a mail is delivered", || find().is_some());
        find().unwrap()
    }

    pub(crate) fn all(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("mail/new"));
        let entries = entries.map_or(Vec::new(), |entries| entries.map(Result::unwrap).collect());
        entries.iter().map(|entry| fs::read_to_string(entry.path()).unwrap()).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// No name of the machine, and no mail without TLS and a login.
const CONFIG: &str = "
exim_user = Debian-exim
primary_hostname = mail.invalid
spool_directory = FOLDER/spool
log_file_path = FOLDER/log/%slog
pid_file_path = FOLDER/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = IMPLICIT : STARTTLS : BARE
tls_on_connect_ports = IMPLICIT
tls_advertise_hosts = ${if eq{$received_port}{BARE}{:}{*}}
tls_certificate = FOLDER/certificate.pem
tls_privatekey = FOLDER/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_mail = check
acl_smtp_rcpt = check
host_lookup =
rfc1413_hosts =
keep_environment =
begin acl
check:
  accept encrypted = *
         authenticated = *
  deny message = TLS and a login first
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{USER}}{eq{$auth3}{PASSWORD}}}}
  server_set_id = $auth2
begin routers
all:
  driver = accept
  transport = keep
begin transports
keep:
  driver = appendfile
  directory = FOLDER/mail
  maildir_format
  envelope_to_add
  user = Debian-exim
  group = Debian-exim
";

fn missing() -> Option<String> {
    let found = |program: &str| {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|folder| folder.join(program).exists())
    };
    for (program, package) in [("exim4", "exim4-daemon-light"), ("openssl", "openssl")] {
        if !found(program) {
            return Some(format!("{program} is missing (Debian package {package})"));
        }
    }
    let root = Path::new("/proc/self")
        .metadata()
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    (!root).then(|| "exim wants to be started by root".into())
}

/// A certificate authority, and a certificate for `localhost` that it signed.
fn certificates(folder: &Path) {
    let openssl =
        |args: &str| run(Command::new("openssl").args(args.split(' ')).current_dir(folder));
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -subj /CN=Test -days 2",
    );
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=localhost",
    );
    openssl(
        "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile names -out certificate.pem",
    );
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Waits for another process: all one can do is to ask again.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..300 {
        if condition() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    panic!("in vain: {what}");
}
