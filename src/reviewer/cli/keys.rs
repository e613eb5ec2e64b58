//! Sealing keys and the archive: what there is, how long, and a person's word to change it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program's output")]

use anyhow::{Context as _, bail, ensure};
use indicatif::BinaryBytes;

use super::{
    alone,
    arguments::{Archive, Keys, Rotate},
    desk, unlock,
};
use crate::{
    clock::{Clock as _, Epoch, EpochLength, GRACE_EPOCHS, SystemClock},
    random::SystemEntropy,
    reviewer::{
        archive::Keeping,
        join::JoinError,
        state::State,
        top_up, upkeep,
        vault::{KeyName, Vault},
        visit,
    },
};

pub(super) fn keys(args: &Keys) -> anyhow::Result<()> {
    let state = State::read(&args.inside.folder.dir)?;
    if let Some(epoch) = args.destroy {
        destroy(args, Epoch(epoch))?;
    }
    let vault = Vault::at(&args.inside.folder.dir);
    let length = state.epoch_length();
    let now = length.epoch(SystemClock.now());
    println!("{:>10}  {:10}  keys  state", "epoch", "from");
    let keys = vault.keys()?;
    for of_epoch in keys.chunk_by(|a, b| a.epoch == b.epoch) {
        let Some(KeyName { epoch, .. }) = of_epoch.first() else { continue };
        let (from, count) = (length.start(*epoch).day(), of_epoch.len());
        println!("{:>10}  {from}  {count:>4}  {}", epoch.0, life(*epoch, now, length));
    }
    let archived = visit::shelf(&vault).archived()?.len();
    println!();
    println!("Archived tips, which stay readable without these keys: {archived} (see `archive`).");
    Ok(())
}

/// Where in its life the key of `epoch` is.
fn life(epoch: Epoch, now: Epoch, length: EpochLength) -> String {
    let end = length.start(epoch.plus(GRACE_EPOCHS + 1)).day();
    if epoch > now {
        "ready".to_owned()
    } else if epoch == now {
        format!("in use; destroyed from {end} on")
    } else if epoch.is_over(now) {
        "overdue: destroyed by `fetch`, once all of its envelopes are here".to_owned()
    } else {
        format!("no longer in use; destroyed from {end} on")
    }
}

fn destroy(args: &Keys, epoch: Epoch) -> anyhow::Result<()> {
    let dir = &args.inside.folder.dir;
    let unlocked = unlock(&args.inside)?;
    let is_there = unlocked.vault().keys()?.iter().any(|key| key.epoch == epoch);
    ensure!(is_there, "there are no keys of epoch {}", epoch.0);
    if !args.offline {
        // the gateway answers only if this machine's clock is right
        desk::call(&unlocked, &mut State::read(dir)?)
            .context("nothing is destroyed; see --offline if the gateway cannot be reached")?;
    }
    let (_alone, state) = alone(dir)?;
    let terms = visit::terms(&state, &SystemClock);
    ensure!(
        epoch.is_over(terms.epoch),
        "the time of epoch {} is not over: tips sealed to it may still come in, and nobody could \
         open them for you. If the keys may be in other hands, `rotate` them",
        epoch.0
    );
    let shelf = visit::shelf(unlocked.vault());
    let archived = upkeep::destroy(&unlocked, &shelf, epoch, terms, &SystemEntropy::new())?;
    println!("Tips put into the archive first: {archived}.");
    println!("The keys of epoch {} are destroyed. What was not fetched opens no more.", epoch.0);
    println!();
    Ok(())
}

pub(super) fn rotate(args: &Rotate) -> anyhow::Result<()> {
    let unlocked = unlock(&args.inside)?;
    let (alone, mut state) = alone(&args.inside.folder.dir)?;
    if state.newsroom.is_none() {
        return Err(JoinError::NotJoined.into());
    }
    let now = state.epoch_length().epoch(SystemClock.now());
    top_up::rotate(&unlocked, &mut state, now, &SystemEntropy::new())?;
    state.write(unlocked.vault().dir())?;
    drop(alone);
    println!("New sealing keys are made.");
    match desk::call(&unlocked, &mut state) {
        Ok(news) if news.keys_sent => {
            println!("The next tip is sealed to them.");
            Ok(())
        }
        Ok(_) => bail!("the gateway did not take the new keys; it seals to the old ones"),
        Err(error) => {
            eprintln!("The gateway was not reached, or did not answer: {error:#}.");
            bail!("it seals to the old keys until a visit succeeds (`inbox` is one)")
        }
    }
}

pub(super) fn archive(args: &Archive) -> anyhow::Result<()> {
    let dir = &args.folder.dir;
    let mut state = State::read(dir)?;
    if let Some(days) = args.days {
        let alone = alone(dir)?;
        state = alone.1;
        state.archive_days = Some(days);
        state.write(dir)?;
    }
    let (days, today) = (state.archive_days(), SystemClock.now().day());
    let shelf = visit::shelf(&Vault::at(dir));
    println!("Opened tips are kept for {days} days after they came in, unread ones until read.");
    let archived = shelf.archived().context("the archive cannot be read")?;
    if archived.is_empty() {
        println!("The archive is empty.");
        return Ok(());
    }
    println!("{:32}  {:10}  {:>10}  state", "id", "day", "size");
    for id in archived {
        let listing = shelf.description(id);
        let day = listing.as_ref().map_or("-".to_owned(), |listing| listing.day.to_string());
        let size = listing.map_or("-".to_owned(), |listing| BinaryBytes(listing.class).to_string());
        let until = match Keeping::of(&shelf, id, days, today) {
            Keeping::Unread => "not opened yet".to_owned(),
            Keeping::Until(last) => format!("removed after {last}"),
        };
        println!("{id}  {day:10}  {size:>10}  {until}");
    }
    Ok(())
}
