//! How long a decision holds: while its code stands, wherever it was moved, and no longer.

use serde_json::Value;

use crate::support::sandbox::{FLAWED, Repo, SOUND, Sandbox};

/// The state of the finding at a path, as a review sees it now.
fn state(repo: &Repo<'_>, path: &str) -> Value {
    let report = repo.review();
    let findings = report["targets"][0]["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|standing| standing["finding"]["anchor"]["path"] == path);
    found.map_or(Value::Null, |standing| standing["state"].clone())
}

fn resolve(repo: &Repo<'_>, id: &str, decision: &str) {
    repo.deep_review(["resolve", id, "--as", decision, "-m", "because"])
        .code(0);
}

#[test]
fn changed_code_opens_the_finding_again_and_says_why() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    resolve(&repo, &id, "accepted-risk");
    repo.commit_file(
        "cart.js",
        FLAWED.replace("  debugger;", "  if (prices) { debugger; }"),
    );
    let said = repo
        .push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
    assert!(
        said.stderr
            .contains("(accepted-risk) was about code that has changed since"),
        "{said}"
    );
    assert!(state(&repo, "cart.js")["lapsed"].is_string());
}

#[test]
fn moves_and_line_ends_are_not_material_and_indentation_is() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    resolve(&repo, &id, "accepted-risk");
    for (text, holds) in [
        (format!("// One.\n\n// Two.\n{FLAWED}"), true),
        (FLAWED.replace("debugger;", "debugger;  \t"), true),
        (FLAWED.replace('\n', "\r\n"), true),
        (format!("{FLAWED}// The end.\n"), true),
        (FLAWED.replace("  debugger;", "    debugger;"), false),
    ] {
        repo.commit_file("cart.js", &text);
        let said = repo.deep_review([""; 0]);
        assert_eq!(said.code, Some(i32::from(!holds)), "{text:?}: {said}");
    }
}

#[test]
fn a_second_equal_line_is_another_finding() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    resolve(&repo, &id, "accepted-risk");
    repo.commit_file(
        "cart.js",
        format!("{FLAWED}{}", FLAWED.replace("total", "count")),
    );
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("BLOCKED by 1 finding")
        .says("cart.js:6");
}

#[test]
fn a_moved_file_keeps_its_decision_and_a_copy_does_not() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    resolve(&repo, &id, "accepted-risk");
    repo.git(["mv", "cart.js", "basket.js"]);
    repo.commit("Move");
    repo.deep_review([""; 0]).code(0).prints("PASS");
    repo.commit_file("cart.js", FLAWED);
    let said = repo
        .deep_review([""; 0])
        .code(1)
        .prints("BLOCKED by 1 finding");
    assert!(said.stdout.contains("basket.js:2"), "{said}");
}

#[test]
fn a_decision_follows_the_code_to_another_branch() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    resolve(&repo, &id, "accepted-risk");
    repo.git(["checkout", "-q", "-b", "elsewhere", "main"]);
    repo.commit_file("other.md", "Other.\n");
    repo.git(["cherry-pick", "topic"]);
    repo.push(["-q", "origin", "elsewhere"])
        .code(0)
        .says("PASS");
}

#[test]
fn corrected_code_closes_its_finding_by_itself() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    repo.push(["-q", "origin", "topic"]).code(1);
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
    repo.deep_review(["findings"]).code(0).conceals(&id);
    // It comes back when the code does.
    repo.commit_file("cart.js", FLAWED);
    repo.deep_review([""; 0]).code(1).prints(&id);
}

#[test]
fn a_corrected_rule_closes_its_finding_by_itself() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    let rule = |pattern: &str| {
        format!(
            "[[rule]]\nid = \"no-total\"\nseverity = \"important\"\nadded = '{pattern}'\nmessage = \"say sum\"\n"
        )
    };
    repo.write(".deep-review.toml", rule("total"));
    repo.commit_file("cart.js", SOUND);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:1");
    repo.commit_file(".deep-review.toml", rule("\\btotal = 1\\b"));
    repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
    let said = repo.deep_review(["findings"]).code(0);
    assert!(said.stdout.contains("no findings"), "{said}");
}

#[test]
fn fixed_is_refused_while_the_code_stands() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    let said = repo
        .deep_review(["resolve", &id, "--as", "fixed"])
        .code(2)
        .says("still has it");
    assert!(
        said.stderr.contains("hint: commit the correction"),
        "{said}"
    );
    // A correction that is not committed corrects nothing of what is pushed.
    repo.write("cart.js", SOUND);
    repo.deep_review(["resolve", &id, "--as", "fixed"]).code(2);
    repo.commit("Correct it");
    let said = repo.deep_review(["resolve", &id, "--as", "fixed"]).code(2);
    assert!(
        said.stderr.contains("not been reviewed since it changed"),
        "{said}"
    );
    repo.deep_review([""; 0]).code(0);
    repo.deep_review(["resolve", &id, "--as", "fixed"]).code(0);
    // Saying so does not close it when it is back.
    repo.commit_file("cart.js", FLAWED);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("said to be fixed on ");
}

#[test]
fn fixed_cannot_be_claimed_from_another_branch() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    repo.git(["checkout", "-q", "main"]);
    repo.deep_review(["resolve", &id, "--as", "fixed"]);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
}
