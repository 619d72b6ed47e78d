//! Odd repositories and hostile ones: replaced objects, names that are no text, links, pipes, submodules.

use std::fs;

use crate::support::sandbox::{FLAWED, PROGRAM, SOUND, Sandbox, contents, read_and_remembered};

#[test]
fn replaced_objects_deceive_nobody() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    let (sound_blob, sound_commit) = (repo.id("HEAD:cart.js"), repo.id("HEAD"));
    repo.commit_file("cart.js", FLAWED);
    let (blob, tree, commit) = (
        repo.id("HEAD:cart.js"),
        repo.id("HEAD^{tree}"),
        repo.id("HEAD"),
    );
    for (what, by) in [
        (blob, sound_blob),
        (tree, repo.id(&format!("{sound_commit}^{{tree}}"))),
        (commit, sound_commit),
    ] {
        repo.git(["replace", &what, &by]);
        repo.deep_review(["--fresh"]).code(1).prints("cart.js:2");
        repo.push(["-q", "origin", "refs/heads/topic"])
            .code(1)
            .says("cart.js:2");
        repo.git(["replace", "-d", &what]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_are_no_text_are_reviewed_alike() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write(OsStr::from_bytes(b"caf\xe9.js"), FLAWED);
    repo.commit("Latin");
    repo.git([OsStr::new("branch"), OsStr::from_bytes(b"caf\xe9")]);
    let full = OsStr::from_bytes(b"refs/heads/caf\xe9");
    repo.push([OsStr::new("-q"), OsStr::new("origin"), full])
        .code(1)
        .says("BLOCKED by 1 finding");
    repo.deep_review([""; 0]).code(1);
    repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "why"])
        .code(0);
    repo.push([OsStr::new("-q"), OsStr::new("origin"), full])
        .code(0)
        .says("PASS");
    assert_eq!(repo.findings().len(), 1);
}

#[test]
fn a_mirror_push_owes_what_is_new_and_does_not_stumble() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.git(["notes", "add", "-m", "a note"]);
    repo.git(["tag", "-a", "-m", "one", "v1"]);
    repo.git(["tag", "blob", "HEAD:cart.js"]);
    repo.push(["-q", "--mirror", "origin"]).code(0).says("PASS");
    assert_eq!(remote.id("v1^{commit}"), repo.id("HEAD"));
    repo.commit_file("cart.js", FLAWED);
    let before = remote.refs();
    repo.push(["-q", "--mirror", "origin"])
        .code(1)
        .says("cart.js:2");
    assert_eq!(remote.refs(), before);
}

#[test]
fn fifty_branches_are_one_short_answer() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    let stream = (0..50).fold(String::new(), |stream, n| {
        let length = FLAWED.len();
        format!(
            "{stream}commit refs/heads/branch-{n}\ncommitter Ada <ada@example.org> 0 +0000\n\
             data 5\nWrite\nfrom refs/heads/main^0\n\
             M 100644 inline cart-{n}.js\ndata {length}\n{FLAWED}\n"
        )
    });
    repo.call("git")
        .args(["fast-import", "--quiet"])
        .input(stream)
        .run()
        .code(0);
    let said = repo
        .push(["-q", "--all", "origin"])
        .code(1)
        .says("BLOCKED by 50 findings");
    assert!(said.stderr.lines().count() <= 41, "{said}");
}

#[test]
fn what_was_staged_and_read_is_remembered_once_committed() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write("cart.js", FLAWED);
    repo.git(["add", "-A"]);
    // What the worktree has besides is not staged.
    repo.write("cart.js", SOUND);
    repo.deep_review(["--staged"]).code(1).prints("cart.js:2");
    repo.git(["commit", "-q", "-m", "Commit what is staged"]);
    assert_eq!(read_and_remembered(&repo.review()), (0, 1));
}

#[test]
fn deletions_modes_and_links_are_counted_and_pass() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.git(["checkout", "-q", "main"]);
    repo.write("old.js", FLAWED);
    repo.write("run.sh", "#!/bin/sh\n");
    repo.commit("More");
    repo.git(["push", "-q", "--no-verify", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic"]);
    repo.git(["rm", "-q", "old.js"]);
    repo.git(["update-index", "--chmod=+x", "run.sh"]);
    #[cfg(unix)]
    std::os::unix::fs::symlink("run.sh", repo.path("link")).unwrap();
    repo.git(["add", "link"]);
    repo.git(["commit", "-q", "-m", "All sorts"]);
    let report = repo.review();
    let units = report["targets"][0]["units"].as_array().unwrap();
    assert_eq!(units.len(), 3, "{report}");
    assert_eq!(report["verdict"]["answer"], "pass");
}

#[test]
fn a_submodule_is_a_pointer_to_its_super_and_a_repository_of_its_own() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    let part = sandbox.repo_called("part");
    part.commit_file("cart.js", SOUND);
    repo.git(["submodule", "--quiet", "add", "../part", "part"]);
    repo.commit("Take the part");
    repo.deep_review([""; 0]).code(0).prints("PASS");
    let inner = sandbox.existing("work/part");
    inner.git(["checkout", "-q", "-b", "topic"]);
    inner.deep_review(["install"]).code(0);
    inner.commit_file("cart.js", FLAWED);
    inner
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
    repo.commit("Move the pointer");
    repo.push(["-q", "origin", "topic"])
        .code(0)
        .conceals("cart.js");
    assert!(repo.path(".git/modules/part/deep-review/receipts").exists());
}

#[test]
fn pushes_at_the_same_time_get_the_same_answer() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let pushes: Vec<_> = (0..4)
        .map(|n| {
            repo.call("git")
                .args(["push", "-q", "origin", &format!("topic:copy-{n}")])
                .start()
        })
        .collect();
    for push in pushes {
        push.finish()
            .code(1)
            .says("cart.js:2")
            .conceals("not remembered");
    }
    assert!(!remote.refs().contains("copy"));
}

#[test]
#[cfg(unix)]
fn a_report_can_go_into_a_pipe() {
    use std::os::unix::fs::FileTypeExt;

    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let script = format!(
        "mkfifo ../pipe; timeout 20 cat ../pipe >../text & timeout 20 '{PROGRAM}' -o ../pipe; echo $? >../code; wait"
    );
    repo.call("sh").args(["-c", &script]).run();
    assert_eq!(fs::read_to_string(sandbox.path("code")).unwrap(), "1\n");
    let text = fs::read_to_string(sandbox.path("text")).unwrap();
    assert!(text.contains("cart.js:2"), "{text}");
    assert!(
        sandbox
            .path("pipe")
            .metadata()
            .unwrap()
            .file_type()
            .is_fifo()
    );
}

#[test]
fn the_demonstration_ends_well_and_cleans_up() {
    let sandbox = Sandbox::new();
    let said = sandbox
        .deep_review(["demo"])
        .code(0)
        .prints("BLOCKED by 1 finding")
        .prints("PASS: 1 file");
    assert!(said.stderr.is_empty(), "{said}");
    assert!(contents(&sandbox.path("tmp")).is_empty());
    for dir in ["home", "config", "state"] {
        assert!(contents(&sandbox.path(dir)).is_empty(), "{dir}");
    }
}

#[test]
fn variables_of_git_from_outside_lead_nowhere_else() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    for name in [
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_QUARANTINE_PATH",
    ] {
        let said = repo.call(PROGRAM).env(name, sandbox.path("tmp")).run();
        assert_eq!(said.code, Some(2), "{name}: {said}");
        assert!(said.stderr.contains(name), "{said}");
    }
    let said = repo
        .call(PROGRAM)
        .env("GIT_NAMESPACE", "other")
        .env("GIT_REPLACE_REF_BASE", "refs/heads/")
        .run();
    assert!(matches!(said.code, Some(1 | 2)), "{said}");
}
