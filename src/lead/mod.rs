//! Bounds what the lead says about findings and applies what is left of it: every finding ends in
//! exactly one place, whatever the lead answers.
//! Asking the lead and checking its quotes against the code are left to the pipeline.
//!
//! - `bounds`: how far a word about one finding counts
//! - `joins`: findings put together and taken apart on the lead's word

mod bounds;
mod joins;
#[cfg(test)]
mod tests;

use crate::finding::{
    Action, Finding, LeadWord, Member, RawFinding, Reconciliation, Severity, Stance,
};
use crate::parse::verdicts::{Ground, MoveTo, Verdict, Verified};

use bounds::{Ruling, rule};
pub(crate) use joins::{DOUBTFUL, ELSEWHERE, shares_agent};

/// More findings of its own than these are too many to be what the lead stumbled on.
const MOST_ADDED: usize = 16;

/// A finding as it was given to the lead.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The neutral id it had there, as `k01`.
    pub(crate) id: String,
    /// The finding.
    pub(crate) finding: Finding,
    /// What each of its voices states by itself, in the order in which the lead was given them; `None`
    /// for one that is no finding alone. Empty unless it is in doubt whether they state one problem.
    pub(crate) alone: Vec<Option<Finding>>,
    /// True if the lead was shown a decision about it.
    pub(crate) decided: bool,
}

/// Where the code that the lead quotes stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoted {
    /// In the reviewed version, in the file it names.
    InHead,
    /// Only in the version before.
    OnlyInBase,
    /// Nowhere, or it quotes too little to prove anything.
    Nowhere,
}

/// The lead's answer about one case, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'w> {
    /// What it says.
    pub(crate) verified: &'w Verified,
    /// What its quote proves.
    pub(crate) quoted: Quoted,
}

/// Who leads.
#[derive(Clone, Copy)]
pub(crate) struct Lead<'l> {
    /// The agent.
    pub(crate) agent: &'l str,
    /// The vendor of an agent by its name.
    pub(crate) vendor_of: &'l dyn Fn(&str) -> String,
}

/// A finding that belongs elsewhere in the report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MovedAway {
    /// The finding.
    pub(crate) finding: Finding,
    /// Where to; never [`MoveTo::Nowhere`].
    pub(crate) to: MoveTo,
    /// Why.
    pub(crate) reason: String,
}

/// What became of the cases.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// What stands, in no particular order, with the lead's word on each.
    pub(crate) findings: Vec<Finding>,
    /// What belongs elsewhere.
    pub(crate) moved: Vec<MovedAway>,
    /// Raw findings that count for nothing, and why.
    pub(crate) dropped: Vec<(Vec<RawFinding>, String)>,
    /// Cases that the answer leaves out: they stand as they were.
    pub(crate) restored: Vec<String>,
}

/// Applies the lead's words to the cases. `offered` are the pairs of cases that it was told may be one
/// problem; `added` are findings of its own, each with what checking it gave.
///
/// Words about cases that do not exist are ignored, cases without a word stand unchanged.
pub(crate) fn apply(
    cases: Vec<Case>,
    words: &[Word<'_>],
    offered: &[(String, String)],
    added: Vec<Finding>,
    lead: Lead<'_>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut standing: Vec<(String, Finding)> = Vec::with_capacity(cases.len());
    let mut parts: Vec<Finding> = Vec::new();
    for mut case in cases {
        let found = words.iter().find(|it| it.verified.cluster == case.id);
        let Some(word) = found.copied() else {
            outcome.restored.push(case.id.clone());
            standing.push((case.id, case.finding));
            continue;
        };
        // Weighed as it was raised: what is taken apart first has not lost a voice by that.
        let ruling = rule(&case, word, lead);
        let apart = joins::take_apart(&mut case, word.verified, lead);
        let Case { id, finding, .. } = case;
        match ruling {
            Ruling::Stands(mut finished) => {
                if !apart.is_empty() {
                    // The votes on the rest are others; the lead may still call it less severe.
                    finished.severity = match finished.stance {
                        Stance::Downgraded => finished.severity.min(finding.severity),
                        _ => finding.severity,
                    };
                }
                standing.push((id, with_word(finding, word.verified, finished, lead)));
            }
            Ruling::Drop { reason } => {
                outcome.dropped.push((finding.voices.members, reason));
            }
            Ruling::Move { to, reason } => outcome.moved.push(MovedAway {
                finding,
                to,
                reason,
            }),
        }
        parts.extend(apart);
    }
    joins::join(&mut standing, words, offered, lead);
    outcome.findings = standing.into_iter().map(|(_, finding)| finding).collect();
    for part in parts {
        take_in(&mut outcome.findings, part);
    }
    add(&mut outcome, added, lead);
    outcome
}

/// What stands of a finding once the lead has spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finished {
    severity: Severity,
    stance: Stance,
    wants: String,
    reason: String,
    /// True if the lead's words may take the place of the agents'.
    retold: bool,
}

fn with_word(
    mut finding: Finding,
    verified: &Verified,
    finished: Finished,
    lead: Lead<'_>,
) -> Finding {
    if finished.severity != finding.severity {
        let lowered = finished.severity < finding.severity;
        finding.voices.reconciliation.push(Reconciliation {
            action: if lowered {
                Action::Downgraded
            } else {
                Action::Raised
            },
            members: finding.voices.members.iter().map(Member::of).collect(),
            from: Some(finding.severity),
            to: Some(finished.severity),
            reason: format!("the lead, {}: {}", lead.agent, finished.reason),
        });
        finding.severity = finished.severity;
        finding.voices.why_severity = Some(format!("the lead, {}, says so", lead.agent));
    }
    if finished.retold {
        joins::retell(&mut finding, verified);
    }
    finding.voices.lead = Some(LeadWord {
        agent: lead.agent.to_owned(),
        stance: finished.stance,
        wants: finished.wants,
        reason: finished.reason,
    });
    finding
}

/// Adds a finding; one of a name that is taken becomes a voice of the one that has it.
fn take_in(findings: &mut Vec<Finding>, finding: Finding) {
    match findings.iter_mut().find(|it| it.id == finding.id) {
        Some(known) => joins::absorb(known, finding, "they are one in place and words"),
        None => findings.push(finding),
    }
}

/// Takes in the lead's own findings: only what the code bears out, never as Critical.
fn add(outcome: &mut Outcome, added: Vec<Finding>, lead: Lead<'_>) {
    for (nth, mut finding) in added.into_iter().enumerate() {
        let mut evidence = finding.voices.evidence.iter();
        let refused = if !evidence.any(|check| check.supported) {
            Some("the lead raised it alone, and the code does not bear it out")
        } else if nth >= MOST_ADDED {
            Some("the lead raised too much of its own")
        } else if outcome.findings.iter().any(|it| it.id == finding.id) {
            Some("the lead raised what is a finding already")
        } else {
            None
        };
        if let Some(reason) = refused {
            let members = finding.voices.members;
            outcome.dropped.push((members, reason.to_owned()));
            continue;
        }
        if finding.severity > bounds::HIGHEST_ALONE {
            finding.voices.reconciliation.push(Reconciliation {
                action: Action::Downgraded,
                members: finding.voices.members.iter().map(Member::of).collect(),
                from: Some(finding.severity),
                to: Some(bounds::HIGHEST_ALONE),
                reason: "the lead can't raise anything to critical alone".to_owned(),
            });
            finding.severity = bounds::HIGHEST_ALONE;
        }
        finding.voices.lead = Some(LeadWord {
            agent: lead.agent.to_owned(),
            stance: Stance::Added,
            wants: String::new(),
            reason: "single voice, not cross-checked".to_owned(),
        });
        outcome.findings.push(finding);
    }
}

/// What the lead would do, as in "would drop it".
fn wish(verified: &Verified) -> String {
    match verified.verdict {
        Verdict::Keep => String::new(),
        Verdict::Downgrade => format!("call it {}", with_article(verified.severity)),
        Verdict::Drop if verified.ground == Ground::None => "drop it".to_owned(),
        Verdict::Drop => format!("drop it ({})", ground(verified.ground)),
        Verdict::Move => format!("call it a {}", verified.to.name()),
    }
}

fn with_article(severity: Severity) -> &'static str {
    match severity {
        Severity::Suggestion => "a suggestion",
        Severity::Important => "important",
        Severity::Critical => "critical",
    }
}

fn ground(ground: Ground) -> &'static str {
    match ground {
        Ground::None => "no ground",
        Ground::Misread => "the code says something else",
        Ground::Impossible => "nothing leads there",
        Ground::Handled => "it is handled elsewhere",
        Ground::Predates => "the base does the same",
        Ground::Duplicate => "another finding says it",
        Ground::Declined => "it was declined",
        Ground::NoEffect => "nothing observable follows",
    }
}
