//! Repositories made to mislead. Each trap is first shown to catch plain Git, so that the test proves
//! something; then every command of ours must neither run it nor be blinded by it.
//!
//! - `programs`: settings that start a program
//! - `blinds`: what hides a change from `git diff`, or sends it elsewhere
//! - `shapes`: histories, names and sizes that are unusual without being settings

mod blinds;
mod programs;
mod shapes;

use std::path::PathBuf;

use crate::support::call::Said;
use crate::support::sandbox::{FLAWED, Repo, SOUND, Sandbox, contents};

/// What stands for "not there yet" on a push.
const ZERO: &str = "0000000000000000000000000000000000000000";

/// What each scope is called on the command line.
const SCOPES: [&[&str]; 4] = [
    &[],
    &["--staged"],
    &["--worktree"],
    &["--worktree", "--untracked"],
];

/// A repository whose branch, index, files and untracked files each hold the same problem.
fn baited(sandbox: &Sandbox) -> Repo<'_> {
    let (repo, _) = sandbox.cloned();
    repo.write("shop.js", SOUND);
    repo.commit_file("cart.js", FLAWED);
    bait(&repo);
    repo
}

/// Puts the problem where it is not committed.
fn bait(repo: &Repo<'_>) {
    repo.write("staged.js", FLAWED);
    repo.git(["add", "staged.js"]);
    repo.write("shop.js", FLAWED);
    repo.write("loose.js", FLAWED);
}

/// The file that a program leaves behind if it was started.
fn mark(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("it-ran")
}

/// Everything in the sandbox but what we are meant to write.
fn everything(sandbox: &Sandbox) -> Vec<(PathBuf, Vec<u8>)> {
    let ours = |path: &PathBuf| {
        path.starts_with(sandbox.path("state")) || path.to_string_lossy().contains("/deep-review/")
    };
    let mut found = contents(&sandbox.path(""));
    found.retain(|(path, _)| !ours(path));
    found
}

/// The hook, told that the checked-out commit is pushed as a new branch.
fn hook(repo: &Repo<'_>) -> Said {
    let line = format!("refs/heads/topic {} refs/heads/topic {ZERO}\n", tip(repo));
    repo.hook("origin", "../remote.git", &line).run()
}

/// The commit of the branch, whatever the repository says about names.
fn tip(repo: &Repo<'_>) -> String {
    let text = std::fs::read_to_string(repo.path(".git/refs/heads/topic")).unwrap();
    text.trim().to_owned()
}

/// Runs every command over every scope: each ends with one of `codes`, a patch that is printed shows
/// the problem, no program runs, and nothing is written but what is ours.
#[track_caller]
fn holds(sandbox: &Sandbox, repo: &Repo<'_>, trap: &str, codes: &[i32]) {
    let before = everything(sandbox);
    let ends = |said: &Said| {
        assert!(
            said.code.is_some_and(|code| codes.contains(&code)),
            "{trap}: {said}"
        );
    };
    for scope in SCOPES {
        let shown = repo.deep_review([&["diff"], scope].concat());
        let seen = shown.code == Some(0) && shown.stdout.contains("+  debugger;");
        let refused = shown.code == Some(2) && codes.contains(&2);
        assert!(seen || refused, "{trap}: {shown}");
        ends(&repo.deep_review(scope));
    }
    ends(&repo.deep_review(["gate"]));
    ends(&hook(repo));
    assert!(!mark(sandbox).exists(), "{trap}: a program was started");
    let after = everything(sandbox);
    let touched: Vec<_> = before
        .iter()
        .filter(|file| !after.contains(file))
        .chain(after.iter().filter(|file| !before.contains(file)))
        .map(|(path, _)| path)
        .collect();
    assert!(touched.is_empty(), "{trap}: {touched:?} were written");
}
