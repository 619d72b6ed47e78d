//! The snapshot: a private directory with the reviewed tree as plain files and a small repository of its
//! own, so that agents read neither the user's files nor anything of the user's configuration.
//! What agents are told of it is the brief's; how they are run is left to others.
//!
//! ```text
//! <cache>/snapshots/s-<random>/        0700, below no directory that others can write to
//!   lock                               held while the snapshot is in use
//!   tree/                              what an agent reads: the files, but for left-out names
//!     .git/                            our configuration, borrowed objects, HEAD, base, review
//!     .deep-review/                    the brief's files: log, base versions, blame
//!   .gemini/.env                       empty, so that none above it is looked for
//!   home-<agent>/                      for an agent's own temporary files
//! ```
//!
//! Objects are lent by the repository, all of them: an agent that asks Git for them reads what anybody
//! in the checkout could, also a text whose file here is redacted, and what was dropped but not yet
//! collected. What `base..head` brought is copied, so that nothing the user deletes meanwhile breaks a
//! review.
//!
//! - `place`: where snapshots stand; `sweep`: removing them, also those of runs that died
//! - `names`: what is left out; `part`: what is taken of a very large tree
//! - `tree`, `files`, `gitdir`: what is written; `watch`: what was changed in it since
//! - `pages`: the brief's files about each unit

mod files;
mod gitdir;
mod names;
mod pages;
mod part;
mod place;
mod sweep;
#[cfg(test)]
mod tests;
mod tree;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};

use crate::diff::{Change, Oid, RepoPath};
use crate::error::HintExt;
use crate::git::{Copied, FileStat, Repo};

pub(crate) use pages::{Patience, UnitPages, material};
pub(crate) use place::loaded_from_above;
pub(crate) use sweep::{Aside, sweep, sweep_quickly};

use place::{Place, private_dir};
use watch::{Contents, Watch};

/// What may be shown of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Redacted {
    /// All of it.
    Same,
    /// This instead.
    Text(Vec<u8>),
    /// Nothing of it, for this reason, as in `it is a private key`.
    Withheld {
        /// Why.
        why: String,
    },
}

/// Decides what may be shown of the text at a path; called on several threads.
pub(crate) type Redact<'a> = dyn Fn(&RepoPath, &[u8]) -> Redacted + Sync + 'a;

/// What stands in the snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Head<'a> {
    /// The tree of a commit.
    Commit(Oid),
    /// A tree with changes that no commit has; one is made for them, in the snapshot alone. Contents
    /// are read as [`Plan::repo`] reads them, also those that stand only in the work tree.
    Uncommitted {
        /// The tree they are compared with.
        base_tree: Oid,
        /// What is different.
        changes: &'a [Change],
        /// What they are, as in `staged changes`.
        what: &'a str,
    },
}

/// How much of a tree is written out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotLimits {
    /// A tree of more files is written in part.
    pub(crate) files: usize,
    /// A tree of more bytes is written in part.
    pub(crate) bytes: u64,
    /// A larger file is only named, in bytes.
    pub(crate) file_bytes: u64,
    /// If what the reviewed commits brought is larger, it is not copied, in bytes.
    pub(crate) pinned_bytes: u64,
}

impl Default for SnapshotLimits {
    fn default() -> Self {
        Self {
            files: 20_000,
            bytes: 200 << 20,
            file_bytes: 8 << 20,
            pinned_bytes: 50 << 20,
        }
    }
}

/// What a snapshot is made of.
pub(crate) struct Plan<'a> {
    /// The user's repository: read, never written.
    pub(crate) repo: &'a Repo,
    /// What is reviewed.
    pub(crate) head: Head<'a>,
    /// The commit it is compared with, if there is one.
    pub(crate) base: Option<Oid>,
    /// The branch it is for, as in `origin/main`, to be known by that name in the snapshot too.
    pub(crate) target: Option<&'a str>,
    /// What may be shown of each file.
    pub(crate) redact: &'a Redact<'a>,
    /// Whether files are written; else only the repository, for agents that ask us for objects.
    pub(crate) files: bool,
    /// How much is written.
    pub(crate) limits: SnapshotLimits,
}

/// A snapshot in use; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Where agents work: the directory with the files; absolute, without links.
    pub(crate) path: PathBuf,
    /// The reviewed commit, by its id in the snapshot.
    pub(crate) head: Oid,
    /// The commit it is compared with.
    pub(crate) base: Option<Oid>,
    /// Files that are not there, sorted: `git show HEAD:PATH` shows them.
    pub(crate) left_out: Vec<RepoPath>,
    /// Files in whose place stands one line of text, and why, sorted.
    pub(crate) stubs: Vec<(RepoPath, String)>,
    /// Files without their secrets, sorted.
    pub(crate) redacted: Vec<RepoPath>,
    /// Whether only a part of the tree was written, because it is too large; what is missing for that
    /// reason is in none of the lists.
    pub(crate) partial: bool,
    /// How many files were written.
    pub(crate) written: usize,
    /// How many files the tree has.
    pub(crate) total: usize,
    /// What people should know about how it was made.
    pub(crate) notes: Vec<String>,
    watch: Mutex<Watch>,
    root: Root,
}

/// The directory with all that belongs to one snapshot, and the lock that says it is in use.
#[derive(Debug)]
struct Root {
    path: PathBuf,
    place: Place,
    _lock: File,
}

impl Drop for Root {
    fn drop(&mut self) {
        if !self.path.exists() {
            return;
        }
        // What is left here is removed by the next sweep.
        let _ = sweep::set_aside(&self.place, &self.path).and_then(Aside::delete);
    }
}

/// Writes a snapshot below a cache directory. Errors if others could put files in its way, if the
/// repository can't be read, and if the disk is full; nothing stays behind then.
pub(crate) fn build(cache_dir: &Path, plan: &Plan<'_>) -> Result<Snapshot> {
    build_at(Place::below(cache_dir)?, plan)
}

fn build_at(place: Place, plan: &Plan<'_>) -> Result<Snapshot> {
    place.refuse_inside(plan.repo)?;
    let (path, lock) = place.begin()?;
    let root = Root {
        path,
        place,
        _lock: lock,
    };
    keep_from_above(&root.path)
        .with_context(|| format!("cannot write in `{}`", root.path.display()))?;
    let tree_dir = root.path.join("tree");
    let git_dir = tree_dir.join(".git");
    private_dir(&tree_dir).with_context(|| format!("cannot create `{}`", tree_dir.display()))?;
    gitdir::create(&git_dir, plan.repo)?;
    let (head, notes) = bring_head(plan, &git_dir)?;
    let target = plan.target.and_then(|name| gitdir::target(plan.repo, name));
    gitdir::name_commits(&git_dir, &head, plan.base.as_ref(), target)?;
    private_dir(&tree_dir.join(BRIEF))
        .with_context(|| format!("cannot create `{}`", tree_dir.join(BRIEF).display()))?;
    let mut snapshot = Snapshot {
        path: tree_dir,
        head,
        base: plan.base,
        left_out: Vec::new(),
        stubs: Vec::new(),
        redacted: Vec::new(),
        partial: false,
        written: 0,
        total: 0,
        notes,
        watch: Mutex::default(),
        root,
    };
    if plan.files {
        snapshot.write_tree(plan)?;
    }
    let mut watch = snapshot
        .watch
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    watch.add_all(&snapshot.path, ".git")?;
    drop(watch);
    Ok(snapshot)
}

/// Keeps gemini from what stands further above: of the variables in files `.gemini/.env` and `.env` it takes those of
/// the first one that it finds on its way up.
fn keep_from_above(root: &Path) -> std::io::Result<()> {
    let dir = root.join(".gemini");
    private_dir(&dir)?;
    files::write_new(&dir.join(".env"), b"").map(drop)
}

/// The directory in the snapshot for the brief's files.
const BRIEF: &str = ".deep-review";

/// The directory below `.deep-review/` that a file of this name stands in, if any; an error if no file of the
/// brief can have it.
fn brief_dir(name: &str) -> Result<Option<&[u8]>> {
    let (dir, file) = match name.split_once('/') {
        Some((dir @ ("base" | "blame" | "diff"), file)) => (Some(dir.as_bytes()), file),
        _ => (None, name),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let sound = file.bytes().all(plain)
        && (1..=100).contains(&file.len())
        && !file.starts_with(['.', '-'])
        && !names::is_left_out_name(file.as_bytes());
    if sound {
        return Ok(dir);
    }
    Err(anyhow!("`{name}` can't be the name of a file of the brief"))
}

/// Makes sure that the objects of the head stay readable: copies those of a commit, writes those of
/// uncommitted changes. Gives the head's id and what there is to say.
fn bring_head(plan: &Plan<'_>, git_dir: &Path) -> Result<(Oid, Vec<String>)> {
    let writer = plan.repo.object_writer(&git_dir.join("objects"));
    match plan.head {
        Head::Commit(head) => {
            let limit = plan.limits.pinned_bytes;
            let base = plan.base.as_ref();
            let notes = match plan.repo.copy_range(&head, base, limit, &writer)? {
                Copied::All(_) => Vec::new(),
                Copied::TooMuch => vec![format!(
                    "the reviewed commits bring more than {} MB: if they are deleted and collected \
                     meanwhile, the review fails",
                    limit >> 20
                )],
            };
            Ok((head, notes))
        }
        Head::Uncommitted {
            base_tree,
            changes,
            what,
        } => {
            let tree = plan.repo.write_changed_tree(&base_tree, changes, &writer)?;
            let message = format!("{what}, not committed yet");
            let base = plan.base.as_ref();
            let head = plan.repo.write_commit(&tree, base, &message, &writer)?;
            let unfiltered = plan.repo.unfiltered(changes);
            let notes = unfiltered
                .iter()
                .map(|path| format!("{path:?} is read as it stands: no filter driver was run"))
                .collect();
            Ok((head, notes))
        }
    }
}

impl Snapshot {
    /// The snapshot's own repository.
    pub(crate) fn git_dir(&self) -> PathBuf {
        self.path.join(".git")
    }

    /// The snapshot's own repository, opened: it has every object that is reviewed.
    pub(crate) fn repo(&self) -> Result<Repo> {
        Repo::open_private(&self.git_dir()).context("cannot open the snapshot's repository")
    }

    /// Writes a file of the brief below `.deep-review/`; see [`Snapshot::add_files`].
    pub(crate) fn add_file(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        self.add_files([&(name.to_owned(), bytes)])
    }

    /// Writes files of the brief, each a name and its bytes, below `.deep-review/`. A name is plain, with
    /// nothing above it but `base/`, `blame/` or `diff/`, and is none that agents load by themselves. Briefs
    /// share files: one that was written already may be written again, with the same bytes.
    pub(crate) fn add_files<'f>(
        &self,
        files: impl IntoIterator<Item = &'f (String, Vec<u8>)>,
    ) -> Result<()> {
        let files: Vec<&(String, Vec<u8>)> = files.into_iter().collect();
        let dirs: BTreeSet<&[u8]> = files
            .iter()
            .map(|(name, _)| brief_dir(name))
            .collect::<Result<BTreeSet<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        let brief = self.path.join(BRIEF);
        files::private_dirs(&brief, dirs.into_iter())?;
        // Held while they are written: whoever looks for changes meanwhile must not see one.
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut noted: Vec<(RepoPath, Contents)> = Vec::new();
        let mut new: Vec<(PathBuf, &[u8])> = Vec::new();
        let mut own: BTreeMap<&str, Contents> = BTreeMap::new();
        for (name, bytes) in files {
            let path = RepoPath::new(format!("{BRIEF}/{name}"));
            let contents = Contents::of(bytes);
            if watch.has_with(&path, contents) || own.insert(name, contents) == Some(contents) {
                continue;
            }
            noted.push((path, contents));
            new.push((brief.join(name), bytes));
        }
        let written = files::write_all_new(&new);
        let mut failed = None;
        for (((path, contents), (place, _)), written) in noted.into_iter().zip(&new).zip(written) {
            match written {
                Ok(file) => watch.add_with(path, file, contents),
                Err(error) => failed = failed.or(Some((place, error))),
            }
        }
        match failed {
            None => Ok(()),
            Some((place, error)) => Err(error)
                .with_context(|| format!("cannot write `{}`", place.display()))
                .hint("check the free space, or set XDG_CACHE_HOME to a directory with more"),
        }
    }

    /// A private directory beside the tree for the temporary files of one agent; it goes with the
    /// snapshot.
    pub(crate) fn agent_home(&self, agent: &str) -> Result<PathBuf> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name = if agent.chars().all(plain) && (1..=60).contains(&agent.len()) {
            format!("home-{agent}")
        } else {
            // Two agents never share one, on no file system.
            format!("home_{}", &blake3::hash(agent.as_bytes()).to_hex()[..24])
        };
        let home = self.root.path.join(name);
        match private_dir(&home) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(error).with_context(|| format!("cannot create `{}`", home.display()))
            }
            _ => Ok(home),
        }
    }

    /// What is different from what was written, in the files, the brief, the index, HEAD, refs and
    /// objects, as in "`a.rs` was edited"; `None` if nothing. Looking at every file takes its time: those
    /// who ask while somebody looks share the next look.
    pub(crate) fn changed(&self) -> Option<String> {
        let asked = Instant::now();
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch
            .changed_since(&self.path, asked)
            .unwrap_or_else(|error| Some(format!("{error:#}")))
    }

    /// Takes the snapshot out of the way at once and then deletes it.
    #[cfg(test)]
    pub(crate) fn remove(self) -> Result<()> {
        self.set_aside()?.delete()
    }

    /// Takes the snapshot out of the way, which is quick; deleting it, which is not, is left for later.
    pub(crate) fn set_aside(self) -> Result<Aside> {
        sweep::set_aside(&self.root.place, &self.root.path)
    }

    /// Whether a file of this path was written, whole or without its secrets.
    fn has(&self, path: &RepoPath) -> bool {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let stub = self
            .stubs
            .binary_search_by(|(stub, _)| stub.cmp(path))
            .is_ok();
        watch.has(path) && !stub
    }

    fn note(&self, path: RepoPath, file: FileStat) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.add(path, file);
    }
}
