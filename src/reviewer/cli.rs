//! `sealpost-reviewer`: its commands, and what they print.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program's output")]

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use clap::Parser as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    arguments::{Cli, Command, Fetch, Folder, Init, Inside, Join, Notice, Open},
    card,
    client::Desk,
    fetch,
    inbox::Inbox,
    join, notice,
    open::{self, Target},
    route::Route,
    sealing_key::SealingSecret,
    shelf::{Fetched, Shelf},
    state::State,
    vault::{Unlocked, Vault},
};
use crate::{
    clean_command,
    clock::{Clock, SystemClock},
    desk::EnvelopeListing,
    disk, passphrase, publication,
    random::SystemEntropy,
    roster::{CardFingerprint, UntrustedCard},
    tip::TipId,
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
        ExitCode::FAILURE
    })
}

fn do_as_told(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init(args) => init(args)?,
        Command::Join(args) => join_newsroom(args)?,
        Command::Card(args) => show_card(&args)?,
        Command::Inbox(args) => inbox(&args)?,
        Command::Fetch(args) => fetch_envelopes(&args)?,
        Command::Open(args) => open_envelopes(&args)?,
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
    let mut state = State::read(dir)?;
    let request = join::Request {
        newsroom: publication::read_pin(&args.newsroom_key)?,
        publication: &args.publication,
        gateway: args.gateway,
        socks: args.socks,
    };
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

fn unlock(args: &Inside) -> anyhow::Result<Unlocked> {
    let vault = Vault::at(&args.folder.dir);
    let passphrase = if vault.is_protected()? {
        Some(passphrase::existing(args.passphrase_file.as_deref(), "your keys")?)
    } else {
        None
    };
    Ok(vault.unlock(passphrase.as_ref())?)
}

fn shelf(args: &Inside) -> Shelf {
    Shelf::at(Vault::at(&args.folder.dir).envelopes())
}

/// Does something at the desk.
fn at_the_desk<T>(
    args: &Inside,
    work: impl AsyncFnOnce(&Desk<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let dir = &args.folder.dir;
    let state = State::read(dir)?;
    let (publication, joined) = join::current(&Vault::at(dir), &state)?;
    let route = Route::choose(publication.roster(), joined)?;
    let unlocked = unlock(args)?;
    let desk = Desk::new(route, publication.newsroom(), unlocked.identity(), &SystemClock)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work(&desk))
}

fn inbox(args: &Inside) -> anyhow::Result<()> {
    let list = at_the_desk(args, async |desk| Ok(desk.list().await?))?;
    print!("{}", Inbox::new(list, &shelf(args)));
    Ok(())
}

fn fetch_envelopes(args: &Fetch) -> anyhow::Result<()> {
    let shelf = shelf(&args.inside);
    let fetched = at_the_desk(&args.inside, async |desk| {
        let wanted = wanted(desk.list().await?, &args.ids, &shelf)?;
        for (at, listing) in (1..).zip(&wanted) {
            let at: usize = at;
            let bar = progress(listing.bytes, &format!("fetching {at} of {}", wanted.len()));
            let path = fetch::fetch(desk, listing, &shelf, &|here| bar.set_position(here)).await?;
            bar.finish_and_clear();
            println!("Fetched: {}", path.display());
        }
        Ok(wanted.len())
    })?;
    if fetched == 0 {
        println!("Nothing new.");
    }
    Ok(())
}

/// Of the list, what was asked for and is not here.
fn wanted(
    list: Vec<EnvelopeListing>,
    ids: &[TipId],
    shelf: &Shelf,
) -> anyhow::Result<Vec<EnvelopeListing>> {
    for id in ids {
        let is_known = list.iter().any(|listing| listing.id == *id);
        ensure!(is_known, "the gateway has no envelope {id}: look into the inbox");
    }
    let is_wanted =
        |id: TipId| (ids.is_empty() || ids.contains(&id)) && shelf.fetched(id) != Fetched::Whole;
    // whoever has opened an envelope and cleared it away need not fetch it again unasked
    let is_done = |id: TipId| ids.is_empty() && shelf.is_opened(id);
    Ok(list.into_iter().filter(|one| is_wanted(one.id) && !is_done(one.id)).collect())
}

fn open_envelopes(args: &Open) -> anyhow::Result<()> {
    let shelf = shelf(&args.inside);
    let which = &args.which;
    if let Some(file) = &which.envelope {
        let secrets = unlock(&args.inside)?.sealing_secrets()?;
        return open_one(file, &own_folder_name(file), &secrets, args);
    }
    let ids = if which.all {
        let all = shelf.all().context("no envelopes: is this a reviewer's folder?")?;
        all.into_iter().filter(|id| !shelf.is_opened(*id)).collect()
    } else {
        which.ids.clone()
    };
    if ids.is_empty() {
        println!("Nothing to open: `fetch` first, or name what is to be opened again.");
        return Ok(());
    }
    let secrets = unlock(&args.inside)?.sealing_secrets()?;
    let mut failed = 0;
    for id in &ids {
        let opened = open_one(&shelf.path(*id), &id.to_string(), &secrets, args)
            .and_then(|()| shelf.mark_opened(*id).context("cannot be marked as opened"));
        if let Err(error) = opened {
            eprintln!("Not opened: {id}: {error:#}");
            failed += 1;
        }
    }
    ensure!(failed == 0, "{failed} of {} envelopes could not be opened", ids.len());
    Ok(())
}

fn open_one(path: &Path, name: &str, secrets: &[SealingSecret], args: &Open) -> anyhow::Result<()> {
    let file = File::open(path)
        .with_context(|| format!("{} cannot be read: `fetch` it first", path.display()))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let bar = progress(length, "opening");
    let to = Target { out: &args.out, name, originals: args.originals };
    let opened = open::open(bar.wrap_read(file), secrets, to);
    bar.finish_and_clear();
    print!("{}", opened?);
    Ok(())
}

/// The name of a tip's folder when its envelope comes from a file of any name.
fn own_folder_name(file: &Path) -> String {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let plain: String =
        stem.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    if plain.is_empty() { "tip".to_owned() } else { plain }
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
    let secrets = unlock(&args.inside)?.sealing_secrets()?;
    let text = notice::open(&mail, &secrets)?;
    println!("{}", text.trim_end());
    Ok(())
}

/// On a terminal only; standard error, so that output can be piped.
fn progress(bytes: u64, what: &str) -> ProgressBar {
    let style = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {eta}";
    let bar = ProgressBar::new(bytes).with_message(what.to_owned());
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
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
        assert_eq!(code("sealpost-reviewer card --dir /nowhere/at/all"), ExitCode::FAILURE);
        assert_eq!(code("sealpost-reviewer --help"), ExitCode::SUCCESS);
    }

    #[test]
    fn a_folder_name_is_plain() {
        for (file, name) in
            [("a/0102.age", "0102"), ("..", "tip"), ("../x y.age", "xy"), ("팁.age", "tip")]
        {
            assert_eq!(own_folder_name(Path::new(file)), name, "{file}");
        }
    }
}
