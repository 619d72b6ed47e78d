//! What a push publishes besides its tip: every new commit, also one that a later commit takes back.

use serde_json::Value;

use crate::support::sandbox::{FLAWED, SOUND, Sandbox, read_and_remembered};
use crate::support::token::amazon;

fn line(seed: u64) -> String {
    format!("const key = \"{}\";\n", amazon(seed))
}

#[test]
fn a_secret_taken_back_by_the_next_commit_holds_the_push_until_it_is_resolved() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    let culprit = repo.commit_file("deploy.js", format!("{SOUND}{}", line(1)));
    repo.commit_file("deploy.js", SOUND);
    let said = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("deploy.js:4 in commit ");
    assert!(said.stderr.contains(&culprit[..12]), "{said}");
    said.conceals(&amazon(1));
    assert_eq!(remote.id("topic"), "");
    let shown = repo
        .deep_review(["findings", "show", "I1"])
        .code(0)
        .prints("which a push publishes too");
    shown.conceals(&amazon(1));
    repo.deep_review([
        "resolve",
        "I1",
        "--as",
        "false-positive",
        "-m",
        "an example of the manual",
    ])
    .code(0);
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
    assert_eq!(remote.id("topic"), repo.id("topic"));
}

#[test]
fn a_secret_in_a_file_removed_later_or_renamed_later_is_found() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("gone.js", line(2));
    repo.git(["rm", "-q", "gone.js"]);
    repo.commit_file("before.js", format!("{SOUND}{}", line(3)));
    repo.git(["mv", "before.js", "after.js"]);
    repo.commit_file("after.js", SOUND);
    let said = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("gone.js:1 in commit ");
    said.says("before.js:4 in commit ")
        .says("BLOCKED by 2 findings");
}

#[test]
fn a_squash_takes_the_secret_out_of_what_is_published() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("deploy.js", line(4));
    repo.commit_file("deploy.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(1);
    repo.git(["reset", "-q", "--soft", "main"]);
    repo.commit("Only what is good");
    repo.push(["-q", "origin", "topic"])
        .code(0)
        .says("PASS: 1 file");
}

#[test]
fn a_secret_on_a_side_branch_that_was_merged_is_found() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.git(["checkout", "-q", "-b", "side"]);
    repo.commit_file("deploy.js", line(5));
    repo.commit_file("deploy.js", SOUND);
    repo.git(["checkout", "-q", "topic"]);
    repo.commit_file("cart.js", SOUND.replace("total", "sum"));
    repo.git(["merge", "-q", "--no-edit", "side"]);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("deploy.js:1 in commit ");
}

#[test]
fn a_secret_that_only_a_merge_introduces_is_found() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", SOUND);
    repo.git(["checkout", "-q", "-b", "side", "main"]);
    repo.commit_file("shop.js", SOUND.replace("total", "sum"));
    repo.git(["checkout", "-q", "topic"]);
    repo.git(["merge", "-q", "--no-ff", "--no-commit", "side"]);
    repo.write("cart.js", format!("{SOUND}{}", line(6)));
    let merge = repo.commit("Merge side");
    assert_eq!(
        repo.git(["rev-list", "--parents", "-1", &merge])
            .split(' ')
            .count(),
        3
    );
    repo.commit_file("cart.js", SOUND);
    let said = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:4 in commit ");
    assert!(said.stderr.contains(&merge[..12]), "{said}");
}

#[test]
fn a_commit_that_could_not_be_read_is_not_passed_over() {
    let sandbox = Sandbox::new();
    sandbox.configure("[review]\nmax_file_size = 60\n");
    let (repo, remote) = sandbox.hooked();
    repo.commit_file("big.js", line(9).repeat(3));
    repo.git(["rm", "-q", "big.js"]);
    repo.commit_file("cart.js", "go();\n");
    let said = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .conceals("PASS");
    assert!(said.stderr.contains("big.js in commit "), "{said}");
    assert_eq!(remote.id("topic"), "");
}

#[test]
fn only_history_rules_look_at_what_was_taken_back() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(0);
}

#[test]
fn a_secret_that_is_on_the_remote_already_is_not_held_against_the_next_push() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("deploy.js", line(7));
    repo.push(["-q", "--no-verify", "origin", "topic"]).code(0);
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
}

#[test]
fn the_same_secret_at_another_place_needs_a_decision_of_its_own() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("deploy.js", line(8));
    repo.deep_review([""; 0]).code(1);
    repo.deep_review(["resolve", "I1", "--as", "false-positive", "-m", "example"])
        .code(0);
    repo.push(["-q", "origin", "topic"]).code(0);
    repo.commit_file("other.js", line(8));
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("other.js:1");
}

/// The keys of the units at a path, from a report.
fn keys(report: &Value, path: &str) -> Vec<String> {
    let units = report["targets"][0]["units"].as_array().unwrap();
    let of_path = units.iter().filter(|unit| unit["path"] == path);
    of_path
        .map(|unit| unit["key"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn equal_edits_in_different_blocks_of_a_file_are_different_units() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let block = |inner: &str| {
        format!(
            "function act() {{\n  open();\n  step();\n  step();\n{inner}  step();\n  step();\n  close();\n}}\n"
        )
    };
    let file = |first: &str, second: &str| format!("{}{}", block(first), block(second));
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("act.js", file("", ""));
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-b", "first"]);
    repo.commit_file("act.js", file("  skip();\n", ""));
    let first = keys(&repo.review(), "act.js");
    repo.git(["checkout", "-q", "-b", "second", "main"]);
    repo.commit_file("act.js", file("", "  skip();\n"));
    let report = repo.review();
    assert_eq!((first.len(), keys(&report, "act.js").len()), (1, 1));
    assert_ne!(keys(&report, "act.js"), first);
    assert_eq!(read_and_remembered(&report), (1, 0));
}
