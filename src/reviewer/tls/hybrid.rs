//! X25519MLKEM768 as a client speaks it: the half that holds a key and opens what the server sends.

use ml_kem::{Decapsulate, DecapsulationKey768, KeyExport, KeyInit, Seed};
use rustls::{
    Error, NamedGroup, ProtocolVersion,
    crypto::{
        ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup,
        ring::kx_group::X25519,
    },
    ffdhe_groups::FfdheGroup,
};

use crate::{
    random::{Entropy, SystemEntropy},
    secret::Secret,
    tls::{CIPHERTEXT_LEN, HybridServer, both, split},
};

/// The group; a key for one connection comes of [`SupportedKxGroup::start`].
#[derive(Debug)]
pub(super) struct HybridClient;

impl SupportedKxGroup for HybridClient {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut seed = Secret::new(Seed::default());
        SystemEntropy::new().fill(seed.expose_mut());
        let ml_kem = DecapsulationKey768::new(seed.expose());
        let x25519 = X25519.start()?;
        let key = ml_kem.encapsulation_key().to_bytes();
        let share = [key.as_slice(), x25519.pub_key()].concat();
        Ok(Box::new(Started { ml_kem, x25519, share }))
    }

    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        HybridServer.start_and_complete(client_share)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        HybridServer.name()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        HybridServer.usable_for_version(version)
    }
}

/// A key exchange whose share is on its way. The ML-KEM half wipes itself; ring's X25519 half
/// does not.
struct Started {
    ml_kem: DecapsulationKey768,
    x25519: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, x25519) = split::<CIPHERTEXT_LEN>(server_share)?;
        let x25519 = self.x25519.complete(x25519)?;
        let ml_kem = Secret::new(self.ml_kem.decapsulate(ciphertext.into()));
        Ok(both(&ml_kem, &x25519))
    }

    /// The X25519 half is sent a second time as a share of its own, so that a server without the
    /// hybrid group needs no further round (draft-ietf-tls-hybrid-design §3.2).
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.x25519.group(), self.x25519.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, share: &[u8]) -> Result<SharedSecret, Error> {
        self.x25519.complete(share)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::PeerMisbehaved;

    use super::*;
    use crate::tls::{CLIENT_SHARE_LEN, SERVER_SHARE_LEN};

    fn started() -> Box<dyn ActiveKeyExchange> {
        HybridClient.start().unwrap()
    }

    fn complete(share: &[u8]) -> Result<Vec<u8>, Error> {
        started().complete(share).map(|secret| secret.secret_bytes().to_vec())
    }

    #[test]
    fn client_and_server_agree() {
        let client = started();
        assert_eq!(client.pub_key().len(), CLIENT_SHARE_LEN);
        let server = HybridServer.start_and_complete(client.pub_key()).unwrap();
        let secret = client.complete(&server.pub_key).unwrap();
        assert!(secret.secret_bytes() == server.secret.secret_bytes());
        assert_eq!(secret.secret_bytes().len(), 64);
    }

    #[test]
    fn the_classical_half_is_the_same_key_and_serves_alone() {
        let client = started();
        let (group, share) = client.hybrid_component().unwrap();
        assert_eq!(group, NamedGroup::X25519);
        assert!(client.pub_key().ends_with(share));
        let server = X25519.start_and_complete(share).unwrap();
        let secret = client.complete_hybrid_component(&server.pub_key).unwrap();
        assert!(secret.secret_bytes() == server.secret.secret_bytes());
    }

    #[test]
    fn a_ciphertext_for_another_key_gives_another_secret() {
        let (client, other) = (started(), started());
        let server = HybridServer.start_and_complete(other.pub_key()).unwrap();
        let secret = client.complete(&server.pub_key).unwrap();
        assert!(secret.secret_bytes()[..32] != server.secret.secret_bytes()[..32]);
    }

    #[test]
    fn a_servers_share_of_another_length_or_with_zeros_is_refused() {
        let refused = Err(PeerMisbehaved::InvalidKeyShare.into());
        let share = HybridServer.start_and_complete(started().pub_key()).unwrap().pub_key;
        assert!(complete(&share).is_ok());
        for length in [0, 32, CIPHERTEXT_LEN, SERVER_SHARE_LEN - 1] {
            assert_eq!(complete(&share[..length]), refused, "{length}");
        }
        assert_eq!(complete(&[&share[..], &[0]].concat()), refused);
        let zeros = [&share[..CIPHERTEXT_LEN], &[0; 32]].concat();
        assert_eq!(complete(&zeros), refused);
    }

    proptest! {
        #[test]
        fn no_share_panics(
            share in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..2000),
                proptest::collection::vec(any::<u8>(), SERVER_SHARE_LEN),
            ],
        ) {
            let fits = share.len() == SERVER_SHARE_LEN;
            prop_assert_eq!(complete(&share).is_ok(), fits);
        }
    }
}
