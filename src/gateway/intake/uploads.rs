//! How many uploads there may be at once, and how many of them from one circuit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::gateway::listener::proxy_line::Circuit;

/// How long an upload waits for a place before it is told to come back later.
const PATIENCE: Duration = Duration::from_secs(10);

/// One circuit may hold this part of all places: one visitor cannot keep the others out.
const PART_OF_ONE_CIRCUIT: usize = 4;

/// The places for uploads. Knows circuits only while an upload of theirs waits or lasts.
pub(super) struct Uploads {
    places: Arc<Semaphore>,
    per_circuit: usize,
    circuits: Arc<Mutex<HashMap<Circuit, usize>>>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

/// An upload counted against its circuit, until it is dropped.
struct Share {
    circuit: Circuit,
    circuits: Arc<Mutex<HashMap<Circuit, usize>>>,
}

impl Uploads {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once)),
            per_circuit: (at_once / PART_OF_ONE_CIRCUIT).max(1),
            circuits: Arc::default(),
        }
    }

    /// A place, after a little waiting if need be; None if there is none.
    pub(super) async fn enter(&self, circuit: Circuit) -> Option<Place> {
        let share = self.share(circuit)?;
        let place = timeout(PATIENCE, self.places.clone().acquire_owned()).await.ok()?.ok()?;
        Some(Place { _place: place, _share: share })
    }

    fn share(&self, circuit: Circuit) -> Option<Share> {
        let mut circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        let count = circuits.entry(circuit).or_default();
        // those who cannot be told apart are not one visitor: they share all places there are
        if *count >= self.per_circuit && !circuit.is_shared() {
            return None;
        }
        *count += 1;
        Some(Share { circuit, circuits: self.circuits.clone() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut circuits = self.circuits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = circuits.get_mut(&self.circuit) {
            *count -= 1;
            if *count == 0 {
                circuits.remove(&self.circuit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_circuit_cannot_take_every_place() {
        let uploads = Uploads::new(8);
        let (greedy, other) = (Circuit::numbered(1), Circuit::numbered(2));
        let first = uploads.enter(greedy).await.unwrap();
        let _second = uploads.enter(greedy).await.unwrap();
        assert!(uploads.enter(greedy).await.is_none());
        let _third = uploads.enter(other).await.unwrap();
        drop(first);
        assert!(uploads.enter(greedy).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn those_without_a_number_share_all_places_and_no_more() {
        let uploads = Uploads::new(4);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(uploads.enter(Circuit::SHARED).await.unwrap());
        }
        assert!(uploads.enter(Circuit::SHARED).await.is_none());
        assert!(uploads.enter(Circuit::numbered(1)).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_a_little_gets_the_place_that_becomes_free() {
        let uploads = Uploads::new(1);
        let held = uploads.enter(Circuit::numbered(1)).await.unwrap();
        let (entered, ()) = tokio::join!(uploads.enter(Circuit::numbered(2)), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(held);
        });
        assert!(entered.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn circuits_are_forgotten() {
        let uploads = Uploads::new(4);
        drop(uploads.enter(Circuit::numbered(7)).await);
        assert!(uploads.circuits.lock().unwrap().is_empty());
    }
}
