//! Joins what agents said with what the rules found: each problem once, every raw finding in exactly
//! one place. Whether a finding stands, and whether it blocks, is decided after.

use std::collections::{BTreeMap, BTreeSet};

use super::opinions::Opinions;
use crate::consolidate::{ConsolidatedFinding, Likeness, Settings, consolidate};
use crate::finding::{
    Anchor, Checked, Finding, FindingId, Kind, Location, Member, RULES, RawFinding, Voices,
};
use crate::ledger;
use crate::report::{Dropped, MaybeSame, Observation};

/// What a target's raw findings came to.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// The problems, worst first.
    pub(super) findings: Vec<Finding>,
    /// What was there before.
    pub(super) observations: Vec<Observation>,
    /// What counts for nothing.
    pub(super) dropped: Vec<Dropped>,
    /// What may be the same.
    pub(super) maybe_same: Vec<MaybeSame>,
}

impl Joined {
    /// Adds what another target's raw findings came to, each thing once.
    pub(super) fn take_over(&mut self, other: Self) {
        fn add<T: PartialEq>(to: &mut Vec<T>, from: Vec<T>) {
            for item in from {
                if !to.contains(&item) {
                    to.push(item);
                }
            }
        }
        add(&mut self.observations, other.observations);
        add(&mut self.dropped, other.dropped);
        add(&mut self.maybe_same, other.maybe_same);
    }
}

/// The raw findings by their names, with what is known of each.
type Said<'o> = BTreeMap<Member, (&'o RawFinding, Option<&'o Checked>, Option<&'o Anchor>)>;

/// Joins the rules reviewer's findings with the opinions of agents.
pub(super) fn join(facts: Vec<Finding>, opinions: &Opinions) -> Joined {
    let unheard = opinions.failed.iter().filter(|(_, raw)| !raw.is_empty());
    let mut joined = Joined {
        dropped: unheard
            .map(|(failed, raw)| Dropped {
                members: raw.clone(),
                reason: format!("its reply is no answer: {}", failed.why),
            })
            .collect(),
        ..Joined::default()
    };
    if !opinions.idle.is_empty() {
        joined.dropped.push(Dropped {
            members: opinions.idle.clone(),
            reason: "no file of this change is to be reviewed".to_owned(),
        });
    }
    if opinions.raw.is_empty() {
        joined.findings = facts;
        return joined;
    }
    let of_facts: Vec<RawFinding> = facts.iter().map(as_raw).collect();
    let mut raw = opinions.raw.clone();
    raw.extend(of_facts.iter().cloned());
    let consolidation = consolidate(&raw, &Settings::default());

    let checked = opinions.checks.iter().zip(&opinions.anchors);
    let said: Said<'_> = opinions
        .raw
        .iter()
        .zip(checked)
        .map(|(raw, (check, anchor))| (Member::of(raw), (raw, Some(check), Some(anchor))))
        .chain(
            of_facts
                .iter()
                .map(|raw| (Member::of(raw), (raw, None, None))),
        )
        .collect();
    let by_name: BTreeMap<&str, &Finding> =
        facts.iter().map(|fact| (fact.id.as_str(), fact)).collect();
    let mut taken = BTreeSet::new();
    let mut named: BTreeMap<Member, FindingId> = BTreeMap::new();
    for found in &consolidation.findings {
        let mut of_rules = found
            .members
            .iter()
            .filter(|member| member.agent == RULES)
            .map(|member| by_name[member.id.as_str()]);
        let finding = match of_rules.next() {
            Some(fact) => with_fact(fact, found, &said),
            None => opinion(found, &said, &mut taken),
        };
        for member in &found.members {
            named.insert(member.clone(), finding.id.clone());
        }
        joined.findings.push(finding);
        // What a rule says twice of one line are two findings still.
        joined.findings.extend(of_rules.cloned());
    }
    joined.findings.sort_by(|a, b| {
        (b.severity, &a.locations, &a.rule, &a.id).cmp(&(a.severity, &b.locations, &b.rule, &b.id))
    });
    for seen in &consolidation.observations {
        let told_by = said[&seen.told_by].0;
        joined.observations.push(Observation {
            title: seen.title.clone(),
            body: told_by.body.clone(),
            locations: seen.locations.clone(),
            members: members(&seen.members, &said),
            evidence: evidence(&seen.members, &said),
        });
    }
    let dropped = consolidation.dropped.iter().map(|dropped| Dropped {
        members: members(&dropped.members, &said),
        reason: dropped.reason.clone(),
    });
    joined.dropped.extend(dropped);
    joined.maybe_same = consolidation
        .maybe_same
        .iter()
        .map(|likeness| maybe_same(likeness, &named))
        .collect();
    joined
}

/// A finding of the rules reviewer as one voice among others; its own name is its id.
pub(super) fn as_raw(fact: &Finding) -> RawFinding {
    RawFinding {
        agent: RULES.to_owned(),
        id: fact.id.to_string(),
        severity: Some(fact.severity),
        kind: Some(fact.kind),
        title: fact.title.clone(),
        locations: fact.locations.clone(),
        body: fact.body.clone(),
        quote: fact.quote.clone(),
        rule: fact.rule.clone(),
        ..RawFinding::default()
    }
}

fn members(names: &[Member], said: &Said<'_>) -> Vec<RawFinding> {
    names.iter().map(|name| said[name].0.clone()).collect()
}

fn evidence(names: &[Member], said: &Said<'_>) -> Vec<Checked> {
    let checks = names.iter().filter_map(|name| said[name].1);
    checks.cloned().collect()
}

fn voices(found: &ConsolidatedFinding, said: &Said<'_>) -> Voices {
    Voices {
        members: members(&found.members, said),
        evidence: evidence(&found.members, said),
        confidence: found.confidence.map(rounded),
        why_severity: Some(found.judgement.reason().to_owned()),
        reconciliation: found.reconciliation.clone(),
        lead: None,
    }
}

/// A fact that agents state too keeps its name, its code and its words; it is never less bad for it.
fn with_fact(fact: &Finding, found: &ConsolidatedFinding, said: &Said<'_>) -> Finding {
    if found.members.iter().all(|member| member.agent == RULES) {
        return fact.clone();
    }
    let mut finding = fact.clone();
    finding.severity = fact.severity.max(found.judgement.severity);
    for location in &found.locations {
        if !finding.locations.contains(location) {
            finding.locations.push(location.clone());
        }
    }
    for member in &found.members {
        if !finding.agents.contains(&member.agent) {
            finding.agents.push(member.agent.clone());
        }
    }
    finding.voices = voices(found, said);
    // Another fact of the same words keeps a place of its own.
    let own = fact.id.as_str();
    let is_own = |raw: &RawFinding| raw.agent != RULES || raw.id == own;
    finding.voices.members.retain(is_own);
    finding
}

/// A problem that only agents state.
fn opinion(
    found: &ConsolidatedFinding,
    said: &Said<'_>,
    taken: &mut BTreeSet<FindingId>,
) -> Finding {
    let (told_by, _, anchor) = said[&found.told_by];
    let anchor = anchor.expect("an opinion has been checked").clone();
    let id = (0..=u32::MAX)
        .map(|copy| ledger::opinion_id(&anchor, &told_by.title, &told_by.body, copy))
        .find(|id| taken.insert(id.clone()))
        .expect("there is always another name");
    let mut agents: Vec<String> = found
        .members
        .iter()
        .map(|member| member.agent.clone())
        .collect();
    agents.dedup();
    Finding {
        id,
        severity: found.severity,
        kind: found.kind.unwrap_or(Kind::Regression),
        title: title(told_by),
        body: told_by.body.clone(),
        locations: anchored_first(&found.locations, &anchor),
        agents,
        rule: told_by.rule.clone().filter(|rule| !rule.is_empty()),
        quote: told_by.quote.clone(),
        commit: None,
        anchor,
        voices: voices(found, said),
    }
}

/// Short comments have no title: then their first line is one.
fn title(raw: &RawFinding) -> String {
    if !raw.title.trim().is_empty() {
        return raw.title.clone();
    }
    let line = raw.body.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("(no words)").trim().to_owned()
}

fn anchored_first(locations: &[Location], anchor: &Anchor) -> Vec<Location> {
    let mut locations = locations.to_vec();
    let first = locations
        .iter()
        .position(|it| it.path == anchor.path && (it.lines.is_some() || anchor.lines == 0));
    if let Some(first) = first {
        locations[..=first].rotate_right(1);
    }
    locations
}

fn maybe_same(likeness: &Likeness, named: &BTreeMap<Member, FindingId>) -> MaybeSame {
    let members = [likeness.first.clone(), likeness.second.clone()];
    MaybeSame {
        findings: [
            named.get(&members[0]).cloned(),
            named.get(&members[1]).cloned(),
        ],
        members,
        p: rounded(likeness.p),
        shared: likeness.shared.clone(),
    }
}

/// Three digits say all that a likelihood means.
fn rounded(p: f64) -> f64 {
    (p * 1e3).round() / 1e3
}
