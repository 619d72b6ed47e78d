//! Where a push may happen: any directory, worktree, name and terminal; and what it leaves untouched.

use std::fs;
use std::path::Path;

use crate::support::sandbox::{FLAWED, PROGRAM, SOUND, Sandbox, contents};

fn config(repo: &crate::support::sandbox::Repo<'_>) -> Vec<u8> {
    fs::read(repo.path(".git/config")).unwrap()
}

#[test]
fn the_pushed_commits_are_reviewed_and_nothing_of_the_worktree_changes() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.git(["checkout", "-q", "main"]);
    repo.write("cart.js", SOUND);
    repo.write("staged.js", SOUND);
    repo.git(["add", "staged.js"]);
    repo.write("staged.js", FLAWED);
    repo.write("untracked.js", FLAWED);
    let worktree = || {
        let mut all = contents(&repo.path(""));
        all.retain(|(path, _)| !path.starts_with(repo.path(".git")) || path.ends_with("index"));
        all
    };
    let before = worktree();
    let said = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
    assert!(
        !said.stderr.contains("untracked.js") && !said.stderr.contains("staged.js"),
        "{said}"
    );
    assert_eq!(worktree(), before);
    assert_eq!(repo.git(["stash", "list"]), "");
}

#[test]
fn a_push_from_a_subdirectory_works() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("deep/down/cart.js", FLAWED);
    let before = config(&repo);
    let push = repo.call("git").args(["push", "-q", "origin", "topic"]);
    push.within(repo.path("deep/down"))
        .run()
        .code(1)
        .says("deep/down/cart.js:2");
    let by_hand = repo.call(PROGRAM).within(repo.path("deep/down")).run();
    by_hand.code(1).prints("deep/down/cart.js:2");
    assert_eq!(config(&repo), before);
}

#[test]
fn a_push_from_a_linked_worktree_shares_the_store() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.git(["worktree", "add", "-q", "../linked", "-b", "side"]);
    let linked = sandbox.existing("linked");
    linked.commit_file("cart.js", FLAWED);
    let before = config(&repo);
    linked
        .push(["-q", "origin", "side"])
        .code(1)
        .says("cart.js:2");
    linked
        .deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "known"])
        .code(0);
    assert_eq!(repo.findings().len(), 1);
    linked.push(["-q", "origin", "side"]).code(0);
    assert_eq!(config(&repo), before);
    assert_eq!(repo.git(["config", "core.bare"]), "false");
}

#[test]
fn a_push_from_elsewhere_with_git_dir_works() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let before = config(&repo);
    let git_dir = format!("--git-dir={}", repo.path(".git").display());
    let work_tree = format!("--work-tree={}", repo.path("").display());
    for words in [
        &[git_dir.as_str()][..],
        &[git_dir.as_str(), work_tree.as_str()],
    ] {
        let remote = sandbox.path("remote.git");
        let push = sandbox
            .call("git")
            .within("/")
            .args(words)
            .args(["push", "-q"]);
        push.arg(remote)
            .arg("topic")
            .run()
            .code(1)
            .says("cart.js:2");
        let by_hand = sandbox
            .call("git")
            .within("/")
            .args(words)
            .arg("deep-review")
            .run();
        by_hand.code(1).prints("cart.js:2");
    }
    assert_eq!(config(&repo), before);
}

#[test]
fn a_repository_that_is_only_named_has_its_files_in_the_current_directory() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.write("shop.js", SOUND);
    repo.commit("Sell");
    let files = sandbox.path("files");
    fs::create_dir(&files).unwrap();
    let init = ["init", "-q", "--bare", "repo.git"];
    sandbox.call("git").args(init).run().code(0);
    let unlike = sandbox.existing("repo.git");
    unlike.git(["config", "core.bare", "false"]);
    for (git_dir, file) in [("../work/.git", "shop.js"), ("../repo.git", "cart.js")] {
        let call = |program: &str, words: &[&str]| {
            let call = sandbox.call(program).within(&files);
            call.env("GIT_DIR", git_dir).args(words).run()
        };
        let place = files.join(file);
        crate::support::sandbox::write(&place, SOUND);
        call("git", &["add", file]).code(0);
        call("git", &["commit", "-q", "--allow-empty", "-m", file]).code(0);
        crate::support::sandbox::write(&place, FLAWED);
        let theirs = call("git", &["diff", "HEAD"]).code(0).stdout;
        assert!(theirs.contains("+  debugger;"), "{theirs}");
        assert_eq!(call(PROGRAM, &["diff", "--worktree"]).stdout, theirs);
        call(PROGRAM, &["--worktree"])
            .code(1)
            .prints(&format!("{file}:2"));
    }

    // In a hook of a commit that names the repository.
    let hook = unlike.path("hooks/pre-commit");
    let script = format!("#!/bin/sh\nexec '{PROGRAM}' diff --worktree >seen\n");
    crate::support::sandbox::write(&hook, script);
    sandbox.call("chmod").arg("+x").arg(&hook).run().code(0);
    let commit = ["--git-dir=../repo.git", "commit", "-qam", "Sell more"];
    let call = sandbox.call("git").within(&files).args(commit);
    call.run().code(0);
    let seen = fs::read_to_string(files.join("seen")).unwrap();
    assert!(seen.contains("+  debugger;"), "{seen}");
}

#[test]
fn a_push_from_a_bare_repository_works() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("cart.js", FLAWED);
    sandbox
        .call("git")
        .args(["clone", "-q", "--bare", "work", "bare.git"])
        .run()
        .code(0);
    let bare = sandbox.existing("bare.git");
    bare.deep_review(["install"]).code(0);
    let before = fs::read(bare.path("config")).unwrap();
    bare.push(["-q", "../remote.git", "topic"])
        .code(1)
        .says("cart.js:2");
    assert_eq!(fs::read(bare.path("config")).unwrap(), before);
    assert!(bare.path("deep-review/receipts").exists());
    bare.deep_review(["init"])
        .code(2)
        .says("the repository is bare");
}

#[test]
fn names_with_quotes_spaces_and_umlauts_are_just_names() {
    let sandbox = Sandbox::new();
    let remote = sandbox.bare("it's a remote.git");
    let repo = sandbox.repo_called("my \"shop\" $(touch hooked) ü");
    repo.git(["remote", "add", "origin", "../it's a remote.git"]);
    repo.deep_review(["install"]).code(0);
    repo.commit_file("a b.js", SOUND);
    repo.push(["-q", "origin", "main"]).code(0);
    for branch in [
        "it's-\"quoted\"",
        "$(touch${IFS}pwned)",
        "`touch${IFS}pwned`",
        "f;touch${IFS}pwned;",
        "grün/✓",
        "-dash&",
    ] {
        let full = format!("refs/heads/{branch}");
        repo.git(["update-ref", &full, "main"]);
        repo.git(["symbolic-ref", "HEAD", &full]);
        // Equal commits would have equal ids, and so be on the remote already.
        repo.write("branch.txt", branch);
        repo.commit_file("sp ace/naïve \"q\".js", FLAWED);
        let said = repo.push(["-q", "origin", &full]).code(1);
        assert!(said.stderr.contains("sp ace/na"), "{said}");
        assert_eq!(remote.id(&full), "");
        repo.commit_file("sp ace/naïve \"q\".js", SOUND);
        repo.push(["-q", "origin", &full]).code(0);
        assert_eq!(remote.id(&full), repo.id("HEAD"), "{branch}");
    }
    for (path, _) in contents(&sandbox.path("")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name != "pwned" && name != "hooked", "{}", path.display());
    }
}

#[test]
fn colour_goes_by_the_conventions_and_nothing_is_ever_asked() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    for (variables, colour) in [
        (&[][..], false),
        (&[("CI", "true")], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "0")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], true),
        (&[("CLICOLOR_FORCE", "1"), ("CI", "1")], true),
    ] {
        let push = repo.call("git").args(["push", "-q", "origin", "topic"]);
        let said = variables
            .iter()
            .fold(push, |push, (name, value)| push.env(name, value))
            .run()
            .code(1);
        assert_eq!(
            said.stderr.contains('\x1b'),
            colour,
            "{variables:?}: {said}"
        );
    }
    for (word, colour) in [("always", true), ("never", false), ("auto", false)] {
        let said = repo
            .call(PROGRAM)
            .args(["--color", word])
            .env("TERM", "xterm")
            .run();
        assert_eq!(said.stdout.contains('\x1b'), colour, "{word}: {said}");
    }
}

#[test]
fn a_closed_standard_error_is_no_panic() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let script = format!("'{PROGRAM}' 2>&- >&-; echo $? >../code");
    repo.call("sh").args(["-c", &script]).run().code(0);
    assert_eq!(fs::read_to_string(sandbox.path("code")).unwrap(), "1\n");
    let script = format!("'{PROGRAM}' findings --all --format json | head -c 1");
    repo.call("sh")
        .args(["-c", &script])
        .run()
        .code(0)
        .conceals("panicked");
}

#[test]
fn installing_twice_leaves_one_executable_hook() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    repo.deep_review(["install"]).code(0).says("installed ");
    let hook = repo.path(".git/hooks/pre-push");
    let first = fs::read(&hook).unwrap();
    repo.deep_review(["install"])
        .code(0)
        .says("already installed");
    assert_eq!(fs::read(&hook).unwrap(), first);
    assert!(first.starts_with(b"#!/bin/sh\n") && !first.contains(&b'\r'));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(hook.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }
    repo.deep_review(["uninstall"]).code(0).says("removed ");
    assert!(!hook.exists());
    repo.deep_review(["uninstall"])
        .code(0)
        .says("no hook of deep-review");
}

#[test]
fn a_push_is_held_with_the_remedy_when_the_program_is_gone() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.cloned();
    let program = sandbox.path("it's here/deep-review");
    fs::create_dir(program.parent().unwrap()).unwrap();
    sandbox.copy(PROGRAM, &program);
    repo.call(&program).arg("install").run().code(0);
    repo.commit_file("cart.js", SOUND);
    let path = search_path_without_us(&sandbox);
    let push = || {
        repo.call("git")
            .env("PATH", &path)
            .args(["push", "-q", "origin", "topic"])
    };
    push().arg("--dry-run").run().code(0).says("PASS");
    // Moved away: removing is the store's door.
    sandbox
        .call("mv")
        .arg(&program)
        .arg(sandbox.path("gone"))
        .run()
        .code(0);
    push()
        .run()
        .code(1)
        .says("nothing was reviewed and nothing is pushed")
        .says("deep-review install");
    assert_eq!(remote.id("topic"), "");
    // Found on the path again, it works.
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
}

/// The search path for `git` and `sh` alone.
fn search_path_without_us(sandbox: &Sandbox) -> std::ffi::OsString {
    let dir = sandbox.path("bin");
    fs::create_dir(&dir).unwrap();
    let script = "for word in git sh rm; do ln -s \"$(command -v $word)\" bin/$word; done";
    sandbox.call("sh").args(["-c", script]).run().code(0);
    dir.into()
}

#[test]
fn a_foreign_hook_and_a_foreign_hooks_path_are_left_alone() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    let foreign = "#!/bin/sh\necho theirs\n";
    repo.write(".git/hooks/pre-push", foreign);
    repo.deep_review(["install"])
        .code(2)
        .says("another pre-push hook")
        .says("hook pre-push -- \"$@\"");
    repo.deep_review(["uninstall"]).code(0);
    assert_eq!(
        fs::read_to_string(repo.path(".git/hooks/pre-push")).unwrap(),
        foreign
    );
    let elsewhere = sandbox.path("all-hooks");
    fs::create_dir(&elsewhere).unwrap();
    repo.git([Path::new("config"), Path::new("core.hooksPath"), &elsewhere]);
    repo.deep_review(["install"]).code(2).says("core.hooksPath");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}
