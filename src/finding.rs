//! Raw findings, findings and the words for how bad, of what kind and where.
//! Plain values: who finds, checks, joins or shows them is the business of the rooms.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::diff::RepoPath;

/// How bad a problem is if the finding is true. Ordered: a later one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Worth a minute of the author; never blocks.
    Suggestion,
    /// A fair author would hold the merge for it; blocks by default.
    Important,
    /// One would withdraw a release that had it.
    Critical,
}

impl Severity {
    /// Every severity, worst first: the order of reports.
    pub(crate) const WORST_FIRST: [Self; 3] = [Self::Critical, Self::Important, Self::Suggestion];

    /// The word used in configuration, JSON and reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Suggestion => "suggestion",
            Self::Important => "important",
            Self::Critical => "critical",
        }
    }

    /// The letter that starts a position in a report, as in `I1`.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Suggestion => 'S',
            Self::Important => 'I',
            Self::Critical => 'C',
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What sort of problem a finding states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Introduced or exposed by the change.
    Regression,
    /// Something the change needs is missing.
    Gap,
    /// Works, could be better.
    Enhancement,
    /// Was there before the change; raw findings only, becomes a design observation.
    PreExisting,
}

/// An inclusive range of 1-based line numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct LineRange {
    /// First line, 1-based.
    pub(crate) start: u32,
    /// Last line, inclusive.
    pub(crate) end: u32,
}

/// A place a finding points at: a path in the reviewed tree and, if it was said, lines of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Location {
    /// The path as the agent gave it until grounding has resolved it.
    pub(crate) path: RepoPath,
    /// Lines in the head version of the file; `None` when only the file was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<LineRange>,
}

/// One finding as one agent stated it, before it is checked or joined with others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RawFinding {
    /// The agent that raised it.
    pub(crate) agent: String,
    /// The agent's own id for it, unique within its reply.
    pub(crate) id: String,
    /// Absent when the agent gave none (short comments).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) severity: Option<Severity>,
    /// Absent when the agent gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<Kind>,
    /// One line; empty for short comments.
    pub(crate) title: String,
    /// The places it names, the most important first.
    #[serde(default)]
    pub(crate) locations: Vec<Location>,
    /// Markdown: what is wrong, when it bites, how to mend it.
    #[serde(default)]
    pub(crate) body: String,
    /// Code quoted verbatim from the change, if the agent quoted any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quote: Option<String>,
    /// The rule it cites, if it leans on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// The input, state or timing that sets the problem off. Empty when a JSON answer left it
    /// empty, absent in Markdown, which is not asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trigger: Option<String>,
    /// The wrong result one can observe; empty and absent as for `trigger`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<String>,
    /// How far the agent went to convince itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Proof>,
    /// What it did not check and what would settle the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) doubt: Option<String>,
    /// The change it proposes, also part of `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
    /// The agent's own words that take the finding back later in the same reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) withdrawn: Option<String>,
}

/// How an agent convinced itself that its finding is true, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Proof {
    /// It ran something that shows the problem.
    Ran,
    /// It read the whole way from entry to outcome.
    Traced,
    /// The cited lines suffice.
    Local,
    /// It is not sure.
    Unsure,
}
