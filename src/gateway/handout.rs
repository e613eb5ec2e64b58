//! The publication as anybody may fetch it: `GET /publication.tar` where tips are taken, so that
//! whoever has the newsroom's fingerprint can see who is able to open tips, and by which keys.
//!
//! ```text
//! publication/roster/0001.json, publication/roster/0001.sig, …   the chain in force
//! publication/keys/<reviewer>.json …                             the batches that are public
//! ```
//!
//! A plain tar with fixed owner, mode and time, made as it is sent: the files are the bytes that
//! were verified, shared with the publication they belong to.

use std::iter::once;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use crate::{
    roster::Publication,
    tip::ustar::{self, BLOCK},
};

/// The path; what it unpacks to is a folder `publication`.
pub(crate) const PATH: &str = "/publication.tar";

static ZEROS: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// A tar of a publication.
pub(crate) struct Handout {
    files: Vec<(String, Bytes)>,
}

impl Handout {
    pub(crate) fn new(publication: &Publication) -> Self {
        let rosters = publication.history().flat_map(|roster| {
            let name = |ending| format!("publication/roster/{:04}.{ending}", roster.version());
            [(name("json"), roster.document().clone()), (name("sig"), roster.signature().clone())]
        });
        let keys = publication.shared_batches().map(|batch| {
            (format!("publication/keys/{}.json", batch.reviewer()), batch.signed().clone())
        });
        Self { files: rosters.chain(keys).collect() }
    }

    /// Bytes of the whole tar.
    pub(crate) fn len(&self) -> u64 {
        let of_file = |(_, file): &(String, Bytes)| {
            let size = file.len() as u64;
            BLOCK as u64 + size + ustar::padding(size)
        };
        self.files.iter().map(of_file).sum::<u64>() + ZEROS.len() as u64
    }

    /// The tar, a header and a file at a time.
    pub(crate) fn into_body(self) -> Body {
        let pieces = self.pieces().map(Ok::<_, std::convert::Infallible>);
        Body::from_stream(stream::iter(pieces))
    }

    fn pieces(self) -> impl Iterator<Item = Bytes> + Send {
        let files = self.files.into_iter().flat_map(|(name, file)| {
            let size = file.len() as u64;
            // never none: a verified file has at most 256 KiB, and its name 70 characters
            let header = ustar::header_of(&name, 0o644, size).unwrap_or([0; BLOCK]);
            let padding = usize::try_from(ustar::padding(size)).unwrap_or(0);
            let padding = Bytes::from_static(ZEROS.get(..padding).unwrap_or_default());
            [Bytes::copy_from_slice(&header), file, padding]
        });
        files.chain(once(Bytes::from_static(&ZEROS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::testing::{Newsroom, Person};

    #[test]
    fn it_unpacks_to_the_files_that_were_verified() {
        let newsroom = Newsroom::new(1);
        let longest = Person::new(&"m".repeat(32));
        let mut files = newsroom.publication();
        newsroom.extend(&mut files, |next| next.with_reviewer(longest.name(), longest.identity()));
        files.batches.insert(longest.name().to_string(), longest.batch());
        let handout = || Handout::new(&files.verify(newsroom.id()).unwrap());
        let tar = handout().pieces().collect::<Vec<_>>().concat();
        assert_eq!(tar.len() as u64, handout().len());
        assert_eq!(tar.len() % BLOCK, 0);

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("publication.tar"), &tar).unwrap();
        let run = |arguments: &[&str]| {
            let mut tar = std::process::Command::new("tar");
            let tar = tar.args(arguments).current_dir(&folder).output().unwrap();
            assert!(tar.status.success() && tar.stderr.is_empty());
            String::from_utf8(tar.stdout).unwrap()
        };
        run(&["--extract", "--file", "publication.tar"]);
        let listed = run(&["--list", "--utc", "--verbose", "--file", "publication.tar"]);
        assert_eq!(listed.lines().count(), 5, "{listed}");
        assert!(listed.lines().all(|line| line.starts_with("-rw-r--r-- 0/0 ")), "{listed}");
        assert!(listed.lines().all(|line| line.contains(" 1970-01-01 ")), "{listed}");
        let read = crate::publication::read(&folder.path().join("publication")).unwrap();
        assert_eq!((read.rosters, read.batches), (files.rosters, files.batches));
    }
}
