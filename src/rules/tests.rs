//! The doors of the rules reviewer, tried as its caller uses them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::spec::RuleError;
use super::{AddedLine, FileUnderReview, RuleLevel, RuleSet, RuleSpec, builtin_rules};
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
    assert!(error.to_string().contains("half"), "{error}");
    insta::assert_snapshot!(error, @r"
    rule `half`: bad pattern in `added`
        foo(bar
           ^
    error: unclosed group
    ");
}

#[test]
fn what_can_not_work_is_refused_by_name() {
    let refuse = |spec: RuleSpec| {
        let error = RuleSet::check(&spec).unwrap_err();
        let in_a_set = RuleSet::compile(&[spec], &BTreeMap::new()).unwrap_err();
        assert_eq!(error, in_a_set);
        error
    };
    assert_eq!(RuleSet::check(&spec("r", "abc")), Ok(()));
    for bad in ["", "a*", "^", r"\b", "x|", "[a&&b]", "(?:", r"\w{100000}"] {
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
fn one_repository_may_not_ask_for_too_much() {
    let many = |count: usize, added: &str| {
        let specs: Vec<_> = (0..count).map(|n| spec(&format!("r{n}"), added)).collect();
        RuleSet::compile(&specs, &BTreeMap::new()).map(|_| ())
    };
    assert_eq!(many(20, "abc[a-z]{200}"), Ok(()));
    for (count, added) in [
        (1_001, "abc".to_owned()),
        (1, "(?:[ab]{900}c){600}".to_owned()),
        (3, format!("(?x)abc{}", " ".repeat(100_000))),
    ] {
        let error = many(count, &added).unwrap_err();
        assert!(matches!(error, RuleError::TooMany { .. }), "{error}");
    }
}

#[test]
fn an_error_about_a_long_pattern_is_short() {
    for long in [
        "(?:x?){100}".repeat(5_000),
        format!("({}", "x".repeat(100_000)),
    ] {
        let error = RuleSet::compile(&[spec("r", &long)], &BTreeMap::new()).unwrap_err();
        assert!(
            error.to_string().len() < 2_000,
            "{}",
            error.to_string().len()
        );
    }
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

#[test]
fn an_override_keeps_the_lenience_of_tests() {
    let levels = BTreeMap::from([(
        "debugger-leftover".to_owned(),
        RuleLevel::At(Severity::Critical),
    )]);
    let set = RuleSet::compile(&[], &levels).unwrap();
    let severity = |path| scan_text(&set, path, b"dbg!(x);\n")[0].severity;
    assert_eq!(severity("src/a.rs"), Some(Severity::Critical));
    assert_eq!(severity("tests/a.rs"), Some(Severity::Suggestion));
}

#[test]
fn a_lowered_finding_says_why() {
    let found = scan_text(pack(), "tests/a.rs", b"dbg!(x);\n");
    let note = "Only a suggestion here, because this is a test.";
    assert!(found[0].body.ends_with(note), "{}", found[0].body);
}

/// Changes one ingredient of a rule.
type Change = fn(&mut RuleSpec);

#[test]
fn each_ingredient_changes_the_digest() {
    let mut base = spec("r", "abc");
    base.paths = vec!["a/**".to_owned()];
    let changes: [(&str, Change); 8] = [
        ("id", |rule| rule.id = "s".to_owned()),
        ("severity", |rule| rule.severity = Severity::Suggestion),
        ("paths", |rule| rule.paths = vec!["b/**".to_owned()]),
        ("one more path", |rule| rule.paths.push("b/**".to_owned())),
        ("added", |rule| rule.added = Some("abd".to_owned())),
        ("no pattern", |rule| rule.added = None),
        ("message", |rule| rule.message = "do".to_owned()),
        ("history", |rule| rule.history = true),
    ];
    let mut digests = BTreeSet::from([set_of(&[]).digest(), set_of(&[base.clone()]).digest()]);
    for (what, change) in changes {
        let mut other = base.clone();
        change(&mut other);
        assert!(digests.insert(set_of(&[other]).digest()), "{what}");
    }
    for id in ["r", "private-key"] {
        for level in [
            RuleLevel::Off,
            RuleLevel::At(Severity::Critical),
            RuleLevel::At(Severity::Suggestion),
        ] {
            let levels = BTreeMap::from([(id.to_owned(), level)]);
            let set = RuleSet::compile(&[base.clone()], &levels).unwrap();
            let known_off = id == "r" && level == RuleLevel::Off;
            assert_eq!(digests.insert(set.digest()), !known_off, "{id} {level:?}");
        }
    }
    assert_eq!(set_of(&[base.clone()]).digest(), set_of(&[base]).digest());
}

#[test]
fn the_history_set_has_the_marked_rules_only() {
    let mut house = spec("house-token", "corp_[a-z]{8}");
    house.history = true;
    let set = set_of(&[house, spec("other", "other_[a-z]+")]);
    let history = set.history_only();
    assert_eq!(history.digest(), set.history_digest());
    assert_ne!(set.digest(), set.history_digest());
    let text = format!("corp_abcdefgh other_x\n{} x\n", "<".repeat(7));
    let rules: Vec<_> = scan_text(&history, "a.c", text.as_bytes())
        .into_iter()
        .map(|finding| finding.rule.unwrap())
        .collect();
    assert_eq!(rules, ["house-token"]);
    assert_eq!(scan_text(&set, "a.c", text.as_bytes()).len(), 3);
    let marked: Vec<_> = builtin_rules()
        .filter(|rule| rule.history)
        .map(|rule| rule.id)
        .collect();
    assert_eq!(
        marked,
        ["provider-token", "private-key", "secret-assignment"]
    );
}

#[test]
fn what_a_history_rule_matched_is_not_shown() {
    let mut house = spec("house-token", "corp_(?P<value>[a-z]{8})");
    house.history = true;
    house.message = "token $0 with ${value}".to_owned();
    let found = scan_text(&set_of(&[house]), "a.c", b"x = corp_abcdefgh;\n");
    assert_eq!(found[0].quote.as_deref(), Some("x = corp…;"));
    assert!(!format!("{found:?}").contains("abcdefgh"), "{found:?}");
}

#[test]
fn a_rule_without_pattern_is_about_the_file() {
    let mut rule = spec("frozen", "");
    rule.added = None;
    rule.paths = vec!["api/v1/**".to_owned()];
    let set = set_of(&[rule]);
    let found = scan_text(&set, "api/v1/x.proto", b"a\nb\n");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].locations[0].lines, None);
    assert_eq!(found[0].quote, None);
    assert!(found[0].body.contains("api/v1/**"));
    assert!(scan_text(&set, "api/v2/x.proto", b"a\n").is_empty());
    assert_ne!(
        found[0].anchor,
        scan_text(&set, "api/v1/y.proto", b"")[0].anchor
    );
}

#[test]
fn beyond_twenty_hits_the_rest_is_one_finding() {
    let text = "abc\n".repeat(50);
    let found = scan_text(&set_of(&[spec("r", "abc")]), "a.c", text.as_bytes());
    assert_eq!(found.len(), 21);
    let rest = &found[20];
    assert_eq!(rest.title, "and 30 more: don't");
    assert_eq!(rest.id, "r#21");
    assert_eq!(rest.locations[0].lines.unwrap().start, 21);
    assert!(rest.body.ends_with("Lines 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, …."), "{}", rest.body);
    let exactly = scan_text(
        &set_of(&[spec("r", "abc")]),
        "a.c",
        "abc\n".repeat(20).as_bytes(),
    );
    assert_eq!(exactly.len(), 20);
}

#[test]
fn an_anchor_stands_for_rule_and_line_but_not_for_its_end_or_number() {
    let set = set_of(&[spec("r", "abc"), spec("s", "abc")]);
    let anchors = |text: &str| -> Vec<String> {
        let found = scan_text(&set, "a.c", text.as_bytes());
        found
            .into_iter()
            .map(|finding| finding.anchor.unwrap())
            .collect()
    };
    let base = anchors("  abc = 1\n");
    assert_ne!(base[0], base[1]);
    assert_eq!(anchors("\n\n  abc = 1  \t\r\n"), base);
    assert_ne!(anchors("abc = 1\n"), base);
    assert_ne!(anchors("  abc = 2\n"), base);
}

#[test]
fn moved_lines_are_no_findings_unless_they_are_secrets() {
    let mut token = spec("token", "corp_[a-z]{4}");
    token.history = true;
    let set = set_of(&[spec("r", "abc"), token]);
    let count = |old: &str, new: &str, no: u32| {
        let text = new.lines().nth(no as usize - 1).unwrap().as_bytes();
        let added = [AddedLine { no, text }];
        let file = FileUnderReview {
            path: &RepoPath::from("a.c"),
            mode: Mode::Regular,
            old_mode: Some(Mode::Regular),
            added: &added,
            new_text: Some(new.as_bytes()),
            old_text: Some(old.as_bytes()),
        };
        set.scan(&file).len()
    };
    assert_eq!(count("x\n", "x\nabc\n", 2), 1);
    assert_eq!(count("abc\nx\n", "x\n  abc\r\n", 2), 0);
    assert_eq!(count("abc\nx\n", "abc\nx\nabc\n", 3), 1);
    assert_eq!(count("corp_aaaa\nx\n", "x\ncorp_aaaa\n", 2), 1);
}

#[test]
fn findings_come_in_order_of_lines_then_rules() {
    let set = set_of(&[spec("second", "[a-z]bc"), spec("first", "abc")]);
    let ids: Vec<_> = scan_text(&set, "a.c", b"abc\nabc\n")
        .into_iter()
        .map(|finding| finding.id)
        .collect();
    assert_eq!(ids, ["second#1", "first#1", "second#2", "first#2"]);
}

#[test]
fn a_quote_of_a_long_line_is_cut_around_the_match() {
    let set = set_of(&[spec("r", "needle")]);
    let filler = "ä".repeat(20_000);
    let text = format!("{filler}needle{filler}");
    let found = scan_text(&set, "a.js", text.as_bytes());
    let quote = found[0].quote.as_ref().unwrap();
    assert!(quote.len() <= 400 && quote.contains("needle"), "{quote}");
    assert!(text.contains(quote.as_str()));
    let short = scan_text(&set, "a.js", b"  needle  \n");
    assert_eq!(short[0].quote.as_deref(), Some("  needle"));
}

#[test]
fn arbitrary_bytes_do_no_harm() {
    let mut house = spec("house", r"(?i)[a-z\xC0-\xFF]{3}=(.*)");
    house.message = "$0 $1 ${x} $".to_owned();
    let set = set_of(&[house, spec("wide", r"[\x00-\xFF]{2}")]);
    let mut bytes = vec![0; 200_000];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    for (at, word) in [
        "ghp_",
        "-----BEGIN PRIVATE KEY-----",
        "debugger;",
        "\u{202a}",
        "AccountKey=",
    ]
    .iter()
    .enumerate()
    {
        bytes[at * 777..at * 777 + word.len()].copy_from_slice(word.as_bytes());
    }
    for path in [
        "a.js",
        "a.py",
        ".gitattributes",
        "Cargo.toml",
        "",
        "a/",
        "\u{fffd}",
    ] {
        assert!(!scan_text(&set, path, &bytes).is_empty());
        let one_line: Vec<u8> = bytes
            .iter()
            .copied()
            .filter(|byte| *byte != b'\n')
            .collect();
        assert!(!scan_text(&set, path, &one_line).is_empty());
    }
}

#[test]
fn a_set_is_shared_between_threads() {
    let shared = |_: &(dyn Sync + Send)| ();
    shared(pack());
}

#[test]
fn a_rule_is_read_from_its_table() {
    let rule: RuleSpec =
        toml::from_str("id = 'r'\nseverity = 'important'\nadded = 'x+'\nmessage = 'm'").unwrap();
    assert_eq!((rule.paths.len(), rule.history), (0, false));
    let level = |word: &str| serde_json::from_value::<RuleLevel>(word.into());
    assert_eq!(level("off").unwrap(), RuleLevel::Off);
    assert_eq!(
        level("critical").unwrap(),
        RuleLevel::At(Severity::Critical)
    );
    assert!(level("loud").is_err());
}

#[test]
fn ids_of_the_pack_are_unique_and_its_patterns_compile() {
    let ids: Vec<_> = builtin_rules().map(|rule| rule.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(ids.contains(&"review-policy-loosened"));
    for builtin in super::pack::PACK {
        assert!(super::spec::is_rule_id(builtin.id));
        for form in builtin.forms {
            let pattern = super::pattern::Pattern::lazy(form.pattern);
            assert_eq!(pattern.build(), Ok(()));
            assert!(
                pattern.keywords.is_some(),
                "{} has no keyword",
                form.pattern
            );
        }
    }
}

#[test]
fn a_rule_does_not_find_its_own_definition_unless_it_names_that_file() {
    let text = b"added = 'plain-http'\n";
    let everywhere = spec("r", "plain-http");
    let named = RuleSpec {
        paths: vec!["*.toml".to_owned()],
        ..everywhere.clone()
    };
    let count = |spec: &RuleSpec, path: &str| {
        scan_text(&set_of(std::slice::from_ref(spec)), path, text).len()
    };
    assert_eq!(count(&everywhere, ".deep-review.toml"), 0);
    assert_eq!(count(&everywhere, "sub/.deep-review.toml"), 1);
    assert_eq!(count(&named, ".deep-review.toml"), 1);
}

#[test]
fn the_readme_lists_every_built_in_rule() {
    let readme = include_str!("../../README.md");
    for rule in builtin_rules() {
        let row = format!("| `{}` |", rule.id);
        let listed = readme.lines().find(|line| line.starts_with(&row));
        let listed = listed.unwrap_or_else(|| panic!("{} is not in the table", rule.id));
        assert_eq!(listed.ends_with("| yes |"), rule.history, "{}", rule.id);
    }
}
