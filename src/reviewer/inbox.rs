//! What waits at the desk, and what of it is here.

use std::fmt;

use indicatif::BinaryBytes;

use super::shelf::{Fetched, Shelf};
use crate::desk::EnvelopeListing;

/// A table of all envelopes; `Display` is for a person.
pub struct Inbox(Vec<Row>);

struct Row {
    listing: EnvelopeListing,
    fetched: Fetched,
    is_opened: bool,
    is_foreign: bool,
}

impl Inbox {
    /// The gateway's list beside the shelf; the oldest day first.
    pub fn new(mut list: Vec<EnvelopeListing>, shelf: &Shelf) -> Self {
        list.sort_by_key(|listing| (listing.day, listing.id));
        let row = |listing: EnvelopeListing| Row {
            fetched: shelf.fetched(listing.id),
            is_opened: shelf.is_opened(listing.id),
            is_foreign: shelf.is_foreign(listing.id),
            listing,
        };
        Self(list.into_iter().map(row).collect())
    }
}

impl fmt::Display for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "No envelopes.");
        }
        writeln!(f, "{:32}  {:10}  {:>10}  state", "id", "day", "size")?;
        for Row { listing, fetched, is_opened, is_foreign } in &self.0 {
            let state = match (fetched, is_opened) {
                (Fetched::No, false) if *is_foreign => "sealed to others".to_owned(),
                (Fetched::No, false) => "new".to_owned(),
                (Fetched::No, true) => "opened, no longer here".to_owned(),
                (Fetched::Partly(here), _) => {
                    let percent = u128::from(*here) * 100 / u128::from(listing.bytes.max(1));
                    format!("fetched in part ({percent} %)")
                }
                (Fetched::Whole, false) => "fetched".to_owned(),
                (Fetched::Whole, true) => "opened".to_owned(),
                (Fetched::Archived, false) => "archived, not opened yet".to_owned(),
                (Fetched::Archived, true) => "opened, archived".to_owned(),
            };
            // `{:>10}` has no effect on a type that ignores padding
            let size = BinaryBytes(listing.class).to_string();
            let is_here = matches!(fetched, Fetched::Whole | Fetched::Archived) || *is_foreign;
            let goes = match listing.goes {
                Some(day) if is_here || *is_opened => format!("; deleted by another, goes {day}"),
                Some(day) => format!("; deleted by another: fetch it before {day}"),
                None => String::new(),
            };
            writeln!(f, "{}  {}  {size:>10}  {state}{goes}", listing.id, listing.day)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Day, Epoch},
        tip::TipId,
    };

    #[test]
    fn the_table_says_what_is_where() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::at(folder.path().to_owned(), folder.path().join("archive"));
        let listing = |n: u8, day| EnvelopeListing {
            id: TipId([n; 16]),
            day: Day(day),
            epoch: Epoch(1),
            class: 81_920,
            bytes: 100,
            goes: None,
        };
        assert_eq!(Inbox::new(Vec::new(), &shelf).to_string(), "No envelopes.\n");

        shelf.resume(TipId([1; 16]), 100).unwrap().0.set_len(40).unwrap();
        let whole = shelf.resume(TipId([2; 16]), 100).unwrap().0;
        shelf.complete(TipId([2; 16]), &whole).unwrap();
        shelf.mark_opened(TipId([2; 16])).unwrap();
        let mut list = vec![listing(1, 20_780), listing(2, 20_779), listing(3, 20_779)];
        (list[1].goes, list[2].goes) = (Some(Day(20_785)), Some(Day(20_786)));
        let table = Inbox::new(list, &shelf).to_string();
        let rows: Vec<&str> = table.lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                "02020202020202020202020202020202  2026-11-22   80.00 KiB  opened; deleted by another, goes 2026-11-28",
                "03030303030303030303030303030303  2026-11-22   80.00 KiB  new; deleted by another: fetch it before 2026-11-29",
                "01010101010101010101010101010101  2026-11-23   80.00 KiB  fetched in part (40 %)",
            ]
        );
    }
}
