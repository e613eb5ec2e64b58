//! A batch of a reviewer's sealing keys: one recipient per epoch, one signature for all.
//!
//! ```text
//! {"batch":{"first_epoch":2967,"format":"sealpost-keys-v1","newsroom":HEX or "",
//!           "recipients":["age1pq1…",…],"reviewer":"mina","sequence":1},
//!  "signature":HEX of 64 bytes by the identity key over "sealpost-keys-v1\n" and the batch}
//! ```
//!
//! The first batch is made for the card, before the reviewer knows the newsroom: it names none and
//! has the sequence 0. Every later one names the newsroom and counts on from 1.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{IdentityKey, NewsroomId, ReviewerName, RosterError, canonical, hex, identity::Tag};
use crate::{clock::Epoch, recipient::Recipient};

/// The most sealing keys in one batch: more than a year of weeks.
pub const MAX_RECIPIENTS: usize = 64;

const WHAT: &str = "the batch of sealing keys";

/// A signed batch as it came in.
pub struct UntrustedBatch<'a>(pub &'a [u8]);

/// A batch whose signature holds and whose keys are checked.
#[derive(Clone)]
pub struct KeyBatch {
    signed: Bytes,
    identity: IdentityKey,
    newsroom: Option<NewsroomId>,
    reviewer: ReviewerName,
    sequence: u32,
    first_epoch: Epoch,
    recipients: Vec<Recipient>,
}

impl UntrustedBatch<'_> {
    /// Checks the batch of `reviewer`, whose identity key is `identity`.
    ///
    /// A batch from a card is for no newsroom and is always let through here: it counts because
    /// the card did. One that names a newsroom must name `newsroom`; none is known (`None`) while
    /// a card is read.
    pub fn verify(
        &self,
        newsroom: Option<NewsroomId>,
        reviewer: &ReviewerName,
        identity: &IdentityKey,
    ) -> Result<KeyBatch, RosterError> {
        KeyBatch::verify(Bytes::copy_from_slice(self.0), newsroom, reviewer, identity)
    }
}

/// The canonical bytes of the member `batch`, in those of a whole document: nothing else of it can
/// be longer or shorter, so they need not be written anew.
fn signed_part(document: &[u8]) -> &[u8] {
    const BEFORE: &str = "{\"batch\":";
    const AFTER: usize = ",\"signature\":\"\"}".len() + 2 * 64;
    let end = document.len().saturating_sub(AFTER);
    document.get(BEFORE.len()..end).unwrap_or_default()
}

impl KeyBatch {
    /// As [`UntrustedBatch::verify`], of bytes that are kept.
    pub(super) fn verify(
        signed: Bytes,
        newsroom: Option<NewsroomId>,
        reviewer: &ReviewerName,
        identity: &IdentityKey,
    ) -> Result<Self, RosterError> {
        let document: SignedBatch = canonical::parse(&signed, WHAT)?;
        let recipients =
            document.verify_signed(signed_part(&signed), newsroom, reviewer, identity)?;
        Ok(Self {
            signed,
            identity: *identity,
            newsroom: document.batch.newsroom.map(NewsroomId),
            reviewer: reviewer.clone(),
            sequence: document.batch.sequence,
            first_epoch: document.batch.first_epoch,
            recipients,
        })
    }

    /// The bytes that were verified: `keys/<reviewer>.json`.
    pub fn signed(&self) -> &Bytes {
        &self.signed
    }

    /// The identity key that signed it.
    pub fn identity(&self) -> IdentityKey {
        self.identity
    }

    /// The newsroom that it names; none on a card.
    pub fn newsroom(&self) -> Option<NewsroomId> {
        self.newsroom
    }

    /// Whose keys these are.
    pub fn reviewer(&self) -> &ReviewerName {
        &self.reviewer
    }

    /// 0 on a card, and one more with each batch after it.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The epochs for which there is a key.
    pub fn epochs(&self) -> Range<Epoch> {
        // at most MAX_RECIPIENTS, which fits
        let count = u32::try_from(self.recipients.len()).unwrap_or(u32::MAX);
        self.first_epoch..self.first_epoch.plus(count)
    }

    /// The key of `epoch`.
    pub fn recipient(&self, epoch: Epoch) -> Option<&Recipient> {
        let place = epoch.0.checked_sub(self.first_epoch.0)?;
        self.recipients.get(usize::try_from(place).ok()?)
    }
}

/// A batch that its reviewer has yet to sign.
pub struct UnsignedBatch {
    /// The newsroom it is for; none on a card.
    pub newsroom: Option<NewsroomId>,
    /// Whose it is.
    pub reviewer: ReviewerName,
    /// The epoch of the first recipient.
    pub first_epoch: Epoch,
    /// 0 on a card, from 1 otherwise.
    pub sequence: u32,
    /// One per epoch, without a gap; at most [`MAX_RECIPIENTS`].
    pub recipients: Vec<Recipient>,
}

impl UnsignedBatch {
    /// What the identity key signs.
    pub fn signing_bytes(&self) -> Vec<u8> {
        Tag::Keys.signing_bytes(&canonical::to_bytes(&self.document()))
    }

    /// The signed batch; `sign` signs with the reviewer's identity key.
    pub fn sign_with(self, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Vec<u8> {
        let signature = sign(&self.signing_bytes());
        canonical::to_bytes(&SignedBatch { batch: self.document(), signature })
    }

    fn document(&self) -> Batch {
        Batch {
            first_epoch: self.first_epoch,
            format: Format::V1,
            newsroom: self.newsroom.map(|id| id.0),
            recipients: self.recipients.iter().map(ToString::to_string).collect(),
            reviewer: self.reviewer.clone(),
            sequence: self.sequence,
        }
    }
}

/// The document: as it lies in `keys/<reviewer>.json`, and as a part of a card.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedBatch {
    batch: Batch,
    #[serde(with = "hex")]
    signature: [u8; 64],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    first_epoch: Epoch,
    format: Format,
    #[serde(with = "hex::or_empty")]
    newsroom: Option<[u8; 32]>,
    recipients: Vec<String>,
    reviewer: ReviewerName,
    sequence: u32,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "sealpost-keys-v1")]
    V1,
}

impl SignedBatch {
    /// As [`UntrustedBatch::verify`], of a batch that came on a card.
    pub(super) fn verify(
        &self,
        reviewer: &ReviewerName,
        identity: &IdentityKey,
    ) -> Result<(), RosterError> {
        let signed = canonical::to_bytes(&self.batch);
        self.verify_signed(&signed, None, reviewer, identity).map(drop)
    }

    /// Checks everything, and last the sealing keys, which are what is left then. `signed` are the
    /// canonical bytes of the member `batch`.
    fn verify_signed(
        &self,
        signed: &[u8],
        newsroom: Option<NewsroomId>,
        reviewer: &ReviewerName,
        identity: &IdentityKey,
    ) -> Result<Vec<Recipient>, RosterError> {
        let batch = &self.batch;
        identity.verify(Tag::Keys, signed, &self.signature)?;
        if batch.reviewer != *reviewer {
            return Err(RosterError::ForeignBatch { found: batch.reviewer.to_string() });
        }
        if batch.newsroom.is_some() && batch.newsroom != newsroom.map(|id| id.0) {
            return Err(RosterError::BatchOfAnotherNewsroom);
        }
        if batch.newsroom.is_some() != (batch.sequence > 0) {
            return Err(RosterError::OutOfSequence { found: batch.sequence });
        }
        batch.recipients()
    }
}

impl Batch {
    fn recipients(&self) -> Result<Vec<Recipient>, RosterError> {
        let malformed = |reason: &str| RosterError::Malformed { what: WHAT, reason: reason.into() };
        if self.recipients.len() > MAX_RECIPIENTS {
            return Err(malformed("it holds more than 64 sealing keys"));
        }
        let epochs = self.first_epoch.0..;
        let keys = epochs.zip(&self.recipients).map(|(epoch, text)| {
            text.parse()
                .map_err(|error| RosterError::BadRecipient { epoch, reason: format!("{error}") })
        });
        keys.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        random::SystemEntropy,
        roster::testing::{Person, newsroom_id},
    };

    fn unsigned(mina: &Person, newsroom: Option<NewsroomId>, sequence: u32) -> UnsignedBatch {
        UnsignedBatch {
            newsroom,
            reviewer: mina.name(),
            first_epoch: Epoch(7),
            sequence,
            recipients: Vec::new(),
        }
    }

    fn check(
        bytes: &[u8],
        newsroom: Option<NewsroomId>,
        of: &Person,
    ) -> Result<KeyBatch, RosterError> {
        UntrustedBatch(bytes).verify(newsroom, &of.name(), &of.identity())
    }

    #[test]
    fn a_batch_is_taken_from_its_reviewer_for_its_newsroom() {
        let mina = Person::new("mina");
        let [here, there] = [newsroom_id(1), newsroom_id(2)];
        let signed = |newsroom, sequence| {
            unsigned(&mina, newsroom, sequence).sign_with(|bytes| mina.sign(bytes))
        };
        let card = signed(None, 0);
        assert!(check(&card, None, &mina).is_ok());
        let later = check(&signed(Some(here), 3), Some(here), &mina).ok().unwrap();
        assert_eq!((later.sequence(), later.epochs()), (3, Epoch(7)..Epoch(7)));
        assert_eq!((later.newsroom(), later.identity()), (Some(here), mina.identity()));
        assert_eq!(later.signed(), &signed(Some(here), 3));

        let refusal = |bytes: &[u8], newsroom, of| check(bytes, newsroom, of).err().unwrap();
        let foreign = refusal(&signed(Some(there), 3), Some(here), &mina);
        assert!(matches!(foreign, RosterError::BatchOfAnotherNewsroom));
        let on_card = refusal(&signed(Some(there), 3), None, &mina);
        assert!(matches!(on_card, RosterError::BatchOfAnotherNewsroom));
        for (newsroom, sequence) in [(None, 1), (Some(here), 0)] {
            let odd = refusal(&signed(newsroom, sequence), Some(here), &mina);
            assert!(matches!(odd, RosterError::OutOfSequence { .. }));
        }
        let other = Person::new("other");
        assert!(matches!(refusal(&card, None, &other), RosterError::BadSignature));
        let renamed = UntrustedBatch(&card).verify(None, &other.name(), &mina.identity());
        assert!(matches!(renamed.err(), Some(RosterError::ForeignBatch { .. })));
    }

    #[test]
    fn each_epoch_has_its_own_key() {
        let mina = Person::new("mina");
        let entropy = SystemEntropy::new();
        let keys: Vec<_> = (0..MAX_RECIPIENTS).map(|_| Recipient::throw_away(&entropy)).collect();
        let batch = UnsignedBatch { recipients: keys.clone(), ..unsigned(&mina, None, 0) };
        let signed = batch.sign_with(|bytes| mina.sign(bytes));
        let taken = check(&signed, None, &mina).ok().unwrap();
        assert_eq!(taken.epochs(), Epoch(7)..Epoch(71));
        for (epoch, key) in (7..).map(Epoch).zip(&keys) {
            assert!(taken.recipient(epoch) == Some(key));
        }
        for none in [0, 6, 71, u32::MAX] {
            assert!(taken.recipient(Epoch(none)).is_none());
        }
    }

    #[test]
    fn too_many_keys_and_keys_that_are_none_are_refused() {
        let mina = Person::new("mina");
        let refusal = |recipients: Vec<String>| {
            let batch = Batch { recipients, ..unsigned(&mina, None, 0).document() };
            let signature = mina.sign(&Tag::Keys.signing_bytes(&canonical::to_bytes(&batch)));
            let signed = canonical::to_bytes(&SignedBatch { batch, signature });
            check(&signed, None, &mina).err().unwrap()
        };
        let good = Recipient::throw_away(&SystemEntropy::new()).to_string();
        let many = refusal(vec![good.clone(); MAX_RECIPIENTS + 1]);
        assert!(matches!(many, RosterError::Malformed { .. }));
        let bad = refusal(vec![good.clone(), good.to_uppercase()]);
        assert!(matches!(bad, RosterError::BadRecipient { epoch: 8, .. }));
    }

    #[test]
    fn what_is_signed_is_the_member_batch() {
        let mina = Person::new("mina");
        let recipients = vec![Recipient::throw_away(&SystemEntropy::new()); 2];
        for recipients in [Vec::new(), recipients] {
            let batch = UnsignedBatch { recipients, ..unsigned(&mina, Some(newsroom_id(1)), 3) };
            let member = canonical::to_bytes(&batch.document());
            let document = batch.sign_with(|bytes| mina.sign(bytes));
            assert_eq!(signed_part(&document), member);
        }
        assert_eq!(signed_part(b"{}"), b"");
    }

    #[test]
    fn a_batch_altered_after_signing_is_refused() {
        let mina = Person::new("mina");
        let signed = unsigned(&mina, None, 0).sign_with(|bytes| mina.sign(bytes));
        let text = String::from_utf8(signed).unwrap();
        for (from, to) in [("_epoch\":7", "_epoch\":8"), ("mina", "minb"), ("[]", "[\"age\"]")] {
            assert!(text.contains(from));
            assert!(check(text.replace(from, to).as_bytes(), None, &mina).is_err(), "{from}");
        }
        assert!(check(format!("{text}\n").as_bytes(), None, &mina).is_err());
    }
}
