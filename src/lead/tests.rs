//! Hostile leads: each thing that a lead must not be able to do, tried.

use super::*;
use crate::diff::RepoPath;
use crate::finding::{Anchor, Checked, FindingId, Kind, Location, Proof, RULES, Voices};
use crate::gate::{EvidencePolicy, may_block};

const LEAD: Lead<'static> = Lead {
    agent: "claude",
    vendor_of: &crate::finding::vendor,
};

/// A finding raised by these agents, each with a vote, borne out by the code or not.
fn raised(name: &str, by: &[(&str, Severity)], supported: bool) -> Finding {
    let members: Vec<RawFinding> = by
        .iter()
        .map(|(agent, severity)| RawFinding {
            agent: (*agent).to_owned(),
            id: format!("{agent}-{name}"),
            severity: Some(*severity),
            title: format!("{name}, says {agent}"),
            ..RawFinding::default()
        })
        .collect();
    let path = RepoPath::from("src/a.rs");
    Finding {
        id: FindingId::of(&[name.as_bytes()]),
        severity: by.iter().map(|(_, vote)| *vote).max().unwrap(),
        kind: Kind::Regression,
        title: name.to_owned(),
        body: String::new(),
        locations: vec![Location {
            path: path.clone(),
            lines: None,
        }],
        agents: by.iter().map(|(agent, _)| (*agent).to_owned()).collect(),
        rule: None,
        quote: None,
        commit: None,
        anchor: Anchor {
            path,
            code: name.to_owned(),
            around: String::new(),
            occurrence: 0,
            lines: 1,
        },
        voices: Voices {
            evidence: members
                .iter()
                .map(|raw| Checked {
                    agent: raw.agent.clone(),
                    id: raw.id.clone(),
                    sentences: Vec::new(),
                    supported,
                })
                .collect(),
            members,
            ..Voices::default()
        },
    }
}

fn case(id: &str, finding: Finding) -> Case {
    Case {
        id: id.to_owned(),
        finding,
        alone: Vec::new(),
        decided: false,
    }
}

fn says(cluster: &str, verdict: Verdict) -> Verified {
    Verified {
        cluster: cluster.to_owned(),
        check: "opened it".to_owned(),
        path: "src/a.rs".to_owned(),
        line: 1,
        quote: "let x = 1;".to_owned(),
        verdict,
        ground: Ground::Misread,
        reason: "the caller checks it".to_owned(),
        kind: Kind::Regression,
        severity: Severity::Suggestion,
        proof: Proof::Traced,
        to: MoveTo::Design,
        same_as: String::new(),
        apart: Vec::new(),
        title: String::new(),
        body: String::new(),
        fix: String::new(),
    }
}

fn apply_one(finding: Finding, said: &Verified, quoted: Quoted) -> Outcome {
    let word = Word {
        verified: said,
        quoted,
    };
    apply(vec![case("k01", finding)], &[word], &[], vec![], LEAD)
}

fn stance(outcome: &Outcome) -> Stance {
    outcome.findings[0].voices.lead.as_ref().unwrap().stance
}

const I: Severity = Severity::Important;
const S: Severity = Severity::Suggestion;
const C: Severity = Severity::Critical;
const AGAINST: [Verdict; 3] = [Verdict::Drop, Verdict::Downgrade, Verdict::Move];

#[test]
fn a_case_that_the_answer_leaves_out_stands_unchanged() {
    let finding = raised("leak", &[("codex", I)], true);
    let other = says("k99", Verdict::Drop);
    let outcome = apply_one(finding.clone(), &other, Quoted::InHead);
    assert_eq!(outcome.findings, [finding]);
    assert_eq!(outcome.restored, ["k01"]);
    assert!(outcome.dropped.is_empty() && outcome.moved.is_empty());
}

#[test]
fn what_one_agent_of_another_vendor_raised_is_dropped_with_a_quote() {
    let finding = raised("leak", &[("codex", I)], true);
    let outcome = apply_one(finding, &says("k01", Verdict::Drop), Quoted::InHead);
    assert!(outcome.findings.is_empty());
    let (members, reason) = &outcome.dropped[0];
    assert_eq!(members.len(), 1);
    assert!(reason.ends_with("the caller checks it"), "{reason}");
}

#[test]
fn nothing_counts_against_a_finding_without_a_quote_or_a_reason() {
    for severity in [S, I, C] {
        for verdict in [Verdict::Drop, Verdict::Downgrade] {
            if severity == S && verdict == Verdict::Downgrade {
                continue;
            }
            for quoted in [Quoted::Nowhere, Quoted::OnlyInBase] {
                let finding = raised("leak", &[("codex", severity)], true);
                let outcome = apply_one(finding, &says("k01", verdict), quoted);
                assert_eq!(
                    stance(&outcome),
                    Stance::Contested,
                    "{severity} {verdict:?}"
                );
                assert_eq!(outcome.findings[0].severity, severity);
            }
            let mut silent = says("k01", verdict);
            silent.reason = "  ".to_owned();
            let finding = raised("leak", &[("codex", severity)], true);
            let outcome = apply_one(finding, &silent, Quoted::InHead);
            assert_eq!(stance(&outcome), Stance::Contested);
        }
    }
}

#[test]
fn what_stood_only_before_proves_only_that_it_was_there_before() {
    let mut said = says("k01", Verdict::Drop);
    said.ground = Ground::Predates;
    let finding = raised("leak", &[("codex", I)], true);
    let outcome = apply_one(finding, &said, Quoted::OnlyInBase);
    assert_eq!(outcome.dropped.len(), 1);
}

#[test]
fn what_two_agents_raised_is_contested_and_not_taken_away() {
    for by in [
        &[("codex", I), ("gemini", I)][..],
        &[("codex", I), ("codex.2", S)],
        &[("codex", C), ("claude", I)],
    ] {
        for verdict in AGAINST {
            let finding = raised("leak", by, true);
            let severity = finding.severity;
            let outcome = apply_one(finding, &says("k01", verdict), Quoted::InHead);
            assert_eq!(stance(&outcome), Stance::Contested, "{by:?} {verdict:?}");
            assert_eq!(outcome.findings[0].severity, severity);
            let word = outcome.findings[0].voices.lead.as_ref().unwrap();
            assert_eq!(word.reason, "the caller checks it");
            assert!(!word.wants.is_empty());
        }
    }
    // Two vendors say it, and no code bears it out: it can hold a push all the same.
    let finding = raised("leak", &[("codex", I), ("gemini", I)], false);
    let outcome = apply_one(finding, &says("k01", Verdict::Drop), Quoted::InHead);
    assert_eq!(stance(&outcome), Stance::Contested);
}

#[test]
fn what_its_own_vendor_raised_is_contested_and_not_taken_away() {
    for agent in ["claude", "claude.2", "my-claude"] {
        for verdict in AGAINST {
            let finding = raised("leak", &[(agent, I)], true);
            let outcome = apply_one(finding, &says("k01", verdict), Quoted::InHead);
            assert_eq!(stance(&outcome), Stance::Contested, "{agent} {verdict:?}");
            assert_eq!(outcome.findings[0].severity, I);
        }
    }
}

#[test]
fn what_holds_no_push_is_dropped_with_a_quote_whoever_raised_it() {
    for finding in [
        raised("typo", &[("claude", S), ("codex", S)], true),
        raised("leak", &[("claude", I)], false),
    ] {
        let outcome = apply_one(finding, &says("k01", Verdict::Drop), Quoted::InHead);
        assert_eq!(outcome.dropped.len(), 1);
    }
}

#[test]
fn a_fact_of_the_rules_stands_whatever_the_lead_says() {
    for verdict in AGAINST {
        for by in [&[(RULES, I)][..], &[("codex", I), (RULES, I)]] {
            let finding = raised("debugger", by, true);
            let mut said = says("k01", verdict);
            said.title = "nothing".to_owned();
            said.apart = vec!["k01.1".to_owned()];
            let outcome = apply_one(finding.clone(), &said, Quoted::InHead);
            let left = &outcome.findings[0];
            assert_eq!((left.severity, &left.title), (I, &finding.title));
            assert_eq!(left.voices.members, finding.voices.members);
            assert!(outcome.dropped.is_empty() && outcome.moved.is_empty());
        }
        // One that no agent said has no voices at all.
        let mut alone = raised("debugger", &[(RULES, I)], true);
        alone.voices = Voices::default();
        let outcome = apply_one(alone, &says("k01", verdict), Quoted::InHead);
        assert_eq!(outcome.findings[0].severity, I);
    }
}

#[test]
fn nothing_is_raised_to_critical_or_above_its_votes() {
    let mut said = says("k01", Verdict::Keep);
    said.severity = C;
    for (by, before, after) in [
        (&[("codex", S)][..], S, S),
        (&[("codex", S), ("gemini", I)], S, I),
        (&[("codex", S), ("gemini", C)], S, I),
        (&[("codex", I), ("gemini", C)], I, I),
        (&[("codex", C)], C, C),
    ] {
        let mut finding = raised("leak", by, true);
        finding.severity = before;
        let outcome = apply_one(finding, &said, Quoted::InHead);
        assert_eq!(outcome.findings[0].severity, after, "{by:?}");
    }
    // A downgrade to something worse is none.
    let mut upside = says("k01", Verdict::Downgrade);
    upside.severity = C;
    let finding = raised("leak", &[("codex", I)], true);
    let outcome = apply_one(finding, &upside, Quoted::InHead);
    assert_eq!(outcome.findings[0].severity, I);
}

#[test]
fn a_downgrade_that_counts_is_told() {
    let finding = raised("leak", &[("codex", I)], true);
    let outcome = apply_one(finding, &says("k01", Verdict::Downgrade), Quoted::InHead);
    let left = &outcome.findings[0];
    assert_eq!((left.severity, stance(&outcome)), (S, Stance::Downgraded));
    let entry = left.voices.reconciliation.last().unwrap();
    assert_eq!(
        (entry.action, entry.from, entry.to),
        (Action::Downgraded, Some(I), Some(S))
    );
}

#[test]
fn a_drop_needs_a_ground() {
    for ground in [Ground::None, Ground::Duplicate, Ground::Declined] {
        let mut said = says("k01", Verdict::Drop);
        said.ground = ground;
        let finding = raised("typo", &[("codex", S)], true);
        let outcome = apply_one(finding, &said, Quoted::InHead);
        assert_eq!(stance(&outcome), Stance::Contested, "{ground:?}");
    }
    let mut said = says("k01", Verdict::Drop);
    said.ground = Ground::Declined;
    let mut decided = case("k01", raised("typo", &[("codex", S)], true));
    decided.decided = true;
    let word = Word {
        verified: &said,
        quoted: Quoted::InHead,
    };
    let outcome = apply(vec![decided], &[word], &[], vec![], LEAD);
    assert_eq!(outcome.dropped.len(), 1);
}

#[test]
fn the_lead_confirms_only_with_code_that_is_there() {
    for (quoted, proof, expected) in [
        (Quoted::InHead, Proof::Traced, Stance::Confirmed),
        (Quoted::InHead, Proof::Unsure, Stance::Kept),
        (Quoted::OnlyInBase, Proof::Traced, Stance::Kept),
        (Quoted::Nowhere, Proof::Ran, Stance::Kept),
    ] {
        let mut said = says("k01", Verdict::Keep);
        said.proof = proof;
        let outcome = apply_one(raised("leak", &[("codex", I)], false), &said, quoted);
        assert_eq!(stance(&outcome), expected);
    }
}

#[test]
fn a_suggestion_moves_where_it_belongs() {
    let finding = raised("naming", &[("claude", S), ("codex", S)], true);
    let outcome = apply_one(finding, &says("k01", Verdict::Move), Quoted::Nowhere);
    assert_eq!(outcome.moved[0].to, MoveTo::Design);
    assert!(outcome.findings.is_empty());
    let mut nowhere = says("k01", Verdict::Move);
    nowhere.to = MoveTo::Nowhere;
    let finding = raised("naming", &[("codex", S)], true);
    let outcome = apply_one(finding, &nowhere, Quoted::InHead);
    assert_eq!(stance(&outcome), Stance::Kept);
}

/// Joins two cases on the lead's word; the pair was offered or not.
fn joined(one: Finding, other: Finding, offered: bool) -> Outcome {
    let mut said = says("k01", Verdict::Keep);
    said.same_as = "k02".to_owned();
    let keep = says("k02", Verdict::Keep);
    let words = [&said, &keep].map(|verified| Word {
        verified,
        quoted: Quoted::InHead,
    });
    let pair = [("k01".to_owned(), "k02".to_owned())];
    let offered = if offered { &pair[..] } else { &[] };
    let cases = vec![case("k01", one), case("k02", other)];
    apply(cases, &words, offered, vec![], LEAD)
}

#[test]
fn only_what_was_offered_is_joined() {
    let pair = || {
        (
            raised("leak", &[("codex", S)], true),
            raised("lock", &[("gemini", I)], true),
        )
    };
    let (one, other) = pair();
    let together = joined(one, other, true);
    assert_eq!(together.findings.len(), 1);
    let left = &together.findings[0];
    assert_eq!((left.severity, left.voices.members.len()), (I, 2));
    assert_eq!(left.agents, ["gemini", "codex"]);
    let actions: Vec<Action> = left
        .voices
        .reconciliation
        .iter()
        .map(|it| it.action)
        .collect();
    assert_eq!(actions, [Action::Raised, Action::Merged]);
    let (one, other) = pair();
    assert_eq!(joined(one, other, false).findings.len(), 2);
    // What one agent told as two problems stays two.
    let one = raised("leak", &[("codex", S), ("gemini", S)], true);
    let other = raised("lock", &[("gemini", I)], true);
    assert_eq!(joined(one, other, true).findings.len(), 2);
}

/// A case of two voices that hold together this well, and the lead's word that takes one out.
fn parting(confidence: f64, verdict: Verdict) -> Outcome {
    let mut finding = raised("leak", &[("codex", I), ("gemini", S)], true);
    finding.voices.confidence = Some(confidence);
    let alone = vec![
        Some(Finding {
            id: finding.id.clone(),
            ..raised("leak", &[("codex", I)], true)
        }),
        Some(raised("lock", &[("gemini", S)], true)),
    ];
    let mut said = says("k01", verdict);
    said.apart = vec!["k01.2".to_owned()];
    let word = Word {
        verified: &said,
        quoted: Quoted::InHead,
    };
    let case = Case {
        // Who prepares it says what alone would be where it is in doubt.
        alone: if confidence < DOUBTFUL {
            alone
        } else {
            Vec::new()
        },
        ..case("k01", finding)
    };
    apply(vec![case], &[word], &[], vec![], LEAD)
}

#[test]
fn what_the_code_does_not_bear_out_is_not_taken_apart() {
    let finding = raised("leak", &[("codex", I), ("gemini", I)], false);
    let alone = ["codex", "gemini"].map(|agent| Some(raised(agent, &[(agent, I)], false)));
    let mut said = says("k01", Verdict::Keep);
    said.apart = vec!["k01.2".to_owned()];
    let word = Word {
        verified: &said,
        quoted: Quoted::InHead,
    };
    let case = Case {
        alone: alone.to_vec(),
        ..case("k01", finding)
    };
    let outcome = apply(vec![case], &[word], &[], vec![], LEAD);
    assert_eq!(
        outcome.findings.len(),
        1,
        "two vendors agree, and it blocks"
    );
}

#[test]
fn taking_apart_loses_no_block() {
    let voices = [("codex", S, true), ("gemini", I, false), ("opus", I, false)];
    for (taken, count) in [
        (&["k01.1"][..], 2),
        (&["k01.2", "k01.3"], 3),
        (&["k01.2"], 3),
    ] {
        let voices = &voices[..count];
        let by: Vec<(&str, Severity)> = voices.iter().map(|it| (it.0, it.1)).collect();
        let mut finding = raised("leak", &by, true);
        let own = &mut finding.voices;
        let alone = voices.iter().zip(&own.members).zip(&mut own.evidence);
        let alone: Vec<Option<Finding>> = alone
            .map(|((it, raw), check)| {
                check.supported = it.2;
                let mut alone = raised(it.0, &[(it.0, it.1)], it.2);
                alone.voices.members = vec![raw.clone()];
                alone.voices.evidence = vec![check.clone()];
                Some(alone)
            })
            .collect();
        assert!(may_block(&finding, EvidencePolicy::Required) && finding.severity == I);
        let mut said = says("k01", Verdict::Keep);
        said.apart = taken.iter().map(|it| (*it).to_owned()).collect();
        let word = Word {
            verified: &said,
            quoted: Quoted::Nowhere,
        };
        let case = Case {
            alone,
            ..case("k01", finding)
        };
        let outcome = apply(vec![case], &[word], &[], vec![], LEAD);
        let blocks = |it: &Finding| it.severity >= I && may_block(it, EvidencePolicy::Required);
        assert!(outcome.findings.iter().any(blocks), "{taken:?}");
    }
}

#[test]
fn only_what_holds_together_badly_is_taken_apart() {
    let apart = parting(0.4, Verdict::Keep);
    assert_eq!(apart.findings.len(), 2);
    let severities: Vec<Severity> = apart.findings.iter().map(|it| it.severity).collect();
    assert_eq!(severities, [I, S]);
    assert_eq!(parting(0.6, Verdict::Keep).findings.len(), 1);
    // What is taken apart has not lost a voice by that.
    let against = parting(0.4, Verdict::Drop);
    assert_eq!(against.findings.len(), 2);
    assert_eq!(against.findings[0].severity, I);
}

#[test]
fn who_has_no_vote_stays_where_it_is() {
    let mut finding = raised("leak", &[("codex", I), ("gemini", S), ("old", S)], true);
    finding.voices.confidence = Some(0.4);
    let alone = vec![
        Some(Finding {
            id: finding.id.clone(),
            ..raised("leak", &[("codex", I)], true)
        }),
        Some({
            let mut lock = raised("lock", &[("gemini", S)], true);
            lock.voices.members = vec![finding.voices.members[1].clone()];
            lock
        }),
        None,
    ];
    let mut said = says("k01", Verdict::Keep);
    said.apart = vec!["k01.2".to_owned(), "k01.3".to_owned()];
    let word = Word {
        verified: &said,
        quoted: Quoted::InHead,
    };
    let case = Case {
        alone,
        ..case("k01", finding)
    };
    let outcome = apply(vec![case], &[word], &[], vec![], LEAD);
    let agents: Vec<Vec<&str>> = outcome
        .findings
        .iter()
        .map(|it| {
            let members = it.voices.members.iter();
            members.map(|raw| raw.agent.as_str()).collect()
        })
        .collect();
    assert_eq!(agents, [vec!["codex", "old"], vec!["gemini"]]);
}

#[test]
fn the_lead_adds_only_what_the_code_bears_out_and_nothing_critical() {
    let invented = raised("invented", &[("claude", C)], false);
    let found = raised("found", &[("claude", C)], true);
    let again = raised("leak", &[("claude", I)], true);
    let cases = vec![case("k01", raised("leak", &[("codex", I)], true))];
    let outcome = apply(cases, &[], &[], vec![invented, found, again], LEAD);
    assert_eq!(outcome.findings.len(), 2);
    let added = &outcome.findings[1];
    assert_eq!((added.title.as_str(), added.severity), ("found", I));
    let word = added.voices.lead.as_ref().unwrap();
    assert_eq!(word.stance, Stance::Added);
    assert_eq!(word.reason, "single voice, not cross-checked");
    assert_eq!(outcome.dropped.len(), 2);
}

#[test]
fn a_flood_of_additions_is_dropped_and_counted() {
    let many = (0..100)
        .map(|nth| raised(&format!("n{nth}"), &[("claude", S)], true))
        .collect();
    let outcome = apply(vec![], &[], &[], many, LEAD);
    assert_eq!((outcome.findings.len(), outcome.dropped.len()), (16, 84));
}

/// Every answer that a lead could give about two cases, in all combinations of what counts.
#[test]
fn every_raw_finding_ends_in_exactly_one_place_whatever_the_lead_says() {
    let verdicts = [
        Verdict::Keep,
        Verdict::Downgrade,
        Verdict::Drop,
        Verdict::Move,
    ];
    let raw_ids = |finding: &Finding| -> Vec<String> {
        let members = finding.voices.members.iter();
        members.map(|raw| raw.id.clone()).collect()
    };
    for nth in 0..4 * 4 * 2 * 2 * 3 * 2 {
        let (one, other) = (verdicts[nth % 4], verdicts[nth / 4 % 4]);
        let quoted = [Quoted::InHead, Quoted::Nowhere][nth / 16 % 2];
        let same = nth / 32 % 2 == 1;
        let who = [("codex", S), ("claude", I), ("gemini", C)][nth / 64 % 3];
        let parts = nth / 192 == 1;
        let mut first = raised("leak", &[("codex", I), ("gemini", S)], true);
        first.voices.confidence = Some(0.3);
        let second = raised("lock", &[who], true);
        let mut expected: Vec<String> = [&first, &second].into_iter().flat_map(raw_ids).collect();
        expected.sort();
        let alone = vec![
            Some(raised("leak", &[("codex", I)], true)),
            Some(raised("other", &[("gemini", S)], true)),
        ];
        let alone = alone
            .into_iter()
            .zip(&first.voices.members)
            .map(|(finding, raw)| {
                finding.map(|mut finding: Finding| {
                    finding.voices.members = vec![raw.clone()];
                    finding
                })
            })
            .collect();
        let mut said = says("k01", one);
        if same {
            said.same_as = "k02".to_owned();
        }
        if parts {
            said.apart = vec!["k01.1".to_owned(), "k01.7".to_owned()];
        }
        let of_other = says("k02", other);
        let words = [&said, &of_other].map(|verified| Word { verified, quoted });
        let cases = vec![
            Case {
                alone,
                ..case("k01", first)
            },
            case("k02", second),
        ];
        let offered = [("k01".to_owned(), "k02".to_owned())];
        let outcome = apply(cases, &words, &offered, vec![], LEAD);
        let mut placed: Vec<String> = outcome
            .findings
            .iter()
            .chain(outcome.moved.iter().map(|it| &it.finding))
            .flat_map(raw_ids)
            .chain(
                outcome
                    .dropped
                    .iter()
                    .flat_map(|(members, _)| members.iter().map(|raw| raw.id.clone())),
            )
            .collect();
        placed.sort();
        assert_eq!(placed, expected, "{said:?} {of_other:?} {quoted:?}");
    }
}
