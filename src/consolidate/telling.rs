//! Turns a group of voices into a finding or an observation: whose words, which kind, what places,
//! and what is to be said about each voice that isn't taken as it came.
//! Whose voices belong together is settled before.

use std::cmp::Reverse;

use super::group::Group;
use super::pairs::{CERTAIN, Likelihood, fraction};
use super::severity::{Judgement, Rule, Vote, difference, judge};
use super::statement::{PLACES_LIMIT, is_same_path};
use super::voice::Voice;
use super::{
    Action, ConsolidatedFinding, Consolidation, Likeness, Member, Observation, Reconciliation,
    Settings,
};
use crate::finding::{Kind, Location, RawFinding, Severity};

/// Below this mean likelihood a merge is worth a second look.
const DOUBTFUL: Likelihood = CERTAIN / 10 * 6;

/// Adds what the group states to the consolidation.
pub(super) fn tell(
    group: &Group<'_>,
    opinions: &[Voice<'_>],
    settings: &Settings,
    consolidation: &mut Consolidation,
) {
    let voices: Vec<&Voice<'_>> = group
        .opinions
        .iter()
        .map(|index| &opinions[*index])
        .chain(group.fact)
        .collect();
    let mut members: Vec<Member> = voices
        .iter()
        .flat_map(|voice| voice.said.iter().map(|raw| Member::of(raw)))
        .collect();
    members.sort();

    if voices.iter().all(|voice| voice.is_pre_existing()) {
        let teller = teller(&voices, group, None);
        consolidation.observations.push(Observation {
            title: teller.title.clone(),
            locations: places(teller, &voices),
            members,
            told_by: Member::of(teller),
            likenesses: group.likenesses.clone(),
        });
        return;
    }

    let judgement = judgement(group, &voices, settings);
    let teller = teller(&voices, group, Some(judgement.severity));
    consolidation.findings.push(ConsolidatedFinding {
        position: String::new(),
        severity: judgement.severity,
        kind: kind(&voices),
        title: teller.title.clone(),
        locations: places(teller, &voices),
        told_by: Member::of(teller),
        confidence: group.mean.map(fraction),
        doubtful: group.mean.is_some_and(|mean| mean < DOUBTFUL),
        likenesses: group.likenesses.clone(),
        reconciliation: reconciliation(group, &voices, &members, &judgement),
        members,
        judgement,
    });
}

/// The severity: the votes of the opinions, not below the fact.
fn judgement(group: &Group<'_>, voices: &[&Voice<'_>], settings: &Settings) -> Judgement {
    let votes: Vec<Vote> = voices
        .iter()
        .filter(|voice| !voice.is_fact())
        .filter_map(|voice| {
            let raw = voice.first();
            Some(Vote {
                by: Member::of(raw),
                severity: voice.severity()?,
                inflates: settings.inflates(&raw.agent),
            })
        })
        .collect();
    let spoken = !votes.is_empty();
    let mut judgement = judge(votes, group.mean);
    judgement.floor = group.fact.and_then(Voice::severity);
    if let Some(floor) = judgement.floor
        && (!spoken || judgement.severity <= floor)
    {
        judgement.severity = floor;
        judgement.rule = Rule::Fact;
    }
    judgement
}

/// The member in whose words to tell it: one that means the severity it got, that is most like
/// the others, that names lines, and that says most.
fn teller<'a>(
    voices: &[&Voice<'a>],
    group: &Group<'_>,
    severity: Option<Severity>,
) -> &'a RawFinding {
    let likeness = |raw: &RawFinding| -> f64 {
        let name = Member::of(raw);
        let mine = |it: &&Likeness| it.first == name || it.second == name;
        group.likenesses.iter().filter(mine).map(|it| it.p).sum()
    };
    let voice = voices
        .iter()
        .enumerate()
        .max_by(|(i, a), (j, b)| {
            let means = |voice: &Voice<'_>| severity.is_some() && voice.severity() == severity;
            let named =
                |voice: &Voice<'_>| voice.first().locations.iter().any(|it| it.lines.is_some());
            let says = |voice: &Voice<'_>| voice.first().title.len() + voice.first().body.len();
            means(a)
                .cmp(&means(b))
                .then_with(|| likeness(a.first()).total_cmp(&likeness(b.first())))
                .then_with(|| named(a).cmp(&named(b)))
                .then_with(|| says(a).cmp(&says(b)))
                .then_with(|| Reverse(i).cmp(&Reverse(j)))
        })
        .map(|(_, voice)| voice)
        .expect("a group has a voice");
    voice.first()
}

/// The kind most voices give; among equals the one that holds the change responsible most.
fn kind(voices: &[&Voice<'_>]) -> Option<Kind> {
    let count = |kind: Kind| {
        let says = |voice: &&&Voice<'_>| voice.first().kind == Some(kind);
        voices.iter().filter(says).count()
    };
    [Kind::Enhancement, Kind::Gap, Kind::Regression]
        .into_iter()
        .filter(|kind| count(*kind) > 0)
        .max_by_key(|kind| count(*kind))
}

/// The places of all voices, the teller's first, without those another one covers.
fn places(teller: &RawFinding, voices: &[&Voice<'_>]) -> Vec<Location> {
    let mut kept: Vec<Location> = Vec::new();
    let others = voices.iter().flat_map(|voice| &voice.first().locations);
    for place in teller.locations.iter().chain(others) {
        if kept.len() == PLACES_LIMIT {
            break;
        }
        if place.path.as_bytes().is_empty() || kept.iter().any(|one| covers(one, place)) {
            continue;
        }
        kept.push(place.clone());
    }
    kept
}

fn covers(one: &Location, other: &Location) -> bool {
    is_same_path(&one.path, &other.path)
        && match (one.lines, other.lines) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(a), Some(b)) => a.start <= b.start && b.end <= a.end,
        }
}

/// What is to be said about the voices that aren't taken as they came.
fn reconciliation(
    group: &Group<'_>,
    voices: &[&Voice<'_>],
    members: &[Member],
    judgement: &Judgement,
) -> Vec<Reconciliation> {
    let entry = |action, members, reason: String| Reconciliation {
        action,
        members,
        from: None,
        to: None,
        reason,
    };
    let mut entries = Vec::new();
    if let Some(mean) = group.mean {
        let percent = mean / (CERTAIN / 100);
        let doubt = if mean < DOUBTFUL { "; check it" } else { "" };
        let opinions = voices.iter().filter(|voice| !voice.is_fact());
        let mut named: Vec<Member> = opinions
            .flat_map(|voice| voice.said.iter().map(|raw| Member::of(raw)))
            .collect();
        named.sort();
        let reason = format!("they state the same problem ({percent} % likely{doubt})");
        entries.push(entry(Action::Merged, named, reason));
    }
    for voice in voices {
        let said: Vec<Member> = voice.said.iter().map(|raw| Member::of(raw)).collect();
        if said.len() > 1 {
            let reason = "one agent said it several times in the same words".to_owned();
            entries.push(entry(Action::Merged, said, reason));
        }
    }
    if group.fact.is_some() && !group.opinions.is_empty() {
        let reason = "a rule found the same at the same line".to_owned();
        entries.push(entry(Action::Merged, members.to_vec(), reason));
    }
    for raw in voices.iter().flat_map(|voice| &voice.said) {
        let name = vec![Member::of(raw)];
        if raw.kind == Some(Kind::PreExisting) {
            let reason = "it says this was there before the change; others hold the change responsible, so it has no vote".to_owned();
            entries.push(entry(Action::Joined, name, reason));
        } else if let Some(reason) = difference(raw.severity, judgement) {
            let raised = raw.severity < Some(judgement.severity);
            entries.push(Reconciliation {
                action: if raised {
                    Action::Raised
                } else {
                    Action::Downgraded
                },
                members: name,
                from: raw.severity,
                to: Some(judgement.severity),
                reason,
            });
        }
    }
    entries
}
