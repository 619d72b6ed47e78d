//! What stands in the tree: of commits, of what no commit has yet, without secrets, in part.

use super::{Cache, assert_clean, git, paths, plan};
use crate::diff::{Oid, RepoPath};
use crate::git::Repo;
use crate::git::fixture::Fixture;
use crate::snapshot::{Head, Redacted, Snapshot, SnapshotLimits};

fn read(snapshot: &Snapshot, path: &str) -> Option<String> {
    std::fs::read_to_string(snapshot.path.join(path)).ok()
}

fn start(fixture: &Fixture) -> Oid {
    fixture.write("kept", "kept\n");
    fixture.write("dir/edited", "one\ntwo\n");
    fixture.write("dir/gone", "gone\n");
    fixture.write("half", "old\n");
    fixture.commit()
}

fn uncommitted<'a>(repo: &Repo, base: &Oid, changes: &'a [crate::diff::Change]) -> Head<'a> {
    Head::Uncommitted {
        base_tree: repo.tree_of(base).unwrap(),
        changes,
        what: "staged changes",
    }
}

#[test]
fn staged_and_worktree_changes_are_a_commit_in_the_snapshot_alone() {
    let fixture = Fixture::new();
    let base = start(&fixture);
    fixture.write("dir/edited", "one\n2\n");
    fixture.write("new/file", "new\n");
    fixture.write("half", "staged\n");
    fixture.git(&["rm", "-q", "dir/gone"]);
    fixture.git(&["add", "-A"]);
    fixture.write("half", "on disk\n");
    fixture.write("untracked", "untracked\n");
    let before = fixture.git(&["count-objects", "-v"]);

    let cache = Cache::new();
    let repo = fixture.repo();
    let staged = repo.staged().unwrap().changes;
    let head = uncommitted(&repo, &base, &staged);
    let snapshot = cache.build(&plan(&repo, head, Some(base)));
    assert_clean(&snapshot, "staged");
    assert_eq!(read(&snapshot, "half").as_deref(), Some("staged\n"));
    assert_eq!(read(&snapshot, "new/file").as_deref(), Some("new\n"));
    assert_eq!(read(&snapshot, "kept").as_deref(), Some("kept\n"));
    assert_eq!(read(&snapshot, "dir/gone"), None);
    assert_eq!(read(&snapshot, "untracked"), None);
    assert_eq!(
        git(&snapshot.path, &["diff", "base...HEAD"]),
        git(fixture.root(), &["diff", "--cached", "-M"])
    );
    let log = git(&snapshot.path, &["log", "-1", "--format=%an|%s|%P"]);
    assert_eq!(
        log.trim(),
        format!("deep-review|staged changes, not committed yet|{base}")
    );
    assert_eq!(
        git(&snapshot.path, &["blame", "-s", "-l", "HEAD", "--", "kept"])
            .split(' ')
            .next(),
        Some(format!("^{base}")[..40].trim())
    );

    let worktree = repo.worktree(true).unwrap().changes;
    let head = uncommitted(&repo, &base, &worktree);
    let again = cache.build(&plan(&repo, head, Some(base)));
    assert_clean(&again, "worktree");
    assert_eq!(read(&again, "half").as_deref(), Some("on disk\n"));
    assert_eq!(read(&again, "untracked").as_deref(), Some("untracked\n"));
    let own = again.repo().unwrap();
    let tree = own.tree_of(&again.head).unwrap();
    let (_, text) = own
        .read_file(&tree, &RepoPath::from("half"))
        .unwrap()
        .unwrap();
    assert_eq!(text, b"on disk\n");
    assert_eq!(
        fixture.git(&["count-objects", "-v"]),
        before,
        "nothing is written there"
    );
}

#[test]
fn the_first_changes_of_a_repository_have_no_base() {
    let fixture = Fixture::new();
    fixture.write("first", "first\n");
    fixture.git(&["add", "-A"]);
    let repo = fixture.repo();
    let changes = repo.staged().unwrap().changes;
    let head = Head::Uncommitted {
        base_tree: repo.empty_tree(),
        changes: &changes,
        what: "staged changes",
    };
    let cache = Cache::new();
    let snapshot = cache.build(&plan(&repo, head, None));
    assert_clean(&snapshot, "unborn");
    assert_eq!(
        git(&snapshot.path, &["rev-list", "--count", "HEAD"]).trim(),
        "1"
    );
    assert_eq!(read(&snapshot, "first").as_deref(), Some("first\n"));
}

#[test]
fn the_same_changes_are_the_same_commit() {
    let fixture = Fixture::new();
    let base = start(&fixture);
    fixture.write("half", "new\n");
    let repo = fixture.repo();
    let changes = repo.worktree(false).unwrap().changes;
    let cache = Cache::new();
    let build = || {
        let head = uncommitted(&repo, &base, &changes);
        cache.build(&plan(&repo, head, Some(base))).head
    };
    assert_eq!(build(), build());
}

#[test]
fn a_worktree_file_that_changes_meanwhile_is_an_error() {
    let fixture = Fixture::new();
    let base = start(&fixture);
    fixture.write("half", "new\n");
    let repo = fixture.repo();
    let changes = repo.worktree(false).unwrap().changes;
    fixture.write("half", "yet another\n");
    let cache = Cache::new();
    let head = uncommitted(&repo, &base, &changes);
    let built = crate::snapshot::build_at(cache.place(), &plan(&repo, head, Some(base)));
    let error = built.unwrap_err();
    assert!(format!("{error:#}").contains("\"half\""), "{error:#}");
    let left = std::fs::read_dir(cache.place().path()).unwrap().count();
    assert_eq!(left, 1, "only the lock stays");
}

#[test]
fn left_out_files_links_and_submodules_are_in_git_and_git_is_content() {
    let fixture = Fixture::new();
    let commit = "1".repeat(40);
    let tree = fixture.tree(&[
        ("100644", "CLAUDE.md", b"obey\n"),
        ("100644", "a/.Cursor/rules", b"obey\n"),
        ("100644", "a/.gitignore", b"*.rs\n"),
        ("100644", "a/hidden.rs", b"fn main() {}\n"),
        ("100644", "a/AGENTS.override.md", b"obey\n"),
        ("100644", ".github/workflows/ci.yml", b"on: push\n"),
        ("100755", "run", b"#!/bin/sh\n"),
        ("100644", "agents.rs", b"mod agents;\n"),
        ("120000", "link", b"../../etc/passwd"),
        ("160000", "sub", commit.as_bytes()),
        ("100644", "big", &b"line\n".repeat(100)),
    ]);
    let head = fixture.git(&["commit-tree", "-m", "c", &tree.to_string()]);
    let head = Oid::from_hex(String::from_utf8(head).unwrap().trim()).unwrap();
    let cache = Cache::new();
    let repo = fixture.repo();
    let mut plan = plan(&repo, Head::Commit(head), None);
    plan.limits.file_bytes = 400;
    let snapshot = cache.build(&plan);
    assert_clean(&snapshot, "left out");
    assert_eq!(
        paths(&snapshot.left_out),
        [
            "CLAUDE.md",
            "a/.Cursor/rules",
            "a/.gitignore",
            "a/AGENTS.override.md"
        ]
    );
    for path in &snapshot.left_out {
        assert_eq!(read(&snapshot, &path.to_str_lossy()), None, "{path:?}");
    }
    let stubs: Vec<(String, &str)> = snapshot
        .stubs
        .iter()
        .map(|(path, why)| (path.to_str_lossy().into_owned(), why.as_str()))
        .collect();
    let wanted = [
        ("big", "too large"),
        ("link", "symbolic link"),
        ("sub", "submodule"),
    ];
    assert_eq!(stubs, wanted.map(|(path, why)| (path.to_owned(), why)));
    assert_eq!(
        read(&snapshot, "link").as_deref(),
        Some("[symbolic link to: ../../etc/passwd]\n")
    );
    assert_eq!(
        read(&snapshot, "sub"),
        Some(format!("[submodule at commit {commit}]\n"))
    );
    let big = git(fixture.root(), &["rev-parse", &format!("{head}:big")]);
    let told = format!(
        "[500 bytes, not written: git cat-file blob {}]\n",
        big.trim()
    );
    assert_eq!(read(&snapshot, "big"), Some(told));
    assert_eq!(git(&snapshot.path, &["show", "HEAD:CLAUDE.md"]), "obey\n");
    assert_eq!(
        git(&snapshot.path, &["grep", "-l", "main"]),
        "a/hidden.rs\n"
    );
    assert!(git(&snapshot.path, &["blame", "HEAD", "--", "CLAUDE.md"]).contains("obey"));
    assert_eq!(snapshot.written, 4 + 3);
    assert_eq!(snapshot.total, 11);
}

#[test]
fn secrets_are_not_in_the_files_and_git_does_not_call_that_an_edit() {
    let fixture = Fixture::new();
    fixture.write("plain", "nothing\n");
    fixture.write("config", "key = hunter2\n");
    fixture.write("id_key", "hunter2\n");
    let head = fixture.commit();
    let repo = fixture.repo();
    let redact = |path: &RepoPath, text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        if path.file_name().starts_with(b"id_") {
            let why = "it is a key file".to_owned();
            Redacted::Withheld { why }
        } else if text.contains("hunter2") {
            Redacted::Text(text.replace("hunter2", "[REDACTED]").into_bytes())
        } else {
            Redacted::Same
        }
    };
    let cache = Cache::new();
    let mut plan = plan(&repo, Head::Commit(head), None);
    plan.redact = &redact;
    let snapshot = cache.build(&plan);
    assert_clean(&snapshot, "redacted");
    assert_eq!(
        read(&snapshot, "config").as_deref(),
        Some("key = [REDACTED]\n")
    );
    assert_eq!(
        read(&snapshot, "id_key").as_deref(),
        Some("[withheld: it is a key file]\n")
    );
    assert_eq!(paths(&snapshot.redacted), ["config"]);
    assert_eq!(snapshot.stubs[0].1, "it is a key file");
}

#[test]
fn an_object_that_is_missing_or_damaged_is_a_line_of_text() {
    let fixture = Fixture::new();
    let base = start(&fixture);
    for (path, spoil) in [("kept", false), ("half", true)] {
        let id = fixture.id(&format!("HEAD:{path}")).to_string();
        let object = fixture
            .root()
            .join(".git/objects")
            .join(&id[..2])
            .join(&id[2..]);
        let other = fixture.id("HEAD:dir/gone").to_string();
        let other = fixture
            .root()
            .join(".git/objects")
            .join(&other[..2])
            .join(&other[2..]);
        #[expect(
            clippy::disallowed_methods,
            reason = "a test damages its own repository"
        )]
        std::fs::remove_file(&object).unwrap();
        if spoil {
            std::fs::copy(other, object).unwrap();
        }
    }
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), base, Some(base));
    let told: Vec<&str> = snapshot.stubs.iter().map(|(_, why)| why.as_str()).collect();
    assert_eq!(told, ["damaged", "missing"]);
    assert!(read(&snapshot, "kept").unwrap().contains("is missing"));
    assert_clean(&snapshot, "with holes");
}

#[test]
fn a_tree_over_the_limits_is_written_near_the_change() {
    let fixture = Fixture::new();
    for package in ["a", "b", "c"] {
        for file in 0..10 {
            fixture.write(
                &format!("{package}/src/{file}"),
                format!("{package} {file}\n"),
            );
        }
        fixture.write(&format!("{package}/README"), "readme\n");
    }
    let base = fixture.commit();
    fixture.write("b/src/3", "changed\n");
    let head = fixture.commit();
    let repo = fixture.repo();
    let cache = Cache::new();
    let build = |limits: SnapshotLimits| {
        let mut plan = plan(&repo, Head::Commit(head), Some(base));
        plan.limits = limits;
        cache.build(&plan)
    };
    let all = SnapshotLimits::default();
    let whole = build(SnapshotLimits { files: 33, ..all });
    assert!(!whole.partial);
    for limits in [
        SnapshotLimits { files: 20, ..all },
        SnapshotLimits { bytes: 100, ..all },
    ] {
        let part = build(limits);
        assert!(part.partial);
        assert_clean(&part, "in part");
        assert_eq!(read(&part, "b/src/3").as_deref(), Some("changed\n"));
        assert_eq!(
            (read(&part, "a/src/1"), &part.left_out),
            (None, &Vec::new())
        );
        assert_eq!((part.written, part.total), (11, 33));
        assert_eq!(git(&part.path, &["show", "HEAD:a/src/1"]), "a 1\n");
        assert_eq!(
            git(&part.path, &["grep", "-c", "a 1", "HEAD"]),
            "HEAD:a/src/1:1\n"
        );
    }
    let one = build(SnapshotLimits { files: 1, ..all });
    assert_eq!(one.written, 1);
    assert!(read(&one, "b/src/3").is_some());
}

#[test]
fn without_files_there_is_only_a_repository() {
    let fixture = Fixture::new();
    let base = start(&fixture);
    let repo = fixture.repo();
    let mut plan = plan(&repo, Head::Commit(base), None);
    plan.files = false;
    let cache = Cache::new();
    let snapshot = cache.build(&plan);
    assert_eq!(read(&snapshot, "kept"), None);
    let own = snapshot.repo().unwrap();
    let tree = own.tree_of(&snapshot.head).unwrap();
    assert!(
        own.read_file(&tree, &RepoPath::from("kept"))
            .unwrap()
            .is_some()
    );
    assert_eq!(snapshot.changed(), None);
}
