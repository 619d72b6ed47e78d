//! Our tools for agents without a program of their own: they read the reviewed tree, its base and their
//! history, from objects only.
//! What a model is told to do with them is the brief's to say; nothing here writes, fetches or runs.
//!
//! - `declared`: what a vendor is told about each tool
//! - `wanted`: a call's arguments, checked
//! - `names`: which paths are looked up at all
//! - `files`: `read_file`, `show_base`, `list_files`; `search`: `grep`; `history`: `log`, `blame`

mod declared;
mod files;
mod history;
mod names;
mod search;
#[cfg(test)]
mod tests;
mod wanted;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::diff::{Entry, Oid, RepoPath};
use crate::git::Repo;
use crate::page::deceives;
use crate::snapshot::{Redact, Redacted};

use super::Ask;

pub(crate) use declared::{Declared, declared};

use wanted::{Wanted, wanted};

/// Most calls that are answered in one turn.
const CALLS_A_TURN: usize = 8;
/// Most calls that are answered in one run.
const CALLS_A_RUN: usize = 60;
/// The longest result, in bytes.
const LONGEST_RESULT: usize = 64 << 10;
/// Most bytes of all results of one run.
const LONGEST_RUN: usize = 2 << 20;
/// The longest arguments of one call, in bytes.
const LONGEST_ARGUMENTS: usize = 4 << 10;
/// How long one call may take.
const LONGEST_CALL: Duration = Duration::from_secs(120);
/// The largest file that is read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;
/// The directory of our own files in a snapshot: pages of the change and the like.
const MATERIAL: &str = ".deep-review";
/// How deep and how many files of ours are looked up.
const MATERIAL_DEPTH: usize = 3;
const MOST_MATERIAL: usize = 20_000;

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallResult {
    /// What the model reads: a refusal, or content inside the boundary.
    pub(crate) text: String,
    /// True if it was refused or failed.
    pub(crate) failed: bool,
}

/// Why a call is not answered: one short sentence for the model.
type Refused = String;

/// One of the two trees.
struct Side {
    /// `None` for a base that is nothing: a history that begins in this change.
    commit: Option<Oid>,
    tree: Oid,
    /// Every file of the tree, once it was asked for.
    files: Option<Rc<Vec<Entry>>>,
}

/// The tools of one run, with what is left of its limits.
pub(crate) struct Toolbox<'t> {
    repo: Repo,
    head: Side,
    base: Side,
    /// Files of ours beside the tree, by the path that they are asked for.
    material: BTreeMap<RepoPath, PathBuf>,
    nonce: &'t str,
    redact: &'t Redact<'t>,
    interrupted: &'t dyn Fn() -> bool,
    /// Files of a tree in which there is nothing to redact.
    clean: HashSet<(RepoPath, Oid)>,
    answered: HashMap<String, CallResult>,
    calls: usize,
    calls_this_turn: usize,
    bytes: usize,
    /// When the call at hand must be over.
    until: Instant,
}

impl<'t> Toolbox<'t> {
    /// The tools for one question; `redact` says what may be shown of a text from a path, or of no path in
    /// particular. Errors if the snapshot can't be opened or its commits aren't there.
    pub(crate) fn open(
        ask: &Ask<'t>,
        redact: &'t Redact<'t>,
        interrupted: &'t dyn Fn() -> bool,
    ) -> Result<Self> {
        let git_dir = ask.snapshot.join(".git");
        let repo = Repo::open_private(&git_dir).context("cannot open the snapshot")?;
        let side = |id: &str| -> Result<Side> {
            let commit = match id {
                "" => None,
                id => Some(Oid::from_hex(id).with_context(|| format!("`{id}` is no commit id"))?),
            };
            Ok(Side {
                tree: match &commit {
                    Some(commit) => repo.tree_of(commit)?,
                    None => repo.empty_tree(),
                },
                commit,
                files: None,
            })
        };
        let (head, base) = (side(ask.commits.0)?, side(ask.commits.1)?);
        let mut material = BTreeMap::new();
        list_material(
            &ask.snapshot.join(MATERIAL),
            MATERIAL,
            MATERIAL_DEPTH,
            &mut material,
        );
        Ok(Self {
            repo,
            head,
            base,
            material,
            nonce: ask.nonce,
            redact,
            interrupted,
            clean: HashSet::new(),
            answered: HashMap::new(),
            calls: 0,
            calls_this_turn: 0,
            bytes: 0,
            until: Instant::now(),
        })
    }

    /// A new turn of the model begins.
    pub(crate) fn begin_turn(&mut self) {
        self.calls_this_turn = 0;
    }

    /// True while further calls can be answered.
    pub(crate) fn has_calls_left(&self) -> bool {
        self.calls < CALLS_A_RUN && self.bytes < LONGEST_RUN
    }

    /// Answers one call: the tool by name, its arguments as the JSON text that the model wrote. It ends at
    /// `deadline`, or after two minutes.
    pub(crate) fn call(&mut self, name: &str, arguments: &str, deadline: Instant) -> CallResult {
        self.until = deadline.min(Instant::now() + LONGEST_CALL);
        match self.answer(name, arguments) {
            Ok(result) => result,
            Err(refused) => CallResult {
                text: format!("error: {refused}"),
                failed: true,
            },
        }
    }

    fn answer(&mut self, name: &str, arguments: &str) -> Result<CallResult, Refused> {
        self.calls += 1;
        self.calls_this_turn += 1;
        if self.calls > CALLS_A_RUN {
            return Err(format!(
                "all {CALLS_A_RUN} calls of this run are used up: answer from what you have read"
            ));
        }
        if self.calls_this_turn > CALLS_A_TURN {
            return Err(format!(
                "at most {CALLS_A_TURN} calls are answered in one turn: ask again in the next"
            ));
        }
        if arguments.len() > LONGEST_ARGUMENTS {
            return Err(format!(
                "the arguments are longer than {LONGEST_ARGUMENTS} bytes"
            ));
        }
        let (wanted, key) = wanted(name, arguments)?;
        let result = match self.answered.get(&key) {
            Some(known) => known.clone(),
            None => self.look_up(name, &wanted)?,
        };
        if self.bytes + result.text.len() > LONGEST_RUN {
            self.bytes = LONGEST_RUN;
            return Err(format!(
                "{} MB of results are used up: answer from what you have read",
                LONGEST_RUN >> 20
            ));
        }
        self.bytes += result.text.len();
        self.answered.insert(key, result.clone());
        Ok(result)
    }

    fn look_up(&mut self, name: &str, wanted: &Wanted) -> Result<CallResult, Refused> {
        let text = match wanted {
            Wanted::File { base, path, lines } => self.file(*base, path, *lines),
            Wanted::List { directory, glob } => self.list(directory.as_ref(), glob.as_deref()),
            Wanted::Grep(grep) => self.grep(grep),
            Wanted::Blame { base, path, lines } => self.blame(*base, path, *lines),
            Wanted::Log {
                revision,
                path,
                count,
            } => self.log(revision.as_deref(), path.as_ref(), *count),
        }?;
        Ok(CallResult {
            text: self.fenced(name, &text),
            failed: false,
        })
    }

    /// Puts the boundary around content of the repository.
    fn fenced(&self, name: &str, text: &str) -> String {
        // Only a model that repeats the nonce in its arguments can bring it here.
        let text = text.replace(self.nonce, "[boundary]");
        let end = if text.ends_with('\n') { "" } else { "\n" };
        format!(
            "<<<data {nonce} {name}\n{text}{end}>>>data {nonce}",
            nonce = self.nonce
        )
    }

    fn side(&mut self, base: bool) -> &mut Side {
        if base { &mut self.base } else { &mut self.head }
    }

    /// Every file of a tree.
    fn files(&mut self, base: bool) -> Result<Rc<Vec<Entry>>, Refused> {
        let tree = self.side(base).tree;
        if let Some(files) = &self.side(base).files {
            return Ok(Rc::clone(files));
        }
        let files = Rc::new(self.repo.files(&tree).map_err(unreadable)?);
        self.side(base).files = Some(Rc::clone(&files));
        Ok(files)
    }

    /// True if the call at hand has to end.
    fn is_over(&self) -> bool {
        Instant::now() >= self.until || (self.interrupted)()
    }

    /// What may be shown of a text.
    fn cleaned<'c>(&self, path: &RepoPath, text: &'c [u8]) -> Result<Cow<'c, [u8]>, Refused> {
        match (self.redact)(path, text) {
            Redacted::Same => Ok(Cow::Borrowed(text)),
            Redacted::Text(text) => Ok(Cow::Owned(text)),
            Redacted::Withheld { why } => Err(format!("it is withheld: {why}")),
        }
    }

    /// What may be shown of a text that comes from no file in particular.
    fn cleaned_text(&self, text: &str) -> Result<String, Refused> {
        let text = self.cleaned(&RepoPath::default(), text.as_bytes())?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn patience(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// A text of lines that ends before it is longer than a result may be.
struct Lines {
    text: String,
    full: bool,
}

impl Lines {
    fn new() -> Self {
        Self {
            text: String::new(),
            full: false,
        }
    }

    /// Adds a line; false if there is no room for it.
    fn add(&mut self, line: &str) -> bool {
        // Room for what the end of a result says, and for the boundary.
        if self.full || self.text.len() + line.len() + 1 > LONGEST_RESULT - 1024 {
            self.full = true;
            return false;
        }
        self.text.push_str(line);
        self.text.push('\n');
        true
    }

    /// Adds a last line of our own, and gives the text.
    fn end(mut self, note: Option<String>) -> String {
        if let Some(note) = note {
            self.text.push_str(&note);
            self.text.push('\n');
        }
        self.text
    }
}

/// Foreign text of one line with what misleads or is not seen written out, cut after `most` characters.
fn visible(line: &str, most: usize) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line.chars();
    for c in rest.by_ref().take(most) {
        match c {
            '\t' => shown.push(c),
            c if c.is_control() || deceives(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    let cut = rest.as_str().len();
    if cut > 0 {
        write!(shown, "… [{cut} more bytes]").expect("writing to a String cannot fail");
    }
    shown
}

/// A path as a model reads it and writes it back.
fn shown(path: &RepoPath) -> String {
    visible(&path.to_quoted(), usize::MAX)
}

fn unreadable(error: anyhow::Error) -> Refused {
    // The causes name objects of the snapshot, and help no model.
    drop(error);
    "it can't be read: an object is missing or damaged".to_owned()
}

/// Finds our own files beside the tree. Names come from this list only: no path is ever made of a model's
/// words.
fn list_material(
    directory: &Path,
    name: &str,
    depth: usize,
    found: &mut BTreeMap<RepoPath, PathBuf>,
) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let (Ok(kind), Some(file)) = (
            entry.file_type(),
            entry.file_name().to_str().map(str::to_owned),
        ) else {
            continue;
        };
        let name = format!("{name}/{file}");
        if kind.is_dir() && depth > 1 {
            list_material(&entry.path(), &name, depth - 1, found);
        } else if kind.is_file() && found.len() < MOST_MATERIAL {
            found.insert(RepoPath::from(name.as_str()), entry.path());
        }
    }
}
