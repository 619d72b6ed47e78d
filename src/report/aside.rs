//! What raw findings came to that are no findings: every one is shown somewhere.
//! Plain values of the report; deciding it is left to `consolidate`.

use serde::{Deserialize, Serialize};

use crate::finding::{Checked, FindingId, Location, Member, RawFinding};
use crate::parse::verdicts::MoveTo;

/// What was there before the change: worth knowing, and not the change's to mend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Observation {
    /// One line.
    pub(crate) title: String,
    /// What is wrong.
    pub(crate) body: String,
    /// Where it stands.
    pub(crate) locations: Vec<Location>,
    /// The raw findings that state it.
    pub(crate) members: Vec<RawFinding>,
    /// What checking them gave, in the same order.
    pub(crate) evidence: Vec<Checked>,
}

/// A problem that the lead moved out of the findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moved {
    /// Where it belongs.
    pub(crate) place: MoveTo,
    /// Why.
    pub(crate) reason: String,
    /// One line.
    pub(crate) title: String,
    /// What is wrong.
    pub(crate) body: String,
    /// Where it stands.
    pub(crate) locations: Vec<Location>,
    /// The raw findings that state it.
    pub(crate) members: Vec<RawFinding>,
    /// What checking them gave, in the same order.
    pub(crate) evidence: Vec<Checked>,
}

/// Raw findings that count for nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// Which.
    pub(crate) members: Vec<RawFinding>,
    /// Why.
    pub(crate) reason: String,
}

/// Two findings that stay apart though they may be the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MaybeSame {
    /// The raw findings that tell them.
    pub(crate) members: [Member; 2],
    /// The findings; what is an observation has no name.
    pub(crate) findings: [Option<FindingId>; 2],
    /// How likely, 0 to 1.
    pub(crate) p: f64,
    /// The shared words that count most.
    pub(crate) shared: Vec<String>,
}

/// An agent whose reply is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedAgent {
    /// Its name.
    pub(crate) agent: String,
    /// What is wrong with the reply.
    pub(crate) why: String,
}

/// An agent of the panel that has not read everything, although enough others have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MissingAgent {
    /// Its name.
    pub(crate) agent: String,
    /// How many units it has not read.
    pub(crate) units: usize,
    /// Why.
    pub(crate) why: String,
}
