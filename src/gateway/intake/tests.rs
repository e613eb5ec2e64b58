//! The intake as a whole, with a stand-in for the rooms behind it.

use std::{
    io::{self, Read},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::{Request, StatusCode, service::Service};
use hyper_util::service::TowerToHyperService;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{
    spooling::{Spooler, tests::InMemory},
    *,
};
use crate::{
    gateway::{
        config::{self, Limits, ListenerKind, Serves},
        handout::Handout,
        listener,
        pages::Newsroom,
        roster::Closed,
        space::{Room, SMALLEST_TIP, WORTH_OFFERING},
    },
    tip::{RawTip, Uncleanable},
};

/// The limits of every test of this room.
pub(in super::super) fn limits() -> Limits {
    Limits {
        max_files: 3,
        max_tip_bytes: 200_000,
        max_message_bytes: 1_000,
        min_bytes_per_second: 512,
        grace_seconds: 30,
        stall_seconds: 60,
        max_connections: 8,
        max_uploads: 4,
        clean: crate::clean::Limits::default(),
    }
}

/// What came through.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    message: String,
    language: Language,
    uncleanable: Uncleanable,
    files: Vec<Vec<u8>>,
}

struct StandIn {
    limits: Limits,
    closed: AtomicBool,
    /// bytes of the store, of which 100,000 are kept for words
    room: AtomicU64,
    /// of the spool
    spool: AtomicU64,
    disk_is_full: bool,
    kept: Mutex<Vec<Kept>>,
}

fn stand_in() -> StandIn {
    StandIn {
        limits: limits(),
        closed: false.into(),
        room: u64::MAX.into(),
        spool: u64::MAX.into(),
        disk_is_full: false,
        kept: Mutex::default(),
    }
}

impl Keeper for StandIn {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn newsroom(&self) -> Newsroom {
        Newsroom { name: "The Lantern".into(), fingerprint: "SHA256:abc".into() }
    }

    fn handout(&self) -> Handout {
        let newsroom = crate::roster::testing::Newsroom::new(1);
        Handout::new(&newsroom.publication().verify(newsroom.id()).unwrap())
    }

    fn spool(&self) -> io::Result<Box<dyn Spooler>> {
        if self.disk_is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Box::new(InMemory(Vec::new())))
    }

    async fn door(self: &Arc<Self>) -> Result<(), Problem> {
        if self.closed.load(SeqCst) { Err(Problem::Closed(Closed::Lapsed)) } else { Ok(()) }
    }

    async fn room(&self) -> Result<Room, Problem> {
        let (words, spool) = (self.room.load(SeqCst), self.spool.load(SeqCst));
        Ok(Room { words, files: words.saturating_sub(KEPT), spool, one_disk: false })
    }

    async fn keep(self: Arc<Self>, tip: RawTip) -> Result<Vec<FileFate>, Problem> {
        let read = |mut file: Box<dyn crate::tip::Content>| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            bytes
        };
        let kept = Kept {
            message: tip.message.expose().clone(),
            language: tip.language,
            uncleanable: tip.uncleanable,
            files: tip.files.into_iter().map(read).collect(),
        };
        assert_ne!(kept.message, "panic");
        self.kept.lock().unwrap().push(kept);
        Ok(Vec::new())
    }
}

/// What the stand-in keeps for tips without files.
const KEPT: u64 = 100_000;

const TYPE: &str = "multipart/form-data; boundary=b";

/// A part of a form: name, file name if it is a file, content.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn form_of(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file_name, content) in parts {
        let file = file_name
            .map_or(String::new(), |f| format!("; filename=\"{f}\"\r\nContent-Type: image/jpeg"));
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

async fn send(
    keeper: &Arc<StandIn>,
    method: &str,
    path: &str,
    content_type: &str,
    body: impl Into<Body>,
) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", content_type).body(body.into()).unwrap();
    let router = TowerToHyperService::new(router_before(keeper.clone()));
    let response = router.call(request).await.unwrap();
    let status = response.status();
    for never in ["date", "server", "etag", "set-cookie", "last-modified"] {
        assert!(!response.headers().contains_key(never));
    }
    let length = response.headers().get("content-length").cloned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(length.is_none_or(|length| length.to_str().unwrap() == body.len().to_string()));
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn submit(keeper: &Arc<StandIn>, parts: &[Part<'_>]) -> (StatusCode, String) {
    send(keeper, "POST", "/ko", TYPE, form_of(parts)).await
}

#[tokio::test]
async fn a_tip_comes_through_as_it_was_sent_and_without_its_names() {
    let keeper = Arc::new(stand_in());
    let (photo, large) = (vec![0xff; 10], vec![7; 150_000]);
    let parts: [Part<'_>; 6] = [
        // after the files in the page, but not necessarily on the wire
        ("uncleanable", None, b"send-original"),
        ("files", Some("secret.jpg"), &photo),
        ("files", Some(""), b""),
        ("files", Some("large.bin"), &large),
        ("files", Some("empty.txt"), b""),
        ("message", None, "첫 줄\r\n둘째 줄".as_bytes()),
    ];
    let (status, html) = submit(&keeper, &parts).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("lang=\"ko\"") && !html.contains("첫 줄") && !html.contains("secret"));
    let expected = Kept {
        message: "첫 줄\n둘째 줄".into(),
        language: Language::Korean,
        uncleanable: Uncleanable::SendOriginal,
        files: vec![photo, large, vec![]],
    };
    assert_eq!(*keeper.kept.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_message_alone_needs_no_spool() {
    let keeper = Arc::new(StandIn { disk_is_full: true, ..stand_in() });
    let parts: [Part<'_>; 2] = [("message", None, b"hello"), ("files", Some(""), b"")];
    assert_eq!(submit(&keeper, &parts).await.0, StatusCode::OK);
    assert_eq!(keeper.kept.lock().unwrap()[0].uncleanable, Uncleanable::LeaveOut);
    let (status, _) = submit(&keeper, &[("files", Some("a"), b"bytes")]).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE);
}

#[tokio::test]
async fn what_cannot_be_taken_is_told_and_nothing_is_kept() {
    let keeper = Arc::new(stand_in());
    let file: Part<'_> = ("files", Some("a"), b"x");
    let (long, huge) = (vec![b'a'; 1_001], vec![7; 200_001]);
    let cases: &[(&[Part<'_>], u16)] = &[
        (&[], 422),
        (&[("message", None, b" \r\n\t")], 422),
        (&[("message", None, b"\xff\xfe")], 400),
        (&[("message", None, b"a"), ("message", None, b"b")], 400),
        (&[("message", None, b"a"), ("uncleanable", None, b"whatever")], 400),
        (&[("message", None, &long)], 413),
        (&[file, file, file, file], 413),
        (&[("files", Some("a"), &huge)], 413),
        (&[("other", None, b"" as &[u8]); 17], 400),
        (&[("message", None, b"panic")], 500),
    ];
    for (parts, status) in cases {
        let (told, html) = submit(&keeper, parts).await;
        assert_eq!(told.as_u16(), *status, "{html}");
        assert!(html.contains("role=\"alert\""));
    }
    let whole = form_of(&[("message", None, b"hello"), file]);
    // up to the closing delimiter, every cut is noticed
    for end in 0..whole.len() - 2 {
        let (status, _) = send(&keeper, "POST", "/en", TYPE, whole[..end].to_vec()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{end}");
    }
    let plain = "application/x-www-form-urlencoded";
    let (status, _) = send(&keeper, "POST", "/en", plain, "message=hello").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(keeper.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_closed_door_and_a_full_store_are_told_before_anything_is_sent() {
    let keeper = Arc::new(stand_in());
    let get = async || send(&keeper, "GET", "/zh-Hans", TYPE, "").await;
    let (status, html) = get().await;
    assert!(status.is_success() && html.contains("<form") && html.contains("The Lantern"));
    keeper.room.store(SMALLEST_TIP - 1, SeqCst);
    assert_eq!(get().await.0, StatusCode::INSUFFICIENT_STORAGE);
    keeper.room.store(SMALLEST_TIP + 1_000, SeqCst);
    assert!(get().await.0.is_success());
    let (status, _) = submit(&keeper, &[("files", Some("a"), &[7; 10_000])]).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE);
    keeper.room.store(u64::MAX, SeqCst);
    keeper.closed.store(true, SeqCst);
    let (status, html) = get().await;
    assert!(status == StatusCode::SERVICE_UNAVAILABLE && !html.contains("<form"));
    let (status, _) = submit(&keeper, &[("message", None, b"hello")]).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(keeper.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn words_are_taken_where_files_are_not() {
    let keeper = Arc::new(stand_in());
    let get = async || send(&keeper, "GET", "/en", TYPE, "").await;
    let (words, file): (Part<'_>, Part<'_>) =
        (("message", None, b"hi"), ("files", Some("a"), b"x"));
    let no_file: Part<'_> = ("files", Some(""), b"");
    let must_take_words_only = async || {
        let (status, html) = get().await;
        assert!(status.is_success() && !html.contains("type=\"file\""), "{html}");
        assert!(html.contains("name=\"message\"") && html.contains("Files cannot be taken"));
        let (status, html) = submit(&keeper, &[words, file]).await;
        assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE);
        assert!(html.contains("파일") && html.contains("role=\"alert\""), "{html}");
        assert!(submit(&keeper, &[words, no_file]).await.0.is_success());
    };
    keeper.room.store(KEPT + SMALLEST_TIP - 1, SeqCst);
    must_take_words_only().await;
    keeper.room.store(u64::MAX, SeqCst);
    keeper.spool.store(0, SeqCst);
    must_take_words_only().await;
    keeper.spool.store(u64::MAX, SeqCst);
    // a small file is taken if it comes, but no files are invited
    keeper.room.store(KEPT + 2 * SMALLEST_TIP, SeqCst);
    assert!(!get().await.1.contains("type=\"file\""));
    assert!(submit(&keeper, &[words, file]).await.0.is_success());
    keeper.room.store(KEPT + 2 * WORTH_OFFERING, SeqCst);
    assert!(get().await.1.contains("type=\"file\""));
    assert_eq!(keeper.kept.lock().unwrap().len(), 3);
}

/// An upload that has begun, as its sender sees it.
struct Begun {
    sender: tokio::sync::mpsc::UnboundedSender<io::Result<bytes::Bytes>>,
    answer: tokio::task::JoinHandle<StatusCode>,
}

/// Begins to send `length` bytes to `router`, or says nothing of the length.
fn begin(router: &Router, length: Option<u64>) -> Begun {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        Some((receiver.recv().await?, receiver))
    });
    let stream: Body = Body::from_stream(stream);
    let body = match length {
        Some(length) => Body::new(Promised { stream, length }),
        None => stream,
    };
    let request = Request::post("/en").header("content-type", TYPE).body(body).unwrap();
    let answer = TowerToHyperService::new(router.clone()).call(request);
    Begun { sender, answer: tokio::spawn(async { answer.await.unwrap().status() }) }
}

/// A body that says beforehand how long it is.
struct Promised {
    stream: Body,
    length: u64,
}

impl hyper::body::Body for Promised {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.stream).poll_frame(context)
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.length)
    }
}

#[tokio::test(start_paused = true)]
async fn two_uploads_are_not_promised_the_same_room() {
    let large = Limits { max_tip_bytes: 1 << 30, stall_seconds: 5, ..limits() };
    let keeper = Arc::new(StandIn { limits: large, ..stand_in() });
    keeper.room.store(KEPT + 50 * (1 << 20), SeqCst);
    let router = router_before(keeper.clone());
    let first = begin(&router, Some(20 << 20));
    // it has its promise once it is asked for more, and lets the others come
    first.sender.send(Ok("--b\r\n".into())).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let second = begin(&router, Some(20 << 20));
    assert_eq!(second.answer.await.unwrap(), StatusCode::INSUFFICIENT_STORAGE);
    drop(first.sender);
    assert_eq!(first.answer.await.unwrap(), StatusCode::BAD_REQUEST);
    let third = begin(&router, Some(20 << 20));
    drop(third.sender);
    assert_eq!(third.answer.await.unwrap(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn room_that_goes_in_mid_upload_ends_it() {
    let large = Limits { max_tip_bytes: 1 << 30, ..limits() };
    for (length, spool_too) in [(Some(512 << 20), false), (Some(512 << 20), true), (None, false)] {
        let keeper = Arc::new(StandIn { limits: large.clone(), ..stand_in() });
        let upload = begin(&router_before(keeper.clone()), length);
        let send = |bytes: &[u8]| upload.sender.send(Ok(bytes::Bytes::copy_from_slice(bytes)));
        let head = "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n";
        send(head.as_bytes()).unwrap();
        let less = if spool_too { &keeper.spool } else { &keeper.room };
        less.store(KEPT + (10 << 20), SeqCst);
        // ends when nobody takes any more: the answer is there long before the upload's end
        let piece = vec![7; 1 << 20];
        let sent = (0..512).take_while(|_| send(&piece).is_ok()).count();
        assert_eq!(upload.answer.await.unwrap(), StatusCode::INSUFFICIENT_STORAGE, "{sent}");
        assert!(keeper.kept.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn other_addresses_and_methods_have_their_pages() {
    let keeper = Arc::new(stand_in());
    let (status, html) = send(&keeper, "GET", "/admin", TYPE, "").await;
    assert!(status == StatusCode::NOT_FOUND && html.contains("href=\"/ko\""));
    let (status, _) = send(&keeper, "DELETE", "/en", TYPE, "").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(send(&keeper, "GET", "/", TYPE, "").await.0.is_success());
}

#[tokio::test]
async fn the_publication_is_there_even_when_the_form_is_not() {
    let keeper = Arc::new(stand_in());
    for closed in [false, true] {
        keeper.closed.store(closed, SeqCst);
        let (status, tar) = send(&keeper, "GET", "/publication.tar", TYPE, "").await;
        assert!(status.is_success() && tar.starts_with("publication/roster/0001.json\0"));
    }
    let (status, _) = send(&keeper, "POST", "/publication.tar", TYPE, "").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test(start_paused = true)]
async fn who_finds_all_places_taken_is_asked_to_come_back() {
    let keeper = Arc::new(StandIn { limits: Limits { max_uploads: 1, ..limits() }, ..stand_in() });
    let router = TowerToHyperService::new(router_before(keeper.clone()));
    let post = |body: Body| {
        let request = Request::post("/en").header("content-type", TYPE).body(body).unwrap();
        router.call(request)
    };
    let never = Body::from_stream(futures_util::stream::pending::<io::Result<bytes::Bytes>>());
    let form = form_of(&[("message", None, b"hello")]);
    let (first, second) = tokio::join!(post(never), post(Body::from(form)));
    assert_eq!(first.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(second.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_page_arrives_though_the_upload_goes_on() {
    let keeper = Arc::new(stand_in());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tips.sock");
    let kind = ListenerKind::Unix { path: path.clone() };
    let tips = config::Listener { kind, serves: Serves::Tips };
    let bound = listener::bind(&[tips], None).await.unwrap();
    let routers = listener::Routers { tips: router_before(keeper), desk: Router::new() };
    tokio::spawn(listener::serve(bound, routers, 8, std::future::pending()));

    let mut stream = UnixStream::connect(&path).await.unwrap();
    let head = format!(
        "PROXY TCP6 fc00:dead:beef:4dad::1 ::1 1 80\r\n\
         POST /en HTTP/1.1\r\nContent-Type: {TYPE}\r\nContent-Length: 900000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // more than any socket's buffer: this ends only if somebody reads it
    stream.write_all(&vec![7; 900_000]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("</html>"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"));
}
