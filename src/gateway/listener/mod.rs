//! The gateway's ears: TLS and unix-socket listeners that never learn who calls.
//!
//! The peer's address is dropped in the statement that accepts the connection. Everything on a
//! connection has a limit: the handshake's time, the header's size and time, the time between two
//! requests, the time a write may stand still, and the number of connections. Limits on bodies are
//! the intake's.
//!
//! [`bind`] first, so that every mistake is told before anything is served; then [`serve`].

use std::{
    convert::Infallible, fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration,
};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{patience::Patience, proxy_line::Circuit};
use super::{
    config::{self, ListenerKind, Serves},
    tls_key::CurrentTlsKey,
};

mod patience;
pub mod proxy_line;
mod tls;
mod unix;

/// A TLS handshake, or tor's line, must be through in this time.
const GREETING: Duration = Duration::from_secs(20);
/// A request's header must be whole in this time, counted from the end of the request before.
const HEADER: Duration = Duration::from_secs(30);
/// A write may stand still for this long.
const WRITE_STALL: Duration = Duration::from_secs(60);
/// What is under way when the gateway stops may go on for this long.
const FAREWELL: Duration = Duration::from_secs(20);
/// After a failed accept (out of file descriptors, most likely), wait rather than spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request's header with its first line, in bytes, and the number of its fields.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_HEADER_FIELDS: usize = 64;
/// The most that one read of a body takes, in bytes: memory per connection against system calls.
const READ_BYTES: usize = 64 * 1024;

/// Why a listener could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TLS listener is configured and `[tls]` is not.
    #[error("a listener of kind \"tls\" needs a certificate and a key: add [tls]")]
    NoTls,
    /// rustls cannot do what is asked of it.
    #[error("TLS cannot be spoken: {0}; please report this")]
    Tls(#[from] rustls::Error),
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// As configured.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The socket cannot be made.
    #[error("cannot listen on the socket {path}: {source}")]
    Socket {
        /// As configured.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A socket that listens and is not served yet. Displays as `tips https://127.0.0.1:8443` or
/// `desk unix:/run/sealpost/desk.sock`, with the port that was really bound.
pub struct Bound {
    serves: Serves,
    socket: Socket,
}

enum Socket {
    Tls { listener: TcpListener, address: SocketAddr, acceptor: tls::Acceptor },
    Unix(unix::Socket),
}

impl Bound {
    /// What is served there.
    pub fn serves(&self) -> Serves {
        self.serves
    }

    /// The address of a TLS listener, with its real port.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tls { address, .. } => Some(*address),
            Socket::Unix(_) => None,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serves = match self.serves {
            Serves::Tips => "tips",
            Serves::Desk => "desk",
        };
        match &self.socket {
            Socket::Tls { address, .. } => write!(f, "{serves} https://{address}"),
            Socket::Unix(socket) => write!(f, "{serves} unix:{}", socket.path().display()),
        }
    }
}

/// Binds every listener, or none. Each TLS connection asks `tls` for its certificate.
pub async fn bind(
    listeners: &[config::Listener],
    tls: Option<Arc<CurrentTlsKey>>,
) -> Result<Vec<Bound>, BindError> {
    let acceptor = tls.map(|tls| tls::Acceptor::new(tls)).transpose()?;
    let mut bound = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let socket = match &listener.kind {
            ListenerKind::Tls { address } => {
                bind_tls(*address, acceptor.clone().ok_or(BindError::NoTls)?).await?
            }
            ListenerKind::Unix { path } => {
                let failed = |source| BindError::Socket { path: path.clone(), source };
                Socket::Unix(unix::Socket::bind(path).map_err(failed)?)
            }
        };
        bound.push(Bound { serves: listener.serves, socket });
    }
    Ok(bound)
}

async fn bind_tls(address: SocketAddr, acceptor: tls::Acceptor) -> Result<Socket, BindError> {
    let failed = |source| BindError::Address { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Socket::Tls { listener, address, acceptor })
}

/// What the listeners serve; each request carries its [`Circuit`] as an extension.
pub struct Routers {
    /// The source's form.
    pub tips: Router,
    /// The reviewers' side.
    pub desk: Router,
}

/// Serves until `shutdown` is ready, then lets what is under way end (for at most 20 seconds).
/// Tips and desk may each have `max_connections` open, so that neither side can lock out the other.
pub async fn serve(
    bound: Vec<Bound>,
    routers: Routers,
    max_connections: usize,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let places = |_| Arc::new(Semaphore::new(max_connections));
    let [tips_places, desk_places] = [(); 2].map(places);
    let mut loops = JoinSet::new();
    for Bound { serves, socket } in bound {
        let (router, places) = match serves {
            Serves::Tips => (routers.tips.clone(), tips_places.clone()),
            Serves::Desk => (routers.desk.clone(), desk_places.clone()),
        };
        loops.spawn(accept_loop(socket, router, places, stopping.clone()));
    }
    shutdown.await;
    // no receiver left means that every loop has ended already
    let _ = stop.send(true);
    while loops.join_next().await.is_some() {}
}

async fn accept_loop(
    socket: Socket,
    router: Router,
    places: Arc<Semaphore>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            // the place first: when all are taken, callers wait in the kernel's queue
            let place = places.clone().acquire_owned().await;
            (place, socket.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok(caller) => {
                let (router, stopping) = (router.clone(), stopping.clone());
                connections.spawn(async move {
                    caller.answer(router, stopping).await;
                    drop(place);
                });
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(FAREWELL, all_ended).await;
}

/// A connection of which nothing is known but that it is there.
enum Caller {
    Tls(TcpStream, tls::Acceptor),
    Unix(UnixStream),
}

impl Socket {
    async fn accept(&self) -> io::Result<Caller> {
        match self {
            Self::Tls { listener, acceptor, .. } => {
                // the address ends here, unnamed
                let (stream, _) = listener.accept().await?;
                Ok(Caller::Tls(stream, acceptor.clone()))
            }
            Self::Unix(socket) => Ok(Caller::Unix(socket.accept().await?)),
        }
    }
}

impl Caller {
    /// Speaks with the caller to the end. Its errors are its own: none is told to anybody.
    async fn answer(self, router: Router, stopping: watch::Receiver<bool>) {
        match self {
            Self::Tls(stream, acceptor) => {
                // pages are small; a response must not wait for the next packet
                let _ = stream.set_nodelay(true);
                if let Ok(Ok(stream)) = timeout(GREETING, acceptor.accept(stream)).await {
                    speak_http(stream, Circuit::SHARED, router, stopping).await;
                }
            }
            Self::Unix(stream) => {
                let greeted = timeout(GREETING, unix::after_proxy_line(stream)).await;
                if let Ok(Ok((stream, circuit))) = greeted {
                    speak_http(stream, circuit, router, stopping).await;
                }
            }
        }
    }
}

async fn speak_http(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    circuit: Circuit,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(circuit);
        let answer = router.call(request);
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let stream = TokioIo::new(Patience::new(stream, WRITE_STALL));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_headers(MAX_HEADER_FIELDS)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(READ_BYTES)
        .auto_date_header(false)
        .serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        _ = connection.as_mut() => true,
        _ = stopping.wait_for(|stop| *stop) => false,
    };
    if !ended {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

#[cfg(test)]
mod tests;
