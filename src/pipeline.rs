//! The story, top to bottom: a scope becomes change sets, their units are read or remembered, what was
//! raised is checked by the lead and joined with what was decided, and the gate answers.
//!
//! The slow way asks agents for what is missing and writes the store; the fast way only reads it.

mod asking;
mod described;
mod explained;
mod foreseen;
mod gathering;
mod joining;
mod known;
mod leading;
mod led;
mod memo;
mod narrating;
mod opened;
mod opinions;
mod panel;
mod proposed;
mod purse;
mod read_units;
mod reading;
mod replay;
mod replies;
mod restored;
mod rounds;
mod seats;
mod session;
mod shown;
mod told;
mod tree;
mod unpaid;

use anyhow::Result;

use crate::config::{self, RULE as LOOSENED};
use crate::diff::RepoPath;
use crate::finding::{Anchor, Finding, RawFinding};
use crate::gate::{self, Policy};
use crate::ledger::{self, Decision, Surroundings, UnitFindings};
use crate::owed::Target;
use crate::pushed::PushedRef;
use crate::report::{BaseReport, Positions, Report, Standing, TargetReport};
use crate::rules::RuleLevel;

pub(crate) use explained::Explained;
pub(crate) use foreseen::{Foreseen, ForeseenAgent, ForeseenLead, ForeseenRedaction};
pub(crate) use known::{Known, Unnamed};
pub(crate) use proposed::Cited;
pub(crate) use replies::Reply;
pub(crate) use session::{InForce, Session, Stands};

use asking::Question;
use gathering::Gathering;
use joining::Joined;
use led::Led;
use opinions::{New, Opinions};
use panel::{Answers, Counting, Lacking, Panel};
use read_units::{ReadUnit, Reading};
use replay::Record;
use session::rule_set;
use tree::Sides;

/// What to review.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    /// The index against HEAD.
    Staged,
    /// The files on disk against HEAD.
    Worktree {
        /// Also those that Git does not track.
        untracked: bool,
    },
    /// The checked-out branch, from where it left the base.
    Branch {
        /// A base given by hand.
        base: Option<String>,
    },
    /// One commit against its first parent.
    Commit {
        /// What names it.
        revision: String,
    },
    /// One commit against another.
    Range {
        /// `A..B`, or `A...B` to begin where B left A.
        range: String,
    },
    /// What a push would publish.
    Pushed {
        /// The refs.
        refs: Vec<PushedRef>,
        /// The remote's name, or its URL.
        remote: String,
        /// The remote's URL.
        url: String,
    },
}

impl Scope {
    /// The word in reports.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Worktree { .. } => "worktree",
            Self::Branch { .. } => "branch",
            Self::Commit { .. } => "commit",
            Self::Range { .. } => "range",
            Self::Pushed { .. } => "push",
        }
    }
}

/// What was found out about a target when the gate is asked.
struct Seen<'k> {
    target: &'k Target,
    in_force: &'k InForce,
    reading: &'k Reading,
    opinions: &'k Opinions,
    panel: &'k Panel,
    led: &'k Led,
    lacking: Lacking,
    answers: &'k Answers,
}

/// Whether agents may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// For whatever has no receipt.
    Missing,
    /// For everything again.
    Everything,
    /// The rules reviewer only, for whatever it has no receipt for.
    Rules,
    /// For nothing: only what is known counts, and nothing is written.
    Nothing,
}

impl Session {
    /// Reviews a scope, or looks up what is known about it.
    pub(crate) fn review(&mut self, scope: &Scope, asking: Asking) -> Result<Report> {
        self.review_with(scope, asking, &[])
    }

    /// Reviews a scope together with reviews that somebody else wrote of it.
    pub(crate) fn review_with(
        &mut self,
        scope: &Scope,
        asking: Asking,
        replies: &[Reply],
    ) -> Result<Report> {
        let mut reviewed = self.reviewed(scope, asking, replies);
        self.sweep_beside();
        if let Ok(report) = &mut reviewed {
            report.warnings.extend(self.take_warnings());
        }
        reviewed
    }

    fn reviewed(&mut self, scope: &Scope, asking: Asking, replies: &[Reply]) -> Result<Report> {
        let panel = self.panel()?;
        let ingredients = match replies {
            [] => {
                let named = self.lead.iter().map(|lead| format!("\0{lead}"));
                let who: Vec<String> = panel.names.iter().cloned().chain(named).collect();
                self.ingredients(scope, &[who.join("\n").as_bytes()])
            }
            _ => None,
        };
        if let Some(ingredients) = &ingredients
            && let Some(report) = self.recalled(ingredients, asking)
        {
            return Ok(report);
        }
        let (targets, nothing) = self.owed(scope)?;
        let decisions = self.decisions()?;
        let mut gathering = Gathering::new(&decisions);
        let mut record = Record::new(replies);
        // Prose is about one change.
        let alone = targets.len() == 1;
        for mut target in targets {
            let change_set = self.change_set(&target)?;
            target.notes.extend(change_set.notes.iter().cloned());
            let in_force = self.in_force(&target, &change_set.head)?;
            let rules = rule_set(&in_force.settings)?;
            let mut reading = self.read(&target, change_set, &in_force.settings, &rules, asking)?;
            if !panel.names.is_empty() {
                self.leave_restored_to_rules(scope, &target, &mut reading);
            }
            self.store_receipts(&reading, asking);
            let advice = self.advice(&target, &in_force.settings)?;
            let counting = Counting::new(&panel, &in_force.settings, &advice);
            let mut remembered = self.remembered(&reading);
            let question = Question {
                counting: &counting,
                target: &target,
                reading: &reading,
                in_force: &in_force,
                decisions: &decisions,
                asking,
            };
            let (mut answers, mut opened) = self.ask_panel(&question, &mut remembered);
            let new = New {
                replies,
                panel: &answers.receipts,
                asking,
            };
            let opinions =
                self.opinions(&target, &reading, &in_force.settings, &remembered, new)?;
            remembered.receipts.extend_from_slice(&answers.receipts);
            let mut joined = joined(&in_force, &reading, &opinions);
            let led = self.lead(&question, &opinions, &mut joined, &mut answers, &mut opened);
            let mut lacking = counting.lacking(&reading, &remembered, &answers.silent);
            lacking.notes.extend(led.notes.iter().cloned());
            answers.tell_apart_from(&gathering.raw);
            let seen = Seen {
                target: &target,
                in_force: &in_force,
                reading: &reading,
                opinions: &opinions,
                lacking,
                panel: &panel,
                led: &led,
                answers: &answers,
            };
            record.add(&seen);
            self.gather(&mut gathering, seen, joined, asking)?;
            if alone {
                self.narrate(&question, &led, &mut gathering, &mut opened);
            }
            if let Some(opened) = opened {
                self.close(opened);
            }
        }
        let mut raw = replies.to_vec();
        raw.append(&mut gathering.raw);
        let mut report = self.report_of(gathering, scope.name(), nothing);
        if asking != Asking::Nothing {
            let before = self.newest_review(report.target_name()).unwrap_or_default();
            self.place_in_history(&mut report, before.as_ref());
            report.millis = self.millis_since_start();
            report.complete();
            self.keep(&mut report, before.as_ref(), &raw, &record);
            if let Some(ingredients) = &ingredients {
                self.remember(ingredients, scope, &report);
            }
        }
        Ok(report)
    }

    /// Joins what stands with what was decided, and asks the gate.
    fn judge(
        &self,
        seen: Seen<'_>,
        findings: Vec<Finding>,
        decisions: &[Decision],
        positions: &mut Positions,
    ) -> Result<TargetReport> {
        let Seen {
            target,
            in_force,
            reading,
            opinions,
            panel,
            lacking,
            led: _,
            answers: _,
        } = seen;
        let settings = &in_force.settings;
        let sides = Sides::of(
            &self.repo,
            target,
            reading.head_changes(),
            settings.max_file_size.value,
        )?;
        let around = Surroundings {
            gone: &|path: &RepoPath| self.is_gone(target, reading, path),
            stands: &|anchor: &Anchor| {
                let text = sides.head(&anchor.path)?;
                ledger::found_again(&text, anchor)
            },
        };
        let states = rounds::states(&findings, decisions, &around, self.today());
        let standing: Vec<_> = findings.into_iter().zip(states).collect();
        let policy = Policy {
            block: settings.block.value,
            on_incomplete: settings.on_incomplete.value,
            evidence: settings.evidence.value,
        };
        let mut not_reviewed = reading.not_reviewed();
        for (failed, _) in &opinions.failed {
            let why = format!("the reply is no answer: {}", failed.why);
            not_reviewed.extend(reading.unread_by(&failed.agent, &why));
        }
        not_reviewed.extend(lacking.not_reviewed);
        let verdict = gate::judge(reading.new_units(), not_reviewed, &standing, policy);
        let mut notes = target.notes.clone();
        notes.extend(in_force.notes.iter().cloned());
        notes.extend(lacking.notes);
        notes.extend(self.debt(reading, decisions, &around, policy));
        Ok(TargetReport {
            name: target.name.clone(),
            base: BaseReport {
                commit: target.base.commit.map(|id| id.to_string()),
                tree: target.base.tree.to_string(),
                why: target.base.why.clone(),
            },
            head: target.head.commit().map(|id| id.to_string()),
            protected: target.protected,
            commits: reading.commits.len(),
            log: Vec::new(),
            units: reading
                .units
                .iter()
                .map(|unit| unit.report(opinions.readers(unit)))
                .collect(),
            findings: standing
                .into_iter()
                .map(|(finding, state)| Standing {
                    position: positions.of(&finding),
                    without_evidence: !gate::may_block(&finding, policy.evidence),
                    finding,
                    state,
                    excerpts: Vec::new(),
                })
                .collect(),
            blocks_from: policy.block,
            verdict,
            panel: panel.names.clone(),
            missing: lacking.missing,
            notes,
        })
    }

    /// What the remote has already under this name although it would be held back today: a debt that
    /// does not block this push, but a push to a protected branch.
    fn debt(
        &self,
        reading: &Reading,
        decisions: &[Decision],
        around: &Surroundings<'_>,
        policy: Policy,
    ) -> Option<String> {
        let paid = reading.units.iter().filter(|unit| unit.is_paid());
        let findings = ledger::identify(paid.map(ReadUnit::findings));
        let states = ledger::states(&findings, decisions, &[], around, self.today());
        let standing: Vec<_> = findings
            .iter()
            .zip(&states)
            .filter(|(finding, state)| state.is_open() && finding.severity >= policy.block)
            .map(|(finding, _)| format!("{:?} ({})", finding.anchor.path, finding.title))
            .collect();
        let (first, rest) = standing.split_first()?;
        let more = match rest.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "the remote already has what would be held back here: {first}{more}; a push to a protected branch owes it"
        ))
    }
}

/// What was raised about a target, by rule or by agents.
fn joined(in_force: &InForce, reading: &Reading, opinions: &Opinions) -> Joined {
    let config_path = RepoPath::from(config::REPOSITORY_FILE);
    let loosened = if reading.owes(&config_path) {
        loosened(in_force)
    } else {
        Vec::new()
    };
    let of_config = UnitFindings {
        path: &config_path,
        commit: None,
        raw: &loosened,
    };
    let facts = ledger::identify(
        reading
            .units
            .iter()
            .filter(|unit| unit.counts())
            .map(ReadUnit::findings)
            .chain([of_config]),
    );
    joining::join(facts, opinions)
}

/// The loosenings of the review's own rules as raw findings, in the severity in force.
fn loosened(in_force: &InForce) -> Vec<RawFinding> {
    let mut raw = config::raw_findings(&in_force.loosenings, &in_force.branch_text, in_force.first);
    match in_force
        .settings
        .levels
        .get(LOOSENED)
        .map(|level| level.value)
    {
        Some(RuleLevel::Off) => raw.clear(),
        Some(RuleLevel::At(severity)) => {
            for finding in &mut raw {
                finding.severity = Some(severity);
            }
        }
        None => {}
    }
    raw
}
