//! A reviewer's card: the public keys that a reviewer hands to the operator.
//!
//! ```text
//! {"card":{"format":"sealpost-card-v1","identity":HEX,"keys":{"batch":…,"signature":…},
//!          "mail":"mina@example.org","name":"mina"},
//!  "signature":HEX of 64 bytes by the identity key over "sealpost-card-v1\n" and the card}
//! ```

use std::{fmt, str::FromStr};

use ring::digest;
use serde::{Deserialize, Serialize};

use super::{
    IdentityKey, MailAddress, ReviewerName, RosterError, batch::SignedBatch, canonical, hex,
    identity::Tag,
};

const WHAT: &str = "the card";

/// A card as it came in.
pub struct UntrustedCard(pub Vec<u8>);

/// A card that is whole and signed by the key it carries. That key may still be anyone's: it is the
/// reviewer's once the two have compared the [`fingerprint`](Self::fingerprint) over another
/// channel than the card came by.
pub struct Card {
    name: ReviewerName,
    identity: IdentityKey,
    mail: MailAddress,
    batch: Vec<u8>,
    fingerprint: CardFingerprint,
}

impl UntrustedCard {
    /// Checks the card's form, its signature, and its batch of sealing keys.
    pub fn verify(&self) -> Result<Card, RosterError> {
        let signed: SignedCard = canonical::parse(&self.0, WHAT)?;
        let card = &signed.card;
        card.identity.verify(Tag::Card, &canonical::to_bytes(card), &signed.signature)?;
        card.keys.verify(&card.name, &card.identity)?;
        Ok(Card {
            batch: canonical::to_bytes(&card.keys),
            fingerprint: CardFingerprint::of(&self.0),
            name: signed.card.name,
            identity: signed.card.identity,
            mail: signed.card.mail,
        })
    }
}

impl Card {
    /// The name the reviewer chose for the roster.
    pub fn name(&self) -> &ReviewerName {
        &self.name
    }

    /// The reviewer's identity key.
    pub fn identity(&self) -> IdentityKey {
        self.identity
    }

    /// Where notices go. Never published.
    pub fn mail(&self) -> &MailAddress {
        &self.mail
    }

    /// The first batch of sealing keys, signed: the bytes of `keys/<reviewer>.json`.
    pub fn batch(&self) -> &[u8] {
        &self.batch
    }

    /// What the reviewer reads out and the operator compares.
    pub fn fingerprint(&self) -> CardFingerprint {
        self.fingerprint
    }
}

/// SHA-256 of a card's file, as `sha256sum` prints it; shown in groups of four digits. Any change
/// of the card changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardFingerprint([u8; 32]);

impl CardFingerprint {
    fn of(card: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, card).as_ref());
        Self(hash)
    }
}

impl fmt::Display for CardFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, pair) in self.0.chunks(2).enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{}", hex::encode(pair))?;
        }
        Ok(())
    }
}

impl FromStr for CardFingerprint {
    type Err = RosterError;

    fn from_str(text: &str) -> Result<Self, RosterError> {
        let digits: String = text.split_whitespace().collect();
        let digits = digits.to_ascii_lowercase();
        hex::decode(&digits).map(Self).ok_or(RosterError::NotAFingerprint)
    }
}

/// A card that its reviewer has yet to sign.
pub struct UnsignedCard(CardDocument);

impl UnsignedCard {
    /// A card with its first batch of sealing keys, as [`UnsignedBatch::sign_with`] gave it.
    ///
    /// # Errors
    /// If `batch` is no signed batch.
    ///
    /// [`UnsignedBatch::sign_with`]: super::UnsignedBatch::sign_with
    pub fn new(
        name: ReviewerName,
        identity: IdentityKey,
        mail: MailAddress,
        batch: &[u8],
    ) -> Result<Self, RosterError> {
        let keys = canonical::parse(batch, "the batch of sealing keys")?;
        Ok(Self(CardDocument { format: Format::V1, identity, keys, mail, name }))
    }

    /// What the identity key signs.
    pub fn signing_bytes(&self) -> Vec<u8> {
        Tag::Card.signing_bytes(&canonical::to_bytes(&self.0))
    }

    /// The card's file; `sign` signs with the reviewer's identity key.
    pub fn sign_with(self, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Vec<u8> {
        let signature = sign(&self.signing_bytes());
        canonical::to_bytes(&SignedCard { card: self.0, signature })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedCard {
    card: CardDocument,
    #[serde(with = "hex")]
    signature: [u8; 64],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CardDocument {
    format: Format,
    identity: IdentityKey,
    keys: SignedBatch,
    mail: MailAddress,
    name: ReviewerName,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "sealpost-card-v1")]
    V1,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::roster::testing::Person;

    #[test]
    fn a_card_reads_as_it_was_made() {
        let mina = Person::new("mina");
        let card = UntrustedCard(mina.card()).verify().ok().unwrap();
        assert_eq!(card.name(), &mina.name());
        assert_eq!(card.identity(), mina.identity());
        assert_eq!(card.mail().as_str(), "mina@example.org");
        let batch = super::super::UntrustedBatch(card.batch());
        assert!(batch.verify(None, card.name(), &card.identity()).is_ok());
    }

    #[test]
    fn the_fingerprint_is_the_files_sha256_however_it_is_typed() {
        let bytes = Person::new("mina").card();
        let shown = UntrustedCard(bytes.clone()).verify().ok().unwrap().fingerprint();
        let sum = hex::encode(digest::digest(&digest::SHA256, &bytes).as_ref());
        assert_eq!(shown.to_string().replace(' ', ""), sum);
        assert_eq!(shown.to_string().split(' ').count(), 16);
        for typed in [shown.to_string(), sum.clone(), sum.to_uppercase(), format!(" {sum}\n")] {
            assert_eq!(typed.parse::<CardFingerprint>().unwrap(), shown);
        }
        assert!(sum[1..].parse::<CardFingerprint>().is_err());
    }

    #[test]
    fn a_batch_that_is_not_the_cards_own_is_refused() {
        let [mina, eve] = [Person::new("mina"), Person::new("eve")];
        let mail: MailAddress = "mina@example.org".parse().unwrap();
        let mixed = UnsignedCard::new(mina.name(), mina.identity(), mail, &eve.batch()).unwrap();
        let mixed = UntrustedCard(mixed.sign_with(|bytes| mina.sign(bytes)));
        assert!(matches!(mixed.verify().err(), Some(RosterError::BadSignature)));
    }

    proptest! {
        #[test]
        fn no_flipped_bit_survives(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut card = Person::new("mina").card();
            let place = place.index(card.len());
            card[place] ^= 1_u8 << bit;
            prop_assert!(UntrustedCard(card).verify().is_err());
        }
    }
}
