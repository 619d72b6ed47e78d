//! Scores consolidation on invented reviews, so that its quality can't fall unseen.
//! The bars lie below what the fixed setting reaches; to move one, say why in the commit.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Consolidation, Settings, consolidate};
use crate::finding::{RawFinding, Severity};

const REVIEWS: [(&str, &str); 8] = [
    (
        "booking-search",
        include_str!("../../tests/consolidation/booking-search.json"),
    ),
    (
        "csv-import",
        include_str!("../../tests/consolidation/csv-import.json"),
    ),
    (
        "deploy-script",
        include_str!("../../tests/consolidation/deploy-script.json"),
    ),
    (
        "log-rotation",
        include_str!("../../tests/consolidation/log-rotation.json"),
    ),
    (
        "reconnect",
        include_str!("../../tests/consolidation/reconnect.json"),
    ),
    (
        "stock-migration",
        include_str!("../../tests/consolidation/stock-migration.json"),
    ),
    (
        "token-cache",
        include_str!("../../tests/consolidation/token-cache.json"),
    ),
    (
        "upload-retries",
        include_str!("../../tests/consolidation/upload-retries.json"),
    ),
];

/// One invented change: what three agents said, and what a careful reader makes of it.
#[derive(Deserialize)]
struct Review {
    findings: Vec<RawFinding>,
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    members: Vec<String>,
    severity: Severity,
}

/// Counts over all reviews.
#[derive(Debug, Default)]
struct Score {
    /// Pairs of findings of different agents that are joined and should be.
    right: u32,
    /// Pairs that are joined and should not be.
    wrong: u32,
    /// Pairs that should be joined and are not.
    missed: u32,
    /// Those of them that are proposed to the lead.
    proposed: u32,
    findings: u32,
    /// Findings with the severity a careful reader gives their problem.
    severity: u32,
    /// The same if every finding kept its own.
    kept: u32,
}

impl Score {
    fn precision(&self) -> f64 {
        f64::from(self.right) / f64::from(self.right + self.wrong)
    }

    fn recall(&self) -> f64 {
        f64::from(self.right) / f64::from(self.right + self.missed)
    }

    fn f1(&self) -> f64 {
        2.0 * self.precision() * self.recall() / (self.precision() + self.recall())
    }

    fn severity(&self) -> f64 {
        f64::from(self.severity) / f64::from(self.findings)
    }

    fn add(&mut self, review: &Review, found: &Consolidation) {
        let truth: BTreeMap<&str, (usize, Severity)> = review
            .expected
            .iter()
            .enumerate()
            .flat_map(|(problem, it)| it.members.iter().map(move |id| (id, problem, it.severity)))
            .map(|(id, problem, severity)| (id.as_str(), (problem, severity)))
            .collect();
        let placed: BTreeMap<&str, (usize, Severity)> = found
            .findings
            .iter()
            .enumerate()
            .flat_map(|(place, it)| {
                it.members
                    .iter()
                    .map(move |name| (name, place, it.severity))
            })
            .map(|(name, place, severity)| (name.id.as_str(), (place, severity)))
            .collect();
        let is_proposed = |one: usize, two: usize| {
            found.maybe_same.iter().any(|it| {
                let (a, b) = (
                    placed[it.first.id.as_str()].0,
                    placed[it.second.id.as_str()].0,
                );
                (a, b) == (one, two) || (b, a) == (one, two)
            })
        };
        for (at, one) in review.findings.iter().enumerate() {
            let (id, others) = (one.id.as_str(), &review.findings[at + 1..]);
            self.findings += 1;
            self.severity += u32::from(placed[id].1 == truth[id].1);
            self.kept += u32::from(one.severity == Some(truth[id].1));
            for other in others.iter().filter(|other| other.agent != one.agent) {
                let (mine, theirs) = (placed[id].0, placed[other.id.as_str()].0);
                match (mine == theirs, truth[id].0 == truth[other.id.as_str()].0) {
                    (true, true) => self.right += 1,
                    (true, false) => self.wrong += 1,
                    (false, true) => {
                        self.missed += 1;
                        self.proposed += u32::from(is_proposed(mine, theirs));
                    }
                    (false, false) => {}
                }
            }
        }
    }
}

#[test]
fn invented_reviews_are_joined_as_well_as_ever() {
    let mut score = Score::default();
    for (name, text) in REVIEWS {
        let review: Review = serde_json::from_str(text).expect(name);
        let found = consolidate(&review.findings, &Settings::default());
        score.add(&review, &found);
    }
    println!("{score:?}");
    let (precision, f1, severity) = (score.precision(), score.f1(), score.severity());
    println!("precision {precision:.3}, F1 {f1:.3}, severity {severity:.3}");
    assert!(precision >= 0.92, "precision {precision:.3}");
    assert!(f1 >= 0.86, "F1 {f1:.3}");
    assert!(severity >= 0.86, "severity {severity:.3}");
    assert!(score.severity > score.kept, "no better than keeping each");
    assert!(
        score.proposed * 4 >= score.missed * 3,
        "the lead sees too few"
    );
}
