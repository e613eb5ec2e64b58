//! The program `sealpost-operator`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to the person who started it"
)]

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use clap::Parser as _;

use super::{
    OperatorError,
    arguments::{Cli, Command, Folder, Signing},
    ceremony::Ceremony,
    draft::{Draft, NewKey},
    layout,
    poster::{self, PosterLanguage},
    show::Shown,
    tell,
};
use crate::{
    clock::{Clock, Day, EpochLength, SystemClock},
    disk, passphrase, publication,
    random::SystemEntropy,
    roster::{Address, Card, CardFingerprint, MAX_DOCUMENT, UntrustedBatch, UntrustedCard},
    secret::SecretText,
};

const KEY: &str = "the newsroom key";
const NEXT_KEY: &str = "the next newsroom key";

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
            Self::Init { folder, name, newsroom_key: Some(file), .. } => {
                init_outside(&folder, &name, &file, today)
            }
            Self::Init { folder, name, no_passphrase, .. } => {
                init(&folder, &name, no_passphrase, today)
            }
            Self::Add { folder, signing, card, fingerprint } => {
                let cards =
                    card.iter().map(|file| read_card(file)).collect::<Result<Vec<_>, _>>()?;
                act(&folder, &signing, today, |draft| {
                    let draft = draft.add_reviewers(&cards)?;
                    confirm_all(&cards, &fingerprint, today)?;
                    Ok(draft)
                })
            }
            Self::Remove { folder, signing, name } => {
                act(&folder, &signing, today, |draft| draft.remove(&name))
            }
            Self::Address { folder, signing, address } => {
                let address = address.parse()?;
                act(&folder, &signing, today, |draft| Ok(draft.address(address)))
            }
            Self::Renew { folder, signing } => act(&folder, &signing, today, Ok),
            Self::ChangeKey { folder, signing, new_key: Some(file), .. } => {
                change_key_outside(&folder, &signing, &file, today)
            }
            Self::ChangeKey { folder, signing, new_passphrase_file, no_passphrase, .. } => {
                change_key(&folder, &signing, new_passphrase_file.as_deref(), no_passphrase, today)
            }
            Self::Finish { dir } => finish(&dir),
            Self::Discard { dir } => discard(&dir),
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
    let passphrase = new_passphrase(folder.passphrase_file.as_deref(), no_passphrase, KEY)?;
    let entropy = SystemEntropy::new();
    let ceremony = Ceremony::init(&folder.dir, name, passphrase.as_ref(), today, &entropy)?;
    tell::begun(&ceremony, &folder.dir);
    Ok(())
}

fn init_outside(folder: &Folder, name: &str, file: &Path, today: Day) -> Result<(), OperatorError> {
    let key = layout::read_public_key(file)?;
    let waiting = Ceremony::init_outside(&folder.dir, name, key.clone(), today)?;
    tell::waits(&waiting, &folder.dir, Some((&key, file)));
    Ok(())
}

/// Makes the next roster, and has it signed: here, if the keys that must sign are here, or outside.
fn act(
    folder: &Folder,
    signing: &Signing,
    today: Day,
    change: impl FnOnce(Draft) -> Result<Draft, OperatorError>,
) -> Result<(), OperatorError> {
    let mut ceremony = Ceremony::open(&folder.dir)?;
    let draft = change(ceremony.next(today, signing.signed_by())?)?;
    if signing.sign_outside || !ceremony.signs_here(&draft) {
        tell::waits(&ceremony.wait(&draft)?, &folder.dir, None);
        return Ok(());
    }
    sign(folder, &mut ceremony, &draft)
}

fn sign(folder: &Folder, ceremony: &mut Ceremony, draft: &Draft) -> Result<(), OperatorError> {
    let unlock = |key| {
        let ask = || Ok(passphrase::existing(folder.passphrase_file.as_deref(), KEY)?);
        ceremony.unlock(key, ask)
    };
    let unlocked = draft.known_signers().map(unlock).collect::<Result<Vec<_>, _>>()?;
    ceremony.sign(draft, &unlocked)?;
    tell::signed(ceremony, &folder.dir);
    Ok(())
}

fn change_key(
    folder: &Folder,
    signing: &Signing,
    new_passphrase_file: Option<&Path>,
    no_passphrase: bool,
    today: Day,
) -> Result<(), OperatorError> {
    let mut ceremony = Ceremony::open(&folder.dir)?;
    let draft = ceremony.next(today, signing.signed_by())?;
    if signing.sign_outside || !ceremony.signs_here(&draft) {
        return Err(OperatorError::NewKeyElsewhere);
    }
    let passphrase = new_passphrase(new_passphrase_file, no_passphrase, NEXT_KEY)?;
    let key = NewKey::generate(passphrase.as_ref(), &SystemEntropy::new());
    sign(folder, &mut ceremony, &draft.change_key(key))
}

fn change_key_outside(
    folder: &Folder,
    signing: &Signing,
    file: &Path,
    today: Day,
) -> Result<(), OperatorError> {
    let key = layout::read_public_key(file)?;
    let ceremony = Ceremony::open(&folder.dir)?;
    let draft = ceremony.next(today, signing.signed_by())?;
    let draft = draft.change_key(NewKey::Elsewhere(key.clone()));
    tell::waits(&ceremony.wait(&draft)?, &folder.dir, Some((&key, file)));
    Ok(())
}

fn finish(dir: &Path) -> Result<(), OperatorError> {
    let ceremony = Ceremony::finish(dir)?;
    if ceremony.publication().roster().version() == 1 {
        tell::begun(&ceremony, dir);
    } else {
        tell::signed(&ceremony, dir);
    }
    Ok(())
}

fn discard(dir: &Path) -> Result<(), OperatorError> {
    Ceremony::discard(dir)?;
    println!("Dropped the roster that waited for its signature. Nothing else was changed.");
    Ok(())
}

fn new_passphrase(
    file: Option<&Path>,
    no_passphrase: bool,
    key: &str,
) -> Result<Option<SecretText>, OperatorError> {
    if no_passphrase {
        eprintln!("warning: {key} is not protected; whoever copies it can name reviewers");
        return Ok(None);
    }
    Ok(Some(passphrase::new(file, key)?))
}

fn confirm_all(
    cards: &[Card],
    fingerprints: &[CardFingerprint],
    today: Day,
) -> Result<(), OperatorError> {
    for card in cards {
        confirm(card, fingerprints)?;
        warn_of_missing_keys(card, today);
    }
    Ok(())
}

fn read_card(path: &Path) -> Result<Card, OperatorError> {
    let bytes = disk::read_limited(path, MAX_DOCUMENT as u64);
    let bytes = bytes.map_err(|error| OperatorError::File { path: path.to_owned(), error })?;
    let card = UntrustedCard(bytes).verify();
    card.map_err(|error| OperatorError::Input { path: path.to_owned(), error })
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
