//! A reviewer's program follows the roster by itself, shows each change, and waits for a person's
//! word on it.

use crate::newsroom::Newsroom;

#[test]
fn a_change_is_shown_until_a_person_accepts_it() {
    let newsroom = Newsroom::new(&["mina"], "");
    let gateway = newsroom.serve();
    newsroom.join(&gateway, "mina");
    let roster = |more: &str| newsroom.ok("reviewer", &format!("roster --dir mina {more}"));
    let visit = || {
        let visit = newsroom.run("reviewer", "inbox --dir mina");
        assert!(visit.status.success());
        String::from_utf8(visit.stderr).unwrap()
    };
    assert!(!visit().contains("The roster has changed"));
    assert!(roster("").contains("You have accepted it."));

    // an operator under pressure lets somebody read along for a while
    newsroom.come("eve");
    newsroom.add("eve");
    newsroom.ok("operator", "remove --dir operator eve");
    for _ in 0..2 {
        assert!(visit().contains("The roster has changed"));
        let shown = roster("");
        assert!(shown.contains("+ eve opens tips from now on"), "{shown}");
        assert!(shown.contains("- eve opens no tips any more"), "{shown}");
        assert!(shown.contains("Until then nothing can be written to a source"), "{shown}");
    }
    assert!(roster("--accept").contains("Accepted."));
    assert!(roster("").contains("You have accepted it."));
    assert!(!visit().contains("The roster has changed"));
    drop(gateway);
}
