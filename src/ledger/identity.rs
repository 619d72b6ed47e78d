//! Turns the rules reviewer's raw findings into findings that keep their name across runs.
//! Identity is the rule, the path, the anchored line and which of several equal lines it is: never a
//! line number, so that moved code keeps its decisions.

use std::collections::BTreeMap;

use crate::diff::RepoPath;
use crate::finding::{Anchor, Finding, FindingId, Kind, RawFinding, Severity, Voices};

/// What was raised about one unit, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct UnitFindings<'a> {
    /// The head path of the unit.
    pub(crate) path: &'a RepoPath,
    /// The commit that was read, if the unit is one of history.
    pub(crate) commit: Option<String>,
    /// What was raised.
    pub(crate) raw: &'a [RawFinding],
}

/// The findings of a change, each once: what a unit of history repeats is stated at the head, and
/// what several commits publish at the first that does. Worst first, then by place.
pub(crate) fn identify<'a>(units: impl IntoIterator<Item = UnitFindings<'a>>) -> Vec<Finding> {
    let mut known: BTreeMap<(Option<&str>, &RepoPath, &str, u32), Finding> = BTreeMap::new();
    for unit in units {
        let mut seen: BTreeMap<(Option<&str>, &str), u32> = BTreeMap::new();
        for raw in unit.raw {
            let code = raw.anchor.as_deref().unwrap_or_default();
            let occurrence = seen.entry((raw.rule.as_deref(), code)).or_default();
            let anchor = Anchor {
                path: unit.path.clone(),
                code: code.to_owned(),
                around: raw.around.clone().unwrap_or_default(),
                occurrence: *occurrence,
                lines: 0,
            };
            *occurrence += 1;
            let finding = finding(raw, &unit, anchor);
            known
                .entry((
                    raw.rule.as_deref(),
                    unit.path,
                    code,
                    finding.anchor.occurrence,
                ))
                .and_modify(|earlier| {
                    if earlier.commit.is_some() && finding.commit.is_none() {
                        *earlier = finding.clone();
                    }
                })
                .or_insert(finding);
        }
    }
    let mut findings: Vec<Finding> = known.into_values().collect();
    findings.sort_by(|a, b| {
        (b.severity, &a.locations, &a.rule, &a.id).cmp(&(a.severity, &b.locations, &b.rule, &b.id))
    });
    findings
}

/// How many lines on each side tell moved code from similar code.
const AROUND: usize = 3;

/// A digest of the lines around line `no` (1-based) of a text, the line itself included.
pub(crate) fn around(text: &[u8], no: u32) -> String {
    let no = no as usize;
    let first = no.saturating_sub(AROUND + 1);
    let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 surroundings 1");
    for line in text
        .split(|byte| *byte == b'\n')
        .skip(first)
        .take(no + AROUND - first)
    {
        hasher.update(line.trim_ascii_end());
        hasher.update(b"\n");
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn finding(raw: &RawFinding, unit: &UnitFindings<'_>, anchor: Anchor) -> Finding {
    let rule = raw.rule.as_deref().unwrap_or_default();
    Finding {
        id: FindingId::of(&[
            rule.as_bytes(),
            anchor.path.as_bytes(),
            anchor.code.as_bytes(),
            &anchor.occurrence.to_le_bytes(),
        ]),
        // A finding without a severity must be looked at: it counts as one that blocks.
        severity: raw.severity.unwrap_or(Severity::Important),
        kind: raw.kind.unwrap_or(Kind::Regression),
        title: raw.title.clone(),
        body: raw.body.clone(),
        locations: raw.locations.clone(),
        agents: vec![raw.agent.clone()],
        rule: raw.rule.clone(),
        quote: raw.quote.clone(),
        commit: unit.commit.clone(),
        anchor,
        voices: Voices::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{LineRange, Location};

    fn raw(path: &RepoPath, line: u32, code: &str) -> RawFinding {
        RawFinding {
            agent: "rules".to_owned(),
            id: format!("r#{line}"),
            severity: Some(Severity::Important),
            title: "t".to_owned(),
            locations: vec![Location {
                path: path.clone(),
                lines: Some(LineRange {
                    start: line,
                    end: line,
                }),
            }],
            rule: Some("r".to_owned()),
            anchor: Some(code.to_owned()),
            ..RawFinding::default()
        }
    }

    #[test]
    fn moved_code_keeps_its_name_and_equal_lines_have_two() {
        let path = RepoPath::from("a");
        let names = |lines: [u32; 2]| -> Vec<FindingId> {
            let raw = lines.map(|line| raw(&path, line, "x"));
            let unit = UnitFindings {
                path: &path,
                commit: None,
                raw: &raw,
            };
            identify([unit])
                .into_iter()
                .map(|finding| finding.id)
                .collect()
        };
        assert_eq!(names([1, 5]), names([11, 40]));
        assert_ne!(names([1, 5])[0], names([1, 5])[1]);
    }

    #[test]
    fn history_repeats_nothing_that_stands_at_the_head() {
        let path = RepoPath::from("a");
        let (head, early) = (
            [raw(&path, 9, "x")],
            [raw(&path, 1, "x"), raw(&path, 2, "gone")],
        );
        let findings = identify([
            UnitFindings {
                path: &path,
                commit: Some("c1".to_owned()),
                raw: &early,
            },
            UnitFindings {
                path: &path,
                commit: None,
                raw: &head,
            },
        ]);
        let commits: Vec<Option<&str>> = findings
            .iter()
            .map(|finding| finding.commit.as_deref())
            .collect();
        assert_eq!(commits, [Some("c1"), None]);
        assert_eq!(findings[1].locations[0].lines.unwrap().start, 9);
    }
}
