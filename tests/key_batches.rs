//! Keys are rotated through the desk: a reviewer's own later batch is taken, durable, and in force
//! for the very next tip; whatever else is sent changes nothing, and nobody writes down who sent it.

use bech32::{Bech32, ByteIterExt as _, Checksum, Fe32IterExt as _, Hrp};
use sealpost::{
    clock::Epoch,
    desk::{KEYS, REQUEST_LIMIT, ROSTERS, RosterPage},
    recipient::PUBLIC_KEY_LEN,
    reviewer::sealing_key::SealingSecret,
    roster::{MAX_RECIPIENTS, NewsroomId},
};

use crate::place::{NOW, Place, Reviewer, keys, weeks_later};

impl Place {
    async fn put(&self, by: &Reviewer, batch: &[u8]) -> u16 {
        self.ask(by, "PUT", KEYS, batch).await.0
    }

    /// What the desk says of the batch in force.
    async fn in_force(&self, of: &Reviewer) -> Vec<u8> {
        let (status, batch) = self.ask(of, "GET", KEYS, b"").await;
        assert_eq!(status, 200);
        batch
    }
}

fn opens(key: &SealingSecret, envelope: &[u8]) -> bool {
    let decryptor = age::Decryptor::new(envelope).unwrap();
    decryptor.decrypt(std::iter::once(key as &dyn age::Identity)).is_ok()
}

#[tokio::test]
async fn a_later_batch_is_in_force_for_the_very_next_tip() {
    let (mina, jun) = (Reviewer::new("mina"), Reviewer::new("jun"));
    let place = Place::new(&[&mina, &jun]).await;
    let nothing = place.signed(&mina, "GET", KEYS, b"");
    assert_eq!(place.refusal(&nothing).await, (404, "no-keys".into()));

    let secrets: Vec<_> =
        (0..3).map(|_| SealingSecret::generate(&*place.gateway.entropy)).collect();
    let mut sent = Vec::new();
    for (sequence, secret) in (1..).zip(&secrets) {
        let batch = mina.batch(place.newsroom, sequence, NOW, vec![secret.recipient()]);
        assert_eq!(place.put(&mina, &batch).await, 204);
        assert_eq!(place.in_force(&mina).await, batch);
        let envelope = place.tip().await;
        for other in &secrets {
            assert_eq!(opens(other, &envelope), std::ptr::eq(other, secret));
        }
        sent.push(batch);
    }
    let nothing = place.signed(&jun, "GET", KEYS, b"");
    assert_eq!(place.refusal(&nothing).await, (404, "no-keys".into()), "each sees their own");

    // the same once more, and the old ones as they were sent
    let stored = place.stored_batches().await;
    assert_eq!(place.put(&mina, &sent[2]).await, 204);
    for old in &sent[..2] {
        let again = place.signed(&mina, "PUT", KEYS, old);
        assert_eq!(place.refusal(&again).await, (409, "out-of-sequence".into()));
    }
    assert_eq!(place.in_force(&mina).await, sent[2]);
    assert_eq!(place.stored_batches().await, stored);
    assert_eq!(stored.len(), 1, "what nobody needs is not kept");
    assert!(opens(&secrets[2], &place.tip().await));
    assert_eq!(place.gateway.log.events(), [], "nobody writes down who was there");
}

#[tokio::test]
async fn every_other_batch_is_refused_and_changes_nothing() {
    let (mina, jun) = (Reviewer::new("mina"), Reviewer::new("jun"));
    let place = Place::new(&[&mina, &jun]).await;
    let here = place.newsroom;
    let good = mina.batch(here, 5, NOW, keys(2));
    assert_eq!(place.put(&mina, &good).await, 204);
    let stored = place.stored_batches().await;

    let mut bits_changed = mina.batch(here, 6, NOW, keys(2));
    let end = bits_changed.len() - 3;
    bits_changed[end] = if bits_changed[end] == b'0' { b'1' } else { b'0' };
    let as_mina = Reviewer { name: mina.name.clone(), identity: Reviewer::new("x").identity };
    let as_jun = Reviewer { name: jun.name.clone(), identity: Reviewer::new("x").identity };
    let renamed = signed_by_hand(&mina, here, &text_of(&key_bytes()), "jun");
    let spaced = [&mina.batch(here, 6, NOW, keys(1))[..], b"\n"].concat();
    let with = |key: &str| signed_by_hand(&mina, here, key, "mina");
    let mut high = key_bytes();
    high[..3].copy_from_slice(&[0x01, 0x0d, 0xd0]); // 3329, 3328: FIPS 203 §7.2
    let mut low_order = key_bytes();
    low_order[PUBLIC_KEY_LEN - 32..].fill(0);
    let mut other_character = text_of(&key_bytes());
    other_character.replace_range(20..21, if &other_character[20..21] == "q" { "p" } else { "q" });
    assert_eq!(place.put(&mina, &with(&text_of(&key_bytes()))).await, 204, "the control");
    let good = place.in_force(&mina).await;
    let stored_now = place.stored_batches().await;
    assert_ne!(stored, stored_now);

    let bad = |batch| (422, "bad-batch", batch);
    let cases = [
        bad(b"".to_vec()),
        bad(b"{}".to_vec()),
        bad(bits_changed),
        bad(as_mina.batch(here, 8, NOW, keys(1))),
        bad(as_jun.batch(here, 8, NOW, keys(1))),
        bad(jun.batch(here, 8, NOW, keys(1))),
        bad(renamed),
        bad(spaced),
        bad(with("age1pq1")),
        bad(with("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj")),
        bad(with(&other_character)),
        bad(with(&text_of(&key_bytes()[1..]))),
        bad(with(&text_of(&high))),
        bad(with(&text_of(&low_order))),
        bad(mina.batch(here, 8, NOW, keys(0))),
        bad(mina.batch(here, 8, NOW, keys(MAX_RECIPIENTS + 1))),
        (422, "other-newsroom", mina.batch(NewsroomId([9; 32]), 8, NOW, keys(1))),
        (409, "past-epoch", mina.batch(here, 8, Epoch(NOW.0 - 1), keys(9))),
        (409, "future-epoch", mina.batch(here, 8, NOW.plus(1), keys(8))),
        (409, "out-of-sequence", mina.batch(here, 7, NOW, keys(2))),
        (409, "out-of-sequence", mina.batch(here, 0, NOW, keys(2))),
        (413, "too-large", vec![b' '; REQUEST_LIMIT + 1]),
    ];
    for (number, (status, key, batch)) in cases.into_iter().enumerate() {
        let refused = place.refusal(&place.signed(&mina, "PUT", KEYS, &batch)).await;
        assert_eq!(refused, (status, key.to_owned()), "case {number}");
    }
    // the request itself
    let later = mina.batch(here, 8, NOW, keys(1));
    let mut tampered = place.signed(&mina, "PUT", KEYS, &good);
    *tampered.body_mut() = later.clone();
    assert_eq!(place.refusal(&tampered).await, (401, "body-changed".into()));
    let other_method = place.signed(&mina, "POST", KEYS, &later);
    assert_eq!(place.refusal(&other_method).await, (405, "method".into()));
    let by_jun = place.signed(&jun, "PUT", KEYS, &later);
    assert_eq!(place.refusal(&by_jun).await, (422, "bad-batch".into()));
    let by_nobody = place.signed(&as_mina, "PUT", KEYS, &later);
    assert_eq!(place.refusal(&by_nobody).await, (401, "unknown-reviewer".into()));

    assert_eq!(place.in_force(&mina).await, good);
    assert_eq!(place.stored_batches().await, stored_now);
    assert_eq!(place.gateway.log.events(), []);
    assert_eq!(place.put(&mina, &later).await, 204, "and it was not for the batch");
}

#[tokio::test]
async fn whoever_copied_an_identity_key_cannot_end_its_owners_counting() {
    let mina = Reviewer::new("mina");
    let place = Place::new(&[&mina]).await;
    let batch = |sequence| mina.batch(place.newsroom, sequence, NOW, keys(1));
    for (too_far, farthest) in [(1_001, 1_000), (u32::MAX, 2_000), (3_001, 3_000)] {
        let refused = place.refusal(&place.signed(&mina, "PUT", KEYS, &batch(too_far))).await;
        assert_eq!(refused, (409, "sequence-too-far".into()), "{too_far}");
        assert_eq!(place.put(&mina, &batch(farthest)).await, 204, "{farthest}");
    }
    // at the end of all numbers, where only the folder leads
    place.put_into_folder(&mina, &batch(u32::MAX - 1));
    let end = batch(u32::MAX);
    assert_eq!(place.put(&mina, &end).await, 204);
    assert_eq!(place.in_force(&mina).await, end);
}

#[tokio::test]
async fn the_largest_batch_is_taken() {
    let mina = Reviewer::new("mina");
    let place = Place::new(&[&mina]).await;
    let batch = mina.batch(place.newsroom, 1, NOW, keys(MAX_RECIPIENTS));
    assert_eq!(place.put(&mina, &batch).await, 204);
    assert_eq!(place.in_force(&mina).await, batch);
}

#[tokio::test]
async fn a_replayed_request_changes_nothing() {
    let mina = Reviewer::new("mina");
    let place = Place::new(&[&mina]).await;
    let batch = |sequence| mina.batch(place.newsroom, sequence, NOW, keys(1));
    let (first, second) = (batch(1), batch(2));
    let recorded = place.signed(&mina, "PUT", KEYS, &first);
    assert_eq!(place.desk(&recorded).await.0, 204);
    assert_eq!(place.desk(&recorded).await.0, 204);
    assert_eq!(place.put(&mina, &second).await, 204);
    assert_eq!(place.refusal(&recorded).await, (409, "out-of-sequence".into()));
    assert_eq!(place.in_force(&mina).await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_at_once_the_highest_wins_and_stays() {
    let mina = Reviewer::new("mina");
    let place = std::sync::Arc::new(Place::new(&[&mina]).await);
    let batches: Vec<_> = (1..=12).map(|n| mina.batch(place.newsroom, n, NOW, keys(1))).collect();
    // two different ones of the highest sequence: one of them wins
    let twin = mina.batch(place.newsroom, 12, NOW, keys(1));
    let mut running = tokio::task::JoinSet::new();
    for batch in batches.iter().chain([&twin]) {
        let request = place.signed(&mina, "PUT", KEYS, batch);
        let place = place.clone();
        running.spawn(async move { place.desk(&request).await.0 });
    }
    let answers = running.join_all().await;
    assert!(answers.iter().all(|status| [204, 409].contains(status)), "{answers:?}");
    let wins = place.in_force(&mina).await;
    assert!(wins == batches[11] || wins == twin);
    let stored = place.stored_batches().await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].1, wins);
    let place = std::sync::Arc::into_inner(place).unwrap().restarted().await;
    assert_eq!(place.in_force(&mina).await, wins);
}

#[tokio::test]
async fn a_batch_outlives_restarts_and_rosters_but_not_its_reviewer() {
    let (mina, jun) = (Reviewer::new("mina"), Reviewer::new("jun"));
    let place = Place::new(&[&mina, &jun]).await;
    let (secret, jun_secret) = (
        SealingSecret::generate(&*place.gateway.entropy),
        SealingSecret::generate(&*place.gateway.entropy),
    );
    let newsroom = place.newsroom;
    let batch = |sequence| mina.batch(newsroom, sequence, NOW, vec![secret.recipient()]);
    let of_jun = jun.batch(place.newsroom, 1, NOW, vec![jun_secret.recipient()]);
    let taken = batch(2);
    assert_eq!(place.put(&mina, &taken).await, 204);
    assert_eq!(place.put(&jun, &of_jun).await, 204);

    let place = place.restarted().await;
    assert_eq!(place.in_force(&mina).await, taken);
    // what the operator has in the folder is older, then newer
    place.put_into_folder(&mina, &mina.batch(place.newsroom, 1, NOW, keys(1)));
    assert_eq!(place.in_force(&mina).await, taken);
    place.sign_next(|next| next);
    assert_eq!(place.in_force(&mina).await, taken);
    let newer = mina.batch(place.newsroom, 3, NOW, vec![secret.recipient()]);
    place.put_into_folder(&mina, &newer);
    assert_eq!(place.in_force(&mina).await, newer);
    let late = mina.batch(newsroom, 3, NOW, keys(1));
    let late = place.signed(&mina, "PUT", KEYS, &late);
    assert_eq!(place.refusal(&late).await, (409, "out-of-sequence".into()));

    place.sign_next(|next| next.without_reviewer(&mina.name).unwrap());
    let envelope = place.tip().await;
    assert!(opens(&jun_secret, &envelope) && !opens(&secret, &envelope));
    let place = place.restarted().await;
    assert!(!opens(&secret, &place.tip().await));
    // the same name with another identity key: the old batches are nobody's
    let again = Reviewer { name: mina.name.clone(), identity: Reviewer::new("x").identity };
    std::fs::remove_file(place.path("publication/keys/mina.json")).unwrap();
    place.sign_next(|next| next.with_reviewer(again.name.clone(), again.identity.public()));
    let nothing = place.signed(&again, "GET", KEYS, b"");
    assert_eq!(place.refusal(&nothing).await, (404, "no-keys".into()));
    let first = again.batch(place.newsroom, 2, NOW, keys(1));
    assert_eq!(place.put(&again, &first).await, 204);
    let place = place.restarted().await;
    assert_eq!(place.in_force(&again).await, first);
}

#[tokio::test]
async fn a_batch_that_cannot_be_stored_is_not_taken() {
    let mina = Reviewer::new("mina");
    let place = Place::new(&[&mina]).await;
    let batch = mina.batch(place.newsroom, 1, NOW, keys(1));
    let (folder, aside) = (place.path("store/items/key-batches"), place.path("aside"));
    std::fs::rename(&folder, &aside).unwrap();
    let request = place.signed(&mina, "PUT", KEYS, &batch);
    assert_eq!(place.refusal(&request).await, (503, "store".into()));
    let nothing = place.signed(&mina, "GET", KEYS, b"");
    assert_eq!(place.refusal(&nothing).await, (404, "no-keys".into()));
    std::fs::rename(&aside, &folder).unwrap();
    assert_eq!(place.desk(&request).await.0, 204);
}

#[tokio::test]
async fn the_present_epoch_is_the_gateways() {
    let mina = Reviewer::new("mina");
    let place = Place::new(&[&mina]).await;
    let batch = |sequence, first| mina.batch(place.newsroom, sequence, first, keys(8));
    let sent = batch(1, NOW);
    assert_eq!(place.put(&mina, &sent).await, 204);
    place.clock.set(weeks_later(1));
    assert_eq!(place.put(&mina, &sent).await, 204, "the same once more, an epoch later");
    let past = place.signed(&mina, "PUT", KEYS, &batch(2, NOW));
    assert_eq!(place.refusal(&past).await, (409, "past-epoch".into()));
    assert_eq!(place.put(&mina, &batch(2, NOW.plus(1))).await, 204);
}

#[tokio::test]
async fn the_chain_of_rosters_is_handed_out() {
    let mina = Reviewer::new("mina");
    let place = Place::new(&[&mina]).await;
    let page = async |uri: String| {
        let (status, body) = place.ask(&mina, "GET", &uri, b"").await;
        assert_eq!(status, 200);
        serde_json::from_slice::<RosterPage>(&body).unwrap()
    };
    let all = page(ROSTERS.to_owned()).await;
    assert_eq!((all.rosters.len(), all.next), (2, None));
    for (version, one) in (1..).zip(&all.rosters) {
        let file = |ending| {
            let path = place.path(&format!("publication/roster/{version:04}.{ending}"));
            std::fs::read_to_string(path).unwrap()
        };
        assert_eq!((&one.roster, &one.signature), (&file("json"), &file("sig")));
    }
    assert_eq!(page(format!("{ROSTERS}?after=1")).await.rosters, all.rosters[1..]);
    assert_eq!(page(format!("{ROSTERS}?after=2")).await.rosters, []);
    place.sign_next(|next| next);
    assert_eq!(page(format!("{ROSTERS}?after=2")).await.rosters.len(), 1);
    let wrong = place.signed(&mina, "GET", &format!("{ROSTERS}?after=x"), b"");
    assert_eq!(place.refusal(&wrong).await, (400, "bad-query".into()));
    let stranger = Reviewer::new("mina");
    let refused = place.signed(&stranger, "GET", ROSTERS, b"");
    assert_eq!(place.refusal(&refused).await, (401, "unknown-reviewer".into()));
}

/// A key that is valid, as bytes.
fn key_bytes() -> Vec<u8> {
    let text = keys(1)[0].to_string();
    let parsed = bech32::primitives::decode::UncheckedHrpstring::new(&text).unwrap();
    parsed.validate_and_remove_checksum::<Long>().unwrap().byte_iter().collect()
}

/// Bech32 without a limit of length.
enum Long {}

impl Checksum for Long {
    type MidstateRepr = u32;
    type CorrectionField = <Bech32 as Checksum>::CorrectionField;
    const ROOT_GENERATOR: Self::CorrectionField = Bech32::ROOT_GENERATOR;
    const ROOT_EXPONENTS: std::ops::RangeInclusive<usize> = Bech32::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = 4_000;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [u32; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = Bech32::TARGET_RESIDUE;
}

fn text_of(key: &[u8]) -> String {
    let prefix = Hrp::parse("age1pq").unwrap();
    key.iter().copied().bytes_to_fes().with_checksum::<Long>(&prefix).chars().collect()
}

/// A batch as nobody would make it: one key of any text, rightly signed.
fn signed_by_hand(by: &Reviewer, newsroom: NewsroomId, key: &str, name: &str) -> Vec<u8> {
    let newsroom = data_encoding::HEXLOWER.encode(&newsroom.0);
    let batch = format!(
        "{{\"first_epoch\":{},\"format\":\"sealpost-keys-v1\",\"newsroom\":\"{newsroom}\",\
         \"recipients\":[\"{key}\"],\"reviewer\":\"{name}\",\"sequence\":7}}",
        NOW.0
    );
    let signature = by.identity.sign(format!("sealpost-keys-v1\n{batch}").as_bytes());
    let signature = data_encoding::HEXLOWER.encode(&signature);
    format!("{{\"batch\":{batch},\"signature\":\"{signature}\"}}").into_bytes()
}
