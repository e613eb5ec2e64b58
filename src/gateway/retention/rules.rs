//! The rules alone: when an envelope goes.

use std::collections::{BTreeMap, BTreeSet};

use super::marks::Who;
use crate::{
    clock::Day,
    desk::DELETION_DAYS,
    gateway::{config::Keep, store::Entry},
    tip::TipId,
};

/// So many reviewers purge, unless there are fewer.
const PURGERS: usize = 2;

/// How an envelope stands with the active reviewers.
pub(super) struct Standing<'a> {
    active: &'a BTreeSet<Who>,
    deleted: BTreeMap<Who, Day>,
    purgers: usize,
}

impl<'a> Standing<'a> {
    /// Whoever is not on the roster counts no more.
    pub(super) fn new(
        active: &'a BTreeSet<Who>,
        deletions: impl Iterator<Item = (Who, Day)>,
        purges: impl Iterator<Item = Who>,
    ) -> Self {
        Self {
            active,
            deleted: deletions.filter(|(who, _)| active.contains(who)).collect(),
            purgers: purges.filter(|who| active.contains(who)).count(),
        }
    }

    /// The day on which a deletion unlinks the envelope at the latest.
    pub(super) fn goes(&self) -> Option<Day> {
        self.deleted.values().min().map(|first| first.plus(DELETION_DAYS))
    }

    /// True if it goes whoever has fetched it: its time is over on `today` (if the day is known), or
    /// enough reviewers purge it.
    pub(super) fn is_due(&self, today: Option<Day>) -> bool {
        let is_purged = self.purgers > 0 && self.purgers >= PURGERS.min(self.active.len());
        is_purged || self.goes().is_some_and(|day| today.is_some_and(|today| today >= day))
    }

    /// True if somebody has deleted it, and everybody else has deleted or fetched it.
    pub(super) fn is_left_by_all(&self, fetched: &BTreeSet<Who>) -> bool {
        let has_left = |who: &Who| self.deleted.contains_key(who) || fetched.contains(who);
        !self.deleted.is_empty() && self.active.iter().all(has_left)
    }
}

/// True if the envelope is older than the operator wants it kept, whoever has fetched it.
pub(super) fn is_too_old(entry: &Entry, keep: Keep, today: Day) -> bool {
    keep.days.is_some_and(|days| is_over(entry.id, entry.day, days, today))
}

/// True if all active reviewers have had the envelope for longer than the operator wants it kept.
pub(super) fn is_done_with(
    entry: &Entry,
    keep: Keep,
    active: &BTreeSet<Who>,
    fetched: &BTreeMap<Who, Day>,
    today: Day,
) -> bool {
    let Some(days) = keep.days_after_fetched else { return false };
    let on = |who: &Who| fetched.get(who).copied();
    let last =
        active.iter().map(on).collect::<Option<Vec<Day>>>().and_then(|d| d.into_iter().max());
    last.is_some_and(|last| is_over(entry.id, last, days, today))
}

/// True once `days` whole days have passed since `begin`, or a day later.
fn is_over(id: TipId, begin: Day, days: u32, today: Day) -> bool {
    today > begin.plus(days).plus(jitter(id))
}

/// A day or none, by the envelope's own random id: what goes on one day does not tell on which day
/// it came in.
fn jitter(id: TipId) -> u32 {
    let [.., last] = id.0;
    u32::from(last & 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Epoch, roster::IdentityKey, tip::SizeClass};

    fn who(n: u8) -> Who {
        Who::of(&IdentityKey([n; 32]))
    }

    fn all(of: impl IntoIterator<Item = u8>) -> BTreeSet<Who> {
        of.into_iter().map(who).collect()
    }

    fn deleted<'a>(active: &'a BTreeSet<Who>, by: &[(u8, u32)]) -> Standing<'a> {
        let deletions = by.iter().map(|(n, day)| (who(*n), Day(*day)));
        Standing::new(active, deletions, std::iter::empty())
    }

    #[test]
    fn a_deletion_waits_for_the_others_or_seven_days() {
        let active = all([1, 2, 3]);
        let by_one = deleted(&active, &[(1, 10)]);
        assert_eq!(by_one.goes(), Some(Day(17)));
        assert!(!by_one.is_due(Some(Day(16))) && by_one.is_due(Some(Day(17))));
        assert!(!by_one.is_due(None), "no day, no deadline");
        for (fetched, is_left) in
            [(vec![], false), (vec![2], false), (vec![1, 3], false), (vec![2, 3], true)]
        {
            assert_eq!(by_one.is_left_by_all(&all(fetched.clone())), is_left, "{fetched:?}");
        }
        let by_two = deleted(&active, &[(1, 12), (3, 10)]);
        assert_eq!(by_two.goes(), Some(Day(17)), "the first deletion counts");
        assert!(by_two.is_left_by_all(&all([2])) && !by_two.is_left_by_all(&all([3])));
    }

    #[test]
    fn who_is_not_on_the_roster_counts_no_more() {
        let active = all([1, 2]);
        let by_another = deleted(&active, &[(9, 10)]);
        assert_eq!(by_another.goes(), None);
        assert!(!by_another.is_due(Some(Day(99))));
        assert!(!by_another.is_left_by_all(&all([1, 2])), "nobody who counts has deleted it");
        assert!(deleted(&active, &[(1, 10)]).is_left_by_all(&all([2])), "3 need not fetch it");
        let nobody = all([]);
        let lonely = deleted(&nobody, &[(1, 10)]);
        assert!(!lonely.is_due(Some(Day(99))) && !lonely.is_left_by_all(&all([1])));
    }

    #[test]
    fn a_purge_takes_two_unless_there_is_one() {
        let purged = |active: &BTreeSet<Who>, by: &[u8]| {
            let by = by.iter().map(|n| who(*n));
            Standing::new(active, std::iter::empty(), by).is_due(None)
        };
        let three = all([1, 2, 3]);
        assert!(!purged(&three, &[]) && !purged(&three, &[1]) && purged(&three, &[1, 3]));
        assert!(!purged(&three, &[1, 9]), "9 is not on the roster");
        assert!(purged(&all([1]), &[1]) && !purged(&all([1]), &[]) && !purged(&all([]), &[1]));
    }

    fn entry(id: u8, day: u32) -> Entry {
        let class = SizeClass::from_index(0).unwrap();
        Entry { id: TipId([id; 16]), day: Day(day), epoch: Epoch(1), class, bytes: 1 }
    }

    #[test]
    fn age_is_counted_in_whole_days_with_a_day_of_jitter() {
        let keep = Keep { days: Some(30), days_after_fetched: None };
        let (even, odd) = (entry(2, 100), entry(3, 100));
        for (today, of_even, of_odd) in [(130, false, false), (131, true, false), (132, true, true)]
        {
            assert_eq!(is_too_old(&even, keep, Day(today)), of_even, "{today}");
            assert_eq!(is_too_old(&odd, keep, Day(today)), of_odd, "{today}");
        }
        assert!(!is_too_old(&even, Keep::default(), Day(u32::MAX)), "kept unless told otherwise");
    }

    #[test]
    fn what_all_have_is_kept_from_the_day_the_last_of_them_had_it() {
        let keep = Keep { days: None, days_after_fetched: Some(5) };
        let active = all([1, 2]);
        let by = |days: &[(u8, u32)]| days.iter().map(|(n, day)| (who(*n), Day(*day))).collect();
        let done = |fetched: &BTreeMap<Who, Day>, today| {
            is_done_with(&entry(2, 1), keep, &active, fetched, Day(today))
        };
        let both = by(&[(1, 10), (2, 20), (9, 90)]);
        assert!(!done(&both, 25) && done(&both, 26));
        assert!(!done(&by(&[(1, 10), (9, 10)]), 99), "one has not");
        assert!(!is_done_with(&entry(2, 1), Keep::default(), &active, &both, Day(99)));
        assert!(!is_done_with(&entry(2, 1), keep, &all([]), &both, Day(99)), "nobody is not all");
    }
}
