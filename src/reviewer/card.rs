//! The card: a reviewer's public keys, made once and handed to the operator.

use super::{
    sealing_key::SealingSecret,
    state::State,
    vault::{Unlocked, VaultError},
};
use crate::{
    clock::{Epoch, Timestamp},
    random::Entropy,
    recipient::Recipient,
    roster::{RosterError, UnsignedBatch, UnsignedCard},
};

/// Epochs in a first batch: the present one and seven more.
pub(super) const EPOCHS_AHEAD: u32 = 8;

/// Why there is no card.
#[derive(Debug, thiserror::Error)]
pub(super) enum CardError {
    /// The private halves cannot be kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The card was not taken.
    #[error("the card cannot be made")]
    Card(#[from] RosterError),
}

/// Makes the first batch of sealing keys, keeps their private halves, and signs the card.
pub(super) fn make(
    vault: &Unlocked,
    state: &State,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, CardError> {
    let identity = vault.identity();
    let first_epoch = state.epoch_length().epoch(now);
    let recipients: Result<Vec<Recipient>, VaultError> =
        (0..EPOCHS_AHEAD).map(|ahead| new_key(vault, first_epoch.plus(ahead), entropy)).collect();
    let batch = UnsignedBatch {
        // the newsroom is not known yet
        newsroom: None,
        reviewer: state.name.clone(),
        first_epoch,
        sequence: 0,
        recipients: recipients?,
    };
    let batch = batch.sign_with(|bytes| identity.sign(bytes));
    let card =
        UnsignedCard::new(state.name.clone(), identity.public(), state.mail.clone(), &batch)?;
    Ok(card.sign_with(|bytes| identity.sign(bytes)))
}

fn new_key(vault: &Unlocked, epoch: Epoch, entropy: &dyn Entropy) -> Result<Recipient, VaultError> {
    let secret = SealingSecret::generate(entropy);
    vault.keep(epoch, &secret, entropy)?;
    Ok(secret.recipient())
}
