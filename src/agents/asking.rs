//! One question to one agent, what it announces on the way, and what came of it.
//! Plain values: how an agent is reached is left to the files for its kind.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one agent is asked, once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// The brief: the very bytes that are to reach the model.
    pub(crate) text: &'a str,
    /// How many of its first bytes are the same for every brief of this version: what a vendor may
    /// cache.
    pub(crate) static_prefix: usize,
    /// The JSON schema of the answer, for agents that can be held to one.
    pub(crate) schema: Option<&'a str>,
    /// The snapshot: the directory it works in.
    pub(crate) snapshot: &'a Path,
    /// A private directory of this agent in this run, beside the snapshot, for files that are given to
    /// it and its temporary ones.
    pub(crate) home: &'a Path,
    /// The ids of the reviewed commit and of the one it is compared with, as the snapshot's own repository
    /// has them, the latter empty if there is none; for agents that get our tools.
    pub(crate) commits: (&'a str, &'a str),
    /// What marks the boundary around everything that comes from the repository: random, in the brief as
    /// in the results of our tools, and nowhere in the repository.
    pub(crate) nonce: &'a str,
    /// How long it may take in all.
    pub(crate) total: Duration,
    /// How long it may be silent.
    pub(crate) idle: Duration,
    /// Who is told meanwhile what it takes; `None` for what no limit is on.
    pub(crate) meter: Option<&'a dyn Meter>,
}

/// Told what a question takes while its agent works, so that a limit holds before it is over.
pub(crate) trait Meter: std::fmt::Debug + Sync {
    /// Takes in what the question has taken so far, and sets `next` tokens aside for what it goes on with.
    /// Gives how many tokens are left besides; or says which limit would not be kept.
    fn take(&self, so_far: Taken, next: u64) -> Result<u64, String>;
}

/// Tokens as limits count them. An agent is given the same conversation at every turn, and what comes from a
/// cache costs a tenth with the vendors that have one: it counts a tenth.
pub(crate) fn counted(input: u64, cached: u64, output: u64) -> u64 {
    let fresh = input.saturating_sub(cached);
    fresh.saturating_add(cached / 10).saturating_add(output)
}

/// What a question has taken so far: as its vendor reports, and estimated where it reports nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Taken {
    /// Tokens in and out, as [`counted`].
    pub(crate) tokens: u64,
    /// US dollars.
    pub(crate) cost: f64,
}

/// What an agent announces while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has started, with this model if it says so.
    Started {
        /// The model that answers.
        model: Option<String>,
    },
    /// It uses a tool.
    Tool {
        /// By its own name.
        name: String,
    },
    /// How many tokens went in and came out so far.
    Tokens {
        /// In, those from a cache included.
        input: u64,
        /// Those of them that came from a cache.
        cached: u64,
        /// Out.
        output: u64,
    },
    /// Its vendor refused, and it tries again.
    Retrying {
        /// In the vendor's words.
        why: String,
    },
}

/// What asking took. Unknown is `None`, never zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spent {
    /// The model that really answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Wall clock, in milliseconds.
    #[serde(default)]
    pub(crate) millis: u64,
    /// Tool calls by name; a lower bound for agents that don't announce all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tools: BTreeMap<String, u64>,
    /// Tokens in, those from a cache included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<u64>,
    /// Those of them that came from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cached: Option<u64>,
    /// Tokens out, thinking included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<u64>,
    /// In US dollars, as the agent reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<f64>,
}

impl Spent {
    /// Adds what another question to the same agent took. What is known of one only is not forgotten:
    /// then the sum is a lower bound.
    pub(crate) fn add(&mut self, other: &Self) {
        fn sum<T: std::ops::Add<Output = T>>(one: Option<T>, other: Option<T>) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(one + other),
                (one, other) => one.or(other),
            }
        }
        if other.model.is_some() {
            self.model.clone_from(&other.model);
        }
        self.millis += other.millis;
        for (tool, calls) in &other.tools {
            *self.tools.entry(tool.clone()).or_default() += calls;
        }
        self.input = sum(self.input, other.input);
        self.cached = sum(self.cached, other.cached);
        self.output = sum(self.output, other.output);
        self.cost = sum(self.cost, other.cost);
    }
}

/// An agent answered. Whether the answer is a review is for the parser to say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// Its last words: JSON by the schema if it kept to one, else text.
    pub(crate) text: String,
    /// Everything it printed, for the raw review.
    pub(crate) transcript: Vec<u8>,
    /// What it took.
    pub(crate) spent: Spent,
}

/// Why an agent gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FailureKind {
    /// Its program is not there.
    Missing,
    /// Its program is older than what was tried.
    TooOld,
    /// No key, no login, or one that the vendor refuses.
    NotLoggedIn,
    /// The vendor refuses the request.
    Refused,
    /// Too many requests, or a quota is used up.
    RateLimited,
    /// The vendor can't answer at present.
    Unavailable,
    /// It took longer than it may.
    TimedOut,
    /// It was silent for too long.
    Stalled,
    /// It ended without an answer.
    NoAnswer,
    /// It said more than it may.
    TooMuch,
    /// The answer was cut off at the vendor's limit.
    CutOff,
    /// It declined to answer.
    Declined,
    /// It changed what it may only read.
    Tampered,
    /// It had, or used, more than it may: another tool, a server of somebody else's.
    Unconfined,
    /// The user interrupted it.
    Interrupted,
    /// A limit on time, tokens or money was spent before it was asked or had answered.
    OverBudget,
}

/// An agent did not answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    /// What sort of failure.
    pub(crate) kind: FailureKind,
    /// Why, in the vendor's own words where there are any; one line, without keys.
    pub(crate) why: String,
    /// What it said all the same.
    pub(crate) transcript: Vec<u8>,
    /// What it took.
    pub(crate) spent: Spent,
}
