//! How far a panel has come: one seat per agent and part of a change, as plain values.
//! Drawing it is `ui`'s; a run in the background writes it down for whoever waits.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agents::Event;

/// All seats of a running panel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// In the order in which they are shown.
    pub(crate) seats: Vec<Seat>,
}

/// One agent, or one of several parts of a large change given to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// The agent.
    pub(crate) agent: String,
    /// Which part of how many, if there are several.
    pub(crate) part: Option<(usize, usize)>,
    /// How many units it reads.
    pub(crate) units: usize,
    /// What it does.
    pub(crate) state: SeatState,
    /// Since when it works, or when it ended.
    pub(crate) started: Option<Timestamp>,
    /// How many tools it has used.
    pub(crate) tools: u64,
    /// Tokens, in and out.
    pub(crate) tokens: u64,
}

/// What an agent does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SeatState {
    /// It has not started.
    Waiting,
    /// It reads; with what it does just now.
    Reading(String),
    /// It is asked again for what it left out.
    AskedAgain,
    /// It answered.
    Answered {
        /// Raw findings.
        findings: usize,
        /// Units that it left out.
        #[serde(default)]
        left_out: usize,
        /// Wall clock.
        millis: u64,
    },
    /// It gave no answer.
    Failed {
        /// Why.
        why: String,
        /// Wall clock.
        millis: u64,
    },
}

impl Seat {
    /// The agent, with its part if there are several.
    pub(crate) fn name(&self) -> String {
        match self.part {
            Some((part, of)) => format!("{} {part}/{of}", self.agent),
            None => self.agent.clone(),
        }
    }

    /// True if nothing more will come.
    pub(crate) fn is_done(&self) -> bool {
        matches!(
            self.state,
            SeatState::Answered { .. } | SeatState::Failed { .. }
        )
    }

    /// Takes in what the agent announced.
    pub(crate) fn hear(&mut self, event: &Event) {
        match event {
            Event::Started { model } => {
                let doing = model.clone().unwrap_or_else(|| "reading".to_owned());
                self.state = SeatState::Reading(doing);
            }
            Event::Tool { name } => {
                self.tools += 1;
                self.state = SeatState::Reading(name.clone());
            }
            Event::Tokens { input, output, .. } => self.tokens = input + output,
            Event::Retrying { why } => {
                self.state = SeatState::Reading(format!("trying again: {why}"));
            }
        }
    }
}

/// Who is told how far a panel has come.
pub(crate) trait Listener: Sync {
    /// A seat has changed; `at` is its index.
    fn changed(&self, progress: &Progress, at: usize);

    /// So much of what a change consists of has been read before anybody is asked, as in 3 of 10
    /// `new commits`; the last time everything.
    fn read(&self, what: &'static str, done: usize, of: usize) {
        let _ = (what, done, of);
    }
}

/// Nobody is told.
pub(crate) struct Unheard;

impl Listener for Unheard {
    fn changed(&self, _: &Progress, _: usize) {}
}
