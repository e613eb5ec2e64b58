//! TLS as the reviewer's program speaks it: 1.3 only, to a gateway that holds one of the keys that
//! the roster names. No certificate authority is asked, and no name in the certificate counts.

mod hybrid;

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible,
    SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    version::TLS13,
};

use self::hybrid::HybridClient;
use crate::tls;

/// The SHA-256 of a SubjectPublicKeyInfo.
pub type Pin = [u8; 32];

/// A configuration that accepts exactly the servers whose key is one of `pins`; none, if there are
/// no pins.
pub fn pinned(pins: Vec<Pin>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned::new(pins, &provider)))
        .with_no_client_auth();
    // a ticket would tell the gateway that two connections come from one program
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The cryptography of a client: both groups' shares are sent at once.
pub fn provider() -> CryptoProvider {
    tls::provider(&HybridClient)
}

#[derive(Debug)]
struct Pinned {
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn new(pins: Vec<Pin>, provider: &CryptoProvider) -> Self {
        Self { pins, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let pin = digest(&SHA256, &key);
        if self.pins.iter().any(|known| known == pin.as_ref()) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // the pin says which key; this says that the server holds it
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

// the gateway's feature brings the certificates
#[cfg(feature = "gateway")]
#[cfg(test)]
mod tests {
    use rustls::{
        ClientConnection, HandshakeKind, NamedGroup, ServerConfig, ServerConnection,
        crypto::ring::{self as ring_provider, kx_group},
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    };

    use super::*;
    use crate::tls::HybridServer;

    struct Server {
        config: Arc<ServerConfig>,
        pin: Pin,
    }

    fn server() -> Server {
        server_with(tls::provider(&HybridServer))
    }

    fn server_with(provider: CryptoProvider) -> Server {
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = rcgen::CertificateParams::new(["anything".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let pin = digest(&SHA256, &rcgen::PublicKeyData::subject_public_key_info(&key));
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], private)
            .unwrap();
        Server { config: Arc::new(config), pin: pin.as_ref().try_into().unwrap() }
    }

    /// A handshake in memory: the group, and whether it took a further round.
    fn handshake(pins: Vec<Pin>, server: &Server) -> Result<(NamedGroup, HandshakeKind), Error> {
        let name = ServerName::try_from("desk.example").unwrap();
        let config = Arc::new(pinned(pins).unwrap());
        let mut client = ClientConnection::new(config, name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(&server.config)).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut &wire[..]).unwrap();
            server.process_new_packets()?;
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut &wire[..]).unwrap();
            client.process_new_packets()?;
        }
        let group = client.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(server.negotiated_key_exchange_group().unwrap().name(), group);
        Ok((group, client.handshake_kind().unwrap()))
    }

    #[test]
    fn a_server_with_the_pinned_key_is_taken_and_no_other() {
        let (ours, other) = (server(), server());
        assert!(handshake(vec![ours.pin], &ours).is_ok());
        assert!(handshake(vec![other.pin, ours.pin], &ours).is_ok());
        let refused = CertificateError::ApplicationVerificationFailure;
        for pins in [vec![other.pin], vec![]] {
            assert_eq!(handshake(pins, &ours), Err(Error::InvalidCertificate(refused.clone())));
        }
    }

    #[test]
    fn the_hybrid_group_is_taken_at_once() {
        let server = server();
        let taken = handshake(vec![server.pin], &server);
        assert_eq!(taken, Ok((NamedGroup::X25519MLKEM768, HandshakeKind::Full)));
    }

    #[test]
    fn a_classical_server_is_taken_without_a_further_round() {
        let mut provider = ring_provider::default_provider();
        provider.kx_groups = vec![kx_group::X25519];
        let server = server_with(provider);
        let taken = handshake(vec![server.pin], &server);
        assert_eq!(taken, Ok((NamedGroup::X25519, HandshakeKind::Full)));
    }

    #[test]
    fn a_server_of_other_groups_is_not_taken() {
        let mut provider = ring_provider::default_provider();
        provider.kx_groups = vec![kx_group::SECP256R1, kx_group::SECP384R1];
        let server = server_with(provider);
        assert!(handshake(vec![server.pin], &server).is_err());
    }
}
