//! Time as a parameter: seconds, days and epochs, all UTC.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
};

use serde::{Deserialize, Serialize};
use time::{Date, Month};

const DAY_SECONDS: i64 = 86_400;

/// Seconds since 1970-01-01T00:00:00Z. Never stored with a tip; see [`Day`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The UTC day this moment lies in (the first day for moments before 1970).
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0.div_euclid(DAY_SECONDS)).unwrap_or(0))
    }
}

/// Tells the time. Programs pass a [`SystemClock`]; tests a [`FixedClock`].
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where time comes from")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX)))
    }
}

/// A clock that stands where it is put.
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Moves the hands.
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A UTC day, counted from 1970-01-01: the finest time that is ever kept with a tip. Written as
/// `YYYY-MM-DD` wherever a person or JSON reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day(pub u32);

/// A text that is no day of the form `YYYY-MM-DD` since 1970-01-01.
#[derive(Debug, thiserror::Error)]
#[error("a day is written YYYY-MM-DD and lies after 1969")]
pub struct NotADay;

impl Day {
    /// The day `days` after this one.
    #[must_use]
    pub fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The moment this day begins.
    pub fn start(self) -> Timestamp {
        Timestamp(i64::from(self.0) * DAY_SECONDS)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_1970 = time::Duration::days(i64::from(self.0));
        // a day past the year 9999 has no ISO form; none is ever written
        let date = first_day().checked_add(since_1970).unwrap_or(Date::MAX);
        write!(f, "{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }
}

impl std::str::FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let mut parts = text.splitn(3, '-').map(str::parse::<u16>);
        let mut part = || parts.next().and_then(Result::ok).ok_or(NotADay);
        let (year, month, day) = (part()?, part()?, part()?);
        let narrow = |n: u16| u8::try_from(n).map_err(|_| NotADay);
        let month = Month::try_from(narrow(month)?).map_err(|_| NotADay)?;
        let date =
            Date::from_calendar_date(i32::from(year), month, narrow(day)?).map_err(|_| NotADay)?;
        let days = (date - first_day()).whole_days();
        let parsed = Self(u32::try_from(days).map_err(|_| NotADay)?);
        // one way to write a day: no signs, no missing zeros
        if parsed.to_string() == text { Ok(parsed) } else { Err(NotADay) }
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = NotADay;

    fn try_from(text: String) -> Result<Self, NotADay> {
        text.parse()
    }
}

fn first_day() -> Date {
    time::OffsetDateTime::UNIX_EPOCH.date()
}

/// A span of time that one sealing key of a reviewer serves. See [`EpochLength`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch `n` after this one.
    #[must_use]
    pub fn plus(self, n: u32) -> Self {
        Self(self.0.saturating_add(n))
    }
}

/// How many epochs after its own a sealing key is kept, for what was sealed at its epoch's end.
pub const GRACE_EPOCHS: u32 = 2;

impl Epoch {
    /// True once `now` is past the epoch's grace: nothing is sealed to its keys any more, and
    /// nothing that was is still under way.
    pub fn is_over(self, now: Self) -> bool {
        self.plus(GRACE_EPOCHS) < now
    }
}

/// How long an epoch lasts: an ISO week everywhere but in tests and the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(untagged)]
pub enum EpochLength {
    /// From Monday 00:00 UTC: number = floor((days since 1970-01-01 + 3) / 7).
    #[default]
    #[serde(skip)]
    Week,
    /// A number of seconds, counted from 1970-01-01; only where every listener is local.
    Seconds(std::num::NonZeroU32),
}

impl EpochLength {
    /// The epoch in which `at` lies.
    pub fn epoch(self, at: Timestamp) -> Epoch {
        let number = match self {
            Self::Week => (i64::from(at.day().0) + 3).div_euclid(7),
            Self::Seconds(seconds) => at.0.max(0).div_euclid(i64::from(seconds.get())),
        };
        Epoch(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// The moment in which `epoch` begins.
    pub fn start(self, epoch: Epoch) -> Timestamp {
        let number = i64::from(epoch.0);
        Timestamp(match self {
            Self::Week => (7 * number - 3) * DAY_SECONDS,
            Self::Seconds(seconds) => number * i64::from(seconds.get()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_read_as_they_are_written() {
        for (day, text) in [(0, "1970-01-01"), (19_782, "2024-02-29"), (20_779, "2026-11-22")] {
            assert_eq!(Day(day).to_string(), text);
            assert_eq!(text.parse::<Day>().unwrap(), Day(day));
        }
        for wrong in ["", "2026-1-2", "2026-02-30", "+2026-01-02", "1969-12-31", "2026-01-02 "] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_week_begins_on_monday() {
        let sunday = "2026-11-22".parse::<Day>().unwrap();
        let epoch = |day: Day| EpochLength::Week.epoch(day.start());
        assert_eq!(epoch(sunday.plus(1)), epoch(sunday).plus(1));
        assert_eq!(epoch(sunday.plus(7)), epoch(sunday).plus(1));
        assert_eq!(epoch(Day(0)), Epoch(0));
        assert_eq!(epoch(Day(4)), Epoch(1));
        let monday = EpochLength::Week.start(epoch(sunday));
        assert_eq!(monday, "2026-11-16".parse::<Day>().unwrap().start());
    }

    #[test]
    fn an_epoch_begins_after_the_one_before() {
        let ten = EpochLength::Seconds(10.try_into().unwrap());
        for length in [EpochLength::Week, ten] {
            for epoch in [Epoch(1), Epoch(2_968), Epoch(100_000)] {
                let start = length.start(epoch);
                assert_eq!(length.epoch(start), epoch);
                assert_eq!(length.epoch(Timestamp(start.0 - 1)).plus(1), epoch);
            }
        }
    }
}
