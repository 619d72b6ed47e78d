//! Tests of grounding as a whole, on a small tree: each value both ways.
//! Tests of the parts stand beside them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::evidence::{Evidence, KindEvidence, LinesEvidence, QuoteEvidence, RuleEvidence};
use super::{ChangedLines, Grounds, PathEvidence, ReviewedTree, Side, Texts, Touch};
use crate::diff::{Change, Entry, Mode, Oid, RepoPath};
use crate::finding::{Kind, LineRange, Location, RawFinding};

/// Line 7 was changed, line 20 of the base went.
const BASE: &str = "one\ntwo\nthree\nfour\nfive\nsix\nold_seven();\neight\nnine\nten\n11\n12\n13\n14\n15\n16\n17\n18\n19\ngone_twenty();\n21\n22\n";
const HEAD: &str = "one\ntwo\nthree\nfour\nfive\nsix\nnew_seven();\neight\nnine\nten\n11\n12 twelve\n13\n14\n15\n16\n17\n18\n19\n21\n22\n";
const OTHER: &str = "untouched_one();\nuntouched_two();\n";
const DEAD: &str = "dead_one();\ndead_two();\n";

struct Shelf(BTreeMap<(u8, RepoPath), String>);

impl Texts for Shelf {
    fn text(&self, side: Side, path: &RepoPath) -> Option<Cow<'_, [u8]>> {
        let text = self.0.get(&(side as u8, path.clone()))?;
        Some(Cow::Borrowed(text.as_bytes()))
    }
}

fn entry(path: &str) -> Entry {
    Entry {
        path: RepoPath::from(path),
        mode: Mode::Regular,
        id: Oid::from_bytes(&[1; 20]).unwrap(),
    }
}

fn check(finding: &RawFinding) -> Evidence {
    let text =
        |side: Side, path: &str, text: &str| ((side as u8, RepoPath::from(path)), text.to_owned());
    let shelf = Shelf(BTreeMap::from([
        text(Side::Base, "src/lock.rs", BASE),
        text(Side::Head, "src/lock.rs", HEAD),
        text(
            Side::Redacted,
            "src/lock.rs",
            &HEAD.replace("twelve", "[redacted]"),
        ),
        text(Side::Base, "src/other.rs", OTHER),
        text(Side::Head, "src/other.rs", OTHER),
        text(Side::Base, "src/dead.rs", DEAD),
        text(Side::Base, "src/before.rs", "moved_one();\nmoved_two();\n"),
        text(Side::Head, "src/after.rs", "moved_one();\n"),
    ]));
    let paths = ["src/after.rs", "src/lock.rs", "src/other.rs"].map(RepoPath::from);
    let changes = [
        Change::Modified {
            old: entry("src/lock.rs"),
            new: entry("src/lock.rs"),
        },
        Change::Deleted(entry("src/dead.rs")),
        Change::Renamed {
            old: entry("src/before.rs"),
            new: entry("src/after.rs"),
            similarity: 80,
        },
    ];
    let line = |number: u32, text: &str| (number, text.as_bytes().to_vec());
    let lines = [
        ChangedLines {
            path: RepoPath::from("src/lock.rs"),
            added: vec![line(7, "new_seven();")],
            removed: vec![line(7, "old_seven();"), line(20, "gone_twenty();")],
        },
        ChangedLines {
            path: RepoPath::from("src/dead.rs"),
            added: vec![],
            removed: vec![line(1, "dead_one();"), line(2, "dead_two();")],
        },
        ChangedLines {
            path: RepoPath::from("src/after.rs"),
            added: vec![],
            removed: vec![line(2, "moved_two();")],
        },
    ];
    let rules = ["R-1".to_owned()];
    let tree = ReviewedTree {
        paths: &paths,
        changes: &changes,
        lines: &lines,
        rules: &rules,
        texts: &shelf,
    };
    Grounds::new(&tree).check(finding)
}

fn at(path: &str, start: u32, end: u32) -> Location {
    Location {
        path: RepoPath::from(path),
        lines: (start > 0).then_some(LineRange { start, end }),
    }
}

fn finding(place: Location, quote: &str) -> RawFinding {
    RawFinding {
        title: "The lock leaks".into(),
        locations: vec![place],
        quote: (!quote.is_empty()).then(|| quote.to_owned()),
        ..RawFinding::default()
    }
}

fn range(start: u32, end: u32) -> LineRange {
    LineRange { start, end }
}

#[test]
fn quotes_are_judged_against_the_cited_lines() {
    for (place, quote, want) in [
        (
            at("src/lock.rs", 7, 7),
            "new_seven();",
            QuoteEvidence::Found { lines: range(7, 7) },
        ),
        (
            at("src/lock.rs", 0, 0),
            "new_seven();",
            QuoteEvidence::Found { lines: range(7, 7) },
        ),
        (
            at("src/lock.rs", 4, 4),
            "new_seven();",
            QuoteEvidence::Moved {
                lines: range(7, 7),
                by: 3,
            },
        ),
        (
            at("src/lock.rs", 9, 9),
            "new_seven();\neight",
            QuoteEvidence::Moved {
                lines: range(7, 8),
                by: -2,
            },
        ),
        (
            at("src/lock.rs", 900, 901),
            "new_seven();",
            QuoteEvidence::Found { lines: range(7, 7) },
        ),
        (
            at("src/lock.rs", 7, 7),
            " new_seven ( ) ;",
            QuoteEvidence::WhitespaceDiffers { lines: range(7, 7) },
        ),
        (
            at("src/lock.rs", 12, 12),
            "12 [redacted]",
            QuoteEvidence::Found {
                lines: range(12, 12),
            },
        ),
        (
            at("src/lock.rs", 20, 20),
            "gone_twenty();",
            QuoteEvidence::OnlyInBase {
                lines: range(20, 20),
            },
        ),
        (
            at("src/dead.rs", 1, 1),
            "dead_one();",
            QuoteEvidence::OnlyInBase { lines: range(1, 1) },
        ),
        (
            at("src/after.rs", 1, 1),
            "moved_two();",
            QuoteEvidence::OnlyInBase { lines: range(2, 2) },
        ),
        (
            at("src/lock.rs", 7, 7),
            "never_there();",
            QuoteEvidence::Absent,
        ),
        (
            at("src/none.rs", 7, 7),
            "new_seven();",
            QuoteEvidence::Absent,
        ),
        (at("src", 0, 0), "new_seven();", QuoteEvidence::Absent),
        (at("src/lock.rs", 7, 7), "", QuoteEvidence::NotGiven),
        (at("src/lock.rs", 7, 7), "  \n\t", QuoteEvidence::NotGiven),
        (at("src/lock.rs", 7, 7), "}", QuoteEvidence::NotGiven),
    ] {
        assert_eq!(
            check(&finding(place.clone(), quote)).quote,
            want,
            "{place:?} {quote:?}"
        );
    }
}

#[test]
fn a_quote_may_stand_at_any_of_the_places() {
    let mut two = finding(at("src/other.rs", 1, 1), "new_seven();");
    two.locations.push(at("src/lock.rs", 7, 7));
    let evidence = check(&two);
    assert_eq!(evidence.quote, QuoteEvidence::Found { lines: range(7, 7) });
    assert_eq!(evidence.touches, Touch::AddedLine);
}

#[test]
fn places_are_judged_against_the_change() {
    for (place, path, lines, touches) in [
        (
            at("src/lock.rs", 7, 7),
            "exact",
            LinesEvidence::Within,
            Touch::AddedLine,
        ),
        (
            at("src/lock.rs", 19, 19),
            "exact",
            LinesEvidence::Within,
            Touch::RemovedLine,
        ),
        (
            at("src/lock.rs", 10, 10),
            "exact",
            LinesEvidence::Within,
            Touch::NearChange,
        ),
        (
            at("src/lock.rs", 13, 14),
            "exact",
            LinesEvidence::Within,
            Touch::ChangedFile,
        ),
        (
            at("src/lock.rs", 0, 0),
            "exact",
            LinesEvidence::NotGiven,
            Touch::ChangedFile,
        ),
        (
            at("src/lock.rs", 13, 99),
            "exact",
            LinesEvidence::Clamped,
            Touch::RemovedLine,
        ),
        (
            at("src/lock.rs", 22, 22),
            "exact",
            LinesEvidence::Beyond,
            Touch::ChangedFile,
        ),
        (
            at("src/other.rs", 1, 1),
            "exact",
            LinesEvidence::Within,
            Touch::UntouchedFile,
        ),
        (
            at("lock.rs", 7, 7),
            "resolved",
            LinesEvidence::Within,
            Touch::AddedLine,
        ),
        (
            at("src/before.rs", 1, 1),
            "resolved",
            LinesEvidence::Within,
            Touch::RemovedLine,
        ),
        (
            at("src/dead.rs", 2, 2),
            "deleted",
            LinesEvidence::Within,
            Touch::RemovedLine,
        ),
        (
            at("src", 0, 0),
            "directory",
            LinesEvidence::NotGiven,
            Touch::ChangedFile,
        ),
        (
            at("src/none.rs", 1, 1),
            "absent",
            LinesEvidence::NotGiven,
            Touch::Nothing,
        ),
    ] {
        let evidence = check(&finding(place.clone(), ""));
        let got = &evidence.places[0];
        let is = serde_json::to_value(&got.path).unwrap()["is"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            (is.as_str(), got.lines, got.touches),
            (path, lines, touches),
            "{place:?}"
        );
        assert_eq!(evidence.touches, touches);
        assert_eq!(
            got.place.is_none(),
            matches!(got.path, PathEvidence::Absent | PathEvidence::Ambiguous)
        );
    }
    assert_eq!(check(&RawFinding::default()).touches, Touch::Nothing);
}

#[test]
fn the_quoted_code_says_more_than_the_line_number() {
    let evidence = check(&finding(at("src/lock.rs", 14, 14), "new_seven();"));
    assert_eq!(evidence.touches, Touch::AddedLine);
    let place = evidence.places[0].place.as_ref().unwrap();
    assert_eq!(place.lines, Some(range(7, 7)));
}

#[test]
fn kinds_are_judged_by_what_the_change_did() {
    use Kind::{Enhancement, Gap, PreExisting, Regression};
    for (place, body, said, kind) in [
        (at("src/lock.rs", 7, 7), "", Regression, Regression),
        (at("src/lock.rs", 19, 19), "", Regression, Regression),
        (at("src/lock.rs", 14, 14), "", Regression, Gap),
        (at("src/other.rs", 1, 1), "", Regression, PreExisting),
        (
            at("src/other.rs", 1, 1),
            "since `src/lock.rs` waits",
            Regression,
            Gap,
        ),
        (
            at("src/other.rs", 1, 1),
            "since `unlock.rs` waits",
            Regression,
            PreExisting,
        ),
        (at("src/other.rs", 1, 1), "since lock.rs waits", Gap, Gap),
        (at("src/other.rs", 1, 1), "", Gap, PreExisting),
        (at("src/lock.rs", 0, 0), "", Gap, Gap),
        (at("src/other.rs", 1, 1), "", Enhancement, Enhancement),
        (at("src/lock.rs", 7, 7), "", PreExisting, PreExisting),
    ] {
        let mut raw = finding(place.clone(), "");
        raw.kind = Some(said);
        raw.body = body.into();
        let want = if kind == said {
            KindEvidence::Fits { kind }
        } else {
            KindEvidence::TreatedAs { said, kind }
        };
        assert_eq!(check(&raw).kind, want, "{place:?} {body}");
    }
    assert_eq!(
        check(&finding(at("src/lock.rs", 7, 7), "")).kind,
        KindEvidence::NotSaid
    );
}

#[test]
fn rules_are_known_or_not() {
    for (rule, want) in [
        (Some("R-1"), RuleEvidence::Known),
        (Some("R-2"), RuleEvidence::Unknown),
        (Some(" "), RuleEvidence::NotCited),
        (None, RuleEvidence::NotCited),
    ] {
        let mut raw = finding(at("src/lock.rs", 7, 7), "");
        raw.rule = rule.map(str::to_owned);
        assert_eq!(check(&raw).rule, want, "{rule:?}");
    }
}

/// A finding of a JSON answer: it was asked for a quote, a trigger and an outcome.
fn answered(place: Location, quote: &str, kind: Kind) -> RawFinding {
    RawFinding {
        kind: Some(kind),
        trigger: Some("two pushes at once".into()),
        outcome: Some("one waits for ever".into()),
        ..finding(place, quote)
    }
}

#[test]
fn only_supported_findings_may_block() {
    let lock = |line| at("src/lock.rs", line, line);
    let regression = |place, quote| answered(place, quote, Kind::Regression);
    let good = regression(lock(7), "new_seven();");
    for (name, raw, want) in [
        ("all is well", good.clone(), true),
        ("moved", regression(lock(2), "new_seven();"), true),
        ("removed code", regression(lock(20), "gone_twenty();"), true),
        (
            "deleted file",
            regression(at("src/dead.rs", 1, 1), "dead_one();"),
            true,
        ),
        ("no quote", regression(lock(7), ""), false),
        (
            "made-up quote",
            regression(lock(7), "never_there();"),
            false,
        ),
        (
            "no such path",
            regression(at("src/none.rs", 7, 7), "new_seven();"),
            false,
        ),
        (
            "untouched",
            regression(at("src/other.rs", 1, 1), "untouched_one();"),
            false,
        ),
        (
            "pre-existing",
            answered(lock(7), "new_seven();", Kind::PreExisting),
            false,
        ),
        ("Markdown in a hunk", finding(lock(9), ""), true),
        ("Markdown outside", finding(lock(14), ""), false),
        (
            "Markdown without lines",
            finding(at("src/lock.rs", 0, 0), ""),
            false,
        ),
    ] {
        assert_eq!(check(&raw).supported(), want, "{name}");
    }
    let without_trigger = RawFinding {
        trigger: Some(" ".into()),
        ..good.clone()
    };
    assert!(!check(&without_trigger).supported());
    let without_outcome = RawFinding {
        outcome: Some(String::new()),
        ..good.clone()
    };
    assert!(!check(&without_outcome).supported());
    let unknown_rule = RawFinding {
        rule: Some("R-9".into()),
        ..good.clone()
    };
    assert!(!check(&unknown_rule).supported());
    let known_rule = RawFinding {
        rule: Some("R-1".into()),
        ..good
    };
    assert!(check(&known_rule).supported());
    let gap = answered(at("src/other.rs", 1, 1), "untouched_one();", Kind::Gap);
    assert!(!check(&gap).supported());
    let trigger = Some("`lock.rs` now waits".to_owned());
    assert!(check(&RawFinding { trigger, ..gap }).supported());
}

#[test]
fn people_are_told_what_is_odd() {
    let told = |raw: RawFinding| check(&raw).sentences().join("; ");
    let place = || at("src/lock.rs", 7, 7);
    for (raw, want) in [
        (answered(place(), "new_seven();", Kind::Regression), ""),
        (
            answered(at("src/lock.rs", 4, 4), "new_seven();", Kind::Regression),
            "quoted code found 3 lines lower",
        ),
        (
            answered(at("src/lock.rs", 8, 8), "new_seven();", Kind::Regression),
            "quoted code found 1 line higher",
        ),
        (
            answered(place(), "gone();", Kind::Regression),
            "quoted code not found",
        ),
        (answered(place(), "", Kind::Regression), "quotes no code"),
        (finding(place(), ""), ""),
        (finding(at("nope.rs", 1, 1), ""), "no such path"),
        (
            finding(at("src/lock.rs", 14, 14), ""),
            "line not touched by this change",
        ),
        (
            finding(at("src/lock.rs", 10, 10), ""),
            "line next to a changed one",
        ),
        (finding(at("lock.rs", 7, 7), ""), "path given as `lock.rs`"),
        (
            finding(at("src/lock.rs", 7, 99), ""),
            "cited lines reach past the end of the file",
        ),
        (
            answered(
                at("src/other.rs", 1, 1),
                "untouched_one();",
                Kind::Regression,
            ),
            "file not touched by this change; called a regression, treated as pre-existing",
        ),
        (RawFinding::default(), "names no place"),
    ] {
        assert_eq!(told(raw), want);
    }
}

#[test]
fn evidence_survives_json() {
    let evidence = check(&answered(at("lock.rs", 4, 4), "new_seven();", Kind::Gap));
    let json = serde_json::to_string(&evidence).unwrap();
    assert_eq!(serde_json::from_str::<Evidence>(&json).unwrap(), evidence);
}
