//! The key exchange of every TLS connection between a gateway and whoever comes to it:
//! X25519MLKEM768 first, X25519 for those who cannot, and nothing else.
//!
//! Here is what both sides need, and the server's half. The client's half undoes an encapsulation,
//! so it lies with the reviewer's program, the only one that opens anything.

use ml_kem::{Ciphertext, EncapsulationKey768, MlKem768, SharedKey};
use rustls::{
    Error, NamedGroup, PeerMisbehaved, ProtocolVersion,
    crypto::{
        ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup,
        ring::{self, kx_group::X25519},
    },
    ffdhe_groups::FfdheGroup,
};

use crate::{
    random::{Entropy, SystemEntropy},
    secret::Secret,
};

/// Bytes of an ML-KEM-768 encapsulation key (FIPS 203, table 3).
pub const ENCAPSULATION_KEY_LEN: usize = 1184;
/// Bytes of an ML-KEM-768 ciphertext (FIPS 203, table 3).
pub const CIPHERTEXT_LEN: usize = 1088;
/// Bytes of an X25519 public key (RFC 7748 §6.1).
pub const X25519_LEN: usize = 32;
/// Bytes of a client's share: encapsulation key, X25519 (draft-ietf-tls-ecdhe-mlkem §4.1).
pub const CLIENT_SHARE_LEN: usize = ENCAPSULATION_KEY_LEN + X25519_LEN;
/// Bytes of a server's share: ciphertext, X25519 (the same, §4.2).
pub const SERVER_SHARE_LEN: usize = CIPHERTEXT_LEN + X25519_LEN;

/// ring's provider with two groups for the key exchange: `hybrid`, which is one half or the other
/// of X25519MLKEM768, and X25519.
pub fn provider(hybrid: &'static dyn SupportedKxGroup) -> CryptoProvider {
    CryptoProvider { kx_groups: vec![hybrid, X25519], ..ring::default_provider() }
}

/// X25519MLKEM768 as a server speaks it (draft-ietf-tls-ecdhe-mlkem; group 0x11EC).
#[derive(Debug)]
pub struct HybridServer;

impl SupportedKxGroup for HybridServer {
    /// Refused: a server does not begin.
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Err(Error::General("this side of the key exchange only answers".into()))
    }

    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        answer(client_share, &SystemEntropy::new())
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

/// The server's share and the secret of both halves. ring draws its X25519 key by itself.
///
/// # Errors
/// [`PeerMisbehaved::InvalidKeyShare`] for a share of another length, an encapsulation key with a
/// coefficient that is not below the modulus (FIPS 203 §7.2), or an X25519 half from which only
/// zeros come (RFC 8446 §7.4.2).
fn answer(client_share: &[u8], entropy: &dyn Entropy) -> Result<CompletedKeyExchange, Error> {
    let (key, x25519) = split::<ENCAPSULATION_KEY_LEN>(client_share)?;
    let key = EncapsulationKey768::new(key.into()).map_err(|_| invalid_share())?;
    let classical = X25519.start_and_complete(x25519)?;
    let (ciphertext, shared) = encapsulate(&key, entropy);
    Ok(CompletedKeyExchange {
        group: NamedGroup::X25519MLKEM768,
        pub_key: [ciphertext.as_slice(), &classical.pub_key].concat(),
        secret: both(&shared, &classical.secret),
    })
}

fn encapsulate(
    key: &EncapsulationKey768,
    entropy: &dyn Entropy,
) -> (Ciphertext<MlKem768>, Secret<SharedKey>) {
    let mut message = Secret::new(ml_kem::B32::default());
    entropy.fill(message.expose_mut());
    let (ciphertext, shared) = key.encapsulate_deterministic(message.expose());
    (ciphertext, Secret::new(shared))
}

/// The two halves of a share whose first half has `N` bytes.
///
/// # Errors
/// [`PeerMisbehaved::InvalidKeyShare`] for another length.
pub fn split<const N: usize>(share: &[u8]) -> Result<(&[u8; N], &[u8; X25519_LEN]), Error> {
    let (first, x25519) = share.split_first_chunk().ok_or_else(invalid_share)?;
    Ok((first, x25519.try_into().map_err(|_| invalid_share())?))
}

/// The secret of the whole exchange: that of ML-KEM, then that of X25519, in a buffer that rustls
/// wipes.
pub fn both(ml_kem: &Secret<SharedKey>, x25519: &SharedSecret) -> SharedSecret {
    [ml_kem.expose(), x25519.secret_bytes()].concat().into()
}

fn invalid_share() -> Error {
    PeerMisbehaved::InvalidKeyShare.into()
}

#[cfg(test)]
mod tests {
    use ml_kem::{Decapsulate, DecapsulationKey768, KeyExport, Seed};
    use proptest::prelude::*;

    use super::*;

    /// A client made of its two parts, without the reviewer's code.
    struct Client {
        ml_kem: DecapsulationKey768,
        x25519: Box<dyn ActiveKeyExchange>,
    }

    impl Client {
        fn new() -> Self {
            let mut seed = Seed::default();
            SystemEntropy::new().fill(&mut seed);
            Self { ml_kem: DecapsulationKey768::from_seed(seed), x25519: X25519.start().unwrap() }
        }

        fn share(&self) -> Vec<u8> {
            let key = self.ml_kem.encapsulation_key().to_bytes();
            [key.as_slice(), self.x25519.pub_key()].concat()
        }
    }

    fn refused(share: &[u8]) -> bool {
        match HybridServer.start_and_complete(share) {
            Ok(_) => false,
            Err(error) => error == invalid_share() || panic!("{error}"),
        }
    }

    #[test]
    fn both_sides_get_the_secret_of_both_halves_ml_kem_first() {
        let client = Client::new();
        let answered = HybridServer.start_and_complete(&client.share()).unwrap();
        assert_eq!(answered.group, NamedGroup::X25519MLKEM768);
        assert_eq!(answered.pub_key.len(), SERVER_SHARE_LEN);
        let (ciphertext, x25519) = answered.pub_key.split_at(CIPHERTEXT_LEN);
        let ml_kem = client.ml_kem.decapsulate_slice(ciphertext).unwrap();
        let x25519 = client.x25519.complete(x25519).unwrap();
        let (first, second) = answered.secret.secret_bytes().split_at(32);
        assert!(first == ml_kem.as_slice() && second == x25519.secret_bytes());
        // the same share is answered with fresh randomness each time
        let client = Client::new();
        let answers = [0, 1].map(|_| HybridServer.start_and_complete(&client.share()).unwrap());
        assert_ne!(answers[0].pub_key[..32], answers[1].pub_key[..32]);
        assert_ne!(answers[0].secret.secret_bytes()[..32], answers[1].secret.secret_bytes()[..32]);
    }

    #[test]
    fn a_share_of_another_length_is_refused() {
        let share = Client::new().share();
        assert_eq!(share.len(), CLIENT_SHARE_LEN);
        assert!(!refused(&share));
        for length in [0, 1, X25519_LEN, ENCAPSULATION_KEY_LEN, CLIENT_SHARE_LEN - 1] {
            assert!(refused(&share[..length]), "{length}");
        }
        assert!(refused(&[&share[..], &[0]].concat()));
        assert!(refused(&vec![0; SERVER_SHARE_LEN]));
    }

    #[test]
    fn a_coefficient_that_is_not_below_the_modulus_is_refused() {
        let mut share = Client::new().share();
        share[..3].copy_from_slice(&[0x00, 0x0d, 0xd0]); // 3328, 3328
        assert!(!refused(&share));
        share[..3].copy_from_slice(&[0x01, 0x0d, 0xd0]); // 3329, 3328
        assert!(refused(&share));
        share[..3].copy_from_slice(&[0x00, 0x1d, 0xd0]); // 3328, 3329
        assert!(refused(&share));
        // the last two of the 768
        let mut share = Client::new().share();
        share[1149..1152].copy_from_slice(&[0xff, 0xff, 0xff]);
        assert!(refused(&share));
    }

    #[test]
    fn an_x25519_half_that_gives_zeros_is_refused() {
        // 0, 1, and p − 1: of order 2, 4 and 4
        let p_minus_one = {
            let mut u = [0xff; 32];
            (u[0], u[31]) = (0xec, 0x7f);
            u
        };
        let mut one = [0; 32];
        one[0] = 1;
        for low_order in [[0; 32], one, p_minus_one] {
            let mut share = Client::new().share();
            share[ENCAPSULATION_KEY_LEN..].copy_from_slice(&low_order);
            assert!(refused(&share), "{low_order:02x?}");
        }
    }

    #[test]
    fn two_groups_and_no_third() {
        let names = provider(&HybridServer).kx_groups.iter().map(|g| g.name()).collect::<Vec<_>>();
        assert_eq!(names, [NamedGroup::X25519MLKEM768, NamedGroup::X25519]);
        assert_eq!(u16::from(names[0]), 0x11ec);
        assert!(HybridServer.usable_for_version(ProtocolVersion::TLSv1_3));
        assert!(!HybridServer.usable_for_version(ProtocolVersion::TLSv1_2));
        assert!(HybridServer.start().is_err());
    }

    proptest! {
        #[test]
        fn no_share_panics(
            share in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..2000),
                proptest::collection::vec(any::<u8>(), CLIENT_SHARE_LEN),
                // coefficients below the modulus: past the check
                proptest::collection::vec(0_u8..13, CLIENT_SHARE_LEN),
            ],
        ) {
            let fits = share.len() == CLIENT_SHARE_LEN;
            prop_assert!(fits || refused(&share));
            if let Ok(answered) = HybridServer.start_and_complete(&share) {
                prop_assert_eq!(answered.pub_key.len(), SERVER_SHARE_LEN);
                prop_assert_eq!(answered.secret.secret_bytes().len(), 64);
            }
        }
    }
}
