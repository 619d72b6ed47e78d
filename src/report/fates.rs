//! The conservation law as data: where each raw finding ended, exactly one place each.
//! Computed from the report alone; deciding where it ends is left to `consolidate`.

use serde::{Deserialize, Serialize};

use super::Report;
use crate::finding::{Action, Finding, FindingId, Kind, Member, RULES, RawFinding, Severity};
use crate::parse::verdicts::MoveTo;

/// Where one raw finding ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fate {
    /// The agent that raised it.
    pub(crate) agent: String,
    /// The agent's id for it.
    pub(crate) id: String,
    /// The severity it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) severity: Option<Severity>,
    /// Its title.
    pub(crate) title: String,
    /// What became of it.
    #[serde(flatten)]
    pub(crate) end: End,
}

/// What became of a raw finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "kebab-case")]
pub(crate) enum End {
    /// It is a finding, or part of one.
    Finding {
        /// Which.
        finding: FindingId,
        /// Its place in this report.
        position: String,
        /// The severity it got.
        to: Severity,
        /// True if others state it too.
        merged: bool,
        /// Why its severity changed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It was there before the change: a design observation.
    Observation {
        /// Its title in the report.
        observed: String,
    },
    /// The lead moved it out of the findings.
    Moved {
        /// Where to.
        place: MoveTo,
        /// Why.
        reason: String,
    },
    /// It counts for nothing.
    Dropped {
        /// Why.
        reason: String,
    },
}

impl Fate {
    /// The severity given and the one it got, if they differ.
    pub(crate) fn regraded(&self) -> Option<(Severity, Severity)> {
        match (&self.end, self.severity) {
            (End::Finding { to, .. }, Some(from)) if from != *to => Some((from, *to)),
            _ => None,
        }
    }
}

/// Everyone who states a finding; one that only a rule found has one voice of its own.
pub(crate) fn voices_of(finding: &Finding) -> Vec<(Member, Option<Severity>, &str)> {
    let members = &finding.voices.members;
    if members.is_empty() {
        let own = Member {
            agent: finding
                .agents
                .first()
                .cloned()
                .unwrap_or_else(|| RULES.to_owned()),
            id: finding.id.to_string(),
        };
        return vec![(own, Some(finding.severity), &finding.title)];
    }
    members
        .iter()
        .map(|raw| (Member::of(raw), raw.severity, title_of(raw)))
        .collect()
}

/// Where each raw finding of a report ended: findings in report order, then observations, then what
/// was moved, then what was dropped.
pub(super) fn fates(report: &Report) -> Vec<Fate> {
    let mut fates = Vec::new();
    for standing in report.findings() {
        let finding = &standing.finding;
        let voices = voices_of(finding);
        let merged = voices.len() > 1;
        for (member, severity, title) in voices {
            let mut members = finding.voices.members.iter();
            let kind = members
                .find(|raw| Member::of(raw) == member)
                .and_then(|raw| raw.kind);
            let regraded = severity.is_some_and(|from| from != finding.severity);
            // The last word counts: that of the lead comes after the votes.
            let told = finding.voices.reconciliation.iter().rfind(|entry| {
                matches!(entry.action, Action::Raised | Action::Downgraded)
                    && entry.members.contains(&member)
            });
            fates.push(Fate {
                agent: member.agent,
                id: member.id,
                severity,
                title: title.to_owned(),
                end: End::Finding {
                    finding: finding.id.clone(),
                    position: standing.position.clone(),
                    to: finding.severity,
                    merged,
                    reason: regraded.then(|| match told {
                        Some(entry) => entry.reason.clone(),
                        None if kind == Some(Kind::PreExisting) => {
                            "who says that it was there before has no vote".to_owned()
                        }
                        None => "a rule states the same".to_owned(),
                    }),
                },
            });
        }
    }
    let aside = |raw: &RawFinding, end: End| Fate {
        agent: raw.agent.clone(),
        id: raw.id.clone(),
        severity: raw.severity,
        title: title_of(raw).to_owned(),
        end,
    };
    for seen in &report.observations {
        let observed = || End::Observation {
            observed: seen.title.clone(),
        };
        fates.extend(seen.members.iter().map(|raw| aside(raw, observed())));
    }
    for moved in &report.moved {
        let away = || End::Moved {
            place: moved.place,
            reason: moved.reason.clone(),
        };
        fates.extend(moved.members.iter().map(|raw| aside(raw, away())));
    }
    for dropped in &report.dropped {
        let counts_for_nothing = || End::Dropped {
            reason: dropped.reason.clone(),
        };
        fates.extend(
            dropped
                .members
                .iter()
                .map(|raw| aside(raw, counts_for_nothing())),
        );
    }
    fates
}

/// Short comments have no title: then their first line stands for one.
fn title_of(raw: &RawFinding) -> &str {
    if !raw.title.trim().is_empty() {
        return raw.title.trim();
    }
    let mut lines = raw.body.lines().map(str::trim);
    lines.find(|line| !line.is_empty()).unwrap_or("")
}
