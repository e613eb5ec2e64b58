//! A reviewer's folder and the secrets in it.
//!
//! ```text
//! identity.age      the identity key and a wrapping key, under the passphrase (age, scrypt)
//!   or identity.txt the same without a passphrase, if the reviewer so chose
//! keys/2968-0.age   the sealing key of an epoch, sealed to the wrapping key; the second number is
//!                   the batch that brought it, so that there are two after a `rotate`
//! card.json         public keys for the operator
//! state.json        see `state`
//! deleted.json      see `deletions`
//! lock              flock of whoever makes or destroys keys or changes the state
//! publication/      the last publication that held
//! envelopes/        see `shelf`
//! archive/          what is kept after its sealing key was destroyed, sealed to the wrapping key
//! ```
//!
//! The passphrase is slow to try (scrypt, about a second), the wrapping key is not: one run asks
//! for one second, however many epochs there are. Stock age (1.3 or later) reads all of it:
//! `age -d -i identity.age keys/2968-0.age > key.txt`, then `age -d -i key.txt envelope.age`.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::FlockOperation;

use super::{
    identity::IdentitySecret,
    identity_file,
    opener::{self, OpenError},
    protect,
    sealing_key::SealingSecret,
};
use crate::{
    clock::Epoch,
    disk,
    random::Entropy,
    seal,
    secret::{SecretBytes, SecretText},
};

/// The largest identity or key file in bytes.
const LIMIT: u64 = 64 * 1024;

/// Why secrets cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The folder holds an identity already.
    #[error("{} holds a reviewer's keys already: choose another folder", .0.display())]
    Exists(PathBuf),
    /// The folder holds no identity.
    #[error("{} holds no reviewer's keys: make them with `sealpost-reviewer init`", .0.display())]
    Absent(PathBuf),
    /// A passphrase is needed.
    #[error("the keys are under a passphrase, and none was given")]
    Locked,
    /// Another passphrase than the one it was made with.
    #[error("the passphrase does not open {}: try again", .0.display())]
    WrongPassphrase(PathBuf),
    /// A secret that others on this computer can read.
    #[error("others can read {}: take their access away (`chmod 600`) and rotate your keys", .0.display())]
    Exposed(PathBuf),
    /// Not of the form above.
    #[error("{} is damaged: bring it back from a backup", .0.display())]
    Damaged(PathBuf),
    /// Two runs of the program at once.
    #[error("another run of sealpost-reviewer is at work in {}: try again when it is done", .0.display())]
    Busy(PathBuf),
    /// Not to be read or written.
    #[error("{} cannot be read or written", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

/// The folder, with its secrets still closed.
pub struct Vault {
    dir: PathBuf,
}

impl Vault {
    /// The folder at `dir`.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the folder and a new identity, under `passphrase` if there is one.
    pub fn create(
        &self,
        passphrase: Option<&SecretText>,
        entropy: &dyn Entropy,
    ) -> Result<Unlocked, VaultError> {
        if self.protected().exists() || self.unprotected().exists() {
            return Err(VaultError::Exists(self.dir.clone()));
        }
        for folder in [self.dir.clone(), self.key_folder(), self.envelopes(), self.archive()] {
            disk::private_folder(&folder).map_err(|error| VaultError::Io(folder, error))?;
        }
        let identity = IdentitySecret::generate(entropy);
        let wrapping = SealingSecret::generate(entropy);
        let text = identity_file::write(&identity, &wrapping);
        match passphrase {
            Some(passphrase) => {
                write(self.protected(), &protect::protect(&text, passphrase))?;
            }
            None => write(self.unprotected(), text.expose())?,
        }
        Ok(Unlocked { vault: Self::at(&self.dir), identity, wrapping })
    }

    /// True if a passphrase is needed. An error if there is no identity.
    pub fn is_protected(&self) -> Result<bool, VaultError> {
        match (self.protected().exists(), self.unprotected().exists()) {
            (true, _) => Ok(true),
            (false, true) => Ok(false),
            (false, false) => Err(VaultError::Absent(self.dir.clone())),
        }
    }

    /// Opens the identity; takes about a second where there is a passphrase.
    pub fn unlock(&self, passphrase: Option<&SecretText>) -> Result<Unlocked, VaultError> {
        let (path, text) = if self.is_protected()? {
            let passphrase = passphrase.ok_or(VaultError::Locked)?;
            let path = self.protected();
            let bytes =
                protect::unprotect(&read(&path)?, passphrase).map_err(|error| match error {
                    OpenError::WrongPassphrase => VaultError::WrongPassphrase(path.clone()),
                    _ => VaultError::Damaged(path.clone()),
                })?;
            (path, bytes)
        } else {
            let path = self.unprotected();
            let bytes = SecretBytes::new(read(&path)?);
            (path, bytes)
        };
        let (identity, wrapping) =
            identity_file::parse(text.expose()).ok_or(VaultError::Damaged(path))?;
        Ok(Unlocked { vault: Self::at(&self.dir), identity, wrapping })
    }

    /// The sealing keys that are there, in order.
    pub fn keys(&self) -> Result<Vec<KeyName>, VaultError> {
        let mut keys: Vec<KeyName> =
            self.names()?.iter().filter_map(|name| KeyName::of(name)).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Overwrites and removes every private half of `epoch`, and what a crash may have left of one
    /// that was being written. It needs no passphrase.
    pub fn destroy(&self, epoch: Epoch, entropy: &dyn Entropy) -> Result<(), VaultError> {
        let (whole, left) = (format!("{}-", epoch.0), format!(".{}-", epoch.0));
        for name in self.names()? {
            if name.starts_with(&whole) || name.starts_with(&left) {
                let path = self.key_folder().join(name);
                disk::destroy(&path, entropy).map_err(|error| VaultError::Io(path, error))?;
            }
        }
        Ok(())
    }

    /// The names of all files in the keys' folder.
    fn names(&self) -> Result<Vec<String>, VaultError> {
        let folder = self.key_folder();
        let read = || -> io::Result<Vec<String>> {
            let names = fs::read_dir(&folder)?.map(|file| Ok(file?.file_name().into_string()));
            // a name that is not Unicode is not one that we gave
            Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().filter_map(Result::ok).collect())
        };
        read().map_err(|error| VaultError::Io(folder.clone(), error))
    }

    /// From here on no other run of the program makes or destroys keys here or changes the state,
    /// until the guard is dropped. The state has to be read after this.
    ///
    /// # Errors
    /// [`VaultError::Busy`] if another run is at it.
    pub fn alone(&self) -> Result<Alone, VaultError> {
        let path = self.dir.join("lock");
        let lock = || -> io::Result<File> {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)?;
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            Ok(file)
        };
        lock().map(Alone).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => VaultError::Busy(self.dir.clone()),
            _ => VaultError::Io(path.clone(), error),
        })
    }

    /// Where the card lies.
    pub fn card(&self) -> PathBuf {
        self.dir.join("card.json")
    }

    /// Where the last good publication lies.
    pub fn publication(&self) -> PathBuf {
        self.dir.join("publication")
    }

    /// Where fetched envelopes lie.
    pub fn envelopes(&self) -> PathBuf {
        self.dir.join("envelopes")
    }

    /// Where envelopes lie whose sealing keys are destroyed.
    pub fn archive(&self) -> PathBuf {
        self.dir.join("archive")
    }

    fn key_folder(&self) -> PathBuf {
        self.dir.join("keys")
    }

    fn key(&self, name: KeyName) -> PathBuf {
        self.key_folder().join(format!("{}-{}.age", name.epoch.0, name.sequence))
    }

    fn protected(&self) -> PathBuf {
        self.dir.join("identity.age")
    }

    fn unprotected(&self) -> PathBuf {
        self.dir.join("identity.txt")
    }
}

/// Sealing keys as they were found. A file that does not open stands in nobody's way: a crash leaves
/// one while a key is being destroyed.
pub struct Held {
    /// Those that open.
    pub secrets: Vec<SealingSecret>,
    /// Those that do not: what was sealed to them alone opens no more.
    pub damaged: Vec<KeyName>,
}

/// The right to change a reviewer's folder, see [`Vault::alone`].
pub struct Alone(#[expect(dead_code, reason = "closing it gives the right back")] File);

/// Which sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName {
    /// The epoch that it serves.
    pub epoch: Epoch,
    /// The sequence of the batch that brought it; the highest of an epoch counts.
    pub sequence: u32,
}

impl KeyName {
    /// From a file's name, if it is written as ours are.
    fn of(file: &str) -> Option<Self> {
        let (epoch, sequence) = file.strip_suffix(".age")?.split_once('-')?;
        let name = Self { epoch: Epoch(epoch.parse().ok()?), sequence: sequence.parse().ok()? };
        (format!("{}-{}.age", name.epoch.0, name.sequence) == file).then_some(name)
    }
}

/// The folder, with its secrets in memory until this is dropped.
pub struct Unlocked {
    vault: Vault,
    identity: IdentitySecret,
    wrapping: SealingSecret,
}

impl Unlocked {
    /// The identity key.
    pub fn identity(&self) -> &IdentitySecret {
        &self.identity
    }

    /// The folder.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The key to which the sealing keys and the archive are sealed.
    pub fn wrapping(&self) -> &SealingSecret {
        &self.wrapping
    }

    /// Keeps the private half of a sealing key. One that is there is never replaced.
    pub fn keep(
        &self,
        name: KeyName,
        secret: &SealingSecret,
        entropy: &dyn Entropy,
    ) -> Result<(), VaultError> {
        let text = secret.to_text();
        let sealed =
            seal::seal_armored(text.expose().as_bytes(), &self.wrapping.recipient(), entropy);
        let path = self.vault.key(name);
        disk::write_new_private(&path, sealed.as_bytes())
            .map_err(|error| VaultError::Io(path, error))
    }

    /// The private halves that are there, the latest epoch's first.
    pub fn sealing_secrets(&self) -> Result<Held, VaultError> {
        self.held(|_| true)
    }

    /// The private halves of one epoch, the one that counts first.
    pub fn secrets_of(&self, epoch: Epoch) -> Result<Held, VaultError> {
        self.held(|name| name.epoch == epoch)
    }

    fn held(&self, wanted: impl Fn(KeyName) -> bool) -> Result<Held, VaultError> {
        let mut held = Held { secrets: Vec::new(), damaged: Vec::new() };
        for name in self.vault.keys()?.into_iter().rev().filter(|name| wanted(*name)) {
            match self.sealing_secret(name) {
                Ok(secret) => held.secrets.push(secret),
                Err(VaultError::Damaged(_)) => held.damaged.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(held)
    }

    fn sealing_secret(&self, name: KeyName) -> Result<SealingSecret, VaultError> {
        let path = self.vault.key(name);
        let sealed = read(&path)?;
        let text = opener::open_armored(&sealed, std::slice::from_ref(&self.wrapping))
            .map_err(|_| VaultError::Damaged(path.clone()))?;
        std::str::from_utf8(text.expose())
            .ok()
            .and_then(|text| SealingSecret::parse(text.trim_end()).ok())
            .ok_or(VaultError::Damaged(path))
    }
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<(), VaultError> {
    disk::write_private(&path, bytes).map_err(|error| VaultError::Io(path, error))
}

fn read(path: &Path) -> Result<Vec<u8>, VaultError> {
    let io = |error| VaultError::Io(path.to_owned(), error);
    if disk::is_exposed(path).map_err(io)? {
        return Err(VaultError::Exposed(path.to_owned()));
    }
    disk::read_limited(path, LIMIT).map_err(io)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::random::SystemEntropy;

    fn passphrase(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    fn name(epoch: u32, sequence: u32) -> KeyName {
        KeyName { epoch: Epoch(epoch), sequence }
    }

    #[test]
    fn keys_come_back_with_the_passphrase_and_not_without() {
        let folder = tempfile::tempdir().unwrap();
        let entropy = SystemEntropy::new();
        let vault = Vault::at(&folder.path().join("mina"));
        let made = vault.create(Some(&passphrase("right")), &entropy).unwrap();
        let secret = SealingSecret::generate(&entropy);
        made.keep(name(7, 0), &secret, &entropy).unwrap();

        assert!(matches!(vault.unlock(None), Err(VaultError::Locked)));
        let wrong = vault.unlock(Some(&passphrase("wrong")));
        assert!(matches!(wrong, Err(VaultError::WrongPassphrase(_))));
        let unlocked = vault.unlock(Some(&passphrase("right"))).unwrap();
        assert_eq!(unlocked.identity().public(), made.identity().public());
        let held = unlocked.sealing_secrets().unwrap();
        assert!(held.damaged.is_empty() && held.secrets.len() == 1);
        assert!(held.secrets[0].recipient() == secret.recipient());
        assert!(made.keep(name(7, 0), &secret, &entropy).is_err(), "it is there");
    }

    #[test]
    fn nothing_secret_lies_open() {
        let folder = tempfile::tempdir().unwrap();
        let entropy = SystemEntropy::new();
        let vault = Vault::at(&folder.path().join("mina"));
        let made = vault.create(None, &entropy).unwrap();
        made.keep(name(7, 0), &SealingSecret::generate(&entropy), &entropy).unwrap();
        for path in [vault.unprotected(), vault.key(name(7, 0))] {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{}", path.display());
        }
        let exposed = fs::Permissions::from_mode(0o640);
        fs::set_permissions(vault.unprotected(), exposed).unwrap();
        assert!(matches!(vault.unlock(None), Err(VaultError::Exposed(_))));
    }

    #[test]
    fn an_epoch_is_destroyed_wholly_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let entropy = SystemEntropy::new();
        let vault = Vault::at(folder.path());
        let made = vault.create(None, &entropy).unwrap();
        for name in [name(7, 0), name(7, 3), name(8, 0), name(78, 0)] {
            made.keep(name, &SealingSecret::generate(&entropy), &entropy).unwrap();
        }
        let file = vault.key(name(7, 3));
        let (content, other_name) = (fs::read(&file).unwrap(), folder.path().join("other name"));
        fs::hard_link(&file, &other_name).unwrap();
        fs::write(vault.key_folder().join(".7-3.age.1.0.new"), &content).unwrap();

        assert_eq!(made.secrets_of(Epoch(7)).unwrap().secrets.len(), 2);
        vault.destroy(Epoch(7), &entropy).unwrap();
        assert_eq!(vault.keys().unwrap(), [name(8, 0), name(78, 0)]);
        assert_eq!(fs::read_dir(vault.key_folder()).unwrap().count(), 2);
        // not only the name is gone
        let left = fs::read(&other_name).unwrap();
        assert!(left.len() == content.len() && left != content);
        assert!(made.secrets_of(Epoch(7)).unwrap().secrets.is_empty());
        vault.destroy(Epoch(7), &entropy).unwrap();

        // a crash between overwriting and removing
        fs::write(vault.key(name(8, 0)), vec![7; content.len()]).unwrap();
        let held = made.sealing_secrets().unwrap();
        assert_eq!((held.secrets.len(), held.damaged), (1, vec![name(8, 0)]));
        vault.destroy(Epoch(8), &entropy).unwrap();
        assert_eq!(vault.keys().unwrap(), [name(78, 0)]);
    }

    #[test]
    fn one_run_at_a_time_changes_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::at(folder.path());
        let first = vault.alone().unwrap();
        assert!(matches!(vault.alone(), Err(VaultError::Busy(_))));
        drop(first);
        assert!(vault.alone().is_ok());
    }

    #[test]
    fn other_files_are_no_keys() {
        for file in ["2968.age", "2968-0.txt", "02968-0.age", "2968-+0.age", "-0.age", "a-b.age"] {
            assert!(KeyName::of(file).is_none(), "{file}");
        }
        assert_eq!(KeyName::of("2968-12.age"), Some(name(2968, 12)));
    }

    #[test]
    fn a_folder_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::at(folder.path());
        assert!(matches!(vault.unlock(None), Err(VaultError::Absent(_))));
        vault.create(None, &SystemEntropy::new()).unwrap();
        let again = vault.create(None, &SystemEntropy::new());
        assert!(matches!(again, Err(VaultError::Exists(_))));
    }
}
