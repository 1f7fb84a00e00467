//! What the shim recorded, and what a disk may hold when the power fails in the middle of it.
//!
//! A file's changes are durable once the file is synced, names once their folder is. Until then each change may have
//! reached the medium or not, whatever came before or after it, and of a write any of its sectors.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use crate::script::Numbers;

const SECTOR: usize = 512;

/// One thing that the process under test did to its files.
pub enum Step {
    Mark(String),
    Open { handle: i32, path: String, created: bool },
    Write { handle: i32, at: usize, bytes: Vec<u8> },
    Truncate { handle: i32, len: usize },
    Sync { handle: i32 },
    Rename { from: String, to: String },
    Unlink { path: String },
    Folder { path: String },
}

/// Reads a trace: records of kind, handle, position, length (1, 4, 8 and 4 bytes), and then that many bytes.
pub fn read(path: &Path) -> Vec<Step> {
    let bytes = fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut steps = Vec::new();
    while let Some((head, tail)) = rest.split_first_chunk::<17>() {
        let handle = i32::from_le_bytes(head[1..5].try_into().unwrap());
        let at = u64::from_le_bytes(head[5..13].try_into().unwrap()) as usize;
        let (body, tail) = tail.split_at(u32::from_le_bytes(head[13..17].try_into().unwrap()) as usize);
        rest = tail;
        let text = || String::from_utf8(body.to_vec()).unwrap();
        steps.push(match head[0] {
            b'M' => Step::Mark(text()),
            kind @ (b'o' | b'c') => Step::Open { handle, path: text(), created: kind == b'c' },
            b'w' => Step::Write { handle, at, bytes: body.to_vec() },
            b't' => Step::Truncate { handle, len: at },
            b's' => Step::Sync { handle },
            b'r' => {
                let (from, to) = text().split_once('\0').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
                Step::Rename { from, to }
            }
            b'u' => Step::Unlink { path: text() },
            b'd' => Step::Folder { path: text() },
            other => panic!("unknown record {other}"),
        });
    }
    steps
}

/// How much of what was not synced is lost.
pub enum Loss {
    /// Nothing: the file system froze, or the process was killed.
    Nothing,
    Everything,
    /// Each change at random, and each sector of a write.
    Some(Numbers),
}

impl Loss {
    fn takes(&mut self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Some(numbers) => numbers.below(2) == 0,
        }
    }
}

#[derive(Clone)]
enum Edit {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

enum Naming {
    Link(String, usize),
    Unlink(String),
    Rename(String, String, usize),
}

impl Naming {
    fn folder(&self) -> &str {
        let (Self::Link(path, _) | Self::Unlink(path) | Self::Rename(_, path, _)) = self;
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(path, node) => drop(names.insert(path.clone(), *node)),
            Self::Unlink(path) => drop(names.remove(path)),
            Self::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

#[derive(Default)]
struct Node {
    /// Its path, for a folder.
    folder: Option<String>,
    durable: Vec<u8>,
    pending: Vec<Edit>,
}

/// A disk with what is durable, and what may be lost yet.
#[derive(Default)]
pub struct Disk {
    nodes: Vec<Node>,
    /// As the process sees them.
    live: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    pending: Vec<Naming>,
    handles: HashMap<i32, usize>,
}

impl Disk {
    pub fn new() -> Self {
        let mut disk = Self::default();
        let root = disk.add(Some(String::new()));
        disk.live.insert(String::new(), root);
        disk.durable.insert(String::new(), root);
        disk
    }

    fn add(&mut self, folder: Option<String>) -> usize {
        self.nodes.push(Node { folder, ..Node::default() });
        self.nodes.len() - 1
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.live);
        self.pending.push(naming);
    }

    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Mark(_) => {}
            Step::Open { handle, path, created } => {
                if *created {
                    let node = self.add(None);
                    self.name(Naming::Link(path.clone(), node));
                }
                self.handles.insert(*handle, self.live[path]);
            }
            Step::Write { handle, at, bytes } => self.file(*handle).pending.push(Edit::Write(*at, bytes.clone())),
            Step::Truncate { handle, len } => self.file(*handle).pending.push(Edit::Truncate(*len)),
            Step::Sync { handle } => self.sync(self.handles[handle]),
            Step::Rename { from, to } => self.name(Naming::Rename(from.clone(), to.clone(), self.live[from])),
            Step::Unlink { path } => self.name(Naming::Unlink(path.clone())),
            Step::Folder { path } => {
                let node = self.add(Some(path.clone()));
                self.name(Naming::Link(path.clone(), node));
            }
        }
    }

    fn file(&mut self, handle: i32) -> &mut Node {
        &mut self.nodes[self.handles[&handle]]
    }

    fn sync(&mut self, node: usize) {
        if let Some(folder) = &self.nodes[node].folder {
            for naming in self.pending.extract_if(.., |naming| naming.folder() == folder) {
                naming.apply(&mut self.durable);
            }
        }
        let Node { durable, pending, .. } = &mut self.nodes[node];
        for edit in pending.drain(..) {
            apply(&edit, durable, &mut Loss::Nothing);
        }
    }

    /// Writes what is on the disk after a power loss with this loss.
    pub fn write_to(&self, root: &Path, loss: &mut Loss) {
        let mut names = self.durable.clone();
        for naming in &self.pending {
            if !loss.takes() {
                naming.apply(&mut names);
            }
        }
        // Ordered by path: a folder comes before what is in it. What has lost its folder is gone.
        for (path, node) in &names {
            let (node, path) = (&self.nodes[*node], root.join(path.trim_start_matches('/')));
            if node.folder.is_some() {
                fs::create_dir_all(&path).unwrap();
            } else if path.parent().is_some_and(Path::exists) {
                fs::write(&path, node.after(loss)).unwrap();
            }
        }
    }
}

impl Node {
    fn after(&self, loss: &mut Loss) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for edit in &self.pending {
            apply(edit, &mut bytes, loss);
        }
        bytes
    }
}

fn apply(edit: &Edit, bytes: &mut Vec<u8>, loss: &mut Loss) {
    match edit {
        Edit::Truncate(len) if !loss.takes() => bytes.resize(*len, 0),
        Edit::Truncate(_) => {}
        Edit::Write(at, written) => {
            let mut done = 0;
            while done < written.len() {
                let part = (SECTOR - (at + done) % SECTOR).min(written.len() - done);
                if !loss.takes() {
                    let (from, to) = (at + done, at + done + part);
                    bytes.resize(bytes.len().max(to), 0);
                    bytes[from..to].copy_from_slice(&written[done..done + part]);
                }
                done += part;
            }
        }
    }
}
