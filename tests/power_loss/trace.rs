//! What strace wrote down: every call that takes a file's name or descriptor, and strace's own
//! count of them.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    process::Command,
    sync::LazyLock,
};

use data_encoding::{Encoding, Specification};

/// Two digits for each byte, each pair after a `\\x`.
static HEX: LazyLock<Encoding> = LazyLock::new(|| {
    let mut digits = Specification::new();
    digits.symbols.push_str("0123456789abcdef");
    digits.ignore.push_str("\\x");
    digits.encoding().unwrap()
});

/// One system call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) thread: u32,
    pub(super) name: String,
    /// As strace prints them, all strings in hexadecimal.
    arguments: String,
    /// None of a call that failed, or that never returned.
    pub(super) result: Option<u64>,
    /// The line on which it began, and that on which it ended.
    pub(super) begin: usize,
    pub(super) end: usize,
}

/// In the order of the trace's lines: a call begins or ends.
#[derive(Clone, Copy)]
pub(super) enum Event {
    Begin(usize),
    End(usize),
}

pub(super) struct Trace {
    pub(super) calls: Vec<Call>,
    pub(super) events: Vec<Event>,
    pub(super) lines: usize,
    /// How often each call was made, by strace's own summary.
    pub(super) counted: BTreeMap<String, u64>,
}

/// Runs a program under strace; the trace goes to `file`.
pub(super) fn record(program: &mut Command, file: &Path) -> Trace {
    let mut strace = Command::new("strace");
    strace
        .args([
            "-f",
            "-C",
            "-y",
            "-xx",
            "-s",
            "33554432",
            "-e",
            "trace=%file,%desc,sync,io_uring_setup",
            "-o",
        ])
        .arg(file)
        .arg("--")
        .arg(program.get_program())
        .args(program.get_args())
        .envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = strace.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    Trace::read(&std::fs::read_to_string(file).unwrap())
}

impl Trace {
    fn read(text: &str) -> Self {
        let mut trace =
            Self { calls: Vec::new(), events: Vec::new(), lines: 0, counted: BTreeMap::new() };
        let mut open: HashMap<u32, usize> = HashMap::new();
        let mut lines = text.lines().enumerate();
        for (number, line) in &mut lines {
            trace.lines = number;
            if line.starts_with("% time") {
                break;
            }
            trace.line(number, line, &mut open);
        }
        for (_, line) in lines {
            // % time, seconds, usecs/call, calls, errors (or nothing), name
            let columns: Vec<&str> = line.split_whitespace().collect();
            if let [_, _, _, calls, .., name] = columns[..]
                && let Ok(calls) = calls.parse()
                && name != "total"
            {
                trace.counted.insert(name.to_owned(), calls);
            }
        }
        assert!(!trace.counted.is_empty(), "strace wrote no summary");
        trace
    }

    fn line(&mut self, number: usize, line: &str, open: &mut HashMap<u32, usize>) {
        let (thread, rest) = line.split_once(' ').unwrap();
        let (thread, rest) = (thread.parse().unwrap(), rest.trim_start());
        if rest.starts_with("+++") || rest.starts_with("---") {
            return;
        }
        let (at, rest) = if let Some(resumed) = rest.strip_prefix("<... ") {
            let at = open.remove(&thread).unwrap();
            (at, resumed.split_once("resumed>").unwrap().1)
        } else {
            let (name, rest) = rest.split_once('(').unwrap();
            self.events.push(Event::Begin(self.calls.len()));
            self.calls.push(Call {
                thread,
                name: name.to_owned(),
                arguments: String::new(),
                result: None,
                begin: number,
                end: usize::MAX,
            });
            (self.calls.len() - 1, rest)
        };
        let call = &mut self.calls[at];
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            call.arguments.push_str(begun.trim_end());
            open.insert(thread, at);
            return;
        }
        let (arguments, result) = rest.rsplit_once(" = ").unwrap();
        call.arguments.push_str(arguments.trim_end().strip_suffix(')').unwrap());
        call.result = result.split([' ', '<']).next().unwrap().parse().ok();
        call.end = number;
        self.events.push(Event::End(at));
    }

    /// How often each call was made, by the lines read here; of those that returned.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for call in self.calls.iter().filter(|call| call.end != usize::MAX) {
            *counts.entry(call.name.clone()).or_default() += 1;
        }
        counts
    }
}

impl Call {
    /// The arguments one by one.
    pub(super) fn arguments(&self) -> Vec<&str> {
        let (mut all, mut depth, mut from) = (Vec::new(), 0, 0);
        for at in memchr::memchr_iter(b',', self.arguments.as_bytes()) {
            let part = &self.arguments[from..at];
            // data and names are in hexadecimal: what brackets there are, are strace's
            let short = if part.starts_with('"') { "" } else { part };
            depth += short.matches(['{', '[']).count();
            depth -= short.matches(['}', ']']).count();
            if depth == 0 {
                all.push(part.trim());
                from = at + 1;
            } else {
                depth = 0;
            }
        }
        all.push(self.arguments[from..].trim());
        all
    }

    /// True if it names anything below `folder`, by a path or by a descriptor.
    pub(super) fn touches(&self, folder: &Path) -> bool {
        let hex: String =
            folder.to_str().unwrap().bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        self.arguments.contains(&hex)
    }
}

/// The number of a descriptor; None of the working folder.
pub(super) fn descriptor(argument: &str) -> Option<u32> {
    argument.split('<').next().unwrap().parse().ok()
}

/// The bytes of a string.
pub(super) fn bytes(argument: &str) -> Vec<u8> {
    let hex = argument.strip_prefix('"').unwrap();
    let hex = hex.strip_suffix('"').expect("strace cut it short: raise its -s");
    HEX.decode(hex.as_bytes()).unwrap()
}

/// The path that a string is.
pub(super) fn path(argument: &str) -> String {
    String::from_utf8(bytes(argument)).unwrap()
}

/// The number that an argument is.
pub(super) fn number(argument: &str) -> u64 {
    argument.parse().unwrap()
}

/// The bytes of all parts of a `writev`.
pub(super) fn vector(argument: &str) -> Vec<u8> {
    let parts = argument.split("iov_base=").skip(1);
    parts.flat_map(|part| bytes(part.split(", iov_len").next().unwrap())).collect()
}
