//! The pair that new connections are shown: read again when its files change, without a restart.
//! A connection that is open goes on with what it began with.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{Pair, Pin, TlsKeyError, urls_of};
use crate::{
    disk::Stamp,
    gateway::{
        Gateway,
        config::Tls,
        log::{Event, Log, TlsKeyRefusal},
        store::Store,
    },
};

/// The pair in force.
pub struct CurrentTlsKey {
    files: Tls,
    log: Log,
    pair: RwLock<Pair>,
    looked: Mutex<Looked>,
}

/// What was found when the files were last looked at.
struct Looked {
    stamps: Stamps,
    refused: Option<Refused>,
}

struct Refused {
    why: TlsKeyRefusal,
    told: bool,
}

/// Key and certificate from outside; `None` for a file that is not there.
type Stamps = [Option<Stamp>; 2];

impl CurrentTlsKey {
    /// Reads the pair.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(files: Tls, log: Log) -> Result<Self, TlsKeyError> {
        let looked = Mutex::new(Looked { stamps: stamps(&files), refused: None });
        let pair = RwLock::new(Pair::read(&files)?);
        Ok(Self { files, log, pair, looked })
    }

    /// Takes the pair if its files have changed and it is good; the last good one stays otherwise.
    ///
    /// What was refused is read again at each look, and told at the second that finds it so: the
    /// two files are replaced one after the other, and between them there is nothing to tell.
    fn look(&self, is_in_roster: impl FnOnce(Pin) -> bool) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        // before reading: what changes from here on is seen by the next look
        let stamps = stamps(&self.files);
        let changed = stamps != looked.stamps;
        if !changed && looked.refused.is_none() {
            return;
        }
        looked.stamps = stamps;
        match Pair::read(&self.files) {
            Ok(pair) => {
                looked.refused = None;
                self.take(pair, is_in_roster);
            }
            Err(problem) => {
                let why = problem.refusal();
                let before = looked.refused.take().filter(|before| !changed && before.why == why);
                if before.as_ref().is_some_and(|before| !before.told) {
                    self.log.write(Event::TlsKeyRefused(why));
                }
                looked.refused = Some(Refused { why, told: before.is_some() });
            }
        }
    }

    fn take(&self, pair: Pair, is_in_roster: impl FnOnce(Pin) -> bool) {
        let mut current = self.pair.write().unwrap_or_else(PoisonError::into_inner);
        if !pair.shows_the_same_as(&current) {
            let in_roster = is_in_roster(pair.pin());
            *current = pair;
            self.log.write(Event::TlsKeyTaken { in_roster });
        }
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        self.pair.read().unwrap_or_else(PoisonError::into_inner).certified.clone()
    }
}

impl ResolvesServerCert for CurrentTlsKey {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified())
    }
}

impl fmt::Debug for CurrentTlsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentTlsKey").finish_non_exhaustive()
    }
}

fn stamps(files: &Tls) -> Stamps {
    [&files.key, &files.certificate].map(|file| Stamp::of(file).ok())
}

/// Looks for another pair each second, for as long as it is polled.
pub async fn keep_current<S: Store>(tls: Arc<CurrentTlsKey>, gateway: Arc<Gateway<S>>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (tls, publication) = (tls.clone(), gateway.roster.publication());
        // a task that was stopped by a panic has been told already; the next look follows
        let _ = tokio::task::spawn_blocking(move || {
            tls.look(|pin| urls_of(&publication, pin).next().is_some());
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{disk, gateway::tls_key::tests::write_pair};

    /// A pair in force, another one beside it, and what a roster would say of each.
    struct Place {
        folder: tempfile::TempDir,
        log: Log,
        tls: CurrentTlsKey,
        first: Pin,
        next: Tls,
        second: Pin,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (files, first) = write_pair(folder.path(), "tls");
            let (next, second) = write_pair(folder.path(), "next");
            let log = Log::memory();
            let tls = CurrentTlsKey::open(files, log.clone()).unwrap();
            Self { folder, log, tls, first, next, second }
        }

        /// Looks, and gives the pin in force.
        fn look(&self) -> Pin {
            self.tls.look(|pin| pin == self.second);
            self.tls.pair.read().unwrap().pin()
        }

        fn put_certificate(&self) {
            fs::rename(&self.next.certificate, &self.tls.files.certificate).unwrap();
        }

        fn put_key(&self) {
            fs::rename(&self.next.key, &self.tls.files.key).unwrap();
        }
    }

    #[test]
    fn a_good_pair_is_taken_and_told_once() {
        let place = Place::new();
        assert_eq!(place.look(), place.first);
        let held = place.tls.certified();
        place.put_certificate();
        assert_eq!(place.look(), place.first, "half of a pair");
        place.put_key();
        assert_eq!([place.look(), place.look()], [place.second; 2]);
        assert_eq!(place.log.events(), [Event::TlsKeyTaken { in_roster: true }]);
        // who began with the first pair still has it
        assert_ne!(held.cert, place.tls.certified().cert);
    }

    #[test]
    fn a_key_that_the_roster_does_not_name_is_taken_and_told_so() {
        let place = Place::new();
        let (stranger, pin) = write_pair(place.folder.path(), "stranger");
        fs::rename(stranger.certificate, &place.tls.files.certificate).unwrap();
        fs::rename(stranger.key, &place.tls.files.key).unwrap();
        assert_eq!(place.look(), pin);
        assert_eq!(place.log.events(), [Event::TlsKeyTaken { in_roster: false }]);
    }

    #[test]
    fn a_bad_pair_is_told_once_for_each_change_and_the_last_good_one_kept() {
        let place = Place::new();
        place.put_certificate();
        for _ in 0..4 {
            assert_eq!(place.look(), place.first);
        }
        let no_pair = Event::TlsKeyRefused(TlsKeyRefusal::NoPair);
        assert_eq!(place.log.events(), std::slice::from_ref(&no_pair));

        disk::write_private(&place.tls.files.certificate, b"nothing").unwrap();
        for _ in 0..4 {
            assert_eq!(place.look(), place.first);
        }
        let form = Event::TlsKeyRefused(TlsKeyRefusal::Form);
        assert_eq!(place.log.events(), [no_pair.clone(), form.clone()]);

        fs::remove_file(&place.tls.files.certificate).unwrap();
        for _ in 0..4 {
            assert_eq!(place.look(), place.first);
        }
        let missing = Event::TlsKeyRefused(TlsKeyRefusal::Unreadable);
        assert_eq!(place.log.events(), [no_pair, form, missing]);
    }

    #[test]
    fn a_key_that_others_can_read_is_not_taken_until_they_cannot() {
        let place = Place::new();
        place.put_certificate();
        disk::write_public(&place.tls.files.key, &fs::read(&place.next.key).unwrap()).unwrap();
        assert_eq!([place.look(), place.look()], [place.first; 2]);
        assert_eq!(place.log.events(), [Event::TlsKeyRefused(TlsKeyRefusal::Exposed)]);
        place.put_key();
        assert_eq!(place.look(), place.second);
    }

    #[test]
    fn the_same_pair_in_new_files_is_not_worth_a_word() {
        let place = Place::new();
        let key = fs::read(&place.tls.files.key).unwrap();
        disk::write_private(&place.tls.files.key, &key).unwrap();
        assert_eq!(place.look(), place.first);
        assert_eq!(place.log.events(), []);
    }
}
