//! A publication of many reviewers, from the files on a disk to the roster in force, beside the bare
//! signature and key checks that it cannot do without.

use std::{hint::black_box, path::Path};

use hpke::{Deserializable, Kem, Serializable, kem::XWing};
use ring::{
    digest::{SHA512, digest},
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey},
};
use sealpost::{
    clock::{Day, EpochLength},
    gateway::{
        log::Log,
        roster::{CurrentRoster, Seen},
    },
    publication,
    random::SystemEntropy,
    recipient::Recipient,
    reviewer::identity::IdentitySecret,
    roster::{
        NewsroomId, NewsroomKey, ReviewerName, RosterError, UnsignedBatch, UnsignedRoster,
        UntrustedPublication, sshsig,
    },
};

use super::{Limit, beside, figure, median, seconds};

const REVIEWERS: usize = 200;
const EPOCHS: usize = 8;
/// After the first, which has nobody on it, and the one that adds all.
const RENEWALS: u32 = 3;
const ROUNDS: usize = 25;
const TODAY: Day = Day(20_779);

pub(super) fn run() {
    let folder = tempfile::tempdir().unwrap();
    let Made { newsroom, bare, recipients } = Made::new(folder.path());
    let open = || {
        let log = Log::memory();
        let roster =
            CurrentRoster::open(folder.path(), newsroom, EpochLength::Week, Seen::default(), log);
        let roster = roster.unwrap_or_else(|why| panic!("{why}"));
        assert!(roster.publication().refused().is_empty());
        roster
    };
    let files = publication::read(folder.path()).unwrap();
    let [mut times, mut signatures, mut keys, mut texts, mut verified, mut read] =
        [const { Vec::new() }; 6];
    for _ in 0..ROUNDS {
        signatures.push(seconds(|| bare.check_signatures()));
        keys.push(seconds(|| bare.check_keys()));
        times.push(seconds(|| drop(black_box(open()))));
        texts.push(seconds(|| {
            recipients.iter().for_each(|text| drop(black_box(text.parse::<Recipient>())));
        }));
        let copy = files.clone();
        verified.push(seconds(|| drop(black_box(copy.verify_after(newsroom, None)))));
        read.push(seconds(|| drop(black_box(publication::read(folder.path())))));
    }
    let bare: Vec<f64> = signatures.iter().zip(&keys).map(|(one, other)| one + other).collect();
    let milli = |what: &str, times: &Vec<f64>| beside(what, median(times.clone()) * 1e3, "ms");
    println!("  {REVIEWERS} reviewers with {EPOCHS} epochs each, medians of {ROUNDS}");
    milli("the bare signatures", &signatures);
    milli("the bare key checks", &keys);
    milli("  of ours: reading the files", &read);
    milli("  of ours: verifying, all of it", &verified);
    milli("    of which: the keys, from their texts", &texts);
    milli("read, verified and swapped", &times);
    // round by round, so that both sides see the same weather
    let ratio = median(times.iter().zip(&bare).map(|(ours, bare)| ours / bare).collect());
    figure("read, verified and swapped / bare checks", ratio, "×", Limit::AtMost(1.5));

    let roster = open();
    let (first, batch) = files.batches.first_key_value().unwrap();
    let mut reloads = Vec::new();
    for _ in 0..ROUNDS {
        publication::put_batch(folder.path(), &first.parse().unwrap(), batch).unwrap();
        reloads.push(seconds(|| roster.refresh(TODAY.start())));
    }
    milli("read again when one file has changed", &reloads);
}

/// What a publication is made of, decoded.
struct Bare {
    /// Key, what it signed, signature.
    batches: Vec<([u8; 32], Vec<u8>, [u8; 64])>,
    rosters: Vec<(Vec<u8>, Vec<u8>, [u8; 64])>,
    newsroom: [u8; 32],
    keys: Vec<Vec<u8>>,
}

impl Bare {
    fn check_signatures(&self) {
        for (document, signed, signature) in &self.rosters {
            black_box(digest(&SHA512, document));
            let key = UnparsedPublicKey::new(&ED25519, self.newsroom);
            assert!(key.verify(signed, signature).is_ok());
        }
        for (key, signed, signature) in &self.batches {
            assert!(UnparsedPublicKey::new(&ED25519, key).verify(signed, signature).is_ok());
        }
    }

    /// FIPS 203 §7.2, and what has to be unpacked for it.
    fn check_keys(&self) {
        for key in &self.keys {
            assert!(black_box(<XWing as Kem>::PublicKey::from_bytes(key)).is_ok());
        }
    }
}

struct Made {
    newsroom: NewsroomId,
    bare: Bare,
    recipients: Vec<String>,
}

impl Made {
    fn new(folder: &Path) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        let public: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
        let key = NewsroomKey::Ed25519(public);
        let newsroom = key.id();
        let mut bare =
            Bare { batches: Vec::new(), rosters: Vec::new(), newsroom: public, keys: Vec::new() };
        let mut recipients = Vec::new();
        let mut files = UntrustedPublication { rosters: Vec::new(), batches: Default::default() };
        for version in 1..=2 + RENEWALS {
            let mut roster = match files.verify(newsroom) {
                Ok(before) => UnsignedRoster::after(before.roster(), TODAY),
                Err(_) => UnsignedRoster::first("The Border Post", key.clone(), TODAY),
            };
            for number in (0..REVIEWERS).filter(|_| version == 2) {
                let (name, identity, batch) =
                    reviewer(number, newsroom, &mut bare, &mut recipients);
                publication::put_batch(folder, &name, &batch).unwrap();
                roster = roster.with_reviewer(name, identity.public());
            }
            let mut made = [0; 64];
            let signed = roster.sign_with(|_, bytes| {
                made = pair.sign(bytes).as_ref().try_into().unwrap();
                Ok::<_, RosterError>(made)
            });
            let signed = signed.unwrap();
            bare.rosters.push((signed.0.clone(), sshsig::signing_bytes(&signed.0), made));
            publication::add_roster(folder, version, &signed).unwrap();
            files.rosters.push(signed);
        }
        Self { newsroom, bare, recipients }
    }
}

fn reviewer(
    number: usize,
    newsroom: NewsroomId,
    bare: &mut Bare,
    texts: &mut Vec<String>,
) -> (ReviewerName, IdentitySecret, Vec<u8>) {
    let name: ReviewerName = format!("reviewer-{number}").parse().unwrap();
    let identity = IdentitySecret::generate(&SystemEntropy::new());
    let mut recipients = Vec::new();
    for _ in 0..EPOCHS {
        let key = XWing::gen_keypair().1.to_bytes().to_vec();
        let recipient = Recipient::from_bytes(key.as_slice().try_into().unwrap()).unwrap();
        texts.push(recipient.to_string());
        recipients.push(recipient);
        bare.keys.push(key);
    }
    let batch = UnsignedBatch {
        newsroom: Some(newsroom),
        reviewer: name.clone(),
        first_epoch: EpochLength::Week.epoch(TODAY.start()),
        sequence: 1,
        recipients,
    };
    let signed = batch.signing_bytes();
    let mut made = [0; 64];
    let document = batch.sign_with(|bytes| {
        made = identity.sign(bytes);
        made
    });
    bare.batches.push((identity.public().0, signed, made));
    (name, identity, document)
}
