//! Why a card, a roster, a batch or a signature was not taken.

use super::NewsroomId;

/// A refusal, in one sentence for the person who has to do something about it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RosterError {
    /// The bytes are not exactly what their own content is written as.
    #[error("{what} is not canonical JSON ({why}); take the file as it was signed, unedited")]
    NotCanonical {
        /// What was read.
        what: &'static str,
        /// The rule of the canonical form that it breaks.
        why: &'static str,
    },
    /// Canonical, but not a document of this kind.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Something is wrong with one roster of the chain.
    #[error("roster {version} is refused: {error}")]
    Refused {
        /// The version that the roster's place in the chain asks for.
        version: u32,
        /// What is wrong with it.
        error: Box<Self>,
    },
    /// Not a single roster.
    #[error("the publication holds no roster; ask the operator for the whole folder")]
    NoRoster,
    /// The chain begins with another newsroom's key.
    #[error(
        "the publication belongs to another newsroom: its first roster is signed by {found}, but \
         {pinned} is pinned here"
    )]
    ForeignNewsroom {
        /// Whose it is.
        found: NewsroomId,
        /// Whose it should be.
        pinned: NewsroomId,
    },
    /// A key signed that the roster before did not name.
    #[error("it is signed by {found}, which is not this newsroom's key")]
    ForeignKey {
        /// The fingerprint of the key that signed.
        found: NewsroomId,
    },
    /// A roster names the next newsroom key without that key's signature.
    #[error("it announces the next newsroom key without being signed by both keys")]
    NotSignedByBoth,
    /// The signature is not one over these bytes.
    #[error("the signature does not match; it was altered or forged after signing")]
    BadSignature,
    /// A hardware key signed without anybody there.
    #[error(
        "the hardware key signed without being touched (no user presence); sign again with a key \
         that was made without the option no-touch-required"
    )]
    NoUserPresence,
    /// A hardware key was asked to sign in this process.
    #[error("the key {0} is a hardware key, which this program cannot sign with; sign outside")]
    SignsOutside(NewsroomId),
    /// A signature that was made for something else.
    #[error("the signature was made for another purpose: its namespace is not sealpost-roster")]
    WrongNamespace,
    /// Not a signature file of `ssh-keygen -Y sign`.
    #[error("the signature file is malformed: {0}")]
    MalformedSignature(&'static str),
    /// A roster is missing, or lies in another's place.
    #[error("its content says version {found}; the chain has a gap, so ask for the whole folder")]
    Gap {
        /// The version that the roster itself states.
        found: u32,
    },
    /// The roster names another predecessor than the one that is here.
    #[error("it does not follow the roster before it; the chain was forked")]
    BrokenChain,
    /// The publication is older than one already taken.
    #[error(
        "the publication was rolled back: version {seen} was taken before, this ends at {found}"
    )]
    RolledBack {
        /// The highest version taken before.
        seen: u32,
        /// The highest version in this publication.
        found: u32,
    },
    /// The publication holds another roster of a version than the one already taken.
    #[error("the publication was forked: its roster {version} is not the one taken before")]
    Forked {
        /// The version of which there are two.
        version: u32,
    },
    /// No fingerprint and no public key.
    #[error(
        "not a newsroom key: give its fingerprint (SHA256:…) or its public key file (a line that \
         begins with ssh-ed25519 or sk-ssh-ed25519@openssh.com)"
    )]
    NotANewsroomKey,
    /// The private half was given where the public one belongs.
    #[error(
        "this is the private newsroom key, which must not leave the operator; give the .pub file"
    )]
    PrivateKey,
    /// Not a name that a reviewer can have.
    #[error("a reviewer's name is 1 to 40 characters of a-z, 0-9 and -, beginning with a letter")]
    NotAName,
    /// Not 32 bytes in hexadecimal.
    #[error("an identity key is written as 64 lowercase hexadecimal digits")]
    NotAnIdentityKey,
    /// Not an address that a notice can be sent to.
    #[error("a mail address is written name@host.example in ASCII, at most 254 characters")]
    NotAMailAddress,
    /// Not the fingerprint of a card.
    #[error("a card's fingerprint is 64 hexadecimal digits; spaces between them do not matter")]
    NotAFingerprint,
    /// Neither an onion nor an https address.
    #[error("{0}")]
    NotAnAddress(&'static str),
    /// Nobody of that name is on the roster.
    #[error("{0} is not on the roster")]
    UnknownReviewer(String),
    /// The batch is another reviewer's.
    #[error("the batch of sealing keys is {found}'s; it cannot stand for anyone else")]
    ForeignBatch {
        /// Whose it is.
        found: String,
    },
    /// The batch was signed for another newsroom.
    #[error("the batch of sealing keys was made for another newsroom; make a new one for this one")]
    BatchOfAnotherNewsroom,
    /// The batch's sequence is not above the one already taken, or not what its kind asks for.
    #[error("the batch of sealing keys is out of sequence ({found}); only a later one replaces it")]
    OutOfSequence {
        /// The batch's own number.
        found: u32,
    },
    /// One of the batch's sealing keys is unusable.
    #[error("the sealing key for epoch {epoch} is refused: {reason}")]
    BadRecipient {
        /// The epoch that the key was meant for.
        epoch: u32,
        /// Why it is refused.
        reason: String,
    },
}
