//! Reviews that somebody else wrote of a change: taken in, checked, joined, remembered, decided about.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::call::Said;
use crate::support::sandbox::{FLAWED, Repo, Sandbox, contents};

/// The file under review: line 4 takes the lock, line 6 leaves without giving it back.
const CACHE: &str = "\
package cache

func Open(path string) (*Cache, error) {
	lock.Lock()
	index, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	return &Cache{index: index}, nil
}
";

/// A supported finding: lines in the change.
const LEAK: &str = "\
## Important Issues

I1. **`Open` leaks the lock when `readIndex` fails** — `pkg/cache.go:6-8` (important, regression)

When `readIndex` returns an error, `Open` returns early and the lock stays held: the next caller waits forever.

```go
if err != nil {
	return nil, err
}
```

## Coverage

| File | Result |
|---|---|
| `pkg/cache.go` | I1 |
";

/// The same problem in other words, by somebody else.
const LEAK_TOLD_AGAIN: &str = "\
## Critical Issues

C1. **Lock stays held after a failed `readIndex` in `Open`** — `cache.go:4-7` (critical, regression)

`Open` takes the lock and returns early when `readIndex` returns an error, so the lock leaks and the next caller waits forever.
";

/// About a file that is not there.
const NOWHERE: &str = "\
## Important Issues

I1. **`evict` drops entries that are in use** — `pkg/evict.go:12` (important, regression)

The loop in `evict` ignores the reference count.
";

/// A branch with the cache in it.
fn cached(sandbox: &Sandbox) -> Repo<'_> {
    let (repo, _) = sandbox.hooked();
    repo.commit_file("pkg/cache.go", CACHE);
    repo
}

/// Reviews the branch with these reviews handed in.
fn hand_in(repo: &Repo<'_>, reviews: &[(&str, &str)]) -> Said {
    let mut words = vec!["--format".to_owned(), "json".to_owned()];
    for (agent, text) in reviews {
        let path = repo.path(format!("../{agent}.review"));
        crate::support::sandbox::write(&path, text);
        words.push("--review".to_owned());
        words.push(format!("{agent}={}", path.display()));
    }
    repo.deep_review(words)
}

fn findings(report: &Value) -> &Vec<Value> {
    report["targets"][0]["findings"].as_array().unwrap()
}

/// Everything about the findings but when it was said, and the code around them, which only a review
/// shows.
fn judged(report: &Value) -> (Value, Value) {
    let mut findings = report["targets"][0]["findings"].clone();
    for standing in findings.as_array_mut().unwrap() {
        standing.as_object_mut().unwrap().remove("excerpts");
    }
    (report["verdict"].clone(), findings)
}

fn gate(repo: &Repo<'_>) -> Said {
    repo.deep_review(["gate", "--format", "json"])
}

#[test]
fn a_finding_that_the_code_bears_out_blocks_until_it_is_declined() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    let report = hand_in(&repo, &[("claude", LEAK)]).code(1).json();
    let finding = &findings(&report)[0]["finding"];
    assert_eq!(finding["agents"], json!(["claude"]));
    assert_eq!(finding["members"][0]["id"], "I1");
    assert_eq!(finding["members"][0]["severity"], "important");
    assert_eq!(finding["evidence"][0]["supported"], true);
    assert_eq!(finding["locations"][0]["lines"]["start"], 6);
    assert_eq!(
        report["targets"][0]["units"][0]["read_by"],
        json!(["rules", "claude"])
    );
    assert_eq!(
        report["agents"][1],
        json!({"name": "claude", "read": 1, "remembered": 0})
    );

    let known = gate(&repo).code(1).json();
    assert_eq!(judged(&known), judged(&report), "from memory alone");
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("leaks the lock");
    repo.deep_review([
        "resolve",
        "I1",
        "--as",
        "false-positive",
        "-m",
        "single thread",
    ])
    .code(0);
    gate(&repo).code(0);
    repo.push(["-q", "origin", "topic"])
        .code(0)
        .says("PASS: 1 file by the built-in rules and claude");
}

#[test]
fn the_raw_review_is_kept_as_it_was_given() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    hand_in(&repo, &[("claude", LEAK)]).code(1);
    let kept = contents(&repo.store("reviews"));
    let kept = kept
        .iter()
        .find(|(path, _)| path.ends_with("raw/claude.md"));
    assert_eq!(kept.unwrap().1, LEAK.as_bytes());
}

#[test]
fn a_finding_without_evidence_is_shown_apart_and_does_not_block() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    let report = hand_in(&repo, &[("claude", NOWHERE)]).code(0).json();
    let standing = &findings(&report)[0];
    assert_eq!(standing["without_evidence"], true);
    let sentences = &standing["finding"]["evidence"][0]["sentences"];
    assert!(
        sentences.to_string().contains("no such path"),
        "{sentences}"
    );
    repo.deep_review([""; 0])
        .code(0)
        .prints("Without evidence (do not block)")
        .prints("claude: no such path");
    repo.push(["-q", "origin", "topic"]).code(0);
}

#[test]
fn with_any_evidence_one_word_blocks() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    sandbox.configure("[gate]\nevidence = \"any\"\n");
    hand_in(&repo, &[("claude", NOWHERE)]).code(1);
}

#[test]
fn agents_of_two_vendors_block_without_evidence() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    let again = NOWHERE.replace("drops entries", "removes entries");
    hand_in(&repo, &[("claude", NOWHERE), ("claude.2", &again)]).code(0);
    let report = hand_in(&repo, &[("claude", NOWHERE), ("codex", &again)])
        .code(1)
        .json();
    assert_eq!(findings(&report).len(), 1);
}

#[test]
fn one_problem_of_two_agents_is_one_finding_whatever_their_order() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write("cart.js", FLAWED);
    repo.commit_file("pkg/cache.go", CACHE);
    let one = hand_in(&repo, &[("claude", LEAK), ("codex", LEAK_TOLD_AGAIN)])
        .code(1)
        .json();
    let agents: Vec<&Value> = findings(&one)
        .iter()
        .map(|standing| &standing["finding"]["agents"])
        .collect();
    assert!(agents.contains(&&json!(["claude", "codex"])), "{one}");
    assert!(agents.contains(&&json!(["rules"])), "{one}");
    assert_eq!(agents.len(), 2);
    let joined = &findings(&one)[0]["finding"];
    assert_eq!(joined["severity"], "critical");
    assert!(joined["confidence"].as_f64().unwrap() > 0.3);
    assert!(joined["why_severity"].is_string());

    let other = Sandbox::new();
    let (repo, _) = other.hooked();
    repo.write("cart.js", FLAWED);
    repo.commit_file("pkg/cache.go", CACHE);
    let two = hand_in(&repo, &[("codex", LEAK_TOLD_AGAIN), ("claude", LEAK)])
        .code(1)
        .json();
    assert_eq!(judged(&one), judged(&two));
    assert_eq!(judged(&gate(&repo).code(1).json()), judged(&two));

    let id = joined["id"].as_str().unwrap();
    repo.deep_review(["explain", "--finding", id])
        .code(0)
        .prints("claude I1")
        .prints("codex C1")
        .prints("% likely; shared words: ")
        .prints("vote of codex C1: critical")
        .prints("borne out by the code");
    repo.deep_review(["explain", "--finding", "zzzz"])
        .code(2)
        .says("no finding is called");
}

#[test]
fn findings_of_the_rules_keep_their_names_beside_opinions() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.commit_file("cart.js", FLAWED);
    let before = repo.review();
    let id = &findings(&before)[0]["finding"]["id"];
    let anchor = &findings(&before)[0]["finding"]["anchor"];
    let opinion = "## Suggestions\n\nS1. **A `debugger` statement was left in `total`** — `cart.js:2` (suggestion)\n\nDebugger statement `debugger;` stops the program in a browser.\n";
    let report = hand_in(&repo, &[("claude", opinion)]).code(1).json();
    let fact = findings(&report)
        .iter()
        .find(|standing| standing["finding"]["id"] == *id)
        .unwrap();
    assert_eq!(fact["finding"]["anchor"], *anchor);
    assert_eq!(fact["finding"]["severity"], "important");
}

#[test]
fn a_declined_finding_stays_declined_in_other_words_until_its_code_changes() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    hand_in(&repo, &[("claude", LEAK)]).code(1);
    repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "one caller only"])
        .code(0);
    // Something else about the same lines is something else.
    let other = "## Important Issues\n\nI1. **Message lacks a file name** — `pkg/cache.go:6-8` (important, regression)\n\nUsers who see this failure can't tell what is damaged; wrap it.\n";
    let report = hand_in(&repo, &[("gemini", other)]).code(1).json();
    let open: Vec<&Value> = findings(&report)
        .iter()
        .filter(|standing| standing["state"]["state"] == "open")
        .collect();
    assert_eq!(open.len(), 1, "{report}");
    let id = open[0]["finding"]["id"].as_str().unwrap();
    repo.deep_review(["resolve", id, "--as", "deferred", "-m", "later"])
        .code(0);
    // It is told again in other words, with other lines.
    let other = LEAK_TOLD_AGAIN;
    let report = hand_in(&repo, &[("claude", other)]).code(0).json();
    let told_again = |report: &Value| -> Value {
        let mut standings = findings(report).iter();
        let found = standings.find(|standing| standing["finding"]["severity"] == "critical");
        found.unwrap().clone()
    };
    let standing = told_again(&report);
    assert_eq!(standing["state"]["resolution"], "wont-fix", "{standing}");
    assert!(standing["state"]["decided_as"].is_string());
    repo.deep_review(["reopen", "C1"]).code(0);
    gate(&repo).code(1);
    repo.deep_review(["resolve", "C1", "--as", "wont-fix", "-m", "again"])
        .code(0);
    gate(&repo).code(0);

    repo.commit_file(
        "pkg/cache.go",
        CACHE.replace(
            "return nil, err\n",
            "return nil, fmt.Errorf(\"open: %w\", err)\n",
        ),
    );
    let said = hand_in(&repo, &[("claude", other)]).code(1).json();
    let standing = told_again(&said);
    let why = standing["state"]["lapsed"].as_str().unwrap();
    assert!(why.contains("changed since"), "{why}");
}

#[test]
fn an_edit_elsewhere_in_the_file_loses_no_finding() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    hand_in(&repo, &[("claude", LEAK)]).code(1);
    repo.commit_file("pkg/cache.go", format!("// Cached.\n{CACHE}"));
    let report = repo.deep_review(["--format", "json"]).code(1).json();
    let finding = &findings(&report)[0]["finding"];
    assert_eq!(finding["locations"][0]["lines"]["start"], 7);
    // The code itself is gone: then so is the finding.
    repo.commit_file("pkg/cache.go", "package cache\n");
    repo.deep_review([""; 0]).code(0);
}

#[test]
fn a_reply_that_is_no_answer_is_named_and_never_counts() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    let report = hand_in(&repo, &[("claude", ""), ("codex", "None.")])
        .code(3)
        .json();
    assert_eq!(report["failed"][0]["agent"], "claude");
    assert_eq!(report["failed"].as_array().unwrap().len(), 1);
    let missing = &report["verdict"]["not_reviewed"][0];
    assert_eq!(missing["agents"], json!(["claude"]));
    assert!(
        missing["why"].as_str().unwrap().contains("empty"),
        "{missing}"
    );
    repo.deep_review(["--review", "claude=-"])
        .code(3)
        .prints("claude did not answer");
    // Nobody owes a handed-in review.
    repo.push(["-q", "origin", "topic"]).code(0);
}

#[test]
fn what_is_said_of_a_change_without_files_is_dropped_with_the_reason() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let report = hand_in(&repo, &[("claude", LEAK)]).code(0).json();
    assert_eq!(report["verdict"]["answer"], "nothing-new");
    let dropped = &report["dropped"][0];
    assert_eq!(dropped["members"][0]["id"], "I1");
    assert!(dropped["reason"].as_str().unwrap().contains("no file"));
}

#[test]
fn what_is_handed_in_must_be_named_and_readable() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    for (words, why) in [
        (vec!["--review", "claude"], "it names no file"),
        (vec!["--review", "rules=-"], "built-in reviewer"),
        (vec!["--review", "../x=-"], "is no name"),
        (vec!["--review", "a=no/such"], "cannot read `no/such`"),
        (
            vec!["--review", "a=-", "--review", "b=-"],
            "can be read once",
        ),
        (
            vec!["--review", "a=-", "--review", "A=-"],
            "two reviews are of `A`",
        ),
    ] {
        repo.deep_review(words).code(2).says(why).says("hint: ");
    }
}

#[test]
fn parse_checks_a_review_against_a_change() {
    let sandbox = Sandbox::new();
    let repo = cached(&sandbox);
    let path = repo.path("../leak.md");
    crate::support::sandbox::write(&path, LEAK.replace(":6-8", ":9-11"));
    let path = path.to_str().unwrap().to_owned();
    let words = ["parse", &path, "--range", "main..topic"];
    let json = repo
        .deep_review(words.iter().chain(&["--format", "json"]))
        .code(0)
        .json();
    let evidence = &json["findings"][0]["evidence"];
    assert_eq!(evidence["supported"], true);
    assert!(evidence["sentences"].is_array() && evidence["quote"]["is"].is_string());
    repo.deep_review(words)
        .code(0)
        .prints("borne out by the code");
    // Without a change it needs no repository.
    let json = sandbox
        .deep_review(["parse", &path, "--format", "json"])
        .code(0)
        .json();
    assert_eq!(json["findings"][0].get("evidence"), None);
}

/// A JSON answer with one finding about the leak.
fn answer(quote: &str, trigger: &str) -> String {
    json!({
        "review": "r-1",
        "units": [{"u": "u01", "state": "reviewed", "echo": "", "looked": ""}],
        "findings": [{
            "title": "`Open` leaks the lock when `readIndex` fails",
            "places": [{"path": "pkg/cache.go", "line": 7, "quote": quote}],
            "trigger": trigger,
            "outcome": "the next caller waits forever",
            "why": "The lock stays held.",
            "proof": "traced",
            "doubt": "",
            "rule": "",
            "kind": "regression",
            "severity": "important",
            "fix": ""
        }],
        "prior": [], "design": [], "tests": [], "docs": [], "summary": "", "trouble": []
    })
    .to_string()
}

#[test]
fn a_json_answer_needs_a_quote_that_is_there_and_a_trigger() {
    for (quote, trigger, code) in [
        ("\t\treturn nil, err", "a damaged index", 1),
        ("\t\treturn nil, nil", "a damaged index", 0),
        ("\t\treturn nil, err", "", 0),
    ] {
        let sandbox = Sandbox::new();
        let repo = cached(&sandbox);
        let report = hand_in(&repo, &[("claude", &answer(quote, trigger))])
            .code(code)
            .json();
        assert_eq!(findings(&report).len(), 1);
        let read_by = &report["targets"][0]["units"][0]["read_by"];
        assert_eq!(*read_by, json!(["rules", "claude"]));
        assert_eq!(judged(&gate(&repo).code(code).json()), judged(&report));
    }
}

#[test]
fn what_is_not_committed_yet_can_be_reviewed_by_others_too() {
    for scope in ["--staged", "--worktree"] {
        let sandbox = Sandbox::new();
        let (repo, _) = sandbox.cloned();
        repo.write("pkg/cache.go", CACHE);
        repo.git(["add", "-A"]);
        let path = repo.path("../leak.md");
        crate::support::sandbox::write(&path, LEAK);
        let review = format!("claude={}", path.display());
        repo.deep_review([scope, "--review", &review])
            .code(1)
            .prints("leaks the lock");
        // The same content, committed, is the same unit.
        repo.commit("Cache");
        repo.deep_review([""; 0]).code(1).prints("leaks the lock");
    }
}

#[test]
fn a_rebase_that_moves_lines_keeps_findings_at_their_code() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let old = format!(
        "{}{}",
        CACHE.replace("\tdefer lock.Unlock()\n", ""),
        "// End.\n"
    );
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("pkg/cache.go", &old);
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "-B", "topic"]);
    repo.commit_file("pkg/cache.go", format!("{CACHE}// End.\n"));
    let report = hand_in(&repo, &[("claude", LEAK)]).code(1).json();
    let (id, line) = {
        let finding = &findings(&report)[0]["finding"];
        (
            finding["id"].clone(),
            finding["locations"][0]["lines"]["start"].clone(),
        )
    };
    assert_eq!(line, 6);
    let padded = |text: &str| format!("// One.\n// Two.\n{text}");
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file("pkg/cache.go", padded(&old));
    repo.git(["push", "-q", "origin", "main"]);
    repo.git(["checkout", "-q", "topic"]);
    repo.git(["rebase", "-q", "main"]);
    let report = repo.review();
    let finding = &findings(&report)[0]["finding"];
    assert_eq!(finding["id"], id);
    assert_eq!(finding["locations"][0]["lines"]["start"], 8);
}

/// A repeatable stream of numbers (xorshift).
fn numbers(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    }
}

/// A review of few words, so that many of its findings are alike.
fn random_review(next: &mut impl FnMut(usize) -> usize) -> (String, Vec<String>) {
    const WORDS: [&str; 10] = [
        "lock",
        "cache",
        "leaks",
        "readIndex",
        "index",
        "error",
        "held",
        "early",
        "caller",
        "path",
    ];
    const PLACES: [&str; 5] = [
        "pkg/cache.go:6",
        "cache.go:4-8",
        "pkg/cache.go",
        "README.md:1",
        "pkg/none.go:3",
    ];
    const KINDS: [&str; 4] = ["regression", "gap", "enhancement", "pre-existing"];
    let mut text = "## Important Issues\n\n".to_owned();
    let mut ids = Vec::new();
    for number in 1..=8 {
        let mut words = |count: usize| -> String {
            let words: Vec<&str> = (0..count).map(|_| WORDS[next(WORDS.len())]).collect();
            words.join(" ")
        };
        let (title, body) = (words(4), words(8));
        let (place, kind) = (PLACES[next(PLACES.len())], KINDS[next(KINDS.len())]);
        text.extend([
            format!("I{number}. **The {title}** — `{place}` (important, {kind})\n\n"),
            format!("It {body}.\n\n"),
        ]);
        ids.push(format!("I{number}"));
    }
    (text, ids)
}

#[test]
fn every_raw_finding_ends_in_one_place_whatever_the_order() {
    for seed in 1..=4 {
        let sandbox = Sandbox::new();
        let repo = cached(&sandbox);
        let mut next = numbers(seed);
        let mut reviews = Vec::new();
        let mut raised = BTreeSet::new();
        for agent in ["claude", "codex", "gemini"] {
            let (text, ids) = random_review(&mut next);
            raised.extend(ids.into_iter().map(|id| (agent.to_owned(), id)));
            reviews.push((agent, text));
        }
        let given = |order: &[usize]| -> Vec<(&str, &str)> {
            let review = |index: &usize| (reviews[*index].0, reviews[*index].1.as_str());
            order.iter().map(review).collect()
        };
        let one = hand_in(&repo, &given(&[0, 1, 2])).json();
        let two = hand_in(&repo, &given(&[2, 0, 1])).json();
        assert_eq!(judged(&one), judged(&two));
        for key in ["observations", "dropped", "maybe_same"] {
            assert_eq!(one[key], two[key], "{key}");
        }
        let known = gate(&repo).json();
        assert_eq!(judged(&known), judged(&two));

        let mut placed = Vec::new();
        let of = |holder: &Value, placed: &mut Vec<(String, String)>| {
            for raw in holder["members"].as_array().into_iter().flatten() {
                let text = |key: &str| raw[key].as_str().unwrap().to_owned();
                placed.push((text("agent"), text("id")));
            }
        };
        for standing in findings(&one) {
            of(&standing["finding"], &mut placed);
        }
        for key in ["observations", "dropped"] {
            for holder in one[key].as_array().into_iter().flatten() {
                of(holder, &mut placed);
            }
        }
        placed.sort();
        let raised: Vec<_> = raised.into_iter().collect();
        assert_eq!(placed, raised, "seed {seed}");
    }
}
