//! Which way to the gateway: an address of the roster, or one given by hand.

use reqwest::Url;

use super::{state::Joined, tls::Pin};
use crate::{
    desk::authority_of,
    roster::{Address, Roster},
};

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Scheme and authority, without a slash at the end.
    pub base: String,
    /// Host and port as they are signed.
    pub authority: String,
    /// The TLS keys that are accepted there; none for an onion.
    pub pins: Vec<Pin>,
    /// `host:port` of a SOCKS 5 proxy.
    pub socks: Option<String>,
}

/// Why there is no way to the gateway.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoRoute {
    /// The roster has no address of a kind that can be used.
    #[error(
        "the roster names no address that can be reached{}: give one with `join --gateway URL`",
        if *.without_socks { " without Tor (`join --socks 127.0.0.1:9050`)" } else { "" }
    )]
    NoAddress {
        /// No proxy was given.
        without_socks: bool,
    },
    /// Not `https://host[:port]`, or `http://` with an onion.
    #[error("{0} is no gateway's address: write https://HOST[:PORT], or http://….onion")]
    BadUrl(String),
    /// Nothing says which key the server must have.
    #[error("the roster names no TLS key for {0}: ask the operator for a roster that does")]
    Unpinned(String),
    /// An onion without a proxy.
    #[error("{0} is reached through Tor only: give its proxy with `join --socks 127.0.0.1:9050`")]
    NeedsSocks(String),
}

impl Route {
    /// The gateway given by hand if there is one; else the roster's first onion where there is a
    /// proxy, and its first URL where there is none.
    pub fn choose(roster: &Roster, joined: &Joined) -> Result<Self, NoRoute> {
        Self::among(roster.addresses(), joined.gateway.as_deref(), joined.socks.as_deref())
    }

    fn among(
        addresses: &[Address],
        by_hand: Option<&str>,
        socks: Option<&str>,
    ) -> Result<Self, NoRoute> {
        let onion = || {
            addresses.iter().find_map(|address| match address {
                Address::Onion(host) => Some(format!("http://{host}")),
                Address::Url { .. } => None,
            })
        };
        let url = || {
            addresses.iter().find_map(|address| match address {
                Address::Url { url, .. } => Some(url.clone()),
                Address::Onion(_) => None,
            })
        };
        let chosen = by_hand
            .map(str::to_owned)
            .or_else(|| socks.and_then(|_| onion()))
            .or_else(url)
            .ok_or(NoRoute::NoAddress { without_socks: socks.is_none() })?;
        Self::to(&chosen, addresses, socks)
    }

    fn to(text: &str, addresses: &[Address], socks: Option<&str>) -> Result<Self, NoRoute> {
        let bad = || NoRoute::BadUrl(text.to_owned());
        let url = Url::parse(text).map_err(|_| bad())?;
        let is_onion = url.host_str().is_some_and(|host| host.ends_with(".onion"));
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !matches!((url.scheme(), is_onion), ("https", _) | ("http", true)) {
            return Err(bad());
        }
        // the URL as the HTTP client will write it, so that both sign the same authority
        let authority = authority_of(url.as_str()).ok_or_else(bad)?;
        if is_onion && socks.is_none() {
            return Err(NoRoute::NeedsSocks(authority));
        }
        let pins = pins(&authority, addresses);
        if url.scheme() == "https" && pins.is_empty() {
            return Err(NoRoute::Unpinned(authority));
        }
        Ok(Self {
            base: format!("{}://{authority}", url.scheme()),
            authority,
            pins,
            socks: socks.map(str::to_owned),
        })
    }
}

/// The keys that the roster names for this address; for one that it does not name, all its keys:
/// they are the gateway's, wherever it is reached.
fn pins(authority: &str, addresses: &[Address]) -> Vec<Pin> {
    let named = addresses.iter().filter_map(|address| match address {
        Address::Url { url, tls } => Some((authority_of(url), tls)),
        Address::Onion(_) => None,
    });
    let own: Vec<Pin> = named
        .clone()
        .filter(|(of, _)| of.as_deref() == Some(authority))
        .flat_map(|(_, tls)| tls.iter().copied())
        .collect();
    if own.is_empty() { named.flat_map(|(_, tls)| tls.iter().copied()).collect() } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Vec<Address> {
        vec![
            Address::Url { url: "https://One.example/".into(), tls: vec![[1; 32], [2; 32]] },
            Address::Onion("abc.onion".into()),
            Address::Url { url: "https://two.example:8443".into(), tls: vec![[3; 32]] },
        ]
    }

    fn route(by_hand: Option<&str>, socks: Option<&str>) -> Result<Route, NoRoute> {
        Route::among(&addresses(), by_hand, socks)
    }

    #[test]
    fn the_roster_says_where_and_with_which_key() {
        let first = route(None, None).unwrap();
        assert_eq!(
            (first.base.as_str(), first.authority.as_str()),
            ("https://one.example", "one.example")
        );
        assert_eq!(first.pins, [[1; 32], [2; 32]]);
        let second = route(Some("https://two.example:8443/"), None).unwrap();
        assert_eq!((second.authority.as_str(), second.pins), ("two.example:8443", vec![[3; 32]]));
        // an address of one's own leads to the same keys
        let own = route(Some("https://127.0.0.1:9"), None).unwrap();
        assert_eq!(own.pins, [[1; 32], [2; 32], [3; 32]]);
    }

    #[test]
    fn an_onion_is_reached_through_a_proxy() {
        let onion = route(None, Some("127.0.0.1:9050")).unwrap();
        assert_eq!(onion.base, "http://abc.onion");
        assert_eq!(onion.socks.as_deref(), Some("127.0.0.1:9050"));
        let without = route(Some("http://abc.onion"), None);
        assert_eq!(without, Err(NoRoute::NeedsSocks("abc.onion".into())));
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "http://one.example",
            "https://one.example/desk",
            "https://one.example/?q",
            "https://me@one.example",
            "ftp://one.example",
            "one.example",
        ] {
            assert_eq!(route(Some(text), None), Err(NoRoute::BadUrl(text.into())), "{text}");
        }
        let unpinned = Route::among(&[], Some("https://one.example"), None);
        assert_eq!(unpinned, Err(NoRoute::Unpinned("one.example".into())));
        let nowhere = Route::among(&[], None, None);
        assert_eq!(nowhere, Err(NoRoute::NoAddress { without_socks: true }));
    }
}
