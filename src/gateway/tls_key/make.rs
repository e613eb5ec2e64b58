//! A new TLS key and the certificate that it signs for itself.

use std::net::SocketAddr;

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use zeroize::Zeroizing;

use super::{Pin, sha256};

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

/// The names for a certificate: those that the operator gave, and where the gateway listens.
pub fn host_names(given: &[String], listens: impl IntoIterator<Item = SocketAddr>) -> Vec<String> {
    let mut hosts = given.to_vec();
    for address in listens {
        let ip = address.ip();
        if !ip.is_unspecified() {
            hosts.push(ip.to_string());
        }
        if ip.is_loopback() {
            hosts.push("localhost".into());
        }
    }
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}
