//! A next roster on its way: written down, signed here or outside, and put into its place whole.
//!
//! ```text
//! pending/0003.json            the roster, to be signed by the newsroom key
//! pending/0003.json.sig        that signature, as `ssh-keygen -Y sign` names it
//! pending/0003.next.json       the same bytes for the next newsroom key, only if the roster names one
//! pending/0003.next.json.sig   its signature
//! pending/keys/mina.json       sealing keys of the reviewers who come
//! pending/addresses.json       0600, the address book as it will be
//! pending/newsroom_key_2[.pub] a key that comes into the folder
//! ```
//!
//! The folder appears at once, complete, and disappears at once. Once its signatures are checked it is
//! renamed to `finishing/`: from there on every step can be done again, and nothing else is done before
//! they all are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use ring::digest;

use super::{
    OperatorError,
    draft::{Draft, NewKey},
    layout::{self, Layout, at},
    newsroom_secret::NewsroomSecret,
};
use crate::{
    disk, publication,
    roster::{
        NewsroomKey, Publication, ReviewerName, UnsignedRoster, UntrustedPublication,
        sshsig::{MAX_SIGNATURE_FILE, UntrustedSignature},
    },
};

/// A roster that waits for its signatures.
pub struct Waiting {
    layout: Layout,
    roster: UnsignedRoster,
    bytes: Vec<u8>,
}

/// A signature that somebody has to make.
pub struct ToSign {
    /// By this key.
    pub key: NewsroomKey,
    /// Its private half, if it lies in the newsroom's folder.
    pub key_file: Option<PathBuf>,
    /// Of this file; the signature belongs beside it, with `.sig` after its name.
    pub file: PathBuf,
}

/// Writes a draft to `pending/`, with the signatures of the keys that were unlocked.
pub(super) fn stage(
    layout: &Layout,
    draft: &Draft,
    unlocked: &[NewsroomSecret],
) -> Result<Waiting, OperatorError> {
    let bytes = draft.roster.to_bytes()?;
    let new = layout.dir.join(".pending.new");
    layout::remove_folder(&new)?;
    layout.clear_dropped()?;
    at(&new, disk::private_folder(&new))?;

    for (file, key) in files(&new, draft.roster.version()).iter().zip(draft.roster.signers()) {
        at(file, disk::write_public(file, &bytes))?;
        if let Some(secret) = draft.secret(key, unlocked) {
            let signature = signature_of(file);
            at(&signature, disk::write_public(&signature, secret.sign_roster(&bytes).as_bytes()))?;
        }
    }
    for (reviewer, batch) in &draft.batches {
        publication::put_batch(&new, reviewer, batch).map_err(OperatorError::Publication)?;
    }
    let addresses = new.join("addresses.json");
    at(&addresses, disk::write_private(&addresses, &draft.addresses.to_bytes()))?;
    if let Some(key) = &draft.new_key {
        write_key(layout, &new, key)?;
    }
    let pending = layout.pending();
    at(&pending, fs::rename(&new, &pending))?;
    layout.sync()?;
    Waiting::open(layout)
}

fn write_key(layout: &Layout, folder: &Path, key: &NewKey) -> Result<(), OperatorError> {
    if layout.knows(&key.public()) {
        return Ok(());
    }
    let private = folder.join(layout.free_key_name());
    if let NewKey::Here { file, .. } = key {
        at(&private, disk::write_private(&private, file.as_bytes()))?;
    }
    let public = private.with_extension("pub");
    at(&public, disk::write_public(&public, layout::public_key_file(&key.public()).as_bytes()))
}

impl Waiting {
    /// What waits in `pending/`.
    pub(super) fn open(layout: &Layout) -> Result<Self, OperatorError> {
        let pending = layout.pending();
        if !pending.exists() {
            return Err(OperatorError::NothingWaits(layout.dir.clone()));
        }
        let (roster, bytes) = read_roster(&pending)?;
        Ok(Self { layout: layout.clone(), roster, bytes })
    }

    /// The roster's version.
    pub fn version(&self) -> u32 {
        self.roster.version()
    }

    /// Who would be on it.
    pub fn reviewers(&self) -> impl Iterator<Item = &ReviewerName> {
        self.roster.reviewers().iter().map(|one| &one.name)
    }

    /// What `sha256sum` says of the file, for comparing it where it is signed.
    pub fn sha256(&self) -> String {
        HEXLOWER.encode(digest::digest(&digest::SHA256, &self.bytes).as_ref())
    }

    /// The signatures that it takes: one, or two when it names the next newsroom key.
    pub fn to_sign(&self) -> Vec<ToSign> {
        let pending = self.layout.pending();
        let signers = self.roster.signers().cloned();
        let to_sign = |(file, key): (PathBuf, NewsroomKey)| ToSign {
            key_file: self.layout.private_key(&key),
            key,
            file,
        };
        files(&pending, self.version()).into_iter().zip(signers).map(to_sign).collect()
    }

    /// Checks every signature, and the publication as everybody will who takes it; from then on it
    /// has to be put into its place.
    pub(super) fn accept(self) -> Result<(), OperatorError> {
        let signatures = self.signatures()?;
        let pending = self.layout.pending();
        let (pin, mut next) = if self.version() == 1 {
            (layout::first_key(&pending)?, UntrustedPublication::default())
        } else {
            let there = publication::read(&self.layout.publication());
            (self.layout.newsroom()?, there.map_err(OperatorError::Publication)?)
        };
        next.rosters.push((self.bytes, signatures));
        let batches = publication::read_batches(&pending).map_err(OperatorError::Publication)?;
        let new: Vec<_> = batches.keys().cloned().collect();
        next.batches.extend(batches);
        let next = next.verify(pin)?;
        let refused = next.refused().iter().find(|(name, _)| new.contains(name));
        if let Some((file, error)) = refused {
            return Err(OperatorError::Batch { file: file.clone(), error: error.clone() });
        }
        let finishing = self.layout.finishing();
        at(&finishing, fs::rename(&pending, &finishing))?;
        self.layout.sync()
    }

    /// The signature file: each of the signatures is there, by the right key, over these bytes.
    fn signatures(&self) -> Result<Vec<u8>, OperatorError> {
        let mut all = Vec::new();
        for one in self.to_sign() {
            let path = signature_of(&one.file);
            if !path.exists() {
                return Err(OperatorError::NotSigned { path, command: one.command(None) });
            }
            let signature = at(&path, disk::read_limited(&path, MAX_SIGNATURE_FILE as u64))?;
            one.check(&path, &signature, &self.bytes)?;
            all.extend(signature);
        }
        Ok(all)
    }
}

impl ToSign {
    /// The command that makes the signature. `key_file` is the private key's file, if somebody knows
    /// it who is not this folder.
    pub fn command(&self, key_file: Option<&Path>) -> String {
        let key = self.key_file.as_deref().or(key_file).map_or_else(|| "KEY".to_owned(), quoted);
        format!("ssh-keygen -Y sign -f {key} -n sealpost-roster {}", quoted(&self.file))
    }

    fn check(&self, path: &Path, file: &[u8], bytes: &[u8]) -> Result<(), OperatorError> {
        let refused = |error| OperatorError::Input { path: path.to_owned(), error };
        let signatures = UntrustedSignature::parse_file(file).map_err(refused)?;
        let [signature] = signatures.as_slice() else {
            return Err(OperatorError::TwoSignatures(path.to_owned()));
        };
        let found = signature.verify(bytes).map_err(refused)?;
        if *found == self.key {
            return Ok(());
        }
        let (found, wanted) = (found.id(), self.key.id());
        Err(OperatorError::WrongSigner { path: path.to_owned(), found, wanted })
    }
}

/// Puts what is in `finishing/` into its place. Every step can be done again.
pub(super) fn place(layout: &Layout) -> Result<(), OperatorError> {
    let from = layout.finishing();
    let (roster, bytes) = read_roster(&from)?;
    let mut signatures = Vec::new();
    for file in files(&from, roster.version()).iter().take(roster.signers().count()) {
        let signature = signature_of(file);
        signatures
            .extend(at(&signature, disk::read_limited(&signature, MAX_SIGNATURE_FILE as u64))?);
    }
    place_keys(layout, &from)?;

    // first what is harmless without the roster, then the roster, then what it made outdated
    let to = layout.publication();
    for (name, batch) in publication::read_batches(&from).map_err(OperatorError::Publication)? {
        let reviewer: ReviewerName = name.parse()?;
        publication::put_batch(&to, &reviewer, &batch).map_err(OperatorError::Publication)?;
    }
    publication::add_roster_again(&to, roster.version(), &(bytes, signatures))
        .map_err(OperatorError::Publication)?;
    let addresses = layout::read(&from.join("addresses.json"))?;
    at(&layout.addresses(), disk::write_private(&layout.addresses(), &addresses))?;
    let taken = layout.read_publication(layout.newsroom()?)?;
    for gone in gone(&taken) {
        publication::remove_batch(&to, gone).map_err(OperatorError::Publication)?;
    }
    layout.drop_folder(&from)
}

fn place_keys(layout: &Layout, from: &Path) -> Result<(), OperatorError> {
    for entry in at(from, fs::read_dir(from))? {
        let name = at(from, entry)?.file_name();
        if name.to_string_lossy().starts_with("newsroom_key") {
            let (file, place) = (from.join(&name), layout.dir.join(&name));
            at(&place, fs::rename(&file, &place))?;
        }
    }
    layout.sync()
}

/// Those whom the last roster removed.
fn gone(publication: &Publication) -> impl Iterator<Item = &ReviewerName> {
    let now = publication.roster();
    let before = publication.history().find(|roster| roster.version() + 1 == now.version());
    let before = before.into_iter().flat_map(|roster| roster.reviewers());
    before.map(|one| &one.name).filter(|name| now.reviewers().iter().all(|one| one.name != **name))
}

/// The one roster in a folder.
fn read_roster(folder: &Path) -> Result<(UnsignedRoster, Vec<u8>), OperatorError> {
    for entry in at(folder, fs::read_dir(folder))? {
        let path = at(folder, entry)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.strip_suffix(".json").filter(|number| number.len() == 4);
        if let Some(version) = number.and_then(|number| number.parse::<u32>().ok()) {
            let bytes = layout::read(&path)?;
            let refused = |error| OperatorError::Input { path: path.clone(), error };
            let roster = UnsignedRoster::parse(&bytes).map_err(refused)?;
            if roster.version() != version {
                return Err(OperatorError::Stale { path });
            }
            return Ok((roster, bytes));
        }
    }
    Err(OperatorError::Stale { path: folder.to_owned() })
}

/// The roster's copy for each key that may have to sign it.
fn files(folder: &Path, version: u32) -> [PathBuf; 2] {
    ["json", "next.json"].map(|ending| folder.join(format!("{version:04}.{ending}")))
}

/// Where `ssh-keygen -Y sign` puts the signature of a file.
fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "_-./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_to_a_shell() {
        assert_eq!(quoted(Path::new("newsroom/pending/0003.json")), "newsroom/pending/0003.json");
        assert_eq!(quoted(Path::new("the 'news' room")), r"'the '\''news'\'' room'");
        assert_eq!(quoted(Path::new("$HOME")), "'$HOME'");
    }

    #[test]
    fn a_signature_lies_where_ssh_keygen_puts_it() {
        let [present, next] = files(Path::new("pending"), 3);
        assert_eq!(signature_of(&present), Path::new("pending/0003.json.sig"));
        assert_eq!(signature_of(&next), Path::new("pending/0003.next.json.sig"));
    }
}
