//! Groups voices that state one problem, and names the groups that perhaps state the same.
//! What is told of a group is left to `telling`.

use std::cmp::Reverse;

use super::linkage;
use super::pairs::{CERTAIN, Comparison, Likelihood, Pair, fraction};
use super::statement::Statement;
use super::voice::{Voice, agents};
use super::{Likeness, Member};

/// From this likelihood two clusters that stay apart are perhaps the same.
const PERHAPS: Likelihood = CERTAIN / 20;
/// From this likelihood two statements are surely of one problem.
const SURE: Likelihood = CERTAIN / 10 * 9;
/// How many such pairs are named at least, and per how many findings another one.
const PERHAPS_LEAST: usize = 10;
/// See [`PERHAPS_LEAST`].
const PERHAPS_PER: usize = 4;
/// In clusters of more members only the likeness to the first one is noted.
const FEW: usize = 12;
/// How many shared words are named.
pub(super) const NAMED: usize = 5;

/// Voices that state one problem.
pub(super) struct Group<'a> {
    /// Indices into the opinions, ascending; empty for a fact that stands alone.
    pub(super) opinions: Vec<usize>,
    /// The fact that states the same at the same line.
    pub(super) fact: Option<&'a Voice<'a>>,
    /// The mean likelihood over all pairs of opinions.
    pub(super) mean: Option<Likelihood>,
    /// How alike they are.
    pub(super) likenesses: Vec<Likeness>,
}

/// Clusters the opinions and lists the pairs of clusters that are perhaps the same.
pub(super) fn group<'a>(opinions: &[Voice<'_>]) -> (Vec<Group<'a>>, Vec<Likeness>) {
    let agents = agents(opinions);
    let statements: Vec<Statement<'_>> = opinions
        .iter()
        .map(|voice| Statement::of(voice.first()))
        .collect();
    let owners: Vec<Option<usize>> = opinions
        .iter()
        .zip(&agents)
        .map(|(voice, agent)| voice.is_full().then_some(*agent))
        .collect();
    let rivals = |i: usize, j: usize| owners[i].is_some() && owners[i] == owners[j];
    let comparison = Comparison::of(&statements, &agents);
    // Who says that something is older than the change speaks of another problem, unless it is surely the same.
    let of_another_time =
        |i: usize, j: usize| opinions[i].is_pre_existing() != opinions[j].is_pre_existing();
    let pairs = comparison.pairs(|i, j| !rivals(i, j));
    let mut linking = pairs.clone();
    linking.retain(|pair| pair.likelihood >= SURE || !of_another_time(pair.first, pair.second));
    let clusters = linkage::link(&owners, &linking);

    let note = |first: usize, second: usize, likelihood: Likelihood| Likeness {
        first: Member::of(opinions[first].first()),
        second: Member::of(opinions[second].first()),
        p: fraction(likelihood),
        shared: comparison.shared(first, second, NAMED),
    };
    let of_pair = |i: usize, j: usize| {
        pairs
            .binary_search_by_key(&(i, j), |pair| (pair.first, pair.second))
            .map_or(0, |at| pairs[at].likelihood)
    };
    let groups = clusters
        .iter()
        .map(|members| {
            let (mut sum, mut count) = (0, 0);
            let mut likenesses = Vec::new();
            for (at, i) in members.iter().enumerate() {
                for j in &members[at + 1..] {
                    let likelihood = of_pair(*i, *j);
                    sum += likelihood;
                    count += 1;
                    if members.len() <= FEW || at == 0 {
                        likenesses.push(note(*i, *j, likelihood));
                    }
                }
            }
            Group {
                opinions: members.clone(),
                fact: None,
                mean: (count > 0).then(|| sum / count),
                likenesses,
            }
        })
        .collect();
    let perhaps = perhaps_same(&clusters, &pairs, opinions.len())
        .into_iter()
        .map(|pair| note(pair.first, pair.second, pair.likelihood))
        .collect();
    (groups, perhaps)
}

/// The likeliest pair of findings of each two clusters that stayed apart, if it is likely at all.
/// The clusters may share an agent: then one of the two perhaps stands in the wrong one.
fn perhaps_same(clusters: &[Vec<usize>], pairs: &[Pair], opinions: usize) -> Vec<Pair> {
    let mut cluster_of = vec![0; opinions];
    for (cluster, members) in clusters.iter().enumerate() {
        for member in members {
            cluster_of[*member] = cluster;
        }
    }
    let mut found: Vec<(usize, usize, Pair)> = pairs
        .iter()
        .filter(|pair| pair.likelihood >= PERHAPS)
        .map(|pair| {
            let (one, two) = (cluster_of[pair.first], cluster_of[pair.second]);
            (one.min(two), one.max(two), *pair)
        })
        .filter(|(one, two, _)| one != two)
        .collect();
    // The best pair of each two clusters, the smaller indices among equals.
    found.sort_by_key(|(one, two, pair)| {
        let likelihood = Reverse(pair.likelihood);
        (*one, *two, likelihood, pair.first, pair.second)
    });
    found.dedup_by_key(|(one, two, _)| (*one, *two));
    let mut found: Vec<Pair> = found.into_iter().map(|(.., pair)| pair).collect();
    found.sort_by_key(|pair| (Reverse(pair.likelihood), pair.first, pair.second));
    found.truncate(PERHAPS_LEAST.max(opinions / PERHAPS_PER));
    found
}
