//! The reviewed tree as grounding asks for it: its paths, and of the files that findings name the
//! texts and changed lines, read when they are asked for.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::diff::{Change, Content, Oid, RepoPath};
use crate::finding::RawFinding;
use crate::git::{ReadLimits, Repo};
use crate::ground::{ChangedLines, ReviewedTree, Side, Texts};
use crate::owed::{Head, Target};

/// Git calls a content binary that has a zero byte this early.
const BINARY_WITHIN: usize = 8000;

/// Reads files of a target's base and head by path.
pub(super) struct Sides<'r> {
    repo: &'r Repo,
    changes: Vec<Change>,
    base_tree: Oid,
    /// The head's tree; for what is not committed yet the tree it is compared with.
    head_tree: Oid,
    limit: u64,
}

impl<'r> Sides<'r> {
    /// The sides of a target with its changed files; texts larger than `limit` bytes are not read.
    pub(super) fn of(
        repo: &'r Repo,
        target: &Target,
        changes: Vec<Change>,
        limit: u64,
    ) -> Result<Self> {
        let head_tree = match &target.head {
            Head::Commit(head) => repo.tree_of(head)?,
            Head::Index | Head::Worktree { .. } => target.base.tree,
        };
        Ok(Self {
            repo,
            changes,
            base_tree: target.base.tree,
            head_tree,
            limit,
        })
    }

    /// The sorted paths of the head.
    fn paths(&self) -> Result<Vec<RepoPath>> {
        let files = self.repo.files(&self.head_tree)?;
        let paths = files.into_iter().map(|file| file.path);
        if self.head_tree != self.base_tree {
            let mut paths: Vec<RepoPath> = paths.collect();
            paths.sort_unstable();
            paths.dedup();
            return Ok(paths);
        }
        let mut paths: BTreeSet<RepoPath> = paths.collect();
        for old in self.changes.iter().filter_map(Change::old) {
            paths.remove(&old.path);
        }
        let new = self.changes.iter().filter_map(Change::new);
        paths.extend(new.map(|new| new.path.clone()));
        Ok(paths.into_iter().collect())
    }

    /// The text at a path of the head; `None` if there is none.
    pub(super) fn head(&self, path: &RepoPath) -> Option<Vec<u8>> {
        let mut changes = self.changes.iter();
        let new = changes.find_map(|change| change.new().filter(|new| new.path == *path));
        if let Some(new) = new {
            return self.text(&new.id);
        }
        let removed = |change: &Change| change.old().is_some_and(|old| old.path == *path);
        if self.changes.iter().any(removed) {
            return None;
        }
        let entry = self.repo.entry(&self.head_tree, path).ok()??;
        entry.mode.is_file().then(|| self.text(&entry.id)).flatten()
    }

    /// The text that a changed file had before.
    fn base(&self, path: &RepoPath) -> Option<Vec<u8>> {
        let mut changes = self.changes.iter();
        let old = changes.find_map(|change| change.old().filter(|old| old.path == *path))?;
        self.text(&old.id)
    }

    fn text(&self, id: &Oid) -> Option<Vec<u8>> {
        // What can't be read bears nothing out; that it can't is said elsewhere.
        let text = self.repo.read_blob_within(id, self.limit).ok()??;
        let start = &text[..text.len().min(BINARY_WITHIN)];
        memchr::memchr(0, start).is_none().then_some(text)
    }
}

/// A target's tree, as far as findings name its files.
pub(super) struct TargetTree<'r> {
    paths: Vec<RepoPath>,
    changes: Vec<Change>,
    lines: Vec<ChangedLines>,
    rules: Vec<String>,
    shelf: Shelf<'r>,
}

type Slots = BTreeMap<RepoPath, OnceCell<Option<Vec<u8>>>>;

/// Texts, read at most once each.
struct Shelf<'r> {
    sides: Sides<'r>,
    base: Slots,
    head: Slots,
}

impl Texts for Shelf<'_> {
    fn text(&self, side: Side, path: &RepoPath) -> Option<Cow<'_, [u8]>> {
        let text = match side {
            Side::Base => self.base.get(path)?.get_or_init(|| self.sides.base(path)),
            Side::Head => self.head.get(path)?.get_or_init(|| self.sides.head(path)),
            // Nothing is redacted from what is reviewed elsewhere.
            Side::Redacted => return None,
        };
        text.as_deref().map(Cow::Borrowed)
    }
}

impl<'r> TargetTree<'r> {
    /// Looks up what the findings name. `rules` are the ids of the rules in force.
    pub(super) fn of(
        sides: Sides<'r>,
        limits: &ReadLimits,
        rules: Vec<String>,
        findings: &[&RawFinding],
    ) -> Result<Self> {
        let named: BTreeSet<&[u8]> = findings
            .iter()
            .flat_map(|finding| &finding.locations)
            .map(|location| location.path.file_name())
            .collect();
        let is_named = |path: &RepoPath| named.contains(path.file_name());
        // Nobody asks for a path where nothing is said, and listing a large tree takes its time.
        let paths = if findings.is_empty() {
            Vec::new()
        } else {
            sides.paths()?
        };
        let slots = |paths: &mut dyn Iterator<Item = &RepoPath>| -> Slots {
            paths
                .filter(|path| is_named(path))
                .map(|path| (path.clone(), OnceCell::new()))
                .collect()
        };
        let touched: Vec<Change> = sides
            .changes
            .iter()
            .filter(|change| {
                let mut entries = [change.old(), change.new()].into_iter().flatten();
                entries.any(|entry| is_named(&entry.path))
            })
            .cloned()
            .collect();
        let mut base = slots(&mut std::iter::empty());
        let mut head = slots(&mut paths.iter());
        for change in &touched {
            // A file that was renamed is asked for by either name.
            let old = change.old().map(|old| old.path.clone());
            base.extend(old.map(|path| (path, OnceCell::new())));
            let new = change.new().map(|new| new.path.clone());
            head.extend(new.map(|path| (path, OnceCell::new())));
        }
        let lines = sides
            .repo
            .read_patches(&touched, limits, |_, change, patch| {
                let Content::Text(text) = &patch.content else {
                    return None;
                };
                let own = |(no, line): (u32, &[u8])| (no, line.to_vec());
                Some(ChangedLines {
                    path: change.path().clone(),
                    added: text.added().map(own).collect(),
                    removed: text.removed().map(own).collect(),
                })
            })?;
        Ok(Self {
            paths,
            changes: sides.changes.clone(),
            lines: lines.into_iter().flatten().collect(),
            rules,
            shelf: Shelf { sides, base, head },
        })
    }

    /// The tree for grounding.
    pub(super) fn reviewed(&self) -> ReviewedTree<'_> {
        ReviewedTree {
            paths: &self.paths,
            changes: &self.changes,
            lines: &self.lines,
            rules: &self.rules,
            texts: &self.shelf,
        }
    }

    /// A text of a file that findings name.
    pub(super) fn text(&self, side: Side, path: &RepoPath) -> Option<Cow<'_, [u8]>> {
        self.shelf.text(side, path)
    }
}
