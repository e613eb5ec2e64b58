//! Signed requests to the desk.

use std::{error::Error as _, io, time::Duration};

use reqwest::{
    Client, Method, Proxy, RequestBuilder, Response, StatusCode, header, redirect::Policy,
};

use super::{identity::IdentitySecret, route::Route, tls};
use crate::{
    clock::Clock,
    desk::{
        ANSWER_LIMIT, ENVELOPES, EnvelopeListing, Failure, KEYS, ListPage, PAGE, Purge,
        REPR_DIGEST, ROSTERS, RosterPage, RosterText, deletion_path, envelope_path, fetched_path,
        purge_path,
        signature::{Target, read_digest_field, sign},
    },
    roster::{MAX_DOCUMENT, MAX_REVIEWERS, MAX_VERSION, NewsroomId, sshsig::MAX_SIGNATURE_FILE},
    seal::envelope_len,
    tip::{SizeClass, TipId},
};

/// Until a connection stands; a circuit through Tor takes its time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
/// Without a byte.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// For a whole exchange that is no download.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How often a request is tried, or a download resumed without a byte of progress.
pub(super) const TRIES: u32 = 4;
/// Pages of the list before a gateway is taken for broken: [`PAGE`] times this many envelopes, which
/// are a million.
const PAGES: usize = 2_000;
/// Bytes of rosters and signatures that are taken in one visit, before any of them is verified.
const ROSTERS_LIMIT: usize = 64 * 1024 * 1024;

/// Why the desk did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection's settings were not accepted.
    #[error("the connection cannot be set up: look at the proxy's address")]
    Setup(#[source] reqwest::Error),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The server has another key than the roster says.
    #[error(
        "the server at {0} is not the newsroom's gateway: its key is not the roster's. Do not go \
         on; ask the operator by another channel whether the key was changed"
    )]
    NotTheGateway(String),
    /// No connection, or a broken one.
    #[error("the gateway at {at} does not answer: is it running, is the network there?")]
    Unreachable {
        /// Its authority.
        at: String,
        /// What the network said.
        #[source]
        source: reqwest::Error,
    },
    /// The gateway said no.
    #[error("the gateway refuses ({key}): {message}")]
    Refused {
        /// The refusal's key, see [`Failure`].
        key: String,
        /// For a person.
        message: String,
    },
    /// Not the answer of a desk.
    #[error("the gateway at {at} gave an answer that is none of a desk: {what}")]
    Strange {
        /// Its authority.
        at: String,
        /// What was wrong.
        what: &'static str,
    },
}

impl ClientError {
    /// True if trying again may help.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// The desk, as one reviewer reaches it.
pub struct Desk<'a> {
    http: Client,
    route: Route,
    newsroom: NewsroomId,
    identity: &'a IdentitySecret,
    clock: &'a dyn Clock,
}

/// What the gateway lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// In order of id.
    pub envelopes: Vec<EnvelopeListing>,
    /// How many it took and cannot hand out, see [`ListPage::missing`].
    pub missing: u64,
}

/// An age file that is coming in.
pub struct Download {
    response: Response,
    at: String,
    /// The place of its first byte in the whole.
    pub from: u64,
    /// The whole file's length in bytes.
    pub whole: u64,
    /// The whole file's SHA-256, as the gateway stored it.
    pub sha256: [u8; 32],
}

impl<'a> Desk<'a> {
    /// Nothing is sent yet.
    pub fn new(
        route: Route,
        newsroom: NewsroomId,
        identity: &'a IdentitySecret,
        clock: &'a dyn Clock,
    ) -> Result<Self, ClientError> {
        let tls = tls::pinned(route.pins.clone()).map_err(ClientError::Tls)?;
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(Policy::none())
            .http1_only()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(STALL_TIMEOUT);
        if let Some(socks) = &route.socks {
            // socks5h: names are resolved by the proxy, never here
            let proxy = Proxy::all(format!("socks5h://{socks}")).map_err(ClientError::Setup)?;
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(ClientError::Setup)?;
        Ok(Self { http, route, newsroom, identity, clock })
    }

    /// All envelopes that the gateway holds and this reviewer has not deleted, in order of id.
    pub async fn list(&self) -> Result<Listed, ClientError> {
        let mut listed = Listed::default();
        let mut after: Option<TipId> = None;
        for _ in 0..PAGES {
            let begin = after.map(|id| format!("after={id}&")).unwrap_or_default();
            let page = self.page(&format!("{begin}limit={PAGE}")).await?;
            listed.missing = listed.missing.max(page.missing);
            // strictly rising ids, so that no gateway can keep this going in a circle
            let mut last = after;
            for listing in page.envelopes {
                if last.is_some_and(|last| last >= listing.id) {
                    return Err(self.strange("a list that is out of order"));
                }
                last = Some(listing.id);
                listed.envelopes.push(listing);
            }
            match page.next {
                None => return Ok(listed),
                Some(next) if Some(next) > after && Some(next) >= last => after = Some(next),
                Some(_) => return Err(self.strange("a list that does not go on where it ended")),
            }
        }
        Err(self.strange("a list without an end"))
    }

    /// Tells the gateway that an envelope is here as a whole. False if it has none of this id.
    pub async fn fetched(&self, id: TipId) -> Result<bool, ClientError> {
        self.mark(Method::PUT, &fetched_path(id)).await.map(|answer| answer.is_some())
    }

    /// Deletes an envelope. False if the gateway never had one of this id.
    pub async fn delete(&self, id: TipId) -> Result<bool, ClientError> {
        self.mark(Method::PUT, &deletion_path(id)).await.map(|answer| answer.is_some())
    }

    /// Takes a deletion back. False if the envelope is gone.
    pub async fn undelete(&self, id: TipId) -> Result<bool, ClientError> {
        self.mark(Method::DELETE, &deletion_path(id)).await.map(|answer| answer.is_some())
    }

    /// Deletes an envelope and wants it gone at once. `None` if the gateway never had one of this
    /// id.
    pub async fn purge(&self, id: TipId) -> Result<Option<Purge>, ClientError> {
        let Some(answer) = self.mark(Method::PUT, &purge_path(id)).await? else { return Ok(None) };
        let purge = serde_json::from_slice(&answer);
        purge.map(Some).map_err(|_| self.strange("not the JSON of a desk"))
    }

    /// A request about one envelope, without a body; the answer's body, or `None` for a 404.
    async fn mark(&self, method: Method, path: &str) -> Result<Option<Vec<u8>>, ClientError> {
        self.insisting(async || {
            let request = self.request(method.clone(), path, None, b"");
            let response = self.send(request.timeout(WHOLE_TIMEOUT)).await?;
            match response.status() {
                StatusCode::OK => self.body(response).await.map(Some),
                StatusCode::NO_CONTENT => Ok(Some(Vec::new())),
                StatusCode::NOT_FOUND => Ok(None),
                _ => Err(self.refusal(response).await),
            }
        })
        .await
    }

    async fn page(&self, query: &str) -> Result<ListPage, ClientError> {
        let page: ListPage = self
            .insisting(async || {
                let response =
                    self.send(self.get(ENVELOPES, Some(query)).timeout(WHOLE_TIMEOUT)).await?;
                self.success(response).await
            })
            .await?;
        if page.envelopes.len() > PAGE {
            return Err(self.strange("a longer page of its list than was asked for"));
        }
        let longest = envelope_len(SizeClass::LARGEST, MAX_REVIEWERS);
        if page.envelopes.iter().any(|listing| listing.bytes > longest) {
            return Err(self.strange("an envelope that is longer than any can be"));
        }
        Ok(page)
    }

    /// True if the gateway answers at all.
    pub async fn is_there(&self) -> bool {
        !matches!(self.keys().await, Err(ClientError::Unreachable { .. }))
    }

    /// The chain of rosters after version `after`, as the gateway tells it: not verified, and within
    /// the limits of files and versions.
    pub async fn rosters(&self, after: u32) -> Result<Vec<RosterText>, ClientError> {
        let mut all: Vec<RosterText> = Vec::new();
        let mut bytes = 0;
        let mut after = after;
        for _ in 0..PAGES {
            let query = format!("after={after}");
            let page: RosterPage = self
                .insisting(async || {
                    let response =
                        self.send(self.get(ROSTERS, Some(&query)).timeout(WHOLE_TIMEOUT)).await?;
                    self.success(response).await
                })
                .await?;
            for text in page.rosters {
                if text.roster.len() > MAX_DOCUMENT || text.signature.len() > MAX_SIGNATURE_FILE {
                    return Err(self.strange("a roster that is longer than any can be"));
                }
                bytes += text.roster.len() + text.signature.len();
                if all.len() >= MAX_VERSION as usize || bytes > ROSTERS_LIMIT {
                    return Err(self.strange("more rosters than there can be"));
                }
                all.push(text);
            }
            match page.next {
                None => return Ok(all),
                Some(next) if next > after => after = next,
                Some(_) => return Err(self.strange("a chain that does not go on where it ended")),
            }
        }
        Err(self.strange("a chain without an end"))
    }

    /// One's own batch of sealing keys as the gateway has it.
    pub async fn keys(&self) -> Result<Option<Vec<u8>>, ClientError> {
        self.insisting(async || {
            let response = self.send(self.get(KEYS, None).timeout(WHOLE_TIMEOUT)).await?;
            match response.status() {
                StatusCode::OK => self.body(response).await.map(Some),
                StatusCode::NOT_FOUND => Ok(None),
                _ => Err(self.refusal(response).await),
            }
        })
        .await
    }

    /// Gives the gateway a later batch.
    pub async fn put_keys(&self, batch: &[u8]) -> Result<(), ClientError> {
        self.insisting(async || {
            let request = self.request(Method::PUT, KEYS, None, batch).body(batch.to_vec());
            let response = self.send(request.timeout(WHOLE_TIMEOUT)).await?;
            if response.status() == StatusCode::NO_CONTENT {
                Ok(())
            } else {
                Err(self.refusal(response).await)
            }
        })
        .await
    }

    /// Tries again while trying may help.
    async fn insisting<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut tries = 1;
        loop {
            match attempt().await {
                Err(error) if error.is_passing() && tries < TRIES => {
                    pause(tries).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// Begins the download of an age file from byte `from` on.
    pub async fn envelope(&self, id: TipId, from: u64) -> Result<Download, ClientError> {
        let mut request = self.get(&envelope_path(id), None);
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        let response = self.send(request).await?;
        let (from, whole) = match response.status() {
            StatusCode::OK => {
                let length = response.content_length();
                (0, length.ok_or_else(|| self.strange("a file without a length"))?)
            }
            StatusCode::PARTIAL_CONTENT => {
                let whole = content_range(&response, from);
                (from, whole.ok_or_else(|| self.strange("another part of the file"))?)
            }
            _ => return Err(self.refusal(response).await),
        };
        let sha256 = repr_digest(&response);
        let sha256 = sha256.ok_or_else(|| self.strange("a file without its digest"))?;
        Ok(Download { response, at: self.route.authority.clone(), from, whole, sha256 })
    }

    fn get(&self, path: &str, query: Option<&str>) -> RequestBuilder {
        self.request(Method::GET, path, query, b"")
    }

    /// A request whose signature covers `body`, which is still to be added.
    fn request(
        &self,
        method: Method,
        path: &str,
        query: Option<&str>,
        body: &[u8],
    ) -> RequestBuilder {
        let authority = &self.route.authority;
        let target = Target { method: method.as_str(), authority, path, query };
        let headers =
            sign(&target, body, self.newsroom, self.clock.now(), self.identity.public(), |base| {
                self.identity.sign(base)
            });
        let mark = if query.is_some() { "?" } else { "" };
        let url = format!("{}{path}{mark}{}", self.route.base, query.unwrap_or_default());
        let request = self.http.request(method.clone(), url);
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let result = request.send().await;
        result.map_err(|error| broken(&self.route.authority, error))
    }

    async fn refusal(&self, response: Response) -> ClientError {
        match self.json::<Failure>(response).await {
            Ok(failure) => ClientError::Refused {
                key: printable(&failure.error),
                message: printable(&failure.message),
            },
            Err(error) => error,
        }
    }

    async fn success<T: serde::de::DeserializeOwned>(
        &self,
        response: Response,
    ) -> Result<T, ClientError> {
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response).await);
        }
        self.json(response).await
    }

    async fn json<T: serde::de::DeserializeOwned>(
        &self,
        response: Response,
    ) -> Result<T, ClientError> {
        let body = self.body(response).await?;
        serde_json::from_slice(&body).map_err(|_| self.strange("not the JSON of a desk"))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| broken(&self.route.authority, error))?
        {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(self.strange("more than it may say"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn strange(&self, what: &'static str) -> ClientError {
        ClientError::Strange { at: self.route.authority.clone(), what }
    }
}

impl Download {
    /// The next piece; `None` at the end of what the server sent.
    pub async fn next_piece(&mut self) -> Result<Option<bytes::Bytes>, ClientError> {
        self.response.chunk().await.map_err(|error| broken(&self.at, error))
    }
}

/// Waits before the try after the `tried`-th: not at all, then 1, 3, 7 … seconds.
pub(super) async fn pause(tried: u32) {
    tokio::time::sleep(Duration::from_secs((1 << (tried - 1).min(4)) - 1)).await;
}

/// The whole length, if `Content-Range` says `bytes <from>-<whole - 1>/<whole>` (RFC 9110 §14.4).
fn content_range(response: &Response, from: u64) -> Option<u64> {
    let value = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (first, rest) = value.strip_prefix("bytes ")?.split_once('-')?;
    let (last, whole) = rest.split_once('/')?;
    let number = |text: &str| text.parse::<u64>().ok();
    let whole = number(whole)?;
    (number(first)? == from && number(last)? == whole.checked_sub(1)?).then_some(whole)
}

/// The SHA-256 of the whole file, if `Repr-Digest` says it once and in our form (RFC 9530 §3).
fn repr_digest(response: &Response) -> Option<[u8; 32]> {
    let mut values = response.headers().get_all(REPR_DIGEST).iter();
    let value = values.next()?.to_str().ok()?;
    read_digest_field(value).filter(|_| values.next().is_none())
}

/// A failed connection, told apart from one to somebody else.
fn broken(at: &str, source: reqwest::Error) -> ClientError {
    let at = at.to_owned();
    if is_wrong_key(&source) {
        ClientError::NotTheGateway(at)
    } else {
        // without the URL: it would name an envelope
        ClientError::Unreachable { at, source: source.without_url() }
    }
}

fn is_wrong_key(error: &reqwest::Error) -> bool {
    let is_refused = |error: &rustls::Error| {
        matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::PeerIncompatible(_))
    };
    let mut source = error.source();
    while let Some(error) = source {
        // rustls' error is inside an io::Error, whose `source` skips it
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner.and_then(|inner| inner.downcast_ref()));
        if tls.is_some_and(is_refused) {
            return true;
        }
        source = match inner {
            Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    false
}

/// What may be shown of a text that came from outside: no control characters, not too long.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Day, Epoch},
        reviewer::testing::answered,
    };

    /// One answer of a desk.
    fn json(value: &impl serde::Serialize) -> String {
        let body = serde_json::to_string(value).unwrap();
        assert!(body.len() <= ANSWER_LIMIT, "refused for another reason");
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    fn is_strange<T>(result: Result<T, ClientError>) -> bool {
        matches!(result, Err(ClientError::Strange { .. }))
    }

    #[test]
    fn a_list_stays_within_its_limits() {
        let listed = |count: u16, bytes: u64| {
            let listing = |number: u16| {
                let mut id = TipId([0; 16]);
                id.0[..2].copy_from_slice(&number.to_be_bytes());
                EnvelopeListing {
                    id,
                    day: Day(1),
                    epoch: Epoch(1),
                    class: 81_920,
                    bytes,
                    goes: None,
                }
            };
            let envelopes = (0..count).map(listing).collect();
            let page = ListPage { envelopes, next: None, missing: 0 };
            answered(&[&json(&page)], async |desk| desk.list().await).0
        };
        // a tar of 4 GiB + 64 KiB in chunks of 64 KiB, each with a tag of 16 bytes, and 256 stanzas
        let largest = (4 << 30) + 65_536 + 65_537 * 16 + 256 * 1_700;
        assert_eq!(listed(500, 4 << 30).unwrap().envelopes.len(), 500);
        assert!(is_strange(listed(501, 4 << 30)));
        assert!(is_strange(listed(1, u64::MAX)));
        let longest = envelope_len(SizeClass::LARGEST, MAX_REVIEWERS);
        assert!(longest < largest, "{longest}");
        assert!(listed(1, longest).is_ok());
        assert!(is_strange(listed(1, longest + 1)));
    }

    #[test]
    fn a_list_may_have_short_pages_and_goes_on_where_they_ended() {
        let listed = |pages: &[(&[u8], Option<u8>, u64)]| {
            let id = |n: u8| TipId([n; 16]);
            let listing = |n: &u8| EnvelopeListing {
                id: id(*n),
                day: Day(1),
                epoch: Epoch(1),
                class: 1,
                bytes: 1,
                goes: None,
            };
            let page = |(ids, next, missing): &(&[u8], Option<u8>, u64)| {
                let envelopes = ids.iter().map(listing).collect();
                json(&ListPage { envelopes, next: next.map(id), missing: *missing })
            };
            let answers: Vec<String> = pages.iter().map(page).collect();
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            let list = answered(&answers, async |desk| desk.list().await).0;
            list.map(|list| {
                let ids: Vec<u8> = list.envelopes.iter().map(|one| one.id.0[0]).collect();
                (ids, list.missing)
            })
        };
        let short = listed(&[(&[1], Some(3), 0), (&[], Some(5), 2), (&[6], None, 0)]);
        assert_eq!(short.unwrap(), (vec![1, 6], 2));
        for wrong in [
            &[(&[2, 1][..], None, 0)][..],
            &[(&[1, 2], Some(1), 0)],
            &[(&[1], Some(3), 0), (&[2], None, 0)],
            &[(&[1], Some(3), 0), (&[], Some(3), 0)],
        ] {
            assert!(is_strange(listed(wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn a_chain_stays_within_its_limits() {
        let text = |roster, signature| RosterText {
            roster: "r".repeat(roster),
            signature: "s".repeat(signature),
        };
        let told = |pages: Vec<Vec<RosterText>>| {
            let last = pages.len();
            let page = |(number, rosters)| {
                let next = u32::try_from(number).ok().filter(|_| number < last);
                json(&RosterPage { rosters, next })
            };
            let answers: Vec<String> = (1..).zip(pages).map(page).collect();
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            answered(&answers, async |desk| desk.rosters(0).await).0
        };
        assert_eq!(told(vec![vec![text(MAX_DOCUMENT, MAX_SIGNATURE_FILE)]]).unwrap().len(), 1);
        assert!(is_strange(told(vec![vec![text(MAX_DOCUMENT + 1, 1)]])));
        assert!(is_strange(told(vec![vec![text(1, MAX_SIGNATURE_FILE + 1)]])));
        let half = || vec![text(1, 1); 5_000];
        assert_eq!(told(vec![half(), vec![text(1, 1); 4_999]]).unwrap().len(), 9_999);
        assert!(is_strange(told(vec![half(), half()])));
    }
}
