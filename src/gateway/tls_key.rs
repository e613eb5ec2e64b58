//! The gateway's certificate and key as an operator handles them: made, matched, and named by the
//! hash that the roster pins. Speaking TLS with them is the listener's part.

use std::{io, path::PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

use super::config::Tls;
use crate::disk;

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

/// Reads certificate and key and gives the pin of the key, if the two are a pair.
///
/// # Errors
/// See [`TlsKeyError`].
pub fn pin_of(tls: &Tls) -> Result<Pin, TlsKeyError> {
    let read = |file: &PathBuf| {
        disk::read_limited(file, MAX_BYTES)
            .map_err(|why| TlsKeyError::Unreadable { file: file.clone(), why })
    };
    let form = |file: &PathBuf, what| TlsKeyError::Form { file: file.clone(), what };
    let chain = CertificateDer::pem_slice_iter(&read(&tls.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| form(&tls.certificate, "certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(&Zeroizing::new(read(&tls.key)?))
        .map_err(|_| form(&tls.key, "private key"))?;
    let key = any_supported_type(&key).map_err(|_| TlsKeyError::Kind(tls.key.clone()))?;
    let public = key.public_key().ok_or_else(|| TlsKeyError::Kind(tls.key.clone()))?;
    let pin = sha256(&public);
    CertifiedKey::new(chain, key)
        .keys_match()
        .map_err(|_| TlsKeyError::NoPair(tls.certificate.clone()))?;
    Ok(pin)
}

/// A new key and its self-signed certificate.
pub struct NewTlsKey {
    /// PEM; public.
    pub certificate: String,
    /// PEM, PKCS #8.
    pub key: Zeroizing<String>,
    /// For the roster.
    pub pin: Pin,
}

impl NewTlsKey {
    /// ECDSA P-256, because browsers take no self-signed Ed25519. The certificate names `hosts` (DNS
    /// names and IP addresses) and nothing else: no machine, and the same years in every one.
    ///
    /// # Errors
    /// A host that is no name, or a key that cannot be made.
    pub fn generate(hosts: Vec<String>) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Sealpost");
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.pem(),
            pin: sha256(&rcgen::PublicKeyData::subject_public_key_info(&key)),
            key: Zeroizing::new(key.serialize_pem()),
        })
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_read_back_with_its_pin() {
        let folder = tempfile::tempdir().unwrap();
        let files = |name: &str| Tls {
            certificate: folder.path().join(format!("{name}.certificate.pem")),
            key: folder.path().join(format!("{name}.key.pem")),
        };
        let make = |name: &str| {
            let new = NewTlsKey::generate(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
            disk::write_public(&files(name).certificate, new.certificate.as_bytes()).unwrap();
            disk::write_private(&files(name).key, new.key.as_bytes()).unwrap();
            new.pin
        };
        let (one, other) = (make("one"), make("other"));
        assert_eq!(pin_of(&files("one")).unwrap(), one);
        assert_ne!(one, other);
        let mixed = Tls { certificate: files("one").certificate, key: files("other").key };
        assert!(matches!(pin_of(&mixed), Err(TlsKeyError::NoPair(_))));
        let swapped = Tls { certificate: files("one").key, key: files("one").certificate };
        assert!(matches!(pin_of(&swapped), Err(TlsKeyError::Form { .. })));
    }
}
