//! Where one raw finding ended and why: the other voices, how alike they are, the votes.
//! Showing it is left to the commands.

use super::{
    ConsolidatedFinding, Consolidation, Dropped, Judgement, Likeness, Member, Observation,
    Reconciliation,
};

/// The one place a raw finding ended in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place<'a> {
    /// It states a problem of the change.
    Finding(&'a ConsolidatedFinding),
    /// It was there before the change.
    Observation(&'a Observation),
    /// It was thrown out.
    Dropped(&'a Dropped),
}

/// Why a raw finding ended where it did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Explanation<'a> {
    /// Where it ended.
    pub(crate) place: Place<'a>,
    /// The other raw findings there.
    pub(crate) joined: Vec<&'a Member>,
    /// How alike it is to each of them, with the shared words that count most; only to the first
    /// one in large groups.
    pub(crate) likenesses: Vec<&'a Likeness>,
    /// The votes and the rule that give the severity; absent when it is no finding.
    pub(crate) judgement: Option<&'a Judgement>,
    /// What happened to it on the way.
    pub(crate) reconciliation: Vec<&'a Reconciliation>,
    /// Raw findings elsewhere that perhaps state the same as one of this place.
    pub(crate) maybe_same: Vec<&'a Likeness>,
}

/// Explains one raw finding; `None` if the consolidation never saw it.
pub(crate) fn explain<'a>(
    consolidation: &'a Consolidation,
    member: &Member,
) -> Option<Explanation<'a>> {
    let has = |members: &[Member]| members.contains(member);
    let findings = consolidation.findings.iter();
    let observations = consolidation.observations.iter();
    let dropped = consolidation.dropped.iter();
    let place = None
        .or_else(|| {
            let mut found = findings.filter(|it| has(&it.members));
            found.next().map(Place::Finding)
        })
        .or_else(|| {
            let mut found = observations.filter(|it| has(&it.members));
            found.next().map(Place::Observation)
        })
        .or_else(|| {
            let mut found = dropped.filter(|it| has(&it.members));
            found.next().map(Place::Dropped)
        })?;
    let nothing: (&[Likeness], &[Reconciliation]) = (&[], &[]);
    let (members, (likenesses, reconciliation), judgement) = match place {
        Place::Finding(it) => (
            &it.members,
            (&it.likenesses[..], &it.reconciliation[..]),
            Some(&it.judgement),
        ),
        Place::Observation(it) => (&it.members, (&it.likenesses[..], nothing.1), None),
        Place::Dropped(it) => (&it.members, nothing, None),
    };
    let is_of = |it: &&Likeness| it.first == *member || it.second == *member;
    Some(Explanation {
        place,
        joined: members.iter().filter(|other| *other != member).collect(),
        likenesses: likenesses.iter().filter(is_of).collect(),
        judgement,
        reconciliation: reconciliation
            .iter()
            .filter(|entry| has(&entry.members))
            .collect(),
        maybe_same: consolidation
            .maybe_same
            .iter()
            .filter(|it| members.contains(&it.first) || members.contains(&it.second))
            .collect(),
    })
}
