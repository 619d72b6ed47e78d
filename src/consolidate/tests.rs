//! What consolidation promises as a whole; the parts have their tests beside them.
//! How well it joins real wording is left to `quality`.

use super::explain::{Place, explain};
use super::severity::Rule;
use super::*;
use crate::finding::LineRange;

/// A raw finding; `place` is a path, or a path, a colon and a line.
fn raw(
    (agent, id): (&str, &str),
    severity: Option<Severity>,
    place: &str,
    title: &str,
    body: &str,
) -> RawFinding {
    let (path, line) = place.split_once(':').unwrap_or((place, ""));
    let lines = line.parse().ok().map(|line| LineRange {
        start: line,
        end: line,
    });
    RawFinding {
        agent: agent.to_owned(),
        id: id.to_owned(),
        severity,
        kind: Some(Kind::Regression),
        title: title.to_owned(),
        locations: vec![Location {
            path: path.into(),
            lines,
        }],
        body: body.to_owned(),
        ..RawFinding::default()
    }
}

const IMPORTANT: Option<Severity> = Some(Severity::Important);
const SUGGESTION: Option<Severity> = Some(Severity::Suggestion);

fn leak(agent: &str, severity: Option<Severity>) -> RawFinding {
    let body = "When `readIndex` fails, `openCache` returns early and the lock stays held.";
    let title = "`openCache` leaks the lock on error";
    raw((agent, "leak"), severity, "src/cache.go:10", title, body)
}

fn typo(agent: &str) -> RawFinding {
    let (title, body) = ("Typo in the help text", "The description says cahce.");
    raw((agent, "typo"), SUGGESTION, "cmd/main.go:3", title, body)
}

fn joined(raw: &[RawFinding]) -> Consolidation {
    consolidate(raw, &Settings::default())
}

fn names(members: &[Member]) -> Vec<String> {
    let name = |member: &Member| format!("{}/{}", member.agent, member.id);
    members.iter().map(name).collect()
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

/// Findings made of few words, so that many are alike: several agents, a rule, short
/// comments, repetitions, ids used twice.
fn random_findings(seed: u64) -> Vec<RawFinding> {
    let words = [
        "lock",
        "cache",
        "leaks",
        "readIndex",
        "timeout",
        "retry",
        "header",
        "token",
        "parse",
        "flush",
        "panic",
        "empty",
    ];
    let mut next = numbers(seed);
    (0..60)
        .map(|number| {
            let agent = ["alpha", "beta", "gemini", RULES_AGENT, "tool"][next(5)];
            let short = agent == "tool";
            let mut said = |count| -> String {
                let word = |_| words[next(words.len())];
                (0..count).map(word).collect::<Vec<_>>().join(" ")
            };
            let (title, body) = (if short { String::new() } else { said(3) }, said(5));
            let severity = [SUGGESTION, IMPORTANT, Some(Severity::Critical)][next(3)];
            let place = ["a.go:1", "a.go:9", "b.go:1", "src/a.go"][next(4)];
            let id = (number / 2).to_string();
            let severity = severity.filter(|_| !short);
            let mut raw = raw((agent, &id), severity, place, &title, &body);
            raw.kind = [Some(Kind::Regression), Some(Kind::PreExisting), None][next(3)];
            raw
        })
        .collect()
}

#[test]
fn what_was_there_before_joins_only_what_is_surely_the_same() {
    let of = |agent: &str, id: &str, kind: Kind, title: &str| RawFinding {
        agent: agent.to_owned(),
        id: id.to_owned(),
        severity: Some(Severity::Important),
        kind: Some(kind),
        title: title.to_owned(),
        ..RawFinding::default()
    };
    let about = |kind: Kind, title: &str| {
        let others = [
            "Spool files are never closed",
            "A typing slip in the help text",
        ];
        let mut raw = vec![
            of(
                "ann",
                "I1",
                Kind::Regression,
                "`open_index` reads the header twice",
            ),
            of("bob", "I1", kind, title),
        ];
        for (nth, title) in others.into_iter().enumerate() {
            raw.push(of("ann", &format!("I{}", nth + 2), Kind::Gap, title));
        }
        consolidate(&raw, &Settings::default())
    };
    let alike = "`close_index` writes the header after the footer";
    assert_eq!(about(Kind::Gap, alike).findings.len(), 3, "they join");
    let before = about(Kind::PreExisting, alike);
    assert_eq!((before.findings.len(), before.observations.len()), (3, 1));
    let same = about(Kind::PreExisting, "`open_index` reads the header twice");
    assert_eq!((same.findings.len(), same.observations.len()), (3, 0));
}

#[test]
fn every_raw_finding_ends_in_one_place_in_any_order() {
    for seed in 1..16 {
        let mut raw = random_findings(seed);
        let expected = joined(&raw);
        assert!(accounts_for_all(&raw, &expected));
        assert!(expected.findings.len() < raw.len(), "nothing was joined");
        let mut next = numbers(seed + 1_000);
        for _ in 0..6 {
            for at in (1..raw.len()).rev() {
                raw.swap(at, next(at + 1));
            }
            assert_eq!(joined(&raw), expected, "seed {seed}");
        }
    }
}

#[test]
fn a_lost_or_doubled_finding_is_noticed() {
    let raw = [leak("alpha", IMPORTANT), typo("beta")];
    let mut lost = joined(&raw);
    lost.findings.pop();
    assert!(!accounts_for_all(&raw, &lost));
    let mut doubled = joined(&raw);
    doubled.dropped.push(Dropped {
        members: vec![Member::of(&raw[0])],
        reason: "twice".to_owned(),
    });
    assert!(!accounts_for_all(&raw, &doubled));
}

#[test]
fn the_same_problem_is_one_finding_in_report_order() {
    let found = joined(&[
        typo("alpha"),
        leak("alpha", IMPORTANT),
        leak("beta", SUGGESTION),
        typo("beta"),
    ]);
    let shown: Vec<_> = found
        .findings
        .iter()
        .map(|it| (it.position.as_str(), names(&it.members)))
        .collect();
    let pair = |of: &str| vec![format!("alpha/{of}"), format!("beta/{of}")];
    assert_eq!(shown, [("I1", pair("leak")), ("S1", pair("typo"))]);
    let leak = &found.findings[0];
    assert_eq!(leak.judgement.rule, Rule::TieBlocks);
    assert_eq!(leak.told_by.agent, "alpha", "whose severity it got");
    assert!(leak.confidence.unwrap() > 0.99 && !leak.doubtful);
    let actions: Vec<Action> = leak.reconciliation.iter().map(|it| it.action).collect();
    assert_eq!(actions, [Action::Merged, Action::Raised]);
    assert_eq!(leak.reconciliation[1].from, SUGGESTION);
    assert_eq!(found.findings[1].confidence.map(|p| p > 0.9), Some(true));
}

#[test]
fn findings_of_one_agent_stay_apart_unless_identical() {
    let mut again = leak("alpha", IMPORTANT);
    again.id = "again".to_owned();
    again.body.push('\n');
    let repeated = joined(&[leak("alpha", SUGGESTION), again.clone(), typo("beta")]);
    assert_eq!(repeated.findings.len(), 2);
    assert_eq!(repeated.findings[0].judgement.votes.len(), 1, "one vote");
    assert_eq!(repeated.findings[0].severity, Severity::Important);
    again.body.push_str("Twice.");
    let alike = joined(&[leak("alpha", SUGGESTION), again, typo("beta")]);
    assert_eq!(alike.findings.len(), 3);
}

#[test]
fn what_its_agent_took_back_is_dropped_with_its_words() {
    let mut back = leak("alpha", IMPORTANT);
    back.withdrawn = Some("On second look the lock is released.".to_owned());
    let found = joined(&[back, leak("beta", SUGGESTION)]);
    assert_eq!(names(&found.dropped[0].members), ["alpha/leak"]);
    assert!(found.dropped[0].reason.contains("second look"));
    assert_eq!(names(&found.findings[0].members), ["beta/leak"]);
    assert_eq!(found.findings[0].severity, Severity::Suggestion);
}

#[test]
fn what_predates_the_change_is_an_observation() {
    let mut old = leak("alpha", IMPORTANT);
    old.kind = Some(Kind::PreExisting);
    let alone = joined(&[old.clone(), typo("beta")]);
    assert_eq!(names(&alone.observations[0].members), ["alpha/leak"]);
    assert_eq!(alone.findings.len(), 1);

    let disputed = joined(&[old, leak("beta", SUGGESTION), typo("beta")]);
    assert_eq!(disputed.observations, []);
    let finding = &disputed.findings[1];
    assert_eq!(finding.members.len(), 2);
    assert_eq!(finding.severity, Severity::Suggestion, "it has no vote");
    assert!(
        finding
            .reconciliation
            .iter()
            .any(|it| it.action == Action::Joined)
    );
}

#[test]
fn a_fact_is_a_floor_under_the_votes_of_those_who_say_the_same() {
    let fact = leak(RULES_AGENT, IMPORTANT);
    let found = joined(&[
        fact.clone(),
        leak("alpha", SUGGESTION),
        leak("beta", SUGGESTION),
        typo("alpha"),
    ]);
    let finding = &found.findings[0];
    assert_eq!(finding.members.len(), 3);
    assert_eq!(finding.severity, Severity::Important);
    assert_eq!(finding.judgement.rule, Rule::Fact);
    assert_eq!(finding.judgement.votes.len(), 2);

    let worse = joined(&[fact.clone(), leak("alpha", Some(Severity::Critical))]);
    assert_eq!(worse.findings[0].severity, Severity::Critical);

    let mut elsewhere = fact;
    elsewhere.locations[0].lines = Some(LineRange { start: 80, end: 80 });
    let apart = joined(&[elsewhere, leak("alpha", SUGGESTION)]);
    assert_eq!(apart.findings.len(), 2);
    assert_eq!(apart.findings[0].severity, Severity::Important);
    assert_eq!(apart.findings[1].severity, Severity::Suggestion);
}

#[test]
fn facts_leave_the_opinions_as_they_are() {
    let opinions: Vec<RawFinding> = random_findings(7)
        .into_iter()
        .filter(|raw| raw.agent != RULES_AGENT)
        .collect();
    let without = joined(&opinions);
    let mut with = opinions;
    for number in 0..30 {
        let (id, title) = (number.to_string(), "lock cache leaks");
        with.push(raw(
            (RULES_AGENT, &id),
            IMPORTANT,
            "z.go:1",
            title,
            "timeout",
        ));
    }
    // The thirty say the same in the same words: one voice.
    let facts = |it: &ConsolidatedFinding| it.members[0].agent == RULES_AGENT;
    let mut with = joined(&with);
    assert_eq!(with.findings.iter().filter(|it| facts(it)).count(), 1);
    with.findings.retain(|it| !facts(it));
    number(&mut with.findings);
    assert_eq!(with, without);
}

#[test]
fn what_may_be_the_same_is_named_for_the_lead() {
    let held = raw(
        ("beta", "held"),
        IMPORTANT,
        "src/cache.go:40",
        "A second caller waits forever on the cache",
        "When `readIndex` fails every later call blocks, as the lock is taken.",
    );
    let found = joined(&[leak("alpha", IMPORTANT), held, typo("alpha"), typo("beta")]);
    assert_eq!(found.findings.len(), 3);
    let [perhaps] = &found.maybe_same[..] else {
        panic!("{:?}", found.maybe_same)
    };
    assert_eq!(
        names(&[perhaps.first.clone(), perhaps.second.clone()]),
        ["alpha/leak", "beta/held"]
    );
    assert!((0.05..0.32).contains(&perhaps.p));
    assert!(perhaps.shared.contains(&"readindex".to_owned()));
}

#[test]
fn a_raw_finding_can_be_explained() {
    let mut raw = vec![
        leak("alpha", IMPORTANT),
        leak("beta", SUGGESTION),
        typo("beta"),
    ];
    raw[2].kind = Some(Kind::PreExisting);
    let found = joined(&raw);
    let explanation = explain(&found, &Member::of(&raw[1])).unwrap();
    assert!(matches!(explanation.place, Place::Finding(it) if it.position == "I1"));
    assert_eq!(explanation.joined, [&Member::of(&raw[0])]);
    assert!(explanation.likenesses[0].p > 0.99);
    assert!(
        explanation.likenesses[0]
            .shared
            .iter()
            .any(|word| word.contains("lock"))
    );
    assert_eq!(explanation.judgement.unwrap().votes.len(), 2);
    assert_eq!(explanation.reconciliation.len(), 2);
    let typo = explain(&found, &Member::of(&raw[2])).unwrap();
    assert!(matches!(typo.place, Place::Observation(_)));
    let unknown = Member {
        agent: "alpha".to_owned(),
        id: "none".to_owned(),
    };
    assert_eq!(explain(&found, &unknown), None);
}

#[test]
fn inflating_agents_are_known_by_a_part_of_their_name() {
    let settings = Settings::default();
    for name in ["gemini", "Gemini-Flash", "google/gemma-3", "gemini.2"] {
        assert!(settings.inflates(name), "{name}");
    }
    for name in ["claude", "bigemini", "gem"] {
        assert!(!settings.inflates(name), "{name}");
    }
}
