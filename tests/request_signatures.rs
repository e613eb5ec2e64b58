//! Signed requests, from the reviewer's client to the gateway's desk over a real connection: what
//! a reviewer signed is answered, everything else is refused with a reason, a replay changes
//! nothing, and nobody writes down who asked.

use std::{net::SocketAddr, sync::Arc};

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealpost::{
    clock::{Clock as _, Day, Epoch, EpochLength, FixedClock, Timestamp},
    desk::{
        ENVELOPES, Failure, ListPage, envelope_path,
        signature::{Target, content_digest, sign},
    },
    gateway::{
        Gateway,
        config::Config,
        desk,
        log::Log,
        retention::Retention,
        roster::{CurrentRoster, Seen},
        store::{FileStore, Options, Store as _},
    },
    publication,
    random::{Entropy, SystemEntropy},
    reviewer::{
        client::{ClientError, Desk},
        identity::IdentitySecret,
        route::Route,
        sealing_key::SealingSecret,
    },
    roster::{NewsroomId, NewsroomKey, RosterError, UnsignedRoster},
    seal::{Envelope, Recipients},
    secret::SecretText,
    tip::{Language, RawTip, TipId, Uncleanable},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const NOW: Timestamp = Timestamp(1_795_300_000);
const TODAY: Day = Day(20_779);

/// A gateway that serves its desk, and the one reviewer on its roster.
struct Place {
    _folder: tempfile::TempDir,
    gateway: Arc<Gateway<FileStore>>,
    at: SocketAddr,
    newsroom: NewsroomId,
    mina: IdentitySecret,
    key: SealingSecret,
    clock: Arc<FixedClock>,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let mina = IdentitySecret::generate(&*entropy);
    let key = SealingSecret::generate(&*entropy);

    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    let newsroom_key = NewsroomKey::Ed25519(public);
    let newsroom = newsroom_key.id();
    let sign = |_: &NewsroomKey, bytes: &[u8]| {
        Ok::<_, RosterError>(pair.sign(bytes).as_ref().try_into().unwrap())
    };
    let roster = UnsignedRoster::first("The Border Post", newsroom_key, TODAY)
        .with_reviewer("mina".parse().unwrap(), mina.public());
    let published = folder.path().join("publication");
    publication::add_roster(&published, 1, &roster.sign_with(sign).unwrap()).unwrap();

    let text = format!(
        "publication = \"publication\"\nnewsroom_key = \"{newsroom}\"\nspool = \"spool\"\n\
         [store]\npath = \"store\"\n\
         [[listener]]\nkind = \"unix\"\npath = \"tips.sock\"\nserves = \"tips\"\n"
    );
    let config = Config::parse(&text, &folder.path().join("gateway.toml")).unwrap();
    let log = Log::memory();
    let current =
        CurrentRoster::open(&published, newsroom, EpochLength::Week, Seen::default(), log.clone());
    let (store, _) =
        FileStore::open(&folder.path().join("store"), entropy.clone(), Options::default()).unwrap();
    let clock = Arc::new(FixedClock::new(NOW));
    let gateway = Arc::new(Gateway {
        config,
        retention: Retention::load(&store).await.unwrap(),
        store,
        roster: current.unwrap(),
        clock: clock.clone(),
        entropy,
        log,
    });

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let router = desk::router(Arc::clone(&gateway), [at.to_string()]);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Place { _folder: folder, gateway, at, newsroom, mina, key, clock }
}

impl Place {
    async fn tip(&self, message: &str) -> TipId {
        let tip = RawTip {
            message: SecretText::new(message.to_owned()),
            language: Language::English,
            uncleanable: Uncleanable::LeaveOut,
            files: Vec::new(),
        };
        let entropy = &*self.gateway.entropy;
        let archive = tip.clean(&Default::default()).unwrap().archive(entropy).unwrap();
        let to = Recipients::new(vec![self.key.recipient()]).unwrap();
        let envelope = Envelope::seal(archive, Epoch(2968), &to, entropy);
        self.gateway.store.put(envelope, TODAY).await.unwrap()
    }

    fn desk(&self) -> Desk<'_> {
        let authority = self.at.to_string();
        let base = format!("http://{authority}");
        let route = Route { base, authority, pins: Vec::new(), socks: None };
        Desk::new(route, self.newsroom, &self.mina, &*self.clock).unwrap()
    }

    /// A request by hand, as it goes over the wire.
    fn request(&self) -> Request {
        let at = self.at.to_string();
        Request {
            method: "GET",
            host: at.clone(),
            authority: at,
            path: ENVELOPES.to_owned(),
            newsroom: self.newsroom,
            created: self.clock.now(),
            more: String::new(),
            body: "",
            sent_body: "",
        }
    }

    async fn send(&self, request: &Request, by: &IdentitySecret) -> (u16, Vec<u8>) {
        self.send_text(&request.text(by)).await
    }

    async fn send_text(&self, text: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer[end + 4..].to_vec())
    }

    async fn refusal(&self, text: &str) -> (u16, String) {
        let (status, body) = self.send_text(text).await;
        (status, serde_json::from_slice::<Failure>(&body).unwrap().error)
    }
}

#[derive(Clone)]
struct Request {
    method: &'static str,
    /// As sent.
    host: String,
    /// As signed.
    authority: String,
    path: String,
    newsroom: NewsroomId,
    created: Timestamp,
    /// Further header lines.
    more: String,
    body: &'static str,
    sent_body: &'static str,
}

impl Request {
    fn text(&self, by: &IdentitySecret) -> String {
        let (path, query) = match self.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.path.as_str(), None),
        };
        let target = Target { method: self.method, authority: &self.authority, path, query };
        let body = self.body.as_bytes();
        let headers =
            sign(&target, body, self.newsroom, self.created, by.public(), |base| by.sign(base));
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.method,
            self.path,
            self.host,
            self.sent_body.len()
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text + &self.more + "\r\n" + self.sent_body
    }
}

#[tokio::test]
async fn a_reviewer_is_answered() {
    let place = place().await;
    assert!(place.desk().list().await.unwrap().envelopes.is_empty());
    let mut ids = vec![place.tip("one").await, place.tip("two").await];
    ids.sort();
    let list = place.desk().list().await.unwrap().envelopes;
    assert_eq!(list.iter().map(|listing| listing.id).collect::<Vec<_>>(), ids);
    assert_eq!((list[0].day, list[0].epoch), (TODAY, Epoch(2968)));

    // the whole, and the rest from a byte on
    let mut whole = Vec::new();
    let mut download = place.desk().envelope(ids[0], 0).await.unwrap();
    while let Some(piece) = download.next_piece().await.unwrap() {
        whole.extend_from_slice(&piece);
    }
    assert_eq!(whole.len() as u64, list[0].bytes);
    let sha256 = ring::digest::digest(&ring::digest::SHA256, &whole);
    assert_eq!(download.sha256, sha256.as_ref());
    let mut download = place.desk().envelope(ids[0], 1000).await.unwrap();
    assert_eq!((download.from, download.whole), (1000, list[0].bytes));
    assert_eq!(download.sha256, sha256.as_ref(), "of the whole");
    let first = download.next_piece().await.unwrap().unwrap();
    assert_eq!(first, whole[1000..1000 + first.len()]);
    let past = place.desk().envelope(ids[0], list[0].bytes).await;
    assert!(matches!(past, Err(ClientError::Refused { key, .. }) if key == "range"));
    let none = place.desk().envelope(TipId([0; 16]), 0).await;
    assert!(matches!(none, Err(ClientError::Refused { key, .. }) if key == "not-found"));
}

#[tokio::test]
async fn the_list_comes_in_pages() {
    let place = place().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(place.tip("x").await);
    }
    ids.sort();
    let page = async |query: String| {
        let request = Request { path: format!("{ENVELOPES}?{query}"), ..place.request() };
        let (status, body) = place.send(&request, &place.mina).await;
        assert_eq!(status, 200);
        let page: ListPage = serde_json::from_slice(&body).unwrap();
        (page.envelopes.iter().map(|one| one.id).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page("limit=2".into()).await, (ids[..2].to_vec(), Some(ids[1])));
    assert_eq!(page(format!("after={}&limit=2", ids[1])).await, (ids[2..].to_vec(), None));
    assert_eq!(page("limit=3".into()).await, (ids, None));
    let wrong = Request { path: format!("{ENVELOPES}?limit=x"), ..place.request() };
    assert_eq!(place.refusal(&wrong.text(&place.mina)).await, (400, "bad-query".into()));
}

#[tokio::test]
async fn whoever_is_no_reviewer_is_refused() {
    let place = place().await;
    let id = place.tip("one").await;
    let stranger = IdentitySecret::generate(&SystemEntropy::new());
    for path in [ENVELOPES.to_owned(), envelope_path(id), "/desk/v1/other".to_owned()] {
        let request = Request { path: path.clone(), ..place.request() };
        let refused = place.refusal(&request.text(&stranger)).await;
        assert_eq!(refused, (401, "unknown-reviewer".into()), "{path}");
        let bare =
            format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", place.at);
        assert_eq!(place.refusal(&bare).await, (401, "unsigned".into()), "{path}");
    }
}

#[tokio::test]
async fn a_changed_request_is_refused() {
    let place = place().await;
    let id = place.tip("one").await;
    let good = place.request();
    let text = good.text(&place.mina);
    assert_eq!(place.send_text(&text).await.0, 200);

    let shifted = |seconds| Request { created: Timestamp(NOW.0 + seconds), ..good.clone() };
    let elsewhere = "other.example".to_owned();
    let cases = [
        ("wrong-signature", text.replacen(ENVELOPES, &envelope_path(id), 1)),
        ("wrong-signature", text.replacen(ENVELOPES, &format!("{ENVELOPES}?limit=1"), 1)),
        ("wrong-signature", text.replacen("GET", "DELETE", 1)),
        ("body-changed", Request { sent_body: "x", ..good.clone() }.text(&place.mina)),
        (
            "wrong-signature",
            Request { sent_body: "x", ..good.clone() }
                .text(&place.mina)
                .replace(&content_digest(b""), &content_digest(b"x")),
        ),
        // signed for another gateway and passed on: as it is, and with the host changed
        (
            "other-authority",
            Request { host: elsewhere.clone(), authority: elsewhere.clone(), ..good.clone() }
                .text(&place.mina),
        ),
        ("wrong-signature", Request { authority: elsewhere, ..good.clone() }.text(&place.mina)),
        (
            "other-newsroom",
            Request { newsroom: NewsroomId([9; 32]), ..good.clone() }.text(&place.mina),
        ),
        ("stale", shifted(-301).text(&place.mina)),
        ("future", shifted(301).text(&place.mina)),
        (
            "malformed-signature",
            Request { more: "signature: sealpost=:AA==:\r\n".into(), ..good.clone() }
                .text(&place.mina),
        ),
    ];
    for (key, text) in cases {
        assert_eq!(place.refusal(&text).await, (401, key.to_owned()), "{text}");
    }
    for seconds in [-300, 300] {
        assert_eq!(place.send(&shifted(seconds), &place.mina).await.0, 200);
    }
}

#[tokio::test]
async fn a_replay_changes_nothing_and_ends_after_five_minutes() {
    let place = place().await;
    place.tip("one").await;
    let text = place.request().text(&place.mina);
    let first = place.send_text(&text).await;
    assert_eq!(first.0, 200);
    assert_eq!(place.send_text(&text).await, first);
    place.clock.set(Timestamp(NOW.0 + 301));
    assert_eq!(place.refusal(&text).await, (401, "stale".into()));
    place.clock.set(NOW);
    assert_eq!(place.send_text(&text).await, first);
}

#[tokio::test]
async fn nobody_writes_down_who_asked() {
    let place = place().await;
    let id = place.tip("one").await;
    let before = place.gateway.log.events().len();
    place.desk().list().await.unwrap();
    place.desk().envelope(id, 0).await.unwrap();
    place.refusal("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!(place.gateway.log.events().len(), before);
}
