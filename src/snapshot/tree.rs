//! Writes the reviewed tree into a snapshot: decides for each file whether it is wanted, and keeps the
//! books on what became of it. The writing itself is done in `files`, the nearness decided in `part`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use crate::diff::{Change, Entry, RepoPath};
use crate::git::{FileStat, Listed, Repo};

use super::files::{self, Made};
use super::{Head, Plan, Snapshot, gitdir, names, part};

/// A tree of more files than this is refused: a few small objects can stand for any number.
const MOST_FILES: usize = 1_000_000;

impl Snapshot {
    /// Writes the files of the head's tree and the index that says which.
    pub(super) fn write_tree(&mut self, plan: &Plan<'_>) -> Result<()> {
        let repo = self.repo()?;
        let listed = repo.listing(&repo.tree_of(&self.head)?, MOST_FILES)?;
        self.total = listed.len();
        let wanted = self.wanted(plan, &repo, &listed)?;
        let chosen: Vec<&Entry> = listed
            .iter()
            .zip(&wanted)
            .filter(|(_, wanted)| **wanted == Wanted::Yes)
            .map(|(one, _)| &one.entry)
            .collect();
        let limit = plan.limits.file_bytes;
        let made = files::write(&repo, &self.path, &chosen, limit, plan.redact)?;
        let mut made = made.into_iter();
        let mut stats: Vec<Option<FileStat>> = Vec::with_capacity(listed.len());
        for (one, wanted) in listed.iter().zip(&wanted) {
            let path = &one.entry.path;
            let made = match wanted {
                Wanted::Yes => made.next().context("a file was not written")?,
                Wanted::LeftOut => Made::Refused,
                Wanted::TooFar => {
                    stats.push(None);
                    continue;
                }
            };
            let (indexed, file) = match made {
                Made::Whole(file) => (Some(file), Some(file)),
                Made::Redacted(file) => {
                    self.redacted.push(path.clone());
                    (None, Some(file))
                }
                Made::Stub(file, why) => {
                    self.stubs.push((path.clone(), why));
                    (None, Some(file))
                }
                Made::Refused => {
                    self.left_out.push(path.clone());
                    (None, None)
                }
            };
            stats.push(indexed);
            if let Some(file) = file {
                self.written += 1;
                self.note(path.clone(), file);
            }
        }
        let lines = listed.iter().zip(stats);
        // A name that leads elsewhere can't be in an index either.
        let lines = lines.filter(|(one, _)| one.writable);
        let index = repo.index_of(lines.map(|(one, file)| (&one.entry, file)))?;
        gitdir::write_index(&self.git_dir(), &index)
    }

    /// For each file of the tree whether it is to be written.
    fn wanted(&mut self, plan: &Plan<'_>, repo: &Repo, listed: &[Listed]) -> Result<Vec<Wanted>> {
        let heads = names::heads_of_nested_repositories(listed.iter().map(|one| &one.entry.path));
        let mut known: (&[u8], bool) = (b"", false);
        let mut wanted: Vec<Wanted> = listed
            .iter()
            .map(|one| {
                let path = one.entry.path.as_bytes();
                let dir = names::directory(path);
                if dir != known.0 {
                    let out = !dir.is_empty() && names::is_left_out(&RepoPath::new(dir));
                    known = (dir, out);
                }
                let out = known.1
                    || !one.writable
                    || names::is_left_out_name(one.entry.path.file_name())
                    || heads.contains(&one.entry.path);
                if out { Wanted::LeftOut } else { Wanted::Yes }
            })
            .collect();
        let entries: Vec<&Entry> = listed
            .iter()
            .zip(&wanted)
            .filter(|(_, wanted)| **wanted == Wanted::Yes)
            .map(|(one, _)| &one.entry)
            .collect();
        // Where their number decides, most sizes are never asked for.
        if entries.len() <= plan.limits.files {
            let counted = |size: &u64| *size <= plan.limits.file_bytes;
            let bytes: u64 = repo.sizes(&entries).into_iter().filter(counted).sum();
            if bytes <= plan.limits.bytes {
                return Ok(wanted);
            }
        }
        self.partial = true;
        let changes = match plan.head {
            Head::Uncommitted { changes, .. } => changes.to_vec(),
            Head::Commit(head) => {
                let base = plan.base.map(|base| repo.tree_of(&base)).transpose()?;
                let base = base.unwrap_or_else(|| repo.empty_tree());
                repo.changes(&base, &repo.tree_of(&head)?)?
            }
        };
        let touched: BTreeSet<&RepoPath> = changes.iter().map(Change::path).collect();
        let paths: Vec<&RepoPath> = entries.iter().map(|entry| &entry.path).collect();
        let sizes = |wanted: &[usize]| {
            let wanted: Vec<&Entry> = wanted.iter().map(|at| entries[*at]).collect();
            repo.sizes(&wanted)
        };
        let mut taken = part::choose(&paths, &touched, &plan.limits, &sizes).into_iter();
        for wanted in wanted.iter_mut().filter(|wanted| **wanted == Wanted::Yes) {
            if taken.next() == Some(false) {
                *wanted = Wanted::TooFar;
            }
        }
        Ok(wanted)
    }
}

/// Whether a file of the tree is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Yes,
    /// No, because of its name.
    LeftOut,
    /// No, as the tree is too large and the file is not near the change.
    TooFar,
}
