//! Why a finding is what it is: the review that has it, joined anew from its raw findings.
//! Showing it is left to the commands.

use anyhow::{Result, anyhow};

use super::joining::as_raw;
use super::{Session, Unnamed};
use crate::consolidate::{Consolidation, Settings, consolidate};
use crate::error::HintExt;
use crate::finding::{Member, RawFinding};
use crate::report::{Report, Standing};

/// A finding, and all raw findings of its review joined anew.
#[derive(Debug)]
pub(crate) struct Explained {
    /// The finding as it stands now.
    pub(crate) standing: Standing,
    /// The raw findings that state it.
    pub(crate) members: Vec<Member>,
    /// What the raw findings of its review come to.
    pub(crate) consolidation: Consolidation,
}

impl Session {
    /// Explains the finding a person names, from the newest stored review that has it.
    pub(crate) fn explain_finding(&mut self, name: &str) -> Result<Explained> {
        let known = self.known_findings()?;
        let standing = known
            .find(name)
            .map_err(|error: Unnamed| anyhow!(error))
            .hint("`deep-review findings --all` lists them")?
            .clone();
        let has_it = |report: &Report| {
            let mut findings = report.findings().into_iter();
            findings.any(|it| it.finding.id == standing.finding.id)
        };
        let mut reviews = self.reviews()?.into_iter().map(|(_, report)| report);
        let report = reviews
            .find(has_it)
            .ok_or_else(|| anyhow!("no stored review has {}", standing.finding.id))
            .hint("review the change again")?;
        let members = if standing.finding.voices.members.is_empty() {
            vec![Member::of(&as_raw(&standing.finding))]
        } else {
            let raw = standing.finding.voices.members.iter();
            raw.map(Member::of).collect()
        };
        Ok(Explained {
            members,
            consolidation: consolidate(&raw_findings(&report), &Settings::default()),
            standing,
        })
    }
}

/// Every raw finding of a review that counted: of findings, of observations, and those taken back.
fn raw_findings(report: &Report) -> Vec<RawFinding> {
    let of_findings = report.findings().into_iter().flat_map(|standing| {
        let finding = &standing.finding;
        if finding.voices.members.is_empty() {
            vec![as_raw(finding)]
        } else {
            finding.voices.members.clone()
        }
    });
    let observed = report.observations.iter().flat_map(|it| it.members.clone());
    let moved = report.moved.iter().flat_map(|it| it.members.clone());
    let answered = |raw: &RawFinding| report.failed.iter().all(|it| it.agent != raw.agent);
    let dropped = report.dropped.iter().flat_map(|it| it.members.clone());
    of_findings
        .chain(observed)
        .chain(moved)
        .chain(dropped.filter(answered))
        .collect()
}
