//! Deleting at the gateway, and taking it back.
#![expect(clippy::print_stdout, reason = "this is a program's output")]

use anyhow::{Context as _, bail, ensure};

use super::{
    arguments::{Delete, Inside, Undelete},
    desk::at_the_desk,
};
use crate::{
    clock::{Clock as _, Day, SystemClock},
    desk::{DELETION_DAYS, Purge},
    reviewer::{
        client::{ClientError, Listed},
        deletions::Deletions,
        join,
        state::State,
        vault::Vault,
        visit::{self, Visit},
    },
    tip::TipId,
};

pub(super) fn delete(args: &Delete) -> anyhow::Result<()> {
    let vault = Vault::at(&args.inside.folder.dir);
    let others = at_the_desk(&args.inside, async |visit, list| {
        is_deletable(args, &vault, list)?;
        let alone = vault.alone()?;
        // first here: a deletion that the gateway does not hear of is asked for at the next visit
        Deletions::read(vault.dir())?.add(&args.ids, &alone)?;
        drop(alone);
        let others = others(&vault)?;
        for id in &args.ids {
            let deleted = delete_one(visit, *id, args.now, list, others.is_empty()).await;
            println!("{}", deleted.context("the gateway is asked again at the next visit")?);
        }
        list.envelopes.retain(|listing| !args.ids.contains(&listing.id));
        Ok(others)
    })?;
    let dir = args.inside.folder.dir.display();
    if others.is_empty() {
        println!("You are the only reviewer, so that nobody was to be waited for.");
    } else {
        println!("What is not gone yet is hidden from you, and can still be fetched by these:");
        println!("  {}", others.join(", "));
        println!("When each of them has fetched or deleted it, it goes before its day.");
        println!("Until then: sealpost-reviewer undelete --dir {dir} ID");
    }
    println!("Copies that you fetched stay in {dir} for their time (see `archive`).");
    Ok(())
}

/// What is neither listed nor deleted before is unknown; what is not here may be lost.
fn is_deletable(args: &Delete, vault: &Vault, list: &Listed) -> anyhow::Result<()> {
    let shelf = visit::shelf(vault);
    let before = Deletions::read(vault.dir())?;
    for id in &args.ids {
        let is_listed = list.envelopes.iter().any(|listing| listing.id == *id);
        ensure!(
            is_listed || before.contains(*id),
            "the gateway has no envelope {id}: look into the inbox"
        );
        if is_listed && !args.unread && !shelf.is_done(*id) {
            bail!(
                "nothing is deleted: you have not fetched {id}, and if nobody else does, nobody \
                 will ever read it. `fetch` it first, or say --unread"
            );
        }
    }
    Ok(())
}

/// The names of the other reviewers on the roster.
fn others(vault: &Vault) -> anyhow::Result<Vec<String>> {
    let state = State::read(vault.dir())?;
    let publication = join::current(vault, &state)?.0;
    let others = publication.roster().reviewers().iter();
    Ok(others
        .filter(|one| one.identity != state.identity)
        .map(|one| one.name.to_string())
        .collect())
}

/// Deletes one; what came of it, for a person.
async fn delete_one(
    visit: &Visit<'_>,
    id: TipId,
    now: bool,
    list: &Listed,
    is_alone: bool,
) -> Result<String, ClientError> {
    let latest = latest(id, list, SystemClock.now().day());
    let waits = format!("Deleted: {id}, gone on {latest} at the latest");
    if now {
        return Ok(match visit.desk.purge(id).await? {
            Some(Purge { gone: false }) => {
                format!("{waits}, at once if another reviewer says --now")
            }
            _ => format!("Gone: {id}"),
        });
    }
    let is_there = visit.desk.delete(id).await?;
    Ok(if is_alone || !is_there { format!("Gone: {id}") } else { waits })
}

/// The day on which it goes: seven days after the first deletion.
fn latest(id: TipId, list: &Listed, today: Day) -> Day {
    let by_another = list.envelopes.iter().find(|one| one.id == id).and_then(|one| one.goes);
    let by_this = today.plus(DELETION_DAYS);
    by_another.map_or(by_this, |day| day.min(by_this))
}

pub(super) fn undelete(args: &Undelete) -> anyhow::Result<()> {
    let Undelete { inside, ids } = args;
    let vault = Vault::at(&inside.folder.dir);
    // first here: a visit must not ask for the deletion again
    forget(inside, &vault, ids)?;
    let mut gone = 0;
    at_the_desk(inside, async |visit, list| {
        for id in ids {
            if visit.desk.undelete(*id).await? {
                println!("Back in the inbox: {id}");
            } else {
                gone += 1;
                println!("Gone: {id}");
            }
        }
        // keys are destroyed by what is listed: with what is back again
        *list = visit.desk.list().await?;
        Ok(())
    })?;
    ensure!(gone == 0, "{gone} of {} are gone from the gateway", ids.len());
    Ok(())
}

fn forget(inside: &Inside, vault: &Vault, ids: &[TipId]) -> anyhow::Result<()> {
    let (alone, _) = super::alone(&inside.folder.dir)?;
    Ok(Deletions::read(vault.dir())?.remove(ids, &alone)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Epoch, desk::EnvelopeListing};

    #[test]
    fn the_first_deletion_says_when_it_goes() {
        let id = TipId([1; 16]);
        let listed = |goes| {
            let listing =
                EnvelopeListing { id, day: Day(1), epoch: Epoch(1), class: 1, bytes: 1, goes };
            Listed { envelopes: vec![listing], missing: 0 }
        };
        let today = Day(10);
        assert_eq!(latest(id, &listed(None), today), Day(17));
        assert_eq!(latest(id, &listed(Some(Day(12))), today), Day(12));
        assert_eq!(latest(TipId([2; 16]), &listed(Some(Day(12))), today), Day(17));
    }
}
