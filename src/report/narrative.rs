//! The lead's prose for a report: words only, around facts that the program computes.
//! Plain values of the report; asking for it is left to the pipeline.

use serde::{Deserialize, Serialize};

use crate::parse::verdicts::{
    AgentNote, CommitNote, DesignNote, DocNote, LeadNarrative, Limitation, Proposal, TestNote,
};

/// What the lead wrote. Everything it refers to is in the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Narrative {
    /// The agent that wrote it.
    pub(crate) agent: String,
    /// What the change does and what matters in it.
    pub(crate) summary: String,
    /// Design observations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) design: Vec<DesignNote>,
    /// What is untested, the riskiest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tests: Vec<TestNote>,
    /// Statements that are false now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) docs: Vec<DocNote>,
    /// A line per commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) commits: Vec<CommitNote>,
    /// What the author's own text admits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) limitations: Vec<Limitation>,
    /// A paragraph per agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) agents: Vec<AgentNote>,
    /// Rules and advice that would have helped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) proposals: Vec<Proposal>,
}

/// More items of one sort than these are noise.
const MOST: usize = 50;
/// More proposals than these are not read by anybody.
const MOST_PROPOSALS: usize = 3;

impl Narrative {
    /// What an answer comes to, within bounds.
    pub(crate) fn of(agent: &str, read: LeadNarrative) -> Self {
        fn first<T>(mut items: Vec<T>, most: usize) -> Vec<T> {
            items.truncate(most);
            items
        }
        Self {
            agent: agent.to_owned(),
            summary: read.summary,
            design: first(read.design, MOST),
            tests: first(read.tests, MOST),
            docs: first(read.docs, MOST),
            commits: first(read.commits, MOST),
            limitations: first(read.limitations, MOST),
            agents: first(read.agents, MOST),
            proposals: first(read.proposals, MOST_PROPOSALS),
        }
    }
}
