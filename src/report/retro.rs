//! What each agent was worth in this review: counts, computed from the report and from nothing else.
//! What cannot be known is `None`, never zero.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::fates::{End, Fate, voices_of};
use super::{Counts, Report, Standing};
use crate::diff::RepoPath;
use crate::finding::RULES;
use crate::ledger::{Resolution, State};
use crate::parse::verdicts::MoveTo;
use crate::units::Class;

/// One agent's column of the retro table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgentRetro {
    /// Its name.
    pub(crate) agent: String,
    /// True if it was asked and gave no answer; then nothing else is counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) failed: bool,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) millis: Option<u64>,
    /// Its raw findings, by the severity it gave them.
    pub(crate) raised: Counts,
    /// Its tool calls by name; absent where nobody counted them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tools: BTreeMap<String, u64>,
    /// Its observations about the design: items of its own section, and raw findings of what was there
    /// before the change.
    pub(crate) observations: usize,
    /// Findings it is a voice of that people resolved as false.
    pub(crate) false_positives: usize,
    /// Findings that nobody else stated.
    pub(crate) unique: usize,
    /// Changed files it read.
    pub(crate) files: usize,
    /// Changed files that were to be read.
    pub(crate) of_files: usize,
    /// Files it read without a finding in which others have one; absent for the rules, which clear
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) misses: Option<usize>,
    /// The findings it is a voice of, by the severity they got.
    pub(crate) credited: Counts,
    /// Its raw findings that count for less than it said, as in `I→S`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) downgraded: BTreeMap<String, usize>,
    /// Its raw findings that count for more than it said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) raised_to: BTreeMap<String, usize>,
    /// Its raw findings that count for nothing.
    pub(crate) dropped: usize,
}

/// The columns: the agents of the report in their order, then those that gave no answer.
pub(super) fn retro(report: &Report, fates: &[Fate]) -> Vec<AgentRetro> {
    let mut names: Vec<&str> = report
        .agents
        .iter()
        .map(|agent| agent.name.as_str())
        .collect();
    for failed in &report.failed {
        if !names.contains(&failed.agent.as_str()) {
            names.push(&failed.agent);
        }
    }
    for fate in fates {
        if !names.contains(&fate.agent.as_str()) {
            names.push(&fate.agent);
        }
    }
    let findings = report.findings();
    names
        .into_iter()
        .map(|name| column(report, fates, &findings, name))
        .collect()
}

fn column(report: &Report, fates: &[Fate], findings: &[&Standing], name: &str) -> AgentRetro {
    let spent = report
        .agents
        .iter()
        .find(|agent| agent.name == name)
        .and_then(|agent| agent.spent.as_ref());
    let read_something = report
        .agents
        .iter()
        .any(|agent| agent.name == name && agent.read + agent.remembered > 0);
    let mut column = AgentRetro {
        agent: name.to_owned(),
        failed: !read_something && report.failed.iter().any(|failed| failed.agent == name),
        millis: spent.map(|spent| spent.millis).filter(|millis| *millis > 0),
        tools: spent.map(|spent| spent.tools.clone()).unwrap_or_default(),
        ..AgentRetro::default()
    };
    for fate in fates.iter().filter(|fate| fate.agent == name) {
        column.raised.add(fate.severity);
        match &fate.end {
            End::Observation { .. } => column.observations += 1,
            End::Dropped { .. } => column.dropped += 1,
            End::Moved {
                place: MoveTo::Design | MoveTo::PreExisting,
                ..
            } => {
                column.observations += 1;
            }
            End::Finding { .. } | End::Moved { .. } => {}
        }
        if let Some((from, to)) = fate.regraded() {
            let side = if to < from {
                &mut column.downgraded
            } else {
                &mut column.raised_to
            };
            let change = format!("{}→{}", from.letter(), to.letter());
            *side.entry(change).or_default() += 1;
        }
    }
    let said = report.said.iter().filter(|said| said.agent == name);
    column.observations += said.map(|said| items(&said.sections.design)).sum::<usize>();

    let mut own_files: BTreeSet<&RepoPath> = BTreeSet::new();
    let mut others: BTreeSet<&RepoPath> = BTreeSet::new();
    for standing in findings {
        let voices = voices_of(&standing.finding);
        let is_own = voices.iter().any(|(member, ..)| member.agent == name);
        let false_positive = matches!(
            standing.state,
            State::Resolved {
                resolution: Resolution::FalsePositive,
                ..
            }
        );
        let files = standing.finding.locations.iter().map(|it| &it.path);
        if is_own {
            own_files.extend(files);
            column.credited.add(Some(standing.finding.severity));
            column.false_positives += usize::from(false_positive);
            let alone = voices.iter().all(|(member, ..)| member.agent == name);
            column.unique += usize::from(alone);
        } else if !false_positive {
            others.extend(files);
        }
    }
    let owed = report
        .files()
        .filter(|unit| matches!(unit.class, Class::Reviewed | Class::RulesOnly { .. }));
    let mut misses = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for unit in owed {
        if !seen.insert(&unit.path) {
            continue;
        }
        column.of_files += 1;
        if unit.read_by.iter().any(|reader| reader == name) {
            column.files += 1;
            if others.contains(&unit.path) && !own_files.contains(&unit.path) {
                misses.insert(&unit.path);
            }
        }
    }
    column.misses = (name != RULES).then_some(misses.len());
    column
}

/// The items of a section: those of its lists; a section without a list is one item, unless it says
/// that there is nothing.
pub(crate) fn items(section: &str) -> usize {
    let mut fenced = false;
    let mut count = 0;
    for line in section.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let bullet = ["- ", "* ", "+ ", "• "]
            .iter()
            .any(|mark| line.starts_with(mark));
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let numbered = (1..4).contains(&digits) && line[digits..].starts_with([')', '.']);
        if !fenced && (bullet || numbered) {
            count += 1;
        }
    }
    if count > 0 {
        return count;
    }
    let says_something = section
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .is_some_and(|line| {
            let word: String = line
                .trim_start_matches(|c: char| !c.is_alphanumeric())
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '/')
                .collect();
            !matches!(
                word.to_ascii_lowercase().as_str(),
                "none" | "no" | "nothing" | "n/a" | ""
            )
        });
    usize::from(says_something)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_a_section_are_counted_once_each() {
        for (section, count) in [
            ("", 0),
            ("None.", 0),
            ("*None*", 0),
            ("### Concerns\n\nNone.", 0),
            ("The lock is too wide.", 1),
            (
                "### Concerns\n\n- one\n  - sub\n- two\n\n```\n- code\n```",
                2,
            ),
            ("1. one\n2. two\n10) three", 3),
        ] {
            assert_eq!(items(section), count, "{section}");
        }
    }
}
