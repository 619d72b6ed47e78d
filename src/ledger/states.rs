//! What the decisions say about each finding of a change, and when they lapse.
//! Findings that restate one another are linked by the caller; recognising code is `anchored`'s.

use jiff::Timestamp;
use jiff::civil::Date;

use super::told::{self, Retold};
use super::{Decision, Resolution, Resolved, State};
use crate::diff::RepoPath;
use crate::finding::{Anchor, Finding, FindingId};

/// The state of each finding that stands in a change, in the order given.
///
/// A resolution applies to a finding of the same rule about the same code at the same place; if the
/// file was moved (`gone` says that the head tree has nothing at a path any more), to the only finding
/// with the same code and the same surroundings. *Fixed* never closes a finding that is raised again about unchanged code, and a duplicate is
/// closed only with the finding it duplicates. A resolution of a finding of agents applies to the one
/// that restates it (`retold`) while the code it was about stands.
pub(crate) fn states(
    findings: &[Finding],
    decisions: &[Decision],
    retold: &[Retold],
    around: &Surroundings<'_>,
    today: Date,
) -> Vec<State> {
    let current = latest(decisions);
    let decided: Vec<Found<'_>> = findings
        .iter()
        .enumerate()
        .map(|(index, finding)| {
            if finding.is_opinion() {
                let retold = retold.iter().find(|retold| retold.finding == index);
                told::decision_for(finding, retold, &current, around)
            } else {
                decision_for(finding, findings, &current, around.gone)
            }
        })
        .collect();
    let mut states: Vec<State> = decided
        .iter()
        .zip(findings)
        .map(|(found, finding)| match found {
            Found::None => State::Open { lapsed: None },
            Found::Outdated(resolved) => State::Open {
                lapsed: Some(format!(
                    "the decision of {} ({}) was about code that has changed since",
                    day(resolved.at),
                    resolved.resolution.as_str()
                )),
            },
            Found::Perhaps(resolved) => State::Open {
                lapsed: Some(format!(
                    "probably restates {}, declined as {} on {}{}",
                    resolved.finding,
                    resolved.resolution.as_str(),
                    day(resolved.at),
                    resolved
                        .reason
                        .as_deref()
                        .map(|reason| format!(": {reason}"))
                        .unwrap_or_default()
                )),
            },
            Found::Applies(resolved) => judge(resolved, finding, today),
        })
        .collect();
    for (index, finding) in findings.iter().enumerate() {
        if let Found::Applies(Resolved {
            resolution: Resolution::Duplicate,
            duplicate_of: Some(original),
            ..
        }) = decided[index]
            && states[index] != (State::Open { lapsed: None })
            && !original_answers(original, finding, findings, &current, today)
        {
            states[index] = State::Open {
                lapsed: Some(format!(
                    "said to duplicate {original}, which is neither in this change nor declined"
                )),
            };
        }
    }
    states
}

/// A duplicate needs its original to stand in this change, where it counts itself, or to be declined.
fn original_answers(
    original: &FindingId,
    duplicate: &Finding,
    findings: &[Finding],
    current: &[&Resolved],
    today: Date,
) -> bool {
    if *original == duplicate.id {
        return false;
    }
    let is_duplicate = |resolved: &Resolved| resolved.resolution == Resolution::Duplicate;
    // A chain of duplicates answers for nothing: each would wait for the other.
    let decided = current
        .iter()
        .find(|resolved| resolved.finding == *original);
    if decided.is_some_and(|resolved| is_duplicate(resolved)) {
        return false;
    }
    findings.iter().any(|finding| finding.id == *original)
        || decided.is_some_and(|resolved| !judge(resolved, duplicate, today).is_open())
}

fn judge(resolved: &Resolved, finding: &Finding, today: Date) -> State {
    if resolved.resolution == Resolution::Fixed {
        return State::Open {
            lapsed: Some(format!(
                "said to be fixed on {}, but its code is unchanged",
                day(resolved.at)
            )),
        };
    }
    if let Some(until) = resolved.until
        && today > until
    {
        return State::Open {
            lapsed: Some(format!(
                "{} until {until}; that day has passed",
                resolved.resolution.as_str()
            )),
        };
    }
    State::Resolved {
        resolution: resolved.resolution,
        reason: resolved.reason.clone(),
        until: resolved.until,
        by: resolved.by.clone(),
        at: resolved.at,
        decided_as: (finding.is_opinion() && resolved.finding != finding.id)
            .then(|| resolved.finding.clone()),
    }
}

/// The resolutions that were not replaced or taken back by a later decision about the same code.
pub(super) fn latest(decisions: &[Decision]) -> Vec<&Resolved> {
    let mut current: Vec<&Resolved> = Vec::new();
    for decision in decisions {
        match decision {
            Decision::Resolved(resolved) => {
                current.retain(|earlier| {
                    !if earlier.text.is_empty() && resolved.text.is_empty() {
                        earlier.rule == resolved.rule && earlier.anchor.same_place(&resolved.anchor)
                    } else {
                        earlier.finding == resolved.finding
                    }
                });
                current.push(resolved);
            }
            // Reopening names the code; a decision that followed it from an old path must not come back.
            Decision::Reopened(reopened) => current.retain(|earlier| {
                if !earlier.text.is_empty() {
                    return earlier.finding != reopened.finding
                        && Some(&earlier.finding) != reopened.decided_as.as_ref();
                }
                let moved = earlier.anchor.same_code(&reopened.anchor)
                    && earlier.anchor.around == reopened.anchor.around;
                !(earlier.rule == reopened.rule
                    && (moved || earlier.anchor.same_place(&reopened.anchor)))
            }),
            Decision::Skipped(_) => {}
        }
    }
    current
}

/// What the decisions say about one finding.
pub(super) enum Found<'d> {
    /// Nothing.
    None,
    /// This one is about it.
    Applies(&'d Resolved),
    /// This one was, but its code has changed.
    Outdated(&'d Resolved),
    /// This one is about something that it may restate.
    Perhaps(&'d Resolved),
}

/// What of the reviewed change the ledger asks for.
pub(crate) struct Surroundings<'s> {
    /// True if the head tree has nothing at a path any more.
    pub(crate) gone: &'s dyn Fn(&RepoPath) -> bool,
    /// True if the code of an anchor stands where it stood, in the same file of the head tree.
    pub(crate) stands: &'s dyn Fn(&Anchor) -> bool,
}

fn decision_for<'d>(
    finding: &Finding,
    findings: &[Finding],
    current: &[&'d Resolved],
    gone: &dyn Fn(&RepoPath) -> bool,
) -> Found<'d> {
    let same_rule = || {
        current
            .iter()
            .filter(|resolved| resolved.rule == finding.rule && resolved.text.is_empty())
    };
    if let Some(exact) = same_rule().find(|resolved| resolved.anchor.same_place(&finding.anchor)) {
        return Found::Applies(exact);
    }
    let was_here = |resolved: &Resolved, other: &Finding| {
        other.rule == resolved.rule
            && other.anchor.same_code(&resolved.anchor)
            && other.anchor.around == resolved.anchor.around
    };
    let moved = same_rule().find(|resolved| {
        was_here(resolved, finding)
            && gone(&resolved.anchor.path)
            && findings
                .iter()
                .filter(|other| was_here(resolved, other))
                .count()
                == 1
    });
    if let Some(moved) = moved {
        return Found::Applies(moved);
    }
    let standing = |resolved: &Resolved| {
        findings
            .iter()
            .any(|other| other.rule == resolved.rule && other.anchor.same_place(&resolved.anchor))
    };
    match same_rule()
        .find(|resolved| resolved.anchor.path == finding.anchor.path && !standing(resolved))
    {
        Some(resolved) => Found::Outdated(resolved),
        None => Found::None,
    }
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Kind, Severity, Voices};
    use crate::ledger::Reopened;
    use jiff::civil::date;

    fn finding(path: &str, code: &str, occurrence: u32) -> Finding {
        let anchor = Anchor {
            path: RepoPath::from(path),
            code: code.to_owned(),
            around: format!("around {code}"),
            occurrence,
            lines: 0,
        };
        Finding {
            id: FindingId::of(&[
                path.as_bytes(),
                code.as_bytes(),
                &[u8::try_from(occurrence).unwrap()],
            ]),
            severity: Severity::Important,
            kind: Kind::Regression,
            title: "t".to_owned(),
            body: String::new(),
            locations: Vec::new(),
            agents: vec!["rules".to_owned()],
            rule: Some("r".to_owned()),
            quote: None,
            commit: None,
            anchor,
            voices: Voices::default(),
        }
    }

    fn resolved(finding: &Finding, resolution: Resolution) -> Resolved {
        Resolved {
            finding: finding.id.clone(),
            title: finding.title.clone(),
            rule: finding.rule.clone(),
            anchor: finding.anchor.clone(),
            resolution,
            duplicate_of: None,
            reason: Some("because".to_owned()),
            until: None,
            by: "me".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            text: Vec::new(),
        }
    }

    fn open(findings: &[Finding], decisions: &[Decision]) -> Vec<bool> {
        let around = Surroundings {
            gone: &|path| path.as_bytes() == b"old",
            stands: &|_| false,
        };
        states(findings, decisions, &[], &around, date(2026, 1, 1))
            .iter()
            .map(State::is_open)
            .collect()
    }

    #[test]
    fn a_decision_holds_for_its_code_only() {
        let (this, other) = (finding("a", "x", 0), finding("a", "y", 0));
        let decisions = [Decision::Resolved(resolved(
            &this,
            Resolution::FalsePositive,
        ))];
        assert_eq!(open(&[this, other], &decisions), [false, true]);
    }

    #[test]
    fn changed_code_opens_the_finding_again_and_says_why() {
        let decisions = [Decision::Resolved(resolved(
            &finding("a", "x", 0),
            Resolution::WontFix,
        ))];
        let around = Surroundings {
            gone: &|_| false,
            stands: &|_| false,
        };
        let now = [finding("a", "y", 0)];
        let states = states(&now, &decisions, &[], &around, date(2026, 1, 1));
        assert!(
            matches!(&states[0], State::Open { lapsed: Some(why) } if why.contains("wont-fix"))
        );
    }

    #[test]
    fn a_decision_follows_a_moved_file_but_not_a_copy() {
        let decisions = [Decision::Resolved(resolved(
            &finding("old", "x", 0),
            Resolution::FalsePositive,
        ))];
        assert_eq!(open(&[finding("new", "x", 0)], &decisions), [false]);
        assert_eq!(
            open(
                &[finding("old", "x", 0), finding("new", "x", 0)],
                &decisions
            ),
            [false, true]
        );
        assert_eq!(
            open(
                &[finding("one", "x", 0), finding("two", "x", 0)],
                &decisions
            ),
            [true, true]
        );
        let mut similar = finding("new", "x", 0);
        similar.anchor.around = "elsewhere".to_owned();
        assert_eq!(open(&[similar], &decisions), [true]);
        let kept = [Decision::Resolved(resolved(
            &finding("kept", "x", 0),
            Resolution::FalsePositive,
        ))];
        assert_eq!(open(&[finding("new", "x", 0)], &kept), [true]);
    }

    #[test]
    fn one_decision_waives_one_of_two_equal_lines() {
        let decisions = [Decision::Resolved(resolved(
            &finding("a", "x", 0),
            Resolution::FalsePositive,
        ))];
        assert_eq!(
            open(&[finding("a", "x", 0), finding("a", "x", 1)], &decisions),
            [false, true]
        );
    }

    #[test]
    fn fixed_does_not_close_unchanged_code() {
        let this = finding("a", "x", 0);
        let decisions = [Decision::Resolved(resolved(&this, Resolution::Fixed))];
        assert_eq!(open(&[this], &decisions), [true]);
    }

    #[test]
    fn a_deferral_ends_after_its_day() {
        let this = finding("a", "x", 0);
        let until = |day| {
            [Decision::Resolved(Resolved {
                until: Some(day),
                ..resolved(&this, Resolution::Deferred)
            })]
        };
        assert_eq!(
            open(std::slice::from_ref(&this), &until(date(2026, 1, 1))),
            [false]
        );
        assert_eq!(
            open(std::slice::from_ref(&this), &until(date(2025, 12, 31))),
            [true]
        );
    }

    #[test]
    fn the_last_decision_counts() {
        let this = finding("a", "x", 0);
        let reopened = Decision::Reopened(Reopened {
            finding: this.id.clone(),
            rule: this.rule.clone(),
            anchor: this.anchor.clone(),
            reason: None,
            by: "me".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            decided_as: None,
        });
        let waived = Decision::Resolved(resolved(&this, Resolution::AcceptedRisk));
        let this = [this];
        assert_eq!(open(&this, &[waived.clone(), reopened.clone()]), [true]);
        assert_eq!(open(&this, &[waived.clone(), reopened, waived]), [false]);
    }

    #[test]
    fn a_reopened_finding_stays_open_although_its_decision_came_from_an_old_path() {
        let (old, new) = (finding("old", "x", 0), finding("new", "x", 0));
        let decisions = [
            Decision::Resolved(resolved(&old, Resolution::FalsePositive)),
            Decision::Reopened(Reopened {
                finding: new.id.clone(),
                rule: new.rule.clone(),
                anchor: new.anchor.clone(),
                reason: None,
                by: "me".to_owned(),
                at: Timestamp::UNIX_EPOCH,
                decided_as: None,
            }),
        ];
        assert_eq!(open(&[new], &decisions), [true]);
    }

    #[test]
    fn a_duplicate_needs_its_original() {
        let (one, two) = (finding("a", "x", 0), finding("a", "y", 0));
        let duplicate_of = |this: &Finding, original: &Finding| {
            Decision::Resolved(Resolved {
                duplicate_of: Some(original.id.clone()),
                ..resolved(this, Resolution::Duplicate)
            })
        };
        let decisions = [duplicate_of(&two, &one)];
        assert_eq!(open(&[one.clone(), two.clone()], &decisions), [true, false]);
        assert_eq!(open(std::slice::from_ref(&two), &decisions), [true]);
        let declined = [
            decisions[0].clone(),
            Decision::Resolved(resolved(&one, Resolution::WontFix)),
        ];
        assert_eq!(open(std::slice::from_ref(&two), &declined), [false]);
        let circle = [duplicate_of(&two, &one), duplicate_of(&one, &two)];
        assert_eq!(open(&[one, two], &circle), [true, true]);
    }
}
