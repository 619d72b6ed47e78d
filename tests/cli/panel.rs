//! The panel: who is asked, about what, what leaves the machine, and what counts as reviewed.
//! Agents that fail are left to `panel_faults`, pushes and interruptions to `panel_hook`.

use crate::support::agents::{configured, enabled, has, snapshots, units};
use crate::support::sandbox::{PROGRAM, Repo, Sandbox, readers, write};
use crate::support::token;

/// A cart with a mistake that no rule knows.
const CART: &str = "export function total(prices) {\n  return prices.length;\n}\n";
const SHOP: &str = "export function greet(name) {\n  return \"Hello, \" + name;\n}\n";
/// The mistake as an agent raises it.
const FINDING: &str =
    "cart.js|2|important|The sum counts prices instead of adding them|return prices.length;";

/// A clone with the cart on its branch.
fn with_cart(sandbox: &Sandbox) -> Repo<'_> {
    let (repo, _) = sandbox.cloned();
    repo.commit_file("cart.js", CART);
    repo
}

#[test]
fn who_would_lead_is_told_before_anything_is_sent() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann, bob] = configured(&sandbox, ["ann", "bob"], "[review]\n");
    repo.deep_review(["agents", "enable", "ann"]).code(0);
    repo.deep_review(["--dry-run"])
        .code(0)
        .prints("ann would get cart.js")
        .prints("ann would lead");
    // Also one that reads nothing else.
    repo.deep_review(["--dry-run", "--lead", "bob"])
        .code(0)
        .prints("bob would lead");
    repo.deep_review(["--dry-run", "--lead", "none"])
        .code(0)
        .conceals("would lead");
    assert!(ann.asked().is_empty() && bob.asked().is_empty());
}

#[test]
fn what_the_repository_recommends_is_told_and_enables_nobody() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann] = configured(&sandbox, ["ann"], "");
    repo.commit_file(
        ".deep-review.toml",
        "[review]\nagents = [\"ann\", \"house\"]\n",
    );
    repo.deep_review(["install"])
        .code(0)
        .says("could review too: ann (this repository recommends ann, house)");
    repo.deep_review([""; 0]).code(0).conceals("ann (");
    assert!(ann.asked().is_empty());
}

#[test]
fn nobody_is_asked_before_the_user_said_so() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann] = configured(&sandbox, ["ann"], "");
    repo.deep_review([""; 0])
        .code(0)
        .prints("PASS")
        .conceals("ann");
    assert!(ann.asked().is_empty());
    repo.deep_review(["agents", "enable", "ann"])
        .code(0)
        .says("changed files and what it reads around them are sent to");
    repo.deep_review(["gate"]).code(3);
    assert!(ann.asked().is_empty());
    let report = repo.review();
    assert_eq!(ann.asked().len(), 1);
    assert_eq!(readers(&report, "cart.js"), ["ann"]);
    assert!(snapshots(&sandbox).is_empty());
    // Elsewhere nobody was enabled.
    let other = sandbox.repo_called("other");
    other.commit_file("cart.js", CART);
    other.deep_review(["--commit", "HEAD"]).code(0);
    assert_eq!(ann.asked().len(), 1);
}

#[test]
fn a_repository_names_no_agent() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [ann] = configured(&sandbox, ["ann"], "");
    sandbox.configure("");
    let table = format!("[review]\nagents = [\"ann\"]\n{}", ann.table());
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file(".deep-review.toml", &table);
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic"]);
    repo.write(".deep-review.toml", format!("{table}# more\n"));
    repo.commit_file("cart.js", CART);
    repo.deep_review([""; 0]).conceals("by ann");
    repo.deep_review(["agents", "enable", "ann"])
        .code(2)
        .says("no agent is called `ann`");
    repo.deep_review(["-a", "ann"]).code(2);
    assert!(ann.asked().is_empty());
}

#[test]
fn an_agent_named_by_hand_is_asked_alone() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann, bob] = configured(&sandbox, ["ann", "bob"], "");
    repo.deep_review(["agents", "enable", "ann"]).code(0);
    repo.deep_review(["-a", "bob"]).code(0);
    assert_eq!((ann.asked().len(), bob.asked().len()), (0, 1));
    repo.deep_review(["-a", "none"]).code(0);
    assert_eq!((ann.asked().len(), bob.asked().len()), (0, 1));
    // Bob was not enabled: his word does not answer for Ann.
    repo.deep_review(["gate"]).code(3);
}

#[test]
fn an_agent_that_is_not_configured_any_more_is_missing() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann, bob] = enabled(&repo, ["ann", "bob"], "");
    sandbox.configure(&bob.table());
    let report = repo.review();
    let missing = &report["targets"][0]["missing"][0];
    assert_eq!(missing["agent"], "ann");
    assert_eq!(missing["why"], "not configured any more");
    sandbox.configure("");
    repo.deep_review([""; 0])
        .code(3)
        .prints("INCONCLUSIVE")
        .prints("not configured any more by ann, bob");
    assert!(ann.asked().is_empty());
}

#[test]
fn one_answer_is_enough_and_the_missing_one_is_named() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [_, bob] = enabled(&repo, ["ann", "bob"], "");
    bob.does("echo 'the quota of this month is used up' >&2; exit 1");
    let report = repo.review();
    assert_eq!(report["verdict"]["answer"], "pass");
    let missing = &report["targets"][0]["missing"][0];
    assert_eq!(
        (&missing["agent"], &missing["units"]),
        (&"bob".into(), &1.into())
    );
    let why = missing["why"].as_str().unwrap();
    assert!(why.contains("the quota of this month is used up"), "{why}");
    assert_eq!(readers(&report, "cart.js"), ["ann"]);
}

#[test]
fn a_quorum_of_two_is_not_met_by_one() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann, bob] = enabled(&repo, ["ann", "bob"], "[gate]\nquorum = 2\n");
    bob.does("exit 1");
    repo.deep_review([""; 0])
        .code(3)
        .prints("INCONCLUSIVE")
        .prints("bob");
    bob.does("answer");
    repo.deep_review([""; 0])
        .code(0)
        .prints("PASS: 1 file by the built-in rules and ann, bob");
    assert_eq!((ann.asked().len(), bob.asked().len()), (1, 2));
}

#[test]
fn which_files_each_agent_would_get_is_told_before_anything_is_sent() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [ann, bob] = enabled(&repo, ["ann", "bob"], "");
    for n in 10..32 {
        repo.write(format!("f{n}.js"), CART);
    }
    repo.commit("Add carts");
    let said = repo.deep_review(["--dry-run"]).code(0);
    let said = said
        .prints("ann would get 22 files")
        .prints("bob would get 22 files");
    let said = said.prints("  f10.js\n").prints("  f29.js\n  and 2 more");
    assert_eq!(said.stdout.matches("f10.js").count(), 1, "{said}");
    repo.deep_review(["explain", "-v"])
        .code(0)
        .prints("  f30.js\n  f31.js\n")
        .conceals("more (");

    bob.does("echo 'the quota is used up' >&2; exit 1");
    repo.deep_review([""; 0]).code(0);
    repo.commit_file("f10.js", SHOP);
    repo.deep_review(["--dry-run"])
        .prints("ann would get f10.js")
        .prints("bob would get 22 files");
    let asked = (ann.asked().len(), bob.asked().len());
    for words in [&["explain"][..], &["--dry-run"]] {
        let json = ["--format", "json"];
        let said = repo.deep_review([words, &json].concat()).code(0).json();
        let agents = said["agents"].as_array().unwrap();
        assert_eq!(agents.len(), 2, "{said}");
        assert_eq!(agents[0]["name"], "ann");
        assert_eq!(agents[0]["files"], serde_json::json!(["f10.js"]));
        assert_eq!(agents[1]["files"].as_array().unwrap().len(), 22);
        assert_eq!(agents[1]["sends_to"], "the program `/bin/sh`");
        assert_eq!(agents[1]["parts"], 1);
        assert!(agents[1]["tokens"].as_u64() > Some(2_000), "{said}");
    }
    repo.deep_review(["--dry-run", "--format", "sarif"])
        .code(2)
        .says("--format json");
    assert_eq!((ann.asked().len(), bob.asked().len()), asked);
}

#[test]
fn a_spent_limit_is_said_and_has_a_policy_of_its_own() {
    const LIMIT: &str = "[limits]\ntokens = 10\n";
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], LIMIT);
    let said = repo.deep_review([""; 0]).code(3).prints("INCONCLUSIVE");
    said.prints("limits.tokens = 10");
    sandbox.configure(&format!(
        "{}{LIMIT}[gate]\non_budget = \"rules-only\"\n",
        ann.table()
    ));
    repo.deep_review([""; 0])
        .code(0)
        .prints("NOT REVIEWED by agents: 1 file");
    assert!(ann.asked().is_empty());
}

#[test]
fn what_was_read_is_not_asked_for_again() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [ann] = enabled(&repo, ["ann"], "");
    repo.commit_file("cart.js", CART);
    repo.commit_file("shop.js", SHOP);
    repo.deep_review([""; 0]).code(0);
    assert_eq!(units(&ann.asked()[0]), ["cart.js", "shop.js"]);
    let again = |how: &str| {
        let report = repo.review();
        assert_eq!(report["verdict"]["answer"], "pass", "{how}");
        assert_eq!(readers(&report, "cart.js"), ["ann"], "{how}");
        assert_eq!(ann.asked().len(), 1, "{how}");
    };
    again("as it is");
    repo.git(["commit", "-q", "--amend", "-m", "Say it better"]);
    again("amended");
    repo.git(["reset", "-q", "--soft", "main"]);
    repo.commit("Both in one");
    again("squashed");
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("other.js", "export const other = 1;\n");
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "topic"]);
    repo.git(["rebase", "-q", "main"]);
    again("rebased");

    repo.commit_file("shop.js", SHOP.replace("Hello", "Welcome"));
    repo.deep_review([""; 0]).code(0);
    let asked = ann.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(units(&asked[1]), ["shop.js"]);
    assert!(!asked[1].contains("prices.length"), "{}", asked[1]);
    repo.deep_review(["--fresh"]).code(0);
    assert_eq!(units(&ann.asked()[2]), ["cart.js", "shop.js"]);
}

#[test]
fn a_finding_holds_the_change_until_somebody_decides() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], "");
    ann.raises(FINDING);
    repo.deep_review([""; 0])
        .code(1)
        .prints("The sum counts prices instead of adding them")
        .prints("cart.js:2");
    repo.deep_review(["gate"]).code(1);
    let words = ["resolve", "I1", "--as", "accepted-risk", "-m", "two items"];
    repo.deep_review(words).code(0);
    repo.deep_review(["gate"]).code(0);
    repo.deep_review([""; 0]).code(0);
    assert_eq!(ann.asked().len(), 1);
}

#[test]
fn a_change_in_pages_is_read_by_everybody() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [ann, bob] = enabled(&repo, ["ann", "bob"], "");
    for name in ["long.js", "longer.js"] {
        let lines = (0..2000).map(|n| format!("export const item_{n} = {n} + {n};\n"));
        repo.write(name, lines.collect::<String>());
    }
    repo.commit("Much");
    let report = repo.review();
    for agent in [&ann, &bob] {
        assert!(agent.asked()[0].contains("diff/u01-001.txt"));
    }
    assert_eq!(readers(&report, "long.js"), ["ann", "bob"]);
    assert_eq!(readers(&report, "longer.js"), ["ann", "bob"]);
}

#[test]
fn what_only_the_branch_excludes_is_not_sent_and_stays_owed() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [ann] = enabled(&repo, ["ann"], "");
    ann.does("cp -R . \"$asked/snapshot\"; answer");
    repo.write(".deep-review.toml", "[review]\nexclude = [\"plans/**\"]\n");
    repo.write("plans/merger.txt", "we buy the corner shop\n");
    repo.commit_file("cart.js", CART);
    repo.deep_review([""; 0])
        .code(3)
        .prints("plans/merger.txt")
        .prints("not sent to agents, and owed until the base side excludes it too");
    assert_eq!(units(&ann.asked()[0]), [".deep-review.toml", "cart.js"]);
    assert!(!has(&ann.path("asked-1"), "we buy the corner shop"));
    assert!(ann.asked()[0].contains("plans/merger.txt: excluded by"));
}

#[test]
fn what_is_excluded_stands_in_no_snapshot_changed_or_not() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.write(".deep-review.toml", "[review]\nexclude = [\"plans/**\"]\n");
    repo.write("plans/merger.txt", "we buy the corner shop\n");
    repo.write("plans/party.txt", "we celebrate in June\n");
    repo.commit("Plans");
    repo.git(["push", "-q", "origin", "HEAD:main"]);
    let [ann] = enabled(&repo, ["ann"], "");
    ann.does("cp -R . \"$asked/snapshot\"; answer");
    repo.write("plans/party.txt", "we celebrate in July\n");
    repo.commit_file("cart.js", CART);
    repo.deep_review([""; 0]).code(0);
    assert_eq!(units(&ann.asked()[0]), ["cart.js"]);
    for text in ["we buy the corner shop", "we celebrate in"] {
        assert!(!has(&ann.path("asked-1"), text), "{text}");
    }
    // The user excludes for all repositories.
    sandbox.configure(&format!("{}[review]\nexclude = [\"*.md\"]\n", ann.table()));
    repo.write("notes.md", "we move in autumn\n");
    repo.commit_file("shop.js", SHOP);
    repo.deep_review([""; 0]).code(0);
    assert!(!has(&ann.path("asked-2"), "we move in autumn"));
}

#[test]
fn files_of_secrets_are_never_sent() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [ann] = enabled(&repo, ["ann"], "");
    ann.does("cp -R . \"$asked/snapshot\"; answer");
    repo.write("shop.env.txt", "harmless\n");
    repo.write(".env", "GREETING=hello-from-the-shop\n");
    repo.write("deploy/server.key", "not even base64, but nobody looks\n");
    repo.commit_file("cart.js", CART);
    let said = repo.deep_review([""; 0]);
    assert!(said.stdout.contains("never sent to agents"), "{said}");
    assert_eq!(units(&ann.asked()[0]), ["cart.js", "shop.env.txt"]);
    for text in ["hello-from-the-shop", "but nobody looks"] {
        assert!(!has(&ann.path("asked-1"), text), "{text}");
    }
    // What can't be read by agents does not hold the change for ever.
    assert!(!said.stdout.contains("INCONCLUSIVE"), "{said}");
}

#[test]
fn secrets_are_cut_out_of_all_that_is_sent() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [ann] = enabled(&repo, ["ann"], "");
    ann.does("cp -R . \"$asked/snapshot\"; answer");
    let (old, new, beside) = (token::amazon(1), token::amazon(2), token::amazon(3));
    repo.git(["checkout", "-q", "main"]);
    repo.write("cart.js", format!("const key = \"{old}\";\n{CART}"));
    repo.write("beside.js", format!("const other = \"{beside}\";\n"));
    repo.commit("Begin badly");
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic"]);
    repo.commit_file("cart.js", format!("const key = \"{new}\";\n{CART}"));
    let said = repo.deep_review([""; 0]).code(1);
    assert!(ann.asked()[0].contains("[REDACTED:"));
    assert!(has(&ann.path("asked-1/snapshot"), "[REDACTED:"));
    for secret in [&old, &new, &beside] {
        assert!(!has(&ann.path("asked-1"), secret));
        assert!(!has(&repo.store(""), secret));
    }
    said.conceals(&new);
}

const SEES: &str = "what looks like a secret is not cut out for";

#[test]
fn an_agent_that_may_see_secrets_sees_them_and_the_report_says_so() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    // The last table is hers.
    let [ann] = enabled(&repo, ["ann"], "redact = false\n");
    ann.does("cp -R . \"$asked/snapshot\"; answer");
    let secret = token::amazon(1);
    repo.commit_file("cart.js", format!("const key = \"{secret}\";\n{CART}"));
    repo.deep_review(["--dry-run"]).conceals("cut out before");
    repo.deep_review([""; 0])
        .code(1)
        .prints(&format!("{SEES} ann"));
    assert!(ann.asked()[0].contains(&secret), "{}", ann.asked()[0]);
    assert!(has(&ann.path("asked-1/snapshot"), &secret));
    let said = repo.deep_review(["report", "--format", "json"]).json();
    assert!(said["warnings"].to_string().contains(SEES), "{said}");
}

#[test]
fn an_agent_that_may_see_secrets_shows_them_to_no_other() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [bob, ann] = enabled(&repo, ["bob", "ann"], "redact = false\n");
    for agent in [&bob, &ann] {
        agent.does("cp -R . \"$asked/snapshot\"; answer");
    }
    let secret = token::amazon(1);
    let text = |lines: usize| format!("const key = \"{secret}\";\n{}", CART.repeat(lines));
    repo.commit_file("cart.js", text(1));
    repo.deep_review([""; 0])
        .code(1)
        .prints(&format!("{SEES} ann:"));
    assert!(ann.asked()[0].contains(&secret), "{}", ann.asked()[0]);
    assert!(!has(&bob.path("asked-1"), &secret));
    // They read one snapshot, and what stands in its pages.
    assert!(!has(&ann.path("asked-1/snapshot"), &secret));
    repo.commit_file("cart.js", text(1_200));
    repo.deep_review([""; 0]).code(1);
    for agent in [&ann, &bob] {
        assert_eq!(agent.asked().len(), 2);
        assert!(!has(&agent.path("asked-2"), &secret));
    }
}

#[test]
fn a_reviewer_reads_a_repository_of_its_own() {
    let sandbox = Sandbox::new();
    let repo = with_cart(&sandbox);
    let [ann] = enabled(&repo, ["ann"], "");
    ann.does(
        "git log --format=%s -1 >\"$asked/log\"; git status --short >\"$asked/status\"; \
         git rev-parse --show-toplevel >\"$asked/top\"; answer",
    );
    repo.write("not-committed.js", "only here");
    write(&sandbox.path("home/.gitconfig"), "[user]\n\tname = Ada\n");
    repo.deep_review([""; 0]).code(0);
    assert_eq!(ann.wrote(1, "log"), "Write cart.js\n");
    assert_eq!(ann.wrote(1, "status"), "");
    let top = ann.wrote(1, "top");
    let cache = sandbox.cache("").canonicalize().unwrap();
    assert!(top.starts_with(cache.to_str().unwrap()), "{top}");
}

#[test]
fn agents_wait_for_no_other_agent_and_the_parts_of_one_for_room() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    // Too much for one brief.
    for dir in ["left", "right"] {
        let line =
            |nth: usize| format!("export const {dir}_{nth} = \"the price of number {nth}\";\n");
        let text: String = (0..2_500).map(line).collect();
        repo.write(format!("{dir}/prices.js"), text);
    }
    repo.commit("Add prices");
    let agents = enabled(&repo, ["ann", "bob"], "[limits]\nparallel = 1\n");
    let mut gates = agents.each_ref().map(|agent| {
        agent.does(
            "mkdir \"$own/busy\" || : >\"$own/both\"; wait_for_gate; rmdir \"$own/busy\"; answer",
        );
        agent.gate()
    });
    let review = repo.call(PROGRAM).start();
    for agent in &agents {
        agent.until_asked(1);
    }
    for gate in &mut gates {
        gate.open();
        gate.open();
    }
    review.finish().code(0).prints("ann, bob");
    for agent in &agents {
        assert_eq!(agent.asked().len(), 2);
        assert!(!agent.path("both").exists());
    }
}

#[test]
fn a_patch_loses_what_the_files_it_is_between_lose() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let [ann] = enabled(&repo, ["ann"], "");
    ann.does("cp -R .deep-review \"$asked/pages\"; answer");
    let body = token::key_lines(12);
    let other = token::key_lines(13).pop().unwrap();
    let [head, foot] = token::key_armour();
    let wrapped = |before: &str, after: &str| {
        let lines = [&head].into_iter().chain(&body).chain([&foot]);
        lines.fold(String::new(), |text, line| {
            text + before + line + after + "\n"
        })
    };
    // Git shows a line of the key as the heading of the hunk.
    let plain = format!("{}  a\n  1\n  2\n  3\n", wrapped("", ""));
    // Neither end of the key is in a hunk.
    let yaml = format!("key: |\n{}", wrapped("    ", ""));
    let python = format!("KEY = (\n{})\n", wrapped("    \"", "\\n\""));
    repo.git(["checkout", "-q", "main"]);
    for (name, text) in [("notes.txt", &plain), ("a.yml", &yaml), ("a.py", &python)] {
        repo.write(name, text);
    }
    repo.commit("Begin badly");
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic"]);
    repo.write("notes.txt", format!("{plain}  4\n"));
    repo.write("a.yml", yaml.replace(&body[6], &other));
    repo.write("a.py", python.replace(&body[5], &other));
    repo.commit("Change keys");
    let told = repo.deep_review(["explain", "--redactions"]).code(0);
    repo.deep_review([""; 0]);
    let brief = &ann.asked()[0];
    assert_eq!(units(brief), ["a.py", "a.yml", "notes.txt"]);
    assert!(brief.contains("@@ [REDACTED:private-key:"), "{brief}");
    for line in body.iter().chain([&other]) {
        assert!(!has(&ann.path("asked-1"), line), "{line} in {brief}");
    }
    // Seven lines of context and one that is removed and one that is added, each a value.
    let count = |name: &str| told.stdout.matches(&format!("{name}: line")).count();
    assert_eq!(
        [count("a.py"), count("a.yml"), count("notes.txt")],
        [8, 8, 1]
    );
    assert_eq!(
        brief.matches("[REDACTED:private-key:").count(),
        17,
        "{brief}"
    );
}
