//! Answers at once when nothing has moved since the same was answered before: a verdict is remembered
//! under everything it was made from. Making verdicts is the pipeline's; keeping them is `store`'s.
//!
//! What a verdict is made from, each part of the key with a test that changes it: this program and its
//! version; the day; the scope with its refs; every variable, and every setting of Git's and of the
//! user's, that can matter; who is on the panel; where HEAD and all refs point and where a shallow history ends; for what is
//! staged, the index; the decisions and the receipts. Commits, trees and files follow from their ids,
//! and with them the repository's own configuration and rules.
//!
//! Only whole verdicts are remembered: nothing unread, no agent that failed or is missing, no warning,
//! no note.
//! Reviews and the pre-push hook remember; the hook, `gate` and `status` are answered. `gate` and
//! `status` write nothing, so they don't remember.

use std::fmt::Write as _;

use blake3::{Hash, Hasher};
use serde::{Deserialize, Serialize};

use super::{Asking, Scope, Session};
use crate::env;
use crate::git::RefState;
use crate::report::Report;
use crate::rules;
use crate::store::StoreState;
use crate::units::Class;

/// Raised when a verdict follows from something that was not part of the key before.
const FORMAT: u32 = 1;

/// What the verdict of one scope is made from, as it was before anything was read.
pub(super) struct Ingredients {
    /// The scope without what moves: one verdict is kept for each.
    slot: Hash,
    /// What can't change while this program runs.
    settled: Hash,
    /// What others can change meanwhile.
    moving: Moving,
    store: StoreState,
}

/// What others can change while a review runs.
#[derive(Clone, PartialEq, Eq)]
struct Moving {
    refs: Hash,
    /// The index, if it is reviewed.
    index: Option<Hash>,
    /// What the objects are that a remote has, and no ref of ours names.
    there: String,
}

#[derive(Serialize)]
struct Remembered<'a> {
    newest_review: Option<String>,
    report: &'a Report,
}

#[derive(Deserialize)]
struct Recalled {
    newest_review: Option<String>,
    report: Report,
}

impl Session {
    /// Looks at everything that the verdict of a scope is made from. `extra` is what else it depends
    /// on, as it was read and not as it may stand on disk by now. `None` if that can't be told: for
    /// files on disk, and for revisions that more than refs decide.
    pub(super) fn ingredients(&mut self, scope: &Scope, extra: &[&[u8]]) -> Option<Ingredients> {
        if !self.has_nothing_to_say() {
            return None;
        }
        let refs = self.repo.ref_state()?;
        let (slot, exact) = named(scope, &refs)?;
        let mut settled = Parts::new("deep-review 2026 verdict, settled 1");
        settled.add(&FORMAT.to_le_bytes());
        settled.add(&this_program()?);
        settled.add(self.today().to_string().as_bytes());
        settled.add(exact.as_bytes());
        for (name, value) in env::deciding() {
            settled.add(name.as_encoded_bytes());
            settled.add(value.as_encoded_bytes());
        }
        settled.add(b"settings");
        settled.add(self.repo.settings_digest().as_bytes());
        settled.add(&[u8::from(self.user_text().is_some())]);
        settled.add(self.user_text().unwrap_or_default());
        for part in extra {
            settled.add(part);
        }
        let mut own_slot = Parts::new("deep-review 2026 verdict, slot 1");
        own_slot.add(self.repo.git_dir().as_os_str().as_encoded_bytes());
        own_slot.add(slot.as_bytes());
        Some(Ingredients {
            slot: own_slot.finish(),
            settled: settled.finish(),
            moving: self.moving(scope, &refs)?,
            store: self.store.observe()?,
        })
    }

    /// The verdict that was remembered for exactly this, as if it had been made now. A review is not
    /// answered from memory: its report tells more than the verdict.
    pub(super) fn recalled(&self, ingredients: &Ingredients, asking: Asking) -> Option<Report> {
        if !matches!(asking, Asking::Nothing | Asking::Rules) {
            return None;
        }
        let state = ingredients.state(&ingredients.store);
        let recalled: Recalled = self.store.verdict(&ingredients.slot, &state)?;
        // A review of something else since then makes this one worth keeping again.
        if asking != Asking::Nothing && recalled.newest_review != self.newest_review_id()? {
            return None;
        }
        let mut report = recalled.report;
        report.at = self.now;
        Some(report)
    }

    /// Remembers a verdict, if it is a whole one and nothing has moved since `ingredients` were looked
    /// at but what this process wrote itself. A store that can't be written costs nothing.
    pub(super) fn remember(&self, ingredients: &Ingredients, scope: &Scope, report: &Report) {
        let attempt = || -> Option<()> {
            let refs = self.repo.ref_state()?;
            if !is_whole(report) || self.moving(scope, &refs)? != ingredients.moving {
                return None;
            }
            let store = self.store.unmoved()?;
            let remembered = Remembered {
                newest_review: self.newest_review_id()?,
                report: &as_known(report),
            };
            let state = ingredients.state(&store);
            self.store
                .keep_verdict(&ingredients.slot, &state, &remembered)
                .ok()
        };
        // Not remembered is found out again.
        let _ = attempt();
    }

    fn moving(&self, scope: &Scope, refs: &RefState) -> Option<Moving> {
        let index = match scope {
            Scope::Staged => Some(self.repo.index_digest()?),
            _ => None,
        };
        let mut there = String::new();
        if let Scope::Pushed { refs: pushed, .. } = scope {
            for one in pushed {
                if !one.remote_id.is_zero() && !refs.mentions(&one.remote_id) {
                    let found = self.repo.peel(&one.remote_id).ok()?;
                    let _ = write!(there, "{found:?},");
                }
            }
        }
        Some(Moving {
            refs: *refs.digest(),
            index,
            there,
        })
    }

    /// The name of the newest stored review, if there is one; `None` if that can't be told.
    #[expect(
        clippy::option_option,
        reason = "that there is no review is an answer, not knowing is none"
    )]
    fn newest_review_id(&self) -> Option<Option<String>> {
        let ids = self.store.review_ids().ok()?;
        Some(ids.first().map(ToString::to_string))
    }
}

impl Ingredients {
    /// All of it together, with the store in this state.
    fn state(&self, store: &StoreState) -> Hash {
        let mut parts = Parts::new("deep-review 2026 verdict, state 1");
        parts.add(self.settled.as_bytes());
        parts.add(self.moving.refs.as_bytes());
        match &self.moving.index {
            Some(index) => parts.add(index.as_bytes()),
            None => parts.add(b"no index"),
        }
        parts.add(self.moving.there.as_bytes());
        parts.add(store.as_bytes());
        parts.finish()
    }
}

/// A hash over parts that can't run into one another.
struct Parts(Hasher);

impl Parts {
    fn new(context: &str) -> Self {
        Self(Hasher::new_derive_key(context))
    }

    fn add(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn finish(&self) -> Hash {
        self.0.finalize()
    }
}

/// A scope without and with what moves in it; `None` if the state of the refs does not decide it.
fn named(scope: &Scope, refs: &RefState) -> Option<(Hash, Hash)> {
    let mut slot = Parts::new("deep-review 2026 scope 1");
    slot.add(scope.name().as_bytes());
    let mut exact = Parts(slot.0.clone());
    let mut both = |part: &[u8]| {
        slot.add(part);
        exact.add(part);
    };
    let decided = |revision: &str| (revision.is_empty() || refs.decides(revision)).then_some(());
    match scope {
        Scope::Worktree { .. } => return None,
        Scope::Staged | Scope::Branch { base: None } => {}
        Scope::Branch { base: Some(name) } | Scope::Commit { revision: name } => {
            refs.decides(name).then_some(())?;
            both(name.as_bytes());
        }
        Scope::Range { range } => {
            let (from, to) = range.split_once("...").or(range.split_once(".."))?;
            decided(from)?;
            decided(to)?;
            both(range.as_bytes());
        }
        Scope::Pushed {
            refs: pushed,
            remote,
            url,
        } => {
            both(remote.as_bytes());
            both(url.as_bytes());
            both(&pushed.len().to_le_bytes());
            for one in pushed {
                both(one.local.as_bytes());
                both(one.remote.as_bytes());
            }
            for one in pushed {
                exact.add(one.local_id.as_bytes());
                exact.add(one.remote_id.as_bytes());
            }
        }
    }
    Some((slot.finish(), exact.finish()))
}

/// What tells this build of the program from another one.
fn this_program() -> Option<Vec<u8>> {
    let file = env::current_exe().ok()?.metadata().ok()?;
    let since = file.modified().ok()?.duration_since(std::time::UNIX_EPOCH);
    let mut parts = env!("CARGO_PKG_VERSION").as_bytes().to_vec();
    parts.extend(file.len().to_le_bytes());
    parts.extend(since.ok()?.as_nanos().to_le_bytes());
    Some(parts)
}

/// Whether the verdict is final: everything that was to be read was, by everybody, and nothing is to
/// be said besides. A review in which agents answered tells more than the gate would, so what it came
/// to is remembered by the next look at it.
fn is_whole(report: &Report) -> bool {
    let mut agents = report.agents.iter();
    agents.all(|agent| agent.name == rules::AGENT || (agent.read == 0 && agent.spent.is_none()))
        && report.warnings.is_empty()
        && report.failed.is_empty()
        && report.verdict.not_reviewed().is_empty()
        && report.targets.iter().all(|target| {
            target.notes.is_empty()
                && target.missing.is_empty()
                && target.verdict.not_reviewed().is_empty()
                && !target
                    .units
                    .iter()
                    .any(|unit| matches!(unit.class, Class::Unreadable { .. }))
        })
}

/// The report as the gate would make it: what was read is remembered now, and there is no more in it
/// than the verdict needs.
fn as_known(report: &Report) -> Report {
    let mut known = Report {
        id: None,
        repo: None,
        round: None,
        rounds: Vec::new(),
        millis: None,
        recommendation: None,
        fates: Vec::new(),
        retro: Vec::new(),
        ..report.clone()
    };
    for target in &mut known.targets {
        target.log.clear();
        for standing in &mut target.findings {
            standing.excerpts.clear();
        }
    }
    for agent in &mut known.agents {
        let units = known.targets.iter().flat_map(|target| &target.units);
        agent.remembered = units
            .filter(|unit| matches!(unit.class, Class::Reviewed | Class::RulesOnly { .. }))
            .filter(|unit| unit.read_by.contains(&agent.name))
            .count();
        agent.read = 0;
    }
    known
}

#[cfg(test)]
mod tests;
