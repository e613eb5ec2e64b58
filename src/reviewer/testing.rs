//! A gateway for tests of the client: it says what it was told to say.

use std::cell::RefCell;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use super::{client::Desk, identity::IdentitySecret, route::Route};
use crate::{
    clock::{FixedClock, Timestamp},
    random::SystemEntropy,
    roster::NewsroomId,
};

/// Asks a server that gives these answers, one to a connection; what came of it, and the range that
/// each request asked for.
pub(super) fn answered<T>(
    answers: &[&str],
    ask: impl AsyncFnOnce(&Desk<'_>) -> T,
) -> (T, Vec<Option<String>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let identity = IdentitySecret::generate(&SystemEntropy::new());
    let clock = FixedClock::new(Timestamp(0));
    let asked = RefCell::new(Vec::new());
    let result = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let base = format!("http://{authority}");
        let route = Route { base, authority, pins: Vec::new(), socks: None };
        let desk = Desk::new(route, NewsroomId([0; 32]), &identity, &clock).unwrap();
        let serve = async {
            for answer in answers {
                let mut stream = BufReader::new(listener.accept().await.unwrap().0);
                let mut range = None;
                let mut line = String::new();
                while stream.read_line(&mut line).await.unwrap() > 2 {
                    if let Some(value) = line.trim_end().strip_prefix("range: ") {
                        range = Some(value.to_owned());
                    }
                    line.clear();
                }
                asked.borrow_mut().push(range);
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = ask(&desk) => result,
            () = serve => unreachable!("it waits for ever"),
        }
    });
    (result, asked.into_inner())
}
