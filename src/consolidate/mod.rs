//! Joins the raw findings of all agents into findings: each problem once, with every voice kept.
//! Checking findings against the code comes before, what people decided about them after.
//!
//! - `statement`: what a finding says and where
//! - `tokens`: a statement as weighted words
//! - `weights`: what a word is worth within this change
//! - `pairs`: how likely two statements state one problem
//! - `linkage`: from likely pairs to clusters
//! - `voice`: what one agent says, once
//! - `group`: voices that state one problem
//! - `facts`: findings of the rules agent, on which there is no vote
//! - `severity`: the votes on a cluster
//! - `telling`: which member's words a cluster is told in, its kind and its places
//! - `order`: the positions in a report, C1… I1… S1…
//! - `explain`: why a finding is what it is
//! - `rounds`: whether a finding restates an earlier one

pub(crate) mod explain;
pub(crate) mod facts;
mod group;
mod linkage;
mod order;
mod pairs;
#[cfg(test)]
mod quality;
pub(crate) mod rounds;
pub(crate) mod severity;
pub(crate) mod statement;
mod telling;
#[cfg(test)]
mod tests;
mod tokens;
mod voice;
mod weights;

use serde::{Deserialize, Serialize};

pub(crate) use crate::finding::{Action, Member, Reconciliation};
use crate::finding::{Kind, Location, RawFinding, Severity};

use facts::RULES_AGENT;
use group::group;
pub(crate) use order::number;
use severity::Judgement;
use voice::{Voice, voices};

/// What consolidation is told by the caller; everything else about it is fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Agents known to call things worse than they are: lowercase starts of a part of their name
    /// (`gemini` fits `gemini-flash` and `google/gemini.2`).
    pub(crate) inflating: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            inflating: vec!["gemini".to_owned(), "gemma".to_owned()],
        }
    }
}

impl Settings {
    /// Whether an agent of this name is known to inflate.
    fn inflates(&self, agent: &str) -> bool {
        let agent = agent.to_lowercase();
        self.inflating.iter().any(|start| {
            !start.is_empty()
                && agent
                    .match_indices(start.as_str())
                    .any(|(at, _)| !agent[..at].ends_with(char::is_alphanumeric))
        })
    }
}

/// All raw findings, each in exactly one place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Consolidation {
    /// The problems, in report order.
    pub(crate) findings: Vec<ConsolidatedFinding>,
    /// What was there before the change.
    pub(crate) observations: Vec<Observation>,
    /// What was thrown out: here only what its own agent took back, later what the lead drops.
    pub(crate) dropped: Vec<Dropped>,
    /// Raw findings that ended apart though they may state the same, the likeliest first; the
    /// likeliest two of each two places.
    pub(crate) maybe_same: Vec<Likeness>,
}

/// One problem with everyone who raised it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ConsolidatedFinding {
    /// Where it stands in the report: `C1`, `I1`, `S1`, …
    pub(crate) position: String,
    /// How bad, after the votes.
    pub(crate) severity: Severity,
    /// What sort of problem; absent when nobody said.
    pub(crate) kind: Option<Kind>,
    /// The title of the member that tells it.
    pub(crate) title: String,
    /// The places of all members, those of the member that tells it first.
    pub(crate) locations: Vec<Location>,
    /// The raw findings that state it, ascending.
    pub(crate) members: Vec<Member>,
    /// The member in whose words it is told.
    pub(crate) told_by: Member,
    /// The mean likelihood that its members state one problem; absent for a single voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confidence: Option<f64>,
    /// The members belong together so doubtfully that the lead should look.
    pub(crate) doubtful: bool,
    /// Why the severity.
    pub(crate) judgement: Judgement,
    /// How alike its members are.
    pub(crate) likenesses: Vec<Likeness>,
    /// What happened to its members on the way.
    pub(crate) reconciliation: Vec<Reconciliation>,
}

/// A problem that was there before the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Observation {
    /// The title of the member that tells it.
    pub(crate) title: String,
    /// The places of all members.
    pub(crate) locations: Vec<Location>,
    /// The raw findings that state it, ascending.
    pub(crate) members: Vec<Member>,
    /// The member in whose words it is told.
    pub(crate) told_by: Member,
    /// How alike its members are.
    pub(crate) likenesses: Vec<Likeness>,
}

/// Raw findings that are shown nowhere but in the reconciliation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// The raw findings, ascending.
    pub(crate) members: Vec<Member>,
    /// Why.
    pub(crate) reason: String,
}

/// How likely two raw findings state one problem, and by which words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Likeness {
    /// One of them.
    pub(crate) first: Member,
    /// The other.
    pub(crate) second: Member,
    /// The likelihood, 0 to 1; 0 also stands for "under a fiftieth".
    pub(crate) p: f64,
    /// The shared words that count most.
    pub(crate) shared: Vec<String>,
}

/// Joins raw findings that state the same problem and settles severity, kind and places.
///
/// The order of `raw` doesn't matter. Findings of one agent are joined only if they say the same
/// in the same words at the same places.
pub(crate) fn consolidate(raw: &[RawFinding], settings: &Settings) -> Consolidation {
    let (withdrawn, standing): (Vec<&RawFinding>, Vec<&RawFinding>) = raw
        .iter()
        .partition(|raw| raw.withdrawn.is_some() && raw.agent != RULES_AGENT);
    let voices = voices(standing);
    let (facts, opinions): (Vec<Voice<'_>>, Vec<Voice<'_>>) =
        voices.into_iter().partition(Voice::is_fact);
    let (mut groups, perhaps) = group(&opinions);
    facts::join(&facts, &opinions, &mut groups);

    let mut consolidation = Consolidation {
        dropped: withdrawn.into_iter().map(withdrawal).collect(),
        ..Consolidation::default()
    };
    consolidation
        .dropped
        .sort_by(|a, b| (&a.members, &a.reason).cmp(&(&b.members, &b.reason)));
    for group in &groups {
        telling::tell(group, &opinions, settings, &mut consolidation);
    }
    consolidation.maybe_same = perhaps;
    consolidation.observations.sort_by(|a, b| {
        order::by_place(&a.locations, &b.locations).then(a.members.cmp(&b.members))
    });
    number(&mut consolidation.findings);
    debug_assert!(
        accounts_for_all(raw, &consolidation),
        "every raw finding ends in exactly one place"
    );
    consolidation
}

/// A finding its own agent took back is no voice for anything.
fn withdrawal(raw: &RawFinding) -> Dropped {
    let words = raw.withdrawn.as_deref().unwrap_or_default().trim();
    Dropped {
        members: vec![Member::of(raw)],
        reason: format!("its agent took it back: {words}"),
    }
}

/// Whether each raw finding ended in exactly one place: a finding, an observation, or dropped.
pub(crate) fn accounts_for_all(raw: &[RawFinding], consolidation: &Consolidation) -> bool {
    let mut given: Vec<(&str, &str)> = raw
        .iter()
        .map(|finding| (finding.agent.as_str(), finding.id.as_str()))
        .collect();
    let findings = consolidation.findings.iter().map(|found| &found.members);
    let observations = consolidation.observations.iter().map(|seen| &seen.members);
    let dropped = consolidation.dropped.iter().map(|dropped| &dropped.members);
    let mut placed: Vec<(&str, &str)> = findings
        .chain(observations)
        .chain(dropped)
        .flatten()
        .map(|member| (member.agent.as_str(), member.id.as_str()))
        .collect();
    given.sort_unstable();
    placed.sort_unstable();
    given == placed
}
