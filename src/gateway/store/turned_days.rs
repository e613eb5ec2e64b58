//! Up to which day the envelopes tell no order any more: the mark of the day's turn.

use std::{io, sync::PoisonError};

use super::{
    Finding, StoreError,
    file_store::{Inner, lock},
    folders,
    item::Kind,
};
use crate::clock::Day;

/// What is known of turned days.
#[derive(Default)]
pub(super) struct TurnedDays {
    /// The highest key of an item of kind `Turned`: all days up to it are turned.
    mark: Option<Day>,
    /// The last day that a running turn turns.
    turning: Option<Day>,
    /// The first day of which an envelope came too late for the mark or for the running turn.
    late: Option<Day>,
    waits: Option<Waits>,
}

/// Envelopes that wait for room on the disk.
#[derive(Clone, Copy)]
struct Waits {
    /// the turn that put them off
    last: Day,
    /// that the smallest of them takes
    room: u64,
    count: u64,
}

impl TurnedDays {
    /// What is turned in truth; `None` of nothing.
    fn turned(&self) -> Option<Day> {
        self.late.map_or(self.mark, |late| day_before(late).min(self.mark))
    }

    fn add_late(&mut self, day: Day) {
        self.late = Some(self.late.map_or(day, |late| late.min(day)));
    }
}

impl Inner {
    pub(super) fn load_mark(&self) -> io::Result<()> {
        let names = folders::names(&self.folders.items(Kind::Turned))?;
        lock(&self.days).mark = names.iter().filter_map(|name| name.parse().ok()).max();
        Ok(())
    }

    /// Must be called before an envelope of `day` comes into its place, with `changing` held until
    /// it is there: a day that has been turned, or is just being turned, is then turned again.
    pub(super) fn before_placing(&self, day: Day) {
        let mut days = lock(&self.days);
        if days.turning.is_some_and(|last| day <= last) {
            days.add_late(day);
        }
        if days.mark.is_some_and(|mark| day <= mark) {
            // kept in memory, too: a tip is worth more than its order
            days.add_late(day);
            match self.write_mark(day_before(day)) {
                Ok(()) => days.mark = day_before(day),
                Err(error) => self.note(Finding::TurnPostponed { reason: error.to_string() }),
            }
        }
    }

    /// Begins to turn all days up to `last` and gives the day they come after; `None` if they are
    /// turned already.
    pub(super) fn begin_turn(&self, last: Day) -> Option<After> {
        // nobody is between asking for a day and placing an envelope of it
        let _alone = self.changing.write().unwrap_or_else(PoisonError::into_inner);
        let mut days = lock(&self.days);
        let turned = days.turned();
        if turned >= Some(last) {
            return None;
        }
        days.turning = Some(last);
        days.late = None;
        Some(After(turned))
    }

    /// Ends what [`Inner::begin_turn`] began; `is_done` if all envelopes of those days, but such
    /// as came too late, are turned.
    pub(super) fn end_turn(&self, after: After, is_done: bool) -> Result<(), StoreError> {
        let mut days = lock(&self.days);
        let last = days.turning.take();
        if !is_done {
            if after.0 < days.mark {
                days.add_late(after.0.map_or(Day(0), |day| day.plus(1)));
            }
            return Ok(());
        }
        let new = days.late.map_or(last, |late| day_before(late).min(last));
        self.write_mark(new)?;
        days.mark = new;
        days.late = None;
        Ok(())
    }

    /// The new mark first, then the others are removed: a lower one is only written before what
    /// asks for it is there, a higher one only after all is done.
    fn write_mark(&self, mark: Option<Day>) -> Result<(), StoreError> {
        let key = mark.map(|day| day.to_string());
        if let Some(key) = &key {
            self.put_item(Kind::Turned, key, &[])?;
        }
        for name in folders::names(&self.folders.items(Kind::Turned))? {
            if Some(&name) != key.as_ref() {
                self.remove_item(Kind::Turned, &name)?;
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Puts off as many envelopes, of which the smallest takes so much room.
    pub(super) fn wait_for_room(&self, room: u64, count: u64) {
        let mut days = lock(&self.days);
        days.waits = days.turning.map(|last| Waits { last, room, count });
    }

    /// How many envelopes still wait for room, so that turning the others again is of no use.
    pub(super) fn still_waiting(&self, last: Day) -> io::Result<Option<u64>> {
        let waits = lock(&self.days).waits.take_if(|waits| waits.last == last);
        let spare = self.spare_disk()?;
        let waits = waits.filter(|waits| waits.room > spare);
        lock(&self.days).waits = waits;
        Ok(waits.map(|waits| waits.count))
    }
}

/// Days after this one are to be turned; all, if there is none.
#[derive(Clone, Copy)]
pub(super) struct After(Option<Day>);

impl After {
    pub(super) fn is_before(self, day: Day) -> bool {
        Some(day) > self.0
    }
}

fn day_before(day: Day) -> Option<Day> {
    day.0.checked_sub(1).map(Day)
}
