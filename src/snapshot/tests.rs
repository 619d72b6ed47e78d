//! Tests of whole snapshots, with the real `git` run inside them.
//!
//! - `cost`: how long it takes, when asked
//! - `inside`: Git's commands in snapshots of every kind of repository
//! - `hostile`: trees and repositories that want out
//! - `heads`: commits, staged and worktree changes, redaction, very large trees
//! - `lifetime`: locks, sweeping, what an agent changed, the brief's files

mod cost;
mod heads;
mod hostile;
mod inside;
mod lifetime;

use std::path::Path;

use tempfile::TempDir;

use crate::diff::{Oid, RepoPath};
use crate::git::Repo;
use crate::git::fixture::git_in;

use super::place::Place;
use super::{Head, Plan, Redact, Redacted, Snapshot, SnapshotLimits, build_at};

/// A place for the snapshots of one test; temporary directories are below one that all can write to,
/// so the check for that is left out.
struct Cache(TempDir);

impl Cache {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn place(&self) -> Place {
        Place::unchecked(self.0.path()).unwrap()
    }

    fn build(&self, plan: &Plan<'_>) -> Snapshot {
        build_at(self.place(), plan).unwrap()
    }

    /// A snapshot of a commit against another.
    fn of(&self, repo: &Repo, head: Oid, base: Option<Oid>) -> Snapshot {
        self.build(&plan(repo, Head::Commit(head), base))
    }
}

const SHOW_ALL: &Redact<'static> = &|_, _| Redacted::Same;

fn plan<'a>(repo: &'a Repo, head: Head<'a>, base: Option<Oid>) -> Plan<'a> {
    Plan {
        repo,
        head,
        base,
        target: None,
        redact: SHOW_ALL,
        files: true,
        limits: SnapshotLimits::default(),
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    String::from_utf8(git_in(directory, arguments, b"")).unwrap()
}

/// Whether git succeeds, and what it says.
fn attempt(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    std::panic::catch_unwind(|| git(directory, arguments)).map_err(|panic| {
        let said = panic.downcast_ref::<String>();
        said.cloned().unwrap_or_default()
    })
}

fn assert_clean(snapshot: &Snapshot, situation: &str) {
    assert_eq!(
        git(&snapshot.path, &["status", "--porcelain"]),
        "",
        "{situation}"
    );
    git(&snapshot.path, &["diff", "--quiet"]);
    git(&snapshot.path, &["diff", "--cached", "--quiet"]);
    assert_eq!(snapshot.changed(), None, "{situation}");
}

fn paths(all: &[RepoPath]) -> Vec<String> {
    all.iter()
        .map(|path| path.to_str_lossy().into_owned())
        .collect()
}

fn put(path: &Path, content: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test writes its own files")]
    std::fs::write(path, content).unwrap();
}
