//! Puts the report of a review together, target by target, whether it was just read or is replayed.
//! What each target has to say is found out elsewhere.

use std::collections::BTreeMap;

use anyhow::Result;

use super::joining::Joined;
use super::panel::Answers;
use super::{Asking, Reply, Seen, Session};
use crate::agents::Spent;
use crate::ledger::Decision;
use crate::receipt::AgentSpec;
use crate::report::{
    self, AgentReport, FailedAgent, Narrative, NothingOwed, Positions, Report, Said, TargetReport,
};

/// A report that is not finished.
pub(super) struct Gathering<'d> {
    decisions: &'d [Decision],
    /// Who took part.
    pub(super) agents: Vec<AgentReport>,
    /// What was gathered so far.
    pub(super) targets: Vec<TargetReport>,
    positions: Positions,
    /// What became no finding.
    pub(super) aside: Joined,
    failed: Vec<FailedAgent>,
    /// What was said besides findings.
    pub(super) said: Vec<Said>,
    /// The lead's prose.
    pub(super) narrative: Option<Narrative>,
    spent: BTreeMap<String, (AgentSpec, Spent)>,
    /// The replies of the panel, byte for byte.
    pub(super) raw: Vec<Reply>,
}

impl<'d> Gathering<'d> {
    /// One without targets.
    pub(super) fn new(decisions: &'d [Decision]) -> Self {
        Self {
            decisions,
            agents: vec![AgentReport {
                name: crate::rules::AGENT.to_owned(),
                ..AgentReport::default()
            }],
            targets: Vec::new(),
            positions: Positions::default(),
            aside: Joined::default(),
            failed: Vec::new(),
            said: Vec::new(),
            narrative: None,
            spent: BTreeMap::new(),
            raw: Vec::new(),
        }
    }

    /// Adds what asking one agent took.
    pub(super) fn add_spent(&mut self, spec: &AgentSpec, answers: &Answers) {
        if let Some(spent) = answers.spent.get(&spec.name) {
            self.spent
                .entry(spec.name.clone())
                .or_insert_with(|| (spec.clone(), Spent::default()))
                .1
                .add(spent);
        }
    }
}

impl Session {
    /// Adds a target that was read, with what its raw findings came to.
    pub(super) fn gather(
        &mut self,
        gathering: &mut Gathering<'_>,
        seen: Seen<'_>,
        mut joined: Joined,
        asking: Asking,
    ) -> Result<()> {
        let Seen {
            target,
            in_force,
            reading,
            opinions,
            ..
        } = seen;
        gathering.agents[0].read += reading.fresh.len();
        gathering.agents[0].remembered += reading.remembered;
        report::add_up(&mut gathering.agents, &opinions.agents);
        let unheard = opinions.failed.iter().map(|(unheard, _)| unheard.clone());
        let silent = seen.answers.silent.iter().cloned().map(FailedAgent::from);
        for unheard in unheard.chain(silent) {
            if !gathering.failed.contains(&unheard) {
                gathering.failed.push(unheard);
            }
        }
        for said in opinions.said.iter().chain(&seen.answers.said) {
            if !gathering.said.contains(said) {
                gathering.said.push(said.clone());
            }
        }
        let of_panel = |spec: &AgentSpec| seen.panel.specs.contains(spec);
        let lead = seen.led.spec.iter().filter(|spec| !of_panel(spec));
        for spec in seen.panel.specs.iter().chain(lead) {
            gathering.add_spent(spec, seen.answers);
        }
        let answers = seen.answers;
        gathering
            .raw
            .extend(answers.reviews.iter().chain(&answers.words).cloned());
        let findings = std::mem::take(&mut joined.findings);
        let mut report = self.judge(
            seen,
            findings,
            gathering.decisions,
            &mut gathering.positions,
        )?;
        if asking != Asking::Nothing {
            self.describe(&mut report, target, reading, &in_force.settings);
        }
        gathering.targets.push(report);
        gathering.aside.take_over(joined);
        Ok(())
    }

    /// The report of all targets, without its place among the reviews before it.
    pub(super) fn report_of(
        &mut self,
        gathering: Gathering<'_>,
        scope: &str,
        nothing: Vec<NothingOwed>,
    ) -> Report {
        let mut agents = gathering.agents;
        for (name, (spec, spent)) in gathering.spent {
            let at = agents.iter().position(|agent| agent.name == name);
            let at = at.unwrap_or_else(|| {
                agents.push(AgentReport {
                    name,
                    ..AgentReport::default()
                });
                agents.len() - 1
            });
            let some = |text: String| (!text.is_empty()).then_some(text);
            agents[at].model = some(spec.model);
            agents[at].effort = some(spec.effort);
            agents[at].spent = Some(spent);
        }
        let verdicts: Vec<_> = gathering.targets.iter().map(|it| &it.verdict).collect();
        let verdict = report::combine(&verdicts);
        Report {
            schema: report::SCHEMA,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            id: None,
            at: self.now,
            scope: scope.to_owned(),
            repo: None,
            round: None,
            rounds: Vec::new(),
            millis: None,
            verdict,
            recommendation: None,
            agents,
            targets: gathering.targets,
            said: gathering.said,
            observations: gathering.aside.observations,
            moved: gathering.aside.moved,
            dropped: gathering.aside.dropped,
            maybe_same: gathering.aside.maybe_same,
            failed: gathering.failed,
            fates: Vec::new(),
            retro: Vec::new(),
            narrative: gathering.narrative,
            nothing,
            warnings: self.take_warnings(),
        }
    }
}
