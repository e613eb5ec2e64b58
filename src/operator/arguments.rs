//! What `sealpost-operator` is told on its command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::poster::PosterLanguage;
use crate::roster::{Address, CardFingerprint, ReviewerName, RosterError, SignedBy};

/// Signs who may open a newsroom's tips. Works offline.
#[derive(Parser)]
#[command(name = "sealpost-operator", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a newsroom: its key, an empty roster, and the publication folder
    Init {
        #[command(flatten)]
        folder: Folder,
        /// What the newsroom calls itself; everybody sees it
        #[arg(long)]
        name: String,
        /// The public half of a newsroom key that was made elsewhere (`ssh-keygen -t ed25519` or
        /// `-t ed25519-sk`) and stays there, instead of making one here
        #[arg(long, value_name = "FILE.pub", conflicts_with_all = ["passphrase_file", "no_passphrase"])]
        newsroom_key: Option<PathBuf>,
        /// Leave the newsroom key unprotected: whoever copies the file can name reviewers
        #[arg(long, conflicts_with = "passphrase_file")]
        no_passphrase: bool,
    },
    /// Add reviewers by their cards and sign the next roster
    Add {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        signing: Signing,
        /// The fingerprint of a card, as its reviewer told it over another channel than the card
        /// came by; once for each card, instead of being asked. Copying it from the card's own file
        /// confirms nothing
        #[arg(long, value_name = "HEX", value_parser = str::parse::<CardFingerprint>)]
        fingerprint: Vec<CardFingerprint>,
        /// Card files that `sealpost-reviewer init` made
        #[arg(required = true)]
        card: Vec<PathBuf>,
    },
    /// Remove a reviewer and sign the next roster: the very next tip is no longer sealed to them
    Remove {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        signing: Signing,
        /// The reviewer's name on the roster
        #[arg(value_parser = str::parse::<ReviewerName>)]
        name: ReviewerName,
    },
    /// Add or replace an address of the gateway and sign the next roster
    Address {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        address: AddressArgs,
    },
    /// Sign the next roster with nothing changed, good for another 90 days
    Renew {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        signing: Signing,
    },
    /// Announce the next newsroom key, in a roster that both keys sign; it signs the one after
    ChangeKey {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        signing: Signing,
        /// The public half of a key that was made elsewhere, instead of making one here
        #[arg(long, value_name = "FILE.pub", conflicts_with_all = ["new_passphrase_file", "no_passphrase"])]
        new_key: Option<PathBuf>,
        /// Read the new key's passphrase from this file (mode 0600) instead of asking
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// Leave the new key unprotected: whoever copies the file can name reviewers
        #[arg(long, conflicts_with = "new_passphrase_file")]
        no_passphrase: bool,
    },
    /// Check the signatures of the roster that waits, and put everything into its place
    Finish {
        /// The newsroom's folder
        #[arg(long)]
        dir: PathBuf,
    },
    /// Drop the roster that waits for its signature
    Discard {
        /// The newsroom's folder
        #[arg(long)]
        dir: PathBuf,
    },
    /// Show a publication
    Show {
        /// The publication's folder
        publication: PathBuf,
    },
    /// Check a publication against the newsroom key you know: every signature from the first on
    Verify {
        /// The publication's folder
        publication: PathBuf,
        /// The newsroom's public key file, or its fingerprint (SHA256:…)
        #[arg(long, value_name = "FILE|FINGERPRINT")]
        newsroom_key: String,
    },
    /// Draw a page to print: the form's address, the newsroom's fingerprint, and how to check both
    Poster {
        /// The newsroom's folder, or a publication's
        #[arg(long)]
        dir: PathBuf,
        /// The language of the page
        #[arg(long)]
        language: PosterLanguage,
        /// Where sources find the form (….onion or https://…), if it is not the roster's only onion
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
        /// Write the page (SVG) to this file and not to standard output
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

#[derive(Args)]
pub(super) struct Folder {
    /// The newsroom's folder
    #[arg(long)]
    pub(super) dir: PathBuf,
    /// Read the passphrase from this file (mode 0600) instead of asking; the environment variable
    /// SEALPOST_PASSPHRASE_FILE does the same
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Signing {
    /// Sign with `ssh-keygen` outside this program: the roster waits in DIR/pending until `finish`.
    /// So it is by itself where the newsroom key's file is not in DIR, or is a hardware key's
    #[arg(long)]
    pub(super) sign_outside: bool,
    /// While a next newsroom key is announced, who signs this roster
    #[arg(long, value_name = "WHO")]
    signed_by: Option<Who>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Who {
    /// The next key, which takes over (as without this option)
    Next,
    /// The present key alone; the next one is no longer announced
    Present,
    /// Both: the present key goes on, the next one stands by
    Both,
}

impl Signing {
    pub(super) fn signed_by(&self) -> Option<SignedBy> {
        self.signed_by.map(|who| match who {
            Who::Next => SignedBy::Next,
            Who::Present => SignedBy::Present,
            Who::Both => SignedBy::Both,
        })
    }
}

#[derive(Args)]
pub(super) struct AddressArgs {
    /// An onion service: its host name
    #[arg(long, value_name = "HOST", required_unless_present = "url", conflicts_with = "url")]
    onion: Option<String>,
    /// A TLS listener: https://host:port
    #[arg(long, requires = "tls")]
    url: Option<String>,
    /// SHA-256 of the listener's TLS public key, as `sealpost-gateway init` prints it
    #[arg(long, value_name = "HEX", requires = "url", value_parser = tls_key)]
    tls: Option<TlsKey>,
    /// SHA-256 of the TLS public key that will replace it
    #[arg(long, value_name = "HEX", requires = "url", value_parser = tls_key)]
    next: Option<TlsKey>,
}

type TlsKey = [u8; 32];

fn tls_key(text: &str) -> Result<TlsKey, &'static str> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or("64 hexadecimal digits are expected")
}

impl AddressArgs {
    pub(super) fn parse(&self) -> Result<Address, RosterError> {
        match (&self.onion, &self.url) {
            (Some(host), _) => Address::onion(host),
            (None, url) => {
                let tls = self.tls.into_iter().chain(self.next).collect();
                Address::url(url.as_deref().unwrap_or_default(), tls)
            }
        }
    }
}
