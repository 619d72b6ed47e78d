//! How likely two statements are to state the same problem: one number from their shared words.
//! What follows from it is left to `linkage` (within a change) and `rounds` (over time).

use std::cmp::Reverse;

use super::statement::Statement;
use super::tokens::{Bag, Token, Vocabulary};
use super::weights::{float, values};

/// A likelihood in billionths: whole numbers compare and add up the same everywhere.
pub(super) type Likelihood = u64;

/// Certainty, in the unit of [`Likelihood`].
pub(super) const CERTAIN: Likelihood = 1_000_000_000;

/// Pairs less likely than this are not kept.
const NEGLIGIBLE: Likelihood = CERTAIN / 50;

/// Above this many statements only the best partners of each are kept.
const MANY: usize = 2_000;
/// How many partners that is.
const PARTNERS: usize = 64;

/// Two statements that may state the same problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Index of the first statement.
    pub(super) first: usize,
    /// Index of the second one; larger.
    pub(super) second: usize,
    /// How likely they say the same.
    pub(super) likelihood: Likelihood,
}

/// Statements made ready to be compared with each other.
pub(super) struct Comparison<'a> {
    statements: &'a [Statement<'a>],
    vocabulary: Vocabulary,
    bags: Vec<Bag>,
    values: Vec<f64>,
    /// Σ value · weight of each bag.
    sums: Vec<f64>,
    /// ln(1 + Σ value) of each bag.
    lengths: Vec<f64>,
}

impl<'a> Comparison<'a> {
    /// Reads the statements, those of one agent next to each other; `agents` numbers whose each is.
    pub(super) fn of(statements: &'a [Statement<'a>], agents: &[usize]) -> Self {
        let mut vocabulary = Vocabulary::default();
        let bags: Vec<Bag> = statements
            .iter()
            .map(|statement| vocabulary.weigh(statement))
            .collect();
        let values = values(&bags, agents, vocabulary.len());
        let value = |token: Token| values[token as usize];
        let sum = |bag: &Bag| bag.iter().map(|(token, w)| value(*token) * w).sum();
        let length = |bag: &Bag| bag.iter().map(|(token, _)| value(*token)).sum::<f64>();
        Self {
            sums: bags.iter().map(sum).collect(),
            lengths: bags.iter().map(|bag| length(bag).ln_1p()).collect(),
            statements,
            vocabulary,
            bags,
            values,
        }
    }

    /// The pairs worth keeping, ascending by index, among those that `may` be the same.
    pub(super) fn pairs(&self, may: impl Fn(usize, usize) -> bool) -> Vec<Pair> {
        let count = self.bags.len();
        let mut postings = Postings::of(&self.bags, &self.values);
        let mut shared = vec![0.0; count];
        let mut kept = Vec::new();
        for (first, bag) in self.bags.iter().enumerate() {
            for (token, weight) in bag {
                let value = self.values[*token as usize];
                for (second, other) in postings.after_next(*token) {
                    shared[*second as usize] += value * weight.min(*other);
                }
            }
            let row = kept.len();
            for (second, shared) in shared.iter_mut().enumerate().skip(first + 1) {
                let overlap = std::mem::take(shared);
                if overlap > 0.0 && may(first, second) {
                    let likelihood = self.likelihood(first, second, overlap);
                    if likelihood >= NEGLIGIBLE {
                        kept.push(Pair {
                            first,
                            second,
                            likelihood,
                        });
                    }
                }
            }
            if count > MANY && kept.len() - row > PARTNERS {
                kept[row..].sort_by_key(|pair| Reverse(pair.likelihood));
                kept.truncate(row + PARTNERS);
                kept[row..].sort_by_key(|pair| pair.second);
            }
        }
        kept
    }

    /// How likely two statements say the same; 0 where it is negligible.
    pub(super) fn between(&self, first: usize, second: usize) -> Likelihood {
        let overlap = self
            .common(first, second)
            .iter()
            .map(|(_, worth)| worth)
            .sum();
        let likelihood = self.likelihood(first, second, overlap);
        if likelihood < NEGLIGIBLE {
            0
        } else {
            likelihood
        }
    }

    /// The tokens two statements share, those that count most first, at most `limit`.
    pub(super) fn shared(&self, first: usize, second: usize, limit: usize) -> Vec<String> {
        let mut common = self.common(first, second);
        common.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        common
            .iter()
            .filter(|(_, worth)| *worth > 0.0)
            .take(limit)
            .map(|(token, _)| self.vocabulary.show(*token))
            .collect()
    }

    /// The tokens in both bags with what each adds to the overlap, ascending by token.
    fn common(&self, first: usize, second: usize) -> Vec<(Token, f64)> {
        let (one, two) = (&self.bags[first], &self.bags[second]);
        let (mut i, mut j) = (0, 0);
        let mut found = Vec::new();
        while let (Some((a, weight)), Some((b, other))) = (one.get(i), two.get(j)) {
            if a == b {
                found.push((*a, self.values[*a as usize] * weight.min(*other)));
            }
            i += usize::from(a <= b);
            j += usize::from(b <= a);
        }
        found
    }

    /// The likelihood from the overlap Σ value · min(weights).
    fn likelihood(&self, first: usize, second: usize, overlap: f64) -> Likelihood {
        let root = self.similarity(first, second, overlap);
        let length = self.lengths[first].min(self.lengths[second]);
        let base = 10.1 - 37.0 * root + 0.40 * length;
        let near = probability(base);
        if near < NEGLIGIBLE || !self.statements[first].is_elsewhere(&self.statements[second]) {
            near
        } else {
            probability(base + 1.8)
        }
    }

    /// The square root of the weighted Jaccard index.
    fn similarity(&self, first: usize, second: usize, overlap: f64) -> f64 {
        let union = self.sums[first] + self.sums[second] - overlap;
        if union > 0.0 {
            // Rounding may push the quotient of equal bags past one.
            (overlap / union).min(1.0).sqrt()
        } else {
            0.0
        }
    }
}

/// The bags that have each token, ascending, in one list: most tokens are in one bag only.
struct Postings {
    entries: Vec<(u32, f64)>,
    /// Where the list of each token ends.
    ends: Vec<usize>,
    /// How far the list of each token has been passed.
    passed: Vec<usize>,
}

impl Postings {
    /// Lists the bags by token, without tokens of no value.
    fn of(bags: &[Bag], values: &[f64]) -> Self {
        let counts = |token: &Token| values[*token as usize] > 0.0;
        let mut ends = vec![0; values.len()];
        for (token, _) in bags.iter().flatten().filter(|(token, _)| counts(token)) {
            ends[*token as usize] += 1;
        }
        let mut total = 0;
        let mut passed = Vec::with_capacity(ends.len());
        for end in &mut ends {
            passed.push(total);
            total += *end;
            *end = total;
        }
        let mut entries = vec![(0, 0.0); total];
        let mut filled = passed.clone();
        for (bag, index) in bags.iter().zip(0..) {
            for (token, weight) in bag.iter().filter(|(token, _)| counts(token)) {
                let slot = &mut filled[*token as usize];
                entries[*slot] = (index, *weight);
                *slot += 1;
            }
        }
        Self {
            entries,
            ends,
            passed,
        }
    }

    /// Passes the next bag that has the token; returns those after it.
    fn after_next(&mut self, token: Token) -> &[(u32, f64)] {
        let (passed, end) = (&mut self.passed[token as usize], self.ends[token as usize]);
        *passed = end.min(*passed + 1);
        &self.entries[*passed..end]
    }
}

/// The logistic function of `-exponent`, in billionths, rounded down.
fn probability(exponent: f64) -> Likelihood {
    let p = 1.0 / (1.0 + exponent.exp());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a billion"
    )]
    let whole = (p * 1e9) as Likelihood;
    whole.min(CERTAIN)
}

/// A likelihood as a fraction of one.
pub(super) fn fraction(likelihood: Likelihood) -> f64 {
    float(usize::try_from(likelihood).unwrap_or(usize::MAX)) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::RepoPath;

    const A1: &str = "When `readIndex` fails, `openCache` returns early and the lock stays held.\n\nFix: release the lock in a deferred call.";
    const B1: &str = "`open_cache` does not unlock when `readIndex` returns an error.\n\n```go\nlock.Lock()\n```";

    fn vector(paths: &[RepoPath; 3]) -> [Statement<'_>; 4] {
        let statement = |title, body, path| Statement {
            title,
            body,
            paths: vec![path],
            ..Statement::default()
        };
        [
            statement("`openCache` leaks the lock on error", A1, &paths[0]),
            statement(
                "Typo in help text",
                "The flag description says \"cahce\".",
                &paths[1],
            ),
            statement("Lock held forever after a failed index read", B1, &paths[2]),
            statement(
                "Help text misspells cache",
                "Spelling mistake in the flag description.",
                &paths[1],
            ),
        ]
    }

    fn paths() -> [RepoPath; 3] {
        ["src/cache.go", "cmd/main.go", "cache.go"].map(RepoPath::from)
    }

    /// The test vector published with the rule, to the digits it gives.
    #[test]
    fn scores_match_the_published_vector() {
        let paths = paths();
        let statements = vector(&paths);
        let comparison = Comparison::of(&statements, &[0, 0, 1, 1]);
        let root = |i, j| {
            let overlap = comparison.common(i, j).iter().map(|(_, worth)| worth).sum();
            comparison.similarity(i, j, overlap)
        };
        let length = |i: usize, j: usize| comparison.lengths[i].min(comparison.lengths[j]);
        let round = |value: f64| format!("{value:.4}");
        assert_eq!(round(root(0, 2)), "0.4601");
        assert_eq!(round(length(0, 2)), "3.3701");
        assert_eq!(round(root(1, 3)), "0.5747");
        assert_eq!(round(length(1, 3)), "2.7547");
        assert_eq!(round(root(0, 3)), "0.1008");
        assert!(statements[0].is_elsewhere(&statements[3]));
        assert!(!statements[0].is_elsewhere(&statements[2]));

        let pairs = comparison.pairs(|_, _| true);
        let p = |i, j| {
            pairs
                .iter()
                .find(|pair| (pair.first, pair.second) == (i, j))
                .map(|pair| format!("{:.3}", fraction(pair.likelihood)))
        };
        assert_eq!(p(0, 2).as_deref(), Some("0.996"));
        assert_eq!(p(1, 3).as_deref(), Some("1.000"));
        assert_eq!(p(0, 3), None);
    }

    #[test]
    fn the_words_that_count_most_are_named_uncut() {
        let paths = paths();
        let statements = vector(&paths);
        let comparison = Comparison::of(&statements, &[0, 0, 1, 1]);
        let shared = comparison.shared(0, 2, 4);
        assert!(shared.contains(&"opencache".to_owned()), "{shared:?}");
        assert!(shared.contains(&"lock".to_owned()), "{shared:?}");
    }

    #[test]
    fn statements_without_words_are_like_nothing() {
        let statements = [Statement::default(), Statement::default()];
        let comparison = Comparison::of(&statements, &[0, 1]);
        assert_eq!(comparison.pairs(|_, _| true), []);
    }

    #[test]
    fn among_very_many_each_keeps_its_best_partners_only() {
        let titles: Vec<String> = (0..MANY + 10)
            .map(|number| format!("worker {} stalls on shutdown", number / 200))
            .collect();
        let statements: Vec<Statement<'_>> = titles
            .iter()
            .map(|title| Statement {
                title,
                ..Statement::default()
            })
            .collect();
        let agents: Vec<usize> = (0..statements.len()).collect();
        let pairs = Comparison::of(&statements, &agents).pairs(|_, _| true);
        assert!(!pairs.is_empty());
        let of_first = pairs.iter().filter(|pair| pair.first == 0).count();
        assert!(of_first <= PARTNERS);
    }
}
