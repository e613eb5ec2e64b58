//! The operator's folder, and the acts that sign a new version of the roster. What lies where:
//! `layout`; how a roster gets from an act to its place: `pending`.

use std::path::{Path, PathBuf};

use super::{
    OperatorError,
    draft::{Draft, NewKey},
    layout::{self, Layout, at},
    newsroom_secret::{NewsroomSecret, Unusable},
    pending::{self, Waiting},
};
use crate::{
    clock::Day,
    disk,
    random::Entropy,
    roster::{AddressBook, NewsroomKey, Publication, SignedBy, UnsignedRoster},
    secret::SecretText,
};

/// A newsroom's folder, whose publication was verified against its own first key.
pub struct Ceremony {
    layout: Layout,
    publication: Publication,
}

impl Ceremony {
    /// Makes a newsroom: its key, version 1 of its roster with nobody on it, an empty address book.
    ///
    /// # Errors
    /// If there is one in `dir`, or a file cannot be written.
    pub fn init(
        dir: &Path,
        name: &str,
        passphrase: Option<&SecretText>,
        today: Day,
        entropy: &dyn Entropy,
    ) -> Result<Self, OperatorError> {
        begin(dir, name, NewKey::generate(passphrase, entropy), today)?;
        Self::finish(dir)
    }

    /// The same for a newsroom whose key was made elsewhere, which has to sign before it begins.
    ///
    /// # Errors
    /// If there is a newsroom in `dir`, or a file cannot be written.
    pub fn init_outside(
        dir: &Path,
        name: &str,
        key: NewsroomKey,
        today: Day,
    ) -> Result<Waiting, OperatorError> {
        begin(dir, name, NewKey::Elsewhere(key), today)
    }

    /// Opens the folder of a newsroom.
    ///
    /// # Errors
    /// If it is none, its publication does not hold, or a roster waits there.
    pub fn open(dir: &Path) -> Result<Self, OperatorError> {
        let layout = Layout::of(dir);
        nothing_waits(&layout)?;
        let publication = layout.read_publication(layout.newsroom()?)?;
        Ok(Self { layout, publication })
    }

    /// Puts a roster that waited into its place, with all that goes with it, once every signature
    /// it takes is there. After a crash it is enough to do it again.
    ///
    /// # Errors
    /// If nothing waits, or a signature is missing or does not hold; then nothing was changed.
    pub fn finish(dir: &Path) -> Result<Self, OperatorError> {
        let layout = Layout::of(dir);
        if layout.clear_dropped()? && !layout.pending().exists() {
            return Self::open(dir);
        }
        if !layout.finishing().exists() {
            Waiting::open(&layout)?.accept()?;
        }
        pending::place(&layout)?;
        Self::open(dir)
    }

    /// Drops a roster that waits; gives its version.
    ///
    /// # Errors
    /// If none waits, or it is already being put into its place.
    pub fn discard(dir: &Path) -> Result<u32, OperatorError> {
        let layout = Layout::of(dir);
        if layout.finishing().exists() {
            return Err(OperatorError::HalfDone(layout.dir));
        }
        let version = Waiting::open(&layout).map(|waiting| waiting.version());
        if let Err(OperatorError::NothingWaits(_)) = version {
            return version;
        }
        layout.drop_folder(&layout.pending())?;
        // what cannot be read any more can be dropped all the same
        Ok(version.unwrap_or_default())
    }

    /// The publication as it stands.
    pub fn publication(&self) -> &Publication {
        &self.publication
    }

    /// Where it lies.
    pub fn folder(&self) -> PathBuf {
        self.layout.publication()
    }

    /// The next roster, with nothing changed yet but the day on which it lapses. `by` says what
    /// becomes of a key that the last roster announced.
    ///
    /// # Errors
    /// [`OperatorError::ClockBehind`], [`OperatorError::NothingAnnounced`].
    pub fn next(&self, today: Day, by: Option<SignedBy>) -> Result<Draft, OperatorError> {
        let last = self.publication.roster();
        if today < last.issued() {
            return Err(OperatorError::ClockBehind { today, issued: last.issued() });
        }
        if by.is_some() && last.next_newsroom_key().is_none() {
            return Err(OperatorError::NothingAnnounced);
        }
        let roster = UnsignedRoster::after_signed_by(last, today, by.unwrap_or_default());
        Ok(Draft::new(roster, self.layout.read_addresses()?))
    }

    /// True if every key that must sign can do it here: its file is in the folder.
    pub fn signs_here(&self, draft: &Draft) -> bool {
        let made_elsewhere = matches!(draft.new_key, Some(NewKey::Elsewhere(_)));
        let here = |key: &NewsroomKey| !key.is_hardware() && self.layout.private_key(key).is_some();
        !made_elsewhere && draft.known_signers().all(here)
    }

    /// The private half of `key`, for signing. `passphrase` is called if the file asks for one.
    ///
    /// # Errors
    /// If the file is not here, exposed, damaged or another key's, or the passphrase is wrong.
    pub fn unlock(
        &self,
        key: &NewsroomKey,
        passphrase: impl FnOnce() -> Result<SecretText, OperatorError>,
    ) -> Result<NewsroomSecret, OperatorError> {
        let Some(path) = self.layout.private_key(key) else {
            return Err(OperatorError::KeyElsewhere(key.id()));
        };
        if at(&path, disk::is_exposed(&path))? {
            return Err(OperatorError::Exposed(path));
        }
        let file = zeroize::Zeroizing::new(layout::read(&path)?);
        let secret = NewsroomSecret::from_openssh::<Refusal>(&file, || Ok(passphrase()?));
        let secret = secret.map_err(|refusal| refusal.of(&path))?;
        if secret.key() == *key { Ok(secret) } else { Err(OperatorError::OtherKey(path)) }
    }

    /// Signs a draft with the unlocked keys and puts it into its place.
    pub fn sign(
        &mut self,
        draft: &Draft,
        unlocked: &[NewsroomSecret],
    ) -> Result<(), OperatorError> {
        pending::stage(&self.layout, draft, unlocked)?;
        *self = Self::finish(&self.layout.dir)?;
        Ok(())
    }

    /// Lets a draft wait for signatures that are made outside.
    pub fn wait(&self, draft: &Draft) -> Result<Waiting, OperatorError> {
        pending::stage(&self.layout, draft, &[])
    }

    /// Private keys that are still here although they sign nothing any more.
    pub fn outlived_keys(&self) -> Vec<PathBuf> {
        let roster = self.publication.roster();
        let in_use = [Some(roster.newsroom_key()), roster.next_newsroom_key()];
        self.layout.outlived_keys(&in_use.into_iter().flatten().collect::<Vec<_>>())
    }
}

fn begin(dir: &Path, name: &str, key: NewKey, today: Day) -> Result<Waiting, OperatorError> {
    let layout = Layout::of(dir);
    nothing_waits(&layout)?;
    layout.none_there()?;
    let roster = UnsignedRoster::first(name, key.public(), today);
    let mut draft = Draft::new(roster, AddressBook::default());
    draft.new_key = Some(key);
    at(dir, disk::private_folder(dir))?;
    pending::stage(&layout, &draft, &[])
}

fn nothing_waits(layout: &Layout) -> Result<(), OperatorError> {
    if layout.finishing().exists() {
        return Err(OperatorError::HalfDone(layout.dir.clone()));
    }
    if layout.pending().exists() {
        return Err(OperatorError::Waits(layout.dir.clone()));
    }
    Ok(())
}

/// What stands between a key's file and its use.
enum Refusal {
    File(Unusable),
    Person(OperatorError),
}

impl Refusal {
    fn of(self, path: &Path) -> OperatorError {
        match self {
            Self::File(Unusable::NotAPrivateKey) => OperatorError::NotAPrivateKey(path.to_owned()),
            Self::File(Unusable::WrongPassphrase) => {
                OperatorError::WrongPassphrase(path.to_owned())
            }
            Self::Person(error) => error,
        }
    }
}

impl From<Unusable> for Refusal {
    fn from(file: Unusable) -> Self {
        Self::File(file)
    }
}

impl From<OperatorError> for Refusal {
    fn from(error: OperatorError) -> Self {
        Self::Person(error)
    }
}
