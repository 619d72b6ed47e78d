//! The rules of a repository: listed, asked about a path, proposed by agents and accepted.

use serde_json::{Value, json};

use crate::reports::{CLAUDE, CODEX, LOCK, reviewed};
use crate::support::sandbox::{FLAWED, Repo, Sandbox, write};

/// What claude proposes, and codex in other words; and something else.
fn proposed(repo: &Repo<'_>) {
    let claude = format!(
        "{CLAUDE}\n## Review Process Notes\n\n### Repo context updates\n\n\
         - Locks taken in `pkg/` are released in every branch of the function that takes them.\n\
         - Say <!-- paths: x --> which file failed in every error message.\n"
    );
    let codex = format!(
        "{CODEX}\n## Proposals\n\n\
         - Every function in `pkg/` that takes locks has released them in every branch.\n"
    );
    write(&repo.path("../claude.md"), claude);
    write(&repo.path("../codex.md"), codex);
    repo.deep_review([
        "--review",
        "claude=../claude.md",
        "--review",
        "codex=../codex.md",
    ])
    .code(1);
}

#[test]
fn a_proposed_rule_is_listed_once_and_accepted_as_a_plain_edit() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("pkg/cache.go", LOCK);
    repo.commit_file("web/total.js", FLAWED);
    repo.commit_file(
        "deep-review-context.md",
        "# Ours\n\n- Old rule stays.\n\n\n",
    );
    proposed(&repo);
    let list = || -> Value {
        repo.deep_review(["rules", "proposals", "--format", "json"])
            .code(0)
            .json()
    };
    let proposals = list();
    assert_eq!(proposals.as_array().unwrap().len(), 2, "{proposals}");
    assert_eq!(proposals[0]["evidence"].as_array().unwrap().len(), 2);
    assert_eq!(proposals[1]["evidence"][0]["agent"], "claude");
    repo.deep_review(["rules", "proposals"])
        .code(0)
        .prints("rules accept N");

    repo.deep_review(["rules", "accept", "3"])
        .code(2)
        .says("no proposal is called `3`");
    repo.deep_review(["rules", "accept", "2"]).code(0);
    let text = std::fs::read_to_string(repo.path("deep-review-context.md")).unwrap();
    assert!(text.starts_with("# Ours\n\n- Old rule stays.\n\n## Rules from reviews\n\n- **say-"));
    assert!(!text.contains("<!--"), "a proposal sets no paths: {text}");
    assert_eq!(
        list().as_array().unwrap().len(),
        1,
        "what is there is not proposed"
    );
    let id = list()[0]["id"].as_str().unwrap().to_owned();
    repo.deep_review(["rules", "accept", &id]).code(0);
    assert_eq!(list(), json!([]));
    let text = std::fs::read_to_string(repo.path("deep-review-context.md")).unwrap();
    assert_eq!(text.matches("## Rules from reviews").count(), 1);
}

#[test]
fn the_first_accepted_proposal_makes_the_document() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.commit_file("pkg/cache.go", LOCK);
    proposed(&repo);
    repo.deep_review(["rules", "accept", "1"]).code(0);
    let text = std::fs::read_to_string(repo.path("deep-review-context.md")).unwrap();
    assert!(text.starts_with("# Context for reviewers\n\n## Rules from reviews\n\n- **"));
    // A link would lead the edit elsewhere.
    #[cfg(unix)]
    {
        repo.call("mv")
            .args(["deep-review-context.md", "../there.md"])
            .run()
            .code(0);
        std::os::unix::fs::symlink("../there.md", repo.path("deep-review-context.md")).unwrap();
        repo.deep_review(["rules", "accept", "1"])
            .code(2)
            .says("is not a plain file");
    }
}

#[test]
fn rules_are_listed_with_how_often_they_were_cited() {
    let sandbox = Sandbox::new();
    let (repo, _) = reviewed(&sandbox);
    repo.write(
        "deep-review-context.md",
        "# Ours\n\n## Go\n<!-- paths: pkg/** -->\n\n- **lock-release**: release it\n",
    );
    repo.write(
        ".deep-review.toml",
        "[[rule]]\nid = \"no-total\"\nseverity = \"suggestion\"\npaths = [\"web/**\"]\nadded = \"total\"\nmessage = \"say sum\"\n",
    );
    repo.commit("Configure");
    let rules = repo
        .deep_review(["rules", "--format", "json"])
        .code(0)
        .json();
    let of = |rules: &Value, id: &str| -> Option<Value> {
        let mut rules = rules.as_array().unwrap().iter();
        rules.find(|rule| rule["id"] == id).cloned()
    };
    let debugger = of(&rules, "debugger-leftover").unwrap();
    assert_eq!(debugger["cited"], 1, "{debugger}");
    assert_eq!(debugger["source"], "built-in");
    assert!(debugger["last_cited"].is_string());
    let own = of(&rules, "no-total").unwrap();
    assert_eq!(
        (&own["cited"], &own["source"]),
        (&json!(0), &json!(".deep-review.toml"))
    );
    let prose = of(&rules, "lock-release").unwrap();
    assert_eq!(prose["source"], "deep-review-context.md:6");

    let check = |path: &str| {
        repo.deep_review(["rules", "check", path, "--format", "json"])
            .code(0)
            .json()
    };
    assert!(of(&check("web/x.js"), "no-total").is_some());
    assert!(of(&check("web/x.js"), "lock-release").is_none());
    assert!(of(&check("pkg/x.go"), "no-total").is_none());
    assert!(of(&check("./pkg/x.go"), "lock-release").is_some());
    repo.deep_review(["rules"])
        .code(0)
        .prints("cited once, on ");
}
