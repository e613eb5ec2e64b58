//! What a reviewer is called on the roster.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::RosterError;

/// The longest name, in characters.
const MAX_NAME: usize = 40;

/// Name on the roster, which is public and may be a pseudonym: 1 to 40 characters of `a-z`, `0-9`
/// and `-`, beginning with a letter. Safe as a file's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ReviewerName(String);

impl ReviewerName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReviewerName {
    type Err = RosterError;

    fn from_str(text: &str) -> Result<Self, RosterError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let begins_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins_well && text.len() <= MAX_NAME && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RosterError::NotAName)
        }
    }
}

impl TryFrom<String> for ReviewerName {
    type Error = RosterError;

    fn try_from(text: String) -> Result<Self, RosterError> {
        text.parse()
    }
}

impl From<ReviewerName> for String {
    fn from(name: ReviewerName) -> Self {
        name.0
    }
}

impl fmt::Display for ReviewerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_taken() {
        for good in ["a", "mina", "r2-d2", "a-", &"a".repeat(40)] {
            assert_eq!(good.parse::<ReviewerName>().unwrap().as_str(), good);
        }
        for bad in ["", "2a", "-a", "Mina", "mi na", "민아", "a/b", "..", "a.b", &"a".repeat(41)]
        {
            assert!(bad.parse::<ReviewerName>().is_err(), "{bad}");
        }
    }
}
