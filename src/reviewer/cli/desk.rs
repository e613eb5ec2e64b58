//! What goes on at the desk: the inbox, fetching, and opening.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program's output")]

use std::{fs::File, path::Path};

use anyhow::{Context as _, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    arguments::{Fetch, Inside, Open},
    tell, unlock,
};
use crate::{
    clock::SystemClock,
    desk::EnvelopeListing,
    random::SystemEntropy,
    reviewer::{
        client::Listed,
        fetch,
        inbox::Inbox,
        open::{self, Target},
        opener,
        sealing_key::SealingSecret,
        shelf::{Fetched, Shelf},
        state::State,
        vault::{Held, KeyName, Unlocked, Vault},
        visit::{self, News, Visit},
    },
    tip::TipId,
};

fn shelf(args: &Inside) -> Shelf {
    visit::shelf(&Vault::at(&args.folder.dir))
}

/// Visits the desk, does something with its list there, and tells what else came of it. By the list
/// as `work` leaves it, keys are destroyed.
pub(super) fn at_the_desk<T>(
    args: &Inside,
    work: impl AsyncFnOnce(&Visit<'_>, &mut Listed) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut state = State::read(&args.folder.dir)?;
    let unlocked = unlock(args)?;
    let entropy = SystemEntropy::new();
    runtime()?.block_on(async {
        let mut visit = Visit::begin(&unlocked, &mut state, &SystemClock, &entropy).await?;
        tell::news(&visit.news, unlocked.vault(), &state);
        let mut list = visit.list().await?;
        tell::deleted_again(&visit.news);
        let result = work(&visit, &mut list).await?;
        if let Err(error) = visit.acknowledge(&list).await {
            tell::not_acknowledged(&error);
        }
        tell::upkeep(&visit.end(&list, &entropy)?);
        Ok(result)
    })
}

/// Visits the desk for what every visit does at its beginning: roster and sealing keys.
pub(super) fn call(unlocked: &Unlocked, state: &mut State) -> anyhow::Result<News> {
    let entropy = SystemEntropy::new();
    let visit = Visit::begin(unlocked, state, &SystemClock, &entropy);
    let news = runtime()?.block_on(visit)?.news;
    tell::news(&news, unlocked.vault(), state);
    Ok(news)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

pub(super) fn inbox(args: &Inside) -> anyhow::Result<()> {
    let list = at_the_desk(args, async |_, list| Ok(list.clone()))?;
    print!("{}", Inbox::new(list.envelopes, &shelf(args)));
    Ok(())
}

pub(super) fn fetch_envelopes(args: &Fetch) -> anyhow::Result<()> {
    let shelf = shelf(&args.inside);
    let (wanted, failed) = at_the_desk(&args.inside, async |visit, list| {
        let wanted = wanted(&list.envelopes, &args.ids, &shelf)?;
        let mut failed = 0;
        for (at, listing) in (1..).zip(&wanted) {
            let at: usize = at;
            let bar = progress(listing.bytes, &format!("fetching {at} of {}", wanted.len()));
            let fetched =
                fetch::fetch(&visit.desk, listing, &shelf, &|here| bar.set_position(here)).await;
            bar.finish_and_clear();
            match fetched {
                Ok(path) => println!("Fetched: {}", path.display()),
                // the others can be fetched all the same, unless nothing can
                Err(error) => {
                    failed += 1;
                    eprintln!("Not fetched: {}: {:#}", listing.id, anyhow::Error::new(error));
                    if !visit.desk.is_there().await {
                        eprintln!("The gateway does not answer any more.");
                        break;
                    }
                }
            }
        }
        Ok((wanted.len(), failed))
    })?;
    ensure!(failed == 0, "not all envelopes could be fetched: `fetch` again goes on with them");
    if wanted == 0 {
        println!("Nothing new.");
    }
    Ok(())
}

/// Of the list, what was asked for and is not here.
fn wanted(
    list: &[EnvelopeListing],
    ids: &[TipId],
    shelf: &Shelf,
) -> anyhow::Result<Vec<EnvelopeListing>> {
    for id in ids {
        let is_known = list.iter().any(|listing| listing.id == *id);
        ensure!(is_known, "the gateway has no envelope {id}: look into the inbox");
    }
    let is_wanted = |id: TipId| {
        if ids.is_empty() {
            // whoever has opened an envelope and cleared it away need not fetch it again unasked
            !shelf.is_done(id)
        } else {
            // what is asked for by name may be here and damaged; what is archived opens by no other
            // copy
            ids.contains(&id) && shelf.fetched(id) != Fetched::Archived
        }
    };
    Ok(list.iter().filter(|one| is_wanted(one.id)).cloned().collect())
}

pub(super) fn open_envelopes(args: &Open) -> anyhow::Result<()> {
    let shelf = shelf(&args.inside);
    let which = &args.which;
    if let Some(file) = &which.envelope {
        let unlocked = unlock(&args.inside)?;
        let secrets = sealing_secrets(&unlocked)?.secrets;
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
    let unlocked = unlock(&args.inside)?;
    let Held { secrets, damaged } = sealing_secrets(&unlocked)?;
    let mut failed = 0;
    for id in &ids {
        let (path, secrets) = match shelf.fetched(*id) {
            Fetched::Archived => {
                (shelf.archive_path(*id), std::slice::from_ref(unlocked.wrapping()))
            }
            _ => (shelf.path(*id), &*secrets),
        };
        match open_one(&path, &id.to_string(), secrets, args) {
            Ok(()) => shelf.mark_opened(*id).context("cannot be marked as opened")?,
            Err(error) if which.all && damaged.is_empty() && is_for_others(&error) => {
                shelf.let_go(*id).context("cannot be let go")?;
                println!("Not for you: {id} was sealed while the gateway had no key of yours.");
            }
            Err(error) => {
                eprintln!("Not opened: {id}: {error:#}");
                failed += 1;
            }
        }
    }
    ensure!(failed == 0, "{failed} of {} envelopes could not be opened", ids.len());
    Ok(())
}

/// The sealing keys; files that do not open are told.
pub(super) fn sealing_secrets(unlocked: &Unlocked) -> anyhow::Result<Held> {
    let held = unlocked.sealing_secrets()?;
    for KeyName { epoch, sequence } in &held.damaged {
        eprintln!(
            "The key {}-{sequence} is damaged: what was sealed to it does not open here. If its \
             epoch is not over, `rotate`.",
            epoch.0
        );
    }
    Ok(held)
}

/// True if the envelope is good and none of its stanzas is ours.
fn is_for_others(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(open::OpenError::Envelope(opener::OpenError::NotForYou)))
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
    use super::*;

    #[test]
    fn a_folder_name_is_plain() {
        for (file, name) in
            [("a/0102.age", "0102"), ("..", "tip"), ("../x y.age", "xy"), ("팁.age", "tip")]
        {
            assert_eq!(own_folder_name(Path::new(file)), name, "{file}");
        }
    }
}
