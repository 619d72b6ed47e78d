//! Where a repository stands on disk: whether its work tree is its own, and whether it is part of
//! another one's files. What to do about it is said by those who open and read.

use std::path::{Component, Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::error::HintExt;

use super::Repo;

/// Refuses a bare repository that lies among the files of another repository, if a search that began
/// in `directory` ended in it: it came with those files, and nobody meant it.
pub(in crate::git) fn refuse_embedded(git_dir: &Path, directory: &Path) -> Result<()> {
    if git_dir.ends_with(".git") {
        return Ok(());
    }
    let real = real(git_dir);
    if !self::real(directory).starts_with(&real) {
        return Ok(());
    }
    let Some((around, _)) = real
        .parent()
        .and_then(|parent| gix::discover::upwards(parent).ok())
    else {
        return Ok(());
    };
    let (outer, files) = around.into_repository_and_work_tree_directories();
    if files.is_none() || real.starts_with(self::real(&outer)) {
        return Ok(());
    }
    Err(anyhow!(
        "`{}` is a repository among the files of another one",
        git_dir.display()
    ))
    .hint(format!(
        "run it further up; if you mean this one, set `GIT_DIR='{}'`",
        git_dir.display()
    ))
}

/// True if what stands at `.git` in the work tree is, or leads to, this repository.
pub(in crate::git) fn belongs(work_tree: &Path, git_dir: &Path) -> bool {
    let link = work_tree.join(".git");
    let target = if link.is_dir() {
        link
    } else {
        match gix::discover::path::from_gitdir_file(&link) {
            Ok(target) => target,
            Err(_) => return false,
        }
    };
    real(&target) == real(git_dir)
}

/// Whether the current directory is the work tree because `GIT_DIR` is set, and is not known as it yet. By
/// Git's rule it is unless a setting says otherwise: one that names a work tree, or that there is none.
pub(in crate::git) fn is_work_tree_of_named(repo: &Repo, directory: &Path) -> bool {
    let config = repo.raw().config_snapshot();
    let is_settled =
        config.string("core.worktree").is_some() || config.boolean("core.bare") == Some(true);
    let real_directory = real(directory);
    // Inside the repository Git itself starts hooks that have no work tree.
    let is_inside = real_directory.starts_with(real(repo.git_dir()));
    let is_known = repo
        .work_tree()
        .is_some_and(|known| real(known) == real_directory);
    // Git tells its children so of a repository that it found to have none.
    let is_denied = gix::path::env::var("GIT_IMPLICIT_WORK_TREE")
        .is_some_and(|said| ["0", "false", "no", "off"].iter().any(|no| said == *no));
    !is_settled && !is_inside && !is_known && !is_denied
}

/// The path without `.`; with links followed if it goes up, as only then it matters where to.
pub(in crate::git) fn tidy(path: &Path) -> PathBuf {
    let tidied: PathBuf = path.components().collect();
    if tidied.components().any(|part| part == Component::ParentDir) {
        real(&tidied)
    } else {
        tidied
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
