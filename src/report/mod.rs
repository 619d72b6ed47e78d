//! The report: one value that says what was reviewed, what was found and what the gate answers.
//! Every format renders this value and adds nothing to it.
//!
//! - `terminal`: for people at a terminal, short
//! - `listing`: findings, for people at a terminal
//! - `json`: for programs, the value itself
//! - `markdown`: the whole report, for people, as a document
//! - `sarif`: the findings, for code scanning
//! - `voices`: what agents said, for people at a terminal
//! - `aside`: what raw findings came to that are no findings
//! - `narrative`: the lead's prose
//! - `contested`: what the lead says against findings that stand
//! - `header`, `excerpt`: facts about the change, and the code that findings are about
//! - `fates`, `retro`: where each raw finding ended, and what each agent was worth; computed

mod aside;
mod contested;
mod excerpt;
mod fates;
mod header;
mod json;
mod listing;
mod markdown;
mod narrative;
mod prose;
mod retro;
#[cfg(test)]
mod sample;
mod sarif;
mod terminal;
mod voices;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agents::Spent;
use crate::diff::RepoPath;
use crate::finding::{Finding, FindingId, Severity};
use crate::gate::Verdict;
use crate::ledger::State;
use crate::parse::Sections;
use crate::units::Class;

pub(crate) use aside::{Dropped, FailedAgent, MaybeSame, MissingAgent, Moved, Observation};
pub(crate) use excerpt::Excerpt;
pub(crate) use fates::{End, Fate};
pub(crate) use header::{CommitLine, Counts, Recommendation, RepoName, RoundReport, repo_name};
pub(crate) use json::{harmless_json, to_json};
pub(crate) use listing::{finding_page, findings_page};
pub(crate) use markdown::{Original, markdown};
pub(crate) use narrative::Narrative;
pub(crate) use retro::AgentRetro;
pub(crate) use sarif::sarif;
pub(crate) use terminal::{push_page, review_page};

/// The version of the JSON form; raised when a field changes its meaning or goes away.
pub(crate) const SCHEMA: u32 = 1;

/// One review, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    /// The version of the program that made it.
    pub(crate) program: String,
    /// The name it is stored under; absent if it was not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// When.
    pub(crate) at: Timestamp,
    /// What was asked for: `staged`, `branch` or `push`.
    pub(crate) scope: String,
    /// The repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) repo: Option<RepoName>,
    /// Which review of this target it is, counting those that read something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) round: Option<u32>,
    /// The rounds before this one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rounds: Vec<RoundReport>,
    /// How long the review took, in milliseconds of wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) millis: Option<u64>,
    /// May it leave the machine?
    pub(crate) verdict: Verdict,
    /// What the open findings recommend; absent if not everything was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recommendation: Option<Recommendation>,
    /// Who was asked, and who remembered.
    pub(crate) agents: Vec<AgentReport>,
    /// One entry per branch or group of refs.
    pub(crate) targets: Vec<TargetReport>,
    /// What agents said besides findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) said: Vec<Said>,
    /// What agents say was there before the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) observations: Vec<Observation>,
    /// What the lead moved out of the findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) moved: Vec<Moved>,
    /// What agents said and counts for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dropped: Vec<Dropped>,
    /// Findings that may be the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) maybe_same: Vec<MaybeSame>,
    /// Agents that were to answer and did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed: Vec<FailedAgent>,
    /// Where each raw finding ended. Computed from the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fates: Vec<Fate>,
    /// What each agent was worth. Computed from the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) retro: Vec<AgentRetro>,
    /// The lead's prose, if one was asked and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) narrative: Option<Narrative>,
    /// Refs that owe nothing, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) nothing: Vec<NothingOwed>,
    /// What people should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// What one agent did in this run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgentReport {
    /// Its name.
    pub(crate) name: String,
    /// Units it read now.
    pub(crate) read: usize,
    /// Units it had read before.
    pub(crate) remembered: usize,
    /// The model it was asked to be; absent for the rules, for a review that was handed in, and where
    /// the vendor's default was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// How hard it was to think, in the vendor's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) effort: Option<String>,
    /// What asking it took; absent if it was not asked in this review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spent: Option<Spent>,
}

/// What an agent said besides findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    /// The agent.
    pub(crate) agent: String,
    /// The round it said this in, if that was an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) round: Option<u32>,
    /// Its words by section, as Markdown.
    pub(crate) sections: Sections,
}

/// A ref that owes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NothingOwed {
    /// The ref.
    pub(crate) name: String,
    /// Why.
    pub(crate) why: String,
}

/// What was reviewed of one branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TargetReport {
    /// The branch.
    pub(crate) name: String,
    /// What it was compared with.
    pub(crate) base: BaseReport,
    /// The reviewed commit; absent for what is staged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<String>,
    /// True if the branch is protected.
    pub(crate) protected: bool,
    /// How many commits are new.
    pub(crate) commits: usize,
    /// The newest of them, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) log: Vec<CommitLine>,
    /// The changed files, and the units of history that are not among them.
    pub(crate) units: Vec<UnitReport>,
    /// What stands, worst first.
    pub(crate) findings: Vec<Standing>,
    /// The lowest severity that blocks here.
    pub(crate) blocks_from: Severity,
    /// The gate's answer for this branch.
    pub(crate) verdict: Verdict,
    /// Who must answer besides the rules reviewer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) panel: Vec<String>,
    /// Who of them did not, although enough did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<MissingAgent>,
    /// What people should know about how it was reviewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// What a change was compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BaseReport {
    /// The commit; absent for the empty tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The tree.
    pub(crate) tree: String,
    /// How it was chosen.
    pub(crate) why: String,
}

/// One changed file, or one file of a new commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnitReport {
    /// The unit key.
    pub(crate) key: String,
    /// Git's status letter.
    pub(crate) status: char,
    /// The head path, or the base path of a deletion.
    pub(crate) path: RepoPath,
    /// The base path of a rename.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) old_path: Option<RepoPath>,
    /// The commit, for a unit of history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// How it is treated.
    pub(crate) class: Class,
    /// Added lines.
    pub(crate) added: usize,
    /// Removed lines.
    pub(crate) removed: usize,
    /// Who has read it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) read_by: Vec<String>,
}

/// A finding and whether it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Its place in this report, as in `I1`.
    pub(crate) position: String,
    /// The finding.
    pub(crate) finding: Finding,
    /// Its state.
    pub(crate) state: State,
    /// True if it can't block, because only one vendor's word speaks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) without_evidence: bool,
    /// The code at its places, in the version that was reviewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) excerpts: Vec<Excerpt>,
}

impl Report {
    /// Each finding once, worst first, in the order of the positions.
    pub(crate) fn findings(&self) -> Vec<&Standing> {
        let mut seen = BTreeSet::new();
        let mut findings: Vec<&Standing> = self
            .targets
            .iter()
            .flat_map(|target| &target.findings)
            .filter(|standing| seen.insert(&standing.finding.id))
            .collect();
        findings.sort_by_key(|standing| std::cmp::Reverse(standing.finding.severity));
        findings
    }

    /// Computes what follows from the rest: where each raw finding ended, what each agent was worth,
    /// what it all recommends. Doing it again changes nothing.
    pub(crate) fn complete(&mut self) {
        self.fates = fates::fates(self);
        self.retro = retro::retro(self, &self.fates);
        self.recommendation = self.recommend();
    }

    /// The findings that hold the change up.
    pub(crate) fn blocking(&self) -> Vec<&Standing> {
        let Verdict::Block { findings, .. } = &self.verdict else {
            return Vec::new();
        };
        let mut standing = self.findings();
        standing.retain(|standing| findings.contains(&standing.finding.id));
        standing
    }

    /// True if nothing holds the change but answers of agents that could still be asked for.
    pub(crate) fn awaits_agents(&self) -> bool {
        let Verdict::Inconclusive { not_reviewed } = &self.verdict else {
            return false;
        };
        not_reviewed.iter().any(|unit| {
            unit.agents
                .iter()
                .any(|agent| agent != crate::finding::RULES)
        })
    }

    /// The branch it is about, or the scope if it is about none.
    pub(crate) fn target_name(&self) -> &str {
        self.targets
            .first()
            .map_or(self.scope.as_str(), |target| &target.name)
    }

    /// The changed files, without the units of history.
    pub(crate) fn files(&self) -> impl Iterator<Item = &UnitReport> {
        self.targets
            .iter()
            .flat_map(|target| &target.units)
            .filter(|unit| unit.commit.is_none())
    }
}

/// Adds what agents did for one target to what they did for others.
pub(crate) fn add_up(agents: &mut Vec<AgentReport>, more: &[AgentReport]) {
    for one in more {
        match agents.iter_mut().find(|known| known.name == one.name) {
            Some(known) => {
                known.read += one.read;
                known.remembered += one.remembered;
                if known.spent.is_none() {
                    known.model.clone_from(&one.model);
                    known.effort.clone_from(&one.effort);
                    known.spent.clone_from(&one.spent);
                }
            }
            None => agents.push(one.clone()),
        }
    }
}

/// The answer for all targets together: the worst one counts.
pub(crate) fn combine(verdicts: &[&Verdict]) -> Verdict {
    let not_reviewed: Vec<_> = verdicts
        .iter()
        .flat_map(|verdict| verdict.not_reviewed().to_vec())
        .collect();
    let mut blocking: Vec<FindingId> = Vec::new();
    for verdict in verdicts {
        if let Verdict::Block { findings, .. } = verdict {
            for id in findings {
                if !blocking.contains(id) {
                    blocking.push(id.clone());
                }
            }
        }
    }
    let any = |wanted: fn(&Verdict) -> bool| verdicts.iter().any(|verdict| wanted(verdict));
    if !blocking.is_empty() {
        Verdict::Block {
            findings: blocking,
            not_reviewed,
        }
    } else if any(|verdict| matches!(verdict, Verdict::Inconclusive { .. })) {
        Verdict::Inconclusive { not_reviewed }
    } else if any(|verdict| matches!(verdict, Verdict::Pass { .. })) {
        Verdict::Pass { not_reviewed }
    } else {
        Verdict::NothingNew
    }
}

/// Numbers findings by severity: `C1`, `I1`, `I2`, `S1`.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    taken: Vec<(FindingId, String)>,
    counts: [usize; 3],
}

impl Positions {
    /// The position of a finding; the same one for the same finding.
    pub(crate) fn of(&mut self, finding: &Finding) -> String {
        if let Some((_, position)) = self.taken.iter().find(|(id, _)| *id == finding.id) {
            return position.clone();
        }
        let count = &mut self.counts[finding.severity as usize];
        *count += 1;
        let position = format!("{}{count}", finding.severity.letter());
        self.taken.push((finding.id.clone(), position.clone()));
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::NotReviewed;

    #[test]
    fn the_worst_verdict_counts() {
        let pass = Verdict::Pass {
            not_reviewed: vec![],
        };
        let missing = NotReviewed {
            path: RepoPath::from("a"),
            commit: None,
            agents: vec![],
            why: "x".to_owned(),
        };
        let inconclusive = Verdict::Inconclusive {
            not_reviewed: vec![missing.clone()],
        };
        let block = Verdict::Block {
            findings: vec![FindingId::of(&[b"x"])],
            not_reviewed: vec![],
        };
        assert_eq!(combine(&[]), Verdict::NothingNew);
        assert_eq!(combine(&[&Verdict::NothingNew, &pass]), pass);
        assert_eq!(combine(&[&pass, &inconclusive]), inconclusive);
        let worst = combine(&[&inconclusive, &block, &pass]);
        assert!(matches!(worst, Verdict::Block { not_reviewed, .. } if not_reviewed == [missing]));
    }
}
