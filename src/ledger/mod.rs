//! The rules of the ledger: what a decision says about a finding, and when it lapses.
//! Decisions and findings in, states out; the file is `store`'s.
//!
//! - `identity`: raw findings of the rules reviewer become findings that keep their name
//! - `anchored`: the code that findings of agents are about, and whether it still stands
//! - `states`: what the decisions say about each finding of a change
//! - `told`: which decision about a finding of agents is about one of now

mod anchored;
mod identity;
mod states;
mod told;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub(crate) use anchored::{anchor, found_again, opinion_id};
pub(crate) use identity::{UnitFindings, around, identify};
pub(crate) use states::{Surroundings, states};
pub(crate) use told::{Retold, told_before, undecided};

use crate::finding::{Anchor, FindingId, Wording};

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
    /// What the finding said, in the words of all who raised it; empty if a rule found it. By this
    /// it is recognised when agents tell it in other words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) text: Vec<Wording>,
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
    /// The finding that was decided about, if this one was told in other words then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decided_as: Option<FindingId>,
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
        /// The finding that was decided about, if it was told in other words then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decided_as: Option<FindingId>,
    },
}

impl State {
    /// True if nothing has been decided that holds.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}
