//! Raw findings, findings and the words for how bad, of what kind and where.
//! Plain values: who finds, checks, joins or shows them is the business of the rooms.
//!
//! - `voices`: who raised a finding, and what became of each voice
//! - `vendor`: whose model an agent is

mod vendor;
mod voices;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use vendor::vendor;
pub(crate) use voices::{
    Action, Checked, LeadWord, Member, Reconciliation, Stance, Voices, Wording,
};

use crate::diff::RepoPath;

/// The name of the built-in reviewer, whose findings are facts.
pub(crate) const RULES: &str = "rules";

/// How bad a problem is if the finding is true. Ordered: a later one is worse.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// Stands for the code it is about where the quote can't, because a secret is in it: the first
    /// 32 hexadecimal digits of a BLAKE3 over the rule's id and the matched line without trailing
    /// white space and line end, indentation kept (of a finding about the file itself, its path;
    /// of several lines, each in turn). Only the rules reviewer gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) anchor: Option<String>,
    /// A digest of the lines around the anchored one: what tells moved code from similar code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) around: Option<String>,
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

/// The stable short name of a finding: eight letters of `k` to `z`, so that it is never mistaken for
/// a commit id (hexadecimal) or for a position in a report (`I1`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct FindingId(String);

impl FindingId {
    /// How many letters it has.
    pub(crate) const LEN: usize = 8;

    /// The name of whatever these fields identify.
    pub(crate) fn of(fields: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 finding id 1");
        for field in fields {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        let letters = hasher.finalize().as_bytes()[..Self::LEN / 2]
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|nibble| char::from(b'z' - nibble))
            .collect();
        Self(letters)
    }

    /// The letters.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The code a finding is about, by content: a decision holds while this stays the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// Where it stood.
    pub(crate) path: RepoPath,
    /// A digest of the anchored lines: trailing white space and line ends don't count, indentation
    /// does.
    pub(crate) code: String,
    /// A digest of the lines around it; empty if there are none to tell by.
    #[serde(default)]
    pub(crate) around: String,
    /// Which of several equal places in the file this is, from 0.
    pub(crate) occurrence: u32,
    /// How many lines it has; 0 for a finding of the rules reviewer, and for one about the file as a
    /// whole, whose code is all of its text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) lines: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Anchor {
    /// True if both are the same code in the same file, whatever stands around it.
    pub(crate) fn same_place(&self, other: &Self) -> bool {
        self.path == other.path && self.same_code(other)
    }

    /// True if both are the same lines, wherever they stand.
    pub(crate) fn same_code(&self, other: &Self) -> bool {
        self.code == other.code && self.occurrence == other.occurrence
    }
}

/// A problem as the report states it, joined from the raw findings of all agents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The same in every run that finds the same problem in the same code.
    pub(crate) id: FindingId,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What sort of problem it is.
    pub(crate) kind: Kind,
    /// One line.
    pub(crate) title: String,
    /// What is wrong, when it bites, how to mend it.
    pub(crate) body: String,
    /// Where it stands, the anchored place first.
    pub(crate) locations: Vec<Location>,
    /// Who raised it.
    pub(crate) agents: Vec<String>,
    /// The rule it violates, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// The code as it was quoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quote: Option<String>,
    /// The commit that publishes it, when the head tree no longer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
    /// The code it is about.
    pub(crate) anchor: Anchor,
    /// Everyone who raised it.
    #[serde(flatten)]
    pub(crate) voices: Voices,
}

impl Finding {
    /// True if only agents raised it, whose word is no fact.
    pub(crate) fn is_opinion(&self) -> bool {
        !self.voices.members.is_empty() && self.voices.members.iter().all(|raw| raw.agent != RULES)
    }

    /// The raw finding in whose words it is told; the first, if the lead gave it words of its own.
    pub(crate) fn teller(&self) -> Option<&RawFinding> {
        let members = &self.voices.members;
        let teller = members
            .iter()
            .find(|raw| raw.title.trim() == self.title.trim());
        teller.or(members.first())
    }

    /// What it says, in the words of all who raised it.
    pub(crate) fn wordings(&self) -> Vec<Wording> {
        let own = Wording::new(&self.title, &self.body);
        let members = self.voices.members.iter();
        Wording::bounded(
            std::iter::once(own).chain(members.map(|raw| Wording::new(&raw.title, &raw.body))),
        )
    }
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
