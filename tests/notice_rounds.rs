//! Each moment of the schedule has its round of notices once: also across restarts, and also if the
//! gateway was down when it came.

use sealpost::{
    clock::{Clock as _, Timestamp},
    gateway::{
        config::{Notice, Smtp, SmtpTls},
        notice::{Mailer, Rounds},
        store::{ItemKind, Store as _},
    },
};

use crate::place::{Place, Reviewer, TODAY};

fn notice() -> Notice {
    Notice {
        period: "daily 07:00".parse().unwrap(),
        from: "gateway@example.org".parse().unwrap(),
        smtp: Smtp {
            host: "mail.example.org".into(),
            port: 465,
            tls: SmtpTls::Implicit,
            login: None,
            ca_file: None,
        },
    }
}

/// So many hours after the day began on which everything begins.
fn hours(hours: i64) -> Timestamp {
    Timestamp(TODAY.start().0 + 3_600 * hours)
}

/// What a gateway does that runs at this moment: holds what is due.
async fn at(place: &Place, rounds: &mut Rounds, moment: Timestamp) -> usize {
    place.clock.set(moment);
    let mailer = Mailer::Memory(Default::default());
    let due = rounds.due(&place.gateway, &notice());
    if due <= place.clock.now() {
        rounds.hold(&place.gateway, &notice(), &mailer, due).await;
    }
    let Mailer::Memory(mails) = mailer else { unreachable!() };
    mails.into_inner().unwrap().len()
}

async fn marks(place: &Place) -> Vec<String> {
    let marks = place.gateway.store.items(ItemKind::NoticeMark).await.unwrap();
    marks.into_iter().map(|(key, _)| key).collect()
}

#[tokio::test]
async fn a_round_is_held_once_also_if_the_gateway_was_down() {
    let (mina, jun) = (Reviewer::new("mina"), Reviewer::new("jun"));
    let place = Place::new(&[&mina, &jun]).await;
    let book = r#"{"format": "sealpost-addresses-v1", "addresses": {"mina": "mina@example.org", "jun": "jun@example.org"}}"#;
    sealpost::disk::write_private(&place.path("addresses.json"), book.as_bytes()).unwrap();

    let mut rounds = Rounds::after_start(&place.gateway).await;
    assert_eq!(at(&place, &mut rounds, hours(5)).await, 0, "nothing was ever due");
    // 07:00 comes while it waits
    let due = rounds.due(&place.gateway, &notice());
    assert_eq!(due, hours(7));
    place.clock.set(due);
    rounds.hold(&place.gateway, &notice(), &Mailer::Memory(Default::default()), due).await;
    assert_eq!(marks(&place).await, ["2026-11-22T070000"]);
    assert_eq!(at(&place, &mut rounds, hours(8)).await, 0);

    let place = place.restarted().await;
    let mut rounds = Rounds::after_start(&place.gateway).await;
    assert_eq!(at(&place, &mut rounds, hours(9)).await, 0, "held before the restart");

    // down over two moments: one round, at once
    let place = place.restarted().await;
    let mut rounds = Rounds::after_start(&place.gateway).await;
    assert_eq!(at(&place, &mut rounds, hours(24 + 24 + 10)).await, 2);
    assert_eq!(marks(&place).await, ["2026-11-24T070000"], "older marks go");
    assert_eq!(at(&place, &mut rounds, hours(24 + 24 + 11)).await, 0);
    let place = place.restarted().await;
    let mut rounds = Rounds::after_start(&place.gateway).await;
    assert_eq!(at(&place, &mut rounds, hours(24 + 24 + 12)).await, 0);
    assert_eq!(at(&place, &mut rounds, hours(3 * 24 + 7)).await, 2);
    assert_eq!(place.gateway.log.events(), []);
}
