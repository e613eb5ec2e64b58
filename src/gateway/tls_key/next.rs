//! `next-tls-key`: the key that will replace the present one, made before it is needed, so that the
//! roster can name both while reviewers' programs learn of it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use super::{NewTlsKey, Pair, Pin, host_names, urls_of};
use crate::{
    disk,
    gateway::{
        config::{Config, ListenerKind, Tls},
        roster::{self, Seen},
    },
};

/// Make the next TLS key and certificate, beside the present ones, which stay in use.
///
/// Prints what the operator signs into the roster, and how both are put into place later. Overwrites
/// nothing. Run it as the gateway's user, who must be able to read the key.
#[derive(Debug, clap::Args)]
pub struct NextArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A host name for the certificate, if browsers connect by one. May be repeated.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
}

/// What was made, and what the operator has to do next.
pub struct NextTlsKey {
    present: Tls,
    next: Tls,
    present_pin: Pin,
    next_pin: Pin,
    hosts: Vec<String>,
    /// Where the roster names the present key.
    urls: Vec<String>,
}

/// Writes `NAME.next.pem` beside each of the present files.
///
/// # Errors
/// A configuration without `[tls]`, present files that are not a pair, a next key that is there
/// already, or anything that cannot be written.
pub fn make_next(args: &NextArgs) -> anyhow::Result<NextTlsKey> {
    let config = Config::load(&args.config)?;
    let Some(present) = config.tls else {
        bail!("{}: has no `[tls]`, so there is no key to replace", args.config.display());
    };
    let present_pin = Pair::read(&present)?.pin();
    let listens = config.listeners.iter().filter_map(|listener| match &listener.kind {
        ListenerKind::Tls { address } => Some(*address),
        ListenerKind::Unix { .. } => None,
    });
    let hosts = host_names(&args.host, listens);
    let made = NewTlsKey::generate(hosts.clone())?;
    let next = Tls { certificate: beside(&present.certificate), key: beside(&present.key) };
    write_new(&next.certificate, made.certificate.as_bytes())?;
    write_new(&next.key, made.key.as_bytes()).inspect_err(|_| {
        // half of a pair is of no use
        drop(std::fs::remove_file(&next.certificate));
    })?;
    // without a publication that holds, the operator fills in the address
    let publication = roster::read(&config.publication, config.newsroom, &Seen::default()).ok();
    let urls = publication.iter().flat_map(|publication| urls_of(publication, present_pin));
    let mut urls: Vec<_> = urls.map(str::to_owned).collect();
    if urls.is_empty() {
        urls.push("https://HOST:PORT".to_owned());
    }
    Ok(NextTlsKey { present, next, present_pin, next_pin: made.pin, hosts, urls })
}

/// `tls-key.pem` gives `tls-key.next.pem`.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(".next");
    if let Some(extension) = file.extension() {
        name.push(".");
        name.push(extension);
    }
    file.with_file_name(name)
}

fn write_new(file: &Path, text: &[u8]) -> anyhow::Result<()> {
    disk::write_new_private(file, text).with_context(|| {
        let file = file.display();
        format!("{file}: cannot be written; if an earlier next key is there, use it or remove it")
    })
}

impl fmt::Display for NextTlsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [present, next] =
            [self.present_pin, self.next_pin].map(|pin| data_encoding::HEXLOWER.encode(&pin));
        let (key, hosts) = (self.next.key.display(), self.hosts.join(", "));
        writeln!(f, "Made {key} and its certificate for {hosts}. Nothing uses them yet.")?;
        writeln!(f, "SHA-256 of the next TLS public key: {next}")?;
        writeln!(f, "1. Where the newsroom key is (DIR is the operator's folder):")?;
        let sign = "sealpost-operator address --dir DIR --url";
        for url in &self.urls {
            writeln!(f, "  {sign} {url} --tls {present} --next {next}")?;
        }
        writeln!(f, "2. Carry the publication here and to every reviewer.")?;
        writeln!(f, "3. When all have it, here. The gateway takes both without a restart:")?;
        for (from, to) in [
            (&self.next.key, &self.present.key),
            (&self.next.certificate, &self.present.certificate),
        ] {
            writeln!(f, "  mv --backup=numbered {} {}", from.display(), to.display())?;
        }
        writeln!(f, "4. Where the newsroom key is, so that the old key counts no longer:")?;
        for url in &self.urls {
            writeln!(f, "  {sign} {url} --tls {next}")?;
        }
        writeln!(f, "5. Carry the publication again. When it works for everybody, remove the old")?;
        write!(f, "files, whose names end in ~.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_files_lie_beside_the_present_ones() {
        for (present, next) in [
            ("/etc/sealpost/tls-key.pem", "/etc/sealpost/tls-key.next.pem"),
            ("key", "key.next"),
            ("a.b/desk.example.pem", "a.b/desk.example.next.pem"),
        ] {
            assert_eq!(beside(Path::new(present)), Path::new(next));
        }
    }
}
