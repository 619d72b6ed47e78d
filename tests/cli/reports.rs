//! Reviews shown again: every format, from the store and from the raw reviews, the same bytes.

use serde_json::{Value, json};

use crate::support::agents::has;
use crate::support::call::Said;
use crate::support::sandbox::{FLAWED, Repo, SOUND, Sandbox, id_of, write};
use crate::support::schema::violations;
use crate::support::token;

pub(crate) const LOCK: &str = "\
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

pub(crate) const CLAUDE: &str = "\
## Summary

`Open` builds the cache; <b>mind</b> the lock, @ana.

## Critical Issues

None.

## Important Issues

I1. **`Open` leaks the lock when `readIndex` fails** — `pkg/cache.go:6-8` (important, regression)

When `readIndex` returns an error, `Open` returns early and the lock stays held.

```go
	if err != nil {
		return nil, err
	}
```

Fix: unlock before the return.

## Suggestions

S1. **`Open` does not say which path failed** — `pkg/cache.go:7` (suggestion, enhancement)

Wrap the error with the path.

## Design Observations

- The lock is wider than it needs to be.

## Testing Assessment

No test opens a broken index.

## Coverage Summary

| File | Result |
|---|---|
| `pkg/cache.go` | I1, S1 |
";

pub(crate) const CODEX: &str = "\
## Critical Issues

C1. **Lock stays held after a failed `readIndex` in `Open`** — `cache.go:4-7` (critical, regression)

`Open` takes the lock and returns early when `readIndex` returns an error, so the lock leaks and the next caller waits forever.

## Important Issues

None.

## Suggestions

None.
";

/// A branch with two commits, reviewed by rules and two others.
pub(crate) fn reviewed(sandbox: &Sandbox) -> (Repo<'_>, Value) {
    let (repo, _) = sandbox.cloned();
    repo.commit_file("pkg/cache.go", LOCK);
    repo.commit_file("web/total.js", FLAWED);
    let report = hand_in(&repo, "json").code(1).json();
    (repo, report)
}

fn hand_in(repo: &Repo<'_>, format: &str) -> Said {
    write(&repo.path("../claude.md"), CLAUDE);
    write(&repo.path("../codex.md"), CODEX);
    repo.deep_review([
        "--review",
        "claude=../claude.md",
        "--review",
        "codex=../codex.md",
        "--format",
        format,
    ])
}

fn shown(repo: &Repo<'_>, words: &[&str]) -> String {
    let mut all = vec!["report"];
    all.extend(words);
    repo.deep_review(all).code(0).stdout
}

#[test]
fn a_stored_review_is_the_same_bytes_in_every_format_also_when_replayed() {
    let sandbox = Sandbox::new();
    let (repo, first) = reviewed(&sandbox);
    let id = first["id"].as_str().unwrap();
    // What comes later changes nothing about it.
    repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "one thread"])
        .code(0);
    repo.commit_file("web/total.js", SOUND);
    repo.review();
    for format in ["json", "markdown", "sarif", "terminal"] {
        let stored = shown(&repo, &[id, "--format", format]);
        assert!(!stored.is_empty());
        let replayed = shown(&repo, &[id, "--format", format, "--replay"]);
        assert_eq!(stored, replayed, "{format}");
    }
    let stored: Value = serde_json::from_str(&shown(&repo, &[id, "--format", "json"])).unwrap();
    assert_eq!(stored, first, "and it is what the review printed");
}

#[test]
fn the_newest_review_of_this_branch_is_meant_if_none_is_named() {
    let sandbox = Sandbox::new();
    let (repo, first) = reviewed(&sandbox);
    let markdown = shown(&repo, &["--format", "markdown"]);
    let title = format!("# Deep Review: {}\n", first["id"].as_str().unwrap());
    assert!(markdown.starts_with(&title), "{markdown}");
    let list: Value = serde_json::from_str(&shown(&repo, &["--list", "--format", "json"])).unwrap();
    assert_eq!(list[0]["id"], first["id"]);
    assert_eq!(list[0]["answer"], "block");
    repo.deep_review(["report", "--list"])
        .code(0)
        .prints(first["id"].as_str().unwrap());
    let file = repo.path("../out.md");
    repo.deep_review([
        "report",
        "--format",
        "markdown",
        "-o",
        file.to_str().unwrap(),
    ])
    .code(0)
    .says("report written to");
    assert_eq!(std::fs::read_to_string(file).unwrap(), markdown);

    repo.git(["checkout", "-q", "-b", "other"]);
    repo.deep_review(["report"])
        .code(2)
        .says("no review of `other`")
        .says("--list");
    repo.deep_review(["report", "2099"])
        .code(2)
        .says("no review is called `2099`");
}

#[test]
fn the_document_has_every_part_there_is_material_for() {
    let sandbox = Sandbox::new();
    let (repo, report) = reviewed(&sandbox);
    let text = shown(&repo, &["--format", "markdown"]);
    let mut at = 0;
    for part in [
        "| **Date** |",
        "| **Round** | 1 |",
        "| **Author** | Ada |",
        "| **Branch** | `topic` |",
        "Write web/total.js<br>",
        "| **Review SHA** |",
        "| **Reviewers** | rules, claude, codex |",
        "| **Recommendation** | **Merge with fixes** — ",
        "| **Verdict** | **Blocked** by ",
        "| **Wall-clock time** |",
        "## Executive Summary",
        "*claude*:\n\n`Open` builds the cache; \\<b>mind\\</b> the lock, `@ana`.",
        "## Critical Issues",
        "C1. **Lock stays held after a failed `readIndex` in `Open`** — `pkg/cache.go:4-7`, `pkg/cache.go:6-8` [claude, codex] (critical, regression)",
        ">  6 | \tif err != nil {",
        "so the lock leaks and the next caller waits forever.",
        "claude `I1`, important, “`Open` leaks the lock when `readIndex` fails”: borne out by the code",
        "codex `C1`, critical: borne out by the code; path given as `cache.go`",
        "## Important Issues",
        "I1. **`debugger` statement left in the code** — `web/total.js:2` [rules] (important, regression)",
        "## Suggestions",
        "## Design Observations",
        "- The lock is wider than it needs to be.",
        "## Testing Assessment",
        "## Coverage Summary",
        "| `pkg/cache.go` | Reviewed, no issues | ",
        "## Agent Performance Retro",
        "| Findings | ",
        "**Reconciliation**:",
        "## Appendix: Original Reviews",
        "### [claude]",
        "### [codex]",
    ] {
        let found = text[at..].find(part);
        at += found.unwrap_or_else(|| panic!("no {part:?} after {:?} in {text}", &text[..at]));
    }
    assert!(!text.contains("## Documentation"), "nobody spoke of it");
    let claude = report["retro"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["agent"] == "claude")
        .unwrap();
    assert_eq!(
        claude["raised"],
        json!({"critical": 0, "important": 1, "suggestion": 1})
    );
    assert_eq!(claude["files"], 1);
    assert_eq!(claude["of_files"], 2);
    assert_eq!(claude["misses"], 0);
    assert_eq!(claude["observations"], 1);

    // Our own words, read by our own parser.
    write(&repo.path("../report.md"), &text);
    let read = repo
        .deep_review(["parse", "../report.md", "--format", "json"])
        .code(0)
        .json();
    let read: Vec<(&Value, &Value)> = read["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["id"], &it["title"]))
        .collect();
    let raised: Vec<(&Value, &Value)> = report["targets"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["position"], &it["finding"]["title"]))
        .collect();
    assert_eq!(read, raised);
}

#[test]
fn a_second_round_names_what_was_declined_before() {
    let sandbox = Sandbox::new();
    let (repo, first) = reviewed(&sandbox);
    let leak = first["targets"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["finding"]["severity"] == "critical")
        .unwrap();
    let id = leak["finding"]["id"].as_str().unwrap();
    repo.deep_review(["resolve", id, "--as", "wont-fix", "-m", "one <i>thread</i>"])
        .code(0);
    repo.commit_file("web/total.js", SOUND);
    repo.review();
    let text = shown(&repo, &["--format", "markdown"]);
    assert!(text.contains("| **Round** | 2 |"), "{text}");
    // Nothing of what claude read has changed, so its words still stand, with their round.
    assert!(
        text.contains("*claude* in round 1:\n\n- The lock is wider"),
        "{text}"
    );
    let replayed = shown(&repo, &["--format", "markdown", "--replay"]);
    assert_eq!(replayed, text);
    let proposals = repo.deep_review(["rules", "proposals", "--format", "json"]);
    assert_eq!(proposals.code(0).json(), json!([]));
    let declined = text.split("### Declined in prior rounds").nth(1).unwrap();
    assert!(declined.contains("wont-fix by Ada"), "{declined}");
    assert!(declined.contains("one \\<i>thread\\</i>"), "{declined}");
    assert!(declined.contains("(round 1)"), "{declined}");
}

#[test]
fn what_can_not_be_replayed_says_why() {
    let sandbox = Sandbox::new();
    let (repo, first) = reviewed(&sandbox);
    let id = first["id"].as_str().unwrap();
    let raw = repo.store(&format!("reviews/{id}/raw/claude.md"));
    write(&raw, CLAUDE.replace("leaks", "keeps"));
    repo.deep_review(["report", "--replay"])
        .code(2)
        .says("`claude.md` was changed")
        .says("shows it as it was stored");
    write(&raw, CLAUDE);
    repo.deep_review(["report", "--replay"]).code(0);

    repo.git(["checkout", "-q", "main"]);
    repo.git(["branch", "-q", "-D", "topic"]);
    repo.git(["reflog", "expire", "--expire=now", "--all"]);
    repo.git(["gc", "-q", "--prune=now"]);
    repo.deep_review(["report", id, "--replay"])
        .code(2)
        .says("is gone from this repository");
    repo.deep_review(["report", id]).code(0);

    repo.write("web/total.js", FLAWED);
    repo.git(["add", "-A"]);
    repo.deep_review(["--staged"]).code(1);
    let list: Value = serde_json::from_str(&shown(&repo, &["--list", "--format", "json"])).unwrap();
    let staged = list[0]["id"].as_str().unwrap();
    repo.deep_review(["report", staged, "--replay"])
        .code(2)
        .says("not committed yet");
}

#[test]
fn json_is_what_the_schema_says() {
    let sandbox = Sandbox::new();
    let (repo, first) = reviewed(&sandbox);
    let schema = repo.deep_review(["report", "--schema"]).code(0).json();
    let mut reports = vec![first];
    repo.deep_review(["resolve", "I1", "--as", "deferred", "-m", "later"])
        .code(0);
    write(&repo.path("../bad.md"), "I am sorry");
    reports.push(
        repo.deep_review(["--fresh", "--review", "late=../bad.md", "--format", "json"])
            .json(),
    );
    repo.write("x.bin", b"\0\xff");
    repo.write("a \u{fc}.lock", "x");
    repo.git(["add", "-A"]);
    reports.push(repo.deep_review(["--staged", "--format", "json"]).json());
    reports.push(repo.deep_review(["gate", "--format", "json"]).json());
    for report in &reports {
        assert_eq!(violations(&schema, report, true), Vec::<String>::new());
    }
    // The check can fail.
    let mut broken = reports[0].clone();
    broken["verdict"]["answer"] = json!("perhaps");
    broken["agents"][0]["read"] = json!(-1);
    broken["new"] = json!(1);
    broken["targets"][0]["findings"][0]["finding"]
        .as_object_mut()
        .unwrap()
        .remove("title");
    assert_eq!(violations(&schema, &broken, true).len(), 4);
    assert_eq!(violations(&schema, &broken, false).len(), 3);
}

/// What the specification of SARIF 2.1.0 requires of the objects we write, section by section.
fn check_sarif(log: &Value) {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let only = |value: &Value, names: &[&str]| {
        for name in value.as_object().unwrap().keys() {
            assert!(names.contains(&name.as_str()), "{name} in {value}");
        }
    };
    only(log, &["$schema", "version", "runs"]);
    assert_eq!(log["version"], "2.1.0"); // 3.13.2
    assert!(text(&log["$schema"]));
    for run in log["runs"].as_array().unwrap() {
        only(
            run,
            &[
                "tool",
                "automationDetails",
                "invocations",
                "versionControlProvenance",
                "originalUriBaseIds",
                "results",
            ],
        );
        let driver = &run["tool"]["driver"]; // 3.18.2
        assert!(text(&driver["name"])); // 3.19.8
        let rules = driver["rules"].as_array().unwrap();
        let mut ids: Vec<&Value> = rules.iter().map(|rule| &rule["id"]).collect();
        assert!(ids.iter().all(|id| text(id))); // 3.49.3
        ids.sort_by_key(|id| id.as_str());
        ids.dedup();
        assert_eq!(ids.len(), rules.len(), "each rule once");
        for invocation in run["invocations"].as_array().unwrap() {
            assert!(invocation["executionSuccessful"].is_boolean()); // 3.20.14
            let start = invocation["startTimeUtc"].as_str().unwrap(); // 3.9
            assert!(start.len() == 20 && start.ends_with('Z'));
            let notes = &invocation["toolExecutionNotifications"];
            for note in notes.as_array().into_iter().flatten() {
                assert!(text(&note["message"]["text"])); // 3.58.5
                assert!(
                    ["none", "note", "warning", "error"].contains(&note["level"].as_str().unwrap())
                );
            }
        }
        for source in run["versionControlProvenance"]
            .as_array()
            .into_iter()
            .flatten()
        {
            assert!(source["repositoryUri"].as_str().unwrap().contains("://")); // 3.23.3
        }
        for result in run["results"].as_array().unwrap() {
            only(
                result,
                &[
                    "ruleId",
                    "ruleIndex",
                    "level",
                    "rank",
                    "message",
                    "locations",
                    "relatedLocations",
                    "partialFingerprints",
                    "suppressions",
                    "properties",
                ],
            );
            assert!(text(&result["message"]["text"])); // 3.11.8
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]); // 3.27.6
            assert!(["note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
            assert!((0.0..=100.0).contains(&result["rank"].as_f64().unwrap())); // 3.27.25
            let related = result["relatedLocations"].as_array();
            let places = result["locations"].as_array().unwrap().iter();
            for place in places.chain(related.into_iter().flatten()) {
                let physical = &place["physicalLocation"];
                let artifact = &physical["artifactLocation"];
                let uri = artifact["uri"].as_str().unwrap(); // 3.4.3
                assert!(!uri.starts_with('/') && !uri.contains([':', ' ', '\\']));
                let base = artifact["uriBaseId"].as_str().unwrap();
                assert!(run["originalUriBaseIds"].get(base).is_some()); // 3.4.4
                if let Some(region) = physical.get("region") {
                    let line = |name: &str| region[name].as_u64().unwrap();
                    assert!(line("startLine") >= 1); // 3.30.5
                    assert!(line("endLine") >= line("startLine")); // 3.30.7
                }
            }
            for print in result["partialFingerprints"].as_object().unwrap().values() {
                assert!(text(print)); // 3.27.17
            }
            for suppression in result["suppressions"].as_array().into_iter().flatten() {
                assert_eq!(suppression["kind"], "external"); // 3.35.2
                assert_eq!(suppression["status"], "accepted"); // 3.35.3
                assert!(text(&suppression["justification"]));
            }
        }
    }
}

#[test]
fn sarif_has_what_the_specification_requires() {
    let sandbox = Sandbox::new();
    let (repo, first) = reviewed(&sandbox);
    repo.git([
        "config",
        "remote.origin.url",
        "https://ana:s3cret@example.org/shop/site.git",
    ]);
    repo.deep_review(["resolve", "I1", "--as", "false-positive", "-m", "no"])
        .code(0);
    let all = hand_in(&repo, "sarif").json();
    check_sarif(&all);
    let results = all["runs"][0]["results"].as_array().unwrap();
    assert_eq!(
        results.len(),
        first["targets"][0]["findings"].as_array().unwrap().len()
    );
    let suppressed = results.iter().filter(|it| it.get("suppressions").is_some());
    assert_eq!(suppressed.count(), 1);
    let source = &all["runs"][0]["versionControlProvenance"][0];
    assert_eq!(source["repositoryUri"], "https://example.org/shop/site");
    assert!(!all.to_string().contains("s3cret"));

    let prints = |log: &Value| -> Vec<String> {
        let results = log["runs"][0]["results"].as_array().unwrap();
        let of = |it: &Value| it["partialFingerprints"]["deepReviewFinding/v1"].to_string();
        results.iter().map(of).collect()
    };
    // Lines that move take their fingerprints with them.
    repo.commit_file("pkg/cache.go", format!("// Package cache.\n{LOCK}"));
    let moved = hand_in(&repo, "sarif").json();
    check_sarif(&moved);
    assert!(
        prints(&moved)
            .iter()
            .any(|print| prints(&all).contains(print))
    );

    let nothing = repo
        .deep_review(["--range", "HEAD..HEAD", "--format", "sarif"])
        .json();
    check_sarif(&nothing);
}

#[test]
fn no_secret_is_shown_with_the_code_around_a_finding() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let token = crate::support::token::amazon(7);
    repo.commit_file(
        "web/total.js",
        format!("const token = \"{token}\";\n{FLAWED}"),
    );
    for format in ["json", "markdown", "sarif", "terminal"] {
        repo.deep_review(["--format", format])
            .code(1)
            .conceals(&token);
        repo.deep_review(["report", "--format", format])
            .code(0)
            .conceals(&token);
    }
}

#[test]
fn no_report_has_the_secrets_of_commit_messages() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    repo.write("cart.js", FLAWED);
    repo.git(["add", "-A"]);
    let (secret, author) = (token::amazon(1), token::amazon(2));
    let message = format!("use {secret} here");
    let author_line = format!("--author={author} <ana@example.org>");
    repo.git(["commit", "-q", "--no-verify", &author_line, "-m", &message]);
    repo.deep_review([""; 0]).code(1);
    let id = id_of(&repo.findings()[0]);
    let mark = "REDACTED:aws-access-key:";
    for words in [
        &["report"][..],
        &["report", "--format", "markdown"],
        &["report", "--format", "json"],
        &["report", "--format", "sarif"],
        &["explain"],
        &["explain", "--format", "json"],
        &["findings", "show", &id],
        &["--format", "json"],
    ] {
        let said = repo.deep_review(words).conceals(&secret).conceals(&author);
        let has_no_commits = matches!(words, ["report"] | [_, _, "sarif"]);
        assert!(has_no_commits || said.stdout.contains(mark), "{said}");
    }
    assert!(!has(&repo.store(""), &secret) && !has(&repo.store(""), &author));
    // The same value has the same mark everywhere.
    let report = repo.review();
    let subject = &report["targets"][0]["log"][0]["subject"];
    let explained = repo.deep_review(["explain", "--format", "json"]).json();
    assert_eq!(&explained["targets"][0]["commits"][0]["subject"], subject);
}

#[test]
fn no_excerpt_has_the_lines_of_a_key() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    let body = token::key_lines(12);
    let [head, foot] = token::key_armour();
    let lines = [&head].into_iter().chain(&body).chain([&foot]);
    let key = lines.fold(String::new(), |text, line| text + "  '" + line + "\\n' +\n");
    repo.commit_file("cart.js", format!("const key =\n{key}  '';\n"));
    repo.git(["push", "-q", "origin", "topic:main"]);
    // In the middle of it, where neither end is near.
    let middle = format!("{}\\n' +\n", body[6]);
    let flawed = key.replace(
        &middle,
        &format!("{middle}  // <<<<<<< ours\n<<<<<<< ours\n"),
    );
    repo.commit_file("cart.js", format!("const key =\n{flawed}  '';\n"));
    repo.deep_review([""; 0]).code(1);
    for format in ["terminal", "json", "markdown"] {
        let said = repo.deep_review(["report", "--format", format]);
        assert!(said.stdout.contains("ours"), "{said}");
        for line in &body {
            assert!(!said.stdout.contains(line.as_str()), "{line} in {said}");
        }
    }
    assert!(body.iter().all(|line| !has(&repo.store(""), line)));
}
