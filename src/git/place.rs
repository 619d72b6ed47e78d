//! Where a repository stands on disk: whether its work tree is its own, and whether it is part of
//! another one's files. What to do about it is said by those who open and read.

use std::path::{Component, Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::error::HintExt;

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
