//! `sealpost-reviewer`: its commands, and what they print.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program's output")]

mod arguments;
mod delete;
mod desk;
mod keys;
mod roster;
mod tell;

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use clap::Parser as _;

use self::arguments::{Cli, Command, Folder, Init, Inside, Join, Notice};
use super::{
    card,
    changes::Changes,
    client::ClientError,
    join, notice,
    route::Route,
    state::State,
    vault::{Alone, Unlocked, Vault},
    visit::VisitError,
};
use crate::{
    clean_command,
    clock::{Clock, SystemClock},
    desk::signature::Refused,
    disk, passphrase, publication,
    random::SystemEntropy,
    roster::{CardFingerprint, UntrustedCard},
};

/// Larger files are neither a card, nor a key, nor a mail.
const SMALL_FILE: u64 = 1024 * 1024;

/// The program: 0 if all went well, 1 if something failed, 2 if it was called wrongly.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// The same with arguments of one's own; the first is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // if nobody reads it, nobody misses it
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    do_as_told(cli.command).unwrap_or_else(|error| {
        eprintln!("sealpost-reviewer: {error:#}");
        if let Some(VisitError::Desk(ClientError::Refused { key, .. })) = error.downcast_ref()
            && key == Refused::UnknownReviewer.key()
        {
            eprintln!(
                "If you have left the newsroom, destroy this folder: its keys open old tips."
            );
        }
        ExitCode::FAILURE
    })
}

fn do_as_told(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init(args) => init(args)?,
        Command::Join(args) => join_newsroom(args)?,
        Command::Card(args) => show_card(&args)?,
        Command::Roster(args) => roster::roster(&args)?,
        Command::Keys(args) => keys::keys(&args)?,
        Command::Rotate(args) => keys::rotate(&args)?,
        Command::Inbox(args) => desk::inbox(&args)?,
        Command::Fetch(args) => desk::fetch_envelopes(&args)?,
        Command::Open(args) => desk::open_envelopes(&args)?,
        Command::Delete(args) => delete::delete(&args)?,
        Command::Undelete(args) => delete::undelete(&args)?,
        Command::Archive(args) => keys::archive(&args)?,
        Command::Notice(args) => open_notice(&args)?,
        Command::Clean(args) => return clean_command::run(&args),
    }
    Ok(ExitCode::SUCCESS)
}

fn init(args: Init) -> anyhow::Result<()> {
    let entropy = SystemEntropy::new();
    let passphrase = if args.no_passphrase {
        None
    } else {
        Some(passphrase::new(args.passphrase_file.as_deref(), "your keys")?)
    };
    let vault = Vault::at(&args.dir);
    let unlocked = vault.create(passphrase.as_ref(), &entropy)?;
    let state = State {
        name: args.name,
        identity: unlocked.identity().public(),
        mail: args.mail,
        epoch_seconds: args.epoch_seconds,
        sequence: 0,
        archive_days: None,
        newsroom: None,
    };
    let card = card::make(&unlocked, &state, SystemClock.now(), &entropy)?;
    let path = vault.card();
    disk::write_private(&path, &card).with_context(|| path.display().to_string())?;
    state.write(&args.dir)?;

    println!("Your keys are in {}.", args.dir.display());
    println!("Card:        {}", path.display());
    println!("Fingerprint: {}", fingerprint(card)?);
    println!();
    println!(
        "Next: hand the card to the operator. Tell the fingerprint by another channel, best in"
    );
    println!("person: the operator compares the two. Then join with the operator's publication:");
    println!(
        "  sealpost-reviewer join --dir {} --newsroom-key FINGERPRINT PUBLICATION",
        args.dir.display()
    );
    Ok(())
}

fn fingerprint(card: Vec<u8>) -> anyhow::Result<CardFingerprint> {
    Ok(UntrustedCard(card).verify()?.fingerprint())
}

fn show_card(args: &Folder) -> anyhow::Result<()> {
    let path = Vault::at(&args.dir).card();
    let card = disk::read_limited(&path, SMALL_FILE)
        .with_context(|| format!("no card at {}: `init` makes one", path.display()))?;
    println!("Card:        {}", path.display());
    println!("Fingerprint: {}", fingerprint(card)?);
    Ok(())
}

fn join_newsroom(args: Join) -> anyhow::Result<()> {
    let dir = &args.folder.dir;
    let vault = Vault::at(dir);
    let (_alone, mut state) = alone(dir)?;
    let request = join::Request {
        newsroom: publication::read_pin(&args.newsroom_key)?,
        publication: &args.publication,
        gateway: args.gateway,
        socks: args.socks,
    };
    let accepted = state.newsroom.as_ref().map(|before| before.accepted);
    let joined = join::join(&vault, &mut state, request)?;
    let roster = joined.roster();
    let name = join::own_name(&joined, &state)?;
    println!("Joined {} as {name}.", roster.newsroom_name());
    println!(
        "Roster {}, signed {}, good until {}:",
        roster.version(),
        roster.issued(),
        roster.lapses()
    );
    for reviewer in roster.reviewers() {
        println!("  {} {}", reviewer.identity, reviewer.name);
    }
    if let Some(changes) = accepted.and_then(|before| Changes::since(&joined, before)) {
        print!("{changes}");
    }
    let today = SystemClock.now().day();
    if joined.has_lapsed(today) {
        eprintln!("This roster has lapsed: ask the operator for a new one.");
    }
    for (reviewer, error) in joined.refused() {
        eprintln!("The keys of {reviewer} are not good: {error}.");
    }
    if let Some(newsroom) = &state.newsroom {
        match Route::choose(roster, newsroom) {
            Ok(route) => println!("The gateway is at {}.", route.base),
            Err(error) => eprintln!("No way to the gateway yet: {error}"),
        }
    }
    Ok(())
}

/// The right to change the folder, and its state as it is then.
fn alone(dir: &Path) -> anyhow::Result<(Alone, State)> {
    // a folder that is none of ours is told before anything is made in it
    State::read(dir)?;
    let alone = Vault::at(dir).alone()?;
    Ok((alone, State::read(dir)?))
}

fn unlock(args: &Inside) -> anyhow::Result<Unlocked> {
    let vault = Vault::at(&args.folder.dir);
    let passphrase = if vault.is_protected()? {
        Some(passphrase::existing(args.passphrase_file.as_deref(), "your keys")?)
    } else {
        None
    };
    Ok(vault.unlock(passphrase.as_ref())?)
}

fn open_notice(args: &Notice) -> anyhow::Result<()> {
    let mut mail = Vec::new();
    let source: Box<dyn io::Read> = if args.mail == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&args.mail).with_context(|| args.mail.display().to_string())?)
    };
    source.take(SMALL_FILE).read_to_end(&mut mail)?;
    let Ok(mail) = String::from_utf8(mail) else {
        bail!("the mail is not text in UTF-8");
    };
    let secrets = desk::sealing_secrets(&unlock(&args.inside)?)?.secrets;
    let text = notice::open(&mail, &secrets)?;
    println!("{}", text.trim_end());
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_told_from_failure() {
        let code = |line: &str| run(line.split(' ').map(OsString::from));
        assert_eq!(code("sealpost-reviewer open --dir x --out y"), ExitCode::from(2));
        assert_eq!(
            code("sealpost-reviewer open --dir x --out y --all --envelope z"),
            ExitCode::from(2)
        );
        assert_eq!(code("sealpost-reviewer delete --dir x"), ExitCode::from(2));
        assert_eq!(code("sealpost-reviewer card --dir /nowhere/at/all"), ExitCode::FAILURE);
        assert_eq!(code("sealpost-reviewer --help"), ExitCode::SUCCESS);
    }
}
