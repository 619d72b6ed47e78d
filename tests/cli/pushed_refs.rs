//! Which refs of a push owe what: deletions, tags, notes, force pushes, URLs, first pushes.

use crate::support::sandbox::{FLAWED, Repo, SOUND, Sandbox};

const ZERO: &str = "0000000000000000000000000000000000000000";

/// Another person's clone of the remote, without a hook.
fn colleague(sandbox: &Sandbox) -> Repo<'_> {
    sandbox
        .call("git")
        .args(["clone", "-q", "remote.git", "colleague"])
        .run()
        .code(0);
    sandbox.existing("colleague")
}

#[test]
fn a_push_that_is_up_to_date_is_silent() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(0);
    let said = repo.push(["-q", "origin", "topic"]).code(0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
}

#[test]
fn deleting_owes_nothing_and_an_update_beside_it_is_reviewed() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    for branch in ["old", "older"] {
        repo.git(["push", "-q", "origin", &format!("main:{branch}")]);
    }
    repo.push(["-q", "origin", ":old"])
        .code(0)
        .says("old: deleted")
        .conceals("PASS");
    assert_eq!(remote.id("old"), "");
    repo.commit_file("cart.js", FLAWED);
    repo.push(["-q", "origin", ":older", "topic"])
        .code(1)
        .says("cart.js:2");
    assert_ne!(remote.id("older"), "");
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn every_pushed_branch_is_looked_at() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("a.js", SOUND);
    repo.git(["checkout", "-q", "-b", "second", "main"]);
    repo.commit_file("b.js", FLAWED);
    for order in [["topic", "second"], ["second", "topic"]] {
        let said = repo
            .push(["-q", "origin"].iter().chain(&order))
            .code(1)
            .says("b.js:2");
        assert!(
            remote.id("topic").is_empty() && remote.id("second").is_empty(),
            "{said}"
        );
    }
}

#[test]
fn two_refs_at_one_tip_are_one_review() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let said = repo
        .push(["-q", "origin", "topic", "topic:twin"])
        .code(1)
        .says("BLOCKED by 1 finding");
    assert_eq!(said.stderr.matches("cart.js:2").count(), 1, "{said}");
    assert_eq!(std::fs::read_dir(repo.store("reviews")).unwrap().count(), 1);
    let receipts = std::fs::read_to_string(repo.store("receipts")).unwrap();
    assert_eq!(receipts.lines().count(), 1, "{receipts}");
}

#[test]
fn a_tag_is_peeled_and_reviewed_if_its_commits_are_new() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.git(["tag", "-a", "-m", "known", "v1", "main"]);
    repo.push(["-q", "origin", "v1"])
        .code(0)
        .says("v1: nothing new");
    repo.commit_file("cart.js", FLAWED);
    repo.git(["tag", "-a", "-m", "new", "v2"]);
    repo.git(["tag", "light"]);
    for tag in ["v2", "light"] {
        repo.push(["-q", "origin", tag]).code(1).says("cart.js:2");
        assert_eq!(remote.id(tag), "");
    }
}

#[test]
fn tags_of_files_and_trees_and_notes_pass_without_review() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.git(["tag", "a-blob", "HEAD:README.md"]);
    repo.git(["tag", "-a", "-m", "tree", "a-tree", "HEAD^{tree}"]);
    repo.git(["notes", "add", "-m", "a note", "HEAD"]);
    repo.push(["-q", "origin", "a-blob", "a-tree"])
        .code(0)
        .says("a-blob: no commit, not reviewed");
    repo.push(["-q", "origin", "refs/notes/commits"])
        .code(0)
        .says("notes, not reviewed")
        .conceals("PASS");
}

#[test]
fn what_came_from_upstream_is_not_reviewed_again() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(0);
    let other = colleague(&sandbox);
    other.commit_file("upstream.js", FLAWED);
    other.git(["push", "-q", "origin", "main"]);
    repo.git(["fetch", "-q"]);
    repo.git(["branch", "merged"]);
    repo.git(["rebase", "-q", "origin/main"]);
    repo.push(["-q", "--force", "origin", "topic"])
        .code(0)
        .conceals("upstream.js");
    assert_eq!(remote.id("topic"), repo.id("topic"));
    repo.git(["checkout", "-q", "merged"]);
    repo.git(["merge", "-q", "--no-edit", "origin/main"]);
    repo.push(["-q", "origin", "merged"])
        .code(0)
        .conceals("upstream.js");
}

#[test]
fn an_unknown_remote_tip_is_said_and_no_error() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(0);
    let other = colleague(&sandbox);
    other.git(["checkout", "-q", "topic"]);
    other.commit_file("more.js", SOUND);
    other.git(["push", "-q", "origin", "topic"]);
    repo.commit_file("mine.js", SOUND);
    let said = repo.push(["-q", "origin", "topic"]).code(1);
    assert!(
        said.stderr.contains("fetch first") && !said.stderr.contains("bad object"),
        "{said}"
    );
    repo.push(["-q", "--force", "origin", "topic"])
        .code(0)
        .says("PASS");
    assert_eq!(remote.id("topic"), repo.id("topic"));
}

#[test]
fn a_push_by_url_is_compared_with_the_remote_it_names() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("old.js", FLAWED);
    repo.git(["push", "-q", "--no-verify", "origin", "main"]);
    repo.git(["checkout", "-q", "-b", "next"]);
    repo.commit_file("cart.js", SOUND);
    sandbox
        .call("git")
        .args(["clone", "-q", "--bare", "remote.git", "elsewhere.git"])
        .run()
        .code(0);
    for url in ["../remote.git", "../elsewhere.git"] {
        repo.push(["-q", url, "next"])
            .code(0)
            .says("PASS: 1 file")
            .conceals("old.js");
    }
}

#[test]
fn main_is_gated_although_the_remote_has_the_commits() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.push(["-q", "--no-verify", "origin", "topic"]).code(0);
    let before = remote.id("main");
    repo.push(["-q", "origin", "topic:main"])
        .code(1)
        .says("cart.js:2");
    repo.push(["-q", "origin", "topic:topic2"])
        .code(0)
        .says("nothing new");
    assert_eq!(remote.id("main"), before);
}

#[test]
fn only_what_was_read_is_called_passed() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("bypassed.js", FLAWED);
    repo.push(["-q", "--no-verify", "origin", "topic"]).code(0);
    repo.write("logo.png", b"\x89PNG\0\0");
    repo.commit_file("cart.js", SOUND);
    let said = repo.push(["-q", "origin", "topic"]).code(0);
    let wanted =
        "PASS: 1 file by the built-in rules; not read: 1 only listed, 1 on the remote already";
    assert!(said.stderr.contains(wanted), "{said}");
}

#[test]
fn credentials_in_a_url_go_nowhere() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    let token = ["hush", "hush", "42"].concat();
    let url = format!("https://ada:{token}@shop.example/remote.git");
    repo.git(["config", "url.../remote.git.insteadOf", &url]);
    repo.git(["config", "remote.origin.url", &url]);
    repo.commit_file("cart.js", FLAWED);
    for destination in [url.as_str(), "origin"] {
        repo.push(["-q", "--porcelain", destination, "topic"])
            .code(1)
            .says("cart.js:2")
            .conceals(&token);
    }
    let line = format!(
        "refs/heads/topic {} refs/heads/topic {ZERO}\n",
        repo.id("topic")
    );
    repo.hook(&url, &url, &line)
        .run()
        .code(1)
        .says("cart.js:2")
        .conceals(&token);
    repo.hook(&url, &url, "rubbish\n")
        .run()
        .code(2)
        .conceals(&token);
    repo.hook(&url, &url, &line)
        .env("DEEP_REVIEW_SKIP", "why")
        .run()
        .code(0)
        .conceals(&token);
    for words in [
        &["status"][..],
        &["explain"],
        &["-v"],
        &["findings"],
        &["--format", "json"],
    ] {
        repo.deep_review(words).conceals(&token);
    }
    let kept = crate::support::sandbox::contents(&repo.store(""));
    assert!(!kept.is_empty());
    for (path, bytes) in kept {
        assert!(
            !String::from_utf8_lossy(&bytes).contains(&token),
            "{}",
            path.display()
        );
    }
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn any_way_to_name_a_commit_finds_the_right_one() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.write("cart.js", SOUND);
    let sound = repo.commit("two words");
    repo.commit_file("cart.js", FLAWED);
    for (source, held) in [
        ("HEAD", true),
        (":/two words", false),
        (sound.as_str(), false),
        ("topic~1", false),
    ] {
        let said = repo.push(["-q", "origin", &format!("{source}:refs/heads/there")]);
        assert_eq!(said.code, Some(i32::from(held)), "{source}: {said}");
        assert_eq!(
            remote.id("there"),
            if held { "" } else { sound.as_str() },
            "{source}"
        );
        repo.push(["-q", "--no-verify", "origin", ":there"]);
        // The next way must find its commits new again.
        repo.git(["update-ref", "-d", "refs/remotes/origin/there"]);
    }
}

#[test]
fn the_first_push_of_a_repository_is_reviewed_from_nothing() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("empty.git");
    let repo = sandbox.repo();
    repo.git(["remote", "add", "origin", "../empty.git"]);
    repo.deep_review(["install"]).code(0);
    repo.commit_file("cart.js", FLAWED);
    repo.commit_file("shop.js", SOUND);
    repo.push(["-q", "origin", "main"])
        .code(1)
        .says("cart.js:2");
    assert_eq!(remote.refs(), "");
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "main"])
        .code(0)
        .says("PASS: 2 files");
}

#[test]
fn an_orphan_branch_is_reviewed_from_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.git(["checkout", "-q", "--orphan", "pages"]);
    repo.commit_file("page.js", FLAWED);
    repo.push(["-q", "origin", "pages"])
        .code(1)
        .says("page.js:2");
}

#[test]
fn sha256_repositories_are_reviewed_alike() {
    let sandbox = Sandbox::new();
    let git = |words: &[&str]| sandbox.call("git").args(words).run().code(0);
    git(&[
        "init",
        "-q",
        "--bare",
        "--object-format=sha256",
        "remote.git",
    ]);
    git(&["init", "-q", "--object-format=sha256", "work"]);
    let (repo, remote) = (sandbox.existing("work"), sandbox.existing("remote.git"));
    repo.git(["remote", "add", "origin", "../remote.git"]);
    repo.deep_review(["install"]).code(0);
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "main"]).code(0).says("PASS");
    repo.git(["checkout", "-q", "-b", "topic"]);
    repo.commit_file("cart.js", FLAWED);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
    repo.commit_file("cart.js", SOUND.replace("length", "size"));
    repo.push(["-q", "origin", "topic"]).code(0);
    repo.push(["-q", "origin", ":topic"]).code(0);
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn a_shallow_clone_says_so_and_reviews_the_change() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("old.js", FLAWED);
    repo.commit_file("older.js", SOUND);
    repo.git(["push", "-q", "--no-verify", "origin", "main"]);
    let url = format!("file://{}", sandbox.path("remote.git").display());
    sandbox
        .call("git")
        .args(["clone", "-q", "--depth=1", &url, "shallow"])
        .run()
        .code(0);
    let shallow = sandbox.existing("shallow");
    shallow.deep_review(["install"]).code(0);
    shallow.git(["checkout", "-q", "-b", "topic"]);
    shallow.commit_file("cart.js", SOUND);
    let said = shallow
        .push(["-q", "origin", "topic"])
        .code(0)
        .says("shallow clone")
        .conceals("old.js");
    assert!(said.stderr.contains("PASS: 1 file"), "{said}");
}

#[test]
fn two_push_urls_are_reviewed_once() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    sandbox
        .call("git")
        .args(["clone", "-q", "--bare", "remote.git", "mirror.git"])
        .run()
        .code(0);
    for url in ["../remote.git", "../mirror.git"] {
        repo.git(["config", "--add", "remote.origin.pushurl", url]);
    }
    let tip = repo.commit_file("cart.js", SOUND);
    let said = repo.push(["-q", "origin", "topic"]).code(0);
    let receipts = std::fs::read_to_string(repo.store("receipts")).unwrap();
    assert_eq!(receipts.lines().count(), 1, "{said}");
    assert_eq!(remote.id("topic"), tip);
    assert_eq!(sandbox.existing("mirror.git").id("topic"), tip);
}
