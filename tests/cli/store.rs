//! What is remembered, and what of it is believed: foreign, forged, torn, damaged, newer, unwritable.

use std::fs;
use std::path::Path;

use crate::support::sandbox::{
    FLAWED, PROGRAM, Repo, SOUND, Sandbox, contents, read_and_remembered, write,
};

/// A branch with one flaw, reviewed, and the flaw declined.
fn declined(sandbox: &Sandbox) -> (Repo<'_>, Repo<'_>) {
    let (repo, remote) = sandbox.hooked();
    repo.write("shop.js", SOUND);
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    repo.deep_review(["resolve", "I1", "--as", "false-positive", "-m", "needed"])
        .code(0);
    repo.deep_review(["gate"]).code(0);
    (repo, remote)
}

/// Makes this user another one: what the old one sealed is foreign now.
fn forget_secret(sandbox: &Sandbox) {
    write(&sandbox.path("state/deep-review/secret"), [7; 32]);
}

fn rewrite(path: &Path, edit: impl Fn(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let edited = edit(&text);
    assert_ne!(edited, text, "nothing edited in {}", path.display());
    write(path, edited);
}

fn link(target: &Path, at: &Path) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, at).unwrap();
    #[cfg(not(unix))]
    let _ = (target, at);
}

#[test]
fn a_store_of_another_user_waives_nothing() {
    let sandbox = Sandbox::new();
    let (repo, remote) = declined(&sandbox);
    forget_secret(&sandbox);
    repo.deep_review(["gate"])
        .code(3)
        .prints("not reviewed yet by rules");
    let said = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
    assert!(
        said.stderr
            .contains("1 of the decisions in the ledger count for nothing"),
        "{said}"
    );
    assert_eq!(remote.id("topic"), "");
    // What this user decides counts, beside the foreign line.
    repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "mine"])
        .code(0);
    repo.push(["-q", "origin", "topic"]).code(0);
}

#[test]
fn a_foreign_store_is_not_even_listed() {
    let sandbox = Sandbox::new();
    let (repo, _) = declined(&sandbox);
    forget_secret(&sandbox);
    assert!(repo.findings().is_empty());
}

#[test]
fn a_store_without_any_secret_at_home_waives_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = declined(&sandbox);
    for home in ["other-home", "yet-another"] {
        let state = sandbox.path(home);
        let gate = repo.call(PROGRAM).arg("gate").env("XDG_STATE_HOME", &state);
        gate.run().code(3);
        assert!(!state.exists(), "the gate wrote something");
        let review = repo.call(PROGRAM).env("XDG_STATE_HOME", &state);
        review.run().code(1).prints("cart.js:2");
    }
}

#[test]
fn a_home_that_cannot_be_written_costs_the_memory_not_the_verdict() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    write(&sandbox.path("a-file"), "in the way");
    let call = || {
        repo.call(PROGRAM)
            .env("XDG_STATE_HOME", sandbox.path("a-file"))
    };
    let said = call().run().code(1).prints("cart.js:2");
    said.prints("not remembered: ");
    let said = call().args(["gate"]).run();
    assert_eq!(said.code, Some(3), "{said}");
    let resolve = ["resolve", "I1", "--as", "wont-fix", "-m", "x"];
    assert_eq!(call().args(resolve).run().code, Some(2));
}

#[test]
fn a_foreign_receipt_is_not_complained_about_once_it_is_replaced() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.deep_review([""; 0]).code(0);
    forget_secret(&sandbox);
    repo.deep_review(["gate"])
        .code(3)
        .prints("not sealed by this user");
    repo.deep_review([""; 0]).code(0);
    repo.deep_review(["gate"])
        .code(0)
        .conceals("not sealed by this user");
}

#[test]
fn an_edited_receipt_is_a_miss() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    rewrite(&repo.store("receipts"), |text| {
        let start = text.find("\"findings\":[").unwrap() + "\"findings\":[".len();
        let end = text.rfind("]}}").unwrap();
        format!("{}{}", &text[..start], &text[end..])
    });
    repo.deep_review(["gate"])
        .code(3)
        .prints("not sealed by this user");
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
}

#[test]
fn a_receipt_moved_under_another_key_is_a_miss() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("shop.js", SOUND);
    repo.deep_review([""; 0]).code(0);
    let clean = fs::read_to_string(repo.store("receipts")).unwrap();
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    rewrite(&repo.store("receipts"), |text| {
        let flawed = text.lines().last().unwrap();
        format!("{} {}", &flawed[..64], &clean[65..])
    });
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
}

#[test]
fn an_edited_decision_is_ignored_with_a_warning() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    repo.deep_review([
        "resolve",
        "I1",
        "--as",
        "deferred",
        "-m",
        "later",
        "--until",
        "2999-01-01",
    ])
    .code(0);
    rewrite(&repo.store("ledger.jsonl"), |text| {
        text.replace("2999", "3999")
    });
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("did not seal them")
        .says("cart.js:2");
}

#[test]
fn a_sealed_decision_moved_to_another_finding_is_ignored() {
    let sandbox = Sandbox::new();
    let (repo, _) = declined(&sandbox);
    repo.commit_file("other.js", FLAWED.replace("total", "sum"));
    rewrite(&repo.store("ledger.jsonl"), |text| {
        text.replace("cart.js", "other.js")
    });
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("other.js:2")
        .says("cart.js:2");
}

#[test]
fn torn_last_lines_are_cut_off_by_the_next_writer() {
    let sandbox = Sandbox::new();
    let (repo, _) = declined(&sandbox);
    for name in ["ledger.jsonl", "receipts"] {
        rewrite(&repo.store(name), |text| format!("{text}{}", &text[..40]));
    }
    repo.deep_review(["gate"]).code(0);
    repo.commit_file("more.js", FLAWED.replace("total", "more"));
    repo.deep_review([""; 0]).code(1);
    repo.deep_review(["resolve", "I2", "--as", "wont-fix", "-m", "also"])
        .code(0);
    for (name, lines) in [("ledger.jsonl", 2), ("receipts", 3)] {
        let text = fs::read_to_string(repo.store(name)).unwrap();
        assert!(
            text.ends_with('\n') && text.lines().count() == lines,
            "{name}: {text}"
        );
    }
    repo.push(["-q", "origin", "topic"]).code(0);
    assert_eq!(read_and_remembered(&repo.review()), (0, 3));
}

#[test]
fn a_damaged_line_of_the_ledger_stops_everything_and_is_named() {
    let sandbox = Sandbox::new();
    let (repo, remote) = declined(&sandbox);
    rewrite(&repo.store("ledger.jsonl"), |text| {
        format!("{text}{{\"mac\":\n{text}")
    });
    for words in [
        &[][..],
        &["gate"],
        &["findings"],
        &["status"],
        &["resolve", "I1", "--as", "wont-fix", "-m", "x"],
    ] {
        let said = repo
            .deep_review(words)
            .code(2)
            .says("the ledger `")
            .says("is damaged")
            .says("line 2: ");
        assert!(
            said.stdout.is_empty() && said.stderr.contains("hint: "),
            "{said}"
        );
    }
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("is damaged");
    assert_eq!(remote.id("topic"), "");
    rewrite(&repo.store("ledger.jsonl"), |text| {
        text.replace("{\"mac\":\n", "\u{0}\n")
    });
    repo.deep_review(["gate"]).code(2).says("line 2: ");
}

#[test]
fn damaged_receipts_and_reviews_are_misses() {
    let sandbox = Sandbox::new();
    let (repo, _) = declined(&sandbox);
    write(
        &repo.store("receipts"),
        [0xff, b'\n', 0, b'x', b'\n'].repeat(100),
    );
    for (path, _) in contents(&repo.store("reviews")) {
        write(&path, [0xff, 0xfe, 0]);
    }
    repo.deep_review(["gate"]).code(3);
    repo.deep_review(["findings"]).code(0);
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
    assert_eq!(repo.findings().len(), 1);
}

#[test]
fn a_store_of_a_newer_format_is_not_touched() {
    let sandbox = Sandbox::new();
    let (repo, remote) = declined(&sandbox);
    write(&repo.store("format"), "2\n");
    let before = contents(&repo.store(""));
    for words in [
        &[][..],
        &["gate"],
        &["findings"],
        &["resolve", "I1", "--as", "wont-fix", "-m", "x"],
    ] {
        repo.deep_review(words)
            .code(2)
            .says("written by a newer deep-review")
            .says("hint: update deep-review");
    }
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("newer deep-review");
    assert_eq!(remote.id("topic"), "");
    assert_eq!(contents(&repo.store("")), before);
    write(&repo.store("format"), "once\n");
    repo.deep_review(["gate"])
        .code(2)
        .says("cannot read the format of the store");
}

/// Makes it impossible to remember anything, also for a user whom permissions don't bind.
fn spoil(repo: &Repo<'_>, name: &str) {
    fs::create_dir_all(repo.store(name)).unwrap();
}

#[test]
fn a_store_that_cannot_be_written_costs_the_memory_not_the_verdict() {
    for name in ["lock", "format"] {
        let sandbox = Sandbox::new();
        let (repo, remote) = sandbox.hooked();
        repo.commit_file("cart.js", FLAWED);
        spoil(&repo, name);
        if name == "format" {
            // What can't be told to be ours is not written to, nor believed.
            repo.deep_review([""; 0]).code(2).says("cannot read");
            continue;
        }
        repo.deep_review([""; 0])
            .code(1)
            .prints("not remembered: ")
            .prints("cart.js:2");
        repo.push(["-q", "origin", "topic"])
            .code(1)
            .says("not remembered: ")
            .says("cart.js:2");
        repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "x"])
            .code(2);
        repo.commit_file("cart.js", SOUND);
        repo.push(["-q", "origin", "topic"])
            .code(0)
            .says("not remembered: ")
            .says("PASS");
        assert_eq!(remote.id("topic"), repo.id("topic"));
    }
}

#[test]
fn a_decision_that_cannot_be_written_is_not_said_to_be_made() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    sandbox
        .call("mv")
        .arg(repo.store("lock"))
        .arg(sandbox.path("lock"))
        .run()
        .code(0);
    spoil(&repo, "lock");
    repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "x"])
        .code(2)
        .says("cannot write to the store")
        .conceals("resolved ");
    repo.deep_review(["gate"]).code(1);
}

#[test]
fn receipts_that_cannot_be_kept_cost_the_memory_not_the_verdict() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    spoil(&repo, "receipts");
    repo.deep_review([""; 0])
        .code(1)
        .prints("not remembered: ")
        .prints("cart.js:2");
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"])
        .code(0)
        .says("not remembered: ");
}

#[test]
fn reviews_that_cannot_be_kept_cost_the_memory_not_the_verdict() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    write(&repo.store("reviews"), "in the way");
    repo.deep_review([""; 0])
        .code(1)
        .prints("not remembered: ")
        .prints("cart.js:2");
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
}

#[test]
fn a_store_that_is_no_directory_is_a_clear_error() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    write(&repo.path(".git/deep-review"), "in the way");
    repo.deep_review([""; 0])
        .code(2)
        .says("is not a directory")
        .says("hint: ");
}

#[test]
#[cfg(unix)]
fn a_link_in_a_store_leads_nowhere() {
    for name in ["receipts", "ledger.jsonl", "lock", "reviews", "format"] {
        let sandbox = Sandbox::new();
        let (repo, _) = sandbox.hooked();
        repo.commit_file("cart.js", FLAWED);
        // Without a line feed: whoever takes it for a torn line would cut it off.
        let target = if name == "reviews" {
            write(&sandbox.path("target/precious"), "precious");
            sandbox.path("target")
        } else {
            write(&sandbox.path("target"), "precious");
            sandbox.path("target")
        };
        fs::create_dir_all(repo.store("")).unwrap();
        link(&target, &repo.store(name));
        let before = contents(&target.parent().unwrap().join("target"));
        let bytes = fs::read(&target).unwrap_or_default();
        let said = repo.deep_review([""; 0]);
        assert!(matches!(said.code, Some(1 | 2)), "{name}: {said}");
        repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "x"]);
        assert!(contents(&target) == before, "{name}");
        assert!(fs::read(&target).unwrap_or_default() == bytes, "{name}");
    }
}

#[test]
#[cfg(unix)]
fn a_pipe_in_a_store_holds_nobody_up() {
    for name in ["receipts", "ledger.jsonl", "format", "lock"] {
        let sandbox = Sandbox::new();
        let (repo, _) = sandbox.hooked();
        repo.commit_file("cart.js", FLAWED);
        fs::create_dir_all(repo.store("")).unwrap();
        sandbox.call("mkfifo").arg(repo.store(name)).run().code(0);
        let said = repo.call("timeout").args(["10", PROGRAM]).run();
        assert!(matches!(said.code, Some(1 | 2)), "{name}: {said}");
    }
}

#[test]
fn a_secret_of_the_wrong_size_is_a_clear_error() {
    let sandbox = Sandbox::new();
    let (repo, _) = declined(&sandbox);
    for bytes in [&[][..], &[1; 31], &[1; 33]] {
        write(&sandbox.path("state/deep-review/secret"), bytes);
        let said = repo
            .deep_review(["gate"])
            .code(2)
            .says("the secret is damaged")
            .says("not 32");
        assert!(
            said.stderr.contains("hint: remove it to make a new one"),
            "{said}"
        );
    }
}

#[test]
fn what_is_remembered_is_private() {
    let sandbox = Sandbox::new();
    let (repo, _) = declined(&sandbox);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&sandbox.path("state/deep-review/secret")), 0o600);
        assert_eq!(mode(&sandbox.path("state/deep-review")), 0o700);
        assert_eq!(mode(&repo.store("")), 0o700);
        for (path, _) in contents(&repo.store("")) {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
    assert_eq!(repo.git(["status", "--porcelain", "--ignored"]), "");
}
