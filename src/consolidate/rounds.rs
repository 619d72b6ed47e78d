//! Whether a finding of this round restates one of an earlier round, in whatever words.
//! What follows from it (a decision still applies, a fix did not hold) is left to the ledger,
//! which also has the stronger sign: the code both are anchored to.

use super::pairs::{CERTAIN, Comparison, Likelihood, fraction};
use super::statement::Statement;

/// The likelihood from which a finding counts as restating another.
const RESTATES: Likelihood = CERTAIN / 5;
/// The likelihood from which that may be acted on without asking.
const SURELY: Likelihood = CERTAIN / 10 * 6;

/// All known wordings of one finding: its consolidated text, and the raw texts that were joined
/// into it or dropped for it. The wording of agents drifts over rounds, raw texts stay nearest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wordings<'a> {
    /// The wordings; the likeliest one counts.
    pub(crate) statements: Vec<Statement<'a>>,
}

/// A finding of now that restates an earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Restatement {
    /// Index of the finding of now.
    pub(crate) now: usize,
    /// Index of the earlier finding.
    pub(crate) earlier: usize,
    /// How likely, 0.2 to 1.
    pub(crate) p: f64,
    /// Likely enough to act on; otherwise it "probably restates" the earlier one.
    pub(crate) sure: bool,
}

/// Links findings of now to the earlier ones they restate: each at most one, and only where
/// either is the likeliest partner of the other. Ascending by `now`.
///
/// Give findings that may restate the same earlier one (raw findings of several agents) in calls
/// of their own, or consolidated with their raw texts as wordings.
pub(crate) fn restatements(now: &[Wordings<'_>], earlier: &[Wordings<'_>]) -> Vec<Restatement> {
    let mut statements = Vec::new();
    let mut of_finding = Vec::new();
    for (index, wordings) in earlier.iter().chain(now).enumerate() {
        for statement in &wordings.statements {
            statements.push(statement.clone());
            of_finding.push(index);
        }
    }
    let is_now = |statement: usize| of_finding[statement] >= earlier.len();
    // The two rounds count as two agents.
    let rounds: Vec<usize> = (0..statements.len())
        .map(|statement| usize::from(is_now(statement)))
        .collect();
    let pairs = Comparison::of(&statements, &rounds).pairs(|i, j| is_now(i) != is_now(j));

    let count = earlier.len() + now.len();
    let mut best: Vec<Option<(Likelihood, usize)>> = vec![None; count];
    for pair in pairs {
        if pair.likelihood < RESTATES {
            continue;
        }
        let (one, two) = (of_finding[pair.first], of_finding[pair.second]);
        for (mine, other) in [(one, two), (two, one)] {
            // Among equals the first one stands.
            let better = match best[mine] {
                None => true,
                Some((likelihood, partner)) => {
                    pair.likelihood > likelihood
                        || (pair.likelihood == likelihood && other < partner)
                }
            };
            if better {
                best[mine] = Some((pair.likelihood, other));
            }
        }
    }
    (earlier.len()..count)
        .filter_map(|index| {
            let (likelihood, partner) = best[index]?;
            (best[partner]?.1 == index).then(|| Restatement {
                now: index - earlier.len(),
                earlier: partner,
                p: fraction(likelihood),
                sure: likelihood >= SURELY,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement<'a>(title: &'a str, body: &'a str) -> Statement<'a> {
        Statement {
            title,
            body,
            ..Statement::default()
        }
    }

    fn said<'a>(title: &'a str, body: &'a str) -> Wordings<'a> {
        Wordings {
            statements: vec![statement(title, body)],
        }
    }

    fn links(now: &[Wordings<'_>], earlier: &[Wordings<'_>]) -> Vec<(usize, usize)> {
        let found = restatements(now, earlier);
        found.iter().map(|it| (it.now, it.earlier)).collect()
    }

    const RENAME: (&str, &str) = (
        "Two downloads race for the rename",
        "Both finish and `publishArchive` renames onto the open file, which Windows refuses.",
    );

    fn earlier<'a>() -> Vec<Wordings<'a>> {
        vec![
            said(
                "Flag help is out of date",
                "The help still names `--cache`.",
            ),
            said(RENAME.0, RENAME.1),
            said("Retry loop never sleeps", "`fetchArchive` spins on errors."),
        ]
    }

    #[test]
    fn other_words_for_a_declined_finding_are_recognised() {
        let now = [
            said(
                "Attempts are counted from one",
                "`fetchArchive` gives up after two of the three attempts that were asked for.",
            ),
            said(
                "Rename races between two downloads on Windows",
                "`publishArchive` fails if the other process has the file open.",
            ),
        ];
        assert_eq!(links(&now, &earlier()), [(1, 1)]);
        assert!(restatements(&now, &earlier())[0].p > 0.2);
    }

    #[test]
    fn a_link_is_the_best_on_both_sides() {
        let now = [
            said(
                "Two downloads race for the archive",
                "`publishArchive` renames.",
            ),
            said(RENAME.0, RENAME.1),
        ];
        let found = restatements(&now, &earlier());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].now, found[0].earlier), (1, 1));
        assert!(found[0].sure);
        assert_eq!(links(&now[..1], &earlier()), [(0, 1)], "but for its rival");
    }

    #[test]
    fn the_nearest_wording_counts() {
        let mut drifted = earlier();
        let now = [said(
            "Archive publishing fails under concurrency",
            "A reader keeps the target mapped, so replacing it is refused.",
        )];
        assert_eq!(links(&now, &drifted), []);
        drifted[1].statements.push(statement(
            "Publishing fails when an archive is mapped",
            "Replacing the target of a concurrent reader is refused.",
        ));
        assert_eq!(links(&now, &drifted), [(0, 1)]);
    }

    #[test]
    fn no_rounds_give_no_links() {
        assert_eq!(links(&[], &earlier()), []);
        assert_eq!(links(&earlier(), &[]), []);
    }
}
