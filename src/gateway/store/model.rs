//! Random operations, also many at once and between openings, on a store beside a model of it that
//! is as simple as can be: what the one answers, the other must.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use futures_util::future::join_all;
use proptest::{prelude::*, sample::Index, test_runner::Config};
use tokio::runtime::Runtime;

use super::{
    ItemKind, Store, StoreError,
    suite::{Place, TODAY, age_file, read, test_envelope},
};
use crate::{clock::Day, tip::TipId};

/// Together 10,000 steps.
const CASES: u32 = 200;
const STEPS: usize = 50;

const KINDS: [ItemKind; 3] = [ItemKind::Roster, ItemKind::Fetched, ItemKind::Reply];
/// A key that many add at once.
const BURST: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
/// What two keys begin with.
const TWOS: &str = "22222222222222222222222222222222.";

/// Something to do. Envelopes are chosen among all that were ever put.
#[derive(Clone, Debug)]
enum Step {
    Put(Sealed),
    Get {
        which: Index,
        range: Option<(u32, u32)>,
    },
    GetUnknown,
    List {
        page: usize,
    },
    Delete(Index),
    DeleteUnknown,
    PutItem {
        kind: usize,
        key: u8,
        content: u8,
    },
    RemoveItem {
        kind: usize,
        key: u8,
    },
    Items {
        kind: usize,
        prefix: &'static str,
    },
    Health,
    Verify,
    /// To a day so many days after [`TODAY`].
    Turn(u32),
    Reopen,
    /// With what can be made anew gone.
    ReopenPoorer,
    /// All of these at once, with lists.
    Burst {
        puts: Vec<Sealed>,
        deletions: Vec<Index>,
        content: u8,
    },
}

/// What is put: its size class, what its bytes are made from, days after [`TODAY`].
type Sealed = (u8, u8, u32);

fn sealed() -> impl Strategy<Value = Sealed> {
    (prop_oneof![9 => Just(0), 1 => Just(3)], 0..8_u8, 0..3_u32)
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    let item = || (0..KINDS.len(), 0..4_u8);
    prop_oneof![
        8 => sealed().prop_map(Step::Put),
        4 => (index(), any::<Option<(u32, u32)>>())
            .prop_map(|(which, range)| Step::Get { which, range }),
        4 => (index(), prop::option::of((0..90_000_u32, 0..200_000_u32)))
            .prop_map(|(which, range)| Step::Get { which, range }),
        1 => Just(Step::GetUnknown),
        4 => (0..6_usize).prop_map(|page| Step::List { page }),
        4 => index().prop_map(Step::Delete),
        1 => Just(Step::DeleteUnknown),
        5 => (item(), 0..3_u8)
            .prop_map(|((kind, key), content)| Step::PutItem { kind, key, content }),
        2 => item().prop_map(|(kind, key)| Step::RemoveItem { kind, key }),
        4 => (0..KINDS.len(), prop_oneof![Just(""), Just("1"), Just(TWOS), Just("x")])
            .prop_map(|(kind, prefix)| Step::Items { kind, prefix }),
        2 => Just(Step::Health),
        1 => Just(Step::Verify),
        1 => (0..4_u32).prop_map(Step::Turn),
        1 => Just(Step::Reopen),
        1 => Just(Step::ReopenPoorer),
        1 => (prop::collection::vec(sealed(), 1..14), prop::collection::vec(index(), 0..3), 0..3_u8)
            .prop_map(|(puts, deletions, content)| Step::Burst { puts, deletions, content }),
    ]
}

/// What should be in the store.
#[derive(Default)]
struct Model {
    envelopes: BTreeMap<TipId, Sealed>,
    deleted: BTreeSet<TipId>,
    items: BTreeMap<(usize, String), Vec<u8>>,
}

/// A store, its place and its model.
struct Pair<'a, P: Place> {
    place: &'a P,
    store: P::Store,
    model: Model,
}

/// Runs random steps on stores in places of this kind.
pub(super) fn random_steps<P: Place>() {
    let runtime = Runtime::new().unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), STEPS))| {
        let place = P::new();
        let store = runtime.block_on(async { place.open() });
        let mut pair = Pair { place: &place, store, model: Model::default() };
        for step in steps {
            pair = runtime.block_on(pair.take(step));
        }
    });
}

impl<P: Place> Pair<'_, P> {
    async fn take(mut self, step: Step) -> Self {
        match step {
            Step::Put(sealed) => {
                let id = put(&self.store, sealed).await;
                self.model.add(id, sealed);
            }
            Step::Get { which, range } => self.get(which, range).await,
            Step::GetUnknown => {
                let got = self.store.get(TipId([7; 16]), None).await;
                assert!(matches!(got, Err(StoreError::NotFound)));
            }
            Step::List { page } => self.list(page).await,
            Step::Delete(which) => {
                if let Some(id) = self.model.choose(which) {
                    self.store.delete(id).await.unwrap();
                    self.model.delete(id);
                }
            }
            Step::DeleteUnknown => {
                let deleted = self.store.delete(TipId([7; 16])).await;
                assert!(matches!(deleted, Err(StoreError::NotFound)));
            }
            Step::PutItem { kind, key, content } => self.put_item(kind, key, content).await,
            Step::RemoveItem { kind, key } => {
                self.store.remove_item(KINDS[kind], &name(key)).await.unwrap();
                self.model.items.remove(&(kind, name(key)));
            }
            Step::Items { kind, prefix } => self.items(kind, prefix).await,
            Step::Health => {
                let health = self.store.health().await.unwrap();
                assert_eq!(health.envelopes, self.model.envelopes.len() as u64);
                assert_eq!(health.missing, 0);
            }
            Step::Verify => {
                assert_eq!(self.store.verify(&|_, _| {}).await.unwrap(), [""; 0]);
            }
            Step::Turn(days) => drop(self.store.turn(TODAY.plus(days)).await.unwrap()),
            Step::Reopen => self = self.reopen(|_| ()),
            Step::ReopenPoorer => self = self.reopen(Place::lose_what_can_be_made_anew),
            Step::Burst { puts, deletions, content } => {
                self.burst(&puts, &deletions, content).await;
            }
        }
        self
    }

    fn reopen(self, meanwhile: impl FnOnce(&P)) -> Self {
        let Self { place, store, model } = self;
        drop(store);
        meanwhile(place);
        Self { place, store: place.open(), model }
    }

    async fn get(&self, which: Index, range: Option<(u32, u32)>) {
        let Some(id) = self.model.choose(which) else { return };
        let asked = range.map(|(start, end)| u64::from(start)..u64::from(end));
        let got = self.store.get(id, asked).await;
        let Some((class, seed, days)) = self.model.envelopes.get(&id).copied() else {
            assert!(matches!(got, Err(StoreError::NotFound)));
            return;
        };
        let (entry, body) = got.unwrap();
        let whole = bytes_of(class, seed);
        assert_eq!((entry.id, entry.day), (id, TODAY.plus(days)));
        assert_eq!(entry.bytes, whole.len() as u64);
        let clip = |at: u32| usize::try_from(at).unwrap().min(whole.len());
        let (start, end) = range.map_or((0, whole.len()), |(a, b)| (clip(a), clip(b)));
        assert!(read(body).await.unwrap() == whole[start..end.max(start)]);
    }

    async fn list(&self, page: usize) {
        let mut listed = Vec::new();
        loop {
            let some = self.store.list(listed.last().copied(), page).await.unwrap();
            assert!(some.len() <= page);
            for entry in &some {
                let (_, _, days) = self.model.envelopes[&entry.id];
                assert_eq!(entry.day, TODAY.plus(days));
            }
            listed.extend(some.iter().map(|entry| entry.id));
            if some.is_empty() {
                break;
            }
        }
        if page > 0 {
            assert!(listed.iter().eq(self.model.envelopes.keys()), "{listed:?}");
        }
    }

    async fn put_item(&mut self, kind: usize, key: u8, content: u8) {
        let bytes = vec![content; usize::from(content) * 3_000];
        let put = self.store.put_item(KINDS[kind], &name(key), &bytes).await;
        match self.model.items.get(&(kind, name(key))) {
            Some(there) if *there != bytes => assert!(matches!(put, Err(StoreError::Conflict))),
            _ => {
                put.unwrap();
                self.model.items.insert((kind, name(key)), bytes);
            }
        }
    }

    async fn items(&self, kind: usize, prefix: &str) {
        let items = self.store.items_under(KINDS[kind], prefix).await.unwrap();
        let known =
            self.model.items.iter().filter(|((of, key), _)| *of == kind && key.starts_with(prefix));
        let known: Vec<_> = known.map(|((_, key), it)| (key.clone(), it.clone())).collect();
        assert_eq!(items, known);
        if prefix.is_empty() {
            assert_eq!(self.store.items(KINDS[kind]).await.unwrap(), known);
        }
    }

    /// Each deletion is asked for twice.
    async fn burst(&mut self, puts: &[Sealed], deletions: &[Index], content: u8) {
        let gone: Vec<TipId> =
            deletions.iter().filter_map(|which| self.model.choose(*which)).collect();
        let before: BTreeSet<TipId> = self.model.envelopes.keys().copied().collect();
        let (store, bytes) = (&self.store, [content]);
        let (put, deleted, items, listed) = tokio::join!(
            join_all(puts.iter().map(|sealed| put(store, *sealed))),
            join_all(gone.iter().chain(&gone).map(|id| store.delete(*id))),
            join_all((0..3).map(|kind| store.put_item(KINDS[kind], BURST, &bytes))),
            store.list(None, 10_000),
        );
        assert!(deleted.into_iter().all(|deleted| deleted.is_ok()));
        let listed: BTreeSet<TipId> = listed.unwrap().iter().map(|entry| entry.id).collect();
        let put_now: BTreeSet<TipId> = put.iter().copied().collect();
        assert!(listed.iter().all(|id| before.contains(id) || put_now.contains(id)));
        assert!(before.iter().all(|id| listed.contains(id) || gone.contains(id)));
        for (id, sealed) in put.into_iter().zip(puts) {
            self.model.add(id, *sealed);
        }
        gone.into_iter().for_each(|id| self.model.delete(id));
        for (kind, put) in items.into_iter().enumerate() {
            let known = self.model.items.entry((kind, BURST.into())).or_insert(bytes.to_vec());
            assert_eq!(put.is_ok(), *known == bytes);
        }
    }
}

impl Model {
    fn add(&mut self, id: TipId, sealed: Sealed) {
        assert!(!self.deleted.contains(&id), "an id is used again");
        assert_eq!(self.envelopes.insert(id, sealed), None, "an id is used twice");
    }

    fn delete(&mut self, id: TipId) {
        self.envelopes.remove(&id);
        self.deleted.insert(id);
    }

    /// One of those that were ever put.
    fn choose(&self, which: Index) -> Option<TipId> {
        let all: Vec<&TipId> = self.envelopes.keys().chain(&self.deleted).collect();
        (!all.is_empty()).then(|| *all[which.index(all.len())])
    }
}

async fn put(store: &impl Store, (class, seed, days): Sealed) -> TipId {
    let day: Day = TODAY.plus(days);
    store.put(test_envelope(class, seed), day).await.unwrap()
}

/// Some keys are longer than others; each begins with an id, as those of some kinds must.
fn name(key: u8) -> String {
    let (id, rest) = [("1", ""), ("2", ".1"), ("2", ".22"), ("12", "")][usize::from(key)];
    format!("{}{rest}", id.repeat(32 / id.len()))
}

/// By class and seed.
type AgeFiles = HashMap<(u8, u8), Rc<Vec<u8>>>;

/// The age file, sealed once.
fn bytes_of(class: u8, seed: u8) -> Rc<Vec<u8>> {
    thread_local! {
        static KNOWN: RefCell<AgeFiles> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        known.entry((class, seed)).or_insert_with(|| Rc::new(age_file(class, seed))).clone()
    })
}
