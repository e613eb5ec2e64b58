//! Invariant: an acknowledged tip survives kill -9, an unacknowledged one is whole or absent.
//!
//! The real gateway is killed at random moments, while it starts and while several senders are at
//! their forms; in some cycles it starts on a later day, on which it has the past days' work to do.
//! Some of these lives end while the day's turn writes those days' envelopes anew.
//! Each start must succeed. Every tip whose receipt came must open, on the reviewer's machine, to
//! its text; what was not acknowledged opens to what was sent, or is not there.
//!
//! `SEALPOST_KILL_CYCLES` sets the number of cycles, `SEALPOST_SEED` what is drawn.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::Child,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use sealpost::clock::Day;

use crate::{
    envelopes::{Draw, setting},
    moving_clock::MovingClock,
    newsroom::{Form, Gateway, Newsroom, answer, files_below},
};

/// A Monday.
const BEGIN: Day = Day(20_780);
const SENDERS: usize = 4;
/// What one of them sends in a cycle, at most.
const FORMS: usize = 8;
/// On so many days, at most, the gateway lives: the roster and the reviewer's keys are good for
/// longer.
const DAYS: u32 = 30;
/// How often all that is stored is fetched and opened.
const LOOKS: u64 = 5;

#[test]
fn no_acknowledged_tip_is_lost_by_a_kill() {
    let Some(clock) = MovingClock::find() else { return };
    let cycles = setting("SEALPOST_KILL_CYCLES", 50);
    let seed = setting("SEALPOST_SEED", 1);
    let mut draw = Draw::new(seed);
    let mut today = BEGIN;
    clock.noon_of(today);
    let newsroom = Newsroom::with_environment(&["ridge"], "", clock.environment());
    let gateway = newsroom.serve();
    newsroom.join(&gateway, "ridge");
    keep_the_desk_there(&newsroom, &gateway);
    gateway.stop();
    let tips = Tips::default();
    let (mut in_start, mut in_turn, mut turned) = (0, 0, 0);
    for cycle in 0..cycles {
        if draw.percent(30) && today.0 < BEGIN.0 + DAYS {
            today = today.plus(1);
            clock.noon_of(today);
        }
        let was_due = turn_is_due(&newsroom, today);
        match tips.cycle(&newsroom, cycle, today, &mut draw) {
            Life::EndedInStart => in_start += 1,
            // a gateway that serves has begun with what is daily
            Life::Served if turn_is_due(&newsroom, today) => in_turn += 1,
            Life::Served => turned += u64::from(was_due),
        }
        if (cycle + 1) % cycles.div_ceil(LOOKS) == 0 || cycle + 1 == cycles {
            tips.are_kept(&newsroom, cycle, seed);
        }
    }
    let Tips { sent, acknowledged } = tips;
    let acknowledged = acknowledged.into_inner().unwrap().len() as u64;
    eprintln!(
        "kill -9: {cycles} cycles from seed {seed}, {in_start} of them killed before they served, \
         {in_turn} in the day's turn and {turned} after it, {} days; {} tips sent, {acknowledged} acknowledged",
        today.0 - BEGIN.0 + 1,
        sent.into_inner().unwrap().len(),
    );
    assert!(acknowledged > cycles / 2, "hardly any tip was acknowledged");
    assert!(in_start > 0, "no start was hit");
    assert!(in_turn > 0, "no turn of the day was hit");
}

/// What a gateway was doing when it was killed.
enum Life {
    EndedInStart,
    Served,
}

/// True while envelopes of earlier days are there and the mark of the day's turn is not.
fn turn_is_due(newsroom: &Newsroom, today: Day) -> bool {
    let yesterday = Day(today.0 - 1).to_string();
    let is_marked = newsroom.path("gateway/store/items/turned").join(yesterday).exists();
    // an envelope's file shows the beginning of its day
    let is_earlier = |file: &Path| std::fs::metadata(file).unwrap().mtime() < today.start().0;
    !is_marked && newsroom.stored().iter().any(|file| is_earlier(file))
}

/// The messages that were sent, and those whose receipt came.
#[derive(Default)]
struct Tips {
    sent: Mutex<BTreeSet<String>>,
    acknowledged: Mutex<BTreeSet<String>>,
}

impl Tips {
    /// One life of a gateway.
    fn cycle(&self, newsroom: &Newsroom, cycle: u64, today: Day, draw: &mut Draw) -> Life {
        let turns = turn_is_due(newsroom, today);
        let mut process = newsroom.spawn();
        // the moment at which it is killed is the subject: not a wait for anything
        let moment = |draw: &mut Draw, most| Duration::from_millis(draw.below(most) as u64);
        if draw.percent(25) {
            std::thread::sleep(moment(draw, 400));
            kill(&mut process);
            // what it has said before stays in the pipe
            return ready(&mut process).map_or(Life::EndedInStart, |_| Life::Served);
        }
        let address = ready(&mut process).unwrap_or_else(|| {
            let log = std::fs::read_to_string(newsroom.path("gateway.log"));
            panic!("cycle {cycle}: no start: {}", log.unwrap_or_default())
        });
        let (first, is_sent) = mpsc::channel();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let (is_over, first) = (&is_over, first.clone());
                scope.spawn(move || {
                    for number in 0..FORMS {
                        if is_over.load(Ordering::Relaxed) {
                            break;
                        }
                        let message = format!("cycle {cycle} sender {sender} tip {number}.");
                        // whoever listens has heard enough after the first
                        let _ = first.send(());
                        self.send(newsroom, address, message);
                    }
                });
            }
            is_sent.recv().unwrap();
            // a turn takes about a second: some are hit in their first steps, some are done
            let soon = match turns {
                true if draw.percent(40) => *draw.one_of(&[10, 50, 250]),
                true => *draw.one_of(&[1000, 2500]),
                false => *draw.one_of(&[30, 200, 1000]),
            };
            std::thread::sleep(moment(draw, soon));
            kill(&mut process);
            is_over.store(true, Ordering::Relaxed);
        });
        Life::Served
    }

    fn send(&self, newsroom: &Newsroom, gateway: SocketAddr, message: String) {
        let form = Form::new().field("message", &message).request("/en", &[]);
        self.sent.lock().unwrap().insert(message.clone());
        let Ok(tcp) = TcpStream::connect(gateway) else { return };
        let mut tls = newsroom.over_tls(tcp);
        if tls.write_all(&form).is_err() {
            return;
        }
        if answer(tls).status == 200 {
            self.acknowledged.lock().unwrap().insert(message);
        }
    }

    /// Fetches and opens all that is stored. Every acknowledged message is there; every other is
    /// one that was sent.
    fn are_kept(&self, newsroom: &Newsroom, cycle: u64, seed: u64) {
        let gateway = newsroom.serve();
        newsroom.ok("reviewer", "fetch --dir ridge");
        newsroom.ok("reviewer", "open --dir ridge --all --out opened");
        gateway.stop();
        // every file of the store's is read
        newsroom.ok("gateway", "verify --config gateway/gateway.toml");
        let opened = messages(&newsroom.path("opened"));
        let acknowledged = self.acknowledged.lock().unwrap();
        let lost: Vec<_> = acknowledged.difference(&opened).collect();
        assert!(lost.is_empty(), "seed {seed}, after cycle {cycle}: lost {lost:?}");
        let sent = self.sent.lock().unwrap();
        let foreign: Vec<_> = opened.difference(&sent).collect();
        assert!(foreign.is_empty(), "seed {seed}, after cycle {cycle}: never sent {foreign:?}");
    }
}

fn kill(process: &mut Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

/// The address of the tips' listener, once both are ready; None if that ended before.
fn ready(process: &mut Child) -> Option<SocketAddr> {
    let output = BufReader::new(process.stdout.take().unwrap());
    let mut lines = output.lines();
    let tips = lines.next()?.unwrap();
    lines.next()?.unwrap();
    tips.strip_prefix("ready tips https://")?.parse().ok()
}

/// The reviewer knows the desk by an address on the roster: it stays there from now on.
fn keep_the_desk_there(newsroom: &Newsroom, gateway: &Gateway) {
    let text = std::fs::read_to_string(newsroom.config()).unwrap();
    let (before, of_desk) = text.rsplit_once("127.0.0.1:0").unwrap();
    let text = format!("{before}{}{of_desk}", gateway.desk);
    sealpost::disk::write_private(&newsroom.config(), text.as_bytes()).unwrap();
}

/// The messages in the folders of opened tips.
fn messages(opened: &Path) -> BTreeSet<String> {
    let files = files_below(opened).into_iter();
    let texts = files.filter(|file| file.file_name().unwrap() == "message.txt");
    texts.map(|file| std::fs::read_to_string(file).unwrap().trim_end().to_owned()).collect()
}
