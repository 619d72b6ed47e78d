//! Findings of the rules agent beside those of the others: a fact is shown with an opinion that
//! says the same about the same line, and its severity is a floor.
//! Facts take no part in clusters or votes: they neither change them nor are changed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::group::{Group, NAMED};
use super::linkage::JOINS;
use super::pairs::{Comparison, Likelihood, fraction};
use super::statement::{PLACES_LIMIT, Statement, is_same_line};
use super::voice::{Voice, agents};
use super::{Likeness, Member};
use crate::finding::Location;

/// The name of the built-in reviewer whose findings are facts.
pub(crate) use crate::finding::RULES as RULES_AGENT;

/// How many places of facts and opinions are compared; an honest change needs some thousands.
/// Facts beyond are shown by themselves.
const COMPARED: usize = 5_000_000;

/// Shows each fact with the group that states the same at the same line, or in a group of its
/// own. A group takes one fact at most: two facts are two findings.
pub(super) fn join<'a>(
    facts: &'a [Voice<'a>],
    opinions: &[Voice<'_>],
    groups: &mut Vec<Group<'a>>,
) {
    let mut found = candidates(facts, opinions, groups);
    found.sort_by_key(|match_| (Reverse(match_.mean), match_.fact, match_.group));
    let mut joined = vec![false; facts.len()];
    for candidate in found {
        let group = &mut groups[candidate.group];
        if !joined[candidate.fact] && group.fact.is_none() {
            joined[candidate.fact] = true;
            group.fact = Some(&facts[candidate.fact]);
            group.likenesses.extend(candidate.likenesses);
        }
    }
    for (fact, joined) in facts.iter().zip(joined) {
        if !joined {
            groups.push(Group {
                opinions: Vec::new(),
                fact: Some(fact),
                mean: None,
                likenesses: Vec::new(),
            });
        }
    }
}

/// A fact and a group that may state the same.
struct Candidate {
    fact: usize,
    group: usize,
    mean: Likelihood,
    likenesses: Vec<Likeness>,
}

/// The facts and groups that share a line and say the same likely enough.
///
/// Words are valued over facts and opinions together, facts as one more agent.
fn candidates(facts: &[Voice<'_>], opinions: &[Voice<'_>], groups: &[Group<'_>]) -> Vec<Candidate> {
    let near = near(facts, opinions, groups);
    if near.is_empty() {
        return Vec::new();
    }
    let statements: Vec<Statement<'_>> = opinions
        .iter()
        .chain(facts)
        .map(|voice| Statement::of(voice.first()))
        .collect();
    let mut agents = agents(opinions);
    agents.resize(statements.len(), agents.last().map_or(0, |last| last + 1));
    let comparison = Comparison::of(&statements, &agents);
    near.into_iter()
        .filter_map(|(fact, group)| {
            let second = opinions.len() + fact;
            let members = &groups[group].opinions;
            let likelihoods: Vec<Likelihood> = members
                .iter()
                .map(|member| comparison.between(*member, second))
                .collect();
            let mean = likelihoods.iter().sum::<Likelihood>() / members.len() as u64;
            let likeness = |(member, likelihood): (&usize, &Likelihood)| Likeness {
                first: Member::of(opinions[*member].first()),
                second: Member::of(facts[fact].first()),
                p: fraction(*likelihood),
                shared: comparison.shared(*member, second, NAMED),
            };
            (mean >= JOINS).then(|| Candidate {
                fact,
                group,
                mean,
                likenesses: members.iter().zip(&likelihoods).map(likeness).collect(),
            })
        })
        .collect()
}

/// The facts and groups that share a line, ascending.
fn near(
    facts: &[Voice<'_>],
    opinions: &[Voice<'_>],
    groups: &[Group<'_>],
) -> BTreeSet<(usize, usize)> {
    // Paths that end alike end in the same name.
    let mut by_name: BTreeMap<&[u8], Vec<(usize, &Location)>> = BTreeMap::new();
    for (fact, voice) in facts.iter().enumerate() {
        for place in places(voice) {
            let of_name = by_name.entry(place.path.file_name()).or_default();
            of_name.push((fact, place));
        }
    }
    groups
        .iter()
        .enumerate()
        .flat_map(|(group, voices)| voices.opinions.iter().map(move |opinion| (group, opinion)))
        .flat_map(|(group, opinion)| places(&opinions[*opinion]).map(move |place| (group, place)))
        .flat_map(|(group, place)| {
            let named = by_name.get(place.path.file_name()).into_iter().flatten();
            named.map(move |(fact, of_fact)| (*fact, *of_fact, group, place))
        })
        .take(COMPARED)
        .filter(|(_, of_fact, _, place)| is_same_line(of_fact, place))
        .map(|(fact, _, group, _)| (fact, group))
        .collect()
}

fn places<'a>(voice: &Voice<'a>) -> impl Iterator<Item = &'a Location> + use<'a> {
    let raw = voice.first();
    raw.locations.iter().take(PLACES_LIMIT)
}
