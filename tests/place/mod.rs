//! A gateway in this process, with a clock that stands where it is put: its desk and its form are
//! asked without a network.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::{Request, service::Service as _};
use hyper_util::service::TowerToHyperService;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sealpost::{
    clock::{Clock as _, Day, Epoch, EpochLength, FixedClock, Timestamp},
    desk::{
        Failure,
        signature::{Target, sign},
    },
    gateway::{
        Gateway,
        config::Config,
        desk, intake,
        log::Log,
        retention::Retention,
        roster::{CurrentRoster, Seen},
        store::{FileStore, ItemKind, Options, Store as _},
    },
    publication,
    random::{Entropy, SystemEntropy},
    recipient::Recipient,
    reviewer::identity::IdentitySecret,
    roster::{
        NewsroomId, NewsroomKey, ReviewerName, RosterError, UnsignedBatch, UnsignedRoster,
        UntrustedPublication,
    },
};

use crate::newsroom::Form;

/// A Sunday: the epoch ends with it.
pub(crate) const TODAY: Day = Day(20_779);
/// Its epoch.
pub(crate) const NOW: Epoch = Epoch(2_968);

const AUTHORITY: &str = "desk.example";

/// Somebody with an identity key, on a roster or not.
pub(crate) struct Reviewer {
    pub(crate) name: ReviewerName,
    pub(crate) identity: IdentitySecret,
}

impl Reviewer {
    pub(crate) fn new(name: &str) -> Self {
        let identity = IdentitySecret::generate(&SystemEntropy::new());
        Self { name: name.parse().unwrap(), identity }
    }

    /// A batch of this reviewer's.
    pub(crate) fn batch(
        &self,
        newsroom: NewsroomId,
        sequence: u32,
        first_epoch: Epoch,
        recipients: Vec<Recipient>,
    ) -> Vec<u8> {
        let newsroom = (sequence > 0).then_some(newsroom);
        let reviewer = self.name.clone();
        let batch = UnsignedBatch { newsroom, reviewer, first_epoch, sequence, recipients };
        batch.sign_with(|bytes| self.identity.sign(bytes))
    }
}

/// `count` keys that nobody opens.
pub(crate) fn keys(count: usize) -> Vec<Recipient> {
    (0..count).map(|_| Recipient::throw_away(&SystemEntropy::new())).collect()
}

/// The gateway, and the operator's key.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    pub(crate) gateway: Arc<Gateway<FileStore>>,
    pub(crate) newsroom: NewsroomId,
    pub(crate) clock: Arc<FixedClock>,
    operator: Ed25519KeyPair,
    in_store: &'static str,
}

impl Place {
    /// A newsroom whose second roster has these reviewers on it, without keys.
    pub(crate) async fn new(reviewers: &[&Reviewer]) -> Self {
        Self::with_store(reviewers, "").await
    }

    /// The same, with these lines in the configuration's table of the store.
    pub(crate) async fn with_store(reviewers: &[&Reviewer], in_store: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let operator = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        let key = NewsroomKey::Ed25519(operator.public_key().as_ref().try_into().unwrap());
        let newsroom = key.id();
        let first = UnsignedRoster::first("The Border Post", key, TODAY);
        publish(&folder.path().join("publication"), 1, first, &operator);
        let clock = Arc::new(FixedClock::new(TODAY.start()));
        let add = |next: UnsignedRoster| {
            reviewers
                .iter()
                .fold(next, |next, one| next.with_reviewer(one.name.clone(), one.identity.public()))
        };
        sign_next(&folder.path().join("publication"), newsroom, &operator, add);
        let gateway = open(&folder, newsroom, clock.clone(), in_store).await;
        Self { folder, gateway, newsroom, clock, operator, in_store }
    }

    /// Stops the gateway and starts it again.
    pub(crate) async fn restarted(self) -> Self {
        self.restarted_after(|_| ()).await
    }

    /// The same, with something happening to its folder while it is stopped.
    pub(crate) async fn restarted_after(self, meanwhile: impl FnOnce(&Path)) -> Self {
        let Self { folder, gateway, newsroom, clock, operator, in_store } = self;
        drop(gateway);
        meanwhile(folder.path());
        let gateway = open(&folder, newsroom, clock.clone(), in_store).await;
        Self { folder, gateway, newsroom, clock, operator, in_store }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The operator signs the next roster, and the gateway looks.
    pub(crate) fn sign_next(&self, change: impl FnOnce(UnsignedRoster) -> UnsignedRoster) {
        sign_next(&self.path("publication"), self.newsroom, &self.operator, change);
        self.refresh();
    }

    /// The operator puts a batch into the publication, and the gateway looks.
    pub(crate) fn put_into_folder(&self, of: &Reviewer, batch: &[u8]) {
        publication::put_batch(&self.path("publication"), &of.name, batch).unwrap();
        self.refresh();
    }

    /// What the gateway does each second.
    pub(crate) fn refresh(&self) {
        self.gateway.roster.refresh(self.clock.now());
    }

    /// A request as `by` would sign it.
    pub(crate) fn signed(&self, by: &Reviewer, method: &str, uri: &str, body: &[u8]) -> Signed {
        let (path, query) = match uri.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (uri, None),
        };
        let target = Target { method, authority: AUTHORITY, path, query };
        let key = by.identity.public();
        let headers = sign(&target, body, self.newsroom, self.clock.now(), key, |base| {
            by.identity.sign(base)
        });
        let mut request = Request::builder().method(method).uri(uri).header("host", AUTHORITY);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body.to_vec()).unwrap()
    }

    /// The desk's answer: status and body.
    pub(crate) async fn desk(&self, request: &Signed) -> (u16, Vec<u8>) {
        let router = desk::router(self.gateway.clone(), [AUTHORITY.to_owned()]);
        answer(router, request.clone().map(Body::from)).await
    }

    /// The desk's answer to a request that `by` signs.
    pub(crate) async fn ask(
        &self,
        by: &Reviewer,
        method: &str,
        uri: &str,
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        self.desk(&self.signed(by, method, uri, body)).await
    }

    /// The desk's refusal: status and key.
    pub(crate) async fn refusal(&self, request: &Signed) -> (u16, String) {
        let (status, body) = self.desk(request).await;
        let failure: Failure = serde_json::from_slice(&body).unwrap();
        assert!(!failure.message.is_empty());
        (status, failure.error)
    }

    /// What anybody gets who asks the form's side for something.
    pub(crate) async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        answer(intake::router(self.gateway.clone()), request).await
    }

    /// Sends a tip by the form; the age file that it became.
    pub(crate) async fn tip(&self) -> Vec<u8> {
        let store = &self.gateway.store;
        let before = store.list(None, 1_000).await.unwrap();
        let form = Form::with_boundary("b").field("message", "for whoever has the keys");
        let request =
            Request::post("/en").header("content-type", "multipart/form-data; boundary=b");
        let request = request.body(Body::from(form.body())).unwrap();
        let (status, page) = answer(intake::router(self.gateway.clone()), request).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&page));
        let mut entries = store.list(None, 1_000).await.unwrap();
        entries.retain(|entry| !before.contains(entry));
        let (_, mut body) = store.get(entries[0].id, None).await.unwrap();
        let mut envelope = Vec::new();
        while let Some(piece) = body.next_chunk().await.unwrap() {
            envelope.extend(piece);
        }
        envelope
    }

    /// The batches that the store holds.
    pub(crate) async fn stored_batches(&self) -> Vec<(String, Vec<u8>)> {
        self.gateway.store.items(ItemKind::KeyBatch).await.unwrap()
    }
}

/// A request that has been signed.
pub(crate) type Signed = Request<Vec<u8>>;

async fn answer(router: axum::Router, request: Request<Body>) -> (u16, Vec<u8>) {
    let response = TowerToHyperService::new(router).call(request).await.unwrap();
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

async fn open(
    folder: &tempfile::TempDir,
    newsroom: NewsroomId,
    clock: Arc<FixedClock>,
    in_store: &str,
) -> Arc<Gateway<FileStore>> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let text = format!(
        "publication = \"publication\"\nnewsroom_key = \"{newsroom}\"\nspool = \".\"\n\
         addresses = \"addresses.json\"\n\
         [store]\npath = \"store\"\n{in_store}\
         [[listener]]\nkind = \"unix\"\npath = \"tips.sock\"\nserves = \"tips\"\n"
    );
    let config = Config::parse(&text, &folder.path().join("gateway.toml")).unwrap();
    let (store, _) = FileStore::open(&config.store, entropy.clone(), Options::default()).unwrap();
    let seen = Seen::from_store(&store).await.unwrap();
    let log = Log::memory();
    let roster =
        CurrentRoster::open(&config.publication, newsroom, EpochLength::Week, seen, log.clone());
    let roster = roster.unwrap();
    let retention = Retention::load(&store).await.unwrap();
    Arc::new(Gateway { config, store, roster, retention, clock, entropy, log })
}

fn sign_next(
    folder: &Path,
    newsroom: NewsroomId,
    operator: &Ed25519KeyPair,
    change: impl FnOnce(UnsignedRoster) -> UnsignedRoster,
) {
    let rosters = publication::read(folder).unwrap().rosters;
    let there = UntrustedPublication { rosters, batches: Default::default() };
    let before = there.verify(newsroom).unwrap();
    let next = change(UnsignedRoster::after(before.roster(), TODAY));
    publish(folder, before.roster().version() + 1, next, operator);
}

fn publish(folder: &Path, version: u32, roster: UnsignedRoster, operator: &Ed25519KeyPair) {
    let sign = |_: &NewsroomKey, bytes: &[u8]| {
        Ok::<_, RosterError>(operator.sign(bytes).as_ref().try_into().unwrap())
    };
    publication::add_roster(folder, version, &roster.sign_with(sign).unwrap()).unwrap();
}

/// A moment of a later week.
pub(crate) fn weeks_later(weeks: u32) -> Timestamp {
    TODAY.plus(7 * weeks).start()
}
