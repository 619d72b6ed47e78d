//! Leaves to the rules reviewer what a change only puts back: content that the base has had at the same
//! path before. Finding it is left to `git`; that it is listed and counted like any other, to the report.

use super::read_units::Reading;
use super::{Scope, Session};
use crate::owed::Target;

/// How many commits of the base are looked at, along first parents: what was reverted is recent, and a
/// long history must not cost more than reading the file does.
const COMMITS: usize = 200;

impl Session {
    /// Takes restored files off what the panel owes. Only where the base is found and not named: the
    /// parent of a commit, or what stands below the index, may be work that nobody has read.
    pub(super) fn leave_restored_to_rules(
        &self,
        scope: &Scope,
        target: &Target,
        reading: &mut Reading,
    ) {
        let found = matches!(scope, Scope::Branch { base: None } | Scope::Pushed { .. });
        let Some(base) = target.base.commit.filter(|_| found) else {
            return;
        };
        let mut owing: Vec<_> = reading
            .units
            .iter_mut()
            .filter(|unit| unit.commit.is_none() && unit.owes_panel())
            .collect();
        let changes: Vec<_> = owing.iter().map(|unit| &unit.change).collect();
        let restored = self.repo.restored(&base, &changes, COMMITS);
        for (unit, commit) in owing.iter_mut().zip(restored) {
            if let Some(commit) = commit {
                unit.leave_to_rules(format!("restored as it was in {}", commit.short()));
            }
        }
    }
}
