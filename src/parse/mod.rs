//! Turns what an agent replied into typed raw findings, or says why that can't be done.
//! Checking them against the code is left to `ground`, joining them to `consolidate`.
//!
//! - `json`: the strict answer our brief asks for
//! - `markdown`: the review in prose that agents write otherwise, from
//!   `lines` → `sections` (by `heading`) → `findings` (by `head`, `lead`, `label`, `location`, `link`) → `body`
//! - `coverage`: what the agent says it did with each file
//! - `failure`: replies that are no review
//! - `verdicts`: what the lead says about clusters, and its prose for the report

mod body;
mod coverage;
mod failure;
mod findings;
mod head;
mod heading;
mod json;
mod label;
mod lead;
mod lines;
mod link;
mod location;
mod markdown;
mod sections;
pub(crate) mod verdicts;

#[cfg(test)]
mod replies;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::finding::{RawFinding, Severity};

/// Whether a reply is an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub(crate) enum Status {
    /// An answer with findings.
    Ok,
    /// An answer that says there are none.
    None,
    /// No answer: empty, refused, cut off or not to be understood. Findings that could be read
    /// all the same are kept, for people; the agent has not answered.
    Failed {
        /// What is wrong with it, for people.
        why: String,
    },
}

/// The parts of a review that are not findings, as Markdown; empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sections {
    /// What the change does.
    pub(crate) summary: String,
    /// Design observations.
    pub(crate) design: String,
    /// What was tested and what is not.
    pub(crate) testing: String,
    /// Documentation gaps.
    pub(crate) documentation: String,
    /// Commit structure.
    pub(crate) commits: String,
    /// Limitations the author states.
    pub(crate) acknowledged: String,
    /// What became of earlier findings, in the agent's words.
    pub(crate) prior: String,
    /// Open comments of people.
    pub(crate) unresolved: String,
    /// One line per file.
    pub(crate) coverage: String,
    /// The agent's own recommendation.
    pub(crate) verdict: String,
    /// Proposals for rules and prompts.
    pub(crate) proposals: String,
}

/// What an agent says it did with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnitState {
    /// Read wholly.
    Reviewed,
    /// Read in part.
    Partly,
    /// Not read.
    Not,
}

/// One agent's word about one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnitReport {
    /// The id of the unit in a JSON answer, the path as written in a Markdown one.
    pub(crate) unit: String,
    /// What it says it did.
    pub(crate) state: UnitState,
    /// One changed line of the unit, verbatim; empty in Markdown.
    pub(crate) echo: String,
    /// What it opened for it, or the cell of the Markdown table.
    pub(crate) looked: String,
}

/// What an agent says became of an earlier finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PriorVerdict {
    /// The id the finding had in the brief.
    pub(crate) id: String,
    /// Its word.
    pub(crate) state: PriorState,
    /// The code that decides.
    pub(crate) quote: String,
    /// A remark.
    pub(crate) note: String,
}

/// The words for what became of an earlier finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PriorState {
    /// Gone.
    Closed,
    /// Gone in part.
    Partly,
    /// Still there.
    Open,
    /// Can't tell.
    Unclear,
}

/// An item of a reply that could not be taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rejected {
    /// Where it stands, as `findings[2]` or the name of a section.
    pub(crate) place: String,
    /// What is wrong with it.
    pub(crate) why: String,
}

/// A reply, read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParsedReview {
    /// Whether it is an answer.
    #[serde(flatten)]
    pub(crate) status: Status,
    /// The id of the brief a JSON answer says it answers; the caller compares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) review: Option<String>,
    /// The findings in the order of the reply; `agent` is left empty for the caller.
    pub(crate) findings: Vec<RawFinding>,
    /// Everything else that was said.
    pub(crate) sections: Sections,
    /// What the agent says it did with each unit.
    pub(crate) units: Vec<UnitReport>,
    /// Verdicts about earlier findings (JSON answers only).
    pub(crate) prior: Vec<PriorVerdict>,
    /// Refused tools, unreadable files and the like, in the agent's words.
    pub(crate) trouble: Vec<String>,
    /// What could not be taken.
    pub(crate) rejected: Vec<Rejected>,
}

impl ParsedReview {
    fn empty(status: Status) -> Self {
        Self {
            status,
            review: None,
            findings: Vec::new(),
            sections: Sections::default(),
            units: Vec::new(),
            prior: Vec::new(),
            trouble: Vec::new(),
            rejected: Vec::new(),
        }
    }
}

/// How a report of ours in Markdown begins.
const REPORT: &str = "# Deep Review: ";

/// Reads a reply: the last JSON object that is an answer, else the Markdown review. Never fails
/// and never makes up text: every title stands in the reply, apart from its markup.
pub(crate) fn parse(reply: &str) -> ParsedReview {
    if let Some(why) = failure::not_said(reply) {
        return ParsedReview::empty(Status::Failed { why });
    }
    if reply.trim_start().starts_with(REPORT) {
        // A whole report; the answers in its appendix are what it was made from.
        return markdown::parse(reply);
    }
    match json::parse(reply) {
        json::Outcome::Answer(review) => *review,
        json::Outcome::NoJson => markdown::parse(reply),
        json::Outcome::Broken(why) => {
            let review = markdown::parse(reply);
            match review.status {
                Status::Failed { .. } => ParsedReview {
                    status: Status::Failed { why },
                    ..review
                },
                _ => review,
            }
        }
    }
}

/// Gives every finding an id that is unique in its reply: its own, or severity and position.
fn number(findings: &mut [RawFinding]) {
    let mut taken = BTreeSet::new();
    let mut copies: BTreeMap<String, u32> = BTreeMap::new();
    let mut counts = [0_u32; 4];
    for finding in findings {
        let letter = finding.severity.map_or('F', Severity::letter);
        let count = &mut counts[finding.severity.map_or(3, |severity| severity as usize)];
        *count += 1;
        if finding.id.is_empty() {
            finding.id = format!("{letter}{count}");
        }
        let mut id = finding.id.clone();
        while !taken.insert(id.clone()) {
            let copy = copies.entry(finding.id.clone()).or_insert(1);
            *copy += 1;
            id = format!("{}-{copy}", finding.id);
        }
        finding.id = id;
    }
}
