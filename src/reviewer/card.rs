//! The card: a reviewer's public keys, made once and handed to the operator.

use super::{
    state::State,
    top_up,
    vault::{Unlocked, VaultError},
};
use crate::{
    clock::Timestamp,
    random::Entropy,
    roster::{RosterError, UnsignedBatch, UnsignedCard},
};

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
    let batch = UnsignedBatch {
        // the newsroom is not known yet
        newsroom: None,
        reviewer: state.name.clone(),
        first_epoch,
        sequence: 0,
        recipients: top_up::recipients(vault, first_epoch, 0, entropy)?,
    };
    let batch = batch.sign_with(|bytes| identity.sign(bytes));
    let card =
        UnsignedCard::new(state.name.clone(), identity.public(), state.mail.clone(), &batch)?;
    Ok(card.sign_with(|bytes| identity.sign(bytes)))
}
