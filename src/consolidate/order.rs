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

#[cfg(test)]
mod tests {
    use super::super::{Settings, consolidate};
    use super::*;
    use crate::finding::LineRange;

    #[test]
    fn reports_go_by_severity_then_path_then_line() {
        let said = [
            ("alpha", Severity::Suggestion, "a.rs", Some(2)),
            ("bravo", Severity::Important, "b.rs", Some(9)),
            ("charlie", Severity::Important, "b.rs", Some(10)),
            ("delta", Severity::Important, "b.rs", None),
            ("echo", Severity::Important, "a/z.rs", Some(99)),
            ("foxtrot", Severity::Critical, "z.rs", Some(1)),
            ("golf", Severity::Important, "", None),
        ];
        let raw = said.map(|(word, severity, path, line)| RawFinding {
            agent: "agent".to_owned(),
            id: word.to_owned(),
            severity: Some(severity),
            title: word.to_owned(),
            locations: vec![Location {
                path: path.into(),
                lines: line.map(|line| LineRange {
                    start: line,
                    end: line,
                }),
            }],
            ..RawFinding::default()
        });
        let found = consolidate(&raw, &Settings::default()).findings;
        let shown: Vec<(&str, &str)> = found
            .iter()
            .map(|it| (it.position.as_str(), it.title.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("C1", "foxtrot"),
                ("I1", "echo"),
                ("I2", "delta"),
                ("I3", "bravo"),
                ("I4", "charlie"),
                ("I5", "golf"),
                ("S1", "alpha"),
            ]
        );
    }
}
