//! Receipts: that an agent has read a unit, and what it found in it.
//! Plain values and the key they are remembered by; keeping them is left to `store`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diff::{RepoPath, UnitKey};
use crate::finding::{Anchor, RawFinding};
use crate::redact::REDACTION;

/// Which agent in which setting: everything about it that can change an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct AgentSpec {
    /// The name in configuration and reports, as in `rules`.
    pub(crate) name: String,
    /// How it is called: `builtin` for the rules reviewer, `builtin-history` for the part of it that
    /// also reads every new commit, `file` for a review that somebody handed in.
    pub(crate) kind: String,
    /// The requested model; for the rules reviewer the digest of the rules in force.
    pub(crate) model: String,
    /// The requested effort; empty if it has none.
    #[serde(default)]
    pub(crate) effort: String,
    /// Where it is reached; empty for local programs.
    #[serde(default)]
    pub(crate) endpoint: String,
}

/// What a receipt is remembered by: BLAKE3 over the unit key, the agent spec and the redaction
/// version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReceiptKey([u8; 32]);

impl ReceiptKey {
    /// The key of one agent's receipt for one unit.
    pub(crate) fn new(unit: &UnitKey, agent: &AgentSpec) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("deep-review 2026 receipt key 1");
        hasher.update(unit.as_bytes());
        for field in [
            &agent.name,
            &agent.kind,
            &agent.model,
            &agent.effort,
            &agent.endpoint,
        ] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field.as_bytes());
        }
        hasher.update(&REDACTION.to_le_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// Reads the 64 hexadecimal digits that `Display` wrote.
    pub(crate) fn from_hex(hex: &[u8]) -> Option<Self> {
        blake3::Hash::from_hex(hex)
            .ok()
            .map(|hash| Self(*hash.as_bytes()))
    }
}

impl fmt::Display for ReceiptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiptKey({self})")
    }
}

/// One agent has read one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// The patch that was read.
    pub(crate) unit: UnitKey,
    /// Who read it.
    pub(crate) agent: AgentSpec,
    /// Where the patch stood then; for people, not keyed.
    pub(crate) path: RepoPath,
    /// Where the hunks of the patch began in the head version then: line numbers are not keyed, so
    /// they may have moved since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) hunks: Vec<u32>,
    /// When it was read.
    pub(crate) at: Timestamp,
    /// The version of this program that asked.
    pub(crate) program: String,
    /// What it raised about this unit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<RawFinding>,
    /// For a reply in one piece: a review that was handed in, or an agent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) handed_in: Option<HandedIn>,
    /// For an agent that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<Asked>,
}

/// What an agent had been told when it read a unit: recorded, not keyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The version of the brief.
    pub(crate) prompt: String,
    /// A digest of the rules and prose for reviewers that apply to the unit.
    pub(crate) context: String,
    /// The commit or tree it was compared with.
    pub(crate) base: String,
    /// The reviewed commit, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Option<String>,
    /// The model that answered, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
}

impl Asked {
    /// True if it would be told something else today.
    pub(crate) fn is_stale(&self, prompt: &str, context: &str) -> bool {
        self.prompt != prompt || self.context != context
    }
}

/// What a receipt of a review that was handed in also says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandedIn {
    /// A digest of the reply; receipts with the same one are of one reply.
    pub(crate) reply: String,
    /// False if the reply does not say that it read the unit: then a finding in it is all that shows
    /// it.
    pub(crate) accounted: bool,
    /// The code of its findings by their ids, as far as the change has such code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) anchors: BTreeMap<String, Anchor>,
}

impl Receipt {
    /// The key it is remembered by.
    pub(crate) fn key(&self) -> ReceiptKey {
        ReceiptKey::new(&self.unit, &self.agent)
    }
}

impl AgentSpec {
    /// An agent of which a review was handed in.
    pub(crate) fn of_file(agent: &str) -> Self {
        Self {
            name: agent.to_owned(),
            kind: "file".to_owned(),
            model: String::new(),
            effort: String::new(),
            endpoint: String::new(),
        }
    }

    /// True for the agent of a review that was handed in.
    pub(crate) fn is_of_file(&self) -> bool {
        self.kind == "file"
    }
}
