//! Divides the units of a change among several briefs, directory by directory.
//! Nothing is cut: a unit that is too large for any brief is an error with its name.

use super::input::BriefUnit;
use super::{BriefError, tokens};

/// Tokens of a unit's row in the table and of its markers.
const OVERHEAD: usize = 60;

/// How much goes into one brief, in tokens of diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Aimed at; a larger unit is alone in its shard.
    pub(crate) shard: usize,
    /// What the agent can be given at all.
    pub(crate) most: usize,
}

/// Indexes of the units of each shard. Every unit is in exactly one; within a shard and over all of
/// them they follow the order of their paths, and a directory is divided when it does not fit whole.
pub(crate) fn shards(units: &[BriefUnit], budget: Budget) -> Result<Vec<Vec<usize>>, BriefError> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_key(|index| (&units[*index].path, *index));
    for &index in &order {
        let cost = cost(&units[index]);
        if cost > budget.most {
            return Err(BriefError::UnitTooLarge {
                path: units[index].path.to_quoted().into_owned(),
                tokens: cost,
                most: budget.most,
            });
        }
    }
    let mut shards = Vec::new();
    divide(units, &order, 0, budget.shard, &mut shards);
    Ok(shards)
}

fn cost(unit: &BriefUnit) -> usize {
    tokens(unit.patch.len()) + OVERHEAD
}

/// Packs what lies in the same directory at this depth, and goes one deeper where that is too much.
fn divide(
    units: &[BriefUnit],
    order: &[usize],
    depth: usize,
    budget: usize,
    shards: &mut Vec<Vec<usize>>,
) {
    let total = |group: &[usize]| {
        group
            .iter()
            .map(|index| cost(&units[*index]))
            .sum::<usize>()
    };
    let mut open: Vec<usize> = Vec::new();
    let groups = order.chunk_by(|left, right| {
        let entry = |index: &usize| entry(units[*index].path.as_bytes(), depth);
        entry(left).is_some() && entry(left) == entry(right)
    });
    for group in groups {
        if total(&open) + total(group) <= budget {
            open.extend(group);
            continue;
        }
        if !open.is_empty() {
            shards.push(std::mem::take(&mut open));
        }
        if group.len() == 1 || total(group) <= budget {
            open.extend(group);
        } else {
            divide(units, group, depth + 1, budget, shards);
        }
    }
    if !open.is_empty() {
        shards.push(open);
    }
}

/// The directory at a depth of a path; none for the file itself.
fn entry(path: &[u8], depth: usize) -> Option<&[u8]> {
    let mut parts = path.split(|byte| *byte == b'/');
    let part = parts.nth(depth)?;
    parts.next().map(|_| part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::RepoPath;

    fn units(paths: &[(&str, usize)]) -> Vec<BriefUnit> {
        paths
            .iter()
            .map(|(path, tokens)| BriefUnit {
                path: RepoPath::from(*path),
                patch: vec![b'x'; (tokens - OVERHEAD) * 4],
                ..BriefUnit::default()
            })
            .collect()
    }

    fn divided(paths: &[(&str, usize)], shard: usize) -> Vec<Vec<String>> {
        let units = units(paths);
        let budget = Budget { shard, most: 5_000 };
        let shards = shards(&units, budget).unwrap();
        let mut all: Vec<usize> = shards.concat();
        all.sort_unstable();
        assert_eq!(all, (0..units.len()).collect::<Vec<_>>());
        let name = |index: &usize| units[*index].path.to_quoted().into_owned();
        shards
            .iter()
            .map(|shard| shard.iter().map(name).collect())
            .collect()
    }

    #[test]
    fn directories_stay_together_as_far_as_they_fit() {
        let paths = [
            ("web/b.js", 400),
            ("src/x/b.rs", 400),
            ("src/x/a.rs", 400),
            ("src/y/a.rs", 400),
            ("README.md", 100),
        ];
        assert_eq!(
            divided(&paths, 1_000),
            [
                vec!["README.md"],
                vec!["src/x/a.rs", "src/x/b.rs"],
                vec!["src/y/a.rs"],
                vec!["web/b.js"]
            ]
        );
        assert_eq!(divided(&paths, 10_000).len(), 1);
        let mut turned = paths;
        turned.reverse();
        assert_eq!(divided(&turned, 1_000), divided(&paths, 1_000));
    }

    #[test]
    fn a_unit_over_the_budget_is_alone() {
        let shards = divided(&[("a/1", 100), ("a/2", 3_000), ("a/3", 100)], 1_000);
        assert_eq!(shards, [["a/1"], ["a/2"], ["a/3"]]);
    }

    #[test]
    fn a_unit_over_the_limit_is_named() {
        let budget = Budget {
            shard: 1_000,
            most: 2_000,
        };
        let error = shards(&units(&[("a", 100), ("b/c", 3_000)]), budget).unwrap_err();
        assert!(error.to_string().contains("`b/c`"), "{error}");
    }

    #[test]
    fn no_units_are_no_shards() {
        assert_eq!(divided(&[], 1_000), Vec::<Vec<String>>::new());
    }
}
