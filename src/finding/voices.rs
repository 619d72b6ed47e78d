//! Who raised a finding, in which words, and what became of each voice on the way.
//! Plain values: joining voices is left to `consolidate`, checking them to `ground`.

use serde::{Deserialize, Serialize};

use super::{RawFinding, Severity};

/// Names one raw finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Member {
    /// The agent that raised it.
    pub(crate) agent: String,
    /// The agent's id for it.
    pub(crate) id: String,
}

impl Member {
    /// The name of a raw finding.
    pub(crate) fn of(raw: &RawFinding) -> Self {
        Self {
            agent: raw.agent.clone(),
            id: raw.id.clone(),
        }
    }
}

/// What happened to a raw finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Several became one.
    Merged,
    /// It counts for more than its agent said.
    Raised,
    /// It counts for less than its agent said.
    Downgraded,
    /// It joined without a vote.
    Joined,
    /// It was taken out of a finding of several.
    Parted,
}

/// One line of the reconciliation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reconciliation {
    /// What was done.
    pub(crate) action: Action,
    /// To whom.
    pub(crate) members: Vec<Member>,
    /// The agent's severity, when it was raised or downgraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Severity>,
    /// The severity it got instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<Severity>,
    /// Why.
    pub(crate) reason: String,
}

/// What checking one raw finding against the code gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// The agent that raised it.
    pub(crate) agent: String,
    /// The agent's id for it.
    pub(crate) id: String,
    /// What is worth telling people; nothing when all is as it should be.
    pub(crate) sentences: Vec<String>,
    /// True if the code bears it out far enough to block.
    pub(crate) supported: bool,
}

/// Everyone who raised a finding. Empty for a finding that the rules reviewer alone raised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Voices {
    /// The raw findings it was joined from, by agent and id, with their places as the code has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<RawFinding>,
    /// What checking them gave, in the same order; facts of the rules reviewer need no check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) evidence: Vec<Checked>,
    /// How likely it is, 0 to 1, that all members speak of one problem; absent for one voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confidence: Option<f64>,
    /// The rule that gave its severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why_severity: Option<String>,
    /// What happened to its members on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reconciliation: Vec<Reconciliation>,
    /// What the lead says about it, if it was asked and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lead: Option<LeadWord>,
}

/// What the lead says about a finding, and whether that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeadWord {
    /// The agent that led.
    pub(crate) agent: String,
    /// What came of its word.
    pub(crate) stance: Stance,
    /// What it wants, in words that follow "would", as in "drop it"; empty where it is content.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) wants: String,
    /// Why, in its own words; one line.
    pub(crate) reason: String,
}

/// What came of the lead's word about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stance {
    /// It agrees, and the code it quotes stands there.
    Confirmed,
    /// It agrees, or could not settle it.
    Kept,
    /// It calls the finding less severe, and that counts.
    Downgraded,
    /// It calls the finding more severe, as one of those who raised it does.
    Raised,
    /// It disagrees, and its word alone is not enough: the finding stands.
    Contested,
    /// It raised the finding itself, and nobody has checked that.
    Added,
}

/// One wording of a finding, as decisions keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wording {
    /// One line; empty for short comments.
    pub(crate) title: String,
    /// Markdown, cut when it is long.
    pub(crate) body: String,
}

/// How many wordings of one finding a decision keeps.
const WORDINGS: usize = 12;
/// How much of a text a decision keeps, in bytes: the first paragraphs say what a finding is.
const WORDING_BYTES: usize = 4096;

impl Wording {
    /// A wording within bounds.
    pub(crate) fn new(title: &str, body: &str) -> Self {
        Self {
            title: cut(title).to_owned(),
            body: cut(body).to_owned(),
        }
    }

    /// The first wordings, each once.
    pub(super) fn bounded(all: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut kept: Vec<Self> = Vec::new();
        for wording in all {
            if kept.len() < WORDINGS && !kept.contains(&wording) {
                kept.push(wording);
            }
        }
        kept
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(WORDING_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_decision_keeps_is_bounded() {
        let long = "ü".repeat(WORDING_BYTES);
        let wording = Wording::new(&long, "b");
        assert!(wording.title.len() <= WORDING_BYTES && wording.title.len() > WORDING_BYTES - 2);
        let many = (0..100).map(|n| Wording::new(&(n % 50).to_string(), ""));
        assert_eq!(Wording::bounded(many).len(), WORDINGS);
        let twice = [Wording::new("a", "b"), Wording::new("a", "b")];
        assert_eq!(Wording::bounded(twice).len(), 1);
    }
}
