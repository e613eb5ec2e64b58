//! Joining a newsroom: its key is pinned, its publication checked, and never an older one taken.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;

use super::{
    route::{NoRoute, Route},
    state::{Joined, State, StateError},
    vault::Vault,
};
use crate::{
    desk::RosterText,
    disk, publication,
    roster::{NewsroomId, Publication, ReviewerName, RosterError, UntrustedPublication},
};

/// Why a publication is not taken.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The folder cannot be read.
    #[error("the publication in {} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// The copy of it cannot be written.
    #[error("{} cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// It does not hold.
    #[error("the publication is refused")]
    Roster(#[from] RosterError),
    /// Another newsroom was joined before.
    #[error("this folder belongs to the newsroom {0}: use another folder for another newsroom")]
    OtherNewsroom(String),
    /// The identity key is not on the roster.
    #[error(
        "your key is not on the roster: hand your card to the operator (`sealpost-reviewer card`) \
         and join with the publication that lists you"
    )]
    NotListed,
    /// The address given by hand leads nowhere.
    #[error(transparent)]
    Route(#[from] NoRoute),
    /// No newsroom yet.
    #[error("no newsroom yet: `sealpost-reviewer join` with the operator's publication")]
    NotJoined,
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
}

/// What a reviewer gives when joining.
pub struct Request<'a> {
    /// The newsroom's key, as the operator told it by another channel.
    pub newsroom: NewsroomId,
    /// The publication's folder.
    pub publication: &'a Path,
    /// The gateway's URL, if it is not to be the roster's.
    pub gateway: Option<String>,
    /// `host:port` of a SOCKS 5 proxy.
    pub socks: Option<String>,
}

/// Checks the publication, copies it, and remembers how far the roster has come.
pub fn join(
    vault: &Vault,
    state: &mut State,
    request: Request<'_>,
) -> Result<Publication, JoinError> {
    let before = state.newsroom.as_ref();
    if let Some(joined) = before.filter(|joined| joined.newsroom_id() != Some(request.newsroom)) {
        return Err(JoinError::OtherNewsroom(joined.id.clone()));
    }
    let untrusted = read(request.publication)?;
    let publication = untrusted.verify(request.newsroom)?;
    if let Some(joined) = before {
        no_step_back(&publication, joined)?;
    }
    own_name(&publication, state)?;

    let by_hand = request.gateway.is_some() || request.socks.is_some();
    let joined = Joined {
        id: request.newsroom.to_string(),
        version: publication.roster().version(),
        roster: HEXLOWER.encode(&publication.roster().hash()),
        // whoever joins with a publication is shown who is on it
        accepted: publication.roster().version(),
        // what was given once stays until it is given anew
        gateway: request.gateway.or_else(|| before?.gateway.clone()),
        socks: request.socks.or_else(|| before?.socks.clone()),
    };
    if by_hand {
        // told now, and not kept; the roster's own addresses may still be missing
        Route::choose(publication.roster(), &joined)?;
    }
    copy(&untrusted, &vault.publication())?;
    state.newsroom = Some(joined);
    state.write(vault.dir())?;
    Ok(publication)
}

/// Takes over the versions of the roster that the gateway has beyond the one here. A person has yet
/// to accept them.
///
/// # Errors
/// If the chain does not hold any more: then nothing is changed.
pub fn follow(
    vault: &Vault,
    state: &mut State,
    rosters: Vec<RosterText>,
) -> Result<Publication, JoinError> {
    let joined = state.newsroom.as_mut().ok_or(JoinError::NotJoined)?;
    let newsroom = joined.newsroom_id().ok_or(JoinError::NotJoined)?;
    let folder = vault.publication();
    let mut untrusted = read(&folder)?;
    let here = untrusted.rosters.len();
    let texts = rosters.into_iter().map(|text| (text.roster.into(), text.signature.into()));
    untrusted.rosters.extend(texts);
    let publication = untrusted.verify(newsroom)?;
    no_step_back(&publication, joined)?;
    for (version, signed) in (1..).zip(&untrusted.rosters).skip(here) {
        publication::add_roster(&folder, version, signed)
            .map_err(|error| JoinError::Write(folder.clone(), error))?;
    }
    catch_up(vault, state, &publication)?;
    Ok(publication)
}

/// Remembers a version of the roster that is here already: a crash may have come between the two.
pub fn catch_up(
    vault: &Vault,
    state: &mut State,
    publication: &Publication,
) -> Result<(), JoinError> {
    let joined = state.newsroom.as_mut().ok_or(JoinError::NotJoined)?;
    let roster = publication.roster();
    if roster.version() > joined.version {
        joined.version = roster.version();
        joined.roster = HEXLOWER.encode(&roster.hash());
        state.write(vault.dir())?;
    }
    Ok(())
}

/// The publication of the newsroom that was joined, checked again.
pub fn current<'a>(
    vault: &Vault,
    state: &'a State,
) -> Result<(Publication, &'a Joined), JoinError> {
    let joined = state.newsroom.as_ref().ok_or(JoinError::NotJoined)?;
    let newsroom = joined.newsroom_id().ok_or(JoinError::NotJoined)?;
    let publication = read(&vault.publication())?.verify(newsroom)?;
    no_step_back(&publication, joined)?;
    Ok((publication, joined))
}

/// The name under which this reviewer stands on the roster.
pub fn own_name<'a>(
    publication: &'a Publication,
    state: &State,
) -> Result<&'a ReviewerName, JoinError> {
    publication.reviewer(&state.identity).ok_or(JoinError::NotListed)
}

fn no_step_back(publication: &Publication, joined: &Joined) -> Result<(), JoinError> {
    // a hash that was changed by hand is equal to none
    let seen = HEXLOWER.decode(joined.roster.as_bytes()).ok().and_then(|h| h.try_into().ok());
    Ok(publication.must_continue(joined.version, seen.unwrap_or_default())?)
}

fn read(folder: &Path) -> Result<UntrustedPublication, JoinError> {
    publication::read(folder).map_err(|error| JoinError::Read(folder.to_owned(), error))
}

/// Writes a folder beside `to` and puts it in its place: after a crash there is the old one, the
/// new one, or none, which `join` mends.
fn copy(publication: &UntrustedPublication, to: &Path) -> Result<(), JoinError> {
    let new = to.with_extension("new");
    let write = || -> io::Result<()> {
        remove(&new)?;
        disk::private_folder(&new)?;
        for (version, roster) in (1..).zip(&publication.rosters) {
            publication::add_roster(&new, version, roster)?;
        }
        for (reviewer, batch) in &publication.batches {
            // a file of another name is nobody's batch
            if let Ok(reviewer) = reviewer.parse() {
                publication::put_batch(&new, &reviewer, batch)?;
            }
        }
        remove(to)?;
        fs::rename(&new, to)
    };
    write().map_err(|error| JoinError::Write(to.to_owned(), error))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::testing::{Newsroom, Person};

    fn twin(of: &UntrustedPublication) -> UntrustedPublication {
        UntrustedPublication { rosters: of.rosters.clone(), batches: of.batches.clone() }
    }

    struct Setting {
        folder: tempfile::TempDir,
        newsroom: Newsroom,
        publication: UntrustedPublication,
        state: State,
    }

    /// Mina's folder, and a newsroom whose roster 2 lists her.
    fn setting() -> Setting {
        let newsroom = Newsroom::new(1);
        let mina = Person::new("mina");
        let mut publication = newsroom.publication();
        newsroom
            .extend(&mut publication, |roster| roster.with_reviewer(mina.name(), mina.identity()));
        publication.batches.insert("mina".to_owned(), mina.batch());
        let state = State {
            name: mina.name(),
            identity: mina.identity(),
            mail: "mina@example.org".parse().ok().unwrap(),
            epoch_seconds: None,
            sequence: 0,
            archive_days: None,
            newsroom: None,
        };
        Setting { folder: tempfile::tempdir().unwrap(), newsroom, publication, state }
    }

    impl Setting {
        fn vault(&self) -> Vault {
            Vault::at(self.folder.path())
        }

        fn join(&mut self, publication: &UntrustedPublication) -> Result<u32, JoinError> {
            let handed_out = self.folder.path().join("handed-out");
            copy(publication, &handed_out).unwrap();
            let newsroom = self.newsroom.id();
            let request =
                Request { newsroom, publication: &handed_out, gateway: None, socks: None };
            let vault = self.vault();
            join(&vault, &mut self.state, request).map(|taken| taken.roster().version())
        }
    }

    #[test]
    fn a_publication_is_taken_and_remembered() {
        let mut here = setting();
        assert!(matches!(current(&here.vault(), &here.state).err(), Some(JoinError::NotJoined)));
        let publication = twin(&here.publication);
        assert_eq!(here.join(&publication).unwrap(), 2);
        let state = State::read(here.folder.path()).unwrap();
        let (taken, joined) = current(&here.vault(), &state).ok().unwrap();
        assert_eq!((taken.roster().version(), joined.version), (2, 2));
        assert_eq!(own_name(&taken, &state).unwrap().as_str(), "mina");
        assert!(taken.batch(&state.name).is_some() && taken.refused().is_empty());
        // once more is no error
        assert_eq!(here.join(&publication).unwrap(), 2);
    }

    #[test]
    fn an_address_that_leads_nowhere_is_not_kept() {
        let mut here = setting();
        let handed_out = here.folder.path().join("handed-out");
        copy(&here.publication, &handed_out).unwrap();
        let request = Request {
            newsroom: here.newsroom.id(),
            publication: &handed_out,
            gateway: Some("http://desk.example".to_owned()),
            socks: None,
        };
        let refused = join(&here.vault(), &mut here.state, request).err();
        assert!(matches!(refused, Some(JoinError::Route(NoRoute::BadUrl(_)))));
        assert!(here.state.newsroom.is_none());
    }

    #[test]
    fn no_older_and_no_other_roster_is_taken() {
        let mut here = setting();
        let two = twin(&here.publication);
        let mut three = twin(&two);
        here.newsroom.extend(&mut three, |roster| roster);
        let mut other_three = twin(&two);
        let eve = Person::new("eve");
        here.newsroom
            .extend(&mut other_three, |roster| roster.with_reviewer(eve.name(), eve.identity()));

        assert_eq!(here.join(&three).unwrap(), 3);
        let back = here.join(&two);
        assert!(matches!(back, Err(JoinError::Roster(RosterError::RolledBack { seen: 3, .. }))));
        let fork = here.join(&other_three);
        assert!(matches!(fork, Err(JoinError::Roster(RosterError::Forked { version: 3 }))));
        // what was taken is still there, and a folder put in its place is not believed
        assert!(current(&here.vault(), &here.state).is_ok());
        copy(&two, &here.vault().publication()).unwrap();
        assert!(current(&here.vault(), &here.state).is_err());
    }

    #[test]
    fn the_gateways_chain_is_followed_and_waits_for_a_word() {
        let mut here = setting();
        let two = twin(&here.publication);
        here.join(&two).unwrap();
        let text = |signed: &(Vec<u8>, Vec<u8>)| RosterText {
            roster: String::from_utf8(signed.0.clone()).unwrap(),
            signature: String::from_utf8(signed.1.clone()).unwrap(),
        };
        let mut four = twin(&two);
        for _ in 0..2 {
            here.newsroom.extend(&mut four, |roster| roster);
        }
        let (vault, state) = (here.vault(), &mut here.state);
        // a piece is missing, or it is another newsroom's
        let gap = follow(&vault, state, vec![text(&four.rosters[3])]);
        assert!(matches!(gap.err(), Some(JoinError::Roster(_))));
        let other = Newsroom::new(2).publication();
        assert!(follow(&vault, state, vec![text(&other.rosters[0])]).is_err());
        assert_eq!(current(&vault, state).unwrap().0.roster().version(), 2);
        assert!(!state.newsroom.as_ref().unwrap().awaits_acceptance());

        let news = four.rosters[2..].iter().map(text).collect();
        assert_eq!(follow(&vault, state, news).unwrap().roster().version(), 4);
        let state = State::read(vault.dir()).unwrap();
        let (taken, joined) = current(&vault, &state).unwrap();
        assert_eq!((taken.roster().version(), joined.version, joined.accepted), (4, 4, 2));
        assert!(joined.awaits_acceptance());

        // a crash before the state was written
        let mut state = State::read(vault.dir()).unwrap();
        state.newsroom.as_mut().unwrap().version = 2;
        state.newsroom.as_mut().unwrap().roster = HEXLOWER.encode(&taken.roster_hash(2).unwrap());
        catch_up(&vault, &mut state, &taken).unwrap();
        assert!(State::read(vault.dir()).unwrap().newsroom.unwrap().awaits_acceptance());
    }

    #[test]
    fn only_a_reviewer_joins_and_only_one_newsroom() {
        let mut here = setting();
        let without = here.newsroom.publication();
        assert!(matches!(here.join(&without), Err(JoinError::NotListed)));
        assert!(here.state.newsroom.is_none());

        let publication = twin(&here.publication);
        here.join(&publication).unwrap();
        here.newsroom = Newsroom::new(2);
        assert!(matches!(here.join(&publication), Err(JoinError::OtherNewsroom(_))));
    }
}
