use std::cmp::Reverse;
use std::path::Path;

use super::*;
use crate::finding::{Kind, LineRange};
use crate::parse::{self, Status};
use crate::report::sample::{self, Dice};

/// How many reports are made by chance.
const REPORTS: u64 = 100;

fn text_of(report: &Report) -> String {
    let raw = "# Review\n\n## Critical Issues\n\nC1. **Theirs** — `t.rs:1` (critical, gap)\n```\nx";
    let originals = [Original {
        agent: "claude",
        bytes: raw.as_bytes(),
    }];
    String::from_utf8(markdown(report, &originals)).unwrap()
}

/// Id, severity, kind, title and places: what must survive.
type Essence = (
    String,
    Option<Severity>,
    Option<Kind>,
    String,
    Vec<(String, Option<LineRange>)>,
);

fn said(report: &Report) -> Vec<Essence> {
    let mut open = report.findings();
    open.retain(|standing| standing.state.is_open());
    // Those without evidence come last among those of their severity.
    open.sort_by_key(|standing| {
        (
            Reverse(standing.finding.severity),
            standing.without_evidence,
        )
    });
    open.into_iter()
        .map(|standing| {
            let finding = &standing.finding;
            let title = finding.title.split_whitespace().collect::<Vec<_>>();
            (
                standing.position.clone(),
                Some(finding.severity),
                Some(finding.kind),
                crate::page::harmless(&title.join(" ")),
                finding
                    .locations
                    .iter()
                    .map(|it| (it.path.to_str_lossy().into_owned(), it.lines))
                    .collect(),
            )
        })
        .collect()
}

fn read(text: &str) -> Vec<Essence> {
    parse::parse(text)
        .findings
        .into_iter()
        .map(|raw| {
            let places = raw.locations.iter();
            (
                raw.id,
                raw.severity,
                raw.kind,
                raw.title,
                places
                    .map(|it| (it.path.to_str_lossy().into_owned(), it.lines))
                    .collect(),
            )
        })
        .collect()
}

/// A title as a reader sees it: without the marks of code spans, which are written anew, and the white
/// space in them.
fn plain(essence: Vec<Essence>) -> Vec<Essence> {
    let unmarked = |title: String| title.replace(['`', ' '], "");
    essence
        .into_iter()
        .map(|(id, severity, kind, title, places)| (id, severity, kind, unmarked(title), places))
        .collect()
}

#[test]
fn every_report_is_read_back_as_it_was_written() {
    for seed in 0..REPORTS {
        let report = sample::report(seed);
        let text = text_of(&report);
        let parsed = parse::parse(&text);
        assert!(
            !matches!(parsed.status, Status::Failed { .. }),
            "seed {seed}: {:?}\n{text}",
            parsed.status
        );
        assert_eq!(
            plain(read(&text)),
            plain(said(&report)),
            "seed {seed}\n{text}"
        );
    }
}

/// A report of a real change, and its raw reviews, as `tests/cli/published.rs` makes them.
fn published() -> (Report, Vec<(String, Vec<u8>)>, String) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/published");
    let report = std::fs::read(place.join("report.json")).unwrap();
    let report: Report = serde_json::from_slice(&report).unwrap();
    let reviews = ["gemini-flash", "gpt", "claude-opus"].map(|agent| {
        let bytes = std::fs::read(place.join(format!("raw/{agent}.json"))).unwrap();
        (agent.to_owned(), bytes)
    });
    let text = std::fs::read_to_string(place.join("report.md")).unwrap();
    (report, reviews.to_vec(), text)
}

#[test]
fn the_published_report_is_what_its_data_give() {
    let (mut report, mut reviews, text) = published();
    // In the order in which they came.
    reviews.sort_by_key(|(agent, _)| text.find(&format!("### [{agent}]\n\n````json")));
    let originals: Vec<Original<'_>> = reviews
        .iter()
        .map(|(agent, bytes)| Original { agent, bytes })
        .collect();
    let written = String::from_utf8(markdown(&report, &originals)).unwrap();
    assert_eq!(written, text);
    assert_eq!(plain(read(&text)), plain(said(&report)));
    let before = report.clone();
    report.complete();
    assert_eq!(report, before, "nothing computed was changed by hand");

    // Every raw finding ended somewhere, once.
    let mut raised: Vec<(String, String)> = Vec::new();
    for (agent, bytes) in &reviews {
        let parsed = parse::parse(std::str::from_utf8(bytes).unwrap());
        raised.extend(
            parsed
                .findings
                .into_iter()
                .map(|raw| (agent.clone(), raw.title)),
        );
    }
    let ends = report.fates.iter();
    let mut ended: Vec<(String, String)> = ends
        .map(|fate| (fate.agent.clone(), fate.title.clone()))
        .collect();
    raised.sort();
    ended.sort();
    assert_eq!(raised, ended);
}

#[test]
fn json_is_indented_and_nothing_else() {
    for json in [
        r#"{"a":[1,2,{"b":"x, [y] {z} \" : \\"}],"c":{},"d":[ ],"e":null}"#,
        " [ true ,\n false ] ",
        r#""a""#,
    ] {
        let text = indented(json);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&text), value(json), "{text}");
    }
    assert_eq!(
        indented(r#"{"b":[1],"a":"x,y","c":[]}"#),
        "{\n  \"b\": [\n    1\n  ],\n  \"a\": \"x,y\",\n  \"c\": []\n}"
    );
}

#[test]
fn the_same_report_is_the_same_bytes() {
    for seed in 0..20 {
        let report = sample::report(seed);
        let json = crate::report::to_json(&report).unwrap();
        let mut again: Report = serde_json::from_slice(&json).unwrap();
        assert_eq!(again, report, "seed {seed}");
        again.complete();
        assert_eq!(again, report, "completing twice changes nothing");
        assert_eq!(text_of(&again), text_of(&report));
    }
}

/// The text without code: blocks and spans.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<usize> = None;
    for line in text.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(length) if ticks >= length && line.trim_start_matches('`').is_empty() => {
                fence = None;
            }
            Some(_) => {}
            None if ticks >= 3 => fence = Some(ticks),
            None => {
                let mut rest = line;
                while let Some(at) = rest.find('`') {
                    out.push_str(&rest[..at]);
                    let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
                    let inside = &rest[at + run..];
                    let mark = "`".repeat(run);
                    let end = inside
                        .match_indices(&mark)
                        .map(|(end, _)| end)
                        .find(|end| {
                            !inside[..*end].ends_with('`') && !inside[end + run..].starts_with('`')
                        })
                        .unwrap_or_else(|| panic!("an open code span in {line:?}"));
                    rest = &inside[end + run..];
                }
                out.push_str(rest);
                out.push('\n');
            }
        }
    }
    assert_eq!(fence, None, "a block is never closed");
    out
}

#[test]
fn nothing_foreign_is_left_that_a_renderer_obeys() {
    for seed in 0..REPORTS {
        let text = text_of(&sample::report(seed));
        // Ours: the repository's page, and line breaks in the table.
        let text = text
            .replace("[shop/site](https://example.org/shop/site)", "")
            .replace("<br>", "");
        let text = without_code(&text);
        for (at, c) in text.char_indices() {
            let before = &text[..at];
            let escaped = before.len() - before.trim_end_matches('\\').len();
            let bare = escaped.is_multiple_of(2);
            let ours = before.ends_with("### ") || before.ends_with(' ');
            match c {
                '<' => assert!(
                    !bare,
                    "seed {seed}: {:?}",
                    &text[at..text.len().min(at + 40)]
                ),
                '[' if bare => assert!(ours, "seed {seed}: {:?}", before.lines().last()),
                '@' => panic!("seed {seed}: a mention in {:?}", before.lines().last()),
                _ => {}
            }
        }
        let links = text
            .match_indices("](")
            .filter(|(at, _)| !text[..*at].ends_with('\\'));
        assert_eq!(links.count(), 0, "seed {seed}: a link");
        assert!(
            !text.contains("://") && !text.contains("www."),
            "seed {seed}"
        );
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    }
}

#[test]
fn the_numbers_of_the_retro_add_up() {
    for seed in 0..REPORTS {
        let report = sample::report(seed);
        let text = text_of(&report);
        // The law of conservation, counted from the raw findings.
        let of = |raw: &[crate::finding::RawFinding]| raw.len();
        let findings = report.findings();
        let voices: usize = findings
            .iter()
            .map(|it| of(&it.finding.voices.members).max(1))
            .sum();
        let seen: usize = report.observations.iter().map(|it| of(&it.members)).sum();
        let dropped: usize = report.dropped.iter().map(|it| of(&it.members)).sum();
        let moved: usize = report.moved.iter().map(|it| of(&it.members)).sum();
        let all = voices + seen + moved + dropped;
        assert_eq!(report.fates.len(), all, "seed {seed}");
        let mut names: Vec<_> = report.fates.iter().map(|it| (&it.agent, &it.id)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), report.fates.len(), "each once, seed {seed}");

        for column in &report.retro {
            let is_voice =
                |it: &&&crate::report::Standing| it.finding.agents.contains(&column.agent);
            let credited: Vec<_> = findings.iter().filter(is_voice).collect();
            let total = |counts: crate::report::Counts| {
                counts.critical + counts.important + counts.suggestion + counts.unrated
            };
            assert_eq!(total(column.credited), credited.len(), "seed {seed}");
            let alone = credited
                .iter()
                .filter(|it| it.finding.agents.len() == 1)
                .count();
            assert_eq!(column.unique, alone, "seed {seed}");
            let own = |raw: &crate::finding::RawFinding| raw.agent == column.agent;
            let gone: usize = report
                .dropped
                .iter()
                .flat_map(|it| &it.members)
                .filter(|raw| own(raw))
                .count();
            assert_eq!(column.dropped, gone, "seed {seed}");
            let raised = report
                .fates
                .iter()
                .filter(|it| it.agent == column.agent)
                .count();
            assert_eq!(total(column.raised), raised, "seed {seed}");
            let down: usize = credited
                .iter()
                .flat_map(|it| {
                    it.finding
                        .voices
                        .members
                        .iter()
                        .map(|raw| (raw, it.finding.severity))
                })
                .filter(|(raw, to)| own(raw) && raw.severity.is_some_and(|from| from > *to))
                .count();
            assert_eq!(
                column.downgraded.values().sum::<usize>(),
                down,
                "seed {seed}"
            );
            let row = text
                .lines()
                .find(|line| line.starts_with("| Dropped |"))
                .unwrap();
            let nth = report.retro.iter().position(|it| it == column).unwrap();
            let cell = row.split('|').nth(nth + 2).unwrap().trim();
            let want = if column.failed {
                "—".to_owned()
            } else {
                gone.to_string()
            };
            assert_eq!(cell, want, "seed {seed}");
        }
    }
}

#[test]
fn any_prose_stays_within_its_part() {
    let dice = &mut Dice::new(7);
    for _ in 0..2000 {
        let foreign = dice.text();
        let shown = escape::prose(&foreign);
        let review = format!(
            "## Important Issues\n\nI1. **One** — `a.rs:1` [x] (important, gap)\n\n{shown}\n\n## Suggestions\n\nNone.\n"
        );
        let parsed = parse::parse(&review);
        assert_eq!(parsed.findings.len(), 1, "{foreign}\n--\n{review}");
        assert_eq!(parsed.findings[0].title, "One");
    }
}
