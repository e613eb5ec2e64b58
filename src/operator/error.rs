//! What can stop an operator, in one sentence each.

use std::{io, path::PathBuf};

use crate::{
    clock::Day,
    passphrase::PassphraseError,
    publication::PinError,
    roster::{NewsroomId, RosterError},
};

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A file could not be read or written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The publication's folder could not be read or written; the text names the file.
    #[error("{0}")]
    Publication(io::Error),
    /// A roster, card or key was refused.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// A file that somebody brought was refused: a card, a public key, a signature.
    #[error("{path}: {error}", path = path.display())]
    Input {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: RosterError,
    },
    /// A roster waits for its signature.
    #[error(
        "a roster waits in {dir}/pending for its signature; first finish it (`sealpost-operator \
         finish --dir {dir}`) or drop it (`sealpost-operator discard --dir {dir}`)",
        dir = .0.display()
    )]
    Waits(PathBuf),
    /// A signed roster is only partly in its place.
    #[error(
        "a signed roster is only partly in its place; run `sealpost-operator finish --dir {dir}`, \
         which can be repeated",
        dir = .0.display()
    )]
    HalfDone(PathBuf),
    /// No roster waits.
    #[error("nothing waits for a signature in {dir}", dir = .0.display())]
    NothingWaits(PathBuf),
    /// A signature is missing.
    #[error("{path} is missing; sign first: {command}", path = path.display())]
    NotSigned {
        /// Which one.
        path: PathBuf,
        /// How it is made.
        command: String,
    },
    /// A signature by another key than asked for.
    #[error(
        "{path} is a signature by {found}, but {wanted} has to sign; nothing was changed",
        path = path.display()
    )]
    WrongSigner {
        /// The signature's file.
        path: PathBuf,
        /// Whose it is.
        found: NewsroomId,
        /// Whose it should be.
        wanted: NewsroomId,
    },
    /// Two signatures where one belongs.
    #[error("{path} holds two signatures; each key's belongs into a file of its own", path = .0.display())]
    TwoSignatures(PathBuf),
    /// What waits was changed by hand, or the publication was.
    #[error("{path} is not the next roster of this newsroom; discard it and start again", path = path.display())]
    Stale {
        /// What is wrong.
        path: PathBuf,
    },
    /// A choice of signers where there is none.
    #[error(
        "no next newsroom key is announced, so only the present one can sign; leave out --signed-by"
    )]
    NothingAnnounced,
    /// The key that has to sign is not in the folder.
    #[error("the newsroom key {0} is not in this folder; sign outside, with --sign-outside")]
    KeyElsewhere(NewsroomId),
    /// A key cannot be made here when the present one signs elsewhere.
    #[error(
        "the present newsroom key signs outside; make the next one there, too, and give its public \
         half with --new-key FILE.pub"
    )]
    NewKeyElsewhere,
    /// No passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// No pin.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// There is a newsroom already.
    #[error("{path} is there already; choose another folder for a new newsroom", path = .0.display())]
    Exists(PathBuf),
    /// The private key's file is readable for others.
    #[error("{path} can be read by others; chmod 600 it, and ask who may have done so", path = .0.display())]
    Exposed(PathBuf),
    /// Neither an Ed25519 private key in OpenSSH's form, nor under this passphrase.
    #[error("{path} does not open: the passphrase is wrong, or the file is damaged", path = .0.display())]
    WrongPassphrase(PathBuf),
    /// Not a key that we can sign with.
    #[error("{path} is no Ed25519 private key in OpenSSH's format; restore it from its backup", path = .0.display())]
    NotAPrivateKey(PathBuf),
    /// The private key is not the newsroom's.
    #[error("{path} is not the key that signs this newsroom's roster; restore the right one", path = .0.display())]
    OtherKey(PathBuf),
    /// The clock is behind.
    #[error(
        "this machine's clock shows {today}, but the last roster was signed on {issued}; set the \
         clock first"
    )]
    ClockBehind {
        /// What the clock shows.
        today: Day,
        /// The last roster's day.
        issued: Day,
    },
    /// A card's name is taken.
    #[error(
        "{0} is on the roster already; remove {0} first if this card is to replace the old one"
    )]
    NameTaken(String),
    /// A card's key is on the roster under another name.
    #[error("the identity key of {name}'s card is on the roster already, as {taken}'s")]
    KeyTaken {
        /// The card's name.
        name: String,
        /// Whose key it is.
        taken: String,
    },
    /// No fingerprint of those given is the card's.
    #[error(
        "no --fingerprint given is that of {name}'s card; ask {name} over another channel, and do \
         not add a card whose fingerprint differs"
    )]
    NotConfirmed {
        /// The card's name.
        name: String,
    },
    /// The person said no.
    #[error("stopped: {name}'s card was not confirmed, and nothing was changed")]
    Declined {
        /// The card's name.
        name: String,
    },
    /// Nobody to ask.
    #[error("nobody can be asked here; confirm each card by its --fingerprint")]
    NoTerminal,
    /// Verified, but too old.
    #[error("the roster lapsed on {0}; ask the operator for the current publication")]
    Lapsed(Day),
    /// Verified, but for a batch.
    #[error("the sealing keys in keys/{file}.json are refused: {error}")]
    Batch {
        /// The file's name.
        file: String,
        /// Why.
        error: RosterError,
    },
    /// A poster without an address.
    #[error(
        "the roster names no onion address; say with --address where sources find the form: \
         ….onion, or https://…"
    )]
    NoOnion,
    /// A poster with too many.
    #[error(
        "the roster names several onion addresses; say with --address which of them is the form's, \
         not the desk's"
    )]
    SeveralOnions,
}
