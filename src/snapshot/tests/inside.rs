//! Git's read-only commands inside snapshots of every kind of repository say what they say outside.

use std::path::{Path, PathBuf};

use super::{Cache, assert_clean, git, plan};
use crate::diff::Oid;
use crate::git::Repo;
use crate::git::fixture::{Fixture, git_in};
use crate::snapshot::Head;

/// A base, a branch of three commits with a merge, and a rename.
fn history(fixture: &Fixture) -> (Oid, Oid) {
    for file in 0..12 {
        let text = format!("line {file}\n").repeat(6);
        fixture.write(&format!("d{}/file{file}.txt", file % 3), text);
    }
    fixture.write("d1/run.sh", "#!/bin/sh\necho one\n");
    fixture.git(&["update-index", "--add", "--chmod=+x", "d1/run.sh"]);
    fixture.git(&["add", "-A"]);
    let base = fixture.commit();
    fixture.git(&["checkout", "-qb", "side"]);
    fixture.write("d0/side.txt", "side\n");
    fixture.commit();
    fixture.git(&["checkout", "-qb", "topic", "main"]);
    fixture.write("d2/file2.txt", "line 2\nneedle\nline 2\n");
    fixture.commit();
    fixture.git(&["merge", "-q", "--no-edit", "side"]);
    fixture.git(&["mv", "d1/file1.txt", "d1/moved.txt"]);
    (base, fixture.commit())
}

/// What tells the same in the repository and in the snapshot. `BASE` and `HEAD` are replaced by ids.
const COMMANDS: [&[&str]; 15] = [
    &["log", "-p", "--no-color", "-M", "BASE..HEAD"],
    &["log", "--graph", "--oneline", "HEAD"],
    &["log", "-L1,3:d2/file2.txt", "HEAD"],
    &["log", "-Sneedle", "--format=%H", "HEAD"],
    &["show", "--stat", "HEAD"],
    &["show", "HEAD:d1/moved.txt"],
    &["blame", "HEAD", "--", "d2/file2.txt"],
    &["diff", "--no-ext-diff", "BASE...HEAD"],
    &["grep", "-n", "needle", "HEAD"],
    &["merge-base", "BASE", "HEAD"],
    &["describe", "--always", "HEAD"],
    &["shortlog", "-s", "HEAD"],
    &["ls-tree", "-r", "--name-only", "HEAD"],
    &["cat-file", "-s", "HEAD:d0/file0.txt"],
    &["rev-list", "--objects", "BASE..HEAD"],
];

fn assert_reads_alike(at: &Path, head: Oid, base: Oid, situation: &str) {
    assert_same_answers(at, head, base, &COMMANDS, situation);
}

fn assert_same_answers(at: &Path, head: Oid, base: Oid, commands: &[&[&str]], situation: &str) {
    let cache = Cache::new();
    let repo = Repo::discover_isolated(at).unwrap();
    let snapshot = cache.of(&repo, head, Some(base));
    assert_clean(&snapshot, situation);
    for command in commands {
        let (head, base) = (head.to_string(), base.to_string());
        let words: Vec<String> = command
            .iter()
            .map(|word| word.replace("BASE", &base).replace("HEAD", &head))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (ours, theirs) = (git(&snapshot.path, &words), git(at, &words));
        assert_eq!(ours, theirs, "{situation}: {command:?}");
    }
    assert_eq!(
        git(&snapshot.path, &["rev-parse", "base"]).trim(),
        base.to_string()
    );
    assert_eq!(
        git(&snapshot.path, &["rev-parse", "HEAD"]).trim(),
        head.to_string()
    );
    assert_eq!(
        git(&snapshot.path, &["grep", "-n", "needle"]),
        git(&snapshot.path, &["grep", "-n", "needle", "--", "d2"]),
    );
    git(&snapshot.path, &["fsck", "--connectivity-only"]);
    assert_eq!(snapshot.left_out, []);
    assert_eq!(
        snapshot.changed(),
        None,
        "{situation}: reading changes nothing"
    );

    // The door opens it as well, and reads the same objects.
    let own = snapshot.repo().unwrap();
    let tree = own.tree_of(&head).unwrap();
    assert_eq!(own.files(&tree).unwrap(), repo.files(&tree).unwrap());
    assert_eq!(own.merge_base(&base, &head).unwrap(), Some(base));
}

fn clone(fixture: &Fixture, name: &str, from: &Path, arguments: &[&str]) -> PathBuf {
    let at = fixture.root().parent().unwrap().join(name);
    let arguments = [
        &["clone", "-q"],
        arguments,
        &[from.to_str().unwrap(), at.to_str().unwrap()],
    ];
    git_in(fixture.root(), &arguments.concat(), b"");
    at
}

#[test]
fn git_reads_alike_in_plain_packed_bare_and_sha256_repositories() {
    for arguments in [&[][..], &["--object-format=sha256"]] {
        let fixture = Fixture::with(arguments);
        let (base, head) = history(&fixture);
        assert_reads_alike(fixture.root(), head, base, "loose");
        fixture.git(&["repack", "-adq"]);
        fixture.git(&["commit-graph", "write", "--reachable"]);
        fixture.git(&["multi-pack-index", "write", "--bitmap"]);
        assert_reads_alike(fixture.root(), head, base, "packed, with every index");
        let copy = clone(&fixture, "bare.git", fixture.root(), &["--bare"]);
        assert_reads_alike(&copy, head, base, "bare");
    }
}

#[test]
fn git_reads_alike_with_objects_borrowed_over_several_repositories() {
    let fixture = Fixture::new();
    let (base, head) = history(&fixture);
    let first = clone(&fixture, "first", fixture.root(), &["--shared"]);
    let second = clone(&fixture, "second", &first, &["--shared"]);
    assert_reads_alike(&second, head, base, "alternates of alternates");
    // Git takes relative paths as relative to the directory of objects.
    put_alternates(&first, "../../../repo/.git/objects\n");
    put_alternates(&second, "# a comment\n../../../first/.git/objects\n");
    assert_reads_alike(&second, head, base, "relative ones");
}

fn put_alternates(repository: &Path, lines: &str) {
    super::put(&repository.join(".git/objects/info/alternates"), lines);
}

#[test]
fn git_reads_alike_in_linked_worktrees_and_submodules() {
    let fixture = Fixture::new();
    let (base, head) = history(&fixture);
    fixture.git(&["worktree", "add", "-q", "--detach", "../linked"]);
    let linked = fixture.root().parent().unwrap().join("linked");
    assert_reads_alike(&linked, head, base, "linked worktree");

    let outer = Fixture::new();
    let from = fixture.root().to_str().unwrap();
    outer.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        from,
        "inner",
    ]);
    assert_reads_alike(&outer.root().join("inner"), head, base, "submodule");
}

#[test]
fn git_reads_alike_where_the_path_is_odd() {
    for name in ["a b", "\"quoted\" \\back", "new\nline", "#hash", "ü"] {
        let fixture = Fixture::new();
        let (base, head) = history(&fixture);
        let at = fixture.root().parent().unwrap().join(name).join("repo");
        std::fs::create_dir(at.parent().unwrap()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test moves its own repository")]
        std::fs::rename(fixture.root(), &at).unwrap();
        assert_same_answers(&at, head, base, &COMMANDS[..1], name);
    }
}

#[test]
fn a_shallow_history_ends_where_it_ends_outside() {
    let fixture = Fixture::new();
    let (_, head) = history(&fixture);
    let from = format!("file://{}", fixture.root().display());
    let at = clone(&fixture, "shallow", Path::new(&from), &["--depth=2"]);
    let cache = Cache::new();
    let repo = Repo::discover_isolated(&at).unwrap();
    let snapshot = cache.of(&repo, head, None);
    assert_clean(&snapshot, "shallow");
    let log = ["log", "--format=%H %P", "HEAD"];
    assert_eq!(git(&snapshot.path, &log), git(&at, &log));
    git(&snapshot.path, &["fsck", "--connectivity-only"]);
}

#[test]
fn grafts_and_replacements_stay_behind() {
    let fixture = Fixture::new();
    let (base, head) = history(&fixture);
    fixture.git(&["replace", &head.to_string(), &base.to_string()]);
    super::put(
        &fixture.root().join(".git/info/grafts"),
        &format!("{head}\n"),
    );
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, Some(base));
    assert_clean(&snapshot, "replaced");
    let count = git(&snapshot.path, &["rev-list", "--count", "HEAD"]);
    assert_eq!(count.trim(), "5");
}

#[test]
fn the_target_keeps_its_name_if_that_is_plain() {
    let fixture = Fixture::new();
    let (base, head) = history(&fixture);
    fixture.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    fixture.git(&["branch", "base/below", "main"]);
    fixture.git(&["branch", "r\u{e9}sum\u{e9}", "main"]);
    let repo = fixture.repo();
    let cache = Cache::new();
    let refs = |target: &str| {
        let mut plan = plan(&repo, Head::Commit(head), Some(base));
        plan.target = Some(target);
        let snapshot = cache.build(&plan);
        git(&snapshot.path, &["for-each-ref", "--format=%(refname)"])
    };
    let ours = "refs/heads/base\nrefs/heads/review\n";
    assert_eq!(
        refs("origin/main"),
        format!("{ours}refs/remotes/origin/main\n")
    );
    assert_eq!(
        refs("main"),
        "refs/heads/base\nrefs/heads/main\nrefs/heads/review\n"
    );
    for odd in [
        "base/below",
        "nowhere",
        "r\u{e9}sum\u{e9}",
        "../x",
        "review",
        "a..b",
        "",
    ] {
        assert_eq!(refs(odd), ours, "{odd:?}");
    }
}

#[test]
fn a_deleted_branch_and_a_collection_break_nothing() {
    let fixture = Fixture::new();
    let (base, head) = history(&fixture);
    fixture.git(&["repack", "-adq"]);
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, Some(base));
    fixture.git(&["checkout", "-q", "main"]);
    fixture.git(&["branch", "-qD", "topic", "side"]);
    fixture.git(&["reflog", "expire", "--expire=now", "--all"]);
    fixture.git(&["gc", "-q", "--prune=now"]);
    assert!(
        super::attempt(fixture.root(), &["cat-file", "-e", &head.to_string()]).is_err(),
        "it is gone in the repository"
    );
    assert_clean(&snapshot, "collected");
    for command in [
        &["log", "-p", "base..HEAD"][..],
        &["diff", "base...HEAD"],
        &["blame", "HEAD", "--", "d2/file2.txt"],
        &["fsck", "--connectivity-only"],
    ] {
        git(&snapshot.path, command);
    }
    let own = snapshot.repo().unwrap();
    assert_eq!(own.log(&head, &[base], 10).unwrap().len(), 4);
}
