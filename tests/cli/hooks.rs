//! Pushes through the installed hook: what goes through, what is held, and that nothing else changes.

use crate::support::sandbox::{
    FLAWED, PROGRAM, Repo, SOUND, Sandbox, contents, read_and_remembered,
};

#[test]
fn a_clean_branch_arrives() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    let tip = repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
    assert_eq!(remote.id("topic"), tip);
}

#[test]
fn an_important_finding_holds_every_ref() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.git(["branch", "clean"]);
    repo.commit_file("cart.js", FLAWED);
    let before = remote.refs();
    let said = repo.push(["-q", "origin", "topic", "clean"]).code(1);
    assert_eq!(remote.refs(), before);
    for text in [
        "cart.js:2",
        "`debugger` statement left in the code",
        "deep-review findings show ",
        "deep-review resolve ",
        "DEEP_REVIEW_SKIP=",
    ] {
        assert!(said.stderr.contains(text), "{text} in {said}");
    }
    assert_eq!(said.stdout, "");
}

#[test]
fn suggestions_alone_do_not_hold_a_push() {
    let sandbox = Sandbox::new();
    sandbox.configure(SUGGESTION_RULE);
    let (repo, remote) = sandbox.hooked();
    let tip = repo.commit_file("cart.js", "// TODO later\n");
    let said = repo.push(["-q", "origin", "topic"]).code(0);
    assert!(
        said.stderr
            .contains("PASS: 1 file by the built-in rules, 1 suggestion"),
        "{said}"
    );
    assert!(said.stderr.lines().count() <= 4, "{said}");
    assert_eq!(remote.id("topic"), tip);
}

const SUGGESTION_RULE: &str =
    "[[rule]]\nid = \"todo\"\nseverity = \"suggestion\"\nadded = 'TODO'\nmessage = \"do it\"\n";

/// Pushes (which is held), lets `retell` tell the same change otherwise, and expects that nothing
/// was read again and that the verdict is the same.
#[track_caller]
fn is_remembered_after(files: &[(&str, &str)], retell: impl Fn(&Repo<'_>)) {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    for (name, text) in files {
        repo.commit_file(name, text);
    }
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("BLOCKED by 1 finding");
    retell(&repo);
    let again = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("BLOCKED by 1 finding");
    assert_eq!(remote.id("topic"), "", "{again}");
    let (read, remembered) = read_and_remembered(&newest_review(&repo));
    let (now_read, now_remembered) = read_and_remembered(&repo.review());
    assert_eq!(now_read, 0, "{again}");
    assert!(now_remembered > 0, "{again}");
    // The stored review is the first one: the second push read nothing and found nothing new.
    assert!(
        read > 0 && remembered == 0,
        "read {read}, remembered {remembered}"
    );
}

/// The newest stored review, without its seal.
fn newest_review(repo: &Repo<'_>) -> serde_json::Value {
    let mut reviews = contents(&repo.store("reviews"));
    reviews.retain(|(path, _)| path.ends_with("review.json"));
    let (_, bytes) = reviews.pop().expect("there is a review");
    serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["body"].clone()
}

#[test]
fn the_same_push_again_reads_nothing() {
    is_remembered_after(&[("cart.js", FLAWED)], |_| {});
}

#[test]
fn an_amended_message_reads_nothing() {
    is_remembered_after(&[("cart.js", FLAWED)], |repo| {
        repo.git(["commit", "-q", "--amend", "-m", "Say it better"]);
    });
}

#[test]
fn a_reworded_older_commit_reads_nothing() {
    is_remembered_after(&[("cart.js", FLAWED), ("shop.js", SOUND)], |repo| {
        repo.call("git")
            .args(["rebase", "-q", "-i", "main"])
            .env("GIT_SEQUENCE_EDITOR", "sed -i -e 1s/^pick/reword/")
            .env("GIT_EDITOR", "sed -i -e 1s/^/Reworded:/")
            .run()
            .code(0);
        assert!(repo.git(["log", "--format=%s"]).contains("Reworded:"));
    });
}

#[test]
fn reordered_commits_read_nothing() {
    is_remembered_after(&[("cart.js", FLAWED), ("shop.js", SOUND)], |repo| {
        repo.call("git")
            .args(["rebase", "-q", "-i", "main"])
            .env("GIT_SEQUENCE_EDITOR", "sed -i -e '1{h;d};2{G}'")
            .run()
            .code(0);
        assert_eq!(repo.git(["log", "-1", "--format=%s"]), "Write cart.js");
    });
}

#[test]
fn squashed_commits_read_nothing() {
    is_remembered_after(&[("cart.js", FLAWED), ("shop.js", SOUND)], |repo| {
        repo.git(["reset", "-q", "--soft", "main"]);
        repo.commit("All at once");
    });
}

#[test]
fn a_rebase_onto_a_moved_base_reads_nothing() {
    is_remembered_after(&[("cart.js", FLAWED)], |repo| {
        repo.git(["checkout", "-q", "main"]);
        repo.commit_file("other.md", "Unrelated.\n");
        repo.git(["push", "-q", "--no-verify", "origin", "main"]);
        repo.git(["rebase", "-q", "main", "topic"]);
    });
}

#[test]
fn a_rebase_that_moves_lines_reads_nothing_and_names_the_new_line() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    let lines = |flaw: &str| {
        let body = "open();\n".repeat(30);
        format!("{body}{flaw}const end = 1;\n")
    };
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("cart.js", lines(""));
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic"]);
    repo.commit_file("cart.js", lines("debugger;\n"));
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:31");
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("cart.js", format!("// One.\n// Two.\n{}", lines("")));
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["rebase", "-q", "main", "topic"]);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:33");
    assert_eq!(read_and_remembered(&repo.review()), (0, 1));
}

#[test]
fn a_correction_has_only_the_corrected_file_read() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.write("shop.js", SOUND);
    repo.commit_file("cart.js", FLAWED);
    repo.push(["-q", "origin", "topic"]).code(1);
    repo.write("cart.js", SOUND);
    repo.git(["commit", "-q", "-a", "--amend", "--no-edit"]);
    let report = repo.review();
    assert_eq!(read_and_remembered(&report), (1, 1));
    repo.push(["-q", "origin", "topic"])
        .code(0)
        .says("PASS: 2 files");
    assert_eq!(remote.id("topic"), repo.id("topic"));
}

#[test]
fn sixty_findings_take_forty_lines() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    for n in 0..60 {
        repo.write(format!("file-{n}.js"), FLAWED);
    }
    repo.commit("Much");
    let said = repo
        .push(["--porcelain", "origin", "topic"])
        .code(1)
        .says("BLOCKED by 60 findings");
    let git = |line: &&str| line.starts_with("error: failed to push") || line.starts_with("To ");
    let ours = said.stderr.lines().filter(|line| !git(line)).count();
    assert!(ours <= 40, "{ours} lines: {said}");
    assert!(said.stderr.contains("more: deep-review findings"), "{said}");
    assert_eq!(said.stdout, "");
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn standard_output_stays_the_pushs_own() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    let words = ["--porcelain", "origin", "topic"];
    let without = repo
        .push(["--no-verify", "--dry-run"].iter().chain(&words))
        .code(0);
    let with = repo.push(words).code(0).says("PASS");
    assert_eq!(with.stdout, without.stdout);
}

#[test]
fn a_dry_run_is_held_as_well() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.push(["--dry-run", "origin", "topic"])
        .code(1)
        .says("BLOCKED");
}

#[test]
fn a_push_with_no_verify_does_not_run_us() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    let tip = repo.commit_file("cart.js", FLAWED);
    repo.push(["-q", "--no-verify", "origin", "topic"])
        .code(0)
        .conceals("deep-review");
    assert_eq!(remote.id("topic"), tip);
    assert!(!repo.store("").exists());
}

#[test]
fn a_skip_with_a_reason_passes_and_leaves_a_trace() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    let tip = repo.commit_file("cart.js", FLAWED);
    repo.call("git")
        .args(["push", "-q", "origin", "topic"])
        .env("DEEP_REVIEW_SKIP", "hotfix for the fair")
        .run()
        .code(0)
        .says("NOT REVIEWED, skipped: hotfix for the fair")
        .conceals("PASS");
    assert_eq!(remote.id("topic"), tip);
    repo.deep_review(["status"])
        .code(0)
        .prints("topic by Ada <ada@example.org>")
        .prints("hotfix for the fair");
    let ledger = std::fs::read_to_string(repo.store("ledger.jsonl")).unwrap();
    assert!(
        ledger.contains("hotfix for the fair") && ledger.contains(&tip),
        "{ledger}"
    );
}

#[test]
fn a_skip_without_words_says_so() {
    for (name, value) in [
        ("DEEP_REVIEW_SKIP", "1"),
        ("DEEP_REVIEW_SKIP", "true"),
        ("DEEP_REVIEW_SKIP", "TRUE"),
        ("SKIP", "lint, deep-review"),
    ] {
        let sandbox = Sandbox::new();
        let (repo, _) = sandbox.hooked();
        repo.commit_file("cart.js", FLAWED);
        let push = repo
            .call("git")
            .args(["push", "-q", "origin", "topic"])
            .env(name, value);
        push.run()
            .code(0)
            .says("NOT REVIEWED, skipped without a reason");
    }
}

#[test]
fn a_skip_that_is_switched_off_skips_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    for (name, value) in [
        ("DEEP_REVIEW_SKIP", ""),
        ("DEEP_REVIEW_SKIP", "0"),
        ("DEEP_REVIEW_SKIP", "false"),
        ("DEEP_REVIEW_SKIP", "False"),
        ("DEEP_REVIEW_SKIP", "  "),
        ("SKIP", "deep-reviewer,other"),
        ("SKIP", ""),
    ] {
        let push = repo
            .call("git")
            .args(["push", "-q", "origin", "topic"])
            .env(name, value);
        push.run().code(1).says("BLOCKED");
    }
}

#[test]
fn a_skip_that_cannot_be_recorded_does_not_pass() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    std::fs::create_dir_all(repo.store("ledger.jsonl")).unwrap();
    let push = repo
        .call("git")
        .args(["push", "-q", "origin", "topic"])
        .env("DEEP_REVIEW_SKIP", "why");
    push.run().code(1).says("error: ");
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn a_reviewing_agent_may_not_push() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    for skip in ["", "let me"] {
        let push = repo.call("git").args(["push", "-q", "origin", "topic"]);
        push.env("DEEP_REVIEW_ACTIVE", "1")
            .env("DEEP_REVIEW_SKIP", skip)
            .run()
            .code(1)
            .says("a reviewing agent may not push");
    }
}

#[test]
fn a_reviewing_agent_may_not_review_or_decide() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    let commands: [&[&str]; 8] = [
        &[],
        &["--staged"],
        &["resolve", "I1", "--as", "false-positive", "-m", "why"],
        &["reopen", "I1"],
        &["agents", "enable", "ann"],
        &["agents", "--probe"],
        &["rules", "accept", "1"],
        &["uninstall"],
    ];
    let inside = |command: &[&str]| {
        let call = repo.call(PROGRAM).args(command);
        call.env("DEEP_REVIEW_ACTIVE", "1").run()
    };
    for command in commands {
        inside(command).code(2).says("a reviewing agent may not");
    }
    // Looking is allowed.
    for command in [&["diff"][..], &["findings"], &["agents"]] {
        inside(command).code(0);
    }
}
