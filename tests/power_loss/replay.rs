//! From calls to a disk: what each call of the trace changes, on which file or folder, and which
//! syncs there are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

use super::{
    disk::{Change, Disk, Node, Op, ROOT, Reach, Sync},
    trace::{Call, Event, Trace, bytes, descriptor, number, path, vector},
};

/// Calls that change files or make changes durable. All others may not touch the store, but for
/// those in [`HARMLESS`].
pub(super) const CHANGING: [&str; 26] = [
    "copy_file_range",
    "creat",
    "fallocate",
    "fdatasync",
    "fsync",
    "ftruncate",
    "link",
    "linkat",
    "mkdir",
    "mkdirat",
    "open",
    "openat",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sync",
    "syncfs",
    "truncate",
    "unlink",
    "unlinkat",
    "write",
    "writev",
];

/// Calls that change neither content nor names. `sync_file_range` guarantees nothing.
const HARMLESS: [&str; 37] = [
    "access",
    "chmod",
    "close",
    "dup",
    "dup2",
    "dup3",
    "execve",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fchmod",
    "fchmodat",
    "fcntl",
    "flock",
    "fstat",
    "fstatfs",
    "futimesat",
    "getdents64",
    "ioctl",
    "lseek",
    "lstat",
    "mmap",
    "newfstatat",
    "poll",
    "pread64",
    "preadv",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "stat",
    "statfs",
    "statx",
    "sync_file_range",
    "utime",
    "utimensat",
];

/// A disk, and what the traced program said when.
pub(super) struct Recording {
    pub(super) disk: Disk,
    pub(super) lines: usize,
    /// Lines of the trace on which a call that changes something began or ended.
    pub(super) moments: Vec<usize>,
    /// What was written to standard output, with the line on which that began.
    pub(super) said: Vec<(usize, String)>,
}

/// Follows a trace.
struct Follower<'a> {
    folder: &'a str,
    first: usize,
    disk: Disk,
    names: BTreeMap<(Node, String), Node>,
    /// The last name of each.
    homes: HashMap<Node, (Node, String)>,
    lengths: HashMap<Node, usize>,
    handles: HashMap<u32, Handle>,
    /// What each thread did to names in a folder since it last synced that folder, or all.
    done: HashMap<(u32, Node), BTreeSet<&'static str>>,
    /// Of each sync: its node, the path that it had then, and what was done before.
    syncs: Vec<(Sync, String, String)>,
    /// Every place that a file had.
    places: HashMap<Node, Vec<String>>,
}

struct Handle {
    node: Node,
    at: usize,
    appends: bool,
}

/// What the calls of a trace did to `folder`, in which there was what `disk` holds. The trace's
/// lines are counted from `first` on.
pub(super) fn follow(trace: &Trace, folder: &Path, disk: Disk, first: usize) -> Recording {
    let mut follower = Follower {
        folder: folder.to_str().unwrap(),
        first,
        names: BTreeMap::new(),
        homes: HashMap::new(),
        lengths: HashMap::new(),
        handles: HashMap::new(),
        done: HashMap::new(),
        syncs: Vec::new(),
        places: HashMap::new(),
        disk,
    };
    follower.begin();
    let (mut moments, mut said) = (BTreeSet::new(), Vec::new());
    for event in &trace.events {
        match *event {
            Event::Begin(at) => follower.began(&trace.calls[at]),
            Event::End(at) => {
                let call = &trace.calls[at];
                let (begin, end) = (first + call.begin, first + call.end);
                let before = (follower.disk.ops.len(), follower.syncs.len());
                follower.ended(call, folder);
                if before != (follower.disk.ops.len(), follower.syncs.len()) {
                    moments.extend([begin, begin + 1, end, end + 1]);
                }
                if call.name == "write"
                    && let [out, text, ..] = call.arguments()[..]
                    && descriptor(out) == Some(1)
                {
                    let text = String::from_utf8_lossy(&bytes(text)).into_owned();
                    said.push((begin, text.trim_end().to_owned()));
                }
            }
        }
    }
    // a call in whose midst the program ended may have done its work or not; none may be left
    for call in trace.calls.iter().filter(|call| call.end == usize::MAX) {
        let changes = CHANGING.contains(&&*call.name) && call.touches(folder);
        assert!(!changes, "the program ended in the midst of {call:?}");
    }
    let disk = follower.finish();
    Recording { disk, lines: first + trace.lines, moments: moments.into_iter().collect(), said }
}

impl Follower<'_> {
    /// Takes over what was on the disk before.
    fn begin(&mut self) {
        for op in &self.disk.ops {
            match &op.change {
                Change::Names { halves, .. } => {
                    for (folder, name, node) in halves {
                        let key = (*folder, name.clone());
                        match node {
                            Some(node) => {
                                self.homes.insert(*node, key.clone());
                                self.names.insert(key, *node);
                            }
                            None => drop(self.names.remove(&key)),
                        }
                    }
                }
                Change::Write { file, at, bytes } => {
                    let length = self.lengths.entry(*file).or_default();
                    *length = (*length).max(at + bytes.len());
                }
                Change::Length { file, length } => drop(self.lengths.insert(*file, *length)),
            }
        }
    }

    /// A descriptor is another's from the moment on which its closing begins.
    fn began(&mut self, call: &Call) {
        if call.name == "close"
            && let Some(closed) = descriptor(call.arguments()[0])
        {
            self.handles.remove(&closed);
        }
    }

    fn ended(&mut self, call: &Call, folder: &Path) {
        let name = &*call.name;
        if !CHANGING.contains(&name) && !HARMLESS.contains(&name) {
            assert!(!call.touches(folder), "what does this call do to the disk? {call:?}");
            return;
        }
        let Some(result) = call.result else { return };
        let arguments = call.arguments();
        match (name, &arguments[..]) {
            ("open", [path, flags, ..]) => self.open(call, None, path, flags, result),
            ("openat", [at, path, flags, ..]) => self.open(call, Some(at), path, flags, result),
            ("creat", [path, ..]) => self.open(call, None, path, "O_CREAT|O_TRUNC", result),
            ("read" | "readv", [file, ..]) => self.moved(file, result),
            ("lseek", [file, ..]) => {
                if let Some(handle) = self.handle(file) {
                    handle.at = usize::try_from(result).unwrap();
                }
            }
            ("dup" | "dup2" | "dup3", [file, ..]) => self.copied(file, result),
            ("fcntl", [file, command, ..]) if command.starts_with("F_DUPFD") => {
                self.copied(file, result);
            }
            ("mmap", [_, _, access, kind, file, ..]) => {
                let writes = access.contains("PROT_WRITE") && kind.contains("MAP_SHARED");
                assert!(!writes || self.handle(file).is_none(), "a shared mapping: {call:?}");
            }
            _ => self.change(call, name, &arguments, result),
        }
    }

    fn change(&mut self, call: &Call, name: &str, arguments: &[&str], result: u64) {
        match (name, arguments) {
            ("write", [file, data, ..]) => self.write(call, file, None, || bytes(data)),
            ("writev", [file, parts, ..]) => self.write(call, file, None, || vector(parts)),
            ("pwrite64", [file, data, _, at]) => {
                self.write(call, file, Some(number(at)), || bytes(data));
            }
            ("pwritev", [file, parts, _, at]) => {
                self.write(call, file, Some(number(at)), || vector(parts));
            }
            ("pwritev2", [file, parts, _, at, "0"]) => {
                self.write(call, file, Some(number(at)), || vector(parts));
            }
            ("ftruncate", [file, length]) => {
                if let Some(node) = self.handle(file).map(|handle| handle.node) {
                    self.length(call, node, number(length));
                }
            }
            ("truncate", [path, length]) => {
                if let Some(node) = self.find(None, path) {
                    self.length(call, node, number(length));
                }
            }
            ("fallocate", [file, mode, at, length]) => {
                let Some(node) = self.handle(file).map(|handle| handle.node) else { return };
                let reach = usize::try_from(number(at) + number(length)).unwrap();
                match *mode {
                    "0" if self.lengths.get(&node).is_none_or(|now| *now < reach) => {
                        self.length(call, node, reach as u64);
                    }
                    "0" | "FALLOC_FL_KEEP_SIZE" => {}
                    _ => panic!("what does this call do to the disk? {call:?}"),
                }
            }
            ("copy_file_range", [from, from_at, to, to_at, ..]) => {
                self.copy(call, [from, from_at], [to, to_at], result);
            }
            ("mkdir", [path, ..]) => self.make_folder(call, None, path),
            ("mkdirat", [at, path, ..]) => self.make_folder(call, Some(at), path),
            ("rmdir" | "unlink", [path]) => self.unlink(call, None, path),
            ("unlinkat", [at, path, ..]) => self.unlink(call, Some(at), path),
            ("rename", [old, new]) => self.rename(call, (None, old), (None, new), "0"),
            ("renameat", [from, old, to, new]) => {
                self.rename(call, (Some(from), old), (Some(to), new), "0");
            }
            ("renameat2", [from, old, to, new, flags]) => {
                self.rename(call, (Some(from), old), (Some(to), new), flags);
            }
            ("link", [old, new]) => self.link(call, (None, old), (None, new)),
            ("linkat", [from, old, to, new, ..]) => {
                self.link(call, (Some(from), old), (Some(to), new));
            }
            ("fsync" | "fdatasync", [file]) => {
                if let Some(node) = self.handle(file).map(|handle| handle.node) {
                    self.sync(call, node);
                }
            }
            ("syncfs", [file]) if self.handle(file).is_some() => self.sync_all(call),
            ("sync", _) => self.sync_all(call),
            _ => {}
        }
    }

    fn handle(&mut self, argument: &str) -> Option<&mut Handle> {
        self.handles.get_mut(&descriptor(argument)?)
    }

    /// The folder in which a path's last name is, and that name; None outside of the disk.
    fn place(&mut self, at: Option<&str>, argument: &str) -> Option<(Node, String)> {
        let path = path(argument);
        let (mut folder, path) = match path.strip_prefix(self.folder) {
            Some(inside) => (ROOT, inside.to_owned()),
            None if path.starts_with('/') => return None,
            None => (self.handle(at?)?.node, path),
        };
        let mut names: Vec<&str> =
            path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        let last = names.pop().unwrap_or("");
        for name in names {
            folder = *self.names.get(&(folder, name.to_owned()))?;
        }
        Some((folder, last.to_owned()))
    }

    fn find(&mut self, at: Option<&str>, path: &str) -> Option<Node> {
        let (folder, name) = self.place(at, path)?;
        if name.is_empty() { Some(folder) } else { self.names.get(&(folder, name)).copied() }
    }

    fn op(&mut self, call: &Call, change: Change) {
        self.disk.ops.push(Op {
            begin: self.first + call.begin,
            end: self.first + call.end,
            change,
        });
    }

    /// Gives names their new meaning; `what` is told of the thread that did it.
    fn rename_all(
        &mut self,
        call: &Call,
        what: &'static str,
        halves: Vec<(Node, String, Option<Node>)>,
        is_atomic: bool,
    ) {
        for (folder, name, node) in &halves {
            let key = (*folder, name.clone());
            match node {
                Some(node) => {
                    self.homes.insert(*node, key.clone());
                    self.names.insert(key, *node);
                    let path = self.path_of(*node);
                    self.places.entry(*node).or_default().push(path);
                }
                None => drop(self.names.remove(&key)),
            }
            let what = if node.is_none() && what == "rename" { "rename away" } else { what };
            self.done.entry((call.thread, *folder)).or_default().insert(what);
        }
        self.op(call, Change::Names { halves, is_atomic });
    }

    fn open(&mut self, call: &Call, at: Option<&str>, path: &str, flags: &str, result: u64) {
        let opened = u32::try_from(result).unwrap();
        self.handles.remove(&opened);
        if flags.contains("O_TMPFILE") {
            if self.find(at, path).is_some() {
                let node = self.disk.node(false);
                self.handles.insert(opened, Handle { node, at: 0, appends: false });
            }
            return;
        }
        let Some((folder, name)) = self.place(at, path) else { return };
        let durable_write = flags.contains("O_SYNC") || flags.contains("O_DSYNC");
        assert!(!durable_write, "writes that sync are not modelled: {call:?}");
        let node = if name.is_empty() {
            folder
        } else if let Some(node) = self.names.get(&(folder, name.clone())).copied() {
            if flags.contains("O_TRUNC") {
                self.length(call, node, 0);
            }
            node
        } else {
            assert!(flags.contains("O_CREAT"), "where does this file come from? {call:?}");
            let node = self.disk.node(false);
            self.rename_all(call, "create", vec![(folder, name, Some(node))], true);
            node
        };
        let appends = flags.contains("O_APPEND");
        self.handles.insert(opened, Handle { node, at: 0, appends });
    }

    fn moved(&mut self, file: &str, by: u64) {
        if let Some(handle) = self.handle(file) {
            handle.at += usize::try_from(by).unwrap();
        }
    }

    /// Two descriptors with one position are not needed so far: nothing may be read or written by
    /// the second but at a place that is named.
    fn copied(&mut self, file: &str, result: u64) {
        if let Some(Handle { node, at, appends }) = self.handle(file) {
            let copy = Handle { node: *node, at: *at, appends: *appends };
            self.handles.insert(u32::try_from(result).unwrap(), copy);
        }
    }

    /// Data that goes elsewhere is not looked at.
    fn write(&mut self, call: &Call, file: &str, at: Option<u64>, bytes: impl FnOnce() -> Vec<u8>) {
        let Some(node) = self.handle(file).map(|handle| handle.node) else { return };
        let mut bytes = bytes();
        bytes.truncate(usize::try_from(call.result.unwrap()).unwrap());
        let length = self.lengths.get(&node).copied().unwrap_or(0);
        let Some(handle) = self.handle(file) else { return };
        let at = match at {
            Some(at) => usize::try_from(at).unwrap(),
            None => {
                let at = if handle.appends { length } else { handle.at };
                handle.at = at + bytes.len();
                at
            }
        };
        self.lengths.insert(node, length.max(at + bytes.len()));
        self.op(call, Change::Write { file: node, at, bytes });
    }

    fn length(&mut self, call: &Call, node: Node, length: u64) {
        let length = usize::try_from(length).unwrap();
        self.lengths.insert(node, length);
        self.op(call, Change::Length { file: node, length });
    }

    fn copy(&mut self, call: &Call, from: [&str; 2], to: [&str; 2], copied: u64) {
        let place = |follower: &mut Self, [file, at]: [&str; 2]| {
            let handle = follower.handle(file)?;
            // the kernel moves the place that is named by a pointer: it is in brackets
            let named = at.trim_matches(['[', ']']).split(" => ").next().unwrap().parse().ok();
            let at = named.unwrap_or(handle.at);
            if named.is_none() {
                handle.at += usize::try_from(copied).unwrap();
            }
            Some((handle.node, at))
        };
        let (source, target) = (place(self, from), place(self, to));
        let Some((node, at)) = target else { return };
        let (source, source_at) = source.expect("copied from a file that is on the disk");
        let content = self.disk.content(source);
        let bytes = content[source_at..source_at + usize::try_from(copied).unwrap()].to_vec();
        let length = self.lengths.entry(node).or_default();
        *length = (*length).max(at + bytes.len());
        self.op(call, Change::Write { file: node, at, bytes });
    }

    fn make_folder(&mut self, call: &Call, at: Option<&str>, path: &str) {
        let Some((folder, name)) = self.place(at, path) else { return };
        let node = self.disk.node(true);
        self.rename_all(call, "mkdir", vec![(folder, name, Some(node))], true);
    }

    fn unlink(&mut self, call: &Call, at: Option<&str>, path: &str) {
        let Some((folder, name)) = self.place(at, path) else { return };
        self.rename_all(call, "unlink", vec![(folder, name, None)], true);
    }

    fn rename(
        &mut self,
        call: &Call,
        old: (Option<&str>, &str),
        new: (Option<&str>, &str),
        flags: &str,
    ) {
        let (from, to) = (self.place(old.0, old.1), self.place(new.0, new.1));
        let (Some(from), Some(to)) = (from.clone(), to.clone()) else {
            assert_eq!((from, to), (None, None), "it leaves the disk: {call:?}");
            return;
        };
        let node = self.names[&from];
        let other = self.names.get(&to).copied();
        let exchanges = flags.contains("RENAME_EXCHANGE");
        let is_atomic = exchanges || self.disk.folders.contains(&node);
        let left = if exchanges { other } else { None };
        let halves = vec![(from.0, from.1, left), (to.0, to.1, Some(node))];
        self.rename_all(call, "rename", halves, is_atomic);
    }

    fn link(&mut self, call: &Call, old: (Option<&str>, &str), new: (Option<&str>, &str)) {
        let Some((folder, name)) = self.place(new.0, new.1) else { return };
        // a file without a name is linked by its descriptor
        let unnamed = path(old.1);
        let node = match unnamed.strip_prefix("/proc/self/fd/") {
            Some(number) => self.handle(number).map(|handle| handle.node),
            None if unnamed.is_empty() => self.handle(old.0.unwrap()).map(|handle| handle.node),
            None => self.find(old.0, old.1),
        };
        self.rename_all(call, "link", vec![(folder, name, Some(node.unwrap()))], true);
    }

    fn sync(&mut self, call: &Call, node: Node) {
        let done = self.done.remove(&(call.thread, node)).unwrap_or_default();
        let done: Vec<&str> = done.into_iter().collect();
        let path = self.path_of(node);
        self.push_sync(call, Reach::One(node), path, done.join(", "));
    }

    fn sync_all(&mut self, call: &Call) {
        for reach in [Reach::AllFiles, Reach::AllFolders] {
            self.push_sync(call, reach, String::new(), String::new());
        }
    }

    fn push_sync(&mut self, call: &Call, reach: Reach, path: String, done: String) {
        let (begin, end) = (self.first + call.begin, self.first + call.end);
        self.syncs.push((Sync { begin, end, reach, class: call.name.clone() }, path, done));
    }

    /// By the last name that it was given.
    fn path_of(&self, node: Node) -> String {
        match self.homes.get(&node) {
            Some((folder, name)) => format!("{}/{name}", self.path_of(*folder)),
            None => String::new(),
        }
    }

    /// Gives every sync its class: the call, the kind of place, what went before.
    fn finish(mut self) -> Disk {
        let written: Vec<(Node, usize)> = self.disk.ops.iter().filter_map(write_of).collect();
        for (mut sync, path, done) in self.syncs {
            let call = &sync.class;
            sync.class = match sync.reach {
                Reach::AllFiles => format!("{call}, of data"),
                Reach::AllFolders => format!("{call}, of names"),
                Reach::One(node) if self.disk.folders.contains(&node) => {
                    let done = if done.is_empty() { "nothing new" } else { &done };
                    format!("{call} of the folder {} after {done}", kind_of(&path))
                }
                Reach::One(node) => {
                    let places = self.places.get(&node);
                    let last = places.and_then(|places| places.last()).unwrap_or(&path);
                    let later = written.iter().any(|(n, line)| *n == node && *line > sync.end);
                    let part = if later { "a part of " } else { "" };
                    format!("{call} of {part}a file that becomes {}", kind_of(last))
                }
            };
            self.disk.syncs.push(sync);
        }
        self.disk
    }
}

fn write_of(op: &Op) -> Option<(Node, usize)> {
    match &op.change {
        Change::Write { file, .. } => Some((*file, op.begin)),
        _ => None,
    }
}

/// A path with ids, shards, keys and random names left out.
fn kind_of(path: &str) -> String {
    let all: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    // an index is made in tmp, under the names that sled gives its files
    if let ["store", "tmp", _, "db" | "conf" | "blobs", ..] = all[..] {
        return "index".into();
    }
    let names = all.into_iter().map(|name| {
        let is_hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        match name.len() {
            2 if is_hex => "<ab>",
            32 if is_hex => "<id>",
            _ => name,
        }
    });
    let names: Vec<&str> = names.collect();
    match names[..] {
        ["store", "items", kind, "<ab>"] => format!("items/{}/<ab>", kind_of_item(kind)),
        ["store", "items", kind, ..] if names.len() > 3 => {
            let shard = if names.len() > 4 { "<ab>/" } else { "" };
            format!("items/{}/{shard}<key>", kind_of_item(kind))
        }
        ["store", "items", kind] => format!("items/{}", kind_of_item(kind)),
        ["store", "index", ..] => "index".into(),
        [""] => "around the store".into(),
        _ => names.join("/"),
    }
}

/// All kinds are written alike, but for deletions.
fn kind_of_item(folder: &str) -> &str {
    if folder == "tombstones" { folder } else { "<kind>" }
}
