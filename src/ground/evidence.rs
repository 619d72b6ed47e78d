//! What grounding finds out about a finding, whether that suffices to block, and the sentences that
//! tell it to people. Finding it out is left to the rest of `ground`.

use serde::{Deserialize, Serialize};

use crate::finding::{Kind, LineRange, Location};

pub(crate) use super::paths::PathEvidence;
pub(crate) use super::touch::Touch;

/// Whether the lines an agent cited are lines of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LinesEvidence {
    /// They are.
    Within,
    /// They end behind the last line and were cut there.
    Clamped,
    /// They start behind the last line.
    Beyond,
    /// None were cited, or the file has no text to compare with.
    NotGiven,
}

/// Whether quoted code stands where it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub(crate) enum QuoteEvidence {
    /// At the cited lines, or in the file when no lines were cited.
    Found {
        /// Where, in the head text.
        lines: LineRange,
    },
    /// In the file, at other lines.
    Moved {
        /// Where, in the head text.
        lines: LineRange,
        /// How many lines lower (higher if negative) than cited.
        by: i64,
    },
    /// In the file, with other white space.
    WhitespaceDiffers {
        /// Where, in the head text.
        lines: LineRange,
    },
    /// Only in the text before the change.
    OnlyInBase {
        /// Where, in the base text.
        lines: LineRange,
    },
    /// Nowhere in the files the finding names.
    Absent,
    /// None, or too little to prove anything.
    NotGiven,
}

/// Whether the claimed kind fits what the change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub(crate) enum KindEvidence {
    /// It does.
    Fits {
        /// The kind.
        kind: Kind,
    },
    /// It does not; the finding is treated as another kind.
    TreatedAs {
        /// What the agent said.
        said: Kind,
        /// What it is treated as.
        kind: Kind,
    },
    /// The agent named none.
    NotSaid,
}

/// Whether the cited rule exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RuleEvidence {
    /// The agents were given it.
    Known,
    /// They were not.
    Unknown,
    /// None was cited.
    NotCited,
}

/// What was found out about one place of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlaceEvidence {
    /// What the path means.
    pub(crate) path: PathEvidence,
    /// Whether the lines exist.
    pub(crate) lines: LinesEvidence,
    /// What it has to do with the change.
    pub(crate) touches: Touch,
    /// The place with its path resolved and its lines clamped, if there is such a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<Location>,
}

/// What was found out about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// One entry per place of the finding, in its order.
    pub(crate) places: Vec<PlaceEvidence>,
    /// About the quoted code.
    pub(crate) quote: QuoteEvidence,
    /// The nearest that any place, or the quoted code, comes to the change.
    pub(crate) touches: Touch,
    /// About the claimed kind.
    pub(crate) kind: KindEvidence,
    /// About the cited rule.
    pub(crate) rule: RuleEvidence,
    /// A JSON answer that lacks the quote its brief asks for has no proof; Markdown is not asked.
    pub(crate) quote_owed: bool,
    /// False for a JSON answer without trigger or outcome: nobody can tell when it bites.
    pub(crate) scoped: bool,
}

impl Evidence {
    /// True when the finding may block: there is such a place, the quoted code is (or was) there
    /// or need not be quoted, it has to do with the change, its rule exists, and it says when it
    /// bites.
    pub(crate) fn supported(&self) -> bool {
        let quoted = match self.quote {
            QuoteEvidence::Found { .. }
            | QuoteEvidence::Moved { .. }
            | QuoteEvidence::WhitespaceDiffers { .. } => true,
            QuoteEvidence::OnlyInBase { .. } => self.touches >= Touch::RemovedLine,
            // Excerpts in Markdown are often shortened or show something else: cited lines in a
            // changed hunk are proof enough there.
            QuoteEvidence::Absent | QuoteEvidence::NotGiven => {
                !self.quote_owed && self.cites_changed_hunk()
            }
        };
        let concerns_change = match self.treated_as() {
            Some(Kind::PreExisting) => false,
            Some(_) => true,
            None => self.touches >= Touch::ChangedFile,
        };
        quoted && concerns_change && self.scoped && self.rule != RuleEvidence::Unknown
    }

    /// The kind the finding has for the gate, if it has one.
    pub(crate) fn treated_as(&self) -> Option<Kind> {
        match self.kind {
            KindEvidence::Fits { kind } | KindEvidence::TreatedAs { kind, .. } => Some(kind),
            KindEvidence::NotSaid => None,
        }
    }

    fn cites_changed_hunk(&self) -> bool {
        self.places.iter().any(|place| {
            let lines = place.place.as_ref().and_then(|place| place.lines);
            place.touches >= Touch::NearChange && lines.is_some()
        })
    }

    /// What is worth telling people, one short sentence each; nothing when all is as it should be.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.places.is_empty() {
            said.push("names no place".to_owned());
        }
        for place in &self.places {
            said.extend(place.sentences());
        }
        match self.quote {
            QuoteEvidence::Moved { by, .. } => {
                let lines = by.unsigned_abs();
                let noun = if lines == 1 { "line" } else { "lines" };
                let way = if by < 0 { "higher" } else { "lower" };
                said.push(format!("quoted code found {lines} {noun} {way}"));
            }
            QuoteEvidence::WhitespaceDiffers { .. } => {
                said.push("quoted code found with other white space".to_owned());
            }
            QuoteEvidence::OnlyInBase { .. } => {
                said.push("quoted code stood there before this change only".to_owned());
            }
            QuoteEvidence::Absent => said.push("quoted code not found".to_owned()),
            QuoteEvidence::NotGiven if self.quote_owed => said.push("quotes no code".to_owned()),
            QuoteEvidence::Found { .. } | QuoteEvidence::NotGiven => {}
        }
        match self.touches {
            Touch::Nothing | Touch::RemovedLine | Touch::AddedLine => {}
            Touch::NearChange => said.push("line next to a changed one".to_owned()),
            Touch::ChangedFile => said.push("line not touched by this change".to_owned()),
            Touch::UntouchedFile => said.push("file not touched by this change".to_owned()),
        }
        if let KindEvidence::TreatedAs {
            said: claimed,
            kind,
        } = self.kind
        {
            let (claimed, kind) = (kind_name(claimed), kind_name(kind));
            said.push(format!("called {claimed}, treated as {kind}"));
        }
        if self.rule == RuleEvidence::Unknown {
            said.push("cites a rule that does not exist".to_owned());
        }
        if !self.scoped {
            said.push("does not say when it bites and what then goes wrong".to_owned());
        }
        said
    }
}

impl PlaceEvidence {
    fn sentences(&self) -> Vec<String> {
        let path = match &self.path {
            PathEvidence::Absent => Some("no such path".to_owned()),
            PathEvidence::Ambiguous => Some("path could be several files".to_owned()),
            PathEvidence::Deleted => Some("file deleted by this change".to_owned()),
            PathEvidence::Resolved { from } => {
                Some(format!("path given as `{}`", from.to_quoted()))
            }
            PathEvidence::Exact | PathEvidence::Directory => None,
        };
        let lines = match self.lines {
            LinesEvidence::Clamped => Some("cited lines reach past the end of the file".to_owned()),
            LinesEvidence::Beyond => Some("cited lines are past the end of the file".to_owned()),
            LinesEvidence::Within | LinesEvidence::NotGiven => None,
        };
        path.into_iter().chain(lines).collect()
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Regression => "a regression",
        Kind::Gap => "a gap",
        Kind::Enhancement => "an enhancement",
        Kind::PreExisting => "pre-existing",
    }
}
