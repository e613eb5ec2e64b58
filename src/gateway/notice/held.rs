//! Which round was held last, as an item of the store: its key is the scheduled moment, such as
//! `2026-11-22T070000`, which the configuration tells anyway. It has no content.

use crate::{
    clock::{Day, Timestamp},
    gateway::store::{ItemKind, Store, StoreError},
};

const DAY_SECONDS: i64 = 86_400;

/// The last round that was held, if there was one.
///
/// # Errors
/// What the store says.
pub(super) async fn last(store: &impl Store) -> Result<Option<Timestamp>, StoreError> {
    let marks = store.items(ItemKind::NoticeMark).await?;
    Ok(marks.iter().filter_map(|(key, _)| read(key)).max())
}

/// Remembers that a round was held, and forgets the others once that is durable.
///
/// # Errors
/// What the store says; asking again is safe.
pub(super) async fn remember(store: &impl Store, scheduled: Timestamp) -> Result<(), StoreError> {
    let mark = write(scheduled);
    store.put_item(ItemKind::NoticeMark, &mark, b"").await?;
    for (key, _) in store.items(ItemKind::NoticeMark).await? {
        if key != mark {
            store.remove_item(ItemKind::NoticeMark, &key).await?;
        }
    }
    Ok(())
}

fn write(at: Timestamp) -> String {
    let of_day = at.0.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{}T{hour:02}{minute:02}{second:02}", at.day())
}

/// One way to write a moment, and no other text is one.
fn read(key: &str) -> Option<Timestamp> {
    let (day, time) = key.split_once('T')?;
    let day: Day = day.parse().ok()?;
    let time: i64 = time.parse().ok()?;
    let of_day = time / 10_000 * 3_600 + time / 100 % 100 * 60 + time % 100;
    let at = Timestamp(day.start().0 + of_day);
    (write(at) == key).then_some(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_reads_as_it_is_written(at in 0i64..1 << 37) {
            prop_assert_eq!(read(&write(Timestamp(at))), Some(Timestamp(at)));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(2026-11-22T)?\\PC*") {
            if let Some(at) = read(&text) {
                prop_assert_eq!(write(at), text);
            }
        }
    }

    #[test]
    fn a_key_is_the_moment() {
        let at = "2026-11-22".parse::<Day>().unwrap().start();
        assert_eq!(write(Timestamp(at.0 + 25_200)), "2026-11-22T070000");
        for wrong in ["2026-11-22T0700", "2026-11-22T246000", "2026-11-22T-70000", "2026-11-22"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
