//! When notices are sent: a fixed schedule that knows nothing of tips.

use std::{num::NonZeroU32, str::FromStr};

use crate::clock::Timestamp;

const DAY_SECONDS: i64 = 86_400;

/// The schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Once a day.
    Daily {
        /// Seconds after 00:00 UTC; below 86,400.
        second_of_day: u32,
    },
    /// At each multiple of so many seconds since 1970-01-01: tests and the demo.
    Seconds(NonZeroU32),
}

/// A text that is no schedule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must read \"daily HH:MM\" (UTC), such as \"daily 07:00\"")]
pub struct NotAPeriod;

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let (hour, minute) =
            text.strip_prefix("daily ").and_then(|time| time.split_once(':')).ok_or(NotAPeriod)?;
        let two_digits = |part: &str, below: u32| -> Result<u32, NotAPeriod> {
            let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            let number = part.parse().ok().filter(|n| plain && *n < below);
            number.ok_or(NotAPeriod)
        };
        let second_of_day = 3_600 * two_digits(hour, 24)? + 60 * two_digits(minute, 60)?;
        Ok(Self::Daily { second_of_day })
    }
}

/// The first moment of the schedule that lies after `now`.
pub fn next_after(now: Timestamp, period: Period) -> Timestamp {
    let (length, offset) = match period {
        Period::Daily { second_of_day } => (DAY_SECONDS, i64::from(second_of_day)),
        Period::Seconds(seconds) => (i64::from(seconds.get()), 0),
    };
    let past = now.0.saturating_sub(offset).rem_euclid(length);
    Timestamp(now.0.saturating_add(length - past))
}

/// When the next round is to be held, if the last was that of `held`: at once (the moment lies in
/// the past) if one was missed since, and never twice for one moment.
///
/// Without a `held` there was no round yet, and none was missed. One that lies further ahead than
/// the next moment was written by a clock that was wrong, and counts for nothing.
pub(super) fn due(now: Timestamp, period: Period, held: Option<Timestamp>) -> Timestamp {
    let next = next_after(now, period);
    match held {
        Some(held) if held < next => {
            // of several that were missed, the last
            let latest = last_until(now, period);
            if held < latest { latest } else { next }
        }
        Some(held) if held == next => next_after(next, period),
        _ => next,
    }
}

/// The last moment of the schedule that does not lie after `now`.
pub(super) fn last_until(now: Timestamp, period: Period) -> Timestamp {
    let next = next_after(now, period);
    let length = match period {
        Period::Daily { .. } => DAY_SECONDS,
        Period::Seconds(seconds) => i64::from(seconds.get()),
    };
    Timestamp(next.0.saturating_sub(length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_has_one_moment() {
        let period: Period = "daily 07:30".parse().unwrap();
        assert_eq!(period, Period::Daily { second_of_day: 27_000 });
        assert_eq!(next_after(Timestamp(0), period), Timestamp(27_000));
        assert_eq!(next_after(Timestamp(26_999), period), Timestamp(27_000));
        assert_eq!(next_after(Timestamp(27_000), period), Timestamp(27_000 + DAY_SECONDS));
    }

    #[test]
    fn a_missed_round_is_due_at_once_and_none_twice() {
        let period: Period = "daily 07:00".parse().unwrap();
        let seven = |day: i64| Timestamp(day * DAY_SECONDS + 25_200);
        let noon = |day: i64| Timestamp(day * DAY_SECONDS + 43_200);
        for (now, held, expected, why) in [
            (noon(5), None, seven(6), "there was none yet"),
            (noon(5), Some(seven(5)), seven(6), "held"),
            (noon(5), Some(seven(4)), seven(5), "missed"),
            (noon(9), Some(seven(4)), seven(9), "of several the last"),
            (seven(5), Some(seven(4)), seven(5), "just now"),
            (Timestamp(0), Some(seven(0)), seven(1), "the clock was put back a little"),
            (noon(5), Some(seven(900)), seven(6), "the clock was far ahead"),
            // the schedule was changed from 06:00
            (noon(5), Some(Timestamp(seven(5).0 - 3_600)), seven(5), "another schedule"),
        ] {
            assert_eq!(due(now, period, held), expected, "{why}");
        }
    }

    #[test]
    fn other_texts_are_no_schedule() {
        for text in
            ["", "daily", "daily 7:00", "daily 24:00", "daily 07:60", "daily +7:00", "hourly"]
        {
            assert_eq!(text.parse::<Period>(), Err(NotAPeriod), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_next_moment_is_the_first_one_after_now(now in -1i64 << 40..1 << 40, second_of_day in 0u32..86_400) {
            let next = next_after(Timestamp(now), Period::Daily { second_of_day });
            prop_assert!(next.0 > now && next.0 <= now + DAY_SECONDS);
            prop_assert_eq!(next.0.rem_euclid(DAY_SECONDS), i64::from(second_of_day));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            drop(text.parse::<Period>());
        }
    }
}
