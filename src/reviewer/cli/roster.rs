//! The roster, its changes, and a person's word on them.
#![expect(clippy::print_stdout, reason = "this is a program's output")]

use super::{alone, arguments::Roster};
use crate::reviewer::{changes::Changes, join, state::State, vault::Vault};

pub(super) fn roster(args: &Roster) -> anyhow::Result<()> {
    let dir = &args.folder.dir;
    let state = State::read(dir)?;
    let (publication, joined) = join::current(&Vault::at(dir), &state)?;
    let roster = publication.roster();
    println!("{}: roster {}.", roster.newsroom_name(), roster.version());
    println!(
        "Signed {}, good until {}. It lets these open tips:",
        roster.issued(),
        roster.lapses()
    );
    for reviewer in roster.reviewers() {
        println!("  {} {}", reviewer.identity, reviewer.name);
    }
    let Some(changes) = Changes::since(&publication, joined.accepted) else {
        println!("You have accepted it.");
        return Ok(());
    };
    println!();
    print!("{changes}");
    println!();
    if !args.accept {
        println!("Ask the operator, by another channel, about whatever you did not expect. Then:");
        println!("  sealpost-reviewer roster --dir {} --accept", dir.display());
        println!("Until then nothing can be written to a source.");
        return Ok(());
    }
    let version = roster.version();
    let (_alone, mut state) = alone(dir)?;
    if let Some(joined) = &mut state.newsroom {
        // what was shown, even if another run has followed on meanwhile
        joined.accepted = version;
    }
    state.write(dir)?;
    println!("Accepted.");
    Ok(())
}
