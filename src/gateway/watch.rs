//! Looks at the store every thirty seconds, whether or not anything came, and tells the operator
//! when something has changed: nobody else would notice before a source does.
//!
//! What a tip or a request could have brought about (how full the store is, what is damaged) is
//! told at the first look after the start and at the first look of each UTC day, so that a line's
//! time, which the journal keeps, tells no more than the day. What only the disk can have brought
//! about is told at once.

use std::{io, sync::Arc, time::Duration};

use super::{
    Gateway,
    intake::{Offer, offer},
    log::{Event, StoreFault, StoreLevel},
    space::Room,
    store::{Health, Store, StoreError},
};
use crate::clock::Day;

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(30);

/// Watches for as long as it is polled.
pub async fn run<S: Store>(gateway: Arc<Gateway<S>>) {
    let mut watch = Watch::default();
    loop {
        let look = look(&gateway).await;
        for event in watch.changes(gateway.clock.now().day(), &look) {
            gateway.log.write(event);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What was seen at one look.
struct Look {
    fault: Option<StoreFault>,
    /// None if it could not be asked.
    state: Option<State>,
}

/// What tips and requests can change.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    level: StoreLevel,
    files_refused: bool,
    missing: u64,
}

async fn look<S: Store>(gateway: &Gateway<S>) -> Look {
    let fault = gateway.store.probe().await.err().map(|error| fault(&error));
    let (health, room) = (gateway.store.health().await, gateway.room().await);
    let state = health.ok().zip(room.ok()).map(|(health, room)| State::of(&health, room));
    Look { fault, state }
}

fn fault(error: &StoreError) -> StoreFault {
    let StoreError::Io(error) = error else {
        // a probe is small: this is a disk without a single byte left
        return if matches!(error, StoreError::Full) {
            StoreFault::NoByte
        } else {
            StoreFault::Disk
        };
    };
    match error.kind() {
        io::ErrorKind::NotFound => StoreFault::Gone,
        io::ErrorKind::ReadOnlyFilesystem => StoreFault::ReadOnly,
        io::ErrorKind::PermissionDenied => StoreFault::NotAllowed,
        _ => StoreFault::Disk,
    }
}

impl State {
    fn of(health: &Health, room: Room) -> Self {
        let level = room.level(health.bytes);
        // where nothing is taken, that need not be said of files
        let files_refused = matches!(offer(room), Offer::Words(_));
        Self { level, files_refused, missing: health.missing }
    }
}

/// What has been told.
struct Watch {
    fault: Option<StoreFault>,
    state: State,
    /// The day on which `state` was told.
    day: Option<Day>,
}

impl Default for Watch {
    fn default() -> Self {
        let state = State { level: StoreLevel::Below80, files_refused: false, missing: 0 };
        Self { fault: None, state, day: None }
    }
}

impl Watch {
    /// What to tell of a look on `today`.
    fn changes(&mut self, today: Day, look: &Look) -> Vec<Event> {
        let mut events = Vec::new();
        if look.fault != self.fault {
            self.fault = look.fault;
            events.push(look.fault.map_or(Event::StoreWorks, Event::StoreFault));
        }
        if let Some(now) = look.state.filter(|_| self.day != Some(today)) {
            let before = std::mem::replace(&mut self.state, now);
            self.day = Some(today);
            if now.level != before.level {
                events.push(Event::StoreLevel(now.level));
            }
            if now.files_refused != before.files_refused {
                events.push(Event::StoreTakesFiles(!now.files_refused));
            }
            if now.missing != before.missing {
                events.push(Event::EnvelopesMissing { count: now.missing });
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Day = Day(20_779);
    const GIB: u64 = 1 << 30;

    fn health(bytes: u64, room: u64, missing: u64) -> Health {
        let room_for_files = room.saturating_sub((bytes + room) / 10);
        Health { envelopes: 0, bytes, room, room_for_files, missing, highest_epoch: None }
    }

    fn look(health: &Health) -> Look {
        let (words, files) = (health.room, health.room_for_files);
        let room = Room { words, files, spool: u64::MAX, one_disk: false };
        Look { fault: None, state: Some(State::of(health, room)) }
    }

    #[test]
    fn what_tips_bring_about_is_told_once_a_day() {
        let mut watch = Watch::default();
        let looks = [
            (DAY, health(0, 10 * GIB, 0), vec![]),
            (DAY, health(9 * GIB, GIB, 0), vec![]),
            (DAY.plus(1), health(8 * GIB, 2 * GIB, 0), vec![Event::StoreLevel(StoreLevel::Over80)]),
            (DAY.plus(1), health(10 * GIB, 0, 2), vec![]),
            (
                DAY.plus(2),
                health(10 * GIB, 0, 2),
                vec![Event::StoreLevel(StoreLevel::Full), Event::EnvelopesMissing { count: 2 }],
            ),
            (
                DAY.plus(3),
                health(19 * GIB, GIB, 2),
                vec![Event::StoreLevel(StoreLevel::Over90), Event::StoreTakesFiles(false)],
            ),
            (
                DAY.plus(4),
                health(GIB, 9 * GIB, 0),
                vec![
                    Event::StoreLevel(StoreLevel::Below80),
                    Event::StoreTakesFiles(true),
                    Event::EnvelopesMissing { count: 0 },
                ],
            ),
        ];
        for (day, health, told) in looks {
            assert_eq!(watch.changes(day, &look(&health)), told);
        }
    }

    #[test]
    fn what_is_so_at_the_start_is_told_at_the_start() {
        let told = Watch::default().changes(DAY, &look(&health(19 * GIB, GIB, 1)));
        let level = Event::StoreLevel(StoreLevel::Over90);
        let files = Event::StoreTakesFiles(false);
        assert_eq!(told, [level, files, Event::EnvelopesMissing { count: 1 }]);
    }

    #[test]
    fn a_disk_that_fails_is_told_at_once_and_once() {
        let mut watch = Watch::default();
        let failing = |fault| Look { fault: Some(fault), state: None };
        let well = || look(&health(0, GIB, 0));
        assert_eq!(watch.changes(DAY, &well()), []);
        let gone = Event::StoreFault(StoreFault::Gone);
        assert_eq!(watch.changes(DAY, &failing(StoreFault::Gone)), [gone]);
        assert_eq!(watch.changes(DAY, &failing(StoreFault::Gone)), []);
        let disk = Event::StoreFault(StoreFault::Disk);
        assert_eq!(watch.changes(DAY, &failing(StoreFault::Disk)), [disk]);
        assert_eq!(watch.changes(DAY.plus(1), &well()), [Event::StoreWorks]);
        // a day that could not be asked at its beginning is asked later
        assert_eq!(watch.changes(DAY.plus(2), &failing(StoreFault::Gone)).len(), 1);
        assert_eq!(watch.changes(DAY.plus(2), &look(&health(GIB, 0, 0))).len(), 2);
    }

    #[test]
    fn faults_are_told_apart() {
        let of = |kind: io::ErrorKind| fault(&StoreError::from(io::Error::from(kind)));
        assert_eq!(of(io::ErrorKind::StorageFull), StoreFault::NoByte);
        assert_eq!(of(io::ErrorKind::NotFound), StoreFault::Gone);
        assert_eq!(of(io::ErrorKind::ReadOnlyFilesystem), StoreFault::ReadOnly);
        assert_eq!(of(io::ErrorKind::PermissionDenied), StoreFault::NotAllowed);
        assert_eq!(of(io::ErrorKind::Other), StoreFault::Disk);
    }
}
