//! Real connections to real listeners, with a router that says little.

use axum::{Extension, routing};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;

/// Says which circuit it sees, as far as a test asks.
fn router() -> Router {
    let seen = |Extension(circuit): Extension<Circuit>| async move {
        if circuit == Circuit::numbered(0x30) { "circuit 30" } else { "shared" }
    };
    let echo = |body: String| async move { body };
    Router::new().route("/", routing::get(seen)).route("/echo", routing::post(echo))
}

struct Served {
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

fn start(socket: Socket, max_connections: usize) -> Served {
    let bound = vec![Bound { serves: Serves::Tips, socket }];
    let (stop, stopped) = oneshot::channel();
    let routers = Routers { tips: router(), desk: Router::new() };
    let ended = tokio::spawn(serve(bound, routers, max_connections, async {
        let _ = stopped.await;
    }));
    Served { stop, ended }
}

async fn over_tls(max_connections: usize) -> (Served, SocketAddr, ClientConfig) {
    let (acceptor, certificate) = tls::tests::fresh();
    let socket = bind_tls("127.0.0.1:0".parse().unwrap(), acceptor).await.unwrap();
    let bound = Bound { serves: Serves::Tips, socket };
    let address = bound.address().unwrap();
    assert_eq!(bound.to_string(), format!("tips https://{address}"));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (start(bound.socket, max_connections), address, client)
}

async fn connect(address: SocketAddr, client: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, stream).await
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // a server that just closes is told by what it said before
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn tls_speaks_http_1_1_and_sends_no_header_of_its_own() {
    let (_served, address, mut client) = over_tls(8).await;
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = connect(address, client).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = ask(stream, GET).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 200 ok\r\n") && answer.ends_with("shared"));
    for never in ["date:", "server:", "etag:", "last-modified:", "set-cookie:"] {
        assert!(!answer.contains(never), "{answer}");
    }
}

#[tokio::test]
async fn a_client_of_other_protocols_only_is_refused() {
    let (_served, address, mut client) = over_tls(8).await;
    client.alpn_protocols = vec![b"h2".to_vec()];
    assert!(connect(address, client).await.is_err());
}

#[tokio::test]
async fn a_second_visit_cannot_be_told_from_a_first() {
    let (_served, address, client) = over_tls(8).await;
    for _ in 0..2 {
        let mut stream = connect(address, client.clone()).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        let (_, session) = stream.get_ref();
        assert_eq!(session.tls13_tickets_received(), 0);
        assert_eq!(session.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}

#[tokio::test]
async fn mistakes_before_the_handler_are_answered_without_a_word_too_many() {
    let (_served, address, client) = over_tls(8).await;
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEADER_BYTES));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(MAX_HEADER_FIELDS + 1));
    for (wrong, status) in [("nonsense\r\n\r\n", "400"), (&long, "431"), (&many, "431")] {
        let answer = ask(connect(address, client.clone()).await.unwrap(), wrong).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(!answer.to_lowercase().contains("date:"));
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_their_turn() {
    let (_served, address, client) = over_tls(1).await;
    let mut first = connect(address, client.clone()).await.unwrap();
    let mut second = Box::pin(connect(address, client));
    // the first connection is served while the second has not even been greeted
    let request = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
    first.write_all(request.as_bytes()).await.unwrap();
    let mut some = [0; 15];
    tokio::select! {
        biased;
        _ = &mut second => panic!("two at once"),
        read = first.read_exact(&mut some) => assert_eq!(read.unwrap(), 15),
    }
    drop(first);
    let answer = ask(second.await.unwrap(), GET).await;
    assert!(answer.ends_with("shared"));
}

#[tokio::test]
async fn tors_line_names_the_circuit_and_http_follows_in_the_same_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tips.sock");
    let _served = start(Socket::Unix(unix::Socket::bind(&path).unwrap()), 8);
    let line = "PROXY TCP6 fc00:dead:beef:4dad::0:30 ::1 48 80\r\n";
    let answer = ask(UnixStream::connect(&path).await.unwrap(), &format!("{line}{GET}")).await;
    assert!(answer.ends_with("circuit 30"), "{answer}");
    for wrong in [GET.to_owned(), format!("{line}{line}{GET}"), format!("P{}", "x".repeat(200))] {
        let answer = ask(UnixStream::connect(&path).await.unwrap(), &wrong).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_under_way_ends_before_the_listener_does() {
    let (served, address, client) = over_tls(8).await;
    let mut stream = connect(address, client).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    // the server has read the head once it takes no new connection and this one still is open
    tokio::task::yield_now().await;
    let ended = served.ended;
    served.stop.send(()).unwrap();
    let answer = ask(&mut stream, "llo").await;
    assert!(answer.is_empty() || answer.ends_with("hello"), "{answer}");
    ended.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
