//! What reviewers are told besides the change: the repository's rules as the base side has them, and
//! what was decided before. Writing it down is the brief's.

use std::collections::HashSet;

use anyhow::Result;

use super::Session;
use super::asking::Question;
use super::tree::Sides;
use crate::brief::family::Family;
use crate::brief::input::{
    self, BriefUnit, Earlier, EarlierState, Excluded, Input, OtherUnit, SnapshotFacts,
};
use crate::config::{Origin, Settings};
use crate::context;
use crate::diff::RepoPath;
use crate::finding::Severity;
use crate::ledger::{self, Decision, Resolution, Resolved};
use crate::owed::Target;
use crate::report::Report;
use crate::snapshot::Snapshot;

/// More earlier findings than these are not told; the newest are.
const MOST_EARLIER: usize = 200;

/// What all briefs of a run have in common.
pub(super) struct Told {
    round: u32,
    base: String,
    head: String,
    pub(super) advice: Advice,
    earlier: Vec<Earlier>,
    excluded: Vec<Excluded>,
    snapshot: SnapshotFacts,
}

/// The repository's rules for reviewers, as the base side and the user have them.
#[derive(Clone, Debug, Default)]
pub(super) struct Advice {
    documents: Vec<(RepoPath, context::Context)>,
    rules: Vec<Rule>,
}

/// A rule that a program checks, and that reviewers may cite.
#[derive(Clone, Debug)]
struct Rule {
    id: String,
    severity: Severity,
    message: String,
    paths: Vec<String>,
}

impl Session {
    /// Reads the rules for reviewers that count for a target.
    pub(super) fn advice(&mut self, target: &Target, settings: &Settings) -> Result<Advice> {
        let mut documents = Vec::new();
        for name in &settings.documents.value {
            let path = RepoPath::from(name.as_str());
            let found = self.repo.read_file(&target.base.tree, &path)?;
            let Some((_, text)) = found.filter(|(entry, _)| entry.mode.is_file()) else {
                continue;
            };
            let context = context::Context::read(&String::from_utf8_lossy(&text));
            for warning in &context.warnings {
                self.warn(format!("{name}: {warning}"));
            }
            documents.push((path, context));
        }
        let own = settings.rules.iter();
        let rules = own
            .filter(|rule| rule.origin != Origin::Branch)
            .map(|rule| Rule {
                id: rule.value.id.clone(),
                severity: rule.value.severity,
                message: rule.value.message.clone(),
                paths: rule.value.paths.clone(),
            });
        Ok(Advice {
            rules: rules.collect(),
            documents,
        })
    }

    /// Collects what reviewers are told about a target.
    pub(super) fn told(&mut self, question: &Question<'_>, snapshot: &Snapshot) -> Result<Told> {
        let target = question.target;
        let newest = self.newest_review(&target.name)?;
        let mut excluded = question.reading.not_sent();
        excluded.extend(question.counting.all_kept_back(question.reading));
        let mut earlier = self.earlier(question)?;
        earlier.extend(open_of(newest.as_ref(), question, &earlier));
        Ok(Told {
            round: newest.and_then(|it| it.round).map_or(1, |round| round + 1),
            base: match target.base.commit {
                Some(commit) => format!("{} ({commit})", target.base.why),
                None => target.base.why.clone(),
            },
            head: match target.head.commit() {
                Some(commit) => format!("{} ({commit})", target.name),
                None => target.name.clone(),
            },
            advice: question.counting.advice.clone(),
            earlier,
            excluded,
            snapshot: SnapshotFacts {
                partial: snapshot.partial,
                left_out: snapshot.left_out.clone(),
                stubs: snapshot
                    .stubs
                    .iter()
                    .map(|(path, _)| path.clone())
                    .collect(),
            },
        })
    }

    /// What was decided about code that still stands in files of this change.
    fn earlier(&self, question: &Question<'_>) -> Result<Vec<Earlier>> {
        let changes = question.reading.head_changes();
        let limit = question.in_force.settings.max_file_size.value;
        let sides = Sides::of(&self.repo, question.target, changes.clone(), limit)?;
        let mut newest: Vec<&Resolved> = Vec::new();
        for decision in question.decisions {
            match decision {
                Decision::Resolved(resolved) => {
                    newest.retain(|it| it.finding != resolved.finding);
                    newest.push(resolved);
                }
                Decision::Reopened(reopened) => newest.retain(|it| it.finding != reopened.finding),
                Decision::Skipped(_) => {}
            }
        }
        let today = self.today();
        let stands = |resolved: &Resolved| {
            let text = sides.head(&resolved.anchor.path);
            text.is_some_and(|text| ledger::found_again(&text, &resolved.anchor).is_some())
        };
        let told = newest.into_iter().rev().filter_map(|resolved| {
            let touched = changes
                .iter()
                .any(|change| *change.path() == resolved.anchor.path);
            let over = resolved.until.is_some_and(|until| until < today);
            // What rules found needs no reviewer, and a decision about code that is gone has lapsed.
            if !touched || over || resolved.rule.is_some() {
                return None;
            }
            let fixed = resolved.resolution == Resolution::Fixed;
            if !fixed && !stands(resolved) {
                return None;
            }
            Some(Earlier {
                id: resolved.finding.to_string(),
                state: if fixed {
                    EarlierState::ClaimedFixed {
                        commit: String::new(),
                    }
                } else {
                    EarlierState::Declined {
                        resolution: resolved.resolution.as_str().to_owned(),
                        reason: resolved.reason.clone().unwrap_or_default(),
                        times: 1,
                    }
                },
                place: resolved.anchor.path.to_quoted().into_owned(),
                title: resolved.title.clone(),
                body: resolved
                    .text
                    .first()
                    .map(|wording| wording.body.clone())
                    .unwrap_or_default(),
            })
        });
        Ok(told.take(MOST_EARLIER).collect())
    }
}

/// The open findings of the newest review in files that are still changed: whoever raises one again need
/// not take it for new.
fn open_of(newest: Option<&Report>, question: &Question<'_>, told: &[Earlier]) -> Vec<Earlier> {
    let changes = question.reading.head_changes();
    let is_changed = |path: &RepoPath| changes.iter().any(|change| change.path() == path);
    let findings = newest.map(Report::findings).unwrap_or_default();
    findings
        .into_iter()
        .filter(|standing| standing.state.is_open() && standing.finding.rule.is_none())
        .filter(|standing| is_changed(&standing.finding.anchor.path))
        .filter(|standing| told.iter().all(|it| it.id != standing.finding.id.as_str()))
        .map(|standing| Earlier {
            id: standing.finding.id.to_string(),
            state: EarlierState::Open,
            place: standing.finding.anchor.path.to_quoted().into_owned(),
            title: standing.finding.title.clone(),
            body: String::new(),
        })
        .take(MOST_EARLIER)
        .collect()
}

impl Told {
    /// A brief's input for these units; `all` are those of the whole run.
    pub(super) fn input<'i>(
        &'i self,
        run: &'i str,
        nonce: &'i str,
        family: Family,
        units: Vec<BriefUnit>,
        all: impl Iterator<Item = &'i BriefUnit>,
    ) -> Input<'i> {
        let own: HashSet<&str> = units.iter().map(|unit| unit.id.as_str()).collect();
        let others = all
            .filter(|other| !own.contains(other.id.as_str()))
            .map(|other| OtherUnit {
                id: other.id.clone(),
                path: other.path.clone(),
            })
            .collect();
        let paths: Vec<&RepoPath> = units.iter().map(|unit| &unit.path).collect();
        let context = self.advice.context_for(&paths);
        Input {
            run,
            nonce,
            family,
            round: self.round,
            facts: Vec::new(),
            base: self.base.clone(),
            head: self.head.clone(),
            others,
            excluded: self.excluded.clone(),
            context,
            earlier: self.earlier.clone(),
            snapshot: self.snapshot.clone(),
            author: None,
            units,
        }
    }
}

impl Advice {
    /// What applies to any of these paths.
    fn context_for(&self, paths: &[&RepoPath]) -> input::Context {
        let mut context = input::Context::default();
        for rule in &self.rules {
            if context::about(&rule.paths, paths) {
                context.rules.push(input::ContextRule {
                    id: rule.id.clone(),
                    severity: rule.severity,
                    text: rule.message.clone(),
                });
            }
        }
        for (path, document) in &self.documents {
            for section in document.applying(paths) {
                for rule in &section.rules {
                    if context.rules.iter().all(|known| known.id != rule.id) {
                        context.rules.push(input::ContextRule {
                            id: rule.id.clone(),
                            severity: Severity::Important,
                            text: rule.text.clone(),
                        });
                    }
                }
                if !section.text.trim().is_empty() {
                    let heading = match section.heading.as_str() {
                        "" => String::new(),
                        heading => format!("## {heading}\n"),
                    };
                    context.prose.push(input::Prose {
                        path: path.clone(),
                        text: heading + &section.text,
                    });
                }
            }
        }
        context
    }

    /// A digest of what applies to a path.
    pub(super) fn digest_for(&self, path: &RepoPath) -> String {
        let context = self.context_for(&[path]);
        let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 context 1");
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        for rule in &context.rules {
            add(&rule.id);
            add(rule.severity.as_str());
            add(&rule.text);
        }
        for prose in &context.prose {
            add(&prose.text);
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}
