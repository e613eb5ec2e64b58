//! What a running gateway does by itself, without anybody asking: unlinking what is due, the day's
//! turn of the store, and mending what has failed.

use std::{sync::Arc, time::Duration};

use super::{
    Gateway,
    log::Event,
    retention,
    store::{Store, StoreError, Turned},
};
use crate::clock::Day;

/// Between two looks. A clock that is set meanwhile is noticed after it.
const NAP: Duration = Duration::from_secs(30);
/// The store is mended every second look: once a minute.
const LOOKS_BETWEEN_MENDING: u32 = 2;
/// What is daily is tried again after an hour: an upload over midnight, a disk without room.
const LOOKS_BETWEEN_TRIES: u32 = 120;

/// Looks after the store for as long as it is polled.
pub async fn run<S: Store>(gateway: Arc<Gateway<S>>) {
    let mut upkeep = Upkeep::default();
    loop {
        upkeep.look(&gateway).await;
        tokio::time::sleep(NAP).await;
    }
}

/// What has been done when.
#[derive(Default)]
pub struct Upkeep {
    looks: u32,
    /// the day of the last try, and which look it was
    tried: Option<(Day, u32)>,
    /// the last day on which all that was due was unlinked
    swept: Option<Day>,
    /// the last day on which a turn's failure was told
    told: Option<Day>,
    /// and that of a sweep
    sweep_told: Option<Day>,
}

impl Upkeep {
    /// Does what is due: at the first call, and whenever the UTC day is another than at the last,
    /// all that is daily; some things again after so many calls.
    pub async fn look<S: Store>(&mut self, gateway: &Gateway<S>) {
        let today = gateway.clock.now().day();
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(LOOKS_BETWEEN_MENDING) {
            // what could not be mended now is tried again; the store's findings tell of it
            let _ = gateway.store.mend().await;
        }
        let is_due = self.tried.is_none_or(|(day, look)| {
            day != today || self.looks.wrapping_sub(look) >= LOOKS_BETWEEN_TRIES
        });
        if self.tried.is_some_and(|(day, _)| day != today) {
            // not when it happens: who downloads what, and when, is nobody's business
            for what in gateway.store.findings().await {
                gateway.log.write(Event::StoreFound(what));
            }
        }
        if is_due {
            self.daily(gateway, today).await;
            self.tried = Some((today, self.looks));
        }
    }

    /// Everything that is done once a day, each safe to do twice. What removes envelopes comes
    /// before the turn, which writes the others anew.
    async fn daily<S: Store>(&mut self, gateway: &Gateway<S>, today: Day) {
        self.sweep(gateway, today).await;
        let event = match gateway.store.turn(today).await {
            Ok(Turned { postponed: 0, .. }) => return,
            Ok(_) | Err(StoreError::Full) => Event::TurnPostponed,
            Err(_) => Event::TurnFailed,
        };
        if self.told != Some(today) {
            self.told = Some(today);
            gateway.log.write(event);
        }
    }
    async fn sweep<S: Store>(&mut self, gateway: &Gateway<S>, today: Day) {
        if self.swept == Some(today) {
            return;
        }
        if retention::sweep(gateway).await.is_ok() {
            self.swept = Some(today);
        } else if self.sweep_told != Some(today) {
            self.sweep_told = Some(today);
            gateway.log.write(Event::SweepFailed);
        }
    }
}
