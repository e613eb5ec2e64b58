//! The private address book: where each reviewer's notices go. It lies beside the publication and
//! never in it; only the operator writes it and only the gateway reads it.

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{ReviewerName, RosterError};

/// RFC 5321 §4.5.3.1.3, less the angle brackets.
const MAX_MAIL: usize = 254;

/// A mail address: ASCII, `name@host.example`. It has no `Debug` and no `Display`, because a
/// person's address belongs into no log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MailAddress(String);

impl MailAddress {
    /// The address, for an envelope's recipient and nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailAddress {
    type Err = RosterError;

    /// The form that RFC 5321 §4.1.2 calls `Dot-string@Domain`: no quoting, no comments, no
    /// address literal, and so nothing that could add a header or a second recipient.
    fn from_str(text: &str) -> Result<Self, RosterError> {
        let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
        let is_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let dotted = |text: &str, plain: &dyn Fn(u8) -> bool| {
            text.split('.').all(|part| !part.is_empty() && part.bytes().all(plain))
        };
        let parts = text.split_once('@').filter(|_| text.len() <= MAX_MAIL);
        let well =
            parts.is_some_and(|(name, host)| dotted(name, &is_atom) && dotted(host, &is_label));
        if well { Ok(Self(text.to_owned())) } else { Err(RosterError::NotAMailAddress) }
    }
}

impl From<MailAddress> for String {
    fn from(mail: MailAddress) -> Self {
        mail.0
    }
}

impl TryFrom<String> for MailAddress {
    type Error = RosterError;

    fn try_from(text: String) -> Result<Self, RosterError> {
        text.parse()
    }
}

/// The file `addresses.json`:
/// `{"format": "sealpost-addresses-v1", "addresses": {"mina": "mina@example.org"}}`.
#[derive(Default)]
pub struct AddressBook(BTreeMap<ReviewerName, MailAddress>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: Format,
    addresses: BTreeMap<ReviewerName, MailAddress>,
}

#[derive(Serialize, Deserialize)]
enum Format {
    #[serde(rename = "sealpost-addresses-v1")]
    V1,
}

impl AddressBook {
    /// Reads the file's content. It is not signed, so its spelling is free.
    pub fn parse(bytes: &[u8]) -> Result<Self, RosterError> {
        let document: Document = serde_json::from_slice(bytes).map_err(|error| {
            // the place only: serde's own words could quote an address
            let reason = format!("see line {}, column {}", error.line(), error.column());
            RosterError::Malformed { what: "the address book", reason }
        })?;
        Ok(Self(document.addresses))
    }

    /// The file's content.
    #[expect(clippy::expect_used, reason = "members are strings, which never fails")]
    pub fn to_bytes(&self) -> Vec<u8> {
        let document = Document { format: Format::V1, addresses: self.0.clone() };
        let mut bytes = serde_json::to_vec_pretty(&document).expect("members are strings");
        bytes.push(b'\n');
        bytes
    }

    /// Where `reviewer`'s notices go.
    pub fn get(&self, reviewer: &ReviewerName) -> Option<&MailAddress> {
        self.0.get(reviewer)
    }

    /// Adds or replaces a reviewer's address.
    pub fn insert(&mut self, reviewer: ReviewerName, mail: MailAddress) {
        self.0.insert(reviewer, mail);
    }

    /// Forgets a reviewer's address.
    pub fn remove(&mut self, reviewer: &ReviewerName) {
        self.0.remove(reviewer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_taken() {
        for good in ["a@b", "mina.kim+tips@mail.example.org", "r_2@xn--9t4b11yi5a.example"] {
            assert_eq!(good.parse::<MailAddress>().ok().unwrap().as_str(), good);
        }
        let long = format!("{}@example.org", "a".repeat(250));
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a b@c",
            "a@b@c",
            "a@b\r\nBcc: x@y",
            "<a@b>",
            "\"a\"@b",
            "a@[1]",
            ".a@b",
            "a..b@c",
            "a@b.",
            "a,b@c",
            "민아@example.org",
            "a@\u{1f}",
            &long,
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn it_reads_as_it_was_written_and_quotes_no_address() {
        let mina: ReviewerName = "mina".parse().unwrap();
        let mut book = AddressBook::default();
        book.insert(mina.clone(), "mina@example.org".parse().ok().unwrap());
        let bytes = book.to_bytes();
        let read = AddressBook::parse(&bytes).ok().unwrap();
        assert_eq!(read.get(&mina).unwrap().as_str(), "mina@example.org");

        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("-v1", "-v2"),
            ("\"format\"", "\"secret@x.y\": 1, \"format\""),
            ("mina@example.org", "secret@@x.y"),
            ("\"mina@example.org\"", "{\"secret@x.y\": 1}"),
        ] {
            let refused = AddressBook::parse(text.replace(from, to).as_bytes()).err().unwrap();
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }
}
