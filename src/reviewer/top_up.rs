//! The sealing keys that the gateway is to have: one for this epoch and one for each of the seven
//! that follow. Private halves are on the disk before a public half leaves it.

use super::{
    identity::IdentitySecret,
    sealing_key::SealingSecret,
    state::State,
    vault::{KeyName, Unlocked, VaultError},
};
use crate::{
    clock::Epoch,
    random::Entropy,
    recipient::Recipient,
    roster::{KeyBatch, NewsroomId, UnsignedBatch},
};

/// Epochs in a batch: the present one and seven more.
pub const EPOCHS_AHEAD: u32 = 8;

/// What is to be sent to the gateway, if anything is.
pub struct TopUp {
    /// The signed batch; nothing, if the gateway has all that it should.
    pub batch: Option<Vec<u8>>,
    /// The gateway seals to keys whose private halves are not here: the folder came from an older
    /// copy, or somebody else holds the identity key.
    pub strangers: bool,
}

/// Compares what the gateway has with what it should have, and makes what is missing. `state`
/// counts the batch and is to be written before the batch is sent.
///
/// # Errors
/// If keys cannot be read or kept.
pub fn top_up(
    unlocked: &Unlocked,
    state: &mut State,
    newsroom: NewsroomId,
    at_gateway: Option<&KeyBatch>,
    now: Epoch,
    entropy: &dyn Entropy,
) -> Result<TopUp, VaultError> {
    let sequence = next_sequence(unlocked, state, at_gateway)?;
    let strangers = has_strangers(unlocked, at_gateway, now)?;
    let recipients = recipients(unlocked, now, sequence, entropy)?;
    let is_there = |(epoch, key): (u32, &Recipient)| {
        at_gateway.and_then(|batch| batch.recipient(Epoch(epoch))) == Some(key)
    };
    if (now.0..).zip(&recipients).all(is_there) {
        return Ok(TopUp { batch: None, strangers });
    }
    state.sequence = sequence;
    let batch = UnsignedBatch {
        newsroom: Some(newsroom),
        reviewer: state.name.clone(),
        first_epoch: now,
        sequence,
        recipients,
    };
    let identity: &IdentitySecret = unlocked.identity();
    Ok(TopUp { batch: Some(batch.sign_with(|bytes| identity.sign(bytes))), strangers })
}

/// Makes a new sealing key for this epoch and each that follows, whatever is there. The gateway
/// seals to them once it has them; older ones are destroyed with their epochs.
///
/// # Errors
/// If keys cannot be kept.
pub fn rotate(
    unlocked: &Unlocked,
    state: &mut State,
    now: Epoch,
    entropy: &dyn Entropy,
) -> Result<(), VaultError> {
    let sequence = next_sequence(unlocked, state, None)?;
    for epoch in ahead_of(now) {
        new_key(unlocked, KeyName { epoch, sequence }, entropy)?;
    }
    state.sequence = sequence;
    Ok(())
}

/// One more than all that is known of: a state that was brought back from a copy may have forgotten
/// some.
fn next_sequence(
    unlocked: &Unlocked,
    state: &State,
    at_gateway: Option<&KeyBatch>,
) -> Result<u32, VaultError> {
    let of_keys = unlocked.vault().keys()?.iter().map(|key| key.sequence).max().unwrap_or(0);
    let of_batch = at_gateway.map_or(0, KeyBatch::sequence);
    Ok(of_keys.max(of_batch).max(state.sequence).saturating_add(1))
}

/// The public halves of this epoch and the seven after it; what is missing is made and named after
/// the batch `sequence`.
pub(super) fn recipients(
    unlocked: &Unlocked,
    now: Epoch,
    sequence: u32,
    entropy: &dyn Entropy,
) -> Result<Vec<Recipient>, VaultError> {
    let key_of = |epoch| match unlocked.secrets_of(epoch)?.secrets.first() {
        Some(secret) => Ok(secret.recipient()),
        None => new_key(unlocked, KeyName { epoch, sequence }, entropy),
    };
    ahead_of(now).map(key_of).collect()
}

fn ahead_of(now: Epoch) -> impl Iterator<Item = Epoch> {
    (0..EPOCHS_AHEAD).map(move |ahead| now.plus(ahead))
}

fn new_key(
    unlocked: &Unlocked,
    name: KeyName,
    entropy: &dyn Entropy,
) -> Result<Recipient, VaultError> {
    let secret = SealingSecret::generate(entropy);
    unlocked.keep(name, &secret, entropy)?;
    Ok(secret.recipient())
}

/// True if the gateway has a key for this epoch or a later one that does not fit any secret here.
fn has_strangers(
    unlocked: &Unlocked,
    at_gateway: Option<&KeyBatch>,
    now: Epoch,
) -> Result<bool, VaultError> {
    let Some(batch) = at_gateway else { return Ok(false) };
    let epochs = batch.epochs();
    for epoch in (now.max(epochs.start).0..epochs.end.0).map(Epoch) {
        let held = unlocked.secrets_of(epoch)?.secrets;
        let there = batch.recipient(epoch);
        if !held.iter().any(|secret| there == Some(&secret.recipient())) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        random::SystemEntropy,
        reviewer::vault::Vault,
        roster::{UntrustedBatch, testing::newsroom_id},
    };

    struct Setting {
        _folder: tempfile::TempDir,
        unlocked: Unlocked,
        state: State,
        at_gateway: Option<KeyBatch>,
    }

    fn setting() -> Setting {
        let folder = tempfile::tempdir().unwrap();
        let unlocked =
            Vault::at(&folder.path().join("mina")).create(None, &SystemEntropy::new()).unwrap();
        let state = State {
            name: "mina".parse().ok().unwrap(),
            identity: unlocked.identity().public(),
            mail: "mina@example.org".parse().ok().unwrap(),
            epoch_seconds: None,
            sequence: 0,
            archive_days: None,
            newsroom: None,
        };
        Setting { _folder: folder, unlocked, state, at_gateway: None }
    }

    impl Setting {
        /// What a visit in this epoch does; true if a batch was sent.
        fn visit(&mut self, now: u32) -> bool {
            let done = self.top_up(now);
            let Some(bytes) = done.batch else { return false };
            let batch = self.verified(&bytes);
            assert!(self.at_gateway.as_ref().is_none_or(|b| b.sequence() < batch.sequence()));
            assert_eq!(batch.epochs(), Epoch(now)..Epoch(now + 8));
            self.at_gateway = Some(batch);
            true
        }

        fn top_up(&mut self, now: u32) -> TopUp {
            let at_gateway = self.at_gateway.as_ref();
            let entropy = SystemEntropy::new();
            let (newsroom, now) = (newsroom_id(1), Epoch(now));
            top_up(&self.unlocked, &mut self.state, newsroom, at_gateway, now, &entropy).unwrap()
        }

        fn verified(&self, bytes: &[u8]) -> KeyBatch {
            UntrustedBatch(bytes)
                .verify(Some(newsroom_id(1)), &self.state.name, &self.state.identity)
                .unwrap()
        }

        fn key(&self, epoch: u32) -> Recipient {
            self.at_gateway.as_ref().unwrap().recipient(Epoch(epoch)).unwrap().clone()
        }
    }

    #[test]
    fn a_batch_is_sent_once_an_epoch_and_keeps_the_keys_that_are_known() {
        let mut here = setting();
        assert!(here.visit(10));
        assert!(!here.visit(10), "nothing new");
        let kept = here.key(12);
        assert!(here.visit(11));
        assert!(here.key(12) == kept);
        assert!(!here.visit(11));
        assert!(here.visit(40), "after a long time");
        assert_eq!(here.unlocked.vault().keys().unwrap().len(), 9 + 8);
    }

    #[test]
    fn a_batch_that_did_not_arrive_is_sent_again() {
        let mut here = setting();
        assert!(here.top_up(10).batch.is_some());
        let sequence = here.state.sequence;
        assert!(here.visit(10));
        assert!(here.state.sequence > sequence);
        assert_eq!(here.unlocked.vault().keys().unwrap().len(), 8, "with the same keys");
    }

    #[test]
    fn rotation_changes_every_key_and_keeps_the_old_ones_for_their_time() {
        let mut here = setting();
        here.visit(10);
        let old: Vec<Recipient> = (10..18).map(|epoch| here.key(epoch)).collect();
        rotate(&here.unlocked, &mut here.state, Epoch(10), &SystemEntropy::new()).unwrap();
        assert!(here.visit(10));
        for (epoch, old) in (10..18).zip(&old) {
            assert!(here.key(epoch) != *old);
            let held = here.unlocked.secrets_of(Epoch(epoch)).unwrap().secrets;
            assert!(held[0].recipient() == here.key(epoch) && held[1].recipient() == *old);
        }
        assert!(!here.visit(10));
    }

    #[test]
    fn a_state_from_an_older_copy_loses_no_key() {
        let mut here = setting();
        here.visit(10);
        let entropy = SystemEntropy::new();
        rotate(&here.unlocked, &mut here.state, Epoch(10), &entropy).unwrap();
        here.visit(10);
        here.state.sequence = 0;
        let before = here.unlocked.vault().keys().unwrap();
        rotate(&here.unlocked, &mut here.state, Epoch(10), &entropy).unwrap();
        let after = here.unlocked.vault().keys().unwrap();
        assert_eq!(after.len(), before.len() + 8);
        assert!(here.visit(10));
    }

    #[test]
    fn keys_that_are_not_here_are_told_and_replaced() {
        let mut here = setting();
        here.visit(10);
        let mut other = setting();
        std::mem::swap(&mut here.unlocked, &mut other.unlocked);
        here.state.identity = here.unlocked.identity().public();
        let told = here.top_up(10);
        assert!(told.strangers);
        let batch = here.verified(&told.batch.unwrap());
        assert!(batch.sequence() > 1);
        here.at_gateway = Some(batch);
        let told = here.top_up(11);
        assert!(!told.strangers && told.batch.is_some());
    }
}
