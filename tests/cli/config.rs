//! What is in force: broken files, layers and their origins, and who may tighten or loosen what.

use std::fs;

use crate::support::sandbox::{FLAWED, PROGRAM, Repo, SOUND, Sandbox};

const NO_TOTAL: &str = "[[rule]]\nid = \"no-total\"\nseverity = \"important\"\nadded = 'total'\nmessage = \"say sum\"\n";

/// A repository whose base side has this configuration, on the branch `topic`.
fn based<'s>(sandbox: &'s Sandbox, config: &str) -> (Repo<'s>, Repo<'s>) {
    let (repo, remote) = sandbox.hooked();
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file(".deep-review.toml", config);
    repo.git(["push", "-q", "--no-verify", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic"]);
    (repo, remote)
}

#[test]
fn broken_files_are_shown_with_line_and_caret() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    for (text, line, caret) in [
        ("[gate\nblock = 1\n", "line 1", "1 | [gate"),
        (
            "base = \"main\"\n[gate]\nblock = 5\n",
            "line 3",
            "3 | block = 5\n    |         ^",
        ),
        (
            "[gate]\nblock = \"high\"\n",
            "line 2",
            "2 | block = \"high\"\n    |         ^^^^^^",
        ),
        (
            "[review]\nexclude = \"vendor\"\n",
            "line 2",
            "2 | exclude = \"vendor\"",
        ),
        (
            "[review]\nmax_file_size = -1\n",
            "line 2",
            "2 | max_file_size = -1",
        ),
        (
            "[gate]\nblock = \"critical\"\nblock = \"critical\"\n",
            "line 3",
            "3 | block",
        ),
        ("[[rule]]\nid = 7\n", "line 2", "2 | id = 7"),
    ] {
        repo.commit_file(".deep-review.toml", text);
        let said = repo.deep_review([""; 0]).code(2);
        assert!(
            said.stderr.contains("`.deep-review.toml`"),
            "{text}: {said}"
        );
        assert!(
            said.stderr.contains(line) && said.stderr.contains(caret),
            "{text}: {said}"
        );
        assert!(
            said.stderr.contains("hint: ") && said.stdout.is_empty(),
            "{said}"
        );
    }
    repo.push(["-q", "origin", "topic"]).code(1).says("line 2");
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn a_broken_user_file_is_named_with_its_path() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    sandbox.configure("[gate]\nblock = 5\n");
    repo.deep_review([""; 0])
        .code(2)
        .says("config/deep-review/config.toml")
        .says("line 2");
    repo.push(["-q", "origin", "topic:other"])
        .code(1)
        .says("line 2");
}

#[test]
fn a_user_file_that_cannot_be_read_is_an_error_not_a_default() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    fs::create_dir_all(sandbox.path("config/deep-review/config.toml")).unwrap();
    repo.deep_review([""; 0])
        .code(2)
        .says("cannot read `")
        .says("config/deep-review/config.toml");
}

#[test]
fn an_unknown_key_is_a_warning_with_a_suggestion() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write(
        ".deep-review.toml",
        "[gate]\nblokc = \"important\"\n[zoo]\nlion = 1\n",
    );
    repo.commit_file("cart.js", SOUND);
    let said = repo
        .deep_review([""; 0])
        .code(0)
        .prints("unknown key `gate.blokc`; did you mean `gate.block`?");
    assert!(said.stdout.contains("unknown key `zoo`"), "{said}");
    repo.push(["-q", "origin", "topic"])
        .code(0)
        .says("did you mean `gate.block`?");
}

#[test]
fn an_unusable_rule_is_named_with_its_line() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    let head = "\n[[rule]]\nid = \"mine\"\nseverity = \"important\"\n";
    for (rest, line, why) in [
        ("added = 'a(b'\nmessage = \"m\"\n", "line 5", "a(b"),
        (
            "added = '(a+)\\1'\nmessage = \"m\"\n",
            "line 5",
            "rule `mine`",
        ),
        ("added = 'a'\n", "line 2", "no `message`"),
        (
            "message = \"m\"\n",
            "line 2",
            "no built-in rule has this id",
        ),
        (
            "added = '(?:a{1000}){1000}'\nmessage = \"m\"\n",
            "line 5",
            "rule `mine`",
        ),
        (
            "added = 'a'\nmessage = \"m\"\n[[rule]]\nid = \"mine\"\nadded = 'b'\nmessage = \"m\"\n",
            "line 7",
            "already taken",
        ),
    ] {
        repo.commit_file(".deep-review.toml", format!("{head}{rest}"));
        let said = repo.deep_review([""; 0]).code(2).says("rule `mine`");
        assert!(
            said.stderr.contains(line) && said.stderr.contains(why),
            "{rest}: {said}"
        );
    }
}

#[test]
fn a_broken_file_on_the_base_side_can_be_mended_by_a_branch() {
    let sandbox = Sandbox::new();
    let (repo, _) = based(&sandbox, "[gate\n");
    repo.commit_file("cart.js", SOUND);
    repo.deep_review([""; 0]).code(2).says("line 1");
    repo.commit_file(".deep-review.toml", NO_TOTAL);
    let said = repo.push(["-q", "origin", "topic"]).code(1);
    assert!(
        said.stderr.contains("its settings are not in force") && said.stderr.contains("cart.js:1"),
        "{said}"
    );
}

#[test]
fn a_rule_counts_from_the_branch_that_adds_it() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write(".deep-review.toml", NO_TOTAL);
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:1")
        .says("say sum");
    // Not committed, it is not part of what is pushed.
    repo.git(["checkout", "-q", "-b", "other", "main"]);
    repo.commit_file("cart.js", SOUND);
    repo.write(".deep-review.toml", NO_TOTAL);
    repo.push(["-q", "origin", "other"]).code(0);
    repo.git(["add", "-A"]);
    repo.write("more.js", SOUND);
    repo.git(["add", "more.js"]);
    repo.deep_review(["--staged"]).code(1).prints("more.js:1");
}

#[test]
fn a_rule_of_the_base_side_cannot_be_taken_away_by_a_branch() {
    let sandbox = Sandbox::new();
    let (repo, _) = based(&sandbox, NO_TOTAL);
    for softer in [
        String::new(),
        NO_TOTAL.replace("important", "suggestion"),
        NO_TOTAL.replace("'total'", "'nev[e]r'"),
        NO_TOTAL.replace("added", "paths = [\"docs/**\"]\nadded"),
        format!("[review]\nexclude = [\"*.js\"]\n{NO_TOTAL}"),
        format!("[gate]\nblock = \"critical\"\n{NO_TOTAL}"),
    ] {
        repo.write(".deep-review.toml", &softer);
        repo.commit_file("cart.js", SOUND);
        let said = repo.deep_review([""; 0]).code(1);
        assert!(said.stdout.contains("cart.js:1"), "{softer}: {said}");
        assert!(
            said.stdout.contains("loosens the review")
                || said.stdout.contains("would no longer run"),
            "{softer}: {said}"
        );
        assert!(
            said.stdout.contains("BLOCKED by 2 findings"),
            "{softer}: {said}"
        );
    }
    repo.git(["rm", "-q", ".deep-review.toml"]);
    repo.commit("Remove it");
    repo.deep_review([""; 0])
        .code(1)
        .prints("cart.js:1")
        .prints("rule `no-total` would no longer run");
}

#[test]
fn a_loosening_is_a_suggestion_in_the_change_that_brings_the_file() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write(".deep-review.toml", "[review]\nexclude = [\"*.min.js\"]\n");
    repo.commit_file("cart.min.js", FLAWED.replace("total", "t"));
    let said = repo.deep_review([""; 0]);
    assert!(
        said.stdout.contains("Suggestion")
            && said
                .stdout
                .contains("`*.min.js` would no longer be reviewed"),
        "{said}"
    );
    repo.git(["rm", "-q", "cart.min.js"]);
    repo.commit("Without");
    repo.push(["-q", "origin", "topic"])
        .code(0)
        .says("1 suggestion");
}

#[test]
fn an_exclude_on_the_base_side_lists_the_file() {
    let sandbox = Sandbox::new();
    let (repo, _) = based(&sandbox, "[review]\nexclude = [\"legacy/**\"]\n");
    repo.write("cart.js", SOUND);
    repo.commit_file("legacy/old.js", FLAWED);
    let said = repo
        .deep_review([""; 0])
        .code(0)
        .prints("legacy/old.js (excluded by `legacy/**`");
    assert!(said.stdout.contains(".deep-review.toml"), "{said}");
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
}

#[test]
fn the_user_may_exclude_and_turn_rules_off() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    sandbox.configure("[[rule]]\nid = \"debugger-leftover\"\nseverity = \"off\"\n");
    repo.deep_review([""; 0]).code(0);
    sandbox.configure("[review]\nexclude = [\"cart.js\"]\n");
    repo.deep_review([""; 0])
        .code(0)
        .prints("excluded by `cart.js` (user configuration)");
    sandbox.configure("[gate]\nblock = \"critical\"\n");
    repo.deep_review([""; 0]).code(0).prints("Important");
}

#[test]
fn a_variable_overrides_every_file_and_must_be_readable() {
    let sandbox = Sandbox::new();
    let (repo, _) = based(&sandbox, "[gate]\nblock = \"suggestion\"\n");
    repo.commit_file("cart.js", FLAWED);
    let review = |value: &str| {
        repo.call(PROGRAM)
            .env("DEEP_REVIEW_GATE_BLOCK", value)
            .run()
    };
    review("critical").code(0);
    review("important").code(1);
    review("").code(1);
    review("often")
        .code(1)
        .prints("`DEEP_REVIEW_GATE_BLOCK` is \"often\"");
    let small = repo
        .call(PROGRAM)
        .env("DEEP_REVIEW_REVIEW_MAX_FILE_SIZE", "5")
        .env("DEEP_REVIEW_GATE_BLOCK", "critical");
    small.run().code(3);
}

#[test]
fn each_setting_is_explained_with_its_origin() {
    let sandbox = Sandbox::new();
    sandbox.configure("[review]\nexclude = [\"*.snap\"]\n");
    let (repo, _) = based(
        &sandbox,
        "base = \"main\"\n[gate]\nprotected = [\"prod\"]\n",
    );
    repo.commit_file(
        ".deep-review.toml",
        format!(
            "base = \"main\"\n[gate]\nblock = \"suggestion\"\nprotected = [\"prod\"]\n{NO_TOTAL}"
        ),
    );
    let call = repo
        .call(PROGRAM)
        .args(["explain", "--config"])
        .env("DEEP_REVIEW_REVIEW_MAX_FILE_SIZE", "1000");
    let said = call.run().code(0);
    let line = |key: &str| {
        said.stdout
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap_or_default()
            .to_owned()
    };
    for (key, value, origin) in [
        ("base ", "= \"main\"", "# .deep-review.toml"),
        (
            "gate.block ",
            "= \"suggestion\"",
            "of this change, not yet on the base side",
        ),
        ("gate.protected ", "= \"prod\"", "# .deep-review.toml"),
        ("gate.on_incomplete ", "block", "# default"),
        ("review.exclude ", "= \"*.snap\"", "# user configuration"),
        (
            "review.max_file_size ",
            "= 1000",
            "# DEEP_REVIEW_REVIEW_MAX_FILE_SIZE",
        ),
        ("rule no-total ", "= important", "of this change"),
        ("rule debugger-leftover ", "= important", "built in"),
    ] {
        assert!(
            line(key).contains(value) && line(key).contains(origin),
            "{key}: {said}"
        );
    }
}

#[test]
fn a_repository_cannot_let_unreviewed_changes_pass() {
    let sandbox = Sandbox::new();
    let lenient = "[gate]\non_incomplete = \"allow\"\n[review]\nmax_file_size = 20\n";
    let (repo, remote) = based(&sandbox, lenient);
    repo.commit_file("cart.js", SOUND);
    let said = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("INCONCLUSIVE");
    assert!(
        said.stderr
            .contains("only the user's own configuration may let unreviewed changes pass"),
        "{said}"
    );
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn the_configured_base_is_compared_with_and_protected() {
    let sandbox = Sandbox::new();
    let (repo, _) = based(&sandbox, "base = \"dev\"\n");
    repo.git(["push", "-q", "--no-verify", "origin", "main:dev"]);
    repo.git(["branch", "-q", "dev"]);
    repo.commit_file("cart.js", FLAWED);
    repo.git(["push", "-q", "--no-verify", "origin", "topic"]);
    repo.deep_review([""; 0])
        .prints("merge base with origin/dev");
    repo.push(["-q", "origin", "topic:dev"])
        .code(1)
        .says("cart.js:2");
}

#[test]
fn a_configuration_that_is_a_link_counts_for_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write("real.toml", NO_TOTAL);
    #[cfg(unix)]
    std::os::unix::fs::symlink("real.toml", repo.path(".deep-review.toml")).unwrap();
    repo.commit_file("cart.js", SOUND);
    repo.deep_review([""; 0]).conceals("cart.js:1");
}

#[test]
fn init_writes_a_file_that_changes_nothing_until_edited() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write("sub/cart.js", FLAWED);
    repo.call(PROGRAM)
        .arg("init")
        .within(repo.path("sub"))
        .run()
        .code(0)
        .says("wrote ");
    let written = fs::read(repo.path(".deep-review.toml")).unwrap();
    repo.commit("Begin to configure");
    let said = repo
        .deep_review([""; 0])
        .code(1)
        .prints("BLOCKED by 1 finding");
    assert!(!said.stdout.contains("note: "), "{said}");
    repo.deep_review(["init"]).code(2).says("is already there");
    assert_eq!(fs::read(repo.path(".deep-review.toml")).unwrap(), written);
    sandbox
        .deep_review(["init"])
        .code(2)
        .says("no Git repository");
}
