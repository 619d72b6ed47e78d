use std::path::Path;

use jiff::Timestamp;

use super::*;
use crate::gate::{NotReviewed, Verdict};
use crate::git::fixture::Fixture;
use crate::report::{AgentReport, FailedAgent, MissingAgent};
use crate::store::Store;

const BRANCH: Scope = Scope::Branch { base: None };
/// What a review without a panel adds to its ingredients.
const NOBODY: &[&[u8]] = &[b""];

/// A branch with one commit on top of `main`.
fn branch() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("a.rs", "fn one() {}\n");
    fixture.commit();
    fixture.git(&["checkout", "-q", "-b", "topic"]);
    fixture.write("a.rs", "fn two() {}\n");
    fixture.commit();
    fixture
}

fn session_on(fixture: &Fixture, day: &str) -> Session {
    let repo = fixture.repo();
    let home: &Path = &fixture.root().parent().unwrap().join("state");
    let store = Store::open(repo.common_dir(), home).unwrap();
    let now: Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
    Session::of(repo, store, now)
}

fn session(fixture: &Fixture) -> Session {
    session_on(fixture, "2026-11-23")
}

fn recalled(mut session: Session, scope: &Scope, extra: &[&[u8]]) -> Option<Report> {
    let ingredients = session.ingredients(scope, extra)?;
    session.recalled(&ingredients, Asking::Nothing)
}

#[test]
fn a_verdict_is_recalled_as_the_gate_would_find_it() {
    let fixture = branch();
    assert!(recalled(session(&fixture), &BRANCH, NOBODY).is_none());
    let first = session(&fixture).review(&BRANCH, Asking::Missing).unwrap();
    assert_eq!(first.agents[0].read, 1);
    let recalled = recalled(session(&fixture), &BRANCH, NOBODY).expect("nothing moved");
    assert_eq!(
        (recalled.agents[0].read, recalled.agents[0].remembered),
        (0, 1)
    );
    let slot = fixture.root().join(".git/deep-review/verdicts");
    std::fs::remove_dir_all(&slot).unwrap();
    let found = session(&fixture).review(&BRANCH, Asking::Nothing).unwrap();
    assert_eq!(recalled, found);
    assert!(!slot.exists(), "the gate remembers nothing");
}

#[test]
fn a_verdict_holds_for_its_day_and_for_what_else_it_was_made_from() {
    let fixture = branch();
    let mut now = session(&fixture);
    now.review(&BRANCH, Asking::Missing).unwrap();
    assert!(recalled(session(&fixture), &BRANCH, NOBODY).is_some());
    let tomorrow = session_on(&fixture, "2026-11-24");
    assert!(recalled(tomorrow, &BRANCH, NOBODY).is_none());
    for extra in [&[&b"panel"[..]][..], &[]] {
        assert!(recalled(session(&fixture), &BRANCH, extra).is_none());
    }
}

#[test]
fn what_moves_while_a_review_runs_is_not_remembered() {
    let fixture = branch();
    let report = session(&fixture).review(&BRANCH, Asking::Missing).unwrap();
    let remembered = |between: &dyn Fn(&mut Session)| {
        let verdicts = fixture.root().join(".git/deep-review/verdicts");
        if verdicts.exists() {
            std::fs::remove_dir_all(verdicts).unwrap();
        }
        let mut session = session(&fixture);
        let ingredients = session.ingredients(&BRANCH, &[]).unwrap();
        between(&mut session);
        session.remember(&ingredients, &BRANCH, &report);
        session.recalled(&ingredients, Asking::Nothing).is_some()
    };
    assert!(remembered(&|_| {}));
    assert!(!remembered(&|_| {
        fixture.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    }));
    let handed_in = fixture.root().join(".git/deep-review/receipts-handed-in");
    assert!(!remembered(&|_| fixture.write(
        handed_in.to_str().unwrap(),
        "another process was told something\n"
    )));
}

#[test]
fn only_whole_verdicts_are_remembered() {
    let fixture = branch();
    let whole = session(&fixture).review(&BRANCH, Asking::Missing).unwrap();
    assert!(is_whole(&whole));
    let unread = || NotReviewed {
        path: "a".into(),
        commit: None,
        agents: vec!["rules".to_owned()],
        why: "x".to_owned(),
    };
    let spoilt: [fn(&mut Report, NotReviewed); 8] = [
        |report, _| {
            report.agents.push(AgentReport {
                name: "claude".to_owned(),
                read: 1,
                remembered: 0,
                ..AgentReport::default()
            });
        },
        |report, _| {
            report.targets[0].missing.push(MissingAgent {
                agent: "claude".to_owned(),
                why: "x".to_owned(),
                units: 1,
            });
        },
        |report, _| report.warnings.push("x".to_owned()),
        |report, _| {
            report.failed.push(FailedAgent {
                agent: "x".to_owned(),
                why: "x".to_owned(),
            });
        },
        |report, _| report.targets[0].notes.push("x".to_owned()),
        |report, unread| {
            report.verdict = Verdict::Pass {
                not_reviewed: vec![unread],
            };
        },
        |report, unread| {
            report.targets[0].verdict = Verdict::Inconclusive {
                not_reviewed: vec![unread],
            };
        },
        |report, _| {
            report.targets[0].units[0].class = Class::Unreadable {
                why: "x".to_owned(),
            };
        },
    ];
    for (nth, spoil) in spoilt.into_iter().enumerate() {
        let mut report = whole.clone();
        spoil(&mut report, unread());
        assert!(!is_whole(&report), "{nth}");
    }
}

#[test]
fn scopes_that_refs_do_not_decide_have_no_memory() {
    let fixture = branch();
    let commit = fixture.id("main").to_string();
    let has_one = |scope: Scope| session(&fixture).ingredients(&scope, &[]).is_some();
    let of = |base: &str| Scope::Branch {
        base: Some(base.to_owned()),
    };
    let range = |range: &str| Scope::Range {
        range: range.to_owned(),
    };
    for scope in [BRANCH, Scope::Staged, of("main"), of(&commit)] {
        assert!(has_one(scope.clone()), "{scope:?}");
    }
    for scope in [
        range("main.."),
        range("main...topic"),
        range("main~1..HEAD"),
    ] {
        assert!(has_one(scope.clone()), "{scope:?}");
    }
    for scope in [
        Scope::Worktree { untracked: false },
        of(&commit[..10]),
        of("HEAD@{1}"),
        range("main..@"),
        range(&format!("{}..topic", &commit[..10])),
    ] {
        assert!(!has_one(scope.clone()), "{scope:?}");
    }
}
