//! Thirty weeks of a newsroom: three reviewers who come, go and stay away, a tip each week, and the
//! real programs under a clock that is moved. Each tip opens for exactly those who should.

use std::collections::{BTreeMap, BTreeSet};

use sealpost::clock::Day;

use crate::{
    moving_clock::MovingClock,
    newsroom::{Form, Gateway, Newsroom},
};

const WEEKS: u32 = 30;
/// A Wednesday.
const BEGIN: Day = Day(20_782);
/// Weeks that a batch reaches: the one in which it is made and seven more.
const REACH: u32 = 8;
/// A sealing key is there in its own week and the two after it.
const KEPT: u32 = 3;

/// What happens in a week before its tip comes in.
enum Act {
    Joins(&'static str),
    Leaves(&'static str),
    /// Does not visit the desk from this week on.
    GoesAway(&'static str),
    Returns(&'static str),
}

fn acts(week: u32) -> Vec<Act> {
    use Act::{GoesAway, Joins, Leaves, Returns};
    match week {
        0 => vec![Joins("mina")],
        1 => vec![Joins("jun")],
        4 => vec![Joins("eve"), GoesAway("jun")],
        // within reach of the last batch: nothing is missed
        7 => vec![Returns("jun")],
        9 => vec![Leaves("eve")],
        // beyond it: for two weeks there is no key
        11 => vec![GoesAway("mina")],
        20 => vec![Returns("mina")],
        // under the same name with new keys
        22 => vec![Joins("eve")],
        24 => vec![Leaves("mina")],
        _ => vec![],
    }
}

/// One who has been on the roster, with a folder of their own for each time.
struct Reviewer {
    name: &'static str,
    folder: String,
    is_away: bool,
    has_left: bool,
    /// The first week without a key at the gateway.
    keys_until: u32,
    /// The weeks whose tips they should be able to open.
    meant: BTreeSet<u32>,
}

#[test]
fn each_tip_opens_for_exactly_those_who_should() {
    let Some(clock) = MovingClock::find() else { return };
    clock.noon_of(BEGIN);
    let newsroom = Newsroom::with_environment(&[], "", clock.environment());
    let gateway = newsroom.serve();
    let mut people: Vec<Reviewer> = Vec::new();
    for week in 0..WEEKS {
        clock.noon_of(BEGIN.plus(7 * week));
        // a roster is good for 90 days
        if week % 10 == 9 {
            newsroom.ok("operator", "renew --dir operator");
        }
        for act in acts(week) {
            take(&newsroom, &gateway, &mut people, act, week);
        }
        let form = Form::new().field("message", &format!("tip {week}"));
        let answer = gateway.post("/en", &form);
        assert_eq!(answer.status, 200, "week {week}: {}", answer.body);
        for one in people.iter_mut().filter(|one| !one.has_left) {
            if week < one.keys_until {
                one.meant.insert(week);
            }
        }
        for one in people.iter_mut().filter(|one| !one.has_left && !one.is_away) {
            visit(&newsroom, &one.folder);
            one.keys_until = week + REACH;
        }
    }

    let all: BTreeMap<u32, String> = ids_by_week(&newsroom);
    assert_eq!(all.len(), usize::try_from(WEEKS).unwrap());
    for one in &people {
        let opened = opened_weeks(&newsroom, &one.folder);
        assert_eq!(opened, one.meant, "{}", one.folder);
    }
    // what the table means, spelled out where it matters
    let meant = |folder: &str| -> Vec<u32> {
        people.iter().find(|one| one.folder == folder).unwrap().meant.iter().copied().collect()
    };
    assert_eq!(meant("jun-1"), (1..WEEKS).collect::<Vec<_>>());
    assert_eq!(meant("mina-0"), (0..18).chain(20..24).collect::<Vec<_>>());
    assert_eq!(meant("eve-4"), (4..9).collect::<Vec<_>>());
    assert_eq!(meant("eve-22"), (22..WEEKS).collect::<Vec<_>>());

    // whoever has jun's folder now opens no tip older than the grace
    let stayed = people.iter().find(|one| one.folder == "jun-1").unwrap();
    for (week, id) in &all {
        let out = format!("again-{week}");
        let envelope = envelope(&newsroom, id);
        let line = format!("open --dir {} --envelope {envelope} --out {out}", stayed.folder);
        let opens = newsroom.run("reviewer", &line).status.success();
        assert_eq!(opens, *week + KEPT >= WEEKS, "week {week}");
    }
}

fn take(newsroom: &Newsroom, gateway: &Gateway, people: &mut Vec<Reviewer>, act: Act, week: u32) {
    let on_roster = |people: &mut Vec<Reviewer>, name: &str| {
        people.iter().position(|one| one.name == name && !one.has_left).unwrap()
    };
    match act {
        Act::Joins(name) => {
            let folder = format!("{name}-{week}");
            newsroom.ok(
                "reviewer",
                &format!(
                    "init --dir {folder} --name {name} --mail {name}@localhost --no-passphrase"
                ),
            );
            newsroom.add(&folder);
            newsroom.join(gateway, &folder);
            people.push(Reviewer {
                name,
                folder,
                is_away: false,
                has_left: false,
                keys_until: week + REACH,
                meant: BTreeSet::new(),
            });
        }
        Act::Leaves(name) => {
            let at = on_roster(people, name);
            newsroom.ok("operator", &format!("remove --dir operator {name}"));
            people[at].has_left = true;
            let refused = newsroom.run("reviewer", &format!("fetch --dir {}", people[at].folder));
            assert!(!refused.status.success(), "who has left is told nothing");
        }
        Act::GoesAway(name) => {
            let at = on_roster(people, name);
            people[at].is_away = true;
        }
        Act::Returns(name) => {
            let at = on_roster(people, name);
            people[at].is_away = false;
            // before the week's tip comes in
            visit(newsroom, &people[at].folder);
            people[at].keys_until = week + REACH;
        }
    }
}

fn visit(newsroom: &Newsroom, folder: &str) {
    newsroom.ok("reviewer", &format!("fetch --dir {folder}"));
    newsroom.ok("reviewer", &format!("open --dir {folder} --all --out opened-{folder}"));
}

/// The weeks of the tips in a reviewer's folder of opened ones.
fn opened_weeks(newsroom: &Newsroom, folder: &str) -> BTreeSet<u32> {
    let opened = std::fs::read_dir(newsroom.path(&format!("opened-{folder}"))).unwrap();
    opened.map(|tip| week_of(&tip.unwrap().path().join("message.txt"))).collect()
}

/// The id of each week's tip, as somebody who opened it knows.
fn ids_by_week(newsroom: &Newsroom) -> BTreeMap<u32, String> {
    let mut ids = BTreeMap::new();
    for folder in ["mina-0", "jun-1"] {
        for tip in std::fs::read_dir(newsroom.path(&format!("opened-{folder}"))).unwrap() {
            let tip = tip.unwrap();
            let id = tip.file_name().into_string().unwrap();
            ids.insert(week_of(&tip.path().join("message.txt")), id);
        }
    }
    ids
}

fn week_of(message: &std::path::Path) -> u32 {
    let text = std::fs::read_to_string(message).unwrap();
    text.strip_prefix("tip ").unwrap().parse().unwrap()
}

/// The age file of a stored envelope, as the gateway serves it.
fn envelope(newsroom: &Newsroom, id: &str) -> String {
    let stored = newsroom.stored().into_iter().find(|path| path.ends_with(id)).unwrap();
    let bytes = std::fs::read(stored).unwrap();
    let file = format!("{id}.age");
    std::fs::write(newsroom.path(&file), &bytes[sealpost::gateway::store::header::LEN..]).unwrap();
    file
}
