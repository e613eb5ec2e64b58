//! Keys that should be destroyed and are not: told at each visit, and destroyed on a person's word,
//! which the gateway confirms to be timely.

use sealpost::clock::{Day, EpochLength};

use crate::{
    moving_clock::MovingClock,
    newsroom::{Form, Newsroom},
};

/// A Wednesday.
const BEGIN: Day = Day(20_782);

#[test]
fn an_overdue_key_is_told_and_destroyed_on_a_persons_word() {
    let Some(clock) = MovingClock::find() else { return };
    clock.noon_of(BEGIN);
    let first = EpochLength::Week.epoch(BEGIN.start()).0;
    let newsroom = Newsroom::with_environment(&["jun"], "", clock.environment());
    let gateway = newsroom.serve();
    newsroom.join(&gateway, "jun");
    let sent = gateway.post("/en", &Form::new().field("message", "not fetched"));
    assert_eq!(sent.status, 200);
    let key = newsroom.path(&format!("jun/keys/{first}-0.age"));

    // through the grace nothing is said; after it, at each visit
    for (week, told) in [(2, false), (3, true), (4, true)] {
        clock.noon_of(BEGIN.plus(7 * week));
        let visit = newsroom.run("reviewer", "inbox --dir jun");
        assert!(visit.status.success());
        let said = String::from_utf8(visit.stderr).unwrap();
        let overdue = said.contains(&format!("keys of epoch {first} are overdue: 1 of its"));
        assert_eq!(overdue, told, "week {week}: {said}");
        assert!(key.exists());
    }
    let keys = newsroom.ok("reviewer", "keys --dir jun");
    let line = keys.lines().find(|line| line.trim_start().starts_with(&first.to_string()));
    assert!(line.unwrap().contains("overdue"), "{keys}");

    // not what is in use or within its grace, and not on this machine's word alone
    for epoch in [first + 4, first + 2] {
        let line = format!("keys --dir jun --destroy {epoch}");
        let refused = newsroom.run("reviewer", &line);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains("is not over"), "{said}");
    }
    let destroy = format!("keys --dir jun --destroy {first}");
    gateway.stop();
    let refused = newsroom.run("reviewer", &destroy);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("--offline"), "{said}");
    assert!(key.exists());

    newsroom.ok("reviewer", &format!("{destroy} --offline"));
    assert!(!key.exists());
    let keys = newsroom.ok("reviewer", "keys --dir jun");
    assert!(!keys.contains("overdue"), "{keys}");
}
