//! At each UTC day's turn the gateway writes the past days' envelopes anew, by itself. What the
//! file system then tells no more is tested where the store is.

use sealpost::{
    clock::Day,
    desk::KEYS,
    gateway::{log::Event, store::Store as _, upkeep::Upkeep},
};

use crate::place::{NOW, Place, Reviewer, TODAY, keys};

/// So many looks make an hour.
const HOUR: usize = 120;

/// The day up to which all is turned.
fn mark(place: &Place) -> String {
    let marks = std::fs::read_dir(place.path("store/items/turned")).unwrap();
    let names: Vec<_> = marks.map(|mark| mark.unwrap().file_name()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    names[0].to_str().unwrap().to_owned()
}

async fn newsroom() -> Place {
    let mina = Reviewer::new("mina");
    let place = Place::new(&[&mina]).await;
    let batch = mina.batch(place.newsroom, 1, NOW, keys(2));
    assert_eq!(place.ask(&mina, "PUT", KEYS, &batch).await.0, 204);
    place
}

#[tokio::test]
async fn a_day_is_turned_when_it_is_over_and_again_for_what_comes_late() {
    let (yesterday, today) = (Day(TODAY.0 - 1).to_string(), TODAY.to_string());
    let place = newsroom().await;
    let mut upkeep = Upkeep::default();
    place.tip().await;
    upkeep.look(&place.gateway).await;
    assert_eq!(mark(&place), yesterday, "at the start");

    let midnight = TODAY.plus(1).start();
    place.clock.set(midnight);
    upkeep.look(&place.gateway).await;
    assert_eq!(mark(&place), today);

    // a clock that is set back, as an upload over midnight
    place.clock.set(TODAY.start());
    place.tip().await;
    place.clock.set(midnight);
    assert_eq!(mark(&place), yesterday);
    for _ in 1..HOUR {
        upkeep.look(&place.gateway).await;
    }
    assert_eq!(mark(&place), yesterday);
    upkeep.look(&place.gateway).await;
    assert_eq!(mark(&place), today);
    assert_eq!(place.gateway.store.list(None, 9).await.unwrap().len(), 2);
    assert_eq!(place.gateway.log.events(), []);
}

#[tokio::test]
async fn a_turn_that_fails_is_told_once_a_day_and_tried_again() {
    let place = newsroom().await;
    let mut upkeep = Upkeep::default();
    place.tip().await;
    place.clock.set(TODAY.plus(1).start());
    std::fs::rename(place.path("store/tmp"), place.path("aside")).unwrap();
    for _ in 0..2 * HOUR {
        upkeep.look(&place.gateway).await;
    }
    let failures = || {
        let events = place.gateway.log.events();
        events.iter().filter(|event| **event == Event::TurnFailed).count()
    };
    assert_eq!(failures(), 1);
    place.clock.set(TODAY.plus(2).start());
    upkeep.look(&place.gateway).await;
    assert_eq!(failures(), 2);
    std::fs::rename(place.path("aside"), place.path("store/tmp")).unwrap();
    for _ in 0..HOUR {
        upkeep.look(&place.gateway).await;
    }
    assert_eq!(mark(&place), TODAY.plus(1).to_string());
    assert_eq!(place.gateway.store.list(None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_found_amiss_is_told_on_the_next_day() {
    let place = newsroom().await;
    let mut upkeep = Upkeep::default();
    place.tip().await;
    upkeep.look(&place.gateway).await;
    let id = place.gateway.store.list(None, 9).await.unwrap()[0].id;
    let name = id.to_string();
    let file = place.path("store/envelopes").join(&name[..2]).join(&name);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[90] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(place.gateway.store.get(id, None).await.is_err());
    for _ in 0..2 * HOUR {
        upkeep.look(&place.gateway).await;
    }
    assert_eq!(place.gateway.log.events(), [], "not when it was asked for");
    for day in 1..3 {
        place.clock.set(TODAY.plus(day).start());
        upkeep.look(&place.gateway).await;
        let events = place.gateway.log.events();
        let [Event::StoreFound(told)] = &events[..] else { panic!("{events:?}") };
        assert!(told.contains(&name) && told.contains("quarantine"), "{told}");
    }
}
