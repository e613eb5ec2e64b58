//! `init`: a folder with everything that `serve` needs.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};

use super::{
    config::Config,
    roster::{self, Seen},
    tls_key::{NewTlsKey, Pin, host_names},
};
use crate::{disk, publication, roster::NewsroomId};

/// The annotated sample is the template: what an operator gets is what the tests parse.
const TEMPLATE: &str = include_str!("../../config/gateway.toml");

const ONION_LISTENER: &str = "
# An onion service of the tor daemon on this machine; deploy/torrc has its side.
[[listener]]
kind = \"unix\"
path = PATH
serves = \"tips\"
";

/// Make the gateway's folder: configuration, TLS key, store.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// The folder to make; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The publication folder that the operator hands out. It stays where it is.
    #[arg(long, value_name = "FOLDER")]
    publication: PathBuf,
    /// The newsroom's public key file, or its fingerprint (SHA256:…).
    #[arg(long, value_name = "FILE|FINGERPRINT")]
    newsroom_key: String,
    /// The operator's private addresses.json. It stays where it is; without it no notices are sent.
    #[arg(long, value_name = "FILE")]
    addresses: Option<PathBuf>,
    /// Where sources connect.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8443")]
    tips: SocketAddr,
    /// Where reviewers' programs connect.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8444")]
    desk: SocketAddr,
    /// A socket for an onion service of a tor daemon on this machine, too.
    #[arg(long, value_name = "PATH")]
    onion_socket: Option<PathBuf>,
    /// A host name for the TLS certificate, if browsers connect by one. May be repeated.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
}

/// What the operator has to do next.
pub struct Initialised {
    /// The configuration that was written.
    pub config: PathBuf,
    /// Of the new TLS key.
    pub pin: Pin,
    /// Where reviewers' programs connect, as far as it is known.
    pub desk_url: String,
}

impl std::fmt::Display for Initialised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hex = data_encoding::HEXLOWER.encode(&self.pin);
        let config = self.config.display();
        writeln!(f, "Made {config}. Read it, and add `[notice]` as told there.")?;
        writeln!(f, "SHA-256 of the TLS public key: {hex}")?;
        writeln!(f, "Next, where the newsroom key is (DIR is the operator's folder):")?;
        writeln!(f, "  sealpost-operator address --dir DIR --url {} --tls {hex}", self.desk_url)?;
        writeln!(f, "Then here:")?;
        writeln!(f, "  sealpost-gateway check --config {config}")?;
        write!(f, "  sealpost-gateway serve --config {config}")
    }
}

/// Verifies the publication, then writes the folder. Overwrites nothing.
///
/// # Errors
/// A publication that does not verify, a folder in use, anything that cannot be written.
pub fn run(args: InitArgs) -> anyhow::Result<Initialised> {
    let newsroom = publication::read_pin(&args.newsroom_key)
        .with_context(|| format!("--newsroom-key {}", args.newsroom_key))?;
    let publication = absolute(&args.publication)?;
    roster::read(&publication, newsroom, &Seen::default())
        .map_err(|why| anyhow!("{}: {why}", publication.display()))?;
    let addresses = args.addresses.as_deref().map(absolute).transpose()?;
    let dir = new_folder(&args.dir)?;

    let tls = NewTlsKey::generate(host_names(&args.host, [args.tips, args.desk]))?;
    let text = configuration(&args, newsroom, &publication, addresses.as_deref())?;
    let config = dir.join("gateway.toml");
    // a template that does not parse is our mistake, told before anything is written
    Config::parse(&text, &config)?;
    let written = |name: &str| format!("{}: cannot be written", dir.join(name).display());
    disk::private_folder(&dir.join("store")).with_context(|| written("store"))?;
    disk::private_folder(&dir.join("spool")).with_context(|| written("spool"))?;
    disk::write_private(&dir.join("tls-key.pem"), tls.key.as_bytes())
        .with_context(|| written("tls-key.pem"))?;
    disk::write_private(&dir.join("tls-certificate.pem"), tls.certificate.as_bytes())
        .with_context(|| written("tls-certificate.pem"))?;
    disk::write_private(&config, text.as_bytes()).with_context(|| written("gateway.toml"))?;
    Ok(Initialised { config, pin: tls.pin, desk_url: desk_url(&args) })
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    fs::canonicalize(path).with_context(|| format!("{}: cannot be found", path.display()))
}

fn new_folder(dir: &Path) -> anyhow::Result<PathBuf> {
    disk::private_folder(dir).with_context(|| format!("{}: cannot be made", dir.display()))?;
    let dir = absolute(dir)?;
    if fs::read_dir(&dir)?.next().is_some() {
        bail!("{}: is not empty, and nothing is overwritten; name a new folder", dir.display());
    }
    if disk::is_exposed(&dir)? {
        bail!("{}: others can look into it; run `chmod 700` on it", dir.display());
    }
    Ok(dir)
}

fn desk_url(args: &InitArgs) -> String {
    let host = match (args.host.first(), args.desk) {
        (Some(host), _) => host.clone(),
        (None, desk) if desk.ip().is_unspecified() => "HOST".into(),
        (None, SocketAddr::V4(desk)) => desk.ip().to_string(),
        (None, SocketAddr::V6(desk)) => format!("[{}]", desk.ip()),
    };
    let port = args.desk.port();
    format!("https://{host}:{}", if port == 0 { "PORT".into() } else { port.to_string() })
}

/// The sample with the operator's own values in place of the sample's.
fn configuration(
    args: &InitArgs,
    newsroom: NewsroomId,
    publication: &Path,
    addresses: Option<&Path>,
) -> anyhow::Result<String> {
    let addresses = match addresses {
        Some(path) => format!("addresses = {}", quoted(path)?),
        None => "# addresses = \"addresses.json\"".into(),
    };
    let mut text = TEMPLATE.to_owned();
    for (sample, own) in [
        ("publication = \"publication\"", format!("publication = {}", quoted(publication)?)),
        (
            "newsroom_key = \"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"",
            format!("newsroom_key = \"{newsroom}\""),
        ),
        ("addresses = \"addresses.json\"", addresses),
        ("address = \"127.0.0.1:8443\"", format!("address = \"{}\"", args.tips)),
        ("address = \"127.0.0.1:8444\"", format!("address = \"{}\"", args.desk)),
    ] {
        text = replace_line(&text, sample, &own)?;
    }
    if let Some(path) = &args.onion_socket {
        let path = std::path::absolute(path)?;
        text.push_str(&ONION_LISTENER.replace("PATH", &quoted(&path)?));
    }
    Ok(text)
}

fn replace_line(text: &str, sample: &str, own: &str) -> anyhow::Result<String> {
    let count = text.lines().filter(|line| *line == sample).count();
    if count != 1 {
        bail!("the template has {count} lines {sample:?}; please report this");
    }
    let lines = text.lines().map(|line| if line == sample { own } else { line });
    Ok(lines.flat_map(|line| [line, "\n"]).collect())
}

/// A TOML string.
fn quoted(path: &Path) -> anyhow::Result<String> {
    let Some(text) = path.to_str() else { bail!("{}: is not UTF-8", path.display()) };
    Ok(toml::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: InitArgs,
    }

    #[test]
    fn the_sample_takes_the_operators_values() {
        let args = Program::parse_from([
            "init",
            "--dir",
            "d",
            "--publication",
            "p",
            "--newsroom-key",
            "k",
            "--tips",
            "0.0.0.0:443",
            "--onion-socket",
            "/run/sealpost/tips.sock",
        ])
        .args;
        let publication = Path::new("/srv/a \"quoted\" folder");
        let text = configuration(&args, NewsroomId([7; 32]), publication, None).unwrap();
        let config = Config::parse(&text, Path::new("/etc/sealpost/gateway.toml")).unwrap();
        assert_eq!(config.publication, publication);
        assert_eq!(config.newsroom, NewsroomId([7; 32]));
        assert_eq!(config.addresses, None);
        assert_eq!(config.listeners.len(), 3);
        let hosts = host_names(&args.host, [args.tips, args.desk]);
        assert_eq!(hosts, ["127.0.0.1", "localhost"]);
    }
}
