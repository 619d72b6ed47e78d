//! Raw findings as voices: what one agent says, each thing once however often it was said.
//! Whose voices state the same problem is left to `group`.

use std::cmp::Ordering;

use super::facts::RULES_AGENT;
use super::order;
use crate::finding::{Kind, RawFinding, Severity};

/// What one agent said once, with its repetitions in the same words.
pub(super) struct Voice<'a> {
    /// Never empty; the first speaks for all.
    pub(super) said: Vec<&'a RawFinding>,
}

impl<'a> Voice<'a> {
    pub(super) fn first(&self) -> &'a RawFinding {
        self.said[0]
    }

    pub(super) fn is_fact(&self) -> bool {
        self.first().agent == RULES_AGENT
    }

    /// From a full review, not a short comment.
    pub(super) fn is_full(&self) -> bool {
        is_full(self.first())
    }

    pub(super) fn is_pre_existing(&self) -> bool {
        self.said
            .iter()
            .all(|raw| raw.kind == Some(Kind::PreExisting))
    }

    /// The worst severity it was given; none from those who say it is older than the change.
    pub(super) fn severity(&self) -> Option<Severity> {
        self.said
            .iter()
            .filter(|raw| raw.kind != Some(Kind::PreExisting))
            .filter_map(|raw| raw.severity)
            .max()
    }
}

fn is_full(raw: &RawFinding) -> bool {
    raw.severity.is_some() && !raw.title.trim().is_empty()
}

/// Raw findings in the one order everything after depends on, repetitions put together.
pub(super) fn voices(mut sorted: Vec<&RawFinding>) -> Vec<Voice<'_>> {
    sorted.sort_by(|a, b| order::by_content(a, b));
    let mut repeated: Vec<usize> = (0..sorted.len())
        .filter(|index| is_full(sorted[*index]))
        .collect();
    repeated.sort_by(|i, j| by_saying(sorted[*i], sorted[*j]).then(i.cmp(j)));
    let mut speaks: Vec<usize> = (0..sorted.len()).collect();
    for window in repeated.windows(2) {
        if by_saying(sorted[window[0]], sorted[window[1]]).is_eq() {
            speaks[window[1]] = speaks[window[0]];
        }
    }
    let mut voices: Vec<Voice<'_>> = Vec::with_capacity(sorted.len());
    let mut place = vec![0; sorted.len()];
    for (index, raw) in sorted.into_iter().enumerate() {
        if speaks[index] == index {
            place[index] = voices.len();
            voices.push(Voice { said: vec![raw] });
        } else {
            voices[place[speaks[index]]].said.push(raw);
        }
    }
    voices
}

/// Orders findings by what makes them the same saying: the agent, the words and the places.
fn by_saying(one: &RawFinding, two: &RawFinding) -> Ordering {
    let words = |a: &str, b: &str| a.split_whitespace().cmp(b.split_whitespace());
    one.agent
        .cmp(&two.agent)
        .then_with(|| words(&one.title, &two.title))
        .then_with(|| words(&one.body, &two.body))
        .then_with(|| one.quote.cmp(&two.quote))
        .then_with(|| one.trigger.cmp(&two.trigger))
        .then_with(|| one.outcome.cmp(&two.outcome))
        .then_with(|| places(one).cmp(&places(two)))
}

fn places(raw: &RawFinding) -> Vec<order::PlaceKey<'_>> {
    let mut places: Vec<_> = raw.locations.iter().map(order::place).collect();
    places.sort_unstable();
    places
}

/// Numbers the agents; voices of one agent stand next to each other.
pub(super) fn agents(voices: &[Voice<'_>]) -> Vec<usize> {
    let mut number = 0;
    let mut previous: Option<&str> = None;
    voices
        .iter()
        .map(|voice| {
            let agent = voice.first().agent.as_str();
            if previous.is_some_and(|previous| previous != agent) {
                number += 1;
            }
            previous = Some(agent);
            number
        })
        .collect()
}
