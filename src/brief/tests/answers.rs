//! Answers that obey the brief, and answers that don't.

use serde_json::Value;

use super::*;
use crate::brief::account::{EchoRule, verify};
use crate::parse;

/// An answer that follows the brief to the letter.
fn obedient(units: &[(&str, &str, &str)]) -> Value {
    let units: Vec<Value> = units
        .iter()
        .map(|(id, state, echo)| serde_json::json!({"u": id, "state": state, "echo": echo, "looked": ""}))
        .collect();
    serde_json::json!({"review": "r-7f3a", "units": units, "findings": [], "prior": [], "design": [],
        "tests": [], "docs": [], "summary": "Holds the lock.", "trouble": []})
}

fn paged() -> Brief {
    brief_inline(&input(Family::Gemini), 10).unwrap()
}

#[test]
fn an_obedient_answer_accounts_for_every_unit() {
    for expects in [paged().expects, written(Family::Claude).expects] {
        let answer = obedient(&[
            ("u01", "reviewed", "let guard =  lock.lock();"),
            ("u02", "reviewed", "+b"),
        ]);
        let drafts = format!(
            "I looked around.\n{}\nand finally\n```json\n{answer}\n```\n",
            obedient(&[])
        );
        let accounted = verify(&expects, &parse::parse(&drafts));
        assert_eq!(accounted.reviewed, ["u01", "u02"], "{accounted:?}");
        assert!(
            accounted.missing.is_empty()
                && accounted.refused.is_none()
                && accounted.doubtful.is_empty()
        );
    }
}

#[test]
fn what_was_not_read_or_not_shown_is_missing() {
    let why = |brief: &Brief, answer: &Value| {
        let accounted = verify(&brief.expects, &parse::parse(&answer.to_string()));
        (accounted.reviewed, accounted.missing, accounted.unknown)
    };
    let paged = paged();
    let (reviewed, missing, unknown) = why(
        &paged,
        &obedient(&[("u02", "reviewed", "b"), ("u09", "reviewed", "b")]),
    );
    assert_eq!(reviewed, ["u02"]);
    assert!(missing[0].1.contains("does not name it"), "{missing:?}");
    assert_eq!(unknown, ["u09"]);
    for (state, echo, word) in [
        ("partly", "lock.lock();", "in part"),
        ("not", "", "not read"),
        ("reviewed", "", "repeats no changed line"),
        ("reviewed", "let guard = unlock();", "no changed line"),
        ("reviewed", "fn get() {", "no changed line"),
        ("reviewed", "--- a/src/cache.rs", "no changed line"),
    ] {
        let (reviewed, missing, _) = why(
            &paged,
            &obedient(&[("u01", state, echo), ("u02", "reviewed", "a")]),
        );
        assert_eq!(reviewed, ["u02"], "{state} {echo}");
        assert!(missing[0].1.contains(word), "{missing:?}");
    }
    let (reviewed, ..) = why(
        &paged,
        &obedient(&[("u01", "reviewed", "lock.lock();"), ("u01", "partly", "")]),
    );
    assert!(reviewed.is_empty());
    // Inline the diff needs no proof; a false echo is told.
    let inline = written(Family::Claude);
    let answer = obedient(&[
        ("u01", "reviewed", "let guard = l0ck.lock();"),
        ("u02", "reviewed", ""),
    ]);
    let accounted = verify(&inline.expects, &parse::parse(&answer.to_string()));
    assert_eq!(accounted.reviewed, ["u01", "u02"]);
    assert_eq!(accounted.doubtful.len(), 2);
}

#[test]
fn long_and_odd_lines_can_be_repeated() {
    let long = format!("let x = \"{}\";", "ü".repeat(300));
    let patch = format!("@@ -1 +1 @@\n-}}\n+\t{long}\n+++i;\n");
    let input = Input {
        units: vec![
            unit("u01", "a.c", &patch),
            unit("u02", "b.png", "Binary files differ\n"),
        ],
        ..input(Family::Api)
    };
    let expects = brief_inline(&input, 10).unwrap().expects;
    assert_eq!(expects.units[1].echo, EchoRule::None);
    let first: String = long.chars().take(80).collect();
    for (echo, counts) in [
        (long.as_str(), true),
        (first.as_str(), true),
        ("let x =", false),
        ("}", false),
    ] {
        let answer = obedient(&[("u01", "reviewed", echo), ("u02", "reviewed", "")]);
        let accounted = verify(&expects, &parse::parse(&answer.to_string()));
        assert_eq!(
            accounted.reviewed.contains(&"u01".to_owned()),
            counts,
            "{echo}"
        );
        assert!(accounted.reviewed.contains(&"u02".to_owned()));
    }
}

#[test]
fn answers_to_other_briefs_are_refused() {
    let expects = written(Family::Claude).expects;
    let accounted = verify(&expects, &parse::parse(EXAMPLE));
    assert!(accounted.refused.unwrap().contains("`r-example`"));
    assert_eq!((accounted.reviewed.len(), accounted.missing.len()), (0, 2));
    let failed = verify(&expects, &parse::parse("I'm sorry, I can't."));
    assert_eq!((failed.refused, failed.missing.len()), (None, 2));
    // The brief itself, sent back.
    let echoed = verify(&expects, &parse::parse(&written(Family::Claude).text));
    assert!(echoed.reviewed.is_empty());
}

#[test]
fn prose_accounts_for_the_files_it_lists() {
    let review = "### Critical Issues\n\nNone.\n\n### Important Issues\n\nNone.\n\n### Suggestions\n\nNone.\n\n### Coverage Summary\n\n| File | Result |\n|---|---|\n| `/home/x/repo/src/cache.rs` | Reviewed, no issues |\n| `tests/new.rs` | Not reviewed |\n| `src/else.rs` | Reviewed |\n";
    let read = parse::parse(review);
    let accounted = verify(&written(Family::Codex).expects, &read);
    assert_eq!(accounted.reviewed, ["u01"], "{accounted:?}");
    assert_eq!(accounted.missing.len(), 1);
    assert_eq!(accounted.unknown, ["src/else.rs"]);
    let in_files = verify(&paged().expects, &read);
    assert!(in_files.reviewed.is_empty(), "{in_files:?}");
}
