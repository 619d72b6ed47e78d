//! Average linkage: joins the likeliest pair of clusters until none is likely enough.
//! It sees numbers only; what they compare is known to `pairs`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::pairs::{CERTAIN, Likelihood, Pair};

/// The mean likelihood from which two clusters become one.
pub(super) const JOINS: Likelihood = CERTAIN / 100 * 32;

/// Groups `owners.len()` items by the likelihoods of their pairs (absent: 0).
///
/// Two items with the same owner never stand in one group; items without an owner may stand with
/// any. Groups and their members come in ascending order, each item in exactly one of them.
pub(super) fn link(owners: &[Option<usize>], pairs: &[Pair]) -> Vec<Vec<usize>> {
    let mut clusters: Vec<Cluster> = owners
        .iter()
        .enumerate()
        .map(|(item, owner)| Cluster {
            members: vec![item],
            owners: owner.iter().copied().collect(),
            near: BTreeMap::new(),
        })
        .collect();
    let mut queue = BinaryHeap::new();
    for pair in pairs {
        clusters[pair.first]
            .near
            .insert(pair.second, pair.likelihood);
        clusters[pair.second]
            .near
            .insert(pair.first, pair.likelihood);
        if pair.likelihood >= JOINS {
            queue.push((pair.likelihood, Reverse(pair.first), Reverse(pair.second)));
        }
    }
    // A cluster is known by its smallest member. Entries of the queue that no longer hold are
    // recognised when they come up, which is cheaper than finding and removing them.
    while let Some((mean, Reverse(keep), Reverse(join))) = queue.pop() {
        if clusters[keep].mean(join, &clusters[join]) != Some(mean)
            || clusters[keep].shares_owner(&clusters[join])
        {
            continue;
        }
        let joined = std::mem::take(&mut clusters[join]);
        for (other, sum) in joined.near {
            clusters[other].near.remove(&join);
            if other != keep {
                *clusters[keep].near.entry(other).or_default() += sum;
            }
        }
        clusters[keep].members.extend(joined.members);
        clusters[keep].owners.extend(joined.owners);
        let near: Vec<(usize, Likelihood)> = clusters[keep]
            .near
            .iter()
            .map(|(other, sum)| (*other, *sum))
            .collect();
        for (other, sum) in near {
            clusters[other].near.insert(keep, sum);
            if let Some(mean) = clusters[keep].mean(other, &clusters[other])
                && mean >= JOINS
            {
                let (first, second) = (keep.min(other), keep.max(other));
                queue.push((mean, Reverse(first), Reverse(second)));
            }
        }
    }
    clusters
        .into_iter()
        .filter(|cluster| !cluster.members.is_empty())
        .map(|mut cluster| {
            cluster.members.sort_unstable();
            cluster.members
        })
        .collect()
}

/// A group in the making; empty once it has joined another.
#[derive(Default)]
struct Cluster {
    members: Vec<usize>,
    owners: Vec<usize>,
    /// The sum of likelihoods over all pairs of members, by other cluster.
    near: BTreeMap<usize, Likelihood>,
}

impl Cluster {
    /// The mean likelihood over all pairs with `other`; `None` when it is not near any more.
    fn mean(&self, name: usize, other: &Self) -> Option<Likelihood> {
        let pairs = (self.members.len() * other.members.len()) as u64;
        self.near.get(&name).map(|sum| sum / pairs)
    }

    fn shares_owner(&self, other: &Self) -> bool {
        self.owners.iter().any(|owner| other.owners.contains(owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(first: usize, second: usize, percent: u64) -> Pair {
        Pair {
            first,
            second,
            likelihood: percent * CERTAIN / 100,
        }
    }

    #[test]
    fn the_mean_over_all_pairs_decides() {
        let none = [None; 3];
        let joined = link(&none, &[pair(0, 1, 90), pair(1, 2, 70)]);
        assert_eq!(joined, [vec![0, 1, 2]], "(0 + 70) / 2 = 35");
        let apart = link(&none, &[pair(0, 1, 90), pair(1, 2, 60)]);
        assert_eq!(apart, [vec![0, 1], vec![2]], "(0 + 60) / 2 = 30");
    }

    #[test]
    fn the_likeliest_pair_goes_first() {
        let owners = [Some(1), Some(1), Some(2)];
        let linked = link(&owners, &[pair(0, 2, 80), pair(1, 2, 90)]);
        assert_eq!(linked, [vec![0], vec![1, 2]]);
    }

    #[test]
    fn equal_pairs_go_by_their_indices() {
        let owners = [Some(1), Some(1), Some(2)];
        let linked = link(&owners, &[pair(0, 2, 80), pair(1, 2, 80)]);
        assert_eq!(linked, [vec![0, 2], vec![1]]);
    }

    #[test]
    fn owners_meet_through_no_third_either() {
        let owners = [Some(1), Some(2), Some(1)];
        let linked = link(&owners, &[pair(0, 1, 90), pair(1, 2, 90)]);
        assert_eq!(linked, [vec![0, 1], vec![2]]);
    }

    #[test]
    fn below_the_threshold_nothing_joins() {
        assert_eq!(link(&[None; 2], &[pair(0, 1, 31)]), [vec![0], vec![1]]);
        assert_eq!(link(&[None; 2], &[pair(0, 1, 32)]), [vec![0, 1]]);
        assert_eq!(link(&[], &[]), [[0; 0]; 0]);
    }
}
