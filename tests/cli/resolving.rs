//! Decisions about findings: how they are named, what they need, how long they hold, when they lapse.

use crate::support::sandbox::{FLAWED, PROGRAM, Repo, Sandbox, id_of, read_and_remembered};

fn resolve(repo: &Repo<'_>, id: &str, decision: &str) {
    repo.deep_review(["resolve", id, "--as", decision, "-m", "because"])
        .code(0);
}

#[test]
fn a_finding_is_named_by_its_id_its_beginning_or_its_position() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    for name in [id.as_str(), &id[..3], "I1", "i1"] {
        repo.deep_review(["findings", "show", name])
            .code(0)
            .prints(&id)
            .prints("cart.js:2")
            .prints("debugger;");
    }
    for name in [
        &id[..2],
        "I2",
        "C1",
        "zzzz",
        "",
        "../x",
        "kkkkkkkkkkkkkkkkkkkkkkk",
    ] {
        repo.deep_review(["findings", "show", name])
            .code(2)
            .says("no finding is called")
            .says("hint: ");
    }
    let shown = repo
        .deep_review(["findings", "show", "I1", "--format", "json"])
        .code(0)
        .json();
    assert_eq!(id_of(&shown), id);
}

#[test]
fn a_beginning_that_fits_several_is_refused_with_their_ids() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.cloned();
    for n in 0..200 {
        repo.write(format!("file-{n}.js"), FLAWED);
    }
    repo.commit("Much");
    repo.deep_review([""; 0]).code(1);
    let mut ids: Vec<String> = repo.findings().iter().map(id_of).collect();
    assert_eq!(ids.len(), 200);
    ids.sort();
    let twins = ids.windows(2).find(|pair| pair[0][..3] == pair[1][..3]);
    let twins = twins.expect("two of 200 ids share three of 16 letters");
    let said = repo
        .deep_review(["findings", "show", &twins[0][..3]])
        .code(2)
        .says("could be ");
    assert!(
        said.stderr.contains(&twins[0]) && said.stderr.contains(&twins[1]),
        "{said}"
    );
    repo.deep_review(["resolve", &twins[0][..3], "--as", "wont-fix", "-m", "x"])
        .code(2);
}

#[test]
fn every_decision_lets_the_same_push_through_and_reads_nothing() {
    for decision in ["false-positive", "accepted-risk", "wont-fix", "deferred"] {
        let sandbox = Sandbox::new();
        let (repo, id) = sandbox.flawed();
        repo.push(["-q", "origin", "topic"]).code(1);
        let said = repo
            .deep_review(["resolve", &id, "--as", decision, "-m", "  because  "])
            .code(0);
        assert!(
            said.stderr
                .contains(&format!("resolved {id} as {decision}")),
            "{said}"
        );
        assert_eq!(said.stdout, "");
        let standing = &repo.findings()[0];
        assert_eq!(standing["state"]["state"], "resolved", "{standing}");
        assert_eq!(standing["state"]["resolution"], decision);
        assert_eq!(standing["state"]["reason"], "because");
        assert_eq!(standing["state"]["by"], "Ada <ada@example.org>");
        assert_eq!(read_and_remembered(&repo.review()), (0, 1));
        repo.push(["-q", "origin", "topic"]).code(0).says("PASS");
    }
}

#[test]
fn a_decision_needs_a_reason() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    for decision in ["false-positive", "accepted-risk", "wont-fix", "deferred"] {
        for words in [
            &["resolve", &id, "--as", decision][..],
            &["resolve", &id, "--as", decision, "-m", " \t"],
        ] {
            repo.deep_review(words)
                .code(2)
                .says("a reason is missing")
                .says("-m REASON");
        }
    }
    repo.deep_review(["resolve", &id, "-m", "x"])
        .code(2)
        .says("--as");
    repo.deep_review(["resolve", "--as", "wont-fix", "-m", "x"])
        .code(2);
    repo.deep_review(["resolve", &id, "--as", "whatever", "-m", "x"])
        .code(2)
        .says("false-positive");
    repo.deep_review(["gate"]).code(1);
}

#[test]
fn a_deferral_ends_after_fourteen_days_or_at_the_given_day() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    resolve(&repo, &id, "deferred");
    let until = |repo: &Repo<'_>| -> jiff::civil::Date {
        let state = repo.findings()[0]["state"].clone();
        state["until"].as_str().unwrap().parse().unwrap()
    };
    let days = (until(&repo) - today).get_days();
    // The day may have changed since.
    assert!((13..=15).contains(&days), "{days}");
    repo.deep_review(["findings", "show", &id])
        .code(0)
        .prints(&format!("deferred until {}", until(&repo)));
    repo.deep_review([
        "resolve",
        &id,
        "--as",
        "deferred",
        "-m",
        "x",
        "--until",
        "2999-12-31",
    ])
    .code(0)
    .says("until 2999-12-31");
    assert_eq!(until(&repo).year(), 2999);
    for (day, why) in [
        ("2020-01-01", "has passed"),
        ("2026-02-30", "--until"),
        ("tomorrow", "--until"),
    ] {
        repo.deep_review([
            "resolve", &id, "--as", "deferred", "-m", "x", "--until", day,
        ])
        .code(2)
        .says(why);
    }
    assert_eq!(until(&repo).year(), 2999);
}

#[test]
fn all_of_a_severity_are_resolved_at_once() {
    let sandbox = Sandbox::new();
    let (repo, remote) = sandbox.hooked();
    repo.write("a.js", FLAWED);
    repo.write("b.js", FLAWED);
    repo.write("c.md", format!("{} HEAD\n", "<".repeat(7)));
    repo.commit("Old work");
    repo.deep_review([""; 0])
        .code(1)
        .prints("BLOCKED by 3 findings");
    repo.deep_review(["resolve", "--all", "--as", "wont-fix", "-m", "x"])
        .code(2)
        .says("--severity");
    repo.deep_review([
        "resolve",
        "--all",
        "I1",
        "--severity",
        "important",
        "--as",
        "wont-fix",
        "-m",
        "x",
    ])
    .code(2);
    repo.deep_review([
        "resolve",
        "--all",
        "--severity",
        "critical",
        "--as",
        "wont-fix",
        "-m",
        "x",
    ])
    .code(2)
    .says("no open finding of this severity");
    repo.deep_review([
        "resolve",
        "--all",
        "--severity",
        "important",
        "--as",
        "accepted-risk",
        "-m",
        "adopted",
    ])
    .code(0);
    repo.push(["-q", "origin", "topic"]).code(0);
    assert_eq!(remote.id("topic"), repo.id("topic"));
}

#[test]
fn several_are_resolved_together_or_not_at_all() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write("a.js", FLAWED);
    repo.write("b.js", FLAWED);
    repo.commit("Two");
    repo.deep_review([""; 0]).code(1);
    repo.deep_review(["resolve", "I1", "I7", "--as", "wont-fix", "-m", "x"])
        .code(2);
    assert!(
        repo.findings()
            .iter()
            .all(|standing| standing["state"]["state"] == "open")
    );
    repo.deep_review(["resolve", "I1", "I2", "--as", "wont-fix", "-m", "x"])
        .code(0);
    repo.deep_review(["gate"]).code(0);
}

#[test]
fn a_reopened_finding_holds_the_push_again() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    resolve(&repo, &id, "false-positive");
    repo.deep_review(["gate"]).code(0);
    repo.deep_review(["reopen", &id, "-m", "it was right"])
        .code(0)
        .says("reopened ");
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("cart.js:2");
    resolve(&repo, &id, "false-positive");
    repo.push(["-q", "origin", "topic"]).code(0);
    repo.deep_review(["reopen", "zzzz"]).code(2);
    repo.deep_review(["reopen"]).code(2);
}

#[test]
fn a_duplicate_is_closed_with_its_original_only() {
    let sandbox = Sandbox::new();
    let (repo, _) = sandbox.hooked();
    repo.write("a.js", FLAWED);
    repo.write("b.js", FLAWED);
    repo.commit("Two");
    repo.deep_review([""; 0]).code(1);
    repo.deep_review(["resolve", "I1", "--duplicate-of", "I1"])
        .code(2)
        .says("can't be a duplicate of itself");
    repo.deep_review(["resolve", "I2", "--duplicate-of", "I1"])
        .code(0);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("BLOCKED by 1 finding")
        .says("a.js:2");
    // Two that answer for each other answer for nothing.
    repo.deep_review(["resolve", "I1", "--duplicate-of", "I2"])
        .code(0);
    repo.push(["-q", "origin", "topic"])
        .code(1)
        .says("BLOCKED by 2 findings");
    repo.deep_review(["resolve", "I1", "--as", "wont-fix", "-m", "x"])
        .code(0);
    repo.push(["-q", "origin", "topic"]).code(0);
}

#[test]
fn findings_are_listed_for_this_branch_or_for_all() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    repo.git(["checkout", "-q", "-b", "second", "main"]);
    repo.commit_file("shop.js", FLAWED);
    repo.deep_review([""; 0]).code(1);
    repo.deep_review(["findings"])
        .code(0)
        .prints("shop.js:2")
        .conceals("cart.js");
    let all = repo.deep_review(["findings", "--all"]).code(0);
    assert!(
        all.stdout.contains("shop.js:2") && all.stdout.contains("cart.js:2"),
        "{all}"
    );
    let listed = repo
        .deep_review(["findings", "--format", "json"])
        .code(0)
        .json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    resolve(&repo, &id, "wont-fix");
    repo.git(["checkout", "-q", "topic"]);
    repo.deep_review(["findings"])
        .code(0)
        .prints("wont-fix")
        .conceals("shop.js");
    repo.push(["-q", "origin", "topic"]).code(0);
}

#[test]
fn a_hostile_reason_stays_a_reason() {
    let sandbox = Sandbox::new();
    let (repo, id) = sandbox.flawed();
    let reason = "a\nb\r\u{1b}[2J\u{202e}\"}{\u{0}".replace('\u{0}', "");
    repo.call(PROGRAM)
        .args(["resolve", &id, "--as", "wont-fix", "-m", &reason])
        .run()
        .code(0);
    assert_eq!(repo.findings()[0]["state"]["reason"], reason);
    for words in [
        &["findings", "show", "I1"][..],
        &[],
        &["findings"],
        &["status"],
    ] {
        let said = repo.deep_review(words).code(0);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(!all.contains(['\u{1b}', '\r', '\u{202e}']), "{said}");
    }
    let ledger = std::fs::read_to_string(repo.store("ledger.jsonl")).unwrap();
    assert_eq!(ledger.lines().count(), 1);
}
