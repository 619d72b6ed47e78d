//! Findings of the rules agent beside those of the others: a fact is shown with an opinion that
//! says the same about the same line, and its severity is a floor.
//! Facts take no part in clusters or votes: they neither change them nor are changed.

use std::cmp::Reverse;

use super::group::{Group, NAMED};
use super::linkage::JOINS;
use super::pairs::{Comparison, Likelihood, fraction};
use super::statement::{Statement, is_same_line};
use super::voice::{Voice, agents};
use super::{Likeness, Member};
use crate::finding::Location;

/// The name of the built-in reviewer whose findings are facts.
pub(crate) use crate::finding::RULES as RULES_AGENT;

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
    let near: Vec<(usize, usize)> = (0..facts.len())
        .flat_map(|fact| (0..groups.len()).map(move |group| (fact, group)))
        .filter(|(fact, group)| shares_line(&facts[*fact], &groups[*group], opinions))
        .collect();
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
            let likenesses = members
                .iter()
                .zip(&likelihoods)
                .map(|(member, likelihood)| Likeness {
                    first: Member::of(opinions[*member].first()),
                    second: Member::of(facts[fact].first()),
                    p: fraction(*likelihood),
                    shared: comparison.shared(*member, second, NAMED),
                })
                .collect();
            (mean >= JOINS).then_some(Candidate {
                fact,
                group,
                mean,
                likenesses,
            })
        })
        .collect()
}

fn shares_line(fact: &Voice<'_>, group: &Group<'_>, opinions: &[Voice<'_>]) -> bool {
    let of_fact: Vec<&Location> = places(fact).collect();
    group
        .opinions
        .iter()
        .flat_map(|member| places(&opinions[*member]))
        .any(|place| of_fact.iter().any(|fact| is_same_line(fact, place)))
}

fn places<'a>(voice: &Voice<'a>) -> impl Iterator<Item = &'a Location> + use<'a> {
    let raw = voice.first();
    raw.locations.iter()
}
