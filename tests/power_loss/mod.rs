//! Invariant: an acknowledged tip survives a power loss, an unacknowledged one is whole or absent.
//!
//! A program that uses a store is recorded by strace ([`trace`]); its calls are followed ([`replay`])
//! onto a disk of which only what was synced is durable ([`disk`]). At random moments the power is
//! cut, what may be left is written out, opened, and asked for all that had been promised
//! ([`promises`]). Some of what is left is the beginning of another recording: crashes during
//! recovery.
//!
//! The control leaves out one class of syncs at a time: then something must be missing. The counts
//! of calls equal strace's own summary, calls that the disk does not know are refused, and what
//! the followed calls make of the folder is compared with what is in it.
//!
//! `SEALPOST_POWER_LOSS_STATES` sets the number of states, `SEALPOST_SEED` what is drawn.

mod disk;
mod promises;
mod replay;
mod trace;
mod workload;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::{
    disk::{Disk, Reach, Remains, Sync},
    promises::Promises,
    replay::Recording,
};
use crate::envelopes::{Draw, folder_in_memory, setting};

/// Syncs that may be left out, and why.
const DISPENSABLE: [(&str, &str); 9] = [
    ("file that becomes index", INDEX),
    ("folder store after mkdir, rename away", INDEX),
    ("folder store after rename, rename away", INDEX),
    ("folder store after create, mkdir", MADE),
    ("folder store after mkdir", MADE),
    ("file that becomes store/clean", "one that is not whole is not believed"),
    // nor is it here, where every folder has another inode
    ("folder store after unlink", "a clean file that is back does not agree with the folders"),
    ("folder store/envelopes after rename", EXCHANGE),
    ("folder store/tmp after", EXCHANGE),
];
const MADE: &str = "another one follows before the store is one; all but envelopes is made again";
const INDEX: &str = "the index is made anew from the files";
const EXCHANGE: &str = "what is back in tmp is removed, and an exchange of a folder in it is whole: \
                        either side's sync makes it durable";

/// States in which a class of syncs is left out, until one fails.
const TRIES: usize = 300;

/// A recording, and what had been promised before it began.
struct Run {
    promised: Promises,
    recording: Recording,
}

/// A new store; stores on which the power was cut; stores whose program was killed, so that what it
/// had not synced is there and not durable.
static RUNS: LazyLock<Vec<Run>> = LazyLock::new(|| {
    let mut draw = Draw::new(setting("SEALPOST_SEED", 1));
    // how many puts meet is the scheduler's affair: once more, if too few did to share a sync
    let recordings = std::iter::repeat_with(|| {
        let folder = TempDir::new().unwrap();
        record("a_new_store", folder.path(), Disk::holding(folder.path()), 0)
    });
    let recording = recordings.take(5).find(has_shared_syncs).expect("puts at once share syncs");
    let first = Run { promised: Promises::default(), recording };
    let mut runs = Vec::new();
    for _ in 0..2 {
        let folder = TempDir::new().unwrap();
        let (remains, promised) = first.crash(None, &mut draw);
        remains.write_out(folder.path());
        let disk = Disk::holding(folder.path());
        let recording = record("a_store_after_a_crash", folder.path(), disk, 0);
        runs.push(Run { promised, recording });
    }
    for at in kills(&first.recording) {
        let folder = TempDir::new().unwrap();
        let Recording { disk, said, .. } = &first.recording;
        let disk = disk.killed(at);
        disk.as_it_is().write_out(folder.path());
        let promised = first.promised.before(at, said);
        let recording = record("a_store_after_a_crash", folder.path(), disk, at + 1);
        runs.push(Run { promised, recording });
    }
    runs.push(first);
    runs
});

/// More than those of a turn of the day.
fn has_shared_syncs(recording: &Recording) -> bool {
    let all = recording.disk.syncs.iter().filter(|sync| sync.reach == Reach::AllFolders);
    all.count() >= 5
}

/// When to kill a program: just before each sync of a folder while the store is being made, and
/// before the one for which a certain item waits; a later run must not take their work for done.
fn kills(recording: &Recording) -> Vec<usize> {
    let Recording { disk, said, .. } = recording;
    let of_folder = |reach| match reach {
        Reach::One(node) => disk.folders.contains(&node),
        Reach::AllFiles | Reach::AllFolders => true,
    };
    let syncs: Vec<_> = disk.syncs.iter().filter(|sync| of_folder(sync.reach)).collect();
    let begun = said.iter().find(|(_, text)| text.contains("put ")).unwrap().0;
    // one of each class
    let making = syncs.iter().filter(|sync| (2..begun).contains(&sync.end));
    let making: BTreeMap<_, _> = making.map(|sync| (&sync.class, sync.begin)).collect();
    let is_it = |text: &str| text.contains("has added 0 ") && text.ends_with("second");
    let added = said.iter().find(|(_, text)| is_it(text)).unwrap().0;
    let last = syncs.iter().rfind(|sync| sync.end < added).unwrap();
    making.into_values().chain([last.begin]).collect()
}

impl Run {
    /// Cuts the power at a random moment.
    fn crash(&self, without: Option<&str>, draw: &mut Draw) -> (Remains, Promises) {
        let Recording { disk, said, .. } = &self.recording;
        let at = self.moment(without, draw);
        (disk.crash(at, without, draw), self.promised.before(at, said))
    }

    /// Just after something was said; soon after a sync (of a class, if one is given); at any time;
    /// at the end.
    fn moment(&self, class: Option<&str>, draw: &mut Draw) -> usize {
        let Recording { disk, said, moments, lines } = &self.recording;
        let syncs = disk.syncs.iter().filter(|sync| class.is_none_or(|class| sync.class == class));
        match draw.below(if class.is_some() { 20 } else { 10 }) {
            0 => lines + 1,
            1..4 => draw.one_of(said).0 + 1,
            4..8 | 10.. => {
                let sync = *draw.one_of(&syncs.collect::<Vec<_>>());
                self.moment_after(sync, draw)
            }
            _ => *draw.one_of(moments),
        }
    }

    /// Where it may show that a sync is missing: soon after it, soon after something was said that
    /// waited for it, or just before another one makes up for it.
    fn moment_after(&self, sync: &Sync, draw: &mut Draw) -> usize {
        let Recording { disk, said, moments, lines } = &self.recording;
        let first = moments.partition_point(|moment| *moment < sync.end);
        match draw.below(3) {
            0 => moments[(first + draw.below(12)).min(moments.len() - 1)],
            1 => {
                let waited = said.partition_point(|(line, _)| *line < sync.end);
                said.get(waited + draw.below(16)).map_or(lines + 1, |(line, _)| line + 1)
            }
            _ => {
                let others = disk.syncs.iter();
                let next = others.filter(|o| o.begin > sync.end && o.reach == sync.reach);
                let next = next.map(|other| other.end).min().unwrap_or(*lines);
                let last = moments.partition_point(|moment| *moment <= next).max(first + 1);
                moments[last.saturating_sub(1 + draw.below(12.min(last - first)))]
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    if !has_strace() {
        return;
    }
    let states = setting("SEALPOST_POWER_LOSS_STATES", 100);
    let first = setting("SEALPOST_SEED", 1);
    let runtime = Runtime::new().unwrap();
    let mut acknowledged = 0;
    for seed in first..first + states {
        let mut draw = Draw::new(seed);
        let run = draw.one_of(&RUNS);
        let (remains, promises) = run.crash(None, &mut draw);
        acknowledged += promises.acknowledged();
        let kept = keeps(&runtime, &remains, &promises, draw.percent(25));
        assert!(kept.is_ok(), "SEALPOST_SEED={seed} SEALPOST_POWER_LOSS_STATES=1: {kept:?}");
    }
    eprintln!("power loss: {states} states from seed {first}, {acknowledged} envelopes in them");
    assert!(acknowledged > 0);
}

#[test]
fn control_without_any_one_class_of_syncs_something_is_lost() {
    if !has_strace() {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let mut superfluous = Vec::new();
    for (class, number) in classes() {
        // each sync is as likely as the others, whichever run it is in
        let runs = RUNS.iter().flat_map(|run| std::iter::repeat_n(run, run.count(&class)));
        let runs: Vec<_> = runs.collect();
        let mut draw = Draw::new(setting("SEALPOST_SEED", 1));
        let excuse = DISPENSABLE.iter().find(|(dispensable, _)| class.contains(dispensable));
        let tries = if excuse.is_some() { TRIES / 30 } else { TRIES };
        let lost = (1..=tries).find_map(|tries| {
            let run = draw.one_of(&runs);
            let (remains, promises) = run.crash(Some(&class), &mut draw);
            let lost = keeps(&runtime, &remains, &promises, draw.percent(25)).err()?;
            Some(format!("state {tries}: {lost}"))
        });
        let said = match (lost, excuse) {
            (Some(lost), None) => lost,
            (None, Some((_, why))) => format!("nothing lost: {why}"),
            (Some(lost), Some(_)) => panic!("without {class}: {lost}"),
            (None, None) => {
                superfluous.push(class);
                continue;
            }
        };
        eprintln!("power loss: without {number} × {class}: {said}");
    }
    assert!(superfluous.is_empty(), "nothing is lost without these syncs: {superfluous:#?}");
}

impl Run {
    fn count(&self, class: &str) -> usize {
        self.recording.disk.syncs.iter().filter(|sync| sync.class == class).count()
    }
}

/// Every class of syncs in the recordings, with their number.
fn classes() -> BTreeMap<String, usize> {
    let mut classes = BTreeMap::new();
    for sync in RUNS.iter().flat_map(|run| &run.recording.disk.syncs) {
        *classes.entry(sync.class.clone()).or_default() += 1;
    }
    classes.remove(disk::BEFORE);
    classes
}

/// `twice`: and stay there.
fn keeps(
    runtime: &Runtime,
    remains: &Remains,
    promises: &Promises,
    twice: bool,
) -> Result<(), String> {
    let folder = folder_in_memory();
    remains.write_out(folder.path());
    runtime.block_on(promises.are_kept_in(folder.path(), twice))
}

/// Runs one of the [`workload`]s in `folder` under strace; `before` holds what is there already.
fn record(workload: &str, folder: &Path, before: Disk, first: usize) -> Recording {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program
        .arg(format!("power_loss::workload::{workload}"))
        .args(["--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(workload::FOLDER, folder);
    let aside = TempDir::new().unwrap();
    let trace = trace::record(&mut program, &aside.path().join("trace"));

    let (ours, straces) = (trace.counts(), &trace.counted);
    let names: BTreeSet<_> =
        replay::CHANGING.into_iter().filter(|n| ours.contains_key(*n)).collect();
    let ours: Vec<_> = names.iter().map(|name| (*name, ours.get(*name))).collect();
    let straces: Vec<_> = names.iter().map(|name| (*name, straces.get(*name))).collect();
    assert_eq!(ours, straces, "calls read from the trace, and counted by strace");
    eprintln!("power loss: {workload}: {}", counts_in_words(&ours));

    let recording = replay::follow(&trace, folder, before, first);
    compare(&recording.disk, folder);
    recording
}

fn counts_in_words(counts: &[(&str, Option<&u64>)]) -> String {
    let words = counts.iter().map(|(name, count)| format!("{name} {}", count.unwrap_or(&0)));
    words.collect::<Vec<_>>().join(", ")
}

/// What the followed calls made of the folder is what is in it.
fn compare(disk: &Disk, folder: &Path) {
    let followed = disk.as_it_is();
    let followed = followed.files();
    let found = crate::newsroom::files_below(folder);
    for file in &found {
        let name = format!("/{}", file.strip_prefix(folder).unwrap().display());
        let content = followed.get(&name).map(|content| content.to_vec());
        assert!(content == Some(std::fs::read(file).unwrap()), "{name} is not as followed");
    }
    assert_eq!(followed.len(), found.len(), "files: {:?}", followed.keys());
}

fn has_strace() -> bool {
    let present = Command::new("strace").arg("-V").output().is_ok();
    if !present {
        assert!(!crate::newsroom::in_ci(), "strace is needed (Debian: strace)");
        eprintln!("skipped: no strace");
    }
    present
}
