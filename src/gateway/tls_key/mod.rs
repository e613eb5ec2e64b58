//! The gateway's certificate and key: made, read as a pair, named by the hash that the roster pins,
//! and replaced while it serves. Speaking TLS with them is the listener's part.

mod current;
mod make;
mod next;

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

pub use self::{
    current::{CurrentTlsKey, keep_current},
    make::{NewTlsKey, host_names},
    next::{NextArgs, NextTlsKey, make_next},
};
use super::{config::Tls, log::TlsKeyRefusal};
use crate::{
    disk,
    roster::{Address, Publication},
};

/// No certificate chain or key of ours comes near this, in bytes.
const MAX_BYTES: u64 = 256 << 10;

/// SHA-256 of a SubjectPublicKeyInfo (RFC 5280, section 4.1): what a roster pins.
pub type Pin = [u8; 32];

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsKeyError {
    /// A file is missing or cannot be read.
    #[error("{}: cannot be read ({why}); correct `[tls]` or put the file there", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// Others than the gateway's user can read the private key.
    #[error("{}: others can read the TLS key; run `chmod 600` on it", .0.display())]
    Exposed(PathBuf),
    /// Not PEM, or not of the kind that belongs there.
    #[error("{}: holds no PEM {what}; make both with `sealpost-gateway init`", .file.display())]
    Form {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// A kind of key that the gateway does not sign with.
    #[error("{}: is of a kind that is not supported; use ECDSA P-256 or Ed25519", .0.display())]
    Kind(PathBuf),
    /// Certificate and key are not a pair.
    #[error("{}: is not the certificate of that key; make both with `sealpost-gateway init`", .0.display())]
    NoPair(PathBuf),
}

impl TlsKeyError {
    fn refusal(&self) -> TlsKeyRefusal {
        match self {
            Self::Unreadable { .. } => TlsKeyRefusal::Unreadable,
            Self::Exposed(_) => TlsKeyRefusal::Exposed,
            Self::Form { .. } => TlsKeyRefusal::Form,
            Self::Kind(_) => TlsKeyRefusal::Kind,
            Self::NoPair(_) => TlsKeyRefusal::NoPair,
        }
    }
}

/// A key that is private, with its certificate and those that this one is signed by.
pub struct Pair {
    certified: Arc<CertifiedKey>,
    pin: Pin,
}

impl Pair {
    /// Reads certificate and key, which must belong together.
    ///
    /// # Errors
    /// See [`TlsKeyError`].
    pub fn read(files: &Tls) -> Result<Self, TlsKeyError> {
        let unreadable = |why| TlsKeyError::Unreadable { file: files.key.clone(), why };
        if disk::is_exposed(&files.key).map_err(unreadable)? {
            return Err(TlsKeyError::Exposed(files.key.clone()));
        }
        let read = |file: &PathBuf| {
            disk::read_limited(file, MAX_BYTES)
                .map_err(|why| TlsKeyError::Unreadable { file: file.clone(), why })
        };
        let form = |file: &PathBuf, what| TlsKeyError::Form { file: file.clone(), what };
        let chain = CertificateDer::pem_slice_iter(&read(&files.certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| form(&files.certificate, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&Zeroizing::new(read(&files.key)?))
            .map_err(|_| form(&files.key, "private key"))?;
        let kind = || TlsKeyError::Kind(files.key.clone());
        let key = any_supported_type(&Zeroizing::new(key)).map_err(|_| kind())?;
        let pin = sha256(&key.public_key().ok_or_else(kind)?);
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| TlsKeyError::NoPair(files.certificate.clone()))?;
        Ok(Self { certified: Arc::new(certified), pin })
    }

    /// What the roster is to say of the key.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// True if `other` shows the same certificates for the same key.
    fn shows_the_same_as(&self, other: &Self) -> bool {
        self.pin == other.pin && self.certified.cert == other.certified.cert
    }
}

/// The URLs at which the roster has reviewers' programs trust this key.
pub fn urls_of(publication: &Publication, pin: Pin) -> impl Iterator<Item = &str> {
    publication.roster().addresses().iter().filter_map(move |address| match address {
        Address::Url { url, tls } if tls.contains(&pin) => Some(url.as_str()),
        Address::Url { .. } | Address::Onion(_) => None,
    })
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;

    /// A new pair in two files of a folder; what the roster would say of it.
    pub(super) fn write_pair(folder: &Path, name: &str) -> (Tls, Pin) {
        let files = Tls {
            certificate: folder.join(format!("{name}.certificate.pem")),
            key: folder.join(format!("{name}.key.pem")),
        };
        let new = NewTlsKey::generate(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
        disk::write_private(&files.certificate, new.certificate.as_bytes()).unwrap();
        disk::write_private(&files.key, new.key.as_bytes()).unwrap();
        (files, new.pin)
    }

    /// What a listener needs, without files.
    pub(in super::super) fn fresh() -> Arc<CertifiedKey> {
        let folder = tempfile::tempdir().unwrap();
        Pair::read(&write_pair(folder.path(), "fresh").0).unwrap().certified
    }

    #[test]
    fn a_new_key_is_read_back_with_its_pin() {
        let folder = tempfile::tempdir().unwrap();
        let (one, pin_of_one) = write_pair(folder.path(), "one");
        let (other, pin_of_other) = write_pair(folder.path(), "other");
        assert_eq!(Pair::read(&one).unwrap().pin(), pin_of_one);
        assert_ne!(pin_of_one, pin_of_other);
        let mixed = Tls { certificate: one.certificate.clone(), key: other.key };
        assert!(matches!(Pair::read(&mixed), Err(TlsKeyError::NoPair(_))));
        let swapped = Tls { certificate: one.key, key: one.certificate };
        assert!(matches!(Pair::read(&swapped), Err(TlsKeyError::Form { .. })));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (files, _) = write_pair(folder.path(), "one");
        disk::write_public(&files.key, &std::fs::read(&files.key).unwrap()).unwrap();
        assert!(matches!(Pair::read(&files), Err(TlsKeyError::Exposed(_))));
    }
}
