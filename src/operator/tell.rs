//! What the operator is told after an act, and has to do next.
#![expect(clippy::print_stdout, reason = "a program talks to the person who started it")]

use std::path::Path;

use super::{
    ceremony::Ceremony,
    pending::{ToSign, Waiting, quoted},
};
use crate::roster::{NewsroomKey, Roster};

/// A newsroom has begun.
pub(super) fn begun(ceremony: &Ceremony, dir: &Path) {
    let publication = ceremony.publication();
    let name = publication.roster().newsroom_name();
    println!("The newsroom {name} begins. Its fingerprint, for everybody to pin:");
    println!("  {}", publication.newsroom());
    println!("Keep {} offline, with a copy.", dir.display());
    println!("Hand out {}: everything in it is public.", ceremony.folder().display());
}

/// A roster was signed.
pub(super) fn signed(ceremony: &Ceremony, dir: &Path) {
    let roster = ceremony.publication().roster();
    let who = names(roster.reviewers().iter().map(|one| one.name.as_str()));
    println!("Signed roster {}, good until {}: {who}.", roster.version(), roster.lapses());
    println!("Hand out {} again, whole.", ceremony.folder().display());
    keys(ceremony, roster, dir);
}

/// What a change of key asks for.
fn keys(ceremony: &Ceremony, roster: &Roster, dir: &Path) {
    let version = roster.version();
    if let Some(next) = roster.next_newsroom_key() {
        let dir = quoted(dir);
        println!("\nRoster {version} announces the next newsroom key, {}.", next.id());
        println!("The next roster is signed by it and makes the change, for example:");
        println!("  sealpost-operator renew --dir {dir}");
        println!("Keep the present key until then. With --signed-by both it goes on, and the next");
        println!("one stands by.");
    }
    let before = ceremony.publication().history().find(|one| one.version() + 1 == version);
    if before.is_some_and(|before| before.newsroom_key() != roster.newsroom_key()) {
        println!(
            "\nThe newsroom key has changed: from here on {} signs.",
            roster.newsroom_key().id()
        );
        println!("Nobody pins anew: the fingerprint stays {}.", ceremony.publication().newsroom());
    }
    for outlived in ceremony.outlived_keys() {
        println!("\nDestroy {} and every copy of it: that key", outlived.display());
        println!("signs nothing any more. Keep its .pub file.");
    }
}

/// A roster waits for its signature. `given` is a key that was named by its file just now.
pub(super) fn waits(waiting: &Waiting, dir: &Path, given: Option<(&NewsroomKey, &Path)>) {
    let who = names(waiting.reviewers().map(|name| name.as_str()));
    println!("Roster {} waits for its signature: {who}.", waiting.version());
    println!("  SHA-256  {}", waiting.sha256());
    let commands: Vec<_> = waiting.to_sign().iter().map(|one| how_to_sign(one, given)).collect();
    for (who, command) in &commands {
        println!("{who}\n  {command}");
    }
    println!();
    if commands.iter().any(|(_, command)| command.contains(" KEY ")) {
        println!("KEY is the file of the private key, or of the hardware key's handle.");
    }
    println!(
        "To sign on another machine, carry the file there, see that `sha256sum` says the same,"
    );
    println!("and bring back the .sig file that ssh-keygen writes beside it. Then:");
    println!("  sealpost-operator finish --dir {}", quoted(dir));
    println!("or, to drop it:");
    println!("  sealpost-operator discard --dir {}", quoted(dir));
}

/// Who signs, and by which command.
fn how_to_sign(one: &ToSign, given: Option<(&NewsroomKey, &Path)>) -> (String, String) {
    let touch =
        if one.key.is_hardware() { ", a hardware key: touch it when it blinks" } else { "" };
    let given = given.filter(|(key, _)| **key == one.key);
    // beside FILE.pub lies FILE, unless it was brought here alone
    let private = given.map(|(_, public)| public.with_extension("")).filter(|file| file.exists());
    (format!("Sign with {}{touch}:", one.key.id()), one.command(private.as_deref()))
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}
