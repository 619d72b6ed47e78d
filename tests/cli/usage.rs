//! The command line itself: wrong usage, odd repositories, formats, hostile names, missing objects.

use std::fs;

use crate::support::sandbox::{COMPANION, FLAWED, Repo, SOUND, Sandbox, contents};

const NOTHING: [&str; 0] = [];

#[test]
fn wrong_usage_is_exit_code_2_with_help_on_standard_error() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    for words in [
        &["--no-such-flag"][..],
        &["no-such-command"],
        &["--format", "yaml"],
        &["--staged", "--base", "main"],
        &["gate", "--fresh"],
        &["hook", "post-what"],
        &["-q", "-v"],
        &["--staged", "gate"],
        &["--format", "json", "status"],
        &["--base"],
    ] {
        let said = repo.deep_review(words).code(2);
        assert!(
            said.stdout.is_empty() && said.stderr.contains("error: "),
            "{said}"
        );
    }
    repo.deep_review(["--help"])
        .code(0)
        .prints("Exit codes: 0 pass");
    repo.deep_review(["--version"])
        .code(0)
        .prints("deep-review ");
}

/// Every command below these words says first what the list above it says of it; returns how many there are.
#[track_caller]
fn commands_say_what_they_are_for(sandbox: &Sandbox, words: &[&str]) -> usize {
    let help = |words: &[&str]| {
        let said = sandbox.deep_review(words.iter().chain(&["-h"])).code(0);
        said.stdout
    };
    let above = help(words);
    let listed = above
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1);
    let mut count = 0;
    for line in listed.take_while(|line| !line.is_empty()) {
        // The rest of a long line.
        let Some((name, summary)) = line.strip_prefix("  ").and_then(|it| it.split_once(' '))
        else {
            continue;
        };
        if name.is_empty() {
            continue;
        }
        let words: Vec<&str> = words.iter().copied().chain([name]).collect();
        let own = help(&words);
        assert!(own.starts_with(summary.trim()), "{words:?}: {own}");
        count += 1 + commands_say_what_they_are_for(sandbox, &words);
    }
    count
}

#[test]
fn every_command_says_what_it_is_for() {
    let sandbox = Sandbox::new();
    let count = commands_say_what_they_are_for(&sandbox, &[]);
    assert!(count > 20, "{count}");
}

#[test]
fn outside_a_repository_every_command_says_so() {
    let sandbox = Sandbox::new();
    for words in [
        &[][..],
        &["gate"],
        &["status"],
        &["findings"],
        &["explain"],
        &["init"],
        &["install"],
        &["resolve", "I1", "--as", "wont-fix", "-m", "x"],
    ] {
        sandbox
            .deep_review(words)
            .code(2)
            .says("no Git repository in `")
            .says("hint: ");
    }
}

#[test]
fn a_repository_without_commits_has_no_branch_to_review_but_an_index() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    repo.deep_review(NOTHING)
        .code(2)
        .says("`main` has no commit yet")
        .says("--staged");
    repo.write("cart.js", FLAWED);
    repo.git(["add", "-A"]);
    repo.deep_review(["--staged"]).code(1).prints("cart.js:2");
    repo.deep_review(["status"]).code(0);
    repo.deep_review(["findings"]).code(0).prints("cart.js:2");
}

#[test]
fn a_base_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.deep_review(["--base", "no-such"])
        .code(2)
        .says("no-such")
        .says("cannot use the given base");
    for revision in ["--upload-pack=x", "HEAD^{blob}", "a..b", ""] {
        let said = repo.deep_review([format!("--base={revision}")]);
        assert_eq!(said.code, Some(2), "{said}");
    }
    repo.git(["checkout", "-q", "--orphan", "island"]);
    repo.commit("Alone");
    repo.deep_review(NOTHING)
        .code(2)
        .says("no commit in common");
    let lone = sandbox.repo_called("lone");
    lone.git(["checkout", "-q", "-b", "odd"]);
    lone.commit_file("cart.js", SOUND);
    lone.deep_review(NOTHING)
        .code(2)
        .says("cannot find a base to compare with")
        .says("--base REV");
    lone.deep_review(["--base", "HEAD"])
        .code(0)
        .prints("NOTHING NEW");
}

#[test]
fn an_unresolved_conflict_in_the_index_is_named() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.git(["checkout", "-q", "-b", "other", "main"]);
    repo.commit_file("cart.js", SOUND.replace("length", "size"));
    repo.try_git(["merge", "topic"]).code(1);
    repo.deep_review(["--staged"])
        .code(2)
        .says("cart.js")
        .says("unresolved conflict");
}

#[test]
fn a_detached_head_is_reviewed() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.git(["checkout", "-q", "--detach"]);
    repo.deep_review(NOTHING).code(1).prints("cart.js:2");
    repo.push(["-q", "origin", "HEAD:refs/heads/detached"])
        .code(1)
        .says("cart.js:2");
}

#[test]
fn git_deep_review_gives_the_arguments_and_the_exit_code_on() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.write("staged.js", FLAWED);
    repo.git(["add", "staged.js"]);
    let git = |words: &[&str]| repo.call("git").arg("deep-review").args(words).run();
    git(&["--staged"])
        .code(1)
        .prints("staged.js:2")
        .conceals("cart.js");
    git(&[]).code(1).prints("cart.js:2");
    git(&["gate", "--staged"]).code(1);
    git(&["no-such"]).code(2);
    git(&["-h"]).code(0).prints("Usage: deep-review");
    repo.git(["checkout", "-q", "-f", "-b", "unread", "main"]);
    repo.commit_file("more.js", SOUND);
    git(&["gate"]).code(3);
    git(&["status"]).code(0);
    repo.call(COMPANION)
        .args(["findings", "show", "a b"])
        .run()
        .code(2)
        .says("`a b`");
    let alone = sandbox.path("alone/git-deep-review");
    fs::create_dir(sandbox.path("alone")).unwrap();
    sandbox.copy(COMPANION, &alone);
    repo.call(&alone)
        .env("PATH", "/nowhere")
        .run()
        .code(2)
        .says("cannot run `deep-review`");
}

#[test]
fn the_gate_answers_from_memory_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.deep_review(["gate"])
        .code(3)
        .prints("INCONCLUSIVE: 1 unit not reviewed")
        .conceals("PASS");
    assert!(!repo.store("").exists() && !sandbox.path("state/deep-review").exists());
    repo.deep_review(NOTHING).code(0);
    let before = (contents(&repo.path("")), contents(&sandbox.path("state")));
    for words in [
        &["gate"][..],
        &["gate", "--format", "json"],
        &["status"],
        &["explain"],
        &["findings"],
        &["explain", "--config"],
    ] {
        repo.deep_review(words).code(0);
    }
    repo.git(["checkout", "-q", "main"]);
    repo.git(["checkout", "-q", "topic"]);
    assert!((contents(&repo.store("")), contents(&sandbox.path("state"))).1 == before.1);
    let store = |all: &[(std::path::PathBuf, Vec<u8>)]| -> Vec<(std::path::PathBuf, Vec<u8>)> {
        all.iter()
            .filter(|(path, _)| path.starts_with(repo.store("")))
            .cloned()
            .collect()
    };
    assert!(contents(&repo.store("")) == store(&before.0));
}

#[test]
fn a_review_that_says_nothing_new_is_not_kept_twice() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review(NOTHING).code(1);
    let besides_verdicts = || {
        let mut kept = contents(&repo.store(""));
        kept.retain(|(path, _)| !path.starts_with(repo.store("verdicts")));
        kept
    };
    let before = besides_verdicts();
    repo.deep_review(NOTHING).code(1);
    repo.push(["-q", "origin", "topic"]).code(1);
    assert!(besides_verdicts() == before);
    repo.deep_review(["--fresh"]).code(1).conceals("remembered");
}

#[test]
fn json_is_json_wherever_it_is_asked_for() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let report = repo.deep_review(["--format", "json"]).code(1).json();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["verdict"]["answer"], "block");
    assert_eq!(report["targets"][0]["findings"][0]["position"], "I1");
    assert_eq!(
        repo.deep_review(["gate", "--format", "json"])
            .code(1)
            .json()["verdict"]["answer"],
        "block"
    );
    assert_eq!(
        repo.deep_review(["status", "--format", "json"])
            .code(0)
            .json()["hook"],
        "installed"
    );
    assert!(
        repo.deep_review(["findings", "--format", "json"])
            .code(0)
            .json()
            .is_array()
    );
    repo.git(["checkout", "-q", "main"]);
    assert_eq!(
        repo.deep_review(["--format", "json"]).code(0).json()["verdict"]["answer"],
        "nothing-new"
    );
}

#[test]
fn a_report_goes_to_a_file_if_asked() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let said = repo
        .deep_review(["-o", "../report.txt"])
        .code(1)
        .says("report written to ../report.txt");
    assert_eq!(said.stdout, "");
    let text = fs::read_to_string(sandbox.path("report.txt")).unwrap();
    assert!(
        text.contains("BLOCKED by 1 finding") && !text.contains('\x1b'),
        "{text}"
    );
    repo.deep_review(["-o", "../report.json", "--format", "json"])
        .code(1);
    let json = fs::read(sandbox.path("report.json")).unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
    repo.deep_review(["-o", "report.txt"]).code(1);
    assert!(repo.path("report.txt").is_file());
    repo.deep_review(["-o", "no/such/place"])
        .code(2)
        .says("no/such/place")
        .says("hint: ");
    repo.deep_review(["-o", "../state"]).code(2);
}

/// Neither stream may hold what a terminal obeys or a reader is misled by.
#[track_caller]
fn is_harmless(repo: &Repo<'_>, words: &[&str]) {
    let said = repo.deep_review(words);
    for text in [&said.stdout, &said.stderr] {
        let bad = text.chars().find(|c| {
            matches!(
                c,
                '\u{1b}' | '\r' | '\u{202e}' | '\u{200b}' | '\u{7}' | '\u{9b}' | '\u{7f}'
            )
        });
        assert!(bad.is_none(), "{bad:?} in {said}");
    }
}

#[test]
#[cfg(unix)]
fn escapes_in_names_and_code_never_reach_the_terminal() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    let nasty = "x\u{1b}[2J\u{202e}\u{200b}\u{7}\r\u{9b}31m\u{7f}\ny";
    let code = format!("  debugger; // {}\r\n", nasty.replace('\n', ""));
    repo.write(format!("{nasty}.js"), &code);
    repo.write(format!("{nasty}.bin"), b"\0\0binary\x1b[2J");
    repo.write("rule.md", "total\n");
    repo.write(".deep-review.toml", "[[rule]]\nid = \"r\"\nadded = 'total'\nmessage = \"\\u001b[2J\\u202e\\r say\"\n[\"k\\u001b[2J\"]\n");
    repo.commit(&format!("{} subject", nasty.replace('\n', "")));
    let branch = "b\u{202e}\u{200b}\u{9b}x";
    repo.git(["checkout", "-q", "-b", branch]);
    let long = &["findings", "show", "I1"][..];
    for words in [
        &[][..],
        &["--format", "json"],
        &["-v"],
        &["findings"],
        &["findings", "--format", "json"],
        long,
        &["status"],
        &["explain"],
        &["explain", "--config"],
        &["gate"],
    ] {
        is_harmless(&repo, words);
    }
    let said = repo.push(["-q", "origin", branch]).code(1);
    let ours: String = said
        .stderr
        .lines()
        .filter(|line| !line.starts_with("error: failed"))
        .collect();
    assert!(
        !ours.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\r', '\u{9b}']),
        "{said}"
    );
    repo.commit_file(".deep-review.toml", "\u{1b}[2J\u{202e} = \r");
    is_harmless(&repo, &[]);
    is_harmless(&repo, &["--base", nasty]);
    is_harmless(&repo, &["findings", "show", nasty]);
    is_harmless(&repo, &["explain", "--config"]);
}

#[test]
fn build_servers_get_no_commands_from_a_change() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("::error::pwned.js", FLAWED);
    repo.commit_file("##vso[task.setvariable]x.js", FLAWED);
    for words in [
        &[][..],
        &["findings"],
        &["findings", "show", "I1"],
        &["gate"],
        &["explain"],
    ] {
        let said = repo.deep_review(words);
        let obeyed = |line: &str| line.starts_with("::") || line.starts_with("##");
        assert!(
            !said.stdout.lines().chain(said.stderr.lines()).any(obeyed),
            "{said}"
        );
    }
}

#[test]
fn binary_files_are_listed() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write("logo.png", b"\x89PNG\0\0");
    repo.commit_file("cart.js", SOUND);
    repo.deep_review(NOTHING)
        .code(0)
        .prints("Listed, not read: logo.png (binary).");
}

#[test]
fn attributes_hide_nothing() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write(
        ".gitattributes",
        "*.js -diff binary linguist-generated export-ignore\n",
    );
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review(NOTHING).code(1).prints("cart.js:2");
}

#[test]
fn a_text_over_the_limit_is_inconclusive() {
    let sandbox = Sandbox::new();
    sandbox.configure("[review]\nmax_file_size = 60\n");
    let (repo, remote) = sandbox.hooked();
    repo.write("small.js", "let a;\n");
    repo.commit_file("cart.js", FLAWED);
    let said = repo
        .deep_review(NOTHING)
        .code(3)
        .prints("INCONCLUSIVE")
        .conceals("PASS");
    assert!(said.stdout.contains("unread    cart.js: "), "{said}");
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js")
        .says("DEEP_REVIEW_SKIP");
    assert_eq!(remote.id("topic"), "");
    sandbox.configure("[review]\nmax_file_size = 60\n[gate]\non_incomplete = \"allow\"\n");
    repo.push(["-q", "origin", "topic"])
        .code(0)
        .says("NOT REVIEWED")
        .conceals("PASS");
}

#[test]
fn a_missing_object_never_passes() {
    for lenient in [false, true] {
        let sandbox = Sandbox::new();
        if lenient {
            sandbox.configure("[gate]\non_incomplete = \"allow\"\n");
        }
        let (repo, remote) = sandbox.hooked();
        repo.commit_file("cart.js", FLAWED);
        repo.commit_file("shop.js", SOUND);
        let blob = repo.id("HEAD:cart.js");
        let object = repo.path(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
        sandbox
            .call("mv")
            .arg(&object)
            .arg(sandbox.path("away"))
            .run()
            .code(0);
        let said = repo.deep_review(NOTHING);
        if lenient {
            assert!(
                said.stdout.contains("NOT REVIEWED") && !said.stdout.contains("PASS"),
                "{said}"
            );
            continue;
        }
        assert!(matches!(said.code, Some(2 | 3)), "{said}");
        said.conceals("PASS");
        repo.push(["-q", "origin", "topic"])
            .code(1)
            .says("cart.js")
            .conceals("PASS");
        assert_eq!(remote.id("topic"), "");
    }
}

#[test]
fn content_of_another_id_never_passes_and_a_diff_says_so_when_asked() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.commit_file("shop.js", format!("{SOUND}// shop\n"));
    let place = |path: &str| {
        let blob = repo.id(&format!("HEAD:{path}"));
        repo.path(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]))
    };
    let copy = [
        "-f",
        place("cart.js").to_str().unwrap(),
        place("shop.js").to_str().unwrap(),
    ]
    .map(str::to_owned);
    sandbox.call("cp").args(copy).run().code(0);
    for shape in [&["--verify"][..], &["--format", "json"]] {
        let words = [&["diff"], shape].concat();
        repo.deep_review(words)
            .code(3)
            .prints("is damaged")
            .says("unread: shop.js: object");
    }
    repo.deep_review(["diff"]).code(0).conceals("is damaged");
    repo.deep_review(NOTHING).code(3).prints("is damaged");
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("is damaged");
}

#[test]
fn a_diff_that_is_not_complete_says_so() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.write(".deep-review.toml", "[review]\nexclude = [\"secret/*\"]\n");
    repo.commit_file("cart.js", SOUND);
    repo.git(["push", "-q", "origin", "HEAD:main"]);
    repo.commit_file("shop.js", format!("{SOUND}// shop\n"));
    repo.commit_file("cart.js", FLAWED);
    let lose = |path: &str| {
        let blob = repo.id(&format!("HEAD:{path}"));
        let object = repo.path(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
        repo.call("rm").arg("-f").arg(object).run().code(0);
    };
    lose("shop.js");
    let rest = [
        "+  debugger;",
        "cart.js | 1 +",
        "\"path\":\"cart.js\"",
        "+  debugger;",
    ];
    let shapes = [&[][..], &["--stat"], &["--format", "json"], &["--verify"]];
    for (shape, rest) in shapes.into_iter().zip(rest) {
        let said = repo.deep_review([&["diff"], shape].concat()).code(3);
        let said = said.prints(rest).says("unread: shop.js: object");
        assert_eq!(said.stderr.matches("is missing").count(), 1, "{said}");
    }
    repo.deep_review(["-q", "diff"]).code(3).says("unread: ");
    repo.deep_review(["diff", "--range", "HEAD~..HEAD"]).code(0);

    // What is excluded is no part of a review, but of the patch.
    repo.commit_file("secret/a.js", "a");
    lose("secret/a.js");
    let last = ["diff", "--commit", "HEAD", "--format"];
    let as_in = |format| repo.deep_review([&last[..], &[format]].concat());
    as_in("json").code(0);
    as_in("patch").code(3).says("unread: secret/a.js: ");
}

#[test]
fn a_missing_tree_or_commit_is_an_error() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("deep/cart.js", FLAWED);
    let tree = repo.id("HEAD:deep");
    let object = repo.path(format!(".git/objects/{}/{}", &tree[..2], &tree[2..]));
    sandbox
        .call("mv")
        .arg(&object)
        .arg(sandbox.path("away"))
        .run()
        .code(0);
    let said = repo.deep_review(NOTHING);
    assert!(matches!(said.code, Some(2 | 3)), "{said}");
    said.conceals("PASS");
}

#[test]
fn quiet_says_only_what_is_asked_for() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let said = repo.deep_review(["-q"]).code(1).prints("cart.js:2");
    assert_eq!(said.stderr, "");
    let said = repo
        .deep_review(["-q", "resolve", "I1", "--as", "wont-fix", "-m", "x"])
        .code(0);
    assert_eq!((said.stdout, said.stderr), (String::new(), String::new()));
}
