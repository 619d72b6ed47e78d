//! What a branch only puts back as the base had it: listed, read by the rules, not owed to agents.

use serde_json::Value;

use crate::support::sandbox::{FLAWED, Repo, SOUND, Sandbox};

/// An agent that nobody asks here.
const HOUSE: &str = "[agents.house]\nkind = \"command\"\ncommand = [\"house\"]\n";

/// `main` has `shop.js` in two versions; `topic` puts the first one back and adds `cart.js`.
fn reverting(sandbox: &Sandbox) -> Repo<'_> {
    sandbox.configure(HOUSE);
    let (repo, _) = sandbox.cloned();
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("deep/shop.js", SOUND);
    repo.commit_file("deep/shop.js", format!("{SOUND}// more\n"));
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic", "main"]);
    repo.write("deep/shop.js", SOUND);
    repo.commit_file("cart.js", format!("{SOUND}// cart\n"));
    repo
}

/// The class of a changed file, in words.
fn class(report: &Value, path: &str) -> String {
    let units = report["targets"][0]["units"].as_array().unwrap();
    let unit = units.iter().find(|unit| unit["path"] == path).unwrap();
    let why = unit["class"]["why"].as_str().unwrap_or_default();
    format!("{} {why}", unit["class"]["name"].as_str().unwrap())
}

fn gate(repo: &Repo<'_>, scope: &[&str]) -> Value {
    let words = [&["gate", "--format", "json"], scope].concat();
    repo.deep_review(words).json()
}

#[test]
fn what_a_branch_puts_back_is_not_owed_to_agents() {
    let sandbox = Sandbox::new();
    let repo = reverting(&sandbox);
    let alone = gate(&repo, &[]);
    assert_eq!(
        class(&alone, "deep/shop.js"),
        "reviewed ",
        "nobody is asked"
    );
    repo.deep_review(["agents", "enable", "house"]).code(0);
    let report = gate(&repo, &[]);
    let had_it = &repo.id("main~1")[..7];
    let restored = format!("rules-only restored as it was in {had_it}");
    assert!(
        class(&report, "deep/shop.js").starts_with(&restored),
        "{report}"
    );
    assert_eq!(class(&report, "cart.js"), "reviewed ");
    let waiting = report["verdict"]["not_reviewed"].as_array().unwrap();
    let of_house: Vec<&Value> = waiting
        .iter()
        .filter(|unread| unread["agents"].to_string().contains("house"))
        .map(|unread| &unread["path"])
        .collect();
    assert_eq!(of_house, ["cart.js"]);
    // The rules read it all the same.
    let by_rules = waiting
        .iter()
        .any(|unread| unread["path"] == "deep/shop.js");
    assert!(by_rules, "{report}");
}

#[test]
fn a_base_that_was_named_and_what_stands_on_the_branch_restore_nothing() {
    let sandbox = Sandbox::new();
    let repo = reverting(&sandbox);
    repo.deep_review(["agents", "enable", "house"]).code(0);
    for scope in [&["--base", "main"][..], &["--range", "main..topic"]] {
        let report = gate(&repo, scope);
        assert_eq!(class(&report, "deep/shop.js"), "reviewed ", "{scope:?}");
    }
    // What the branch itself had before is nothing that anybody has read.
    repo.commit_file("evil.js", FLAWED);
    repo.commit_file("evil.js", SOUND);
    repo.commit_file("evil.js", FLAWED);
    assert_eq!(class(&gate(&repo, &[]), "evil.js"), "reviewed ");
    repo.write("evil.js", SOUND);
    repo.git(["add", "evil.js"]);
    assert_eq!(class(&gate(&repo, &["--staged"]), "evil.js"), "reviewed ");
}
