//! What happens, step by step, with what to look at.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "telling is what a demo is for")]

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};

use super::{
    Options,
    browser::{Browser, Picked, words},
    mail_server::MailServer,
    newsroom::Newsroom,
};

/// A landscape, drawn for this demo, with everything a phone writes into a photo.
const PHOTO: &[u8] = include_bytes!("photo.jpg");

/// What the source writes.
const MESSAGE: &str = "They are building again behind the second ridge. The photo is from this \
                       morning; please do not say from where it was taken.";

/// The longest that a mail is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn main(options: &Options) -> ExitCode {
    let told = tokio::runtime::Runtime::new()
        .context("no threads to run on")
        .and_then(|runtime| runtime.block_on(prepare(options)));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sealpost-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the folder, tells the story, and takes the folder away unless it was asked for.
async fn prepare(options: &Options) -> anyhow::Result<()> {
    match &options.dir {
        Some(dir) => tell(dir, options.once).await,
        None => {
            let dir = tempfile::tempdir()?;
            tell(dir.path(), options.once).await
        }
    }
}

async fn tell(dir: &Path, once: bool) -> anyhow::Result<()> {
    let newsroom = Newsroom::new(dir)?;
    println!("Sealpost: a whole newsroom on this machine. Nothing leaves it.");
    println!("Everything is made in {}", dir.display());

    let mail = MailServer::start(&newsroom.path("mail")).await?;
    keys_and_roster(&newsroom)?;
    let (gateway, tls_key) = start_gateway(&newsroom, &mail)?;
    announce_and_join(&newsroom, &gateway.desk, &tls_key)?;

    let browser = Browser::new(&gateway.tips, parse_hex(&tls_key)?)?;
    let before = mail.messages(REVIEWERS[0])?.len();
    send_tip(&newsroom, &browser).await?;
    look_at_mail(&newsroom, &mail, before).await?;
    open_tip(&newsroom)?;
    remove_reviewer(&newsroom, &browser).await?;

    if once {
        println!("\nDone. Every step above was real; the gateway stops now.");
        return Ok(());
    }
    println!("\nThe form is yours to try: {}", gateway.tips);
    println!("  Your browser will warn of the certificate: it is a demo's own.");
    println!("  Read what you sent: sealpost-demo reviewer fetch --dir {}/ridge", dir.display());
    println!("  The gateway is process {}. End with Ctrl-C.", gateway.pid());
    tokio::signal::ctrl_c().await?;
    println!();
    Ok(())
}

fn keys_and_roster(newsroom: &Newsroom) -> anyhow::Result<()> {
    step(1, "The operator makes the newsroom key, which stays offline and signs rosters");
    run(newsroom, "operator", "init --dir operator --name Ridge-Desk")?;

    step(2, "Two reviewers make their keys, each on a machine of their own");
    for name in REVIEWERS {
        run(
            newsroom,
            "reviewer",
            &format!("init --dir {name} --name {name} --mail {name}@localhost"),
        )?;
    }
    look("each card holds public keys only; the private halves never leave the reviewer's folder");

    step(3, "The operator adds them: the roster is signed, and anyone can check it");
    for name in REVIEWERS {
        let fingerprint = fingerprint(&newsroom.run("reviewer", &["card", "--dir", name])?)?;
        run(
            newsroom,
            "operator",
            &format!("add --dir operator {name}/card.json --fingerprint {fingerprint}"),
        )?;
    }
    run(newsroom, "operator", "show operator/publication")?;
    Ok(())
}

const REVIEWERS: [&str; 2] = ["ridge", "harbour"];

fn start_gateway(
    newsroom: &Newsroom,
    mail: &MailServer,
) -> anyhow::Result<(super::newsroom::RunningGateway, String)> {
    step(4, "The gateway starts, with public keys only: it can open nothing that it seals");
    let made = run(
        newsroom,
        "gateway",
        "init --dir gateway --publication operator/publication \
         --newsroom-key operator/newsroom_key.pub --addresses operator/addresses.json \
         --tips 127.0.0.1:0 --desk 127.0.0.1:0",
    )?;
    let tls_key = made
        .split_whitespace()
        .skip_while(|word| *word != "--tls")
        .nth(1)
        .context("gateway init names its TLS key")?
        .to_owned();

    let config = newsroom.path("gateway/gateway.toml");
    let mut text = std::fs::read_to_string(&config)?;
    text.push_str(&format!(
        "\n[notice]\nfrom = \"sealpost@localhost\"\nperiod_seconds = 3\n[notice.smtp]\n\
         host = \"localhost\"\nport = {}\ntls = \"implicit\"\nca_file = \"{}\"\n",
        mail.address.port(),
        mail.certificate.display(),
    ));
    crate::disk::write_private(&config, text.as_bytes())?;
    let gateway = newsroom.serve(&config)?;
    println!("  $ sealpost-gateway serve --config gateway/gateway.toml");
    println!("    ready tips {}", gateway.tips);
    println!("    ready desk {}", gateway.desk);
    Ok((gateway, tls_key))
}

fn announce_and_join(newsroom: &Newsroom, desk: &str, tls_key: &str) -> anyhow::Result<()> {
    step(5, "The operator signs the gateway's address and TLS key into the roster");
    run(newsroom, "operator", &format!("address --dir operator --url {desk} --tls {tls_key}"))?;
    for name in REVIEWERS {
        run(
            newsroom,
            "reviewer",
            &format!(
                "join --dir {name} --newsroom-key operator/newsroom_key.pub operator/publication"
            ),
        )?;
    }
    look("the reviewers' programs trust the TLS key that the roster names, and no other");
    Ok(())
}

async fn send_tip(newsroom: &Newsroom, browser: &Browser) -> anyhow::Result<()> {
    step(6, "A source opens the form, without scripts, and sends a photo straight from a phone");
    let form = browser.form("ko").await?;
    println!("  GET /ko: {} bytes, one request; it begins:", form.len());
    for line in words(&form).iter().take(3) {
        println!("    {line}");
    }
    std::fs::write(newsroom.path("photo-as-sent.jpg"), PHOTO)?;
    println!("  The photo, {} bytes, tells: {}", PHOTO.len(), metadata(PHOTO)?);

    let photo = Picked { name: "IMG_20261114_064107.jpg", mime: "image/jpeg", bytes: PHOTO };
    let receipt = browser.post("en", MESSAGE, &[photo]).await?;
    println!("  POST /en, multipart/form-data; the receipt:");
    for line in words(&receipt) {
        println!("    {line}");
    }
    look(
        "what the gateway has kept: one envelope, its size rounded up to a class, its time to a day",
    );
    list_folder(&newsroom.path("gateway/store/envelopes"))
}

async fn look_at_mail(newsroom: &Newsroom, mail: &MailServer, before: usize) -> anyhow::Result<()> {
    step(7, "The reviewers get a mail on a schedule, whether or not anything came");
    let messages = wait_for_mail(mail, before + 2).await?;
    let newest = messages.last().context("mail has come")?;
    for line in std::fs::read_to_string(newest)?.lines().take(14) {
        println!("    | {line}");
    }
    println!("    | …");
    let sizes: std::collections::BTreeSet<u64> =
        messages.iter().map(|m| Ok(m.metadata()?.len())).collect::<std::io::Result<_>>()?;
    println!("  {} mails so far to this reviewer, sizes in bytes: {sizes:?}", messages.len());
    if sizes.len() != 1 {
        bail!("the mails differ in size, and so tell something");
    }
    look("to the provider all mails look alike; the two since the tip, opened by the reviewer:");
    let mut news = 0;
    for message in messages.iter().skip(before).take(2) {
        let line = format!("notice --dir {} {}", REVIEWERS[0], message.display());
        news += usize::from(!run(newsroom, "reviewer", &line)?.contains("Nothing has arrived"));
    }
    if news != 1 {
        bail!("one mail should tell of the tip, and {news} did");
    }
    Ok(())
}

async fn wait_for_mail(
    mail: &MailServer,
    at_least: usize,
) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let arrival = async {
        loop {
            let messages = mail.messages(REVIEWERS[0])?;
            if messages.len() >= at_least {
                return anyhow::Ok(messages);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, arrival).await.context("no mail came")?
}

fn open_tip(newsroom: &Newsroom) -> anyhow::Result<()> {
    step(8, "A reviewer fetches the envelope and opens it on a machine of their own");
    run(newsroom, "reviewer", "inbox --dir ridge")?;
    run(newsroom, "reviewer", "fetch --dir ridge")?;
    run(newsroom, "reviewer", "open --dir ridge --all --out opened")?;

    let tip = only_child(&newsroom.path("opened"))?;
    let message = std::fs::read_to_string(tip.join("message.txt"))?;
    println!("  message.txt: {message}");
    let photo = std::fs::read(tip.join("files/01.jpg"))?;
    println!("  files/01.jpg: {} bytes, tells: {}", photo.len(), metadata(&photo)?);
    look("the same picture, to the pixel, without what the phone wrote into it; compare:");
    println!("    exiftool {}", newsroom.path("photo-as-sent.jpg").display());
    println!("    exiftool {}", tip.join("files/01.jpg").display());
    if message != MESSAGE {
        bail!("the message that was opened is not the message that was sent");
    }
    Ok(())
}

async fn remove_reviewer(newsroom: &Newsroom, browser: &Browser) -> anyhow::Result<()> {
    step(9, "A reviewer leaves: removed from the roster, and from the very next tip");
    run(newsroom, "operator", "remove --dir operator harbour")?;
    browser.post("en", "A second tip, for those who stayed.", &[]).await?;
    println!("  A second tip was sent.");

    println!("  The desk no longer answers the one who left:");
    refused(newsroom, "reviewer", "inbox --dir harbour")?;
    run(
        newsroom,
        "reviewer",
        "join --dir ridge --newsroom-key operator/newsroom_key.pub operator/publication",
    )?;
    run(newsroom, "reviewer", "fetch --dir ridge")?;
    run(newsroom, "reviewer", "open --dir ridge --all --out opened-second")?;

    println!("  Even with the file in hand, the one who left cannot open the second tip:");
    let envelopes = newsroom.path("ridge/envelopes");
    let second = std::fs::read_dir(newsroom.path("opened-second"))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|id| !newsroom.path("opened").join(id).exists())
        .context("the second tip was opened")?;
    let file = envelopes.join(format!("{second}.age"));
    refused(
        newsroom,
        "reviewer",
        &format!("open --dir harbour --envelope {} --out stolen", file.display()),
    )
}

/// Prints a command as a person would type it, runs it, and prints what it said.
fn run(newsroom: &Newsroom, role: &str, line: &str) -> anyhow::Result<String> {
    let args: Vec<&str> = line.split_whitespace().collect();
    println!("  $ sealpost-{role} {}", args.join(" "));
    let said = newsroom.run(role, &args)?;
    indent(&said);
    Ok(said)
}

fn refused(newsroom: &Newsroom, role: &str, line: &str) -> anyhow::Result<()> {
    let args: Vec<&str> = line.split_whitespace().collect();
    println!("  $ sealpost-{role} {}", args.join(" "));
    indent(&newsroom.refused(role, &args)?);
    Ok(())
}

fn step(number: u32, what: &str) {
    println!("\n{number}. {what}");
}

fn look(at: &str) {
    println!("  Look: {at}");
}

fn indent(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}

/// The kinds of metadata in a photo, as the cleaner finds them.
fn metadata(photo: &[u8]) -> anyhow::Result<String> {
    let limits = crate::clean::Limits::default();
    let plan = crate::clean::clean(&mut std::io::Cursor::new(photo), &limits)?;
    let found: Vec<String> = plan.report().found.iter().map(|f| format!("{f:?}")).collect();
    Ok(if found.is_empty() { "nothing".into() } else { found.join(", ").to_lowercase() })
}

fn list_folder(folder: &Path) -> anyhow::Result<()> {
    for shard in std::fs::read_dir(folder)? {
        for file in std::fs::read_dir(shard?.path())? {
            let file = file?;
            println!("    {:>9} bytes  {}", file.metadata()?.len(), file.path().display());
        }
    }
    Ok(())
}

fn only_child(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    let mut children = std::fs::read_dir(folder)?;
    match (children.next(), children.next()) {
        (Some(child), None) => Ok(child?.path()),
        _ => bail!("{} should hold one tip", folder.display()),
    }
}

/// The card's fingerprint, as `sealpost-reviewer card` prints it.
fn fingerprint(card: &str) -> anyhow::Result<String> {
    let line = card.lines().find(|line| line.to_lowercase().contains("fingerprint"));
    let words = line.and_then(|line| line.split(':').next_back());
    Ok(words.context("the card has a fingerprint")?.split_whitespace().collect())
}

fn parse_hex(text: &str) -> anyhow::Result<[u8; 32]> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes())?;
    bytes.try_into().ok().context("a TLS key's SHA-256 has 32 bytes")
}
