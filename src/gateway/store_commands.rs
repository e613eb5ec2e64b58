//! The commands that look after the store: `status`, `verify`, `backup`, `restore`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    backup::{self, Order, check_backup, check_newsroom, check_owner, check_store},
    cli::small_runtime,
    config::Config,
    status::Status,
    store::{FileStore, Options, Store, StoreError, files},
};
use crate::{
    clock::{Clock, SystemClock},
    random::SystemEntropy,
};

const BYTES: &str = "{wide_bar} {bytes}/{total_bytes} {eta}";
const FILES: &str = "{wide_bar} {human_pos}/{human_len} {eta}";

/// Tell how the gateway is: what is stored, what room is left, what needs hands.
///
/// Changes nothing, and may be run beside a serving gateway. Exits 1 if something needs hands.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// For monitoring: the same as JSON.
    #[arg(long)]
    json: bool,
    /// The folder of backups, to be told of the last one.
    #[arg(long, value_name = "DIR")]
    backups: Option<PathBuf>,
}

/// Re-read the whole store, or a backup, and tell what is damaged.
///
/// While the gateway runs, damaged files are told and left where they are; otherwise they are moved
/// to quarantine. Run it as the user that the gateway runs as. Exits 1 if something is amiss.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The configuration file. With --backup, it is also checked that the backup is of the newsroom
    /// that this names.
    #[arg(long, value_name = "FILE", required_unless_present = "backup")]
    config: Option<PathBuf>,
    /// Look through this backup instead, such as DIR/2026-11-22.
    #[arg(long, value_name = "DIR/BACKUP")]
    backup: Option<PathBuf>,
}

/// Copy the store to another disk, as of today (UTC), while the gateway serves.
///
/// What the last backup there has is shared with it, not copied again. Holds no secret: neither
/// configuration nor TLS key nor addresses. Exits 1 if something is damaged.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder for backups, on another disk.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Remove all but the newest N backups, once this one is made and nothing is amiss.
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroU32>,
}

/// Put back from a backup what the store lacks. The gateway must not be running.
///
/// Overwrites nothing, and brings nothing back whose deletion the store knows of. The current
/// publication must be in its place: rosters are never taken from a backup.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The backup, such as DIR/2026-11-22.
    #[arg(long, value_name = "DIR/BACKUP")]
    from: PathBuf,
    /// Take what is whole from a backup that is not.
    #[arg(long)]
    what_is_whole: bool,
}

pub(super) fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let status = Status::of(&config, args.backups.as_deref(), SystemClock.now())?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{status}");
    }
    Ok(ok_if(status.warnings.is_empty()))
}

pub(super) fn verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.as_deref().map(Config::load).transpose()?;
    match (&args.backup, config) {
        (Some(backup), config) => verify_backup(backup, config.as_ref()),
        (None, Some(config)) => verify_store(&config),
        (None, None) => bail!("name a configuration with --config"),
    }
}

fn verify_backup(folder: &Path, config: Option<&Config>) -> anyhow::Result<ExitCode> {
    let checked = with_bar(BYTES, |progress| check_backup(folder, progress))?;
    if let Some(config) = config {
        check_newsroom(config, &checked)?;
    }
    Ok(told(&checked.troubles, "The backup is whole."))
}

fn verify_store(config: &Config) -> anyhow::Result<ExitCode> {
    check_owner(config, "verify")?;
    if !files::missing_folders(&config.store)?.is_empty() {
        // opening the store could make them anew, as if nothing had been in them
        println!("A folder is missing: nothing is moved or put right.");
        let findings = with_bar(BYTES, |progress| Ok(check_store(&config.store, progress)?))?;
        return Ok(told(&findings, ""));
    }
    let entropy = Arc::new(SystemEntropy::new());
    let findings = match FileStore::open(&config.store, entropy, Options::default()) {
        Err(StoreError::Locked { .. }) => {
            println!("The store is in use: nothing is moved or put right.");
            with_bar(BYTES, |progress| Ok(check_store(&config.store, progress)?))?
        }
        opened => {
            let (store, opening) = opened?;
            let bar = bar(BYTES);
            let progress = |done, of| move_to(&bar, done, of);
            let findings = small_runtime()?.block_on(store.verify(&progress))?;
            bar.finish_and_clear();
            opening.iter().map(ToString::to_string).chain(findings).collect()
        }
    };
    Ok(told(&findings, "The store is whole."))
}

pub(super) fn backup(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let today = SystemClock.now().day();
    let order = Order { config: &config, to: &args.to, keep: args.keep, today };
    let entropy = SystemEntropy::new();
    let made = with_bar(BYTES, |progress| backup::make(&order, &entropy, progress))?;
    for note in &made.notes {
        eprintln!("sealpost-gateway: {note}");
    }
    println!("{made}");
    for trouble in &made.troubles {
        println!("{trouble}");
    }
    Ok(ok_if(made.troubles.is_empty()))
}

pub(super) fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let checked = with_bar(BYTES, |progress| check_backup(&args.from, progress))?;
    check_newsroom(&config, &checked)?;
    for trouble in &checked.troubles {
        println!("{trouble}");
    }
    let is_whole = checked.troubles.is_empty();
    if !is_whole && !args.what_is_whole {
        bail!(
            "{}: this backup is not whole, and nothing was restored; take another, or what is \
             whole of this one with --what-is-whole",
            args.from.display()
        );
    }
    let entropy = Arc::new(SystemEntropy::new());
    let restored =
        with_bar(FILES, |progress| backup::restore(&config, &checked, entropy, progress))?;
    for finding in &restored.findings {
        println!("store: {finding}");
    }
    for trouble in &restored.troubles {
        println!("{trouble}");
    }
    println!("{restored}");
    Ok(ok_if(is_whole && restored.troubles.is_empty()))
}

fn told(findings: &[String], well: &str) -> ExitCode {
    for finding in findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("{well}");
    }
    ok_if(findings.is_empty())
}

fn ok_if(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Shows a bar, on a terminal, while `job` runs.
fn with_bar<T>(
    template: &str,
    job: impl FnOnce(backup::Progress<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let bar = bar(template);
    let done = job(&mut |done, of| move_to(&bar, done, of));
    bar.finish_and_clear();
    done
}

fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn move_to(bar: &ProgressBar, done: u64, of: u64) {
    bar.set_length(of);
    bar.set_position(done);
}
