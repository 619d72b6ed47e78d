//! Raw findings as voices: what one agent says, each thing once however often it was said.
//! Whose voices state the same problem is left to `group`.

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
pub(super) fn voices(raw: &[RawFinding]) -> Vec<Voice<'_>> {
    let mut sorted: Vec<&RawFinding> = raw.iter().collect();
    sorted.sort_by(|a, b| order::by_content(a, b));
    let mut repeated: Vec<(Saying<'_>, usize)> = Vec::new();
    for (index, raw) in sorted.iter().enumerate() {
        if is_full(raw) {
            repeated.push((Saying::of(raw), index));
        }
    }
    repeated.sort();
    let mut speaks: Vec<usize> = (0..sorted.len()).collect();
    for window in repeated.windows(2) {
        if window[0].0 == window[1].0 {
            speaks[window[1].1] = speaks[window[0].1];
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

/// What makes two findings of one agent the same saying.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Saying<'a> {
    agent: &'a str,
    title: Vec<&'a str>,
    body: Vec<&'a str>,
    quote: Option<&'a str>,
    places: Vec<order::PlaceKey<'a>>,
}

impl<'a> Saying<'a> {
    fn of(raw: &'a RawFinding) -> Self {
        let mut places: Vec<_> = raw.locations.iter().map(order::place).collect();
        places.sort_unstable();
        Self {
            agent: &raw.agent,
            title: raw.title.split_whitespace().collect(),
            body: raw.body.split_whitespace().collect(),
            quote: raw.quote.as_deref(),
            places,
        }
    }
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
