//! A reviewer's batch of sealing keys on its way in: checked, stored, in force.

use std::sync::Arc;

use super::{
    CurrentRoster,
    batches::{self, Moment},
};
use crate::{
    clock::{Epoch, Timestamp},
    gateway::store::{ItemKind, Store, StoreError},
    roster::{IdentityKey, KeyBatch, RosterError},
};

/// How far a sequence may be above the one in force. Numbers end at `u32::MAX`: with one step to
/// there, whoever copied an identity key could keep its owner from ever sending a batch again.
const LONGEST_STEP: u32 = 1_000;

/// Why a batch was not taken. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum BatchRefusal {
    /// It is no batch of this reviewer's, or a key in it is none.
    #[error("{0}")]
    Bad(RosterError),
    /// There is not a single key in it.
    #[error("the batch holds no sealing key")]
    Empty,
    /// It was signed for another newsroom.
    #[error("the batch was signed for another newsroom: look at the publication you joined")]
    OtherNewsroom,
    /// Its first key is for an epoch that is over.
    #[error(
        "the batch begins with epoch {}, which is over; make one that begins with epoch {}", .first.0,
        .current.0
    )]
    PastEpoch {
        /// Of its first key.
        first: Epoch,
        /// The gateway's.
        current: Epoch,
    },
    /// It has no key for the present epoch: until its first, nothing could be sealed to the
    /// reviewer.
    #[error(
        "the batch begins with epoch {}, which has not begun; make one that begins with epoch {}, \
         or send it again then", .first.0, .current.0
    )]
    FutureEpoch {
        /// Of its first key.
        first: Epoch,
        /// The gateway's.
        current: Epoch,
    },
    /// One of the same sequence, or a higher one, is in force.
    #[error(
        "a batch of sequence {in_force} is in force, so {found} cannot replace it; make a later one"
    )]
    OutOfSequence {
        /// The batch's own.
        found: u32,
        /// Of the one that stays.
        in_force: u32,
    },
    /// Its sequence is far above that of the one in force.
    #[error(
        "the batch's sequence, {found}, is more than {LONGEST_STEP} above {in_force}, the last one \
         here; ask the operator before you make another"
    )]
    SequenceTooFar {
        /// The batch's own.
        found: u32,
        /// Of the one that stays; 0 if there is none.
        in_force: u32,
    },
    /// It could not be stored.
    #[error("the batch could not be stored")]
    Store(#[from] StoreError),
}

impl CurrentRoster {
    /// Takes the batch `signed` of the reviewer whose identity key is `signer`: durable, and in
    /// force for the next tip, when it returns. The one that is in force already is taken once more
    /// without changing anything. One batch is taken at a time, so of two the higher sequence wins
    /// and the other is refused, whichever came first.
    ///
    /// To be spawned, so that a connection that breaks cannot leave it half done.
    ///
    /// # Errors
    /// [`BatchRefusal`].
    pub async fn take_batch(
        &self,
        store: &impl Store,
        signer: &IdentityKey,
        signed: &[u8],
        now: Timestamp,
    ) -> Result<(), BatchRefusal> {
        let _alone = self.taking.lock().await;
        let Some((batch, taken)) = self.examine(signer, signed, now)? else {
            return Ok(());
        };
        let key = batches::key(signer, batch.sequence(), taken);
        store.put_item(ItemKind::KeyBatch, &key, signed).await?;
        for key in self.put_in_force(batch, taken) {
            // one that stays is in nobody's way: a higher sequence is there
            let _ = store.remove_item(ItemKind::KeyBatch, &key).await;
        }
        Ok(())
    }

    /// The batch, verified, and when that was; nothing if it is in force already.
    fn examine(
        &self,
        signer: &IdentityKey,
        signed: &[u8],
        now: Timestamp,
    ) -> Result<Option<(Arc<KeyBatch>, Moment)>, BatchRefusal> {
        let (publication, moment) = {
            let mut state = self.state();
            self.look_at_clock(&mut state, now);
            (state.publication.clone(), state.moment)
        };
        let there = publication.reviewer(signer).and_then(|name| publication.batch(name));
        if there.is_some_and(|there| there.signed() == signed) {
            return Ok(None);
        }
        let batch = publication.verify_batch(signer, signed).map_err(|error| match error {
            RosterError::BatchOfAnotherNewsroom => BatchRefusal::OtherNewsroom,
            error => BatchRefusal::Bad(error),
        })?;
        let (found, first) = (batch.sequence(), batch.epochs().start);
        let current = self.epoch.epoch(now);
        let last = there.map(KeyBatch::sequence);
        let in_force = last.unwrap_or(0);
        match last {
            Some(in_force) if found <= in_force => {
                Err(BatchRefusal::OutOfSequence { found, in_force })
            }
            _ if found - in_force > LONGEST_STEP => {
                Err(BatchRefusal::SequenceTooFar { found, in_force })
            }
            _ if batch.epochs().is_empty() => Err(BatchRefusal::Empty),
            _ if first < current => Err(BatchRefusal::PastEpoch { first, current }),
            _ if first > current => Err(BatchRefusal::FutureEpoch { first, current }),
            _ => Ok(Some((Arc::new(batch), moment))),
        }
    }

    /// Gives the keys of items that are of no use any more.
    fn put_in_force(&self, batch: Arc<KeyBatch>, taken: Moment) -> Vec<String> {
        let state = &mut *self.state();
        let replaced = state.kept.keep(batch, taken);
        state.publication = Arc::new(state.kept.in_force(&state.folder));
        replaced
    }
}
