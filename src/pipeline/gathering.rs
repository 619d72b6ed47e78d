//! Puts the report of a review together, target by target, whether it was just read or is replayed.
//! What each target has to say is found out elsewhere.

use anyhow::Result;

use super::joining::Joined;
use super::{Asking, Seen, Session};
use crate::ledger::Decision;
use crate::report::{
    self, AgentReport, FailedAgent, NothingOwed, Positions, Report, Said, TargetReport,
};

/// A report that is not finished.
pub(super) struct Gathering<'d> {
    decisions: &'d [Decision],
    agents: Vec<AgentReport>,
    targets: Vec<TargetReport>,
    positions: Positions,
    aside: Joined,
    failed: Vec<FailedAgent>,
    said: Vec<Said>,
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
        }
    }
}

impl Session {
    /// Adds a target that was read.
    pub(super) fn gather(
        &mut self,
        gathering: &mut Gathering<'_>,
        seen: Seen<'_>,
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
        let silent = seen.silent.iter().cloned().map(FailedAgent::from);
        for unheard in unheard.chain(silent) {
            if !gathering.failed.contains(&unheard) {
                gathering.failed.push(unheard);
            }
        }
        for said in &opinions.said {
            if !gathering.said.contains(said) {
                gathering.said.push(said.clone());
            }
        }
        let mut joined = super::joined(in_force, reading, opinions);
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
            agents: gathering.agents,
            targets: gathering.targets,
            said: gathering.said,
            observations: gathering.aside.observations,
            dropped: gathering.aside.dropped,
            maybe_same: gathering.aside.maybe_same,
            failed: gathering.failed,
            fates: Vec::new(),
            retro: Vec::new(),
            nothing,
            warnings: self.take_warnings(),
        }
    }
}
