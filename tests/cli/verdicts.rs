//! Verdicts that are remembered: what answers without reading, and all that must not.
//!
//! What is answered from memory needs no object of the repository, and nothing else can do without:
//! so the objects are taken away for the question.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::call::{Call, Said};
use crate::support::sandbox::{FLAWED, PROGRAM, Repo, SOUND, Sandbox, contents, write};

/// Asks while the repository has no objects.
#[expect(
    clippy::disallowed_methods,
    reason = "a test puts its own repository aside"
)]
fn without_objects(repo: &Repo<'_>, ask: Call) -> Said {
    let (objects, away) = (repo.path(".git/objects"), repo.path(".git/objects-away"));
    fs::rename(&objects, &away).unwrap();
    fs::create_dir(&objects).unwrap();
    let said = ask.run();
    fs::remove_dir(&objects).unwrap();
    fs::rename(&away, &objects).unwrap();
    said
}

fn gate(repo: &Repo<'_>) -> Call {
    repo.call(PROGRAM).arg("gate")
}

/// Whether the gate knows the answer, `code`, by heart.
#[track_caller]
fn is_known(repo: &Repo<'_>, ask: Call, code: i32) -> bool {
    let said = without_objects(repo, ask);
    assert!([Some(code), Some(2)].contains(&said.code), "{said}");
    said.code == Some(code)
}

/// A reviewed branch with one sound commit.
fn reviewed(sandbox: &Sandbox) -> (Repo<'_>, Repo<'_>) {
    let (repo, remote) = sandbox.cloned();
    repo.commit_file("cart.js", SOUND);
    repo.deep_review([""; 0]).code(0);
    assert!(is_known(&repo, gate(&repo), 0));
    (repo, remote)
}

#[expect(clippy::disallowed_methods, reason = "a test takes its own file away")]
fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn json(said: &Said) -> Value {
    let mut report = said.json();
    report["at"] = Value::Null;
    report
}

/// What the gate says with its memory and without it.
#[track_caller]
fn assert_same_without_memory(repo: &Repo<'_>, code: i32) {
    let ask = || gate(repo).args(["--format", "json"]);
    assert!(is_known(repo, ask(), code));
    let with = ask().run().code(code);
    fs::remove_dir_all(repo.store("verdicts")).unwrap();
    let without = ask().run().code(code);
    assert_eq!(json(&with), json(&without));
    assert!(!is_known(repo, ask(), code), "the gate wrote it down");
}

#[test]
fn the_gate_says_the_same_with_and_without_its_memory() {
    let sandbox = Sandbox::new();
    let (repo, _) = reviewed(&sandbox);
    assert_same_without_memory(&repo, 0);
    repo.commit_file("päge \"1\".js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    assert_same_without_memory(&repo, 1);
    repo.deep_review(["resolve", "I1", "--as", "deferred", "-m", "later"])
        .code(0);
    repo.deep_review([""; 0]).code(0);
    assert_same_without_memory(&repo, 0);
    // The remote has a part of the branch, and the same file twice in its history.
    repo.git(["push", "-q", "origin", "topic"]);
    repo.commit_file("cart.js", format!("{SOUND}\n"));
    repo.commit_file("cart.js", SOUND);
    repo.deep_review([""; 0]).code(0);
    assert_same_without_memory(&repo, 0);
}

#[test]
fn the_gate_writes_nothing_whether_it_remembers_or_not() {
    let sandbox = Sandbox::new();
    let (repo, _) = reviewed(&sandbox);
    let before = contents(&repo.store(""));
    gate(&repo).run().code(0);
    repo.commit_file("b.js", SOUND);
    gate(&repo).run().code(3);
    repo.deep_review(["status"]).code(0);
    assert_eq!(contents(&repo.store("")), before);
}

#[test]
fn a_second_push_of_the_same_state_is_answered_from_memory() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let tip = repo.commit_file("cart.js", FLAWED);
    let zero = "0".repeat(40);
    let line = format!("refs/heads/topic {tip} refs/heads/topic {zero}\n");
    let push = || repo.hook("origin", "../remote.git", &line);
    let first = push().run().code(1).says("cart.js:2");
    let second = without_objects(&repo, push()).code(1);
    assert_eq!(first.stderr, second.stderr);
    // Another remote, another name and another commit are other pushes.
    let elsewhere = repo.hook("elsewhere", "../other.git", &line);
    assert!(!is_known(&repo, elsewhere, 1));
    let renamed = line.replace("refs/heads/topic 0", "refs/heads/main 0");
    let renamed = repo.hook("origin", "../remote.git", &renamed);
    assert!(!is_known(&repo, renamed, 1));
    let there = repo.id("main");
    let onto = repo.hook("origin", "../remote.git", &line.replace(&zero, &there));
    assert!(!is_known(&repo, onto, 1));
    assert!(is_known(&repo, push(), 1), "the first one is still known");
    // A decision counts at once.
    repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "x"])
        .code(0);
    push().run().code(0);
}

#[test]
fn a_push_is_looked_at_again_after_the_review_of_another_state() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    repo.commit_file("shop.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    assert_eq!(repo.findings().len(), 2);
    repo.git(["reset", "-q", "--hard", "HEAD~1"]);
    repo.deep_review([""; 0]).code(1);
    let listed = repo.deep_review(["findings"]).code(0);
    listed.prints("cart.js").conceals("shop.js");
}

#[test]
fn whatever_a_verdict_is_made_from_makes_another_one() {
    let sandbox = Sandbox::new();
    let (repo, _) = reviewed(&sandbox);
    let moves: &[(&str, &dyn Fn())] = &[
        ("a commit", &|| {
            repo.git(["commit", "-q", "--allow-empty", "-m", "x"]);
        }),
        ("the branch", &|| {
            repo.git(["checkout", "-q", "-b", "other"]);
        }),
        ("a detached HEAD", &|| {
            repo.git(["checkout", "-q", "--detach"]);
        }),
        ("the branch again", &|| {
            repo.git(["checkout", "-q", "topic"]);
        }),
        ("what the remote has", &|| {
            repo.git(["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
        }),
        ("the remote's branch", &|| {
            let head = "refs/remotes/origin/HEAD";
            repo.git(["symbolic-ref", head, "refs/remotes/origin/main"]);
        }),
        ("a setting of Git", &|| {
            repo.git(["config", "remote.pushDefault", "origin"]);
        }),
        ("a setting of the user's Git", &|| {
            let path = sandbox.path("gitconfig");
            let text = fs::read_to_string(&path).unwrap();
            write(
                &path,
                format!("{text}[branch \"topic\"]\n\tremote = origin\n"),
            );
        }),
        ("a setting of the user's", &|| {
            sandbox.configure("[gate]\nblock = \"suggestion\"\n");
        }),
        ("a receipt", &|| {
            let path = repo.store("receipts");
            let text = fs::read_to_string(&path).unwrap();
            write(&path, text.replace("\"path\"", "\"PATH\""));
        }),
        ("no receipt", &|| {
            remove(&repo.store("receipts"));
        }),
        ("the secret", &|| {
            write(&sandbox.path("state/deep-review/secret"), [7; 32]);
        }),
    ];
    for (what, moved) in moves {
        moved();
        assert!(!is_known(&repo, gate(&repo), 0), "{what}");
        repo.deep_review([""; 0]);
        assert!(is_known(&repo, gate(&repo), 0), "{what}, reviewed");
    }
}

#[test]
fn a_variable_another_program_and_another_scope_make_another_verdict() {
    let sandbox = Sandbox::new();
    let (repo, _) = reviewed(&sandbox);
    let strict = gate(&repo).env("DEEP_REVIEW_GATE_BLOCK", "suggestion");
    assert!(!is_known(&repo, strict, 0));
    let elsewhere = gate(&repo).env("GIT_NAMESPACE", "x");
    assert!(!is_known(&repo, elsewhere, 0));
    assert!(is_known(&repo, gate(&repo).env("GIT_PAGER", "less"), 0));
    let of_main = gate(&repo).args(["--base", "origin/main"]);
    assert!(!is_known(&repo, of_main, 0));
    let copy = sandbox.path("deep-review-copy");
    sandbox.copy(PROGRAM, &copy);
    assert!(!is_known(&repo, repo.call(&copy).arg("gate"), 0));
    assert!(is_known(&repo, gate(&repo), 0));
}

#[test]
fn a_decision_and_a_review_handed_in_count_at_once() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    let decide = ["resolve", "I1", "--as", "wont-fix", "-m", "x"];
    repo.deep_review(decide).code(0);
    gate(&repo).run().code(0);
    repo.deep_review([""; 0]).code(0);
    assert!(is_known(&repo, gate(&repo), 0));
    let reply = "## Important\n\n### 1. The total is wrong\n\n`cart.js:3`\n\nIt counts instead of adding.\n";
    repo.write(".git/reply.md", reply);
    repo.deep_review(["--review", "claude=.git/reply.md"]);
    assert!(!is_known(&repo, gate(&repo), 0), "a voice was added");
}

#[test]
fn who_is_on_the_panel_makes_another_verdict() {
    let sandbox = Sandbox::new();
    sandbox.configure("[agents.house]\nkind = \"command\"\ncommand = [\"house\"]\n");
    let (repo, _) = reviewed(&sandbox);
    repo.deep_review(["agents", "enable", "house"]).code(0);
    assert!(!is_known(&repo, gate(&repo), 0));
    gate(&repo).run().code(3).prints("house");
    repo.deep_review(["agents", "disable", "house"]).code(0);
    assert!(is_known(&repo, gate(&repo), 0), "as it was before");
}

#[test]
fn what_is_staged_is_known_by_the_index_and_what_is_on_disk_never_is() {
    let sandbox = Sandbox::new();
    let (repo, _) = reviewed(&sandbox);
    repo.write("cart.js", format!("{SOUND}// x\n"));
    repo.git(["add", "cart.js"]);
    repo.deep_review(["--staged"]).code(0);
    let staged = || gate(&repo).arg("--staged");
    assert!(is_known(&repo, staged(), 0));
    repo.write("cart.js", format!("{SOUND}// y\n"));
    assert!(is_known(&repo, staged(), 0), "the index is the same");
    repo.git(["add", "cart.js"]);
    assert!(!is_known(&repo, staged(), 0));
    repo.deep_review(["--worktree"]).code(0);
    assert!(!is_known(&repo, gate(&repo).arg("--worktree"), 0));
}

#[test]
fn a_linked_worktree_has_verdicts_of_its_own() {
    let sandbox = Sandbox::new();
    let (repo, _) = reviewed(&sandbox);
    repo.git(["worktree", "add", "-q", "-b", "there", "../linked", "main"]);
    repo.deep_review([""; 0]).code(0);
    let linked = sandbox.existing("linked");
    linked.write("b.js", FLAWED);
    linked.commit("Write b.js");
    linked.deep_review([""; 0]).code(1);
    let there = || linked.call(PROGRAM).arg("gate");
    assert!(is_known(&repo, there(), 1));
    // Its commit moved a ref of both.
    assert!(!is_known(&repo, gate(&repo), 0));
    repo.deep_review([""; 0]).code(0);
    assert!(is_known(&repo, gate(&repo), 0));
    linked.git(["checkout", "-q", "--detach", "main"]);
    assert!(!is_known(&repo, there(), 0));
    assert!(is_known(&repo, gate(&repo), 0), "the other HEAD is its own");
}

#[test]
fn what_was_not_read_wholly_is_not_remembered() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    sandbox.configure("[review]\nmax_file_size = 10\n[gate]\non_incomplete = \"allow\"\n");
    repo.commit_file("cart.js", SOUND);
    repo.deep_review([""; 0]).code(0);
    assert!(!is_known(&repo, gate(&repo), 0));
    sandbox.configure("[review]\nsomething = 10\n");
    repo.deep_review([""; 0]).code(0);
    assert!(!is_known(&repo, gate(&repo), 0), "there was a warning");
}

#[test]
fn a_store_that_cannot_keep_a_verdict_costs_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("cart.js", SOUND);
    write(&repo.store("verdicts"), "in the way");
    let said = repo.deep_review([""; 0]).code(0);
    said.conceals("not remembered");
    gate(&repo).run().code(0);
    assert!(!is_known(&repo, gate(&repo), 0));
}

#[test]
fn a_review_looks_again_whatever_is_known() {
    let sandbox = Sandbox::new();
    let (repo, _) = reviewed(&sandbox);
    for words in [&[][..], &["--fresh"]] {
        let again = repo.call(PROGRAM).args(words);
        assert!(!is_known(&repo, again, 0), "{words:?}");
    }
    let again = repo.deep_review(["--fresh", "--format", "json"]).code(0);
    assert_eq!(again.json()["agents"][0]["read"], 1);
    assert!(is_known(&repo, gate(&repo), 0));
}
