//! The operator's folder, and the acts that sign a new version of the roster.
//!
//! ```text
//! newsroom_key        0600, OpenSSH's format, under a passphrase; stays here
//! newsroom_key.pub    what everybody pins
//! addresses.json      0600, reviewers' mail addresses; for the gateway only
//! publication/        for everybody: see crate::publication
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    OperatorError,
    newsroom_secret::{COMMENT, NewsroomSecret, Unusable},
};
use crate::{
    clock::Day,
    disk, publication,
    random::Entropy,
    roster::{
        Address, AddressBook, Card, NewsroomId, Publication, ReviewerName, RosterError,
        UnsignedRoster,
    },
    secret::SecretText,
};

const MAX_FILE: u64 = 256 * 1024;

/// A newsroom's folder, whose publication was verified against its own public key.
pub struct Ceremony {
    paths: Paths,
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
        let paths = Paths::of(dir);
        if let Some(there) = paths.all().into_iter().find(|path| path.exists()) {
            return Err(OperatorError::Exists(there.clone()));
        }
        let secret = NewsroomSecret::generate(entropy);
        let first = UnsignedRoster::first(name, secret.key(), today);
        let signed = first.sign_with(|_, bytes| Ok::<_, RosterError>(secret.sign(bytes)))?;

        at(dir, disk::private_folder(dir))?;
        let file = secret.to_openssh(passphrase, entropy);
        at(&paths.secret, disk::write_private(&paths.secret, file.as_bytes()))?;
        let public = format!("{} {COMMENT}\n", secret.key());
        at(&paths.public, disk::write_public(&paths.public, public.as_bytes()))?;
        paths.write_addresses(&AddressBook::default())?;
        publication::add_roster(&paths.publication, 1, &signed)
            .map_err(OperatorError::Publication)?;
        Self::open(dir)
    }

    /// Opens the folder of a newsroom.
    ///
    /// # Errors
    /// If it is none, or its publication does not hold.
    pub fn open(dir: &Path) -> Result<Self, OperatorError> {
        let paths = Paths::of(dir);
        let public = at(&paths.public, disk::read_limited(&paths.public, MAX_FILE))?;
        let pin = NewsroomId::from_fingerprint_or_public_key(&String::from_utf8_lossy(&public))?;
        let publication = paths.read_publication(pin)?;
        Ok(Self { paths, publication })
    }

    /// The publication as it stands.
    pub fn publication(&self) -> &Publication {
        &self.publication
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.paths.publication
    }

    /// That these cards can be added, before anybody is asked to confirm them.
    ///
    /// # Errors
    /// [`OperatorError::NameTaken`], [`OperatorError::KeyTaken`].
    pub fn may_add(&self, cards: &[Card]) -> Result<(), OperatorError> {
        let there = self.publication.roster().reviewers().iter();
        let mut taken: Vec<_> = there.map(|one| (&one.name, one.identity)).collect();
        for card in cards {
            for (name, identity) in &taken {
                if *name == card.name() {
                    return Err(OperatorError::NameTaken(name.to_string()));
                }
                if *identity == card.identity() {
                    let (name, taken) = (card.name().to_string(), name.to_string());
                    return Err(OperatorError::KeyTaken { name, taken });
                }
            }
            taken.push((card.name(), card.identity()));
        }
        Ok(())
    }

    /// The private key, for signing. `passphrase` is called if the file asks for one.
    ///
    /// # Errors
    /// If the file is exposed, damaged or another newsroom's, or the passphrase is wrong.
    pub fn unlock(
        &self,
        passphrase: impl FnOnce() -> Result<SecretText, OperatorError>,
    ) -> Result<NewsroomSecret, OperatorError> {
        let path = &self.paths.secret;
        if at(path, disk::is_exposed(path))? {
            return Err(OperatorError::Exposed(path.clone()));
        }
        let file = zeroize::Zeroizing::new(at(path, disk::read_limited(path, MAX_FILE))?);
        let secret = NewsroomSecret::from_openssh::<Refusal>(&file, || Ok(passphrase()?));
        let secret = secret.map_err(|refusal| refusal.of(path))?;
        if secret.key() == *self.publication.roster().newsroom_key() {
            Ok(secret)
        } else {
            Err(OperatorError::OtherKey(path.clone()))
        }
    }

    /// Adds the reviewers of these cards, whose fingerprints were confirmed, and signs the next
    /// roster.
    pub fn add(
        &mut self,
        cards: &[Card],
        secret: &NewsroomSecret,
        today: Day,
    ) -> Result<(), OperatorError> {
        self.may_add(cards)?;
        let mut next = self.next(today)?;
        let mut addresses = self.paths.read_addresses()?;
        for card in cards {
            next = next.with_reviewer(card.name().clone(), card.identity());
            addresses.insert(card.name().clone(), card.mail().clone());
        }
        // first what is harmless without the roster, then the roster
        for card in cards {
            publication::put_batch(&self.paths.publication, card.name(), card.batch())
                .map_err(OperatorError::Publication)?;
        }
        self.paths.write_addresses(&addresses)?;
        self.sign(next, secret)
    }

    /// Signs the next roster without this reviewer, and forgets their keys and mail address.
    pub fn remove(
        &mut self,
        name: &ReviewerName,
        secret: &NewsroomSecret,
        today: Day,
    ) -> Result<(), OperatorError> {
        let next = self.next(today)?.without_reviewer(name)?;
        let mut addresses = self.paths.read_addresses()?;
        addresses.remove(name);
        self.sign(next, secret)?;
        publication::remove_batch(&self.paths.publication, name)
            .map_err(OperatorError::Publication)?;
        self.paths.write_addresses(&addresses)?;
        self.reread()
    }

    /// Signs the next roster with this address of the gateway, in place of an older one of the same
    /// URL.
    pub fn address(
        &mut self,
        address: Address,
        secret: &NewsroomSecret,
        today: Day,
    ) -> Result<(), OperatorError> {
        let next = self.next(today)?.with_address(address);
        self.sign(next, secret)
    }

    /// Signs the next roster with nothing changed but the day on which it lapses.
    pub fn renew(&mut self, secret: &NewsroomSecret, today: Day) -> Result<(), OperatorError> {
        let next = self.next(today)?;
        self.sign(next, secret)
    }

    fn next(&self, today: Day) -> Result<UnsignedRoster, OperatorError> {
        let last = self.publication.roster();
        if today < last.issued() {
            return Err(OperatorError::ClockBehind { today, issued: last.issued() });
        }
        Ok(UnsignedRoster::after(last, today))
    }

    fn sign(&mut self, next: UnsignedRoster, secret: &NewsroomSecret) -> Result<(), OperatorError> {
        let signed = next.sign_with(|_, bytes| Ok::<_, RosterError>(secret.sign(bytes)))?;
        let version = self.publication.roster().version().saturating_add(1);
        publication::add_roster(&self.paths.publication, version, &signed)
            .map_err(OperatorError::Publication)?;
        self.reread()
    }

    /// What was written is read back and verified as every gateway and reviewer will.
    fn reread(&mut self) -> Result<(), OperatorError> {
        self.publication = self.paths.read_publication(self.publication.newsroom())?;
        Ok(())
    }
}

struct Paths {
    secret: PathBuf,
    public: PathBuf,
    addresses: PathBuf,
    publication: PathBuf,
}

impl Paths {
    fn of(dir: &Path) -> Self {
        Self {
            secret: dir.join("newsroom_key"),
            public: dir.join("newsroom_key.pub"),
            addresses: dir.join("addresses.json"),
            publication: dir.join("publication"),
        }
    }

    fn all(&self) -> [&PathBuf; 4] {
        [&self.secret, &self.public, &self.addresses, &self.publication]
    }

    fn read_publication(&self, pin: NewsroomId) -> Result<Publication, OperatorError> {
        let read = publication::read(&self.publication).map_err(OperatorError::Publication)?;
        Ok(read.verify(pin)?)
    }

    fn read_addresses(&self) -> Result<AddressBook, OperatorError> {
        let bytes = at(&self.addresses, disk::read_limited(&self.addresses, MAX_FILE))?;
        Ok(AddressBook::parse(&bytes)?)
    }

    fn write_addresses(&self, book: &AddressBook) -> Result<(), OperatorError> {
        at(&self.addresses, disk::write_private(&self.addresses, &book.to_bytes()))
    }
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

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, OperatorError> {
    result.map_err(|error| OperatorError::File { path: path.to_owned(), error })
}
