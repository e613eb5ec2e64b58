//! TLS as the gateway speaks it: version 1.3 and nothing that would let two visits be linked.

use std::{io, sync::Arc};

use rustls::{
    NamedGroup, ServerConfig,
    crypto::CryptoProvider,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use crate::tls::{self, HybridServer};

/// Makes connections speak TLS. The certificate is asked for anew by each.
#[derive(Clone)]
pub(super) struct Acceptor {
    /// For clients that know X25519MLKEM768.
    hybrid: Arc<ServerConfig>,
    /// For the others.
    classical: Arc<ServerConfig>,
}

impl Acceptor {
    pub(super) fn new(certificate: Arc<dyn ResolvesServerCert>) -> Result<Self, rustls::Error> {
        let classical = tls::provider(&HybridServer);
        let mut hybrid = classical.clone();
        hybrid.kx_groups.truncate(1);
        Ok(Self {
            hybrid: Arc::new(server_config(hybrid, certificate.clone())?),
            classical: Arc::new(server_config(classical, certificate)?),
        })
    }

    /// The handshake.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(Default::default(), stream).await?;
        let config = self.for_client(&hello.client_hello());
        hello.into_stream(config).await
    }

    /// By itself, rustls takes the group that stands first in the client's list. Here the hybrid one
    /// is taken wherever it stands, even if that costs a further round.
    fn for_client(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let groups = hello.named_groups().unwrap_or_default();
        let knows_hybrid = groups.contains(&NamedGroup::X25519MLKEM768);
        if knows_hybrid { self.hybrid.clone() } else { self.classical.clone() }
    }
}

/// TLS 1.3, HTTP/1.1 only. No tickets, no session cache, no early data: nothing of one visit is
/// kept that a later one could show again.
fn server_config(
    provider: CryptoProvider,
    certificate: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
pub(super) mod tests {
    use rustls::{pki_types::CertificateDer, sign::SingleCertAndKey};

    use super::*;
    use crate::gateway::tls_key;

    /// An acceptor that shows a fresh self-signed certificate for 127.0.0.1.
    pub(in super::super) fn fresh() -> (Acceptor, CertificateDer<'static>) {
        let certified = tls_key::tests::fresh();
        let certificate = certified.cert[0].clone();
        (Acceptor::new(Arc::new(SingleCertAndKey::from(certified))).unwrap(), certificate)
    }

    #[test]
    fn nothing_is_kept_between_visits() {
        let (acceptor, _) = fresh();
        for config in [acceptor.hybrid, acceptor.classical] {
            assert_eq!(config.send_tls13_tickets, 0);
            assert_eq!(config.max_early_data_size, 0);
            assert!(!config.session_storage.can_cache());
            assert!(!config.ticketer.enabled());
            assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
        }
    }
}
