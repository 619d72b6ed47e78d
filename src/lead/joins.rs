//! Findings put together and taken apart on the lead's word, as far as clustering left it open: what it
//! was told may be one problem, and clusters that are held together by little.

use super::{Case, Lead, Word};
use crate::finding::{Action, Finding, Member, RawFinding, Reconciliation, Stance};
use crate::gate::{EvidencePolicy, may_block};
use crate::parse::verdicts::Verified;

/// Under this mean likelihood a cluster is in doubt; see `consolidate`.
pub(crate) const DOUBTFUL: f64 = 0.6;

/// The longest title and text that the lead may give a finding, in bytes.
const TITLE: usize = 300;
/// See [`TITLE`].
const BODY: usize = 16 * 1024;

/// True if one agent has a voice in both: it told them as two problems.
pub(crate) fn shares_agent(one: &Finding, other: &Finding) -> bool {
    one.agents.iter().any(|agent| other.agents.contains(agent))
}

/// From this likelihood a voice perhaps stands with the wrong finding, if another agrees with it so much.
pub(crate) const ELSEWHERE: f64 = 0.5;

/// Takes the voices out of a case in doubt that the lead calls another problem; each is a finding of its
/// own, as it would have been without the others. The rest stays the case. What the code does not bear out
/// is not taken apart, nor is anything if all of it together may block as what it is and none of the parts may:
/// some need the evidence, or the company, of others.
pub(super) fn take_apart(case: &mut Case, verified: &Verified, lead: Lead<'_>) -> Vec<Finding> {
    let named = |nth: usize| {
        let name = format!("{}.{}", case.id, nth + 1);
        verified.apart.contains(&name)
    };
    let mut evidence = case.finding.voices.evidence.iter();
    if !evidence.any(|check| check.supported)
        || !case.finding.is_opinion()
        || case.alone.len() != case.finding.voices.members.len()
    {
        return Vec::new();
    }
    let mut apart = Vec::new();
    let mut rest = Vec::new();
    for (nth, alone) in case.alone.iter().enumerate() {
        match alone {
            Some(alone) if named(nth) => apart.push(alone.clone()),
            Some(alone) => rest.push(alone.clone()),
            // Who has no vote can't stand alone, and stays.
            None => {}
        }
    }
    let distinct = |finding: &Finding| rest.iter().all(|other| other.id != finding.id);
    if apart.is_empty() || rest.is_empty() || !apart.iter().all(distinct) {
        return Vec::new();
    }
    // Who told the case goes on telling it.
    let teller = rest.iter().position(|it| it.id == case.finding.id);
    let mut kept = rest.remove(teller.unwrap_or(0));
    for other in rest {
        absorb(&mut kept, other, "they state the same problem");
    }
    let placed = |raw: &RawFinding, findings: &[Finding], kept: &Finding| {
        let mut all = findings.iter().chain([kept]);
        all.any(|it| {
            it.voices
                .members
                .iter()
                .any(|other| Member::of(other) == Member::of(raw))
        })
    };
    let whole = &case.finding.voices;
    for raw in &whole.members {
        if !placed(raw, &apart, &kept) {
            kept.voices.members.push(raw.clone());
            let mut checks = whole.evidence.iter();
            let check = checks.find(|it| it.agent == raw.agent && it.id == raw.id);
            kept.voices.evidence.extend(check.cloned());
        }
    }
    let blocks = |finding: &Finding| {
        finding.severity >= case.finding.severity && may_block(finding, EvidencePolicy::Required)
    };
    if blocks(&case.finding) && !apart.iter().chain([&kept]).any(blocks) {
        return Vec::new();
    }
    let reason = format!("the lead, {}, says they are two problems", lead.agent);
    for finding in apart.iter_mut().chain([&mut kept]) {
        let members: Vec<Member> = finding.voices.members.iter().map(Member::of).collect();
        note(finding, Action::Parted, members, reason.clone());
    }
    case.finding = kept;
    apart
}

/// Joins cases that the lead calls one problem and was told may be one.
pub(super) fn join(
    standing: &mut Vec<(String, Finding)>,
    words: &[Word<'_>],
    offered: &[(String, String)],
    lead: Lead<'_>,
) {
    for (one, other) in offered {
        let says = |of: &str, to: &str| {
            let said = |word: &&Word<'_>| word.verified.cluster == of;
            let word = words.iter().find(said);
            word.is_some_and(|word| word.verified.same_as == to)
        };
        if !says(one, other) && !says(other, one) {
            continue;
        }
        let place = |id: &str| standing.iter().position(|(known, _)| known == id);
        let (Some(first), Some(second)) = (place(one), place(other)) else {
            continue;
        };
        let pair = (&standing[first].1, &standing[second].1);
        if first == second
            || shares_agent(pair.0, pair.1)
            || !(pair.0.is_opinion() && pair.1.is_opinion())
        {
            continue;
        }
        // The worse one tells it, the earlier among equals.
        let (keep, gone) = if pair.1.severity > pair.0.severity {
            (second, first)
        } else {
            (first, second)
        };
        let (_, absorbed) = standing[gone].clone();
        let reason = format!("the lead, {}, says they state the same problem", lead.agent);
        absorb(&mut standing[keep].1, absorbed, &reason);
        standing.remove(gone);
    }
}

/// Makes everyone who raised one finding a voice of another; it is never less bad for that.
pub(super) fn absorb(finding: &mut Finding, other: Finding, reason: &str) {
    let severity = finding.severity.max(other.severity);
    let mut outvoted = Vec::new();
    for side in [&*finding, &other] {
        let lower = |raw: &&RawFinding| raw.severity.is_some_and(|own| own < severity);
        let members = side.voices.members.iter().filter(lower);
        // Those who were outvoted before have been told so.
        for raw in members.filter(|_| side.severity < severity) {
            outvoted.push(Reconciliation {
                action: Action::Raised,
                members: vec![Member::of(raw)],
                from: raw.severity,
                to: Some(severity),
                reason: "another one calls the same problem worse".to_owned(),
            });
        }
    }
    finding.severity = severity;
    for location in other.locations {
        if !finding.locations.contains(&location) {
            finding.locations.push(location);
        }
    }
    for agent in other.agents {
        if !finding.agents.contains(&agent) {
            finding.agents.push(agent);
        }
    }
    let (mine, theirs) = (&mut finding.voices, other.voices);
    mine.members.extend(theirs.members);
    mine.evidence.extend(theirs.evidence);
    mine.reconciliation.extend(theirs.reconciliation);
    mine.reconciliation.extend(outvoted);
    // A word against one of them is still said.
    if let Some(word) = theirs.lead
        && (mine.lead.is_none() || word.stance == Stance::Contested)
    {
        mine.lead = Some(word);
    }
    let members: Vec<Member> = mine.members.iter().map(Member::of).collect();
    note(finding, Action::Merged, members, reason.to_owned());
}

fn note(finding: &mut Finding, action: Action, members: Vec<Member>, reason: String) {
    finding.voices.reconciliation.push(Reconciliation {
        action,
        members,
        from: None,
        to: None,
        reason,
    });
}

/// Tells a finding in the lead's words where it gave some; what its voices said stays with them.
pub(super) fn retell(finding: &mut Finding, verified: &Verified) {
    let title = verified.title.trim();
    if !title.is_empty() && title.len() <= TITLE && !title.contains('\n') {
        title.clone_into(&mut finding.title);
    }
    let body = verified.body.trim();
    if !body.is_empty() && body.len() + verified.fix.len() <= BODY {
        let fix = match verified.fix.trim() {
            "" => String::new(),
            fix => format!("\n\nFix: {fix}"),
        };
        finding.body = format!("{body}{fix}");
    }
}
