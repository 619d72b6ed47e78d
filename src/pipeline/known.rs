//! Findings of stored reviews, as they stand by now: what a person can name, list and decide about.

use std::time::Duration;

use anyhow::Result;

use super::{Asking, Scope, Session, rounds};
use crate::diff::{Oid, RepoPath};
use crate::finding::{Anchor, Finding, LineRange};
use crate::gate::Verdict;
use crate::ledger::{self, Decision, State, Surroundings};
use crate::report::{Report, Standing, TargetReport};

/// Every stored finding once, those of the newest review of this branch first.
#[derive(Debug)]
pub(crate) struct Known {
    newest: Option<String>,
    of_newest: usize,
    standings: Vec<Standing>,
}

/// Who last changed a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastChange {
    /// True if the base has it already.
    pub(crate) before: bool,
    /// The commit.
    pub(crate) commit: Oid,
    /// What it says it does; any text, without secrets.
    pub(crate) subject: String,
}

impl std::fmt::Display for LastChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commit = self.commit.short();
        let subject = &self.subject;
        if self.before {
            write!(f, "before this change, in commit {commit}: {subject}")
        } else {
            write!(f, "by this change, in commit {commit}: {subject}")
        }
    }
}

/// How long the history is searched for one line.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a name names no finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unnamed {
    /// None has it.
    #[error("no finding is called `{0}`")]
    None(String),
    /// Several have it.
    #[error("`{name}` could be {candidates}")]
    Several {
        /// What was typed.
        name: String,
        /// The ids it fits.
        candidates: String,
    },
}

impl Session {
    /// Collects the findings of all stored reviews, in their present state. The newest review is that
    /// of the checked-out branch, or of any branch if this one has none.
    pub(crate) fn known_findings(&mut self) -> Result<Known> {
        let decisions = self.decisions()?;
        let mut reviews = self.reviews()?;
        let branch = self.repo.head()?.branch().map(str::to_owned);
        let of_branch = reviews
            .iter()
            .position(|(_, report)| Some(report.target_name()) == branch.as_deref());
        if let Some(index) = of_branch {
            let newest = reviews.remove(index);
            reviews.insert(0, newest);
        }
        // What is staged, or one commit, says nothing about what the branch no longer has.
        let whole_branch = reviews
            .first()
            .is_some_and(|(_, report)| matches!(report.scope.as_str(), "branch" | "push"));
        let mut known = Known {
            newest: reviews.first().map(|(id, _)| id.to_string()),
            of_newest: 0,
            standings: Vec::new(),
        };
        for (index, (_, report)) in reviews.into_iter().enumerate() {
            for standing in self.restated(&report, &decisions) {
                if known
                    .standings
                    .iter()
                    .all(|earlier| earlier.finding.id != standing.finding.id)
                {
                    known.standings.push(standing);
                }
            }
            if index == 0 {
                known.of_newest = known.standings.len();
            }
        }
        if of_branch.is_some() && whole_branch {
            self.close_gone(&mut known);
        }
        Ok(known)
    }

    /// Who last changed the first line that a finding names, in the newest stored review that has
    /// it; `None` if it names no line, or was raised about what was not committed.
    pub(crate) fn last_change(&mut self, finding: &Finding) -> Result<Option<LastChange>> {
        let Some(location) = finding.locations.first() else {
            return Ok(None);
        };
        let raised_in = self
            .reviews()?
            .into_iter()
            .flat_map(|(_, report)| report.targets)
            .find(|target| {
                let ids = target.findings.iter().map(|standing| &standing.finding.id);
                ids.into_iter().any(|id| *id == finding.id)
            });
        let at = |target: &TargetReport| {
            let commit = finding.commit.as_deref().or(target.head.as_deref())?;
            Some((Oid::from_hex(commit)?, location.lines?))
        };
        let Some((target, (commit, lines))) =
            raised_in.and_then(|target| at(&target).map(|at| (target, at)))
        else {
            return Ok(None);
        };
        let first = LineRange {
            start: lines.start,
            end: lines.start,
        };
        let blamed = self.repo.blame(&commit, &location.path, first, PATIENCE)?;
        let Some(mut blamed) = blamed.into_iter().next() else {
            return Ok(None);
        };
        let base = target.base.commit.as_deref().and_then(Oid::from_hex);
        let before = match base {
            Some(base) => self.repo.merge_base(&base, &blamed.commit)? == Some(blamed.commit),
            None => false,
        };
        self.cut_secrets(&mut blamed.subject)?;
        Ok(Some(LastChange {
            before,
            commit: blamed.commit,
            subject: blamed.subject,
        }))
    }

    /// The findings of a stored review with the decisions made since.
    fn restated(&self, report: &Report, decisions: &[Decision]) -> Vec<Standing> {
        let mut standings: Vec<Standing> = report.findings().into_iter().cloned().collect();
        let findings: Vec<_> = standings
            .iter()
            .map(|standing| standing.finding.clone())
            .collect();
        let head = report
            .targets
            .first()
            .and_then(|target| target.head.as_deref())
            .and_then(Oid::from_hex);
        let tree = head.and_then(|head| self.repo.tree_of(&head).ok());
        let gone = |path: &RepoPath| {
            tree.is_some_and(|tree| matches!(self.repo.read_file(&tree, path), Ok(None)))
        };
        let stands = |anchor: &Anchor| {
            let (_, text) = self.repo.read_file(&tree?, &anchor.path).ok()??;
            ledger::found_again(&text, anchor)
        };
        let around = Surroundings {
            gone: &gone,
            stands: &stands,
        };
        let states = rounds::states(&findings, decisions, &around, self.today());
        for (standing, state) in standings.iter_mut().zip(states) {
            standing.state = state;
        }
        standings
    }

    /// Takes findings of the newest review that the branch, read wholly, no longer has out of the list
    /// of open ones: for the rules reviewer, not raised any more means closed.
    fn close_gone(&mut self, known: &mut Known) {
        let Ok(now) = self.review(&Scope::Branch { base: None }, Asking::Nothing) else {
            return;
        };
        let complete =
            now.verdict.not_reviewed().is_empty() && !matches!(now.verdict, Verdict::NothingNew);
        if !complete {
            return;
        }
        let raised: Vec<_> = now
            .findings()
            .iter()
            .map(|standing| standing.finding.id.clone())
            .collect();
        let mut index = 0;
        let mut kept = 0;
        known.standings.retain(|standing| {
            let keep = index >= known.of_newest
                || raised.contains(&standing.finding.id)
                || !standing.state.is_open();
            kept += usize::from(keep && index < known.of_newest);
            index += 1;
            keep
        });
        known.of_newest = kept;
    }
}

impl Known {
    /// The name of the newest review, if there is one.
    pub(crate) fn newest_name(&self) -> Option<&str> {
        self.newest.as_deref()
    }

    /// The findings of the newest review.
    pub(crate) fn newest(&self) -> Vec<&Standing> {
        self.standings[..self.of_newest].iter().collect()
    }

    /// All findings.
    pub(crate) fn all(&self) -> Vec<&Standing> {
        self.standings.iter().collect()
    }

    /// The finding a person names: by its id, the beginning of its id (three letters or more), or its
    /// position in the newest report.
    pub(crate) fn find(&self, name: &str) -> Result<&Standing, Unnamed> {
        let by_position = self.standings[..self.of_newest]
            .iter()
            .find(|standing| standing.position.eq_ignore_ascii_case(name));
        if let Some(standing) = by_position {
            return Ok(standing);
        }
        let fits = |standing: &&Standing| {
            name.len() >= 3 && standing.finding.id.as_str().starts_with(name)
        };
        let fitting: Vec<&Standing> = self.standings.iter().filter(fits).collect();
        match fitting.as_slice() {
            [] => Err(Unnamed::None(name.to_owned())),
            [one] => Ok(one),
            several => Err(Unnamed::Several {
                name: name.to_owned(),
                candidates: several
                    .iter()
                    .map(|standing| standing.finding.id.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    /// The open findings of the newest review.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Standing> {
        self.standings[..self.of_newest]
            .iter()
            .filter(|standing| matches!(standing.state, State::Open { .. }))
    }
}
