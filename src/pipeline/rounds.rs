//! What the decisions say about findings, those among them that are told in other words included:
//! the words are compared here, what follows is the ledger's.

use crate::consolidate::rounds::{Wordings, restatements};
use crate::consolidate::statement::Statement;
use crate::diff::RepoPath;
use crate::finding::{Finding, Wording};
use crate::ledger::{self, Decision, Retold, State, Surroundings};
use jiff::civil::Date;

/// The state of each finding, in the order given.
pub(super) fn states(
    findings: &[Finding],
    decisions: &[Decision],
    around: &Surroundings<'_>,
    today: Date,
) -> Vec<State> {
    let retold = retold(findings, decisions);
    ledger::states(findings, decisions, &retold, around, today)
}

/// Which undecided findings restate one that was decided about.
fn retold(findings: &[Finding], decisions: &[Decision]) -> Vec<Retold> {
    let earlier = ledger::told_before(decisions, findings);
    let undecided = ledger::undecided(decisions, findings);
    if earlier.is_empty() || undecided.is_empty() {
        return Vec::new();
    }
    let now: Vec<(Vec<Wording>, Vec<&RepoPath>)> = undecided
        .iter()
        .map(|index| {
            let finding = &findings[*index];
            let paths = finding.locations.iter().map(|location| &location.path);
            let paths = std::iter::once(&finding.anchor.path).chain(paths).collect();
            (finding.wordings(), paths)
        })
        .collect();
    let now: Vec<Wordings<'_>> = now
        .iter()
        .map(|(words, paths)| wordings(words, paths))
        .collect();
    let before: Vec<Wordings<'_>> = earlier
        .iter()
        .map(|resolved| wordings(&resolved.text, &[&resolved.anchor.path]))
        .collect();
    restatements(&now, &before)
        .into_iter()
        .map(|found| Retold {
            finding: undecided[found.now],
            decided: earlier[found.earlier].finding.clone(),
            sure: found.sure,
        })
        .collect()
}

fn wordings<'a>(words: &'a [Wording], paths: &[&'a RepoPath]) -> Wordings<'a> {
    Wordings {
        statements: words
            .iter()
            .map(|wording| Statement {
                title: &wording.title,
                body: &wording.body,
                paths: paths.to_vec(),
                ..Statement::default()
            })
            .collect(),
    }
}
