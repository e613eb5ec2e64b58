//! A disk that has its power cut: what calls did to it, and what may be left of that.
//!
//! - A sync makes durable what had completed before it began: of a file its data and size, of a
//!   folder its names; `syncfs` everything. It guarantees nothing until it has returned.
//! - All else is, each by itself, there or not: each piece of 4 KiB that was written to a file, each
//!   length that it had, each name made or taken away. A rename may be lost whole or, more harshly
//!   than any journal would have it, by halves; an exchange of names and the move of a folder are
//!   whole or absent. A folder's sync makes no file's content durable and a file's no name.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, DirBuilder, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::envelopes::Draw;

pub(super) type Node = usize;

/// The folder in which the store is made.
pub(super) const ROOT: Node = 0;

/// The class of the one sync that stands for all that was there before.
pub(super) const BEFORE: &str = "before";

const PIECE: usize = 4096;

/// A completed or begun change, by the trace's lines.
#[derive(Clone)]
pub(super) struct Op {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) change: Change,
}

#[derive(Clone)]
pub(super) enum Change {
    /// What names stand for from now on.
    Names {
        halves: Vec<(Node, String, Option<Node>)>,
        is_atomic: bool,
    },
    Write {
        file: Node,
        at: usize,
        bytes: Vec<u8>,
    },
    Length {
        file: Node,
        length: usize,
    },
}

/// A sync that returned.
#[derive(Clone)]
pub(super) struct Sync {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) reach: Reach,
    /// What kind of sync it is, in words.
    pub(super) class: String,
}

/// What a sync makes durable. That of the whole disk counts as two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    One(Node),
    AllFiles,
    AllFolders,
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) nodes: usize,
    pub(super) folders: BTreeSet<Node>,
    pub(super) ops: Vec<Op>,
    pub(super) syncs: Vec<Sync>,
}

/// How much of what is not durable survives, in percent.
struct Luck {
    names: usize,
    data: usize,
    lengths: usize,
    whole_renames: usize,
}

/// What is left.
pub(super) struct Remains {
    names: BTreeMap<(Node, String), Node>,
    files: HashMap<Node, Vec<u8>>,
    folders: BTreeSet<Node>,
}

/// Up to which line a node's changes are durable.
struct Durable<'a> {
    folders: &'a BTreeSet<Node>,
    all_files: usize,
    all_folders: usize,
    nodes: HashMap<Node, usize>,
}

impl Durable<'_> {
    fn holds(&self, op: &Op, node: Node) -> bool {
        let all = if self.folders.contains(&node) { self.all_folders } else { self.all_files };
        op.end < all.max(self.nodes.get(&node).copied().unwrap_or(0))
    }
}

impl Disk {
    /// A disk on which all that is in `folder` is durable.
    pub(super) fn holding(folder: &Path) -> Self {
        let mut disk = Self { nodes: 1, ..Self::default() };
        disk.folders.insert(ROOT);
        disk.take_in(folder, ROOT);
        // as if made and synced before the trace's first line
        for reach in [Reach::AllFiles, Reach::AllFolders] {
            disk.syncs.push(Sync { begin: 1, end: 1, reach, class: BEFORE.into() });
        }
        disk
    }

    fn take_in(&mut self, folder: &Path, node: Node) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let name = entry.file_name().into_string().unwrap();
            let (path, made) = (entry.path(), self.node(entry.path().is_dir()));
            self.before(Change::Names { halves: vec![(node, name, Some(made))], is_atomic: true });
            if path.is_dir() {
                self.take_in(&path, made);
            } else {
                self.before(Change::Write { file: made, at: 0, bytes: fs::read(&path).unwrap() });
            }
        }
    }

    fn before(&mut self, change: Change) {
        self.ops.push(Op { begin: 0, end: 0, change });
    }

    pub(super) fn node(&mut self, is_folder: bool) -> Node {
        self.nodes += 1;
        if is_folder {
            self.folders.insert(self.nodes - 1);
        }
        self.nodes - 1
    }

    /// What may be left when the power is cut before line `at`, if syncs of the class `without`
    /// do nothing.
    pub(super) fn crash(&self, at: usize, without: Option<&str>, draw: &mut Draw) -> Remains {
        let chance = |draw: &mut Draw| *draw.one_of(&[0, 0, 10, 50, 90, 100]);
        let luck = Luck {
            names: chance(draw),
            data: chance(draw),
            lengths: chance(draw),
            whole_renames: *draw.one_of(&[0, 50, 100]),
        };
        let durable = self.durable(at, without);
        let mut remains = self.blank();
        for op in self.ops.iter().filter(|op| op.begin < at) {
            match &op.change {
                Change::Names { halves, is_atomic } => {
                    let whole = *is_atomic || draw.percent(luck.whole_renames);
                    let holds = |node| durable.holds(op, node);
                    let all = halves.iter().any(|half| holds(half.0)) || draw.percent(luck.names);
                    for (folder, name, node) in halves {
                        let half = holds(*folder) || draw.percent(luck.names);
                        if if whole { all } else { half } {
                            remains.name(*folder, name, *node);
                        }
                    }
                }
                Change::Write { file, at, bytes } => {
                    remains.write(
                        *file,
                        *at,
                        bytes,
                        |draw| durable.holds(op, *file) || draw.percent(luck.data),
                        draw,
                    );
                }
                Change::Length { file, length } => {
                    if durable.holds(op, *file) || draw.percent(luck.data) {
                        remains.files.entry(*file).or_default().resize(*length, 0);
                    }
                }
            }
        }
        self.shorten(at, &durable, &luck, draw, &mut remains);
        remains
    }

    /// What is there with the power on.
    pub(super) fn as_it_is(&self) -> Remains {
        let mut remains = self.blank();
        let mut draw = Draw::new(0);
        for op in &self.ops {
            match &op.change {
                Change::Names { halves, .. } => {
                    for (folder, name, node) in halves {
                        remains.name(*folder, name, *node);
                    }
                }
                Change::Write { file, at, bytes } => {
                    remains.write(*file, *at, bytes, |_| true, &mut draw);
                }
                Change::Length { file, length } => {
                    remains.files.entry(*file).or_default().resize(*length, 0);
                }
            }
        }
        remains
    }

    /// The disk when the program is killed before line `at`: nothing is lost, and what was not
    /// durable is so no more than before.
    pub(super) fn killed(&self, at: usize) -> Self {
        let ops = self.ops.iter().filter(|op| op.begin < at);
        let syncs = self.syncs.iter().filter(|sync| sync.end < at);
        Self {
            nodes: self.nodes,
            folders: self.folders.clone(),
            ops: ops.map(|op| Op { end: op.end.min(at), ..op.clone() }).collect(),
            syncs: syncs.cloned().collect(),
        }
    }

    /// The content of a file, with the power on.
    pub(super) fn content(&self, file: Node) -> Vec<u8> {
        self.as_it_is().files.remove(&file).unwrap_or_default()
    }

    fn blank(&self) -> Remains {
        let folders = self.folders.clone();
        Remains { names: BTreeMap::new(), files: HashMap::new(), folders }
    }

    fn durable(&self, at: usize, without: Option<&str>) -> Durable<'_> {
        let mut durable =
            Durable { folders: &self.folders, all_files: 0, all_folders: 0, nodes: HashMap::new() };
        let done = self.syncs.iter().filter(|sync| sync.end < at);
        for sync in done.filter(|sync| Some(&*sync.class) != without) {
            let line = match sync.reach {
                Reach::One(node) => durable.nodes.entry(node).or_default(),
                Reach::AllFiles => &mut durable.all_files,
                Reach::AllFolders => &mut durable.all_folders,
            };
            *line = sync.begin.max(*line);
        }
        durable
    }

    /// A length is written apart from the data: a file that grew may have any of its old ones.
    fn shorten(
        &self,
        at: usize,
        durable: &Durable<'_>,
        luck: &Luck,
        draw: &mut Draw,
        remains: &mut Remains,
    ) {
        let mut lengths: BTreeMap<Node, Vec<usize>> = BTreeMap::new();
        let mut now: HashMap<Node, usize> = HashMap::new();
        for op in self.ops.iter().filter(|op| op.begin < at) {
            let (file, length) = match &op.change {
                Change::Names { .. } => continue,
                Change::Length { file, length } => (*file, *length),
                Change::Write { file, at, bytes } => {
                    (*file, now.get(file).copied().unwrap_or(0).max(at + bytes.len()))
                }
            };
            now.insert(file, length);
            let known = lengths.entry(file).or_insert_with(|| vec![0]);
            if durable.holds(op, file) {
                *known = vec![length];
            } else {
                known.push(length);
            }
        }
        for (file, known) in lengths {
            let last = known.last().copied().unwrap_or(0);
            let length = if draw.percent(luck.lengths) { last } else { *draw.one_of(&known) };
            remains.files.entry(file).or_default().resize(length, 0);
        }
    }
}

impl Remains {
    fn name(&mut self, folder: Node, name: &str, node: Option<Node>) {
        let key = (folder, name.to_owned());
        match node {
            Some(node) => drop(self.names.insert(key, node)),
            None => drop(self.names.remove(&key)),
        }
    }

    /// Writes those pieces for which `is_there` says so.
    fn write(
        &mut self,
        file: Node,
        at: usize,
        bytes: &[u8],
        mut is_there: impl FnMut(&mut Draw) -> bool,
        draw: &mut Draw,
    ) {
        let content = self.files.entry(file).or_default();
        if content.len() < at + bytes.len() {
            content.resize(at + bytes.len(), 0);
        }
        let mut from = 0;
        while from < bytes.len() {
            let to = bytes.len().min(from + PIECE - (at + from) % PIECE);
            if is_there(draw) {
                content[at + from..at + to].copy_from_slice(&bytes[from..to]);
            }
            from = to;
        }
    }

    /// Writes all of it into an empty folder.
    pub(super) fn write_out(&self, to: &Path) {
        self.write_folder(ROOT, to);
    }

    fn write_folder(&self, folder: Node, to: &Path) {
        let names = self.names.range((folder, String::new())..(folder + 1, String::new()));
        for ((_, name), node) in names {
            let path = to.join(name);
            if self.folders.contains(node) {
                DirBuilder::new().mode(0o700).create(&path).unwrap();
                self.write_folder(*node, &path);
            } else {
                let mut options = OpenOptions::new();
                let file = options.create_new(true).write(true).mode(0o600).open(&path);
                let content = self.files.get(node).map_or(&[][..], |content| content);
                file.unwrap().write_all(content).unwrap();
            }
        }
    }

    /// Every file with its content, by path.
    pub(super) fn files(&self) -> BTreeMap<String, &[u8]> {
        let mut files = BTreeMap::new();
        self.list(ROOT, "", &mut files);
        files
    }

    fn list<'a>(&'a self, folder: Node, path: &str, files: &mut BTreeMap<String, &'a [u8]>) {
        let names = self.names.range((folder, String::new())..(folder + 1, String::new()));
        for ((_, name), node) in names {
            let path = format!("{path}/{name}");
            if self.folders.contains(node) {
                self.list(*node, &path, files);
            } else {
                files.insert(path, self.files.get(node).map_or(&[][..], |content| content));
            }
        }
    }
}
