//! The program `sealpost-operator`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to the person who started it"
)]

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use super::{
    OperatorError,
    ceremony::Ceremony,
    newsroom_secret::NewsroomSecret,
    poster::{self, PosterLanguage},
    show::Shown,
};
use crate::{
    clock::{Clock, Day, EpochLength, SystemClock},
    disk, passphrase, publication,
    random::SystemEntropy,
    roster::{
        Address, Card, CardFingerprint, MAX_DOCUMENT, ReviewerName, RosterError, UntrustedBatch,
        UntrustedCard,
    },
    secret::SecretText,
};

const KEY: &str = "the newsroom key";

/// Signs who may open a newsroom's tips. Works offline.
#[derive(Parser)]
#[command(name = "sealpost-operator", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a newsroom: its key, an empty roster, and the publication folder
    Init {
        #[command(flatten)]
        folder: Folder,
        /// What the newsroom calls itself; everybody sees it
        #[arg(long)]
        name: String,
        /// Leave the newsroom key unprotected: whoever copies the file can name reviewers
        #[arg(long, conflicts_with = "passphrase_file")]
        no_passphrase: bool,
    },
    /// Add reviewers by their cards and sign the next roster
    Add {
        #[command(flatten)]
        folder: Folder,
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
        /// The reviewer's name on the roster
        #[arg(value_parser = str::parse::<ReviewerName>)]
        name: ReviewerName,
    },
    /// Add or replace an address of the gateway and sign the next roster
    Address {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        address: AddressArgs,
    },
    /// Sign the next roster with nothing changed, good for another 90 days
    Renew {
        #[command(flatten)]
        folder: Folder,
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
struct Folder {
    /// The newsroom's folder
    #[arg(long)]
    dir: PathBuf,
    /// Read the passphrase from this file (mode 0600) instead of asking; the environment variable
    /// SEALPOST_PASSPHRASE_FILE does the same
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Args)]
struct AddressArgs {
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

/// Runs the program with the arguments it was started with.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs the program; the first argument is its name. Gives 0, 1 (failed) or 2 (used wrongly).
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(usage) => {
            // nothing is left to be done if even this cannot be printed
            let _ = usage.print();
            return if usage.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match cli.command.run(SystemClock.now().day()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sealpost-operator: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(self, today: Day) -> Result<(), OperatorError> {
        match self {
            Self::Init { folder, name, no_passphrase } => {
                init(&folder, &name, no_passphrase, today)
            }
            Self::Add { folder, card, fingerprint } => add(&folder, &card, &fingerprint, today),
            Self::Remove { folder, name } => {
                folder.sign(|ceremony, secret| ceremony.remove(&name, secret, today))
            }
            Self::Address { folder, address } => {
                let address = address.parse()?;
                folder.sign(|ceremony, secret| ceremony.address(address, secret, today))
            }
            Self::Renew { folder } => folder.sign(|ceremony, secret| ceremony.renew(secret, today)),
            Self::Show { publication } => show(&publication, today),
            Self::Verify { publication, newsroom_key } => {
                verify(&publication, &newsroom_key, today)
            }
            Self::Poster { dir, language, address, out } => {
                draw_poster(&dir, language, address.as_deref(), out.as_deref())
            }
        }
    }
}

fn init(folder: &Folder, name: &str, no_passphrase: bool, today: Day) -> Result<(), OperatorError> {
    let passphrase = if no_passphrase {
        eprintln!(
            "warning: the newsroom key is not protected; whoever copies it can name reviewers"
        );
        None
    } else {
        Some(passphrase::new(folder.passphrase_file.as_deref(), KEY)?)
    };
    let entropy = SystemEntropy::new();
    let ceremony = Ceremony::init(&folder.dir, name, passphrase.as_ref(), today, &entropy)?;
    println!("The newsroom {name} begins. Its fingerprint, for everybody to pin:");
    println!("  {}", ceremony.publication().newsroom());
    println!("Keep {} offline, with a copy.", folder.dir.display());
    println!("Hand out {}: everything in it is public.", ceremony.folder().display());
    Ok(())
}

fn add(
    folder: &Folder,
    files: &[PathBuf],
    fingerprints: &[CardFingerprint],
    today: Day,
) -> Result<(), OperatorError> {
    let mut ceremony = Ceremony::open(&folder.dir)?;
    let cards = files.iter().map(|file| read_card(file)).collect::<Result<Vec<_>, _>>()?;
    ceremony.may_add(&cards)?;
    for card in &cards {
        confirm(card, fingerprints)?;
        warn_of_missing_keys(card, today);
    }
    let secret = folder.unlock(&ceremony)?;
    ceremony.add(&cards, &secret, today)?;
    signed(&ceremony);
    Ok(())
}

fn read_card(path: &Path) -> Result<Card, OperatorError> {
    let bytes = disk::read_limited(path, MAX_DOCUMENT as u64);
    let bytes = bytes.map_err(|error| OperatorError::File { path: path.to_owned(), error })?;
    let card = UntrustedCard(bytes).verify();
    card.map_err(|error| OperatorError::Card { path: path.to_owned(), error })
}

/// Lets the operator vouch that the card is the reviewer's and nobody else's.
fn confirm(card: &Card, fingerprints: &[CardFingerprint]) -> Result<(), OperatorError> {
    let name = card.name().to_string();
    println!("{name}'s card");
    println!("  fingerprint  {}", card.fingerprint());
    println!("  mail         {}", card.mail().as_str());
    if !fingerprints.is_empty() {
        let given = fingerprints.contains(&card.fingerprint());
        return if given { Ok(()) } else { Err(OperatorError::NotConfirmed { name }) };
    }
    if !io::stdin().is_terminal() {
        return Err(OperatorError::NoTerminal);
    }
    println!(
        "Let {name} read you the fingerprint in person or by voice, never by the way that the"
    );
    println!("card came. It opens every tip from now on to whoever made this card.");
    print!("Type yes if every digit is the same: ");
    let mut answer = String::new();
    let asked = io::stdout().flush().and_then(|()| io::stdin().read_line(&mut answer));
    match asked {
        Ok(_) if answer.trim() == "yes" => Ok(()),
        _ => Err(OperatorError::Declined { name }),
    }
}

fn warn_of_missing_keys(card: &Card, today: Day) {
    let epoch = EpochLength::Week.epoch(today.start());
    let batch = UntrustedBatch(card.batch()).verify(None, card.name(), &card.identity());
    if batch.is_ok_and(|batch| batch.recipient(epoch).is_none()) {
        eprintln!(
            "warning: {}'s card has no sealing key for this week; no tip reaches them until their \
             program has sent newer keys",
            card.name()
        );
    }
}

fn show(folder: &Path, today: Day) -> Result<(), OperatorError> {
    let read = publication::read(folder).map_err(OperatorError::Publication)?;
    let publication = read.verify(read.claimed_newsroom()?)?;
    print!("{}", Shown { publication: &publication, today });
    println!("\nThis is what the folder says of itself. Compare the fingerprint with the one you");
    println!("know, or let `sealpost-operator verify` do it.");
    Ok(())
}

fn verify(folder: &Path, newsroom_key: &str, today: Day) -> Result<(), OperatorError> {
    let pin = publication::read_pin(newsroom_key)?;
    let read = publication::read(folder).map_err(OperatorError::Publication)?;
    let publication = read.verify(pin)?;
    if let Some((file, error)) = publication.refused().first() {
        return Err(OperatorError::Batch { file: file.clone(), error: error.clone() });
    }
    let roster = publication.roster();
    if publication.has_lapsed(today) {
        return Err(OperatorError::Lapsed(roster.lapses()));
    }
    println!(
        "This is the publication of {}: roster {}, {} reviewers, good until {}.",
        roster.newsroom_name(),
        roster.version(),
        roster.reviewers().len(),
        roster.lapses(),
    );
    Ok(())
}

fn draw_poster(
    dir: &Path,
    language: PosterLanguage,
    address: Option<&str>,
    out: Option<&Path>,
) -> Result<(), OperatorError> {
    let publication = poster::publication_in(dir)?;
    let address = poster::address_of(&publication, address)?;
    let page = poster::draw(&publication, &address, language);
    match out {
        Some(path) => disk::write_public(path, page.as_bytes())
            .map_err(|error| OperatorError::File { path: path.to_owned(), error })?,
        None => print!("{page}"),
    }
    let (Address::Onion(shown) | Address::Url { url: shown, .. }) = &address;
    eprintln!("Before you print it, compare with what you know:");
    eprintln!("  fingerprint  {}", publication.newsroom());
    eprintln!("  address      {shown}");
    eprintln!("This must be the form's address, not the desk's: open it in Tor Browser first.");
    Ok(())
}

/// Says what was signed.
fn signed(ceremony: &Ceremony) {
    let roster = ceremony.publication().roster();
    let names: Vec<_> = roster.reviewers().iter().map(|one| one.name.as_str()).collect();
    let who = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    println!("Signed roster {}, good until {}: {who}.", roster.version(), roster.lapses());
    println!("Hand out {} again, whole.", ceremony.folder().display());
}

impl Folder {
    fn unlock(&self, ceremony: &Ceremony) -> Result<NewsroomSecret, OperatorError> {
        let ask = || -> Result<SecretText, OperatorError> {
            Ok(passphrase::existing(self.passphrase_file.as_deref(), KEY)?)
        };
        ceremony.unlock(ask)
    }

    fn sign(
        &self,
        act: impl FnOnce(&mut Ceremony, &NewsroomSecret) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let mut ceremony = Ceremony::open(&self.dir)?;
        let secret = self.unlock(&ceremony)?;
        act(&mut ceremony, &secret)?;
        signed(&ceremony);
        Ok(())
    }
}

impl AddressArgs {
    fn parse(&self) -> Result<Address, RosterError> {
        match (&self.onion, &self.url) {
            (Some(host), _) => Address::onion(host),
            (None, url) => {
                let tls = self.tls.into_iter().chain(self.next).collect();
                Address::url(url.as_deref().unwrap_or_default(), tls)
            }
        }
    }
}
