//! The rules of the ledger: what a decision says about a finding, and when it lapses.
//! Decisions and findings in, states out; the file is `store`'s.
//!
//! - `identity`: raw findings of the rules reviewer become findings that keep their name

mod identity;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub(crate) use identity::{UnitFindings, around, identify};

use crate::diff::RepoPath;

use crate::finding::{Anchor, Finding, FindingId};

/// What was decided about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Resolution {
    /// The code was corrected.
    Fixed,
    /// The finding is wrong.
    FalsePositive,
    /// True, and accepted.
    AcceptedRisk,
    /// True, and nothing will be done.
    WontFix,
    /// True, and put off until a date.
    Deferred,
    /// The same problem as another finding.
    Duplicate,
}

impl Resolution {
    /// The word used on the command line, in JSON and in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::FalsePositive => "false-positive",
            Self::AcceptedRisk => "accepted-risk",
            Self::WontFix => "wont-fix",
            Self::Deferred => "deferred",
            Self::Duplicate => "duplicate",
        }
    }
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub(crate) enum Decision {
    /// A finding was resolved.
    Resolved(Resolved),
    /// A finding was opened again.
    Reopened(Reopened),
    /// A push went through unreviewed because the user said so.
    Skipped(Skipped),
}

/// A resolution, bound to the code it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resolved {
    /// The finding's name, for people.
    pub(crate) finding: FindingId,
    /// Its title then, for people.
    pub(crate) title: String,
    /// The rule it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// The code it was about.
    pub(crate) anchor: Anchor,
    /// What was decided.
    pub(crate) resolution: Resolution,
    /// For a duplicate: of which finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duplicate_of: Option<FindingId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The last day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Date>,
    /// Who decided.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// A finding that was opened again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reopened {
    /// The finding's name, for people.
    pub(crate) finding: FindingId,
    /// The rule it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// The code it is about.
    pub(crate) anchor: Anchor,
    /// Why, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Who.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// A push that went through unreviewed because the user said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Skipped {
    /// Why, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What was pushed: remote refs and the ids they were to get.
    pub(crate) refs: Vec<SkippedRef>,
    /// Who.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// One ref of a skipped push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SkippedRef {
    /// The ref on the remote.
    pub(crate) name: String,
    /// What it was to point at.
    pub(crate) id: String,
}

/// Whether a finding stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum State {
    /// Nobody fixed or declined it, or the decision about it no longer holds.
    Open {
        /// Why an earlier decision doesn't hold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lapsed: Option<String>,
    },
    /// Decided, and the decision holds for this code.
    Resolved {
        /// What was decided.
        resolution: Resolution,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The last day on which it holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Date>,
        /// Who decided.
        by: String,
        /// When.
        at: Timestamp,
    },
}

impl State {
    /// True if nothing has been decided that holds.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// The state of each finding that stands in a change, in the order given.
///
/// A resolution applies to a finding of the same rule about the same code at the same place; if the
/// file was moved (`gone` says that the head tree has nothing at a path any more), to the only finding
/// with the same code and the same surroundings. *Fixed* never closes a finding that is raised again about unchanged code, and a duplicate is
/// closed only with the finding it duplicates.
pub(crate) fn states(
    findings: &[Finding],
    decisions: &[Decision],
    gone: &dyn Fn(&RepoPath) -> bool,
    today: Date,
) -> Vec<State> {
    let current = latest(decisions);
    let mut states: Vec<State> = findings
        .iter()
        .map(
            |finding| match decision_for(finding, findings, &current, gone) {
                Found::None => State::Open { lapsed: None },
                Found::Outdated(resolved) => State::Open {
                    lapsed: Some(format!(
                        "the decision of {} ({}) was about code that has changed since",
                        day(resolved.at),
                        resolved.resolution.as_str()
                    )),
                },
                Found::Applies(resolved) => judge(resolved, today),
            },
        )
        .collect();
    for (index, finding) in findings.iter().enumerate() {
        if let Found::Applies(Resolved {
            resolution: Resolution::Duplicate,
            duplicate_of: Some(original),
            ..
        }) = decision_for(finding, findings, &current, gone)
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
        || decided.is_some_and(|resolved| !judge(resolved, today).is_open())
}

fn judge(resolved: &Resolved, today: Date) -> State {
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
    }
}

/// The resolutions that were not replaced or taken back by a later decision about the same code.
fn latest(decisions: &[Decision]) -> Vec<&Resolved> {
    let mut current: Vec<&Resolved> = Vec::new();
    for decision in decisions {
        match decision {
            Decision::Resolved(resolved) => {
                current.retain(|earlier| {
                    !(earlier.rule == resolved.rule && earlier.anchor.same_place(&resolved.anchor))
                });
                current.push(resolved);
            }
            // Reopening names the code; a decision that followed it from an old path must not come back.
            Decision::Reopened(reopened) => current.retain(|earlier| {
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

enum Found<'d> {
    None,
    Applies(&'d Resolved),
    Outdated(&'d Resolved),
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
            .filter(|resolved| resolved.rule == finding.rule)
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
    use crate::diff::RepoPath;
    use crate::finding::{Kind, Severity};
    use jiff::civil::date;

    fn finding(path: &str, code: &str, occurrence: u32) -> Finding {
        let anchor = Anchor {
            path: RepoPath::from(path),
            code: code.to_owned(),
            around: format!("around {code}"),
            occurrence,
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
        }
    }

    fn open(findings: &[Finding], decisions: &[Decision]) -> Vec<bool> {
        let gone = |path: &RepoPath| path.as_bytes() == b"old";
        states(findings, decisions, &gone, date(2026, 1, 1))
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
        let states = states(
            &[finding("a", "y", 0)],
            &decisions,
            &|_| false,
            date(2026, 1, 1),
        );
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
