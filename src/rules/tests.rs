//! The doors of the rules reviewer, tried as its caller uses them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{AddedLine, FileUnderReview, RuleError, RuleLevel, RuleSet, RuleSpec};
use crate::diff::{Mode, RepoPath};
use crate::finding::{RawFinding, Severity};

/// The pack alone.
pub(super) fn pack() -> &'static RuleSet {
    static PACK: OnceLock<RuleSet> = OnceLock::new();
    PACK.get_or_init(|| set_of(&[]))
}

/// What a set holds against a new file that has this text.
pub(super) fn scan_text(set: &RuleSet, path: &str, text: &[u8]) -> Vec<RawFinding> {
    let added: Vec<AddedLine<'_>> = text
        .split_inclusive(|byte| *byte == b'\n')
        .zip(1..)
        .map(|(text, no)| AddedLine { no, text })
        .collect();
    set.scan(&FileUnderReview {
        path: &RepoPath::from(path),
        mode: Mode::Regular,
        old_mode: None,
        added: &added,
        new_text: Some(text),
        old_text: None,
    })
}

/// Rule, line and severity of each finding of the pack in a new file.
pub(super) fn found(path: &str, text: &str) -> Vec<(String, u32, Severity)> {
    scan_text(pack(), path, text.as_bytes())
        .into_iter()
        .map(|finding| {
            let line = finding.locations[0].lines.map_or(0, |lines| lines.start);
            (finding.rule.unwrap(), line, finding.severity.unwrap())
        })
        .collect()
}

fn spec(id: &str, added: &str) -> RuleSpec {
    RuleSpec {
        id: id.to_owned(),
        severity: Severity::Important,
        paths: Vec::new(),
        added: Some(added.to_owned()),
        message: "don't".to_owned(),
        history: false,
    }
}

fn set_of(specs: &[RuleSpec]) -> RuleSet {
    RuleSet::compile(specs, &BTreeMap::new()).unwrap()
}

#[test]
fn a_finding_says_where_what_and_why() {
    let mut rule = spec("status-constant", r"\.Reason\s*==\s*(?P<value>\S+)");
    rule.paths = vec!["pkg/**/*.go".to_owned(), "!**/zz_*.go".to_owned()];
    rule.message = "compare with a constant, not with ${value}\nSee the manual.".to_owned();
    let set = set_of(&[rule]);
    let text = b"package x\n\tif c.Reason == \"Failed\" {  \r\n";
    let found = scan_text(&set, "pkg/a/b.go", text);
    assert_eq!(found.len(), 1);
    let finding = &found[0];
    assert_eq!(finding.agent, "rules");
    assert_eq!(finding.id, "status-constant#1");
    assert_eq!(
        finding.title,
        "compare with a constant, not with \"Failed\""
    );
    assert_eq!(
        finding.quote.as_deref(),
        Some("\tif c.Reason == \"Failed\" {")
    );
    assert!(finding.body.contains("See the manual."), "{}", finding.body);
    assert_eq!(finding.locations[0].lines.unwrap().start, 2);
    assert_eq!(finding.anchor.as_ref().unwrap().len(), 32);
    assert!(scan_text(&set, "pkg/a/zz_b.go", text).is_empty());
    assert!(scan_text(&set, "cmd/b.go", text).is_empty());
}

#[test]
fn the_pack_finds_its_plainest_cases() {
    let marker = format!("{} HEAD\n", "<".repeat(7));
    assert_eq!(
        found("src/a.rs", &marker),
        [("conflict-marker".to_owned(), 1, Severity::Important)]
    );
    assert_eq!(
        found("src/a.js", "x();\n  debugger;\n"),
        [("debugger-leftover".to_owned(), 2, Severity::Important)]
    );
}

#[test]
fn a_bad_pattern_is_shown_with_a_caret() {
    let error = RuleSet::compile(&[spec("half", "foo(bar")], &BTreeMap::new()).unwrap_err();
    assert_eq!(error.rule(), "half");
    insta::assert_snapshot!(error, @r"
    rule `half`: bad pattern in `added`
        foo(bar
           ^
    error: unclosed group
    ");
}

#[test]
fn what_can_not_work_is_refused_by_name() {
    let refuse = |spec: RuleSpec| RuleSet::compile(&[spec], &BTreeMap::new()).unwrap_err();
    for bad in ["", "a*", "^", r"\b", "x|", "[a&&b]", "(?:", r"\w{1000000}"] {
        assert!(
            matches!(refuse(spec("r", bad)), RuleError::Pattern { .. }),
            "{bad}"
        );
    }
    let nested = format!("{}a{}", "(".repeat(60), ")".repeat(60));
    assert!(matches!(
        refuse(spec("r", &nested)),
        RuleError::Pattern { .. }
    ));
    for bad in ["a[", "", "!", "{a"] {
        let mut rule = spec("r", "abc");
        rule.paths = vec![bad.to_owned()];
        assert!(matches!(refuse(rule), RuleError::Glob { .. }), "{bad}");
    }
    for bad in ["", "a b", "a#1", "a\u{1b}"] {
        assert!(
            matches!(refuse(spec(bad, "abc")), RuleError::Id { .. }),
            "{bad}"
        );
    }
    assert!(matches!(
        refuse(spec("private-key", "abc")),
        RuleError::BuiltIn { .. }
    ));
    let both = [spec("r", "abc"), spec("r", "def")];
    let error = RuleSet::compile(&both, &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, RuleError::Duplicate { .. }));
    let mut everything = spec("r", "abc");
    everything.added = None;
    assert!(matches!(
        refuse(everything),
        RuleError::Unconditional { .. }
    ));
}

#[test]
fn levels_turn_rules_off_and_set_their_severity() {
    let marker = format!("{}\n", "<".repeat(7));
    let level = |level| BTreeMap::from([("conflict-marker".to_owned(), level)]);
    let off = RuleSet::compile(&[], &level(RuleLevel::Off)).unwrap();
    assert!(scan_text(&off, "a.c", marker.as_bytes()).is_empty());
    let raised = RuleSet::compile(&[], &level(RuleLevel::At(Severity::Critical))).unwrap();
    let found = scan_text(&raised, "a.c", marker.as_bytes());
    assert_eq!(found[0].severity, Some(Severity::Critical));
}
