//! The mail provider of the demo: a small SMTP server (RFC 5321) behind TLS (RFC 8314 §3.3) on
//! loopback. It keeps each message as it came, one file a message, so that a reader can see what a
//! real provider would see.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Longest message taken, in bytes: many times a notice.
const MESSAGE_LIMIT: usize = 1 << 20;

/// A running server.
pub(super) struct MailServer {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Its certificate, for the gateway's configuration.
    pub(super) certificate: PathBuf,
    folder: PathBuf,
}

impl MailServer {
    /// Starts a server that keeps messages in `folder`, on a port that the system chooses.
    pub(super) async fn start(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let certificate = folder.join("certificate.pem");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .map_err(io::Error::other)?;
        crate::disk::write_public(&certificate, made.cert.pem().as_bytes())?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .map_err(io::Error::other)?;

        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let server = Self { address: listener.local_addr()?, certificate, folder: folder.into() };
        tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), folder.into()));
        Ok(server)
    }

    /// The messages that have come for `mailbox`, oldest first.
    pub(super) fn messages(&self, mailbox: &str) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(&format!("-{mailbox}.eml")) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, folder: PathBuf) {
    let count = Arc::new(AtomicUsize::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, folder, count) = (tls.clone(), folder.clone(), Arc::clone(&count));
        // a client that breaks off harms nobody but its own message
        tokio::spawn(async move { converse(stream, tls, &folder, &count).await });
    }
}

/// One SMTP conversation, from the greeting to QUIT.
async fn converse(
    stream: TcpStream,
    tls: TlsAcceptor,
    folder: &Path,
    count: &AtomicUsize,
) -> io::Result<()> {
    let mut peer = BufReader::new(tls.accept(stream).await?);
    let mut recipients = Vec::new();
    say(&mut peer, "220 localhost ESMTP").await?;
    loop {
        let mut line = String::new();
        if (&mut peer).take(1024).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.split([' ', '\r', '\n']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" | "HELO" | "NOOP" | "MAIL" => say(&mut peer, "250 localhost").await?,
            "RSET" => {
                recipients.clear();
                say(&mut peer, "250 done").await?;
            }
            "RCPT" => {
                recipients.push(mailbox(&line));
                say(&mut peer, "250 taken").await?;
            }
            "DATA" => {
                say(&mut peer, "354 end with a dot on a line of its own").await?;
                let message = read_message(&mut peer).await?;
                for mailbox in recipients.drain(..) {
                    let number = count.fetch_add(1, Ordering::Relaxed);
                    let file = folder.join(format!("{number:03}-{mailbox}.eml"));
                    crate::disk::write_public(&file, &message)?;
                }
                say(&mut peer, "250 kept").await?;
            }
            "QUIT" => return say(&mut peer, "221 bye").await,
            _ => say(&mut peer, "502 not here").await?,
        }
    }
}

/// Reads up to the lone dot, taking the dots away that were stuffed (RFC 5321 §4.5.2).
async fn read_message(peer: &mut BufReader<TlsStream<TcpStream>>) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        let limit = u64::try_from(MESSAGE_LIMIT).unwrap_or(u64::MAX);
        let taken = (&mut *peer).take(limit).read_until(b'\n', &mut line).await?;
        if taken == 0 || message.len() + taken > MESSAGE_LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if line == b".\r\n" {
            return Ok(message);
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

/// The local part of the address in `RCPT TO:<…>`, in letters, digits and hyphens.
fn mailbox(line: &str) -> String {
    let address = line.split(['<', '>']).nth(1).unwrap_or_default();
    let local = address.split('@').next().unwrap_or_default();
    local.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

async fn say(peer: &mut BufReader<TlsStream<TcpStream>>, line: &str) -> io::Result<()> {
    peer.write_all(format!("{line}\r\n").as_bytes()).await?;
    peer.flush().await
}
