//! Tests of whole replies: the recorded ones in `tests/replies`, and hostile ones made up here.
//! Tests of single forms stand beside the code that reads them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{ParsedReview, Status, parse};
use crate::finding::RawFinding;

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    status: String,
    findings: Vec<String>,
    units: Vec<String>,
    #[serde(default)]
    rejected: Vec<String>,
}

fn line(finding: &RawFinding) -> String {
    let kind = finding.kind.map(|kind| serde_json::to_value(kind).unwrap());
    let places: Vec<String> = finding
        .locations
        .iter()
        .map(|place| {
            let lines = place.lines.map(|l| format!(":{}-{}", l.start, l.end));
            place.path.to_str_lossy().into_owned() + &lines.unwrap_or_default()
        })
        .collect();
    let line = format!(
        "{} {} {} {} @ {}{}",
        finding.id,
        finding.severity.map_or("-", |severity| severity.as_str()),
        kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("-"),
        finding.title,
        places.join(" "),
        if finding.withdrawn.is_some() {
            " (withdrawn)"
        } else {
            ""
        }
    );
    line.trim_end().to_owned()
}

fn shown(review: &ParsedReview) -> Expected {
    Expected {
        status: match review.status {
            Status::Ok => "ok",
            Status::None => "none",
            Status::Failed { .. } => "failed",
        }
        .to_owned(),
        findings: review.findings.iter().map(line).collect(),
        units: review.units.iter().map(|unit| unit.unit.clone()).collect(),
        rejected: review
            .rejected
            .iter()
            .filter(|rejected| rejected.place.contains('['))
            .map(|rejected| rejected.place.clone())
            .collect(),
    }
}

/// Name and text of every recorded reply.
fn recorded() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replies");
    let mut replies: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let name = path.to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    replies.sort();
    assert!(replies.len() > 10);
    replies
}

#[test]
fn recorded_replies_are_read_as_expected() {
    for (name, reply) in recorded() {
        let want = fs::read_to_string(name.replace(".md", ".json")).unwrap();
        let want: Expected = serde_json::from_str(&want).unwrap();
        assert_eq!(shown(&parse(&reply)), want, "{name}");
    }
}

#[test]
fn line_endings_do_not_matter() {
    for (name, reply) in recorded() {
        let unix = shown(&parse(&reply));
        assert_eq!(shown(&parse(&reply.replace('\n', "\r\n"))), unix, "{name}");
        assert_eq!(shown(&parse(&format!("\u{feff}{reply}"))), unix, "{name}");
    }
}

#[test]
fn prose_sections_are_kept_apart() {
    let reply = include_str!("../../tests/replies/bold-ids.md");
    let sections = parse(reply).sections;
    assert!(sections.summary.starts_with("Solid work."));
    assert!(sections.design.contains("### Strengths\n\n- **Small**"));
    assert!(sections.acknowledged.contains("No compaction"));
    assert!(sections.testing.is_empty());
    let reply = include_str!("../../tests/replies/answer-in-prose.md");
    let review = parse(reply);
    assert_eq!(review.review.as_deref(), Some("r-7f3a"));
    assert!(review.sections.design.contains("One file grows for ever."));
    assert!(review.sections.testing.contains("reading from 1"));
    assert_eq!(review.prior[0].id, "I3");
    assert!(review.trouble.is_empty());
    let finding = &review.findings[0];
    assert_eq!(finding.quote.as_deref(), Some("let at = 0;\nlet end = 0;"));
    assert_eq!(finding.rule.as_deref(), Some("R-4"));
    assert_eq!(finding.trigger.as_deref(), Some("a log with a torn tail"));
    assert!(finding.body.ends_with("Fix: Start at the checkpoint."));
}

#[test]
fn what_is_no_review_has_failed_with_a_reason() {
    for (reply, reason) in [
        ("", "empty"),
        (" \n\t\n", "empty"),
        ("I'm sorry, I can't help with that.", "refused"),
        ("API Error: 529 overloaded", "no section"),
        ("I reviewed it. No issues found.", "no section"),
        ("## Critical Issues\n\nNone.", "ends with the section"),
        (
            "## Critical Issues\n\nNone.\n\n## Important Issues",
            "ends at the heading",
        ),
        (
            "## Suggestions\n\nS1. **Lock leaks** — `a.rs:1`\n\n```rust\nlet",
            "inside a block",
        ),
        (
            "{\"review\":\"r\",\"units\":[],\"findings\":[]}",
            "lacks prior",
        ),
        ("{\"review\":\"r\",\"units\":[", "broken"),
        ("## Findings\n\nIt is all a bit much.", "could not be read"),
        (
            "## Critical Issues\n\nNone.\n\n## Important Issues\n\nNone.\n\n## Sugge",
            "ends at the heading",
        ),
        (
            "## Important Issues\n\nI1. **Lock leaks** — `a.rs:1`\n\nSee `src/lo",
            "breaks off",
        ),
        (
            "## Summary\n\nx\n\n## Critical Issues\n\nNone.\n\n## Important Issues\n\nI1. **Lock leaks** — `a.rs:1`\n\nYes.",
            "ends with the section",
        ),
    ] {
        match parse(reply).status {
            Status::Failed { why } => assert!(why.contains(reason), "{reply:?}: {why}"),
            status => panic!("{reply:?}: {status:?}"),
        }
    }
}

#[test]
fn a_review_may_have_one_section_alone() {
    let reply = "## Important Issues\n\nI1. **Lock leaks** — `a.rs:1`\n\nYes";
    assert_eq!(parse(reply).status, Status::Ok);
}

#[test]
fn none_is_an_answer() {
    for reply in [
        "None.",
        "### Critical Issues\n\nNone.\n\n### Important Issues\n\nNone.\n",
        "### Critical Issues: None\n### Important Issues: None\n### Suggestions: None",
        "## Findings\n\nNo findings.",
        "**Critical Issues**\n\n- None\n\n**Important Issues**\n\n- None",
    ] {
        assert_eq!(parse(reply).status, Status::None, "{reply:?}");
    }
}

#[test]
fn the_last_answer_counts() {
    let answer = |id: &str| {
        format!(
            "{{\"review\":\"{id}\",\"units\":[],\"findings\":[],\"prior\":[],\"design\":[],\"tests\":[],\"docs\":[],\"summary\":\"\",\"trouble\":[]}}"
        )
    };
    let reply = format!(
        "{}\nNo, rather:\n{}\n{{\"a\":1}} {{",
        answer("one"),
        answer("two")
    );
    let review = parse(&reply);
    assert_eq!(review.review.as_deref(), Some("two"));
    assert_eq!(review.status, Status::None);
    let odd = answer("x").replacen('{', "{\"mood\":1,", 1);
    let review = parse(&odd);
    assert_eq!(review.status, Status::None);
    assert_eq!(review.rejected[0].place, "mood");
}

/// A small generator of pseudo-random numbers (xorshift), so that failures repeat.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (sides as u64)).unwrap()
    }
}

const PIECES: [&str; 48] = [
    "## Critical Issues",
    "### Important Issues",
    "**Suggestions**",
    "# Executive Summary",
    "Findings:",
    "\n",
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "    ",
    "\t",
    "I1. ",
    "**",
    "**S2. ",
    "3. **",
    "`",
    "``",
    "```",
    "```rust",
    "~~~",
    "[IMPORTANT] ",
    "(important, gap)",
    "(",
    ")",
    "[",
    "](",
    "](/home/x/",
    " — ",
    "--",
    "src/a.rs:3-9",
    "`b.go:1, 5`",
    ":10",
    "#L7",
    "lines 4 and 9",
    "None.",
    "| a | b |",
    "- ",
    "> ",
    "<details>",
    "{\"review\":",
    "{",
    "}",
    "\"units\":[",
    "é—ß",
    "\u{0}",
    "The lock leaks",
    "Fix: ",
];

fn made_up(dice: &mut Dice) -> String {
    let count = 1 + dice.throw(120);
    (0..count)
        .map(|_| PIECES[dice.throw(PIECES.len())])
        .collect()
}

/// A recorded reply with pieces cut out, doubled or put in.
fn mutated(dice: &mut Dice, replies: &[(String, String)]) -> String {
    let mut text = replies[dice.throw(replies.len())].1.clone();
    for _ in 0..=dice.throw(6) {
        let mut from = dice.throw(text.len() + 1);
        let mut to = (from + dice.throw(60)).min(text.len());
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        while !text.is_char_boundary(to) {
            to += 1;
        }
        match dice.throw(3) {
            0 => text.replace_range(from..to, ""),
            1 => text.insert_str(from, PIECES[dice.throw(PIECES.len())]),
            _ => {
                let piece = text[from..to].to_owned();
                text.insert_str(to, &piece);
            }
        }
    }
    text
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// In one piece, or in two around a label that was taken out.
fn stands_in(said: &str, title: &str) -> bool {
    let ends = title.char_indices().map(|(at, _)| at).chain([title.len()]);
    said.contains(title)
        || ends
            .into_iter()
            .any(|at| said.contains(&title[..at]) && said.contains(&title[at..]))
}

fn hold_to_the_rules(reply: &str) {
    let review = parse(reply);
    let said = letters(reply);
    let mut ids = BTreeSet::new();
    for finding in &review.findings {
        assert!(!finding.title.trim().is_empty(), "{reply:?}");
        assert!(!finding.title.contains('\n'), "{reply:?}");
        assert!(
            stands_in(&said, &letters(&finding.title)),
            "made up: {:?} of {reply:?}",
            finding.title
        );
        assert!(
            said.contains(&letters(finding.quote.as_deref().unwrap_or(""))),
            "{reply:?}"
        );
        assert!(ids.insert(finding.id.clone()), "{reply:?}");
        for place in &finding.locations {
            assert!(
                said.contains(&letters(&place.path.to_str_lossy())),
                "{reply:?}"
            );
            assert!(
                place
                    .lines
                    .is_none_or(|lines| 0 < lines.start && lines.start <= lines.end)
            );
        }
    }
    match review.status {
        Status::Ok => assert!(!review.findings.is_empty(), "{reply:?}"),
        Status::None => assert!(review.findings.is_empty(), "{reply:?}"),
        Status::Failed { why } => assert!(!why.is_empty()),
    }
}

#[test]
fn nothing_is_made_up_and_nothing_panics() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let replies: Vec<(String, String)> = recorded()
        .into_iter()
        .filter(|(name, _)| !name.contains("answer"))
        .collect();
    for round in 0..2000 {
        let reply = match round % 2 {
            0 => made_up(&mut dice),
            _ => mutated(&mut dice, &replies),
        };
        hold_to_the_rules(&reply);
    }
}

#[test]
fn every_beginning_of_a_reply_is_read_without_panic() {
    for (_, reply) in recorded() {
        let full = parse(&reply);
        for (end, _) in reply.char_indices().step_by(3) {
            let review = parse(&reply[..end]);
            assert!(review.findings.len() <= full.findings.len() + 1);
        }
    }
}

#[test]
fn time_grows_with_the_length_alone() {
    let size = 40_000;
    for piece in [
        "[",
        "`",
        "```\n",
        "```rust\n",
        "``",
        "(",
        "{",
        "{\"a\":",
        "[{",
        "**",
        "](",
        "[x](",
        "— ",
        " — `a.rs:1`",
        "I1. **x",
        "\n",
        "## Important Issues\n",
        "## Executive Summary\n## Important Issues\n",
        "I1. **Lock** — `a.rs:1`\n",
        "1. **Lock** — `a.rs:1`\n",
        "`a.rs:1`, ",
        "a:1:",
        "(important)",
        "**I1. `",
        "{\"review\":\"\",\"units\":[],\"findings\":[]}",
        "- **x**\n",
        "\"",
        "\\",
        "é",
        "{\"review\":\"\",\"units\":[",
        "File: [a/b.rs](/x/a/b.rs)\n",
        "[[a/b](",
        "~~",
        "#",
        "|a|",
    ] {
        for start in [
            "",
            "## Important Issues\n\n",
            "## Important Issues\n\n**I1. ",
        ] {
            let reply = format!("{start}{}", piece.repeat(size / piece.len()));
            let begun = Instant::now();
            parse(&reply);
            // Generous for a loaded machine and a build without optimisation; quadratic work on
            // this length takes minutes.
            assert!(
                begun.elapsed() < Duration::from_secs(5),
                "{start:?} {piece:?}"
            );
        }
    }
}
