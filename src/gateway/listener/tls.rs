//! TLS as the gateway speaks it: version 1.3 and nothing that would let two visits be linked.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::NoServerSessionStorage,
};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::{disk, gateway::config};

/// No certificate chain or key of ours comes near this, in bytes.
const MAX_PEM: u64 = 256 * 1024;

/// Why TLS cannot be spoken with what the configuration names.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; name a readable PEM file under [tls]")]
    Unreadable {
        /// The file as configured.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Others than the gateway's user can read the private key.
    #[error("{0} can be read by others: run chmod 600 on it")]
    KeyExposed(PathBuf),
    /// No certificate where one should be.
    #[error("{0} holds no PEM certificate")]
    NoCertificate(PathBuf),
    /// No private key where one should be.
    #[error("{0} holds no PEM private key")]
    NoKey(PathBuf),
    /// rustls takes neither.
    #[error("the certificate and the key under [tls] cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Reads certificate and key.
pub(super) fn acceptor(files: &config::Tls) -> Result<TlsAcceptor, TlsError> {
    let unreadable = |path: &PathBuf| {
        let path = path.clone();
        move |source| TlsError::Unreadable { path, source }
    };
    let exposed = disk::is_exposed(&files.key).map_err(unreadable(&files.key))?;
    if exposed {
        return Err(TlsError::KeyExposed(files.key.clone()));
    }
    let certificate =
        disk::read_limited(&files.certificate, MAX_PEM).map_err(unreadable(&files.certificate))?;
    let key = disk::read_limited(&files.key, MAX_PEM).map_err(unreadable(&files.key))?;
    let key = Zeroizing::new(key);

    let chain = CertificateDer::pem_slice_iter(&certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::NoCertificate(files.certificate.clone()))?;
    let key =
        PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::NoKey(files.key.clone()))?;
    Ok(TlsAcceptor::from(Arc::new(server_config(chain, key)?)))
}

/// TLS 1.3 by ring, HTTP/1.1 only. No tickets, no session cache, no early data: nothing of one
/// visit is kept that a later one could show again.
fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
pub(super) mod tests {
    use rustls::pki_types::PrivatePkcs8KeyDer;

    use super::*;

    /// A fresh self-signed certificate for 127.0.0.1, and an acceptor that shows it.
    pub(in super::super) fn fresh() -> (TlsAcceptor, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let chain = vec![made.cert.der().clone()];
        let config = server_config(chain, key).unwrap();
        (TlsAcceptor::from(Arc::new(config)), made.cert.der().clone())
    }

    #[test]
    fn nothing_is_kept_between_visits() {
        let (acceptor, _) = fresh();
        let config = acceptor.config();
        assert_eq!(config.send_tls13_tickets, 0);
        assert_eq!(config.max_early_data_size, 0);
        assert!(!config.session_storage.can_cache());
        assert!(!config.ticketer.enabled());
        assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
    }
}
