//! What the store found amiss, told in one line each.

use std::{fmt, path::PathBuf};

/// Something the store found amiss and what it did about it. `Display` gives the operator's line;
/// paths are relative to the store's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Files of an interrupted run lay in `tmp/`.
    Leftovers {
        /// How many.
        count: u64,
    },
    /// A file whose content is not what was stored.
    Damaged {
        /// Where it was.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// Where it is now.
        moved_to: PathBuf,
    },
    /// A tombstone whose content was damaged: its name says all, and it was written again.
    TombstoneRepaired {
        /// Where it is.
        file: PathBuf,
    },
    /// A file that the operating system does not give out.
    Unreadable {
        /// Where it is.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// An envelope that the index knows, and whose file is gone though nobody has deleted it.
    Lost {
        /// Where it was.
        file: PathBuf,
    },
    /// The same, taken out of the index by `verify`.
    GivenUp {
        /// Where it was.
        file: PathBuf,
    },
    /// A file that is not the store's.
    Foreign {
        /// Where it is.
        file: PathBuf,
    },
    /// Deletions that an interrupted run had begun.
    DeletionsFinished {
        /// How many.
        count: u64,
    },
    /// The index lacked some entries or had too many.
    IndexAligned {
        /// Entries put in or put right.
        added: u64,
        /// Entries taken out.
        removed: u64,
    },
    /// The index could not be read and was made anew.
    IndexRebuilt {
        /// What was wrong with it.
        reason: String,
    },
    /// The index cannot be used at all; lists are read from the files, which takes longer.
    IndexOff {
        /// What is wrong with it.
        reason: String,
    },
    /// An index that could not be used has been made anew while serving.
    IndexMended,
    /// Envelopes of past days are not yet written anew.
    TurnPostponed {
        /// Why not.
        reason: String,
    },
    /// The file system does not let a folder be put in order.
    NamesUnordered {
        /// What it says.
        reason: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leftovers { count } => {
                write!(f, "removed {count} unfinished file(s) of an interrupted run from tmp")
            }
            Self::Damaged { file, reason, moved_to } => write!(
                f,
                "{} is damaged ({reason}) and was moved to {}: check the disk, and restore the \
                 file from a backup",
                file.display(),
                moved_to.display()
            ),
            Self::TombstoneRepaired { file } => {
                write!(
                    f,
                    "{} was damaged and has been written again: check the disk",
                    file.display()
                )
            }
            Self::Unreadable { file, reason } => write!(
                f,
                "{} cannot be read ({reason}) and was left where it is: check the disk and the \
                 file's owner",
                file.display()
            ),
            Self::Lost { file } => write!(
                f,
                "{} is gone and was never deleted; it stays listed and its keys are kept: check \
                 the disk, and restore the file from a backup",
                file.display()
            ),
            Self::GivenUp { file } => write!(
                f,
                "{} was lost, without having been deleted, and is listed no longer: if a backup \
                 has it, restore it before its keys are destroyed",
                file.display()
            ),
            Self::Foreign { file } => {
                write!(f, "{} is not the store's and was left alone: remove it", file.display())
            }
            Self::DeletionsFinished { count } => {
                write!(f, "finished {count} deletion(s) that an interrupted run had begun")
            }
            Self::IndexAligned { added, removed } => write!(
                f,
                "brought the index in line with the files: {added} entries added, {removed} removed"
            ),
            Self::IndexRebuilt { reason } => {
                write!(f, "the index could not be read ({reason}) and was made anew from the files")
            }
            Self::IndexOff { reason } => write!(
                f,
                "the index cannot be used ({reason}); lists are read from the files until it \
                 can be made anew, which takes longer: check the disk's free space"
            ),
            Self::IndexMended => write!(f, "the index has been made anew from the files"),
            Self::TurnPostponed { reason } => write!(
                f,
                "the files of past days are not yet written anew ({reason}) and may still tell in \
                 which order tips came; it is tried again"
            ),
            Self::NamesUnordered { reason } => write!(
                f,
                "the envelopes' folders cannot be put in order of id ({reason}) and may tell in \
                 which order tips came: use a file system that can exchange folders, such as ext4"
            ),
        }
    }
}
