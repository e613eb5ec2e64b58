//! What a visit to the desk says beside what it was made for: on standard error, so that it is seen
//! where output goes into a file.
#![expect(clippy::print_stderr, reason = "this is a program's output")]

use crate::reviewer::{
    state::State,
    upkeep::{Because, Done, Overdue},
    vault::Vault,
    visit::{News, VisitError},
};

/// Roster and keys.
pub(super) fn news(news: &News, vault: &Vault, state: &State) {
    if news.keys_sent {
        eprintln!("New sealing keys were given to the gateway.");
    }
    if let Some(why) = &news.keys_refused {
        eprintln!("Your new sealing keys were not taken: {why}.");
        eprintln!("They are offered again at the next visit; until then the old ones count.");
    }
    if news.strangers {
        eprintln!("The gateway sealed tips to keys in your name that are not in this folder. If");
        eprintln!("you brought the folder back from an older copy, that is why, and newer keys");
        eprintln!("have replaced them. If not, somebody else has your identity key: tell the");
        eprintln!("operator by another channel.");
    }
    if state.newsroom.as_ref().is_some_and(|joined| joined.awaits_acceptance()) {
        let dir = vault.dir().display();
        eprintln!("The roster has changed. Look at it: sealpost-reviewer roster --dir {dir}");
    }
}

/// What a restored gateway had listed again.
pub(super) fn deleted_again(news: &News) {
    if news.deleted_again > 0 {
        eprintln!(
            "The gateway listed {} envelopes again that you had deleted, as one does that was \
             restored from a backup; it is asked again to delete them.",
            news.deleted_again
        );
    }
}

/// The gateway could not be told what was fetched.
pub(super) fn not_acknowledged(why: &VisitError) {
    eprintln!("The gateway does not know yet all that you have fetched: {why}.");
    eprintln!("It is told at the next visit.");
}

/// Keys and archive.
pub(super) fn upkeep(done: &Done) {
    if done.archived > 0 {
        eprintln!("Tips put into the archive: {}.", done.archived);
    }
    for epoch in &done.destroyed {
        eprintln!("The keys of epoch {} are destroyed; their time was over.", epoch.0);
    }
    if done.expired > 0 {
        eprintln!("Tips whose time in the archive was over, removed: {}.", done.expired);
    }
    if done.missing > 0 {
        eprintln!(
            "The gateway misses {} envelopes that it had taken: its operator should restore them. \
             Until then no key is destroyed; `keys --destroy EPOCH` gives one up all the same.",
            done.missing
        );
    }
    for Overdue { epoch, because } in &done.overdue {
        let epoch = epoch.0;
        match because {
            Because::NotFetched(ids) => {
                eprintln!(
                    "The keys of epoch {epoch} are overdue: {} of its envelopes are not fetched. \
                     `fetch` them,",
                    ids.len()
                );
            }
            Because::Damaged(id) => {
                eprintln!("The keys of epoch {epoch} are overdue: envelope {id} is damaged here.");
                eprintln!("Fetch it again by its id,");
            }
            Because::NotOurs(id) => {
                eprintln!("The keys of epoch {epoch} are overdue: envelope {id} opens with none");
                eprintln!("of them, so it is sealed to others. Let it go with `open --all`,");
            }
        }
        eprintln!("or give them up with `keys --destroy {epoch}`.");
    }
}
