//! The chain of rosters in force.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};

use super::{Desk, failure, json};
use crate::{
    desk::{ROSTERS_PAGE, RosterPage, RosterText},
    gateway::store::Store,
    roster::Roster,
};

/// As much of the chain as a page holds, from the version after `after` on.
pub(super) async fn chain<S: Store>(
    State(desk): State<Desk<S>>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(after) = read_query(query.as_deref().unwrap_or_default()) else {
        return failure(
            StatusCode::BAD_REQUEST,
            "bad-query",
            "the chain takes `after`, the version of a roster",
        );
    };
    let publication = desk.gateway.roster.publication();
    let later = publication.history().filter(|roster| roster.version() > after);
    json(StatusCode::OK, &page(later))
}

fn page<'a>(later: impl Iterator<Item = &'a Roster>) -> RosterPage {
    let (mut rosters, mut bytes, mut last) = (Vec::new(), 0, None);
    for roster in later {
        bytes += roster.document().len() + roster.signature().len();
        if bytes > ROSTERS_PAGE && last.is_some() {
            return RosterPage { rosters, next: last };
        }
        last = Some(roster.version());
        rosters.push(RosterText {
            roster: text(roster.document()),
            signature: text(roster.signature()),
        });
    }
    RosterPage { rosters, next: None }
}

/// Verified files are text, so nothing is lost.
fn text(file: &[u8]) -> String {
    String::from_utf8_lossy(file).into_owned()
}

/// `after`, at most once, nothing else, nothing escaped; 0 without it.
fn read_query(query: &str) -> Option<u32> {
    if query.is_empty() {
        return Some(0);
    }
    let digits = query.strip_prefix("after=")?;
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::{
        Publication,
        testing::{Newsroom, Person},
    };

    fn publication(versions: usize, reviewers: usize) -> Publication {
        let newsroom = Newsroom::new(1);
        let mut files = newsroom.publication();
        newsroom.extend(&mut files, |next| {
            (0..reviewers).fold(next, |next, number| {
                let person = Person::new(&format!("reviewer-with-a-long-name-{number}"));
                next.with_reviewer(person.name(), person.identity())
            })
        });
        for _ in 2..versions {
            newsroom.extend(&mut files, |next| next);
        }
        files.verify(newsroom.id()).unwrap()
    }

    #[test]
    fn the_query_has_one_parameter() {
        assert_eq!(read_query(""), Some(0));
        assert_eq!(read_query("after=0"), Some(0));
        assert_eq!(read_query("after=9999"), Some(9999));
        for wrong in ["after=", "after=+1", "after=-1", "after=1&after=2", "after=99999999999", "x"]
        {
            assert_eq!(read_query(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_chain_comes_in_pages_without_a_gap() {
        let publication = publication(20, 200);
        let (mut texts, mut after, mut pages) = (Vec::new(), Some(0), 0);
        while let Some(version) = after {
            let page = page(publication.history().filter(|roster| roster.version() > version));
            let bytes: usize =
                page.rosters.iter().map(|one| one.roster.len() + one.signature.len()).sum();
            assert!(bytes <= ROSTERS_PAGE && !page.rosters.is_empty());
            texts.extend(page.rosters);
            after = page.next;
            pages += 1;
        }
        assert!(pages > 1, "{pages}");
        let is_same = |(text, roster): (&RosterText, &Roster)| {
            text.roster.as_bytes() == roster.document()
                && text.signature.as_bytes() == roster.signature()
        };
        assert_eq!(texts.len(), 20);
        assert!(texts.iter().zip(publication.history()).all(is_same));
        let none = page(publication.history().filter(|roster| roster.version() > 20));
        assert_eq!(none, RosterPage { rosters: Vec::new(), next: None });
    }
}
