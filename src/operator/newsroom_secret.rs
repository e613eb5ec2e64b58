//! The newsroom's private key, in the file format of OpenSSH (`PROTOCOL.key`), so that `ssh-keygen`
//! can read it, sign with it and change its passphrase.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use ssh_key::{
    Cipher, Kdf, LineEnding, PrivateKey,
    private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData},
    public::Ed25519PublicKey,
};
use zeroize::Zeroizing;

use crate::{
    random::{self, Entropy},
    roster::{NewsroomKey, sshsig},
    secret::{SecretKey, SecretText},
};

/// The comment in both key files.
pub const COMMENT: &str = "sealpost newsroom key";

/// Rounds of bcrypt_pbkdf between passphrase and key. `ssh-keygen` takes 24 unless told otherwise;
/// this key signs a few times a year, so that it may take longer to try a passphrase.
const ROUNDS: u32 = 48;

/// The private half of the newsroom key: an Ed25519 seed (RFC 8032 §5.1.5), wiped when dropped.
pub struct NewsroomSecret {
    seed: SecretKey<32>,
    public: [u8; 32],
}

/// Why a file gave no key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// Not an Ed25519 private key of OpenSSH's format.
    NotAPrivateKey,
    /// The passphrase does not fit.
    WrongPassphrase,
}

impl NewsroomSecret {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_seed(SecretKey::filled(|seed| entropy.fill(seed)))
    }

    /// The public half.
    pub fn key(&self) -> NewsroomKey {
        NewsroomKey::Ed25519(self.public)
    }

    /// Signs `bytes`, which say themselves what they are for (see [`crate::roster::sshsig`]).
    #[expect(clippy::expect_used, reason = "RFC 8032 §5.1.6: a signature has 64 bytes")]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        pair(&self.seed).sign(bytes).as_ref().try_into().expect("64 bytes")
    }

    /// The signature's file, as `ssh-keygen -Y sign` would write it beside the roster's.
    pub(super) fn sign_roster(&self, roster: &[u8]) -> String {
        sshsig::armored(&self.public, &self.sign(&sshsig::signing_bytes(roster)))
    }

    /// The key's file, under a passphrase if one is given.
    #[expect(clippy::expect_used, reason = "encoding a complete key of a fixed kind does not fail")]
    pub(super) fn to_openssh(
        &self,
        passphrase: Option<&SecretText>,
        entropy: &dyn Entropy,
    ) -> Zeroizing<String> {
        let pair = Ed25519Keypair {
            public: Ed25519PublicKey(self.public),
            private: Ed25519PrivateKey::from_bytes(self.seed.expose()),
        };
        let plain = PrivateKey::new(KeypairData::Ed25519(pair), COMMENT).expect("a plain key");
        let file = match passphrase {
            None => plain,
            Some(passphrase) => {
                let salt = random::bytes::<16>(entropy).to_vec();
                let kdf = Kdf::Bcrypt { salt, rounds: ROUNDS };
                let checkint = u32::from_be_bytes(random::bytes(entropy));
                plain
                    .encrypt_with(Cipher::Aes256Ctr, kdf, checkint, passphrase.expose())
                    .expect("the passphrase is not empty")
            }
        };
        file.to_openssh(LineEnding::LF).expect("a complete key")
    }

    /// Reads a key's file. `passphrase` is asked for only if the file needs one.
    pub(super) fn from_openssh<E: From<Unusable>>(
        file: &[u8],
        passphrase: impl FnOnce() -> Result<SecretText, E>,
    ) -> Result<Self, E> {
        let mut private = PrivateKey::from_openssh(file).map_err(|_| Unusable::NotAPrivateKey)?;
        if private.is_encrypted() {
            let opened = private.decrypt(passphrase()?.expose());
            private = opened.map_err(|_| Unusable::WrongPassphrase)?;
        }
        let KeypairData::Ed25519(pair) = private.key_data() else {
            return Err(Unusable::NotAPrivateKey.into());
        };
        let mut seed = SecretKey::new([0; 32]);
        seed.expose_mut().copy_from_slice(pair.private.as_ref());
        let read = Self::from_seed(seed);
        // the file states the public half as well; a signature by a mixed pair would give the key away
        if read.public == pair.public.0 { Ok(read) } else { Err(Unusable::NotAPrivateKey.into()) }
    }

    #[expect(clippy::expect_used, reason = "RFC 8032 §5.1.5: a public key has 32 bytes")]
    fn from_seed(seed: SecretKey<32>) -> Self {
        let public = pair(&seed).public_key().as_ref().try_into().expect("32 bytes");
        Self { seed, public }
    }
}

/// ring's form of the key, made for each use: it does not wipe itself, so it does not stay.
#[expect(clippy::expect_used, reason = "ring takes every 32 bytes as a seed")]
fn pair(seed: &SecretKey<32>) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed.expose()).expect("a seed of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemEntropy;

    fn passphrase(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    fn read(file: &str, typed: &str) -> Result<NewsroomSecret, Unusable> {
        NewsroomSecret::from_openssh(file.as_bytes(), || Ok(passphrase(typed)))
    }

    #[test]
    fn a_key_opens_with_its_passphrase_only() {
        let entropy = SystemEntropy::new();
        let secret = NewsroomSecret::generate(&entropy);
        let file = secret.to_openssh(Some(&passphrase("right words")), &entropy);
        assert_eq!(read(&file, "right words").ok().unwrap().key(), secret.key());
        assert_eq!(read(&file, "wrong words").err(), Some(Unusable::WrongPassphrase));
        assert_eq!(read(&file.replace("AAAA", "AAAB"), "").err(), Some(Unusable::NotAPrivateKey));
        assert_eq!(read("", "").err(), Some(Unusable::NotAPrivateKey));
    }

    #[test]
    fn a_key_without_a_passphrase_asks_for_none() {
        let entropy = SystemEntropy::new();
        let secret = NewsroomSecret::generate(&entropy);
        let file = secret.to_openssh(None, &entropy);
        let read: Result<_, Unusable> =
            NewsroomSecret::from_openssh(file.as_bytes(), || unreachable!("no passphrase"));
        assert_eq!(read.ok().unwrap().key(), secret.key());
    }
}
