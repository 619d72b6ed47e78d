//! A target, read: its units with their keys, classes and what the rules reviewer raised, and what follows from
//! that alone. Reading it is left to `reading`.

use jiff::Timestamp;

use crate::brief::input::Excluded;
use crate::diff::{Change, Content, Oid, Patch, RepoPath, UnitKey, unit_key};
use crate::finding::RawFinding;
use crate::gate::NotReviewed;
use crate::git::Commit;
use crate::ledger::UnitFindings;
use crate::receipt::{AgentSpec, Receipt, ReceiptKey};
use crate::report::UnitReport;
use crate::rules::{self, RuleSet};
use crate::units::{Class, Excludes, classify};

/// One unit after its visit.
#[derive(Clone, Debug)]
pub(super) struct ReadUnit {
    pub(super) change: Change,
    pub(super) commit: Option<Oid>,
    pub(super) key: UnitKey,
    pub(super) class: Class,
    added: usize,
    removed: usize,
    /// Where its hunks begin in the head version.
    pub(super) hunks: Vec<u32>,
    /// Read now or remembered; `None` if the rules reviewer has not read it.
    pub(super) raw: Option<Vec<RawFinding>>,
}

/// A target, read.
pub(super) struct Reading {
    /// Its units, those of the head first.
    pub(super) units: Vec<ReadUnit>,
    /// Which units were read in this run.
    pub(super) fresh: Vec<usize>,
    /// How many were remembered.
    pub(super) remembered: usize,
    /// How many receipts were there but not valid.
    pub(super) unusable: usize,
    /// The new commits, newest first.
    pub(super) commits: Vec<Commit>,
    pub(super) specs: Specs,
}

/// The rules reviewer as receipts know it: over the change, and over single commits.
#[derive(Clone, Debug)]
pub(super) struct Specs {
    head: AgentSpec,
    history: AgentSpec,
}

impl Specs {
    pub(super) fn of(rules: &RuleSet) -> Self {
        let spec = |kind: &str, model: String| AgentSpec {
            name: rules::AGENT.to_owned(),
            kind: kind.to_owned(),
            model,
            effort: String::new(),
            endpoint: String::new(),
        };
        Self {
            head: spec("builtin", rules.digest()),
            history: spec("builtin-history", rules.history_digest()),
        }
    }

    pub(super) fn for_unit(&self, commit: Option<&Oid>) -> &AgentSpec {
        if commit.is_some() {
            &self.history
        } else {
            &self.head
        }
    }
}

impl ReadUnit {
    pub(super) fn of(
        commit: Option<Oid>,
        change: &Change,
        patch: &Patch,
        excludes: &Excludes,
    ) -> Self {
        let (added, removed, hunks) = match &patch.content {
            Content::Text(text) => (
                text.added().count(),
                text.removed().count(),
                text.hunks().iter().map(|hunk| hunk.new_start).collect(),
            ),
            Content::Binary | Content::Unreadable(_) => (0, 0, Vec::new()),
        };
        Self {
            change: change.clone(),
            commit,
            key: unit_key(change, patch),
            class: classify(change, patch, excludes),
            added,
            removed,
            hunks,
            raw: None,
        }
    }

    /// True if somebody must have read it.
    pub(super) fn is_owed(&self) -> bool {
        matches!(self.class, Class::Reviewed | Class::RulesOnly { .. })
    }

    /// Nobody but the rules reviewer need read it, for this reason.
    pub(super) fn leave_to_rules(&mut self, why: String) {
        self.class = Class::RulesOnly { why };
    }

    /// True if the agents of the panel must have read it.
    pub(super) fn owes_panel(&self) -> bool {
        self.class == Class::Reviewed
    }

    /// How many lines it adds and removes.
    pub(super) fn line_counts(&self) -> (usize, usize) {
        (self.added, self.removed)
    }

    /// True if the remote has it already.
    pub(super) fn is_paid(&self) -> bool {
        self.class == Class::Paid
    }

    /// True if what was raised about it counts.
    pub(super) fn counts(&self) -> bool {
        self.is_owed()
    }

    pub(super) fn findings(&self) -> UnitFindings<'_> {
        UnitFindings {
            path: self.change.path(),
            commit: self.commit.map(|id| id.to_string()),
            raw: self.raw.as_deref().unwrap_or_default(),
        }
    }

    /// `others` are the agents besides the rules reviewer that have read it.
    pub(super) fn report(&self, others: &[String]) -> UnitReport {
        UnitReport {
            key: self.key.to_string(),
            status: self.change.letter(),
            path: self.change.path().clone(),
            old_path: match &self.change {
                Change::Renamed { old, .. } => Some(old.path.clone()),
                _ => None,
            },
            commit: self.commit.map(|id| id.to_string()),
            class: self.class.clone(),
            added: self.added,
            removed: self.removed,
            read_by: self
                .raw
                .iter()
                .map(|_| rules::AGENT.to_owned())
                .chain(others.iter().cloned())
                .collect(),
        }
    }
}

impl Reading {
    pub(super) fn key(&self, index: usize) -> ReceiptKey {
        let unit = &self.units[index];
        ReceiptKey::new(&unit.key, self.specs.for_unit(unit.commit.as_ref()))
    }

    /// Lets the rules reviewer say what it said in another reading of the same units: `said` by key,
    /// and nothing of the units it has no findings of.
    pub(super) fn say_again(&mut self, said: impl Fn(&UnitKey) -> Option<Vec<RawFinding>>) {
        for unit in &mut self.units {
            let raw = said(&unit.key);
            unit.raw = match raw {
                None if unit.is_owed() => Some(Vec::new()),
                raw => raw,
            };
        }
    }

    /// How many units the target has that the remote does not.
    pub(super) fn new_units(&self) -> usize {
        self.units
            .iter()
            .filter(|unit| unit.class != Class::Paid)
            .count()
    }

    /// True if the change is owed a reading of what stands, or stood, at this path.
    pub(super) fn owes(&self, path: &RepoPath) -> bool {
        self.of_head()
            .any(|unit| unit.class != Class::Paid && unit.change.path() == path)
    }

    /// The files of the change that agents are not given, and why.
    pub(super) fn not_sent(&self) -> Vec<Excluded> {
        self.of_head()
            .filter_map(|unit| {
                let why = match &unit.class {
                    Class::Reviewed => return None,
                    Class::RulesOnly { why }
                    | Class::Listed { why }
                    | Class::Unreadable { why } => why.clone(),
                    Class::Paid => "reviewed before".to_owned(),
                };
                Some(Excluded {
                    path: unit.change.path().clone(),
                    why,
                })
            })
            .collect()
    }

    /// The owed units that nobody has read, and why.
    pub(super) fn not_reviewed(&self) -> Vec<NotReviewed> {
        self.units
            .iter()
            .filter_map(|unit| {
                let (agents, why) = match &unit.class {
                    Class::Unreadable { why } => (Vec::new(), why.clone()),
                    _ if unit.is_owed() && unit.raw.is_none() => {
                        (vec![rules::AGENT.to_owned()], "not reviewed yet".to_owned())
                    }
                    _ => return None,
                };
                Some(NotReviewed {
                    path: unit.change.path().clone(),
                    commit: unit.commit.map(|id| id.to_string()),
                    agents,
                    why,
                })
            })
            .collect()
    }

    /// The units that an agent was to read and did not.
    pub(super) fn unread_by(&self, agent: &str, why: &str) -> Vec<NotReviewed> {
        self.counting()
            .into_iter()
            .map(|unit| NotReviewed {
                path: unit.change.path().clone(),
                commit: None,
                agents: vec![agent.to_owned()],
                why: why.to_owned(),
            })
            .collect()
    }

    /// The receipts for what was read in this run.
    pub(super) fn receipts(&self, at: Timestamp) -> Vec<Receipt> {
        self.fresh
            .iter()
            .map(|index| &self.units[*index])
            .map(|unit| Receipt {
                unit: unit.key,
                agent: self.specs.for_unit(unit.commit.as_ref()).clone(),
                path: unit.change.path().clone(),
                hunks: unit.hunks.clone(),
                at,
                program: env!("CARGO_PKG_VERSION").to_owned(),
                findings: unit.raw.clone().unwrap_or_default(),
                handed_in: None,
                asked: None,
            })
            .collect()
    }

    /// True if the change has something at this path.
    pub(super) fn has_at_head(&self, path: &RepoPath) -> bool {
        self.of_head()
            .any(|unit| unit.change.new().is_some_and(|entry| entry.path == *path))
    }

    /// True if the change takes away what stood at this path.
    pub(super) fn removes(&self, path: &RepoPath) -> bool {
        self.of_head()
            .any(|unit| unit.change.old().is_some_and(|entry| entry.path == *path))
            && !self.has_at_head(path)
    }

    /// The changed files between base and head.
    pub(super) fn head_changes(&self) -> Vec<Change> {
        self.of_head().map(|unit| unit.change.clone()).collect()
    }

    /// The units of the head whose findings count, in order.
    pub(super) fn counting(&self) -> Vec<&ReadUnit> {
        self.of_head().filter(|unit| unit.counts()).collect()
    }

    pub(super) fn of_head(&self) -> impl Iterator<Item = &ReadUnit> {
        self.units.iter().filter(|unit| unit.commit.is_none())
    }
}
