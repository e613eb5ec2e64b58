//! `sealpost-demo`: a whole newsroom on loopback, with every role as a process of its own.
//!
//! - `story` tells what happens, step by step;
//! - `newsroom` holds the folder and runs the roles: this very program, with the role as its first
//!   argument;
//! - `browser` is a source's browser: it fetches the form over TLS and posts it;
//! - `mail_server` is the reviewers' mail provider: real SMTP over TLS, on loopback.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::Parser;

mod browser;
mod mail_server;
mod newsroom;
mod story;

/// A whole newsroom on loopback: keys, roster, gateway, mail, a tip with a photo, opened by a
/// reviewer.
#[derive(Parser)]
#[command(name = "sealpost-demo", version)]
struct Options {
    /// End after the story; otherwise the form is left running to try
    #[arg(long)]
    once: bool,
    /// Keep everything that is made in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the demo, or the role that the first argument names, with the arguments after it.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    match args.get(1).and_then(|role| role.to_str()) {
        Some("gateway") => crate::gateway::cli::run(args.into_iter().skip(1)),
        Some("reviewer") => crate::reviewer::cli::run(args.into_iter().skip(1)),
        Some("operator") => crate::operator::cli::run(args.into_iter().skip(1)),
        _ => story::main(&Options::parse_from(args)),
    }
}
