//! Hands mails to a mail server, over TLS or not at all.

use std::{sync::Mutex, time::Duration};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        Error as SmtpError,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters, TlsVersion},
        extension::ClientId,
    },
};
use zeroize::Zeroizing;

use crate::{
    disk,
    gateway::{
        config::{Smtp, SmtpTls},
        log::MailFailure,
    },
};

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_PASSWORD_BYTES: u64 = 1_024;
const MAX_CERTIFICATE_BYTES: u64 = 256 << 10;

/// Where mails go.
pub enum Mailer {
    /// To a mail server.
    Smtp(Smtp),
    /// Kept, for tests.
    Memory(Mutex<Vec<Mail>>),
}

/// A mail and to whom it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The only place where the address is: the SMTP envelope.
    pub to: Address,
    /// Headers and body.
    pub content: Vec<u8>,
}

impl Mailer {
    /// Sends each mail in a conversation of its own; one that fails does not stop the others.
    /// Gives the failures.
    pub async fn send_all(&self, from: &Address, mails: Vec<Mail>) -> Vec<MailFailure> {
        match self {
            Self::Memory(kept) => {
                kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(mails);
                Vec::new()
            }
            Self::Smtp(smtp) => match transport(smtp) {
                Ok(transport) => {
                    let mut failures = Vec::new();
                    for mail in mails {
                        failures.extend(send(&transport, from, mail).await.err());
                    }
                    failures
                }
                Err(why) => vec![why; mails.len()],
            },
        }
    }

    /// Says hello to the mail server, with TLS and login, and sends nothing.
    ///
    /// # Errors
    /// Why no mail could be sent.
    pub async fn try_connection(&self) -> Result<(), MailFailure> {
        let Self::Smtp(smtp) = self else {
            return Ok(());
        };
        match transport(smtp)?.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(MailFailure::Connection),
            Err(error) => Err(kind_of(&error)),
        }
    }
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

async fn send(transport: &Transport, from: &Address, mail: Mail) -> Result<(), MailFailure> {
    let envelope =
        Envelope::new(Some(from.clone()), vec![mail.to]).map_err(|_| MailFailure::Refused)?;
    match transport.send_raw(&envelope, &mail.content).await {
        Ok(_) => Ok(()),
        Err(error) => Err(kind_of(&error)),
    }
}

/// Made anew for each round, so that the password lies in memory only then (lettre's copy of it is
/// not wiped) and a changed file counts.
fn transport(smtp: &Smtp) -> Result<Transport, MailFailure> {
    let mut tls = TlsParameters::builder(smtp.host.clone()).set_min_tls_version(TlsVersion::Tlsv12);
    if let Some(file) = &smtp.ca_file {
        let pem =
            disk::read_limited(file, MAX_CERTIFICATE_BYTES).map_err(|_| MailFailure::Files)?;
        let certificate = Certificate::from_pem(&pem).map_err(|_| MailFailure::Files)?;
        tls = tls.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    let tls = tls.build().map_err(|_| MailFailure::Tls)?;
    let mut builder = Transport::builder_dangerous(smtp.host.clone())
        .port(smtp.port)
        .tls(match smtp.tls {
            SmtpTls::Implicit => Tls::Wrapper(tls),
            SmtpTls::StartTls => Tls::Required(tls),
        })
        // the name of this machine is nobody's business
        .hello_name(ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST))
        .timeout(Some(TIMEOUT));
    if let Some(login) = &smtp.login {
        let bytes = disk::read_limited(&login.password_file, MAX_PASSWORD_BYTES)
            .map(Zeroizing::new)
            .map_err(|_| MailFailure::Files)?;
        let password = std::str::from_utf8(&bytes).map_err(|_| MailFailure::Files)?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        builder = builder.credentials(Credentials::new(login.username.clone(), password));
    }
    Ok(builder.build())
}

fn kind_of(error: &SmtpError) -> MailFailure {
    if error.is_timeout() {
        MailFailure::Timeout
    } else if error.is_permanent() {
        MailFailure::Refused
    } else if error.is_transient() {
        MailFailure::PutOff
    } else if error.is_tls() || is_certificate(error) {
        MailFailure::Tls
    } else {
        MailFailure::Connection
    }
}

/// lettre tells a failed handshake as a broken connection; its source knows better.
fn is_certificate(error: &SmtpError) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let io = inner.downcast_ref::<std::io::Error>();
        if io.and_then(std::io::Error::get_ref).is_some_and(|e| e.is::<rustls::Error>()) {
            return true;
        }
        source = inner.source();
    }
    false
}
