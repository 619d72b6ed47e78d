//! What would be sent, to whom, and about how much, before anything is: for people to decide.
//! Showing it is left to the commands.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use super::asking::{LARGEST_UNIT, Question, SHARD};
use super::panel::Counting;
use super::{Asking, Scope, Session, rule_set};
use crate::agents::Agent;
use crate::brief::shards::{Budget, shards};
use crate::diff::RepoPath;
use crate::redact::Redactor;

/// About how many tokens of a brief are the same for every change.
const FIXED_TOKENS: usize = 2_500;
/// Bytes of text per token, near enough for an estimate.
const BYTES_PER_TOKEN: usize = 4;

/// What would be sent.
#[derive(Debug, Default)]
pub(crate) struct Foreseen {
    /// To whom; nobody if nothing is missing or nobody is enabled.
    pub(crate) agents: Vec<ForeseenAgent>,
    /// Who would be asked to lead after them, as far as that is known before.
    pub(crate) lead: Option<ForeseenLead>,
    /// What would be cut out before.
    pub(crate) redactions: Vec<ForeseenRedaction>,
}

/// What one agent would be given.
#[derive(Debug, Serialize)]
pub(crate) struct ForeseenAgent {
    /// Its name.
    pub(crate) name: String,
    /// Who gets the code.
    pub(crate) sends_to: String,
    /// The files, in order.
    pub(crate) files: Vec<RepoPath>,
    /// In how many parts.
    pub(crate) parts: usize,
    /// About how many tokens its briefs have; what it reads around them comes on top.
    pub(crate) tokens: usize,
}

/// Who would be asked to check what agents find.
#[derive(Debug, Serialize)]
pub(crate) struct ForeseenLead {
    /// Its name.
    pub(crate) name: String,
    /// Who gets the findings and the code around them.
    pub(crate) sends_to: String,
}

/// One value that would be cut out.
#[derive(Debug, Serialize)]
pub(crate) struct ForeseenRedaction {
    /// The file.
    pub(crate) path: RepoPath,
    /// The line of its patch, from 1.
    pub(crate) line: u32,
    /// What sort of secret it is taken for.
    pub(crate) rule: &'static str,
}

impl Session {
    /// Finds out what a review of a scope would send. Asks nobody and remembers nothing.
    pub(crate) fn foresee(&mut self, scope: &Scope, asking: Asking) -> Result<Foreseen> {
        let (targets, _) = self.owed(scope)?;
        let decisions = self.decisions()?;
        let panel = self.panel()?;
        let redactor = Redactor::new([0; 32]);
        let mut foreseen = Foreseen::default();
        for target in targets {
            let change_set = self.change_set(&target)?;
            let in_force = self.in_force(&target, &change_set.head)?;
            let rules = rule_set(&in_force.settings)?;
            let reading = self.read(
                &target,
                change_set,
                &in_force.settings,
                &rules,
                Asking::Nothing,
            )?;
            let advice = self.advice(&target, &in_force.settings)?;
            let counting = Counting::new(&panel, &in_force.settings, &advice);
            let question = Question {
                counting: &counting,
                target: &target,
                reading: &reading,
                in_force: &in_force,
                decisions: &decisions,
                asking,
            };
            let unread = question.wanted(&self.remembered(&reading));
            let all: BTreeSet<usize> = unread
                .iter()
                .flat_map(|(_, units)| units)
                .copied()
                .collect();
            let readers: Vec<&Agent> = panel.agents.iter().chain(self.named_lead()).collect();
            let redacts = readers.is_empty() || readers.iter().any(|agent| agent.redact);
            let given = self.given(&question, &all, redacts.then_some(&redactor))?;
            if !unread.is_empty() || self.lead.is_some() {
                // Whoever answers first leads, if nobody is named; that is the first, if all is well.
                let lead = self.leader(&question, &|_| true).ok().flatten();
                foreseen.lead = lead.map(|agent| ForeseenLead {
                    sends_to: agent.receiver(),
                    name: agent.name,
                });
            }
            for (agent, wanted) in unread {
                let agent = &panel.agents[agent];
                let units: Vec<_> = wanted.iter().map(|index| given[index].0.clone()).collect();
                let budget = Budget {
                    shard: SHARD,
                    most: LARGEST_UNIT,
                };
                let parts = shards(&units, budget).map_or(0, |shards| shards.len());
                let bytes: usize = units.iter().map(|unit| unit.patch.len()).sum();
                foreseen.agents.push(ForeseenAgent {
                    name: agent.name.clone(),
                    sends_to: agent.receiver(),
                    files: units.into_iter().map(|unit| unit.path).collect(),
                    parts,
                    tokens: bytes / BYTES_PER_TOKEN + FIXED_TOKENS * parts.max(1),
                });
            }
            let cut = given.into_values().flat_map(|(unit, marks)| {
                marks.into_iter().map(move |mark| ForeseenRedaction {
                    path: unit.path.clone(),
                    line: mark.line,
                    rule: mark.rule,
                })
            });
            foreseen.redactions.extend(cut);
        }
        Ok(foreseen)
    }
}
