//! What changed between two versions of the roster, for a person to look at.

use std::{collections::BTreeMap, fmt};

use crate::roster::{Address, IdentityKey, Publication, ReviewerName, Roster};

/// The changes from one version of the roster to a later one, version by version: somebody who was
/// added and removed in between is told, too. `Display` has a line for each change.
pub struct Changes<'a>(Vec<Step<'a>>);

struct Step<'a> {
    from: &'a Roster,
    to: &'a Roster,
}

impl<'a> Changes<'a> {
    /// From version `from` to the one in force; nothing, if that is the same or not in the chain.
    pub fn since(publication: &'a Publication, from: u32) -> Option<Self> {
        let chain: Vec<&Roster> =
            publication.history().skip_while(|roster| roster.version() != from).collect();
        let steps = chain.iter().zip(chain.iter().skip(1)).map(|(from, to)| Step { from, to });
        let steps: Vec<Step<'_>> = steps.collect();
        (!steps.is_empty()).then_some(Self(steps))
    }
}

impl fmt::Display for Changes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            let (version, issued, lapses) = (step.to.version(), step.to.issued(), step.to.lapses());
            writeln!(f, "Roster {version}, signed {issued}, good until {lapses}:")?;
            let lines = step.lines();
            if lines.is_empty() {
                writeln!(f, "  nothing else is different")?;
            }
            lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

impl Step<'_> {
    fn lines(&self) -> Vec<String> {
        let Self { from, to } = self;
        let mut lines = Vec::new();
        if from.newsroom_name() != to.newsroom_name() {
            lines.push(format!("the newsroom is now called {}", to.newsroom_name()));
        }
        if from.newsroom_key() != to.newsroom_key() {
            lines.push(format!("the newsroom key is now {}", to.newsroom_key().id()));
        }
        match (from.next_newsroom_key(), to.next_newsroom_key()) {
            (before, Some(next)) if before != Some(next) => {
                lines.push(format!("the next newsroom key is announced: {}", next.id()));
            }
            (Some(before), None) if before != to.newsroom_key() => {
                lines.push(format!("no longer to be the next newsroom key: {}", before.id()));
            }
            _ => {}
        }
        let (before, after) = (people(from), people(to));
        for (name, identity) in &after {
            match before.get(name) {
                None => {
                    lines.push(format!("+ {name} opens tips from now on; identity key {identity}"));
                }
                Some(same) if same == identity => {}
                Some(_) => lines.push(format!("! {name} has another identity key: {identity}")),
            }
        }
        let left = before.keys().filter(|name| !after.contains_key(*name));
        lines.extend(left.map(|name| format!("- {name} opens no tips any more")));
        let (before, after) = (from.addresses(), to.addresses());
        let new = after.iter().filter(|address| !before.contains(address));
        lines.extend(new.map(|address| format!("+ the gateway is at {}", shown(address))));
        let old = before.iter().filter(|address| !after.contains(address));
        lines
            .extend(old.map(|address| format!("- the gateway is no longer at {}", shown(address))));
        lines
    }
}

fn people(roster: &Roster) -> BTreeMap<&ReviewerName, IdentityKey> {
    roster.reviewers().iter().map(|one| (&one.name, one.identity)).collect()
}

fn shown(address: &Address) -> String {
    match address {
        Address::Onion(host) => host.clone(),
        Address::Url { url, tls } => {
            let hex = |key: &[u8; 32]| data_encoding::HEXLOWER.encode(key.get(..8).unwrap_or(key));
            let keys: Vec<String> = tls.iter().map(hex).collect();
            format!("{url} (TLS key {}…)", keys.join("…, then "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::testing::{Newsroom, Person, TODAY};

    /// Version 2 has eve on it, version 3 does not.
    fn renewed_with_a_guest(newsroom: &Newsroom) -> crate::roster::UntrustedPublication {
        let eve = Person::new("eve");
        let mut files = newsroom.publication();
        newsroom.extend(&mut files, |next| next.with_reviewer(eve.name(), eve.identity()));
        newsroom.extend(&mut files, |next| next.without_reviewer(&eve.name()).unwrap());
        files
    }

    #[test]
    fn every_change_has_its_line() {
        let newsroom = Newsroom::new(1);
        let [mina, jun, eve] = ["mina", "jun", "eve"].map(Person::new);
        let mut files = newsroom.publication();
        newsroom.extend(&mut files, |next| {
            next.with_reviewer(mina.name(), mina.identity())
                .with_reviewer(jun.name(), jun.identity())
                .with_address(Address::url("https://a", vec![[1; 32]]).unwrap())
        });
        newsroom.extend(&mut files, |next| {
            next.without_reviewer(&mina.name())
                .unwrap()
                .without_reviewer(&jun.name())
                .unwrap()
                .with_reviewer(jun.name(), mina.identity())
                .with_reviewer(eve.name(), eve.identity())
                .with_address(Address::url("https://a", vec![[1; 32], [2; 32]]).unwrap())
        });
        let publication = files.verify(newsroom.id()).unwrap();
        let text = Changes::since(&publication, 2).unwrap().to_string();
        let expected = [
            format!("Roster 3, signed {TODAY}, good until {}:", TODAY.plus(90)),
            format!("  + eve opens tips from now on; identity key {}", eve.identity()),
            format!("  ! jun has another identity key: {}", mina.identity()),
            "  - mina opens no tips any more".to_owned(),
            "  + the gateway is at https://a (TLS key 0101010101010101…, then 0202020202020202…)"
                .to_owned(),
            "  - the gateway is no longer at https://a (TLS key 0101010101010101…)".to_owned(),
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        newsroom.extend(&mut files, |next| next);
        let renewed = files.verify(newsroom.id()).unwrap();
        let text = Changes::since(&renewed, 3).unwrap().to_string();
        assert!(text.ends_with("\n  nothing else is different\n"), "{text}");
        assert!(Changes::since(&publication, 3).is_none());
        // whoever came and went between two looks is told
        let mut files = renewed_with_a_guest(&newsroom);
        newsroom.extend(&mut files, |next| next);
        let guest = files.verify(newsroom.id()).unwrap();
        let text = Changes::since(&guest, 1).unwrap().to_string();
        assert!(text.contains("+ eve") && text.contains("- eve"), "{text}");
        assert!(Changes::since(&publication, 9).is_none());
    }
}
