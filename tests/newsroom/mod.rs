//! A newsroom in a temporary folder, made by the programs as people run them, and a raw client that
//! can misbehave in ways a browser would not.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, mpsc},
    time::Duration,
};

use rustls::{ClientConnection, StreamOwned};
use sealpost::reviewer::tls;
use tempfile::TempDir;

/// The longest that any answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A newsroom with its operator, reviewers and a gateway that has been set up.
pub(crate) struct Newsroom {
    dir: TempDir,
    tls_key: [u8; 32],
    environment: Vec<(&'static str, OsString)>,
}

impl Newsroom {
    /// Makes keys, roster and gateway; `config` is added to the gateway's configuration.
    pub(crate) fn new(reviewers: &[&str], config: &str) -> Self {
        Self::with_environment(reviewers, config, Vec::new())
    }

    /// The same, where every program is started with these variables.
    pub(crate) fn with_environment(
        reviewers: &[&str],
        config: &str,
        environment: Vec<(&'static str, OsString)>,
    ) -> Self {
        let mut newsroom = Self { environment, ..Self::empty() };
        newsroom.ok("operator", "init --dir operator --name Ridge-Desk --no-passphrase");
        for name in reviewers {
            newsroom.come(name);
            newsroom.add(name);
        }
        newsroom.set_up_gateway("operator/newsroom_key.pub", config);
        newsroom
    }

    /// A folder in which nothing has been made yet.
    pub(crate) fn empty() -> Self {
        Self { dir: TempDir::new().unwrap(), tls_key: [0; 32], environment: Vec::new() }
    }

    /// Sets up the gateway for the publication as it is, pinned to `newsroom_key`.
    pub(crate) fn set_up_gateway(&mut self, newsroom_key: &str, config: &str) {
        let made = self.ok(
            "gateway",
            &format!(
                "init --dir gateway --publication operator/publication \
                 --newsroom-key {newsroom_key} --addresses operator/addresses.json \
                 --tips 127.0.0.1:0 --desk 127.0.0.1:0"
            ),
        );
        let key = made.split_whitespace().skip_while(|word| *word != "--tls").nth(1).unwrap();
        let key = data_encoding::HEXLOWER.decode(key.as_bytes()).unwrap();
        self.tls_key = key.try_into().unwrap();
        self.configure(config);
    }

    /// Somebody makes their keys and their card.
    pub(crate) fn come(&self, name: &str) {
        let who = format!("--dir {name} --name {name} --mail {name}@localhost");
        self.ok("reviewer", &format!("init {who} --no-passphrase"));
    }

    /// The operator adds a reviewer's card, whose fingerprint has been compared; what they are told.
    pub(crate) fn add(&self, name: &str) -> String {
        let card = self.ok("reviewer", &format!("card --dir {name}"));
        let line = card.lines().find(|line| line.to_lowercase().contains("fingerprint")).unwrap();
        let words = line.split(':').next_back().unwrap();
        let fingerprint: String = words.split_whitespace().collect();
        self.ok(
            "operator",
            &format!("add --dir operator {name}/card.json --fingerprint {fingerprint}"),
        )
    }

    /// Adds lines to the gateway's configuration.
    pub(crate) fn configure(&self, more: &str) {
        let path = self.config();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push('\n');
        text.push_str(more);
        sealpost::disk::write_private(&path, text.as_bytes()).unwrap();
    }

    /// Adds lines to the limits in the gateway's configuration.
    pub(crate) fn limit(&self, more: &str) {
        self.configure_in("[limits]", more);
    }

    /// Adds lines to a table of the gateway's configuration.
    pub(crate) fn configure_in(&self, table: &str, more: &str) {
        let path = self.config();
        let text = std::fs::read_to_string(&path).unwrap();
        let head = format!("\n{table}\n");
        assert!(text.contains(&head), "{text}");
        let text = text.replace(&head, &format!("{head}{more}\n"));
        sealpost::disk::write_private(&path, text.as_bytes()).unwrap();
    }

    /// The gateway's configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("gateway/gateway.toml")
    }

    /// A path inside the newsroom's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs one command of a role.
    pub(crate) fn run(&self, role: &str, line: &str) -> Output {
        Command::new(program(role))
            .args(line.split_whitespace())
            .envs(self.environment.iter().cloned())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs one command that must succeed; its output.
    pub(crate) fn ok(&self, role: &str, line: &str) -> String {
        let done = self.run(role, line);
        let (out, err) = (text(&done.stdout), text(&done.stderr));
        assert!(done.status.success(), "sealpost-{role} {line}\n{out}{err}");
        out
    }

    /// Runs one command that must be refused; its one sentence.
    pub(crate) fn refused(&self, role: &str, line: &str) -> String {
        let done = self.run(role, line);
        let complaint = text(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "sealpost-{role} {line}\n{complaint}");
        assert_eq!(complaint.lines().count(), 1, "one sentence: {complaint}");
        complaint
    }

    /// Starts the gateway.
    pub(crate) fn serve(&self) -> Gateway {
        self.serve_as(Command::new(program("gateway")))
    }

    /// Starts the gateway by `command`, to which `serve --config …` is added: another build of it,
    /// or the same one under a tracer. What it says on stderr goes to `gateway.log`.
    pub(crate) fn serve_as(&self, command: Command) -> Gateway {
        let log = std::fs::File::create(self.path("gateway.log")).unwrap();
        self.serve_to(command, log.into())
    }

    /// Starts the gateway, and hears what it says on stderr while it serves.
    pub(crate) fn serve_and_hear(&self) -> (Gateway, Said) {
        self.serve_as_and_hear(Command::new(program("gateway")))
    }

    /// The same by `command`, to which `serve --config …` is added.
    pub(crate) fn serve_as_and_hear(&self, command: Command) -> (Gateway, Said) {
        let (heard, says) = std::io::pipe().unwrap();
        let gateway = self.serve_to(command, says.into());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(heard).lines() {
                // a test that has ended hears no more
                if send.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        (gateway, Said(lines))
    }

    /// Starts the gateway and does not wait for it; what it says on stderr goes to `gateway.log`.
    pub(crate) fn spawn(&self) -> Child {
        let log = std::fs::File::create(self.path("gateway.log")).unwrap();
        self.spawn_to(Command::new(program("gateway")), log.into())
    }

    fn spawn_to(&self, mut command: Command, stderr: Stdio) -> Child {
        command
            .args(["serve", "--config"])
            .arg(self.config())
            .envs(self.environment.iter().cloned())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap()
    }

    fn serve_to(&self, command: Command, stderr: Stdio) -> Gateway {
        let mut process = self.spawn_to(command, stderr);
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut ready = |serves: &str| {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            let address = line.trim().strip_prefix(&format!("ready {serves} https://"));
            let address = address.unwrap_or_else(|| {
                let log = std::fs::read_to_string(self.path("gateway.log"));
                panic!("{line}{}", log.unwrap_or_default())
            });
            address.parse().unwrap()
        };
        let (tips, desk) = (ready("tips"), ready("desk"));
        Gateway { process, tips, desk, tls_key: self.tls_key }
    }

    /// Speaks TLS to a gateway of this newsroom's that was spawned.
    pub(crate) fn over_tls(&self, tcp: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        over_tls(self.tls_key, tcp)
    }

    /// Signs the gateway's address into the roster; then `reviewer` joins.
    pub(crate) fn join(&self, gateway: &Gateway, reviewer: &str) {
        let key = data_encoding::HEXLOWER.encode(&self.tls_key);
        self.ok(
            "operator",
            &format!("address --dir operator --url https://{} --tls {key}", gateway.desk),
        );
        self.ok(
            "reviewer",
            &format!(
                "join --dir {reviewer} --newsroom-key operator/newsroom_key.pub operator/publication"
            ),
        );
    }

    /// Signs the gateway's address into the roster; then `reviewer` joins, fetches and opens all
    /// there is. The folders of the opened tips, in order of id.
    pub(crate) fn open_all(&self, gateway: &Gateway, reviewer: &str) -> Vec<PathBuf> {
        self.join(gateway, reviewer);
        self.ok("reviewer", &format!("fetch --dir {reviewer}"));
        self.ok("reviewer", &format!("open --dir {reviewer} --all --originals --out opened"));
        let mut folders: Vec<PathBuf> =
            std::fs::read_dir(self.path("opened")).unwrap().map(|e| e.unwrap().path()).collect();
        folders.sort();
        folders
    }

    /// The files of all stored envelopes.
    pub(crate) fn stored(&self) -> Vec<PathBuf> {
        files_below(&self.path("gateway/store/envelopes"))
    }
}

/// A gateway that serves, until this is dropped.
pub(crate) struct Gateway {
    pub(crate) process: Child,
    pub(crate) tips: SocketAddr,
    pub(crate) desk: SocketAddr,
    /// SHA-256 of the public key that it was set up with.
    pub(crate) tls_key: [u8; 32],
}

/// What a gateway says on stderr, line by line.
pub(crate) struct Said(mpsc::Receiver<String>);

impl Said {
    /// The next line, when it comes.
    pub(crate) fn line(&mut self) -> String {
        self.0.recv_timeout(PATIENCE).unwrap()
    }

    /// Everything else, once the gateway has ended.
    pub(crate) fn rest(self) -> Vec<String> {
        self.0.into_iter().collect()
    }
}

impl Gateway {
    /// Opens a TLS connection to the form.
    pub(crate) fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        self.over_tls(TcpStream::connect(self.tips).unwrap())
    }

    /// The same over a connection that has been made already.
    pub(crate) fn over_tls(&self, tcp: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        over_tls(self.tls_key, tcp)
    }

    /// Sends one whole request and reads the answer to its end.
    pub(crate) fn request(&self, request: &[u8]) -> Answer {
        exchange(self.connect(), request)
    }

    /// Posts a form.
    pub(crate) fn post(&self, path: &str, form: &Form) -> Answer {
        self.request(&form.request(path, &[]))
    }

    /// Ends the gateway and waits until it has ended.
    pub(crate) fn stop(mut self) {
        self.terminate();
    }

    fn terminate(&mut self) {
        // a tracer blocks signals: it ends when what it traces has ended
        let pid = self.process.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let traced = children.ok().and_then(|all| all.split(' ').next()?.parse().ok());
        let pid = traced.unwrap_or_else(|| i32::try_from(pid).unwrap());
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.terminate();
    }
}

fn over_tls(key: [u8; 32], tcp: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    let config = Arc::new(tls::pinned(vec![key]).unwrap());
    let name = "localhost".try_into().unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), tcp)
}

/// What came back; empty when the connection was closed without a word.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends `request` and reads to the end. Writing may fail when the gateway has answered early.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Answer {
    let _ = stream.write_all(request).and_then(|()| stream.flush());
    answer(stream)
}

/// Reads an answer to the end of the connection.
pub(crate) fn answer(mut stream: impl Read) -> Answer {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        // a connection that ends without a farewell may have brought a page all the same
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the gateway hangs");
    }
    let all = text(&bytes);
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A form as a browser would post it.
pub(crate) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    pub(crate) fn new() -> Self {
        Self::with_boundary("----geckoformboundary5d1c0a")
    }

    pub(crate) fn with_boundary(boundary: &str) -> Self {
        Self { boundary: boundary.to_owned(), body: Vec::new() }
    }

    /// A text field.
    pub(crate) fn field(self, name: &str, value: &str) -> Self {
        let headers = format!("Content-Disposition: form-data; name=\"{name}\"");
        self.part(&headers, value.as_bytes())
    }

    /// A file, with the name and type that the browser would send.
    pub(crate) fn file(self, name: &str, mime: &str, bytes: &[u8]) -> Self {
        let headers = format!(
            "Content-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: {mime}"
        );
        self.part(&headers, bytes)
    }

    /// A part with headers of the caller's making.
    pub(crate) fn part(mut self, headers: &str, bytes: &[u8]) -> Self {
        self.body.extend_from_slice(format!("--{}\r\n{headers}\r\n\r\n", self.boundary).as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// The body, with its last boundary.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = self.body.clone();
        body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        body
    }

    /// The whole request; `headers` are added to those a browser cannot do without.
    pub(crate) fn request(&self, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        let body = self.body();
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \
             multipart/form-data; boundary={}\r\nContent-Length: {}\r\n",
            self.boundary,
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &body].concat()
    }
}

/// All files below a folder, in no order.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // a folder that is made when it is needed holds nothing before
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// True when tests may skip nothing.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

pub(crate) fn program(role: &str) -> &'static str {
    match role {
        "operator" => env!("CARGO_BIN_EXE_sealpost-operator"),
        "reviewer" => env!("CARGO_BIN_EXE_sealpost-reviewer"),
        _ => env!("CARGO_BIN_EXE_sealpost-gateway"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
