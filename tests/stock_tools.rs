//! Nothing is locked in: what a gateway stored and a reviewer fetched is opened with age's own
//! implementation and `tar`, from the reviewer's key files, without any program of ours.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::{
    js::Node,
    newsroom::{Form, Newsroom},
};

#[test]
fn a_fetched_envelope_opens_with_age_and_tar() {
    let Some(node) = Node::find() else { return };
    let newsroom = Newsroom::new(&["ridge", "harbour"], "");
    let gateway = newsroom.serve();
    let photo = include_bytes!("../src/demo/photo.jpg");
    let form = Form::new().field("message", "for age and tar").file("p", "image/jpeg", photo);
    assert_eq!(gateway.post("/ko", &form).status, 200);
    let with_ours = newsroom.open_all(&gateway, "ridge").remove(0);

    let envelopes = fs::read_dir(newsroom.path("ridge/envelopes")).unwrap();
    let mut envelopes = envelopes.map(|entry| entry.unwrap().path());
    let envelope = envelopes.find(|path| path.extension().is_some_and(|e| e == "age")).unwrap();
    let file = |name: &str| newsroom.path(name);
    let open = |identity: &str, from: &Path, to: &Path, armored: bool| {
        let job = json!([{
            "do": "open", "identity": identity, "from": from, "to": to, "armored": armored
        }]);
        fs::write(file("job.json"), job.to_string()).unwrap();
        node.run("jobs", &file("job.json"));
    };

    // the identity file opens the key of the week, and that key the envelope
    let mut keys: Vec<_> =
        fs::read_dir(file("ridge/keys")).unwrap().map(|entry| entry.unwrap().path()).collect();
    keys.sort();
    open(&identity(&file("ridge/identity.txt")), &keys[0], &file("key.txt"), true);
    open(&identity(&file("key.txt")), &envelope, &file("tip.tar"), false);

    fs::create_dir(file("unpacked")).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(file("tip.tar")).arg("-C").arg(file("unpacked"));
    let tar = tar.output().unwrap();
    assert!(tar.status.success() && tar.stderr.is_empty(), "{tar:?}");
    for name in ["message.txt", "tip.json", "files/01.jpg"] {
        let (stock, ours) = (file("unpacked").join(name), with_ours.join(name));
        assert_eq!(fs::read(stock).unwrap(), fs::read(ours).unwrap(), "{name}");
    }
}

/// The identity in an age identity file: the line that is no comment.
fn identity(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap().to_owned()
}
