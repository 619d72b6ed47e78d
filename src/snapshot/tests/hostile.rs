//! Trees whose names want out, repositories that name programs, and commands that destroy.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Cache, assert_clean, attempt, git, paths, put};
use crate::diff::Oid;
use crate::git::fixture::Fixture;

/// A commit of a tree that no porcelain would write.
fn commit(fixture: &Fixture, tree: &Oid) -> Oid {
    let tree = tree.to_string();
    let id = fixture.git(&["commit-tree", "-m", "hostile", &tree]);
    Oid::from_hex(String::from_utf8(id).unwrap().trim()).unwrap()
}

/// Every file below a directory with its content, links named.
fn everything(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            let name = entry
                .path()
                .strip_prefix(root)
                .unwrap()
                .display()
                .to_string();
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_symlink() {
                found.insert(name, b"link".to_vec());
            } else {
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

#[test]
fn no_name_of_a_tree_leads_out_or_over_anything() {
    let fixture = Fixture::new();
    let long = [b"n".repeat(256)].concat();
    let out: Vec<&[u8]> = vec![
        b"../escaped",
        b"sub/../../escaped",
        b"./here",
        b".git/config",
        b".GiT/config",
        b".g\xe2\x80\x8cit/config",
        b"git~1/config",
        b".git./hooks/post-checkout",
        b"deep/.git/config",
        b".deep-review/brief.md",
        &long,
    ];
    let mut entries: Vec<(&str, &[u8], &[u8])> = out
        .iter()
        .map(|path| ("100644", *path, &b"planted\n"[..]))
        .collect();
    entries.push(("100644", b"ok.txt", b"fine\n"));
    entries.push(("120000", b"link", b"/etc"));
    let tree = fixture.raw_tree(&entries);
    let head = commit(&fixture, &tree);
    let cache = Cache::new();
    let before = everything(cache.0.path());
    let snapshot = cache.of(&fixture.repo(), head, None);
    let tree = everything(&snapshot.path);
    let planted = tree
        .iter()
        .filter(|(_, content)| content.starts_with(b"planted"));
    assert_eq!(planted.count(), 0);
    assert!(
        tree.values().all(|content| content != b"link"),
        "no link is made"
    );
    assert_eq!(tree["ok.txt"], b"fine\n");
    assert_eq!(tree["link"], b"[symbolic link to: /etc]\n");
    assert_eq!(snapshot.left_out.len(), out.len());
    let config = String::from_utf8(tree[".git/config"].clone()).unwrap();
    assert!(config.contains("hooksPath = /dev/null"));
    drop(snapshot);
    assert!(before.is_empty());
    let after = everything(cache.0.path());
    assert_eq!(after.keys().collect::<Vec<_>>(), ["snapshots/lock"]);
}

#[test]
fn a_file_and_a_directory_of_one_name_and_twins_in_case_do_no_harm() {
    let fixture = Fixture::new();
    let blob = |content: &[u8]| {
        let hex = fixture.feed(&["hash-object", "-w", "--stdin"], content);
        Oid::from_hex(String::from_utf8(hex).unwrap().trim()).unwrap()
    };
    let below = fixture.tree(&[("100644", "inner", b"in a directory\n")]);
    let line = |mode: &str, name: &str, id: &Oid| {
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", id.as_bytes()].concat()
    };
    let tree = [
        line("100644", "Both", &blob(b"upper\n")),
        line("120000", "a", &blob(b"/etc")),
        line("40000", "a", &below),
        line("100644", "both", &blob(b"lower\n")),
        line("100644", "twice", &blob(b"first\n")),
        line("100644", "twice", &blob(b"second\n")),
    ]
    .concat();
    let hex = fixture.feed(
        &["hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        &tree,
    );
    let tree = Oid::from_hex(String::from_utf8(hex).unwrap().trim()).unwrap();
    let head = commit(&fixture, &tree);
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, None);
    let files = everything(&snapshot.path);
    assert_eq!(files["a/inner"], b"in a directory\n");
    assert_eq!(files["twice"], b"first\n");
    let stands: Vec<_> = ["Both", "both"]
        .iter()
        .filter_map(|name| files.get(*name))
        .collect();
    assert!(!stands.is_empty());
    assert_eq!(paths(&snapshot.left_out)[..1], ["a"]);
    assert_eq!(snapshot.left_out.len(), 3 - stands.len());
}

#[test]
fn a_repository_among_the_files_is_not_taken_for_one() {
    let fixture = Fixture::new();
    let mark = fixture.root().parent().unwrap().join("fired");
    for (name, content) in [
        ("HEAD", "ref: refs/heads/main\n".to_owned()),
        (
            "config",
            format!(
                "[core]\n\tfsmonitor = touch {}\n\tbare = false\n\tworktree = .\n",
                mark.display()
            ),
        ),
        ("objects/keep", String::new()),
        ("refs/keep", String::new()),
    ] {
        fixture.write(&format!("nested/{name}"), content);
    }
    fixture.write("plain/HEAD", "just a file\n");
    let head = fixture.commit();
    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, None);
    assert_eq!(paths(&snapshot.left_out), ["nested/HEAD"]);
    let nested = snapshot.path.join("nested");
    let top = git(&nested, &["rev-parse", "--show-toplevel"]);
    assert_eq!(Path::new(top.trim()), snapshot.path);
    git(&nested, &["status"]);
    assert_eq!(
        git(&nested, &["log", "--format=%H"]).trim(),
        head.to_string()
    );
    assert!(!mark.exists());
    assert_clean(&snapshot, "nested");
}

/// Programs in every place where a repository can name one; each leaves a mark.
fn set_traps(fixture: &Fixture, mark: &Path) {
    let trap = fixture.root().parent().unwrap().join("trap.sh");
    put(
        &trap,
        &format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", mark.display()),
    );
    executable(&trap);
    let trap = trap.to_str().unwrap();
    let shell = format!("!{trap}");
    for (key, value) in [
        ("core.fsmonitor", trap),
        ("core.pager", trap),
        ("core.editor", trap),
        ("core.sshCommand", trap),
        ("core.askPass", trap),
        ("diff.external", trap),
        ("diff.trap.command", trap),
        ("diff.trap.textconv", trap),
        ("filter.trap.clean", trap),
        ("filter.trap.smudge", trap),
        ("filter.trap.process", trap),
        ("gpg.program", trap),
        ("log.showSignature", "true"),
        ("commit.gpgSign", "true"),
        ("sequence.editor", trap),
        ("credential.helper", &shell),
        ("alias.st", &shell),
        ("merge.trap.driver", trap),
        ("interactive.diffFilter", trap),
    ] {
        fixture.git(&["config", key, value]);
    }
    for hook in [
        "pre-commit",
        "post-commit",
        "commit-msg",
        "prepare-commit-msg",
        "post-checkout",
        "post-merge",
        "post-rewrite",
        "pre-rebase",
        "reference-transaction",
        "post-index-change",
        "pre-auto-gc",
        "applypatch-msg",
        "pre-merge-commit",
    ] {
        let path = fixture.root().join(".git/hooks").join(hook);
        put(&path, &format!("#!/bin/sh\nexec {trap} {hook}\n"));
        executable(&path);
    }
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

const READING: [&[&str]; 14] = [
    &["status"],
    &["log", "-p", "--show-signature", "HEAD"],
    &["log", "--graph", "--stat"],
    &["show", "HEAD"],
    &["diff", "--ext-diff", "--textconv", "base...HEAD"],
    &["diff", "HEAD~1"],
    &["blame", "HEAD", "--", "a.txt"],
    &["grep", "--textconv", "two"],
    &["grep", "two", "HEAD"],
    &["cat-file", "--filters", "HEAD:a.txt"],
    &["archive", "--format=tar", "-o", "/dev/null", "HEAD"],
    &["describe", "--always"],
    &["ls-files", "-s"],
    &["fsck"],
];

const DESTRUCTIVE: [&[&str]; 24] = [
    &["commit", "--allow-empty", "-m", "mine"],
    &["reset", "--hard", "base"],
    &["checkout", "-f", "base"],
    &["checkout", "-f", "review"],
    &["branch", "-D", "base"],
    &["branch", "other"],
    &["tag", "t"],
    &["stash", "push", "--include-untracked"],
    &["update-ref", "refs/heads/main", "HEAD"],
    &["notes", "add", "-m", "note"],
    &["replace", "HEAD", "HEAD~1"],
    &["replace", "-d", "HEAD"],
    &["rm", "-rfq", "--", "a.txt"],
    &["add", "-A"],
    &["commit", "-m", "all"],
    &["repack", "-ad"],
    &["prune", "--expire=now"],
    &["reflog", "expire", "--expire=now", "--all"],
    &["gc", "--prune=now", "--aggressive"],
    &["pack-refs", "--all"],
    &["config", "core.hooksPath", "/tmp"],
    &["worktree", "add", "--detach", "elsewhere"],
    &["clean", "-fdx"],
    &["filter-branch", "-f", "--msg-filter", "cat", "HEAD"],
];

#[test]
fn nothing_the_repository_names_is_started_and_nothing_in_it_is_changed() {
    let fixture = Fixture::new();
    fixture.write(
        ".gitattributes",
        "* diff=trap filter=trap merge=trap\n*.bin -diff\n",
    );
    fixture.write("a.txt", "one\n");
    fixture.write("b.bin", "text all the same\n");
    let base = fixture.commit();
    fixture.write("a.txt", "one\ntwo\n");
    fixture.write("b.bin", "text, changed\n");
    let head = fixture.commit();
    let mark = fixture.root().parent().unwrap().join("fired");
    set_traps(&fixture, &mark);
    let before = everything(fixture.root());

    let cache = Cache::new();
    let snapshot = cache.of(&fixture.repo(), head, Some(base));
    assert!(!mark.exists(), "built");
    for command in READING {
        attempt(&snapshot.path, command).unwrap_or_else(|said| panic!("{command:?}: {said}"));
        assert!(!mark.exists(), "{command:?}");
    }
    assert_eq!(snapshot.changed(), None);
    let diff = git(&snapshot.path, &["diff", "base...HEAD"]);
    assert!(
        diff.contains("+text, changed"),
        "attributes hide nothing: {diff}"
    );
    assert_eq!(everything(fixture.root()), before, "reading");

    let mut done = 0;
    for command in DESTRUCTIVE {
        done += usize::from(attempt(&snapshot.path, command).is_ok());
        assert!(!mark.exists(), "{command:?}");
    }
    assert!(done >= 15, "only {done} did anything");
    assert!(snapshot.changed().is_some());
    assert_eq!(everything(fixture.root()), before, "destroying");
    drop(snapshot);
    assert_eq!(everything(fixture.root()), before, "removed");
}
