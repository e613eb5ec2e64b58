//! What can be typed after `sealpost-reviewer`.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{
    clean_command::CleanArgs,
    roster::{MailAddress, ReviewerName},
    tip::TipId,
};

/// A reviewer's own keys, the newsroom's desk, and the opening of envelopes.
#[derive(Parser)]
#[command(name = "sealpost-reviewer", version)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    Init(Init),
    Join(Join),
    Card(Folder),
    Roster(Roster),
    Keys(Keys),
    Rotate(Rotate),
    Inbox(Inside),
    Fetch(Fetch),
    Open(Open),
    Delete(Delete),
    Undelete(Undelete),
    Archive(Archive),
    Notice(Notice),
    Clean(CleanArgs),
}

/// Makes an identity key, sealing keys for this week and seven more, and a card for the operator
#[derive(Args)]
pub(super) struct Init {
    /// A new folder for the keys and all that is fetched
    #[arg(long)]
    pub(super) dir: PathBuf,
    /// The name on the roster, which everybody can read; it may be a pseudonym
    #[arg(long)]
    pub(super) name: ReviewerName,
    /// Where notices go; the operator and the gateway read it, nobody else
    #[arg(long)]
    pub(super) mail: MailAddress,
    /// Read the passphrase from this file instead of asking for it (as from one that
    /// SEALPOST_PASSPHRASE_FILE names)
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    /// Keep the keys without a passphrase: whoever gets the disk reads every tip
    #[arg(long, conflicts_with = "passphrase_file")]
    pub(super) no_passphrase: bool,
    /// Seconds of an epoch, where a gateway has been set up so for a test
    #[arg(long, hide = true)]
    pub(super) epoch_seconds: Option<NonZeroU32>,
}

/// Checks a newsroom's publication and pins its key
#[derive(Args)]
pub(super) struct Join {
    #[command(flatten)]
    pub(super) folder: Folder,
    /// The newsroom key: its fingerprint (SHA256:…), or a file with the public key
    #[arg(long, value_name = "FILE|FINGERPRINT")]
    pub(super) newsroom_key: String,
    /// The publication's folder, as the operator handed it out
    pub(super) publication: PathBuf,
    /// Where the gateway is, if not at an address of the roster
    #[arg(long, value_name = "URL")]
    pub(super) gateway: Option<String>,
    /// The SOCKS 5 proxy that leads there; Tor's is 127.0.0.1:9050
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) socks: Option<String>,
}

/// Shows where the card is, and its fingerprint
#[derive(Args)]
pub(super) struct Folder {
    /// The reviewer's folder
    #[arg(long)]
    pub(super) dir: PathBuf,
}

/// Shows who is on the roster, and what changed since it was last accepted
#[derive(Args)]
pub(super) struct Roster {
    #[command(flatten)]
    pub(super) folder: Folder,
    /// You have looked at the changes and asked about those that you did not expect
    #[arg(long)]
    pub(super) accept: bool,
}

/// Shows the sealing keys: for which weeks there is one, and when it is destroyed
#[derive(Args)]
pub(super) struct Keys {
    #[command(flatten)]
    pub(super) inside: Inside,
    /// Destroy an overdue epoch's keys now, although envelopes of it were not fetched: they can
    /// never be opened then
    #[arg(long, value_name = "EPOCH")]
    pub(super) destroy: Option<u32>,
    /// Do so without asking the gateway, which confirms that this machine's clock is right: with a
    /// clock that is ahead, keys are destroyed that are still in use
    #[arg(long, requires = "destroy")]
    pub(super) offline: bool,
}

/// Makes new sealing keys before their time, for this epoch and those that follow
///
/// Do this when somebody else may have had this folder. What was sealed to the old keys still opens
/// with them until their time is over.
#[derive(Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    pub(super) inside: Inside,
}

/// Lists the tips that stay readable after their sealing key is destroyed
#[derive(Args)]
pub(super) struct Archive {
    #[command(flatten)]
    pub(super) folder: Folder,
    /// Keep opened tips for so many days after they came in (30 unless set); 0 keeps none beyond
    /// their key
    #[arg(long, value_name = "DAYS")]
    pub(super) days: Option<u32>,
}

/// Lists what waits at the desk
#[derive(Args)]
pub(super) struct Inside {
    #[command(flatten)]
    pub(super) folder: Folder,
    /// Read the passphrase from this file instead of asking for it (as from one that
    /// SEALPOST_PASSPHRASE_FILE names)
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
}

/// Fetches envelopes, going on with downloads that broke off
#[derive(Args)]
pub(super) struct Fetch {
    #[command(flatten)]
    pub(super) inside: Inside,
    /// Which ones, also if they are here already and damaged; without an id, all that are not here
    /// yet
    pub(super) ids: Vec<TipId>,
}

/// Deletes envelopes from the gateway
///
/// You see them no more at once. Each is gone for good when every other reviewer has fetched or
/// deleted it, at the latest after seven days; until then `undelete` brings it back. Your own copy
/// stays in this folder as long as it otherwise would (see `archive`).
#[derive(Args)]
pub(super) struct Delete {
    #[command(flatten)]
    pub(super) inside: Inside,
    /// Which ones
    #[arg(required = true)]
    pub(super) ids: Vec<TipId>,
    /// Also those that you have not fetched: if nobody else does, nobody will ever read them
    #[arg(long)]
    pub(super) unread: bool,
    /// Gone at once, whoever has not fetched them, as soon as a second reviewer says so, too
    #[arg(long)]
    pub(super) now: bool,
}

/// Takes deletions back, as long as the envelopes are not gone
#[derive(Args)]
pub(super) struct Undelete {
    #[command(flatten)]
    pub(super) inside: Inside,
    /// Which ones
    #[arg(required = true)]
    pub(super) ids: Vec<TipId>,
}

/// Opens envelopes into a folder
#[derive(Args)]
pub(super) struct Open {
    #[command(flatten)]
    pub(super) inside: Inside,
    #[command(flatten)]
    pub(super) which: Which,
    /// A folder is made in here for each tip
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Write files that could not be cleaned, too; they may tell who the source is
    #[arg(long)]
    pub(super) originals: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// Fetched envelopes
    pub(super) ids: Vec<TipId>,
    /// All fetched envelopes that have not been opened yet
    #[arg(long)]
    pub(super) all: bool,
    /// An envelope in a file; needs no gateway and no network
    #[arg(long, value_name = "FILE")]
    pub(super) envelope: Option<PathBuf>,
}

/// Opens the notice in a mail
#[derive(Args)]
pub(super) struct Notice {
    #[command(flatten)]
    pub(super) inside: Inside,
    /// The mail or its body; - for standard input
    pub(super) mail: PathBuf,
}
