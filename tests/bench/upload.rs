//! A large upload over TLS: the gateway's memory and CPU time beside the bare operations that no
//! gateway of this design can do without.

use std::{
    hint::black_box,
    io::{Read as _, Write as _},
    sync::Arc,
};

use ring::{
    aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    digest,
};

use super::{
    Limit, beside, figure,
    newsroom::{Gateway, Newsroom, answer},
    process, seconds,
};

const GIB: u64 = 1 << 30;
const PIECE: usize = 64 * 1024;

pub(super) fn run() {
    let newsroom = Newsroom::new(&["ridge", "harbour", "lantern"], "");
    let gateway = newsroom.serve();
    let pid = gateway.process.id();
    // one small tip first, so that what is only done once is done
    upload(&gateway, 100_000);

    let (user, system) = process::cpu_seconds(pid);
    let wall = seconds(|| upload(&gateway, GIB));
    let (user_after, system_after) = process::cpu_seconds(pid);
    let (user, system) = (user_after - user, system_after - system);

    let bare = [
        ("TLS records through rustls", through_rustls()),
        ("ring sealing and opening, AES-256-GCM (the spool)", spool()),
        ("ring sealing, ChaCha20-Poly1305 (the envelope)", envelope()),
        ("SHA-256 (the envelope's header)", sha256()),
        ("one copy", copy()),
    ];
    for (what, time) in bare {
        beside(what, time, "s");
    }
    let sum: f64 = bare.iter().map(|(_, time)| time).sum();
    beside("all of these", sum, "s");
    beside("the gateway, in its own code", user, "s");
    beside("the gateway, in the kernel (socket, spool, envelope, sync)", system, "s");
    beside("the upload, from first byte to receipt", wall, "s");
    figure("CPU time / bare operations", (user + system) / sum, "×", Limit::AtMost(1.5));
    figure("peak resident memory", process::peak_mb(pid), "MB", Limit::AtMost(40.0));
}

/// Posts a form with one file of `length` bytes of no known kind, to be sent as it is.
fn upload(gateway: &Gateway, length: u64) {
    let part = |headers: &str| format!("--b\r\nContent-Disposition: form-data; {headers}\r\n\r\n");
    let start = format!(
        "{}send-original\r\n{}",
        part("name=\"uncleanable\""),
        part("name=\"files\"; filename=\"a\"\r\nContent-Type: application/octet-stream"),
    );
    let end = "\r\n--b--\r\n";
    let total = length + u64::try_from(start.len() + end.len()).unwrap();
    let head = format!(
        "POST /en HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \
         multipart/form-data; boundary=b\r\nContent-Length: {total}\r\n\r\n"
    );
    let piece = noise(PIECE);
    let mut stream = gateway.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(start.as_bytes()).unwrap();
    let mut left = length;
    while left > 0 {
        let now = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        stream.write_all(&piece[..now]).unwrap();
        left -= u64::try_from(now).unwrap();
    }
    stream.write_all(end.as_bytes()).unwrap();
    stream.flush().unwrap();
    let answer = answer(stream);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Bytes that begin like no known kind of file and do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(next).collect()
}

/// Seconds in which a rustls server takes in 1 GiB of records that wait in memory.
fn through_rustls() -> f64 {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
    let name = "localhost".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();

    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        pass(&mut wire, |w| client.write_tls(w), |r| server.read_tls(r));
        server.process_new_packets().unwrap();
        pass(&mut wire, |w| server.write_tls(w), |r| client.read_tls(r));
        client.process_new_packets().unwrap();
    }
    let piece = noise(PIECE);
    let mut plain = vec![0; PIECE];
    let mut total = 0.0;
    for _ in 0..GIB / u64::try_from(PIECE).unwrap() {
        client.writer().write_all(&piece).unwrap();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        total += seconds(|| {
            let mut records = wire.as_slice();
            while !records.is_empty() {
                server.read_tls(&mut records).unwrap();
                server.process_new_packets().unwrap();
                while let Ok(read) = server.reader().read(&mut plain) {
                    black_box(&plain[..read]);
                }
            }
        });
        wire.clear();
    }
    total
}

fn pass(
    wire: &mut Vec<u8>,
    mut from: impl FnMut(&mut dyn std::io::Write) -> std::io::Result<usize>,
    mut to: impl FnMut(&mut dyn std::io::Read) -> std::io::Result<usize>,
) {
    while matches!(from(wire), Ok(written) if written > 0) {}
    let mut records = wire.as_slice();
    while !records.is_empty() {
        to(&mut records).unwrap();
    }
    wire.clear();
}

fn spool() -> f64 {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).unwrap());
    let mut piece = noise(PIECE);
    pieces(|nonce| {
        let tag = key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut piece,
            )
            .unwrap();
        piece.extend_from_slice(tag.as_ref());
        key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut piece).unwrap();
        piece.truncate(PIECE);
    })
}

fn envelope() -> f64 {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &[1; 32]).unwrap());
    let mut piece = noise(PIECE);
    pieces(|nonce| {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut piece).unwrap();
        black_box(tag.as_ref());
    })
}

fn sha256() -> f64 {
    let piece = noise(PIECE);
    let mut context = digest::Context::new(&digest::SHA256);
    let time = pieces(|_| context.update(black_box(&piece)));
    black_box(context.finish());
    time
}

fn copy() -> f64 {
    let (from, mut to) = (noise(PIECE), vec![0; PIECE]);
    pieces(|_| black_box(&mut to).copy_from_slice(black_box(&from)))
}

/// Seconds for as many pieces as make 1 GiB.
fn pieces(mut work: impl FnMut([u8; 12])) -> f64 {
    seconds(|| {
        for number in 0..GIB / u64::try_from(PIECE).unwrap() {
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&number.to_be_bytes());
            work(nonce);
        }
    })
}
