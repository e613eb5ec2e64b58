//! A notice arrives through a real mail server, over TLS, and tells nobody but its reader anything.

use std::fs;

use sealpost::{
    clock::Timestamp,
    gateway::{
        config::{Smtp, SmtpLogin, SmtpTls},
        log::MailFailure,
        notice::{self, Mail, Mailer, SUBJECT},
    },
    random::SystemEntropy,
    recipient::Recipient,
    reviewer::{opener::open_armored, sealing_key::SealingSecret},
};

use crate::mail_server::{MailServer, PASSWORD, USER};

fn mail(to: &str, arrived: bool, recipient: &Recipient) -> Mail {
    let from = "gateway@sealpost.invalid".parse().unwrap();
    let content =
        notice::compose(arrived, recipient, &from, Timestamp(1_795_305_600), &SystemEntropy::new());
    Mail { to: to.parse().unwrap(), content }
}

fn send(smtp: Smtp, mails: Vec<Mail>) -> Vec<MailFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let from = "gateway@sealpost.invalid".parse().unwrap();
    runtime.block_on(Mailer::Smtp(smtp).send_all(&from, mails))
}

#[test]
fn a_notice_arrives_over_tls_and_only_its_reader_learns_what_it_says() {
    let Some(server) = MailServer::start() else {
        return;
    };
    let keys = [SealingSecret::generate(&SystemEntropy::new())];
    let nobody = Recipient::throw_away(&SystemEntropy::new());
    for (tls, mina, oskar) in
        [(SmtpTls::Implicit, "mina-1", "oskar-1"), (SmtpTls::StartTls, "mina-2", "oskar-2")]
    {
        let mails = vec![
            mail(&format!("{mina}@example.org"), true, &keys[0].recipient()),
            mail(&format!("{oskar}@example.org"), false, &nobody),
        ];
        assert_eq!(send(server.smtp(tls), mails), []);
        // what our side wrote begins with From; the server's own lines are above
        let own = |mail: &String| mail[mail.find("From: ").unwrap()..].to_owned();
        let (to_mina, to_oskar) = (server.delivered(mina), server.delivered(oskar));
        assert!(to_mina.contains("Received: from [127.0.0.1]\n"), "{to_mina}");
        assert!(to_mina.contains("with esmtpsa"), "TLS and login (RFC 3848): {to_mina}");
        let (to_mina, to_oskar) = (own(&to_mina), own(&to_oskar));
        assert_eq!(to_mina.len(), to_oskar.len(), "a mail's size tells nothing");
        for mail in [&to_mina, &to_oskar] {
            assert!(mail.contains(&format!("\nSubject: {SUBJECT}\n")), "{mail}");
            let (head, body) = mail.split_once("\n\n").unwrap();
            assert!(body.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{body}");
            for word in ["arrived", "inbox", "mina", "oskar", PASSWORD] {
                assert!(!head.contains(word), "{word} stands in {head}");
            }
        }
        let armored = |mail: &str| mail.split_once("\n\n").unwrap().1.trim_end().to_owned() + "\n";
        let opened = open_armored(armored(&to_mina).as_bytes(), &keys).unwrap();
        assert_eq!(opened.expose().as_slice(), notice::text(true));
        assert!(open_armored(armored(&to_oskar).as_bytes(), &keys).is_err());
    }
}

#[test]
fn no_mail_goes_to_a_server_that_is_not_trusted() {
    let Some(server) = MailServer::start() else {
        return;
    };
    let nobody = Recipient::throw_away(&SystemEntropy::new());
    for (tls, name) in [(SmtpTls::Implicit, "a"), (SmtpTls::StartTls, "b")] {
        let mut smtp = server.smtp(tls);
        // this machine's own authorities do not know the test's
        smtp.ca_file = None;
        let mails = vec![mail(&format!("{name}@example.org"), true, &nobody)];
        assert_eq!(send(smtp, mails), [MailFailure::Tls]);
    }
    let mut smtp = server.smtp(SmtpTls::StartTls);
    smtp.port = server.bare;
    assert_eq!(send(smtp, vec![mail("c@example.org", true, &nobody)]).len(), 1, "no TLS, no mail");
    let mut smtp = server.smtp(SmtpTls::Implicit);
    let wrong = server.folder.path().join("wrong-password");
    fs::write(&wrong, "wrong\n").unwrap();
    smtp.login = Some(SmtpLogin { username: USER.into(), password_file: wrong });
    assert_eq!(send(smtp, vec![mail("d@example.org", true, &nobody)]), [MailFailure::Refused]);
    assert_eq!(server.all(), [""; 0]);
}
