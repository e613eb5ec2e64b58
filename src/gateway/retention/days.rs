//! Whether the clock is believed: by the days on which the gateway has been at work before.
//!
//! The last [`RUN`] days are kept as items, one each. A clock that jumps ahead shows a day far from
//! those before: nothing goes by time then. So it is after a longer rest, too; both end when the
//! clock has come as many days further.

use std::collections::BTreeSet;

use crate::{
    clock::Day,
    gateway::store::{ItemKind, Store, StoreError},
};

/// So many days of work one after the other, today's among them, are believed.
const RUN: usize = 3;
/// They may be so far apart.
const GAP: u32 = 2;

/// Notes that the gateway is at work today; true if today is believed.
///
/// # Errors
/// What the store says; asking again is safe.
pub(super) async fn see(store: &impl Store, today: Day) -> Result<bool, StoreError> {
    let items = store.items(ItemKind::Day).await?;
    let mut seen: BTreeSet<Day> = items.iter().filter_map(|(key, _)| key.parse().ok()).collect();
    if seen.insert(today) {
        store.put_item(ItemKind::Day, &today.to_string(), b"").await?;
    }
    // later ones were a clock's that ran ahead
    let last: BTreeSet<Day> = seen.range(..=today).rev().take(RUN).copied().collect();
    for day in seen.difference(&last) {
        store.remove_item(ItemKind::Day, &day.to_string()).await?;
    }
    Ok(is_run(&last))
}

fn is_run(days: &BTreeSet<Day>) -> bool {
    let near = |(one, next): (&Day, &Day)| *next <= one.plus(GAP);
    days.len() >= RUN && days.iter().zip(days.iter().skip(1)).all(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_days_near_each_other_are_believed() {
        let run = |days: &[u32]| is_run(&days.iter().copied().map(Day).collect());
        assert!(run(&[5, 6, 7]) && run(&[3, 5, 7]));
        assert!(!run(&[]) && !run(&[7]) && !run(&[6, 7]));
        assert!(!run(&[4, 5, 8]) && !run(&[2, 6, 7]) && !run(&[5, 6, 46]));
    }
}
