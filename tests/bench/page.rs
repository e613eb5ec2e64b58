//! The first page: its size, the time until it is there, and the memory of a gateway that waits.

use std::time::Duration;

use super::{Limit, figure, median, newsroom::Newsroom, process, seconds};

const GET: &[u8] = b"GET /ko HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

pub(super) fn run() {
    let newsroom = Newsroom::new(&["ridge"], "");
    let mut starts = Vec::new();
    for _ in 0..9 {
        let mut gateway = None;
        starts.push(seconds(|| {
            let started = newsroom.serve();
            assert_eq!(started.request(GET).status, 200);
            gateway = Some(started);
        }));
    }
    figure("from start to first page (median of 9)", median(starts), "s", Limit::AtMost(0.3));

    let gateway = newsroom.serve();
    let page = gateway.request(GET);
    let kilobytes = |length: usize| f64::from(u32::try_from(length).unwrap()) / 1000.0;
    figure(
        "the form's page with its style, headers included, one request",
        kilobytes(page.head.len() + 4 + page.body.len()),
        "kB",
        Limit::AtMost(8.0),
    );
    std::thread::sleep(Duration::from_secs(3));
    figure("idle, resident", process::resident_mb(gateway.process.id()), "MB", Limit::AtMost(20.0));
}
