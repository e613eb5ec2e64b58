//! The command line of `sealpost-gateway`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use super::{
    check::{self, Finding, Level},
    config::Config,
    init::{self, InitArgs},
    serve,
    store_commands::{
        BackupArgs, RestoreArgs, StatusArgs, VerifyArgs, backup, restore, status, verify,
    },
    tls_key::{NextArgs, make_next},
};
use crate::{
    clean_command::{self, CleanArgs},
    clock::{Clock, SystemClock},
};

/// Takes tips from sources, seals them to a newsroom's reviewers, keeps them, and can open none
#[derive(Parser)]
#[command(
    name = "sealpost-gateway",
    version,
    after_help = "Exits 0, 1 if it failed, 2 on wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(InitArgs),
    /// Tell everything that is wrong, or soon will be, with a configuration and this machine.
    ///
    /// Changes nothing, and may be run beside a serving gateway. Exits 1 if there is a problem.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Say hello to the mail server, too.
        #[arg(long)]
        connect: bool,
    },
    /// Serve sources and reviewers until SIGTERM or SIGINT.
    ///
    /// Prints one line `ready tips|desk ADDRESS` for each listener once it is bound.
    Serve {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    NextTlsKey(NextArgs),
    Status(StatusArgs),
    Verify(VerifyArgs),
    Backup(BackupArgs),
    Restore(RestoreArgs),
    Clean(CleanArgs),
}

/// The whole program, with this process's arguments.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// The whole program; the first argument is its name.
pub fn run(args: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            drop(usage.print());
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    let done = match cli.command {
        Command::Init(args) => init::run(args).map(|made| {
            println!("{made}");
            ExitCode::SUCCESS
        }),
        Command::Check { config, connect } => check(&config, connect),
        Command::Serve { config } => serve::run(&config).map(|()| ExitCode::SUCCESS),
        Command::NextTlsKey(args) => make_next(&args).map(|made| {
            println!("{made}");
            ExitCode::SUCCESS
        }),
        Command::Status(args) => status(&args),
        Command::Verify(args) => verify(&args),
        Command::Backup(args) => backup(&args),
        Command::Restore(args) => restore(&args),
        Command::Clean(args) => clean_command::run(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("sealpost-gateway: {error:#}");
        ExitCode::FAILURE
    })
}

fn check(path: &std::path::Path, connect: bool) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    let mut findings = check::before_serving(&config, SystemClock.now());
    findings.extend(check::on_this_machine(&config));
    if connect {
        findings.extend(small_runtime()?.block_on(check::mail_server(&config)));
    }
    for finding in &findings {
        println!("{finding}");
    }
    let has_problem = findings.iter().any(|Finding { level, .. }| *level == Level::Problem);
    Ok(if has_problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) fn small_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
