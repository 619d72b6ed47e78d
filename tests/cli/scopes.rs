//! What each scope compares with what, and why: told by `explain`, kept by the review.

use serde_json::Value;

use crate::support::sandbox::{FLAWED, PROGRAM, Repo, SOUND, Sandbox};

/// The only target of a scope, explained.
#[track_caller]
fn explained(repo: &Repo<'_>, scope: &[&str]) -> Value {
    let words = [&["explain", "--format", "json"], scope].concat();
    let mut all = repo.deep_review(words).code(0).json();
    assert_eq!(all["targets"].as_array().unwrap().len(), 1, "{all}");
    all["targets"][0].take()
}

/// Fails unless a scope has this base, for this reason, and these paths of these classes.
#[track_caller]
fn owes(repo: &Repo<'_>, scope: &[&str], base: &str, why: &str, units: &[(&str, &str)]) {
    let target = explained(repo, scope);
    let said = target["base"]["why"].as_str().unwrap();
    assert!(said.contains(why), "{scope:?}: {said}");
    assert_eq!(target["base"]["commit"].as_str().unwrap_or(""), base);
    let found: Vec<(&str, &str)> = target["units"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unit| {
            let class = unit["class"]["name"].as_str().unwrap();
            (unit["path"].as_str().unwrap(), class)
        })
        .collect();
    assert_eq!(found, units, "{scope:?}");
    repo.deep_review([&["explain"], scope].concat())
        .code(0)
        .prints(why)
        .prints(&format!("owes {} units", units.len()));
}

const REVIEWED: &str = "reviewed";

#[test]
fn each_scope_says_its_base_and_what_is_owed() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let main = repo.id("main");
    repo.commit_file("a.js", SOUND);
    let first = repo.id("HEAD");
    repo.commit_file("b.js", SOUND.replace("total", "sum"));
    let tip = repo.id("HEAD");
    repo.write("c.js", FLAWED);
    repo.git(["add", "c.js"]);
    repo.write("a.js", FLAWED);
    repo.write("loose.js", FLAWED);

    let (a, b, c) = (("a.js", REVIEWED), ("b.js", REVIEWED), ("c.js", REVIEWED));
    let from_main = "merge base with origin/main";
    owes(&repo, &[], &main, from_main, &[a, b]);
    owes(&repo, &["--push"], &main, from_main, &[a, b]);
    owes(
        &repo,
        &["--base", "HEAD~1"],
        &first,
        "merge base with HEAD~1",
        &[b],
    );
    owes(&repo, &["--staged"], &tip, "HEAD, ", &[c]);
    owes(&repo, &["--worktree"], &tip, "HEAD, ", &[a, c]);
    let untracked = ["--worktree", "--untracked"];
    owes(
        &repo,
        &untracked,
        &tip,
        "HEAD, ",
        &[a, c, ("loose.js", REVIEWED)],
    );
    owes(
        &repo,
        &["--commit", "HEAD"],
        &first,
        "its first parent",
        &[b],
    );
    owes(&repo, &["--range", "main..HEAD~1"], &main, "main, ", &[a]);
    owes(
        &repo,
        &["--range", "main...HEAD"],
        &main,
        "merge base with main",
        &[a, b],
    );

    repo.git(["push", "-q", "--no-verify", "origin", "topic"]);
    repo.commit_file("d.js", SOUND.replace("total", "size"));
    let pushed = explained(&repo, &["--push"]);
    assert_eq!(pushed["base"]["commit"], main.as_str());
    assert_eq!(pushed["commits"].as_array().unwrap().len(), 1, "{pushed}");
}

#[test]
fn the_new_commits_are_listed_and_bounded() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    for number in 1..=14 {
        repo.write("a.js", format!("{SOUND}// {number}\n"));
        repo.commit(&format!("Change {number}\u{1b}[31m"));
    }
    let target = explained(&repo, &[]);
    assert_eq!(target["commits_in_all"], 14);
    let subjects: Vec<&str> = target["commits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|commit| commit["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects.len(), 14);
    assert!(subjects.contains(&"Change 14\u{1b}[31m"));
    assert_eq!(target["commits"][0]["author"], "Ada");
    repo.deep_review(["explain"])
        .code(0)
        .prints("and 2 commits before these")
        .conceals("\u{1b}");
}

#[test]
fn what_is_excluded_says_by_whom() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    sandbox.configure("[review]\nexclude = [\"private/**\"]\n");
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file(".deep-review.toml", "[review]\nexclude = [\"assets/**\"]\n");
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic"]);
    repo.write("private/a.js", SOUND);
    repo.write("assets/b.js", SOUND);
    repo.write("Cargo.lock", "version = 4\n");
    repo.write("logo.png", b"\0png");
    repo.commit("Files");
    let target = explained(&repo, &[]);
    let why = |path: &str| {
        let units = target["units"].as_array().unwrap();
        let unit = units.iter().find(|unit| unit["path"] == path).unwrap();
        unit["class"]["why"].as_str().unwrap().to_owned()
    };
    assert!(why("private/a.js").contains("`private/**`"), "{target}");
    assert!(why("private/a.js").contains("user"), "{target}");
    assert!(why("assets/b.js").contains("`assets/**`"), "{target}");
    assert!(why("assets/b.js").contains(".deep-review.toml"), "{target}");
    assert_eq!(why("logo.png"), "binary");
    assert_eq!(why("Cargo.lock"), "a lock file");
    assert_eq!(target["owed"]["listed"], 3);
}

#[test]
fn an_unborn_head_has_nothing_but_what_is_staged() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    repo.write("a.js", FLAWED);
    repo.git(["add", "a.js"]);
    let a = [("a.js", REVIEWED)];
    owes(&repo, &["--staged"], "", "no commit yet", &a);
    owes(&repo, &["--worktree"], "", "no commit yet", &a);
    repo.deep_review(["--staged"]).code(1);
    repo.deep_review::<&str>([])
        .code(2)
        .says("has no commit yet");
    repo.deep_review(["explain"]).code(2).says("--staged");
}

#[test]
fn a_root_commit_is_compared_with_nothing() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    repo.commit_file("a.js", FLAWED);
    let why = "the empty tree, because it has no parent";
    owes(&repo, &["--commit", "HEAD"], "", why, &[("a.js", REVIEWED)]);
    repo.deep_review(["--commit", "HEAD"]).code(1);
}

#[test]
fn a_merge_commit_is_compared_with_its_first_parent() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.git(["checkout", "-q", "-b", "side"]);
    repo.commit_file("side.js", SOUND);
    repo.git(["checkout", "-q", "topic"]);
    let first = repo.commit_file("a.js", SOUND.replace("total", "sum"));
    repo.git(["merge", "-q", "--no-ff", "-m", "Merge side", "side"]);
    let side = [("side.js", REVIEWED)];
    owes(
        &repo,
        &["--commit", "HEAD"],
        &first,
        "its first parent",
        &side,
    );
}

#[test]
fn a_detached_head_is_reviewed_like_a_branch() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let main = repo.id("main");
    repo.git(["checkout", "-q", "--detach"]);
    repo.commit_file("a.js", FLAWED);
    let a = [("a.js", REVIEWED)];
    owes(&repo, &[], &main, "merge base with origin/main", &a);
    repo.deep_review::<&str>([]).code(1).prints("HEAD against");
}

#[test]
fn unrelated_histories_are_named_and_another_base_helps() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.git(["checkout", "-q", "--orphan", "lone"]);
    repo.commit_file("a.js", FLAWED);
    let root = repo.id("HEAD");
    repo.commit_file("b.js", FLAWED);
    repo.deep_review(["explain"])
        .code(2)
        .says("no commit in common")
        .says("--base");
    let b = [("b.js", REVIEWED)];
    owes(&repo, &["--base", &root], &root, "merge base with", &b);
}

#[test]
fn a_shallow_clone_says_so_and_is_reviewed() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.cloned();
    repo.commit_file("a.js", SOUND);
    repo.git(["push", "-q", "origin", "topic:main"]);
    let url = format!("file://{}", remote.path("").display());
    let clone = ["clone", "-q", "--depth=1", &url, "shallow"];
    sandbox.call("git").args(clone).run().code(0);
    let shallow = sandbox.existing("shallow");
    shallow
        .deep_review(["--commit", "HEAD"])
        .code(2)
        .says("the clone is shallow at it")
        .says("git fetch --deepen");
    shallow
        .deep_review(["diff", "HEAD~..HEAD"])
        .code(2)
        .says("git fetch --unshallow");
    shallow.git(["checkout", "-q", "-b", "topic"]);
    shallow.commit_file("b.js", FLAWED);
    let target = explained(&shallow, &[]);
    assert!(target["notes"][0].as_str().unwrap().contains("shallow"));
    assert_eq!(target["units"].as_array().unwrap().len(), 1);
    shallow.deep_review::<&str>([]).code(1).prints("shallow");
    shallow.deep_review(["install"]).code(0);
    shallow
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("b.js:2");
}

#[test]
fn a_sha256_repository_is_held_and_passed_by_the_hook() {
    let sandbox = Sandbox::new();
    let format = ["init", "-q", "--object-format=sha256"];
    for words in [&["--bare", "remote.git"][..], &["work"]] {
        let words = [&format[..], words].concat();
        sandbox.call("git").args(words).run().code(0);
    }
    let (repo, remote) = (sandbox.existing("work"), sandbox.existing("remote.git"));
    repo.git(["remote", "add", "origin", "../remote.git"]);
    repo.commit_file("README.md", "A shop.\n");
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-b", "topic"]);
    repo.deep_review(["install"]).code(0);
    repo.commit_file("a.js", FLAWED);
    repo.push(["-q", "origin", "topic"]).code(1).says("a.js:2");
    assert_eq!(remote.id("topic"), "");
    assert_eq!(
        explained(&repo, &["--push"])["base"]["commit"]
            .as_str()
            .unwrap()
            .len(),
        64
    );
    repo.commit_file("a.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
    assert_eq!(remote.id("topic"), repo.id("HEAD"));
}

#[test]
fn a_linked_worktree_has_its_own_branch_and_the_same_memory() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.git(["worktree", "add", "-q", "../linked", "-b", "second", "main"]);
    let linked = sandbox.existing("linked");
    linked.commit_file("a.js", FLAWED);
    let a = [("a.js", REVIEWED)];
    owes(
        &linked,
        &[],
        &repo.id("main"),
        "merge base with origin/main",
        &a,
    );
    linked.write("b.js", FLAWED);
    linked.deep_review(["--worktree", "--untracked"]).code(1);
    linked
        .push(["-q", "origin", "second"])
        .code(1)
        .says("a.js:2");
    assert!(repo.store("receipts").exists(), "the store is shared");
    repo.deep_review(["explain"]).prints("owes nothing");
}

#[cfg(unix)]
#[test]
fn a_file_that_can_t_be_read_is_not_called_deleted() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("a.js", SOUND);
    repo.commit_file("b.js", SOUND);
    repo.call("rm").arg("a.js").run().code(0);
    repo.call("mkfifo").arg("a.js").run().code(0);
    repo.deep_review(["--worktree"])
        .code(3)
        .prints("INCONCLUSIVE")
        .prints("a.js: a pipe, a socket or a device");
    repo.write("b.js", FLAWED);
    let said = repo.deep_review(["--worktree"]);
    said.code(1).prints("b.js:2").prints("a.js: a pipe");
}

#[test]
fn borrowed_objects_are_read() {
    let sandbox = Sandbox::new();
    let (_repo, _) = sandbox.cloned();
    let clone = ["clone", "-q", "--shared", "work", "borrower"];
    sandbox.call("git").args(clone).run().code(0);
    let borrower = sandbox.existing("borrower");
    assert!(borrower.path(".git/objects/info/alternates").exists());
    borrower.git(["checkout", "-q", "-b", "mine", "origin/main"]);
    borrower.commit_file("a.js", FLAWED);
    borrower
        .deep_review(["diff"])
        .code(0)
        .prints("+  debugger;");
    borrower.deep_review::<&str>([]).code(1);
}

#[test]
fn reftable_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    let init = ["init", "-q", "--ref-format=reftable", "work"];
    sandbox.call("git").args(init).run().code(0);
    let repo = sandbox.existing("work");
    repo.commit_file("a.js", FLAWED);
    for words in [&["diff"][..], &["gate"], &["explain"], &["install"], &[]] {
        repo.deep_review(words)
            .code(2)
            .says("reftable")
            .says("git refs migrate --ref-format=files");
    }
}

#[test]
fn a_repack_during_a_review_changes_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    for file in 0..400 {
        repo.write(
            format!("d{}/{file}.js", file % 9),
            format!("let a{file};\n").repeat(40),
        );
    }
    repo.write("z.js", FLAWED);
    repo.commit("Many");
    for round in 0..4 {
        let reading = repo
            .call(PROGRAM)
            .args(["--fresh", "--format", "json"])
            .start();
        let depth = format!("--depth={}", round + 1);
        repo.git(["repack", "-adfq", &depth]);
        let report = reading.finish().code(1).json();
        let units = report["targets"][0]["units"].as_array().unwrap();
        assert_eq!(units.len(), 401);
        assert!(units.iter().all(|unit| unit["class"]["name"] == REVIEWED));
    }
}

#[test]
fn a_finding_says_who_last_changed_its_line() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("a.js", FLAWED);
    let commit = repo.id("HEAD");
    repo.write("a.js", format!("// later\n{FLAWED}"));
    repo.commit("Say more");
    repo.deep_review::<&str>([]).code(1);
    repo.deep_review(["findings", "show", "I1"])
        .code(0)
        .prints("last changed by this change, in commit")
        .prints(&commit[..12])
        .prints("Write a.js");
    repo.write("b.js", FLAWED);
    repo.git(["add", "b.js"]);
    repo.deep_review(["--staged"]).code(1);
    repo.deep_review(["findings", "show", "b.js"]).code(2);
}

#[test]
fn a_line_from_before_the_change_is_said_to_be() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("a.js", FLAWED);
    repo.git(["checkout", "-q", "-b", "later"]);
    repo.commit_file("a.js", SOUND);
    // Compared directly, the older side brings the line back.
    repo.deep_review(["--range", "later..topic"]).code(1);
    repo.deep_review(["findings", "show", "I1"])
        .code(0)
        .prints("last changed before this change, in commit")
        .prints("Write a.js");
}
