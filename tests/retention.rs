//! What a reviewer deletes is hidden from them at once, stays with the others until they have it or
//! seven days have passed, and is then gone; the operator's rules, and nothing else, take the rest.

use std::fs;

use sealpost::{
    clock::Day,
    desk::{ENVELOPES, EnvelopeListing, ListPage, Purge, deletion_path, fetched_path, purge_path},
    gateway::{
        retention::sweep,
        store::{ItemKind, Store as _},
    },
    tip::TipId,
};

use crate::{
    newsroom::files_below,
    place::{NOW, Place, Reviewer, TODAY, keys},
};

const KINDS: [ItemKind; 3] = [ItemKind::Fetched, ItemKind::Deletion, ItemKind::Purge];

struct Desk {
    place: Place,
    mina: Reviewer,
    jun: Reviewer,
    hana: Reviewer,
}

async fn desk() -> Desk {
    desk_with("").await
}

async fn desk_with(in_store: &'static str) -> Desk {
    let [mina, jun, hana] = ["mina", "jun", "hana"].map(Reviewer::new);
    let place = Place::with_store(&[&mina, &jun, &hana], in_store).await;
    let batch = mina.batch(place.newsroom, 1, NOW, keys(20));
    place.put_into_folder(&mina, &batch);
    Desk { place, mina, jun, hana }
}

impl Desk {
    /// A tip comes in; its id.
    async fn tip(&self) -> TipId {
        let before = self.stored().await;
        self.place.tip().await;
        self.stored().await.into_iter().find(|id| !before.contains(id)).unwrap()
    }

    async fn stored(&self) -> Vec<TipId> {
        let entries = self.place.gateway.store.list(None, 1_000).await.unwrap();
        entries.into_iter().map(|entry| entry.id).collect()
    }

    async fn put(&self, by: &Reviewer, path: &str) -> u16 {
        self.place.ask(by, "PUT", path, b"").await.0
    }

    async fn fetched(&self, by: &Reviewer, id: TipId) {
        assert_eq!(self.put(by, &fetched_path(id)).await, 204);
    }

    async fn deleted(&self, by: &Reviewer, id: TipId) {
        assert_eq!(self.put(by, &deletion_path(id)).await, 204);
    }

    async fn taken_back(&self, by: &Reviewer, id: TipId) -> u16 {
        self.place.ask(by, "DELETE", &deletion_path(id), b"").await.0
    }

    async fn purged(&self, by: &Reviewer, id: TipId) -> bool {
        let (status, body) = self.place.ask(by, "PUT", &purge_path(id), b"").await;
        assert_eq!(status, 200);
        serde_json::from_slice::<Purge>(&body).unwrap().gone
    }

    async fn page(&self, by: &Reviewer, query: &str) -> ListPage {
        let (status, body) = self.place.ask(by, "GET", &format!("{ENVELOPES}{query}"), b"").await;
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    async fn list(&self, by: &Reviewer) -> Vec<EnvelopeListing> {
        self.page(by, "").await.envelopes
    }

    /// Listed and handed out, or neither.
    async fn sees(&self, by: &Reviewer, id: TipId) -> bool {
        let is_listed = self.list(by).await.iter().any(|listing| listing.id == id);
        let (status, _) = self.place.ask(by, "GET", &format!("{ENVELOPES}/{id}"), b"").await;
        assert_eq!(status, if is_listed { 200 } else { 404 });
        is_listed
    }

    async fn goes(&self, by: &Reviewer, id: TipId) -> Option<Day> {
        self.list(by).await.iter().find(|listing| listing.id == id).unwrap().goes
    }

    /// By a clock that is believed: the gateway has been at work on the days before, too.
    async fn swept_on(&self, day: Day) -> u64 {
        let mut gone = 0;
        for before in [2, 1, 0] {
            gone += self.swept_at_once_on(Day(day.0 - before)).await;
        }
        gone
    }

    /// By a clock that has jumped to that day.
    async fn swept_at_once_on(&self, day: Day) -> u64 {
        self.place.clock.set(day.start());
        sweep(&self.place.gateway).await.unwrap()
    }

    async fn marks(&self) -> usize {
        let mut count = 0;
        for kind in KINDS {
            count += self.place.gateway.store.items(kind).await.unwrap().len();
        }
        count
    }

    async fn restarted(self) -> Self {
        Self { place: self.place.restarted().await, ..self }
    }

    /// Nothing is left of it but the tombstone.
    async fn is_gone(&self, id: TipId) -> bool {
        let files = files_below(&self.place.path("store"));
        let name = |path: &std::path::Path| path.to_string_lossy().contains(&id.to_string());
        let left: Vec<_> = files.into_iter().filter(|path| name(path)).collect();
        let is_gone = !self.stored().await.contains(&id);
        assert_eq!(is_gone, left.len() == 1 && left[0].to_string_lossy().contains("tombstones"));
        is_gone
    }
}

#[tokio::test]
async fn a_deletion_hides_at_once_and_waits_for_the_others() {
    let desk = desk().await;
    let Desk { mina, jun, hana, .. } = &desk;
    let (id, other) = (desk.tip().await, desk.tip().await);
    desk.fetched(jun, id).await;
    for _ in 0..2 {
        desk.deleted(mina, id).await;
        assert!(!desk.sees(mina, id).await && desk.sees(mina, other).await);
        assert!(desk.sees(jun, id).await && desk.sees(hana, id).await);
    }
    assert_eq!(desk.goes(hana, id).await, Some(TODAY.plus(7)));
    assert_eq!(desk.goes(hana, other).await, None);
    assert_eq!(desk.swept_on(TODAY.plus(6)).await, 0);

    // mina's own fetching is not hana's
    desk.fetched(mina, id).await;
    assert!(!desk.is_gone(id).await);
    desk.fetched(hana, id).await;
    assert!(desk.is_gone(id).await && !desk.is_gone(other).await);
    assert!(!desk.sees(hana, id).await);
    // all of it once more
    desk.deleted(mina, id).await;
    assert!(desk.purged(mina, id).await, "gone already");
    assert_eq!(desk.put(hana, &fetched_path(id)).await, 404);
    assert_eq!(desk.taken_back(mina, id).await, 404);
    assert_eq!(desk.marks().await, 0);
    assert_eq!(desk.place.gateway.log.events(), [], "nobody writes down who was there");
}

#[tokio::test]
async fn when_all_others_delete_it_goes_too() {
    let desk = desk().await;
    let id = desk.tip().await;
    desk.deleted(&desk.hana, id).await;
    desk.deleted(&desk.mina, id).await;
    assert!(!desk.is_gone(id).await);
    desk.deleted(&desk.jun, id).await;
    assert!(desk.is_gone(id).await);
}

#[tokio::test]
async fn after_seven_days_it_goes_whoever_has_not_fetched_it() {
    let mut desk = desk().await;
    let (id, other) = (desk.tip().await, desk.tip().await);
    desk.deleted(&desk.mina, id).await;
    desk.place.clock.set(TODAY.plus(3).start());
    // the first counts, the first time
    desk.deleted(&desk.jun, id).await;
    desk.deleted(&desk.mina, id).await;
    desk = desk.restarted().await;
    assert!(!desk.sees(&desk.mina, id).await, "hidden after a restart, too");
    assert_eq!(desk.goes(&desk.hana, id).await, Some(TODAY.plus(7)));
    assert_eq!(desk.swept_on(TODAY.plus(6)).await, 0);
    assert!(desk.sees(&desk.hana, id).await);
    assert_eq!(desk.swept_on(TODAY.plus(7)).await, 1);
    assert!(desk.is_gone(id).await && !desk.is_gone(other).await);
    assert_eq!(desk.swept_on(TODAY.plus(7)).await, 0);
}

#[tokio::test]
async fn a_deletion_can_be_taken_back_until_then() {
    let mut desk = desk().await;
    let id = desk.tip().await;
    desk.deleted(&desk.mina, id).await;
    assert!(!desk.purged(&desk.mina, id).await);
    for _ in 0..2 {
        assert_eq!(desk.taken_back(&desk.mina, id).await, 204);
        assert!(desk.sees(&desk.mina, id).await);
    }
    assert_eq!(desk.goes(&desk.hana, id).await, None);
    desk.fetched(&desk.hana, id).await;
    desk.fetched(&desk.jun, id).await;
    desk = desk.restarted().await;
    assert!(!desk.purged(&desk.jun, id).await, "mina has not fetched it");
    assert_eq!(desk.taken_back(&desk.jun, id).await, 204);
    assert_eq!(desk.swept_on(TODAY.plus(30)).await, 0);
    // deleted again, its days begin again
    desk.deleted(&desk.mina, id).await;
    assert!(desk.is_gone(id).await, "the others have it");
}

#[tokio::test]
async fn a_purge_takes_two() {
    let desk = desk().await;
    let id = desk.tip().await;
    for _ in 0..2 {
        assert!(!desk.purged(&desk.mina, id).await, "one is not two");
    }
    assert!(!desk.sees(&desk.mina, id).await && desk.sees(&desk.jun, id).await);
    desk.deleted(&desk.jun, id).await;
    assert!(!desk.is_gone(id).await, "a deletion is no purge");
    assert!(desk.purged(&desk.hana, id).await);
    assert!(desk.is_gone(id).await);
}

#[tokio::test]
async fn a_lone_reviewer_waits_for_nobody() {
    let desk = desk().await;
    let (one, two) = (desk.tip().await, desk.tip().await);
    for name in ["jun", "hana"] {
        desk.place.sign_next(|next| next.without_reviewer(&name.parse().unwrap()).unwrap());
    }
    desk.deleted(&desk.mina, one).await;
    assert!(desk.is_gone(one).await);
    assert!(desk.purged(&desk.mina, two).await);
}

#[tokio::test]
async fn who_left_the_roster_counts_no_more() {
    let desk = desk().await;
    let (by_hana, by_mina) = (desk.tip().await, desk.tip().await);
    desk.deleted(&desk.hana, by_hana).await;
    desk.deleted(&desk.mina, by_mina).await;
    desk.fetched(&desk.jun, by_mina).await;
    desk.fetched(&desk.jun, by_hana).await;
    desk.fetched(&desk.mina, by_hana).await;
    // that was all that hana's waited for
    assert!(desk.is_gone(by_hana).await);
    let by_hana = desk.tip().await;
    desk.deleted(&desk.hana, by_hana).await;
    desk.place.sign_next(|next| next.without_reviewer(&"hana".parse().unwrap()).unwrap());
    assert_eq!(desk.put(&desk.hana, &fetched_path(by_mina)).await, 401);
    assert_eq!(desk.swept_on(TODAY).await, 1, "nobody waits for hana");
    assert!(desk.is_gone(by_mina).await);
    assert_eq!(desk.goes(&desk.jun, by_hana).await, None, "and hana's deletion is void");
    assert_eq!(desk.swept_on(TODAY.plus(30)).await, 0);
    assert!(desk.sees(&desk.jun, by_hana).await);
}

#[tokio::test]
async fn what_is_not_stored_is_told() {
    let desk = desk().await;
    let nothing = TipId([7; 16]);
    for (method, path) in [
        ("PUT", fetched_path(nothing)),
        ("PUT", deletion_path(nothing)),
        ("DELETE", deletion_path(nothing)),
        ("PUT", purge_path(nothing)),
        ("PUT", format!("{ENVELOPES}/x/deletion")),
    ] {
        let request = desk.place.signed(&desk.mina, method, &path, b"");
        assert_eq!(desk.place.refusal(&request).await, (404, "not-found".into()), "{path}");
    }
    assert_eq!(desk.marks().await, 0);
}

#[tokio::test]
async fn pages_go_on_past_what_is_hidden() {
    let desk = desk().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(desk.tip().await);
    }
    ids.sort_unstable();
    for hidden in [0, 1, 4] {
        desk.deleted(&desk.mina, ids[hidden]).await;
    }
    let (mut query, mut seen, mut pages) = ("?limit=2".to_owned(), Vec::new(), 0);
    loop {
        let page = desk.page(&desk.mina, &query).await;
        seen.extend(page.envelopes.iter().map(|listing| listing.id));
        pages += 1;
        let Some(next) = page.next else { break };
        query = format!("?after={next}&limit=2");
    }
    assert_eq!((seen, pages), (ids[2..4].to_vec(), 3));
    assert_eq!(desk.list(&desk.jun).await.len(), 5);
}

#[tokio::test]
async fn age_takes_what_nobody_fetched_and_only_if_the_operator_says_so() {
    let desk = desk_with("keep_days = 30\n").await;
    let id = desk.tip().await;
    desk.fetched(&desk.mina, id).await;
    assert_eq!(desk.swept_on(TODAY.plus(30)).await, 0);
    desk.swept_on(TODAY.plus(31)).await;
    desk.swept_on(TODAY.plus(32)).await;
    assert!(desk.is_gone(id).await);

    let unlimited = self::desk().await;
    let id = unlimited.tip().await;
    for who in [&unlimited.mina, &unlimited.jun, &unlimited.hana] {
        unlimited.fetched(who, id).await;
    }
    assert_eq!(unlimited.swept_on(TODAY.plus(85)).await, 0);
    assert!(!unlimited.is_gone(id).await);
}

#[tokio::test]
async fn what_all_have_goes_so_many_days_after_the_last_had_it() {
    let desk = desk_with("keep_days_after_fetched = 5\n").await;
    let (id, unread) = (desk.tip().await, desk.tip().await);
    desk.fetched(&desk.mina, id).await;
    desk.fetched(&desk.jun, id).await;
    assert_eq!(desk.swept_on(TODAY.plus(20)).await, 0);
    desk.fetched(&desk.hana, id).await;
    assert_eq!(desk.swept_on(TODAY.plus(25)).await, 0);
    desk.swept_on(TODAY.plus(26)).await;
    desk.swept_on(TODAY.plus(27)).await;
    assert!(desk.is_gone(id).await);
    assert_eq!(desk.swept_on(TODAY.plus(85)).await, 0);
    assert!(desk.sees(&desk.jun, unread).await);
}

#[tokio::test]
async fn a_clock_that_is_far_wrong_empties_nothing() {
    let desk = desk_with("keep_days = 30\n").await;
    let (old, deleted) = (desk.tip().await, desk.tip().await);
    desk.place.clock.set(Day(0).start());
    desk.deleted(&desk.mina, deleted).await;
    assert_eq!(desk.goes(&desk.jun, deleted).await, Some(TODAY.plus(7)), "not 1970");
    assert_eq!(desk.swept_on(TODAY.plus(3_650)).await, 0, "the roster has lapsed");
    desk.fetched(&desk.jun, deleted).await;
    desk.fetched(&desk.hana, deleted).await;
    assert!(desk.is_gone(deleted).await, "what goes by the reviewers' word needs no clock");
    assert!(!desk.is_gone(old).await);
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_empties_nothing() {
    let mut desk = desk_with("keep_days = 30\n").await;
    let (old, deleted) = (desk.tip().await, desk.tip().await);
    desk.deleted(&desk.mina, deleted).await;
    assert_eq!(desk.swept_on(TODAY.plus(2)).await, 0);
    for _ in 0..3 {
        assert_eq!(desk.swept_at_once_on(TODAY.plus(42)).await, 0);
        desk = desk.restarted().await;
    }
    // a request on that day does not bring it about either
    desk.fetched(&desk.jun, deleted).await;
    assert!(!desk.is_gone(deleted).await);
    // it is set right, and jumps again
    assert_eq!(desk.swept_at_once_on(TODAY.plus(3)).await, 0);
    assert_eq!(desk.swept_at_once_on(TODAY.plus(43)).await, 0);
    assert_eq!(desk.swept_at_once_on(TODAY.plus(5)).await, 0);
    assert_eq!(desk.swept_at_once_on(TODAY.plus(7)).await, 1, "two days are no jump");
    assert!(desk.is_gone(deleted).await && !desk.is_gone(old).await);
    let seen = desk.place.gateway.store.items(ItemKind::Day).await.unwrap();
    let days = [3, 5, 7].map(|days| TODAY.plus(days).to_string());
    assert_eq!(seen.into_iter().map(|(day, _)| day).collect::<Vec<_>>(), days);
}

#[tokio::test]
async fn after_a_long_rest_two_more_days_must_pass() {
    let mut desk = desk_with("keep_days = 30\n").await;
    let old = desk.tip().await;
    assert_eq!(desk.swept_on(TODAY.plus(2)).await, 0);
    for day in [60, 61] {
        desk = desk.restarted().await;
        assert_eq!(desk.swept_at_once_on(TODAY.plus(day)).await, 0);
    }
    assert_eq!(desk.swept_at_once_on(TODAY.plus(62)).await, 1);
    assert!(desk.is_gone(old).await);
}

#[tokio::test]
async fn who_comes_back_to_the_roster_begins_anew() {
    let mut desk = desk().await;
    let (deleted, purged) = (desk.tip().await, desk.tip().await);
    desk.deleted(&desk.hana, deleted).await;
    assert!(!desk.purged(&desk.hana, purged).await);
    assert_eq!(desk.marks().await, 3);
    desk.place.sign_next(|next| next.without_reviewer(&"hana".parse().unwrap()).unwrap());
    assert_eq!(desk.swept_on(TODAY.plus(3)).await, 0);
    assert_eq!(desk.marks().await, 0);
    let (name, identity) = (desk.hana.name.clone(), desk.hana.identity.public());
    desk.place.sign_next(|next| next.with_reviewer(name, identity));
    for _ in 0..2 {
        assert_eq!(desk.swept_on(TODAY.plus(20)).await, 0);
        assert!(desk.sees(&desk.hana, deleted).await && desk.sees(&desk.hana, purged).await);
        assert!(!desk.purged(&desk.mina, purged).await, "one is not two");
        assert_eq!(desk.taken_back(&desk.mina, purged).await, 204);
        desk = desk.restarted().await;
    }
}

#[tokio::test]
async fn a_crash_between_any_two_steps_is_made_good() {
    let mut desk = desk().await;
    let [cut, kept] = [desk.tip().await, desk.tip().await];
    desk.fetched(&desk.mina, cut).await;
    desk.fetched(&desk.mina, kept).await;
    desk.deleted(&desk.mina, kept).await;
    desk.deleted(&desk.mina, cut).await;
    // all marks but the one that makes it due
    desk.fetched(&desk.jun, cut).await;
    let marked = desk.place.path("store/items");
    let aside = desk.place.path("aside");
    let envelope = desk.place.path("store/envelopes").join(&cut.to_string()[..2]);
    let envelope = envelope.join(cut.to_string());
    let bytes = fs::read(&envelope).unwrap();
    copy(&marked, &aside);
    desk.fetched(&desk.hana, cut).await;
    assert!(desk.is_gone(cut).await);

    // the tombstone is durable, the envelope not unlinked, its marks all there
    let Desk { place, mina, jun, hana } = desk;
    let place = place
        .restarted_after(|_| {
            fs::write(&envelope, bytes).unwrap();
            copy(&aside, &marked);
        })
        .await;
    desk = Desk { place, mina, jun, hana };
    assert!(!desk.stored().await.contains(&cut));
    assert_eq!(desk.marks().await, 5);
    assert_eq!(desk.swept_on(TODAY).await, 0);
    assert_eq!(desk.marks().await, 2, "of what is still there");
    assert!(desk.is_gone(cut).await && desk.sees(&desk.jun, kept).await);
    assert!(!desk.sees(&desk.mina, kept).await);
}

/// Adds the files of a folder to another, where they are not.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        if !target.exists() {
            fs::copy(&file, &target).unwrap();
        }
    }
}

#[tokio::test]
async fn marks_stay_while_the_store_lacks_envelopes() {
    let mut desk = desk().await;
    let (damaged, whole) = (desk.tip().await, desk.tip().await);
    desk.fetched(&desk.mina, damaged).await;
    let path = desk.place.path("store/envelopes").join(&damaged.to_string()[..2]);
    let path = path.join(damaged.to_string());
    let sound = fs::read(&path).unwrap();
    fs::write(&path, b"damaged").unwrap();
    let (status, _) =
        desk.place.ask(&desk.jun, "GET", &format!("{ENVELOPES}/{damaged}"), b"").await;
    assert_eq!(status, 500);
    let page = desk.page(&desk.jun, "").await;
    assert_eq!((page.missing, page.envelopes.len(), page.envelopes[0].id), (1, 1, whole));
    desk.swept_on(TODAY).await;
    assert_eq!(desk.marks().await, 1);

    // the operator brings it back
    let Desk { place, mina, jun, hana } = desk;
    let place = place
        .restarted_after(|folder| {
            fs::write(&path, sound).unwrap();
            fs::remove_dir_all(folder.join("store/quarantine")).unwrap();
        })
        .await;
    desk = Desk { place, mina, jun, hana };
    desk.swept_on(TODAY).await;
    assert_eq!((desk.marks().await, desk.page(&desk.jun, "").await.missing), (1, 0));
    assert!(desk.sees(&desk.jun, damaged).await);
}
