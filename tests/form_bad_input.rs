//! Bad input to the form gives a clear page in the source's language, or a closed connection; never
//! a panic, never a half-stored tip.
use std::{
    io::{Read, Write},
    thread,
    time::Duration,
};

use crate::newsroom::{Answer, Gateway, Newsroom, answer, files_below};

const LANGUAGES: [&str; 3] = ["en", "ko", "zh-Hans"];
const TYPE: &str = "multipart/form-data; boundary=----geckoformboundary0a1b2c";
const BOUNDARY: &str = "------geckoformboundary0a1b2c";

/// Small sizes, so that a test need not send much; short times, so that it need not wait.
const LIMITS: &str = "max_tip_bytes = 1_000_000\nmax_message_bytes = 4_096\n\
                      min_bytes_per_second = 512\ngrace_seconds = 3\nstall_seconds = 2";

/// A gateway with a newsroom of its own.
struct Served {
    gateway: Gateway,
    newsroom: Newsroom,
}

impl Served {
    fn start() -> Self {
        let newsroom = Newsroom::new(&["ridge"], "");
        newsroom.limit(LIMITS);
        Self { gateway: newsroom.serve(), newsroom }
    }

    fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: tips.example\r\nConnection: close\r\n\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.gateway.request(&[head.as_bytes(), body].concat())
    }

    /// Number of envelopes in the store, after making sure that nothing half-done lies about.
    fn envelopes(&self) -> usize {
        for empty in ["gateway/spool", "gateway/store/tmp", "gateway/store/quarantine"] {
            assert!(files_below(&self.newsroom.path(empty)).is_empty(), "{empty} is not empty");
        }
        self.newsroom.stored().len()
    }

    /// Fails the test if the gateway has ended, or said anything.
    fn must_be_well(&mut self) {
        assert!(self.gateway.process.try_wait().unwrap().is_none(), "the gateway has ended");
        assert_eq!(std::fs::read_to_string(self.newsroom.path("gateway.log")).unwrap(), "");
    }
}

/// A part: field, file name if it is a file, content.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, file_name, content) in parts {
        let file = file_name.map_or(String::new(), |name| {
            format!("; filename=\"{name}\"\r\nContent-Type: application/octet-stream")
        });
        let head = format!("{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"{file}");
        body.extend([head.as_bytes(), b"\r\n\r\n", content, b"\r\n"].concat());
    }
    body.extend(format!("{BOUNDARY}--\r\n").bytes());
    body
}

/// A page that says that something is wrong, in the language asked for, with no header too many.
fn must_be_clear(answer: &Answer, status: u16, language: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.body.contains(&format!("<html lang=\"{language}\">")), "{}", answer.body);
    assert!(answer.body.contains("role=\"alert\""), "{}", answer.body);
    assert!(answer.body.trim_end().ends_with("</html>"), "cut off: {}", answer.body);
    for never in ["\ndate:", "\nserver:", "\netag:", "\nset-cookie:", "\nlast-modified:"] {
        assert!(!answer.head.to_lowercase().contains(never), "{}", answer.head);
    }
}

/// Posts in every language: each time a clear page, and nothing is stored.
fn refused(gateway: &Served, status: u16, content_type: &str, body: &[u8]) {
    for language in LANGUAGES {
        let answer = gateway.post(&format!("/{language}"), content_type, body);
        must_be_clear(&answer, status, language);
        assert_eq!(gateway.envelopes(), 0);
    }
}

/// The control of every test: the same gateway still takes a good tip.
fn a_good_tip_is_still_taken(mut gateway: Served) {
    let good = form(&[("message", None, b"The river is lit at night."), ("files", Some(""), b"")]);
    let answer = gateway.post("/en", TYPE, &good);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!answer.body.contains("river"), "what was sent is shown again");
    assert_eq!(gateway.envelopes(), 1);
    gateway.must_be_well();
}

#[test]
fn an_empty_tip() {
    let gateway = Served::start();
    refused(&gateway, 422, TYPE, &form(&[]));
    let blank: [Part<'_>; 2] = [("message", None, b" \r\n "), ("files", Some(""), b"")];
    refused(&gateway, 422, TYPE, &form(&blank));
    refused(&gateway, 422, TYPE, &form(&[("files", Some("empty.jpg"), b"")]));
    refused(&gateway, 400, TYPE, b"");
    a_good_tip_is_still_taken(gateway);
}

#[test]
fn too_much_of_something() {
    let gateway = Served::start();
    refused(&gateway, 413, TYPE, &form(&[("files", Some("a"), &vec![7; 1_000_000])]));
    refused(&gateway, 413, TYPE, &form(&[("message", None, &[b'a'; 4_097])]));
    // the default, 200 files, and one more
    refused(&gateway, 413, TYPE, &form(&[("files", Some("a.txt"), b"x" as &[u8]); 201]));
    a_good_tip_is_still_taken(gateway);
}

#[test]
fn a_body_without_a_length_that_is_larger_than_allowed() {
    let gateway = Served::start();
    let mut stream = gateway.gateway.connect();
    let head = format!(
        "POST /ko HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: {TYPE}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let body = form(&[("files", Some("a"), &vec![7; 1_500_000])]);
    for chunk in body.chunks(50_000) {
        let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        if stream.write_all(&framed).is_err() {
            break;
        }
    }
    must_be_clear(&answer(&mut stream), 413, "ko");
    assert_eq!(gateway.envelopes(), 0);
    a_good_tip_is_still_taken(gateway);
}

#[test]
fn what_is_no_form() {
    let gateway = Served::start();
    let good = form(&[("message", None, b"hello")]);
    refused(&gateway, 415, "application/x-www-form-urlencoded", b"message=hello");
    refused(&gateway, 415, "text/plain", &good);
    refused(&gateway, 415, "multipart/form-data", &good);
    refused(&gateway, 400, "multipart/form-data; boundary=another", &good);
    refused(&gateway, 400, TYPE, &form(&[("message", None, b"\xff\xfe not UTF-8")]));
    refused(&gateway, 400, TYPE, &form(&[("message", None, b"a"), ("uncleanable", None, b"?")]));
    a_good_tip_is_still_taken(gateway);
}

#[test]
fn a_form_that_is_cut_off() {
    let gateway = Served::start();
    let whole = form(&[("message", None, b"hello"), ("files", Some("a.txt"), b"some text")]);
    // cut off, with a length that says that this is all
    for end in [1, 40, 100, whole.len() / 2, whole.len() - 30, whole.len() - 3] {
        refused(&gateway, 400, TYPE, &whole[..end]);
    }
    // cut off, with a length that promises more: the connection ends
    let mut stream = gateway.gateway.connect();
    let head = format!(
        "POST /en HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nContent-Length: {}\r\n\r\n",
        whole.len()
    );
    stream.write_all(&[head.as_bytes(), &whole[..whole.len() - 3]].concat()).unwrap();
    stream.conn.send_close_notify();
    let _ = stream.flush();
    let _ = answer(&mut stream);
    assert_eq!(gateway.envelopes(), 0);
    a_good_tip_is_still_taken(gateway);
}

#[test]
fn a_jpeg_with_a_broken_segment() {
    let gateway = Served::start();
    // SOI, then an APP1 segment that claims more bytes than there are
    let broken = [&b"\xff\xd8\xff\xe1\xff\xff"[..], b"Exif\0\0", &[7; 100]].concat();
    refused(&gateway, 422, TYPE, &form(&[("files", Some("a.jpg"), &broken)]));
    // with a message, the message is kept and the file is left out
    let parts: [Part<'_>; 2] = [("message", None, b"hello"), ("files", Some("a.jpg"), &broken)];
    let answer = gateway.post("/en", TYPE, &form(&parts));
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("File 1: photo (JPEG), left out"), "{}", answer.body);
    assert_eq!(gateway.envelopes(), 1);
}

/// Sends the beginning of a form, then what `more` sends, and reads the answer.
fn slowly(gateway: &Served, more: impl Fn(&mut dyn Write) -> std::io::Result<()>) -> Answer {
    let mut stream = gateway.gateway.connect();
    let head = format!(
        "POST /zh-Hans HTTP/1.1\r\nHost: x\r\nContent-Type: {TYPE}\r\nContent-Length: 90000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&form(&[("message", None, b"hello")])[..60]).unwrap();
    stream.flush().unwrap();
    // ends with an error once the gateway has closed, or by itself
    let _ = more(&mut stream);
    answer(&mut stream)
}

#[test]
fn a_body_that_stalls() {
    let gateway = Served::start();
    let answer = slowly(&gateway, |_| Ok(()));
    must_be_clear(&answer, 408, "zh-Hans");
    assert_eq!(gateway.envelopes(), 0);
    a_good_tip_is_still_taken(gateway);
}

#[test]
fn a_body_that_drips() {
    let gateway = Served::start();
    let answer = slowly(&gateway, |stream| {
        // four bytes a second never stall, and are far below the least rate; more than enough of
        // them, unless the gateway ends it
        for _ in 0..40 {
            stream.write_all(b"x")?;
            stream.flush()?;
            thread::sleep(Duration::from_millis(250));
        }
        Ok(())
    });
    // a page, or a closed connection
    if answer.status != 0 {
        must_be_clear(&answer, 408, "zh-Hans");
    }
    assert_eq!(gateway.envelopes(), 0);
    a_good_tip_is_still_taken(gateway);
}

#[test]
fn bytes_that_are_no_http() {
    let gateway = Served::start();
    for nonsense in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", &[b'A'; 100_000]] {
        let mut stream = gateway.gateway.connect();
        let _ = stream.write_all(nonsense).and_then(|()| stream.flush());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"));
    }
    assert_eq!(gateway.envelopes(), 0);
    a_good_tip_is_still_taken(gateway);
}
