//! Where the gateway can be reached.

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};

use super::{RosterError, hex};

/// An address of the gateway. In JSON `{"onion":"….onion"}` or `{"tls":[HEX,…],"url":"https://…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Document", try_from = "Document")]
pub enum Address {
    /// A version 3 onion service: 56 characters and `.onion`.
    Onion(String),
    /// A TLS listener.
    Url {
        /// `https://host` or `https://host:port`, lowercase, without a path.
        url: String,
        /// SHA-256 of the SubjectPublicKeyInfo of the TLS key: the current one, then the next one
        /// if it is known already.
        tls: Vec<[u8; 32]>,
    },
}

impl Address {
    /// An onion service by its host name.
    pub fn onion(host: &str) -> Result<Self, RosterError> {
        let name = host.strip_suffix(".onion").filter(|name| is_lowercase(name));
        let bytes = name.and_then(|name| BASE32_NOPAD.decode(name.to_uppercase().as_bytes()).ok());
        // rend-spec-v3 §6: public key (32), checksum (2), version (1)
        match bytes.as_deref() {
            Some([rest @ .., 3]) if rest.len() == 34 => Ok(Self::Onion(host.to_owned())),
            _ => Err(RosterError::NotAnAddress(
                "an onion address is 56 characters and .onion, in lowercase, without http://",
            )),
        }
    }

    /// A TLS listener with the hashes of its current and, if known, its next key.
    pub fn url(url: &str, tls: Vec<[u8; 32]>) -> Result<Self, RosterError> {
        let host = url.strip_prefix("https://").filter(|host| is_host_and_port(host));
        if host.is_none() {
            return Err(RosterError::NotAnAddress(
                "a URL is written https://host or https://host:port, in lowercase, without a path",
            ));
        }
        if !(1..=2).contains(&tls.len()) {
            return Err(RosterError::NotAnAddress(
                "a URL comes with the SHA-256 of its TLS public key: the current and the next one",
            ));
        }
        Ok(Self::Url { url: url.to_owned(), tls })
    }
}

fn is_lowercase(text: &str) -> bool {
    !text.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_is_well = port.is_none_or(|port| {
        // u16 reads a sign and leading zeros, which have another spelling
        port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
    });
    port_is_well && is_host(host)
}

fn is_host(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return v6.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.to_string() == v6);
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_label = |part: &str| (1..=63).contains(&part.len()) && part.bytes().all(plain);
    host.len() <= 253 && host.split('.').all(is_label)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    onion: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl From<Address> for Document {
    fn from(address: Address) -> Self {
        match address {
            Address::Onion(host) => Self { onion: Some(host), tls: None, url: None },
            Address::Url { url, tls } => {
                let tls = tls.iter().map(|hash| hex::encode(hash)).collect();
                Self { onion: None, tls: Some(tls), url: Some(url) }
            }
        }
    }
}

impl TryFrom<Document> for Address {
    type Error = RosterError;

    fn try_from(document: Document) -> Result<Self, RosterError> {
        match document {
            Document { onion: Some(host), tls: None, url: None } => Self::onion(&host),
            Document { onion: None, tls: Some(tls), url: Some(url) } => {
                let tls: Option<_> = tls.iter().map(|hash| hex::decode(hash)).collect();
                let tls = tls.ok_or(RosterError::NotAnAddress(
                    "the SHA-256 of a TLS public key is written as 64 lowercase hexadecimal digits",
                ))?;
                Self::url(&url, tls)
            }
            _ => {
                Err(RosterError::NotAnAddress("an address is an onion, or a URL with its TLS keys"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // the Tor project's own, from its public list of onion services
    const ONION: &str = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";

    #[test]
    fn onions_are_of_version_3() {
        assert_eq!(Address::onion(ONION).unwrap(), Address::Onion(ONION.into()));
        for bad in [
            "",
            ".onion",
            "expyuzz4wqqyqhjn.onion",
            &ONION[1..],
            &ONION.to_uppercase(),
            &format!("http://{ONION}"),
            &format!("{ONION}/"),
            &ONION.replace("wid.", "wia."),
        ] {
            assert!(Address::onion(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_are_https_and_have_no_path() {
        for good in [
            "https://tips.example.org",
            "https://127.0.0.1:8443",
            "https://[::1]:8443",
            "https://[2001:db8::1]",
            "https://a",
        ] {
            assert!(Address::url(good, vec![[1; 32]]).is_ok(), "{good}");
            assert!(Address::url(good, vec![]).is_err());
            assert!(Address::url(good, vec![[1; 32]; 3]).is_err());
        }
        for bad in [
            "",
            "https://",
            "http://a",
            "https://a/",
            "https://a:",
            "https://a:0",
            "https://a:080",
            "https://a:+80",
            "https://a:65536",
            "https://b@a",
            "https://A",
            "https://a b",
            "https://a..b",
            "https://[::1",
            "https://[0:0:0:0:0:0:0:1]",
            "https://a?b",
        ] {
            assert!(Address::url(bad, vec![[1; 32]]).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_one_or_the_other() {
        let read = |text: &str| serde_json::from_str::<Address>(text);
        let url = Address::url("https://a", vec![[0xab; 32], [1; 32]]).unwrap();
        for address in [Address::Onion(ONION.into()), url] {
            assert_eq!(read(&serde_json::to_string(&address).unwrap()).unwrap(), address);
        }
        let hash = "00".repeat(32);
        for bad in [
            "{}".to_owned(),
            format!(r#"{{"onion":"{ONION}","url":"https://a","tls":["{hash}"]}}"#),
            r#"{"url":"https://a"}"#.to_owned(),
            format!(r#"{{"tls":["{hash}"]}}"#),
            format!(r#"{{"url":"https://a","tls":["{hash}"],"more":"x"}}"#),
            r#"{"url":"https://a","tls":["AB"]}"#.to_owned(),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }
}
