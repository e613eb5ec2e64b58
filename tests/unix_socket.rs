//! The listener for a local tor daemon: a unix socket that reads one PROXY line for each stream.

use std::os::unix::net::UnixStream;

use crate::newsroom::{Answer, Form, Newsroom, exchange};

/// What tor says first of every stream (`HiddenServiceExportCircuitID haproxy`): circuit 48.
const CIRCUIT: &str = "PROXY TCP6 fc00:dead:beef:4dad::0:30 ::1 48 80\r\n";

#[test]
fn a_tip_comes_through_the_socket_behind_tors_line() {
    let newsroom = Newsroom::new(
        &["ridge"],
        "[[listener]]\nkind = \"unix\"\npath = \"tips.sock\"\nserves = \"tips\"",
    );
    let gateway = newsroom.serve();
    let over_socket = |line: &str, request: &[u8]| -> Answer {
        let socket = UnixStream::connect(newsroom.path("gateway/tips.sock")).unwrap();
        exchange(socket, &[line.as_bytes(), request].concat())
    };
    let form = b"GET /zh-Hans HTTP/1.1\r\nHost: x.onion\r\nConnection: close\r\n\r\n";
    let page = over_socket(CIRCUIT, form);
    assert_eq!(page.status, 200, "{}{}", page.head, page.body);
    assert!(page.body.contains("<html lang=\"zh-Hans\">"), "{}", page.body);

    let tip = Form::new().field("message", "from behind the river").request("/ko", &[]);
    assert_eq!(over_socket(CIRCUIT, &tip).status, 200);
    assert_eq!(newsroom.stored().len(), 1);

    // whoever is not tor is not heard
    for line in
        ["", "PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\n", "PROXY UNKNOWN\r\n", "GET / HTTP/1.1\r\n"]
    {
        assert_eq!(over_socket(line, &tip).status, 0, "{line:?}");
    }
    assert_eq!(newsroom.stored().len(), 1);
    drop(gateway);
}
