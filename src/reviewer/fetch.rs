//! Downloads that go on where they broke off.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use ring::digest::{Context, SHA256};

use super::{
    client::{ClientError, Desk, TRIES, pause},
    shelf::Shelf,
};
use crate::{desk::EnvelopeListing, tip::TipId};

/// Why an envelope could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The desk did not give it.
    #[error(transparent)]
    Desk(#[from] ClientError),
    /// The disk did not take it.
    #[error("the envelope cannot be written to {}: is the disk full?", .0.display())]
    Disk(PathBuf, #[source] io::Error),
    /// Another run of the program is at it.
    #[error("envelope {0} is being fetched by another run of this program")]
    Busy(TipId),
    /// The file and the list do not agree on its length.
    #[error("the gateway's file is not as long as its list says: tell the operator")]
    Length,
    /// It was whole several times, and never what the gateway says that it stored.
    #[error("envelope {0} never arrived as the gateway says it stored it: tell the operator")]
    Damaged(TipId),
}

/// Bytes of a file that are read at once.
const PIECE: usize = 256 * 1024;

/// Fetches one envelope, going on with what is here already; `progress` hears how many bytes are.
///
/// What comes onto the shelf is byte for byte what the gateway says it stored: it has the SHA-256 of
/// the gateway's answer. A file that has not is fetched anew, a few times.
pub async fn fetch(
    desk: &Desk<'_>,
    listing: &EnvelopeListing,
    shelf: &Shelf,
    progress: &dyn Fn(u64),
) -> Result<PathBuf, FetchError> {
    let mut tries = 1;
    let mut reached = 0;
    let mut wholes = 1;
    loop {
        let mut here = 0;
        match attempt(desk, listing, shelf, &mut here, progress).await {
            Err(FetchError::Desk(error)) if error.is_passing() && tries < TRIES => {
                pause(tries).await;
                // as long as it gets on, it goes on
                tries = if here > reached { 1 } else { tries + 1 };
                reached = reached.max(here);
            }
            Err(FetchError::Damaged(_)) if wholes < TRIES => {
                wholes += 1;
                (tries, reached) = (1, 0);
            }
            result => return result,
        }
    }
}

async fn attempt(
    desk: &Desk<'_>,
    listing: &EnvelopeListing,
    shelf: &Shelf,
    here: &mut u64,
    progress: &dyn Fn(u64),
) -> Result<PathBuf, FetchError> {
    let EnvelopeListing { id, bytes: whole, .. } = *listing;
    let disk = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock => FetchError::Busy(id),
        _ => FetchError::Disk(shelf.path(id), error),
    };
    let (mut file, from) = shelf.resume(id, whole).map_err(disk)?;
    *here = from;
    shelf.describe(listing).map_err(disk)?;
    progress(*here);
    // what is here as a whole already still needs the digest, which comes with any part of the file
    let mut download = desk.envelope(id, (*here).min(whole.saturating_sub(1))).await?;
    if download.whole != whole {
        return Err(FetchError::Length);
    }
    let sha256 = download.sha256;
    if *here < whole {
        if download.from != *here {
            // the server began anew
            file.set_len(download.from).map_err(disk)?;
            *here = download.from;
        }
        while let Some(piece) = download.next_piece().await? {
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            if length > whole - *here {
                return Err(FetchError::Length);
            }
            file.write_all(&piece).map_err(disk)?;
            *here += length;
            progress(*here);
        }
        if *here != whole {
            return Err(FetchError::Length);
        }
    }
    if sha256_of(&part_of(&shelf.path(id))).map_err(disk)? != sha256 {
        // emptied, not unlinked: another run may be waiting for this very file
        file.set_len(0).map_err(disk)?;
        return Err(FetchError::Damaged(id));
    }
    shelf.complete(id, &file).map_err(disk)
}

/// Where the shelf keeps the envelope while it comes in.
fn part_of(envelope: &Path) -> PathBuf {
    envelope.with_extension("part")
}

fn sha256_of(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut sum = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => sum.update(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(sum.finish().as_ref());
    Ok(sha256)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        clock::{Day, Epoch},
        desk::signature::content_digest,
        reviewer::{shelf::Fetched, testing::answered},
        tip::TipId,
    };

    const LISTING: EnvelopeListing = EnvelopeListing {
        id: TipId([7; 16]),
        day: Day(1),
        epoch: Epoch(1),
        class: 9,
        bytes: 10,
        goes: None,
    };

    /// Fetches from a server that gives these answers, one to a connection; what it was asked for
    /// as ranges.
    fn fetched(
        shelf: &Shelf,
        answers: &[&str],
    ) -> (Result<PathBuf, FetchError>, Vec<Option<String>>) {
        answered(answers, async |desk| fetch(desk, &LISTING, shelf, &|_| ()).await)
    }

    const WHOLE: &str = "abcdefghij";

    /// Of [`WHOLE`], whatever is sent of it.
    fn digest() -> String {
        format!("repr-digest: {}\r\n", content_digest(WHOLE.as_bytes()))
    }

    fn whole(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\n{}content-length: 10\r\n\r\n{body}", digest())
    }

    fn rest(from: usize, body: &str) -> String {
        let length = 10 - from;
        format!(
            "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {from}-9/10\r\n{}\
             content-length: {length}\r\n\r\n{body}",
            digest()
        )
    }

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path().to_owned(), folder.path().join("archive"));
        (folder, shelf)
    }

    #[test]
    fn a_download_that_breaks_off_goes_on() {
        let (_folder, shelf) = shelf();
        let (path, asked) = fetched(&shelf, &[&whole("abcd"), &rest(4, "ef"), &rest(6, "ghij")]);
        assert_eq!(fs::read(path.unwrap()).unwrap(), b"abcdefghij");
        assert_eq!(asked, [None, Some("bytes=4-".to_owned()), Some("bytes=6-".to_owned())]);
    }

    #[test]
    fn a_part_from_an_earlier_run_is_used() {
        let (_folder, shelf) = shelf();
        shelf.resume(LISTING.id, 10).unwrap().0.write_all(b"abcd").unwrap();
        let (path, asked) = fetched(&shelf, &[&rest(4, "efghij")]);
        assert_eq!(fs::read(path.unwrap()).unwrap(), b"abcdefghij");
        assert_eq!(asked, [Some("bytes=4-".to_owned())]);
    }

    #[test]
    fn a_server_that_begins_anew_is_followed() {
        let (_folder, shelf) = shelf();
        shelf.resume(LISTING.id, 10).unwrap().0.write_all(b"xxxx").unwrap();
        let (path, _) = fetched(&shelf, &[&whole("abcdefghij")]);
        assert_eq!(fs::read(path.unwrap()).unwrap(), b"abcdefghij");
    }

    #[test]
    fn what_is_not_what_the_gateway_stored_is_fetched_anew() {
        let (_folder, shelf) = shelf();
        // a part that was changed here, one that is whole already, and one that comes in changed
        for (here, answers) in [
            ("abxd", vec![rest(4, "efghij"), whole(WHOLE)]),
            ("abcdefghix", vec![rest(9, "j"), whole(WHOLE)]),
            ("", vec![whole("abcdefghix"), whole("abc"), rest(3, "xxxxxxx"), whole(WHOLE)]),
        ] {
            shelf.resume(LISTING.id, 10).unwrap().0.write_all(here.as_bytes()).unwrap();
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            let (path, asked) = fetched(&shelf, &answers);
            assert_eq!(fs::read(path.unwrap()).unwrap(), WHOLE.as_bytes(), "{here}");
            assert_eq!((asked.len(), asked.last()), (answers.len(), Some(&None)), "{here}");
            fs::remove_file(shelf.path(LISTING.id)).unwrap();
        }
    }

    #[test]
    fn a_part_that_is_whole_is_only_checked() {
        let (_folder, shelf) = shelf();
        shelf.resume(LISTING.id, 10).unwrap().0.write_all(WHOLE.as_bytes()).unwrap();
        let (path, asked) = fetched(&shelf, &[&rest(9, "j")]);
        assert_eq!(fs::read(path.unwrap()).unwrap(), WHOLE.as_bytes());
        assert_eq!(asked, [Some("bytes=9-".to_owned())]);
    }

    #[test]
    fn what_never_is_what_the_gateway_stored_does_not_come_onto_the_shelf() {
        let (_folder, shelf) = shelf();
        let wrong = whole("abcdefghix");
        let (result, asked) = fetched(&shelf, &[&*wrong; TRIES as usize]);
        assert!(matches!(result, Err(FetchError::Damaged(id)) if id == LISTING.id));
        assert_eq!(asked, [const { None }; TRIES as usize]);
        assert!(shelf.all().unwrap().is_empty());
        assert_eq!(shelf.fetched(LISTING.id), Fetched::Partly(0), "nothing of it is used again");
    }

    #[test]
    fn a_file_without_its_digest_is_none_of_a_desks() {
        let (_folder, shelf) = shelf();
        let good = whole(WHOLE);
        for wrong in [
            good.replace(&digest(), ""),
            good.replace(&digest(), &digest().repeat(2)),
            good.replace("sha-256=", "sha-512="),
            good.replace("sha-256=:", "sha-256=:AAAA"),
        ] {
            let (result, _) = fetched(&shelf, &[&wrong]);
            assert!(
                matches!(result, Err(FetchError::Desk(ClientError::Strange { .. }))),
                "{wrong}"
            );
        }
        assert!(fetched(&shelf, &[&good]).0.is_ok(), "the control");
    }

    #[test]
    fn two_runs_do_not_write_into_one_file() {
        let (_folder, shelf) = shelf();
        let (other_run, _) = shelf.resume(LISTING.id, 10).unwrap();
        let (result, asked) = fetched(&shelf, &[]);
        assert!(matches!(result, Err(FetchError::Busy(id)) if id == LISTING.id));
        assert!(asked.is_empty());
        drop(other_run);
        assert!(fetched(&shelf, &[&whole("abcdefghij")]).0.is_ok());
    }

    #[test]
    fn another_length_is_refused() {
        let (_folder, shelf) = shelf();
        let longer = whole("abcdefghijk").replace(": 10", ": 11");
        let (result, _) = fetched(&shelf, &[&longer]);
        assert!(matches!(result, Err(FetchError::Length)));
        let (result, _) = fetched(&shelf, &[&rest(5, "fghij").replace("/10", "/11")]);
        assert!(result.is_err());
        assert!(shelf.all().unwrap().is_empty());
    }

    #[test]
    fn a_refusal_is_told() {
        let (_folder, shelf) = shelf();
        let body = r#"{"error":"stale","message":"set\u001b[0m your clock"}"#;
        let answer = format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (result, _) = fetched(&shelf, &[&answer]);
        assert_eq!(
            result.unwrap_err().to_string(),
            "the gateway refuses (stale): set[0m your clock"
        );
    }
}
