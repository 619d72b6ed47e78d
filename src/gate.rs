//! Decides whether a change may leave the machine, from what is known alone.
//! It asks no agent and reads no file: callers pass the standing and the policy in.

use serde::{Deserialize, Serialize};

use crate::diff::RepoPath;
use crate::finding::{Finding, FindingId, Severity};
use crate::ledger::State;

/// What happens to a change that could not be reviewed wholly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnIncomplete {
    /// It is held.
    Block,
    /// It passes, and is said to be not reviewed.
    Allow,
}

/// The part of the settings the gate goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The lowest severity that blocks.
    pub(crate) block: Severity,
    /// What happens to what was not reviewed.
    pub(crate) on_incomplete: OnIncomplete,
}

/// One owed unit that lacks an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotReviewed {
    /// The head path, or the base path of a deletion.
    pub(crate) path: RepoPath,
    /// The commit, for a unit of history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// Who did not read it, if it is readable at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) agents: Vec<String>,
    /// Why.
    pub(crate) why: String,
}

/// May the change leave the machine?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// Nothing is owed. Not the same as passed: nothing was looked at.
    NothingNew,
    /// Everything owed was read and nothing blocks. What was not read is named, and there is some
    /// only if the user lets incomplete reviews pass.
    Pass {
        /// Let through unread.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_reviewed: Vec<NotReviewed>,
    },
    /// Findings stand that nobody fixed or declined.
    Block {
        /// Which, worst first.
        findings: Vec<FindingId>,
        /// What was not read besides.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_reviewed: Vec<NotReviewed>,
    },
    /// Not everything owed was read.
    Inconclusive {
        /// What is missing.
        not_reviewed: Vec<NotReviewed>,
    },
}

impl Verdict {
    /// What was owed and not read.
    pub(crate) fn not_reviewed(&self) -> &[NotReviewed] {
        match self {
            Self::NothingNew => &[],
            Self::Pass { not_reviewed }
            | Self::Block { not_reviewed, .. }
            | Self::Inconclusive { not_reviewed } => not_reviewed,
        }
    }
}

/// Judges a change: `owed` is how many units it owes, `not_reviewed` which of them lack an answer,
/// `findings` what stands, worst first. Blocking comes before inconclusive: what the agents that did
/// answer found is true whoever else is missing.
pub(crate) fn judge(
    owed: usize,
    not_reviewed: Vec<NotReviewed>,
    findings: &[(Finding, State)],
    policy: Policy,
) -> Verdict {
    let blocking: Vec<FindingId> = findings
        .iter()
        .filter(|(finding, state)| state.is_open() && finding.severity >= policy.block)
        .map(|(finding, _)| finding.id.clone())
        .collect();
    if !blocking.is_empty() {
        Verdict::Block {
            findings: blocking,
            not_reviewed,
        }
    } else if owed == 0 && not_reviewed.is_empty() {
        Verdict::NothingNew
    } else if not_reviewed.is_empty() || policy.on_incomplete == OnIncomplete::Allow {
        Verdict::Pass { not_reviewed }
    } else {
        Verdict::Inconclusive { not_reviewed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Anchor, Kind};

    const STRICT: Policy = Policy {
        block: Severity::Important,
        on_incomplete: OnIncomplete::Block,
    };

    fn finding(severity: Severity) -> Finding {
        Finding {
            id: FindingId::of(&[b"x"]),
            severity,
            kind: Kind::Regression,
            title: String::new(),
            body: String::new(),
            locations: Vec::new(),
            agents: Vec::new(),
            rule: None,
            quote: None,
            commit: None,
            anchor: Anchor {
                path: RepoPath::from("a"),
                code: String::new(),
                around: String::new(),
                occurrence: 0,
            },
        }
    }

    fn open(severity: Severity) -> Vec<(Finding, State)> {
        vec![(finding(severity), State::Open { lapsed: None })]
    }

    impl Verdict {
        fn lets_pass(&self) -> bool {
            matches!(self, Self::NothingNew | Self::Pass { .. })
        }
    }

    fn missing() -> Vec<NotReviewed> {
        vec![NotReviewed {
            path: RepoPath::from("a"),
            commit: None,
            agents: vec!["rules".to_owned()],
            why: "not asked".to_owned(),
        }]
    }

    #[test]
    fn an_open_finding_of_the_blocking_severity_blocks() {
        assert!(judge(1, vec![], &open(Severity::Suggestion), STRICT).lets_pass());
        for severity in [Severity::Important, Severity::Critical] {
            assert!(matches!(
                judge(1, vec![], &open(severity), STRICT),
                Verdict::Block { .. }
            ));
        }
        let strictest = Policy {
            block: Severity::Suggestion,
            ..STRICT
        };
        assert!(!judge(1, vec![], &open(Severity::Suggestion), strictest).lets_pass());
    }

    #[test]
    fn a_resolved_finding_does_not_block() {
        let state = State::Resolved {
            resolution: crate::ledger::Resolution::WontFix,
            reason: None,
            until: None,
            by: String::new(),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let verdict = judge(1, vec![], &[(finding(Severity::Critical), state)], STRICT);
        assert_eq!(
            verdict,
            Verdict::Pass {
                not_reviewed: vec![]
            }
        );
    }

    #[test]
    fn what_was_not_read_never_passes_silently() {
        assert!(matches!(
            judge(1, missing(), &[], STRICT),
            Verdict::Inconclusive { .. }
        ));
        assert!(matches!(
            judge(0, missing(), &[], STRICT),
            Verdict::Inconclusive { .. }
        ));
        let lenient = Policy {
            on_incomplete: OnIncomplete::Allow,
            ..STRICT
        };
        let passed = judge(1, missing(), &[], lenient);
        assert!(passed.lets_pass());
        assert_eq!(passed.not_reviewed().len(), 1);
        assert!(!judge(1, missing(), &open(Severity::Important), lenient).lets_pass());
    }

    #[test]
    fn nothing_owed_is_not_called_passed() {
        assert_eq!(judge(0, vec![], &[], STRICT), Verdict::NothingNew);
    }

    #[test]
    fn findings_block_although_something_was_not_read() {
        let verdict = judge(2, missing(), &open(Severity::Important), STRICT);
        assert!(matches!(&verdict, Verdict::Block { not_reviewed, .. } if not_reviewed.len() == 1));
    }
}
