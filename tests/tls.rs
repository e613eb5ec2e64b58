//! TLS as others see it: independent clients negotiate X25519MLKEM768 with the gateway, those who
//! cannot are served by X25519, older versions are refused; and the key is replaced while it serves.
//!
//! A client that this machine does not have is skipped in words, and fails when `CI` is set.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use rustls::{ClientConnection, StreamOwned};
use sealpost::{
    gateway::{config::Tls, tls_key::NewTlsKey},
    reviewer::tls::{Pin, pinned},
};
use serde_json::{Value, json};

use crate::newsroom::{Form, Gateway, Newsroom, in_ci};

const GET: &[u8] = b"GET /en HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn node_negotiates_the_hybrid_group() {
    if !is_there("node", "--version", (24, 0)) {
        return;
    }
    let newsroom = Newsroom::new(&["ridge"], "");
    let gateway = newsroom.serve();
    let node = |options: Value| {
        let mut node = Command::new("node");
        node.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/client.mjs"));
        ask(node, &newsroom, &gateway, &[&options.to_string()])
    };
    assert_eq!(node(json!({})), Ok("TLSv1.3 X25519MLKEM768".into()));
    // wherever it stands in the client's list
    let classical_first = node(json!({ "ecdhCurve": "X25519:X25519MLKEM768" }));
    assert_eq!(classical_first, Ok("TLSv1.3 X25519MLKEM768".into()));
    assert_eq!(node(json!({ "ecdhCurve": "X25519" })), Ok("TLSv1.3 X25519".into()));
    for other in ["P-256", "P-384", "SecP256r1MLKEM768"] {
        let refused = node(json!({ "ecdhCurve": other })).unwrap_err();
        assert!(refused.contains("alert handshake failure"), "{other}: {refused}");
    }
    let refused = node(json!({ "maxVersion": "TLSv1.2" })).unwrap_err();
    assert!(refused.contains("alert protocol version"), "{refused}");
}

#[test]
fn go_negotiates_the_hybrid_group() {
    if !is_there("go", "version", (1, 24)) {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let client = folder.join("go-tls-client");
    let mut build = Command::new("go");
    build.arg("build").arg("-o").arg(&client);
    build.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/client.go"));
    build.env("GOCACHE", folder.join("go-cache")).env("GOTOOLCHAIN", "local");
    done(build.output().unwrap()).unwrap();

    let newsroom = Newsroom::new(&["ridge"], "");
    let gateway = newsroom.serve();
    let go = |options: &[&str]| ask(Command::new(&client), &newsroom, &gateway, options);
    assert_eq!(go(&[]), Ok("TLS 1.3 X25519MLKEM768".into()));
    assert_eq!(go(&["classical"]), Ok("TLS 1.3 X25519".into()));
    let refused = go(&["tls12"]).unwrap_err();
    assert!(refused.contains("protocol version not supported"), "{refused}");
}

#[test]
fn a_classical_client_is_served_and_an_old_version_refused() {
    if !is_there("openssl", "version", (3, 0)) {
        return;
    }
    let newsroom = Newsroom::new(&["ridge"], "");
    let gateway = newsroom.serve();
    let openssl = |options: &[&str]| {
        let mut client = Command::new("openssl")
            .args(["s_client", "-ign_eof", "-verify_return_error", "-connect"])
            .arg(gateway.tips.to_string())
            .arg("-CAfile")
            .arg(newsroom.path("gateway/tls-certificate.pem"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // one that was refused reads no more
        let _ = client.stdin.take().unwrap().write_all(GET);
        done(client.wait_with_output().unwrap())
    };
    let told = openssl(&["-groups", "X25519"]).unwrap();
    assert!(told.contains("\nServer Temp Key: X25519, 253 bits\n"), "{told}");
    assert!(told.contains("\nNew, TLSv1.3, Cipher is "), "{told}");
    assert!(told.contains("\nHTTP/1.1 200 OK\r\n") && told.contains("</html>"), "{told}");
    for old in ["-tls1_2", "-tls1_1", "-tls1"] {
        let refused = openssl(&[old, "-cipher", "DEFAULT:@SECLEVEL=0"]).unwrap_err();
        // one without the extensions of TLS 1.2 has nothing in common with us
        let alert = if old == "-tls1_2" { "protocol version" } else { "handshake failure" };
        assert!(refused.contains(&format!(" alert {alert}:")), "{old}: {refused}");
    }
}

#[test]
fn a_replaced_key_is_shown_to_new_connections_and_open_ones_go_on() {
    let newsroom = Newsroom::new(&["ridge"], "");
    let (gateway, mut said) = newsroom.serve_and_hear();
    let files = present(&newsroom);
    let mut open = connect(&gateway, gateway.tls_key).unwrap();
    stay(&mut open);

    let new = NewTlsKey::generate(vec!["localhost".into()]).unwrap();
    for (file, pem) in [(&files.key, &**new.key), (&files.certificate, &*new.certificate)] {
        sealpost::disk::write_private(&file.with_extension("new"), pem.as_bytes()).unwrap();
    }
    for file in [&files.key, &files.certificate] {
        fs::rename(file.with_extension("new"), file).unwrap();
    }
    let line = said.line();
    assert!(line.contains("new TLS certificate") && line.contains("no address in the roster"));
    assert!(connect(&gateway, new.pin).is_ok());
    assert!(connect(&gateway, gateway.tls_key).is_err());
    stay(&mut open);
    drop(open);
    gateway.stop();
    assert_eq!(said.rest(), [""; 0]);
}

#[test]
fn a_bad_pair_keeps_the_good_one_and_is_said_once() {
    let newsroom = Newsroom::new(&["ridge"], "");
    let (gateway, mut said) = newsroom.serve_and_hear();
    let files = present(&newsroom);
    let certificate = fs::read(&files.certificate).unwrap();
    let other = NewTlsKey::generate(vec!["localhost".into()]).unwrap();
    sealpost::disk::write_private(&files.certificate, other.certificate.as_bytes()).unwrap();
    let line = said.line();
    assert!(line.contains("not taken") && line.contains("not that of the key"), "{line}");
    assert!(connect(&gateway, gateway.tls_key).is_ok());
    assert!(connect(&gateway, other.pin).is_err());

    // one that others can read, which is told after a further look at least
    fs::write(&files.certificate, certificate).unwrap();
    let key = fs::read(&files.key).unwrap();
    sealpost::disk::write_public(&files.key, &key).unwrap();
    let line = said.line();
    assert!(line.contains("not taken") && line.contains("chmod 600"), "{line}");
    assert!(connect(&gateway, gateway.tls_key).is_ok());
    gateway.stop();
    assert_eq!(said.rest(), [""; 0]);
}

#[test]
fn the_next_key_is_made_announced_and_put_into_place() {
    let newsroom = Newsroom::new(&["ridge"], "");
    let (gateway, mut said) = newsroom.serve_and_hear();
    assert_eq!(gateway.post("/en", &Form::new().field("message", "before")).status, 200);
    newsroom.open_all(&gateway, "ridge");

    let make = "next-tls-key --config gateway/gateway.toml --host desk.example";
    let made = newsroom.ok("gateway", make);
    let url = format!("https://{}", gateway.desk);
    let commands: Vec<&str> = made.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let [announce, put_key, put_certificate, forget] = commands[..] else { panic!("{made}") };
    for command in [announce, forget] {
        assert!(command.contains(&format!("--url {url} --tls ")), "{made}");
    }
    assert!(made.contains("for 127.0.0.1, desk.example, localhost. "), "{made}");
    // nothing is overwritten
    let next = fs::read(newsroom.path("gateway/tls-key.next.pem")).unwrap();
    let again = newsroom.run("gateway", make);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(fs::read(newsroom.path("gateway/tls-key.next.pem")).unwrap(), next);

    let sign = |command: &str| {
        let line = command.strip_prefix("sealpost-operator ").unwrap();
        newsroom.ok("operator", &line.replace("DIR", "operator"));
    };
    let fetch = || newsroom.run("reviewer", "fetch --dir ridge").status.success();
    sign(announce);
    newsroom.ok(
        "reviewer",
        "join --dir ridge --newsroom-key operator/newsroom_key.pub operator/publication",
    );
    assert!(fetch(), "by the present key");
    while said.line() != "roster 4 is in force" {}
    for command in [put_key, put_certificate] {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).current_dir(newsroom.path("."));
        done(shell.output().unwrap()).unwrap();
    }
    assert_eq!(said.line(), "new connections see the new TLS certificate");
    assert!(fetch(), "by the next key");
    assert!(newsroom.path("gateway/tls-key.pem.~1~").exists());
    let check = newsroom.ok("gateway", "check --config gateway/gateway.toml");
    assert!(check.contains("the roster names the TLS key"), "{check}");
}

/// Whether a program is there in that version, major and minor, or a later one.
fn is_there(program: &str, version: &str, needed: (u32, u32)) -> bool {
    let told = Command::new(program).arg(version).output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned());
    let found = told.ok().and_then(|told| {
        let digits = told.find(|c: char| c.is_ascii_digit())?;
        let mut numbers = told[digits..].split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    let is_there = found.is_some_and(|found: (u32, u32)| found >= needed);
    if !is_there {
        let (major, minor) = needed;
        let why =
            format!("{program} {major}.{minor} or later is not here; tests/run.sh installs it");
        assert!(!in_ci(), "{why}");
        eprintln!("skipped: {why}");
    }
    is_there
}

/// Has a client ask for the page; version and group that it negotiated.
fn ask(
    mut client: Command,
    newsroom: &Newsroom,
    gateway: &Gateway,
    options: &[&str],
) -> Result<String, String> {
    client.arg(gateway.tips.port().to_string());
    client.arg(newsroom.path("gateway/tls-certificate.pem")).args(options);
    let told: Value = serde_json::from_str(&done(client.output().unwrap())?).unwrap();
    let text = |key: &str| told[key].as_str().unwrap_or_default();
    let answer = text("answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.trim_end().ends_with("</html>"), "{answer}");
    Ok(format!("{} {}", text("protocol"), text("group")))
}

/// What a program wrote to its output, or, if it failed, to both.
fn done(output: Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let out = text(&output.stdout);
    if output.status.success() { Ok(out) } else { Err(out + &text(&output.stderr)) }
}

/// The gateway's certificate and key.
fn present(newsroom: &Newsroom) -> Tls {
    let file = |name: &str| -> PathBuf { newsroom.path("gateway").join(name) };
    Tls { certificate: file("tls-certificate.pem"), key: file("tls-key.pem") }
}

type Connection = StreamOwned<ClientConnection, TcpStream>;

/// A new connection to the form, if the gateway shows that key there.
fn connect(gateway: &Gateway, pin: Pin) -> io::Result<Connection> {
    let config = Arc::new(pinned(vec![pin]).unwrap());
    let client = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut connection = StreamOwned::new(client, TcpStream::connect(gateway.tips)?);
    connection.conn.complete_io(&mut connection.sock)?;
    Ok(connection)
}

/// Asks for the page on a connection that stays open.
fn stay(connection: &mut Connection) {
    connection.write_all(b"GET /en HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut reader = BufReader::new(connection);
    let (mut status, mut length) = (String::new(), 0);
    reader.read_line(&mut status).unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK\r\n");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    assert!(body.trim_ascii_end().ends_with(b"</html>"));
    assert!(reader.buffer().is_empty());
}
