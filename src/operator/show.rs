//! A publication as a person reads it.

use std::fmt;

use crate::{
    clock::{Day, Epoch, EpochLength},
    roster::{Address, NewsroomKey, Publication, Roster, RosterReviewer},
};

/// Shows a publication as of a day.
pub(super) struct Shown<'a> {
    pub(super) publication: &'a Publication,
    pub(super) today: Day,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roster = self.publication.roster();
        let (version, issued) = (roster.version(), roster.issued());
        writeln!(f, "{}", roster.newsroom_name())?;
        writeln!(f, "  fingerprint  {}", self.publication.newsroom())?;
        if roster.newsroom_key().id() != self.publication.newsroom() {
            writeln!(f, "  key now      {}", key(roster.newsroom_key()))?;
        }
        if let Some(next) = roster.next_newsroom_key() {
            writeln!(f, "  key next     {}", key(next))?;
        }
        writeln!(f, "  roster       version {version}, signed on {issued}")?;
        writeln!(f, "  lapses       {}", self.lapses())?;
        self.reviewers(f)?;
        addresses(f, roster.addresses())?;
        self.refused(f)?;
        self.history(f)
    }
}

impl Shown<'_> {
    fn lapses(&self) -> String {
        let lapses = self.publication.roster().lapses();
        match lapses.0.checked_sub(self.today.0) {
            None => format!("it lapsed on {lapses}; the form is closed until the next is signed"),
            Some(0) => format!("{lapses}, which is today"),
            Some(1) => format!("{lapses}, which is tomorrow"),
            Some(days) => format!("{lapses}, in {days} days"),
        }
    }

    fn reviewers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reviewers = self.publication.roster().reviewers();
        let epoch = EpochLength::Week.epoch(self.today.start());
        writeln!(f, "\nReviewers: {} (this week is epoch {})", reviewers.len(), epoch.0)?;
        let width = reviewers.iter().map(|one| one.name.as_str().len()).max().unwrap_or(0);
        for one in reviewers {
            writeln!(f, "  {:width$}  {}", one.name, self.sealing_keys(one, epoch))?;
            writeln!(f, "  {:width$}  identity key {}", "", one.identity)?;
        }
        Ok(())
    }

    fn sealing_keys(&self, reviewer: &RosterReviewer, epoch: Epoch) -> String {
        let epochs = self.publication.batch(&reviewer.name).map(|batch| batch.epochs());
        match epochs {
            Some(keys) if keys.start < keys.end => {
                let (first, last) = (keys.start.0, keys.end.0 - 1);
                let now = if keys.contains(&epoch) { "" } else { ", none for this week" };
                format!("sealing keys for epochs {first} to {last}{now}")
            }
            _ => "no sealing keys".to_owned(),
        }
    }

    fn refused(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, error) in self.publication.refused() {
            writeln!(f, "\nNot taken: keys/{name}.json: {error}")?;
        }
        Ok(())
    }

    fn history(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nHistory")?;
        let mut last: Option<&Roster> = None;
        for roster in self.publication.history() {
            let (version, issued) = (roster.version(), roster.issued());
            writeln!(f, "  {version:4}  {issued}  {}", changes(last, roster))?;
            last = Some(roster);
        }
        Ok(())
    }
}

fn key(key: &NewsroomKey) -> String {
    let kind = if key.is_hardware() { ", a hardware key" } else { "" };
    format!("{}{kind}", key.id())
}

fn addresses(f: &mut fmt::Formatter<'_>, addresses: &[Address]) -> fmt::Result {
    writeln!(f, "\nAddresses: {}", addresses.len())?;
    for address in addresses {
        match address {
            Address::Onion(host) => writeln!(f, "  {host}")?,
            Address::Url { url, tls } => {
                writeln!(f, "  {url}")?;
                for (hash, when) in tls.iter().zip(["now ", "next"]) {
                    let hash = data_encoding::HEXLOWER.encode(hash);
                    writeln!(f, "    TLS key {when}  {hash}")?;
                }
            }
        }
    }
    Ok(())
}

/// What a version changed, in a few words.
fn changes(last: Option<&Roster>, roster: &Roster) -> String {
    let Some(last) = last else {
        return "the newsroom begins".to_owned();
    };
    let missing = |from: &[RosterReviewer], of: &[RosterReviewer], sign: &str| {
        let gone = of.iter().filter(|one| !from.contains(one));
        gone.map(|one| format!("{sign}{}", one.name)).collect::<Vec<_>>()
    };
    let (before, after) = (last.reviewers(), roster.reviewers());
    let mut words = [missing(after, before, "-"), missing(before, after, "+")].concat();
    if last.addresses() != roster.addresses() {
        words.push("addresses".to_owned());
    }
    if last.newsroom_name() != roster.newsroom_name() {
        words.push("name".to_owned());
    }
    if last.newsroom_key() != roster.newsroom_key() {
        words.push("newsroom key".to_owned());
    }
    if roster.next_newsroom_key().is_some() {
        words.push("next newsroom key announced".to_owned());
    }
    if words.is_empty() { "renewed".to_owned() } else { words.join(" ") }
}
