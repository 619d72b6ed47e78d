//! The order of findings: the one in which they are read, and the one of reports.
//! Both depend on what findings say alone, never on the order in which agents answered.

use std::cmp::Ordering;

use super::ConsolidatedFinding;
use crate::finding::{Location, RawFinding, Severity};

/// Puts findings in report order (severity, then path, then line) and numbers them per severity:
/// `C1`, `C2`, `I1`, `S1`, …
pub(crate) fn number(findings: &mut [ConsolidatedFinding]) {
    findings.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| by_place(&a.locations, &b.locations))
            .then_with(|| a.title.cmp(&b.title))
            .then_with(|| a.members.cmp(&b.members))
    });
    for severity in Severity::WORST_FIRST {
        let of_severity = findings.iter_mut().filter(|it| it.severity == severity);
        for (number, finding) in (1..).zip(of_severity) {
            finding.position = format!("{}{number}", severity.letter());
        }
    }
}

/// Orders by the first place: path, then lines; findings without a place come last.
pub(super) fn by_place(one: &[Location], two: &[Location]) -> Ordering {
    match (one.first(), two.first()) {
        (Some(a), Some(b)) => place(a).cmp(&place(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// What places are compared by.
pub(super) type PlaceKey<'a> = (&'a [u8], Option<(u32, u32)>);

/// A place as something to compare: path and lines; a file as a whole comes before its lines.
pub(super) fn place(location: &Location) -> PlaceKey<'_> {
    let lines = location.lines.map(|lines| (lines.start, lines.end));
    (location.path.as_bytes(), lines)
}

/// Orders raw findings by agent and id, and by all they say where those are equal.
pub(super) fn by_content(one: &RawFinding, two: &RawFinding) -> Ordering {
    let key = |raw: &RawFinding| (raw.severity, raw.kind.map(|kind| kind as u8));
    one.agent
        .cmp(&two.agent)
        .then_with(|| one.id.cmp(&two.id))
        .then_with(|| one.title.cmp(&two.title))
        .then_with(|| one.body.cmp(&two.body))
        .then_with(|| one.quote.cmp(&two.quote))
        .then_with(|| one.trigger.cmp(&two.trigger))
        .then_with(|| one.outcome.cmp(&two.outcome))
        .then_with(|| key(one).cmp(&key(two)))
        .then_with(|| {
            let (one, two) = (one.locations.iter(), two.locations.iter());
            one.map(place).cmp(two.map(place))
        })
}
