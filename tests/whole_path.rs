//! A tip goes the whole way: through TLS, cleaning, sealing, the store and the desk, to a
//! reviewer's folder. Every JPEG and PNG of the corpus does, and the demo's photo.

use std::path::{Path, PathBuf};

use crate::{
    newsroom::{Form, Newsroom},
    oracle,
};

/// Files in one form; the gateway takes 200.
const A_TIP: usize = 60;

#[test]
fn pictures_arrive_with_their_pixels_and_without_their_metadata() {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/photo.jpg");
    let mut sent = vec![(photo.clone(), oracle::picture(&photo).unwrap())];
    if let Some(corpus) = oracle::corpus() {
        let opens = |path: PathBuf| oracle::picture(&path).map(|picture| (path, picture));
        sent.extend(oracle::files(&corpus, &["jpg", "png"]).into_iter().filter_map(opens));
    }

    let newsroom = Newsroom::new(&["ridge"], "");
    let gateway = newsroom.serve();
    for (number, tip) in sent.chunks(A_TIP).enumerate() {
        let mut form = Form::new().field("message", &format!("tip {number}"));
        for (picture, _) in tip {
            form = form.file("picture", "image/*", &std::fs::read(picture).unwrap());
        }
        let answer = gateway.post("/en", &form);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    let opened = newsroom.open_all(&gateway, "ridge");
    assert_eq!(opened.len(), sent.chunks(A_TIP).len());
    let mut arrived = Vec::new();
    let mut left_out = Vec::new();
    for folder in opened {
        let message = std::fs::read_to_string(folder.join("message.txt")).unwrap();
        let number: usize = message.strip_prefix("tip ").unwrap().parse().unwrap();
        for (place, (path, picture)) in sent.chunks(A_TIP).nth(number).unwrap().iter().enumerate() {
            match received(&folder, place + 1) {
                Some(file) => {
                    assert_eq!(
                        oracle::picture(&file).as_ref(),
                        Some(picture),
                        "{}",
                        path.display()
                    );
                    arrived.push(file);
                }
                None => left_out.push(path),
            }
        }
    }
    eprintln!("{} pictures arrived, {} were left out: {left_out:?}", arrived.len(), left_out.len());
    assert!(left_out.len() * 20 < sent.len(), "more than 5 of 100 were left out");
    let findings = oracle::exiftool_findings(&arrived);
    assert!(findings.is_empty(), "{findings:#?}");
}

/// The file that was the `ordinal`th of its tip, unless it was left out.
fn received(folder: &Path, ordinal: usize) -> Option<PathBuf> {
    ["jpg", "png"]
        .map(|extension| folder.join(format!("files/{ordinal:02}.{extension}")))
        .into_iter()
        .find(|file| file.exists())
}
